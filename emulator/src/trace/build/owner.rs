//! The owner's actions.

use super::sorts::Sort;
use super::{Found, Span, short};
use crate::time::Millis;
use crate::trace::happening::{Happening, What};
use crate::trace::model::{LaneKind, SpanKind, StretchKind};
use crate::trace::text::{quoted, visible};

#[derive(Debug, Default)]
pub(super) struct Owner {
    /// Since when the owner has the conversation.
    since: Option<Millis>,
    has_acted: bool,
    /// Messages of the owner, where a journal knows no actions.
    written: Vec<(Millis, String)>,
}

impl Owner {
    /// Whether the owner has the conversation.
    pub(super) fn is_in_charge(&self) -> bool {
        self.since.is_some()
    }

    pub(super) fn take(&mut self, happening: &Happening, sort: Option<&Sort>, found: &mut Found) {
        let at = happening.at;
        match (&happening.what, sort) {
            (What::Frame { body, .. }, Some(Sort::Owner)) => self.written.push((at, short(body))),
            (What::Owner { action, text, failure }, _) => {
                self.has_acted = true;
                let text = text.as_deref().map(|text| format!(" {}", quoted(text))).unwrap_or_default();
                let failed = failure.as_deref().map(|code| format!(", refused: {}", visible(code, 60)));
                let action = visible(action, 24);
                let about = format!("owner: {action}{text}{}", failed.as_deref().unwrap_or_default());
                let group = found.group();
                let label =
                    if failure.is_some() { format!("{action} refused") } else { format!("{action}{text}") };
                found.span(LaneKind::Owner, Span::mark(at, SpanKind::Owner, group).says(label, about));
                match action.as_str() {
                    _ if failure.is_some() => {}
                    "handback" | "lapse" => self.end(at, false, found),
                    _ => drop(self.since.get_or_insert(at)),
                }
            }
            _ => {}
        }
    }

    pub(super) fn finish(mut self, end: Millis, found: &mut Found) {
        self.end(end, true, found);
        if !self.has_acted {
            for (at, body) in self.written {
                let group = found.group();
                let span =
                    Span::mark(at, SpanKind::Owner, group).says("wrote", format!("the owner wrote\n{body}"));
                found.span(LaneKind::Owner, span);
            }
        }
    }

    fn end(&mut self, at: Millis, is_open: bool, found: &mut Found) {
        let Some(since) = self.since.take() else { return };
        let group = found.group();
        let span = Span::new((since, at), SpanKind::Takeover, group);
        let about = "the owner had the conversation, and the avatar was silent";
        found.span(LaneKind::Owner, span.says("the owner has the conversation", about).open(is_open));
        found.takeovers.push((since, at));
        found.stretch((since, at), StretchKind::Takeover, "the owner had the conversation".to_owned());
    }
}
