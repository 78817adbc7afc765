//! The visitor token: refused, fetched again, and proven.

use std::time::Duration;

use secondme_avatar_protocol::{ErrorKind, Input, Outcome, State, Step};

use crate::helpers::{authenticate, opening, page, resumed};
use crate::support::{FIRST, Peer, SECOND, broken};

#[test]
fn calls_side_by_side_refused_for_one_dead_token_cost_one_authentication() {
    let (mut peer, open) = resumed();
    let second = peer.open(SECOND);
    assert!(peer.quota.is_empty());
    for step in [Step::CreateSocket, Step::CreateSession] {
        peer.refuse(step, 401, "whatever");
    }
    assert_eq!(peer.quota.len(), 1);
    authenticate(&mut peer);
    peer.serve();
    for open in [open, second] {
        assert!(matches!(peer.result(open), Ok(Outcome::Opened { .. })));
    }
}

#[test]
fn a_dead_token_is_known_by_the_code_as_well() {
    let mut peer = Peer::live();
    let send = peer.send("Hello");
    peer.refuse(Step::SendMessage, 200, "visitor.token.invalid");
    authenticate(&mut peer);
    peer.serve();
    assert!(matches!(peer.result(send), Ok(Outcome::Sent(_))));
}

#[test]
fn a_refusal_of_an_older_token_says_nothing_about_the_present_one() {
    let mut peer = Peer::live();
    peer.open(SECOND);
    peer.send("Hello");
    peer.refuse(Step::SendMessage, 401, "whatever");
    authenticate(&mut peer);
    peer.refuse(Step::CreateSession, 401, "whatever");
    assert!(peer.quota.is_empty() && !peer.machine.is_closed());
}

#[test]
fn the_second_token_refused_is_the_end() {
    let mut peer = Peer::live();
    let send = peer.send("Hello");
    peer.refuse(Step::SendMessage, 401, "whatever");
    authenticate(&mut peer);
    peer.refuse(Step::SendMessage, 401, "whatever");
    assert_eq!(peer.error(send).kind(), ErrorKind::Authentication);
    assert!(peer.machine.is_closed());
}

#[test]
fn a_token_that_has_proven_itself_may_die_as_well() {
    let mut peer = Peer::live();
    for _ in 0..5 {
        let send = peer.send("Hello");
        peer.refuse(Step::SendMessage, 401, "whatever");
        authenticate(&mut peer);
        peer.serve();
        assert!(matches!(peer.result(send), Ok(Outcome::Sent(_))));
    }
}

#[test]
fn a_message_that_is_forbidden_twice_is_refused_alone() {
    let mut peer = Peer::live();
    let send = peer.send("Something nasty");
    peer.refuse(Step::SendMessage, 403, "content.blocked");
    authenticate(&mut peer);
    peer.refuse(Step::SendMessage, 403, "content.blocked");
    assert_eq!(peer.error(send).code(), Some("content.blocked"));
    assert_eq!(peer.machine.state(FIRST), State::Live);
}

#[test]
fn a_handshake_refused_for_ever_costs_one_authentication() {
    let (mut peer, open) = opening();
    page(&mut peer, Step::Authenticate);
    let mut authentications = 0;
    while peer.is_waiting(open) {
        if let Some(call) = peer.quota.pop() {
            authentications += 1;
            peer.input(Input::QuotaGranted(call));
        }
        while let Some(step) = peer.requests.first().map(|request| request.step) {
            page(&mut peer, step);
        }
        let generation = peer.generation();
        peer.input(Input::SocketFailed { generation, status: Some(403), error: broken() });
        peer.pass(Duration::from_millis(500));
    }
    assert_eq!(authentications, 1);
    assert_eq!(peer.error(open).step(), Some(Step::Connect));
}

#[test]
fn a_refused_key_closes_everything_at_any_step() {
    for code in ["open.api.unauthorized", "open.api.key.not.found", "open.api.key.disabled"] {
        let mut peer = Peer::live();
        peer.open(SECOND);
        let send = peer.send("Hello");
        peer.refuse(Step::SendMessage, 200, code);
        assert_eq!(
            (peer.error(send).kind(), peer.error(send).code()),
            (ErrorKind::Authentication, Some(code))
        );
        assert!(peer.machine.is_closed() && peer.requests.is_empty());
    }
}
