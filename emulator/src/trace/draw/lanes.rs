//! The lanes.

use super::palette::Role;
use super::paper::{Paper, Short};
use super::rows::{Place, Placed, place};
use super::{MARGIN, View, parts};
use crate::trace::model::{LaneKind, SpanKind};
use crate::trace::text::length;

/// How a lane looks.
#[derive(Debug, Clone, Copy)]
struct Look {
    name: &'static str,
    row: f64,
    /// The bar within a row.
    bar: f64,
    /// From the top of a row to its bar.
    above: f64,
}

fn look(kind: LaneKind) -> Look {
    let (name, row, bar, above) = match kind {
        LaneKind::Messages => ("Messages", 33.0, 13.0, 16.0),
        LaneKind::Owner => ("Owner", 19.0, 13.0, 2.0),
        LaneKind::Calls => ("Calls", 18.0, 13.0, 2.0),
        LaneKind::Sockets => ("Socket", 21.0, 15.0, 2.0),
        LaneKind::FramesIn => ("Frames in", 17.0, 11.0, 2.0),
        LaneKind::FramesOut => ("Frames out", 17.0, 11.0, 2.0),
        LaneKind::Faults => ("Faults", 17.0, 11.0, 2.0),
        LaneKind::Lifetimes => ("Lifetimes", 17.0, 12.0, 2.0),
    };
    Look { name, row, bar, above }
}

/// Draws all lanes, with bands behind every other one. Returns where they end.
pub(super) fn draw(view: &View<'_>, front: &mut Paper, back: &mut Paper, top: f64) -> f64 {
    let mut y = top;
    for lane in &view.timeline.lanes {
        let look = look(lane.kind);
        let (placed, rows) =
            place(&lane.spans, (lane.kind, view.window), &view.scale, (view.left, view.right));
        if placed.is_empty() {
            continue;
        }
        let begin = parts::lane_name(view, front, look.name, y + 3.0);
        for row in placed.chunk_by(|one, other| one.span.kind == other.span.kind) {
            let role = row.first().map_or(Role::Ink, |first| Role::of(first.span.kind));
            front.group(role, "", |front| {
                for span in row {
                    shape(view, front, span, look, begin + span.row as f64 * look.row);
                }
            });
        }
        labels(front, &placed, look, begin);
        y = begin + rows as f64 * look.row + 4.0;
        back.group(Role::Rule, "", |back| {
            let line = format!("M{} {}H{}", Short(MARGIN), Short(y), Short(view.right));
            back.path(&line, " stroke=\"currentColor\" fill=\"none\"", "");
        });
    }
    y
}

/// The bar or the mark of a span.
fn shape(view: &View<'_>, paper: &mut Paper, placed: &Placed<'_>, look: Look, y: f64) {
    let (span, y, bar) = (placed.span, y + look.above, look.bar);
    let (x, wide) = (placed.x, (placed.end - placed.x).max(2.0));
    let about = match placed.count {
        1 => format!("{}\n{}", view.when(span.from, span.to), span.about),
        count => {
            format!("{}\n{count} of these; the first: {}", view.when(span.from, placed.until), span.about)
        }
    };
    let middle = y + bar / 2.0;
    match span.kind {
        SpanKind::Heartbeat => paper.rect((x - 0.5, y + bar - 4.0), (1.5, 4.0), "", &about),
        SpanKind::Question => {
            let circle = format!("M{} {}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z", Short(x - 4.0), Short(middle));
            paper.path(&circle, "", &about);
        }
        SpanKind::Fault => {
            let bolt = format!("M{} {}l5.5 10h-11z", Short(x), Short(y));
            paper.path(&bolt, "", &about);
        }
        SpanKind::Owner => {
            let diamond = format!("M{} {}l5 6.5l-5 6.5l-5 -6.5z", Short(x), Short(y));
            paper.path(&diamond, "", &about);
        }
        SpanKind::Close => paper.rect((x - 1.5, y - 1.0), (3.0, bar + 2.0), "", &about),
        SpanKind::Refused => {
            paper.rect((x, middle - 1.0), (wide, 2.0), "", &about);
            let cross = format!("M{} {}l9 9m0 -9l-9 9", Short(placed.end - 4.5), Short(middle - 4.5));
            paper.path(&cross, " stroke=\"currentColor\" stroke-width=\"2.4\" fill=\"none\"", &about);
        }
        SpanKind::Frame | SpanKind::FailureFrame => paper.rect((x - 1.0, y), (2.0, bar), "", &about),
        SpanKind::Waiting | SpanKind::Unanswered => {
            paper.rect((x, y), (wide, bar), " rx=\"2\" fill-opacity=\"0.32\"", &about);
            let line = format!("M{} {}h{}", Short(x), Short(y + bar - 1.0), Short(wide));
            paper.path(&line, " stroke=\"currentColor\" stroke-width=\"2\" fill=\"none\"", "");
        }
        SpanKind::NoSocket => {
            let dash = " rx=\"2\" fill-opacity=\"0.16\" stroke=\"currentColor\" stroke-dasharray=\"4 3\"";
            paper.rect((x + 0.5, y + 0.5), (wide - 1.0, bar - 1.0), dash, &about);
        }
        SpanKind::Takeover | SpanKind::Lifetime => {
            paper.rect((x, y), (wide, bar), " rx=\"2\" fill-opacity=\"0.28\"", &about);
            let edge = format!("M{} {}v{}", Short(x + 0.5), Short(y), Short(bar));
            paper.path(&edge, " stroke=\"currentColor\" fill=\"none\"", "");
        }
        _ => paper.rect((x, y), (wide.max(3.0), bar), " rx=\"2\"", &about),
    }
    if span.is_open && placed.count == 1 && span.to > span.from {
        let arrow =
            format!("M{} {}l5 {}l-5 {}z", Short(placed.end), Short(y), Short(bar / 2.0), Short(bar / 2.0));
        paper.path(&arrow, "", &format!("its end is not in the journal\n{}", length(span.to - span.from)));
    }
}

/// What is written at the spans of a lane: in bars in the colour for that, else in ink.
fn labels(paper: &mut Paper, placed: &[Placed<'_>], look: Look, begin: f64) {
    let draw = |paper: &mut Paper, span: &Placed<'_>| {
        let Some(label) = &span.label else { return };
        let row = begin + span.row as f64 * look.row;
        let is_above = look.above > look.row / 3.0 && span.span.kind == SpanKind::Question;
        let y = if is_above { row + look.above - 4.0 } else { row + look.above + look.bar / 2.0 + 3.8 };
        let anchor = if label.place == Place::Before { " text-anchor=\"end\"" } else { "" };
        paper.text((label.x, y), anchor, &label.text);
    };
    let is_full = |kind| {
        matches!(
            kind,
            SpanKind::Call | SpanKind::FailedCall | SpanKind::Socket | SpanKind::Stream | SpanKind::Reply
        )
    };
    // The end of a socket at the edge is written into its bar.
    let in_bar = |span: &&Placed<'_>| match span.label.as_ref().map(|label| label.place) {
        Some(Place::Inside) => is_full(span.span.kind),
        Some(Place::Before) => span.span.kind == SpanKind::Close,
        Some(Place::After) | None => false,
    };
    if placed.iter().any(|span| in_bar(&span)) {
        paper.group(Role::OnBar, " pointer-events=\"none\"", |paper| {
            placed.iter().filter(in_bar).for_each(|span| draw(paper, span));
        });
    }
    paper.group(Role::Ink, " pointer-events=\"none\"", |paper| {
        placed.iter().filter(|span| !in_bar(span)).for_each(|span| draw(paper, span));
    });
}
