//! BERT and the families with its layers: RoBERTa, XLM-R, CamemBERT, ELECTRA, MiniLM.

use fenlei_nn::layers::Activation;
use fenlei_nn::spec::{LayerSpec, NormPlace, TransformerSpec};
use serde_json::json;

use super::super::blueprint::MaskedNames;
use super::{BlockNames, Blueprint, Config, Source, activation, block, dropout, embedding, heads, linear, norm};
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

const NAMES: BlockNames = BlockNames {
    qkv: ["attention.self.query", "attention.self.key", "attention.self.value"],
    attention_output: "attention.output.dense",
    attention_norm: "attention.output.LayerNorm",
    feed_forward: ["intermediate.dense", "output.dense"],
    feed_forward_norm: "output.LayerNorm",
};

const BERT_HEAD: MaskedNames = MaskedNames {
    prefix: "bert.",
    dense: "cls.predictions.transform.dense",
    norm: "cls.predictions.transform.LayerNorm",
    bias: ["cls.predictions.bias", "cls.predictions.decoder.bias"],
    decoder: "cls.predictions.decoder.weight",
    activation: None,
};

const ROBERTA_HEAD: MaskedNames = MaskedNames {
    prefix: "roberta.",
    dense: "lm_head.dense",
    norm: "lm_head.layer_norm",
    bias: ["lm_head.bias", "lm_head.decoder.bias"],
    decoder: "lm_head.decoder.weight",
    activation: Some(Activation::Gelu),
};

/// BERT (Devlin et al. 2019).
pub(super) fn bert(config: &Config) -> Result<Blueprint> {
    of(config, 0, Some(BERT_HEAD))
}

/// RoBERTa (Liu et al. 2019) and those of its kind: positions are counted from behind the number of the padding token.
pub(super) fn roberta(config: &Config) -> Result<Blueprint> {
    let padding = config.count_or("pad_token_id", 1)?;
    of(config, padding + 1, Some(ROBERTA_HEAD))
}

/// ELECTRA (Clark et al. 2020): the token vectors may be smaller than the states.
pub(super) fn electra(config: &Config) -> Result<Blueprint> {
    of(config, 0, None)
}

fn of(config: &Config, skip: usize, masked: Option<MaskedNames>) -> Result<Blueprint> {
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
    sources
        .push((0..n_layers).flat_map(|layer| block(layer, &format!("encoder.layer.{layer}"), &NAMES, width)).collect());
    Ok(Blueprint {
        layers,
        sources,
        table: TABLE,
        n_rows: config.size(&["vocab_size"])?,
        left_out: LEFT_OUT,
        max_tokens,
        is_causal: false,
        width,
        masked,
    })
}
