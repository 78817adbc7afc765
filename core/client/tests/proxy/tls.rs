//! TLS of the test's own: an unknown CA, and a front that decrypts for the server behind it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, PublicKeyData as _,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, SupportedProtocolVersion};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// The names in the certificates. A connection to `0.0.0.0` reaches this machine, but it is not a loopback
/// address: requests to it go through a proxy.
const NAMES: [&str; 3] = ["0.0.0.0", "127.0.0.1", "localhost"];

/// What a server shows when all is well.
pub(crate) fn certificate() -> CertificateParams {
    CertificateParams::new(NAMES.map(str::to_owned)).unwrap()
}

static FILES: AtomicUsize = AtomicUsize::new(0);

/// A file of this test's own.
pub(crate) fn file(name: &str) -> PathBuf {
    let number = FILES.fetch_add(1, Ordering::Relaxed);
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{number}-{name}", std::process::id()))
}

pub(crate) struct Ca {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// Its certificate, as PEM.
    pub(crate) file: PathBuf,
    /// The pins of the keys that it has signed, in order.
    pins: Mutex<Vec<String>>,
}

impl Ca {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let file = file("ca.pem");
        // Two of the same name would be taken for each other.
        params.distinguished_name.push(DnType::CommonName, file.display().to_string());
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(&file, issuer.pem()).unwrap();
        Self { issuer, file, pins: Mutex::default() }
    }

    /// The pins of the keys that it has signed, in order.
    #[allow(dead_code, reason = "shared with other tests")]
    pub(crate) fn pins(&self) -> Vec<String> {
        self.pins.lock().unwrap().clone()
    }

    /// Decrypts what comes to a port of its own, and passes it on to `behind`.
    pub(crate) async fn front(&self, behind: SocketAddr) -> SocketAddr {
        self.front_showing(behind, certificate()).await
    }

    /// The same with a certificate of another kind.
    pub(crate) async fn front_showing(&self, behind: SocketAddr, shown: CertificateParams) -> SocketAddr {
        serve(self.server(shown), behind).await
    }

    /// The same with these versions of TLS and no others.
    #[allow(dead_code, reason = "shared with other tests")]
    pub(crate) async fn front_speaking(
        &self,
        behind: SocketAddr,
        versions: &[&'static SupportedProtocolVersion],
    ) -> SocketAddr {
        serve(self.server_speaking(certificate(), versions), behind).await
    }

    pub(crate) fn server(&self, shown: CertificateParams) -> ServerConfig {
        self.server_speaking(shown, rustls::DEFAULT_VERSIONS)
    }

    fn server_speaking(
        &self,
        shown: CertificateParams,
        versions: &[&'static SupportedProtocolVersion],
    ) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let digest = ring::digest::digest(&ring::digest::SHA256, &key.subject_public_key_info());
        let base64 = base64::engine::general_purpose::STANDARD.encode(digest);
        self.pins.lock().unwrap().push(format!("sha256/{base64}"));
        let certificate = shown.signed_by(&key, &self.issuer).unwrap();
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap()
    }
}

async fn serve(server: ServerConfig, behind: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let address = SocketAddr::from(([0, 0, 0, 0], listener.local_addr().unwrap().port()));
    let acceptor = TlsAcceptor::from(Arc::new(server));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A client that does not trust the certificate closes, which is what some tests want.
                let Ok(mut near) = acceptor.accept(stream).await else { return };
                let Ok(mut far) = TcpStream::connect(behind).await else { return };
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    address
}

impl Drop for Ca {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}
