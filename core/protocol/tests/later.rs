//! Something between here and the service answers in its place, or nothing does: that means "later". What was
//! sent is looked for, and tried again within its deadline where it is not there.

#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod support;

use std::time::Duration;

use bytes::Bytes;
use secondme_avatar_protocol::{
    Command, Confirmation, ErrorKind, EventKind, Gap, Input, Outcome, State, Step, limits,
};
use serde_json::{Value, json};

use support::{FIRST, Peer, body, echo, owner};

const PAGE: &str = "<html><body>We are back soon</body></html>";

/// What stands in the way of a send, besides a connection that is cut.
const GATEWAYS: [(u16, &str); 10] = [
    (502, "<html>Bad gateway</html>"),
    (503, PAGE),
    (504, ""),
    (500, PAGE),
    (404, "<html>Not found</html>"),
    (200, PAGE),
    (302, ""),
    (401, PAGE),
    (403, PAGE),
    (503, r#"{"error": "maintenance"}"#),
];

/// Every call is answered with this page for so long, then by the service. Says which messages went out, by their
/// ids; the service takes those that it sees.
fn outage(peer: &mut Peer, (status, page): (u16, &str), time: Duration) -> Vec<String> {
    let (end, mut tried) = (peer.now + time, Vec::new());
    while peer.now < end {
        while let Some(request) = peer.requests.first().cloned() {
            if request.step == Step::SendMessage {
                tried.push(body(&request)["messageId"].as_str().unwrap().to_owned());
            }
            peer.reply(request.step, status, page);
        }
        peer.pass(Duration::from_millis(50));
    }
    tried
}

/// The service is there, and knows of no message.
fn recover(peer: &mut Peer) {
    for _ in 0..1_000 {
        peer.serve();
        peer.pass(Duration::from_millis(50));
    }
}

fn is_sent(peer: &Peer, ticket: secondme_avatar_protocol::Ticket) -> bool {
    matches!(peer.result(ticket), Ok(Outcome::Sent(sent)) if sent.confirmed_by == Confirmation::Answer)
}

#[test]
fn a_gateway_that_is_in_the_way_for_a_while_costs_no_message_and_none_behind_it() {
    for gateway in GATEWAYS {
        let mut peer = Peer::live();
        let (first, behind) = (peer.send("first"), peer.send("behind"));
        let id = peer.message_id();
        let tried = outage(&mut peer, gateway, Duration::from_secs(6));
        assert!(tried.iter().all(|tried| *tried == id), "{gateway:?}: under one id");
        recover(&mut peer);
        assert!(is_sent(&peer, first) && is_sent(&peer, behind), "{gateway:?}");
        assert_eq!(peer.machine.state(FIRST), State::Live);
    }
}

#[test]
fn a_message_whose_answer_a_gateway_swallowed_is_found_and_not_sent_again() {
    let mut peer = Peer::live();
    let send = peer.send("Hello");
    let id = peer.message_id();
    peer.reply(Step::SendMessage, 502, PAGE);
    peer.pass(limits::CONFIRMATION_WAIT);
    while peer.asks(Step::QueryMessages) {
        peer.grant(Step::QueryMessages, json!([echo(&id, "Hello")]));
    }
    assert!(matches!(peer.result(send), Ok(Outcome::Sent(sent)) if sent.confirmed_by == Confirmation::Query));
    peer.pass(Duration::from_secs(60));
    assert!(!peer.asks(Step::SendMessage));
}

#[test]
fn a_message_that_no_try_brings_through_is_handed_back_at_its_deadline_and_not_before() {
    let mut peer = Peer::live();
    let send = peer.send("Hello");
    outage(&mut peer, (503, PAGE), limits::SEND_DEADLINE - Duration::from_millis(50));
    assert!(peer.is_waiting(send));
    outage(&mut peer, (503, PAGE), Duration::from_millis(100));
    assert_eq!(peer.error(send).kind(), ErrorKind::Deadline);
    assert!(!peer.error(send).unsent().unwrap().certain);
}

#[test]
fn a_durable_message_is_tried_again_for_hours() {
    let cut = |peer: &mut Peer| peer.fail(Step::SendMessage, true);
    let failures: [&dyn Fn(&mut Peer); 4] = [
        &cut,
        &|peer| peer.reply(Step::SendMessage, 503, PAGE),
        &|peer| peer.refuse(Step::SendMessage, 500, "whatever"),
        &|peer| peer.reply(Step::SendMessage, 404, PAGE),
    ];
    for fail in failures {
        let mut peer = Peer::live();
        let ticket = peer.send_durable("pay now");
        let Some(kept) = peer.keeps.last().cloned() else { panic!("it is kept") };
        peer.input(Input::Kept(kept.message_id.clone()));
        peer.input(Input::Kept(kept.message_id.clone()));
        assert!(matches!(peer.result(ticket), Ok(Outcome::Kept(_))));
        let mut tries = 0;
        let end = peer.now + Duration::from_secs(3_500);
        while peer.now < end {
            if peer.asks(Step::SendMessage) {
                assert_eq!(peer.message_id(), kept.message_id.as_str());
                fail(&mut peer);
                tries += 1;
            }
            if peer.asks(Step::QueryMessages) {
                peer.grant(Step::QueryMessages, json!([]));
            }
            peer.pass(Duration::from_millis(100));
        }
        assert!(tries > 100, "it was tried {tries} times");
        assert!(!peer.kinds().any(|kind| matches!(kind, EventKind::Unsent { .. })));
        recover(&mut peer);
        assert!(peer.settled.contains(&kept.message_id));
    }
}

#[test]
fn a_firewall_s_page_neither_closes_a_live_conversation_nor_blames_the_key() {
    for status in [401, 403] {
        let mut peer = Peer::live();
        peer.lose();
        outage(&mut peer, (status, PAGE), Duration::from_secs(120));
        assert_eq!(peer.machine.state(FIRST), State::Reconnecting, "{status}");
        assert!(!peer.asks(Step::Authenticate) && peer.quota.is_empty(), "the token is not to blame");
        recover(&mut peer);
        assert_eq!(peer.machine.state(FIRST), State::Live, "{status}");
    }
}

#[test]
fn opening_behind_a_firewall_fails_with_a_word_about_it() {
    for status in [401, 403] {
        let mut peer = Peer::new();
        let open = peer.open(FIRST);
        for _ in 0..limits::MALFORMED_ANSWER_ATTEMPTS {
            let call = peer.quota.pop().unwrap();
            peer.input(Input::QuotaGranted(call));
            let call = peer.take(Step::Authenticate).call;
            let body = Bytes::from_static(PAGE.as_bytes());
            peer.input(Input::HttpAnswer { call, status, retry_after: None, body });
            peer.pass(Duration::from_secs(2));
        }
        assert_eq!(peer.error(open).kind(), ErrorKind::InvalidAnswer);
        assert!(peer.error(open).to_string().contains("firewall"), "{}", peer.error(open));
    }
}

#[test]
fn a_maintenance_of_some_seconds_while_opening_is_waited_for_where_the_service_has_answered_before() {
    for gateway in GATEWAYS.into_iter().filter(|(status, _)| !matches!(status, 401 | 403)) {
        let mut peer = Peer::new();
        let open = peer.open(FIRST);
        let call = peer.quota.pop().unwrap();
        peer.input(Input::QuotaGranted(call));
        let data = peer.page(Step::Authenticate);
        peer.grant(Step::Authenticate, data);
        outage(&mut peer, gateway, Duration::from_secs(8));
        assert!(peer.is_waiting(open), "{gateway:?}");
        for _ in 0..200 {
            peer.serve();
            peer.pass(Duration::from_millis(100));
        }
        assert!(matches!(peer.result(open), Ok(Outcome::Opened { .. })), "{gateway:?}");
    }
}

#[test]
fn a_page_in_the_place_of_a_query_s_answer_does_not_turn_queries_off() {
    let mut peer = Peer::live();
    let send = peer.send("Hello");
    peer.reply(Step::SendMessage, 404, PAGE);
    peer.pass(limits::CONFIRMATION_WAIT);
    peer.reply(Step::QueryMessages, 404, PAGE);
    recover(&mut peer);
    assert!(is_sent(&peer, send));
}

#[test]
fn a_500_on_the_first_call_of_an_opening_is_gone_with_the_next_one() {
    let mut peer = Peer::new();
    let open = peer.command(Command::Open { conversation: FIRST, deadline: Duration::from_millis(1) });
    let call = peer.quota.pop().unwrap();
    peer.input(Input::QuotaGranted(call));
    peer.reply(Step::Authenticate, 500, PAGE);
    peer.pass(Duration::from_millis(1));
    assert_eq!(peer.error(open).kind(), ErrorKind::Deadline);
    let mut next = Peer::with(secondme_avatar_protocol::Config::default(), Some(peer.machine.record()));
    let again = next.open(FIRST);
    next.serve();
    assert!(matches!(next.result(again), Ok(Outcome::Opened { .. })));

    let mut peer = Peer::new();
    let open = peer.open(FIRST);
    let call = peer.quota.pop().unwrap();
    peer.input(Input::QuotaGranted(call));
    peer.reply(Step::Authenticate, 500, r#"{"code": 500, "message": "no"}"#);
    recover(&mut peer);
    assert!(matches!(peer.result(open), Ok(Outcome::Opened { .. })));
    peer.send("Hello");
    peer.grant(Step::SendMessage, Value::Null);
}

/// A conversation that has heard something, and whose link is back after it was lost: it asks for what it missed.
fn back(peer: &mut Peer) {
    peer.lose();
    while !peer.asks(Step::CreateSocket) {
        peer.pass(Duration::from_millis(50));
    }
    let data = peer.page(Step::CreateSocket);
    peer.grant(Step::CreateSocket, data);
    peer.up();
}

fn gaps(peer: &mut Peer) -> Vec<Gap> {
    let gap = |kind| if let EventKind::Reconnected { gap } = kind { Some(gap) } else { None };
    peer.happened().into_iter().filter_map(gap).collect()
}

#[test]
fn a_404_page_in_the_place_of_a_query_that_was_answered_before_is_asked_again() {
    let mut peer = Peer::live();
    peer.frame(owner("o1", "one"));
    back(&mut peer);
    peer.grant(Step::QueryMessages, json!([]));
    back(&mut peer);
    peer.reply(Step::QueryMessages, 404, PAGE);
    assert_eq!(gaps(&mut peer), [Gap::None], "the second one is still asked for");
    peer.pass(Duration::from_secs(1));
    peer.grant(Step::QueryMessages, json!([owner("o2", "two")]));
    peer.grant(Step::QueryMessages, json!([]));
    assert_eq!(gaps(&mut peer), [Gap::Filled { frames: 1 }]);
    // Though the page stays for this gap, the next one is asked for.
    back(&mut peer);
    for _ in 0..limits::MALFORMED_ANSWER_ATTEMPTS {
        peer.reply(Step::QueryMessages, 404, PAGE);
        peer.pass(Duration::from_secs(2));
    }
    assert_eq!(gaps(&mut peer), [Gap::Unknown]);
    peer.send("Hello");
    peer.grant(Step::SendMessage, Value::Null);
    peer.pass(limits::CONFIRMATION_WAIT);
    assert!(peer.asks(Step::QueryMessages), "what should have come is looked for");
}

#[test]
fn a_404_page_where_no_query_was_ever_answered_turns_them_off_until_the_next_connection() {
    let mut peer = Peer::live();
    peer.frame(owner("o1", "one"));
    back(&mut peer);
    peer.reply(Step::QueryMessages, 404, PAGE);
    assert_eq!(gaps(&mut peer), [Gap::Unknown]);
    peer.send("Hello");
    peer.grant(Step::SendMessage, Value::Null);
    peer.pass(limits::FIRST_PIECE);
    assert!(!peer.asks(Step::QueryMessages));
    back(&mut peer);
    peer.grant(Step::QueryMessages, json!([owner("o2", "two")]));
    peer.grant(Step::QueryMessages, json!([]));
    assert_eq!(gaps(&mut peer), [Gap::Filled { frames: 1 }]);
}

#[test]
fn what_should_have_come_is_still_looked_for_when_a_new_token_has_taken_longer_than_the_looking() {
    let mut peer = Peer::live();
    peer.frame(owner("o1", "one"));
    peer.send("Hello");
    peer.grant(Step::SendMessage, Value::Null);
    peer.pass(limits::CONFIRMATION_WAIT);
    peer.refuse(Step::QueryMessages, 401, "visitor.token.invalid");
    peer.pass(limits::FIRST_PIECE + Duration::from_secs(30));
    let call = peer.quota.pop().unwrap();
    peer.input(Input::QuotaGranted(call));
    let data = peer.page(Step::Authenticate);
    peer.grant(Step::Authenticate, data);
    peer.pass(Duration::from_secs(1));
    assert!(peer.asks(Step::QueryMessages));
}
