//! Curves of labels, thinned out to what a chart can show.

use serde::Serialize;

use crate::eval::Comparison;
use crate::metrics::{Report, precision_recall_curve, roc_curve};

/// Labels that have a curve, at most.
const MOST_CURVES: usize = 6;

/// Points nearer than this to the last one are not drawn.
const NEAR: f64 = 1.0 / 250.0;

/// The curve of a label against the rest.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LabelCurve {
    /// The label.
    pub label: String,
    /// Area under the ROC curve, or average precision.
    pub area: Option<f64>,
    /// `(x, y)` in the order of the curve.
    pub points: Vec<(f64, f64)>,
}

/// False positives against true positives.
pub(super) fn roc_curves(report: &Report, comparison: &Comparison) -> Vec<LabelCurve> {
    let curve = |label: usize| {
        let (scores, truth) = of_label(comparison, report.labels.len(), label);
        let curve = roc_curve(&scores, &truth).ok()?;
        let points = thinned(curve.false_positive_rate.into_iter().zip(curve.true_positive_rate));
        Some(LabelCurve { label: report.labels[label].clone(), area: report.per_class[label].auc, points })
    };
    labels_shown(report).into_iter().filter_map(curve).collect()
}

/// Recall against precision.
pub(super) fn precision_recall_curves(report: &Report, comparison: &Comparison) -> Vec<LabelCurve> {
    let curve = |label: usize| {
        let (scores, truth) = of_label(comparison, report.labels.len(), label);
        let curve = precision_recall_curve(&scores, &truth).ok()?;
        // As scikit-learn's average_precision_score: each step of recall at its own precision.
        let steps = curve.recall.windows(2).zip(&curve.precision);
        let area = steps.map(|(recall, precision)| (recall[0] - recall[1]) * precision).sum();
        let points = thinned(curve.recall.into_iter().zip(curve.precision).rev());
        Some(LabelCurve { label: report.labels[label].clone(), area: Some(area), points })
    };
    labels_shown(report).into_iter().filter_map(curve).collect()
}

/// The second of two labels; of more the most frequent ones. Only those that some documents have and others have not.
fn labels_shown(report: &Report) -> Vec<usize> {
    let two = report.labels.len() == 2 && !report.multi_label;
    let mut shown: Vec<usize> =
        (0..report.labels.len()).filter(|&label| report.per_class[label].auc.is_some()).collect();
    if two {
        shown.retain(|&label| label == 1);
    }
    shown.sort_by_key(|&label| std::cmp::Reverse(report.per_class[label].support));
    shown.truncate(MOST_CURVES);
    shown
}

fn of_label(comparison: &Comparison, n_labels: usize, label: usize) -> (Vec<f32>, Vec<bool>) {
    let scores = comparison.probabilities().iter().skip(label).step_by(n_labels.max(1)).copied().collect();
    let truth = comparison.targets().iter().map(|target| target.as_slice().contains(&(label as u32))).collect();
    (scores, truth)
}

/// Leaves out points that nobody could tell from the one before.
fn thinned(points: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    let mut last = None;
    for point in points {
        let near = |kept: &(f64, f64)| (kept.0 - point.0).abs() < NEAR && (kept.1 - point.1).abs() < NEAR;
        if !kept.last().is_some_and(near) {
            kept.push(point);
        }
        last = Some(point);
    }
    if let Some(last) = last.filter(|last| kept.last() != Some(last)) {
        kept.push(last);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thinned_curve_keeps_its_ends_and_its_shape() {
        let points = (0..=10_000).map(|i| f64::from(i) / 10_000.0).map(|x| (x, x * x));
        let thin = thinned(points);
        assert!(thin.len() < 600, "{}", thin.len());
        assert_eq!((thin[0], thin[thin.len() - 1]), ((0.0, 0.0), (1.0, 1.0)));
        let steps = thin.windows(2).map(|pair| (pair[1].0 - pair[0].0).max(pair[1].1 - pair[0].1));
        assert!(steps.fold(0.0, f64::max) < 2.0 * NEAR);
    }
}
