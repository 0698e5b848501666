//! Update rules of optimizers in one pass over parameter, moments and gradient.
//!
//! A [`Rule`] is written once for a single number; the loops here are compiled for the vector instructions of the
//! machine and divided among threads by element or by row, never within a sum.

use multiversion::multiversion;

use super::memory::prefetch;
use crate::scalar::Scalar;

/// Below this many numbers one thread is faster than waking a second.
const PARALLEL_FROM: usize = 1 << 16;

/// How many rows ahead of the one under update are asked for.
const PREFETCH_ROWS: usize = 3;

/// How one number moves.
pub trait Rule<T>: Copy + Send + Sync {
    /// How many moments the rule keeps for each number: 0, 1 (`first`) or 2.
    const N_MOMENTS: usize;
    /// Moves `p` along `g`. Moments that the rule does not keep are scratch numbers.
    fn update(self, p: &mut T, first: &mut T, second: &mut T, g: T);
}

/// A tensor under update: parameter and moments, all of one length. Moments that a rule does not keep are empty.
#[derive(Debug)]
pub struct Moving<'a, T> {
    /// The parameter.
    pub p: &'a mut [T],
    /// The first moment.
    pub first: &'a mut [T],
    /// The second moment.
    pub second: &'a mut [T],
}

impl<'a, T> Moving<'a, T> {
    fn split_at(self, middle: usize) -> (Self, Self) {
        let (p, p_right) = self.p.split_at_mut(middle);
        let (first, first_right) = split_moment(self.first, middle);
        let (second, second_right) = split_moment(self.second, middle);
        (Self { p, first, second }, Self { p: p_right, first: first_right, second: second_right })
    }
}

fn split_moment<T>(moment: &mut [T], middle: usize) -> (&mut [T], &mut [T]) {
    let middle = middle.min(moment.len());
    moment.split_at_mut(middle)
}

/// Applies `rule` to every number. `g` is as long as the parameter.
pub fn update<T: Scalar, R: Rule<T>>(rule: R, moving: Moving<'_, T>, g: &[T]) {
    if g.len() < PARALLEL_FROM {
        return update_part(rule, moving.p, moving.first, moving.second, g);
    }
    let middle = g.len() / 2;
    let (left, right) = moving.split_at(middle);
    rayon::join(|| update(rule, left, &g[..middle]), || update(rule, right, &g[middle..]));
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2+fma", "aarch64+neon"))]
fn update_part<T: Scalar, R: Rule<T>>(rule: R, p: &mut [T], first: &mut [T], second: &mut [T], g: &[T]) {
    update_slices(rule, p, first, second, g);
}

/// `order` lists `(row, key)`, ascending by row. Moves row `row` of a table as `rule(key)` says: by a rule along a
/// gradient, `[row_len]`. Other rows stay. `moving` begins at row `first_row` of the table.
pub fn update_rows<'g, T: Scalar, R: Rule<T>>(
    rule: &(impl Fn(u32) -> (R, &'g [T]) + Sync),
    moving: Moving<'_, T>,
    first_row: usize,
    row_len: usize,
    order: &[(u32, u32)],
) {
    if order.len() * row_len >= PARALLEL_FROM {
        // Rows before the middle one go left; equal rows stay together.
        let row = order[order.len() / 2].0;
        let (left, right) = order.split_at(order.partition_point(|&(r, _)| r < row));
        if !left.is_empty() {
            let middle = (row as usize - first_row) * row_len;
            let (moving_left, moving_right) = moving.split_at(middle);
            rayon::join(
                || update_rows(rule, moving_left, first_row, row_len, left),
                || update_rows(rule, moving_right, row as usize, row_len, right),
            );
            return;
        }
    }
    update_rows_part(rule, moving.p, moving.first, moving.second, (first_row, row_len), order);
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2+fma", "aarch64+neon"))]
fn update_rows_part<'g, T: Scalar, R: Rule<T>, F: Fn(u32) -> (R, &'g [T])>(
    rule: &F,
    p: &mut [T],
    first: &mut [T],
    second: &mut [T],
    (first_row, row_len): (usize, usize),
    order: &[(u32, u32)],
) {
    for (i, &(row, key)) in order.iter().enumerate() {
        // Rows lie anywhere in a large table: ask for those that come next.
        if let Some(&(next, _)) = order.get(i + PREFETCH_ROWS) {
            let start = (next as usize - first_row) * row_len;
            prefetch(&p[start..start + row_len]);
            for moment in [&*first, &*second] {
                prefetch(moment.get(start..start + row_len).unwrap_or_default());
            }
        }
        let start = (row as usize - first_row) * row_len;
        let numbers = start..start + row_len;
        let first = if R::N_MOMENTS >= 1 { &mut first[numbers.clone()] } else { &mut [] };
        let second = if R::N_MOMENTS >= 2 { &mut second[numbers.clone()] } else { &mut [] };
        let (rule, g) = rule(key);
        update_slices(rule, &mut p[numbers], first, second, g);
    }
}

/// Inlined into each version above, so that it is compiled for its instructions.
#[inline(always)]
fn update_slices<T: Scalar, R: Rule<T>>(rule: R, p: &mut [T], first: &mut [T], second: &mut [T], g: &[T]) {
    let mut unused = [T::ZERO; 2];
    let [a, b] = &mut unused;
    match R::N_MOMENTS {
        0 => p.iter_mut().zip(g).for_each(|(p, &g)| rule.update(p, a, b, g)),
        1 => p.iter_mut().zip(first).zip(g).for_each(|((p, first), &g)| rule.update(p, first, b, g)),
        _ => {
            for (((p, first), second), &g) in p.iter_mut().zip(first).zip(second).zip(g) {
                rule.update(p, first, second, g);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy)]
    struct Sum;
    impl Rule<f64> for Sum {
        const N_MOMENTS: usize = 1;
        fn update(self, p: &mut f64, first: &mut f64, _: &mut f64, g: f64) {
            *first += g;
            *p -= *first;
        }
    }

    #[test]
    fn rows_of_a_table_are_updated_and_others_left() {
        let (n_rows, row_len) = (5000, 40);
        let touched: Vec<u32> = (0..4000).map(|i| (i * 1237) % 5000).collect();
        let g: Vec<f64> = (0..4000 * row_len).map(|i| i as f64).collect();
        let mut order: Vec<(u32, u32)> = touched.iter().enumerate().map(|(i, &r)| (r, i as u32)).collect();
        order.sort_unstable();
        let (mut p, mut first) = (vec![0.0; n_rows * row_len], vec![0.0; n_rows * row_len]);
        let rule = |place: u32| (Sum, &g[place as usize * row_len..][..row_len]);
        update_rows(&rule, Moving { p: &mut p, first: &mut first, second: &mut [] }, 0, row_len, &order);
        let mut expected = vec![0.0; n_rows * row_len];
        for (place, &row) in touched.iter().enumerate() {
            for c in 0..row_len {
                expected[row as usize * row_len + c] = g[place * row_len + c];
            }
        }
        assert_eq!(first, expected);
        assert!(p.iter().zip(&expected).all(|(p, e)| *p == -e));
    }

    #[test]
    fn long_tensors_are_updated_whole() {
        let n = 3 * PARALLEL_FROM + 5;
        let g: Vec<f64> = (0..n).map(|i| i as f64).collect();
        let (mut p, mut first) = (vec![1.0; n], vec![2.0; n]);
        update(Sum, Moving { p: &mut p, first: &mut first, second: &mut [] }, &g);
        assert!((0..n).all(|i| first[i] == 2.0 + i as f64 && p[i] == 1.0 - first[i]));
    }
}
