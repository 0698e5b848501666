//! Scoring from a table: the product of the whole vocabulary in 16-bit fixed point.
//!
//! With `scale[f] = 32,766 / Σ_k max_v |P[v][k][f]|` no sum over the taps of a filter can leave the range of `i16`, so
//! additions and maxima are plain integer instructions on twice as many numbers as in `f32`, from half the memory.
//! A sum is off by at most `width / 2` steps of `1 / scale`.

use super::windows::{Product, Window};
use crate::scalar::Scalar;

/// The largest magnitude of a sum: one step below the range of `i16`, which leaves room for rounding.
const RANGE: f64 = 32_766.0;

/// Filters that one pass over a document holds in registers.
const BLOCK: usize = 128;

/// The scale of each filter from the largest magnitude of each of its taps, `[width, n_filters]`.
pub fn scales(largest: &[f64], width: usize, n_filters: usize) -> Vec<f64> {
    let sum = |f: usize| (0..width).map(|k| largest[k * n_filters + f]).sum::<f64>();
    // Each rounding adds up to half a step.
    (0..n_filters).map(|f| if sum(f) > 0.0 { (RANGE - width as f64) / sum(f) } else { 1.0 }).collect()
}

/// Rounds values to fixed point, where `scale` holds one number for each of them.
#[inline(always)]
fn quantise_body(out: &mut [i16], values: &[f32], scale: &[f32]) {
    for ((q, v), s) in out.iter_mut().zip(values).zip(scale) {
        // `as` saturates, so that no value can wrap.
        *q = (*v * *s).round_ties_even() as i16;
    }
}

/// Rounds values to fixed point, where `scale` holds one number for each of them.
#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+bmi2+fma",
    "x86_64+avx2+bmi2+fma",
    "aarch64+neon"
))]
pub fn quantise(out: &mut [i16], values: &[f32], scale: &[f32]) {
    quantise_body(out, values, scale);
}

#[inline(always)]
fn max_block<const N: usize>(
    best: &mut [i16],
    f: usize,
    product: Product<'_, i16>,
    index: &[u32],
    window: Window,
    positions: std::ops::Range<usize>,
) {
    let mut top = [i16::MIN; N];
    for t in positions {
        let mut sum = [0i16; N];
        for k in window.taps_inside(t, index.len()) {
            let row = index[t + k - window.pad_left] as usize;
            let start = row * product.stride + product.column + k * product.n_filters + f;
            let values = &product.data[start..start + N];
            for i in 0..N {
                sum[i] = sum[i].wrapping_add(values[i]);
            }
        }
        for i in 0..N {
            top[i] = top[i].max(sum[i]);
        }
    }
    best[..N].copy_from_slice(&top);
}

/// `best[i] = max_t Σ_k product(index[t + k - pad], k, first + i)` over `positions`, in fixed point.
#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+bmi2+fma",
    "x86_64+avx2+bmi2+fma",
    "aarch64+neon"
))]
pub fn max_over_positions(
    best: &mut [i16],
    first: usize,
    product: Product<'_, i16>,
    index: &[u32],
    window: Window,
    positions: std::ops::Range<usize>,
) {
    let n_filters = best.len();
    let mut f = 0;
    while f + BLOCK <= n_filters {
        max_block::<BLOCK>(&mut best[f..], first + f, product, index, window, positions.clone());
        f += BLOCK;
    }
    while f + 32 <= n_filters {
        max_block::<32>(&mut best[f..], first + f, product, index, window, positions.clone());
        f += 32;
    }
    while f < n_filters {
        max_block::<1>(&mut best[f..], first + f, product, index, window, positions.clone());
        f += 1;
    }
}

/// Back from fixed point.
pub fn value<T: Scalar>(fixed: i16, scale: T) -> T {
    T::from_f64(f64::from(fixed)) / scale
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng;

    #[test]
    fn fixed_point_maxima_are_within_half_a_step_a_tap() {
        let (n_rows, width, n_filters, n_tokens) = (40, 5, 200, 60);
        let stride = width * n_filters;
        let values: Vec<f32> = (0..n_rows * stride).map(|i| rng::normal(5, i as u64) as f32).collect();
        let mut largest = vec![0f64; stride];
        for row in values.chunks(stride) {
            largest.iter_mut().zip(row).for_each(|(l, v)| *l = l.max(f64::from(v.abs())));
        }
        let scales = scales(&largest, width, n_filters);
        let by_column: Vec<f32> = (0..stride).map(|c| scales[c % n_filters] as f32).collect();
        let mut fixed = vec![0i16; values.len()];
        for (q, v) in fixed.chunks_mut(stride).zip(values.chunks(stride)) {
            quantise(q, v, &by_column);
        }
        let index: Vec<u32> = (0..n_tokens).map(|i| (i * 17 % n_rows) as u32).collect();
        let window = Window { width, pad_left: 2 };
        let mut best = vec![0i16; n_filters];
        let product = Product { data: &fixed[..], stride, column: 0, n_filters };
        max_over_positions(&mut best, 0, product, &index, window, 0..n_tokens);
        for f in 0..n_filters {
            let sum = |t: usize| -> f32 {
                window
                    .taps_inside(t, n_tokens)
                    .map(|k| values[index[t + k - 2] as usize * stride + k * n_filters + f])
                    .sum()
            };
            let expected = (0..n_tokens).map(sum).fold(f32::NEG_INFINITY, f32::max);
            let found: f64 = value(best[f], scales[f]);
            assert!((found - f64::from(expected)).abs() <= (width as f64 / 2.0 + 0.1) / scales[f]);
        }
    }
}
