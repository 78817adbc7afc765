//! How an emulator is started.

use std::fmt;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::Emulator;
use super::hub::Answerer;
use super::state_file::StateFileError;
use crate::brain::{Brain, Question, Secret, Step};
use crate::profile::Profile;
use crate::service::{Avatar, Fault, InvalidFault, InvalidSettings, Key, Settings, TokenStanding, UserToken};

/// Options of an [`Emulator`], then the emulator itself.
#[derive(Clone)]
#[must_use = "nothing runs before `start`"]
pub struct EmulatorBuilder {
    pub(super) host: IpAddr,
    pub(super) port: u16,
    pub(super) seed: u64,
    pub(super) settings: Settings,
    pub(super) answerer: Option<Answerer>,
    pub(super) faults: Vec<Fault>,
    pub(super) control_token: Option<Secret>,
    pub(super) state_file: Option<PathBuf>,
}

/// Why an emulator could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The settings contradict themselves.
    #[error("the emulator's settings: {0}")]
    Settings(#[from] InvalidSettings),
    /// A fault is not valid.
    #[error("a fault: {0}")]
    Fault(#[from] InvalidFault),
    /// The token could not travel in a header or behind the `#` of an address.
    #[error(
        "a token of the control API consists of letters, digits and `-._~+/`, and may end with `=` (RFC 6750); \
         `openssl rand -hex 16` makes one"
    )]
    Token,
    /// The system gives no random numbers, of which a token is made.
    #[error("no token can be made for the control API: {0}; give one with `--token`")]
    Random(#[from] getrandom::Error),
    /// The state file cannot be used.
    #[error(transparent)]
    State(#[from] StateFileError),
    /// The port cannot be listened on.
    #[error(
        "cannot listen on {address}: {source}; choose an address of this machine and a free port, or port 0 for any"
    )]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
}

impl EmulatorBuilder {
    pub(super) fn new() -> Self {
        Self {
            host: Ipv4Addr::LOCALHOST.into(),
            port: 0,
            seed: 0,
            settings: Settings::default(),
            answerer: None,
            faults: Vec::new(),
            control_token: None,
            state_file: None,
        }
    }

    /// The address to listen on. Default: 127.0.0.1.
    pub fn host(mut self, host: IpAddr) -> Self {
        self.host = host;
        self
    }

    /// The port to listen on. Default: 0, which takes any free one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// What every call of the control API has to show, as `Authorization: Bearer TOKEN`. Default: nothing where it listens
    /// on loopback, so that any program on this computer may make them; a random token elsewhere, which
    /// [`Emulator::control_token`] tells. A caller that shows it may be on another computer. It consists of letters, digits
    /// and `-._~+/`, and may end with `=` (RFC 6750).
    pub fn control_token(mut self, token: impl Into<String>) -> Self {
        self.control_token = Some(Secret::new(token));
        self
    }

    /// A file in which the state outlives the emulator: visitors, tokens, sessions with their messages and frames,
    /// takeovers, keys, avatars, quotas and counts. It is read at the start, and written after changes and at the end,
    /// for this user alone to read. Not in it are sockets, what is just being said, messages that wait for their answer,
    /// the journal and the faults.
    pub fn state_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.state_file = Some(path.into());
        self
    }

    /// The seed of every id the service gives out.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// All settings at once.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Changes some of the settings, switches among them.
    pub fn configure(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// The service behaves as `avatar survey` has seen one; what the profile does not answer stays as it is.
    pub fn profile(mut self, profile: &Profile) -> Self {
        self.settings = profile.apply(&self.settings);
        self
    }

    /// What answers the visitors. A script's name and opening line go to the first avatar.
    pub fn brain(mut self, brain: Brain) -> Self {
        if let (Brain::Script(script), Some(avatar)) = (&brain, self.settings.avatars.first_mut()) {
            avatar.adopt(&script.avatar);
        }
        self.settings.brain = brain;
        self
    }

    /// A function that answers the visitors, in place of an echo or a script.
    pub fn answer_with<F, A>(mut self, answer: F) -> Self
    where
        F: Fn(Question) -> A + Send + Sync + 'static,
        A: Future<Output = Vec<Step>> + Send + 'static,
    {
        self.settings.brain = Brain::Outside;
        self.answerer = Some(Arc::new(move |question| Box::pin(answer(question))));
        self
    }

    /// By how much every HTTP answer, and the answer to every handshake, is delayed.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.settings.latency = latency.into();
        self
    }

    /// How long it takes from one piece of a reply to the next.
    pub fn piece_delay(mut self, delay: Duration) -> Self {
        self.settings.piece_delay = delay.into();
        self
    }

    /// The API key of the first avatar, in place of the one there is. It must begin with `sk-`.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        let share_code = self.settings.avatars.first().map(|avatar| avatar.share_code.clone());
        let share_code = share_code.unwrap_or_default();
        self.settings.keys = vec![Key { key: key.into(), share_code, disabled: false }];
        self
    }

    /// One more API key.
    pub fn key(mut self, key: Key) -> Self {
        self.settings.keys.push(key);
        self
    }

    /// The id and the secret of the first app of Visitor Chat, in place of those there are.
    pub fn client(mut self, client_id: impl Into<String>, client_secret: impl Into<String>) -> Self {
        let mut app = self.settings.apps.first().cloned().unwrap_or_default();
        (app.client_id, app.client_secret) = (client_id.into(), client_secret.into());
        self.settings.apps = vec![app];
        self
    }

    /// An access token of a user of Visitor Chat. It must begin with `lba_at_`.
    pub fn user_token(mut self, token: impl Into<String>, user: impl Into<String>) -> Self {
        let (token, user) = (token.into(), user.into());
        self.settings.user_tokens.push(UserToken { token, user, standing: TokenStanding::Live });
        self
    }

    /// One more avatar.
    pub fn avatar(mut self, avatar: Avatar) -> Self {
        self.settings.avatars.push(avatar);
        self
    }

    /// The name of the first avatar.
    pub fn avatar_name(mut self, name: impl Into<String>) -> Self {
        if let Some(avatar) = self.settings.avatars.first_mut() {
            avatar.name = name.into();
        }
        self
    }

    /// What the first avatar says first.
    pub fn opening(mut self, opening: impl Into<String>) -> Self {
        if let Some(avatar) = self.settings.avatars.first_mut() {
            avatar.opening = opening.into();
        }
        self
    }

    /// Adds a fault.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Starts the emulator. When this returns it takes requests.
    pub async fn start(self) -> Result<Emulator, StartError> {
        Emulator::start(self).await
    }
}

impl fmt::Debug for EmulatorBuilder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = out.debug_struct("EmulatorBuilder");
        out.field("host", &self.host).field("port", &self.port).field("seed", &self.seed);
        out.field("settings", &self.settings).finish_non_exhaustive()
    }
}
