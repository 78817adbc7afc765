//! A conversation with the avatar.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use secondme_avatar_protocol::{
    Command, ConversationKey, Error, ErrorKind, HistoryMessage, MessageId, Outcome, Reply, SeqId, SessionId,
    State, Text, VisitorId,
};

use crate::client_inner::ClientInner;
use crate::errors::{no_store, unexpected};
use crate::events::Events;
use crate::reply_stream::ReplyStream;
use crate::visitor_handle::{PendingAnswer, VisitorHandle, Wanted};

/// A conversation with the avatar. Cheap to clone; all clones are the same conversation.
///
/// A conversation stays open when its last handle is dropped. Its events still reach
/// [`AvatarClient::events`](crate::AvatarClient::events), and opening the visitor again returns a new handle.
/// It ends with [`close`](Self::close), or when the client is closed or dropped.
#[derive(Clone)]
pub struct Conversation {
    client: Arc<ClientInner>,
    handle: Arc<VisitorHandle>,
    key: ConversationKey,
}

impl Conversation {
    pub(crate) async fn opened(
        client: &Arc<ClientInner>,
        handle: &Arc<VisitorHandle>,
        key: ConversationKey,
        answer: PendingAnswer,
    ) -> Result<Self, Error> {
        let conversation = Self { client: Arc::clone(client), handle: Arc::clone(handle), key };
        match answer.wait().await? {
            Outcome::Opened { .. } => Ok(conversation),
            _ => Err(unexpected()),
        }
    }

    /// Sends a message; await it. It resolves when the service has taken the message.
    ///
    /// While the socket is down the message waits. A lost answer never makes the message go out twice: see
    /// [`ClientBuilder::delivery`](crate::ClientBuilder::delivery). A message that is given up comes back with
    /// the error ([`Error::unsent`]).
    pub fn send(&self, text: impl Into<String>) -> Send {
        Send { chat: self.clone(), text: text.into(), deadline: None, message_id: None }
    }

    /// Sends a question and waits for the whole reply of the avatar or its owner; await it.
    ///
    /// The questions of one conversation are answered in order: the second one goes out when the first is
    /// answered.
    pub fn ask(&self, text: impl Into<String>) -> Ask {
        let deadlines = &self.client.env.settings.deadlines;
        let (deadline, first_piece) = (deadlines.ask, deadlines.first_piece);
        Ask { chat: self.clone(), text: text.into(), deadline, first_piece, collect: None, message_id: None }
    }

    /// Sends a question and returns the reply piece by piece.
    ///
    /// ```no_run
    /// # async fn example(chat: secondme_avatar::Conversation) -> Result<(), secondme_avatar::Error> {
    /// let mut pieces = chat.stream("Hello");
    /// while let Some(piece) = pieces.next().await {
    ///     print!("{}", piece?.text);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn stream(&self, text: impl Into<String>) -> ReplyStream {
        self.ask(text).stream()
    }

    /// Subscribes to the events of this conversation, from now on.
    pub fn events(&self) -> Events {
        let of = format!("conversation {} of {}", self.key.0, self.visitor_id());
        let mailbox = self.client.env.subscriptions.mailbox(of);
        self.handle.subscribe(self.key, Arc::clone(&mailbox));
        Events::new(mailbox)
    }

    /// Returns the last `count` messages (1 to 1000), oldest first; with `before`, the last ones before that
    /// message.
    ///
    /// # Errors
    ///
    /// Fails with kind [`Unsupported`](crate::ErrorKind::Unsupported) if the service has no such query, and
    /// with kind [`Misuse`](crate::ErrorKind::Misuse) if `count` is out of range.
    pub async fn history(&self, count: usize, before: Option<&SeqId>) -> Result<Vec<HistoryMessage>, Error> {
        let deadline = self.client.env.settings.deadlines.history;
        let before = before.cloned();
        let command = Command::History { conversation: self.key, before, limit: count, deadline };
        match self.handle.command(command)?.wait().await? {
            Outcome::History(messages) => Ok(messages),
            _ => Err(unexpected()),
        }
    }

    /// Opens another conversation of the same visitor, with its own session, on the same socket.
    pub async fn new_session(&self) -> Result<Conversation, Error> {
        let key = self.handle.new_key();
        let command = Command::Open { conversation: key, deadline: self.client.env.settings.deadlines.open };
        let answer = self.handle.command(command)?;
        Self::opened(&self.client, &self.handle, key, answer).await
    }

    /// The avatar's opening line. It may be empty.
    pub fn opening(&self) -> Text {
        self.handle.opening()
    }

    /// The avatar's name. It may be empty.
    pub fn avatar_name(&self) -> String {
        self.handle.avatar_name()
    }

    /// The visitor's id.
    pub fn visitor_id(&self) -> VisitorId {
        self.handle.lock().machine.visitor().id().clone()
    }

    /// The visitor's [tag](crate::Visitor::tag), if the caller has given one.
    pub fn tag(&self) -> Option<Arc<str>> {
        self.handle.lock().machine.visitor().shared_tag().cloned()
    }

    /// Which of the visitor's conversations this is. [`Event::conversation`](crate::Event) has the same key.
    pub fn key(&self) -> ConversationKey {
        self.key
    }

    /// The id of the session on the service.
    pub fn session_id(&self) -> Option<SessionId> {
        self.handle.session_id(self.key)
    }

    /// The state of the conversation.
    pub fn state(&self) -> State {
        self.handle.lock().state(self.key)
    }

    /// Whether the avatar's owner has taken over: has written in person, and the avatar has not answered since
    /// ([`TakenOver`](crate::EventKind::TakenOver), [`HandedBack`](crate::EventKind::HandedBack)).
    ///
    /// Questions still go out meanwhile. The owner may answer several at once, or none. A question that the
    /// owner does not answer in time fails with [`ErrorKind::TakenOver`](crate::ErrorKind::TakenOver).
    pub fn taken_over(&self) -> bool {
        self.handle.taken_over(self.key)
    }

    /// Closes the socket and keeps the session, for an app that goes to the background. What is said meanwhile
    /// comes after [`resume`](Self::resume). Pauses the visitor's other conversations as well.
    pub async fn pause(&self) -> Result<(), Error> {
        self.done(Command::Pause).await
    }

    /// Connects again after a [`pause`](Self::pause). The next message does so too.
    pub async fn resume(&self) -> Result<(), Error> {
        self.client.env.http.renew();
        self.done(Command::Resume).await
    }

    /// Tells the client that the network has changed. The socket is connected again at once, not after a
    /// timeout.
    pub async fn network_changed(&self) -> Result<(), Error> {
        self.client.env.http.renew();
        self.done(Command::NetworkChanged).await
    }

    /// Closes the conversation, after sending what is still to be sent, within 5 s. Opening the visitor again
    /// resumes the same session.
    pub async fn close(&self) -> Result<(), Error> {
        self.finish(false).await
    }

    /// Closes the conversation and ends its session on the service, if the service supports that. The next
    /// `open` begins a new session.
    pub async fn end(&self) -> Result<(), Error> {
        self.finish(true).await
    }

    async fn finish(&self, end_session: bool) -> Result<(), Error> {
        let deadline = self.client.env.settings.deadlines.close;
        let command = Command::Close { conversation: self.key, deadline, end_session };
        match self.handle.command(command) {
            Ok(answer) => answer.wait().await.map(drop),
            Err(error) if error.kind() == ErrorKind::Closed => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn done(&self, command: Command) -> Result<(), Error> {
        self.handle.command(command)?.wait().await.map(drop)
    }
}

/// Sends a message; await it.
#[derive(Clone)]
#[must_use = "nothing is sent before it is awaited"]
pub struct Send {
    chat: Conversation,
    text: String,
    deadline: Option<Duration>,
    message_id: Option<MessageId>,
}

impl Send {
    /// The whole time, with retries and waits. Default: [`send_deadline`](crate::ClientBuilder::send_deadline),
    /// 15 s.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The id under which the message goes out: see [`Ask::message_id`]. Default: one that is made for it.
    pub fn message_id(mut self, id: impl Into<MessageId>) -> Self {
        self.message_id = Some(id.into());
        self
    }

    /// Saves the message in the client's [store](crate::ClientBuilder::store) first; await it. It resolves when
    /// the message is saved. From then on the message outlives the process, and goes out once, under this id,
    /// as soon as it can.
    ///
    /// A [`Delivered`](crate::EventKind::Delivered) event says that the service has it. A message that is given
    /// up comes back as an [`Unsent`](crate::EventKind::Unsent) event.
    ///
    /// A deadline that was set stays; by default it is [that of durable messages](SendDurable::deadline).
    pub fn durable(self) -> SendDurable {
        let deadline = self.deadline.unwrap_or(self.chat.client.env.settings.deadlines.durable);
        SendDurable { chat: self.chat, text: self.text, deadline, message_id: self.message_id }
    }
}

/// Saves a message and sends it; await it.
#[derive(Clone)]
#[must_use = "nothing is kept before it is awaited"]
pub struct SendDurable {
    chat: Conversation,
    text: String,
    deadline: Duration,
    message_id: Option<MessageId>,
}

impl SendDurable {
    /// The id under which the message goes out: see [`Ask::message_id`]. Default: one that is made for it.
    pub fn message_id(mut self, id: impl Into<MessageId>) -> Self {
        self.message_id = Some(id.into());
        self
    }

    /// How long the message is tried, over all processes. Default:
    /// [`durable_deadline`](crate::ClientBuilder::durable_deadline), 24 h.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }
}

impl IntoFuture for SendDurable {
    type Output = Result<MessageId, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + std::marker::Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { chat, text, deadline, message_id } = self;
            if chat.client.env.store_writer.is_none() {
                return Err(no_store());
            }
            let command = Command::SendDurable { conversation: chat.key, text: text.into(), deadline };
            match chat.handle.command(Wanted { command, message_id })?.wait().await? {
                Outcome::Kept(message) => Ok(message),
                _ => Err(unexpected()),
            }
        })
    }
}

impl std::fmt::Debug for Conversation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conversation")
            .field("visitor_id", &self.visitor_id())
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for SendDurable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SendDurable({} bytes)", self.text.len())
    }
}

impl IntoFuture for Send {
    type Output = Result<crate::Sent, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + std::marker::Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { chat, text, deadline, message_id } = self;
            let deadline = deadline.unwrap_or(chat.client.env.settings.deadlines.send);
            let command = Command::Send { conversation: chat.key, text: text.into(), deadline };
            match chat.handle.command(Wanted { command, message_id })?.wait().await? {
                Outcome::Sent(sent) => Ok(sent),
                _ => Err(unexpected()),
            }
        })
    }
}

/// Asks a question. Await it for the whole reply, or [`stream`](Self::stream) it.
#[derive(Clone)]
#[must_use = "nothing is asked before it is awaited"]
pub struct Ask {
    chat: Conversation,
    text: String,
    deadline: Duration,
    first_piece: Duration,
    collect: Option<Duration>,
    message_id: Option<MessageId>,
}

impl Ask {
    /// The whole time until the reply is complete. Default:
    /// [`ask_deadline`](crate::ClientBuilder::ask_deadline), 120 s.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// How long the first piece of the reply may take. Default:
    /// [`first_piece_deadline`](crate::ClientBuilder::first_piece_deadline), 60 s.
    pub fn first_piece_deadline(mut self, deadline: Duration) -> Self {
        self.first_piece = deadline;
        self
    }

    /// Waits for all messages of the avatar's turn, which is over when the avatar has been silent for so long. Default:
    /// the first message is the answer, and the others come as events.
    ///
    /// The reply has the texts of all messages, each on a line of its own, and their parts, sources and speech in order.
    /// A stream ends with the turn; a line break comes before the text of each further message. Where the deadline passes
    /// while the avatar goes on, the reply has what came until then. The next question waits for the end of the turn.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # async fn all(chat: secondme_avatar::Conversation) -> Result<(), secondme_avatar::Error> {
    /// let reply = chat.ask("What do you offer?").collect(Duration::from_secs(2)).await?;
    /// for line in reply.text.as_str().lines() {
    ///     println!("{line}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn collect(mut self, silence: Duration) -> Self {
        self.collect = Some(silence);
        self
    }

    /// The id under which the question goes out, of the form `{random}_____{milliseconds}`:
    /// [`new_message_id`](crate::new_message_id) makes one. Default: one that is made for it.
    ///
    /// A program that keeps the id before it asks finds out after a crash whether the service took the question:
    /// [`history`](Conversation::history) has it under this id ([`HistoryMessage::id`]). Visitor Chat takes no ids: there
    /// it names the message in this client only, in errors, events and the store.
    ///
    /// An id of another form, or one under which a message of this visitor has gone out or waits, is an error of kind
    /// [`Misuse`](ErrorKind::Misuse), and nothing is sent. One that was handed back may be used again.
    ///
    /// ```
    /// # use secondme_avatar::{AvatarClient, Visitor, new_message_id};
    /// # use secondme_avatar_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::builder().start().await?;
    /// # let builder = AvatarClient::builder(emulator.api_key())?.base_url(emulator.base_url().parse()?);
    /// # let client = builder.build()?;
    /// let chat = client.open(Visitor::for_user("slack", "U061F7AUR")?).await?;
    /// let id = new_message_id()?;
    /// chat.ask("What do you offer?").message_id(id.clone()).await?;
    /// assert!(chat.history(10, None).await?.iter().any(|message| message.id.as_ref() == Some(&id)));
    /// # Ok(())
    /// # }
    /// ```
    pub fn message_id(mut self, id: impl Into<MessageId>) -> Self {
        self.message_id = Some(id.into());
        self
    }

    /// Asks now, and returns the reply piece by piece.
    pub fn stream(self) -> ReplyStream {
        let handle = Arc::clone(&self.chat.handle);
        ReplyStream::start(handle, self.command(true))
    }

    fn command(self, pieces: bool) -> Wanted {
        let command = Command::Ask {
            conversation: self.chat.key,
            text: self.text.into(),
            deadline: self.deadline,
            first_piece: self.first_piece,
            pieces,
            collect: self.collect,
        };
        Wanted { command, message_id: self.message_id }
    }
}

impl IntoFuture for Ask {
    type Output = Result<Reply, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + std::marker::Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let handle = Arc::clone(&self.chat.handle);
            // Held until the reply has come: a conversation lives as long as a call waits in it.
            let _chat = self.chat.clone();
            match handle.command(self.command(false))?.wait().await? {
                Outcome::Replied(reply) => Ok(*reply),
                _ => Err(unexpected()),
            }
        })
    }
}

impl std::fmt::Debug for Send {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Send({} bytes)", self.text.len())
    }
}

impl std::fmt::Debug for Ask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ask({} bytes)", self.text.len())
    }
}
