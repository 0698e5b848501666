//! The report: every figure about one set of predictions.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::counts::{Average, Counts, ratio};
use super::probability::log_loss;
use super::{Confusion, Truth, area_under_roc, expected_calibration_error};
use crate::data::Target;
use crate::{Error, Result};

/// Softmax rounds, so a probability may exceed 1 by a little.
const PROBABILITY_TOLERANCE: f32 = 1e-5;

/// How good a set of predictions is. The [module](super) says what each figure means, also for JSON;
/// `Display` gives a table for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// Number of documents.
    pub n_docs: u64,
    /// Whether a document may have any number of labels.
    pub multi_label: bool,
    /// Multi-label only: a label is predicted when its probability is at least this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f32>,
    /// The labels' names, in the order of the model.
    pub labels: Vec<String>,
    /// Share of documents predicted right; multi-label: with exactly the right set.
    pub accuracy: f64,
    /// Mean precision over the labels.
    pub macro_precision: f64,
    /// Mean recall over the labels.
    pub macro_recall: f64,
    /// Mean F1 over the labels.
    pub macro_f1: f64,
    /// Mean precision over the labels, weighted by support.
    pub weighted_precision: f64,
    /// Mean recall over the labels, weighted by support.
    pub weighted_recall: f64,
    /// Mean F1 over the labels, weighted by support.
    pub weighted_f1: f64,
    /// Precision over all decisions at once.
    pub micro_precision: f64,
    /// Recall over all decisions at once.
    pub micro_recall: f64,
    /// F1 over all decisions at once.
    pub micro_f1: f64,
    /// Multi-label only: mean over the documents of the F1 of their label sets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples_f1: Option<f64>,
    /// Multi-label only: share of wrong (document, label) decisions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hamming_loss: Option<f64>,
    /// Mean negative log likelihood, natural logarithm.
    pub log_loss: f64,
    /// Area under the ROC curve; `None` when it is undefined for some label.
    pub auc: Option<f64>,
    /// Expected calibration error, 15 bins.
    pub calibration_error: f64,
    /// One for each label, in the order of the model.
    pub per_class: Vec<ClassReport>,
    /// What is taken for what; `None` above 4,096 labels.
    pub confusion: Option<Confusion>,
}

/// How good the predictions of one label are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClassReport {
    /// Its name.
    pub label: String,
    /// Right among the predicted, 0 when it was never predicted.
    pub precision: f64,
    /// Found among the documents with this label, 0 when there are none.
    pub recall: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
    /// Number of documents with this label.
    pub support: u64,
    /// Area under the one-vs-rest ROC curve; `None` when no document, or every document, has this label.
    pub auc: Option<f64>,
}

impl Report {
    /// Compares predictions with the truth.
    ///
    /// `probabilities`: `[n_docs, n_labels]`, row by row. With one label a document the most probable label is
    /// predicted, the first of equal ones; `threshold` has no say. With several labels a document every label whose
    /// probability is at least `threshold` is predicted.
    ///
    /// # Errors
    /// [`Error::Config`] without documents or labels, when the lengths do not fit, when a true label is outside of
    /// `labels` or a document has no target; [`Error::Train`] when a probability is not in `[0, 1]`, for that comes
    /// from a model that diverged.
    pub fn new(labels: &[String], truth: Truth, probabilities: &[f32], threshold: f32) -> Result<Self> {
        check(labels, truth, probabilities, threshold)?;
        let decisions = Decisions::make(labels.len(), truth, probabilities, threshold);
        let (n_docs, n_labels) = (truth.n_docs(), labels.len());
        let counts = &decisions.per_label;
        let (macro_mean, weighted) = (Average::macro_mean(counts), Average::weighted_mean(counts));
        let micro = Average::micro(counts);
        let areas = areas_under_roc(n_labels, truth, probabilities);
        let per_class = labels
            .iter()
            .zip(counts.iter().zip(&areas))
            .map(|(label, (counts, &auc))| ClassReport {
                label: label.clone(),
                precision: counts.precision(),
                recall: counts.recall(),
                f1: counts.f1(),
                support: counts.support,
                auc,
            })
            .collect();
        let auc = match (truth, &areas[..]) {
            (Truth::Single(_), [_, of_second]) => *of_second,
            // One label that every document has: nothing to tell apart.
            _ => areas.iter().copied().sum::<Option<f64>>().map(|sum| sum / n_labels as f64),
        };
        let multi_label = matches!(truth, Truth::Multi(_));
        Ok(Self {
            n_docs: n_docs as u64,
            multi_label,
            threshold: multi_label.then_some(threshold),
            labels: labels.to_vec(),
            accuracy: ratio(decisions.n_right, n_docs as u64),
            macro_precision: macro_mean.precision,
            macro_recall: macro_mean.recall,
            macro_f1: macro_mean.f1,
            weighted_precision: weighted.precision,
            weighted_recall: weighted.recall,
            weighted_f1: weighted.f1,
            micro_precision: micro.precision,
            micro_recall: micro.recall,
            micro_f1: micro.f1,
            samples_f1: multi_label.then(|| decisions.sum_of_f1 / n_docs as f64),
            hamming_loss: multi_label.then(|| ratio(decisions.n_wrong_pairs, n_docs as u64 * n_labels as u64)),
            log_loss: log_loss(truth, probabilities, n_labels),
            auc,
            calibration_error: calibration_error(truth, probabilities, n_labels),
            per_class,
            confusion: decisions.confusion,
        })
    }
}

/// The predicted label of one document: the most probable one, the first of equal ones.
fn most_probable(row: &[f32]) -> usize {
    let mut best = 0;
    for (label, probability) in row.iter().enumerate() {
        if *probability > row[best] {
            best = label;
        }
    }
    best
}

fn check(labels: &[String], truth: Truth, probabilities: &[f32], threshold: f32) -> Result<()> {
    let refuse = |problem: String, help: &str| Err(Error::config("evaluation", problem, help));
    let (n_docs, n_labels) = (truth.n_docs(), labels.len());
    if n_docs == 0 {
        return refuse("there are no documents".into(), "give at least one labelled document");
    }
    if n_labels == 0 {
        return refuse("there are no labels".into(), "evaluate with a model that has labels");
    }
    if n_docs.checked_mul(n_labels) != Some(probabilities.len()) {
        return refuse(
            format!(
                "{} probabilities for {n_docs} documents and {n_labels} labels, expected one for each pair",
                probabilities.len()
            ),
            "predict the same documents that the truth is about",
        );
    }
    if !(0.0..=1.0).contains(&threshold) {
        return refuse(format!("the threshold is {threshold}"), "choose one between 0 and 1");
    }
    for doc_idx in 0..n_docs {
        if let Some(label) = truth.labels_of(doc_idx).iter().find(|&&label| label as usize >= n_labels) {
            return refuse(
                format!("document {} has label number {label} of {n_labels} labels (counted from 0)", doc_idx + 1),
                "map the labels of the data to those of the model first",
            );
        }
        if matches!(truth, Truth::Multi(targets) if targets[doc_idx] == Target::Unlabelled) {
            return refuse(format!("document {} is not labelled", doc_idx + 1), "evaluate on labelled documents only");
        }
    }
    let possible = -PROBABILITY_TOLERANCE..=1.0 + PROBABILITY_TOLERANCE;
    if let Some(index) = probabilities.iter().position(|probability| !possible.contains(probability)) {
        return Err(Error::train(
            format!(
                "the model gives document {} the probability {} for the label {:?}, expected 0 to 1",
                index / n_labels + 1,
                probabilities[index],
                labels[index % n_labels]
            ),
            "it has diverged: train again with a lower learning rate",
        ));
    }
    Ok(())
}

/// What was predicted, counted.
struct Decisions {
    per_label: Vec<Counts>,
    confusion: Option<Confusion>,
    /// Documents predicted exactly right.
    n_right: u64,
    /// Wrong (document, label) decisions; multi-label only.
    n_wrong_pairs: u64,
    /// Sum over the documents of the F1 of their sets; multi-label only.
    sum_of_f1: f64,
}

impl Decisions {
    fn make(n_labels: usize, truth: Truth, probabilities: &[f32], threshold: f32) -> Self {
        let rows = probabilities.chunks_exact(n_labels);
        match truth {
            Truth::Single(labels) => Self::single(n_labels, labels, rows),
            Truth::Multi(targets) => Self::multi(n_labels, targets, rows, threshold),
        }
    }

    fn single<'a>(n_labels: usize, truth: &[u32], rows: impl Iterator<Item = &'a [f32]>) -> Self {
        let mut per_label = vec![Counts::default(); n_labels];
        let mut matrix = Confusion::for_labels(n_labels);
        let mut n_right = 0;
        for (&label, row) in truth.iter().zip(rows) {
            let (label, predicted) = (label as usize, most_probable(row));
            per_label[label].support += 1;
            per_label[predicted].predicted += 1;
            if label == predicted {
                per_label[label].true_positives += 1;
                n_right += 1;
            }
            if let Some(matrix) = &mut matrix {
                matrix[label][predicted] += 1;
            }
        }
        let confusion = matrix.map(Confusion::Single);
        Self { per_label, confusion, n_right, n_wrong_pairs: 0, sum_of_f1: 0.0 }
    }

    fn multi<'a>(n_labels: usize, truth: &[Target], rows: impl Iterator<Item = &'a [f32]>, threshold: f32) -> Self {
        let mut per_label = vec![Counts::default(); n_labels];
        let (mut n_right, mut n_wrong_pairs, mut sum_of_f1) = (0, 0, 0.0);
        let mut is_true = vec![false; n_labels];
        for (target, row) in truth.iter().zip(rows) {
            is_true.fill(false);
            target.as_slice().iter().for_each(|&label| is_true[label as usize] = true);
            let mut document = Counts::default();
            for ((&probability, &truth), label) in row.iter().zip(&is_true).zip(&mut per_label) {
                document.add(probability >= threshold, truth);
                label.add(probability >= threshold, truth);
            }
            let n_wrong = document.predicted + document.support - 2 * document.true_positives;
            n_right += u64::from(n_wrong == 0);
            n_wrong_pairs += n_wrong;
            sum_of_f1 += document.f1();
        }
        let matrices = per_label.iter().map(|counts| counts.matrix(truth.len() as u64)).collect();
        Self { per_label, confusion: Some(Confusion::Multi(matrices)), n_right, n_wrong_pairs, sum_of_f1 }
    }
}

/// One-vs-rest area for each label. Labels are independent, so threads change nothing but the time.
fn areas_under_roc(n_labels: usize, truth: Truth, probabilities: &[f32]) -> Vec<Option<f64>> {
    let area = |label: usize| {
        let scores = probabilities.iter().skip(label).step_by(n_labels);
        let truth = (0..truth.n_docs()).map(|doc_idx| truth.labels_of(doc_idx).contains(&(label as u32)));
        area_under_roc(scores.copied().zip(truth))
    };
    (0..n_labels).into_par_iter().map(area).collect()
}

fn calibration_error(truth: Truth, probabilities: &[f32], n_labels: usize) -> f64 {
    let rows = probabilities.chunks_exact(n_labels).enumerate();
    match truth {
        Truth::Single(labels) => expected_calibration_error(rows.map(|(doc_idx, row)| {
            let predicted = most_probable(row);
            (row[predicted], predicted == labels[doc_idx] as usize)
        })),
        Truth::Multi(_) => expected_calibration_error(rows.flat_map(|(doc_idx, row)| {
            let is_true = move |label: usize| truth.labels_of(doc_idx).contains(&(label as u32));
            row.iter().enumerate().map(move |(label, &probability)| (probability, is_true(label)))
        })),
    }
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
