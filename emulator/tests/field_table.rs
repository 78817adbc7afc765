//! The tables of `docs/field.md`: each kind of fault has its tests, and they are there.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

use std::path::PathBuf;

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).ok()
}

/// The rows of all tables: the kind, and its tests.
fn rows() -> Vec<(String, String)> {
    let page = read("docs/field.md").unwrap();
    let lines = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---"));
    let rows = lines.map(|line| {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [kind, _, tests] = cells[..] else { panic!("not three cells: {line}") };
        (kind.to_owned(), tests.to_owned())
    });
    rows.filter(|(kind, _)| kind != "kind").collect()
}

/// What is wrong with the name of a test: `path::name`, or the path alone of a scenario or a script.
fn problem(test: &str) -> Option<String> {
    let (path, name) = test.split_once("::").map_or((test, None), |(path, name)| (path, Some(name)));
    let Some(text) = read(path) else { return Some(format!("`{test}`: there is no file {path}")) };
    let Some(name) = name else {
        let whole = path.starts_with("spec/scenarios/") || text.starts_with("#!");
        return (!whole).then(|| format!("`{test}` names no test in {path}"));
    };
    let written = match path.rsplit('.').next().unwrap() {
        "rs" => vec![format!("fn {name}(")],
        "py" => vec![format!("def {name}(")],
        "mjs" | "cjs" | "ts" => ['\'', '"', '`'].map(|quote| format!("test({quote}{name}{quote}")).into(),
        "kt" => vec![format!("fun `{name}`(")],
        "swift" => vec![format!("func {name}(")],
        other => return Some(format!("`{test}`: how tests are named in .{other} files is not known here")),
    };
    let there = written.iter().any(|one| text.contains(one));
    (!there).then(|| format!("`{test}`: {path} has no such test"))
}

#[test]
fn every_kind_has_tests_that_exist() {
    let rows = rows();
    assert!(rows.len() > 50, "{}", rows.len());
    let mut problems = Vec::new();
    for (kind, said) in rows {
        let tests: Vec<_> = said.split('`').skip(1).step_by(2).collect();
        if tests.is_empty() && said != "none yet" {
            problems.push(format!("no test: {kind}"));
        }
        problems.extend(tests.into_iter().filter_map(problem));
    }
    assert!(problems.is_empty(), "docs/field.md:\n{}", problems.join("\n"));
}
