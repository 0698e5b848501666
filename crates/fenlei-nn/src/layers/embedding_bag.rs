//! The sum of the vectors of a document's tokens: a dense layer whose input is sparse.

use rayon::prelude::*;

use super::{Cache, Input, Layer, Pass};
use crate::attribution::Shares;
use crate::init::{Builder, Init};
use crate::kernels::documents::for_each_doc;
use crate::kernels::elementwise::{add_column_sums, fill_rows};
use crate::kernels::memory::prefetch;
use crate::params::{Grads, ParamId, Params, Role};
use crate::ragged::{Batch, Rows};
use crate::scalar::Scalar;

/// How many tokens ahead of the one that is read are asked for.
const PREFETCH_TOKENS: usize = 8;

/// `y[d] = bias + Σ_i value_i · table[token_i]` over the tokens of document `d`, one row a document.
///
/// Cache: `sparse` the places of each distinct token.
#[derive(Debug, Clone)]
pub struct EmbeddingBag {
    table: ParamId,
    bias: Option<ParamId>,
    dim: usize,
}

impl EmbeddingBag {
    /// A table of the shape `[vocab_size, dim]` that starts uniform within `init`, and a bias of zeros if there is to be
    /// one.
    pub fn new<T: Scalar>(
        builder: &mut Builder<'_, T>,
        name: &str,
        shape: [usize; 2],
        init: f64,
        has_bias: bool,
    ) -> Self {
        let dim = shape[1];
        let table = builder.add(format!("{name}.table"), &shape, Role::Table, Init::Uniform(init));
        let bias = has_bias.then(|| builder.add(format!("{name}.bias"), &[dim], Role::Bias, Init::Constant(0.0)));
        Self { table, bias, dim }
    }
}

/// What token `i` of the batch counts.
#[inline(always)]
fn value<T: Scalar>(batch: &Batch, i: usize) -> T {
    batch.values.get(i).map_or(T::ONE, |&value| T::from_f64(f64::from(value)))
}

impl<T: Scalar> Layer<T> for EmbeddingBag {
    fn forward(&self, y: &mut Rows<T>, _cache: &mut Cache<T>, x: Input<'_, T>, params: &Params<T>, _pass: Pass) {
        let (batch, dim) = (x.tokens(), self.dim);
        y.reset_vectors(batch.n_docs(), dim);
        if let Some(bias) = self.bias {
            fill_rows(&mut y.data, params.data(bias));
        }
        let table = params.data(self.table);
        let Rows { data, starts, .. } = y;
        for_each_doc(data, dim, starts, batch.ids.len() * dim, |doc, y| {
            let tokens = batch.doc(doc);
            let ids = &batch.ids[tokens.clone()];
            for (at, (&id, i)) in ids.iter().zip(tokens).enumerate() {
                if let Some(&next) = ids.get(at + PREFETCH_TOKENS) {
                    prefetch(&table[next as usize * dim..][..dim]);
                }
                T::add_scaled(y, value(batch, i), &table[id as usize * dim..][..dim]);
            }
        });
    }

    fn attribute(
        &self,
        shares: &mut Shares<T>,
        _scratch: &mut Grads<T>,
        _cache: &mut Cache<T>,
        dy: &Rows<T>,
        _y: &Rows<T>,
        batch: &Batch,
        params: &Params<T>,
    ) -> bool {
        let table = params.data(self.table);
        for doc in 0..batch.n_docs() {
            for i in batch.doc(doc) {
                let row = &table[batch.ids[i] as usize * self.dim..][..self.dim];
                let sum = row.iter().zip(dy.row(doc)).fold(T::ZERO, |sum, (&e, &d)| sum + e * d);
                shares.push_token(doc, i - batch.doc(doc).start, i, value::<T>(batch, i) * sum);
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
        if let Some(bias) = self.bias {
            add_column_sums(grads.data_mut(bias), &dy.data);
        }
        if !params.get(self.table).trainable {
            return;
        }
        cache.sparse.list_occurrences(batch);
        let d_rows = grads.data_mut(self.table).par_chunks_mut(self.dim).enumerate().with_min_len(1024);
        d_rows.for_each(|(token, d_row)| {
            for &(doc, position) in cache.sparse.occurrences_of(token) {
                let value = value(batch, batch.starts[doc as usize] as usize + position as usize);
                T::add_scaled(d_row, value, dy.row(doc as usize));
            }
        });
    }
}
