//! A Redis of the tests' own: Debian's `redis-server`, or the one that `REDIS_SERVER` names (such as `valkey-server`).

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use redis::{Client, Connection};

use super::support::Folder;

/// A server in a folder of its own. It ends with the process that started it, however that ends.
pub(crate) struct Server {
    pub(crate) folder: Folder,
    settings: Vec<String>,
    /// What its log says when it is there.
    ready: [&'static str; 2],
    running: Option<Child>,
}

impl Server {
    /// Starts one that keeps an append-only file, unless these settings say otherwise.
    pub(crate) fn start(settings: &[&str]) -> Option<Self> {
        program()?;
        let folder = Folder::new();
        let own =
            ["--save", "", "--appendonly", "yes", "--appendfsync", "always", "--port", "0", "--unixsocket"];
        let socket = folder.file("redis.sock").into_os_string().into_string().unwrap();
        let own = own.iter().copied().chain([socket.as_str()]);
        let settings = own.chain(settings.iter().copied()).map(str::to_owned).collect();
        let ready = ["eady to accept connections unix", "eady to accept connections at"];
        let mut server = Self { folder, settings, ready, running: None };
        server.resume();
        Some(server)
    }

    /// Starts a sentinel at this port that watches the primary at the other one, as the service `main`.
    pub(crate) fn sentinel(port: u16, primary: u16) -> Option<Self> {
        program()?;
        let folder = Folder::new();
        let settings = format!(
            "port {port}\nsentinel monitor main 127.0.0.1 {primary} 1\nsentinel down-after-milliseconds main 300\n\
             sentinel failover-timeout main 1000\n"
        );
        std::fs::write(folder.file("sentinel.conf"), settings).unwrap();
        let settings = ["sentinel.conf", "--sentinel"].map(str::to_owned).to_vec();
        let mut server = Self { folder, settings, ready: ["+monitor master main"; 2], running: None };
        server.resume();
        Some(server)
    }

    /// The one that most tests share, each with a prefix of its own.
    pub(crate) fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Server>> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&["--appendfsync", "no"])).as_ref()
    }

    /// The URL of a store in it.
    pub(crate) fn url(&self, prefix: &str) -> String {
        format!("redis+unix://{}?prefix={prefix}", self.socket().display())
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.file("redis.sock")
    }

    /// Connects for each command, beside the stores.
    pub(crate) fn client(&self) -> Client {
        Client::open(format!("redis+unix://{}", self.socket().display())).unwrap()
    }

    /// A connection beside those of the stores.
    pub(crate) fn connect(&self) -> Connection {
        self.client().get_connection().unwrap()
    }

    /// Kills it, as a loss of power would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            // The shell between ends when it may read no more, and kills the server.
            drop(running.stdin.take());
            running.wait().unwrap();
        }
    }

    /// Starts it again with what its files hold.
    pub(crate) fn resume(&mut self) {
        let script =
            "\"$@\" & server=$!; read -r line; exec 2>/dev/null; kill -9 $server; wait $server; exit 0";
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh"]).arg(program().unwrap()).current_dir(self.folder.path());
        let _ = std::fs::remove_file(self.socket());
        command.args(&self.settings);
        let mut running = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(running.stdout.take().unwrap());
        let mut said = String::new();
        while !self.ready.iter().any(|ready| said.contains(ready)) {
            assert!(log.read_line(&mut said).unwrap() > 0, "the server did not start: {said}");
        }
        // Its log is read to the end, so that it does not wait for a reader.
        std::thread::spawn(move || log.read_to_end(&mut Vec::new()));
        self.running = Some(running);
    }

    /// Starts it again with nothing.
    pub(crate) fn resume_empty(&mut self) {
        std::fs::remove_dir_all(self.folder.file("appendonlydir")).unwrap();
        self.resume();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that nothing listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// Where the server is installed. In CI it has to be.
fn program() -> Option<&'static PathBuf> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let find = || {
        let name = std::env::var("REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned());
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path).map(|folder| folder.join(&name)).find(|file| file.is_file());
        if found.is_none() {
            assert!(std::env::var("CI").is_err(), "{name} is not installed: apt-get install redis-server");
            eprintln!("skipped: {name} is not installed (apt-get install redis-server)");
        }
        found
    };
    PROGRAM.get_or_init(find).as_ref()
}
