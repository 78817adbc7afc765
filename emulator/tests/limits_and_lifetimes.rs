//! What ends after a time, and what may be done so often.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod support;

use secondme_avatar_emulator::service::{
    Avatar, CloseHow, Headers, Key, Millis, PingDrop, QuotaScope, Request, RetryAfter, Settings,
    TokenLifetime,
};
use serde_json::json;
use support::*;

#[test]
fn the_61st_authentication_within_a_minute_is_refused() {
    let mut stage = Stage::new(Settings::default());
    for _ in 0..60 {
        assert_eq!(stage.auth(ANN).status, 200);
        stage.pass(Millis(100));
    }
    let refused = stage.auth(ANN);
    assert_eq!(code(&refused), "open.api.rate.limited");
    assert!(!refused.headers.iter().any(|(name, _)| name == "retry-after"));
    // The first of the sixty is a minute ago 54 s from now; a refused call does not count.
    stage.pass(Millis::seconds(54) - Millis(1));
    assert_eq!(code(&stage.auth(ANN)), "open.api.rate.limited");
    stage.pass(Millis(1));
    data(&stage.auth(ANN));
    assert_eq!(code(&stage.auth(ANN)), "open.api.rate.limited");
    stage.pass(Millis::minutes(1));
    data(&stage.auth(ANN));
}

#[test]
fn a_refusal_for_the_quota_says_how_long_to_wait_if_the_switch_says_so() {
    let settings = Settings::default().quota_per_minute(1).retry_after(RetryAfter::Seconds);
    let mut stage = Stage::new(settings);
    stage.auth(ANN);
    stage.pass(Millis(20_500));
    let refused = stage.auth(ANN);
    assert!(refused.headers.contains(&("retry-after".to_owned(), "40".to_owned())), "{refused:?}");
}

#[test]
fn each_key_has_a_quota_of_its_own() {
    let mut settings = Settings::default().quota_per_minute(1);
    let mut second = settings.keys[0].clone();
    second.key = "sk-second".to_owned();
    settings.keys.push(second);
    let mut stage = Stage::new(settings);
    data(&stage.auth(ANN));
    assert_eq!(code(&stage.auth(ANN)), "open.api.rate.limited");
    let mut other = auth(&json!({"visitorId": ANN}));
    other.headers = secondme_avatar_emulator::service::Headers::new();
    other.headers.push("Authorization", "Bearer sk-second");
    other.headers.push("Content-Type", "application/json");
    data(&stage.request(other));
}

#[test]
fn a_key_keeps_its_quota_and_its_visitors_when_the_keys_change() {
    let avatars = vec![Avatar::default(), Avatar::numbered("shop", 1)];
    assert_ne!(avatars[0].owner_user_id, avatars[1].owner_user_id);
    let key =
        |key: &str, share_code: &str| Key { key: key.into(), share_code: share_code.into(), disabled: false };
    let keys = vec![Key::default(), key("sk-shop", "shop")];
    let settings = Settings::default().avatars(avatars).keys(keys).quota_per_minute(1);
    let mut stage = Stage::new(settings.quota_scope(QuotaScope::All));
    let ann = stage.arrive(ANN);
    stage.service.change_settings(|settings| settings.keys.reverse());
    assert_eq!(code(&stage.auth(ANN)), "open.api.rate.limited", "it was used up before");
    let request = auth(&json!({"visitorId": BEN}));
    let shop = Request { headers: Headers::new(), ..request };
    let shop = shop.header("Authorization", "Bearer sk-shop").header("Content-Type", "application/json");
    let ben = data(&stage.request(shop.clone()));
    assert_ne!(ben["ownerUserId"], ann.owner.as_str());
    assert_eq!(ben["avatarShareCode"], "shop");
    let init = json!({"shareCode": "ebe251793d69"});
    assert_eq!(code(&stage.post(&ann, INIT, &init)), "open.api.rate.limited");
    stage.pass(Millis::minutes(1));
    stage.service.change_settings(|settings| settings.keys[0].disabled = true);
    assert_eq!(code(&stage.request(shop)), "open.api.key.disabled");
    data(&stage.post(&ann, INIT, &init));
}

#[test]
fn other_calls_count_against_the_quota_only_if_the_switch_says_so() {
    for scope in QuotaScope::ALL {
        let mut stage = Stage::new(Settings::default().quota_per_minute(3).quota_scope(*scope));
        let ann = stage.arrive(ANN);
        let init = json!({"shareCode": "ebe251793d69"});
        data(&stage.post(&ann, INIT, &init));
        data(&stage.get(&ann, PUBLIC));
        let fourth = stage.post(&ann, INIT, &init);
        match scope {
            QuotaScope::Auth => drop(data(&fourth)),
            QuotaScope::All => assert_eq!(code(&fourth), "open.api.rate.limited"),
        }
    }
}

#[test]
fn a_session_must_come_within_ten_minutes_of_init() {
    let mut stage = Stage::new(Settings::default());
    let mut ann = stage.arrive(ANN);
    assert_eq!(code(&stage.post(&ann, SESSION, &session(&ann))), "chat.context.expired");
    stage.init(&mut ann);
    stage.pass(Millis::minutes(10) - Millis(1));
    data(&stage.post(&ann, SESSION, &session(&ann)));
    stage.pass(Millis(1));
    assert_eq!(code(&stage.post(&ann, SESSION, &session(&ann))), "chat.context.expired");
    stage.init(&mut ann);
    data(&stage.post(&ann, SESSION, &session(&ann)));
}

#[test]
fn an_address_is_good_for_sixty_seconds() {
    let mut stage = Stage::new(Settings::default());
    let mut ann = stage.arrive(ANN);
    stage.address(&mut ann);
    let mut late = ann.clone();
    stage.address(&mut late);
    stage.pass(Millis::seconds(60) - Millis(1));
    stage.handshake(&ann).unwrap();
    stage.pass(Millis(1));
    let refused = stage.handshake(&late).unwrap_err();
    assert_eq!((refused.status, code(&refused).as_str()), (410, "ws.address.expired"));
}

#[test]
fn an_address_is_good_for_one_connection() {
    let mut stage = Stage::new(Settings::default());
    let mut ann = stage.open(ANN);
    let refused = stage.handshake(&ann).unwrap_err();
    assert_eq!((refused.status, code(&refused).as_str()), (409, "ws.address.used"));
    ann.address = "ws://127.0.0.1/gate/ws?ticket=made-up".to_owned();
    let refused = stage.handshake(&ann).unwrap_err();
    assert_eq!((refused.status, code(&refused).as_str()), (404, "ws.address.unknown"));
}

#[test]
fn a_socket_without_pings_is_dropped() {
    for drop in PingDrop::ALL {
        let allowed = match drop {
            PingDrop::After20s => Millis::seconds(20),
            PingDrop::After30s => Millis::seconds(30),
            PingDrop::After60s => Millis::seconds(60),
        };
        let mut stage = Stage::new(Settings::default().ping_drop(*drop));
        let ann = stage.open(ANN);
        stage.pass_alive(&ann, Millis::minutes(5));
        assert_eq!(stage.service.state(stage.now).sockets.len(), 1);
        stage.ping(&ann);
        stage.take_pushes();
        // Acknowledgements are no pings, and neither is a ping for another socket.
        stage.pass(Millis::seconds(15));
        stage.say(&ann, &json!({"type": "ack", "seqId": "x", "wsId": ann.ws_id}));
        stage.say(&ann, &json!({"type": "ping", "wsId": "ws:other"}));
        stage.pass(allowed - Millis::seconds(15) - Millis(1));
        assert_eq!(stage.closed(), []);
        stage.pass(Millis(1));
        assert_eq!(stage.closed(), [(ann.socket, CloseHow::Abrupt)]);
        assert_eq!(stage.service.state(stage.now).sockets, []);
    }
}

#[test]
fn pings_as_often_as_every_five_seconds_are_fine() {
    let mut stage = Stage::new(Settings::default());
    let ann = stage.open(ANN);
    for _ in 0..50 {
        stage.pass(Millis::seconds(5));
        stage.ping(&ann);
    }
    assert_eq!(stage.service.state(stage.now).sockets[0].pings, 50);
}

#[test]
fn the_longest_time_without_a_ping_is_told_of_each_socket() {
    let mut stage = Stage::new(Settings::default());
    let ann = stage.open(ANN);
    let longest = |stage: &mut Stage| stage.service.state(stage.now).sockets[0].longest_silence;
    stage.pass(Millis::seconds(7));
    assert_eq!(longest(&mut stage), 7_000, "since it connected");
    stage.ping(&ann);
    stage.pass(Millis::seconds(5));
    stage.ping(&ann);
    assert_eq!(longest(&mut stage), 7_000, "a shorter one changes nothing");
    stage.pass(Millis::seconds(12));
    stage.ping(&ann);
    stage.pass(Millis::seconds(3));
    assert_eq!(longest(&mut stage), 12_000, "between two pings");
    stage.say(&ann, &json!({"type": "ack", "seqId": "x", "wsId": ann.ws_id}));
    stage.say(&ann, &json!({"type": "ping", "wsId": "ws:other"}));
    stage.pass(Millis::seconds(10));
    assert_eq!(longest(&mut stage), 13_000, "one that lasts; what is no ping of its own does not end it");
}

#[test]
fn a_token_lives_as_long_as_the_switch_says() {
    let settings = Settings::default().token_lifetime(TokenLifetime::Calls(2));
    let mut stage = Stage::new(settings);
    let ann = stage.arrive(ANN);
    data(&stage.get(&ann, PUBLIC));
    data(&stage.get(&ann, PUBLIC));
    assert_eq!(code(&stage.get(&ann, PUBLIC)), "visitor.token.invalid");
    let again = stage.arrive(ANN);
    data(&stage.get(&again, PUBLIC));

    let settings = Settings::default().token_lifetime(TokenLifetime::Minutes(5));
    let mut stage = Stage::new(settings);
    let ann = stage.arrive(ANN);
    stage.pass(Millis::minutes(5) - Millis(1));
    data(&stage.get(&ann, PUBLIC));
    stage.pass(Millis(1));
    assert_eq!(code(&stage.get(&ann, PUBLIC)), "visitor.token.invalid");

    let mut stage = Stage::new(Settings::default());
    let ann = stage.arrive(ANN);
    stage.pass(Millis::minutes(100_000));
    data(&stage.get(&ann, PUBLIC));
}

#[test]
fn a_long_run_does_not_grow_without_end() {
    let mut stage = Stage::new(Settings::default());
    let mut ann = stage.open(ANN);
    for _ in 0..300 {
        data(&stage.post(&ann, SESSION, &session(&ann)));
        stage.address(&mut ann);
    }
    assert!(stage.service.state(stage.now).sessions.len() <= 256);
    stage.pass(Millis::minutes(12));
    assert_eq!(stage.service.next_deadline(), None, "no timer outlives what it is for");
}
