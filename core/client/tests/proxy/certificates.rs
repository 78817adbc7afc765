//! Certificates that are refused: final, in words, and the same for HTTP, for the socket and for a proxy.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rcgen::{CertificateParams, date_time_ymd};
use secondme_avatar::{AvatarClient, CallReport, ClientBuilder, Error, ErrorKind, EventKind, Visitor};
use secondme_avatar_emulator::Emulator;

use crate::tls::{Ca, certificate};
use crate::{Stage, converse};

/// What opening comes to, and after how many calls. It has a minute for it.
async fn refused(builder: ClientBuilder) -> (Error, usize) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let told = move |call: &CallReport| {
        let failed = call.error.as_ref().is_some_and(|error| error.kind() == ErrorKind::Certificate);
        counted.fetch_add(usize::from(failed), Ordering::SeqCst);
    };
    let client = builder.on_call(told).build().unwrap();
    let opening = client.open(Visitor::for_user("test", "ada").unwrap());
    let error = opening.deadline(Duration::from_secs(60)).await.unwrap_err();
    (error, calls.load(Ordering::SeqCst))
}

fn assert_final((error, calls): (Error, usize), whose: &str, says: &str) {
    let text = error.to_string();
    assert_eq!(error.kind(), ErrorKind::Certificate, "{text}");
    assert!(!error.is_retryable());
    assert!(
        text.contains(&format!("the certificate of {whose} was refused")) && text.contains(says),
        "{text}"
    );
    let causes = std::iter::successors(std::error::Error::source(&error), |&cause| cause.source());
    for shown in causes.map(ToString::to_string).chain([text]) {
        for debug in ["UnknownIssuer", "InvalidCertificate", "NotValidFor", "Context", "{"] {
            assert!(!shown.contains(debug), "{shown}");
        }
    }
    assert_eq!(calls, 1, "it was tried again");
}

fn expired() -> CertificateParams {
    let mut shown = certificate();
    shown.not_after = date_time_ymd(2001, 1, 1);
    shown
}

fn to_come() -> CertificateParams {
    let mut shown = certificate();
    shown.not_before = date_time_ymd(2999, 1, 1);
    shown
}

fn of_another_host() -> CertificateParams {
    CertificateParams::new(vec!["elsewhere.example".to_owned()]).unwrap()
}

/// What a server shows, and what is said of it.
type Shown = (fn() -> CertificateParams, &'static str);

const KINDS: [Shown; 3] = [(expired, "clock"), (to_come, "clock"), (of_another_host, "another host's")];

#[tokio::test]
async fn what_the_service_shows_is_refused_once_and_in_words() {
    let stage = Stage::new().await;
    let service = format!("the service at https://{}", stage.http);
    let other = Ca::new();
    assert_final(refused(stage.builder().ca_file(&other.file)).await, &service, "SECONDME_CA_FILE");
    for (shown, says) in KINDS {
        let http = stage.ca.front_showing(stage.emulator.address(), shown()).await;
        let builder = stage.builder().base_url(format!("https://{http}/gate/in").parse().unwrap());
        assert_final(refused(builder).await, &format!("the service at https://{http}"), says);
    }
    converse(&stage.builder().build().unwrap()).await.unwrap();
}

#[tokio::test]
async fn what_the_socket_s_server_shows_is_refused_once_and_in_words() {
    let stage = Stage::new().await;
    let unknown = Ca::new().front(stage.emulator.address()).await;
    let mut sockets: Vec<(SocketAddr, &str)> = vec![(unknown, "SECONDME_CA_FILE")];
    for (shown, says) in KINDS {
        sockets.push((stage.ca.front_showing(stage.emulator.address(), shown()).await, says));
    }
    for (socket, says) in sockets {
        stage.emulator.configure(|settings| settings.socket_base = Some(format!("wss://{socket}")));
        assert_final(refused(stage.builder()).await, "the socket's server", says);
    }
}

#[tokio::test]
async fn a_key_that_is_not_pinned_is_refused_though_its_certificate_is_good() {
    let stage = Stage::new().await;
    let [http, socket] = stage.ca.pins().try_into().unwrap();
    converse(&stage.builder().pins([&socket, &http]).build().unwrap()).await.unwrap();
    let service = format!("the service at https://{}", stage.http);
    assert_final(refused(stage.builder().pins([&socket])).await, &service, "is not pinned");
    assert_final(refused(stage.builder().pins([&http])).await, "the socket's server", "is not pinned");
    // A pinned key in a certificate that is refused does not help.
    let expired = stage.ca.front_showing(stage.emulator.address(), expired()).await;
    let pin = stage.ca.pins().pop().unwrap();
    let builder = stage.builder().base_url(format!("https://{expired}/gate/in").parse().unwrap()).pins([pin]);
    assert_final(refused(builder).await, &format!("the service at https://{expired}"), "clock");
}

#[tokio::test]
async fn with_only_one_ca_no_other_counts() {
    let stage = Stage::new().await;
    let builder = || {
        let builder = AvatarClient::builder(stage.emulator.api_key()).unwrap().no_proxy();
        builder.base_url(stage.base().parse().unwrap())
    };
    let client = builder().only_ca_file(&stage.ca.file).min_tls("1.3").build().unwrap();
    converse(&client).await.unwrap();
    let other = Ca::new();
    let service = format!("the service at https://{}", stage.http);
    assert_final(
        refused(builder().only_ca_file(&other.file)).await,
        &service,
        "no CA that this machine trusts",
    );
    let both = stage.builder().only_ca_file(&other.file).build().unwrap_err();
    assert!(both.to_string().contains("no other certificates are trusted"), "{both}");
    let missing = builder().only_ca_file("/no/such/file").build().unwrap_err();
    assert!(missing.to_string().contains("cannot be read"), "{missing}");
}

#[tokio::test]
async fn a_server_without_the_version_of_tls_that_is_asked_for_is_told_apart_from_one_that_is_away() {
    let stage = Stage::new().await;
    let older = async || stage.ca.front_speaking(stage.emulator.address(), &[&rustls::version::TLS12]).await;
    let (http, socket) = (older().await, older().await);
    let refused = async |builder: ClientBuilder, whose: &str| {
        let client = builder.min_tls("1.3").build().unwrap();
        let opening = client.open(Visitor::for_user("test", "ada").unwrap());
        let error = opening.deadline(Duration::from_secs(60)).await.unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::ConnectionFailed, false), "{error}");
        let says = format!("{whose} speaks no version of TLS that this client speaks");
        assert!(error.to_string().contains(&says) && error.to_string().contains("`min_tls`"), "{error}");
    };
    let builder = || stage.builder().base_url(format!("https://{http}/gate/in").parse().unwrap());
    refused(builder(), &format!("the service at https://{http}")).await;
    refused(stage.builder().proxy(format!("https://{http}")), &format!("the proxy at {http}")).await;
    stage.emulator.configure(|settings| settings.socket_base = Some(format!("wss://{socket}")));
    refused(stage.builder(), "the socket's server").await;
    converse(&builder().build().unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_socket_leads_to_the_hosts_that_are_allowed() {
    let stage = Stage::new().await;
    let host = stage.socket.ip().to_string();
    converse(&stage.builder().socket_hosts([&host]).build().unwrap()).await.unwrap();
    let client = stage.builder().socket_hosts(["*.second.me"]).build().unwrap();
    let opening = client.open(Visitor::for_user("test", "ada").unwrap());
    let error = opening.deadline(Duration::from_secs(2)).await.unwrap_err();
    let says = "leads to a host that `socket_hosts` does not name (*.second.me)";
    assert!(error.to_string().contains(says) && !error.to_string().contains(&host), "{error}");
    for wrong in [
        stage.builder().pins(["sha256/no"]),
        stage.builder().min_tls("1"),
        stage.builder().socket_hosts([""]),
    ] {
        assert_eq!(wrong.build().unwrap_err().kind(), ErrorKind::Misuse);
    }
}

#[tokio::test]
async fn what_a_proxy_shows_is_refused_once_and_in_words() {
    let stage = Stage::new().await;
    let unknown = Ca::new().front(stage.emulator.address()).await;
    let mut proxies = vec![(unknown, "SECONDME_CA_FILE")];
    for (shown, says) in KINDS {
        proxies.push((stage.ca.front_showing(stage.emulator.address(), shown()).await, says));
    }
    for (proxy, says) in proxies {
        let builder = stage.builder().proxy(format!("https://{proxy}"));
        assert_final(refused(builder).await, &format!("the proxy at {proxy}"), says);
    }
}

#[tokio::test]
async fn an_open_conversation_waits_until_the_certificate_is_well_again() {
    let stage = Stage::new().await;
    let client = stage.builder().build().unwrap();
    let events = client.events();
    let chat = client.open(Visitor::for_user("test", "ada").unwrap()).await.unwrap();
    // A captive portal, for a while.
    let portal = Ca::new().front(stage.emulator.address()).await;
    stage.emulator.configure(|settings| settings.socket_base = Some(format!("wss://{portal}")));
    chat.network_changed().await.unwrap();
    let mut refusals = 0;
    while refusals < 2 {
        let event = events.next().await.unwrap();
        if let EventKind::Disconnected { cause, .. } = event.kind {
            refusals += usize::from(cause.kind() == ErrorKind::Certificate);
        }
    }
    stage.emulator.configure(|settings| settings.socket_base = Some(format!("wss://{}", stage.socket)));
    assert!(chat.ask("Hello").await.unwrap().text.contains("Hello"));
}

#[tokio::test]
async fn without_root_certificates_http_works_and_https_has_mozilla_s_unless_that_is_turned_off() {
    let emulator = Emulator::builder().start().await.unwrap();
    let unknown = Ca::new().front(emulator.address()).await;
    let mut child = tokio::process::Command::new(std::env::current_exe().unwrap());
    child.args([
        "--exact",
        "certificates::on_a_machine_without_root_certificates",
        "--ignored",
        "--nocapture",
    ]);
    for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"] {
        child.env_remove(name).env_remove(name.to_lowercase());
    }
    child.env_remove("SECONDME_CA_FILE");
    // Where the platform's verifier looks, in the place of the system's folders.
    child.env("SSL_CERT_FILE", "/nonexistent/certificates.pem").env("SSL_CERT_DIR", "/nonexistent");
    child.env("SECONDME_API_KEY", emulator.api_key()).env("PLAIN", emulator.base_url());
    child.env("ENCRYPTED", format!("https://{unknown}/gate/in"));
    let output = child.stdin(Stdio::null()).output().await.unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
#[ignore = "started by the test above, with an environment"]
async fn on_a_machine_without_root_certificates() {
    let builder = |name: &str| {
        let builder = AvatarClient::builder_from_env().unwrap();
        builder.base_url(std::env::var(name).unwrap().parse().unwrap())
    };
    for trust in [true, false] {
        converse(&builder("PLAIN").builtin_roots(trust).build().unwrap()).await.unwrap();
    }
    let error = builder("ENCRYPTED").builtin_roots(false).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misuse);
    assert!(error.to_string().contains("ca-certificates"), "{error}");
    // With Mozilla's roots a client can be made, and they do not hold this test's CA.
    let service = std::env::var("ENCRYPTED").unwrap();
    let service = format!("the service at {}", service.trim_end_matches("/gate/in"));
    assert_final(refused(builder("ENCRYPTED")).await, &service, "SECONDME_CA_FILE");
}
