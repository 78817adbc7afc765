//! What stands around the lanes: the header, the longest stretches, the axis, the ground, the legend.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use super::palette::Role;
use super::paper::{FONT, Paper, Short};
use super::{MARGIN, View};
use crate::time::Millis;
use crate::trace::model::{SpanKind, Stretch, StretchKind, Timeline};
use crate::trace::text::{fitting, length, visible, width};

/// How many stretches are shown, where there is room beside, and where not.
const STRETCHES: (usize, usize) = (7, 4);
const STRETCH: f64 = 19.0;
/// Narrower stretches are not shown, but for the longest waits.
const NARROW: f64 = 3.0;

/// Whose time line it is.
pub(super) fn name(timeline: &Timeline) -> String {
    match (&timeline.session, &timeline.visitor) {
        (Some(session), _) => format!("session {}", visible(session, 60)),
        (None, Some(visitor)) => format!("visitor {}", visible(visitor, 60)),
        (None, None) => "a conversation".to_owned(),
    }
}

/// When it began, how long it lasted, and what took longest.
pub(super) fn span(timeline: &Timeline) -> Vec<String> {
    let began = timeline.is_clock.then(|| format!("Began {}. ", date(timeline.start)));
    let wait = timeline.longest_wait().map(|wait| format!("longest wait {}", length(wait.length())));
    let long = format!("{} long{}", length(timeline.length()), if wait.is_some() { "; " } else { "" });
    began.into_iter().chain([long]).chain(wait).collect()
}

fn date(at: Millis) -> String {
    // Beyond the year 9999 there are no dates of this form.
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_millis(at.0.min(253_402_300_799_000)))
}

/// Returns where it ends.
pub(super) fn header(view: &View<'_>, paper: &mut Paper) -> f64 {
    let room = view.right - MARGIN;
    let title = format!("Time line of {}", name(view.timeline));
    let of = view.timeline.session.as_ref().and(view.timeline.visitor.as_ref());
    let of = of.map(|visitor| format!("visitor {}. ", visible(visitor, 60))).unwrap_or_default();
    let title = fitting(&title, room / 14.0).unwrap_or_default();
    paper.group(Role::Ink, "", |paper| {
        paper.text((MARGIN, 24.0), " font-size=\"14\" font-weight=\"600\"", &title)
    });
    let mut y = 24.0;
    // As many of them on a line as there is room for.
    let mut lines = vec![of];
    for part in span(view.timeline) {
        match lines.last_mut() {
            Some(line) if width(line) + width(&part) <= room / FONT => line.push_str(&part),
            _ => lines.push(part),
        }
    }
    for line in lines.iter().filter(|line| !line.is_empty()) {
        y += 16.0;
        let line = fitting(line.trim_end(), room / FONT).unwrap_or_default();
        paper.group(Role::Faint, "", |paper| paper.text((MARGIN, y), "", &line));
    }
    y + 14.0
}

/// The longest stretches, each with its length and what was waited for. Returns where they end.
pub(super) fn stretches(view: &View<'_>, paper: &mut Paper, top: f64) -> f64 {
    let is_inside = |stretch: &&Stretch| stretch.from.0 <= view.window.1 && stretch.to.0 >= view.window.0;
    let waits = view.timeline.stretches.iter().filter(|stretch| stretch.kind.is_wait());
    let longest = waits.filter(is_inside).map(Stretch::length).max().unwrap_or_default();
    let is_shown = |stretch: &&Stretch| {
        let is_wide = view.scale.x(stretch.to) - view.scale.x(stretch.from) >= NARROW;
        // A long wait is shown, however long the rest is.
        let is_long = stretch.kind.is_wait() && stretch.length().0 >= longest.0 / 4;
        is_inside(stretch) && stretch.kind != StretchKind::Idle && (is_wide || is_long)
    };
    let most = if view.left > MARGIN { STRETCHES.0 } else { STRETCHES.1 };
    let mut shown: Vec<_> = view.timeline.stretches.iter().filter(is_shown).take(most).collect();
    shown.sort_by_key(|stretch| (stretch.from, std::cmp::Reverse(stretch.to)));
    if shown.is_empty() {
        return top;
    }
    let mut y = top;
    y = lane_name(view, paper, "Where the time went", y);
    let mut ends: Vec<f64> = Vec::new();
    for stretch in shown {
        let x = view.scale.x(stretch.from);
        let end = view.scale.x(stretch.to).max(x + NARROW);
        let said = length(stretch.length());
        let (words, role) = (stretch.said(), Role::of_stretch(stretch.kind));
        let whole = format!("{said} {words}");
        let wide = width(&whole) * FONT + 8.0;
        let bar = end - x;
        // In the bar if it fits there, else behind it, else before it; else as much of it as there is room for.
        let (at, anchor, text) = if wide <= bar {
            (x + 5.0, "", whole)
        } else if end + wide <= view.right {
            (end + 5.0, "", whole)
        } else if x - wide >= view.left {
            (x - 5.0, " text-anchor=\"end\"", whole)
        } else if view.right - end >= bar && view.right - end >= x - view.left {
            (end + 5.0, "", fitting(&whole, (view.right - end - 8.0) / FONT).unwrap_or_default())
        } else if bar >= x - view.left {
            (x + 5.0, "", fitting(&whole, (bar - 8.0) / FONT).unwrap_or_default())
        } else {
            (
                x - 5.0,
                " text-anchor=\"end\"",
                fitting(&whole, (x - view.left - 8.0) / FONT).unwrap_or_default(),
            )
        };
        let said_wide = width(&text) * FONT;
        let (from, to) = if anchor.is_empty() { (x, end.max(at + said_wide)) } else { (at - said_wide, end) };
        let free = ends.iter().position(|taken| from >= taken + 8.0);
        let row = free.unwrap_or_else(|| {
            ends.push(f64::MIN);
            ends.len() - 1
        });
        ends[row] = to;
        let y = y + row as f64 * STRETCH;
        let about = format!("{}\n{words}", view.when(stretch.from, stretch.to));
        paper.group(role, "", |paper| {
            paper.rect((x, y + 2.0), (bar, STRETCH - 5.0), " rx=\"2\" fill-opacity=\"0.22\"", &about);
            let (x, end, y) = (Short(x + 0.5), Short(end - 0.5), Short(y + 2.0));
            let sides = format!("M{x} {y}v14M{end} {y}v14");
            paper.path(&sides, " stroke=\"currentColor\" fill=\"none\"", "");
        });
        let strong = text.strip_prefix(said.as_str());
        paper.group(Role::Ink, "", |paper| match strong {
            Some(rest) => paper.put(format_args!(
                "<text x=\"{}\" y=\"{}\"{anchor}><tspan font-weight=\"700\">{said}</tspan>{}</text>",
                Short(at),
                Short(y + 13.0),
                super::Escaped(rest)
            )),
            None => paper.text((at, y + 13.0), anchor, &text),
        });
    }
    y + ends.len() as f64 * STRETCH + 8.0
}

/// The name of a lane, beside it or above. Returns where the lane itself begins.
pub(super) fn lane_name(view: &View<'_>, paper: &mut Paper, name: &str, y: f64) -> f64 {
    if view.left > MARGIN {
        let mut lines: Vec<String> = Vec::new();
        for word in name.split(' ') {
            match lines.last_mut() {
                Some(line) if width(line) + width(word) < 6.4 => *line = format!("{line} {word}"),
                _ => lines.push(word.to_owned()),
            }
        }
        paper.group(Role::Faint, " font-weight=\"600\"", |paper| {
            for (number, line) in (0..).zip(lines) {
                paper.text((MARGIN, y + 13.0 + f64::from(number) * 13.0), "", &line);
            }
        });
        return y;
    }
    paper.group(Role::Faint, " font-weight=\"600\"", |paper| paper.text((MARGIN, y + 12.0), "", name));
    y + 16.0
}

/// The axis of time. Returns where it ends.
pub(super) fn axis(view: &View<'_>, paper: &mut Paper, top: f64) -> f64 {
    let y = top + 14.0;
    let start = view.timeline.start.0;
    let breaks: Vec<_> = view.scale.breaks().copied().collect();
    let mut taken: Vec<(f64, f64)> = Vec::new();
    paper.group(Role::Ink, " text-anchor=\"middle\" font-weight=\"600\"", |paper| {
        for piece in &breaks {
            let said = length(Millis(piece.to - piece.from));
            let (middle, half) = (piece.x + piece.width / 2.0, width(&said) * FONT / 2.0);
            if piece.width >= 2.0 * half - 6.0 {
                paper.text((middle, y), "", &said);
                taken.push((middle - half, middle + half));
            }
        }
    });
    paper.group(Role::Faint, " text-anchor=\"middle\"", |paper| {
        for (at, x) in view.scale.ticks(start) {
            let said = tick(at);
            let half = width(&said) * FONT / 2.0 + 3.0;
            let middle = x.clamp(MARGIN + half - 3.0, view.right - half + 3.0);
            if taken.iter().all(|(begin, end)| middle + half <= *begin || middle - half >= *end) {
                paper.text((middle, y), "", &said);
                taken.push((middle - half, middle + half));
            }
        }
    });
    y + 10.0
}

/// What is written at a tick: `1.5 s`, `2:30`, `1:02:30`.
fn tick(ms: u64) -> String {
    match ms {
        0 => "0".to_owned(),
        1..1_000 => format!("{ms} ms"),
        1_000..60_000 if !ms.is_multiple_of(1_000) => format!("{} s", ms as f64 / 1_000.0),
        1_000..60_000 => format!("{} s", ms / 1_000),
        _ if !ms.is_multiple_of(1_000) => format!("{}:{:06.3}", ms / 60_000, (ms % 60_000) as f64 / 1_000.0),
        60_000..3_600_000 => format!("{}:{:02}", ms / 60_000, ms / 1_000 % 60),
        _ => format!("{}:{:02}:{:02}", ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60),
    }
}

/// What is behind the lanes: lines at the ticks, the time with the owner, the time without a socket, the breaks.
pub(super) fn ground(view: &View<'_>, paper: &mut Paper, (top, bottom): (f64, f64)) {
    let (top, height) = (top + 19.0, bottom - top - 19.0);
    paper.group(Role::Rule, "", |paper| {
        let mut lines = String::new();
        for (_, x) in view.scale.ticks(view.timeline.start.0) {
            lines.push_str(&format!("M{} {}v{}", Short(x), Short(top), Short(height)));
        }
        if !lines.is_empty() {
            paper.path(&lines, " stroke=\"currentColor\" fill=\"none\"", "");
        }
    });
    let shade = |paper: &mut Paper, (from, to): (Millis, Millis), role: Role, about: &str| {
        let (x, end) = (view.scale.x(from), view.scale.x(to));
        let is_inside = from.0 <= view.window.1 && to.0 >= view.window.0;
        if is_inside && end > x {
            let about = format!("{}\n{about}", view.when(from, to));
            paper.group(role, "", |paper| {
                paper.rect((x, top), (end - x, height), " fill-opacity=\"0.1\"", &about)
            });
        }
    };
    for takeover in view.timeline.takeovers.iter().take(200) {
        shade(paper, *takeover, Role::Owner, "the owner had the conversation");
    }
    let lost = view
        .timeline
        .lanes
        .iter()
        .flat_map(|lane| &lane.spans)
        .filter(|span| span.kind == SpanKind::NoSocket);
    for span in lost.take(200) {
        shade(paper, (span.from, span.to), Role::Failed, &span.about);
    }
    for piece in view.scale.breaks() {
        let about = format!("{} are not drawn in their length", length(Millis(piece.to - piece.from)));
        paper.group(Role::Band, "", |paper| paper.rect((piece.x, top), (piece.width, height), "", &about));
        paper.group(Role::Faint, "", |paper| {
            let mut edges = String::new();
            for x in [piece.x, piece.x + piece.width] {
                edges.push_str(&zigzag(x, top, bottom));
            }
            paper.path(&edges, " stroke=\"currentColor\" fill=\"none\" stroke-opacity=\"0.6\"", "");
        });
    }
}

fn zigzag(x: f64, top: f64, bottom: f64) -> String {
    let mut path = format!("M{} {}", Short(x), Short(top));
    let steps = ((bottom - top) / 12.0) as usize;
    for step in 0..steps {
        path.push_str(if step % 2 == 0 { "l-3 6l3 6" } else { "l3 6l-3 6" });
    }
    path
}

/// What the colours mean, of what there is. Returns where it ends.
pub(super) fn legend(view: &View<'_>, paper: &mut Paper, top: f64) -> f64 {
    const MEANING: [(Role, &str); 9] = [
        (Role::Wait, "waiting for the first piece"),
        (Role::Reply, "answer coming in"),
        (Role::Owner, "owner"),
        (Role::Call, "call"),
        (Role::Failed, "failed, refused, no socket"),
        (Role::Socket, "socket open"),
        (Role::Frame, "frame"),
        (Role::Fault, "fault"),
        (Role::Lifetime, "good for a time"),
    ];
    let spans = view.timeline.lanes.iter().flat_map(|lane| &lane.spans);
    let there: BTreeSet<Role> = spans.map(|span| Role::of(span.kind)).collect();
    let (mut x, mut y) = (MARGIN, top + 22.0);
    let mut entry = |paper: &mut Paper, said: &str, draw: &dyn Fn(&mut Paper, f64, f64)| {
        let wide = 16.0 + width(said) * FONT + 14.0;
        if x > MARGIN && x + wide > view.right {
            (x, y) = (MARGIN, y + 17.0);
        }
        draw(paper, x, y);
        paper.group(Role::Faint, "", |paper| paper.text((x + 15.0, y), "", said));
        x += wide;
    };
    for (role, said) in MEANING.iter().filter(|(role, _)| there.contains(role)) {
        entry(paper, said, &|paper, x, y| {
            paper.group(*role, "", |paper| paper.rect((x, y - 9.0), (10.0, 10.0), " rx=\"2\"", ""));
        });
    }
    if view.scale.breaks().next().is_some() {
        entry(paper, "time left out", &|paper, x, y| {
            paper.group(Role::Faint, "", |paper| {
                paper.path(&zigzag(x + 5.0, y - 10.0, y + 2.0), " stroke=\"currentColor\" fill=\"none\"", "");
            });
        });
    }
    y + 4.0
}
