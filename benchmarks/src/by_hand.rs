//! What a user would write by hand: the steps of the vendor's pages, in their order.

use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::{SinkExt, StreamExt};
use reqwest::Client;
use secondme_avatar_emulator::Emulator;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use crate::Error;

/// An open socket, and the id in its pings.
pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// An open conversation, as a user's own code would hold it.
pub(crate) struct Opened {
    pub(crate) socket: Socket,
    pub(crate) session_id: String,
    http: Client,
    send: String,
    token: String,
    visitor: String,
    /// The fields that every message has.
    message: Value,
    sent: u64,
}

impl Opened {
    /// Step 5: without a ping from time to time the service ends the socket.
    pub(crate) async fn ping(&mut self) -> Result<(), Error> {
        let ping = json!({ "type": "ping", "wsId": self.message["wsId"] });
        Ok(self.socket.send(Message::text(ping.to_string())).await?)
    }

    /// Step 6: sends a message, and reads and acknowledges all frames up to the end of its reply.
    pub(crate) async fn ask(&mut self, text: &str) -> Result<(), Error> {
        self.sent += 1;
        let timestamp = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
        let id = format!("{}_____{timestamp}", self.sent);
        let mut message = self.message.clone();
        (message["seqId"], message["messageId"]) = (json!(id), json!(id));
        (message["timestamp"], message["data"]) =
            (json!(u64::try_from(timestamp)?), json!({ "content": text }));
        data(call(&self.http, &self.send, (&self.token, &self.visitor), &message)).await?;
        loop {
            let frame = self.socket.next().await.ok_or("the socket ended before the reply did")??;
            let Message::Text(text) = frame else { continue };
            let frame: Value = serde_json::from_str(&text)?;
            let ack = json!({ "type": "ack", "seqId": frame["seqId"], "wsId": self.message["wsId"] });
            self.socket.send(Message::text(ack.to_string())).await?;
            if frame["index"] == -1 {
                return Ok(());
            }
        }
    }
}

/// Steps 0 to 5 of the vendor's API page, one after the other: the socket, and the id in its pings.
pub(crate) async fn open(
    http: &Client,
    base: &str,
    key: &str,
    visitor: &str,
    config: Option<WebSocketConfig>,
) -> Result<(Socket, String), Error> {
    let opened = open_to_talk(http, base, key, visitor, config).await?;
    Ok((opened.socket, text(&opened.message, "wsId")))
}

/// The same, with what [`Opened::ask`] needs.
pub(crate) async fn open_to_talk(
    http: &Client,
    base: &str,
    key: &str,
    visitor: &str,
    config: Option<WebSocketConfig>,
) -> Result<Opened, Error> {
    let auth = http
        .post(format!("{base}/rest/open/avatar/auth"))
        .bearer_auth(key)
        .header("Content-Type", "application/json")
        .body(json!({ "visitorId": visitor }).to_string());
    let auth = data(auth).await?;
    let token = text(&auth, "visitorToken");
    let step = |path: &str, body: Value| call(http, &format!("{base}{path}"), (&token, visitor), &body);
    let share_code = text(&auth, "avatarShareCode");
    let init = data(step("/rest/os/avatar/chat/init", json!({ "shareCode": share_code }))).await?;
    let socket = json!({
        "userId": auth["visitorUserId"], "channel": ["ALL"], "apiVersion": "1.3.0", "sdkVersion": "1.0.0",
    });
    let socket = data(step("/rest/general/ws/create", socket)).await?;
    let mind_id: u64 = text(&auth, "visitorMindId").parse()?;
    let session = json!({
        "mindId": mind_id, "mindType": "shadow", "mode": "PERSONAL", "sessionType": "SHARE",
        "memberUserIds": [auth["ownerUserId"]],
    });
    let session = data(step("/rest/general/session/create", session)).await?;
    let avatar = http.get(format!("{base}/rest/os/avatar/public/{share_code}")).header("token", &token);
    let avatar = data(avatar).await?;
    let bind = json!({ "avatarId": avatar["id"], "sessionId": session["sessionId"] });
    data(step("/rest/os/avatar/chat/start", bind)).await?;
    let (stream, _) = connect_async_with_config(text(&socket, "address"), config, false).await?;
    let message = json!({
        "sessionId": session["sessionId"], "mindId": init["mindId"], "wsId": socket["wsId"],
        "userId": auth["visitorUserId"], "sendUserId": auth["visitorUserId"],
        "index": 0, "dataType": "text", "sender": "client", "type": "msg",
    });
    let (http, send) = (http.clone(), format!("{base}/rest/general/message/send"));
    let (visitor, session_id) = (visitor.to_owned(), text(&session, "sessionId"));
    Ok(Opened { socket: stream, session_id, http, send, token, visitor, message, sent: 0 })
}

fn call(http: &Client, url: &str, (token, visitor): (&str, &str), body: &Value) -> reqwest::RequestBuilder {
    http.post(url)
        .header("token", token)
        .header("Fp", visitor)
        .header("Content-Type", "application/json")
        .body(body.to_string())
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
