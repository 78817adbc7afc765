//! The text of a row in a column.

use rusqlite::types::ValueRef;

pub(super) use crate::store::rows::{Rows, Unreadable};

/// The bytes of a text. In a damaged file they may be anything.
pub(super) fn text(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Vec<u8>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_owned(),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => Vec::new(),
    })
}
