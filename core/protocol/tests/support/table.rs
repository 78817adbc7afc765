//! The tables of docs/transitions.md, read as a reader would.

/// Finds the table under a heading, and holds every cell against `code(row, column)`; `rows` and
/// `columns` are all there may be.
pub(crate) fn assert_table(
    heading: &str,
    rows: &[&str],
    columns: &[&str],
    code: impl Fn(&str, &str) -> String,
) {
    let page = include_str!("../../../../docs/transitions.md");
    let section = page.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no `{heading}`")).1;
    let mut lines =
        section.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let header = cells(lines.next().expect("a table"));
    assert_eq!(header[1..], *columns, "the columns under `{heading}`");
    let written: Vec<Vec<String>> = lines.skip(1).map(cells).collect();
    let expected: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let cells = columns.iter().map(|column| code(row, column));
            std::iter::once((*row).to_owned()).chain(cells).collect()
        })
        .collect();
    if written != expected {
        let print = |row: &Vec<String>| format!("| {} |\n", row.join(" | "));
        let (written, expected): (String, String) =
            (written.iter().map(print).collect(), expected.iter().map(print).collect());
        panic!("the table under `{heading}` says\n{written}\nand the code says\n{expected}");
    }
}
