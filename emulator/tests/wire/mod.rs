//! A visitor of an emulator over real HTTP and a real socket.
#![allow(dead_code, unreachable_pub)] // Each test program is its own crate, and uses a part of it.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

use futures_util::{SinkExt, StreamExt};
use secondme_avatar_emulator::Emulator;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

pub const VISITOR: &str = "feishu_550e8400-e29b-41d4-a716-446655440000";

pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A visitor with a bound session and a live socket.
pub struct Client {
    pub http: reqwest::Client,
    pub base: String,
    pub token: String,
    pub user_id: Value,
    pub owner: Value,
    pub mind_id: Value,
    pub ws_id: Value,
    pub session: String,
    pub socket: Socket,
    messages: u64,
}

pub fn http() -> reqwest::Client {
    // reqwest wants one even where nothing is encrypted; the first test to come installs it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().build().unwrap()
}

/// Authenticates, and gives the data of the answer.
pub async fn auth(http: &reqwest::Client, emulator: &Emulator) -> Value {
    let request = http.post(format!("{}/rest/open/avatar/auth", emulator.base_url()));
    let request = request.header("Authorization", format!("Bearer {}", emulator.api_key()));
    let request = request.header("Content-Type", "application/json");
    let body = json!({"visitorId": VISITOR, "visitorName": "John Doe", "channel": "feishu"});
    data(request.body(body.to_string()).send().await.unwrap()).await
}

pub async fn data(answer: reqwest::Response) -> Value {
    let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(body["code"], 0, "{body}");
    body["data"].clone()
}

impl Client {
    /// The page's steps, in its order.
    pub async fn open(emulator: &Emulator) -> Self {
        let http = http();
        let auth = auth(&http, emulator).await;
        let base = emulator.base_url();
        let token = auth["visitorToken"].as_str().unwrap();
        let post = async |path: &str, body: Value| {
            let request = http.post(format!("{base}{path}")).header("token", token);
            let request = request.header("Fp", VISITOR).header("Content-Type", "application/json");
            data(request.body(body.to_string()).send().await.unwrap()).await
        };
        let init = json!({"shareCode": auth["avatarShareCode"]});
        let init = post("/rest/os/avatar/chat/init", init).await;
        let ws = json!({"userId": auth["visitorUserId"], "channel": ["ALL"], "apiVersion": "1.3.0", "sdkVersion": "1.0.0"});
        let ws = post("/rest/general/ws/create", ws).await;
        let mind_id: u64 = auth["visitorMindId"].as_str().unwrap().parse().unwrap();
        let session = json!({"mindId": mind_id, "mindType": "shadow", "mode": "PERSONAL",
            "sessionType": "SHARE", "memberUserIds": [auth["ownerUserId"]]});
        let session = post("/rest/general/session/create", session).await;
        let share_code = auth["avatarShareCode"].as_str().unwrap();
        let avatar = http.get(format!("{base}/rest/os/avatar/public/{share_code}")).header("token", token);
        let avatar = data(avatar.send().await.unwrap()).await;
        let bind = json!({"avatarId": avatar["id"], "sessionId": session["sessionId"]});
        post("/rest/os/avatar/chat/start", bind).await;
        let (socket, _) = connect_async(ws["address"].as_str().unwrap()).await.unwrap();
        Self {
            base: base.to_owned(),
            token: token.to_owned(),
            user_id: auth["visitorUserId"].clone(),
            owner: auth["ownerUserId"].clone(),
            mind_id: init["mindId"].clone(),
            ws_id: ws["wsId"].clone(),
            session: session["sessionId"].as_str().unwrap().to_owned(),
            messages: 0,
            http,
            socket,
        }
    }

    pub async fn post(&self, path: &str, body: Value) -> reqwest::Response {
        let request = self.http.post(format!("{}{path}", self.base)).header("token", &self.token);
        let request = request.header("Fp", VISITOR).header("Content-Type", "application/json");
        request.body(body.to_string()).send().await.unwrap()
    }

    pub async fn send(&mut self, text: &str) {
        self.messages += 1;
        let id = format!("{}_____1774580000000", self.messages);
        let message = json!({"timestamp": 1_774_580_000_000_u64, "seqId": id, "sessionId": self.session,
            "userId": self.user_id, "messageId": id, "mindId": self.mind_id, "index": 0,
            "sendUserId": self.user_id, "dataType": "text", "sender": "client", "type": "msg",
            "wsId": self.ws_id, "data": {"content": text}});
        data(self.post("/rest/general/message/send", message).await).await;
    }

    pub async fn ping(&mut self) {
        let ping = json!({"type": "ping", "wsId": self.ws_id});
        self.socket.send(Message::text(ping.to_string())).await.unwrap();
    }

    /// The next frame.
    pub async fn next(&mut self) -> Value {
        match self.socket.next().await.unwrap().unwrap() {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// The text of a reply, to its end.
    pub async fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let piece = self.next().await;
            if piece["sender"] == "umm" {
                reply += piece["multipleData"][0]["modal"]["answer"].as_str().unwrap_or_default();
                if piece["index"] == -1 {
                    return reply;
                }
            }
        }
    }
}
