//! The rows, and whether each meets its bar.

use serde::{Deserialize, Serialize};

use crate::machine;

/// One figure of a row. The programs of the other languages write theirs in the same form, each as a line of JSON with
/// the name of its row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Figure {
    /// What was measured.
    pub(crate) what: String,
    /// The number; absent where it could not be measured, and then `aside` says why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) figure: Option<f64>,
    /// What follows the number: its unit, with the space before it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) unit: String,
    /// What was measured beside it, in brackets.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) aside: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bar: Option<Bar>,
    /// Whether the bar is met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) met: Option<bool>,
    /// The machine's load average of the last minute at that time.
    pub(crate) load: f64,
    /// Where it stands on a curve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) point: Option<Point>,
}

/// What a figure is held to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Bar {
    AtMost(f64),
    AtLeast(f64),
}

/// A point of a curve: the figure over something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Point {
    /// Which chart.
    pub(crate) of: String,
    /// Which line of it.
    pub(crate) line: String,
    /// What the figure is over.
    pub(crate) over: f64,
}

/// All figures of a run, by the row that they belong to.
#[derive(Default)]
pub(crate) struct Report {
    row: &'static str,
    pub(crate) figures: Vec<(&'static str, Figure)>,
}

impl Bar {
    pub(crate) fn is_met(self, figure: f64) -> bool {
        match self {
            Self::AtMost(bar) => figure <= bar,
            Self::AtLeast(bar) => figure >= bar,
        }
    }
}

impl std::fmt::Display for Bar {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtMost(bar) => write!(out, "≤ {bar}"),
            Self::AtLeast(bar) => write!(out, "≥ {bar}"),
        }
    }
}

impl Report {
    /// The figures that follow belong to this row.
    pub(crate) fn begin(&mut self, row: &'static str) {
        self.row = row;
    }

    /// Adds a figure that must not be above `bar`.
    pub(crate) fn at_most(&mut self, what: &str, figure: f64, bar: f64, unit: &str, aside: &str) {
        self.add(what, Some(figure), Some(Bar::AtMost(bar)), unit, aside);
    }

    /// Adds a figure that must not be below `bar`.
    pub(crate) fn at_least(&mut self, what: &str, figure: f64, bar: f64, unit: &str, aside: &str) {
        self.add(what, Some(figure), Some(Bar::AtLeast(bar)), unit, aside);
    }

    /// Adds a figure that is held to nothing.
    pub(crate) fn figure(&mut self, what: &str, figure: f64, unit: &str, aside: &str) {
        self.add(what, Some(figure), None, unit, aside);
    }

    /// Says what could not be measured here, and why.
    pub(crate) fn left_out(&mut self, what: &str, why: &str) {
        self.add(what, None, None, "", &format!("({why})"));
    }

    /// The last figure is a point of a curve.
    pub(crate) fn on_curve(&mut self, of: &str, line: &str, over: f64) {
        if let Some((_, last)) = self.figures.last_mut() {
            last.point = Some(Point { of: of.to_owned(), line: line.to_owned(), over });
        }
    }

    pub(crate) fn print(&self) {
        let width = self.figures.iter().map(|(_, figure)| figure.what.chars().count()).max().unwrap_or(0);
        for (_, figure) in &self.figures {
            let pad = " ".repeat(width - figure.what.chars().count());
            let bar = figure.verdict().map(|verdict| format!("  ({verdict})")).unwrap_or_default();
            println!("{}{pad}  {}{bar}", figure.what, figure.text());
        }
    }

    fn add(&mut self, what: &str, figure: Option<f64>, bar: Option<Bar>, unit: &str, aside: &str) {
        let met = figure.zip(bar).map(|(figure, bar)| bar.is_met(figure));
        let (what, unit, aside) = (what.to_owned(), unit.to_owned(), aside.to_owned());
        let load = machine::load();
        self.figures.push((self.row, Figure { what, figure, unit, aside, bar, met, load, point: None }));
    }
}

impl Figure {
    /// The number with its unit, and what was measured beside it.
    pub(crate) fn text(&self) -> String {
        let number = match self.figure {
            Some(figure) => format!("{figure:.2}{}", self.unit),
            None => "left out".to_owned(),
        };
        format!("{number} {}", self.aside).trim_end().to_owned()
    }

    /// The bar, and whether it is met.
    fn verdict(&self) -> Option<String> {
        let verdict = if self.met? { "met" } else { "MISSED" };
        Some(format!("bar {}: {verdict}", self.bar?))
    }
}

/// The median of several runs: one disturbed run does not count.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
