//! The tables of figures in the documents: `<!-- figures: frames memory -->` … `<!-- /figures -->` is filled in with these
//! rows of `benchmarks/results.json`.

use std::collections::BTreeMap;

use crate::Error;
use crate::report::Figure;
use crate::results::{Results, root};

/// The pages that have figures.
pub(crate) const PAGES: [&str; 4] =
    ["README.md", "docs/performance.md", "bindings/kotlin/README.md", "node/README.md"];

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

#[cfg(test)]
mod tests {
    use std::fs::read_to_string;

    use super::*;
    use crate::draw;
    use crate::results::file;

    #[test]
    fn pages_and_pictures_show_what_the_file_has() {
        let results = Results::read(&file()).unwrap();
        let again = "`cargo run --bin secondme-avatar-benchmarks -- show` writes it anew";
        for page in PAGES {
            let text = read_to_string(root().join(page)).unwrap();
            assert!(text.contains(OPENS), "{page} has no figures");
            assert!(
                filled(&text, &results).unwrap() == text,
                "{page} has other figures than the file: {again}"
            );
        }
        let pictures = draw::pictures(&results).unwrap();
        assert_eq!(pictures.len(), 6, "three, each light and dark");
        let shown = read_to_string(root().join("docs/performance.md")).unwrap();
        for (path, svg) in pictures {
            assert_eq!(read_to_string(root().join(&path)).unwrap(), svg, "{}: {again}", path.display());
            assert!(
                shown.contains(&format!("\"{}\"", path.file_name().unwrap().display())),
                "{}",
                path.display()
            );
        }
    }

    #[test]
    fn a_figure_that_changes_changes_the_pages_that_show_it() {
        let mut results = Results::read(&file()).unwrap();
        let text = read_to_string(root().join("README.md")).unwrap();
        let figure = &mut results.0.get_mut("frames").unwrap().figures[0];
        figure.figure = figure.figure.map(|figure| figure + 1.0);
        assert_ne!(filled(&text, &results).unwrap(), text);
    }

    #[test]
    fn the_rows_are_those_that_the_mark_names_and_a_missed_bar_is_said() {
        let run = |figures: &str| {
            let machine = r#"{"cpu": "C", "cores": 2, "memory": 23.5, "kernel": "Linux 6"}"#;
            format!(
                r#"{{"date": "2026-11-30", "commit": "abc", "machine": {machine}, "figures": [{figures}]}}"#
            )
        };
        let slow = r#"{"what": "a|b", "figure": 1.5, "unit": " s", "bar": {"atMost": 1.0}, "met": false, "load": 0.5}"#;
        let none = r#"{"what": "many", "aside": "(too many)", "load": 2.0}"#;
        let text = format!(r#"{{"node/ask": {}, "nodes": {}}}"#, run(&format!("{slow}, {none}")), run(none));
        let results: Results = serde_json::from_str(&text).unwrap();
        let page = "before\n<!-- figures: node -->\nold\n<!-- /figures -->\nbehind\n";
        assert_eq!(
            filled(page, &results).unwrap(),
            "before\n<!-- figures: node -->\n| | figure | bar |\n| --- | --- | --- |\n\
             | a\\|b | 1.50 s | ≤ 1: **missed** |\n| many | left out (too many) |  |\n\n\
             Measured on 2026-11-30 at commit abc, with a load of 0.5 to 2.0 (rows `node/ask`): \
             C, 2 cores, 23.5 GiB, Linux 6.\n<!-- /figures -->\nbehind\n"
        );
        let none = filled(&page.replace("node", "kotlin"), &results).unwrap();
        assert!(none.contains("\nNo figures of it are kept.\n<!-- /figures -->"), "{none}");
        assert!(filled("<!-- figures: node -->\n", &results).is_err(), "a mark without an end");
    }
}
