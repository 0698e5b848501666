//! Softmax over long rows, such as a vocabulary, with the cross-entropy of one of their numbers.

use multiversion::multiversion;

use crate::scalar::Scalar;

/// Replaces a row of logits by `scale` times the gradient of `-ln softmax(z)[target]`, and returns that loss, not scaled.
///
/// Sums are made of sixteen side by side, in a fixed order.
///
/// # Panics
/// When the row has no number `target`.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2+fma", "aarch64+neon"))]
pub fn cross_entropy_row<T: Scalar>(z: &mut [T], target: usize, scale: f64) -> f64 {
    let at_target = z[target].to_f64();
    let max = largest(z);
    let (parts, rest) = z.as_chunks_mut::<16>();
    let mut sums = [T::ZERO; 16];
    for part in parts {
        for (sum, z) in sums.iter_mut().zip(part) {
            *z = (*z - max).exp_lane();
            *sum += *z;
        }
    }
    let mut total: f64 = sums.iter().map(|sum| sum.to_f64()).sum();
    for z in rest {
        *z = (*z - max).exp_lane();
        total += z.to_f64();
    }
    let share = T::from_f64(scale / total);
    for z in z.iter_mut() {
        *z *= share;
    }
    z[target] -= T::from_f64(scale);
    total.ln() + max.to_f64() - at_target
}

/// The largest number of a row. Where one is NaN, the sums behind it show it.
#[inline(always)]
fn largest<T: Scalar>(z: &[T]) -> T {
    let (parts, rest) = z.as_chunks::<16>();
    let mut found = [T::NEG_INFINITY; 16];
    for part in parts {
        for (found, &z) in found.iter_mut().zip(part) {
            *found = if z > *found { z } else { *found };
        }
    }
    found.iter().chain(rest).fold(T::NEG_INFINITY, |max, &z| if z > max { z } else { max })
}

/// The definition of [`cross_entropy_row`], to test against.
pub fn cross_entropy_row_naive<T: Scalar>(z: &mut [T], target: usize, scale: f64) -> f64 {
    let total: f64 = z.iter().map(|z| z.to_f64().exp()).sum();
    let loss = total.ln() - z[target].to_f64();
    for (i, z) in z.iter_mut().enumerate() {
        let p = z.to_f64().exp() / total;
        *z = T::from_f64(scale * (p - f64::from(u8::from(i == target))));
    }
    loss
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng;

    #[test]
    fn equals_the_definition() {
        for n in [1, 5, 16, 37, 1000] {
            let row: Vec<f64> = (0..n).map(|i| 3.0 * rng::normal(1, i as u64)).collect();
            let (mut fast, mut plain) = (row.clone(), row.clone());
            let target = n / 2;
            let losses = [cross_entropy_row(&mut fast, target, 0.7), cross_entropy_row_naive(&mut plain, target, 0.7)];
            assert!((losses[0] - losses[1]).abs() < 1e-12, "{losses:?}");
            assert!(fast.iter().zip(&plain).all(|(a, b)| (a - b).abs() < 1e-14));
            let mut single: Vec<f32> = row.iter().map(|&z| z as f32).collect();
            assert!((cross_entropy_row(&mut single, target, 0.7) - losses[1]).abs() < 1e-5);
            assert!(single.iter().zip(&plain).all(|(&a, &b)| (f64::from(a) - b).abs() < 1e-6));
        }
    }

    #[test]
    fn huge_logits_stay_finite_and_what_is_no_number_shows() {
        let mut row = [-3e38f32, 3e38];
        assert!(cross_entropy_row(&mut row, 0, 1.0) > 1e38);
        assert_eq!(row, [-1.0, 1.0]);
        assert!(cross_entropy_row(&mut [0.0, f32::NAN], 0, 1.0).is_nan());
        assert!(cross_entropy_row(&mut [0.0, f32::INFINITY], 0, 1.0).is_nan());
    }
}
