//! Runs `avatar record`.

mod passing;

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::Child;

use crate::folder::folder;
use crate::support::{DEADLINE, avatar};

/// The program, while it records.
pub struct Recorder {
    child: Child,
    /// The base URL for clients.
    pub base: String,
    file: String,
}

impl Recorder {
    pub async fn start(name: &str, upstream: &str, more: &[&str]) -> Self {
        let file = folder(&format!("record-{name}")).join("journal.jsonl").to_str().unwrap().to_owned();
        let args = ["record", "--upstream", upstream, "--out", &file, "--listen", "127.0.0.1:0"];
        let mut command = avatar(&[&args, more].concat());
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let base = loop {
            let line = tokio::time::timeout(DEADLINE, lines.next_line()).await.expect("it hangs").unwrap();
            let Some(line) = line else {
                let mut said = String::new();
                child.stderr.take().unwrap().read_to_string(&mut said).await.unwrap();
                panic!("it ended: {said}");
            };
            if let Some(base) = line.trim().strip_prefix("base URL") {
                break base.trim().to_owned();
            }
        };
        // Nothing it prints afterwards blocks it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { child, base, file }
    }

    /// Ends it with Ctrl-C. Says which file it has written, and what it said.
    pub async fn stop(self) -> (String, String) {
        let id = self.child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        let ended =
            tokio::time::timeout(DEADLINE, self.child.wait_with_output()).await.expect("it hangs").unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(0), "{said}");
        (self.file, said)
    }
}
