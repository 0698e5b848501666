//! Scoring with [`TextConv`] from fixed-point products: those of the batch's tokens for a few texts, or a table of the
//! whole vocabulary for many. Both hold the same numbers.

use std::sync::Arc;

use rayon::prelude::*;

use super::Cache;
use super::text_conv::{TextConv, TextPooling};
use crate::kernels::gemm::{Mat, matmul};
use crate::kernels::table;
use crate::params::Params;
use crate::ragged::{Batch, Rows};
use crate::scalar::Scalar;

/// Tokens whose product is taken at once while a table is made.
const TOKENS_PER_PRODUCT: usize = 2048;

impl TextConv {
    /// Whether scores come from fixed-point products: the scales are known, and a maximum follows.
    pub(super) fn is_fixed_point<T: Scalar>(&self, params: &Params<T>) -> bool {
        self.pooling != TextPooling::None && params.data(self.scale)[0] > T::ZERO
    }

    /// Sets the scales from the products of the whole vocabulary. To be called when training is over.
    pub(super) fn set_scales<T: Scalar>(&self, params: &mut Params<T>) {
        let mut largest = vec![0f64; self.n_columns];
        self.for_products(params, |_, products| {
            for row in products.chunks(self.n_columns) {
                for (l, v) in largest.iter_mut().zip(row) {
                    *l = l.max(v.abs().to_f64());
                }
            }
        });
        for group in &self.groups {
            let n_columns = group.window.width * self.n_filters;
            let taps = &largest[group.column..group.column + n_columns];
            let scales = table::scales(taps, group.window.width, self.n_filters);
            let out = &mut params.data_mut(self.scale)[group.output..group.output + self.n_filters];
            out.iter_mut().zip(scales).for_each(|(out, scale)| *out = T::from_f64(scale));
        }
    }

    /// The fixed-point product of every token: `[vocab_size, n_columns]`.
    pub(super) fn make_table<T: Scalar>(&self, params: &Params<T>) -> Arc<Vec<i16>> {
        let vocab_size = params.get(self.channels[0].table).shape[0];
        let scales = self.column_scales(params);
        let mut fixed = vec![0i16; vocab_size * self.n_columns];
        self.for_products(params, |first, products| {
            let out = &mut fixed[first * self.n_columns..first * self.n_columns + products.len()];
            quantise_rows(out, products, &scales);
        });
        Arc::new(fixed)
    }

    /// Calls `visit` with the first token and the products of some tokens after another.
    fn for_products<T: Scalar>(&self, params: &Params<T>, mut visit: impl FnMut(usize, &[T])) {
        let vocab_size = params.get(self.channels[0].table).shape[0];
        let weight = Mat::new(params.data(self.weight), self.n_columns, self.dim).t();
        let (mut vectors, mut products) = (Vec::new(), Vec::new());
        for first in (0..vocab_size).step_by(TOKENS_PER_PRODUCT) {
            let n_tokens = TOKENS_PER_PRODUCT.min(vocab_size - first);
            vectors.resize(n_tokens * self.dim, T::ZERO);
            let ids: Vec<u32> = (first as u32..(first + n_tokens) as u32).collect();
            self.read_vectors(&mut vectors, &ids, params);
            products.resize(n_tokens * self.n_columns, T::ZERO);
            matmul(&mut products, Mat::new(&vectors, n_tokens, self.dim), weight, false);
            visit(first, &products);
        }
    }

    /// The scale of each column of the product.
    fn column_scales<T: Scalar>(&self, params: &Params<T>) -> Vec<f32> {
        let scales = params.data(self.scale);
        let mut columns = vec![0f32; self.n_columns];
        for group in &self.groups {
            for k in 0..group.window.width {
                for f in 0..self.n_filters {
                    columns[group.column + k * self.n_filters + f] = scales[group.output + f].to_f64() as f32;
                }
            }
        }
        columns
    }

    /// The forward pass from fixed-point products. `cache.work2` holds the products of the batch's tokens, unless there
    /// is a table.
    pub(super) fn score<T: Scalar>(&self, y: &mut Rows<T>, cache: &mut Cache<T>, batch: &Batch, params: &Params<T>) {
        let (fixed, index) = match &cache.table {
            Some(table) => (&table[..], &batch.ids),
            None => {
                cache.fixed.resize(cache.work2.len(), 0);
                quantise_rows(&mut cache.fixed, &cache.work2, &self.column_scales(params));
                (&cache.fixed[..], &batch.index)
            }
        };
        let (starts, width) = (&y.starts, y.width);
        let (scales, bias) = (params.data(self.scale), params.data(self.bias));
        y.data.par_chunks_mut(width).enumerate().for_each(|(row, y)| {
            let doc = starts.partition_point(|&s| s as usize <= row) - 1;
            let index = &index[batch.doc(doc)];
            let mut best = [0i16; MAX_FILTERS];
            for group in &self.groups {
                let n_positions = self.n_positions(group, index.len());
                let positions = self.pooling.positions(row - starts[doc] as usize, n_positions);
                let product = self.product(fixed, group);
                let columns = group.output..group.output + self.n_filters;
                for (first, y) in (0..).step_by(MAX_FILTERS).zip(y[columns].chunks_mut(MAX_FILTERS)) {
                    let best = &mut best[..y.len()];
                    table::max_over_positions(best, first, product, index, group.window, positions.clone());
                    for (f, (y, best)) in y.iter_mut().zip(best).enumerate() {
                        let column = group.output + first + f;
                        *y = self.activation.apply(table::value(*best, scales[column]) + bias[column]);
                    }
                }
            }
        });
    }
}

/// Filters that are scored at once, on the stack.
const MAX_FILTERS: usize = 512;

fn quantise_rows<T: Scalar>(out: &mut [i16], values: &[T], scales: &[f32]) {
    let width = scales.len();
    out.par_chunks_mut(width).zip(values.par_chunks(width)).with_min_len(64).for_each(|(out, values)| {
        T::quantise(out, values, scales);
    });
}
