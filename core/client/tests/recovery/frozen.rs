//! A process that is stopped in the middle of a question and goes on when its deadline has passed.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use secondme_avatar::AvatarClient;
use secondme_avatar_emulator::Emulator;
use secondme_avatar_emulator::service::{Author, Millis, SessionState};

use crate::support::{soon, visitor};

const DEADLINE: Duration = Duration::from_millis(1500);

/// How long after its deadline the process goes on.
const FROZEN_ON: Duration = Duration::from_millis(1500);

/// A process of its own; it is not left behind stopped.
struct Asker(Child);

impl Asker {
    fn signal(&self, name: &str) {
        let done = Command::new("kill").args([name, &self.0.id().to_string()]).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_came_while_the_process_was_frozen_is_the_answer() {
    let slow = |settings: &mut secondme_avatar_emulator::Settings| settings.reply_delay = Millis(8_000);
    let emulator = Emulator::builder().configure(slow).start().await.unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "frozen::asks_once", "--ignored", "--nocapture"]);
    child.env("SECONDME_API_KEY", emulator.api_key()).env("SECONDME_BASE_URL", emulator.base_url());
    let mut asker = Asker(child.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap());
    soon(emulator.wait_until(|state| state.sessions.iter().any(|session| session.busy))).await;
    let asked = Instant::now();
    asker.signal("-STOP");
    // The answer is complete and lies in the process's socket before the process goes on.
    emulator.advance(Duration::from_secs(10)).await;
    let is_answered =
        |session: &SessionState| session.messages.iter().any(|message| message.author == Author::Avatar);
    soon(emulator.wait_until(|state| state.sessions.iter().any(is_answered))).await;
    // That a deadline passes takes its time.
    tokio::time::sleep_until((asked + DEADLINE + FROZEN_ON).into()).await;
    asker.signal("-CONT");
    let output = BufReader::new(asker.0.stdout.take().unwrap());
    let said = tokio::task::spawn_blocking(move || {
        output.lines().map_while(Result::ok).find_map(|line| Some(line.split_once("asked: ")?.1.to_owned()))
    });
    assert_eq!(soon(said).await.unwrap().as_deref(), Some("You said: Hello"));
}

#[tokio::test]
#[ignore = "started by the test above, in a process of its own"]
async fn asks_once() {
    let client = AvatarClient::from_env().unwrap();
    let chat = client.open(visitor("ada")).await.unwrap();
    let answer = chat.ask("Hello").deadline(DEADLINE).await;
    println!("asked: {}", answer.map_or_else(|error| error.to_string(), |reply| reply.text.into_string()));
}
