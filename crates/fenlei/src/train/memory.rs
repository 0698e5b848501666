//! Whether a training fits into memory, told before it takes any.

use fenlei_nn::optim::{AverageSpec, OptimizerSpec};
use fenlei_nn::params::Params;
use fenlei_nn::spec::LayerSpec;

use super::spec::TrainSpec;
use crate::{Error, Result};

/// Of what is free so much may be asked for.
const SHARE: f64 = 0.95;

/// Refuses a training of a Transformer that needs more memory than the system has left. Other nets are small.
///
/// # Errors
/// [`Error::Train`] with the estimate and what would lower it.
pub(super) fn check(layers: &[LayerSpec], params: &Params<f32>, train: &TrainSpec, longest_step: usize) -> Result<()> {
    let help = "set a smaller train.max_tokens_at_once, train.fine_tuning.recompute = true, freeze layers \
                (--frozen, train.fine_tuning.frozen_layers), use train.fine_tuning.lora, or a smaller model";
    estimate(layers, params, train, longest_step).map_or(Ok(()), |needed| refuse_beyond_free(needed, help))
}

/// Refuses what needs more bytes than the system has left.
///
/// # Errors
/// [`Error::Train`] with both figures and `help`.
pub(crate) fn refuse_beyond_free(needed: f64, help: &str) -> Result<()> {
    match available() {
        Some(available) if needed > SHARE * available => {
            let problem = format!(
                "this takes about {:.1} GB of memory, but only {:.1} GB are free",
                needed / 1e9,
                available / 1e9
            );
            Err(Error::train(problem, help))
        }
        _ => Ok(()),
    }
}

/// Bytes that the numbers of a net with a Transformer and the steps of its training take; `None` for other nets. The weights
/// themselves are there already.
fn estimate(layers: &[LayerSpec], params: &Params<f32>, train: &TrainSpec, longest_step: usize) -> Option<f64> {
    let width = params.iter().find(|param| param.name.contains(".transformer.")).map(|param| param.row_len())?;
    let (trained, all) = params.iter().fold((0, 0), |(trained, all), param| {
        let n = param.n_numbers();
        (trained + if param.trainable { n } else { 0 }, all + n)
    });
    let moments = match train.optimizer {
        OptimizerSpec::Adam { .. } | OptimizerSpec::AdamW { .. } | OptimizerSpec::RmsProp { .. } => 2,
        OptimizerSpec::Sgd { .. } | OptimizerSpec::Adagrad { .. } => 1,
    };
    let average = match train.average {
        Some(AverageSpec::Exponential { .. } | AverageSpec::Tail { .. }) => trained,
        None => 0,
    };
    let best = if train.early_stopping.keep_best { all } else { 0 };
    let frozen = train.fine_tuning.as_ref().is_some_and(|fine_tuning| fine_tuning.frozen);
    let tokens = train.max_tokens_at_once.unwrap_or(usize::MAX).min(longest_step);
    let numbers = (1 + moments) * trained + average + best;
    Some(4.0 * (numbers as f64 + tokens as f64 * of_blocks(layers, width, frozen) as f64))
}

/// Numbers that the blocks of Transformers keep of a token for the way back.
pub(crate) fn of_blocks(layers: &[LayerSpec], width: usize, is_frozen: bool) -> usize {
    layers
        .iter()
        .filter_map(|layer| match layer {
            LayerSpec::Transformer(spec) => {
                let sizes = spec.sizes(width);
                let gates = if spec.gated { 3 } else { 2 };
                // Query, key and value, context, both sums with their shortcuts, both outputs; and the inner units.
                let of_block = sizes.qkv() + sizes.context() + 4 * width + gates * sizes.feed_forward;
                let n_kept = if spec.checkpoint || is_frozen { 1 } else { spec.layers };
                Some(n_kept * of_block + spec.layers * width)
            }
            _ => None,
        })
        .sum()
}

/// Bytes that the system can give without taking them from others; `None` where it does not tell.
fn available() -> Option<f64> {
    let told = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = told.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()? * 1024.0)
}

#[cfg(test)]
mod tests {
    use fenlei_nn::net::{Net, NetSizes};
    use fenlei_nn::spec::{NetSpec, PoolKind, TransformerSpec};

    use super::*;

    fn net(recompute: bool) -> (Vec<LayerSpec>, Net<f32>) {
        let transformer = TransformerSpec { checkpoint: recompute, ..TransformerSpec::new(4, 2) };
        let layers = vec![
            LayerSpec::Embedding { dim: 8, init: 0.1, mode: Default::default() },
            LayerSpec::Transformer(Box::new(transformer)),
            LayerSpec::GlobalPool { kind: PoolKind::Average, k: 1, units: None },
        ];
        let sizes = NetSizes { vocab_size: 10, n_labels: 2, multi_label: false };
        let net = Net::zeros(&NetSpec { layers: layers.clone(), ..NetSpec::default() }, sizes).unwrap();
        (layers, net)
    }

    #[test]
    fn an_estimate_grows_with_tokens_and_falls_with_what_is_not_kept() {
        let (layers, mut model) = net(false);
        let train = TrainSpec::default();
        let of = |layers: &[LayerSpec], params: &Params<f32>, train: &TrainSpec, tokens| {
            estimate(layers, params, train, tokens).unwrap()
        };
        let numbers: usize = model.params.iter().map(|param| param.data.len()).sum();
        assert_eq!(of(&layers, &model.params, &train, 0), 16.0 * numbers as f64, "gradient, two moments, best");
        let whole = of(&layers, &model.params, &train, 1000);
        let limited = TrainSpec { max_tokens_at_once: Some(100), ..TrainSpec::default() };
        assert!(of(&layers, &model.params, &limited, 1000) < whole);
        let (again, twice) = net(true);
        assert!(of(&again, &twice.params, &train, 1000) < 0.6 * whole);
        model.params.iter_mut().for_each(|param| param.trainable = false);
        assert!(of(&layers, &model.params, &train, 1000) < whole);
    }

    #[test]
    fn what_cannot_fit_is_refused_with_both_figures() {
        let (layers, model) = net(false);
        if available().is_none() {
            return;
        }
        let error = check(&layers, &model.params, &TrainSpec::default(), usize::MAX >> 16).unwrap_err().to_string();
        assert!(error.contains("GB of memory, but only") && error.contains("max_tokens_at_once"), "{error}");
        check(&layers, &model.params, &TrainSpec::default(), 1000).unwrap();
    }
}
