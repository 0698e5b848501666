//! What the last numbers of a net mean.

use serde::{Deserialize, Serialize};

use super::tree;
use crate::scalar::Scalar;

/// How logits become probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Head {
    /// One of several labels: a logit for each, probabilities sum to one.
    Softmax,
    /// Any number of labels: a logit for each, each probability by itself.
    Sigmoid,
    /// One of two labels from a single logit: that of label 1 over label 0.
    Binary,
    /// One of several labels, found by questions down a tree: a logit for each question, that of yes.
    Hierarchical,
}

impl Head {
    /// How many logits a document has.
    pub fn n_outputs(self, n_labels: usize) -> usize {
        match self {
            Self::Binary => 1,
            Self::Hierarchical => tree::n_questions(n_labels),
            Self::Softmax | Self::Sigmoid => n_labels,
        }
    }

    /// Probabilities of the labels, `[n_docs, n_labels]`, from `[n_docs, n_outputs]` logits. A binary head gives two.
    ///
    /// # Panics
    /// When the sizes do not fit.
    pub fn probabilities<T: Scalar>(self, out: &mut [T], logits: &[T], n_labels: usize) {
        let n_outputs = self.n_outputs(n_labels);
        if n_outputs == 0 || logits.is_empty() {
            return;
        }
        assert_eq!(logits.len() / n_outputs * n_labels, out.len(), "a probability for each label");
        for (out, z) in out.chunks_exact_mut(n_labels).zip(logits.chunks_exact(n_outputs)) {
            match self {
                Self::Softmax => {
                    let log_sum = LogSum::of(z);
                    out.iter_mut().zip(z).for_each(|(p, z)| *p = T::from_f64(log_sum.ln_p(z.to_f64()).exp()));
                }
                Self::Sigmoid => {
                    out.iter_mut().zip(z).for_each(|(p, z)| *p = T::from_f64(ln_sigmoid(z.to_f64()).exp()));
                }
                Self::Hierarchical => tree::probabilities(out, z),
                Self::Binary => {
                    let z = z[0].to_f64();
                    out[0] = T::from_f64(ln_sigmoid(-z).exp());
                    out[1] = T::from_f64(ln_sigmoid(z).exp());
                }
            }
        }
    }
}

/// `ln Σ e^z` in two parts, so that nothing overflows and small probabilities keep their digits.
#[derive(Debug, Clone, Copy)]
pub(super) struct LogSum {
    max: f64,
    ln_sum: f64,
}

impl LogSum {
    pub(super) fn of<T: Scalar>(logits: &[T]) -> Self {
        let max = logits.iter().fold(f64::NEG_INFINITY, |max, z| max.max(z.to_f64()));
        let sum: f64 = logits.iter().map(|z| (z.to_f64() - max).exp()).sum();
        Self { max, ln_sum: sum.ln() }
    }

    /// The logarithm of a softmax probability.
    pub(super) fn ln_p(self, logit: f64) -> f64 {
        logit - self.max - self.ln_sum
    }
}

/// `ln(1 / (1 + e^-z))` for every `z`.
pub(super) fn ln_sigmoid(z: f64) -> f64 {
    z.min(0.0) - (-z.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_those_of_the_definitions() {
        let mut p = [0.0f64; 4];
        Head::Softmax.probabilities(&mut p, &[0.0, 3f64.ln(), 7.0, 7.0], 2);
        for (p, expected) in p.iter().zip([0.25, 0.75, 0.5, 0.5]) {
            assert!((p - expected).abs() < 1e-15);
        }
        Head::Binary.probabilities(&mut p, &[4f64.ln(), 0.0], 2);
        for (p, expected) in p.iter().zip([0.2, 0.8, 0.5, 0.5]) {
            assert!((p - expected).abs() < 1e-15);
        }
        Head::Sigmoid.probabilities(&mut p[..2], &[4f64.ln(), 0.0], 2);
        assert!((p[0] - 0.8).abs() < 1e-15 && (p[1] - 0.5).abs() < 1e-15);
    }

    #[test]
    fn huge_logits_give_zeros_and_ones() {
        for head in [Head::Softmax, Head::Sigmoid] {
            let mut p = [0.5f32; 2];
            head.probabilities(&mut p, &[-3e38, 3e38], 2);
            assert_eq!(p, [0.0, 1.0], "{head:?}");
        }
        let mut p = [0.5f32; 2];
        Head::Binary.probabilities(&mut p, &[3e38], 2);
        assert_eq!(p, [0.0, 1.0]);
    }
}
