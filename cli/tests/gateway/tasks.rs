//! Prompts that no person wrote never reach the avatar.

use secondme_avatar_emulator::Emulator;
use serde_json::{Value, json};

use crate::gateway::{Gateway, ask, content};

/// What programs send, as `[role, text]` each, and what is answered.
fn prompts() -> Vec<(Value, &'static str)> {
    let history = "<chat_history>\nUSER: Where do I sail?\nASSISTANT: On water\n</chat_history>";
    let own = |task: &str, key: &str| {
        json!([[
            "user",
            format!("### Task:\n{task}\n### Output:\nJSON format: {{ \"{key}\": … }}\n{history}")
        ]])
    };
    let said = "Conversation:\nUser: Where do I sail?\nAI: On water";
    vec![
        (
            own("Generate a concise title summarizing the chat history.", "title"),
            r#"{"title":"Where do I sail?"}"#,
        ),
        (own("Generate 1-3 broad tags categorizing the main themes", "tags"), r#"{"tags":[]}"#),
        (own("Predict 3-5 useful messages this user might send", "follow_ups"), r#"{"follow_ups":[]}"#),
        (own("Analyze the chat history to determine the necessity", "queries"), r#"{"queries":[]}"#),
        (own("You are an autocompletion system.", "text"), r#"{"text":""}"#),
        (own("Generate a detailed prompt for an image", "prompt"), r#"{"prompt":"Where do I sail?"}"#),
        (
            json!([[
                "user",
                "Your task is to reflect the speaker's likely facial expression through an emoji"
            ]]),
            "💬",
        ),
        (
            json!([["system", "Available Tools: []\n\nYour task"], ["user", "Query: History:\nUSER: a"]]),
            r#"{"tool_calls":[]}"#,
        ),
        (
            json!([[
                "user",
                "### Task:\nSummarize the conversation history\n### Messages Being Compacted:\nUSER: a"
            ]]),
            "The avatar remembers the conversation by itself.",
        ),
        (
            json!([[
                "user",
                format!(
                    "Provide a concise, 5-word-or-less title for the conversation, using title case conventions.\n\n{said}"
                )
            ]]),
            "Where do I sail?",
        ),
        (
            json!([[
                "user",
                format!(
                    "Analyze this conversation and provide:\n1. The detected language of the conversation\n2. A title\n\n{said}"
                )
            ]]),
            "Where do I sail?",
        ),
        (
            json!([
                ["system", "你是一名擅长会话的助理，你需要将用户的会话总结为 10 个字以内的标题"],
                ["user", "user: 在哪里航海？\n\n请总结上述对话为10个字以内的标题"]
            ]),
            "在哪里航海？",
        ),
        (
            json!([
                ["system", "You are a professional conversation summarizer. Generate a concise title that"],
                ["user", "user: Where do I sail?\nassistant: On water"]
            ]),
            "Where do I sail?",
        ),
        (
            json!([
                ["system", "你是一名擅长会话的助理，你需要总结"],
                ["user", "Where do I sail?"],
                ["user", "And when?"]
            ]),
            "Where do I sail?",
        ),
        (
            json!([
                ["user", "Where do I sail?"],
                ["assistant", "On water"],
                ["user", "使用四到五个字直接返回这句话的简要主题，不要解释"]
            ]),
            "Where do I sail?",
        ),
        (
            json!([
                ["user", "a"],
                ["assistant", "b"],
                ["system", "简要总结一下对话内容，用作后续的上下文提示 prompt"]
            ]),
            "The avatar remembers the conversation by itself.",
        ),
        (
            json!([[
                "user",
                "Based on the chat history, give this conversation a name.\nKeep it short\n```\nWhere do I sail?\n```"
            ]]),
            "Conversation",
        ),
    ]
}

fn body(messages: &Value, stream: bool) -> Value {
    let message = |message: &Value| json!({"role": message[0], "content": message[1]});
    let messages: Vec<_> = messages.as_array().unwrap().iter().map(message).collect();
    json!({"model": "avatar", "user": "ada", "stream": stream, "messages": messages})
}

#[tokio::test]
async fn prompts_that_no_person_wrote_are_answered_here() {
    let emulator = Emulator::builder().start().await.unwrap();
    let gateway = Gateway::start(&emulator, &["--metrics"]).await;
    for (messages, answer) in prompts() {
        let answered = gateway.post("/v1/chat/completions", body(&messages, false)).await;
        assert_eq!(content(&answered), answer, "{messages}");
        let streamed = gateway.post("/v1/chat/completions", body(&messages, true)).await;
        assert_eq!(crate::gateway::pieces(&streamed.body), answer);
    }
    let by_header = [("x-avatar-task", "tags_generation".to_owned())];
    let tags = gateway.post_with("/v1/chat/completions", ask("ada", "Nenne Themen"), &by_header).await;
    assert_eq!(content(&tags), r#"{"tags":[]}"#);
    let mut titled = body(&prompts()[9].0, false);
    titled["response_format"] = json!({"type": "json_schema"});
    assert_eq!(
        content(&gateway.post("/v1/chat/completions", titled).await),
        r#"{"title":"Where do I sail?"}"#
    );
    let merge =
        json!([["user", "You have been provided with a set of responses from various models to the latest"]]);
    assert_eq!(gateway.post("/v1/chat/completions", body(&merge, false)).await.code(), "task_refused");

    let metrics = gateway.get("/metrics").await.body;
    assert!(metrics.contains("avatar_gateway_tasks_total{kind=\"title\"} 17\n"), "{metrics}");
    assert!(emulator.state().calls.is_empty(), "not one call was made");
    assert!(emulator.journal().is_empty());
}

#[tokio::test]
async fn what_a_person_wrote_is_sent_whatever_it_looks_like() {
    let emulator = Emulator::builder().start().await.unwrap();
    let gateway = Gateway::start(&emulator, &[]).await;
    let documents = "### Task:\nRespond to the user query using the provided context, with citations\n<context>\n\
                     <chat_history>\nUSER: a\n</chat_history>\n</context>\nWho are you?";
    for text in [documents, "### Task:\nClean the kitchen", "Give this chat a title"] {
        let answer = gateway.post("/v1/chat/completions", ask("ada", text)).await;
        assert_eq!(content(&answer), format!("You said: {text}"));
    }
}

#[tokio::test]
async fn such_prompts_are_forwarded_or_refused_where_that_is_wanted() {
    let emulator = Emulator::builder().start().await.unwrap();
    let title = || body(&prompts()[9].0, false);
    let forwarding = Gateway::start(&emulator, &["--tasks", "forward"]).await;
    let answer = forwarding.post("/v1/chat/completions", title()).await;
    assert!(content(&answer).starts_with("You said: Provide a concise"));
    let refusing = Gateway::start(&emulator, &["--tasks", "refuse"]).await;
    assert_eq!(refusing.post("/v1/chat/completions", title()).await.code(), "task_refused");
    assert_eq!(emulator.state().calls("message/send"), 1);
}

#[tokio::test]
async fn a_settings_page_that_only_tries_is_answered_here() {
    let emulator = Emulator::builder().start().await.unwrap();
    let gateway = Gateway::start(&emulator, &[]).await;
    let nameless = |text: &str| json!({"model": "avatar", "max_tokens": 5, "messages": [{"role": "user", "content": text}]});
    assert_eq!(content(&gateway.post("/v1/chat/completions", nameless("ping")).await), "pong");
    let agent = [("user-agent", "LiteLLM/1.110".to_owned())];
    let hello = gateway.post_with("/v1/chat/completions", nameless("hello"), &agent).await;
    assert!(content(&hello).contains("extra_headers"), "{}", hello.body);
    assert_eq!(
        gateway.post("/v1/chat/completions", nameless("Who are you?")).await.code(),
        "visitor_required"
    );
    assert!(emulator.state().calls.is_empty());
    assert_eq!(content(&gateway.post("/v1/chat/completions", ask("ada", "ping")).await), "You said: ping");
}
