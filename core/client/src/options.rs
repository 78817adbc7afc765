//! How a client is set up.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use secondme_avatar_protocol::{ApiKey, AppCredentials, Config, Delivery, Door, Secret, Speaker, limits};

use crate::base_url::BaseUrl;
use crate::clock::WallClock;
use crate::environment::Environment;
use crate::proxy::ProxyChoice;
use crate::report::{CallReport, Observer, Occupancy};
use crate::resolver::Resolver;
use crate::store::Store;
use crate::tokens::{TokenProvider, TokenSource};

mod check;

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
    pub(crate) key: ApiKey,
    pub(crate) base: Option<BaseUrl>,
    pub(crate) environment: Option<Environment>,
    pub(crate) base_of_env: Option<String>,
    pub(crate) origin: Option<String>,
    pub(crate) config: Config,
    pub(crate) deadlines: Deadlines,
    pub(crate) queue: usize,
    pub(crate) quota: usize,
    pub(crate) max_live: Option<usize>,
    pub(crate) allow_insecure: bool,
    pub(crate) proxy: ProxyChoice,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) builtin_roots: bool,
    pub(crate) resolver: Resolver,
    pub(crate) wall_clock: WallClock,
    pub(crate) language: Option<String>,
    pub(crate) on_call: Observer,
    pub(crate) on_occupied: Occupancy,
    pub(crate) store: Option<Arc<dyn Store>>,
    pub(crate) tokens: TokenSource,
}

impl ClientBuilder {
    pub(crate) fn new(key: ApiKey) -> Self {
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
            max_live: None,
            allow_insecure: false,
            proxy: ProxyChoice::default(),
            ca_file: None,
            builtin_roots: true,
            resolver: Resolver::default(),
            wall_clock: WallClock::default(),
            language: None,
            on_call: Observer::default(),
            on_occupied: Occupancy::default(),
            store: None,
            tokens: TokenSource::None,
        }
    }

    /// Through Visitor Chat, with the token of an app.
    pub(crate) fn of_app(mut self, app: AppCredentials) -> Self {
        self.config.door = Door::VisitorChat;
        self.config.speaker = Speaker::Visitor;
        self.tokens = TokenSource::App(app);
        self
    }

    /// Through Visitor Chat, with the tokens of users.
    pub(crate) fn of_users(mut self, provider: Arc<dyn TokenProvider>) -> Self {
        self.config.door = Door::VisitorChat;
        self.config.speaker = Speaker::User;
        self.tokens = TokenSource::Users(provider);
        self
    }

    /// The base URL of the service, or the name of an environment. Default: production.
    pub fn base_url(mut self, base: BaseUrl) -> Self {
        self.base = Some(base);
        self
    }

    /// Which of the service's own hosts is spoken to, in place of a base URL: production, pre-release, or the gateway to
    /// which the service has moved. Default: production.
    ///
    /// ```
    /// use secondme_avatar::{AvatarClient, Environment};
    ///
    /// # fn main() -> Result<(), secondme_avatar::Error> {
    /// let client =
    ///     AvatarClient::builder("sk-0123456789abcdef")?.environment(Environment::Gateway).build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = Some(environment);
        self
    }

    /// What the socket's handshake says as its `Origin`, such as `https://second-me.cn`, where the service takes only
    /// some. Default: the base URL's own origin.
    ///
    /// ```
    /// use secondme_avatar::AvatarClient;
    ///
    /// # fn main() -> Result<(), secondme_avatar::Error> {
    /// let client =
    ///     AvatarClient::builder("sk-0123456789abcdef")?.origin("https://second-me.cn").build()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A text that is not an origin is an error of [`build`](Self::build).
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origin = Some(origin.into());
        self
    }

    /// Whether plain `http` and `ws` to other machines are accepted. The API key then travels unencrypted. Default: no.
    pub fn allow_insecure(mut self, allow: bool) -> Self {
        self.allow_insecure = allow;
        self
    }

    /// The proxy for HTTP and for the socket: `http://user:password@host:port` or `https://…`, with special characters
    /// percent-encoded. SOCKS is not supported. This machine's own addresses are always reached directly. Default:
    /// what `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say.
    ///
    /// The environment is read when the client is made: `HTTPS_PROXY`
    /// and `HTTP_PROXY` by the scheme of the base URL and of the socket's address, `ALL_PROXY` for both, and
    /// `NO_PROXY` for what is spoken to directly (hosts with all below them, addresses, networks such as
    /// `10.0.0.0/8`, each with a `:port` if wanted, and `*`); all in lower case too.
    ///
    /// ```
    /// use secondme_avatar::AvatarClient;
    ///
    /// # fn main() -> Result<(), secondme_avatar::Error> {
    /// let client = AvatarClient::builder("sk-0123456789abcdef")?
    ///     .proxy("http://ada:p%40ss@proxy.example.com:3128")
    ///     .build()?;
    /// assert_eq!(client.proxy(), Some("proxy.example.com:3128"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A text that is not a proxy's URL is an error of [`build`](Self::build).
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.proxy = ProxyChoice::Url(Secret::from(url.into()));
        self
    }

    /// Connects without a proxy, whatever the environment says. Default: no.
    pub fn no_proxy(mut self) -> Self {
        self.proxy = ProxyChoice::Direct;
        self
    }

    /// A PEM file with certificates to trust beside those of the platform: for HTTP, for the socket and for an
    /// `https://` proxy. Not on Android, where they have to be installed in the system. Default: the file in
    /// `SECONDME_CA_FILE`.
    ///
    /// (`SSL_CERT_FILE` and
    /// `SSL_CERT_DIR` are the platform's own way where that is OpenSSL's, as on Linux; they *replace* what
    /// the platform trusts.)
    ///
    /// A file that cannot be read or holds no certificate is an error of [`build`](Self::build).
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(path.into());
        self
    }

    /// Whether Mozilla's root certificates, built into this library, are trusted where the machine has none of its own,
    /// as in a slim container. Where the machine has any, only those count. Default: yes.
    ///
    /// Where there are neither, [`build`](Self::build) with an `https` base URL is an error of kind
    /// [`Misuse`](crate::ErrorKind::Misuse). With an `http` base URL no certificates are needed.
    ///
    /// ```
    /// use secondme_avatar::AvatarClient;
    ///
    /// # fn main() -> Result<(), secondme_avatar::Error> {
    /// let builder = AvatarClient::builder("sk-0123456789abcdef")?;
    /// # let builder = builder.base_url("http://127.0.0.1:8080/gate/in".parse()?);
    /// let client = builder.builtin_roots(false).build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn builtin_roots(mut self, trust: bool) -> Self {
        self.builtin_roots = trust;
        self
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
    /// In Rust it may be any [`Store`].
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

    /// Is called with every call to the service, and every handshake of a socket, when it is over: for metrics. The report
    /// holds no secret and no spoken word.
    ///
    /// It is called on the client's own tasks, so it must not block.
    ///
    /// ```
    /// use secondme_avatar::AvatarClient;
    ///
    /// # fn main() -> Result<(), secondme_avatar::Error> {
    /// let client = AvatarClient::builder("sk-0123456789abcdef")?
    ///     .on_call(|call| println!("{} took {:?}: {:?}", call.step, call.took, call.error))
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_call(mut self, told: impl Fn(&CallReport) + Send + Sync + 'static) -> Self {
        self.on_call = Observer(Some(Arc::new(told)));
        self
    }

    /// Calls `told` with `true` when the client gets its first visitor whose conversation is not closed, or is about to
    /// by [`recover`](crate::AvatarClient::recover), and with `false` when the last one's is closed: for hosts whose
    /// process must not end in between. The client is locked meanwhile: `told` must not block, and not call the client.
    // For bindings: a host's process must not end while a client has visitors.
    #[doc(hidden)]
    pub fn on_occupied(mut self, told: impl Fn(bool) + Send + Sync + 'static) -> Self {
        self.on_occupied = Occupancy(Some(Arc::new(told)));
        self
    }

    /// Which language the client is used from, for the `User-Agent`: `python/3.11`.
    // For bindings, which name their language and its version. A Rust program sends `rust`.
    #[doc(hidden)]
    pub fn language(mut self, language: impl Into<String>) -> Self {
        self.language = Some(language.into());
        self
    }

    /// Where neither a base URL nor an environment is chosen, what `SECONDME_BASE_URL` says counts.
    // For bindings, which take the key as an option of their own.
    #[doc(hidden)]
    pub fn or_base_of_env(mut self) -> Self {
        let variable = std::env::var_os("SECONDME_BASE_URL").filter(|base| !base.is_empty());
        self.base_of_env = variable.map(|base| base.to_string_lossy().into_owned());
        self
    }
}
