//! The owner has the conversation.

use std::time::Duration;

use secondme_avatar_protocol::{Author, Command, Config, ErrorKind, EventKind, Hold, Step, limits};
use serde_json::{Value, json};

use crate::helpers::{MILLI, reply_to, take, taken_over, whole_ask};
use crate::support::{FIRST, Peer, echo, owner, piece};

#[test]
fn what_the_owner_says_and_what_the_avatar_says_after_it_tell_who_has_the_conversation() {
    let mut peer = Peer::live();
    assert!(!peer.machine.taken_over(FIRST));
    peer.piece("r1", 0, "Hel");
    peer.frame(owner("o1", "I take this one"));
    assert!(peer.machine.taken_over(FIRST));
    peer.piece("r1", -1, "lo");
    peer.frame(owner("o2", "I am still here"));
    assert!(peer.machine.taken_over(FIRST), "the end of a reply that had begun before gives nothing back");
    peer.piece("r2", -1, "I am back");
    assert!(!peer.machine.taken_over(FIRST));
    let told: Vec<_> = peer
        .happened()
        .iter()
        .filter_map(|kind| match kind {
            EventKind::TakenOver => Some("taken over"),
            EventKind::HandedBack => Some("handed back"),
            EventKind::OwnerReply(_) => Some("owner"),
            EventKind::Reply(_) => Some("avatar"),
            _ => None,
        })
        .collect();
    assert_eq!(told, ["taken over", "owner", "avatar", "owner", "handed back", "avatar"]);
}

#[test]
fn while_the_owner_has_the_conversation_no_question_waits_for_another() {
    let mut peer = taken_over();
    let asks = ["m1", "m2", "m3"].map(|text| {
        let ask = peer.ask(text);
        take(&mut peer);
        ask
    });
    assert!(!peer.asks(Step::SendMessage) && peer.held.is_empty(), "all have gone out at once");
    peer.frame(owner("o2", "an answer to all of it"));
    let reply = reply_to(&peer, asks[0]);
    assert_eq!(
        (reply.author, reply.in_reply_to.as_ref()),
        (Author::Owner, None),
        "which one it answers is not certain"
    );
    peer.pass(limits::FIRST_PIECE);
    for ask in &asks[1..] {
        assert_eq!(peer.error(*ask).kind(), ErrorKind::TakenOver);
        assert!(!peer.error(*ask).is_retryable() && peer.error(*ask).unsent().is_none());
    }
}

#[test]
fn questions_that_waited_go_out_when_the_owner_shows() {
    let mut peer = Peer::live();
    let asks = ["m1", "m2", "m3"].map(|text| peer.ask(text));
    take(&mut peer);
    assert!(!peer.asks(Step::SendMessage));
    assert_eq!(peer.held, [Hold::Answer]);
    peer.frame(owner("o1", "It is me"));
    assert_eq!(peer.replied(asks[0]), "It is me");
    take(&mut peer);
    take(&mut peer);
    peer.frame(owner("o2", "And again"));
    assert_eq!(peer.replied(asks[1]), "And again");
}

/// The next run of a visitor's program, whose socket is up. What it missed is still to be looked up.
fn next_run(peer: &Peer) -> Peer {
    let mut next = Peer::with(Config::default(), Some(peer.machine.record()));
    next.open(FIRST);
    let address = next.page(Step::CreateSocket);
    next.grant(Step::CreateSocket, address);
    next.up();
    next
}

#[test]
fn the_next_run_knows_that_the_owner_has_the_conversation() {
    let mut next = next_run(&taken_over());
    assert!(next.machine.taken_over(FIRST));
    next.grant(Step::QueryMessages, json!([]));
    let told = |kind: &EventKind| matches!(kind, EventKind::TakenOver | EventKind::HandedBack);
    assert!(!next.happened().iter().any(told), "the run before was told");
    for text in ["m1", "m2"] {
        next.ask(text);
        take(&mut next);
    }
    next.piece("r1", -1, "I am back");
    assert_eq!(next.happened().iter().filter(|kind| told(kind)).count(), 1);
    assert!(!next.machine.taken_over(FIRST));
    assert!(!next_run(&next).machine.taken_over(FIRST));
}

#[test]
fn a_reply_that_is_heard_again_from_its_beginning_gives_nothing_back() {
    let mut peer = Peer::live();
    peer.piece("r1", 0, "Hel");
    peer.frame(owner("o1", "I take this one"));
    let mut next = next_run(&peer);
    next.grant(
        Step::QueryMessages,
        json!([piece("r1", 0, "Hel"), owner("o1", "I take this one"), piece("r1", -1, "lo")]),
    );
    next.grant(Step::QueryMessages, json!([]));
    let replies = |kind: &EventKind| match kind {
        EventKind::Reply(reply) => Some(reply.text.to_string()),
        _ => None,
    };
    assert_eq!(next.happened().iter().filter_map(replies).collect::<Vec<_>>(), ["Hello"]);
    assert!(next.machine.taken_over(FIRST));
}

#[test]
fn the_rest_of_a_reply_that_closing_cut_off_answers_no_question_after_it() {
    let mut peer = Peer::live();
    peer.ask("m1");
    take(&mut peer);
    peer.piece("r1", 0, "To ");
    peer.command(Command::Close {
        conversation: FIRST,
        deadline: limits::CLOSE_DEADLINE,
        end_session: false,
    });
    let mut next = next_run(&peer);
    next.grant(Step::QueryMessages, json!([]));
    let ask = next.ask("m2");
    take(&mut next);
    next.piece("r1", -1, "m1");
    assert!(next.is_waiting(ask));
    next.piece("r2", -1, "To m2");
    assert_eq!(next.replied(ask), "To m2");
}

#[test]
fn what_was_asked_in_the_owner_s_time_does_not_hold_up_or_take_the_avatar_s_answers() {
    let mut peer = taken_over();
    let unanswered = peer.ask("m1");
    take(&mut peer);
    peer.pass(limits::HOLDS_QUESTION);
    // The owner has given the conversation back, and only the avatar's next reply will show it.
    let next = peer.ask("m2");
    take(&mut peer);
    peer.piece("r1", -1, "To m2");
    assert_eq!(peer.replied(next), "To m2");
    assert_eq!(reply_to(&peer, next).in_reply_to, None, "it might have been for the first one");
    let third = peer.ask("m3");
    take(&mut peer);
    peer.piece("r2", -1, "To m3");
    assert_eq!(peer.replied(third), "To m3");
    assert!(peer.is_waiting(unanswered));
}

#[test]
fn an_avatar_that_answers_all_the_same_answers_in_order() {
    let mut peer = taken_over();
    let asks = ["m1", "m2"].map(|text| {
        let ask = peer.ask(text);
        take(&mut peer);
        ask
    });
    peer.piece("r1", -1, "To m1");
    peer.piece("r2", -1, "To m2");
    assert_eq!(asks.map(|ask| peer.replied(ask).to_owned()), ["To m1", "To m2"]);
}

#[test]
fn a_message_that_the_owner_answers_in_person_is_not_asked_for() {
    let mut peer = Peer::live();
    let mut queries = 0;
    for turn in 0..100 {
        peer.send("Hello");
        take(&mut peer);
        if turn % 2 == 0 {
            peer.frame(owner(&format!("o{turn}"), "It is me"));
        } else {
            peer.piece(&format!("r{turn}"), -1, "Hi");
        }
        // The second half is left without an answer while the owner has the conversation.
        for _ in 0..40 {
            peer.pass(Duration::from_secs(1));
            while peer.asks(Step::QueryMessages) {
                queries += 1;
                peer.grant(Step::QueryMessages, serde_json::json!([]));
            }
        }
    }
    assert_eq!(queries, 0);
}

#[test]
fn a_message_in_the_owner_s_time_whose_echo_has_come_is_not_asked_for() {
    let mut peer = taken_over();
    peer.send("Hello");
    take(&mut peer);
    peer.pass(Duration::from_secs(300));
    assert!(!peer.asks(Step::QueryMessages));
}

/// The link is lost after the message went out, and the gap has what the owner said before the message's echo.
fn owner_before_the_echo(peer: &mut Peer) {
    let id = peer.message_id();
    peer.grant(Step::SendMessage, Value::Null);
    peer.lose();
    while !peer.asks(Step::CreateSocket) {
        peer.pass(Duration::from_millis(50));
    }
    let data = peer.page(Step::CreateSocket);
    peer.grant(Step::CreateSocket, data);
    peer.up();
    let found = serde_json::json!([owner("o1", "By the way"), echo(&id, "Hello?")]);
    peer.grant(Step::QueryMessages, found);
    peer.grant(Step::QueryMessages, serde_json::json!([]));
}

#[test]
fn what_the_owner_said_before_a_question_s_echo_does_not_answer_it() {
    let mut peer = Peer::live();
    // This service echoes.
    peer.send("Hi");
    take(&mut peer);
    peer.piece("r1", -1, "Hi");
    let ask = whole_ask(&mut peer, "Hello?", limits::ASK_DEADLINE);
    owner_before_the_echo(&mut peer);
    assert!(peer.is_waiting(ask));
    peer.pass(limits::PROBE_AGAIN);
    peer.grant(Step::QueryMessages, serde_json::json!([piece("r2", -1, "Hello!")]));
    assert_eq!(peer.replied(ask), "Hello!");
}

#[test]
fn what_the_avatar_says_into_a_socket_that_is_gone_is_looked_for_though_the_owner_has_spoken() {
    for echoes in [true, false] {
        let mut peer = Peer::live();
        if echoes {
            peer.send("Hi");
            take(&mut peer);
        }
        peer.piece("r1", -1, "Hi");
        peer.send("Hello?");
        owner_before_the_echo(&mut peer);
        peer.pass(limits::PROBE_AGAIN);
        assert!(peer.asks(Step::QueryMessages), "{echoes}");
    }
}

#[test]
fn a_question_waits_for_the_owner_from_when_the_owner_shows_and_no_longer_than_it_may() {
    let owner_deadline = Some(Duration::from_secs(5));
    let mut peer = Peer::live_with(Config { owner_deadline, ..Config::default() });
    let ask = peer.ask("Are you there?");
    peer.frame(owner("o1", "I take this one"));
    assert!(peer.is_waiting(ask), "the owner has spoken before the service took the question");
    peer.pass(Duration::from_secs(7));
    take(&mut peer);
    peer.pass(Duration::from_secs(5) - MILLI);
    assert!(peer.is_waiting(ask));
    peer.pass(MILLI);
    assert_eq!(peer.error(ask).kind(), ErrorKind::TakenOver);

    // One that the service has taken, and that the owner's word does not answer: an older one is answered by it.
    let asks = ["m1", "m2"].map(|text| {
        let ask = peer.ask(text);
        take(&mut peer);
        peer.pass(Duration::from_secs(2));
        ask
    });
    peer.frame(owner("o2", "to the first"));
    assert_eq!(peer.replied(asks[0]), "to the first");
    peer.frame(piece("r1", -1, "I am back"));
    let ask = peer.ask("Who?");
    take(&mut peer);
    peer.pass(Duration::from_secs(20));
    assert!(peer.is_waiting(ask), "the avatar has the conversation again");
}

#[test]
fn a_question_that_was_taken_waits_for_an_owner_who_shows_without_answering_it_no_longer_than_it_may() {
    let owner_deadline = Some(Duration::from_secs(5));
    let mut peer = Peer::live_with(Config { owner_deadline, ..Config::default() });
    let first = peer.ask("first");
    take(&mut peer);
    peer.piece("r1", -1, "To first");
    assert_eq!(peer.replied(first), "To first");
    let ask = peer.ask("Are you there?");
    peer.grant(Step::SendMessage, Value::Null);
    peer.pass(Duration::from_secs(1));
    // Before the question's echo: it answers what was said before.
    peer.frame(owner("o1", "I take this one"));
    peer.pass(Duration::from_secs(5) - MILLI);
    assert!(peer.is_waiting(ask));
    peer.pass(MILLI);
    assert_eq!(peer.error(ask).kind(), ErrorKind::TakenOver);
}
