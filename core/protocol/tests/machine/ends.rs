//! Pausing, closing, and what makes no sense.

use std::time::Duration;

use secondme_avatar_protocol::{
    CallId, CloseReason, Command, ConversationKey, ErrorKind, Event, EventKind, Input, Misuse, Outcome,
    State, Step, Text, Ticket, limits,
};
use serde_json::{Value, json};

use crate::helpers::{MILLI, opening, said};
use crate::support::{self, FIRST, Peer, SECOND};

#[test]
fn pausing_gives_up_the_socket_and_the_next_message_wakes() {
    let mut peer = Peer::live();
    peer.command(Command::Pause);
    assert_eq!((peer.machine.state(FIRST), peer.closed.len()), (State::Paused, 1));
    let generation = peer.generation();
    peer.lost(generation);
    assert_eq!(peer.machine.next_deadline(), None, "it sleeps");
    peer.pass(Duration::from_secs(3600));
    let send = peer.send("Hello");
    peer.serve();
    assert!(matches!(peer.result(send), Ok(Outcome::Sent(_))));
    assert_eq!(said(&peer.happened()), ["None"], "the gap of the rest is asked for; the rest is no loss");
}

#[test]
fn resume_wakes_and_misuse_does_not() {
    let mut peer = Peer::live();
    peer.command(Command::Pause);
    let misuse =
        Command::Send { conversation: SECOND, text: "Hello".into(), deadline: limits::SEND_DEADLINE };
    assert_eq!(peer.machine.command(peer.now, misuse), Err(Misuse::Closed));
    assert_eq!(peer.machine.state(FIRST), State::Paused);
    peer.command(Command::Resume);
    assert_eq!(peer.machine.state(FIRST), State::Reconnecting);
    peer.serve();
    assert_eq!(peer.machine.state(FIRST), State::Live);
}

#[test]
fn a_caller_that_waits_when_it_is_paused_is_answered_at_the_deadline() {
    let (mut peer, open) = opening();
    peer.command(Command::Pause);
    assert!(peer.requests.is_empty());
    peer.pass(limits::OPEN_DEADLINE);
    assert_eq!(peer.error(open).kind(), ErrorKind::Deadline);

    let mut peer = Peer::live();
    let send = peer.send("Hello");
    peer.command(Command::Pause);
    peer.pass(limits::SEND_DEADLINE);
    assert!(!peer.error(send).unsent().unwrap().certain, "it was under way");
}

#[test]
fn a_conversation_at_rest_closes_without_a_socket() {
    let mut peer = Peer::live();
    peer.command(Command::Pause);
    let close = peer.close(false);
    assert!(matches!(peer.result(close), Ok(Outcome::Closed)));
    assert!(peer.requests.is_empty() && peer.opened.len() == 1);
}

#[test]
fn ending_the_session_of_a_conversation_at_rest_wakes_it_for_that_call_alone() {
    let mut peer = Peer::live();
    peer.command(Command::Pause);
    let close = peer.close(true);
    assert_eq!(peer.requests.iter().map(|request| request.step).collect::<Vec<_>>(), [Step::EndSession]);
    peer.grant(Step::EndSession, Value::Null);
    assert!(matches!(peer.result(close), Ok(Outcome::Closed)));
}

#[test]
fn an_orderly_close_sends_what_waits_first() {
    let mut peer = Peer::live();
    let (one, two) = (peer.send("one"), peer.send("two"));
    let close = peer.close(false);
    assert_eq!(peer.machine.state(FIRST), State::Closing);
    peer.grant(Step::SendMessage, Value::Null);
    assert!(peer.is_waiting(close));
    peer.grant(Step::SendMessage, Value::Null);
    for send in [one, two] {
        assert!(matches!(peer.result(send), Ok(Outcome::Sent(_))));
    }
    assert!(matches!(peer.result(close), Ok(Outcome::Closed)));
    assert!(peer.machine.is_closed() && !peer.closed.is_empty());
    assert!(peer.machine.record().session.is_some(), "it can be resumed");
}

#[test]
fn a_close_s_deadline_is_kept_to_the_millisecond_and_hands_back_what_was_not_sent() {
    let mut peer = Peer::live();
    peer.lose();
    let (send, close) = (peer.send("Hello"), peer.close(false));
    peer.pass(limits::CLOSE_DEADLINE - MILLI);
    assert!(peer.is_waiting(close));
    peer.pass(MILLI);
    assert!(matches!(peer.result(close), Ok(Outcome::Closed)));
    assert_eq!(
        (peer.error(send).kind(), peer.error(send).unsent().unwrap().certain),
        (ErrorKind::Closed, true)
    );
}

#[test]
fn closing_again_joins_and_the_nearer_deadline_holds() {
    let mut peer = Peer::live();
    peer.lose();
    peer.send("Hello");
    let first = peer.close(false);
    let second = peer.command(Command::Close {
        conversation: FIRST,
        deadline: Duration::from_secs(1),
        end_session: true,
    });
    peer.pass(Duration::from_secs(1));
    for close in [first, second] {
        assert!(matches!(peer.result(close), Ok(Outcome::Closed)));
    }
}

#[test]
fn ending_a_session_ends_it_on_the_service_and_it_is_not_resumed() {
    let mut peer = Peer::live();
    let close = peer.close(true);
    assert!(peer.is_waiting(close));
    assert_eq!(support::body(&peer.requests[0]), json!({"sessionId": "your-session-id"}));
    peer.grant(Step::EndSession, Value::Null);
    assert!(matches!(peer.result(close), Ok(Outcome::Closed)));
    assert_eq!(peer.machine.record().session, None);
}

#[test]
fn a_service_that_cannot_end_sessions_closes_all_the_same() {
    for (status, code) in [(404, "no.such.call"), (200, "not.for.you"), (403, "not.for.you")] {
        let mut peer = Peer::live();
        let close = peer.close(true);
        peer.refuse(Step::EndSession, status, code);
        assert!(matches!(peer.result(close), Ok(Outcome::Closed)), "{status} {code}");
    }
}

#[test]
fn one_conversation_closes_and_the_other_lives_on_over_the_same_socket() {
    let mut peer = Peer::live();
    peer.open(SECOND);
    peer.serve();
    peer.close(false);
    assert!(peer.machine.is_connected() && peer.closed.is_empty());
    assert_eq!(peer.machine.state(SECOND), State::Live);
    let again = peer.open(FIRST);
    assert!(matches!(peer.result(again), Ok(Outcome::Opened { resumed: true, .. })));
}

#[test]
fn what_is_open_is_answered_when_the_conversation_closes() {
    let mut peer = Peer::live();
    let ask = peer.ask("Hello?");
    peer.grant(Step::SendMessage, Value::Null);
    peer.piece("r1", 0, "Half a");
    let history = peer.history(10);
    peer.close(false);
    assert_eq!(peer.replied(ask), "Half a");
    assert_eq!(peer.error(history).kind(), ErrorKind::Closed);
}

#[test]
fn the_service_ends_a_session_over_the_socket() {
    let mut peer = Peer::live();
    peer.frame(json!({"type": "sys", "subCode": "session.status.closed", "sessionId": "your-session-id"}));
    let Some(Event { kind: EventKind::Closed { reason: CloseReason::SessionEnded }, .. }) =
        peer.events.last()
    else {
        panic!("{:?}", peer.events)
    };
    assert!(peer.machine.is_closed() && peer.machine.record().session.is_none());
}

#[test]
fn a_closed_machine_takes_inputs_without_a_word_and_refuses_commands() {
    let mut peer = Peer::live();
    peer.close(false);
    peer.happened();
    let (frames, closed) = (peer.frames.len(), peer.closed.len());
    peer.text("{\"sender\":\"umm\"}");
    peer.lose();
    peer.input(Input::Tick);
    peer.input(Input::Reading(false));
    peer.input(Input::QuotaGranted(CallId(1)));
    peer.cancel(Ticket(1));
    assert!(peer.events.is_empty() && peer.requests.is_empty());
    assert_eq!((peer.frames.len(), peer.closed.len()), (frames, closed));
    let open = Command::Open { conversation: FIRST, deadline: limits::OPEN_DEADLINE };
    assert_eq!(peer.machine.command(peer.now, open), Err(Misuse::Closed));
}

#[test]
fn commands_that_make_no_sense_are_refused_and_change_nothing() {
    let mut peer = Peer::live();
    let send = |text: &str| Command::Send {
        conversation: FIRST,
        text: text.into(),
        deadline: limits::SEND_DEADLINE,
    };
    let history = |limit| Command::History {
        conversation: FIRST,
        before: None,
        limit,
        deadline: limits::HISTORY_DEADLINE,
    };
    let elsewhere = Command::Send {
        conversation: ConversationKey(9),
        text: "Hi".into(),
        deadline: limits::SEND_DEADLINE,
    };
    for (command, misuse) in [
        (send(""), Misuse::EmptyMessage),
        (
            send(&"x".repeat(limits::MESSAGE_BYTES + 1)),
            Misuse::MessageTooLong { bytes: limits::MESSAGE_BYTES + 1 },
        ),
        (history(0), Misuse::HistoryLimit),
        (history(limits::HISTORY_MESSAGES + 1), Misuse::HistoryLimit),
        (elsewhere, Misuse::Closed),
    ] {
        assert_eq!(peer.machine.command(peer.now, command), Err(misuse));
    }
    assert!(peer.requests.is_empty());
    let unknown =
        Command::Close { conversation: ConversationKey(9), deadline: Duration::ZERO, end_session: true };
    let close = peer.command(unknown);
    assert!(matches!(peer.result(close), Ok(Outcome::Closed)), "what is not open is closed");
}

#[test]
fn no_more_than_a_thousand_messages_wait() {
    let mut peer = Peer::live();
    peer.lose();
    for number in 0..limits::OUTBOX {
        peer.send(&number.to_string());
    }
    let text = Text::from("one more");
    let send = Command::Send { conversation: FIRST, text, deadline: limits::SEND_DEADLINE };
    assert_eq!(peer.machine.command(peer.now, send), Err(Misuse::OutboxFull));
}
