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
            let mut file = super::create(out, args.force, "--out")?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_for_a_session_that_is_not_known_is_left_out_and_counted() {
        let call = |number: u64, name: &str, body: Value| {
            let path = format!("/gate/lab/api/secondme/visitor-chat/{name}");
            let headers = json!({"authorization": "Bearer lba_zrt"});
            json!({"n": 1, "at_ms": 0, "what": "request", "request": number, "method": "POST", "path": path,
                "headers": headers, "body": body})
        };
        let answer = |number: u64, status: u16, body: Value| json!({"n": 1, "at_ms": 0, "what": "answer", "request": number, "status": status, "body": body});
        let session = json!({"sessionId": "5", "opening": "", "wsUrl": "ws://localhost/gate/ws?x=1"});
        let lines = [
            json!({"journal": "secondme-avatar-journal", "version": 1}),
            call(1, "init", json!({"apiKey": "sk-z", "visitorId": "web_1"})),
            answer(1, 200, json!({"code": 0, "data": session})),
            call(2, "send", json!({"apiKey": "sk-z", "sessionId": "6", "message": "Zrt"})),
            answer(2, 404, json!({"code": 404, "subCode": "session_not_found"})),
        ];
        let (scenario, remarks) = make(&lines.map(|line| line.to_string()).join("\n")).unwrap();
        assert!(scenario.contains("- open:") && !scenario.contains("Zrt"), "{scenario}");
        assert_eq!(remarks, ["Left out: calls that failed beside an open conversation (1)."]);
    }
}
