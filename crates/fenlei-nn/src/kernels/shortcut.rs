//! What stands between two products of a Transformer: bias, dropout, the sum with the shortcut, and the norm. Each pass
//! reads and writes every row once, while it is in the cache.
//!
//! Sums over rows are divided into parts of a fixed number of rows and added in order, so that no bit depends on the
//! number of threads.

use multiversion::multiversion;
use rayon::prelude::*;

use super::norms::{sum, sum_of_products};
use crate::rng;
use crate::scalar::Scalar;
use crate::spec::NormKind;

/// Rows of a part.
pub(super) const ROWS: usize = 32;

/// Below this many numbers one thread is faster than waking a second.
const PARALLEL_FROM: usize = 1 << 14;

/// How many parts one task takes: all of them where there is little to do.
pub(super) fn parts_per_task(n_numbers: usize) -> usize {
    if n_numbers < PARALLEL_FROM { usize::MAX } else { 1 }
}

/// A norm of rows: its kind and what it multiplies with and adds.
#[derive(Debug, Clone, Copy)]
pub struct RowNorm<'a, T> {
    /// What it does.
    pub kind: NormKind,
    /// Keeps it finite.
    pub epsilon: f64,
    /// `[width]`.
    pub scale: &'a [T],
    /// `[width]`, or empty.
    pub shift: &'a [T],
}

/// Leaves out numbers by their place.
#[derive(Debug, Clone, Copy)]
pub struct RowDropout {
    /// Of the step and the layer.
    pub seed: u64,
    /// The share.
    pub rate: f64,
}

impl<T: Scalar> RowNorm<'_, T> {
    /// Mean (zero for RMS) and `1 / √(mean square of what is left + ε)`.
    #[inline(always)]
    fn moments(&self, x: &[T]) -> [T; 2] {
        let share = T::from_f64(1.0 / x.len() as f64);
        let mean = match self.kind {
            NormKind::Layer => sum(x, T::ZERO) * share,
            NormKind::Rms => T::ZERO,
        };
        let variance = sum_of_products(x, x, mean, mean) * share;
        [mean, T::ONE / (variance + T::from_f64(self.epsilon)).sqrt()]
    }

    /// `y` = the norm of each row of `x`, and the `moments: [n_rows, 2]` of the rows.
    pub fn forward(&self, y: &mut [T], moments: &mut [T], x: &[T]) {
        let width = self.scale.len();
        let parts = y.par_chunks_mut(width * ROWS).zip(moments.par_chunks_mut(2 * ROWS)).enumerate();
        parts.with_min_len(parts_per_task(x.len())).for_each(|(part, (y, moments))| {
            for (i, (y, moments)) in y.chunks_exact_mut(width).zip(moments.chunks_exact_mut(2)).enumerate() {
                let x = &x[(part * ROWS + i) * width..][..width];
                let [mean, inverse] = self.moments(x);
                (moments[0], moments[1]) = (mean, inverse);
                normalise(y, x, [mean, inverse], self.scale, self.shift);
            }
        });
    }

    /// `y` from `x` and the moments that the forward pass left.
    pub fn again(&self, y: &mut [T], moments: &[T], x: &[T]) {
        let width = self.scale.len();
        let parts = y.par_chunks_mut(width * ROWS).enumerate().with_min_len(parts_per_task(x.len()));
        parts.for_each(|(part, y)| {
            for (i, y) in y.chunks_exact_mut(width).enumerate() {
                let row = part * ROWS + i;
                let moments = [moments[row * 2], moments[row * 2 + 1]];
                normalise(y, &x[row * width..][..width], moments, self.scale, self.shift);
            }
        });
    }

    /// `dx` = the gradient of `x` (plus `along`, where that is not empty), from `dy`, `x` and the moments. Adds to the
    /// gradients of scale and shift. `masked`, where it is not empty, gets `dx` with `dropout`'s numbers left out;
    /// its column sums (those of `dx`, where it is empty) are added to `d_bias`.
    pub fn backward(&self, out: NormGradients<'_, T>, partial: &mut Vec<T>, kept: NormKept<'_, T>) {
        let width = self.scale.len();
        let NormGradients { dx, masked, d_scale, d_shift, d_bias } = out;
        let n_parts = dx.len().div_ceil(width * ROWS).max(1);
        partial.clear();
        partial.resize(n_parts * 3 * width, T::ZERO);
        let mut nothing = Vec::new();
        let has_mask = !masked.is_empty();
        let masked = if has_mask { masked } else { nothing.as_mut_slice() };
        let mut masked_parts: Vec<&mut [T]> = masked.chunks_mut(width * ROWS).collect();
        masked_parts.resize_with(n_parts, Default::default);
        let parts = dx
            .par_chunks_mut(width * ROWS)
            .zip(partial.par_chunks_mut(3 * width))
            .zip(masked_parts.into_par_iter())
            .enumerate();
        parts.with_min_len(parts_per_task(kept.x.len())).for_each(|(part, ((dx, sums), masked))| {
            let (d_scale, sums) = sums.split_at_mut(width);
            let (d_shift, d_bias) = sums.split_at_mut(width);
            for (i, dx) in dx.chunks_exact_mut(width).enumerate() {
                let row = part * ROWS + i;
                let numbers = row * width..(row + 1) * width;
                let (x, dy) = (&kept.x[numbers.clone()], &kept.dy[numbers.clone()]);
                let along = kept.along.get(numbers.clone()).unwrap_or_default();
                let moments = [kept.moments[row * 2], kept.moments[row * 2 + 1]];
                let layer = self.kind == NormKind::Layer;
                backward_row((dx, d_scale, d_shift), x, dy, along, moments, self.scale, layer);
                if has_mask {
                    let masked = &mut masked[i * width..(i + 1) * width];
                    mask(masked, dx, kept.dropout, numbers.start);
                    add_row(d_bias, masked);
                } else {
                    add_row(d_bias, dx);
                }
            }
        });
        for sums in partial.chunks_exact(3 * width) {
            for (out, sums) in [&mut *d_scale, &mut *d_shift, &mut *d_bias].into_iter().zip(sums.chunks_exact(width)) {
                // A frozen parameter has no gradient, and then nothing is added.
                out.iter_mut().zip(sums).for_each(|(out, &sum)| *out += sum);
            }
        }
    }
}

/// What [`RowNorm::backward`] writes.
#[derive(Debug)]
pub struct NormGradients<'a, T> {
    /// `[n_rows, width]`.
    pub dx: &'a mut [T],
    /// `[n_rows, width]`, or empty.
    pub masked: &'a mut [T],
    /// `[width]`, or empty.
    pub d_scale: &'a mut [T],
    /// `[width]`, or empty.
    pub d_shift: &'a mut [T],
    /// `[width]`, or empty.
    pub d_bias: &'a mut [T],
}

/// What [`RowNorm::backward`] reads.
#[derive(Debug, Clone, Copy)]
pub struct NormKept<'a, T> {
    /// `[n_rows, width]`: the gradient of the norm's output.
    pub dy: &'a [T],
    /// `[n_rows, width]`: what was normalised.
    pub x: &'a [T],
    /// `[n_rows, 2]`.
    pub moments: &'a [T],
    /// `[n_rows, width]`, or empty.
    pub along: &'a [T],
    /// What `masked` leaves out.
    pub dropout: Option<RowDropout>,
}

/// `sum = x + dropout(t + bias)` for each row.
pub fn add<T: Scalar>(sum: &mut [T], x: &[T], t: &[T], bias: &[T], width: usize, dropout: Option<RowDropout>) {
    let parts = sum.par_chunks_mut(width * ROWS).enumerate().with_min_len(parts_per_task(x.len()));
    parts.for_each(|(part, sum)| {
        for (i, sum) in sum.chunks_exact_mut(width).enumerate() {
            let first = (part * ROWS + i) * width;
            sum_row(sum, &x[first..first + width], &t[first..first + width], bias, dropout, first);
        }
    });
}

/// [`add`], and the norm of each row of the sum while it is there.
pub fn add_and_normalise<T: Scalar>(
    (sum, y, moments): (&mut [T], &mut [T], &mut [T]),
    x: &[T],
    t: &[T],
    bias: &[T],
    dropout: Option<RowDropout>,
    norm: &RowNorm<'_, T>,
) {
    let width = norm.scale.len();
    let parts = sum.par_chunks_mut(width * ROWS).zip(y.par_chunks_mut(width * ROWS));
    let parts = parts.zip(moments.par_chunks_mut(2 * ROWS)).enumerate().with_min_len(parts_per_task(x.len()));
    parts.for_each(|(part, ((sum, y), moments))| {
        let rows = sum.chunks_exact_mut(width).zip(y.chunks_exact_mut(width)).zip(moments.chunks_exact_mut(2));
        for (i, ((sum, y), moments)) in rows.enumerate() {
            let first = (part * ROWS + i) * width;
            sum_row(sum, &x[first..first + width], &t[first..first + width], bias, dropout, first);
            let [mean, inverse] = norm.moments(sum);
            (moments[0], moments[1]) = (mean, inverse);
            normalise(y, sum, [mean, inverse], norm.scale, norm.shift);
        }
    });
}

/// The way back of [`add`]: `masked` = `dy` with dropout's numbers left out (where it is not empty), its column sums (or
/// those of `dy`) added to `d_bias: [width]`.
pub fn add_backward<T: Scalar>(
    (masked, d_bias): (&mut [T], &mut [T]),
    partial: &mut Vec<T>,
    dy: &[T],
    width: usize,
    dropout: Option<RowDropout>,
) {
    if masked.is_empty() && d_bias.is_empty() {
        return;
    }
    let n_parts = dy.len().div_ceil(width * ROWS).max(1);
    partial.clear();
    partial.resize(n_parts * width, T::ZERO);
    let has_mask = !masked.is_empty();
    let mut masked_parts: Vec<&mut [T]> = masked.chunks_mut(width * ROWS).collect();
    masked_parts.resize_with(n_parts, Default::default);
    let parts = partial.par_chunks_mut(width).zip(masked_parts.into_par_iter()).zip(dy.par_chunks(width * ROWS));
    parts.enumerate().with_min_len(parts_per_task(dy.len())).for_each(|(part, ((sums, masked), dy))| {
        for (i, dy) in dy.chunks_exact(width).enumerate() {
            if has_mask {
                let masked = &mut masked[i * width..(i + 1) * width];
                mask(masked, dy, dropout, (part * ROWS + i) * width);
                add_row(sums, masked);
            } else {
                add_row(sums, dy);
            }
        }
    });
    for sums in partial.chunks_exact(width) {
        d_bias.iter_mut().zip(sums).for_each(|(out, &sum)| *out += sum);
    }
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2+fma", "aarch64+neon"))]
fn sum_row<T: Scalar>(sum: &mut [T], x: &[T], t: &[T], bias: &[T], dropout: Option<RowDropout>, first: usize) {
    if bias.is_empty() {
        sum.copy_from_slice(t);
    } else {
        sum.iter_mut().zip(t).zip(bias).for_each(|((sum, &t), &bias)| *sum = t + bias);
    }
    if let Some(RowDropout { seed, rate }) = dropout {
        let (bound, keep) = (rng::threshold(rate), T::from_f64(1.0 / (1.0 - rate)));
        for (i, sum) in sum.iter_mut().enumerate() {
            *sum = if rng::bits(seed, (first + i) as u64) < bound { T::ZERO } else { *sum * keep };
        }
    }
    sum.iter_mut().zip(x).for_each(|(sum, &x)| *sum += x);
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2+fma", "aarch64+neon"))]
fn mask<T: Scalar>(out: &mut [T], x: &[T], dropout: Option<RowDropout>, first: usize) {
    let Some(RowDropout { seed, rate }) = dropout else { return out.copy_from_slice(x) };
    let (bound, keep) = (rng::threshold(rate), T::from_f64(1.0 / (1.0 - rate)));
    for (i, (out, &x)) in out.iter_mut().zip(x).enumerate() {
        *out = if rng::bits(seed, (first + i) as u64) < bound { T::ZERO } else { x * keep };
    }
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2+fma", "aarch64+neon"))]
fn add_row<T: Scalar>(sums: &mut [T], row: &[T]) {
    sums.iter_mut().zip(row).for_each(|(sum, &x)| *sum += x);
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2+fma", "aarch64+neon"))]
fn normalise<T: Scalar>(y: &mut [T], x: &[T], [mean, inverse]: [T; 2], scale: &[T], shift: &[T]) {
    if shift.is_empty() {
        for ((y, &x), &scale) in y.iter_mut().zip(x).zip(scale) {
            *y = (x - mean) * inverse * scale;
        }
    } else {
        for (((y, &x), &scale), &shift) in y.iter_mut().zip(x).zip(scale).zip(shift) {
            *y = (x - mean) * inverse * scale + shift;
        }
    }
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2+fma", "aarch64+neon"))]
fn backward_row<T: Scalar>(
    (dx, d_scale, d_shift): (&mut [T], &mut [T], &mut [T]),
    x: &[T],
    dy: &[T],
    along: &[T],
    [mean, inverse]: [T; 2],
    scale: &[T],
    layer: bool,
) {
    let share = T::from_f64(1.0 / x.len() as f64);
    // Sixteen sums side by side, in a fixed order.
    let (mut along_mean, mut along_x) = ([T::ZERO; 16], [T::ZERO; 16]);
    for start in (0..x.len()).step_by(16) {
        let end = x.len().min(start + 16);
        let (x, dy, scale) = (&x[start..end], &dy[start..end], &scale[start..end]);
        let (d_scale, d_shift) = (&mut d_scale[start..end], &mut d_shift[start..end]);
        for i in 0..x.len() {
            let normalised = (x[i] - mean) * inverse;
            d_scale[i] += dy[i] * normalised;
            d_shift[i] += dy[i];
            let d = dy[i] * scale[i];
            along_mean[i] += d;
            along_x[i] += d * normalised;
        }
    }
    let along_mean = if layer { along_mean.into_iter().sum::<T>() * share } else { T::ZERO };
    let along_x = along_x.into_iter().sum::<T>() * share;
    for (((dx, &x), &dy), &scale) in dx.iter_mut().zip(x).zip(dy).zip(scale) {
        *dx = inverse * (dy * scale - along_mean - (x - mean) * inverse * along_x);
    }
    dx.iter_mut().zip(along).for_each(|(dx, &along)| *dx += along);
}
