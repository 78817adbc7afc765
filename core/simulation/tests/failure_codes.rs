//! The failure codes of docs/protocol.md: each does what its row says.

#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod support;

use std::time::Duration;

use secondme_avatar_emulator::service::{Avatar, DeadToken, Injection, Key, TokenLifetime};
use secondme_avatar_protocol::{
    CloseReason, Command, Config, ErrorKind, EventKind, Machine, Outcome, ServiceError, State, Step, Visitor,
    limits,
};
use secondme_avatar_simulation::{Fate, Settings, World};
use serde_json::json;

use support::{FIRST, live, times};

/// An opening that fails at its authentication, for good.
#[track_caller]
fn assert_fatal(settings: Settings, kind: ErrorKind, code: &str) {
    let mut world = World::new(settings, 1);
    let ada = world.client("ada");
    let open = world.open(ada);
    let error = world.answer(ada, open).unwrap_err();
    assert_eq!((error.kind(), error.code(), error.step()), (kind, Some(code), Some(Step::Authenticate)));
    assert!(!error.is_retryable() && world.of(ada).machine.is_closed());
    world.run_for(Duration::from_secs(600));
    assert_eq!(world.asked.len(), 1, "it is not asked again");
}

fn answered(code: &str) -> Fate {
    Fate::Answered(200, json!({"code": code, "message": "no"}).to_string())
}

#[test]
fn open_api_unauthorized_is_fatal() {
    let mut world = World::new(Settings::default(), 1);
    world.network.next(Step::Authenticate, answered("open.api.unauthorized"));
    let ada = world.client("ada");
    let open = world.open(ada);
    let error = world.answer(ada, open).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Authentication, Some("open.api.unauthorized")));
    assert!(world.of(ada).machine.is_closed());
}

#[test]
fn open_api_key_not_found_is_fatal() {
    let keys = vec![Key { key: "sk-another".to_owned(), ..Key::default() }];
    assert_fatal(Settings::default().keys(keys), ErrorKind::Authentication, "open.api.key.not.found");
}

#[test]
fn open_api_key_disabled_is_fatal() {
    let keys = vec![Key { disabled: true, ..Key::default() }];
    assert_fatal(Settings::default().keys(keys), ErrorKind::Authentication, "open.api.key.disabled");
}

#[test]
fn open_api_key_disabled_while_it_talks_closes_everything() {
    let (mut world, ada) = live(Settings::default());
    for step in [Step::SendMessage, Step::CreateSession] {
        world.network.next(step, answered("open.api.key.disabled"));
    }
    let send = world.send(ada, "Hello");
    assert_eq!(world.answer(ada, send).unwrap_err().kind(), ErrorKind::Authentication);
    assert!(world.of(ada).machine.is_closed());
}

#[test]
fn open_api_rate_limited_waits_within_the_deadline() {
    let mut world = World::new(Settings::default(), 1);
    world.network.next(Step::Authenticate, answered("open.api.rate.limited"));
    let ada = world.client("ada");
    let began = world.now();
    world.opened(ada);
    let took = world.now().since(began);
    assert!(took >= limits::RATE_LIMIT_WAIT && took < limits::RATE_LIMIT_WAIT + Duration::from_secs(1));
}

#[test]
fn open_api_rate_limited_beyond_the_deadline_is_a_typed_error_with_the_time_to_wait() {
    let mut world = World::new(Settings::default(), 1);
    world.network.next(Step::Authenticate, answered("open.api.rate.limited"));
    let ada = world.client("ada");
    let deadline = Duration::from_secs(4);
    let open = world.command(ada, Command::Open { conversation: FIRST, deadline });
    let error = world.answer(ada, open).unwrap_err();
    assert_eq!((error.kind(), error.retry_after()), (ErrorKind::RateLimited, Some(limits::RATE_LIMIT_WAIT)));
}

#[test]
fn open_api_avatar_not_found_is_fatal() {
    let keys = vec![Key { share_code: "gone".to_owned(), ..Key::default() }];
    assert_fatal(Settings::default().keys(keys), ErrorKind::AvatarNotFound, "open.api.avatar.not.found");
}

#[test]
fn open_api_avatar_not_found_at_any_step_is_fatal() {
    let settings = Settings::default().avatars(vec![Avatar { id: 68, ..Avatar::default() }]);
    let mut world = World::new(settings, 1);
    world
        .network
        .next(Step::ResolveAvatar, Fate::Answered(200, json!({"code": 0, "data": {"id": 67}}).to_string()));
    let ada = world.client("ada");
    let open = world.open(ada);
    let error = world.answer(ada, open).unwrap_err();
    assert_eq!((error.kind(), error.step()), (ErrorKind::AvatarNotFound, Some(Step::BindSession)));
}

#[test]
fn open_api_invalid_visitor_id_is_refused_before_sending() {
    assert!(Visitor::parse("web_not-a-uuid").is_err());
}

#[test]
fn open_api_invalid_visitor_id_is_fatal_if_the_server_says_it() {
    let mut world = World::new(Settings::default(), 1);
    world.network.next(Step::Authenticate, answered("open.api.invalid.visitor.id"));
    let ada = world.client("ada");
    let open = world.open(ada);
    assert_eq!(world.answer(ada, open).unwrap_err().kind(), ErrorKind::InvalidVisitorId);
    assert!(world.of(ada).machine.is_closed());
}

#[test]
fn session_not_member_drops_the_record_and_the_next_open_makes_a_new_session() {
    let (mut world, ada) = live(Settings::default());
    let session = world.session(ada);
    world.network.next(Step::SendMessage, answered("session.not.member"));
    let send = world.send(ada, "Hello");
    let error = world.answer(ada, send).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::NotMember, Some("session.not.member")));
    assert_eq!(error.unsent().map(|unsent| (unsent.text.as_str(), unsent.certain)), Some(("Hello", true)));
    let again = world.restart(ada);
    world.opened(again);
    assert_ne!(world.session(again), session);
}

#[test]
fn http_401_or_403_or_a_code_that_names_the_token_authenticates_once_and_goes_on() {
    for fate in [
        Fate::Answered(401, String::new()),
        Fate::Answered(403, json!({"code": 403}).to_string()),
        answered("visitor.token.expired"),
        Fate::Answered(200, json!({"code": 10_401, "message": "auth.token.invalid"}).to_string()),
    ] {
        for step in
            [Step::InitChat, Step::CreateSocket, Step::CreateSession, Step::ResolveAvatar, Step::BindSession]
        {
            let mut world = World::new(Settings::default(), 1);
            world.network.next(step, fate.clone());
            let ada = world.client("ada");
            world.opened(ada);
            assert_eq!(times(&world, ada, Step::Authenticate), 2, "{step} {fate:?}");
        }
        let (mut world, ada) = live(Settings::default());
        world.network.next(Step::SendMessage, fate.clone());
        let ask = world.ask(ada, "Hello");
        assert_eq!(world.reply(ada, ask), "You said: Hello");
        assert_eq!(times(&world, ada, Step::Authenticate), 2, "{fate:?}");
        assert_eq!(world.of(ada).log.connects.len(), 1, "the socket stays");
    }
}

#[test]
fn a_token_lost_while_resting_is_no_loss() {
    for dead in DeadToken::ALL {
        let settings = Settings::default().token_lifetime(TokenLifetime::Minutes(5)).dead_token(*dead);
        let (mut world, ada) = live(settings);
        world.command(ada, Command::Pause);
        world.run_for(Duration::from_secs(3600));
        let ask = world.ask(ada, "Hello");
        assert_eq!(world.reply(ada, ask), "You said: Hello");
    }
}

#[test]
fn the_network_s_failures_are_retried_with_back_off_within_the_deadline() {
    for fate in [
        Fate::Answered(500, String::new()),
        Fate::Answered(503, "<html>".to_owned()),
        Fate::Answered(408, String::new()),
        Fate::Answered(429, String::new()),
        Fate::Refused,
        Fate::LostBefore,
    ] {
        let mut world = World::new(Settings::default(), 1);
        for _ in 0..3 {
            world.network.next(Step::InitChat, fate.clone());
        }
        let ada = world.client("ada");
        world.opened(ada);
        assert_eq!(times(&world, ada, Step::InitChat), 4, "{fate:?}");
    }
}

#[test]
fn anything_else_is_a_typed_error_with_the_code_the_text_and_the_step() {
    let mut world = World::new(Settings::default(), 1);
    let body = json!({"code": "avatar.sleeps", "message": "come back tomorrow"}).to_string();
    world.network.next(Step::BindSession, Fate::Answered(200, body));
    let ada = world.client("ada");
    let open = world.open(ada);
    let error = world.answer(ada, open).unwrap_err();
    assert_eq!(
        (error.kind(), error.code(), error.step()),
        (ErrorKind::Refused, Some("avatar.sleeps"), Some(Step::BindSession))
    );
    assert!(error.to_string().contains("come back tomorrow") && !error.is_retryable());
}

#[test]
fn a_used_up_allowance_is_asked_about_once_and_hands_the_message_back() {
    for body in [
        json!({"code": "avatar.unlock.required", "message": "unlock it"}),
        json!({"code": 403, "error_code": "owner.quota.exceeded"}),
        json!({"code": 402, "detail": "freeUsedUp.byokPlan"}),
    ] {
        for status in [200, 402, 403, 429, 500] {
            let (mut world, ada) = live(Settings::default());
            world.network.next(Step::SendMessage, Fate::Answered(status, body.to_string()));
            let ask = world.ask(ada, "Hello");
            let error = world.answer(ada, ask).unwrap_err();
            assert_eq!(
                (error.kind(), error.is_retryable()),
                (ErrorKind::PaymentRequired, false),
                "HTTP {status}"
            );
            assert!(error.unsent().is_some_and(|unsent| unsent.certain && unsent.text == "Hello"));
            world.run_for(Duration::from_secs(600));
            let calls = [Step::SendMessage, Step::Authenticate].map(|step| times(&world, ada, step));
            assert_eq!(calls, [1, 1], "neither the message nor a token is tried again");
            assert_eq!(world.of(ada).machine.state(FIRST), State::Live);
        }
    }
}

#[test]
fn an_opening_that_money_keeps_from_going_on_fails_once_at_every_step() {
    for step in [
        Step::Authenticate,
        Step::InitChat,
        Step::CreateSocket,
        Step::CreateSession,
        Step::ResolveAvatar,
        Step::BindSession,
    ] {
        let mut world = World::new(Settings::default(), 1);
        world.network.next(step, answered("avatar.unlock.required"));
        let ada = world.client("ada");
        let open = world.open(ada);
        let error = world.answer(ada, open).unwrap_err();
        assert_eq!((error.kind(), error.step()), (ErrorKind::PaymentRequired, Some(step)));
        world.run_for(Duration::from_secs(600));
        assert_eq!(times(&world, ada, step), 1, "{step} is not tried again");
    }
}

#[test]
fn a_conversation_that_money_keeps_from_coming_back_closes_and_asks_no_more() {
    let (mut world, ada) = live(Settings::default());
    world.network.next(Step::CreateSocket, answered("owner.quota.exceeded"));
    world.cut(ada);
    world.run_for(Duration::from_secs(600));
    let why = world.of(ada).kinds().find_map(|kind| match kind {
        EventKind::Closed { reason: CloseReason::Failed(error) } => Some(error.kind()),
        _ => None,
    });
    assert_eq!(why, Some(ErrorKind::PaymentRequired));
    assert_eq!(times(&world, ada, Step::CreateSocket), 2);
}

/// A failure over the socket, about the question that waits.
fn over_the_socket(code: &str) -> (ServiceError, Option<ErrorKind>, State) {
    let (mut world, ada) =
        live(Settings::default().reply_delay(secondme_avatar_emulator::service::Millis::seconds(30)));
    let ask = world.ask(ada, "Hello");
    world.run_for(Duration::from_secs(1));
    let failure = Injection::Failure {
        code: code.to_owned(),
        reason: "for a reason".to_owned(),
        actions: vec![json!({"action": "wait"})],
        message_id: None,
    };
    world.inject(ada, failure);
    world.run_for(Duration::from_secs(1));
    let said = world.of(ada).kinds().find_map(|kind| match kind {
        EventKind::ServiceError(error) => Some(error.clone()),
        _ => None,
    });
    let kind = world.of(ada).log.answers.get(&ask).map(|(_, result)| result.as_ref().unwrap_err().kind());
    (*said.expect("an event"), kind, world.of(ada).machine.state(FIRST))
}

#[test]
fn each_code_over_the_socket_is_an_event_and_answers_the_question_it_is_about() {
    use ErrorKind::{Closed, PaymentRequired, Refused, Unavailable};
    for (code, retryable, kind, state) in [
        ("session.status.closed", false, Some(Closed), State::Closed),
        ("session.openai.error", true, Some(Refused), State::Live),
        ("service.status.unavailable", true, Some(Unavailable), State::Live),
        ("session.message.exceedRequestLimit", false, Some(Refused), State::Live),
        ("session.message.exceedQPSLimit", true, Some(Refused), State::Live),
        ("umm.msg.exceedQPSLimit", true, Some(Refused), State::Live),
        ("package.turn.exhaustion", false, Some(PaymentRequired), State::Live),
        ("freeUsedUp.byokPlan", false, Some(PaymentRequired), State::Live),
        ("avatar.unlock.required", false, Some(PaymentRequired), State::Live),
        ("owner.quota.exceeded", false, Some(PaymentRequired), State::Live),
        ("session.response.timeout", true, Some(Refused), State::Live),
        ("message.length.limit", false, Some(Refused), State::Live),
        // An unknown code is delivered as it is, and may be about anything.
        ("moon.phase.wrong", false, None, State::Live),
    ] {
        let (said, answered, stands) = over_the_socket(code);
        assert_eq!((said.code.as_str(), said.retryable), (code, retryable));
        assert_eq!(
            (said.reason.as_deref(), &said.actions[0]["action"]),
            (Some("for a reason"), &json!("wait"))
        );
        assert_eq!((answered, stands), (kind, state), "{code}");
    }
}

#[test]
fn a_session_closed_over_the_socket_says_so_and_is_not_resumed() {
    let (mut world, ada) = live(Settings::default());
    let code = "session.status.closed".to_owned();
    world.inject(
        ada,
        Injection::Failure { code, reason: String::new(), actions: Vec::new(), message_id: None },
    );
    world.run_for(Duration::from_secs(1));
    let closed = |kind: &EventKind| matches!(kind, EventKind::Closed { reason: CloseReason::SessionEnded });
    assert!(world.of(ada).kinds().any(closed));
    let again = world.restart(ada);
    let open = world.open(again);
    assert!(matches!(world.answer(again, open), Ok(Outcome::Opened { resumed: false, .. })));
}

#[test]
fn a_key_of_another_form_never_leaves() {
    assert!("not-a-key".parse::<secondme_avatar_protocol::ApiKey>().is_err());
    // And one that is unknown to the service is refused by it alone.
    let mut world = World::new(Settings::default(), 1);
    let visitor = Visitor::for_user("web", "ada").unwrap();
    let key = "sk-unknown".parse().unwrap();
    let (now, seed) = (world.now(), world.seed_of_next());
    let ada = world.client_of(Machine::new(Config::default(), key, visitor, None, now, seed));
    let open = world.open(ada);
    assert_eq!(world.answer(ada, open).unwrap_err().code(), Some("open.api.key.not.found"));
}
