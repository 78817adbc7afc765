//! What can go wrong, in one shape for every language: a kind, the service's code, the step, and
//! what is to be done.

mod carried;

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::MessageId;
use crate::option_name::written;
use crate::quote::{Cause, KnownSecrets, one_line};
use crate::redact::Text;

/// A step of the protocol, as the vendor's page numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Step {
    /// Step 0: exchange the API key for a visitor token.
    Authenticate,
    /// Step 1: load the avatar's context.
    InitChat,
    /// Step 2: ask for a socket address.
    CreateSocket,
    /// Step 3: create the session.
    CreateSession,
    /// Step 4, first half: look up the avatar's numeric id.
    ResolveAvatar,
    /// Step 4, second half: make the session visible to the owner.
    BindSession,
    /// Step 5: connect the WebSocket.
    Connect,
    /// Step 6: send a message.
    SendMessage,
    /// Beyond the page: ask for messages of a session.
    QueryMessages,
    /// Beyond the page: end a session.
    EndSession,
    /// Visitor Chat: get the token that its calls show.
    FetchToken,
    /// Visitor Chat: get a session and the socket's address.
    InitVisitorChat,
    /// A call of the caller's own: see `request`.
    Request,
}

impl Step {
    /// The step's name, the same in every language.
    pub fn name(self) -> &'static str {
        match self {
            Self::Authenticate => "authenticate",
            Self::InitChat => "init_chat",
            Self::CreateSocket => "create_socket",
            Self::CreateSession => "create_session",
            Self::ResolveAvatar => "resolve_avatar",
            Self::BindSession => "bind_session",
            Self::Connect => "connect",
            Self::SendMessage => "send_message",
            Self::QueryMessages => "query_messages",
            Self::EndSession => "end_session",
            Self::FetchToken => "fetch_token",
            Self::InitVisitorChat => "init_visitor_chat",
            Self::Request => "request",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What kind of failure it is: what a caller would branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The API key was refused: missing, unknown or disabled. Only another key helps.
    Authentication,
    /// The quota of the API key is used up. [`Error::retry_after`] says when to come back.
    RateLimited,
    /// The allowance of the avatar's owner or of the visitor is used up, or the avatar has to be unlocked. Trying again
    /// does not help before it is paid for.
    PaymentRequired,
    /// The key's avatar does not exist (any more).
    AvatarNotFound,
    /// The visitor id is not of the service's form.
    InvalidVisitorId,
    /// Not a member of the session. The next `open` makes a new one.
    NotMember,
    /// The conversation or the client is closed, or the service has ended the session.
    Closed,
    /// The service could not be reached, or the connection broke.
    ConnectionFailed,
    /// The certificate of the service or of a proxy was refused: its CA is unknown, it has expired, or it is another
    /// host's. The text says what to do; trying again does not help.
    Certificate,
    /// The service answered that it cannot work now: HTTP 5xx, or its own words.
    Unavailable,
    /// The call's deadline passed first. Its cause, if there is one, is what failed last before that.
    Deadline,
    /// The message was sent, but the avatar's owner has taken the conversation over and has not answered in
    /// time. What the owner says later comes as an event.
    TakenOver,
    /// The service refused with a code of no other kind: see [`Error::code`].
    Refused,
    /// The answer was not in the service's format: perhaps a proxy's page, or a wrong base URL.
    InvalidAnswer,
    /// The service does not offer this.
    Unsupported,
    /// The store could not be read or written: the disk is full, or the file is not a store.
    Store,
    /// The call was wrong, and nothing was sent. The text says what to do.
    Misuse,
}

impl ErrorKind {
    /// The kind's name, the same in every language.
    pub fn name(self) -> &'static str {
        match self {
            Self::Authentication => "authentication",
            Self::RateLimited => "rate_limited",
            Self::PaymentRequired => "payment_required",
            Self::AvatarNotFound => "avatar_not_found",
            Self::InvalidVisitorId => "invalid_visitor_id",
            Self::NotMember => "not_member",
            Self::Closed => "closed",
            Self::ConnectionFailed => "connection_failed",
            Self::Certificate => "certificate",
            Self::Unavailable => "unavailable",
            Self::Deadline => "deadline",
            Self::TakenOver => "taken_over",
            Self::Refused => "refused",
            Self::InvalidAnswer => "invalid_answer",
            Self::Unsupported => "unsupported",
            Self::Store => "store",
            Self::Misuse => "misuse",
        }
    }

    /// Whether the same call may succeed later without anything else being changed.
    pub(crate) fn is_transient(self) -> bool {
        match self {
            Self::RateLimited | Self::ConnectionFailed | Self::Unavailable | Self::Deadline => true,
            Self::Authentication
            | Self::PaymentRequired
            | Self::AvatarNotFound
            | Self::InvalidVisitorId
            | Self::NotMember
            | Self::Closed
            | Self::Certificate
            | Self::TakenOver
            | Self::Refused
            | Self::InvalidAnswer
            | Self::Unsupported
            | Self::Store
            | Self::Misuse => false,
        }
    }
}

/// A message that was given up, handed back so that nothing is lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnsentMessage {
    /// Its text.
    pub text: Text,
    /// Whether the service certainly never took it, so that sending it again is safe. Otherwise the service may have
    /// taken it, and its answer was lost.
    pub certain: bool,
    /// The id that it was, or would have been, sent under.
    pub message_id: MessageId,
}

/// A failure. Cheap to move and to clone; neither its `Debug` nor its `Display` holds a key, a token,
/// a socket address or a spoken word.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Error(Box<Inner>);

/// With what the peer closed a socket.
#[derive(Clone, Serialize, Deserialize)]
struct Close {
    code: u16,
    reason: Option<String>,
}

/// The longest part of a Close frame's reason that is repeated, in characters. The frame allows 123 bytes.
const REASON: usize = 80;

#[derive(Clone, Serialize, Deserialize)]
struct Inner {
    kind: ErrorKind,
    message: String,
    code: Option<String>,
    step: Option<Step>,
    status: Option<u16>,
    retry_after: Option<Duration>,
    retryable: Option<bool>,
    forbids_retry: bool,
    unsent: Option<UnsentMessage>,
    close: Option<Close>,
    #[serde(with = "carried")]
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// A failure of this kind, with a sentence for people.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            code: None,
            step: None,
            status: None,
            retry_after: None,
            retryable: None,
            forbids_retry: kind == ErrorKind::Certificate,
            unsent: None,
            close: None,
            source: None,
        }))
    }

    /// The text as [`Display`](fmt::Display) gives it, with options and steps named as another language names them:
    /// `name` is given Rust's name, such as `max_live`.
    pub fn text_in(&self, name: impl Fn(&str) -> String) -> String {
        let message = written(&self.0.message, &name);
        match (self.0.step, &self.0.code) {
            (Some(step), Some(code)) => format!("{message} [{}: {code}]", name(step.name())),
            (Some(step), None) => format!("{message} [{}]", name(step.name())),
            (None, Some(code)) => format!("{message} [{code}]"),
            (None, None) => message.into_owned(),
        }
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The service's own code, such as `open.api.key.not.found`.
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// The step of the protocol at which it happened.
    pub fn step(&self) -> Option<Step> {
        self.0.step
    }

    /// The HTTP status, where there was an answer.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// How long to wait before the call can succeed, where that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Whether the same call may succeed later without anything else being changed.
    pub fn is_retryable(&self) -> bool {
        self.0.retryable.unwrap_or(self.0.kind.is_transient())
    }

    /// Whether trying again at once is of no use, so that a caller that waits learns of the failure now: its cause is
    /// on this machine, and only a change there helps.
    pub fn forbids_retry(&self) -> bool {
        self.0.forbids_retry
    }

    /// The message that was given up, where the failure is about one.
    pub fn unsent(&self) -> Option<&UnsentMessage> {
        self.0.unsent.as_ref()
    }

    /// The code of the Close frame with which the service ended the socket, where it sent one.
    pub fn close_code(&self) -> Option<u16> {
        self.0.close.as_ref().map(|close| close.code)
    }

    /// The reason in that Close frame: one line, bounded, and without what looks like a secret.
    pub fn close_reason(&self) -> Option<&str> {
        self.0.close.as_ref()?.reason.as_deref()
    }

    /// With the Close frame that ended the socket.
    #[must_use]
    pub fn with_close(mut self, code: u16, reason: &str) -> Self {
        let reason = Some(one_line(reason, REASON)).filter(|reason| !reason.is_empty());
        self.0.close = Some(Close { code, reason });
        self
    }

    /// With the service's code. One that is not well-formed becomes one line of at most 128 bytes.
    #[must_use]
    pub fn with_code(mut self, code: impl AsRef<str>) -> Self {
        self.0.code = Some(KnownSecrets::default().code(code.as_ref()));
        self
    }

    /// With `…` in the place of these secrets: in the text, in the code, in the Close frame's reason and in what lies
    /// beneath.
    #[must_use]
    pub fn hiding(mut self, known: &KnownSecrets) -> Self {
        let inner = &mut *self.0;
        let reason = inner.close.as_mut().and_then(|close| close.reason.as_mut());
        for text in [Some(&mut inner.message), inner.code.as_mut(), reason].into_iter().flatten() {
            if let Cow::Owned(hidden) = known.hide(text) {
                *text = hidden;
            }
        }
        if let Some(source) = &inner.source
            && let Some(cause) = Cause::instead_of(&**source, known)
        {
            inner.source = Some(Arc::new(cause));
        }
        self
    }

    /// With the step at which it happened.
    #[must_use]
    pub fn at(mut self, step: Step) -> Self {
        self.0.step = Some(step);
        self
    }

    /// One that trying again at once does not help against: see [`forbids_retry`](Self::forbids_retry).
    #[must_use]
    pub fn without_retry(mut self) -> Self {
        self.0.forbids_retry = true;
        self
    }

    /// With the failure beneath it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(Arc::from(source.into()));
        self
    }

    /// With the Close frame of another failure.
    pub(crate) fn closed_as(mut self, other: &Self) -> Self {
        self.0.close = other.0.close.clone();
        self
    }

    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.0.status = Some(status);
        self
    }

    /// With the time after which it makes sense to come back.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.0.retry_after = wait;
        self
    }

    /// Where its kind alone does not say whether the same call may succeed later.
    #[must_use]
    pub fn with_retryable(mut self, retryable: bool) -> Self {
        self.0.retryable = Some(retryable);
        self
    }

    /// With the message that was given up.
    #[must_use]
    pub fn with_unsent(mut self, unsent: UnsentMessage) -> Self {
        self.0.unsent = Some(unsent);
        self
    }

    /// The error of what has not ended by its deadline, as "the history"; what was in the way is the source. Only a
    /// quota keeps its own kind: the caller is to know how long to wait.
    #[must_use]
    pub fn deadline(what: &str, last: Option<&Error>) -> Self {
        match last {
            Some(last) if last.kind() == ErrorKind::RateLimited => last.clone(),
            Some(last) => {
                let mut error = Self::new(
                    ErrorKind::Deadline,
                    format!("{what} did not finish within its deadline; last failure: {}", last.0.message),
                )
                .caused_by(last.clone());
                error.0.step = last.step();
                error.0.code = last.0.code.clone();
                error.0.close = last.0.close.clone();
                error
            }
            None => Self::new(ErrorKind::Deadline, format!("{what} did not finish within its deadline")),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text_in(str::to_owned))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &written(&self.0.message, str::to_owned))
            .field("code", &self.0.code)
            .field("step", &self.0.step)
            .field("status", &self.0.status)
            .field("retry_after", &self.0.retry_after)
            .field("unsent", &self.0.unsent)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
