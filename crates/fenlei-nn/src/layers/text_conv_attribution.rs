//! What [`TextConv`] gives, divided among the tokens under its filters.

use super::Cache;
use super::text_conv::{TextConv, TextPooling};
use crate::attribution::{FilterWin, Shares, secant};
use crate::params::Params;
use crate::ragged::{Batch, Rows};
use crate::scalar::Scalar;

impl TextConv {
    /// For each filter the position that won (or, without a maximum, each position): the run of tokens below it gets
    /// `dy · y`, each of its tokens the part that its own product has in that.
    ///
    /// `cache.work2` holds the products of the batch's tokens, `cache.winners` the positions.
    pub(super) fn attribute_to_tokens<T: Scalar>(
        &self,
        shares: &mut Shares<T>,
        cache: &Cache<T>,
        dy: &Rows<T>,
        y: &Rows<T>,
        batch: &Batch,
        params: &Params<T>,
    ) {
        let bias = params.data(self.bias);
        let (products, width) = (&cache.work2, self.n_outputs());
        for doc in 0..batch.n_docs() {
            let tokens = batch.doc(doc);
            let index = &batch.index[tokens.clone()];
            for (row_of_doc, row) in y.doc(doc).enumerate() {
                for group in &self.groups {
                    for f in 0..self.n_filters {
                        let column = group.output + f;
                        let (gradient, value) = (dy.data[row * width + column], y.data[row * width + column]);
                        if gradient == T::ZERO {
                            continue;
                        }
                        let position = match self.pooling {
                            TextPooling::None => row_of_doc,
                            _ => cache.winners[row * width + column] as usize,
                        };
                        let taps = group.window.taps_inside(position, index.len());
                        let product = |k: usize| {
                            let token = index[position + k - group.window.pad_left] as usize;
                            products[token * self.n_columns + group.column + k * self.n_filters + f]
                        };
                        let sum = taps.clone().fold(bias[column], |sum, k| sum + product(k));
                        let factor = gradient * secant(self.activation, sum, value);
                        if factor == T::ZERO || taps.is_empty() {
                            continue;
                        }
                        let start = position + taps.start - group.window.pad_left;
                        for k in taps.clone() {
                            shares.tokens[tokens.start + position + k - group.window.pad_left] += factor * product(k);
                        }
                        let (start, end) = (start as u32, (start + taps.len()) as u32);
                        shares.wins.push(FilterWin { doc: doc as u32, start, end, share: gradient * value });
                    }
                }
            }
        }
    }
}
