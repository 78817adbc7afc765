//! The examples of `spec/fixtures/visitor-chat`: its requests are taken, and its answers and frames are what
//! the emulator gives under some switch.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use secondme_avatar_emulator::Settings;
use secondme_avatar_emulator::service::*;
use serde_json::{Value, json};
use support::chat::{FORM, INIT, SEND, form, init_body};
use support::{ANN, Stage, answer_text, body, data, with};

fn fixtures() -> BTreeMap<String, Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/fixtures/visitor-chat");
    let files = folder.read_dir().unwrap().map(|file| file.unwrap().path());
    let read = |file: std::path::PathBuf| {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap())
    };
    files.map(read).collect()
}

/// The names of the fields, and the kinds of their values, all the way down.
fn shape(of: &Value) -> Value {
    match of {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
        Value::Array(values) => values.iter().map(shape).collect(),
        Value::String(_) => "text".into(),
        Value::Number(_) => "number".into(),
        Value::Bool(_) => "bool".into(),
        Value::Null => "null".into(),
    }
}

/// Plays the switches under which the emulator answers, or sends, what a fixture holds.
fn played(name: &str) -> Value {
    let settings = Settings::default();
    let settings = match name {
        "token-in-digits.response" => settings.visitor_chat_expires_in(ExpiresIn::Text),
        "init-without-opening.response" => settings.visitor_chat_opening(OpeningLine::Absent),
        "init-with-null.response" => settings.visitor_chat_opening(OpeningLine::Null),
        "send-without-data.response" => settings.visitor_chat_send_answer(SendAnswer::Absent),
        "send-with-id.response" => settings.visitor_chat_send_answer(SendAnswer::MessageId),
        "failure-in-error-code.failure" => settings.visitor_chat_failure_form(FailureForm::ErrorCode),
        "voice-as-type.frame" => settings.visitor_chat_voice(VoiceForm::Kind),
        "voice-as-urls.frame" => settings.visitor_chat_voice(VoiceForm::Urls),
        name if name.ends_with("-ids.frame") || name == "bare-pong.frame" => {
            settings.visitor_chat_frame_ids(FrameIds::Absent)
        }
        _ => settings,
    };
    let mut stage = Stage::new(settings);
    let chat = stage.chat(ANN);
    stage.take_pushes();
    let answer = match name {
        name if name.starts_with("token") => stage.request(form(FORM)),
        name if name.starts_with("init") => stage.chat_call(&chat.token, INIT, &init_body(ANN)),
        name if name.starts_with("send") => stage.chat_send(&chat, "Hi"),
        "unprocessable.failure" => {
            stage.chat_call(&chat.token, INIT, &with(&init_body(ANN), "apiKey", Value::Null))
        }
        "failure-in-detail.failure" => stage.request(Request::new("POST", INIT).json(&init_body(ANN))),
        name if name.starts_with("failure") => {
            stage.service.set_chat_tokens(stage.now, None, TokenStanding::Expired);
            stage.chat_send(&chat, "Hi")
        }
        _ => {
            let is_voice = name.starts_with("voice");
            if is_voice {
                let url = "https://example.com/voice.mp3".to_owned();
                stage.service.inject(stage.now, &chat.session, Injection::Voice(url)).unwrap();
            } else {
                stage.chat_say(&chat, &json!({"type": "ping"}));
                data(&stage.chat_send(&chat, "Hi"));
            }
            stage.pass(Millis::seconds(1));
            let frames = stage.chat_frames(&chat);
            let wanted = |frame: &&Value| match name {
                "bare-pong.frame" => frame["type"] == "pong",
                "echo-without-ids.frame" => frame["sender"] == "client",
                "avatar-reply-without-ids.frame" => {
                    frame["sender"] == "umm" && !answer_text(frame).is_empty()
                }
                _ => is_voice,
            };
            return frames.iter().find(wanted).unwrap_or_else(|| panic!("{name}: {frames:?}")).clone();
        }
    };
    body(&answer)
}

#[test]
fn each_request_is_taken_with_ids_that_are_live() {
    let fixtures = fixtures();
    let mut stage = Stage::new(Settings::default());
    let chat = stage.chat(ANN);
    let user = stage.service.issue_user_token(stage.now, "ann");
    let mut taken = 0;
    for (name, request) in fixtures.iter().filter(|(name, _)| name.ends_with(".request")) {
        let live = |mut request: Value| {
            for (field, value) in [
                ("apiKey", "sk-emulator"),
                ("sessionId", &chat.session),
                ("client_id", "emulator-app"),
                ("client_secret", "emulator-secret"),
            ] {
                if request.get(field).is_some() {
                    request[field] = json!(value);
                }
            }
            request
        };
        let request = live(request.clone());
        let answer = match name.as_str() {
            "token.request" => {
                let fields = request.as_object().unwrap().iter();
                let pairs = fields.map(|(name, value)| format!("{name}={}", value.as_str().unwrap()));
                stage.request(form(&pairs.collect::<Vec<_>>().join("&")))
            }
            "init.request" => stage.chat_call(&chat.token, INIT, &request),
            "init-of-user.request" => stage.chat_call(&user, INIT, &request),
            "send.request" => stage.chat_call(&chat.token, SEND, &request),
            name => panic!("no call takes {name}"),
        };
        data(&answer);
        taken += 1;
    }
    assert_eq!(taken, 4);
}

#[test]
fn each_answer_and_frame_is_one_that_the_emulator_gives() {
    let fixtures = fixtures();
    let given = fixtures.iter().filter(|(name, _)| !name.ends_with(".request") && *name != "bare-ping.frame");
    for (name, fixture) in given {
        let (wanted, found) = (shape(fixture), shape(&played(name)));
        if name.ends_with(".frame") || name == "token-in-digits.response" {
            // A frame of the emulator says more, such as when it was made; the token's answer too.
            assert!(is_part(&wanted, &found), "{name}: {wanted} is no part of {found}");
        } else {
            assert_eq!(found, wanted, "{name}");
        }
    }
}

/// Whether everything in one shape is in the other.
fn is_part(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => {
            part.iter().all(|(name, value)| whole.get(name).is_some_and(|whole| is_part(value, whole)))
        }
        (Value::Array(part), Value::Array(whole)) => {
            part.len() == whole.len() && part.iter().zip(whole).all(|(part, whole)| is_part(part, whole))
        }
        (part, whole) => part == whole,
    }
}

#[test]
fn a_ping_without_an_id_is_taken() {
    let mut stage = Stage::new(Settings::default());
    let chat = stage.chat(ANN);
    stage.chat_say(&chat, &fixtures()["bare-ping.frame"]);
    assert_eq!(stage.service.state(stage.now).sockets[0].pings, 1);
}
