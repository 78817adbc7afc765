//! Questions and their answers, in order.

use std::time::Duration;

use secondme_avatar_protocol::{
    Author, Confirmation, ErrorKind, EventKind, Input, Outcome, Output, Step, Text, limits,
};
use serde_json::Value;

use crate::helpers::{MILLI, assert_unsent, confirmation, quick_ask, whole_ask};
use crate::support::{Peer, echo, owner, piece};

#[test]
fn two_questions_are_answered_in_order_and_never_crossed() {
    let mut peer = Peer::live();
    let (one, two) = (peer.ask("one?"), peer.ask("two?"));
    peer.grant(Step::SendMessage, Value::Null);
    assert!(!peer.asks(Step::SendMessage), "the second waits for the answer to the first");
    peer.piece("r1", 0, "On");
    peer.piece("r1", -1, "e");
    assert_eq!(peer.replied(one), "One");
    peer.grant(Step::SendMessage, Value::Null);
    peer.piece("r2", -1, "Two");
    assert_eq!(peer.replied(two), "Two");
    let pieces: Vec<_> = peer.pieces.iter().map(|(ticket, _, text)| (*ticket, text.as_str())).collect();
    assert_eq!(pieces, [(one, "On"), (one, "e"), (two, "Two")]);
}

#[test]
fn the_answers_to_messages_before_a_question_are_not_its_answer() {
    let mut peer = Peer::live();
    peer.send("one");
    peer.grant(Step::SendMessage, Value::Null);
    let ask = peer.ask("two?");
    assert!(!peer.asks(Step::SendMessage), "the reply to the message before may still come");
    peer.piece("r1", -1, "To one");
    assert!(peer.is_waiting(ask));
    peer.grant(Step::SendMessage, Value::Null);
    peer.piece("r2", -1, "To two");
    assert_eq!(peer.replied(ask), "To two");
}

#[test]
fn a_message_passes_a_question_that_waits_for_its_turn() {
    let mut peer = Peer::live();
    let one = peer.ask("one?");
    peer.grant(Step::SendMessage, Value::Null);
    let (two, plain) = (peer.ask("two?"), peer.send("plain"));
    peer.grant(Step::SendMessage, Value::Null);
    assert_eq!(confirmation(&peer, plain), Confirmation::Answer);
    peer.piece("r1", -1, "One");
    assert_eq!(peer.replied(one), "One");
    assert!(peer.is_waiting(two));
}

#[test]
fn the_owner_answers_a_question_in_person() {
    let mut peer = Peer::live();
    let ask = peer.ask("Hello?");
    peer.grant(Step::SendMessage, Value::Null);
    peer.frame(owner("o1", "It is me"));
    assert_eq!(peer.replied(ask), "It is me");
    assert_eq!(peer.pieces, [(ask, Author::Owner, Text::from("It is me"))]);
}

#[test]
fn what_the_owner_says_before_a_question_was_taken_does_not_answer_it() {
    let mut peer = Peer::live();
    let ask = peer.ask("Hello?");
    peer.frame(owner("o1", "By the way"));
    assert!(peer.is_waiting(ask));
    peer.fail(Step::SendMessage, false);
    peer.pass(limits::BACKOFF_FIRST);
    peer.grant(Step::SendMessage, Value::Null);
    peer.piece("r1", -1, "Hi");
    assert_eq!(peer.replied(ask), "Hi");
}

#[test]
fn a_takeover_in_the_middle_of_a_streamed_reply_leaves_the_reply_to_its_question() {
    let mut peer = Peer::live();
    let ask = peer.ask("Hello?");
    peer.grant(Step::SendMessage, Value::Null);
    peer.piece("r1", 0, "Hel");
    peer.frame(owner("o1", "I take over"));
    assert!(peer.is_waiting(ask));
    peer.piece("r1", -1, "lo");
    assert_eq!(peer.replied(ask), "Hello");
}

#[test]
fn a_question_waits_so_long_for_the_first_piece_and_not_a_millisecond_longer() {
    let mut peer = Peer::live();
    let ask = quick_ask(&mut peer, Duration::from_secs(5), limits::ASK_DEADLINE);
    peer.pass(Duration::from_secs(8));
    assert!(peer.is_waiting(ask), "the wait begins when the service has taken the message");
    peer.grant(Step::SendMessage, Value::Null);
    peer.pass(Duration::from_secs(5) - MILLI);
    assert!(peer.is_waiting(ask));
    peer.pass(MILLI);
    assert_eq!(peer.error(ask).kind(), ErrorKind::Deadline);
    assert!(peer.error(ask).unsent().is_none(), "it was sent");
}

#[test]
fn a_question_whose_answer_began_fails_at_its_deadline_and_the_reply_still_comes() {
    let mut peer = Peer::live();
    let ask = quick_ask(&mut peer, limits::FIRST_PIECE, Duration::from_secs(4));
    peer.grant(Step::SendMessage, Value::Null);
    peer.pass(Duration::from_secs(2));
    peer.piece("r1", 0, "Hel");
    peer.pass(Duration::from_secs(2));
    assert_eq!(peer.error(ask).kind(), ErrorKind::Deadline);
    peer.piece("r1", -1, "lo");
    assert!(
        peer.happened().iter().any(|kind| matches!(kind, EventKind::Reply(reply) if reply.text == "Hello"))
    );
}

#[test]
fn a_slow_send_and_a_short_first_piece_answer_a_question_once() {
    let mut peer = Peer::live();
    let ask = quick_ask(&mut peer, Duration::from_secs(1), limits::ASK_DEADLINE);
    peer.pass(limits::CALL_TIMEOUT + limits::CONFIRMATION_WAIT);
    peer.fail(Step::QueryMessages, false);
    peer.pass(limits::ASK_DEADLINE);
    assert_unsent(&peer, ask, "Hi?", false);
}

#[test]
fn closing_with_a_question_under_way_answers_it_once() {
    let mut peer = Peer::live();
    let ask = peer.ask("Hello?");
    let close = peer.close(false);
    peer.pass(limits::CLOSE_DEADLINE);
    assert_unsent(&peer, ask, "Hello?", false);
    assert!(matches!(peer.result(close), Ok(Outcome::Closed)));
}

#[test]
fn a_reply_that_confirms_the_last_message_of_a_closing_conversation_is_delivered() {
    let mut peer = Peer::live();
    let ask = peer.ask("Hello?");
    let close = peer.close(false);
    peer.piece("r1", -1, "Hi");
    assert_eq!(peer.replied(ask), "Hi");
    assert!(matches!(peer.result(close), Ok(Outcome::Closed)));
    let kinds = peer.happened();
    assert!(kinds.iter().any(|kind| matches!(kind, EventKind::Reply(reply) if reply.text == "Hi")));
    assert!(matches!(kinds.last(), Some(EventKind::Closed { .. })));
}

#[test]
fn a_question_waits_ten_seconds_at_most_for_a_message_without_an_answer() {
    let mut peer = Peer::live();
    // The owner has taken over and says nothing.
    peer.send("anybody there?");
    let message = peer.message_id();
    peer.serve();
    peer.frame(echo(&message, "anybody there?"));
    let asked = peer.ask("and now?");
    assert!(!peer.asks(Step::SendMessage), "an answer may still begin");
    peer.pass(limits::HOLDS_QUESTION - MILLI);
    peer.serve();
    assert!(!peer.asks(Step::SendMessage));
    peer.pass(MILLI);
    assert!(peer.asks(Step::SendMessage), "it goes out now");
    let question = peer.message_id();
    peer.serve();
    peer.frame(echo(&question, "and now?"));
    peer.piece("reply", 0, "Here I am");
    peer.piece("reply", -1, "");
    assert_eq!(peer.replied(asked), "Here I am");
}

#[test]
fn a_question_that_is_given_up_holds_the_next_one_no_longer_than_any_message() {
    // Given up on its way, after it was taken, and by its own deadline.
    for given_up in ["on its way", "taken", "late"] {
        let mut peer = Peer::live();
        let asked = match given_up {
            "late" => whole_ask(&mut peer, "anybody there?", Duration::from_secs(2)),
            _ => whole_ask(&mut peer, "anybody there?", limits::ASK_DEADLINE),
        };
        if given_up == "on its way" {
            peer.cancel(asked);
        }
        let message = peer.message_id();
        peer.serve();
        peer.frame(echo(&message, "anybody there?"));
        if given_up == "taken" {
            peer.cancel(asked);
        }
        let next = peer.ask("and now?");
        peer.pass(limits::HOLDS_QUESTION - MILLI);
        peer.serve();
        assert!(!peer.asks(Step::SendMessage), "{given_up}: an answer may still begin");
        peer.pass(MILLI);
        assert!(peer.asks(Step::SendMessage), "{given_up}: it goes out now");
        let question = peer.message_id();
        peer.serve();
        peer.frame(echo(&question, "and now?"));
        peer.piece("reply", -1, "Here I am");
        assert_eq!(peer.replied(next), "Here I am");
    }
}

#[test]
fn an_event_is_there_before_the_answer_that_it_tells_of() {
    let mut peer = Peer::live();
    peer.ask("Hi?");
    peer.serve();
    let generation = peer.generation();
    let last = piece("reply", -1, "Hello").to_string();
    for frame in [piece("reply", 0, "").to_string(), last, owner("seq", "It is me").to_string()] {
        peer.machine.handle(peer.now, Input::SocketFrame { generation, frame: frame.into() });
    }
    let mut order = Vec::new();
    while let Some(output) = peer.machine.poll() {
        match output {
            Output::Event(event) if matches!(event.kind, EventKind::Reply(_)) => order.push("event"),
            Output::Resolved(_, Ok(Outcome::Replied(_))) => order.push("answer"),
            _ => {}
        }
    }
    assert_eq!(order, ["event", "answer"]);
}
