//! What the lives by seed have found, each told again as plainly as it can be.

#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod support;

use std::time::Duration;

use secondme_avatar_emulator::service::Millis as ServiceMillis;
use secondme_avatar_protocol::{Command, EventKind, Outcome, Step, Text, limits};
use secondme_avatar_simulation::{Fate, Settings};

use support::{FIRST, SECOND, live};

#[test]
fn what_came_while_a_conversation_was_closed_is_there_when_it_is_opened_again() {
    let (mut world, ada) = live(Settings::default());
    let ask = world.ask(ada, "Hello");
    world.reply(ada, ask);
    let second = world.open_beside(ada, SECOND);
    world.answer(ada, second).unwrap();
    let session = world.session(ada);
    let close = world.close(ada, false);
    world.answer(ada, close).unwrap();
    // It comes over the socket that the second conversation keeps up.
    let reply = |session_id| secondme_avatar_emulator::service::OwnerAction::Reply {
        session_id,
        text: "Still there?".to_owned(),
    };
    world.with_service(|service, now| service.owner(now, reply(session))).unwrap();
    world.run_for(Duration::from_secs(1));
    world.opened(ada);
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.of(ada).replies().last().unwrap().1, "Still there?");
}

#[test]
fn a_caller_without_patience_does_not_get_the_last_answer_for_the_next_question() {
    let (mut world, ada) = live(Settings::default().reply_delay(ServiceMillis(4_000)));
    let hasty = Command::Ask {
        conversation: FIRST,
        text: Text::from("one"),
        deadline: limits::ASK_DEADLINE,
        first_piece: Duration::from_secs(1),
        pieces: false,
        collect: None,
    };
    let one = world.command(ada, hasty);
    world.answer(ada, one).unwrap_err();
    let two = world.ask(ada, "two");
    assert_eq!(world.reply(ada, two), "You said: two");
}

#[test]
fn the_end_of_a_lost_session_names_it() {
    let (mut world, ada) = live(Settings::default());
    let session = world.session(ada);
    world.network.next(Step::SendMessage, Fate::Answered(200, r#"{"code":"session.not.member"}"#.to_owned()));
    let send = world.send(ada, "Hello");
    world.answer(ada, send).unwrap_err();
    let mut events = world.of(ada).log.events.iter().map(|(_, event)| event);
    let closed = events.find(|event| matches!(event.kind, EventKind::Closed { .. })).unwrap();
    assert_eq!(closed.session_id.as_ref().unwrap().as_str(), session);
    assert!(world.of(ada).machine.record().session.is_none(), "and it is not kept");
}

#[test]
fn the_answer_to_a_message_given_up_in_doubt_is_looked_for() {
    let (mut world, ada) = live(Settings::default());
    let ask = world.ask(ada, "Hello");
    world.reply(ada, ask);
    // The service knows that the socket is gone, takes the message, and pushes its answer to no socket.
    world.half_open(ada);
    world.with_service(|service, now| {
        service.close_sockets(now, None, &secondme_avatar_emulator::service::CloseHow::Abrupt);
    });
    let (text, deadline) = (Text::from("in doubt"), Duration::from_millis(15));
    let send = world.command(ada, Command::Send { conversation: FIRST, text, deadline });
    assert!(!world.answer(ada, send).unwrap_err().unsent().unwrap().certain);
    world.run_for(Duration::from_secs(10));
    assert_eq!(world.of(ada).replies().last().unwrap().1, "You said: in doubt");
    assert!(!matches!(world.of(ada).log.answers[&send].1, Ok(Outcome::Sent(_))));
}
