//! By which of the service's APIs the gateway speaks with it, and over how many sockets.

use std::sync::Arc;

use secondme_avatar_emulator::Emulator;

use crate::gateway::{Gateway, ask, content, pieces, until};
use crate::support::{avatar, err, run};

/// The gateway, by Visitor Chat.
async fn by_visitor_chat(emulator: &Emulator, args: &[&str]) -> Gateway {
    let (id, secret) = (emulator.client_id(), emulator.client_secret());
    let env = [
        ("SECONDME_BASE_URL", emulator.lab_base_url()),
        ("SECONDME_CLIENT_ID", id.as_str()),
        ("SECONDME_CLIENT_SECRET", secret.as_str()),
    ];
    Gateway::with(emulator, &[&["--door", "visitor-chat"], args].concat(), &env).await
}

#[tokio::test]
async fn by_visitor_chat_each_person_is_answered_and_the_owner_is_heard() {
    let emulator = Emulator::builder().avatar_name("Ada").start().await.unwrap();
    let gateway = by_visitor_chat(&emulator, &["--owner-wait", "300ms"]).await;
    let question = |who: &str, text: &str| gateway.post("/v1/chat/completions", ask(who, text));
    let (bob, eve) = tokio::join!(question("bob", "I am Bob"), question("eve", "I am Eve"));
    assert_eq!((content(&bob), content(&eve)), ("You said: I am Bob".into(), "You said: I am Eve".into()));
    let mut streamed = ask("bob", "Hello");
    streamed["stream"] = true.into();
    let streamed = gateway.post("/v1/chat/completions", streamed).await;
    assert_eq!(pieces(&streamed.body), "You said: Hello");
    assert!(streamed.body.ends_with("data: [DONE]\n\n"));

    let state = emulator.state();
    let calls = |name: &str| state.calls.get(name).copied().unwrap_or_default();
    assert_eq!((calls("visitor-chat/send"), calls("message/send"), calls("auth")), (3, 0, 0));
    assert_eq!(calls("oauth/token"), 1, "the app's token is everyone's");

    let of_bob = |emulator: &Emulator| {
        let state = emulator.state();
        let said = |text: &str| {
            state.sessions.iter().find(|one| one.messages.iter().any(|message| message.text == text))
        };
        said("I am Bob").unwrap().session_id.clone()
    };
    let mut feed = gateway.open("/v1/avatar/events", None).await;
    until(&mut feed, ": keep-alive").await;
    emulator.owner().reply(&of_bob(&emulator), "Call me").unwrap();
    assert!(until(&mut feed, "Call me").await.contains("\"visitor\":\"bob\""));
    let waited = content(&question("bob", "Really?").await);
    assert!(
        waited.contains("Call me") && waited.ends_with("The answer comes before the next one here."),
        "{waited}"
    );
    assert_eq!(content(&question("eve", "And I?").await), "You said: And I?");
}

#[tokio::test]
async fn by_visitor_chat_what_is_missing_is_said_before_it_listens() {
    let emulator = Emulator::builder().start().await.unwrap();
    let start = |id: String, secret: String| {
        let mut command = avatar(&["serve", "--port", "0", "--door", "visitor-chat"]);
        command.env("SECONDME_BASE_URL", emulator.lab_base_url()).env("SECONDME_API_KEY", emulator.api_key());
        command.env("SECONDME_CLIENT_ID", id).env("SECONDME_CLIENT_SECRET", secret);
        run(command, "")
    };
    let without = start(String::new(), emulator.client_secret()).await;
    assert!(
        !without.status.success()
            && err(&without).contains("the model avatar: `SECONDME_CLIENT_ID` is empty"),
        "{}",
        err(&without)
    );
    let swapped = start(emulator.client_id(), emulator.api_key().to_owned()).await;
    assert!(
        !swapped.status.success() && err(&swapped).contains("SECONDME_CLIENT_SECRET"),
        "{}",
        err(&swapped)
    );
    assert!(!err(&swapped).contains(emulator.api_key()));
}

#[tokio::test]
async fn more_people_than_sockets_are_all_answered_and_what_was_said_to_one_without_a_socket_comes_later() {
    const PEOPLE: usize = 12;
    let emulator = Emulator::builder().avatar_name("Ada").start().await.unwrap();
    let gateway = Arc::new(Gateway::start(&emulator, &["--max-live", "2", "--metrics"]).await);
    let mut people = tokio::task::JoinSet::new();
    for person in 0..PEOPLE {
        let gateway = Arc::clone(&gateway);
        people.spawn(async move {
            for question in 0..3 {
                let text = format!("secret-{person}-{question}");
                let answer =
                    gateway.post("/v1/chat/completions", ask(&format!("person-{person}"), &text)).await;
                assert_eq!(content(&answer), format!("You said: {text}"));
            }
        });
    }
    people.join_all().await;
    let state = emulator.state();
    assert_eq!(
        (state.visitors.len(), state.sessions.len()),
        (PEOPLE, PEOPLE),
        "one session goes on over all sockets"
    );
    assert!(state.calls["connect"] > PEOPLE as u64, "sockets were given up and opened again");
    assert!(most_sockets_at_once(&emulator) <= 2);

    // Two others have the sockets.
    let of_first =
        state.sessions.iter().find(|one| one.messages.iter().any(|message| message.text == "secret-0-0"));
    let session = of_first.unwrap().session_id.clone();
    for person in ["person-1", "person-2"] {
        gateway.post("/v1/chat/completions", ask(person, "Hello")).await;
    }
    emulator.owner().reply(&session, "Call me").unwrap();
    emulator.owner().hand_back(&session).unwrap();
    let next = content(&gateway.post("/v1/chat/completions", ask("person-0", "Who are you?")).await);
    assert!(
        next.contains("before this question:**\n\nCall me") && next.ends_with("You said: Who are you?"),
        "{next}"
    );
    assert!(most_sockets_at_once(&emulator) <= 2);
}

/// By the emulator's journal.
fn most_sockets_at_once(emulator: &Emulator) -> i64 {
    let (mut now, mut most) = (0, 0);
    for entry in emulator.journal() {
        let entry = serde_json::to_value(&entry).unwrap();
        now += match (entry["what"].as_str().unwrap(), entry["status"].as_u64()) {
            ("connect", Some(101)) => 1,
            ("close", _) => -1,
            _ => 0,
        };
        most = most.max(now);
    }
    assert!(most > 0);
    most
}
