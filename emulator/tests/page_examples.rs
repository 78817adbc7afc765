//! `spec/fixtures`: the requests are taken, and the answers and frames have the same shapes.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod support;

use std::collections::BTreeSet;

use secondme_avatar_emulator::brain::Script;
use secondme_avatar_emulator::service::{
    ClientText, EndMark, FailureShape, FailureStatus, FrameFields, Injection, Millis, Request, Settings,
    Streaming,
};
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
            let names = |of: &serde_json::Map<String, Value>| of.keys().cloned().collect::<BTreeSet<_>>();
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
    let answer = stage.request(auth(&example("page/auth.request")));
    assert_same_shape(&example("page/auth.response"), &body(&answer));
    let authenticated = data(&answer);
    let mut ann = stage.arrive(ANN);

    let answer = stage.post(&ann, INIT, &example("page/chat-init.request"));
    assert_eq!(body(&answer), example("page/chat-init.response"), "the default avatar is the page's");
    ann.encoded_mind_id = text(&data(&answer)["mindId"]);

    let own_user = json!({"userId": ann.user_id});
    let socket = data(&stage.post(&ann, WS, &live(example("page/ws-create.request"), &own_user)));
    (ann.ws_id, ann.address) = (text(&socket["wsId"]), text(&socket["address"]));

    let ids = json!({"mindId": ann.mind_id, "memberUserIds": [authenticated["ownerUserId"]]});
    let session = data(&stage.post(&ann, SESSION, &live(example("page/session-create.request"), &ids)));
    ann.session = text(&session["sessionId"]);

    let bind = live(example("page/chat-start.request"), &json!({"sessionId": ann.session}));
    data(&stage.post(&ann, BIND, &bind));

    ann.socket = stage.handshake(&ann).unwrap();
    stage.say(&ann, &live(example("page/ping.frame"), &json!({"wsId": ann.ws_id})));
    assert_eq!(stage.service.state(stage.now).sockets[0].pings, 1);

    let ids = json!({"sessionId": ann.session, "userId": ann.user_id, "sendUserId": ann.user_id, "wsId": ann.ws_id});
    stage.take_pushes();
    data(&stage.post(&ann, SEND, &live(example("page/message-send.request"), &ids)));
    stage.pass(Millis::seconds(2));
    stage.owner_says(&ann, "Hi, this is the real me...");
    let frames = stage.frames(&ann);
    assert_same_shape(&example("page/owner-reply.frame"), &frames[0]); // the echo has the same shape
    assert_same_shape(&example("page/avatar-reply.frame"), &frames[1]);
    assert_eq!(frames[2], example("page/owner-reply.frame"));
}

#[test]
fn the_pages_mind_id_is_read_exactly() {
    let page = example("page/session-create.request")["mindId"].clone();
    assert_eq!(page.as_u64(), Some(487_569_763_543_990_272));
}

/// The vendor's page.
fn page() -> String {
    let path = format!("{}/../spec/avatar-open-api.md", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

/// The names of the fixtures in a folder.
fn fixtures(folder: &str) -> Vec<String> {
    let path = format!("{}/../spec/fixtures/{folder}", env!("CARGO_MANIFEST_DIR"));
    let names = std::fs::read_dir(path).unwrap().map(|file| {
        let name = file.unwrap().file_name().into_string().unwrap();
        format!("{folder}/{}", name.strip_suffix(".json").unwrap())
    });
    names.collect()
}

#[test]
fn every_fixture_is_used() {
    let own = include_str!("page_examples.rs");
    let all: Vec<_> = ["page", "seen"].into_iter().flat_map(fixtures).collect();
    assert!(all.len() > 40);
    for name in all {
        assert!(own.contains(&format!("\"{name}\"")), "no test of the emulator uses {name}");
    }
}

#[test]
fn what_claims_to_be_the_pages_stands_on_the_page() {
    let page = page();
    for name in fixtures("page") {
        let path = format!("{}/../spec/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        // The page has the ping as JavaScript, and the `wsId` of step 6 three lines before the end.
        let verbatim = if name == "page/ping.frame" {
            assert_eq!(example(&name), json!({"type": "ping", "wsId": "ws:260327..."}));
            "ws.send(JSON.stringify({ type: 'ping', wsId: wsId }));"
        } else {
            text.trim()
        };
        assert!(page.contains(verbatim), "{name} does not stand on the page");
    }
}

#[test]
fn every_example_of_the_page_is_a_fixture() {
    let page = page();
    let known: Vec<_> = fixtures("page").iter().map(|name| example(name)).collect();
    // Every object that begins a line, or a curl's body.
    let starts = page.match_indices('{').map(|(at, _)| at);
    let starts = starts.filter(|at| *at == 0 || page[..*at].ends_with('\n') || page[..*at].ends_with("-d '"));
    let mut found = 0;
    for at in starts {
        let mut values = serde_json::Deserializer::from_str(&page[at..]).into_iter::<Value>();
        if let Some(Ok(value @ Value::Object(_))) = values.next() {
            assert!(known.contains(&value), "no fixture is {value}");
            found += 1;
        }
    }
    // All but the ping, which is no JSON there.
    assert_eq!(found, known.len() - 1);
}

#[test]
fn what_other_clients_send_is_taken() {
    let mut stage = Stage::new(Settings::default());
    let mut ann = stage.open(ANN);
    let own = json!({"refUserId": ann.user_id});
    let socket = live(example("seen/ws-create-by-others.request"), &own);
    data(&stage.post(&ann, WS, &socket));

    let ids =
        json!({"refUserId": ann.user_id, "mindId": ann.mind_id.to_string(), "memberUserIds": [ann.owner]});
    let session = live(example("seen/session-create-by-others.request"), &ids);
    ann.session = text(&data(&stage.post(&ann, SESSION, &session))["sessionId"]);

    let ids = json!({"refUserId": ann.user_id, "sendUserId": ann.user_id, "sessionId": ann.session, "wsId": ann.ws_id});
    let message = live(example("seen/message-send-by-others.request"), &ids);
    data(&stage.post(&ann, SEND, &message));
}

#[test]
fn answers_beyond_the_page_have_the_shapes_that_were_seen() {
    let mut stage = Stage::new(Settings::default().streaming(Streaming::Whole));
    let mut ann = stage.arrive(ANN);
    stage.init(&mut ann);
    let socket = stage.post(&ann, WS, &ws(&ann));
    assert_same_shape(&example("seen/ws-create.response"), &body(&socket));
    let made = stage.post(&ann, SESSION, &session(&ann));
    assert_same_shape(&example("seen/session-create.response"), &body(&made));
    ann.session = text(&data(&made)["sessionId"]);
    assert_eq!(body(&stage.get(&ann, PUBLIC)), example("seen/avatar-public.response"));
    let bound = stage.post(&ann, BIND, &json!({"avatarId": 67, "sessionId": ann.session}));
    assert_eq!(body(&bound), example("seen/chat-start.response"));
    stage.connect(&mut ann);
    let message = stage.message(&ann, "Hello, tell me about yourself");
    let sent = stage.post(&ann, SEND, &message);
    assert_eq!(body(&sent), example("seen/message-send.response"));
    stage.pass(Millis::seconds(2));

    let query = stage.get(&ann, &format!("{QUERY}?sessionId={}&direction=forward", ann.session));
    assert_same_shape(&example("seen/message-query.response"), &body(&query));
    let latest = stage.get(&ann, &format!("{LATEST}?sessionId={}", ann.session));
    assert_same_shape(&example("seen/message-latest.response"), &body(&latest));
    let close = live(example("seen/session-close.request"), &json!({"sessionId": ann.session}));
    assert_eq!(body(&stage.post(&ann, CLOSE, &close)), example("seen/session-close.response"));
}

#[test]
fn a_failure_has_each_of_the_forms() {
    for (shape, name) in [
        (FailureShape::Code, "seen/failure-in-code.failure"),
        (FailureShape::SubCode, "seen/failure-in-sub-code.failure"),
        (FailureShape::Message, "seen/failure-in-message.failure"),
        (FailureShape::Msg, "seen/failure-in-msg.failure"),
        (FailureShape::ErrorCode, "seen/failure-in-error-code.failure"),
        (FailureShape::Detail, "seen/failure-in-detail.failure"),
    ] {
        for status in [FailureStatus::Ok, FailureStatus::Fitting] {
            let mut stage = Stage::new(Settings::default().failure_shape(shape).failure_status(status));
            let request = Request::new("POST", AUTH).json(&example("page/auth.request"));
            let mut ours = body(&stage.request(request.header("Authorization", "Bearer sk-unknown")));
            let form = example(name);
            assert_same_shape(&form, &ours);
            if matches!(shape, FailureShape::Code | FailureShape::SubCode | FailureShape::ErrorCode) {
                ours["message"] = form["message"].clone(); // The words are our own.
            }
            assert_eq!(ours, form);
        }
    }
}

/// The frames of the answer to a message, the echo first.
fn answered(settings: Settings, message: &str) -> Vec<Value> {
    let mut stage = Stage::new(settings);
    let ann = stage.open(ANN);
    stage.ask(&ann, message)
}

#[test]
fn a_reply_has_the_shapes_that_were_seen() {
    for (end, name) in [
        (EndMark::LastPiece, "seen/avatar-reply-last-piece.frame"),
        (EndMark::Empty, "seen/avatar-reply-empty-end.frame"),
    ] {
        let frames = answered(Settings::default().end_mark(end), "Hello, tell me about yourself");
        assert_same_shape(&example("seen/avatar-reply-first-piece.frame"), &frames[1]);
        assert_same_shape(&example("seen/avatar-reply-next-piece.frame"), &frames[2]);
        assert_same_shape(&example(name), frames.last().unwrap());
        assert_eq!((&frames[1]["index"], &frames[2]["index"]), (&json!(0), &json!(1)));
        assert_eq!(frames.last().unwrap()["index"], json!(-1));
    }
    let script = "
rules:
  - when: { equals: card }
    then:
      - say: { text: 'See: ', whole: true, cards: [{ template: citation, params: { citation: Price list, link: 'https://example.com' } }] }
  - when: any
    then:
      - say: { text: Hello!, whole: true, speech: { url: 'https://example.com/clip.mp3' }, sources: [{ title: Price list }] }
";
    let settings = Settings::default().brain(Script::parse(script).unwrap().into());
    let card = example("seen/avatar-reply-with-card.frame");
    let frames = answered(settings.clone(), "card");
    assert_same_shape(&card, &frames[1]);
    let template = |frame: &Value| -> Value {
        serde_json::from_str(frame["multipleData"][1]["modal"]["template"].as_str().unwrap()).unwrap()
    };
    assert_eq!(template(&card), template(&frames[1]));
    let frames = answered(settings, "speech");
    assert_same_shape(&example("seen/avatar-reply-with-speech-and-sources.frame"), &frames[1]);
}

#[test]
fn echoes_and_the_owner_have_the_shapes_that_were_seen() {
    assert_same_shape(&example("seen/echo.frame"), &answered(Settings::default(), "Hello")[0]);
    let mut stage = Stage::new(Settings::default().client_text(ClientText::Content));
    let ann = stage.open(ANN);
    stage.take_pushes();
    let message =
        with(&stage.message(&ann, "Hello"), "data", example("seen/echo-in-content.frame")["data"].clone());
    data(&stage.post(&ann, SEND, &message));
    stage.pass(Millis::ZERO);
    assert_same_shape(&example("seen/echo-in-content.frame"), &stage.frames(&ann)[0]);
    stage.owner_says(&ann, "Hi, this is the real me...");
    let frames = stage.frames(&ann);
    assert_same_shape(&example("seen/owner-reply-in-content.frame"), frames.last().unwrap());
}

#[test]
fn what_is_no_message_has_the_shape_that_was_seen_or_is_handed_on_as_it_is() {
    let mut stage = Stage::new(Settings::default());
    let ann = stage.open(ANN);
    stage.take_pushes();
    let content = |name: &str| text(&example(name)["data"]["content"]);
    let failure = |name: &str| {
        let failure = example(name);
        Injection::Failure {
            code: text(&failure["subCode"]),
            reason: text(&failure["subCodeReason"]),
            actions: Vec::new(),
            message_id: failure["messageId"].as_str().map(str::to_owned),
        }
    };
    let verbatim = |name: &str| Injection::Frame(example(name).as_object().unwrap().clone());
    let all = [
        ("seen/hint.frame", Injection::Hint(content("seen/hint.frame"))),
        ("seen/notice.frame", Injection::Notice(content("seen/notice.frame"))),
        ("seen/failure-of-session.frame", failure("seen/failure-of-session.frame")),
        ("seen/failure-of-message.frame", failure("seen/failure-of-message.frame")),
        ("seen/recommend.frame", verbatim("seen/recommend.frame")),
        ("seen/task.frame", verbatim("seen/task.frame")),
        ("seen/cmd.frame", verbatim("seen/cmd.frame")),
        ("seen/other.frame", verbatim("seen/other.frame")),
    ];
    for (name, injection) in all {
        stage.service.inject(stage.now, &ann.session, injection).unwrap();
        stage.pass(Millis::ZERO);
        let frames = stage.frames(&ann);
        assert_eq!(frames.len(), 1, "{name}");
        assert_same_shape(&example(name), &frames[0]);
    }
}

#[test]
fn pings_are_answered_and_frames_acknowledged_as_was_seen() {
    let mut stage = Stage::new(Settings::default());
    let ann = stage.open(ANN);
    stage.take_pushes();
    stage.ping(&ann);
    let [secondme_avatar_emulator::service::Push::Frame { text, .. }] = &stage.take_pushes()[..] else {
        panic!()
    };
    let pong = live(example("seen/pong.frame"), &json!({"wsId": ann.ws_id}));
    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), pong);
    stage.say(&ann, &live(example("seen/ack.frame"), &json!({"wsId": ann.ws_id})));
    let socket = stage.service.state(stage.now).sockets[0].clone();
    assert_eq!((socket.acks, socket.rejected), (1, 0));
}
