//! Two classifiers on the same documents: is the second better than the first, or was it luck?

use std::path::Path;

use serde::Serialize;

use super::{Comparison, compare, given_labels};
use crate::classifier::Classifier;
use crate::data::{Dataset, Target};
use crate::metrics::{Difference, McNemar, Outcomes, Report, Resampling, align_labels, differences, mcnemar};
use crate::{Error, Result};

/// What two classifiers make of the documents that both can be right about.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct TwoModels {
    /// How many documents.
    pub n_docs: u64,
    /// Documents that were left out: without a label, or with one that either model does not know.
    pub n_left_out: u64,
    /// Of the first model.
    pub report_a: Report,
    /// Of the second model.
    pub report_b: Report,
    /// The second less the first, figure by figure.
    pub differences: Vec<Difference>,
    /// Resamples behind the intervals and their p-values.
    pub resamples: u32,
    /// Documents that both have right.
    pub both_right: u64,
    /// Documents that neither has right.
    pub neither_right: u64,
    /// Documents that one of them has right, and what follows from their numbers.
    pub mcnemar: McNemar,
    #[serde(skip)]
    disagreeing: [Vec<usize>; 2],
    #[serde(skip)]
    comparisons: [Comparison; 2],
    /// Which of the data set the documents are.
    #[serde(skip)]
    documents: Vec<usize>,
}

/// One of the two classifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The first.
    A,
    /// The second.
    B,
}

/// A document that only one of the two has right.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Disagreement<'a> {
    /// Which, from 1, in the order of the data.
    pub document: usize,
    /// Who has it right.
    pub right: Side,
    /// Its labels.
    pub truth: Vec<&'a str>,
    /// What the first classifier gives.
    pub a: Vec<&'a str>,
    /// What the second classifier gives.
    pub b: Vec<&'a str>,
    /// The document itself.
    pub text: &'a str,
}

/// Predicts `documents` (of the file `path`, for messages) with both classifiers. Where one would abstain, what it
/// would have said is compared.
///
/// # Errors
/// [`Error::Data`] when no document has labels that both know; [`Error::Config`] when only one of the two gives
/// several labels a document, and for too few resamples.
pub fn compare_models(
    a: &Classifier,
    b: &Classifier,
    documents: &Dataset,
    path: &Path,
    resampling: Resampling,
) -> Result<TwoModels> {
    if a.decision().multi_label != b.decision().multi_label {
        let problem = "one model gives each document one label, the other one any number";
        return Err(Error::config("comparison", problem, "compare models of the same kind"));
    }
    let common = known_to_both(a, b, documents)?;
    if common.is_empty() {
        let problem = "no document has labels that both models know";
        let help = "compare models with the same labels, on documents with these labels";
        return Err(Error::data(path, None, problem, help));
    }
    let n_left_out = documents.len() - common.len();
    let subset;
    // The usual case needs no copy of all texts.
    let of_both = if n_left_out == 0 {
        documents
    } else {
        subset = documents.subset(&common);
        &subset
    };
    let comparisons = [compare(a, of_both, path)?, compare(b, of_both, path)?];
    let outcomes: [Outcomes; 2] = [comparisons[0].outcomes(a)?, comparisons[1].outcomes(b)?];
    let (mut both_right, mut neither_right, mut disagreeing) = (0, 0, [Vec::new(), Vec::new()]);
    for doc in 0..common.len() {
        match (outcomes[0].is_right(doc), outcomes[1].is_right(doc)) {
            (true, true) => both_right += 1,
            (false, false) => neither_right += 1,
            (true, false) => disagreeing[0].push(doc),
            (false, true) => disagreeing[1].push(doc),
        }
    }
    Ok(TwoModels {
        n_docs: common.len() as u64,
        n_left_out: n_left_out as u64,
        report_a: comparisons[0].report.clone(),
        report_b: comparisons[1].report.clone(),
        differences: differences(&outcomes[0], &outcomes[1], resampling)?,
        resamples: resampling.n,
        both_right,
        neither_right,
        mcnemar: mcnemar(disagreeing[0].len() as u64, disagreeing[1].len() as u64),
        disagreeing,
        comparisons,
        documents: common,
    })
}

/// The documents that carry labels which both models know.
fn known_to_both(a: &Classifier, b: &Classifier, documents: &Dataset) -> Result<Vec<usize>> {
    let of = |classifier: &Classifier| align_labels(classifier.labels(), &documents.labels, &documents.targets);
    let (of_a, of_b) = (of(a)?, of(b)?);
    let is_known = |target: &Target| of_a.target(target).is_some() && of_b.target(target).is_some();
    Ok((0..documents.len()).filter(|&doc_idx| is_known(&documents.targets[doc_idx])).collect())
}

impl TwoModels {
    /// The first `n` documents that only one of the two has right, for each of them.
    pub fn disagreements<'a>(
        &self,
        a: &'a Classifier,
        b: &'a Classifier,
        documents: &'a Dataset,
        n: usize,
    ) -> Vec<Disagreement<'a>> {
        let given = |classifier: &'a Classifier, side: usize, doc: usize| -> Vec<&'a str> {
            let labels = classifier.labels();
            let row = &self.comparisons[side].probabilities[doc * labels.len()..][..labels.len()];
            given_labels(classifier, row).iter().map(|&label| labels[label as usize].as_str()).collect()
        };
        let mut shown = Vec::new();
        for (right, docs) in [Side::A, Side::B].into_iter().zip(&self.disagreeing) {
            for &doc in docs.iter().take(n) {
                let doc_idx = self.documents[doc];
                let truth = documents.targets[doc_idx].as_slice();
                shown.push(Disagreement {
                    document: doc_idx + 1,
                    right,
                    truth: truth.iter().map(|&label| documents.labels[label as usize].as_str()).collect(),
                    a: given(a, 0, doc),
                    b: given(b, 1, doc),
                    text: &documents.texts[doc_idx],
                });
            }
        }
        shown
    }
}
