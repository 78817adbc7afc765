//! What the service makes wait, and what cuts a wait short.

use std::time::Duration;

use secondme_avatar_protocol::{Command, ErrorKind, EventKind, Input, State, Step, Ticket, limits};
use serde_json::json;

use crate::helpers::{MILLI, lost, reconnect};
use crate::support::{self, FIRST, Peer};

#[test]
fn the_quota_s_word_is_an_event_and_fails_only_who_cannot_wait_that_long() {
    let mut peer = Peer::new();
    let patient = peer.open(FIRST);
    let hasty = peer.command(Command::Open { conversation: FIRST, deadline: Duration::from_secs(5) });
    let (call, until) = (peer.quota[0], peer.now + Duration::from_secs(20));
    peer.input(Input::QuotaDelayed { call, until });
    let error = peer.error(hasty);
    assert_eq!((error.kind(), error.retry_after()), (ErrorKind::RateLimited, Some(Duration::from_secs(20))));
    assert!(peer.is_waiting(patient));
    assert!(
        matches!(peer.happened()[..], [EventKind::WaitingForQuota { wait }] if wait == Duration::from_secs(20))
    );
}

#[test]
fn the_quota_s_word_hands_back_a_message_that_cannot_wait_that_long() {
    let mut peer = Peer::live();
    peer.send("Hello?");
    let hasty = peer.send("And this?");
    peer.refuse(Step::SendMessage, 401, "auth.token.expired");
    let (call, until) = (peer.quota[0], peer.now + limits::SEND_DEADLINE + MILLI);
    peer.input(Input::QuotaDelayed { call, until });
    let error = peer.error(hasty);
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert!(error.unsent().is_some_and(|unsent| unsent.certain));
}

#[test]
fn a_rate_limited_answer_waits_as_long_as_the_service_says_within_reason() {
    for (says, waits) in [(None, 5), (Some(30), 30), (Some(1_000_000), 600)] {
        let mut peer = Peer::new();
        let deadline = Duration::from_secs(3600);
        peer.command(Command::Open { conversation: FIRST, deadline });
        let call = peer.quota.pop().unwrap();
        peer.input(Input::QuotaGranted(call));
        let call = peer.take(Step::Authenticate).call;
        let body = json!({"code": 429, "message": "open.api.rate.limited"}).to_string().into();
        let retry_after = says.map(Duration::from_secs);
        peer.input(Input::HttpAnswer { call, status: 429, retry_after, body });
        assert_eq!(peer.used_up, [peer.now + Duration::from_secs(waits)]);
        peer.pass(Duration::from_secs(waits) - MILLI);
        assert!(peer.quota.is_empty());
        peer.pass(limits::BACKOFF_FIRST + MILLI);
        assert_eq!(peer.quota.len(), 1);
    }
}

/// A call that has failed, in the moment in which its wait is over.
fn at_the_end_of_a_wait() -> Peer {
    let mut peer = Peer::live();
    peer.history(10);
    peer.fail(Step::QueryMessages, true);
    peer.now = peer.machine.next_deadline().unwrap();
    peer
}

#[test]
fn a_wait_that_ends_as_a_frame_comes_ends() {
    let mut peer = at_the_end_of_a_wait();
    peer.frame(json!({"type": "pong", "wsId": support::WS}));
    assert_eq!(peer.machine.next_deadline(), Some(peer.now));
    peer.input(Input::Tick);
    assert!(peer.asks(Step::QueryMessages));
}

#[test]
fn a_wait_that_ends_as_the_key_is_given_once_more_ends() {
    let mut peer = at_the_end_of_a_wait();
    peer.machine.set_key(peer.now, "sk-your-api-key".parse().unwrap());
    assert_eq!(peer.machine.next_deadline(), Some(peer.now));
}

/// A conversation whose service has been away for so long that the next attempt is far.
fn far_from_the_next_attempt() -> Peer {
    for seed in 0.. {
        let mut peer = Peer::live();
        peer.lose();
        peer.pass(Duration::from_millis(seed * 10));
        for _ in 0..40 {
            while !peer.asks(Step::CreateSocket) {
                peer.pass(Duration::from_millis(50));
            }
            peer.fail(Step::CreateSocket, false);
            let next = peer.machine.next_deadline().unwrap();
            if next.since(peer.now) > Duration::from_secs(15) {
                return peer;
            }
        }
    }
    unreachable!("waits grow to 20 s")
}

#[test]
fn a_call_that_needs_the_link_cuts_the_wait_for_it_short() {
    let send = |peer: &mut Peer| peer.send("Hello");
    let ask = |peer: &mut Peer| peer.ask("Hello?");
    let open = |peer: &mut Peer| peer.open(support::SECOND);
    for call in [&send as &dyn Fn(&mut Peer) -> Ticket, &ask, &open] {
        let mut peer = far_from_the_next_attempt();
        peer.pass(limits::HURRY);
        call(&mut peer);
        assert!(peer.asks(Step::CreateSocket), "the service may be back");
        peer.serve();
        assert_eq!(peer.machine.state(FIRST), State::Live);
    }
}

#[test]
fn a_program_that_keeps_calling_makes_no_more_than_one_attempt_a_second() {
    let mut peer = far_from_the_next_attempt();
    let mut attempts = 0;
    for _ in 0..200 {
        peer.send("Hello");
        peer.pass(Duration::from_millis(50));
        if peer.asks(Step::CreateSocket) {
            attempts += 1;
            peer.fail(Step::CreateSocket, false);
        }
    }
    assert!((5..=11).contains(&attempts), "{attempts} attempts in 10 s");
}

#[test]
fn a_call_does_not_cut_short_the_wait_of_a_link_that_another_process_may_take() {
    let mut peer = Peer::live();
    peer.lose();
    let (mut wait, _) = lost(&mut peer);
    for _ in 0..6 {
        reconnect(&mut peer);
        peer.serve();
        peer.pass(Duration::from_millis(200));
        peer.lose();
        (wait, _) = lost(&mut peer);
    }
    assert!(peer.machine.is_contested() && wait > limits::HURRY * 2, "{wait:?}");
    let until = peer.now + wait;
    while peer.now + Duration::from_millis(100) < until {
        peer.ask("Hello?");
        peer.pass(Duration::from_millis(100));
        assert!(!peer.asks(Step::CreateSocket), "{:?} before its time", until.since(peer.now));
    }
    peer.pass(Duration::from_millis(100));
    assert!(peer.asks(Step::CreateSocket));
    // The service itself is away now: that a call may find it back is as good a reason as ever.
    for _ in 0..40 {
        peer.fail(Step::CreateSocket, false);
        while !peer.asks(Step::CreateSocket) {
            peer.pass(Duration::from_millis(50));
        }
    }
    peer.fail(Step::CreateSocket, false);
    peer.pass(limits::HURRY);
    peer.ask("Hello?");
    assert!(peer.asks(Step::CreateSocket), "the service may be back");
}
