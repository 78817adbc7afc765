//! `avatar survey` as a person or a script uses it.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.
#![allow(unreachable_pub)]

mod support;

use std::path::PathBuf;
use std::process::Stdio;

use secondme_avatar_emulator::service::{Pings, SecondSocket};
use secondme_avatar_emulator::{Emulator, Profile};
use support::{DEADLINE, avatar, err, out, run};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

/// A path that is free, and is cleared away.
struct Free(PathBuf);

impl Free {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("secondme-survey-{}-{name}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        Self(path)
    }

    fn read(&self) -> String {
        std::fs::read_to_string(&self.0).unwrap()
    }
}

impl Drop for Free {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn survey(base: &str, key: &str, file: &Free, options: &[&str]) -> Command {
    let mut command = avatar(&["survey", "--base-url", base, "--out", file.0.to_str().unwrap()]);
    command.args(options).env("SECONDME_API_KEY", key);
    command
}

#[tokio::test]
async fn what_a_survey_has_written_the_emulator_plays() {
    let there = |settings: &mut secondme_avatar_emulator::Settings| {
        settings.pings = Pings::Nothing;
        settings.second_socket = SecondSocket::BothGet;
    };
    let emulator = Emulator::builder().configure(there).start().await.unwrap();
    let file = Free::new("played.toml");
    let output = run(survey(emulator.base_url(), emulator.api_key(), &file, &["--fast", "--yes"]), "").await;
    let said = out(&output);
    assert_eq!(output.status.code(), Some(0), "{said}{}", err(&output));
    assert!(said.contains("messages   up to 5") && said.contains("19 of 25 questions answered"), "{said}");
    let profile = Profile::parse(&file.read()).unwrap();
    let again = Emulator::builder().profile(&profile).start().await.unwrap();
    let file = Free::new("again.toml");
    run(survey(again.base_url(), again.api_key(), &file, &["--fast", "--yes"]), "").await;
    let found = Profile::parse(&file.read()).unwrap();
    assert_eq!(found, profile);
    assert!(found.answers().any(|answer| answer == ("second-socket", "both-get")));
    for text in [said, file.read()] {
        assert!(!text.contains(emulator.api_key()) && !text.contains("You said"), "{text}");
    }
}

#[tokio::test]
async fn before_each_question_that_costs_a_message_it_asks_back() {
    let emulator = Emulator::builder().start().await.unwrap();
    let file = Free::new("asked.toml");
    let output = run(survey(emulator.base_url(), emulator.api_key(), &file, &["--fast"]), "y\nno\n").await;
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(err(&output).matches("Ask it? [Y/n]").count(), 3, "{}", err(&output));
    assert_eq!(emulator.state().calls("message/send"), 1);
    let profile = Profile::parse(&file.read()).unwrap();
    let answered = |switch: &str| profile.answers().any(|(name, _)| name == switch);
    assert!(answered("redelivery") && answered("second-socket") && !answered("repeated-message"));
    assert!(file.read().contains("not-asked = \"It costs a message, which was not allowed.\""));
}

#[tokio::test]
async fn the_second_door_needs_an_app_and_has_a_file_of_its_own() {
    let emulator = Emulator::builder().start().await.unwrap();
    let file = Free::new("chat.toml");
    let options = ["--door", "visitor-chat", "--fast", "--yes"];
    let command = || survey(emulator.lab_base_url(), emulator.api_key(), &file, &options);
    let output = run(command(), "").await;
    assert_eq!(output.status.code(), Some(3));
    assert!(err(&output).contains("SECONDME_CLIENT_ID is not set"), "{}", err(&output));
    let with_app = |secret: &str| {
        let mut command = command();
        command.env("SECONDME_CLIENT_ID", emulator.client_id()).env("SECONDME_CLIENT_SECRET", secret);
        command
    };
    let output = run(with_app("wrong-secret"), "").await;
    assert_eq!(output.status.code(), Some(3));
    let said = format!("{}{}", out(&output), err(&output));
    assert!(said.contains("fetch_token: HTTP 401 with `oauth2.client.secret_mismatch`"), "{said}");
    assert!(!said.contains("wrong-secret") && !file.0.exists());
    let output = run(with_app(&emulator.client_secret()), "").await;
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let profile = Profile::parse(&file.read()).unwrap();
    assert!(profile.answers().any(|answer| answer == ("visitor-chat-ping-drop", "never")));
    assert!(!file.read().contains(&emulator.client_secret()));
}

#[cfg(unix)]
#[tokio::test]
async fn one_that_is_stopped_writes_what_it_knows() {
    let emulator = Emulator::builder().configure(|it| it.pings = Pings::Nothing).start().await.unwrap();
    let file = Free::new("stopped.toml");
    let mut command = survey(emulator.base_url(), emulator.api_key(), &file, &["--yes"]);
    let mut running = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(running.stdout.take().unwrap()).lines();
    // It waits for a pong now.
    while !lines.next_line().await.unwrap().unwrap().contains("Are pings answered?") {}
    let id = running.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let status = tokio::time::timeout(DEADLINE, running.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(130));
    let profile = Profile::parse(&file.read()).unwrap();
    assert!(profile.answers().any(|answer| answer == ("origin", "ignored")));
    assert!(
        file.read()
            .contains("[avatar-open-api.pings]\nnot-asked = \"The survey ended before this question.\"")
    );
}

#[tokio::test]
async fn what_cannot_be_surveyed_is_said_and_nothing_is_written() {
    let emulator = Emulator::builder().start().await.unwrap();
    let (base, key) = (emulator.base_url(), emulator.api_key());
    let file = Free::new("nothing.toml");
    for (base, key, options, code, says) in [
        (base, "", &["--yes"][..], 3, "SECONDME_API_KEY is not set"),
        (base, "sk-unknown", &["--yes"], 3, "authenticate: HTTP 200 with `open.api.key.not.found`"),
        ("http://example.com/gate/in", key, &["--yes"], 2, "use https"),
        ("nowhere", key, &["--yes"], 2, "base URL"),
        ("http://127.0.0.1:1/gate/in", key, &["--fast"], 2, "--fast needs an emulator"),
        (base, key, &["--out", "/nowhere/service.toml"], 2, "there is no folder"),
        (base, key, &["--out", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")], 2, "no earlier survey"),
    ] {
        // The last `--out` counts.
        let mut command = avatar(&["survey", "--base-url", base]);
        if !options.contains(&"--out") {
            command.args(["--out", file.0.to_str().unwrap()]);
        }
        command.args(options).env("SECONDME_API_KEY", key);
        let output = run(command, "").await;
        let said = format!("{}{}", out(&output), err(&output));
        assert!(said.contains(says), "{options:?}: {said}");
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(!file.0.exists() && (key.is_empty() || !said.contains(key)), "{said}");
    }
}
