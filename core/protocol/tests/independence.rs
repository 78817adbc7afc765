//! The machine depends on nothing that could reach a clock, a socket, a thread or a die.

#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

use std::path::Path;
use std::process::Command;

#[test]
fn no_runtime_socket_or_randomness_is_in_the_dependency_tree() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--package", env!("CARGO_PKG_NAME"), "--edges", "normal", "--prefix", "none"])
        .args(["--offline", "--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")])
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).unwrap();
    let crates: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(crates.contains(&"serde_json"), "this is no dependency tree: {tree}");
    let kept_out = [
        "async-std",
        "chrono",
        "fastrand",
        "futures-util",
        "getrandom",
        "http",
        "hyper",
        "mio",
        "rand",
        "rand_core",
        "reqwest",
        "rustls",
        "smol",
        "socket2",
        "time",
        "tokio",
        "tracing",
        "tungstenite",
        "url",
    ];
    for name in kept_out {
        assert!(!crates.contains(&name), "{name} is in the dependency tree:\n{tree}");
    }
}

#[test]
fn no_source_names_a_clock_a_thread_or_a_socket() {
    let mut read = 0;
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let source = std::fs::read_to_string(&path).unwrap();
            // A `SystemTime` is a value that a message has; what asks for the present one is kept out.
            for name in [
                "Instant",
                "SystemTime::now",
                ".elapsed(",
                "std::thread",
                "std::net",
                "std::env",
                "std::fs",
                "RandomState",
            ] {
                assert!(!source.contains(name), "{} names {name}", path.display());
            }
            read += 1;
        }
    }
    assert!(read > 20, "{read} sources");
}
