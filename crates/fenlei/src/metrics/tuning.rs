//! The threshold that serves a purpose best on given documents.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use super::counts::{Counts, ratio};
use super::coverage::between;
use crate::{Error, Result};

/// What a threshold is chosen for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// The largest F1; of one threshold for several labels the mean of theirs.
    F1,
    /// The largest F1 over all decisions at once.
    MicroF1,
    /// The most right decisions.
    Accuracy,
    /// The largest mean of recall and specificity.
    BalancedAccuracy,
    /// The largest recall with at least this precision.
    Precision(f64),
    /// The largest precision with at least this recall.
    Recall(f64),
}

impl FromStr for Goal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "expected f1, micro-f1, accuracy, balanced-accuracy, precision=P or recall=R";
        let share = |number: &str| match number.parse::<f64>() {
            Ok(share) if share > 0.0 && share <= 1.0 => Ok(share),
            _ => Err(format!("found {number:?}, expected a share above 0 and up to 1, as 0.95")),
        };
        match text.split_once('=') {
            Some(("precision", number)) => share(number).map(Self::Precision),
            Some(("recall", number)) => share(number).map(Self::Recall),
            None if text == "f1" => Ok(Self::F1),
            None if text == "micro-f1" => Ok(Self::MicroF1),
            None if text == "accuracy" => Ok(Self::Accuracy),
            None if text == "balanced-accuracy" => Ok(Self::BalancedAccuracy),
            _ => Err(expected.to_owned()),
        }
    }
}

impl Display for Goal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::F1 => f.write_str("F1"),
            Self::MicroF1 => f.write_str("micro F1"),
            Self::Accuracy => f.write_str("accuracy"),
            Self::BalancedAccuracy => f.write_str("balanced accuracy"),
            Self::Precision(share) => write!(f, "a precision of {share}"),
            Self::Recall(share) => write!(f, "a recall of {share}"),
        }
    }
}

/// One (document, label) pair.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// Which label.
    pub label: u32,
    /// How probable it is said to be.
    pub probability: f32,
    /// Whether it is so.
    pub truth: bool,
}

/// The threshold that serves `goal` best over all pairs; of equally good ones the highest. `place` is what they are
/// about, for messages.
///
/// # Errors
/// [`Error::Train`] when the goal cannot be reached with any threshold.
pub fn tune_threshold(pairs: &[Scored], n_labels: usize, goal: Goal, place: &str) -> Result<f32> {
    let mut pairs = pairs.to_vec();
    pairs.sort_unstable_by(|a, b| b.probability.total_cmp(&a.probability));
    let mut sweep = Sweep::new(&pairs, n_labels);
    let highest = pairs.first().map_or(1.0, |pair| pair.probability);
    let mut best: Option<(f64, f32)> = None;
    // Above every probability nothing is given.
    if highest < 1.0 {
        best = sweep.value(goal).map(|value| (value, 1.0));
    }
    let (mut n_given, mut nearest) = (0, 0.0f64);
    for tied in pairs.chunk_by(|a, b| a.probability == b.probability) {
        tied.iter().for_each(|pair| sweep.give(pair));
        n_given += tied.len();
        nearest = nearest.max(sweep.wished(goal));
        let Some(value) = sweep.value(goal) else { continue };
        if best.is_none_or(|(best, _)| value > best) {
            let next = pairs.get(n_given).map_or(0.0, |pair| pair.probability.max(0.0));
            best = Some((value, between(next, tied[0].probability.min(1.0))));
        }
    }
    best.map(|(_, threshold)| threshold).ok_or_else(|| {
        Error::train(
            format!("no threshold for {place} gives {goal}: the most that any gives is {nearest:.4}"),
            "ask for less, or leave --per-class out where labels are rare",
        )
    })
}

/// What is counted while the threshold sinks.
struct Sweep {
    labels: Vec<Counts>,
    all: Counts,
    n: u64,
    sum_of_f1: f64,
}

impl Sweep {
    fn new(pairs: &[Scored], n_labels: usize) -> Self {
        let mut sweep = Self {
            labels: vec![Counts::default(); n_labels],
            all: Counts::default(),
            n: pairs.len() as u64,
            sum_of_f1: 0.0,
        };
        for pair in pairs.iter().filter(|pair| pair.truth) {
            sweep.labels[pair.label as usize].support += 1;
            sweep.all.support += 1;
        }
        sweep
    }

    fn give(&mut self, pair: &Scored) {
        let label = &mut self.labels[pair.label as usize];
        self.sum_of_f1 -= label.f1();
        for counts in [&mut *label, &mut self.all] {
            counts.predicted += 1;
            counts.true_positives += u64::from(pair.truth);
        }
        self.sum_of_f1 += label.f1();
    }

    /// How good this threshold is; `None` where the wish is not met.
    fn value(&self, goal: Goal) -> Option<f64> {
        let Counts { true_positives, predicted, support } = self.all;
        let n_wrong = predicted + support - 2 * true_positives;
        match goal {
            Goal::F1 => Some(self.sum_of_f1 / self.labels.len() as f64),
            Goal::MicroF1 => Some(self.all.f1()),
            Goal::Accuracy => Some(ratio(self.n - n_wrong, self.n)),
            Goal::BalancedAccuracy => {
                let n_false = self.n - support;
                let specificity = ratio(n_false - (predicted - true_positives), n_false);
                Some((self.all.recall() + specificity) / 2.0)
            }
            Goal::Precision(wish) => (self.all.precision() >= wish).then(|| self.all.recall()),
            Goal::Recall(wish) => (self.all.recall() >= wish).then(|| self.all.precision()),
        }
    }

    /// What is wished for, as it is here.
    fn wished(&self, goal: Goal) -> f64 {
        match goal {
            Goal::Recall(_) => self.all.recall(),
            _ => self.all.precision(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(scored: &[(f32, bool)]) -> Vec<Scored> {
        scored.iter().map(|&(probability, truth)| Scored { label: 0, probability, truth }).collect()
    }

    fn tuned(goal: Goal) -> f32 {
        let pairs = pairs(&[(0.9, true), (0.8, false), (0.6, true), (0.4, true), (0.2, false), (0.1, false)]);
        tune_threshold(&pairs, 1, goal, "a").unwrap()
    }

    #[test]
    fn each_goal_finds_its_threshold_half_way_between_two_probabilities() {
        for (goal, expected) in [
            (Goal::F1, 0.3),
            (Goal::Accuracy, 0.3),
            (Goal::BalancedAccuracy, 0.3),
            (Goal::Precision(0.75), 0.3),
            (Goal::Precision(0.76), 0.85),
            (Goal::Recall(0.3), 0.85),
            (Goal::Recall(0.5), 0.3),
        ] {
            assert!((tuned(goal) - expected).abs() < 1e-6, "{goal:?} {}", tuned(goal));
        }
    }

    #[test]
    fn one_threshold_for_several_labels_takes_the_mean_of_their_f1() {
        // The frequent label would have 0.15, the rare one 0.45; in the middle of both, one suffers less.
        let mut all: Vec<Scored> = pairs(&[(0.2, true), (0.3, true), (0.4, true), (0.1, false)]);
        all.extend([(0.5, true), (0.35, false)].map(|(probability, truth)| Scored { label: 1, probability, truth }));
        let threshold = |goal| tune_threshold(&all, 2, goal, "all").unwrap();
        // At 0.375: F1 of 0.5 and 1; at 0.15: of 1 and 2/3, which is more.
        assert!((threshold(Goal::F1) - 0.15).abs() < 1e-6);
        assert!((threshold(Goal::MicroF1) - 0.15).abs() < 1e-6);
    }

    #[test]
    fn giving_nothing_may_be_best_and_equal_probabilities_stay_together() {
        let threshold = tune_threshold(&pairs(&[(0.5, false), (0.25, false)]), 1, Goal::Accuracy, "a").unwrap();
        assert_eq!(threshold, 1.0);
        let alike = pairs(&[(0.5, true), (0.5, false), (0.5, true)]);
        assert_eq!(tune_threshold(&alike, 1, Goal::F1, "a").unwrap(), 0.25);
    }

    #[test]
    fn a_goal_that_no_threshold_reaches_is_refused_with_the_most_there_is() {
        let alike = pairs(&[(0.5, true), (0.5, false)]);
        let error = tune_threshold(&alike, 1, Goal::Precision(0.9), "the label \"a\"").unwrap_err().to_string();
        assert!(
            error.contains("the label \"a\" gives a precision of 0.9: the most that any gives is 0.5000"),
            "{error}"
        );
        assert!(tune_threshold(&pairs(&[(0.5, false)]), 1, Goal::Recall(0.5), "a").is_err());
    }

    #[test]
    fn goals_are_read_from_the_command_line() {
        assert_eq!("f1".parse(), Ok(Goal::F1));
        assert_eq!("precision=0.95".parse(), Ok(Goal::Precision(0.95)));
        for wrong in ["f2", "precision", "precision=2", "recall=0", "recall=NaN"] {
            assert!(wrong.parse::<Goal>().is_err(), "{wrong}");
        }
    }
}
