//! What the service refuses, and which message it means.

use std::time::Duration;

use secondme_avatar_protocol::{ErrorKind, State, Step, limits};
use serde_json::{Value, json};

use super::{failed, init, live, says};
use crate::helpers::assert_unsent;
use crate::support::{FIRST, Peer};

/// The service gives the session anew that it has said to have lost.
fn renew(peer: &mut Peer) {
    while !peer.asks(Step::InitVisitorChat) {
        peer.pass(Duration::from_millis(50));
    }
    init(peer, "s1");
    peer.up();
}

#[test]
fn a_code_that_says_what_is_refused_leaves_no_message_in_doubt_whatever_its_status() {
    for status in [408, 500, 503] {
        for code in ["apikey.rate.limited", "session.message.exceedQPSLimit"] {
            let (mut peer, _) = live();
            let send = peer.send("Hello");
            peer.refuse(Step::SendMessage, status, code);
            assert!(peer.is_waiting(send));
            peer.pass(limits::RATE_LIMIT_WAIT * 2);
            peer.take(Step::SendMessage);
        }
        for code in ["apikey.auth.invalid", "oauth2.scope.missing", "open.api.avatar.not.found"] {
            let (mut peer, _) = live();
            let send = peer.send("Hello");
            peer.refuse(Step::SendMessage, status, code);
            assert_unsent(&peer, send, "Hello", true);
            assert_ne!(peer.error(send).kind(), ErrorKind::Unavailable, "{code}");
        }
        let (mut peer, _) = live();
        let send = peer.send("Hello");
        peer.refuse(Step::SendMessage, status, "service.status.unavailable");
        peer.pass(limits::CONFIRMATION_WAIT);
        assert_unsent(&peer, send, "Hello", false);
    }
}

#[test]
fn an_ask_in_a_session_that_is_lost_over_the_socket_ends_though_the_session_comes_again() {
    let (mut peer, _) = live();
    let ask = peer.ask("Who are you?");
    peer.grant(Step::SendMessage, Value::Null);
    peer.frame(failed("session_not_found", None));
    assert_eq!(
        (peer.error(ask).kind(), peer.error(ask).code()),
        (ErrorKind::Closed, Some("session_not_found"))
    );
    renew(&mut peer);
    assert!(peer.requests.is_empty(), "whether the avatar has read it is not known");
    assert_eq!(peer.machine.state(FIRST), State::Live);
}

#[test]
fn an_ask_whose_send_is_under_way_ends_once_that_is_answered_and_goes_out_again_if_it_is_refused() {
    let (mut peer, _) = live();
    let ask = peer.ask("Who are you?");
    peer.frame(failed("session_not_found", Some("m-77")));
    assert!(peer.is_waiting(ask));
    peer.grant(Step::SendMessage, json!({"messageId": "m-78"}));
    assert_eq!(peer.error(ask).code(), Some("session_not_found"));

    let (mut peer, _) = live();
    let ask = peer.ask("Who are you?");
    peer.frame(failed("session_not_found", None));
    peer.refuse(Step::SendMessage, 404, "session_not_found");
    renew(&mut peer);
    peer.grant(Step::SendMessage, Value::Null);
    assert!(peer.is_waiting(ask), "it was not taken in the session before");
    assert_eq!(peer.machine.state(FIRST), State::Live);
}

#[test]
fn a_failure_with_a_name_waits_until_the_call_under_way_has_said_whose_it_is() {
    let code = "session.openai.error";
    for (data, fails) in
        [(json!({"messageId": "m-77"}), true), (json!({"messageId": "m-78"}), false), (Value::Null, true)]
    {
        let (mut peer, _) = live();
        let ask = peer.ask("Who are you?");
        peer.frame(failed(code, Some("m-77")));
        assert!(peer.is_waiting(ask), "the failure may be an earlier message's");
        peer.grant(Step::SendMessage, data);
        assert_eq!(!peer.is_waiting(ask), fails);
        if fails {
            assert_eq!(peer.error(ask).code(), Some(code));
        }
    }
    let (mut peer, _) = live();
    let ask = peer.ask("Who are you?");
    peer.frame(failed(code, Some("m-77")));
    peer.fail(Step::SendMessage, true);
    assert_eq!(peer.error(ask).code(), Some(code), "no answer will name it");
}

#[test]
fn the_name_of_an_echo_does_not_keep_a_failure_with_another_from_its_question() {
    let (mut peer, _) = live();
    let ask = peer.ask("Who are you?");
    peer.grant(Step::SendMessage, Value::Null);
    let mut echo = says("me", "Who are you?");
    echo["messageId"] = "echo-1".into();
    peer.frame(echo);
    peer.frame(failed("session.openai.error", Some("m-77")));
    assert_eq!(peer.error(ask).code(), Some("session.openai.error"));
}
