//! Deletes and lists what the store holds of a visitor.

use std::collections::HashSet;

use secondme_avatar_protocol::VisitorId;

use super::errors::{Operation, redis_error};
use super::messages::{split_time, split_word};
use super::notes::StoredNote;
use super::session::{add, random};
use super::{RedisStore, millis, moment};
use crate::store::AvatarRef;
use crate::store::error::StoreError;
use crate::store::people::{Idle, RowContent, StoredRow};
use crate::store::rows::Unreadable;

/// How many visitors are looked at in one step: other clients of Redis wait as long.
const AT_ONCE: usize = 200;

/// About so many are forgotten in one call.
const IN_A_CALL: usize = 1000;

impl RedisStore {
    pub(super) fn forget_visitor(
        &self,
        avatars: &[AvatarRef],
        visitor: &VisitorId,
    ) -> Result<(), StoreError> {
        let session = self.session()?;
        let names: Vec<_> = avatars.iter().map(AvatarRef::to_string).collect();
        let is_used: bool = session.write(&session.scripts.forget, &|invocation| {
            invocation.arg(visitor.as_str());
            add(invocation, &names);
        })?;
        if is_used {
            return Err(StoreError::new(format!(
                "{visitor} is in use by another client of the store {}, and was not deleted: close the conversation \
                 there, and forget the visitor again",
                session.address()
            )));
        }
        self.openings.note_forgotten(visitor);
        Ok(())
    }

    pub(super) fn read_rows(
        &self,
        avatar: &AvatarRef,
        visitor: &VisitorId,
    ) -> Result<Vec<StoredRow>, StoreError> {
        let (session, name) = (self.session()?, avatar.to_string());
        let stored: Vec<Vec<Vec<u8>>> = session.read(&session.scripts.export, &|invocation| {
            invocation.arg(&name).arg(visitor.as_str());
        })?;
        let [record, messages, notes, openings] = &stored[..] else {
            return Err(super::errors::strange(session.address()));
        };
        let row = |saved_at, content| StoredRow { avatar: *avatar, saved_at: moment(saved_at), content };
        let unreadable = |why: Unreadable| RowContent::Unreadable(why.to_string());
        let mut found = Vec::new();
        for record in record.iter().filter(|record| !record.is_empty()) {
            let (saved_at, text) = split_time(record);
            let record = Unreadable::of(self.rows.read_record(&text, visitor))?;
            let record = record.map(|record| RowContent::Record(Box::new(record)));
            found.push(row(saved_at, record.unwrap_or_else(unreadable)));
        }
        let mut messages: Vec<_> = messages.iter().map(|message| split_time(message)).collect();
        messages.sort_by_key(|(place, _)| *place);
        for (_, message) in messages {
            let (saved_at, rest) = split_time(&message);
            let (_owner, text) = split_word(&rest);
            let message = Unreadable::of(self.rows.read_message(text, visitor.as_str()))?;
            let message = message.map(|(visitor, message)| RowContent::Message(visitor, message));
            found.push(row(saved_at, message.unwrap_or_else(unreadable)));
        }
        let notes = notes.chunks_exact(2).map(|pair| (&pair[0], StoredNote::of(&pair[1])));
        let mut notes: Vec<_> = notes.collect();
        notes.sort_by_key(|(_, note)| note.place);
        for (key, stored) in notes {
            let key = String::from_utf8_lossy(key);
            let note = Unreadable::of(self.rows.read_note(&stored.text, visitor.as_str(), &key))?;
            let expires_at = moment(stored.expires_at);
            let note = note.map(|note| RowContent::Note { note, expires_at });
            found.push(row(stored.saved_at, note.unwrap_or_else(unreadable)));
        }
        let openings = openings.first().map_or(0, |openings| split_time(openings).0);
        found.extend((0..openings).map(|_| row(0, RowContent::Claim)));
        Ok(found)
    }

    pub(super) fn forget_idle_visitors(
        &self,
        avatars: &[AvatarRef],
        idle: &Idle,
    ) -> Result<Vec<VisitorId>, StoreError> {
        let session = self.session()?;
        let names: Vec<_> = avatars.iter().map(AvatarRef::to_string).collect();
        session.write::<u32>(&session.scripts.unclaim, &|invocation| add(invocation, &names))?;
        let before = millis(idle.before);
        let mut forgotten = Vec::new();
        for some in self.old_visitors(&names, before, idle)?.chunks(AT_ONCE) {
            match self.forget_idle_of(&names, before, idle, some) {
                Ok(more) => forgotten.extend(more),
                Err(error) if forgotten.is_empty() => return Err(error),
                // The next call says what is wrong; this one says who was deleted.
                Err(_) => return Ok(forgotten),
            }
            if forgotten.len() >= IN_A_CALL {
                break;
            }
        }
        Ok(forgotten)
    }

    /// The visitors of whom nothing was written since.
    fn old_visitors(&self, names: &[String], before: u64, idle: &Idle) -> Result<Vec<VisitorId>, StoreError> {
        let session = self.session()?;
        let (mut seen, mut old) = (HashSet::new(), Vec::new());
        for name in names {
            let (touched, until) = (session.key(&format!("{name}:touched")), format!("({before}"));
            let words = [touched.as_bytes(), b"-inf", until.as_bytes()];
            let visitors: Vec<String> = session.command(Operation::Read, "ZRANGEBYSCORE", &words)?;
            for visitor in visitors.iter().filter_map(|visitor| visitor.parse::<VisitorId>().ok()) {
                if !idle.in_use.contains(&visitor) && seen.insert(visitor.clone()) {
                    old.push(visitor);
                }
            }
        }
        Ok(old)
    }

    /// Forgets those of these visitors who are idle.
    fn forget_idle_of(
        &self,
        names: &[String],
        before: u64,
        idle: &Idle,
        some: &[VisitorId],
    ) -> Result<Vec<VisitorId>, StoreError> {
        let session = self.session()?;
        let said: Vec<Vec<u8>> = session.read(&session.scripts.said, &|invocation| {
            invocation.arg(names.len());
            add(invocation, names);
            some.iter().for_each(|visitor| {
                invocation.arg(visitor.as_str());
            });
        })?;
        let mut over = Vec::new();
        for pair in said.chunks_exact(2) {
            // A message that cannot be read may be one that is still to be sent.
            let message = self.rows.read_message(&pair[1], &String::from_utf8_lossy(&pair[0]));
            if Unreadable::of(message)?.is_ok_and(|(_, message)| !idle.is_owed(&message)) {
                over.push(pair[1].as_slice());
            }
        }
        let failed = |error| redis_error(session.address(), Operation::Save, error);
        let call = random().map_err(failed)?;
        let forgotten: Vec<String> = session.write(&session.scripts.idle, &|invocation| {
            invocation.arg(&call).arg(before).arg(names.len());
            add(invocation, names);
            invocation.arg(over.len());
            add(invocation, &over);
            some.iter().for_each(|visitor| {
                invocation.arg(visitor.as_str());
            });
        })?;
        Ok(forgotten.iter().filter_map(|visitor| visitor.parse().ok()).collect())
    }
}
