//! The open store's place in Redis: its connection, and the lease that shows that it is alive.

mod lease;

use std::collections::HashSet;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use redis::{
    Connection, ConnectionLike as _, FromRedisValue, RedisError, Script, ScriptInvocation, ToRedisArgs, cmd,
};
use secondme_avatar_protocol::VisitorId;

use self::lease::keep_lease;
use super::address::Address;
use super::errors::{self, Operation, redis_error};
use super::link::{ANSWER, Link};
use super::scripts::Scripts;
use crate::store::AvatarRef;
use crate::store::error::StoreError;

/// How long an owner counts as alive after it was last heard of.
const LEASE: Duration = Duration::from_secs(9);

/// How long a call goes on trying while Redis cannot be reached. After a call that failed, the next one tries once.
const PATIENCE: Duration = Duration::from_secs(5);

/// The waits between the attempts of a call: the first, and the longest.
const WAITS: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// How often a call is sent to another node, or under a new lease.
const TURNS: u32 = 5;

/// The form in which the keys are written.
const FORM: u32 = 1;

pub(super) struct Session {
    pub(super) scripts: Scripts,
    link: Link,
    state: Mutex<State>,
    /// A random text that no other store ever has: the token that every write shows. One whose lease has run out is never
    /// used again.
    owner: Mutex<String>,
}

struct State {
    connection: Option<Connection>,
    /// The last call could not reach Redis.
    is_away: bool,
    /// The store is closed: no lease is taken any more.
    is_closed: bool,
    /// Which data these are: another number means that Redis has lost those that there were.
    data: String,
    /// The avatars that this store has written to.
    avatars: HashSet<AvatarRef>,
    /// Whom this store has claimed, and not released.
    claimed: HashSet<(AvatarRef, VisitorId)>,
}

/// The arguments of a script, after those that all have.
pub(super) type Arguments<'a> = dyn Fn(&mut ScriptInvocation<'_>) + 'a;

impl Session {
    /// Connects, checks the server, takes a lease, and renews it on a thread of its own until the sender is dropped.
    pub(super) fn open(address: Address) -> Result<(Arc<Self>, mpsc::Sender<()>), StoreError> {
        let link = Link::new(address)?;
        let failed = |error| redis_error(&link.address, Operation::Open, error);
        let mut connection = link.connect().map_err(failed)?;
        link.check(&mut connection)?;
        let session = Arc::new(Self {
            scripts: Scripts::default(),
            link,
            owner: Mutex::default(),
            state: Mutex::new(State {
                connection: Some(connection),
                is_away: false,
                is_closed: false,
                data: String::new(),
                avatars: HashSet::new(),
                claimed: HashSet::new(),
            }),
        });
        let entered = session.enter(&mut session.lock());
        entered.map_err(|error| session.store_error(Operation::Open, error))?;
        session.check_form()?;
        let (sender, receiver) = mpsc::channel();
        let weak = Arc::downgrade(&session);
        thread::Builder::new()
            .name("secondme-lease".to_owned())
            .spawn(move || keep_lease(&weak, &receiver))
            .map_err(|error| {
                StoreError::new("no thread could be started for the lease of the store").caused_by(error)
            })?;
        Ok((session, sender))
    }

    pub(super) fn address(&self) -> &Address {
        &self.link.address
    }

    /// Runs a script that changes nothing.
    pub(super) fn read<T: FromRedisValue>(
        &self,
        script: &Script,
        arguments: &Arguments<'_>,
    ) -> Result<T, StoreError> {
        self.run(Operation::Read, &mut self.lock(), script, arguments)
    }

    /// Runs a script that may change something. Returns when as many replicas have it as the URL says.
    pub(super) fn write<T: FromRedisValue>(
        &self,
        script: &Script,
        arguments: &Arguments<'_>,
    ) -> Result<T, StoreError> {
        let mut state = self.lock();
        let answer = self.run(Operation::Save, &mut state, script, arguments)?;
        self.wait_for_replicas(&mut state)?;
        Ok(answer)
    }

    /// Sends a command that changes nothing, or that may be sent twice.
    pub(super) fn command<T: FromRedisValue>(
        &self,
        operation: Operation,
        name: &str,
        arguments: &[&[u8]],
    ) -> Result<T, StoreError> {
        let mut command = cmd(name);
        arguments.iter().for_each(|argument| {
            command.arg(*argument);
        });
        let mut state = self.lock();
        let answer = self.patiently(&mut state, |_, connection| command.query(connection));
        answer.map_err(|error| self.store_error(operation, error))
    }

    /// Does something over a connection of the caller's own, which the calls of the store do not wait for. It is made
    /// when it is needed. A connection that has been lost since its last use is made once more.
    pub(super) fn apart<T>(
        &self,
        own: &Mutex<Option<Connection>>,
        act: impl Fn(&Self, &mut Connection) -> Result<T, RedisError>,
    ) -> Result<T, RedisError> {
        let mut own = own.lock().unwrap_or_else(PoisonError::into_inner);
        let mut turns = 0;
        loop {
            let (mut connection, is_old) = match own.take() {
                Some(connection) => (connection, true),
                None => (self.link.connect()?, false),
            };
            let answer = act(self, &mut connection);
            let Err(error) = &answer else {
                *own = Some(connection);
                return answer;
            };
            turns += 1;
            let again = self.link.follow(error) || errors::is_lost(error) && is_old && !error.is_timeout();
            if !errors::is_lost(error) && !again {
                *own = Some(connection);
            }
            if !again || turns >= TURNS {
                return answer;
            }
        }
    }

    /// The key that all others lie beside, after the prefix.
    pub(super) fn key(&self, rest: &str) -> String {
        format!("{}{rest}", self.address().prefix)
    }

    pub(super) fn note_used(&self, avatar: &AvatarRef) {
        self.lock().avatars.insert(*avatar);
    }

    pub(super) fn note_claimed(&self, avatar: &AvatarRef, visitors: &[VisitorId]) {
        let mut state = self.lock();
        state.avatars.insert(*avatar);
        state.claimed.extend(visitors.iter().map(|visitor| (*avatar, visitor.clone())));
    }

    pub(super) fn note_released(&self, avatar: &AvatarRef, visitors: &[VisitorId]) {
        let mut state = self.lock();
        for visitor in visitors {
            state.claimed.remove(&(*avatar, visitor.clone()));
        }
    }

    pub(super) fn has_claimed(&self, avatar: &AvatarRef, visitor: &VisitorId) -> bool {
        self.lock().claimed.contains(&(*avatar, visitor.clone()))
    }

    /// The lease that every write shows at present.
    pub(super) fn lease(&self) -> String {
        self.owner().clone()
    }

    /// A connection beside that of the calls.
    pub(super) fn connect(&self) -> Result<Connection, RedisError> {
        self.link.connect()
    }

    /// A connection that is used beside it has got this error.
    pub(super) fn follow(&self, error: &RedisError) {
        self.link.follow(error);
    }

    /// Gives the lease back, if Redis can be reached at once.
    pub(super) fn leave(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        let connection = state.connection.take().filter(|connection| connection.is_open());
        if let Some(mut connection) = connection {
            // Otherwise it runs out by itself.
            let _ = cmd("DEL").arg(self.owner_key(&self.owner())).exec(&mut connection);
        }
    }

    /// In a forked child: what the parent has is left alone.
    pub(super) fn abandon(&self) {
        if let Ok(mut state) = self.state.try_lock() {
            state.is_closed = true;
            std::mem::forget(state.connection.take());
        }
    }

    fn run<T: FromRedisValue>(
        &self,
        operation: Operation,
        state: &mut State,
        script: &Script,
        arguments: &Arguments<'_>,
    ) -> Result<T, StoreError> {
        let answer = self.patiently(state, |session, connection| {
            let mut invocation = session.invocation(script, &session.owner());
            arguments(&mut invocation);
            invocation.invoke(connection)
        });
        answer.map_err(|error| self.store_error(operation, error))
    }

    /// Tries until it succeeds, or fails for good, or the patience is at its end.
    fn patiently<T>(
        &self,
        state: &mut State,
        act: impl Fn(&Self, &mut Connection) -> Result<T, RedisError>,
    ) -> Result<T, RedisError> {
        let until = Instant::now() + if state.is_away { Duration::ZERO } else { PATIENCE };
        let (mut wait, mut turns) = (WAITS.0, 0);
        loop {
            let mut error = match self.once(state, &act) {
                Ok(answer) => {
                    state.is_away = false;
                    return Ok(answer);
                }
                Err(error) => error,
            };
            turns += 1;
            if errors::is_fenced(&error) && turns < TURNS {
                match self.enter(state) {
                    Ok(()) => continue,
                    Err(failed) => error = failed,
                }
            }
            if turns < TURNS && self.link.follow(&error) {
                state.connection = None;
            } else if errors::is_passing(&error) && Instant::now() + wait < until {
                thread::sleep(wait);
                wait = (wait * 2).min(WAITS.1);
            } else {
                state.is_away = errors::is_passing(&error);
                return Err(error);
            }
        }
    }

    fn once<T>(
        &self,
        state: &mut State,
        act: impl Fn(&Self, &mut Connection) -> Result<T, RedisError>,
    ) -> Result<T, RedisError> {
        let mut connection = match state.connection.take() {
            Some(connection) => connection,
            None => self.link.connect()?,
        };
        let answer = act(self, &mut connection);
        if answer.as_ref().err().is_none_or(|error| !errors::is_lost(error)) {
            state.connection = Some(connection);
        }
        answer
    }

    /// Takes a new lease, and with it what belonged to the one that has run out, as far as no other store has it.
    fn enter(&self, state: &mut State) -> Result<(), RedisError> {
        let (from, owner) = (self.owner().clone(), random()?);
        let known = state.data.clone();
        let avatars: Vec<_> = state.avatars.iter().map(AvatarRef::to_string).collect();
        let claimed = state.claimed.iter().map(|(avatar, visitor)| (avatar.to_string(), visitor.to_string()));
        let claimed: Vec<_> = claimed.collect();
        let fresh = format!("{FORM} {}", random()?);
        let data: String = self.retried(state, |session, connection| {
            let mut invocation = session.invocation(&session.scripts.enter, &owner);
            invocation.arg(&from).arg(millis(LEASE)).arg(&fresh).arg(&known).arg(avatars.len()).arg(&avatars);
            for (avatar, visitor) in &claimed {
                invocation.arg(avatar).arg(visitor);
            }
            invocation.invoke(connection)
        })?;
        if !from.is_empty() {
            let (store, is_lost) = (self.address(), data != known);
            tracing::warn!(
                target: "secondme_avatar::store", %store,
                "this process was away for more than {} s, or Redis was: what other processes have taken over meanwhile \
                 stays theirs{}",
                LEASE.as_secs(),
                if is_lost { "; Redis has lost what was saved before" } else { "" }
            );
        }
        state.data = data;
        *self.owner() = owner;
        Ok(())
    }

    /// Once more where the connection is an old one.
    fn retried<T>(
        &self,
        state: &mut State,
        act: impl Fn(&Self, &mut Connection) -> Result<T, RedisError>,
    ) -> Result<T, RedisError> {
        let answer = self.once(state, &act);
        match answer {
            Err(error) if self.link.follow(&error) => {
                state.connection = None;
                self.once(state, &act)
            }
            Err(error) if errors::is_lost(&error) => self.once(state, &act),
            answer => answer,
        }
    }

    fn check_form(&self) -> Result<(), StoreError> {
        let data = self.lock().data.clone();
        let form = data.split_once(' ').and_then(|(form, _)| form.parse::<u32>().ok());
        match form {
            Some(FORM) => Ok(()),
            Some(later) => Err(StoreError::new(format!(
                "the store {} was written by a later version of this library (form {later}, this one knows {FORM}): \
                 update the library, or use another prefix",
                self.address()
            ))),
            None => Err(errors::strange(self.address())),
        }
    }

    fn wait_for_replicas(&self, state: &mut State) -> Result<(), StoreError> {
        if self.address().replicas == 0 {
            return Ok(());
        }
        let have = self.once(state, |session, connection| session.replicas_with_all(connection));
        self.check_replicas(have.map_err(|error| self.store_error(Operation::Save, error))?)
    }

    /// Waits until as many replicas as the URL says have all that this connection has written. Returns how many have it.
    pub(super) fn replicas_with_all(&self, connection: &mut Connection) -> Result<u32, RedisError> {
        match self.address().replicas {
            0 => Ok(0),
            // Less than an answer may take.
            wanted => cmd("WAIT").arg(wanted).arg(millis(ANSWER) - 1000).query(connection),
        }
    }

    /// Fails where that are too few.
    pub(super) fn check_replicas(&self, have: u32) -> Result<(), StoreError> {
        let wanted = self.address().replicas;
        if have >= wanted {
            return Ok(());
        }
        Err(StoreError::new(format!(
            "the store {} has written it, but only {have} of {wanted} replicas say that they have it too (wait in the URL): \
             try again, and see why the replicas lag behind",
            self.address()
        )))
    }

    pub(super) fn invocation<'a>(&self, script: &'a Script, owner: &str) -> ScriptInvocation<'a> {
        let mut invocation = script.prepare_invoke();
        invocation.key(self.key("seq")).arg(&self.address().prefix).arg(owner);
        invocation
    }

    fn owner_key(&self, owner: &str) -> String {
        self.key(&format!("owner:{owner}"))
    }

    pub(super) fn store_error(&self, operation: Operation, error: RedisError) -> StoreError {
        redis_error(self.address(), operation, error)
    }

    fn owner(&self) -> MutexGuard<'_, String> {
        self.owner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// 128 random bits.
pub(super) fn random() -> Result<String, RedisError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(format!("{:032x}", u128::from_le_bytes(bytes)))
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Adds arguments one by one.
pub(super) fn add(invocation: &mut ScriptInvocation<'_>, arguments: &[impl ToRedisArgs]) {
    for argument in arguments {
        invocation.arg(argument);
    }
}
