//! The program: its ready line, its errors, its end.
#![cfg(all(unix, feature = "cli"))]
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

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
        assert!(ready["lab_base_url"].as_str().unwrap().ends_with("/gate/lab"));
        assert_eq!(
            (&ready["client_id"], &ready["client_secret"]),
            (&"emulator-app".into(), &"emulator-secret".into())
        );
        assert!(ready["control_url"].as_str().unwrap().ends_with("/_emulator"));
        assert_eq!(format!("{}_emulator", ready["console_url"].as_str().unwrap()), ready["control_url"]);
        let id = running.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        assert_eq!((running.wait().unwrap().code(), rest.as_str()), (Some(0), ""));
    }
}

#[test]
fn it_ends_with_the_program_that_started_it_if_it_is_to() {
    let mut program = program();
    program.args(["--json", "--until-stdin-ends"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut running = program.spawn().unwrap();
    let mut out = BufReader::new(running.stdout.take().unwrap());
    out.read_line(&mut String::new()).unwrap();
    drop(running.stdin.take());
    assert_eq!(running.wait().unwrap().code(), Some(0));
}

#[test]
fn it_warns_where_other_computers_can_reach_it() {
    for (host, warned) in [("127.0.0.1", false), ("0.0.0.0", true)] {
        let mut program = program();
        program.args(["--json", "--host", host, "--until-stdin-ends"]);
        program.env("SECONDME_EMULATOR_TOKEN", "one-two-three");
        let output = program.stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said.contains("other computers can speak with it"), warned, "{said}");
        assert_eq!(
            said.contains("this machine's own address or name in place of 127.0.0.1"),
            warned,
            "{said}"
        );
        assert!(!said.contains("one-two-three"));
    }
}

#[test]
fn a_state_that_cannot_be_kept_is_told_at_once() {
    let folder = std::env::temp_dir().join(format!("secondme-kept-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut program = program();
    program.args(["--json", "--until-stdin-ends", "--state"]).arg(folder.join("state.json"));
    program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = program.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(running.stdout.take().unwrap()).read_line(&mut line).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    let host =
        ready["control_url"].as_str().unwrap().trim_start_matches("http://").trim_end_matches("/_emulator");
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    let change = format!(
        "POST /_emulator/reset HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    std::io::Write::write_all(&mut stream, change.as_bytes()).unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let stderr = running.stderr.take().unwrap();
    std::thread::spawn(move || sender.send(BufReader::new(stderr).lines().next()));
    let said = receiver.recv_timeout(std::time::Duration::from_secs(60));
    drop(running.stdin.take());
    assert_eq!(running.wait().unwrap().code(), Some(2), "at the end it cannot be kept either");
    let said = said.unwrap().unwrap().unwrap();
    assert!(said.contains("state.json: No such file") && said.contains("in memory alone"), "{said}");
}

#[test]
fn without_a_browser_the_address_is_said_and_the_emulator_runs() {
    let mut program = program();
    program.args(["--json", "--open", "--until-stdin-ends"]).env("PATH", "/nowhere").stdin(Stdio::null());
    let output = program.output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("no browser could be opened") && said.contains("the console is at http://127.0.0.1:"),
        "{said}"
    );
}

/// A file that is there for as long as this lives.
struct Written(std::path::PathBuf);

impl Written {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("secondme-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Starts it with these options, reads its settings, and ends it.
fn settings_of(options: &[&str]) -> Value {
    let mut program = program();
    program.arg("--json").args(options).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut running = program.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(running.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    let address = ready["control_url"].as_str().unwrap().trim_start_matches("http://").to_owned();
    let host = address.trim_end_matches("/_emulator");
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    let request = format!("GET /_emulator/settings HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    running.kill().unwrap();
    running.wait().unwrap();
    serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap()
}

#[test]
fn people_see_the_avatar_type_and_a_program_does_not_wait() {
    let yaml = Written::new("program.yaml", "piece-delay: 3ms\n");
    for (options, reply, piece) in [
        (&[][..], "250ms", "40ms"),
        (&["--until-stdin-ends"], "0ms", "0ms"),
        (&["--until-stdin-ends", "--reply-delay", "7ms"], "7ms", "0ms"),
        (&["--until-stdin-ends", "--settings", yaml.path()], "0ms", "3ms"),
    ] {
        let settings = settings_of(options);
        assert_eq!((&settings["reply-delay"], &settings["piece-delay"]), (&reply.into(), &piece.into()));
    }
}

#[test]
fn settings_are_read_from_a_file_and_overruled_by_options() {
    let yaml = Written::new(
        "settings.yaml",
        "pings: nothing\nping-drop: 60s\npiece-delay: 3ms\nkeys:\n  - { key: sk-a, share-code: ebe251793d69, disabled: true }\n\
         brain:\n  script:\n    avatar: { name: Shop }\n    rules: [{ when: any, then: [{ say: Hi }] }]\n",
    );
    let settings = settings_of(&["--settings", yaml.path(), "--ping-drop", "20s", "--key", "sk-b"]);
    assert_eq!((&settings["pings"], &settings["ping-drop"]), (&Value::from("nothing"), &Value::from("20s")));
    assert_eq!(
        (&settings["piece-delay"], &settings["reply-delay"]),
        (&Value::from("3ms"), &Value::from("250ms"))
    );
    assert_eq!(settings["keys"][0]["disabled"], true);
    assert_eq!(settings["keys"][1]["key"], "sk-b");
    assert_eq!(settings["avatars"][0]["name"], "Shop");
    assert!(settings["brain"]["script"]["rules"].is_array());
    let json = Written::new("settings.json", r#"{"brain": "demo", "journal": 7}"#);
    assert_eq!(settings_of(&["--settings", json.path()])["journal"], 7);
}

#[test]
fn settings_in_toml_have_the_names_of_the_others() {
    let toml = Written::new(
        "emulator.toml",
        "pings = \"nothing\"\nlatency = \"3ms\"\n[[keys]]\nkey = \"sk-a\"\nshare-code = \"ebe251793d69\"\ndisabled = true\n\
         [brain.openai]\nmodel = \"m\"\n",
    );
    let settings = settings_of(&["--settings", toml.path(), "--latency", "1ms"]);
    assert_eq!((&settings["pings"], &settings["latency"]), (&Value::from("nothing"), &Value::from("1ms")));
    assert_eq!(settings["keys"][0]["disabled"], true);
    assert_eq!(settings["brain"]["openai"]["model"], "m");
}

#[test]
fn what_is_wrong_in_a_settings_file_is_told_with_its_place_and_its_name() {
    for (name, text, wanted) in [
        (
            "unknown.toml",
            "# mine\npongs = 1\n",
            "unknown.toml: line 2, column 1: there is no setting `pongs`; the nearest is `pings`",
        ),
        (
            "answer.toml",
            "latency = '3ms'\npings = 'nothin'\n",
            "line 2, column 9: `pings`: `nothin` is not one of the answers: pong, nothing",
        ),
        (
            "answer.yaml",
            "latency: 3ms\npings: nothin\n",
            "line 2, column 8: `pings`: `nothin` is not one of the answers: pong, nothing",
        ),
        (
            "key.json",
            "{\"keys\": [\n  {\"key\": \"sk-a\", \"share\": \"x\"}]}",
            "line 2, column 19: `keys`: unknown field `share`, expected one of `key`, `share-code`, `disabled`",
        ),
        (
            "quota.yml",
            "quota-per-minut: 0",
            "line 1, column 1: there is no setting `quota-per-minut`; the nearest is `quota-per-minute`",
        ),
        (
            "several.toml",
            "# mine\npongs = 1\nlatency = '3ms'\n\n[[keys]]\nkey = 'sk-a'\nshare = 'x'\n\n[brain]\nopenai = { url = 1 }\n",
            "several.toml: line 2, column 1: there is no setting `pongs`; the nearest is `pings`, and `--schema` prints \
             all there are\nline 7, column 1: `keys`: unknown field `share`, expected one of `key`, `share-code`, \
             `disabled`\nline 9, column 1: `brain`: `openai`: invalid type",
        ),
        (
            "several.yaml",
            "pings: nothin\nkeys:\n  - { key: sk-a, share-code: x, disabled: 1 }\nquota: 3\njournal: -1\n",
            "several.yaml: line 1, column 8: `pings`: `nothin` is not one of the answers: pong, nothing\n\
             line 3, column 43: `keys`: invalid type: integer `1`, expected a boolean\n\
             line 4, column 1: there is no setting `quota`; the nearest is `quota-",
        ),
        ("none.toml", "keys = []", "none.toml: there is no API key; give at least one"),
        (
            "settings.txt",
            "pings: pong",
            "settings.txt: what it is shows by its ending, which must be .toml, .yaml, .yml or .json",
        ),
        ("torn.toml", "pings = \n", "line 1, column"),
    ] {
        let wrong = Written::new(name, text);
        let output = program().args(["--settings", wrong.path()]).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(wanted), "{error}");
        assert!(error.len() < 700, "{error}");
    }
}

#[test]
fn the_schema_for_editors_is_the_one_that_is_checked_in() {
    let output = program().arg("--schema").output().unwrap();
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let file = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/emulator.schema.json")).unwrap();
    let file: Value = serde_json::from_slice(&file).unwrap();
    assert!(printed == file, "cargo run -p secondme-avatar-emulator -- --schema > spec/emulator.schema.json");
}

#[test]
fn a_profile_of_a_service_is_played_and_options_overrule_it() {
    let profile = Written::new(
        "service.toml",
        "format = 1\n[avatar-open-api.pings]\nanswer = 'nothing'\nseen = 'no pong'\n\
         [avatar-open-api.ping-drop]\nanswer = '60s'\n[avatar-open-api.quota-scope]\nnot-asked = 'costs the quota'\n",
    );
    let settings = settings_of(&["--profile", profile.path(), "--ping-drop", "20s"]);
    assert_eq!((&settings["pings"], &settings["ping-drop"]), (&Value::from("nothing"), &Value::from("20s")));
    assert_eq!(settings["quota-scope"], "auth", "what has no answer keeps its default");
}

#[test]
fn the_app_of_visitor_chat_and_its_users_are_options() {
    let settings = settings_of(&[
        "--client-id=mine",
        "--client-secret=secret",
        "--user-token=lba_at_a=ann",
        "--user-token=lba_at_b",
        "--visitor-chat-echo=none",
        "--visitor-chat-message-length=chars:9",
    ]);
    let app = &settings["apps"][0];
    assert_eq!((&app["client-id"], &app["client-secret"]), (&Value::from("mine"), &Value::from("secret")));
    let users = settings["user-tokens"].as_array().unwrap().iter().map(|token| token["user"].clone());
    assert_eq!(users.collect::<Vec<_>>(), ["ann", "user"]);
    assert_eq!(settings["visitor-chat-echo"], "none");
    assert_eq!(settings["visitor-chat-message-length"], "chars:9");
}

#[test]
fn each_key_opens_the_avatar_it_names() {
    let settings = settings_of(&["--key", "sk-a", "--key", "sk-b=shop", "--key", "sk-c=shop"]);
    let keys = settings["keys"].as_array().unwrap();
    let codes: Vec<_> = keys.iter().map(|key| key["share-code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["ebe251793d69", "shop", "shop"]);
    let avatars = settings["avatars"].as_array().unwrap();
    assert_eq!((avatars.len(), &avatars[1]["share-code"]), (2, &Value::from("shop")));
    for field in ["id", "mind-id", "owner-user-id"] {
        assert_ne!(avatars[0][field], avatars[1][field]);
    }
}

#[test]
fn the_endpoints_key_is_not_told() {
    let settings =
        settings_of(&["--brain", "openai", "--openai-model", "m", "--openai-url", "http://127.0.0.1:1/v1"]);
    let wanted = serde_json::json!({"openai": {"url": "http://127.0.0.1:1/v1", "model": "m", "context": 20, "timeout": "30000ms"}});
    assert_eq!(settings["brain"], wanted);
}

#[test]
fn a_wrong_option_gets_an_error_that_says_what_to_do() {
    for (options, wanted) in [
        (["--brain", "nowhere.yaml"], "--brain takes echo, demo, openai, or the path of a YAML file"),
        (["--brain", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")], "the script cannot be read"),
        (["--brain", "openai"], "--brain openai needs --openai-model"),
        (["--settings", "nowhere.yaml"], "--settings takes the path of a TOML, YAML or JSON file"),
        (["--settings", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")], "Cargo.toml:"),
        (
            ["--profile", "nowhere.toml"],
            "--profile takes the path of a file that `avatar survey` has written",
        ),
        (
            ["--profile", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")],
            "Cargo.toml: it begins with `format = 1`",
        ),
        (["--key", "mine=shop"], "must begin with `sk-`"),
        (["--user-token", "mine=ann"], "must begin with `lba_at_`"),
        (["--client-id", ""], "needs a client id of its own and a client secret"),
        (["--visitor-chat-echo", "maybe"], "multiple-data, content, none"),
        (["--fault", "{}"], "missing field `at`"),
        (["--fault", r#"{"at": "auth", "do": "explode"}"#], "there are refuse, cut-before"),
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
