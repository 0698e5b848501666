//! One block: attention and feed-forward part, each with its shortcut and its norm.

use super::linear::{Linear, LinearSpec};
use super::memory::{BlockMemory, Scratch};
use super::norm::Norm;
use crate::init::Builder;
use crate::kernels::attention::{self, Attention, Head, Rotary, WeightDropout};
use crate::kernels::lent::Lender;
use crate::kernels::shortcut::{RowDropout, add, add_and_normalise};
use crate::kernels::units::Units;
use crate::params::{ParamId, Params};
use crate::rng;
use crate::scalar::Scalar;
use crate::spec::{LoraPlace, NormPlace, TransformerSizes, TransformerSpec};

/// The parts of a block.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub qkv: Linear,
    pub output: Linear,
    /// `None` in a first block that goes without.
    pub attention_norm: Option<Norm>,
    pub units_in: Linear,
    pub units_out: Linear,
    pub feed_forward_norm: Norm,
}

/// What a pass through a block needs to know beside numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step<'s> {
    pub spec: &'s TransformerSpec,
    pub sizes: &'s TransformerSizes,
    pub starts: &'s [u32],
    pub window: Option<usize>,
    /// Whether queries and keys are turned by their positions.
    pub turned: bool,
    /// Whether this block has a window.
    pub local: bool,
    /// Of this block in this step.
    pub seed: Option<u64>,
    pub training: bool,
}

impl<'s> Step<'s> {
    /// The dropout of what the attention (0) or the feed-forward part (1) adds.
    pub fn dropout(&self, part: u64) -> Option<RowDropout> {
        let rate = self.spec.dropout;
        self.seed.filter(|_| rate > 0.0).map(|seed| RowDropout { seed: rng::derive(seed, part), rate })
    }

    pub fn attention<'a, T: Scalar>(&self, bias: &'a [T], rotary: &'a Rotary<T>) -> Attention<'a, T> {
        let rate = self.spec.attention_dropout;
        let seed = self.seed.filter(|_| rate > 0.0);
        Attention {
            heads: self.sizes.heads,
            kv_heads: self.sizes.kv_heads,
            head_dim: self.sizes.head_dim,
            causal: self.spec.causal,
            window: self.window,
            bias,
            rotary: self.turned.then_some(rotary),
            dropout: seed.map(|seed| WeightDropout { seed: rng::derive(seed, 2), rate }),
        }
    }

    pub fn units<'a, T: Scalar>(&self, bias: &'a [T]) -> Units<'a, T> {
        Units { activation: self.spec.activation, gated: self.spec.gated, bias }
    }
}

impl Block {
    /// Makes the parameters `{name}.attention.qkv.weight` and so on.
    pub fn new<T: Scalar>(
        builder: &mut Builder<'_, T>,
        name: &str,
        spec: &TransformerSpec,
        sizes: &TransformerSizes,
        block: usize,
    ) -> Self {
        let TransformerSizes { width, feed_forward, .. } = *sizes;
        let n_units = if spec.gated { 2 * feed_forward } else { feed_forward };
        let everywhere = spec.lora.filter(|lora| lora.beside == LoraPlace::All);
        let linear = |n_in, n_out, fan_out, bias, lora| LinearSpec {
            n_in,
            n_out,
            fan_out,
            bias,
            frozen: spec.lora.is_some(),
            lora,
        };
        let qkv_bias = spec.qkv_bias.unwrap_or(spec.bias);
        let qkv = linear(width, sizes.qkv(), sizes.context(), qkv_bias, spec.lora);
        let qkv = Linear::new(builder, &format!("{name}.attention.qkv"), qkv);
        let output = linear(sizes.context(), width, width, spec.bias, spec.lora);
        let output = Linear::new(builder, &format!("{name}.attention.output"), output);
        let skips = spec.norm == NormPlace::Pre && spec.skip_first_norm && block == 0 && !spec.share;
        let attention_norm = (!skips).then(|| Norm::new(builder, &format!("{name}.attention-norm"), width, spec));
        let units_in = linear(width, n_units, feed_forward, spec.bias, everywhere);
        let units_in = Linear::new(builder, &format!("{name}.feed-forward.input"), units_in);
        let units_out = linear(feed_forward, width, width, spec.bias, everywhere);
        let units_out = Linear::new(builder, &format!("{name}.feed-forward.output"), units_out);
        let feed_forward_norm = Norm::new(builder, &format!("{name}.feed-forward-norm"), width, spec);
        Self { qkv, output, attention_norm, units_in, units_out, feed_forward_norm }
    }

    /// `output: [n_rows, width]` from `input`; what the way back needs goes to `memory`.
    pub fn forward<T: Scalar>(
        &self,
        output: &mut [T],
        memory: &mut BlockMemory<T>,
        (scratch, heads): (&mut Scratch<T>, &Lender<Head<T>>),
        input: &[T],
        (step, rotary): (&Step<'_>, &Rotary<T>),
        params: &Params<T>,
    ) {
        let TransformerSizes { width, feed_forward, .. } = *step.sizes;
        let n_rows = input.len() / width;
        let post = step.spec.norm == NormPlace::Post;
        memory.resize(n_rows, step.sizes, step.spec);
        let Scratch { added, normalised, activated, linear, .. } = scratch;
        added.resize(n_rows * width, T::ZERO);
        activated.resize(n_rows * feed_forward, T::ZERO);

        let seen = match self.attention_norm.as_ref().filter(|_| !post) {
            Some(norm) => {
                normalised.resize(n_rows * width, T::ZERO);
                memory.attention_moments.resize(n_rows * 2, T::ZERO);
                norm.of(params).forward(normalised, &mut memory.attention_moments, input);
                &**normalised
            }
            None => input,
        };
        self.qkv.forward(&mut memory.qkv, linear, seen, params, step.training);
        let attention = step.attention(self.qkv.bias(params), rotary);
        let out = (&mut memory.context[..], &mut memory.log_sums[..]);
        attention::forward(out, heads, &memory.qkv, step.starts, &attention);
        self.output.forward(added, linear, &memory.context, params, step.training);

        let normalised = if post { &mut memory.middle_normalised } else { normalised };
        normalised.resize(n_rows * width, T::ZERO);
        let norm = match &self.attention_norm {
            Some(norm) if post => norm,
            _ => &self.feed_forward_norm,
        };
        add_and_normalise(
            (&mut memory.middle, normalised, &mut memory.middle_moments),
            input,
            added,
            self.output.bias(params),
            step.dropout(0),
            &norm.of(params),
        );
        self.units_in.forward(&mut memory.units, linear, normalised, params, step.training);
        step.units(self.units_in.bias(params)).forward(activated, &memory.units, feed_forward);
        self.units_out.forward(added, linear, activated, params, step.training);
        let bias = self.units_out.bias(params);
        if post {
            memory.end.resize(n_rows * width, T::ZERO);
            memory.end_moments.resize(n_rows * 2, T::ZERO);
            let out = (&mut memory.end[..], output, &mut memory.end_moments[..]);
            add_and_normalise(out, normalised, added, bias, step.dropout(1), &self.feed_forward_norm.of(params));
        } else {
            add(output, &memory.middle, added, bias, width, step.dropout(1));
        }
    }

    /// Whether training changes any of its parameters.
    pub fn trains<T: Scalar>(&self, params: &Params<T>) -> bool {
        [&self.qkv, &self.output, &self.units_in, &self.units_out].into_iter().any(|linear| linear.trains(params))
            || self.attention_norm.iter().chain([&self.feed_forward_norm]).any(|norm| norm.trains(params))
    }

    /// The weights of its products.
    pub fn weights(&self) -> [ParamId; 4] {
        [&self.qkv, &self.output, &self.units_in, &self.units_out].map(Linear::weight)
    }

    /// Adds the small matrices to the weights that they stand beside.
    pub fn merge<T: Scalar>(&self, params: &mut Params<T>) {
        [&self.qkv, &self.output, &self.units_in, &self.units_out].into_iter().for_each(|linear| linear.merge(params));
    }
}
