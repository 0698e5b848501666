//! What a Transformer remembers of a forward pass, and the memory it works in.

use crate::kernels::attention::{Head, Rotary};
use crate::kernels::lent::Lender;
use crate::scalar::Scalar;
use crate::spec::{TransformerSizes, TransformerSpec};

/// The memory of a Transformer.
#[derive(Debug, Clone, Default)]
pub struct TransformerMemory<T> {
    /// One for each block; with checkpoints, and when predicting, one that all use in turn.
    pub(super) blocks: Vec<BlockMemory<T>>,
    /// The input of each block but the first, `[n_rows, width]`: the last entry is the last block's output.
    pub(super) outputs: Vec<Vec<T>>,
    /// Of the norm behind the last block.
    pub(super) final_moments: Vec<T>,
    /// For everywhere and for windows.
    pub(super) rotary: [Rotary<T>; 2],
    pub(super) heads: Lender<Head<T>>,
    pub(super) scratch: Scratch<T>,
    /// Of a training step.
    pub(super) seed: Option<u64>,
    /// Whether the last forward pass can be followed by a backward pass.
    pub(super) remembers: bool,
}

/// What a block remembers. Widths of rows in brackets.
#[derive(Debug, Clone, Default)]
pub(super) struct BlockMemory<T> {
    /// Of the norm in front of the attention `[2]`; not with norms behind.
    pub attention_moments: Vec<T>,
    /// Without bias `[qkv]`.
    pub qkv: Vec<T>,
    /// `[context]`.
    pub context: Vec<T>,
    /// `[heads]`.
    pub log_sums: Vec<T>,
    /// The input and what the attention adds `[width]`.
    pub middle: Vec<T>,
    /// Of the norm of `middle` `[2]`.
    pub middle_moments: Vec<T>,
    /// The norm of `middle` `[width]`; with norms in front it is made again.
    pub middle_normalised: Vec<T>,
    /// What the units read, without bias `[feed-forward]`, twice as wide with gates.
    pub units: Vec<T>,
    /// `middle_normalised` and what the feed-forward part adds `[width]`; only with norms behind.
    pub end: Vec<T>,
    /// Of the norm of `end` `[2]`.
    pub end_moments: Vec<T>,
}

/// Memory that every block uses again.
#[derive(Debug, Clone, Default)]
pub(super) struct Scratch<T> {
    /// `[width]`: what a part adds; a norm that is made again.
    pub added: Vec<T>,
    /// `[width]`: a norm in front.
    pub normalised: Vec<T>,
    /// `[feed-forward]`.
    pub activated: Vec<T>,
    pub d_activated: Vec<T>,
    /// As `units`.
    pub d_units: Vec<T>,
    /// `[context]`.
    pub d_context: Vec<T>,
    /// `[qkv]`.
    pub d_qkv: Vec<T>,
    /// `[width]`: the output of a block that is computed again; the gradient of an output.
    pub again: Vec<T>,
    pub d_output: Vec<T>,
    /// `[width]`: gradients on the way back.
    pub d_end: Vec<T>,
    pub d_middle: Vec<T>,
    pub d_normalised: Vec<T>,
    /// `[width]`: with dropout's numbers left out.
    pub masked: Vec<T>,
    /// Sums of parts of rows.
    pub partial: Vec<T>,
    /// Products with small matrices.
    pub small: [Vec<T>; 2],
}

impl<T: Scalar> BlockMemory<T> {
    /// Takes the sizes for `n_rows` rows.
    pub fn resize(&mut self, n_rows: usize, sizes: &TransformerSizes, spec: &TransformerSpec) {
        let TransformerSizes { width, heads, feed_forward, .. } = *sizes;
        let n_units = if spec.gated { 2 * feed_forward } else { feed_forward };
        for (numbers, width) in [
            (&mut self.qkv, sizes.qkv()),
            (&mut self.context, sizes.context()),
            (&mut self.log_sums, heads),
            (&mut self.middle, width),
            (&mut self.middle_moments, 2),
            (&mut self.units, n_units),
        ] {
            numbers.resize(n_rows * width, T::ZERO);
        }
    }
}
