//! From margins to probabilities by a sigmoid (Platt 1999), fitted as Lin, Lin and Weng (2007) say.

use crate::model::{sigmoid, softplus};

/// Steps of the fit, at most.
const MAX_ITERATIONS: usize = 100;

/// `slope` and `offset` such that `sigmoid(slope * margin + offset)` is the probability of a positive document.
pub(super) fn fit(margins: &[f64], positive: &[bool]) -> (f64, f64) {
    let n_positive = positive.iter().filter(|is| **is).count() as f64;
    let n_negative = positive.len() as f64 - n_positive;
    // Targets a little away from 0 and 1, so that documents without errors do not ask for infinite slopes.
    let (high, low) = ((n_positive + 1.0) / (n_positive + 2.0), 1.0 / (n_negative + 2.0));
    let targets: Vec<f64> = positive.iter().map(|&is| if is { high } else { low }).collect();
    let loss = |slope: f64, offset: f64| -> f64 {
        let terms = margins.iter().zip(&targets).map(|(margin, target)| {
            let x = slope * margin + offset;
            softplus(-x) + (1.0 - target) * x
        });
        terms.sum()
    };
    let (mut slope, mut offset) = (0.0, ((n_positive + 1.0) / (n_negative + 1.0)).ln());
    let mut now = loss(slope, offset);
    for _ in 0..MAX_ITERATIONS {
        let (mut h11, mut h22, mut h12, mut g1, mut g2) = (1e-12, 1e-12, 0.0, 0.0, 0.0);
        for (margin, target) in margins.iter().zip(&targets) {
            let p = sigmoid(slope * margin + offset);
            let (d1, d2) = (p - target, p * (1.0 - p));
            h11 += margin * margin * d2;
            h22 += d2;
            h12 += margin * d2;
            g1 += margin * d1;
            g2 += d1;
        }
        if g1.abs() < 1e-9 * margins.len() as f64 && g2.abs() < 1e-9 * margins.len() as f64 {
            break;
        }
        let determinant = h11 * h22 - h12 * h12;
        let (d_slope, d_offset) = (-(h22 * g1 - h12 * g2) / determinant, -(h11 * g2 - h12 * g1) / determinant);
        let along = g1 * d_slope + g2 * d_offset;
        let mut step = 1.0;
        loop {
            let new = loss(slope + step * d_slope, offset + step * d_offset);
            if new < now + 1e-4 * step * along {
                (slope, offset, now) = (slope + step * d_slope, offset + step * d_offset, new);
                break;
            }
            step *= 0.5;
            if step < 1e-10 {
                return (slope, offset);
            }
        }
    }
    (slope, offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_sigmoid_that_documents_were_drawn_from() {
        // So many of each margin are positive as the sigmoid says.
        let (mut margins, mut positive) = (Vec::new(), Vec::new());
        for margin in [-2.0, -1.0, 0.0, 1.0, 2.0] {
            let n = 2000;
            let n_positive = (f64::from(n) * sigmoid(1.5 * margin - 0.5)).round() as i32;
            margins.extend((0..n).map(|_| margin));
            positive.extend((0..n).map(|i| i < n_positive));
        }
        let (slope, offset) = fit(&margins, &positive);
        assert!((slope - 1.5).abs() < 0.01 && (offset + 0.5).abs() < 0.01, "{slope} {offset}");
    }

    #[test]
    fn margins_without_errors_give_finite_numbers() {
        let (slope, offset) = fit(&[-1.0, -1.0, 1.0], &[false, false, true]);
        assert!(slope > 0.0 && slope.is_finite() && offset.is_finite());
        let (slope, offset) = fit(&[1.0, 1.0], &[true, true]);
        assert!(slope.is_finite() && sigmoid(slope + offset) > 0.5);
    }
}
