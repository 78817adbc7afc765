//! Reads a journal: calls with what became of them, frames, and the ends of sockets.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::replies::said;
use crate::record::lines::{FORMAT, VERSION};

/// What a journal tells.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) happenings: Vec<Happening>,
    /// What became of the requests, by their numbers.
    pub(super) outcomes: HashMap<u64, Outcome>,
}

/// Something that happened, in the order of the journal.
#[derive(Debug)]
pub(super) struct Happening {
    pub(super) at_ms: u64,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    /// A request goes out.
    Asked(Call),
    /// It is answered, or will never be.
    Answered(Call),
    /// A socket is open.
    Socket {
        socket: u64,
        path: String,
    },
    Frame {
        socket: u64,
        is_client: bool,
        kind: String,
        line: Value,
    },
    End {
        socket: u64,
        is_client: bool,
    },
}

/// A request.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) number: u64,
    /// As the emulator and the scenarios name it.
    pub(super) name: Name,
    pub(super) visitor: Option<String>,
    /// Its token, from either door.
    pub(super) token: Option<String>,
    pub(super) path: String,
    pub(super) body: Value,
}

#[derive(Clone, Debug)]
pub(super) enum Outcome {
    Answer {
        status: u16,
        retry_after: Option<u64>,
        body: Value,
    },
    /// There was none, and why.
    None(String),
}

/// Which call of the service it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Auth,
    Init,
    Socket,
    Session,
    Avatar,
    Bind,
    Send,
    Query,
    Latest,
    Close,
    Connect,
    AppToken,
    VisitorInit,
    VisitorSend,
    Other,
}

/// The ends of the calls' paths.
const PATHS: [(&str, Name); 12] = [
    ("/oauth/token/client", Name::AppToken),
    ("/visitor-chat/init", Name::VisitorInit),
    ("/visitor-chat/send", Name::VisitorSend),
    ("/avatar/auth", Name::Auth),
    ("/chat/init", Name::Init),
    ("/ws/create", Name::Socket),
    ("/session/create", Name::Session),
    ("/chat/start", Name::Bind),
    ("/message/send", Name::Send),
    ("/message/query", Name::Query),
    ("/message/latest", Name::Latest),
    ("/session/close", Name::Close),
];

impl Told {
    /// Whether it holds the second door alone. Of a journal with both, the first is told.
    pub(super) fn is_visitor_chat(&self) -> bool {
        let is_first = |call: &Call| matches!(call.name, Name::Auth | Name::Session);
        !self.calls().any(is_first) && self.calls().any(|call| call.name.is_of_visitor_chat())
    }

    /// Whether Visitor Chat repeats what a visitor has said.
    pub(super) fn has_echoes(&self) -> bool {
        let sent = |text: &str| {
            self.calls().any(|call| call.name == Name::VisitorSend && call.body["message"] == text)
        };
        self.happenings.iter().any(|it| match &it.what {
            What::Frame { is_client: false, line, .. } => {
                line["body"]["sender"] == "client" && sent(&said(&line["body"]))
            }
            _ => false,
        })
    }

    fn calls(&self) -> impl Iterator<Item = &Call> {
        self.happenings.iter().filter_map(|it| match &it.what {
            What::Asked(call) => Some(call),
            _ => None,
        })
    }
}

impl Name {
    /// As a fault's `at` has it.
    pub(super) fn at(self) -> Option<&'static str> {
        Some(match self {
            Self::Auth => "auth",
            Self::Init => "chat/init",
            Self::Socket => "ws/create",
            Self::Session => "session/create",
            Self::Avatar => "avatar/public",
            Self::Bind => "chat/start",
            Self::Send => "message/send",
            Self::Query => "message/query",
            Self::Latest => "message/latest",
            Self::Close => "session/close",
            Self::Connect => "connect",
            Self::AppToken => "oauth/token",
            Self::VisitorInit => "visitor-chat/init",
            Self::VisitorSend => "visitor-chat/send",
            Self::Other => return None,
        })
    }

    /// Whether it is a call of Visitor Chat, the second door.
    pub(super) fn is_of_visitor_chat(self) -> bool {
        matches!(self, Self::AppToken | Self::VisitorInit | Self::VisitorSend)
    }

    fn of(path: &str, is_upgrade: bool) -> Self {
        if is_upgrade {
            return Self::Connect;
        }
        if path.contains("/avatar/public/") {
            return Self::Avatar;
        }
        PATHS.iter().find(|(end, _)| path.ends_with(end)).map_or(Self::Other, |(_, name)| *name)
    }
}

impl Outcome {
    /// What was answered, if it was a success.
    pub(super) fn data(&self) -> Option<&Value> {
        match self {
            Self::Answer { status: 100..400, body, .. } if body["code"].is_null() || body["code"] == 0 => {
                Some(&body["data"])
            }
            _ => None,
        }
    }

    /// The dotted code of a failure.
    pub(super) fn code(&self) -> Option<&str> {
        let Self::Answer { body, .. } = self else {
            return None;
        };
        let fields = ["code", "subCode", "error_code", "message", "msg"];
        fields
            .iter()
            .filter_map(|field| body[field].as_str())
            .find(|code| code.contains('.') && !code.contains(' '))
    }
}

impl Outcome {
    /// The fault of the emulator that fails in the same way. `None` where the client itself gave up.
    pub(super) fn as_fault(&self) -> Option<Value> {
        match self {
            Self::None(why) if why.contains("ended") => Some(json!("cut-before")),
            Self::None(why) if why.contains("reset") || why.contains("reached") => Some(json!("refuse")),
            Self::None(_) | Self::Answer { status: ..200, .. } => None,
            Self::Answer { status, retry_after, body } => {
                let mut fault = json!({"status": status});
                if let Some(seconds) = retry_after {
                    fault["retry-after"] = json!(seconds);
                }
                if !body.is_null() {
                    fault["body"] = body.to_string().into();
                }
                Some(fault)
            }
        }
    }

    /// The code of a failure that no second try changes.
    pub(super) fn final_code(&self) -> Option<&str> {
        const MAY_PASS: [&str; 6] = ["rate", "limit", "token", "unauthorized", "unavailable", "expired"];
        let Self::Answer { status: 200..=400 | 402 | 404..=407 | 409..=428, .. } = self else {
            return None;
        };
        self.code().filter(|code| !MAY_PASS.iter().any(|word| code.contains(word)))
    }
}

pub(super) fn read(journal: &str) -> Result<Told, String> {
    let mut lines = (1..).zip(journal.lines()).filter(|(_, line)| !line.trim().is_empty());
    let (_, first) = lines.next().ok_or("it is empty")?;
    let first: Value =
        serde_json::from_str(first).map_err(|_| "it is no journal: its first line is not JSON")?;
    if first["journal"] != FORMAT {
        return Err("it is no journal: its first line does not say so".to_owned());
    }
    match first["version"].as_u64() {
        Some(VERSION) => {}
        Some(newer) => {
            return Err(format!("it has version {newer} of the format, and this program reads {VERSION}"));
        }
        None => return Err("its first line names no version".to_owned()),
    }
    let mut calls: HashMap<u64, Call> = HashMap::new();
    let mut told = Told::default();
    let mut lines = lines.peekable();
    while let Some((number, line)) = lines.next() {
        let line: Value = match serde_json::from_str(line) {
            Ok(line) => line,
            // A recorder that was killed may have left half a line.
            Err(_) if lines.peek().is_none() => break,
            Err(error) => return Err(format!("line {number} is not JSON: {error}")),
        };
        let at_ms = line["at_ms"].as_u64().unwrap_or_default();
        if let Some(what) = happening(&mut calls, &mut told.outcomes, line) {
            told.happenings.push(Happening { at_ms, what });
        }
    }
    Ok(told)
}

fn happening(
    calls: &mut HashMap<u64, Call>,
    outcomes: &mut HashMap<u64, Outcome>,
    mut line: Value,
) -> Option<What> {
    let request = line["request"].as_u64().unwrap_or_default();
    let socket = line["socket"].as_u64().unwrap_or_default();
    let is_client = line["from"] == "client" || line["by"] == "client";
    match line["what"].as_str()? {
        "request" => {
            let path = line["path"].as_str().unwrap_or_default();
            let text = |value: &Value| value.as_str().map(str::to_owned);
            let headers = &line["headers"];
            let name = Name::of(path, !headers["upgrade"].is_null());
            let query = line["query"].as_str().map_or_else(String::new, |query| format!("?{query}"));
            let path = format!("{path}{query}");
            let visitor = text(&headers["fp"]).or_else(|| text(&line["body"]["visitorId"]));
            let token = text(&headers["token"]).or_else(|| text(&headers["authorization"]));
            let call = Call { number: request, name, visitor, token, path, body: line["body"].take() };
            calls.insert(request, call.clone());
            Some(What::Asked(call))
        }
        "answer" => {
            let status = line["status"].as_u64().and_then(|status| u16::try_from(status).ok())?;
            let retry_after =
                line["headers"]["retry-after"].as_str().and_then(|seconds| seconds.parse().ok());
            let outcome = Outcome::Answer { status, retry_after, body: line["body"].take() };
            outcomes.insert(request, outcome);
            Some(What::Answered(calls.get(&request)?.clone()))
        }
        "no-answer" => {
            let why = line["why"].as_str().unwrap_or_default().to_owned();
            outcomes.insert(request, Outcome::None(why));
            Some(What::Answered(calls.get(&request)?.clone()))
        }
        "socket" => Some(What::Socket { socket, path: calls.get(&request)?.path.clone() }),
        "frame" => {
            let kind = line["kind"].as_str().unwrap_or_default().to_owned();
            Some(What::Frame { socket, is_client, kind, line })
        }
        "end" => Some(What::End { socket, is_client }),
        // Notes and what is to come.
        _ => None,
    }
}
