//! The report: every figure about one set of predictions.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::agreement::{balanced_accuracy, cohen_kappa, matthews};
use super::areas::Areas;
use super::check::check;
use super::counts::{Average, ratio};
use super::decided::Decisions;
use super::probability::{brier_score, log_loss};
use super::ranking::ranking;
use super::undefined::undefined;
use super::{Confusion, Coverage, Intervals, Truth, expected_calibration_error};
use crate::Result;
use crate::classifier::{Decision, most_probable};

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
    /// Mean recall over the labels that occur; one label a document only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balanced_accuracy: Option<f64>,
    /// Matthews correlation of predictions and truth; one label a document only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matthews_correlation: Option<f64>,
    /// Cohen's kappa; `None` when one label only occurs and it alone is predicted, and for multi-label data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cohen_kappa: Option<f64>,
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
    /// Multi-label only: pairs of labels in the wrong order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranking_loss: Option<f64>,
    /// Multi-label only: how far down the list of labels all true ones are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage_error: Option<f64>,
    /// Multi-label only: true labels among those down to each true one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranking_average_precision: Option<f64>,
    /// Multi-label only: whether the most probable label is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision_at_1: Option<f64>,
    /// Multi-label only: the share of true labels among the three most probable; `None` for fewer labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision_at_3: Option<f64>,
    /// Multi-label only: the share of true labels among the five most probable; `None` for fewer labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision_at_5: Option<f64>,
    /// Mean negative log likelihood, natural logarithm.
    pub log_loss: f64,
    /// Mean squared distance of the probabilities from the truth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brier_score: Option<f64>,
    /// Area under the ROC curve; `None` when it is undefined for some label.
    pub auc: Option<f64>,
    /// Mean of the areas weighted by support; for two labels the same as `auc`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weighted_auc: Option<f64>,
    /// Mean average precision over the labels, of two labels that of the second; `None` when a label has no documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_precision: Option<f64>,
    /// Mean average precision over the labels, weighted by support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weighted_average_precision: Option<f64>,
    /// Average precision over all (document, label) pairs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub micro_average_precision: Option<f64>,
    /// Expected calibration error, 15 bins.
    pub calibration_error: f64,
    /// One for each label, in the order of the model.
    pub per_class: Vec<ClassReport>,
    /// What is taken for what; `None` above 4,096 labels.
    pub confusion: Option<Confusion>,
    /// Of a classifier that abstains: how many documents get an answer. All other figures are about all documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Coverage>,
    /// Why figures are missing, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub undefined: BTreeMap<String, String>,
    /// How far figures may be off because the documents are a sample; where they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intervals: Option<Intervals>,
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
    /// Average precision; `None` when no document has this label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_precision: Option<f64>,
    /// The probability from which on it is given, where it has a threshold of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f32>,
}

impl Report {
    /// Compares predictions with the truth.
    ///
    /// `probabilities`: `[n_docs, n_labels]`, row by row. With one label a document the most probable label is
    /// predicted, the first of equal ones; `threshold` has no say. With several labels a document every label whose
    /// probability is at least `threshold` is predicted.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) without documents or labels, when the lengths do not fit, when a true label is outside of
    /// `labels` or a document has no target; [`Error::Train`](crate::Error::Train) when a probability is not in `[0, 1]`, for that comes
    /// from a model that diverged.
    pub fn new(labels: &[String], truth: Truth, probabilities: &[f32], threshold: f32) -> Result<Self> {
        let multi_label = matches!(truth, Truth::Multi(_));
        Self::decided(labels, truth, probabilities, &Decision::plain(multi_label, threshold))
    }

    /// Compares what a decision makes of probabilities with the truth.
    ///
    /// # Errors
    /// As [`Report::new`].
    pub fn decided(labels: &[String], truth: Truth, probabilities: &[f32], decision: &Decision) -> Result<Self> {
        check(labels, truth, probabilities, decision)?;
        let decisions = Decisions::make(labels.len(), truth, probabilities, decision);
        let (n_docs, n_labels) = (truth.n_docs(), labels.len());
        let counts = &decisions.per_label;
        let (macro_mean, weighted) = (Average::macro_mean(counts), Average::weighted_mean(counts));
        let micro = Average::micro(counts);
        let areas = Areas::of(n_labels, truth, probabilities, counts);
        let per_class = labels.iter().zip(counts).enumerate().map(|(i, (label, counts))| ClassReport {
            label: label.clone(),
            precision: counts.precision(),
            recall: counts.recall(),
            f1: counts.f1(),
            support: counts.support,
            auc: areas.per_label[i].0,
            average_precision: areas.per_label[i].1,
            threshold: own_threshold(decision, i),
        });
        let per_class = per_class.collect();
        let ranking = match truth {
            Truth::Multi(targets) => Some(ranking(targets, probabilities, n_labels)),
            Truth::Single(_) => None,
        };
        let multi_label = ranking.is_some();
        let coverage =
            decision.abstain_below.map(|bound| Coverage::of(&answers(truth, probabilities, n_labels, decision), bound));
        let mut report = Self {
            n_docs: n_docs as u64,
            multi_label,
            threshold: (multi_label && decision.thresholds.is_none()).then_some(decision.threshold),
            labels: labels.to_vec(),
            accuracy: ratio(decisions.n_right, n_docs as u64),
            balanced_accuracy: if multi_label { None } else { balanced_accuracy(counts) },
            matthews_correlation: (!multi_label).then(|| matthews(counts)),
            cohen_kappa: if multi_label { None } else { cohen_kappa(counts) },
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
            ranking_loss: ranking.map(|ranking| ranking.loss),
            coverage_error: ranking.map(|ranking| ranking.coverage),
            ranking_average_precision: ranking.map(|ranking| ranking.average_precision),
            precision_at_1: ranking.and_then(|ranking| ranking.precision_at[0]),
            precision_at_3: ranking.and_then(|ranking| ranking.precision_at[1]),
            precision_at_5: ranking.and_then(|ranking| ranking.precision_at[2]),
            log_loss: log_loss(truth, probabilities, n_labels),
            brier_score: Some(brier_score(truth, probabilities, n_labels)),
            auc: areas.auc,
            weighted_auc: areas.weighted_auc,
            average_precision: areas.average_precision,
            weighted_average_precision: areas.weighted_average_precision,
            micro_average_precision: areas.micro_average_precision,
            calibration_error: calibration_error(truth, probabilities, n_labels),
            per_class,
            confusion: decisions.confusion,
            coverage,
            undefined: BTreeMap::new(),
            intervals: None,
        };
        report.undefined = undefined(&report);
        Ok(report)
    }
}

/// The threshold of a label that has one of its own.
fn own_threshold(decision: &Decision, label: usize) -> Option<f32> {
    let positive = decision.positive.filter(|positive| positive.label as usize == label);
    let of_label = decision.thresholds.as_ref().map(|_| decision.threshold_of(label));
    positive.map(|positive| positive.threshold).or(of_label)
}

/// Of each document the confidence, and whether what is decided about it is right.
pub(crate) fn answers(truth: Truth, probabilities: &[f32], n_labels: usize, decision: &Decision) -> Vec<(f32, bool)> {
    let answer = |(doc_idx, row): (usize, &[f32])| {
        let decided = decision.decide(row);
        (decided.confidence, decided.labels == truth.labels_of(doc_idx))
    };
    probabilities.par_chunks_exact(n_labels).enumerate().map(answer).collect()
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
