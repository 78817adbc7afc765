//! The program without a terminal: what a script gets to see.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.
#![allow(unreachable_pub)]

mod support;

use std::process::Stdio;

use secondme_avatar_emulator::{Brain, Emulator};
use support::{DEADLINE, avatar, err, out, run};
use tokio::io::{AsyncBufReadExt as _, BufReader};

#[tokio::test]
async fn every_line_of_a_pipe_is_asked_and_its_answer_printed() {
    let output = run(avatar(&["chat", "--emulator"]), "Hello\r\n\nWho are you? 你好\nlast").await;
    assert_eq!(out(&output), "You said: Hello\nYou said: Who are you? 你好\nYou said: last\n");
    assert!(err(&output).contains("Hello! 👋"), "the opening line is no answer");
    assert_eq!(output.status.code(), Some(0));
}

#[tokio::test]
async fn what_would_make_a_terminal_do_things_is_shown_and_not_done() {
    let output =
        run(avatar(&["chat", "--emulator"]), "a\u{1b}]0;title\u{7}\u{202e} \u{9b}2J 👩\u{200d}💻\n").await;
    assert_eq!(out(&output), "You said: a\\u{1b}]0;title\\u{7}\\u{202e} \\u{9b}2J 👩\u{200d}💻\n");
    let emulator =
        Emulator::builder().brain(Brain::Echo).avatar_name("A\u{202e}da").opening("Hi\u{1b}[2J").start();
    let emulator = emulator.await.unwrap();
    let mut chat = avatar(&["chat", "--base-url", emulator.base_url()]);
    chat.env("SECONDME_API_KEY", emulator.api_key());
    let output = run(chat, "Hello\n").await;
    let shown = format!("{}{}", out(&output), err(&output));
    assert!(shown.contains("Hi\\u{1b}[2J"), "{shown:?}");
    assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown:?}");
}

#[tokio::test]
async fn a_line_of_a_pipe_is_a_message_though_it_looks_like_a_command() {
    let output = run(avatar(&["chat", "--emulator"]), "/quit\n/help\n").await;
    assert_eq!(out(&output), "You said: /quit\nYou said: /help\n");
}

#[tokio::test]
async fn the_owner_answers_a_pipe_too_and_stderr_says_who_it_is() {
    let questions = "Can I talk to the real Ada?\nThanks!\n";
    let output = run(avatar(&["chat", "--emulator", "--script", "demo"]), questions).await;
    let answers = out(&output);
    let lines: Vec<&str> = answers.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].starts_with("Hi, this is the real Ada") && lines[1].starts_with("Yes, I'm back!"));
    let remarks = err(&output);
    let order = ["Ada has taken over from the avatar", "the avatar is back"];
    assert!(in_order(&remarks, &order), "{remarks}");
}

#[tokio::test]
async fn with_a_console_visitors_talk_until_they_are_stopped() {
    let mut demo = avatar(&["demo", "--console"]);
    let mut running = demo.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(running.stdout.take().unwrap()).lines();
    let said = lines.next_line().await.unwrap().unwrap();
    let console = said.split_once("http://").unwrap().1.to_owned();
    let state = format!("http://{console}_emulator/state");
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let names = async || {
        let text = http.get(&state).send().await.unwrap().text().await.unwrap();
        let state: serde_json::Value = serde_json::from_str(&text).unwrap();
        let sessions = state["sessions"].as_array().unwrap().iter();
        let answered = sessions.filter(|one| one["messages"].as_array().unwrap().len() > 1).count();
        (answered, text.contains("张三(feishu)"))
    };
    let see = async { while names().await != (6, true) {} };
    tokio::time::timeout(DEADLINE, see).await.expect("six visitors, each with an answer");
    let id = running.id().unwrap().to_string();
    assert!(tokio::process::Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
    assert_eq!(running.wait().await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn the_demo_plays_through_without_a_terminal() {
    let output = run(avatar(&["demo"]), "").await;
    let conversation = [
        "Ada's avatar: Hello, I'm Ada's avatar",
        "You: Tell me about yourself",
        "Ada's avatar: I'm the avatar of Ada Lovelace",
        "You: Can I talk to the real Ada?",
        "Ada, in person: Hi, this is the real Ada",
        "You: Thank you, Ada! Is the avatar back?",
        "Ada's avatar: Yes, I'm back!",
    ];
    let text = out(&output);
    assert!(in_order(&text, &conversation), "{text}");
    assert_eq!(text.lines().count(), conversation.len());
    assert!(!text.contains('\x1b'), "no colour without a terminal");
    assert_eq!(output.status.code(), Some(0));
}

#[tokio::test]
async fn without_a_key_it_says_how_to_get_one() {
    let output = run(avatar(&["chat"]), "Hello\n").await;
    assert_eq!(output.status.code(), Some(3));
    for advice in ["SECONDME_API_KEY", "API Key Management", "process list", "--emulator"] {
        assert!(err(&output).contains(advice), "{advice}");
    }
    assert_eq!(out(&output), "");
}

#[tokio::test]
async fn a_key_among_the_arguments_is_refused_and_not_repeated() {
    let output = run(avatar(&["chat", "sk-0123456789"]), "").await;
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("SECONDME_API_KEY") && !err(&output).contains("0123456789"));
}

#[tokio::test]
async fn a_refused_key_has_an_exit_code() {
    let emulator = Emulator::builder().start().await.unwrap();
    let mut command = avatar(&["chat"]);
    command.env("SECONDME_API_KEY", "sk-unknown").env("SECONDME_BASE_URL", emulator.base_url());
    let output = run(command, "Hello\n").await;
    assert_eq!(output.status.code(), Some(3));
    assert!(err(&output).contains("open.api.key.not.found"), "{}", err(&output));
    assert!(!err(&output).contains("sk-unknown"));
}

#[tokio::test]
async fn a_key_is_read_from_a_file() {
    let emulator = Emulator::builder().start().await.unwrap();
    let file = std::env::temp_dir().join(format!("secondme-avatar-cli-key-{}", std::process::id()));
    std::fs::write(&file, format!("{}\n", emulator.api_key())).unwrap();
    let chat = || {
        let mut command = avatar(&["chat", "--base-url", emulator.base_url()]);
        command.env("SECONDME_API_KEY_FILE", &file);
        command
    };
    let output = run(chat(), "Hello\n").await;
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let mut both = chat();
    both.env("SECONDME_API_KEY", "sk-0123456789");
    let output = run(both, "Hello\n").await;
    std::fs::remove_file(&file).unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(err(&output).contains("both set") && !err(&output).contains("0123456789"), "{}", err(&output));
}

#[tokio::test]
async fn a_used_up_quota_has_an_exit_code() {
    let emulator =
        Emulator::builder().configure(|settings| settings.quota_per_minute = 0).start().await.unwrap();
    let mut command = avatar(&["chat", "--timeout", "300ms", "--base-url", emulator.base_url()]);
    command.env("SECONDME_API_KEY", emulator.api_key());
    let output = run(command, "Hello\n").await;
    assert_eq!(output.status.code(), Some(4), "{}", err(&output));
    assert!(err(&output).contains("60 times a minute"));
}

#[tokio::test]
async fn a_service_that_is_not_there_has_an_exit_code() {
    let gone = Emulator::builder().start().await.unwrap();
    let base = gone.base_url().to_owned();
    gone.stop().await;
    let mut command = avatar(&["chat", "--base-url", &base, "--timeout", "300ms"]);
    command.env("SECONDME_API_KEY", "sk-emulator");
    let output = run(command, "Hello\n").await;
    assert_eq!(output.status.code(), Some(5));
    assert!(err(&output).starts_with("error: ") && err(&output).contains("--base-url"), "{}", err(&output));
}

#[tokio::test]
async fn the_first_question_that_fails_ends_it() {
    let script = "{rules: [{when: {equals: Hello}, then: [{say: Hi}]}, \
                  {when: any, then: [{fail: {code: session.openai.error, reason: The model is down}}]}]}";
    let emulator =
        Emulator::builder().brain(secondme_avatar_emulator::brain::Script::parse(script).unwrap().into());
    let emulator = emulator.start().await.unwrap();
    let mut command = avatar(&["chat", "--base-url", emulator.base_url()]);
    command.env("SECONDME_API_KEY", emulator.api_key());
    let output = run(command, "Hello\nAnd now?\nStill there?\n").await;
    assert_eq!((out(&output).as_str(), output.status.code()), ("Hi\n", Some(1)));
    assert!(err(&output).contains("The model is down"), "{}", err(&output));
    assert_eq!(emulator.state().calls["message/send"], 2);
}

#[tokio::test]
async fn a_visitor_comes_back_as_the_same_one_and_the_owner_sees_the_name() {
    let emulator = Emulator::builder().brain(Brain::Echo).start().await.unwrap();
    for name in ["Grace", "Grace Hopper"] {
        let mut command = avatar(&["chat", "--as", name, "--base-url", emulator.base_url()]);
        command.env("SECONDME_API_KEY", emulator.api_key()).env("USER", "grace");
        assert_eq!(run(command, "").await.status.code(), Some(0));
    }
    let visitors = emulator.state().visitors;
    assert_eq!(visitors.len(), 1);
    assert!(visitors[0].visitor_id.starts_with("cli_"));
    assert_eq!(visitors[0].name.as_deref(), Some("Grace Hopper(cli)"));
}

#[tokio::test]
async fn the_log_is_for_this_library_and_holds_no_message() {
    let mut command = avatar(&["chat", "--emulator"]);
    command.env("SECONDME_LOG", "trace");
    let output = run(command, "a secret of mine\n").await;
    let log = err(&output);
    assert!(log.contains("DEBUG secondme_avatar::"), "{log}");
    assert!(
        !log.contains("a secret of mine") && !log.contains("tungstenite") && !log.contains("hyper"),
        "{log}"
    );
    assert_eq!(out(&output), "You said: a secret of mine\n");
}

#[tokio::test]
async fn wrong_commands_are_said_to_be_so() {
    let wrong: [&[&str]; 7] = [
        &[],
        &["chat", "--nothing"],
        &["chat", "--emulator", "--timeout", "soon"],
        &["chat", "--emulator", "--base-url", "http://127.0.0.1:1"],
        &["chat", "--script", "demo"],
        &["chat", "--emulator", "--visitor", "me"],
        &["chat", "--emulator", "--script", "/no/such/file.yaml"],
    ];
    for args in wrong {
        let output = run(avatar(args), "").await;
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(!err(&output).contains("panicked"), "{args:?}");
    }
}

#[tokio::test]
async fn help_is_for_newcomers() {
    let output = run(avatar(&["--help"]), "").await;
    assert_eq!(output.status.code(), Some(0));
    for said in ["avatar demo", "avatar chat --emulator", "SECONDME_API_KEY", "Exit codes", "130"] {
        assert!(out(&output).contains(said), "{said}");
    }
    for command in ["chat", "demo", "emulator"] {
        assert_eq!(run(avatar(&[command, "--help"]), "").await.status.code(), Some(0), "{command}");
    }
}

#[tokio::test]
async fn the_emulator_says_in_one_line_of_json_where_it_is() {
    let mut emulator = avatar(&["emulator", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut lines = BufReader::new(emulator.stdout.take().unwrap());
    tokio::time::timeout(DEADLINE, lines.read_line(&mut line)).await.expect("it hangs").unwrap();
    let place: serde_json::Value = serde_json::from_str(&line).unwrap();
    let text = |field: &str| place[field].as_str().unwrap().to_owned();
    assert!(text("control_url").ends_with("/_emulator"));
    let mut chat = avatar(&["chat"]);
    chat.env("SECONDME_API_KEY", text("api_key")).env("SECONDME_BASE_URL", text("base_url"));
    assert_eq!(out(&run(chat, "Hello\n").await), "You said: Hello\n");
    emulator.kill().await.unwrap();
}

fn in_order(text: &str, parts: &[&str]) -> bool {
    let mut rest = text;
    parts.iter().all(|part| match rest.split_once(part) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}

#[tokio::test]
async fn a_script_talks_through_either_door() {
    for door in ["avatar-open-api", "visitor-chat"] {
        let output = run(avatar(&["chat", "--emulator", "--door", door]), "Hello\n").await;
        assert_eq!(out(&output), "You said: Hello\n", "{door}: {}", err(&output));
    }
}
