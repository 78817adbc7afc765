//! The second door: its token, its session, and what it does not have.

mod names;
mod refusals;
mod socket;
mod token;

use std::time::Duration;

use secondme_avatar_protocol::{
    Command, Config, Confirmation, Door, Error, ErrorKind, EventKind, Freshness, Gap, Input, Millis, Outcome,
    Record, Secret, Speaker, State, Step, Ticket, limits,
};
use serde_json::{Value, json};

use crate::helpers::{assert_unsent, confirmation, said};
use crate::support::{FIRST, Peer, SECOND, body, broken};

const ADDRESS: &str = "wss://gate.test/ws/opaque";

pub(crate) fn config() -> Config {
    Config { door: Door::VisitorChat, ..Config::default() }
}

fn token(peer: &mut Peer, name: &str, renew_at: Option<Millis>, freshness: Freshness) {
    let (call, _) = peer.tokens.pop().expect("a token is asked for");
    let token = Secret::from(name.to_owned());
    peer.input(Input::TokenGranted { call, token, renew_at, freshness });
}

fn init(peer: &mut Peer, session: &str) {
    init_at(peer, session, ADDRESS);
}

fn init_at(peer: &mut Peer, session: &str, address: &str) {
    peer.grant(
        Step::InitVisitorChat,
        json!({"sessionId": session, "wsUrl": address, "avatarName": "My Assistant", "opening": "Hello!"}),
    );
}

fn live() -> (Peer, Ticket) {
    live_with(config(), None)
}

fn live_with(config: Config, record: Option<Record>) -> (Peer, Ticket) {
    let mut peer = Peer::with(config, record);
    let open = peer.open(FIRST);
    token(&mut peer, "t1", None, Freshness::Fetched);
    init(&mut peer, "s1");
    peer.up();
    assert_eq!(peer.machine.state(FIRST), State::Live);
    peer.happened();
    (peer, open)
}

/// A frame of a person. This door names neither sockets nor messages before that.
fn says(user: &str, text: &str) -> Value {
    json!({"sender": "client", "sendUserId": user, "data": {"content": text}})
}

fn avatar(index: i64, text: &str) -> Value {
    json!({"sender": "umm", "messageId": "r1", "index": index, "multipleData": [{"modal": {"answer": text}}]})
}

fn owner_said(peer: &mut Peer) -> Option<bool> {
    peer.happened().into_iter().find_map(|kind| match kind {
        EventKind::OwnerReply(reply) => Some(reply.confirmed),
        _ => None,
    })
}

#[test]
fn an_opening_is_a_token_one_call_and_the_handshake() {
    let mut peer = Peer::with(config(), None);
    let open = peer.open(FIRST);
    assert!(peer.quota.is_empty() && peer.requests.is_empty());
    assert_eq!(peer.tokens.len(), 1);
    token(&mut peer, "t1", None, Freshness::Fetched);
    let request = &peer.requests[0];
    assert_eq!(
        (request.step, request.path.as_str()),
        (Step::InitVisitorChat, "/api/secondme/visitor-chat/init")
    );
    assert_eq!(
        body(request),
        json!({
            "apiKey": "sk-your-api-key", "visitorName": "John Doe",
            "visitorId": "feishu_550e8400-e29b-41d4-a716-446655440000",
        })
    );
    let headers: Vec<_> =
        request.headers.iter().map(|(name, value)| (*name, value.expose_secret())).collect();
    assert_eq!(headers, [("Authorization", "Bearer t1")]);
    init(&mut peer, "s1");
    assert!(peer.requests.is_empty());
    peer.up();
    let Ok(Outcome::Opened { opening, resumed }) = peer.result(open) else { panic!("it is open") };
    assert_eq!((opening.as_str(), *resumed), ("Hello!", false));
    assert_eq!(peer.machine.avatar_name(), Some("My Assistant"));
}

#[test]
fn a_message_goes_out_over_an_open_socket_with_exactly_the_documented_fields() {
    let mut peer = Peer::with(config(), None);
    peer.open(FIRST);
    peer.send("Hello");
    token(&mut peer, "t1", None, Freshness::Fetched);
    init(&mut peer, "s1");
    assert!(!peer.asks(Step::SendMessage), "the first pieces would be lost");
    peer.up();
    let request = peer.take(Step::SendMessage);
    assert_eq!(request.path, "/api/secondme/visitor-chat/send");
    assert_eq!(body(&request), json!({"sessionId": "s1", "apiKey": "sk-your-api-key", "message": "Hello"}));
}

#[test]
fn a_question_is_answered() {
    let (mut peer, _) = live();
    let ask = peer.ask("Who are you?");
    peer.grant(Step::SendMessage, Value::Null);
    peer.frame(says("me", "Who are you?"));
    for frame in [avatar(0, "An "), avatar(1, "avatar"), avatar(-1, "")] {
        peer.frame(frame);
    }
    assert_eq!(peer.replied(ask), "An avatar");
    assert_eq!(said(&peer.happened()), ["echo Who are you?", "An avatar"]);
}

#[test]
fn a_user_is_known_by_the_token_and_no_visitor_id_is_sent() {
    let mut peer = Peer::with(Config { speaker: Speaker::User, ..config() }, None);
    peer.open(FIRST);
    token(&mut peer, "lba_at_1", None, Freshness::Fetched);
    assert_eq!(body(&peer.requests[0]), json!({"apiKey": "sk-your-api-key"}));
}

#[test]
fn another_session_is_an_event_and_what_is_under_way_is_handed_back() {
    let (mut peer, _) = live();
    let ask = peer.ask("Who are you?");
    peer.grant(Step::SendMessage, Value::Null);
    peer.pass(limits::ADDRESS_LIFETIME);
    let send = peer.send("Hello");
    let waits = peer.send("Later");
    peer.lose();
    peer.fail(Step::SendMessage, true);
    while !peer.asks(Step::InitVisitorChat) {
        peer.pass(Duration::from_millis(50));
    }
    init(&mut peer, "s2");
    peer.up();
    assert_eq!(peer.error(ask).kind(), ErrorKind::Closed);
    assert_unsent(&peer, send, "Hello", false);
    let request = peer.take(Step::SendMessage);
    assert_eq!(
        (body(&request)["sessionId"].as_str(), body(&request)["message"].as_str()),
        (Some("s2"), Some("Later"))
    );
    let replaced: Vec<_> = peer
        .happened()
        .into_iter()
        .filter_map(|kind| match kind {
            EventKind::SessionReplaced { from, to } => Some((from.to_string(), to.to_string())),
            _ => None,
        })
        .collect();
    assert_eq!(replaced, [("s1".to_owned(), "s2".to_owned())]);
    assert!(peer.is_waiting(waits));
    assert_eq!(peer.machine.session_id(FIRST).unwrap().as_str(), "s2");
}

#[test]
fn a_session_that_the_service_has_lost_is_renewed_once_and_the_message_goes_out_once_more() {
    for code in ["session_not_found", "session_expired", "visitor.session.closed"] {
        let (mut peer, _) = live();
        let send = peer.send("Hello");
        peer.refuse(Step::SendMessage, 404, code);
        while !peer.asks(Step::InitVisitorChat) {
            peer.pass(Duration::from_millis(50));
        }
        assert!(!peer.closed.is_empty(), "the socket was that session's");
        init(&mut peer, "s1");
        peer.up();
        peer.refuse(Step::SendMessage, 404, code);
        assert_unsent(&peer, send, "Hello", true);
        assert_eq!(peer.error(send).kind(), ErrorKind::Closed);
        assert!(peer.machine.is_closed(), "another session has not helped");
    }
}

#[test]
fn a_message_whose_answer_is_lost_is_confirmed_by_its_echo_or_handed_back() {
    let (mut peer, _) = live();
    let send = peer.send("Hello");
    peer.fail(Step::SendMessage, true);
    peer.frame(says("me", "Hello"));
    assert_eq!(confirmation(&peer, send), Confirmation::Echo);

    let send = peer.send("And now?");
    peer.reply(Step::SendMessage, 502, "Bad gateway");
    peer.pass(limits::CONFIRMATION_WAIT);
    assert_unsent(&peer, send, "And now?", false);
    assert!(peer.requests.is_empty(), "it is not sent again");
}

#[test]
fn the_owner_is_certain_once_the_visitor_s_own_id_is_known() {
    let (mut peer, _) = live();
    peer.frame(says("owner", "Hi, this is me"));
    assert_eq!(owner_said(&mut peer), Some(false));
    peer.send("Hello");
    peer.grant(Step::SendMessage, json!({"messageId": "m-77"}));
    let mut echo = says("me", "H***o");
    echo["messageId"] = "m-77".into();
    peer.frame(echo);
    assert_eq!(said(&peer.happened()), ["echo H***o"]);
    peer.frame(says("owner", "Still me"));
    assert_eq!(owner_said(&mut peer), Some(true));
    let record = peer.machine.record();
    assert_eq!(record.visitor_chat.as_ref().unwrap().own_user.as_ref().unwrap().id.as_str(), "me");
    assert!(!serde_json::to_string(&record).unwrap().contains("t1"), "no token is kept");

    let (mut later, _) = live_with(config(), Some(record));
    later.frame(says("me", "From my telephone"));
    assert_eq!(said(&later.happened()), ["echo From my telephone"]);
}

#[test]
fn a_run_goes_on_with_the_session_of_the_one_before_if_the_service_does() {
    let record = live().0.machine.record();
    for (session, goes_on) in [("s1", true), ("s2", false)] {
        let mut peer = Peer::with(config(), Some(record.clone()));
        let open = peer.open(FIRST);
        token(&mut peer, "t1", None, Freshness::AtHand);
        init(&mut peer, session);
        peer.up();
        let Ok(Outcome::Opened { resumed, .. }) = peer.result(open) else { panic!("it is open") };
        assert_eq!(*resumed, goes_on);
        let events = peer.happened();
        assert_eq!(events.iter().any(|kind| matches!(kind, EventKind::SessionReplaced { .. })), !goes_on);
    }
}

#[test]
fn what_this_door_does_not_have_is_unsupported_at_once() {
    let (mut peer, _) = live();
    let history = peer.history(10);
    let second = peer.open(SECOND);
    for ticket in [history, second] {
        assert_eq!(peer.error(ticket).kind(), ErrorKind::Unsupported);
    }
    assert!(peer.requests.is_empty());
    assert_eq!(peer.machine.conversations(), [FIRST]);
}

#[test]
fn the_end_of_a_session_is_its_being_forgotten() {
    for paused in [false, true] {
        let (mut peer, _) = live();
        if paused {
            peer.command(Command::Pause);
        }
        let end = peer.close(true);
        assert!(matches!(peer.result(end), Ok(Outcome::Closed)));
        assert!(peer.requests.is_empty());
        assert_eq!(peer.machine.record().session, None);
    }
}

/// A failure of a message, named by the service's own id of it or by none.
fn failed(code: &str, name: Option<&str>) -> Value {
    let mut frame = json!({"type": "sys", "subCode": code});
    if let Some(name) = name {
        frame["messageId"] = name.into();
    }
    frame
}

#[test]
fn a_failure_over_the_socket_that_comes_before_the_send_is_answered_ends_the_ask() {
    let (mut peer, _) = live();
    let ask = peer.ask("Who are you?");
    assert!(peer.asks(Step::SendMessage));
    peer.frame(failed("session.openai.error", None));
    assert_eq!(peer.error(ask).code(), Some("session.openai.error"));
    assert_eq!(peer.machine.state(FIRST), State::Live);
}

#[test]
fn a_failure_that_names_a_message_is_that_message_s_once_the_service_has_said_which() {
    let (mut peer, _) = live();
    let send = peer.send("Hello");
    peer.grant(Step::SendMessage, json!({"messageId": "m-76"}));
    assert!(matches!(peer.result(send), Ok(Outcome::Sent(_))));
    [avatar(0, "Hi"), avatar(-1, "")].into_iter().for_each(|frame| peer.frame(frame));
    let ask = peer.ask("Who are you?");
    // The service has not said yet which message that is, and the code is not known to be an answer.
    peer.frame(failed("a.code.of.the.future", Some("m-77")));
    assert!(peer.is_waiting(ask));
    peer.grant(Step::SendMessage, json!({"messageId": "m-77"}));
    assert_eq!(peer.error(ask).code(), Some("a.code.of.the.future"));

    // One that names an earlier message is not the question's.
    let ask = peer.ask("And now?");
    peer.frame(failed("session.openai.error", Some("m-76")));
    assert!(peer.is_waiting(ask));
    peer.grant(Step::SendMessage, json!({"messageId": "m-78"}));
    peer.frame(failed("session.openai.error", Some("m-78")));
    assert_eq!(peer.error(ask).code(), Some("session.openai.error"));
}

#[test]
fn a_failure_names_a_message_that_the_service_never_named_before() {
    let (mut peer, _) = live();
    let ask = peer.ask("Who are you?");
    peer.grant(Step::SendMessage, Value::Null);
    peer.frame(failed("session.openai.error", Some("m-77")));
    assert_eq!(peer.error(ask).code(), Some("session.openai.error"));
}

#[test]
fn a_session_that_the_service_says_over_the_socket_it_has_lost_is_renewed_whatever_the_code_s_form() {
    for code in ["session.status.closed", "chat_session_expired", "visitorchat.sessionNotFound"] {
        let (mut peer, _) = live();
        peer.frame(failed(code, None));
        while !peer.asks(Step::InitVisitorChat) {
            peer.pass(Duration::from_millis(50));
        }
        init(&mut peer, "s1");
        peer.up();
        assert_eq!(peer.machine.state(FIRST), State::Live, "{code}");
    }
}

#[test]
fn a_limit_or_a_fault_with_a_code_about_the_key_passes_and_the_conversation_stays() {
    for (code, number) in [("apikey.rate.limited", 429), ("apikey.fetch.timeout", 503)] {
        let mut peer = Peer::with(config(), None);
        let open = peer.open(FIRST);
        token(&mut peer, "t1", None, Freshness::Fetched);
        peer.reply(Step::InitVisitorChat, 200, &json!({"code": number, "subCode": code}).to_string());
        assert!(peer.is_waiting(open), "{code}");
        while !peer.asks(Step::InitVisitorChat) {
            peer.pass(Duration::from_millis(500));
        }
        init(&mut peer, "s1");
        peer.up();
        assert!(matches!(peer.result(open), Ok(Outcome::Opened { .. })), "{code}");
    }

    let (mut peer, _) = live();
    let send = peer.send("Hello");
    peer.refuse(Step::SendMessage, 403, "apikey.quota.exceeded");
    assert_unsent(&peer, send, "Hello", true);
    assert_eq!(peer.error(send).kind(), ErrorKind::PaymentRequired);
    assert_eq!(peer.machine.state(FIRST), State::Live);
}
