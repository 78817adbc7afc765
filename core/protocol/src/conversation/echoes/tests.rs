//! Who is heard, frame by frame.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;

const START: Millis = Millis(1_000_000);

struct Room {
    echoes: Echoes,
    own: Option<OwnUser>,
    now: Millis,
}

impl Room {
    fn new() -> Self {
        Self { echoes: Echoes::default(), own: None, now: START }
    }

    fn sends(&mut self, message: &str, text: &str) {
        self.echoes.sent(self.now, &message.into(), text);
    }

    fn hears(&mut self, frame: &Value) -> Voice {
        let (text, mut mended) = (frame.to_string(), String::new());
        let frame = Frame::parse(&text, &mut mended).unwrap();
        self.echoes.judge(self.now, &frame, &mut self.own)
    }

    fn pass(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
    }
}

fn says(user: &str, text: &str) -> Value {
    json!({"sender": "client", "sendUserId": user, "data": {"content": text}})
}

fn echo_of(message: &str) -> Voice {
    Voice::Visitor(Some(message.into()))
}

const GUESSED: Voice = Voice::Owner { confirmed: false };
const OWNER: Voice = Voice::Owner { confirmed: true };

#[test]
fn an_echo_is_known_by_the_id_that_the_service_gave_whatever_its_text() {
    for field in ["messageId", "seqId"] {
        let mut room = Room::new();
        room.sends("m1", "Hello");
        room.echoes.named(&"m1".into(), "server-1".into());
        let mut frame = says("me", "He***");
        frame[field] = "server-1".into();
        assert_eq!(room.hears(&frame), echo_of("m1"));
        assert_eq!(room.hears(&says("me", "Something else")), Voice::Visitor(None), "by the user id");
        assert_eq!(room.hears(&says("owner", "Hello")), OWNER);
    }
}

#[test]
fn an_echo_is_known_by_its_text_for_thirty_seconds() {
    for (after, expected) in [(0, echo_of("m1")), (29, echo_of("m1")), (30, GUESSED)] {
        let mut room = Room::new();
        room.sends("m1", " Hello\n");
        room.pass(after);
        assert_eq!(room.hears(&says("me", "Hello ")), expected, "after {after} s");
    }
}

#[test]
fn one_echo_is_one_message_s() {
    let mut room = Room::new();
    room.sends("m1", "ok");
    room.sends("m2", "ok");
    assert_eq!(room.hears(&says("me", "ok")), echo_of("m1"));
    assert_eq!(room.hears(&says("me", "ok")), echo_of("m2"));
    assert_eq!(room.hears(&says("owner", "ok")), OWNER);
}

#[test]
fn an_echo_is_known_by_the_visitor_s_own_user_id_however_late() {
    let mut room = Room::new();
    room.sends("m1", "Hello");
    assert_eq!(room.hears(&says("me", "Hello")), echo_of("m1"));
    room.sends("m2", "And you?");
    assert_eq!(room.hears(&says("me", "And you?")), echo_of("m2"));
    // Two echoes have carried it.
    room.sends("m3", "And now?");
    room.pass(300);
    assert_eq!(room.hears(&says("me", "And now?")), echo_of("m3"));
    assert_eq!(room.hears(&says("me", "And you?")), echo_of("m2"));
    assert_eq!(room.hears(&says("me", "From my telephone")), Voice::Visitor(None));
}

#[test]
fn the_owner_s_words_are_not_swallowed_though_one_was_taken_for_an_echo() {
    let mut room = Room::new();
    room.sends("m1", "ok");
    assert_eq!(room.hears(&says("owner", "ok")), echo_of("m1"), "nothing tells");
    room.sends("m2", "thanks");
    room.pass(30);
    assert_eq!(room.hears(&says("owner", "ok")), GUESSED);
    assert_eq!(room.hears(&says("owner", "thanks")), GUESSED);
    for (message, text) in [("m3", "Three"), ("m4", "Four")] {
        room.sends(message, text);
        assert_eq!(room.hears(&says("me", text)), echo_of(message));
    }
    room.pass(3600);
    assert_eq!(room.hears(&says("owner", "ok")), GUESSED, "it has come with an echo");
    assert_eq!(room.hears(&says("owner", "Anything else")), OWNER);
}

#[test]
fn the_owner_is_a_guess_before_the_first_echo_and_certain_after_it() {
    let mut room = Room::new();
    assert_eq!(room.hears(&says("owner", "Hi, it is me")), GUESSED);
    room.sends("m1", "Hello");
    assert_eq!(room.hears(&says("owner", "I am here")), GUESSED);
    assert_eq!(room.hears(&says("me", "Hello")), echo_of("m1"));
    assert_eq!(room.hears(&says("owner", "Still here")), OWNER);
    assert_eq!(room.hears(&json!({"sender": "client", "data": {"content": "No name"}})), GUESSED);
}

#[test]
fn an_echo_that_comes_again_is_the_same_one() {
    let mut room = Room::new();
    room.sends("m1", "Hello");
    for _ in 0..3 {
        assert_eq!(room.hears(&says("me", "Hello")), echo_of("m1"));
    }
}

#[test]
fn an_echo_that_comes_again_in_another_session_is_the_same_one() {
    let mut room = Room::new();
    room.sends("m1", "Hello");
    assert_eq!(room.hears(&says("me", "Hello")), echo_of("m1"));
    room.sends("m2", "And you?");
    assert_eq!(room.hears(&says("me", "And you?")), echo_of("m2"));
    room.own.as_mut().unwrap().enter_session();
    room.sends("m3", "And now?");
    assert_eq!(room.hears(&says("I", "And now?")), echo_of("m3"));
    room.pass(60);
    assert_eq!(room.hears(&says("me", "Hello")), echo_of("m1"));
    assert_eq!(room.hears(&says("owner", "Hello")), OWNER);
}

#[test]
fn a_part_of_a_message_is_no_echo_of_it() {
    let mut room = Room::new();
    room.sends("m1", "How much is it?");
    assert_eq!(room.hears(&says("owner", "How much is it")), GUESSED);
    assert_eq!(room.hears(&says("owner", "is it?")), GUESSED);
}

#[test]
fn an_owner_who_says_the_same_is_not_taken_for_the_visitor_for_good() {
    let mut room = Room::new();
    room.sends("m1", "Hi");
    assert_eq!(room.hears(&says("owner", "Hi")), echo_of("m1"), "nothing tells");
    assert_eq!(room.hears(&says("owner", "How can I help?")), GUESSED);
    room.sends("m2", "Who is there?");
    assert_eq!(room.hears(&says("me", "Who is there?")), echo_of("m2"));
    assert_eq!(room.hears(&says("owner", "Me")), OWNER);
}

#[test]
fn where_two_have_said_the_same_the_owner_is_a_guess_until_another_echo_shows_who_is_who() {
    let mut room = Room::new();
    room.sends("m1", "Hi");
    assert_eq!(room.hears(&says("owner", "Hi")), echo_of("m1"), "nothing tells");
    assert_eq!(room.hears(&says("me", "Hi")), GUESSED);
    assert_eq!(room.hears(&says("me", "From my telephone")), GUESSED);
    room.sends("m2", "Who is there?");
    assert_eq!(room.hears(&says("me", "Who is there?")), echo_of("m2"));
    assert_eq!(room.hears(&says("owner", "Me")), OWNER);
}

#[test]
fn a_user_id_that_changes_is_learnt_again_from_the_echoes() {
    for is_told in [true, false] {
        let mut room = Room::new();
        for (message, text) in [("m1", "One"), ("m2", "Two")] {
            room.sends(message, text);
            assert_eq!(room.hears(&says("me", text)), echo_of(message));
        }
        assert_eq!(room.hears(&says("owner", "Certain")), OWNER);
        if is_told {
            room.own.as_mut().unwrap().enter_session();
            assert_eq!(room.hears(&says("owner", "Or is it?")), GUESSED);
        }
        for (message, text) in [("m3", "Three"), ("m4", "Four"), ("m5", "Five")] {
            room.sends(message, text);
            assert_eq!(room.hears(&says("I", text)), echo_of(message), "is told: {is_told}");
        }
        assert_eq!(room.hears(&says("owner", "Certain again")), OWNER);
        assert_eq!(room.hears(&says("I", "From my telephone")), Voice::Visitor(None));
    }
}

#[test]
fn what_was_not_taken_has_no_echo() {
    let mut room = Room::new();
    room.sends("m1", "Hello");
    room.echoes.not_sent(&"m1".into());
    assert_eq!(room.hears(&says("owner", "Hello")), GUESSED);
}

#[test]
fn an_echo_that_lay_unread_is_known_by_its_text_all_the_same() {
    let mut room = Room::new();
    room.sends("m1", "Hello");
    let unread_since = room.now;
    room.pass(120);
    room.echoes.wait_again(room.now, unread_since);
    assert_eq!(room.hears(&says("me", "Hello")), echo_of("m1"));
}

#[test]
fn no_text_is_kept() {
    let mut room = Room::new();
    room.sends("m1", "a word of mine");
    assert!(!format!("{:?}", room.echoes).contains("word"));
}
