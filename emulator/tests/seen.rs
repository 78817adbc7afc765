//! What was seen in other clients of the gateway and stands on no page: each can be played here.
//!
//! More of it is in `switches.rs` (streaming, redelivery, where texts stand), `conversation.rs`
//! (history, attachments) and `documented_calls.rs` (what other clients send).
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod support;

use secondme_avatar_emulator::brain::Script;
use secondme_avatar_emulator::service::{EndMark, Injection, Redelivery, Settings};
use serde_json::{Value, json};
use support::*;

const SOCKET_FAILURES: [&str; 10] = [
    "session.status.closed",
    "session.openai.error",
    "service.status.unavailable",
    "session.message.exceedRequestLimit",
    "session.message.exceedQPSLimit",
    "umm.msg.exceedQPSLimit",
    "package.turn.exhaustion",
    "freeUsedUp.byokPlan",
    "session.response.timeout",
    "message.length.limit",
];

fn scripted(yaml: &str) -> Stage {
    Stage::new(Settings::default().brain(Script::parse(yaml).unwrap().into()))
}

#[test]
fn every_failure_over_the_socket_answers_a_message_or_is_pushed() {
    let mut stage = Stage::new(Settings::default());
    let ann = stage.open(ANN);
    for code in SOCKET_FAILURES.into_iter().chain(["not.known.here"]) {
        let actions = json!([{"type": "upgrade", "text": "More"}]);
        let fault =
            json!({"at": "reply", "do": {"fail": {"code": code, "reason": "why", "actions": actions}}});
        stage.service.add_fault(serde_json::from_value(fault).unwrap()).unwrap();
        let frames = stage.ask(&ann, "Hi");
        let (echo, failure) = (&frames[0], &frames[1]);
        assert_eq!((&failure["type"], &failure["subCode"]), (&json!("sys"), &json!(code)));
        assert_eq!((&failure["subCodeReason"], &failure["subCodeActions"]), (&json!("why"), &actions));
        assert_eq!((&failure["messageId"], &failure["sessionId"]), (&echo["messageId"], &json!(ann.session)));

        let push = json!({"failure": {"code": code}});
        let push: Injection = serde_json::from_value(push).unwrap();
        stage.service.inject(stage.now, &ann.session, push).unwrap();
        stage.pass(secondme_avatar_emulator::service::Millis::ZERO);
        let failure = stage.frames(&ann).remove(0);
        assert_eq!((&failure["subCode"], failure.get("messageId")), (&json!(code), None), "of no message");
    }
}

#[test]
fn a_script_fails_a_message_with_its_reason_and_actions() {
    let mut stage = scripted(
        "rules: [{ when: any, then: [{ fail: { code: package.turn.exhaustion, reason: Used up, actions: [{ type: buy }] } }] }]",
    );
    let ann = stage.open(ANN);
    let frames = stage.ask(&ann, "Hi");
    assert_eq!(frames[1]["subCodeActions"], json!([{"type": "buy"}]));
}

#[test]
fn frames_of_every_type_reach_the_visitor_and_its_history() {
    let mut stage = Stage::new(Settings::default());
    let ann = stage.open(ANN);
    stage.take_pushes();
    let kinds = ["msg", "hint", "sys", "recommend", "task", "notice", "cmd", "never-seen"];
    for kind in kinds {
        let frame = json!({"type": kind, "sessionId": ann.session, "seqId": format!("s-{kind}"),
            "data": {"content": "x"}, "list": [1], "apiVersion": "1.3.0", "sdkVersion": "1.0.0"});
        let Value::Object(fields) = frame else { unreachable!() };
        stage.service.inject(stage.now, &ann.session, Injection::Frame(fields)).unwrap();
    }
    stage.pass(secondme_avatar_emulator::service::Millis::ZERO);
    let frames = stage.frames(&ann);
    let got: Vec<_> = frames.iter().map(|frame| frame["type"].as_str().unwrap()).collect();
    assert_eq!(got, kinds);
    let latest = data(&stage.get(&ann, &format!("{LATEST}?sessionId={}", ann.session)));
    assert_eq!(latest, json!(frames));
}

#[test]
fn the_gap_is_asked_for_again_until_nothing_is_left() {
    let mut stage = Stage::new(Settings::default().history_page(2));
    let ann = stage.open(ANN);
    let first = stage.ask(&ann, "Hello, tell me about yourself").remove(0);
    let (mut seq_id, mut filled) = (text(&first["seqId"]), Vec::new());
    loop {
        let target = format!("{QUERY}?sessionId={}&direction=forward&seqId={seq_id}", ann.session);
        let page = data(&stage.get(&ann, &target));
        let Some(last) = page.as_array().unwrap().last() else { break };
        assert!(page.as_array().unwrap().len() <= 2);
        seq_id = text(&last["seqId"]);
        filled.extend(page.as_array().unwrap().clone());
    }
    assert_eq!(replies(&filled), "You said: Hello, tell me about yourself");
}

#[test]
fn a_template_is_a_json_string_and_speech_and_sources_come_with_their_piece() {
    let mut stage = scripted(
        r#"
rules:
  - when: any
    then:
      - say:
          pieces:
            - "Look: "
            - - card: { template: ExpressionInfo, params: { mood: glad } }
              - text: "here"
              - speech: { url: "https://example.com/a.mp3" }
          sources: [{ title: A page }]
"#,
    );
    let ann = stage.open(ANN);
    let frames = stage.ask(&ann, "Hi");
    let parts = &frames[2]["multipleData"];
    assert_eq!(parts[0]["singleDataType"], "template");
    let template: Value = serde_json::from_str(parts[0]["modal"]["template"].as_str().unwrap()).unwrap();
    assert_eq!(template, json!({"templateName": "ExpressionInfo", "params": {"mood": "glad"}}));
    assert_eq!(parts[1]["modal"], json!({"answer": "here", "speech": {"url": "https://example.com/a.mp3"}}));
    assert_eq!(frames[2]["sources"], json!([{"title": "A page"}]));
}

#[test]
fn an_end_may_come_before_any_content() {
    let mut stage = Stage::new(Settings::default().end_mark(EndMark::Twice));
    let ann = stage.open(ANN);
    let frames = stage.ask(&ann, "Hi");
    assert_eq!((&frames[1]["index"], answer_text(&frames[1]).as_str()), (&json!(-1), ""));
    assert_eq!(frames[1]["messageId"], frames[2]["messageId"]);
    assert_eq!(replies(&frames), "You said: Hi");
}

#[test]
fn a_lost_acknowledgement_brings_the_very_same_frame_again() {
    let mut stage = Stage::new(Settings::default().redelivery(Redelivery::After5s));
    let ann = stage.open(ANN);
    stage.service.add_fault(r#"{"at": "frame-in", "type": "ack", "do": "drop"}"#.parse().unwrap()).unwrap();
    stage.owner_says(&ann, "Me");
    let first = stage.frames(&ann).remove(0);
    let ack = json!({"type": "ack", "seqId": first["seqId"], "wsId": ann.ws_id});
    stage.say(&ann, &ack);
    stage.pass(secondme_avatar_emulator::service::Millis::seconds(5));
    assert_eq!(stage.frames(&ann), [first]);
    stage.say(&ann, &ack);
    stage.pass(secondme_avatar_emulator::service::Millis::seconds(6));
    assert!(stage.frames(&ann).is_empty(), "now it is known");
}

#[test]
fn a_frame_for_another_socket_and_ids_as_numbers_can_be_played() {
    let mut stage = Stage::new(Settings::default());
    let ann = stage.open(ANN);
    let number: u64 = ann.session.parse().unwrap();
    let merge = json!({"at": "frame-out", "sender": "umm", "chance": 1.0,
        "do": {"merge": {"wsId": "ws:another", "sessionId": number}}});
    stage.service.add_fault(serde_json::from_value(merge).unwrap()).unwrap();
    let frames = stage.ask(&ann, "Hi");
    assert!(frames[1..].iter().all(|frame| frame["wsId"] == "ws:another" && frame["sessionId"] == number));
}

#[test]
fn an_opening_may_be_empty() {
    let mut settings = Settings::default();
    settings.avatars[0].opening.clear();
    let mut stage = Stage::new(settings);
    let ann = stage.arrive(ANN);
    assert_eq!(data(&stage.post(&ann, INIT, &json!({"shareCode": "ebe251793d69"})))["opening"], "");
}
