//! `avatar doctor`: what it finds, and what it says about it.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.
#![allow(unreachable_pub)]

mod support;

use secondme_avatar_emulator::Emulator;
use secondme_avatar_emulator::service::{Key, QuotaScope};
use serde_json::Value;
use support::{avatar, err, out, run};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

fn doctor(base: &str, key: &str) -> Command {
    let mut command = avatar(&["doctor", "--timeout", "1s"]);
    command.env("SECONDME_BASE_URL", base).env("SECONDME_API_KEY", key);
    command
}

#[tokio::test]
async fn a_well_library_needs_four_round_trips_and_a_bit() {
    let output = run(avatar(&["doctor", "--emulator", "--latency", "100ms", "--json"]), "").await;
    let found: Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!(found["ok"], true);
    assert!(found["round_trips"].as_f64().unwrap() >= 4.0 && found["total_ms"].as_f64().unwrap() >= 400.0);
    let mut steps: Vec<_> = found["steps"].as_array().unwrap().iter().collect();
    for step in &steps {
        assert_eq!((&step["ok"], &step["error"]), (&Value::Bool(true), &Value::Null), "{step}");
        assert!(step["ended_ms"].as_f64() >= step["started_ms"].as_f64(), "{step}");
    }
    steps.sort_by_key(|step| step["step"].as_str());
    let names: Vec<_> = steps.iter().map(|step| step["step"].as_str().unwrap()).collect();
    let expected = [
        "authenticate",
        "bind_session",
        "configuration",
        "connect",
        "create_session",
        "create_socket",
        "heartbeat",
        "init_chat",
        "resolve_avatar",
    ];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn for_a_person_it_draws_when_each_step_was_under_way() {
    let output = run(avatar(&["doctor", "--emulator", "--latency", "30ms", "--message", "Hello"]), "").await;
    let text = out(&output);
    for line in ["✓ configuration", "✓ authenticate", "✓ reply", "All is well with the emulator"] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert_eq!(output.status.code(), Some(0));
}

#[tokio::test]
async fn without_a_key_it_is_the_configuration_that_is_wrong() {
    let output = run(avatar(&["doctor", "--json"]), "").await;
    assert_eq!(output.status.code(), Some(3));
    let found: Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!((&found["ok"], &found["steps"][0]["step"]), (&Value::Bool(false), &"configuration".into()));
    assert!(found["steps"][0]["error"]["advice"].as_str().unwrap().contains("API Key Management"));
}

#[tokio::test]
async fn a_refused_key_is_told_from_a_disabled_one() {
    let keys = vec![Key::default(), Key { key: "sk-off".to_owned(), disabled: true, ..Key::default() }];
    let emulator = Emulator::builder().configure(|settings| settings.keys = keys).start().await.unwrap();
    for (key, code) in [("sk-unknown", "open.api.key.not.found"), ("sk-off", "open.api.key.disabled")] {
        let output = run(doctor(emulator.base_url(), key), "").await;
        assert_eq!(output.status.code(), Some(3));
        assert!(out(&output).contains("✗ authenticate") && out(&output).contains(code), "{}", out(&output));
        assert!(err(&output).contains("API Key Management"));
        assert!(!out(&output).contains(key) && !err(&output).contains(key), "the key is not repeated");
    }
}

#[tokio::test]
async fn a_used_up_quota_says_when_to_come_back() {
    let limit = |settings: &mut secondme_avatar_emulator::Settings| {
        settings.quota_per_minute = 1;
        settings.quota_scope = QuotaScope::All;
    };
    let emulator = Emulator::builder().configure(limit).start().await.unwrap();
    let output = run(doctor(emulator.base_url(), emulator.api_key()), "").await;
    assert_eq!(output.status.code(), Some(4), "{}{}", out(&output), err(&output));
    assert!(err(&output).contains("60 times a minute") && err(&output).contains("Try again in"));
}

#[tokio::test]
async fn a_proxy_is_named_and_what_is_wrong_with_it_comes_with_advice() {
    for (name, url, place, advice) in [
        ("HTTPS_PROXY", "http://ada:hush@127.0.0.1:1", "127.0.0.1:1", "belongs in NO_PROXY"),
        ("all_proxy", "socks5://ada:hush@127.0.0.1:1", "all_proxy", "give an HTTP proxy"),
    ] {
        let mut command = doctor("https://service.invalid/gate/in", "sk-0123456789abcdef");
        command.env(name, url);
        let output = run(command, "").await;
        let said = format!("{}{}", out(&output), err(&output));
        assert!(said.contains(place) && said.contains(advice), "{said}");
        assert!(!said.contains("hush"), "{said}");
        assert_ne!(output.status.code(), Some(0));
    }
}

/// What a middlebox does to frames.
#[derive(Clone, Copy)]
enum Harm {
    /// Their first byte is another one.
    Breaks,
    /// They do not come.
    Swallows,
    /// The connection ends at the first one.
    Cuts,
}

/// A relay that lets the handshake through and harms what comes after it.
async fn relay(harm: Harm, to: std::net::SocketAddr) -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = tokio::net::TcpStream::connect(to).await.unwrap();
            tokio::spawn(pass(client, server, harm));
        }
    });
    address
}

async fn pass(client: tokio::net::TcpStream, server: tokio::net::TcpStream, harm: Harm) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let out = tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = from_server.read_u8().await else { return };
        head.push(byte);
        if to_client.write_u8(byte).await.is_err() {
            return;
        }
    }
    let mut bytes = [0; 4096];
    while let Ok(read @ 1..) = from_server.read(&mut bytes).await {
        match harm {
            Harm::Cuts => break,
            Harm::Swallows => continue,
            // Three bits that must not be set.
            Harm::Breaks => bytes[0] |= 0x70,
        }
        if to_client.write_all(&bytes[..read]).await.is_err() {
            break;
        }
    }
    out.abort();
}

#[tokio::test]
async fn something_on_the_way_that_harms_frames_is_found_though_the_socket_opens() {
    for (harm, message, says, code) in [
        (Harm::Breaks, None, "something on the way damages the connection", 5),
        (Harm::Cuts, None, "dropped it", 5),
        (Harm::Breaks, Some("Hello"), "something on the way damages the connection", 5),
        (Harm::Swallows, None, "something on the way swallows frames", 0),
    ] {
        let emulator = Emulator::builder().start().await.unwrap();
        let relay = relay(harm, emulator.address()).await;
        emulator.configure(|settings| settings.socket_base = Some(format!("ws://{relay}")));
        let mut command = doctor(emulator.base_url(), emulator.api_key());
        command.args(message.into_iter().flat_map(|text| ["--message", text]));
        let output = run(command, "").await;
        let said = format!("{}{}", out(&output), err(&output));
        assert!(said.contains(says) && !said.contains("All is well"), "{said}");
        assert!(message.is_some() || said.contains("heartbeat"), "{said}");
        assert_eq!(output.status.code() == Some(0), code == 0, "{said}");
    }
}

#[tokio::test]
async fn a_wrong_place_is_told_from_no_place() {
    let emulator = Emulator::builder().start().await.unwrap();
    let (key, address) = (emulator.api_key(), emulator.address());
    for (base, advice) in [
        (format!("http://{address}/gate/wrong"), "it ends with /gate/in"),
        (format!("https://{address}/gate/in"), "something answers there that does not speak TLS"),
        ("http://127.0.0.1:1/gate/in".to_owned(), "Check the network"),
        ("https://no-such-host.invalid/gate/in".to_owned(), "That host's name is unknown"),
        ("http://example.com/gate/in".to_owned(), "use https"),
    ] {
        let output = run(doctor(&base, key), "").await;
        let said = format!("{}{}", out(&output), err(&output));
        assert!(said.contains(advice), "{base}: {said}");
        assert_ne!(output.status.code(), Some(0));
    }
}

#[tokio::test]
async fn the_second_door_is_walked_through_as_well() {
    let output =
        run(avatar(&["doctor", "--emulator", "--door", "visitor-chat", "--json", "--message", "Hello"]), "")
            .await;
    let found: Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!(found["ok"], true, "{found}");
    let steps: Vec<_> = found["steps"].as_array().unwrap().iter().collect();
    for name in
        ["configuration", "fetch_token", "init_visitor_chat", "connect", "send_message", "reply", "heartbeat"]
    {
        let step =
            steps.iter().find(|step| step["step"] == name).unwrap_or_else(|| panic!("no {name}: {found}"));
        assert_eq!(step["ok"], true, "{step}");
    }
}

#[tokio::test]
async fn the_second_door_says_which_of_its_settings_is_wrong() {
    let emulator = Emulator::builder().start().await.unwrap();
    let run_with = |id: Option<String>, secret: String| {
        let mut command = doctor(emulator.lab_base_url(), emulator.api_key());
        command.args(["--door", "visitor-chat"]).env("SECONDME_CLIENT_SECRET", secret);
        if let Some(id) = id {
            command.env("SECONDME_CLIENT_ID", id);
        }
        async { run(command, "").await }
    };
    let missing = run_with(None, emulator.client_secret()).await;
    assert_eq!(missing.status.code(), Some(3));
    assert!(err(&missing).contains("SECONDME_CLIENT_ID is not set"), "{}", err(&missing));
    let wrong = run_with(Some(emulator.client_id()), "wrong-secret-of-the-app".to_owned()).await;
    let said = format!("{}{}", out(&wrong), err(&wrong));
    assert!(said.contains("oauth2.client.secret_mismatch") && !said.contains("wrong-secret"), "{said}");
    assert!(said.contains("`SECONDME_CLIENT_SECRET`") && !said.contains("SECONDME_API_KEY"), "{said}");
    let key = run_with(Some(emulator.client_id()), emulator.api_key().to_owned()).await;
    let said = format!("{}{}", out(&key), err(&key));
    assert!(said.contains("`SECONDME_CLIENT_SECRET` is the avatar's API key"), "{said}");
    assert_eq!(key.status.code(), Some(3), "{said}");
    let well = run_with(Some(emulator.client_id()), emulator.client_secret()).await;
    assert_eq!(well.status.code(), Some(0), "{}{}", out(&well), err(&well));
}
