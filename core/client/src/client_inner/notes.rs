//! Notes, in the store or in memory.

use std::sync::{Arc, MutexGuard, PoisonError};

use secondme_avatar_protocol::limits::{NOTE_KEY_BYTES, NOTE_TEXT_BYTES};
use secondme_avatar_protocol::{Error, ErrorKind, Millis, Text, Visitor, VisitorId};

use super::ClientInner;
use crate::store::{Note, NoteChange, NoteTable, moment};

impl ClientInner {
    /// Changes a note. Returns whether something was changed.
    pub(crate) async fn change_note(
        self: &Arc<Self>,
        change: NoteChange,
        until: Millis,
    ) -> Result<bool, Error> {
        self.is_there()?;
        let now = moment(self.env.clock.civil());
        let Some(store_writer) = &self.env.store_writer else {
            return Ok(self.notes_in_memory().change(&change, now));
        };
        match &change {
            NoteChange::Set { note, .. } | NoteChange::Add { note, .. } => {
                self.identify(&note.visitor, until).await?;
                self.begin_retention();
            }
            // An empty store has nothing to delete.
            NoteChange::Delete { .. } if !self.identify_by_store(until).await? => return Ok(false),
            NoteChange::Delete { .. } => {}
        }
        self.in_time(until, store_writer.change_note(change, now)).await
    }

    pub(crate) async fn note(
        self: &Arc<Self>,
        visitor: &VisitorId,
        key: &str,
        until: Millis,
    ) -> Result<Option<Text>, Error> {
        self.is_there()?;
        let now = moment(self.env.clock.civil());
        let Some(store_writer) = &self.env.store_writer else {
            return Ok(self.notes_in_memory().get(visitor, key, now).map(|note| note.text.clone()));
        };
        if !self.identify_by_store(until).await? {
            return Ok(None);
        }
        self.in_time(until, store_writer.note(visitor.clone(), key.to_owned(), now)).await
    }

    pub(crate) async fn notes(self: &Arc<Self>, prefix: &str, until: Millis) -> Result<Vec<Note>, Error> {
        self.is_there()?;
        let now = moment(self.env.clock.civil());
        let Some(store_writer) = &self.env.store_writer else {
            return Ok(self.notes_in_memory().list(prefix, now));
        };
        if !self.identify_by_store(until).await? {
            return Ok(Vec::new());
        }
        self.in_time(until, store_writer.notes(prefix.to_owned(), now)).await
    }

    pub(super) fn notes_in_memory(&self) -> MutexGuard<'_, NoteTable> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a note, if it is one.
pub(crate) fn checked_note(visitor: Visitor, key: String, text: Text) -> Result<Note, Error> {
    visitor.check()?;
    checked_key(&key)?;
    if text.len() > NOTE_TEXT_BYTES {
        let message = format!(
            "the note's text is {} bytes long, and a note has at most {NOTE_TEXT_BYTES}: keep it elsewhere, and note \
             where",
            text.len()
        );
        return Err(Error::new(ErrorKind::Misuse, message));
    }
    Ok(Note { visitor, key, text })
}

pub(crate) fn checked_key(key: &str) -> Result<(), Error> {
    let message = match key.len() {
        0 => "the note's key is empty: name the note".to_owned(),
        1..=NOTE_KEY_BYTES => return Ok(()),
        long => format!(
            "the note's key is {long} bytes long, and a key has at most {NOTE_KEY_BYTES}: use a shorter one, such as a \
             hash of it"
        ),
    };
    Err(Error::new(ErrorKind::Misuse, message))
}
