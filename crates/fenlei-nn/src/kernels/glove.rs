//! Steps of GloVe (Pennington, Socher and Manning 2014, "GloVe: Global Vectors for Word Representation").
//!
//! For words `i` and `j` with the count `x` of their meetings, `f(x) (w_i · c_j + b_i + d_j − ln x)²` is made small by
//! AdaGrad: each number moves by its gradient over the root of the sum of its squared gradients so far.

use multiversion::multiversion;

use super::memory::prefetch;
use crate::scalar::Scalar;

/// How many entries ahead rows are asked for.
const AHEAD: usize = 4;

/// Some of the vectors of one side: the numbers and their sums of squares lie together, since they are used together.
#[derive(Debug)]
pub struct Side<'a, T> {
    /// `[n_rows, 2, dim + 1]`: numbers with the bias behind them, then the sum of squared gradients of each.
    pub rows: &'a mut [T],
}

/// A pair of words that met.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Meeting {
    /// Row of the one side.
    pub row: u32,
    /// Row of the other side.
    pub col: u32,
    /// How often they met, nearer ones counting more.
    pub count: f32,
}

/// How meetings are weighed and steps taken.
#[derive(Debug, Clone, Copy)]
pub struct GloveRule<T> {
    /// The first step size.
    pub lr: T,
    /// Counts from here on weigh 1.
    pub x_max: T,
    /// How fast the weight of smaller counts falls: `(x / x_max)^alpha`.
    pub alpha: T,
}

/// Takes a step for each meeting, one after the other, on rows of `dim` numbers and a bias; the sum of their losses.
pub fn step<T: Scalar>(
    words: &mut Side<'_, T>,
    contexts: &mut Side<'_, T>,
    meetings: &[Meeting],
    dim: usize,
    rule: GloveRule<T>,
) -> f64 {
    step_part(words.rows, contexts.rows, meetings, dim, rule)
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2+fma", "aarch64+neon"))]
fn step_part<T: Scalar>(
    words: &mut [T],
    contexts: &mut [T],
    meetings: &[Meeting],
    dim: usize,
    rule: GloveRule<T>,
) -> f64 {
    let stride = 2 * (dim + 1);
    let mut total = 0.0;
    for (i, meeting) in meetings.iter().enumerate() {
        if let Some(next) = meetings.get(i + AHEAD) {
            prefetch(&words[next.row as usize * stride..][..stride]);
            prefetch(&contexts[next.col as usize * stride..][..stride]);
        }
        let (w, w_squares) = words[meeting.row as usize * stride..][..stride].split_at_mut(dim + 1);
        let (c, c_squares) = contexts[meeting.col as usize * stride..][..stride].split_at_mut(dim + 1);
        let count = T::from_f64(f64::from(meeting.count));
        let miss = dot(&w[..dim], &c[..dim]) + w[dim] + c[dim] - count.ln();
        let weight = if count < rule.x_max { (count / rule.x_max).powf(rule.alpha) } else { T::ONE };
        total += 0.5 * (weight * miss * miss).to_f64();
        let pull = weight * miss * rule.lr;
        for l in 0..dim {
            let (dw, dc) = (pull * c[l], pull * w[l]);
            w[l] += -(dw / w_squares[l].sqrt());
            c[l] += -(dc / c_squares[l].sqrt());
            w_squares[l] += dw * dw;
            c_squares[l] += dc * dc;
        }
        w[dim] += -(pull / w_squares[dim].sqrt());
        c[dim] += -(pull / c_squares[dim].sqrt());
        w_squares[dim] += pull * pull;
        c_squares[dim] += pull * pull;
    }
    total
}

/// Sixteen sums side by side, so that the processor can add them at once.
#[inline(always)]
fn dot<T: Scalar>(a: &[T], b: &[T]) -> T {
    let mut sums = [T::ZERO; 16];
    let (a_lanes, a_rest) = a.as_chunks::<16>();
    let (b_lanes, b_rest) = b.as_chunks::<16>();
    for (a, b) in a_lanes.iter().zip(b_lanes) {
        (0..16).for_each(|l| sums[l] += a[l] * b[l]);
    }
    let rest: T = a_rest.iter().zip(b_rest).map(|(&a, &b)| a * b).sum();
    sums.iter().copied().sum::<T>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng;

    const DIM: usize = 21;
    const STRIDE: usize = 2 * (DIM + 1);

    fn side(n_rows: usize, seed: u64) -> Vec<f64> {
        let value = |i: usize| match i % STRIDE <= DIM {
            true => rng::uniform(seed, i as u64) - 0.5,
            false => 1.0,
        };
        (0..n_rows * STRIDE).map(value).collect()
    }

    const RULE: GloveRule<f64> = GloveRule { lr: 0.05, x_max: 10.0, alpha: 0.75 };

    fn loss(words: &[f64], contexts: &[f64], meeting: Meeting) -> f64 {
        let (mut words, mut contexts) = (words.to_vec(), contexts.to_vec());
        step(&mut Side { rows: &mut words }, &mut Side { rows: &mut contexts }, &[meeting], DIM, RULE)
    }

    #[test]
    fn the_step_goes_down_the_gradient_of_the_weighted_squares() {
        let (words, contexts) = (side(3, 1), side(2, 2));
        for count in [3.5, 10.0, 40.0] {
            let meeting = Meeting { row: 2, col: 1, count };
            let (mut moved_w, mut moved_c) = (words.clone(), contexts.clone());
            step(&mut Side { rows: &mut moved_w }, &mut Side { rows: &mut moved_c }, &[meeting], DIM, RULE);
            let h = 1e-6;
            for i in 0..words.len() {
                let shifted = |by: f64| {
                    let mut words = words.clone();
                    words[i] += by;
                    loss(&words, &contexts, meeting)
                };
                let gradient = (shifted(h) - shifted(-h)) / (2.0 * h);
                if i % STRIDE <= DIM {
                    // The sums of squares are 1 before the first step.
                    assert!((words[i] - moved_w[i] - RULE.lr * gradient).abs() < 1e-8, "{i}");
                    let square = moved_w[i + DIM + 1] - 1.0;
                    assert!((square - (RULE.lr * gradient).powi(2)).abs() < 1e-8, "{i}");
                }
            }
            for i in STRIDE..STRIDE + DIM + 1 {
                let shifted = |by: f64| {
                    let mut contexts = contexts.clone();
                    contexts[i] += by;
                    loss(&words, &contexts, meeting)
                };
                let gradient = (shifted(h) - shifted(-h)) / (2.0 * h);
                assert!((contexts[i] - moved_c[i] - RULE.lr * gradient).abs() < 1e-8, "{i}");
            }
        }
    }

    #[test]
    fn a_step_in_single_precision_is_that_in_double() {
        let (mut words, mut contexts) = (side(5, 3), side(7, 4));
        let narrow = |numbers: &[f64]| -> Vec<f32> { numbers.iter().map(|&x| x as f32).collect() };
        let (mut narrow_w, mut narrow_c) = (narrow(&words), narrow(&contexts));
        let meetings: Vec<Meeting> =
            (0..200).map(|i| Meeting { row: i % 5, col: i * 3 % 7, count: 1.0 + (i % 13) as f32 }).collect();
        let wide = step(&mut Side { rows: &mut words }, &mut Side { rows: &mut contexts }, &meetings, DIM, RULE);
        let rule = GloveRule { lr: 0.05, x_max: 10.0, alpha: 0.75 };
        let single = step(&mut Side { rows: &mut narrow_w }, &mut Side { rows: &mut narrow_c }, &meetings, DIM, rule);
        assert!((wide - single).abs() < 1e-3 * wide);
        for (narrow, wide) in narrow_w.iter().chain(&narrow_c).zip(words.iter().chain(&contexts)) {
            assert!((f64::from(*narrow) - wide).abs() < 1e-4, "{narrow} {wide}");
        }
    }
}
