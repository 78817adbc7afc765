//! Today's rows beside those of another commit: both programs measure in turn, in one run.
//!
//! Each row is a ratio, or the memory of one thing, already. What is printed is how today's figure compares with the
//! other's: the load of the machine, which both meet, drops out of it.

use std::path::Path;
use std::process::Command;

use crate::Error;
use crate::report::median;

/// How often each of the two measures.
const RUNS: usize = 3;

/// The figure of one row, as a program printed it.
struct Figure {
    what: String,
    value: f64,
    /// What follows the number: its unit, what stands beside it and its bar.
    rest: String,
}

/// Runs both programs with this row, and prints the ratios.
pub(crate) fn measure(base: &Path, row: Option<&str>) -> Result<(), Error> {
    let today = std::env::current_exe()?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        theirs.push(figures(base, row)?);
        ours.push(figures(&today, row)?);
    }
    let Some(rows) = ours.last().filter(|rows| !rows.is_empty()) else {
        return Err("nothing was measured: BASE goes with rows that are measured by the Rust program".into());
    };
    for Figure { what, rest, .. } in rows {
        match (of(&ours, what), of(&theirs, what)) {
            (Some(ours), Some(theirs)) => {
                println!("{what}  {ours:.2}{rest}  beside {theirs:.2}: × {:.2}", ours / theirs);
            }
            (Some(ours), None) => println!("{what}  {ours:.2}{rest}  (the other has no such row)"),
            (None, _) => {}
        }
    }
    Ok(())
}

/// The median of a row over all runs that have it.
fn of(runs: &[Vec<Figure>], what: &str) -> Option<f64> {
    let values = runs.iter().flatten().filter(|figure| figure.what == what).map(|figure| figure.value);
    let values: Vec<f64> = values.collect();
    (!values.is_empty()).then(|| median(values))
}

fn figures(program: &Path, row: Option<&str>) -> Result<Vec<Figure>, Error> {
    let output = Command::new(program).args(row).env_remove("BASE").env_remove("BENCHMARK_LINES").output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("{} failed: {said}", program.display()).into());
    }
    Ok(String::from_utf8(output.stdout)?.lines().filter_map(figure).collect())
}

/// A line of a report: what was measured, at least two spaces, and the figure.
fn figure(line: &str) -> Option<Figure> {
    let (what, rest) = line.split_once("  ")?;
    let rest = rest.trim_start();
    let digits =
        rest.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(rest.len());
    let (value, rest) = rest.split_at(digits);
    Some(Figure { what: what.to_owned(), value: value.parse().ok()?, rest: rest.to_owned() })
}
