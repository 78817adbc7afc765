//! The second door: an app's token, `init`, the socket, `send`.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod support;

use secondme_avatar_emulator::Settings;
use secondme_avatar_emulator::service::{
    App, AppStanding, Door, Effect, Fault, InjectionPoint, Millis, Push, Request, TokenStanding, UserToken,
};
use serde_json::{Value, json};
use support::chat::{FORM, INIT, SEND, TOKEN, form, init_body};
use support::{ANN, BEN, Stage, answer_text, body, data, replies, with};

/// The status, and the code wherever in the default form it stands.
#[track_caller]
fn refused(answer: &secondme_avatar_emulator::service::Answer) -> (u16, String) {
    let body = body(answer);
    assert_ne!(body["code"], 0, "{body}");
    (answer.status, body["subCode"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned())
}

/// What is wrong with which field.
#[track_caller]
fn unprocessable(answer: &secondme_avatar_emulator::service::Answer) -> Vec<(String, String)> {
    assert_eq!(answer.status, 422, "{answer:?}");
    let body = body(answer);
    let entries = body["detail"].as_array().unwrap_or_else(|| panic!("{body}"));
    assert!(entries.iter().all(|entry| entry["msg"].is_string() && entry["loc"][0] == "body"), "{body}");
    let field = |entry: &Value| entry["loc"][1].as_str().unwrap_or_default().to_owned();
    entries.iter().map(|entry| (field(entry), support::text(&entry["type"]))).collect()
}

fn pair(field: &str, kind: &str) -> (String, String) {
    (field.to_owned(), kind.to_owned())
}

#[test]
fn an_app_token_an_init_and_a_socket_are_enough_for_a_conversation() {
    let mut stage = Stage::new(Settings::default());
    let token = data(&stage.request(form(FORM)));
    assert_eq!((&token["expiresIn"], &token["scope"]), (&json!(604_800), &json!(["chat.write"])));
    let chat = stage.chat(ANN);
    let sent = stage.chat_send(&chat, "Hello");
    assert_eq!(body(&sent), json!({"code": 0, "message": "success", "data": null}));
    stage.pass(Millis::seconds(1));
    let frames = stage.chat_frames(&chat);
    let echo = &frames[0];
    assert_eq!((&echo["sender"], answer_text(echo).as_str()), (&json!("client"), "Hello"));
    assert_eq!(replies(&frames), "You said: Hello");
    assert_eq!(frames.last().unwrap()["index"], -1);
    assert!(frames.iter().all(|frame| frame["sessionId"] == chat.session.as_str()), "{frames:?}");
    let state = stage.service.state(stage.now);
    assert_eq!(state.visitors[0].door, Door::VisitorChat);
    assert_eq!(state.calls("visitor-chat/init"), 1);
}

#[test]
fn the_owner_answers_before_and_after_the_first_message_and_the_avatar_is_silent_then() {
    let mut stage = Stage::new(Settings::default());
    let chat = stage.chat(ANN);
    stage.chat_owner_says(&chat, "I am here myself");
    let frames = stage.chat_frames(&chat);
    assert_eq!((frames.len(), answer_text(&frames[0]).as_str()), (1, "I am here myself"));
    stage.chat_send(&chat, "Who?");
    stage.pass(Millis::seconds(1));
    let frames = stage.chat_frames(&chat);
    assert_eq!(frames.len(), 1, "only the echo: {frames:?}");
    assert_ne!(frames[0]["sendUserId"], "de4fh");
    stage.chat_owner_says(&chat, "The owner");
    assert_eq!(stage.chat_frames(&chat)[0]["sendUserId"], "de4fh");
}

#[test]
fn the_owner_sees_the_visitors_name_and_the_app() {
    let mut stage = Stage::new(Settings::default());
    let token = stage.app_token();
    stage.chat_of(&token, ANN, &with(&init_body(ANN), "visitorName", json!("Ann")));
    stage.chat_of(&token, BEN, &init_body(BEN));
    let names = stage.service.state(stage.now).visitors.into_iter().map(|visitor| visitor.name.unwrap());
    assert_eq!(names.collect::<Vec<_>>(), ["Ann(Emulator App)", "Emulator App"]);
}

#[test]
fn a_user_with_a_token_is_another_visitor_than_an_anonymous_one_of_the_same_name() {
    let mut stage = Stage::new(Settings::default());
    let anonymous = stage.chat("ann");
    let token = stage.service.issue_user_token(stage.now, "ann");
    assert!(token.starts_with("lba_at_"));
    let user = stage.chat_of(&token, "ann", &json!({"apiKey": "sk-emulator"}));
    assert_ne!(user.session, anonymous.session);
    stage.take_pushes();
    stage.chat_send(&user, "Hi");
    stage.pass(Millis::seconds(1));
    let frames = stage.chat_frames(&user);
    assert_eq!(replies(&frames), "You said: Hi");
    let stolen = support::chat::Chat { token, ..anonymous };
    assert_eq!(refused(&stage.chat_send(&stolen, "Hi")), (404, "session_not_found".to_owned()));
}

#[test]
fn a_users_token_of_the_settings_speaks_as_one_that_was_issued() {
    let (token, user) = ("lba_at_prepared".to_owned(), "ann".to_owned());
    let tokens = vec![UserToken { token, user, standing: TokenStanding::Live }];
    let mut stage = Stage::new(Settings::default().user_tokens(tokens));
    let chat = stage.chat_of("lba_at_prepared", "ann", &json!({"apiKey": "sk-emulator"}));
    stage.service.add_fault(Fault::new(InjectionPoint::VisitorChatSend, Effect::ExpiredToken)).unwrap();
    assert_eq!(refused(&stage.chat_send(&chat, "Hi")), (401, "oauth2.token.expired".to_owned()));
    assert_eq!(refused(&stage.chat_send(&chat, "Hi")), (401, "oauth2.token.expired".to_owned()));
    for token in [Some("lba_at_prepared"), None] {
        assert_eq!(stage.service.set_chat_tokens(stage.now, token, TokenStanding::Live), 1);
        data(&stage.chat_send(&chat, "Hi"));
        assert_eq!(stage.service.set_chat_tokens(stage.now, token, TokenStanding::Revoked), 1);
        assert_eq!(refused(&stage.chat_send(&chat, "Hi")), (401, "oauth2.token.revoked".to_owned()));
    }
}

#[test]
fn a_token_ends_with_its_time_or_by_hand_and_says_how() {
    let mut stage = Stage::new(Settings::default());
    let chat = stage.chat(ANN);
    for (standing, code) in [
        (TokenStanding::Expired, "oauth2.token.expired"),
        (TokenStanding::Revoked, "oauth2.token.revoked"),
        (TokenStanding::Withdrawn, "oauth2.authorization.revoked"),
    ] {
        assert_eq!(stage.service.set_chat_tokens(stage.now, Some(&chat.token), standing), 1);
        assert_eq!(refused(&stage.chat_send(&chat, "Hi")), (401, code.to_owned()));
    }
    let fresh = stage.app_token();
    stage.pass(Millis::minutes(7 * 24 * 60) - Millis(1));
    data(&stage.chat_call(&fresh, INIT, &init_body(BEN)));
    stage.pass(Millis(1));
    let late = stage.chat_call(&fresh, INIT, &init_body(BEN));
    assert_eq!(refused(&late), (401, "oauth2.token.expired".to_owned()));
    let unknown = stage.chat_call("lba_at_unknown", INIT, &init_body(BEN));
    assert_eq!(refused(&unknown), (401, "oauth2.token.invalid".to_owned()));
    let without = stage.request(Request::new("POST", INIT).json(&init_body(BEN)));
    assert_eq!((without.status, body(&without)), (401, json!({"detail": "Not authenticated"})));
}

#[test]
fn an_app_that_may_not_speak_gets_no_token_and_its_tokens_are_worth_nothing() {
    for (standing, code) in [
        (AppStanding::PendingReview, "oauth2.application.pending_review"),
        (AppStanding::Rejected, "oauth2.application.rejected"),
        (AppStanding::Suspended, "oauth2.application.suspended"),
        (AppStanding::InvalidType, "oauth2.application.invalid_type"),
        (AppStanding::InvalidStatus, "oauth2.application.invalid_status"),
        (AppStanding::Banned, "secondme.app.banned"),
    ] {
        let mut stage = Stage::new(Settings::default());
        let chat = stage.chat(ANN);
        stage.service.change_settings(|settings| settings.apps[0].standing = standing);
        assert_eq!(refused(&stage.request(form(FORM))), (403, code.to_owned()));
        assert_eq!(refused(&stage.chat_send(&chat, "Hi")), (403, code.to_owned()));
    }
}

#[test]
fn an_app_gets_a_token_for_its_own_id_secret_and_scope_alone() {
    let apps = vec![App::default(), App { client_id: "poor".to_owned(), scopes: vec![], ..App::default() }];
    let mut stage = Stage::new(Settings::default().apps(apps));
    for (from, to, status, code) in [
        ("emulator-secret", "wrong", 401, "oauth2.client.secret_mismatch"),
        ("emulator-app", "unknown", 404, "oauth2.application.not_found"),
        ("chat.write", "chat.write+user.read", 400, "oauth2.scope.invalid"),
        ("emulator-app", "poor", 400, "oauth2.scope.invalid"),
    ] {
        let answer = stage.request(form(&FORM.replace(from, to)));
        assert_eq!(refused(&answer), (status, code.to_owned()), "{to}");
    }
    let chat = stage.chat(ANN);
    stage.service.change_settings(|settings| settings.apps[0].scopes.clear());
    assert_eq!(refused(&stage.chat_send(&chat, "Hi")), (403, "auth.scope.missing".to_owned()));
}

#[test]
fn a_token_is_asked_for_with_a_form_and_json_is_unprocessable() {
    let mut stage = Stage::new(Settings::default());
    let fields = ["grant_type", "client_id", "client_secret", "scope"];
    let json = json!({"grant_type": "client_credentials", "client_id": "emulator-app",
                      "client_secret": "emulator-secret", "scope": "chat.write"});
    let wrong = unprocessable(&stage.request(Request::new("POST", TOKEN).json(&json)));
    assert_eq!(wrong, fields.map(|field| pair(field, "missing")));
    let more = stage.request(form(&format!("{FORM}&audience=x")));
    assert_eq!(unprocessable(&more), [pair("audience", "extra_forbidden")]);
    let other = stage.request(form(&FORM.replace("client_credentials", "password")));
    assert_eq!(unprocessable(&other), [pair("grant_type", "literal_error")]);
    data(&stage.request(form(&FORM.replace("chat.write", "chat%2Ewrite"))));
}

#[test]
fn a_body_with_a_field_too_many_or_too_few_is_unprocessable() {
    let mut stage = Stage::new(Settings::default());
    let chat = stage.chat(ANN);
    let user = stage.service.issue_user_token(stage.now, "ann");
    let init = init_body(ANN);
    let send = json!({"sessionId": chat.session, "apiKey": "sk-emulator", "message": "Hi"});
    let app = chat.token.clone();
    for (token, path, body, wrong) in [
        (&app, INIT, with(&init, "apiKey", Value::Null), vec![pair("apiKey", "missing")]),
        (&app, INIT, with(&init, "visitorId", Value::Null), vec![pair("visitorId", "missing")]),
        (&app, INIT, with(&init, "visitorName", json!(7)), vec![pair("visitorName", "string_type")]),
        (&app, INIT, with(&init, "shareCode", json!("x")), vec![pair("shareCode", "extra_forbidden")]),
        (&user, INIT, init.clone(), vec![pair("visitorId", "extra_forbidden")]),
        (&app, SEND, with(&send, "apiKey", Value::Null), vec![pair("apiKey", "missing")]),
        (&app, SEND, with(&send, "message", json!("")), vec![pair("message", "string_too_short")]),
        (&app, SEND, with(&send, "wsId", json!("x")), vec![pair("wsId", "extra_forbidden")]),
        (
            &app,
            SEND,
            json!({"text": "Hi"}),
            vec![
                pair("sessionId", "missing"),
                pair("apiKey", "missing"),
                pair("message", "missing"),
                pair("text", "extra_forbidden"),
            ],
        ),
        (&app, SEND, json!([]), vec![pair("", "model_attributes_type")]),
    ] {
        assert_eq!(unprocessable(&stage.chat_call(token, path, &body)), wrong, "{body}");
    }
    let mut broken = Request::new("POST", SEND).header("Content-Type", "application/json");
    broken = broken.header("Authorization", &format!("Bearer {app}"));
    broken.body = b"{".to_vec();
    assert_eq!(unprocessable(&stage.request(broken)), [pair("", "json_invalid")]);
    data(&stage.chat_call(&app, INIT, &with(&init, "visitorName", json!(null))));
}

#[test]
fn a_wrong_key_and_a_wrong_session_are_refused() {
    let mut stage = Stage::new(Settings::default());
    let chat = stage.chat(ANN);
    let init = with(&init_body(ANN), "apiKey", json!("sk-other"));
    let answer = stage.chat_call(&chat.token, INIT, &init);
    assert_eq!(refused(&answer), (401, "apikey.auth.invalid".to_owned()));
    let lost = support::chat::Chat { session: "7".to_owned(), ..chat.clone() };
    assert_eq!(refused(&stage.chat_send(&lost, "Hi")), (404, "session_not_found".to_owned()));
    let other_door = stage.open(BEN).session;
    let other = support::chat::Chat { session: other_door, ..chat.clone() };
    assert_eq!(refused(&stage.chat_send(&other, "Hi")), (404, "session_not_found".to_owned()));
    stage.service.change_settings(|settings| settings.keys[0].disabled = true);
    assert_eq!(refused(&stage.chat_send(&chat, "Hi")), (403, "open.api.key.disabled".to_owned()));
}

#[test]
fn what_is_not_there_says_so_in_the_form_of_this_door() {
    let mut stage = Stage::new(Settings::default());
    let nowhere = stage.request(Request::new("POST", "/gate/lab/api/secondme/visitor-chat/close"));
    assert_eq!((nowhere.status, body(&nowhere)), (404, json!({"detail": "Not Found"})));
    let get = stage.request(Request::new("GET", SEND));
    assert_eq!((get.status, body(&get)), (405, json!({"detail": "Method Not Allowed"})));
    assert!(get.headers.contains(&("allow".to_owned(), "POST".to_owned())));
}

#[test]
fn both_doors_serve_one_visitor_id_side_by_side() {
    let mut stage = Stage::new(Settings::default());
    let visit = stage.open(ANN);
    let chat = stage.chat(ANN);
    stage.take_pushes();
    stage.chat_send(&chat, "Through the second");
    stage.pass(Millis::seconds(1));
    let pushes = stage.take_pushes();
    let to = |wanted| {
        pushes.iter().filter(move |push| matches!(push, Push::Frame { socket, .. } if *socket == wanted))
    };
    assert_eq!(to(visit.socket).count(), 0);
    assert!(to(chat.socket).count() > 1);
    let state = stage.service.state(stage.now);
    let doors: Vec<_> = state.visitors.iter().map(|visitor| (visitor.door, &*visitor.visitor_id)).collect();
    assert_eq!(doors, [(Door::AvatarOpenApi, ANN), (Door::VisitorChat, ANN)]);
    assert_ne!(state.visitors[0].user_id, state.visitors[1].user_id);
}

#[test]
fn a_fault_brings_each_code_that_this_door_may_have_with_its_status() {
    let mut stage = Stage::new(Settings::default());
    let chat = stage.chat(ANN);
    for (code, status) in [
        ("oauth2.token.invalid", 401),
        ("oauth2.token.not_found", 401),
        ("auth.token.invalid", 401),
        ("apikey.auth.missing", 401),
        ("avatar.unlock.required", 402),
        ("oauth2.application.suspended", 403),
        ("apikey.permission.denied", 403),
        ("apikey.fetch.not_found", 404),
        ("session_not_found", 404),
        ("session_expired", 404),
        ("some.other.code", 400),
    ] {
        let effect = Effect::Fail { code: code.to_owned(), reason: String::new(), actions: Vec::new() };
        stage.service.add_fault(Fault::new(InjectionPoint::VisitorChatSend, effect)).unwrap();
        assert_eq!(refused(&stage.chat_send(&chat, "Hi")), (status, code.to_owned()));
    }
}

#[test]
fn faults_strike_at_the_calls_of_this_door_in_its_own_form() {
    let mut stage = Stage::new(Settings::default());
    let chat = stage.chat(ANN);
    let fault = |stage: &mut Stage, json: &str| stage.service.add_fault(json.parse().unwrap()).unwrap();
    fault(&mut stage, r#"{"at": "visitor-chat/send", "do": {"status": 502}}"#);
    assert_eq!(stage.chat_send(&chat, "Hi").status, 502);
    fault(&mut stage, r#"{"at": "visitor-chat/send", "do": {"fail": "avatar.unlock.required"}}"#);
    assert_eq!(refused(&stage.chat_send(&chat, "Hi")).1, "avatar.unlock.required");
    fault(&mut stage, r#"{"at": "oauth/token", "do": "quota"}"#);
    assert_eq!(refused(&stage.request(form(FORM))), (429, "open.api.rate.limited".to_owned()));
    fault(&mut stage, r#"{"at": "visitor-chat/init", "do": "expired-token", "visitor": "unknown"}"#);
    data(&stage.chat_call(&chat.token, INIT, &init_body(ANN)));
    let visitor = format!(r#"{{"at": "visitor-chat/send", "do": "expired-context", "visitor": "{ANN}"}}"#);
    fault(&mut stage, &visitor);
    assert_eq!(refused(&stage.chat_send(&chat, "Hi")), (404, "session_not_found".to_owned()));
    assert_eq!(refused(&stage.chat_send(&chat, "Hi")), (404, "session_not_found".to_owned()));
    assert!(r#"{"at": "visitor-chat/init", "do": "expired-context"}"#.parse::<Fault>().is_err());
    fault(&mut stage, r#"{"at": "call", "do": "cut-after"}"#);
    assert_eq!(stage.app_token().len(), "lba_app_".len() + 32);
}
