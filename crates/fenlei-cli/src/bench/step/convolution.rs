//! The text convolution of a net by itself, so that its parts can be timed one by one.

use anyhow::{Result, bail};
use fenlei_nn::init::{Builder, Init};
use fenlei_nn::kernels::gemm::{Mat, matmul};
use fenlei_nn::kernels::tiles;
use fenlei_nn::kernels::windows::{Product, Window, WindowKernels};
use fenlei_nn::layers::text_conv::{Channel, TextConv, TextConvSizes, TextPooling};
use fenlei_nn::layers::{Cache, Input, Layer, Padding, Pass};
use fenlei_nn::params::{Grads, Params, Role};
use fenlei_nn::spec::{LayerSpec, NetSpec, PoolKind};
use fenlei_nn::{Batch, Rows, rng};
use rayon::prelude::*;

/// A text convolution with the memory of its passes.
#[derive(Debug)]
pub(super) struct Convolution {
    layer: TextConv,
    params: Params<f32>,
    /// Numbers in a word vector.
    pub dim: usize,
    pub width: usize,
    pub n_filters: usize,
    padding: Padding,
    pooling: TextPooling,
    vectors: Vec<f32>,
    products: Vec<f32>,
    best: Vec<f32>,
    winners: Vec<u32>,
    y: Rows<f32>,
    dy: Rows<f32>,
    cache: Cache<f32>,
    grads: Grads<f32>,
}

impl Convolution {
    /// The convolution that a net begins with: an embedding, filters of one width, a maximum.
    pub fn of(spec: &NetSpec, vocab_size: usize) -> Result<Self> {
        let (dim, init) = match spec.layers.first() {
            Some(LayerSpec::Embedding { dim, init, .. }) => (*dim, *init),
            _ => bail!("the net does not begin with an embedding"),
        };
        let Some(LayerSpec::Conv { widths, filters, stride: 1, padding, activation }) = spec.layers.get(1) else {
            bail!("the second layer of the net is no convolution");
        };
        let pooling = match spec.layers.get(2) {
            Some(LayerSpec::GlobalPool { kind: PoolKind::Max, .. }) => TextPooling::GlobalMax,
            Some(&LayerSpec::Pool { kind: PoolKind::Max, size, stride }) => {
                TextPooling::Max { size, stride: stride.unwrap_or(size) }
            }
            _ => bail!("no maximum stands behind the convolution of the net"),
        };
        let [width] = widths[..] else { bail!("the convolution of the net has filters of several widths") };
        let mut params = Params::default();
        let mut builder = Builder::new(&mut params, 1);
        let table = builder.add("table".into(), &[vocab_size, dim], Role::Table, Init::Uniform(init));
        let (n_filters, padding, activation) = (*filters, *padding, *activation);
        let sizes = TextConvSizes { widths, n_filters, padding, pooling, activation, dropout: 0.0 };
        let layer = TextConv::new(&mut builder, "conv", vec![Channel { table, dim }], &sizes);
        Ok(Self {
            layer,
            params,
            dim,
            width,
            n_filters,
            padding,
            pooling,
            vectors: Vec::new(),
            products: Vec::new(),
            best: Vec::new(),
            winners: Vec::new(),
            y: Rows::default(),
            dy: Rows::default(),
            cache: Cache::default(),
            grads: Grads::default(),
        })
    }

    /// Whether the backward pass follows winners only, rather than all positions.
    pub fn is_sparse(&self) -> bool {
        self.pooling == TextPooling::GlobalMax
    }

    /// Columns of the product.
    pub fn n_columns(&self) -> usize {
        self.width * self.n_filters
    }

    /// Reads the vectors of the batch's distinct tokens.
    pub fn gather(&mut self, batch: &Batch) {
        self.vectors.resize(batch.distinct.len() * self.dim, 0.0);
        self.layer.read_vectors(&mut self.vectors, &batch.distinct, &self.params);
    }

    /// Multiplies them with all filters.
    pub fn multiply(&mut self, batch: &Batch) {
        let (n_distinct, n_columns) = (batch.distinct.len(), self.n_columns());
        self.products.resize(n_distinct * n_columns, 0.0);
        let weight =
            &self.params.iter().find(|param| param.role == Role::Weight).expect("a convolution has weights").data;
        let weight = Mat::new(weight, n_columns, self.dim).t();
        matmul(&mut self.products, Mat::new(&self.vectors, n_distinct, self.dim), weight, false);
    }

    /// Sums the rows of the product at each position and keeps the maxima.
    pub fn maximise(&mut self, batch: &Batch) {
        let (n_filters, pooling) = (self.n_filters, self.pooling);
        let window = Window { width: self.width, pad_left: self.padding.pad_left(1, self.width, 1) };
        let n_positions = |doc: usize| self.padding.n_positions(batch.doc(doc).len(), self.width, 1);
        let rows: Vec<(usize, usize)> = (0..batch.n_docs())
            .flat_map(|doc| (0..pooling.n_rows(n_positions(doc))).map(move |row| (doc, row)))
            .collect();
        self.best.resize(rows.len() * n_filters, 0.0);
        self.winners.resize(rows.len() * n_filters, 0);
        let product = Product { data: &self.products[..], stride: self.width * n_filters, column: 0, n_filters };
        let outputs = self.best.par_chunks_mut(n_filters).zip(self.winners.par_chunks_mut(n_filters));
        outputs.zip(&rows).for_each(|((best, winners), &(doc, row))| {
            let positions = pooling.positions(row, n_positions(doc));
            let index = &batch.index[batch.doc(doc)];
            WindowKernels::max_over_positions(best, winners, product, index, window, positions);
        });
    }

    /// Positions of all filters over the batch.
    pub fn n_positions(&self, batch: &Batch) -> usize {
        (0..batch.n_docs()).map(|doc| self.padding.n_positions(batch.doc(doc).len(), self.width, 1)).sum()
    }

    /// The whole forward pass of a training step.
    pub fn forward(&mut self, batch: &Batch, seed: u64) {
        let pass = Pass::Train { seed };
        self.layer.forward(&mut self.y, &mut self.cache, Input::Tokens(batch), &self.params, pass);
    }

    /// Gets a gradient ready for [`backward`](Self::backward).
    pub fn prepare_backward(&mut self, batch: &Batch) {
        self.dy.resize_like(&self.y.starts, self.y.width);
        self.dy.data.par_iter_mut().enumerate().for_each(|(i, d)| *d = rng::normal(3, i as u64) as f32);
        self.grads.reset(&self.params, &batch.distinct);
    }

    /// The whole backward pass.
    pub fn backward(&mut self, batch: &Batch) {
        let Self { layer, grads, cache, dy, y, params, .. } = self;
        layer.backward(None, grads, cache, dy, y, Input::Tokens(batch), params);
    }

    /// Maxima through which a gradient flows: those above zero.
    pub fn n_wins(&self) -> usize {
        self.y.data.iter().filter(|value| **value > 0.0).count()
    }

    /// Whether the parts gave what the whole forward pass gives.
    pub fn parts_agree(&self) -> bool {
        // The whole may be made of factors with 8 bits.
        let most = if tiles::unit() == Some(tiles::Unit::Dots) { 2e-2 } else { 1e-4 };
        self.best.len() == self.y.data.len()
            && self.best.iter().zip(&self.y.data).all(|(best, y)| (best.max(0.0) - y).abs() <= most * (1.0 + y.abs()))
    }
}

#[cfg(test)]
mod tests {
    use fenlei::config::{PlanSource, load_plan};
    use fenlei::model::ModelSpec;

    use super::*;

    #[test]
    fn the_parts_together_are_the_forward_pass() {
        for recipe in ["appendix-c", "chapter-8"] {
            let plan = load_plan(&PlanSource { recipe: Some(recipe.into()), ..PlanSource::default() }).unwrap();
            let ModelSpec::Net(spec) = plan.model else { panic!("{recipe} is no net") };
            let mut convolution = Convolution::of(&spec.net(), 50).unwrap();
            let documents: [&[u32]; 3] = [&[1, 2, 3, 4, 5, 6, 7, 1, 2, 9, 30, 31], &[4, 4], &[]];
            let batch = Batch::new(documents, 50);
            convolution.gather(&batch);
            convolution.multiply(&batch);
            convolution.maximise(&batch);
            convolution.forward(&batch, 1);
            assert!(convolution.parts_agree(), "{recipe}");
            assert_eq!(convolution.n_positions(&batch), 8 + 1 + 1);
            convolution.prepare_backward(&batch);
            convolution.backward(&batch);
            assert!(convolution.n_wins() > 0);
        }
    }
}
