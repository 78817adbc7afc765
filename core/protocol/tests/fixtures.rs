//! `spec/fixtures`, the page's own JSON and what was seen beyond it: what is sent is what they say, and
//! what comes back is read.

#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod support;

use secondme_avatar_protocol::{
    Author, Command, Ended, ErrorKind, EventKind, Method, NoticeKind, Outcome, Part, State, Step, limits,
};
use serde_json::{Value, json};

use support::fixtures::{assert_all_used, fixture};
use support::{FIRST, Peer, SECOND, body};

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
    assert_eq!(body(request), fixture("page/auth.request"));
    answered(&mut peer, Step::Authenticate, "page/auth.response");
    assert_eq!(peer.machine.avatar_name(), Some("My Assistant"));
}

#[test]
fn the_chat_is_initialised_as_on_the_page() {
    let mut peer = authenticated();
    answered(&mut peer, Step::Authenticate, "page/auth.response");
    assert_eq!(headers(&peer, Step::InitChat), pass());
    let request = peer.requests.iter().find(|request| request.step == Step::InitChat).unwrap();
    assert_eq!((request.method, request.path.as_str()), (Method::Post, "/rest/os/avatar/chat/init"));
    assert_eq!(body(request), fixture("page/chat-init.request"));
    answered(&mut peer, Step::InitChat, "page/chat-init.response");
    assert_eq!(peer.machine.opening().unwrap(), &"Hello! 👋");
}

#[test]
fn the_socket_is_asked_for_as_on_the_page() {
    let mut peer = authenticated();
    answered(&mut peer, Step::Authenticate, "page/auth.response");
    assert_eq!(headers(&peer, Step::CreateSocket), pass());
    let request = peer.take(Step::CreateSocket);
    assert_eq!((request.method, request.path.as_str()), (Method::Post, "/rest/general/ws/create"));
    assert_eq!(body(&request), fixture("page/ws-create.request"));
}

#[test]
fn the_session_is_created_as_on_the_page_and_its_number_is_exact() {
    let mut peer = authenticated();
    answered(&mut peer, Step::Authenticate, "page/auth.response");
    answered(&mut peer, Step::InitChat, "page/chat-init.response");
    assert_eq!(headers(&peer, Step::CreateSession), pass());
    let request = peer.take(Step::CreateSession);
    assert_eq!((request.method, request.path.as_str()), (Method::Post, "/rest/general/session/create"));
    assert_eq!(body(&request), fixture("page/session-create.request"));
    // As it stands on the wire: a JSON number with all its digits.
    assert!(request.body.unwrap().contains("\"mindId\":487569763543990272,"));
}

#[test]
fn the_avatar_is_looked_up_and_the_session_bound_as_on_the_page() {
    let mut peer = authenticated();
    answered(&mut peer, Step::Authenticate, "page/auth.response");
    assert_eq!(headers(&peer, Step::ResolveAvatar), pass());
    let request = peer.requests.iter().find(|request| request.step == Step::ResolveAvatar).unwrap();
    let path = "/rest/os/avatar/public/ebe251793d69";
    assert_eq!((request.method, request.path.as_str()), (Method::Get, path));
    assert!(request.body.is_none());
    peer.grant(Step::ResolveAvatar, json!({"id": 67}));
    answered(&mut peer, Step::InitChat, "page/chat-init.response");
    peer.grant(Step::CreateSession, json!({"sessionId": "your-session-id"}));
    assert_eq!(headers(&peer, Step::BindSession), pass());
    let request = peer.take(Step::BindSession);
    assert_eq!((request.method, request.path.as_str()), (Method::Post, "/rest/os/avatar/chat/start"));
    assert_eq!(body(&request), fixture("page/chat-start.request"));
}

#[test]
fn the_ping_is_the_page_s() {
    let mut peer = Peer::live();
    peer.pass(std::time::Duration::from_secs(15));
    let ping: Value = serde_json::from_str(&peer.frames[0].1).unwrap();
    assert_eq!(ping, fixture("page/ping.frame"));
}

#[test]
fn a_message_is_the_page_s() {
    let mut peer = Peer::live();
    peer.send("Hello, tell me about yourself");
    assert_eq!(headers(&peer, Step::SendMessage), pass());
    let request = peer.take(Step::SendMessage);
    assert_eq!((request.method, request.path.as_str()), (Method::Post, "/rest/general/message/send"));
    let (mut sent, mut page) = (body(&request), fixture("page/message-send.request"));

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
    peer.frame(fixture("page/avatar-reply.frame"));
    let [EventKind::ReplyDelta { text, .. }, EventKind::Reply(reply)] = &peer.happened()[..] else {
        panic!()
    };
    assert_eq!((text, &reply.text), (&"Hello! I'm...".into(), &"Hello! I'm...".into()));
    assert_eq!(reply.author, Author::Avatar);
}

#[test]
fn the_page_s_takeover_is_the_owner_s() {
    let mut peer = Peer::live();
    peer.frame(fixture("page/owner-reply.frame"));
    let [EventKind::TakenOver, EventKind::OwnerReply(reply)] = &peer.happened()[..] else { panic!() };
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

/// Those of the other door are used in `visitor_chat_fixtures.rs`.
#[test]
fn every_fixture_of_this_door_is_used() {
    let by_others = [
        "seen/ws-create-by-others.request",
        "seen/session-create-by-others.request",
        "seen/message-send-by-others.request",
    ];
    assert_all_used(&["page", "seen"], include_str!("fixtures.rs"), &by_others);
}

#[test]
fn what_was_seen_to_come_back_opens_a_conversation() {
    let mut peer = authenticated();
    answered(&mut peer, Step::Authenticate, "page/auth.response");
    answered(&mut peer, Step::InitChat, "page/chat-init.response");
    answered(&mut peer, Step::CreateSocket, "seen/ws-create.response");
    answered(&mut peer, Step::ResolveAvatar, "seen/avatar-public.response");
    answered(&mut peer, Step::CreateSession, "seen/session-create.response");
    answered(&mut peer, Step::BindSession, "seen/chat-start.response");
    peer.up();
    assert_eq!(peer.machine.state(FIRST), State::Live);
    let send = peer.send("Hello");
    answered(&mut peer, Step::SendMessage, "seen/message-send.response");
    assert!(matches!(peer.result(send), Ok(Outcome::Sent(_))));
}

#[test]
fn the_past_is_read_and_the_session_closed_as_was_seen() {
    let mut peer = Peer::live();
    let mut before = None;
    // The last messages, and those before one.
    for (path, answer) in [
        ("/rest/general/message/latest?", "seen/message-latest.response"),
        ("/rest/general/message/query?", "seen/message-query.response"),
    ] {
        let deadline = limits::HISTORY_DEADLINE;
        let history = peer.command(Command::History { conversation: FIRST, before, limit: 2, deadline });
        assert!(peer.requests[0].path.starts_with(path), "{}", peer.requests[0].path);
        answered(&mut peer, Step::QueryMessages, answer);
        // It looks further back, in case the first message is only the end of a reply.
        while peer.is_waiting(history) {
            peer.grant(Step::QueryMessages, json!([]));
        }
        let Ok(Outcome::History(messages)) = peer.result(history) else { panic!() };
        let said: Vec<_> = messages.iter().map(|message| (message.author, message.text.as_str())).collect();
        let expected =
            [(Author::Visitor, "Hello, tell me about yourself"), (Author::Avatar, "Hello! I'm...")];
        assert_eq!(said, expected);
        before = Some("77009_____1774580000600".into());
    }

    let close = peer.close(true);
    let end = peer.requests.iter().find(|request| request.step == Step::EndSession).unwrap();
    assert_eq!(body(end), fixture("seen/session-close.request"));
    answered(&mut peer, Step::EndSession, "seen/session-close.response");
    assert!(peer.result(close).is_ok());
}

#[test]
fn a_failure_is_read_in_whichever_field_it_stands() {
    for form in [
        "seen/failure-in-code.failure",
        "seen/failure-in-sub-code.failure",
        "seen/failure-in-message.failure",
        "seen/failure-in-msg.failure",
        "seen/failure-in-error-code.failure",
        "seen/failure-in-detail.failure",
    ] {
        for status in [200, 401] {
            let mut peer = Peer::new();
            let open = peer.open(FIRST);
            let call = peer.quota.pop().unwrap();
            peer.input(secondme_avatar_protocol::Input::QuotaGranted(call));
            peer.reply(Step::Authenticate, status, &fixture(form).to_string());
            let error = peer.error(open);
            let code = Some("open.api.key.not.found");
            assert_eq!((error.kind(), error.code()), (ErrorKind::Authentication, code), "{form} {status}");
        }
    }
}

/// What a frame makes happen in a conversation that waits for nothing.
fn heard(name: &str) -> Vec<EventKind> {
    let mut peer = Peer::live();
    peer.frame(fixture(name));
    peer.happened()
}

#[test]
fn a_reply_in_pieces_ends_with_its_last_or_with_an_empty_one() {
    let pieces = ["seen/avatar-reply-first-piece.frame", "seen/avatar-reply-next-piece.frame"];
    for (end, text) in [
        ("seen/avatar-reply-last-piece.frame", "Hello! I'm your assistant."),
        ("seen/avatar-reply-empty-end.frame", "Hello! I'm your "),
    ] {
        let mut peer = Peer::live();
        pieces.iter().chain([&end]).for_each(|name| peer.frame(fixture(name)));
        let happened = peer.happened();
        let Some(EventKind::Reply(reply)) = happened.last() else { panic!("{happened:?}") };
        assert_eq!((reply.text.as_str(), reply.ended), (text, Ended::Mark));
    }
}

#[test]
fn cards_speech_and_sources_are_read() {
    let happened = heard("seen/avatar-reply-with-card.frame");
    let Some(EventKind::Reply(reply)) = happened.last() else { panic!("{happened:?}") };
    let [Part::Text(_), Part::Card(card)] = &reply.parts[..] else { panic!("{:?}", reply.parts) };
    assert_eq!((card.template.as_str(), &card.params["citation"]), ("citation", &json!("Price list")));
    let happened = heard("seen/avatar-reply-with-speech-and-sources.frame");
    let Some(EventKind::Reply(reply)) = happened.last() else { panic!("{happened:?}") };
    assert_eq!((reply.speech.len(), &reply.sources[0]["title"]), (1, &json!("Price list")));
}

#[test]
fn echoes_and_the_owner_are_read_in_either_place() {
    for name in ["seen/echo.frame", "seen/echo-in-content.frame"] {
        let happened = heard(name);
        let [EventKind::Delivered { text, .. }] = &happened[..] else { panic!("{name}: {happened:?}") };
        assert_eq!(text.as_str(), "Hello");
    }
    let happened = heard("seen/owner-reply-in-content.frame");
    let [EventKind::TakenOver, EventKind::OwnerReply(reply)] = &happened[..] else { panic!("{happened:?}") };
    assert_eq!(reply.text, "Hi, this is the real me...");
}

#[test]
fn what_is_no_message_is_handed_on() {
    for (name, kind) in [
        ("seen/hint.frame", NoticeKind::Hint),
        ("seen/notice.frame", NoticeKind::Notice),
        ("seen/recommend.frame", NoticeKind::Recommend),
        ("seen/task.frame", NoticeKind::Task),
    ] {
        let happened = heard(name);
        assert!(
            matches!(&happened[..], [EventKind::Notice { kind: one, .. }] if *one == kind),
            "{happened:?}"
        );
    }
    let happened = heard("seen/other.frame");
    assert!(matches!(&happened[..], [EventKind::Unknown]), "{happened:?}");
    // They concern the socket alone.
    for name in ["seen/pong.frame", "seen/cmd.frame"] {
        assert!(heard(name).is_empty(), "{name}");
    }
}

#[test]
fn failures_over_the_socket_are_the_session_s_or_a_message_s() {
    let happened = heard("seen/failure-of-message.frame");
    let [EventKind::ServiceError(error)] = &happened[..] else { panic!("{happened:?}") };
    let about = error.message_id.as_ref().map(|id| id.as_str());
    assert_eq!((error.code.as_str(), about), ("session.openai.error", Some("12345_____1774580000000")));
    let happened = heard("seen/failure-of-session.frame");
    let [EventKind::ServiceError(error), EventKind::Closed { .. }] = &happened[..] else {
        panic!("{happened:?}")
    };
    assert_eq!(error.code, "session.status.closed");
}

#[test]
fn a_frame_is_acknowledged_as_was_seen() {
    let mut peer = Peer::live();
    peer.frame(fixture("seen/avatar-reply-first-piece.frame"));
    let acknowledged: Value = serde_json::from_str(&peer.frames[0].1).unwrap();
    assert_eq!(acknowledged, fixture("seen/ack.frame"));
}
