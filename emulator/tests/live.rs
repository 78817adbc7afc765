//! The console's feed and its pages, over the wire.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod wire;

use std::time::Duration;

use secondme_avatar_emulator::Emulator;
use secondme_avatar_emulator::brain::Script;
use serde_json::{Value, json};
use wire::{Client, VISITOR, http};

/// A reader of the feed.
struct Feed {
    answer: reqwest::Response,
    read: String,
}

impl Feed {
    async fn open(emulator: &Emulator, query: &str) -> Self {
        let answer = http().get(format!("{}/live{query}", emulator.control_url())).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["content-type"]),
            (200, &"text/event-stream".parse().unwrap())
        );
        Self { answer, read: String::new() }
    }

    /// The next event; `None` at the end of the feed. It comes within ten seconds.
    async fn next(&mut self) -> Option<(String, Value)> {
        let next = tokio::time::timeout(Duration::from_secs(10), self.read_event());
        next.await.expect("the feed should have gone on by now")
    }

    async fn read_event(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let found = event.strip_prefix("event: ").and_then(|event| event.split_once("\ndata: "));
                let found = found.map(|(name, data)| (name.to_owned(), serde_json::from_str(data).unwrap()));
                self.read = rest.to_owned();
                match found {
                    Some(found) => return Some(found),
                    None => continue,
                }
            }
            self.read += std::str::from_utf8(&self.answer.chunk().await.unwrap()?).unwrap();
        }
    }

    /// The data of the first event of this name that is as wanted.
    async fn until(&mut self, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let found = async {
            loop {
                let (event, data) = self.next().await.expect("the feed goes on");
                if event == name && wanted(&data) {
                    return data;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), found).await.expect("it should have been told by now")
    }

    /// The summary of the only conversation, once it is as wanted.
    async fn summary(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let data = self.until("conversations", |data| wanted(&data["changed"][0])).await;
        data["changed"][0].clone()
    }
}

async fn get(emulator: &Emulator, path: &str) -> (u16, Value) {
    let answer = http().get(format!("{}/{path}", emulator.control_url())).send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap())
}

#[tokio::test]
async fn a_conversation_is_followed_from_its_first_call_on() {
    let emulator = Emulator::builder().start().await.unwrap();
    let mut feed = Feed::open(&emulator, "").await;
    let (name, snapshot) = feed.next().await.unwrap();
    assert_eq!(
        (name.as_str(), &snapshot["conversations"], &snapshot["next"]),
        ("snapshot", &json!([]), &json!(1))
    );
    let begun: u64 = snapshot["run"].as_str().unwrap().parse().unwrap();
    assert!(begun <= snapshot["now"].as_u64().unwrap());

    let mut ann = Client::open(&emulator).await;
    let opened = feed.summary(|one| one["bound"] == true && one["sockets"] == 1).await;
    for (field, value) in [
        ("sessionId", json!(ann.session)),
        ("visitorId", json!(VISITOR)),
        ("name", json!("John Doe(feishu)")),
        ("channel", json!("feishu")),
        ("door", json!("avatar-open-api")),
        ("avatar", json!("ebe251793d69")),
        ("last", Value::Null),
        ("takenOver", json!(false)),
    ] {
        assert_eq!(opened[field], value, "{field}");
    }
    ann.send("Hello").await;
    ann.reply().await;
    let answered = feed.summary(|one| one["messages"] == 2 && one["busy"] == false).await;
    assert_eq!(
        (&answered["last"]["author"], &answered["last"]["text"]),
        (&json!("avatar"), &json!("You said: Hello"))
    );
    emulator.owner().take_over(&ann.session).unwrap();
    assert_eq!(feed.summary(|one| one["takenOver"] == true).await["speaking"], Value::Null);
    drop(ann);
    feed.summary(|one| one["sockets"] == 0).await;
    emulator.reset();
    feed.until("snapshot", |data| data["total"] == 0).await;
    emulator.stop().await;
    while feed.next().await.is_some() {}
}

#[tokio::test]
async fn a_reply_comes_in_pieces_to_those_who_look_at_its_conversation() {
    let script = "rules: [{when: any, then: [{say: {pieces: [One, \" and two\"], delay: 10m}}]}]";
    let builder = Emulator::builder().brain(Script::parse(script).unwrap().into());
    let emulator = builder.start().await.unwrap();
    let mut ann = Client::open(&emulator).await;
    let mut feed = Feed::open(&emulator, &format!("?session={}", ann.session)).await;
    let mut other = Feed::open(&emulator, "?session=1").await;
    ann.send("Hello").await;
    let message = |data: &Value| {
        (
            data["message"]["author"].clone(),
            data["message"]["text"].clone(),
            data["message"]["streaming"].clone(),
        )
    };
    let asked = feed.until("message", |_| true).await;
    assert_eq!(
        (message(&asked), &asked["sessionId"]),
        ((json!("visitor"), json!("Hello"), json!(false)), &json!(ann.session))
    );
    let begun = feed.until("message", |_| true).await;
    assert_eq!(message(&begun), (json!("avatar"), json!("One"), json!(true)));
    let (_, page) = get(&emulator, &format!("conversations/{}", ann.session)).await;
    assert_eq!(
        (&page["streaming"]["text"], &page["conversation"]["speaking"]),
        (&json!("One"), &json!("avatar"))
    );
    // What the owner writes meanwhile is known before the reply is, but it was said after its first piece.
    emulator.advance(Duration::from_secs(1)).await;
    emulator.owner().reply(&ann.session, "This is me").unwrap();
    let between = feed.until("message", |data| data["message"]["author"] == "owner").await;
    emulator.advance(Duration::from_secs(600)).await;
    let ended = feed.until("message", |data| data["message"]["streaming"] == false).await;
    assert_eq!(message(&ended), (json!("avatar"), json!("One and two"), json!(false)));
    assert_eq!((&ended["message"]["id"], &ended["message"]["number"]), (&begun["message"]["id"], &json!(3)));
    let begun_at = |data: &Value| data["message"]["begunAt"].as_u64().unwrap();
    assert_eq!(begun_at(&ended), begun_at(&begun));
    assert!(begun_at(&begun) < begun_at(&between) && begun_at(&between) == between["message"]["at"]);
    assert!(ended["message"]["at"].as_u64().unwrap() > begun_at(&between));
    // To the other reader the conversation is in its list alone.
    emulator.stop().await;
    while let Some((name, _)) = other.next().await {
        assert_ne!(name, "message");
    }
    assert!(ann.ws_id.is_string());
}

#[tokio::test]
async fn what_happened_is_told_from_where_a_reader_was() {
    let emulator = Emulator::builder().start().await.unwrap();
    let mut ann = Client::open(&emulator).await;
    let mut feed = Feed::open(&emulator, "?since=1").await;
    let journal = feed.until("journal", |_| true).await;
    assert_eq!((&journal["entries"][0]["call"], &journal["missed"]), (&json!("auth"), &json!(0)));
    let next = journal["next"].as_u64().unwrap();
    drop(feed);
    ann.send("Hello").await;
    let mut feed = Feed::open(&emulator, &format!("?since={next}")).await;
    let journal = feed.until("journal", |_| true).await;
    assert_eq!(
        (&journal["entries"][0]["n"], &journal["entries"][0]["call"]),
        (&json!(next), &json!("message/send"))
    );
    let overview = feed.until("overview", |data| data["socketsTotal"] == 1).await;
    assert_eq!((&overview["keys"][0]["used"], &overview["keys"][0]["limit"]), (&json!(1), &json!(60)));
    assert_eq!(overview["sockets"][0]["wsId"], ann.ws_id);
    assert!(overview["sockets"][0]["dropsInMs"].as_u64().unwrap() <= 30_000);
    assert_eq!(overview["lifetimes"][0]["kind"], "chat-context");
    ann.ping().await;
    let pinged = feed.until("overview", |data| data["sockets"][0]["pings"] == 1).await;
    assert!(pinged["now"].as_u64() >= overview["now"].as_u64());
}

#[tokio::test]
async fn the_messages_of_a_conversation_are_read_page_by_page() {
    let emulator = Emulator::builder().start().await.unwrap();
    let ann = Client::open(&emulator).await;
    for number in 1..=5 {
        emulator.owner().reply(&ann.session, &format!("Number {number}")).unwrap();
    }
    let path = format!("conversations/{}", ann.session);
    let numbers = |page: &Value| -> Vec<u64> {
        page["messages"].as_array().unwrap().iter().map(|one| one["number"].as_u64().unwrap()).collect()
    };
    let (_, whole) = get(&emulator, &path).await;
    assert_eq!((numbers(&whole), &whole["older"]), (vec![1, 2, 3, 4, 5], &Value::Null));
    assert_eq!(
        (&whole["messages"][4]["text"], &whole["messages"][4]["author"]),
        (&json!("Number 5"), &json!("owner"))
    );
    assert_eq!((&whole["conversation"]["messages"], &whole["streaming"]), (&json!(5), &Value::Null));
    let (_, newest) = get(&emulator, &format!("{path}?limit=2")).await;
    assert_eq!((numbers(&newest), &newest["older"]), (vec![4, 5], &json!(4)));
    let (_, older) = get(&emulator, &format!("{path}?limit=2&before=4")).await;
    assert_eq!((numbers(&older), &older["older"]), (vec![2, 3], &json!(2)));
    let (_, oldest) = get(&emulator, &format!("{path}?limit=2&before=2")).await;
    assert_eq!((numbers(&oldest), &oldest["older"]), (vec![1], &Value::Null));
    assert_eq!(numbers(&get(&emulator, &format!("{path}?before=0")).await.1), Vec::<u64>::new());
    let (status, missing) = get(&emulator, "conversations/17").await;
    assert_eq!((status, &missing["error"]["code"]), (404, &json!("session.not.found")));
    for wrong in ["?before=x", "?until=1", "?limit=1&limit=2"] {
        let (status, answer) = get(&emulator, &format!("{path}{wrong}")).await;
        assert_eq!((status, &answer["error"]["code"]), (400, &json!("control.query")), "{wrong}");
    }
}

#[tokio::test]
async fn the_journal_is_read_page_by_page_either_way_and_of_one_session() {
    let emulator = Emulator::builder().start().await.unwrap();
    let mut ann = Client::open(&emulator).await;
    ann.send("Hello").await;
    ann.reply().await;
    let (_, all) = get(&emulator, "journal").await;
    let all = all["entries"].as_array().unwrap().clone();
    let (_, first) = get(&emulator, "journal?since=1&limit=3").await;
    assert_eq!((&first["entries"], &first["next"]), (&json!(all[..3]), &json!(4)));
    let last = all.last().unwrap()["n"].as_u64().unwrap();
    let (_, before) = get(&emulator, &format!("journal?before={last}&limit=2")).await;
    assert_eq!(before["entries"], json!(all[all.len() - 3..all.len() - 1]));
    let (_, of_session) = get(&emulator, &format!("journal?session={}", ann.session)).await;
    let wanted: Vec<_> = all.iter().filter(|entry| entry["sessionId"] == ann.session.as_str()).collect();
    assert!(wanted.len() < all.len());
    for what in ["connect", "frame-out"] {
        assert!(wanted.iter().any(|entry| entry["what"] == what), "{what} is of the conversation");
    }
    let frames = all.iter().filter(|entry| entry["frame"]["sessionId"] == ann.session.as_str());
    assert!(
        frames.clone().count() > 2 && frames.clone().all(|entry| entry["sessionId"] == ann.session.as_str())
    );
    assert_eq!(of_session["entries"], json!(wanted));
    assert_eq!(get(&emulator, "journal?visitor=web_1").await.1["entries"], json!([]));
    for wrong in ["before=2&since=1", "before=2&wait=1", "since=-1", "limit=few"] {
        assert_eq!(get(&emulator, &format!("journal?{wrong}")).await.0, 400, "{wrong}");
    }
}
