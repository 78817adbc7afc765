//! The open questions about sockets, their handshakes and their ends, under each of their answers.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod support;

use secondme_avatar_emulator::service::{
    CloseCode, CloseHow, DeadSocketSend, Delivery, Extensions, Headers, Millis, Origin, Pings, Push,
    SecondSocket, Settings,
};
use serde_json::{Value, json};
use support::chat::init_body;
use support::*;

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
fn the_handshake_of_visitor_chat_is_judged_by_the_same_headers() {
    let settings = Settings::default;
    let listed = || settings().origins(vec!["https://second-me.cn".to_owned()]);
    let (origin, other) = (("Origin", "https://second-me.cn"), ("Origin", "https://example.com"));
    let extension = ("Sec-WebSocket-Extensions", "permessage-deflate");
    let reset = Err(Delivery::Reset);
    for (settings, headers, wanted) in [
        (settings().origin(Origin::Ignored), vec![], Ok(())),
        (settings().origin(Origin::Required), vec![], Err(Delivery::Now)),
        (settings().origin(Origin::Required), vec![other], Ok(())),
        (settings().origin(Origin::Reset), vec![], reset),
        (settings().origin(Origin::Reset), vec![other], Ok(())),
        (listed(), vec![], reset),
        (listed(), vec![other], reset),
        (listed(), vec![origin], Ok(())),
        (settings().extensions(Extensions::Free), vec![extension], Ok(())),
        (settings().extensions(Extensions::Reset), vec![extension], reset),
        (settings().extensions(Extensions::Reset), vec![origin], Ok(())),
    ] {
        let case =
            format!("{headers:?} {:?} {:?} {:?}", settings.origin, settings.origins, settings.extensions);
        let mut stage = Stage::new(settings);
        let token = stage.app_token();
        let mut chat = stage.chat_arrive(&token, ANN, &init_body(ANN));
        let mut sent = Headers::new();
        headers.into_iter().for_each(|(name, value)| sent.push(name, value));
        let outcome = stage.chat_connect_with(&mut chat, &sent);
        assert_eq!(outcome.map_err(|answer| answer.delivery), wanted, "{case}");
        if wanted.is_err() {
            // What was refused has used up nothing: the address is still good.
            let mut sent = Headers::new();
            sent.push("Origin", "https://second-me.cn");
            stage.chat_connect_with(&mut chat, &sent).unwrap();
        }
        data(&stage.chat_send(&chat, "Hello"));
        stage.pass(Millis::seconds(3));
        assert_eq!(replies(&stage.chat_frames(&chat)), "You said: Hello", "{case}");
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
