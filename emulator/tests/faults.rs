//! What goes wrong on purpose, in virtual time.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod support;

use secondme_avatar_emulator::service::{
    Answer, CloseHow, Delivery, Effect, FailureShape, FailureStatus, Fault, InjectionPoint, Millis, Push,
    RetryAfter, Settings,
};
use serde_json::{Value, json};
use support::*;

fn stage() -> Stage {
    Stage::new(Settings::default())
}

#[track_caller]
fn fault(stage: &mut Stage, rule: Value) {
    stage.service.add_fault(serde_json::from_value(rule).unwrap()).unwrap();
}

fn send(stage: &mut Stage, visit: &Visit) -> Answer {
    let message = stage.message(visit, "Hello");
    stage.post(visit, SEND, &message)
}

fn taken(stage: &mut Stage) -> usize {
    let state = stage.service.state(stage.now);
    state.sessions.iter().map(|session| session.messages.len()).sum()
}

/// The `type`s of the frames a visitor got, echo and reply as `msg`.
fn kinds(frames: &[Value]) -> Vec<&str> {
    frames.iter().map(|frame| frame["type"].as_str().unwrap_or("?")).collect()
}

#[test]
fn a_call_ends_or_hangs_before_or_after_the_service_acts() {
    for (effect, delivery, acts) in [
        ("refuse", Delivery::Reset, false),
        ("cut-before", Delivery::Cut, false),
        ("cut-after", Delivery::Cut, true),
        ("hang-before", Delivery::Never, false),
        ("hang-after", Delivery::Never, true),
    ] {
        let mut stage = stage();
        let ann = stage.open(ANN);
        fault(&mut stage, json!({"at": "message/send", "do": effect}));
        assert_eq!(send(&mut stage, &ann).delivery, delivery, "{effect}");
        assert_eq!(taken(&mut stage), usize::from(acts), "{effect}");
        assert_eq!(send(&mut stage, &ann).delivery, Delivery::Now, "met once");
    }
}

#[test]
fn an_answer_is_late_broken_or_empty() {
    let mut stage = stage();
    fault(&mut stage, json!({"at": "auth", "do": {"delay": "2s"}}));
    fault(&mut stage, json!({"at": "auth", "do": "malformed"}));
    fault(&mut stage, json!({"at": "auth", "do": "empty"}));
    let late = stage.auth(ANN);
    assert_eq!(late.delivery, Delivery::After(Millis::seconds(2)));
    assert_eq!(data(&late)["ownerUserId"], "de4fh");
    let broken = stage.auth(ANN);
    assert_eq!(broken.status, 200);
    assert!(broken.body.starts_with('{') && serde_json::from_str::<Value>(&broken.body).is_err());
    assert_eq!((stage.auth(ANN).body.as_str(), stage.service.state(stage.now).calls("auth")), ("", 3));
}

#[test]
fn any_status_is_answered_with_its_header_and_body() {
    let mut stage = stage();
    let ann = stage.open(ANN);
    fault(&mut stage, json!({"at": "call", "do": {"status": 503, "retry-after": 2, "body": "down"}}));
    fault(&mut stage, json!({"at": "call", "do": {"status": 408}}));
    let down = send(&mut stage, &ann);
    assert_eq!((down.status, down.body.as_str()), (503, "down"));
    assert!(down.headers.contains(&("retry-after".to_owned(), "2".to_owned())));
    assert_eq!(send(&mut stage, &ann).status, 408);
    assert_eq!(taken(&mut stage), 0);
}

#[test]
fn any_code_is_answered_in_the_shape_of_the_settings() {
    let settings = Settings::default().failure_shape(FailureShape::SubCode);
    let mut stage = Stage::new(settings.failure_status(FailureStatus::Fitting));
    fault(&mut stage, json!({"at": "auth", "do": {"fail": "open.api.key.disabled"}}));
    fault(&mut stage, json!({"at": "auth", "do": {"fail": "made.up"}}));
    let disabled = stage.auth(ANN);
    assert_eq!((disabled.status, &body(&disabled)["subCode"]), (403, &json!("open.api.key.disabled")));
    let made_up = stage.auth(ANN);
    assert_eq!((made_up.status, &body(&made_up)["subCode"]), (400, &json!("made.up")));
    let state = stage.service.state(stage.now);
    assert_eq!((state.failures["made.up"], state.failures["open.api.key.disabled"]), (1, 1));
}

#[test]
fn a_call_is_answered_as_over_the_quota() {
    let mut stage = Stage::new(Settings::default().retry_after(RetryAfter::Seconds));
    fault(&mut stage, json!({"at": "auth", "do": "quota"}));
    let refused = stage.auth(ANN);
    assert_eq!(code(&refused), "open.api.rate.limited");
    assert!(refused.headers.iter().any(|(name, _)| name == "retry-after"));
    data(&stage.auth(ANN));
}

#[test]
fn the_callers_token_and_its_chat_context_die() {
    let mut stage = stage();
    let mut ann = stage.open(ANN);
    fault(&mut stage, json!({"at": "session/create", "do": "expired-context"}));
    let refused = stage.post(&ann, SESSION, &session(&ann));
    assert_eq!(code(&refused), "chat.context.expired");
    stage.init(&mut ann);
    stage.new_session(&mut ann);

    fault(&mut stage, json!({"at": "message/send", "do": "expired-token"}));
    let refused = send(&mut stage, &ann);
    assert_eq!((refused.status, code(&refused).as_str()), (401, "visitor.token.invalid"));
    assert_eq!(send(&mut stage, &ann).status, 401, "it stays dead");
    ann.token = stage.arrive(ANN).token;
    data(&send(&mut stage, &ann));
}

#[test]
fn a_token_dies_at_the_next_call_that_has_one() {
    let mut stage = stage();
    let ann = stage.open(ANN);
    fault(&mut stage, json!({"at": "call", "do": {"expire": "token"}}));
    data(&stage.auth(BEN));
    assert_eq!(send(&mut stage, &ann).status, 401);
}

#[test]
fn a_handshake_meets_faults_too() {
    for (effect, delivery, opens) in [
        ("refuse", Delivery::Reset, false),
        ("cut-before", Delivery::Cut, false),
        ("cut-after", Delivery::Cut, false),
        ("hang-before", Delivery::Never, false),
        ("hang-after", Delivery::Never, true),
    ] {
        let mut stage = stage();
        let mut ann = stage.arrive(ANN);
        stage.address(&mut ann);
        fault(&mut stage, json!({"at": "connect", "do": effect}));
        assert_eq!(stage.handshake(&ann).unwrap_err().delivery, delivery, "{effect}");
        assert_eq!(stage.service.state(stage.now).sockets.len(), usize::from(opens), "{effect}");
        let again = stage.handshake(&ann);
        assert_eq!(again.is_ok(), effect.ends_with("before") || effect == "refuse", "{effect}: {again:?}");
    }
    let mut stage = stage();
    let mut ann = stage.arrive(ANN);
    for (effect, status) in
        [(json!({"status": 502}), 502), (json!({"fail": "ws.gone"}), 410), (json!("expired-address"), 410)]
    {
        stage.address(&mut ann);
        fault(&mut stage, json!({"at": "connect", "do": effect}));
        assert_eq!(stage.handshake(&ann).unwrap_err().status, status);
    }
    stage.address(&mut ann);
    fault(&mut stage, json!({"at": "connect", "do": {"delay": "3s"}}));
    let socket = stage.handshake(&ann).unwrap();
    assert_eq!(stage.service.handshake_delay(socket), Millis::seconds(3));
}

#[test]
fn a_frame_is_dropped_doubled_broken_or_changed() {
    let mut stage = stage();
    let ann = stage.open(ANN);
    fault(&mut stage, json!({"at": "frame-out", "sender": "client", "do": "drop"}));
    let frames = stage.ask(&ann, "Hi");
    assert!(frames.iter().all(|frame| frame["sender"] == "umm"), "the echo is lost");

    fault(&mut stage, json!({"at": "frame-out", "sender": "client", "do": "duplicate"}));
    let frames = stage.ask(&ann, "Hi");
    assert_eq!(frames[0], frames[1]);
    assert_eq!(frames[0]["sender"], "client");

    fault(
        &mut stage,
        json!({"at": "frame-out", "sender": "client",
        "do": {"merge": {"wsId": "ws:other", "sessionId": 7, "seqId": null}}}),
    );
    let echo = stage.ask(&ann, "Hi").remove(0);
    assert_eq!((&echo["wsId"], &echo["sessionId"]), (&json!("ws:other"), &json!(7)));
    assert_eq!((echo.get("seqId"), &echo["sender"]), (None, &json!("client")));

    fault(&mut stage, json!({"at": "frame-out", "sender": "client", "do": {"replace": {"type": "task"}}}));
    assert_eq!(stage.ask(&ann, "Hi")[0], json!({"type": "task"}));

    stage.take_pushes();
    fault(&mut stage, json!({"at": "frame-out", "type": "msg", "do": "malformed"}));
    send(&mut stage, &ann);
    let Some(Push::Frame { text, .. }) = stage.take_pushes().pop() else { panic!("no frame") };
    assert!(text.starts_with('{') && serde_json::from_str::<Value>(&text).is_err(), "{text}");
}

#[test]
fn a_frame_is_late_or_overtaken() {
    let mut stage = stage();
    let ann = stage.open(ANN);
    fault(&mut stage, json!({"at": "frame-out", "sender": "client", "do": {"delay": "3s"}}));
    let frames = stage.ask(&ann, "Hi");
    assert_eq!(frames.last().unwrap()["sender"], "client", "all of the reply overtakes it");

    fault(&mut stage, json!({"at": "frame-out", "sender": "client", "do": "reorder"}));
    let frames = stage.ask(&ann, "Hi");
    assert_eq!((&frames[0]["sender"], &frames[1]["sender"]), (&json!("umm"), &json!("client")));

    fault(&mut stage, json!({"at": "frame-out", "type": "pong", "do": "reorder"}));
    stage.take_pushes();
    stage.ping(&ann);
    stage.pass(Millis(999));
    assert!(stage.take_pushes().is_empty(), "nothing comes that could overtake it");
    stage.pass(Millis(1));
    assert_eq!(stage.take_pushes().len(), 1);
}

#[test]
fn frames_to_the_service_meet_faults_too() {
    let mut stage = stage();
    let ann = stage.open(ANN);
    let pings = |stage: &mut Stage| stage.service.state(stage.now).sockets[0].pings;
    fault(&mut stage, json!({"at": "frame-in", "type": "ping", "do": "drop"}));
    stage.ping(&ann);
    assert_eq!(pings(&mut stage), 0);
    fault(&mut stage, json!({"at": "frame-in", "type": "ack", "do": "drop"}));
    fault(&mut stage, json!({"at": "frame-in", "type": "ping", "do": "duplicate"}));
    stage.ping(&ann);
    assert_eq!(pings(&mut stage), 2);
    fault(&mut stage, json!({"at": "frame-in", "do": {"delay": "5s"}}));
    // The first rule for acks is still there, and stands before this one.
    stage.say(&ann, &json!({"type": "ack", "seqId": "x", "wsId": ann.ws_id}));
    stage.ping(&ann);
    assert_eq!(pings(&mut stage), 2);
    stage.pass(Millis::seconds(5));
    assert_eq!((pings(&mut stage), stage.service.state(stage.now).sockets[0].acks), (3, 0));
}

#[test]
fn nothing_passes_through_a_half_open_socket_and_neither_side_learns_of_it() {
    let mut stage = stage();
    let ann = stage.open(ANN);
    fault(&mut stage, json!({"at": "frame-out", "sender": "umm", "do": "half-open", "skip": 1}));
    let frames = stage.ask(&ann, "Hello, tell me about yourself");
    assert_eq!(kinds(&frames), ["msg", "msg"], "the echo and one piece");
    stage.ping(&ann);
    assert!(stage.frames(&ann).is_empty(), "no pong");
    stage.leave(&ann);
    assert_eq!(stage.service.state(stage.now).sockets.len(), 1, "the service does not learn it");
    stage.pass(Millis::seconds(30));
    assert!(stage.service.state(stage.now).sockets.is_empty(), "the pings are missed");
    assert!(stage.closed().is_empty(), "the client does not learn it");
}

#[test]
fn a_half_open_socket_is_reported_to_what_carries_the_frames() {
    let mut stage = stage();
    let ann = stage.open(ANN);
    fault(&mut stage, json!({"at": "frame-in", "type": "ping", "do": "half-open"}));
    stage.ping(&ann);
    assert_eq!(stage.take_pushes().pop(), Some(Push::HalfOpen { socket: ann.socket }));
}

#[test]
fn a_socket_is_cut_or_closed_in_the_place_of_a_frame() {
    for (effect, how) in [
        (json!("cut"), CloseHow::Abrupt),
        (json!("close"), CloseHow::Clean { code: 1_000, reason: String::new() }),
        (json!({"close": 1012}), CloseHow::Clean { code: 1_012, reason: String::new() }),
        (
            json!({"close": {"code": 4002, "reason": "full"}}),
            CloseHow::Clean { code: 4_002, reason: "full".into() },
        ),
    ] {
        let mut stage = stage();
        let ann = stage.open(ANN);
        fault(&mut stage, json!({"at": "frame-in", "do": effect}));
        stage.ping(&ann);
        let pushes = stage.take_pushes();
        assert_eq!(pushes.last(), Some(&Push::Close { socket: ann.socket, how }));
        assert!(stage.service.state(stage.now).sockets.is_empty());
    }
}

#[test]
fn the_answer_to_the_next_message_is_a_failure_over_the_socket() {
    let mut stage = stage();
    let ann = stage.open(ANN);
    fault(
        &mut stage,
        json!({"at": "reply", "do": {"fail": {"code": "session.openai.error",
        "reason": "The model is down", "actions": [{"type": "retry"}]}}}),
    );
    fault(&mut stage, json!({"at": "reply", "do": {"fail": "package.turn.exhaustion"}}));
    let frames = stage.ask(&ann, "Hi");
    assert_eq!(kinds(&frames), ["msg", "sys"], "the echo, then the failure");
    assert_eq!(frames[1]["messageId"], frames[0]["messageId"]);
    assert_eq!(frames[1]["subCode"], "session.openai.error");
    assert_eq!(frames[1]["subCodeReason"], "The model is down");
    assert_eq!(frames[1]["subCodeActions"], json!([{"type": "retry"}]));
    assert_eq!(stage.ask(&ann, "Hi")[1]["subCode"], "package.turn.exhaustion");
    assert_eq!(replies(&stage.ask(&ann, "Hi")), "You said: Hi");
}

#[test]
fn a_reply_is_late_or_never_comes() {
    let mut stage = stage();
    let ann = stage.open(ANN);
    fault(&mut stage, json!({"at": "reply", "do": "drop"}));
    fault(&mut stage, json!({"at": "reply", "do": {"delay": "9s"}}));
    assert_eq!(replies(&stage.ask(&ann, "Hi")), "");
    stage.send(&ann, "Hi");
    stage.pass_alive(&ann, Millis(8_999));
    assert_eq!(replies(&stage.frames(&ann)), "");
    stage.pass(Millis::seconds(1));
    assert_eq!(replies(&stage.frames(&ann)), "You said: Hi");
}

#[test]
fn a_fault_is_met_so_often_after_so_many_and_by_those_it_names() {
    let mut stage = stage();
    let (ann, ben) = (stage.open(ANN), stage.open(BEN));
    fault(&mut stage, json!({"at": "message/send", "do": {"status": 500}, "times": 2, "skip": 1}));
    let statuses: Vec<_> = (0..4).map(|_| send(&mut stage, &ann).status).collect();
    assert_eq!(statuses, [200, 500, 500, 200]);
    let listed = json!(stage.service.faults());
    assert_eq!(
        (&listed[0]["left"], &listed[0]["met"], &listed[0]["at"]),
        (&json!(0), &json!(2), &json!("message/send"))
    );

    fault(&mut stage, json!({"at": "message/send", "do": {"status": 500}, "visitor": BEN}));
    assert_eq!((send(&mut stage, &ann).status, send(&mut stage, &ben).status), (200, 500));
    fault(&mut stage, json!({"at": "call", "do": {"status": 500}, "session": ben.session}));
    assert_eq!((send(&mut stage, &ann).status, send(&mut stage, &ben).status), (200, 500));
    fault(&mut stage, json!({"at": "frame-out", "do": "drop", "ws-id": ben.ws_id}));
    stage.take_pushes();
    stage.ping(&ann);
    stage.ping(&ben);
    assert_eq!(stage.take_pushes().len(), 1);
}

#[test]
fn chance_is_seeded_and_has_no_end() {
    let run = || {
        let mut stage = Stage::new(Settings::default().quota_per_minute(2_000));
        fault(&mut stage, json!({"at": "auth", "do": {"status": 500}, "chance": 0.25}));
        (0..1_000).map(|_| stage.auth(ANN).status == 500).collect::<Vec<_>>()
    };
    let failed = run();
    assert!((200..300).contains(&failed.iter().filter(|failed| **failed).count()));
    assert_eq!(failed, run(), "the same seed, the same run");
}

#[test]
fn faults_are_cleared_and_a_reset_clears_them_too() {
    let mut stage = stage();
    fault(&mut stage, json!({"at": "auth", "do": "refuse"}));
    stage.service.clear_faults();
    assert!(stage.service.faults().is_empty());
    data(&stage.auth(ANN));
    let first = stage.service.add_fault(Fault::new(InjectionPoint::Auth, Effect::Refuse)).unwrap();
    stage.service.reset(stage.now);
    assert!(stage.service.faults().is_empty());
    assert_ne!(stage.service.add_fault(Fault::new(InjectionPoint::Auth, Effect::Refuse)).unwrap(), first);
}

#[test]
fn a_fault_that_says_nothing_sensible_is_refused_with_what_there_is() {
    for (rule, wanted) in [
        (
            json!({"at": "nowhere", "do": "drop"}),
            "there is no injection point `nowhere`; there are call, auth, chat/init",
        ),
        (
            json!({"at": "auth", "do": "explode"}),
            "there is no `explode` at `auth`; there are refuse, cut-before",
        ),
        (json!({"at": "auth", "do": "half-open"}), "`half-open` cannot be done at `auth`; there are refuse"),
        (json!({"at": "frame-out", "do": "refuse"}), "there are drop, duplicate, {\"delay\": \"2s\"}"),
        (
            json!({"at": "reply", "do": "cut"}),
            "there are {\"fail\": \"some.code\"}, {\"delay\": \"2s\"}, drop",
        ),
        (json!({"at": "auth", "do": "expired-token"}), "cannot be done at `auth`"),
        (
            json!({"at": "auth", "do": {"delay": "2"}}),
            "`delay`: `2` is not a length of time; write it as 250ms",
        ),
        (json!({"at": "auth", "do": {"status": 99}}), "from 200 to 599"),
        (json!({"at": "auth", "do": {"status": 500, "boddy": ""}}), "unknown field `boddy`"),
        (json!({"at": "auth", "do": {"delay": "1s", "fail": "x"}}), "`do` is one of refuse"),
        (json!({"at": "frame-out", "do": {"close": 1005}}), "1005 is no code a close frame may carry"),
        (json!({"at": "auth", "do": "refuse", "times": 0}), "`times` must be at least 1"),
        (json!({"at": "auth", "do": "refuse", "chance": 1.5}), "`chance` must be from 0 to 1"),
        (json!({"at": "auth", "do": "refuse", "type": "msg"}), "are for `frame-out` and `frame-in`"),
        (json!({"at": "auth", "do": "refuse", "time": 1}), "unknown field `time`"),
        (json!({"do": "refuse"}), "missing field `at`"),
    ] {
        let error = serde_json::from_value::<Fault>(rule.clone()).unwrap_err().to_string();
        assert!(error.contains(wanted), "{rule}: {error}");
    }
}

#[test]
fn every_fault_reads_back_from_its_written_form() {
    for rule in [
        json!({"at": "call", "do": "refuse", "times": 3, "skip": 1, "visitor": ANN, "session": "1"}),
        json!({"at": "connect", "do": {"status": 503, "retry-after": 2, "body": "x"}, "chance": 0.5}),
        json!({"at": "reply", "do": {"fail": {"code": "a.b", "reason": "r", "actions": [1]}}}),
        json!({"at": "frame-out", "do": {"close": {"code": 1012, "reason": "r"}}, "sender": "umm"}),
        json!({"at": "frame-in", "do": {"merge": {"a": null}}, "type": "ping", "ws-id": "ws:1"}),
        json!({"at": "frame-in", "do": {"delay": "1500ms"}}),
    ] {
        let fault: Fault = serde_json::from_value(rule.clone()).unwrap();
        assert_eq!(json!(fault), rule);
    }
}
