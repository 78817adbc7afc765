//! A machine without a key, and one whose key is replaced.

use std::time::Duration;

use secondme_avatar_protocol::{Credentials, Error, ErrorKind, Input, Step, limits};
use serde_json::json;

use crate::helpers::page;
use crate::support::{FIRST, Peer, USER, broken};

const OTHER: &str = "feishu_550e8400-e29b-41d4-a716-446655440001";

fn credentials(visitor: &str, token: &str) -> Box<Credentials> {
    let text = json!({
        "visitorId": visitor, "visitorToken": token, "visitorUserId": USER, "visitorMindId": "487569763543990272",
        "avatarShareCode": "ebe251793d69", "avatarName": "My Assistant", "ownerUserId": "de4fh",
    });
    Box::new(Credentials::from_json(&text.to_string()).unwrap())
}

impl Peer {
    /// Gives the credentials that are asked for, and says whether others were refused.
    fn give(&mut self, token: &str) -> bool {
        let (call, refused) = self.credentials.pop().expect("credentials are asked for");
        let visitor = self.machine.visitor().id().to_string();
        self.input(Input::CredentialsGranted { call, credentials: credentials(&visitor, token) });
        refused
    }

    fn shows(&self, step: Step) -> String {
        let request = self.requests.iter().find(|request| request.step == step).expect("it is under way");
        let shown = request.headers.iter().find(|(name, _)| matches!(*name, "token" | "Authorization"));
        shown.unwrap().1.expose_secret().to_owned()
    }
}

#[test]
fn without_a_key_all_that_the_service_is_told_comes_of_the_credentials() {
    let mut peer = Peer::without_key();
    let open = peer.open(FIRST);
    assert!(peer.quota.is_empty() && peer.requests.is_empty());
    assert!(!peer.give("t1"));
    assert_eq!(peer.shows(Step::InitChat), "t1");
    peer.serve();
    assert!(peer.result(open).is_ok());
    assert!(peer.credentials.is_empty() && peer.quota.is_empty());
    assert_eq!(peer.machine.counters().authentications, 0);
}

#[test]
fn a_handshake_that_is_forbidden_refuses_no_credentials_and_one_that_is_unauthorized_does() {
    for (status, asks) in [(403, false), (401, true)] {
        let mut peer = Peer::without_key();
        peer.open(FIRST);
        peer.give("t1");
        page(&mut peer, Step::CreateSocket);
        let generation = peer.generation();
        peer.input(Input::SocketFailed { generation, status: Some(status), error: broken() });
        peer.pass(Duration::from_secs(2));
        assert_eq!(!peer.credentials.is_empty(), asks, "{status}");
        if asks {
            assert!(peer.give("t2"), "it is told that the last ones were refused");
        }
        assert!(peer.credentials.is_empty());
    }
}

#[test]
fn they_are_asked_for_again_once_the_service_refuses_them() {
    let mut peer = Peer::without_key();
    peer.open(FIRST);
    peer.give("t1");
    peer.serve();
    let send = peer.send("Hello");
    peer.refuse(Step::SendMessage, 401, "visitor.token.invalid");
    assert!(peer.give("t2"), "it is told that the last ones were refused");
    assert_eq!(peer.shows(Step::SendMessage), "t2");
    peer.serve();
    assert!(peer.result(send).is_ok());
    assert!(peer.credentials.is_empty());
}

#[test]
fn those_of_another_visitor_are_an_error_and_are_not_used() {
    let mut peer = Peer::without_key();
    let open = peer.open(FIRST);
    let (call, _) = peer.credentials.pop().unwrap();
    peer.input(Input::CredentialsGranted { call, credentials: credentials(OTHER, "t1") });
    let error = peer.error(open);
    assert_eq!((error.kind(), error.step()), (ErrorKind::Misuse, Some(Step::Authenticate)));
    assert!(error.to_string().contains(OTHER), "{error}");
    assert!(peer.requests.is_empty());
}

#[test]
fn a_failure_that_may_pass_is_asked_again_and_one_of_the_login_is_final() {
    let mut peer = Peer::without_key();
    let open = peer.open(FIRST);
    let (call, _) = peer.credentials.pop().unwrap();
    peer.input(Input::TokenFailed { call, error: Error::new(ErrorKind::ConnectionFailed, "no route") });
    assert!(peer.credentials.is_empty() && peer.is_waiting(open), "not at once");
    peer.pass(limits::BACKOFF_MAX.min(Duration::from_secs(2)));
    let (call, refused) = peer.credentials.pop().unwrap();
    assert!(!refused);
    peer.input(Input::TokenFailed { call, error: Error::new(ErrorKind::Authentication, "not signed in") });
    assert_eq!(peer.error(open).kind(), ErrorKind::Authentication);
}

#[test]
fn a_request_that_no_call_waits_for_is_taken_back() {
    let mut peer = Peer::without_key();
    let open = peer.open(FIRST);
    let (call, _) = peer.credentials[0];
    peer.cancel(open);
    assert!(peer.credentials.is_empty());
    assert_eq!(peer.abandoned, [call]);
}

#[test]
fn another_key_is_shown_from_the_next_authentication_on() {
    let mut peer = Peer::live();
    peer.machine.set_key(peer.now, "sk-another".parse().unwrap());
    let send = peer.send("Hello");
    assert_eq!(peer.shows(Step::SendMessage), "bb857435f640c8b2...", "a token lives on");
    peer.refuse(Step::SendMessage, 401, "visitor.token.invalid");
    let call = peer.quota.pop().unwrap();
    peer.input(Input::QuotaGranted(call));
    assert_eq!(peer.shows(Step::Authenticate), "Bearer sk-another");
    peer.serve();
    assert!(peer.result(send).is_ok());
}

#[test]
fn a_call_that_showed_the_earlier_key_and_is_refused_is_made_again() {
    for code in ["open.api.key.disabled", "open.api.key.not.found", "open.api.rate.limited"] {
        let mut peer = Peer::new();
        let open = peer.open(FIRST);
        let call = peer.quota.pop().unwrap();
        peer.input(Input::QuotaGranted(call));
        peer.machine.set_key(peer.now, "sk-another".parse().unwrap());
        peer.refuse(Step::Authenticate, 403, code);
        assert!(peer.is_waiting(open) && peer.used_up.is_empty(), "{code}");
        peer.pass(Duration::from_secs(1));
        let call = peer.quota.pop().unwrap();
        peer.input(Input::QuotaGranted(call));
        assert_eq!(peer.shows(Step::Authenticate), "Bearer sk-another");
        peer.serve();
        assert!(peer.result(open).is_ok());
    }
}

#[test]
fn what_the_earlier_key_has_to_wait_for_the_new_one_has_not() {
    let mut peer = Peer::new();
    let open = peer.open(FIRST);
    let call = peer.quota.pop().unwrap();
    peer.input(Input::QuotaGranted(call));
    peer.refuse(Step::Authenticate, 429, "open.api.rate.limited");
    assert!(peer.quota.is_empty());
    peer.now = peer.now + Duration::from_millis(1);
    peer.machine.set_key(peer.now, "sk-another".parse().unwrap());
    peer.input(Input::Tick);
    peer.serve();
    assert!(peer.result(open).is_ok());
}
