//! Visitor Chat over real HTTP and a real socket, and what the control API does for it.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod wire;

use futures_util::{SinkExt, StreamExt};
use secondme_avatar_emulator::Emulator;
use secondme_avatar_emulator::service::{SocketUrl, TokenStanding};
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use wire::{Socket, VISITOR, data, http};

async fn token(emulator: &Emulator) -> String {
    let request = http().post(format!("{}/api/oauth/token/client", emulator.lab_base_url()));
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&scope=chat.write",
        emulator.client_id(),
        emulator.client_secret()
    );
    let request = request.header("Content-Type", "application/x-www-form-urlencoded").body(form);
    let data = data(request.send().await.unwrap()).await;
    data["accessToken"].as_str().unwrap().to_owned()
}

async fn call(emulator: &Emulator, token: &str, name: &str, body: Value) -> reqwest::Response {
    let url = format!("{}/api/secondme/visitor-chat/{name}", emulator.lab_base_url());
    let request = http().post(url).header("Authorization", format!("Bearer {token}"));
    request.header("Content-Type", "application/json").body(body.to_string()).send().await.unwrap()
}

async fn control(emulator: &Emulator, path: &str, body: Value) -> Value {
    let request = http().post(format!("{}/{path}", emulator.control_url())).body(body.to_string());
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

async fn reply(socket: &mut Socket) -> String {
    let mut reply = String::new();
    loop {
        let Message::Text(text) = socket.next().await.unwrap().unwrap() else {
            continue;
        };
        let frame: Value = serde_json::from_str(&text).unwrap();
        if frame["sender"] == "umm" {
            reply += frame["multipleData"][0]["modal"]["answer"].as_str().unwrap_or_default();
            if frame["index"] == -1 {
                return reply;
            }
        }
    }
}

#[tokio::test]
async fn a_token_an_init_and_a_socket_hold_a_conversation_whatever_the_socket_url_looks_like() {
    for url in SocketUrl::ALL.iter().copied() {
        let builder = Emulator::builder().client("my-app", "my secret");
        let builder = builder.configure(|settings| settings.visitor_chat_socket_url = url);
        let emulator = builder.start().await.unwrap();
        assert!(emulator.lab_base_url().ends_with("/gate/lab"));
        assert_eq!(
            (emulator.client_id().as_str(), emulator.client_secret().as_str()),
            ("my-app", "my secret")
        );
        let token = token(&emulator).await;
        let init = json!({"apiKey": emulator.api_key(), "visitorId": VISITOR});
        let chat = data(call(&emulator, &token, "init", init).await).await;
        let (mut socket, _) = connect_async(chat["wsUrl"].as_str().unwrap()).await.unwrap();
        socket.send(Message::text(r#"{"type":"ping"}"#)).await.unwrap();
        let message = json!({"sessionId": chat["sessionId"], "apiKey": emulator.api_key(), "message": "Hi"});
        data(call(&emulator, &token, "send", message).await).await;
        assert_eq!(reply(&mut socket).await, "You said: Hi", "{url}");
        emulator.owner().reply(chat["sessionId"].as_str().unwrap(), "The owner").unwrap();
        let owner = socket.next().await.unwrap().unwrap().into_text().unwrap();
        assert!(owner.contains("The owner"), "{owner}");
        emulator.stop().await;
    }
}

#[tokio::test]
async fn the_control_api_gives_a_users_token_and_ends_it() {
    let emulator = Emulator::builder().user_token("lba_at_prepared", "ben").start().await.unwrap();
    let issued = control(&emulator, "user-tokens", json!({"user": "ann"})).await;
    let issued = issued["token"].as_str().unwrap();
    let init = json!({"apiKey": emulator.api_key()});
    for token in [issued, "lba_at_prepared"] {
        assert_eq!(call(&emulator, token, "init", init.clone()).await.status(), 200);
    }
    let users: Vec<_> = emulator.state().visitors.into_iter().map(|visitor| visitor.visitor_id).collect();
    assert_eq!(users, ["ann", "ben"]);
    let ended = control(&emulator, "chat-tokens", json!({"token": issued, "standing": "revoked"})).await;
    assert_eq!(ended, json!({"changed": 1}));
    let answer = call(&emulator, issued, "init", init.clone()).await;
    assert_eq!(answer.status(), 401);
    assert!(answer.text().await.unwrap().contains("oauth2.token.revoked"));
    assert_eq!(emulator.set_chat_tokens(None, TokenStanding::Live), 2, "the one of the settings as well");
    assert_eq!(call(&emulator, issued, "init", init.clone()).await.status(), 200);
    let fresh = emulator.issue_user_token("ann");
    assert_eq!(call(&emulator, &fresh, "init", init).await.status(), 200);
    assert_eq!(emulator.state().visitors.len(), 2, "ann is one visitor, whatever her token");
}
