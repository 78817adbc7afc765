//! Slots and idleness: since when nothing is owed, and who gives a socket up for it.

#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod support;

use std::time::Duration;

use secondme_avatar_protocol::{Command, Config, Error, ErrorKind, Input, State, Step, limits};
use serde_json::Value;

use support::{FIRST, Peer, piece};

const MINUTE: Duration = Duration::from_secs(60);

fn live(config: Config) -> Peer {
    let mut peer = Peer::with(config, None);
    peer.open(FIRST);
    peer.serve();
    if peer.permits > 0 {
        peer.input(Input::ConnectPermitted);
        peer.serve();
    }
    assert_eq!(peer.machine.state(FIRST), State::Live);
    peer
}

fn with_permits() -> Config {
    Config { connect_permits: true, ..Config::default() }
}

fn taken(peer: &mut Peer) {
    peer.grant(Step::SendMessage, Value::Null);
}

#[test]
fn a_slot_is_given_back_where_nothing_is_owed_and_asked_for_again_at_the_next_message() {
    let mut peer = live(with_permits());
    assert_eq!(peer.machine.idle_from(), Some(peer.now));
    peer.input(Input::SlotReclaimed);
    assert_eq!((peer.machine.state(FIRST), peer.released, peer.closed.len()), (State::Paused, 1, 1));
    assert_eq!((peer.machine.idle_from(), peer.permits), (None, 1));
    peer.send("Hello");
    assert_eq!((peer.machine.state(FIRST), peer.permits), (State::Reconnecting, 2));
    peer.command(Command::Pause);
    assert_eq!(peer.released, 2, "its place in the queue");
}

#[test]
fn a_visitor_that_is_owed_an_answer_keeps_the_slot_for_a_minute() {
    let mut peer = live(with_permits());
    peer.pass(MINUTE);
    peer.send("Hello");
    assert_eq!(peer.machine.idle_from(), None, "it is to be sent");
    taken(&mut peer);
    assert_eq!(peer.machine.idle_from(), Some(peer.now + limits::FIRST_PIECE));
    peer.pass(limits::FIRST_PIECE - Duration::from_secs(1));
    peer.input(Input::SlotReclaimed);
    assert_eq!(peer.machine.state(FIRST), State::Live);
    peer.frame(piece("r1", 0, "Hi"));
    assert_eq!(peer.machine.idle_from(), Some(peer.now + limits::FIRST_PIECE), "the rest of it is owed");
    peer.frame(piece("r1", -1, ""));
    assert_eq!(peer.machine.idle_from(), Some(peer.now), "it is whole");
    peer.input(Input::SlotReclaimed);
    assert_eq!(peer.machine.state(FIRST), State::Paused);
}

#[test]
fn a_conversation_that_has_owed_nothing_for_long_pauses_by_itself() {
    let mut peer = live(Config { idle_after: Some(MINUTE), ..Config::default() });
    let ask = peer.ask("Hello");
    taken(&mut peer);
    peer.frame(piece("r1", -1, "Hi"));
    assert!(peer.result(ask).is_ok());
    peer.pass(MINUTE - Duration::from_millis(1));
    assert_eq!(peer.machine.state(FIRST), State::Live);
    peer.pass(Duration::from_millis(1));
    assert_eq!(peer.machine.state(FIRST), State::Paused);
    peer.command(Command::Resume);
    peer.serve();
    peer.pass(MINUTE - Duration::from_millis(1));
    assert_eq!(peer.machine.state(FIRST), State::Live, "the minute begins anew");
}

#[test]
fn a_visitor_that_waits_for_a_slot_in_vain_learns_why() {
    let mut peer = Peer::with(with_permits(), None);
    let open = peer.open(FIRST);
    peer.serve();
    peer.input(Input::ConnectDenied(Error::new(ErrorKind::Unavailable, "no slot")));
    peer.pass(limits::OPEN_DEADLINE);
    let error = peer.error(open).clone();
    assert_eq!((error.kind(), error.step()), (ErrorKind::Deadline, Some(Step::CreateSocket)));
    assert!(error.to_string().contains("no slot"), "{error}");
    assert!(peer.machine.is_closed() && peer.released == 1, "its place in the queue");
}
