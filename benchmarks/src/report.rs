//! The rows, and whether each meets its bar.

/// One measured row.
struct Row {
    what: String,
    figure: String,
    bar: String,
    met: bool,
}

/// All rows of a run.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

impl Report {
    /// Adds a figure that must not be above `bar`.
    pub(crate) fn at_most(&mut self, what: &str, figure: f64, bar: f64, unit: &str, aside: &str) {
        self.row(what, figure, figure <= bar, format!("≤ {bar}"), unit, aside);
    }

    /// Adds a figure that must not be below `bar`.
    pub(crate) fn at_least(&mut self, what: &str, figure: f64, bar: f64, unit: &str, aside: &str) {
        self.row(what, figure, figure >= bar, format!("≥ {bar}"), unit, aside);
    }

    pub(crate) fn print(&self) {
        let width = self.rows.iter().map(|row| row.what.chars().count()).max().unwrap_or(0);
        for Row { what, figure, bar, met } in &self.rows {
            let verdict = if *met { "met" } else { "MISSED" };
            let pad = " ".repeat(width - what.chars().count());
            println!("{what}{pad}  {figure}  (bar {bar}: {verdict})");
        }
    }

    fn row(&mut self, what: &str, figure: f64, met: bool, bar: String, unit: &str, aside: &str) {
        let figure = format!("{figure:.2}{unit} {aside}");
        self.rows.push(Row { what: what.to_owned(), figure: figure.trim_end().to_owned(), bar, met });
    }
}

/// The median of several runs: one disturbed run does not count.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
