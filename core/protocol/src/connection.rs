//! The way to a socket: a permit, an address, the handshake, and the link that comes of it.

use std::collections::VecDeque;
use std::time::Duration;

use crate::door::Door;
use crate::error::Error;
use crate::facts::SocketAddress;
use crate::ids::WsId;
use crate::limits::SOCKET_NAMES;
use crate::link::{Generation, LinkEffect, LinkInput, LinkState, refuses};
use crate::permit::ConnectPermit;
use crate::redact::Secret;
use crate::rng::Rng;
use crate::time::Millis;

/// A visitor's socket, and what the next attempt to connect it needs.
#[derive(Debug)]
pub(crate) struct Connection {
    link: LinkState,
    /// Where to connect to, for as many attempts as it is good for.
    /// Boxed, since a socket that stands needs none.
    address: Option<Box<SocketAddress>>,
    /// The names of the present socket and of those before it. `None` where calls tell them, and not frames.
    names: Option<Box<Names>>,
    /// `None`: the host gives out no permits.
    permit: Option<ConnectPermit>,
    /// Why the link was lost last.
    loss: Option<Error>,
}

/// What the present socket is called, and what those before it were: a frame that was meant for one of them may come
/// again over this one.
#[derive(Debug, Default)]
struct Names {
    present: Option<WsId>,
    /// The latest ones.
    before: VecDeque<WsId>,
}

impl Names {
    /// Another socket is opened.
    fn begin(&mut self, name: Option<WsId>) {
        let Some(before) = std::mem::replace(&mut self.present, name) else { return };
        if !self.before.contains(&before) {
            self.before.push_back(before);
        }
        if self.before.len() > SOCKET_NAMES {
            self.before.pop_front();
        }
    }

    /// A frame says this name. Returns whether the socket is called so from now on.
    fn hear(&mut self, name: &str) -> bool {
        if self.present.iter().chain(&self.before).any(|known| known.as_str() == name) {
            return false;
        }
        self.present = Some(name.into());
        true
    }
}

/// The next step of an attempt to connect.
#[derive(Debug)]
pub(crate) enum Attempt {
    /// No step now: the socket is open, or the attempt has to wait.
    NotNow,
    /// Ask the host for a permit.
    AskForPermit,
    /// Ask the service for an address.
    FetchAddress,
    /// Open this socket.
    Open { generation: Generation, address: Secret },
}

/// What is to be done about something that happened to the socket.
#[derive(Debug)]
pub(crate) enum ConnectionEffect {
    /// Nothing.
    None,
    /// Frames flow from now on.
    Up,
    /// A ping is due, for the socket of this name.
    Ping(Option<WsId>),
    /// Close the socket, which is not wanted any more.
    Close(Generation),
    /// The link is lost. `close`: the socket may still stand.
    Lost { close: Option<Generation>, retry_in: Duration, cause: Error },
}

impl Connection {
    pub(crate) fn new(now: Millis, heartbeat: Duration, needs_permits: bool, door: Door) -> Self {
        let permit = needs_permits.then(ConnectPermit::default);
        Self {
            link: LinkState::new(now, heartbeat),
            address: None,
            names: (!door.names_sockets()).then(Box::default),
            permit,
            loss: None,
        }
    }

    /// Which socket is the present one.
    pub(crate) fn generation(&self) -> Generation {
        self.link.generation()
    }

    /// Whether frames flow.
    pub(crate) fn is_up(&self) -> bool {
        self.link.is_up()
    }

    /// Whether the handshake is under way.
    pub(crate) fn is_in_handshake(&self) -> bool {
        self.link.is_connecting()
    }

    /// Whether links are lost soon after they came up, again and again.
    pub(crate) fn is_contested(&self) -> bool {
        self.link.is_contested()
    }

    /// The socket whose frames flow.
    pub(crate) fn ws(&self) -> Option<&WsId> {
        self.link.ws()
    }

    pub(crate) fn next_deadline(&self, now: Millis) -> Option<Millis> {
        self.link.next_deadline(now)
    }

    /// The next step of an attempt. `can_fetch`: the call for an address is neither under way nor waiting.
    pub(crate) fn attempt(&mut self, now: Millis, can_fetch: bool, rng: &mut Rng) -> Attempt {
        if !self.link.wants_attempt(now) {
            return Attempt::NotNow;
        }
        let is_known = self.address.as_ref().is_some_and(|address| address.is_live(now));
        if !is_known && !can_fetch {
            return Attempt::NotNow;
        }
        // An address that has served before needs a permit as well: the attempt's moment is paced.
        if let Some(permit) = self.permit.as_mut().filter(|permit| !permit.is_granted()) {
            return if permit.ask() { Attempt::AskForPermit } else { Attempt::NotNow };
        }
        if let Some(found) = self.address.as_mut().filter(|_| is_known) {
            let (ws_id, address) = (found.ws_id.clone(), found.address.clone());
            found.attempts = found.attempts.saturating_sub(1);
            if let Some(names) = &mut self.names {
                names.begin(ws_id.clone());
            }
            self.link.handle(now, LinkInput::Connect(ws_id), rng);
            return Attempt::Open { generation: self.link.generation(), address };
        }
        Attempt::FetchAddress
    }

    /// Whether an attempt may begin now, and has no address to connect to.
    pub(crate) fn lacks_address(&self, now: Millis) -> bool {
        self.link.wants_attempt(now) && !self.address.as_ref().is_some_and(|address| address.is_live(now))
    }

    /// The address is not worth another attempt.
    pub(crate) fn drop_address(&mut self) {
        self.address = None;
    }

    /// A frame names its socket, and no call does. The latest name holds, but for those of the sockets before.
    pub(crate) fn hear_name(&mut self, ws: &str) {
        if self.names.as_mut().is_some_and(|names| names.hear(ws)) {
            self.link.name_socket(ws.into());
        }
    }

    /// The last address, and what it is followed by in its query: tickets and tokens.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        let Some(found) = &self.address else {
            return Vec::new();
        };
        let (_, query) = found.address.expose_secret().split_once('?').unwrap_or_default();
        let values = query.split('&').filter_map(|pair| pair.split_once('='));
        let values = values.map(|(_, value)| Secret::from(value.to_owned()));
        values.chain([found.address.clone()]).collect()
    }

    /// The service has given an address.
    pub(crate) fn set_address(&mut self, address: SocketAddress) {
        self.address = Some(Box::new(address));
    }

    /// The host has granted the permit.
    pub(crate) fn permitted(&mut self) {
        self.permit.iter_mut().for_each(ConnectPermit::grant);
    }

    /// The host has no slot yet.
    pub(crate) fn denied(&mut self, error: Error) {
        if let Some(permit) = &mut self.permit {
            permit.deny(error);
        }
    }

    /// Why the link is not there, where it has been.
    pub(crate) fn loss(&self) -> Option<&Error> {
        self.loss.as_ref().filter(|_| !self.is_up())
    }

    /// Why a permit that was asked for is not there yet.
    pub(crate) fn denial(&self) -> Option<&Error> {
        self.permit.as_ref()?.denied()
    }

    /// No attempt is under way: the next one needs another permit.
    pub(crate) fn end_attempt(&mut self) {
        self.permit.iter_mut().for_each(ConnectPermit::end_attempt);
    }

    /// No socket is wanted any more. Returns whether the host has a slot, or a ticket for one, to take back.
    pub(crate) fn release_slot(&mut self) -> bool {
        self.permit.as_mut().is_some_and(ConnectPermit::release)
    }

    /// A frame came, which answers a ping where `pong` says so.
    pub(crate) fn frame_came(&mut self, pong: bool) {
        self.link.frame_came(pong);
    }

    /// Something happened to the link.
    pub(crate) fn handle(&mut self, now: Millis, input: LinkInput, rng: &mut Rng) -> ConnectionEffect {
        if matches!(input, LinkInput::Stop) {
            self.address = None;
        }
        let effect = self.link.handle(now, input, rng);
        let generation = self.link.generation();
        match effect {
            LinkEffect::None | LinkEffect::Open => ConnectionEffect::None,
            LinkEffect::Up => ConnectionEffect::Up,
            LinkEffect::Ping(ws) => ConnectionEffect::Ping(ws),
            LinkEffect::Close => ConnectionEffect::Close(generation),
            LinkEffect::Lost { close, cause } => {
                if refuses(&cause) {
                    self.address = None; // It is the address, or its visitor, that was refused.
                }
                self.loss = Some(cause.clone());
                let retry_in = self.link.retry_at().unwrap_or(now).since(now);
                ConnectionEffect::Lost { close: close.then_some(generation), retry_in, cause }
            }
        }
    }
}
