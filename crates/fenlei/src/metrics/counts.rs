//! Precision, recall and F1 from counted decisions.

/// The decisions about one label (or about all of them, or about one document).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Predicted and true.
    pub true_positives: u64,
    /// Predicted, right or wrong.
    pub predicted: u64,
    /// True, found or missed.
    pub support: u64,
}

impl Counts {
    /// Counts one decision.
    pub fn add(&mut self, predicted: bool, truth: bool) {
        self.predicted += u64::from(predicted);
        self.support += u64::from(truth);
        self.true_positives += u64::from(predicted && truth);
    }

    /// `tp / (tp + fp)`, 0 when nothing was predicted.
    pub fn precision(&self) -> f64 {
        ratio(self.true_positives, self.predicted)
    }

    /// `tp / (tp + fn)`, 0 when there is nothing to find.
    pub fn recall(&self) -> f64 {
        ratio(self.true_positives, self.support)
    }

    /// `2 tp / (2 tp + fp + fn)`, 0 when nothing was predicted and there is nothing to find.
    pub fn f1(&self) -> f64 {
        ratio(2 * self.true_positives, self.predicted + self.support)
    }

    /// `[[tn, fp], [fn, tp]]` among `n_docs` decisions.
    pub fn matrix(&self, n_docs: u64) -> [[u64; 2]; 2] {
        let false_positives = self.predicted - self.true_positives;
        let false_negatives = self.support - self.true_positives;
        let true_negatives = n_docs - self.predicted - false_negatives;
        [[true_negatives, false_positives], [false_negatives, self.true_positives]]
    }
}

/// Precision, recall and F1 over several labels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Average {
    pub precision: f64,
    pub recall: f64,
    pub f1: f64,
}

impl Average {
    /// The plain mean over the labels.
    pub fn macro_mean(counts: &[Counts]) -> Self {
        Self::weighted_by(counts, |_| 1)
    }

    /// The mean over the labels, each weighted by its support; 0 without any.
    pub fn weighted_mean(counts: &[Counts]) -> Self {
        Self::weighted_by(counts, |label| label.support)
    }

    /// Over all decisions at once.
    pub fn micro(counts: &[Counts]) -> Self {
        let mut all = Counts::default();
        for label in counts {
            all.true_positives += label.true_positives;
            all.predicted += label.predicted;
            all.support += label.support;
        }
        Self { precision: all.precision(), recall: all.recall(), f1: all.f1() }
    }

    fn weighted_by(counts: &[Counts], weight: impl Fn(&Counts) -> u64) -> Self {
        let total: u64 = counts.iter().map(&weight).sum();
        let mean = |figure: fn(&Counts) -> f64| {
            let sum: f64 = counts.iter().map(|label| figure(label) * weight(label) as f64).sum();
            if total == 0 { 0.0 } else { sum / total as f64 }
        };
        Self { precision: mean(Counts::precision), recall: mean(Counts::recall), f1: mean(Counts::f1) }
    }
}

/// `part / whole`, 0 for nothing of nothing.
pub(super) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_averages_of_two_labels() {
        let frequent = Counts { true_positives: 6, predicted: 8, support: 12 };
        let rare = Counts { true_positives: 1, predicted: 4, support: 2 };
        let macro_mean = Average::macro_mean(&[frequent, rare]);
        assert_eq!((macro_mean.precision, macro_mean.recall), (0.5, 0.5));
        assert!((macro_mean.f1 - (0.6 + 1.0 / 3.0) / 2.0).abs() < 1e-15);
        let weighted = Average::weighted_mean(&[frequent, rare]);
        assert!((weighted.precision - (0.75 * 12.0 + 0.25 * 2.0) / 14.0).abs() < 1e-15);
        let micro = Average::micro(&[frequent, rare]);
        assert_eq!((micro.precision, micro.recall), (7.0 / 12.0, 0.5));
    }

    #[test]
    fn nothing_of_nothing_is_zero() {
        let nothing = Counts::default();
        assert_eq!((nothing.precision(), nothing.recall(), nothing.f1()), (0.0, 0.0, 0.0));
        assert_eq!(Average::weighted_mean(&[nothing]).f1, 0.0);
        assert_eq!(nothing.matrix(3), [[3, 0], [0, 0]]);
    }
}
