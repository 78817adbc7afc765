//! What stands in a row: JSON text that says of which form it is, so that later versions of the library
//! can tell older rows from newer ones.

use std::fmt;

use rusqlite::types::ValueRef;
use secondme_avatar_protocol::{KeptMessage, Record, Visitor, VisitorId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::store::error::StoreError;

/// The form that is written. All forms below it can be read.
const FORM: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Row<T> {
    v: u32,
    kept: T,
}

#[derive(Deserialize)]
struct Form {
    v: u32,
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
    if record.visitor_id == *visitor { Ok(record) } else { Err(Unreadable::OfAnother) }
}

pub(super) fn read_message(text: &[u8], visitor: &str) -> Result<(Visitor, KeptMessage), Unreadable> {
    let row: VisitorMessage<Visitor, KeptMessage> = read(text)?;
    if row.visitor.id().as_str() == visitor {
        Ok((row.visitor, row.message))
    } else {
        Err(Unreadable::OfAnother)
    }
}

/// The bytes of a text, which in a damaged file may be anything.
pub(super) fn text(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Vec<u8>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_owned(),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => Vec::new(),
    })
}

/// Why a row is not understood; nothing of what stands in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    Later(u32),
    /// The column is where reading ended.
    NoRow {
        column: usize,
    },
    OfAnother,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Later(form) => write!(
                f,
                "it was written by a later version of this library (form {form}, this one knows up to {FORM}): \
                 update the library"
            ),
            Self::NoRow { column } => {
                write!(f, "it is damaged near its character {column}: restore the file, or delete this row")
            }
            Self::OfAnother => f.write_str("it names another visitor: restore the file, or delete this row"),
        }
    }
}

fn write(kept: impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(&Row { v: FORM, kept }).map_err(|_| {
        StoreError::new("this cannot be written as JSON: a fault of the library, please report it")
    })
}

fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, Unreadable> {
    // The parser's own words may quote what stands there.
    let no_row = |error: serde_json::Error| Unreadable::NoRow { column: error.column() };
    let form: Form = serde_json::from_slice(text).map_err(no_row)?;
    if form.v > FORM {
        return Err(Unreadable::Later(form.v));
    }
    let row: Row<T> = serde_json::from_slice(text).map_err(no_row)?;
    Ok(row.kept)
}
