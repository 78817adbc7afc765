//! Saves records and messages, and takes over the messages of stores that are gone.

use secondme_avatar_protocol::{Record, VisitorId};

use super::errors::Operation;
use super::session::add;
use super::{RedisStore, now};
use crate::store::error::StoreError;
use crate::store::leftover::group;
use crate::store::rows::{Rows, Unreadable};
use crate::store::{AvatarRef, Change, Leftover};

/// Between the time of a record and its text.
const SPACE: u8 = b' ';

impl RedisStore {
    pub(super) fn read_record(
        &self,
        avatar: &AvatarRef,
        visitor: &VisitorId,
    ) -> Result<Option<Record>, StoreError> {
        let session = self.session()?;
        let key = session.key(&format!("{avatar}:records"));
        let value: Option<Vec<u8>> =
            session.command(Operation::Read, "HGET", &[key.as_bytes(), visitor.as_str().as_bytes()])?;
        // One who is held already is forgotten by no other.
        if !session.has_claimed(avatar, visitor) {
            self.openings.note_loaded(avatar, visitor, value.is_some());
        }
        let Some(value) = value else { return Ok(None) };
        self.rows.read_record(&split_time(&value).1, visitor).map(Some).map_err(|unreadable| {
            StoreError::new(format!(
                "what {} keeps of {visitor} cannot be read: {unreadable}; it is left as it is",
                session.address()
            ))
        })
    }

    pub(super) fn write_changes(&self, avatar: &AvatarRef, changes: &[Change]) -> Result<(), StoreError> {
        let session = self.session()?;
        let changes = changes.iter().filter(|change| match change {
            Change::SaveRecord(record) => !self.openings.is_forgotten(avatar, &record.visitor_id),
            Change::SaveMessage(..) | Change::ForgetMessage(..) => true,
        });
        let claimed = |visitor: &VisitorId| session.has_claimed(avatar, visitor);
        let rows = changes.map(|change| row(change, &self.rows, claimed)).collect::<Result<Vec<_>, _>>()?;
        if rows.is_empty() {
            return Ok(());
        }
        session.note_used(avatar);
        let (name, now) = (avatar.to_string(), now());
        let writes = rows.iter().filter(|[kind, ..]| kind != "settled").count();
        session.write(&session.scripts.save, &|invocation| {
            invocation.arg(&name).arg(now).arg(writes);
            rows.iter().for_each(|row| add(invocation, row));
        })
    }

    pub(super) fn adopt_messages(&self, avatar: &AvatarRef) -> Result<Vec<Leftover>, StoreError> {
        let session = self.session()?;
        session.note_used(avatar);
        let name = avatar.to_string();
        let owed: Vec<Vec<u8>> = session.read(&session.scripts.owed, &|invocation| {
            invocation.arg(&name);
        })?;
        let mut readable = Vec::new();
        for stored in owed.chunks_exact(4) {
            let [visitor, id, owner, text] = stored else { continue };
            let named = String::from_utf8_lossy(visitor);
            match Unreadable::of(self.rows.read_message(text, &named))? {
                Ok(message) => readable.push(([visitor, id, owner], message)),
                // The message keeps its owner: a later version of the library may be able to read it.
                Err(unreadable) => {
                    let id = String::from_utf8_lossy(id);
                    if self.is_first_report(format!("message {name} {named} {id}")) {
                        let store = session.address();
                        tracing::warn!(
                            %store, visitor = %named,
                            "a kept message cannot be read, and stays where it is: {unreadable}"
                        );
                    }
                }
            }
        }
        if readable.is_empty() {
            return Ok(Vec::new());
        }
        // Unsealing took its time: another store may have taken a message meanwhile, or forgotten its visitor.
        let taken: Vec<bool> = session.write(&session.scripts.take, &|invocation| {
            invocation.arg(&name);
            for (names, _) in &readable {
                names.iter().for_each(|name| {
                    invocation.arg(name.as_slice());
                });
            }
        })?;
        let messages = readable.into_iter().zip(taken).filter(|(_, taken)| *taken);
        Ok(group(messages.map(|((_, message), _)| message)))
    }
}

/// A change as the script takes it.
fn row(
    change: &Change,
    rows: &Rows,
    claimed: impl Fn(&VisitorId) -> bool,
) -> Result<[String; 4], StoreError> {
    Ok(match change {
        Change::SaveRecord(record) => {
            let visitor = &record.visitor_id;
            let claimed = if claimed(visitor) { "1" } else { "0" };
            ["record".to_owned(), visitor.to_string(), claimed.to_owned(), rows.write_record(record)?]
        }
        Change::SaveMessage(visitor, message) => [
            "message".to_owned(),
            visitor.id().to_string(),
            message.message_id.as_str().to_owned(),
            rows.write_message(visitor, message)?,
        ],
        Change::ForgetMessage(visitor, message) => {
            ["settled".to_owned(), visitor.to_string(), message.as_str().to_owned(), String::new()]
        }
    })
}

/// The number that a value begins with, and what follows.
pub(super) fn split_time(value: &[u8]) -> (u64, Vec<u8>) {
    let (number, rest) = split_word(value);
    (
        std::str::from_utf8(number).ok().and_then(|number| number.parse().ok()).unwrap_or_default(),
        rest.to_vec(),
    )
}

/// The first word of a value, and what follows it.
pub(super) fn split_word(value: &[u8]) -> (&[u8], &[u8]) {
    let end = value.iter().position(|byte| *byte == SPACE).unwrap_or(value.len());
    (&value[..end], value.get(end + 1..).unwrap_or_default())
}
