//! The life of a machine: its token, its link, its gaps, its rest and its end.

#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is told.

mod support;

use std::time::Duration;

use secondme_avatar_protocol::{
    CallId, CloseReason, Command, ConversationKey, ErrorKind, Event, EventKind, Generation, Input, Misuse,
    Outcome, Raw, State, Step, Text, Ticket, limits,
};
use serde_json::{Value, json};

use support::{BEGINNING, FIRST, Peer, SECOND, WS, broken, owner, piece};

const MILLI: Duration = Duration::from_millis(1);

/// An opening whose authentication has been granted by the quota.
fn opening() -> (Peer, Ticket) {
    let mut peer = Peer::new();
    let open = peer.open(FIRST);
    let call = peer.quota.pop().unwrap();
    peer.input(Input::QuotaGranted(call));
    (peer, open)
}

fn page(peer: &mut Peer, step: Step) {
    let data = peer.page(step);
    peer.grant(step, data);
}

fn authenticate(peer: &mut Peer) {
    let call = peer.quota.pop().expect("it wants another token");
    peer.input(Input::QuotaGranted(call));
    page(peer, Step::Authenticate);
}

/// A machine made again from the record of one that was open.
fn resumed() -> (Peer, Ticket) {
    let record = {
        let mut peer = Peer::live();
        peer.frame(piece("r0", -1, "Hello"));
        peer.machine.record()
    };
    let mut peer = Peer::with(secondme_avatar_protocol::Config::default(), Some(record));
    let open = peer.open(FIRST);
    (peer, open)
}

fn said(events: &[EventKind]) -> Vec<String> {
    let said = |kind: &EventKind| match kind {
        EventKind::Reply(reply) | EventKind::OwnerReply(reply) => Some(reply.text.to_string()),
        EventKind::Delivered { text, .. } => Some(format!("echo {text}")),
        EventKind::Reconnected { gap } => Some(format!("{gap:?}")),
        EventKind::Disconnected { .. } => Some("lost".to_owned()),
        EventKind::Opened { .. } => Some("open".to_owned()),
        EventKind::Closed { .. } => Some("closed".to_owned()),
        _ => None,
    };
    events.iter().filter_map(said).collect()
}

fn reconnect(peer: &mut Peer) {
    while !peer.asks(Step::CreateSocket) {
        peer.pass(Duration::from_millis(50));
    }
    page(peer, Step::CreateSocket);
    peer.up();
}

// Opening

#[test]
fn nothing_is_done_before_something_is_wanted() {
    let mut peer = Peer::new();
    for input in [Input::Tick, Input::Reading(false), Input::Reading(true)] {
        peer.input(input);
    }
    for command in [Command::NetworkChanged, Command::Pause, Command::Resume] {
        peer.command(command);
    }
    assert!(peer.quota.is_empty() && peer.requests.is_empty() && peer.machine.next_deadline().is_none());
}

#[test]
fn calls_that_do_not_need_each_other_go_out_side_by_side() {
    let (mut peer, _) = opening();
    page(&mut peer, Step::Authenticate);
    let steps: Vec<_> = peer.requests.iter().map(|request| request.step).collect();
    assert_eq!(steps, [Step::InitChat, Step::ResolveAvatar, Step::CreateSocket]);
}

#[test]
fn answers_may_come_in_any_order() {
    for order in [
        [Step::InitChat, Step::CreateSocket, Step::ResolveAvatar],
        [Step::ResolveAvatar, Step::CreateSocket, Step::InitChat],
        [Step::CreateSocket, Step::InitChat, Step::ResolveAvatar],
    ] {
        let (mut peer, open) = opening();
        page(&mut peer, Step::Authenticate);
        for step in order {
            page(&mut peer, step);
        }
        peer.serve();
        assert!(matches!(peer.result(open), Ok(Outcome::Opened { resumed: false, .. })));
    }
}

#[test]
fn whoever_opens_what_is_being_opened_joins() {
    let (mut peer, first) = opening();
    let second = peer.open(FIRST);
    peer.serve();
    let third = peer.open(FIRST);
    for open in [first, second, third] {
        assert!(matches!(peer.result(open), Ok(Outcome::Opened { .. })));
    }
    assert_eq!(peer.machine.counters().authentications, 1);
    assert_eq!(said(&peer.happened()), ["open"]);
}

#[test]
fn an_opening_s_deadline_is_kept_to_the_millisecond_and_the_later_one_still_waits() {
    let (mut peer, first) = opening();
    peer.pass(Duration::from_secs(10));
    let second = peer.open(FIRST);
    peer.pass(limits::OPEN_DEADLINE - Duration::from_secs(10) - MILLI);
    assert!(peer.is_waiting(first));
    peer.pass(MILLI);
    assert_eq!(peer.error(first).kind(), ErrorKind::Deadline);
    assert!(peer.is_waiting(second) && !peer.machine.is_closed());
    peer.pass(Duration::from_secs(10));
    assert_eq!(peer.error(second).kind(), ErrorKind::Deadline);
    assert!(peer.machine.is_closed() && peer.machine.next_deadline().is_none());
}

#[test]
fn the_deadline_s_error_says_what_stood_in_the_way() {
    let (mut peer, open) = opening();
    page(&mut peer, Step::Authenticate);
    for _ in 0..100 {
        if peer.asks(Step::InitChat) {
            peer.refuse(Step::InitChat, 503, "busy.now");
        }
        peer.pass(Duration::from_secs(1));
    }
    let error = peer.error(open);
    assert_eq!(
        (error.kind(), error.step(), error.code()),
        (ErrorKind::Deadline, Some(Step::InitChat), Some("busy.now"))
    );
}

#[test]
fn an_opening_that_nobody_waits_for_any_more_is_given_up() {
    let (mut peer, first) = opening();
    let second = peer.open(FIRST);
    peer.cancel(first);
    assert!(peer.asks(Step::Authenticate));
    peer.cancel(second);
    assert!(peer.machine.is_closed() && peer.requests.is_empty());
}

#[test]
fn closing_while_opening_gives_the_opening_up() {
    let (mut peer, open) = opening();
    let close = peer.close(true);
    assert_eq!(peer.error(open).kind(), ErrorKind::Closed);
    assert!(matches!(peer.result(close), Ok(Outcome::Closed)));
    assert!(peer.machine.is_closed() && peer.requests.is_empty() && peer.quota.is_empty());
}

#[test]
fn an_answer_of_a_foreign_form_is_asked_for_three_times() {
    let (mut peer, open) = opening();
    for _ in 0..limits::MALFORMED_ANSWER_ATTEMPTS {
        peer.reply(Step::Authenticate, 200, "<html>A hotel's welcome page</html>");
        peer.pass(Duration::from_secs(2));
        if let Some(call) = peer.quota.pop() {
            peer.input(Input::QuotaGranted(call));
        }
    }
    assert_eq!(peer.error(open).kind(), ErrorKind::InvalidAnswer);
    assert!(peer.machine.is_closed());
}

// The token

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

// Facts and their lifetimes

#[test]
fn a_context_older_than_ten_minutes_is_asked_for_again_before_a_session_is_made() {
    let mut peer = Peer::live();
    peer.pass(limits::CONTEXT_LIFETIME - MILLI);
    peer.open(SECOND);
    assert!(peer.asks(Step::CreateSession) && !peer.asks(Step::InitChat));
    peer.refuse(Step::CreateSession, 503, "busy.now");
    peer.pass(limits::BACKOFF_FIRST);
    assert!(
        peer.asks(Step::InitChat) && !peer.asks(Step::CreateSession),
        "it expired while the session waited"
    );
    peer.serve();
    assert_eq!(peer.machine.state(SECOND), State::Live);
}

#[test]
fn a_session_refused_for_a_context_dropped_early_is_asked_for_once_more_with_a_fresh_one() {
    let (mut peer, open) = opening();
    page(&mut peer, Step::Authenticate);
    page(&mut peer, Step::InitChat);
    peer.refuse(Step::CreateSession, 200, "chat.context.expired");
    page(&mut peer, Step::InitChat);
    peer.pass(limits::BACKOFF_FIRST);
    peer.refuse(Step::CreateSession, 200, "chat.context.expired");
    assert_eq!(
        (peer.error(open).step(), peer.error(open).code()),
        (Some(Step::CreateSession), Some("chat.context.expired"))
    );
}

#[test]
fn an_address_is_connected_to_at_once_and_used_once() {
    let (mut peer, _) = opening();
    page(&mut peer, Step::Authenticate);
    page(&mut peer, Step::CreateSocket);
    assert_eq!(peer.opened.len(), 1);
    let generation = peer.generation();
    peer.input(Input::SocketFailed { generation, status: Some(410), error: broken() });
    peer.pass(limits::BACKOFF_FIRST);
    assert!(peer.asks(Step::CreateSocket));
}

#[test]
fn a_session_that_cannot_be_bound_is_not_taken_up_again() {
    let (mut peer, _) = opening();
    page(&mut peer, Step::Authenticate);
    for step in [Step::InitChat, Step::ResolveAvatar, Step::CreateSession] {
        page(&mut peer, step);
    }
    peer.refuse(Step::BindSession, 200, "some.new.code");
    assert_eq!(peer.machine.record().session, None);
}

// The link

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
fn silence_does_not_kill_while_nobody_reads() {
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
fn answers_to_calls_that_nobody_made_or_that_came_back_already_are_dropped() {
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

/// When the next attempt is made, and what the loss is put down to.
fn lost(peer: &mut Peer) -> (Duration, String) {
    let lost = peer.happened().into_iter().find_map(|kind| match kind {
        EventKind::Disconnected { retry_in, cause } => Some((retry_in, cause.to_string())),
        _ => None,
    });
    lost.expect("it says that the link is lost")
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
fn an_attempt_to_connect_waits_for_its_turn_where_turns_are_given_out() {
    let config = secondme_avatar_protocol::Config { takes_turns: true, ..Default::default() };
    let mut peer = Peer::with(config, None);
    let open = peer.open(FIRST);
    authenticate(&mut peer);
    assert_eq!(peer.turns, 1);
    for step in [Step::InitChat, Step::ResolveAvatar, Step::CreateSession, Step::BindSession] {
        page(&mut peer, step);
    }
    peer.pass(limits::BACKOFF_FIRST);
    assert!(!peer.asks(Step::CreateSocket) && peer.turns == 1, "it is asked for once");
    peer.input(Input::Turn);
    assert!(peer.asks(Step::CreateSocket) && peer.machine.is_connecting());
    page(&mut peer, Step::CreateSocket);
    peer.up();
    assert!(peer.result(open).is_ok() && !peer.machine.is_connecting());
    // The next attempt needs another one, and a turn that comes too late is over at once.
    peer.lose();
    peer.pass(limits::BACKOFF_FIRST);
    assert_eq!(peer.turns, 2);
    peer.command(Command::Pause);
    peer.input(Input::Turn);
    assert!(!peer.asks(Step::CreateSocket) && !peer.machine.is_connecting());
    peer.command(Command::Resume);
    assert_eq!(peer.turns, 3);
    peer.input(Input::Turn);
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

// Gaps

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
fn a_gap_after_frames_without_a_name_is_unknown_because_nobody_could_tell_what_is_new() {
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

// Rest

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
fn whoever_waits_when_it_goes_to_rest_is_answered_at_the_deadline() {
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

// The end

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

// Misuse

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

// The quota

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

// Calls that need the link

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
