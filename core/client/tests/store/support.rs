//! Folders that go away, things to keep, and this very program once more as another process.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use secondme_avatar::{AvatarRef, Change, KeptMessage, Leftover, Record, Visitor};
use serde_json::json;

/// What must not be seen outside of the file.
pub(crate) const TOKEN: &str = "the-visitor-s-token";
pub(crate) const SAID: &str = "what-the-visitor-said";

/// Names the part that a child plays, and its arguments.
pub(crate) const ROLE: &str = "SECONDME_AVATAR_TEST_ROLE";

/// A folder of a test's own.
pub(crate) struct Folder(PathBuf, u32);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        // A process that is killed leaves it: in the build's folder, not in the machine's.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let path = folder.join(format!("store-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        let path = path.canonicalize().unwrap();
        let user = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(&path).unwrap());
        Self(path, user)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Whether it was made by root, to whom nothing is closed.
    pub(crate) fn is_root_s(&self) -> bool {
        self.1 == 0
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The names of all files in it, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn avatar() -> AvatarRef {
    avatar_of("sk-store")
}

pub(crate) fn avatar_of(name: &str) -> AvatarRef {
    AvatarRef::of_namespace(name)
}

pub(crate) fn visitor(number: u64) -> Visitor {
    Visitor::for_user("web", &number.to_string()).unwrap()
}

pub(crate) fn record(number: u64, heard: u64) -> Record {
    serde_json::from_value(json!({
        "visitor_id": visitor(number).id(),
        "credentials": {
            "token": TOKEN, "user_id": "del3p", "mind_id": 487_569_763_543_990_272_u64, "share_code": "code",
            "avatar_name": "Ada", "owner_user_id": "de4fh",
        },
        "context": { "mind_id": "m", "opening": SAID, "since": 1_774_580_000_000_u64 },
        "avatar_id": 67,
        "session": { "id": "session-1", "bound": true, "last_seq": heard.to_string(), "heard": [] },
    }))
    .unwrap()
}

pub(crate) fn message(number: u64) -> KeptMessage {
    serde_json::from_value(json!({
        "message_id": format!("{number}_____1774580000000"), "text": SAID, "session": null,
        "since": 1_774_580_000_000_u64, "deadline": 1_774_580_015_000_u64, "left": false,
    }))
    .unwrap()
}

pub(crate) fn keep(who: u64, number: u64) -> Change {
    Change::SaveMessage(visitor(who), message(number))
}

pub(crate) fn settle(who: u64, number: u64) -> Change {
    Change::ForgetMessage(visitor(who).id().clone(), message(number).message_id)
}

/// The numbers of the messages in it.
pub(crate) fn numbers(leftovers: &[Leftover]) -> Vec<u64> {
    leftovers.iter().flat_map(|leftover| &leftover.messages).map(number_of).collect()
}

pub(crate) fn number_of(message: &KeptMessage) -> u64 {
    message.message_id.as_str().split_once('_').unwrap().0.parse().unwrap()
}

/// The whole file is sound.
pub(crate) fn check_integrity(path: &Path) {
    let connection = rusqlite::Connection::open(path).unwrap();
    let verdict: String = connection.query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
}

/// Another process, which plays a role of `roles`.
pub(crate) struct Player {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    stdin: Option<ChildStdin>,
}

impl Player {
    pub(crate) fn start(role: &str, address: &(impl AsRef<Path> + ?Sized), arguments: &[u64]) -> Self {
        Self::of(Self::command(role, address.as_ref(), arguments))
    }

    /// Not started yet.
    pub(crate) fn command(role: &str, path: &Path, arguments: &[u64]) -> Command {
        let arguments: Vec<_> = arguments.iter().map(u64::to_string).collect();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "processes::plays_its_role", "--nocapture", "--ignored"])
            .env(ROLE, format!("{role}\n{}\n{}", path.to_str().unwrap(), arguments.join(" ")))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        command
    }

    pub(crate) fn of(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let stdin = child.stdin.take();
        Self { child, lines, stdin }
    }

    /// What it says next; none when it has ended.
    pub(crate) fn says(&mut self) -> Option<String> {
        // What is not said to us is the test harness's, which may stand in the same line.
        let said = |line: String| line.split_once("says ").map(|(_, said)| said.to_owned());
        self.lines.by_ref().map_while(Result::ok).find_map(said)
    }

    pub(crate) fn says_number(&mut self) -> Option<u64> {
        self.says().map(|said| said.parse().unwrap())
    }

    /// All that it still says.
    pub(crate) fn says_to_the_end(&mut self) -> Vec<u64> {
        std::iter::from_fn(|| self.says_number()).collect()
    }

    /// Lets it go on.
    pub(crate) fn nudge(&mut self) {
        self.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }

    /// Sends it a signal, such as `STOP`.
    pub(crate) fn signal(&self, name: &str) {
        let process = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &process]).status().unwrap();
        assert!(sent.success(), "{name} could not be sent");
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// It has nothing more to wait for, and ends well.
    pub(crate) fn end(mut self) {
        drop(self.stdin.take());
        assert!(self.child.wait().unwrap().success(), "the other process failed");
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
