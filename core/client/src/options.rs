//! How a client is set up.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use secondme_avatar_protocol::{ApiKey, Config, Delivery, Error, ErrorKind, OptionName, Secret, limits};

use crate::base_url::BaseUrl;
use crate::clock::WallClock;
use crate::proxy::ProxyChoice;
use crate::report::{CallReport, Observer, Occupancy};
use crate::resolver::Resolver;
use crate::store::Store;

/// Events that a subscription holds before the socket is read no further.
const EVENT_QUEUE: usize = 1024;

/// The shortest `idle_after`: coming back costs two round trips.
const IDLE_MIN: Duration = Duration::from_secs(1);

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
    pub(crate) base: BaseUrl,
    pub(crate) config: Config,
    pub(crate) deadlines: Deadlines,
    pub(crate) queue: usize,
    pub(crate) quota: usize,
    pub(crate) max_live: Option<usize>,
    pub(crate) idle_after: Option<Duration>,
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
}

impl ClientBuilder {
    pub(crate) fn new(key: ApiKey) -> Self {
        Self {
            key,
            base: BaseUrl::default(),
            config: Config { takes_turns: true, ..Config::default() },
            deadlines: Deadlines::default(),
            queue: EVENT_QUEUE,
            quota: limits::QUOTA_CALLS,
            max_live: None,
            idle_after: None,
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
        }
    }

    /// Where the service is; production, if not said otherwise.
    pub fn base_url(mut self, base: BaseUrl) -> Self {
        self.base = base;
        self
    }

    /// Takes plain `http` and `ws` to other machines too. The API key then travels in the open.
    pub fn allow_insecure(mut self, allow: bool) -> Self {
        self.allow_insecure = allow;
        self
    }

    /// The proxy for HTTP and for the socket, `http://` or `https://`, with a user name and a password if it
    /// wants them (`http://user:password@host:port`, percent-encoded where they are special). SOCKS is not
    /// spoken. This machine's own addresses are spoken to directly all the same.
    ///
    /// If nothing is said here, the environment counts, as it stands when the client is made: `HTTPS_PROXY`
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
    /// An address that is none is an error of [`build`](Self::build).
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.proxy = ProxyChoice::Url(Secret::from(url.into()));
        self
    }

    /// Without a proxy, whatever the environment says.
    pub fn no_proxy(mut self) -> Self {
        self.proxy = ProxyChoice::Direct;
        self
    }

    /// Trusts the certificates in this PEM file as well as those that the platform trusts: for HTTP, for the
    /// socket and for an `https://` proxy. Not on Android, where they have to be installed in the system.
    ///
    /// If nothing is said here, the file in `SECONDME_CA_FILE` counts, if that is set. (`SSL_CERT_FILE` and
    /// `SSL_CERT_DIR` are the platform's own way where that is OpenSSL's, as on Linux; they *replace* what
    /// the platform trusts.)
    ///
    /// A file that cannot be read or holds no certificate is an error of [`build`](Self::build).
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(path.into());
        self
    }

    /// Whether the root certificates that Mozilla publishes, built into this library, are trusted where the
    /// machine has none of its own, as in a slim container; they are, if not said otherwise. Where the machine
    /// has any, its own alone count.
    ///
    /// Where there are neither, [`build`](Self::build) with an `https` base URL is an error of kind
    /// [`Misuse`](ErrorKind::Misuse). With an `http` base URL no certificates are needed.
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

    /// Between two pings: 5 s to 15 s, which it is if not said otherwise.
    pub fn heartbeat(mut self, interval: Duration) -> Self {
        self.config.heartbeat = interval;
        self
    }

    /// Whether frames are acknowledged; they are, if not said otherwise.
    pub fn acknowledge(mut self, acknowledge: bool) -> Self {
        self.config.acknowledge = acknowledge;
        self
    }

    /// The silence that ends a reply whose end mark never comes; 3 s, if not said otherwise.
    pub fn reply_idle(mut self, idle: Duration) -> Self {
        self.config.reply_idle = idle;
        self
    }

    /// What becomes of a message of which nobody can tell whether the service took it; it is handed
    /// back, if not said otherwise.
    pub fn delivery(mut self, delivery: Delivery) -> Self {
        self.config.delivery = delivery;
        self
    }

    /// How many events a subscription holds before the socket is read no further; 1024, if not said
    /// otherwise. More than 16 MiB of them it never holds.
    pub fn event_queue(mut self, events: usize) -> Self {
        self.queue = events;
        self
    }

    /// How many authentications the API key has in a minute; 60, if not said otherwise, as the page
    /// says. More than the service grants, and it refuses.
    pub fn quota(mut self, per_minute: usize) -> Self {
        self.quota = per_minute;
        self
    }

    /// How many visitors may hold a socket at a time; as many as there are, if not said otherwise.
    ///
    /// Where all of them do, and another one is opened or wakes, the one that has been idle the longest
    /// rests ([`State::Paused`](crate::State::Paused)): it gives up its socket and keeps everything else,
    /// and the next thing it is asked to do wakes it; what was said meanwhile is there then. Idle is who is
    /// owed no answer and on whom nobody waits. Where nobody is idle, the newcomer waits in order of
    /// arrival, no longer than its deadline. See [`Stats`](crate::Stats) for who does what.
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

    /// After how long an idle visitor gives up the socket, as with [`max_live`](Self::max_live); 1 s or
    /// more. Never, if not said otherwise: whatever the owner says is heard at once.
    ///
    /// A visitor who rests hears nothing before the next message, `open`, `history` or `resume`; then all
    /// that was said meanwhile comes as events.
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
        self.idle_after = Some(idle);
        self
    }

    /// The whole time of an `open`; 30 s, if not said otherwise.
    pub fn open_deadline(mut self, deadline: Duration) -> Self {
        self.deadlines.open = deadline;
        self
    }

    /// The whole time of a `send`; 15 s, if not said otherwise.
    pub fn send_deadline(mut self, deadline: Duration) -> Self {
        self.deadlines.send = deadline;
        self
    }

    /// How long a message that is sent [`durable`](crate::Send::durable) may wait, over all the processes
    /// that try; 24 h, if not said otherwise. After that it is handed back as an
    /// [`Unsent`](crate::EventKind::Unsent) event.
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

    /// Keeps what is known of visitors, and messages sent [`durable`](crate::Send::durable), beyond the
    /// process: whoever starts again on the same store goes on with the same sessions, hears what was said in
    /// between, and sends what was not sent. Nothing is kept, if not said otherwise.
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
    /// What was heard counts as heard when whoever takes the events comes back for more. A process killed in
    /// between hears it again: then the event has the same `seqId` and message id as before.
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// The whole time of a `history`; 30 s, if not said otherwise.
    pub fn history_deadline(mut self, deadline: Duration) -> Self {
        self.deadlines.history = deadline;
        self
    }

    /// How long a `close` or an `end` waits for what is still to be sent; 5 s, if not said otherwise.
    pub fn close_deadline(mut self, deadline: Duration) -> Self {
        self.deadlines.close = deadline;
        self
    }

    /// The whole time of an `ask` or a `stream`; 120 s, if not said otherwise.
    pub fn ask_deadline(mut self, deadline: Duration) -> Self {
        self.deadlines.ask = deadline;
        self
    }

    /// How long the first piece of a reply may take; 60 s, if not said otherwise.
    pub fn first_piece_deadline(mut self, deadline: Duration) -> Self {
        self.deadlines.first_piece = deadline;
        self
    }

    /// Is told of every call to the service and every handshake of a socket when it is over: for
    /// metrics, and for finding out where time is lost. It is called on the client's own tasks, so it
    /// must not block; and it is told no secret and nothing that anybody says.
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

    #[doc(hidden)]
    /// Is told `true` when the client gets its first visitor whose conversation is not closed, or is about to by
    /// [`recover`](crate::AvatarClient::recover), and `false` when the last one's is closed: for hosts whose process
    /// must not end in between. It is called with the client locked: it must not block, and not call the client.
    pub fn on_occupied(mut self, told: impl Fn(bool) + Send + Sync + 'static) -> Self {
        self.on_occupied = Occupancy(Some(Arc::new(told)));
        self
    }

    #[doc(hidden)]
    /// Which language the client is used from, for the `User-Agent`: `python/3.11`.
    pub fn language(mut self, language: impl Into<String>) -> Self {
        self.language = Some(language.into());
        self
    }

    /// Fails if an option has a value that it cannot have.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let misuse = |message: String| Err(Error::new(ErrorKind::Misuse, message));
        self.base.check(self.allow_insecure)?;
        let (shortest, longest) = (limits::HEARTBEAT_MIN, limits::HEARTBEAT);
        if self.config.heartbeat < shortest || self.config.heartbeat > longest {
            return misuse(format!(
                "a heartbeat of {:?} is not possible: choose {} to {} s, or leave it out",
                self.config.heartbeat,
                shortest.as_secs(),
                longest.as_secs()
            ));
        }
        if self.max_live == Some(0) {
            return misuse(format!(
                "with a {} of 0 no visitor could be opened: choose 1 or more, or leave it out",
                OptionName::MAX_LIVE
            ));
        }
        if let Some(idle) = self.idle_after.filter(|idle| *idle < IDLE_MIN) {
            return misuse(format!(
                "an {} of {idle:?} is too short: choose 1 s or more, or leave it out",
                OptionName::IDLE_AFTER
            ));
        }
        if self.queue < 2 {
            return misuse("an event queue holds 2 events or more: choose more, or leave it out".to_owned());
        }
        if self.language.as_ref().is_some_and(|name| !name.bytes().all(|byte| byte.is_ascii_graphic())) {
            return misuse("the language goes into a header: write it like `python/3.11`".to_owned());
        }
        Ok(())
    }

    pub(crate) fn user_agent(&self) -> String {
        let own = concat!("secondme-avatar/", env!("CARGO_PKG_VERSION"));
        match &self.language {
            Some(language) => format!("{own} {language}"),
            None => format!("{own} rust"),
        }
    }
}
