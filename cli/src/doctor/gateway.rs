//! The service's newer host: whether it would answer where the usual one cannot be reached.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use secondme_avatar::{BaseUrl, Door, Error, ErrorKind, one_line};
use serde_json::Value;

/// How long the whole look may take.
const PATIENCE: Duration = Duration::from_secs(8);

/// What was found at the newer host.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// The gateway, in its own envelope.
    Gateway,
    /// Its name has no address here.
    NoAddress,
    /// No connection, or no TLS.
    Unreachable(String),
    /// Something else answered.
    Foreign(u16),
}

/// Tries the newer host without any key, where it may help.
pub(super) async fn look(base: &BaseUrl, door: Door, error: &Error) -> Option<String> {
    let unreachable = matches!(error.kind(), ErrorKind::ConnectionFailed | ErrorKind::Deadline)
        && error.status().is_none()
        && error.close_code().is_none();
    // A name means another host behind each door.
    let base = match base.environment() {
        Some(environment) => environment.url(door).parse().ok()?,
        None => base.clone(),
    };
    let url = base.moved().filter(|_| unreachable)?;
    Some(finding(url, &probe(url, door).await))
}

fn finding(url: &str, answer: &Answer) -> String {
    let set =
        "set SECONDME_BASE_URL=gateway, or pass --base-url gateway (the option `environment` of a client)";
    match answer {
        Answer::Gateway => format!(
            "The service's gateway has moved, and answers at {url}: its name resolves, TLS stands, and it speaks as the \
             service does. To use it, {set}. No key was sent there."
        ),
        Answer::NoAddress => format!(
            "The service's newer host does not resolve here either ({url}): look at this machine's DNS and network first."
        ),
        Answer::Unreachable(cause) => format!(
            "The service's newer host resolves, but cannot be reached either ({url}: {cause}): look at this machine's \
             network, its proxy and its clock first."
        ),
        Answer::Foreign(status) => format!(
            "At the service's newer host ({url}) something answers that does not speak as the service does (HTTP \
             {status}): perhaps a proxy in between, or it is not there yet."
        ),
    }
}

async fn probe(base: &str, door: Door) -> Answer {
    match tokio::time::timeout(PATIENCE, ask(base, door)).await {
        Ok(answer) => answer,
        Err(_) => Answer::Unreachable(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

/// A call that every gateway refuses for want of a key, and so in its envelope.
async fn ask(base: &str, door: Door) -> Answer {
    let path = match door {
        Door::AvatarOpenApi => "/rest/open/avatar/auth",
        Door::VisitorChat => "/api/secondme/visitor-chat/init",
    };
    let Ok(url) = format!("{base}{path}").parse::<Url>() else {
        return Answer::NoAddress;
    };
    let proxied = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let is_direct = !proxied.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    if let (true, Some(host), Some(port)) = (is_direct, url.host_str(), url.port_or_known_default()) {
        // A proxy would resolve the name itself.
        let found = tokio::net::lookup_host((host, port)).await;
        if !found.is_ok_and(|mut addresses| addresses.next().is_some()) {
            return Answer::NoAddress;
        }
    }
    let client = client();
    let sent = match client {
        Ok(client) => client.post(url).header("content-type", "application/json").body("{}").send().await,
        Err(error) => Err(error),
    };
    let answer = match sent {
        Ok(answer) => answer,
        Err(error) => return Answer::Unreachable(cause(&error.without_url())),
    };
    let status = answer.status().as_u16();
    let body = answer.text().await.unwrap_or_default();
    let fields = serde_json::from_str::<Value>(&body).ok().filter(Value::is_object);
    let speaks = |fields: Value| {
        ["code", "subCode", "error_code", "detail"].iter().any(|name| !fields[name].is_null())
    };
    if fields.is_some_and(speaks) { Answer::Gateway } else { Answer::Foreign(status) }
}

/// Trusts what the library does: the platform's certificates, and those of `SECONDME_CA_FILE`.
fn client() -> reqwest::Result<Client> {
    // An application decides this for its process. An error means that it is decided.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder().redirect(Policy::none()).connect_timeout(PATIENCE);
    let own = std::env::var_os("SECONDME_CA_FILE").filter(|path| !path.is_empty());
    // The client of the doctor has already said what is wrong with such a file.
    if let Some(pem) = own.and_then(|path| std::fs::read(path).ok()) {
        builder = builder.tls_certs_merge(reqwest::Certificate::from_pem_bundle(&pem)?);
    }
    builder.build()
}

fn cause(error: &dyn std::error::Error) -> String {
    let mut root = error;
    while let Some(source) = root.source() {
        root = source;
    }
    one_line(&root.to_string(), 200)
}

#[cfg(test)]
mod tests {
    use secondme_avatar_emulator::Emulator;

    use super::*;

    #[tokio::test]
    async fn the_gateway_is_known_by_its_envelope_and_nothing_else_is_taken_for_it() {
        let emulator = Emulator::builder().start().await.unwrap();
        assert_eq!(probe(emulator.base_url(), Door::AvatarOpenApi).await, Answer::Gateway);
        assert_eq!(probe(emulator.lab_base_url(), Door::VisitorChat).await, Answer::Gateway);
        let journal = serde_json::to_string(&emulator.journal()).unwrap();
        assert!(
            !journal.contains(r#""authorization":"#) && !journal.contains(emulator.api_key()),
            "no key goes there: {journal}"
        );
        assert_eq!(
            probe("https://no-such-host.invalid/gate/in", Door::AvatarOpenApi).await,
            Answer::NoAddress
        );
        let closed = probe("http://127.0.0.1:1/gate/in", Door::AvatarOpenApi).await;
        assert!(matches!(closed, Answer::Unreachable(_)), "{closed:?}");
        let console = emulator.control_url();
        let foreign = probe(&format!("{}/nothing", console.trim_end_matches('/')), Door::AvatarOpenApi).await;
        assert!(matches!(foreign, Answer::Foreign(_)), "{foreign:?}");
    }

    #[tokio::test]
    async fn only_a_host_of_the_service_that_cannot_be_reached_is_a_reason_to_look() {
        let unreachable = Error::new(ErrorKind::ConnectionFailed, "no such host");
        let own: BaseUrl = "http://127.0.0.1:9/gate/in".parse().unwrap();
        assert_eq!(look(&own, Door::AvatarOpenApi, &unreachable).await, None);
        let refused = Error::new(ErrorKind::Authentication, "the key");
        assert_eq!(look(&BaseUrl::production(), Door::AvatarOpenApi, &refused).await, None);
    }

    #[test]
    fn each_finding_says_what_to_do() {
        let url = "https://api.mindverse.com/gate/in";
        assert!(finding(url, &Answer::Gateway).contains("SECONDME_BASE_URL=gateway"));
        for answer in [Answer::NoAddress, Answer::Unreachable("x".to_owned()), Answer::Foreign(502)] {
            let said = finding(url, &answer);
            assert!(said.contains(url) && !said.contains("SECONDME_BASE_URL"), "{said}");
        }
    }
}
