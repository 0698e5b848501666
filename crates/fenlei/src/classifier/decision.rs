//! How probabilities become labels.
//!
//! Invariant: whoever turns probabilities into labels, in prediction, evaluation or comparison, asks
//! [`Decision::decide`] or the functions under it, so that a saved decision holds everywhere.

use serde::{Deserialize, Serialize};

use super::calibration::Calibration;

/// The threshold where nobody chose one.
pub(crate) const DEFAULT_THRESHOLD: f32 = 0.5;

/// How scores become labels. All but the first two is chosen on held-out documents (`fenlei calibrate`); files of
/// before have none of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Decision {
    /// Whether a document may have any number of labels.
    pub multi_label: bool,
    /// The probability from which on a label of a multi-label classifier is given.
    pub threshold: f32,
    /// What is done to the probabilities of the model before anybody sees them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
    /// Of a multi-label classifier: a threshold for each label, in the place of `threshold`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thresholds: Option<Vec<f32>>,
    /// Of a classifier that gives one of two labels: when it gives which, in the place of the more probable one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub positive: Option<Positive>,
    /// Below this confidence no label is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abstain_below: Option<f32>,
}

/// One of two labels, and the probability from which on it is given; below, the other one is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Positive {
    /// Its index among the labels.
    pub label: u32,
    /// The probability from which on it is given.
    pub threshold: f32,
}

/// What was decided about one document.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// The labels it has, ascending; also of a document about which the classifier abstains.
    pub labels: Vec<u32>,
    /// How probable what was decided is: see [`Decision::confidence`].
    pub confidence: f32,
    /// Whether the confidence is too low for any answer.
    pub abstained: bool,
}

impl Decision {
    /// The most probable label, or every label from `threshold` on.
    pub fn plain(multi_label: bool, threshold: f32) -> Self {
        Self { multi_label, threshold, calibration: None, thresholds: None, positive: None, abstain_below: None }
    }

    /// The same decision with another probability from which on a label is given: any label of a multi-label
    /// classifier, or the positive one of two where the decision has one.
    pub fn with_threshold(&self, threshold: f32) -> Self {
        let mut changed = self.clone();
        match &mut changed.positive {
            Some(positive) => positive.threshold = threshold,
            None => {
                changed.threshold = threshold;
                changed.thresholds = None;
            }
        }
        changed
    }

    /// Whether a threshold changes anything: one label of many is the most probable one, whatever its probability.
    pub fn has_threshold(&self) -> bool {
        self.multi_label || self.positive.is_some()
    }

    /// What of a decision holds when its model is trained further: calibration and what was chosen by it belong to
    /// the old weights.
    pub(crate) fn for_other_weights(&self) -> Self {
        let threshold = if self.calibration.is_none() { self.threshold } else { DEFAULT_THRESHOLD };
        Self::plain(self.multi_label, threshold)
    }

    /// What is decided about a document with these probabilities, one for each label.
    pub fn decide(&self, row: &[f32]) -> Decided {
        let labels = if self.multi_label {
            (0..).zip(row).filter(|&(label, &p)| self.gives(label as usize, p)).map(|(label, _)| label).collect()
        } else {
            vec![self.one_label(row) as u32]
        };
        let confidence = self.confidence(row);
        Decided { labels, confidence, abstained: self.abstains(confidence) }
    }

    /// The one label of a document, of a classifier that gives one.
    pub(crate) fn one_label(&self, row: &[f32]) -> usize {
        match self.positive {
            Some(Positive { label, threshold }) if row.len() == 2 => {
                let label = label as usize & 1;
                if row[label] >= threshold { label } else { 1 - label }
            }
            _ => most_probable(row),
        }
    }

    /// Whether a multi-label classifier gives a label of this probability.
    pub(crate) fn gives(&self, label: usize, probability: f32) -> bool {
        probability >= self.threshold_of(label)
    }

    /// The probability from which on a label of a multi-label classifier is given.
    pub fn threshold_of(&self, label: usize) -> f32 {
        self.thresholds.as_ref().and_then(|thresholds| thresholds.get(label)).copied().unwrap_or(self.threshold)
    }

    /// The probability of the label that is given. Where there may be several: of the decision about a label of which
    /// the classifier is least sure, `p` for a label that is given and `1 - p` for one that is not.
    pub fn confidence(&self, row: &[f32]) -> f32 {
        if !self.multi_label {
            return row.get(self.one_label(row)).copied().unwrap_or(0.0);
        }
        let sure = |(label, &p): (usize, &f32)| if self.gives(label, p) { p } else { 1.0 - p };
        row.iter().enumerate().map(sure).fold(1.0, f32::min)
    }

    /// Whether no label is given at this confidence.
    pub(crate) fn abstains(&self, confidence: f32) -> bool {
        self.abstain_below.is_some_and(|bound| confidence < bound)
    }

    /// What is wrong with a decision that comes from a file.
    pub(crate) fn check(&self, n_labels: usize) -> Result<(), String> {
        let in_range = |p: f32| (0.0..=1.0).contains(&p);
        let threshold = |p: f32| in_range(p).then_some(()).ok_or(format!("its threshold is {p}, expected 0 to 1"));
        threshold(self.threshold)?;
        if let Some(thresholds) = &self.thresholds {
            if !self.multi_label {
                return Err("it has thresholds for each label, but gives one label a document".to_owned());
            }
            if thresholds.len() != n_labels {
                return Err(format!("it has {} thresholds for {n_labels} labels", thresholds.len()));
            }
            thresholds.iter().try_for_each(|&p| threshold(p))?;
        }
        if let Some(positive) = self.positive {
            if self.multi_label || n_labels != 2 || positive.label > 1 {
                let problem = "it has a threshold for a positive label, but does not give one of two labels";
                return Err(problem.to_owned());
            }
            threshold(positive.threshold)?;
        }
        if let Some(bound) = self.abstain_below.filter(|&bound| !in_range(bound)) {
            return Err(format!("it abstains below {bound}, expected 0 to 1"));
        }
        self.calibration.as_ref().map_or(Ok(()), |calibration| calibration.check(n_labels))
    }
}

/// The most probable label, the first of equal ones.
pub(crate) fn most_probable(row: &[f32]) -> usize {
    let mut best = 0;
    for (label, probability) in row.iter().enumerate() {
        if *probability > row[best] {
            best = label;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_decision_gives_the_first_of_the_most_probable_labels() {
        let decided = Decision::plain(false, 0.5).decide(&[0.2, 0.4, 0.4]);
        assert_eq!(decided, Decided { labels: vec![1], confidence: 0.4, abstained: false });
        let decided = Decision::plain(true, 0.25).decide(&[0.2, 0.25, 0.875]);
        assert_eq!(decided, Decided { labels: vec![1, 2], confidence: 0.25, abstained: false });
    }

    #[test]
    fn a_threshold_of_the_positive_label_moves_the_border_between_two() {
        let positive = |label, threshold| Decision {
            positive: Some(Positive { label, threshold }),
            ..Decision::plain(false, DEFAULT_THRESHOLD)
        };
        assert_eq!(positive(1, 0.75).decide(&[0.375, 0.625]).labels, [0]);
        assert_eq!(positive(1, 0.75).decide(&[0.25, 0.75]).labels, [1]);
        assert_eq!(positive(0, 0.25).decide(&[0.375, 0.625]).labels, [0]);
        // The confidence is that of the label which is given.
        assert_eq!(positive(1, 0.75).decide(&[0.375, 0.625]).confidence, 0.375);
    }

    #[test]
    fn each_label_may_have_its_threshold() {
        let decision = Decision { thresholds: Some(vec![0.75, 0.25]), ..Decision::plain(true, 0.5) };
        assert_eq!(decision.decide(&[0.5, 0.5]).labels, [1]);
        assert_eq!(decision.decide(&[0.5, 0.5]).confidence, 0.5);
        assert_eq!(decision.decide(&[0.75, 0.125]).labels, [0]);
    }

    #[test]
    fn no_answer_is_given_below_the_confidence_asked_for() {
        let decision = Decision { abstain_below: Some(0.75), ..Decision::plain(false, 0.5) };
        let abstained = |row: &[f32]| decision.decide(row).abstained;
        assert_eq!((abstained(&[0.25, 0.75]), abstained(&[0.3, 0.7])), (false, true));
    }

    #[test]
    fn decisions_that_do_not_fit_their_labels_are_refused() {
        let one = Decision::plain(false, 0.5);
        let many = Decision::plain(true, 0.5);
        let positive = Some(Positive { label: 1, threshold: 0.5 });
        for (decision, n_labels, expected) in [
            (Decision { threshold: f32::NAN, ..one.clone() }, 2, "threshold is NaN"),
            (Decision { thresholds: Some(vec![0.5]), ..many.clone() }, 2, "1 thresholds for 2 labels"),
            (Decision { thresholds: Some(vec![0.5, 1.5]), ..many.clone() }, 2, "threshold is 1.5"),
            (Decision { thresholds: Some(vec![0.5; 2]), ..one.clone() }, 2, "gives one label"),
            (Decision { positive, ..one.clone() }, 3, "one of two labels"),
            (Decision { positive, ..many }, 2, "one of two labels"),
            (Decision { abstain_below: Some(-0.5), ..one.clone() }, 2, "abstains below -0.5"),
        ] {
            let problem = decision.check(n_labels).unwrap_err();
            assert!(problem.contains(expected), "{problem}");
        }
        assert_eq!(Decision { positive, abstain_below: Some(0.6), ..one }.check(2), Ok(()));
    }

    #[test]
    fn decisions_of_old_files_are_read_and_plain_ones_are_written_as_they_were() {
        let old = r#"{"multi_label":true,"threshold":0.25}"#;
        let decision: Decision = serde_json::from_str(old).unwrap();
        assert_eq!(decision, Decision::plain(true, 0.25));
        assert_eq!(serde_json::to_string(&decision).unwrap(), old);
    }
}
