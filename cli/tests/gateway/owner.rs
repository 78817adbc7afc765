//! The avatar's owner, who reads along and takes over.

use secondme_avatar_emulator::Emulator;
use secondme_avatar_emulator::brain::{Reply, Step};
use serde_json::{Value, json};

use crate::folder::folder;
use crate::gateway::{Gateway, ask, content, pieces, until};

fn session(emulator: &Emulator) -> String {
    emulator.state().sessions[0].session_id.clone()
}

#[tokio::test]
async fn what_the_owner_says_later_comes_before_the_next_answer_once() {
    let emulator = Emulator::builder().avatar_name("Ada").start().await.unwrap();
    let gateway = Gateway::start(&emulator, &[]).await;
    let question = |text: &str| gateway.post("/v1/chat/completions", ask("bob", text));
    assert_eq!(content(&question("Hello").await), "You said: Hello");
    let mut feed = gateway.open("/v1/avatar/events", None).await;
    until(&mut feed, ": keep-alive").await;

    let session = session(&emulator);
    emulator.owner().reply(&session, "Call me").unwrap();
    emulator.owner().reply(&session, "Or write").unwrap();
    emulator.owner().hand_back(&session).unwrap();
    let told = until(&mut feed, "Or write").await;
    let data: Vec<Value> = told
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    assert_eq!(data.len(), 2);
    let expected = ("owner", "Ada", "bob", "avatar", "Call me");
    let first = &data[0];
    let field = |name: &str| first[name].as_str().unwrap().to_owned();
    assert_eq!(
        (&*field("author"), &*field("name"), &*field("visitor"), &*field("model"), &*field("text")),
        expected
    );

    let answer = question("Who are you?").await;
    let marked = "— **Ada, in person, before this question:**\n\nCall me\n\nOr write\n\n— **The avatar:**\n\nYou said: Who are you?";
    assert_eq!(content(&answer), marked);
    assert_eq!(answer.json()["choices"][0]["message"]["avatar"], json!({"author": "owner", "name": "Ada"}));
    assert_eq!(content(&question("And now?").await), "You said: And now?");
}

#[tokio::test]
async fn a_program_that_shows_what_was_said_later_says_so() {
    let emulator = Emulator::builder().start().await.unwrap();
    let gateway = Gateway::start(&emulator, &[]).await;
    gateway.post("/v1/chat/completions", ask("bob", "Hello")).await;
    let session = session(&emulator);
    let id = emulator.owner().reply(&session, "Call me").unwrap();
    emulator.owner().hand_back(&session).unwrap();
    let mut feed = gateway.open("/v1/avatar/events", None).await;
    assert!(until(&mut feed, "Call me").await.contains(&format!("id: {id}\n")));
    assert_eq!(gateway.delete(&format!("/v1/avatar/events/{id}")).await.status, 200);
    assert_eq!(gateway.delete(&format!("/v1/avatar/events/{id}")).await.code(), "event_not_found");
    let answer = gateway.post("/v1/chat/completions", ask("bob", "Who are you?")).await;
    assert_eq!(content(&answer), "You said: Who are you?");
}

#[tokio::test]
async fn an_owner_who_answers_in_person_is_named() {
    let emulator = Emulator::builder().avatar_name("Ada").start().await.unwrap();
    let gateway = Gateway::start(&emulator, &["--owner-wait", "30s"]).await;
    gateway.post("/v1/chat/completions", ask("bob", "Hello")).await;
    let session = session(&emulator);
    emulator.owner().reply(&session, "I am here").unwrap();
    let mut streamed = ask("bob", "Really?");
    streamed["stream"] = true.into();
    let mut answer = gateway.open("/v1/chat/completions", Some(streamed)).await;
    emulator
        .wait_until(|state| state.sessions[0].messages.iter().any(|message| message.text == "Really?"))
        .await;
    emulator.owner().reply(&session, "Yes, it is me").unwrap();
    let text = until(&mut answer, "[DONE]").await;
    assert!(pieces(&text).ends_with("— **Ada, in person:**\n\nYes, it is me"), "{text}");
    assert!(text.contains(r#""avatar":{"author":"owner","name":"Ada"}"#));
}

#[tokio::test]
async fn an_owner_who_does_not_answer_in_time_is_waited_for_and_named() {
    let emulator = Emulator::builder().avatar_name("Ada").start().await.unwrap();
    let gateway = Gateway::start(&emulator, &["--owner-wait", "300ms"]).await;
    gateway.post("/v1/chat/completions", ask("bob", "Hello")).await;
    let session = session(&emulator);
    emulator.owner().reply(&session, "I am here").unwrap();
    // Until the gateway has heard of it, the question waits for the avatar.
    let mut feed = gateway.open("/v1/avatar/events", None).await;
    until(&mut feed, "I am here").await;
    let told = gateway.post("/v1/chat/completions", ask("bob", "Really?")).await;
    let text = content(&told);
    assert!(
        text.contains("I am here") && text.ends_with("The answer comes before the next one here."),
        "{text}"
    );
    assert_eq!(told.json()["choices"][0]["finish_reason"], "stop");
    emulator.owner().reply(&session, "Yes, it is me").unwrap();
    emulator.owner().hand_back(&session).unwrap();
    let next = content(&gateway.post("/v1/chat/completions", ask("bob", "Good")).await);
    assert!(
        next.contains("before this question:**\n\nYes, it is me") && next.ends_with("You said: Good"),
        "{next}"
    );
}

#[tokio::test]
async fn an_owner_who_shows_while_the_question_is_on_its_way_is_waited_for_no_longer() {
    let emulator = Emulator::builder().avatar_name("Ada").start().await.unwrap();
    let gateway = Gateway::start(&emulator, &["--owner-wait", "300ms"]).await;
    gateway.post("/v1/chat/completions", ask("bob", "Hello")).await;
    // The gateway has asked, and the service does not have it yet: the library sends it again some seconds later.
    let fault = r#"{"at": "message/send", "do": {"status": 503}, "times": 1}"#;
    emulator.fault(fault.parse().unwrap()).unwrap();
    let question = gateway.post("/v1/chat/completions", ask("bob", "Really?"));
    let takeover = async {
        emulator.wait_until(|state| state.calls["message/send"] == 2).await;
        emulator.owner().reply(&session(&emulator), "I am here").unwrap();
    };
    let (told, ()) = tokio::join!(question, takeover);
    let text = content(&told);
    assert!(
        text.contains("I am here") && text.ends_with("The answer comes before the next one here."),
        "{text}"
    );
}

#[tokio::test]
async fn a_second_message_of_the_avatar_is_not_lost() {
    let twice = |question: secondme_avatar_emulator::brain::Question| async move {
        let reply = |text: String| Step::Reply(Reply::text(text));
        vec![reply(format!("First, {}", question.text)), reply("Second".to_owned())]
    };
    let emulator = Emulator::builder().answer_with(twice).start().await.unwrap();
    let gateway = Gateway::start(&emulator, &[]).await;
    assert_eq!(content(&gateway.post("/v1/chat/completions", ask("bob", "one")).await), "First, one");
    emulator.wait_until(|state| !state.sessions[0].busy).await;
    let next = content(&gateway.post("/v1/chat/completions", ask("bob", "two")).await);
    assert_eq!(next, "— **Said before this question:**\n\nSecond\n\n— **The avatar:**\n\nFirst, two");
}

#[tokio::test]
async fn what_was_said_later_outlives_the_gateway() {
    let folder = folder("serve-later");
    let store = folder.join("avatar.db");
    let args = ["--store", store.to_str().unwrap()];
    let emulator = Emulator::builder().avatar_name("Ada").start().await.unwrap();
    let gateway = Gateway::start(&emulator, &args).await;
    gateway.post("/v1/chat/completions", ask("bob", "Hello")).await;
    let mut feed = gateway.open("/v1/avatar/events", None).await;
    until(&mut feed, ": keep-alive").await;
    let long = format!("Call me, {}", "好".repeat(6000));
    emulator.owner().reply(&session(&emulator), &long).unwrap();
    emulator.owner().hand_back(&session(&emulator)).unwrap();
    until(&mut feed, "Call me").await;
    drop(gateway);

    let gateway = Gateway::start(&emulator, &args).await;
    let mut feed = gateway.open("/v1/avatar/events", None).await;
    assert!(until(&mut feed, "\"visitor\":\"bob\"").await.contains("Call me"));
    let answer = content(&gateway.post("/v1/chat/completions", ask("bob", "Who are you?")).await);
    assert!(answer.contains(&long) && answer.ends_with("You said: Who are you?"), "{answer}");
    assert_eq!(
        content(&gateway.post("/v1/chat/completions", ask("bob", "And now?")).await),
        "You said: And now?"
    );
    gateway.log().await;
    let gateway = Gateway::start(&emulator, &args).await;
    assert_eq!(
        content(&gateway.post("/v1/chat/completions", ask("bob", "Again?")).await),
        "You said: Again?"
    );
    assert_eq!(emulator.state().sessions.len(), 1, "the same session goes on");
    drop(gateway);
    std::fs::remove_dir_all(&folder).unwrap();
}
