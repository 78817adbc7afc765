//! A brain that is an OpenAI-compatible endpoint, played by a small one of our own.
#![cfg(feature = "openai")]
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod wire;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response};
use axum::routing::post;
use futures_util::StreamExt;
use secondme_avatar_emulator::brain::{OpenAi, Secret};
use secondme_avatar_emulator::service::{EndMark, FrameFields, Millis, PingDrop, Streaming};
use secondme_avatar_emulator::{Brain, Emulator};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};
use wire::Client;

/// An endpoint whose answers are handed to it chunk by chunk.
struct Endpoint {
    url: String,
    /// What it was asked, with the key.
    asked: mpsc::UnboundedReceiver<(String, Value)>,
    /// Answers to come: status, content type, and the chunks.
    answers: mpsc::UnboundedSender<(u16, &'static str, mpsc::UnboundedReceiver<String>)>,
}

type Answers = mpsc::UnboundedReceiver<(u16, &'static str, mpsc::UnboundedReceiver<String>)>;

#[derive(Clone)]
struct Inside {
    ask: mpsc::UnboundedSender<(String, Value)>,
    answers: Arc<Mutex<Answers>>,
}

async fn complete(State(inside): State<Inside>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let key = headers.get("authorization").map(|key| key.to_str().unwrap().to_owned());
    inside.ask.send((key.unwrap_or_default(), serde_json::from_slice(&body).unwrap())).unwrap();
    let (status, kind, chunks) = inside.answers.lock().await.recv().await.unwrap();
    let chunks = futures_util::stream::unfold(chunks, |mut chunks| async {
        match chunks.recv().await {
            Some(chunk) if chunk == "BREAK" => Some((Err(std::io::Error::other("broken")), chunks)),
            Some(chunk) => Some((Ok(chunk), chunks)),
            None => None,
        }
    });
    let answer = Response::builder().status(status).header("content-type", kind);
    answer.body(Body::from_stream(chunks)).unwrap()
}

impl Endpoint {
    async fn start() -> Self {
        let (ask, asked) = mpsc::unbounded_channel();
        let (answers, receiver) = mpsc::unbounded_channel();
        let inside = Inside { ask, answers: Arc::new(Mutex::new(receiver)) };
        let router = Router::new().route("/v1/chat/completions", post(complete)).with_state(inside);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, asked, answers }
    }

    /// The next answer, given chunk by chunk; dropped, it ends.
    fn answer(&self, status: u16, kind: &'static str) -> mpsc::UnboundedSender<String> {
        let (sender, chunks) = mpsc::unbounded_channel();
        self.answers.send((status, kind, chunks)).unwrap();
        sender
    }

    fn says(&self, pieces: &[&str]) {
        let answer = self.answer(200, "text/event-stream");
        for text in pieces {
            answer.send(piece(text)).unwrap();
        }
        answer.send("data: [DONE]\n\n".to_owned()).unwrap();
    }

    async fn emulator(&self) -> Emulator {
        let mut endpoint = OpenAi::new("a-model");
        endpoint.url.clone_from(&self.url);
        endpoint.key = Some(Secret::new("secret"));
        endpoint.system = Some("You are Ada.".to_owned());
        endpoint.context = 3;
        Emulator::builder().brain(Brain::OpenAi(endpoint)).start().await.unwrap()
    }
}

fn piece(text: &str) -> String {
    format!("data: {}\n\n", json!({"choices": [{"delta": {"content": text}, "finish_reason": null}]}))
}

async fn echo(ann: &mut Client) {
    assert_eq!(ann.next().await["sender"], "client");
}

fn answer_of(frame: &Value) -> &str {
    frame["multipleData"][0]["modal"]["answer"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn pieces_leave_while_they_arrive() {
    let endpoint = Endpoint::start().await;
    let emulator = endpoint.emulator().await;
    let mut ann = Client::open(&emulator).await;
    let answer = endpoint.answer(200, "text/event-stream");
    ann.send("Hello").await;
    echo(&mut ann).await;
    // Each piece is sent only after the one before has arrived.
    answer
        .send(": a comment\n\ndata: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n".into())
        .unwrap();
    let mut ids = Vec::new();
    for (index, text) in ["Hel", "lo, ", "你好"].into_iter().enumerate() {
        let (one, two) = piece(text).split_at(9).to_owned_pair();
        answer.send(one).unwrap();
        answer.send(two).unwrap();
        let frame = ann.next().await;
        assert_eq!((answer_of(&frame), &frame["index"]), (text, &json!(index)));
        ids.push(frame["messageId"].clone());
    }
    answer.send("data: [DONE]\n\n".to_owned()).unwrap();
    let end = ann.next().await;
    assert_eq!((answer_of(&end), &end["index"]), ("", &json!(-1)));
    assert!(ids.iter().all(|id| *id == end["messageId"]));
    let state = emulator.state();
    assert_eq!(state.sessions[0].messages[1].text, "Hello, 你好");
}

trait Pair {
    fn to_owned_pair(self) -> (String, String);
}

impl Pair for (&str, &str) {
    fn to_owned_pair(self) -> (String, String) {
        (self.0.to_owned(), self.1.to_owned())
    }
}

#[tokio::test]
async fn the_conversation_so_far_goes_with_the_question() {
    let mut endpoint = Endpoint::start().await;
    let emulator = endpoint.emulator().await;
    let mut ann = Client::open(&emulator).await;
    for (question, answer) in [("One", "1"), ("Two", "2"), ("Three", "3")] {
        endpoint.says(&[answer]);
        ann.send(question).await;
        assert_eq!(ann.reply().await, answer);
    }
    let (key, first) = endpoint.asked.recv().await.unwrap();
    assert_eq!(
        (key.as_str(), &first["model"], &first["stream"]),
        ("Bearer secret", &json!("a-model"), &json!(true))
    );
    let system = json!({"role": "system", "content": "You are Ada."});
    assert_eq!(first["messages"], json!([system, {"role": "user", "content": "One"}]));
    endpoint.asked.recv().await.unwrap();
    let (_, third) = endpoint.asked.recv().await.unwrap();
    assert_eq!(
        third["messages"],
        json!([system, {"role": "assistant", "content": "1"}, {"role": "user", "content": "Two"},
            {"role": "assistant", "content": "2"}, {"role": "user", "content": "Three"}]),
        "no more than the context holds"
    );
}

#[tokio::test]
async fn an_endpoint_that_fails_shows_as_a_failure_over_the_socket() {
    let endpoint = Endpoint::start().await;
    let emulator = endpoint.emulator().await;
    let mut ann = Client::open(&emulator).await;
    let sse = "text/event-stream";
    for (status, kind, chunks, wanted) in [
        (500, "text/plain", vec!["oops"], "the endpoint answered 500: oops"),
        (401, "application/json", vec![r#"{"error": {"message": "bad key"}}"#], "answered 401: bad key"),
        (
            200,
            sse,
            vec!["data: {\"error\": {\"message\": \"overloaded\"}}\n\n"],
            "the endpoint failed: overloaded",
        ),
        (200, sse, vec!["data: {not json\n\n"], "not JSON of its kind"),
        (200, sse, vec!["data: \u{1}\n"], "the endpoint's stream broke off"),
        (200, sse, vec!["BREAK"], "the endpoint"),
        (200, "application/json", vec!["{"], "not JSON of its kind"),
    ] {
        let answer = endpoint.answer(status, kind);
        for chunk in &chunks {
            answer.send((*chunk).to_owned()).unwrap();
        }
        drop(answer);
        ann.send("Hello").await;
        let echo = ann.next().await;
        let failure = ann.next().await;
        assert_eq!(failure["subCode"], "session.openai.error", "{chunks:?}");
        assert_eq!(failure["messageId"], echo["messageId"]);
        assert!(failure["subCodeReason"].as_str().unwrap().contains(wanted), "{chunks:?}: {failure}");
        assert!(!failure.to_string().contains("secret"));
    }
    endpoint.says(&["Better"]);
    ann.send("And now?").await;
    assert_eq!(ann.reply().await, "Better", "the next one is asked again");
}

#[tokio::test]
async fn a_stream_that_breaks_off_keeps_what_was_said() {
    let endpoint = Endpoint::start().await;
    let emulator = endpoint.emulator().await;
    let mut ann = Client::open(&emulator).await;
    let answer = endpoint.answer(200, "text/event-stream");
    ann.send("Hello").await;
    echo(&mut ann).await;
    answer.send(piece("Half of ")).unwrap();
    assert_eq!(answer_of(&ann.next().await), "Half of ");
    drop(answer);
    assert_eq!(ann.next().await["subCode"], "session.openai.error");
    assert_eq!(emulator.state().sessions[0].messages[1].text, "Half of ");
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_or_says_nothing_is_a_failure_too() {
    let endpoint = Endpoint::start().await;
    let emulator = endpoint.emulator().await;
    let mut ann = Client::open(&emulator).await;
    emulator.configure(|settings| {
        if let Brain::OpenAi(endpoint) = &mut settings.brain {
            endpoint.timeout = Millis(20);
        }
    });
    let _silent = endpoint.answer(200, "text/event-stream");
    ann.send("Hello").await;
    echo(&mut ann).await;
    assert_eq!(ann.next().await["subCodeReason"], "the endpoint is silent");
    emulator.configure(|settings| {
        if let Brain::OpenAi(endpoint) = &mut settings.brain {
            endpoint.url = "http://127.0.0.1:1/v1".to_owned();
            endpoint.timeout = Millis::seconds(20);
        }
    });
    ann.send("Hello").await;
    echo(&mut ann).await;
    let reason = ann.next().await["subCodeReason"].as_str().unwrap().to_owned();
    assert!(reason.contains("cannot be reached") && !reason.contains("127.0.0.1:1/"), "{reason}");
}

#[tokio::test]
async fn an_endpoint_that_pauses_a_minute_of_the_emulators_time_is_given_up() {
    let endpoint = Endpoint::start().await;
    let emulator = endpoint.emulator().await;
    emulator.configure(|settings| settings.ping_drop = PingDrop::After60s);
    let mut ann = Client::open(&emulator).await;
    let answer = endpoint.answer(200, "text/event-stream");
    ann.send("Hello").await;
    echo(&mut ann).await;
    answer.send(piece("Well")).unwrap();
    assert_eq!(answer_of(&ann.next().await), "Well");
    // The pause counts from the last piece, not from the question.
    emulator.advance(Duration::from_secs(20)).await;
    ann.ping().await;
    assert_eq!(ann.next().await["type"], "pong");
    answer.send(piece("now")).unwrap();
    assert_eq!(answer_of(&ann.next().await), "now");
    emulator.advance(Duration::from_secs(50)).await;
    assert!(emulator.state().sessions[0].busy);
    ann.ping().await;
    assert_eq!(ann.next().await["type"], "pong");
    emulator.advance(Duration::from_secs(10)).await;
    assert_eq!(ann.next().await["subCode"], "session.response.timeout");
}

#[tokio::test]
async fn an_endpoint_that_does_not_stream_answers_whole() {
    let endpoint = Endpoint::start().await;
    let emulator = endpoint.emulator().await;
    let mut ann = Client::open(&emulator).await;
    let answer = endpoint.answer(200, "application/json");
    answer
        .send(json!({"choices": [{"message": {"role": "assistant", "content": "Whole"}}]}).to_string())
        .unwrap();
    drop(answer);
    ann.send("Hello").await;
    assert_eq!(ann.reply().await, "Whole");
}

#[tokio::test]
async fn the_switches_hold_for_its_replies_too() {
    let endpoint = Endpoint::start().await;
    let emulator = endpoint.emulator().await;
    let mut ann = Client::open(&emulator).await;
    for documented in [false, true] {
        emulator.configure(|settings| {
            settings.streaming = Streaming::Whole;
            settings.frame_fields = if documented { FrameFields::Documented } else { FrameFields::All };
        });
        endpoint.says(&["One ", "piece"]);
        ann.send("Hello").await;
        echo(&mut ann).await;
        let whole = ann.next().await;
        assert_eq!((answer_of(&whole), whole.get("index")), ("One piece", None));
    }
    emulator.configure(|settings| {
        (settings.streaming, settings.frame_fields) = (Streaming::Pieces, FrameFields::All);
        settings.end_mark = EndMark::Twice;
    });
    endpoint.says(&["A"]);
    ann.send("Hello").await;
    echo(&mut ann).await;
    let indexes = [ann.next().await, ann.next().await, ann.next().await].map(|frame| frame["index"].clone());
    assert_eq!(indexes, [json!(-1), json!(0), json!(-1)]);
    emulator.configure(|settings| settings.end_mark = EndMark::Missing);
    endpoint.says(&["A"]);
    ann.send("Hello").await;
    echo(&mut ann).await;
    assert_eq!(ann.next().await["index"], 0);
    emulator.wait_until(|state| !state.sessions[0].busy).await;
}

#[tokio::test]
async fn a_session_that_is_closed_listens_no_more() {
    let endpoint = Endpoint::start().await;
    let emulator = endpoint.emulator().await;
    let mut ann = Client::open(&emulator).await;
    let answer = endpoint.answer(200, "text/event-stream");
    ann.send("Hello").await;
    answer.send(piece("Well")).unwrap();
    echo(&mut ann).await;
    assert_eq!(answer_of(&ann.next().await), "Well");
    wire::data(ann.post("/rest/general/session/close", json!({"sessionId": ann.session})).await).await;
    answer.send(piece("I never")).unwrap();
    // The request is given up, and the endpoint notices.
    answer.closed().await;
    emulator.stop().await;
    assert!(ann.socket.next().await.is_none_or(|end| end.is_err()));
}
