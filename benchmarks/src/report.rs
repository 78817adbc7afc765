//! The rows, and whether each meets its bar.

/// One measured row.
struct Row {
    what: String,
    figure: String,
    /// The bar, and whether it is met; a figure may be held to none.
    bar: Option<(String, bool)>,
}

/// All rows of a run.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

impl Report {
    /// Adds a figure that must not be above `bar`.
    pub(crate) fn at_most(&mut self, what: &str, figure: f64, bar: f64, unit: &str, aside: &str) {
        self.row(what, figure, Some((format!("≤ {bar}"), figure <= bar)), unit, aside);
    }

    /// Adds a figure that must not be below `bar`.
    pub(crate) fn at_least(&mut self, what: &str, figure: f64, bar: f64, unit: &str, aside: &str) {
        self.row(what, figure, Some((format!("≥ {bar}"), figure >= bar)), unit, aside);
    }

    /// Adds a figure that is held to nothing.
    pub(crate) fn figure(&mut self, what: &str, figure: f64, unit: &str, aside: &str) {
        self.row(what, figure, None, unit, aside);
    }

    /// Says what could not be measured here, and why.
    pub(crate) fn left_out(&mut self, what: &str, why: &str) {
        self.rows.push(Row { what: what.to_owned(), figure: format!("left out ({why})"), bar: None });
    }

    pub(crate) fn print(&self) {
        let width = self.rows.iter().map(|row| row.what.chars().count()).max().unwrap_or(0);
        for Row { what, figure, bar } in &self.rows {
            let pad = " ".repeat(width - what.chars().count());
            let verdict = bar.as_ref().map(|(bar, met)| {
                let verdict = if *met { "met" } else { "MISSED" };
                format!("  (bar {bar}: {verdict})")
            });
            println!("{what}{pad}  {figure}{}", verdict.unwrap_or_default());
        }
    }

    fn row(&mut self, what: &str, figure: f64, bar: Option<(String, bool)>, unit: &str, aside: &str) {
        let figure = format!("{figure:.2}{unit} {aside}");
        self.rows.push(Row { what: what.to_owned(), figure: figure.trim_end().to_owned(), bar });
    }
}

/// The median of several runs: one disturbed run does not count.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
