//! The families of pretrained models, each as a net of ours.

mod albert;
mod bert;
mod decoders;
mod distilbert;
mod modernbert;

use fenlei_nn::layers::Activation;
use fenlei_nn::spec::LayerSpec;

use super::blueprint::{Blueprint, Source};
use super::config::Config;
use crate::Result;

/// `model_type` of those that are known.
const KNOWN: &str =
    "bert, roberta, xlm-roberta, camembert, electra, distilbert, albert, modernbert, gpt2, llama, qwen2";

/// The net that a configuration describes.
pub(super) fn blueprint(config: &Config) -> Result<Blueprint> {
    match config.word("model_type") {
        Some("bert") => bert::bert(config),
        Some("roberta" | "xlm-roberta" | "camembert") => bert::roberta(config),
        Some("electra") => bert::electra(config),
        Some("distilbert") => distilbert::distilbert(config),
        Some("albert") => albert::albert(config),
        Some("modernbert") => modernbert::modernbert(config),
        Some("gpt2") => decoders::gpt2(config),
        Some("llama") => decoders::llama(config),
        Some("qwen2") => decoders::qwen2(config),
        found => {
            let problem = match found {
                Some(found) => format!("found {found:?}, expected one of {KNOWN}"),
                None => format!("the key is missing, expected one of {KNOWN}"),
            };
            Err(config.refuse("model_type", problem, "choose an encoder or decoder of one of these families"))
        }
    }
}

/// An activation by the name that transformers gives it.
fn activation(config: &Config, key: &str, otherwise: &str) -> Result<Activation> {
    match config.word(key).unwrap_or(otherwise) {
        "gelu" => Ok(Activation::Gelu),
        "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast" => Ok(Activation::GeluTanh),
        "relu" => Ok(Activation::Relu),
        "silu" | "swish" => Ok(Activation::Silu),
        found => {
            let problem = format!("found {found:?}, expected gelu, gelu_new, gelu_pytorch_tanh, relu or silu");
            Err(config.refuse(key, problem, "choose a model with one of these activations"))
        }
    }
}

/// How many heads, which must divide the width.
fn heads(config: &Config, keys: &[&str], width: usize) -> Result<usize> {
    let heads = config.size(keys)?;
    match width.is_multiple_of(heads) {
        true => Ok(heads),
        false => {
            let problem = format!("{heads} heads do not divide a width of {width}");
            Err(config.refuse(keys[0], problem, super::FETCH_AGAIN))
        }
    }
}

/// A layer of token vectors.
fn embedding(width: usize) -> LayerSpec {
    LayerSpec::Embedding { dim: width, init: 0.02, mode: Default::default() }
}

/// Dropout, where there is any.
fn dropout(rate: f64) -> Option<LayerSpec> {
    (rate > 0.0).then_some(LayerSpec::Dropout { rate, spatial: false })
}

/// A weight and a bias with what stands before their names in the model, and in ours.
fn linear(ours: &str, theirs: &str) -> [(String, Source); 2] {
    [
        (format!("{ours}.weight"), Source::one(format!("{theirs}.weight"))),
        (format!("{ours}.bias"), Source::one(format!("{theirs}.bias"))),
    ]
}

/// A scale and a shift of a layer norm.
fn norm(ours: &str, theirs: &str) -> [(String, Source); 2] {
    [
        (format!("{ours}.scale"), Source::one(format!("{theirs}.weight"))),
        (format!("{ours}.shift"), Source::one(format!("{theirs}.bias"))),
    ]
}

/// Query, key and value as one, of `n_rows` rows each.
fn stacked(ours: &str, theirs: [String; 3], n_rows: [usize; 3], with_bias: bool) -> Vec<(String, Source)> {
    let [q, k, v] = theirs;
    let of = |part: &str| {
        let pieces = [(&q, n_rows[0]), (&k, n_rows[1]), (&v, n_rows[2])];
        (format!("{ours}.{part}"), Source::stacked(pieces.map(|(name, n)| (format!("{name}.{part}"), n))))
    };
    let parts: &[&str] = if with_bias { &["weight", "bias"] } else { &["weight"] };
    parts.iter().map(|part| of(part)).collect()
}

/// What a model with norms behind its parts calls the tensors of a block.
struct BlockNames {
    qkv: [&'static str; 3],
    attention_output: &'static str,
    attention_norm: &'static str,
    feed_forward: [&'static str; 2],
    feed_forward_norm: &'static str,
}

/// The tensors of block `layer`, whose names begin with `theirs` in the model.
fn block(layer: usize, theirs: &str, names: &BlockNames, width: usize) -> Vec<(String, Source)> {
    let ours = |part: &str| format!("transformer.{layer}.{part}");
    let theirs = |part: &str| format!("{theirs}.{part}");
    let mut sources = stacked(&ours("attention.qkv"), names.qkv.map(theirs), [width; 3], true);
    sources.extend(linear(&ours("attention.output"), &theirs(names.attention_output)));
    sources.extend(norm(&ours("attention-norm"), &theirs(names.attention_norm)));
    sources.extend(linear(&ours("feed-forward.input"), &theirs(names.feed_forward[0])));
    sources.extend(linear(&ours("feed-forward.output"), &theirs(names.feed_forward[1])));
    sources.extend(norm(&ours("feed-forward-norm"), &theirs(names.feed_forward_norm)));
    sources
}
