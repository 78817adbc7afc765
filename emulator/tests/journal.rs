//! The journal: everything received and sent, in order, and never too much of it.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod support;
mod wire;

use futures_util::FutureExt;
use secondme_avatar_emulator::Emulator;
use secondme_avatar_emulator::service::{CloseHow, Headers, Millis, Request, Service, Settings};
use serde_json::{Value, json};
use support::*;
use wire::{Client, http};

fn entries(stage: &mut Stage) -> Vec<Value> {
    let (entries, next) = stage.service.journal(stage.now, 0);
    assert_eq!(next, entries.last().map_or(1, |entry| entry.n + 1));
    entries.iter().map(|entry| json!(entry)).collect()
}

fn of<'a>(entries: &'a [Value], what: &str) -> Vec<&'a Value> {
    entries.iter().filter(|entry| entry["what"] == what).collect()
}

#[test]
fn a_conversation_is_written_down_in_order() {
    let mut stage = Stage::new(Settings::default());
    let ann = stage.open(ANN);
    stage.ask(&ann, "Hi");
    stage.owner_says(&ann, "Me");
    stage.leave(&ann);
    let entries = entries(&mut stage);
    let seen: Vec<_> = entries
        .iter()
        .map(|entry| format!("{} {}", entry["what"].as_str().unwrap(), entry["call"].as_str().unwrap_or("")))
        .collect();
    let calls = ["auth", "chat/init", "session/create", "chat/start", "ws/create"];
    let mut wanted: Vec<_> =
        calls.iter().flat_map(|call| [format!("request {call}"), format!("answer {call}")]).collect();
    wanted.extend(["connect ", "frame-in ", "frame-out ", "request message/send"].map(str::to_owned));
    wanted.extend(["frame-out ", "answer message/send", "frame-out ", "frame-out "].map(str::to_owned));
    wanted.extend(["frame-out ", "owner ", "close "].map(str::to_owned));
    assert_eq!(seen, wanted);

    let numbers: Vec<_> = entries.iter().map(|entry| entry["n"].as_u64().unwrap()).collect();
    assert!(numbers.iter().copied().eq(1..=entries.len() as u64));
    let send = of(&entries, "request")[5];
    assert_eq!((&send["method"], &send["path"]), (&json!("POST"), &json!(SEND)));
    assert_eq!(send["headers"]["fp"], ANN);
    let shown = send["headers"]["token"].as_str().unwrap().trim_end_matches('…');
    assert!(shown.len() == 8 && ann.token.starts_with(shown), "{shown}");
    assert_eq!((&send["visitorId"], &send["sessionId"]), (&json!(ANN), &json!(ann.session)));
    assert_eq!((&send["wsId"], &send["body"]["data"]["content"]), (&json!(ann.ws_id), &json!("Hi")));
    let answer = of(&entries, "answer")[5];
    assert_eq!((&answer["status"], &answer["body"]["code"]), (&json!(200), &json!(0)));
    assert_eq!(answer["request"], send["n"]);
    assert_eq!(of(&entries, "connect")[0]["status"], 101);
    let ping = of(&entries, "frame-in")[0];
    assert_eq!((&ping["frame"]["type"], &ping["wsId"]), (&json!("ping"), &json!(ann.ws_id)));
    assert_eq!(of(&entries, "frame-out")[1]["frame"]["sender"], "client");
    let owner = of(&entries, "owner")[0];
    assert_eq!((&owner["action"], &owner["text"]), (&json!("reply"), &json!("Me")));
    assert_eq!((&owner["sessionId"], owner.get("failure")), (&json!(ann.session), None));
    assert_eq!(of(&entries, "close")[0]["by"], "client");
}

#[test]
fn what_passes_through_a_socket_belongs_to_the_session_it_is_for() {
    let mut stage = Stage::new(Settings::default());
    let first = stage.open(ANN);
    stage.ping(&first);
    let session_of = |entry: &Value| entry["sessionId"].as_str().map(str::to_owned);
    let only = entries(&mut stage);
    let of_socket = only.iter().filter(|entry| entry["wsId"] == first.ws_id && entry.get("call").is_none());
    assert!(of_socket.clone().count() > 2);
    assert!(of_socket.clone().all(|entry| session_of(entry).as_ref() == Some(&first.session)), "{only:?}");

    let second = stage.open(ANN);
    stage.owner_says(&first, "To the first");
    stage.owner_says(&second, "To the second");
    stage.ping(&second);
    let all = entries(&mut stage);
    let sent = of(&all[only.len()..], "frame-out");
    let told: Vec<_> = sent.iter().map(|entry| (session_of(entry), entry["frame"]["type"].clone())).collect();
    let (msg, pong) = (json!("msg"), json!("pong"));
    assert!(
        told.contains(&(Some(first.session), msg.clone())) && told.contains(&(Some(second.session), msg))
    );
    assert_eq!(told.last(), Some(&(None, pong)), "a ping is for both");
}

#[test]
fn secrets_are_shortened() {
    let mut service = Service::new(Settings::default(), Millis(1), 7);
    let mut request = Request::new("POST", "/gate/lab/api/oauth/token/client?token=0123456789abcdef");
    request.body =
        b"client_id=emulator-app&client_secret=emulator-secret&grant_type=client_credentials".to_vec();
    service.handle(Millis(1), &request);
    let mut stage = Stage::new(Settings::default());
    let mut ann = stage.open(ANN);
    stage.connect(&mut ann);
    let written = json!([service.journal(Millis(1), 0).0, entries(&mut stage)]).to_string();
    for secret in ["emulator-secret", "0123456789abcdef", "sk-emulator", &ann.token] {
        assert!(!written.contains(secret), "{secret} stands in {written}");
    }
    for shown in
        ["client_secret=emulato…", "token=01234567…", "Bearer sk-em…", "grant_type=client_credentials"]
    {
        assert!(written.contains(shown), "{shown} does not stand in {written}");
    }
    assert!(written.contains("\"visitorToken\":\"") && written.contains("ticket="), "{written}");
}

#[test]
fn faults_and_ends_say_who_did_what() {
    let mut stage = Stage::new(Settings::default());
    let ann = stage.open(ANN);
    let rule = json!({"at": "frame-in", "do": {"close": {"code": 4002, "reason": "full"}}});
    stage.service.add_fault(serde_json::from_value(rule).unwrap()).unwrap();
    stage.ping(&ann);
    let mut ann = stage.open(ANN);
    stage.connect(&mut ann);
    stage.service.close_sockets(stage.now, None, &CloseHow::Abrupt);
    stage.service.add_fault(r#"{"at": "auth", "do": "cut-before"}"#.parse().unwrap()).unwrap();
    stage.auth(BEN);
    let refused = stage.service.connect(stage.now, "/gate/ws?ticket=no", &Headers::new());
    assert!(refused.is_err());
    let entries = entries(&mut stage);
    let faults = of(&entries, "fault");
    assert_eq!((&faults[0]["fault"], &faults[0]["at"]), (&json!(1), &json!("frame-in")));
    assert_eq!(faults[0]["do"]["close"]["code"], 4_002);
    assert_eq!((&faults[1]["at"], &faults[1]["visitorId"]), (&json!("auth"), &json!(BEN)));
    let ends: Vec<_> =
        of(&entries, "close").iter().map(|end| (end["by"].clone(), end["code"].clone())).collect();
    assert_eq!(
        ends,
        [(json!("fault"), json!(4_002)), (json!("service"), json!(4_001)), (json!("control"), Value::Null)]
    );
    assert_eq!(of(&entries, "answer").last().unwrap()["delivery"], "cut");
    assert_eq!(of(&entries, "connect").last().unwrap()["status"], 404);
}

#[test]
fn it_is_bounded_in_entries_and_in_bytes() {
    let mut stage = Stage::new(Settings::default().journal(100));
    let ann = stage.open(ANN);
    for _ in 0..1_000 {
        stage.ping(&ann);
    }
    let kept = entries(&mut stage);
    assert_eq!((kept.len(), &kept[99]["what"]), (100, &json!("frame-out")));
    stage.service.change_settings(|settings| settings.journal = 10);
    assert_eq!(entries(&mut stage).len(), 10);

    let long = "ä".repeat(5_000);
    stage.service.change_settings(|settings| settings.journal = 1_000_000);
    for _ in 0..5_000 {
        stage.say(&ann, &json!({"type": "song", "text": long}));
    }
    let (kept, _) = stage.service.journal(stage.now, 0);
    let bytes: usize = kept.iter().map(|entry| json!(entry).to_string().len()).sum();
    assert!((8..20).contains(&(bytes / 1_000_000)), "{bytes}");
    assert!(json!(kept.last())["frame"].as_str().unwrap().ends_with('…'));
}

#[test]
fn it_is_off_where_it_is_not_wanted() {
    let mut stage = Stage::new(Settings::default().journal(0));
    let ann = stage.open(ANN);
    stage.ask(&ann, "Hi");
    assert!(entries(&mut stage).is_empty());
}

#[test]
fn what_is_no_json_is_written_down_as_it_came() {
    let mut service = Service::new(Settings::default(), Millis(1), 7);
    let mut request = Request::new("PUT", "/gate/in/rest/nothing?x=1");
    request.body = b"\xff{no".to_vec();
    service.handle(Millis(1), &request);
    let entry = json!(service.journal(Millis(1), 0).0[0]);
    assert_eq!(
        (&entry["path"], &entry["body"]),
        (&json!("/gate/in/rest/nothing?x=1"), &json!("\u{fffd}{no"))
    );
    assert_eq!((entry.get("call"), &entry["atMs"]), (None, &json!(1)));
}

#[test]
fn a_reset_clears_it_and_no_number_comes_twice() {
    let mut stage = Stage::new(Settings::default());
    stage.auth(ANN);
    stage.service.reset(stage.now);
    assert_eq!(stage.service.journal(stage.now, 0), (vec![], 3));
    stage.auth(ANN);
    assert_eq!(stage.service.journal(stage.now, 0).0[0].n, 3);
}

async fn get(emulator: &Emulator, query: &str) -> (u16, Value) {
    let answer = http().get(format!("{}/journal{query}", emulator.control_url())).send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap())
}

#[tokio::test]
async fn it_is_read_from_an_entry_on_and_waited_for() {
    let emulator = Emulator::builder().start().await.unwrap();
    let mut ann = Client::open(&emulator).await;
    let (_, all) = get(&emulator, "").await;
    let next = all["next"].as_u64().unwrap();
    assert_eq!(all["entries"].as_array().unwrap().len() as u64, next - 1);
    assert_eq!(emulator.journal().len() as u64, next - 1);
    assert_eq!(get(&emulator, &format!("?since={next}")).await.1, json!({"next": next, "entries": []}));

    let query = format!("?since={next}&wait=60000");
    let mut waiting = std::pin::pin!(get(&emulator, &query));
    assert!(waiting.as_mut().now_or_never().is_none());
    let (news, ()) = tokio::join!(waiting, ann.ping());
    assert_eq!(news.1["entries"][0]["n"], next);
    assert_eq!(news.1["entries"][0]["frame"]["type"], "ping");
    for wrong in ["?since=x", "?until=1", "?wait=-1"] {
        assert_eq!(get(&emulator, wrong).await.0, 400, "{wrong}");
    }
}
