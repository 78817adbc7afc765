//! Plays `spec/scenarios/*.yaml`: the client against the emulator, over real sockets, with both clocks
//! put forward by hand. What the files may say stands in `spec/scenarios/README.md`; every language
//! plays the same ones, so this runner is small on purpose.
//!
//! `cargo test -p secondme-avatar --test scenarios -- takeover` plays those with that word in the name.

#![allow(clippy::unwrap_used, reason = "a scenario that cannot go on has failed")]

mod client;
mod json;
mod keeping;
mod matching;
mod stage;

use std::path::{Path, PathBuf};

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;

use crate::stage::Stage;

fn main() {
    // The control API is spoken to without TLS, but reqwest wants to know how it would be done.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let arguments = Arguments::from_args();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/scenarios");
    let mut files: Vec<PathBuf> = folder
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| is_scenario(path))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "there are no scenarios in {}", folder.display());
    let trials = files.into_iter().map(|file| {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        Trial::test(name, move || play(&file))
    });
    libtest_mimic::run(&arguments, trials.collect()).exit();
}

fn is_scenario(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml")
}

fn play(file: &Path) -> Result<(), Failed> {
    let text = std::fs::read_to_string(file)?;
    let scenario: Value = serde_saphyr::from_str(&text)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let outcome = runtime.block_on(async {
        let mut stage = Stage::set(&scenario).await?;
        for (number, step) in spelled_out(&scenario["steps"])?.iter().enumerate() {
            let played = stage.play(step).await;
            played.map_err(|why| format!("step {}, {step}: {why}\n{}", number + 1, stage.log()))?;
        }
        stage.clear().await
    });
    outcome.map_err(Failed::from)
}

/// The steps, with those of each `repeat` as often as it says.
fn spelled_out(steps: &Value) -> Result<Vec<Value>, &'static str> {
    let mut all = Vec::new();
    for step in steps.as_array().ok_or("it has no steps")? {
        let repeat = &step["repeat"];
        if repeat.is_null() {
            all.push(step.clone());
            continue;
        }
        let round = spelled_out(&repeat["steps"])?;
        for _ in 0..repeat["times"].as_u64().ok_or("`repeat` takes `times`, a whole number")? {
            all.extend(round.iter().cloned());
        }
    }
    Ok(all)
}
