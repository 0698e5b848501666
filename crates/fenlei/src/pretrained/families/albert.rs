//! ALBERT (Lan et al. 2020): small token vectors, and one layer that is used again and again.

use fenlei_nn::spec::{LayerSpec, NormPlace, TransformerSpec};
use serde_json::json;

use super::{BlockNames, Blueprint, Config, Source, activation, block, dropout, embedding, heads, linear, norm};
use crate::Result;

const TABLE: &str = "embeddings.word_embeddings.weight";

const LEFT_OUT: &[&str] =
    &["pooler.", "predictions.", "sop_classifier.", "classifier.", "qa_outputs.", "embeddings.position_ids"];

const NAMES: BlockNames = BlockNames {
    qkv: ["attention.query", "attention.key", "attention.value"],
    attention_output: "attention.dense",
    attention_norm: "attention.LayerNorm",
    feed_forward: ["ffn", "ffn_output"],
    feed_forward_norm: "full_layer_layer_norm",
};

pub(super) fn albert(config: &Config) -> Result<Blueprint> {
    config.expect("num_hidden_groups", &json!(1))?;
    config.expect("inner_group_num", &json!(1))?;
    config.expect("position_embedding_type", &json!("absolute"))?;
    let width = config.size(&["hidden_size"])?;
    let small = config.size_or(&["embedding_size"], 128)?;
    let epsilon = config.number(&["layer_norm_eps"])?.unwrap_or(1e-12);
    let rate = config.dropout(&["hidden_dropout_prob"], 0.0)?;
    let max_tokens = config.size(&["max_position_embeddings"])?;
    let transformer = TransformerSpec {
        feed_forward: Some(config.size(&["intermediate_size"])?),
        norm: NormPlace::Post,
        activation: activation(config, "hidden_act", "gelu_new")?,
        epsilon,
        dropout: rate,
        attention_dropout: config.dropout(&["attention_probs_dropout_prob"], 0.0)?,
        share: true,
        ..TransformerSpec::new(config.size(&["num_hidden_layers"])?, heads(config, &["num_attention_heads"], width)?)
    };
    let mut layers = vec![
        embedding(small),
        LayerSpec::Positions { kind: Default::default(), max: max_tokens },
        LayerSpec::LayerNorm { epsilon },
    ];
    layers.extend(dropout(rate));
    layers.push(LayerSpec::Dense { units: width, activation: Default::default() });
    layers.push(LayerSpec::Transformer(Box::new(transformer)));
    let kinds = (config.count_or("type_vocab_size", 2)? > 0).then_some("embeddings.token_type_embeddings.weight");
    let positions = Source::Positions { table: "embeddings.position_embeddings.weight", skip: 0, kinds };
    let sources = vec![
        vec![("embedding.table".to_owned(), Source::Tokens(TABLE))],
        vec![("positions.table".to_owned(), positions)],
        norm("layer-norm", "embeddings.LayerNorm").to_vec(),
        linear("dense", "encoder.embedding_hidden_mapping_in").to_vec(),
        block(0, "encoder.albert_layer_groups.0.albert_layers.0", &NAMES, width),
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
