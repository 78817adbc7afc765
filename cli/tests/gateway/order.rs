//! Each question goes out once, in order, and is answered to the one who asked.

use std::sync::Arc;

use secondme_avatar_emulator::Emulator;
use secondme_avatar_emulator::brain::Author;
use serde_json::json;

use crate::gateway::{Gateway, ask, content, pieces, until};

fn sent(emulator: &Emulator) -> Vec<String> {
    let state = emulator.state();
    state.sessions.iter().flat_map(|session| session.texts(Author::Visitor)).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_request_that_is_made_again_is_attached_to_the_reply_under_way() {
    let slowly = |settings: &mut secondme_avatar_emulator::Settings| {
        settings.reply_delay = std::time::Duration::from_millis(700).into();
    };
    let emulator = Emulator::builder().configure(slowly).start().await.unwrap();
    let gateway = Gateway::start(&emulator, &[]).await;
    let mut streamed = ask("ada", "Hello");
    streamed["stream"] = true.into();
    let (whole, pieced, other) = tokio::join!(
        gateway.post("/v1/chat/completions", ask("ada", "Hello")),
        gateway.post("/v1/chat/completions", streamed),
        gateway.post("/v1/chat/completions", ask("bob", "Hello")),
    );
    for text in [content(&whole), pieces(&pieced.body), content(&other)] {
        assert_eq!(text, "You said: Hello");
    }
    assert_eq!(sent(&emulator), ["Hello", "Hello"], "once for each of the two");

    // Asked anew when it has been answered.
    gateway.post("/v1/chat/completions", ask("ada", "Hello")).await;
    assert_eq!(sent(&emulator).len(), 3);
    // Unless the client's SDK says that it asks again: the answer did not arrive.
    let again = [("x-stainless-retry-count", "1".to_owned())];
    let attached = gateway.post_with("/v1/chat/completions", ask("ada", "Hello"), &again).await;
    assert_eq!((content(&attached), sent(&emulator).len()), ("You said: Hello".to_owned(), 3));
    // The same words of a later turn are another question, though its first attempt never reached the gateway.
    let mut later = ask("ada", "Hello");
    let earlier =
        [json!({"role": "user", "content": "Hello"}), json!({"role": "assistant", "content": "Hi"})];
    later["messages"].as_array_mut().unwrap().splice(0..0, earlier);
    gateway.post_with("/v1/chat/completions", later, &again).await;
    assert_eq!(sent(&emulator).len(), 4);
    assert_eq!(gateway.log().await.matches("what=attached").count(), 2);
}

#[tokio::test]
async fn a_reply_goes_on_when_its_client_has_gone() {
    let emulator =
        Emulator::builder().piece_delay(std::time::Duration::from_millis(50)).start().await.unwrap();
    let gateway = Gateway::start(&emulator, &[]).await;
    let mut streamed = ask("ada", "one two three four");
    streamed["stream"] = true.into();
    let mut answer = gateway.open("/v1/chat/completions", Some(streamed.clone())).await;
    until(&mut answer, "You").await;
    drop(answer);
    gateway.post("/v1/chat/completions", ask("ada", "Something else")).await;
    // The answer has come, and another question after it.
    let again = [("x-stainless-retry-count", "1".to_owned())];
    let attached = gateway.post_with("/v1/chat/completions", streamed, &again).await;
    assert_eq!(pieces(&attached.body), "You said: one two three four");
    assert_eq!(sent(&emulator), ["one two three four", "Something else"]);
}

#[tokio::test]
async fn what_the_service_refuses_is_said_before_the_stream_begins() {
    let emulator = Emulator::builder().start().await.unwrap();
    emulator.fault(r#"{"at": "auth", "do": {"fail": {"code": "open.api.key.disabled"}}, "times": 9}"#.parse().unwrap()).unwrap();
    let gateway = Gateway::start(&emulator, &[]).await;
    let mut streamed = ask("ada", "Hello");
    streamed["stream"] = true.into();
    let refused = gateway.post("/v1/chat/completions", streamed).await;
    assert_eq!((refused.status, refused.code()), (502, "avatar_key_refused".to_owned()));
    assert_eq!(
        (refused.header("content-type"), refused.header("x-should-retry")),
        ("application/json", "false")
    );
    assert!(!refused.body.contains(emulator.api_key()));
}

#[tokio::test]
async fn a_thousand_questions_of_a_hundred_people_under_faults_are_answered_to_the_one_who_asked() {
    const PEOPLE: usize = 100;
    const QUESTIONS: usize = 10;
    let plenty = |settings: &mut secondme_avatar_emulator::Settings| settings.quota_per_minute = 100_000;
    let emulator = Emulator::builder().configure(plenty).start().await.unwrap();
    for fault in [
        r#"{"at": "message/send", "do": "cut-after", "chance": 0.03}"#,
        r#"{"at": "message/send", "do": {"status": 503}, "chance": 0.03}"#,
        r#"{"at": "message/send", "do": {"delay": "100ms"}, "chance": 0.05}"#,
        r#"{"at": "reply", "do": {"delay": "100ms"}, "chance": 0.05}"#,
        r#"{"at": "frame-out", "do": "duplicate", "chance": 0.03}"#,
        r#"{"at": "frame-out", "do": "cut", "chance": 0.002}"#,
    ] {
        emulator.fault(fault.parse().unwrap()).unwrap();
    }
    let gateway = Arc::new(Gateway::start(&emulator, &["--quota", "100000"]).await);
    let mut people = tokio::task::JoinSet::new();
    for person in 0..PEOPLE {
        let gateway = Arc::clone(&gateway);
        people.spawn(async move {
            let mut failed = 0;
            for question in 0..QUESTIONS {
                let secret = format!("secret-{person}-{question}.");
                let mut body = ask(&format!("person-{person}"), &secret);
                body["stream"] = (question % 2 == 0).into();
                // As an SDK does: what failed is asked again, under the same name.
                for attempt in 0..4 {
                    let again = [("x-stainless-retry-count", attempt.to_string())];
                    let answer = gateway.post_with("/v1/chat/completions", body.clone(), &again).await;
                    let text = if question % 2 == 0 { pieces(&answer.body) } else { answer.body.clone() };
                    for word in text.split(|letter: char| letter.is_whitespace() || "\":,".contains(letter)) {
                        let foreign =
                            word.starts_with("secret-") && !word.starts_with(&format!("secret-{person}-"));
                        assert!(!foreign, "{person} was told {word}");
                    }
                    if answer.status == 200 && !answer.body.contains("\"error\"") {
                        assert!(text.contains(&secret), "{secret} in {text}");
                        break;
                    }
                    failed += 1;
                    assert!(attempt < 3, "{secret}: {} {}", answer.status, answer.body);
                }
            }
            failed
        });
    }
    let failed: usize = people.join_all().await.into_iter().sum();
    let mut all = sent(&emulator);
    all.sort();
    let before = all.len();
    all.dedup();
    assert_eq!((before, all.len()), (PEOPLE * QUESTIONS, PEOPLE * QUESTIONS), "each once");
    let faults: u64 = emulator.faults().iter().map(|fault| fault.met).sum();
    println!(
        "{before} questions of {PEOPLE} people: each went out once; {faults} faults; {failed} requests were made again"
    );
}
