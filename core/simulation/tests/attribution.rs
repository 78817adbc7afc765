//! Frames that do not name their session, while several sessions of the visitor are open.

#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod support;

use std::time::Duration;

use secondme_avatar_emulator::service::{FrameFields, Millis, OwnerAction, Streaming};
use secondme_avatar_protocol::{
    Attribution, Author, ConversationKey, EventKind, Outcome, Reply, Ticket, limits,
};
use secondme_avatar_simulation::{ClientId, Settings, World};

use support::{FIRST, SECOND};

const WITHOUT_SESSION: [FrameFields; 2] = [FrameFields::Documented, FrameFields::NoSession];

/// A client with two conversations open beside each other.
fn two_sessions(settings: Settings) -> (World, ClientId) {
    let mut world = World::new(settings, 1);
    let ada = world.client("ada");
    world.opened(ada);
    let second = world.open_beside(ada, SECOND);
    assert!(matches!(world.answer(ada, second), Ok(Outcome::Opened { .. })));
    (world, ada)
}

fn replied(world: &mut World, client: ClientId, ask: Ticket) -> Reply {
    match world.answer(client, ask) {
        Ok(Outcome::Replied(reply)) => *reply,
        other => panic!("no reply: {other:?}"),
    }
}

/// The replies that a conversation has heard, in order.
fn heard(world: &World, client: ClientId, conversation: ConversationKey) -> Vec<String> {
    told(world, client, conversation, |kind| match kind {
        EventKind::Reply(reply) | EventKind::OwnerReply(reply) => Some(reply.text.as_str().to_owned()),
        _ => None,
    })
}

/// What the events of a conversation have told.
fn told(
    world: &World,
    client: ClientId,
    conversation: ConversationKey,
    text: impl Fn(&EventKind) -> Option<String>,
) -> Vec<String> {
    let events = world.of(client).log.events.iter().map(|(_, event)| event);
    let its = events.filter(|event| event.conversation == Some(conversation));
    its.filter_map(|event| text(&event.kind)).collect()
}

#[test]
fn alternating_questions_of_two_sessions_are_answered_in_their_own() {
    for fields in WITHOUT_SESSION {
        let (mut world, ada) = two_sessions(Settings::default().frame_fields(fields));
        for number in 0..100 {
            let conversation = if number % 2 == 0 { FIRST } else { SECOND };
            let text = format!("question {number}");
            let ask = world.ask_in(ada, conversation, &text);
            let reply = replied(&mut world, ada, ask);
            assert_eq!(reply.text.as_str(), format!("You said: {text}"), "{fields}");
            assert_eq!(reply.attribution, Attribution::Certain, "{fields}: only one question is out");
            world.run_for(limits::FOLLOW_UP); // What comes sooner may be more of it.
        }
        for (conversation, odd) in [(FIRST, 0), (SECOND, 1)] {
            let expected: Vec<_> =
                (0..50).map(|number| format!("You said: question {}", 2 * number + odd)).collect();
            assert_eq!(heard(&world, ada, conversation), expected, "{fields}");
        }
    }
}

#[test]
fn of_two_questions_that_are_out_together_the_one_that_waits_longest_is_answered_first() {
    for fields in WITHOUT_SESSION {
        for streaming in Streaming::ALL {
            let settings = Settings::default().frame_fields(fields).streaming(*streaming);
            let (mut world, ada) = two_sessions(settings.reply_delay(Millis(500)));
            for number in 0..50 {
                let order = if number % 2 == 0 { [FIRST, SECOND] } else { [SECOND, FIRST] };
                let asks = order.map(|conversation| {
                    let text = format!("{number} in {conversation:?}");
                    let ask = world.ask_in(ada, conversation, &text);
                    world.run_for(Duration::from_millis(100));
                    (ask, text)
                });
                for (ask, text) in asks {
                    let reply = replied(&mut world, ada, ask);
                    assert_eq!(reply.text.as_str(), format!("You said: {text}"), "{fields} {streaming}");
                }
            }
        }
    }
}

#[test]
fn a_guess_is_marked_and_claims_no_question() {
    let (mut world, ada) =
        two_sessions(Settings::default().frame_fields(FrameFields::NoSession).reply_delay(Millis(500)));
    let asks = [FIRST, SECOND].map(|conversation| {
        let ask = world.ask_in(ada, conversation, &format!("{conversation:?}"));
        world.run_for(Duration::from_millis(100));
        ask
    });
    let [first, second] = asks.map(|ask| replied(&mut world, ada, ask));
    assert_eq!((first.attribution, &first.in_reply_to), (Attribution::Guessed, &None));
    // When the second one is answered, no other question is out.
    assert_eq!(second.attribution, Attribution::Certain);
    let marks = world.of(ada).kinds().filter_map(|kind| match kind {
        EventKind::ReplyDelta { attribution, text, .. } => Some((text.as_str().contains('0'), *attribution)),
        _ => None,
    });
    let guessed = marks.filter(|(_, attribution)| *attribution == Attribution::Guessed).count();
    assert!(guessed > 0);
}

#[test]
fn echoes_come_to_the_session_of_their_message() {
    for fields in WITHOUT_SESSION {
        let (mut world, ada) = two_sessions(Settings::default().frame_fields(fields));
        for (conversation, text) in [(FIRST, "same"), (SECOND, "same"), (SECOND, "other"), (FIRST, "same")] {
            let ask = world.ask_in(ada, conversation, text);
            replied(&mut world, ada, ask);
        }
        let delivered = |conversation| {
            told(&world, ada, conversation, |kind| match kind {
                EventKind::Delivered { text, .. } => Some(text.as_str().to_owned()),
                _ => None,
            })
        };
        assert_eq!(delivered(FIRST), ["same", "same"], "{fields}");
        assert_eq!(delivered(SECOND), ["same", "other"], "{fields}");
    }
}

#[test]
fn the_owner_is_heard_where_the_owner_has_the_conversation_and_marked_as_a_guess() {
    for fields in WITHOUT_SESSION {
        let (mut world, ada) = two_sessions(Settings::default().frame_fields(fields));
        let sessions: Vec<_> = world.state().sessions.iter().map(|one| one.session_id.clone()).collect();
        // The avatar is silent once the owner has spoken, so the question waits for the owner.
        let say = |world: &mut World, session_id: &str, text: &str| {
            let (session_id, text) = (session_id.to_owned(), text.to_owned());
            let act = OwnerAction::Reply { session_id, text };
            world.with_service(|service, now| service.owner(now, act)).unwrap();
            world.run_for(Duration::from_secs(1));
        };
        say(&mut world, &sessions[1], "before anything was asked");
        assert!(heard(&world, ada, FIRST).is_empty() && heard(&world, ada, SECOND).is_empty());
        let ask = world.ask_in(ada, SECOND, "Are you there?");
        world.run_for(Duration::from_secs(1));
        say(&mut world, &sessions[1], "in person");
        let reply = replied(&mut world, ada, ask);
        assert_eq!((reply.author, reply.attribution), (Author::Owner, Attribution::Guessed), "{fields}");
        say(&mut world, &sessions[1], "and more");
        assert_eq!(heard(&world, ada, SECOND), ["in person", "and more"], "{fields}");
        assert!(heard(&world, ada, FIRST).is_empty(), "{fields}");
    }
}
