//! Attention against its definition, with the whole table of weights.

use super::*;
use crate::kernels::lent::Lender;
use crate::scalar::Scalar;

fn naive(qkv: &[f64], starts: &[u32], a: &Attention<'_, f64>) -> (Vec<f64>, Vec<f64>) {
    let (dim, width) = (a.head_dim, a.width());
    let n_rows = qkv.len() / width;
    let (mut context, mut log_sums) = (vec![0.0; n_rows * a.heads * dim], vec![0.0; n_rows * a.heads]);
    for doc in starts.windows(2).map(|d| d[0] as usize..d[1] as usize) {
        let head = |row: usize, column: usize, turned: bool| -> Vec<f64> {
            let mut head: Vec<f64> = (column..column + dim).map(|c| qkv[row * width + c] + a.bias[c]).collect();
            if let Some(rotary) = a.rotary.filter(|_| turned) {
                rotary.turn(&mut head, row - doc.start, false);
            }
            head
        };
        for h in 0..a.heads {
            let kv = h / (a.heads / a.kv_heads);
            for i in doc.clone() {
                let q = head(i, h * dim, true);
                let seen: Vec<usize> = (doc.clone())
                    .filter(|&j| !a.causal || j <= i)
                    .filter(|&j| a.window.is_none_or(|window| i.abs_diff(j) <= window))
                    .collect();
                let scores: Vec<f64> = seen
                    .iter()
                    .map(|&j| {
                        let k = head(j, (a.heads + kv) * dim, true);
                        (q.iter().zip(&k).map(|(q, k)| q * k).sum::<f64>() / (dim as f64).sqrt()).exp()
                    })
                    .collect();
                let total: f64 = scores.iter().sum();
                log_sums[i * a.heads + h] = total.ln();
                for (j, score) in seen.into_iter().zip(scores) {
                    let v = head(j, (a.heads + a.kv_heads + kv) * dim, false);
                    let out = &mut context[(i * a.heads + h) * dim..][..dim];
                    out.iter_mut().zip(v).for_each(|(out, v)| *out += score / total * v);
                }
            }
        }
    }
    (context, log_sums)
}

fn check<T: Scalar>(starts: &[u32], causal: bool, window: Option<usize>, turned: bool, tolerance: f64) {
    let (heads, kv_heads, head_dim) = (4, 2, 6);
    let width = (heads + 2 * kv_heads) * head_dim;
    let n_rows = *starts.last().unwrap() as usize;
    let numbers = |seed, n| -> Vec<f64> { (0..n).map(|i| rng::normal(seed, i as u64)).collect() };
    let (qkv, bias) = (numbers(1, n_rows * width), numbers(2, width));
    let mut rotary = Rotary::default();
    rotary.prepare(100.0, head_dim, 700);
    let rotary_wide = Some(&rotary).filter(|_| turned);
    let wide = Attention { heads, kv_heads, head_dim, causal, window, bias: &bias, rotary: rotary_wide, dropout: None };
    let (expected, expected_sums) = naive(&qkv, starts, &wide);
    let narrow = |x: &[f64]| -> Vec<T> { x.iter().map(|&x| T::from_f64(x)).collect() };
    let mut rotary = Rotary::default();
    rotary.prepare(100.0, head_dim, 700);
    let bias = narrow(&bias);
    let attention = Attention {
        heads,
        kv_heads,
        head_dim,
        causal,
        window,
        bias: &bias,
        rotary: Some(&rotary).filter(|_| turned),
        dropout: None,
    };
    let mut context = vec![T::ZERO; expected.len()];
    let mut log_sums = vec![T::ZERO; expected_sums.len()];
    forward((&mut context, &mut log_sums), &Lender::default(), &narrow(&qkv), starts, &attention);
    for (found, expected) in context.iter().chain(&log_sums).zip(expected.iter().chain(&expected_sums)) {
        let difference = (found.to_f64() - expected).abs();
        assert!(difference < tolerance, "{causal} {window:?} {turned}: {found} and {expected}");
    }
}

#[test]
fn equals_the_definition_for_long_and_short_documents() {
    for starts in [&[0, 5, 5, 6, 76][..], &[0, 3, 600]] {
        for (causal, window) in [(false, None), (true, None), (false, Some(3)), (true, Some(2)), (false, Some(90))] {
            for turned in [false, true] {
                check::<f64>(starts, causal, window, turned, 1e-11);
                check::<f32>(starts, causal, window, turned, 1e-4);
            }
        }
    }
}

#[test]
fn large_scores_stay_finite() {
    let attention = Attention::<f32> {
        heads: 1,
        kv_heads: 1,
        head_dim: 2,
        causal: false,
        window: None,
        bias: &[],
        rotary: None,
        dropout: None,
    };
    let qkv = [300.0, 0.0, 300.0, 0.0, 1.0, 2.0, -300.0, 0.0, -300.0, 0.0, 3.0, 4.0];
    let (mut context, mut log_sums) = ([0.0; 4], [0.0; 2]);
    forward((&mut context, &mut log_sums), &Lender::default(), &qkv, &[0, 2], &attention);
    assert_eq!(context, [1.0, 2.0, 3.0, 4.0]);
}
