//! Weights of a mixture: how much each member counts in a mean of probabilities.

use crate::data::Target;

/// Steps of the fit, at most.
const MAX_STEPS: usize = 500;

/// Weights that change by less are those of the optimum.
const TOLERANCE: f64 = 1e-6;

/// A probability of nothing would make the log loss infinite.
const LEAST: f64 = 1e-9;

/// The weights, at least 0 and with a sum of 1, for which the mean negative log likelihood of the weighted mean of the
/// members' probabilities is smallest. `answers[member]: [n_docs, n_labels]`; multi-label: over (document, label) pairs.
///
/// The problem is convex; each step of expectation-maximisation makes a weight its mean share in the probability of the
/// truth (Dempster, Laird and Rubin 1977, section 4.3), which never makes the likelihood smaller.
pub fn mixture_weights(answers: &[Vec<f32>], targets: &[Target], n_labels: usize, multi_label: bool) -> Vec<f32> {
    let n_members = answers.len();
    let truths: Vec<Vec<f64>> =
        answers.iter().map(|answers| of_truth(answers, targets, n_labels, multi_label)).collect();
    let n = truths.first().map_or(0, Vec::len);
    let mut weights = vec![1.0 / n_members.max(1) as f64; n_members];
    for _ in 0..if n == 0 { 0 } else { MAX_STEPS } {
        let mut shares = vec![0.0; n_members];
        for i in 0..n {
            let sum: f64 = weights.iter().zip(&truths).map(|(weight, p)| weight * p[i]).sum();
            shares.iter_mut().zip(&weights).zip(&truths).for_each(|((share, weight), p)| *share += weight * p[i] / sum);
        }
        shares.iter_mut().for_each(|share| *share /= n as f64);
        let change = weights.iter().zip(&shares).map(|(old, new)| (old - new).abs()).fold(0.0, f64::max);
        weights = shares;
        if change < TOLERANCE {
            break;
        }
    }
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| (weight / sum) as f32).collect()
}

/// The probability of what is true.
fn of_truth(answers: &[f32], targets: &[Target], n_labels: usize, multi_label: bool) -> Vec<f64> {
    let rows = answers.chunks_exact(n_labels).zip(targets);
    let at_least = |p: f32| f64::from(p).max(LEAST);
    if !multi_label {
        return rows.flat_map(|(row, target)| target.as_slice().iter().map(|&l| at_least(row[l as usize]))).collect();
    }
    rows.flat_map(|(row, target)| {
        (0..).zip(row).map(|(label, &p)| at_least(if target.as_slice().contains(&label) { p } else { 1.0 - p }))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_loss(answers: &[Vec<f32>], targets: &[Target], weights: [f64; 2]) -> f64 {
        let p: Vec<_> = answers.iter().map(|a| of_truth(a, targets, 2, false)).collect();
        -(0..targets.len()).map(|i| (weights[0] * p[0][i] + weights[1] * p[1][i]).ln()).sum::<f64>()
    }

    #[test]
    fn weights_are_those_of_the_smallest_log_loss() {
        let targets: Vec<Target> = [0, 1, 0, 1, 1].map(Target::One).to_vec();
        let first = [0.9, 0.3, 0.6, 0.2, 0.5].iter().flat_map(|&p| [p, 1.0 - p]).collect();
        let second = [0.4, 0.1, 0.9, 0.6, 0.3].iter().flat_map(|&p| [p, 1.0 - p]).collect();
        let answers = [first, second];
        let weights = mixture_weights(&answers, &targets, 2, false);
        let best = (0..=1000).map(|i| f64::from(i) / 1000.0);
        let best = best.min_by(|a, b| {
            log_loss(&answers, &targets, [*a, 1.0 - a]).total_cmp(&log_loss(&answers, &targets, [*b, 1.0 - b]))
        });
        assert!((f64::from(weights[0]) - best.unwrap()).abs() < 2e-3, "{weights:?}, expected {best:?}");
        assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_member_that_knows_nothing_counts_nothing() {
        let targets: Vec<Target> = (0..100).map(|i| Target::One(i % 2)).collect();
        let good = (0..100).flat_map(|i| if i % 2 == 0 { [0.8, 0.2] } else { [0.2, 0.8] }).collect();
        let weights = mixture_weights(&[vec![0.5; 200], good], &targets, 2, false);
        assert!(weights[0] < 0.01 && weights[1] > 0.99, "{weights:?}");
    }
}
