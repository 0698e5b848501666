//! Decoders, whose states know only the tokens before them: GPT-2, and Llama and Qwen2 with the many models of their kind.

use fenlei_nn::spec::{LayerSpec, NormKind, TransformerSpec};
use serde_json::json;

use super::{Blueprint, Config, Source, activation, dropout, embedding, heads, norm, stacked};
use crate::Result;

const GPT2_TABLE: &str = "wte.weight";

const LLAMA_TABLE: &str = "embed_tokens.weight";

const LEFT_OUT: &[&str] = &["lm_head.", "score.", "classifier.", "qa_outputs."];

/// GPT-2 (Radford et al. 2019).
pub(super) fn gpt2(config: &Config) -> Result<Blueprint> {
    config.expect("scale_attn_weights", &json!(true))?;
    config.expect("scale_attn_by_inverse_layer_idx", &json!(false))?;
    config.expect("add_cross_attention", &json!(false))?;
    let width = config.size(&["n_embd", "hidden_size"])?;
    let n_layers = config.size(&["n_layer", "num_hidden_layers"])?;
    let max_tokens = config.size(&["n_positions", "max_position_embeddings"])?;
    let transformer = TransformerSpec {
        feed_forward: Some(config.size_or(&["n_inner"], width.saturating_mul(4))?),
        activation: activation(config, "activation_function", "gelu_new")?,
        epsilon: config.number(&["layer_norm_epsilon"])?.unwrap_or(1e-5),
        causal: true,
        dropout: config.dropout(&["resid_pdrop"], 0.1)?,
        attention_dropout: config.dropout(&["attn_pdrop"], 0.1)?,
        ..TransformerSpec::new(n_layers, heads(config, &["n_head", "num_attention_heads"], width)?)
    };
    let mut layers = vec![embedding(width), LayerSpec::Positions { kind: Default::default(), max: max_tokens }];
    layers.extend(dropout(config.dropout(&["embd_pdrop"], 0.1)?));
    layers.push(LayerSpec::Transformer(Box::new(transformer)));
    let mut blocks: Vec<(String, Source)> = (0..n_layers).flat_map(gpt2_layer).collect();
    blocks.extend(norm("transformer.final-norm", "ln_f"));
    let positions = Source::Positions { table: "wpe.weight", skip: 0, kinds: None };
    let sources = vec![
        vec![("embedding.table".to_owned(), Source::Tokens(GPT2_TABLE))],
        vec![("positions.table".to_owned(), positions)],
        blocks,
    ];
    Ok(Blueprint {
        layers,
        sources,
        table: GPT2_TABLE,
        n_rows: config.size(&["vocab_size"])?,
        left_out: LEFT_OUT,
        max_tokens,
        is_causal: true,
        masked: None,
        width,
    })
}

fn gpt2_layer(layer: usize) -> Vec<(String, Source)> {
    let ours = |part: &str| format!("transformer.{layer}.{part}");
    let theirs = |part: &str| format!("h.{layer}.{part}");
    // Its weights stand with the inputs as rows.
    let product = |a: &str, b: &str| {
        [
            (format!("{}.weight", ours(a)), Source::transposed(format!("{}.weight", theirs(b)))),
            (format!("{}.bias", ours(a)), Source::one(format!("{}.bias", theirs(b)))),
        ]
    };
    let mut sources = norm(&ours("attention-norm"), &theirs("ln_1")).to_vec();
    sources.extend(product("attention.qkv", "attn.c_attn"));
    sources.extend(product("attention.output", "attn.c_proj"));
    sources.extend(norm(&ours("feed-forward-norm"), &theirs("ln_2")));
    sources.extend(product("feed-forward.input", "mlp.c_fc"));
    sources.extend(product("feed-forward.output", "mlp.c_proj"));
    sources
}

/// Llama (Touvron et al. 2023), SmolLM and others of the kind.
pub(super) fn llama(config: &Config) -> Result<Blueprint> {
    config.expect("mlp_bias", &json!(false))?;
    config.expect("attention_bias", &json!(false))?;
    llama_like(config, false)
}

/// Qwen2 (Yang et al. 2024): queries, keys and values have biases.
pub(super) fn qwen2(config: &Config) -> Result<Blueprint> {
    config.expect("use_sliding_window", &json!(false))?;
    llama_like(config, true)
}

fn llama_like(config: &Config, qkv_bias: bool) -> Result<Blueprint> {
    let width = config.size(&["hidden_size"])?;
    let n_layers = config.size(&["num_hidden_layers"])?;
    let n_heads = config.size(&["num_attention_heads"])?;
    let head_dim = match config.size_if_any(&["head_dim"])? {
        Some(head_dim) => head_dim,
        None => width / heads(config, &["num_attention_heads"], width)?,
    };
    let kv_heads = config.size_or(&["num_key_value_heads"], n_heads)?;
    if !n_heads.is_multiple_of(kv_heads) {
        let problem = format!("{kv_heads} heads of keys do not divide {n_heads} heads of queries");
        return Err(config.refuse("num_key_value_heads", problem, crate::pretrained::FETCH_AGAIN));
    }
    let max_tokens = config.size(&["max_position_embeddings"])?;
    let transformer = TransformerSpec {
        kv_heads: Some(kv_heads),
        head_dim: Some(head_dim),
        feed_forward: Some(config.size(&["intermediate_size"])?),
        activation: activation(config, "hidden_act", "silu")?,
        gated: true,
        norm_kind: NormKind::Rms,
        epsilon: config.number(&["rms_norm_eps"])?.unwrap_or(1e-6),
        bias: false,
        qkv_bias: Some(qkv_bias),
        causal: true,
        rotary: Some(config.rotary_base("rope_theta", "full_attention", 10_000.0)?),
        attention_dropout: config.dropout(&["attention_dropout"], 0.0)?,
        ..TransformerSpec::new(n_layers, n_heads)
    };
    let rows = [n_heads, kv_heads, kv_heads].map(|heads| heads.saturating_mul(head_dim));
    let of_layer = |layer| llama_layer(layer, rows, qkv_bias);
    let mut blocks: Vec<(String, Source)> = (0..n_layers).flat_map(of_layer).collect();
    blocks.push(("transformer.final-norm.scale".to_owned(), Source::one("norm.weight")));
    Ok(Blueprint {
        layers: vec![embedding(width), LayerSpec::Transformer(Box::new(transformer))],
        sources: vec![vec![("embedding.table".to_owned(), Source::Tokens(LLAMA_TABLE))], blocks],
        table: LLAMA_TABLE,
        n_rows: config.size(&["vocab_size"])?,
        left_out: LEFT_OUT,
        max_tokens,
        is_causal: true,
        masked: None,
        width,
    })
}

fn llama_layer(layer: usize, rows: [usize; 3], qkv_bias: bool) -> Vec<(String, Source)> {
    let ours = |part: &str| format!("transformer.{layer}.{part}");
    let theirs = |part: &str| format!("layers.{layer}.{part}");
    let qkv = ["q_proj", "k_proj", "v_proj"].map(|part| theirs(&format!("self_attn.{part}")));
    let mut sources = stacked(&ours("attention.qkv"), qkv, rows, qkv_bias);
    // How many rows the gate has follows from the parameter: half of them.
    let gate_and_up = ["gate_proj", "up_proj"].map(|part| theirs(&format!("mlp.{part}.weight")));
    sources.extend([
        (ours("attention.output.weight"), Source::one(theirs("self_attn.o_proj.weight"))),
        (ours("attention-norm.scale"), Source::one(theirs("input_layernorm.weight"))),
        (ours("feed-forward.input.weight"), Source::halves(gate_and_up)),
        (ours("feed-forward.output.weight"), Source::one(theirs("mlp.down_proj.weight"))),
        (ours("feed-forward-norm.scale"), Source::one(theirs("post_attention_layernorm.weight"))),
    ]);
    sources
}
