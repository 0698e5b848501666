//! A net: layers built from a description, their parameters, and the passes through them.

use crate::attribution::Shares;
use crate::compact::Compaction;
use crate::compile::{CompileError, compile};
use crate::init::Builder;
use crate::layers::{Cache, Input, Layer, Pass};
use crate::loss::Head;
use crate::params::{Grads, Param, ParamId, Params};
use crate::ragged::{Batch, Rows};
use crate::rng;
use crate::scalar::Scalar;
use crate::spec::{HeadSpec, LayerSpec, NetSpec};
use crate::windows::Windows;

/// Tokens without a pretrained vector start the same way in every net.
const SEED_MISSING: u64 = 0x4D49_5353;

/// What a net needs to know of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetSizes {
    /// Token ids are below this; id 0 is the unknown token.
    pub vocab_size: usize,
    /// How many labels.
    pub n_labels: usize,
    /// Whether a document may have several labels.
    pub multi_label: bool,
}

/// Layers and their parameters.
#[derive(Debug)]
pub struct Net<T> {
    layers: Vec<Box<dyn Layer<T>>>,
    /// The numbers that training changes and a model file holds.
    pub params: Params<T>,
    head: Head,
    sizes: NetSizes,
    word_dropout: f64,
    n_outputs: usize,
    windows: Option<Windows>,
}

/// The memory of a pass: one for each thread that uses a net.
#[derive(Debug, Clone, Default)]
pub struct Workspace<T> {
    caches: Vec<Cache<T>>,
    outputs: Vec<Rows<T>>,
    d_outputs: Vec<Rows<T>>,
    /// Where documents start whose windows are told apart.
    documents: Vec<u32>,
}

impl<T: Scalar> Net<T> {
    /// Builds a net with first values from `seed`.
    ///
    /// # Errors
    /// When the layers do not fit together.
    pub fn new(spec: &NetSpec, sizes: NetSizes, seed: u64) -> Result<Self, CompileError> {
        Self::build(spec, sizes, Some(seed))
    }

    /// Builds a net of zeros, for numbers that are about to be loaded.
    ///
    /// # Errors
    /// When the layers do not fit together.
    pub fn zeros(spec: &NetSpec, sizes: NetSizes) -> Result<Self, CompileError> {
        Self::build(spec, sizes, None)
    }

    fn build(spec: &NetSpec, sizes: NetSizes, seed: Option<u64>) -> Result<Self, CompileError> {
        for (field, n) in [("vocab_size", sizes.vocab_size), ("n_labels", sizes.n_labels)] {
            if n == 0 {
                let problem = format!("{field} is 0, expected at least 1");
                return Err(CompileError::new(field, problem, "train on documents that have labels and words"));
            }
        }
        let head = match (spec.head, sizes.multi_label) {
            (HeadSpec::Auto, false) | (HeadSpec::Softmax, false) => Head::Softmax,
            (HeadSpec::Auto, true) | (HeadSpec::Sigmoid, _) => Head::Sigmoid,
            (HeadSpec::Hierarchical, false) => Head::Hierarchical,
            (HeadSpec::Binary, false) if sizes.n_labels == 2 => Head::Binary,
            (HeadSpec::Binary, _) => {
                return Err(CompileError::new(
                    "head",
                    format!("a binary head needs exactly two labels, one a document; there are {}", sizes.n_labels),
                    "use head = \"auto\"",
                ));
            }
            (HeadSpec::Softmax | HeadSpec::Hierarchical, true) => {
                return Err(CompileError::new(
                    "head",
                    "a softmax gives one label a document, but documents here have several".to_owned(),
                    "use head = \"sigmoid\" or \"auto\"",
                ));
            }
        };
        let n_outputs = head.n_outputs(sizes.n_labels);
        let mut params = Params::default();
        let builder = match seed {
            Some(seed) => Builder::new(&mut params, seed),
            None => Builder::zeros(&mut params),
        };
        let layers = compile(spec, sizes.vocab_size, n_outputs, builder.with_precision(spec.precision))?;
        let windows = Windows::of(spec, &layers)?;
        Ok(Self { layers, params, head, sizes, word_dropout: spec.word_dropout, n_outputs, windows })
    }

    /// What the outputs mean.
    pub fn head(&self) -> Head {
        self.head
    }

    /// What the net was built for.
    pub fn sizes(&self) -> NetSizes {
        self.sizes
    }

    /// The share of tokens that training replaces by the unknown token.
    pub fn word_dropout(&self) -> f64 {
        self.word_dropout
    }

    /// Numbers in a row of logits.
    pub fn n_outputs(&self) -> usize {
        self.n_outputs
    }

    /// How many numbers training changes.
    pub fn n_trainable(&self) -> usize {
        self.params.iter().filter(|p| p.trainable).map(|p| p.data.len()).sum()
    }

    /// Runs the layers; the logits are `[n_docs, n_outputs]`.
    pub fn forward<'w>(&self, workspace: &'w mut Workspace<T>, batch: &Batch, pass: Pass) -> &'w Rows<T> {
        self.run(workspace, batch, 0..self.layers.len(), pass);
        workspace.outputs.last().expect("a net has an output layer")
    }

    /// What the first `n_layers` layers give for the documents: what [`forward_from`](Self::forward_from) goes on with.
    ///
    /// # Panics
    /// When there are not so many layers before the output, or none is asked for.
    pub fn states<'w>(&self, workspace: &'w mut Workspace<T>, batch: &Batch, n_layers: usize) -> &'w Rows<T> {
        assert!((1..self.layers.len()).contains(&n_layers), "{n_layers} of {} layers", self.layers.len());
        self.run(workspace, batch, 0..n_layers, Pass::Predict);
        &workspace.outputs[n_layers - 1]
    }

    /// Runs the layers behind the first `n_layers`, which gave `states`. Those must have nothing to learn if a backward pass
    /// follows.
    ///
    /// # Panics
    /// As [`states`](Self::states).
    pub fn forward_from<'w>(
        &self,
        workspace: &'w mut Workspace<T>,
        states: &Rows<T>,
        n_layers: usize,
        pass: Pass,
    ) -> &'w Rows<T> {
        assert!((1..self.layers.len()).contains(&n_layers), "{n_layers} of {} layers", self.layers.len());
        workspace.outputs.resize_with(self.layers.len(), Rows::default);
        workspace.outputs[n_layers - 1].copy_from(states);
        self.run(workspace, &Batch::default(), n_layers..self.layers.len(), pass);
        workspace.outputs.last().expect("a net has an output layer")
    }

    fn run(&self, workspace: &mut Workspace<T>, batch: &Batch, layers: std::ops::Range<usize>, pass: Pass) {
        workspace.caches.resize_with(self.layers.len(), Cache::default);
        workspace.outputs.resize_with(self.layers.len(), Rows::default);
        let mut input = layers.start.checked_sub(1);
        for i in layers.clone() {
            if self.layers[i].passes_on(pass) && i + 1 < layers.end && self.windows.is_none() {
                continue;
            }
            let (before, after) = workspace.outputs.split_at_mut(i);
            let x = input.map_or(Input::Tokens(batch), |input| Input::Rows(&before[input]));
            input = Some(i);
            self.layers[i].forward(&mut after[0], &mut workspace.caches[i], x, &self.params, pass);
            if let Some(windows) = &self.windows {
                windows.behind(i, &mut after[0].starts, &mut workspace.documents);
            }
        }
    }

    /// Sets `grads` to the gradients of all parameters, from the gradient of the logits and the last forward pass.
    pub fn backward(&self, grads: &mut Grads<T>, workspace: &mut Workspace<T>, d_logits: &[T], batch: &Batch) {
        grads.reset(&self.params, &batch.distinct);
        self.add_gradients(grads, workspace, d_logits, batch);
    }

    /// Adds to `grads`, which know the distinct tokens of the batch already.
    pub(crate) fn add_gradients(
        &self,
        grads: &mut Grads<T>,
        workspace: &mut Workspace<T>,
        d_logits: &[T],
        batch: &Batch,
    ) {
        let Workspace { caches, outputs, d_outputs, documents } = workspace;
        d_outputs.resize_with(self.layers.len(), Rows::default);
        let last = self.layers.len() - 1;
        d_outputs[last].reset(&outputs[last].starts, outputs[last].width);
        d_outputs[last].data.copy_from_slice(d_logits);
        // What lies before the first layer with something to learn needs no gradient.
        let Some(first) = self.layers.iter().position(|layer| layer.trains(&self.params)) else { return };
        for (i, layer) in self.layers.iter().enumerate().skip(first).rev() {
            if self.windows.is_some() && i == 0 {
                Windows::join([&mut outputs[0].starts, &mut d_outputs[0].starts], documents);
            }
            let (before, after) = d_outputs.split_at_mut(i);
            let x = if i == 0 { Input::Tokens(batch) } else { Input::Rows(&outputs[i - 1]) };
            layer.backward(
                before.last_mut().filter(|_| i > first),
                grads,
                &mut caches[i],
                &after[0],
                &outputs[i],
                x,
                &self.params,
            );
        }
    }

    /// Divides `Σ d_logits · logits` of the last [`Pass::Trace`] among the tokens of the batch
    /// ([`attribution`](crate::attribution)). False when the first layer cannot.
    pub fn attribute(
        &self,
        shares: &mut Shares<T>,
        scratch: &mut Grads<T>,
        workspace: &mut Workspace<T>,
        d_logits: &[T],
        batch: &Batch,
    ) -> bool {
        scratch.reset_to_none(&self.params);
        shares.wins.clear();
        shares.tokens.clear();
        shares.tokens.resize(batch.ids.len(), T::ZERO);
        let Workspace { caches, outputs, d_outputs, documents } = workspace;
        d_outputs.resize_with(self.layers.len(), Rows::default);
        let last = self.layers.len() - 1;
        d_outputs[last].reset(&outputs[last].starts, outputs[last].width);
        d_outputs[last].data.copy_from_slice(d_logits);
        for i in (1..self.layers.len()).rev() {
            let (before, after) = d_outputs.split_at_mut(i);
            let x = Input::Rows(&outputs[i - 1]);
            self.layers[i].backward(
                before.last_mut(),
                scratch,
                &mut caches[i],
                &after[0],
                &outputs[i],
                x,
                &self.params,
            );
        }
        if self.windows.is_some() {
            Windows::join([&mut outputs[0].starts, &mut d_outputs[0].starts], documents);
        }
        let (first, cache) = (&self.layers[0], &mut caches[0]);
        first.attribute(shares, scratch, cache, &d_outputs[0], &outputs[0], batch, &self.params)
    }

    /// The net without the small matrices beside its weights, which are added to these, and its description. `spec` is the
    /// description of this net.
    ///
    /// # Errors
    /// When the layers do not fit together.
    pub fn merged(&self, spec: &NetSpec) -> Result<(NetSpec, Self), CompileError> {
        let mut spec = spec.clone();
        spec.for_each_layer(&mut |layer| {
            if let LayerSpec::Transformer(transformer) = layer {
                transformer.lora = None;
            }
        });
        let mut params = self.params.clone();
        self.layers.iter().for_each(|layer| layer.merge(&mut params));
        let mut net = Self::zeros(&spec, self.sizes)?;
        for param in net.params.iter_mut() {
            if let Some(from) = params.iter_mut().find(|from| from.name == param.name) {
                param.data = std::mem::take(&mut from.data);
            }
        }
        Ok((spec, net))
    }

    /// Holds in fewer bits what its layers can read so and `wanted` says of, by parameter. Gives how many parameters that are.
    pub fn compact(&mut self, compaction: Compaction, wanted: impl Fn(&Param<T>) -> bool) -> usize {
        let mut n = 0;
        for id in self.compactable() {
            let param = self.params.get_mut(id);
            if wanted(param) {
                param.compact(compaction);
                n += 1;
            }
        }
        n
    }

    /// The parameters that its layers can read in fewer bits.
    pub fn compactable(&self) -> Vec<ParamId> {
        self.layers.iter().flat_map(|layer| layer.compactable()).collect()
    }

    /// Makes a net ready to be trained, also one that was [finalised](Self::finalise) before.
    pub(crate) fn begin_training(&mut self) {
        for layer in &self.layers {
            layer.begin_training(&mut self.params);
        }
    }

    /// Prepares what scoring needs and a model file holds. To be called when training is over.
    pub fn finalise(&mut self) {
        for layer in &self.layers {
            layer.finalise(&mut self.params);
        }
    }

    /// A workspace in which scoring many texts is faster, to be cloned for each thread. Scores stay the same.
    pub fn scoring_workspace(&self) -> Workspace<T> {
        let mut workspace = Workspace::default();
        workspace.caches.resize_with(self.layers.len(), Cache::default);
        for (layer, cache) in self.layers.iter().zip(&mut workspace.caches) {
            layer.prepare_scoring(cache, &self.params);
        }
        workspace
    }

    /// Puts pretrained vectors into the embedding tables: `vector(id)` is the one of token `id`, where there is one.
    /// A token without one starts random, with the standard `deviation` of the vectors (Kim 2014). Call it before
    /// training.
    ///
    /// # Errors
    /// When the net has no embedding, or one of another size.
    pub fn set_word_vectors<'v>(
        &mut self,
        dim: usize,
        deviation: f64,
        vector: impl Fn(u32) -> Option<&'v [f32]>,
    ) -> Result<(), CompileError> {
        let is_table = |name: &str| name.contains(".embedding.");
        let mut n_tables = 0;
        for param in self.params.iter().filter(|p| is_table(&p.name)) {
            n_tables += 1;
            if param.shape[1] != dim {
                let problem = format!("the vectors have {dim} numbers, the embedding {}", param.shape[1]);
                return Err(CompileError::new("layers", problem, format!("set dim = {dim} in the embedding layer")));
            }
        }
        if n_tables == 0 {
            return Err(CompileError::new("layers", "there is no embedding to put vectors into", "add an embedding"));
        }
        for param in self.params.iter_mut().filter(|p| is_table(&p.name)) {
            for (id, row) in param.data.chunks_mut(dim).enumerate() {
                match vector(id as u32) {
                    Some(vector) => row.iter_mut().zip(vector).for_each(|(r, v)| *r = T::from_f64(f64::from(*v))),
                    None => row.iter_mut().enumerate().for_each(|(i, r)| {
                        *r = T::from_f64(deviation * rng::normal(SEED_MISSING, (id * dim + i) as u64));
                    }),
                }
            }
        }
        Ok(())
    }

    /// Updates running statistics from the forward pass of a training step.
    pub fn update_statistics(&mut self, workspace: &Workspace<T>) {
        for (layer, cache) in self.layers.iter().zip(&workspace.caches) {
            layer.update_statistics(&mut self.params, cache);
        }
    }
}
