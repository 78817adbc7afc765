//! What a store holds of a visitor, and which visitors are idle.

use std::collections::HashSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use secondme_avatar_protocol::{KeptMessage, Millis, Record, Visitor, VisitorId};
use serde_json::{Value, json};

use super::{AvatarRef, Note};

/// Stands in the place of a secret.
const LEFT_OUT: &str = "(left out)";

const ABOUT_SECRETS: &str = "tokens: with one, another program could speak as this visitor";

const ABOUT_SCOPE: &str = "what this store holds; not what the service keeps, and not what a running program has not \
                           saved yet";

/// Something that a store holds of a visitor: see [`Store::export`](super::Store::export).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRow {
    /// The name of the avatar under which it is filed.
    pub avatar: AvatarRef,
    /// When it was last written. `None` where that is not known.
    pub saved_at: Option<SystemTime>,
    /// What it is.
    pub content: RowContent,
}

/// What a [`StoredRow`] is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowContent {
    /// The record.
    Record(Box<Record>),
    /// An unsent message, with the visitor as it names them.
    Message(Visitor, KeptMessage),
    /// A note of the program's.
    Note {
        /// The note.
        note: Note,
        /// From when on it counts as deleted.
        expires_at: Option<SystemTime>,
    },
    /// A mark that a conversation of the visitor is open.
    Claim,
    /// A row that cannot be read, and why, without anything of its content.
    Unreadable(String),
}

impl StoredRow {
    /// Writes rows as a JSON text, without secrets: see [`AvatarClient::export`](crate::AvatarClient::export).
    pub fn to_json(visitor: &VisitorId, rows: &[Self]) -> String {
        let (mut records, mut messages, mut notes) = (vec![], vec![], vec![]);
        let (mut claims, mut unreadable) = (vec![], vec![]);
        for row in rows {
            let (list, mut value) = match &row.content {
                RowContent::Record(record) => (&mut records, json!({ "record": without_secrets(record) })),
                RowContent::Message(named, message) => (&mut messages, message_json(named, message)),
                RowContent::Note { note, expires_at } => (&mut notes, note_json(note, *expires_at)),
                RowContent::Claim => (&mut claims, json!({})),
                RowContent::Unreadable(why) => (&mut unreadable, json!({ "why": why })),
            };
            value["avatar"] = row.avatar.to_string().into();
            value["saved_at"] = row.saved_at.map(date).into();
            list.push(value);
        }
        let all = json!({
            "visitor_id": visitor.as_str(),
            "holds_data": !rows.is_empty(),
            "scope": ABOUT_SCOPE,
            "left_out": ABOUT_SECRETS,
            "records": records,
            "messages": messages,
            "notes": notes,
            "open_conversations": claims,
            "unreadable": unreadable,
        });
        format!("{all:#}")
    }
}

fn message_json(named: &Visitor, message: &KeptMessage) -> Value {
    json!({
        "message_id": message.message_id.as_str(),
        "text": message.text.as_str(),
        "session": message.session,
        "handed_over_at": date(moment(message.since)),
        "given_up_at": date(moment(message.deadline)),
        "may_have_been_sent": message.left,
        "visitor": named,
    })
}

fn note_json(note: &Note, expires_at: Option<SystemTime>) -> Value {
    json!({
        "key": note.key,
        "text": note.text.as_str(),
        "expires_at": expires_at.map(date),
        "visitor": note.visitor,
    })
}

fn without_secrets(record: &Record) -> Value {
    let mut value = serde_json::to_value(record).unwrap_or_default();
    if let Some(credentials) = value.get_mut("credentials").filter(|credentials| credentials.is_object()) {
        credentials["token"] = LEFT_OUT.into();
        // Other languages read a number of this length wrongly.
        credentials["mind_id"] = credentials["mind_id"].to_string().into();
    }
    if let (Some(context), Some(known)) = (value.get_mut("context"), &record.context) {
        context["since"] = date(moment(known.since)).into();
    }
    value
}

/// A visitor as a store's file lists them: see [`SqliteStore::visitors`](super::SqliteStore::visitors).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg(feature = "sqlite")]
#[non_exhaustive]
pub struct StoredVisitor {
    /// The visitor's id, as it is filed.
    pub id: String,
    /// The visitor as last named. `None` where no row can be read.
    pub visitor: Option<Visitor>,
    /// When the last of the rows was written. `None` where that is not known.
    pub saved_at: Option<SystemTime>,
    /// Unsent messages.
    pub messages: u64,
    /// Notes.
    pub notes: u64,
    /// Rows that cannot be read.
    pub unreadable: u64,
}

/// Which visitors [`Store::forget_idle`](super::Store::forget_idle) is to forget.
#[derive(Clone, Debug)]
pub struct Idle {
    /// The last row of the visitor was written before this.
    pub before: SystemTime,
    /// The present. A message whose deadline is later keeps its visitor.
    pub now: SystemTime,
    /// These are not idle, whatever the store says.
    pub in_use: HashSet<VisitorId>,
}

impl Idle {
    /// All who were idle for longer than this by now.
    pub fn longer_than(duration: Duration) -> Self {
        let now = SystemTime::now();
        Self { before: now.checked_sub(duration).unwrap_or(UNIX_EPOCH), now, in_use: HashSet::new() }
    }

    /// Whether the message is still to be sent.
    pub(super) fn is_owed(&self, message: &KeptMessage) -> bool {
        moment(message.deadline) > self.now
    }
}

/// The moment in the standard library's time.
pub(crate) fn moment(millis: Millis) -> SystemTime {
    UNIX_EPOCH.checked_add(Duration::from_millis(millis.0)).unwrap_or(UNIX_EPOCH)
}

/// A moment as ISO 8601 writes it, in UTC.
#[doc(hidden)]
pub fn date(moment: SystemTime) -> String {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, seconds) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let millis = since.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// The date so many days after 1970-01-01 (Howard Hinnant, `civil_from_days`).
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_as_other_programs_write_it() {
        for (millis, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_774_580_015_042, "2026-03-27T02:53:35.042Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(date(moment(Millis(millis))), expected);
        }
    }
}
