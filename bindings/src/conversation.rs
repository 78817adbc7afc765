//! A conversation with the avatar.

use std::sync::Arc;

use secondme_avatar::{Conversation, SeqId};

use crate::cancel::{begun, until};
use crate::convert::size;
use crate::runtime::Share;
use crate::{
    CoreCancel, CoreError, CoreEvents, CoreHistoryMessage, CoreMessage, CorePieces, CoreQuestion, CoreReply,
    CoreSent, CoreState,
};

/// A conversation. It goes on when this is let go of, and ends with `leave` or `end`, or with the client.
#[derive(uniffi::Object)]
pub struct CoreConversation {
    conversation: Conversation,
    /// It goes on where its client is let go of.
    share: Arc<Share>,
}

#[uniffi::export]
impl CoreConversation {
    /// Which one of the visitor's conversations. The first is 0.
    pub fn key(&self) -> u32 {
        self.conversation.key().0
    }

    /// Who talks with the avatar here.
    pub fn visitor_id(&self) -> String {
        self.conversation.visitor_id().to_string()
    }

    /// The visitor's tag.
    pub fn tag(&self) -> Option<String> {
        self.conversation.tag().as_deref().map(str::to_owned)
    }

    /// The session's id on the service.
    pub fn session_id(&self) -> Option<String> {
        self.conversation.session_id().map(|session| session.to_string())
    }

    /// The avatar's opening line; may be empty.
    pub fn opening(&self) -> String {
        self.conversation.opening().into()
    }

    /// The avatar's name; may be empty.
    pub fn avatar_name(&self) -> String {
        self.conversation.avatar_name()
    }

    /// Where the conversation stands.
    pub fn state(&self) -> CoreState {
        self.conversation.state().into()
    }

    /// Whether the owner has the conversation.
    pub fn taken_over(&self) -> bool {
        self.conversation.taken_over()
    }

    /// Subscribes to what happens in this conversation from now on. With `raw`, events carry their frames.
    pub fn events(&self, raw: bool) -> Arc<CoreEvents> {
        CoreEvents::new(self.conversation.events(), raw)
    }

    /// Says something: the service has taken it then.
    pub async fn send(
        self: Arc<Self>,
        message: CoreMessage,
        cancel: Arc<CoreCancel>,
    ) -> Result<CoreSent, CoreError> {
        until(cancel, message.sent_to(&self.conversation).into_future()).await.map(CoreSent::from)
    }

    /// Keeps a message in the client's store until the service has taken it: its id, once it is kept.
    pub async fn send_durable(
        self: Arc<Self>,
        message: CoreMessage,
        cancel: Arc<CoreCancel>,
    ) -> Result<String, CoreError> {
        let send = message.sent_to(&self.conversation).durable();
        until(cancel, send.into_future()).await.map(|message| message.to_string())
    }

    /// Says something and waits for the whole reply.
    pub async fn ask(
        self: Arc<Self>,
        question: CoreQuestion,
        cancel: Arc<CoreCancel>,
    ) -> Result<CoreReply, CoreError> {
        until(cancel, question.asked_of(&self.conversation).into_future()).await.map(CoreReply::from)
    }

    /// Says something now, and hands on the reply piece by piece. What fails, the pieces tell.
    pub fn stream(&self, question: CoreQuestion) -> Arc<CorePieces> {
        CorePieces::new(question.asked_of(&self.conversation).stream())
    }

    /// The last `count` messages, oldest first; with `before`, those before that one.
    pub async fn history(
        self: Arc<Self>,
        count: u32,
        before: Option<String>,
        cancel: Arc<CoreCancel>,
    ) -> Result<Vec<CoreHistoryMessage>, CoreError> {
        let before = before.map(SeqId::from);
        let history = async move { self.conversation.history(size(count), before.as_ref()).await };
        let messages = until(cancel, history).await?;
        Ok(messages.into_iter().map(CoreHistoryMessage::from).collect())
    }

    /// Opens another conversation of the same visitor, on the same socket.
    pub async fn new_session(
        self: Arc<Self>,
        cancel: Arc<CoreCancel>,
    ) -> Result<Arc<CoreConversation>, CoreError> {
        let share = Arc::clone(&self.share);
        let opened = until(cancel, async move { self.conversation.new_session().await }).await?;
        Ok(Self::new(opened, share))
    }

    /// Gives up the socket and keeps the place.
    pub async fn pause(self: Arc<Self>, cancel: Option<Arc<CoreCancel>>) -> Result<(), CoreError> {
        begun(cancel, async move { self.conversation.pause().await }).await
    }

    /// Comes back after a `pause`.
    pub async fn resume(self: Arc<Self>, cancel: Arc<CoreCancel>) -> Result<(), CoreError> {
        until(cancel, async move { self.conversation.resume().await }).await
    }

    /// Says that the network is another one: the socket is connected again now.
    pub async fn network_changed(self: Arc<Self>, cancel: Arc<CoreCancel>) -> Result<(), CoreError> {
        until(cancel, async move { self.conversation.network_changed().await }).await
    }

    /// Closes the conversation once what is still to be sent is sent. (`close` is the host's word for letting go.)
    pub async fn leave(self: Arc<Self>, cancel: Option<Arc<CoreCancel>>) -> Result<(), CoreError> {
        begun(cancel, async move { self.conversation.close().await }).await
    }

    /// Closes the conversation and ends its session on the service.
    pub async fn end(self: Arc<Self>, cancel: Option<Arc<CoreCancel>>) -> Result<(), CoreError> {
        begun(cancel, async move { self.conversation.end().await }).await
    }
}

impl CoreConversation {
    pub(crate) fn new(conversation: Conversation, share: Arc<Share>) -> Arc<Self> {
        Arc::new(Self { conversation, share })
    }
}
