//! Temperature scaling: one number that makes a model less sure, or surer (Guo, Pleiss, Sun and Weinberger 2017).
//!
//! With one label a document the logits are the logarithms of the probabilities, for a softmax does not change when a
//! number is added to all of its logits. With any number of labels they are log-odds, label by label.

use rayon::prelude::*;

use crate::data::Target;

/// Temperatures are sought from its inverse to it. Beyond, documents tell only that the model is never, or always, right.
const MOST: f64 = 20.0;

/// Halvings of the interval of logarithms, which leave no digit open.
const HALVINGS: usize = 64;

/// The probabilities of a softmax in `f32` reach down to 0, and those of a sigmoid up to 1: what is beyond was lost.
const LEAST: f32 = f32::MIN_POSITIVE;
const LARGEST_BELOW_ONE: f32 = 1.0 - f32::EPSILON / 2.0;

/// Documents of which one task takes the sum.
const DOCS_PER_TASK: usize = 2048;

/// Comparisons with NaN are false, so that it comes through.
fn at_least(p: f32, least: f32) -> f32 {
    if p < least { least } else { p }
}

fn log(p: f32) -> f64 {
    f64::from(at_least(p, LEAST)).ln()
}

fn log_odds(p: f32) -> f64 {
    let p = at_least(p, LEAST);
    let p = f64::from(if p > LARGEST_BELOW_ONE { LARGEST_BELOW_ONE } else { p });
    (p / (1.0 - p)).ln()
}

fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

/// Softens the probabilities of one document that has one label.
pub(super) fn scale_one(row: &mut [f32], temperature: f64, logits: &mut Vec<f64>) {
    logits.clear();
    logits.extend(row.iter().map(|&p| log(p) / temperature));
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    logits.iter_mut().for_each(|logit| *logit = (*logit - largest).exp());
    let sum: f64 = logits.iter().sum();
    row.iter_mut().zip(&*logits).for_each(|(p, e)| *p = (e / sum) as f32);
}

/// Softens the probabilities of one document that may have any number of labels.
pub(super) fn scale_many(row: &mut [f32], temperature: f64) {
    row.iter_mut().for_each(|p| *p = sigmoid(log_odds(*p) / temperature) as f32);
}

/// The temperature with the least log loss.
///
/// The loss is convex in the inverse temperature, so its derivative has one zero, which is found by halving.
pub(super) fn fit(probabilities: &[f32], targets: &[Target], multi_label: bool) -> f64 {
    let logits: Vec<f64> = probabilities.par_iter().map(|&p| if multi_label { log_odds(p) } else { log(p) }).collect();
    let n_labels = probabilities.len() / targets.len().max(1);
    let slope = |log_temperature: f64| slope(&logits, targets, n_labels, multi_label, (-log_temperature).exp());
    let (mut low, mut high) = (-MOST.ln(), MOST.ln());
    for _ in 0..HALVINGS {
        let middle = (low + high) / 2.0;
        // The loss falls with the inverse temperature: the best temperature is lower.
        if slope(middle) < 0.0 { high = middle } else { low = middle }
    }
    ((low + high) / 2.0).exp()
}

/// The derivative of the sum of log losses by the inverse temperature.
fn slope(logits: &[f64], targets: &[Target], n_labels: usize, multi_label: bool, inverse: f64) -> f64 {
    let of_one = |row: &[f64], truth: &[u32]| {
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (mut sum, mut weighted) = (0.0, 0.0);
        for &logit in row {
            let e = (inverse * (logit - largest)).exp();
            sum += e;
            weighted += e * logit;
        }
        weighted / sum - truth.iter().map(|&label| row[label as usize]).sum::<f64>()
    };
    let of_many = |row: &[f64], truth: &[u32]| {
        let expected: f64 = row.iter().map(|&logit| sigmoid(inverse * logit) * logit).sum();
        expected - truth.iter().map(|&label| row[label as usize]).sum::<f64>()
    };
    let tasks = logits.par_chunks(DOCS_PER_TASK * n_labels.max(1)).zip(targets.par_chunks(DOCS_PER_TASK));
    let sums: Vec<f64> = tasks
        .map(|(logits, targets)| {
            let documents = logits.chunks_exact(n_labels.max(1)).zip(targets);
            let of = |(row, target): (&[f64], &Target)| match multi_label {
                true => of_many(row, target.as_slice()),
                false => of_one(row, target.as_slice()),
            };
            documents.map(of).sum()
        })
        .collect();
    // Each task summed on its own; here they are added in their order, whatever thread they ran on.
    sums.iter().sum()
}

/// What is wrong with a temperature that comes from a file.
pub(super) fn check(temperature: f64) -> Result<(), String> {
    // The bounds were rounded when they were written.
    if (0.999 / MOST..=1.001 * MOST).contains(&temperature) {
        return Ok(());
    }
    Err(format!("its temperature is {temperature}, expected {} to {MOST}", 1.0 / MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temperature_of_one_changes_nothing_and_a_higher_one_softens() {
        let mut logits = Vec::new();
        let mut row = [0.1f32, 0.2, 0.7];
        scale_one(&mut row, 1.0, &mut logits);
        for (p, expected) in row.iter().zip([0.1, 0.2, 0.7]) {
            assert!((p - expected).abs() < 1e-7);
        }
        // Odds of 9 become odds of 3.
        let mut row = [0.1f32, 0.9];
        scale_one(&mut row, 2.0, &mut logits);
        assert!((row[1] - 0.75).abs() < 1e-6 && (row[0] - 0.25).abs() < 1e-6, "{row:?}");
        let mut row = [0.9f32, 0.1, 0.5];
        scale_many(&mut row, 2.0);
        assert!((row[0] - 0.75).abs() < 1e-6 && (row[1] - 0.25).abs() < 1e-6 && row[2] == 0.5, "{row:?}");
    }

    #[test]
    fn probabilities_of_nothing_and_of_one_stay_finite() {
        let mut row = [0.0f32, 1.0];
        scale_one(&mut row, 20.0, &mut Vec::new());
        assert!(row[0] > 0.0 && row[1] < 1.0, "{row:?}");
        let mut row = [0.0f32, 1.0];
        scale_many(&mut row, 20.0);
        assert!(row[0] > 0.0 && row[1] < 1.0, "{row:?}");
    }

    /// Of 100 documents with the same odds of 9, 75 are right: what they say should be 3.
    #[test]
    fn the_fit_makes_confidence_equal_the_share_of_right_answers() {
        let probabilities: Vec<f32> = (0..100).flat_map(|_| [0.1f32, 0.9]).collect();
        let targets: Vec<Target> = (0..100).map(|i| Target::One(u32::from(i < 75))).collect();
        assert!((fit(&probabilities, &targets, false) - 2.0).abs() < 1e-5);
        let probabilities = vec![0.9f32; 100];
        let targets: Vec<Target> =
            (0..100).map(|i| if i < 75 { Target::Many([0].into()) } else { Target::Many([].into()) }).collect();
        assert!((fit(&probabilities, &targets, true) - 2.0).abs() < 1e-5);
    }

    #[test]
    fn documents_without_an_error_take_the_temperature_to_its_bound() {
        let targets = [Target::One(0), Target::One(1)];
        let temperature = fit(&[0.6, 0.4, 0.4, 0.6], &targets, false);
        assert!((temperature - 1.0 / MOST).abs() < 1e-9);
        assert_eq!(check(temperature), Ok(()));
        assert!((fit(&[0.6, 0.4, 0.6, 0.4], &targets, false) - MOST).abs() < 1e-9);
    }
}
