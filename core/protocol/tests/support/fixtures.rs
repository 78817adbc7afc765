//! The examples of `spec/fixtures`.

use std::path::PathBuf;

use serde_json::Value;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../spec/fixtures")
}

/// What an example holds, by its folder and its name.
pub(crate) fn fixture(name: &str) -> Value {
    let file = folder().join(format!("{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// Asserts that the source of a test names each example of the folders, but for what only other clients send.
pub(crate) fn assert_all_used(folders: &[&str], source: &str, by_others: &[&str]) {
    let files = folders.iter().flat_map(|name| {
        let files = folder().join(name).read_dir().unwrap();
        files.map(move |file| format!("{name}/{}", file.unwrap().file_name().into_string().unwrap()))
    });
    let names: Vec<_> = files.map(|file| file.strip_suffix(".json").unwrap().to_owned()).collect();
    assert!(!names.is_empty());
    for name in names.iter().filter(|name| !by_others.contains(&name.as_str())) {
        assert!(source.contains(&format!("\"{name}\"")), "no test of the client uses {name}");
    }
}
