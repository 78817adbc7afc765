//! Calls of the service that this library does not know.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use secondme_avatar_protocol::{Error, Visitor};

use super::AvatarClient;
use crate::client_inner::ClientInner;
use crate::request::OtherCall;
use crate::runtime;

impl AvatarClient {
    /// Makes a call of the service that this library does not know; await it. Returns the `data` of the answer's envelope
    /// as a JSON text, as the service wrote it, so that no number is rounded; `null` where there is none.
    ///
    /// The path goes on after the base URL, such as `/rest/general/message/latest?sessionId=…`, and cannot lead
    /// elsewhere. Without a [visitor](Request::visitor) the call shows the API key, and takes a slot of the key's quota.
    ///
    /// ```
    /// # use secondme_avatar::{AvatarClient, Visitor};
    /// # use secondme_avatar_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::builder().start().await?;
    /// # let builder = AvatarClient::builder(emulator.api_key())?.base_url(emulator.base_url().parse()?);
    /// # let client = builder.build()?;
    /// let ada = Visitor::for_user("web", "ada")?;
    /// let chat = client.open(ada.clone()).await?;
    /// chat.ask("Hello").await?;
    /// let session = chat.session_id().expect("it is open");
    /// let path = format!("/rest/general/message/latest?sessionId={session}");
    /// let frames: serde_json::Value = serde_json::from_str(&client.request("GET", path).visitor(ada).await?)?;
    /// println!("The service lists {} frames", frames.as_array().map_or(0, Vec::len));
    /// # assert!(frames.to_string().contains("\"Hello\""), "{frames}");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Fails with kind [`Misuse`](crate::ErrorKind::Misuse), and nothing is sent, if the method is not one of GET, POST, PUT,
    /// PATCH and DELETE, the path could lead to outside of the base URL (a whole URL, `..`, an encoded slash), or the body
    /// is not JSON. Otherwise it fails as the calls do that the library makes itself: what the service refuses has its
    /// [code](Error::code) and [status](Error::status), and an answer that is not the service's envelope, a redirect among
    /// them, is of kind [`InvalidAnswer`](crate::ErrorKind::InvalidAnswer). A call is made a second time only after the
    /// visitor's token was refused; whether one is safe to repeat is for the caller to know.
    /// [`on_call`](crate::ClientBuilder::on_call) is told of calls with a visitor alone.
    pub fn request(&self, method: impl Into<String>, path: impl Into<String>) -> Request {
        let deadline = self.inner.env.settings.deadlines.open;
        let (client, method, path) = (Arc::clone(&self.inner), method.into(), path.into());
        Request { client, method, path, body: None, visitor: None, deadline }
    }
}

/// Makes a call of the service; await it. See [`AvatarClient::request`].
#[must_use = "nothing is asked before it is awaited"]
pub struct Request {
    client: Arc<ClientInner>,
    method: String,
    path: String,
    body: Option<String>,
    visitor: Option<Visitor>,
    deadline: Duration,
}

impl Request {
    /// The body, a JSON text. It goes out as it is.
    pub fn body(mut self, json: impl Into<String>) -> Self {
        self.body = Some(json.into());
        self
    }

    /// Shows this visitor's token, in place of the API key: that of the open conversation, that of the store, or a new
    /// one. Where the service refuses it, another one is fetched, once.
    pub fn visitor(mut self, visitor: Visitor) -> Self {
        self.visitor = Some(visitor);
        self
    }

    /// The whole time, with the wait for the quota and a renewed token. Default:
    /// [`open_deadline`](crate::ClientBuilder::open_deadline), 30 s.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    async fn run(self) -> Result<String, Error> {
        let Self { client, method, path, body, visitor, deadline } = self;
        visitor.iter().try_for_each(Visitor::check)?;
        let call = OtherCall::new(&method, &path, body)?;
        let until = client.env.clock.now() + deadline;
        client.request(call, visitor, until).await
    }
}

/// Shows neither path nor body: they may hold what people say.
impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Request({} {} bytes)", self.method, self.path.len())
    }
}

impl IntoFuture for Request {
    type Output = Result<String, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let runtime = self.client.env.runtime.clone();
        Box::pin(runtime::with_timers(&runtime, self.run()))
    }
}
