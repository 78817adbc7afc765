//! `spec/fixtures/visitor-chat`: what is sent through the second door is what they say, and what comes back is read.

#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod support;

use secondme_avatar_protocol::{
    AppCredentials, AppToken, CallId, Config, Confirmation, Door, Encoding, Error, ErrorKind, EventKind,
    Freshness, HttpRequest, Input, Machine, Method, Outcome, PresentToken, Secret, Speaker, State, Step,
    Visitor, limits,
};
use serde_json::{Value, json};

use support::fixtures::{assert_all_used, fixture};
use support::{BEGINNING, FIRST, Peer, body};

/// What the examples name.
const KEY: &str = "sk-0123456789abcdef";
const VISITOR: &str = "web_6ba7b810-9dad-11d1-80b4-00c04fd430c8";

fn config() -> Config {
    Config { door: Door::VisitorChat, ..Config::default() }
}

/// A visitor of the examples who has a token and asks for a session.
fn opening(config: Config) -> Peer {
    let visitor = Visitor::parse(VISITOR).unwrap().name("张三");
    let mut peer = Peer::new();
    peer.machine = Machine::new(config, KEY.parse().unwrap(), visitor, None, BEGINNING, 1);
    peer.open(FIRST);
    token(&mut peer);
    peer
}

fn token(peer: &mut Peer) {
    let (call, _) = peer.tokens.pop().unwrap();
    let token = Secret::from("lba_app_0123".to_owned());
    peer.input(Input::TokenGranted { call, token, renew_at: None, freshness: Freshness::Fetched });
}

fn answered(peer: &mut Peer, step: Step, name: &str) {
    peer.reply(step, 200, &fixture(name).to_string());
}

fn live() -> Peer {
    live_with(config(), "visitor-chat/init.response")
}

fn live_with(config: Config, init: &str) -> Peer {
    let mut peer = opening(config);
    answered(&mut peer, Step::InitVisitorChat, init);
    peer.up();
    assert_eq!(peer.machine.state(FIRST), State::Live);
    peer.happened();
    peer
}

/// What a frame makes happen in a conversation that waits for nothing.
fn heard(name: &str) -> Vec<EventKind> {
    let mut peer = live();
    peer.frame(fixture(name));
    peer.happened()
}

fn assert_is_call(request: &HttpRequest, path: &str) {
    assert_eq!((request.method, request.path.as_str()), (Method::Post, path));
    let headers: Vec<_> =
        request.headers.iter().map(|(name, value)| (*name, value.expose_secret())).collect();
    assert_eq!(headers, [("Authorization", "Bearer lba_app_0123")]);
}

#[test]
fn every_fixture_of_this_door_is_used() {
    assert_all_used(&["visitor-chat"], include_str!("visitor_chat_fixtures.rs"), &[]);
}

fn fetched(answer: &str) -> (HttpRequest, Result<PresentToken, Error>) {
    let mut token = AppToken::new(AppCredentials::new("app-id", "app-secret").unwrap(), 1);
    let request = token.begin(BEGINNING, CallId(1)).unwrap();
    let answer = token.answered(BEGINNING, 200, None, fixture(answer).to_string().as_bytes());
    (request, answer)
}

#[test]
fn the_token_is_asked_for_in_a_form_and_its_lifetime_is_read_in_either_form() {
    let (request, number) = fetched("visitor-chat/token.response");
    assert_eq!((request.path.as_str(), request.encoding), ("/api/oauth/token/client", Encoding::Form));
    let fields = request.body.as_deref().unwrap().split('&').map(|field| field.split_once('=').unwrap());
    let sent: Value = fields.map(|(name, value)| (name.to_owned(), json!(value))).collect();
    assert_eq!(sent, fixture("visitor-chat/token.request"));
    let (_, digits) = fetched("visitor-chat/token-in-digits.response");
    let (number, digits) = (number.unwrap(), digits.unwrap());
    assert_eq!(number.token.expose_secret(), "lba_app_0123");
    assert_eq!(
        (number.token.expose_secret(), number.renew_at),
        (digits.token.expose_secret(), digits.renew_at)
    );
    assert!(number.renew_at > BEGINNING + std::time::Duration::from_secs(600_000));
}

#[test]
fn a_session_is_asked_for_a_visitor_or_for_a_user() {
    let request = opening(config()).take(Step::InitVisitorChat);
    assert_is_call(&request, "/api/secondme/visitor-chat/init");
    assert_eq!(body(&request), fixture("visitor-chat/init.request"));

    let visitor = Visitor::parse(VISITOR).unwrap();
    let mut peer = Peer::new();
    let of_user = Config { speaker: Speaker::User, ..config() };
    peer.machine = Machine::new(of_user, KEY.parse().unwrap(), visitor, None, BEGINNING, 1);
    peer.open(FIRST);
    token(&mut peer);
    assert_eq!(body(&peer.take(Step::InitVisitorChat)), fixture("visitor-chat/init-of-user.request"));
}

#[test]
fn a_session_is_read_with_an_opening_and_without() {
    for (name, opening, avatar) in [
        ("visitor-chat/init.response", "Hello! 👋", "My Assistant"),
        ("visitor-chat/init-with-null.response", "", "My Assistant"),
        ("visitor-chat/init-without-opening.response", "", ""),
    ] {
        let peer = live_with(config(), name);
        let session = peer.machine.session_id(FIRST).unwrap();
        assert_eq!(session.as_str(), "1234567890123456789", "{name}");
        assert_eq!(peer.machine.opening().map_or("", |text| text.as_str()), opening, "{name}");
        assert_eq!(peer.machine.avatar_name().unwrap_or_default(), avatar, "{name}");
    }
}

#[test]
fn a_message_is_sent_and_its_answer_may_be_empty() {
    for name in [
        "visitor-chat/send.response",
        "visitor-chat/send-without-data.response",
        "visitor-chat/send-with-id.response",
    ] {
        let mut peer = live();
        let send = peer.send("Hello, tell me about yourself");
        let request = peer.requests.iter().find(|request| request.step == Step::SendMessage).unwrap();
        assert_is_call(request, "/api/secondme/visitor-chat/send");
        assert_eq!(body(request), fixture("visitor-chat/send.request"));
        answered(&mut peer, Step::SendMessage, name);
        let Ok(Outcome::Sent(sent)) = peer.result(send) else { panic!("{name}") };
        assert_eq!(sent.confirmed_by, Confirmation::Answer);
        let mut echo = fixture("visitor-chat/echo-without-ids.frame");
        peer.frame(echo.clone());
        assert!(matches!(&peer.happened()[..], [EventKind::Delivered { message_id: Some(_), .. }]), "{name}");
        // The id in the answer is the echo's, whatever its text.
        echo["messageId"] = "12345_____1774580000000".into();
        echo["multipleData"][0]["modal"]["answer"] = "***".into();
        peer.frame(echo);
        let is_named = name.contains("with-id");
        let is_owner = peer.happened().iter().any(|kind| matches!(kind, EventKind::OwnerReply(_)));
        assert_eq!(is_owner, !is_named, "{name}");
    }
}

#[test]
fn a_failure_is_read_in_whichever_field_it_stands() {
    for (name, code) in [
        ("visitor-chat/failure-in-sub-code.failure", Some("oauth2.token.expired")),
        ("visitor-chat/failure-in-error-code.failure", Some("oauth2.token.expired")),
        ("visitor-chat/failure-in-detail.failure", None),
    ] {
        let mut peer = live();
        let send = peer.send("Hello");
        // Another token is asked for, and does not help.
        for _ in 0..2 {
            peer.reply(Step::SendMessage, 401, &fixture(name).to_string());
            if !peer.tokens.is_empty() {
                token(&mut peer);
            }
        }
        let error = peer.error(send);
        assert_eq!((error.kind(), error.code()), (ErrorKind::Authentication, code), "{name}");
    }
}

#[test]
fn a_body_that_the_service_cannot_read_is_refused_with_its_field() {
    let mut peer = opening(config());
    peer.reply(Step::InitVisitorChat, 422, &fixture("visitor-chat/unprocessable.failure").to_string());
    let Some(error) = peer.answers.values().find_map(|(_, result)| result.as_ref().err()) else { panic!() };
    assert_eq!((error.kind(), error.status()), (ErrorKind::Refused, Some(422)));
    assert!(error.to_string().contains("the field `apiKey`: Field required"), "{error}");
}

#[test]
fn frames_without_ids_are_the_avatar_s_the_visitor_s_or_nothing() {
    let happened = heard("visitor-chat/avatar-reply-without-ids.frame");
    let [EventKind::ReplyDelta { text, .. }] = &happened[..] else { panic!("{happened:?}") };
    assert_eq!(text.as_str(), "Hello");
    assert!(heard("visitor-chat/bare-pong.frame").is_empty());
    let init = "visitor-chat/init-without-opening.response";
    let mut peer = live_with(Config { ping_unnamed: true, ..config() }, init);
    peer.pass(limits::HEARTBEAT);
    let ping: Value = serde_json::from_str(&peer.frames[0].1).unwrap();
    assert_eq!(ping, fixture("visitor-chat/bare-ping.frame"));
}

#[test]
fn a_voice_is_part_of_a_reply_or_is_handed_on() {
    let happened = heard("visitor-chat/voice-as-speech.frame");
    let Some(EventKind::Reply(reply)) = happened.last() else { panic!("{happened:?}") };
    assert_eq!(reply.speech.len(), 1);
    for name in ["visitor-chat/voice-as-type.frame", "visitor-chat/voice-as-urls.frame"] {
        let mut peer = live();
        peer.frame(fixture(name));
        let event = peer.events.last().unwrap();
        assert!(matches!(event.kind, EventKind::Unknown), "{name}: {event:?}");
        let raw = event.raw.as_ref().unwrap();
        assert!(raw.as_str().contains("https://example.com/voice.mp3"), "{name}");
    }
}
