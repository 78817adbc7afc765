//! One TLS configuration for HTTP and for the socket: rustls with ring, and the platform's trust.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls_platform_verifier::BuilderVerifierExt;

use crate::{Error, ErrorKind};

pub(crate) fn config() -> Result<ClientConfig, Error> {
    let failed = |error: rustls::Error| {
        Error::new(
            ErrorKind::Misuse,
            "TLS could not be set up: are the system's root certificates installed?",
        )
        .caused_by(error)
    };
    // The provider is handed over, never installed for the whole process: that is the application's.
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .with_platform_verifier()
        .map_err(failed)?;
    Ok(builder.with_no_client_auth())
}
