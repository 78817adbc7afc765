//! What was measured, kept in `benchmarks/results.json`: of each row the last run, with its date, its commit and its
//! machine. The pages that show figures, and the pictures, are made of this
//! file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::machine::{self, Machine};
use crate::report::{Figure, Report};
use crate::{Error, draw, pages};

/// The file with lines of JSON that programs of other languages leave for [`keep_lines`]. Where it is not in the
/// environment, nothing is kept: so it is with a base that is compared with.
const LINES: &str = "BENCHMARK_LINES";

/// All rows, by their names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Results(pub(crate) BTreeMap<String, Run>);

/// The last run of a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) date: String,
    pub(crate) commit: String,
    pub(crate) machine: Machine,
    pub(crate) figures: Vec<Figure>,
}

/// A line that a program of another language has left.
#[derive(Deserialize)]
struct Line {
    /// As `node/ask`.
    row: String,
    #[serde(flatten)]
    figure: Figure,
}

impl Results {
    /// Those of a file.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        match path.exists() {
            true => Ok(serde_json::from_slice(&std::fs::read(path)?)?),
            false => Ok(Self::default()),
        }
    }

    /// Takes figures in; the rows they belong to have no others afterwards.
    fn take(&mut self, figures: Vec<(String, Figure)>, run: &Run) {
        let mut rows = BTreeMap::<String, Run>::new();
        for (row, mut figure) in figures {
            figure.figure = figure.figure.map(rounded);
            figure.met = figure.figure.zip(figure.bar).map(|(figure, bar)| bar.is_met(figure));
            rows.entry(row).or_insert_with(|| run.clone()).figures.push(figure);
        }
        self.0.extend(rows);
    }

    /// The rows of a name: it stands for those behind it as well, as `node` for `node/ask`.
    pub(crate) fn rows<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, &'a Run)> {
        let is_of =
            move |row: &str| row == name || row.strip_prefix(name).is_some_and(|rest| rest.starts_with('/'));
        self.0.iter().map(|(row, run)| (row.as_str(), run)).filter(move |(row, _)| is_of(row))
    }
}

/// The root of the repository, in which this program was built.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub(crate) fn file() -> PathBuf {
    root().join("benchmarks/results.json")
}

/// Keeps the figures of the rows measured here, where that is wanted.
pub(crate) fn keep(report: Report) -> Result<(), Error> {
    match lines() {
        Some(_) => write(report.figures.into_iter().map(|(row, figure)| (row.to_owned(), figure)).collect()),
        None => Ok(()),
    }
}

/// Keeps what the programs of other languages have left, and takes it away.
pub(crate) fn keep_lines() -> Result<(), Error> {
    let Some(path) = lines().filter(|path| path.exists()) else { return Ok(()) };
    let line = |line: &str| -> Result<_, Error> {
        let Line { row, figure } =
            serde_json::from_str(line).map_err(|error| format!("{error} in {line}"))?;
        Ok((row, figure))
    };
    write(std::fs::read_to_string(&path)?.lines().map(line).collect::<Result<_, _>>()?)?;
    Ok(std::fs::remove_file(path)?)
}

/// Writes pages and pictures as the file has it.
pub(crate) fn show() -> Result<(), Error> {
    let results = Results::read(&file())?;
    draw::write(&results)?;
    pages::write(&results)
}

fn lines() -> Option<PathBuf> {
    std::env::var_os(LINES).filter(|path| !path.is_empty()).map(PathBuf::from)
}

fn write(figures: Vec<(String, Figure)>) -> Result<(), Error> {
    let mut results = Results::read(&file())?;
    let (date, commit, machine) = (machine::date()?, machine::commit()?, Machine::current()?);
    results.take(figures, &Run { date, commit, machine, figures: Vec::new() });
    std::fs::write(file(), serde_json::to_string_pretty(&results)? + "\n")?;
    show()
}

/// As many digits as say something.
fn rounded(figure: f64) -> f64 {
    (figure * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_another_language_becomes_a_figure_and_the_rest_of_its_row_goes() {
        let line = r#"{"row": "node/ask", "what": "ask", "figure": 0.76543, "aside": "(1 ms)", "bar": {"atMost": 0.7}, "load": 1}"#;
        let Line { row, figure } = serde_json::from_str(line).unwrap();
        let machine = Machine { cpu: "C".to_owned(), cores: 2, memory: 24.0, kernel: "Linux 6".to_owned() };
        let run = |date: &str| Run {
            date: date.to_owned(),
            commit: "abc".to_owned(),
            machine: machine.clone(),
            figures: Vec::new(),
        };
        let mut results = Results::default();
        let other = Figure { what: "of another run".to_owned(), ..figure.clone() };
        results.take(
            vec![("node/ask".to_owned(), other.clone()), ("store".to_owned(), other)],
            &run("2026-11-29"),
        );
        results.take(vec![(row, figure)], &run("2026-11-30"));
        let (ask, store) = (&results.0["node/ask"], &results.0["store"]);
        assert_eq!((ask.date.as_str(), store.date.as_str()), ("2026-11-30", "2026-11-29"));
        assert_eq!((ask.figures.len(), ask.figures[0].what.as_str()), (1, "ask"));
        assert_eq!((ask.figures[0].figure, ask.figures[0].met), (Some(0.765), Some(false)));
        let written = serde_json::to_string(&results).unwrap();
        assert_eq!(serde_json::from_str::<Results>(&written).unwrap(), results);
    }

    #[test]
    fn the_file_says_of_each_figure_whether_it_meets_its_bar() {
        let results = Results::read(&file()).unwrap();
        for row in ["opening", "frames", "memory", "scale", "storm", "growth", "store"] {
            assert!(results.0.contains_key(row), "there is no row {row}");
        }
        for (row, run) in &results.0 {
            assert!(!run.figures.is_empty() && !run.commit.is_empty() && run.date.len() == 10, "{row}");
            for figure in &run.figures {
                let met = figure.figure.zip(figure.bar).map(|(figure, bar)| bar.is_met(figure));
                assert_eq!(figure.met, met, "{row}: {}", figure.what);
            }
        }
    }
}
