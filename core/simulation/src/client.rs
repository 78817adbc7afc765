//! One client: a machine, and a log of all that it did.

use std::collections::{BTreeMap, VecDeque};

use secondme_avatar_emulator::service::CloseHow;
use secondme_avatar_protocol::{
    Author, Error, Event, EventKind, Generation, Machine, Millis, Outcome, Output, Text, Ticket,
};

use crate::disk::Disk;

/// Names one client of a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(pub usize);

/// One machine, driven.
#[derive(Debug)]
pub struct Client {
    /// The machine. Inputs go through the world.
    pub machine: Machine,
    /// What it did.
    pub log: Log,
    /// What it has kept.
    pub disk: Disk,
    /// Which of the settings' keys it has.
    pub key: usize,
    /// What came while nothing was read, in order: frames, and how a socket was closed.
    pub(crate) unread: VecDeque<(Generation, Result<String, CloseHow>)>,
    pub(crate) reading: bool,
    /// The newest socket.
    pub(crate) generation: Generation,
    /// It was cut off, as a process that was killed: nothing reaches it any more.
    pub(crate) gone: bool,
    /// It has asked for a permit to connect.
    pub(crate) awaits_permit: bool,
    /// How often it has given its slot back: a permit that was asked for before comes too late.
    pub(crate) released: u64,
    /// When the service knows that its last socket is closed.
    pub(crate) closes_at: Millis,
    /// When it is to be woken next.
    pub(crate) wakes_at: Option<Millis>,
}

/// What a client did, with the moment of each.
#[derive(Debug, Default)]
pub struct Log {
    /// The events.
    pub events: Vec<(Millis, Event)>,
    /// The pieces of asks.
    pub pieces: Vec<(Ticket, Author, Text)>,
    /// How its commands ended.
    pub answers: BTreeMap<Ticket, (Millis, Result<Outcome, Error>)>,
    /// The frames it sent.
    pub frames: Vec<(Millis, Generation, String)>,
    /// When it wanted a socket.
    pub connects: Vec<Millis>,
    /// How many commands were given.
    pub given: u64,
    /// When its record changed.
    pub remembered: Vec<Millis>,
}

impl Log {
    /// The tickets of all commands that were given, as far as is known: they are counted from 1.
    pub(crate) fn given(&self) -> impl Iterator<Item = Ticket> {
        (1..=self.given).map(Ticket)
    }
}

impl Client {
    pub(crate) fn new(machine: Machine, key: usize) -> Self {
        Self {
            machine,
            log: Log::default(),
            disk: Disk::default(),
            key,
            unread: VecDeque::new(),
            reading: true,
            generation: Generation(0),
            gone: false,
            awaits_permit: false,
            released: 0,
            closes_at: Millis::default(),
            wakes_at: None,
        }
    }

    /// Whether it was cut off.
    pub fn is_gone(&self) -> bool {
        self.gone
    }

    /// Takes the next output, logged, after checking what must always hold.
    pub(crate) fn output(&mut self, now: Millis, was_closed: bool) -> Option<Output> {
        let output = self.machine.poll()?;
        assert!(!was_closed, "a closed machine has put out {output:?}");
        match &output {
            Output::Event(event) => self.log.events.push((now, event.clone())),
            Output::Piece(ticket, author, text) => self.log.pieces.push((*ticket, *author, text.clone())),
            Output::Resolved(ticket, result) => {
                let before = self.log.answers.insert(*ticket, (now, result.clone()));
                assert!(before.is_none(), "{ticket:?} was answered twice: {before:?}, then {result:?}");
            }
            Output::SocketSend { generation, text } => self.log.frames.push((now, *generation, text.clone())),
            Output::SocketOpen { generation, .. } => {
                self.generation = *generation;
                self.log.connects.push(now);
            }
            Output::SaveRecord => self.log.remembered.push(now),
            Output::Quota(_)
            | Output::Token { .. }
            | Output::Credentials { .. }
            | Output::Http(_)
            | Output::Abandon(_)
            | Output::SocketClose(_)
            | Output::SaveMessage(_)
            | Output::ForgetMessage(_)
            | Output::Held(..)
            | Output::ConnectPermit
            | Output::SlotReleased
            | Output::QuotaUsedUp(_) => {}
        }
        Some(output)
    }

    /// What happened, without the moments.
    pub fn kinds(&self) -> impl Iterator<Item = &EventKind> {
        self.log.events.iter().map(|(_, event)| &event.kind)
    }

    /// The texts of all whole replies, by the avatar and by its owner, in order.
    pub fn replies(&self) -> Vec<(Author, &str)> {
        fn said(kind: &EventKind) -> Option<(Author, &str)> {
            match kind {
                EventKind::Reply(reply) | EventKind::OwnerReply(reply) => {
                    Some((reply.author, reply.text.as_str()))
                }
                _ => None,
            }
        }
        self.kinds().filter_map(said).collect()
    }

    /// When it pinged.
    pub fn pings(&self) -> Vec<(Millis, Generation)> {
        let ping = |(at, generation, text): &(Millis, Generation, String)| {
            text.contains("\"ping\"").then_some((*at, *generation))
        };
        self.log.frames.iter().filter_map(ping).collect()
    }
}
