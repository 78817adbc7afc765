//! The client: one for each API key.

use std::sync::Arc;
use std::time::Duration;

use secondme_avatar::{AvatarClient, Error};

use crate::cancel::{begun, until};
use crate::runtime::Share;
use crate::{
    CoreCalls, CoreCancel, CoreConversation, CoreError, CoreEvents, CoreOptions, CoreStats, CoreVisitor,
};

/// A client for one API key. When it and all its conversations are let go of, its work ends.
#[derive(uniffi::Object)]
pub struct CoreClient {
    client: AvatarClient,
    calls: Arc<CoreCalls>,
    share: Arc<Share>,
}

#[uniffi::export]
impl CoreClient {
    /// A client with these options. Nothing is sent yet.
    #[uniffi::constructor]
    pub fn new(options: CoreOptions) -> Result<Arc<Self>, CoreError> {
        let calls = Arc::default();
        let share = Share::take()?;
        let _entered = share.handle().enter();
        let client = options.build(&calls)?;
        Ok(Arc::new(Self { client, calls, share: Arc::clone(&share) }))
    }

    /// Opens the conversation of this visitor.
    pub async fn open(
        self: Arc<Self>,
        visitor: CoreVisitor,
        deadline_ms: Option<u64>,
        cancel: Option<Arc<CoreCancel>>,
    ) -> Result<Arc<CoreConversation>, CoreError> {
        let mut open = self.client.open(visitor.parse()?);
        if let Some(deadline) = deadline_ms {
            open = open.deadline(Duration::from_millis(deadline));
        }
        let opened = until(cancel, open.into_future()).await?;
        Ok(CoreConversation::new(opened, Arc::clone(&self.share)))
    }

    /// Takes up what earlier processes left behind in the store: the ids of those to whom something is still to be
    /// said, with `all` of every visitor who has a session.
    pub async fn recover(
        self: Arc<Self>,
        all: bool,
        cancel: Option<Arc<CoreCancel>>,
    ) -> Result<Vec<String>, CoreError> {
        let recover = self.client.recover();
        let recover = if all { recover.all() } else { recover };
        let visitors = until(cancel, recover.into_future()).await?;
        Ok(visitors.into_iter().map(String::from).collect())
    }

    /// The visitors that the store knows.
    pub async fn known(
        self: Arc<Self>,
        cancel: Option<Arc<CoreCancel>>,
    ) -> Result<Vec<CoreVisitor>, CoreError> {
        let visitors = until(cancel, async move { self.client.known().await }).await?;
        Ok(visitors.into_iter().map(CoreVisitor::from).collect())
    }

    /// Copies the store to a new file while it is in use.
    pub async fn backup(
        self: Arc<Self>,
        path: String,
        cancel: Option<Arc<CoreCancel>>,
    ) -> Result<(), CoreError> {
        until(cancel, async move { self.client.backup(path).await }).await
    }

    /// Subscribes to the events of all conversations. With `raw`, they carry their frames.
    pub fn events(&self, raw: bool) -> Arc<CoreEvents> {
        CoreEvents::new(self.client.events(), raw)
    }

    /// Reports of calls, if the options want them.
    pub fn calls(&self) -> Arc<CoreCalls> {
        Arc::clone(&self.calls)
    }

    /// Host and port of the proxy, if there is one.
    pub fn proxy(&self) -> Option<String> {
        self.client.proxy().map(str::to_owned)
    }

    /// What has been counted so far.
    pub fn stats(&self) -> CoreStats {
        self.client.stats().into()
    }

    /// Puts the client's clock forward, for tests. What is due then is begun when this returns.
    pub fn advance_clock(&self, by_ms: u64) {
        // A program's own code runs on no thread of the core, so this thread may wait.
        self.share.handle().block_on(self.client.advance_clock(Duration::from_millis(by_ms)));
    }

    /// Closes all conversations, each after sending what is still to be sent. (`close` is the host's word for
    /// letting go.) A wait that is given up leaves the rest of the closing undone; call it again.
    pub async fn shutdown(
        self: Arc<Self>,
        deadline_ms: Option<u64>,
        cancel: Option<Arc<CoreCancel>>,
    ) -> Result<(), CoreError> {
        let close = match deadline_ms {
            Some(deadline) => self.client.close().deadline(Duration::from_millis(deadline)),
            None => self.client.close(),
        };
        let closing = close.into_future();
        let closing = async move {
            closing.await;
            Ok::<(), Error>(())
        };
        begun(cancel, closing).await?;
        self.calls.finish();
        self.share.end().await;
        Ok(())
    }
}

#[cfg(feature = "benchmark")]
impl CoreClient {
    pub(crate) fn subscribe(&self) -> secondme_avatar::Events {
        self.client.events()
    }

    pub(crate) fn runtime(&self) -> &tokio::runtime::Handle {
        self.share.handle()
    }
}
