//! What travels over the socket: echoes, replies, the owner, acknowledgements, history.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod support;

use secondme_avatar_emulator::Brain;
use secondme_avatar_emulator::brain::{Reply, Step};
use secondme_avatar_emulator::service::{Author, CloseHow, Injection, Millis, OwnerAction, Push, Settings};
use serde_json::{Value, json};
use support::*;

fn stage() -> Stage {
    Stage::new(Settings::default())
}

#[test]
fn a_message_is_echoed_and_then_answered_in_pieces() {
    let mut stage = stage();
    let ann = stage.open(ANN);
    stage.take_pushes();
    let id = stage.send(&ann, "Hello, tell me about yourself");
    stage.pass(Millis::seconds(2));
    let frames = stage.frames(&ann);
    let echo = &frames[0];
    assert_eq!((&echo["sender"], &echo["sendUserId"]), (&json!("client"), &json!(ann.user_id)));
    assert_eq!((&echo["messageId"], &echo["seqId"]), (&json!(id), &json!(id)));
    assert_eq!(answer_text(echo), "Hello, tell me about yourself");

    let pieces = &frames[1..];
    assert!(pieces.len() >= 3, "{pieces:?}");
    assert_eq!(replies(pieces), "You said: Hello, tell me about yourself");
    let indices: Vec<_> = pieces.iter().map(|piece| piece["index"].as_i64().unwrap()).collect();
    let last = pieces.len() - 1;
    assert_eq!(indices[..last], (0..last as i64).collect::<Vec<_>>());
    assert_eq!(indices[last], -1);
    for piece in pieces {
        assert_eq!((&piece["sender"], &piece["type"]), (&json!("umm"), &json!("msg")));
        assert_eq!((&piece["sessionId"], &piece["wsId"]), (&json!(ann.session), &json!(ann.ws_id)));
        assert_eq!(piece["messageId"], pieces[0]["messageId"], "one id for the whole reply");
        assert_eq!(piece["dataType"], "text");
        assert_eq!(piece["multipleData"][0]["singleDataType"], "text");
        assert!(piece["timestamp"].is_u64());
    }
    assert_ne!(pieces[0]["messageId"], json!(id));
    let mut seq_ids: Vec<_> = frames.iter().map(|frame| text(&frame["seqId"])).collect();
    seq_ids.sort();
    seq_ids.dedup();
    assert_eq!(seq_ids.len(), frames.len(), "each frame has a seqId of its own");
}

#[test]
fn the_pieces_come_with_the_delays_that_are_set() {
    let settings = Settings::default().reply_delay(Millis(400)).piece_delay(Millis(70));
    let mut stage = Stage::new(settings);
    let ann = stage.open(ANN);
    stage.take_pushes();
    let sent = stage.now;
    stage.send(&ann, "Hello, tell me about yourself");
    stage.pass(Millis::seconds(5));
    let times: Vec<_> = stage.pushed.iter().map(|(at, _)| (*at - sent).0).collect();
    assert_eq!(times[..4], [0, 400, 470, 540]);
}

#[test]
fn messages_sent_at_once_are_answered_one_after_the_other() {
    let mut stage = stage();
    let ann = stage.open(ANN);
    stage.take_pushes();
    for word in ["one", "two", "three"] {
        stage.send(&ann, word);
    }
    stage.pass(Millis::seconds(5));
    let frames = stage.frames(&ann);
    assert_eq!(replies(&frames), "You said: oneYou said: twoYou said: three");
    let mut ids: Vec<_> = frames[3..].iter().map(|frame| text(&frame["messageId"])).collect();
    ids.dedup();
    assert_eq!(ids.len(), 3, "no reply is interrupted by another");
}

#[test]
fn all_of_a_visitors_sessions_share_its_socket() {
    let mut stage = stage();
    let mut ann = stage.open(ANN);
    let first = ann.clone();
    stage.new_session(&mut ann);
    stage.take_pushes();
    stage.send(&first, "in the first");
    stage.send(&ann, "in the second");
    stage.pass(Millis::seconds(2));
    let frames = stage.frames(&ann);
    let of = |session: &str| -> Vec<Value> {
        frames.iter().filter(|frame| frame["sessionId"] == session).cloned().collect()
    };
    assert_eq!(replies(&of(&first.session)), "You said: in the first");
    assert_eq!(replies(&of(&ann.session)), "You said: in the second");
}

#[test]
fn the_owner_takes_over_in_person_and_the_avatar_comes_back() {
    let mut stage = stage();
    let ann = stage.open(ANN);
    assert_eq!(replies(&stage.ask(&ann, "Hello")), "You said: Hello");
    let id = stage.owner_says(&ann, "Hi, this is the real me...");
    let frames = stage.frames(&ann);
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0]["sender"], "client");
    assert_eq!(frames[0]["sendUserId"], "de4fh");
    assert_eq!(frames[0]["messageId"], json!(id));
    assert_eq!(answer_text(&frames[0]), "Hi, this is the real me...");
    let silent = stage.ask(&ann, "Are you real?");
    assert_eq!((silent.len(), replies(&silent).as_str()), (1, ""), "the echo alone");
    stage.hand_back(&ann);
    assert_eq!(replies(&stage.ask(&ann, "And now?")), "You said: And now?");
    let state = stage.service.state(stage.now);
    let session = state.session(&ann.session).unwrap();
    assert_eq!(session.texts(Author::Visitor), ["Hello", "Are you real?", "And now?"]);
    assert_eq!(session.texts(Author::Avatar), ["You said: Hello", "You said: And now?"]);
    assert_eq!(session.texts(Author::Owner), ["Hi, this is the real me..."]);
}

#[test]
fn a_takeover_lets_a_reply_that_is_being_streamed_end() {
    let mut stage = stage();
    let ann = stage.open(ANN);
    stage.take_pushes();
    stage.send(&ann, "Hello, tell me about yourself");
    stage.pass(Millis(15));
    stage.owner_says(&ann, "I am here");
    stage.pass(Millis::seconds(1));
    let frames = stage.frames(&ann);
    assert_eq!(replies(&frames), "You said: Hello, tell me about yourself");
    assert_eq!(frames.last().unwrap()["index"], -1);
    let owner = frames.iter().position(|frame| frame["sendUserId"] == "de4fh").unwrap();
    assert!(owner > 1 && owner < frames.len() - 1, "in the middle of the reply");
}

#[test]
fn the_owner_is_told_what_it_cannot_do() {
    let mut stage = stage();
    let ann = stage.open(ANN);
    let session_id = "nothing".to_owned();
    let failure = stage.service.owner(stage.now, OwnerAction::TakeOver { session_id }).unwrap_err();
    assert_eq!(failure.code().as_str(), "session.not.found");
    data(&stage.post(&ann, CLOSE, &json!({"sessionId": ann.session})));
    let session_id = ann.session.clone();
    let failure = stage.service.owner(stage.now, OwnerAction::TakeOver { session_id }).unwrap_err();
    assert_eq!(failure.code().as_str(), "session.status.closed");
}

#[test]
fn a_closed_session_takes_no_message_and_says_nothing_more() {
    let mut stage = stage();
    let ann = stage.open(ANN);
    stage.send(&ann, "Hello, tell me about yourself");
    stage.pass(Millis(15));
    data(&stage.post(&ann, CLOSE, &json!({"sessionId": ann.session})));
    stage.take_pushes();
    stage.pass(Millis::seconds(5));
    assert_eq!(stage.frames(&ann), [] as [Value; 0]);
    let message = stage.message(&ann, "Still there?");
    assert_eq!(code(&stage.post(&ann, SEND, &message)), "session.status.closed");
    let unknown = stage.post(&ann, CLOSE, &json!({"sessionId": "nothing"}));
    assert_eq!(code(&unknown), "session.not.found");
}

#[test]
fn an_attachment_travels_with_the_echo() {
    let mut stage = stage();
    let ann = stage.open(ANN);
    let message = stage.message(&ann, "");
    let data_field = json!({"content": "", "urls": ["https://example.com/a.png"]});
    stage.take_pushes();
    data(&stage.post(&ann, SEND, &with(&message, "data", data_field)));
    assert_eq!(stage.frames(&ann)[0]["data"]["urls"], json!(["https://example.com/a.png"]));
}

#[test]
fn frames_without_a_socket_to_go_to_are_stored_and_not_pushed() {
    let mut stage = stage();
    let mut ann = stage.open(ANN);
    stage.leave(&ann);
    stage.take_pushes();
    stage.owner_says(&ann, "Are you there?");
    stage.connect(&mut ann);
    assert_eq!(stage.take_pushes(), []);
    let target = format!("{QUERY}?direction=forward&sessionId={}", ann.session);
    let stored = data(&stage.get(&ann, &target));
    assert_eq!(answer_text(&stored[0]), "Are you there?");
}

#[test]
fn the_history_is_read_forward_in_pages_until_it_is_empty() {
    let mut stage = Stage::new(Settings::default().history_page(7));
    let ann = stage.open(ANN);
    let mut live = Vec::new();
    for word in ["one", "two", "three", "four"] {
        live.extend(stage.ask(&ann, word));
    }
    let mut read = Vec::new();
    let mut after = String::new();
    loop {
        let target = format!("{QUERY}?sessionId={}&direction=forward&seqId={after}", ann.session);
        let page = data(&stage.get(&ann, &target));
        assert!(read.len() <= live.len(), "it never ends");
        let Some(last) = page.as_array().unwrap().last() else { break };
        after = text(&last["seqId"]);
        assert!(page.as_array().unwrap().len() <= 7);
        read.extend(page.as_array().unwrap().clone());
    }
    let seq_ids = |frames: &[Value]| frames.iter().map(|frame| text(&frame["seqId"])).collect::<Vec<_>>();
    assert_eq!(seq_ids(&read), seq_ids(&live));
}

#[test]
fn the_history_is_read_backward_page_by_page() {
    let mut stage = Stage::new(Settings::default().history_page(2));
    let ann = stage.open(ANN);
    for word in ["a", "b", "c"] {
        stage.owner_says(&ann, word);
    }
    let texts = |page: &Value| page.as_array().unwrap().iter().map(answer_text).collect::<Vec<_>>();
    let session = &ann.session;
    let page = data(&stage.get(&ann, &format!("{QUERY}?sessionId={session}&direction=backward&seqId=")));
    assert_eq!(texts(&page), ["b", "c"]);
    let before = text(&page[0]["seqId"]);
    let target = format!("{QUERY}?sessionId={session}&direction=backward&seqId={before}");
    assert_eq!(texts(&data(&stage.get(&ann, &target))), ["a"]);
    let latest = data(&stage.get(&ann, &format!("{LATEST}?sessionId={session}")));
    assert_eq!(texts(&latest), ["b", "c"]);
    let wrong = stage.get(&ann, &format!("{QUERY}?sessionId={session}&direction=sideways"));
    assert_eq!(code(&wrong), "request.field.invalid");
    assert_eq!(code(&stage.get(&ann, LATEST)), "request.field.missing");
    let mut ben = stage.open(BEN);
    ben.session = ann.session.clone();
    let foreign = stage.get(&ben, &format!("{LATEST}?sessionId={session}"));
    assert_eq!(code(&foreign), "session.not.member");
}

#[test]
fn hints_notices_failures_and_any_frame_can_be_put_into_a_session() {
    let mut stage = stage();
    let ann = stage.open(ANN);
    stage.take_pushes();
    let failure = Injection::Failure {
        code: "session.openai.error".into(),
        reason: "The model is down".into(),
        actions: vec![json!({"type": "retry"})],
        message_id: Some("1_____2".into()),
    };
    let raw = json!({"type": "recommend", "wsId": "ws:another", "anything": [1]});
    for injection in [
        Injection::Hint("The owner is typing".into()),
        Injection::Notice("Maintenance at noon".into()),
        failure,
        Injection::Frame(raw.as_object().unwrap().clone()),
    ] {
        stage.service.inject(stage.now, &ann.session, injection).unwrap();
    }
    stage.pass(Millis::ZERO);
    let frames = stage.frames(&ann);
    assert_eq!(
        (&frames[0]["type"], &frames[0]["data"]["content"]),
        (&json!("hint"), &json!("The owner is typing"))
    );
    assert_eq!(frames[1]["type"], "notice");
    assert_eq!((&frames[2]["type"], &frames[2]["subCode"]), (&json!("sys"), &json!("session.openai.error")));
    assert_eq!(frames[2]["messageId"], "1_____2");
    assert_eq!(frames[3], raw);
    stage.service.inject(stage.now, &ann.session, Injection::Text("{not json".into())).unwrap();
    stage.pass(Millis::ZERO);
    let text = "{not json".to_owned();
    assert_eq!(stage.take_pushes(), [Push::Frame { socket: ann.socket, text }]);
    let unknown = stage.service.inject(stage.now, "nothing", Injection::Hint(String::new()));
    assert_eq!(unknown.unwrap_err().code().as_str(), "session.not.found");
}

#[test]
fn what_is_none_of_the_protocols_is_counted_and_ignored() {
    let mut stage = stage();
    let ann = stage.open(ANN);
    stage.take_pushes();
    for text in
        ["", "{", "7", "{\"type\":\"msg\"}", "{\"type\":\"ping\"}", "{\"type\":\"ping\",\"wsId\":\"x\"}"]
    {
        stage.service.receive(stage.now, ann.socket, text);
    }
    stage.pass(Millis::ZERO);
    assert_eq!(stage.take_pushes(), []);
    assert_eq!(stage.service.state(stage.now).sockets[0].rejected, 6);
}

#[test]
fn a_brain_outside_is_asked_and_its_answer_played() {
    let mut stage = Stage::new(Settings::default().brain(Brain::Outside));
    let ann = stage.open(ANN);
    stage.take_pushes();
    stage.send(&ann, "Hello");
    stage.pass(Millis::ZERO);
    let asked = stage.take_pushes();
    let ask = asked.iter().find_map(|push| match push {
        Push::Ask { ask, question } => Some((*ask, question.clone())),
        _ => None,
    });
    let (ask, question) = ask.unwrap();
    assert_eq!((question.text.as_str(), question.visitor_id.as_str()), ("Hello", ANN));
    let steps = vec![Step::Reply(Reply::pieces(["From ", "outside"]))];
    stage.service.answer(stage.now, ask, steps.clone());
    stage.pass(Millis::seconds(1));
    assert_eq!(replies(&stage.frames(&ann)), "From outside");
    stage.service.answer(stage.now, ask, steps);
    stage.pass(Millis::seconds(1));
    assert_eq!(stage.frames(&ann), [] as [Value; 0], "an answer counts once");
}

#[test]
fn a_brain_outside_that_never_answers_is_reported() {
    let mut stage = Stage::new(Settings::default().brain(Brain::Outside));
    let ann = stage.open(ANN);
    let id = stage.send(&ann, "Hello");
    stage.pass_alive(&ann, Millis::seconds(61));
    let frames = stage.frames(&ann);
    let failure = frames.last().unwrap();
    assert_eq!(
        (&failure["subCode"], &failure["messageId"]),
        (&json!("session.response.timeout"), &json!(id))
    );
    let busy = stage.service.state(stage.now).sessions[0].busy;
    assert!(!busy, "the next message can be answered");
}

#[test]
fn too_many_messages_waiting_for_an_answer_are_refused_over_the_socket() {
    let mut stage = Stage::new(Settings::default().brain(Brain::Outside));
    let ann = stage.open(ANN);
    stage.take_pushes();
    for _ in 0..102 {
        stage.send(&ann, "Hello");
    }
    let failed: Vec<_> = stage.frames(&ann).into_iter().filter(|frame| frame["type"] == "sys").collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0]["subCode"], "session.message.exceedQPSLimit");
}

#[test]
fn sockets_are_closed_one_or_all_cleanly_or_not() {
    let mut stage = stage();
    let (ann, ben) = (stage.open(ANN), stage.open(BEN));
    assert_eq!(stage.service.close_sockets(stage.now, Some(&ann.ws_id), &CloseHow::Abrupt), 1);
    let clean = CloseHow::Clean { code: 1001, reason: "restart".into() };
    assert_eq!(stage.service.close_sockets(stage.now, None, &clean), 1);
    stage.pass(Millis::ZERO);
    assert_eq!(stage.closed(), [(ann.socket, CloseHow::Abrupt), (ben.socket, clean)]);
}

#[test]
fn a_reset_forgets_everything_and_cuts_every_socket() {
    let mut stage = stage();
    let ann = stage.open(ANN);
    stage.send(&ann, "Hello");
    stage.service.reset(stage.now);
    stage.pass(Millis::minutes(1));
    assert_eq!(stage.closed(), [(ann.socket, CloseHow::Abrupt)]);
    let state = stage.service.state(stage.now);
    assert!(state.visitors.is_empty() && state.sessions.is_empty() && state.sockets.is_empty());
    assert!(state.calls.is_empty());
    assert_eq!(stage.service.next_deadline(), None);
}

#[test]
fn the_same_seed_and_the_same_calls_give_the_same_run() {
    let run = || {
        let mut stage = Stage::new(Settings::default().brain(Brain::demo()));
        let ann = stage.open(ANN);
        stage.send(&ann, "Can I talk with the real Ada?");
        stage.pass(Millis::seconds(10));
        (stage.pushed, stage.service.state(stage.now))
    };
    assert_eq!(run(), run());
}

#[test]
fn one_long_tick_gives_what_many_short_ones_give() {
    let texts = |step: Millis| {
        let mut stage = Stage::new(Settings::default().brain(Brain::demo()));
        let ann = stage.open(ANN);
        stage.send(&ann, "Can I talk with the real Ada?");
        stage.send(&ann, "Thanks! Is the avatar back?");
        let end = stage.now + Millis::seconds(12);
        while stage.now < end {
            stage.now = stage.now + step;
            stage.service.tick(stage.now);
        }
        stage.pass(Millis::ZERO);
        stage.frames(&ann)
    };
    assert_eq!(texts(Millis::seconds(12)), texts(Millis(1)));
}
