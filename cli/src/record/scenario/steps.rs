//! The steps of a scenario, with the pauses between them and the faults that they meet.

use serde_json::{Value, json};

/// Shorter pauses are left out, and longer ones than the second are cut, in milliseconds.
const PAUSE: (u64, u64) = (1_000, 600_000);
/// How long what has failed may be tried again, in seconds.
const TRY_AGAIN: u64 = 30;

/// What a step of the client comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Expected {
    Success,
    /// With this code.
    Failure(String),
    /// It depends on the client.
    Anything,
}

/// A place among the steps that is filled later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(usize);

#[derive(Debug, Default)]
pub(super) struct Steps {
    /// What is null is left out, and lists are steps of their own.
    steps: Vec<Value>,
    /// Faults that the next step of the client meets.
    faults: Vec<Value>,
    /// Up to when time has passed in the scenario, in milliseconds of the journal.
    passed: u64,
    number: usize,
}

impl Steps {
    pub(super) fn push(&mut self, step: Value) {
        self.steps.push(step);
    }

    /// Leaves a place for steps that are known later.
    pub(super) fn place(&mut self) -> Place {
        self.steps.push(Value::Array(Vec::new()));
        Place(self.steps.len() - 1)
    }

    /// Puts a step where a place was left.
    pub(super) fn fill(&mut self, place: Place, step: Value) {
        if let Some(Value::Array(steps)) = self.steps.get_mut(place.0) {
            steps.push(step);
        }
    }

    /// What happens next happens at this moment of the journal.
    pub(super) fn pass(&mut self, at: u64) {
        if self.steps.is_empty() {
            self.passed = at;
        }
        let between = at.saturating_sub(self.passed);
        if between >= PAUSE.0 {
            self.steps.push(json!({"seconds": between.min(PAUSE.1) / 1_000}));
            self.passed = at - between % 1_000;
        }
    }

    /// The next step of the client meets a fault.
    pub(super) fn fault(&mut self, at: &str, what: &Value) {
        self.faults.push(json!({"at": at, "do": what}));
    }

    pub(super) fn has_faults(&self) -> bool {
        !self.faults.is_empty()
    }

    pub(super) fn are_none(&self) -> bool {
        self.steps.is_empty()
    }

    /// A step of the client. If it meets faults, the clocks go on while it lasts.
    pub(super) fn client(&mut self, verb: &str, name: &str, mut about: Value, expected: Expected) {
        let faults = std::mem::take(&mut self.faults);
        if faults.is_empty() && expected == Expected::Success {
            return self.push(json!({ verb: about }));
        }
        if !faults.is_empty() {
            self.push(json!({"call": {"faults": faults}}));
        }
        // A conversation goes by its own name once it is open.
        self.number += 1;
        let later = if matches!(verb, "open" | "new_session") {
            name.to_owned()
        } else {
            format!("step{}", self.number)
        };
        let gives = about.as_object_mut().and_then(|about| about.remove("gives"));
        about["later"] = later.as_str().into();
        self.push(json!({ verb: about }));
        self.push(json!({"seconds": TRY_AGAIN}));
        let mut awaited = json!({"in": later});
        match expected {
            Expected::Success => {
                if let Some(gives) = gives {
                    awaited["gives"] = gives;
                }
            }
            Expected::Failure(code) => awaited["fails"] = json!({"code": code}),
            // What is not awaited must end all the same.
            Expected::Anything => return,
        }
        self.push(json!({"await": awaited}));
    }

    pub(super) fn into_list(self) -> Vec<Value> {
        let flat = self.steps.into_iter().flat_map(|step| match step {
            Value::Array(steps) => steps,
            step => vec![step],
        });
        flat.collect()
    }
}

/// A step that puts a frame into a session.
pub(super) fn pushed(name: &str, what: &str, frame: &Value) -> Value {
    json!({"call": {"push": {"sessionId": format!("${name}.session"), what: frame}}})
}

/// `sockets/close` with the code of a close frame, where a frame may carry it.
pub(super) fn close(line: &Value) -> Value {
    match line["code"].as_u64() {
        Some(code @ (1_000..=1_003 | 1_007..=1_014 | 3_000..=4_999)) => {
            json!({"code": code, "reason": line["reason"].as_str().unwrap_or_default()})
        }
        _ => json!({}),
    }
}
