//! `avatar serve`: the real program, between a client of OpenAI's API and the emulator.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.
#![allow(unreachable_pub)]

#[path = "gateway/cost.rs"]
mod cost;
#[path = "gateway/doors.rs"]
mod doors;
#[path = "support/folder.rs"]
mod folder;
mod gateway;
#[path = "gateway/order.rs"]
mod order;
#[path = "gateway/owner.rs"]
mod owner;
#[path = "gateway/redis.rs"]
mod redis;
#[path = "gateway/responses.rs"]
mod responses;
mod support;
#[path = "gateway/tasks.rs"]
mod tasks;

use folder::folder;
use gateway::{Gateway, ask, pieces};
use secondme_avatar_emulator::Emulator;
use serde_json::{Value, json};
use support::{avatar, err, out, run};

#[tokio::test]
async fn a_question_is_answered_whole_and_in_pieces() {
    let emulator = Emulator::builder().start().await.unwrap();
    let gateway = Gateway::start(&emulator, &[]).await;

    let models = gateway.get("/v1/models").await;
    assert_eq!(models.json()["data"][0]["id"], "avatar");
    assert_eq!(gateway.get("/models/avatar").await.json()["owned_by"], "secondme");

    let whole = gateway.post("/v1/chat/completions", ask("ada", "Hello there")).await;
    assert_eq!(whole.status, 200);
    assert_eq!(whole.json()["choices"][0]["message"]["content"], "You said: Hello there");
    assert_eq!(whole.json()["usage"], json!({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}));

    let mut body = ask("ada", "And in pieces");
    body["stream"] = true.into();
    body["stream_options"] = json!({"include_usage": true});
    let streamed = gateway.post("/chat/completions", body).await;
    assert_eq!(streamed.header("content-type"), "text/event-stream; charset=utf-8");
    assert_eq!(pieces(&streamed.body), "You said: And in pieces");
    assert!(streamed.body.ends_with("data: [DONE]\n\n"));
    assert!(streamed.body.lines().all(|line| line.is_empty() || line.starts_with("data: ")));
}

#[tokio::test]
async fn each_person_is_a_visitor_and_what_is_not_a_persons_word_stays_here() {
    let emulator = Emulator::builder().start().await.unwrap();
    let gateway = Gateway::start(&emulator, &[]).await;
    let answer = gateway
        .post(
            "/v1/chat/completions",
            json!({"model": "avatar", "user": "ada", "temperature": 0.1, "messages": [
                {"role": "system", "content": "You are a pirate"},
                {"role": "user", "content": "Hello"},
                {"role": "assistant", "content": "You said: Hello"},
                {"role": "user", "content": "Who are you?"},
            ]}),
        )
        .await;
    assert_eq!(answer.json()["choices"][0]["message"]["content"], "You said: Who are you?");
    assert_eq!(answer.header("x-avatar-ignored"), "messages.system, messages.earlier, temperature");
    gateway.post("/v1/chat/completions", ask("bob", "Hello")).await;
    gateway
        .post(
            "/v1/chat/completions",
            json!({"model": "avatar@ada", "messages": [{"role": "user", "content": "Me again"}]}),
        )
        .await;
    assert_eq!(emulator.state().visitors.len(), 2);

    let nameless = json!({"model": "avatar", "messages": [{"role": "user", "content": "Who are you?"}]});
    let refused = gateway.post("/v1/chat/completions", nameless).await;
    assert_eq!((refused.status, refused.code()), (400, "visitor_required".to_owned()));
    assert!(!gateway.log().await.contains("pirate"));
}

#[tokio::test]
async fn a_token_says_which_program_asks_and_two_programs_share_no_visitor() {
    let emulator = Emulator::builder().start().await.unwrap();
    let (one, other) = ("0123456789abcdef0", "fedcba98765432100");
    let tokens = format!("one:{one},other:{other}");
    let gateway = Gateway::with(&emulator, &[], &[("SECONDME_SERVE_TOKEN", &tokens)]).await;
    let refused = gateway.post("/v1/chat/completions", ask("ada", "Hello")).await;
    assert_eq!((refused.status, refused.code()), (401, "invalid_api_key".to_owned()));
    assert_eq!(gateway.get("/v1/models").await.status, 401);
    for token in [one, other, one] {
        let headers = [("authorization", format!("Bearer {token}"))];
        let answer = gateway.post_with("/v1/chat/completions", ask("ada", "Hello"), &headers).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    assert_eq!(emulator.state().visitors.len(), 2);
    let log = gateway.log().await;
    assert!(log.contains("visitor=one_") && !log.contains(one), "{log}");
}

#[tokio::test]
async fn a_wrong_request_is_answered_as_openai_would() {
    let emulator = Emulator::builder().start().await.unwrap();
    let gateway = Gateway::start(&emulator, &[]).await;
    let mut elsewhere = ask("ada", "Hello");
    elsewhere["model"] = "gpt-5".into();
    let missing = gateway.post("/v1/chat/completions", elsewhere).await;
    assert_eq!((missing.status, missing.code()), (404, "model_not_found".to_owned()));
    assert_eq!(gateway.post("/v1/embeddings", json!({})).await.code(), "unknown_path");
    assert_eq!(gateway.get("/v1/chat/completions").await.status, 405);
    let long = gateway.post("/v1/chat/completions", ask("ada", &"x".repeat(1024 * 1024))).await;
    assert_eq!((long.status, long.code()), (413, "request_too_large".to_owned()));
    let foreign = [("host", "rebound.example".to_owned())];
    let refused = gateway.post_with("/v1/chat/completions", ask("ada", "Hello"), &foreign).await;
    assert_eq!((refused.status, refused.code()), (403, "foreign_host".to_owned()));
    let error: Value = missing.json()["error"].clone();
    assert_eq!(error["type"], "invalid_request_error");
    assert!(emulator.state().visitors.is_empty());
}

#[tokio::test]
async fn what_is_set_up_wrongly_is_said_before_it_listens() {
    for (args, env, why) in [
        (
            &["--host", "0.0.0.0"][..],
            ("SECONDME_API_KEY", "sk-0123456789abcdef"),
            "callers have to show a token",
        ),
        (&[], ("SECONDME_SERVE_TOKEN", "short"), "can be guessed"),
        (&[], ("SECONDME_LOG", ""), "there is no API key"),
        (&[], ("SECONDME_API_KEY_ADA", "no-key"), "the key of the model avatar-ada"),
        (&["--key-file", "/nowhere/key"], ("SECONDME_LOG", ""), "/nowhere/key"),
    ] {
        let mut command = avatar(&[&["serve", "--port", "0"], args].concat());
        command.env(env.0, env.1);
        let output = run(command, "").await;
        assert!(err(&output).contains(why), "{why}: {}", err(&output));
        assert!(!output.status.success() && out(&output).is_empty());
    }
}

#[tokio::test]
async fn a_page_calls_it_only_where_it_is_let_and_metrics_are_told_only_where_they_are_wanted() {
    let emulator = Emulator::builder().start().await.unwrap();
    let gateway = Gateway::start(&emulator, &["--allow-origin", "https://chat.example", "--metrics"]).await;
    let page = |origin: &str| [("origin", origin.to_owned())];
    let let_in =
        gateway.post_with("/v1/chat/completions", ask("ada", "Hi"), &page("https://chat.example")).await;
    assert_eq!((let_in.status, let_in.header("access-control-allow-origin")), (200, "https://chat.example"));
    let foreign =
        gateway.post_with("/v1/chat/completions", ask("ada", "Hi"), &page("https://evil.example")).await;
    assert_eq!((foreign.status, foreign.code()), (403, "foreign_origin".to_owned()));
    assert_eq!(foreign.header("access-control-allow-origin"), "");
    let headers = [
        page("https://chat.example")[0].clone(),
        ("access-control-request-headers", "authorization".to_owned()),
    ];
    let asked = gateway.options("/v1/chat/completions", &headers).await;
    assert_eq!((asked.status, asked.header("access-control-allow-headers")), (204, "authorization"));
    assert_eq!(
        gateway.options("/v1/chat/completions", &page("https://evil.example")).await.header("vary"),
        "origin"
    );

    let metrics = gateway.get("/metrics").await;
    assert!(
        metrics.body.contains("avatar_gateway_questions_total{model=\"avatar\",what=\"sent\"} 1\n"),
        "{}",
        metrics.body
    );
    assert!(metrics.body.contains("avatar_gateway_visitors{model=\"avatar\"} 1\n"));
    let without = Gateway::start(&emulator, &[]).await;
    assert_eq!(without.get("/metrics").await.status, 404);
}

#[tokio::test]
async fn a_check_says_what_is_configured_without_secrets_and_ends() {
    let mut command =
        avatar(&["serve", "--check", "--metrics", "--session-per", "chat", "--store", "none.db"]);
    let (key, token) = ("sk-0123456789abcdef", "0123456789abcdef0");
    command.current_dir(std::env::temp_dir());
    command.env("SECONDME_API_KEY", key).env("SECONDME_API_KEY_ADA", "sk-fedcba9876543210");
    command.env("SECONDME_SERVE_TOKEN", format!("dify:{token}"));
    let output = run(command, "").await;
    let said = out(&output);
    for line in ["avatar, avatar-ada", "dify", "each chat", "none.db", "answered here", "on /metrics"] {
        assert!(said.contains(line), "{line} in {said}{}", err(&output));
    }
    assert!(output.status.success() && !said.contains(key) && !said.contains(token));
}

#[tokio::test]
async fn a_settings_file_says_what_the_options_leave_to_it() {
    let emulator = Emulator::builder().start().await.unwrap();
    let folder = folder("serve-settings");
    let file = folder.join("gateway.toml");
    let token = "0123456789abcdef0";
    let text = format!(
        "port = 1\nmetrics = true\ntasks = \"refuse\"\n[models.avatar-ada]\nkey = \"{}\"\n[tokens]\ndify = \"{token}\"\n",
        emulator.api_key()
    );
    std::fs::write(&file, text).unwrap();
    let args = ["--settings", file.to_str().unwrap(), "--tasks", "forward"];
    let gateway = Gateway::with(&emulator, &args, &[("SECONDME_API_KEY", "")]).await;
    let shown = [("authorization", format!("Bearer {token}"))];
    let mut title = ask("bob", "Provide a concise, 5-word-or-less title for the conversation");
    title["model"] = "avatar-ada".into();
    let answer = gateway.post_with("/v1/chat/completions", title, &shown).await;
    assert!(gateway::content(&answer).starts_with("You said: Provide"), "the option overrules the file");
    assert_eq!(gateway.get("/metrics").await.status, 401, "on, and behind the token");
    assert!(gateway.log().await.contains("visitor=dify_"));

    std::fs::write(&file, "prot = 8642\n").unwrap();
    let output = run(avatar(&["serve", "--settings", file.to_str().unwrap()]), "").await;
    assert!(err(&output).contains("line 1: unknown field `prot`"), "{}", err(&output));
    let schema = run(avatar(&["serve", "--schema"]), "").await;
    assert_eq!(serde_json::from_str::<Value>(&out(&schema)).unwrap()["title"], "Settings of avatar serve");
    std::fs::remove_dir_all(&folder).unwrap();
}
