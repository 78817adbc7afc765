//! The names of the second door's sockets, and whose words are whose.

use super::*;

/// The next socket, over an address that tells no name.
fn another_socket(peer: &mut Peer) {
    peer.pass(limits::ADDRESS_LIFETIME);
    peer.lose();
    while !peer.asks(Step::InitVisitorChat) {
        peer.pass(Duration::from_millis(50));
    }
    init(peer, "s1");
    peer.up();
}

fn named(ws: &str, seq: &str) -> Value {
    json!({
        "sender": "umm", "messageId": seq, "seqId": seq, "index": -1, "wsId": ws,
        "multipleData": [{"modal": {"answer": "Hello"}}],
    })
}

#[test]
fn a_socket_is_not_pinged_under_the_name_of_another_one() {
    let (mut peer, _) = live();
    peer.frame(named("a", "q1"));
    another_socket(&mut peer);
    // The name is not known yet, and what comes again is of the first socket.
    peer.frame(named("a", "q2"));
    peer.frames.clear();
    peer.pass(limits::HEARTBEAT * 3);
    assert!(peer.frames.is_empty(), "{:?}", peer.frames);
    peer.frame(named("b", "q3"));
    another_socket(&mut peer);
    for (name, seq) in [("a", "q4"), ("b", "q5"), ("c", "q6"), ("a", "q7"), ("b", "q8")] {
        peer.frame(named(name, seq));
    }
    peer.frames.clear();
    peer.pass(limits::HEARTBEAT);
    assert_eq!(peer.frames.remove(0).1, r#"{"type":"ping","wsId":"c"}"#);
}

#[test]
fn a_name_of_the_address_stands_against_all_names_of_sockets_before() {
    let (mut peer, _) = live();
    peer.frame(named("a", "q1"));
    another_socket(&mut peer);
    peer.frame(named("b", "q2"));
    peer.pass(limits::ADDRESS_LIFETIME);
    peer.lose();
    while !peer.asks(Step::InitVisitorChat) {
        peer.pass(Duration::from_millis(50));
    }
    init_at(&mut peer, "s1", "wss://gate.test/ws?wsId=c");
    peer.up();
    peer.frame(named("a", "q3"));
    peer.frames.clear();
    peer.pass(limits::HEARTBEAT);
    assert_eq!(peer.frames.remove(0).1, r#"{"type":"ping","wsId":"c"}"#);
}

#[test]
fn what_the_owner_says_later_is_heard_though_the_visitor_has_once_said_the_same() {
    let (mut peer, _) = live();
    let send = |peer: &mut Peer, text: &str| {
        peer.send(text);
        peer.grant(Step::SendMessage, Value::Null);
    };
    send(&mut peer, "ok");
    peer.frame(says("owner", "ok"));
    assert_eq!(owner_said(&mut peer), None, "nothing tells yet");
    for (text, again) in [("And you?", false), ("Fine", false), ("Good", true)] {
        send(&mut peer, text);
        peer.frame(says("me", text));
        peer.happened();
        if again {
            peer.frame(says("me", text));
            assert_eq!(owner_said(&mut peer), None);
        }
    }
    peer.pass(Duration::from_secs(3600));
    peer.frame(says("owner", "ok"));
    assert!(owner_said(&mut peer).is_some());

    // Nor is it swallowed where no other echo has come.
    let (mut peer, _) = live();
    send(&mut peer, "ok");
    peer.frame(says("owner", "ok"));
    peer.pass(limits::ECHO_BY_TEXT);
    peer.frame(says("owner", "ok"));
    assert_eq!(owner_said(&mut peer), Some(false));
    send(&mut peer, "thanks");
    peer.pass(limits::ECHO_BY_TEXT);
    peer.frame(says("owner", "thanks"));
    assert_eq!(owner_said(&mut peer), Some(false));
}
