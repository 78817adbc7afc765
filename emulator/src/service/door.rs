//! The two APIs by which the service can be reached.

use crate::switch::switch;

switch! {
    /// One of the two APIs by which the service can be reached.
    Door {
        /// The Avatar Open API, below `/gate/in`.
        #[default]
        AvatarOpenApi = "avatar-open-api",
        /// Visitor Chat, below `/gate/lab`.
        VisitorChat = "visitor-chat",
    }
}

impl Door {
    /// What the path of each of its calls begins with, as in production.
    pub const fn base_path(self) -> &'static str {
        match self {
            Self::AvatarOpenApi => "/gate/in",
            Self::VisitorChat => "/gate/lab",
        }
    }

    /// The door to which a path leads. Paths that lead to neither are answered by the first.
    pub(super) fn of_path(path: &str) -> Self {
        match Self::VisitorChat.below(path) {
            Some(_) => Self::VisitorChat,
            None => Self::AvatarOpenApi,
        }
    }

    /// What stands in a path behind the base path of this door.
    pub(super) fn below(self, path: &str) -> Option<&str> {
        path.strip_prefix(self.base_path()).filter(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}
