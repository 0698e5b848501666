//! A vector for each token, where no convolution follows that could take the embedding in.

use rayon::prelude::*;

use super::text_conv::Channel;
use super::{Cache, Input, Layer, Pass};
use crate::attribution::Shares;
use crate::params::{Grads, ParamId, Params};
use crate::ragged::{Batch, Rows};
use crate::scalar::Scalar;

/// `y[i] = [table_1[token_i] | table_2[token_i] …]`. Empty documents get one row of zeros, so that every later layer has
/// something to read.
///
/// Cache: `sparse` the places of each distinct token.
#[derive(Debug, Clone)]
pub struct Embedding {
    channels: Vec<Channel>,
    dim: usize,
}

impl Embedding {
    /// Reads the given tables side by side.
    pub fn new(channels: Vec<Channel>) -> Self {
        let dim = channels.iter().map(|c| c.dim).sum();
        Self { channels, dim }
    }
}

impl<T: Scalar> Layer<T> for Embedding {
    fn forward(&self, y: &mut Rows<T>, _cache: &mut Cache<T>, x: Input<'_, T>, params: &Params<T>, _pass: Pass) {
        let batch = x.tokens();
        y.starts.clear();
        y.starts.push(0);
        for doc in 0..batch.n_docs() {
            y.starts.push(y.starts[doc] + batch.doc(doc).len().max(1) as u32);
        }
        y.width = self.dim;
        y.data.resize(y.n_rows() * self.dim, T::ZERO);
        for doc in 0..batch.n_docs() {
            let rows = y.starts[doc] as usize * self.dim..y.starts[doc + 1] as usize * self.dim;
            let ids = &batch.ids[batch.doc(doc)];
            if ids.is_empty() {
                y.data[rows].fill(T::ZERO);
                continue;
            }
            for (row, &id) in y.data[rows].chunks_mut(self.dim).zip(ids) {
                let mut rest = row;
                for channel in &self.channels {
                    let (head, tail) = rest.split_at_mut(channel.dim);
                    let table = params.get(channel.table);
                    match &table.compact {
                        Some(compact) => compact.expand_row(head, id as usize),
                        None => head.copy_from_slice(&table.data[id as usize * channel.dim..][..channel.dim]),
                    }
                    rest = tail;
                }
            }
        }
    }

    fn attribute(
        &self,
        shares: &mut Shares<T>,
        _scratch: &mut Grads<T>,
        _cache: &mut Cache<T>,
        dy: &Rows<T>,
        y: &Rows<T>,
        batch: &Batch,
        _params: &Params<T>,
    ) -> bool {
        // Every token has a row of its own; an empty document has one of zeros.
        for doc in 0..batch.n_docs() {
            for (i, row) in batch.doc(doc).zip(y.doc(doc)) {
                let share = y.row(row).iter().zip(dy.row(row)).fold(T::ZERO, |sum, (&e, &d)| sum + e * d);
                shares.push_token(doc, i - batch.doc(doc).start, i, share);
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
        _y: &Rows<T>,
        x: Input<'_, T>,
        params: &Params<T>,
    ) {
        let batch = x.tokens();
        cache.sparse.list_occurrences(batch);
        let mut first = 0;
        for channel in &self.channels {
            let columns = first..first + channel.dim;
            first += channel.dim;
            if !params.get(channel.table).trainable {
                continue;
            }
            let d_rows = grads.data_mut(channel.table).par_chunks_mut(channel.dim).enumerate().with_min_len(64);
            d_rows.for_each(|(token, d_row)| {
                for &(doc, position) in cache.sparse.occurrences_of(token) {
                    let row = dy.row(dy.starts[doc as usize] as usize + position as usize);
                    T::add_to_row(d_row, &row[columns.clone()]);
                }
            });
        }
    }

    fn compactable(&self) -> Vec<ParamId> {
        self.channels.iter().map(|channel| channel.table).collect()
    }

    fn trains(&self, params: &Params<T>) -> bool {
        self.channels.iter().any(|channel| params.get(channel.table).trainable)
    }
}
