//! The second door's token: asked for, renewed, refused.

use super::*;

#[test]
fn the_token_is_renewed_when_it_is_time_and_no_sooner_than_a_call_needs_it() {
    let mut peer = Peer::with(config(), None);
    peer.open(FIRST);
    let renew_at = peer.now + Duration::from_secs(60);
    token(&mut peer, "t1", Some(renew_at), Freshness::Fetched);
    init(&mut peer, "s1");
    peer.up();
    peer.pass(Duration::from_secs(59));
    let first = peer.send("Hello");
    peer.grant(Step::SendMessage, Value::Null);
    assert!(matches!(peer.result(first), Ok(Outcome::Sent(_))));
    peer.pass(Duration::from_secs(3600));
    assert!(peer.tokens.is_empty(), "an idle visitor needs none");
    peer.send("Again");
    assert!(peer.requests.is_empty());
    assert_eq!(peer.tokens[0].1, None, "it was not refused");
    token(&mut peer, "t2", None, Freshness::Fetched);
    let request = peer.take(Step::SendMessage);
    assert_eq!(request.headers[0].1.expose_secret(), "Bearer t2");
}

#[test]
fn a_dead_token_is_replaced_once_and_the_message_goes_on() {
    let dead = [
        (401, r#"{"detail":"Not authenticated"}"#),
        (200, r#"{"code":401,"message":"no","subCode":"oauth2.token.expired"}"#),
        (200, r#"{"code":401,"message":"no"}"#),
        (403, r#"{"code":403,"message":"no","error_code":"resource.auth.unauthorized"}"#),
    ];
    for (status, refusal) in dead {
        let (mut peer, _) = live();
        let send = peer.send("Hello");
        peer.reply(Step::SendMessage, status, refusal);
        assert_eq!(peer.tokens[0].1.as_deref(), Some("t1"), "{refusal}");
        token(&mut peer, "t2", None, Freshness::Fetched);
        peer.grant(Step::SendMessage, Value::Null);
        assert!(matches!(peer.result(send), Ok(Outcome::Sent(_))));

        let send = peer.send("And again");
        peer.reply(Step::SendMessage, status, refusal);
        token(&mut peer, "t3", None, Freshness::Fetched);
        peer.reply(Step::SendMessage, status, refusal);
        assert_eq!(peer.error(send).kind(), ErrorKind::Authentication);
        assert!(peer.machine.is_closed());
    }
}

#[test]
fn a_token_that_was_at_hand_may_have_died_as_well() {
    let (mut peer, _) = live();
    let send = peer.send("Hello");
    peer.refuse(Step::SendMessage, 401, "oauth2.token.revoked");
    token(&mut peer, "t2", None, Freshness::AtHand);
    peer.refuse(Step::SendMessage, 401, "oauth2.token.revoked");
    assert_eq!(peer.tokens[0].1.as_deref(), Some("t2"));
    token(&mut peer, "t3", None, Freshness::Fetched);
    peer.grant(Step::SendMessage, Value::Null);
    assert!(matches!(peer.result(send), Ok(Outcome::Sent(_))));

    // Two visitors would else have tokens fetched for each other for ever.
    let send = peer.send("Hello?");
    for name in ["t4", "t5"] {
        peer.refuse(Step::SendMessage, 401, "oauth2.token.revoked");
        token(&mut peer, name, None, Freshness::AtHand);
    }
    peer.refuse(Step::SendMessage, 401, "oauth2.token.revoked");
    assert_eq!(peer.error(send).kind(), ErrorKind::Authentication);
    assert!(peer.tokens.is_empty());
}

#[test]
fn a_handshake_that_is_refused_for_its_token_costs_another_token_once() {
    for status in [401, 403] {
        let mut peer = Peer::with(config(), None);
        peer.open(FIRST);
        token(&mut peer, "t1", None, Freshness::AtHand);
        for (attempt, refused) in [(0, Some("t1")), (1, None)] {
            init(&mut peer, "s1");
            while peer.opened.len() == attempt {
                peer.pass(Duration::from_millis(50));
            }
            let generation = peer.generation();
            peer.input(Input::SocketFailed { generation, status: Some(status), error: broken() });
            while peer.tokens.is_empty() && !peer.asks(Step::InitVisitorChat) {
                peer.pass(Duration::from_millis(50));
            }
            assert_eq!(peer.tokens.first().map(|(_, token)| token.as_deref()), refused.map(Some), "{status}");
            if refused.is_some() {
                token(&mut peer, "t2", None, Freshness::Fetched);
                while !peer.asks(Step::InitVisitorChat) {
                    peer.pass(Duration::from_millis(50));
                }
            }
            assert_eq!(peer.requests[0].headers[0].1.expose_secret(), "Bearer t2");
        }
    }
}

#[test]
fn a_token_that_cannot_be_had_is_the_end_or_is_asked_for_again_as_its_error_says() {
    for (kind, is_end) in
        [(ErrorKind::Authentication, true), (ErrorKind::Misuse, true), (ErrorKind::Unavailable, false)]
    {
        let mut peer = Peer::with(config(), None);
        let open = peer.open(FIRST);
        let (call, _) = peer.tokens.pop().unwrap();
        peer.input(Input::TokenFailed { call, error: Error::new(kind, "no token") });
        if is_end {
            let error = peer.error(open);
            assert_eq!((error.kind(), error.step()), (kind, Some(Step::FetchToken)));
            continue;
        }
        peer.pass(limits::BACKOFF_FIRST);
        token(&mut peer, "t1", None, Freshness::Fetched);
        init(&mut peer, "s1");
        peer.up();
        assert!(matches!(peer.result(open), Ok(Outcome::Opened { .. })));
    }
}

#[test]
fn what_only_a_change_outside_helps_against_ends_everything_and_says_what_to_change() {
    for (code, what) in [
        ("oauth2.application.suspended", "https://develop.second.me"),
        ("secondme.app.banned", "https://develop.second.me"),
        ("oauth2.scope.insufficient", "`chat.write`"),
        ("apikey.permission.denied", "`chat.write`"),
        ("oauth2.authorization.revoked", "the user has withdrawn"),
        ("apikey.fetch.not_found", "`api_key`"),
        ("open.api.key.disabled", "disabled"),
        ("oauth2.client.secret_mismatch", "`client_secret`"),
    ] {
        for status in [200, 401, 403] {
            let mut peer = Peer::with(config(), None);
            let open = peer.open(FIRST);
            token(&mut peer, "t1", None, Freshness::Fetched);
            let refusal = json!({"code": 403, "message": "no", "subCode": code}).to_string();
            peer.reply(Step::InitVisitorChat, status, &refusal);
            let error = peer.error(open);
            assert_eq!((error.kind(), error.code()), (ErrorKind::Authentication, Some(code)));
            assert!(error.to_string().contains(what), "{error}");
            assert!(peer.machine.is_closed() && peer.tokens.is_empty());
        }
    }
}
