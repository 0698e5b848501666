//! The two backward passes of [`TextConv`]: sparse behind a maximum, dense where every position is an output.

use rayon::prelude::*;

use super::Cache;
use super::conv1d_sparse::SparseOutputs;
use super::text_conv::{FilterGroup, TextConv, TextPooling, Vectors};
use crate::kernels::documents::for_each_doc;
use crate::kernels::gemm::Mat;
use crate::kernels::sparse_grad::{Groups, Win};
use crate::params::Params;
use crate::ragged::{Batch, Rows};
use crate::scalar::Scalar;

/// The lists that the backward pass sorts. All keep their memory.
#[derive(Debug, Clone, Default)]
pub struct SparseLists<T> {
    /// For each distinct token its places: document, position in the document.
    occurrences: Groups<(u32, u32)>,
    /// For each distinct token the winning positions above it, with the tap: `(position, tap)`.
    by_token: Groups<(u32, u32)>,
    /// The same before it is sorted.
    won: Vec<(u32, (u32, u32))>,
    /// For each filter of a group its wins.
    by_filter: Groups<Win<T>>,
    /// For each position of the batch the gradients and filters that won there.
    by_position: Groups<(T, u32)>,
    /// `[n_docs]`: the first position of each document.
    first_position: Vec<u32>,
    /// `[n_positions, n_outputs]`: the gradient at every position.
    d_sums: Vec<T>,
    /// The gradients of a general convolution, where they are few.
    pub(super) conv: SparseOutputs<T>,
    /// The wins of a filter group, in the order of the output.
    wins: Vec<Win<T>>,
}

impl<T: Scalar> SparseLists<T> {
    /// Lists where in the batch each distinct token stands.
    pub(super) fn list_occurrences(&mut self, batch: &Batch) {
        let places = (0..batch.n_docs() as u32).flat_map(|doc| {
            batch.doc(doc as usize).enumerate().map(move |(position, token)| (token, (doc, position as u32)))
        });
        self.occurrences.fill_with(batch.distinct.len(), places, |token| batch.index[token] as usize);
    }

    /// The places (document, position) of a distinct token.
    pub(super) fn occurrences_of(&self, token: usize) -> &[(u32, u32)] {
        self.occurrences.get(token)
    }
}

/// Items that are collected before they are added.
const PART: usize = 64;

/// `out += Σ factor · rows[row]` over all items, `(factor, row)`.
fn add_in_parts<T: Scalar>(out: &mut [T], items: impl Iterator<Item = (T, u32)>, rows: &[T]) {
    let mut part = [(T::ZERO, 0); PART];
    let mut n = 0;
    for item in items {
        part[n] = item;
        n += 1;
        if n == PART {
            T::add_weighted_rows(out, &part, rows);
            n = 0;
        }
    }
    if n > 0 {
        T::add_weighted_rows(out, &part[..n], rows);
    }
}

impl TextConv {
    /// Adds the gradients of the weights to `d_weight`, and those of the token vectors, `[n_distinct, dim]`, to
    /// `d_vectors`.
    #[expect(clippy::too_many_arguments, reason = "the backward pass of a layer, with its results taken apart")]
    pub(super) fn backward_into<T: Scalar>(
        &self,
        d_weight: &mut [T],
        d_vectors: Option<&mut [T]>,
        cache: &mut Cache<T>,
        dy: &Rows<T>,
        y: &Rows<T>,
        batch: &Batch,
        params: &Params<T>,
    ) {
        if self.pooling == TextPooling::GlobalMax {
            self.sparse_backward(d_weight, d_vectors, cache, dy, y, batch, params);
        } else {
            self.dense_backward(d_weight, d_vectors, cache, dy, y, batch, params);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "see backward_into")]
    fn sparse_backward<T: Scalar>(
        &self,
        d_weight: &mut [T],
        mut d_vectors: Option<&mut [T]>,
        cache: &mut Cache<T>,
        dy: &Rows<T>,
        y: &Rows<T>,
        batch: &Batch,
        params: &Params<T>,
    ) {
        let vectors = self.vectors(&cache.work, batch, params);
        let SparseLists { by_filter, by_position, first_position, by_token, wins, won, .. } = &mut cache.sparse;
        for group in &self.groups {
            wins.clear();
            for doc in 0..dy.n_docs() {
                for row in dy.doc(doc) {
                    let columns = row * dy.width + group.output..row * dy.width + group.output + self.n_filters;
                    let values = dy.data[columns.clone()].iter().zip(&y.data[columns.clone()]);
                    for (filter, ((dy, y), winner)) in values.zip(&cache.winners[columns]).enumerate() {
                        let grad = *dy * self.activation.derivative_from_output(*y);
                        if grad != T::ZERO {
                            wins.push(Win { grad, position: *winner, doc: doc as u32, filter: filter as u32 });
                        }
                    }
                }
            }
            let rows = group.column..group.column + group.window.width * self.n_filters;
            let d_rows = &mut d_weight[rows.start * self.dim..rows.end * self.dim];
            let wants_vectors = d_vectors.is_some();
            rayon::join(
                || {
                    by_filter.fill(self.n_filters, wins.iter().copied(), |win| win.filter as usize);
                    self.add_weight_rows(d_rows, by_filter, vectors, batch, group);
                },
                || {
                    if wants_vectors {
                        self.sort_by_position(by_position, first_position, wins, batch, group);
                        self.list_won_taps(won, by_position, batch, group);
                        let taps = won.iter().map(|&(token, tap)| (token, tap));
                        by_token.fill_with(batch.distinct.len(), taps, |token| token as usize);
                    }
                },
            );
            if let Some(d_vectors) = &mut d_vectors {
                let (by_token, by_position) = (&*by_token, &*by_position);
                let d_vectors = d_vectors.par_chunks_mut(self.dim).enumerate().with_min_len(64);
                d_vectors.for_each(|(token, d_vector)| {
                    let wins_of = |&(position, k): &(u32, u32)| {
                        let first_row = (group.column + k as usize * self.n_filters) as u32;
                        by_position.get(position as usize).iter().map(move |&(grad, filter)| (grad, first_row + filter))
                    };
                    let items = by_token.get(token).iter().flat_map(wins_of);
                    add_in_parts(d_vector, items, params.data(self.weight));
                });
            }
        }
    }

    /// Sorts what each position won: `(gradient, filter)`.
    fn sort_by_position<T: Scalar>(
        &self,
        by_position: &mut Groups<(T, u32)>,
        first_position: &mut Vec<u32>,
        wins: &[Win<T>],
        batch: &Batch,
        group: &FilterGroup,
    ) {
        first_position.clear();
        let mut n_positions = 0;
        for doc in 0..batch.n_docs() {
            first_position.push(n_positions as u32);
            n_positions += self.n_positions(group, batch.doc(doc).len());
        }
        let items = wins.iter().map(|win| (win, (win.grad, win.filter)));
        by_position
            .fill_with(n_positions, items, |win| first_position[win.doc as usize] as usize + win.position as usize);
    }

    /// Lists for each position that won something the tokens below it: `(token, (position, tap))`.
    fn list_won_taps<T: Scalar>(
        &self,
        won: &mut Vec<(u32, (u32, u32))>,
        by_position: &Groups<(T, u32)>,
        batch: &Batch,
        group: &FilterGroup,
    ) {
        won.clear();
        let mut position = 0;
        for doc in 0..batch.n_docs() {
            let tokens = &batch.index[batch.doc(doc)];
            for t in 0..self.n_positions(group, tokens.len()) {
                if !by_position.get(position).is_empty() {
                    for k in group.window.taps_inside(t, tokens.len()) {
                        won.push((tokens[t + k - group.window.pad_left], (position as u32, k as u32)));
                    }
                }
                position += 1;
            }
        }
    }

    /// `d_rows: [width, n_filters, dim]` of one group. A task owns some filters, with all their taps.
    fn add_weight_rows<T: Scalar>(
        &self,
        d_rows: &mut [T],
        by_filter: &Groups<Win<T>>,
        vectors: Vectors<'_, T>,
        batch: &Batch,
        group: &FilterGroup,
    ) {
        let d_rows = d_rows.par_chunks_mut(self.dim).enumerate().with_min_len(32);
        d_rows.for_each(|(row, d_row)| {
            let (k, filter) = (row / self.n_filters, row % self.n_filters);
            let items = by_filter.get(filter).iter().filter_map(|win| {
                let tokens = &batch.index[batch.doc(win.doc as usize)];
                let token = *tokens.get((win.position as usize + k).wrapping_sub(group.window.pad_left))?;
                Some((win.grad, vectors.row(token)))
            });
            add_in_parts(d_row, items, vectors.data);
        });
    }

    /// The same where many positions have a gradient: it is laid out by position, summed for each token's row of the
    /// product, and two matrix products do the rest.
    #[expect(clippy::too_many_arguments, reason = "see backward_into")]
    fn dense_backward<T: Scalar>(
        &self,
        d_weight: &mut [T],
        d_vectors: Option<&mut [T]>,
        cache: &mut Cache<T>,
        dy: &Rows<T>,
        y: &Rows<T>,
        batch: &Batch,
        params: &Params<T>,
    ) {
        let n_distinct = batch.distinct.len();
        let SparseLists { occurrences, first_position, d_sums, .. } = &mut cache.sparse;
        let n_positions = |doc: usize| self.n_positions(&self.groups[0], batch.doc(doc).len());
        first_position.clear();
        first_position.push(0);
        for doc in 0..batch.n_docs() {
            first_position.push(first_position[doc] + n_positions(doc) as u32);
        }
        self.lay_out_by_position(d_sums, &cache.winners, dy, y, first_position);
        let (d_sums, first_position) = (&*d_sums, &*first_position);
        let width = dy.width;
        cache.work2.resize(n_distinct * self.n_columns, T::ZERO);
        cache.work2.par_chunks_mut(self.n_columns).enumerate().with_min_len(16).for_each(|(token, d_row)| {
            d_row.fill(T::ZERO);
            for &(doc, token_position) in occurrences.get(token) {
                let doc = first_position[doc as usize] as usize..first_position[doc as usize + 1] as usize;
                for group in &self.groups {
                    for k in 0..group.window.width {
                        let position = (token_position as usize + group.window.pad_left).wrapping_sub(k);
                        if position < doc.len() {
                            let from = (doc.start + position) * width + group.output;
                            let to = group.column + k * self.n_filters;
                            T::add_to_row(&mut d_row[to..to + self.n_filters], &d_sums[from..from + self.n_filters]);
                        }
                    }
                }
            }
        });
        let d_product = Mat::new(&cache.work2, n_distinct, self.n_columns);
        let vectors = self.vectors(&cache.work, batch, params).mat(self.dim);
        self.precision.matmul(d_weight, d_product.t(), vectors, true);
        if let Some(d_vectors) = d_vectors {
            let weight = Mat::new(params.data(self.weight), self.n_columns, self.dim);
            self.precision.matmul(d_vectors, d_product, weight, true);
        }
    }

    /// Fills `d_sums: [n_positions of the batch, n_outputs]` with the gradient of what the filters gave there.
    fn lay_out_by_position<T: Scalar>(
        &self,
        d_sums: &mut Vec<T>,
        winners: &[u32],
        dy: &Rows<T>,
        y: &Rows<T>,
        first_position: &[u32],
    ) {
        let width = dy.width;
        let n_positions = first_position[first_position.len() - 1] as usize;
        d_sums.resize(n_positions * width, T::ZERO);
        if self.pooling == TextPooling::None {
            let values = d_sums.par_iter_mut().zip(&dy.data).zip(&y.data).with_min_len(4096);
            values.for_each(|((d, dy), y)| *d = *dy * self.activation.derivative_from_output(*y));
            return;
        }
        let work = d_sums.len();
        for_each_doc(d_sums, width, first_position, work, |doc, d_doc| {
            d_doc.fill(T::ZERO);
            for row in dy.doc(doc) {
                let row = row * width..(row + 1) * width;
                let values = dy.data[row.clone()].iter().zip(&y.data[row.clone()]).zip(&winners[row]);
                for (column, ((dy, y), winner)) in values.enumerate() {
                    d_doc[*winner as usize * width + column] += *dy * self.activation.derivative_from_output(*y);
                }
            }
        });
    }
}
