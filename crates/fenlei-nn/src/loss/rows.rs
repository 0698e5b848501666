//! The loss of one document: the target distribution goes in, the gradient comes out, the loss is returned.

use super::head::{Head, LogSum, ln_sigmoid};
use crate::scalar::Scalar;

/// What a document counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    /// Its share of the batch.
    pub scale: f64,
    /// `[n_labels]`.
    pub class_weights: Option<&'a [f64]>,
}

/// The loss of a single sigmoid unit.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unit {
    /// Cross-entropy weighted by `(1 - p)^gamma`; plain for 0.
    Focal(f64),
    /// `(p - q)²`.
    SquaredError,
}

impl Row<'_> {
    fn weight(&self, class: usize) -> f64 {
        self.class_weights.map_or(1.0, |weights| weights[class])
    }

    /// `-Σ_c w_c q_c ln p_c`; slope `p_j Σ_c w_c q_c - w_j q_j`.
    pub fn softmax_cross_entropy<T: Scalar>(&self, d: &mut [T], z: &[T]) -> f64 {
        let log_sum = LogSum::of(z);
        let (mut loss, mut total) = (0.0, 0.0);
        for (class, (q, z)) in d.iter().zip(z).enumerate() {
            let share = self.weight(class) * q.to_f64();
            total += share;
            // A class without a share adds nothing, even where its probability is zero.
            if share != 0.0 {
                loss -= share * log_sum.ln_p(z.to_f64());
            }
        }
        for (class, (d, z)) in d.iter_mut().zip(z).enumerate() {
            let share = self.weight(class) * d.to_f64();
            *d = T::from_f64(self.scale * (log_sum.ln_p(z.to_f64()).exp() * total - share));
        }
        self.scale * loss
    }

    /// `-Σ_c w_c q_c (1 - p_c)^γ ln p_c`.
    ///
    /// With `g_c` the slope of term `c` times `p_c`, the slope in logit `j` is `g_j - p_j Σ_c g_c`.
    pub fn softmax_focal<T: Scalar>(&self, d: &mut [T], z: &[T], gamma: f64) -> f64 {
        let log_sum = LogSum::of(z);
        // `(1 - p)^γ ln p` and its slope times `p`.
        let term = |ln_p: f64| {
            let (p, rest) = (ln_p.exp(), -ln_p.exp_m1());
            let factor = rest.powf(gamma);
            // `ln p / (1 - p)` tends to -1 where p tends to 1.
            let ratio = if rest > 0.0 { ln_p / rest } else { -1.0 };
            // Where p underflows, `p ln p` is zero, though `ln p` may be infinite.
            let bent = if p > 0.0 { gamma * p * ratio } else { 0.0 };
            (factor * ln_p, factor * (1.0 - bent))
        };
        let (mut loss, mut total) = (0.0, 0.0);
        for (class, (q, z)) in d.iter().zip(z).enumerate() {
            let share = self.weight(class) * q.to_f64();
            if share != 0.0 {
                let (value, slope) = term(log_sum.ln_p(z.to_f64()));
                loss -= share * value;
                total -= share * slope;
            }
        }
        for (class, (d, z)) in d.iter_mut().zip(z).enumerate() {
            let share = self.weight(class) * d.to_f64();
            let ln_p = log_sum.ln_p(z.to_f64());
            let own = if share != 0.0 { -share * term(ln_p).1 } else { 0.0 };
            *d = T::from_f64(self.scale * (own - ln_p.exp() * total));
        }
        self.scale * loss
    }

    /// `Σ_c (p_c - q_c)² / n`; slope `2 p_j ((p_j - q_j) - Σ_c (p_c - q_c) p_c) / n`.
    pub fn softmax_squared_error<T: Scalar>(&self, d: &mut [T], z: &[T]) -> f64 {
        let log_sum = LogSum::of(z);
        let (mut loss, mut inner) = (0.0, 0.0);
        for (q, z) in d.iter().zip(z) {
            let p = log_sum.ln_p(z.to_f64()).exp();
            let error = p - q.to_f64();
            loss += error * error;
            inner += error * p;
        }
        let scale = self.scale / z.len() as f64;
        for (d, z) in d.iter_mut().zip(z) {
            let p = log_sum.ln_p(z.to_f64()).exp();
            *d = T::from_f64(scale * 2.0 * p * (p - d.to_f64() - inner));
        }
        scale * loss
    }

    /// The mean over independent units, each weighted by its class; or, for a binary head, the two outcomes of the
    /// one unit weighted by theirs.
    pub fn sigmoid<T: Scalar>(&self, d: &mut [T], z: &[T], head: Head, unit: Unit) -> f64 {
        let scale = self.scale / z.len() as f64;
        let mut sum = 0.0;
        for (i, (d, z)) in d.iter_mut().zip(z).enumerate() {
            let (w_no, w_yes) =
                if head == Head::Binary { (self.weight(0), self.weight(1)) } else { (self.weight(i), self.weight(i)) };
            let (q, z) = (d.to_f64(), z.to_f64());
            let (loss, slope) = match unit {
                Unit::SquaredError => {
                    let p = ln_sigmoid(z).exp();
                    // One number stands for both outcomes: the document counts as its labels do.
                    let w = q * w_yes + (1.0 - q) * w_no;
                    (w * (p - q) * (p - q), w * 2.0 * (p - q) * p * ln_sigmoid(-z).exp())
                }
                Unit::Focal(gamma) => {
                    let (yes, no) = (focal_unit(z, gamma), focal_unit(-z, gamma));
                    let (yes_share, no_share) = (w_yes * q, w_no * (1.0 - q));
                    let weighted = |share: f64, value: f64| if share != 0.0 { share * value } else { 0.0 };
                    (
                        weighted(yes_share, yes.0) + weighted(no_share, no.0),
                        weighted(yes_share, yes.1) - weighted(no_share, no.1),
                    )
                }
            };
            sum += loss;
            *d = T::from_f64(scale * slope);
        }
        scale * sum
    }
}

/// `-(1 - p)^γ ln p` for `p = sigmoid(z)`, and its slope in `z`: `(1 - p)^γ (γ p ln p - (1 - p))`.
fn focal_unit(z: f64, gamma: f64) -> (f64, f64) {
    let (ln_p, ln_rest) = (ln_sigmoid(z), ln_sigmoid(-z));
    let (p, factor) = (ln_p.exp(), (gamma * ln_rest).exp());
    // Where p underflows, `p ln p` is zero.
    let bent = if p > 0.0 { gamma * p * ln_p } else { 0.0 };
    (-factor * ln_p, factor * (bent - ln_rest.exp()))
}
