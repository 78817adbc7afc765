//! Runs the real program as a script would: no terminal, stdin from a pipe, a deadline.

use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// Nothing here takes a fraction of it, unless it hangs.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// The program, with nothing of this machine's configuration.
pub fn avatar(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_avatar"));
    command.args(args).kill_on_drop(true);
    for name in [
        "SECONDME_CLIENT_ID",
        "SECONDME_CLIENT_SECRET",
        "SECONDME_API_KEY",
        "SECONDME_API_KEY_FILE",
        "SECONDME_BASE_URL",
        "SECONDME_LOG",
        "CLICOLOR_FORCE",
    ] {
        command.env_remove(name);
    }
    command
}

/// Runs it to its end.
pub async fn run(mut command: Command, stdin: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    // A program that does not read its stdin may have ended.
    let _ = input.write_all(stdin.as_bytes()).await;
    drop(input);
    tokio::time::timeout(DEADLINE, child.wait_with_output()).await.expect("it hangs").unwrap()
}

pub fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
