//! The description of a Transformer: one struct for the encoders and decoders that are in use.

use serde::{Deserialize, Serialize};

use crate::layers::activation::Activation;

/// Blocks of self-attention and a feed-forward part, each with a shortcut around it (Vaswani et al. 2017). Rows go in and
/// rows of the same width come out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TransformerSpec {
    /// How many blocks.
    pub layers: usize,
    /// Heads of the queries.
    pub heads: usize,
    /// Heads of the keys and values, each read by `heads / kv-heads` heads of queries (Ainslie et al. 2023). Default: `heads`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kv_heads: Option<usize>,
    /// Numbers in a head. Default: the width of a row divided by `heads`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_dim: Option<usize>,
    /// Units of the feed-forward part. Default: four times the width of a row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feed_forward: Option<usize>,
    /// Applied to the units.
    #[serde(default = "gelu")]
    pub activation: Activation,
    /// Each unit is multiplied by a second one: `activation(gate) · up` (Shazeer 2020; SwiGLU with silu, GeGLU with gelu).
    #[serde(default)]
    pub gated: bool,
    /// Where the norms stand.
    #[serde(default)]
    pub norm: NormPlace,
    /// What the norms do.
    #[serde(default)]
    pub norm_kind: NormKind,
    /// Keeps the norm of a constant row finite.
    #[serde(default = "epsilon")]
    pub epsilon: f64,
    /// Whether the products of attention and feed-forward have a number added.
    #[serde(default = "yes")]
    pub bias: bool,
    /// Whether queries, keys and values have one. Default: `bias`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qkv_bias: Option<bool>,
    /// Whether layer norms have a shift. RMS norms have none.
    #[serde(default = "yes")]
    pub norm_bias: bool,
    /// Whether positions see only themselves and those before them.
    #[serde(default)]
    pub causal: bool,
    /// How many positions on each side a position sees. Default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<usize>,
    /// With `window`: every so many blocks, the first among them, one sees all positions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub global_every: Option<usize>,
    /// The base of rotary positions (Su et al. 2021), such as 10000: pairs `(i, i + head-dim / 2)` of queries and keys are
    /// turned by `position · base^(-2i / head-dim)`. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotary: Option<f64>,
    /// Another base for the blocks with a window. Default: `rotary`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_rotary: Option<f64>,
    /// The share of numbers that training leaves out of what each part adds.
    #[serde(default)]
    pub dropout: f64,
    /// The share of attention weights that training leaves out.
    #[serde(default)]
    pub attention_dropout: f64,
    /// All blocks have the same parameters (Lan et al. 2020).
    #[serde(default)]
    pub share: bool,
    /// The first block has no norm before its attention (ModernBERT, whose embeddings are normalised).
    #[serde(default)]
    pub skip_first_norm: bool,
    /// With `norm = "pre"`: whether a norm stands behind the last block.
    #[serde(default = "yes")]
    pub final_norm: bool,
    /// Training keeps the input of each block only and computes the rest a second time (Chen et al. 2016): less memory,
    /// a third more work.
    #[serde(default)]
    pub checkpoint: bool,
    /// Small trained matrices beside frozen weights. Default: the weights themselves are trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lora: Option<LoraSpec>,
}

impl TransformerSpec {
    /// A Transformer of so many blocks and heads, all else as by default.
    pub fn new(layers: usize, heads: usize) -> Self {
        Self {
            layers,
            heads,
            kv_heads: None,
            head_dim: None,
            feed_forward: None,
            activation: gelu(),
            gated: false,
            norm: NormPlace::default(),
            norm_kind: NormKind::default(),
            epsilon: epsilon(),
            bias: true,
            qkv_bias: None,
            norm_bias: true,
            causal: false,
            window: None,
            global_every: None,
            rotary: None,
            local_rotary: None,
            dropout: 0.0,
            attention_dropout: 0.0,
            share: false,
            skip_first_norm: false,
            final_norm: true,
            checkpoint: false,
            lora: None,
        }
    }

    /// The sizes for rows of `width` numbers, with the defaults filled in.
    pub fn sizes(&self, width: usize) -> TransformerSizes {
        let heads = self.heads.max(1);
        TransformerSizes {
            width,
            heads,
            kv_heads: self.kv_heads.unwrap_or(heads),
            head_dim: self.head_dim.unwrap_or(width / heads),
            feed_forward: self.feed_forward.unwrap_or(width.saturating_mul(4)),
        }
    }

    /// How many numbers a training step holds for each row of `width` numbers that it reads, beside parameters: to
    /// foresee its memory.
    pub fn numbers_per_row(&self, width: usize) -> usize {
        let sizes = self.sizes(width);
        let n_units = if self.gated { 2 * sizes.feed_forward } else { sizes.feed_forward };
        let parts = sizes.qkv() + sizes.context();
        let norms = if self.norm == NormPlace::Post { 3 * width } else { width };
        let block = parts + n_units + norms + sizes.heads + 4;
        let gradients = parts + n_units + 2 * sizes.feed_forward + 8 * width;
        self.layers * width + if self.checkpoint { 1 } else { self.layers } * block + gradients
    }

    /// How far block `block` sees, and the base of its rotary positions.
    pub(crate) fn sight(&self, block: usize) -> (Option<usize>, Option<f64>) {
        let global = self.window.is_none() || self.global_every.is_some_and(|every| block.is_multiple_of(every.max(1)));
        if global { (None, self.rotary) } else { (self.window, self.local_rotary.or(self.rotary)) }
    }
}

/// The sizes of a Transformer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransformerSizes {
    /// Numbers in a row.
    pub width: usize,
    /// Heads of the queries.
    pub heads: usize,
    /// Heads of the keys and values.
    pub kv_heads: usize,
    /// Numbers in a head.
    pub head_dim: usize,
    /// Units of the feed-forward part.
    pub feed_forward: usize,
}

impl TransformerSizes {
    /// Numbers in a row of queries, keys and values side by side.
    pub fn qkv(&self) -> usize {
        (self.heads.saturating_add(self.kv_heads.saturating_mul(2))).saturating_mul(self.head_dim)
    }

    /// Numbers in a row of what the heads give.
    pub fn context(&self) -> usize {
        self.heads.saturating_mul(self.head_dim)
    }
}

/// Where the norms of a block stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NormPlace {
    /// Before attention and feed-forward part, within the shortcut (GPT-2, Llama).
    #[default]
    Pre,
    /// Behind each sum with its shortcut (BERT).
    Post,
}

/// What a norm does with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NormKind {
    /// Mean 0 and variance 1, then a scale and a shift (Ba et al. 2016).
    #[default]
    Layer,
    /// Mean square 1, then a scale (Zhang and Sennrich 2019).
    Rms,
}

/// Small matrices beside frozen weights (Hu et al. 2022): `y = x · (W + alpha / rank · B · A)ᵀ`. All other parameters of
/// the Transformer are frozen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LoraSpec {
    /// Rows of `A`.
    pub rank: usize,
    /// How much the product counts, divided by the rank. Default: 16.
    #[serde(default = "default_alpha")]
    pub alpha: f64,
    /// Which weights have them.
    #[serde(default)]
    pub beside: LoraPlace,
}

/// Which weights have small matrices beside them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LoraPlace {
    /// Those of the attention.
    #[default]
    Attention,
    /// Those of the feed-forward part too.
    All,
}

fn gelu() -> Activation {
    Activation::Gelu
}

fn epsilon() -> f64 {
    1e-5
}

fn yes() -> bool {
    true
}

fn default_alpha() -> f64 {
    16.0
}
