//! Predictions beside the truth: a classifier over labelled documents.

use std::path::Path;

use serde::Serialize;

use crate::classifier::Classifier;
use crate::data::{Dataset, Target};
use crate::metrics::{Report, Truth, UnknownLabel, align_labels};
use crate::{Error, Result};

/// Documents that are predicted at a time: enough work for all threads, while memory stays bounded.
const DOCS_AT_A_TIME: usize = 8192;

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
    targets: Vec<Target>,
    /// `[documents.len(), n_labels]`.
    probabilities: Vec<f32>,
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
/// [`Error::Data`] when nothing is left to compare, or when documents have several labels and the model gives one.
pub fn compare(classifier: &Classifier, documents: &Dataset, path: &Path) -> Result<Comparison> {
    let labels = classifier.labels();
    let multi_label = classifier.decision().multi_label;
    let alignment = align_labels(labels, &documents.labels, &documents.targets)?;
    let mut kept = Vec::with_capacity(documents.len());
    let mut targets = Vec::with_capacity(documents.len());
    for (doc_idx, target) in documents.targets.iter().enumerate() {
        let Some(target) = alignment.target(target) else { continue };
        targets.push(match (multi_label, target.as_slice()) {
            (true, labels) => Target::many(labels.to_vec()),
            (false, &[label]) => Target::One(label),
            (false, labels) => {
                let problem = format!("document {} has {} labels, but the model gives one", doc_idx + 1, labels.len());
                let help = "measure on documents with one label each, or train on documents with several";
                return Err(Error::data(path, None, problem, help));
            }
        });
        kept.push(doc_idx);
    }
    if kept.is_empty() {
        let problem = format!("no document has a label that the model knows ({})", labels.join(", "));
        return Err(Error::data(path, None, problem, "measure on documents with the labels of the training"));
    }
    let mut probabilities = Vec::with_capacity(kept.len() * labels.len());
    for some in kept.chunks(DOCS_AT_A_TIME) {
        let texts: Vec<&str> = some.iter().map(|&doc_idx| documents.texts[doc_idx].as_str()).collect();
        probabilities.extend_from_slice(classifier.predict_batch(&texts).probabilities());
    }
    let threshold = classifier.decision().threshold;
    let report = if multi_label {
        Report::new(labels, Truth::Multi(&targets), &probabilities, threshold)?
    } else {
        let truth: Vec<u32> = targets.iter().flat_map(Target::as_slice).copied().collect();
        Report::new(labels, Truth::Single(&truth), &probabilities, threshold)?
    };
    let n_unlabelled = documents.targets.iter().filter(|target| **target == Target::Unlabelled).count();
    Ok(Comparison { report, unknown: alignment.unknown, n_unlabelled, documents: kept, targets, probabilities })
}

impl Comparison {
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

/// The labels that a classifier gives for a row of probabilities, ascending.
pub fn given_labels(classifier: &Classifier, row: &[f32]) -> Vec<u32> {
    let decision = classifier.decision();
    if decision.multi_label {
        return (0..).zip(row).filter(|(_, p)| **p >= decision.threshold).map(|(label, _)| label).collect();
    }
    let best = row.iter().enumerate().reduce(|best, other| if other.1 > best.1 { other } else { best });
    best.map(|(label, _)| label as u32).into_iter().collect()
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
