//! A process that may open no further file.

use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use secondme_avatar::{AvatarClient, ErrorKind};

use crate::support::{Stage, visitor};

#[tokio::test]
async fn who_finds_no_file_descriptor_left_learns_it_at_once_and_all_is_well_when_others_close() {
    let stage = Stage::with(|emulator| emulator.configure(|settings| settings.quota_per_minute = 1000)).await;
    // A process of its own: the limit is one for all threads.
    let mut child = tokio::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "limits::in_a_process_of_its_own", "--ignored", "--nocapture"]);
    child.env("SECONDME_API_KEY", stage.emulator.api_key());
    child.env("SECONDME_BASE_URL", stage.emulator.base_url());
    let output = child.stdin(Stdio::null()).output().await.unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
#[ignore = "started by the test above"]
async fn in_a_process_of_its_own() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, 48, hard).unwrap();
    let client = AvatarClient::builder_from_env().unwrap().quota(1000).build().unwrap();
    let mut chats = Vec::new();
    let error = loop {
        let began = Instant::now();
        match client.open(visitor(&format!("user {}", chats.len()))).deadline(Duration::from_secs(60)).await {
            Ok(chat) => chats.push(chat),
            Err(error) => {
                assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
                break error;
            }
        }
        assert!(chats.len() < 48, "the limit does not hold");
    };
    assert_eq!(error.kind(), ErrorKind::ConnectionFailed);
    assert!(error.to_string().contains("`ulimit -n`, here 48"), "{error}");
    assert!(error.is_retryable(), "it passes when others close");
    for chat in chats.drain(..4) {
        chat.close().await.unwrap();
    }
    client.open(visitor("one more")).await.unwrap();
}
