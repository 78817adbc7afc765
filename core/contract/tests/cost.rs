//! What an event, an option, a counter and a kind of error cost: `one-of-each.patch` adds one of each by hand, and the
//! rest is generated.

#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is told.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use secondme_avatar_contract::render;

/// A folder that goes when the test ends.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn patch() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/one-of-each.patch")).unwrap()
}

/// The files that the patch changes by hand.
fn touched(patch: &str) -> Vec<&str> {
    patch.lines().filter_map(|line| line.strip_prefix("+++ b/")).collect()
}

/// What is generated once the patch is applied to a copy of the sources.
fn generated() -> BTreeMap<String, String> {
    let root = render::root();
    let folder = Folder(std::env::temp_dir().join(format!("secondme-contract-{}", std::process::id())));
    let patch = patch();
    for path in touched(&patch).into_iter().chain(render::SOURCES.iter().copied()).chain(["rustfmt.toml"]) {
        copy(&root, &folder.0, path);
    }
    let applied = Command::new("git")
        .current_dir(&folder.0)
        .args(["apply", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/one-of-each.patch")])
        .status()
        .unwrap();
    assert!(applied.success(), "one-of-each.patch no longer applies: make it anew, see CONTRIBUTING.md");
    render::files(&folder.0).unwrap().into_iter().map(|file| (file.path, file.text)).collect()
}

fn copy(from: &Path, to: &Path, path: &str) {
    let to = to.join(path);
    std::fs::create_dir_all(to.parent().unwrap()).unwrap();
    std::fs::copy(from.join(path), to).unwrap();
}

#[test]
fn one_of_each_is_written_by_hand_in_five_files() {
    assert_eq!(
        touched(&patch()),
        [
            "core/client/src/options.rs",       // the option
            "core/protocol/src/counters.rs",    // the counter
            "core/protocol/src/error.rs",       // the kind of error
            "core/protocol/src/event.rs",       // the event
            "core/protocol/src/memory_size.rs", // the event: how much memory it holds
        ]
    );
}

#[test]
fn one_of_each_reaches_every_language_without_a_further_edit() {
    let files = generated();
    let in_files = |folder: &str, words: &[&str]| {
        for word in words {
            let is_there = files.iter().any(|(path, text)| path.starts_with(folder) && text.contains(word));
            assert!(is_there, "`{word}` is in no generated file of {folder}");
        }
    };
    in_files(
        "python/secondme_avatar",
        &["class ComposingEvent(", "class SuspendedError(", "reconnects: int", "locale: str"],
    );
    in_files("python/src", &["Composing", "reconnects", "locale"]);
    in_files(
        "node/ts",
        &["interface ComposingEvent", "class SuspendedError", "reconnects: number", "locale?: string"],
    );
    in_files("node/src", &["Composing", "reconnects", "locale", "Suspended"]);
    in_files("bindings/src", &["Composing", "Suspended", "reconnects", "locale"]);
    in_files("bindings/kotlin", &["class Composing ", "class Suspended ", "val reconnects", "var locale"]);
    in_files(
        "bindings/java/src",
        &[
            "class Composing extends Event",
            "class Suspended extends AvatarException",
            "long reconnects()",
            "Builder locale(",
            "void onComposing(",
        ],
    );
    in_files("bindings/java/REFERENCE.md", &["`Composing`", "`Suspended`", "`locale`"]);
    in_files("bindings/swift", &["case composing(", "case suspended", "let reconnects", "var locale"]);
    in_files("docs", &["`ComposingEvent`", "`SuspendedError`", "`reconnects`", "`locale`"]);
}
