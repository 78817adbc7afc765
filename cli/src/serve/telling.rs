//! A reply as a program shows it: one text, in which a person is told from the avatar.

use super::turn::{Earlier, Said, Voice};

/// Turns what is said into the text that a client gets.
#[derive(Debug, Default)]
pub(super) struct Telling {
    last: Option<Voice>,
}

/// The next piece of the text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) text: String,
    /// The owner in person says this.
    pub(super) by_owner: bool,
}

impl Telling {
    /// `name` is the avatar's.
    pub(super) fn tell(&mut self, said: Said, name: &str) -> Told {
        let Said { voice, text } = said;
        let by_owner = matches!(voice, Voice::Owner | Voice::Earlier(Earlier::Owner));
        if self.last == Some(voice) {
            return Told { text, by_owner };
        }
        let between = if self.last.is_some() { "\n\n" } else { "" };
        let head = self.head(voice, owner(name));
        self.last = Some(voice);
        Told { text: format!("{between}{head}{text}"), by_owner }
    }

    /// The line above what is said.
    fn head(&self, voice: Voice, owner: &str) -> String {
        match voice {
            Voice::Owner => format!("— **{owner}, in person:**\n\n"),
            Voice::Earlier(Earlier::Owner) => format!("— **{owner}, in person, before this question:**\n\n"),
            Voice::Earlier(Earlier::Avatar) => "— **Said before this question:**\n\n".to_owned(),
            // Only where the words could be taken for a person's is the avatar named.
            Voice::Avatar if matches!(self.last, Some(Voice::Owner | Voice::Earlier(_))) => {
                "— **The avatar:**\n\n".to_owned()
            }
            Voice::Avatar | Voice::Gateway => String::new(),
        }
    }
}

/// The owner's name: the avatar has it.
pub(super) fn owner(name: &str) -> &str {
    if name.is_empty() { "The owner" } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_told_from_the_avatar() {
        let mut telling = Telling::default();
        let mut tell = |voice, text: &str| telling.tell(Said { voice, text: text.to_owned() }, "Ada");
        let told = |text: &str, by_owner| Told { text: text.to_owned(), by_owner };
        assert_eq!(tell(Voice::Avatar, "Hello, "), told("Hello, ", false));
        assert_eq!(tell(Voice::Avatar, "I am"), told("I am", false));
        assert_eq!(tell(Voice::Owner, "Let me"), told("\n\n— **Ada, in person:**\n\nLet me", true));
        assert_eq!(tell(Voice::Owner, " see"), told(" see", true));
        assert_eq!(tell(Voice::Avatar, "Well"), told("\n\n— **The avatar:**\n\nWell", false));
    }

    #[test]
    fn what_was_said_before_comes_first() {
        let mut telling = Telling::default();
        let earlier = Said { voice: Voice::Earlier(Earlier::Owner), text: "Call me".to_owned() };
        assert_eq!(
            telling.tell(earlier, "").text,
            "— **The owner, in person, before this question:**\n\nCall me"
        );
        let answer = Said { voice: Voice::Avatar, text: "Yes".to_owned() };
        assert_eq!(telling.tell(answer, "").text, "\n\n— **The avatar:**\n\nYes");
    }
}
