//! Options: where the service is, and how it is reached.

use std::path::PathBuf;

use secondme_avatar_protocol::{ApiKey, Secret, one_line};
use tracing::warn;

use super::ClientBuilder;
use crate::base_url::BaseUrl;
use crate::environment::Environment;
use crate::proxy::ProxyChoice;

impl ClientBuilder {
    /// The base URL of the service, or the name of an environment. Default: production.
    pub fn base_url(mut self, base: BaseUrl) -> Self {
        self.base = Some(base);
        self
    }

    /// Which of the service's own hosts is spoken to, in place of a base URL: production, pre-release, or the gateway to
    /// which the service has moved. Default: production.
    ///
    /// ```
    /// use secondme_avatar::{AvatarClient, Environment};
    ///
    /// # fn main() -> Result<(), secondme_avatar::Error> {
    /// let client =
    ///     AvatarClient::builder("sk-0123456789abcdef")?.environment(Environment::Gateway).build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = Some(environment);
        self
    }

    /// What the socket's handshake says as its `Origin`, such as `https://second-me.cn`, where the service takes only
    /// some. Default: the base URL's own origin.
    ///
    /// ```
    /// use secondme_avatar::AvatarClient;
    ///
    /// # fn main() -> Result<(), secondme_avatar::Error> {
    /// let client =
    ///     AvatarClient::builder("sk-0123456789abcdef")?.origin("https://second-me.cn").build()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A text that is not an origin is an error of [`build`](Self::build).
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origin = Some(origin.into());
        self
    }

    /// Whether plain `http` and `ws` to other machines are accepted. The API key then travels unencrypted. Default: no.
    pub fn allow_insecure(mut self, allow: bool) -> Self {
        self.allow_insecure = allow;
        self
    }

    /// The proxy for HTTP and for the socket: `http://user:password@host:port` or `https://…`, with special characters
    /// percent-encoded. SOCKS is not supported. This machine's own addresses are always reached directly. Default:
    /// what `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say.
    ///
    /// The environment is read when the client is made: `HTTPS_PROXY`
    /// and `HTTP_PROXY` by the scheme of the base URL and of the socket's address, `ALL_PROXY` for both, and
    /// `NO_PROXY` for what is spoken to directly (hosts with all below them, addresses, networks such as
    /// `10.0.0.0/8`, each with a `:port` if wanted, and `*`); all in lower case too.
    ///
    /// ```
    /// use secondme_avatar::AvatarClient;
    ///
    /// # fn main() -> Result<(), secondme_avatar::Error> {
    /// let client = AvatarClient::builder("sk-0123456789abcdef")?
    ///     .proxy("http://ada:p%40ss@proxy.example.com:3128")
    ///     .build()?;
    /// assert_eq!(client.proxy(), Some("proxy.example.com:3128"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A text that is not a proxy's URL is an error of [`build`](Self::build).
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.proxy = ProxyChoice::Url(Secret::from(url.into()));
        self
    }

    /// Connects without a proxy, whatever the environment says. Default: no.
    pub fn no_proxy(mut self) -> Self {
        self.proxy = ProxyChoice::Direct;
        self
    }

    /// A PEM file with certificates to trust beside those of the platform: for HTTP, for the socket and for an
    /// `https://` proxy. Not on Android, where they have to be installed in the system. Default: the file in
    /// `SECONDME_CA_FILE`.
    ///
    /// (`SSL_CERT_FILE` and
    /// `SSL_CERT_DIR` are the platform's own way where that is OpenSSL's, as on Linux; they *replace* what
    /// the platform trusts.)
    ///
    /// A file that cannot be read or holds no certificate is an error of [`build`](Self::build).
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(path.into());
        self
    }

    /// Whether Mozilla's root certificates, built into this library, are trusted where the machine has none of its own,
    /// as in a slim container. Where the machine has any, only those count. Default: yes.
    ///
    /// Where there are neither, [`build`](Self::build) with an `https` base URL is an error of kind
    /// [`Misuse`](crate::ErrorKind::Misuse). With an `http` base URL no certificates are needed.
    ///
    /// ```
    /// use secondme_avatar::AvatarClient;
    ///
    /// # fn main() -> Result<(), secondme_avatar::Error> {
    /// let builder = AvatarClient::builder("sk-0123456789abcdef")?;
    /// # let builder = builder.base_url("http://127.0.0.1:8080/gate/in".parse()?);
    /// let client = builder.builtin_roots(false).build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn builtin_roots(mut self, trust: bool) -> Self {
        self.builtin_roots = trust;
        self
    }

    /// A PEM file with the only certificates that are trusted, in the place of the platform's: for HTTP, for the socket
    /// and for an `https://` proxy. Default: those of the platform, and of the CA file.
    ///
    /// A file that cannot be read or holds no certificate is an error of [`build`](Self::build), and so is a
    /// [CA file](Self::ca_file) beside it.
    pub fn only_ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.only_ca_file = Some(path.into());
        self
    }

    /// The public keys that the service's servers may have, those of the socket included: for each `sha256/` and the
    /// Base64 of the SHA-256 digest of the certificate's SubjectPublicKeyInfo. Give the next key as well, so that the
    /// service can change to it. Only the server's own certificate counts, and it is verified all the same.
    /// A proxy's key is not looked at. Default: every key.
    ///
    /// ```
    /// use secondme_avatar::AvatarClient;
    ///
    /// # fn main() -> Result<(), secondme_avatar::Error> {
    /// let client = AvatarClient::builder("sk-0123456789abcdef")?
    ///     .pins(["sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="])
    ///     .min_tls("1.3")
    ///     .socket_hosts(["*.mindverse.ai", "*.mindverse.com"])
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn pins(mut self, pins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.pins = Some(pins.into_iter().map(Into::into).collect());
        self
    }

    /// The lowest version of TLS that is spoken, `1.2` or `1.3`. Default: 1.2.
    pub fn min_tls(mut self, version: impl Into<String>) -> Self {
        self.min_tls = Some(version.into());
        self
    }

    /// The hosts to which the socket's address may lead, which the service names: host names, or `*.` and the end of a
    /// name. Default: every host.
    pub fn socket_hosts(mut self, hosts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.socket_hosts = Some(hosts.into_iter().map(Into::into).collect());
        self
    }

    /// Which language the client is used from, for the `User-Agent`: `python/3.11`.
    // For bindings, which name their language and its version. A Rust program sends `rust`.
    #[doc(hidden)]
    pub fn language(mut self, language: impl Into<String>) -> Self {
        self.language = Some(language.into());
        self
    }

    /// Where neither a base URL nor an environment is chosen, what `SECONDME_BASE_URL` says counts.
    // For bindings, which take the key as an option of their own.
    #[doc(hidden)]
    pub fn or_base_of_env(mut self) -> Self {
        let variable = std::env::var_os("SECONDME_BASE_URL").filter(|base| !base.is_empty());
        self.base_of_env = variable.map(|base| base.to_string_lossy().into_owned());
        self
    }

    /// Says in the log where a base URL comes from that stands beside a key given in code: a variable that is set for
    /// another program would send that key elsewhere.
    pub(crate) fn say_where(&self) {
        let is_of_env = self.base.is_none() && self.environment.is_none();
        let key_of_env = std::env::var_os("SECONDME_API_KEY");
        let is_given = |key: &ApiKey| key_of_env.as_deref().is_none_or(|set| set != key.expose_secret());
        if let Some(base) = self.base_of_env.as_ref().filter(|_| is_of_env)
            && self.key.as_ref().is_some_and(is_given)
        {
            let base = one_line(base, 200);
            warn!(
                target: "secondme_avatar::client", base,
                "the service is where SECONDME_BASE_URL says, though the API key was given in code"
            );
        }
    }
}
