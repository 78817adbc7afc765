//! Closing a client.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::client_inner::ClientInner;
use crate::runtime;

/// Closes a client; await it. See [`AvatarClient::close`](crate::AvatarClient::close).
#[derive(Debug)]
#[must_use = "nothing is closed before it is awaited"]
pub struct Close {
    client: Arc<ClientInner>,
    deadline: Duration,
}

impl Close {
    pub(super) fn new(client: Arc<ClientInner>) -> Self {
        let deadline = client.env.settings.deadlines.close;
        Self { client, deadline }
    }

    /// The time for sending what is still to be sent. Default:
    /// [`close_deadline`](crate::ClientBuilder::close_deadline), 5 s.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use secondme_avatar::{AvatarClient, ErrorKind, Visitor};
    /// # use secondme_avatar_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::builder().start().await?;
    /// # let builder = AvatarClient::builder(emulator.api_key())?.base_url(emulator.base_url().parse()?);
    /// # let client = builder.build()?;
    /// let chat = client.open(Visitor::for_user("web", "ada")?).await?;
    /// client.close().deadline(Duration::from_secs(1)).await;
    /// assert_eq!(chat.send("too late").await.unwrap_err().kind(), ErrorKind::Closed);
    /// # Ok(())
    /// # }
    /// ```
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    async fn run(self) {
        self.client.close(self.deadline).await;
    }
}

impl IntoFuture for Close {
    type Output = ();
    type IntoFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let runtime = self.client.env.runtime.clone();
        Box::pin(runtime::with_timers(&runtime, self.run()))
    }
}
