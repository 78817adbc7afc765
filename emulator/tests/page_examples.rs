//! The page's own examples: its requests are taken, and the answers have its shapes.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is told.

mod support;

use secondme_avatar_emulator::service::{FrameFields, Millis, Settings};
use serde_json::{Value, json};
use support::*;

fn example(name: &str) -> Value {
    let path = format!("{}/../spec/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// An example with the ids of a live visitor in the place of the page's.
fn live(mut example: Value, ids: &Value) -> Value {
    for (name, value) in ids.as_object().unwrap() {
        assert!(example.get(name).is_some(), "the page's example has `{name}`");
        example[name] = value.clone();
    }
    example
}

/// Both have the same fields, of the same types, all the way down.
#[track_caller]
fn assert_same_shape(page: &Value, ours: &Value) {
    match (page, ours) {
        (Value::Object(page), Value::Object(ours)) => {
            let names = |of: &serde_json::Map<String, Value>| of.keys().cloned().collect::<Vec<_>>();
            assert_eq!(names(page), names(ours));
            page.iter().for_each(|(name, value)| assert_same_shape(value, &ours[name]));
        }
        (Value::Array(page), Value::Array(ours)) => {
            assert_eq!(page.len(), ours.len());
            page.iter().zip(ours).for_each(|(page, ours)| assert_same_shape(page, ours));
        }
        _ => assert_eq!(std::mem::discriminant(page), std::mem::discriminant(ours), "{page} {ours}"),
    }
}

#[test]
fn the_pages_requests_are_taken_and_its_answers_given() {
    let mut stage = Stage::new(Settings::default().frame_fields(FrameFields::Documented));
    let answer = stage.request(auth(&example("auth.request")));
    assert_same_shape(&example("auth.response"), &body(&answer));
    let authenticated = data(&answer);
    let mut ann = stage.arrive(ANN);

    let answer = stage.post(&ann, INIT, &example("chat-init.request"));
    assert_eq!(body(&answer), example("chat-init.response"), "the default avatar is the page's");
    ann.encoded_mind_id = text(&data(&answer)["mindId"]);

    let own_user = json!({"userId": ann.user_id});
    let socket = data(&stage.post(&ann, WS, &live(example("ws-create.request"), &own_user)));
    (ann.ws_id, ann.address) = (text(&socket["wsId"]), text(&socket["address"]));

    let ids = json!({"mindId": ann.mind_id, "memberUserIds": [authenticated["ownerUserId"]]});
    let session = data(&stage.post(&ann, SESSION, &live(example("session-create.request"), &ids)));
    ann.session = text(&session["sessionId"]);

    let bind = live(example("chat-start.request"), &json!({"sessionId": ann.session}));
    data(&stage.post(&ann, BIND, &bind));

    ann.socket = stage.handshake(&ann).unwrap();
    stage.say(&ann, &live(example("ping.frame"), &json!({"wsId": ann.ws_id})));
    assert_eq!(stage.service.state(stage.now).sockets[0].pings, 1);

    let ids = json!({"sessionId": ann.session, "userId": ann.user_id, "sendUserId": ann.user_id, "wsId": ann.ws_id});
    stage.take_pushes();
    data(&stage.post(&ann, SEND, &live(example("message-send.request"), &ids)));
    stage.pass(Millis::seconds(2));
    stage.owner_says(&ann, "Hi, this is the real me...");
    let frames = stage.frames(&ann);
    assert_same_shape(&example("owner-reply.frame"), &frames[0]); // the echo has the same shape
    assert_same_shape(&example("avatar-reply.frame"), &frames[1]);
    assert_eq!(frames[2], example("owner-reply.frame"));
}

#[test]
fn the_pages_mind_id_is_read_exactly() {
    let page = example("session-create.request")["mindId"].clone();
    assert_eq!(page.as_u64(), Some(487_569_763_543_990_272));
}
