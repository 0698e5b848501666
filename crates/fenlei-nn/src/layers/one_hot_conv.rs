//! Convolution of the tokens themselves (Johnson and Zhang 2015): the product of the text convolution is the parameter.

use rayon::prelude::*;

use super::padding::Padding;
use super::{Cache, Input, Layer, Pass};
use crate::init::{Builder, Init};
use crate::kernels::windows::{Product, Window};
use crate::params::{Grads, ParamId, Params, Role};
use crate::ragged::Rows;
use crate::scalar::Scalar;

/// `y[t][f] = b[f] + Σ_k table[token(t + k - pad)][k][f]`, one row a position.
///
/// Cache: `sparse` the places of each distinct token.
#[derive(Debug, Clone)]
pub struct OneHotConv {
    pub(super) table: ParamId,
    pub(super) bias: ParamId,
    pub(super) window: Window,
    pub(super) padding: Padding,
    pub(super) n_filters: usize,
}

impl OneHotConv {
    /// Adds the table `[vocab_size, width * n_filters]` and the bias `[n_filters]`.
    pub fn new<T: Scalar>(
        builder: &mut Builder<'_, T>,
        name: &str,
        vocab_size: usize,
        width: usize,
        n_filters: usize,
        padding: Padding,
        role: Role,
    ) -> Self {
        let shape = [vocab_size, width * n_filters];
        // The source's start: normal with standard deviation 0.01.
        let table = builder.add(format!("{name}.table"), &shape, role, Init::Normal(0.01));
        let bias = builder.add(format!("{name}.bias"), &[n_filters], Role::Bias, Init::Constant(0.0));
        Self { table, bias, window: Window { width, pad_left: padding.pad_left(1, width, 1) }, padding, n_filters }
    }
}

impl<T: Scalar> Layer<T> for OneHotConv {
    fn forward(&self, y: &mut Rows<T>, _cache: &mut Cache<T>, x: Input<'_, T>, params: &Params<T>, _pass: Pass) {
        let batch = x.tokens();
        y.starts.clear();
        y.starts.push(0);
        for doc in 0..batch.n_docs() {
            let n_positions = self.padding.n_positions(batch.doc(doc).len(), self.window.width, 1);
            y.starts.push(y.starts[doc] + n_positions as u32);
        }
        y.width = self.n_filters;
        y.data.resize(y.n_rows() * self.n_filters, T::ZERO);
        let stride = self.window.width * self.n_filters;
        let product = Product { data: params.data(self.table), stride, column: 0, n_filters: self.n_filters };
        let (starts, bias) = (&y.starts, params.data(self.bias));
        y.data.par_chunks_mut(self.n_filters).enumerate().with_min_len(32).for_each(|(row, sum)| {
            let doc = starts.partition_point(|&s| s as usize <= row) - 1;
            sum.copy_from_slice(bias);
            // The vocabulary itself is the list of distinct tokens here.
            T::add_position(sum, product, &batch.ids[batch.doc(doc)], self.window, row - starts[doc] as usize);
        });
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
        for dy in dy.data.chunks(self.n_filters) {
            T::add_to_row(grads.data_mut(self.bias), dy);
        }
        if !params.get(self.table).trainable {
            return;
        }
        cache.sparse.list_occurrences(batch);
        let row_len = self.window.width * self.n_filters;
        let d_rows = grads.data_mut(self.table).par_chunks_mut(row_len).enumerate().with_min_len(16);
        d_rows.for_each(|(token, d_row)| {
            for &(doc, token_position) in cache.sparse.occurrences_of(token) {
                let rows = dy.doc(doc as usize);
                for (k, d_tap) in d_row.chunks_mut(self.n_filters).enumerate() {
                    let position = (token_position as usize + self.window.pad_left).wrapping_sub(k);
                    if position < rows.len() {
                        T::add_to_row(d_tap, dy.row(rows.start + position));
                    }
                }
            }
        });
    }
}
