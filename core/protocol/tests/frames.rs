//! What comes over the socket, frame by frame.

#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod support;

use std::time::Duration;

use secondme_avatar_protocol::{
    Author, Config, ConversationKey, Ended, EventKind, NoticeKind, Part, Raw, Reply, Step, limits,
};
use serde_json::{Value, json};

use support::{FIRST, OWNER, Peer, SECOND, USER, WS, echo, owner, piece};

fn texts(kinds: &[EventKind]) -> Vec<String> {
    let text = |kind: &EventKind| match kind {
        EventKind::ReplyDelta { text, .. } => Some(format!("+{text}")),
        EventKind::Reply(reply) => Some(format!("={}", reply.text)),
        EventKind::OwnerReply(reply) => Some(format!("owner={}", reply.text)),
        EventKind::Delivered { text, .. } => Some(format!("echo={text}")),
        EventKind::Unattributed { text, .. } => Some(format!("?{text}")),
        EventKind::Unknown => Some("unknown".to_owned()),
        _ => None,
    };
    kinds.iter().filter_map(text).collect()
}

fn reply(kinds: &[EventKind]) -> &Reply {
    fn whole(kind: &EventKind) -> Option<&Reply> {
        match kind {
            EventKind::Reply(reply) => Some(reply),
            _ => None,
        }
    }
    kinds.iter().find_map(whole).expect("a reply")
}

#[test]
fn pieces_of_one_reply_are_put_together_and_the_mark_ends_it() {
    let mut peer = Peer::live();
    peer.piece("r1", 0, "Hel");
    peer.piece("r1", 1, "lo");
    peer.piece("r1", -1, "!");
    let kinds = peer.happened();
    assert_eq!(texts(&kinds), ["+Hel", "+lo", "+!", "=Hello!"]);
    assert_eq!(reply(&kinds).ended, Ended::Mark);
    assert_eq!(reply(&kinds).id.as_ref().unwrap().as_str(), "r1");
}

#[test]
fn an_end_mark_without_content_ends_a_reply_and_adds_nothing() {
    let mut peer = Peer::live();
    peer.piece("r1", 0, "Hello");
    peer.frame(json!({"sender": "umm", "messageId": "r1", "seqId": "e", "index": -1, "multipleData": []}));
    assert_eq!(texts(&peer.happened()), ["+Hello", "=Hello"]);
}

#[test]
fn an_end_before_any_content_does_not_end_the_reply_that_follows() {
    let mut peer = Peer::live();
    peer.frame(json!({"sender": "umm", "messageId": "r1", "seqId": "e", "index": -1, "multipleData": []}));
    peer.piece("r1", 0, "Hel");
    peer.piece("r1", 1, "lo");
    assert_eq!(texts(&peer.happened()), ["+Hel", "+lo"]);
    peer.frame(json!({"sender": "umm", "messageId": "r1", "seqId": "e2", "index": -1}));
    assert_eq!(texts(&peer.happened()), ["=Hello"]);
}

#[test]
fn a_reply_without_an_index_is_whole() {
    let mut peer = Peer::live();
    peer.frame(json!({"sender": "umm", "multipleData": [{"modal": {"answer": "All of it"}}]}));
    let kinds = peer.happened();
    assert_eq!(texts(&kinds), ["+All of it", "=All of it"]);
    assert_eq!(reply(&kinds).ended, Ended::Whole);
}

#[test]
fn a_reply_whose_end_never_comes_ends_by_silence_after_three_seconds_and_says_so() {
    let mut peer = Peer::live();
    peer.piece("r1", 0, "Hello");
    peer.pass(limits::REPLY_IDLE - Duration::from_millis(1));
    assert_eq!(texts(&peer.happened()), ["+Hello"]);
    peer.pass(Duration::from_millis(1));
    let kinds = peer.happened();
    assert_eq!((texts(&kinds), reply(&kinds).ended), (vec!["=Hello".to_owned()], Ended::Silence));
}

#[test]
fn the_silence_that_ends_a_reply_is_an_option() {
    let mut peer = Peer::live_with(Config { reply_idle: Duration::from_millis(250), ..Config::default() });
    peer.piece("r1", 0, "Hello");
    peer.pass(Duration::from_millis(250));
    assert_eq!(reply(&peer.happened()).ended, Ended::Silence);
}

#[test]
fn silence_means_nothing_while_nothing_is_read_and_begins_again_with_the_reading() {
    let mut peer = Peer::live();
    peer.piece("r1", 0, "Hel");
    peer.input(secondme_avatar_protocol::Input::Reading(false));
    peer.pass(Duration::from_secs(60));
    peer.input(secondme_avatar_protocol::Input::Reading(true));
    peer.pass(Duration::from_secs(1));
    peer.piece("r1", -1, "lo");
    assert_eq!(reply(&peer.happened()).text, "Hello");
}

#[test]
fn a_reply_longer_than_is_put_together_is_handed_on_and_the_rest_answers_the_same_question() {
    let mut peer = Peer::live();
    let ask = peer.ask("Tell me all");
    let message = peer.message_id();
    peer.grant(secondme_avatar_protocol::Step::SendMessage, Value::Null);
    peer.piece("r1", 0, &"x".repeat(limits::REPLY_BYTES));
    assert_eq!(peer.replied(ask).len(), limits::REPLY_BYTES);
    assert_eq!(reply(&peer.happened()).ended, Ended::Limit);

    let next = peer.ask("And you?");
    peer.grant(secondme_avatar_protocol::Step::SendMessage, Value::Null);
    peer.piece("r1", -1, "the rest");
    let kinds = peer.happened();
    assert_eq!(reply(&kinds).text, "the rest");
    assert_eq!(reply(&kinds).in_reply_to.as_ref().unwrap().as_str(), message);
    assert!(peer.is_waiting(next), "the rest of an old reply is no answer to a new question");
}

#[test]
fn a_piece_after_the_silence_does_not_answer_the_next_question() {
    let mut peer = Peer::live();
    let first = peer.ask("One?");
    peer.grant(secondme_avatar_protocol::Step::SendMessage, Value::Null);
    peer.piece("r1", 0, "One");
    peer.pass(limits::REPLY_IDLE);
    assert_eq!(peer.replied(first), "One");
    let second = peer.ask("Two?");
    peer.grant(secondme_avatar_protocol::Step::SendMessage, Value::Null);
    peer.piece("r1", -1, " late");
    assert!(peer.is_waiting(second));
    peer.piece("r2", -1, "Two");
    assert_eq!(peer.replied(second), "Two");
}

#[test]
fn the_whole_reply_after_its_pieces_adds_only_what_is_new() {
    let mut peer = Peer::live();
    peer.piece("r1", 0, "Hel");
    peer.frame(json!({"sender": "umm", "messageId": "r1", "seqId": "w", "multipleData": [{"modal": {"answer": "Hello"}}]}));
    assert_eq!(texts(&peer.happened()), ["+Hel", "+lo", "=Hello"]);
    peer.frame(json!({"sender": "umm", "messageId": "r1", "seqId": "w2", "multipleData": [{"modal": {"answer": "Hello"}}]}));
    assert_eq!(texts(&peer.happened()), Vec::<String>::new(), "the same reply in one, again");
}

#[test]
fn replies_without_a_name_are_told_apart_by_their_first_piece() {
    let mut peer = Peer::live();
    let unnamed = |index: i64, text: &str| json!({"sender": "umm", "index": index, "multipleData": [{"modal": {"answer": text}}]});
    peer.frame(unnamed(0, "On"));
    peer.frame(unnamed(1, "e"));
    peer.frame(unnamed(0, "Two"));
    peer.frame(unnamed(-1, "."));
    assert_eq!(texts(&peer.happened()), ["+On", "+e", "=One", "+Two", "+.", "=Two."]);
}

#[test]
fn text_cards_sources_and_speech_are_parts_of_a_reply_in_order() {
    let mut peer = Peer::live();
    let template = json!({"templateName": "citation", "params": {"citation": "1", "link": "https://a.test"}});
    peer.frame(json!({
        "sender": "umm", "messageId": "r1", "index": 0, "seqId": "a",
        "multipleData": [
            {"singleDataType": "text", "modal": {"answer": "See", "speech": {"url": "a.mp3"}}},
            {"singleDataType": "template", "modal": {"template": template.to_string()}},
            {"singleDataType": "text", "modal": {"answer": "there"}},
        ],
        "sources": [{"title": "A"}],
    }));
    peer.frame(json!({"sender": "umm", "messageId": "r1", "index": -1, "seqId": "b",
        "multipleData": [{"modal": {"answer": "."}}], "sources": [{"title": "B"}]}));
    let kinds = peer.happened();
    let reply = reply(&kinds);
    assert_eq!(reply.text, "Seethere.");
    let [Part::Text(see), Part::Card(card), Part::Text(there)] = &reply.parts[..] else { panic!() };
    assert_eq!((see.as_str(), there.as_str()), ("See", "there."));
    assert_eq!((card.template.as_str(), &card.params["link"]), ("citation", &json!("https://a.test")));
    assert_eq!(reply.sources.iter().map(|source| &source["title"]).collect::<Vec<_>>(), ["A", "B"]);
    assert_eq!(reply.speech[0]["url"], "a.mp3");
}

#[test]
fn a_card_that_cannot_be_read_is_handed_on_as_it_came() {
    let mut peer = Peer::live();
    peer.frame(json!({"sender": "umm", "multipleData": [{"modal": {"template": "{half"}}]}));
    let kinds = peer.happened();
    let [Part::Card(card)] = &reply(&kinds).parts[..] else { panic!() };
    assert_eq!((card.template.as_str(), card.params.as_str()), ("", Some("{half")));
}

#[test]
fn an_echo_is_known_by_its_sender_or_by_its_message_and_comes_once() {
    let mut peer = Peer::live();
    peer.send("Hello");
    let message = peer.message_id();
    peer.frame(echo(&message, "Hello"));
    let mut again = echo(&message, "Hello");
    again["seqId"] = json!("another");
    peer.frame(again);
    // Of another device of the same visitor.
    peer.frame(json!({"sender": "client", "sendUserId": USER, "multipleData": [{"modal": {"answer": "From there"}}]}));
    assert_eq!(texts(&peer.happened()), ["echo=Hello", "echo=From there"]);
}

#[test]
fn an_echo_is_not_taken_for_the_owner_while_another_token_is_fetched() {
    let mut peer = Peer::live();
    peer.send("Hello");
    peer.refuse(secondme_avatar_protocol::Step::SendMessage, 401, "no");
    peer.frame(json!({"sender": "client", "sendUserId": USER, "data": {"content": "From there"}}));
    assert_eq!(texts(&peer.happened()), ["echo=From there"]);
}

#[test]
fn the_owner_is_any_other_client_and_may_write_in_either_place() {
    let mut peer = Peer::live();
    peer.frame(owner("o1", "It is me"));
    peer.frame(json!({"sender": "client", "sendUserId": OWNER, "data": {"content": "Me again"}}));
    assert_eq!(texts(&peer.happened()), ["owner=It is me", "owner=Me again"]);
}

#[test]
fn hints_recommendations_tasks_and_notices_are_notices() {
    let mut peer = Peer::live();
    for kind in ["hint", "recommend", "task", "notice"] {
        peer.frame(json!({"type": kind, "sender": "sys", "data": {"content": format!("a {kind}")}}));
    }
    let notices: Vec<_> = peer
        .happened()
        .into_iter()
        .map(|kind| match kind {
            EventKind::Notice { kind, text } => (kind.name(), text.into_string(), kind),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        notices.iter().map(|notice| notice.0).collect::<Vec<_>>(),
        ["hint", "recommend", "task", "notice"]
    );
    assert!(notices.iter().all(|(name, text, _)| *text == format!("a {name}")));
    assert_eq!(notices[0].2, NoticeKind::Hint);
}

#[test]
fn the_socket_s_own_frames_are_no_events() {
    let mut peer = Peer::live();
    for kind in ["ping", "pong", "ack", "cmd"] {
        peer.frame(json!({"type": kind, "wsId": WS, "seqId": kind}));
    }
    assert!(peer.happened().is_empty() && peer.frames.is_empty());
}

#[test]
fn unknown_types_and_senders_and_fields_are_kept_and_handed_on() {
    let mut peer = Peer::live();
    let frame = json!({"type": "hologram", "sender": "umm", "shape": [1, {"a": null}]}).to_string();
    peer.text(&frame);
    assert_eq!(peer.events[0].raw.as_ref().map(Raw::as_str), Some(frame.as_str()));
    peer.frame(json!({"sender": "ghost", "multipleData": [{"modal": {"answer": "Boo"}}]}));
    assert_eq!(texts(&peer.happened()), ["unknown", "unknown"]);
    let mut extended = piece("r1", -1, "Hello");
    extended["novelty"] = json!({"deep": [true]});
    extended["multipleData"][0]["modal"]["novelty"] = json!(7);
    peer.frame(extended);
    assert_eq!(texts(&peer.happened()), ["+Hello", "=Hello"]);
}

#[test]
fn one_odd_field_does_not_cost_the_rest_of_the_frame() {
    let mut peer = Peer::live();
    for (at, odd) in [json!("x"), json!({}), json!([null, 7, {"modal": "x"}, {"modal": {"answer": ["x"]}}])]
        .into_iter()
        .enumerate()
    {
        peer.frame(
            json!({"sender": "umm", "seqId": at, "messageId": {"a": 1}, "index": [], "timestamp": true,
            "multipleData": odd, "data": {"content": "Still here"}}),
        );
    }
    assert_eq!(texts(&peer.happened()), ["+Still here", "=Still here"].repeat(3));
    assert_eq!(peer.machine.counters().malformed, 0);
}

#[test]
fn what_is_no_json_object_is_counted_and_handed_on_raw() {
    let mut peer = Peer::live();
    for text in ["", "null", "[]", "[{\"type\":\"msg\"}]", "{\"sender\":", "\u{0}", "hello"] {
        peer.text(text);
    }
    assert_eq!(peer.machine.counters().malformed, 7);
    assert_eq!(texts(&peer.happened()), ["unknown"; 7]);
}

#[test]
fn a_frame_for_another_socket_is_counted_and_dropped() {
    let mut peer = Peer::live();
    let mut frame = piece("r1", 0, "Hello");
    frame["wsId"] = json!("ws:another");
    peer.frame(frame);
    assert!(peer.happened().is_empty() && peer.frames.is_empty());
    assert_eq!(peer.machine.counters().foreign, 1);
}

#[test]
fn a_frame_that_comes_twice_is_delivered_once_and_acknowledged_twice() {
    let mut peer = Peer::live();
    peer.piece("r1", 0, "Hello");
    peer.piece("r1", 0, "Hello");
    assert_eq!(texts(&peer.happened()), ["+Hello"]);
    assert_eq!(peer.machine.counters().duplicates, 1);
    let ack = json!({"type": "ack", "seqId": "r1/0", "wsId": WS});
    let acks: Vec<Value> = peer.frames.iter().map(|(_, text)| serde_json::from_str(text).unwrap()).collect();
    assert_eq!(acks, [ack.clone(), ack]);
}

#[test]
fn acknowledgements_can_be_switched_off_and_a_frame_without_a_name_gets_none() {
    let mut peer = Peer::live_with(Config { acknowledge: false, ..Config::default() });
    peer.piece("r1", 0, "Hello");
    assert!(peer.frames.is_empty());
    let mut peer = Peer::live();
    peer.frame(json!({"sender": "umm", "multipleData": [{"modal": {"answer": "Hello"}}]}));
    assert!(peer.frames.is_empty());
}

#[test]
fn an_acknowledgement_repeats_any_name_exactly() {
    let mut peer = Peer::live();
    peer.frame(json!({"sender": "umm", "seqId": "a\"\\\n\u{1F44B}", "multipleData": []}));
    let ack: Value = serde_json::from_str(&peer.frames[0].1).unwrap();
    assert_eq!(ack["seqId"], "a\"\\\n\u{1F44B}");
}

fn two_sessions() -> Peer {
    let mut peer = Peer::live();
    peer.open(SECOND);
    peer.serve();
    peer.happened();
    peer
}

fn whose(peer: &Peer) -> Vec<(Option<ConversationKey>, String)> {
    let events = peer.events.iter();
    events
        .flat_map(|event| {
            texts(std::slice::from_ref(&event.kind)).into_iter().map(|text| (event.conversation, text))
        })
        .collect()
}

#[test]
fn several_sessions_share_a_socket_and_their_frames_are_told_apart_by_the_session() {
    let mut peer = two_sessions();
    assert_eq!(peer.opened.len(), 1);
    peer.piece("r1", -1, "First");
    let mut second = piece("r2", -1, "Second");
    second["sessionId"] = json!("another-session-id");
    peer.frame(second);
    let expected = [(FIRST, "+First"), (FIRST, "=First"), (SECOND, "+Second"), (SECOND, "=Second")];
    assert_eq!(whose(&peer), expected.map(|(key, text)| (Some(key), text.to_owned())));
}

#[test]
fn a_frame_of_a_session_that_is_not_open_here_belongs_to_no_conversation_and_is_delivered() {
    let mut peer = two_sessions();
    let mut frame = piece("r1", 0, "Whose?");
    frame["sessionId"] = json!("a-third-session-id");
    peer.frame(frame);
    assert_eq!(whose(&peer), [(None, "unknown".to_owned())]);
    assert_eq!(peer.machine.counters().unrouted, 1);
}

#[test]
fn a_frame_without_a_session_goes_to_the_only_one_and_with_several_to_all_as_unattributed() {
    let mut peer = two_sessions();
    peer.frame(json!({"sender": "umm", "multipleData": [{"modal": {"answer": "Whose?"}}]}));
    let expected = [FIRST, SECOND].map(|key| (Some(key), "?Whose?".to_owned()));
    assert_eq!(whose(&peer), expected);
    assert!(matches!(&peer.events[0].kind, EventKind::Unattributed { author: Author::Avatar, .. }));
}

#[test]
fn a_frame_without_a_session_that_names_a_message_of_ours_is_that_conversation_s() {
    let mut peer = two_sessions();
    peer.send("Hello");
    let mut frame = echo(&peer.message_id(), "Hello");
    frame.as_object_mut().unwrap().remove("sessionId");
    peer.frame(frame);
    assert_eq!(whose(&peer), [(Some(FIRST), "echo=Hello".to_owned())]);
}

#[test]
fn a_frame_that_is_quicker_than_the_answer_that_names_its_session_is_kept_for_it() {
    let mut peer = Peer::live();
    peer.open(SECOND);
    assert!(peer.asks(Step::CreateSession));
    let early = |session: &str| {
        json!({"sender": "client", "sendUserId": OWNER, "sessionId": session, "seqId": session,
               "data": {"content": "Welcome"}})
    };
    peer.frame(early("another-session-id"));
    peer.frame(early("unknown-session"));
    assert!(!peer.kinds().any(|kind| matches!(kind, EventKind::OwnerReply(_) | EventKind::Unknown)));
    peer.serve();
    let heard =
        |wanted: fn(&EventKind) -> bool| peer.events.iter().filter(|event| wanted(&event.kind)).count();
    assert_eq!(heard(|kind| matches!(kind, EventKind::OwnerReply(_))), 1);
    assert_eq!(heard(|kind| matches!(kind, EventKind::Unknown)), 1, "the other one has no conversation");
    assert_eq!(peer.machine.counters().unrouted, 1);
}
