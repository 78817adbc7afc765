//! The README's examples are read as the emulator reads them.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod support;

use secondme_avatar_emulator::service::{Fault, InjectionPoint, Millis, Service, Settings};
use serde_json::{Map, Value, json};
use support::*;

const README: &str = include_str!("../README.md");

/// Each JSON block of this kind.
fn blocks(kind: &str) -> Vec<Value> {
    let fence = format!("```json {kind}\n");
    let blocks = README.split(&fence).skip(1).map(|block| block.split("```").next().unwrap());
    let blocks: Vec<_> = blocks.map(|block| serde_json::from_str(block).unwrap()).collect();
    assert!(!blocks.is_empty(), "{kind}");
    blocks
}

#[test]
fn every_json_block_says_what_it_is() {
    let known: usize = ["settings", "faults", "journal"].iter().map(|kind| blocks(kind).len()).sum();
    assert_eq!(README.matches("```json").count(), known);
}

#[test]
fn its_settings_are_settings() {
    for block in blocks("settings") {
        let changes: Map<String, Value> = serde_json::from_value(block).unwrap();
        Settings::default().changed(changes).unwrap();
    }
}

#[test]
fn its_settings_in_toml_are_settings() {
    let block = README.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let settings = Settings::default().changed(toml::from_str(block).unwrap()).unwrap();
    assert_eq!((settings.keys.len(), settings.keys[1].disabled), (2, true));
}

#[test]
fn its_faults_are_faults_and_every_place_is_named() {
    for block in blocks("faults") {
        let faults: Vec<Fault> = serde_json::from_value(block).unwrap();
        let mut service = Service::new(Settings::default(), Millis(0), 7);
        for fault in faults {
            service.add_fault(fault).unwrap();
        }
    }
    for place in InjectionPoint::ALL {
        assert!(README.contains(&format!("`{place}`")), "{place}");
    }
}

#[test]
fn its_journal_is_what_the_emulator_writes() {
    let mut stage = Stage::new(Settings::default());
    stage.service.add_fault(r#"{"at": "auth", "do": {"status": 503}}"#.parse().unwrap()).unwrap();
    stage.auth(BEN);
    let (entries, next) = stage.service.journal(stage.now, 0);
    let ours = json!({"next": next, "entries": entries});
    let readmes = &blocks("journal")[0];
    assert_eq!(ours["next"], readmes["next"]);
    for (ours, readmes) in
        ours["entries"].as_array().unwrap().iter().zip(readmes["entries"].as_array().unwrap())
    {
        let names = |of: &Value| of.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(ours), names(readmes));
        assert_eq!(
            (&ours["n"], &ours["what"], &ours["atMs"]),
            (&readmes["n"], &readmes["what"], &readmes["atMs"])
        );
    }
}

#[test]
fn its_inline_examples_of_bodies_are_json() {
    for example in README.split('`').skip(1).step_by(2).filter(|code| code.starts_with("{\"")) {
        // An ellipsis stands for anything, and names alone for their values.
        if example.contains(": ") && !example.contains('…') && !example.contains("{\"code\", ") {
            serde_json::from_str::<Value>(example).unwrap_or_else(|error| panic!("{example}: {error}"));
        }
    }
}

#[test]
fn its_table_has_every_open_question_and_every_answer() {
    let Value::Object(settings) = json!(Settings::default()) else { panic!("settings are an object") };
    for (name, answer) in &settings {
        let row = README.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        // What has no row is a list or a length of time, and no question.
        let Some(row) = row else {
            let is_limit =
                ["-delay", "-lifetime", "-base", "-page", "-minute"].iter().any(|end| name.ends_with(end));
            assert!(
                is_limit || !answer.is_string() || ["brain", "latency"].contains(&&**name),
                "{name} has no row"
            );
            continue;
        };
        let unknown = Map::from_iter([(name.clone(), json!("no such answer"))]);
        let error = Settings::default().changed(unknown).unwrap_err().to_string();
        let (_, answers) = error.split_once("one of the answers: ").unwrap();
        for answer in answers.split(", ") {
            let written = answer.split_once(':').map_or(answer.to_owned(), |(kind, _)| format!("{kind}:N"));
            assert!(row.contains(&format!("`{written}`")), "the row of {name} has no `{written}`");
        }
    }
}
