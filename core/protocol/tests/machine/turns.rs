//! Which message a reply answers, after what was given up or left.

use std::time::Duration;

use secondme_avatar_protocol::{
    Author, ErrorKind, EventKind, Hold, Input, MessageId, Step, Text, Ticket, limits,
};
use serde_json::Value;

use crate::helpers::{MILLI, reply_to, take, whole_ask};
use crate::support::{Peer, echo, hint, owner, piece};

#[test]
fn after_a_stream_that_was_left_the_next_question_goes_out_at_once_and_gets_its_own_answer() {
    // Left before its answer began, in the middle of it, and before it was taken.
    for left in ["before", "middle", "on its way"] {
        let mut peer = Peer::live();
        let stream = peer.ask("a long story");
        if left == "on its way" {
            peer.cancel(stream);
        }
        take(&mut peer);
        if left == "middle" {
            peer.piece("r1", 0, "Once ");
        }
        if left != "on its way" {
            peer.cancel(stream);
        }
        let next = peer.ask("a short one");
        take(&mut peer);
        assert!(peer.held.is_empty(), "{left}");
        peer.piece("r1", 1, "upon a time");
        assert!(peer.is_waiting(next), "{left}");
        peer.piece("r1", -1, "");
        peer.piece("r2", -1, "The end");
        assert_eq!(peer.replied(next), "The end", "{left}");
        let of_next = |(ticket, _, _): &&(Ticket, Author, Text)| *ticket == next;
        let pieces: Vec<_> = peer.pieces.iter().filter(of_next).map(|(_, _, text)| text.as_str()).collect();
        assert_eq!(pieces, ["The end"], "{left}");
    }
}

#[test]
fn a_question_that_waits_says_for_what() {
    let mut peer = Peer::live();
    peer.send("anybody there?");
    take(&mut peer);
    let held = whole_ask(&mut peer, "and now?", Duration::from_secs(5));
    assert_eq!(peer.held, [Hold::Answer], "for the log, once");
    peer.pass(Duration::from_secs(5));
    assert_eq!(peer.error(held).kind(), ErrorKind::Deadline);
    assert!(peer.error(held).to_string().contains(Hold::Answer.text()), "{}", peer.error(held));
    assert!(peer.error(held).unsent().unwrap().certain);
    assert_eq!(peer.held.len(), 1);

    let mut peer = Peer::live();
    let given_up = whole_ask(&mut peer, "a long story", Duration::from_secs(2));
    take(&mut peer);
    peer.piece("r1", 0, "Once ");
    peer.pass(Duration::from_secs(2));
    assert_eq!(peer.error(given_up).kind(), ErrorKind::Deadline);
    let held = whole_ask(&mut peer, "and now?", Duration::from_millis(500));
    peer.pass(Duration::from_millis(500));
    assert_eq!(peer.held, [Hold::Reply]);
    assert!(peer.error(held).to_string().contains(Hold::Reply.text()), "{}", peer.error(held));
}

#[test]
fn a_question_behind_messages_to_a_slow_avatar_gets_no_wrong_id() {
    let mut peer = Peer::live();
    peer.send("one");
    let one = take(&mut peer);
    let asked = whole_ask(&mut peer, "two?", limits::ASK_DEADLINE);
    peer.pass(limits::HOLDS_QUESTION);
    let two = take(&mut peer);
    // It is the answer to the first message, and nothing tells.
    peer.piece("r1", -1, "To one");
    peer.piece("r2", -1, "To two");
    assert_eq!(reply_to(&peer, asked).in_reply_to, None);
    let named: Vec<Option<MessageId>> = peer
        .happened()
        .into_iter()
        .filter_map(|kind| match kind {
            EventKind::Reply(reply) => Some(reply.in_reply_to),
            EventKind::ReplyDelta { in_reply_to, .. } => Some(in_reply_to),
            _ => None,
        })
        .collect();
    assert_eq!(named, [None, None, None, None], "of {one} and {two}");

    // Long after that it is certain again.
    peer.pass(limits::ANSWER_OWED);
    let asked = whole_ask(&mut peer, "three?", limits::ASK_DEADLINE);
    let three = take(&mut peer);
    peer.piece("r3", -1, "To three");
    assert_eq!(reply_to(&peer, asked).in_reply_to, Some(three.as_str().into()));
}

#[test]
fn answers_in_order_name_their_messages() {
    let mut peer = Peer::live();
    let ids = ["one", "two", "three"].map(|text| {
        peer.send(text);
        take(&mut peer)
    });
    for reply in ["r1", "r2", "r3"] {
        peer.piece(reply, -1, "Hi");
        peer.pass(limits::FOLLOW_UP); // What comes sooner may be more of it.
    }
    let named: Vec<_> = peer
        .happened()
        .into_iter()
        .filter_map(|kind| match kind {
            EventKind::Reply(reply) => reply.in_reply_to.map(|id| id.as_str().to_owned()),
            _ => None,
        })
        .collect();
    assert_eq!(named, ids);
}

#[test]
fn a_late_answer_never_settles_the_next_question() {
    // It begins before the next question is asked, before that has gone out, or before its echo; or it is a late
    // answer to the call that sent the message.
    for late in ["before", "held", "unechoed", "call"] {
        let mut peer = Peer::live();
        peer.send("first");
        take(&mut peer);
        peer.piece("r0", -1, "To first");
        let given_up = whole_ask(&mut peer, "one?", Duration::from_secs(2));
        let call = peer.requests[0].call;
        if late == "call" {
            peer.pass(Duration::from_secs(2));
            assert!(!peer.error(given_up).unsent().unwrap().certain);
            let next = whole_ask(&mut peer, "two?", limits::ASK_DEADLINE);
            let body = bytes::Bytes::from_static(br#"{"code": 0}"#);
            peer.input(Input::HttpAnswer { call, status: 200, retry_after: None, body });
            assert!(peer.is_waiting(next) && peer.asks(Step::SendMessage), "its own call is still under way");
            continue;
        }
        take(&mut peer);
        peer.pass(Duration::from_secs(2));
        assert_eq!(peer.error(given_up).kind(), ErrorKind::Deadline);
        if late == "before" {
            peer.piece("r1", 0, "O");
        }
        let next = whole_ask(&mut peer, "two?", limits::ASK_DEADLINE);
        if late == "unechoed" {
            peer.pass(limits::HOLDS_QUESTION);
            assert!(peer.asks(Step::SendMessage));
        }
        peer.piece("r1", -1, "ne");
        assert!(peer.is_waiting(next), "{late}");
        take(&mut peer);
        peer.piece("r2", -1, "Two");
        assert_eq!(peer.replied(next), "Two", "{late}");
    }
}

#[test]
fn events_say_which_replies_a_call_receives_as_well() {
    let mut peer = Peer::live();
    peer.ask("asked?");
    take(&mut peer);
    peer.piece("r1", -1, "To asked");
    peer.send("said");
    take(&mut peer);
    peer.piece("r2", -1, "To said");
    peer.ask("and the owner?");
    take(&mut peer);
    peer.frame(owner("o1", "It is me"));
    peer.frame(owner("o2", "And more"));
    let asked: Vec<_> = peer
        .happened()
        .into_iter()
        .filter_map(|kind| match kind {
            EventKind::Reply(reply) | EventKind::OwnerReply(reply) => Some(reply.asked),
            EventKind::ReplyDelta { asked, .. } => Some(asked),
            _ => None,
        })
        .collect();
    assert_eq!(asked, [true, true, false, false, true, false]);
}

#[test]
fn while_nothing_is_read_an_echo_that_lies_unread_is_not_missed_and_the_link_is_left_alone() {
    let mut peer = Peer::live();
    // This service echoes.
    peer.send("first");
    take(&mut peer);
    peer.piece("r0", -1, "To first");
    let asked = whole_ask(&mut peer, "Hello?", Duration::from_secs(30));
    let id = peer.message_id();
    peer.input(Input::Reading(false));
    peer.grant(Step::SendMessage, Value::Null);
    let maybe_taken = peer.send("lost answer");
    peer.fail(Step::SendMessage, true);
    peer.pass(Duration::from_secs(14));
    assert!(!peer.asks(Step::QueryMessages), "the echo is there, and not read");
    assert!(peer.is_waiting(maybe_taken));
    peer.pass(Duration::from_secs(16));
    assert_eq!(peer.error(asked).kind(), ErrorKind::Deadline);
    assert!(peer.error(asked).to_string().contains("subscription"), "{}", peer.error(asked));
    assert!(peer.machine.is_connected() && peer.closed.is_empty());

    // Once it is drained, all is well.
    peer.input(Input::Reading(true));
    peer.frame(echo(&id, "Hello?"));
    peer.piece("r1", -1, "To Hello");
    peer.pass(limits::CONFIRMATION_WAIT - MILLI);
    assert!(!peer.asks(Step::QueryMessages));
    let next = whole_ask(&mut peer, "And now?", limits::ASK_DEADLINE);
    while !peer.asks(Step::SendMessage) {
        peer.pass(Duration::from_secs(1));
        if peer.asks(Step::QueryMessages) {
            peer.grant(Step::QueryMessages, serde_json::json!([]));
        }
    }
    take(&mut peer);
    peer.frame(hint("h1", "a line"));
    peer.frame(piece("r2", -1, "To now"));
    assert_eq!(peer.replied(next), "To now");
}

#[test]
fn what_lies_unread_answers_what_was_said_then_though_its_time_has_passed() {
    for unread in [limits::HOLDS_QUESTION * 3, limits::FIRST_PIECE * 10] {
        let mut peer = Peer::live();
        peer.send("first");
        take(&mut peer);
        peer.piece("r0", 0, "To ");
        peer.input(Input::Reading(false));
        let asked = whole_ask(&mut peer, "And you?", limits::FIRST_PIECE * 20);
        peer.send("second");
        let second = peer.message_id();
        peer.grant(Step::SendMessage, Value::Null);
        peer.pass(unread);
        peer.input(Input::Reading(true));
        peer.piece("r0", -1, "first");
        assert!(!peer.asks(Step::SendMessage), "{unread:?}: the next reply answers the second message");
        peer.frame(echo(&second, "second"));
        peer.piece("r1", -1, "To second");
        take(&mut peer);
        peer.piece("r2", -1, "To the question");
        assert_eq!(peer.replied(asked), "To the question");
    }
}
