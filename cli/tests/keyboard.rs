//! The program on a terminal, with a user at the keyboard.
#![cfg(unix)]
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

use std::process::Command;

use rexpect::reader::Options;
use rexpect::session::{PtySession, spawn_with_options};
use secondme_avatar_emulator::{Brain, Emulator};

/// How long anything that is waited for may take.
const PATIENCE: u64 = 30_000;

/// What a shell would do: run it, then say how it ended and how it left the terminal.
const SHELL: &str = r#"trap : INT; before=$(stty -g); "$AVATAR" "$@"; echo "left with $?"
if [ "$before" = "$(stty -g)" ]; then echo "terminal sane"; else echo "terminal wrecked"; fi"#;

fn on_a_terminal(args: &[&str], envs: &[(&str, &str)]) -> PtySession {
    let mut command = Command::new("sh");
    command.args(["-c", SHELL, "sh"]).args(args);
    command.env("AVATAR", env!("CARGO_BIN_EXE_avatar")).env("TERM", "xterm-256color");
    for name in ["SECONDME_API_KEY", "SECONDME_BASE_URL", "SECONDME_LOG", "NO_COLOR"] {
        command.env_remove(name);
    }
    command.envs(envs.iter().copied());
    let options = Options::new().timeout_ms(Some(PATIENCE)).strip_ansi_escape_codes(true);
    spawn_with_options(command, options).unwrap()
}

/// Waits for a text. rexpect takes every byte for a letter.
fn see(session: &mut PtySession, text: &str) -> String {
    session.exp_string(&bytes(text)).unwrap()
}

fn bytes(text: &str) -> String {
    text.bytes().map(char::from).collect()
}

fn left_with(session: &mut PtySession, code: u8) {
    see(session, &format!("left with {code}"));
    see(session, "terminal sane");
}

#[test]
fn a_conversation_at_the_keyboard() {
    let mut chat = on_a_terminal(&["chat", "--emulator"], &[]);
    see(&mut chat, "Hello! 👋");
    see(&mut chat, "You  ");
    chat.send_line("how are you").unwrap();
    see(&mut chat, "You said: how are you");

    see(&mut chat, "You  ");
    chat.send_line("/owner it is me").unwrap();
    see(&mut chat, "has taken over from the avatar");
    see(&mut chat, "The owner, in person ┃ it is me");

    see(&mut chat, "You  ");
    chat.send_line("this has no answer").unwrap();
    see(&mut chat, "a person may take a while");

    see(&mut chat, "You  ");
    chat.send_line("/handback").unwrap();
    see(&mut chat, "the avatar answers again");

    see(&mut chat, "You  ");
    chat.send_line("and now").unwrap();
    see(&mut chat, "You said: and now");

    see(&mut chat, "You  ");
    chat.send_line("/history 2").unwrap();
    see(&mut chat, "and now");
    see(&mut chat, "You said: and now");
    see(&mut chat, "that is what was said last");

    see(&mut chat, "You  ");
    chat.send_line("/nothing").unwrap();
    see(&mut chat, "/help lists the commands");

    see(&mut chat, "You  ");
    chat.send("half a line").unwrap();
    chat.flush().unwrap();
    see(&mut chat, "half a line");
    chat.send_control('c').unwrap();
    left_with(&mut chat, 130);
}

#[test]
fn ctrl_d_leaves() {
    let mut chat = on_a_terminal(&["chat", "--emulator"], &[]);
    see(&mut chat, "You  ");
    chat.send_control('d').unwrap();
    left_with(&mut chat, 0);
}

#[test]
fn ctrl_c_leaves_in_the_middle_of_a_reply() {
    let mut chat = on_a_terminal(&["chat", "--emulator"], &[]);
    see(&mut chat, "You  ");
    chat.send_line(&"a long story ".repeat(60)).unwrap();
    see(&mut chat, "You said: ");
    chat.send_control('c').unwrap();
    left_with(&mut chat, 130);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_the_service_ends_leaves_a_terminal_that_works() {
    let emulator = Emulator::builder().start().await.unwrap();
    let envs = [("SECONDME_API_KEY", emulator.api_key()), ("SECONDME_BASE_URL", emulator.base_url())];
    let mut chat = on_a_terminal(&["chat"], &envs);
    see(&mut chat, "You  ");
    chat.send("half a line").unwrap();
    chat.flush().unwrap();
    see(&mut chat, "half a line");
    let failure = secondme_avatar_emulator::service::Injection::Failure {
        code: "session.status.closed".to_owned(),
        reason: "The session is over".to_owned(),
        actions: Vec::new(),
        message_id: None,
    };
    emulator.inject(&emulator.state().sessions[0].session_id, failure).unwrap();
    see(&mut chat, "error: the conversation was closed by the service");
    left_with(&mut chat, 1);
}

#[test]
fn a_service_that_is_not_there_leaves_the_terminal_as_it_was() {
    let mut chat = on_a_terminal(
        &["chat", "--base-url", "http://127.0.0.1:9/gate/in", "--timeout", "200ms"],
        &[("SECONDME_API_KEY", "sk-x")],
    );
    see(&mut chat, "error:");
    left_with(&mut chat, 5);
}

#[test]
fn no_color_means_no_colour() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_avatar"));
    command.args(["chat", "--emulator"]).env("NO_COLOR", "1").env("TERM", "xterm-256color");
    let options = Options::new().timeout_ms(Some(PATIENCE));
    let mut chat = spawn_with_options(command, options).unwrap();
    let shown = see(&mut chat, "You  ");
    assert!(shown.contains(&bytes("Hello! 👋")));
    assert!(
        !shown.contains("\x1b[1m") && !shown.contains("\x1b[36m") && !shown.contains("\x1b[2m"),
        "{shown:?}"
    );
    chat.send_control('d').unwrap();
    chat.exp_eof().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrives_while_a_line_is_typed_leaves_the_line_alone() {
    let emulator = Emulator::builder().brain(Brain::Echo).avatar_name("Ada's avatar").start().await.unwrap();
    let envs = [("SECONDME_API_KEY", emulator.api_key()), ("SECONDME_BASE_URL", emulator.base_url())];
    let mut chat = on_a_terminal(&["chat"], &envs);
    see(&mut chat, "You  ");
    chat.send("half a ").unwrap();
    chat.flush().unwrap();
    see(&mut chat, "half a ");

    let session = emulator.state().sessions[0].session_id.clone();
    emulator.owner().reply(&session, "Sorry to interrupt").unwrap();
    see(&mut chat, "Ada, in person ┃ Sorry to interrupt");
    see(&mut chat, "half a ");

    emulator.close_sockets(None, &secondme_avatar_emulator::service::CloseHow::Abrupt);
    see(&mut chat, "connection lost");
    see(&mut chat, "back; nothing was missed");
    see(&mut chat, "half a ");

    emulator.owner().hand_back(&session).unwrap();
    chat.send_line("line").unwrap();
    emulator.wait_until(|state| state.sessions[0].messages.iter().any(|one| one.text == "half a line")).await;
    see(&mut chat, "the avatar is back");
    see(&mut chat, "You said: half a line");
    chat.send_control('d').unwrap();
    left_with(&mut chat, 0);
}

#[test]
fn the_demo_hands_over_the_keyboard() {
    let mut demo = on_a_terminal(&["demo"], &[]);
    see(&mut demo, "Hello, I'm Ada's avatar");
    see(&mut demo, "Tell me about yourself");
    see(&mut demo, "I'm the avatar of Ada Lovelace");
    see(&mut demo, "Ada, in person ┃ Hi, this is the real Ada");
    see(&mut demo, "Yes, I'm back!");
    see(&mut demo, "Your turn");
    see(&mut demo, "You  ");
    demo.send_line("Tell me a joke").unwrap();
    see(&mut demo, "Ada's favourite");
    see(&mut demo, "You  ");
    demo.send_line("/quit").unwrap();
    left_with(&mut demo, 0);
}
