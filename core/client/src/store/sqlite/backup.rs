//! Copies the file while it is in use.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::backup::Backup;

use super::errors::{Operation, sqlite_error};
use super::{SqliteStore, files};
use crate::store::error::StoreError;

impl SqliteStore {
    /// Copies the file as of now. The copy gets its name when it is complete and on disk.
    pub(super) fn copy_to(&self, to: &Path) -> Result<(), StoreError> {
        let to = self.copy_target(to)?;
        self.owner.sweep_parts(&to);
        let part = self.owner.part(&to);
        let copied = self.copy_into(&part).and_then(|()| {
            let failed = |error| files::unwritable(&to, error);
            fs::rename(&part, &to).map_err(failed)?;
            files::sync_folder(&to).map_err(failed)
        });
        if copied.is_err() {
            let _ = fs::remove_file(&part);
        }
        copied
    }

    fn copy_into(&self, part: &Path) -> Result<(), StoreError> {
        let failed = |error| files::unwritable(part, error);
        // Removes what an interrupted copy has left.
        let _ = fs::remove_file(part);
        drop(files::private().create_new(true).open(part).map_err(failed)?);
        let failed_copy = |error| sqlite_error(part, Operation::Save, error);
        let mut copy = Connection::open(part).map_err(failed_copy)?;
        self.file()?.exclusively(|connection| {
            let backup = Backup::new(connection.sqlite(), &mut copy).map_err(failed_copy)?;
            backup.step(-1).map(drop).map_err(failed_copy)
        })?;
        // The copy is one file, without a log beside it.
        let alone = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
        copy.pragma_update_and_check(None, "journal_mode", "DELETE", alone).map_err(failed_copy)?;
        copy.close().map_err(|(_, error)| failed_copy(error))?;
        files::private().open(part).and_then(|file| file.sync_all()).map_err(failed)
    }

    /// Returns the path of the copy: a new file, or a store that is not in use.
    fn copy_target(&self, to: &Path) -> Result<PathBuf, StoreError> {
        let Ok(there) = fs::canonicalize(to) else {
            let folder =
                to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let folder = fs::canonicalize(folder).map_err(|error| files::unreachable(to, error))?;
            return to.file_name().map(|name| folder.join(name)).ok_or_else(|| files::no_file(to));
        };
        let file = there.display();
        let metadata = fs::metadata(&there).map_err(|error| files::unwritable(&there, error))?;
        if there == self.path() {
            return Err(StoreError::new(format!(
                "{file} is the store itself: name another file for its copy"
            )));
        }
        files::check_kind(&there, &metadata)?;
        if super::owner::is_used(&there) || files::beside(&there, "-wal").exists() {
            return Err(StoreError::new(format!(
                "{file} is in use as a store, or was not closed: name another file for the copy, or open and \
                 close that store first"
            )));
        }
        files::check_header(&there, u32::MAX)?;
        Ok(there)
    }
}
