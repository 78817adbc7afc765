//! The Responses API.

use secondme_avatar_emulator::Emulator;
use secondme_avatar_emulator::brain::Author;
use serde_json::{Value, json};

use crate::gateway::Gateway;

fn text(response: &Value) -> &str {
    response["output"][0]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{response}"))
}

/// The events of a stream.
fn events(body: &str) -> Vec<Value> {
    let data = body.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}

#[tokio::test]
async fn a_question_is_answered_whole_and_in_events_and_the_answer_can_be_had_again() {
    let emulator = Emulator::builder().start().await.unwrap();
    let gateway = Gateway::start(&emulator, &[]).await;
    let input = json!([{"role": "user", "content": [{"type": "input_text", "text": "Hello"}]}]);
    let body = json!({"model": "avatar", "user": "ada", "instructions": "Be a pirate", "input": input});
    let answer = gateway.post("/v1/responses", body).await;
    assert_eq!((answer.status, text(&answer.json())), (200, "You said: Hello"));
    assert_eq!(answer.header("x-avatar-ignored"), "instructions");
    assert_eq!(answer.json()["usage"]["total_tokens"], 0);

    let streamed = json!({"model": "avatar", "user": "ada", "input": "And in pieces", "stream": true});
    let streamed = gateway.post("/responses", streamed).await;
    let events = events(&streamed.body);
    let pieces: String = events.iter().filter_map(|event| event["delta"].as_str()).collect();
    assert_eq!(pieces, "You said: And in pieces");
    let last = events.last().unwrap();
    assert_eq!(
        (&last["type"], text(&last["response"])),
        (&json!("response.completed"), "You said: And in pieces")
    );

    let path = format!("/v1/responses/{}", last["response"]["id"].as_str().unwrap());
    let again = loop {
        // It is kept a moment after its stream has ended.
        let again = gateway.get(&path).await.json();
        if again["status"] == "completed" {
            break again;
        }
    };
    assert_eq!(text(&again), "You said: And in pieces");
    assert_eq!(gateway.delete(&path).await.json()["deleted"], true);
    assert_eq!(gateway.get(&path).await.code(), "response_not_found");
    let unkept = json!({"model": "avatar", "user": "ada", "input": "Hello", "store": false});
    let id = gateway.post("/v1/responses", unkept).await.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(gateway.get(&format!("/v1/responses/{id}")).await.status, 404);
    assert_eq!(emulator.state().visitors.len(), 1);
}

#[tokio::test]
async fn where_each_chat_has_a_conversation_an_answer_goes_on_with_its_own() {
    let emulator = Emulator::builder().start().await.unwrap();
    let gateway = Gateway::start(&emulator, &["--session-per", "chat"]).await;
    let ask = |text: &str, more: Value| {
        let mut body = json!({"model": "avatar", "user": "ada", "input": text});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        gateway.post("/v1/responses", body)
    };
    let first = ask("one", json!({})).await.json()["id"].clone();
    ask("two", json!({})).await;
    let third = ask("three", json!({"previous_response_id": first})).await.json()["id"].clone();
    ask("four", json!({"conversation": "mine"})).await;
    ask("five", json!({"previous_response_id": third})).await;
    ask("six", json!({"conversation": {"id": "mine"}})).await;
    let said: Vec<_> =
        emulator.state().sessions.iter().map(|session| session.texts(Author::Visitor).join(" ")).collect();
    assert_eq!(said, ["one three five", "two", "four six"]);
    let unknown = ask("seven", json!({"previous_response_id": "resp_0"})).await;
    assert_eq!((unknown.status, unknown.code()), (400, "previous_response_not_found".to_owned()));
}
