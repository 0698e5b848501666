//! Layers: each a small immutable description with a forward and a backward pass.
//!
//! Invariant: a layer holds sizes and parameter ids, never numbers that change; parameters live in [`Params`],
//! everything a pass computes lives in a [`Cache`], so that one net serves many threads.

pub mod activation;
pub mod attention_pool;
pub mod batch_norm;
pub mod branches;
pub mod conv1d;
mod conv1d_sparse;
pub mod dense;
pub mod dropout;
pub mod embedding;
pub mod embedding_bag;
pub mod global_pool;
pub mod layer_norm;
pub mod one_hot_conv;
pub mod one_hot_max;
pub mod one_row;
pub mod padding;
pub mod pool;
pub mod positions;
pub mod recurrent;
pub mod residual;
pub mod rms_norm;
pub mod sequential;
pub mod text_conv;
mod text_conv_attribution;
pub mod text_conv_backward;
pub mod text_conv_scoring;
pub mod transformer;

use crate::attribution::Shares;
use crate::kernels::gemm::{Mat, matmul, matmul_in_training, matmul_strided, matmul_strided_in_training};
use crate::kernels::tiles::MaximaMemory;
use crate::params::{Grads, ParamId, Params};
use crate::ragged::{Batch, Rows};
use crate::scalar::Scalar;
use crate::spec::Precision;

pub use activation::Activation;
pub use attention_pool::AttentionPool;
pub use batch_norm::BatchNorm;
pub use branches::{BranchMismatch, Branches};
pub use conv1d::{Conv1d, ConvShape};
pub use dense::Dense;
pub use dropout::Dropout;
pub use global_pool::{GlobalPool, GlobalPooling};
pub use layer_norm::LayerNorm;
pub use one_row::OneRow;
pub use padding::Padding;
pub use pool::{Pool, Pooling};
pub use positions::Positions;
pub use recurrent::{Recurrent, RecurrentKind};
pub use residual::Residual;
pub use rms_norm::RmsNorm;
pub use sequential::Sequential;
pub use transformer::Transformer;

/// What a layer reads: the tokens of the batch, or the rows that another layer made.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a, T> {
    /// Token ids.
    Tokens(&'a Batch),
    /// Rows of numbers.
    Rows(&'a Rows<T>),
}

impl<'a, T> Input<'a, T> {
    /// The rows.
    ///
    /// # Panics
    /// On tokens: building a net checks what each layer gets.
    pub fn rows(self) -> &'a Rows<T> {
        match self {
            Self::Rows(rows) => rows,
            Self::Tokens(_) => panic!("a net was built with a layer that needs rows and gets tokens"),
        }
    }

    /// The tokens.
    ///
    /// # Panics
    /// On rows: building a net checks what each layer gets.
    pub fn tokens(self) -> &'a Batch {
        match self {
            Self::Tokens(batch) => batch,
            Self::Rows(_) => panic!("a net was built with a layer that needs tokens and gets rows"),
        }
    }
}

/// Whether a pass trains, and with what randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// Dropout off, running statistics used.
    Predict,
    /// As [`Predict`](Self::Predict), and remembers what [`Layer::attribute`] and a backward pass need: positions that
    /// won are found in the type's own precision rather than in fixed point.
    Trace,
    /// Dropout on, drawn from this seed of the step; batch statistics used.
    Train {
        /// Different for every step.
        seed: u64,
    },
}

impl Pass {
    /// `out = a · b`: exact to the type's precision when predicting, as exact as `precision` says when training.
    pub(crate) fn matmul<T: Scalar>(self, precision: Precision, out: &mut [T], a: Mat<'_, T>, b: Mat<'_, T>) {
        match self {
            Self::Predict | Self::Trace => matmul(out, a, b, false),
            Self::Train { .. } => precision.matmul(out, a, b, false),
        }
    }
}

impl Precision {
    /// `out = a · b`, or `out += a · b`, in a training step: on [`tiles`](crate::kernels::tiles) where that is allowed and
    /// faster.
    pub(crate) fn matmul<T: Scalar>(self, out: &mut [T], a: Mat<'_, T>, b: Mat<'_, T>, accumulate: bool) {
        match self {
            Self::Bf16 => matmul_in_training(out, a, b, accumulate),
            Self::F32 => matmul(out, a, b, accumulate),
        }
    }

    /// [`matmul`](Self::matmul) into rows that begin `out_stride` numbers apart.
    pub(crate) fn matmul_strided<T: Scalar>(
        self,
        out: &mut [T],
        out_stride: usize,
        a: Mat<'_, T>,
        b: Mat<'_, T>,
        accumulate: bool,
    ) {
        match self {
            Self::Bf16 => matmul_strided_in_training(out, out_stride, a, b, accumulate),
            Self::F32 => matmul_strided(out, out_stride, a, b, accumulate),
        }
    }
}

/// What a layer remembers between its forward and its backward pass, and the memory it works in.
///
/// Each layer says which fields it uses, and for what. All keep their memory from step to step.
#[derive(Debug, Clone, Default)]
pub struct Cache<T> {
    /// Document bounds of a layer's own layout.
    pub starts: Vec<u32>,
    /// Winning positions of a maximum.
    pub winners: Vec<u32>,
    /// Dropout masks: 0 or the scale.
    pub mask: Vec<T>,
    /// Layer-specific numbers, first kind.
    pub work: Vec<T>,
    /// Layer-specific numbers, second kind.
    pub work2: Vec<T>,
    /// Layer-specific numbers, third kind.
    pub work3: Vec<T>,
    /// The sorted lists of the text convolution's backward pass.
    pub sparse: text_conv_backward::SparseLists<T>,
    /// What the maxima of a one-hot convolution send back.
    pub wins: one_hot_max::TableWins<T>,
    /// The maxima of a text convolution in training.
    pub maxima: MaximaMemory,
    /// Fixed-point products of the batch's tokens.
    pub fixed: Vec<i16>,
    /// Fixed-point products of the whole vocabulary, for scoring many texts.
    pub table: Option<std::sync::Arc<Vec<i16>>>,
    /// What a recurrent layer remembers.
    pub recurrent: recurrent::RecurrentMemory<T>,
    /// What a Transformer remembers.
    pub transformer: transformer::TransformerMemory<T>,
    /// Outputs of inner layers.
    pub outputs: Vec<Rows<T>>,
    /// Gradients of the outputs of inner layers.
    pub d_outputs: Vec<Rows<T>>,
    /// Caches of inner layers.
    pub inner: Vec<Cache<T>>,
}

/// A step of a net. Outputs come first, then the inputs.
pub trait Layer<T: Scalar>: std::fmt::Debug + Send + Sync {
    /// Computes `y` from `x`. `y` is set to its shape by the layer (see [`Rows::reset`]).
    fn forward(&self, y: &mut Rows<T>, cache: &mut Cache<T>, x: Input<'_, T>, params: &Params<T>, pass: Pass);

    /// Whether `y` would be `x`, so that the next layer may read `x` instead.
    fn passes_on(&self, _pass: Pass) -> bool {
        false
    }

    /// Computes the gradient of `x` into `dx` (overwritten; `None` behind tokens) and **adds** the gradients of the
    /// parameters to `grads`, from the gradient `dy` of `y` and what the forward pass left in `cache`.
    #[expect(clippy::too_many_arguments, reason = "the two sides of a layer: three results, four inputs")]
    fn backward(
        &self,
        dx: Option<&mut Rows<T>>,
        grads: &mut Grads<T>,
        cache: &mut Cache<T>,
        dy: &Rows<T>,
        y: &Rows<T>,
        x: Input<'_, T>,
        params: &Params<T>,
    );

    /// Divides what the outputs contribute among the tokens that a layer reads: adds to `shares`, from the gradient `dy`
    /// of the outputs `y` and what a [`Pass::Trace`] left in `cache`. `scratch` takes gradients that nobody asks for.
    /// False, and nothing added, from a layer that cannot.
    #[expect(clippy::too_many_arguments, reason = "beside backward, with the same arguments")]
    fn attribute(
        &self,
        _shares: &mut Shares<T>,
        _scratch: &mut Grads<T>,
        _cache: &mut Cache<T>,
        _dy: &Rows<T>,
        _y: &Rows<T>,
        _batch: &Batch,
        _params: &Params<T>,
    ) -> bool {
        false
    }

    /// Whether training changes any of its parameters. Backward passes end at the first layer of a net that says so.
    fn trains(&self, _params: &Params<T>) -> bool {
        true
    }

    /// Whether rows of a document look at each other over any distance, so that its windows are told apart.
    fn attends(&self) -> bool {
        false
    }

    /// Its parameters whose numbers it can read in fewer bits ([`Param::compact`](crate::params::Param::compact)).
    fn compactable(&self) -> Vec<ParamId> {
        Vec::new()
    }

    /// Adds small matrices that stand beside weights to these, and sets them to nothing; what the layer computes stays.
    fn merge(&self, _params: &mut Params<T>) {}

    /// Called once before training, also of a net that was trained before: takes back what
    /// [`finalise`](Self::finalise) made of the weights, which are about to change.
    fn begin_training(&self, _params: &mut Params<T>) {}

    /// Called once when training is over, to prepare what scoring needs and a model file holds.
    fn finalise(&self, _params: &mut Params<T>) {}

    /// Puts into a cache what makes scoring many texts faster. Scores stay the same.
    fn prepare_scoring(&self, _cache: &mut Cache<T>, _params: &Params<T>) {}

    /// Called once after the forward pass of a training step to update running statistics.
    fn update_statistics(&self, _params: &mut Params<T>, _cache: &Cache<T>) {}
}
