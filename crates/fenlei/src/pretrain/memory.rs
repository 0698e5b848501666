//! How much memory a pretraining takes, told before it takes any.

use fenlei_nn::params::Params;
use fenlei_nn::spec::LayerSpec;

use super::sequences::Sequences;
use super::spec::PretrainSpec;
use crate::Result;
use crate::train::memory as of_training;

/// Places whose logits are held at a time.
const PLACES: usize = 256;

/// Bytes that the numbers, their gradients and moments, a step's tokens, the logits and the documents take.
pub(super) fn estimate(
    layers: &[LayerSpec],
    params: &Params<f32>,
    spec: &PretrainSpec,
    vocab_size: usize,
    sequences: &Sequences,
) -> f64 {
    let numbers: usize = params.iter().map(|param| param.data.len()).sum();
    let width = params.iter().next().map_or(1, |param| param.row_len());
    let tokens = spec.max_tokens_at_once.min(spec.tokens_per_step).max(spec.max_tokens);
    let of_tokens = tokens as f64 * (of_training::of_blocks(layers, width, false) + 8 * width) as f64;
    let logits = (PLACES * vocab_size) as f64;
    4.0 * (4.0 * numbers as f64 + of_tokens + logits) + 8.0 * sequences.n_tokens() as f64
}

/// Refuses what does not fit.
pub(super) fn check(needed: f64) -> Result<()> {
    let help = "set a smaller --max-tokens-at-once, --recompute, a smaller vocabulary or a smaller model";
    of_training::refuse_beyond_free(needed, help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_fit_is_refused_with_what_would_lower_it() {
        check(1e6).unwrap();
        if cfg!(target_os = "linux") {
            let error = check(1e18).unwrap_err().to_string();
            assert!(error.contains("GB are free") && error.contains("--max-tokens-at-once"), "{error}");
        }
    }
}
