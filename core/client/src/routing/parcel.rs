//! What processes write to each other, as it stands in the store: JSON, with the number of its form.

use secondme_avatar_protocol::{
    Author, Command, ConversationKey, Error, Event, EventKind, Machine, MessageId, Outcome, SessionId, State,
    Text, Visitor, VisitorId,
};
use serde::{Deserialize, Serialize};

use crate::peers::ProcessId;

/// The form that is written, and the only one that is read.
pub(super) const FORM: u32 = 3;

/// A letter's text.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Envelope {
    #[serde(rename = "v")]
    pub(super) form: u32,
    pub(super) from: ProcessId,
    /// Counts the letters from this process to that one. One that comes twice is read once.
    #[serde(rename = "n")]
    pub(super) number: u64,
    /// The lease under which the reader is to have the visitor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) lease: Option<String>,
    pub(super) parcel: Parcel,
}

/// What one process tells another.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Parcel {
    /// To the holder: the visitor is open here as well, and the events of the conversations are wanted. All calls of this
    /// round were given before.
    Attach { visitor: Visitor, round: u64 },
    /// To the holder: not any more.
    Detach { visitor: VisitorId },
    /// To the holder.
    Call(Box<Call>),
    /// To the holder: the answer to this call is not wanted any more.
    Cancel { call: u64 },
    /// From the holder: how the conversations stand.
    View { visitor: VisitorId, view: Box<View> },
    /// From the holder: the next piece of the reply to this call.
    Piece { call: u64, visitor: VisitorId, author: Author, text: Text },
    /// From the holder.
    Answer { call: u64, visitor: VisitorId, result: Result<Outcome, Error> },
    /// From the holder, of the visitors who are open there, and of all where the process listens to all.
    Events { events: Vec<Event> },
    /// From one that has the visitor no more, or never had. Calls without an answer are to be given again.
    NotHere { visitor: VisitorId },
}

/// A command for a visitor whom another process has.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Call {
    /// Names it among the calls of its process.
    pub(super) number: u64,
    /// A process gives all its calls anew, in order, each time it has found the holder.
    pub(super) round: u64,
    pub(super) visitor: VisitorId,
    pub(super) command: Command,
    pub(super) message: Option<MessageId>,
    /// It was given to another process before, or to this one.
    pub(super) again: bool,
}

/// How a visitor's conversations stand, as far as a program asks without waiting.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct View {
    pub(crate) opening: Text,
    pub(crate) avatar_name: String,
    conversations: Vec<ViewOfOne>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct ViewOfOne {
    key: ConversationKey,
    state: State,
    session: Option<SessionId>,
    taken_over: bool,
}

impl View {
    /// A conversation that is being opened, of which nothing is known yet.
    pub(super) fn begun() -> Self {
        let mut view = Self::default();
        view.open(ConversationKey::FIRST);
        view
    }

    /// What is left of it when another process has the visitor.
    pub(super) fn of_first(machine: &Machine) -> Self {
        let mut view = Self::of(machine);
        view.conversations.retain(|one| one.key == ConversationKey::FIRST);
        view
    }

    pub(super) fn of(machine: &Machine) -> Self {
        let one = |key| ViewOfOne {
            key,
            state: machine.state(key),
            session: machine.session_id(key),
            taken_over: machine.taken_over(key),
        };
        Self {
            opening: machine.opening().cloned().unwrap_or_default(),
            avatar_name: machine.avatar_name().unwrap_or_default().to_owned(),
            conversations: machine.conversations().into_iter().map(one).collect(),
        }
    }

    /// Notes what an event tells.
    pub(super) fn note(&mut self, event: &Event) {
        let Some(key) = event.conversation else { return };
        if matches!(event.kind, EventKind::Closed { .. }) {
            self.conversations.retain(|one| one.key != key);
            return;
        }
        if let EventKind::Opened { opening, .. } = &event.kind {
            self.opening.clone_from(opening);
        }
        let one = self.one(key);
        match &event.kind {
            EventKind::StateChanged { to, .. } => one.state = *to,
            EventKind::TakenOver => one.taken_over = true,
            EventKind::HandedBack => one.taken_over = false,
            _ => {}
        }
        if event.session_id.is_some() {
            one.session.clone_from(&event.session_id);
        }
    }

    pub(crate) fn state(&self, key: ConversationKey) -> State {
        self.get(key).map_or(State::Closed, |one| one.state)
    }

    pub(super) fn has(&self, key: ConversationKey) -> bool {
        self.get(key).is_some()
    }

    pub(crate) fn session_id(&self, key: ConversationKey) -> Option<SessionId> {
        self.get(key)?.session.clone()
    }

    pub(crate) fn taken_over(&self, key: ConversationKey) -> bool {
        self.get(key).is_some_and(|one| one.taken_over)
    }

    /// This conversation is asked for.
    pub(super) fn open(&mut self, key: ConversationKey) {
        self.one(key);
    }

    fn one(&mut self, key: ConversationKey) -> &mut ViewOfOne {
        let at = self.conversations.iter().position(|one| one.key == key);
        let at = at.unwrap_or_else(|| {
            self.conversations.push(ViewOfOne {
                key,
                state: State::Opening,
                session: None,
                taken_over: false,
            });
            self.conversations.len() - 1
        });
        &mut self.conversations[at]
    }

    fn get(&self, key: ConversationKey) -> Option<&ViewOfOne> {
        self.conversations.iter().find(|one| one.key == key)
    }
}

impl Parcel {
    /// Whom it is about, where it says so.
    pub(super) fn visitor(&self) -> Option<&VisitorId> {
        match self {
            Self::Attach { visitor, .. } => Some(visitor.id()),
            Self::Call(call) => Some(&call.visitor),
            Self::Detach { visitor }
            | Self::View { visitor, .. }
            | Self::Piece { visitor, .. }
            | Self::Answer { visitor, .. }
            | Self::NotHere { visitor } => Some(visitor),
            Self::Cancel { .. } | Self::Events { .. } => None,
        }
    }
}
