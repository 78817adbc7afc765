//! The table of `spec/README.md`: nothing of the vendor's page is left out of it, and what it names
//! is there.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The rows of the table: what, the scenarios, the tests.
fn rows() -> Vec<[String; 3]> {
    let readme = read("spec/README.md");
    let (_, table) = readme.split_once("## The page, line by line").unwrap();
    let lines = table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---"));
    let rows = lines.map(|line| line.trim_matches('|').split(" | ").map(str::trim).map(str::to_owned));
    let rows = rows.map(|cells| <[String; 3]>::try_from(cells.collect::<Vec<_>>()).expect("three cells"));
    rows.filter(|[_, scenario, _]| scenario != "scenario").collect()
}

/// What stands between backticks.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[track_caller]
fn assert_all_in_table(of_the_page: &BTreeSet<String>) {
    let lines: String = rows().iter().map(|[line, ..]| format!("{line}\n")).collect();
    let missing: Vec<_> = of_the_page.iter().filter(|one| !lines.contains(one.as_str())).collect();
    assert!(missing.is_empty(), "the table leaves out {missing:?}");
}

#[test]
fn every_code_of_the_page_is_in_the_table() {
    let page = read("spec/avatar-open-api.md");
    let (_, codes) = page.split_once("\nError Codes\n").unwrap();
    let codes = codes.lines().take_while(|line| !line.starts_with("Important Notes"));
    let codes = codes.filter_map(|line| Some(line.split_once(" |")?.0.trim_start_matches('|').trim()));
    let codes: BTreeSet<_> =
        codes.filter(|code| code.contains('.')).map(|code| format!("`{code}`")).collect();
    assert_eq!(codes.len(), 7);
    assert_all_in_table(&codes);
}

#[test]
fn every_call_and_header_of_the_page_is_in_the_table() {
    let page = read("spec/avatar-open-api.md");
    let mut wanted = BTreeSet::new();
    for at in page.match_indices("curl -X ").map(|(at, name)| at + name.len()) {
        let (method, rest) = page[at..].split_once(' ').unwrap();
        let path = rest.split_whitespace().next().unwrap().trim_matches('"').replace("$BASE_URL", "");
        wanted.insert(format!("`{method} {}", path.replace("ebe251793d69", "{shareCode}")));
    }
    assert_eq!(wanted.len(), 7, "{wanted:?}");
    for at in page.match_indices("-H \"").map(|(at, name)| at + name.len()) {
        let name = page[at..].split(':').next().unwrap();
        wanted.insert(format!("header `{name}: "));
    }
    assert_eq!(wanted.len(), 7 + 4, "{wanted:?}");
    for url in page.split_whitespace().filter(|word| word.starts_with("https://")) {
        wanted.insert(format!("`{url}`"));
    }
    assert_eq!(wanted.len(), 7 + 4 + 2, "{wanted:?}");
    assert_all_in_table(&wanted);
}

/// The names of all fields, all the way down.
fn names(of: &Value, all: &mut BTreeSet<String>) {
    match of {
        Value::Object(fields) => {
            for (name, value) in fields {
                all.insert(name.clone());
                names(value, all);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| names(value, all)),
        _ => {}
    }
}

#[test]
fn every_field_of_the_page_is_in_the_table() {
    let mut all = BTreeSet::new();
    for file in std::fs::read_dir(root().join("spec/fixtures/page")).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        names(&serde_json::from_str(&text).unwrap(), &mut all);
    }
    assert!(all.len() > 30, "{all:?}");
    assert_all_in_table(&all);
}

#[test]
fn every_lifetime_limit_and_note_of_the_page_is_in_the_table() {
    let page = read("spec/avatar-open-api.md");
    let mut wanted = BTreeSet::new();
    let words: Vec<_> = page.split_whitespace().map(|word| word.trim_matches(['.', ',', ')', '('])).collect();
    for pair in words.windows(2).filter(|pair| ["minutes", "seconds"].contains(&pair[1])) {
        wanted.insert(pair.join(" "));
    }
    assert_eq!(wanted.iter().collect::<Vec<_>>(), ["10 minutes", "15 seconds", "60 seconds"]);
    wanted.insert("60/min".to_owned());
    wanted.insert("60 requests per minute".to_owned());
    let (_, notes) = page.split_once("\nImportant Notes\n").unwrap();
    let notes: Vec<_> = notes.lines().map(|note| note.trim_start_matches("- ")).collect();
    assert_eq!(notes.len(), 6);
    for note in notes {
        // One note of the copy ends in the line of the next. The number in a title may be bold in
        // the table.
        let title = note.split(" — ").next().unwrap().rsplit(" - ").next().unwrap();
        wanted.insert(title.split(" in ").next().unwrap().to_owned());
    }
    assert_all_in_table(&wanted);
}

#[test]
fn every_test_the_table_names_exists() {
    let rows = rows();
    assert!(rows.len() > 60);
    for [line, _, tests] in rows {
        let tests = quoted(&tests);
        assert!(!tests.is_empty(), "no test for: {line}");
        for test in tests {
            let (path, name) =
                test.split_once("::").unwrap_or_else(|| panic!("`{test}` is no path::function"));
            assert!(read(path).contains(&format!("fn {name}(")), "there is no test {test}");
        }
    }
}

#[test]
fn every_scenario_the_table_names_exists() {
    let mut missing = BTreeSet::new();
    for [line, scenarios, _] in rows() {
        let scenarios = quoted(&scenarios);
        assert!(!scenarios.is_empty(), "no scenario for: {line}");
        for name in scenarios {
            if !root().join(format!("spec/scenarios/{name}.yaml")).is_file() {
                missing.insert(name.to_owned());
            }
        }
    }
    assert!(missing.is_empty(), "there are no scenarios {missing:?}");
}
