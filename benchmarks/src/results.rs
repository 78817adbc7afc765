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
