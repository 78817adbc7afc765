//! The tables of figures in the documents: `<!-- figures: frames memory -->` … `<!-- /figures -->` is filled in with these
//! rows of `benchmarks/results.json`.

use std::collections::BTreeMap;

use crate::Error;
use crate::report::Figure;
use crate::results::{Results, root};

/// The pages that have figures.
pub(crate) const PAGES: [&str; 2] = ["README.md", "docs/performance.md"];

const OPENS: &str = "<!-- figures:";
const ENDS: &str = "<!-- /figures -->";

pub(crate) fn write(results: &Results) -> Result<(), Error> {
    for page in PAGES {
        let path = root().join(page);
        let text = std::fs::read_to_string(&path)?;
        let filled = filled(&text, results).map_err(|error| format!("{page}: {error}"))?;
        if filled != text {
            std::fs::write(path, filled)?;
        }
    }
    Ok(())
}

/// The page with its tables as the results have them.
pub(crate) fn filled(page: &str, results: &Results) -> Result<String, Error> {
    let mut parts = page.split(OPENS);
    let mut made = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (names, rest) = part.split_once("-->").ok_or("a mark of figures has no end")?;
        let (_, behind) = rest.split_once(ENDS).ok_or_else(|| format!("`{ENDS}` is missing"))?;
        let names: Vec<&str> = names.split_whitespace().collect();
        made += &format!("{OPENS} {} -->\n{}{ENDS}{behind}", names.join(" "), table(&names, results));
    }
    Ok(made)
}

fn table(names: &[&str], results: &Results) -> String {
    let rows: Vec<_> = names.iter().flat_map(|name| results.rows(name)).collect();
    if rows.is_empty() {
        return "No figures of it are kept.\n".to_owned();
    }
    let mut made = "| | figure | bar |\n| --- | --- | --- |\n".to_owned();
    for figure in rows.iter().flat_map(|(_, run)| &run.figures) {
        made += &line(figure);
    }
    let mut runs = BTreeMap::<_, (Vec<String>, Vec<f64>)>::new();
    for (row, run) in rows {
        let (rows, loads) = runs.entry((&run.date, &run.commit, run.machine.to_string())).or_default();
        rows.push(format!("`{row}`"));
        loads.extend(run.figures.iter().map(|figure| figure.load));
    }
    for ((date, commit, machine), (rows, loads)) in runs {
        let (least, most) =
            loads.iter().fold((f64::MAX, 0.0_f64), |(least, most), load| (least.min(*load), most.max(*load)));
        made += &format!(
            "\nMeasured on {date} at commit {commit}, with a load of {least:.1} to {most:.1} (rows {}): {machine}.\n",
            rows.join(", ")
        );
    }
    made
}

fn line(figure: &Figure) -> String {
    let bar = match (figure.bar, figure.met) {
        (Some(bar), Some(true)) => format!("{bar}: met"),
        (Some(bar), Some(false)) => format!("{bar}: **missed**"),
        _ => String::new(),
    };
    let cells = [&figure.what, &figure.text(), &bar].map(|cell| cell.replace('|', "\\|"));
    format!("| {} |\n", cells.join(" | "))
}
