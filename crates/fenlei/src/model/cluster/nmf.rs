//! Non-negative matrix factorisation: how much of each topic is in a document, by coordinate descent.

/// Rounds for a document that is only scored, at most.
const MAX_ROUNDS: usize = 500;

/// A document that is only scored is done when no share moves by more than this part of the largest.
const TOLERANCE: f64 = 1e-7;

/// One round of coordinate descent towards the least `‖x - w H‖²` with `w ≥ 0`: `gram = H Hᵀ: [k, k]`,
/// `product = x Hᵀ: [k]`. Returns the sum of the projected gradients, which is 0 at the optimum (Cichocki and Phan 2009;
/// the same rounds in the same order as scikit-learn's solver `cd`).
pub(crate) fn descend(weights: &mut [f64], gram: &[f64], product: &[f64]) -> f64 {
    let k = weights.len();
    let mut violation = 0.0;
    for topic in 0..k {
        let of_topic = &gram[topic * k..][..k];
        let gradient = of_topic.iter().zip(weights.iter()).map(|(g, w)| g * w).sum::<f64>() - product[topic];
        let w = weights[topic];
        violation += if w == 0.0 { gradient.min(0.0).abs() } else { gradient.abs() };
        if of_topic[topic] != 0.0 {
            weights[topic] = (w - gradient / of_topic[topic]).max(0.0);
        }
    }
    violation
}

/// The optimum for one document, from nothing.
pub(crate) fn solve(weights: &mut Vec<f64>, gram: &[f64], product: &[f64]) {
    weights.clear();
    weights.resize(product.len(), 0.0);
    for _ in 0..MAX_ROUNDS {
        let largest = product.iter().fold(0.0, |a: f64, b| a.max(b.abs()));
        if descend(weights, gram, product) <= TOLERANCE * largest {
            break;
        }
    }
}

/// `H Hᵀ: [k, k]` of `topics = Hᵀ: [n_columns, k]`.
pub(crate) fn gram<W: Copy + Into<f64>>(topics: &[W], k: usize) -> Vec<f64> {
    let mut gram = vec![0.0; k * k];
    for row in topics.chunks_exact(k) {
        for (i, &a) in row.iter().enumerate() {
            let a: f64 = a.into();
            if a != 0.0 {
                gram[i * k..][..k].iter_mut().zip(row).for_each(|(sum, &b)| *sum += a * b.into());
            }
        }
    }
    gram
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_optimum_is_found_and_nothing_is_negative() {
        // H has the rows (1, 0, 1) and (0, 1, 1).
        let topics = [1.0f64, 0.0, 0.0, 1.0, 1.0, 1.0];
        let gram = gram(&topics, 2);
        assert_eq!(gram, [2.0, 1.0, 1.0, 2.0]);
        let mut weights = Vec::new();
        // x = 2 · first + 3 · second = (2, 3, 5).
        solve(&mut weights, &gram, &[7.0, 8.0]);
        assert!((weights[0] - 2.0).abs() < 1e-5 && (weights[1] - 3.0).abs() < 1e-5, "{weights:?}");
        // x = (1, -1, 0): without the bound the second would be -1.
        solve(&mut weights, &gram, &[1.0, -1.0]);
        assert!((weights[0] - 0.5).abs() < 1e-6 && weights[1] == 0.0, "{weights:?}");
    }
}
