//! The names of the people in a conversation, on the screen.

use secondme_avatar::{Author, visible};

/// The names, as the service gives them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    avatar: String,
    owner: String,
}

impl Default for Names {
    fn default() -> Self {
        Self::of("")
    }
}

impl Names {
    /// The service names the avatar but not its owner. If the avatar is "Ada's avatar", the owner is Ada.
    pub(crate) fn of(avatar: &str) -> Self {
        let avatar: String = visible(avatar).chars().filter(|letter| !letter.is_control()).collect();
        let avatar = avatar.trim();
        let owner = ["'s avatar", "’s avatar", "'s Avatar", "’s Avatar", "的分身"]
            .iter()
            .find_map(|end| avatar.strip_suffix(end))
            .filter(|owner| !owner.is_empty());
        Self {
            avatar: if avatar.is_empty() { "The avatar".to_owned() } else { avatar.to_owned() },
            owner: owner.unwrap_or("The owner").to_owned(),
        }
    }

    pub(crate) fn avatar(&self) -> &str {
        &self.avatar
    }

    pub(crate) fn owner(&self) -> &str {
        &self.owner
    }

    /// The label before what a person says.
    pub(crate) fn label(&self, author: Author) -> String {
        match author {
            Author::Avatar => self.avatar.clone(),
            Author::Owner => format!("{}, in person", self.owner),
            Author::Visitor => "You".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_is_named_after_the_avatar_where_that_says_who() {
        assert_eq!(Names::of("Ada's avatar").label(Author::Owner), "Ada, in person");
        assert_eq!(Names::of("My Assistant").label(Author::Owner), "The owner, in person");
        assert_eq!(Names::of("").label(Author::Avatar), "The avatar");
        assert_eq!(Names::of("\x1b[2JMy\n").label(Author::Avatar), "\\u{1b}[2JMy");
    }
}
