//! Linear support vector machines, by coordinate descent in the dual (Hsieh et al. 2008): one document at a time, in an
//! order that follows from the seed. The bias is the weight of a feature that every document has, and penalised as such.

use fenlei_nn::rng;

use super::newton::Limits;
use super::problem::sparse_dot;
use crate::Result;
use crate::features::SparseRows;

/// What one machine found.
pub(super) struct Machine {
    /// `[n_columns]`.
    pub weights: Vec<f64>,
    pub bias: f64,
    pub converged: bool,
}

/// One label against the rest, on the documents `docs` of `rows`; `signs` is 1 or -1 for every document.
pub(super) fn solve(
    rows: &SparseRows,
    docs: &[u32],
    signs: &[f64],
    costs: &[f64],
    squared: bool,
    seed: u64,
    limits: Limits<'_>,
) -> Result<Machine> {
    let mut weights = vec![0.0; rows.n_columns];
    let mut bias = 0.0;
    let mut alpha = vec![0.0; docs.len()];
    // With squared losses there is no upper bound, but something on the diagonal.
    let bound = |doc: usize| if squared { f64::INFINITY } else { costs[doc] };
    let extra = |doc: usize| if squared { 0.5 / costs[doc] } else { 0.0 };
    let diagonal: Vec<f64> = docs
        .iter()
        .map(|&doc| {
            let (_, values) = rows.row(doc as usize);
            1.0 + extra(doc as usize) + values.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>()
        })
        .collect();
    let mut order: Vec<u32> = (0..docs.len() as u32).collect();
    let mut active = order.len();
    // What the projected gradients of the last pass lay between.
    let (mut high, mut low) = (f64::INFINITY, f64::NEG_INFINITY);
    let mut converged = false;
    for iteration in 0..limits.max_iterations {
        limits.check()?;
        rng::shuffle(&mut order[..active], rng::derive(seed, u64::from(iteration)));
        let (mut new_high, mut new_low) = (f64::NEG_INFINITY, f64::INFINITY);
        let mut at = 0;
        while at < active {
            let i = order[at] as usize;
            let doc = docs[i] as usize;
            let sign = signs[doc];
            let (columns, values) = rows.row(doc);
            let gradient = sign * (bias + sparse_dot(columns, values, &weights)) - 1.0 + extra(doc) * alpha[i];
            let (at_bottom, at_top) = (alpha[i] == 0.0, alpha[i] >= bound(doc));
            if (at_bottom && gradient > high) || (at_top && gradient < low) {
                active -= 1;
                order.swap(at, active);
                continue;
            }
            at += 1;
            let projected = match (at_bottom, at_top) {
                (true, _) => gradient.min(0.0),
                (_, true) => gradient.max(0.0),
                _ => gradient,
            };
            (new_high, new_low) = (new_high.max(projected), new_low.min(projected));
            if projected.abs() <= 1e-12 {
                continue;
            }
            let old = alpha[i];
            alpha[i] = (old - gradient / diagonal[i]).clamp(0.0, bound(doc));
            let change = sign * (alpha[i] - old);
            for (&column, &x) in columns.iter().zip(values) {
                weights[column as usize] += change * f64::from(x);
            }
            bias += change;
        }
        // At the start no document is right by any margin: the gradients are -1.
        if new_high - new_low <= limits.tolerance {
            if active == order.len() {
                converged = true;
                break;
            }
            active = order.len();
            (high, low) = (f64::INFINITY, f64::NEG_INFINITY);
            continue;
        }
        high = if new_high > 0.0 { new_high } else { f64::INFINITY };
        low = if new_low < 0.0 { new_low } else { f64::NEG_INFINITY };
    }
    Ok(Machine { weights, bias, converged })
}
