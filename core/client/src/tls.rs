//! One TLS configuration for HTTP, the socket and the proxy: rustls with ring, and the platform's certificates,
//! with more of the caller's. Mozilla's roots where the platform has none.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use once_cell::sync::OnceCell;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, KeyProvider, ring};
use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::SigningKey;
use rustls::{AlertDescription, CertificateError, ClientConfig, PeerIncompatible, RootCertStore};
use rustls_platform_verifier::Verifier;
use secondme_avatar_protocol::{Error, ErrorKind, OptionName};
use tracing::debug;

use crate::per_process::PerProcess;
use crate::pins::{MinTls, Pins};

/// The environment variable with the path of a file of certificates to trust.
const CA_FILE: &str = "SECONDME_CA_FILE";

/// Returns the path from the options, or from the environment.
pub(crate) fn ca_file(options: Option<PathBuf>) -> Option<PathBuf> {
    options.or_else(|| std::env::var_os(CA_FILE).filter(|path| !path.is_empty()).map(PathBuf::from))
}

/// The protocols that are offered by ALPN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alpn {
    /// HTTP/2 where the library has it, or else HTTP/1.1.
    Http2,
    /// HTTP/1.1 only: for a WebSocket, and for a proxy.
    Http1,
}

/// What is trusted, as the caller has set it.
#[derive(Clone, Debug)]
pub(crate) struct Trust {
    /// Certificates beside those of the platform.
    pub(crate) ca_file: Option<PathBuf>,
    /// These certificates and no others.
    pub(crate) only_ca_file: Option<PathBuf>,
    pub(crate) builtin_roots: bool,
    pub(crate) pins: Pins,
    pub(crate) min_tls: MinTls,
}

impl Default for Trust {
    fn default() -> Self {
        Self {
            ca_file: None,
            only_ca_file: None,
            builtin_roots: true,
            pins: Pins::default(),
            min_tls: MinTls::default(),
        }
    }
}

/// The TLS settings of a client. Certificates are read on first use: plain HTTP needs none.
#[derive(Debug)]
pub(crate) struct Tls {
    trust: Trust,
    /// The hosts of proxies, which have keys of their own.
    proxies: Vec<String>,
    configs: OnceCell<Configs>,
}

#[derive(Debug)]
struct Configs {
    http2: Arc<ClientConfig>,
    http1: Arc<ClientConfig>,
}

impl Tls {
    pub(crate) fn new(trust: Trust, proxies: Vec<String>) -> Self {
        Self { trust, proxies, configs: OnceCell::new() }
    }

    pub(crate) fn names_ca_file(&self) -> bool {
        self.trust.ca_file.is_some() || self.trust.only_ca_file.is_some()
    }

    pub(crate) fn config(&self, offer: Alpn) -> Result<Arc<ClientConfig>, Error> {
        let configs = self.configs.get_or_try_init(|| self.make())?;
        Ok(Arc::clone(match offer {
            Alpn::Http2 => &configs.http2,
            Alpn::Http1 => &configs.http1,
        }))
    }

    fn make(&self) -> Result<Configs, Error> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(self.trust.min_tls.versions())
            .map_err(failed)?
            // rustls calls every verifier but its own "dangerous".
            .dangerous()
            .with_custom_certificate_verifier(self.verifier()?);
        let mut http1 = builder.with_no_client_auth();
        http1.alpn_protocols = vec![b"http/1.1".to_vec()];
        let mut http2 = http1.clone();
        if cfg!(feature = "http2") {
            http2.alpn_protocols.insert(0, b"h2".to_vec());
        }
        Ok(Configs { http2: Arc::new(http2), http1: Arc::new(http1) })
    }

    fn verifier(&self) -> Result<Arc<dyn ServerCertVerifier>, Error> {
        let trust = &self.trust;
        let verifier = match &trust.only_ca_file {
            Some(path) => only(RootCertStore::empty(), Some(path))? as _,
            None => verifier(trust.ca_file.as_deref(), trust.builtin_roots)?,
        };
        Ok(trust.pins.clone().beside(verifier, &self.proxies))
    }
}

/// For plain HTTP: reqwest requires a configuration anyway. It trusts nothing.
pub(crate) fn unused() -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(provider());
    let builder = builder.with_safe_default_protocol_versions().map_err(failed)?;
    Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

/// Makes sure that a library which asks rustls for the process's own cryptography finds some.
#[cfg(feature = "redis")]
pub(crate) fn ensure_provider() {
    if CryptoProvider::get_default().is_none() {
        // Another thread may have been quicker: then there is one.
        let _ = ring::default_provider().install_default();
    }
}

/// Passed to each configuration, not installed for the process: that is up to the application.
/// Without what a server, or a client with a certificate, signs with: this client shows none.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider { key_provider: &NoKeys, ..ring::default_provider() })
}

#[derive(Debug)]
struct NoKeys;

impl KeyProvider for NoKeys {
    fn load_private_key(&self, _: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, rustls::Error> {
        Err(rustls::Error::General("this client has no certificate of its own".to_owned()))
    }
}

/// The platform's certificates. Read once, since that takes longer than all other setup of a client.
static PLATFORM: PerProcess<Arc<Verifier>> = PerProcess::new();

/// Mozilla's roots alone.
static BUILTIN: PerProcess<Arc<WebPkiServerVerifier>> = PerProcess::new();

fn verifier(ca_file: Option<&Path>, builtin_roots: bool) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    let platform = PLATFORM.get_or_try_init(|| Verifier::new(provider()).map(Arc::new));
    match (platform, ca_file) {
        (Ok(platform), None) => Ok(Arc::clone(platform) as _),
        (Ok(_), Some(path)) => Ok(Arc::new(trusting(path)?)),
        (Err(error), _) if builtin_roots => {
            debug!(target: "secondme_avatar::tls", %error, "Mozilla's roots take the place of the machine's");
            match ca_file {
                None => BUILTIN.get_or_try_init(|| builtin(None)).map(|verifier| Arc::clone(verifier) as _),
                Some(path) => Ok(builtin(Some(path))?),
            }
        }
        (Err(_), Some(path)) => Ok(Arc::new(trusting(path)?)),
        (Err(error), None) => Err(failed(error)),
    }
}

fn failed(error: rustls::Error) -> Error {
    let message = "TLS could not be set up, for this machine has no root certificates: install them (most \
                   systems name the package `ca-certificates`), or let the built-in ones count";
    Error::new(ErrorKind::Misuse, message).caused_by(error)
}

#[cfg(not(target_os = "android"))]
fn trusting(path: &Path) -> Result<Verifier, Error> {
    Verifier::new_with_extra_roots(certificates(path)?, provider()).map_err(|error| no_ca(path, error))
}

/// Android's verifier takes no certificates beside the system's.
#[cfg(target_os = "android")]
fn trusting(path: &Path) -> Result<Verifier, Error> {
    certificates(path)?;
    Err(useless(path, "cannot be used on Android: install the certificate in the system's settings"))
}

fn builtin(ca_file: Option<&Path>) -> Result<Arc<WebPkiServerVerifier>, Error> {
    // A phone's own verifier is always there.
    let is_needed = !cfg!(any(target_os = "android", target_os = "ios"));
    let roots = if is_needed { webpki_roots::TLS_SERVER_ROOTS.to_vec() } else { Vec::new() };
    only(RootCertStore { roots }, ca_file)
}

/// Trusts these certificates and those in the file.
fn only(mut roots: RootCertStore, ca_file: Option<&Path>) -> Result<Arc<WebPkiServerVerifier>, Error> {
    if let Some(path) = ca_file {
        for certificate in certificates(path)? {
            roots.add(certificate).map_err(|error| no_ca(path, error))?;
        }
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build();
    verifier.map_err(|error| {
        Error::new(ErrorKind::Misuse, "the root certificates cannot be used").caused_by(error)
    })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let unreadable = |error: PemError| match error {
        PemError::Io(error) => useless(path, &format!("cannot be read ({error})")).caused_by(error),
        error => useless(path, "is damaged").caused_by(error),
    };
    let found = CertificateDer::pem_file_iter(path).map_err(unreadable)?;
    let found = found.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    if found.is_empty() {
        return Err(useless(path, "holds no certificate"));
    }
    Ok(found)
}

fn no_ca(path: &Path, error: rustls::Error) -> Error {
    useless(path, "holds a certificate that cannot be trusted as a CA").caused_by(error)
}

fn useless(path: &Path, why: &str) -> Error {
    let message = format!(
        "the CA file {} {why}: name a PEM file with the certificate of the CA to trust, between lines \
         `-----BEGIN CERTIFICATE-----` and `-----END CERTIFICATE-----`, in {} or {CA_FILE}",
        path.display(),
        OptionName::CA_FILE
    );
    Error::new(ErrorKind::Misuse, message)
}

/// Returns an error if the handshake failed because the certificate was refused, or for the version of TLS.
pub(crate) fn refused(whose: &str, error: &io::Error) -> Option<Error> {
    let inner = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    let reason = match inner {
        rustls::Error::InvalidCertificate(reason) => reason,
        rustls::Error::AlertReceived(AlertDescription::ProtocolVersion)
        | rustls::Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => return Some(no_version_in_common(whose)),
        _ => return None,
    };
    let says = match reason {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has expired. Check this machine's clock first: that is the cause more often than the certificate"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet. Check this machine's clock: that is the cause more often than the certificate"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is another host's. Check the address; a captive portal or a proxy may also answer in its place"
        }
        CertificateError::ApplicationVerificationFailure => {
            "its public key is not pinned. If the service has changed its key, pin the new one; \
             otherwise something in between answers in its place"
        }
        CertificateError::Revoked => "its CA has revoked it. Only those who run that server can help",
        CertificateError::UnknownIssuer => {
            "no CA that this machine trusts has signed it. Where a company's proxy or a firewall reads along, \
             give the certificate of its CA as CA file, or name its file in SECONDME_CA_FILE; elsewhere the \
             machine's root certificates may be out of date"
        }
        _ => {
            "it is damaged, not meant for a server, or signed by itself. Where that is meant to be so, give the \
             certificate of a CA that has signed it as CA file, or name its file in SECONDME_CA_FILE"
        }
    };
    let message = format!("the certificate of {whose} was refused: {says}");
    Some(Error::new(ErrorKind::Certificate, message))
}

fn no_version_in_common(whose: &str) -> Error {
    let message = format!(
        "{whose} speaks no version of TLS that this client speaks, which are 1.3 and, unless the option {} is `1.3`, \
         1.2. Set that option to `1.2` if the server has no 1.3; otherwise the server, or what answers in its place, \
         is out of date",
        OptionName::MIN_TLS
    );
    Error::new(ErrorKind::ConnectionFailed, message).with_retryable(false).without_retry()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http2_is_offered_to_the_service_and_never_where_a_socket_is_to_be() {
        let tls = Tls::new(Trust::default(), Vec::new());
        let calls = tls.config(Alpn::Http2).unwrap().alpn_protocols.clone();
        let offered: &[&[u8]] = if cfg!(feature = "http2") { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
        assert_eq!(calls, offered);
        assert_eq!(tls.config(Alpn::Http1).unwrap().alpn_protocols, [b"http/1.1".to_vec()]);
    }

    #[test]
    fn a_refused_certificate_is_said_in_words_whatever_is_wrong_with_it() {
        for (reason, says) in [
            (CertificateError::Expired, "clock"),
            (CertificateError::NotValidYet, "clock"),
            (CertificateError::NotValidForName, "another host's"),
            (CertificateError::UnknownIssuer, "SECONDME_CA_FILE"),
            (CertificateError::Revoked, "revoked"),
            (CertificateError::BadEncoding, "damaged"),
            (CertificateError::ApplicationVerificationFailure, "not pinned"),
        ] {
            let debug = format!("{reason:?}");
            let error = io::Error::new(io::ErrorKind::InvalidData, rustls::Error::InvalidCertificate(reason));
            let error = refused("the service", &error).unwrap();
            assert_eq!(error.kind(), ErrorKind::Certificate);
            assert!(!error.is_retryable() && error.forbids_retry());
            assert!(error.to_string().contains(says) && !error.to_string().contains(&debug), "{error}");
        }
        let other = io::Error::new(io::ErrorKind::InvalidData, rustls::Error::DecryptError);
        assert!(refused("the service", &other).is_none());
    }

    #[test]
    fn a_server_without_a_version_of_tls_in_common_is_not_asked_again() {
        for error in [
            rustls::Error::AlertReceived(AlertDescription::ProtocolVersion),
            PeerIncompatible::ServerDoesNotSupportTls12Or13.into(),
            PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig.into(),
        ] {
            let error = refused("the service", &io::Error::new(io::ErrorKind::InvalidData, error)).unwrap();
            assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::ConnectionFailed, false));
            assert!(error.forbids_retry() && error.to_string().contains("`min_tls`"), "{error}");
        }
    }

    #[test]
    fn mozilla_s_roots_are_built_in() {
        assert!(webpki_roots::TLS_SERVER_ROOTS.len() > 100);
        assert!(builtin(None).is_ok());
    }
}
