//! What was missed while the link was down.

use std::time::Duration;

use secondme_avatar_protocol::{Command, ErrorKind, EventKind, Outcome, State, Step, limits};
use serde_json::{Value, json};

use crate::helpers::{page, reconnect, resumed, said};
use crate::support::{self, BEGINNING, FIRST, Peer, SECOND, owner};

#[test]
fn a_gap_is_filled_in_order_exactly_once_and_what_comes_meanwhile_waits() {
    let mut peer = Peer::live();
    peer.frame(owner("o1", "one"));
    peer.lose();
    reconnect(&mut peer);
    peer.frame(owner("o4", "four"));
    assert_eq!(said(&peer.happened()), ["one", "lost"]);
    peer.grant(Step::QueryMessages, json!([owner("o1", "one"), owner("o2", "two"), owner("o3", "three")]));
    assert!(peer.requests[0].path.ends_with("seqId=o3"));
    peer.grant(Step::QueryMessages, json!([owner("o4", "four"), owner("o5", "five")]));
    peer.frame(owner("o6", "six"));
    peer.grant(Step::QueryMessages, json!([]));
    peer.frame(owner("o5", "five"));
    assert_eq!(said(&peer.happened()), ["two", "three", "four", "five", "six", "Filled { frames: 4 }"]);
}

#[test]
fn frames_that_waited_for_a_gap_keep_their_place_when_the_link_is_lost_again() {
    let mut peer = Peer::live();
    peer.frame(owner("o1", "one"));
    peer.lose();
    reconnect(&mut peer);
    peer.frame(owner("o3", "three"));
    peer.lose();
    reconnect(&mut peer);
    peer.happened();
    peer.grant(Step::QueryMessages, json!([owner("o2", "two"), owner("o3", "three"), owner("o4", "four")]));
    peer.grant(Step::QueryMessages, json!([]));
    assert_eq!(said(&peer.happened()), ["two", "three", "four", "Filled { frames: 3 }"]);
}

#[test]
fn an_empty_gap_says_so_and_one_that_cannot_be_asked_for_is_unknown() {
    let mut peer = Peer::live();
    peer.frame(owner("o1", "one"));
    peer.lose();
    reconnect(&mut peer);
    peer.grant(Step::QueryMessages, json!([]));
    assert_eq!(said(&peer.happened()), ["one", "lost", "None"]);
    peer.lose();
    reconnect(&mut peer);
    peer.refuse(Step::QueryMessages, 404, "request.path.not.found");
    assert_eq!(said(&peer.happened()), ["lost", "Unknown"]);
    peer.lose();
    reconnect(&mut peer);
    assert!(!peer.asks(Step::QueryMessages), "it is not asked again");
    assert_eq!(said(&peer.happened()), ["lost", "Unknown"]);
}

#[test]
fn a_gap_query_that_is_forbidden_costs_neither_the_token_nor_the_conversation() {
    let mut peer = Peer::live();
    peer.frame(owner("o1", "one"));
    peer.lose();
    reconnect(&mut peer);
    peer.refuse(Step::QueryMessages, 403, "visitor.call.not.available");
    assert_eq!(said(&peer.happened()), ["one", "lost", "Unknown"]);
    assert!(peer.quota.is_empty() && peer.machine.state(FIRST) == State::Live);
}

#[test]
fn a_gap_whose_query_fails_is_asked_again_and_after_ten_seconds_it_is_unknown() {
    let mut peer = Peer::live();
    peer.frame(owner("o1", "one"));
    peer.lose();
    reconnect(&mut peer);
    peer.refuse(Step::QueryMessages, 503, "busy.now");
    peer.frame(owner("o3", "three"));
    peer.pass(limits::BACKOFF_FIRST);
    assert!(peer.asks(Step::QueryMessages));
    peer.pass(limits::GAP_DEADLINE);
    assert_eq!(said(&peer.happened()), ["one", "lost", "three", "Unknown"]);
}

#[test]
fn a_gap_after_frames_without_a_name_is_unknown_because_what_is_new_cannot_be_told() {
    let mut peer = Peer::live();
    peer.frame(json!({"sender": "umm", "multipleData": [{"modal": {"answer": "Hello"}}]}));
    peer.lose();
    reconnect(&mut peer);
    assert!(!peer.asks(Step::QueryMessages));
    assert_eq!(said(&peer.happened()), ["Hello", "lost", "Unknown"]);
}

#[test]
fn a_session_ended_among_the_frames_that_waited_closes_the_conversation_once() {
    let mut peer = Peer::live();
    peer.open(SECOND);
    peer.serve();
    peer.frame(owner("o1", "one"));
    peer.lose();
    reconnect(&mut peer);
    peer.frame(json!({"type": "sys", "subCode": "session.status.closed", "seqId": "end", "sessionId": "your-session-id"}));
    let close = peer.close(false);
    assert!(matches!(peer.result(close), Ok(Outcome::Closed)));
    assert_eq!(said(&peer.happened()).iter().filter(|text| *text == "closed").count(), 1);
    assert_eq!(peer.machine.conversations(), [SECOND]);
}

#[test]
fn a_resumed_conversation_says_that_it_is_open_before_it_says_what_was_missed() {
    let (mut peer, open) = resumed();
    page(&mut peer, Step::CreateSocket);
    peer.up();
    peer.grant(Step::QueryMessages, json!([owner("o1", "while you were away")]));
    peer.grant(Step::QueryMessages, json!([]));
    assert!(matches!(peer.result(open), Ok(Outcome::Opened { resumed: true, .. })));
    assert_eq!(said(&peer.happened()), ["open", "while you were away", "Filled { frames: 1 }"]);
}

#[test]
fn a_stored_session_that_the_service_has_forgotten_is_not_taken_up_again() {
    for (code, reason) in
        [("session.not.member", ErrorKind::NotMember), ("session.not.found", ErrorKind::Closed)]
    {
        let (mut peer, _) = resumed();
        page(&mut peer, Step::CreateSocket);
        peer.up();
        let send = peer.send("Hello");
        peer.refuse(Step::SendMessage, 404, code);
        assert_eq!(peer.error(send).kind(), reason);
        assert_eq!(peer.machine.record().session, None);
        assert!(peer.machine.is_closed());
    }
}

#[test]
fn a_record_of_another_visitor_or_of_the_future_is_passed_over() {
    let mut record = Peer::live().machine.record();
    record.context.as_mut().unwrap().since = BEGINNING + Duration::from_secs(3600);
    record.session = None;
    let mut peer = Peer::with(secondme_avatar_protocol::Config::default(), Some(record.clone()));
    peer.open(FIRST);
    assert!(peer.asks(Step::InitChat) && !peer.asks(Step::CreateSession), "a clock was put back");
    record.visitor_id = "web_6ba7b810-9dad-11d1-80b4-00c04fd430c8".parse().unwrap();
    let mut peer = Peer::with(secondme_avatar_protocol::Config::default(), Some(record));
    peer.open(FIRST);
    assert_eq!(peer.quota.len(), 1);
}

#[test]
fn a_look_that_shows_the_link_to_be_dead_leaves_the_gap_open() {
    let mut peer = Peer::live();
    peer.send("one");
    let one = peer.message_id();
    peer.frame(support::echo(&one, "one")); // This service echoes.
    peer.grant(Step::SendMessage, Value::Null);
    peer.piece("r1", -1, "Yes?");
    peer.open(SECOND);
    peer.grant(Step::CreateSession, json!({"sessionId": "second"}));
    peer.serve();
    let deadline = limits::SEND_DEADLINE;
    peer.command(Command::Send { conversation: SECOND, text: "two".into(), deadline });
    let two = peer.message_id();
    peer.grant(Step::SendMessage, Value::Null);
    peer.pass(limits::CONFIRMATION_WAIT);
    let mut found = support::echo(&two, "two");
    found["sessionId"] = json!("second");
    peer.happened();
    peer.grant(Step::QueryMessages, json!([found]));
    peer.grant(Step::QueryMessages, json!([]));
    assert!(!peer.machine.is_connected(), "it did not bring the echo");
    let came_back = |kind: &EventKind| matches!(kind, EventKind::Reconnected { .. });
    assert!(!peer.happened().iter().any(came_back));
    reconnect(&mut peer);
    let asks = peer.requests.iter().filter(|request| request.step == Step::QueryMessages);
    assert_eq!(asks.count(), 2, "what came to neither conversation meanwhile");
}
