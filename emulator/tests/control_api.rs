//! The control API, as tests in other languages use it.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod wire;

use futures_util::StreamExt;
use secondme_avatar_emulator::Emulator;
use serde_json::{Value, json};
use wire::{Client, http};

async fn call(emulator: &Emulator, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let url = format!("{}/{path}", emulator.control_url());
    let request = http().request(method.parse().unwrap(), url).body(body.to_string());
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap())
}

async fn post(emulator: &Emulator, path: &str, body: Value) -> Value {
    let (status, answer) = call(emulator, "POST", path, &body).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

#[tokio::test]
async fn the_owner_acts_through_it() {
    let emulator = Emulator::builder().start().await.unwrap();
    let mut ann = Client::open(&emulator).await;
    let session = json!({"sessionId": ann.session});
    post(&emulator, "owner/takeover", session.clone()).await;
    assert!(emulator.state().sessions[0].taken_over);
    let written = post(&emulator, "owner/reply", json!({"sessionId": ann.session, "text": "Hi"})).await;
    let frame = ann.next().await;
    assert_eq!((&frame["messageId"], &frame["sendUserId"]), (&written["messageId"], &ann.owner));
    post(&emulator, "owner/handback", session).await;
    ann.send("Hello").await;
    assert_eq!(ann.reply().await, "You said: Hello");
    let (status, answer) =
        call(&emulator, "POST", "owner/reply", &json!({"sessionId": "no", "text": "Hi"})).await;
    assert_eq!((status, &answer["error"]["code"]), (404, &json!("session.not.found")));
}

#[tokio::test]
async fn the_state_is_read_and_reset() {
    let emulator = Emulator::builder().start().await.unwrap();
    let mut ann = Client::open(&emulator).await;
    ann.send("Hello").await;
    ann.reply().await;
    let (status, state) = call(&emulator, "GET", "state", &Value::Null).await;
    assert_eq!((status, &state["calls"]["auth"]), (200, &json!(1)));
    assert_eq!(state["sessions"][0]["messages"][0]["text"], "Hello");
    assert_eq!(state["sessions"][0]["messages"][1]["author"], "avatar");
    assert_eq!(state["sockets"][0]["wsId"], ann.ws_id);
    assert!(!state.to_string().contains(&ann.token), "no secrets");
    post(&emulator, "reset", json!({})).await;
    assert!(ann.socket.next().await.is_none_or(|end| end.is_err()));
    let (_, state) = call(&emulator, "GET", "state", &Value::Null).await;
    assert_eq!((&state["sessions"], &state["calls"]), (&json!([]), &json!({})));
}

#[tokio::test]
async fn the_clock_is_moved_on() {
    let emulator = Emulator::builder().start().await.unwrap();
    let before = emulator.now().0;
    let answer = post(&emulator, "clock", json!({"advance_ms": 600_000})).await;
    assert!(answer["now"].as_u64().unwrap() >= before + 600_000);
    for wrong in
        [json!({}), json!({"advance_ms": -1}), json!({"advance_ms": u64::MAX}), json!({"advance": 1})]
    {
        let (status, answer) = call(&emulator, "POST", "clock", &wrong).await;
        assert_eq!((status, &answer["error"]["code"]), (400, &json!("control.body")), "{wrong}");
    }
}

#[tokio::test]
async fn any_frame_is_pushed_and_sockets_are_closed() {
    let emulator = Emulator::builder().start().await.unwrap();
    let mut ann = Client::open(&emulator).await;
    let session = &ann.session.clone();
    for (body, kind) in [
        (json!({"sessionId": session, "hint": "A line"}), "hint"),
        (json!({"sessionId": session, "notice": "A notice"}), "notice"),
        (json!({"sessionId": session, "failure": {"code": "message.length.limit"}}), "sys"),
        (json!({"sessionId": session, "frame": {"type": "task", "x": 1}}), "task"),
        (json!({"sessionId": session, "text": "{\"type\":\"raw\"}"}), "raw"),
    ] {
        post(&emulator, "push", body).await;
        assert_eq!(ann.next().await["type"], kind);
    }
    let (status, _) = call(&emulator, "POST", "push", &json!({"sessionId": session, "song": 1})).await;
    assert_eq!(status, 400);
    let closed = post(&emulator, "sockets/close", json!({"wsId": "ws:other"})).await;
    assert_eq!(closed["closed"], 0);
    let wrong = json!({"code": 1005});
    assert_eq!(call(&emulator, "POST", "sockets/close", &wrong).await.0, 400);
    let closed = post(&emulator, "sockets/close", json!({"abrupt": true})).await;
    assert_eq!(closed["closed"], 1);
    assert!(!matches!(ann.socket.next().await, Some(Ok(_))));
}

#[tokio::test]
async fn settings_are_read_and_changed_while_it_runs() {
    let emulator = Emulator::builder().start().await.unwrap();
    let mut ann = Client::open(&emulator).await;
    let changed = post(&emulator, "settings", json!({"pings": "nothing", "failure-status": "fitting"})).await;
    assert_eq!((&changed["pings"], &changed["ping-drop"]), (&json!("nothing"), &json!("30s")));
    let (_, settings) = call(&emulator, "GET", "settings", &Value::Null).await;
    assert_eq!(settings["pings"], "nothing");
    ann.ping().await;
    ann.send("Hello").await;
    assert_ne!(ann.next().await["type"], "pong");
    for wrong in [json!({"pings": "pang"}), json!({"pongs": "no"}), json!({"keys": []})] {
        assert_eq!(call(&emulator, "POST", "settings", &wrong).await.0, 400, "{wrong}");
    }
    // Visitors belong to avatars, so an avatar cannot be taken away.
    post(&emulator, "settings", json!({"avatars": []})).await;
    ann.send("Still there?").await;
}

#[tokio::test]
async fn the_brain_is_changed_while_it_runs() {
    let emulator = Emulator::builder().start().await.unwrap();
    let mut ann = Client::open(&emulator).await;
    let rules = json!({"rules": [{"when": "any", "then": [{"say": "From JSON"}]}]});
    let changed = post(&emulator, "settings", json!({"brain": {"script": rules}})).await;
    ann.send("Hello").await;
    assert_eq!(ann.reply().await, "From JSON");
    post(&emulator, "settings", json!({"pings": "pong"})).await;
    ann.send("Hello").await;
    assert_eq!(ann.reply().await, "From JSON", "another setting leaves it alone");
    let yaml = "avatar: { name: Yvonne }\nrules: [{ when: any, then: [{ say: From YAML }] }]";
    let named = post(&emulator, "settings", json!({"brain": {"script": yaml}})).await;
    assert_eq!(named["avatars"][0]["name"], "Yvonne");
    ann.send("Hello").await;
    assert_eq!(ann.reply().await, "From YAML");
    // What is read is taken back.
    post(&emulator, "settings", json!({"brain": changed["brain"]})).await;
    ann.send("Hello").await;
    assert_eq!(ann.reply().await, "From JSON");
    post(&emulator, "settings", json!({"brain": "echo"})).await;
    ann.send("Hello").await;
    assert_eq!(ann.reply().await, "You said: Hello");
    for (wrong, wanted) in [
        (json!("clever"), "a brain is \"echo\", \"demo\", {\"script\""),
        (json!({"script": {"rules": [{"when": "any"}]}}), "`script`: missing field `then`"),
        (json!({"script": "rules: 7"}), "the script cannot be read"),
        (json!({"openai": {}}), "`openai`: missing field `model`"),
        (json!({"openai": {"model": "m", "url": "ftp://x"}}), "begins with https://"),
    ] {
        let (status, answer) = call(&emulator, "POST", "settings", &json!({"brain": wrong})).await;
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(status == 400 && message.contains(wanted), "{wrong}: {message}");
    }
}

#[tokio::test]
async fn it_answers_neither_foreign_pages_nor_foreign_names() {
    let emulator = Emulator::builder().start().await.unwrap();
    let url = format!("{}/state", emulator.control_url());
    for (name, value, wanted) in [
        ("Origin", "https://example.com", "control.foreign.origin"),
        ("Origin", "http://127.0.0.1:1", "control.foreign.origin"),
        ("Origin", "null", "control.foreign.origin"),
        ("Host", "example.com", "control.foreign.host"),
    ] {
        let answer = http().get(&url).header(name, value).send().await.unwrap();
        assert_eq!(answer.status(), 403, "{value}");
        let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert_eq!(body["error"]["code"], wanted);
    }
    let own = format!("http://{}", emulator.address());
    assert_eq!(http().get(&url).header("Origin", own).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_call_there_is_not_lists_those_there_are() {
    let emulator = Emulator::builder().start().await.unwrap();
    for (method, path) in [("GET", "nothing"), ("GET", "reset"), ("DELETE", "state"), ("POST", "")] {
        let (status, answer) = call(&emulator, method, path, &Value::Null).await;
        assert_eq!((status, &answer["error"]["code"]), (404, &json!("control.not.found")));
        assert!(answer["error"]["message"].as_str().unwrap().contains("owner/takeover"));
    }
}

/// What stands in quotes behind each of these words.
fn quoted_after<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    text.split(word).skip(1).map(|rest| rest.split('\'').next().unwrap()).collect()
}

#[tokio::test]
async fn the_console_is_one_page_that_loads_nothing_from_elsewhere() {
    let emulator = Emulator::builder().start().await.unwrap();
    let mut nonces = Vec::new();
    for path in ["", "/"] {
        let answer = http().get(format!("{}{path}", emulator.control_url())).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(
            policy.starts_with("default-src 'none'") && policy.contains("connect-src 'self'"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
        nonces.push(policy.split("nonce-").nth(1).unwrap().split('\'').next().unwrap().to_owned());
        assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
        let page = answer.text().await.unwrap();
        assert!(page.contains(&format!("<script nonce=\"{}\">", nonces.last().unwrap())));
        for foreign in
            ["http:", "https:", "src=", "innerHTML", "insertAdjacentHTML", "document.write", "style=\""]
        {
            assert!(!page.contains(foreign), "{foreign}");
        }
    }
    assert_ne!(nonces[0], nonces[1], "the nonce cannot be guessed");
    let url = format!("{}/", emulator.control_url());
    for (name, value) in [("Origin", "https://example.com"), ("Host", "example.com")] {
        assert_eq!(http().get(&url).header(name, value).send().await.unwrap().status(), 403, "{value}");
    }
}

#[tokio::test]
async fn a_token_keeps_other_users_of_the_computer_out() {
    let emulator = Emulator::builder().control_token("one-two-three").start().await.unwrap();
    let url = format!("{}/state", emulator.control_url());
    let status_of = |shown: Option<&'static str>| {
        let mut request = http().get(&url);
        if let Some(shown) = shown {
            request = request.header("Authorization", shown);
        }
        async { request.send().await.unwrap().status().as_u16() }
    };
    for wrong in
        [None, Some("Bearer one-two-thre"), Some("Bearer one-two-threX"), Some("one-two-three"), Some("")]
    {
        assert_eq!(status_of(wrong).await, 401, "{wrong:?}");
    }
    assert_eq!(status_of(Some("Bearer one-two-three")).await, 200);
    assert!(Client::open(&emulator).await.token.len() > 8, "the service itself is as before");
    let page = http().get(format!("{}/", emulator.control_url())).send().await.unwrap();
    assert_eq!(page.status(), 200, "the page alone tells nothing");
}

#[tokio::test]
async fn every_call_the_console_makes_is_there() {
    let emulator = Emulator::builder().start().await.unwrap();
    let ann = Client::open(&emulator).await;
    let page = http().get(format!("{}/", emulator.control_url())).send().await.unwrap().text().await.unwrap();
    let (gets, posts) = (quoted_after(&page, "call('GET', '"), quoted_after(&page, "act('"));
    assert_eq!((gets.len(), posts.len()), (2, 3), "{gets:?} {posts:?}");
    for path in gets {
        let path = if path.ends_with('=') { format!("{path}0") } else { path.to_owned() };
        assert_eq!(call(&emulator, "GET", &path, &Value::Null).await.0, 200, "{path}");
    }
    for path in posts {
        let body = match path {
            "owner/reply" => json!({"sessionId": ann.session, "text": "Hi"}),
            _ => json!({"sessionId": ann.session}),
        };
        post(&emulator, path, body).await;
    }
    // The fields it reads are those of the state.
    let (_, state) = call(&emulator, "GET", "state", &Value::Null).await;
    let session = &state["sessions"][0];
    for field in
        ["sessionId", "visitorId", "takenOver", "closed", "bound", "busy", "ownerIsMember", "messages"]
    {
        assert!(page.contains(field) && session.get(field).is_some(), "{field}");
    }
}
