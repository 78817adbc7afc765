//! Reading journals from files.

use secondme_avatar_emulator::trace::{InvalidJournal, Journal, LaneKind, SpanKind, StretchKind};
use serde_json::{Value, json};

use super::{labels, spans, stretches};
use crate::support::scene;

fn lines(values: &[Value]) -> String {
    values.iter().map(|value| format!("{value}\n")).collect()
}

#[test]
fn a_file_of_lines_and_the_answer_of_the_control_api_read_alike() {
    let (entries, session) = scene::played();
    let values: Vec<_> = entries.iter().map(|entry| json!(entry)).collect();
    let direct = Journal::of_entries(&entries);
    let answer = json!({"next": 9, "entries": values});
    let pretty = serde_json::to_string_pretty(&answer).unwrap();
    let broken_off = format!("{}{{\"n\": 99, \"atMs\"", lines(&values));
    let later =
        format!("{}{}\n", lines(&values), json!({"n": 999, "atMs": 1, "what": "from-a-later-version"}));
    for text in [lines(&values), answer.to_string(), pretty, json!(values).to_string(), broken_off, later] {
        assert_eq!(Journal::parse(&text), Ok(direct.clone()), "{}", &text[..80]);
    }
    assert!(Journal::parse(&lines(&values)).unwrap().of_session(&session).is_some());
    assert!(Journal::parse(r#"{"next": 1, "entries": []}"#).unwrap().conversations().is_empty());
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_line() {
    let (entries, _) = scene::played();
    let good = lines(&entries[..3].iter().map(|entry| json!(entry)).collect::<Vec<_>>());
    let said = |text: &str| Journal::parse(text).unwrap_err().to_string();
    let broken = said(&format!("{good}{{\"n\": 4, oh\n{good}"));
    assert!(broken.starts_with("line 4: it is not JSON: "), "{broken}");
    let strange = said(&format!("{good}\n{{\"name\": 4}}\n"));
    assert_eq!(strange, "line 5: it is no entry: an entry has `n`, `atMs` and `what`");
    assert_eq!(Journal::parse(" \n\n"), Err(InvalidJournal::Empty));
    for (text, kind) in [
        ("<svg xmlns='x'/>", "it is not a journal, but a picture, or other XML"),
        ("<!doctype html>", "it is not a journal, but HTML, or other markup"),
        (
            "{\"name\": \"package\"}",
            "it is not a journal, but other JSON: no `entries`, and no entries of a journal",
        ),
        ("[1, 2]", "it is not a journal, but other JSON: no `entries`, and no entries of a journal"),
        ("name: x\nsteps:\n  - open", "it is not a journal, but a scenario"),
        ("format = 1\n", "it is not a journal, but a profile of `avatar survey`"),
        ("hello", "it is not a journal, but other text: its first line is not JSON"),
        ("{\"n\": 1, \"atMs\"", "line 1: it is not JSON: EOF while parsing an object at line 1 column 15"),
    ] {
        assert_eq!(said(text), kind);
    }
    let newer = json!({"journal": "secondme-avatar-journal", "version": 7}).to_string();
    assert_eq!(Journal::parse(&newer), Err(InvalidJournal::Version(7)));
}

/// A recording as `docs/recording.md` describes it.
fn recording() -> String {
    let head = json!({"journal": "secondme-avatar-journal", "version": 1, "upstream": "https://example.org"});
    let call = |n: u64, at: u64, request: u64, path: &str, more: Value| {
        let mut line = json!({"n": n, "at_ms": at, "what": "request", "request": request, "from": "client",
            "method": "POST", "path": path, "headers": {}});
        line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        line
    };
    let answer = |n: u64, at: u64, request: u64, data: Value| {
        json!({"n": n, "at_ms": at, "what": "answer", "request": request, "status": 200, "from": "service",
            "body": {"code": 0, "data": data}})
    };
    let frame = |n: u64, at: u64, from: &str, body: Value| json!({"n": n, "at_ms": at, "what": "frame", "socket": 1, "from": from, "kind": "text", "body": body});
    let mine = json!({"headers": {"token": "tok", "fp": "web_1"}});
    let reply = |index: i64| {
        json!({"type": "msg", "sender": "umm", "sessionId": 7, "messageId": "r", "seqId": index.to_string(),
        "index": index, "multipleData": [{"modal": {"answer": "Tgk "}}]})
    };
    lines(&[
        head,
        call(1, 0, 1, "/gate/in/rest/open/avatar/auth", json!({"body": {"visitorId": "web_1"}})),
        answer(2, 150, 1, json!({"visitorToken": "tok"})),
        call(3, 160, 2, "/gate/in/rest/general/ws/create", mine.clone()),
        answer(4, 260, 2, json!({"wsId": "ws:1", "address": "ws://127.0.0.1:8300/gate/ws?ticket=abc"})),
        call(5, 270, 3, "/gate/in/rest/general/session/create", mine.clone()),
        answer(6, 370, 3, json!({"sessionId": 7})),
        call(
            7,
            380,
            4,
            "/gate/ws",
            json!({"query": "ticket=abc", "method": "GET", "headers": {"upgrade": "websocket"}}),
        ),
        json!({"n": 8, "at_ms": 480, "what": "answer", "request": 4, "status": 101}),
        json!({"n": 9, "at_ms": 480, "what": "socket", "request": 4, "socket": 1}),
        frame(10, 500, "client", json!({"type": "ping", "wsId": "ws:1"})),
        call(
            11,
            1_000,
            5,
            "/gate/in/rest/general/message/send",
            json!({"headers": {"token": "tok"},
            "body": {"messageId": "m", "sessionId": "7", "data": {"content": "Hxllx"}}}),
        ),
        frame(
            12,
            1_050,
            "service",
            json!({"type": "msg", "sender": "client", "messageId": "m", "sessionId": 7, "seqId": "m"}),
        ),
        answer(13, 1_100, 5, Value::Null),
        frame(14, 3_100, "service", reply(0)),
        frame(15, 3_600, "service", reply(-1)),
        json!({"n": 16, "at_ms": 4_000, "what": "frame", "socket": 1, "from": "service", "kind": "close", "code": 1_012}),
        json!({"n": 17, "at_ms": 4_001, "what": "end", "socket": 1, "by": "service", "how": "ended"}),
        call(18, 4_500, 6, "/gate/in/rest/general/ws/create", mine),
        json!({"n": 19, "at_ms": 9_500, "what": "no-answer", "request": 6, "why": "the client did not wait"}),
        json!({"n": 20, "at_ms": 9_600, "what": "summary", "requests": 6}),
    ])
}

#[test]
fn a_recording_tells_the_same_of_the_service_itself() {
    let journal = Journal::parse(&recording()).unwrap();
    let listed = journal.conversations();
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!((listed[0].session.as_deref(), listed[0].visitor.as_deref()), (Some("7"), Some("web_1")));
    let timeline = journal.of_session("7").unwrap();
    assert!(!timeline.is_clock);
    let calls = labels(&timeline, LaneKind::Calls);
    let wanted = [
        "auth 200",
        "ws/create 200",
        "session/create 200",
        "message/send 200",
        "ws/create no answer: the client did not wait",
    ];
    assert_eq!(calls, wanted);
    let waits = stretches(&timeline, StretchKind::FirstPiece);
    assert_eq!(waits, [(1_000, 3_100, "for the first piece after “Hxllx”")]);
    assert_eq!(spans(&timeline, SpanKind::Reply), [(3_100, 3_600, "500 ms")]);
    assert_eq!(spans(&timeline, SpanKind::Socket), [(480, 4_000, "socket, 1 ping")]);
    let lost = "no socket: closed 1012 by the service, and none until the end";
    assert_eq!(stretches(&timeline, StretchKind::NoSocket), [(4_000, 9_500, lost)]);
}
