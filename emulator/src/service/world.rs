//! What the service remembers.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::addresses::Addresses;
use super::door::Door;
use super::frame_log::FrameLog;
use super::history::History;
use super::ids::{AskId, SocketId, TurnId, VisitorIndex};
use super::quotas::Quotas;
use super::switches::IdForm;
use super::unacknowledged::Unacknowledged;
use super::visitor_chat::Tokens;
use super::visitors::VisitorKey;
use crate::brain::{Author, Piece, Step};
use crate::time::{Millis, moment};

/// Bounds of what is remembered, so that a long run does not use up the memory.
pub(super) mod bounds {
    /// Visitors of all keys; more are refused.
    pub(in crate::service) const VISITORS: usize = 200_000;
    /// Tokens of one visitor; the oldest dies first.
    pub(in crate::service) const TOKENS: usize = 16;
    /// Sessions of one visitor; the oldest is forgotten first.
    pub(in crate::service) const SESSIONS: usize = 256;
    /// Socket ids of one visitor that are remembered as not (or no longer) open.
    pub(in crate::service) const SOCKETS: usize = 64;
    /// Messages of one session in the state that tests look at.
    pub(in crate::service) const MESSAGES: usize = 4_000;
    /// Messages of one session that wait for their answer.
    pub(in crate::service) const TURNS: usize = 100;
}

/// Everything that a reset forgets.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct World {
    pub(super) visitors: Vec<Visitor>,
    #[serde(skip)]
    pub(super) visitors_by_id: HashMap<VisitorKey, VisitorIndex>,
    pub(super) tokens: HashMap<String, Token>,
    /// The tokens of Visitor Chat.
    pub(super) chat_tokens: Tokens,
    pub(super) sessions: BTreeMap<String, Session>,
    #[serde(skip)]
    pub(super) sockets: BTreeMap<SocketId, Socket>,
    pub(super) addresses: Addresses,
    #[serde(skip)]
    pub(super) asks: BTreeMap<AskId, String>,
    pub(super) quotas: Quotas,
    #[serde(skip)]
    pub(super) history: History,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Token {
    pub(super) visitor: VisitorIndex,
    pub(super) key: usize,
    #[serde(with = "moment")]
    pub(super) issued: Millis,
    pub(super) calls: u32,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Visitor {
    pub(super) visitor_id: String,
    pub(super) door: Door,
    /// Whether it is a user who has a token, and no anonymous visitor.
    pub(super) is_user: bool,
    pub(super) user_id: String,
    pub(super) mind_id: u64,
    pub(super) avatar: usize,
    /// As the owner sees it: `张三(feishu)`.
    pub(super) name: Option<String>,
    /// Where it comes from, as it said last.
    pub(super) channel: Option<String>,
    pub(super) tokens: VecDeque<String>,
    /// When its chat was last initialised.
    #[serde(with = "moment::option")]
    pub(super) initialised: Option<Millis>,
    pub(super) sessions: VecDeque<String>,
    /// Its live sockets, the newest last.
    #[serde(skip)]
    pub(super) sockets: Vec<SocketId>,
    /// Socket ids it was given that are not open yet, or no longer.
    pub(super) idle_sockets: VecDeque<String>,
    pub(super) unacknowledged: Unacknowledged,
}

#[derive(Debug)]
pub(super) struct Socket {
    pub(super) ws_id: String,
    pub(super) visitor: VisitorIndex,
    /// The session it was opened for, where a socket belongs to one.
    pub(super) session: Option<String>,
    pub(super) connected: Millis,
    pub(super) last_ping: Millis,
    /// The longest time so far between two pings in a row, or from the connection to the first.
    pub(super) longest_silence: Millis,
    pub(super) pings: u64,
    pub(super) acks: u64,
    /// Frames it sent that are not part of the protocol.
    pub(super) rejected: u64,
    pub(super) pushed: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Session {
    /// Its number in the order of creation.
    pub(super) number: u64,
    /// The id as it is written into answers and frames.
    pub(super) id: Value,
    #[serde(with = "moment")]
    pub(super) created: Millis,
    pub(super) visitor: VisitorIndex,
    pub(super) avatar: usize,
    /// Whether the session was made with a `mindId`: without one the AI does not know the persona.
    pub(super) knows_persona: bool,
    pub(super) owner_is_member: bool,
    pub(super) bound: bool,
    pub(super) closed: bool,
    pub(super) takeover: Option<Takeover>,
    pub(super) frames: FrameLog,
    pub(super) messages: VecDeque<Message>,
    /// How many messages there have been, those that are forgotten among them.
    pub(super) noted: u64,
    /// Turns that wait until the one being played is over.
    #[serde(skip)]
    pub(super) waiting: VecDeque<Waiting>,
    #[serde(skip)]
    pub(super) playing: Option<Turn>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Takeover {
    /// When the avatar comes back on its own.
    #[serde(with = "moment::option")]
    pub(super) until: Option<Millis>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Message {
    /// Its number among all that is kept of all sessions, which it has once it is kept.
    #[serde(default)]
    pub(super) n: u64,
    pub(super) author: Author,
    pub(super) message_id: String,
    pub(super) text: String,
    #[serde(with = "moment")]
    pub(super) at: Millis,
    /// When its first piece was said, where it came in pieces.
    #[serde(with = "moment::option", default)]
    pub(super) begun: Option<Millis>,
}

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) message_id: String,
    pub(super) text: String,
    /// The message named a dead socket, so its answer is pushed to no socket.
    pub(super) lost: bool,
}

#[derive(Debug)]
pub(super) struct Turn {
    pub(super) id: TurnId,
    pub(super) message_id: String,
    pub(super) lost: bool,
    pub(super) stage: Stage,
}

#[derive(Debug)]
pub(super) enum Stage {
    /// An outside brain was asked.
    Asked(AskId),
    /// An outside brain is speaking.
    Live(Live),
    /// These steps are still to come.
    Steps(VecDeque<Step>),
    /// A reply is being streamed; after it the steps.
    Streaming(Stream, VecDeque<Step>),
}

/// A reply that an outside brain is giving.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) ask: AskId,
    pub(super) message_id: String,
    /// The index of the next piece.
    pub(super) index: i64,
    pub(super) text: String,
    /// When its first piece came, and when its last.
    pub(super) begun: Millis,
    pub(super) last: Millis,
}

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) message_id: String,
    pub(super) beats: VecDeque<Beat>,
    pub(super) delay: Millis,
    pub(super) text: String,
    /// When its first piece was said; `None` before.
    pub(super) begun: Option<Millis>,
}

/// One frame of a streamed reply.
#[derive(Debug)]
pub(super) struct Beat {
    pub(super) index: Option<i64>,
    pub(super) piece: Piece,
}

impl Socket {
    /// One that has just connected.
    pub(super) fn new(ws_id: String, visitor: VisitorIndex, session: Option<String>, now: Millis) -> Self {
        let (connected, last_ping, longest_silence) = (now, now, Millis::ZERO);
        let (pings, acks, rejected, pushed) = (0, 0, 0, 0);
        Self { ws_id, visitor, session, connected, last_ping, longest_silence, pings, acks, rejected, pushed }
    }

    pub(super) fn note_ping(&mut self, now: Millis) {
        self.longest_silence = self.silence(now);
        self.last_ping = now;
        self.pings += 1;
    }

    /// The longest time without a ping, the one that lasts now included.
    pub(super) fn silence(&self, now: Millis) -> Millis {
        self.longest_silence.max(now - self.last_ping)
    }
}

impl Message {
    pub(super) fn new(author: Author, message_id: &str, text: String, at: Millis) -> Self {
        Self { n: 0, author, message_id: message_id.to_owned(), text, at, begun: None }
    }
}

/// Writes a number as the switch for identifiers wants it.
pub(super) fn number_id(number: u64, form: IdForm) -> Value {
    match form {
        IdForm::Text => json!(number.to_string()),
        IdForm::Number => json!(number),
    }
}
