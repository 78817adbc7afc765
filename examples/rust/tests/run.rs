//! Runs each example against the emulator.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use secondme_avatar_emulator::brain::Script;
use secondme_avatar_emulator::{Brain, Emulator};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;

/// Far more than any example needs.
const DEADLINE: Duration = Duration::from_secs(60);

fn example(path: &str, emulator: &Emulator) -> Command {
    let mut command = Command::new(path);
    command.env("SECONDME_API_KEY", emulator.api_key()).env("SECONDME_BASE_URL", emulator.base_url());
    command.stdout(Stdio::piped()).kill_on_drop(true);
    command
}

async fn printed(path: &str, emulator: &Emulator) -> String {
    let child = example(path, emulator).spawn().unwrap();
    let output: Output =
        tokio::time::timeout(DEADLINE, child.wait_with_output()).await.expect("it hangs").unwrap();
    assert!(output.status.success(), "{:?}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn quickstart_prints_the_opening_line_and_the_answer() {
    let emulator = Emulator::builder().brain(Brain::demo()).start().await.unwrap();
    let text = printed(env!("CARGO_BIN_EXE_quickstart"), &emulator).await;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].starts_with("Ada's avatar: Hello, I'm Ada's avatar"), "{text}");
    assert!(lines[1].starts_with("Ada's avatar: I'm the avatar of Ada Lovelace"), "{text}");
    assert_eq!(emulator.state().visitors[0].name.as_deref(), Some("Grace"));
}

#[tokio::test]
async fn streaming_prints_all_pieces_of_the_answer() {
    let emulator = Emulator::builder().brain(Brain::Echo).start().await.unwrap();
    let text = printed(env!("CARGO_BIN_EXE_streaming"), &emulator).await;
    assert_eq!(text, "You said: Hello, tell me about yourself\n39 bytes in all\n");
}

#[tokio::test]
async fn takeover_keeps_quiet_while_the_owner_speaks() {
    let script = "{rules: [{when: any, then: [{owner: takes-over}, {owner: {says: It is me}}, \
                  {owner: {says: Still me}}, {owner: hands-back}, {say: Here I am again}]}]}";
    let brain = Script::parse(script).unwrap().into();
    let emulator = Emulator::builder().brain(brain).start().await.unwrap();
    let mut bot = example(env!("CARGO_BIN_EXE_takeover"), &emulator).spawn().unwrap();
    let mut lines = BufReader::new(bot.stdout.take().unwrap()).lines();
    let expected = [
        "bot: the owner is here, I keep quiet",
        "owner: It is me",
        "owner: Still me",
        "bot: the avatar is back",
        "avatar: Here I am again",
    ];
    for line in expected {
        let printed = tokio::time::timeout(DEADLINE, lines.next_line()).await.expect("it hangs");
        assert_eq!(printed.unwrap().as_deref(), Some(line));
    }
    bot.kill().await.unwrap();
}

#[tokio::test]
async fn many_visitors_are_served_by_one_loop() {
    let emulator = Emulator::builder().brain(Brain::Echo).start().await.unwrap();
    let mut bot = example(env!("CARGO_BIN_EXE_many_visitors"), &emulator).spawn().unwrap();
    let mut lines = BufReader::new(bot.stdout.take().unwrap()).lines();
    let mut answers = Vec::new();
    for _ in 0..3 {
        let printed = tokio::time::timeout(DEADLINE, lines.next_line()).await.expect("it hangs");
        answers.push(printed.unwrap().unwrap());
    }
    let answered: HashSet<&str> =
        answers.iter().filter_map(|line| line.strip_suffix(": You said: Hello")).collect();
    let state = emulator.state();
    assert_eq!(answered, state.visitors.iter().map(|visitor| visitor.visitor_id.as_str()).collect());
    assert_eq!(answered.len(), 3);
    bot.kill().await.unwrap();
}

#[tokio::test]
async fn errors_says_what_to_do_and_hands_the_message_back() {
    let emulator = Emulator::builder().brain(Brain::Echo).start().await.unwrap();
    let errors = env!("CARGO_BIN_EXE_errors");
    assert_eq!(printed(errors, &emulator).await, "sent\n");
    emulator.fault(r#"{"at": "message/send", "do": {"fail": "some.code"}}"#.parse().unwrap()).unwrap();
    let text = printed(errors, &emulator).await;
    assert!(text.contains("some.code") && text.ends_with("\nnot sent: The invoice is paid\n"), "{text}");
    emulator.fault(r#"{"at": "auth", "do": {"fail": "open.api.key.not.found"}}"#.parse().unwrap()).unwrap();
    assert_eq!(printed(errors, &emulator).await, "the key was refused: another one is needed\n");
}

#[test]
fn each_example_is_short() {
    let sources = [
        include_str!("../quickstart.rs"),
        include_str!("../streaming.rs"),
        include_str!("../takeover.rs"),
        include_str!("../many_visitors.rs"),
        include_str!("../errors.rs"),
    ];
    for source in sources {
        assert!(source.lines().count() < 40, "{source}");
    }
}

/// Gives the program these lines of its platform, and returns what it tells people.
async fn carried(emulator: &Emulator, folder: &Path, lines: &str) -> String {
    let mut command = example(env!("CARGO_BIN_EXE_custom"), emulator);
    let mut child = command.current_dir(folder).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).await.unwrap();
    let output: Output =
        tokio::time::timeout(DEADLINE, child.wait_with_output()).await.expect("it hangs").unwrap();
    assert!(output.status.success(), "{:?}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// What was told to a person.
fn told(out: &str, user: &str) -> String {
    out.lines().filter_map(|line| line.strip_prefix(user)?.strip_prefix(": ")).collect()
}

#[tokio::test]
async fn a_custom_integration_answers_each_person_goes_on_after_a_restart_and_is_kind_about_errors() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("custom");
    // It is not there at first.
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let builder = Emulator::builder().brain(Brain::Echo).piece_delay(Duration::from_millis(300));
    let emulator = builder.start().await.unwrap();
    let out = carried(&emulator, &folder, "ada Who are you?\ngrace And I?\n").await;
    assert_eq!(told(&out, "ada"), "You said: Who are you?");
    assert_eq!(told(&out, "grace"), "You said: And I?");
    assert!(out.lines().count() > 2, "in pieces: {out}");

    let session = emulator
        .state()
        .sessions
        .into_iter()
        .find(|one| one.messages.iter().any(|message| message.text == "And I?"));
    let session = session.unwrap().session_id;
    emulator.owner().reply(&session, "It is me").unwrap();
    emulator.owner().hand_back(&session).unwrap();
    emulator.fault(r#"{"at": "message/send", "do": {"fail": "some.code"}}"#.parse().unwrap()).unwrap();
    let out = carried(&emulator, &folder, "ada Hello\ngrace /raw\n").await;
    assert_eq!(told(&out, "ada"), "Sorry, there is no answer just now.");
    let grace = told(&out, "grace");
    assert!(grace.contains("It is me") && grace.contains(r#""messageId""#), "{out}");
    assert_eq!(emulator.state().sessions.len(), 2, "the same sessions go on");
}
