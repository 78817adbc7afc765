//! Notes: small texts that a program keeps with a visitor.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use secondme_avatar_protocol::{Error, ErrorKind, Text, Visitor, VisitorId};

use super::AvatarClient;
use crate::client_inner::{ClientInner, checked_key, checked_note};
use crate::runtime;
use crate::store::{Note, NoteChange, moment};

/// The times of a store are counted in these.
const SHORTEST: Duration = Duration::from_millis(1);

impl AvatarClient {
    /// Writes a note: a small text that the program keeps with this visitor, in place of the one under this key; await
    /// it. When it returns, the note outlives the process.
    ///
    /// Notes are in the [store](crate::ClientBuilder::store): sealed where it is, in its [backups](Self::backup) and
    /// [exports](Self::export), and [forgotten](Self::forget) with the visitor. Without a store they are in memory until
    /// the client closes. A bridge between a chat platform and the avatar keeps in them which messages it has answered.
    ///
    /// **Keys are not sealed**, since notes are found by them: put no secret and no word of a person into a key.
    ///
    /// ```
    /// # use std::time::{Duration, SystemTime};
    /// # use secondme_avatar::{AvatarClient, MemoryStore, Visitor};
    /// # use secondme_avatar_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::builder().start().await?;
    /// # let builder = AvatarClient::builder(emulator.api_key())?.base_url(emulator.base_url().parse()?);
    /// # let client = builder.store(MemoryStore::new()).build()?;
    /// let ada = Visitor::for_user("slack", "U061F7AUR")?;
    /// client.set_note(&ada, "address", "C0123/1700000000.000100").await?;
    ///
    /// // A platform may deliver a message twice. Only the first one is taken.
    /// let week = Duration::from_secs(7 * 24 * 60 * 60);
    /// assert!(client.add_note(&ada, "message/1700000000.000200", "taken").lifetime(week).await?);
    /// assert!(!client.add_note(&ada, "message/1700000000.000200", "taken").lifetime(week).await?);
    ///
    /// let address = client.note(ada.id(), "address").await?;
    /// assert_eq!(address.as_deref(), Some("C0123/1700000000.000100"));
    /// for note in client.notes("message/").await? {
    ///     println!("{} of {}", note.key, note.visitor.id());
    /// }
    /// # assert_eq!(client.notes("message/").await?.len(), 1);
    /// assert!(client.delete_note(ada.id(), "address").await?);
    /// # assert_eq!(client.note(ada.id(), "address").await?, None);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Fails with kind [`Misuse`](ErrorKind::Misuse), before anything is written, unless the key has 1 to 200 bytes and
    /// the text at most 16 KiB. Fails with kind [`Store`](ErrorKind::Store) if the store cannot be written, and with kind
    /// [`Unsupported`](ErrorKind::Unsupported) if a store of your own keeps no notes. Where a store does not know the
    /// client's key yet, the visitor is authenticated first, to learn whose key it is; that fails as
    /// [`open`](Self::open) does.
    pub fn set_note(&self, visitor: &Visitor, key: impl Into<String>, text: impl Into<Text>) -> SetNote {
        SetNote(Writing::new(&self.inner, visitor, key.into(), text.into()))
    }

    /// Writes a note, unless there is one under this key that has not expired; await it. Returns whether it was written.
    ///
    /// Of several that add the same note at the same time, one succeeds: in this client, and in all clients and processes
    /// of the same store file.
    ///
    /// # Errors
    ///
    /// Fails as [`set_note`](Self::set_note) does.
    pub fn add_note(&self, visitor: &Visitor, key: impl Into<String>, text: impl Into<Text>) -> AddNote {
        AddNote(Writing::new(&self.inner, visitor, key.into(), text.into()))
    }

    /// Returns the text of the visitor's note under this key, if there is one that has not expired.
    ///
    /// # Errors
    ///
    /// Fails with kind [`Misuse`](ErrorKind::Misuse) unless the key has 1 to 200 bytes, and with kind
    /// [`Store`](ErrorKind::Store) if the store or the note cannot be read.
    pub async fn note(&self, visitor: &VisitorId, key: &str) -> Result<Option<Text>, Error> {
        checked_key(key)?;
        let until = self.inner.env.clock.now() + self.inner.env.settings.deadlines.open;
        runtime::with_timers(&self.inner.env.runtime, self.inner.note(visitor, key, until)).await
    }

    /// Deletes the visitor's note under this key. Returns whether there was one that had not expired.
    ///
    /// # Errors
    ///
    /// Fails with kind [`Misuse`](ErrorKind::Misuse) unless the key has 1 to 200 bytes, and with kind
    /// [`Store`](ErrorKind::Store) if the store cannot be written.
    pub async fn delete_note(&self, visitor: &VisitorId, key: &str) -> Result<bool, Error> {
        checked_key(key)?;
        let until = self.inner.env.clock.now() + self.inner.env.settings.deadlines.open;
        let change = NoteChange::Delete { visitor: visitor.clone(), key: key.to_owned() };
        runtime::with_timers(&self.inner.env.runtime, self.inner.change_note(change, until)).await
    }

    /// Lists the notes of all visitors of the client's avatar whose keys begin so, and that have not expired; those that
    /// were first written longest ago first. One that was replaced keeps its place. All notes, with an empty prefix.
    ///
    /// A note that cannot be read (damaged, or sealed with another seal) is logged and left where it is.
    ///
    /// # Errors
    ///
    /// Fails with kind [`Store`](ErrorKind::Store) if the store cannot be read.
    pub async fn notes(&self, prefix: &str) -> Result<Vec<Note>, Error> {
        let until = self.inner.env.clock.now() + self.inner.env.settings.deadlines.open;
        runtime::with_timers(&self.inner.env.runtime, self.inner.notes(prefix, until)).await
    }
}

/// Writes a note; await it. See [`AvatarClient::set_note`].
#[derive(Debug)]
#[must_use = "nothing is written before it is awaited"]
pub struct SetNote(Writing);

/// Writes a note where there is none; await it. See [`AvatarClient::add_note`].
#[derive(Debug)]
#[must_use = "nothing is written before it is awaited"]
pub struct AddNote(Writing);

#[derive(Debug)]
struct Writing {
    client: Arc<ClientInner>,
    visitor: Visitor,
    key: String,
    text: Text,
    lifetime: Option<Duration>,
}

impl SetNote {
    /// How long the note is there, more than zero. Default: until it is deleted.
    ///
    /// The machine's clock decides. An expired note is not returned any more; a client that lives removes it from the
    /// store within an hour.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.0.lifetime = Some(lifetime);
        self
    }
}

impl AddNote {
    /// How long the note is there, more than zero: see [`SetNote::lifetime`]. Default: until it is deleted.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.0.lifetime = Some(lifetime);
        self
    }
}

impl Writing {
    fn new(client: &Arc<ClientInner>, visitor: &Visitor, key: String, text: Text) -> Self {
        Self { client: Arc::clone(client), visitor: visitor.clone(), key, text, lifetime: None }
    }

    async fn run(self, change: fn(Note, Option<SystemTime>) -> NoteChange) -> Result<bool, Error> {
        let Self { client, visitor, key, text, lifetime } = self;
        let note = checked_note(visitor, key, text)?;
        if lifetime.is_some_and(|lifetime| lifetime.is_zero()) {
            let message = "the note's lifetime is zero: give it some time, or none for a note that stays";
            return Err(Error::new(ErrorKind::Misuse, message));
        }
        let until = client.env.clock.now() + client.env.settings.deadlines.open;
        let now = moment(client.env.clock.civil());
        // A lifetime that ends after all time has no end.
        let expires_at = lifetime.and_then(|lifetime| now.checked_add(lifetime.max(SHORTEST)));
        client.change_note(change(note, expires_at), until).await
    }
}

impl IntoFuture for SetNote {
    type Output = Result<(), Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let runtime = self.0.client.env.runtime.clone();
        let set = self.0.run(|note, expires_at| NoteChange::Set { note, expires_at });
        Box::pin(async move { runtime::with_timers(&runtime, set).await.map(drop) })
    }
}

impl IntoFuture for AddNote {
    type Output = Result<bool, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let runtime = self.0.client.env.runtime.clone();
        let add = self.0.run(|note, expires_at| NoteChange::Add { note, expires_at });
        Box::pin(runtime::with_timers(&runtime, add))
    }
}
