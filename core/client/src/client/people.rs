//! What the store holds of people: deleted, and shown.

use std::time::Duration;

use secondme_avatar_protocol::{Error, VisitorId};

use super::AvatarClient;
use crate::runtime;
use crate::store::StoredRow;

impl AvatarClient {
    /// Deletes everything that the [store](crate::ClientBuilder::store) holds of this visitor: the record, unsent
    /// messages, claims. When it returns, nothing of it is in the store's files. A visitor of whom there is nothing is
    /// no error. A client without a store forgets the session and the token that it has in memory.
    ///
    /// An open conversation of the visitor is closed first, at once: what was still to be sent is not, its calls fail,
    /// and durable messages are deleted. Opening the visitor again begins a new session.
    ///
    /// **This store only:** nothing is deleted at the service, in [backups](Self::backup), or in logs. See
    /// `docs/privacy.md`.
    ///
    /// The file is written anew, which takes a moment for each 10,000 visitors in it: to delete many, use
    /// [`forget_idle`](Self::forget_idle).
    ///
    /// # Errors
    ///
    /// Fails with kind [`Store`](crate::ErrorKind::Store) if another client of the same store, in this process or in
    /// another one, has the visitor open or has messages of the visitor to send: then nothing is deleted, and the
    /// conversation in this client is closed all the same. So it does if the bytes cannot be removed, since another program
    /// reads the file or the disk is full: then call it again. Fails with kind
    /// [`Unsupported`](crate::ErrorKind::Unsupported) if a store of your own does not delete visitors.
    ///
    /// ```
    /// # use secondme_avatar::{AvatarClient, MemoryStore, State, Visitor};
    /// # use secondme_avatar_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::builder().start().await?;
    /// # let builder = AvatarClient::builder(emulator.api_key())?.base_url(emulator.base_url().parse()?);
    /// # let client = builder.store(MemoryStore::new()).build()?;
    /// let ada = Visitor::for_user("feishu", "ou_abc")?;
    /// let chat = client.open(ada.clone()).await?;
    /// client.forget(ada.id()).await?;
    /// assert_eq!(chat.state(), State::Closed);
    /// assert!(client.known().await?.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn forget(&self, visitor: &VisitorId) -> Result<(), Error> {
        let until = self.inner.env.clock.now() + self.inner.env.settings.deadlines.open;
        runtime::with_timers(&self.inner.env.runtime, self.inner.forget(visitor, until)).await
    }

    /// Returns everything that the [store](crate::ClientBuilder::store) holds of this visitor, as a JSON text in which
    /// secrets are left out. A row that cannot be read is named in `unreadable`. A visitor of whom there is nothing is
    /// no error: `holds_data` is `false` then. See `docs/privacy.md` for the fields.
    ///
    /// # Errors
    ///
    /// Fails with kind [`Store`](crate::ErrorKind::Store) if the store cannot be read, and with kind
    /// [`Unsupported`](crate::ErrorKind::Unsupported) without a store.
    ///
    /// ```
    /// # use secondme_avatar::{AvatarClient, MemoryStore, State, Visitor};
    /// # use secondme_avatar_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::builder().start().await?;
    /// # let builder = AvatarClient::builder(emulator.api_key())?.base_url(emulator.base_url().parse()?);
    /// # let client = builder.store(MemoryStore::new()).build()?;
    /// let ada = Visitor::for_user("feishu", "ou_abc")?;
    /// client.open(ada.clone()).await?;
    /// # while client.known().await?.is_empty() { tokio::task::yield_now().await; }
    /// let json = client.export(ada.id()).await?;
    /// assert!(json.contains("\"holds_data\": true"));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn export(&self, visitor: &VisitorId) -> Result<String, Error> {
        let until = self.inner.env.clock.now() + self.inner.env.settings.deadlines.open;
        let rows = runtime::with_timers(&self.inner.env.runtime, self.inner.export(visitor, until)).await?;
        Ok(StoredRow::to_json(visitor, &rows))
    }

    /// Forgets all visitors of whom nothing was written to the [store](crate::ClientBuilder::store) for longer than this.
    /// Returns how many. The option [`retention`](crate::ClientBuilder::retention) does the same by itself.
    ///
    /// Not idle are visitors with an open conversation, in this client or in another one of the same store; those with a
    /// durable message whose deadline has not passed, or that cannot be read; and those whose last row was written by a
    /// version of this library that wrote no times.
    ///
    /// # Errors
    ///
    /// Fails as [`forget`](Self::forget) does, except that visitors in use are skipped; and with kind
    /// [`Unsupported`](crate::ErrorKind::Unsupported) without a store.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use secondme_avatar::{AvatarClient, Error};
    /// # async fn example(client: AvatarClient) -> Result<(), Error> {
    /// let month = Duration::from_secs(30 * 24 * 60 * 60);
    /// println!("{} visitors are forgotten", client.forget_idle(month).await?);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn forget_idle(&self, longer_than: Duration) -> Result<u64, Error> {
        runtime::with_timers(&self.inner.env.runtime, self.inner.forget_idle(longer_than)).await
    }
}
