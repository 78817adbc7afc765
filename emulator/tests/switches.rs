//! The open questions about calls, messages and takeovers, under each of their answers.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod support;

use secondme_avatar_emulator::service::{
    DeadToken, FailureShape, FailureStatus, HistoryCalls, Millis, OtherClients, Pings, RepeatedMessage,
    Settings, TakeoverSilence, TokenLifetime,
};
use serde_json::{Value, json};
use support::*;

#[test]
fn the_code_of_a_failure_stands_where_the_switch_says() {
    for shape in FailureShape::ALL {
        let mut stage = Stage::new(Settings::default().failure_shape(*shape));
        let body = body(&stage.request(auth(&json!({"visitorId": "x"}))));
        let dotted = json!("open.api.invalid.visitor.id");
        match shape {
            FailureShape::Code => assert_eq!(body["code"], dotted),
            FailureShape::SubCode => assert_eq!((&body["subCode"], &body["code"]), (&dotted, &json!(400))),
            FailureShape::Message => assert_eq!((&body["message"], &body["code"]), (&dotted, &json!(400))),
            FailureShape::Msg => assert_eq!((&body["msg"], &body["code"]), (&dotted, &json!(400))),
            FailureShape::ErrorCode => {
                assert_eq!((&body["error_code"], &body["code"]), (&dotted, &json!(400)));
            }
            FailureShape::Detail => assert_eq!((&body["detail"], &body["code"]), (&dotted, &json!(400))),
        }
    }
}

#[test]
fn the_status_of_a_failure_is_200_or_the_fitting_one() {
    for status in FailureStatus::ALL {
        let mut settings = Settings::default().failure_status(*status).quota_per_minute(3);
        settings.keys.push(settings.keys[0].clone());
        settings.keys[1].key = "sk-off".to_owned();
        settings.keys[1].disabled = true;
        let mut stage = Stage::new(settings);
        let fitting = *status == FailureStatus::Fitting;
        let request = |key: &str, id: &str| {
            let request = secondme_avatar_emulator::service::Request::new("POST", AUTH);
            request.json(&json!({"visitorId": id})).header("Authorization", &format!("Bearer {key}"))
        };
        for (key, id, wanted) in [
            ("", ANN, 401),
            ("sk-no", ANN, 401),
            ("sk-off", ANN, 403),
            ("sk-emulator", "x", 400),
            ("sk-emulator", "x", 400),
            ("sk-emulator", "x", 400),
            ("sk-emulator", ANN, 429),
        ] {
            let answer = stage.request(request(key, id));
            assert_eq!(answer.status, if fitting { wanted } else { 200 });
        }
    }
}

#[test]
fn a_dead_token_gets_401_or_a_code() {
    for dead in DeadToken::ALL {
        for status in FailureStatus::ALL {
            let settings = Settings::default().token_lifetime(TokenLifetime::Calls(0));
            let mut stage = Stage::new(settings.dead_token(*dead).failure_status(*status));
            let ann = stage.arrive(ANN);
            let answer = stage.get(&ann, PUBLIC);
            let wanted = if *dead == DeadToken::Unauthorized { 401 } else { 200 };
            assert_eq!((answer.status, code(&answer).as_str()), (wanted, "visitor.token.invalid"));
        }
    }
}

#[test]
fn the_avatar_is_silent_until_handed_back() {
    let settings = Settings::default().takeover_silence(TakeoverSilence::UntilHandedBack);
    let mut stage = Stage::new(settings);
    let ann = stage.open(ANN);
    stage.take_over(&ann);
    stage.pass_alive(&ann, Millis::minutes(600));
    assert_eq!(replies(&stage.ask(&ann, "Hello")), "");
    stage.hand_back(&ann);
    assert_eq!(replies(&stage.ask(&ann, "Hello")), "You said: Hello");
}

#[test]
fn the_avatar_is_silent_for_some_minutes_after_the_owners_last_message() {
    let settings = Settings::default().takeover_silence(TakeoverSilence::Minutes(5));
    let mut stage = Stage::new(settings);
    let ann = stage.open(ANN);
    stage.take_over(&ann);
    stage.pass_alive(&ann, Millis::minutes(4));
    stage.owner_says(&ann, "Still me");
    stage.pass_alive(&ann, Millis::minutes(4));
    assert_eq!(replies(&stage.ask(&ann, "Hello")), "");
    stage.pass_alive(&ann, Millis::minutes(1));
    assert_eq!(replies(&stage.ask(&ann, "Hello")), "You said: Hello");
}

#[test]
fn the_avatar_is_never_silent() {
    let mut stage = Stage::new(Settings::default().takeover_silence(TakeoverSilence::Never));
    let ann = stage.open(ANN);
    stage.owner_says(&ann, "It is me");
    assert!(stage.service.state(stage.now).sessions[0].taken_over);
    assert_eq!(replies(&stage.ask(&ann, "Hello")), "You said: Hello");
}

#[test]
fn a_message_sent_twice_counts_once_or_twice() {
    for repeated in RepeatedMessage::ALL {
        let mut stage = Stage::new(Settings::default().repeated_message(*repeated));
        let ann = stage.open(ANN);
        let message = stage.message(&ann, "Hello");
        stage.take_pushes();
        for _ in 0..2 {
            assert_eq!(data(&stage.post(&ann, SEND, &message)), Value::Null);
        }
        stage.pass(Millis::seconds(5));
        let frames = stage.frames(&ann);
        let echoes = frames.iter().filter(|frame| frame["sender"] == "client").count();
        let wanted = if *repeated == RepeatedMessage::One { 1 } else { 2 };
        assert_eq!((echoes, replies(&frames)), (wanted, "You said: Hello".repeat(wanted)));
        let counted = stage.service.state(stage.now).sessions[0]
            .texts(secondme_avatar_emulator::service::Author::Visitor)
            .len();
        assert_eq!(counted, wanted);
    }
}

#[test]
fn the_calls_for_history_are_there_or_not() {
    for calls in HistoryCalls::ALL {
        let mut stage = Stage::new(Settings::default().history_calls(*calls));
        let ann = stage.open(ANN);
        let session = &ann.session;
        let answers = [
            stage.get(&ann, &format!("{QUERY}?sessionId={session}&direction=forward&seqId=")),
            stage.get(&ann, &format!("{LATEST}?sessionId={session}")),
            stage.post(&ann, CLOSE, &json!({"sessionId": session})),
        ];
        for answer in answers {
            match calls {
                HistoryCalls::There => drop(data(&answer)),
                HistoryCalls::NotFound => assert_eq!(answer.status, 404),
                HistoryCalls::Failure => {
                    assert_eq!((answer.status, code(&answer).as_str()), (200, "visitor.call.not.available"));
                }
            }
        }
    }
}

#[test]
fn settings_are_written_and_read_as_json() {
    let settings = Settings::default()
        .takeover_silence(TakeoverSilence::Minutes(5))
        .token_lifetime(TokenLifetime::Calls(20))
        .pings(Pings::Nothing)
        .latency(Millis(100));
    let written = serde_json::to_value(&settings).unwrap();
    assert_eq!(written["takeover-silence"], "minutes:5");
    assert_eq!(written["token-lifetime"], "calls:20");
    assert_eq!((&written["pings"], &written["latency"]), (&json!("nothing"), &json!("100ms")));
    assert_eq!(serde_json::from_value::<Settings>(written).unwrap(), settings);
    let partial: Settings = serde_json::from_value(json!({"ping-drop": "60s"})).unwrap();
    assert_eq!(partial.keys, Settings::default().keys);
    assert!(serde_json::from_value::<Settings>(json!({"pingdrop": "60s"})).is_err());
}

#[test]
fn what_other_clients_send_is_taken_unless_only_the_page_counts() {
    for other in OtherClients::ALL {
        let mut stage = Stage::new(Settings::default().other_clients(*other));
        let ann = stage.open(ANN);
        let mut edited = |change: &dyn Fn(&mut serde_json::Map<String, Value>)| {
            let mut body = stage.message(&ann, "Hello");
            change(body.as_object_mut().unwrap());
            body
        };
        let counted = edited(&|fields| {
            fields.insert("index".to_owned(), json!(7));
        });
        // As the vendor's web client writes it.
        let vendors = edited(&|fields| {
            let user = fields.remove("userId").unwrap();
            fields.insert("refUserId".to_owned(), user);
            fields.remove("sendUserId");
            fields.insert("mindId".to_owned(), json!(ann.mind_id.to_string()));
            fields.insert("deviceId".to_owned(), json!("device"));
            fields.insert("multipleData".to_owned(), json!([]));
        });
        // Without `refUserId` it is no other client's, and the encoded id belongs into step 3 under no answer.
        let half = edited(&|fields| {
            fields.remove("sendUserId");
        });
        let page = edited(&|_| ());
        for sent in [counted, vendors] {
            let is_taken = body(&stage.post(&ann, SEND, &sent))["code"] == 0;
            assert_eq!(is_taken, *other == OtherClients::Taken, "{other}: {sent}");
        }
        assert_eq!(code(&stage.post(&ann, SEND, &half)), "request.field.missing", "{other}");
        assert_eq!(stage.post(&ann, SEND, &page).status, 200);
    }
}
