//! The service behind real HTTP and WebSocket.

mod builder;
mod clock;
mod connection;
mod console;
mod control;
mod http;
mod hub;
#[cfg(feature = "openai")]
mod openai;
mod socket;
mod state_file;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use self::builder::{EmulatorBuilder, StartError};
use self::connection::{Connections, Peer};
use self::control::Guard;
use self::hub::Hub;
use self::state_file::StateFile;
pub use self::state_file::StateFileError;
use crate::brain::Secret;
use crate::service::{
    App, BASE_PATH, CloseHow, Entry, Failure, Fault, FaultId, FaultState, Injection, InvalidFault,
    LAB_BASE_PATH, Millis, OwnerAction, Saved, Service, Settings, State, TokenStanding,
};

/// How long requests in flight may take to end when the emulator is stopped.
const STOP_WITHIN: Duration = Duration::from_secs(2);

/// A running emulator. Dropped, it stops; any number of them run side by side.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use secondme_avatar_emulator::{Brain, Emulator};
/// use secondme_avatar_emulator::service::Pings;
/// use std::time::Duration;
///
/// let emulator = Emulator::builder()
///     .brain(Brain::demo())
///     .latency(Duration::from_millis(20))
///     .configure(|settings| settings.pings = Pings::Nothing)
///     .start()
///     .await?;
/// assert!(emulator.base_url().ends_with("/gate/in"));
/// emulator.advance(Duration::from_secs(600)).await;
/// assert_eq!(emulator.state().sessions.len(), 0);
/// # Ok(()) }
/// ```
pub struct Emulator {
    hub: Arc<Hub>,
    address: SocketAddr,
    base_url: String,
    lab_base_url: String,
    control_url: String,
    console_url: String,
    api_key: String,
    stop: watch::Sender<bool>,
    server: Option<JoinHandle<()>>,
}

/// What the avatar's owner does in the app. See [`Emulator::owner`].
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    emulator: &'a Emulator,
}

impl Emulator {
    /// Options first, then [`EmulatorBuilder::start`].
    pub fn builder() -> EmulatorBuilder {
        EmulatorBuilder::new()
    }

    /// The base URL for a client, as `https://mindos.mindverse.ai/gate/in` in production.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The base URL of Visitor Chat for a client, as `https://api.mindverse.com/gate/lab` in production.
    pub fn lab_base_url(&self) -> &str {
        &self.lab_base_url
    }

    /// The `client_id` of the first app of Visitor Chat; empty where the settings have none.
    pub fn client_id(&self) -> String {
        self.first_app(|app| &app.client_id)
    }

    /// The `client_secret` of the first app of Visitor Chat; empty where the settings have none.
    pub fn client_secret(&self) -> String {
        self.first_app(|app| &app.client_secret)
    }

    /// Issues an access token of a user of Visitor Chat, as if that user had just let an app speak.
    ///
    /// ```
    /// # use secondme_avatar_emulator::{Emulator, service::TokenStanding};
    /// # fn example(emulator: &Emulator) {
    /// let token = emulator.issue_user_token("ann");
    /// assert!(token.starts_with("lba_at_"));
    /// emulator.set_chat_tokens(Some(&token), TokenStanding::Revoked);
    /// # }
    /// ```
    pub fn issue_user_token(&self, user: &str) -> String {
        self.hub.with(|service, now| service.issue_user_token(now, user))
    }

    /// Changes the standing of a token of Visitor Chat, an app's or a user's; without one, of all that
    /// were issued and of all that stand in the settings. Says how many there were.
    pub fn set_chat_tokens(&self, token: Option<&str>, standing: TokenStanding) -> usize {
        self.hub.with(|service, now| service.set_chat_tokens(now, token, standing))
    }

    /// An API key of the first avatar.
    pub fn api_key(&self) -> &str {
        &self.api_key
    }

    /// All API keys there are, those disabled among them.
    pub fn api_keys(&self) -> Vec<String> {
        self.hub.with(|service, _| service.settings().keys.iter().map(|key| key.key.clone()).collect())
    }

    /// The base URL of the control API.
    pub fn control_url(&self) -> &str {
        &self.control_url
    }

    /// The address of the console, with the token behind its `#` where the control API wants one.
    pub fn console_url(&self) -> &str {
        &self.console_url
    }

    /// What calls of the control API have to show, as `Authorization: Bearer TOKEN`.
    pub fn control_token(&self) -> Option<&str> {
        self.hub.guard().token().map(Secret::expose)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The avatar's owner, who can read along and take over.
    pub fn owner(&self) -> Owner<'_> {
        Owner { emulator: self }
    }

    /// Puts a hint, a notice, a failure or any frame into a session.
    pub fn inject(&self, session_id: &str, injection: Injection) -> Result<(), Failure> {
        self.hub.with(|service, now| service.inject(now, session_id, injection))
    }

    /// Closes the socket of a `wsId`, or all of them. Says how many there were.
    pub fn close_sockets(&self, ws_id: Option<&str>, how: &CloseHow) -> usize {
        self.hub.with(|service, now| service.close_sockets(now, ws_id, how))
    }

    /// What the service has received and knows.
    pub fn state(&self) -> State {
        self.hub.with(|service, now| service.state(now))
    }

    /// Waits until `wanted` accepts the state, and returns it. Waits for ever if that never happens.
    pub async fn wait_until(&self, wanted: impl Fn(&State) -> bool) -> State {
        let found = |service: &mut Service, now| Some(service.state(now)).filter(&wanted);
        self.hub.wait_until(found).await
    }

    /// Changes settings from now on.
    pub fn configure(&self, change: impl FnOnce(&mut Settings)) {
        self.hub.with(|service, _| service.change_settings(change));
    }

    /// Adds a fault, after those there are.
    ///
    /// ```
    /// # use secondme_avatar_emulator::{Emulator, service::InvalidFault};
    /// use secondme_avatar_emulator::service::{Effect, Fault, InjectionPoint};
    ///
    /// # fn example(emulator: &Emulator) -> Result<(), InvalidFault> {
    /// emulator.fault(Fault::new(InjectionPoint::MessageSend, Effect::CutAfter).skip(1))?;
    /// emulator.fault(r#"{"at": "frame-out", "sender": "umm", "do": "drop", "chance": 0.05}"#.parse()?)?;
    /// # Ok(()) }
    /// ```
    pub fn fault(&self, fault: Fault) -> Result<FaultId, InvalidFault> {
        self.hub.with(|service, _| service.add_fault(fault))
    }

    /// All faults, those used up among them.
    pub fn faults(&self) -> Vec<FaultState> {
        self.hub.with(|service, _| service.faults().to_vec())
    }

    /// Removes one fault, and says whether it was there.
    pub fn remove_fault(&self, fault: FaultId) -> bool {
        self.hub.with(|service, _| service.remove_fault(fault))
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.hub.with(|service, _| service.clear_faults());
    }

    /// Waits until the journal has entries from this number on, and returns them.
    #[cfg(feature = "cli")]
    pub(crate) async fn entries_from(&self, since: u64) -> Vec<Entry> {
        let there_are = |service: &mut Service, now| {
            let (entries, _) = service.journal(now, since);
            (!entries.is_empty()).then_some(entries)
        };
        self.hub.wait_until(there_are).await
    }

    /// Waits until something else than this keeps the state out of its file, or nothing any more.
    #[cfg(feature = "cli")]
    pub(crate) async fn state_trouble_other_than(&self, known: Option<String>) -> Option<String> {
        let another = |service: &mut Service, _| {
            (service.state_trouble() != known.as_ref()).then(|| service.state_trouble().cloned())
        };
        self.hub.wait_until(another).await
    }

    /// Everything received and sent, in order, as far as it is still known.
    pub fn journal(&self) -> Vec<Entry> {
        self.hub.with(|service, now| service.journal(now, 0).0)
    }

    /// The emulator's time: the real one, and what [`Emulator::advance`] has added.
    pub fn now(&self) -> Millis {
        self.hub.now()
    }

    /// Moves the emulator's clock on. Every timer on the way happens at its own moment.
    pub async fn advance(&self, by: Duration) {
        self.hub.advance(by.into()).await;
    }

    /// Forgets all visitors, sessions and counts, and cuts all sockets.
    pub fn reset(&self) {
        self.hub.with(|service, now| service.reset(now));
    }

    /// Stops, and waits until every task has ended. The state is saved, where there is a
    /// [file](EmulatorBuilder::state_file) for it; [`Emulator::save_state`] before says whether that can be done.
    pub async fn stop(self) {
        // `save_state` tells what is wrong.
        let _ = self.end().await;
    }

    /// Saves the state now, where there is a [file](EmulatorBuilder::state_file) for it.
    pub fn save_state(&self) -> Result<(), StateFileError> {
        self.hub.state_file().map_or(Ok(()), |file| file.save(&self.hub))
    }

    /// Stops, and says whether the state could be saved.
    pub(crate) async fn end(mut self) -> Result<(), StateFileError> {
        self.stop.send_replace(true);
        if let Some(mut server) = self.server.take()
            && tokio::time::timeout(STOP_WITHIN, &mut server).await.is_err()
        {
            server.abort();
        }
        // Every task holds a receiver for as long as it runs.
        let _ = tokio::time::timeout(STOP_WITHIN, self.stop.closed()).await;
        self.save_state()
    }

    fn first_app(&self, field: impl Fn(&App) -> &String) -> String {
        let first = |service: &mut Service, _| service.settings().apps.first().map(|app| field(app).clone());
        self.hub.with(first).unwrap_or_default()
    }

    async fn start(options: EmulatorBuilder) -> Result<Self, StartError> {
        options.settings.check()?;
        let address = SocketAddr::new(options.host, options.port);
        let failed = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let api_key = options.settings.keys.first().map(|key| key.key.clone()).unwrap_or_default();

        let (stop, _) = watch::channel(false);
        let (state_file, saved) = match &options.state_file {
            None => (None, None),
            Some(path) => {
                let (file, saved) = StateFile::open(path)?;
                (Some(Arc::new(file)), saved)
            }
        };
        let at_least = saved.as_ref().map_or(Millis::ZERO, Saved::now);
        let service = |now| match saved {
            None => Service::new(options.settings, now, options.seed),
            Some(saved) => Service::resumed(options.settings, now, saved),
        };
        let faults = options.faults;
        // Where other computers can reach it, only those may control it that show the token.
        let token = match options.control_token {
            None if !options.host.to_canonical().is_loopback() => Some(Secret::random()?),
            Some(given) if !control::is_token(given.expose()) => return Err(StartError::Token),
            given => given,
        };
        let fragment = token.as_ref().map(|token| format!("#{}", token.expose())).unwrap_or_default();
        let kept = state_file.clone();
        let hub = Hub::new(at_least, service, options.answerer, Guard::new(token), kept, stop.clone());
        if let Some(file) = state_file {
            // At once, so that a file that cannot be written is known before anything depends on it.
            file.save(&hub)?;
            tokio::spawn(file.keep(Arc::clone(&hub)));
        }
        for fault in faults {
            hub.with(|service, _| service.add_fault(fault))?;
        }
        tokio::spawn(Arc::clone(&hub).run_timers());
        let service = http::router(Arc::clone(&hub)).into_make_service_with_connect_info::<Peer>();
        let listener = Connections(listener);
        let mut stopped = hub.stopped();
        let server = axum::serve(listener, service).with_graceful_shutdown(async move {
            // An error means that the emulator is gone.
            let _ = stopped.wait_for(|stopped| *stopped).await;
        });
        let server = tokio::spawn(async move {
            // axum's server ends by shutdown alone.
            let _ = server.await;
        });

        // An address like 0.0.0.0 can be listened on, but not talked to.
        let host = match address.ip() {
            ip if !ip.is_unspecified() => SocketAddr::new(ip, address.port()).to_string(),
            ip if ip.is_ipv4() => format!("127.0.0.1:{}", address.port()),
            _ => format!("[::1]:{}", address.port()),
        };
        Ok(Self {
            hub,
            address,
            base_url: format!("http://{host}{BASE_PATH}"),
            lab_base_url: format!("http://{host}{LAB_BASE_PATH}"),
            control_url: format!("http://{host}/_emulator"),
            console_url: format!("http://{host}/{fragment}"),
            api_key,
            stop,
            server: Some(server),
        })
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Emulator").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Owner<'_> {
    /// Writes to the visitor in person, which takes the conversation over as well. Gives the id of
    /// the message.
    pub fn reply(&self, session_id: &str, text: &str) -> Result<String, Failure> {
        let (session_id, text) = (session_id.to_owned(), text.to_owned());
        let written = self.act(OwnerAction::Reply { session_id, text })?;
        Ok(written.unwrap_or_default())
    }

    /// Takes the conversation over: the avatar is silent from now on.
    pub fn take_over(&self, session_id: &str) -> Result<(), Failure> {
        self.act(OwnerAction::TakeOver { session_id: session_id.to_owned() }).map(drop)
    }

    /// Gives the conversation back to the avatar.
    pub fn hand_back(&self, session_id: &str) -> Result<(), Failure> {
        self.act(OwnerAction::HandBack { session_id: session_id.to_owned() }).map(drop)
    }

    fn act(&self, action: OwnerAction) -> Result<Option<String>, Failure> {
        self.emulator.hub.with(|service, now| service.owner(now, action))
    }
}
