//! The second door, as a pair: what opening costs, what is shared, and that it works under every answer to its open
//! questions.

#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod support;

use std::time::Duration;

use secondme_avatar_emulator::service::{
    AppStanding, BarePing, Echo, EchoId, Effect, ExpiresIn, FailureForm, FailureHttp, Fault, FrameIds,
    InjectionPoint, Millis as ServiceMillis, OlderSocket, OpeningLine, OwnerAction, RedeliveredName,
    Redelivery, SecondInit, SendAnswer, SendApiKey, SocketSilence, SocketUrl, SocketUrlLife, TokenStanding,
    UserIdOf, VisitorIdForm,
};
use secondme_avatar_protocol::{
    Config, Door, ErrorKind, EventKind, Gap, Outcome, Record, State, Step, Visitor, limits,
};
use secondme_avatar_simulation::{ClientId, Fate, Settings, World};

use support::{FIRST, ROUND_TRIP, times};

fn config() -> Config {
    Config { door: Door::VisitorChat, ..Config::default() }
}

fn client(world: &mut World, name: &str, record: Option<Record>) -> ClientId {
    world.client_with(config(), Visitor::for_user("web", name).unwrap(), record)
}

fn live(settings: Settings) -> (World, ClientId) {
    let mut world = World::new(settings, 1);
    let ada = client(&mut world, "ada", None);
    world.opened(ada);
    (world, ada)
}

fn fetches(world: &World) -> usize {
    world.asked.iter().filter(|asked| asked.step == Step::FetchToken).count()
}

fn has(world: &World, client: ClientId, wanted: impl Fn(&EventKind) -> bool) -> bool {
    world.of(client).kinds().any(wanted)
}

#[test]
fn a_cold_open_costs_two_round_trips_and_a_handshake_and_a_warm_one_saves_one() {
    let mut world = World::new(Settings::default(), 1);
    for (name, round_trips) in [("ada", 3), ("bob", 2)] {
        let one = client(&mut world, name, None);
        let began = world.now();
        world.opened(one);
        assert_eq!(world.now().since(began), round_trips * ROUND_TRIP, "{name}");
    }
    assert_eq!(fetches(&world), 1);
}

#[test]
fn five_hundred_visitors_at_once_cost_one_token() {
    let mut world = World::new(Settings::default(), 1);
    let all: Vec<_> = (0..500).map(|number| client(&mut world, &number.to_string(), None)).collect();
    let opens: Vec<_> = all.iter().map(|one| (*one, world.open(*one))).collect();
    for (one, open) in opens {
        world.answer(one, open).unwrap();
    }
    assert_eq!(fetches(&world), 1);
    assert!(world.asked.iter().all(|asked| asked.step != Step::Authenticate));
}

#[test]
fn a_fetch_that_fails_is_made_again_for_all_who_wait() {
    let mut world = World::new(Settings::default(), 1);
    world.network.next(Step::FetchToken, Fate::SilentAfter);
    world.network.next(Step::FetchToken, Fate::Answered(502, "Bad gateway".to_owned()));
    let all = ["ada", "bob", "eve"].map(|name| client(&mut world, name, None));
    let opens = all.map(|one| (one, world.open(one)));
    for (one, open) in opens {
        world.answer(one, open).unwrap();
    }
    assert_eq!(fetches(&world), 3);
}

#[test]
fn a_dead_token_costs_one_fetch_however_many_it_is_refused_to() {
    for standing in [TokenStanding::Expired, TokenStanding::Revoked] {
        let mut world = World::new(Settings::default(), 1);
        let all = ["ada", "bob", "eve"].map(|name| client(&mut world, name, None));
        all.iter().for_each(|one| world.opened(*one));
        world.with_service(|service, now| service.set_chat_tokens(now, None, standing));
        let asks = all.map(|one| (one, world.ask(one, "Hello")));
        for (one, ask) in asks {
            assert_eq!(world.reply(one, ask), "You said: Hello");
        }
        assert_eq!(fetches(&world), 2);
    }
}

fn refusal() -> Effect {
    let (code, reason) = ("oauth2.token.revoked".to_owned(), "the access token was revoked".to_owned());
    Effect::Fail { code, reason, actions: Vec::new() }
}

#[test]
fn a_hundred_visitors_whose_tokens_are_all_refused_cost_few_fetches() {
    let refuse = |world: &mut World, point| {
        let fault = Fault::new(point, refusal()).times(u32::MAX);
        world.with_service(|service, _| service.add_fault(fault).unwrap());
    };
    // All at once, and one every three seconds for five minutes.
    for (apart, most) in [(Duration::ZERO, 2), (Duration::from_secs(3), 6 + 2 * 5)] {
        let mut world = World::new(Settings::default(), 1);
        refuse(&mut world, InjectionPoint::VisitorChatInit);
        let mut opens = Vec::new();
        for number in 0..100 {
            let one = client(&mut world, &number.to_string(), None);
            opens.push((one, world.open(one)));
            world.run_for(apart);
        }
        let mut told = Vec::new();
        for (one, open) in opens {
            let error = world.answer(one, open).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Authentication | ErrorKind::Unavailable), "{error}");
            told.push(error.to_string());
        }
        assert!(fetches(&world) <= most, "{} fetches, {apart:?} apart", fetches(&world));
        let says_so = |told: &String| told.contains("the service has refused") && told.contains("in a row");
        assert_eq!(told.iter().any(says_so), !apart.is_zero(), "{told:?}");
    }
    // Those that are open already have no tokens fetched for each other for ever.
    let mut world = World::new(Settings::default(), 1);
    let all: Vec<_> = (0..100).map(|number| client(&mut world, &number.to_string(), None)).collect();
    all.iter().for_each(|one| world.opened(*one));
    refuse(&mut world, InjectionPoint::VisitorChatSend);
    for one in &all {
        world.send(*one, "Hello");
        world.run_for(Duration::from_millis(7));
    }
    world.run_for(Duration::from_secs(60));
    assert!(fetches(&world) <= 1 + 6, "{} fetches", fetches(&world));
}

#[test]
fn a_token_is_renewed_before_it_dies() {
    let (mut world, ada) = live(Settings::default().visitor_chat_token_lifetime(ServiceMillis::minutes(20)));
    for _ in 0..12 {
        world.run_for(Duration::from_secs(5 * 60));
        let ask = world.ask(ada, "Hello");
        assert_eq!(world.reply(ada, ask), "You said: Hello");
    }
    assert_eq!(fetches(&world), 5, "one in fifteen minutes");
}

#[test]
fn an_app_that_may_not_speak_is_told_so_at_once() {
    for standing in AppStanding::ALL {
        let mut settings = Settings::default();
        settings.apps[0].standing = *standing;
        let mut world = World::new(settings, 1);
        let ada = client(&mut world, "ada", None);
        let open = world.open(ada);
        let result = world.answer(ada, open);
        if *standing == AppStanding::Active {
            assert!(result.is_ok());
            continue;
        }
        let error = result.unwrap_err();
        assert_eq!((error.kind(), error.step()), (ErrorKind::Authentication, Some(Step::FetchToken)));
        assert!(error.to_string().contains("https://develop.second.me"), "{error}");
        assert_eq!(fetches(&world), 1);
    }
}

#[test]
fn an_app_with_another_secret_is_told_which_settings_to_check() {
    let mut settings = Settings::default();
    settings.apps[0].client_secret = "another".to_owned();
    let mut world = World::new(settings, 1);
    let ada = client(&mut world, "ada", None);
    let open = world.open(ada);
    let error = world.answer(ada, open).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Authentication);
    assert!(error.to_string().contains("`client_secret`"), "{error}");
}

/// It opens, talks, loses its link, and talks again.
fn converse(settings: Settings, config: Config) {
    let what = format!("{settings:?}");
    let mut world = World::new(settings, 1);
    let ada = world.client_with(config, Visitor::for_user("web", "ada").unwrap(), None);
    world.opened(ada);
    for text in ["one", "two"] {
        let ask = world.ask(ada, text);
        assert_eq!(world.reply(ada, ask), format!("You said: {text}"), "{what}");
    }
    world.owner_says(ada, "Hi, this is me");
    world.owner(ada, |session_id| OwnerAction::HandBack { session_id });
    let send = world.send(ada, "three");
    assert!(matches!(world.answer(ada, send), Ok(Outcome::Sent(_))), "{what}");
    for age in [5, 200] {
        world.run_for(Duration::from_secs(age));
        world.cut(ada);
        world.run_for(Duration::from_secs(60));
        assert_eq!(world.of(ada).machine.state(FIRST), State::Live, "{what}");
    }
    let ask = world.ask(ada, "four");
    assert_eq!(world.reply(ada, ask), "You said: four", "{what}");
    let owners = world.of(ada).kinds().filter(|kind| matches!(kind, EventKind::OwnerReply(_))).count();
    assert_eq!(owners, 1, "{what}");
    assert!(has(&world, ada, |kind| matches!(kind, EventKind::Reconnected { gap: Gap::Unknown })));
}

#[test]
fn a_conversation_goes_on_under_every_answer_to_the_open_questions() {
    // Loops and not a product: each question by itself.
    macro_rules! each {
        ($($name:ident: $switch:ident,)+) => {
            $(for answer in $switch::ALL {
                converse(Settings::default().$name(*answer), config());
            })+
        };
    }
    each! {
        visitor_chat_socket_url: SocketUrl,
        visitor_chat_socket_url_life: SocketUrlLife,
        visitor_chat_bare_ping: BarePing,
        visitor_chat_second_init: SecondInit,
        visitor_chat_older_socket: OlderSocket,
        visitor_chat_echo: Echo,
        visitor_chat_echo_id: EchoId,
        visitor_chat_send_answer: SendAnswer,
        visitor_chat_frame_ids: FrameIds,
        visitor_chat_redelivered_ws_id: RedeliveredName,
        visitor_chat_user_id: UserIdOf,
        visitor_chat_failure_http: FailureHttp,
        visitor_chat_failure_form: FailureForm,
        visitor_chat_send_api_key: SendApiKey,
        visitor_chat_visitor_id: VisitorIdForm,
        visitor_chat_expires_in: ExpiresIn,
        visitor_chat_opening: OpeningLine,
        visitor_chat_ping_drop: SocketSilence,
    }
    let nameless = Settings::default()
        .visitor_chat_socket_url(SocketUrl::Opaque)
        .visitor_chat_frame_ids(FrameIds::Absent);
    converse(nameless.clone(), config());
    for drop in SocketSilence::ALL {
        converse(nameless.clone().visitor_chat_ping_drop(*drop), Config { ping_unnamed: true, ..config() });
    }
}

#[test]
fn a_frame_that_comes_again_under_the_name_of_the_socket_before_does_not_make_the_new_one_deaf() {
    for url in SocketUrl::ALL {
        let settings = Settings::default()
            .visitor_chat_socket_url(*url)
            .redelivery(Redelivery::NextConnection)
            .visitor_chat_redelivered_ws_id(RedeliveredName::First);
        converse(settings, Config { acknowledge: false, ..config() });
    }
}

#[test]
fn the_visitor_s_words_are_the_visitor_s_under_another_user_id_in_each_session() {
    let settings =
        Settings::default().visitor_chat_user_id(UserIdOf::Session).visitor_chat_second_init(SecondInit::New);
    converse(settings, config());
}

#[test]
fn an_hour_without_a_word_keeps_the_link_of_a_service_that_names_its_sockets() {
    for drop in SocketSilence::ALL {
        let (mut world, ada) = live(Settings::default().visitor_chat_ping_drop(*drop));
        world.run_for(Duration::from_secs(3600));
        assert_eq!(world.of(ada).log.connects.len(), 1, "{drop}");
    }
}

#[test]
fn a_service_that_forgets_everything_gives_another_session_and_the_message_arrives() {
    for form in FailureForm::ALL {
        for http in FailureHttp::ALL {
            let settings =
                Settings::default().visitor_chat_failure_form(*form).visitor_chat_failure_http(*http);
            let (mut world, ada) = live(settings);
            let before = world.session(ada);
            world.reset_service();
            let ask = world.ask(ada, "Do you know me?");
            assert_eq!(world.reply(ada, ask), "You said: Do you know me?", "{form} {http}");
            assert_ne!(world.session(ada), before);
            let told = |kind: &EventKind| matches!(kind, EventKind::SessionReplaced { from, .. } if from.as_str() == before);
            assert!(has(&world, ada, told));
        }
    }
}

#[test]
fn the_next_process_goes_on_with_the_session() {
    for (second, goes_on) in [(SecondInit::Same, true), (SecondInit::New, false)] {
        let (mut world, ada) = live(Settings::default().visitor_chat_second_init(second));
        let session = world.session(ada);
        let again = world.restart_with(ada, config());
        let open = world.open(again);
        let Ok(Outcome::Opened { resumed, opening }) = world.answer(again, open) else { panic!("not open") };
        assert_eq!((resumed, opening.as_str()), (goes_on, "Hello! 👋"));
        assert_eq!(world.session(again) == session, goes_on);
        assert_eq!(has(&world, again, |kind| matches!(kind, EventKind::SessionReplaced { .. })), !goes_on);
        assert_eq!(times(&world, again, Step::InitVisitorChat), 1);
    }
}

#[test]
fn the_owner_is_told_from_the_echo() {
    let (mut world, ada) = live(Settings::default());
    let confirmed = |world: &World| {
        let of = |kind: &EventKind| match kind {
            EventKind::OwnerReply(reply) => Some(reply.confirmed),
            _ => None,
        };
        world.of(ada).kinds().filter_map(of).collect::<Vec<_>>()
    };
    world.owner_says(ada, "Hi, this is me");
    world.run_for(Duration::from_secs(1));
    assert_eq!(confirmed(&world), [false]);
    let send = world.send(ada, "Hello");
    world.answer(ada, send).unwrap();
    world.run_for(limits::ECHO_BY_TEXT);
    world.owner_says(ada, "Hello");
    world.run_for(Duration::from_secs(1));
    assert_eq!(confirmed(&world), [false, true]);
    let delivered = world.of(ada).kinds().filter(|kind| matches!(kind, EventKind::Delivered { .. })).count();
    assert_eq!(delivered, 1);
}
