//! Convolution of the tokens themselves with its activation and the maximum over the document in one layer.
//!
//! The array `[positions, filters]` of [`OneHotConv`] is never stored, and of the
//! table's gradient there is only what the winning positions send back: a few of the many numbers of a token's row.

use rayon::prelude::*;

use super::activation::Activation;
use super::one_hot_conv::OneHotConv;
use super::{Cache, Input, Layer, Pass};
use crate::attribution::{FilterWin, Shares, secant};
use crate::kernels::documents::for_each_doc2;
use crate::kernels::sparse_grad::Groups;
use crate::kernels::windows::Product;
use crate::params::{Grads, Params};
use crate::ragged::{Batch, Rows};
use crate::scalar::Scalar;

/// `y[f] = activation(b[f] + max_t Σ_k table[token(t + k - pad)][k][f])`, one row a document.
///
/// Cache: `winners` the winning positions `[n_docs, n_filters]`, `wins` what they send back.
#[derive(Debug, Clone)]
pub struct OneHotMax {
    conv: OneHotConv,
    activation: Activation,
}

/// What winning positions send back to a table, in the order of the batch's distinct tokens. Keeps its memory.
#[derive(Debug, Clone, Default)]
pub struct TableWins<T> {
    /// For each distinct token `(column, gradient)`.
    by_token: Groups<(u32, T)>,
    /// The same before it is sorted, with the token.
    unsorted: Vec<(u32, (u32, T))>,
    /// The wins of one token, in the order of their columns.
    of_token: Vec<(u32, T)>,
}

impl OneHotMax {
    /// The maximum of what `conv` gives. `activation` must be [monotone](Activation::is_monotone), so that it may be
    /// applied behind the maximum.
    pub fn new(conv: OneHotConv, activation: Activation) -> Self {
        Self { conv, activation }
    }

    fn n_positions(&self, n_tokens: usize) -> usize {
        self.conv.padding.n_positions(n_tokens, self.conv.window.width, 1)
    }

    /// Lists what each winning position sends back to the rows of its tokens.
    fn list_wins<T: Scalar>(&self, wins: &mut TableWins<T>, winners: &[u32], dy: &Rows<T>, y: &Rows<T>, batch: &Batch) {
        let OneHotConv { window, n_filters, .. } = self.conv;
        let TableWins { by_token, unsorted, .. } = wins;
        unsorted.clear();
        for doc in 0..batch.n_docs() {
            let tokens = &batch.index[batch.doc(doc)];
            let values = dy.row(doc).iter().zip(y.row(doc)).zip(&winners[doc * n_filters..][..n_filters]);
            for (filter, ((dy, y), &winner)) in values.enumerate() {
                let grad = *dy * self.activation.derivative_from_output(*y);
                if grad == T::ZERO {
                    continue;
                }
                for k in window.taps_inside(winner as usize, tokens.len()) {
                    let token = tokens[winner as usize + k - window.pad_left];
                    unsorted.push((token, ((k * n_filters + filter) as u32, grad)));
                }
            }
        }
        by_token.fill_with(batch.distinct.len(), unsorted.iter().copied(), |token| token as usize);
    }
}

impl<T: Scalar> Layer<T> for OneHotMax {
    fn forward(&self, y: &mut Rows<T>, cache: &mut Cache<T>, x: Input<'_, T>, params: &Params<T>, _pass: Pass) {
        let batch = x.tokens();
        let OneHotConv { window, n_filters, .. } = self.conv;
        y.resize_documents((0..batch.n_docs()).map(|_| 1), n_filters);
        cache.winners.resize(y.data.len(), 0);
        let product =
            Product { data: params.data(self.conv.table), stride: window.width * n_filters, column: 0, n_filters };
        let bias = params.data(self.conv.bias);
        let work = batch.ids.len() * product.stride;
        let Rows { data, starts, .. } = y;
        for_each_doc2(data, n_filters, &mut cache.winners, n_filters, starts, work, |doc, y, winners| {
            // The vocabulary itself is the list of distinct tokens here.
            let ids = &batch.ids[batch.doc(doc)];
            T::max_over_positions(y, winners, product, ids, window, 0..self.n_positions(ids.len()));
            for (value, bias) in y.iter_mut().zip(bias) {
                *value = self.activation.apply(*value + *bias);
            }
        });
    }

    fn attribute(
        &self,
        shares: &mut Shares<T>,
        _scratch: &mut Grads<T>,
        cache: &mut Cache<T>,
        dy: &Rows<T>,
        y: &Rows<T>,
        batch: &Batch,
        params: &Params<T>,
    ) -> bool {
        let OneHotConv { table, bias, window, n_filters, .. } = self.conv;
        let (table, bias) = (params.data(table), params.data(bias));
        for doc in 0..batch.n_docs() {
            let tokens = batch.doc(doc);
            let ids = &batch.ids[tokens.clone()];
            for f in 0..n_filters {
                let (gradient, value) = (dy.row(doc)[f], y.row(doc)[f]);
                let position = cache.winners[doc * n_filters + f] as usize;
                let taps = window.taps_inside(position, ids.len());
                let token = |k: usize| position + k - window.pad_left;
                let product = |k: usize| table[(ids[token(k)] as usize * window.width + k) * n_filters + f];
                let sum = taps.clone().fold(bias[f], |sum, k| sum + product(k));
                let factor = gradient * secant(self.activation, sum, value);
                if factor == T::ZERO || taps.is_empty() {
                    continue;
                }
                for k in taps.clone() {
                    shares.tokens[tokens.start + token(k)] += factor * product(k);
                }
                let (start, end) = (token(taps.start) as u32, token(taps.end) as u32);
                shares.wins.push(FilterWin { doc: doc as u32, start, end, share: gradient * value });
            }
        }
        true
    }

    fn backward(
        &self,
        _dx: Option<&mut Rows<T>>,
        grads: &mut Grads<T>,
        cache: &mut Cache<T>,
        dy: &Rows<T>,
        y: &Rows<T>,
        x: Input<'_, T>,
        params: &Params<T>,
    ) {
        let batch = x.tokens();
        let OneHotConv { table, bias, window, n_filters, .. } = self.conv;
        for (dy, y) in dy.data.chunks(n_filters).zip(y.data.chunks(n_filters)) {
            for ((d, dy), y) in grads.data_mut(bias).iter_mut().zip(dy).zip(y) {
                *d += *dy * self.activation.derivative_from_output(*y);
            }
        }
        if !params.get(table).trainable {
            return;
        }
        self.list_wins(&mut cache.wins, &cache.winners, dy, y, batch);
        let row_len = window.width * n_filters;
        let TableWins { by_token, of_token, .. } = &mut cache.wins;
        if !grads.get(table).by_entry {
            let d_rows = grads.data_mut(table).par_chunks_mut(row_len).enumerate().with_min_len(64);
            d_rows.for_each(|(token, d_row)| {
                by_token.get(token).iter().for_each(|&(column, grad)| d_row[column as usize] += grad);
            });
            return;
        }
        let entries = grads.get_mut(table);
        for (token, &id) in batch.distinct.iter().enumerate() {
            of_token.clear();
            of_token.extend_from_slice(by_token.get(token));
            // Stable, so that the gradients of a number are added up in the order of the documents.
            of_token.sort_by_key(|&(column, _)| column);
            for of_column in of_token.chunk_by(|a, b| a.0 == b.0) {
                entries.rows.push(id * row_len as u32 + of_column[0].0);
                entries.data.push(of_column.iter().fold(T::ZERO, |sum, &(_, grad)| sum + grad));
            }
        }
    }
}
