//! The client: one for each API key.

use std::sync::{Arc, Mutex};

use secondme_avatar_protocol::{ApiKey, Config, Door, Error, ErrorKind, KnownSecrets, OptionName, Visitor};

use crate::client_inner::{ClientInner, random_seed};
use crate::clock::Clock;
use crate::connection_log::WarningLimit;
use crate::dial::Dialer;
use crate::env::{Env, Settings};
use crate::http::Http;
use crate::options::ClientBuilder;
use crate::pacer::Pacer;
use crate::proxy::{Proxies, Proxy};
use crate::quota::{QuotaLimit, SharedQuota};
use crate::routing::{IfShared, Router};
use crate::runtime;
use crate::secrets_of_env::{api_key_from_env, needed};
use crate::slots::SocketSlots;
use crate::socket::Connector;
use crate::stats::Stats;
use crate::store::{AvatarRef, KeyRef};
use crate::store_writer::{Naming, StoreWriter};
use crate::subscriptions::Subscriptions;
use crate::tls::{Alpn, Tls};
use crate::tokens::{TokenProvider, Tokens};

mod authenticate;
mod clock;
mod close;
mod notes;
mod open;
mod people;
mod recover;
mod request;
mod subscribe;

pub use self::authenticate::Authenticate;
pub use self::close::Close;
pub use self::notes::{AddNote, SetNote};
pub use self::open::Open;
pub use self::recover::Recover;
pub use self::request::Request;

/// A client for one API key, and so for one avatar. Cheap to clone; all clones are the same client.
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
/// All its tasks end when the last clone and the last [`Conversation`](crate::Conversation) are dropped.
#[derive(Clone)]
pub struct AvatarClient {
    inner: Arc<ClientInner>,
}

impl AvatarClient {
    /// Makes a client for this API key and the production service.
    pub fn new(api_key: &str) -> Result<Self, Error> {
        Self::builder(api_key)?.build()
    }

    /// Makes a client for the API key in `SECONDME_API_KEY`, or in the file that `SECONDME_API_KEY_FILE` names, and the
    /// service at `SECONDME_BASE_URL`: a URL, or
    /// `production`, `pre-release` or `gateway`. Default: production. (Every client reads the [proxy](ClientBuilder::proxy) and the [CA
    /// file](ClientBuilder::ca_file) from the environment.)
    ///
    /// # Errors
    ///
    /// Fails with kind [`Misuse`](ErrorKind::Misuse) if neither or both of the first two are set, or if one of
    /// the three is not valid.
    pub fn from_env() -> Result<Self, Error> {
        Self::builder_from_env()?.build()
    }

    /// Starts a client for this API key.
    ///
    /// # Errors
    ///
    /// Fails with kind [`Misuse`](ErrorKind::Misuse) if the text is not an API key.
    pub fn builder(api_key: &str) -> Result<ClientBuilder, Error> {
        Ok(ClientBuilder::new(api_key.parse()?))
    }

    /// Starts a client with the same settings as [`from_env`](Self::from_env). Options that are set afterwards
    /// count before them.
    ///
    /// # Errors
    ///
    /// Fails with kind [`Misuse`](ErrorKind::Misuse) if there is [no API key](crate::api_key_from_env) or one that can be none. A
    /// `SECONDME_BASE_URL` that is not valid is an error of [`build`](ClientBuilder::build).
    pub fn builder_from_env() -> Result<ClientBuilder, Error> {
        Ok(Self::builder(&api_key_from_env()?)?.or_base_of_env())
    }

    /// Starts a client that speaks through Visitor Chat, for an app that is registered with the service: the app's own
    /// token is shown for all its visitors. It is fetched once for the whole client, and renewed before it ends.
    ///
    /// The secret must not leave your backend. See [`Door`](secondme_avatar_protocol::Door) for the other door.
    ///
    /// ```
    /// use secondme_avatar::{AvatarClient, Visitor};
    ///
    /// # async fn example() -> Result<(), secondme_avatar::Error> {
    /// let client = AvatarClient::visitor_chat("app-id", "app-secret", "sk-0123456789abcdef")?.build()?;
    /// let chat = client.open(Visitor::for_user("web", "ada")?.name("Ada")).await?;
    /// println!("{}", chat.ask("Hello, tell me about yourself").await?.text);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Fails with kind [`Misuse`](ErrorKind::Misuse) if one of the three cannot be what it should be.
    pub fn visitor_chat(client_id: &str, client_secret: &str, api_key: &str) -> Result<ClientBuilder, Error> {
        Self::builder(api_key)?.of_app(client_id, client_secret)
    }

    /// Starts a client that speaks through Visitor Chat for users of the service: `provider` gives the access token of
    /// each, and is told when the last one was refused. It has 20 s to answer: see [`TokenProvider`]. Such a token says who speaks, so the service is told no visitor
    /// id; it names the user's conversation here, and in the store.
    ///
    /// ```
    /// use secondme_avatar::{AvatarClient, Error, TokenRequest};
    ///
    /// # async fn look_up(_: TokenRequest) -> Result<String, Error> { Ok("lba_at_1".to_owned()) }
    /// # fn main() -> Result<(), Error> {
    /// let client = AvatarClient::visitor_chat_with_tokens("sk-0123456789abcdef", |request: TokenRequest| async move {
    ///     // Refresh it where `request.refused` says that the last one is dead.
    ///     look_up(request).await
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Fails with kind [`Misuse`](ErrorKind::Misuse) if the text is not an API key.
    pub fn visitor_chat_with_tokens(
        api_key: &str,
        provider: impl TokenProvider,
    ) -> Result<ClientBuilder, Error> {
        Ok(ClientBuilder::new(api_key.parse()?).of_users(Arc::new(provider)))
    }

    /// Makes a client that speaks through Visitor Chat with the settings of `SECONDME_CLIENT_ID`,
    /// `SECONDME_CLIENT_SECRET`, `SECONDME_API_KEY` (or `SECONDME_API_KEY_FILE`) and `SECONDME_BASE_URL`.
    ///
    /// # Errors
    ///
    /// Fails with kind [`Misuse`](ErrorKind::Misuse) if one of the first three is not set, or if one is not valid.
    pub fn visitor_chat_from_env() -> Result<Self, Error> {
        Self::visitor_chat_builder_from_env()?.build()
    }

    /// Starts a client with the same settings as [`visitor_chat_from_env`](Self::visitor_chat_from_env).
    ///
    /// # Errors
    ///
    /// Fails as [`visitor_chat_from_env`](Self::visitor_chat_from_env) does.
    pub fn visitor_chat_builder_from_env() -> Result<ClientBuilder, Error> {
        let id = needed("SECONDME_CLIENT_ID", "the app's id")?;
        let secret = needed("SECONDME_CLIENT_SECRET", "the app's secret")?;
        Self::builder_from_env()?.of_app(&id, &secret)
    }

    fn from_options(options: ClientBuilder) -> Result<Self, Error> {
        let user_agent = options.user_agent();
        let (base, origin) = (options.base()?, options.handshake_origin()?);
        let runtime = runtime::current()?;
        let (trust, socket_hosts) = (options.trust()?, options.allowed_socket_hosts()?);
        options.say_where();
        let proxies = Proxies::new(&options.proxy)?;
        let secrets = KnownSecrets::new(options.key.as_ref().map(ApiKey::as_secret));
        let secrets = secrets.and(&options.tokens.secrets()).and(&proxies.secrets());
        let dialer = Arc::new(Dialer {
            resolver: options.resolver,
            tls: Tls::new(trust, proxies.other_hosts(&base)),
            proxies,
            user_agent,
            secrets: secrets.clone(),
        });
        // Wrong certificates are reported here, if the client will need certificates.
        if base.is_secure() || dialer.tls.names_ca_file() {
            dialer.tls.config(Alpn::Http1)?;
        }
        let clock = Clock::start(options.wall_clock);
        let door = options.config.door;
        let key = options.key.as_ref();
        let naming = Naming {
            key: key.map_or_else(|| KeyRef::without_key(&base), |key| KeyRef::new(door, key, &base)),
            namespace: options.store_namespace.as_deref().map(AvatarRef::of_namespace),
            otherwise: key.filter(|_| door == Door::VisitorChat).map(AvatarRef::of_visitor_chat),
        };
        let limit = QuotaLimit { calls: options.quota, window: options.quota_window };
        // Only processes that share a Redis call each other. A library without Redis has no code for that in it.
        let store = options.store.as_ref().filter(|_| cfg!(feature = "redis"));
        let peers = store.and_then(|store| store.peers());
        let routes = peers.as_ref().and_then(|peers| peers.0.routes());
        // Where nothing counts, the quota is not asked.
        let quota = match peers.filter(|_| key.is_some() && door.counts_authentications()) {
            Some(peers) => SharedQuota::shared(limit, clock.clone(), peers, naming.key)?,
            None => SharedQuota::own(limit, clock.clone()),
        };
        let router = IfShared::from(routes.map(Router::new).transpose()?);
        let store_writer = options.store.map(|store| StoreWriter::start(store, naming)).transpose()?;
        let settings = Settings {
            config: Arc::new(Config { secrets, ..options.config }),
            deadlines: options.deadlines,
            on_occupied: options.on_occupied,
            retention: options.retention,
        };
        let env = Env {
            settings,
            subscriptions: Subscriptions::new(options.queue),
            http: Http::new(base.clone(), Arc::clone(&dialer), clock.clone(), door)?,
            connector: Connector {
                base,
                origin,
                dialer,
                allow_insecure: options.allow_insecure,
                socket_hosts,
            },
            quota,
            tokens: Tokens::new(options.tokens, random_seed()?),
            slots: SocketSlots::new(options.max_live, clock.clone()),
            pacer: Pacer::new(),
            warnings: WarningLimit::default(),
            clock,
            resting: Mutex::default(),
            on_call: options.on_call,
            store_writer,
            router,
            runtime,
        };
        let inner = ClientInner::new(env, options.key);
        if let Some(router) = inner.env.router.as_ref() {
            router.start(&inner)?;
        }
        Ok(Self { inner })
    }

    /// Opens the conversation of this visitor; await it.
    ///
    /// If the visitor's conversation is open or being opened, this returns the same one. If it was closed, this
    /// resumes the same session.
    pub fn open(&self, visitor: Visitor) -> Open {
        Open::new(Arc::clone(&self.inner), visitor)
    }

    /// Opens the conversations that earlier processes left unfinished in the
    /// [store](crate::ClientBuilder::store); await it.
    ///
    /// These are the conversations of all visitors with an unsent [durable](crate::Send::durable) message, or,
    /// with [`all`](Recover::all), of all visitors with a session. Returns the ids of these visitors, without
    /// waiting until they are open. Each message goes out once its conversation is open, however long that
    /// takes. A message that is given up comes as an [`Unsent`](crate::EventKind::Unsent) event, so subscribe
    /// to [`events`](Self::events) first.
    ///
    /// Opening a visitor also sends that visitor's messages. Without a store this does nothing.
    pub fn recover(&self) -> Recover {
        Recover::new(Arc::clone(&self.inner))
    }

    /// Lists the visitors in the [store](crate::ClientBuilder::store), each with the last name, channel and
    /// [tag](Visitor::tag), the last saved record first. Empty without a store.
    ///
    /// # Errors
    ///
    /// Fails with kind [`Store`](ErrorKind::Store) if the store cannot be read, and with kind
    /// [`Unsupported`](ErrorKind::Unsupported) if a store of the caller's own does not list its visitors.
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
        let known = runtime::with_timers(&self.inner.env.runtime, self.inner.known(until)).await?;
        Ok(known.into_iter().map(|known| known.visitor).collect())
    }

    /// Copies the [store](crate::ClientBuilder::store) into a file while it is in use. The copy is a whole
    /// store, as of this moment, and replaces an earlier copy.
    ///
    /// Use only one of the two afterwards: unsent messages are in both. Do not copy a store's file by other
    /// means while it is open.
    ///
    /// # Errors
    ///
    /// Fails with kind [`Unsupported`](ErrorKind::Unsupported) if there is no store, or one that makes no
    /// copies of itself, such as [`MemoryStore`](crate::MemoryStore). Fails with kind
    /// [`Store`](ErrorKind::Store) if the file cannot be written, is in use as a store, or is not a store; the
    /// file then stays as it was.
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

    /// Returns the host and the port of the [proxy](ClientBuilder::proxy) to the service; `None` without a
    /// proxy.
    pub fn proxy(&self) -> Option<&str> {
        self.inner.env.http.proxy().map(Proxy::address)
    }

    /// Returns what the client has counted so far.
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
        // Locked, so that what a visitor counts who begins to rest is counted once.
        let resting = env.resting();
        stats.counters += resting.counters;
        for handle in visitors.live() {
            let state = handle.lock();
            stats.connected += usize::from(state.machine.is_connected());
            stats.paused += usize::from(state.machine.is_paused());
            stats.counters += state.machine.counters();
        }
        stats
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

/// Not beside the options, which know nothing of the client.
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
