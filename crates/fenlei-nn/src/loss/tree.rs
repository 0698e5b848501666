//! Hierarchical softmax: labels as the leaves of a binary tree, with a yes-or-no question at each fork (Morin and Bengio
//! 2005).
//!
//! The tree is balanced and follows from the number of labels alone, so that nothing about it has to be learned or saved:
//! the fork `i` leads to `2i + 1` and `2i + 2`; with `n` labels the forks are `0 .. n - 1` and label `c` is `n - 1 + c`.
//! The probability of a label is the product of those of the answers that lead to it.

use super::head::ln_sigmoid;
use crate::scalar::Scalar;

/// How many questions there are over `n_labels`; one at least, as a net has an output.
pub(super) fn n_questions(n_labels: usize) -> usize {
    n_labels.saturating_sub(1).max(1)
}

/// The questions from a label up to the root, with the sign of the logit that leads to the label.
fn path(label: usize, n_labels: usize) -> impl Iterator<Item = (usize, f64)> {
    let parent_of = |node: usize| (node > 0).then(|| (node - 1) / 2);
    let leaf = n_labels - 1 + label;
    std::iter::successors(Some(leaf), move |&node| parent_of(node))
        .filter_map(move |node| parent_of(node).map(|parent| (parent, if node % 2 == 0 { 1.0 } else { -1.0 })))
}

/// The probability of each label, `[n_labels]`, from the logits of the questions.
pub(super) fn probabilities<T: Scalar>(out: &mut [T], z: &[T]) {
    let n_labels = out.len();
    if n_labels == 1 {
        out[0] = T::ONE;
        return;
    }
    // From the root down: what leads to a fork is known before those below it are asked.
    let mut ln_reach = vec![0.0; 2 * n_labels - 1];
    for (fork, z) in z.iter().enumerate() {
        let z = z.to_f64();
        ln_reach[2 * fork + 1] = ln_reach[fork] + ln_sigmoid(-z);
        ln_reach[2 * fork + 2] = ln_reach[fork] + ln_sigmoid(z);
    }
    out.iter_mut().zip(&ln_reach[n_labels - 1..]).for_each(|(p, ln_p)| *p = T::from_f64(ln_p.exp()));
}

/// `-Σ_c w_c q_c ln p_c` with equal shares `q` of the document's labels; `d` becomes its gradient.
pub(super) fn cross_entropy<T: Scalar>(d: &mut [T], z: &[T], labels: &[u32], weight: impl Fn(usize) -> f64) -> f64 {
    d.fill(T::ZERO);
    let mut loss = 0.0;
    for &label in labels {
        let share = weight(label as usize) / labels.len() as f64;
        for (question, sign) in path(label as usize, z.len() + 1) {
            let z = sign * z[question].to_f64();
            loss -= share * ln_sigmoid(z);
            d[question] += T::from_f64(-share * sign * ln_sigmoid(-z).exp());
        }
    }
    loss
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng;

    #[test]
    fn probabilities_sum_to_one_and_are_those_of_the_way_to_the_label() {
        for n_labels in [1, 2, 3, 4, 7, 8, 1000] {
            let z: Vec<f64> = (0..n_questions(n_labels) as u64).map(|i| 3.0 * rng::normal(1, i)).collect();
            let mut p = vec![0.0; n_labels];
            probabilities(&mut p, &z);
            assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{n_labels} labels");
            for (label, p) in p.iter().enumerate() {
                let product: f64 = path(label, n_labels).map(|(i, sign)| ln_sigmoid(sign * z[i]).exp()).product();
                assert!((p - product).abs() < 1e-12);
                let depth = path(label, n_labels).count();
                let [least, most] = [n_labels.ilog2() as usize, n_labels.next_power_of_two().ilog2() as usize];
                assert!((least..=most).contains(&depth), "label {label} of {n_labels} at {depth}");
            }
        }
    }

    #[test]
    fn the_loss_is_that_of_the_probabilities_and_its_gradient_is_its_slope() {
        let n_labels = 6;
        let mut z: Vec<f64> = (0..5).map(|i| rng::normal(2, i)).collect();
        let labels = [4, 1];
        let weight = |label: usize| 0.3 + label as f64;
        let loss = |z: &[f64]| {
            let mut p = vec![0.0; n_labels];
            probabilities(&mut p, z);
            -labels.iter().map(|&c| weight(c as usize) * 0.5 * p[c as usize].ln()).sum::<f64>()
        };
        let mut d = vec![9.0; 5];
        let found = cross_entropy(&mut d, &z, &labels, weight);
        assert!((found - loss(&z)).abs() < 1e-12);
        for i in 0..5 {
            let before = z[i];
            z[i] = before + 1e-6;
            let above = loss(&z);
            z[i] = before - 1e-6;
            let slope = (above - loss(&z)) / 2e-6;
            z[i] = before;
            assert!((d[i] - slope).abs() < 1e-8, "{} and {slope}", d[i]);
        }
    }
}
