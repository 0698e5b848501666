//! Where a filter stands over a document, and the maximum of what it gives there.
//!
//! The convolution over text multiplies each distinct token of a batch once: `product = E[distinct] · Wᵀ`. What a
//! filter of width `w` gives at a position is then a sum of `w` rows of that product, so that these loops only add.

use crate::scalar::Scalar;

/// A filter width over one document: at position `t` its tap `k` stands on token `t + k - pad_left`, and taps that
/// stand outside the document add nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Tokens that a filter spans.
    pub width: usize,
    /// Missing tokens before the first.
    pub pad_left: usize,
}

impl Window {
    /// The taps of position `t` that stand on one of `n_tokens` tokens.
    #[inline(always)]
    pub fn taps_inside(self, t: usize, n_tokens: usize) -> std::ops::Range<usize> {
        let first = self.pad_left.saturating_sub(t).min(self.width);
        let last = (n_tokens + self.pad_left).saturating_sub(t).min(self.width);
        first..last.max(first)
    }
}

/// The rows of a product that belong to one group of filters: the value of token row `r`, tap `k`, filter `f` is at
/// `r * stride + column + k * n_filters + f`.
#[derive(Debug, Clone, Copy)]
pub struct Product<'a, P> {
    /// All columns of all filter groups, one row a token.
    pub data: &'a [P],
    /// Numbers in a row.
    pub stride: usize,
    /// Where this group starts in a row.
    pub column: usize,
    /// Filters of this group: numbers between two taps.
    pub n_filters: usize,
}

/// Filters that one pass over a document holds in registers: four AVX-512 registers, or eight of AVX2.
const BLOCK: usize = 64;

/// `best[f] = max_t Σ_k product(index[t + k - pad], k, f)` over `positions`, and where it is (the first such `t`).
///
/// `best` and `winners`: as many filters as are wanted, from the first. `index`: the product row of each token of the document.
#[inline(always)]
fn max_body<T: Scalar>(
    best: &mut [T],
    winners: &mut [u32],
    product: Product<'_, T>,
    index: &[u32],
    window: Window,
    positions: std::ops::Range<usize>,
) {
    let mut f = 0;
    while f + BLOCK <= best.len() {
        max_block::<T, BLOCK>(&mut best[f..], &mut winners[f..], f, product, index, window, positions.clone());
        f += BLOCK;
    }
    while f + 16 <= best.len() {
        max_block::<T, 16>(&mut best[f..], &mut winners[f..], f, product, index, window, positions.clone());
        f += 16;
    }
    while f < best.len() {
        max_block::<T, 1>(&mut best[f..], &mut winners[f..], f, product, index, window, positions.clone());
        f += 1;
    }
}

#[inline(always)]
fn max_block<T: Scalar, const N: usize>(
    best: &mut [T],
    winners: &mut [u32],
    f: usize,
    product: Product<'_, T>,
    index: &[u32],
    window: Window,
    positions: std::ops::Range<usize>,
) {
    let mut top = [T::NEG_INFINITY; N];
    let mut at = [positions.start as u32; N];
    for t in positions {
        let mut sum = [T::ZERO; N];
        for k in window.taps_inside(t, index.len()) {
            let row = index[t + k - window.pad_left] as usize;
            let start = row * product.stride + product.column + k * product.n_filters + f;
            let values = &product.data[start..start + N];
            for i in 0..N {
                sum[i] += values[i];
            }
        }
        for i in 0..N {
            let better = sum[i] > top[i];
            top[i] = if better { sum[i] } else { top[i] };
            at[i] = if better { t as u32 } else { at[i] };
        }
    }
    best[..N].copy_from_slice(&top);
    winners[..N].copy_from_slice(&at);
}

/// What the filters of a group give at position `t`, added to `sum`: `[n_filters]`.
#[inline(always)]
fn sum_body<T: Scalar>(sum: &mut [T], product: Product<'_, T>, index: &[u32], window: Window, t: usize) {
    for k in window.taps_inside(t, index.len()) {
        let row = index[t + k - window.pad_left] as usize;
        let start = row * product.stride + product.column + k * product.n_filters;
        for (s, v) in sum.iter_mut().zip(&product.data[start..start + product.n_filters]) {
            *s += *v;
        }
    }
}

/// The loops of this file, with a body for each kind of processor where it matters.
pub trait WindowKernels: Sized {
    /// The maximum over positions, and where it is. See the definition above.
    fn max_over_positions(
        best: &mut [Self],
        winners: &mut [u32],
        product: Product<'_, Self>,
        index: &[u32],
        window: Window,
        positions: std::ops::Range<usize>,
    );
    /// Rounds values to fixed point, one scale a value (see [`table`](super::table)).
    fn quantise(out: &mut [i16], values: &[Self], scale: &[f32]);
    /// Adds to `sum` what the filters give at position `t`.
    fn add_position(sum: &mut [Self], product: Product<'_, Self>, index: &[u32], window: Window, t: usize);
}

#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+bmi2+fma",
    "x86_64+avx2+bmi2+fma",
    "aarch64+neon"
))]
fn max_f32(
    best: &mut [f32],
    winners: &mut [u32],
    product: Product<'_, f32>,
    index: &[u32],
    window: Window,
    positions: std::ops::Range<usize>,
) {
    max_body(best, winners, product, index, window, positions);
}

#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+bmi2+fma",
    "x86_64+avx2+bmi2+fma",
    "aarch64+neon"
))]
fn sum_f32(sum: &mut [f32], product: Product<'_, f32>, index: &[u32], window: Window, t: usize) {
    sum_body(sum, product, index, window, t);
}

impl WindowKernels for f32 {
    fn max_over_positions(
        best: &mut [Self],
        winners: &mut [u32],
        product: Product<'_, Self>,
        index: &[u32],
        window: Window,
        positions: std::ops::Range<usize>,
    ) {
        max_f32(best, winners, product, index, window, positions);
    }
    fn quantise(out: &mut [i16], values: &[Self], scale: &[f32]) {
        super::table::quantise(out, values, scale);
    }
    fn add_position(sum: &mut [Self], product: Product<'_, Self>, index: &[u32], window: Window, t: usize) {
        sum_f32(sum, product, index, window, t);
    }
}

impl WindowKernels for f64 {
    fn max_over_positions(
        best: &mut [Self],
        winners: &mut [u32],
        product: Product<'_, Self>,
        index: &[u32],
        window: Window,
        positions: std::ops::Range<usize>,
    ) {
        max_body(best, winners, product, index, window, positions);
    }
    fn quantise(out: &mut [i16], values: &[Self], scale: &[f32]) {
        for ((q, v), s) in out.iter_mut().zip(values).zip(scale) {
            *q = (*v * Self::from(*s)).round_ties_even() as i16;
        }
    }
    fn add_position(sum: &mut [Self], product: Product<'_, Self>, index: &[u32], window: Window, t: usize) {
        sum_body(sum, product, index, window, t);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng;

    /// The definition, from the convolution's formula.
    fn value(p: Product<'_, f32>, index: &[u32], w: Window, t: usize, f: usize) -> f32 {
        (0..w.width)
            .filter_map(|k| {
                let token = (t + k).checked_sub(w.pad_left).filter(|&i| i < index.len())?;
                Some(p.data[index[token] as usize * p.stride + p.column + k * p.n_filters + f])
            })
            .sum()
    }

    #[test]
    fn maximum_and_every_position_equal_the_definition() {
        for (n_filters, width, pad_left, n_tokens) in
            [(1, 1, 0, 4), (70, 3, 0, 9), (128, 5, 4, 3), (81, 2, 1, 12), (16, 4, 0, 2), (20, 3, 2, 0)]
        {
            let (stride, column, n_rows) = (width * n_filters + 7, 5, 6);
            let data: Vec<f32> = (0..n_rows * stride).map(|i| rng::normal(9, i as u64) as f32).collect();
            let index: Vec<u32> = (0..n_tokens).map(|i| (i * 7 % n_rows) as u32).collect();
            let product = Product { data: &data, stride, column, n_filters };
            let window = Window { width, pad_left };
            let n_positions = (n_tokens + 2 * pad_left + 1).saturating_sub(width).max(1);
            let (mut best, mut winners) = (vec![0.0; n_filters], vec![0; n_filters]);
            f32::max_over_positions(&mut best, &mut winners, product, &index, window, 0..n_positions);
            let mut all = vec![0.0; n_positions * n_filters];
            for (t, sum) in all.chunks_mut(n_filters).enumerate() {
                f32::add_position(sum, product, &index, window, t);
            }
            for f in 0..n_filters {
                let values: Vec<f32> = (0..n_positions).map(|t| value(product, &index, window, t, f)).collect();
                let expected = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                assert!((best[f] - expected).abs() < 1e-5);
                assert!((values[winners[f] as usize] - expected).abs() < 1e-5);
                for (t, v) in values.iter().enumerate() {
                    assert!((all[t * n_filters + f] - v).abs() < 1e-5);
                }
            }
        }
    }
}
