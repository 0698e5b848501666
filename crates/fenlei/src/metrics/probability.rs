//! How good the probabilities themselves are: log loss, Brier score and calibration.

use super::Truth;

/// Width 1/15, the number of bins of Guo et al. 2017, "On Calibration of Modern Neural Networks".
const N_BINS: usize = 15;

/// Mean negative log likelihood, natural logarithm.
///
/// Probabilities are taken to f64 first, then clipped to `[eps, 1 - eps]` with the eps of f64, so that a certain error
/// costs 36.04 rather than infinity. As in scikit-learn since 1.5, rows are not renormalised to a sum of 1. For
/// multi-label data each (document, label) pair is one binary decision, and the mean is over all of them, which is
/// scikit-learn's `log_loss(truth.ravel(), probabilities.ravel())`.
///
/// `probabilities`: `[n_docs, n_labels]`, lengths checked by the caller.
pub(super) fn log_loss(truth: Truth, probabilities: &[f32], n_labels: usize) -> f64 {
    let multi_label = matches!(truth, Truth::Multi(_));
    let rows = probabilities.chunks_exact(n_labels).enumerate();
    let sum: f64 = rows.map(|(doc_idx, row)| log_loss_of(truth.labels_of(doc_idx), row, multi_label)).sum();
    let n_decisions = if multi_label { truth.n_docs() * n_labels } else { truth.n_docs() };
    sum / n_decisions as f64
}

/// Brier score (Brier 1950): mean squared distance of the probabilities from the truth, which is scikit-learn's
/// `brier_score_loss`. With two labels it is that of the second, half of the sum over both; with more the sum over the
/// labels; for multi-label data the mean over (document, label) pairs.
///
/// `probabilities`: `[n_docs, n_labels]`, lengths checked by the caller.
pub(super) fn brier_score(truth: Truth, probabilities: &[f32], n_labels: usize) -> f64 {
    let rows = probabilities.chunks_exact(n_labels).enumerate();
    let sum: f64 = rows.map(|(doc_idx, row)| squared_distance(truth.labels_of(doc_idx), row)).sum();
    let n_docs = truth.n_docs() as f64;
    match truth {
        Truth::Single(_) if n_labels == 2 => sum / 2.0 / n_docs,
        Truth::Single(_) => sum / n_docs,
        Truth::Multi(_) => sum / (n_docs * n_labels as f64),
    }
}

/// Of the probabilities of one document from 1 for its labels and 0 for the others.
pub(super) fn squared_distance(truth: &[u32], row: &[f32]) -> f64 {
    let square = |(label, &p): (u32, &f32)| {
        let wanted = if truth.contains(&label) { 1.0 } else { 0.0 };
        (f64::from(p) - wanted).powi(2)
    };
    (0..).zip(row).map(square).sum()
}

/// The log loss of one document, as a sum over its decisions.
pub(super) fn log_loss_of(truth: &[u32], row: &[f32], multi_label: bool) -> f64 {
    if !multi_label {
        return truth.first().map_or(0.0, |&label| -clipped(row[label as usize]).ln());
    }
    let of_label = |(label, &p): (u32, &f32)| {
        let p = clipped(p);
        // 1 - p is clipped as well, as the column of the negative class would be.
        -if truth.contains(&label) { p } else { (1.0 - p).max(f64::EPSILON) }.ln()
    };
    (0..).zip(row).map(of_label).sum()
}

fn clipped(probability: f32) -> f64 {
    f64::from(probability).clamp(f64::EPSILON, 1.0 - f64::EPSILON)
}

/// Expected calibration error: how far confidence is from the share of right answers, on average.
///
/// Each item is a confidence in `[0, 1]` and whether it was right. The items are put into 15 bins `(k/15, (k+1)/15]`
/// by confidence (0 goes to the first); the error is the mean over the bins of |mean confidence − share right|,
/// weighted by the number of items (Guo et al. 2017). 0 is perfect; without items it is 0. A report gives the
/// confidence of the predicted label, for multi-label data the probability of every (document, label) pair.
pub fn expected_calibration_error(items: impl IntoIterator<Item = (f32, bool)>) -> f64 {
    let mut bins = [(0.0, 0u64, 0u64); N_BINS];
    let mut n_items = 0u64;
    for (confidence, right) in items {
        let confidence = f64::from(confidence);
        // The cast takes NaN and negative numbers to 0.
        let bin = ((confidence * N_BINS as f64).ceil() as usize).clamp(1, N_BINS) - 1;
        let (sum, n_right, n) = &mut bins[bin];
        *sum += confidence;
        *n_right += u64::from(right);
        *n += 1;
        n_items += 1;
    }
    let gaps: f64 = bins.iter().map(|&(sum, n_right, _)| (sum - n_right as f64).abs()).sum();
    if n_items == 0 { 0.0 } else { gaps / n_items as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Target;

    #[test]
    fn a_certain_error_is_finite_and_a_certain_hit_costs_nothing() {
        let certain = log_loss(Truth::Single(&[0, 1]), &[1.0, 0.0, 0.0, 1.0], 2);
        assert!((0.0..1e-15).contains(&certain), "{certain}");
        let wrong = log_loss(Truth::Single(&[0]), &[0.0, 1.0], 2);
        assert!((wrong + f64::EPSILON.ln()).abs() < 1e-9, "{wrong}");
    }

    #[test]
    fn multi_label_loss_is_the_mean_over_all_decisions() {
        let targets = [Target::Many([1].into()), Target::Many([].into())];
        let loss = log_loss(Truth::Multi(&targets), &[0.5, 0.25, 0.5, 0.75], 2);
        let expected = -(0.5f64.ln() + 0.25f64.ln() + 0.5f64.ln() + 0.25f64.ln()) / 4.0;
        assert!((loss - expected).abs() < 1e-15);
    }

    #[test]
    fn calibration_compares_confidence_with_hits_bin_by_bin() {
        assert_eq!(expected_calibration_error([(1.0, true), (0.0, false)]), 0.0);
        assert_eq!(expected_calibration_error([(1.0, false), (1.0, true)]), 0.5);
        // Errors in different bins do not cancel: 0.75 with no hit, 0.25 with a hit.
        assert_eq!(expected_calibration_error([(0.75, false), (0.25, true)]), 0.75);
        assert_eq!(expected_calibration_error([]), 0.0);
    }
}
