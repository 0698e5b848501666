//! The way back through a block.

use super::block::{Block, Step};
use super::memory::{BlockMemory, Scratch};
use super::norm::Norm;
use crate::kernels::attention::{self, Head, Kept, Rotary};
use crate::kernels::elementwise::add_column_sums;
use crate::kernels::lent::Lender;
use crate::kernels::shortcut::{NormGradients, NormKept, RowDropout, add_backward};
use crate::params::{Grads, ParamId, Params};
use crate::scalar::Scalar;
use crate::spec::{NormPlace, TransformerSizes};

impl Block {
    /// `d_output`, the gradient of the output, becomes that of the input (where it is `wanted`); the gradients of the
    /// parameters are added to.
    pub fn backward<T: Scalar>(
        &self,
        (d_output, wanted, grads): (&mut Vec<T>, bool, &mut Grads<T>),
        memory: &BlockMemory<T>,
        (scratch, heads): (&mut Scratch<T>, &Lender<Head<T>>),
        input: &[T],
        (step, rotary): (&Step<'_>, &Rotary<T>),
        params: &Params<T>,
    ) {
        let TransformerSizes { width, .. } = *step.sizes;
        let n_rows = input.len() / width;
        let post = step.spec.norm == NormPlace::Post;
        for numbers in [&mut scratch.d_end, &mut scratch.d_middle, &mut scratch.d_normalised] {
            numbers.resize(n_rows * width, T::ZERO);
        }

        // Behind the feed-forward part: `d_end` is the gradient of the sum with the shortcut.
        let dropout = step.dropout(1);
        let bias = self.units_out.bias;
        if post {
            let kept = NormKept { dy: d_output, x: &memory.end, moments: &memory.end_moments, along: &[], dropout };
            norm_backward(&self.feed_forward_norm, scratch, Into::End, bias, kept, grads, params);
        } else {
            std::mem::swap(&mut scratch.d_end, d_output);
            mask_end(scratch, bias, dropout, width, grads);
        }

        // The feed-forward part: from `d_end` to `d_normalised`, the gradient of what it read.
        if !post {
            scratch.normalised.resize(n_rows * width, T::ZERO);
            let norm = self.feed_forward_norm.of(params);
            norm.again(&mut scratch.normalised, &memory.middle_moments, &memory.middle);
        }
        self.feed_forward_backward(grads, memory, scratch, (post, dropout), step, params);

        // Behind the attention: `d_middle` is the gradient of the sum with the shortcut.
        let dropout = step.dropout(0);
        let bias = self.output.bias;
        let d_normalised = std::mem::take(&mut scratch.d_normalised);
        let d_end = std::mem::take(&mut scratch.d_end);
        let along = if post { &[][..] } else { &d_end[..] };
        let kept = NormKept { dy: &d_normalised, x: &memory.middle, moments: &memory.middle_moments, along, dropout };
        let norm = match &self.attention_norm {
            Some(norm) if post => norm,
            _ => &self.feed_forward_norm,
        };
        norm_backward(norm, scratch, Into::Middle, bias, kept, grads, params);
        (scratch.d_normalised, scratch.d_end) = (d_normalised, d_end);

        self.attention_backward((d_output, wanted, grads), memory, (scratch, heads), input, (step, rotary), params);
    }

    fn feed_forward_backward<T: Scalar>(
        &self,
        grads: &mut Grads<T>,
        memory: &BlockMemory<T>,
        scratch: &mut Scratch<T>,
        (post, dropout): (bool, Option<RowDropout>),
        step: &Step<'_>,
        params: &Params<T>,
    ) {
        let n = step.sizes.feed_forward;
        let Scratch {
            normalised, activated, d_activated, d_units, d_end, d_normalised, masked, partial, linear, ..
        } = scratch;
        let n_rows = memory.units.len() / if step.spec.gated { 2 * n } else { n };
        activated.resize(n_rows * n, T::ZERO);
        d_activated.resize(n_rows * n, T::ZERO);
        d_units.resize(memory.units.len(), T::ZERO);
        let d_added: &[T] = if dropout.is_some() { masked } else { d_end };
        let training = step.training;
        // The weight's gradient needs the units again, which are made on the way back through them.
        self.units_out.input_backward(d_activated, linear, d_added, params, training);
        let d_bias = gradient(grads, self.units_in.bias);
        let units = step.units(self.units_in.bias(params));
        units.backward((activated, d_units, d_bias), partial, d_activated, &memory.units, n);
        self.units_out.weight_backward(grads, linear, d_added, activated, params, training);
        let read: &[T] = if post { &memory.middle_normalised } else { normalised };
        self.units_in.weight_backward(grads, linear, d_units, read, params, training);
        if post {
            // The shortcut begins behind the norm.
            d_normalised.copy_from_slice(d_end);
            self.units_in.add_input_backward(d_normalised, linear, d_units, params, training);
        } else {
            self.units_in.input_backward(d_normalised, linear, d_units, params, training);
        }
    }

    fn attention_backward<T: Scalar>(
        &self,
        (d_input, wanted, grads): (&mut Vec<T>, bool, &mut Grads<T>),
        memory: &BlockMemory<T>,
        (scratch, heads): (&mut Scratch<T>, &Lender<Head<T>>),
        input: &[T],
        (step, rotary): (&Step<'_>, &Rotary<T>),
        params: &Params<T>,
    ) {
        let training = step.training;
        let post = step.spec.norm == NormPlace::Post;
        let Scratch { normalised, d_context, d_qkv, d_middle, masked, partial, linear, d_normalised, .. } = scratch;
        let d_added: &[T] = if step.dropout(0).is_some() { masked } else { d_middle };
        d_context.resize(memory.context.len(), T::ZERO);
        d_qkv.resize(memory.qkv.len(), T::ZERO);
        self.output.weight_backward(grads, linear, d_added, &memory.context, params, training);
        self.output.input_backward(d_context, linear, d_added, params, training);
        let kept = Kept { qkv: &memory.qkv, context: &memory.context, log_sums: &memory.log_sums, d_context };
        let attention = step.attention(self.qkv.bias(params), rotary);
        attention::backward(d_qkv, heads, kept, step.starts, &attention);
        add_column_sums(gradient(grads, self.qkv.bias), d_qkv);

        d_input.resize(input.len(), T::ZERO);
        match self.attention_norm.as_ref().filter(|_| !post) {
            Some(norm) => {
                norm.of(params).again(normalised, &memory.attention_moments, input);
                self.qkv.weight_backward(grads, linear, d_qkv, normalised, params, training);
                if wanted || norm.trains(params) {
                    self.qkv.input_backward(d_normalised, linear, d_qkv, params, training);
                    let [d_scale, d_shift, d_bias] = norm.gradients(grads, None);
                    norm.of(params).backward(
                        NormGradients { dx: d_input, masked: &mut [], d_scale, d_shift, d_bias },
                        partial,
                        NormKept {
                            dy: d_normalised,
                            x: input,
                            moments: &memory.attention_moments,
                            along: d_middle,
                            dropout: None,
                        },
                    );
                }
            }
            None => {
                self.qkv.weight_backward(grads, linear, d_qkv, input, params, training);
                if wanted {
                    d_input.copy_from_slice(d_middle);
                    self.qkv.add_input_backward(d_input, linear, d_qkv, params, training);
                }
            }
        }
    }
}

/// Where the gradient behind a norm goes.
enum Into {
    End,
    Middle,
}

fn norm_backward<T: Scalar>(
    norm: &Norm,
    scratch: &mut Scratch<T>,
    into: Into,
    bias: Option<ParamId>,
    kept: NormKept<'_, T>,
    grads: &mut Grads<T>,
    params: &Params<T>,
) {
    let Scratch { d_end, d_middle, masked, partial, .. } = scratch;
    let dx = match into {
        Into::End => d_end,
        Into::Middle => d_middle,
    };
    masked.resize(if kept.dropout.is_some() { dx.len() } else { 0 }, T::ZERO);
    let [d_scale, d_shift, d_bias] = norm.gradients(grads, bias);
    norm.of(params).backward(NormGradients { dx, masked, d_scale, d_shift, d_bias }, partial, kept);
}

/// What dropout leaves of `d_end`, and the gradient of the bias.
fn mask_end<T: Scalar>(
    scratch: &mut Scratch<T>,
    bias: Option<ParamId>,
    dropout: Option<RowDropout>,
    width: usize,
    grads: &mut Grads<T>,
) {
    let Scratch { d_end, masked, partial, .. } = scratch;
    masked.resize(if dropout.is_some() { d_end.len() } else { 0 }, T::ZERO);
    add_backward((masked, gradient(grads, bias)), partial, d_end, width, dropout);
}

fn gradient<T: Scalar>(grads: &mut Grads<T>, id: Option<ParamId>) -> &mut [T] {
    id.map_or(&mut [], |id| grads.data_mut(id))
}
