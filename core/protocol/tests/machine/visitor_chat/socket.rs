//! The second door's socket: its address, its name, its heartbeat.

use super::*;

#[test]
fn the_address_is_tried_once_more_and_then_another_is_asked_for() {
    let (mut peer, _) = live();
    peer.lose();
    while peer.opened.len() < 2 {
        peer.pass(Duration::from_millis(50));
    }
    assert!(peer.requests.is_empty(), "it is younger than a minute");
    peer.up();
    assert_eq!(peer.machine.state(FIRST), State::Live);
    assert!(
        said(&peer.happened()).contains(&format!("{:?}", Gap::Unknown)),
        "there is nothing to ask for what was missed"
    );
    peer.pass(limits::LINK_PROVEN);
    peer.lose();
    while !peer.asks(Step::InitVisitorChat) {
        peer.pass(Duration::from_millis(50));
    }
    init(&mut peer, "s1");
    peer.up();
    assert!(!peer.happened().iter().any(|kind| matches!(kind, EventKind::SessionReplaced { .. })));
}

#[test]
fn an_address_that_is_too_old_or_was_refused_is_not_tried_again() {
    for refused in [false, true] {
        let (mut peer, _) = live();
        if !refused {
            peer.pass(limits::ADDRESS_LIFETIME);
        }
        peer.lose();
        if refused {
            while peer.opened.len() < 2 {
                peer.pass(Duration::from_millis(50));
            }
            let (generation, status) = (peer.generation(), Some(410));
            let error = Error::new(ErrorKind::ConnectionFailed, "gone");
            peer.input(Input::SocketFailed { generation, status, error });
        }
        let opened = peer.opened.len();
        while !peer.asks(Step::InitVisitorChat) {
            peer.pass(Duration::from_millis(50));
        }
        assert_eq!(peer.opened.len(), opened);
    }
}

#[test]
fn an_address_whose_socket_was_closed_with_a_refusal_is_not_tried_again() {
    let (mut peer, _) = live();
    let (generation, cause) = (peer.generation(), broken().with_close(4001, "somewhere else"));
    peer.input(Input::SocketClosed { generation, cause });
    while !peer.asks(Step::InitVisitorChat) {
        peer.pass(Duration::from_millis(50));
    }
    assert_eq!(peer.opened.len(), 1);
}

#[test]
fn a_socket_without_a_name_is_not_pinged_and_lives() {
    let (mut peer, _) = live();
    peer.pass(Duration::from_secs(3600));
    assert!(peer.frames.is_empty());
    assert_eq!(peer.machine.state(FIRST), State::Live);

    let (mut peer, _) = live_with(Config { ping_unnamed: true, ..config() }, None);
    peer.pass(Duration::from_secs(3600));
    assert!(!peer.frames.is_empty());
    assert!(peer.frames.iter().all(|(_, frame)| frame == r#"{"type":"ping"}"#));
    assert_eq!(peer.machine.state(FIRST), State::Live);
}

#[test]
fn a_frame_names_the_socket_and_from_then_on_it_is_pinged_and_acknowledged() {
    let mut named = avatar(0, "Hello");
    named["wsId"] = "ws-9".into();
    named["seqId"] = "q1".into();
    for (address, before) in
        [(ADDRESS, None), ("wss://gate.test/ws?wsId=guess", Some(r#"{"type":"ping","wsId":"guess"}"#))]
    {
        let mut peer = Peer::with(config(), None);
        peer.open(FIRST);
        token(&mut peer, "t1", None, Freshness::Fetched);
        init_at(&mut peer, "s1", address);
        peer.up();
        peer.pass(limits::HEARTBEAT);
        assert_eq!(peer.frames.first().map(|(_, frame)| frame.as_str()), before);
        peer.frames.clear();
        peer.frame(named.clone());
        assert_eq!(peer.frames.remove(0).1, r#"{"type":"ack","seqId":"q1","wsId":"ws-9"}"#);
        peer.pass(limits::HEARTBEAT);
        assert_eq!(peer.frames.remove(0).1, r#"{"type":"ping","wsId":"ws-9"}"#);
    }
}

#[test]
fn a_frame_of_the_socket_before_makes_the_new_one_neither_deaf_nor_misnamed() {
    let frame = |ws: &str, seq: &str, index: i64, text: &str| {
        let mut frame = avatar(index, text);
        frame["wsId"] = ws.into();
        frame["seqId"] = seq.into();
        frame["messageId"] = if seq == "q1" { "r1" } else { "r2" }.into();
        frame
    };
    for address in [ADDRESS, "wss://gate.test/ws?wsId=new"] {
        let mut peer = Peer::with(config(), None);
        peer.open(FIRST);
        token(&mut peer, "t1", None, Freshness::Fetched);
        init(&mut peer, "s1");
        peer.up();
        peer.frame(frame("old", "q1", 0, "Before"));
        peer.pass(limits::ADDRESS_LIFETIME);
        peer.lose();
        while !peer.asks(Step::InitVisitorChat) {
            peer.pass(Duration::from_millis(50));
        }
        init_at(&mut peer, "s1", address);
        peer.up();
        peer.happened();
        for came in [
            frame("old", "q1", 0, "Before"),
            frame("old", "q2", 0, "One "),
            frame("new", "q3", 1, "reply"),
            frame("old", "q4", -1, ""),
        ] {
            peer.frame(came);
        }
        assert_eq!(said(&peer.happened()), ["One reply"], "{address}");
        assert_eq!(peer.machine.counters().foreign, 0);
        peer.frames.clear();
        peer.pass(limits::HEARTBEAT);
        assert_eq!(peer.frames.remove(0).1, r#"{"type":"ping","wsId":"new"}"#, "{address}");
    }
}
