//! How documents are spread over confidence, length and thresholds, and how right the model is there.

use serde::Serialize;

use crate::classifier::Classifier;
use crate::data::Dataset;
use crate::eval::{Comparison, given_labels};
use crate::metrics::{Report, wilson_interval};

/// Bins of calibration, as many as the calibration error has.
const CALIBRATION_BINS: usize = 15;
/// Bins of a histogram.
const HISTOGRAM_BINS: usize = 20;
/// Steps between two thresholds of 0 and 1.
const THRESHOLD_STEPS: usize = 100;
/// Points of the curve of coverage.
const COVERAGE_POINTS: usize = 100;
/// Slices by length.
const N_SLICES: usize = 5;

/// Answers of similar confidence.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CalibrationBin {
    /// Their mean confidence.
    pub confidence: f64,
    /// The share that was right.
    pub share_right: f64,
    /// How many.
    pub n: u64,
}

/// Documents of a range of values.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CountBin {
    /// Where the range begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// Documents predicted right.
    pub n_right: u64,
    /// Documents predicted wrong.
    pub n_wrong: u64,
}

/// What answering only the surest would give.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CoveragePoint {
    /// The share of documents answered.
    pub share_answered: f64,
    /// The share of those that is right.
    pub accuracy: f64,
    /// The confidence from which on there is an answer.
    pub confidence: f64,
}

/// Documents of similar length.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LengthSlice {
    /// The shortest, in characters.
    pub from: usize,
    /// The longest.
    pub to: usize,
    /// How many.
    pub n_docs: usize,
    /// The share that was right.
    pub accuracy: f64,
    /// Its 95 % interval (Wilson).
    pub interval: (f64, f64),
}

/// Figures at each threshold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Thresholds {
    /// The label that is given, or `None` for all labels together.
    pub label: Option<String>,
    /// Ascending by threshold.
    pub curve: ThresholdCurve,
}

/// A point a threshold.
pub type ThresholdCurve = Vec<ThresholdPoint>;

/// Figures at one threshold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ThresholdPoint {
    /// Given from this probability on.
    pub threshold: f64,
    /// Right among the given; 1 when nothing is given.
    pub precision: f64,
    /// Found among those that have it.
    pub recall: f64,
    /// Their harmonic mean.
    pub f1: f64,
}

/// What became of each document.
pub(super) struct Outcomes {
    /// The probability of the answer; of an answer of several labels that of its least sure decision.
    confidence: Vec<f32>,
    right: Vec<bool>,
    n_chars: Vec<usize>,
}

impl Outcomes {
    pub fn new(classifier: &Classifier, documents: &Dataset, comparison: &Comparison) -> Self {
        let n_labels = classifier.labels().len().max(1);
        let multi_label = classifier.decision().multi_label;
        let mut outcomes = Self { confidence: Vec::new(), right: Vec::new(), n_chars: Vec::new() };
        let rows = comparison.probabilities().chunks_exact(n_labels).zip(comparison.targets());
        for (&doc_idx, (row, target)) in comparison.documents().iter().zip(rows) {
            let confidence = match multi_label {
                true => row.iter().fold(1.0, |least: f32, &p| least.min(p.max(1.0 - p))),
                false => row.iter().copied().fold(0.0, f32::max),
            };
            outcomes.confidence.push(confidence);
            outcomes.right.push(given_labels(classifier, row) == target.as_slice());
            outcomes.n_chars.push(documents.texts[doc_idx].chars().count());
        }
        outcomes
    }

    pub fn len(&self) -> usize {
        self.right.len()
    }

    /// For each document whether its answer was right.
    pub fn right(&self) -> &[bool] {
        &self.right
    }

    pub fn n_right(&self) -> usize {
        self.right.iter().filter(|right| **right).count()
    }
}

/// Of one label a document the confidence of answers; of several the probability of each label.
pub(super) fn calibration(report: &Report, comparison: &Comparison, outcomes: &Outcomes) -> Vec<CalibrationBin> {
    let mut bins = [(0.0, 0u64, 0u64); CALIBRATION_BINS];
    let mut add = |confidence: f32, right: bool| {
        let confidence = f64::from(confidence);
        let bin = ((confidence * CALIBRATION_BINS as f64).ceil() as usize).clamp(1, CALIBRATION_BINS) - 1;
        bins[bin].0 += confidence;
        bins[bin].1 += u64::from(right);
        bins[bin].2 += 1;
    };
    if report.multi_label {
        let rows = comparison.probabilities().chunks_exact(report.labels.len().max(1));
        for (row, target) in rows.zip(comparison.targets()) {
            (0..).zip(row).for_each(|(label, &p)| add(p, target.as_slice().contains(&label)));
        }
    } else {
        outcomes.confidence.iter().zip(&outcomes.right).for_each(|(&confidence, &right)| add(confidence, right));
    }
    let filled = bins.iter().filter(|(_, _, n)| *n > 0);
    filled
        .map(|&(sum, n_right, n)| CalibrationBin {
            confidence: sum / n as f64,
            share_right: n_right as f64 / n as f64,
            n,
        })
        .collect()
}

pub(super) fn histogram_of_confidence(outcomes: &Outcomes) -> Vec<CountBin> {
    let least = outcomes.confidence.iter().copied().fold(1.0, f32::min);
    // From a round number on, so that bars have a width that people can read.
    let from = (f64::from(least) * 10.0).floor() / 10.0;
    let width = (1.0 - from) / HISTOGRAM_BINS as f64;
    let values = outcomes.confidence.iter().map(|&confidence| (f64::from(confidence) - from) / width);
    histogram(values, outcomes, from, width)
}

pub(super) fn histogram_of_lengths(outcomes: &Outcomes) -> Vec<CountBin> {
    let mut sorted = outcomes.n_chars.clone();
    sorted.sort_unstable();
    // A few long documents would leave all others in one bar.
    let most = sorted.get(sorted.len() * 98 / 100).or(sorted.last()).copied().unwrap_or(0);
    let width = round_up((most as f64 / (HISTOGRAM_BINS - 1) as f64).max(1.0));
    histogram(outcomes.n_chars.iter().map(|&n| n as f64 / width), outcomes, 0.0, width)
}

/// The next number of the kind 1, 2, 2.5 or 5 times a power of ten.
fn round_up(x: f64) -> f64 {
    let power = 10f64.powf(x.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    steps.into_iter().map(|step| step * power).find(|&step| step >= x * (1.0 - 1e-9)).unwrap_or(10.0 * power)
}

fn histogram(bin_of: impl Iterator<Item = f64>, outcomes: &Outcomes, from: f64, width: f64) -> Vec<CountBin> {
    let mut bins: Vec<CountBin> = (0..HISTOGRAM_BINS)
        .map(|bin| CountBin {
            from: from + width * bin as f64,
            to: from + width * (bin + 1) as f64,
            n_right: 0,
            n_wrong: 0,
        })
        .collect();
    for (bin, &right) in bin_of.zip(&outcomes.right) {
        // The cast takes what is no number to the first bin.
        let bin = &mut bins[(bin as usize).min(HISTOGRAM_BINS - 1)];
        match right {
            true => bin.n_right += 1,
            false => bin.n_wrong += 1,
        }
    }
    // Length bins behind the longest document.
    while bins.len() > 1 && bins.last().is_some_and(|bin| bin.n_right + bin.n_wrong == 0) {
        bins.pop();
    }
    bins
}

/// Of two labels the second by its probability; of several labels a document all together.
pub(super) fn thresholds(report: &Report, comparison: &Comparison) -> Option<Thresholds> {
    let n_labels = report.labels.len();
    let label = match (report.multi_label, n_labels) {
        (true, _) => None,
        (false, 2) => Some(1),
        (false, _) => return None,
    };
    // How many are given, and rightly given, from each threshold on.
    let mut given = [(0u64, 0u64); THRESHOLD_STEPS + 2];
    let mut n_true = 0u64;
    let rows = comparison.probabilities().chunks_exact(n_labels.max(1)).zip(comparison.targets());
    for (row, target) in rows {
        let decisions = (0..).zip(row).filter(|(number, _)| label.is_none_or(|label| label == *number));
        for (number, &p) in decisions {
            let is_true = target.as_slice().contains(&(number as u32));
            let step = ((f64::from(p) * THRESHOLD_STEPS as f64 + 1e-6).floor() as usize).min(THRESHOLD_STEPS);
            given[step].0 += 1;
            given[step].1 += u64::from(is_true);
            n_true += u64::from(is_true);
        }
    }
    let ratio = |a: u64, b: u64, none: f64| if b == 0 { none } else { a as f64 / b as f64 };
    let mut sum = (0, 0);
    let mut curve: ThresholdCurve = Vec::with_capacity(THRESHOLD_STEPS + 1);
    for step in (0..=THRESHOLD_STEPS).rev() {
        sum = (sum.0 + given[step].0, sum.1 + given[step].1);
        curve.push(ThresholdPoint {
            threshold: step as f64 / THRESHOLD_STEPS as f64,
            precision: ratio(sum.1, sum.0, 1.0),
            recall: ratio(sum.1, n_true, 0.0),
            f1: ratio(2 * sum.1, sum.0 + n_true, 0.0),
        });
    }
    curve.reverse();
    Some(Thresholds { label: label.map(|label: usize| report.labels[label].clone()), curve })
}

/// The accuracy of the surest answers, documents of equal confidence together.
pub(super) fn coverage(outcomes: &Outcomes) -> Vec<CoveragePoint> {
    let mut surest: Vec<(f32, bool)> =
        outcomes.confidence.iter().copied().zip(outcomes.right.iter().copied()).collect();
    surest.sort_by(|a, b| b.0.total_cmp(&a.0));
    let n = surest.len();
    let (mut n_right, mut answered) = (0usize, 0usize);
    let mut points: Vec<CoveragePoint> = Vec::new();
    for same in surest.chunk_by(|a, b| a.0 == b.0) {
        n_right += same.iter().filter(|(_, right)| *right).count();
        answered += same.len();
        let share_answered = answered as f64 / n as f64;
        let step = 1.0 / COVERAGE_POINTS as f64;
        let due = points.last().map_or(share_answered >= step, |last| share_answered - last.share_answered >= step);
        if due || answered == n {
            let accuracy = n_right as f64 / answered as f64;
            points.push(CoveragePoint { share_answered, accuracy, confidence: f64::from(same[0].0) });
        }
    }
    points
}

/// About a fifth of the documents each; documents of one length are never parted.
pub(super) fn slices_by_length(outcomes: &Outcomes) -> Vec<LengthSlice> {
    let mut by_length: Vec<(usize, bool)> =
        outcomes.n_chars.iter().copied().zip(outcomes.right.iter().copied()).collect();
    by_length.sort_unstable();
    let n = by_length.len();
    let mut slices = Vec::new();
    let mut start = 0;
    for slice in 1..=N_SLICES {
        let mut end = n * slice / N_SLICES;
        while end > 0 && end < n && by_length[end].0 == by_length[end - 1].0 {
            end += 1;
        }
        if end <= start {
            continue;
        }
        let docs = &by_length[start..end];
        let n_right = docs.iter().filter(|(_, right)| *right).count();
        slices.push(LengthSlice {
            from: docs[0].0,
            to: docs[docs.len() - 1].0,
            n_docs: docs.len(),
            accuracy: n_right as f64 / docs.len() as f64,
            interval: wilson_interval(n_right as u64, docs.len() as u64),
        });
        start = end;
    }
    slices
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(items: &[(f32, bool, usize)]) -> Outcomes {
        Outcomes {
            confidence: items.iter().map(|item| item.0).collect(),
            right: items.iter().map(|item| item.1).collect(),
            n_chars: items.iter().map(|item| item.2).collect(),
        }
    }

    #[test]
    fn the_surest_answers_come_first_and_equal_ones_together() {
        let points = coverage(&outcomes(&[(0.9, true, 1), (0.6, false, 1), (0.9, true, 1), (0.7, true, 1)]));
        let found: Vec<(f64, f64)> = points.iter().map(|point| (point.share_answered, point.accuracy)).collect();
        assert_eq!(found, [(0.5, 1.0), (0.75, 1.0), (1.0, 0.75)]);
    }

    #[test]
    fn slices_hold_every_document_once_and_never_part_a_length() {
        let items: Vec<(f32, bool, usize)> = (0..100).map(|i| (0.5, i % 3 == 0, i / 30)).collect();
        let slices = slices_by_length(&outcomes(&items));
        assert_eq!(slices.iter().map(|slice| slice.n_docs).sum::<usize>(), 100);
        assert!(slices.windows(2).all(|pair| pair[0].to < pair[1].from));
        assert!(slices_by_length(&outcomes(&[])).is_empty());
    }

    #[test]
    fn histograms_hold_every_document_in_bins_of_round_width() {
        let items: Vec<(f32, bool, usize)> = (0..1000).map(|i| (0.5 + i as f32 / 2000.0, i % 2 == 0, i * 7)).collect();
        for bins in [histogram_of_confidence(&outcomes(&items)), histogram_of_lengths(&outcomes(&items))] {
            assert_eq!(bins.iter().map(|bin| bin.n_right + bin.n_wrong).sum::<u64>(), 1000);
        }
        let bins = histogram_of_lengths(&outcomes(&items));
        assert_eq!(bins[0].to, 500.0);
        assert_eq!([3.0, 10.0, 11.0, 240.0].map(round_up), [5.0, 10.0, 20.0, 250.0]);
    }
}
