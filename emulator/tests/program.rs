//! The program: its ready line, its errors, its end.
#![cfg(all(unix, feature = "cli"))]
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is told.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use serde_json::Value;

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_secondme-avatar-emulator"))
}

#[test]
fn it_prints_one_line_of_json_and_ends_well_when_asked_to() {
    for signal in ["-TERM", "-INT"] {
        let mut running =
            program().args(["--json", "--api-key", "sk-mine"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(running.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(ready["api_key"], "sk-mine");
        assert!(ready["base_url"].as_str().unwrap().ends_with("/gate/in"));
        assert!(ready["control_url"].as_str().unwrap().ends_with("/_emulator"));
        let id = running.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        assert_eq!((running.wait().unwrap().code(), rest.as_str()), (Some(0), ""));
    }
}

#[test]
fn a_wrong_option_gets_an_error_that_says_what_to_do() {
    for (options, wanted) in [
        (["--brain", "nowhere.yaml"], "--brain takes echo, demo, or the path of a YAML file"),
        (["--brain", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")], "the script cannot be read"),
        (["--api-key", "mine"], "must begin with `sk-`"),
        (["--latency", "5"], "write it as 250ms"),
        (["--pings", "pang"], "pong, nothing"),
        (["--host", "nowhere"], "--host"),
        (["--host", "192.0.2.1"], "or port 0 for any"),
    ] {
        let output = program().args(options).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{options:?} {error}");
        assert!(error.contains(wanted), "{options:?} {error}");
    }
}
