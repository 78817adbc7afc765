//! `avatar record to-scenario`: turns a journal into a scenario (`spec/scenarios`) that plays offline.

mod cast;
mod read;
mod replies;
mod steps;
mod story;

use std::io::Write as _;

use serde_json::{Value, json};

use self::story::{Scenario, Story};
use super::args::ToScenarioArgs;
use crate::exit::{self, Failure};

pub(super) fn run(args: &ToScenarioArgs) -> Result<(), Failure> {
    let path = args.journal.display();
    let text = std::fs::read_to_string(&args.journal).map_err(|error| {
        Failure::new(exit::USAGE, format!("{path} cannot be read: {error}"))
            .advise("Give it a journal that `avatar record --out FILE` has written.")
    })?;
    let (scenario, remarks) = make(&text).map_err(|why| {
        Failure::new(exit::FAILURE, format!("{path}: {why}")).advise(
            "A journal is what `avatar record --out FILE` has written; docs/recording.md describes it.",
        )
    })?;
    match &args.out {
        None => {
            let mut out = anstream::stdout().lock();
            out.write_all(scenario.as_bytes())
                .and_then(|()| out.flush())
                .map_err(|_| Failure::output_closed())?;
        }
        Some(out) => {
            let mut file = super::create(out, args.force)?;
            file.write_all(scenario.as_bytes()).map_err(|error| {
                Failure::new(exit::FAILURE, format!("{} cannot be written: {error}", out.display()))
            })?;
            super::tell(&format!(
                "{}\n\nPlay it, in the repository of this library:\n  cp {} spec/scenarios/\n  \
                 cargo test -p secondme-avatar --test scenarios -- {}\n",
                out.display(),
                out.display(),
                out.file_stem().unwrap_or_default().display()
            ));
        }
    }
    for remark in remarks {
        super::tell(&format!("note: {remark}\n"));
    }
    Ok(())
}

/// The scenario of a journal, and what should be known about it.
pub(super) fn make(journal: &str) -> Result<(String, Vec<String>), String> {
    let scenario = Story::default().tell(&read::read(journal)?)?;
    Ok((write(&scenario), scenario.remarks))
}

/// YAML: every value is written as JSON, which is YAML as well.
fn write(scenario: &Scenario) -> String {
    let about = "Recorded by `avatar record`: every text, name and id in it is a placeholder.";
    let mut text = format!("about: {}\n", json!(about));
    for remark in &scenario.remarks {
        text.push_str(&format!("# {remark}\n"));
    }
    if scenario.is_visitor_chat {
        text.push_str("door: visitor-chat\n");
    }
    text.push_str(&format!("emulator: {}\n", scenario.emulator));
    text.push_str("steps:\n");
    for step in &scenario.steps {
        text.push_str(&format!("  - {}\n", line(step)));
    }
    text
}

/// A step, its verb without quotes.
fn line(step: &Value) -> String {
    match step.as_object().and_then(|step| step.iter().next()) {
        Some((verb, about)) => format!("{verb}: {about}"),
        None => step.to_string(),
    }
}
