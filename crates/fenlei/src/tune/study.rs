//! A search in one SQLite file, which several processes may work on, and which outlives any of them.
//!
//! Invariant: a trial that has ended is never run again, and none is run by two at once. A trial is claimed in a
//! transaction that keeps others out; what a worker reports counts only while the claim is its own.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior, params};

use super::pruner::Pruner;
use super::space::Values;
use super::trial::{State, Trial};
use super::worker;
use crate::{Error, Result};

/// Tells a study from other SQLite files: "fnlt".
const APPLICATION_ID: i64 = 0x666e_6c74;

/// The layout of the tables.
const VERSION: i64 = 1;

/// How long to wait for another process that writes.
const PATIENCE: Duration = Duration::from_secs(5);

/// A worker that has not been heard of for so long is taken for dead.
const SILENCE: Duration = Duration::from_secs(60);

/// A trial whose process died so often is given up.
const MOST_ATTEMPTS: u32 = 50;

const SCHEMA: &str = "
CREATE TABLE study (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE trials (
    number INTEGER PRIMARY KEY,
    state TEXT NOT NULL,
    parameters TEXT NOT NULL,
    seed INTEGER NOT NULL,
    score REAL,
    message TEXT,
    bytes INTEGER,
    latency_us REAL,
    attempts INTEGER NOT NULL DEFAULT 0,
    given INTEGER NOT NULL DEFAULT 0,
    worker TEXT,
    heartbeat REAL,
    started REAL,
    ended REAL
);
CREATE INDEX trials_by_state ON trials (state, number);
CREATE TABLE steps (
    trial INTEGER NOT NULL,
    step INTEGER NOT NULL,
    score REAL NOT NULL,
    best REAL NOT NULL,
    PRIMARY KEY (trial, step)
) WITHOUT ROWID;
CREATE INDEX steps_by_step ON steps (step, trial, best);
";

/// What makes a study this one: equal trials give equal figures only where all of it is equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// A hash of the configuration that the values are laid over.
    pub configuration: String,
    /// The space, a line a parameter.
    pub space: String,
    /// A hash of the documents, those to validate with included.
    pub documents: String,
    /// The figure, and what it is measured on.
    pub objective: String,
    /// Where random numbers start.
    pub seed: u64,
}

/// An open study.
#[derive(Debug)]
pub struct Study {
    db: Connection,
    path: PathBuf,
    worker: String,
}

/// What a worker is to do.
#[derive(Debug)]
pub(super) enum Claim {
    /// Run this trial.
    Trial(Trial),
    /// Others still run the last ones; one of them may die.
    Wait,
    /// All is done.
    Done,
}

impl Study {
    /// Opens a study to work on it, or begins it with the trials `first`.
    ///
    /// # Errors
    /// [`Error::Artifact`] when the file is no study, damaged, held by another program, or a study of something else;
    /// [`Error::Io`] when it cannot be made.
    pub fn create_or_open(path: &Path, identity: &Identity, first: &[Values]) -> Result<Self> {
        let mut study = Self::connect(path, true)?;
        study.attempt(|db| {
            let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let n_tables: i64 = tx.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
            if n_tables == 0 {
                tx.execute_batch(SCHEMA)?;
                tx.pragma_update(None, "application_id", APPLICATION_ID)?;
                tx.pragma_update(None, "user_version", VERSION)?;
                for (key, value) in identity.fields() {
                    tx.execute("INSERT INTO study VALUES (?1, ?2)", params![key, value])?;
                }
                for values in first {
                    insert_trial(&tx, values, identity.seed, true)?;
                }
            }
            tx.commit()
        })?;
        study.check_form()?;
        for (key, wanted) in identity.fields() {
            let found = study.attribute(key)?;
            if found != wanted {
                let short = |text: &str| text.chars().take(60).collect::<String>().replace('\n', "; ");
                let problem =
                    format!("it is the study of another {key}: found {}, expected {}", short(&found), short(&wanted));
                let help = "name another file with --study, or give the flags and documents it was begun with";
                return Err(Error::artifact(path, problem, help));
            }
        }
        Ok(study)
    }

    /// Opens a study that is there, to look at it.
    ///
    /// # Errors
    /// As [`create_or_open`](Self::create_or_open).
    pub fn open(path: &Path) -> Result<Self> {
        if !path.is_file() {
            let source = std::io::Error::from(std::io::ErrorKind::NotFound);
            return Err(Error::io("read", path, source));
        }
        let study = Self::connect(path, false)?;
        study.check_form()?;
        Ok(study)
    }

    /// Another connection for another worker of this process.
    pub(super) fn again(&self) -> Result<Self> {
        Self::connect(&self.path, true)
    }

    fn connect(path: &Path, write: bool) -> Result<Self> {
        let explained = |error: rusqlite::Error| explain(path, &error);
        let db = Connection::open(path).map_err(explained)?;
        db.busy_timeout(PATIENCE).map_err(explained)?;
        let found: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(explained)?;
        if found != "ok" {
            return Err(damaged(path, &found));
        }
        // In this order: whoever makes the tables just now writes the id with them.
        let n_tables: i64 =
            db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(explained)?;
        let id: i64 = db.query_row("PRAGMA application_id", [], |row| row.get(0)).map_err(explained)?;
        if id != APPLICATION_ID && n_tables > 0 {
            let problem = "it is an SQLite file of another program, not a study";
            return Err(Error::artifact(path, problem, "name another file"));
        }
        if write {
            // Readers do not wait for writers, and a killed process leaves whole transactions.
            patiently(|| db.pragma_update(None, "journal_mode", "WAL")).map_err(explained)?;
            db.pragma_update(None, "synchronous", "NORMAL").map_err(explained)?;
        }
        Ok(Self { db, path: path.to_owned(), worker: worker::own_name() })
    }

    fn check_form(&self) -> Result<()> {
        let version: i64 =
            self.db.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(|e| explain(&self.path, &e))?;
        let id: i64 =
            self.db.query_row("PRAGMA application_id", [], |row| row.get(0)).map_err(|e| explain(&self.path, &e))?;
        if id != APPLICATION_ID {
            return Err(Error::artifact(&self.path, "it is not a study", "`fenlei tune DATA --study FILE` makes one"));
        }
        if version != VERSION {
            let problem = format!("it is a study of version {version}, expected {VERSION}");
            return Err(Error::artifact(&self.path, problem, "use the version of fenlei that made it, or begin anew"));
        }
        Ok(())
    }

    fn attempt<T>(&mut self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T> {
        work(&mut self.db).map_err(|error| explain(&self.path, &error))
    }

    /// What the study was begun with.
    pub(super) fn attribute(&self, key: &str) -> Result<String> {
        let found = self
            .db
            .query_row("SELECT value FROM study WHERE key = ?1", [key], |row| row.get(0))
            .optional()
            .map_err(|error| explain(&self.path, &error))?;
        found.ok_or_else(|| damaged(&self.path, &format!("there is no {key}")))
    }

    /// The figure that is searched for, and on what.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn objective(&self) -> Result<String> {
        self.attribute("objective")
    }

    /// All trials, in order.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn trials(&self) -> Result<Vec<Trial>> {
        let trials = read_trials(&self.db).map_err(|error| explain(&self.path, &error))?;
        trials.ok_or_else(|| damaged(&self.path, "a trial cannot be understood"))
    }

    /// The scores of a trial's steps.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn steps(&self, trial: u64) -> Result<Vec<(u64, f64)>> {
        let read = || -> rusqlite::Result<Vec<(u64, f64)>> {
            let mut query = self.db.prepare_cached("SELECT step, score FROM steps WHERE trial = ?1 ORDER BY step")?;
            query.query_map([trial as i64], |row| Ok((row.get::<_, i64>(0)? as u64, row.get(1)?)))?.collect()
        };
        read().map_err(|error| explain(&self.path, &error))
    }

    /// Takes a trial that waits, else one that `propose` makes of those before it, up to `most` trials in all.
    pub(super) fn claim(
        &mut self,
        most: Option<u64>,
        propose: impl FnOnce(&[Trial]) -> Result<Option<Values>>,
        seed: u64,
    ) -> Result<Claim> {
        let path = self.path.clone();
        let explained = |error: rusqlite::Error| explain(&path, &error);
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(explained)?;
        requeue_the_dead(&tx).map_err(explained)?;
        let waiting: Option<i64> = tx
            .query_row("SELECT min(number) FROM trials WHERE state = 'waiting'", [], |row| row.get(0))
            .map_err(explained)?;
        let number = match waiting {
            Some(number) => Some(number),
            None => {
                let trials = read_trials(&tx).map_err(explained)?;
                let trials = trials.ok_or_else(|| damaged(&path, "a trial cannot be understood"))?;
                let has_room = most.is_none_or(|most| (trials.len() as u64) < most);
                let proposed = if has_room { propose(&trials)? } else { None };
                match proposed {
                    Some(values) => Some(insert_trial(&tx, &values, seed, false).map_err(explained)?),
                    None if trials.iter().any(|trial| trial.state == State::Running) => {
                        tx.commit().map_err(explained)?;
                        return Ok(Claim::Wait);
                    }
                    None => None,
                }
            }
        };
        let Some(number) = number else {
            tx.commit().map_err(explained)?;
            return Ok(Claim::Done);
        };
        let sql = "UPDATE trials SET state = 'running', worker = ?2, heartbeat = ?3, started = ?3, \
                   attempts = attempts + 1 WHERE number = ?1";
        tx.execute(sql, params![number, self.worker, now()]).map_err(explained)?;
        let trial = read_trials(&tx).map_err(explained)?;
        tx.commit().map_err(explained)?;
        let trial = trial.and_then(|trials| trials.into_iter().find(|trial| trial.number == number as u64));
        trial.map(Claim::Trial).ok_or_else(|| damaged(&path, "a trial cannot be understood"))
    }

    /// Says that the worker lives.
    pub(super) fn heartbeat(&mut self, worker: &str) -> Result<()> {
        self.attempt(|db| {
            let sql = "UPDATE trials SET heartbeat = ?2 WHERE worker = ?1 AND state = 'running'";
            db.prepare_cached(sql)?.execute(params![worker, now()]).map(drop)
        })
    }

    /// The name that claims are made under.
    pub(super) fn worker(&self) -> &str {
        &self.worker
    }

    /// Keeps a step of a trial. True when the trial should end: the pruner says so, or the claim is another's by now.
    pub(super) fn report(&mut self, trial: u64, step: u64, score: f64, pruner: Pruner) -> Result<bool> {
        let worker = self.worker.clone();
        self.attempt(|db| {
            let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let own = "SELECT count(*) FROM trials WHERE number = ?1 AND worker = ?2 AND state = 'running'";
            let n: i64 = tx.prepare_cached(own)?.query_row(params![trial as i64, worker], |row| row.get(0))?;
            if n == 0 {
                return Ok(true);
            }
            let before: Option<f64> = tx
                .prepare_cached("SELECT max(best) FROM steps WHERE trial = ?1")?
                .query_row([trial as i64], |row| row.get(0))?;
            let best = before.map_or(score, |before| before.max(score));
            tx.prepare_cached("INSERT OR REPLACE INTO steps VALUES (?1, ?2, ?3, ?4)")?.execute(params![
                trial as i64,
                step as i64,
                score,
                best
            ])?;
            let ends = pruner.looks_at(step) && {
                let mut query = tx.prepare_cached("SELECT best FROM steps WHERE step = ?1 AND trial <> ?2")?;
                let others: rusqlite::Result<Vec<f64>> =
                    query.query_map(params![step as i64, trial as i64], |row| row.get(0))?.collect();
                pruner.ends(best, &others?)
            };
            tx.commit()?;
            Ok(ends)
        })
    }

    /// Ends a trial. False when the claim is another's by now, and nothing was changed.
    pub(super) fn end(&mut self, trial: &Trial) -> Result<bool> {
        let worker = self.worker.clone();
        self.attempt(|db| {
            let sql = "UPDATE trials SET state = ?3, score = ?4, message = ?5, bytes = ?6, latency_us = ?7, ended = ?8 \
                       WHERE number = ?1 AND worker = ?2 AND state = 'running'";
            let bytes = trial.bytes.map(|bytes| bytes as i64);
            let n = db.execute(
                sql,
                params![
                    trial.number as i64,
                    worker,
                    trial.state.as_str(),
                    trial.score,
                    trial.message,
                    bytes,
                    trial.latency_us,
                    now()
                ],
            )?;
            Ok(n == 1)
        })
    }

    /// Gives a trial back that was not ended.
    pub(super) fn give_back(&mut self, trial: u64) -> Result<()> {
        let worker = self.worker.clone();
        self.attempt(|db| {
            let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let sql = "UPDATE trials SET state = 'waiting', worker = NULL, attempts = attempts - 1 \
                       WHERE number = ?1 AND worker = ?2 AND state = 'running'";
            if tx.execute(sql, params![trial as i64, worker])? == 1 {
                tx.execute("DELETE FROM steps WHERE trial = ?1", [trial as i64])?;
            }
            tx.commit()
        })
    }
}

impl Identity {
    fn fields(&self) -> [(&'static str, String); 5] {
        [
            ("configuration", self.configuration.clone()),
            ("space", self.space.clone()),
            ("documents", self.documents.clone()),
            ("objective", self.objective.clone()),
            ("seed", self.seed.to_string()),
        ]
    }
}

/// Number, worker, heartbeat and attempts of a running trial.
type Running = (i64, Option<String>, Option<f64>, u32);

/// Lets trials wait again whose processes have died.
fn requeue_the_dead(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut query =
        tx.prepare_cached("SELECT number, worker, heartbeat, attempts FROM trials WHERE state = 'running'")?;
    let running: rusqlite::Result<Vec<Running>> =
        query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?.collect();
    for (number, worker, heartbeat, attempts) in running? {
        let silent = heartbeat.is_none_or(|heard| now() - heard > SILENCE.as_secs_f64());
        if !silent && !worker.as_deref().is_none_or(worker::is_dead) {
            continue;
        }
        if attempts >= MOST_ATTEMPTS {
            let message = format!("the process died {attempts} times while it ran this");
            let sql = "UPDATE trials SET state = 'failed', message = ?2, worker = NULL, ended = ?3 WHERE number = ?1";
            tx.execute(sql, params![number, message, now()])?;
            continue;
        }
        tx.execute("UPDATE trials SET state = 'waiting', worker = NULL WHERE number = ?1", [number])?;
        tx.execute("DELETE FROM steps WHERE trial = ?1", [number])?;
    }
    Ok(())
}

fn insert_trial(tx: &Transaction<'_>, values: &Values, seed: u64, given: bool) -> rusqlite::Result<i64> {
    let json = serde_json::to_string(values).map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))?;
    let number: i64 = tx.query_row("SELECT coalesce(max(number) + 1, 0) FROM trials", [], |row| row.get(0))?;
    let sql = "INSERT INTO trials (number, state, parameters, seed, given) VALUES (?1, 'waiting', ?2, ?3, ?4)";
    tx.execute(sql, params![number, json, seed as i64, given])?;
    Ok(number)
}

/// `None` where one cannot be understood.
fn read_trials(db: &Connection) -> rusqlite::Result<Option<Vec<Trial>>> {
    let sql = "SELECT number, state, parameters, seed, score, message, bytes, latency_us, attempts, given, \
               ended - started FROM trials ORDER BY number";
    let mut query = db.prepare_cached(sql)?;
    let mut rows = query.query([])?;
    let mut trials = Vec::new();
    while let Some(row) = rows.next()? {
        let (state, parameters): (String, String) = (row.get(1)?, row.get(2)?);
        let (Some(state), Ok(values)) = (State::of(&state), serde_json::from_str(&parameters)) else {
            return Ok(None);
        };
        trials.push(Trial {
            number: row.get::<_, i64>(0)? as u64,
            state,
            values,
            seed: row.get::<_, i64>(3)? as u64,
            score: row.get(4)?,
            message: row.get(5)?,
            bytes: row.get::<_, Option<i64>>(6)?.map(|bytes| bytes as u64),
            latency_us: row.get(7)?,
            attempts: row.get(8)?,
            given: row.get(9)?,
            seconds: row.get(10)?,
        });
    }
    Ok(Some(trials))
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

fn damaged(path: &Path, what: &str) -> Error {
    Error::artifact(
        path,
        format!("this study is damaged: {what}"),
        "restore a copy of it, or begin anew in another file",
    )
}

/// Tries again while the database is busy: SQLite does not wait by itself where two that wait could block each other,
/// as two do that begin one study at the same moment.
fn patiently<T>(mut work: impl FnMut() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    let clock = Instant::now();
    loop {
        match work() {
            Err(error) if is_busy(&error) && clock.elapsed() < PATIENCE => std::thread::sleep(PATIENCE / 500),
            result => return result,
        }
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// What the database says, in words that help.
fn explain(path: &Path, error: &rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        _ if is_busy(error) => {
            let problem = "another program has kept this study locked for 5 seconds";
            Error::artifact(path, problem, "close what has it open to write, then run the same command again")
        }
        Some(ErrorCode::NotADatabase) => {
            Error::artifact(path, "this is not a study, or its beginning is damaged", "name another file")
        }
        Some(ErrorCode::DatabaseCorrupt) => damaged(path, &error.to_string()),
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            let problem = format!("it cannot be opened to write: {error}");
            Error::artifact(path, problem, "check that its folder exists and may be written to")
        }
        Some(ErrorCode::DiskFull) => Error::artifact(path, "the disk is full", "free some space, then run it again"),
        _ => damaged(path, &error.to_string()),
    }
}

#[cfg(test)]
#[path = "study_tests.rs"]
mod tests;
