//! The text of a row: JSON with the number of its format, so that later versions of the library can read the rows
//! of earlier ones.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD as STANDARD;
use secondme_avatar_protocol::{KeptMessage, Record, Text, Visitor, VisitorId, one_line};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::store::Note;
use crate::store::error::StoreError;
use crate::store::seal::{Seal, SealUnavailable};

/// The format that is written. All formats up to it can be read.
const FORMAT: u32 = 1;

/// The format of a sealed row, which holds a row of another format.
const SEALED: u32 = 2;

/// How much is shown of what a seal says, in characters.
const WORDS: usize = 300;

/// A row's text. Its names are on disk and do not change.
#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    #[serde(rename = "v")]
    format: u32,
    #[serde(rename = "kept")]
    value: T,
}

#[derive(Deserialize)]
struct Format {
    #[serde(rename = "v")]
    format: u32,
    #[serde(default)]
    sealed: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct VisitorMessage<V, M> {
    visitor: V,
    message: M,
}

#[derive(Serialize, Deserialize)]
struct VisitorNote<V, K, T> {
    visitor: V,
    key: K,
    text: T,
}

/// A row whose text is sealed. Its format is one that versions without seals take for a later one.
#[derive(Serialize)]
struct Sealed {
    #[serde(rename = "v")]
    format: u32,
    /// In Base64.
    sealed: String,
}

/// Writes and reads rows, sealed where there is a seal.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) seal: Option<Box<dyn Seal>>,
}

impl Rows {
    pub(super) fn write_record(&self, record: &Record) -> Result<String, StoreError> {
        self.write(record)
    }

    pub(super) fn write_message(
        &self,
        visitor: &Visitor,
        message: &KeptMessage,
    ) -> Result<String, StoreError> {
        self.write(VisitorMessage { visitor, message })
    }

    pub(super) fn read_record(&self, text: &[u8], visitor: &VisitorId) -> Result<Record, Unreadable> {
        let record: Record = self.read(text)?;
        if record.visitor_id == *visitor { Ok(record) } else { Err(Unreadable::OtherVisitor) }
    }

    pub(super) fn read_message(
        &self,
        text: &[u8],
        visitor: &str,
    ) -> Result<(Visitor, KeptMessage), Unreadable> {
        let row: VisitorMessage<Visitor, KeptMessage> = self.read(text)?;
        if row.visitor.id().as_str() == visitor {
            Ok((row.visitor, row.message))
        } else {
            Err(Unreadable::OtherVisitor)
        }
    }

    pub(super) fn write_note(&self, note: &Note) -> Result<String, StoreError> {
        let Note { visitor, key, text } = note;
        self.write(VisitorNote { visitor, key, text })
    }

    /// A note's key is in the sealed text too, so that a row does not pass for another one.
    pub(super) fn read_note(&self, text: &[u8], visitor: &str, key: &str) -> Result<Note, Unreadable> {
        let row: VisitorNote<Visitor, String, Text> = self.read(text)?;
        if row.visitor.id().as_str() != visitor {
            return Err(Unreadable::OtherVisitor);
        }
        if row.key != key {
            return Err(Unreadable::OtherKey);
        }
        Ok(Note { visitor: row.visitor, key: row.key, text: row.text })
    }

    /// A text that goes from one process to another through the store.
    #[cfg(feature = "redis")]
    pub(super) fn write_letter(&self, text: String) -> Result<String, StoreError> {
        if self.seal.is_some() { self.write(text) } else { Ok(text) }
    }

    #[cfg(feature = "redis")]
    pub(super) fn read_letter(&self, text: &str) -> Result<String, Unreadable> {
        if self.seal.is_some() { self.read(text.as_bytes()) } else { Ok(text.to_owned()) }
    }

    fn write(&self, value: impl Serialize) -> Result<String, StoreError> {
        let text = json(&Versioned { format: FORMAT, value })?;
        let Some(seal) = &self.seal else { return Ok(text) };
        let sealed = seal.seal(text.as_bytes()).map_err(|error| {
            let words = one_line(&error.to_string(), WORDS);
            StoreError::new(format!("the seal of the store failed, and nothing was written: {words}"))
                .caused_by(error)
        })?;
        json(&Sealed { format: SEALED, sealed: STANDARD.encode(sealed) })
    }

    /// A row that was written before there was a seal is read as it is.
    fn read<T: DeserializeOwned>(&self, text: &[u8]) -> Result<T, Unreadable> {
        let row = format(text)?;
        let Some(sealed) = row.sealed.filter(|_| row.format == SEALED) else {
            return read(row.format, text);
        };
        let Some(seal) = &self.seal else { return Err(Unreadable::Sealed) };
        let sealed = STANDARD.decode(sealed).map_err(|_| Unreadable::Damaged { column: 0 })?;
        let text = seal.unseal(&sealed).map_err(|error| {
            let words = one_line(&error.to_string(), WORDS);
            let is_unavailable = error.is::<SealUnavailable>();
            if is_unavailable { Unreadable::Unavailable(words) } else { Unreadable::Unsealing(words) }
        })?;
        read(format(&text)?.format, &text)
    }
}

/// Why a row cannot be read, without anything of its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    Later(u32),
    /// `column`: where reading ended.
    Damaged {
        column: usize,
    },
    OtherVisitor,
    OtherKey,
    /// There is no seal to open it with.
    Sealed,
    /// The seal could not open it, for this reason.
    Unsealing(String),
    /// The seal can open nothing at present, for this reason.
    Unavailable(String),
}

impl Unreadable {
    /// What a row is, as far as it can be read.
    ///
    /// # Errors
    ///
    /// Fails if the seal can open nothing: then the next row would cost as much time, and it says nothing of this one.
    pub(super) fn of<T>(read: Result<T, Self>) -> Result<Result<T, Self>, StoreError> {
        match read {
            Err(unavailable @ Self::Unavailable(_)) => Err(StoreError::new(unavailable.to_string())),
            read => Ok(read),
        }
    }
}

impl std::error::Error for Unreadable {}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Later(format) => write!(
                f,
                "it was written by a later version of this library (format {format}, this one knows up to {FORMAT}): \
                 update the library"
            ),
            Self::Damaged { column } => {
                write!(f, "it is damaged near its character {column}: restore the store, or delete this row")
            }
            Self::Sealed => {
                f.write_str("it is sealed: open the store with the seal that it was written with")
            }
            Self::Unsealing(words) => write!(f, "its seal could not be opened: {words}"),
            Self::Unavailable(words) => write!(
                f,
                "the seal of the store does not work at present, and nothing was read or deleted: {words}; try again \
                 when it does"
            ),
            Self::OtherVisitor => {
                f.write_str("it names another visitor: restore the store, or delete this row")
            }
            Self::OtherKey => f.write_str("it names another key: restore the store, or delete this row"),
        }
    }
}

fn json(row: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(row).map_err(|_| {
        StoreError::new("this cannot be written as JSON: a fault of the library, please report it")
    })
}

fn read<T: DeserializeOwned>(format: u32, text: &[u8]) -> Result<T, Unreadable> {
    if format > FORMAT {
        return Err(Unreadable::Later(format));
    }
    let row: Versioned<T> = serde_json::from_slice(text).map_err(damaged)?;
    Ok(row.value)
}

fn format(text: &[u8]) -> Result<Format, Unreadable> {
    serde_json::from_slice(text).map_err(damaged)
}

/// The parser's own text may quote the row.
#[expect(clippy::needless_pass_by_value, reason = "what `map_err` gives")]
fn damaged(error: serde_json::Error) -> Unreadable {
    Unreadable::Damaged { column: error.column() }
}
