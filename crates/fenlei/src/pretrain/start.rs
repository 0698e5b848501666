//! What a pretraining begins with: a folder to go on from, or a new encoder.

use fenlei_nn::masked::MaskedNet;
use fenlei_nn::params::Role;
use fenlei_nn::rng;
use fenlei_nn::spec::LayerSpec;
use serde_json::{Map, Value, json};

use super::spec::{NewEncoderSpec, PretrainSpec};
use super::vocabulary::{NewTokenizer, PADDING};
use crate::pretrained::{MaskedFolder, MaskedSource};
use crate::{Error, Result};

/// The deviation of the first values of all matrices, that of BERT.
const DEVIATION: f64 = 0.02;

/// The `config.json` of a new encoder.
pub(super) fn configuration(spec: &PretrainSpec, tokenizer: &NewTokenizer) -> Map<String, Value> {
    let NewEncoderSpec { layers, width, heads, feed_forward, max_positions, .. } = spec.new;
    let dropout = spec.dropout.unwrap_or(0.1);
    let values = json!({
        "model_type": "bert",
        "vocab_size": tokenizer.n_tokens,
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": feed_forward.unwrap_or(4 * width),
        "hidden_act": "gelu",
        "hidden_dropout_prob": dropout,
        "attention_probs_dropout_prob": dropout,
        "max_position_embeddings": max_positions,
        "type_vocab_size": 2,
        "initializer_range": DEVIATION,
        "layer_norm_eps": 1e-12,
        "pad_token_id": PADDING,
    });
    match values {
        Value::Object(values) => values,
        _ => Map::new(),
    }
}

/// A net for the folder, with numbers from `source` or, without one, from a seed. Tells where they come from.
pub(super) fn net(
    folder: &MaskedFolder,
    source: Option<&MaskedSource>,
    spec: &PretrainSpec,
    seed: u64,
) -> Result<(MaskedNet<f32>, Vec<LayerSpec>, String)> {
    let masked = folder.spec(spec.precision, |layers| change(layers, spec));
    let mut net = MaskedNet::new(&masked, folder.vocab_size(), seed)
        .map_err(|error| Error::config("pretrain.from", error.to_string(), "choose another model"))?;
    // A head that is not in the folder starts as all of a new encoder does.
    for (i, param) in net.params.iter_mut().enumerate().filter(|(_, param)| param.role == Role::Weight) {
        let seed = rng::derive(seed, i as u64);
        param.data.iter_mut().enumerate().for_each(|(j, x)| *x = (DEVIATION * rng::normal(seed, j as u64)) as f32);
    }
    let told = match source {
        Some(source) => folder.fill(source, &mut net.params)?,
        None => "the encoder starts anew".to_owned(),
    };
    Ok((net, masked.layers, told))
}

/// Changes the layers as the specification says.
fn change(layers: &mut Vec<LayerSpec>, spec: &PretrainSpec) {
    if spec.dropout == Some(0.0) {
        layers.retain(|layer| !matches!(layer, LayerSpec::Dropout { .. }));
    }
    for layer in layers {
        match layer {
            LayerSpec::Transformer(transformer) => {
                transformer.checkpoint |= spec.recompute;
                if let Some(rate) = spec.dropout {
                    (transformer.dropout, transformer.attention_dropout) = (rate, rate);
                }
            }
            LayerSpec::Dropout { rate, .. } => *rate = spec.dropout.unwrap_or(*rate),
            _ => {}
        }
    }
}
