//! A message on its way out, with every loss that can happen between.

use std::time::Duration;

use secondme_avatar_protocol::{Command, Confirmation, ErrorKind, EventKind, Step, limits};
use serde_json::{Value, json};

use crate::helpers::{MILLI, assert_unsent, confirmation, resending};
use crate::support::{self, FIRST, Peer, echo, piece};

#[test]
fn messages_go_out_one_after_the_other_in_order() {
    let mut peer = Peer::live();
    let (one, two) = (peer.send("one"), peer.send("two"));
    assert_eq!(peer.requests.len(), 1);
    peer.grant(Step::SendMessage, Value::Null);
    assert_eq!(confirmation(&peer, one), Confirmation::Answer);
    assert!(peer.is_waiting(two));
    peer.grant(Step::SendMessage, Value::Null);
    assert_eq!(confirmation(&peer, two), Confirmation::Answer);
}

#[test]
fn a_message_waits_while_the_link_is_down_and_goes_out_when_it_is_back() {
    let mut peer = Peer::live();
    peer.lose();
    let send = peer.send("Hello");
    assert!(!peer.asks(Step::SendMessage));
    peer.pass(limits::BACKOFF_FIRST);
    peer.serve();
    assert_eq!(confirmation(&peer, send), Confirmation::Answer);
}

#[test]
fn a_message_that_never_left_goes_out_again_under_its_id() {
    let mut peer = Peer::live();
    let send = peer.send("Hello");
    let id = peer.message_id();
    peer.fail(Step::SendMessage, false);
    peer.pass(limits::BACKOFF_FIRST);
    assert_eq!(peer.message_id(), id);
    peer.grant(Step::SendMessage, Value::Null);
    assert_eq!(confirmation(&peer, send), Confirmation::Answer);
}

#[test]
fn a_question_that_never_left_goes_out_again_and_is_answered_once() {
    let mut peer = Peer::live();
    let ask = peer.ask("Hello?");
    peer.fail(Step::SendMessage, false);
    peer.pass(limits::BACKOFF_FIRST);
    peer.grant(Step::SendMessage, Value::Null);
    peer.piece("r1", -1, "Hi");
    assert_eq!(peer.replied(ask), "Hi");
}

#[test]
fn an_echo_confirms_a_message_whose_answer_was_lost() {
    let mut peer = Peer::live();
    let send = peer.send("Hello");
    let id = peer.message_id();
    peer.fail(Step::SendMessage, true);
    assert!(peer.is_waiting(send));
    peer.frame(echo(&id, "Hello"));
    assert_eq!(confirmation(&peer, send), Confirmation::Echo);
    peer.pass(Duration::from_secs(60));
    assert!(!peer.asks(Step::SendMessage), "it is not sent again");
}

#[test]
fn an_echo_before_the_answer_confirms_and_the_answer_adds_nothing() {
    let mut peer = Peer::live();
    let send = peer.send("Hello");
    peer.frame(echo(&peer.message_id(), "Hello"));
    assert_eq!(confirmation(&peer, send), Confirmation::Echo);
    let mut other = Peer::live();
    other.send("Hello");
    other.frame(echo(&other.message_id(), "Hello"));
    peer.grant(Step::SendMessage, Value::Null);
    other.fail(Step::SendMessage, true);
    peer.pass(Duration::from_secs(20));
    other.pass(Duration::from_secs(20));
    assert!(!peer.asks(Step::SendMessage) && !other.asks(Step::SendMessage));
}

#[test]
fn a_query_confirms_a_message_that_neither_answer_nor_echo_has_confirmed() {
    let mut peer = Peer::live();
    peer.frame(piece("r0", -1, "Hello"));
    let send = peer.send("Hello");
    let id = peer.message_id();
    peer.fail(Step::SendMessage, true);
    peer.pass(limits::CONFIRMATION_WAIT);
    assert!(peer.requests[0].path.contains("direction=forward&seqId=r0%2F-1"), "{}", peer.requests[0].path);
    peer.grant(Step::QueryMessages, json!([echo(&id, "Hello")]));
    assert_eq!(confirmation(&peer, send), Confirmation::Query);
    assert!(
        peer.happened().iter().all(|kind| !matches!(kind, EventKind::Reconnected { .. })),
        "nothing was lost"
    );
}

#[test]
fn the_reply_to_a_question_proves_that_it_was_taken() {
    let mut peer = Peer::live();
    let ask = peer.ask("Hello?");
    peer.fail(Step::SendMessage, true);
    peer.piece("r1", -1, "Hi");
    assert_eq!(peer.replied(ask), "Hi");
    peer.pass(Duration::from_secs(30));
    assert!(!peer.asks(Step::SendMessage));
}

#[test]
fn a_doubt_that_nothing_settles_hands_the_text_back_as_uncertain() {
    let mut peer = Peer::live();
    let send = peer.send("Hello");
    peer.fail(Step::SendMessage, true);
    peer.pass(limits::CONFIRMATION_WAIT);
    peer.reply(Step::QueryMessages, 404, "");
    peer.pass(limits::CONFIRMATION_WAIT);
    assert_unsent(&peer, send, "Hello", false);
    assert_eq!(peer.error(send).step(), Some(Step::SendMessage));
}

#[test]
fn a_doubt_that_nothing_settles_is_sent_again_under_its_id_where_the_caller_wants_that() {
    let mut peer = resending();
    let send = peer.send("Hello");
    let id = peer.message_id();
    peer.fail(Step::SendMessage, true);
    peer.pass(limits::CONFIRMATION_WAIT);
    peer.grant(Step::QueryMessages, json!([]));
    peer.pass(limits::CONFIRMATION_WAIT);
    assert_eq!(peer.message_id(), id);
    peer.grant(Step::SendMessage, Value::Null);
    assert_eq!(confirmation(&peer, send), Confirmation::Answer);
}

#[test]
fn a_question_in_doubt_is_sent_again_and_answered_once() {
    let mut peer = resending();
    let ask = peer.ask("Hello?");
    peer.fail(Step::SendMessage, true);
    peer.pass(limits::CONFIRMATION_WAIT);
    peer.grant(Step::QueryMessages, json!([]));
    peer.pass(limits::CONFIRMATION_WAIT);
    peer.grant(Step::SendMessage, Value::Null);
    peer.piece("r1", -1, "Hi");
    assert_eq!(peer.replied(ask), "Hi");
}

#[test]
fn a_doubt_lasts_while_the_link_is_down_and_while_the_gap_is_being_filled() {
    let mut peer = Peer::live();
    peer.frame(piece("r0", -1, "Hello"));
    let send = peer.send("Hello");
    let id = peer.message_id();
    peer.lose();
    peer.fail(Step::SendMessage, true);
    peer.pass(limits::CONFIRMATION_WAIT * 2);
    assert!(peer.is_waiting(send), "over a dead link no echo can come");
    peer.grant(Step::CreateSocket, json!({"wsId": "ws:2", "address": "wss://avatar.test/ws"}));
    peer.up();
    assert!(peer.asks(Step::QueryMessages));
    peer.pass(limits::CONFIRMATION_WAIT + MILLI);
    assert!(peer.is_waiting(send), "the query is still under way");
    peer.grant(Step::QueryMessages, json!([echo(&id, "Hello")]));
    assert_eq!(confirmation(&peer, send), Confirmation::Query);
}

#[test]
fn a_send_s_deadline_is_kept_to_the_millisecond_and_says_whether_it_may_have_been_taken() {
    let mut peer = Peer::live();
    peer.lose();
    let waiting = peer.send("queued");
    peer.pass(limits::SEND_DEADLINE - MILLI);
    assert!(peer.is_waiting(waiting));
    peer.pass(MILLI);
    assert_eq!(peer.error(waiting).kind(), ErrorKind::Deadline);
    assert_unsent(&peer, waiting, "queued", true);

    let mut peer = Peer::live();
    let in_flight = peer.command(Command::Send {
        conversation: FIRST,
        text: "under way".into(),
        deadline: Duration::from_secs(2),
    });
    let call = peer.requests[0].call;
    peer.pass(Duration::from_secs(2));
    assert_unsent(&peer, in_flight, "under way", false);
    assert_eq!(peer.abandoned, [call]);
}

#[test]
fn a_refused_message_is_handed_back_with_the_service_s_code() {
    let mut peer = Peer::live();
    let (refused, next) = (peer.send("too long"), peer.send("next"));
    peer.refuse(Step::SendMessage, 200, "message.length.limit");
    let error = peer.error(refused);
    assert_eq!(
        (error.kind(), error.code(), error.step()),
        (ErrorKind::Refused, Some("message.length.limit"), Some(Step::SendMessage))
    );
    assert_unsent(&peer, refused, "too long", true);
    peer.grant(Step::SendMessage, Value::Null);
    assert_eq!(confirmation(&peer, next), Confirmation::Answer);
}

#[test]
fn a_message_that_a_dead_socket_refused_goes_out_over_the_next_one() {
    let mut peer = Peer::live();
    let send = peer.send("Hello");
    peer.refuse(Step::SendMessage, 410, "ws.gone");
    assert_eq!(peer.closed.len(), 1);
    peer.pass(limits::BACKOFF_FIRST);
    peer.serve();
    assert_eq!(confirmation(&peer, send), Confirmation::Answer);
}

#[test]
fn what_is_said_of_an_older_socket_does_not_bring_the_present_one_down() {
    let mut peer = Peer::live();
    let send = peer.send("Hello");
    peer.lose();
    peer.pass(limits::BACKOFF_FIRST);
    peer.grant(Step::CreateSocket, json!({"wsId": "ws:2", "address": "wss://avatar.test/ws"}));
    peer.up();
    peer.refuse(Step::SendMessage, 410, "ws.gone");
    assert!(peer.machine.is_connected());
    let again = peer.take(Step::SendMessage);
    assert_eq!(support::body(&again)["wsId"], "ws:2");
    assert!(peer.is_waiting(send));
}

#[test]
fn a_list_that_does_not_say_which_messages_it_holds_does_not_show_that_one_is_missing() {
    let unnamed = |sender: &str, user: &str| json!({"sender": sender, "sendUserId": user, "data": {"content": "Hello"}});
    let user = echo("id", "Hello")["sendUserId"].as_str().unwrap().to_owned();
    for (peer, is_handed_back) in [(Peer::live(), true), (resending(), false)] {
        let mut peer = peer;
        peer.frame(unnamed("umm", ""));
        let send = peer.send("Hello");
        let id = peer.message_id();
        peer.fail(Step::SendMessage, true);
        peer.pass(limits::CONFIRMATION_WAIT);
        peer.grant(Step::QueryMessages, json!([unnamed("client", &user)]));
        if is_handed_back {
            assert_unsent(&peer, send, "Hello", false);
        } else {
            peer.pass(limits::BACKOFF_FIRST);
            assert_eq!(peer.message_id(), id);
        }
    }
}
