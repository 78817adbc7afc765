//! The base URL of the service, and which addresses the client may connect to.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use secondme_avatar_protocol::{Door, Error, ErrorKind, OptionName};
use url::{Host, Url};

use crate::environment::Environment;

/// Where all of the service's own hosts are.
const OWN_DOMAINS: [&str; 2] = ["mindverse.ai", "mindverse.com"];

/// The service's base URL: a URL, or the name of an [`Environment`].
///
/// ```
/// use secondme_avatar::BaseUrl;
///
/// # fn main() -> Result<(), secondme_avatar::Error> {
/// assert_eq!(BaseUrl::default(), BaseUrl::production());
/// let emulator: BaseUrl = "http://127.0.0.1:8080/gate/in".parse()?;
/// assert_eq!("gateway".parse::<BaseUrl>()?, BaseUrl::gateway());
/// assert!("ftp://example.com".parse::<BaseUrl>().is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl {
    url: Url,
    /// Which it was named by, if it was.
    environment: Option<Environment>,
}

impl BaseUrl {
    /// Returns `https://mindos.mindverse.ai/gate/in`.
    pub fn production() -> Self {
        Environment::Production.into()
    }

    /// Returns `https://mindos-prek8s.mindverse.ai/gate/in`.
    pub fn pre_release() -> Self {
        Environment::PreRelease.into()
    }

    /// Returns `https://api.mindverse.com/gate/in`.
    pub fn gateway() -> Self {
        Environment::Gateway.into()
    }

    /// Returns the base URL of a door. One that is a URL of the caller's own is meant as it stands.
    pub(crate) fn of_door(self, door: Door) -> Self {
        self.environment.map_or(self, |environment| Self::of(environment, door))
    }

    /// Returns the environment that it was named by, if it was.
    pub fn environment(&self) -> Option<Environment> {
        self.environment
    }

    /// Returns the base URL to try where this one cannot be reached: of the service's own hosts, the one to which its
    /// gateway has moved. `None` for that one itself, and for hosts that are not the service's.
    pub fn moved(&self) -> Option<&'static str> {
        let host = self.url.host_str()?;
        let is_own = OWN_DOMAINS.iter().any(|domain| {
            host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        });
        let is_there = BaseUrl::gateway().url.host_str() == Some(host);
        let of_visitors = self.url.path().trim_end_matches('/').ends_with("/lab");
        let door = if of_visitors { Door::VisitorChat } else { Door::AvatarOpenApi };
        (is_own && !is_there).then(|| Environment::Gateway.url(door))
    }

    /// Returns the URL of a call.
    pub(crate) fn join(&self, path: &str) -> Result<Url, Error> {
        let misfit =
            || Error::new(ErrorKind::InvalidAnswer, "the service named something that fits in no URL");
        let base = self.url.as_str().trim_end_matches('/');
        let url = Url::parse(&format!("{base}{path}")).map_err(|error| misfit().caused_by(error))?;
        // A name like `..` would lead to another call.
        let (asked, _) = path.split_once('?').unwrap_or((path, ""));
        match url.path().strip_prefix(self.url.path().trim_end_matches('/')) {
            Some(given) if given == asked => Ok(url),
            _ => Err(misfit()),
        }
    }

    pub(crate) fn as_url(&self) -> &Url {
        &self.url
    }

    /// Scheme, host and port, for error texts and the `Origin` header.
    pub(crate) fn origin(&self) -> String {
        origin(&self.url)
    }

    pub(crate) fn is_secure(&self) -> bool {
        self.url.scheme() == "https"
    }

    pub(crate) fn is_loopback(&self) -> bool {
        is_loopback(&self.url)
    }

    /// Refuses plain HTTP to other machines.
    pub(crate) fn check(&self, allow_insecure: bool) -> Result<(), Error> {
        if self.is_secure() || self.is_loopback() || allow_insecure {
            return Ok(());
        }
        let message = format!(
            "{} is not encrypted, and the API key would travel in the open: use https, or set {} if that network is \
             safe",
            self.origin(),
            OptionName::ALLOW_INSECURE
        );
        Err(Error::new(ErrorKind::Misuse, message))
    }

    fn of(environment: Environment, door: Door) -> Self {
        // These are constants that parse; a test checks it.
        let url = Url::parse(environment.url(door)).unwrap_or_else(|_| unreachable!("a constant URL"));
        Self { url, environment: Some(environment) }
    }
}

impl From<Environment> for BaseUrl {
    fn from(environment: Environment) -> Self {
        Self::of(environment, Door::AvatarOpenApi)
    }
}

impl Default for BaseUrl {
    fn default() -> Self {
        Self::production()
    }
}

impl FromStr for BaseUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = |what: &str| {
            Error::new(
                ErrorKind::Misuse,
                format!(
                    "the base URL {what}: write it like https://mindos.mindverse.ai/gate/in, or name an environment: \
                     production, pre-release or gateway"
                ),
            )
        };
        if let Ok(environment) = text.parse::<Environment>() {
            return Ok(environment.into());
        }
        let url = Url::parse(text).map_err(|error| invalid("is not a valid URL").caused_by(error))?;
        match url.scheme() {
            "https" | "http" if url.host().is_none() => Err(invalid("names no host")),
            "https" | "http" if !url.username().is_empty() || url.password().is_some() => {
                Err(invalid("holds a user name or password, which the service knows nothing of"))
            }
            "https" | "http" if url.query().is_some() || url.fragment().is_some() => {
                Err(invalid("holds a `?` or `#`"))
            }
            "https" | "http" => Ok(Self { url, environment: None }),
            _ => Err(invalid("is neither http nor https")),
        }
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str())
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str())
    }
}

/// Scheme, host and port.
pub(crate) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Whether the URL's host is this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_s_own_addresses_are_there_and_encrypted() {
        assert_eq!(BaseUrl::production().to_string(), "https://mindos.mindverse.ai/gate/in");
        assert_eq!(BaseUrl::pre_release().to_string(), "https://mindos-prek8s.mindverse.ai/gate/in");
        assert_eq!(BaseUrl::gateway().to_string(), "https://api.mindverse.com/gate/in");
        for (environment, door) in
            Environment::ALL.into_iter().flat_map(|one| Door::ALL.map(|door| (one, door)))
        {
            assert!(BaseUrl::of(environment, door).is_secure());
        }
    }

    #[test]
    fn the_name_of_an_environment_means_another_host_behind_each_door_and_a_url_means_itself() {
        for (name, url) in [
            ("production", "https://api.mindverse.com/gate/lab"),
            ("pre-release", "https://mindos-prek8s.mindverse.ai/gate/lab"),
            ("gateway", "https://api.mindverse.com/gate/lab"),
            ("https://mindos.mindverse.ai/gate/in", "https://mindos.mindverse.ai/gate/in"),
        ] {
            let base: BaseUrl = name.parse().unwrap();
            assert_eq!(base.clone().of_door(Door::VisitorChat).to_string(), url);
            assert_eq!(base.clone().of_door(Door::AvatarOpenApi), base);
        }
    }

    #[test]
    fn only_another_host_of_the_service_has_moved() {
        let moved = |url: &str| url.parse::<BaseUrl>().unwrap().moved();
        assert_eq!(moved("production"), Some("https://api.mindverse.com/gate/in"));
        assert_eq!(
            moved("https://mindos-prek8s.mindverse.ai/gate/lab"),
            Some("https://api.mindverse.com/gate/lab")
        );
        for there in ["gateway", "https://notmindverse.ai/gate/in", "http://127.0.0.1/gate/in"] {
            assert_eq!(moved(there), None, "{there}");
        }
    }

    #[test]
    fn a_call_goes_below_the_base_with_or_without_a_slash_at_its_end() {
        for base in ["https://host/gate/in", "https://host/gate/in/"] {
            let url = base.parse::<BaseUrl>().unwrap().join("/rest/x?y=1").unwrap();
            assert_eq!(url.as_str(), "https://host/gate/in/rest/x?y=1");
        }
    }

    #[test]
    fn plain_http_goes_to_this_machine_only_unless_it_is_allowed() {
        for (url, allowed) in [
            ("http://127.0.0.1:1/gate", true),
            ("http://[::1]:1/gate", true),
            ("http://localhost/gate", true),
            ("http://10.0.0.1/gate", false),
            ("http://localhost.example.com/gate", false),
            ("https://example.com", true),
        ] {
            let url: BaseUrl = url.parse().unwrap();
            assert_eq!(url.check(false).is_ok(), allowed, "{url}");
            assert!(url.check(true).is_ok());
        }
    }

    #[test]
    fn a_text_that_is_no_url_is_said_to_be_no_valid_url() {
        let error = "mindos.mindverse.ai".parse::<BaseUrl>().unwrap_err().to_string();
        assert_eq!(
            error,
            "the base URL is not a valid URL: write it like https://mindos.mindverse.ai/gate/in, or name an environment: \
             production, pre-release or gateway"
        );
    }

    #[test]
    fn what_is_no_base_url_is_refused_with_the_reason() {
        for url in [
            "",
            "mindos.mindverse.ai",
            "wss://host",
            "https://user:pw@host",
            "https://host/?a=1",
            "https:///x",
        ] {
            match url.parse::<BaseUrl>() {
                Ok(parsed) => assert!(url == "https:///x", "{parsed} was taken"),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Misuse, "{url}"),
            }
        }
    }
}
