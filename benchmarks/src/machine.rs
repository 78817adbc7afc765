//! The machine that measures, and what else it does.

use std::fs::read_to_string;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::Error;

/// What figures have to be read with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Machine {
    /// The processor's model.
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    /// In GiB.
    pub(crate) memory: f64,
    /// The system and its version.
    pub(crate) kernel: String,
}

impl Machine {
    /// This one.
    pub(crate) fn current() -> Result<Self, Error> {
        let field = |text: &str, name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.trim_start_matches([' ', '\t', ':']).trim().to_owned())
        };
        let cpu =
            field(&read_to_string("/proc/cpuinfo")?, "model name").unwrap_or_else(|| "unknown".to_owned());
        let memory = field(&read_to_string("/proc/meminfo")?, "MemTotal").unwrap_or_default();
        let kib: f64 = memory.trim_end_matches(" kB").parse()?;
        Ok(Self {
            cpu,
            cores: std::thread::available_parallelism()?.get(),
            memory: (kib / 1_048_576.0 * 10.0).round() / 10.0,
            kernel: format!("Linux {}", read_to_string("/proc/sys/kernel/osrelease")?.trim()),
        })
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { cpu, cores, memory, kernel } = self;
        write!(out, "{cpu}, {cores} cores, {memory} GiB, {kernel}")
    }
}

/// The load average of the last minute.
pub(crate) fn load() -> f64 {
    let loads = read_to_string("/proc/loadavg").unwrap_or_default();
    loads.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(f64::NAN)
}

/// The date, as `2026-11-30`.
pub(crate) fn date() -> Result<String, Error> {
    said(Command::new("date").args(["-u", "+%F"]))
}

/// The commit that is measured; with changes that are in no commit it says so. What is written here itself is no change.
pub(crate) fn commit() -> Result<String, Error> {
    let commit = said(Command::new("git").args(["rev-parse", "--short=12", "HEAD"]))?;
    let mut changes = Command::new("git");
    changes.args(["status", "--porcelain", "--", ".", ":!benchmarks/results.json", ":!docs", ":!README.md"]);
    Ok(if said(&mut changes)?.is_empty() { commit } else { format!("{commit} with changes") })
}

fn said(command: &mut Command) -> Result<String, Error> {
    let output = command.output()?;
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout)?.trim().to_owned()),
        false => Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}
