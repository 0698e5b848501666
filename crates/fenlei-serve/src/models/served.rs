//! A model that answers requests, and what it has answered so far.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use fenlei::artifact::{self, ModelInfo};
use fenlei::classifier::{Classifier, Profile};
use rayon::ThreadPool;

/// Parts of equal width that confidences from 0 to 1 are counted in.
pub(crate) const N_CONFIDENCES: usize = Profile::N_CONFIDENCES;

/// One version of a model.
pub(crate) struct ServedModel {
    pub name: String,
    pub version: u64,
    pub classifier: Classifier,
    pub info: ModelInfo,
    pub tallies: Tallies,
}

/// What tells whether a file is still the one that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp {
    modified: Option<SystemTime>,
    n_bytes: u64,
    #[cfg(unix)]
    inode: u64,
}

impl Stamp {
    /// Of the file as it is now; `None` when there is none.
    pub fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
        Some(Self {
            modified: metadata.modified().ok(),
            n_bytes: metadata.len(),
            #[cfg(unix)]
            inode: std::os::unix::fs::MetadataExt::ino(&metadata),
        })
    }
}

/// Predictions so far.
pub(crate) struct Tallies {
    /// By label, the most probable one of each text.
    labels: Vec<AtomicU64>,
    /// By confidence.
    confidences: [AtomicU64; N_CONFIDENCES],
    /// Texts about which the model abstained.
    abstained: AtomicU64,
    /// The sum of all confidences, in millionths.
    confidence_sum: AtomicU64,
}

impl Tallies {
    fn new(n_labels: usize) -> Self {
        Self {
            labels: (0..n_labels).map(|_| AtomicU64::new(0)).collect(),
            confidences: std::array::from_fn(|_| AtomicU64::new(0)),
            abstained: AtomicU64::new(0),
            confidence_sum: AtomicU64::new(0),
        }
    }

    pub fn labels(&self) -> Vec<u64> {
        self.labels.iter().map(|n| n.load(Ordering::Relaxed)).collect()
    }

    pub fn confidences(&self) -> [u64; N_CONFIDENCES] {
        std::array::from_fn(|i| self.confidences[i].load(Ordering::Relaxed))
    }

    pub fn abstained(&self) -> u64 {
        self.abstained.load(Ordering::Relaxed)
    }

    pub fn confidence_sum(&self) -> f64 {
        self.confidence_sum.load(Ordering::Relaxed) as f64 / 1e6
    }
}

impl ServedModel {
    /// Reads and checks a file. Loops in it run in `pool`.
    pub fn load(name: &str, version: u64, path: &Path, pool: &ThreadPool) -> fenlei::Result<Self> {
        let (classifier, info) = pool.install(|| artifact::load(path))?;
        // Requests bring few texts each, so that none of them would make the tables.
        pool.install(|| classifier.prepare_scoring());
        let tallies = Tallies::new(classifier.labels().len());
        Ok(Self { name: name.to_owned(), version, classifier, info, tallies })
    }

    /// Counts a prediction; tells its label and confidence.
    pub fn count(&self, row: &[f32]) -> (usize, f32) {
        let (label, confidence) = self.classifier.judge(row);
        if let Some(n) = self.tallies.labels.get(label) {
            n.fetch_add(1, Ordering::Relaxed);
        }
        self.tallies.confidences[Profile::part_of(confidence)].fetch_add(1, Ordering::Relaxed);
        self.tallies.confidence_sum.fetch_add((f64::from(confidence) * 1e6) as u64, Ordering::Relaxed);
        if self.classifier.decision().abstain_below.is_some_and(|bound| confidence < bound) {
            self.tallies.abstained.fetch_add(1, Ordering::Relaxed);
        }
        (label, confidence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_written_again_is_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        assert_eq!(Stamp::of(&path), None);
        std::fs::write(&path, "1").unwrap();
        let first = Stamp::of(&path).unwrap();
        assert_eq!(Stamp::of(&path), Some(first.clone()));
        std::fs::write(&path, "22").unwrap();
        assert_ne!(Stamp::of(&path), Some(first));
    }
}
