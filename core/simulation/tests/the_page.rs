//! The seven steps of docs/protocol.md, and the calls beyond the page, as the service sees them.

#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod support;

use std::time::Duration;

use secondme_avatar_emulator::service::OwnerAction;
use secondme_avatar_protocol::{
    Author, Command, Config, EventKind, HistoryMessage, Outcome, State, Step, Visitor, limits,
};
use secondme_avatar_simulation::{Asked, ClientId, Settings, World};
use serde_json::{Value, json};

use support::{FIRST, live, times};

fn asked(world: &World, client: ClientId, step: Step) -> &Asked {
    world.asked.iter().find(|asked| asked.client == client && asked.step == step).expect("it was asked")
}

fn body(asked: &Asked) -> &Value {
    asked.body.as_ref().expect("a body")
}

/// The page's two headers, and nothing else.
#[track_caller]
fn assert_pass(world: &World, asked: &Asked) {
    let names: Vec<_> = asked.headers.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["token", "Fp"]);
    assert_eq!(asked.headers[1].1, world.of(asked.client).machine.visitor().id().as_str());
}

#[test]
fn every_host_has_the_same_paths_below_its_base_url() {
    // Which host it is, is the driver's affair: the machine names no host, only what is below it.
    let (mut world, ada) = live(Settings::default());
    let send = world.send(ada, "Hello");
    world.answer(ada, send).unwrap();
    assert!(world.asked.iter().all(|asked| asked.path.starts_with("/rest/")));
}

#[test]
fn step_0_auth_sends_the_visitor_and_gets_the_token() {
    let mut world = World::new(Settings::default(), 1);
    let visitor = Visitor::for_user("feishu", "ou_abc").unwrap().name("张三").channel("feishu");
    let ada = world.client_with(Config::default(), visitor, None);
    world.opened(ada);
    let auth = asked(&world, ada, Step::Authenticate);
    assert_eq!((auth.method, auth.path.as_str()), ("POST", "/rest/open/avatar/auth"));
    assert_eq!(auth.headers, [("Authorization", "Bearer sk-emulator".to_owned())]);
    let visitor_id = "feishu_d10f0353-58f2-539f-9ae5-dcf371311654";
    assert_eq!(body(auth), &json!({"visitorId": visitor_id, "visitorName": "张三", "channel": "feishu"}));
    assert_eq!(world.of(ada).machine.avatar_name(), Some("My Assistant"));
    assert_eq!(world.state().visitors[0].name.as_deref(), Some("张三(feishu)"));
}

#[test]
fn step_1_init_sends_the_share_code_and_gets_the_opening() {
    let (world, ada) = live(Settings::default());
    let init = asked(&world, ada, Step::InitChat);
    assert_eq!((init.method, init.path.as_str()), ("POST", "/rest/os/avatar/chat/init"));
    assert_eq!(body(init), &json!({"shareCode": "ebe251793d69"}));
    assert_pass(&world, init);
    assert!(matches!(world.of(ada).kinds().find(|kind| matches!(kind, EventKind::Opened { .. })),
        Some(EventKind::Opened { opening, .. }) if opening == "Hello! 👋"));
}

#[test]
fn step_2_socket_sends_the_user_and_gets_an_address_that_is_connected_to_at_once() {
    let (world, ada) = live(Settings::default());
    let socket = asked(&world, ada, Step::CreateSocket);
    assert_eq!((socket.method, socket.path.as_str()), ("POST", "/rest/general/ws/create"));
    let user = world.of(ada).machine.record().credentials.unwrap().user_id;
    let expected =
        json!({"userId": user.as_str(), "channel": ["ALL"], "apiVersion": "1.3.0", "sdkVersion": "1.0.0"});
    assert_eq!(body(socket), &expected);
    assert_pass(&world, socket);
    assert_eq!(world.of(ada).log.connects, [socket.at + support::ROUND_TRIP]);
}

#[test]
fn step_3_session_sends_the_exact_number_and_the_owner() {
    let (mut world, ada) = live(Settings::default());
    let session = asked(&world, ada, Step::CreateSession).clone();
    assert_eq!((session.method, session.path.as_str()), ("POST", "/rest/general/session/create"));
    let state = world.state();
    let mind: u64 = state.visitors[0].mind_id.parse().unwrap();
    assert!(mind > 1 << 53 && mind % 2 == 1, "no double could hold it");
    let expected = json!({"mindId": mind, "mindType": "shadow", "mode": "PERSONAL", "sessionType": "SHARE",
        "memberUserIds": ["de4fh"]});
    assert_eq!(body(&session), &expected);
    assert_pass(&world, &session);
    assert!(state.sessions[0].owner_is_member);
}

#[test]
fn step_4a_avatar_asks_for_the_public_avatar_once() {
    let (mut world, ada) = live(Settings::default());
    let avatar = asked(&world, ada, Step::ResolveAvatar);
    assert_eq!((avatar.method, avatar.path.as_str()), ("GET", "/rest/os/avatar/public/ebe251793d69"));
    assert!(avatar.body.is_none());
    let open = world.open_beside(ada, support::SECOND);
    world.answer(ada, open).unwrap();
    assert_eq!(times(&world, ada, Step::ResolveAvatar), 1);
}

#[test]
fn step_4b_bind_makes_the_conversation_visible_to_the_owner() {
    let (mut world, ada) = live(Settings::default());
    let bind = asked(&world, ada, Step::BindSession).clone();
    assert_eq!((bind.method, bind.path.as_str()), ("POST", "/rest/os/avatar/chat/start"));
    assert_eq!(body(&bind), &json!({"avatarId": 67, "sessionId": world.session(ada)}));
    assert_pass(&world, &bind);
    assert!(world.state().sessions[0].bound);
}

#[test]
fn step_5_connect_pings_with_the_socket_s_id_every_fifteen_seconds() {
    let (mut world, ada) = live(Settings::default());
    world.run_for(Duration::from_secs(151));
    let socket = world.state().sockets[0].clone();
    assert_eq!((socket.pings, socket.rejected), (10, 0));
    let ping: Value = serde_json::from_str(&world.of(ada).log.frames[0].2).unwrap();
    assert_eq!(ping, json!({"type": "ping", "wsId": socket.ws_id}));
}

#[test]
fn step_6_send_is_what_the_page_says_and_nothing_more() {
    let (mut world, ada) = live(Settings::default());
    let at = world.now();
    let send = world.send(ada, "Hello, tell me about yourself");
    world.answer(ada, send).unwrap();
    let ws = world.state().sockets[0].ws_id.clone();
    let message = asked(&world, ada, Step::SendMessage);
    assert_eq!((message.method, message.path.as_str()), ("POST", "/rest/general/message/send"));
    assert_pass(&world, message);
    let id = body(message)["messageId"].as_str().unwrap();
    assert!(id.ends_with(&format!("_____{}", at.0)) && id.matches('_').count() == 5);
    let user = world.of(ada).machine.record().credentials.unwrap().user_id;
    let expected = json!({
        "timestamp": at.0, "seqId": id, "sessionId": world.session(ada), "userId": user.as_str(),
        "messageId": id, "mindId": "3m24e99h3mbp", "index": 0, "sendUserId": user.as_str(),
        "dataType": "text", "sender": "client", "type": "msg", "wsId": ws,
        "data": {"content": "Hello, tell me about yourself"},
    });
    assert_eq!(body(message), &expected);
}

#[test]
fn beyond_the_page_the_query_looks_forward_from_the_last_frame_until_nothing_comes() {
    let (mut world, ada) = live(Settings::default().history_page(2));
    let ask = world.ask(ada, "Hello");
    world.reply(ada, ask);
    world.cut(ada);
    for number in 0..5 {
        world.owner_says(ada, &number.to_string());
    }
    world.run_for(Duration::from_secs(10));
    let queries: Vec<_> = world
        .asked
        .iter()
        .filter(|asked| asked.step == Step::QueryMessages)
        .map(|asked| &asked.path)
        .collect();
    assert_eq!(queries.len(), 4, "two, two, one and none");
    let prefix =
        format!("/rest/general/message/query?sessionId={}&direction=forward&seqId=", world.session(ada));
    assert!(queries.iter().all(|path| path.starts_with(&prefix)), "{queries:?}");
}

fn history(result: Result<Outcome, secondme_avatar_protocol::Error>) -> Vec<HistoryMessage> {
    match result {
        Ok(Outcome::History(messages)) => messages,
        other => panic!("no history: {other:?}"),
    }
}

#[test]
fn beyond_the_page_history_looks_backward_a_page_at_a_time() {
    let (mut world, ada) = live(Settings::default().history_page(4));
    for number in 0..6 {
        let ask = world.ask(ada, &number.to_string());
        world.reply(ada, ask);
    }
    world.owner_says(ada, "Me");
    let look = world.history(ada, 5, None);
    let messages = history(world.answer(ada, look));
    let texts: Vec<_> = messages.iter().map(|message| (message.author, message.text.as_str())).collect();
    let expected = [
        (Author::Visitor, "4"),
        (Author::Avatar, "You said: 4"),
        (Author::Visitor, "5"),
        (Author::Avatar, "You said: 5"),
        (Author::Owner, "Me"),
    ];
    assert_eq!(texts, expected);
    let look = world.history(ada, 3, messages[0].seq_id.clone());
    let earlier = history(world.answer(ada, look));
    let texts: Vec<_> = earlier.iter().map(|message| message.text.as_str()).collect();
    assert_eq!(texts, ["You said: 2", "3", "You said: 3"]);
    assert!(world.of(ada).replies().len() == 7, "looking back is no event");
}

#[test]
fn beyond_the_page_the_session_is_closed_where_the_caller_wants_that() {
    let (mut world, ada) = live(Settings::default());
    let session = world.session(ada);
    let close = world.close(ada, true);
    assert!(matches!(world.answer(ada, close), Ok(Outcome::Closed)));
    assert!(world.state().session(&session).unwrap().closed);
    let again = world.restart(ada);
    world.opened(again);
    assert_ne!(world.session(again), session);
}

#[test]
fn an_orderly_close_sends_what_waits_and_leaves_nothing_open() {
    let (mut world, ada) = live(Settings::default());
    world.cut(ada);
    let sends: Vec<_> = (0..5).map(|number| world.send(ada, &number.to_string())).collect();
    let close = world.close(ada, false);
    assert!(matches!(world.answer(ada, close), Ok(Outcome::Closed)));
    for send in sends {
        assert!(matches!(world.answer(ada, send), Ok(Outcome::Sent(_))));
    }
    world.run_for(Duration::from_secs(5));
    assert!(world.state().sockets.is_empty());
    assert_eq!(world.of(ada).machine.next_deadline(), None);
}

#[test]
fn rest_gives_the_socket_up_and_the_next_message_brings_it_back() {
    let (mut world, ada) = live(Settings::default());
    world.command(ada, Command::Pause);
    world.run_for(Duration::from_secs(600));
    assert!(world.state().sockets.is_empty());
    assert_eq!(world.of(ada).machine.state(FIRST), State::Paused);
    let session_id = world.session(ada);
    world.owner_says(ada, "While you slept");
    world.with_service(|service, now| service.owner(now, OwnerAction::HandBack { session_id })).unwrap();
    let ask = world.ask(ada, "Hello");
    assert_eq!(world.reply(ada, ask), "You said: Hello", "what was said before it is no answer");
    assert_eq!(world.of(ada).replies()[0], (Author::Owner, "While you slept"));
    assert_eq!(times(&world, ada, Step::Authenticate), 1);
}

#[test]
fn a_changed_network_brings_another_socket_at_once() {
    let (mut world, ada) = live(Settings::default());
    let began = world.now();
    world.command(ada, Command::NetworkChanged);
    world.run_until(|world| world.of(ada).machine.is_connected());
    assert_eq!(world.now().since(began), 2 * support::ROUND_TRIP);
    assert!(world.now().since(began) < limits::BACKOFF_FIRST);
}
