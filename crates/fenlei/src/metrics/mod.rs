//! How good predictions are: one [`Report`], the same for every model and every front end. How good clusters are:
//! [`ClusterAgreement`] with labels, and the [`Silhouette`] without.
//!
//! Invariant: every figure equals scikit-learn's with `zero_division=0` and with all of the model's labels given, to
//! 1e-9 (`testdata/make_metrics_golden.py` writes the cases that the tests compare with). Sums are taken in one fixed
//! order, so that the same predictions give the same bytes for any number of threads.
//!
//! # The report as JSON
//!
//! `fenlei eval --json` prints one object, which is [`Report`] as serde writes it:
//!
//! | Key | Value |
//! | --- | --- |
//! | `n_docs` | number of documents |
//! | `multi_label` | `true` when a document may have any number of labels |
//! | `threshold` | multi-label only: a label is predicted when its probability is at least this |
//! | `labels` | array of the labels' names, in the order of the model |
//! | `accuracy` | share of documents predicted right; multi-label: with exactly the right set (subset accuracy) |
//! | `balanced_accuracy`, `matthews_correlation`, `cohen_kappa` | one label a document only: agreement beyond the shares of the labels |
//! | `macro_precision`, `macro_recall`, `macro_f1` | plain mean over the labels; absent and never predicted ones are 0 |
//! | `weighted_precision`, `weighted_recall`, `weighted_f1` | mean over the labels, weighted by support |
//! | `micro_precision`, `micro_recall`, `micro_f1` | over all decisions at once; single-label: all equal the accuracy |
//! | `samples_f1` | multi-label only: mean over the documents of the F1 of their sets |
//! | `hamming_loss` | multi-label only: share of wrong (document, label) decisions |
//! | `ranking_loss`, `coverage_error`, `ranking_average_precision` | multi-label only: whether true labels stand above false ones |
//! | `precision_at_1`, `precision_at_3`, `precision_at_5` | multi-label only: true labels among the most probable |
//! | `log_loss` | mean negative log likelihood, natural logarithm; multi-label: mean over (document, label) pairs |
//! | `brier_score` | mean squared distance of the probabilities from the truth |
//! | `auc`, `weighted_auc` | area under the ROC curve; `null` or absent when a class has no documents, or has all of them |
//! | `average_precision`, `weighted_average_precision`, `micro_average_precision` | area under the precision–recall curve, by steps |
//! | `calibration_error` | expected calibration error with 15 bins, see [`expected_calibration_error`] |
//! | `per_class` | array, one for each label: `{label, precision, recall, f1, support, auc, average_precision, threshold}` |
//! | `confusion` | matrix, rows = truth, columns = predicted; multi-label: for each label `[[tn, fp], [fn, tp]]`; `null` above 4,096 labels |
//! | `coverage` | of a model that abstains: `{abstain_below, n_covered, coverage, accuracy}` |
//! | `undefined` | why figures are absent, by their names |
//! | `intervals` | where asked for: `{level, resamples, seed, figures: {NAME: {low, high}}}` |
//!
//! `auc` is that of the second label for two labels; for more labels the plain mean over one-vs-rest
//! (`roc_auc_score(multi_class="ovr", average="macro")`); for multi-label data the plain mean over the labels.
//! The `auc` in `per_class` is one-vs-rest and `null` where that label is undefined. `docs/evaluation.md` gives every
//! formula.

mod agreement;
mod alignment;
mod areas;
mod bootstrap;
mod check;
mod clustering;
mod confusion;
mod counts;
mod coverage;
mod curves;
mod decided;
mod figure;
mod mcnemar;
mod outcomes;
mod probability;
mod ranking;
mod report;
mod share;
mod silhouette;
mod table;
mod tuning;
mod undefined;

pub use alignment::{LabelAlignment, UnknownLabel, align_labels};
pub use bootstrap::{DEFAULT_RESAMPLES, Difference, Interval, Intervals, Resampling, differences, intervals};
pub use clustering::ClusterAgreement;
pub use confusion::Confusion;
pub use coverage::{Coverage, CoveragePoint, coverage_curve};
pub use curves::{
    PrecisionRecallCurve, RocCurve, area_under_roc, average_precision, precision_recall_curve, roc_curve,
};
pub use figure::Figure;
pub use mcnemar::{McNemar, mcnemar};
pub use outcomes::Outcomes;
pub use probability::expected_calibration_error;
pub use report::{ClassReport, Report};
pub use share::wilson_interval;
pub use silhouette::{Silhouette, silhouette, silhouette_of_vectors};
pub use tuning::{Goal, Scored, tune_threshold};

pub(crate) use coverage::{most_accurate, most_covered};
pub(crate) use report::answers;

use crate::data::Target;

/// What is right, for each document, as indices into the model's labels.
#[derive(Debug, Clone, Copy)]
pub enum Truth<'a> {
    /// Exactly one label for each document.
    Single(&'a [u32]),
    /// Any number of labels for each document; [`Target::Unlabelled`] is refused, an empty set is `Target::Many`.
    Multi(&'a [Target]),
}

impl Truth<'_> {
    /// Number of documents.
    pub fn n_docs(&self) -> usize {
        match self {
            Self::Single(labels) => labels.len(),
            Self::Multi(targets) => targets.len(),
        }
    }

    /// The labels of one document.
    fn labels_of(&self, doc_idx: usize) -> &[u32] {
        match self {
            Self::Single(labels) => std::slice::from_ref(&labels[doc_idx]),
            Self::Multi(targets) => targets[doc_idx].as_slice(),
        }
    }
}
