//! Faults: what goes wrong on purpose, where, how often, and for whom.
//!
//! A rule says it in JSON: `{"at": "message/send", "do": "cut-after", "times": 1, "skip": 0}`. The
//! service judges every call, handshake and frame by its rules, in the order they were added; each
//! meets one fault at most. What only a network could do, such as cutting a connection, stands in
//! [`Answer::delivery`](super::Answer) or comes as a [`Push`](super::Push); the caller of the
//! service carries it out.

mod at_calls;
mod at_frames;
mod catalogue;
mod effect;
mod rules;

use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

pub(crate) use self::catalogue::faults_there_are;
pub use self::effect::Effect;
pub(super) use self::rules::Faults;
pub use self::rules::{FaultId, FaultState};
use crate::switch::switch;

switch! {
    /// Where a fault strikes.
    InjectionPoint {
        /// Any of the calls below.
        #[default]
        Call = "call",
        /// Step 0.
        Auth = "auth",
        /// Step 1.
        ChatInit = "chat/init",
        /// Step 2.
        WsCreate = "ws/create",
        /// Step 3.
        SessionCreate = "session/create",
        /// The end of a session.
        SessionClose = "session/close",
        /// Step 4a.
        AvatarPublic = "avatar/public",
        /// Step 4b.
        ChatStart = "chat/start",
        /// Step 6.
        MessageSend = "message/send",
        /// The frames of a session, forward or backward.
        MessageQuery = "message/query",
        /// The last frames of a session.
        MessageLatest = "message/latest",
        /// Visitor Chat: an app fetches its token.
        OauthToken = "oauth/token",
        /// Visitor Chat: a session and the address of its socket.
        VisitorChatInit = "visitor-chat/init",
        /// Visitor Chat: a message.
        VisitorChatSend = "visitor-chat/send",
        /// The handshake of a socket.
        Connect = "connect",
        /// A frame from the service to a client.
        FrameOut = "frame-out",
        /// A frame from a client to the service.
        FrameIn = "frame-in",
        /// What the avatar says in answer to a message.
        Reply = "reply",
    }
}

/// A rule: what goes wrong, where, how often, and for whom.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Fault {
    /// Where it strikes.
    pub at: InjectionPoint,
    /// What it does.
    #[serde(rename = "do")]
    pub effect: Effect,
    /// How often it is met before it is used up. Without it once, or with a `chance` always.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// How many occasions pass unharmed before the first.
    #[serde(skip_serializing_if = "is_zero")]
    pub skip: u32,
    /// How likely it is at each occasion, from 0 to 1. The service's seed decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chance: Option<f64>,
    /// Only the first try of each call: of the same call every second one passes. Calls are the same
    /// that have one path, one visitor, and one `messageId` or, without it, one content.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub first_try: bool,
    /// Only this `visitorId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visitor: Option<String>,
    /// Only this session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Only this socket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ws_id: Option<String>,
    /// Only frames of this `type`; one without a type is a `msg`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r#type: Option<String>,
    /// Only frames of this `sender`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
}

/// What is wrong with a fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidFault(pub(super) String);

impl Fault {
    /// A fault that is met once.
    pub fn new(at: InjectionPoint, effect: Effect) -> Self {
        Self {
            at,
            effect,
            times: None,
            skip: 0,
            chance: None,
            first_try: false,
            visitor: None,
            session: None,
            ws_id: None,
            r#type: None,
            sender: None,
        }
    }

    /// Sets how often it is met before it is used up.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Sets how many occasions pass before it is met.
    #[must_use]
    pub fn skip(mut self, occasions: u32) -> Self {
        self.skip = occasions;
        self
    }

    /// Sets the chance, from 0 to 1, with which an occasion meets it.
    #[must_use]
    pub fn chance(mut self, chance: f64) -> Self {
        self.chance = Some(chance);
        self
    }

    /// Only the first try of each call meets it, as often as there are calls.
    #[must_use]
    pub fn first_try(mut self) -> Self {
        self.first_try = true;
        self
    }

    /// Only this `visitorId` meets it.
    #[must_use]
    pub fn visitor(mut self, visitor_id: impl Into<String>) -> Self {
        self.visitor = Some(visitor_id.into());
        self
    }

    /// Only frames of this `type` meet it.
    #[must_use]
    pub fn frames_of_type(mut self, kind: impl Into<String>) -> Self {
        self.r#type = Some(kind.into());
        self
    }

    /// Only frames of this `sender` meet it.
    #[must_use]
    pub fn frames_of_sender(mut self, sender: impl Into<String>) -> Self {
        self.sender = Some(sender.into());
        self
    }

    /// Returns an error that says what is wrong with it, if something is.
    pub fn check(&self) -> Result<(), InvalidFault> {
        let wrong = |what: String| Err(InvalidFault(what));
        if !self.effect.fits(self.at) {
            return wrong(format!(
                "`{}` cannot be done at `{}`; there are {}",
                self.effect.name(),
                self.at,
                Effect::names_at(self.at)
            ));
        }
        if self.times == Some(0) {
            return wrong("`times` must be at least 1".to_owned());
        }
        if self.chance.is_some_and(|chance| !(0.0..=1.0).contains(&chance)) {
            return wrong("`chance` must be from 0 to 1".to_owned());
        }
        if self.first_try && !self.at.is_call() {
            return wrong("`first-try` is for calls".to_owned());
        }
        if !self.at.is_frame() && (self.r#type.is_some() || self.sender.is_some()) {
            return wrong("`type` and `sender` are for `frame-out` and `frame-in`".to_owned());
        }
        Ok(())
    }
}

/// A fault as it is written; `at` and `do` are read after it, for errors that say what there is.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Written {
    at: String,
    r#do: serde_json::Value,
    times: Option<u32>,
    #[serde(default)]
    skip: u32,
    chance: Option<f64>,
    #[serde(default)]
    first_try: bool,
    visitor: Option<String>,
    session: Option<String>,
    ws_id: Option<String>,
    r#type: Option<String>,
    sender: Option<String>,
}

impl TryFrom<Written> for Fault {
    type Error = InvalidFault;

    fn try_from(written: Written) -> Result<Self, InvalidFault> {
        let at = written.at.parse().map_err(|_| {
            let points: Vec<_> = InjectionPoint::ALL.iter().map(InjectionPoint::to_string).collect();
            InvalidFault(format!(
                "there is no injection point `{}`; there are {}",
                written.at,
                points.join(", ")
            ))
        })?;
        let fault = Self {
            at,
            effect: Effect::read(at, written.r#do)?,
            times: written.times,
            skip: written.skip,
            chance: written.chance,
            first_try: written.first_try,
            visitor: written.visitor,
            session: written.session,
            ws_id: written.ws_id,
            r#type: written.r#type,
            sender: written.sender,
        };
        fault.check().map(|()| fault)
    }
}

impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        Self::try_from(written).map_err(serde::de::Error::custom)
    }
}

/// From JSON, as the command line takes it.
impl FromStr for Fault {
    type Err = InvalidFault;

    fn from_str(text: &str) -> Result<Self, InvalidFault> {
        serde_json::from_str(text).map_err(|error| InvalidFault(error.to_string()))
    }
}

impl InjectionPoint {
    /// Whether it is on the way of a frame.
    fn is_frame(self) -> bool {
        matches!(self, Self::FrameOut | Self::FrameIn)
    }

    /// Whether it is an HTTP call.
    fn is_call(self) -> bool {
        !self.is_frame() && !matches!(self, Self::Connect | Self::Reply)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}
