//! The backward pass of a convolution behind a maximum: only the winning positions have a gradient.
//!
//! A win is a filter, the position that it won with, and the gradient that came back. Wins are listed twice: by filter,
//! for the gradient of the weights, and by position, for the gradient of the tokens. Each weight row and each token
//! row is then one fixed-order sum, made by one thread.

use super::windows::Window;
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

/// What both sums read.
#[derive(Debug, Clone, Copy)]
pub struct Taps<'a, T> {
    /// Token vectors `[n_distinct, dim]` for weights, or weights `[n_columns, dim]` for tokens.
    pub vectors: &'a [T],
    /// Numbers in a vector.
    pub dim: usize,
    /// The filter's width and padding.
    pub window: Window,
    /// `[n_tokens]` of the batch: the row of each token.
    pub index: &'a [u32],
    /// `[n_docs + 1]`.
    pub doc_starts: &'a [u32],
}

/// Adds to `row: [dim]`, the weights of one filter at tap `k`, what the filter's wins ask: `Σ grad · E[token]`.
#[inline(always)]
fn weight_row_body<T: Scalar>(row: &mut [T], k: usize, wins: &[Win<T>], taps: Taps<'_, T>) {
    for win in wins {
        let doc = taps.doc_starts[win.doc as usize] as usize..taps.doc_starts[win.doc as usize + 1] as usize;
        let tokens = &taps.index[doc];
        let place = (win.position as usize + k).wrapping_sub(taps.window.pad_left);
        if let Some(&token) = tokens.get(place) {
            let vector = &taps.vectors[token as usize * taps.dim..(token as usize + 1) * taps.dim];
            for (d, v) in row.iter_mut().zip(vector) {
                *d += win.grad * *v;
            }
        }
    }
}

/// Adds `grad · W[row]` to the vector `out` of a token for each of the given wins; `row(win)` is the weight row.
#[inline(always)]
fn token_row_body<T: Scalar>(out: &mut [T], wins: &[(T, u32)], first_row: usize, weights: &[T]) {
    let dim = out.len();
    for &(grad, filter) in wins {
        let row = first_row + filter as usize;
        for (d, w) in out.iter_mut().zip(&weights[row * dim..(row + 1) * dim]) {
            *d += grad * *w;
        }
    }
}

/// The loops of this file, with a body for each kind of processor where it matters.
pub trait SparseGradKernels: Sized {
    /// Adds to the weights of one filter at tap `k` what its wins ask.
    fn add_to_weight_row(row: &mut [Self], k: usize, wins: &[Win<Self>], taps: Taps<'_, Self>);
    /// Adds to the vector of a token what the wins at one position (`(gradient, filter)`) ask of it.
    fn add_to_token_row(out: &mut [Self], wins: &[(Self, u32)], first_row: usize, weights: &[Self]);
    /// `out += factor · other`, number by number.
    fn add_scaled(out: &mut [Self], factor: Self, other: &[Self]);
    /// `out += other`, number by number.
    fn add_to_row(out: &mut [Self], other: &[Self]);
}

#[inline(always)]
fn add_scaled_body<T: Scalar>(out: &mut [T], factor: T, other: &[T]) {
    for (d, v) in out.iter_mut().zip(other) {
        *d += factor * *v;
    }
}

#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+bmi2+fma",
    "x86_64+avx2+bmi2+fma",
    "aarch64+neon"
))]
fn add_scaled_f32(out: &mut [f32], factor: f32, other: &[f32]) {
    add_scaled_body(out, factor, other);
}

#[inline(always)]
fn add_body<T: Scalar>(out: &mut [T], other: &[T]) {
    for (d, v) in out.iter_mut().zip(other) {
        *d += *v;
    }
}

#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+bmi2+fma",
    "x86_64+avx2+bmi2+fma",
    "aarch64+neon"
))]
fn add_f32(out: &mut [f32], other: &[f32]) {
    add_body(out, other);
}

#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+bmi2+fma",
    "x86_64+avx2+bmi2+fma",
    "aarch64+neon"
))]
fn weight_row_f32(row: &mut [f32], k: usize, wins: &[Win<f32>], taps: Taps<'_, f32>) {
    weight_row_body(row, k, wins, taps);
}

#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+bmi2+fma",
    "x86_64+avx2+bmi2+fma",
    "aarch64+neon"
))]
fn token_row_f32(out: &mut [f32], wins: &[(f32, u32)], first_row: usize, weights: &[f32]) {
    token_row_body(out, wins, first_row, weights);
}

impl SparseGradKernels for f32 {
    fn add_to_weight_row(row: &mut [Self], k: usize, wins: &[Win<Self>], taps: Taps<'_, Self>) {
        weight_row_f32(row, k, wins, taps);
    }
    fn add_to_token_row(out: &mut [Self], wins: &[(Self, u32)], first_row: usize, weights: &[Self]) {
        token_row_f32(out, wins, first_row, weights);
    }
    fn add_to_row(out: &mut [Self], other: &[Self]) {
        add_f32(out, other);
    }
    fn add_scaled(out: &mut [Self], factor: Self, other: &[Self]) {
        add_scaled_f32(out, factor, other);
    }
}

impl SparseGradKernels for f64 {
    fn add_to_weight_row(row: &mut [Self], k: usize, wins: &[Win<Self>], taps: Taps<'_, Self>) {
        weight_row_body(row, k, wins, taps);
    }
    fn add_to_token_row(out: &mut [Self], wins: &[(Self, u32)], first_row: usize, weights: &[Self]) {
        token_row_body(out, wins, first_row, weights);
    }
    fn add_to_row(out: &mut [Self], other: &[Self]) {
        add_body(out, other);
    }
    fn add_scaled(out: &mut [Self], factor: Self, other: &[Self]) {
        add_scaled_body(out, factor, other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
