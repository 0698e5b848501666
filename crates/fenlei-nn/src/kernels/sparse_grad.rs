//! The backward pass of a convolution behind a maximum: only the winning positions have a gradient.
//!
//! A win is a filter, the position that it won with, and the gradient that came back. Wins are listed twice: by filter,
//! for the gradient of the weights, and by position, for the gradient of the tokens. Each weight row and each token
//! row is then one fixed-order sum, made by one thread.

use crate::scalar::Scalar;

/// A gradient that a filter sends back through the position it won with.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Win<T> {
    /// The gradient of the filter's sum.
    pub grad: T,
    /// The position within the document.
    pub position: u32,
    /// The document.
    pub doc: u32,
    /// The filter, among all groups.
    pub filter: u32,
}

/// Items sorted into groups: group `g` is `items[starts[g] .. starts[g + 1]]`, in the order of insertion.
#[derive(Debug, Clone, Default)]
pub struct Groups<I> {
    starts: Vec<u32>,
    items: Vec<I>,
}

impl<I: Copy + Default> Groups<I> {
    /// Sorts `items` by the group that `group` names, keeping their order within a group.
    pub fn fill(&mut self, n_groups: usize, items: impl Iterator<Item = I> + Clone, group: impl Fn(&I) -> usize) {
        self.fill_with(n_groups, items.map(|item| (item, item)), |item| group(&item));
    }

    /// Like [`fill`](Self::fill), with a key beside each item that names its group and is not kept.
    pub fn fill_with<K: Copy>(
        &mut self,
        n_groups: usize,
        items: impl Iterator<Item = (K, I)> + Clone,
        group: impl Fn(K) -> usize,
    ) {
        self.starts.clear();
        self.starts.resize(n_groups + 1, 0);
        let mut n_items = 0;
        for (key, _) in items.clone() {
            self.starts[group(key) + 1] += 1;
            n_items += 1;
        }
        for g in 0..n_groups {
            self.starts[g + 1] += self.starts[g];
        }
        self.items.clear();
        self.items.resize(n_items, I::default());
        for (key, item) in items {
            let place = &mut self.starts[group(key)];
            self.items[*place as usize] = item;
            *place += 1;
        }
        // Each start moved to its end while filling: move them back by one group.
        self.starts.rotate_right(1);
        self.starts[0] = 0;
    }

    /// The items of a group.
    #[inline(always)]
    pub fn get(&self, group: usize) -> &[I] {
        &self.items[self.starts[group] as usize..self.starts[group + 1] as usize]
    }
}

/// Adds up rows of a matrix that are `out.len()` numbers long: `out += Σ factor · rows[row]`, in the order of `items`,
/// `(factor, row)`. Some columns after another, so that a sum stays in registers.
#[inline(always)]
fn weighted_rows_body<T: Scalar>(out: &mut [T], items: &[(T, u32)], rows: &[T]) {
    let mut first = 0;
    while first + 128 <= out.len() {
        weighted_columns::<T, 128>(out, first, items, rows);
        first += 128;
    }
    while first + 32 <= out.len() {
        weighted_columns::<T, 32>(out, first, items, rows);
        first += 32;
    }
    while first + 4 <= out.len() {
        weighted_columns::<T, 4>(out, first, items, rows);
        first += 4;
    }
    while first < out.len() {
        weighted_columns::<T, 1>(out, first, items, rows);
        first += 1;
    }
}

#[inline(always)]
fn weighted_columns<T: Scalar, const N: usize>(out: &mut [T], first: usize, items: &[(T, u32)], rows: &[T]) {
    let row_len = out.len();
    let out = &mut out[first..first + N];
    let mut sum = [T::ZERO; N];
    sum.copy_from_slice(out);
    for &(factor, row) in items {
        let start = row as usize * row_len + first;
        let values = &rows[start..start + N];
        for i in 0..N {
            sum[i] += factor * values[i];
        }
    }
    out.copy_from_slice(&sum);
}

#[inline(always)]
fn add_scaled_body<T: Scalar>(out: &mut [T], factor: T, other: &[T]) {
    for (d, v) in out.iter_mut().zip(other) {
        *d += factor * *v;
    }
}

#[inline(always)]
fn add_body<T: Scalar>(out: &mut [T], other: &[T]) {
    for (d, v) in out.iter_mut().zip(other) {
        *d += *v;
    }
}

/// The loops of this file, with a body for each kind of processor where it matters.
pub trait SparseGradKernels: Sized {
    /// `out += Σ factor · rows[row]` over `items`, `(factor, row)`, in their order. `rows`: `[_, out.len()]`.
    fn add_weighted_rows(out: &mut [Self], items: &[(Self, u32)], rows: &[Self]);
    /// `out += factor · other`, number by number.
    fn add_scaled(out: &mut [Self], factor: Self, other: &[Self]);
    /// `out += other`, number by number.
    fn add_to_row(out: &mut [Self], other: &[Self]);
}

macro_rules! for_each_processor {
    ($(fn $name:ident = $body:ident($($arg:ident: $ty:ty),*);)*) => {$(
        #[multiversion::multiversion(targets(
            "x86_64+avx512f+avx512bw+avx512dq+avx512vl+bmi2+fma",
            "x86_64+avx2+bmi2+fma",
            "aarch64+neon"
        ))]
        fn $name($($arg: $ty),*) {
            $body($($arg),*);
        }
    )*};
}

for_each_processor! {
    fn weighted_rows_f32 = weighted_rows_body(out: &mut [f32], items: &[(f32, u32)], rows: &[f32]);
    fn add_scaled_f32 = add_scaled_body(out: &mut [f32], factor: f32, other: &[f32]);
    fn add_f32 = add_body(out: &mut [f32], other: &[f32]);
}

impl SparseGradKernels for f32 {
    fn add_weighted_rows(out: &mut [Self], items: &[(Self, u32)], rows: &[Self]) {
        weighted_rows_f32(out, items, rows);
    }
    fn add_scaled(out: &mut [Self], factor: Self, other: &[Self]) {
        add_scaled_f32(out, factor, other);
    }
    fn add_to_row(out: &mut [Self], other: &[Self]) {
        add_f32(out, other);
    }
}

impl SparseGradKernels for f64 {
    fn add_weighted_rows(out: &mut [Self], items: &[(Self, u32)], rows: &[Self]) {
        weighted_rows_body(out, items, rows);
    }
    fn add_scaled(out: &mut [Self], factor: Self, other: &[Self]) {
        add_scaled_body(out, factor, other);
    }
    fn add_to_row(out: &mut [Self], other: &[Self]) {
        add_body(out, other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weighted_rows_equal_the_plain_sum() {
        for row_len in [1, 3, 4, 50, 128, 300] {
            let value = |seed, i: usize| crate::rng::normal(seed, i as u64) as f32;
            let rows: Vec<f32> = (0..9 * row_len).map(|i| value(1, i)).collect();
            let items: Vec<(f32, u32)> = (0..20).map(|i| (value(2, i), (i * 7 % 9) as u32)).collect();
            let mut out: Vec<f32> = (0..row_len).map(|i| value(3, i)).collect();
            let mut expected: Vec<f64> = out.iter().map(|&x| f64::from(x)).collect();
            f32::add_weighted_rows(&mut out, &items, &rows);
            for &(factor, row) in &items {
                for (i, sum) in expected.iter_mut().enumerate() {
                    *sum += f64::from(factor) * f64::from(rows[row as usize * row_len + i]);
                }
            }
            assert!(out.iter().zip(&expected).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-4));
        }
    }

    #[test]
    fn groups_keep_the_order_of_insertion() {
        let mut groups = Groups::default();
        let items = [(2, 'a'), (0, 'b'), (2, 'c'), (3, 'd'), (0, 'e')];
        groups.fill(5, items.iter().copied(), |item| item.0);
        assert_eq!(groups.get(0), [(0, 'b'), (0, 'e')]);
        assert_eq!(groups.get(1), []);
        assert_eq!(groups.get(2), [(2, 'a'), (2, 'c')]);
        assert_eq!(groups.get(3), [(3, 'd')]);
        assert_eq!(groups.get(4), []);
    }
}
