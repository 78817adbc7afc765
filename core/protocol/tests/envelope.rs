//! What an answer of the service says, in whichever field of its envelope.

use secondme_avatar_protocol::{Door, Error, ErrorKind, KnownSecrets, Secret, Step, verdict};
use serde_json::{Value, json};

fn refused(step: Step, status: u16, body: &Value) -> Error {
    refused_at(Door::AvatarOpenApi, step, status, body)
}

fn refused_at(door: Door, step: Step, status: u16, body: &Value) -> Error {
    verdict(door, step, status, body.to_string().as_bytes(), &KnownSecrets::default()).expect("a refusal")
}

#[test]
fn a_code_is_found_in_each_field_that_may_hold_it() {
    for body in [
        json!({"code": "open.api.key.not.found"}),
        json!({"code": 404, "subCode": "open.api.key.not.found", "message": "no such key"}),
        json!({"code": 404, "message": "open.api.key.not.found"}),
        json!({"code": 404, "msg": "open.api.key.not.found"}),
        json!({"code": 404, "error_code": "open.api.key.not.found", "message": "no such key"}),
        json!({"code": 404, "detail": "open.api.key.not.found"}),
        json!({"error_code": "open.api.key.not.found"}),
    ] {
        let error = refused(Step::Authenticate, 200, &body);
        assert_eq!(
            (error.kind(), error.code()),
            (ErrorKind::Authentication, Some("open.api.key.not.found")),
            "{body}"
        );
    }
    let bare = refused(Step::Authenticate, 404, &json!({"detail": "open.api.key.not.found"}));
    assert_eq!(bare.code(), Some("open.api.key.not.found"));
}

#[test]
fn a_code_without_a_dot_is_told_where_no_field_has_one_with_a_dot() {
    let error = refused(Step::SendMessage, 200, &json!({"code": 500_123, "error_code": "avatar_sleeps"}));
    assert_eq!((error.kind(), error.code()), (ErrorKind::Refused, Some("avatar_sleeps")));
    let error = refused(Step::SendMessage, 200, &json!({"code": 500_123, "message": "come back"}));
    assert_eq!(error.code(), Some("500123"));
}

#[test]
fn a_refused_body_names_its_fields_and_not_what_stood_in_them() {
    let detail = json!([
        {"loc": ["body", "visitorId"], "msg": "field required", "type": "value_error.missing", "input": "sk-0123"},
        {"loc": ["query", "limit"], "msg": "not a number", "type": "type_error.integer"},
    ]);
    let error = refused(Step::InitChat, 422, &json!({"detail": detail}));
    assert_eq!((error.kind(), error.status(), error.is_retryable()), (ErrorKind::Refused, Some(422), false));
    assert_eq!(
        error.to_string(),
        "the service refused: the field `visitorId`: field required; the field `query.limit`: not a number \
         (HTTP 422) [init_chat]"
    );
    let coded = refused(Step::InitChat, 422, &json!({"code": 422, "message": "invalid", "detail": detail}));
    assert!(coded.to_string().contains("the field `visitorId`: field required"), "{coded}");
}

#[test]
fn a_detail_in_words_is_the_text_of_the_error() {
    let error = refused(Step::SendMessage, 400, &json!({"detail": "the avatar is asleep"}));
    assert!(error.to_string().starts_with("the service refused: the avatar is asleep"), "{error}");
    let error = refused(Step::CreateSocket, 401, &json!({"detail": "Not authenticated"}));
    assert_eq!(error.kind(), ErrorKind::Authentication);
}

#[test]
fn an_allowance_that_is_used_up_is_an_error_of_its_own_whatever_the_status() {
    for code in
        ["avatar.unlock.required", "freeUsedUp.byokPlan", "package.turn.exhaustion", "owner.token.quota"]
    {
        for status in [200, 401, 402, 403, 429, 500] {
            let error = refused(Step::SendMessage, status, &json!({"code": status, "subCode": code}));
            assert_eq!(
                (error.kind(), error.code()),
                (ErrorKind::PaymentRequired, Some(code)),
                "HTTP {status}"
            );
            assert!(!error.is_retryable());
            assert!(
                error.to_string().starts_with("the owner's or the visitor's allowance is used up"),
                "{error}"
            );
        }
    }
    let bare = refused(Step::SendMessage, 402, &json!({"code": 402, "message": "pay first"}));
    assert_eq!(bare.kind(), ErrorKind::PaymentRequired);
    assert!(bare.to_string().contains("pay first"), "{bare}");
    // What passes on its own stays what it was.
    let limited = refused(Step::Authenticate, 429, &json!({"code": "open.api.rate.limited"}));
    assert_eq!((limited.kind(), limited.is_retryable()), (ErrorKind::RateLimited, true));
    let fast = refused(Step::SendMessage, 200, &json!({"code": "session.message.exceedQPSLimit"}));
    assert_eq!((fast.kind(), fast.is_retryable()), (ErrorKind::Refused, true));
    // A payment that a proxy asks for is not the service's.
    let page = b"<html>pay for this network</html>";
    let page = verdict(Door::AvatarOpenApi, Step::SendMessage, 402, page, &KnownSecrets::default())
        .expect("a refusal");
    assert_eq!(page.kind(), ErrorKind::InvalidAnswer);
}

#[test]
fn the_service_s_own_words_bring_no_secret_into_an_error() {
    for words in [
        "no such key sk-0123456789",
        "wrong token eyJhbGciOi.eyJzdWIiOjEyMzQ1Njc4.x",
        "ask wss://host/?ticket=1",
    ] {
        for body in [json!({"code": 1, "message": words}), json!({"detail": words}), json!({"code": words})] {
            let said = format!("{0} {0:?}", refused(Step::SendMessage, 400, &body));
            assert!(said.contains('…'), "{said}");
            assert!(!["0123456789", "eyJ", "ticket"].iter().any(|secret| said.contains(secret)), "{said}");
        }
    }
}

#[test]
fn what_passes_or_costs_money_is_told_by_its_name_or_status_at_either_door() {
    use ErrorKind::{Authentication, PaymentRequired, RateLimited, Refused, Unavailable};
    let visitor_chat = Door::VisitorChat;
    let open_api = Door::AvatarOpenApi;
    for (door, code, number, kind, says) in [
        // Money and rates, in families of codes that otherwise mean the key or the app.
        (visitor_chat, "apikey.quota.exceeded", 403, PaymentRequired, "allowance"),
        (open_api, "apikey.quota.exceeded", 403, PaymentRequired, "allowance"),
        (visitor_chat, "apikey.free.used_up", 400, PaymentRequired, "allowance"),
        (visitor_chat, "apikey.rate.limited", 429, RateLimited, "too often"),
        (open_api, "apikey.rate.limited", 429, RateLimited, "too often"),
        (visitor_chat, "apikey.rate_limited", 400, RateLimited, "too often"),
        (visitor_chat, "oauth2.application.too_many_calls", 429, RateLimited, "too often"),
        (visitor_chat, "apikey.fetch.timeout", 503, Unavailable, "failed"),
        (open_api, "apikey.fetch.timeout", 503, Unavailable, "failed"),
        (visitor_chat, "oauth2.application.fetch_failed", 500, Unavailable, "failed"),
        (visitor_chat, "oauth2.scope.fetch_failed", 408, Unavailable, "failed"),
        // What is listed, and what is like it.
        (visitor_chat, "apikey.auth.invalid", 401, Authentication, "the avatar's key"),
        (visitor_chat, "apikey.expired", 401, Authentication, "the avatar's key"),
        (visitor_chat, "open.api.key.expired", 403, Authentication, "the avatar's key"),
        (visitor_chat, "open.api.key.revoked", 400, Authentication, "the avatar's key"),
        (visitor_chat, "open.api.key.revoked", 200, Authentication, "the avatar's key"),
        (visitor_chat, "open.api.key.fetch_failed", 503, Unavailable, "failed"),
        (visitor_chat, "oauth2.application.suspended", 403, Authentication, "does not let this app in"),
        (visitor_chat, "oauth2.application.asleep", 403, Authentication, "does not let this app in"),
        (visitor_chat, "oauth2.scope.unknown", 400, Authentication, "`chat.write`"),
        (visitor_chat, "apikey.text.too_long", 400, Refused, "the service refused"),
        (visitor_chat, "oauth2.application.odd", 404, Refused, "the service refused"),
        // The other door has no such codes.
        (open_api, "apikey.auth.invalid", 401, Authentication, "refused the token"),
        (open_api, "oauth2.scope.unknown", 400, Refused, "the service refused"),
        (open_api, "oauth2.application.suspended", 400, Refused, "the service refused"),
    ] {
        let body = json!({"code": number, "message": "no", "subCode": code});
        let error = refused_at(door, Step::SendMessage, number, &body);
        assert_eq!((error.kind(), error.code()), (kind, Some(code)), "{door} {number}");
        assert!(error.to_string().contains(says), "{door}: {error}");
        let passes = matches!(kind, RateLimited | Unavailable);
        assert_eq!(error.is_retryable(), passes, "{door} {code}");
    }
}

#[test]
fn a_call_that_is_not_there_says_how_the_base_url_of_its_door_ends() {
    for (door, step, ends) in [
        (Door::AvatarOpenApi, Step::Authenticate, "that of the Avatar Open API ends in /gate/in"),
        (Door::VisitorChat, Step::FetchToken, "that of Visitor Chat ends in /gate/lab"),
        (Door::VisitorChat, Step::InitVisitorChat, "that of Visitor Chat ends in /gate/lab"),
    ] {
        for (body, kind) in [
            (json!({"code": 404, "subCode": "request.path.not.found"}), ErrorKind::Refused),
            (json!({"error": "Not Found"}), ErrorKind::InvalidAnswer),
        ] {
            let error = refused_at(door, step, 404, &body);
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.to_string().contains(ends), "{error}");
        }
        // A code that has a meaning keeps it.
        let body = json!({"code": 404, "subCode": "open.api.key.not.found"});
        assert_eq!(refused_at(door, step, 404, &body).kind(), ErrorKind::Authentication);
    }
    let error =
        refused_at(Door::VisitorChat, Step::SendMessage, 404, &json!({"code": 404, "subCode": "a.thing"}));
    assert!(!error.to_string().contains("base URL"), "{error}");
}

#[test]
fn the_number_in_the_envelope_is_a_status_at_one_door_and_not_at_the_other() {
    let body = json!({"code": 503, "message": "busy", "subCode": "apikey.fetch.timeout"});
    let error = refused_at(Door::VisitorChat, Step::SendMessage, 200, &body);
    assert_eq!((error.kind(), error.status()), (ErrorKind::Unavailable, Some(503)));
    let error = refused_at(Door::AvatarOpenApi, Step::SendMessage, 200, &body);
    assert_eq!((error.kind(), error.status()), (ErrorKind::Refused, Some(200)));
}

#[test]
fn a_lost_session_is_known_by_its_words_at_one_door_and_by_its_form_at_the_other() {
    for (code, is_one_of_the_form) in [
        ("session_not_found", true),
        ("session.status.closed", true),
        ("visitor.session.closed", true),
        ("chat_session_expired", true),
        ("visitorchat.sessionNotFound", false),
        ("session.of.visitor.not_found", false),
    ] {
        let body = json!({"code": 404, "message": "no", "subCode": code});
        let error = refused_at(Door::VisitorChat, Step::SendMessage, 404, &body);
        assert_eq!(error.kind(), ErrorKind::Closed, "{code}");
        let error = refused_at(Door::AvatarOpenApi, Step::SendMessage, 404, &body);
        assert_eq!(error.kind() == ErrorKind::Closed, is_one_of_the_form, "{code}");
    }
    for code in ["session.token.expired", "session.openai.error", "session.not.member", "chat.closed"] {
        let body = json!({"code": 400, "message": "no", "subCode": code});
        let error = refused_at(Door::VisitorChat, Step::SendMessage, 400, &body);
        assert_ne!(error.kind(), ErrorKind::Closed, "{code}");
    }
}

/// A sentence with a secret in it, as a service that means no good may write it.
fn spiteful(secret: &str) -> impl Iterator<Item = String> {
    let noise = ["", "\n", "\u{1b}]0;", "\u{202e}", "code:"];
    let long = "so ".repeat(30_000);
    let filled = ["", ".gone", " in your request", &long].map(str::to_owned);
    noise.into_iter().flat_map(move |before| {
        let filled = filled.clone();
        let secret = secret.to_owned();
        filled.into_iter().map(move |after| format!("{before}{secret}{after}"))
    })
}

#[test]
fn nothing_that_an_answer_says_brings_a_secret_or_a_control_character_into_an_error() {
    for secret in ["sk-0123456789", "correct-horse", "correct horse", "open.api.key"] {
        let known = KnownSecrets::new([&Secret::from(secret.to_owned())]);
        for said in spiteful(secret) {
            for field in ["code", "subCode", "message", "msg", "error_code", "detail"] {
                for (status, step) in
                    [(200, Step::Authenticate), (400, Step::SendMessage), (500, Step::FetchToken)]
                {
                    let door = if step == Step::FetchToken { Door::VisitorChat } else { Door::AvatarOpenApi };
                    let body = json!({"code": 418, field: said}).to_string();
                    let error = verdict(door, step, status, body.as_bytes(), &known).expect("a refusal");
                    let code = error.code().unwrap_or_default();
                    assert!(code.len() <= 128, "{field}: {code}");
                    let shown = format!("{error} {code}");
                    assert!(!shown.contains(secret), "{field} with {said:?}: {shown}");
                    assert!(!shown.chars().any(|char| char.is_control() || char == '\u{202e}'), "{shown:?}");
                    assert!(shown.chars().count() < 800, "{shown}");
                }
            }
        }
    }
}
