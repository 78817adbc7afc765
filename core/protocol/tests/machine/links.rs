//! The link: lost, found dead, and connected again.

use std::time::Duration;

use secondme_avatar_protocol::{
    CallId, Command, EventKind, Generation, Input, Outcome, Raw, State, Step, limits,
};
use serde_json::{Value, json};

use crate::helpers::{MILLI, authenticate, lost, opening, page, reconnect, said};
use crate::support::{self, BEGINNING, FIRST, Peer, WS, broken, piece};

#[test]
fn a_dead_link_that_once_answered_is_found_after_two_unanswered_pings() {
    let mut peer = Peer::live();
    peer.frame(json!({"type": "pong", "wsId": WS}));
    peer.pass(Duration::from_secs(15 * 3));
    assert_eq!(peer.frames.len(), 2);
    assert_eq!(peer.closed.len(), 1);
    assert_eq!((peer.machine.counters().lost, said(&peer.happened())[0].as_str()), (1, "lost"));
}

#[test]
fn a_link_that_never_answered_is_not_held_to_it() {
    let mut peer = Peer::live();
    peer.pass(Duration::from_secs(15 * 100));
    assert!(peer.machine.is_connected());
    assert_eq!(peer.frames.len(), 100);
}

#[test]
fn any_frame_is_a_sign_of_life() {
    let mut peer = Peer::live();
    peer.frame(json!({"type": "pong", "wsId": WS}));
    for second in 0..100 {
        peer.pass(Duration::from_secs(10));
        peer.frame(json!({"type": "hint", "sender": "sys", "data": {"content": second.to_string()}}));
    }
    assert!(peer.machine.is_connected());
}

#[test]
fn silence_does_not_end_a_link_that_is_not_read() {
    let mut peer = Peer::live();
    peer.frame(json!({"type": "pong", "wsId": WS}));
    peer.input(Input::Reading(false));
    peer.pass(Duration::from_secs(15 * 20));
    assert!(peer.machine.is_connected());
    assert_eq!(peer.frames.len(), 20, "pings still go out");
    peer.input(Input::Reading(true));
    peer.pass(Duration::from_secs(15 * 3));
    assert!(!peer.machine.is_connected());
}

#[test]
fn a_look_does_not_take_a_link_for_dead_that_was_not_read_while_it_was_under_way() {
    for (reading, dead) in [(&[][..], true), (&[false], false), (&[false, true], false)] {
        let mut peer = Peer::live();
        for (number, is_echoed) in [("one", true), ("two", false)] {
            peer.send(number);
            let id = peer.message_id();
            if is_echoed {
                peer.frame(support::echo(&id, number));
            }
            peer.grant(Step::SendMessage, Value::Null);
            if is_echoed {
                peer.piece("r1", -1, "Yes?");
                continue;
            }
            peer.pass(limits::CONFIRMATION_WAIT);
            assert!(peer.asks(Step::QueryMessages), "its echo has not come");
            for reads in reading {
                peer.input(Input::Reading(*reads));
            }
            peer.grant(Step::QueryMessages, json!([support::echo(&id, number)]));
        }
        assert_eq!(!peer.machine.is_connected(), dead, "{reading:?}");
    }
}

#[test]
fn the_heartbeat_is_between_five_and_fifteen_seconds() {
    for (asked, kept) in [(1, 5), (7, 7), (60, 15)] {
        let heartbeat = Duration::from_secs(asked);
        let mut peer = Peer::live_with(secondme_avatar_protocol::Config { heartbeat, ..Default::default() });
        peer.pass(Duration::from_secs(kept * 10));
        assert_eq!(peer.frames.len(), 10);
        assert!(peer.frames[0].0.since(BEGINNING) <= Duration::from_secs(kept));
        let step = limits::PING_STEP.as_millis() as u64;
        assert!(peer.frames[1..].iter().all(|frame| frame.0.0 % step == 0), "one wake is for many visitors");
    }
}

#[test]
fn a_socket_given_up_and_then_reported_closed_is_lost_once() {
    let mut peer = Peer::live();
    peer.frame(json!({"type": "pong", "wsId": WS}));
    peer.pass(Duration::from_secs(15 * 3));
    let before = peer.machine.next_deadline();
    let generation = peer.generation();
    peer.lost(generation);
    peer.input(Input::SocketFailed { generation, status: Some(401), error: broken() });
    assert_eq!((peer.machine.counters().lost, peer.machine.next_deadline()), (1, before));
    assert!(peer.quota.is_empty());
}

#[test]
fn a_handshake_that_takes_too_long_is_given_up() {
    let (mut peer, _) = opening();
    page(&mut peer, Step::Authenticate);
    page(&mut peer, Step::CreateSocket);
    peer.pass(limits::CONNECT_TIMEOUT);
    assert_eq!(peer.closed, peer.opened);
    let generation = peer.generation();
    peer.input(Input::SocketOpened(generation));
    assert!(!peer.machine.is_connected(), "too late");
}

#[test]
fn what_another_generation_reports_is_stale() {
    let mut peer = Peer::live();
    peer.lose();
    reconnect(&mut peer);
    peer.serve();
    peer.happened();
    let stale = Generation(1);
    assert_ne!(peer.generation(), stale);
    let frame = Raw::from(piece("r1", 0, "from the grave").to_string());
    peer.input(Input::SocketFrame { generation: stale, frame });
    peer.lost(stale);
    peer.input(Input::SocketOpened(stale));
    peer.input(Input::SocketFailed { generation: stale, status: Some(401), error: broken() });
    assert!(peer.machine.is_connected() && peer.happened().is_empty());
}

#[test]
fn answers_to_calls_that_were_never_made_or_that_came_back_already_are_dropped() {
    let mut peer = Peer::live();
    let send = peer.send("Hello");
    let call = peer.requests[0].call;
    peer.grant(Step::SendMessage, Value::Null);
    let refusal = || json!({"code": "open.api.key.disabled"}).to_string().into();
    for call in [call, CallId(999)] {
        peer.input(Input::HttpAnswer { call, status: 401, retry_after: None, body: refusal() });
        peer.input(Input::HttpFailed { call, sent: true, error: broken() });
        peer.input(Input::QuotaGranted(call));
        peer.input(Input::QuotaDelayed { call, until: BEGINNING + Duration::from_secs(600) });
    }
    assert!(matches!(peer.result(send), Ok(Outcome::Sent(_))));
    assert!(!peer.machine.is_closed() && peer.happened().is_empty() && peer.requests.is_empty());
}

#[test]
fn waits_between_attempts_grow_with_jitter_and_start_again_after_thirty_seconds_up() {
    fn ceiling(peer: &mut Peer, up: Duration) -> Duration {
        let mut longest = Duration::ZERO;
        for _ in 0..12 {
            peer.pass(up);
            peer.lose();
            let event = peer.happened().into_iter().find_map(|kind| match kind {
                EventKind::Disconnected { retry_in, .. } => Some(retry_in),
                _ => None,
            });
            longest = longest.max(event.unwrap());
            peer.pass(limits::BACKOFF_MAX);
            peer.serve();
            assert!(peer.machine.is_connected());
        }
        longest
    }
    // A server that accepts and drops at once is not hammered.
    let longest = ceiling(&mut Peer::live(), Duration::from_secs(1));
    assert!(longest > Duration::from_secs(5) && longest <= limits::BACKOFF_MAX, "{longest:?}");
    let longest = ceiling(&mut Peer::live(), limits::LINK_PROVEN);
    assert!(longest <= limits::BACKOFF_FIRST, "{longest:?}");
}

#[test]
fn a_link_that_is_lost_again_soon_after_it_came_up_waits_at_once_and_says_why() {
    let mut peer = Peer::live();
    peer.pass(limits::LINK_PROVEN);
    peer.lose();
    let (wait, cause) = lost(&mut peer);
    assert!(wait <= limits::BACKOFF_FIRST && cause == "the connection broke", "{wait:?}: {cause}");
    for short in 1..=5 {
        reconnect(&mut peer);
        peer.serve();
        peer.pass(Duration::from_millis(200));
        peer.lose();
        let (wait, cause) = lost(&mut peer);
        let says_so = cause.contains("another process has this visitor open")
            && cause.ends_with("the connection broke");
        assert_eq!(says_so, short > 1, "{cause}");
        assert_eq!(peer.machine.is_contested(), short > 1);
        if short > 1 {
            let least = limits::BACKOFF_CONTESTED / 2 * (1 << (short - 2));
            assert!(
                wait >= least.min(limits::BACKOFF_MAX / 2) && wait <= limits::BACKOFF_MAX,
                "{short}: {wait:?}"
            );
        }
    }
    // A changed network is another beginning, and so is a link that has proven itself.
    for passes in [Duration::ZERO, limits::LINK_PROVEN] {
        reconnect(&mut peer);
        peer.serve();
        peer.pass(passes);
        if passes.is_zero() {
            peer.command(Command::NetworkChanged);
        } else {
            peer.lose();
        }
        let (wait, _) = lost(&mut peer);
        assert!(wait <= limits::BACKOFF_FIRST && !peer.machine.is_contested(), "{wait:?}");
    }
}

#[test]
fn a_clean_close_after_each_open_makes_one_spaced_attempt_each_and_one_socket_in_the_end() {
    let mut peer = Peer::live();
    let (end, mut opened) = (peer.now + Duration::from_secs(5), Vec::new());
    while peer.now < end {
        peer.lose();
        let before = peer.opened.len();
        let (wait, _) = lost(&mut peer);
        let attempt = peer.now + wait;
        while peer.now < attempt {
            peer.pass(MILLI.max(wait / 4));
            assert!(peer.opened.len() == before, "nothing is tried before its time");
            if !peer.requests.is_empty() {
                break;
            }
        }
        peer.serve();
        assert_eq!(peer.opened.len(), before + 1, "one attempt for one failure");
        opened.push(peer.now);
    }
    assert!(opened.len() <= 6, "{} attempts in five seconds", opened.len());
    peer.pass(limits::LINK_PROVEN);
    peer.serve();
    let connected = peer.opened.len();
    peer.pass(Duration::from_secs(120));
    assert!(peer.machine.is_connected() && peer.opened.len() == connected && peer.requests.is_empty());
}

#[test]
fn an_attempt_to_connect_waits_for_its_permit_where_permits_are_given_out() {
    let config = secondme_avatar_protocol::Config { connect_permits: true, ..Default::default() };
    let mut peer = Peer::with(config, None);
    let open = peer.open(FIRST);
    authenticate(&mut peer);
    assert_eq!(peer.permits, 1);
    for step in [Step::InitChat, Step::ResolveAvatar, Step::CreateSession, Step::BindSession] {
        page(&mut peer, step);
    }
    peer.pass(limits::BACKOFF_FIRST);
    assert!(!peer.asks(Step::CreateSocket) && peer.permits == 1, "it is asked for once");
    peer.input(Input::ConnectPermitted);
    assert!(peer.asks(Step::CreateSocket) && peer.machine.is_connecting());
    page(&mut peer, Step::CreateSocket);
    peer.up();
    assert!(peer.result(open).is_ok() && !peer.machine.is_connecting());
    // The next attempt needs another one, and one that comes too late is over at once.
    peer.lose();
    peer.pass(limits::BACKOFF_FIRST);
    assert_eq!(peer.permits, 2);
    peer.command(Command::Pause);
    peer.input(Input::ConnectPermitted);
    assert!(!peer.asks(Step::CreateSocket) && !peer.machine.is_connecting());
    peer.command(Command::Resume);
    assert_eq!(peer.permits, 3);
    peer.input(Input::ConnectPermitted);
    assert!(peer.asks(Step::CreateSocket));
}

#[test]
fn a_refused_token_call_says_what_keeps_the_link_away() {
    let mut peer = Peer::live();
    peer.lose();
    lost(&mut peer);
    peer.pass(limits::BACKOFF_FIRST);
    peer.refuse(Step::CreateSocket, 401, "whatever");
    let call = peer.quota.pop().unwrap();
    peer.input(Input::QuotaGranted(call));
    let call = peer.requests.remove(0).call;
    peer.input(Input::HttpFailed { call, sent: false, error: broken() });
    assert!(lost(&mut peer).1.starts_with("the connection broke"));
}

#[test]
fn a_message_whose_time_passed_while_nothing_ran_does_not_go_out() {
    let mut peer = Peer::live();
    peer.lose();
    let send = peer.send("pay now");
    while !peer.asks(Step::CreateSocket) {
        peer.pass(MILLI);
    }
    // The machine slept, and it is not the clock that wakes this one.
    page(&mut peer, Step::CreateSocket);
    peer.now = peer.now + limits::DURABLE_DEADLINE;
    peer.up();
    assert!(peer.machine.is_connected() && !peer.asks(Step::SendMessage));
    peer.input(Input::Tick);
    assert!(peer.result(send).is_err());
}

#[test]
fn a_changed_network_connects_again_at_once_but_not_what_the_service_made_wait() {
    let mut peer = Peer::live();
    peer.command(Command::NetworkChanged);
    assert_eq!(peer.closed.len(), 1);
    peer.refuse(Step::CreateSocket, 429, "open.api.rate.limited");
    peer.command(Command::NetworkChanged);
    assert!(!peer.asks(Step::CreateSocket));
    peer.pass(limits::RATE_LIMIT_WAIT + limits::BACKOFF_FIRST);
    peer.serve();
    assert_eq!(peer.machine.state(FIRST), State::Live);
}
