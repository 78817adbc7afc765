//! Which process has a visitor, and letters between the processes.

use std::fmt;
use std::time::Duration;

use secondme_avatar_protocol::{KeptMessage, VisitorId};

use crate::store::{AvatarRef, StoreError};

/// The name of a process that can be written to. It has a new one each time it starts.
pub(crate) type ProcessId = String;

/// By which processes find the one that has a visitor, and reach each other. Its calls block.
pub(crate) trait Routes: fmt::Debug + Send + Sync {
    /// Takes the visitor for this process, unless a live one has them.
    fn hold(&self, avatar: &AvatarRef, visitor: &VisitorId, me: &ProcessId) -> Result<Held, StoreError>;

    /// Those of these visitors whom another process has taken since.
    fn lost(&self, avatar: &AvatarRef, visitors: &[VisitorId]) -> Result<Vec<VisitorId>, StoreError>;

    /// The lease under which this process holds its visitors at present.
    fn lease(&self) -> String;

    /// Encrypts a text as the store's rows are, where there is a seal.
    fn seal(&self, text: String) -> Result<String, StoreError>;

    /// Reads what [`seal`](Self::seal) has made, in any process.
    fn unseal(&self, text: &str) -> Result<String, StoreError>;

    /// A connection to write letters over.
    fn outgoing(&self) -> Box<dyn Outgoing>;

    /// A connection to read this process's letters over.
    fn incoming(&self, me: &ProcessId) -> Box<dyn Incoming>;
}

/// Who has a visitor.
#[derive(Debug)]
pub(crate) enum Held {
    /// This process.
    Here {
        /// The visitor's unsent messages.
        messages: Vec<KeptMessage>,
        /// How many live processes have the visitor open as well. Each of them will say so to this one.
        guests: usize,
    },
    There(Holder),
}

/// The process that has a visitor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) process: ProcessId,
    /// A call is for the holder under this lease, and under no later one.
    pub(crate) lease: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) to: ProcessId,
    /// It is not delivered where this lease has run out.
    pub(crate) lease: Option<String>,
    pub(crate) text: String,
}

/// What became of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Delivered,
    /// The process is gone.
    Gone,
    /// The process has not read what it was sent, and there is no room for more.
    Full,
}

pub(crate) trait Outgoing: Send {
    /// Delivers letters in order. On an error any number of the first ones may have been delivered.
    fn send(&mut self, letters: &[Letter]) -> Result<Vec<Fate>, StoreError>;
}

pub(crate) trait Incoming: Send {
    /// Waits so long for letters, shows that this process lives and whether it listens to all visitors' events, and looks
    /// for leases that have run out.
    fn receive(&mut self, wait: Duration, listens: bool, watched: &[String]) -> Result<Received, StoreError>;

    /// The letters are not wanted any more: the process ends.
    fn leave(&mut self);
}

#[derive(Debug, Default)]
pub(crate) struct Received {
    /// Those that have come, in order. They are gone from the store with the next call.
    pub(crate) letters: Vec<String>,
    /// The other processes that listen to all visitors' events.
    pub(crate) listeners: Vec<ProcessId>,
    /// Those of the watched leases that have run out.
    pub(crate) ended: Vec<String>,
}
