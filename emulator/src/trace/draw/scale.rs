//! From moments to places. Time in which nothing happens is compressed.

use crate::time::Millis;
use crate::trace::model::{Stretch, StretchKind, Timeline};

/// How wide a compressed stretch is, at most.
const BREAK: f64 = 58.0;
/// What part of the width compressed stretches may take together.
const BREAKS: f64 = 0.4;
/// Idle stretches that are shorter are never compressed.
const SHORT: u64 = 2_000;
/// The same of waits.
const SHORT_WAIT: u64 = 120_000;
/// From how far apart ticks are.
const TICK: f64 = 64.0;

#[derive(Debug)]
pub(super) struct Scale {
    /// In order, without gaps.
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) x: f64,
    pub(super) width: f64,
    /// Whether it is compressed.
    pub(super) is_break: bool,
}

impl Scale {
    /// The scale of a window of time, over places from `left` on.
    pub(super) fn new(
        timeline: &Timeline,
        (from, to): (u64, u64),
        (left, width): (f64, f64),
        whole: bool,
    ) -> Self {
        let cuts = if whole { Vec::new() } else { cuts(timeline, from, to) };
        let mut pieces = Vec::new();
        let mut at = from;
        for (begin, end) in cuts {
            pieces.push(Piece { from: at, to: begin, x: 0.0, width: 0.0, is_break: false });
            pieces.push(Piece { from: begin, to: end, x: 0.0, width: 0.0, is_break: true });
            at = end;
        }
        pieces.push(Piece { from: at, to, x: 0.0, width: 0.0, is_break: false });
        let breaks = pieces.iter().filter(|piece| piece.is_break).count() as f64;
        let each = if breaks > 0.0 { BREAK.min(width * BREAKS / breaks) } else { 0.0 };
        let linear: u64 =
            pieces.iter().filter(|piece| !piece.is_break).map(|piece| piece.to - piece.from).sum();
        let per_ms = (width - breaks * each) / (linear.max(1) as f64);
        let mut x = left;
        for piece in &mut pieces {
            piece.x = x;
            piece.width = if piece.is_break { each } else { (piece.to - piece.from) as f64 * per_ms };
            x += piece.width;
        }
        Self { pieces }
    }

    /// The place of a moment; that of the window's edge if it is outside.
    pub(super) fn x(&self, at: Millis) -> f64 {
        let number = self.pieces.partition_point(|piece| piece.to < at.0);
        let Some(piece) = self.pieces.get(number).or(self.pieces.last()) else { return 0.0 };
        let length = (piece.to - piece.from).max(1) as f64;
        let part = (at.0.clamp(piece.from, piece.to) - piece.from) as f64 / length;
        piece.x + piece.width * part
    }

    /// Its edges, as `place:moment`, the moment in milliseconds after `start`; between two of them it is even.
    pub(super) fn edges(&self, start: u64) -> String {
        let first = self.pieces.first().map(|piece| (piece.x, piece.from));
        let edges =
            first.into_iter().chain(self.pieces.iter().map(|piece| (piece.x + piece.width, piece.to)));
        edges.map(|(x, at)| format!("{x:.1}:{}", at - start)).collect::<Vec<_>>().join(" ")
    }

    pub(super) fn breaks(&self) -> impl Iterator<Item = &Piece> {
        self.pieces.iter().filter(|piece| piece.is_break)
    }

    /// The moments at which ticks stand, after `start`, with their places.
    pub(super) fn ticks(&self, start: u64) -> Vec<(u64, f64)> {
        let linear = self.pieces.iter().filter(|piece| !piece.is_break);
        let (time, width) = linear
            .clone()
            .fold((0, 0.0), |(time, width), piece| (time + piece.to - piece.from, width + piece.width));
        let step = step(time as f64 * TICK / f64::max(width, 1.0));
        let mut ticks: Vec<(u64, f64)> = Vec::new();
        for piece in linear {
            let first = (piece.from - start.min(piece.from)).div_ceil(step) * step + start;
            for at in (first..=piece.to).step_by(usize::try_from(step).unwrap_or(usize::MAX)) {
                let x = self.x(Millis(at));
                if ticks.last().is_none_or(|(_, last)| x - last >= TICK * 0.8) {
                    ticks.push((at - start, x));
                }
            }
        }
        ticks
    }
}

/// The smallest usual step that is no shorter.
fn step(least: f64) -> u64 {
    const STEPS: [u64; 28] = [
        1,
        2,
        5,
        10,
        20,
        50,
        100,
        200,
        500,
        1_000,
        2_000,
        5_000,
        10_000,
        15_000,
        30_000,
        60_000,
        120_000,
        300_000,
        600_000,
        900_000,
        1_800_000,
        3_600_000,
        7_200_000,
        14_400_000,
        21_600_000,
        43_200_000,
        86_400_000,
        604_800_000,
    ];
    let days = || ((least / 604_800_000.0).ceil() as u64).saturating_mul(604_800_000).max(604_800_000);
    STEPS.iter().copied().find(|step| *step as f64 >= least).unwrap_or_else(days)
}

/// What is compressed: of the gaps between moments the long ones, compared with the rest.
fn cuts(timeline: &Timeline, from: u64, to: u64) -> Vec<(u64, u64)> {
    let inside = timeline.moments.iter().map(|at| at.0).filter(|at| (from..=to).contains(at));
    let moments: Vec<_> = std::iter::once(from).chain(inside).chain([to]).collect();
    let waits: Vec<_> = timeline.stretches.iter().filter(|stretch| is_seen(stretch)).collect();
    let gaps = moments.windows(2).filter_map(|pair| match pair {
        &[begin, end] if end - begin > SHORT => {
            let is_wait = waits.iter().any(|wait| wait.from.0 <= begin && end <= wait.to.0);
            Some((begin, end, is_wait)).filter(|_| !is_wait || end - begin > SHORT_WAIT)
        }
        _ => None,
    });
    let gaps: Vec<_> = gaps.collect();
    let long: u64 = gaps.iter().map(|(begin, end, _)| end - begin).sum();
    let busy = (to - from - long).max(1_000);
    let least = |is_wait: bool| if is_wait { SHORT_WAIT.max(busy) } else { SHORT.max(busy * 3 / 20) };
    // A little of the gap stays on both sides, so that what stands there is not at its edge.
    let margin = busy / 40;
    let long = gaps.into_iter().filter(|(begin, end, is_wait)| end - begin > least(*is_wait) + 2 * margin);
    long.map(|(begin, end, _)| (begin + margin, end - margin)).collect()
}

/// Whether a stretch is to be seen in its length.
fn is_seen(stretch: &Stretch) -> bool {
    stretch.kind.is_wait() || stretch.kind == StretchKind::Reply
}
