//! Whose turn it is to be answered: where the owner has the conversation, after what was given up or left, and
//! what a reply says of the message that it answers.

#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is told.

mod support;

use std::time::Duration;

use secondme_avatar_protocol::{
    Author, Command, Config, ErrorKind, EventKind, Hold, Input, MessageId, Outcome, Reply, Step, Text,
    Ticket, limits,
};
use serde_json::{Value, json};

use support::{FIRST, Peer, body, echo, hint, owner, piece};

const MILLI: Duration = Duration::from_millis(1);

/// Takes the message that is under way, and echoes it. Says its id.
fn take(peer: &mut Peer) -> String {
    let id = peer.message_id();
    let text = body(peer.requests.iter().find(|request| request.step == Step::SendMessage).unwrap());
    peer.frame(echo(&id, text["data"]["content"].as_str().unwrap()));
    peer.grant(Step::SendMessage, Value::Null);
    id
}

/// Asks for the whole reply, and not for its pieces.
fn ask(peer: &mut Peer, text: &str, deadline: Duration) -> Ticket {
    let (text, first_piece) = (Text::from(text), limits::FIRST_PIECE);
    peer.command(Command::Ask { conversation: FIRST, text, deadline, first_piece, pieces: false })
}

/// A conversation that the owner has, and has said so.
fn taken_over() -> Peer {
    let mut peer = Peer::live();
    peer.frame(owner("o1", "I take this one"));
    peer.happened();
    peer
}

fn reply_to(peer: &Peer, ticket: Ticket) -> &Reply {
    match peer.result(ticket) {
        Ok(Outcome::Replied(reply)) => reply,
        other => panic!("no reply: {other:?}"),
    }
}

// The owner has the conversation

#[test]
fn what_the_owner_says_and_what_the_avatar_says_after_it_tell_who_has_the_conversation() {
    let mut peer = Peer::live();
    assert!(!peer.machine.taken_over(FIRST));
    peer.piece("r1", 0, "Hel");
    peer.frame(owner("o1", "I take this one"));
    assert!(peer.machine.taken_over(FIRST));
    peer.piece("r1", -1, "lo");
    peer.frame(owner("o2", "I am still here"));
    assert!(peer.machine.taken_over(FIRST), "the end of a reply that had begun before gives nothing back");
    peer.piece("r2", -1, "I am back");
    assert!(!peer.machine.taken_over(FIRST));
    let told: Vec<_> = peer
        .happened()
        .iter()
        .filter_map(|kind| match kind {
            EventKind::TakenOver => Some("taken over"),
            EventKind::HandedBack => Some("handed back"),
            EventKind::OwnerReply(_) => Some("owner"),
            EventKind::Reply(_) => Some("avatar"),
            _ => None,
        })
        .collect();
    assert_eq!(told, ["taken over", "owner", "avatar", "owner", "handed back", "avatar"]);
}

#[test]
fn while_the_owner_has_the_conversation_no_question_waits_for_another() {
    let mut peer = taken_over();
    let asks = ["m1", "m2", "m3"].map(|text| {
        let ask = peer.ask(text);
        take(&mut peer);
        ask
    });
    assert!(!peer.asks(Step::SendMessage) && peer.held.is_empty(), "all have gone out at once");
    peer.frame(owner("o2", "an answer to all of it"));
    let reply = reply_to(&peer, asks[0]);
    assert_eq!(
        (reply.author, reply.in_reply_to.as_ref()),
        (Author::Owner, None),
        "which one it answers is not certain"
    );
    peer.pass(limits::FIRST_PIECE);
    for ask in &asks[1..] {
        assert_eq!(peer.error(*ask).kind(), ErrorKind::TakenOver);
        assert!(!peer.error(*ask).is_retryable() && peer.error(*ask).unsent().is_none());
    }
}

#[test]
fn questions_that_waited_go_out_when_the_owner_shows() {
    let mut peer = Peer::live();
    let asks = ["m1", "m2", "m3"].map(|text| peer.ask(text));
    take(&mut peer);
    assert!(!peer.asks(Step::SendMessage));
    assert_eq!(peer.held, [Hold::Answer]);
    peer.frame(owner("o1", "It is me"));
    assert_eq!(peer.replied(asks[0]), "It is me");
    take(&mut peer);
    take(&mut peer);
    peer.frame(owner("o2", "And again"));
    assert_eq!(peer.replied(asks[1]), "And again");
}

/// The next run of a visitor's program, whose socket is up. What it missed is still to be looked up.
fn next_run(peer: &Peer) -> Peer {
    let mut next = Peer::with(Config::default(), Some(peer.machine.record()));
    next.open(FIRST);
    let address = next.page(Step::CreateSocket);
    next.grant(Step::CreateSocket, address);
    next.up();
    next
}

#[test]
fn the_next_run_knows_that_the_owner_has_the_conversation() {
    let mut next = next_run(&taken_over());
    assert!(next.machine.taken_over(FIRST));
    next.grant(Step::QueryMessages, json!([]));
    let told = |kind: &EventKind| matches!(kind, EventKind::TakenOver | EventKind::HandedBack);
    assert!(!next.happened().iter().any(told), "the run before was told");
    for text in ["m1", "m2"] {
        next.ask(text);
        take(&mut next);
    }
    next.piece("r1", -1, "I am back");
    assert_eq!(next.happened().iter().filter(|kind| told(kind)).count(), 1);
    assert!(!next.machine.taken_over(FIRST));
    assert!(!next_run(&next).machine.taken_over(FIRST));
}

#[test]
fn a_reply_that_is_heard_again_from_its_beginning_gives_nothing_back() {
    let mut peer = Peer::live();
    peer.piece("r1", 0, "Hel");
    peer.frame(owner("o1", "I take this one"));
    let mut next = next_run(&peer);
    next.grant(
        Step::QueryMessages,
        json!([piece("r1", 0, "Hel"), owner("o1", "I take this one"), piece("r1", -1, "lo")]),
    );
    next.grant(Step::QueryMessages, json!([]));
    let replies = |kind: &EventKind| match kind {
        EventKind::Reply(reply) => Some(reply.text.to_string()),
        _ => None,
    };
    assert_eq!(next.happened().iter().filter_map(replies).collect::<Vec<_>>(), ["Hello"]);
    assert!(next.machine.taken_over(FIRST));
}

#[test]
fn the_rest_of_a_reply_that_closing_cut_off_answers_no_question_after_it() {
    let mut peer = Peer::live();
    peer.ask("m1");
    take(&mut peer);
    peer.piece("r1", 0, "To ");
    peer.command(Command::Close {
        conversation: FIRST,
        deadline: limits::CLOSE_DEADLINE,
        end_session: false,
    });
    let mut next = next_run(&peer);
    next.grant(Step::QueryMessages, json!([]));
    let ask = next.ask("m2");
    take(&mut next);
    next.piece("r1", -1, "m1");
    assert!(next.is_waiting(ask));
    next.piece("r2", -1, "To m2");
    assert_eq!(next.replied(ask), "To m2");
}

#[test]
fn what_was_asked_in_the_owner_s_time_does_not_hold_up_or_take_the_avatar_s_answers() {
    let mut peer = taken_over();
    let unanswered = peer.ask("m1");
    take(&mut peer);
    peer.pass(limits::HOLDS_QUESTION);
    // The owner has given the conversation back, and only the avatar's next reply will show it.
    let next = peer.ask("m2");
    take(&mut peer);
    peer.piece("r1", -1, "To m2");
    assert_eq!(peer.replied(next), "To m2");
    assert_eq!(reply_to(&peer, next).in_reply_to, None, "it might have been for the first one");
    let third = peer.ask("m3");
    take(&mut peer);
    peer.piece("r2", -1, "To m3");
    assert_eq!(peer.replied(third), "To m3");
    assert!(peer.is_waiting(unanswered));
}

#[test]
fn an_avatar_that_answers_all_the_same_answers_in_order() {
    let mut peer = taken_over();
    let asks = ["m1", "m2"].map(|text| {
        let ask = peer.ask(text);
        take(&mut peer);
        ask
    });
    peer.piece("r1", -1, "To m1");
    peer.piece("r2", -1, "To m2");
    assert_eq!(asks.map(|ask| peer.replied(ask).to_owned()), ["To m1", "To m2"]);
}

#[test]
fn a_message_that_the_owner_answers_in_person_is_not_asked_for() {
    let mut peer = Peer::live();
    let mut queries = 0;
    for turn in 0..100 {
        peer.send("Hello");
        take(&mut peer);
        if turn % 2 == 0 {
            peer.frame(owner(&format!("o{turn}"), "It is me"));
        } else {
            peer.piece(&format!("r{turn}"), -1, "Hi");
        }
        // The second half is left without an answer while the owner has the conversation.
        for _ in 0..40 {
            peer.pass(Duration::from_secs(1));
            while peer.asks(Step::QueryMessages) {
                queries += 1;
                peer.grant(Step::QueryMessages, serde_json::json!([]));
            }
        }
    }
    assert_eq!(queries, 0);
}

#[test]
fn a_message_in_the_owner_s_time_whose_echo_has_come_is_not_asked_for() {
    let mut peer = taken_over();
    peer.send("Hello");
    take(&mut peer);
    peer.pass(Duration::from_secs(300));
    assert!(!peer.asks(Step::QueryMessages));
}

/// The link is lost after the message went out, and the gap has what the owner said before the message's echo.
fn owner_before_the_echo(peer: &mut Peer) {
    let id = peer.message_id();
    peer.grant(Step::SendMessage, Value::Null);
    peer.lose();
    while !peer.asks(Step::CreateSocket) {
        peer.pass(Duration::from_millis(50));
    }
    let data = peer.page(Step::CreateSocket);
    peer.grant(Step::CreateSocket, data);
    peer.up();
    let found = serde_json::json!([owner("o1", "By the way"), echo(&id, "Hello?")]);
    peer.grant(Step::QueryMessages, found);
    peer.grant(Step::QueryMessages, serde_json::json!([]));
}

#[test]
fn what_the_owner_said_before_a_question_s_echo_does_not_answer_it() {
    let mut peer = Peer::live();
    // This service echoes.
    peer.send("Hi");
    take(&mut peer);
    peer.piece("r1", -1, "Hi");
    let ask = ask(&mut peer, "Hello?", limits::ASK_DEADLINE);
    owner_before_the_echo(&mut peer);
    assert!(peer.is_waiting(ask));
    peer.pass(limits::PROBE_AGAIN);
    peer.grant(Step::QueryMessages, serde_json::json!([piece("r2", -1, "Hello!")]));
    assert_eq!(peer.replied(ask), "Hello!");
}

#[test]
fn what_the_avatar_says_into_a_socket_that_is_gone_is_looked_for_though_the_owner_has_spoken() {
    for echoes in [true, false] {
        let mut peer = Peer::live();
        if echoes {
            peer.send("Hi");
            take(&mut peer);
        }
        peer.piece("r1", -1, "Hi");
        peer.send("Hello?");
        owner_before_the_echo(&mut peer);
        peer.pass(limits::PROBE_AGAIN);
        assert!(peer.asks(Step::QueryMessages), "{echoes}");
    }
}

// Given up, and left

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
    let held = ask(&mut peer, "and now?", Duration::from_secs(5));
    assert_eq!(peer.held, [Hold::Answer], "for the log, once");
    peer.pass(Duration::from_secs(5));
    assert_eq!(peer.error(held).kind(), ErrorKind::Deadline);
    assert!(peer.error(held).to_string().contains(Hold::Answer.text()), "{}", peer.error(held));
    assert!(peer.error(held).unsent().unwrap().certain);
    assert_eq!(peer.held.len(), 1);

    let mut peer = Peer::live();
    let given_up = ask(&mut peer, "a long story", Duration::from_secs(2));
    take(&mut peer);
    peer.piece("r1", 0, "Once ");
    peer.pass(Duration::from_secs(2));
    assert_eq!(peer.error(given_up).kind(), ErrorKind::Deadline);
    let held = ask(&mut peer, "and now?", Duration::from_millis(500));
    peer.pass(Duration::from_millis(500));
    assert_eq!(peer.held, [Hold::Reply]);
    assert!(peer.error(held).to_string().contains(Hold::Reply.text()), "{}", peer.error(held));
}

// Which message a reply answers

#[test]
fn a_question_behind_messages_to_a_slow_avatar_gets_no_wrong_id() {
    let mut peer = Peer::live();
    peer.send("one");
    let one = take(&mut peer);
    let asked = ask(&mut peer, "two?", limits::ASK_DEADLINE);
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
    let asked = ask(&mut peer, "three?", limits::ASK_DEADLINE);
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
        let given_up = ask(&mut peer, "one?", Duration::from_secs(2));
        let call = peer.requests[0].call;
        if late == "call" {
            peer.pass(Duration::from_secs(2));
            assert!(!peer.error(given_up).unsent().unwrap().certain);
            let next = ask(&mut peer, "two?", limits::ASK_DEADLINE);
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
        let next = ask(&mut peer, "two?", limits::ASK_DEADLINE);
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

// A subscription that is not read

#[test]
fn while_nothing_is_read_an_echo_that_lies_unread_is_not_missed_and_the_link_is_left_alone() {
    let mut peer = Peer::live();
    // This service echoes.
    peer.send("first");
    take(&mut peer);
    peer.piece("r0", -1, "To first");
    let asked = ask(&mut peer, "Hello?", Duration::from_secs(30));
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
    let next = ask(&mut peer, "And now?", limits::ASK_DEADLINE);
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
        let asked = ask(&mut peer, "And you?", limits::FIRST_PIECE * 20);
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
