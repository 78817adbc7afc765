//! A program with the API key gets visitors' credentials; one without it lives on them.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use secondme_avatar_protocol::{Credentials, Door, Error, ErrorKind, Visitor};

use super::AvatarClient;
use crate::authenticate::authenticate;
use crate::client_inner::ClientInner;
use crate::credentials::CredentialsProvider;
use crate::errors::client_closed;
use crate::options::ClientBuilder;
use crate::runtime;

impl AvatarClient {
    /// Starts a client without an API key, for an app: `provider` gives each visitor's
    /// [`Credentials`](crate::Credentials), which a server with the key [gets](Self::authenticate). All the rest works
    /// as with a key.
    ///
    /// The visitor that is opened is the one that the credentials name ([`Credentials::visitor`](crate::Credentials::visitor)):
    /// the server knows who its user is, and the app does not choose. Through the Avatar Open API only: Visitor Chat
    /// wants the key in every call.
    ///
    /// ```
    /// use secondme_avatar::{AvatarClient, Credentials, CredentialsRequest, Visitor};
    /// # use secondme_avatar_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::builder().start().await?;
    ///
    /// // On the server, which has the key and knows who is signed in:
    /// let server = AvatarClient::builder(emulator.api_key())?;
    /// # let server = server.base_url(emulator.base_url().parse()?);
    /// let server = server.build()?;
    /// let json = server.authenticate(Visitor::for_user("web", "ada")?).await?.to_json();
    ///
    /// // In the app, which has what the server answered, and asks again where `request.refused`:
    /// let credentials = Credentials::from_json(&json)?;
    /// let ada = credentials.visitor();
    /// let client = AvatarClient::with_credentials(move |request: CredentialsRequest| {
    ///     let credentials = credentials.clone();
    ///     async move { Ok(credentials) }
    /// });
    /// # let client = client.base_url(emulator.base_url().parse()?);
    /// let chat = client.build()?.open(ada).await?;
    /// println!("{}", chat.ask("Hello, tell me about yourself").await?.text);
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_credentials(provider: impl CredentialsProvider) -> ClientBuilder {
        ClientBuilder::of_credentials(Arc::new(provider))
    }

    /// Gets a visitor's [`Credentials`](crate::Credentials), for an app that must not have the key; await it. Nothing is
    /// opened. See [`with_credentials`](Self::with_credentials).
    ///
    /// Give them to the user whose visitor this is and to no other: derive the visitor from the login that the server
    /// has verified, never from the request. Each call authenticates, and counts in the key's quota: it waits for its
    /// slot among the conversations of this client, no longer than its [deadline](Authenticate::deadline).
    ///
    /// # Errors
    ///
    /// Fails with kind [`Misuse`](ErrorKind::Misuse) on a client without a key, with kind
    /// [`Unsupported`](ErrorKind::Unsupported) through Visitor Chat, with kind
    /// [`RateLimited`](ErrorKind::RateLimited) and [`retry_after`](Error::retry_after) where no slot comes in time, and
    /// otherwise as `open` does.
    pub fn authenticate(&self, visitor: Visitor) -> Authenticate {
        Authenticate::new(Arc::clone(&self.inner), visitor)
    }

    /// Replaces the API key by another one of the same avatar, while conversations live. Later calls that show the key
    /// show this one; the visitors' tokens live on, and what was being said goes on. A call that had shown the earlier
    /// key and is refused is made again. The new key's quota is its own.
    ///
    /// Set it first, and disable the earlier key then.
    ///
    /// # Errors
    ///
    /// Fails with kind [`Misuse`](ErrorKind::Misuse) if the text is not an API key, or if this client has none to
    /// replace.
    pub fn set_api_key(&self, api_key: &str) -> Result<(), Error> {
        self.inner.set_key(&api_key.parse()?)
    }
}

/// Gets a visitor's credentials; await it. See [`AvatarClient::authenticate`](crate::AvatarClient::authenticate).
#[derive(Debug)]
#[must_use = "nothing is asked before it is awaited"]
pub struct Authenticate {
    client: Arc<ClientInner>,
    visitor: Visitor,
    deadline: Duration,
}

impl Authenticate {
    pub(super) fn new(client: Arc<ClientInner>, visitor: Visitor) -> Self {
        let deadline = client.env.settings.deadlines.open;
        Self { client, visitor, deadline }
    }

    /// The whole time, with retries and the wait for a slot of the key's quota. Default:
    /// [`open_deadline`](crate::ClientBuilder::open_deadline), 30 s.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    async fn run(self) -> Result<Credentials, Error> {
        let Self { client, visitor, deadline } = self;
        client.is_there()?;
        visitor.check()?;
        if client.env.settings.config.door != Door::AvatarOpenApi {
            let message = "Visitor Chat knows no credentials of a visitor: authenticate with a client of the Avatar Open \
                           API";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        client.key()?;
        let id = visitor.id().clone();
        // No conversation is there for an event to be of.
        let identity = tokio::select! {
            identity = authenticate(&client, visitor, deadline, drop) => identity.map_err(late)?,
            () = client.closing.cancelled() => return Err(client_closed()),
        };
        Ok(Credentials::new(id, identity))
    }
}

/// Says what was late: no conversation was being opened.
fn late(error: Error) -> Error {
    if error.kind() != ErrorKind::Deadline {
        return error;
    }
    let last = std::error::Error::source(&error).and_then(|last| last.downcast_ref());
    Error::deadline("the authentication", last)
}

impl IntoFuture for Authenticate {
    type Output = Result<Credentials, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let runtime = self.client.env.runtime.clone();
        Box::pin(runtime::with_timers(&runtime, self.run()))
    }
}
