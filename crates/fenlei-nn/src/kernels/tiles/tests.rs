use super::*;
use crate::kernels::gemm::{Mat, matmul_naive};
use crate::rng;

fn random(n: usize, seed: u64) -> Vec<f32> {
    (0..n).map(|i| rng::normal(seed, i as u64) as f32).collect()
}

/// The nearest number with 8 bits of precision, ties to even.
fn bf16(x: f32) -> f32 {
    let bits = x.to_bits();
    f32::from_bits((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF_0000)
}

#[test]
fn products_are_those_of_f32_to_the_bits_that_are_multiplied() {
    let Some(unit) = unit() else { return };
    for (m, k, n) in [(1, 1, 1), (16, 32, 16), (33, 50, 47), (64, 128, 96), (100, 70, 17), (16, 300, 200)] {
        let factor = |n: usize, seed: u64| match unit {
            Unit::Tiles => random(n, seed),
            // Of numbers that have no more bits, the product is that of `f32`.
            Unit::Dots => random(n, seed).into_iter().map(bf16).collect(),
        };
        let (a, b) = (factor(m * k, 1), factor(k * n, 2));
        let (a_t, b_t) = (factor(m * k, 3), factor(k * n, 4));
        for (left, right) in [
            (Mat::new(&a, m, k), Mat::new(&b, k, n)),
            (Mat::new(&a_t, k, m).t(), Mat::new(&b, k, n)),
            (Mat::new(&a, m, k), Mat::new(&b_t, n, k).t()),
            (Mat::new(&a_t, k, m).t(), Mat::new(&b_t, n, k).t()),
        ] {
            let (mut x, mut y) = (Packed::default(), Packed::default());
            pack_rows(&mut x, left);
            pack_columns(&mut y, right);
            let stride = n + 3;
            let mut out = random(m * stride, 5);
            let before = out.clone();
            let mut expected = vec![0.0; m * n];
            matmul_naive(&mut expected, left, right, false);
            let error = 1e-4 * (k as f32).sqrt();
            for accumulate in [false, true] {
                multiply(&mut out, stride, m, n, (&x, &y), accumulate);
                for r in 0..m {
                    for c in 0..stride {
                        let found = out[r * stride + c];
                        let times = if accumulate { 2.0 } else { 1.0 };
                        let right = if c < n { times * expected[r * n + c] } else { before[r * stride + c] };
                        assert!((found - right).abs() < error, "{m} {k} {n} at {r}, {c}: {found} and {right}");
                    }
                }
            }
        }
    }
}

#[test]
fn parts_of_a_product_are_its_parts() {
    if !available() {
        return;
    }
    let (m, k, n) = (70, 64, 90);
    let (a, b) = (random(m * k, 1), random(k * n, 2));
    let (mut x, mut y) = (Packed::default(), Packed::default());
    pack_rows(&mut x, Mat::new(&a, m, k));
    pack_columns(&mut y, Mat::new(&b, k, n));
    let mut whole = vec![0.0; m * n];
    multiply(&mut whole, n, m, n, (&x, &y), false);
    let mut part = vec![0.0; 22 * 26];
    multiply::multiply_columns(&mut part, 26, 48..70, 64..90, (&x, &y), false);
    for (r, row) in part.chunks(26).enumerate() {
        assert_eq!(row, &whole[(48 + r) * n + 64..(48 + r) * n + 90]);
    }
}

#[test]
fn numbers_with_more_bits_are_rounded() {
    if unit() != Some(Unit::Dots) {
        return;
    }
    let (m, k, n) = (20, 64, 30);
    let (a, b) = (random(m * k, 1), random(k * n, 2));
    let (mut x, mut y) = (Packed::default(), Packed::default());
    pack_rows(&mut x, Mat::new(&a, m, k));
    pack_columns(&mut y, Mat::new(&b, k, n));
    let mut out = vec![0.0; m * n];
    multiply(&mut out, n, m, n, (&x, &y), false);
    let round = |numbers: &[f32]| numbers.iter().map(|&x| bf16(x)).collect::<Vec<f32>>();
    let mut expected = vec![0.0; m * n];
    matmul_naive(&mut expected, Mat::new(&round(&a), m, k), Mat::new(&round(&b), k, n), false);
    assert!(out.iter().zip(&expected).all(|(found, right)| (found - right).abs() < 1e-4));
}
