//! The client: one for each API key.

use std::sync::Arc;
use std::time::Duration;

use secondme_avatar_protocol::{Error, ErrorKind, OptionName, Visitor};

use crate::base_url::BaseUrl;
use crate::client_inner::ClientInner;
use crate::clock::Clock;
use crate::dial::Dialer;
use crate::env::{Env, Settings};
use crate::events::Events;
use crate::http::Http;
use crate::options::ClientBuilder;
use crate::pacer::Pacer;
use crate::proxy::{Proxies, Proxy};
use crate::quota::SharedQuota;
use crate::slots::SocketSlots;
use crate::socket::Connector;
use crate::stats::Stats;
use crate::store::AvatarRef;
use crate::store_writer::StoreWriter;
use crate::subscriptions::Subscriptions;
use crate::tls::{Alpn, Tls};
use crate::trouble::Warnings;
use crate::visitor_handle::VisitorHandle;
use crate::{runtime, tls};

mod close;
mod open;
mod recover;

pub use self::close::Close;
pub use self::open::Open;
pub use self::recover::Recover;

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
    inner: Arc<ClientInner>,
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

    fn from_options(options: ClientBuilder) -> Result<Self, Error> {
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
            dialer.tls.config(Alpn::Http1)?;
        }
        let clock = Clock::start(options.wall_clock);
        let avatar = AvatarRef::new(&options.key, &options.base);
        let store_writer = options.store.map(|store| StoreWriter::start(store, avatar)).transpose()?;
        let settings = Settings {
            key: options.key,
            config: options.config,
            deadlines: options.deadlines,
            idle_after: options.idle_after,
            on_occupied: options.on_occupied,
        };
        let env = Env {
            settings,
            subscriptions: Subscriptions::new(options.queue),
            http: Http::new(options.base.clone(), Arc::clone(&dialer), clock.clone())?,
            connector: Connector { base: options.base, dialer, allow_insecure: options.allow_insecure },
            quota: SharedQuota::new(options.quota, clock.clone()),
            slots: SocketSlots::new(options.max_live, clock.clone()),
            pacer: Pacer::new(),
            warnings: Warnings::default(),
            clock,
            on_call: options.on_call,
            store_writer,
            runtime,
        };
        Ok(Self { inner: ClientInner::new(env) })
    }

    /// Opens the conversation of this visitor; await it.
    ///
    /// A visitor who has one already gets the same one, and whoever opens it at the same time joins.
    /// A visitor whose conversation was closed goes on with the same session.
    pub fn open(&self, visitor: Visitor) -> Open {
        Open::new(Arc::clone(&self.inner), visitor)
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
        let until = self.inner.env.clock.now() + self.inner.env.settings.deadlines.open;
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
        self.inner.is_there()?;
        let Some(store_writer) = &self.inner.env.store_writer else {
            let message = format!(
                "there is no store to copy: give the client one with its option {}",
                OptionName::STORE
            );
            return Err(Error::new(ErrorKind::Unsupported, message));
        };
        store_writer.backup(to.as_ref().to_owned()).await
    }

    /// Subscribes to the events of all conversations, those that are opened later too.
    pub fn events(&self) -> Events {
        let mailbox = self.inner.env.subscriptions.mailbox("all conversations of the client".to_owned());
        if self.inner.lock().is_closed() {
            mailbox.end();
        }
        self.inner.env.subscriptions.add(Arc::clone(&mailbox));
        Events::new(mailbox)
    }

    /// Host and port of the [proxy](ClientBuilder::proxy) between this machine and the service; `None` if they
    /// are spoken to directly.
    pub fn proxy(&self) -> Option<&str> {
        self.inner.env.http.proxy().map(Proxy::address)
    }

    /// What has been counted so far.
    pub fn stats(&self) -> Stats {
        let env = &self.inner.env;
        let stored = env.store_writer.as_ref().map(StoreWriter::counts).unwrap_or_default();
        let visitors = self.inner.lock();
        let mut stats = Stats {
            stored_visitors: stored.visitors,
            stored_messages: stored.messages,
            visitors: visitors.len(),
            live: env.slots.held(),
            waiting_for_slot: env.slots.waiting(),
            waiting_for_quota: env.quota.waiting(),
            longest_quota_wait: env.quota.longest_wait(),
            events: env.subscriptions.published(),
            counters: visitors.past(),
            ..Stats::default()
        };
        for handle in visitors.live() {
            let state = handle.lock();
            stats.connected += usize::from(state.machine.is_connected());
            stats.paused += usize::from(state.rests);
            stats.counters += state.machine.counters();
        }
        // The machine counts what it wants made; these never left.
        stats.counters.calls = stats.counters.calls.saturating_sub(env.slots.refused());
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
        let visitors: Vec<Arc<VisitorHandle>> = self.inner.lock().live().cloned().collect();
        visitors.iter().for_each(|handle| handle.wake.notify_one());
        for handle in visitors {
            handle.noticed(forward).await;
        }
    }

    /// Closes all conversations; await it. Each conversation first sends what is still to be sent, within
    /// [`close_deadline`](ClientBuilder::close_deadline) (5 s), or another [deadline](Close::deadline).
    ///
    /// A message that could not be sent by then comes back with the error of its call ([`Error::unsent`]). A
    /// [durable](crate::Send::durable) message stays in the store. The store is released, so another client can
    /// use it. As soon as this begins, every other call is an error of kind [`Closed`](ErrorKind::Closed).
    ///
    /// Closing a client twice, or from two tasks at once, is no error: each call waits until all is closed.
    pub fn close(&self) -> Close {
        Close::new(Arc::clone(&self.inner))
    }
}

/// Here and not beside the options, which know nothing of the client.
impl ClientBuilder {
    /// Makes the client. Sends nothing yet.
    ///
    /// The client works on the tokio runtime that this is called on. Outside of a runtime it works on one that all
    /// such clients share.
    ///
    /// # Errors
    ///
    /// An option with an impossible value is an error of kind [`Misuse`](ErrorKind::Misuse), and so is a tokio
    /// runtime without timers or I/O: build the runtime with `enable_all`. A [store](Self::store) that cannot
    /// have its thread is an error of kind [`Store`](ErrorKind::Store).
    pub fn build(self) -> Result<AvatarClient, Error> {
        self.check()?;
        AvatarClient::from_options(self)
    }
}

impl std::fmt::Debug for AvatarClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AvatarClient")
            .field("base_url", &self.inner.env.connector.base)
            .field("visitors", &self.inner.lock().len())
            .finish_non_exhaustive()
    }
}
