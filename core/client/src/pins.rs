//! What a reviewer sets for TLS: pinned keys, the lowest version, the hosts to which a socket may lead.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::version::{TLS12, TLS13};
use rustls::{CertificateError, DigitallySignedStruct, SignatureScheme, SupportedProtocolVersion};
use secondme_avatar_protocol::{Error, ErrorKind, OptionName};

fn misuse(message: String) -> Error {
    Error::new(ErrorKind::Misuse, message)
}

/// The SHA-256 digests of the public keys that the service may have. Without any, each is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pins(Vec<[u8; 32]>);

impl Pins {
    pub(crate) fn new(pins: &[String]) -> Result<Self, Error> {
        let read = |pin: &String| -> Option<[u8; 32]> {
            STANDARD.decode(pin.strip_prefix("sha256/")?).ok()?.try_into().ok()
        };
        match pins.iter().map(read).collect::<Option<Vec<_>>>().filter(|pins| !pins.is_empty()) {
            Some(pins) => Ok(Self(pins)),
            None => Err(misuse(format!(
                "the option {} takes `sha256/` and 44 characters of Base64 for each key, and one key or more: the SHA-256 \
                 digest of the public key in the server's certificate",
                OptionName::PINS
            ))),
        }
    }

    /// A verifier that asks `verifier` first, and then for a pinned key. Proxies have keys of their own.
    pub(crate) fn beside(
        self,
        verifier: Arc<dyn ServerCertVerifier>,
        proxies: &[String],
    ) -> Arc<dyn ServerCertVerifier> {
        if self.0.is_empty() {
            return verifier;
        }
        Arc::new(Pinned { pins: self, verifier, proxies: proxies.to_vec() })
    }

    fn hold(&self, certificate: &CertificateDer<'_>) -> Result<bool, rustls::Error> {
        let key = ParsedCertificate::try_from(certificate)?.subject_public_key_info();
        let found = digest(&SHA256, key.as_ref());
        Ok(self.0.iter().any(|pin| pin == found.as_ref()))
    }
}

/// Takes a certificate that another verifier takes, if its key is pinned. Only the server's own certificate counts:
/// the others that it sends may have nothing to do with it.
#[derive(Debug)]
struct Pinned {
    pins: Pins,
    verifier: Arc<dyn ServerCertVerifier>,
    proxies: Vec<String>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        stapled: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self.verifier.verify_server_cert(certificate, others, name, stapled, now)?;
        let is_proxy = || self.proxies.contains(&name.to_str().into_owned());
        if self.pins.hold(certificate)? || is_proxy() {
            return Ok(verified);
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// The lowest version of TLS that is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum MinTls {
    #[default]
    V1_2,
    V1_3,
}

impl MinTls {
    pub(crate) fn versions(self) -> &'static [&'static SupportedProtocolVersion] {
        static BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
        match self {
            Self::V1_2 => &BOTH,
            Self::V1_3 => &BOTH[..1],
        }
    }
}

impl FromStr for MinTls {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "1.2" => Ok(Self::V1_2),
            "1.3" => Ok(Self::V1_3),
            _ => Err(misuse(format!("the option {} is `1.2` or `1.3`", OptionName::MIN_TLS))),
        }
    }
}

/// The hosts to which a socket's address may lead. Without any, it may lead to each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SocketHosts(Vec<String>);

impl SocketHosts {
    pub(crate) fn new(hosts: &[String]) -> Result<Self, Error> {
        let is_host = |host: &String| {
            let name = host.strip_prefix("*.").unwrap_or(host);
            !name.is_empty() && !name.contains(['*', '/', '@', ',', ' ']) && !name.starts_with('.')
        };
        if hosts.is_empty() || !hosts.iter().all(is_host) {
            return Err(misuse(format!(
                "the option {} takes host names without scheme and port, such as `ws.second.me` or `*.second.me`, and one \
                 or more of them",
                OptionName::SOCKET_HOSTS
            )));
        }
        Ok(Self(hosts.iter().map(|host| host.to_ascii_lowercase()).collect()))
    }

    pub(crate) fn allow(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        self.0.is_empty()
            || self.0.iter().any(|entry| match entry.strip_prefix('*') {
                // `*.second.me` is what lies below `second.me`, and not that host itself.
                Some(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
                None => host == *entry,
            })
    }
}

impl fmt::Display for SocketHosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_may_lead_to_the_hosts_that_are_named_and_below_those_with_a_star() {
        let hosts = SocketHosts::new(&["ws.Second.me", "*.mindverse.com"].map(str::to_owned)).unwrap();
        for host in ["ws.second.me", "WS.second.me", "a.mindverse.com", "a.b.mindverse.com"] {
            assert!(hosts.allow(host), "{host}");
        }
        for host in ["second.me", "mindverse.com", "evilmindverse.com", "x.ws.second.me", "ws.second.me.evil"]
        {
            assert!(!hosts.allow(host), "{host}");
        }
        assert!(SocketHosts::default().allow("any"));
    }

    #[test]
    fn what_cannot_be_set_is_said() {
        let pin = "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        assert_eq!(Pins::new(&[pin, pin].map(str::to_owned)).unwrap().0.len(), 2);
        for text in ["", "sha256/abc", "sha1/AAAA", &pin[7..], &format!("{pin},{pin}")] {
            assert!(
                Pins::new(&[pin, text].map(str::to_owned)).unwrap_err().to_string().contains("`pins`"),
                "{text}"
            );
        }
        for text in ["", "https://a.com", "*", "*.", "a.*.com", "a.com, b.com"] {
            let wrong = SocketHosts::new(&["b.com", text].map(str::to_owned)).unwrap_err();
            assert!(wrong.to_string().contains("`socket_hosts`"), "{text}");
        }
        assert!(
            Pins::new(&[]).is_err() && SocketHosts::new(&[]).is_err(),
            "which would let everything through"
        );
        for text in ["1.1", "TLS1.3", ""] {
            assert!(text.parse::<MinTls>().unwrap_err().to_string().contains("`min_tls`"), "{text}");
        }
    }
}
