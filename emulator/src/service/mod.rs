//! The whole service as a state machine: no socket, no clock, no randomness.
//!
//! Requests and frames go in with the time they arrive at. Answers come back at once, and what is
//! to be sent over sockets is collected with [`Service::poll`]. Everything that takes time is a
//! timer inside: [`Service::next_deadline`] says when the next is due, [`Service::tick`] lets those
//! due happen, each at its own moment and in order. The same calls with the same times and the same
//! seed give the same run.
//!
//! ```
//! use secondme_avatar_emulator::service::{Millis, Request, Service, Settings};
//! use serde_json::json;
//!
//! let mut service = Service::new(Settings::default(), Millis::ZERO, 7);
//! let request = Request::new("POST", "/gate/in/rest/open/avatar/auth")
//!     .header("Authorization", "Bearer sk-emulator")
//!     .json(&json!({"visitorId": "web_6ba7b810-9dad-11d1-80b4-00c04fd430c8"}));
//! let answer = service.handle(Millis::ZERO, &request);
//! assert!(answer.body.contains("visitorToken"));
//! ```

mod addresses;
mod calls;
mod close;
mod counts;
mod delivery;
mod door;
mod failure;
mod faults;
mod frame_log;
mod frames;
mod history;
mod http;
mod ids;
mod journal;
mod live;
mod news;
mod overview;
mod owner;
mod quotas;
mod random;
mod saved;
mod settings;
mod sockets;
mod state;
mod summary;
mod switches;
mod timers;
mod turns;
mod unacknowledged;
mod visitor_chat;
mod visitors;
mod watch;
mod world;

use std::collections::VecDeque;

pub use self::close::CloseHow;
pub(crate) use self::close::check_close_code;
use self::counts::Counts;
pub use self::door::Door;
pub use self::failure::{Code, CodeSource, Failure};
use self::faults::Faults;
pub(crate) use self::faults::faults_there_are;
pub use self::faults::{Effect, Fault, FaultId, FaultState, InjectionPoint, InvalidFault};
pub(crate) use self::http::percent_decoded;
pub use self::http::{Answer, Delivery, Headers, Request};
pub use self::ids::{AskId, SocketId, Whose};
use self::journal::Journal;
pub use self::journal::{Body, By, Entry, What};
pub(crate) use self::journal::{Excerpt, Wanted};
pub(crate) use self::news::{Event, Reader};
pub use self::owner::{Injection, OwnerAction};
use self::random::Random;
pub(crate) use self::saved::Saved;
pub use self::settings::{Avatar, InvalidSettings, Key, Settings};
pub use self::sockets::SOCKET_PATH;
pub use self::state::{MessageState, SessionState, SocketState, State, VisitorState};
pub use self::switches::{
    ClientText, CloseCode, DeadSocketSend, DeadToken, Extensions, FailureShape, FailureStatus, FrameFields,
    HistoryCalls, IdForm, Money, Origin, OtherClients, PingDrop, Pings, QuotaScope, Redelivery,
    RepeatedMessage, RepliesPerQuestion, RetryAfter, SecondSocket, Streaming, TakeoverSilence, TokenLifetime,
};
use self::timers::{Timer, Timers};
pub use self::visitor_chat::{
    App, AppStanding, BarePing, ChatQuota, Echo, EchoId, ExpiresIn, FailureForm, FailureHttp, FrameIds,
    MessageLength, OlderSocket, OpeningLine, RedeliveredName, SecondInit, SendAnswer, SendApiKey,
    SocketSilence, SocketUrl, SocketUrlLife, TokenStanding, UserIdOf, UserToken, VisitorIdForm, VoiceForm,
};
use self::watch::Watch;
use self::world::World;
use crate::brain::Question;
pub use crate::brain::{Author, EndMark};
pub use crate::switch::UnknownAnswer;
pub use crate::time::{Millis, NotATime};

/// What the path of every documented call begins with, as in production.
pub const BASE_PATH: &str = Door::AvatarOpenApi.base_path();

/// What the path of every call of Visitor Chat begins with, as in production.
pub const LAB_BASE_PATH: &str = Door::VisitorChat.base_path();

/// The service.
#[derive(Debug)]
pub struct Service {
    settings: Settings,
    /// How often they have been changed.
    settings_changes: u64,
    /// When it was made.
    begun: Millis,
    now: Millis,
    seed: u64,
    random: Random,
    /// For handles and message ids; never goes back, so that nothing old is taken for new.
    counter: u64,
    timers: Timers,
    pushes: VecDeque<Push>,
    world: World,
    counts: Counts,
    faults: Faults,
    journal: Journal,
    watch: Watch,
    /// Why what is known could not be kept outside, if it could not.
    state_trouble: Option<String>,
}

/// What the service wants done outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Push {
    /// A text frame goes to a socket.
    Frame {
        /// The socket.
        socket: SocketId,
        /// The frame.
        text: String,
    },
    /// A socket is closed. It is gone for the service already.
    Close {
        /// The socket.
        socket: SocketId,
        /// How.
        how: CloseHow,
    },
    /// Nothing passes through a socket any more, either way, and its client is not told. It stays
    /// open for the service until it misses its pings.
    HalfOpen {
        /// The socket.
        socket: SocketId,
    },
    /// An outside brain is asked; [`Service::answer`] takes what it says.
    Ask {
        /// By which the answer is matched.
        ask: AskId,
        /// The message to be answered.
        question: Question,
    },
}

impl Service {
    /// A service on which nothing has happened yet.
    ///
    /// `seed` decides every id it gives out.
    pub fn new(settings: Settings, now: Millis, seed: u64) -> Self {
        Self {
            journal: Journal::new(settings.journal),
            settings,
            settings_changes: 0,
            begun: now,
            now,
            seed,
            random: Random::new(seed),
            counter: 0,
            timers: Timers::default(),
            pushes: VecDeque::new(),
            world: World::default(),
            counts: Counts::default(),
            faults: Faults::new(seed),
            watch: Watch::default(),
            state_trouble: None,
        }
    }

    /// What the service is like.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Changes what the service is like from now on. Timers that are set already stay as they are.
    ///
    /// Avatars can be changed and added, but not taken away: visitors belong to them.
    pub fn change_settings(&mut self, change: impl FnOnce(&mut Settings)) {
        let (avatars, keys) = (self.settings.avatars.clone(), self.settings.keys.clone());
        change(&mut self.settings);
        self.settings_changes += 1;
        self.watch.note();
        if keys != self.settings.keys {
            self.keys_changed(&keys);
        }
        let kept = self.settings.avatars.len();
        self.settings.avatars.extend(avatars.into_iter().skip(kept));
        self.journal.set_capacity(self.settings.journal);
        self.bound_history();
    }

    /// Tokens and quotas belong to keys, wherever in the list these stand now.
    fn keys_changed(&mut self, before: &[Key]) {
        let now_at = |old: usize| {
            let key = before.get(old)?;
            self.settings.keys.iter().position(|one| one.key == key.key)
        };
        for token in self.world.tokens.values_mut() {
            // Tokens of a removed key stay valid, and count against no key.
            token.key = now_at(token.key).unwrap_or(usize::MAX);
        }
        self.world.quotas.move_keys(now_at);
    }

    /// Answers an HTTP request. Every call passes through here. How the answer reaches the client,
    /// if it does, stands in [`Answer::delivery`].
    pub fn handle(&mut self, now: Millis, request: &Request) -> Answer {
        self.tick(now);
        self.watch.note();
        if !self.journal.is_on() {
            return self.answer_call(request);
        }
        let (call, whose) = (Self::call_name(&request.path), self.caller_of(request));
        let number = self.journal.note(self.now, whose.clone(), What::request(call, request));
        let answer = self.answer_call(request);
        let what = What::answer(number, call, &answer, self.settings.latency);
        self.journal.note(self.now, whose, what);
        answer
    }

    /// Adds a fault, after those there are.
    pub fn add_fault(&mut self, fault: Fault) -> Result<FaultId, InvalidFault> {
        self.faults.add(fault)
    }

    /// All faults, those used up among them.
    pub fn faults(&self) -> &[FaultState] {
        self.faults.rules()
    }

    /// Removes one fault, and says whether it was there.
    pub fn remove_fault(&mut self, fault: FaultId) -> bool {
        self.faults.remove(fault)
    }

    /// Removes all faults. Frames they hold back still come, and sockets they made deaf stay so.
    pub fn clear_faults(&mut self) {
        self.faults.clear();
    }

    /// What happened from the entry `since` on, as far as it is still known, and the number of the
    /// entry that comes next.
    pub fn journal(&mut self, now: Millis, since: u64) -> (Vec<Entry>, u64) {
        self.tick(now);
        (self.journal.since(since), self.journal.next())
    }

    /// Some of what happened.
    pub(crate) fn journal_excerpt(&mut self, now: Millis, wanted: &Wanted) -> Excerpt {
        self.tick(now);
        self.journal.excerpt(wanted)
    }

    /// The number of the entry that comes next.
    pub fn journal_next(&mut self, now: Millis) -> u64 {
        self.tick(now);
        self.journal.next()
    }

    /// The moment of the next timer.
    pub fn next_deadline(&self) -> Option<Millis> {
        self.timers.next()
    }

    /// Lets every timer that is due happen, each at the moment it was set for.
    pub fn tick(&mut self, now: Millis) {
        while let Some((at, timer)) = self.timers.take_due(now) {
            self.now = self.now.max(at);
            self.fire(timer);
        }
        self.now = self.now.max(now);
    }

    /// The next thing to be done outside.
    pub fn poll(&mut self) -> Option<Push> {
        self.pushes.pop_front()
    }

    /// Forgets everything but the settings, and cuts all sockets. Nothing given out before is
    /// valid after it, and nothing is given out twice.
    pub fn reset(&mut self, now: Millis) {
        self.tick(now);
        let sockets: Vec<_> = self.world.sockets.keys().copied().collect();
        self.world = World::default();
        self.timers.clear();
        self.pushes.clear();
        self.counts = Counts::default();
        self.faults.reset();
        self.journal.clear();
        self.watch.forget();
        let cut = |socket| Push::Close { socket, how: CloseHow::Abrupt };
        self.pushes.extend(sockets.into_iter().map(cut));
    }

    fn fire(&mut self, timer: Timer) {
        match timer {
            Timer::Silence(socket) => self.check_silence(socket),
            Timer::AddressExpires(ticket) => self.expire_address(&ticket),
            Timer::Turn { session, turn } => self.play(&session, turn),
            Timer::AskExpires(ask) => self.expire_ask(ask),
            Timer::TakeoverEnds { session, until } => self.end_takeover(&session, until),
            Timer::FrameHeld(frame) => self.release_frame(frame),
            Timer::Redeliver { visitor, frame } => self.redeliver(visitor, frame),
        }
    }

    /// The answer to a call that meets no fault.
    fn judge(&mut self, request: &Request) -> Answer {
        match Door::of_path(&request.path) {
            Door::AvatarOpenApi => match self.dispatch(request) {
                Ok(data) => Answer::json(200, &serde_json::json!({"code": 0, "data": data})),
                Err(failure) => self.refuse(Door::AvatarOpenApi, &failure),
            },
            Door::VisitorChat => self.judge_visitor_chat(request),
        }
    }

    /// The answer to a call that fails, counted.
    fn refuse(&mut self, door: Door, failure: &Failure) -> Answer {
        self.counts.failure(failure);
        failure.answer_at(door, &self.settings)
    }

    /// Returns a number that was not given before.
    fn fresh(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// A message id of the service's own, in the form of the page.
    fn message_id(&mut self) -> String {
        let number = self.fresh();
        let random = self.random.between(10_000, 100_000);
        // The number makes it unique, the random part makes it look like the others.
        format!("{random}{number}_____{}", self.now.0)
    }
}
