//! Opening a conversation, and the facts that it needs.

use std::time::Duration;

use secondme_avatar_protocol::{Command, ErrorKind, Input, Outcome, State, Step, limits};

use crate::helpers::{MILLI, opening, page, said};
use crate::support::{FIRST, Peer, SECOND, broken};

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
fn an_opening_of_what_is_being_opened_joins() {
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
fn an_opening_without_a_waiting_caller_is_given_up() {
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
