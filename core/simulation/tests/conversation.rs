//! The frames of docs/protocol.md over the pair: who speaks, how a reply comes, and whose it is.

#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod support;

use std::time::Duration;

use secondme_avatar_emulator::Brain;
use secondme_avatar_emulator::brain::Script;
use secondme_avatar_emulator::service::{
    ClientText, HistoryCalls, Injection, Millis as ServiceMillis, OwnerAction,
};
use secondme_avatar_protocol::{
    Author, Command, Config, Confirmation, Delivery, Ended, ErrorKind, EventKind, NoticeKind, Outcome, Part,
    Reply, Step, Text, Visitor, limits,
};
use secondme_avatar_simulation::{ClientId, Delay, Fate, Settings, World};
use serde_json::json;

use support::{FIRST, SECOND, live, times};

fn scripted(yaml: &str) -> (World, ClientId) {
    live(Settings::default().brain(Brain::Script(Script::parse(yaml).expect("a good script"))))
}

fn answered(world: &mut World, client: ClientId, text: &str) -> Reply {
    let ask = world.ask(client, text);
    match world.answer(client, ask) {
        Ok(Outcome::Replied(reply)) => *reply,
        other => panic!("no reply: {other:?}"),
    }
}

#[test]
fn sender_umm_is_the_avatar_s_reply() {
    let (mut world, ada) = live(Settings::default());
    let reply = answered(&mut world, ada, "Hello");
    assert_eq!((reply.author, reply.text.as_str()), (Author::Avatar, "You said: Hello"));
}

#[test]
fn sender_client_with_the_visitor_s_own_id_is_the_echo() {
    for place in ClientText::ALL {
        let (mut world, ada) = live(Settings::default().client_text(*place));
        let send = world.send(ada, "Hello");
        let Ok(Outcome::Sent(sent)) = world.answer(ada, send) else { panic!("not sent") };
        world.run_for(Duration::from_secs(1));
        let echoes: Vec<_> = world
            .of(ada)
            .kinds()
            .filter_map(|kind| match kind {
                EventKind::Delivered { message_id, text } => Some((message_id.clone(), text.as_str())),
                _ => None,
            })
            .collect();
        assert_eq!(echoes, [(Some(sent.message_id), "Hello")]);
    }
}

#[test]
fn sender_client_with_any_other_id_is_the_owner_in_person() {
    for place in ClientText::ALL {
        let (mut world, ada) = live(Settings::default().client_text(*place));
        world.owner_says(ada, "Hi, this is the real me...");
        world.run_for(Duration::from_secs(1));
        assert_eq!(world.of(ada).replies(), [(Author::Owner, "Hi, this is the real me...")]);
    }
}

#[test]
fn a_reply_streams_in_pieces_and_they_are_its_text() {
    let (mut world, ada) = live(Settings::default());
    let ask = world.ask(ada, "Hello, tell me about yourself");
    let text = world.reply(ada, ask);
    let pieces = &world.of(ada).log.pieces;
    assert!(pieces.len() > 3 && pieces.iter().all(|(ticket, _, _)| *ticket == ask));
    assert_eq!(pieces.iter().map(|(_, _, text)| text.as_str()).collect::<String>(), text);
}

#[test]
fn a_reply_says_how_its_end_was_known() {
    let script = "
rules:
  - when: {equals: whole}
    then: [say: {text: All at once, whole: true}]
  - when: {equals: mark}
    then: [say: {text: Piece by piece by piece, end: empty}]
  - when: {equals: early}
    then: [say: {text: Piece by piece by piece, end: twice}]
  - when: {equals: silence}
    then: [say: {text: Piece by piece by piece, end: missing}]
";
    let (mut world, ada) = scripted(script);
    for (text, ended) in
        [("whole", Ended::Whole), ("mark", Ended::Mark), ("early", Ended::Mark), ("silence", Ended::Silence)]
    {
        let began = world.now();
        assert_eq!(answered(&mut world, ada, text).ended, ended, "{text}");
        let took = world.now().since(began);
        assert_eq!(took >= limits::REPLY_IDLE, ended == Ended::Silence, "{took:?}");
    }
}

#[test]
fn cards_sources_and_speech_are_parts_of_a_reply() {
    let script = "
rules:
  - when: any
    then:
      - say:
          text: Look at this
          cards: [{template: citation, params: {citation: '1', link: 'https://a.test'}}]
          speech: {url: 'a.mp3'}
          sources: [{title: A}]
";
    let (mut world, ada) = scripted(script);
    let reply = answered(&mut world, ada, "Show me");
    assert_eq!(reply.text, "Look at this");
    let [Part::Text(_), Part::Card(card)] = &reply.parts[..] else { panic!("{:?}", reply.parts) };
    assert_eq!((card.template.as_str(), &card.params["link"]), ("citation", &json!("https://a.test")));
    assert_eq!((&reply.sources[0]["title"], &reply.speech[0]["url"]), (&json!("A"), &json!("a.mp3")));
}

#[test]
fn hints_and_notices_are_notices() {
    let (mut world, ada) = live(Settings::default());
    world.inject(ada, Injection::Hint("a hint".to_owned()));
    world.inject(ada, Injection::Notice("a notice".to_owned()));
    world.run_for(Duration::from_secs(1));
    let notices: Vec<_> = world
        .of(ada)
        .kinds()
        .filter_map(|kind| match kind {
            EventKind::Notice { kind, text } => Some((kind.clone(), text.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(notices, [(NoticeKind::Hint, "a hint"), (NoticeKind::Notice, "a notice")]);
}

#[test]
fn unknown_frames_and_frames_that_are_no_json_are_handed_on() {
    let (mut world, ada) = live(Settings::default());
    let unknown = json!({"type": "hologram", "shape": 3});
    world.inject(ada, Injection::Frame(unknown.as_object().unwrap().clone()));
    world.inject(ada, Injection::Text("{\"half\":".to_owned()));
    world.run_for(Duration::from_secs(1));
    let raws: Vec<_> = world
        .of(ada)
        .log
        .events
        .iter()
        .filter(|(_, event)| matches!(event.kind, EventKind::Unknown))
        .map(|(_, event)| event.raw.as_ref().unwrap().as_str().to_owned())
        .collect();
    assert_eq!(raws, [unknown.to_string(), "{\"half\":".to_owned()]);
    assert_eq!(world.of(ada).machine.counters().malformed, 1);
}

#[test]
fn every_frame_with_a_name_is_acknowledged_exactly_once() {
    let (mut world, ada) = live(Settings::default());
    answered(&mut world, ada, "Hello");
    world.run_for(Duration::from_secs(1));
    let socket = world.state().sockets[0].clone();
    assert_eq!(socket.acks, socket.pushed);
    assert_eq!(socket.rejected, 0);
}

#[test]
fn a_takeover_in_the_middle_of_a_streamed_reply_crosses_nothing() {
    let (mut world, ada) = live(Settings::default().piece_delay(ServiceMillis(200)));
    let ask = world.ask(ada, "Hello, tell me about yourself");
    world.run_until(|world| !world.of(ada).log.pieces.is_empty());
    world.owner_says(ada, "I take over");
    assert_eq!(world.reply(ada, ask), "You said: Hello, tell me about yourself");
    let replies = world.of(ada).replies();
    assert_eq!(replies[0], (Author::Owner, "I take over"));
    assert_eq!(replies.len(), 2);
}

#[test]
fn the_owner_answers_a_question_and_hands_back() {
    let (mut world, ada) = live(Settings::default());
    world.owner(ada, |session_id| OwnerAction::TakeOver { session_id });
    let ask = world.ask(ada, "Are you real?");
    world.run_for(Duration::from_secs(20));
    world.owner_says(ada, "As real as it gets");
    let Ok(Outcome::Replied(reply)) = world.answer(ada, ask) else { panic!("no reply") };
    assert_eq!((reply.author, reply.text.as_str()), (Author::Owner, "As real as it gets"));
    world.owner(ada, |session_id| OwnerAction::HandBack { session_id });
    assert_eq!(answered(&mut world, ada, "And you?").author, Author::Avatar);
}

#[test]
fn many_questions_at_once_are_answered_in_order() {
    let mut world = World::new(Settings::default(), 8);
    world.network.delay = Delay::Between(Duration::from_millis(1), Duration::from_millis(250));
    let ada = world.client("ada");
    world.opened(ada);
    let open = world.open_beside(ada, SECOND);
    world.answer(ada, open).unwrap();
    let asks: Vec<_> = (0..20)
        .map(|number| {
            let conversation = if number % 3 == 0 { SECOND } else { FIRST };
            (number, world.ask_in(ada, conversation, &number.to_string()))
        })
        .collect();
    for (number, ask) in asks {
        assert_eq!(world.reply(ada, ask), format!("You said: {number}"));
    }
}

#[test]
fn plain_messages_before_a_question_do_not_take_its_answer() {
    let (mut world, ada) = live(Settings::default());
    for number in 0..5 {
        world.send(ada, &number.to_string());
    }
    assert_eq!(answered(&mut world, ada, "The question").text, "You said: The question");
    assert_eq!(world.of(ada).replies().len(), 6);
}

#[test]
fn messages_queued_while_the_link_is_down_arrive_in_order() {
    let (mut world, ada) = live(Settings::default());
    world.cut(ada);
    world.run_until(|world| !world.of(ada).machine.is_connected());
    let sends: Vec<_> = (0..10).map(|number| world.send(ada, &number.to_string())).collect();
    for send in sends {
        assert!(matches!(world.answer(ada, send), Ok(Outcome::Sent(_))));
    }
    let said = world.state().sessions[0].texts(secondme_avatar_emulator::service::Author::Visitor).join("");
    assert_eq!(said, "0123456789");
}

#[test]
fn each_way_to_lose_a_send_ends_in_one_message_or_in_the_text_handed_back() {
    for history in [HistoryCalls::There, HistoryCalls::NotFound] {
        for fate in [
            Fate::Refused,
            Fate::LostBefore,
            Fate::LostAfter,
            Fate::SilentBefore,
            Fate::SilentAfter,
            Fate::Late(Duration::from_secs(12)),
            Fate::Answered(502, "<html>".to_owned()),
        ] {
            let settings = Settings::default().history_calls(history);
            let (mut world, ada) = live(settings);
            world.network.next(Step::SendMessage, fate.clone());
            let deadline = Duration::from_secs(60);
            let send = Command::Send { conversation: FIRST, text: Text::from("Hello"), deadline };
            let send = world.command(ada, send);
            let result = world.answer(ada, send);
            let session = &world.state().sessions[0];
            let said = session.texts(secondme_avatar_emulator::service::Author::Visitor).len();
            match (&fate, history, result) {
                (Fate::Refused, _, Ok(Outcome::Sent(_))) => {}
                (Fate::LostAfter | Fate::SilentAfter | Fate::Late(_), _, Ok(Outcome::Sent(sent))) => {
                    assert_eq!(sent.confirmed_by, Confirmation::Echo);
                }
                // It is looked for, and sent again since it is not there.
                (
                    Fate::LostBefore | Fate::SilentBefore | Fate::Answered(..),
                    HistoryCalls::There,
                    Ok(Outcome::Sent(_)),
                ) => {}
                // Nothing can tell.
                (
                    Fate::LostBefore | Fate::SilentBefore | Fate::Answered(..),
                    HistoryCalls::NotFound,
                    Err(error),
                ) => {
                    assert!(!error.unsent().expect("the text").certain);
                    assert_eq!(said, 0, "{fate:?}");
                    continue;
                }
                (fate, history, result) => panic!("{fate:?}, {history:?}: {result:?}"),
            }
            assert_eq!(said, 1, "{fate:?}, {history:?}");
        }
    }
}

#[test]
fn a_send_whose_answer_and_echo_were_lost_with_the_link_is_found_by_the_query() {
    let (mut world, ada) = live(Settings::default());
    answered(&mut world, ada, "Hello");
    world.network.next(Step::SendMessage, Fate::LostAfter);
    let send = world.send(ada, "Did you get this?");
    world.half_open(ada);
    world.run_for(Duration::from_millis(30));
    world.command(ada, Command::NetworkChanged);
    let Ok(Outcome::Sent(sent)) = world.answer(ada, send) else { panic!("not sent") };
    assert_eq!(sent.confirmed_by, Confirmation::Query);
    assert_eq!(times(&world, ada, Step::SendMessage), 2, "the question before, and this one once");
}

#[test]
fn a_thousand_losses_neither_double_nor_lose_a_message_where_the_id_is_known_again() {
    let mut world = World::new(Settings::default(), 21);
    let config = Config { delivery: Delivery::AtLeastOnce, ..Config::default() };
    let ada = world.client_with(config, Visitor::for_user("web", "ada").unwrap(), None);
    world.opened(ada);
    world.network.lost_before = 150;
    world.network.lost_after = 150;
    world.network.delay = Delay::Between(Duration::from_millis(5), Duration::from_millis(300));
    let deadline = Duration::from_secs(600);
    let mut sent = Vec::new();
    for number in 0..150 {
        let text = Text::from(number.to_string());
        let send = world.command(ada, Command::Send { conversation: FIRST, text, deadline });
        if world.answer(ada, send).is_ok() {
            sent.push(number.to_string());
        }
        if number % 10 == 9 {
            world.cut(ada);
        }
    }
    assert_eq!(sent.len(), 150);
    let said = world.state().sessions[0].clone();
    assert_eq!(said.texts(secondme_avatar_emulator::service::Author::Visitor), sent);
}

#[test]
fn a_question_without_an_answer_fails_to_the_millisecond() {
    let (mut world, ada) = live(Settings::default());
    world.owner(ada, |session_id| OwnerAction::TakeOver { session_id });
    let sent_at = world.now() + support::ROUND_TRIP;
    let ask = world.ask(ada, "Anybody?");
    let error = world.answer(ada, ask).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Deadline);
    let waited = world.now().since(sent_at);
    // Its echo, which comes with its answer, says that the service has taken it.
    assert_eq!(waited, limits::FIRST_PIECE);
}
