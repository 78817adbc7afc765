//! Each open question of the protocol, under each of its answers.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod support;

use secondme_avatar_emulator::service::{
    ClientText, CloseCode, CloseHow, DeadSocketSend, DeadToken, Delivery, EndMark, Extensions, FailureShape,
    FailureStatus, FrameFields, Headers, HistoryCalls, IdForm, Millis, Origin, OtherClients, Pings, Push,
    Redelivery, RepeatedMessage, RepliesPerQuestion, SecondSocket, Settings, Streaming, TakeoverSilence,
    TokenLifetime,
};
use serde_json::{Value, json};
use support::*;

#[test]
fn the_code_of_a_failure_stands_where_the_switch_says() {
    for shape in FailureShape::ALL {
        let mut stage = Stage::new(Settings::default().failure_shape(*shape));
        let body = body(&stage.request(auth(&json!({"visitorId": "x"}))));
        let dotted = json!("open.api.invalid.visitor.id");
        match shape {
            FailureShape::Code => assert_eq!(body["code"], dotted),
            FailureShape::SubCode => assert_eq!((&body["subCode"], &body["code"]), (&dotted, &json!(400))),
            FailureShape::Message => assert_eq!((&body["message"], &body["code"]), (&dotted, &json!(400))),
            FailureShape::Msg => assert_eq!((&body["msg"], &body["code"]), (&dotted, &json!(400))),
            FailureShape::ErrorCode => {
                assert_eq!((&body["error_code"], &body["code"]), (&dotted, &json!(400)));
            }
            FailureShape::Detail => assert_eq!((&body["detail"], &body["code"]), (&dotted, &json!(400))),
        }
    }
}

#[test]
fn the_status_of_a_failure_is_200_or_the_fitting_one() {
    for status in FailureStatus::ALL {
        let mut settings = Settings::default().failure_status(*status).quota_per_minute(3);
        settings.keys.push(settings.keys[0].clone());
        settings.keys[1].key = "sk-off".to_owned();
        settings.keys[1].disabled = true;
        let mut stage = Stage::new(settings);
        let fitting = *status == FailureStatus::Fitting;
        let request = |key: &str, id: &str| {
            let request = secondme_avatar_emulator::service::Request::new("POST", AUTH);
            request.json(&json!({"visitorId": id})).header("Authorization", &format!("Bearer {key}"))
        };
        for (key, id, wanted) in [
            ("", ANN, 401),
            ("sk-no", ANN, 401),
            ("sk-off", ANN, 403),
            ("sk-emulator", "x", 400),
            ("sk-emulator", "x", 400),
            ("sk-emulator", "x", 400),
            ("sk-emulator", ANN, 429),
        ] {
            let answer = stage.request(request(key, id));
            assert_eq!(answer.status, if fitting { wanted } else { 200 });
        }
    }
}

#[test]
fn a_dead_token_gets_401_or_a_code() {
    for dead in DeadToken::ALL {
        for status in FailureStatus::ALL {
            let settings = Settings::default().token_lifetime(TokenLifetime::Calls(0));
            let mut stage = Stage::new(settings.dead_token(*dead).failure_status(*status));
            let ann = stage.arrive(ANN);
            let answer = stage.get(&ann, PUBLIC);
            let wanted = if *dead == DeadToken::Unauthorized { 401 } else { 200 };
            assert_eq!((answer.status, code(&answer).as_str()), (wanted, "visitor.token.invalid"));
        }
    }
}

#[test]
fn the_avatar_is_silent_until_handed_back() {
    let settings = Settings::default().takeover_silence(TakeoverSilence::UntilHandedBack);
    let mut stage = Stage::new(settings);
    let ann = stage.open(ANN);
    stage.take_over(&ann);
    stage.pass_alive(&ann, Millis::minutes(600));
    assert_eq!(replies(&stage.ask(&ann, "Hello")), "");
    stage.hand_back(&ann);
    assert_eq!(replies(&stage.ask(&ann, "Hello")), "You said: Hello");
}

#[test]
fn the_avatar_is_silent_for_some_minutes_after_the_owners_last_message() {
    let settings = Settings::default().takeover_silence(TakeoverSilence::Minutes(5));
    let mut stage = Stage::new(settings);
    let ann = stage.open(ANN);
    stage.take_over(&ann);
    stage.pass_alive(&ann, Millis::minutes(4));
    stage.owner_says(&ann, "Still me");
    stage.pass_alive(&ann, Millis::minutes(4));
    assert_eq!(replies(&stage.ask(&ann, "Hello")), "");
    stage.pass_alive(&ann, Millis::minutes(1));
    assert_eq!(replies(&stage.ask(&ann, "Hello")), "You said: Hello");
}

#[test]
fn the_avatar_is_never_silent() {
    let mut stage = Stage::new(Settings::default().takeover_silence(TakeoverSilence::Never));
    let ann = stage.open(ANN);
    stage.owner_says(&ann, "It is me");
    assert!(stage.service.state(stage.now).sessions[0].taken_over);
    assert_eq!(replies(&stage.ask(&ann, "Hello")), "You said: Hello");
}

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
fn pings_are_answered_or_not() {
    for pings in Pings::ALL {
        let mut stage = Stage::new(Settings::default().pings(*pings));
        let ann = stage.open(ANN);
        stage.take_pushes();
        stage.ping(&ann);
        let text = json!({"type": "pong", "wsId": ann.ws_id}).to_string();
        match pings {
            Pings::Pong => assert_eq!(stage.take_pushes(), [Push::Frame { socket: ann.socket, text }]),
            Pings::Nothing => assert_eq!(stage.take_pushes(), []),
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
fn a_message_sent_twice_counts_once_or_twice() {
    for repeated in RepeatedMessage::ALL {
        let mut stage = Stage::new(Settings::default().repeated_message(*repeated));
        let ann = stage.open(ANN);
        let message = stage.message(&ann, "Hello");
        stage.take_pushes();
        for _ in 0..2 {
            assert_eq!(data(&stage.post(&ann, SEND, &message)), Value::Null);
        }
        stage.pass(Millis::seconds(5));
        let frames = stage.frames(&ann);
        let echoes = frames.iter().filter(|frame| frame["sender"] == "client").count();
        let wanted = if *repeated == RepeatedMessage::One { 1 } else { 2 };
        assert_eq!((echoes, replies(&frames)), (wanted, "You said: Hello".repeat(wanted)));
        let counted = stage.service.state(stage.now).sessions[0]
            .texts(secondme_avatar_emulator::service::Author::Visitor)
            .len();
        assert_eq!(counted, wanted);
    }
}

#[test]
fn a_send_over_a_dead_socket_loses_its_answer_or_is_refused() {
    for dead in DeadSocketSend::ALL {
        let mut stage = Stage::new(Settings::default().dead_socket_send(*dead));
        let old = stage.open(ANN);
        stage.leave(&old);
        let mut ann = old.clone();
        stage.connect(&mut ann);
        stage.take_pushes();
        let message = stage.message(&old, "Hello");
        let answer = stage.post(&old, SEND, &message);
        stage.pass(Millis::seconds(5));
        assert_eq!(stage.frames(&ann), [] as [Value; 0]);
        let stored = data(&stage.get(&ann, &format!("{LATEST}?sessionId={}", ann.session)));
        match dead {
            DeadSocketSend::AnswerLost => {
                assert_eq!(data(&answer), Value::Null);
                assert_eq!(replies(stored.as_array().unwrap()), "You said: Hello");
            }
            DeadSocketSend::Refused => {
                assert_eq!((code(&answer).as_str(), stored), ("ws.gone", json!([])));
            }
        }
    }
}

#[test]
fn a_send_before_the_socket_is_connected_is_a_send_over_a_dead_one() {
    let mut stage = Stage::new(Settings::default().dead_socket_send(DeadSocketSend::Refused));
    let mut ann = stage.arrive(ANN);
    stage.init(&mut ann);
    stage.new_session(&mut ann);
    stage.address(&mut ann);
    let message = stage.message(&ann, "Hello");
    assert_eq!(code(&stage.post(&ann, SEND, &message)), "ws.gone");
    ann.socket = stage.handshake(&ann).unwrap();
    data(&stage.post(&ann, SEND, &message));
}

#[test]
fn a_second_socket_closes_the_first_or_lives_beside_it() {
    for second in SecondSocket::ALL {
        let mut stage = Stage::new(Settings::default().second_socket(*second));
        let older = stage.open(ANN);
        let mut newer = older.clone();
        stage.connect(&mut newer);
        let closed = stage.closed();
        stage.owner_says(&newer, "Hi");
        let pushed = stage.take_pushes();
        let got = |visit: &Visit| {
            let of = |push: &&Push| matches!(push, Push::Frame { socket, .. } if *socket == visit.socket);
            pushed.iter().filter(of).count()
        };
        match second {
            SecondSocket::ClosesOlder => {
                assert!(matches!(&closed[..], [(socket, CloseHow::Clean { .. })] if *socket == older.socket));
                assert_eq!((got(&older), got(&newer)), (0, 1));
            }
            SecondSocket::NewestGets => assert_eq!((closed.len(), got(&older), got(&newer)), (0, 0, 1)),
            SecondSocket::BothGet => {
                assert_eq!((closed.len(), got(&older), got(&newer)), (0, 1, 1));
                for push in &pushed {
                    let Push::Frame { socket, text } = push else { panic!("{push:?}") };
                    let frame: Value = serde_json::from_str(text).unwrap();
                    let own = if *socket == older.socket { &older } else { &newer };
                    assert_eq!(frame["wsId"], json!(own.ws_id));
                }
            }
        }
    }
}

#[test]
fn when_the_newest_socket_goes_the_older_one_gets_the_frames_again() {
    let mut stage = Stage::new(Settings::default().second_socket(SecondSocket::NewestGets));
    let older = stage.open(ANN);
    let mut newer = older.clone();
    stage.connect(&mut newer);
    stage.leave(&newer);
    stage.take_pushes();
    stage.owner_says(&older, "Hi");
    assert_eq!(stage.frames(&older).len(), 1);
}

#[test]
fn the_calls_for_history_are_there_or_not() {
    for calls in HistoryCalls::ALL {
        let mut stage = Stage::new(Settings::default().history_calls(*calls));
        let ann = stage.open(ANN);
        let session = &ann.session;
        let answers = [
            stage.get(&ann, &format!("{QUERY}?sessionId={session}&direction=forward&seqId=")),
            stage.get(&ann, &format!("{LATEST}?sessionId={session}")),
            stage.post(&ann, CLOSE, &json!({"sessionId": session})),
        ];
        for answer in answers {
            match calls {
                HistoryCalls::There => drop(data(&answer)),
                HistoryCalls::NotFound => assert_eq!(answer.status, 404),
                HistoryCalls::Failure => {
                    assert_eq!((answer.status, code(&answer).as_str()), (200, "visitor.call.not.available"));
                }
            }
        }
    }
}

#[test]
fn an_origin_matters_to_the_handshake_or_not() {
    for origin in Origin::ALL {
        let mut stage = Stage::new(Settings::default().origin(*origin));
        let mut ann = stage.arrive(ANN);
        stage.address(&mut ann);
        let without = stage.handshake(&ann);
        match origin {
            Origin::Ignored => drop(without.unwrap()),
            Origin::Required => {
                let refused = without.unwrap_err();
                assert_eq!((refused.status, code(&refused).as_str()), (403, "ws.origin.missing"));
                let mut headers = Headers::new();
                headers.push("Origin", "https://example.com");
                stage.handshake_with(&ann, &headers).unwrap();
            }
            Origin::Reset => {
                assert_eq!(without.unwrap_err().delivery, Delivery::Reset);
                let mut headers = Headers::new();
                headers.push("Origin", "https://example.com");
                stage.handshake_with(&ann, &headers).unwrap();
            }
        }
    }
}

#[test]
fn a_handshake_from_outside_the_list_of_origins_is_reset_and_its_address_stays_good() {
    let origins = vec!["https://second-me.cn".to_owned(), "http://127.0.0.1:9".to_owned()];
    let mut stage = Stage::new(Settings::default().origins(origins));
    let mut ann = stage.arrive(ANN);
    stage.address(&mut ann);
    for (origin, taken) in
        [(None, false), (Some("https://example.com"), false), (Some("https://second-me.cn"), true)]
    {
        let mut headers = Headers::new();
        origin.into_iter().for_each(|origin| headers.push("Origin", origin));
        match stage.handshake_with(&ann, &headers) {
            Ok(_) => assert!(taken, "{origin:?}"),
            Err(answer) => assert!(!taken && answer.delivery == Delivery::Reset, "{origin:?}"),
        }
    }
}

#[test]
fn an_extension_that_is_offered_matters_or_not() {
    for extensions in Extensions::ALL {
        let mut stage = Stage::new(Settings::default().extensions(*extensions));
        let mut ann = stage.arrive(ANN);
        stage.address(&mut ann);
        let mut offering = Headers::new();
        offering.push("Sec-WebSocket-Extensions", "permessage-deflate");
        match (extensions, stage.handshake_with(&ann, &offering)) {
            (Extensions::Free, taken) => drop(taken.unwrap()),
            (Extensions::Reset, refused) => {
                assert_eq!(refused.unwrap_err().delivery, Delivery::Reset);
                stage.handshake(&ann).unwrap();
            }
        }
    }
}

#[test]
fn a_socket_is_closed_with_the_code_that_is_set_or_cut() {
    let clean = |code: u16, reason: &str| CloseHow::Clean { code, reason: reason.to_owned() };
    for code in CloseCode::ALL {
        let mut stage = Stage::new(Settings::default().close_code(*code));
        let mut ann = stage.arrive(ANN);
        stage.address(&mut ann);
        stage.handshake(&ann).unwrap();
        stage.address(&mut ann);
        stage.handshake(&ann).unwrap();
        let older = closes(&mut stage);
        stage.pass(Millis::seconds(60));
        let silent = closes(&mut stage);
        let both = match code {
            CloseCode::Mixed => {
                [clean(4001, "a newer socket of this visitor has connected"), CloseHow::Abrupt]
            }
            CloseCode::None => [CloseHow::Abrupt, CloseHow::Abrupt],
            CloseCode::Normal => [clean(1000, ""), clean(1000, "")],
            CloseCode::GoingAway => [clean(1001, ""), clean(1001, "")],
            CloseCode::Restart => [clean(1012, ""), clean(1012, "")],
            CloseCode::Pings => [clean(3001, ""), clean(3001, "")],
            CloseCode::Unwanted => {
                [clean(4003, "this socket is not wanted"), clean(4003, "this socket is not wanted")]
            }
        };
        assert_eq!([older, silent].concat(), both, "{code}");
    }
}

fn closes(stage: &mut Stage) -> Vec<CloseHow> {
    stage.closed().into_iter().map(|(_, how)| how).collect()
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
fn settings_are_written_and_read_as_json() {
    let settings = Settings::default()
        .takeover_silence(TakeoverSilence::Minutes(5))
        .token_lifetime(TokenLifetime::Calls(20))
        .pings(Pings::Nothing)
        .latency(Millis(100));
    let written = serde_json::to_value(&settings).unwrap();
    assert_eq!(written["takeover-silence"], "minutes:5");
    assert_eq!(written["token-lifetime"], "calls:20");
    assert_eq!((&written["pings"], &written["latency"]), (&json!("nothing"), &json!("100ms")));
    assert_eq!(serde_json::from_value::<Settings>(written).unwrap(), settings);
    let partial: Settings = serde_json::from_value(json!({"ping-drop": "60s"})).unwrap();
    assert_eq!(partial.keys, Settings::default().keys);
    assert!(serde_json::from_value::<Settings>(json!({"pingdrop": "60s"})).is_err());
}

#[test]
fn what_other_clients_send_is_taken_unless_only_the_page_counts() {
    for other in OtherClients::ALL {
        let mut stage = Stage::new(Settings::default().other_clients(*other));
        let ann = stage.open(ANN);
        let mut edited = |change: &dyn Fn(&mut serde_json::Map<String, Value>)| {
            let mut body = stage.message(&ann, "Hello");
            change(body.as_object_mut().unwrap());
            body
        };
        let counted = edited(&|fields| {
            fields.insert("index".to_owned(), json!(7));
        });
        // As the vendor's web client writes it.
        let vendors = edited(&|fields| {
            let user = fields.remove("userId").unwrap();
            fields.insert("refUserId".to_owned(), user);
            fields.remove("sendUserId");
            fields.insert("mindId".to_owned(), json!(ann.mind_id.to_string()));
            fields.insert("deviceId".to_owned(), json!("device"));
            fields.insert("multipleData".to_owned(), json!([]));
        });
        // Without `refUserId` it is no other client's, and the encoded id belongs into step 3 under no answer.
        let half = edited(&|fields| {
            fields.remove("sendUserId");
        });
        let page = edited(&|_| ());
        for sent in [counted, vendors] {
            let is_taken = body(&stage.post(&ann, SEND, &sent))["code"] == 0;
            assert_eq!(is_taken, *other == OtherClients::Taken, "{other}: {sent}");
        }
        assert_eq!(code(&stage.post(&ann, SEND, &half)), "request.field.missing", "{other}");
        assert_eq!(stage.post(&ann, SEND, &page).status, 200);
    }
}

#[test]
fn a_question_is_answered_in_so_many_messages() {
    for (answer, count) in
        [(RepliesPerQuestion::One, 1), (RepliesPerQuestion::Two, 2), (RepliesPerQuestion::Three, 3)]
    {
        let mut stage = Stage::new(Settings::default().replies_per_question(answer));
        let ann = stage.open(ANN);
        let frames = stage.ask(&ann, "Hello");
        let ids: std::collections::BTreeSet<_> = frames
            .iter()
            .filter(|frame| frame["sender"] == "umm")
            .map(|frame| frame["messageId"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(ids.len(), count, "{answer}");
    }
}
