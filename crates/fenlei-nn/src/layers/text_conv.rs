//! Convolution over text: embedding, convolution, activation and pooling in one layer.
//!
//! Instead of convolving the text, the layer multiplies each distinct token of the batch once with all filters
//! (`product = E[distinct] · Wᵀ`, `[n_distinct, n_columns]`) and then only adds rows of that product. Several widths
//! share the product. With a maximum behind it, the array `[positions, filters]` is never stored, and the backward pass
//! visits only the winning positions.

use rayon::prelude::*;

use super::activation::Activation;
use super::padding::Padding;
use super::{Cache, Input, Layer, Pass};
use crate::attribution::Shares;
use crate::kernels::gemm::Mat;
use crate::kernels::tiles::{self, Filters, MaximaMemory, Places};
use crate::kernels::windows::{Product, Window};
use crate::params::{Grads, ParamId, Params, Role};
use crate::ragged::{Batch, Rows};
use crate::scalar::Scalar;
use crate::spec::Precision;
use crate::{init::Builder, init::Init, rng};

/// What happens to the positions of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextPooling {
    /// The maximum of each filter over the document: one row a document.
    GlobalMax,
    /// The maximum over windows of positions; what does not fill a window is left out, but there is at least one.
    Max {
        /// Positions in a window.
        size: usize,
        /// Positions between the starts of two windows.
        stride: usize,
    },
    /// Every position is a row.
    None,
}

impl TextPooling {
    /// Output rows of a document with so many positions.
    pub fn n_rows(self, n_positions: usize) -> usize {
        match self {
            Self::GlobalMax => 1,
            Self::Max { size, stride } => n_positions.checked_sub(size).map_or(1, |rest| rest / stride + 1),
            Self::None => n_positions,
        }
    }

    /// The positions that output row `row` of a document is the maximum of.
    pub fn positions(self, row: usize, n_positions: usize) -> std::ops::Range<usize> {
        match self {
            Self::GlobalMax => 0..n_positions,
            Self::Max { size, stride } => row * stride..(row * stride + size).min(n_positions),
            Self::None => row..row + 1,
        }
    }
}

/// One embedding table that the filters read; several are channels (Kim 2014: one frozen, one tuned).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Channel {
    /// `[vocab_size, dim]`.
    pub table: ParamId,
    /// Numbers in a word vector.
    pub dim: usize,
}

/// The vectors of a batch's distinct tokens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vectors<'a, T> {
    /// They themselves, or a whole table.
    pub data: &'a [T],
    /// The rows of the table.
    ids: Option<&'a [u32]>,
}

impl<'a, T: Scalar> Vectors<'a, T> {
    /// The row in `data` of a distinct token.
    #[inline(always)]
    pub fn row(&self, token: u32) -> u32 {
        self.ids.map_or(token, |ids| ids[token as usize])
    }

    /// `[n_distinct, dim]`.
    pub fn mat(&self, dim: usize) -> Mat<'a, T> {
        match self.ids {
            Some(ids) => Mat::gathered(self.data, ids, dim),
            None => Mat::new(self.data, self.data.len() / dim, dim),
        }
    }
}

/// Filters of one width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FilterGroup {
    pub window: Window,
    pub padding: Padding,
    /// First column of the product, and first row of the weights.
    pub column: usize,
    /// First column of the output.
    pub output: usize,
}

/// What a [`TextConv`] is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct TextConvSizes<'a> {
    /// Tokens that the filters of each group span.
    pub widths: &'a [usize],
    /// Filters of each width.
    pub n_filters: usize,
    /// Where filters may stand. With several widths and no global pooling it must be [`Padding::Same`].
    pub padding: Padding,
    /// What happens to the positions.
    pub pooling: TextPooling,
    /// Applied behind the maximum (or to every position), so it must be monotone with a maximum.
    pub activation: Activation,
    /// The share of word-vector numbers that training leaves out, drawn for each distinct token of a batch.
    pub dropout: f64,
}

/// Embedding, convolution, activation and pooling in one layer.
///
/// Cache: `work` the token vectors unless they are read from the table, `work2` the product, `work3` their gradients, `mask` the dropout of the vectors,
/// `winners` the winning positions `[n_rows, n_outputs]`, `sparse` the wins.
#[derive(Debug, Clone)]
pub struct TextConv {
    pub(super) channels: Vec<Channel>,
    pub(super) weight: ParamId,
    pub(super) bias: ParamId,
    /// Steps of the fixed-point products for each filter; 0 until training is over.
    pub(super) scale: ParamId,
    pub(super) groups: Vec<FilterGroup>,
    pub(super) n_filters: usize,
    pub(super) dim: usize,
    pub(super) n_columns: usize,
    pub(super) pooling: TextPooling,
    pub(super) activation: Activation,
    dropout: f64,
    salt: u64,
    pub(super) precision: Precision,
}

impl TextConv {
    /// Adds the weights `[sum of widths * n_filters, dim]` (group, tap, filter) and the bias `[groups * n_filters]`.
    pub fn new<T: Scalar>(
        builder: &mut Builder<'_, T>,
        name: &str,
        channels: Vec<Channel>,
        sizes: &TextConvSizes<'_>,
    ) -> Self {
        let dim = channels.iter().map(|c| c.dim).sum::<usize>();
        let mut groups = Vec::new();
        let mut column = 0;
        for (i, &width) in sizes.widths.iter().enumerate() {
            let window = Window { width, pad_left: sizes.padding.pad_left(1, width, 1) };
            groups.push(FilterGroup { window, padding: sizes.padding, column, output: i * sizes.n_filters });
            column += width * sizes.n_filters;
        }
        let salt = builder.n_params() as u64;
        let widest = sizes.widths.iter().copied().max().unwrap_or(1);
        let init = Init::GlorotUniform { fan_in: widest * dim, fan_out: widest * sizes.n_filters };
        let weight = builder.add(format!("{name}.weight"), &[column, dim], Role::Weight, init);
        let bias =
            builder.add(format!("{name}.bias"), &[groups.len() * sizes.n_filters], Role::Bias, Init::Constant(0.0));
        let n_outputs = groups.len() * sizes.n_filters;
        let scale = builder.add(format!("{name}.scale"), &[n_outputs], Role::Statistic, Init::Constant(0.0));
        Self {
            channels,
            weight,
            bias,
            scale,
            groups,
            n_filters: sizes.n_filters,
            dim,
            n_columns: column,
            pooling: sizes.pooling,
            activation: sizes.activation,
            dropout: sizes.dropout,
            salt,
            precision: builder.precision(),
        }
    }

    /// Numbers in an output row.
    pub fn n_outputs(&self) -> usize {
        self.groups.len() * self.n_filters
    }

    pub(super) fn product<'a, T>(&self, data: &'a [T], group: &FilterGroup) -> Product<'a, T> {
        Product { data, stride: self.n_columns, column: group.column, n_filters: self.n_filters }
    }

    /// Positions of a group over a document of `n_tokens`.
    pub(super) fn n_positions(&self, group: &FilterGroup, n_tokens: usize) -> usize {
        group.padding.n_positions(n_tokens, group.window.width, 1)
    }

    /// Output rows of a document. All groups agree on it (checked when a net is built).
    pub(super) fn n_rows(&self, n_tokens: usize) -> usize {
        self.pooling.n_rows(self.n_positions(&self.groups[0], n_tokens))
    }

    /// Fills `vectors: [ids.len(), dim]` from the tables.
    pub fn read_vectors<T: Scalar>(&self, vectors: &mut [T], ids: &[u32], params: &Params<T>) {
        vectors.par_chunks_mut(self.dim).zip(ids).with_min_len(64).for_each(|(vector, &id)| {
            let mut rest = vector;
            for channel in &self.channels {
                let (head, tail) = rest.split_at_mut(channel.dim);
                let row = id as usize * channel.dim;
                head.copy_from_slice(&params.data(channel.table)[row..row + channel.dim]);
                rest = tail;
            }
        });
    }

    /// The vectors of the batch's tokens. They stay where they are when nothing is dropped from them, there is one table,
    /// and the machine multiplies rows that lie apart as fast as others.
    pub(super) fn vectors<'a, T: Scalar>(
        &self,
        work: &'a [T],
        batch: &'a Batch,
        params: &'a Params<T>,
    ) -> Vectors<'a, T> {
        match self.channels[..] {
            [Channel { table, .. }] if work.is_empty() => {
                Vectors { data: params.data(table), ids: Some(&batch.distinct) }
            }
            _ => Vectors { data: work, ids: None },
        }
    }

    /// Fills `vectors: [n_distinct, dim]` from the tables and drops what training drops.
    fn gather<T: Scalar>(
        &self,
        vectors: &mut Vec<T>,
        mask: &mut Vec<T>,
        batch: &Batch,
        params: &Params<T>,
        pass: Pass,
    ) {
        vectors.resize(batch.distinct.len() * self.dim, T::ZERO);
        mask.clear();
        let seed = match pass {
            Pass::Train { seed } if self.dropout > 0.0 => Some(rng::derive(seed, self.salt)),
            _ => None,
        };
        if seed.is_some() {
            mask.resize(vectors.len(), T::ZERO);
        }
        self.read_vectors(vectors, &batch.distinct, params);
        let Some(seed) = seed else { return };
        let (bound, scale) = (rng::threshold(self.dropout), T::from_f64(1.0 / (1.0 - self.dropout)));
        mask.par_iter_mut().zip(vectors.par_iter_mut()).enumerate().with_min_len(4096).for_each(|(i, (m, v))| {
            *m = if rng::bits(seed, i as u64) < bound { T::ZERO } else { scale };
            *v *= *m;
        });
    }
}

impl TextConv {
    /// Takes all maxima from products that are never stored. False when this machine cannot.
    fn max_on_tiles<T: Scalar>(
        &self,
        y: &mut Rows<T>,
        winners: &mut [u32],
        memory: &mut MaximaMemory,
        factors: (Mat<'_, T>, Mat<'_, T>),
        batch: &Batch,
    ) -> bool {
        let filters = |group: &FilterGroup| Filters {
            window: group.window,
            first_row: group.column,
            n_filters: self.n_filters,
            output: group.output,
        };
        let groups: Vec<Filters> = self.groups.iter().map(filters).collect();
        let Rows { data, starts, width } = y;
        let of = |row: usize, group: usize| {
            let doc = starts.partition_point(|&s| s as usize <= row) - 1;
            let tokens = batch.doc(doc);
            let n_positions = self.n_positions(&self.groups[group], tokens.len());
            (tokens, self.pooling.positions(row - starts[doc] as usize, n_positions))
        };
        let places = Places { index: &batch.index, n_rows: data.len() / (*width).max(1), of: &of };
        T::max_of_products_on_tiles((data, winners, *width), memory, factors, &groups, &places)
    }

    /// Bias and activation, in place.
    fn activate<T: Scalar>(&self, y: &mut Rows<T>, params: &Params<T>) {
        let bias = params.data(self.bias);
        y.data.par_chunks_mut(y.width).with_min_len(64).for_each(|y| {
            for (value, bias) in y.iter_mut().zip(bias) {
                *value = self.activation.apply(*value + *bias);
            }
        });
    }
}

impl<T: Scalar> Layer<T> for TextConv {
    fn begin_training(&self, params: &mut Params<T>) {
        params.data_mut(self.scale).fill(T::ZERO);
    }

    fn finalise(&self, params: &mut Params<T>) {
        if self.pooling != TextPooling::None {
            self.set_scales(params);
        }
    }

    fn prepare_scoring(&self, cache: &mut Cache<T>, params: &Params<T>) {
        if self.is_fixed_point(params) {
            cache.table = Some(self.make_table(params));
        }
    }

    fn forward(&self, y: &mut Rows<T>, cache: &mut Cache<T>, x: Input<'_, T>, params: &Params<T>, pass: Pass) {
        let batch = x.tokens();
        let scores = pass == Pass::Predict && self.is_fixed_point(params);
        if !(scores && cache.table.is_some()) {
            let trains = matches!(pass, Pass::Train { .. });
            if self.channels.len() == 1 && trains && self.dropout == 0.0 && tiles::available() {
                cache.work.clear();
                cache.mask.clear();
            } else {
                self.gather(&mut cache.work, &mut cache.mask, batch, params, pass);
            }
        }
        let width = self.n_outputs();
        y.starts.clear();
        y.starts.push(0);
        for doc in 0..batch.n_docs() {
            y.starts.push(y.starts[doc] + self.n_rows(batch.doc(doc).len()) as u32);
        }
        y.width = width;
        let n_rows = y.n_rows();
        y.data.resize(n_rows * width, T::ZERO);
        let n_distinct = batch.distinct.len();
        let weight = Mat::new(params.data(self.weight), self.n_columns, self.dim);
        cache.winners.resize(n_rows * width, 0);
        let on_tiles = matches!(pass, Pass::Train { .. }) && self.precision == Precision::Bf16;
        if on_tiles && self.pooling != TextPooling::None {
            let Cache { winners, work, maxima, .. } = &mut *cache;
            if self.max_on_tiles(y, winners, maxima, (self.vectors(work, batch, params).mat(self.dim), weight), batch) {
                return self.activate(y, params);
            }
        }
        if !(scores && cache.table.is_some()) {
            cache.work2.resize(n_distinct * self.n_columns, T::ZERO);
            pass.matmul(
                self.precision,
                &mut cache.work2,
                self.vectors(&cache.work, batch, params).mat(self.dim),
                weight.t(),
            );
        }
        if scores {
            return self.score(y, cache, batch, params);
        }
        let (starts, products) = (&y.starts, &cache.work2);
        let rows = y.data.par_chunks_mut(width).zip(cache.winners.par_chunks_mut(width)).enumerate();
        rows.with_min_len(if self.pooling == TextPooling::None { 64 } else { 1 }).for_each(|(row, (y, winners))| {
            let doc = starts.partition_point(|&s| s as usize <= row) - 1;
            let index = &batch.index[batch.doc(doc)];
            for group in &self.groups {
                let n_positions = self.n_positions(group, index.len());
                let positions = self.pooling.positions(row - starts[doc] as usize, n_positions);
                let columns = group.output..group.output + self.n_filters;
                let product = self.product(products, group);
                if self.pooling == TextPooling::None {
                    y[columns.clone()].fill(T::ZERO);
                    T::add_position(&mut y[columns], product, index, group.window, positions.start);
                } else {
                    let winners = &mut winners[columns.clone()];
                    T::max_over_positions(&mut y[columns], winners, product, index, group.window, positions);
                }
            }
        });
        self.activate(y, params);
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
        self.attribute_to_tokens(shares, cache, dy, y, batch, params);
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
        let d_bias = grads.data_mut(self.bias);
        for (dy, y) in dy.data.chunks(dy.width).zip(y.data.chunks(y.width)) {
            for ((d, dy), y) in d_bias.iter_mut().zip(dy).zip(y) {
                *d += *dy * self.activation.derivative_from_output(*y);
            }
        }
        if self.pooling != TextPooling::GlobalMax {
            cache.sparse.list_occurrences(batch);
        }
        // The usual case needs no array between: the token vectors are the rows of one table.
        if let [Channel { table, .. }] = self.channels[..]
            && params.get(table).trainable
            && cache.mask.is_empty()
        {
            let (d_weight, d_vectors) = grads.pair_mut(self.weight, table);
            return self.backward_into(d_weight, Some(d_vectors), cache, dy, y, batch, params);
        }
        if !self.channels.iter().any(|c| params.get(c.table).trainable) {
            return self.backward_into(grads.data_mut(self.weight), None, cache, dy, y, batch, params);
        }
        let mut d_vectors = std::mem::take(&mut cache.work3);
        d_vectors.clear();
        d_vectors.resize(batch.distinct.len() * self.dim, T::ZERO);
        self.backward_into(grads.data_mut(self.weight), Some(&mut d_vectors), cache, dy, y, batch, params);
        if !cache.mask.is_empty() {
            d_vectors.par_iter_mut().zip(&cache.mask).with_min_len(4096).for_each(|(d, m)| *d *= *m);
        }
        let mut first = 0;
        for channel in &self.channels {
            if params.get(channel.table).trainable {
                let d_table = grads.data_mut(channel.table).par_chunks_mut(channel.dim);
                d_table.zip(d_vectors.par_chunks(self.dim)).with_min_len(64).for_each(|(d, vector)| {
                    for (d, v) in d.iter_mut().zip(&vector[first..first + channel.dim]) {
                        *d += *v;
                    }
                });
            }
            first += channel.dim;
        }
        cache.work3 = d_vectors;
    }
}
