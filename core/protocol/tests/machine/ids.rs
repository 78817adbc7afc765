//! Messages whose ids the caller has chosen.

use secondme_avatar_protocol::{
    Command, Input, MessageId, Millis, Misuse, Outcome, Step, Text, Ticket, limits,
};
use serde_json::{Value, json};

use crate::helpers::confirmation;
use crate::support::{self, FIRST, Peer, echo};

const ID: &str = "7af_____1774580000001";

fn send(text: &str) -> Command {
    Command::Send { conversation: FIRST, text: Text::from(text), deadline: limits::SEND_DEADLINE }
}

fn say(peer: &mut Peer, id: &str, text: &str) -> Result<Ticket, Misuse> {
    let ticket = peer.machine.command_under(peer.now, MessageId::from(id), send(text))?;
    peer.input(Input::Tick);
    Ok(ticket)
}

#[test]
fn a_message_goes_out_under_the_id_that_was_chosen_and_the_next_one_under_its_own() {
    let mut peer = Peer::live();
    let chosen = say(&mut peer, ID, "Hello").unwrap();
    assert_eq!(peer.message_id(), ID);
    let body = support::body(&peer.requests[0]);
    assert_eq!((&body["seqId"], &body["messageId"]), (&json!(ID), &json!(ID)));
    assert_eq!(body["timestamp"], json!(1_774_580_000_001_u64), "that of the id");
    peer.grant(Step::SendMessage, Value::Null);
    match peer.result(chosen) {
        Ok(Outcome::Sent(sent)) => assert_eq!(sent.message_id.as_str(), ID),
        other => panic!("{other:?}"),
    }
    let next = peer.send("Hello");
    assert_ne!(peer.message_id(), ID);
    peer.grant(Step::SendMessage, Value::Null);
    confirmation(&peer, next);
}

#[test]
fn what_is_no_id_is_refused_and_nothing_goes_out() {
    let mut peer = Peer::live();
    let (long, longest) = ("x".repeat(65), "x".repeat(64));
    for id in [
        "",
        "7af",
        "_____1774580000001",
        "7af____1774580000001",
        "7af______1774580000001",
        "7af_____177458000000",
        "7af_____17745800000011",
        "7af_____+774580000001",
        "7 af_____1774580000001",
        "ä_____1774580000001",
        &format!("{long}_____1774580000001"),
    ] {
        assert_eq!(say(&mut peer, id, "Hello"), Err(Misuse::MessageIdForm), "{id}");
    }
    assert!(peer.requests.is_empty());
    assert!(say(&mut peer, &format!("{longest}_____1774580000001"), "Hello").is_ok());
    let of = MessageId::of(u64::MAX, Millis(1));
    assert_eq!(of.written_at(), Some(Millis(1)), "{of}");
}

#[test]
fn an_id_names_one_message_until_that_is_handed_back() {
    let mut peer = Peer::live();
    say(&mut peer, ID, "Hello").unwrap();
    assert_eq!(say(&mut peer, ID, "Hello"), Err(Misuse::MessageIdInUse), "it is under way");
    peer.grant(Step::SendMessage, Value::Null);
    assert_eq!(say(&mut peer, ID, "Hello"), Err(Misuse::MessageIdInUse), "the service has it");
    // One that waits has its id too, whatever has become of it before.
    peer.lose();
    let other = "8af_____1774580000001";
    let waits = say(&mut peer, other, "Hello").unwrap();
    assert_eq!(say(&mut peer, other, "Hello"), Err(Misuse::MessageIdInUse));
    peer.pass(limits::SEND_DEADLINE);
    assert!(peer.error(waits).unsent().is_some());
    peer.serve();
    let again = say(&mut peer, other, "Hello").unwrap();
    assert_eq!(peer.message_id(), other);
    peer.grant(Step::SendMessage, Value::Null);
    confirmation(&peer, again);
    assert_eq!(say(&mut peer, other, "Hello"), Err(Misuse::MessageIdInUse));
}

#[test]
fn one_that_may_have_been_taken_and_was_handed_back_is_confirmed_by_its_echo_when_it_is_said_again() {
    let mut peer = Peer::live();
    let first = say(&mut peer, ID, "Hello").unwrap();
    peer.fail(Step::SendMessage, true);
    peer.pass(limits::SEND_DEADLINE);
    assert!(peer.error(first).unsent().is_some());
    peer.serve();
    let again = say(&mut peer, ID, "Hello").unwrap();
    assert_eq!(peer.message_id(), ID);
    peer.fail(Step::SendMessage, true);
    peer.frame(echo(ID, "Hello"));
    confirmation(&peer, again);
}

#[test]
fn a_message_that_an_earlier_run_has_kept_holds_its_id() {
    let mut peer = Peer::new();
    let kept = json!({
        "message_id": ID, "text": "Hello", "session": null, "since": 1_774_580_000_001_u64,
        "deadline": peer.now.0 + 3_600_000, "left": false,
    });
    peer.machine.restore(peer.now, vec![serde_json::from_value(kept).unwrap()]);
    peer.open(FIRST);
    assert_eq!(say(&mut peer, ID, "Hello"), Err(Misuse::MessageIdInUse));
}
