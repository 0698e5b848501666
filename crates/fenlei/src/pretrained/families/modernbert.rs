//! ModernBERT (Warner et al. 2024): rotary positions, most layers with a window, gated feed-forward parts, no biases.

use fenlei_nn::spec::{LayerSpec, TransformerSpec};
use serde_json::json;

use super::{Blueprint, Config, Source, activation, dropout, embedding, heads};
use crate::Result;

const TABLE: &str = "embeddings.tok_embeddings.weight";

const LEFT_OUT: &[&str] = &["head.", "decoder.", "classifier.", "drop."];

pub(super) fn modernbert(config: &Config) -> Result<Blueprint> {
    for key in ["attention_bias", "mlp_bias", "norm_bias"] {
        config.expect(key, &json!(false))?;
    }
    let width = config.size(&["hidden_size"])?;
    let n_layers = config.size(&["num_hidden_layers"])?;
    let epsilon = config.number(&["norm_eps"])?.unwrap_or(1e-5);
    let rate = config.dropout(&["mlp_dropout"], 0.0)?;
    let transformer = TransformerSpec {
        feed_forward: Some(config.size(&["intermediate_size"])?),
        activation: activation(config, "hidden_activation", "gelu")?,
        gated: true,
        epsilon,
        bias: false,
        norm_bias: false,
        // The configuration counts the positions on both sides.
        window: Some(config.size_or(&["local_attention"], 128)? / 2),
        global_every: Some(config.size_or(&["global_attn_every_n_layers"], 3)?),
        rotary: Some(config.rotary_base("global_rope_theta", "full_attention", 160_000.0)?),
        local_rotary: Some(config.rotary_base("local_rope_theta", "sliding_attention", 10_000.0)?),
        dropout: rate,
        attention_dropout: config.dropout(&["attention_dropout"], 0.0)?,
        skip_first_norm: true,
        ..TransformerSpec::new(n_layers, heads(config, &["num_attention_heads"], width)?)
    };
    let mut layers = vec![embedding(width), LayerSpec::LayerNorm { epsilon }];
    layers.extend(dropout(config.dropout(&["embedding_dropout"], 0.0)?));
    layers.push(LayerSpec::Transformer(Box::new(transformer)));
    let mut blocks: Vec<(String, Source)> = (0..n_layers).flat_map(of_layer).collect();
    blocks.push(("transformer.final-norm.scale".to_owned(), Source::one("final_norm.weight")));
    let sources = vec![
        vec![("embedding.table".to_owned(), Source::Tokens(TABLE))],
        vec![
            ("layer-norm.scale".to_owned(), Source::one("embeddings.norm.weight")),
            ("layer-norm.shift".to_owned(), Source::Nothing),
        ],
        blocks,
    ];
    Ok(Blueprint {
        layers,
        sources,
        table: TABLE,
        n_rows: config.size(&["vocab_size"])?,
        left_out: LEFT_OUT,
        max_tokens: config.size(&["max_position_embeddings"])?,
        is_causal: false,
        masked: None,
        width,
    })
}

fn of_layer(layer: usize) -> Vec<(String, Source)> {
    let weights = [
        ("attention.qkv.weight", "attn.Wqkv.weight"),
        ("attention.output.weight", "attn.Wo.weight"),
        ("attention-norm.scale", "attn_norm.weight"),
        // Both halves as they are: first the one with the activation, then the one that it is multiplied by.
        ("feed-forward.input.weight", "mlp.Wi.weight"),
        ("feed-forward.output.weight", "mlp.Wo.weight"),
        ("feed-forward-norm.scale", "mlp_norm.weight"),
    ];
    let named = weights
        .into_iter()
        .map(|(ours, theirs)| (format!("transformer.{layer}.{ours}"), Source::one(format!("layers.{layer}.{theirs}"))));
    named.filter(|(ours, _)| layer > 0 || !ours.contains("attention-norm")).collect()
}
