//! The HTTP calls.

use std::collections::HashMap;

use super::{Found, Span, short};
use crate::time::Millis;
use crate::trace::happening::{CONNECT, Happening, What, failure};
use crate::trace::model::{LaneKind, SpanKind, StretchKind};
use crate::trace::text::visible;

/// Shorter waits are not named.
const NAMED: Millis = Millis(50);
/// How many characters of a call's name, or of a code, are shown.
const NAME: usize = 60;

#[derive(Debug, Default)]
pub(super) struct Calls {
    open: HashMap<u64, Call>,
    /// Those whose answer never came, until they are made again.
    unanswered: HashMap<String, Call>,
    /// When a call of this name failed last, and with what.
    failed: HashMap<String, (Millis, String)>,
}

#[derive(Debug)]
struct Call {
    name: String,
    from: Millis,
    asked: String,
}

impl Calls {
    pub(super) fn take(&mut self, happening: &Happening, found: &mut Found) {
        match &happening.what {
            What::Call { id, name, body } if name != CONNECT => {
                self.again(happening.at, name, found);
                let call = Call { name: visible(name, NAME), from: happening.at, asked: short(body) };
                self.open.insert(*id, call);
            }
            What::Answer { call, status, how, body } => {
                let Some(call) = self.open.remove(call) else { return };
                let failure = failure(*status, body).map(|failure| visible(&failure, NAME));
                match (&failure, how.as_deref()) {
                    (Some(_), Some("never")) => {
                        self.unanswered.insert(call.name.clone(), call);
                        return;
                    }
                    (Some(failure), _) => {
                        self.failed.insert(call.name.clone(), (happening.at, failure.clone()));
                    }
                    (None, _) => drop(self.failed.remove(&call.name)),
                }
                let said = match status {
                    Some(status) => status.to_string(),
                    None => format!("no answer: {}", visible(how.as_deref().unwrap_or("none came"), NAME)),
                };
                call.end(happening.at, (&said, failure.as_deref(), &short(body)), found);
            }
            _ => {}
        }
    }

    pub(super) fn finish(self, end: Millis, found: &mut Found) {
        for call in self.open.into_values().chain(self.unanswered.into_values()) {
            call.never(end, true, found);
        }
    }

    /// A call of this name is made.
    fn again(&mut self, at: Millis, name: &str, found: &mut Found) {
        if let Some(call) = self.unanswered.remove(name) {
            call.never(at, false, found);
        }
        if let Some((failed, why)) = self.failed.remove(name)
            && at - failed >= NAMED
        {
            let words = format!("until {} was made again: {why}", visible(name, NAME));
            found.stretch((failed, at), StretchKind::Retry, words);
        }
    }
}

impl Call {
    fn end(self, at: Millis, (said, failure, body): (&str, Option<&str>, &str), found: &mut Found) {
        let kind = if failure.is_some() { SpanKind::FailedCall } else { SpanKind::Call };
        let code = failure.filter(|failure| *failure != said && !said.starts_with("no answer"));
        let code = code.map(|code| format!(" {code}")).unwrap_or_default();
        let (label, group) = (format!("{} {said}{code}", self.name), found.group());
        let about = [label.clone(), named("request", &self.asked), named("answer", body)].concat();
        if at - self.from >= NAMED {
            found.stretch((self.from, at), StretchKind::Call, format!("for the answer to {}", self.name));
        }
        found.span(LaneKind::Calls, Span::new((self.from, at), kind, group).says(label, about));
    }

    /// No answer came until then.
    fn never(self, at: Millis, is_open: bool, found: &mut Found) {
        let (label, group) = (format!("{} no answer", self.name), found.group());
        let about = [label.clone(), named("request", &self.asked)].concat();
        let again = if is_open { "" } else { ", until it was made again" };
        let words = format!("for an answer to {} that never came{again}", self.name);
        found.stretch((self.from, at), StretchKind::Call, words);
        let span = Span::new((self.from, at), SpanKind::FailedCall, group).says(label, about).open(is_open);
        found.span(LaneKind::Calls, span);
    }
}

/// A line of a tooltip; nothing where there is nothing to show.
fn named(name: &str, text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("\n{name}: {text}") }
}
