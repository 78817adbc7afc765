//! The text of a row: JSON with the number of its format, so that later versions of the library can read the rows
//! of earlier ones.

use std::fmt;

use rusqlite::types::ValueRef;
use secondme_avatar_protocol::{KeptMessage, Record, Visitor, VisitorId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::store::error::StoreError;

/// The format that is written. All formats up to it can be read.
const FORMAT: u32 = 1;

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
}

#[derive(Serialize, Deserialize)]
struct VisitorMessage<V, M> {
    visitor: V,
    message: M,
}

pub(super) fn write_record(record: &Record) -> Result<String, StoreError> {
    write(record)
}

pub(super) fn write_message(visitor: &Visitor, message: &KeptMessage) -> Result<String, StoreError> {
    write(VisitorMessage { visitor, message })
}

pub(super) fn read_record(text: &[u8], visitor: &VisitorId) -> Result<Record, Unreadable> {
    let record: Record = read(text)?;
    if record.visitor_id == *visitor { Ok(record) } else { Err(Unreadable::OtherVisitor) }
}

pub(super) fn read_message(text: &[u8], visitor: &str) -> Result<(Visitor, KeptMessage), Unreadable> {
    let row: VisitorMessage<Visitor, KeptMessage> = read(text)?;
    if row.visitor.id().as_str() == visitor {
        Ok((row.visitor, row.message))
    } else {
        Err(Unreadable::OtherVisitor)
    }
}

/// The bytes of a text. In a damaged file they may be anything.
pub(super) fn text(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Vec<u8>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_owned(),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => Vec::new(),
    })
}

/// Why a row cannot be read, without anything of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    Later(u32),
    /// `column`: where reading ended.
    Damaged {
        column: usize,
    },
    OtherVisitor,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Later(format) => write!(
                f,
                "it was written by a later version of this library (format {format}, this one knows up to {FORMAT}): \
                 update the library"
            ),
            Self::Damaged { column } => {
                write!(f, "it is damaged near its character {column}: restore the file, or delete this row")
            }
            Self::OtherVisitor => {
                f.write_str("it names another visitor: restore the file, or delete this row")
            }
        }
    }
}

fn write(value: impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(&Versioned { format: FORMAT, value }).map_err(|_| {
        StoreError::new("this cannot be written as JSON: a fault of the library, please report it")
    })
}

fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, Unreadable> {
    // The parser's own text may quote the row.
    let damaged = |error: serde_json::Error| Unreadable::Damaged { column: error.column() };
    let row: Format = serde_json::from_slice(text).map_err(damaged)?;
    if row.format > FORMAT {
        return Err(Unreadable::Later(row.format));
    }
    let row: Versioned<T> = serde_json::from_slice(text).map_err(damaged)?;
    Ok(row.value)
}
