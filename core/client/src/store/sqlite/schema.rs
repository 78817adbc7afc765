//! The tables, and the migrations of earlier versions.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use super::errors::{Operation, damaged, foreign, later, sqlite_error};
use crate::store::error::StoreError;

/// Marks the file as a store, in its header: `SmAv`.
pub(super) const APPLICATION_ID: u32 = 0x536d_4176;

/// The statements that bring a file from each version to the next. An empty file has version 0. A migration that
/// was in a release is never changed: there are files made by it.
pub(super) const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE records (
        avatar TEXT NOT NULL,
        visitor TEXT NOT NULL,
        record TEXT NOT NULL,
        PRIMARY KEY (avatar, visitor)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE messages (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        avatar TEXT NOT NULL,
        visitor TEXT NOT NULL,
        message_id TEXT NOT NULL,
        owner INTEGER NOT NULL,
        message TEXT NOT NULL,
        UNIQUE (avatar, visitor, message_id)
    ) STRICT;
",
    "
    ALTER TABLE records ADD COLUMN saved INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX records_by_saving ON records (avatar, saved);
    CREATE TABLE claims (
        avatar TEXT NOT NULL,
        visitor TEXT NOT NULL,
        owner INTEGER NOT NULL,
        PRIMARY KEY (avatar, visitor)
    ) STRICT, WITHOUT ROWID;
",
    // The names of avatars, the keys that have shown them, and when each row was written (milliseconds since 1970).
    "
    CREATE TABLE avatars (
        avatar TEXT PRIMARY KEY,
        seen INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE keys (
        key TEXT PRIMARY KEY,
        avatar TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    ALTER TABLE records ADD COLUMN saved_at INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE messages ADD COLUMN saved_at INTEGER NOT NULL DEFAULT 0;
    UPDATE records SET saved_at = 1000 * unixepoch();
    UPDATE messages SET saved_at = 1000 * unixepoch();
",
    // All stores that have a visitor open. `claims` has the last one only, and earlier versions write to it alone.
    "
    CREATE TABLE openings (
        avatar TEXT NOT NULL,
        visitor TEXT NOT NULL,
        owner INTEGER NOT NULL,
        PRIMARY KEY (avatar, visitor, owner)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO openings SELECT avatar, visitor, owner FROM claims;
",
    // Notes of the program's, in the order in which they were first written. One that does not expire has 0.
    "
    CREATE TABLE notes (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        avatar TEXT NOT NULL,
        visitor TEXT NOT NULL,
        key TEXT NOT NULL,
        note TEXT NOT NULL,
        saved_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        UNIQUE (avatar, key, visitor)
    ) STRICT;
    CREATE INDEX notes_of_visitor ON notes (avatar, visitor);
    CREATE INDEX notes_by_expiry ON notes (expires_at) WHERE expires_at > 0;
",
];

/// How long to wait for another process.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// The time between two attempts, where SQLite does not wait by itself.
const RETRY: Duration = Duration::from_millis(5);

pub(super) fn version(migrations: &[&str]) -> u32 {
    u32::try_from(migrations.len()).unwrap_or(u32::MAX)
}

/// Opens a file that is a store or empty, and migrates it to the last version.
pub(super) fn connect(path: &Path, migrations: &[&str]) -> Result<Connection, StoreError> {
    let failed = |error| sqlite_error(path, Operation::Open, error);
    let mut connection = open(path).map_err(failed)?;
    if connection.is_readonly("main").map_err(failed)? {
        let file = path.display();
        return Err(StoreError::new(format!("the store {file} is read-only: make it writable")));
    }
    // In one transaction: another process may be making the file at the same time.
    let present = connection.transaction().and_then(|transaction| look(&transaction)).map_err(failed)?;
    let must_migrate = present.is_sound(path, migrations)?;
    check_pages(&connection, path)?;
    if must_migrate {
        migrate(&mut connection, path, migrations)?;
    }
    check_tables(&connection, path, migrations)?;
    begin_log(&connection, path)?;
    look(&connection).map_err(failed)?;
    // The file is a store, so closing it may bring the log into it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map_err(failed)?;
    Ok(connection)
}

/// Opens a store that this process has opened and checked before.
pub(super) fn reconnect(path: &Path) -> Result<Connection, StoreError> {
    let failed = |error| sqlite_error(path, Operation::Open, error);
    let connection = open(path).map_err(failed)?;
    begin_log(&connection, path)?;
    // The first query opens the log.
    look(&connection).map_err(failed)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map_err(failed)?;
    Ok(connection)
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    // Only one thread at a time uses it.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    // Nothing is written to the file before it is checked, not even from its log.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    // A file may contain code.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    // A save returns when the data is on disk. On macOS a plain flush leaves it in the drive's memory.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    // Deleted tokens and texts are overwritten.
    connection.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))?;
    // The log is brought into the file elsewhere: see `GuardedConnection::checkpoint_if_long`.
    connection.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
    // A log that has grown long is cut again.
    connection.pragma_update_and_check(None, "journal_size_limit", 4 << 20, |_| Ok(()))?;
    Ok(connection)
}

/// What a file says about itself.
struct Present {
    application: u32,
    version: u32,
    tables: u32,
}

impl Present {
    /// Checks whether the file can be used. Returns whether it has to be migrated.
    fn is_sound(&self, path: &Path, migrations: &[&str]) -> Result<bool, StoreError> {
        let known = version(migrations);
        match *self {
            Self { application: 0, version: 0, tables: 0 } => Ok(true),
            Self { application: APPLICATION_ID, version, .. } if version > known => {
                Err(later(path, version, known))
            }
            Self { application: APPLICATION_ID, version, .. } => Ok(version < known),
            Self { .. } => Err(foreign(path)),
        }
    }
}

fn look(connection: &Connection) -> rusqlite::Result<Present> {
    let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    Ok(Present {
        // SQLite reads them as signed.
        application: number("application_id")?.cast_unsigned(),
        version: number("user_version")?.cast_unsigned(),
        tables: connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?,
    })
}

/// Applies all missing migrations, or none.
fn migrate(connection: &mut Connection, path: &Path, migrations: &[&str]) -> Result<(), StoreError> {
    let failed = |error| sqlite_error(path, Operation::Open, error);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    // Another process may have migrated it while this one waited.
    let present = look(&transaction).map_err(failed)?;
    if present.is_sound(path, migrations)? {
        apply(&transaction, present.version, migrations).map_err(failed)?;
    }
    transaction.commit().map_err(failed)
}

fn apply(transaction: &Transaction<'_>, from: u32, migrations: &[&str]) -> rusqlite::Result<()> {
    for migration in migrations.iter().skip(from as usize) {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", version(migrations))
}

/// Checks that the file is intact. The quick check does not cover the indexes, and with a damaged index a row may
/// not be found.
fn check_pages(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let verdict = connection.query_row("PRAGMA integrity_check(1)", (), |row| row.get::<_, String>(0));
    match verdict.map_err(|error| sqlite_error(path, Operation::Open, error))?.as_str() {
        "ok" => Ok(()),
        found => Err(damaged(path, found.lines().last().unwrap_or("unsound"))),
    }
}

/// Checks that the tables are those that the migrations make. Other tables beside them are allowed.
fn check_tables(connection: &Connection, path: &Path, migrations: &[&str]) -> Result<(), StoreError> {
    let failed = |error| sqlite_error(path, Operation::Open, error);
    let mut model = Connection::open_in_memory().map_err(failed)?;
    let transaction = model.transaction().map_err(failed)?;
    apply(&transaction, 0, migrations).map_err(failed)?;
    let expected = shape(&transaction).map_err(failed)?;
    let found = shape(connection).map_err(failed)?;
    let is_ours = |line: &&String| expected.iter().any(|known| table_of(known) == table_of(line));
    if found.iter().filter(is_ours).eq(&expected) {
        return Ok(());
    }
    Err(damaged(path, "its tables are not those of a store"))
}

/// Describes the columns of all tables and indexes, a line each.
fn shape(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut lines = connection.prepare(
        "SELECT format('%s: %d %d column %d %s %s %d %s %d %d', t.name, t.wr, t.strict,
                c.cid, c.name, c.type, c.\"notnull\", c.dflt_value, c.pk, c.hidden)
         FROM pragma_table_list AS t JOIN pragma_table_xinfo(t.name) AS c
         WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite%'
         UNION ALL
         SELECT format('%s: index %d %s %d column %d %s %d %s %d', t.name, i.\"unique\", i.origin, i.partial,
                c.seqno, c.name, c.desc, c.coll, c.key)
         FROM pragma_table_list AS t JOIN pragma_index_list(t.name) AS i JOIN pragma_index_xinfo(i.name) AS c
         WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite%'
         ORDER BY 1",
    )?;
    lines.query_map((), |row| row.get(0))?.collect()
}

fn table_of(line: &str) -> Option<&str> {
    line.split_once(": ").map(|(table, _)| table)
}

/// Turns the write-ahead log on if it is off. That needs exclusive use of the file, for which SQLite does not
/// wait.
fn begin_log(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |error| sqlite_error(path, Operation::Open, error);
    let end = Instant::now() + PATIENCE;
    let mode: String = loop {
        match connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)) {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && Instant::now() < end =>
            {
                std::thread::sleep(RETRY);
            }
            mode => break mode.map_err(failed)?,
        }
    };
    if mode.eq_ignore_ascii_case("wal") {
        return Ok(());
    }
    let file = path.display();
    Err(StoreError::new(format!(
        "the store {file} is where no write-ahead log can be kept (a network drive?): name a file on a disk of \
         this machine"
    )))
}
