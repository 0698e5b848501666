use super::*;
use crate::kernels::gemm::{Mat, matmul_naive};
use crate::rng;

fn random(n: usize, seed: u64) -> Vec<f32> {
    (0..n).map(|i| rng::normal(seed, i as u64) as f32).collect()
}

#[test]
fn products_are_those_of_f32_to_sixteen_bits() {
    if !available() {
        return;
    }
    for (m, k, n) in [(1, 1, 1), (16, 32, 16), (33, 50, 47), (64, 128, 96), (100, 70, 17), (16, 300, 200)] {
        let (a, b) = (random(m * k, 1), random(k * n, 2));
        let (a_t, b_t) = (random(m * k, 3), random(k * n, 4));
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
