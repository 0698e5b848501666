//! Predictions and what they should have been, in SQLite.
//!
//! Invariants: what was acknowledged survives the end of the process at any moment; no text is kept.

use std::path::{Path, PathBuf};

use fenlei::classifier::Profile;
use fenlei::{Error, Result};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

/// A prediction of one text of a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Prediction {
    pub request_id: String,
    pub item: u32,
    pub model: String,
    pub version: u64,
    pub label: String,
    pub confidence: f32,
    /// Seconds since 1970.
    pub time: u64,
}

/// What a prediction should have been.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Feedback {
    pub request_id: String,
    /// Which text of the request, counted from 0.
    #[serde(default, deserialize_with = "crate::api::whole")]
    pub item: u32,
    /// The true label.
    pub label: String,
}

/// How right the predictions of a model were in an hour, as far as anybody said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct HourCount {
    /// The second at which the hour begins.
    pub hour: u64,
    pub model: String,
    pub version: u64,
    pub label: String,
    pub truth: String,
    pub n: u64,
}

/// The database.
#[derive(Debug)]
pub(crate) struct Store {
    db: Connection,
    path: PathBuf,
}

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS predictions (
    request_id TEXT NOT NULL, item INTEGER NOT NULL, model TEXT NOT NULL, version INTEGER NOT NULL,
    label TEXT NOT NULL, confidence REAL NOT NULL, time INTEGER NOT NULL, truth TEXT, truth_time INTEGER,
    PRIMARY KEY (request_id, item)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_time ON predictions (time);
CREATE INDEX IF NOT EXISTS by_truth ON predictions (truth_time) WHERE truth IS NOT NULL;
CREATE TABLE IF NOT EXISTS profiles (
    model TEXT NOT NULL, version INTEGER NOT NULL, data TEXT NOT NULL, kind TEXT NOT NULL, profile TEXT NOT NULL,
    PRIMARY KEY (model, version, data, kind)) WITHOUT ROWID;
";

impl Store {
    /// Opens the database, or makes it.
    pub fn open(path: &Path) -> Result<Self> {
        let open = || -> rusqlite::Result<Connection> {
            let db = Connection::open(path)?;
            db.busy_timeout(std::time::Duration::from_secs(5))?;
            db.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
            // Full: a commit is on the disk before it is acknowledged.
            db.execute_batch("PRAGMA synchronous = FULL; PRAGMA auto_vacuum = INCREMENTAL;")?;
            db.execute_batch(SCHEMA)?;
            Ok(db)
        };
        let db = open().map_err(|error| explain(path, &error))?;
        Ok(Self { db, path: path.to_owned() })
    }

    /// Keeps predictions; one of the same name takes the place of the one before, with what was said about it.
    pub fn keep(&mut self, predictions: &[Prediction]) -> Result<()> {
        self.attempt(|db| {
            let transaction = db.transaction()?;
            {
                let mut insert = transaction.prepare_cached(
                    "INSERT OR REPLACE INTO predictions (request_id, item, model, version, label, confidence, time)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?;
                for p in predictions {
                    let (version, time) = (p.version as i64, p.time as i64);
                    insert.execute(params![p.request_id, p.item, p.model, version, p.label, p.confidence, time])?;
                }
            }
            transaction.commit()
        })
    }

    /// Keeps what a prediction should have been; tells what it was, or `None` when there is no such prediction.
    pub fn correct(&mut self, feedback: &Feedback, now: u64) -> Result<Option<String>> {
        self.attempt(|db| {
            let predicted: Option<String> = db
                .prepare_cached("SELECT label FROM predictions WHERE request_id = ?1 AND item = ?2")?
                .query_row(params![feedback.request_id, feedback.item], |row| row.get(0))
                .optional()?;
            if predicted.is_some() {
                db.prepare_cached(
                    "UPDATE predictions SET truth = ?3, truth_time = ?4 WHERE request_id = ?1 AND item = ?2",
                )?
                .execute(params![feedback.request_id, feedback.item, feedback.label, now as i64])?;
            }
            Ok(predicted)
        })
    }

    /// What was right and wrong since a moment, by hour of the prediction, in order.
    pub fn outcomes(&mut self, since: u64) -> Result<Vec<HourCount>> {
        self.attempt(|db| {
            let mut query = db.prepare_cached(
                "SELECT time / 3600 * 3600, model, version, label, truth, count(*) FROM predictions
                 WHERE truth IS NOT NULL AND time >= ?1 GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5",
            )?;
            let rows = query.query_map([since as i64], |row| {
                Ok(HourCount {
                    hour: row.get::<_, i64>(0)?.unsigned_abs(),
                    model: row.get(1)?,
                    version: row.get::<_, i64>(2)?.unsigned_abs(),
                    label: row.get(3)?,
                    truth: row.get(4)?,
                    n: row.get::<_, i64>(5)?.unsigned_abs(),
                })
            })?;
            rows.collect()
        })
    }

    /// Drops what is older.
    pub fn drop_before(&mut self, time: u64) -> Result<usize> {
        self.attempt(|db| {
            let n = db.execute("DELETE FROM predictions WHERE time < ?1", [time as i64])?;
            db.execute_batch("PRAGMA incremental_vacuum;")?;
            Ok(n)
        })
    }

    /// Keeps what is usual, or recent, for a version of a model that was trained on some data.
    pub fn keep_profile(&mut self, key: (&str, u64, &str), kind: &str, profile: &Profile) -> Result<()> {
        let json = serde_json::to_string(profile).unwrap_or_default();
        self.attempt(|db| {
            let sql =
                "INSERT OR REPLACE INTO profiles (model, version, data, kind, profile) VALUES (?1, ?2, ?3, ?4, ?5)";
            db.prepare_cached(sql)?.execute(params![key.0, key.1 as i64, key.2, kind, json]).map(|_| ())
        })
    }

    /// What was kept; `None` for nothing, and for what cannot be read.
    pub fn profile(&mut self, key: (&str, u64, &str), kind: &str) -> Result<Option<Profile>> {
        let json: Option<String> = self.attempt(|db| {
            let sql = "SELECT profile FROM profiles WHERE model = ?1 AND version = ?2 AND data = ?3 AND kind = ?4";
            db.prepare_cached(sql)?.query_row(params![key.0, key.1 as i64, key.2, kind], |row| row.get(0)).optional()
        })?;
        Ok(json.and_then(|json| serde_json::from_str(&json).ok()))
    }

    fn attempt<T>(&mut self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T> {
        work(&mut self.db).map_err(|error| explain(&self.path, &error))
    }
}

fn explain(path: &Path, error: &rusqlite::Error) -> Error {
    let help = "check the disk and the permissions of the folder, or name another file with --store";
    Error::data(path, None, format!("the database of predictions refuses: {error}"), help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prediction(id: &str, label: &str, time: u64) -> Prediction {
        let (request_id, label) = (id.to_owned(), label.to_owned());
        Prediction { request_id, item: 0, model: "m".to_owned(), version: 1, label, confidence: 0.75, time }
    }

    fn feedback(id: &str, label: &str) -> Feedback {
        Feedback { request_id: id.to_owned(), item: 0, label: label.to_owned() }
    }

    #[test]
    fn what_was_said_about_a_prediction_is_counted_and_outlives_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("watch.db");
        let mut store = Store::open(&path).unwrap();
        store.keep(&[prediction("a", "x", 7300), prediction("b", "y", 7301), prediction("c", "x", 10)]).unwrap();
        assert_eq!(store.correct(&feedback("a", "x"), 7400).unwrap().as_deref(), Some("x"));
        assert_eq!(store.correct(&feedback("b", "x"), 7400).unwrap().as_deref(), Some("y"));
        assert_eq!(store.correct(&feedback("nobody", "x"), 7400).unwrap(), None);
        // Later words count.
        store.correct(&feedback("b", "z"), 7500).unwrap();
        drop(store);
        let mut store = Store::open(&path).unwrap();
        let counted: Vec<(u64, String, String, u64)> =
            store.outcomes(0).unwrap().into_iter().map(|hour| (hour.hour, hour.label, hour.truth, hour.n)).collect();
        let row = |label: &str, truth: &str| (7200, label.to_owned(), truth.to_owned(), 1);
        assert_eq!(counted, [row("x", "x"), row("y", "z")]);
        assert_eq!(store.drop_before(7301).unwrap(), 2);
        assert_eq!(store.outcomes(0).unwrap().len(), 1);
    }

    #[test]
    fn profiles_come_back_for_the_same_training_data_only() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("watch.db")).unwrap();
        let profile = Profile { n_texts: 3, labels: vec![1, 2], ..Profile::default() };
        store.keep_profile(("m", 1, "abc"), "usual", &profile).unwrap();
        assert_eq!(store.profile(("m", 1, "abc"), "usual").unwrap(), Some(profile));
        assert_eq!(store.profile(("m", 1, "other"), "usual").unwrap(), None);
        assert_eq!(store.profile(("m", 1, "abc"), "recent").unwrap(), None);
    }

    #[test]
    fn a_database_that_cannot_be_had_is_named() {
        let error = Store::open(Path::new("/no/such/folder/watch.db")).unwrap_err().to_string();
        assert!(error.contains("/no/such/folder/watch.db") && error.contains("--store"), "{error}");
    }
}
