//! The open questions about frames, under each of their answers.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod support;

use secondme_avatar_emulator::service::{
    ClientText, EndMark, FrameFields, IdForm, Millis, Redelivery, RepliesPerQuestion, Settings, Streaming,
};
use serde_json::{Value, json};
use support::*;

#[test]
fn frames_carry_all_fields_or_those_of_the_page() {
    for fields in FrameFields::ALL {
        let mut stage = Stage::new(Settings::default().frame_fields(*fields));
        let ann = stage.open(ANN);
        stage.take_pushes();
        stage.send(&ann, "Hello, tell me about yourself");
        stage.pass(Millis::seconds(2));
        stage.owner_says(&ann, "It is me");
        let frames = stage.frames(&ann);
        match fields {
            FrameFields::All | FrameFields::NoSession => {
                for name in ["messageId", "seqId", "index", "wsId", "type", "timestamp"] {
                    assert!(frames.iter().all(|frame| frame.get(name).is_some()), "{name}");
                }
                let named = frames.iter().filter(|frame| frame.get("sessionId").is_some()).count();
                assert_eq!(named, if *fields == FrameFields::All { frames.len() } else { 0 });
            }
            FrameFields::Documented => assert_eq!(
                frames,
                [
                    json!({"sender": "client", "sendUserId": ann.user_id,
                       "multipleData": [{"modal": {"answer": "Hello, tell me about yourself"}}]}),
                    json!({"sender": "umm",
                       "multipleData": [{"modal": {"answer": "You said: Hello, tell me about yourself"}}]}),
                    json!({"sender": "client", "sendUserId": "de4fh",
                       "multipleData": [{"modal": {"answer": "It is me"}}]}),
                ]
            ),
        }
    }
}

#[test]
fn an_unacknowledged_frame_is_not_sent_again() {
    let mut stage = Stage::new(Settings::default().redelivery(Redelivery::Never));
    let mut ann = stage.open(ANN);
    stage.owner_says(&ann, "Hi");
    stage.pass_alive(&ann, Millis::minutes(1));
    assert_eq!(stage.frames(&ann).len(), 1);
    stage.leave(&ann);
    stage.connect(&mut ann);
    assert_eq!(stage.frames(&ann), [] as [Value; 0]);
}

#[test]
fn an_unacknowledged_frame_is_sent_again_after_five_seconds_a_few_times() {
    let mut stage = Stage::new(Settings::default().redelivery(Redelivery::After5s));
    let ann = stage.open(ANN);
    stage.take_pushes();
    stage.owner_says(&ann, "Hi");
    let first = stage.frames(&ann);
    stage.pass(Millis::seconds(5) - Millis(1));
    assert_eq!(stage.frames(&ann), [] as [Value; 0]);
    stage.pass(Millis(1));
    assert_eq!(stage.frames(&ann), first, "the same frame");
    stage.pass_alive(&ann, Millis::minutes(1));
    assert_eq!(stage.frames(&ann).len(), 2, "not for ever");

    stage.owner_says(&ann, "Again");
    let seq_id = stage.frames(&ann)[0]["seqId"].clone();
    stage.say(&ann, &json!({"type": "ack", "seqId": seq_id, "wsId": ann.ws_id}));
    stage.pass_alive(&ann, Millis::minutes(1));
    assert_eq!(stage.frames(&ann), [] as [Value; 0], "it was acknowledged");
    assert_eq!(stage.service.state(stage.now).sockets[0].acks, 1);
}

#[test]
fn an_unacknowledged_frame_is_sent_again_at_the_next_connection() {
    let mut stage = Stage::new(Settings::default().redelivery(Redelivery::NextConnection));
    let mut ann = stage.open(ANN);
    stage.take_pushes();
    stage.owner_says(&ann, "First");
    stage.owner_says(&ann, "Second");
    let frames = stage.frames(&ann);
    stage.say(&ann, &json!({"type": "ack", "seqId": frames[0]["seqId"], "wsId": ann.ws_id}));
    stage.pass_alive(&ann, Millis::minutes(1));
    assert_eq!(stage.frames(&ann), [] as [Value; 0]);
    stage.leave(&ann);
    stage.connect(&mut ann);
    let again = stage.frames(&ann);
    assert_eq!(again.len(), 1);
    assert_eq!((&again[0]["seqId"], answer_text(&again[0]).as_str()), (&frames[1]["seqId"], "Second"));
    assert_eq!(again[0]["wsId"], json!(ann.ws_id), "it names the socket it comes over");
}

#[test]
fn numeric_ids_are_strings_or_numbers() {
    for form in IdForm::ALL {
        let mut stage = Stage::new(Settings::default().id_form(*form));
        let auth = data(&stage.auth(ANN));
        let mind_id = &auth["visitorMindId"];
        assert_eq!(mind_id.is_u64(), *form == IdForm::Number);
        assert_eq!(mind_id.is_string(), *form == IdForm::Text);
        let mut ann = support::Visit {
            visitor_id: ANN.to_owned(),
            token: text(&auth["visitorToken"]),
            user_id: text(&auth["visitorUserId"]),
            mind_id: mind_id.to_string().trim_matches('"').parse().unwrap(),
            owner: text(&auth["ownerUserId"]),
            encoded_mind_id: String::new(),
            ws_id: String::new(),
            address: String::new(),
            socket: secondme_avatar_emulator::service::SocketId(0),
            session: String::new(),
        };
        stage.init(&mut ann);
        let made = data(&stage.post(&ann, SESSION, &session(&ann)));
        let session_id = made["sessionId"].clone();
        assert_eq!(session_id.is_u64(), *form == IdForm::Number);
        data(&stage.post(&ann, BIND, &json!({"avatarId": 67, "sessionId": session_id})));
        ann.session = session_id.to_string().trim_matches('"').to_owned();
        stage.connect(&mut ann);
        let message = with(&stage.message(&ann, "Hello"), "sessionId", session_id.clone());
        stage.take_pushes();
        data(&stage.post(&ann, SEND, &message));
        assert_eq!(stage.frames(&ann)[0]["sessionId"], session_id);
    }
}

#[test]
fn a_reply_comes_in_pieces_or_whole() {
    for streaming in Streaming::ALL {
        let mut stage = Stage::new(Settings::default().streaming(*streaming));
        let ann = stage.open(ANN);
        let frames = stage.ask(&ann, "Hello, tell me about yourself");
        assert_eq!(replies(&frames), "You said: Hello, tell me about yourself");
        match streaming {
            Streaming::Pieces => assert!(frames.len() > 3),
            Streaming::Whole => {
                assert_eq!(frames.len(), 2);
                assert_eq!(frames[1].get("index"), None);
            }
        }
    }
}

#[test]
fn a_streamed_reply_ends_as_the_switch_says() {
    for end in EndMark::ALL {
        let mut stage = Stage::new(Settings::default().end_mark(*end));
        let ann = stage.open(ANN);
        let frames = stage.ask(&ann, "Hello, tell me about yourself");
        assert_eq!(replies(&frames), "You said: Hello, tell me about yourself");
        let pieces: Vec<_> =
            frames[1..].iter().map(|frame| (frame["index"].as_i64().unwrap(), answer_text(frame))).collect();
        let ends: Vec<_> = pieces.iter().filter(|(index, _)| *index == -1).collect();
        let last = pieces.last().unwrap();
        match end {
            EndMark::LastPiece => assert!(ends.len() == 1 && last.0 == -1 && !last.1.is_empty()),
            EndMark::Empty => assert!(ends.len() == 1 && last.0 == -1 && last.1.is_empty()),
            EndMark::Missing => assert!(ends.is_empty()),
            EndMark::Twice => assert!(ends.len() == 2 && pieces[0] == (-1, String::new()) && last.0 == -1),
        }
    }
}

#[test]
fn the_text_of_echo_and_owner_stands_in_either_place() {
    for place in ClientText::ALL {
        let mut stage = Stage::new(Settings::default().client_text(*place));
        let ann = stage.open(ANN);
        stage.take_pushes();
        stage.send(&ann, "Hello");
        stage.owner_says(&ann, "Hi");
        for (frame, text) in stage.frames(&ann).iter().zip(["Hello", "Hi"]) {
            match place {
                ClientText::MultipleData => assert_eq!(answer_text(frame), text),
                ClientText::Content => {
                    assert_eq!((&frame["data"]["content"], frame.get("multipleData")), (&json!(text), None));
                }
            }
        }
    }
}

#[test]
fn a_question_is_answered_in_so_many_messages_behind_both_doors() {
    for (answer, count) in
        [(RepliesPerQuestion::One, 1), (RepliesPerQuestion::Two, 2), (RepliesPerQuestion::Three, 3)]
    {
        let mut stage = Stage::new(Settings::default().replies_per_question(answer));
        let ann = stage.open(ANN);
        let of_api = stage.ask(&ann, "Hello");
        let ben = stage.chat(BEN);
        data(&stage.chat_send(&ben, "Hello"));
        stage.pass(Millis::seconds(10));
        let of_chat = stage.chat_frames(&ben);
        for frames in [of_api, of_chat] {
            let by_avatar = frames.iter().filter(|frame| frame["sender"] == "umm");
            let ids: std::collections::BTreeSet<_> =
                by_avatar.map(|frame| text(&frame["messageId"])).collect();
            assert_eq!(ids.len(), count, "{answer}");
            // Each of them is whole.
            assert_eq!(replies(&frames), "You said: Hello".repeat(count), "{answer}");
            let ends = frames.iter().filter(|frame| frame["index"] == -1).count();
            assert_eq!(ends, count, "{answer}");
        }
    }
}
