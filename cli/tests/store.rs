//! A store's file, as the command line lists, exports and empties it.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.
#![allow(unreachable_pub)]

#[path = "support/folder.rs"]
mod folder;
mod support;

use std::path::PathBuf;
use std::process::Output;

use folder::folder;
use secondme_avatar::{AvatarClient, SqliteStore, Visitor};
use secondme_avatar_emulator::Emulator;
use serde_json::Value;
use support::{avatar, err, out, run};

/// A folder with a store in which a client has left Ada, with a message, and Bob.
struct Stage(PathBuf, Emulator);

impl Stage {
    async fn new(name: &str) -> Self {
        let folder = folder(&format!("store-{name}"));
        let stage = Self(folder, Emulator::builder().start().await.unwrap());
        let client = stage.client();
        let ada = client.open(ada()).await.unwrap();
        client.open(Visitor::for_user("web", "bob").unwrap()).await.unwrap();
        stage.1.fault(r#"{"at": "message/send", "do": "quota", "chance": 1}"#.parse().unwrap()).unwrap();
        ada.send("Remember me").durable().await.unwrap();
        client.close().await;
        stage.1.clear_faults();
        stage
    }

    fn client(&self) -> AvatarClient {
        let builder = AvatarClient::builder(self.1.api_key()).unwrap();
        let builder = builder.base_url(self.1.base_url().parse().unwrap());
        builder.store(SqliteStore::open(self.file()).unwrap()).build().unwrap()
    }

    fn file(&self) -> PathBuf {
        self.0.join("avatar.db")
    }

    async fn store(&self, command: &str, args: &[&str]) -> Output {
        let file = self.file();
        let all = [&["store", command, "--store", file.to_str().unwrap()], args].concat();
        run(avatar(&all), "").await
    }

    fn holds(&self, text: &str) -> bool {
        let bytes = std::fs::read(self.file()).unwrap();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn ada() -> Visitor {
    Visitor::for_user("web", "ada").unwrap().name("Ada\u{1b}[2J")
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&out(output)).unwrap()
}

#[tokio::test]
async fn visitors_are_listed_exported_and_deleted_without_a_key_or_a_network() {
    let stage = Stage::new("all").await;
    let ada = ada();
    let id = ada.id().as_str();
    let listed = stage.store("list", &[]).await;
    let text = out(&listed);
    assert!(text.contains("2 visitors, 1 unsent message") && text.contains(id), "{text}");
    assert!(text.contains("Ada\\u{1b}[2J"), "a name does nothing to the terminal: {text:?}");
    let listed = json(&stage.store("list", &["--json"]).await);
    let visitors = listed["avatars"][0]["visitors"].as_array().unwrap();
    assert_eq!(visitors.len(), 2);
    assert_eq!(visitors.iter().find(|visitor| visitor["visitor_id"] == id).unwrap()["messages"], 1);

    let exported = stage.store("export", &["--visitor", id]).await;
    assert_eq!(exported.status.code(), Some(0), "{}", err(&exported));
    let exported = json(&exported);
    assert_eq!(exported["messages"][0]["text"], "Remember me");
    assert_eq!(exported["records"][0]["record"]["credentials"]["token"], "(left out)");

    let refused = stage.store("forget", &["--visitor", id]).await;
    assert_eq!(refused.status.code(), Some(2));
    assert!(err(&refused).contains("--yes") && stage.holds(id), "{}", err(&refused));
    let forgotten = stage.store("forget", &["--visitor", id, "--yes"]).await;
    assert_eq!(out(&forgotten), format!("2 rows of {id} deleted.\n"), "{}", err(&forgotten));
    assert!(!stage.holds(id) && !stage.holds("Remember me"));
    let again = json(&stage.store("forget", &["--visitor", id, "--yes", "--json"]).await);
    assert_eq!(again, serde_json::json!({ "visitor_id": id, "rows": 0 }));
    assert_eq!(json(&stage.store("export", &["--visitor", id]).await)["holds_data"], false);

    let idle = stage.store("forget-idle", &["--older-than", "30d", "--yes"]).await;
    assert_eq!(out(&idle), "0 visitors forgotten.\n", "{}", err(&idle));
    let idle = json(&stage.store("forget-idle", &["--older-than", "0d", "--yes", "--json"]).await);
    assert_eq!(idle, serde_json::json!({ "forgotten": 1, "kept": 0 }));
    assert_eq!(out(&stage.store("list", &[]).await), "The store holds nothing of any visitor.\n");
}

#[tokio::test]
async fn what_is_wrong_is_said_and_no_file_is_made() {
    let stage = Stage::new("wrong").await;
    let nowhere = stage.0.join("nowhere.db");
    let missing = run(avatar(&["store", "list", "--store", nowhere.to_str().unwrap()]), "").await;
    assert_eq!(missing.status.code(), Some(2));
    assert!(err(&missing).contains("nowhere.db cannot be opened"), "{}", err(&missing));
    assert!(!nowhere.exists());
    std::fs::write(&nowhere, "").unwrap();
    let empty = run(avatar(&["store", "list", "--store", nowhere.to_str().unwrap()]), "").await;
    assert!(err(&empty).contains("is empty") && std::fs::read(&nowhere).unwrap().is_empty());
    std::fs::write(&nowhere, "Dear Ada").unwrap();
    let letter = run(avatar(&["store", "list", "--store", nowhere.to_str().unwrap()]), "").await;
    assert_eq!(letter.status.code(), Some(1));
    assert!(err(&letter).contains("is no SQLite file"), "{}", err(&letter));

    let other = stage.store("list", &["--avatar", "avatar-550e8400-e29b-41d4-a716-446655440000"]).await;
    assert_eq!(other.status.code(), Some(2));
    assert!(err(&other).contains("It has: avatar-"), "{}", err(&other));
    for args in [["--avatar", "Ada"], ["--visitor", "Ada"]] {
        assert_eq!(stage.store("export", &args).await.status.code(), Some(2));
    }
    assert_eq!(stage.store("forget-idle", &["--older-than", "30"]).await.status.code(), Some(2));
}

#[tokio::test]
async fn a_visitor_whom_a_program_has_open_is_not_deleted() {
    let stage = Stage::new("open").await;
    let client = stage.client();
    let ada = client.open(ada()).await.unwrap();
    let id = ada.visitor_id().as_str().to_owned();
    let refused = stage.store("forget", &["--visitor", &id, "--yes"]).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(err(&refused).contains("in use by another client"), "{}", err(&refused));
    let idle = json(&stage.store("forget-idle", &["--older-than", "0d", "--yes", "--json"]).await);
    assert_eq!(idle["kept"], 1);
    assert!(stage.holds(&id));
    client.close().await;
}

#[cfg(unix)]
#[tokio::test]
async fn an_export_that_is_not_complete_says_so() {
    let stage = Stage::new("broken").await;
    // One byte of the row is changed, in a file that nothing has open.
    let mut bytes = std::fs::read(stage.file()).unwrap();
    let text = b"\"text\":\"Remember me\"";
    let at = bytes.windows(text.len()).position(|window| window == text).unwrap();
    bytes[at + text.len() - 1] = b' ';
    std::fs::write(stage.file(), bytes).unwrap();
    let exported = stage.store("export", &["--visitor", ada().id().as_str()]).await;
    assert_eq!(exported.status.code(), Some(1));
    assert!(err(&exported).contains("1 row cannot be read"), "{}", err(&exported));
    assert!(json(&exported)["unreadable"][0]["why"].as_str().unwrap().contains("damaged"));
    let listed = out(&stage.store("list", &[]).await);
    assert!(listed.contains("(1 row cannot be read)"), "{listed}");
}
