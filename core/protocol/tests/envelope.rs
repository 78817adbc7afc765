//! What an answer of the service says, in whichever field of its envelope.

use secondme_avatar_protocol::{Error, ErrorKind, Step, verdict};
use serde_json::{Value, json};

fn refused(step: Step, status: u16, body: &Value) -> Error {
    verdict(step, status, body.to_string().as_bytes()).expect("a refusal")
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
    let page = verdict(Step::SendMessage, 402, b"<html>pay for this network</html>").expect("a refusal");
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
