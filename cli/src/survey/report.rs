//! What a person reads while a survey runs.

use std::io::Write as _;

use anstyle::{AnsiColor, Style};

use super::findings::{Finding, Findings, Outcome};
use super::secrets::Secrets;
use super::wire::Used;
use crate::style::NOTE;

const GOOD: Style = AnsiColor::Green.on_default();
const OPEN: Style = AnsiColor::Yellow.on_default();

/// Prints what came of a question, as it comes.
#[derive(Debug)]
pub(super) struct Report {
    quiet: bool,
    shown: Vec<&'static str>,
}

impl Report {
    pub(super) fn new() -> Self {
        Self { quiet: false, shown: Vec::new() }
    }

    /// One that prints nothing.
    #[cfg(test)]
    pub(super) fn quiet() -> Self {
        Self { quiet: true, ..Self::new() }
    }

    pub(super) fn line(&self, text: &str) {
        if !self.quiet {
            // If stdout is closed, the file is still written.
            let _ = writeln!(anstream::stdout().lock(), "{text}");
        }
    }

    /// Says what is being done, and how long it may take.
    pub(super) fn doing(&self, what: &str) {
        self.line(&format!("{NOTE}… {what}{NOTE:#}"));
    }

    /// Prints the findings that were not printed yet.
    pub(super) fn show(&mut self, findings: &Findings, secrets: &Secrets) {
        for finding in findings.all() {
            if !self.shown.contains(&finding.switch) {
                self.shown.push(finding.switch);
                self.line(&text_of(finding, &secrets.without(&finding.why)));
            }
        }
    }
}

fn text_of(finding: &Finding, why: &str) -> String {
    let (style, mark, answer) = match finding.outcome {
        Outcome::Answer => (GOOD, "✓", finding.answer.as_str()),
        Outcome::NotSeen => (OPEN, "?", "not seen"),
        Outcome::NotAsked => (NOTE, "–", "not asked"),
    };
    format!("{style}{mark}{style:#} {:<20} {answer:<17} {NOTE}{why}{NOTE:#}", finding.switch)
}

/// The last lines.
pub(super) fn summary(findings: &Findings, used: Used, path: &str) -> String {
    let plural = |count: u32, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    format!(
        "\n{} of {} questions answered, with {} ({} among them), {} and {}.\nWritten: {path}. It holds no key, token, id \
         or word that was said; you can read it, and send it to us.\nTry it: avatar emulator --profile {path}",
        findings.count(Outcome::Answer),
        findings.all().len(),
        plural(used.calls, "call"),
        plural(used.authentications, "authentication"),
        plural(used.messages, "message"),
        plural(used.sockets, "socket"),
    )
}
