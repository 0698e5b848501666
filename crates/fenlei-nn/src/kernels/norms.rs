//! Sums over a slice in one fixed order, whatever the number of threads.

use multiversion::multiversion;

use crate::scalar::Scalar;

/// Numbers in a partial sum.
const PART: usize = 1 << 12;
/// Below this many numbers one thread is faster than waking a second.
const PARALLEL_FROM: usize = 1 << 16;

/// `Σ x²` in `f64`. Halves are summed apart and added, down to parts of a fixed size, so that the order of the sum
/// depends on the length only.
pub fn sum_of_squares<T: Scalar>(x: &[T]) -> f64 {
    if x.len() <= PART {
        return sum_part(x);
    }
    let (left, right) = x.split_at(x.len() / 2);
    let (left, right) = if x.len() < PARALLEL_FROM {
        (sum_of_squares(left), sum_of_squares(right))
    } else {
        rayon::join(|| sum_of_squares(left), || sum_of_squares(right))
    };
    left + right
}

/// Eight sums side by side, so that the loop can be vectorised without changing its order.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2+fma", "aarch64+neon"))]
fn sum_part<T: Scalar>(x: &[T]) -> f64 {
    let (eights, rest) = x.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for eight in eights {
        for (sum, x) in sums.iter_mut().zip(eight) {
            let x = x.to_f64();
            *sum += x * x;
        }
    }
    let rest: f64 = rest.iter().map(|x| x.to_f64() * x.to_f64()).sum();
    sums.iter().sum::<f64>() + rest
}

/// `Σ (x - offset)`, in the fixed order of sixteen sums side by side.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2+fma", "aarch64+neon"))]
pub fn sum<T: Scalar>(x: &[T], offset: T) -> T {
    let (parts, rest) = x.as_chunks::<16>();
    let mut sums = [T::ZERO; 16];
    for part in parts {
        for (sum, &x) in sums.iter_mut().zip(part) {
            *sum += x - offset;
        }
    }
    sums.into_iter().sum::<T>() + rest.iter().map(|&x| x - offset).sum::<T>()
}

/// `Σ (a - offset_a)(b - offset_b)`, in the fixed order of sixteen sums side by side. Both slices have the same length.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2+fma", "aarch64+neon"))]
pub fn sum_of_products<T: Scalar>(a: &[T], b: &[T], offset_a: T, offset_b: T) -> T {
    let ((a_parts, a_rest), (b_parts, b_rest)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    let mut sums = [T::ZERO; 16];
    for (a, b) in a_parts.iter().zip(b_parts) {
        for ((sum, &a), &b) in sums.iter_mut().zip(a).zip(b) {
            *sum += (a - offset_a) * (b - offset_b);
        }
    }
    let rest = a_rest.iter().zip(b_rest).map(|(&a, &b)| (a - offset_a) * (b - offset_b));
    sums.into_iter().sum::<T>() + rest.sum::<T>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_exact_on_integers_and_equal_for_any_number_of_threads() {
        let x: Vec<f32> = (0..300_001).map(|i| (i % 13) as f32).collect();
        let expected: f64 = x.iter().map(|&x| (x * x) as f64).sum();
        assert_eq!(sum_of_squares(&x), expected);
        let x: Vec<f32> = (0..300_001).map(|i| crate::rng::normal(1, i) as f32).collect();
        let with = |n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap().install(|| sum_of_squares(&x));
        assert!(with(1) == with(2) && with(1) == with(8));
    }

    #[test]
    fn short_sums_cover_every_number() {
        for n in [0, 1, 15, 16, 17, 50] {
            let a: Vec<f64> = (0..n).map(|i| i as f64).collect();
            let b: Vec<f64> = (0..n).map(|i| (i % 5) as f64).collect();
            assert_eq!(sum(&a, 2.0), a.iter().map(|a| a - 2.0).sum::<f64>());
            let expected: f64 = a.iter().zip(&b).map(|(a, b)| (a - 1.0) * (b - 3.0)).sum();
            assert_eq!(sum_of_products(&a, &b, 1.0, 3.0), expected);
        }
    }
}
