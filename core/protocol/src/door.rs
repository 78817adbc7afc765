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

/// For whom a client speaks through [`Door::VisitorChat`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Speaker {
    /// For visitors whom the service does not know: it is told their ids, and the app's token is shown for all of
    /// them.
    #[default]
    Visitor,
    /// For a user of the service, whose own token is shown: it says who they are.
    User,
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

    /// Whether each visitor's authentication takes a slot of the API key's quota.
    #[must_use]
    pub fn counts_authentications(self) -> bool {
        match self {
            Self::AvatarOpenApi => true,
            Self::VisitorChat => false,
        }
    }

    /// Whether the client names its messages, and the service tells the visitor's own user id: an echo is known by
    /// either. Where neither is so, it is known by its text.
    pub(crate) fn names_echoes(self) -> bool {
        match self {
            Self::AvatarOpenApi => true,
            Self::VisitorChat => false,
        }
    }

    /// Whether the service tells a socket's name together with its address.
    pub(crate) fn names_sockets(self) -> bool {
        match self {
            Self::AvatarOpenApi => true,
            Self::VisitorChat => false,
        }
    }

    /// Whether each message shows the avatar's key.
    pub(crate) fn shows_key_with_messages(self) -> bool {
        match self {
            Self::AvatarOpenApi => false,
            Self::VisitorChat => true,
        }
    }

    /// Whether the number of a failure in the envelope is an HTTP status.
    pub(crate) fn numbers_failures(self) -> bool {
        match self {
            Self::AvatarOpenApi => false,
            Self::VisitorChat => true,
        }
    }

    /// Whether the service can be asked for the messages of the past.
    pub(crate) fn has_history(self) -> bool {
        match self {
            Self::AvatarOpenApi => true,
            Self::VisitorChat => false,
        }
    }

    /// Whether one visitor can hold several conversations.
    pub(crate) fn holds_several_conversations(self) -> bool {
        match self {
            Self::AvatarOpenApi => true,
            Self::VisitorChat => false,
        }
    }

    /// Whether a session can be ended on the service.
    pub(crate) fn ends_sessions(self) -> bool {
        match self {
            Self::AvatarOpenApi => true,
            Self::VisitorChat => false,
        }
    }

    /// Whether the call that gives a socket's address gives a session as well: where the service has lost a session,
    /// that call brings another.
    pub(crate) fn renews_sessions(self) -> bool {
        match self {
            Self::AvatarOpenApi => false,
            Self::VisitorChat => true,
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
