//! The emulator as a program, measured from outside: it may be one of another commit.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;
use reqwest::Client;
use secondme_avatar_emulator::service::State;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::Error;

/// A running emulator. It ends with this value.
pub(crate) struct Program {
    child: Child,
    pid: u32,
    pub(crate) base_url: String,
    pub(crate) api_key: String,
    control_url: String,
}

impl Program {
    /// Starts an emulator that answers at once, and has no quota.
    pub(crate) async fn start(path: &Path) -> Result<Self, Error> {
        Self::start_on(path, "127.0.0.1").await
    }

    /// The same, on an address of this machine.
    pub(crate) async fn start_on(path: &Path, host: &str) -> Result<Self, Error> {
        let mut child = Command::new(path)
            .args(["--json", "--until-stdin-ends"])
            .args(["--host", host])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", path.display()))?;
        let (Some(stdout), Some(pid)) = (child.stdout.take(), child.id()) else {
            return Err("the emulator has no standard output".into());
        };
        let ready = BufReader::new(stdout).lines().next_line().await?;
        let ready: Value = serde_json::from_str(&ready.ok_or("the emulator did not start")?)?;
        let field = |name: &str| ready[name].as_str().unwrap_or_default().to_owned();
        let (base_url, api_key, control_url) = (field("base_url"), field("api_key"), field("control_url"));
        let program = Self { child, pid, base_url, api_key, control_url };
        let settings = program.control(&crate::by_hand::http()?, "POST", "settings");
        let answer = settings.body(r#"{"quota-per-minute": 1000000}"#).send().await?;
        answer.error_for_status()?;
        Ok(program)
    }

    /// A call of its control API.
    pub(crate) fn control(&self, http: &Client, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}/{path}", self.control_url);
        let request = if method == "POST" { http.post(url) } else { http.get(url) };
        request.header("Content-Type", "application/json")
    }

    /// What it knows.
    pub(crate) async fn state(&self, http: &Client) -> Result<State, Error> {
        let state = self.control(http, "GET", "state").send().await?.error_for_status()?;
        Ok(serde_json::from_slice(&state.bytes().await?)?)
    }

    /// The processor time it has used so far, which other programs on the machine change little.
    pub(crate) fn cpu_time(&self) -> Result<Duration, Error> {
        let clock = clock_getcpuclockid(Pid::from_raw(i32::try_from(self.pid)?))?;
        Ok(clock_gettime(clock)?.into())
    }

    /// Its resident memory.
    pub(crate) fn resident_mib(&self) -> Result<f64, Error> {
        Ok(crate::memory::resident_kib_of(&self.pid.to_string())? / 1_024.0)
    }

    pub(crate) async fn end(mut self) -> Result<(), Error> {
        Ok(self.child.kill().await?)
    }
}

/// The emulator of this commit, which `make bench` builds beside this program.
pub(crate) fn current() -> Result<PathBuf, Error> {
    let path = std::env::current_exe()?.with_file_name("secondme-avatar-emulator");
    match path.exists() {
        true => Ok(path),
        false => Err(format!("there is no {}; `make bench ROW=emulator` builds it", path.display()).into()),
    }
}

/// The program to compare with, an emulator or benchmarks: the environment's `BASE` is its path.
pub(crate) fn base() -> Result<Option<PathBuf>, Error> {
    let Some(path) = std::env::var_os("BASE").filter(|path| !path.is_empty()).map(PathBuf::from) else {
        return Ok(None);
    };
    match path.is_file() {
        true => Ok(Some(path)),
        false => Err(format!("BASE takes a program or a commit; {} is neither", path.display()).into()),
    }
}
