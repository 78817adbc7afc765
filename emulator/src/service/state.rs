//! What tests and consoles can look at.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Service;
use super::door::Door;
use crate::brain::Author;
use crate::time::Millis;

/// Everything the service knows, but for secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// The service's time, in milliseconds.
    pub now: u64,
    /// How often each call was made, by its name: `auth`, `chat/init`, `ws/create`,
    /// `session/create`, `avatar/public`, `chat/start`, `connect`, `message/send`, …
    pub calls: BTreeMap<String, u64>,
    /// How often each failure was answered, by its code.
    pub failures: BTreeMap<String, u64>,
    /// The visitors, in the order they first came.
    pub visitors: Vec<VisitorState>,
    /// The sessions, in the order they were made.
    pub sessions: Vec<SessionState>,
    /// The live sockets, in the order they connected.
    pub sockets: Vec<SocketState>,
}

/// A visitor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VisitorState {
    /// The door through which it came.
    pub door: Door,
    /// The id the caller chose; of a user of Visitor Chat its name.
    pub visitor_id: String,
    /// The id the service gave.
    pub user_id: String,
    /// The visitor's own mind id.
    pub mind_id: String,
    /// The name as the owner sees it.
    pub name: Option<String>,
    /// The share code of the avatar it visits.
    pub share_code: String,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionState {
    /// Its id.
    pub session_id: String,
    /// The visitor it belongs to.
    pub visitor_id: String,
    /// Whether it was bound to its avatar, so that the owner sees it.
    pub bound: bool,
    /// Whether the owner can reply in it.
    pub owner_is_member: bool,
    /// Whether the owner has taken it over.
    pub taken_over: bool,
    /// Whether it was closed.
    pub closed: bool,
    /// Whether something is still being said in it.
    pub busy: bool,
    /// How many of its first messages are no longer kept.
    #[serde(default)]
    pub forgotten: u64,
    /// What was said in it, without those.
    pub messages: Vec<MessageState>,
}

/// A message, whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageState {
    /// Who wrote it.
    pub author: Author,
    /// Its id.
    pub message_id: String,
    /// Its text.
    pub text: String,
    /// When it was sent, in milliseconds.
    pub timestamp: u64,
}

/// A live socket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SocketState {
    /// Its id.
    pub ws_id: String,
    /// The visitor it belongs to.
    pub visitor_id: String,
    /// When it connected, in milliseconds.
    pub connected: u64,
    /// How many pings it sent.
    pub pings: u64,
    /// The longest time so far without a ping, in milliseconds: between two of them, from the connection to the first, or
    /// since the last.
    #[serde(default)]
    pub longest_silence: u64,
    /// How many frames it acknowledged.
    pub acks: u64,
    /// How many of its frames are not part of the protocol.
    pub rejected: u64,
    /// How many frames it was sent.
    pub pushed: u64,
}

impl State {
    /// How often a call was made.
    pub fn calls(&self, name: &str) -> u64 {
        self.calls.get(name).copied().unwrap_or_default()
    }

    /// A session by its id.
    pub fn session(&self, session_id: &str) -> Option<&SessionState> {
        self.sessions.iter().find(|session| session.session_id == session_id)
    }
}

impl SessionState {
    /// The texts one author wrote, in order.
    pub fn texts(&self, author: Author) -> Vec<&str> {
        let by = self.messages.iter().filter(|message| message.author == author);
        by.map(|message| message.text.as_str()).collect()
    }
}

impl Service {
    /// What the service knows at a moment.
    pub fn state(&mut self, now: Millis) -> State {
        self.tick(now);
        let visitor_id = |index: super::ids::VisitorIndex| self.world.visitors[index.0].visitor_id.clone();
        let visitors = self.world.visitors.iter().map(|visitor| VisitorState {
            door: visitor.door,
            visitor_id: visitor.visitor_id.clone(),
            user_id: visitor.user_id.clone(),
            mind_id: visitor.mind_id.to_string(),
            name: visitor.name.clone(),
            share_code: self
                .settings
                .avatars
                .get(visitor.avatar)
                .map(|one| one.share_code.clone())
                .unwrap_or_default(),
        });
        let mut sessions: Vec<_> = self.world.sessions.iter().collect();
        sessions.sort_by_key(|(_, session)| session.number);
        let sessions = sessions.into_iter().map(|(id, session)| SessionState {
            session_id: id.clone(),
            visitor_id: visitor_id(session.visitor),
            bound: session.bound,
            owner_is_member: session.owner_is_member,
            taken_over: session.takeover.is_some(),
            closed: session.closed,
            busy: session.playing.is_some(),
            forgotten: session.forgotten(),
            messages: session
                .messages
                .iter()
                .map(|message| MessageState {
                    author: message.author,
                    message_id: message.message_id.clone(),
                    text: message.text.clone(),
                    timestamp: message.at.0,
                })
                .collect(),
        });
        let sockets = self.world.sockets.values().map(|socket| SocketState {
            ws_id: socket.ws_id.clone(),
            visitor_id: visitor_id(socket.visitor),
            connected: socket.connected.0,
            pings: socket.pings,
            longest_silence: socket.silence(self.now).0,
            acks: socket.acks,
            rejected: socket.rejected,
            pushed: socket.pushed,
        });
        State {
            now: self.now.0,
            calls: self.counts.calls(),
            failures: self.counts.failures(),
            visitors: visitors.collect(),
            sessions: sessions.collect(),
            sockets: sockets.collect(),
        }
    }
}
