//! How a client is set up.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use secondme_avatar_protocol::{
    ApiKey, AppCredentials, Config, Delivery, Door, Error, ErrorKind, OptionName, Speaker, limits,
};

use crate::base_url::BaseUrl;
use crate::clock::WallClock;
use crate::credentials::CredentialsProvider;
use crate::environment::Environment;
use crate::proxy::ProxyChoice;
use crate::report::{Observer, Occupancy};
use crate::resolver::Resolver;
use crate::store::Store;
use crate::tokens::{TokenProvider, TokenSource};

mod check;
mod observe;
mod reach;

/// Events that a subscription holds before the socket is read no further.
const EVENT_QUEUE: usize = 1024;

/// The whole time of a call, its retries and waits included, where the call says nothing else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadlines {
    pub(crate) open: Duration,
    pub(crate) send: Duration,
    pub(crate) durable: Duration,
    pub(crate) ask: Duration,
    pub(crate) first_piece: Duration,
    pub(crate) history: Duration,
    pub(crate) close: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            open: limits::OPEN_DEADLINE,
            send: limits::SEND_DEADLINE,
            durable: limits::DURABLE_DEADLINE,
            ask: limits::ASK_DEADLINE,
            first_piece: limits::FIRST_PIECE,
            history: limits::HISTORY_DEADLINE,
            close: limits::CLOSE_DEADLINE,
        }
    }
}

/// Options of an [`AvatarClient`](crate::AvatarClient), then the client itself.
///
/// ```
/// use std::time::Duration;
/// use secondme_avatar::{AvatarClient, BaseUrl};
///
/// # fn main() -> Result<(), secondme_avatar::Error> {
/// let client = AvatarClient::builder("sk-0123456789abcdef")?
///     .base_url(BaseUrl::pre_release())
///     .ask_deadline(Duration::from_secs(60))
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is made before `build`"]
pub struct ClientBuilder {
    /// `None` where the visitors' credentials come from elsewhere.
    pub(crate) key: Option<ApiKey>,
    pub(crate) base: Option<BaseUrl>,
    pub(crate) environment: Option<Environment>,
    pub(crate) base_of_env: Option<String>,
    pub(crate) origin: Option<String>,
    pub(crate) config: Config,
    pub(crate) deadlines: Deadlines,
    pub(crate) queue: usize,
    pub(crate) quota: usize,
    pub(crate) quota_window: Duration,
    pub(crate) max_live: Option<usize>,
    pub(crate) allow_insecure: bool,
    pub(crate) proxy: ProxyChoice,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) only_ca_file: Option<PathBuf>,
    pub(crate) builtin_roots: bool,
    pub(crate) pins: Option<Vec<String>>,
    pub(crate) min_tls: Option<String>,
    pub(crate) socket_hosts: Option<Vec<String>>,
    pub(crate) resolver: Resolver,
    pub(crate) wall_clock: WallClock,
    pub(crate) language: Option<String>,
    pub(crate) on_call: Observer,
    pub(crate) on_occupied: Occupancy,
    pub(crate) store: Option<Arc<dyn Store>>,
    pub(crate) store_namespace: Option<String>,
    pub(crate) retention: Option<Duration>,
    pub(crate) tokens: TokenSource,
}

impl ClientBuilder {
    pub(crate) fn new(key: ApiKey) -> Self {
        Self::with(Some(key))
    }

    fn with(key: Option<ApiKey>) -> Self {
        Self {
            key,
            base: None,
            environment: None,
            base_of_env: None,
            origin: None,
            config: Config { connect_permits: true, ..Config::default() },
            deadlines: Deadlines::default(),
            queue: EVENT_QUEUE,
            quota: limits::QUOTA_CALLS,
            quota_window: limits::QUOTA_WINDOW,
            max_live: None,
            allow_insecure: false,
            proxy: ProxyChoice::default(),
            ca_file: None,
            only_ca_file: None,
            builtin_roots: true,
            pins: None,
            min_tls: None,
            socket_hosts: None,
            resolver: Resolver::default(),
            wall_clock: WallClock::default(),
            language: None,
            on_call: Observer::default(),
            on_occupied: Occupancy::default(),
            store: None,
            store_namespace: None,
            retention: None,
            tokens: TokenSource::None,
        }
    }

    /// Through Visitor Chat, with the token of an app.
    pub(crate) fn of_app(mut self, client_id: &str, client_secret: &str) -> Result<Self, Error> {
        let app = AppCredentials::new(client_id, client_secret)?;
        for (name, value) in [(OptionName::CLIENT_ID, client_id), (OptionName::CLIENT_SECRET, client_secret)]
        {
            if self.key.as_ref().is_some_and(|key| key.expose_secret() == value) {
                let message = format!(
                    "{name} is the avatar's API key: an app has an id and a secret of its own, and speaks with the \
                     API key beside them"
                );
                return Err(Error::new(ErrorKind::Misuse, message));
            }
        }
        self.config.door = Door::VisitorChat;
        self.config.speaker = Speaker::Visitor;
        self.tokens = TokenSource::App(app);
        Ok(self)
    }

    /// Through Visitor Chat, with the tokens of users.
    pub(crate) fn of_users(mut self, provider: Arc<dyn TokenProvider>) -> Self {
        self.config.door = Door::VisitorChat;
        self.config.speaker = Speaker::User;
        self.tokens = TokenSource::Users(provider);
        self
    }

    /// Without a key, with the visitors' credentials from elsewhere.
    pub(crate) fn of_credentials(provider: Arc<dyn CredentialsProvider>) -> Self {
        Self { tokens: TokenSource::Credentials(provider), ..Self::with(None) }
    }

    /// The time between two pings, from 5 s to 15 s. Default: 15 s.
    pub fn heartbeat(mut self, interval: Duration) -> Self {
        self.config.heartbeat = interval;
        self
    }

    /// Whether pings go out over a socket whose name is not known yet. Only Visitor Chat leaves it to be learned from the
    /// first frame, and whether such a ping is welcome is open. Default: no.
    pub fn ping_unnamed(mut self, ping: bool) -> Self {
        self.config.ping_unnamed = ping;
        self
    }

    /// Whether frames are acknowledged. Default: yes.
    pub fn acknowledge(mut self, acknowledge: bool) -> Self {
        self.config.acknowledge = acknowledge;
        self
    }

    /// The silence that ends a reply whose end mark never comes. Default: 3 s.
    pub fn reply_idle(mut self, idle: Duration) -> Self {
        self.config.reply_idle = idle;
        self
    }

    /// What becomes of a message when its answer was lost and no echo of it has come. Default: checked, that is, the
    /// service is asked for it, and what it does not have is sent again; where nothing can tell, it is handed back.
    /// Visitor Chat cannot be asked, and takes no id with a message: under at least once, a message that had been taken
    /// is taken twice there.
    pub fn delivery(mut self, delivery: Delivery) -> Self {
        self.config.delivery = delivery;
        self
    }

    /// How many events a subscription holds before the socket is read no further; never more than 16 MiB of them.
    /// Default: 1024.
    pub fn event_queue(mut self, events: usize) -> Self {
        self.queue = events;
        self
    }

    /// How many authentications a minute the API key has. Default: 60, as the vendor's API page says; the service refuses
    /// more.
    pub fn quota(mut self, per_minute: usize) -> Self {
        self.quota = per_minute;
        self
    }

    /// Another time than a minute, for tests.
    #[doc(hidden)]
    pub fn quota_window(mut self, window: Duration) -> Self {
        self.quota_window = window;
        self
    }

    /// How many visitors may have a socket at a time. Where all slots are taken, the visitor idle the longest is paused.
    /// Default: no limit.
    ///
    /// Where all slots are taken and another visitor is opened or resumed, the one that has been idle the longest is
    /// paused ([`State::Paused`](crate::State::Paused)): it gives up its socket and keeps everything else. Its next call
    /// resumes it, and what was said meanwhile comes then. A visitor is idle who is owed no answer and for whom no call
    /// waits. Where none is idle, the newcomer waits in order of arrival, no longer than its deadline. See
    /// [`Stats`](crate::Stats) for the numbers.
    ///
    /// ```
    /// # use secondme_avatar::{AvatarClient, State, Visitor};
    /// # use secondme_avatar_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::builder().start().await?;
    /// let client = AvatarClient::builder(emulator.api_key())?
    ///     # .base_url(emulator.base_url().parse()?)
    ///     .max_live(1)
    ///     .build()?;
    /// let ada = client.open(Visitor::for_user("web", "ada")?).await?;
    /// let bob = client.open(Visitor::for_user("web", "bob")?).await?;
    /// assert_eq!(ada.state(), State::Paused);
    /// ada.ask("Do you still know me?").await?;
    /// assert_eq!(bob.state(), State::Paused);
    /// # Ok(())
    /// # }
    /// ```
    pub fn max_live(mut self, visitors: usize) -> Self {
        self.max_live = Some(visitors);
        self
    }

    /// How long a visitor is idle before it is paused, 1 s or more; see [`max_live`](Self::max_live). Default: never.
    ///
    /// A paused visitor hears nothing before its next message, `open`, `history` or `resume`; then all that was said
    /// meanwhile comes as events.
    ///
    /// ```
    /// use std::time::Duration;
    /// use secondme_avatar::AvatarClient;
    ///
    /// # fn main() -> Result<(), secondme_avatar::Error> {
    /// let client = AvatarClient::builder("sk-0123456789abcdef")?
    ///     .max_live(10_000)
    ///     .idle_after(Duration::from_secs(10 * 60))
    ///     .build()?;
    /// assert_eq!(client.stats().paused, 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn idle_after(mut self, idle: Duration) -> Self {
        self.config.idle_after = Some(idle);
        self
    }

    /// The time limit of an `open`. Default: 30 s.
    pub fn open_deadline(mut self, deadline: Duration) -> Self {
        self.deadlines.open = deadline;
        self
    }

    /// The time limit of a `send`. Default: 15 s.
    pub fn send_deadline(mut self, deadline: Duration) -> Self {
        self.deadlines.send = deadline;
        self
    }

    /// How long a [`durable`](crate::Send::durable) message is tried, over all processes that try. After that an
    /// [`Unsent`](crate::EventKind::Unsent) event hands it back. Default: 24 h.
    pub fn durable_deadline(mut self, deadline: Duration) -> Self {
        self.deadlines.durable = deadline;
        self
    }

    /// Another clock than the system's to say what time it is, for tests: where it goes ahead and the monotonic
    /// clock does not, the machine counts as having been suspended.
    #[doc(hidden)]
    pub fn wall_clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.wall_clock = WallClock::new(clock);
        self
    }

    /// A SQLite file that keeps sessions and [`durable`](crate::Send::durable) messages beyond the process. The next
    /// process on it resumes the same sessions, hears what was said in between, and sends what was not sent. It holds
    /// the visitors' tokens: keep it where only the program can read it. Default: nothing is kept.
    ///
    /// In Rust it may be any [`Store`], such as a `RedisStore` (feature `redis`).
    ///
    /// ```no_run
    /// use secondme_avatar::{AvatarClient, SqliteStore};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = AvatarClient::builder("sk-0123456789abcdef")?
    ///     .store(SqliteStore::open("avatar.db")?)
    ///     .build()?;
    /// let events = client.events();
    /// // Visitors to whom something was still to be said when the last process ended.
    /// let visitors = client.recover().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// An event counts as heard when its reader comes back for more. A process killed in between hears it again, with
    /// the same `seqId` and message id.
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// A name for the avatar in the store, in place of what the service says of it. Clients with the same name share what
    /// is kept, whatever their keys. Default: the avatar's share code and owner; on Visitor Chat the API key.
    ///
    /// Visitor Chat says nothing of an avatar that stays the same under another key: give a name before the key is
    /// replaced. The first client with a name takes over what was kept for its key without one. What was kept under
    /// another name stays there.
    ///
    /// ```no_run
    /// use secondme_avatar::{AvatarClient, SqliteStore};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = AvatarClient::visitor_chat("app-id", "app-secret", "sk-0123456789abcdef")?
    ///     .store(SqliteStore::open("avatar.db")?)
    ///     .store_namespace("support-bot")
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A name that is empty or longer than 512 bytes is an error of [`build`](Self::build).
    pub fn store_namespace(mut self, name: impl Into<String>) -> Self {
        self.store_namespace = Some(name.into());
        self
    }

    /// How long the store keeps a visitor of whom nothing is written any more, 1 h or more: at the first use of the store
    /// and then once an hour, visitors who were idle for longer are forgotten, as `forget_idle` does. Default: for ever.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use secondme_avatar::{AvatarClient, SqliteStore};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = AvatarClient::builder("sk-0123456789abcdef")?
    ///     .store(SqliteStore::open("avatar.db")?)
    ///     .retention(Duration::from_secs(90 * 24 * 60 * 60))
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Less than 1 h, or a client without a store, is an error of [`build`](Self::build).
    pub fn retention(mut self, retention: Duration) -> Self {
        self.retention = Some(retention);
        self
    }

    /// The time limit of a `history`. Default: 30 s.
    pub fn history_deadline(mut self, deadline: Duration) -> Self {
        self.deadlines.history = deadline;
        self
    }

    /// How long a `close` or an `end` waits for what is still to be sent. Default: 5 s.
    pub fn close_deadline(mut self, deadline: Duration) -> Self {
        self.deadlines.close = deadline;
        self
    }

    /// The time limit of an `ask` or a `stream`. Default: 120 s.
    pub fn ask_deadline(mut self, deadline: Duration) -> Self {
        self.deadlines.ask = deadline;
        self
    }

    /// How long the first piece of a reply may take. Default: 60 s.
    pub fn first_piece_deadline(mut self, deadline: Duration) -> Self {
        self.deadlines.first_piece = deadline;
        self
    }

    /// How long a question waits for its answer to begin once the owner has the conversation, where that is less than its
    /// `first_piece_deadline`; then it fails with an error of kind `taken_over`. Default: as long as any question.
    pub fn owner_deadline(mut self, deadline: Duration) -> Self {
        self.config.owner_deadline = Some(deadline);
        self
    }
}
