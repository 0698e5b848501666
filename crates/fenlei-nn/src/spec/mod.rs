//! The description of a net: a list of layers, as it stands in a configuration file.

mod transformer;

use serde::{Deserialize, Serialize};

pub use transformer::{LoraPlace, LoraSpec, NormKind, NormPlace, TransformerSizes, TransformerSpec};

use crate::layers::activation::Activation;
use crate::layers::padding::Padding;

/// What a net is made of, from the token ids to the last layer before the output. The output layer itself follows
/// from the head and the number of labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetSpec {
    /// What the output means.
    pub head: HeadSpec,
    /// The share of tokens that training replaces by the unknown token.
    pub word_dropout: f64,
    /// How exactly training multiplies.
    #[serde(skip_serializing_if = "Precision::is_default")]
    pub precision: Precision,
    /// The layers up to the last Transformer read a document in windows of so many tokens, each as a document of its own;
    /// those behind it read the states of all its windows. Default: none, a document is read as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<usize>,
    /// The layers in order.
    pub layers: Vec<LayerSpec>,
}

impl Default for NetSpec {
    fn default() -> Self {
        Self {
            head: HeadSpec::Auto,
            word_dropout: 0.0,
            precision: Precision::default(),
            window: None,
            layers: Vec::new(),
        }
    }
}

impl NetSpec {
    /// Gives every embedding the size of the pretrained vectors that it starts from.
    pub fn set_embedding_dim(&mut self, new_dim: usize) {
        self.for_each_layer(&mut |layer| {
            if let LayerSpec::Embedding { dim, .. } | LayerSpec::EmbeddingBag { dim, .. } = layer {
                *dim = new_dim;
            }
        });
    }

    /// Calls `f` for every layer, those within others too.
    pub fn for_each_layer(&mut self, f: &mut dyn FnMut(&mut LayerSpec)) {
        fn each(layers: &mut [LayerSpec], f: &mut dyn FnMut(&mut LayerSpec)) {
            for layer in layers {
                f(layer);
                match layer {
                    LayerSpec::Branches { branches } => branches.iter_mut().for_each(|branch| each(branch, f)),
                    LayerSpec::Residual { layers } => each(layers, f),
                    _ => {}
                }
            }
        }
        each(&mut self.layers, f);
    }
}

/// How exactly training multiplies matrices. Predictions are always made with `f32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// Large products of `f32` numbers may be made of bf16 numbers where the processor multiplies those
    /// ([`tiles`](crate::kernels::tiles)).
    #[default]
    Bf16,
    /// All products are made of `f32` numbers.
    F32,
}

impl Precision {
    /// Whether it is the one that a description without one has.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What the output means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeadSpec {
    /// Softmax for one label a document, sigmoid for several.
    #[default]
    Auto,
    /// One unit a label, of which one is true.
    Softmax,
    /// One unit a label, each true or false.
    Sigmoid,
    /// One unit for two labels: the probability of the second (the article's networks).
    Binary,
    /// A tree of yes-or-no questions over the labels (hierarchical softmax, Morin and Bengio 2005): a step answers only
    /// those on the way to the document's label, which pays where there are thousands of labels.
    Hierarchical,
}

/// How the vectors of an embedding are trained when they start from pretrained ones (Kim 2014).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EmbeddingMode {
    /// Trained with the net.
    #[default]
    Tuned,
    /// Left as they are.
    Static,
    /// Two tables, one trained and one not, read side by side.
    Multichannel,
}

/// How positions are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PoolKind {
    /// The largest number.
    #[default]
    Max,
    /// The mean.
    Average,
    /// The `k` largest in their order (Kalchbrenner et al. 2014); global only.
    KMax,
    /// The first row, such as that of `[CLS]`; global only.
    First,
    /// The last row; global only.
    Last,
    /// A weighted mean: `Σ softmax(v · tanh(W x + b)) x` with trained `W`, `b` and `v` (Yang et al. 2016); global only.
    Attention,
}

impl PoolKind {
    /// As it stands in a configuration file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Max => "max",
            Self::Average => "average",
            Self::KMax => "k-max",
            Self::First => "first",
            Self::Last => "last",
            Self::Attention => "attention",
        }
    }
}

/// Where the vectors of positions come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PositionKind {
    /// Trained with the net.
    #[default]
    Learned,
    /// Sines and cosines of falling frequencies, side by side in pairs (Vaswani et al. 2017).
    Sinusoidal,
}

/// One layer. Those without settings have braces: serde would skip unknown keys of a bare variant in silence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LayerSpec {
    /// A vector for each token.
    Embedding {
        /// Numbers in a vector; pretrained vectors bring their own.
        dim: usize,
        /// Bound of the uniform random start.
        #[serde(default = "default_embedding_init")]
        init: f64,
        /// Which tables are trained.
        #[serde(default)]
        mode: EmbeddingMode,
    },
    /// The sum of the vectors of a document's tokens, each times what the token counts: one row a document. Over features
    /// with `norm = "l1"` that is the mean of fastText (Joulin et al. 2017); over any other it is a dense layer whose
    /// input is sparse.
    EmbeddingBag {
        /// Numbers in a vector.
        dim: usize,
        /// Bound of the uniform random start.
        #[serde(default = "default_embedding_init")]
        init: f64,
        /// Whether a number is added to each sum.
        #[serde(default)]
        bias: bool,
        /// Applied to the sum.
        #[serde(default)]
        activation: Activation,
    },
    /// Convolution of the tokens themselves, without an embedding (Johnson and Zhang 2015): each filter has a weight
    /// for each token at each of its places.
    OneHotConv {
        /// Tokens that a filter spans.
        width: usize,
        /// How many filters.
        filters: usize,
        /// Where filters may stand.
        #[serde(default)]
        padding: Padding,
        /// Applied to the sum.
        #[serde(default)]
        activation: Activation,
    },
    /// Convolution over positions.
    Conv {
        /// Positions that a filter spans; several widths stand side by side.
        widths: Vec<usize>,
        /// Filters of each width.
        filters: usize,
        /// Positions between two places of a filter.
        #[serde(default = "default_stride")]
        stride: usize,
        /// Where filters may stand.
        #[serde(default)]
        padding: Padding,
        /// Applied to the sum.
        #[serde(default)]
        activation: Activation,
    },
    /// Pooling over windows of positions.
    Pool {
        /// Maximum or mean.
        #[serde(default)]
        kind: PoolKind,
        /// Positions in a window.
        size: usize,
        /// Positions between two windows; the size where it is absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stride: Option<usize>,
    },
    /// Pooling over the document: one vector comes out.
    GlobalPool {
        /// Maximum, mean, or the k largest.
        #[serde(default)]
        kind: PoolKind,
        /// How many of `k-max`.
        #[serde(default = "default_k")]
        k: usize,
        /// Rows of `W` of `attention`. Default: the width of a row.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        units: Option<usize>,
    },
    /// Fully connected units.
    Dense {
        /// How many.
        units: usize,
        /// Applied to the sum.
        #[serde(default)]
        activation: Activation,
    },
    /// An activation by itself.
    Activation {
        /// Which.
        kind: Activation,
    },
    /// Leaves out a share of the numbers in training.
    Dropout {
        /// The share.
        rate: f64,
        /// Leave out whole columns of a document instead of single numbers.
        #[serde(default)]
        spatial: bool,
    },
    /// Adds a vector for each position.
    Positions {
        /// Trained vectors or those of a formula.
        #[serde(default)]
        kind: PositionKind,
        /// Positions that have a vector; later ones have that of the last.
        max: usize,
    },
    /// Long short-term memory (Hochreiter and Schmidhuber 1997) over the positions.
    Lstm {
        /// Numbers that it remembers.
        units: usize,
        /// A second one from the end to the start, side by side with the first.
        #[serde(default)]
        bidirectional: bool,
    },
    /// Gated recurrent units (Cho et al. 2014) over the positions.
    Gru {
        /// Numbers that it remembers.
        units: usize,
        /// A second one from the end to the start, side by side with the first.
        #[serde(default)]
        bidirectional: bool,
    },
    /// Blocks of self-attention.
    Transformer(Box<TransformerSpec>),
    /// Normalises each row.
    LayerNorm {
        /// Keeps the norm of a constant row finite.
        #[serde(default = "default_layer_norm_epsilon")]
        epsilon: f64,
    },
    /// Divides each row by the root of its mean square.
    RmsNorm {
        /// Keeps the norm of a row of zeros finite.
        #[serde(default = "default_rms_norm_epsilon")]
        epsilon: f64,
    },
    /// Normalises each column over the batch.
    BatchNorm {},
    /// Several ways side by side, their columns put together.
    Branches {
        /// The layers of each way.
        branches: Vec<Vec<LayerSpec>>,
    },
    /// The input plus what the layers make of it.
    Residual {
        /// The layers; they must keep the shape.
        layers: Vec<LayerSpec>,
    },
}

fn default_embedding_init() -> f64 {
    0.05
}

fn default_stride() -> usize {
    1
}

fn default_k() -> usize {
    2
}

fn default_layer_norm_epsilon() -> f64 {
    1e-5
}

fn default_rms_norm_epsilon() -> f64 {
    1e-6
}
