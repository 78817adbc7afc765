//! What should have come, and is asked for.

use std::time::Duration;

use secondme_avatar_protocol::{ErrorKind, EventKind, Step, limits};
use serde_json::{Value, json};

use crate::helpers::assert_unsent;
use crate::support::{Peer, echo, hint, piece};

/// A peer whose service has shown that it echoes a message before it answers it.
fn echoing() -> Peer {
    let mut peer = Peer::live();
    peer.send("first");
    let id = peer.message_id();
    peer.frame(echo(&id, "first"));
    peer.grant(Step::SendMessage, Value::Null);
    peer.piece("r0", -1, "To first");
    peer.happened();
    peer
}

#[test]
fn where_the_service_echoes_a_late_answer_is_not_taken_for_that_of_a_question_not_yet_echoed() {
    let mut peer = echoing();
    let ask = peer.ask("Hello?");
    let id = peer.message_id();
    peer.fail(Step::SendMessage, true);
    peer.piece("r1", -1, "To something else");
    assert!(peer.is_waiting(ask), "it does not even prove that the question was taken");
    peer.frame(echo(&id, "Hello?"));
    peer.piece("r2", -1, "Hi");
    assert_eq!(peer.replied(ask), "Hi");
}

#[test]
fn an_answer_that_overtakes_its_echo_is_heard_and_its_question_waits_its_time_and_no_other_s() {
    let mut peer = echoing();
    let ask = peer.ask("Hello?");
    let id = peer.message_id();
    peer.grant(Step::SendMessage, Value::Null);
    peer.piece("r1", -1, "Hi");
    peer.pass(Duration::from_millis(100));
    peer.frame(echo(&id, "Hello?"));
    let heard =
        |kind: &EventKind| matches!(kind, EventKind::Reply(reply) if reply.text == "Hi" && !reply.asked);
    assert!(peer.happened().iter().any(heard), "it may be more of what was said before");
    // The service is asked, and has nothing else.
    peer.pass(limits::PROBE_LATE);
    peer.grant(Step::QueryMessages, json!([]));
    peer.pass(limits::FIRST_PIECE - limits::PROBE_LATE - Duration::from_millis(101));
    assert!(peer.is_waiting(ask));
    peer.pass(Duration::from_millis(1));
    assert_eq!(peer.error(ask).kind(), ErrorKind::Deadline);
    let next = peer.ask("And now?");
    let id = peer.message_id();
    peer.frame(echo(&id, "And now?"));
    peer.grant(Step::SendMessage, Value::Null);
    peer.piece("r2", -1, "Now");
    assert_eq!(peer.replied(next), "Now");
}

#[test]
fn a_piece_that_its_reply_s_end_has_overtaken_holds_up_the_next_question_for_the_silence_alone() {
    let mut peer = echoing();
    let ask = peer.ask("Hello?");
    let id = peer.message_id();
    peer.frame(echo(&id, "Hello?"));
    peer.grant(Step::SendMessage, Value::Null);
    peer.piece("r1", 0, "Hi");
    peer.piece("r1", -1, "!");
    assert_eq!(peer.replied(ask), "Hi!");
    peer.piece("r1", 1, " there");
    let next = peer.ask("And now?");
    peer.pass(limits::REPLY_IDLE - Duration::from_millis(1));
    assert!(!peer.asks(Step::SendMessage));
    peer.pass(Duration::from_millis(1));
    let id = peer.message_id();
    peer.frame(echo(&id, "And now?"));
    peer.grant(Step::SendMessage, Value::Null);
    peer.piece("r2", -1, "Now");
    assert_eq!(peer.replied(next), "Now");
}

#[test]
fn the_answer_to_a_message_that_was_handed_back_is_not_taken_for_the_next_one_s() {
    let mut peer = echoing();
    let first = peer.ask("One?");
    let id = peer.message_id();
    peer.fail(Step::SendMessage, true);
    // Neither the frames after one that is named can be asked for, nor the latest ones.
    for _ in 0..2 {
        peer.pass(limits::CONFIRMATION_WAIT);
        peer.refuse(Step::QueryMessages, 200, "not.offered");
    }
    peer.pass(limits::CONFIRMATION_WAIT);
    assert_unsent(&peer, first, "One?", false);

    let second = peer.ask("Two?");
    let other = peer.message_id();
    peer.frame(echo(&id, "One?"));
    peer.frame(echo(&other, "Two?"));
    peer.piece("r1", -1, "One");
    assert!(peer.is_waiting(second));
    peer.piece("r2", -1, "Two");
    assert_eq!(peer.replied(second), "Two");
}

#[test]
fn a_service_that_echoes_after_its_answer_is_believed_without_an_echo_from_then_on() {
    let mut peer = echoing();
    let one = peer.ask("One?");
    let id = peer.message_id();
    peer.grant(Step::SendMessage, Value::Null);
    peer.piece("r1", -1, "To no question, as it seems");
    assert!(peer.is_waiting(one));
    peer.frame(echo(&id, "One?"));
    peer.piece("r2", -1, "One");
    assert_eq!(peer.replied(one), "One");

    let mut late = Peer::live();
    for text in ["one", "two"] {
        let ask = late.ask(text);
        let id = late.message_id();
        late.grant(Step::SendMessage, Value::Null);
        late.piece(text, -1, text);
        assert_eq!(late.replied(ask), text);
        late.frame(echo(&id, text));
    }
}

#[test]
fn a_message_that_was_taken_and_of_which_nothing_comes_is_asked_for() {
    let mut peer = echoing();
    let ask = peer.ask("Hello?");
    let id = peer.message_id();
    peer.grant(Step::SendMessage, Value::Null);
    peer.pass(limits::CONFIRMATION_WAIT);
    peer.grant(Step::QueryMessages, json!([echo(&id, "Hello?"), piece("r1", 0, "Hel")]));
    assert!(!peer.machine.is_connected(), "a socket that has swallowed an echo is dead");
    while !peer.asks(Step::CreateSocket) {
        peer.pass(Duration::from_millis(50));
    }
    peer.grant(Step::CreateSocket, json!({"wsId": "ws:2", "address": "wss://avatar.test/ws"}));
    peer.up();
    peer.grant(Step::QueryMessages, json!([piece("r1", -1, "lo")]));
    assert_eq!(peer.replied(ask), "Hello");
}

#[test]
fn a_service_without_echoes_is_asked_and_its_socket_is_left_alone() {
    let mut peer = Peer::live();
    let ask = peer.ask("Hello?");
    let id = peer.message_id();
    peer.grant(Step::SendMessage, Value::Null);
    peer.pass(limits::CONFIRMATION_WAIT);
    peer.grant(Step::QueryMessages, json!([echo(&id, "Hello?")]));
    assert!(peer.machine.is_connected());
    peer.piece("r1", -1, "Hi");
    assert_eq!(peer.replied(ask), "Hi");
}

#[test]
fn a_look_that_finds_what_was_lost_long_ago_leaves_the_place_in_the_conversation_where_it_was() {
    let mut peer = Peer::live();
    peer.frame(hint("seq1", "first"));
    peer.send("Hello?");
    let id = peer.message_id();
    peer.grant(Step::SendMessage, Value::Null);
    let newer = hint("seq9", "heard already");
    peer.frame(newer.clone());
    peer.pass(limits::CONFIRMATION_WAIT);
    // What the next run would ask for, after the answer and after each page of it.
    let place = |peer: &Peer| peer.machine.record().session.and_then(|session| session.last_seq);
    peer.grant(Step::QueryMessages, json!([echo(&id, "Hello?"), hint("seq8", "lost")]));
    assert_eq!(place(&peer), Some("seq9".into()));
    peer.grant(Step::QueryMessages, json!([newer, hint("seq10", "lost as well")]));
    assert_eq!(place(&peer), Some("seq10".into()));
}

#[test]
fn a_search_after_a_burst_of_frames_hears_nothing_twice() {
    let mut peer = Peer::live();
    peer.frame(hint("before", "first"));
    peer.send("Hello?");
    peer.grant(Step::SendMessage, Value::Null);
    // So many that not all of them are remembered.
    let burst: Vec<Value> = (0..4 * limits::SEEN_FRAMES)
        .map(|number| hint(&format!("seq{number:05}"), "again and again"))
        .collect();
    burst.iter().for_each(|frame| peer.frame(frame.clone()));
    peer.happened();
    peer.pass(limits::CONFIRMATION_WAIT);
    // The service, with pages of fifty frames and one that was lost at the end.
    let lost = hint("seq99999", "lost");
    let history: Vec<&Value> = burst.iter().chain([&lost]).collect();
    while peer.asks(Step::QueryMessages) {
        let request = peer.requests.iter().find(|request| request.step == Step::QueryMessages).unwrap();
        let since = request.path.split("seqId=").nth(1).unwrap().to_owned();
        let after = |frame: &&&Value| frame["seqId"].as_str().unwrap() > since.as_str();
        let page: Vec<Value> = history.iter().filter(after).take(50).map(|frame| (*frame).clone()).collect();
        assert_ne!(since, "before", "it begins within what is remembered");
        peer.grant(Step::QueryMessages, json!(page));
    }
    let heard = peer.happened();
    let heard = heard.iter().filter(|event| matches!(event, EventKind::Notice { .. })).count();
    assert_eq!(heard, 1, "the one that was lost");
}

#[test]
fn an_answer_that_is_late_is_asked_for_now_and_then_and_not_for_ever() {
    let mut peer = echoing();
    peer.send("Hello");
    let id = peer.message_id();
    peer.frame(echo(&id, "Hello"));
    peer.grant(Step::SendMessage, Value::Null);
    let mut queries = 0;
    for _ in 0..600 {
        peer.pass(Duration::from_secs(1));
        if peer.asks(Step::QueryMessages) {
            queries += 1;
            peer.grant(Step::QueryMessages, json!([]));
        }
    }
    assert_eq!(queries, 2);
}
