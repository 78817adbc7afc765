//! What the documents say of the repository is so: links lead somewhere, files and functions that are named
//! exist, the prose names who acts, and the crates depend on each other as ARCHITECTURE.md says.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Folders of what is built or installed, and of what others wrote.
const PASSED_OVER: [&str; 7] = ["target", "node_modules", "dist", "build", "Generated", "corpus", "found"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All files of the repository, as paths from its root.
fn files() -> Vec<String> {
    let (root, mut files, mut folders) = (root(), Vec::new(), vec![root()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() && !name.starts_with('.') && !PASSED_OVER.contains(&name.as_str()) {
                folders.push(entry.path());
            } else if kind.is_file() {
                let path = entry.path();
                files.push(path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    files
}

/// The texts between backticks, in pages that have no blocks of code in between.
fn quoted(page: &str) -> Vec<String> {
    let prose: Vec<_> = page.split("```").step_by(2).collect();
    prose.iter().flat_map(|text| text.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

#[test]
fn every_link_between_the_pages_leads_to_a_file() {
    let mut broken = Vec::new();
    let pages: Vec<_> = files().into_iter().filter(|file| file.ends_with(".md")).collect();
    assert!(pages.len() > 20, "{pages:?}");
    for page in &pages {
        let text = read(page);
        // The links of a template are those of the page that is made of it.
        let stands = page.strip_prefix("core/contract/templates/").unwrap_or(page);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap();
            let is_path =
                !target.is_empty() && !target.contains("://") && !target.contains(char::is_whitespace);
            let folder = root().join(stands).parent().unwrap().to_owned();
            if is_path && !target.starts_with("mailto:") && !folder.join(target).exists() {
                broken.push(format!("{page}: {link}"));
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
}

#[test]
fn every_source_file_that_the_documents_name_exists() {
    const ENDINGS: [&str; 7] = [".rs", ".py", ".pyi", ".ts", ".kt", ".swift", ".yaml"];
    let files = files();
    let pages = files.iter().filter(|file| {
        file.ends_with(".md") && (file.starts_with("docs/") || !file.contains('/')) && *file != "CHANGELOG.md"
    });
    let mut missing = Vec::new();
    for page in pages {
        for name in quoted(&read(page)) {
            let path = name.split("::").next().unwrap();
            let is_file = ENDINGS.iter().any(|ending| path.ends_with(ending) && path.len() > ending.len());
            let is_pattern = path.contains(|letter: char| letter.is_whitespace() || "*{<".contains(letter));
            let there = || files.iter().any(|file| file == path || file.ends_with(&format!("/{path}")));
            if is_file && !is_pattern && !path.ends_with("/NAME.yaml") && !there() {
                missing.push(format!("{page}: `{name}`"));
            }
        }
    }
    assert!(missing.is_empty(), "files that do not exist:\n{}", missing.join("\n"));
}

/// Whether a file of source has a function of this name.
fn has_function(path: &str, text: &str, name: &str) -> bool {
    let keyword = match path.rsplit('.').next() {
        Some("rs") => "fn",
        Some("py") => "def",
        other => panic!("{path}: how functions are written in .{other:?} files is not known here"),
    };
    ['(', '<'].iter().any(|next| text.contains(&format!("{keyword} {name}{next}")))
}

#[test]
fn every_function_on_the_way_of_a_frame_exists_in_its_file() {
    const PAGE: &str = "docs/life-of-a-frame.md";
    let page = read(PAGE);
    let rows: Vec<Vec<Vec<String>>> = page
        .lines()
        .filter(|line| line.starts_with("| `") && line.contains('/'))
        .map(|line| line.trim_matches('|').split(" | ").map(quoted).collect())
        .collect();
    assert!(rows.len() > 40, "{}", rows.len());
    let mut missing = Vec::new();
    for row in &rows {
        let [file, functions, ..] = row.as_slice() else { panic!("{PAGE}: a row of fewer than two cells") };
        let text = std::fs::read_to_string(root().join(&file[0])).unwrap_or_default();
        assert!(!functions.is_empty(), "{PAGE}: {file:?} without a function");
        let absent = functions.iter().filter(|name| !has_function(&file[0], &text, name));
        missing.extend(absent.map(|name| format!("{} has no function `{name}`", file[0])));
    }
    assert!(missing.is_empty(), "{PAGE}:\n{}", missing.join("\n"));
}

/// Files whose prose is held to plain English, by how their names end.
const PROSE: [&str; 11] =
    [".rs", ".py", ".pyi", ".ts", ".mjs", ".kt", ".swift", ".md", ".mk", ".sh", ".yaml"];

/// Words that leave open who acts. A sentence names the caller, the visitor, the reader or the program instead.
const VAGUE: [&str; 5] = ["whoever", "nobody", "somebody", "anybody", "whosever"];

/// Where such a word is right: files whose path begins with the first text may say the second.
const MAY_SAY: [(&str, &str); 3] = [
    ("", "anybody there"), // Visitors say it in tests and examples.
    ("", "anybody?"),
    ("CONTRIBUTING.md", r#""whoever", "nobody" or "somebody""#), // It states the rule.
];

/// Until the names are claimed, anyone may publish under them: docs/releasing.md. Deleted with the first release.
#[test]
fn no_page_sends_people_to_a_name_that_is_not_claimed() {
    const ENDINGS: [&str; 10] =
        [".md", ".rs", ".py", ".ts", ".js", ".mjs", ".json", ".toml", ".html", ".kts"];
    let releasing = read("docs/releasing.md");
    assert!(releasing.split("## ").nth(1).unwrap().starts_with("1. Claim the names"));
    let mut found = Vec::new();
    for file in files() {
        let is_page =
            ENDINGS.iter().any(|ending| file.ends_with(ending)) && file != "emulator/tests/documents.rs";
        let page = if is_page { read(&file) } else { String::new() };
        let lines = page.lines().enumerate().filter(|(_, line)| names_what_is_unclaimed(line));
        found.extend(lines.map(|(number, line)| format!("{file}:{}: {}", number + 1, line.trim())));
    }
    assert!(found.is_empty(), "names that are not claimed:\n{}", found.join("\n"));
    let examples: Value = serde_json::from_str(&read("examples/node/package.json")).unwrap();
    assert!(examples.get("dependencies").is_none() && examples.get("devDependencies").is_none());
}

/// Whether a line fetches one of our names from a registry, or links to one there.
fn names_what_is_unclaimed(line: &str) -> bool {
    const COMMANDS: [&str; 12] = [
        "npm install ",
        "npm i ",
        "npx ",
        "pnpm add ",
        "yarn add ",
        "bun add ",
        "pip install ",
        "pipx run ",
        "uvx ",
        "uv add ",
        "cargo add ",
        "cargo install ",
    ];
    const SITES: [&str; 3] = ["npmjs.com/package/", "pypi.org/project/", "crates.io/crates/"];
    let is_ours = |name: &str| {
        let names = ["secondme-avatar", "secondme_avatar", "@secondme-avatar", "{PROGRAM}"];
        names.iter().any(|ours| name.starts_with(ours))
    };
    // With this option npx takes what is installed, or fails.
    let fetches = |rest: &str| {
        let mut words = rest.split([' ', '`', '"', '\'']).filter(|word| !word.is_empty());
        !rest.starts_with("--no-install ") && words.find(|word| !word.starts_with('-')).is_some_and(is_ours)
    };
    COMMANDS.iter().any(|command| line.split(command).skip(1).any(fetches))
        || SITES.iter().any(|site| line.split(site).skip(1).any(is_ours))
}

#[test]
fn what_is_taken_from_a_registry_is_told_from_what_is_local() {
    for line in [
        "`npx secondme-avatar-emulator`",
        "npm install --save-dev secondme-avatar",
        "pip install secondme-avatar[x]",
    ] {
        assert!(names_what_is_unclaimed(line), "{line}");
    }
    for line in [
        "npx --no-install secondme-avatar-emulator",
        "pip install dist/secondme_avatar-1.whl",
        "npm install ws",
    ] {
        assert!(!names_what_is_unclaimed(line), "{line}");
    }
}

#[test]
fn every_sentence_says_who_acts() {
    // The vendor's API page is not ours, and this file lists the words.
    const PASSED_OVER: [&str; 2] = ["spec/avatar-open-api", "emulator/tests/documents.rs"];
    let files: Vec<_> = files()
        .into_iter()
        .filter(|file| file.ends_with("Makefile") || PROSE.iter().any(|ending| file.ends_with(ending)))
        .filter(|file| !PASSED_OVER.iter().any(|path| file.starts_with(path)))
        .collect();
    assert!(files.len() > 500, "{}", files.len());
    let mut vague = Vec::new();
    for file in &files {
        for (number, line) in (1..).zip(read(file).lines()) {
            let allowed = MAY_SAY.iter().filter(|(path, _)| file.starts_with(path));
            let rest = allowed.fold(line.to_lowercase(), |rest, (_, text)| rest.replace(text, ""));
            // An underscore ends a word: the names of tests are sentences too.
            let found = rest.split(|letter: char| !letter.is_alphabetic()).find(|word| VAGUE.contains(word));
            vague.extend(found.map(|word| format!("{file}:{number}: {word}")));
        }
    }
    assert!(vague.is_empty(), "say who acts (CONTRIBUTING.md, Rules of style):\n{}", vague.join("\n"));
}

/// A crate of the workspace.
struct Crate {
    folder: String,
    /// The crates of the workspace that it depends on.
    needs: BTreeSet<String>,
    /// The same for its tests alone.
    tests_need: BTreeSet<String>,
}

fn crates() -> Vec<Crate> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter().map(|package| {
        let manifest = Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap();
        let folder = manifest.strip_prefix(root().canonicalize().unwrap()).unwrap();
        let needs = |kind: Value| -> BTreeSet<String> {
            let all = package["dependencies"].as_array().unwrap().iter();
            let ours = all.filter(|one| one["kind"] == kind && !one["path"].is_null());
            ours.map(|one| one["name"].as_str().unwrap().to_owned()).collect()
        };
        let (needs, tests_need) = (needs(Value::Null), needs(Value::from("dev")));
        Crate { folder: folder.to_str().unwrap().to_owned(), needs, tests_need }
    });
    packages.collect()
}

/// The folders that a sentence of ARCHITECTURE.md names after its beginning.
fn named_after(beginning: &str) -> BTreeSet<String> {
    let page = read("ARCHITECTURE.md");
    let sentence = page.split(beginning).nth(1).unwrap_or_else(|| panic!("no sentence with `{beginning}`"));
    quoted(sentence.split(['.', '\n']).next().unwrap()).into_iter().collect()
}

#[test]
fn client_and_emulator_share_no_crate_and_only_those_named_depend_on_both() {
    const EMULATOR: &str = "secondme-avatar-emulator";
    const CLIENT: [&str; 2] = ["secondme-avatar", "secondme-avatar-protocol"];
    let crates = crates();
    let needs = |folder: &str| &crates.iter().find(|one| one.folder == folder).unwrap().needs;
    assert_eq!(needs("emulator"), &BTreeSet::new());
    assert_eq!(needs("core/protocol"), &BTreeSet::new());
    assert_eq!(needs("core/client"), &BTreeSet::from(["secondme-avatar-protocol".to_owned()]));

    let folders = |wanted: &dyn Fn(&Crate) -> bool| -> BTreeSet<String> {
        crates.iter().filter(|one| wanted(one)).map(|one| one.folder.clone()).collect()
    };
    let both =
        folders(&|one| one.needs.contains(EMULATOR) && CLIENT.iter().any(|name| one.needs.contains(*name)));
    assert_eq!(both, named_after("depend on both:"));
    let tests = folders(&|one| one.tests_need.contains(EMULATOR));
    assert_eq!(tests, named_after("Only for their tests depend on the emulator:"));
}
