//! A state file: what a bot relies on outlives the emulator.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod wire;

use std::path::PathBuf;
use std::time::Duration;

use secondme_avatar_emulator::service::TakeoverSilence;
use secondme_avatar_emulator::{Emulator, EmulatorBuilder, StartError, StateFileError};
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use wire::{Client, VISITOR, auth, data, http};

/// A folder of its own, which goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("secondme-state-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("state.json")
    }

    fn emulator(&self) -> EmulatorBuilder {
        Emulator::builder().state_file(self.file())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn a_bots_session_goes_on_after_the_emulator_was_started_anew() {
    let folder = Folder::new("goes-on");
    let emulator = folder.emulator().start().await.unwrap();
    let mut ann = Client::open(&emulator).await;
    ann.send("Hello").await;
    ann.reply().await;
    emulator.owner().reply(&ann.session, "This is me").unwrap();
    let before = emulator.state();
    emulator.stop().await;

    let emulator = folder.emulator().start().await.unwrap();
    let after = emulator.state();
    assert_eq!(
        (&after.sessions, &after.visitors, &after.calls),
        (&before.sessions, &before.visitors, &before.calls)
    );
    assert!(after.sockets.is_empty() && after.now >= before.now);
    // The token is still good, the history is there, and nothing is given out twice.
    ann.base = emulator.base_url().to_owned();
    let latest = format!("{}/rest/general/message/latest?sessionId={}", ann.base, ann.session);
    let request = http().get(latest).header("token", &ann.token).header("Fp", VISITOR);
    assert!(data(request.send().await.unwrap()).await.to_string().contains("This is me"));
    let ws = json!({"userId": ann.user_id, "channel": ["ALL"], "apiVersion": "1.3.0", "sdkVersion": "1.0.0"});
    let ws = data(ann.post("/rest/general/ws/create", ws).await).await;
    assert_ne!(ws["wsId"], ann.ws_id);
    ann.socket = connect_async(ws["address"].as_str().unwrap()).await.unwrap().0;
    emulator.owner().hand_back(&ann.session).unwrap();
    ann.ws_id = ws["wsId"].clone();
    ann.send("Still there?").await;
    assert_eq!(ann.reply().await, "You said: Still there?");
    let user = auth(&http(), &emulator).await["visitorUserId"].clone();
    assert_eq!(user, ann.user_id, "the visitor is known again");
}

#[tokio::test]
async fn it_is_written_after_changes_without_being_asked() {
    let folder = Folder::new("changes");
    let emulator = folder.emulator().start().await.unwrap();
    let ann = Client::open(&emulator).await;
    let holds = |text: &str| std::fs::read_to_string(folder.file()).unwrap().contains(text);
    let told = format!("{}/state/file", emulator.control_url());
    while !holds(&ann.session) {
        // Each call is a moment in which the file may be written; none of them makes it so.
        http().get(&told).send().await.unwrap();
    }
    let saved: Value =
        serde_json::from_str(&http().get(&told).send().await.unwrap().text().await.unwrap()).unwrap();
    assert_eq!((&saved["file"], &saved["trouble"]), (&json!(folder.file()), &Value::Null));
    assert!(saved["savedAt"].as_u64().unwrap() <= emulator.now().0);
    let answer = http().post(format!("{}/state/save", emulator.control_url())).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(folder.file()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "it holds tokens and what people say");
    }
}

#[tokio::test]
async fn what_keeps_it_from_being_written_is_told_until_it_can_be() {
    let folder = Folder::new("trouble");
    let emulator = folder.emulator().start().await.unwrap();
    let mut live = http().get(format!("{}/live", emulator.control_url())).send().await.unwrap();
    let mut told = async |wanted: &str| {
        let mut read = String::new();
        while !read.contains(wanted) {
            let chunk = tokio::time::timeout(Duration::from_secs(30), live.chunk());
            read += std::str::from_utf8(&chunk.await.unwrap().unwrap().unwrap()).unwrap();
        }
    };
    told("\"stateTrouble\":null").await;
    std::fs::remove_dir_all(&folder.0).unwrap();
    assert!(emulator.save_state().is_err());
    told("state.json: No such file").await;
    std::fs::create_dir_all(&folder.0).unwrap();
    emulator.save_state().unwrap();
    told("\"stateTrouble\":null").await;
}

#[tokio::test]
async fn keys_and_takeovers_are_kept_and_time_does_not_go_back() {
    let folder = Folder::new("keys");
    let silence =
        |builder: EmulatorBuilder| builder.configure(|it| it.takeover_silence = TakeoverSilence::Minutes(5));
    let emulator = silence(folder.emulator()).start().await.unwrap();
    let ann = Client::open(&emulator).await;
    emulator.advance(Duration::from_secs(24 * 3_600)).await;
    emulator.owner().take_over(&ann.session).unwrap();
    emulator.configure(|settings| settings.keys[0].disabled = true);
    let then = emulator.now();
    emulator.stop().await;

    let emulator = silence(folder.emulator().api_key("sk-emulator")).start().await.unwrap();
    assert!(emulator.now() >= then);
    assert!(emulator.state().sessions[0].taken_over);
    let refused = http().post(format!("{}/rest/open/avatar/auth", emulator.base_url()));
    let refused = refused.header("Authorization", "Bearer sk-emulator").send().await.unwrap();
    assert!(refused.text().await.unwrap().contains("open.api.key.disabled"));
    emulator.advance(Duration::from_secs(300)).await;
    assert!(!emulator.state().sessions[0].taken_over, "it ends by itself, as it would have");
    emulator.stop().await;
    let emulator = folder.emulator().api_key("sk-other").start().await.unwrap();
    assert_eq!(emulator.api_keys(), ["sk-other", "sk-emulator"], "what is new comes to what there was");
}

#[tokio::test]
async fn what_is_no_state_of_this_version_is_left_as_it_is() {
    let folder = Folder::new("foreign");
    let emulator = folder.emulator().start().await.unwrap();
    let in_use = folder.emulator().start().await.map(drop);
    assert!(matches!(in_use, Err(StartError::State(StateFileError::InUse { .. }))), "{in_use:?}");
    emulator.stop().await;
    let good = std::fs::read_to_string(folder.file()).unwrap();
    let mut newer: Value = serde_json::from_str(&good).unwrap();
    newer["version"] = json!(2);
    let mut torn: Value = serde_json::from_str(&good).unwrap();
    torn["live"] = json!([[7, "ws:1"]]);
    for (text, says) in [
        (newer.to_string(), "it is of version 2, and this emulator writes version 1"),
        (torn.to_string(), "it refers to what is not in it"),
        (good[..good.len() / 2].to_owned(), "it is broken"),
        ("{\"precious\": true}".to_owned(), "it is no state of an emulator"),
        (String::new(), "it is broken"),
    ] {
        std::fs::write(folder.file(), &text).unwrap();
        let error = folder.emulator().start().await.map(drop).unwrap_err().to_string();
        assert!(error.contains(says) && error.contains("is left as it is"), "{error}");
        assert_eq!(std::fs::read_to_string(folder.file()).unwrap(), text);
    }
    let nowhere = Emulator::builder().state_file(folder.0.join("nowhere/state.json")).start().await.map(drop);
    assert!(matches!(nowhere, Err(StartError::State(StateFileError::Io { .. }))), "{nowhere:?}");
    let without = Emulator::builder().start().await.unwrap();
    let answer = http().post(format!("{}/state/save", without.control_url())).send().await.unwrap();
    assert_eq!(answer.status(), 409);
}
