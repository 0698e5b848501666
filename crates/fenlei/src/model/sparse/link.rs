//! From margins to probabilities.

use super::spec::{LinearLoss, SparseSpec};

/// What the margins of a linear model mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// One margin for two labels: that of the second.
    Binary,
    /// One margin a label, of which one is true: softmax.
    Softmax,
    /// One margin a label, each against the rest; their sigmoids are made to sum to 1.
    OneVsRest,
    /// One margin a label, each true or false: sigmoids.
    Independent,
}

impl Link {
    /// What the margins of a model mean.
    pub fn of(spec: &SparseSpec, n_labels: usize, multi_label: bool) -> Self {
        match spec {
            _ if multi_label => Self::Independent,
            _ if n_labels == 2 => Self::Binary,
            SparseSpec::Linear(linear) if linear.loss == LinearLoss::Logistic => Self::Softmax,
            SparseSpec::Nb(_) => Self::Softmax,
            SparseSpec::Linear(_) | SparseSpec::NbSvm(_) => Self::OneVsRest,
        }
    }

    /// How many margins there are for so many labels.
    pub fn n_outputs(self, n_labels: usize) -> usize {
        if self == Self::Binary { 1 } else { n_labels }
    }

    /// The probabilities that the margins of a document mean.
    pub(crate) fn probabilities(self, out: &mut [f32], margins: &[f64]) {
        match self {
            Self::Binary => {
                // Each from its own side, so that a small one keeps its digits.
                out[0] = sigmoid(-margins[0]) as f32;
                out[1] = sigmoid(margins[0]) as f32;
            }
            Self::Independent => {
                out.iter_mut().zip(margins).for_each(|(out, &margin)| *out = sigmoid(margin) as f32);
            }
            Self::Softmax => {
                let top = margins.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = margins.iter().map(|margin| (margin - top).exp()).sum();
                out.iter_mut().zip(margins).for_each(|(out, margin)| *out = ((margin - top).exp() / sum) as f32);
            }
            Self::OneVsRest => {
                // The logarithm of a sigmoid does not vanish however small it is.
                let logs: Vec<f64> = margins.iter().map(|&margin| -softplus(-margin)).collect();
                Self::Softmax.probabilities(out, &logs);
            }
        }
    }
}

/// `1 / (1 + exp(-x))`.
pub(crate) fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 { 1.0 / (1.0 + (-x).exp()) } else { x.exp() / (1.0 + x.exp()) }
}

/// `ln(1 + exp(x))`.
pub(crate) fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_finite_and_sum_to_one_for_any_margins() {
        for margins in [[0.0, 1.0, -2.0], [900.0, -900.0, 0.0], [-800.0, -900.0, -1000.0]] {
            for link in [Link::Softmax, Link::OneVsRest] {
                let mut out = [0.0; 3];
                link.probabilities(&mut out, &margins);
                assert!((out.iter().sum::<f32>() - 1.0).abs() < 1e-6, "{link:?} {margins:?}: {out:?}");
            }
            let mut two = [0.0; 2];
            Link::Binary.probabilities(&mut two, &margins[..1]);
            assert!((two.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        }
        let mut out = [0.0; 3];
        Link::OneVsRest.probabilities(&mut out, &[0.0, 0.0, -1000.0]);
        assert_eq!(out, [0.5, 0.5, 0.0]);
    }
}
