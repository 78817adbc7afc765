//! What is good for a time only: tokens, chat contexts, socket addresses, the places in a quota.

use std::collections::HashMap;

use serde_json::Value;

use super::{Found, Span, counted};
use crate::time::Millis;
use crate::trace::happening::{CONNECT, Happening, What, data, failure};
use crate::trace::model::{LaneKind, SpanKind};
use crate::trace::text::{length, visible};

const CONTEXT: Millis = Millis::minutes(10);
const ADDRESS: Millis = Millis::seconds(60);
const QUOTA: Millis = Millis::minutes(1);

#[derive(Debug, Default)]
pub(super) struct Lifetimes {
    calls: HashMap<u64, String>,
    lives: Vec<Life>,
    /// When calls were counted against the quota.
    counted: Vec<Millis>,
}

#[derive(Debug)]
struct Life {
    kind: Kind,
    from: Millis,
    /// When it ends by itself; `None` if that is not known.
    due: Option<Millis>,
    /// When it ended otherwise, and why.
    ended: Option<(Millis, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Token,
    Context,
    Address,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Context => "chat context",
            Self::Address => "socket address",
        }
    }
}

impl Lifetimes {
    pub(super) fn take(&mut self, happening: &Happening) {
        match &happening.what {
            What::Call { id, name, .. } => {
                if name == "auth" {
                    self.counted.push(happening.at);
                }
                self.calls.insert(*id, name.clone());
            }
            What::Answer { call, status, body, .. } => {
                let Some(name) = self.calls.remove(call) else { return };
                self.answer(happening.at, &name, *status, body);
            }
            _ => {}
        }
    }

    pub(super) fn finish(self, end: Millis, found: &mut Found) {
        for life in self.lives {
            life.finish(end, found);
        }
        quota(&self.counted, end, found);
    }

    fn answer(&mut self, at: Millis, name: &str, status: Option<u16>, body: &Value) {
        if name == CONNECT && status == Some(101) {
            return self.end(Kind::Address, at, "used by a connection");
        }
        let Some(data) = data(status, body) else {
            let why = failure(status, body).unwrap_or_default();
            if status == Some(401) || why.contains("token.invalid") {
                self.end(Kind::Token, at, &format!("refused: {}", visible(&why, 60)));
            }
            return;
        };
        let seconds = data["expiresIn"].as_u64().or_else(|| data["expires_in"].as_u64());
        match name {
            "auth" | "oauth/token" => self.begin(Kind::Token, at, seconds.map(Millis::seconds)),
            "chat/init" => self.begin(Kind::Context, at, Some(CONTEXT)),
            "ws/create" | "visitor-chat/init" => self.begin(Kind::Address, at, Some(ADDRESS)),
            _ => {}
        }
    }

    fn begin(&mut self, kind: Kind, at: Millis, lasts: Option<Millis>) {
        self.end(kind, at, "replaced by a new one");
        let due = lasts.map(|lasts| at + lasts);
        self.lives.push(Life { kind, from: at, due, ended: None });
    }

    fn end(&mut self, kind: Kind, at: Millis, why: &str) {
        let mut alive = self.lives.iter_mut().filter(|life| life.kind == kind && life.ended.is_none());
        if let Some(life) = alive.next_back().filter(|life| life.due.is_none_or(|due| due > at)) {
            life.ended = Some((at, why.to_owned()));
        }
    }
}

impl Life {
    fn finish(self, end: Millis, found: &mut Found) {
        let Self { kind, from, due, ended } = self;
        let lasts = due.map(|due| format!(", good for {}", length(due - from))).unwrap_or_default();
        let (to, how) = match (ended, due) {
            (Some((at, why)), _) => (at, format!(", {why} after {}", length(at - from))),
            (None, Some(due)) if due <= end => (due, ", expired".to_owned()),
            (None, Some(due)) => (end, format!(", {} left at the end", length(due - end))),
            (None, None) => (end, ", until it is refused".to_owned()),
        };
        let is_open = to == end && due.is_none_or(|due| due > end);
        let label = match due {
            Some(due) => format!("{} {}", kind.name(), length(due - from)),
            None => kind.name().to_owned(),
        };
        let (group, about) = (found.group(), format!("{}{lasts}{how}", kind.name()));
        let span = Span::new((from, to), SpanKind::Lifetime, group).says(label, about).open(is_open);
        found.span(LaneKind::Lifetimes, span);
    }
}

/// The windows in which calls count against the quota; those that overlap are one.
fn quota(counted_at: &[Millis], end: Millis, found: &mut Found) {
    let mut windows: Vec<(Millis, Millis, usize)> = Vec::new();
    for at in counted_at {
        match windows.last_mut().filter(|(_, to, _)| *to >= *at) {
            Some((_, to, count)) => (*to, *count) = (*at + QUOTA, *count + 1),
            None => windows.push((*at, *at + QUOTA, 1)),
        }
    }
    for (from, to, count) in windows {
        let calls = counted(count, "call");
        let about =
            format!("{calls} of the key’s quota used here; each place is free again after {}", length(QUOTA));
        let group = found.group();
        let span = Span::new((from, to.min(end)), SpanKind::Lifetime, group);
        found.span(LaneKind::Lifetimes, span.says(format!("quota window, {calls}"), about).open(to > end));
    }
}
