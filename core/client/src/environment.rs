//! The service's environments, by name.

use std::fmt;
use std::str::FromStr;

use secondme_avatar_protocol::{Door, Error, ErrorKind};

/// An environment of the service: which of its hosts is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Environment {
    /// The service's usual host.
    #[default]
    Production,
    /// The service's host for what is not released yet.
    PreRelease,
    /// The host to which the service's gateway has moved: the one to try where the usual host cannot be reached.
    Gateway,
}

impl Environment {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Production, Self::PreRelease, Self::Gateway];

    /// The environment's name, as `SECONDME_BASE_URL` and [`BaseUrl`](crate::BaseUrl) take it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::PreRelease => "pre-release",
            Self::Gateway => "gateway",
        }
    }

    /// The base URL of a door in this environment.
    ///
    /// ```
    /// use secondme_avatar::{Door, Environment};
    ///
    /// let url = Environment::Gateway.url(Door::AvatarOpenApi);
    /// assert_eq!(url, "https://api.mindverse.com/gate/in");
    /// assert_eq!(Environment::Production.url(Door::VisitorChat), "https://api.mindverse.com/gate/lab");
    /// ```
    #[must_use]
    pub fn url(self, door: Door) -> &'static str {
        match (door, self) {
            (Door::AvatarOpenApi, Self::Production) => "https://mindos.mindverse.ai/gate/in",
            (Door::AvatarOpenApi, Self::PreRelease) => "https://mindos-prek8s.mindverse.ai/gate/in",
            (Door::AvatarOpenApi, Self::Gateway) => "https://api.mindverse.com/gate/in",
            (Door::VisitorChat, Self::Production | Self::Gateway) => "https://api.mindverse.com/gate/lab",
            (Door::VisitorChat, Self::PreRelease) => "https://mindos-prek8s.mindverse.ai/gate/lab",
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// As [`name`](Environment::name) writes it, or as a language writes its constants: `PreRelease`, `pre_release`.
impl FromStr for Environment {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let plain = |text: &str| text.replace(['-', '_'], "").to_ascii_lowercase();
        let given = plain(text);
        Self::ALL.into_iter().find(|one| plain(one.name()) == given).ok_or_else(|| {
            let message = "there is no such environment: write `production`, `pre-release` or `gateway`";
            Error::new(ErrorKind::Misuse, message)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_is_read_as_any_language_writes_it() {
        for environment in Environment::ALL {
            assert_eq!(environment.to_string().parse::<Environment>().unwrap(), environment);
        }
        for text in ["PreRelease", "pre_release", "preRelease", "PRE_RELEASE"] {
            assert_eq!(text.parse::<Environment>().unwrap(), Environment::PreRelease);
        }
        let error = "staging".parse::<Environment>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misuse);
        assert!(error.to_string().contains("`gateway`"), "{error}");
    }
}
