//! Half a character in a JSON string, as a service writes it that cuts its text in the middle of a surrogate pair.

#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod support;

use secondme_avatar_protocol::{Ended, EventKind, Gap, Outcome, Part, Reply, State, Step, limits};

use support::{FIRST, Peer};

/// A piece of a reply, its text as it stands in the JSON.
fn piece(reply: &str, index: i64, text: &str) -> String {
    let modal = format!(r#"{{"singleDataType": "text", "modal": {{"answer": "{text}"}}}}"#);
    format!(
        r#"{{"type": "msg", "sender": "umm", "sessionId": "your-session-id", "messageId": "{reply}",
        "seqId": "{reply}/{index}", "index": {index}, "multipleData": [{modal}]}}"#
    )
}

fn deltas(events: &[EventKind]) -> Vec<String> {
    let text = |kind: &EventKind| match kind {
        EventKind::ReplyDelta { text, .. } => Some(text.as_str().to_owned()),
        _ => None,
    };
    events.iter().filter_map(text).collect()
}

fn reply(events: &[EventKind]) -> Reply {
    let reply = events.iter().find_map(|kind| match kind {
        EventKind::Reply(reply) | EventKind::OwnerReply(reply) => Some((**reply).clone()),
        _ => None,
    });
    reply.unwrap_or_else(|| panic!("no reply among {events:?}"))
}

#[test]
fn a_character_cut_in_two_by_the_end_of_a_piece_is_whole_in_the_reply() {
    let mut peer = Peer::live();
    let ask = peer.ask("Hi?");
    peer.serve();
    for (index, text) in [(0, r"Hi \ud83d"), (1, r"\udc4d there \uD83D"), (2, r"\uDE00"), (-1, "!")] {
        peer.text(&piece("r1", index, text));
    }
    let happened = peer.happened();
    assert_eq!(deltas(&happened), ["Hi ", "👍 there ", "😀", "!"]);
    assert_eq!(reply(&happened).text, "Hi 👍 there 😀!");
    assert_eq!(reply(&happened).parts, [Part::Text("Hi 👍 there 😀!".into())]);
    assert_eq!(peer.replied(ask), "Hi 👍 there 😀!");
    let streamed: String = peer.pieces.iter().map(|(_, _, text)| text.as_str()).collect();
    assert_eq!(streamed, "Hi 👍 there 😀!");
    let acknowledged = |seq: &str| peer.frames.iter().any(|(_, frame)| frame.contains(seq));
    assert!(["r1/0", "r1/1", "r1/2"].into_iter().all(acknowledged), "{:?}", peer.frames);
}

#[test]
fn half_a_character_without_the_other_half_is_the_replacement_character() {
    for (pieces, whole) in [
        (&[(0, r"a\ud83d"), (-1, "")][..], "a\u{fffd}"),
        (&[(0, r"a\ud83d"), (-1, "b")], "a\u{fffd}b"),
        (&[(0, r"\udc4da"), (-1, "b")], "\u{fffd}ab"),
        (&[(0, r"\ud83d"), (1, r"\ud83d"), (-1, r"\udc4d")], "\u{fffd}👍"),
        (&[(0, r"a\ud83db"), (-1, "")], "a\u{fffd}b"),
        (&[(-1, r"a\ud83d")], "a\u{fffd}"),
        (&[(0, r"\ud83d"), (-1, r"\udc4d")], "👍"),
    ] {
        let mut peer = Peer::live();
        pieces.iter().for_each(|(index, text)| peer.text(&piece("r1", *index, text)));
        let happened = peer.happened();
        assert_eq!(reply(&happened).text, whole, "{pieces:?}");
        assert_eq!(deltas(&happened).concat(), whole, "{pieces:?}");
    }
}

#[test]
fn a_reply_that_ends_by_silence_in_the_middle_of_a_character_says_so_in_its_last_piece() {
    let mut peer = Peer::live();
    peer.text(&piece("r1", 0, r"a\ud83d"));
    peer.pass(limits::REPLY_IDLE);
    let happened = peer.happened();
    assert_eq!((reply(&happened).text.as_str(), reply(&happened).ended), ("a\u{fffd}", Ended::Silence));
    assert_eq!(deltas(&happened).concat(), "a\u{fffd}");
}

#[test]
fn two_replies_side_by_side_do_not_mix_their_halves() {
    let mut peer = Peer::live();
    for (reply, index, text) in
        [("r1", 0, r"\ud83d"), ("r2", 0, r"\ud83d"), ("r1", -1, r"\udc4d"), ("r2", -1, r"\ude00")]
    {
        peer.text(&piece(reply, index, text));
    }
    assert_eq!(deltas(&peer.happened()), ["👍", "😀"]);
}

#[test]
fn every_other_text_of_a_frame_is_read_as_well() {
    let owner = r#"{"sender": "client", "sendUserId": "de4fh", "seqId": "o1", "messageId": "o1",
        "sessionId": "your-session-id", "data": {"content": "me \ud83d"}}"#;
    let mut peer = Peer::live();
    peer.text(owner);
    assert_eq!(reply(&peer.happened()).text, "me \u{fffd}");

    peer.text(r#"{"type": "hint", "seqId": "h1", "multipleData": [{"modal": {"answer": "\udc4d a hint"}}]}"#);
    let [EventKind::Notice { text, .. }] = &peer.happened()[..] else { panic!() };
    assert_eq!(text.as_str(), "\u{fffd} a hint");

    peer.text(r#"{"type": "sys", "seqId": "s1", "subCode": "a.code", "subCodeReason": "\ud83d"}"#);
    let [EventKind::ServiceError(failure)] = &peer.happened()[..] else { panic!() };
    assert_eq!(failure.reason.as_deref(), Some("\u{fffd}"));

    let card = r#"{"sender": "umm", "seqId": "c1", "messageId": "c1", "sources": [{"title": "\ud83d"}],
        "multipleData": [{"modal": {"template": "{\"templateName\": \"image\", \"params\": {\"t\": \"\\ud83d\"}}",
        "speech": {"url": "\ud83d"}}}]}"#;
    peer.text(card);
    let reply = reply(&peer.happened());
    let [Part::Card(card)] = &reply.parts[..] else { panic!("{reply:?}") };
    assert_eq!((card.template.as_str(), card.params["t"].as_str()), ("image", Some("\u{fffd}")));
    assert_eq!(reply.sources[0]["title"].as_str(), Some("\u{fffd}"));
    assert_eq!(reply.speech[0]["url"].as_str(), Some("\u{fffd}"));
}

#[test]
fn the_opening_and_the_avatar_s_name_may_hold_half_a_character() {
    let mut peer = Peer::new();
    let open = peer.open(FIRST);
    let call = peer.quota.pop().unwrap();
    peer.input(secondme_avatar_protocol::Input::QuotaGranted(call));
    let mut answer = peer.page(Step::Authenticate);
    answer["avatarName"] = "HALF".into();
    let body = serde_json::json!({"code": 0, "data": answer}).to_string().replace("HALF", r"Ada \ud83d");
    peer.reply(Step::Authenticate, 200, &body);
    let body = r#"{"code": 0, "data": {"mindId": "3m24e99h3mbp", "opening": "Hello! \ud83d"}}"#;
    peer.reply(Step::InitChat, 200, body);
    peer.serve();
    let Ok(Outcome::Opened { opening, .. }) = peer.result(open) else { panic!() };
    assert_eq!(opening.as_str(), "Hello! \u{fffd}");
    assert_eq!(peer.machine.avatar_name(), Some("Ada \u{fffd}"));
    assert_eq!(peer.machine.state(FIRST), State::Live);
}

#[test]
fn a_refusal_with_half_a_character_in_its_words_is_the_service_s() {
    let mut peer = Peer::live();
    let send = peer.send("Hello");
    let body = r#"{"code": "message.length.limit", "message": "too long \ud83d"}"#;
    peer.reply(Step::SendMessage, 400, body);
    assert_eq!(peer.error(send).code(), Some("message.length.limit"));
}

#[test]
fn what_a_gap_and_the_history_hold_is_put_together_as_what_came_over_the_socket() {
    let page =
        format!(r#"{{"code": 0, "data": [{}, {}]}}"#, piece("r1", 1, r"\udc4d \ud83d"), piece("r1", -1, ""));
    let mut peer = Peer::live();
    peer.text(&piece("r1", 0, r"Hi \ud83d"));
    peer.lose();
    peer.pass(limits::BACKOFF_FIRST);
    let data = peer.page(Step::CreateSocket);
    peer.grant(Step::CreateSocket, data);
    peer.up();
    peer.reply(Step::QueryMessages, 200, &page);
    peer.serve();
    let happened = peer.happened();
    assert_eq!(reply(&happened).text, "Hi 👍 \u{fffd}");
    assert!(happened.iter().any(|kind| matches!(kind, EventKind::Reconnected { gap: Gap::Filled { .. } })));

    let mut peer = Peer::live();
    let history = peer.history(10);
    let all = format!(
        r#"{{"code": 0, "data": [{}, {}]}}"#,
        piece("r1", 0, r"Hi \ud83d"),
        piece("r1", -1, r"\udc4d")
    );
    peer.reply(Step::QueryMessages, 200, &all);
    peer.serve();
    let Ok(Outcome::History(messages)) = peer.result(history) else { panic!() };
    assert_eq!(messages.iter().map(|message| message.text.as_str()).collect::<Vec<_>>(), ["Hi 👍"]);
}
