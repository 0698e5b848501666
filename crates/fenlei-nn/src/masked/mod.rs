//! Masked language models (Devlin et al. 2019): a net that gives a state for each token, and a head that tells from the
//! states of hidden tokens which ones they were.
//!
//! The head is BERT's: a dense layer, an activation and a layer norm, then the table of token vectors as a decoder, with a
//! bias. It is computed for the hidden places only. The table so has a gradient in every row.

mod training;

pub use training::MaskedTraining;

use crate::compile::{CompileError, compile_states};
use crate::init::Builder;
use crate::kernels::elementwise::fill_rows;
use crate::kernels::gemm::{Mat, matmul};
use crate::layers::{Activation, Cache, Dense, Input, Layer, LayerNorm, Pass};
use crate::loss::{Decoder, DecoderGrads, TiedSoftmax};
use crate::params::{Grads, ParamId, Params, Role};
use crate::ragged::{Batch, Rows};
use crate::scalar::Scalar;
use crate::spec::{LayerSpec, Precision};

/// What a masked language model is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct MaskedSpec {
    /// From token ids to a state for each token, beginning with an embedding as wide as the states.
    pub layers: Vec<LayerSpec>,
    /// The activation of the head.
    pub activation: Activation,
    /// That of the head's norm.
    pub epsilon: f64,
    /// How exactly training multiplies.
    pub precision: Precision,
}

/// A document with hidden tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MaskedDocument {
    /// What the net reads.
    pub ids: Vec<u32>,
    /// Places in it that are asked about, each once.
    pub places: Vec<u32>,
    /// What stood there.
    pub tokens: Vec<u32>,
}

/// A net with the head of a masked language model.
#[derive(Debug)]
pub struct MaskedNet<T> {
    layers: Vec<Box<dyn Layer<T>>>,
    /// Dense, activation, norm.
    head: Vec<Box<dyn Layer<T>>>,
    /// All numbers: those of the layers, then those of the head, whose names begin with [`HEAD`].
    pub params: Params<T>,
    table: ParamId,
    bias: ParamId,
    width: usize,
    vocab_size: usize,
    precision: Precision,
}

/// So that the head draws other numbers than the layers.
const SEED_HEAD: u64 = 0x4D4C_4D00;

/// What the names of the head's parameters begin with: `head.dense.weight`, `head.norm.scale`, `head.bias`.
pub const HEAD: &str = "head";

/// The memory of a pass.
#[derive(Debug, Default)]
pub struct MaskedWorkspace<T> {
    batch: Batch,
    caches: Vec<Cache<T>>,
    outputs: Vec<Rows<T>>,
    d_outputs: Vec<Rows<T>>,
    /// Rows of the hidden places, then what each layer of the head makes of them.
    head: [Rows<T>; 4],
    d_head: [Rows<T>; 4],
    head_caches: [Cache<T>; 3],
    places: Vec<u32>,
    tokens: Vec<u32>,
    softmax: TiedSoftmax<T>,
}

impl<T: Scalar> MaskedNet<T> {
    /// Builds a net with first values from `seed`.
    ///
    /// # Errors
    /// When the layers do not fit together, or the token vectors are not as wide as the states.
    pub fn new(spec: &MaskedSpec, vocab_size: usize, seed: u64) -> Result<Self, CompileError> {
        let mut params = Params::default();
        let builder = Builder::new(&mut params, seed).with_precision(spec.precision);
        let (layers, width) = compile_states(&spec.layers, vocab_size, builder)?;
        let table = params.iter().position(|param| param.role.is_table()).map(ParamId);
        let Some(table) = table.filter(|&table| params.get(table).shape == [vocab_size, width]) else {
            let problem = format!("a decoder of states of {width} numbers must be tied to token vectors of as many");
            return Err(CompileError::new("layers", problem, "begin with an embedding as wide as the states"));
        };
        params.get_mut(table).role = Role::Weight;
        let mut builder = Builder::new(&mut params, seed ^ SEED_HEAD);
        let head: Vec<Box<dyn Layer<T>>> = vec![
            Box::new(Dense::new(&mut builder, &format!("{HEAD}.dense"), width, width)),
            Box::new(spec.activation),
            Box::new(LayerNorm::new(&mut builder, &format!("{HEAD}.norm"), width, spec.epsilon)),
        ];
        let bias = params.add_zeros(format!("{HEAD}.bias"), &[vocab_size], Role::Bias);
        Ok(Self { layers, head, params, table, bias, width, vocab_size, precision: spec.precision })
    }

    /// How many tokens it knows.
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// How many numbers training changes.
    pub fn n_trainable(&self) -> usize {
        self.params.iter().filter(|p| p.trainable).map(|p| p.data.len()).sum()
    }

    /// The sum of the losses at all places of some documents that are asked about.
    pub fn losses(&self, workspace: &mut MaskedWorkspace<T>, documents: &[MaskedDocument]) -> f64 {
        workspace.fill(documents, self.vocab_size);
        self.forward(workspace, Pass::Predict);
        let MaskedWorkspace { softmax, head, tokens, .. } = workspace;
        softmax.forward(&head[3].data, self.decoder(), tokens)
    }

    /// The logits of every token at every place of some documents, `[n_tokens, vocab_size]`.
    pub fn logits(&self, workspace: &mut MaskedWorkspace<T>, documents: &[MaskedDocument]) -> Vec<T> {
        let whole = |document: &MaskedDocument| MaskedDocument {
            ids: document.ids.clone(),
            places: (0..document.ids.len() as u32).collect(),
            tokens: document.ids.clone(),
        };
        let documents: Vec<MaskedDocument> = documents.iter().map(whole).collect();
        workspace.fill(&documents, self.vocab_size);
        self.forward(workspace, Pass::Predict);
        let mut logits = vec![T::ZERO; workspace.places.len() * self.vocab_size];
        let Decoder { table, bias } = self.decoder();
        fill_rows(&mut logits, bias);
        let states = Mat::new(&workspace.head[3].data, workspace.places.len(), self.width);
        matmul(&mut logits, states, Mat::new(table, self.vocab_size, self.width).t(), true);
        logits
    }

    fn decoder(&self) -> Decoder<'_, T> {
        Decoder { table: self.params.data(self.table), bias: self.params.data(self.bias) }
    }

    fn forward(&self, workspace: &mut MaskedWorkspace<T>, pass: Pass) {
        let MaskedWorkspace { batch, caches, outputs, head, head_caches, places, .. } = workspace;
        caches.resize_with(self.layers.len(), Cache::default);
        outputs.resize_with(self.layers.len(), Rows::default);
        for (i, layer) in self.layers.iter().enumerate() {
            let (before, after) = outputs.split_at_mut(i);
            let x = before.last().map_or(Input::Tokens(batch), Input::Rows);
            layer.forward(&mut after[0], &mut caches[i], x, &self.params, pass);
        }
        let states = &outputs[self.layers.len() - 1];
        // A document each, so that threads share the rows.
        head[0].reset_vectors(places.len(), self.width);
        for (row, &place) in head[0].data.chunks_exact_mut(self.width).zip(&*places) {
            row.copy_from_slice(states.row(place as usize));
        }
        for (i, layer) in self.head.iter().enumerate() {
            let (before, after) = head.split_at_mut(i + 1);
            layer.forward(&mut after[0], &mut head_caches[i], Input::Rows(&before[i]), &self.params, pass);
        }
    }

    /// Adds to `grads` the gradients of `scale` times the sum of the losses of some documents, which is returned.
    pub fn add_gradients(
        &self,
        grads: &mut Grads<T>,
        workspace: &mut MaskedWorkspace<T>,
        documents: &[MaskedDocument],
        scale: f64,
        seed: u64,
    ) -> f64 {
        workspace.fill(documents, self.vocab_size);
        self.forward(workspace, Pass::Train { seed });
        let MaskedWorkspace { batch, caches, outputs, d_outputs, head, d_head, head_caches, places, tokens, softmax } =
            workspace;
        d_head[3].resize_like(&head[3].starts, self.width);
        let (table, bias) = grads.pair_mut(self.table, self.bias);
        let decoder_grads = DecoderGrads { states: &mut d_head[3].data, table, bias };
        let loss =
            softmax.forward_backward(decoder_grads, &head[3].data, self.decoder(), tokens, scale, self.precision);
        for (i, layer) in self.head.iter().enumerate().rev() {
            let (before, after) = d_head.split_at_mut(i + 1);
            let (dx, x) = (&mut before[i], Input::Rows(&head[i]));
            layer.backward(Some(dx), grads, &mut head_caches[i], &after[0], &head[i + 1], x, &self.params);
        }
        let last = self.layers.len() - 1;
        d_outputs.resize_with(self.layers.len(), Rows::default);
        d_outputs[last].reset(&outputs[last].starts, self.width);
        for (row, &place) in d_head[0].data.chunks_exact(self.width).zip(&*places) {
            d_outputs[last].data[place as usize * self.width..][..self.width].copy_from_slice(row);
        }
        for (i, layer) in self.layers.iter().enumerate().rev() {
            let (before, after) = d_outputs.split_at_mut(i);
            let x = if i == 0 { Input::Tokens(batch) } else { Input::Rows(&outputs[i - 1]) };
            layer.backward(before.last_mut(), grads, &mut caches[i], &after[0], &outputs[i], x, &self.params);
        }
        loss
    }
}

impl<T: Scalar> MaskedWorkspace<T> {
    /// Takes the documents over.
    ///
    /// # Panics
    /// When a document has no tokens, or not a token for each place.
    fn fill(&mut self, documents: &[MaskedDocument], vocab_size: usize) {
        // A document without tokens would get a row of its own behind an embedding.
        assert!(documents.iter().all(|document| !document.ids.is_empty()), "documents with tokens");
        self.batch.fill(documents.iter().map(|document| document.ids.as_slice()), vocab_size);
        self.batch.list_all(vocab_size);
        self.places.clear();
        self.tokens.clear();
        for (document, &start) in documents.iter().zip(&self.batch.starts) {
            assert_eq!(document.places.len(), document.tokens.len(), "a token for each place");
            self.places.extend(document.places.iter().map(|place| start + place));
            self.tokens.extend_from_slice(&document.tokens);
        }
    }
}
