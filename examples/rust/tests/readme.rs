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

/// The code blocks of a language in a page.
fn blocks<'a>(page: &'a str, language: &'a str) -> impl Iterator<Item = &'a str> {
    page.split("```").skip(1).step_by(2).filter(move |block| {
        let info = block.lines().next().unwrap_or_default();
        info.split(' ').next() == Some(language)
    })
}
