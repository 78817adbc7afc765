//! The client: one for each API key.

use std::sync::Arc;
use std::time::Duration;

use secondme_avatar::{AvatarClient, ClientBuilder, Error, api_key_from_env};
use secondme_avatar_bridge::tokens::{Gives, TokenRequests};

use crate::cancel::{begun, until};
use crate::runtime::Share;
use crate::{
    CoreCalls, CoreCancel, CoreConversation, CoreError, CoreEvents, CoreOptions, CoreStats, CoreTokens,
    CoreVisitor,
};

/// A client for one API key. When it and all its conversations are let go of, its work ends.
#[derive(uniffi::Object)]
pub struct CoreClient {
    client: AvatarClient,
    calls: Arc<CoreCalls>,
    tokens: Option<Arc<CoreTokens>>,
    share: Arc<Share>,
}

#[uniffi::export]
impl CoreClient {
    /// A client with these options. Nothing is sent yet.
    #[uniffi::constructor]
    pub fn new(options: CoreOptions) -> Result<Arc<Self>, CoreError> {
        let builder = match &options.api_key {
            Some(key) => AvatarClient::builder(key)?.or_base_of_env(),
            None => AvatarClient::builder_from_env()?,
        };
        Self::start(options, builder, None)
    }

    /// One that speaks through Visitor Chat, for an app.
    #[uniffi::constructor]
    pub fn visitor_chat(
        client_id: String,
        client_secret: String,
        options: CoreOptions,
    ) -> Result<Arc<Self>, CoreError> {
        let builder = AvatarClient::visitor_chat(&client_id, &client_secret, &options.key()?)?;
        Self::start(options, builder.or_base_of_env(), None)
    }

    /// The same, for the app in `SECONDME_CLIENT_ID` and `SECONDME_CLIENT_SECRET`, with the key in `SECONDME_API_KEY`.
    #[uniffi::constructor]
    pub fn visitor_chat_from_env(options: CoreOptions) -> Result<Arc<Self>, CoreError> {
        Self::start(options, AvatarClient::visitor_chat_builder_from_env()?, None)
    }

    /// One that speaks through Visitor Chat, for users whose tokens are asked for by `tokens`.
    #[uniffi::constructor]
    pub fn visitor_chat_with_tokens(options: CoreOptions) -> Result<Arc<Self>, CoreError> {
        let (requests, feed) = TokenRequests::new(Gives::Tokens);
        let builder = AvatarClient::visitor_chat_with_tokens(&options.key()?, feed)?;
        Self::start(options, builder.or_base_of_env(), Some(CoreTokens::new(requests)))
    }

    /// One that has no key: the visitors' credentials are asked for by `tokens`, and answered as JSON.
    #[uniffi::constructor]
    pub fn with_credentials(options: CoreOptions) -> Result<Arc<Self>, CoreError> {
        let (requests, feed) = TokenRequests::new(Gives::Credentials);
        let builder = AvatarClient::with_credentials(feed).or_base_of_env();
        Self::start(options, builder, Some(CoreTokens::new(requests)))
    }

    /// Gets a visitor's credentials, as JSON.
    pub async fn authenticate(
        self: Arc<Self>,
        visitor: CoreVisitor,
        deadline_ms: Option<u64>,
        cancel: Arc<CoreCancel>,
    ) -> Result<String, CoreError> {
        let mut authenticate = self.client.authenticate(visitor.parse()?);
        if let Some(deadline) = deadline_ms {
            authenticate = authenticate.deadline(Duration::from_millis(deadline));
        }
        Ok(until(cancel, authenticate.into_future()).await?.to_json())
    }

    /// Replaces the key by another one of the same avatar.
    pub fn set_api_key(&self, api_key: String) -> Result<(), CoreError> {
        Ok(self.client.set_api_key(&api_key)?)
    }

    /// Opens the conversation of this visitor.
    pub async fn open(
        self: Arc<Self>,
        visitor: CoreVisitor,
        deadline_ms: Option<u64>,
        cancel: Arc<CoreCancel>,
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
        cancel: Arc<CoreCancel>,
    ) -> Result<Vec<String>, CoreError> {
        let recover = self.client.recover();
        let recover = if all { recover.all() } else { recover };
        let visitors = until(cancel, recover.into_future()).await?;
        Ok(visitors.into_iter().map(String::from).collect())
    }

    /// The visitors that the store knows.
    pub async fn known(self: Arc<Self>, cancel: Arc<CoreCancel>) -> Result<Vec<CoreVisitor>, CoreError> {
        let visitors = until(cancel, async move { self.client.known().await }).await?;
        Ok(visitors.into_iter().map(CoreVisitor::from).collect())
    }

    /// Copies the store to a new file while it is in use.
    pub async fn backup(self: Arc<Self>, path: String, cancel: Arc<CoreCancel>) -> Result<(), CoreError> {
        until(cancel, async move { self.client.backup(path).await }).await
    }

    /// Deletes everything that the store holds of this visitor.
    pub async fn forget(
        self: Arc<Self>,
        visitor: CoreVisitor,
        cancel: Arc<CoreCancel>,
    ) -> Result<(), CoreError> {
        let visitor = visitor.parse()?;
        until(cancel, async move { self.client.forget(visitor.id()).await }).await
    }

    /// Returns everything that the store holds of this visitor, as JSON.
    pub async fn export(
        self: Arc<Self>,
        visitor: CoreVisitor,
        cancel: Arc<CoreCancel>,
    ) -> Result<String, CoreError> {
        let visitor = visitor.parse()?;
        until(cancel, async move { self.client.export(visitor.id()).await }).await
    }

    /// Forgets the visitors of whom nothing was written for longer than this, and counts them.
    pub async fn forget_idle(
        self: Arc<Self>,
        longer_than_ms: u64,
        cancel: Arc<CoreCancel>,
    ) -> Result<u64, CoreError> {
        let longer_than = Duration::from_millis(longer_than_ms);
        until(cancel, async move { self.client.forget_idle(longer_than).await }).await
    }

    /// Subscribes to the events of all conversations. With `raw`, they carry their frames.
    pub fn events(&self, raw: bool) -> Arc<CoreEvents> {
        CoreEvents::new(self.client.events(), raw)
    }

    /// Reports of calls, if the options want them.
    pub fn calls(&self) -> Arc<CoreCalls> {
        Arc::clone(&self.calls)
    }

    /// Requests for tokens of users or credentials of visitors, if a function gives them.
    pub fn tokens(&self) -> Option<Arc<CoreTokens>> {
        self.tokens.clone()
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
        if let Some(tokens) = &self.tokens {
            tokens.finish();
        }
        self.share.end().await;
        Ok(())
    }
}

impl CoreClient {
    pub(crate) fn core(&self) -> &AvatarClient {
        &self.client
    }

    fn start(
        options: CoreOptions,
        builder: ClientBuilder,
        tokens: Option<Arc<CoreTokens>>,
    ) -> Result<Arc<Self>, CoreError> {
        let share = Share::take()?;
        let _entered = share.handle().enter();
        let (client, calls) = options.build(builder)?;
        Ok(Arc::new(Self { client, calls, tokens, share: Arc::clone(&share) }))
    }
}

impl CoreOptions {
    /// The API key, or that of the environment.
    fn key(&self) -> Result<String, CoreError> {
        if let Some(key) = &self.api_key {
            return Ok(key.clone());
        }
        Ok(api_key_from_env()?)
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
