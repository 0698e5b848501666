//! What abstaining buys: how many documents get an answer, and how many of these answers are right.

use serde::{Deserialize, Serialize};

/// Points of a curve.
const N_POINTS: usize = 20;

/// What a classifier that abstains below a confidence made of the documents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Coverage {
    /// Below this confidence no label is given.
    pub abstain_below: f32,
    /// Documents that got an answer.
    pub n_covered: u64,
    /// Their share.
    pub coverage: f64,
    /// The share of right answers among them; `None` without any.
    pub accuracy: Option<f64>,
}

/// One way to abstain.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CoveragePoint {
    /// Answers from this confidence on.
    pub abstain_below: f32,
    /// The share of documents that get one.
    pub coverage: f64,
    /// The share of right ones among these.
    pub accuracy: f64,
}

impl Coverage {
    /// Counts the answers from a confidence on.
    pub(super) fn of(answers: &[(f32, bool)], abstain_below: f32) -> Self {
        let covered = || answers.iter().filter(|(confidence, _)| *confidence >= abstain_below);
        let (n_covered, n_right) = (covered().count(), covered().filter(|(_, right)| *right).count());
        Self {
            abstain_below,
            n_covered: n_covered as u64,
            coverage: n_covered as f64 / answers.len().max(1) as f64,
            accuracy: (n_covered > 0).then(|| n_right as f64 / n_covered as f64),
        }
    }
}

/// The points from 5 to 100 % coverage, every 5 %, each with the confidence that gives at least so many answers;
/// answers of equal confidence are given or withheld together.
///
/// `answers`: confidence, and whether it was right.
pub fn coverage_curve(answers: &[(f32, bool)]) -> Vec<CoveragePoint> {
    let all = all_points(answers);
    let mut curve: Vec<CoveragePoint> = Vec::new();
    for wanted in (1..=N_POINTS).map(|i| i as f64 / N_POINTS as f64) {
        let at = all.partition_point(|point| point.coverage < wanted - 1e-12);
        curve.extend(all.get(at).filter(|point| curve.last() != Some(point)));
    }
    curve
}

/// The most answers of which at least `accuracy` are right. `None` when no confidence gives that.
pub(crate) fn most_covered(answers: &[(f32, bool)], accuracy: f64) -> Option<CoveragePoint> {
    all_points(answers).into_iter().rev().find(|point| point.accuracy >= accuracy)
}

/// The point with the largest accuracy, of equal ones that with the most answers.
pub(crate) fn most_accurate(answers: &[(f32, bool)]) -> Option<CoveragePoint> {
    all_points(answers).into_iter().reduce(|best, point| if point.accuracy >= best.accuracy { point } else { best })
}

/// A point for each distinct confidence, coverage ascending. The bound stands half way to the next confidence, where
/// that can be told apart from both.
fn all_points(answers: &[(f32, bool)]) -> Vec<CoveragePoint> {
    let mut answers = answers.to_vec();
    answers.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let (mut n_covered, mut n_right, mut points) = (0usize, 0usize, Vec::new());
    for tied in answers.chunk_by(|a, b| a.0 == b.0) {
        n_covered += tied.len();
        n_right += tied.iter().filter(|(_, right)| *right).count();
        let next = answers.get(n_covered).map_or(0.0, |(confidence, _)| *confidence);
        points.push(CoveragePoint {
            abstain_below: between(next, tied[0].0),
            coverage: n_covered as f64 / answers.len() as f64,
            accuracy: n_right as f64 / n_covered as f64,
        });
    }
    points
}

/// A number above `low` and not above `high`, half way if there is one.
pub(super) fn between(low: f32, high: f32) -> f32 {
    let middle = low + (high - low) / 2.0;
    if middle > low && middle <= high { middle } else { high }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWERS: [(f32, bool); 5] = [(0.5, false), (0.75, true), (1.0, true), (0.75, false), (0.875, true)];

    #[test]
    fn the_curve_goes_from_the_surest_answer_to_all() {
        let curve = coverage_curve(&ANSWERS);
        let points: Vec<_> = curve.iter().map(|p| (p.abstain_below, p.coverage, p.accuracy)).collect();
        let expected = [(0.9375, 0.2, 1.0), (0.8125, 0.4, 1.0), (0.625, 0.8, 0.75), (0.25, 1.0, 0.6)];
        assert_eq!(points, expected);
        assert_eq!(coverage_curve(&[]), []);
    }

    #[test]
    fn the_most_answers_of_a_wished_accuracy_are_found() {
        assert_eq!(most_covered(&ANSWERS, 0.75).unwrap().coverage, 0.8);
        assert_eq!(most_covered(&ANSWERS, 0.76).unwrap().coverage, 0.4);
        assert_eq!(most_covered(&[(0.9, false), (0.8, true)], 0.6), None);
        assert_eq!(most_accurate(&[(0.9, false), (0.8, true)]).unwrap().accuracy, 0.5);
    }

    #[test]
    fn answers_below_the_bound_are_withheld() {
        let found = Coverage::of(&ANSWERS, 0.75);
        assert_eq!((found.n_covered, found.coverage, found.accuracy), (4, 0.8, Some(0.75)));
        assert_eq!(Coverage::of(&ANSWERS[..1], 0.75).accuracy, None);
    }

    #[test]
    fn a_bound_always_tells_its_neighbours_apart() {
        let (low, high) = (0.5f32, f32::from_bits(0.5f32.to_bits() + 1));
        assert_eq!(between(low, high), high);
        assert_eq!(between(0.25, 0.75), 0.5);
    }
}
