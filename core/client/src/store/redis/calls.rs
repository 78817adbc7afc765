//! Processes that share the store: who has a visitor, and a stream of letters for each.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::{Connection, RedisError, Script, ScriptInvocation, cmd};
use secondme_avatar_protocol::VisitorId;

use super::errors::{self, Operation};
use super::session::Session;
use crate::peers::{Fate, Held, Holder, Incoming, Letter, Outgoing, ProcessId, Received, Routes};
use crate::store::AvatarRef;
use crate::store::error::StoreError;
use crate::store::rows::{Rows, Unreadable};

/// How many letters, and how many bytes, a process may have unread.
const UNREAD: (u32, u32) = (10_000, 16 * 1024 * 1024);

/// How many letters are read, or deleted, in one step.
const AT_ONCE: usize = 500;

/// How often leases are looked at while letters come.
const LOOK: Duration = Duration::from_millis(250);

/// For how long a process counts as alive after it has looked for letters.
const ALIVE: Duration = Duration::from_secs(15);

/// A stream's name, and of each of its entries the id, a field's name and its value.
type Stream = (String, Vec<(String, Vec<String>)>);

pub(super) struct RedisRoutes {
    session: Arc<Session>,
    rows: Arc<Rows>,
    process: u32,
}

impl RedisRoutes {
    pub(super) fn new(session: Arc<Session>, rows: Arc<Rows>) -> Self {
        Self { session, rows, process: std::process::id() }
    }

    /// Fails in a forked child: there, the connection is the parent's.
    fn session(&self) -> Result<&Session, StoreError> {
        if self.process == std::process::id() {
            Ok(&self.session)
        } else {
            Err(errors::forked(self.session.address()))
        }
    }
}

impl Routes for RedisRoutes {
    fn hold(&self, avatar: &AvatarRef, visitor: &VisitorId, me: &ProcessId) -> Result<Held, StoreError> {
        let (session, name) = (self.session()?, avatar.to_string());
        let answer: Vec<Vec<u8>> = session.write(&session.scripts.hold, &|invocation| {
            invocation.arg(&name).arg(visitor.as_str()).arg(me);
        })?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let [owner, process, messages @ ..] = &answer[..] else {
            return Err(errors::strange(session.address()));
        };
        if !owner.is_empty() {
            return Ok(Held::There(Holder { process: text(process), lease: text(owner) }));
        }
        session.note_claimed(avatar, std::slice::from_ref(visitor));
        let mut kept = Vec::new();
        for stored in messages.chunks_exact(3) {
            let place: u64 = text(&stored[0]).parse().unwrap_or(u64::MAX);
            match Unreadable::of(self.rows.read_message(&stored[2], visitor.as_str()))? {
                Ok((_, message)) => kept.push((place, message)),
                Err(unreadable) => tracing::warn!(
                    target: "secondme_avatar::store", store = %session.address(), %visitor,
                    "a kept message cannot be read, and stays where it is: {unreadable}"
                ),
            }
        }
        kept.sort_by_key(|(place, _)| *place);
        let messages = kept.into_iter().map(|(_, message)| message).collect();
        Ok(Held::Here { messages, guests: text(process).parse().unwrap_or_default() })
    }

    fn lost(&self, avatar: &AvatarRef, visitors: &[VisitorId]) -> Result<Vec<VisitorId>, StoreError> {
        let (session, name) = (self.session()?, avatar.to_string());
        let mut lost = Vec::new();
        for some in visitors.chunks(AT_ONCE) {
            let names: Vec<String> = session.read(&session.scripts.lost, &|invocation| {
                invocation.arg(&name);
                some.iter().for_each(|visitor| {
                    invocation.arg(visitor.as_str());
                });
            })?;
            lost.extend(names.iter().filter_map(|name| name.parse::<VisitorId>().ok()));
        }
        Ok(lost)
    }

    fn lease(&self) -> String {
        self.session.lease()
    }

    fn seal(&self, text: String) -> Result<String, StoreError> {
        self.rows.write_letter(text)
    }

    fn unseal(&self, text: &str) -> Result<String, StoreError> {
        self.rows.read_letter(text).map_err(|unreadable| {
            StoreError::new(format!("a letter of another process cannot be read: {unreadable}"))
        })
    }

    fn outgoing(&self) -> Box<dyn Outgoing> {
        Box::new(Line::new(&self.session, String::new()))
    }

    fn incoming(&self, me: &ProcessId) -> Box<dyn Incoming> {
        Box::new(Line::new(&self.session, me.clone()))
    }
}

impl fmt::Debug for RedisRoutes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisRoutes")
    }
}

/// A connection beside the store's own.
struct Line {
    session: Arc<Session>,
    connection: Option<Connection>,
    process: ProcessId,
    /// The last letter that was read, and those that are to be deleted, with their bytes.
    last: String,
    read: Vec<String>,
    bytes: usize,
    /// When leases were last looked at.
    looked: Instant,
}

impl Line {
    fn new(session: &Arc<Session>, process: ProcessId) -> Self {
        let (session, last) = (Arc::clone(session), "0".to_owned());
        Self { session, connection: None, process, last, read: Vec::new(), bytes: 0, looked: Instant::now() }
    }

    fn act<T>(
        &mut self,
        act: impl FnOnce(&Session, &mut Connection) -> Result<T, RedisError>,
    ) -> Result<T, StoreError> {
        let done = match self.connection.take() {
            Some(connection) => Ok(connection),
            None => self.session.connect(),
        };
        let done = done.and_then(|mut connection| {
            let answer = act(&self.session, &mut connection)?;
            Ok((connection, answer))
        });
        match done {
            Ok((connection, answer)) => {
                self.connection = Some(connection);
                Ok(answer)
            }
            Err(error) => {
                self.session.follow(&error);
                Err(self.session.store_error(Operation::Save, error))
            }
        }
    }

    fn run<T: redis::FromRedisValue>(
        &mut self,
        script: impl Fn(&Session) -> &Script,
        arguments: impl Fn(&mut ScriptInvocation<'_>),
    ) -> Result<T, StoreError> {
        self.act(|session, connection| {
            let mut invocation = session.invocation(script(session), &session.lease());
            arguments(&mut invocation);
            invocation.invoke(connection)
        })
    }

    fn stream(&self) -> String {
        self.session.key(&format!("process:{}", self.process))
    }
}

impl Outgoing for Line {
    fn send(&mut self, letters: &[Letter]) -> Result<Vec<Fate>, StoreError> {
        let fates: Vec<u8> = self.run(
            |session| &session.scripts.post,
            |invocation| {
                invocation.arg(UNREAD.0).arg(UNREAD.1);
                for letter in letters {
                    invocation
                        .arg(&letter.to)
                        .arg(letter.lease.as_deref().unwrap_or_default())
                        .arg(&letter.text);
                }
            },
        )?;
        let fate = |fate| match fate {
            0 => Fate::Gone,
            1 => Fate::Delivered,
            _ => Fate::Full,
        };
        Ok(fates.into_iter().map(fate).collect())
    }
}

impl Incoming for Line {
    fn receive(&mut self, wait: Duration, listens: bool, watched: &[String]) -> Result<Received, StoreError> {
        let (process, bytes) = (self.process.clone(), self.bytes);
        let read = std::mem::take(&mut self.read);
        let alive = u64::try_from(ALIVE.as_millis()).unwrap_or(u64::MAX);
        // What could not be deleted expires with the stream.
        self.bytes = 0;
        let listeners = self.run(
            |session| &session.scripts.read,
            |invocation| {
                invocation.arg(&process).arg(alive).arg(u8::from(listens)).arg(bytes);
                read.iter().for_each(|id| {
                    invocation.arg(id);
                });
            },
        )?;
        let (stream, last) = (self.stream(), self.last.clone());
        let wait = u64::try_from(wait.as_millis()).unwrap_or(1).max(1);
        let reply: Option<Vec<Stream>> = self.act(|_, connection| {
            let mut read = cmd("XREAD");
            read.arg("COUNT").arg(AT_ONCE).arg("BLOCK").arg(wait).arg("STREAMS").arg(&stream).arg(&last);
            read.query(connection)
        })?;
        let mut received = Received { listeners, ..Received::default() };
        for (id, mut fields) in reply.into_iter().flatten().flat_map(|(_, entries)| entries) {
            let text = fields.pop().unwrap_or_default();
            self.bytes += text.len();
            self.last.clone_from(&id);
            self.read.push(id);
            received.letters.push(text);
        }
        if !watched.is_empty() && (received.letters.is_empty() || self.looked.elapsed() > LOOK) {
            self.looked = Instant::now();
            let alive: Vec<bool> = self.act(|session, connection| {
                let mut all = redis::pipe();
                watched.iter().for_each(|lease| {
                    all.exists(session.key(&format!("owner:{lease}")));
                });
                all.query(connection)
            })?;
            let ended = watched.iter().zip(alive).filter(|(_, alive)| !alive);
            received.ended = ended.map(|(lease, _)| lease.clone()).collect();
        }
        Ok(received)
    }

    fn leave(&mut self) {
        let (stream, listeners, process) =
            (self.stream(), self.session.key("listeners"), self.process.clone());
        // Otherwise they expire.
        drop(self.act(|_, connection| {
            redis::pipe()
                .del(&[&stream, &format!("{stream}:alive"), &format!("{stream}:bytes")])
                .srem(&listeners, &process)
                .exec(connection)
        }));
    }
}
