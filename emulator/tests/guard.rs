//! Who is answered by the console and the control API, and who is not.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod wire;

use secondme_avatar_emulator::Emulator;
use serde_json::Value;
use wire::{Client, http};

/// Every call there is, as the error for one there is not lists them, and what the page is made of.
async fn everything(http: &reqwest::Client, emulator: &Emulator) -> Vec<(String, String)> {
    let mut request = http.get(format!("{}/nothing", emulator.control_url()));
    if let Some(token) = emulator.control_token() {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    let answer: Value = serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap();
    let listed = answer["error"]["message"].as_str().unwrap().split_once("there are ").unwrap().1.to_owned();
    let mut method = "";
    let mut calls = Vec::new();
    for word in listed.split([' ', ',']).filter(|word| !word.is_empty()) {
        match word {
            "GET" | "POST" | "DELETE" => method = word,
            path => calls.push((method.to_owned(), format!("/_emulator/{}", path.replace("{id}", "1")))),
        }
    }
    assert!(calls.len() > 15 && calls.contains(&("DELETE".to_owned(), "/_emulator/faults/1".to_owned())));
    calls
}

/// What the console loads.
const PAGE: [&str; 4] =
    ["/", "/_emulator/", "/_emulator/console/console.js", "/_emulator/console/console.css"];

async fn refusal(
    http: &reqwest::Client,
    emulator: &Emulator,
    (method, path): (&str, &str),
    (name, value): (&str, &str),
) -> (u16, Value) {
    let url = format!("http://{}{path}", emulator.address());
    let mut request = http.request(method.parse().unwrap(), url).header(name, value);
    // A page under a name of its own knows no token.
    if let (Some(token), true) = (emulator.control_token(), !["Authorization", "Host"].contains(&name)) {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default();
    (status, body["error"]["code"].clone())
}

#[tokio::test]
async fn no_call_and_no_part_of_the_page_answers_foreign_pages_or_foreign_names() {
    let http = http();
    for emulator in [
        Emulator::builder().start().await.unwrap(),
        Emulator::builder().control_token("one-two-three").start().await.unwrap(),
    ] {
        let mut all = everything(&http, &emulator).await;
        all.extend(PAGE.map(|path| ("GET".to_owned(), path.to_owned())));
        for (method, path) in &all {
            for (name, value, wanted) in [
                ("Origin", "https://example.com", "control.foreign.origin"),
                ("Origin", "http://127.0.0.1:1", "control.foreign.origin"),
                ("Origin", "null", "control.foreign.origin"),
                ("Host", "example.com", "control.foreign.host"),
                ("Host", "127.0.0.1.example.com:80", "control.foreign.host"),
                ("Host", "localhost.example.com", "control.foreign.host"),
            ] {
                let refused = refusal(&http, &emulator, (method, path), (name, value)).await;
                assert_eq!(refused, (403, wanted.into()), "{method} {path} {name}: {value}");
            }
        }
        assert!(emulator.state().calls.is_empty());
    }
}

#[tokio::test]
async fn no_call_is_answered_without_the_token() {
    let http = http();
    let emulator = Emulator::builder().control_token("one-two-three").start().await.unwrap();
    for (method, path) in everything(&http, &emulator).await {
        for wrong in
            ["", "Bearer one-two-thre", "Bearer one-two-threX", "one-two-three", "Basic one-two-three"]
        {
            let refused = refusal(&http, &emulator, (&method, &path), ("Authorization", wrong)).await;
            assert_eq!(refused, (401, "control.token".into()), "{method} {path} {wrong}");
        }
        let cross = refusal(&http, &emulator, (&method, &path), ("Sec-Fetch-Site", "cross-site")).await;
        assert_eq!(cross, (403, "control.foreign.origin".into()), "{method} {path}");
    }
    let url = format!("{}/state", emulator.control_url());
    let answer = http.get(url).header("Authorization", "Bearer one-two-three").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(Client::open(&emulator).await.token.len() > 8, "the service itself is as before");
}

#[tokio::test]
async fn beyond_loopback_a_token_is_made_and_stands_in_the_consoles_address() {
    let http = http();
    let builder = || Emulator::builder().host("0.0.0.0".parse().unwrap());
    let (one, other) = (builder().start().await.unwrap(), builder().start().await.unwrap());
    let token = one.control_token().unwrap();
    assert_eq!((token.len(), one.console_url().split_once('#').unwrap().1), (32, token));
    assert_ne!(Some(token), other.control_token());
    let url = format!("{}/state", one.control_url());
    assert_eq!(http.get(&url).send().await.unwrap().status(), 401);
    let shown = http.get(&url).header("Authorization", format!("Bearer {token}"));
    assert_eq!(shown.send().await.unwrap().status(), 200);
    let named =
        http.get(&url).header("Authorization", format!("Bearer {token}")).header("Host", "emulator:80");
    assert_eq!(named.send().await.unwrap().status(), 200, "a container is reached by its name");
    let given = builder().control_token("mine").start().await.unwrap();
    assert_eq!(given.control_token(), Some("mine"));
    for unfit in ["", "with space", "per%41cent", "a#b", "=", "a=b"] {
        let error = builder().control_token(unfit).start().await.unwrap_err();
        assert!(error.to_string().starts_with("a token of the control API consists of letters"), "{error}");
    }
    let own = Emulator::builder().start().await.unwrap();
    assert_eq!((own.control_token(), own.console_url().ends_with('/')), (None, true));
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere_and_holds_nothing_inline() {
    let http = http();
    let emulator = Emulator::builder().control_token("one-two-three").start().await.unwrap();
    let root = format!("http://{}", emulator.address());
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/_emulator", "text/html; charset=utf-8"),
        ("/_emulator/", "text/html; charset=utf-8"),
        ("/_emulator/console/console.js", "text/javascript; charset=utf-8"),
        ("/_emulator/console/console.css", "text/css; charset=utf-8"),
    ] {
        let answer = http.get(format!("{root}{path}")).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let headers = answer.headers().clone();
        assert_eq!(headers["content-type"], kind);
        assert_eq!(headers["x-content-type-options"], "nosniff");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'")
        );
        assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"), "{policy}");
        let page = answer.text().await.unwrap();
        if kind.starts_with("text/html") {
            for inline in
                ["<style", "style=\"", "onclick", "onload", "javascript:", "src=\"http", "href=\"http"]
            {
                assert!(!page.contains(inline), "{inline}");
            }
            // Each script has an address, and nothing between its tags.
            assert!(page.split("<script").skip(1).all(|script| script.contains("></script>")), "{page}");
            assert!(
                page.contains("/_emulator/console/console.js")
                    && page.contains("/_emulator/console/console.css")
            );
        }
        let known = headers["etag"].to_str().unwrap();
        let again = http.get(format!("{root}{path}")).header("If-None-Match", known).send().await.unwrap();
        assert_eq!((again.status().as_u16(), again.text().await.unwrap().len()), (304, 0), "{path}");
    }
    let missing = http.get(format!("{root}/_emulator/console/other.js")).send().await.unwrap();
    assert_eq!(missing.status(), 404);
    let posted = http.post(&root).send().await.unwrap();
    assert!(posted.text().await.unwrap().contains("path.not.found"), "other methods are the service's");
}
