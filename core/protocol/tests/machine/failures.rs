//! What the service refuses, and what the caller takes back.

use std::time::Duration;

use secondme_avatar_protocol::{
    Command, Confirmation, ErrorKind, EventKind, Input, Outcome, State, Step, limits,
};
use serde_json::{Value, json};

use crate::helpers::{assert_unsent, confirmation};
use crate::support::{FIRST, Peer, echo};

#[test]
fn a_failure_over_the_socket_answers_the_message_it_names() {
    let mut peer = Peer::live();
    let ask = peer.ask("Hello?");
    let id = peer.message_id();
    peer.grant(Step::SendMessage, Value::Null);
    peer.frame(json!({"type": "sys", "subCode": "package.turn.exhaustion", "subCodeReason": "used up",
        "subCodeActions": [{"action": "buy"}], "messageId": id, "sessionId": "your-session-id"}));
    assert_eq!(peer.error(ask).code(), Some("package.turn.exhaustion"));
    let [EventKind::ServiceError(error)] = &peer.happened()[..] else { panic!() };
    assert_eq!(error.reason.as_deref(), Some("used up"));
    assert_eq!((&error.actions[0]["action"], error.retryable), (&json!("buy"), false));
    assert_eq!(error.message_id.as_ref().unwrap().as_str(), id);
}

#[test]
fn a_known_failure_that_names_no_message_answers_the_question_that_waits() {
    let mut peer = Peer::live();
    let ask = peer.ask("Hello?");
    peer.grant(Step::SendMessage, Value::Null);
    peer.frame(json!({"type": "sys", "subCode": "a.code.of.the.future"}));
    assert!(peer.is_waiting(ask), "an unknown failure may be about anything");
    peer.frame(json!({"type": "sys", "subCode": "session.openai.error"}));
    assert_eq!(peer.error(ask).code(), Some("session.openai.error"));
    assert!(peer.error(ask).is_retryable());
}

#[test]
fn a_message_cancelled_before_it_went_out_never_goes_out() {
    let mut peer = Peer::live();
    let (first, second) = (peer.send("one"), peer.send("two"));
    peer.cancel(second);
    peer.grant(Step::SendMessage, Value::Null);
    assert_eq!(confirmation(&peer, first), Confirmation::Answer);
    assert!(!peer.asks(Step::SendMessage) && peer.is_waiting(second));
}

#[test]
fn a_message_cancelled_before_its_call_was_polled_does_not_go_out_and_leaves_no_turn() {
    let mut peer = Peer::live();
    let calls = peer.machine.counters().calls;
    for pieces in [false, true] {
        let ask = Command::Ask {
            conversation: FIRST,
            text: "never mind".into(),
            deadline: Duration::from_secs(120),
            first_piece: Duration::from_secs(60),
            pieces,
            collect: None,
        };
        let ticket = peer.machine.command(peer.now, ask).unwrap();
        assert!(peer.machine.outputs() > 0, "its call has begun");
        peer.cancel(ticket);
        assert!(!peer.asks(Step::SendMessage) && peer.machine.counters().calls == calls);
    }
    // The next question waits for nothing.
    let next = peer.ask("but this");
    peer.grant(Step::SendMessage, Value::Null);
    peer.piece("r1", -1, "Yes");
    assert!(matches!(peer.result(next), Ok(Outcome::Replied(reply)) if reply.text == "Yes"));
}

#[test]
fn a_message_cancelled_on_its_way_goes_on_and_a_question_s_reply_is_still_an_event() {
    let mut peer = Peer::live();
    let ask = peer.ask("Hello?");
    peer.cancel(ask);
    peer.grant(Step::SendMessage, Value::Null);
    peer.piece("r1", -1, "Hi");
    assert!(peer.is_waiting(ask) && peer.pieces.is_empty());
    assert!(peer.happened().iter().any(|kind| matches!(kind, EventKind::Reply(_))));
}

#[test]
fn cancelling_what_a_closing_conversation_waits_for_lets_it_close() {
    let mut peer = Peer::live();
    peer.lose();
    let send = peer.send("Hello");
    let close = peer.close(false);
    assert_eq!(peer.machine.state(FIRST), State::Closing);
    peer.cancel(send);
    assert!(matches!(peer.result(close), Ok(Outcome::Closed)));
}

#[test]
fn an_answer_that_is_no_envelope_leaves_a_message_in_doubt() {
    let mut peer = Peer::live();
    let send = peer.send("Hello");
    let id = peer.message_id();
    peer.reply(Step::SendMessage, 502, "<html>");
    peer.frame(echo(&id, "Hello"));
    assert_eq!(confirmation(&peer, send), Confirmation::Echo);
}

#[test]
fn a_service_that_is_asked_too_often_makes_one_message_wait_and_nothing_else() {
    let mut peer = Peer::live();
    let send = peer.send("Hello");
    peer.refuse(Step::SendMessage, 429, "session.message.exceedQPSLimit");
    assert!(peer.used_up.is_empty(), "the key's quota is another matter");
    peer.pass(limits::RATE_LIMIT_WAIT + limits::BACKOFF_FIRST);
    peer.grant(Step::SendMessage, Value::Null);
    assert_eq!(confirmation(&peer, send), Confirmation::Answer);
}

#[test]
fn a_message_that_would_have_to_wait_beyond_its_deadline_fails_now_and_says_how_long() {
    let mut peer = Peer::live();
    let send = peer.send("Hello");
    let call = peer.take(Step::SendMessage).call;
    let body = json!({"code": "open.api.rate.limited"}).to_string().into();
    let retry_after = Some(Duration::from_secs(40));
    peer.input(Input::HttpAnswer { call, status: 200, retry_after, body });
    assert_eq!(
        (peer.error(send).kind(), peer.error(send).retry_after()),
        (ErrorKind::RateLimited, retry_after)
    );
    assert_unsent(&peer, send, "Hello", true);
}
