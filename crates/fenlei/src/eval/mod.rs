//! Predictions beside the truth: a classifier over labelled documents, two classifiers over the same documents, a plan over
//! the folds of them, and what a classifier should decide, chosen on documents it has not learned from.

mod calibrate;
mod cross_validation;
mod documents;
mod spread;
mod two_models;

use std::path::Path;

use serde::Serialize;

pub use calibrate::{Abstain, Calibrated, CalibrationSpec, Method, calibrate};
pub use cross_validation::{CrossValidated, CvOptions, FoldOutcome, Inner, cross_validate};
pub use spread::Spread;
pub use two_models::{Disagreement, Side, TwoModels, compare_models};

use crate::Result;
use crate::classifier::Classifier;
use crate::data::{Dataset, Target};
use crate::metrics::{CoveragePoint, Outcomes, Report, Resampling, UnknownLabel, answers, coverage_curve, intervals};
use documents::Labelled;
pub(crate) use documents::with_truth;

/// What a classifier makes of labelled documents.
#[derive(Debug)]
pub struct Comparison {
    /// Every figure.
    pub report: Report,
    /// Labels that the model does not know, with their documents, which were left out.
    pub unknown: Vec<UnknownLabel>,
    /// Documents without a label, which were left out.
    pub n_unlabelled: usize,
    /// The documents that were predicted, as indices into the data set.
    documents: Vec<usize>,
    /// Their labels in the model's numbers.
    pub(crate) targets: Vec<Target>,
    /// `[documents.len(), n_labels]`.
    pub(crate) probabilities: Vec<f32>,
}

/// A document that was predicted wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mistake<'a> {
    /// Which, from 1, in the order of the data.
    pub document: usize,
    /// Its labels.
    pub truth: Vec<&'a str>,
    /// The labels that it was given.
    pub predicted: Vec<&'a str>,
    /// The probability of the truth: the smaller, the surer the model was of its error.
    pub score_of_truth: f32,
    /// The document itself.
    pub text: &'a str,
}

/// Predicts `documents` (of the file `path`, for messages) and compares with their labels.
///
/// # Errors
/// [`Error::Data`](crate::Error::Data) when nothing is left to compare, or when documents have several labels and the model gives one.
pub fn compare(classifier: &Classifier, documents: &Dataset, path: &Path) -> Result<Comparison> {
    let labelled = Labelled::of(classifier, documents, path)?;
    let probabilities = labelled.predict(documents, |texts, probabilities| {
        probabilities.extend_from_slice(classifier.predict_batch(texts).probabilities());
    });
    let (labels, decision) = (classifier.labels(), classifier.decision());
    let Labelled { documents, targets, unknown, n_unlabelled } = labelled;
    let report =
        with_truth(&targets, decision.multi_label, |truth| Report::decided(labels, truth, &probabilities, decision))?;
    Ok(Comparison { report, unknown, n_unlabelled, documents, targets, probabilities })
}

impl Comparison {
    /// Adds to the report how far its figures may be off.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for fewer than 100 resamples.
    pub fn add_intervals(&mut self, classifier: &Classifier, resampling: Resampling) -> Result<()> {
        self.report.intervals = Some(intervals(&self.outcomes(classifier)?, resampling)?);
        Ok(())
    }

    /// What `classifier`, whose comparison this is, decided about each document.
    ///
    /// # Errors
    /// When the classifier is another one.
    pub fn outcomes(&self, classifier: &Classifier) -> Result<Outcomes> {
        let decision = classifier.decision();
        with_truth(&self.targets, decision.multi_label, |truth| {
            Outcomes::new(classifier.labels(), truth, &self.probabilities, decision)
        })
    }

    /// What abstaining below each confidence would give.
    pub fn coverage_curve(&self, classifier: &Classifier) -> Vec<CoveragePoint> {
        let decision = classifier.decision();
        let n_labels = classifier.labels().len().max(1);
        with_truth(&self.targets, decision.multi_label, |truth| {
            coverage_curve(&answers(truth, &self.probabilities, n_labels, decision))
        })
    }

    /// The documents that were predicted, as indices into the data set.
    pub fn documents(&self) -> &[usize] {
        &self.documents
    }

    /// Their labels in the model's numbers.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// Their probabilities, `[documents, labels]`.
    pub fn probabilities(&self) -> &[f32] {
        &self.probabilities
    }

    /// The errors of which the model was surest, worst first, at most `n`.
    pub fn worst_mistakes<'a>(&self, classifier: &'a Classifier, documents: &'a Dataset, n: usize) -> Vec<Mistake<'a>> {
        if n == 0 {
            return Vec::new();
        }
        let labels = classifier.labels();
        let rows = self.probabilities.chunks_exact(labels.len().max(1));
        let named = |labels_of: &[u32]| labels_of.iter().map(|&label| labels[label as usize].as_str()).collect();
        let mut mistakes: Vec<Mistake<'a>> = Vec::new();
        for ((&doc_idx, target), row) in self.documents.iter().zip(&self.targets).zip(rows) {
            let predicted = given_labels(classifier, row);
            if predicted == target.as_slice() {
                continue;
            }
            mistakes.push(Mistake {
                document: doc_idx + 1,
                truth: named(target.as_slice()),
                predicted: named(&predicted),
                score_of_truth: score_of(row, target.as_slice()),
                text: &documents.texts[doc_idx],
            });
        }
        mistakes.sort_by(|a, b| a.score_of_truth.total_cmp(&b.score_of_truth).then(a.document.cmp(&b.document)));
        mistakes.truncate(n);
        mistakes
    }
}

/// The labels that a classifier gives for a row of probabilities, ascending; also where it abstains.
pub fn given_labels(classifier: &Classifier, row: &[f32]) -> Vec<u32> {
    classifier.decision().decide(row).labels
}

/// How probable the truth was. Of several labels, the decision that was worst.
fn score_of(row: &[f32], truth: &[u32]) -> f32 {
    match truth {
        &[label] => row[label as usize],
        truth => {
            let right = (0..).zip(row).map(|(label, p)| if truth.contains(&label) { *p } else { 1.0 - p });
            right.fold(1.0, f32::min)
        }
    }
}
