//! The page's own JSON: what is sent is what it says, and what it answers is read.

#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is told.

mod support;

use secondme_avatar_protocol::{Author, EventKind, Method, Step};
use serde_json::{Value, json};

use support::{FIRST, Peer, SECOND, body};

fn fixture(name: &str) -> Value {
    let path = format!("{}/../../spec/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn headers(peer: &Peer, step: Step) -> Vec<(&'static str, String)> {
    let request = peer.requests.iter().find(|request| request.step == step).unwrap();
    request.headers.iter().map(|(name, value)| (*name, value.expose_secret().to_owned())).collect()
}

fn pass() -> Vec<(&'static str, String)> {
    vec![
        ("token", "bb857435f640c8b2...".to_owned()),
        ("Fp", "feishu_550e8400-e29b-41d4-a716-446655440000".to_owned()),
    ]
}

fn authenticated() -> Peer {
    let mut peer = Peer::new();
    peer.open(FIRST);
    let call = peer.quota.pop().unwrap();
    peer.input(secondme_avatar_protocol::Input::QuotaGranted(call));
    peer
}

fn answered(peer: &mut Peer, step: Step, fixture_name: &str) {
    peer.reply(step, 200, &fixture(fixture_name).to_string());
}

#[test]
fn the_authentication_is_the_page_s() {
    let mut peer = authenticated();
    assert_eq!(headers(&peer, Step::Authenticate), [("Authorization", "Bearer sk-your-api-key".to_owned())]);
    let request = peer.requests.first().unwrap();
    assert_eq!((request.method, request.path.as_str()), (Method::Post, "/rest/open/avatar/auth"));
    assert_eq!(body(request), fixture("auth.request"));
    answered(&mut peer, Step::Authenticate, "auth.response");
    assert_eq!(peer.machine.avatar_name(), Some("My Assistant"));
}

#[test]
fn the_chat_is_initialised_as_on_the_page() {
    let mut peer = authenticated();
    answered(&mut peer, Step::Authenticate, "auth.response");
    assert_eq!(headers(&peer, Step::InitChat), pass());
    let request = peer.requests.iter().find(|request| request.step == Step::InitChat).unwrap();
    assert_eq!((request.method, request.path.as_str()), (Method::Post, "/rest/os/avatar/chat/init"));
    assert_eq!(body(request), fixture("chat-init.request"));
    answered(&mut peer, Step::InitChat, "chat-init.response");
    assert_eq!(peer.machine.opening().unwrap(), &"Hello! 👋");
}

#[test]
fn the_socket_is_asked_for_as_on_the_page() {
    let mut peer = authenticated();
    answered(&mut peer, Step::Authenticate, "auth.response");
    assert_eq!(headers(&peer, Step::CreateSocket), pass());
    let request = peer.take(Step::CreateSocket);
    assert_eq!((request.method, request.path.as_str()), (Method::Post, "/rest/general/ws/create"));
    assert_eq!(body(&request), fixture("ws-create.request"));
}

#[test]
fn the_session_is_created_as_on_the_page_and_its_number_is_exact() {
    let mut peer = authenticated();
    answered(&mut peer, Step::Authenticate, "auth.response");
    answered(&mut peer, Step::InitChat, "chat-init.response");
    assert_eq!(headers(&peer, Step::CreateSession), pass());
    let request = peer.take(Step::CreateSession);
    assert_eq!((request.method, request.path.as_str()), (Method::Post, "/rest/general/session/create"));
    assert_eq!(body(&request), fixture("session-create.request"));
    // As it stands on the wire: a JSON number with all its digits.
    assert!(request.body.unwrap().contains("\"mindId\":487569763543990272,"));
}

#[test]
fn the_avatar_is_looked_up_and_the_session_bound_as_on_the_page() {
    let mut peer = authenticated();
    answered(&mut peer, Step::Authenticate, "auth.response");
    assert_eq!(headers(&peer, Step::ResolveAvatar), pass());
    let request = peer.requests.iter().find(|request| request.step == Step::ResolveAvatar).unwrap();
    let path = "/rest/os/avatar/public/ebe251793d69";
    assert_eq!((request.method, request.path.as_str()), (Method::Get, path));
    assert!(request.body.is_none());
    peer.grant(Step::ResolveAvatar, json!({"id": 67}));
    answered(&mut peer, Step::InitChat, "chat-init.response");
    peer.grant(Step::CreateSession, json!({"sessionId": "your-session-id"}));
    assert_eq!(headers(&peer, Step::BindSession), pass());
    let request = peer.take(Step::BindSession);
    assert_eq!((request.method, request.path.as_str()), (Method::Post, "/rest/os/avatar/chat/start"));
    assert_eq!(body(&request), fixture("chat-start.request"));
}

#[test]
fn the_ping_is_the_page_s() {
    let mut peer = Peer::live();
    peer.pass(std::time::Duration::from_secs(15));
    let ping: Value = serde_json::from_str(&peer.frames[0].1).unwrap();
    assert_eq!(ping, fixture("ping.frame"));
}

#[test]
fn a_message_is_the_page_s() {
    let mut peer = Peer::live();
    peer.send("Hello, tell me about yourself");
    assert_eq!(headers(&peer, Step::SendMessage), pass());
    let request = peer.take(Step::SendMessage);
    assert_eq!((request.method, request.path.as_str()), (Method::Post, "/rest/general/message/send"));
    let (mut sent, mut page) = (body(&request), fixture("message-send.request"));

    // Its own id is the one thing that differs, and its form is the page's.
    let id = sent["seqId"].as_str().unwrap().to_owned();
    let (random, timestamp) = id.split_once("_____").unwrap();
    assert!(random.parse::<u64>().is_ok() && timestamp == "1774580000000");
    for name in ["seqId", "messageId"] {
        assert_eq!(sent[name].take(), id.as_str());
        page[name].take();
    }
    assert_eq!(sent, page);
}

#[test]
fn the_page_s_reply_is_the_avatar_s_and_whole() {
    let mut peer = Peer::live();
    peer.frame(fixture("avatar-reply.frame"));
    let [EventKind::ReplyDelta { text, .. }, EventKind::Reply(reply)] = &peer.happened()[..] else {
        panic!()
    };
    assert_eq!((text, &reply.text), (&"Hello! I'm...".into(), &"Hello! I'm...".into()));
    assert_eq!(reply.author, Author::Avatar);
}

#[test]
fn the_page_s_takeover_is_the_owner_s() {
    let mut peer = Peer::live();
    peer.frame(fixture("owner-reply.frame"));
    let [EventKind::OwnerReply(reply)] = &peer.happened()[..] else { panic!() };
    assert_eq!((reply.author, reply.text.as_str()), (Author::Owner, "Hi, this is the real me..."));
}

#[test]
fn a_name_and_a_channel_are_left_out_where_there_are_none() {
    let visitor = "web_6ba7b810-9dad-11d1-80b4-00c04fd430c8";
    let mut peer = Peer::new();
    peer.machine = secondme_avatar_protocol::Machine::new(
        secondme_avatar_protocol::Config::default(),
        "sk-your-api-key".parse().unwrap(),
        secondme_avatar_protocol::Visitor::parse(visitor).unwrap(),
        None,
        support::BEGINNING,
        1,
    );
    peer.open(FIRST);
    let call = peer.quota.pop().unwrap();
    peer.input(secondme_avatar_protocol::Input::QuotaGranted(call));
    assert_eq!(body(&peer.requests[0]), json!({"visitorId": visitor}));
}

#[test]
fn ids_are_read_as_numbers_and_as_strings() {
    let mut peer = authenticated();
    let mut page = peer.page(Step::Authenticate);
    page["visitorMindId"] = json!(487_569_763_543_990_273_u64);
    page["visitorUserId"] = json!(77);
    peer.grant(Step::Authenticate, page);
    peer.grant(Step::InitChat, json!({"mindId": "3m24e99h3mbp", "opening": null}));
    peer.grant(Step::ResolveAvatar, json!({"id": "18446744073709551615"}));
    assert_eq!(body(&peer.requests.pop().unwrap())["mindId"], json!(487_569_763_543_990_273_u64));
    let mut peer = Peer::live();
    peer.open(SECOND);
    peer.grant(Step::CreateSession, json!({"sessionId": 9_007_199_254_740_993_u64}));
    assert!(peer.take(Step::BindSession).body.unwrap().contains("\"sessionId\":\"9007199254740993\""));
    peer.frame(json!({"sender": "umm", "sessionId": 9_007_199_254_740_993_u64, "messageId": 5, "multipleData": [{"modal": {"answer": "Hi"}}]}));
    assert!(
        peer.events
            .iter()
            .any(|event| event.conversation == Some(SECOND) && matches!(&event.kind, EventKind::Reply(_)))
    );
}
