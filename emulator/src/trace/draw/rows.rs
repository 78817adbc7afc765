//! Where the spans of a lane stand: merged where there are too many, and in rows so that none covers another.

use std::collections::BTreeMap;

use super::paper::FONT;
use super::scale::Scale;
use crate::time::Millis;
use crate::trace::model::{LaneKind, Span, SpanKind};
use crate::trace::text::{fitting, width};

/// Up to so many spans of a lane stay as they are.
const FEW: usize = 60;
/// At most about so many marks of a kind a lane has, however long the journal is.
const MARKS: f64 = 250.0;
/// A span is small, and can be merged, below this width.
const SMALL: f64 = 3.0;
/// The room between two spans in a row.
const ROOM: f64 = 7.0;
/// The same where there are many.
const CLOSE: f64 = 1.0;
/// By how much the handshake of a socket may cover the time without one, which it ends.
const HANDSHAKE: f64 = 14.0;
/// How far a label stands from its bar.
const ASIDE: f64 = 4.0;

/// A span that has a place.
#[derive(Debug)]
pub(super) struct Placed<'a> {
    pub(super) span: &'a Span,
    pub(super) x: f64,
    pub(super) end: f64,
    /// The end of the last span that is merged into it, and how many are.
    pub(super) until: Millis,
    pub(super) count: usize,
    pub(super) row: usize,
    pub(super) label: Option<Label>,
}

/// What is written at a span, and where.
#[derive(Debug)]
pub(super) struct Label {
    pub(super) text: String,
    pub(super) x: f64,
    pub(super) place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the bar.
    Inside,
    /// Behind it, or above it from its beginning on.
    After,
    /// Before it, because there is no room behind.
    Before,
}

/// What a lane is to be like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) rows: usize,
    /// The room between two spans in a row.
    room: f64,
    /// Whether labels of marks stand above the bars.
    pub(super) is_above: bool,
    /// Whether there are so many spans that labels stand in bars only.
    is_many: bool,
}

impl Shape {
    pub(super) fn of(kind: LaneKind) -> Self {
        let rows = match kind {
            LaneKind::Messages => 8,
            LaneKind::Calls => 9,
            LaneKind::Lifetimes => 7,
            LaneKind::Owner | LaneKind::Faults | LaneKind::Sockets => 5,
            LaneKind::FramesIn | LaneKind::FramesOut => 3,
        };
        let room = if kind == LaneKind::Sockets { -HANDSHAKE } else { ROOM };
        Self { rows, room, is_above: kind == LaneKind::Messages, is_many: false }
    }
}

/// Places the spans of a lane that are within a window. Returns them with how many rows they take.
pub(super) fn place<'a>(
    spans: &'a [Span],
    (kind, window): (LaneKind, (u64, u64)),
    scale: &Scale,
    (left, right): (f64, f64),
) -> (Vec<Placed<'a>>, usize) {
    let inside = spans.iter().filter(|span| span.from.0 <= window.1 && span.to.0 >= window.0);
    let inside: Vec<_> = inside.collect();
    let is_many = inside.len() > FEW;
    let reach = ((right - left) / MARKS).max(SMALL);
    let mut placed: Vec<Placed<'_>> = Vec::new();
    // Where the last small span of a kind stands.
    let mut small: BTreeMap<SpanKind, usize> = BTreeMap::new();
    for span in inside {
        let (x, end) = (scale.x(span.from), scale.x(span.to));
        let can_merge = (is_many || span.kind == SpanKind::Heartbeat) && end - x < reach;
        if can_merge
            && let Some(last) = small.get(&span.kind).and_then(|number| placed.get_mut(*number))
            && x - last.x < reach
        {
            last.end = last.end.max(end);
            last.until = last.until.max(span.to);
            last.count += 1;
            continue;
        }
        if can_merge {
            small.insert(span.kind, placed.len());
        }
        placed.push(Placed { span, x, end, until: span.to, count: 1, row: 0, label: None });
    }
    let shape = Shape { is_many, ..Shape::of(kind) };
    let rows = pack(&mut placed, shape, (left, right));
    (placed, rows)
}

/// Puts the groups of spans into rows, first fit, and the labels where there is room.
fn pack(placed: &mut [Placed<'_>], shape: Shape, (left, right): (f64, f64)) -> usize {
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (number, span) in placed.iter().enumerate() {
        groups.entry(span.span.group).or_default().push(number);
    }
    let mut order: Vec<Vec<usize>> = groups.into_values().collect();
    order.sort_by(|one, other| f64::total_cmp(&begin(placed, one), &begin(placed, other)));
    let mut ends: Vec<f64> = Vec::new();
    for members in order {
        let (from, bare) = (begin(placed, &members), bare_end(placed, &members));
        for number in &members {
            let (start, end) = (if shape.is_above { from } else { bare }, bare);
            placed[*number].label = label(&placed[*number], shape, (start, end), (left, right));
        }
        say_both(placed, &members, right);
        // Heartbeats between frames are small, and cover nothing.
        if members.iter().all(|number| placed[*number].span.kind == SpanKind::Heartbeat) {
            if ends.is_empty() {
                ends.push(f64::MIN);
            }
            continue;
        }
        let (begin, end) = extent(placed, &members, (from, bare));
        let free = |begin: f64| {
            ends.iter().position(|taken| begin >= taken + if shape.is_many { CLOSE } else { shape.room })
        };
        let row = match free(begin) {
            Some(row) => row,
            None if ends.len() < shape.rows => {
                ends.push(f64::MIN);
                ends.len() - 1
            }
            // Without labels there may be room; if not, it shares the row that is free first.
            None => {
                for number in &members {
                    placed[*number].label = None;
                }
                let fewest = (0..ends.len()).min_by(|one, other| f64::total_cmp(&ends[*one], &ends[*other]));
                free(from).or(fewest).unwrap_or_default()
            }
        };
        let is_bare = members.iter().all(|number| placed[*number].label.is_none());
        if let Some(taken) = ends.get_mut(row) {
            *taken = taken.max(if is_bare { bare } else { end });
        }
        for number in members {
            placed[number].row = row;
        }
    }
    ends.len()
}

/// Where the length of a wait has no place in its bar, it stands before that of the answer.
fn say_both(placed: &mut [Placed<'_>], members: &[usize], right: f64) {
    let wait = members.iter().map(|number| &placed[*number]).find(|it| it.span.kind == SpanKind::Waiting);
    let Some(said) = wait.filter(|wait| wait.label.is_none()).map(|wait| wait.span.label.clone()) else {
        return;
    };
    let answer = members.iter().copied().find(|number| placed[*number].span.kind == SpanKind::Reply);
    if let Some(answer) =
        answer.map(|number| &mut placed[number]).filter(|answer| answer.span.label.is_empty())
    {
        let x = answer.end.max(answer.x + SMALL) + ASIDE;
        let label = Label { text: said, x, place: Place::After };
        answer.label = Some(label).filter(|label| label.x + width(&label.text) * FONT <= right);
        return;
    }
    let label = answer.and_then(|number| placed[number].label.as_mut());
    if let Some(label) = label.filter(|label| label.place == Place::After) {
        let both = format!("{said} + {}", label.text);
        let has_room = label.x + width(&both) * FONT <= right;
        label.text = if has_room { both } else { said };
        return;
    }
    let question = members.iter().copied().find(|number| placed[*number].span.kind == SpanKind::Question);
    if let Some(label) = question.and_then(|number| placed[number].label.as_mut()) {
        let longer = format!("{} {said}", label.text);
        if label.x + width(&longer) * FONT <= right {
            label.text = longer;
        }
    }
}

fn begin(placed: &[Placed<'_>], members: &[usize]) -> f64 {
    members.iter().map(|number| placed[*number].x).fold(f64::MAX, f64::min)
}

fn bare_end(placed: &[Placed<'_>], members: &[usize]) -> f64 {
    members.iter().map(|number| placed[*number].end.max(placed[*number].x + SMALL)).fold(f64::MIN, f64::max)
}

/// From where to where a group reaches, its labels included.
fn extent(placed: &[Placed<'_>], members: &[usize], bare: (f64, f64)) -> (f64, f64) {
    let labels = members.iter().filter_map(|number| placed[*number].label.as_ref());
    labels.fold(bare, |(begin, end), label| {
        let wide = width(&label.text) * FONT;
        match label.place {
            Place::Inside => (begin, end),
            Place::After => (begin.min(label.x), end.max(label.x + wide)),
            Place::Before => (begin.min(label.x - wide), end),
        }
    })
}

/// The label of a span: in it, behind its group, or before it.
fn label(
    placed: &Placed<'_>,
    shape: Shape,
    (from, bare): (f64, f64),
    (left, right): (f64, f64),
) -> Option<Label> {
    let text = match placed.count {
        1 => placed.span.label.clone(),
        _ if placed.span.kind == SpanKind::Heartbeat => return None,
        count => format!("×{count}"),
    };
    if text.is_empty() {
        return None;
    }
    let bar = placed.end - placed.x;
    let wide = width(&text) * FONT;
    let is_mark = placed.span.from == placed.span.to;
    // In front of the bar stands the mark of the question.
    let inset = if placed.span.kind == SpanKind::Waiting { 2.0 * ASIDE } else { ASIDE };
    if !is_mark && bar >= wide + inset + ASIDE {
        return Some(Label { text, x: placed.x + inset, place: Place::Inside });
    }
    if shape.is_many {
        return None;
    }
    if shape.is_above && placed.span.kind == SpanKind::Question {
        let x = from.min(right - wide).max(left);
        let text = fitting(&text, (right - x) / FONT)?;
        return Some(Label { text, x, place: Place::After });
    }
    if shape.is_above {
        // The length of a short wait or answer has its place behind the whole; two would cover each other.
        let is_last = (placed.end - bare).abs() < SMALL + 0.1;
        return Some(Label { text, x: bare + ASIDE, place: Place::After })
            .filter(|label| is_last && placed.span.kind != SpanKind::Waiting && label.x + wide <= right);
    }
    // A socket's own label is only within it: the code of its end stands behind it.
    if placed.span.kind == SpanKind::Socket {
        return fitting(&text, (bar - 2.0 * ASIDE) / FONT).map(|text| Label {
            text,
            x: placed.x + ASIDE,
            place: Place::Inside,
        });
    }
    // An arrow or a cross stands out over the end.
    let arrow = if placed.span.is_open || placed.span.kind == SpanKind::Refused { ASIDE } else { 0.0 };
    let behind = placed.end.max(placed.x + SMALL) + ASIDE + arrow;
    if behind + wide <= right {
        return Some(Label { text, x: behind, place: Place::After });
    }
    if placed.x - ASIDE - wide >= left {
        return Some(Label { text, x: placed.x - ASIDE, place: Place::Before });
    }
    let text = fitting(&text, (right - behind) / FONT)?;
    Some(Label { text, x: behind, place: Place::After })
}
