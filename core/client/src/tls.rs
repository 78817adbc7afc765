//! One TLS configuration for HTTP, for the socket and for a proxy: rustls with ring, and the platform's
//! trust, perhaps with more certificates.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use once_cell::sync::OnceCell;
use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls_platform_verifier::Verifier;

use crate::{Error, ErrorKind};

/// The variable that names a file of certificates to trust.
const CA_FILE: &str = "SECONDME_CA_FILE";

/// The file that the options name, or else the environment.
pub(crate) fn ca_file(options: Option<PathBuf>) -> Option<PathBuf> {
    options.or_else(|| std::env::var_os(CA_FILE).filter(|path| !path.is_empty()).map(PathBuf::from))
}

/// With the platform's trust alone. It is read once: that takes longer than all else a client begins with.
static PLATFORM: OnceCell<ClientConfig> = OnceCell::new();

pub(crate) fn config(ca_file: Option<&Path>) -> Result<ClientConfig, Error> {
    match ca_file {
        None => PLATFORM.get_or_try_init(|| make(None)).cloned(),
        Some(_) => make(ca_file),
    }
}

fn make(ca_file: Option<&Path>) -> Result<ClientConfig, Error> {
    let failed = |error: rustls::Error| {
        Error::new(
            ErrorKind::Misuse,
            "TLS could not be set up: are the system's root certificates installed?",
        )
        .caused_by(error)
    };
    // The provider is handed over, never installed for the whole process: that is the application's.
    let provider = Arc::new(ring::default_provider());
    let verifier = match ca_file {
        None => Verifier::new(Arc::clone(&provider)).map_err(failed)?,
        Some(path) => trusting(path, Arc::clone(&provider))?,
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        // The platform's own verifier; "dangerous" is any that rustls has not made.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    Ok(builder.with_no_client_auth())
}

#[cfg(not(target_os = "android"))]
fn trusting(path: &Path, provider: Arc<rustls::crypto::CryptoProvider>) -> Result<Verifier, Error> {
    Verifier::new_with_extra_roots(certificates(path)?, provider)
        .map_err(|error| useless(path, "holds a certificate that cannot be trusted as a CA").caused_by(error))
}

/// Android's verifier takes no certificates beside the system's.
#[cfg(target_os = "android")]
fn trusting(path: &Path, _: Arc<rustls::crypto::CryptoProvider>) -> Result<Verifier, Error> {
    certificates(path)?;
    Err(useless(path, "cannot be used on Android: install the certificate in the system's settings"))
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

fn useless(path: &Path, why: &str) -> Error {
    let message = format!(
        "the CA file {} {why}: name a PEM file with the certificate of the CA to trust, between lines \
         `-----BEGIN CERTIFICATE-----` and `-----END CERTIFICATE-----`, in `ca_file` or {CA_FILE}",
        path.display()
    );
    Error::new(ErrorKind::Misuse, message)
}
