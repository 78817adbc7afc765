//! Several messages of the avatar to one question.

#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod support;

use std::time::Duration;

use secondme_avatar_emulator::service::{Millis, RepliesPerQuestion, Streaming};
use secondme_avatar_protocol::{Attribution, Command, EventKind, Outcome, Reply, Ticket, limits};
use secondme_avatar_simulation::{ClientId, Settings, World};

use support::{FIRST, live, times};

fn settings(replies: RepliesPerQuestion) -> Settings {
    Settings::default().replies_per_question(replies).reply_delay(Millis(500)).piece_delay(Millis(50))
}

fn collect(world: &mut World, client: ClientId, text: &str, silence: Duration) -> Ticket {
    let ask = Command::Ask {
        conversation: FIRST,
        text: text.into(),
        deadline: limits::ASK_DEADLINE,
        first_piece: limits::FIRST_PIECE,
        pieces: true,
        collect: Some(silence),
    };
    world.command(client, ask)
}

fn replied(world: &mut World, client: ClientId, ask: Ticket) -> Reply {
    match world.answer(client, ask) {
        Ok(Outcome::Replied(reply)) => *reply,
        other => panic!("no reply: {other:?}"),
    }
}

#[test]
fn the_first_message_is_the_answer_and_the_others_name_the_same_question() {
    for replies in [RepliesPerQuestion::Two, RepliesPerQuestion::Three] {
        for streaming in Streaming::ALL {
            let (mut world, ada) = live(settings(replies).streaming(*streaming));
            for number in 0..50 {
                let text = format!("question {number}");
                let ask = world.ask(ada, &text);
                let reply = replied(&mut world, ada, ask);
                assert_eq!(reply.text.as_str(), format!("You said: {text}"), "{replies} {streaming}");
                world.run_for(Duration::from_secs(3) + limits::FOLLOW_UP);
                let messages: Vec<_> = world
                    .of(ada)
                    .kinds()
                    .filter_map(|kind| match kind {
                        EventKind::Reply(one) if one.text == reply.text => {
                            Some((one.in_reply_to.clone(), one.asked))
                        }
                        _ => None,
                    })
                    .collect();
                let named = reply.in_reply_to.clone();
                assert!(named.is_some());
                let expected = if *replies.to_string() == *"two" { 2 } else { 3 };
                assert_eq!(messages.len(), expected);
                assert!(messages.iter().all(|(in_reply_to, _)| *in_reply_to == named));
                assert_eq!(messages.iter().filter(|(_, asked)| *asked).count(), 1);
            }
        }
    }
}

#[test]
fn a_question_that_is_sent_while_the_avatar_goes_on_gets_its_own_answer() {
    // The service echoes before it answers, which shows that what comes before the echo is no answer.
    let (mut world, ada) = live(settings(RepliesPerQuestion::Two));
    for number in 0..50 {
        let text = format!("question {number}");
        let ask = world.ask(ada, &text);
        let reply = replied(&mut world, ada, ask);
        assert_eq!(reply.text.as_str(), format!("You said: {text}"));
        // The echo does not show that what comes after it is the answer.
        let is_first = number == 0;
        assert_eq!(reply.attribution == Attribution::Certain, is_first);
        // Half of the time the second message begins before the next question goes out.
        world.run_for(Duration::from_millis(if number % 2 == 0 { 520 } else { 3_000 }));
    }
}

#[test]
fn collecting_waits_for_a_silence_and_has_all_messages_of_the_turn() {
    for (replies, count) in
        [(RepliesPerQuestion::One, 1), (RepliesPerQuestion::Two, 2), (RepliesPerQuestion::Three, 3)]
    {
        let (mut world, ada) = live(settings(replies));
        for number in 0..20 {
            let text = format!("question {number}");
            // Two at once: the second one waits for the end of the first one's turn.
            let asks = ["a", "b"].map(|which| {
                let text = format!("{text}{which}");
                (collect(&mut world, ada, &text, Duration::from_secs(2)), text)
            });
            for (ask, text) in asks {
                let reply = replied(&mut world, ada, ask);
                let lines = vec![format!("You said: {text}"); count];
                assert_eq!(reply.text.as_str(), lines.join("\n"));
                assert!(reply.asked && reply.in_reply_to.is_some());
                let its = world.of(ada).log.pieces.iter().filter(|(ticket, ..)| *ticket == ask);
                let pieces: String = its.map(|(.., piece)| piece.as_str()).collect();
                assert_eq!(pieces, reply.text.as_str());
            }
        }
    }
}

#[test]
fn the_deadline_ends_the_collecting_with_what_has_come() {
    let (mut world, ada) = live(settings(RepliesPerQuestion::Two));
    let ask = Command::Ask {
        conversation: FIRST,
        text: "Hello".into(),
        deadline: Duration::from_secs(5),
        first_piece: limits::FIRST_PIECE,
        pieces: false,
        collect: Some(Duration::from_secs(60)),
    };
    let ask = world.command(ada, ask);
    assert_eq!(replied(&mut world, ada, ask).text.as_str(), "You said: Hello\nYou said: Hello");
    assert_eq!(times(&world, ada, secondme_avatar_protocol::Step::SendMessage), 1);
}

#[test]
fn a_link_that_is_lost_is_no_silence() {
    let (mut world, ada) = live(settings(RepliesPerQuestion::Two));
    let ask = collect(&mut world, ada, "Hello", Duration::from_secs(2));
    world.run_for(Duration::from_millis(900));
    world.cut(ada);
    assert_eq!(replied(&mut world, ada, ask).text.as_str(), "You said: Hello\nYou said: Hello");
}
