//! The two doors: the APIs by which the service can be reached, and where they differ.

use std::fmt;
use std::str::FromStr;

/// One of the two APIs by which the service can be reached.
///
/// ```
/// use secondme_avatar_protocol::Door;
///
/// assert_eq!(Door::VisitorChat.to_string(), "visitor-chat");
/// assert_eq!("avatar-open-api".parse(), Ok(Door::AvatarOpenApi));
/// assert!("side-door".parse::<Door>().is_err());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Door {
    /// The Avatar Open API: an avatar's API key alone, from anywhere.
    #[default]
    AvatarOpenApi,
    /// Visitor Chat: an app that is registered with the service speaks for its visitors, or a user speaks for
    /// themselves.
    VisitorChat,
}

/// The text is not the name of a door.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no such door: write `avatar-open-api` or `visitor-chat`")]
pub struct InvalidDoor;

impl Door {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::AvatarOpenApi, Self::VisitorChat];

    /// The door's name, the same in every language.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AvatarOpenApi => "avatar-open-api",
            Self::VisitorChat => "visitor-chat",
        }
    }
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Door {
    type Err = InvalidDoor;

    fn from_str(text: &str) -> Result<Self, InvalidDoor> {
        Self::ALL.into_iter().find(|door| door.name() == text).ok_or(InvalidDoor)
    }
}
