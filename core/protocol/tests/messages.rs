//! A message's way out and its answer's way in, with every loss that can happen between.

#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is told.

mod support;

use std::time::Duration;

use secondme_avatar_protocol::{
    Author, Command, Config, Confirmation, Delivery, ErrorKind, EventKind, Input, Outcome, Output, State,
    Step, Text, Ticket, limits,
};
use serde_json::{Value, json};

use support::{FIRST, Peer, echo, hint, owner, piece};

const MILLI: Duration = Duration::from_millis(1);

fn confirmation(peer: &Peer, ticket: Ticket) -> Confirmation {
    match peer.result(ticket) {
        Ok(Outcome::Sent(sent)) => sent.confirmed_by,
        other => panic!("not sent: {other:?}"),
    }
}

#[track_caller]
fn assert_unsent(peer: &Peer, ticket: Ticket, text: &str, certain: bool) {
    let unsent = peer.error(ticket).unsent().expect("the text is handed back");
    assert_eq!((unsent.text.as_str(), unsent.certain), (text, certain));
}

fn resending() -> Peer {
    Peer::live_with(Config { delivery: Delivery::AtLeastOnce, ..Config::default() })
}

fn quick_ask(peer: &mut Peer, first_piece: Duration, deadline: Duration) -> Ticket {
    peer.command(Command::Ask {
        conversation: FIRST,
        text: Text::from("Hi?"),
        deadline,
        first_piece,
        pieces: true,
    })
}

/// Asks for the whole reply, and not for its pieces.
fn whole_ask(peer: &mut Peer, text: &str, deadline: Duration) -> Ticket {
    let (text, first_piece) = (Text::from(text), limits::FIRST_PIECE);
    peer.command(Command::Ask { conversation: FIRST, text, deadline, first_piece, pieces: false })
}

#[test]
fn messages_go_out_one_after_the_other_in_order() {
    let mut peer = Peer::live();
    let (one, two) = (peer.send("one"), peer.send("two"));
    assert_eq!(peer.requests.len(), 1);
    peer.grant(Step::SendMessage, Value::Null);
    assert_eq!(confirmation(&peer, one), Confirmation::Answer);
    assert!(peer.is_waiting(two));
    peer.grant(Step::SendMessage, Value::Null);
    assert_eq!(confirmation(&peer, two), Confirmation::Answer);
}

#[test]
fn a_message_waits_while_the_link_is_down_and_goes_out_when_it_is_back() {
    let mut peer = Peer::live();
    peer.lose();
    let send = peer.send("Hello");
    assert!(!peer.asks(Step::SendMessage));
    peer.pass(limits::BACKOFF_FIRST);
    peer.serve();
    assert_eq!(confirmation(&peer, send), Confirmation::Answer);
}

#[test]
fn a_message_that_never_left_goes_out_again_under_its_id() {
    let mut peer = Peer::live();
    let send = peer.send("Hello");
    let id = peer.message_id();
    peer.fail(Step::SendMessage, false);
    peer.pass(limits::BACKOFF_FIRST);
    assert_eq!(peer.message_id(), id);
    peer.grant(Step::SendMessage, Value::Null);
    assert_eq!(confirmation(&peer, send), Confirmation::Answer);
}

#[test]
fn a_question_that_never_left_goes_out_again_and_is_answered_once() {
    let mut peer = Peer::live();
    let ask = peer.ask("Hello?");
    peer.fail(Step::SendMessage, false);
    peer.pass(limits::BACKOFF_FIRST);
    peer.grant(Step::SendMessage, Value::Null);
    peer.piece("r1", -1, "Hi");
    assert_eq!(peer.replied(ask), "Hi");
}

#[test]
fn an_echo_confirms_a_message_whose_answer_was_lost() {
    let mut peer = Peer::live();
    let send = peer.send("Hello");
    let id = peer.message_id();
    peer.fail(Step::SendMessage, true);
    assert!(peer.is_waiting(send));
    peer.frame(echo(&id, "Hello"));
    assert_eq!(confirmation(&peer, send), Confirmation::Echo);
    peer.pass(Duration::from_secs(60));
    assert!(!peer.asks(Step::SendMessage), "it is not sent again");
}

#[test]
fn an_echo_before_the_answer_confirms_and_the_answer_adds_nothing() {
    let mut peer = Peer::live();
    let send = peer.send("Hello");
    peer.frame(echo(&peer.message_id(), "Hello"));
    assert_eq!(confirmation(&peer, send), Confirmation::Echo);
    let mut other = Peer::live();
    other.send("Hello");
    other.frame(echo(&other.message_id(), "Hello"));
    peer.grant(Step::SendMessage, Value::Null);
    other.fail(Step::SendMessage, true);
    peer.pass(Duration::from_secs(20));
    other.pass(Duration::from_secs(20));
    assert!(!peer.asks(Step::SendMessage) && !other.asks(Step::SendMessage));
}

#[test]
fn a_query_confirms_a_message_that_neither_answer_nor_echo_has_confirmed() {
    let mut peer = Peer::live();
    peer.frame(piece("r0", -1, "Hello"));
    let send = peer.send("Hello");
    let id = peer.message_id();
    peer.fail(Step::SendMessage, true);
    peer.pass(limits::CONFIRMATION_WAIT);
    assert!(peer.requests[0].path.contains("direction=forward&seqId=r0%2F-1"), "{}", peer.requests[0].path);
    peer.grant(Step::QueryMessages, json!([echo(&id, "Hello")]));
    assert_eq!(confirmation(&peer, send), Confirmation::Query);
    assert!(
        peer.happened().iter().all(|kind| !matches!(kind, EventKind::Reconnected { .. })),
        "nothing was lost"
    );
}

#[test]
fn the_reply_to_a_question_proves_that_it_was_taken() {
    let mut peer = Peer::live();
    let ask = peer.ask("Hello?");
    peer.fail(Step::SendMessage, true);
    peer.piece("r1", -1, "Hi");
    assert_eq!(peer.replied(ask), "Hi");
    peer.pass(Duration::from_secs(30));
    assert!(!peer.asks(Step::SendMessage));
}

#[test]
fn a_doubt_that_nothing_settles_hands_the_text_back_as_uncertain() {
    let mut peer = Peer::live();
    let send = peer.send("Hello");
    peer.fail(Step::SendMessage, true);
    peer.pass(limits::CONFIRMATION_WAIT);
    peer.reply(Step::QueryMessages, 404, "");
    peer.pass(limits::CONFIRMATION_WAIT);
    assert_unsent(&peer, send, "Hello", false);
    assert_eq!(peer.error(send).step(), Some(Step::SendMessage));
}

#[test]
fn a_doubt_that_nothing_settles_is_sent_again_under_its_id_where_the_caller_wants_that() {
    let mut peer = resending();
    let send = peer.send("Hello");
    let id = peer.message_id();
    peer.fail(Step::SendMessage, true);
    peer.pass(limits::CONFIRMATION_WAIT);
    peer.grant(Step::QueryMessages, json!([]));
    peer.pass(limits::CONFIRMATION_WAIT);
    assert_eq!(peer.message_id(), id);
    peer.grant(Step::SendMessage, Value::Null);
    assert_eq!(confirmation(&peer, send), Confirmation::Answer);
}

#[test]
fn a_question_in_doubt_is_sent_again_and_answered_once() {
    let mut peer = resending();
    let ask = peer.ask("Hello?");
    peer.fail(Step::SendMessage, true);
    peer.pass(limits::CONFIRMATION_WAIT);
    peer.grant(Step::QueryMessages, json!([]));
    peer.pass(limits::CONFIRMATION_WAIT);
    peer.grant(Step::SendMessage, Value::Null);
    peer.piece("r1", -1, "Hi");
    assert_eq!(peer.replied(ask), "Hi");
}

#[test]
fn a_doubt_lasts_while_the_link_is_down_and_while_the_gap_is_being_filled() {
    let mut peer = Peer::live();
    peer.frame(piece("r0", -1, "Hello"));
    let send = peer.send("Hello");
    let id = peer.message_id();
    peer.lose();
    peer.fail(Step::SendMessage, true);
    peer.pass(limits::CONFIRMATION_WAIT * 2);
    assert!(peer.is_waiting(send), "over a dead link no echo can come");
    peer.grant(Step::CreateSocket, json!({"wsId": "ws:2", "address": "wss://avatar.test/ws"}));
    peer.up();
    assert!(peer.asks(Step::QueryMessages));
    peer.pass(limits::CONFIRMATION_WAIT + MILLI);
    assert!(peer.is_waiting(send), "the query is still under way");
    peer.grant(Step::QueryMessages, json!([echo(&id, "Hello")]));
    assert_eq!(confirmation(&peer, send), Confirmation::Query);
}

#[test]
fn a_send_s_deadline_is_kept_to_the_millisecond_and_says_whether_it_may_have_been_taken() {
    let mut peer = Peer::live();
    peer.lose();
    let waiting = peer.send("queued");
    peer.pass(limits::SEND_DEADLINE - MILLI);
    assert!(peer.is_waiting(waiting));
    peer.pass(MILLI);
    assert_eq!(peer.error(waiting).kind(), ErrorKind::Deadline);
    assert_unsent(&peer, waiting, "queued", true);

    let mut peer = Peer::live();
    let in_flight = peer.command(Command::Send {
        conversation: FIRST,
        text: "under way".into(),
        deadline: Duration::from_secs(2),
    });
    let call = peer.requests[0].call;
    peer.pass(Duration::from_secs(2));
    assert_unsent(&peer, in_flight, "under way", false);
    assert_eq!(peer.abandoned, [call]);
}

#[test]
fn a_refused_message_is_handed_back_with_the_service_s_code() {
    let mut peer = Peer::live();
    let (refused, next) = (peer.send("too long"), peer.send("next"));
    peer.refuse(Step::SendMessage, 200, "message.length.limit");
    let error = peer.error(refused);
    assert_eq!(
        (error.kind(), error.code(), error.step()),
        (ErrorKind::Refused, Some("message.length.limit"), Some(Step::SendMessage))
    );
    assert_unsent(&peer, refused, "too long", true);
    peer.grant(Step::SendMessage, Value::Null);
    assert_eq!(confirmation(&peer, next), Confirmation::Answer);
}

#[test]
fn a_message_that_a_dead_socket_refused_goes_out_over_the_next_one() {
    let mut peer = Peer::live();
    let send = peer.send("Hello");
    peer.refuse(Step::SendMessage, 410, "ws.gone");
    assert_eq!(peer.closed.len(), 1);
    peer.pass(limits::BACKOFF_FIRST);
    peer.serve();
    assert_eq!(confirmation(&peer, send), Confirmation::Answer);
}

#[test]
fn what_is_said_of_an_older_socket_does_not_bring_the_present_one_down() {
    let mut peer = Peer::live();
    let send = peer.send("Hello");
    peer.lose();
    peer.pass(limits::BACKOFF_FIRST);
    peer.grant(Step::CreateSocket, json!({"wsId": "ws:2", "address": "wss://avatar.test/ws"}));
    peer.up();
    peer.refuse(Step::SendMessage, 410, "ws.gone");
    assert!(peer.machine.is_connected());
    let again = peer.take(Step::SendMessage);
    assert_eq!(support::body(&again)["wsId"], "ws:2");
    assert!(peer.is_waiting(send));
}

#[test]
fn two_questions_are_answered_in_order_and_never_crossed() {
    let mut peer = Peer::live();
    let (one, two) = (peer.ask("one?"), peer.ask("two?"));
    peer.grant(Step::SendMessage, Value::Null);
    assert!(!peer.asks(Step::SendMessage), "the second waits for the answer to the first");
    peer.piece("r1", 0, "On");
    peer.piece("r1", -1, "e");
    assert_eq!(peer.replied(one), "One");
    peer.grant(Step::SendMessage, Value::Null);
    peer.piece("r2", -1, "Two");
    assert_eq!(peer.replied(two), "Two");
    let pieces: Vec<_> = peer.pieces.iter().map(|(ticket, _, text)| (*ticket, text.as_str())).collect();
    assert_eq!(pieces, [(one, "On"), (one, "e"), (two, "Two")]);
}

#[test]
fn the_answers_to_messages_before_a_question_are_not_its_answer() {
    let mut peer = Peer::live();
    peer.send("one");
    peer.grant(Step::SendMessage, Value::Null);
    let ask = peer.ask("two?");
    assert!(!peer.asks(Step::SendMessage), "the reply to the message before may still come");
    peer.piece("r1", -1, "To one");
    assert!(peer.is_waiting(ask));
    peer.grant(Step::SendMessage, Value::Null);
    peer.piece("r2", -1, "To two");
    assert_eq!(peer.replied(ask), "To two");
}

#[test]
fn a_message_passes_a_question_that_waits_for_its_turn() {
    let mut peer = Peer::live();
    let one = peer.ask("one?");
    peer.grant(Step::SendMessage, Value::Null);
    let (two, plain) = (peer.ask("two?"), peer.send("plain"));
    peer.grant(Step::SendMessage, Value::Null);
    assert_eq!(confirmation(&peer, plain), Confirmation::Answer);
    peer.piece("r1", -1, "One");
    assert_eq!(peer.replied(one), "One");
    assert!(peer.is_waiting(two));
}

#[test]
fn the_owner_answers_a_question_in_person() {
    let mut peer = Peer::live();
    let ask = peer.ask("Hello?");
    peer.grant(Step::SendMessage, Value::Null);
    peer.frame(owner("o1", "It is me"));
    assert_eq!(peer.replied(ask), "It is me");
    assert_eq!(peer.pieces, [(ask, Author::Owner, Text::from("It is me"))]);
}

#[test]
fn what_the_owner_says_before_a_question_was_taken_does_not_answer_it() {
    let mut peer = Peer::live();
    let ask = peer.ask("Hello?");
    peer.frame(owner("o1", "By the way"));
    assert!(peer.is_waiting(ask));
    peer.fail(Step::SendMessage, false);
    peer.pass(limits::BACKOFF_FIRST);
    peer.grant(Step::SendMessage, Value::Null);
    peer.piece("r1", -1, "Hi");
    assert_eq!(peer.replied(ask), "Hi");
}

#[test]
fn a_takeover_in_the_middle_of_a_streamed_reply_leaves_the_reply_to_its_question() {
    let mut peer = Peer::live();
    let ask = peer.ask("Hello?");
    peer.grant(Step::SendMessage, Value::Null);
    peer.piece("r1", 0, "Hel");
    peer.frame(owner("o1", "I take over"));
    assert!(peer.is_waiting(ask));
    peer.piece("r1", -1, "lo");
    assert_eq!(peer.replied(ask), "Hello");
}

#[test]
fn a_question_waits_so_long_for_the_first_piece_and_not_a_millisecond_longer() {
    let mut peer = Peer::live();
    let ask = quick_ask(&mut peer, Duration::from_secs(5), limits::ASK_DEADLINE);
    peer.pass(Duration::from_secs(8));
    assert!(peer.is_waiting(ask), "the wait begins when the service has taken the message");
    peer.grant(Step::SendMessage, Value::Null);
    peer.pass(Duration::from_secs(5) - MILLI);
    assert!(peer.is_waiting(ask));
    peer.pass(MILLI);
    assert_eq!(peer.error(ask).kind(), ErrorKind::Deadline);
    assert!(peer.error(ask).unsent().is_none(), "it was sent");
}

#[test]
fn a_question_whose_answer_began_fails_at_its_deadline_and_the_reply_still_comes() {
    let mut peer = Peer::live();
    let ask = quick_ask(&mut peer, limits::FIRST_PIECE, Duration::from_secs(4));
    peer.grant(Step::SendMessage, Value::Null);
    peer.pass(Duration::from_secs(2));
    peer.piece("r1", 0, "Hel");
    peer.pass(Duration::from_secs(2));
    assert_eq!(peer.error(ask).kind(), ErrorKind::Deadline);
    peer.piece("r1", -1, "lo");
    assert!(
        peer.happened().iter().any(|kind| matches!(kind, EventKind::Reply(reply) if reply.text == "Hello"))
    );
}

#[test]
fn a_slow_send_and_a_short_first_piece_answer_a_question_once() {
    let mut peer = Peer::live();
    let ask = quick_ask(&mut peer, Duration::from_secs(1), limits::ASK_DEADLINE);
    peer.pass(limits::CALL_TIMEOUT + limits::CONFIRMATION_WAIT);
    peer.fail(Step::QueryMessages, false);
    peer.pass(limits::ASK_DEADLINE);
    assert_unsent(&peer, ask, "Hi?", false);
}

#[test]
fn closing_with_a_question_under_way_answers_it_once() {
    let mut peer = Peer::live();
    let ask = peer.ask("Hello?");
    let close = peer.close(false);
    peer.pass(limits::CLOSE_DEADLINE);
    assert_unsent(&peer, ask, "Hello?", false);
    assert!(matches!(peer.result(close), Ok(Outcome::Closed)));
}

#[test]
fn a_reply_that_confirms_the_last_message_of_a_closing_conversation_is_delivered() {
    let mut peer = Peer::live();
    let ask = peer.ask("Hello?");
    let close = peer.close(false);
    peer.piece("r1", -1, "Hi");
    assert_eq!(peer.replied(ask), "Hi");
    assert!(matches!(peer.result(close), Ok(Outcome::Closed)));
    let kinds = peer.happened();
    assert!(kinds.iter().any(|kind| matches!(kind, EventKind::Reply(reply) if reply.text == "Hi")));
    assert!(matches!(kinds.last(), Some(EventKind::Closed { .. })));
}

#[test]
fn a_failure_over_the_socket_answers_the_message_it_names() {
    let mut peer = Peer::live();
    let ask = peer.ask("Hello?");
    let id = peer.message_id();
    peer.grant(Step::SendMessage, Value::Null);
    peer.frame(json!({"type": "sys", "subCode": "package.turn.exhaustion", "subCodeReason": "used up",
        "subCodeActions": [{"action": "buy"}], "messageId": id, "sessionId": "your-session-id"}));
    assert_eq!(peer.error(ask).code(), Some("package.turn.exhaustion"));
    let [EventKind::ServiceError(error)] = &peer.happened()[..] else { panic!() };
    assert_eq!(error.reason.as_deref(), Some("used up"));
    assert_eq!((&error.actions[0]["action"], error.retryable), (&json!("buy"), false));
    assert_eq!(error.message_id.as_ref().unwrap().as_str(), id);
}

#[test]
fn a_known_failure_that_names_no_message_answers_the_question_that_waits() {
    let mut peer = Peer::live();
    let ask = peer.ask("Hello?");
    peer.grant(Step::SendMessage, Value::Null);
    peer.frame(json!({"type": "sys", "subCode": "a.code.of.the.future"}));
    assert!(peer.is_waiting(ask), "an unknown failure may be about anything");
    peer.frame(json!({"type": "sys", "subCode": "session.openai.error"}));
    assert_eq!(peer.error(ask).code(), Some("session.openai.error"));
    assert!(peer.error(ask).is_retryable());
}

#[test]
fn a_message_cancelled_before_it_went_out_never_goes_out() {
    let mut peer = Peer::live();
    let (first, second) = (peer.send("one"), peer.send("two"));
    peer.cancel(second);
    peer.grant(Step::SendMessage, Value::Null);
    assert_eq!(confirmation(&peer, first), Confirmation::Answer);
    assert!(!peer.asks(Step::SendMessage) && peer.is_waiting(second));
}

#[test]
fn a_message_cancelled_before_its_call_was_polled_does_not_go_out_and_leaves_no_turn() {
    let mut peer = Peer::live();
    let calls = peer.machine.counters().calls;
    for pieces in [false, true] {
        let ask = Command::Ask {
            conversation: FIRST,
            text: "never mind".into(),
            deadline: Duration::from_secs(120),
            first_piece: Duration::from_secs(60),
            pieces,
        };
        let ticket = peer.machine.command(peer.now, ask).unwrap();
        assert!(peer.machine.outputs() > 0, "its call has begun");
        peer.cancel(ticket);
        assert!(!peer.asks(Step::SendMessage) && peer.machine.counters().calls == calls);
    }
    // The next question waits for nothing.
    let next = peer.ask("but this");
    peer.grant(Step::SendMessage, Value::Null);
    peer.piece("r1", -1, "Yes");
    assert!(matches!(peer.result(next), Ok(Outcome::Replied(reply)) if reply.text == "Yes"));
}

#[test]
fn a_message_cancelled_on_its_way_goes_on_and_a_question_s_reply_is_still_an_event() {
    let mut peer = Peer::live();
    let ask = peer.ask("Hello?");
    peer.cancel(ask);
    peer.grant(Step::SendMessage, Value::Null);
    peer.piece("r1", -1, "Hi");
    assert!(peer.is_waiting(ask) && peer.pieces.is_empty());
    assert!(peer.happened().iter().any(|kind| matches!(kind, EventKind::Reply(_))));
}

#[test]
fn cancelling_what_a_closing_conversation_waits_for_lets_it_close() {
    let mut peer = Peer::live();
    peer.lose();
    let send = peer.send("Hello");
    let close = peer.close(false);
    assert_eq!(peer.machine.state(FIRST), State::Closing);
    peer.cancel(send);
    assert!(matches!(peer.result(close), Ok(Outcome::Closed)));
}

#[test]
fn an_answer_that_is_no_envelope_leaves_a_message_in_doubt() {
    let mut peer = Peer::live();
    let send = peer.send("Hello");
    let id = peer.message_id();
    peer.reply(Step::SendMessage, 502, "<html>");
    peer.frame(echo(&id, "Hello"));
    assert_eq!(confirmation(&peer, send), Confirmation::Echo);
}

#[test]
fn a_service_that_is_asked_too_often_makes_one_message_wait_and_nobody_else() {
    let mut peer = Peer::live();
    let send = peer.send("Hello");
    peer.refuse(Step::SendMessage, 429, "session.message.exceedQPSLimit");
    assert!(peer.used_up.is_empty(), "the key's quota is another matter");
    peer.pass(limits::RATE_LIMIT_WAIT + limits::BACKOFF_FIRST);
    peer.grant(Step::SendMessage, Value::Null);
    assert_eq!(confirmation(&peer, send), Confirmation::Answer);
}

#[test]
fn a_message_that_would_have_to_wait_beyond_its_deadline_fails_now_and_says_how_long() {
    let mut peer = Peer::live();
    let send = peer.send("Hello");
    let call = peer.take(Step::SendMessage).call;
    let body = json!({"code": "open.api.rate.limited"}).to_string().into();
    let retry_after = Some(Duration::from_secs(40));
    peer.input(Input::HttpAnswer { call, status: 200, retry_after, body });
    assert_eq!(
        (peer.error(send).kind(), peer.error(send).retry_after()),
        (ErrorKind::RateLimited, retry_after)
    );
    assert_unsent(&peer, send, "Hello", true);
}

/// A peer whose service has shown that it echoes a message before it answers it.
fn echoing() -> Peer {
    let mut peer = Peer::live();
    peer.send("first");
    let id = peer.message_id();
    peer.frame(echo(&id, "first"));
    peer.grant(Step::SendMessage, Value::Null);
    peer.piece("r0", -1, "To first");
    peer.happened();
    peer
}

#[test]
fn where_the_service_echoes_a_late_answer_is_not_taken_for_that_of_a_question_not_yet_echoed() {
    let mut peer = echoing();
    let ask = peer.ask("Hello?");
    let id = peer.message_id();
    peer.fail(Step::SendMessage, true);
    peer.piece("r1", -1, "To something else");
    assert!(peer.is_waiting(ask), "it does not even prove that the question was taken");
    peer.frame(echo(&id, "Hello?"));
    peer.piece("r2", -1, "Hi");
    assert_eq!(peer.replied(ask), "Hi");
}

#[test]
fn the_answer_to_a_message_that_was_handed_back_is_not_taken_for_the_next_one_s() {
    let mut peer = echoing();
    let first = peer.ask("One?");
    let id = peer.message_id();
    peer.fail(Step::SendMessage, true);
    peer.pass(limits::CONFIRMATION_WAIT);
    peer.refuse(Step::QueryMessages, 200, "not.offered");
    peer.pass(limits::CONFIRMATION_WAIT);
    assert_unsent(&peer, first, "One?", false);

    let second = peer.ask("Two?");
    let other = peer.message_id();
    peer.frame(echo(&id, "One?"));
    peer.frame(echo(&other, "Two?"));
    peer.piece("r1", -1, "One");
    assert!(peer.is_waiting(second));
    peer.piece("r2", -1, "Two");
    assert_eq!(peer.replied(second), "Two");
}

#[test]
fn a_service_that_echoes_after_its_answer_is_believed_without_an_echo_from_then_on() {
    let mut peer = echoing();
    let one = peer.ask("One?");
    let id = peer.message_id();
    peer.grant(Step::SendMessage, Value::Null);
    peer.piece("r1", -1, "To nobody, as it seems");
    assert!(peer.is_waiting(one));
    peer.frame(echo(&id, "One?"));
    peer.piece("r2", -1, "One");
    assert_eq!(peer.replied(one), "One");

    let mut late = Peer::live();
    for text in ["one", "two"] {
        let ask = late.ask(text);
        let id = late.message_id();
        late.grant(Step::SendMessage, Value::Null);
        late.piece(text, -1, text);
        assert_eq!(late.replied(ask), text);
        late.frame(echo(&id, text));
    }
}

#[test]
fn a_message_that_was_taken_and_of_which_nothing_comes_is_asked_for() {
    let mut peer = echoing();
    let ask = peer.ask("Hello?");
    let id = peer.message_id();
    peer.grant(Step::SendMessage, Value::Null);
    peer.pass(limits::CONFIRMATION_WAIT);
    peer.grant(Step::QueryMessages, json!([echo(&id, "Hello?"), piece("r1", 0, "Hel")]));
    assert!(!peer.machine.is_connected(), "a socket that has swallowed an echo is dead");
    while !peer.asks(Step::CreateSocket) {
        peer.pass(Duration::from_millis(50));
    }
    peer.grant(Step::CreateSocket, json!({"wsId": "ws:2", "address": "wss://avatar.test/ws"}));
    peer.up();
    peer.grant(Step::QueryMessages, json!([piece("r1", -1, "lo")]));
    assert_eq!(peer.replied(ask), "Hello");
}

#[test]
fn a_service_without_echoes_is_asked_and_its_socket_is_left_alone() {
    let mut peer = Peer::live();
    let ask = peer.ask("Hello?");
    let id = peer.message_id();
    peer.grant(Step::SendMessage, Value::Null);
    peer.pass(limits::CONFIRMATION_WAIT);
    peer.grant(Step::QueryMessages, json!([echo(&id, "Hello?")]));
    assert!(peer.machine.is_connected());
    peer.piece("r1", -1, "Hi");
    assert_eq!(peer.replied(ask), "Hi");
}

#[test]
fn a_look_that_finds_what_was_lost_long_ago_leaves_the_place_in_the_conversation_where_it_was() {
    let mut peer = Peer::live();
    peer.frame(hint("seq1", "first"));
    peer.send("Hello?");
    let id = peer.message_id();
    peer.grant(Step::SendMessage, Value::Null);
    let newer = hint("seq9", "heard already");
    peer.frame(newer.clone());
    peer.pass(limits::CONFIRMATION_WAIT);
    // What the next run would ask for, after the answer and after each page of it.
    let place = |peer: &Peer| peer.machine.record().session.and_then(|session| session.last_seq);
    peer.grant(Step::QueryMessages, json!([echo(&id, "Hello?"), hint("seq8", "lost")]));
    assert_eq!(place(&peer), Some("seq9".into()));
    peer.grant(Step::QueryMessages, json!([newer, hint("seq10", "lost as well")]));
    assert_eq!(place(&peer), Some("seq10".into()));
}

#[test]
fn a_search_after_a_burst_of_frames_hears_nothing_twice() {
    let mut peer = Peer::live();
    peer.frame(hint("before", "first"));
    peer.send("Hello?");
    peer.grant(Step::SendMessage, Value::Null);
    // So many that not all of them are remembered.
    let burst: Vec<Value> = (0..4 * limits::SEEN_FRAMES)
        .map(|number| hint(&format!("seq{number:05}"), "again and again"))
        .collect();
    burst.iter().for_each(|frame| peer.frame(frame.clone()));
    peer.happened();
    peer.pass(limits::CONFIRMATION_WAIT);
    // The service, with pages of fifty frames and one that was lost at the end.
    let lost = hint("seq99999", "lost");
    let history: Vec<&Value> = burst.iter().chain([&lost]).collect();
    while peer.asks(Step::QueryMessages) {
        let request = peer.requests.iter().find(|request| request.step == Step::QueryMessages).unwrap();
        let since = request.path.split("seqId=").nth(1).unwrap().to_owned();
        let after = |frame: &&&Value| frame["seqId"].as_str().unwrap() > since.as_str();
        let page: Vec<Value> = history.iter().filter(after).take(50).map(|frame| (*frame).clone()).collect();
        assert_ne!(since, "before", "it begins within what is remembered");
        peer.grant(Step::QueryMessages, json!(page));
    }
    let heard = peer.happened();
    let heard = heard.iter().filter(|event| matches!(event, EventKind::Notice { .. })).count();
    assert_eq!(heard, 1, "the one that was lost");
}

#[test]
fn an_answer_that_is_late_is_asked_for_now_and_then_and_not_for_ever() {
    let mut peer = echoing();
    peer.send("Hello");
    let id = peer.message_id();
    peer.frame(echo(&id, "Hello"));
    peer.grant(Step::SendMessage, Value::Null);
    let mut queries = 0;
    for _ in 0..600 {
        peer.pass(Duration::from_secs(1));
        if peer.asks(Step::QueryMessages) {
            queries += 1;
            peer.grant(Step::QueryMessages, json!([]));
        }
    }
    assert_eq!(queries, 2);
}

#[test]
fn a_question_waits_ten_seconds_at_most_for_a_message_that_nobody_answers() {
    let mut peer = Peer::live();
    // The owner has taken over and says nothing.
    peer.send("anybody there?");
    let message = peer.message_id();
    peer.serve();
    peer.frame(echo(&message, "anybody there?"));
    let asked = peer.ask("and now?");
    assert!(!peer.asks(Step::SendMessage), "an answer may still begin");
    peer.pass(limits::HOLDS_QUESTION - MILLI);
    peer.serve();
    assert!(!peer.asks(Step::SendMessage));
    peer.pass(MILLI);
    assert!(peer.asks(Step::SendMessage), "it goes out now");
    let question = peer.message_id();
    peer.serve();
    peer.frame(echo(&question, "and now?"));
    peer.piece("reply", 0, "Here I am");
    peer.piece("reply", -1, "");
    assert_eq!(peer.replied(asked), "Here I am");
}

#[test]
fn a_question_that_is_given_up_holds_the_next_one_no_longer_than_any_message() {
    // Given up on its way, after it was taken, and by its own deadline.
    for given_up in ["on its way", "taken", "late"] {
        let mut peer = Peer::live();
        let asked = match given_up {
            "late" => whole_ask(&mut peer, "anybody there?", Duration::from_secs(2)),
            _ => whole_ask(&mut peer, "anybody there?", limits::ASK_DEADLINE),
        };
        if given_up == "on its way" {
            peer.cancel(asked);
        }
        let message = peer.message_id();
        peer.serve();
        peer.frame(echo(&message, "anybody there?"));
        if given_up == "taken" {
            peer.cancel(asked);
        }
        let next = peer.ask("and now?");
        peer.pass(limits::HOLDS_QUESTION - MILLI);
        peer.serve();
        assert!(!peer.asks(Step::SendMessage), "{given_up}: an answer may still begin");
        peer.pass(MILLI);
        assert!(peer.asks(Step::SendMessage), "{given_up}: it goes out now");
        let question = peer.message_id();
        peer.serve();
        peer.frame(echo(&question, "and now?"));
        peer.piece("reply", -1, "Here I am");
        assert_eq!(peer.replied(next), "Here I am");
    }
}

#[test]
fn an_event_is_there_before_the_answer_that_it_tells_of() {
    let mut peer = Peer::live();
    peer.ask("Hi?");
    peer.serve();
    let generation = peer.generation();
    let last = piece("reply", -1, "Hello").to_string();
    for frame in [piece("reply", 0, "").to_string(), last, owner("seq", "It is me").to_string()] {
        peer.machine.handle(peer.now, Input::SocketFrame { generation, frame: frame.into() });
    }
    let mut order = Vec::new();
    while let Some(output) = peer.machine.poll() {
        match output {
            Output::Event(event) if matches!(event.kind, EventKind::Reply(_)) => order.push("event"),
            Output::Resolved(_, Ok(Outcome::Replied(_))) => order.push("answer"),
            _ => {}
        }
    }
    assert_eq!(order, ["event", "answer"]);
}
