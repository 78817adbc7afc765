//! The result of the examination, for a person and for a program.

use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use secondme_avatar::{CallReport, Error, Step};
use serde_json::{Value, json};

use crate::exit::Described;
use crate::style::{NOTE, PROBLEM};

const GOOD: Style = AnsiColor::Green.on_default();
const WARNING: Style = AnsiColor::Yellow.on_default();

/// The width of the steps' picture, in columns.
const PICTURE: usize = 32;

/// If everything takes less than this, round trips do not matter.
const NEAR: Duration = Duration::from_millis(50);

/// A step, with its times counted from the beginning of the opening.
pub(super) struct StepReport {
    step: &'static str,
    started: Duration,
    ended: Duration,
    error: Option<Described>,
}

/// What was found.
pub(super) struct Examination {
    pub(super) place: String,
    pub(super) started: Instant,
    pub(super) findings: Vec<String>,
    /// Something may be wrong although nothing has failed.
    doubtful: bool,
    steps: Vec<StepReport>,
    latency: Option<Duration>,
    /// How long the opening took.
    opening: Option<Duration>,
    total: Duration,
}

impl StepReport {
    /// A step that takes no time.
    pub(super) fn instant(step: &'static str, error: Option<Described>) -> Self {
        Self { step, started: Duration::ZERO, ended: Duration::ZERO, error }
    }
}

impl Examination {
    pub(super) fn new(latency: Option<Duration>) -> Self {
        Self {
            place: String::new(),
            started: Instant::now(),
            findings: Vec::new(),
            doubtful: false,
            steps: Vec::new(),
            latency,
            opening: None,
            total: Duration::ZERO,
        }
    }

    pub(super) fn add(&mut self, step: StepReport) {
        self.steps.push(step);
    }

    /// Ends the opening.
    pub(super) fn opened(&mut self, well: bool) {
        self.total = self.started.elapsed();
        self.opening = well.then_some(self.total);
    }

    /// Ends the step of the reply.
    pub(super) fn replied(&mut self, asked: Instant, error: Option<&Error>) {
        self.total = self.started.elapsed();
        let started = asked.saturating_duration_since(self.started);
        let error = error.map(Described::from);
        self.add(StepReport { step: "reply", started, ended: self.total, error });
    }

    /// Ends the step of the heartbeat.
    pub(super) fn heartbeat(&mut self, sent: Instant, error: Option<&Error>) {
        let started = sent.saturating_duration_since(self.started);
        let (ended, error) = (self.started.elapsed(), error.map(Described::from));
        self.add(StepReport { step: "heartbeat", started, ended, error });
    }

    /// Adds a finding that makes the result uncertain.
    pub(super) fn doubt(&mut self, finding: String) {
        self.doubtful = true;
        self.findings.push(finding);
    }

    /// Adds the calls, and the failure.
    pub(super) fn calls(&mut self, calls: &[CallReport], failure: Option<&Error>) {
        for call in calls {
            let started = call.started.saturating_duration_since(self.started);
            let error = call.error.as_ref().map(Described::from);
            self.add(StepReport { step: call.step.name(), started, ended: started + call.took, error });
        }
        let sent = self.steps.iter().filter(|step| step.step == Step::SendMessage.name());
        let sent = sent.map(|step| step.ended).max();
        if let (Some(sent), Some(reply)) = (sent, self.steps.iter_mut().find(|step| step.step == "reply")) {
            // Before that, the message was being sent.
            reply.started = sent.min(reply.ended);
        }
        self.steps.sort_by_key(|step| step.started);
        if let Some(error) = failure
            && self.steps.iter().all(|step| step.error.is_none())
        {
            // No call has failed: an answer was not usable, or the time was up.
            let name = error.step().map_or("open", Step::name);
            match self.steps.iter_mut().rev().find(|step| step.step == name) {
                Some(step) => step.error = Some(error.into()),
                None => {
                    let started = self.total;
                    self.add(StepReport { step: name, started, ended: started, error: Some(error.into()) });
                }
            }
        }
    }

    /// How many answers the opening waited for, one after the other. The fastest answer stands for the distance
    /// if that is not known.
    fn round_trips(&self) -> Option<f64> {
        let calls = self.steps.iter().filter(|step| step.error.is_none() && step.ended > step.started);
        let trip = self.latency.or_else(|| calls.map(|step| step.ended - step.started).min())?;
        Some((self.opening?.as_secs_f64() / trip.as_secs_f64() * 100.0).round() / 100.0)
    }

    pub(super) fn json(&self, well: bool) -> Value {
        let steps: Vec<Value> = self
            .steps
            .iter()
            .map(|step| {
                json!({
                    "step": step.step,
                    "started_ms": millis(step.started),
                    "ended_ms": millis(step.ended),
                    "ok": step.error.is_none(),
                    "error": step.error.as_ref().map(Described::json),
                })
            })
            .collect();
        json!({
            "ok": well,
            "total_ms": millis(self.total),
            "round_trips": self.round_trips(),
            "steps": steps,
            "findings": self.findings,
        })
    }

    pub(super) fn text(&self, well: bool) -> String {
        let mut text = String::new();
        let failing_again = |a: &StepReport, b: &StepReport| match (&a.error, &b.error) {
            (Some(before), Some(now)) => a.step == b.step && before.message == now.message,
            _ => false,
        };
        for attempts in self.steps.chunk_by(failing_again) {
            let step = &attempts[0];
            let (style, mark) = if step.error.is_none() { (GOOD, "✓") } else { (PROBLEM, "✗") };
            text.push_str(&format!("{style}{mark}{style:#} {:<15}", step.step));
            if step.ended > Duration::ZERO {
                let took = format!("{} ms", (step.ended - step.started).as_millis());
                text.push_str(&format!("{took:>9}  {NOTE}{}{NOTE:#}", self.picture(attempts)));
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
            if let Some(error) = &step.error {
                let times =
                    if attempts.len() > 1 { format!(" ({} times)", attempts.len()) } else { String::new() };
                text.push_str(&format!("  {}{times}\n", error.message));
            }
        }
        for finding in &self.findings {
            text.push_str(&format!("{WARNING}!{WARNING:#} {finding}\n"));
        }
        if let (true, Some(opening)) = (well, self.opening) {
            let trips = match self.round_trips().filter(|_| opening > NEAR) {
                Some(trips) => format!(", {trips} round trips"),
                None => String::new(),
            };
            let verdict = if self.doubtful { "Perhaps not all is well with" } else { "All is well with" };
            let (place, millis) = (&self.place, opening.as_millis());
            text.push_str(&format!("\n{verdict} {place}: open in {millis} ms{trips}.\n"));
        }
        text
    }

    /// Draws when the step was running, with all attempts, as a bar.
    fn picture(&self, attempts: &[StepReport]) -> String {
        let end = self.steps.iter().map(|step| step.ended).max().unwrap_or_default();
        let column = |at: Duration| {
            let share = at.as_secs_f64() / end.as_secs_f64().max(f64::MIN_POSITIVE);
            // A share is at most one.
            (share * PICTURE as f64).round() as usize
        };
        let mut bar = vec![' '; PICTURE];
        for step in attempts {
            let from = column(step.started).min(PICTURE - 1);
            let to = column(step.ended).clamp(from + 1, PICTURE);
            bar[from..to].fill('━');
        }
        String::from_iter(bar).trim_end().to_owned()
    }
}

/// Rounded to a hundredth of a millisecond.
fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 100_000.0).round() / 100.0
}
