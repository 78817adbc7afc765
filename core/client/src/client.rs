//! The client: one for each API key.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secondme_avatar_protocol::{
    Command, ConversationKey, Counters, KeptMessage, Machine, Millis, Outcome, Record, State, Visitor,
    VisitorId,
};
use tokio::sync::{Notify, OnceCell};

use crate::clock::Clock;
use crate::conversation::Conversation;
use crate::dial::Dialer;
use crate::driver::Driver;
use crate::env::{Counts, Env};
use crate::events::Events;
use crate::http::Http;
use crate::keeper::Keeper;
use crate::line::{Line, client_closed, ended, unexpected};
use crate::options::ClientBuilder;
use crate::pacer::Pacer;
use crate::places::Places;
use crate::proxy::{Proxies, Proxy};
use crate::quota::SharedQuota;
use crate::socket::Connector;
use crate::stats::Stats;
use crate::store::{AvatarRef, Known, Leftover};
use crate::tls::{Offer, Tls};
use crate::trouble::Warnings;
use crate::{BaseUrl, Error, ErrorKind, runtime, tls};

mod recover;

pub use self::recover::Recover;

/// How long the store may take, when all is closed, to write what it was given.
const STORE_PATIENCE: Duration = Duration::from_secs(5);

/// A client for one API key, that is for one avatar. Cheap to clone; all clones are the same client.
///
/// ```no_run
/// use secondme_avatar::{AvatarClient, Visitor};
///
/// # async fn example() -> Result<(), secondme_avatar::Error> {
/// let client = AvatarClient::new("sk-0123456789abcdef")?;
/// let visitor = Visitor::for_user("feishu", "ou_abc")?.name("张三");
/// let chat = client.open(visitor).await?;
/// println!("{}", chat.opening());
/// println!("{}", chat.ask("Hello, tell me about yourself").await?.text);
/// # Ok(())
/// # }
/// ```
///
/// When the last clone and the last [`Conversation`] are dropped, all its tasks end.
#[derive(Clone)]
pub struct AvatarClient {
    inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) env: Arc<Env>,
    lines: Mutex<Lines>,
    /// What earlier processes left behind has been taken over.
    adopted: OnceCell<()>,
    /// A driver has ended.
    retired: Notify,
}

#[derive(Debug, Default)]
struct Lines {
    live: HashMap<VisitorId, Arc<Line>>,
    /// What is known of visitors whose conversations are closed: the next `open` goes on there.
    records: HashMap<VisitorId, Record>,
    /// Messages that are kept, of visitors whose conversations are closed.
    leftovers: HashMap<VisitorId, Leftover>,
    /// Counted on lines that are closed.
    past: Counters,
    closed: bool,
    /// Visitors that are being opened because somebody left messages for them.
    recovering: usize,
    /// What was last told about there being visitors.
    occupied: bool,
}

impl AvatarClient {
    /// A client for this API key, with the service in production.
    pub fn new(api_key: &str) -> Result<Self, Error> {
        Self::builder(api_key)?.build()
    }

    /// A client for the API key in `SECONDME_API_KEY`, with the service at `SECONDME_BASE_URL` or in
    /// production. (A [proxy](ClientBuilder::proxy) and a [CA file](ClientBuilder::ca_file) in the environment
    /// count for every client.)
    pub fn from_env() -> Result<Self, Error> {
        Self::builder_from_env()?.build()
    }

    /// Options for a client of this API key.
    pub fn builder(api_key: &str) -> Result<ClientBuilder, Error> {
        Ok(ClientBuilder::new(api_key.parse()?))
    }

    /// Options out of `SECONDME_API_KEY` and `SECONDME_BASE_URL`.
    pub fn builder_from_env() -> Result<ClientBuilder, Error> {
        let Some(key) = std::env::var_os("SECONDME_API_KEY") else {
            let message = "SECONDME_API_KEY is not set: put the avatar's API key there, or pass it";
            return Err(Error::new(ErrorKind::Misuse, message));
        };
        let builder = Self::builder(&key.to_string_lossy())?;
        match std::env::var_os("SECONDME_BASE_URL") {
            Some(base) => Ok(builder.base_url(base.to_string_lossy().parse::<BaseUrl>()?)),
            None => Ok(builder),
        }
    }

    pub(crate) fn from_options(options: ClientBuilder) -> Result<Self, Error> {
        let user_agent = options.user_agent();
        let runtime = runtime::current()?;
        let dialer = Arc::new(Dialer {
            resolver: options.resolver,
            tls: Tls::new(tls::ca_file(options.ca_file), options.builtin_roots),
            proxies: Proxies::new(&options.proxy)?,
            user_agent,
        });
        // What is wrong with the certificates to trust is said now, where they are needed.
        if options.base.is_secure() || dialer.tls.names_ca_file() {
            dialer.tls.config(Offer::Http1)?;
        }
        let clock = Clock::start(options.wall_clock);
        let avatar = AvatarRef::new(&options.key, &options.base);
        let keeper = options.store.map(|store| Keeper::start(store, avatar)).transpose()?;
        let env = Env {
            http: Http::new(options.base.clone(), Arc::clone(&dialer), clock.clone())?,
            connector: Connector { base: options.base, dialer, allow_insecure: options.allow_insecure },
            key: options.key,
            config: options.config,
            deadlines: options.deadlines,
            queue: options.queue,
            quota: SharedQuota::new(options.quota, clock.clone()),
            places: Places::new(options.max_live, clock.clone()),
            pacer: Pacer::new(),
            warnings: Warnings::default(),
            idle_after: options.idle_after,
            clock,
            on_call: options.on_call,
            on_occupied: options.on_occupied,
            keeper,
            runtime,
            room: Arc::default(),
            counts: Counts::default(),
            mailboxes: Mutex::default(),
        };
        let inner = Inner {
            env: Arc::new(env),
            lines: Mutex::default(),
            adopted: OnceCell::new(),
            retired: Notify::new(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Opens the conversation of this visitor; await it.
    ///
    /// A visitor who has one already gets the same one, and whoever opens it at the same time joins.
    /// A visitor whose conversation was closed goes on with the same session.
    pub fn open(&self, visitor: Visitor) -> Open {
        Open { client: Arc::clone(&self.inner), visitor, deadline: self.inner.env.deadlines.open }
    }

    /// Takes up what earlier processes left behind in the [store](crate::ClientBuilder::store); await it.
    ///
    /// Opens the conversation of every visitor to whom a [durable](crate::Send::durable) message is still to be
    /// sent, with [`all`](Recover::all) of every visitor who has a session, and says who they are. It does not
    /// wait for them to be open. Messages go out as soon as their conversation is open, however long that
    /// takes; what is given up comes as an [`Unsent`](crate::EventKind::Unsent) event, so subscribe to
    /// [`events`](Self::events) first.
    ///
    /// A visitor who is opened takes up their own messages anyway. Without a store there is nothing to do.
    pub fn recover(&self) -> Recover {
        Recover::new(Arc::clone(&self.inner))
    }

    /// The visitors of whom the [store](crate::ClientBuilder::store) keeps something, each with the name, the
    /// channel and the [tag](Visitor::tag) it was last given; the one whose record was saved last first.
    /// Without a store there are none.
    ///
    /// # Errors
    ///
    /// A store that cannot be read is an error of kind [`Store`](ErrorKind::Store), one of the caller's own that
    /// does not list its visitors one of kind [`Unsupported`](ErrorKind::Unsupported).
    ///
    /// ```
    /// # use secondme_avatar::{AvatarClient, MemoryStore, Visitor};
    /// # use secondme_avatar_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::builder().start().await?;
    /// # let builder = AvatarClient::builder(emulator.api_key())?.base_url(emulator.base_url().parse()?);
    /// # let client = builder.store(MemoryStore::new()).build()?;
    /// client.open(Visitor::for_user("feishu", "ou_abc")?.tag("ou_abc")).await?;
    /// # while client.known().await?.is_empty() { tokio::task::yield_now().await; }
    /// for visitor in client.known().await? {
    ///     println!("{} is {:?} to us", visitor.id(), visitor.own_tag());
    /// }
    /// # assert_eq!(client.known().await?[0].own_tag(), Some("ou_abc"));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn known(&self) -> Result<Vec<Visitor>, Error> {
        let until = self.inner.env.clock.now() + self.inner.env.deadlines.open;
        let known = self.inner.in_time(until, self.inner.known());
        let known = runtime::with_timers(&self.inner.env.runtime, known).await?;
        Ok(known.into_iter().map(|known| known.visitor).collect())
    }

    /// Copies the [store](crate::ClientBuilder::store) into a file while it is in use: a whole store, as it
    /// stands in this moment, which another client can be given. It takes the place of an earlier copy.
    ///
    /// Only one of the two may then be used: messages that are still to be sent stand in both. A store's file
    /// is not to be copied by other means while it is open.
    ///
    /// # Errors
    ///
    /// Without a store, or with one that makes no copies of itself (such as [`MemoryStore`](crate::MemoryStore)),
    /// it is an error of kind [`Unsupported`](ErrorKind::Unsupported). It is one of kind
    /// [`Store`](ErrorKind::Store) where the file cannot be written, is in use as a store, or is anything else
    /// than a store: it is left as it is then.
    pub async fn backup(&self, to: impl AsRef<std::path::Path>) -> Result<(), Error> {
        let Some(keeper) = &self.inner.env.keeper else {
            let message = "there is no store to copy: give the client one with its option `store`";
            return Err(Error::new(ErrorKind::Unsupported, message));
        };
        keeper.backup(to.as_ref().to_owned()).await
    }

    /// Subscribes to the events of all conversations, those that are opened later too.
    pub fn events(&self) -> Events {
        let mailbox = self.inner.env.mailbox("all conversations of the client".to_owned());
        if self.inner.lock().closed {
            mailbox.end();
        }
        self.inner.env.subscriptions().push(Arc::clone(&mailbox));
        Events::new(mailbox)
    }

    /// Host and port of the [proxy](ClientBuilder::proxy) between this machine and the service; `None` if they
    /// are spoken to directly.
    pub fn proxy(&self) -> Option<&str> {
        self.inner.env.http.proxy().map(Proxy::place)
    }

    /// What has been counted so far.
    pub fn stats(&self) -> Stats {
        let env = &self.inner.env;
        let stored = env.keeper.as_ref().map(Keeper::stored).unwrap_or_default();
        let lines = self.inner.lock();
        let mut stats = Stats {
            stored_visitors: stored.visitors,
            stored_messages: stored.messages,
            visitors: lines.live.len(),
            live: env.places.held(),
            waiting_for_place: env.places.waiting(),
            waiting_for_quota: env.quota.waiting(),
            longest_quota_wait: env.quota.longest_wait(),
            events: env.counts.events.load(std::sync::atomic::Ordering::Relaxed),
            counters: lines.past,
            ..Stats::default()
        };
        for line in lines.live.values() {
            let state = line.lock();
            stats.connected += usize::from(state.machine.is_connected());
            stats.resting += usize::from(state.rests);
            stats.counters += state.machine.counters();
        }
        // The machine counts what it wants made; these never left.
        stats.counters.calls = stats.counters.calls.saturating_sub(env.places.refused());
        stats
    }

    /// Puts the client's clock forward, for tests: heartbeats, expiries, retries and deadlines that lie
    /// on the way are due at once, and what they are for is begun when this returns.
    ///
    /// A whole hour of silence can so be tested in a moment. The emulator has a clock of its own
    /// (`Emulator::advance`, or `POST /_emulator/clock`), and drops a socket that it hears nothing of:
    /// put both forward in turn, and wait for what has to travel over the socket in between.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use secondme_avatar::{AvatarClient, State, Visitor};
    /// # use secondme_avatar_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::builder().start().await?;
    /// # let builder = AvatarClient::builder(emulator.api_key())?.base_url(emulator.base_url().parse()?);
    /// # let client = builder.build()?;
    /// let chat = client.open(Visitor::for_user("web", "ada")?).await?;
    /// for pings in 1..=4 {
    ///     client.advance_clock(Duration::from_secs(15)).await;
    ///     emulator.wait_until(|state| state.sockets[0].pings >= pings).await;
    ///     emulator.advance(Duration::from_secs(15)).await;
    /// }
    /// assert_eq!(chat.state(), State::Live);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn advance_clock(&self, by: Duration) {
        let forward = self.inner.env.clock.advance(by);
        self.inner.env.quota.look_again();
        let lines: Vec<Arc<Line>> = self.inner.lock().live.values().cloned().collect();
        lines.iter().for_each(|line| line.wake.notify_one());
        for line in lines {
            line.noticed(forward).await;
        }
    }

    /// Closes all conversations, each after sending what is still to be sent, within
    /// [`close_deadline`](ClientBuilder::close_deadline) (5 s). What could not be sent by then is handed back
    /// to whoever waits for it ([`Error::unsent`]); a [durable](crate::Send::durable) message stays in the
    /// store, which is given up: another client can take it over. From the beginning of this on every other
    /// call is an error of kind [`Closed`](ErrorKind::Closed).
    ///
    /// Closing twice, or by two at once, is no error: each waits until all is closed.
    pub async fn close(&self) {
        self.close_within(self.inner.env.deadlines.close).await;
    }

    /// [`close`](Self::close) with another deadline.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use secondme_avatar::{AvatarClient, ErrorKind, Visitor};
    /// # use secondme_avatar_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::builder().start().await?;
    /// # let builder = AvatarClient::builder(emulator.api_key())?.base_url(emulator.base_url().parse()?);
    /// # let client = builder.build()?;
    /// let chat = client.open(Visitor::for_user("web", "ada")?).await?;
    /// client.close_within(Duration::from_secs(1)).await;
    /// assert_eq!(chat.send("too late").await.unwrap_err().kind(), ErrorKind::Closed);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn close_within(&self, deadline: Duration) {
        runtime::with_timers(&self.inner.env.runtime, self.inner.close(deadline)).await;
    }
}

impl std::fmt::Debug for AvatarClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AvatarClient")
            .field("base_url", &self.inner.env.connector.base)
            .field("visitors", &self.inner.lock().live.len())
            .finish_non_exhaustive()
    }
}

/// An opening; await it.
#[derive(Debug)]
#[must_use = "nothing is opened before it is awaited"]
pub struct Open {
    client: Arc<Inner>,
    visitor: Visitor,
    deadline: Duration,
}

impl Open {
    /// The whole time for it, its retries and waits included; 30 s, if not said otherwise.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }
}

impl IntoFuture for Open {
    type Output = Result<Conversation, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let runtime = self.client.env.runtime.clone();
        Box::pin(runtime::with_timers(&runtime, self.client.open(self.visitor, self.deadline)))
    }
}

impl Inner {
    async fn open(self: Arc<Self>, visitor: Visitor, deadline: Duration) -> Result<Conversation, Error> {
        visitor.check()?;
        let until = self.env.clock.now() + deadline;
        let mut retired = false;
        self.in_time(until, self.adopt_once()).await?;
        loop {
            let record = self.in_time(until, self.recall(&visitor)).await?;
            let line = self.line(&visitor, record)?;
            let closed = line.closed.notified();
            let deadline = until.since(self.env.clock.now());
            match line.command(Command::Open { conversation: ConversationKey::FIRST, deadline }) {
                Ok(answer) => {
                    return Conversation::opened(&self, &line, ConversationKey::FIRST, answer).await;
                }
                Err(error) if error.kind() != ErrorKind::Closed || self.lock().closed => return Err(error),
                Err(_) => {
                    let state = line.lock();
                    let closing =
                        !state.dropped && state.machine.state(ConversationKey::FIRST) == State::Closing;
                    drop(state);
                    if !closing && std::mem::replace(&mut retired, true) {
                        // A fresh line has ended as well: there is no runtime any more to run it.
                        return Err(ended());
                    }
                    if !closing {
                        self.retire(&line);
                        continue;
                    }
                }
            }
            // It is being closed in this moment, which may take longer than there is time for this.
            tokio::select! {
                () = closed => {}
                () = self.env.clock.at(until) => {
                    let message = "the visitor's earlier conversation was still being closed when the deadline passed";
                    return Err(Error::new(ErrorKind::Deadline, message));
                }
            }
        }
    }

    async fn close(&self, deadline: Duration) {
        let lines: Vec<Arc<Line>> = {
            let mut lines = self.lock();
            lines.closed = true;
            lines.live.values().cloned().collect()
        };
        let mut answers = Vec::new();
        for line in lines {
            for conversation in line.begin_closing() {
                let command = Command::Close { conversation, deadline, end_session: false };
                // One that has closed in this moment needs no closing.
                answers.extend(line.command(command));
            }
        }
        for answer in answers {
            // It is closed either way; a line whose driver has ended says so as an error.
            let _ = answer.wait().await;
        }
        // A runtime that has ended before its time runs no driver to its end.
        let all_ended = tokio::time::timeout(deadline, self.wait_for_drivers()).await.is_ok();
        if let Some(keeper) = &self.env.keeper {
            let written = async { if all_ended { keeper.finish().await } else { keeper.flush().await } };
            // A store that hangs is not waited for.
            let _ = tokio::time::timeout(deadline.max(STORE_PATIENCE), written).await;
        }
        for mailbox in self.env.subscriptions().drain(..) {
            mailbox.end();
        }
    }

    /// What the store has of a visitor, of whom nothing is known here.
    async fn recall(&self, visitor: &Visitor) -> Result<Option<Record>, Error> {
        let Some(keeper) = &self.env.keeper else {
            return Ok(None);
        };
        let is_known = {
            let lines = self.lock();
            lines.live.contains_key(visitor.id()) || lines.records.contains_key(visitor.id())
        };
        if is_known { Ok(None) } else { keeper.load(visitor.id()).await }
    }

    /// The visitors that the store knows.
    async fn known(&self) -> Result<Vec<Known>, Error> {
        match &self.env.keeper {
            Some(keeper) => keeper.known().await,
            None => Ok(Vec::new()),
        }
    }

    async fn adopt_once(self: &Arc<Self>) -> Result<(), Error> {
        if self.env.keeper.is_none() {
            return Ok(());
        }
        let adopt = || async {
            // What the store has given out is taken over, even if whoever asked for it has gone.
            let inner = Arc::clone(self);
            let adopting = self.env.runtime.spawn(async move { inner.adopt().await });
            adopting.await.map_err(|_| ended())?
        };
        self.adopted.get_or_try_init(adopt).await.copied()
    }

    /// A store may hang; whoever waits for it does not.
    async fn in_time<T>(
        &self,
        until: Millis,
        asked: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        tokio::select! {
            biased;
            answer = asked => answer,
            () = self.env.clock.at(until) => {
                Err(Error::new(ErrorKind::Deadline, "the store had not answered when the deadline passed"))
            }
        }
    }

    /// Takes over the messages that no process looks after.
    async fn adopt(&self) -> Result<(), Error> {
        if self.lock().closed {
            return Err(client_closed());
        }
        let Some(keeper) = &self.env.keeper else {
            return Ok(());
        };
        let leftovers = keeper.adopt().await?;
        let mut lines = self.lock();
        for left in leftovers {
            match lines.live.get(left.visitor.id()) {
                Some(line) => line.restore(left.messages),
                None => lines.leave(left),
            }
        }
        Ok(())
    }

    /// Waits until all that drivers have to write is given to the store.
    async fn wait_for_drivers(&self) {
        loop {
            let retired = self.retired.notified();
            if self.lock().live.is_empty() {
                return;
            }
            retired.await;
        }
    }

    /// The visitor's line; a new one where there is none.
    fn line(self: &Arc<Self>, visitor: &Visitor, record: Option<Record>) -> Result<Arc<Line>, Error> {
        let mut lines = self.lock();
        if lines.closed {
            return Err(client_closed());
        }
        if let Some(line) = lines.live.get(visitor.id()) {
            line.lock().machine.name_visitor(visitor.clone());
            return Ok(Arc::clone(line));
        }
        let record = lines.records.remove(visitor.id()).or(record);
        let needs_token = record.as_ref().is_none_or(|record| record.credentials.is_none());
        let leftover = lines.leftovers.remove(visitor.id());
        let visitor = leftover.iter().fold(visitor.clone(), |visitor, left| visitor.or(&left.visitor));
        let env = Arc::clone(&self.env);
        let seed = random_seed()?;
        let now = env.clock.now();
        let mut machine = Machine::new(env.config.clone(), env.key.clone(), visitor, record, now, seed);
        if let Some(leftover) = leftover {
            machine.restore(now, leftover.messages);
        }
        // One whose token is kept needs no place in the quota.
        let reserved = needs_token.then(|| env.quota.join());
        let id = machine.visitor().id().clone();
        if let Some(keeper) = &env.keeper {
            keeper.claim(id.clone());
        }
        let line = Line::new(machine, env.clock.clone(), reserved);
        lines.live.insert(id, Arc::clone(&line));
        lines.tell_occupied(&env);
        drop(lines);
        let driver = Box::new(Driver::new(Arc::clone(&line), Arc::clone(&env)));
        env.runtime.spawn(driver.run(Arc::downgrade(self)));
        Ok(line)
    }

    /// So many visitors more are being opened because of what was left for them, and so many fewer.
    fn recovering(&self, more: usize, fewer: usize) {
        let mut lines = self.lock();
        lines.recovering = (lines.recovering + more).saturating_sub(fewer);
        lines.tell_occupied(&self.env);
    }

    /// The line is closed: what it knew is kept for the next one.
    pub(crate) fn retire(&self, line: &Arc<Line>) {
        let mut lines = self.lock();
        let state = line.lock();
        let visitor = state.machine.visitor().id();
        if lines.live.get(visitor).is_some_and(|live| Arc::ptr_eq(live, line)) {
            lines.live.remove(visitor);
            lines.past += state.machine.counters();
            // Where another process has the visitor, its record in the store is the newer one.
            if !state.elsewhere {
                lines.records.insert(visitor.clone(), state.machine.record());
            }
            if let Some(keeper) = &self.env.keeper {
                keeper.release(visitor.clone());
            }
            let messages = state.machine.kept_messages();
            if !messages.is_empty() {
                lines.leave(Leftover { visitor: state.machine.visitor().clone(), messages });
            }
            lines.tell_occupied(&self.env);
        }
        drop(state);
        drop(lines);
        self.retired.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    /// Says whether there are visitors, if that has changed.
    fn tell_occupied(&mut self, env: &Env) {
        let occupied = !self.live.is_empty() || self.recovering > 0;
        if std::mem::replace(&mut self.occupied, occupied) != occupied {
            env.on_occupied.tell(occupied);
        }
    }

    /// Keeps messages of a visitor who has no line.
    fn leave(&mut self, left: Leftover) {
        match self.leftovers.entry(left.visitor.id().clone()) {
            Entry::Occupied(known) => {
                let messages = &mut known.into_mut().messages;
                let is_new = |new: &KeptMessage| messages.iter().all(|old| old.message_id != new.message_id);
                let new = left.messages.into_iter().filter(is_new).collect::<Vec<_>>();
                messages.extend(new);
            }
            Entry::Vacant(place) => drop(place.insert(left)),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        for line in self.lock().live.values() {
            line.hang_up();
        }
        for mailbox in self.env.subscriptions().drain(..) {
            mailbox.end();
        }
    }
}

/// A message's id must be unlike that of every other process.
fn random_seed() -> Result<u64, Error> {
    getrandom::u64().map_err(|error| {
        Error::new(ErrorKind::Misuse, "the operating system has no randomness").caused_by(error)
    })
}

pub(crate) fn opened(outcome: Outcome) -> Result<(), Error> {
    match outcome {
        Outcome::Opened { .. } => Ok(()),
        _ => Err(unexpected()),
    }
}
