//! Rows of scores: to weights, and from the gradients of weights to those of scores.

use multiversion::multiversion;

use crate::rng;
use crate::scalar::Scalar;

/// The largest number of a slice that is not empty.
#[inline(always)]
fn largest<T: Scalar>(numbers: &[T]) -> T {
    let (parts, rest) = numbers.as_chunks::<16>();
    let mut best = [T::NEG_INFINITY; 16];
    for part in parts {
        for (best, &x) in best.iter_mut().zip(part) {
            *best = if x > *best { x } else { *best };
        }
    }
    best.iter().chain(rest).fold(T::NEG_INFINITY, |best, &x| if x > best { x } else { best })
}

#[inline(always)]
fn total<T: Scalar>(numbers: &[T]) -> T {
    let (parts, rest) = numbers.as_chunks::<16>();
    let mut sums = [T::ZERO; 16];
    for part in parts {
        sums.iter_mut().zip(part).for_each(|(sum, &x)| *sum += x);
    }
    sums.into_iter().sum::<T>() + rest.iter().copied().sum::<T>()
}

/// `scores = e^(scores - top)` with `top` the largest of them and of `before`. Gives `top` and the sum.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2+fma", "aarch64+neon"))]
pub(super) fn exponentials<T: Scalar>(scores: &mut [T], before: T) -> (T, T) {
    let top = largest(scores).max(before);
    for score in &mut *scores {
        *score = (*score - top).exp_lane();
    }
    (top, total(scores))
}

/// `scores = e^(scores - log_sum)`: the weights.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2+fma", "aarch64+neon"))]
pub(super) fn weights<T: Scalar>(scores: &mut [T], log_sum: T) {
    for score in scores {
        *score = (*score - log_sum).exp_lane();
    }
}

/// `d = weights · (d - along)`: from the gradient of the weights to that of the scores.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2+fma", "aarch64+neon"))]
pub(super) fn scores_backward<T: Scalar>(d: &mut [T], weights: &[T], along: T) {
    for (d, &weight) in d.iter_mut().zip(weights) {
        *d = weight * (*d - along);
    }
}

/// Leaves out numbers and scales the others; the first of `numbers` is at `first` of its row.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2+fma", "aarch64+neon"))]
pub(super) fn drop_some<T: Scalar>(numbers: &mut [T], first: usize, seed: u64, rate: f64) {
    let (bound, keep) = (rng::threshold(rate), T::from_f64(1.0 / (1.0 - rate)));
    for (i, x) in numbers.iter_mut().enumerate() {
        *x = if rng::bits(seed, (first + i) as u64) < bound { T::ZERO } else { *x * keep };
    }
}

/// `out = Σ a · b`.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2+fma", "aarch64+neon"))]
pub(super) fn dot<T: Scalar>(a: &[T], b: &[T]) -> T {
    let ((a_parts, a_rest), (b_parts, b_rest)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    let mut sums = [T::ZERO; 16];
    for (a, b) in a_parts.iter().zip(b_parts) {
        for ((sum, &a), &b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.into_iter().sum::<T>() + a_rest.iter().zip(b_rest).map(|(&a, &b)| a * b).sum::<T>()
}
