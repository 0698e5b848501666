//! Every decision, in SQLite.
//!
//! Invariants: what was acknowledged survives the end of the process and of the machine at any moment (each decision is a
//! transaction, flushed to the disk before it returns); nothing is ever overwritten, so that all can be traced and undone.

use std::path::{Path, PathBuf};
use std::time::Duration;

use fenlei::{Error, Result};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};
use serde::{Deserialize, Serialize};

/// The layout of the tables.
const VERSION: i64 = 1;
/// Tells our databases from others of SQLite: "flbl".
const APPLICATION: i64 = 0x666c_626c;

const TABLES: &str = "
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE labels (name TEXT NOT NULL UNIQUE, place INTEGER PRIMARY KEY);
    CREATE TABLE decisions (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        ticket TEXT NOT NULL UNIQUE,
        time INTEGER NOT NULL,
        annotator TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('label', 'skip', 'review')),
        item TEXT NOT NULL,
        labels TEXT NOT NULL,
        why TEXT NOT NULL,
        seconds REAL NOT NULL
    );
    CREATE TABLE undone (
        decision INTEGER PRIMARY KEY REFERENCES decisions (id),
        ticket TEXT NOT NULL UNIQUE,
        time INTEGER NOT NULL
    );
    CREATE TABLE curve (point INTEGER PRIMARY KEY AUTOINCREMENT, json TEXT NOT NULL);
";

/// What an annotator did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Chose labels.
    Label,
    /// Left the document to others.
    Skip,
    /// Had the last word about a document.
    Review,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Label => "label",
            Self::Skip => "skip",
            Self::Review => "review",
        }
    }
}

/// A decision.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// A name that the page gives it, so that one that is sent twice counts once.
    pub ticket: String,
    /// Whose it is.
    pub annotator: String,
    /// What was done.
    pub kind: Kind,
    /// The key of the document.
    pub item: String,
    /// The labels that were chosen.
    pub labels: Vec<String>,
    /// Why the document was shown, as [`crate::order::Why`] names it.
    pub why: String,
    /// How long it took.
    pub seconds: f64,
}

/// The database.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    db: Connection,
    seen: i64,
}

impl Store {
    /// Opens a database, or makes one for the file with this fingerprint.
    ///
    /// # Errors
    /// When it cannot be opened, is damaged, is held by another program, or belongs to another state of the file and
    /// `accept_changes` is not set.
    pub fn open(path: &Path, fingerprint: &str, accept_changes: bool, wait: Duration) -> Result<Self> {
        let failed = |error: rusqlite::Error| explain(path, &error);
        let mut db = Connection::open(path).map_err(failed)?;
        prepare(&mut db, wait).map_err(failed)?;
        let (application, version, tables): (i64, i64, i64) = db
            .query_row(
                "SELECT (SELECT * FROM pragma_application_id), (SELECT * FROM pragma_user_version),
                 (SELECT count(*) FROM sqlite_schema)",
                [],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )
            .map_err(failed)?;
        if tables > 0 && application != APPLICATION {
            let problem = "this database holds something else than labels";
            return Err(Error::data(path, None, problem, "name another file with --db"));
        }
        if version > VERSION {
            let problem = format!("found version {version} of the database, expected {VERSION}");
            return Err(Error::data(path, None, problem, "use the newer program that wrote it"));
        }
        if tables == 0 {
            create(&mut db).map_err(failed)?;
        }
        let check: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(failed)?;
        if check != "ok" {
            return Err(damaged(path, &check));
        }
        let mut store = Self { path: path.to_owned(), db, seen: 0 };
        let known: Option<String> = store.attempt(|db| {
            db.query_row("SELECT value FROM meta WHERE key = 'fingerprint'", [], |row| row.get(0)).optional()
        })?;
        if known.as_deref() != Some(fingerprint) {
            if known.is_some() && !accept_changes {
                let problem = "the file of documents has changed since these labels were made";
                let help = "take the old file back, or go on with --accept-changes: texts that are still there keep \
                            their labels";
                return Err(Error::data(path, None, problem, help));
            }
            store.remember("fingerprint", fingerprint)?;
        }
        store.seen = store.version()?;
        Ok(store)
    }

    /// What was kept under a name in a database that may not be there, or may be of no use: opening it tells that.
    pub fn remembered(path: &Path, key: &str) -> Option<String> {
        let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).ok()?;
        db.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0)).ok()
    }

    /// Keeps something under a name.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn remember(&mut self, key: &str, value: &str) -> Result<()> {
        let sql = "INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)";
        self.attempt(|db| db.execute(sql, [key, value]).map(drop))
    }

    /// Keeps a decision; tells whether it was there already.
    ///
    /// # Errors
    /// When it cannot be kept. Then it is not.
    pub fn decide(&mut self, decision: &Decision, time: u64) -> Result<bool> {
        let labels = serde_json::to_string(&decision.labels).unwrap_or_default();
        let Decision { ticket, annotator, kind, item, why, seconds, .. } = decision;
        self.attempt(|db| {
            let sql = "INSERT INTO decisions (ticket, time, annotator, kind, item, labels, why, seconds)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (ticket) DO NOTHING";
            let row = params![ticket, time as i64, annotator, kind.name(), item, labels, why, seconds];
            Ok(db.prepare_cached(sql)?.execute(row)? == 0)
        })
    }

    /// Takes the annotator's last decision back; tells which one that was. Asked with the same ticket again, it gives the
    /// same answer.
    ///
    /// # Errors
    /// When that cannot be kept.
    pub fn undo(&mut self, annotator: &str, ticket: &str, time: u64) -> Result<Option<Decision>> {
        self.attempt(|db| {
            let transaction = db.transaction()?;
            let before = "SELECT decision FROM undone WHERE ticket = ?1";
            let mut id: Option<i64> = transaction.query_row(before, [ticket], |row| row.get(0)).optional()?;
            if id.is_none() {
                let last =
                    "SELECT max(id) FROM decisions WHERE annotator = ?1 AND id NOT IN (SELECT decision FROM undone)";
                id = transaction.query_row(last, [annotator], |row| row.get(0))?;
                if let Some(id) = id {
                    let sql = "INSERT INTO undone (decision, ticket, time) VALUES (?1, ?2, ?3)";
                    transaction.execute(sql, params![id, ticket, time as i64])?;
                }
            }
            let decision = match id {
                Some(id) => Some(transaction.query_row(&format!("{SELECT} WHERE id = ?1"), [id], decision_of)?),
                None => None,
            };
            transaction.commit()?;
            Ok(decision)
        })
    }

    /// All decisions that hold, in order.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn decisions(&mut self) -> Result<Vec<Decision>> {
        self.attempt(|db| {
            let sql = format!("{SELECT} WHERE id NOT IN (SELECT decision FROM undone) ORDER BY id");
            let mut query = db.prepare_cached(&sql)?;
            let rows = query.query_map([], decision_of)?;
            rows.collect()
        })
    }

    /// Adds labels that are not there yet.
    ///
    /// # Errors
    /// When they cannot be kept.
    pub fn add_labels(&mut self, names: &[String]) -> Result<()> {
        self.attempt(|db| {
            let transaction = db.transaction()?;
            for name in names {
                transaction.execute("INSERT INTO labels (name) VALUES (?1) ON CONFLICT (name) DO NOTHING", [name])?;
            }
            transaction.commit()
        })
    }

    /// The labels, in the order in which they were added.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn labels(&mut self) -> Result<Vec<String>> {
        self.attempt(|db| {
            let mut query = db.prepare_cached("SELECT name FROM labels ORDER BY place")?;
            let rows = query.query_map([], |row| row.get(0))?;
            rows.collect()
        })
    }

    /// Adds a point to the learning curve, as JSON.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn add_point(&mut self, json: &str) -> Result<()> {
        self.attempt(|db| db.execute("INSERT INTO curve (json) VALUES (?1)", [json]).map(drop))
    }

    /// The points of the learning curve, in order.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn points(&mut self) -> Result<Vec<String>> {
        self.attempt(|db| {
            let mut query = db.prepare_cached("SELECT json FROM curve ORDER BY point")?;
            let rows = query.query_map([], |row| row.get(0))?;
            rows.collect()
        })
    }

    /// Whether another program has changed the database since this was asked last.
    ///
    /// # Errors
    /// When that cannot be told.
    pub fn changed_elsewhere(&mut self) -> Result<bool> {
        let version = self.version()?;
        Ok(std::mem::replace(&mut self.seen, version) != version)
    }

    fn version(&mut self) -> Result<i64> {
        self.attempt(|db| db.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0)))
    }

    fn attempt<T>(&mut self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T> {
        work(&mut self.db).map_err(|error| explain(&self.path, &error))
    }
}

const SELECT: &str = "SELECT ticket, annotator, kind, item, labels, why, seconds FROM decisions";

fn decision_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Decision> {
    let (kind, labels): (String, String) = (row.get(2)?, row.get(4)?);
    let kind = match kind.as_str() {
        "skip" => Kind::Skip,
        "review" => Kind::Review,
        _ => Kind::Label,
    };
    Ok(Decision {
        ticket: row.get(0)?,
        annotator: row.get(1)?,
        kind,
        item: row.get(3)?,
        labels: serde_json::from_str(&labels).unwrap_or_default(),
        why: row.get(5)?,
        seconds: row.get(6)?,
    })
}

fn prepare(db: &mut Connection, wait: Duration) -> rusqlite::Result<()> {
    db.busy_timeout(wait)?;
    db.execute_batch("PRAGMA foreign_keys = ON;")?;
    // The answer is the mode that holds.
    db.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0))?;
    // FULL flushes the log to the disk with each transaction: a power cut loses nothing that was acknowledged.
    db.execute_batch("PRAGMA synchronous = FULL;")
}

fn create(db: &mut Connection) -> rusqlite::Result<()> {
    let transaction = db.transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

fn damaged(path: &Path, what: &str) -> Error {
    let help = "take a copy of it first; `sqlite3 FILE .recover` can save what is left, or start anew with --db";
    Error::data(path, None, format!("the database of labels is damaged: {what}"), help)
}

fn explain(path: &Path, error: &rusqlite::Error) -> Error {
    let (problem, help) = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            ("is held by another program", "end the other program, or wait until it is done")
        }
        Some(ErrorCode::DiskFull) => ("finds no room on the disk", "free some space, then go on: nothing was lost"),
        Some(ErrorCode::SystemIoFailure) => ("cannot be written", "check the disk: is it full, or gone?"),
        Some(ErrorCode::ReadOnly) => ("may not be written", "check the permissions, or name another file with --db"),
        Some(ErrorCode::CannotOpen) => {
            ("cannot be opened", "check the folder and its permissions, or name another file with --db")
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => return damaged(path, &error.to_string()),
        _ => ("refuses", "check the disk and the permissions of the folder, or name another file with --db"),
    };
    Error::data(path, None, format!("the database of labels {problem}: {error}"), help)
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
