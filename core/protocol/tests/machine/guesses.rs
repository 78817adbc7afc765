//! Answers that may belong to the question before: what they prove, how they are marked, and how that heals.

use std::time::Duration;

use secondme_avatar_protocol::{Attribution, Command, Config, Delivery, EventKind, Step, Ticket, limits};
use serde_json::{Value, json};

use crate::helpers::{reply_to, take, whole_ask};
use crate::support::{FIRST, Peer};

/// A service that echoes nothing has answered a question.
fn answered(config: Config) -> Peer {
    let mut peer = Peer::live_with(config);
    let one = whole_ask(&mut peer, "one?", limits::ASK_DEADLINE);
    peer.grant(Step::SendMessage, Value::Null);
    peer.piece("r1", -1, "To one");
    assert_eq!(reply_to(&peer, one).attribution, Attribution::Certain);
    peer.happened();
    peer
}

fn asked_flags(peer: &mut Peer) -> Vec<bool> {
    let asked = |kind| match kind {
        EventKind::Reply(reply) => Some(reply.asked),
        EventKind::ReplyDelta { asked, .. } => Some(asked),
        _ => None,
    };
    peer.happened().into_iter().filter_map(asked).collect()
}

fn attribution(peer: &Peer, ask: Ticket) -> Attribution {
    let reply = reply_to(peer, ask);
    assert_eq!(reply.in_reply_to.is_none(), reply.attribution == Attribution::Guessed);
    reply.attribution
}

/// A question is asked, taken without an echo, and answered. Says how certain that is.
fn ask_and_answer(peer: &mut Peer, reply: &str) -> Attribution {
    let ask = whole_ask(peer, "and?", limits::ASK_DEADLINE);
    peer.grant(Step::SendMessage, Value::Null);
    peer.piece(reply, -1, "An answer");
    attribution(peer, ask)
}

#[test]
fn a_quick_second_question_has_the_answer_that_comes_before_its_send_is_answered() {
    for whole in [true, false] {
        let mut peer = answered(Config::default());
        let two = peer.ask("two?");
        peer.piece("r2", 0, "To ");
        if whole {
            peer.piece("r2", -1, "two");
        }
        assert!(
            peer.is_waiting(two) && peer.asks(Step::SendMessage),
            "a guess is no proof while the call goes on"
        );
        peer.grant(Step::SendMessage, Value::Null);
        if !whole {
            peer.piece("r2", -1, "two");
        }
        assert_eq!(peer.replied(two), "To two");
        assert_eq!(attribution(&peer, two), Attribution::Guessed);
        let pieces: Vec<_> = peer.pieces.iter().filter(|(ticket, ..)| *ticket == two).collect();
        assert_eq!(pieces.iter().map(|(.., text)| text.as_str()).collect::<String>(), "To two", "{whole}");
        assert_eq!(asked_flags(&mut peer), [true, true, true]);
    }
}

#[test]
fn a_refused_question_is_not_answered_by_what_came_meanwhile() {
    let mut peer = answered(Config::default());
    let two = peer.ask("two?");
    peer.piece("r1b", -1, "More to one");
    peer.refuse(Step::SendMessage, 200, "no.such.thing");
    assert!(peer.error(two).unsent().unwrap().certain);
    assert!(peer.pieces.iter().all(|(ticket, ..)| *ticket != two));
}

#[test]
fn a_question_that_seems_to_be_answered_is_neither_handed_back_nor_sent_again() {
    for delivery in [Delivery::Checked, Delivery::AtMostOnce, Delivery::AtLeastOnce] {
        let mut peer = answered(Config { delivery, ..Config::default() });
        let two = peer.ask("two?");
        peer.fail(Step::SendMessage, true);
        peer.piece("r2", -1, "To two");
        for _ in 0..4 {
            peer.pass(limits::CONFIRMATION_WAIT);
            if peer.asks(Step::QueryMessages) {
                peer.refuse(Step::QueryMessages, 404, "no.such.call");
            }
        }
        assert!(!peer.asks(Step::SendMessage), "{delivery:?}: it is not sent again");
        assert_eq!(peer.replied(two), "To two", "{delivery:?}");
        assert_eq!(attribution(&peer, two), Attribution::Guessed);
    }
}

#[test]
fn a_question_that_the_service_does_not_have_was_not_answered() {
    let mut peer = answered(Config::default());
    let two = peer.ask("two?");
    peer.fail(Step::SendMessage, true);
    peer.piece("r1b", -1, "More to one");
    peer.pass(limits::CONFIRMATION_WAIT);
    peer.grant(Step::QueryMessages, json!([]));
    peer.pass(Duration::from_secs(5));
    peer.grant(Step::SendMessage, Value::Null);
    assert!(peer.is_waiting(two));
    peer.piece("r2", -1, "To two");
    assert_eq!(peer.replied(two), "To two");
    let pieces: Vec<_> = peer.pieces.iter().filter(|(ticket, ..)| *ticket == two).collect();
    assert_eq!(pieces.len(), 1, "the guess is not told");
}

#[test]
fn a_question_that_is_cancelled_while_it_seems_to_be_answered_holds_up_no_other() {
    let mut peer = answered(Config::default());
    let two = whole_ask(&mut peer, "two?", limits::ASK_DEADLINE);
    peer.piece("r2", -1, "To two");
    peer.cancel(two);
    peer.grant(Step::SendMessage, Value::Null);
    assert_eq!(ask_and_answer(&mut peer, "r3"), Attribution::Guessed);
}

#[test]
fn messages_that_are_collected_wait_for_the_word_on_the_send_as_well() {
    let mut peer = answered(Config::default());
    let (text, deadline, first_piece) = ("two?".into(), limits::ASK_DEADLINE, limits::FIRST_PIECE);
    let collect = Some(Duration::from_secs(1));
    let ask = Command::Ask { conversation: FIRST, text, deadline, first_piece, pieces: true, collect };
    let ask = peer.command(ask);
    peer.piece("r2", -1, "To two");
    peer.pass(Duration::from_secs(3));
    assert!(peer.is_waiting(ask));
    peer.grant(Step::SendMessage, Value::Null);
    peer.pass(Duration::from_secs(1));
    assert_eq!(peer.replied(ask), "To two");
    assert!(peer.pieces.iter().any(|(ticket, _, text)| *ticket == ask && text.as_str() == "To two"));
}

#[test]
fn a_question_that_seems_to_be_answered_is_when_the_conversation_closes() {
    let mut peer = answered(Config::default());
    let two = peer.ask("two?");
    peer.fail(Step::SendMessage, true);
    peer.piece("r2", -1, "To two");
    peer.command(Command::Close {
        conversation: FIRST,
        deadline: limits::CLOSE_DEADLINE,
        end_session: false,
    });
    peer.pass(limits::CLOSE_DEADLINE * 2);
    assert_eq!(peer.replied(two), "To two");
}

#[test]
fn another_message_to_the_question_before_is_never_certain_to_answer_the_next() {
    let mut peer = Peer::live();
    let one = whole_ask(&mut peer, "one?", limits::ASK_DEADLINE);
    take(&mut peer);
    peer.piece("r1", -1, "To one");
    assert_eq!(attribution(&peer, one), Attribution::Certain);
    // The echo says that the service has the message, and not that the avatar has come to it.
    let two = whole_ask(&mut peer, "two?", limits::ASK_DEADLINE);
    take(&mut peer);
    peer.piece("r1b", -1, "More to one");
    assert_eq!(attribution(&peer, two), Attribution::Guessed);

    // The same of a reply that names no question, and of one to a message that is not waited for.
    let mut peer = Peer::live();
    peer.piece("r0", -1, "By the way");
    assert_eq!(ask_and_answer(&mut peer, "r0b"), Attribution::Guessed);
}

#[test]
fn after_a_guess_the_next_answers_are_guesses_until_the_order_is_known_again() {
    // The slow answer to the second question comes when the third one is out.
    let mut peer = answered(Config::default());
    assert_eq!(ask_and_answer(&mut peer, "r1b"), Attribution::Guessed);
    peer.pass(limits::FOLLOW_UP + Duration::from_secs(1));
    assert_eq!(ask_and_answer(&mut peer, "r2"), Attribution::Guessed);
    // It goes on so, as long as each answer comes late.
    peer.pass(limits::ANSWER_OWED - Duration::from_secs(1));
    assert_eq!(ask_and_answer(&mut peer, "r3"), Attribution::Guessed);
    // What comes when no question is out is the answer that was missing.
    peer.pass(limits::FOLLOW_UP);
    peer.piece("r4", -1, "The answer that was missing");
    peer.pass(limits::FOLLOW_UP);
    assert_eq!(ask_and_answer(&mut peer, "r5"), Attribution::Certain);

    // One that soon follows may be more of the one before.
    let mut peer = answered(Config::default());
    assert_eq!(ask_and_answer(&mut peer, "r1b"), Attribution::Guessed);
    peer.piece("r1c", -1, "Even more to one");
    peer.pass(limits::FOLLOW_UP);
    assert_eq!(ask_and_answer(&mut peer, "r2"), Attribution::Guessed);

    // Nothing is owed for ever.
    let mut peer = answered(Config::default());
    assert_eq!(ask_and_answer(&mut peer, "r2"), Attribution::Guessed);
    peer.pass(limits::ANSWER_OWED);
    assert_eq!(ask_and_answer(&mut peer, "r3"), Attribution::Certain);
}

#[test]
fn a_silence_that_a_caller_has_waited_for_ends_the_turn() {
    let mut peer = Peer::live();
    for (question, reply) in [("one?", "r1"), ("two?", "r2")] {
        let collect = Some(Duration::from_secs(3));
        let (text, deadline, first_piece) = (question.into(), limits::ASK_DEADLINE, limits::FIRST_PIECE);
        let ask = Command::Ask { conversation: FIRST, text, deadline, first_piece, pieces: true, collect };
        let ask = peer.command(ask);
        peer.grant(Step::SendMessage, Value::Null);
        peer.piece(reply, -1, "An answer");
        peer.pass(Duration::from_secs(3));
        assert_eq!(attribution(&peer, ask), Attribution::Certain, "{question}");
    }
}
