//! DistilBERT (Sanh et al. 2019).

use fenlei_nn::spec::{LayerSpec, NormPlace, TransformerSpec};

use super::{BlockNames, Blueprint, Config, Source, activation, block, dropout, embedding, heads, norm};
use crate::Result;

const TABLE: &str = "embeddings.word_embeddings.weight";

const LEFT_OUT: &[&str] = &[
    "vocab_transform.",
    "vocab_layer_norm.",
    "vocab_projector.",
    "pre_classifier.",
    "classifier.",
    "qa_outputs.",
    "embeddings.position_ids",
];

const NAMES: BlockNames = BlockNames {
    qkv: ["attention.q_lin", "attention.k_lin", "attention.v_lin"],
    attention_output: "attention.out_lin",
    attention_norm: "sa_layer_norm",
    feed_forward: ["ffn.lin1", "ffn.lin2"],
    feed_forward_norm: "output_layer_norm",
};

/// The constant of its layer norms, which no configuration tells.
const EPSILON: f64 = 1e-12;

pub(super) fn distilbert(config: &Config) -> Result<Blueprint> {
    let width = config.size(&["dim", "hidden_size"])?;
    let n_layers = config.size(&["n_layers", "num_hidden_layers"])?;
    let rate = config.dropout(&["dropout"], 0.1)?;
    let max_tokens = config.size(&["max_position_embeddings"])?;
    let transformer = TransformerSpec {
        feed_forward: Some(config.size(&["hidden_dim"])?),
        norm: NormPlace::Post,
        activation: activation(config, "activation", "gelu")?,
        epsilon: EPSILON,
        dropout: rate,
        attention_dropout: config.dropout(&["attention_dropout"], 0.1)?,
        ..TransformerSpec::new(n_layers, heads(config, &["n_heads", "num_attention_heads"], width)?)
    };
    let mut layers = vec![
        embedding(width),
        LayerSpec::Positions { kind: Default::default(), max: max_tokens },
        LayerSpec::LayerNorm { epsilon: EPSILON },
    ];
    layers.extend(dropout(rate));
    layers.push(LayerSpec::Transformer(Box::new(transformer)));
    let positions = Source::Positions { table: "embeddings.position_embeddings.weight", skip: 0, kinds: None };
    let sources = vec![
        vec![("embedding.table".to_owned(), Source::Tokens(TABLE))],
        vec![("positions.table".to_owned(), positions)],
        norm("layer-norm", "embeddings.LayerNorm").to_vec(),
        (0..n_layers).flat_map(|layer| block(layer, &format!("transformer.layer.{layer}"), &NAMES, width)).collect(),
    ];
    Ok(Blueprint {
        layers,
        sources,
        table: TABLE,
        n_rows: config.size(&["vocab_size"])?,
        left_out: LEFT_OUT,
        max_tokens,
        is_causal: false,
        masked: None,
        width,
    })
}
