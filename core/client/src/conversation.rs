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
use crate::visitor_handle::{Answer, VisitorHandle};

/// A conversation with the avatar. Cheap to clone; all clones are the same conversation.
///
/// It goes on when the last handle is dropped: its events still reach
/// [`AvatarClient::events`](crate::AvatarClient::events), and opening the visitor again gives a handle
/// again. It ends with [`close`](Self::close), or with the client.
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
        answer: Answer,
    ) -> Result<Self, Error> {
        let conversation = Self { client: Arc::clone(client), handle: Arc::clone(handle), key };
        match answer.wait().await? {
            Outcome::Opened { .. } => Ok(conversation),
            _ => Err(unexpected()),
        }
    }

    /// Says something. Await it: the service has taken the message then.
    ///
    /// While the socket is down the message waits, and a lost answer never makes it go out twice: see
    /// [`ClientBuilder::delivery`](crate::ClientBuilder::delivery). One that is given up comes back
    /// with the error ([`Error::unsent`]).
    pub fn send(&self, text: impl Into<String>) -> Send {
        Send { chat: self.clone(), text: text.into(), deadline: self.client.env.settings.deadlines.send }
    }

    /// Says something and waits for the whole reply, the avatar's or its owner's. Await it.
    ///
    /// Questions of one conversation are answered in order, never crossed: a second one goes out when
    /// the first is answered.
    pub fn ask(&self, text: impl Into<String>) -> Ask {
        let deadlines = &self.client.env.settings.deadlines;
        let (deadline, first_piece) = (deadlines.ask, deadlines.first_piece);
        Ask { chat: self.clone(), text: text.into(), deadline, first_piece }
    }

    /// Says something and hands on the reply piece by piece.
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

    /// Subscribes to what happens in this conversation from now on.
    pub fn events(&self) -> Events {
        let of = format!("conversation {} of {}", self.key.0, self.visitor_id());
        let mailbox = self.client.env.subscriptions.mailbox(of);
        self.handle.subscribe(self.key, Arc::clone(&mailbox));
        Events::new(mailbox)
    }

    /// The last `count` messages (1 to 1000), oldest first; with `before`, those before that one.
    ///
    /// Where the service does not offer it, that is an error of kind
    /// [`Unsupported`](crate::ErrorKind::Unsupported).
    pub async fn history(&self, count: usize, before: Option<&SeqId>) -> Result<Vec<HistoryMessage>, Error> {
        let deadline = self.client.env.settings.deadlines.history;
        let before = before.cloned();
        let command = Command::History { conversation: self.key, before, limit: count, deadline };
        match self.handle.command(command)?.wait().await? {
            Outcome::History(messages) => Ok(messages),
            _ => Err(unexpected()),
        }
    }

    /// Opens another conversation of the same visitor, with a session of its own, on the same socket.
    pub async fn new_session(&self) -> Result<Conversation, Error> {
        let key = self.handle.new_key();
        let command = Command::Open { conversation: key, deadline: self.client.env.settings.deadlines.open };
        let answer = self.handle.command(command)?;
        Self::opened(&self.client, &self.handle, key, answer).await
    }

    /// The avatar's opening line; may be empty.
    pub fn opening(&self) -> Text {
        self.handle.lock().machine.opening().cloned().unwrap_or_default()
    }

    /// The avatar's name; may be empty.
    pub fn avatar_name(&self) -> String {
        self.handle.lock().machine.avatar_name().unwrap_or_default().to_owned()
    }

    /// Who talks with the avatar here.
    pub fn visitor_id(&self) -> VisitorId {
        self.handle.lock().machine.visitor().id().clone()
    }

    /// The [tag](crate::Visitor::tag) of the visitor, if there is one: the caller's own.
    pub fn tag(&self) -> Option<Arc<str>> {
        self.handle.lock().machine.visitor().shared_tag().cloned()
    }

    /// Which one of the visitor's conversations this is, as [`Event::conversation`](crate::Event) names it.
    pub fn key(&self) -> ConversationKey {
        self.key
    }

    /// The session's id on the service.
    pub fn session_id(&self) -> Option<SessionId> {
        self.handle.lock().machine.session_id(self.key)
    }

    /// Where the conversation stands.
    pub fn state(&self) -> State {
        self.handle.lock().machine.state(self.key)
    }

    /// Whether the avatar's owner has the conversation: has said something in person, and the avatar nothing
    /// since ([`TakenOver`](crate::EventKind::TakenOver), [`HandedBack`](crate::EventKind::HandedBack)).
    ///
    /// Questions are not held back meanwhile: the owner may answer several at once, or none. One that the owner
    /// does not answer in time fails with [`ErrorKind::TakenOver`](crate::ErrorKind::TakenOver).
    pub fn taken_over(&self) -> bool {
        self.handle.lock().machine.taken_over(self.key)
    }

    /// Gives up the socket and keeps the place: for an app that goes to the background. Whatever is
    /// said meanwhile is there after [`resume`](Self::resume). Other conversations of the visitor
    /// rest with it.
    pub async fn pause(&self) -> Result<(), Error> {
        self.done(Command::Pause).await
    }

    /// Comes back after a [`pause`](Self::pause). The next message does so too.
    pub async fn resume(&self) -> Result<(), Error> {
        self.client.env.http.renew();
        self.done(Command::Resume).await
    }

    /// Says that the network is another one: the socket is connected again now, and not when its
    /// silence has been noticed.
    pub async fn network_changed(&self) -> Result<(), Error> {
        self.client.env.http.renew();
        self.done(Command::NetworkChanged).await
    }

    /// Closes the conversation once what is still to be sent is sent, within 5 s. Opening the visitor
    /// again goes on with the same session.
    pub async fn close(&self) -> Result<(), Error> {
        self.finish(false).await
    }

    /// Closes the conversation and ends its session on the service, as far as that offers it: the next
    /// `open` begins a new one.
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

/// A message to be sent; await it.
#[derive(Clone)]
#[must_use = "nothing is sent before it is awaited"]
pub struct Send {
    chat: Conversation,
    text: String,
    deadline: Duration,
}

impl Send {
    /// The whole time for it, its retries and waits included; 15 s, if not said otherwise.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Keeps it in the client's [store](crate::ClientBuilder::store) until the service has taken it: await it
    /// for that it is kept. From then on it survives the process, and goes out when it can, once, under this id.
    ///
    /// Whether the service has it is told by [`Delivered`](crate::EventKind::Delivered); a message that is
    /// given up comes back as [`Unsent`](crate::EventKind::Unsent).
    pub fn durable(self) -> SendDurable {
        let deadline = self.chat.client.env.settings.deadlines.durable;
        SendDurable { chat: self.chat, text: self.text, deadline }
    }
}

/// A message to be kept until it is sent; await it.
#[derive(Clone)]
#[must_use = "nothing is kept before it is awaited"]
pub struct SendDurable {
    chat: Conversation,
    text: String,
    deadline: Duration,
}

impl SendDurable {
    /// How long it may wait, over all the processes that try; 24 h, if not said otherwise.
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
            let Self { chat, text, deadline } = self;
            if chat.client.env.store_writer.is_none() {
                return Err(no_store());
            }
            let command = Command::SendDurable { conversation: chat.key, text: text.into(), deadline };
            match chat.handle.command(command)?.wait().await? {
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
            let Self { chat, text, deadline } = self;
            let command = Command::Send { conversation: chat.key, text: text.into(), deadline };
            match chat.handle.command(command)?.wait().await? {
                Outcome::Sent(sent) => Ok(sent),
                _ => Err(unexpected()),
            }
        })
    }
}

/// A question; await it for the whole reply, or [`stream`](Self::stream) it.
#[derive(Clone)]
#[must_use = "nothing is asked before it is awaited"]
pub struct Ask {
    chat: Conversation,
    text: String,
    deadline: Duration,
    first_piece: Duration,
}

impl Ask {
    /// The whole time until the reply is complete; 120 s, if not said otherwise.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// How long the first piece of the reply may take; 60 s, if not said otherwise.
    pub fn first_piece_deadline(mut self, deadline: Duration) -> Self {
        self.first_piece = deadline;
        self
    }

    /// Asks now, and hands on the reply piece by piece.
    pub fn stream(self) -> ReplyStream {
        let handle = Arc::clone(&self.chat.handle);
        ReplyStream::start(handle, self.command(true))
    }

    fn command(self, pieces: bool) -> Command {
        Command::Ask {
            conversation: self.chat.key,
            text: self.text.into(),
            deadline: self.deadline,
            first_piece: self.first_piece,
            pieces,
        }
    }
}

impl IntoFuture for Ask {
    type Output = Result<Reply, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + std::marker::Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let handle = Arc::clone(&self.chat.handle);
            // Held until the reply is there: a conversation lives as long as somebody waits in it.
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
