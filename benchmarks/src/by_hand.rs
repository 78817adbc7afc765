//! What a user would write by hand: the steps of the vendor's pages, in their order.

use reqwest::Client;
use secondme_avatar_emulator::Emulator;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use crate::Error;

/// An open socket, and the id in its pings.
pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Steps 0 to 5 of the vendor's API page, one after the other.
pub(crate) async fn open(
    http: &Client,
    base: &str,
    key: &str,
    visitor: &str,
    config: Option<WebSocketConfig>,
) -> Result<(Socket, String), Error> {
    let auth = http
        .post(format!("{base}/rest/open/avatar/auth"))
        .bearer_auth(key)
        .header("Content-Type", "application/json")
        .body(json!({ "visitorId": visitor }).to_string());
    let auth = data(auth).await?;
    let token = text(&auth, "visitorToken");
    let call = |path: &str, body: Value| {
        http.post(format!("{base}{path}"))
            .header("token", &token)
            .header("Fp", visitor)
            .header("Content-Type", "application/json")
            .body(body.to_string())
    };
    let share_code = text(&auth, "avatarShareCode");
    data(call("/rest/os/avatar/chat/init", json!({ "shareCode": share_code }))).await?;
    let socket = json!({
        "userId": auth["visitorUserId"], "channel": ["ALL"], "apiVersion": "1.3.0", "sdkVersion": "1.0.0",
    });
    let socket = data(call("/rest/general/ws/create", socket)).await?;
    let mind_id: u64 = text(&auth, "visitorMindId").parse()?;
    let session = json!({
        "mindId": mind_id, "mindType": "shadow", "mode": "PERSONAL", "sessionType": "SHARE",
        "memberUserIds": [auth["ownerUserId"]],
    });
    let session = data(call("/rest/general/session/create", session)).await?;
    let avatar = http.get(format!("{base}/rest/os/avatar/public/{share_code}")).header("token", &token);
    let avatar = data(avatar).await?;
    let bind = json!({ "avatarId": avatar["id"], "sessionId": session["sessionId"] });
    data(call("/rest/os/avatar/chat/start", bind)).await?;
    let (stream, _) = connect_async_with_config(text(&socket, "address"), config, false).await?;
    Ok((stream, text(&socket, "wsId")))
}

/// Visitor Chat by hand: the app's token, `init`, the socket. `token` is one of an earlier call.
pub(crate) async fn open_visitor_chat(
    http: &Client,
    emulator: &Emulator,
    visitor: &str,
    token: Option<String>,
) -> Result<(Socket, String), Error> {
    let lab = emulator.lab_base_url();
    let token = match token {
        Some(token) => token,
        None => {
            let form = format!(
                "grant_type=client_credentials&client_id={}&client_secret={}&scope=chat.write",
                emulator.client_id(),
                emulator.client_secret()
            );
            let fetch = http
                .post(format!("{lab}/api/oauth/token/client"))
                .header("Content-Type", "application/x-www-form-urlencoded")
                .body(form);
            text(&data(fetch).await?, "accessToken")
        }
    };
    let init = http
        .post(format!("{lab}/api/secondme/visitor-chat/init"))
        .bearer_auth(&token)
        .header("Content-Type", "application/json")
        .body(json!({ "apiKey": emulator.api_key(), "visitorId": visitor }).to_string());
    let init = data(init).await?;
    let (stream, _) = connect_async_with_config(text(&init, "wsUrl"), None, false).await?;
    Ok((stream, token))
}

async fn data(request: reqwest::RequestBuilder) -> Result<Value, Error> {
    let answer: Value = serde_json::from_slice(&request.send().await?.bytes().await?)?;
    if answer["code"] != 0 {
        return Err(format!("refused: {answer}").into());
    }
    Ok(answer["data"].clone())
}

fn text(value: &Value, field: &str) -> String {
    match &value[field] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// reqwest without TLS, to the emulator on this machine.
pub(crate) fn http() -> Result<Client, Error> {
    // reqwest requires a TLS provider even for plain HTTP.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(Client::builder().no_proxy().build()?)
}
