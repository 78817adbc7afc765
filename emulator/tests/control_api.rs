//! The control API, as tests in other languages use it.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod wire;

use std::collections::HashSet;

use futures_util::StreamExt;
use secondme_avatar_emulator::Emulator;
use secondme_avatar_emulator::service::Avatar;
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
async fn one_key_is_changed_and_the_others_stay() {
    let emulator = Emulator::builder().start().await.unwrap();
    let key =
        |key: &str, disabled: bool| json!({"key": key, "share-code": "ebe251793d69", "disabled": disabled});
    let (first, mine) = ("sk-emulator", "sk-my/own+key%2F");
    let added = post(&emulator, "keys", json!({"key": mine})).await;
    assert_eq!(added["keys"], json!([key(first, false), key(mine, false)]));
    let disabled = post(&emulator, "keys", json!({"key": first, "disabled": true})).await;
    assert_eq!(disabled["keys"], json!([key(first, true), key(mine, false)]));
    let same = post(&emulator, "keys", json!({"key": first, "share-code": "ebe251793d69"})).await;
    assert_eq!(same, disabled, "what is not said stays");
    assert_eq!(emulator.api_keys(), [first, mine]);
    for (wrong, says) in [
        (json!({"key": "mine"}), "begin with `sk-`"),
        (json!({"key": first, "share-code": "no"}), "there is no avatar `no`; there are ebe251793d69"),
        (json!({"key": first, "limit": 1}), "unknown field `limit`"),
        (json!({"key": "sk-2", "share-code": "ebe251793d69", "avatar": {"name": "Two"}}), "cannot have both"),
        (json!({"key": "sk-2", "avatar": {"opening": "Hello"}}), "missing field `name`"),
        (json!({"key": "two", "avatar": {"name": "Two"}}), "begin with `sk-`"),
    ] {
        let (status, answer) = call(&emulator, "POST", "keys", &wrong).await;
        assert_eq!((status, &answer["error"]["code"]), (400, &json!("control.body")), "{answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(says), "{answer}");
    }
    let path = "keys/sk-my%2Fown%2Bkey%252F";
    let (status, left) = call(&emulator, "DELETE", path, &Value::Null).await;
    assert_eq!((status, &left["keys"]), (200, &json!([key(first, true)])));
    assert_eq!(left["avatars"].as_array().unwrap().len(), 1, "what was refused has made no avatar");
    let (status, gone) = call(&emulator, "DELETE", path, &Value::Null).await;
    assert_eq!((status, &gone["error"]["code"]), (404, &json!("control.no.key")));
    let (status, last) = call(&emulator, "DELETE", "keys/sk-emulator", &Value::Null).await;
    assert_eq!((status, &last["error"]["code"]), (400, &json!("control.body")), "{last}");
}

#[tokio::test]
async fn a_key_brings_an_avatar_of_its_own() {
    let emulator = Emulator::builder().start().await.unwrap();
    for (key, name) in [("sk-2", "Shop"), ("sk-3", "Shop"), ("sk-4", "Help")] {
        post(&emulator, "keys", json!({"key": key, "avatar": {"name": name, "opening": "Yes?"}})).await;
    }
    let (_, settings) = call(&emulator, "GET", "settings", &Value::Null).await;
    let (avatars, keys) = (settings["avatars"].as_array().unwrap(), settings["keys"].as_array().unwrap());
    assert_eq!((avatars.len(), keys.len()), (4, 4));
    for field in ["id", "share-code", "mind-id", "owner-user-id"] {
        let different: HashSet<String> = avatars.iter().map(|avatar| avatar[field].to_string()).collect();
        assert_eq!(different.len(), 4, "{field}: {avatars:?}");
    }
    for (avatar, key) in avatars.iter().zip(keys) {
        assert_eq!(avatar["share-code"], key["share-code"]);
    }
    assert_eq!((&avatars[1]["name"], &avatars[1]["opening"]), (&json!("Shop"), &json!("Yes?")));
}

#[tokio::test]
async fn an_avatar_beside_the_highest_id_has_an_id_of_its_own() {
    let highest = Avatar { id: u64::MAX, ..Avatar::default() };
    let emulator = Emulator::builder().avatar(highest).start().await.unwrap();
    post(&emulator, "keys", json!({"key": "sk-2", "avatar": {"name": "Shop", "opening": "Yes?"}})).await;
    let (_, settings) = call(&emulator, "GET", "settings", &Value::Null).await;
    let avatars = settings["avatars"].as_array().unwrap();
    let ids: HashSet<_> = avatars.iter().map(|avatar| avatar["id"].as_u64().unwrap()).collect();
    assert!(ids.contains(&u64::MAX));
    assert_eq!((ids.len(), avatars.len()), (3, 3));
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
async fn a_call_there_is_not_lists_those_there_are() {
    let emulator = Emulator::builder().start().await.unwrap();
    for (method, path) in
        [("GET", "nothing"), ("GET", "reset"), ("DELETE", "state"), ("POST", ""), ("DELETE", "faults/1/2")]
    {
        let (status, answer) = call(&emulator, method, path, &Value::Null).await;
        assert_eq!((status, &answer["error"]["code"]), (404, &json!("control.not.found")));
        assert!(answer["error"]["message"].as_str().unwrap().contains("owner/takeover"));
    }
}

#[tokio::test]
async fn one_fault_is_removed_and_the_others_stay() {
    let emulator = Emulator::builder().start().await.unwrap();
    let faults = json!([{"at": "auth", "do": "refuse"}, {"at": "connect", "do": "refuse"}]);
    assert_eq!(post(&emulator, "faults", faults).await["ids"], json!([1, 2]));
    assert_eq!(call(&emulator, "DELETE", "faults/1", &Value::Null).await.0, 200);
    assert_eq!(emulator.faults().iter().map(|fault| fault.id.0).collect::<Vec<_>>(), [2]);
    let (status, answer) = call(&emulator, "DELETE", "faults/1", &Value::Null).await;
    assert_eq!((status, &answer["error"]["code"]), (404, &json!("control.no.fault")));
    assert_eq!(call(&emulator, "DELETE", "faults/first", &Value::Null).await.0, 400);
}

#[tokio::test]
async fn a_key_is_disabled_while_its_visitors_talk_and_an_avatar_is_added() {
    let emulator = Emulator::builder().start().await.unwrap();
    let mut ann = Client::open(&emulator).await;
    let auth = async |key: &str| {
        let request = http().post(format!("{}/rest/open/avatar/auth", emulator.base_url()));
        let request = request
            .header("Authorization", format!("Bearer {key}"))
            .header("Content-Type", "application/json");
        let answer = request.body(json!({"visitorId": wire::VISITOR}).to_string()).send().await.unwrap();
        serde_json::from_str::<Value>(&answer.text().await.unwrap()).unwrap()
    };
    let (_, settings) = call(&emulator, "GET", "settings", &Value::Null).await;
    let mut keys = settings["keys"].clone();
    keys[0]["disabled"] = json!(true);
    post(&emulator, "settings", json!({"keys": keys})).await;
    assert_eq!(auth("sk-emulator").await["code"], "open.api.key.disabled");
    ann.send("Still there?").await;
    assert_eq!(ann.reply().await, "You said: Still there?", "what was given out before stays good");

    let mut avatars = settings["avatars"].clone();
    let shop = json!({"share-code": "shop", "id": 68, "name": "The shop", "opening": "", "mind-id": "k2j4n5", "owner-user-id": "ab3cd"});
    avatars.as_array_mut().unwrap().push(shop);
    keys[0]["disabled"] = json!(false);
    keys.as_array_mut().unwrap().push(json!({"key": "sk-shop", "share-code": "shop"}));
    post(&emulator, "settings", json!({"avatars": avatars, "keys": keys})).await;
    assert_eq!(auth("sk-shop").await["data"]["avatarName"], "The shop");
    assert_eq!(auth("sk-emulator").await["data"]["avatarName"], "My Assistant");
    post(&emulator, "settings", json!({"keys": [keys[1]]})).await;
    assert_eq!(auth("sk-emulator").await["code"], "open.api.key.not.found");
}

#[tokio::test]
async fn a_profile_is_played_while_it_runs() {
    let emulator =
        Emulator::builder().configure(|settings| settings.quota_per_minute = 7).start().await.unwrap();
    let toml = "format = 1\n[avatar-open-api.pings]\nanswer = 'nothing'\n";
    let changed = post(&emulator, "profile", json!({"toml": toml})).await;
    assert_eq!((&changed["pings"], &changed["quota-per-minute"]), (&json!("nothing"), &json!(7)));
    let (status, answer) = call(&emulator, "POST", "profile", &json!({"toml": "format = 2"})).await;
    assert!(
        status == 400 && answer["error"]["message"].as_str().unwrap().contains("`format = 2`"),
        "{answer}"
    );
}

#[tokio::test]
async fn all_there_is_to_choose_from_is_told() {
    let emulator = Emulator::builder().start().await.unwrap();
    let (_, catalogue) = call(&emulator, "GET", "catalogue", &Value::Null).await;
    let find = |list: &str, name: &str| {
        let found = catalogue[list].as_array().unwrap().iter().find(|one| one["name"] == name).cloned();
        found.unwrap_or_else(|| panic!("{list} has no {name}"))
    };
    let pings = find("switches", "pings");
    assert_eq!(
        (&pings["answers"], &pings["default"], &pings["door"]),
        (&json!(["pong", "nothing"]), &json!("pong"), &Value::Null)
    );
    assert_eq!(pings["about"], "Whether pings are answered.");
    assert_eq!(find("switches", "visitor-chat-echo")["door"], "visitor-chat");
    assert_eq!(find("switches", "token-lifetime")["answers"], json!(["never", "calls:N", "minutes:N"]));
    assert_eq!(find("settings", "quota-per-minute")["default"], 60);
    let point = find("injectionPoints", "reply");
    assert_eq!(
        (&point["effects"], &point["about"]),
        (&json!(["delay", "fail", "drop"]), &json!("What the avatar says in answer to a message."))
    );
    assert_eq!(find("effects", "close")["written"], json!({"close": {"code": 1012, "reason": "restart"}}));
    assert!(catalogue["calls"].as_array().unwrap().contains(&json!({"method": "GET", "path": "live"})));
    post(&emulator, "settings", json!({"brain": "demo"})).await;
    let (_, settings) = call(&emulator, "GET", "settings", &Value::Null).await;
    assert_eq!(settings["brain"], catalogue["demo"]);
    assert!(catalogue["demo"]["script"]["rules"].is_array());
}

#[tokio::test]
async fn the_time_line_of_a_conversation_is_drawn() {
    let emulator = Emulator::builder().start().await.unwrap();
    let mut ann = Client::open(&emulator).await;
    ann.send("Hello").await;
    ann.reply().await;
    let drawn = async |query: &str| {
        let url = format!("{}/conversations/{}/trace.svg{query}", emulator.control_url(), ann.session);
        let answer = http().get(url).send().await.unwrap();
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        (answer.status().as_u16(), kind, answer.text().await.unwrap())
    };
    for query in ["", "?width=500&from=0&to=1000&theme=dark&form=file&whole=true"] {
        let (status, kind, text) = drawn(query).await;
        assert_eq!(
            (status, kind.as_str(), text.starts_with("<svg")),
            (200, "image/svg+xml", true),
            "{query}"
        );
    }
    for wrong in ["?theme=blue", "?form=poster", "?whole=maybe", "?width=wide", "?height=1"] {
        assert_eq!(drawn(wrong).await.0, 400, "{wrong}");
    }
    assert_eq!(call(&emulator, "GET", "conversations/17/trace.svg", &Value::Null).await.0, 404);
}
