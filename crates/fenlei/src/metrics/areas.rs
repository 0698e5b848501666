//! Areas under the curves of each label, and their means.

use rayon::prelude::*;

use super::Truth;
use super::counts::Counts;
use super::curves::{areas, average_precision};

/// Areas under ROC curves and average precisions.
pub(super) struct Areas {
    /// One-vs-rest: area under the ROC curve, average precision.
    pub per_label: Vec<(Option<f64>, Option<f64>)>,
    pub auc: Option<f64>,
    pub weighted_auc: Option<f64>,
    pub average_precision: Option<f64>,
    pub weighted_average_precision: Option<f64>,
    pub micro_average_precision: Option<f64>,
}

impl Areas {
    /// `counts` holds the support of each label.
    pub fn of(n_labels: usize, truth: Truth, probabilities: &[f32], counts: &[Counts]) -> Self {
        // Labels are independent, so threads change nothing but the time.
        let of_label = |label: usize| {
            let scores = probabilities.iter().skip(label).step_by(n_labels);
            let truth = (0..truth.n_docs()).map(|doc_idx| truth.labels_of(doc_idx).contains(&(label as u32)));
            areas(scores.copied().zip(truth).collect())
        };
        let per_label: Vec<_> = (0..n_labels).into_par_iter().map(of_label).collect();
        let pairs = probabilities.chunks_exact(n_labels).enumerate().flat_map(|(doc_idx, row)| {
            let labels = truth.labels_of(doc_idx);
            (0..).zip(row).map(move |(label, &p)| (p, labels.contains(&label)))
        });
        let micro_average_precision = average_precision(pairs);
        if let (Truth::Single(_), [_, of_second]) = (truth, &per_label[..]) {
            let (auc, average_precision) = *of_second;
            return Self {
                auc,
                weighted_auc: auc,
                average_precision,
                weighted_average_precision: weighted(&per_label, counts, |label| label.1),
                micro_average_precision,
                per_label,
            };
        }
        Self {
            auc: mean(&per_label, |label| label.0),
            weighted_auc: mean(&per_label, |label| label.0).and(weighted(&per_label, counts, |label| label.0)),
            average_precision: mean(&per_label, |label| label.1),
            weighted_average_precision: weighted(&per_label, counts, |label| label.1),
            micro_average_precision,
            per_label,
        }
    }
}

type OfLabel = (Option<f64>, Option<f64>);

fn mean(per_label: &[OfLabel], of: fn(&OfLabel) -> Option<f64>) -> Option<f64> {
    per_label.iter().map(of).sum::<Option<f64>>().map(|sum| sum / per_label.len() as f64)
}

/// A label without documents weighs nothing.
fn weighted(per_label: &[OfLabel], counts: &[Counts], of: fn(&OfLabel) -> Option<f64>) -> Option<f64> {
    let occurring = || per_label.iter().zip(counts).filter(|(_, counts)| counts.support > 0);
    let sum = occurring().map(|(label, counts)| of(label).map(|x| x * counts.support as f64)).sum::<Option<f64>>()?;
    let total: u64 = occurring().map(|(_, counts)| counts.support).sum();
    (total > 0).then(|| sum / total as f64)
}
