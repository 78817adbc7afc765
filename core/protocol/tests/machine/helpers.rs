//! What the tests of several files begin with.

use std::time::Duration;

use secondme_avatar_protocol::{
    Command, Config, Confirmation, Delivery, EventKind, Input, Outcome, Reply, Step, Text, Ticket, limits,
};
use serde_json::Value;

use crate::support::{FIRST, Peer, body, echo, owner, piece};

pub(crate) const MILLI: Duration = Duration::from_millis(1);

/// An opening whose authentication has been granted by the quota.
pub(crate) fn opening() -> (Peer, Ticket) {
    let mut peer = Peer::new();
    let open = peer.open(FIRST);
    let call = peer.quota.pop().unwrap();
    peer.input(Input::QuotaGranted(call));
    (peer, open)
}

pub(crate) fn page(peer: &mut Peer, step: Step) {
    let data = peer.page(step);
    peer.grant(step, data);
}

pub(crate) fn authenticate(peer: &mut Peer) {
    let call = peer.quota.pop().expect("it wants another token");
    peer.input(Input::QuotaGranted(call));
    page(peer, Step::Authenticate);
}

/// A machine made again from the record of one that was open.
pub(crate) fn resumed() -> (Peer, Ticket) {
    let record = {
        let mut peer = Peer::live();
        peer.frame(piece("r0", -1, "Hello"));
        peer.machine.record()
    };
    let mut peer = Peer::with(secondme_avatar_protocol::Config::default(), Some(record));
    let open = peer.open(FIRST);
    (peer, open)
}

pub(crate) fn said(events: &[EventKind]) -> Vec<String> {
    let said = |kind: &EventKind| match kind {
        EventKind::Reply(reply) | EventKind::OwnerReply(reply) => Some(reply.text.to_string()),
        EventKind::Delivered { text, .. } => Some(format!("echo {text}")),
        EventKind::Reconnected { gap } => Some(format!("{gap:?}")),
        EventKind::Disconnected { .. } => Some("lost".to_owned()),
        EventKind::Opened { .. } => Some("open".to_owned()),
        EventKind::Closed { .. } => Some("closed".to_owned()),
        _ => None,
    };
    events.iter().filter_map(said).collect()
}

pub(crate) fn reconnect(peer: &mut Peer) {
    while !peer.asks(Step::CreateSocket) {
        peer.pass(Duration::from_millis(50));
    }
    page(peer, Step::CreateSocket);
    peer.up();
}

pub(crate) fn confirmation(peer: &Peer, ticket: Ticket) -> Confirmation {
    match peer.result(ticket) {
        Ok(Outcome::Sent(sent)) => sent.confirmed_by,
        other => panic!("not sent: {other:?}"),
    }
}

#[track_caller]
pub(crate) fn assert_unsent(peer: &Peer, ticket: Ticket, text: &str, certain: bool) {
    let unsent = peer.error(ticket).unsent().expect("the text is handed back");
    assert_eq!((unsent.text.as_str(), unsent.certain), (text, certain));
}

pub(crate) fn resending() -> Peer {
    Peer::live_with(Config { delivery: Delivery::AtLeastOnce, ..Config::default() })
}

pub(crate) fn quick_ask(peer: &mut Peer, first_piece: Duration, deadline: Duration) -> Ticket {
    peer.command(Command::Ask {
        conversation: FIRST,
        text: Text::from("Hi?"),
        deadline,
        first_piece,
        pieces: true,
        collect: None,
    })
}

/// Asks for the whole reply, and not for its pieces.
pub(crate) fn whole_ask(peer: &mut Peer, text: &str, deadline: Duration) -> Ticket {
    let (text, first_piece) = (Text::from(text), limits::FIRST_PIECE);
    peer.command(Command::Ask {
        conversation: FIRST,
        text,
        deadline,
        first_piece,
        pieces: false,
        collect: None,
    })
}

/// Takes the message that is under way, and echoes it. Says its id.
pub(crate) fn take(peer: &mut Peer) -> String {
    let id = peer.message_id();
    let text = body(peer.requests.iter().find(|request| request.step == Step::SendMessage).unwrap());
    peer.frame(echo(&id, text["data"]["content"].as_str().unwrap()));
    peer.grant(Step::SendMessage, Value::Null);
    id
}

/// A conversation that the owner has, and has said so.
pub(crate) fn taken_over() -> Peer {
    let mut peer = Peer::live();
    peer.frame(owner("o1", "I take this one"));
    peer.happened();
    peer
}

pub(crate) fn reply_to(peer: &Peer, ticket: Ticket) -> &Reply {
    match peer.result(ticket) {
        Ok(Outcome::Replied(reply)) => reply,
        other => panic!("no reply: {other:?}"),
    }
}

/// When the next attempt is made, and what the loss is put down to.
pub(crate) fn lost(peer: &mut Peer) -> (Duration, String) {
    let lost = peer.happened().into_iter().find_map(|kind| match kind {
        EventKind::Disconnected { retry_in, cause, .. } => Some((retry_in, cause.to_string())),
        _ => None,
    });
    lost.expect("it says that the link is lost")
}
