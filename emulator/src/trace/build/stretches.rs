//! How the time was spent: the opening, the reasons of waits, and the time in which nothing happened.

use super::Found;
use crate::time::Millis;
use crate::trace::happening::{CONNECT, Happening, What, data};
use crate::trace::model::{LaneKind, SpanKind, Stretch, StretchKind};
use crate::trace::text::length;

/// Shorter stretches in which nothing happened are not named.
const IDLE: Millis = Millis::seconds(1);
/// How many faults are named as reasons of a wait.
const FAULTS: usize = 2;

/// From the first call to the moment at which a socket is open and a session is bound.
pub(super) fn opening(happenings: &[&Happening], found: &mut Found) {
    let mut names = std::collections::HashMap::new();
    let (mut first, mut calls, mut is_open, mut is_bound) = (None, 0, false, false);
    for happening in happenings {
        match &happening.what {
            What::Call { id, name, .. } => {
                first.get_or_insert(happening.at);
                calls += 1;
                names.insert(*id, name.as_str());
            }
            What::Answer { call, status, body, .. } => {
                match names.remove(call) {
                    Some(CONNECT) => is_open |= *status == Some(101),
                    Some("chat/start" | "visitor-chat/init") => is_bound |= data(*status, body).is_some(),
                    _ => {}
                }
                if let (Some(first), true, true) = (first, is_open, is_bound) {
                    let words = format!("for the conversation to open, in {calls} calls and handshakes");
                    return found.stretch((first, happening.at), StretchKind::Opening, words);
                }
            }
            _ => {}
        }
    }
}

/// Says what stood in the way while a first piece, or an answer to a call, was waited for.
pub(super) fn explain(found: &mut Found) {
    let spans = |lane: LaneKind| found.lanes.get(&lane).map(Vec::as_slice).unwrap_or_default();
    let faults: Vec<_> = spans(LaneKind::Faults).iter().map(|span| (span.from, span.label.clone())).collect();
    let lost = spans(LaneKind::Sockets).iter().filter(|span| span.kind == SpanKind::NoSocket);
    let lost: Vec<_> = lost.map(|span| (span.from, span.to)).collect();
    let explained =
        |kind| matches!(kind, StretchKind::FirstPiece | StretchKind::NextPiece | StretchKind::Call);
    for stretch in found.stretches.iter_mut().filter(|stretch| explained(stretch.kind)) {
        if stretch.kind != StretchKind::Call {
            let without: u64 = lost.iter().map(|(from, to)| overlap(stretch, *from, *to).0).sum();
            if without > 0 {
                stretch.words.push_str(&format!("; {} of it without a socket", length(Millis(without))));
            }
        }
        let met = faults.iter().filter(|(at, _)| (stretch.from..stretch.to).contains(at));
        let met: Vec<_> = met.map(|(_, label)| label.as_str()).collect();
        if !met.is_empty() {
            let more = if met.len() > FAULTS { ", …" } else { "" };
            let named = met.iter().take(FAULTS).copied().collect::<Vec<_>>().join(", ");
            stretch.words.push_str(&format!("; fault {named}{more}"));
        }
    }
}

/// The time in which nothing happened but heartbeats, and nothing was waited for.
pub(super) fn idle(moments: &[Millis], found: &mut Found) {
    let mut busy: Vec<_> = found.stretches.iter().filter(|stretch| is_busy(stretch)).collect();
    busy.sort_by_key(|stretch| stretch.from);
    let mut idle = Vec::new();
    let (mut next, mut until) = (busy.into_iter().peekable(), Millis::ZERO);
    for pair in moments.windows(2) {
        let &[from, to] = pair else { continue };
        while let Some(stretch) = next.next_if(|stretch| stretch.from <= from) {
            until = until.max(stretch.to);
        }
        if to - from >= IDLE && until <= from {
            idle.push((from, to));
        }
    }
    for (from, to) in idle {
        let is_owners = found.takeovers.iter().any(|(begin, end)| *begin <= from && to <= *end);
        let words =
            if is_owners { "nothing was said; the owner had the conversation" } else { "nothing was said" };
        found.stretch((from, to), StretchKind::Idle, words.to_owned());
    }
}

/// Whether something happens in a stretch, or is waited for.
fn is_busy(stretch: &Stretch) -> bool {
    stretch.kind.is_wait() || stretch.kind == StretchKind::Reply
}

/// For how long a stretch and a time overlap.
fn overlap(stretch: &Stretch, from: Millis, to: Millis) -> Millis {
    stretch.to.min(to) - stretch.from.max(from)
}
