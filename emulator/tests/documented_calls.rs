//! Each call of the page: what it wants, what it gives, and what it says to anything else.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod support;

use secondme_avatar_emulator::service::{Key, OwnerAction, Request, Settings};
use serde_json::{Value, json};
use support::*;

fn stage() -> Stage {
    Stage::new(Settings::default())
}

#[test]
fn auth_gives_what_the_page_lists() {
    let answer = stage().auth(ANN);
    let data = data(&answer);
    assert_eq!(data["avatarShareCode"], "ebe251793d69");
    assert_eq!(data["avatarName"], "My Assistant");
    assert_eq!(data["ownerUserId"], "de4fh");
    assert_eq!(text(&data["visitorToken"]).len(), 32);
    let mind_id: u64 = text(&data["visitorMindId"]).parse().unwrap();
    assert!(mind_id > 1 << 53);
    assert_ne!(mind_id as f64 as u64, mind_id, "a double must not hold it");
}

#[test]
fn auth_without_a_bearer_key_is_unauthorized() {
    let mut stage = stage();
    let plain = Request::new("POST", AUTH).json(&json!({"visitorId": ANN}));
    assert_eq!(code(&stage.request(plain.clone())), "open.api.unauthorized");
    for wrong in ["", "sk-emulator", "Basic sk-emulator", "Bearer", "Bearer "] {
        let answer = stage.request(plain.clone().header("Authorization", wrong));
        assert_eq!(code(&answer), "open.api.unauthorized", "{wrong}");
    }
    let lower = plain.header("authorization", "bearer sk-emulator");
    assert_eq!(stage.request(lower).status, 200);
}

#[test]
fn auth_tells_an_unknown_key_a_disabled_one_and_one_whose_avatar_is_gone() {
    let share_code = "ebe251793d69".to_owned();
    let mut settings = Settings::default();
    settings.keys.push(Key { key: "sk-off".into(), share_code, disabled: true });
    settings.keys.push(Key { key: "sk-orphan".into(), share_code: "gone".into(), disabled: false });
    let mut stage = Stage::new(settings);
    for (key, wanted) in [
        ("sk-unknown", "open.api.key.not.found"),
        ("sk-off", "open.api.key.disabled"),
        ("sk-orphan", "open.api.avatar.not.found"),
    ] {
        let request = Request::new("POST", AUTH).json(&json!({"visitorId": ANN}));
        let answer = stage.request(request.header("Authorization", &format!("Bearer {key}")));
        assert_eq!(code(&answer), wanted);
    }
}

#[test]
fn auth_refuses_a_visitor_id_of_the_wrong_form() {
    let mut stage = stage();
    for wrong in [json!("feishu"), json!("feishu_123"), json!(""), json!(7), json!(["x"])] {
        let answer = stage.request(auth(&json!({"visitorId": wrong})));
        assert_eq!(code(&answer), "open.api.invalid.visitor.id", "{wrong}");
    }
    assert_eq!(code(&stage.request(auth(&json!({})))), "request.field.missing");
}

#[test]
fn the_same_visitor_gets_the_same_ids_and_a_token_of_its_own_each_time() {
    let mut stage = stage();
    let (first, again, other) = (stage.arrive(ANN), stage.arrive(ANN), stage.arrive(BEN));
    assert_eq!((&first.user_id, first.mind_id), (&again.user_id, again.mind_id));
    assert_ne!(first.token, again.token);
    assert_ne!(first.user_id, other.user_id);
    assert_ne!(first.mind_id, other.mind_id);
    // The older token is as good as the newer.
    assert_eq!(stage.post(&first, WS, &ws(&first)).status, 200);
    stage.service.reset(stage.now);
    let after = stage.arrive(ANN);
    assert_eq!((&first.user_id, first.mind_id), (&after.user_id, after.mind_id));
    assert_eq!(code(&stage.post(&first, WS, &ws(&first))), "visitor.token.invalid");
}

#[test]
fn the_owner_sees_the_visitors_name_with_its_channel() {
    let mut stage = stage();
    stage.request(auth(&json!({"visitorId": ANN, "visitorName": "张三", "channel": "feishu"})));
    stage.request(auth(&json!({"visitorId": BEN, "visitorName": "Ben"})));
    let names: Vec<_> = stage.service.state(stage.now).visitors;
    let names: Vec<_> = names.iter().map(|visitor| visitor.name.as_deref()).collect();
    assert_eq!(names, [Some("张三(feishu)"), Some("Ben")]);
    let wrong = auth(&json!({"visitorId": ANN, "visitorName": 7}));
    assert_eq!(code(&stage.request(wrong)), "request.field.invalid");
}

#[test]
fn every_later_call_needs_the_token_and_its_visitors_fp() {
    let mut stage = stage();
    let (ann, ben) = (stage.arrive(ANN), stage.arrive(BEN));
    for path in [INIT, WS, SESSION, BIND, SEND, CLOSE] {
        let bare = Request::new("POST", path).json(&json!({}));
        assert_eq!(code(&stage.request(bare.clone())), "visitor.token.missing", "{path}");
        let wrong = bare.clone().header("token", "0".repeat(32).as_str()).header("Fp", ANN);
        let wrong = stage.request(wrong);
        assert_eq!((wrong.status, code(&wrong).as_str()), (401, "visitor.token.invalid"), "{path}");
        let no_fp = bare.clone().header("token", &ann.token);
        assert_eq!(code(&stage.request(no_fp.clone())), "visitor.fp.missing", "{path}");
        let foreign = no_fp.header("Fp", &ben.visitor_id);
        assert_eq!(code(&stage.request(foreign)), "visitor.fp.mismatch", "{path}");
    }
    for path in [QUERY, LATEST] {
        let no_fp = Request::new("GET", path).header("token", &ann.token);
        assert_eq!(code(&stage.request(no_fp)), "visitor.fp.missing", "{path}");
    }
}

#[test]
fn every_post_needs_a_json_object() {
    let mut stage = stage();
    let ann = stage.arrive(ANN);
    for path in [INIT, WS, SESSION, BIND, SEND] {
        let request = || Request::new("POST", path).header("token", &ann.token).header("Fp", ANN);
        let mut untyped = request();
        untyped.body = b"{}".to_vec();
        assert_eq!(code(&stage.request(untyped)), "request.content.type", "{path}");
        let form = request().header("Content-Type", "application/x-www-form-urlencoded");
        assert_eq!(code(&stage.request(form)), "request.content.type", "{path}");
        for wrong in ["", "{", "[]", "null", "7"] {
            let mut request = request().header("content-type", "application/json; charset=utf-8");
            request.body = wrong.as_bytes().to_vec();
            assert_eq!(code(&stage.request(request)), "request.body.malformed", "{path} {wrong}");
        }
    }
    let mut large = Request::new("POST", INIT).header("token", &ann.token).header("Fp", ANN);
    large = large.header("content-type", "application/json");
    large.body = vec![b' '; 1024 * 1024 + 1];
    let answer = stage.request(large);
    assert_eq!((answer.status, code(&answer).as_str()), (413, "request.body.too.large"));
}

#[test]
fn there_are_no_other_paths_and_no_other_methods() {
    let mut stage = stage();
    let ann = stage.arrive(ANN);
    for path in ["/", "/rest/open/avatar/auth", "/gate/in/rest/nothing", "/gate/in/rest/os/avatar/public/"] {
        let answer = stage.get(&ann, path);
        assert_eq!((answer.status, code(&answer).as_str()), (404, "request.path.not.found"));
    }
    for (method, path) in [("GET", AUTH), ("GET", SEND), ("POST", PUBLIC), ("PUT", INIT)] {
        let answer = stage.request(Request::new(method, path));
        assert_eq!((answer.status, code(&answer).as_str()), (405, "request.method.not.allowed"));
        let allowed = if method == "GET" || method == "PUT" { "POST" } else { "GET" };
        assert!(answer.headers.contains(&("allow".to_owned(), allowed.to_owned())));
    }
}

#[test]
fn init_gives_the_encoded_mind_id_and_the_opening() {
    let mut stage = stage();
    let ann = stage.arrive(ANN);
    let data = data(&stage.post(&ann, INIT, &json!({"shareCode": "ebe251793d69"})));
    assert_eq!(data["mindId"], "3m24e99h3mbp");
    assert_eq!(data["opening"], "Hello! 👋");
    let unknown = stage.post(&ann, INIT, &json!({"shareCode": "unknown"}));
    assert_eq!(code(&unknown), "open.api.avatar.not.found");
    assert_eq!(code(&stage.post(&ann, INIT, &json!({}))), "request.field.missing");
    assert_eq!(code(&stage.post(&ann, INIT, &json!({"shareCode": 7}))), "request.field.invalid");
}

#[test]
fn ws_create_gives_a_socket_id_and_an_address() {
    let mut stage = stage();
    let ann = stage.arrive(ANN);
    let request = Request::new("POST", WS).json(&ws(&ann)).header("Host", "10.0.2.2:7000");
    let answer = stage.request(request.header("token", &ann.token).header("Fp", ANN));
    let data = data(&answer);
    assert!(text(&data["wsId"]).starts_with("ws:"));
    assert!(text(&data["address"]).starts_with("ws://10.0.2.2:7000/gate/ws?"));
    for (field, value, wanted) in [
        ("userId", Value::Null, "request.field.missing"),
        ("userId", json!("not-an-id"), "request.field.invalid"),
        ("channel", Value::Null, "request.field.missing"),
        ("channel", json!("ALL"), "request.field.invalid"),
        ("channel", json!([]), "request.field.invalid"),
        ("apiVersion", Value::Null, "request.field.missing"),
        ("sdkVersion", json!(1), "request.field.invalid"),
    ] {
        let answer = stage.post(&ann, WS, &with(&ws(&ann), field, value));
        assert_eq!(code(&answer), wanted, "{field}");
    }
}

#[test]
fn a_session_takes_the_exact_number_of_the_mind_id_and_nothing_else() {
    let mut stage = stage();
    let mut ann = stage.arrive(ANN);
    stage.init(&mut ann);
    let good = session(&ann);
    let first = data(&stage.post(&ann, SESSION, &good))["sessionId"].clone();
    let second = data(&stage.post(&ann, SESSION, &good))["sessionId"].clone();
    assert_ne!(first, second, "each call makes a new conversation");
    let digits = with(&good, "mindId", json!(ann.mind_id.to_string()));
    assert_eq!(stage.post(&ann, SESSION, &digits).status, 200);
    // What JavaScript prints for the page's own number.
    let rounded = with(&good, "mindId", json!(ann.mind_id as f64));
    assert_eq!(code(&stage.post(&ann, SESSION, &rounded)), "session.mind.id.mismatch");
    let other = with(&good, "mindId", json!(ann.mind_id + 1));
    assert_eq!(code(&stage.post(&ann, SESSION, &other)), "session.mind.id.mismatch");
    for wrong in [json!(ann.encoded_mind_id), json!(""), json!([1]), json!(true)] {
        let answer = stage.post(&ann, SESSION, &with(&good, "mindId", wrong));
        assert_eq!(code(&answer), "session.mind.id.not.numeric");
    }
}

#[test]
fn a_session_has_the_fixed_fields_of_the_page() {
    let mut stage = stage();
    let mut ann = stage.arrive(ANN);
    stage.init(&mut ann);
    for field in ["mindType", "mode", "sessionType"] {
        let gone = stage.post(&ann, SESSION, &with(&session(&ann), field, Value::Null));
        assert_eq!(code(&gone), "request.field.missing", "{field}");
        let wrong = stage.post(&ann, SESSION, &with(&session(&ann), field, json!("OTHER")));
        assert_eq!(code(&wrong), "request.field.invalid", "{field}");
    }
    for wrong in [json!("de4fh"), json!([7])] {
        let answer = stage.post(&ann, SESSION, &with(&session(&ann), "memberUserIds", wrong));
        assert_eq!(code(&answer), "request.field.invalid");
    }
}

#[test]
fn without_member_user_ids_the_session_is_made_but_its_owner_cannot_reply() {
    let mut stage = stage();
    let mut ann = stage.arrive(ANN);
    stage.init(&mut ann);
    for members in [Value::Null, json!([]), json!(["not-an-id"])] {
        let body = with(&session(&ann), "memberUserIds", members);
        let session_id = text(&data(&stage.post(&ann, SESSION, &body))["sessionId"]);
        data(&stage.post(&ann, BIND, &json!({"avatarId": 67, "sessionId": session_id})));
        let reply = OwnerAction::Reply { session_id, text: "Hi".into() };
        let failure = stage.service.owner(stage.now, reply).unwrap_err();
        assert_eq!(failure.code().as_str(), "session.not.member");
    }
}

#[test]
fn without_mind_id_the_session_is_made_but_the_ai_does_not_know_whom_it_plays() {
    let mut stage = stage();
    let mut ann = stage.open(ANN);
    let body = with(&session(&ann), "mindId", Value::Null);
    ann.session = text(&data(&stage.post(&ann, SESSION, &body))["sessionId"]);
    let reply = replies(&stage.ask(&ann, "Who are you?"));
    assert!(reply.contains("I do not know whose"), "{reply}");
}

#[test]
fn binding_makes_the_session_visible_to_the_owner() {
    let mut stage = stage();
    let mut ann = stage.arrive(ANN);
    stage.init(&mut ann);
    let session_id = text(&data(&stage.post(&ann, SESSION, &session(&ann)))["sessionId"]);
    let reply = OwnerAction::Reply { session_id: session_id.clone(), text: "Hi".into() };
    let failure = stage.service.owner(stage.now, reply.clone()).unwrap_err();
    assert_eq!(failure.code().as_str(), "session.not.bound");
    let avatar_id = data(&stage.get(&ann, PUBLIC))["id"].clone();
    assert_eq!(avatar_id, 67);
    let bind = json!({"avatarId": avatar_id, "sessionId": session_id});
    assert_eq!(data(&stage.post(&ann, BIND, &bind)), Value::Null);
    assert!(stage.service.owner(stage.now, reply).is_ok());
}

#[test]
fn binding_names_the_visitors_own_avatar_and_session() {
    let mut stage = stage();
    let (ann, ben) = (stage.open(ANN), stage.open(BEN));
    let good = json!({"avatarId": "67", "sessionId": ann.session});
    assert_eq!(stage.post(&ann, BIND, &good).status, 200, "ids may be strings");
    for (field, value, wanted) in [
        ("avatarId", json!(68), "open.api.avatar.not.found"),
        ("avatarId", json!("x"), "request.field.invalid"),
        ("avatarId", Value::Null, "request.field.missing"),
        ("sessionId", json!("your-session-id"), "session.not.found"),
        ("sessionId", json!(ben.session), "session.not.member"),
        ("sessionId", Value::Null, "request.field.missing"),
    ] {
        assert_eq!(code(&stage.post(&ann, BIND, &with(&good, field, value))), wanted, "{field}");
    }
}

#[test]
fn the_public_avatar_takes_the_token_alone() {
    let mut stage = stage();
    let ann = stage.arrive(ANN);
    let request = Request::new("GET", PUBLIC).header("token", &ann.token);
    assert_eq!(data(&stage.request(request.clone()))["id"], 67);
    let with_fp = request.header("Fp", ANN);
    assert_eq!(data(&stage.request(with_fp))["id"], 67);
    assert_eq!(code(&stage.request(Request::new("GET", PUBLIC))), "visitor.token.missing");
    let unknown = stage.get(&ann, "/gate/in/rest/os/avatar/public/unknown");
    assert_eq!(code(&unknown), "open.api.avatar.not.found");
}

#[test]
fn a_message_has_every_field_of_the_page() {
    let mut stage = stage();
    let ann = stage.open(ANN);
    let good = stage.message(&ann, "Hello");
    let fields = good.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    for field in fields {
        let answer = stage.post(&ann, SEND, &with(&good, &field, Value::Null));
        assert_eq!(code(&answer), "request.field.missing", "{field}");
    }
    for (field, value, wanted) in [
        ("timestamp", json!("now"), "request.field.invalid"),
        ("seqId", json!("12345"), "request.field.invalid"),
        ("seqId", json!("_____1774580000000"), "request.field.invalid"),
        ("seqId", json!("12345_____soon"), "request.field.invalid"),
        ("seqId", json!("12345____1774580000000"), "request.field.invalid"),
        ("messageId", json!("1_____1774580000000"), "request.field.invalid"),
        ("userId", json!("de4fh"), "request.field.invalid"),
        ("sendUserId", json!("de4fh"), "request.field.invalid"),
        ("mindId", json!(ann.mind_id), "message.mind.id.not.encoded"),
        ("mindId", json!(ann.mind_id.to_string()), "message.mind.id.not.encoded"),
        ("index", json!(-1), "request.field.invalid"),
        ("dataType", json!("image"), "request.field.invalid"),
        ("sender", json!("umm"), "request.field.invalid"),
        ("type", json!("ping"), "request.field.invalid"),
        ("data", json!("Hello"), "request.field.invalid"),
        ("data", json!({}), "request.field.missing"),
        ("data", json!({"content": ""}), "request.field.invalid"),
        ("data", json!({"content": 7}), "request.field.invalid"),
        ("data", json!({"content": "x", "urls": "y"}), "request.field.invalid"),
        ("wsId", json!("ws:260327..."), "ws.not.found"),
        ("sessionId", json!("your-session-id"), "session.not.found"),
    ] {
        assert_eq!(code(&stage.post(&ann, SEND, &with(&good, field, value))), wanted, "{field}");
    }
    assert_eq!(stage.service.state(stage.now).sessions[0].messages, [], "nothing of it was taken");
    assert_eq!(stage.post(&ann, SEND, &good).status, 200);
}

#[test]
fn no_visitor_sends_into_another_visitors_session_or_over_another_visitors_socket() {
    let mut stage = stage();
    let (ann, ben) = (stage.open(ANN), stage.open(BEN));
    let message = stage.message(&ann, "Hello");
    let foreign = with(&message, "sessionId", json!(ben.session));
    assert_eq!(code(&stage.post(&ann, SEND, &foreign)), "session.not.member");
    let foreign = with(&message, "wsId", json!(ben.ws_id));
    assert_eq!(code(&stage.post(&ann, SEND, &foreign)), "ws.not.found");
}

#[test]
fn what_other_clients_of_the_gateway_send_is_taken() {
    let mut stage = stage();
    let mut ann = stage.arrive(ANN);
    stage.init(&mut ann);
    let renamed = |body: &Value| {
        let mut body = with(body, "userId", Value::Null);
        body["refUserId"] = json!(ann.user_id);
        body["deviceId"] = json!("d-1");
        body["multipleData"] = json!([]);
        body
    };
    let socket = data(&stage.post(&ann, WS, &renamed(&ws(&ann))));
    let mut digits = renamed(&session(&ann));
    digits["mindId"] = json!(ann.mind_id.to_string());
    let made = data(&stage.post(&ann, SESSION, &digits));
    let mut open = ann.clone();
    open.session = text(&made["sessionId"]);
    (open.ws_id, open.address) = (text(&socket["wsId"]), text(&socket["address"]));
    open.socket = stage.handshake(&open).unwrap();
    let message = stage.message(&open, "Hello");
    let mut message = renamed(&message);
    message["timestamp"] = json!(stage.now.0.to_string());
    let request = Request::new("POST", SEND).json(&message).header("token", &ann.token);
    let request = request.header("Fp", ANN).header("platform", "web").header("_csrf", "x");
    assert_eq!(stage.request(request.header("timestamp", "1")).status, 200);
    let wrong = with(&message, "refUserId", json!("not-an-id"));
    assert_eq!(code(&stage.post(&ann, SEND, &wrong)), "request.field.invalid");
}

#[test]
fn a_whole_number_may_have_a_point_but_neither_fraction_nor_sign() {
    let mut stage = stage();
    let ann = stage.open(ANN);
    let message = stage.message(&ann, "Hello");
    for (field, value) in [("timestamp", json!(214.0)), ("timestamp", json!("214")), ("index", json!(0.0))] {
        data(&stage.post(&ann, SEND, &with(&message, field, value)));
    }
    for (field, value) in [
        ("timestamp", json!(214.5)),
        ("timestamp", json!(-1)),
        ("timestamp", json!(1e300)),
        ("timestamp", json!("+214")),
        ("timestamp", json!("")),
        ("index", json!(0.5)),
        ("index", json!("0")),
        ("sessionId", json!(0.5)),
    ] {
        let answer = stage.post(&ann, SEND, &with(&message, field, value));
        assert_eq!(code(&answer), "request.field.invalid", "{field}");
    }
}

#[test]
fn who_writes_the_own_user_twice_writes_the_same_twice() {
    let mut stage = stage();
    let ann = stage.arrive(ANN);
    data(&stage.post(&ann, WS, &with(&ws(&ann), "refUserId", json!(ann.user_id))));
    for (field, value) in
        [("refUserId", json!("not-an-id")), ("refUserId", json!(7)), ("userId", json!("not-an-id"))]
    {
        let both = with(&ws(&ann), "refUserId", json!(ann.user_id));
        assert_eq!(code(&stage.post(&ann, WS, &with(&both, field, value))), "request.field.invalid");
    }
    let mut null = with(&ws(&ann), "refUserId", json!(ann.user_id));
    null["userId"] = Value::Null;
    assert_eq!(code(&stage.post(&ann, WS, &null)), "request.field.invalid");
}
