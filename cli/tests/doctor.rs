//! `avatar doctor`: what it finds, and what it says about it.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is told.
#![allow(unreachable_pub)]

mod support;

use secondme_avatar_emulator::Emulator;
use secondme_avatar_emulator::service::{Key, QuotaScope};
use serde_json::Value;
use support::{avatar, err, out, run};
use tokio::process::Command;

fn doctor(base: &str, key: &str) -> Command {
    let mut command = avatar(&["doctor", "--timeout", "1s"]);
    command.env("SECONDME_BASE_URL", base).env("SECONDME_API_KEY", key);
    command
}

#[tokio::test]
async fn a_well_library_needs_four_round_trips_and_a_bit() {
    let output = run(avatar(&["doctor", "--emulator", "--latency", "100ms", "--json"]), "").await;
    let found: Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!(found["ok"], true);
    assert!(found["round_trips"].as_f64().unwrap() >= 4.0 && found["total_ms"].as_f64().unwrap() >= 400.0);
    let mut steps: Vec<_> = found["steps"].as_array().unwrap().iter().collect();
    for step in &steps {
        assert_eq!((&step["ok"], &step["error"]), (&Value::Bool(true), &Value::Null), "{step}");
        assert!(step["ended_ms"].as_f64() >= step["started_ms"].as_f64(), "{step}");
    }
    steps.sort_by_key(|step| step["step"].as_str());
    let names: Vec<_> = steps.iter().map(|step| step["step"].as_str().unwrap()).collect();
    let expected = [
        "authenticate",
        "bind_session",
        "configuration",
        "connect",
        "create_session",
        "create_socket",
        "init_chat",
        "resolve_avatar",
    ];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn for_a_person_it_draws_when_each_step_was_under_way() {
    let output = run(avatar(&["doctor", "--emulator", "--latency", "30ms", "--message", "Hello"]), "").await;
    let text = out(&output);
    for line in ["✓ configuration", "✓ authenticate", "✓ reply", "All is well with the emulator"] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert_eq!(output.status.code(), Some(0));
}

#[tokio::test]
async fn without_a_key_it_is_the_configuration_that_is_wrong() {
    let output = run(avatar(&["doctor", "--json"]), "").await;
    assert_eq!(output.status.code(), Some(3));
    let found: Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!((&found["ok"], &found["steps"][0]["step"]), (&Value::Bool(false), &"configuration".into()));
    assert!(found["steps"][0]["error"]["advice"].as_str().unwrap().contains("API Key Management"));
}

#[tokio::test]
async fn a_refused_key_is_told_from_a_disabled_one() {
    let keys = vec![Key::default(), Key { key: "sk-off".to_owned(), disabled: true, ..Key::default() }];
    let emulator = Emulator::builder().configure(|settings| settings.keys = keys).start().await.unwrap();
    for (key, code) in [("sk-unknown", "open.api.key.not.found"), ("sk-off", "open.api.key.disabled")] {
        let output = run(doctor(emulator.base_url(), key), "").await;
        assert_eq!(output.status.code(), Some(3));
        assert!(out(&output).contains("✗ authenticate") && out(&output).contains(code), "{}", out(&output));
        assert!(err(&output).contains("API Key Management"));
        assert!(!out(&output).contains(key) && !err(&output).contains(key), "the key is not repeated");
    }
}

#[tokio::test]
async fn a_used_up_quota_says_when_to_come_back() {
    let limit = |settings: &mut secondme_avatar_emulator::Settings| {
        settings.quota_per_minute = 1;
        settings.quota_scope = QuotaScope::All;
    };
    let emulator = Emulator::builder().configure(limit).start().await.unwrap();
    let output = run(doctor(emulator.base_url(), emulator.api_key()), "").await;
    assert_eq!(output.status.code(), Some(4), "{}{}", out(&output), err(&output));
    assert!(err(&output).contains("60 times a minute") && err(&output).contains("Try again in"));
}

#[tokio::test]
async fn a_proxy_is_named_and_what_is_wrong_with_it_comes_with_advice() {
    for (name, url, place, advice) in [
        ("HTTPS_PROXY", "http://ada:hush@127.0.0.1:1", "127.0.0.1:1", "belongs in NO_PROXY"),
        ("all_proxy", "socks5://ada:hush@127.0.0.1:1", "all_proxy", "give an HTTP proxy"),
    ] {
        let mut command = doctor("https://service.invalid/gate/in", "sk-0123456789abcdef");
        command.env(name, url);
        let output = run(command, "").await;
        let said = format!("{}{}", out(&output), err(&output));
        assert!(said.contains(place) && said.contains(advice), "{said}");
        assert!(!said.contains("hush"), "{said}");
        assert_ne!(output.status.code(), Some(0));
    }
}

#[tokio::test]
async fn a_wrong_place_is_told_from_no_place() {
    let emulator = Emulator::builder().start().await.unwrap();
    let (key, address) = (emulator.api_key(), emulator.address());
    for (base, advice) in [
        (format!("http://{address}/gate/wrong"), "it ends with /gate/in"),
        (format!("https://{address}/gate/in"), "something answers there that is no TLS"),
        ("http://127.0.0.1:1/gate/in".to_owned(), "Check the network"),
        ("https://no-such-host.invalid/gate/in".to_owned(), "Nobody knows that host's name"),
        ("http://example.com/gate/in".to_owned(), "use https"),
    ] {
        let output = run(doctor(&base, key), "").await;
        let said = format!("{}{}", out(&output), err(&output));
        assert!(said.contains(advice), "{base}: {said}");
        assert_ne!(output.status.code(), Some(0));
    }
}
