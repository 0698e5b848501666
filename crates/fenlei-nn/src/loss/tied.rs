//! The loss of a language model: which token stands at a place, by a decoder that is the table of token vectors.

use rayon::prelude::*;

use crate::kernels::elementwise::{add_column_sums, fill_rows};
use crate::kernels::gemm::Mat;
use crate::kernels::softmax::cross_entropy_row;
use crate::scalar::Scalar;
use crate::spec::Precision;

/// Places whose logits are held at a time.
const PLACES: usize = 256;

/// `logits = h · tableᵀ + bias`, a softmax over the vocabulary, the cross-entropy of the token that stands there.
///
/// Logits are made for a few hundred places at a time, so that never more than those lie in memory.
#[derive(Debug, Clone, Default)]
pub struct TiedSoftmax<T> {
    logits: Vec<T>,
}

/// The decoder: the table of token vectors, `[vocab_size, width]`, and a bias for each token.
#[derive(Debug, Clone, Copy)]
pub struct Decoder<'a, T> {
    /// `[vocab_size, width]`.
    pub table: &'a [T],
    /// `[vocab_size]`.
    pub bias: &'a [T],
}

/// Where gradients go.
#[derive(Debug)]
pub struct DecoderGrads<'a, T> {
    /// Of the states, `[n_places, width]`: overwritten.
    pub states: &'a mut [T],
    /// Of the table, `[vocab_size, width]`: added to. Empty for a table that stays.
    pub table: &'a mut [T],
    /// Of the bias, `[vocab_size]`: added to. Empty for a bias that stays.
    pub bias: &'a mut [T],
}

impl<T: Scalar> TiedSoftmax<T> {
    /// The sum over all places of the loss. `states`: `[n_places, width]`; `tokens`: what stands there.
    ///
    /// # Panics
    /// When sizes do not fit or a token is not below the size of the vocabulary.
    pub fn forward(&mut self, states: &[T], decoder: Decoder<'_, T>, tokens: &[u32]) -> f64 {
        let width = decoder.table.len() / decoder.bias.len();
        let mut sum = 0.0;
        for (states, tokens) in states.chunks(PLACES * width).zip(tokens.chunks(PLACES)) {
            sum += self.losses(states, decoder, tokens, 0.0, Precision::F32);
        }
        sum
    }

    /// [`forward`](Self::forward), with `scale` times the gradients of that sum. `precision` is that of the products.
    ///
    /// # Panics
    /// As [`forward`](Self::forward).
    pub fn forward_backward(
        &mut self,
        grads: DecoderGrads<'_, T>,
        states: &[T],
        decoder: Decoder<'_, T>,
        tokens: &[u32],
        scale: f64,
        precision: Precision,
    ) -> f64 {
        let (vocab_size, width) = (decoder.bias.len(), decoder.table.len() / decoder.bias.len());
        let mut sum = 0.0;
        let parts = states.chunks(PLACES * width).zip(grads.states.chunks_mut(PLACES * width));
        for ((states, d_states), tokens) in parts.zip(tokens.chunks(PLACES)) {
            sum += self.losses(states, decoder, tokens, scale, precision);
            let d_logits = Mat::new(&self.logits, tokens.len(), vocab_size);
            precision.matmul(d_states, d_logits, Mat::new(decoder.table, vocab_size, width), false);
            if !grads.table.is_empty() {
                precision.matmul(grads.table, d_logits.t(), Mat::new(states, tokens.len(), width), true);
            }
            add_column_sums(grads.bias, &self.logits);
        }
        sum
    }

    /// The sum of the losses at some places; leaves `scale` times the gradients of the logits.
    fn losses(
        &mut self,
        states: &[T],
        decoder: Decoder<'_, T>,
        tokens: &[u32],
        scale: f64,
        precision: Precision,
    ) -> f64 {
        let (vocab_size, width) = (decoder.bias.len(), decoder.table.len() / decoder.bias.len());
        self.logits.resize(tokens.len() * vocab_size, T::ZERO);
        fill_rows(&mut self.logits, decoder.bias);
        let (states, table) = (Mat::new(states, tokens.len(), width), Mat::new(decoder.table, vocab_size, width).t());
        precision.matmul(&mut self.logits, states, table, true);
        let rows = self.logits.par_chunks_exact_mut(vocab_size).zip(tokens);
        let losses: Vec<f64> = rows.map(|(row, &token)| cross_entropy_row(row, token as usize, scale)).collect();
        losses.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng;

    #[test]
    fn gradients_are_those_of_the_value() {
        let (n, vocab_size, width) = (5, 7, 3);
        let random = |n: usize, seed| -> Vec<f64> { (0..n).map(|i| rng::normal(seed, i as u64)).collect() };
        let mut all = [random(n * width, 1), random(vocab_size * width, 2), random(vocab_size, 3)];
        let tokens = [3, 0, 6, 6, 2];
        let value = |all: &[Vec<f64>; 3]| {
            TiedSoftmax::default().forward(&all[0], Decoder { table: &all[1], bias: &all[2] }, &tokens)
        };
        let mut grads = [vec![9.0; n * width], vec![0.5; vocab_size * width], vec![0.25; vocab_size]];
        let [states, table, bias] = &mut grads;
        let sum = TiedSoftmax::default().forward_backward(
            DecoderGrads { states, table, bias },
            &all[0],
            Decoder { table: &all[1], bias: &all[2] },
            &tokens,
            0.3,
            Precision::F32,
        );
        assert!((sum - value(&all)).abs() < 1e-12 && sum > 0.0);
        let before = [0.0, 0.5, 0.25];
        for which in 0..3 {
            for i in 0..all[which].len() {
                let kept = all[which][i];
                let [up, down] = [1e-6, -1e-6].map(|offset| {
                    all[which][i] = kept + offset;
                    value(&all)
                });
                all[which][i] = kept;
                let (found, numeric) = (grads[which][i] - before[which], 0.3 * (up - down) / 2e-6);
                assert!((found - numeric).abs() < 1e-8, "{which} {i}: {found} and {numeric}");
            }
        }
    }

    #[test]
    fn places_beyond_a_part_count_as_those_within() {
        let (n, vocab_size, width) = (2 * PLACES + 3, 11, 4);
        let random = |n: usize, seed| -> Vec<f32> { (0..n).map(|i| rng::normal(seed, i as u64) as f32).collect() };
        let (states, table, bias) = (random(n * width, 1), random(vocab_size * width, 2), random(vocab_size, 3));
        let tokens: Vec<u32> = (0..n as u32).map(|i| i * 7 % 11).collect();
        let decoder = Decoder { table: &table, bias: &bias };
        let whole = TiedSoftmax::default().forward(&states, decoder, &tokens);
        let single = |i: usize| TiedSoftmax::default().forward(&states[i * width..][..width], decoder, &tokens[i..=i]);
        let sum: f64 = (0..n).map(single).sum();
        assert!((whole - sum).abs() < 1e-3 * sum, "{whole} and {sum}");
    }
}
