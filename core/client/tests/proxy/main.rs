//! Behind a proxy, and with a CA of one's own: HTTP and the socket alike.
//!
//! The proxy is Debian's `tinyproxy`. Without it most of these tests are left out, but not in CI.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::print_stderr, reason = "what is left out is said")]

mod certificates;
#[cfg(feature = "http2")]
mod http2;
mod resets;
mod tinyproxy;
mod tls;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use futures_util::future::join_all;
use resets::Resetting;
use secondme_avatar::{AvatarClient, ClientBuilder, Delivery, Error, ErrorKind, Visitor};
use secondme_avatar_emulator::Emulator;
use tinyproxy::Tinyproxy;
use tls::Ca;

const CREDENTIALS: &str = "ada:s3cr3t-w0rd@";
const AUTH: &str = "BasicAuth ada s3cr3t-w0rd";

/// The service behind TLS, its HTTP calls at one port and its sockets at another.
struct Stage {
    emulator: Emulator,
    ca: Ca,
    http: SocketAddr,
    socket: SocketAddr,
}

impl Stage {
    async fn new() -> Self {
        let emulator = Emulator::builder().start().await.unwrap();
        let ca = Ca::new();
        let (http, socket) = (ca.front(emulator.address()).await, ca.front(emulator.address()).await);
        emulator.configure(|settings| settings.socket_base = Some(format!("wss://{socket}")));
        Self { emulator, ca, http, socket }
    }

    fn base(&self) -> String {
        format!("https://{}/gate/in", self.http)
    }

    /// The machine that runs these tests may sit behind a proxy: nothing here reads the environment.
    fn builder(&self) -> ClientBuilder {
        let builder = AvatarClient::builder(self.emulator.api_key()).unwrap().no_proxy();
        builder.base_url(self.base().parse().unwrap()).ca_file(&self.ca.file)
    }

    fn went_through(&self, proxy: &Tinyproxy) -> (bool, bool) {
        let connected = |to: SocketAddr| {
            proxy.requests().iter().any(|request| request.starts_with(&format!("CONNECT {to} ")))
        };
        (connected(self.http), connected(self.socket))
    }
}

async fn converse(client: &AvatarClient) -> Result<(), Error> {
    converse_as("ada", client).await
}

async fn converse_as(user: &str, client: &AvatarClient) -> Result<(), Error> {
    let chat =
        client.open(Visitor::for_user("test", user).unwrap()).deadline(Duration::from_secs(60)).await?;
    let reply = chat.ask("Hello").deadline(Duration::from_secs(60)).await?;
    assert!(reply.text.contains("Hello"));
    client.close().await;
    Ok(())
}

/// What each call came to nothing for, when none comes through: the first words and the last.
async fn fails(builder: ClientBuilder) -> Vec<Error> {
    let errors = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&errors);
    let client =
        builder.on_call(move |call| told.lock().unwrap().extend(call.error.clone())).build().unwrap();
    let opening = client.open(Visitor::for_user("test", "ada").unwrap());
    let last = opening.deadline(Duration::from_millis(1500)).await.unwrap_err();
    let mut errors = std::mem::take(&mut *errors.lock().unwrap());
    errors.push(last);
    errors
}

/// Every line that any crate logs in this process.
static LOGGED: Mutex<String> = Mutex::new(String::new());

struct Log;

impl log::Log for Log {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let _ = writeln!(LOGGED.lock().unwrap(), "{} {}", record.target(), record.args());
    }

    fn flush(&self) {}
}

fn listen_to_logs() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Log).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
    });
}

/// Neither as it is written nor as it is sent.
fn assert_secret(shown: &str) {
    for secret in ["s3cr3t", "czNjcjN0", "YWRhOn"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[tokio::test]
async fn http_and_the_socket_go_through_the_proxy_with_its_credentials_and_nothing_tells_them() {
    listen_to_logs();
    let Some(proxy) = Tinyproxy::start(AUTH).await else { return };
    let stage = Stage::new().await;
    // In the way it is written where something is special in it.
    let builder = stage.builder().proxy(proxy.url("ada:s3cr3t%2Dw0rd@"));
    assert_secret(&format!("{builder:?}"));
    let client = builder.build().unwrap();
    assert_eq!(client.proxy(), Some(proxy.address.to_string().as_str()));
    converse(&client).await.unwrap();
    assert_eq!(stage.went_through(&proxy), (true, true), "{:?}", proxy.requests());
    assert_secret(&format!("{client:?}"));
    let logged = LOGGED.lock().unwrap();
    assert!(logged.contains("rustls"), "logs are heard at all");
    assert_secret(&logged);
}

#[tokio::test]
async fn without_tls_the_socket_goes_through_the_proxy_as_well() {
    let Some(proxy) = Tinyproxy::start(AUTH).await else { return };
    let emulator = Emulator::builder().start().await.unwrap();
    let place = SocketAddr::from(([0, 0, 0, 0], emulator.address().port()));
    let builder = AvatarClient::builder(emulator.api_key()).unwrap().allow_insecure(true);
    let builder = builder.base_url(format!("http://{place}/gate/in").parse().unwrap());
    converse(&builder.clone().proxy(proxy.url(CREDENTIALS)).build().unwrap()).await.unwrap();
    let requests = proxy.requests();
    assert!(requests.iter().any(|request| request.starts_with(&format!("POST http://{place}/gate"))));
    assert!(requests.iter().any(|request| request.starts_with(&format!("CONNECT {place} "))), "{requests:?}");

    let errors = fails(builder.proxy(proxy.url(""))).await;
    assert!(errors[0].to_string().contains("wants a user name and a password (HTTP 407)"), "{errors:?}");
}

#[tokio::test]
async fn a_proxy_may_itself_be_behind_tls() {
    let Some(proxy) = Tinyproxy::start(AUTH).await else { return };
    let stage = Stage::new().await;
    let front = stage.ca.front(proxy.address).await;
    let url = format!("https://{CREDENTIALS}127.0.0.1:{}", front.port());
    converse(&stage.builder().proxy(url).build().unwrap()).await.unwrap();
    assert_eq!(stage.went_through(&proxy), (true, true));
}

#[tokio::test]
async fn an_address_on_this_machine_is_spoken_to_directly() {
    let emulator = Emulator::builder().start().await.unwrap();
    let builder = AvatarClient::builder(emulator.api_key()).unwrap();
    let builder = builder.base_url(emulator.base_url().parse().unwrap()).proxy("http://127.0.0.1:1");
    let client = builder.build().unwrap();
    assert_eq!(client.proxy(), None);
    converse(&client).await.unwrap();
}

#[tokio::test]
async fn the_environment_says_which_proxy_which_ca_and_which_exceptions() {
    let Some(proxy) = Tinyproxy::start(AUTH).await else { return };
    let stage = Stage::new().await;
    let url = proxy.url(CREDENTIALS);
    let socket = stage.socket.to_string();
    for (env, http, through_socket) in [
        (vec![("HTTPS_PROXY", url.as_str()), ("NO_PROXY", "0.0.0.0")], false, false),
        (vec![("https_proxy", url.as_str()), ("no_proxy", "0.0.0.0/8")], false, false),
        (vec![("HTTP_PROXY", url.as_str())], false, false),
        (vec![("ALL_PROXY", url.as_str()), ("NO_PROXY", socket.as_str())], true, false),
        (vec![("https_proxy", url.as_str()), ("NO_PROXY", "elsewhere.com")], true, true),
    ] {
        let before = proxy.requests().len();
        // A process of its own: the environment is one for all threads.
        let mut child = tokio::process::Command::new(std::env::current_exe().unwrap());
        for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"] {
            child.env_remove(name).env_remove(name.to_lowercase());
        }
        child.args(["--exact", "in_a_process_of_its_own", "--ignored", "--nocapture"]);
        child.env("SECONDME_API_KEY", stage.emulator.api_key()).env("SECONDME_BASE_URL", stage.base());
        child.env("SECONDME_CA_FILE", &stage.ca.file).envs(env.iter().copied());
        let output = child.stdin(Stdio::null()).output().await.unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        let requests = &proxy.requests()[before..];
        let to = |place: SocketAddr| requests.iter().any(|request| request.contains(&format!(" {place} ")));
        assert_eq!((to(stage.http), to(stage.socket)), (http, through_socket), "{env:?}: {requests:?}");
    }
}

#[tokio::test]
#[ignore = "started by the test above, with an environment"]
async fn in_a_process_of_its_own() {
    converse(&AvatarClient::from_env().unwrap()).await.unwrap();
}

#[tokio::test]
async fn what_the_proxy_has_against_it_is_said_without_its_credentials() {
    let Some(proxy) = Tinyproxy::start(AUTH).await else { return };
    let Some(strict) = Tinyproxy::start("ConnectPort 443").await else { return };
    let stage = Stage::new().await;
    let closed = "127.0.0.1:1";
    let cases = [
        (proxy.url(""), proxy.address.to_string(), "wants a user name and a password"),
        (proxy.url("ada:s3cr3t-wrong@"), proxy.address.to_string(), "does not accept the user name"),
        (strict.url(""), strict.address.to_string(), "may not permit that host"),
        (format!("http://{CREDENTIALS}{closed}"), closed.to_owned(), "cannot be reached: Connection refused"),
    ];
    let stage = &stage;
    join_all(cases.map(|(url, place, says)| async move {
        let errors = fails(stage.builder().proxy(url)).await;
        let first = &errors[0];
        assert_eq!(first.kind(), ErrorKind::ConnectionFailed);
        let text = first.to_string();
        assert!(text.contains(&format!("the proxy at {place} ")) && text.contains(says), "{says}: {text}");
        let last = errors.last().unwrap().to_string();
        assert!(last.contains(&format!("the proxy at {place} ")), "the caller learns it: {last}");
        assert_secret(&format!("{errors:?} {last} {text}"));
    }))
    .await;
    // The proxy is well, what is behind it is not.
    let builder = stage.builder().base_url("https://0.0.0.0:1/gate/in".parse().unwrap());
    let errors = fails(builder.proxy(proxy.url(CREDENTIALS))).await;
    assert!(errors[0].to_string().contains("not reach it"), "{errors:?}");
}

/// From before the first byte, through the whole handshake (about 2 KiB), into the first request and its answer.
#[tokio::test]
async fn connections_that_are_reset_during_tls_are_made_again() {
    let stage = Stage::new().await;
    stage.emulator.configure(|settings| settings.quota_per_minute = 1_000);
    join_all((0..2_800).step_by(79).map(|bytes| {
        let stage = &stage;
        async move {
            let http = Resetting::front(stage.http, 2, bytes).await;
            let base = format!("https://{}/gate/in", http.address);
            let builder = stage.builder().base_url(base.parse().unwrap());
            // Where it hits the message, nothing tells whether that was taken.
            let client = builder.delivery(Delivery::AtLeastOnce).build().unwrap();
            converse_as(&format!("user {bytes}"), &client).await.unwrap();
            assert!(http.resets() >= 1, "nothing was reset at {bytes} bytes");
        }
    }))
    .await;
}

#[tokio::test]
async fn sockets_that_are_reset_during_tls_are_made_again() {
    join_all((0..3_000).step_by(307).map(|bytes| async move {
        let stage = Stage::new().await;
        let socket = Resetting::front(stage.socket, 2, bytes).await;
        let address = format!("wss://{}", socket.address);
        stage.emulator.configure(|settings| settings.socket_base = Some(address));
        converse(&stage.builder().build().unwrap()).await.unwrap();
        assert!(socket.resets() >= 1, "nothing was reset at {bytes} bytes");
    }))
    .await;
}

#[tokio::test]
async fn what_is_no_ca_file_is_refused_with_what_to_do() {
    let builder = || AvatarClient::builder("sk-0123456789abcdef").unwrap().no_proxy();
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let broken = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
    let no_ca = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (content, says) in [
        (None, "cannot be read"),
        (Some(""), "holds no certificate"),
        (Some(key.as_str()), "holds no certificate"),
        (Some("\u{0}\u{1}DER"), "holds no certificate"),
        (Some(broken), "is damaged"),
        (Some(no_ca), "cannot be trusted as a CA"),
    ] {
        let path = tls::file("bad.pem");
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        let error = builder().ca_file(&path).build().unwrap_err();
        let _ = std::fs::remove_file(&path);
        assert_eq!(error.kind(), ErrorKind::Misuse);
        let text = error.to_string();
        assert!(text.contains(says) && text.contains("name a PEM file"), "{says}: {text}");
    }
}

#[tokio::test]
async fn what_is_no_proxy_is_refused_before_anything_is_sent() {
    for (url, says) in [
        ("socks5://ada:s3cr3t@127.0.0.1:1080", "give an HTTP proxy"),
        ("http://ada:s3cr3t@", "write it like"),
        ("", "write it like"),
        ("ftp://s3cr3t", "write it like"),
    ] {
        let error = AvatarClient::builder("sk-0123456789abcdef").unwrap().proxy(url).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misuse);
        assert!(error.to_string().contains(says), "{error}");
        assert_secret(&format!("{error} {error:?}"));
    }
}
