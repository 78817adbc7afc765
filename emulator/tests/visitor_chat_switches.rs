//! Each open question of Visitor Chat, played with each of its answers.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod support;

use secondme_avatar_emulator::Settings;
use secondme_avatar_emulator::service::*;
use serde_json::{Value, json};
use support::chat::{Chat, FORM, INIT, SEND, form, init_body};
use support::{ANN, BEN, Stage, answer_text, body, code, data, replies, with};

/// A stage with some settings, and a visitor in a chat.
fn chat(settings: Settings) -> (Stage, Chat) {
    let mut stage = Stage::new(settings);
    let chat = stage.chat(ANN);
    (stage, chat)
}

/// What `init` gives once more.
fn again(stage: &mut Stage, chat: &Chat) -> Chat {
    let mut next = chat.clone();
    stage.chat_init(&mut next, &init_body(ANN));
    next
}

/// Sends a message and gives the frames of the next seconds.
fn ask(stage: &mut Stage, chat: &Chat, message: &str) -> Vec<Value> {
    stage.take_pushes();
    data(&stage.chat_send(chat, message));
    stage.pass(Millis::seconds(3));
    stage.chat_frames(chat)
}

/// The sockets that were closed since pushes were last taken, with the code.
fn closed(stage: &mut Stage) -> Vec<(SocketId, u16)> {
    let closed = stage.closed().into_iter().map(|(socket, how)| match how {
        CloseHow::Clean { code, .. } => (socket, code),
        CloseHow::Abrupt => (socket, 1006),
    });
    closed.collect()
}

#[test]
fn a_socket_url_tells_an_id_or_nothing_or_another_host() {
    for (url, begins) in [
        (SocketUrl::Query, "ws://127.0.0.1/gate/ws?wsId=ws:"),
        (SocketUrl::Opaque, "ws://127.0.0.1/gate/ws/"),
        (SocketUrl::OtherHost, "ws://localhost/gate/ws?wsId=ws:"),
    ] {
        let (mut stage, chat) = chat(Settings::default().visitor_chat_socket_url(url));
        assert!(chat.url.starts_with(begins), "{}", chat.url);
        assert_eq!(chat.url.contains("wsId"), url != SocketUrl::Opaque);
        assert_eq!(replies(&ask(&mut stage, &chat, "Hi")), "You said: Hi");
    }
}

#[test]
fn a_socket_url_is_good_once_or_for_a_minute_or_as_long_as_its_session() {
    for (life, twice, late) in [
        (SocketUrlLife::Once, Some(409), Some(409)),
        (SocketUrlLife::Many, None, Some(410)),
        (SocketUrlLife::Session, None, None),
    ] {
        let (mut stage, mut chat) = chat(Settings::default().visitor_chat_socket_url_life(life));
        let status = |outcome: Result<(), Answer>| outcome.err().map(|answer| answer.status);
        assert_eq!(status(stage.chat_connect(&mut chat)), twice, "{life}");
        stage.pass(Millis::seconds(61));
        assert_eq!(status(stage.chat_connect(&mut chat)), late, "{life}");
    }
    let settings = Settings::default().visitor_chat_socket_url_life(SocketUrlLife::Session);
    let (mut stage, mut chat) = chat(settings.visitor_chat_second_init(SecondInit::New));
    for _ in 0..256 {
        again(&mut stage, &chat);
    }
    assert_eq!(stage.chat_connect(&mut chat).unwrap_err().status, 404, "its session is forgotten");
    let mut unused = again(&mut stage, &chat);
    stage.pass(Millis::seconds(61));
    stage.chat_connect(&mut unused).unwrap();
}

#[test]
fn an_unpinged_socket_lives_on_or_is_dropped() {
    for (drop, after) in [
        (SocketSilence::Allowed, None),
        (SocketSilence::After30s, Some(30)),
        (SocketSilence::After60s, Some(60)),
    ] {
        let (mut stage, chat) = chat(Settings::default().visitor_chat_ping_drop(drop));
        let lives = |stage: &mut Stage| stage.service.state(stage.now).sockets.len() == 1;
        match after {
            None => stage.pass(Millis::minutes(60)),
            Some(seconds) => {
                stage.pass(Millis::seconds(seconds - 1));
                stage.chat_say(&chat, &json!({"type": "ping"}));
                stage.pass(Millis::seconds(seconds) - Millis(1));
                assert!(lives(&mut stage), "a ping is a sign of life, {drop}");
                stage.pass(Millis(1));
            }
        }
        assert_eq!(lives(&mut stage), after.is_none(), "{drop}");
    }
}

#[test]
fn a_ping_without_an_id_is_answered_or_taken_or_the_end() {
    for (answer, pongs, ends) in
        [(BarePing::Pong, 1, vec![]), (BarePing::Nothing, 0, vec![]), (BarePing::Closed, 0, vec![1008])]
    {
        let (mut stage, chat) = chat(Settings::default().visitor_chat_bare_ping(answer));
        stage.chat_say(&chat, &json!({"type": "ping"}));
        let pushes = stage.take_pushes();
        let pong = |push: &&Push| matches!(push, Push::Frame { text, .. } if text.contains("pong"));
        assert_eq!(pushes.iter().filter(pong).count(), pongs);
        stage.pushed = pushes.into_iter().map(|push| (stage.now, push)).collect();
        assert_eq!(closed(&mut stage).into_iter().map(|(_, code)| code).collect::<Vec<_>>(), ends);
    }
    let settings = Settings::default().pings(Pings::Nothing).visitor_chat_bare_ping(BarePing::Closed);
    let (mut stage, chat) = chat(settings);
    let ws_id = stage.service.state(stage.now).sockets[0].ws_id.clone();
    stage.chat_say(&chat, &json!({"type": "ping", "wsId": ws_id}));
    assert!(stage.take_pushes().is_empty());
    let visit = stage.open(BEN);
    stage.say(&visit, &json!({"type": "ping"}));
    let rejected = stage.service.state(stage.now).sockets[1].rejected;
    assert_eq!(rejected, 1, "at the other door the id is known, and must be there");
}

#[test]
fn a_second_init_finds_the_session_or_makes_another() {
    for (second, same) in [(SecondInit::Same, true), (SecondInit::New, false)] {
        let (mut stage, chat) = chat(Settings::default().visitor_chat_second_init(second));
        assert_eq!(again(&mut stage, &chat).session == chat.session, same);
    }
    let (mut stage, chat) = chat(Settings::default());
    let fault = r#"{"at": "visitor-chat/send", "do": "expired-context"}"#;
    stage.service.add_fault(fault.parse().unwrap()).unwrap();
    assert_eq!(stage.chat_send(&chat, "Hi").status, 404);
    assert_ne!(again(&mut stage, &chat).session, chat.session, "a session that has ended is not found");
}

#[test]
fn a_second_init_ends_the_first_socket_or_lets_it_live() {
    for second in SecondInit::ALL.iter().copied() {
        for older in OlderSocket::ALL.iter().copied() {
            let settings = Settings::default().visitor_chat_second_init(second);
            let (mut stage, first) = chat(settings.visitor_chat_older_socket(older));
            let mut next = again(&mut stage, &first);
            let ends = closed(&mut stage);
            stage.chat_connect(&mut next).unwrap();
            let hears = |stage: &mut Stage, asked: &Chat, chat: &Chat| {
                !replies(&ask(stage, &Chat { socket: chat.socket, ..asked.clone() }, "Hi")).is_empty()
            };
            let both = [hears(&mut stage, &next, &first), hears(&mut stage, &next, &next)];
            let what = format!("{second} {older}");
            match older {
                OlderSocket::Closed => assert_eq!(ends, [(first.socket, 4001)], "{what}"),
                OlderSocket::Stays | OlderSocket::BothGet => assert!(ends.is_empty(), "{what}"),
            }
            assert_eq!(both, [older == OlderSocket::BothGet, true], "{what}");
            if second == SecondInit::New {
                let of_old = hears(&mut stage, &first, &first);
                assert_eq!(of_old, older != OlderSocket::Closed, "{what}: each session has its socket");
            }
        }
    }
}

#[test]
fn an_echo_comes_in_either_place_or_not_at_all() {
    for (echo, place) in [
        (Echo::MultipleData, Some("/multipleData/0/modal/answer")),
        (Echo::Content, Some("/data/content")),
        (Echo::Nothing, None),
    ] {
        let (mut stage, chat) = chat(Settings::default().visitor_chat_echo(echo));
        let frames = ask(&mut stage, &chat, "Hello");
        let echoes: Vec<_> = frames.iter().filter(|frame| frame["sender"] == "client").collect();
        assert_eq!(echoes.len(), usize::from(place.is_some()), "{echo}");
        if let Some(place) = place {
            assert_eq!(echoes[0].pointer(place), Some(&json!("Hello")), "{echo}");
        }
        assert_eq!(replies(&frames), "You said: Hello");
    }
}

#[test]
fn a_send_tells_a_message_id_or_not_and_the_echo_carries_that_or_another_or_none() {
    for answer in SendAnswer::ALL.iter().copied() {
        for id in EchoId::ALL.iter().copied() {
            let settings = Settings::default().visitor_chat_send_answer(answer).visitor_chat_echo_id(id);
            let (mut stage, chat) = chat(settings);
            stage.take_pushes();
            let sent = body(&stage.chat_send(&chat, "Hello"));
            let told = sent["data"]["messageId"].as_str();
            match answer {
                SendAnswer::Null => assert_eq!(sent.get("data"), Some(&Value::Null)),
                SendAnswer::Absent => assert_eq!(sent.get("data"), None),
                SendAnswer::MessageId => assert!(told.is_some(), "{sent}"),
            }
            let echo = stage.chat_frames(&chat).remove(0);
            let carried = echo["messageId"].as_str();
            assert_eq!(carried.is_none(), id == EchoId::Absent, "{echo}");
            if let (Some(told), Some(carried)) = (told, carried) {
                assert_eq!(told == carried, id == EchoId::OfSend);
            }
        }
    }
}

#[test]
fn frames_carry_all_ids_or_none() {
    for (ids, there) in [(FrameIds::All, true), (FrameIds::Absent, false)] {
        let settings = Settings::default().visitor_chat_frame_ids(ids);
        let (mut stage, chat) = chat(settings.redelivery(Redelivery::After5s));
        let mut frames = ask(&mut stage, &chat, "Hello");
        stage.chat_owner_says(&chat, "Hi");
        stage.chat_say(&chat, &json!({"type": "ping"}));
        frames.extend(stage.chat_frames(&chat));
        for frame in &frames {
            let mut names = vec!["wsId"];
            if frame["type"] != "pong" {
                names.extend(["sessionId", "messageId", "seqId"]);
            }
            assert!(names.iter().all(|name| frame.get(*name).is_some() == there), "{ids}: {frame}");
        }
        let pieces = frames.iter().filter(|frame| frame["sender"] == "umm");
        assert!(pieces.clone().count() > 1 && pieces.clone().all(|frame| frame["index"].is_i64()));
    }
}

#[test]
fn what_comes_again_over_the_next_socket_has_the_name_of_either() {
    for (named, is_new) in [(RedeliveredName::Present, true), (RedeliveredName::First, false)] {
        let settings = Settings::default().visitor_chat_redelivered_ws_id(named);
        let (mut stage, first) = chat(settings.redelivery(Redelivery::NextConnection));
        let before = ask(&mut stage, &first, "Hello");
        let mut next = again(&mut stage, &first);
        stage.take_pushes();
        stage.chat_connect(&mut next).unwrap();
        let after = stage.chat_frames(&next);
        assert_eq!(after.len(), before.len(), "{named}: all of it comes again");
        assert!(after.iter().all(|frame| (frame["wsId"] != before[0]["wsId"]) == is_new), "{named}");
    }
}

#[test]
fn a_visitor_s_user_id_is_the_same_in_each_session_or_another() {
    for (of, is_same) in [(UserIdOf::Visitor, true), (UserIdOf::Session, false)] {
        let settings = Settings::default().visitor_chat_user_id(of);
        let (mut stage, first) = chat(settings.visitor_chat_second_init(SecondInit::New));
        let mut user_of = |chat: &Chat| {
            let frames = ask(&mut stage, chat, "Hello");
            frames.iter().find(|frame| frame["sender"] == "client").unwrap()["sendUserId"].clone()
        };
        let before = [user_of(&first), user_of(&first)];
        let mut next = again(&mut stage, &first);
        stage.chat_connect(&mut next).unwrap();
        let after = ask(&mut stage, &next, "Hello");
        let echo = after.iter().find(|frame| frame["sender"] == "client").unwrap();
        assert_eq!(before[0], before[1]);
        assert_eq!(echo["sendUserId"] == before[0], is_same, "{of}");
    }
}

#[test]
fn a_failure_has_its_status_and_its_form() {
    let unknown = |settings: Settings| {
        let mut stage = Stage::new(settings);
        stage.request(form(&FORM.replace("emulator-secret", "wrong")))
    };
    let code = "oauth2.client.secret_mismatch";
    for (http, status) in [(FailureHttp::Code, 401), (FailureHttp::Ok, 200)] {
        let settings = Settings::default().visitor_chat_failure_http(http);
        for (shape, field) in [(FailureForm::SubCode, "subCode"), (FailureForm::ErrorCode, "error_code")] {
            let answer = unknown(settings.clone().visitor_chat_failure_form(shape));
            let body = body(&answer);
            assert_eq!((answer.status, &body[field], &body["code"]), (status, &json!(code), &json!(401)));
            assert!(body["message"].is_string());
        }
        let answer = unknown(settings.visitor_chat_failure_form(FailureForm::Detail));
        assert_eq!((answer.status, body(&answer)), (401, json!({"detail": code})));
    }
    let settings = Settings::default().visitor_chat_failure_http(FailureHttp::Ok);
    let (mut stage, chat) = chat(settings);
    let extra = with(&init_body(ANN), "channel", json!("web"));
    assert_eq!(stage.chat_call(&chat.token, INIT, &extra).status, 422, "a body with `detail` has its status");
}

#[test]
fn a_send_needs_the_api_key_or_may_be_without_it() {
    for (needs, status) in [(SendApiKey::Required, 422), (SendApiKey::Optional, 200)] {
        let (mut stage, chat) = chat(Settings::default().visitor_chat_send_api_key(needs));
        let message = json!({"sessionId": chat.session, "message": "Hi"});
        assert_eq!(stage.chat_call(&chat.token, SEND, &message).status, status);
        let wrong = with(&message, "apiKey", json!("sk-other"));
        assert_eq!(stage.chat_call(&chat.token, SEND, &wrong).status, 401, "{needs}: a wrong one never is");
    }
}

#[test]
fn a_visitor_id_is_any_text_or_a_platform_and_a_uuid() {
    for (form, status) in [(VisitorIdForm::Any, 200), (VisitorIdForm::PlatformUuid, 422)] {
        let (mut stage, chat) = chat(Settings::default().visitor_chat_visitor_id(form));
        for id in ["opc_0.1234", "visitor_550e8400e29b41d4a716446655440000"] {
            assert_eq!(stage.chat_call(&chat.token, INIT, &init_body(id)).status, status, "{form} {id}");
        }
        assert_eq!(stage.chat_call(&chat.token, INIT, &init_body("")).status, 422);
    }
}

#[test]
fn each_init_and_send_counts_against_the_keys_quota_or_none_does() {
    for (quota, refused) in [(ChatQuota::Unlimited, 0), (ChatQuota::PerKey, 3)] {
        let settings = Settings::default().visitor_chat_quota(quota).retry_after(RetryAfter::Seconds);
        let (mut stage, chat) = chat(settings);
        let answers: Vec<_> = (0..62).map(|_| stage.chat_send(&chat, "Hi")).collect();
        let told = answers.iter().filter(|answer| answer.status == 429);
        assert_eq!(told.clone().count(), refused, "{quota}");
        assert!(
            told.clone().all(|answer| answer.headers.contains(&("retry-after".to_owned(), "60".to_owned())))
        );
        stage.pass(Millis::minutes(1));
        data(&stage.chat_send(&chat, "Hi"));
    }
}

#[test]
fn a_message_of_any_length_is_taken_or_one_too_long_is_told_over_the_socket() {
    for (limit, too_long) in [(MessageLength::Any, false), (MessageLength::Characters(5), true)] {
        let (mut stage, chat) = chat(Settings::default().visitor_chat_message_length(limit));
        assert_eq!(replies(&ask(&mut stage, &chat, "五个字的话")), "You said: 五个字的话");
        let frames = ask(&mut stage, &chat, "Hello!");
        assert_eq!(frames[1]["subCode"] == "message.length.limit", too_long, "{frames:?}");
        assert_eq!(replies(&frames).is_empty(), too_long);
    }
    assert_eq!("chars:5".parse(), Ok(MessageLength::Characters(5)));
    assert_eq!(MessageLength::Characters(5).to_string(), "chars:5");
    assert!("chars:".parse::<MessageLength>().is_err() && "5".parse::<MessageLength>().is_err());
}

#[test]
fn the_life_of_a_token_is_told_as_a_number_or_a_text() {
    for (form_of, wanted) in [(ExpiresIn::Number, json!(3600)), (ExpiresIn::Text, json!("3600"))] {
        let settings = Settings::default().visitor_chat_expires_in(form_of);
        let mut stage = Stage::new(settings.visitor_chat_token_lifetime(Millis::minutes(60)));
        assert_eq!(data(&stage.request(form(FORM)))["expiresIn"], wanted);
    }
}

#[test]
fn an_opening_line_is_told_or_null_or_absent() {
    for (opening, told) in [
        (OpeningLine::Told, Some(json!("Hello! 👋"))),
        (OpeningLine::Null, Some(Value::Null)),
        (OpeningLine::Absent, None),
    ] {
        let (mut stage, chat) = chat(Settings::default().visitor_chat_opening(opening));
        let init = data(&stage.chat_call(&chat.token, INIT, &init_body(ANN)));
        assert_eq!(init.get("opening"), told.as_ref());
        assert_eq!(init.get("avatarName").is_some(), opening != OpeningLine::Absent);
    }
}

#[test]
fn a_voice_message_comes_in_each_form_that_it_may_have() {
    let url = "https://example.com/voice.mp3";
    for (voice, place) in [
        (VoiceForm::Speech, "/multipleData/0/modal/speech/url"),
        (VoiceForm::Kind, "/data/url"),
        (VoiceForm::Urls, "/data/urls/0"),
    ] {
        let (mut stage, chat) = chat(Settings::default().visitor_chat_voice(voice));
        stage.service.inject(stage.now, &chat.session, Injection::Voice(url.to_owned())).unwrap();
        stage.pass(Millis::ZERO);
        let frame = stage.chat_frames(&chat).remove(0);
        assert_eq!(frame.pointer(place), Some(&json!(url)), "{voice}");
        assert_eq!(frame["type"] == "voice", voice == VoiceForm::Kind);
    }
}

#[test]
fn a_message_without_an_allowance_is_refused_or_answered_over_the_socket_at_both_doors() {
    for money in Money::ALL.iter().copied() {
        let (mut stage, chat) = chat(Settings::default().money(money));
        let visit = stage.open(BEN);
        stage.take_pushes();
        let sent = stage.chat_send(&chat, "Hi");
        let message = stage.message(&visit, "Hi");
        let posted = stage.post(&visit, support::SEND, &message);
        stage.pass(Millis::seconds(3));
        let pushes = stage.take_pushes();
        let frames = |socket: SocketId| -> Vec<Value> {
            let of = pushes.iter().filter_map(move |push| match push {
                Push::Frame { socket: to, text } if *to == socket => serde_json::from_str(text).ok(),
                _ => None,
            });
            of.collect()
        };
        for frames in [frames(chat.socket), frames(visit.socket)] {
            let told = frames.iter().any(|frame| frame["subCode"] == "package.turn.exhaustion");
            assert_eq!(told, money == Money::Frame, "{money}");
            assert_eq!(!replies(&frames).is_empty(), money == Money::Free, "{money}");
            let echoed = frames.iter().any(|frame| answer_text(frame) == "Hi");
            assert_eq!(echoed, money != Money::Refused, "{money}");
        }
        if money == Money::Refused {
            assert_eq!((sent.status, &body(&sent)["subCode"]), (402, &json!("avatar.unlock.required")));
            assert_eq!(code(&posted), "avatar.unlock.required");
        }
    }
}

#[test]
fn a_session_id_that_was_told_as_a_number_is_taken_as_one() {
    let (mut stage, chat) = chat(Settings::default().id_form(IdForm::Number));
    let session: Value = serde_json::from_str(&chat.session).unwrap();
    let message = json!({"sessionId": session, "apiKey": "sk-emulator", "message": "Hi"});
    data(&stage.chat_call(&chat.token, SEND, &message));
}
