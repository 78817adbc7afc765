//! Looking back.

#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod support;

use std::time::Duration;

use secondme_avatar_protocol::{Command, Config, ErrorKind, EventKind, Input, Outcome, Step, Ticket, limits};
use serde_json::json;

use support::{FIRST, Peer, echo, owner, piece};

const MILLI: Duration = Duration::from_millis(1);

fn texts(peer: &Peer, history: Ticket) -> Vec<String> {
    match peer.result(history) {
        Ok(Outcome::History(messages)) => {
            messages.iter().map(|message| format!("{}: {}", message.author.name(), message.text)).collect()
        }
        other => panic!("no history: {other:?}"),
    }
}

#[test]
fn history_is_put_together_from_frames_oldest_first_page_by_page() {
    let mut peer = Peer::live();
    let history = peer.history(3);
    assert_eq!(peer.requests[0].path, "/rest/general/message/latest?sessionId=your-session-id");
    peer.grant(Step::QueryMessages, json!([piece("r1", 1, "lo"), piece("r1", -1, "!"), owner("o1", "Me")]));
    assert!(peer.requests[0].path.ends_with("direction=backward&seqId=r1%2F1"), "{}", peer.requests[0].path);
    // A page that ends with the frame that was named does not double it.
    peer.grant(
        Step::QueryMessages,
        json!([echo("m0", "Older"), echo("m1", "Hi"), piece("r1", 0, "Hel"), piece("r1", 1, "lo")]),
    );
    assert_eq!(texts(&peer, history), ["visitor: Hi", "avatar: Hello!", "owner: Me"]);
}

#[test]
fn the_next_history_goes_on_before_the_first_frame_of_the_oldest_message() {
    let mut peer = Peer::live();
    let history = peer.history(1);
    peer.grant(
        Step::QueryMessages,
        json!([echo("m1", "Hi"), piece("r1", 0, "Hel"), piece("r1", 1, "lo"), piece("r1", -1, "!")]),
    );
    assert_eq!(texts(&peer, history), ["avatar: Hello!"]);
    let Ok(Outcome::History(messages)) = peer.result(history) else { unreachable!() };
    let before = messages[0].seq_id.clone();
    let deadline = limits::HISTORY_DEADLINE;
    let history = peer.command(Command::History { conversation: FIRST, before, limit: 5, deadline });
    assert!(peer.requests[0].path.ends_with("direction=backward&seqId=r1%2F0"), "{}", peer.requests[0].path);
    // Nor does a page that ends with the frame that was named bring it again.
    peer.grant(Step::QueryMessages, json!([echo("m1", "Hi"), piece("r1", 0, "Hel")]));
    peer.grant(Step::QueryMessages, json!([]));
    assert_eq!(texts(&peer, history), ["visitor: Hi"]);
}

#[test]
fn history_ends_where_the_session_begins() {
    let mut peer = Peer::live();
    let history = peer.history(50);
    peer.grant(Step::QueryMessages, json!({"list": [echo("m1", "Hi")]}));
    peer.grant(Step::QueryMessages, json!([]));
    assert_eq!(texts(&peer, history), ["visitor: Hi"]);
}

#[test]
fn a_service_without_history_says_so_and_a_history_s_deadline_is_kept() {
    let mut peer = Peer::live();
    let history = peer.history(5);
    peer.refuse(Step::QueryMessages, 404, "request.path.not.found");
    assert_eq!(
        (peer.error(history).kind(), peer.error(history).code()),
        (ErrorKind::Unsupported, Some("request.path.not.found"))
    );
    let history = peer.history(5);
    for _ in 0..4 {
        peer.pass(limits::HISTORY_DEADLINE / 4 - MILLI);
        assert!(peer.is_waiting(history));
    }
    peer.pass(4 * MILLI);
    assert_eq!(peer.error(history).kind(), ErrorKind::Deadline);
    let cancelled = peer.history(5);
    peer.cancel(cancelled);
    assert!(!peer.asks(Step::QueryMessages));
}

#[test]
fn a_rate_limited_look_back_that_cannot_wait_that_long_fails_at_once() {
    let mut peer = Peer::live();
    let history = peer.history(5);
    peer.refuse(Step::QueryMessages, 429, "open.api.rate.limited");
    assert!(peer.is_waiting(history), "five seconds are soon over");
    let call = loop {
        if peer.asks(Step::QueryMessages) {
            break peer.take(Step::QueryMessages).call;
        }
        peer.pass(Duration::from_millis(100));
    };
    let body = json!({"code": 429, "message": "open.api.rate.limited"}).to_string().into();
    let retry_after = Some(limits::HISTORY_DEADLINE);
    peer.input(Input::HttpAnswer { call, status: 429, retry_after, body });
    assert_eq!(peer.error(history).kind(), ErrorKind::RateLimited);
}

#[test]
fn what_waits_and_came_before_what_was_found_is_told_before_it_where_the_search_ends_short() {
    let mut first = Peer::live();
    first.close(false);
    let mut peer = Peer::with(Config::default(), Some(first.machine.record()));
    peer.open(FIRST);
    let data = peer.page(Step::CreateSocket);
    peer.grant(Step::CreateSocket, data);
    peer.up();
    assert!(
        peer.requests[0].path.contains("/message/latest"),
        "no frame has been seen: {:?}",
        peer.requests[0].path
    );
    let frames = [owner("s0", "Before"), piece("r1", 0, "Hi "), piece("r1", 1, "there"), piece("r1", 2, "!")];
    frames.iter().for_each(|frame| peer.frame(frame.clone()));
    peer.grant(Step::QueryMessages, json!(frames[1..]));
    peer.refuse(Step::QueryMessages, 200, "visitor.call.not.available");
    let told: Vec<_> = peer
        .kinds()
        .filter_map(|kind| match kind {
            EventKind::OwnerReply(reply) => Some(reply.text.as_str().to_owned()),
            EventKind::ReplyDelta { text, .. } => Some(text.as_str().to_owned()),
            _ => None,
        })
        .collect();
    let cursor = peer.machine.record().session.unwrap().last_seq.unwrap();
    assert_eq!(told, ["Before", "Hi ", "there", "!"]);
    assert_eq!(cursor.as_str(), "r1/2", "the next run goes on behind the last one");
}
