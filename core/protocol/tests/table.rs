//! The transition table of docs/transitions.md, held against the machine cell by cell.

#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod support;

use std::time::Duration;

use secondme_avatar_protocol::{
    CallId, Command, Config, Credentials, Door, EventKind, Freshness, Generation, Input, MessageId, Millis,
    Output, Raw, Secret, State, Step, limits,
};
use serde_json::json;

use support::{FIRST, Peer, broken, piece, table::assert_table};

const STATES: [State; 6] =
    [State::Opening, State::Live, State::Reconnecting, State::Paused, State::Closing, State::Closed];

/// What is fed; each in the plainest case, to a conversation that waits for just that.
const ROWS: [&str; 35] = [
    "`QuotaGranted`",
    "`QuotaDelayed` beyond the deadline",
    "`TokenGranted` (Visitor Chat)",
    "`TokenFailed` (Visitor Chat)",
    "`CredentialsGranted` (no key)",
    "`HttpAnswer`: success",
    "`HttpAnswer`: token refused",
    "`HttpAnswer`: key refused",
    "`HttpAnswer`: not a member",
    "`HttpFailed`",
    "`SocketOpened`",
    "`SocketFailed`",
    "`SocketFrame`: a whole reply",
    "`SocketFrame`: session ended",
    "`SocketClosed`",
    "`Kept`",
    "`NotKept`",
    "`ConnectPermitted`",
    "`ConnectDenied`",
    "`SlotReclaimed`",
    "`Reading`",
    "`OpenedElsewhere`",
    "`Tick`: nothing due",
    "`Tick`: all deadlines due",
    "`Open`",
    "`Send`",
    "`SendDurable`",
    "`Ask`",
    "`History`",
    "`Close`",
    "`Close`, ending the session",
    "`Pause`",
    "`Resume`",
    "`NetworkChanged`",
    "`cancel`",
];

fn name(state: State) -> &'static str {
    match state {
        State::Opening => "Opening",
        State::Live => "Live",
        State::Reconnecting => "Reconnecting",
        State::Paused => "Paused",
        State::Closing => "Closing",
        State::Closed => "Closed",
        _ => unreachable!("a state that the table does not know"),
    }
}

/// Every input and command has its row; this does not compile with one that has not.
fn rows_of_inputs(input: &Input) -> &'static str {
    match input {
        Input::QuotaGranted(_) => "`QuotaGranted`",
        Input::QuotaDelayed { .. } => "`QuotaDelayed` beyond the deadline",
        Input::TokenGranted { .. } => "`TokenGranted` (Visitor Chat)",
        Input::TokenFailed { .. } => "`TokenFailed` (Visitor Chat)",
        Input::CredentialsGranted { .. } => "`CredentialsGranted` (no key)",
        Input::HttpAnswer { .. } => "`HttpAnswer`",
        Input::HttpFailed { .. } => "`HttpFailed`",
        Input::SocketOpened(_) => "`SocketOpened`",
        Input::SocketFailed { .. } => "`SocketFailed`",
        Input::SocketFrame { .. } => "`SocketFrame`",
        Input::SocketClosed { .. } => "`SocketClosed`",
        Input::Kept(_) => "`Kept`",
        Input::NotKept { .. } => "`NotKept`",
        Input::ConnectPermitted => "`ConnectPermitted`",
        Input::ConnectDenied(_) => "`ConnectDenied`",
        Input::SlotReclaimed => "`SlotReclaimed`",
        Input::Reading(_) => "`Reading`",
        Input::OpenedElsewhere => "`OpenedElsewhere`",
        Input::Tick => "`Tick`",
    }
}

fn rows_of_commands(command: &Command) -> &'static str {
    match command {
        Command::Open { .. } => "`Open`",
        Command::Send { .. } => "`Send`",
        Command::SendDurable { .. } => "`SendDurable`",
        Command::Ask { .. } => "`Ask`",
        Command::History { .. } => "`History`",
        Command::Close { .. } => "`Close`",
        Command::Pause => "`Pause`",
        Command::Resume => "`Resume`",
        Command::NetworkChanged => "`NetworkChanged`",
    }
}

fn page(peer: &mut Peer, step: Step) {
    let data = peer.page(step);
    peer.grant(step, data);
}

/// Being opened: all is there but what the row brings.
fn opening(row: &str) -> Peer {
    let mut peer = Peer::new();
    peer.open(FIRST);
    if row.starts_with("`Quota") {
        return peer;
    }
    let call = peer.quota.pop().unwrap();
    peer.input(Input::QuotaGranted(call));
    for step in
        [Step::Authenticate, Step::InitChat, Step::ResolveAvatar, Step::CreateSession, Step::CreateSocket]
    {
        page(&mut peer, step);
    }
    if row.starts_with("`Http") {
        peer.up();
    } else {
        page(&mut peer, Step::BindSession);
    }
    peer
}

fn reconnecting(row: &str) -> Peer {
    let mut peer = Peer::live();
    if row.starts_with("`Quota") {
        peer.send("Hello");
        peer.refuse(Step::SendMessage, 401, "whatever");
        return peer;
    }
    peer.lose();
    peer.pass(limits::BACKOFF_FIRST);
    if !row.starts_with("`Http") {
        page(&mut peer, Step::CreateSocket);
    }
    peer
}

/// A conversation of Visitor Chat that waits for a token.
fn waiting_for_token(state: &str) -> Peer {
    let config = Config { door: Door::VisitorChat, ..Config::default() };
    let mut peer = Peer::with(config, None);
    peer.open(FIRST);
    if state == "Opening" {
        return peer;
    }
    let renew_at = Some(peer.now + Duration::from_secs(60));
    grant_token(&mut peer, renew_at);
    let session = json!({"sessionId": "your-session-id", "wsUrl": "wss://gate.test/ws"});
    peer.grant(Step::InitVisitorChat, session);
    peer.up();
    peer.pass(Duration::from_secs(60));
    match state {
        "Live" => _ = peer.send("Hello"),
        "Reconnecting" => {
            peer.lose();
            peer.pass(limits::BACKOFF_FIRST);
        }
        "Closing" => {
            peer.send("Hello");
            peer.close(false);
        }
        "Paused" => _ = peer.command(Command::Pause),
        _ => _ = peer.close(false),
    }
    peer
}

/// A conversation without a key that waits for credentials, where its state allows that.
fn waiting_for_credentials(state: &str) -> Peer {
    let mut peer = Peer::without_key();
    peer.open(FIRST);
    if state == "Opening" {
        return peer;
    }
    let granted = credentials_granted(&peer);
    peer.input(granted);
    peer.credentials.clear();
    peer.serve();
    match state {
        "Reconnecting" | "Closing" => {
            peer.send("Hello");
            peer.refuse(Step::SendMessage, 401, "whatever");
            if state == "Closing" {
                peer.close(false);
            }
        }
        "Paused" => _ = peer.command(Command::Pause),
        "Closed" => _ = peer.close(false),
        _ => {}
    }
    peer
}

fn credentials_granted(peer: &Peer) -> Input {
    let call = peer.credentials.first().map_or(CallId(u64::MAX), |(call, _)| *call);
    let text = json!({
        "visitorId": peer.machine.visitor().id().as_str(), "visitorToken": "t1", "visitorUserId": "del3p",
        "visitorMindId": "487569763543990272", "avatarShareCode": "ebe251793d69", "ownerUserId": "de4fh",
    });
    let credentials = Box::new(Credentials::from_json(&text.to_string()).unwrap());
    Input::CredentialsGranted { call, credentials }
}

fn grant_token(peer: &mut Peer, renew_at: Option<Millis>) {
    let (call, _) = peer.tokens.pop().unwrap();
    let (token, freshness) = (Secret::from("t1".to_owned()), Freshness::Fetched);
    peer.input(Input::TokenGranted { call, token, renew_at, freshness });
}

fn prepared(state: &str, row: &str) -> Peer {
    if row.starts_with("`Token") {
        return waiting_for_token(state);
    }
    if row.starts_with("`Credentials") {
        return waiting_for_credentials(state);
    }
    let mut peer = prepared_for(state, row);
    if row.ends_with("Kept`") && !matches!(state, "Closing" | "Closed") {
        peer.send_durable("Hello");
        if state == "Paused" {
            peer.command(Command::Pause);
        }
    }
    peer
}

fn prepared_for(state: &str, row: &str) -> Peer {
    match state {
        "Opening" => opening(row),
        "Live" => {
            let mut peer = Peer::live();
            // A conversation that waits for nothing has no deadline and no call.
            if row.starts_with("`Http") || row.ends_with("deadlines due") || row == "`cancel`" {
                peer.send("Hello");
            }
            peer
        }
        "Reconnecting" => reconnecting(row),
        "Paused" => {
            let mut peer = Peer::live();
            peer.command(Command::Pause);
            peer
        }
        "Closing" => {
            let mut peer = Peer::live();
            if row.ends_with("Kept`") {
                peer.send_durable("Hello")
            } else {
                peer.send("Hello")
            };
            peer.close(false);
            peer
        }
        _ => {
            let mut peer = Peer::live();
            peer.close(false);
            peer
        }
    }
}

/// The call that the conversation waits for; one that was never made, where it waits for none.
fn call(peer: &Peer) -> CallId {
    let token = peer.tokens.first().map(|(call, _)| *call);
    let quota = peer.quota.first().copied().or(token);
    quota.or(peer.requests.first().map(|request| request.call)).unwrap_or(CallId(u64::MAX))
}

/// The message that is being saved; an unknown one, where none is.
fn kept(peer: &Peer) -> MessageId {
    peer.keeps.last().map_or_else(|| "unknown".into(), |kept| kept.message_id.clone())
}

fn input(peer: &Peer, row: &str) -> Option<Input> {
    let generation = peer.opened.last().copied().unwrap_or(Generation(1));
    let answer = |status, body: serde_json::Value| {
        let body = body.to_string().into();
        Some(Input::HttpAnswer { call: call(peer), status, retry_after: None, body })
    };
    let frame = |frame: serde_json::Value| {
        Some(Input::SocketFrame { generation, frame: Raw::from(frame.to_string()) })
    };
    let (kind, which) = row.split_once(": ").unwrap_or((row, ""));
    let input = match (kind, which) {
        ("`QuotaGranted`", _) => Some(Input::QuotaGranted(call(peer))),
        ("`QuotaDelayed` beyond the deadline", _) => {
            Some(Input::QuotaDelayed { call: call(peer), until: peer.now + Duration::from_secs(3600) })
        }
        ("`TokenGranted` (Visitor Chat)", _) => {
            let (token, freshness) = (Secret::from("t2".to_owned()), Freshness::Fetched);
            Some(Input::TokenGranted { call: call(peer), token, renew_at: None, freshness })
        }
        ("`CredentialsGranted` (no key)", _) => Some(credentials_granted(peer)),
        ("`TokenFailed` (Visitor Chat)", _) => Some(Input::TokenFailed { call: call(peer), error: broken() }),
        ("`HttpAnswer`", "success") => {
            let step = peer.requests.first().map(|request| request.step);
            let socket = json!({"wsId": support::WS, "address": "wss://avatar.test"});
            answer(200, json!({"code": 0, "data": (step == Some(Step::CreateSocket)).then_some(socket)}))
        }
        ("`HttpAnswer`", "token refused") => answer(401, json!({"code": "whatever"})),
        ("`HttpAnswer`", "key refused") => answer(200, json!({"code": "open.api.key.disabled"})),
        ("`HttpAnswer`", _) => answer(200, json!({"code": "session.not.member"})),
        ("`HttpFailed`", _) => Some(Input::HttpFailed { call: call(peer), sent: true, error: broken() }),
        ("`SocketOpened`", _) => Some(Input::SocketOpened(generation)),
        ("`SocketFailed`", _) => Some(Input::SocketFailed { generation, status: None, error: broken() }),
        ("`SocketFrame`", "a whole reply") => frame(piece("r1", -1, "Hi")),
        ("`SocketFrame`", _) => {
            frame(json!({"sessionId": "your-session-id", "subCode": "session.status.closed"}))
        }
        ("`SocketClosed`", _) => Some(Input::SocketClosed { generation, cause: broken() }),
        ("`Kept`", _) => Some(Input::Kept(kept(peer))),
        ("`NotKept`", _) => Some(Input::NotKept { message: kept(peer), error: broken() }),
        ("`ConnectPermitted`", _) => Some(Input::ConnectPermitted),
        ("`ConnectDenied`", _) => Some(Input::ConnectDenied(broken())),
        ("`SlotReclaimed`", _) => Some(Input::SlotReclaimed),
        ("`Reading`", _) => Some(Input::Reading(false)),
        ("`OpenedElsewhere`", _) => Some(Input::OpenedElsewhere),
        ("`Tick`", _) => Some(Input::Tick),
        _ => None,
    };
    if let Some(input) = &input {
        assert_eq!(rows_of_inputs(input), kind);
    }
    input
}

fn command(row: &str) -> Option<Command> {
    let (deadline, conversation) = (limits::ASK_DEADLINE, FIRST);
    let text = "Hello".into();
    let command = match row.split(',').next().unwrap() {
        "`Open`" => Command::Open { conversation, deadline },
        "`Send`" => Command::Send { conversation, text, deadline },
        "`SendDurable`" => Command::SendDurable { conversation, text, deadline },
        "`Ask`" => Command::Ask {
            conversation,
            text,
            deadline,
            first_piece: limits::FIRST_PIECE,
            pieces: false,
            collect: None,
        },
        "`History`" => Command::History { conversation, before: None, limit: 1, deadline },
        "`Close`" => Command::Close { conversation, deadline, end_session: row.contains("ending") },
        "`Pause`" => Command::Pause,
        "`Resume`" => Command::Resume,
        "`NetworkChanged`" => Command::NetworkChanged,
        _ => return None,
    };
    assert_eq!(rows_of_commands(&command), row.split(',').next().unwrap());
    Some(command)
}

/// The state that follows, and what is put out.
fn cell(row: &str, state: &str) -> String {
    let mut peer = prepared(state, row);
    assert_eq!(name(peer.machine.state(FIRST)), state, "before {row}");
    let mut effects: Vec<String> = Vec::new();
    if row.ends_with("deadlines due") {
        peer.now = Millis(peer.now.0 + 3_600_000);
    }
    if let Some(input) = input(&peer, row) {
        peer.machine.handle(peer.now, input);
    } else if let Some(command) = command(row) {
        if peer.machine.command(peer.now, command).is_err() {
            effects.push("misuse".to_owned());
        }
    } else {
        // The first ticket is the opening's, the last one the last command's.
        let ticket = if state == "Opening" { 1 } else { 2 };
        peer.machine.cancel(peer.now, secondme_avatar_protocol::Ticket(ticket));
    }
    let mut frames = 0;
    while let Some(output) = peer.machine.poll() {
        effects.extend(effect(&output, &mut frames));
    }
    effects.dedup();
    let state = name(peer.machine.state(FIRST));
    if effects.is_empty() { state.to_owned() } else { format!("{state}: {}", effects.join(", ")) }
}

fn effect(output: &Output, frames: &mut u32) -> Option<String> {
    let effect = match output {
        Output::Quota(_) => "quota",
        Output::Token { .. } => "token",
        Output::Credentials { .. } => "credentials",
        Output::Http(request) => return Some(format!("`{}`", request.step)),
        Output::Abandon(_) => "abandon",
        Output::SocketOpen { .. } => "connect",
        Output::SocketSend { .. } => {
            *frames += 1;
            return None; // Pings and acknowledgements have their own tests.
        }
        Output::SocketClose(_) => "disconnect",
        Output::QuotaUsedUp(_) => "used up",
        Output::Piece(..) => "piece",
        Output::Resolved(_, Ok(_)) => "done",
        Output::Resolved(_, Err(_)) => "failed",
        Output::SaveMessage(_) => "keep",
        Output::ConnectPermit => "permit",
        Output::SlotReleased => "release",
        Output::ForgetMessage(_) => "settle",
        Output::SaveRecord | Output::Held(..) => return None,
        Output::Event(event) => match &event.kind {
            EventKind::StateChanged { .. } => return None,
            EventKind::Opened { .. } => "*Opened*",
            EventKind::ReplyDelta { .. } => "*ReplyDelta*",
            EventKind::Reply(_) => "*Reply*",
            EventKind::ServiceError(_) => "*ServiceError*",
            EventKind::SessionReplaced { .. } => "*SessionReplaced*",
            EventKind::Disconnected { .. } => "*Disconnected*",
            EventKind::Reconnected { .. } => "*Reconnected*",
            EventKind::WaitingForQuota { .. } => "*WaitingForQuota*",
            EventKind::Closed { .. } => "*Closed*",
            EventKind::TakenOver => "*TakenOver*",
            EventKind::HandedBack => "*HandedBack*",
            other => unreachable!("{other:?}"),
        },
    };
    Some(effect.to_owned())
}

#[test]
fn the_conversation_s_table_is_the_code_s() {
    assert_table("## The conversation", &ROWS, &STATES.map(name), cell);
}
