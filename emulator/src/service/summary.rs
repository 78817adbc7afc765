//! A conversation as the console lists it, and its messages page by page.

use serde::Serialize;

use super::Service;
use super::door::Door;
use super::failure::{Code, Failure};
use super::world::{Message, Session, Stage, Stream};
use crate::brain::Author;
use crate::time::Millis;

/// How much of the last message is shown, in characters.
const LAST: usize = 160;
/// How many messages a page holds, if the caller does not say, and at most.
const PAGE: usize = 100;
const PAGE_LIMIT: usize = 500;

/// A conversation in the list.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summary {
    session_id: String,
    visitor_id: String,
    name: Option<String>,
    channel: Option<String>,
    avatar: String,
    door: Door,
    created_at: u64,
    last: Option<Last>,
    messages: u64,
    /// How many of them, the first ones, are no longer kept.
    forgotten: u64,
    taken_over: bool,
    takeover_ends_at: Option<u64>,
    closed: bool,
    bound: bool,
    owner_is_member: bool,
    busy: bool,
    waiting: usize,
    sockets: usize,
    speaking: Option<Author>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Last {
    author: Author,
    text: String,
    at: u64,
}

/// A message, as far as it has been said.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Said {
    number: u64,
    pub(super) id: String,
    author: Author,
    pub(super) text: String,
    at: u64,
    /// When its first piece was said, which is where it stands among the others.
    begun_at: u64,
    pub(super) streaming: bool,
}

/// Some messages of a conversation, the oldest first.
#[derive(Debug, Serialize)]
pub(crate) struct Page {
    now: u64,
    conversation: Summary,
    messages: Vec<Said>,
    /// Before which number older ones stand.
    older: Option<u64>,
    streaming: Option<Said>,
}

impl Service {
    /// A conversation in the list; `None` if there is no such session.
    pub(super) fn summary(&self, session_id: &str) -> Option<Summary> {
        let session = self.world.sessions.get(session_id)?;
        let visitor = &self.world.visitors[session.visitor.0];
        let of_session = |id: &&super::SocketId| {
            let socket = self.world.sockets.get(id).and_then(|socket| socket.session.as_deref());
            socket.is_none_or(|of| of == session_id)
        };
        Some(Summary {
            session_id: session_id.to_owned(),
            visitor_id: visitor.visitor_id.clone(),
            name: visitor.name.clone(),
            channel: visitor.channel.clone(),
            avatar: self.settings.avatars[session.avatar].share_code.clone(),
            door: visitor.door,
            created_at: session.created.0,
            last: session.messages.back().map(|message| Last {
                author: message.author,
                text: message.text.chars().take(LAST).collect(),
                at: message.at.0,
            }),
            messages: session.noted,
            forgotten: session.forgotten(),
            taken_over: session.takeover.is_some(),
            takeover_ends_at: session.takeover.and_then(|takeover| takeover.until).map(|until| until.0),
            closed: session.closed,
            bound: session.bound,
            owner_is_member: session.owner_is_member,
            busy: session.playing.is_some(),
            waiting: session.waiting.len(),
            sockets: visitor.sockets.iter().filter(of_session).count(),
            speaking: session.being_said(self.now).map(|_| Author::Avatar),
        })
    }

    /// Messages of a session: the last `limit` ones, or those before a number.
    pub(crate) fn conversation(
        &self,
        session_id: &str,
        before: Option<u64>,
        limit: Option<usize>,
    ) -> Result<Page, Failure> {
        let missing = || Failure::new(Code::SessionNotFound, format!("there is no session `{session_id}`"));
        let conversation = self.summary(session_id).ok_or_else(missing)?;
        let session = self.world.sessions.get(session_id).ok_or_else(missing)?;
        let limit = limit.unwrap_or(PAGE).clamp(1, PAGE_LIMIT);
        let first = session.first_number();
        let end = before.unwrap_or(u64::MAX).min(session.noted + 1).max(first);
        let begin = end.saturating_sub(limit as u64).max(first);
        Ok(Page {
            now: self.now.0,
            conversation,
            messages: session.said_between(begin, end),
            older: (begin > first).then_some(begin),
            streaming: session.being_said(self.now),
        })
    }
}

impl Session {
    /// How many of its messages are no longer kept.
    pub(super) fn forgotten(&self) -> u64 {
        self.noted - self.messages.len() as u64
    }

    /// The number of the oldest message that is known.
    fn first_number(&self) -> u64 {
        self.forgotten() + 1
    }

    /// The messages from one number up to, not including, another.
    pub(super) fn said_between(&self, begin: u64, end: u64) -> Vec<Said> {
        let first = self.first_number();
        let begin = begin.max(first);
        let numbered = (begin..).zip(self.messages.iter().skip(begin.saturating_sub(first) as usize));
        let wanted = numbered.take_while(|(number, _)| *number < end);
        wanted.map(|(number, message)| Said::whole(number, message)).collect()
    }

    /// The reply that is being said, as far as its pieces have gone out.
    pub(super) fn being_said(&self, now: Millis) -> Option<Said> {
        let (id, text, begun) = match &self.playing.as_ref()?.stage {
            Stage::Streaming(stream, _) => (&stream.message_id, stream.said(), stream.begun.unwrap_or(now)),
            Stage::Live(live) => (&live.message_id, live.text.as_str(), live.begun),
            Stage::Asked(_) | Stage::Steps(_) => return None,
        };
        if text.is_empty() {
            return None;
        }
        Some(Said {
            number: self.noted + 1,
            id: id.clone(),
            author: Author::Avatar,
            text: text.to_owned(),
            at: now.0,
            begun_at: begun.0,
            streaming: true,
        })
    }
}

impl Stream {
    /// What has been said: the text without that of the pieces to come.
    fn said(&self) -> &str {
        let to_come: usize = self.beats.iter().map(|beat| beat.piece.text_bytes()).sum();
        self.text.get(..self.text.len().saturating_sub(to_come)).unwrap_or_default()
    }
}

impl Said {
    fn whole(number: u64, message: &Message) -> Self {
        Self {
            number,
            id: message.message_id.clone(),
            author: message.author,
            text: message.text.clone(),
            at: message.at.0,
            begun_at: message.begun.unwrap_or(message.at).0,
            streaming: false,
        }
    }
}
