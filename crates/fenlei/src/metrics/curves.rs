//! ROC and precision–recall curves, and what is left of them as one number.

use std::cmp::Ordering;

use rayon::prelude::*;
use serde::Serialize;

use crate::{Error, Result};

/// The receiver operating characteristic: what recall costs in false alarms, at every threshold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RocCurve {
    /// False positives among the negatives, ascending from 0 to 1.
    pub false_positive_rate: Vec<f64>,
    /// True positives among the positives, ascending from 0 to 1.
    pub true_positive_rate: Vec<f64>,
    /// "Positive when the score is at least this", descending from infinity (which JSON writes as `null`).
    pub thresholds: Vec<f64>,
}

/// Precision against recall, at every threshold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PrecisionRecallCurve {
    /// Right among the predicted; one longer than `thresholds`, the last is 1.
    pub precision: Vec<f64>,
    /// Found among the positives, descending; one longer than `thresholds`, the last is 0.
    pub recall: Vec<f64>,
    /// "Positive when the score is at least this", ascending.
    pub thresholds: Vec<f64>,
}

/// scikit-learn's `roc_curve(truth, scores, drop_intermediate=False)`: one point for each distinct score.
///
/// # Errors
/// [`Error::Config`] when the lengths differ, when a score is NaN, or when there is no positive or no negative truth.
pub fn roc_curve(scores: &[f32], truth: &[bool]) -> Result<RocCurve> {
    let steps = steps(scores, truth)?;
    let last = steps.last().copied().unwrap_or_default();
    if last.true_positives == 0 || last.false_positives == 0 {
        let missing = if last.true_positives == 0 { "positive" } else { "negative" };
        return Err(Error::config(
            "ROC curve",
            format!("none of the {} documents is {missing}", scores.len()),
            "a ROC curve needs documents of both kinds: evaluate on more data",
        ));
    }
    let mut curve =
        RocCurve { false_positive_rate: vec![0.0], true_positive_rate: vec![0.0], thresholds: vec![f64::INFINITY] };
    for step in steps {
        curve.false_positive_rate.push(step.false_positives as f64 / last.false_positives as f64);
        curve.true_positive_rate.push(step.true_positives as f64 / last.true_positives as f64);
        curve.thresholds.push(f64::from(step.threshold));
    }
    Ok(curve)
}

/// scikit-learn's `precision_recall_curve(truth, scores)`; without positives recall is 1 at every threshold, as there.
///
/// # Errors
/// [`Error::Config`] when the lengths differ or a score is NaN.
pub fn precision_recall_curve(scores: &[f32], truth: &[bool]) -> Result<PrecisionRecallCurve> {
    let steps = steps(scores, truth)?;
    let n_positives = steps.last().map_or(0, |last| last.true_positives);
    let mut curve = PrecisionRecallCurve { precision: Vec::new(), recall: Vec::new(), thresholds: Vec::new() };
    for step in steps.iter().rev() {
        let found = step.true_positives as f64;
        curve.precision.push(found / (step.true_positives + step.false_positives) as f64);
        curve.recall.push(if n_positives == 0 { 1.0 } else { found / n_positives as f64 });
        curve.thresholds.push(f64::from(step.threshold));
    }
    curve.precision.push(1.0);
    curve.recall.push(0.0);
    Ok(curve)
}

/// Area under the ROC curve: how often a positive scores above a negative, ties counting half (mid-ranks).
/// `None` without positives, without negatives, or with a NaN among the scores.
pub fn area_under_roc(scored: impl IntoIterator<Item = (f32, bool)>) -> Option<f64> {
    let mut scored: Vec<_> = scored.into_iter().collect();
    area_of(&descend(&mut scored)?)
}

/// scikit-learn's `average_precision_score`: the mean of precision at each threshold, weighted by the recall that it
/// adds. `None` without positives (where scikit-learn warns and gives 0) or with a NaN among the scores.
pub fn average_precision(scored: impl IntoIterator<Item = (f32, bool)>) -> Option<f64> {
    let mut scored: Vec<_> = scored.into_iter().collect();
    average_precision_of(&descend(&mut scored)?)
}

/// Both of the above from one sort: area under the ROC curve, average precision.
pub(super) fn areas(mut scored: Vec<(f32, bool)>) -> (Option<f64>, Option<f64>) {
    let steps = descend(&mut scored).unwrap_or_default();
    (area_of(&steps), average_precision_of(&steps))
}

fn average_precision_of(steps: &[Step]) -> Option<f64> {
    let n_positives = steps.last()?.true_positives;
    let (mut sum, mut before) = (0.0, 0);
    for step in steps {
        let precision = step.true_positives as f64 / (step.true_positives + step.false_positives) as f64;
        sum += precision * (step.true_positives - before) as f64;
        before = step.true_positives;
    }
    (n_positives > 0).then(|| sum / n_positives as f64)
}

fn area_of(steps: &[Step]) -> Option<f64> {
    let last = steps.last().copied()?;
    let mut before = Step::default();
    // Twice the number of won pairs, exact in integers.
    let mut twice_won = 0u128;
    for step in steps {
        let new_negatives = u128::from(step.false_positives - before.false_positives);
        twice_won += new_negatives * u128::from(step.true_positives + before.true_positives);
        before = *step;
    }
    let n_pairs = u128::from(last.true_positives) * u128::from(last.false_positives);
    (n_pairs > 0).then(|| twice_won as f64 / (2 * n_pairs) as f64)
}

/// What is predicted positive at one threshold.
#[derive(Debug, Clone, Copy, Default)]
struct Step {
    threshold: f32,
    true_positives: u64,
    false_positives: u64,
}

fn steps(scores: &[f32], truth: &[bool]) -> Result<Vec<Step>> {
    if scores.len() != truth.len() {
        return Err(Error::config(
            "curve",
            format!("{} scores for {} documents", scores.len(), truth.len()),
            "give one score for each document",
        ));
    }
    let mut scored: Vec<_> = scores.iter().copied().zip(truth.iter().copied()).collect();
    descend(&mut scored).ok_or_else(|| {
        let doc_idx = scores.iter().position(|score| score.is_nan()).unwrap_or_default();
        Error::config(
            "curve",
            format!("the score of document {} is not a number", doc_idx + 1),
            "the model has diverged: train again with a lower learning rate",
        )
    })
}

/// One step for each distinct score, from the highest down. `None` when a score is NaN.
fn descend(scored: &mut [(f32, bool)]) -> Option<Vec<Step>> {
    if scored.iter().any(|(score, _)| score.is_nan()) {
        return None;
    }
    // In which order ties come out does not matter: they make one step.
    scored.par_sort_unstable_by(|(a, _), (b, _)| b.partial_cmp(a).unwrap_or(Ordering::Equal));
    let mut steps = Vec::new();
    let mut step = Step::default();
    for tied in scored.chunk_by(|(a, _), (b, _)| a == b) {
        let n_positives = tied.iter().filter(|(_, positive)| *positive).count();
        step.threshold = tied[0].0;
        step.true_positives += n_positives as u64;
        step.false_positives += (tied.len() - n_positives) as u64;
        steps.push(step);
    }
    Some(steps)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ties_share_one_point_of_the_curve() {
        let curve = roc_curve(&[0.9, 0.5, 0.5, 0.1], &[true, false, true, false]).unwrap();
        assert_eq!(curve.false_positive_rate, [0.0, 0.0, 0.5, 1.0]);
        assert_eq!(curve.true_positive_rate, [0.0, 0.5, 1.0, 1.0]);
        assert_eq!(curve.thresholds[1..], [f64::from(0.9f32), 0.5, f64::from(0.1f32)]);
        assert!(curve.thresholds[0].is_infinite());
    }

    #[test]
    fn undefined_areas_are_none_and_undefined_curves_say_why() {
        assert_eq!(area_under_roc([(0.3, true), (0.4, true)]), None);
        assert_eq!(area_under_roc([]), None);
        assert_eq!((average_precision([(0.3, false)]), average_precision([])), (None, None));
        assert_eq!(area_under_roc([(f32::NAN, true), (0.4, false)]), None);
        let error = roc_curve(&[0.1, 0.2], &[false, false]).unwrap_err().to_string();
        assert!(error.contains("none of the 2 documents is positive"), "{error}");
        let error = precision_recall_curve(&[0.1, f32::NAN], &[false, true]).unwrap_err().to_string();
        assert!(error.contains("document 2 is not a number"), "{error}");
        assert!(roc_curve(&[0.1], &[]).is_err());
    }

    #[test]
    fn a_curve_without_documents_is_its_end_point() {
        let curve = precision_recall_curve(&[], &[]).unwrap();
        assert_eq!((curve.precision, curve.recall, curve.thresholds), (vec![1.0], vec![0.0], vec![]));
    }

    proptest! {
        #[test]
        fn the_area_is_the_share_of_pairs_in_the_right_order(
            // Few distinct scores, both zeros among them: many ties.
            scored in prop::collection::vec((prop::sample::select(vec![-0.0f32, 0.0, 0.25, 0.5, 1.0]), any::<bool>()), 0..40)
        ) {
            let (mut won, mut n_pairs) = (0.0, 0.0);
            for (positive, _) in scored.iter().filter(|(_, truth)| *truth) {
                for (negative, _) in scored.iter().filter(|(_, truth)| !*truth) {
                    n_pairs += 1.0;
                    won += if positive > negative { 1.0 } else if positive == negative { 0.5 } else { 0.0 };
                }
            }
            match area_under_roc(scored) {
                Some(area) => prop_assert!((area - won / n_pairs).abs() < 1e-12),
                None => prop_assert_eq!(n_pairs, 0.0),
            }
        }
    }
}
