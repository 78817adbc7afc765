//! The open questions of docs/protocol.md: under every answer the conversation goes as it should.

#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod support;

use std::time::Duration;

use secondme_avatar_emulator::service::{
    ClientText, DeadSocketSend, DeadToken, EndMark, FailureShape, FailureStatus, FrameFields, HistoryCalls,
    IdForm, Key, Origin, OwnerAction, PingDrop, Pings, QuotaScope, Redelivery, RepeatedMessage, SecondSocket,
    Streaming, TakeoverSilence, TokenLifetime,
};
use secondme_avatar_protocol::{
    Author, Config, Confirmation, Delivery, ErrorKind, Gap, Outcome, State, Step,
};
use secondme_avatar_simulation::{Delay, Fate, Settings, World};

use support::{FIRST, converse, live, reconnections, times};

#[test]
fn http_status_and_field_of_a_failure_code() {
    for shape in FailureShape::ALL {
        for status in FailureStatus::ALL {
            let keys = vec![Key { disabled: true, ..Key::default() }];
            let settings = Settings::default().failure_shape(*shape).failure_status(*status).keys(keys);
            let mut world = World::new(settings, 1);
            let ada = world.client("ada");
            let open = world.open(ada);
            let error = world.answer(ada, open).unwrap_err();
            let found = (error.kind(), error.code(), error.step());
            let expected =
                (ErrorKind::Authentication, Some("open.api.key.disabled"), Some(Step::Authenticate));
            assert_eq!(found, expected, "{shape} {status}");
            converse(Settings::default().failure_shape(*shape).failure_status(*status));
        }
    }
}

#[test]
fn lifetime_of_the_visitor_token_and_what_a_dead_one_gets() {
    for dead in DeadToken::ALL {
        for lifetime in [TokenLifetime::Never, TokenLifetime::Calls(3), TokenLifetime::Minutes(1)] {
            let (world, ada) = converse(Settings::default().token_lifetime(lifetime).dead_token(*dead));
            let authentications = times(&world, ada, Step::Authenticate);
            assert_eq!(authentications > 1, lifetime != TokenLifetime::Never, "{dead} {lifetime}");
        }
    }
}

#[test]
fn a_token_that_is_never_any_good_is_fetched_twice_and_no_more() {
    for dead in DeadToken::ALL {
        let settings = Settings::default().token_lifetime(TokenLifetime::Calls(0)).dead_token(*dead);
        let mut world = World::new(settings, 1);
        let ada = world.client("ada");
        let open = world.open(ada);
        assert_eq!(world.answer(ada, open).unwrap_err().kind(), ErrorKind::Authentication);
        assert_eq!(times(&world, ada, Step::Authenticate), 2);
    }
}

#[test]
fn whether_the_quota_counts_authentications_alone_or_every_call() {
    for scope in QuotaScope::ALL {
        converse(Settings::default().quota_scope(*scope));
        // Where every call counts, twelve visitors use up the minute: they wait, and come through.
        let mut world = World::new(Settings::default().quota_scope(*scope), 1);
        let clients: Vec<_> = (0..12).map(|number| world.client(&number.to_string())).collect();
        let deadline = Duration::from_secs(300);
        let opens: Vec<_> = clients
            .iter()
            .map(|client| {
                let open = secondme_avatar_protocol::Command::Open { conversation: FIRST, deadline };
                (*client, world.command(*client, open))
            })
            .collect();
        for (client, open) in opens {
            assert!(matches!(world.answer(client, open), Ok(Outcome::Opened { .. })), "{scope}");
        }
    }
}

#[test]
fn whether_the_avatar_falls_silent_once_the_owner_has_taken_over() {
    for silence in [TakeoverSilence::UntilHandedBack, TakeoverSilence::Minutes(1), TakeoverSilence::Never] {
        let (mut world, ada) = live(Settings::default().takeover_silence(silence));
        world.owner_says(ada, "It is me");
        let send = world.send(ada, "Really?");
        world.answer(ada, send).unwrap();
        world.run_for(Duration::from_secs(59));
        let avatar = |world: &World| {
            world.of(ada).replies().iter().filter(|(author, _)| *author == Author::Avatar).count()
        };
        assert_eq!(avatar(&world), usize::from(silence == TakeoverSilence::Never), "{silence}");
        if silence == TakeoverSilence::UntilHandedBack {
            world.owner(ada, |session_id| OwnerAction::HandBack { session_id });
        }
        world.run_for(Duration::from_secs(60));
        let ask = world.ask(ada, "And now?");
        assert_eq!(world.reply(ada, ask), "You said: And now?", "{silence}");
    }
}

#[test]
fn whether_all_frames_carry_their_ids() {
    for fields in FrameFields::ALL {
        for text in ClientText::ALL {
            let settings = Settings::default().frame_fields(*fields).client_text(*text);
            let (world, ada) = converse(settings);
            // Without names it cannot be told which of the frames found are new.
            let known = *fields != FrameFields::Documented;
            assert_eq!(reconnections(&world, ada), [if known { Gap::None } else { Gap::Unknown }]);
        }
    }
}

#[test]
fn whether_pings_are_answered() {
    for pings in Pings::ALL {
        let (mut world, ada) = live(Settings::default().pings(*pings));
        world.run_for(Duration::from_secs(600));
        assert_eq!(world.of(ada).machine.counters().lost, 0, "{pings}");
        world.half_open(ada);
        world.run_for(Duration::from_secs(120));
        // A link that never answered a ping gives no sign by which its death could be told.
        let found = world.of(ada).machine.counters().lost > 0;
        assert_eq!(found, *pings == Pings::Pong, "{pings}");
    }
}

#[test]
fn how_long_without_a_ping_before_the_drop() {
    for drop in PingDrop::ALL {
        let (mut world, ada) = live(Settings::default().ping_drop(*drop));
        world.network.delay = Delay::Between(Duration::from_millis(5), Duration::from_millis(900));
        world.run_for(Duration::from_secs(1800));
        assert_eq!(world.of(ada).machine.counters().lost, 0, "{drop}");
        converse(Settings::default().ping_drop(*drop));
    }
}

#[test]
fn whether_an_unacknowledged_frame_is_sent_again() {
    for redelivery in Redelivery::ALL {
        converse(Settings::default().redelivery(*redelivery));
        // Without acknowledgements each frame comes again, and is delivered once.
        let mut world = World::new(Settings::default().redelivery(*redelivery), 1);
        let config = Config { acknowledge: false, ..Config::default() };
        let visitor = secondme_avatar_protocol::Visitor::for_user("web", "ada").unwrap();
        let ada = world.client_with(config, visitor, None);
        world.opened(ada);
        let ask = world.ask(ada, "Hello");
        assert_eq!(world.reply(ada, ask), "You said: Hello");
        world.run_for(Duration::from_secs(20));
        world.cut(ada);
        world.run_for(Duration::from_secs(20));
        assert_eq!(world.of(ada).replies(), [(Author::Avatar, "You said: Hello")], "{redelivery}");
        let duplicates = world.of(ada).machine.counters().duplicates;
        assert_eq!(duplicates > 0, *redelivery != Redelivery::Never, "{redelivery}");
    }
}

#[test]
fn whether_a_repeated_message_id_counts_as_one_message() {
    for repeated in RepeatedMessage::ALL {
        // Handed back where it is unconfirmed: never sent twice, whatever the service does.
        let (mut world, ada) = live(Settings::default().repeated_message(*repeated));
        world.network.next(Step::SendMessage, Fate::LostAfter);
        let send = world.send(ada, "Hello");
        let Ok(Outcome::Sent(sent)) = world.answer(ada, send) else { panic!("not sent") };
        assert_eq!(sent.confirmed_by, Confirmation::Echo);
        world.run_for(Duration::from_secs(60));
        assert_eq!(times(&world, ada, Step::SendMessage), 1);
        let said = world.state().sessions[0].texts(secondme_avatar_emulator::service::Author::Visitor).len();
        assert_eq!(said, 1, "{repeated}");
    }
}

#[test]
fn a_message_that_is_resent_in_doubt_is_one_message_where_its_id_is_known_again() {
    for repeated in RepeatedMessage::ALL {
        let mut world = World::new(Settings::default().repeated_message(*repeated), 1);
        let config = Config { delivery: Delivery::AtLeastOnce, ..Config::default() };
        let visitor = secondme_avatar_protocol::Visitor::for_user("web", "ada").unwrap();
        let ada = world.client_with(config, visitor, None);
        world.opened(ada);
        for fate in [Fate::LostBefore, Fate::LostAfter] {
            world.network.next(Step::SendMessage, fate);
            let ask = world.ask(ada, "Hello");
            assert_eq!(world.reply(ada, ask), "You said: Hello");
        }
        let said = world.state().sessions[0].texts(secondme_avatar_emulator::service::Author::Visitor).len();
        assert_eq!(said, 2, "{repeated}: what was lost before its effect was sent again, and nothing else");
    }
}

#[test]
fn a_send_with_the_socket_that_is_gone() {
    for answer in DeadSocketSend::ALL {
        let (mut world, ada) = live(Settings::default().dead_socket_send(*answer));
        let ask = world.ask(ada, "first");
        world.reply(ada, ask);
        // The service has dropped the socket, and the client does not know yet.
        let how = secondme_avatar_emulator::service::CloseHow::Abrupt;
        world.with_service(|service, now| service.close_sockets(now, None, &how));
        let ask = world.ask(ada, "second");
        assert_eq!(world.reply(ada, ask), "You said: second", "{answer}");
    }
}

#[test]
fn whether_the_service_closes_an_older_socket() {
    for second in SecondSocket::ALL {
        let (mut world, ada) = live(Settings::default().second_socket(*second));
        // The link dies without a word to either side, and a new one comes.
        world.run_for(Duration::from_secs(20));
        world.half_open(ada);
        world.run_for(Duration::from_secs(70));
        assert_eq!(world.of(ada).machine.state(FIRST), State::Live);
        let ask = world.ask(ada, "Still there?");
        assert_eq!(world.reply(ada, ask), "You said: Still there?");
        assert_eq!(world.of(ada).replies().len(), 1, "{second}");
        converse(Settings::default().second_socket(*second));
    }
}

#[test]
fn whether_the_message_query_is_there_for_visitors() {
    for status in FailureStatus::ALL {
        for calls in HistoryCalls::ALL {
            let settings = Settings::default().history_calls(*calls).failure_status(*status);
            let (world, ada) = converse(settings);
            let there = *calls == HistoryCalls::There;
            assert_eq!(reconnections(&world, ada), [if there { Gap::None } else { Gap::Unknown }]);
            assert_eq!(times(&world, ada, Step::Authenticate), 1, "{calls}: its absence costs no token");
            if !there {
                assert_eq!(times(&world, ada, Step::QueryMessages), 1, "{calls}: it is not asked again");
            }
        }
    }
}

#[test]
fn whether_origin_matters_to_the_socket() {
    for origin in Origin::ALL {
        converse(Settings::default().origin(*origin));
    }
    let mut world = World::new(Settings::default().origin(Origin::Required), 1);
    world.sends_origin = false;
    let ada = world.client("ada");
    let open = world.open(ada);
    let error = world.answer(ada, open).unwrap_err();
    assert_eq!((error.kind(), error.step()), (ErrorKind::Deadline, Some(Step::Connect)));
    assert_eq!(times(&world, ada, Step::Authenticate), 2, "another token is tried once");
}

#[test]
fn ids_come_as_strings_or_as_numbers() {
    for form in IdForm::ALL {
        converse(Settings::default().id_form(*form));
    }
}

#[test]
fn replies_come_whole_or_in_pieces_and_end_in_any_way() {
    for streaming in Streaming::ALL {
        for end in EndMark::ALL {
            converse(Settings::default().streaming(*streaming).end_mark(*end));
        }
    }
}
