//! BERT and the families with its layers: RoBERTa, XLM-R, CamemBERT, ELECTRA, MiniLM.

use fenlei_nn::spec::{LayerSpec, NormPlace, TransformerSpec};
use serde_json::json;

use super::{Blueprint, Config, Source, activation, dropout, embedding, heads, linear, norm, stacked};
use crate::Result;

const TABLE: &str = "embeddings.word_embeddings.weight";

const LEFT_OUT: &[&str] = &[
    "pooler.",
    "cls.",
    "lm_head.",
    "classifier.",
    "qa_outputs.",
    "score.",
    "discriminator_predictions.",
    "generator_predictions.",
    "generator_lm_head.",
    "embeddings.position_ids",
    "embeddings.token_type_ids",
];

/// BERT (Devlin et al. 2019).
pub(super) fn bert(config: &Config) -> Result<Blueprint> {
    of(config, 0)
}

/// RoBERTa (Liu et al. 2019) and those of its kind: positions are counted from behind the number of the padding token.
pub(super) fn roberta(config: &Config) -> Result<Blueprint> {
    let padding = config.count_or("pad_token_id", 1)?;
    of(config, padding + 1)
}

/// ELECTRA (Clark et al. 2020): the token vectors may be smaller than the states.
pub(super) fn electra(config: &Config) -> Result<Blueprint> {
    of(config, 0)
}

fn of(config: &Config, skip: usize) -> Result<Blueprint> {
    config.expect("position_embedding_type", &json!("absolute"))?;
    config.expect("is_decoder", &json!(false))?;
    let width = config.size(&["hidden_size"])?;
    let small = config.size_or(&["embedding_size"], width)?;
    let epsilon = config.number(&["layer_norm_eps"])?.unwrap_or(1e-12);
    let rate = config.dropout(&["hidden_dropout_prob"], 0.1)?;
    let max_positions = config.size(&["max_position_embeddings"])?;
    let Some(max_tokens @ 1..) = max_positions.checked_sub(skip) else {
        let problem = format!("{max_positions} positions, of which the first {skip} are not used");
        return Err(config.refuse("max_position_embeddings", problem, crate::pretrained::FETCH_AGAIN));
    };
    let n_layers = config.size(&["num_hidden_layers"])?;
    let transformer = TransformerSpec {
        feed_forward: Some(config.size(&["intermediate_size"])?),
        norm: NormPlace::Post,
        activation: activation(config, "hidden_act", "gelu")?,
        epsilon,
        dropout: rate,
        attention_dropout: config.dropout(&["attention_probs_dropout_prob"], 0.1)?,
        ..TransformerSpec::new(n_layers, heads(config, &["num_attention_heads"], width)?)
    };
    let mut layers = vec![
        embedding(small),
        LayerSpec::Positions { kind: Default::default(), max: max_tokens },
        LayerSpec::LayerNorm { epsilon },
    ];
    layers.extend(dropout(rate));
    let kinds = (config.count_or("type_vocab_size", 2)? > 0).then_some("embeddings.token_type_embeddings.weight");
    let positions = Source::Positions { table: "embeddings.position_embeddings.weight", skip, kinds };
    let mut sources = vec![
        vec![("embedding.table".to_owned(), Source::Tokens(TABLE))],
        vec![("positions.table".to_owned(), positions)],
        norm("layer-norm", "embeddings.LayerNorm").to_vec(),
    ];
    if small != width {
        layers.push(LayerSpec::Dense { units: width, activation: Default::default() });
        sources.push(linear("dense", "embeddings_project").to_vec());
    }
    layers.push(LayerSpec::Transformer(Box::new(transformer)));
    sources.push((0..n_layers).flat_map(|layer| of_layer(layer, width)).collect());
    Ok(Blueprint {
        layers,
        sources,
        table: TABLE,
        n_rows: config.size(&["vocab_size"])?,
        left_out: LEFT_OUT,
        max_tokens,
        is_causal: false,
        width,
    })
}

fn of_layer(layer: usize, width: usize) -> Vec<(String, Source)> {
    let ours = |part: &str| format!("transformer.{layer}.{part}");
    let theirs = |part: &str| format!("encoder.layer.{layer}.{part}");
    let qkv = ["query", "key", "value"].map(|part| theirs(&format!("attention.self.{part}")));
    let mut sources = stacked(&ours("attention.qkv"), qkv, [width; 3], true);
    sources.extend(linear(&ours("attention.output"), &theirs("attention.output.dense")));
    sources.extend(norm(&ours("attention-norm"), &theirs("attention.output.LayerNorm")));
    sources.extend(linear(&ours("feed-forward.input"), &theirs("intermediate.dense")));
    sources.extend(linear(&ours("feed-forward.output"), &theirs("output.dense")));
    sources.extend(norm(&ours("feed-forward-norm"), &theirs("output.LayerNorm")));
    sources
}
