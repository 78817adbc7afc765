//! A program with the API key gets visitors' credentials; one without it lives on them.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use secondme_avatar_protocol::{
    ApiKey, Authenticating, CallId, Credentials, Door, Error, ErrorKind, Millis, NotAuthenticated, Quota,
    Step, Visitor,
};

use super::AvatarClient;
use crate::client_inner::{ClientInner, random_seed};
use crate::credentials::CredentialsProvider;
use crate::errors::client_closed;
use crate::options::ClientBuilder;
use crate::quota::QuotaWait;
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
        let client = &self.client;
        client.is_there()?;
        self.visitor.check()?;
        if client.env.settings.config.door != Door::AvatarOpenApi {
            let message = "Visitor Chat knows no credentials of a visitor: authenticate with a client of the Avatar Open \
                           API";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let until = client.env.clock.now() + self.deadline;
        tokio::select! {
            credentials = self.tried_until(until) => credentials,
            () = client.closing.cancelled() => Err(client_closed()),
        }
    }

    /// Tries until it succeeds, makes no sense, or is too late.
    async fn tried_until(&self, until: Millis) -> Result<Credentials, Error> {
        let env = &self.client.env;
        let mut authenticating = Authenticating::new(self.visitor.clone(), random_seed()?);
        loop {
            let attempt = tokio::select! {
                attempt = self.attempt(&mut authenticating, until) => attempt,
                () = env.clock.at(until) => return Err(authenticating.late()),
            };
            let (key, failed) = match attempt {
                Ok(credentials) => return Ok(credentials),
                Err(failed) => failed,
            };
            if key.is_some_and(|shown| self.client.has_another_key(&shown)) {
                continue; // What the earlier key has met says nothing about this one.
            }
            let Some(again_after) = failed.again_after else { return Err(failed.error) };
            let again_at = env.clock.now() + again_after;
            if again_at >= until {
                return Err(authenticating.late());
            }
            env.clock.at(again_at).await;
        }
    }

    /// Waits for a slot of the quota and makes the call. A failure says which key was shown.
    async fn attempt(
        &self,
        authenticating: &mut Authenticating,
        until: Millis,
    ) -> Result<Credentials, (Option<ApiKey>, NotAuthenticated)> {
        let env = &self.client.env;
        let given_up = |error| (None, NotAuthenticated { error, again_after: None });
        let mut permit = env.quota.join();
        let mut told = None;
        while let QuotaWait::Expected(at) = permit.acquire(told).await {
            if at >= until {
                return Err(given_up(Quota::used_up(at.since(env.clock.now()))));
            }
            told = Some(at);
        }
        let key = self.client.key().map_err(given_up)?;
        let request = authenticating.begin(CallId(0), &key);
        let watched = env.on_call.begin(self.visitor.id(), Step::Authenticate);
        permit.used();
        self.client.lock().authenticated();
        let answer = env.http.fetch(request).await;
        permit.finish();
        let server_time = answer.as_ref().ok().and_then(|answer| answer.server_time);
        let result = match answer {
            Ok(answer) => authenticating.answered(answer.status, answer.retry_after, &answer.body),
            Err(error) => Err(authenticating.failed(error)),
        };
        watched.end(|| (result.as_ref().err().map(|failed| failed.error.clone()), server_time));
        result.map_err(|failed| {
            if let (ErrorKind::RateLimited, Some(wait)) = (failed.error.kind(), failed.error.retry_after())
                && !self.client.has_another_key(&key)
            {
                env.quota.hold_until(env.clock.now() + wait);
            }
            (Some(key), failed)
        })
    }
}

impl IntoFuture for Authenticate {
    type Output = Result<Credentials, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let runtime = self.client.env.runtime.clone();
        Box::pin(runtime::with_timers(&runtime, self.run()))
    }
}
