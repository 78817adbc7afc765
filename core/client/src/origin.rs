//! The `Origin` of the socket's handshake.

use std::str::FromStr;

use secondme_avatar_protocol::{Error, ErrorKind, OptionName};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use url::Url;

use crate::base_url::BaseUrl;

/// An origin that fits into a header: scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin(HeaderValue);

impl Origin {
    /// The base URL's own.
    pub(crate) fn of(base: &BaseUrl) -> Self {
        // The origin of a URL is ASCII.
        Self(HeaderValue::from_str(&base.origin()).unwrap_or(HeaderValue::from_static("null")))
    }

    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl FromStr for Origin {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let misuse = || {
            let message = format!(
                "the option {} is not an origin: write scheme and host, and a port if it has one, like \
                 https://second-me.cn",
                OptionName::ORIGIN
            );
            Error::new(ErrorKind::Misuse, message)
        };
        let url = Url::parse(text).map_err(|_| misuse())?;
        let is_bare = url.has_host()
            && matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        let origin = if url.origin().is_tuple() {
            url.origin().ascii_serialization()
        } else {
            url.as_str().trim_end_matches('/').to_owned()
        };
        let header = HeaderValue::from_str(&origin).map_err(|_| misuse())?;
        if is_bare { Ok(Self(header)) } else { Err(misuse()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port_and_nothing_more() {
        for (given, sent) in [
            ("https://second-me.cn", "https://second-me.cn"),
            ("https://second-me.cn/", "https://second-me.cn"),
            ("https://second-me.cn:443", "https://second-me.cn"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("https://分身.cn", "https://xn--kbr719l.cn"),
            ("app://second-me", "app://second-me"),
        ] {
            assert_eq!(given.parse::<Origin>().unwrap().header(), sent);
        }
        for wrong in
            ["", "second-me.cn", "https://a.cn/path", "https://a.cn?q", "https://u:p@a.cn", "mailto:a@b"]
        {
            let error = wrong.parse::<Origin>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Misuse, "{wrong}");
            assert!(error.to_string().contains("`origin`"), "{error}");
        }
    }

    #[test]
    fn without_a_choice_it_is_the_base_url_s_own() {
        let base: BaseUrl = "https://host:8443/gate/in".parse().unwrap();
        assert_eq!(Origin::of(&base).header(), "https://host:8443");
    }
}
