//! `avatar trace`: where the time of a conversation went, in words and as a picture.
#![cfg(unix)]
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.
#![allow(unreachable_pub)]

#[path = "support/folder.rs"]
mod folder;
mod support;

use std::process::{Output, Stdio};

use folder::folder;
use secondme_avatar::{AvatarClient, Visitor};
use secondme_avatar_emulator::{Brain, Emulator};
use serde_json::{Value, json};
use support::{avatar, err, out, run};

/// Lets a visitor of each name ask something of an emulator, whose call to send meets a fault.
async fn talk(base_url: &str, api_key: &str, names: &[&str]) {
    let client = AvatarClient::builder(api_key).unwrap().base_url(base_url.parse().unwrap()).build().unwrap();
    for name in names {
        let chat = client.open(Visitor::for_user("web", name).unwrap()).await.unwrap();
        chat.ask("What is the Note G?").await.unwrap();
    }
    client.close().await;
}

/// The entries of conversations with these visitors, as the control API has them.
async fn journal(names: &[&str]) -> Vec<Value> {
    let emulator = Emulator::builder().brain(Brain::Echo).start().await.unwrap();
    emulator.fault(r#"{"at": "reply", "do": {"delay": "300ms"}}"#.parse().unwrap()).unwrap();
    talk(emulator.base_url(), emulator.api_key(), names).await;
    let entries = emulator.journal().iter().map(|entry| json!(entry)).collect();
    emulator.stop().await;
    entries
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

#[tokio::test]
async fn a_journal_is_told_in_words_and_drawn() {
    let folder = folder("trace-one");
    let entries = journal(&["ada"]).await;
    let file = folder.join("journal.jsonl");
    let (file, picture) = (file.to_str().unwrap(), folder.join("trace.svg"));
    std::fs::write(file, entries.iter().map(|entry| format!("{entry}\n")).collect::<String>()).unwrap();

    let said = run(avatar(&["trace", file]), "").await;
    assert_eq!(code(&said), Some(0), "{}", err(&said));
    let said = out(&said);
    let wait = "waiting for the first piece after “What is the Note G?”; fault reply: delay 300 ms";
    assert!(said.starts_with("session ") && said.contains(wait), "{said}");

    let svg = ["trace", file, "--svg", picture.to_str().unwrap()];
    let drawn = run(avatar(&svg), "").await;
    assert_eq!(code(&drawn), Some(0), "{}", err(&drawn));
    assert!(out(&drawn).contains("longest wait"), "{}", out(&drawn));
    let written = std::fs::read_to_string(&picture).unwrap();
    assert!(written.starts_with("<svg") && written.contains("<style>") && written.ends_with("</svg>\n"));
    let again = run(avatar(&svg), "").await;
    assert!(code(&again) == Some(2) && err(&again).contains("exists already"), "{}", err(&again));
    let more = ["--force", "--from", "0", "--to", "100ms", "--width", "380", "--theme", "dark", "--whole"];
    let forced = run(avatar(&[&svg[..], &more].concat()), "").await;
    assert_eq!(code(&forced), Some(0), "{}", err(&forced));
    let forced = std::fs::read_to_string(&picture).unwrap();
    assert!(forced.contains("width=\"380\"") && !forced.contains("<style>"));

    // The whole answer of the control API, from standard input to standard output.
    let whole = json!({"next": 99, "entries": entries}).to_string();
    let piped = run(avatar(&["trace", "-", "--svg", "-"]), &whole).await;
    assert_eq!(out(&piped), written);
}

#[tokio::test]
async fn several_conversations_are_listed_and_one_is_chosen() {
    let entries = json!(journal(&["ada", "charles"]).await).to_string();
    let list = out(&run(avatar(&["trace", "-", "--list"]), &entries).await);
    let sessions: Vec<_> =
        list.lines().filter_map(|line| line.strip_prefix("session ")?.split(' ').next()).collect();
    assert!(sessions.len() == 2 && list.contains("1 message") && list.contains("longest wait 3"), "{list}");
    assert!(out(&run(avatar(&["trace", "-"]), &entries).await).starts_with(&list));

    let several = run(avatar(&["trace", "-", "--svg", "-"]), &entries).await;
    assert!(
        code(&several) == Some(2) && err(&several).contains("there are 2 conversations"),
        "{}",
        err(&several)
    );
    let one = run(avatar(&["trace", "-", "--session", sessions[1]]), &entries).await;
    assert!(out(&one).starts_with(&format!("session {}", sessions[1])), "{}", err(&one));
    let visitor = list.lines().find_map(|line| line.rsplit_once("visitor ").map(|(_, id)| id)).unwrap();
    let all = run(avatar(&["trace", "-", "--visitor", visitor]), &entries).await;
    assert!(out(&all).starts_with(&format!("visitor {visitor}")), "{}", err(&all));
    let unknown = run(avatar(&["trace", "-", "--session", "none"]), &entries).await;
    assert!(
        code(&unknown) == Some(2) && err(&unknown).contains("there is no session none"),
        "{}",
        err(&unknown)
    );
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    for (input, args, wrong) in [
        ("", &["trace", "-"][..], "standard input: it is empty"),
        ("<svg/>", &["trace", "-"], "it is not a journal, but a picture"),
        ("{\"n\": 1, \"atMs\": 2, \"what\": \"owner\"}\n{oh\nno", &["trace", "-"], "line 2: it is not JSON"),
        ("{\"entries\": []}", &["trace", "-"], "there is no conversation in this journal"),
        ("", &["trace", "/nowhere/journal.jsonl"], "/nowhere/journal.jsonl: it cannot be read"),
        ("", &["trace", "-", "--from", "5s", "--to", "3s"], "--from is not before --to"),
        ("", &["trace", "-", "--width", "5"], "320..=4000"),
        ("", &["trace", "-", "--svg", "x", "--theme", "pink"], "there are `auto`, `light` and `dark`"),
    ] {
        let failed = run(avatar(args), input).await;
        assert!(
            matches!(code(&failed), Some(1 | 2)) && err(&failed).contains(wrong),
            "{args:?}: {}",
            err(&failed)
        );
    }
}

#[tokio::test]
async fn the_emulator_writes_its_journal_as_it_goes() {
    let folder = folder("trace-emulator");
    let file = folder.join("journal.jsonl").to_str().unwrap().to_owned();
    let args = ["emulator", "--json", "--until-stdin-ends", "--reply-delay", "20ms", "--journal", &file];
    let start = || {
        let mut command = avatar(&args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let mut child = start();
    let mut lines =
        tokio::io::AsyncBufReadExt::lines(tokio::io::BufReader::new(child.stdout.take().unwrap()));
    let ready: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
    talk(ready["base_url"].as_str().unwrap(), ready["api_key"].as_str().unwrap(), &["ada"]).await;
    // It is in the file while the emulator runs.
    let written = async {
        while !std::fs::read_to_string(&file).unwrap().contains("message/send") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(support::DEADLINE, written).await.unwrap();
    drop(child.stdin.take());
    let ended = tokio::time::timeout(support::DEADLINE, child.wait_with_output()).await.unwrap().unwrap();
    assert_eq!(code(&ended), Some(0), "{}", err(&ended));

    let journal = std::fs::read_to_string(&file).unwrap();
    let numbers: Vec<_> =
        journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["n"].as_u64()).collect();
    assert!(numbers.iter().copied().eq((1..=numbers.len() as u64).map(Some)), "{numbers:?}");
    let said = out(&run(avatar(&["trace", &file]), "").await);
    assert!(said.contains("waiting for the first piece after “What is the Note G?”"), "{said}");

    let again = tokio::time::timeout(support::DEADLINE, start().wait_with_output()).await.unwrap().unwrap();
    assert!(code(&again) == Some(2) && err(&again).contains("it exists already"), "{}", err(&again));
}
