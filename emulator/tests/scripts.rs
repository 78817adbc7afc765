//! Scripts: what they say is what happens.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod support;

use secondme_avatar_emulator::Brain;
use secondme_avatar_emulator::brain::Script;
use secondme_avatar_emulator::service::{Author, Millis, Settings};
use serde_json::{Value, json};
use support::*;

fn stage(yaml: &str) -> Stage {
    Stage::new(Settings::default().brain(Script::parse(yaml).unwrap().into()))
}

/// Each YAML block of the README.
fn readme_scripts() -> Vec<String> {
    let readme = include_str!("../README.md");
    let blocks = readme.split("```yaml\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_scripts_in_the_readme_are_read_and_played() {
    let scripts = readme_scripts();
    assert!(!scripts.is_empty());
    for yaml in scripts {
        let mut stage = stage(&yaml);
        let ann = stage.open(ANN);
        for text in ["Hello", "What does it cost?", "I want a person", "Something else"] {
            stage.ask(&ann, text);
        }
        let state = stage.service.state(stage.now);
        assert!(!state.sessions[0].texts(Author::Avatar).is_empty());
        assert!(state.failures.is_empty(), "{:?}", state.failures);
    }
}

#[test]
fn the_demonstration_goes_from_avatar_to_owner_and_back() {
    let mut stage = Stage::new(Settings::default().brain(Brain::demo()));
    let ann = stage.open(ANN);
    let first = stage.ask(&ann, "Hello, tell me about yourself");
    assert!(replies(&first).starts_with("I'm the avatar of Ada Lovelace"));
    assert!(first.len() > 10, "streamed in many pieces");

    stage.take_pushes();
    stage.ping(&ann);
    stage.send(&ann, "Can I talk with the real Ada?");
    stage.pass(Millis(799));
    assert_eq!(stage.frames(&ann).len(), 1, "the echo");
    stage.pass(Millis(1));
    let owner = stage.frames(&ann);
    assert_eq!((owner.len(), &owner[0]["sendUserId"]), (1, &json!("de4fh")));
    assert!(answer_text(&owner[0]).contains("the real Ada"));
    assert!(stage.service.state(stage.now).sessions[0].taken_over);

    // Sent before the owner has handed back: it waits until then.
    stage.send(&ann, "Thanks! Is the avatar back?");
    stage.pass(Millis::seconds(5));
    let back = stage.frames(&ann);
    assert!(replies(&back).starts_with("Yes, I'm back!"), "{back:?}");
    assert!(!stage.service.state(stage.now).sessions[0].taken_over);
}

#[test]
fn the_first_rule_that_matches_answers_and_without_one_there_is_no_answer() {
    let mut stage = stage(
        "rules:
          - { when: { equals: Hello }, then: [{ say: equal }] }
          - { when: { contains: hello }, then: [{ say: one }] }
          - { when: { contains: [price, cost] }, then: [{ say: several }] }",
    );
    let ann = stage.open(ANN);
    for (text, wanted) in [
        (" Hello ", "equal"),
        ("Oh HELLO there", "one"),
        ("hello", "one"),
        ("What does it Cost?", "several"),
        ("Good day", ""),
    ] {
        assert_eq!(replies(&stage.ask(&ann, text)), wanted, "{text}");
    }
}

#[test]
fn a_reply_is_cut_into_the_pieces_that_are_written() {
    let mut stage = stage(
        "rules:
          - when: any
            then:
              - say:
                  think: 300ms
                  delay: 50ms
                  end: empty
                  pieces:
                    - 'Look at '
                    - [{ text: this }, { card: { template: image, params: { url: x } } }]
                  sources: [{ title: A book }]
                  speech: { url: 'https://example.com/a.mp3' }",
    );
    let ann = stage.open(ANN);
    stage.take_pushes();
    let sent = stage.now;
    stage.send(&ann, "Hello");
    stage.pass(Millis::seconds(1));
    let times: Vec<_> = stage.pushed.iter().map(|(at, _)| (*at - sent).0).collect();
    assert_eq!(times, [0, 300, 350, 400]);
    let frames = stage.frames(&ann);
    assert_eq!(answer_text(&frames[1]), "Look at ");
    let parts = &frames[2]["multipleData"];
    assert_eq!(parts[0]["modal"]["answer"], "this");
    assert_eq!(parts[1]["singleDataType"], "template");
    let template: Value = serde_json::from_str(parts[1]["modal"]["template"].as_str().unwrap()).unwrap();
    assert_eq!(template, json!({"templateName": "image", "params": {"url": "x"}}));
    assert_eq!(parts[2]["modal"]["speech"]["url"], "https://example.com/a.mp3");
    assert_eq!(frames[2]["sources"], json!([{"title": "A book"}]));
    assert_eq!((&frames[3]["index"], &frames[3]["multipleData"]), (&json!(-1), &json!([])));
}

#[test]
fn a_whole_reply_has_its_cards_in_the_same_frame() {
    let mut stage = stage(
        "rules:
          - when: any
            then:
              - say:
                  text: Here is everything you asked for in one go
                  whole: true
                  speech: clip
                  cards: [{ template: citation, params: { citation: Book, link: 'https://example.com' } }]",
    );
    let ann = stage.open(ANN);
    let frames = stage.ask(&ann, "Hello");
    assert_eq!(frames.len(), 2);
    assert_eq!(frames[1].get("index"), None);
    let parts = frames[1]["multipleData"].as_array().unwrap();
    assert_eq!(parts.len(), 3);
    assert_eq!(parts[0]["modal"]["answer"], "Here is everything you asked for in one go");
    assert_eq!(parts[1]["singleDataType"], "template");
}

#[test]
fn a_script_plays_the_owner_and_the_system() {
    let mut stage = stage(
        "rules:
          - when: any
            then:
              - hint: Ann has joined
              - owner: takes-over
              - say: the avatar is silent meanwhile
              - owner: { says: It is me }
              - notice: Closed tomorrow
              - fail: { code: session.openai.error, reason: down }
              - frame: { type: recommend, list: [1, 2] }
              - owner: hands-back
              - wait: 1s
              - say: Back",
    );
    let ann = stage.open(ANN);
    let frames = stage.ask(&ann, "Hello");
    let kinds: Vec<_> = frames.iter().map(|frame| text(&frame["type"])).collect();
    assert_eq!(kinds, ["msg", "hint", "msg", "notice", "sys", "recommend", "msg"]);
    assert_eq!(frames[2]["sendUserId"], "de4fh");
    assert_eq!(frames[5], json!({"type": "recommend", "list": [1, 2]}));
    assert_eq!(replies(&frames), "Back");
}

#[test]
fn the_owner_of_a_script_is_refused_like_the_owner_in_person() {
    let mut stage = stage("rules: [{ when: any, then: [{ owner: { says: Hi } }] }]");
    let mut ann = stage.open(ANN);
    let made = stage.post(&ann, SESSION, &with(&session(&ann), "memberUserIds", Value::Null));
    ann.session = text(&data(&made)["sessionId"]);
    assert_eq!(stage.ask(&ann, "Hello").len(), 1);
    assert_eq!(stage.service.state(stage.now).failures["session.not.member"], 1);
}

#[test]
fn a_reply_without_any_frame_does_not_stall_its_session() {
    let mut stage = stage(
        "rules:
          - { when: { equals: nothing }, then: [{ say: { text: '', end: missing } }] }
          - { when: any, then: [{ say: Here }] }",
    );
    let ann = stage.open(ANN);
    stage.ask(&ann, "nothing");
    assert_eq!(replies(&stage.ask(&ann, "Hello")), "Here");
}

#[test]
fn a_script_that_says_nothing_sensible_is_refused_with_the_place() {
    for (yaml, wanted) in [
        ("", "rules"),
        ("rules: [{ when: any, then: [{ shout: x }] }]", "shout"),
        ("rules: [{ when: sometimes, then: [] }]", "sometimes"),
        ("rules: [{ when: any, then: [{ wait: soon }] }]", "soon"),
        ("rules: [{ when: any, then: [{ say: { txt: x } }] }]", "say"),
        ("rulez: []", "rulez"),
    ] {
        let error = Script::parse(yaml).unwrap_err().to_string();
        assert!(error.starts_with("the script cannot be read"), "{error}");
        assert!(error.contains(wanted) || error.contains("line"), "{yaml}: {error}");
    }
}

#[test]
fn while_the_owner_speaks_in_person_no_script_is_played() {
    let mut stage = stage("rules: [{ when: any, then: [{ hint: Typing }, { say: Hello }] }]");
    let ann = stage.open(ANN);
    stage.take_over(&ann);
    assert_eq!(stage.ask(&ann, "Hello").len(), 1, "the echo alone");
    stage.hand_back(&ann);
    assert_eq!(stage.ask(&ann, "Hello")[1]["type"], "hint");
}
