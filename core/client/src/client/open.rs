//! Opening a visitor's conversation.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use secondme_avatar_protocol::{ConversationKey, Error, Visitor};

use crate::client_inner::{ClientInner, Whom};
use crate::conversation::Conversation;
use crate::runtime;

/// Opens a conversation; await it. See [`AvatarClient::open`](crate::AvatarClient::open).
#[derive(Debug)]
#[must_use = "nothing is opened before it is awaited"]
pub struct Open {
    client: Arc<ClientInner>,
    visitor: Visitor,
    whom: Whom,
    deadline: Duration,
}

impl Open {
    pub(super) fn new(client: Arc<ClientInner>, visitor: Visitor) -> Self {
        let deadline = client.env.settings.deadlines.open;
        Self { client, visitor, whom: Whom::Anyone, deadline }
    }

    /// Fails if the visitor was forgotten since it was listed.
    pub(super) fn known(mut self) -> Self {
        self.whom = Whom::Known;
        self
    }

    /// The whole time, with retries and waits. Default:
    /// [`open_deadline`](crate::ClientBuilder::open_deadline), 30 s.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    async fn run(self) -> Result<Conversation, Error> {
        let Self { client, visitor, whom, deadline } = self;
        let (handle, answer) = Arc::clone(&client).open(visitor, whom, deadline).await?;
        Conversation::opened(&client, &handle, ConversationKey::FIRST, answer).await
    }
}

impl IntoFuture for Open {
    type Output = Result<Conversation, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let runtime = self.client.env.runtime.clone();
        Box::pin(runtime::with_timers(&runtime, self.run()))
    }
}
