//! Notes that the program keeps with visitors.

use std::sync::Arc;
use std::time::Duration;

use secondme_avatar::Note;

use crate::cancel::until;
use crate::{CoreCancel, CoreClient, CoreError, CoreVisitor};

/// A small text that the program keeps with a visitor.
#[derive(uniffi::Record)]
pub struct CoreNote {
    /// The visitor, as the note was last written with.
    pub visitor: CoreVisitor,
    /// Under which it is found.
    pub key: String,
    /// The text.
    pub text: String,
}

impl From<Note> for CoreNote {
    fn from(note: Note) -> Self {
        Self { visitor: note.visitor.into(), key: note.key, text: note.text.into() }
    }
}

#[uniffi::export]
impl CoreClient {
    /// Writes a note, in place of the one under this key.
    pub async fn set_note(
        self: Arc<Self>,
        visitor: CoreVisitor,
        key: String,
        text: String,
        lifetime_ms: Option<u64>,
        cancel: Arc<CoreCancel>,
    ) -> Result<(), CoreError> {
        let mut set = self.core().set_note(&visitor.parse()?, key, text);
        if let Some(lifetime) = lifetime_ms {
            set = set.lifetime(Duration::from_millis(lifetime));
        }
        until(cancel, set.into_future()).await
    }

    /// Writes a note, unless there is one under this key. Returns whether it was written.
    pub async fn add_note(
        self: Arc<Self>,
        visitor: CoreVisitor,
        key: String,
        text: String,
        lifetime_ms: Option<u64>,
        cancel: Arc<CoreCancel>,
    ) -> Result<bool, CoreError> {
        let mut add = self.core().add_note(&visitor.parse()?, key, text);
        if let Some(lifetime) = lifetime_ms {
            add = add.lifetime(Duration::from_millis(lifetime));
        }
        until(cancel, add.into_future()).await
    }

    /// The text of the visitor's note under this key, if there is one.
    pub async fn note(
        self: Arc<Self>,
        visitor: CoreVisitor,
        key: String,
        cancel: Arc<CoreCancel>,
    ) -> Result<Option<String>, CoreError> {
        let visitor = visitor.parse()?;
        let note = until(cancel, async move { self.core().note(visitor.id(), &key).await }).await?;
        Ok(note.map(String::from))
    }

    /// Deletes the visitor's note under this key. Returns whether there was one.
    pub async fn delete_note(
        self: Arc<Self>,
        visitor: CoreVisitor,
        key: String,
        cancel: Arc<CoreCancel>,
    ) -> Result<bool, CoreError> {
        let visitor = visitor.parse()?;
        until(cancel, async move { self.core().delete_note(visitor.id(), &key).await }).await
    }

    /// The notes of all visitors whose keys begin so, the oldest first.
    pub async fn notes(
        self: Arc<Self>,
        prefix: String,
        cancel: Arc<CoreCancel>,
    ) -> Result<Vec<CoreNote>, CoreError> {
        let notes = until(cancel, async move { self.core().notes(&prefix).await }).await?;
        Ok(notes.into_iter().map(CoreNote::from).collect())
    }

    /// Makes a call of the service that the library does not know. Returns the answer's `data` as JSON.
    pub async fn request(
        self: Arc<Self>,
        method: String,
        path: String,
        body: Option<String>,
        visitor: Option<CoreVisitor>,
        deadline_ms: Option<u64>,
        cancel: Arc<CoreCancel>,
    ) -> Result<String, CoreError> {
        let mut request = self.core().request(method, path);
        if let Some(body) = body {
            request = request.body(body);
        }
        if let Some(visitor) = visitor {
            request = request.visitor(visitor.parse()?);
        }
        if let Some(deadline) = deadline_ms {
            request = request.deadline(Duration::from_millis(deadline));
        }
        until(cancel, request.into_future()).await
    }
}

/// An id for a message, with the present time.
#[uniffi::export]
pub fn new_message_id() -> Result<String, CoreError> {
    Ok(secondme_avatar::new_message_id()?.to_string())
}
