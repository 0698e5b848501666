//! The documents of a data set that a model can be measured on.

use std::path::Path;

use crate::classifier::Classifier;
use crate::data::{Dataset, Target};
use crate::metrics::{Truth, UnknownLabel, align_labels};
use crate::{Error, Result};

/// Documents that are predicted at a time: enough work for all threads, while memory stays bounded.
const DOCS_AT_A_TIME: usize = 8192;

/// Documents with labels that the model knows.
#[derive(Debug)]
pub(super) struct Labelled {
    /// As indices into the data set.
    pub documents: Vec<usize>,
    /// Their labels in the model's numbers.
    pub targets: Vec<Target>,
    /// Labels that the model does not know, with their documents, which were left out.
    pub unknown: Vec<UnknownLabel>,
    /// Documents without a label, which were left out.
    pub n_unlabelled: usize,
}

impl Labelled {
    /// The documents of `data` (of the file `path`, for messages) that `classifier` can be right about.
    pub fn of(classifier: &Classifier, data: &Dataset, path: &Path) -> Result<Self> {
        let labels = classifier.labels();
        let multi_label = classifier.decision().multi_label;
        let alignment = align_labels(labels, &data.labels, &data.targets)?;
        let mut documents = Vec::with_capacity(data.len());
        let mut targets = Vec::with_capacity(data.len());
        for (doc_idx, target) in data.targets.iter().enumerate() {
            let Some(target) = alignment.target(target) else { continue };
            targets.push(match (multi_label, target.as_slice()) {
                (true, labels) => Target::many(labels.to_vec()),
                (false, &[label]) => Target::One(label),
                (false, labels) => {
                    let problem =
                        format!("document {} has {} labels, but the model gives one", doc_idx + 1, labels.len());
                    let help = "measure on documents with one label each, or train on documents with several";
                    return Err(Error::data(path, None, problem, help));
                }
            });
            documents.push(doc_idx);
        }
        if documents.is_empty() {
            let problem = format!("no document has a label that the model knows ({})", labels.join(", "));
            return Err(Error::data(path, None, problem, "measure on documents with the labels of the training"));
        }
        let n_unlabelled = data.targets.iter().filter(|target| **target == Target::Unlabelled).count();
        Ok(Self { documents, targets, unknown: alignment.unknown, n_unlabelled })
    }

    /// What `predict` gives for each document, `[documents.len(), n_labels]`; it is called with a part of the texts.
    pub fn predict(&self, data: &Dataset, mut predict: impl FnMut(&[&str], &mut Vec<f32>)) -> Vec<f32> {
        let mut probabilities = Vec::new();
        for some in self.documents.chunks(DOCS_AT_A_TIME) {
            let texts: Vec<&str> = some.iter().map(|&doc_idx| data.texts[doc_idx].as_str()).collect();
            predict(&texts, &mut probabilities);
        }
        probabilities
    }
}

/// Calls `with` with the targets as the truth about a model.
pub(crate) fn with_truth<R>(targets: &[Target], multi_label: bool, with: impl FnOnce(Truth<'_>) -> R) -> R {
    if multi_label {
        return with(Truth::Multi(targets));
    }
    let truth: Vec<u32> = targets.iter().flat_map(Target::as_slice).copied().collect();
    with(Truth::Single(&truth))
}
