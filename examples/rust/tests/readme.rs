//! The README's programs in other languages are those of each language's own page, where they are tested.

use std::fs;
use std::path::Path;

#[test]
fn what_the_readme_shows_of_a_language_stands_on_that_language_s_page() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_else(|_| panic!("no {path}"));
    let readme = read("README.md");
    for (language, page) in [
        ("python", "python/README.md"),
        ("js", "node/README.md"),
        ("kotlin", "bindings/kotlin/README.md"),
        ("java", "bindings/java/README.md"),
        ("swift", "bindings/swift/README.md"),
    ] {
        let programs: Vec<&str> = blocks(&readme, language).collect();
        assert_eq!(programs.len(), 1, "{language}");
        assert!(
            blocks(&read(page), language).any(|block| block == programs[0]),
            "{page} has another program"
        );
    }
}

/// The same program in each language, where it stands, and the page that shows it.
const CUSTOM: [(&str, &str, &str); 6] = [
    ("rust", "examples/rust/custom.rs", "examples/rust/README.md"),
    ("python", "examples/python/custom.py", "python/README.md"),
    ("js", "examples/node/custom.js", "node/README.md"),
    ("kotlin", "examples/kotlin/chat/src/main/kotlin/custom/Custom.kt", "bindings/kotlin/README.md"),
    ("java", "examples/java/custom/Custom.java", "bindings/java/README.md"),
    ("swift", "examples/swift/Custom/main.swift", "bindings/swift/README.md"),
];

#[test]
fn the_smallest_custom_integration_is_shown_as_it_runs_and_has_under_thirty_lines_of_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_else(|_| panic!("no {path}"));
    let readme = read("README.md");
    for (language, program, page) in CUSTOM {
        let (text, shown) = (read(program), read(page));
        let section = shown.split("## Any custom integration\n").nth(1).unwrap_or_else(|| panic!("{page}"));
        let block = blocks(section, language).next().unwrap_or_else(|| panic!("{page} shows no {language}"));
        assert_eq!(block.split_once('\n').map(|(_, code)| code), Some(&*text), "{page}");
        assert!(readme.contains(&format!("({page}#any-custom-integration)")), "{page}");
        let lines = text.lines().filter(|line| is_code(line)).count();
        assert!(lines < 30, "{program}: {lines}");
    }
}

/// Whether a line is more than a comment, an import, an attribute or a bracket.
fn is_code(line: &str) -> bool {
    let line = line.trim();
    let starts = ["//", "/*", "*", "#", "\"\"\"", "use ", "import ", "from ", "package "];
    line.contains(char::is_alphanumeric) && !starts.iter().any(|start| line.starts_with(start))
}

/// The code blocks of a language in a page.
fn blocks<'a>(page: &'a str, language: &'a str) -> impl Iterator<Item = &'a str> {
    page.split("```").skip(1).step_by(2).filter(move |block| {
        let info = block.lines().next().unwrap_or_default();
        info.split(' ').next() == Some(language)
    })
}
