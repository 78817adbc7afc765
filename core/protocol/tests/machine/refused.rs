//! A service that closes each socket soon after it was connected, with a code that says no.

use std::time::Duration;

use secondme_avatar_protocol::{Command, Error, ErrorKind, EventKind, Input, Step, limits};

use crate::helpers::{authenticate, page, reconnect};
use crate::support::{BEGINNING, FIRST, Peer};

fn closed(code: u16, reason: &str) -> Error {
    Error::new(ErrorKind::ConnectionFailed, format!("closed ({code})")).with_close(code, reason)
}

/// The link ends; returns the wait until the next attempt, the cause, and the code and reason.
fn end(peer: &mut Peer, cause: Error) -> (Duration, String, Option<u16>, Option<String>) {
    let generation = peer.generation();
    peer.happened();
    peer.input(Input::SocketClosed { generation, cause });
    let lost = peer.happened().into_iter().find_map(|kind| match kind {
        EventKind::Disconnected { retry_in, cause, close_code, close_reason } => {
            Some((retry_in, cause.to_string(), close_code, close_reason))
        }
        _ => None,
    });
    lost.expect("it says that the link is lost")
}

fn live() -> Peer {
    let mut peer = Peer::live();
    peer.pass(limits::LINK_PROVEN);
    peer
}

fn connect(peer: &mut Peer) {
    reconnect(peer);
    peer.serve();
    assert!(peer.machine.is_connected());
}

#[test]
fn the_event_has_the_code_and_the_reason_without_secrets() {
    let mut peer = live();
    let (_, _, code, reason) = end(&mut peer, closed(1012, "restart of sk-0123456789abcdef\n"));
    assert_eq!((code, reason.as_deref()), (Some(1012), Some("restart of …")));
    connect(&mut peer);
    let (_, _, code, reason) = end(&mut peer, closed(1000, ""));
    assert_eq!((code, reason), (Some(1000), None));
    connect(&mut peer);
    let (_, cause, code, _) = end(&mut peer, Error::new(ErrorKind::ConnectionFailed, "it broke"));
    assert!(cause.contains("it broke") && code.is_none(), "an older code is not told again: {cause}");
}

#[test]
fn a_code_that_refuses_is_answered_with_waits_that_grow_from_the_first_one_on() {
    for code in [1008, 4000, 4001, 4999] {
        let mut peer = live();
        end(&mut peer, closed(code, "go away"));
        let mut attempts = 0;
        let began = peer.now;
        for refusal in 1..=8 {
            connect(&mut peer);
            peer.pass(Duration::from_millis(200));
            let (wait, cause, told, reason) = end(&mut peer, closed(code, "go away"));
            attempts += 1;
            let least =
                (limits::BACKOFF_CONTESTED / 2 * (1 << (refusal - 1))).min(limits::BACKOFF_REFUSED_MAX / 2);
            assert!(wait >= least && wait <= limits::BACKOFF_REFUSED_MAX, "{code}, {refusal}: {wait:?}");
            let times = if refusal == 1 { "once".to_owned() } else { format!("{refusal} times in a row") };
            assert!(cause.starts_with(&format!("refused {times} within 30 s")), "{cause}");
            assert!(cause.ends_with(&format!("closed ({code})")), "{cause}");
            assert_eq!((told, reason.as_deref()), (Some(code), Some("go away")));
            assert!(peer.machine.is_contested());
        }
        assert!(
            peer.now.since(began) > Duration::from_secs(100),
            "{attempts} attempts in {:?}",
            peer.now.since(began)
        );
    }
}

#[test]
fn codes_of_a_restart_or_a_normal_end_are_not_taken_for_a_refusal() {
    for code in [1000, 1001, 1006, 1011, 1012, 3001] {
        let mut peer = live();
        end(&mut peer, closed(code, ""));
        connect(&mut peer);
        let (wait, cause, ..) = end(&mut peer, closed(code, ""));
        assert!(wait <= limits::BACKOFF_CONTESTED && !cause.contains("refused"), "{code}: {wait:?} {cause}");
        assert!(!peer.machine.is_contested());
    }
}

#[test]
fn a_refusal_after_a_long_life_and_one_on_another_network_begin_anew() {
    let mut peer = live();
    for _ in 0..3 {
        let (wait, ..) = end(&mut peer, closed(4001, ""));
        assert!(wait <= limits::BACKOFF_FIRST, "{wait:?}");
        connect(&mut peer);
        peer.pass(limits::LINK_PROVEN);
    }
    end(&mut peer, closed(4001, ""));
    connect(&mut peer);
    end(&mut peer, closed(4001, ""));
    assert!(peer.machine.is_contested());
    connect(&mut peer);
    peer.command(Command::NetworkChanged);
    assert!(!peer.machine.is_contested());
}

#[test]
fn an_opening_that_its_sockets_end_keeps_from_going_on_says_with_which_code() {
    let mut peer = Peer::with(Default::default(), None);
    let open = peer.command(Command::Open { conversation: FIRST, deadline: Duration::from_secs(2) });
    authenticate(&mut peer);
    page(&mut peer, Step::CreateSocket);
    peer.up();
    let generation = peer.generation();
    peer.input(Input::SocketClosed { generation, cause: closed(4003, "not for you") });
    for step in [Step::InitChat, Step::ResolveAvatar, Step::CreateSession, Step::BindSession] {
        page(&mut peer, step);
    }
    peer.pass(Duration::from_secs(2));
    let error = peer.error(open);
    assert_eq!((error.kind(), error.close_code()), (ErrorKind::Deadline, Some(4003)));
    assert_eq!(error.close_reason(), Some("not for you"));
    assert!(
        error.to_string().contains("refused once") && error.to_string().contains("closed (4003)"),
        "{error}"
    );
    assert_eq!((peer.now.since(BEGINNING), peer.opened.len()), (Duration::from_secs(2), 1));
}
