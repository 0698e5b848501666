//! Learning from another model: its probabilities for labelled and unlabelled documents take the place of labels.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{Preparation, TrainOptions};
use crate::classifier::Classifier;
use crate::data::{Dataset, Target, listed};
use crate::storage::write_atomically;
use crate::{Error, Result, artifact};

/// Documents that the teacher answers for at a time, and whose answers stand in a file.
const DOCS_AT_A_TIME: usize = 1024;

/// A model to learn from (Hinton, Vinyals and Dean 2015).
#[derive(Clone, Copy)]
pub struct Teacher<'a> {
    /// The model: an ensemble, or any other that knows the labels of the documents. It should not have learned from
    /// documents that the student is validated or tested with.
    pub classifier: &'a Classifier,
    /// Further documents to learn from by its answers alone; their labels, if they have any, are not looked at.
    pub unlabelled: Option<&'a Dataset>,
    /// How much its answer counts for a labelled document beside the label, from 0 to 1.
    pub weight: f64,
    /// Its probabilities are raised to 1 over this and made to sum to 1 again: above 1 they become softer.
    pub temperature: f64,
    /// A folder in which its answers are kept as they come, and found again by whoever asks it about the same texts.
    pub cache: Option<&'a Path>,
}

impl<'a> Teacher<'a> {
    /// # Errors
    /// When a number is out of range.
    pub(super) fn check(&self) -> Result<()> {
        if !(0.0..=1.0).contains(&self.weight) {
            let problem = format!("found a weight of {}, expected a share from 0 to 1", self.weight);
            return Err(Error::config("teacher", problem, "0.5 makes label and teacher count the same"));
        }
        if !(self.temperature > 0.0 && self.temperature.is_finite()) {
            let problem = format!("found a temperature of {}, expected a number above 0", self.temperature);
            return Err(Error::config("teacher", problem, "1 takes its probabilities as they are"));
        }
        Ok(())
    }

    /// The texts that it alone knows the labels of.
    pub(super) fn texts(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.unlabelled.into_iter().flat_map(|documents| documents.texts.iter().map(String::as_str))
    }

    /// What the student should answer for each text: `[n_texts, n_labels]`, in the order of `labels`.
    ///
    /// # Errors
    /// When the teacher has other labels, its answers cannot be kept, or the user asked to stop.
    pub(super) fn targets(
        &self,
        texts: &[&str],
        targets: &[Target],
        labels: &[String],
        multi_label: bool,
        options: &mut TrainOptions<'_>,
    ) -> Result<Vec<f32>> {
        let its = self.classifier.labels();
        let place = |label: &String| its.iter().position(|other| other == label);
        let places: Option<Vec<usize>> = labels.iter().map(place).collect();
        let Some(places) = places.filter(|places| places.len() == its.len()) else {
            let problem = format!("its labels are {}; those of the documents are {}", listed(its), listed(labels));
            return Err(Error::config("teacher", problem, "give a teacher that was trained on the same labels"));
        };
        if self.classifier.decision().multi_label != multi_label {
            let problem = "one gives any number of labels a document, the other exactly one";
            return Err(Error::config("teacher", problem, "give a teacher that was trained for the same task"));
        }
        let kept = self.kept()?;
        options.prepared(Preparation::TeacherAnswers, 0, texts.len())?;
        let mut soft = Vec::with_capacity(texts.len() * labels.len());
        for (chunk, targets) in texts.chunks(DOCS_AT_A_TIME).zip(targets.chunks(DOCS_AT_A_TIME)) {
            let answers = match &kept {
                Some(kept) => kept.answers(self.classifier, chunk)?,
                None => self.classifier.predict_batch(chunk).probabilities().to_vec(),
            };
            for (row, target) in answers.chunks_exact(labels.len()).zip(targets) {
                let first = soft.len();
                soft.extend(places.iter().map(|&place| row[place]));
                soften(&mut soft[first..], self.temperature, multi_label);
                if *target != Target::Unlabelled {
                    mix(&mut soft[first..], target.as_slice(), self.weight as f32);
                }
            }
            options.prepared(Preparation::TeacherAnswers, soft.len() / labels.len(), texts.len())?;
        }
        Ok(soft)
    }

    fn kept(&self) -> Result<Option<KeptAnswers>> {
        let Some(folder) = self.cache else {
            return Ok(None);
        };
        fs::create_dir_all(folder).map_err(|error| Error::io("create", folder, error))?;
        Ok(Some(KeptAnswers { folder: folder.to_owned(), teacher: artifact::fingerprint(self.classifier)? }))
    }
}

/// Answers on the disk, found by a name that follows from the teacher and the texts.
struct KeptAnswers {
    folder: PathBuf,
    teacher: String,
}

impl KeptAnswers {
    /// The probabilities for some texts, asked for unless they are known.
    fn answers(&self, classifier: &Classifier, texts: &[&str]) -> Result<Vec<f32>> {
        let mut hash = Sha256::new();
        hash.update(&self.teacher);
        for text in texts {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        }
        let name: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let path = self.folder.join(format!("{name}.answers"));
        let n_bytes = texts.len() * classifier.labels().len() * 4;
        match fs::read(&path) {
            Ok(bytes) if bytes.len() == n_bytes => {
                Ok(bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
            }
            _ => {
                let answers = classifier.predict_batch(texts).probabilities().to_vec();
                let bytes: Vec<u8> = answers.iter().flat_map(|p| p.to_le_bytes()).collect();
                write_atomically(&path, |out| out.write_all(&bytes))?;
                Ok(answers)
            }
        }
    }
}

fn soften(row: &mut [f32], temperature: f64, multi_label: bool) {
    if temperature == 1.0 {
        return;
    }
    let power = |p: f32| f64::from(p).max(1e-12).powf(1.0 / temperature);
    if multi_label {
        row.iter_mut().for_each(|p| *p = (power(*p) / (power(*p) + power(1.0 - *p))) as f32);
    } else {
        let sum: f64 = row.iter().map(|&p| power(p)).sum();
        row.iter_mut().for_each(|p| *p = (power(*p) / sum) as f32);
    }
}

/// The weighted mean of the teacher's answer and the label.
fn mix(row: &mut [f32], labels: &[u32], weight: f32) {
    row.iter_mut().for_each(|p| *p *= weight);
    labels.iter().for_each(|&label| row[label as usize] += 1.0 - weight);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_softened_and_mixed_with_labels() {
        let mut row = [0.9, 0.1];
        soften(&mut row, 2.0, false);
        assert!((row[0] - 0.75).abs() < 1e-6 && (row[1] - 0.25).abs() < 1e-6, "{row:?}");
        mix(&mut row, &[1], 0.4);
        assert!((row[0] - 0.3).abs() < 1e-6 && (row[1] - 0.7).abs() < 1e-6, "{row:?}");
        let mut row = [0.9, 0.5];
        soften(&mut row, 2.0, true);
        assert!((row[0] - 0.75).abs() < 1e-6 && (row[1] - 0.5).abs() < 1e-6, "{row:?}");
    }
}
