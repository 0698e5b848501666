//! The history of a training as JSON lines.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use fenlei::Error;
use fenlei::train::EpochRecord;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A line of a history.
pub(crate) trait Placed: Serialize + DeserializeOwned {
    /// Where in the training it was made: the number of its epoch, or of its step.
    fn place(&self) -> u64;
}

impl Placed for EpochRecord {
    fn place(&self) -> u64 {
        u64::from(self.epoch)
    }
}

/// A file that gets a line an epoch, each written at once.
#[derive(Debug)]
pub(crate) struct HistoryFile<R> {
    path: PathBuf,
    file: File,
    /// The records of the training that is gone on with; cut once it is known where it goes on.
    earlier: Vec<R>,
}

impl<R: Placed> HistoryFile<R> {
    /// Makes or empties the file, or reads what an interrupted training left.
    pub fn open(path: &Path, resume: bool) -> Result<Self> {
        let earlier = match fs::read_to_string(path) {
            Ok(text) if resume => text.lines().map_while(|line| serde_json::from_str(line).ok()).collect(),
            _ => Vec::new(),
        };
        let mut open = OpenOptions::new();
        open.create(true).append(resume).write(true).truncate(!resume);
        let file = open.open(path).map_err(|error| Error::io("write", path, error))?;
        Ok(Self { path: path.to_owned(), file, earlier })
    }

    /// Adds an epoch. One that the interrupted training wrote already, and that was lost to it, is written anew.
    pub fn append(&mut self, record: &R) -> Result<()> {
        let failed = || format!("cannot write {}", self.path.display());
        let mut lines = Vec::new();
        if self.earlier.iter().any(|earlier| earlier.place() >= record.place()) {
            self.file.set_len(0).with_context(failed)?;
            for earlier in self.earlier.iter().filter(|earlier| earlier.place() < record.place()) {
                serde_json::to_writer(&mut lines, earlier)?;
                lines.push(b'\n');
            }
        }
        serde_json::to_writer(&mut lines, record)?;
        lines.push(b'\n');
        self.file.write_all(&lines).with_context(failed)?;
        self.earlier.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(epoch: u32, loss: f64) -> EpochRecord {
        let (seconds, docs_per_second, lr_factor) = (1.0, 2.0, 1.0);
        EpochRecord { epoch, loss, validation: None, seconds, docs_per_second, lr_factor, best: false }
    }

    fn read(path: &Path) -> Vec<(u32, f64)> {
        let text = fs::read_to_string(path).unwrap();
        let records = text.lines().map(|line| serde_json::from_str::<EpochRecord>(line).unwrap());
        records.map(|record| (record.epoch, record.loss)).collect()
    }

    #[test]
    fn a_resumed_training_goes_on_where_it_was_interrupted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        fs::write(&path, "old\n").unwrap();
        let mut history = HistoryFile::<EpochRecord>::open(&path, false).unwrap();
        (1..=3).for_each(|epoch| history.append(&record(epoch, 0.5)).unwrap());
        assert_eq!(read(&path), [(1, 0.5), (2, 0.5), (3, 0.5)]);
        // Epoch 3 was written here but not in the checkpoint.
        let mut history = HistoryFile::<EpochRecord>::open(&path, true).unwrap();
        (3..=4).for_each(|epoch| history.append(&record(epoch, 0.25)).unwrap());
        assert_eq!(read(&path), [(1, 0.5), (2, 0.5), (3, 0.25), (4, 0.25)]);
        let mut history = HistoryFile::<EpochRecord>::open(&path, true).unwrap();
        history.append(&record(5, 0.125)).unwrap();
        assert_eq!(read(&path).len(), 5);
    }
}
