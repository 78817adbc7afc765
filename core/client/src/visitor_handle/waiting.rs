//! Commands, and who waits for their answers.

use std::sync::Arc;
use std::time::Duration;

use secondme_avatar_protocol::{Command, ConversationKey, Error, MessageId, Millis, Outcome};
use tokio::sync::oneshot;

use super::Closes;
use crate::pieces::Pieces;
use crate::routing::PeerCall;

/// The receiver of a ticket's answer.
#[derive(Debug)]
pub(crate) enum Waiting {
    Once(oneshot::Sender<Result<Outcome, Error>>),
    Pieces(Arc<Pieces>),
    /// In another process.
    Peer(Box<PeerCall>),
}

/// A command, and the id under which its message is to go out, where the caller has chosen one.
pub(crate) struct Wanted {
    pub(crate) command: Command,
    pub(crate) message_id: Option<MessageId>,
}

impl From<Command> for Wanted {
    fn from(command: Command) -> Self {
        Self { command, message_id: None }
    }
}

/// A command that is under way, kept in case that another process takes the visitor.
#[derive(Debug)]
pub(crate) struct Kept {
    command: Command,
    message_id: Option<MessageId>,
    deadline: Option<Millis>,
}

impl Kept {
    pub(super) fn new(now: Millis, wanted: &Wanted) -> Self {
        let (mut command, message_id) = (wanted.command.clone(), wanted.message_id.clone());
        let deadline = deadline_mut(&mut command).map(|deadline| now + *deadline);
        Self { command, message_id, deadline }
    }

    pub(super) fn is_of_first(&self) -> bool {
        conversation_of(&self.command).is_none_or(|key| key == ConversationKey::FIRST)
    }

    /// The command with what is left of its time.
    pub(super) fn wanted(mut self, now: Millis) -> Wanted {
        if let (Some(until), Some(deadline)) = (self.deadline, deadline_mut(&mut self.command)) {
            *deadline = until.since(now);
        }
        Wanted { command: self.command, message_id: self.message_id }
    }
}

/// Whether it says something, and so has a message id.
pub(crate) fn says(command: &Command) -> bool {
    matches!(command, Command::Send { .. } | Command::SendDurable { .. } | Command::Ask { .. })
}

/// Which conversation it is for; `None`: for all of the visitor's.
pub(crate) fn conversation_of(command: &Command) -> Option<ConversationKey> {
    match command {
        Command::Open { conversation, .. }
        | Command::Send { conversation, .. }
        | Command::SendDurable { conversation, .. }
        | Command::Ask { conversation, .. }
        | Command::History { conversation, .. }
        | Command::Close { conversation, .. } => Some(*conversation),
        Command::Pause | Command::Resume | Command::NetworkChanged => None,
    }
}

pub(crate) fn deadline_mut(command: &mut Command) -> Option<&mut Duration> {
    match command {
        Command::Open { deadline, .. }
        | Command::Send { deadline, .. }
        | Command::SendDurable { deadline, .. }
        | Command::Ask { deadline, .. }
        | Command::History { deadline, .. }
        | Command::Close { deadline, .. } => Some(deadline),
        Command::Pause | Command::Resume | Command::NetworkChanged => None,
    }
}

impl Waiting {
    pub(crate) fn resolve(self, result: Result<Outcome, Error>) {
        match self {
            // The caller may have given up in this moment.
            Self::Once(sender) => drop(sender.send(result)),
            Self::Pieces(pieces) => pieces.finish(result),
            Self::Peer(call) => {
                call.answer(result, None, Closes::Here);
            }
        }
    }
}
