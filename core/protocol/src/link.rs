//! The socket's life: down, connecting, up; its heartbeat; when it is tried again.

use std::time::Duration;

use crate::error::{Error, ErrorKind, Step};
use crate::ids::WsId;
use crate::limits::{
    BACKOFF_CONTESTED, BACKOFF_FIRST, BACKOFF_MAX, BACKOFF_REFUSED_MAX, CONNECT_TIMEOUT, HURRY, LINK_PROVEN,
    PING_STEP, SHORT_LIVES, UNANSWERED_PINGS,
};
use crate::rng::Rng;
use crate::time::Millis;

/// Names one connection of one machine. What another one reports is stale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Generation(pub u64);

/// A wait before the next attempt: anywhere up to a ceiling that doubles.
pub(crate) fn backoff(attempts: u32, rng: &mut Rng) -> Duration {
    let ceiling = BACKOFF_FIRST.saturating_mul(1 << attempts.min(16)).min(BACKOFF_MAX);
    rng.up_to(ceiling)
}

/// The end of a wait that a caller cannot wait for: now, if it has lasted for a second. Each wait is cut short
/// once at most, and a program that keeps calling makes no more than one attempt a second.
pub(crate) fn hurried(until: Millis, since: Millis, now: Millis) -> Millis {
    until.min(now.max(since + HURRY))
}

/// A wait before the next attempt after links, or tokens, that did not live long: never short, and doubled so often.
pub(crate) fn growing(doublings: u32, longest: Duration, rng: &mut Rng) -> Duration {
    let half = BACKOFF_CONTESTED.saturating_mul(1 << doublings.min(16)).min(longest) / 2;
    half + rng.up_to(half)
}

#[derive(Debug)]
pub(crate) enum Link {
    /// No socket; not to be tried before `retry_at`.
    Down { retry_at: Millis },
    /// The handshake is under way.
    Connecting { give_up_at: Millis, ws: Option<WsId> },
    /// Frames flow.
    Up(Up),
}

#[derive(Debug)]
pub(crate) struct Up {
    /// The socket's name, once it is known.
    ws: Option<WsId>,
    since: Millis,
    next_ping: Millis,
    /// Pings since the last sign of life.
    unanswered: u32,
    /// Whether this connection has ever answered a ping: whether all servers do is unknown.
    answers: bool,
}

/// What may happen to a link.
#[derive(Clone, Debug)]
pub(crate) enum LinkInput {
    /// An address is at hand, and perhaps the socket's name.
    Connect(Option<WsId>),
    /// The handshake is done.
    Opened,
    /// A frame came, `true` if it answers a ping. For the tests of the table: what runs is `frame_came`.
    #[cfg_attr(not(test), expect(dead_code))]
    Frame { pong: bool },
    /// The handshake failed, or the connection ended; why.
    Lost(Error),
    /// Time has passed. While frames are not read, `reading` is false, and silence means nothing.
    Tick { reading: bool },
    /// The socket is not wanted any more.
    Stop,
    /// A caller needs the link now: a wait that has lasted long enough is over, unless it gives way to another process.
    Hurry,
    /// The network is another one: what is up is not to be trusted, what waits need not wait.
    NetworkChanged,
}

/// What is to be done about it.
#[derive(Clone, Debug)]
pub(crate) enum LinkEffect {
    /// Nothing.
    None,
    /// Open a socket.
    Open,
    /// Frames flow from now on.
    Up,
    /// A ping is due, for the socket of this name.
    Ping(Option<WsId>),
    /// Close the socket, which is not wanted any more.
    Close,
    /// The link is lost, and the next attempt comes at its time. `close`: the socket may still stand.
    Lost { close: bool, cause: Error },
}

#[derive(Debug)]
pub(crate) struct LinkState {
    link: Link,
    generation: Generation,
    /// Attempts since a link has last proven itself.
    attempts: u32,
    /// When it was lost last.
    fell_at: Millis,
    /// Links in a row that were lost before they had proven themselves.
    short_lives: u32,
    /// Those of them in a row that the service ended with a code which refuses them.
    refusals: u32,
    /// The present wait follows such a loss, and gives way to another process: no call cuts it short.
    yields: bool,
    heartbeat: Duration,
}

impl LinkState {
    pub(crate) fn new(now: Millis, heartbeat: Duration) -> Self {
        Self {
            link: Link::Down { retry_at: now },
            generation: Generation(0),
            attempts: 0,
            fell_at: now,
            short_lives: 0,
            refusals: 0,
            yields: false,
            heartbeat,
        }
    }

    pub(crate) fn generation(&self) -> Generation {
        self.generation
    }

    pub(crate) fn is_up(&self) -> bool {
        matches!(self.link, Link::Up(_))
    }

    pub(crate) fn is_connecting(&self) -> bool {
        matches!(self.link, Link::Connecting { .. })
    }

    /// Whether an attempt may begin now.
    pub(crate) fn wants_attempt(&self, now: Millis) -> bool {
        matches!(self.link, Link::Down { retry_at } if retry_at <= now)
    }

    /// The socket whose frames flow.
    pub(crate) fn ws(&self) -> Option<&WsId> {
        match &self.link {
            Link::Up(up) => up.ws.as_ref(),
            Link::Down { .. } | Link::Connecting { .. } => None,
        }
    }

    /// A frame has named the socket that is up.
    pub(crate) fn name_socket(&mut self, ws: WsId) {
        if let Link::Up(up) = &mut self.link {
            up.ws = Some(ws);
        }
    }

    /// When the next attempt is made.
    pub(crate) fn retry_at(&self) -> Option<Millis> {
        match &self.link {
            Link::Down { retry_at } => Some(*retry_at),
            Link::Connecting { .. } | Link::Up(_) => None,
        }
    }

    /// Every pair of a state and an input has its arm; docs/transitions.md has the same as a table.
    pub(crate) fn handle(&mut self, now: Millis, input: LinkInput, rng: &mut Rng) -> LinkEffect {
        match (&mut self.link, input) {
            (Link::Down { .. }, LinkInput::Connect(ws)) => {
                self.generation.0 += 1;
                self.link = Link::Connecting { give_up_at: now + CONNECT_TIMEOUT, ws };
                LinkEffect::Open
            }
            (Link::Down { retry_at }, LinkInput::Hurry) => {
                if !self.yields {
                    *retry_at = hurried(*retry_at, self.fell_at, now);
                }
                LinkEffect::None
            }
            (Link::Down { retry_at }, LinkInput::NetworkChanged) => {
                *retry_at = now.min(*retry_at);
                self.attempts = 0;
                LinkEffect::None
            }
            (
                // `Lost` here is the driver's word that a socket is closed which was given up already.
                Link::Down { .. },
                LinkInput::Opened
                | LinkInput::Frame { .. }
                | LinkInput::Lost(_)
                | LinkInput::Tick { .. }
                | LinkInput::Stop,
            ) => LinkEffect::None,

            (Link::Connecting { ws, .. }, LinkInput::Opened) => {
                let first_ping = now.step_within(rng.up_to(self.heartbeat), PING_STEP);
                let ws = ws.clone();
                self.link =
                    Link::Up(Up { ws, since: now, next_ping: first_ping, unanswered: 0, answers: false });
                LinkEffect::Up
            }
            (Link::Connecting { .. } | Link::Up(_), LinkInput::Lost(cause)) => {
                LinkEffect::Lost { close: false, cause: self.fall(now, cause, rng) }
            }
            (Link::Connecting { give_up_at, .. }, LinkInput::Tick { .. }) => {
                if *give_up_at > now {
                    return LinkEffect::None;
                }
                LinkEffect::Lost { close: true, cause: self.fall(now, no_handshake(), rng) }
            }
            (Link::Connecting { .. } | Link::Up(_), LinkInput::NetworkChanged) => {
                self.attempts = 0;
                self.short_lives = 0;
                self.refusals = 0;
                self.link = Link::Down { retry_at: now };
                LinkEffect::Lost { close: true, cause: another_network() }
            }
            (Link::Connecting { .. } | Link::Up(_), LinkInput::Stop) => {
                self.attempts = 0;
                self.link = Link::Down { retry_at: now };
                LinkEffect::Close
            }
            (Link::Connecting { .. }, LinkInput::Connect(_) | LinkInput::Hurry | LinkInput::Frame { .. }) => {
                LinkEffect::None
            }
            (Link::Up(_), LinkInput::Frame { pong }) => self.frame_came(pong),
            (Link::Up(up), LinkInput::Tick { reading }) => {
                if up.next_ping > now {
                    return LinkEffect::None;
                }
                if !reading {
                    up.unanswered = 0;
                }
                if up.answers && up.unanswered >= UNANSWERED_PINGS {
                    return LinkEffect::Lost { close: true, cause: self.fall(now, no_pong(), rng) };
                }
                up.unanswered = up.unanswered.saturating_add(1);
                up.next_ping = now.step_within(self.heartbeat, PING_STEP);
                LinkEffect::Ping(up.ws.clone())
            }
            (Link::Up(_), LinkInput::Connect(_) | LinkInput::Opened | LinkInput::Hurry) => LinkEffect::None,
        }
    }

    /// Takes a frame without a look at other inputs: there are many.
    pub(crate) fn frame_came(&mut self, pong: bool) -> LinkEffect {
        if let Link::Up(Up { unanswered, answers, .. }) = &mut self.link {
            (*unanswered, *answers) = (0, *answers | pong);
        }
        LinkEffect::None
    }

    pub(crate) fn next_deadline(&self, now: Millis) -> Option<Millis> {
        match &self.link {
            Link::Down { retry_at } => Some(*retry_at).filter(|at| *at > now),
            Link::Connecting { give_up_at, .. } => Some(*give_up_at),
            Link::Up(up) => Some(up.next_ping),
        }
    }

    /// Whether links are lost soon after they came up, again and again, or are refused.
    pub(crate) fn is_contested(&self) -> bool {
        self.short_lives >= SHORT_LIVES || self.refusals > 0
    }

    /// Down, with a wait before the next attempt that grows until a link has proven itself. What the cause
    /// does not say by itself is added to it: that it is not the first loss of this kind, or that it is a refusal.
    fn fall(&mut self, now: Millis, cause: Error, rng: &mut Rng) -> Error {
        let mut lived_short = false;
        if let Link::Up(up) = &self.link {
            lived_short = now.since(up.since) < LINK_PROVEN;
            if lived_short {
                self.short_lives = self.short_lives.saturating_add(1);
                self.refusals = if refuses(&cause) { self.refusals.saturating_add(1) } else { 0 };
            } else {
                self.short_lives = 0;
                self.refusals = 0;
                self.attempts = 0;
            }
        }
        let mut wait = backoff(self.attempts, rng);
        self.attempts = self.attempts.saturating_add(1);
        let contested_now = lived_short && self.is_contested();
        let refused_now = lived_short && self.refusals > 0;
        if refused_now {
            wait = wait.max(growing(self.refusals - 1, BACKOFF_REFUSED_MAX, rng));
        } else if contested_now {
            wait = wait.max(growing(self.short_lives.saturating_sub(SHORT_LIVES), BACKOFF_MAX, rng));
        }
        self.fell_at = now;
        self.yields = contested_now;
        self.link = Link::Down { retry_at: now + wait };
        match (refused_now, contested_now) {
            (true, _) => refused_again(self.refusals, cause),
            (false, true) => lost_again(self.short_lives, cause),
            (false, false) => cause,
        }
    }
}

/// Whether the service closed the socket with a code that says no to this client, rather than for reasons of its own:
/// "policy violation", or one of the codes that are free for services to use.
pub(crate) fn refuses(cause: &Error) -> bool {
    cause.close_code().is_some_and(|code| code == 1008 || (4000..5000).contains(&code))
}

fn no_handshake() -> Error {
    let message = format!("the WebSocket handshake was not finished within {} s", CONNECT_TIMEOUT.as_secs());
    Error::new(ErrorKind::ConnectionFailed, message).at(Step::Connect)
}

fn no_pong() -> Error {
    let message = format!("the service answered {UNANSWERED_PINGS} pings in a row with nothing");
    Error::new(ErrorKind::ConnectionFailed, message)
}

fn lost_again(times: u32, cause: Error) -> Error {
    let message = format!(
        "lost {times} times in a row within {} s of being connected: perhaps another process has this visitor open, \
         or something on the way ends connections; this time: {cause}",
        LINK_PROVEN.as_secs()
    );
    Error::new(ErrorKind::ConnectionFailed, message).closed_as(&cause).caused_by(cause)
}

fn refused_again(times: u32, cause: Error) -> Error {
    let times = if times == 1 { "once".to_owned() } else { format!("{times} times in a row") };
    let message = format!(
        "refused {times} within {} s of being connected: perhaps another process has this visitor open, or the service \
         does not take this client; it is tried more and more rarely; this time: {cause}",
        LINK_PROVEN.as_secs()
    );
    Error::new(ErrorKind::ConnectionFailed, message).closed_as(&cause).caused_by(cause)
}

fn another_network() -> Error {
    Error::new(ErrorKind::ConnectionFailed, "the network has changed: the connection is made anew")
}

#[cfg(test)]
#[path = "../tests/support/table.rs"]
mod table;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_000_000);
    const HEARTBEAT: Duration = Duration::from_secs(15);

    const ROWS: [&str; 10] = [
        "`Connect`",
        "`Opened`",
        "`Frame`",
        "`Lost`",
        "`Tick`: nothing due",
        "`Tick`: due",
        "`Tick`: due, two pings unanswered",
        "`Stop`",
        "`Hurry`",
        "`NetworkChanged`",
    ];

    /// Every input has its row; this does not compile with one that has not.
    fn rows_of(input: &LinkInput) -> &'static str {
        match input {
            LinkInput::Connect(_) => "`Connect`",
            LinkInput::Opened => "`Opened`",
            LinkInput::Frame { .. } => "`Frame`",
            LinkInput::Lost(_) => "`Lost`",
            LinkInput::Tick { .. } => "`Tick`",
            LinkInput::Stop => "`Stop`",
            LinkInput::Hurry => "`Hurry`",
            LinkInput::NetworkChanged => "`NetworkChanged`",
        }
    }

    fn name(link: &Link) -> &'static str {
        match link {
            Link::Down { .. } => "Down",
            Link::Connecting { .. } => "Connecting",
            Link::Up(_) => "Up",
        }
    }

    fn ws() -> Option<WsId> {
        Some(WsId::from("ws:1"))
    }

    fn prepared(state: &str, unanswered: u32) -> LinkState {
        let link = match state {
            "Down" => Link::Down { retry_at: NOW },
            "Connecting" => Link::Connecting { give_up_at: NOW, ws: ws() },
            _ => Link::Up(Up { ws: ws(), since: Millis(0), next_ping: NOW, unanswered, answers: true }),
        };
        LinkState {
            link,
            generation: Generation(7),
            attempts: 3,
            short_lives: 0,
            refusals: 0,
            yields: false,
            fell_at: Millis(0),
            heartbeat: HEARTBEAT,
        }
    }

    fn cell(row: &str, state: &str) -> String {
        let kind = row.split(':').next().unwrap();
        let input = match kind {
            "`Connect`" => LinkInput::Connect(ws()),
            "`Opened`" => LinkInput::Opened,
            "`Frame`" => LinkInput::Frame { pong: true },
            "`Lost`" => LinkInput::Lost(another_network()),
            "`Tick`" => LinkInput::Tick { reading: true },
            "`Stop`" => LinkInput::Stop,
            "`Hurry`" => LinkInput::Hurry,
            _ => LinkInput::NetworkChanged,
        };
        assert_eq!(rows_of(&input), kind);
        let mut link = prepared(state, if row.ends_with("unanswered") { UNANSWERED_PINGS } else { 0 });
        assert_eq!(name(&link.link), state);
        let now = if row.ends_with("nothing due") { NOW - Duration::from_millis(1) } else { NOW };
        let effect = match link.handle(now, input, &mut Rng::new(1)) {
            LinkEffect::None => "",
            LinkEffect::Open => ": open a socket",
            LinkEffect::Up => ": frames flow",
            LinkEffect::Ping(_) => ": ping",
            LinkEffect::Close => ": close the socket",
            LinkEffect::Lost { close: true, .. } => ": lost, close the socket",
            LinkEffect::Lost { close: false, .. } => ": lost",
        };
        format!("{}{effect}", name(&link.link))
    }

    #[test]
    fn the_link_s_table_is_the_code_s() {
        let states = ["Down", "Connecting", "Up"];
        table::assert_table("## The link", &ROWS, &states, cell);
    }

    #[test]
    fn a_new_connection_is_another_generation() {
        let mut link = prepared("Down", 0);
        link.handle(NOW, LinkInput::Connect(ws()), &mut Rng::new(1));
        assert_eq!(link.generation(), Generation(8));
    }
}
