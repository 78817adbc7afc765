//! The texts of errors: what is wrong, and what to do. SQLite's messages name tables and columns, but never
//! quote what they hold.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::store::error::StoreError;

/// What was done when the error came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Open,
    Read,
    Save,
    Scrub,
}

pub(super) fn sqlite_error(path: &Path, operation: Operation, error: rusqlite::Error) -> StoreError {
    let file = path.display();
    let done = match operation {
        Operation::Open => "cannot be opened",
        Operation::Read => "cannot be read",
        Operation::Save => "cannot be written, and nothing of this was saved",
        Operation::Scrub => NOT_SCRUBBED,
    };
    let advice = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            return damaged(path, &error.to_string()).caused_by(error);
        }
        Some(ErrorCode::DiskFull) => "there is no space left: free some, and try again".to_owned(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => {
            "another process has kept it locked for more than 10 s: end what holds it (a backup, an open \
             sqlite3 shell), and try again"
                .to_owned()
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            format!("this user must be able to write it, and to make files in its folder ({error})")
        }
        Some(ErrorCode::SystemIoFailure) => format!("the disk reports an error ({error}): check it"),
        Some(ErrorCode::TooBig) => "a text is too long for it".to_owned(),
        _ => error.to_string(),
    };
    StoreError::new(format!("the store {file} {done}: {advice}")).caused_by(error)
}

const NOT_SCRUBBED: &str = "has deleted the rows, but their bytes may still be in its files";

/// The rows are deleted and their bytes may be there still.
pub(super) fn not_scrubbed(path: &Path, advice: &str) -> StoreError {
    let file = path.display();
    StoreError::new(format!("the store {file} {NOT_SCRUBBED}: {advice}, and try again"))
}

pub(super) fn damaged(path: &Path, how: &str) -> StoreError {
    let file = path.display();
    StoreError::new(format!(
        "the store {file} is damaged ({how}), and is left as it is: restore it from a backup, save what can \
         be saved with `sqlite3 FILE .recover`, or move it away to begin anew"
    ))
}

pub(super) fn foreign(path: &Path) -> StoreError {
    let file = path.display();
    StoreError::new(format!(
        "{file} is the SQLite file of another program, and is left as it is: name another file"
    ))
}

pub(super) fn later(path: &Path, found: u32, known: u32) -> StoreError {
    let file = path.display();
    StoreError::new(format!(
        "the store {file} was written by a later version of this library (schema {found}, this one knows up \
         to {known}), and is left as it is: update the library, or name another file"
    ))
}

/// The file was open at the fork.
pub(super) fn forked(path: &Path) -> StoreError {
    let file = path.display();
    StoreError::new(format!(
        "the store {file} was open when this process was forked off, and can only be used by the process that \
         opened it: open it after the fork, or use another file here"
    ))
}

/// The list of open files was locked at the fork.
pub(super) fn forked_in_between(path: &Path) -> StoreError {
    let file = path.display();
    StoreError::new(format!(
        "the store {file} cannot be opened: when this process was forked off, its parent was opening or \
         closing a store; fork at another time, or start the child with exec"
    ))
}
