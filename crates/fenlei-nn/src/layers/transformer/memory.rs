//! What a Transformer remembers of a forward pass, and the memory it works in.

use super::linear::LinearMemory;
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
    /// Of products with weights.
    pub linear: LinearMemory<T>,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::Builder;
    use crate::layers::{Cache, Input, Layer, Pass, Transformer};
    use crate::params::{Grads, Params};
    use crate::ragged::Rows;
    use crate::spec::NormPlace;

    impl<T> TransformerMemory<T> {
        /// Numbers that are held, but for those of threads and of parts of rows.
        fn n_numbers(&self) -> usize {
            let block = |b: &BlockMemory<T>| {
                let rows = [&b.attention_moments, &b.qkv, &b.context, &b.log_sums, &b.middle, &b.middle_moments];
                let more = [&b.middle_normalised, &b.units, &b.end, &b.end_moments];
                rows.into_iter().chain(more).map(Vec::len).sum::<usize>()
            };
            let s = &self.scratch;
            let scratch = [&s.added, &s.normalised, &s.activated, &s.d_activated, &s.d_units, &s.d_context, &s.d_qkv];
            let more = [&s.again, &s.d_output, &s.d_end, &s.d_middle, &s.d_normalised, &s.masked];
            self.blocks.iter().map(block).sum::<usize>()
                + self.outputs.iter().map(Vec::len).sum::<usize>()
                + scratch.into_iter().chain(more).map(Vec::len).sum::<usize>()
        }
    }

    #[test]
    fn the_memory_of_a_step_is_foreseen() {
        let (width, n_rows) = (32, 40);
        for (norm, checkpoint, gated) in
            [(NormPlace::Post, false, false), (NormPlace::Pre, false, true), (NormPlace::Pre, true, false)]
        {
            let spec = TransformerSpec { norm, checkpoint, gated, dropout: 0.1, ..TransformerSpec::new(5, 2) };
            let mut params = Params::<f32>::default();
            let layer = Transformer::new(&mut Builder::new(&mut params, 1), "t", width, &spec, 1);
            let (mut x, mut y, mut dx) = (Rows::default(), Rows::default(), Rows::default());
            x.reset(&[0, 15, n_rows as u32], width);
            let (mut cache, mut grads) = (Cache::default(), Grads::default());
            layer.forward(&mut y, &mut cache, Input::Rows(&x), &params, Pass::Train { seed: 1 });
            grads.reset(&params, &[]);
            let dy = y.clone();
            layer.backward(Some(&mut dx), &mut grads, &mut cache, &dy, &y, Input::Rows(&x), &params);
            let (held, foreseen) = (cache.transformer.n_numbers(), n_rows * spec.numbers_per_row(width));
            assert!(held <= foreseen && foreseen < held * 11 / 10, "{norm:?}: {held} held, {foreseen} foreseen");
        }
    }
}
