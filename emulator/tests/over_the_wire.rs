//! The emulator over real HTTP and real sockets.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is told.

use futures_util::{SinkExt, StreamExt};
use secondme_avatar_emulator::service::Author;
use secondme_avatar_emulator::{Brain, Emulator};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

const VISITOR: &str = "feishu_550e8400-e29b-41d4-a716-446655440000";

struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Client {
    async fn auth(emulator: &Emulator) -> (Self, Value) {
        // reqwest wants one even where nothing is encrypted; the first test to come installs it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().build().unwrap();
        let answer = http
            .post(format!("{}/rest/open/avatar/auth", emulator.base_url()))
            .header("Authorization", format!("Bearer {}", emulator.api_key()))
            .header("Content-Type", "application/json")
            .body(
                json!({"visitorId": VISITOR, "visitorName": "John Doe", "channel": "feishu"})
                    .to_string(),
            )
            .send()
            .await
            .unwrap();
        let data = data(answer).await;
        let token = data["visitorToken"].as_str().unwrap().to_owned();
        (
            Self {
                http,
                base: emulator.base_url().to_owned(),
                token,
            },
            data,
        )
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let request = self.http.post(format!("{}{path}", self.base));
        let request = request.header("token", &self.token).header("Fp", VISITOR);
        let request = request
            .header("Content-Type", "application/json")
            .body(body.to_string());
        data(request.send().await.unwrap()).await
    }

    async fn get(&self, path: &str) -> Value {
        let request = self
            .http
            .get(format!("{}{path}", self.base))
            .header("token", &self.token);
        data(request.header("Fp", VISITOR).send().await.unwrap()).await
    }
}

async fn data(answer: reqwest::Response) -> Value {
    let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(body["code"], 0, "{body}");
    body["data"].clone()
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn next(socket: &mut Socket) -> Value {
    match socket.next().await.unwrap().unwrap() {
        Message::Text(text) => serde_json::from_str(&text).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_pages_seven_steps_hold_a_conversation() {
    let emulator = Emulator::builder()
        .brain(Brain::demo())
        .start()
        .await
        .unwrap();
    let (client, auth) = Client::auth(&emulator).await;
    let user = auth["visitorUserId"].clone();
    let init = client
        .post(
            "/rest/os/avatar/chat/init",
            json!({"shareCode": auth["avatarShareCode"]}),
        )
        .await;
    let ws =
        json!({"userId": user, "channel": ["ALL"], "apiVersion": "1.3.0", "sdkVersion": "1.0.0"});
    let ws = client.post("/rest/general/ws/create", ws).await;
    let mind_id: u64 = auth["visitorMindId"].as_str().unwrap().parse().unwrap();
    let session = client
        .post(
            "/rest/general/session/create",
            json!({"mindId": mind_id, "mindType": "shadow", "mode": "PERSONAL", "sessionType": "SHARE",
                   "memberUserIds": [auth["ownerUserId"]]}),
        )
        .await;
    let session_id = session["sessionId"].as_str().unwrap();
    let avatar = client
        .get(&format!(
            "/rest/os/avatar/public/{}",
            auth["avatarShareCode"].as_str().unwrap()
        ))
        .await;
    let bind = json!({"avatarId": avatar["id"], "sessionId": session_id});
    client.post("/rest/os/avatar/chat/start", bind).await;
    let (mut socket, _) = connect_async(ws["address"].as_str().unwrap())
        .await
        .unwrap();
    socket
        .send(Message::text(
            json!({"type": "ping", "wsId": ws["wsId"]}).to_string(),
        ))
        .await
        .unwrap();
    assert_eq!(
        next(&mut socket).await,
        json!({"type": "pong", "wsId": ws["wsId"]})
    );

    let id = "12345_____1774580000000";
    let send = json!({"timestamp": 1_774_580_000_000_u64, "seqId": id, "sessionId": session_id, "userId": user,
        "messageId": id, "mindId": init["mindId"], "index": 0, "sendUserId": user, "dataType": "text",
        "sender": "client", "type": "msg", "wsId": ws["wsId"],
        "data": {"content": "Hello, tell me about yourself"}});
    client.post("/rest/general/message/send", send).await;
    let echo = next(&mut socket).await;
    assert_eq!(
        (&echo["sender"], &echo["sendUserId"]),
        (&json!("client"), &user)
    );
    let mut reply = String::new();
    loop {
        let piece = next(&mut socket).await;
        assert_eq!(piece["sender"], "umm");
        reply += piece["multipleData"][0]["modal"]["answer"]
            .as_str()
            .unwrap();
        if piece["index"] == -1 {
            break;
        }
    }
    assert!(
        reply.starts_with("I'm the avatar of Ada Lovelace"),
        "{reply}"
    );

    emulator
        .owner()
        .reply(session_id, "Hi, this is the real me...")
        .unwrap();
    let owner = next(&mut socket).await;
    assert_eq!(
        (&owner["sender"], &owner["sendUserId"]),
        (&json!("client"), &auth["ownerUserId"])
    );
    let state = emulator.state();
    assert_eq!(
        state.session(session_id).unwrap().texts(Author::Owner),
        ["Hi, this is the real me..."]
    );
    assert_eq!(state.calls("message/send"), 1);
    emulator.stop().await;
    assert!(socket.next().await.is_none_or(|end| end.is_err()));
}
