//! What goes into the machine and what comes out of it.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::authentication::Freshness;
use crate::call::CallId;
use crate::conversation::Hold;
use crate::credentials::Credentials;
use crate::delivery::Delivery;
use crate::door::{Door, Speaker};
use crate::error::Error;
use crate::event::{Author, ConversationKey, Event, HistoryMessage, Reply, Sent};
use crate::facts::KeptMessage;
use crate::ids::{MessageId, SeqId, Ticket};
use crate::limits;
use crate::link::Generation;
use crate::quote::KnownSecrets;
use crate::redact::{Raw, Secret, Text};
use crate::time::Millis;
use crate::wire::HttpRequest;

/// How the machine behaves. The defaults are the page's.
#[derive(Clone, Debug)]
pub struct Config {
    /// By which API the service is reached.
    pub door: Door,
    /// For whom calls are made through [`Door::VisitorChat`].
    pub speaker: Speaker,
    /// Whether pings go out over a socket whose name is not known yet (Visitor Chat).
    pub ping_unnamed: bool,
    /// Between two pings: 5 to 15 s.
    pub heartbeat: Duration,
    /// Whether frames are acknowledged.
    pub acknowledge: bool,
    /// The silence that ends a reply whose end mark never comes.
    pub reply_idle: Duration,
    /// How long the first piece of a reply may take while the owner has the conversation; `None`: as long as any.
    pub owner_deadline: Option<Duration>,
    /// What becomes of a message whose answer was lost, if nothing can tell whether it was taken.
    pub delivery: Delivery,
    /// Whether an attempt to connect waits for a permit ([`Output::ConnectPermit`]). A host of many machines
    /// limits their sockets with it, and spreads their attempts.
    pub connect_permits: bool,
    /// How long nothing may be owed before the machine pauses by itself; `None`: it does not.
    pub idle_after: Option<Duration>,
    /// What no error and no code may repeat, beside the API key and the tokens, which the machine knows.
    pub secrets: KnownSecrets,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            door: Door::AvatarOpenApi,
            speaker: Speaker::Visitor,
            ping_unnamed: false,
            heartbeat: limits::HEARTBEAT,
            acknowledge: true,
            reply_idle: limits::REPLY_IDLE,
            owner_deadline: None,
            delivery: Delivery::Checked,
            connect_permits: false,
            idle_after: None,
            secrets: KnownSecrets::default(),
        }
    }
}

/// What the caller wants. Any command is legal at any moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Command {
    /// Open the conversation. A second command joins an opening that is under way.
    Open {
        /// Which one; a new one where there is none of that key.
        conversation: ConversationKey,
        /// The whole time for it.
        deadline: Duration,
    },
    /// Say something.
    Send {
        /// Where.
        conversation: ConversationKey,
        /// What.
        text: Text,
        /// The whole time for it.
        deadline: Duration,
    },
    /// Say something, and keep it until that is done, beyond the process if need be. Answered with
    /// [`Outcome::Kept`] when it is kept ([`Output::SaveMessage`]).
    SendDurable {
        /// Where.
        conversation: ConversationKey,
        /// What.
        text: Text,
        /// The whole time for it, of this run and those to come.
        deadline: Duration,
    },
    /// Say something and wait for the reply.
    Ask {
        /// Where.
        conversation: ConversationKey,
        /// What.
        text: Text,
        /// The whole time for it.
        deadline: Duration,
        /// How long the first piece of the reply may take, from when the service took the message.
        first_piece: Duration,
        /// Whether the pieces are wanted as they come ([`Output::Piece`]).
        pieces: bool,
        /// The silence of the avatar that ends its turn: all its messages until then are the answer. `None`: the first
        /// message is.
        collect: Option<Duration>,
    },
    /// Look back.
    History {
        /// Where.
        conversation: ConversationKey,
        /// Only what came before this frame.
        before: Option<SeqId>,
        /// How many messages.
        limit: usize,
        /// The whole time for it.
        deadline: Duration,
    },
    /// Close the conversation, once what is still to be sent is sent.
    Close {
        /// Which one.
        conversation: ConversationKey,
        /// How long that may take.
        deadline: Duration,
        /// Whether the session ends on the service as well: it cannot be resumed then.
        end_session: bool,
    },
    /// Give up the socket and keep the facts. The next message resumes it, or [`Command::Resume`].
    Pause,
    /// Come back.
    Resume,
    /// The network is another one: connect again now.
    NetworkChanged,
}

/// What comes in from outside.
#[derive(Clone, Debug)]
pub enum Input {
    /// The quota has a slot for this call ([`Output::Quota`]).
    QuotaGranted(CallId),
    /// The quota has none before `until`, as it looks now.
    QuotaDelayed {
        /// The call that waits.
        call: CallId,
        /// When it may go.
        until: Millis,
    },
    /// The token that was asked for ([`Output::Token`]).
    TokenGranted {
        /// The call that asked.
        call: CallId,
        /// The token.
        token: Secret,
        /// From then on another one is asked for; `None`: once the service refuses it.
        renew_at: Option<Millis>,
        /// Whether it was there already.
        freshness: Freshness,
    },
    /// The credentials that were asked for ([`Output::Credentials`]). Those of another visitor count as a failure.
    CredentialsGranted {
        /// The call that asked.
        call: CallId,
        /// The credentials.
        credentials: Box<Credentials>,
    },
    /// The token, or the credentials, could not be had.
    TokenFailed {
        /// The call that asked.
        call: CallId,
        /// Why. [`Error::retry_after`] says how long it makes no sense to ask again.
        error: Error,
    },
    /// A call was answered.
    HttpAnswer {
        /// Which.
        call: CallId,
        /// The HTTP status.
        status: u16,
        /// `Retry-After`, where there was one.
        retry_after: Option<Duration>,
        /// The body.
        body: Bytes,
    },
    /// A call was not answered.
    HttpFailed {
        /// Which.
        call: CallId,
        /// Whether the request may have reached the service.
        sent: bool,
        /// Why.
        error: Error,
    },
    /// The socket is open.
    SocketOpened(Generation),
    /// The socket could not be opened.
    SocketFailed {
        /// Which.
        generation: Generation,
        /// The HTTP status of the handshake, where there was one.
        status: Option<u16>,
        /// Why.
        error: Error,
    },
    /// A frame came.
    SocketFrame {
        /// Over which socket.
        generation: Generation,
        /// The frame.
        frame: Raw,
    },
    /// The socket was closed, or broke.
    SocketClosed {
        /// Which.
        generation: Generation,
        /// Why: who ended it, and with which words.
        cause: Error,
    },
    /// The message is kept as it was put out ([`Output::SaveMessage`]).
    Kept(MessageId),
    /// The message could not be kept.
    NotKept {
        /// Which.
        message: MessageId,
        /// Why.
        error: Error,
    },
    /// The permit for one attempt to connect ([`Output::ConnectPermit`]). The attempt is over when
    /// [`Machine::is_connecting`](super::Machine::is_connecting) is `false` again.
    ConnectPermitted,
    /// There is no slot for a socket yet, and why. The permit stays asked for, and follows when there is one. A
    /// command whose deadline passes until then fails with this error as its source.
    ConnectDenied(Error),
    /// Another visitor waits for this one's slot. A machine that owes nothing
    /// ([`Machine::idle_from`](super::Machine::idle_from)) pauses; any other keeps its slot.
    SlotReclaimed,
    /// Whether what comes over the socket is being read. While it is not, silence means nothing.
    Reading(bool),
    /// Another process has opened the visitor since: this one gives it up, and closes all conversations. The facts
    /// stay good for the next to open the visitor.
    OpenedElsewhere,
    /// Time has passed.
    Tick,
}

impl Input {
    /// Leaves out the secrets that are known, in what it says of a failure.
    pub(super) fn hide(&mut self, known: impl FnOnce() -> KnownSecrets) {
        if let Self::TokenFailed { error, .. }
        | Self::HttpFailed { error, .. }
        | Self::SocketFailed { error, .. }
        | Self::SocketClosed { cause: error, .. }
        | Self::NotKept { error, .. } = self
        {
            *error = error.clone().hiding(&known());
        }
    }
}

/// What is to be done outside.
#[derive(Clone, Debug)]
pub enum Output {
    /// Ask the key's quota for a slot; answer with [`Input::QuotaGranted`].
    Quota(CallId),
    /// Get the token that calls of Visitor Chat show; answer with [`Input::TokenGranted`] or [`Input::TokenFailed`].
    /// An app's token is shared by all machines of the app: [`AppToken`](crate::AppToken).
    Token {
        /// Names the call.
        call: CallId,
        /// The token that the service has refused, if that is why another one is needed.
        refused: Option<Secret>,
    },
    /// Get the visitor's credentials from where the key is; answer with [`Input::CredentialsGranted`] or
    /// [`Input::TokenFailed`].
    Credentials {
        /// Names the call.
        call: CallId,
        /// The service has refused the credentials that there were: others are needed.
        refused: bool,
    },
    /// Make this call.
    Http(HttpRequest),
    /// This call is not wanted any more.
    Abandon(CallId),
    /// An attempt to connect waits for a permit: answer with [`Input::ConnectPermitted`], once there is a slot for
    /// a socket and the attempt may begin. Only then is the socket's address asked for. The slot is held until
    /// [`Output::SlotReleased`].
    ConnectPermit,
    /// No socket is wanted any more: the slot, or the position in the queue for one, is free as soon as the socket
    /// is closed.
    SlotReleased,
    /// Connect a socket.
    SocketOpen {
        /// Names it.
        generation: Generation,
        /// Where: a URL with a secret in it.
        address: Secret,
    },
    /// Send a text frame.
    SocketSend {
        /// Over which socket.
        generation: Generation,
        /// The frame.
        text: String,
    },
    /// Close the socket.
    SocketClose(Generation),
    /// The service says that the key's quota is used up until then.
    QuotaUsedUp(Millis),
    /// Something happened.
    Event(Event),
    /// A question of this conversation does not go out yet, so that it gets its own answer: worth a line in a log.
    Held(ConversationKey, Hold),
    /// The next piece of the reply that this ask waits for.
    Piece(Ticket, Author, Text),
    /// A command is done.
    Resolved(Ticket, Result<Outcome, Error>),
    /// Keep this message beyond the process, in the place of what was kept of it; answer with
    /// [`Input::Kept`]. Only then does it go out.
    SaveMessage(KeptMessage),
    /// The message is settled: it need not be kept any longer.
    ForgetMessage(MessageId),
    /// The [`Record`](crate::Record) is another one: see [`Machine::record`](super::Machine::record).
    SaveRecord,
}

/// How a command ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Outcome {
    /// [`Command::Open`]: open.
    Opened {
        /// The avatar's opening line; may be empty.
        opening: Text,
        /// It goes on with a session that was there before.
        resumed: bool,
    },
    /// [`Command::Send`]: the service took it.
    Sent(Sent),
    /// [`Command::SendDurable`]: it is kept, and goes out when it can.
    Kept(MessageId),
    /// [`Command::Ask`]: the reply.
    Replied(Box<Reply>),
    /// [`Command::History`]: the messages, oldest first.
    History(Vec<HistoryMessage>),
    /// [`Command::Close`]: closed.
    Closed,
    /// Everything else: done.
    Done,
}
