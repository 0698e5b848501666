//! Masked language models: their numbers into a net of ours, and back into a folder of the transformers library.

use std::collections::BTreeMap;
use std::path::Path;

use fenlei_nn::layers::Activation;
use fenlei_nn::masked::{HEAD, MaskedSpec};
use fenlei_nn::params::{Param, Params};
use fenlei_nn::spec::{LayerSpec, Precision, TransformerSpec};
use serde_json::{Map, Value, json};

use super::blueprint::{Blueprint, MaskedNames, Source};
use super::config::Config;
use super::tokenizer::PretrainedTokenizer;
use super::weights::{Weights, read_limited};
use super::{PretrainedConfig, families, fill, folder};
use crate::{Error, Result};

/// A tensor by its name, with its shape.
pub(super) type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// Files of a tokenizer beside `tokenizer.json`.
const TOKENIZER_FILES: [&str; 5] =
    ["vocab.txt", "vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json"];

/// None of them is larger.
const MAX_BYTES: u64 = 256 << 20;

/// What a folder holds beside the numbers of the net.
#[derive(Debug)]
pub(crate) struct MaskedFolder {
    config: PretrainedConfig,
    values: Map<String, Value>,
    names: MaskedNames,
    /// The content of `tokenizer.json`.
    pub tokenizer: String,
    files: Vec<(String, Vec<u8>)>,
    /// Tensors that the net has no place for, by their names without a prefix.
    kept: Tensors,
}

/// Where the numbers of a net come from.
#[derive(Debug)]
pub(crate) struct MaskedSource {
    weights: Weights,
    has_head: bool,
}

impl MaskedFolder {
    /// Reads a folder but for the numbers.
    ///
    /// # Errors
    /// As [`Pretrained::open`](super::Pretrained::open); also when its family has no masked language model here.
    pub fn open(dir: &Path) -> Result<(Self, MaskedSource)> {
        let pretrained = super::Pretrained::open(dir)?;
        let super::Pretrained { config, tokenizer, weights } = pretrained;
        let PretrainedTokenizer { json, .. } = tokenizer;
        let dir = config.dir.clone();
        let values = Config::read(&dir)?.values().clone();
        let Some(names) = config.blueprint.masked else {
            let problem = format!("{} is no family that can be pretrained further here", values["model_type"]);
            let help = "choose a model of type bert, roberta, xlm-roberta or camembert, or leave it out to start anew";
            return Err(Error::data(&config.path, None, format!("model_type: {problem}"), help));
        };
        let mut files = Vec::new();
        for name in TOKENIZER_FILES.into_iter().filter(|name| dir.join(name).is_file()) {
            files.push((name.to_owned(), read_limited(&dir.join(name), MAX_BYTES)?));
        }
        let kept = kept(&config.blueprint, &config, &weights)?;
        let has_head = weights.shape(&format!("{}.weight", names.dense)).is_some();
        let folder = Self { config, values, names, tokenizer: json, files, kept };
        Ok((folder, MaskedSource { weights, has_head }))
    }

    /// A new model of the type `bert`. `values` is its `config.json`, `files` what stands beside `tokenizer.json`.
    ///
    /// # Errors
    /// When the configuration makes no sense.
    pub fn made(values: Map<String, Value>, tokenizer: String, files: Vec<(String, Vec<u8>)>) -> Result<Self> {
        let config = Config::made("config.json".into(), values);
        let blueprint = families::blueprint(&config)?;
        let kinds = (vec![2, blueprint.width], vec![0.0; 2 * blueprint.width]);
        let Some(names) = blueprint.masked else {
            return Err(Error::config(
                "model_type",
                "a model without a masked head",
                "this is a bug, please report it",
            ));
        };
        let values = config.values().clone();
        let config = PretrainedConfig { dir: "".into(), path: config.path().to_owned(), blueprint };
        let kept = BTreeMap::from([("embeddings.token_type_embeddings.weight".to_owned(), kinds)]);
        Ok(Self { config, values, names, tokenizer, files, kept })
    }

    /// The net that computes what the model does. `change` may change its layers, which stay of the same sizes.
    pub fn spec(&self, precision: Precision, change: impl Fn(&mut Vec<LayerSpec>)) -> MaskedSpec {
        let mut layers = self.config.layers().to_vec();
        change(&mut layers);
        let transformer = layers.iter().find_map(|layer| match layer {
            LayerSpec::Transformer(spec) => Some(spec),
            _ => None,
        });
        let of = |spec: &TransformerSpec| (self.names.activation.unwrap_or(spec.activation), spec.epsilon);
        let (activation, epsilon) = transformer.map_or((Activation::Gelu, 1e-12), |spec| of(spec));
        MaskedSpec { layers, activation, epsilon, precision }
    }

    /// Tokens of the model's table.
    pub fn vocab_size(&self) -> usize {
        self.config.blueprint.n_rows
    }

    /// Tokens of a document, at most.
    pub fn max_tokens(&self) -> usize {
        self.config.max_tokens()
    }

    /// Puts the numbers of a folder into a net with [`spec`](Self::spec). Tells what was read, and where the head comes from.
    ///
    /// # Errors
    /// As [`Pretrained::fill`](super::Pretrained::fill), and when the decoder is not the table of token vectors.
    pub fn fill(&self, source: &MaskedSource, params: &mut Params<f32>) -> Result<String> {
        let rows: Vec<Option<u32>> = (0..self.vocab_size() as u32).map(Some).collect();
        let told = fill::fill(&self.config, &source.weights, &rows, params)?;
        if !source.has_head {
            return Ok(format!("{told}; the folder has no masked head, which starts anew"));
        }
        let weights = &source.weights;
        let MaskedNames { dense, norm, bias, decoder, .. } = self.names;
        let bias = bias.into_iter().find(|name| weights.shape(name).is_some()).unwrap_or(bias[0]);
        let head = [
            ("dense.weight", format!("{dense}.weight")),
            ("dense.bias", format!("{dense}.bias")),
            ("norm.scale", format!("{norm}.weight")),
            ("norm.shift", format!("{norm}.bias")),
            ("bias", bias.to_owned()),
        ];
        let table = params.iter().next().map(|param| param.data.clone()).unwrap_or_default();
        for (ours, theirs) in &head {
            let name = format!("{HEAD}.{ours}");
            if let Some(param) = params.iter_mut().find(|param| param.name == name) {
                let early =
                    theirs.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta");
                let theirs = if weights.shape(theirs).is_none() { &early } else { theirs };
                param.data = weights.read(theirs, &param.shape)?;
            }
        }
        if let Some(shape) = weights.shape(decoder)
            && weights.read(decoder, &[self.vocab_size(), self.config.width()])? != table
        {
            let problem =
                format!("the tensor {decoder:?} of shape {shape:?} is another than the table of token vectors");
            return Err(Error::data(&self.config.dir, None, problem, "choose a model whose decoder is tied"));
        }
        Ok(format!("{told}; its masked head is there too"))
    }

    /// Writes a folder with the numbers of a net, whole or not at all. Tells its bytes.
    ///
    /// # Errors
    /// When there is something else already, or it cannot be written.
    pub fn save(&self, params: &Params<f32>, dir: &Path) -> Result<u64> {
        let mut values = self.values.clone();
        let class = match values.get("model_type").and_then(Value::as_str) {
            Some("roberta") => "RobertaForMaskedLM",
            Some("xlm-roberta") => "XLMRobertaForMaskedLM",
            Some("camembert") => "CamembertForMaskedLM",
            _ => "BertForMaskedLM",
        };
        values.insert("architectures".to_owned(), json!([class]));
        values.insert("tie_word_embeddings".to_owned(), json!(true));
        for key in ["torch_dtype", "dtype"] {
            if values.contains_key(key) {
                values.insert(key.to_owned(), json!("float32"));
            }
        }
        let config = serde_json::to_vec_pretty(&values).unwrap_or_default();
        let mut files = vec![
            ("config.json".to_owned(), config),
            ("tokenizer.json".to_owned(), self.tokenizer.clone().into_bytes()),
            ("model.safetensors".to_owned(), folder::safetensors(&self.tensors(params)?)?),
        ];
        files.extend(self.files.iter().cloned());
        folder::write(dir, &files)
    }

    /// The numbers of a net by the names of the transformers library.
    fn tensors(&self, params: &Params<f32>) -> Result<Tensors> {
        let MaskedNames { prefix, dense, norm, bias, .. } = self.names;
        let mut tensors: Tensors =
            self.kept.iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor.clone())).collect();
        let (body, head): (Vec<_>, Vec<_>) = params.iter().partition(|param| !param.name.starts_with(HEAD));
        let mut left = body.as_slice();
        for sources in &self.config.blueprint.sources {
            let (of_layer, behind) = left.split_at(sources.len().min(left.len()));
            left = behind;
            for param in of_layer {
                let end = param.name.split_once('.').map_or("", |(_, end)| end);
                let Some((_, source)) = sources.iter().find(|(ours, _)| ours == end) else {
                    let problem = format!("nothing is known for {:?}", param.name);
                    return Err(Error::train(problem, "this is a bug, please report it"));
                };
                self.add(&mut tensors, param, source);
            }
        }
        for param in head {
            let end = param.name.split_once('.').map_or("", |(_, end)| end);
            let theirs = match end {
                "dense.weight" | "dense.bias" => end.replace("dense", dense),
                "norm.scale" => format!("{norm}.weight"),
                "norm.shift" => format!("{norm}.bias"),
                _ => bias[0].to_owned(),
            };
            tensors.insert(theirs, (param.shape.clone(), param.data.clone()));
        }
        Ok(tensors)
    }

    /// What one parameter is in the model: the way back of filling it.
    fn add(&self, tensors: &mut Tensors, param: &Param<f32>, source: &Source) {
        let prefix = self.names.prefix;
        let width = if param.shape.len() == 1 { 1 } else { param.row_len() };
        match source {
            Source::Nothing => {}
            Source::Tokens(name) => {
                tensors.insert(format!("{prefix}{name}"), (param.shape.clone(), param.data.clone()));
            }
            Source::Positions { table, kinds, .. } => {
                // The rows before the first position that is used were kept.
                let before = self.kept.get(*table).map(|(_, rows)| rows.clone()).unwrap_or_default();
                let mut rows = before;
                let kind = kinds.and_then(|kinds| self.kept.get(kinds)).map(|(_, kinds)| &kinds[..width]);
                for row in param.data.chunks_exact(width) {
                    match kind {
                        Some(kind) => rows.extend(row.iter().zip(kind).map(|(x, kind)| x - kind)),
                        None => rows.extend_from_slice(row),
                    }
                }
                tensors.insert(format!("{prefix}{table}"), (vec![rows.len() / width, width], rows));
            }
            Source::Rows(pieces) => {
                let n_rows = param.shape[0];
                let mut rows = param.data.as_slice();
                for piece in pieces {
                    let n = piece.n_rows.unwrap_or(n_rows / pieces.len());
                    let (own, behind) = rows.split_at(n * width);
                    rows = behind;
                    let shape = if param.shape.len() == 1 { vec![n] } else { vec![n, width] };
                    tensors.insert(format!("{prefix}{}", piece.name), (shape, own.to_vec()));
                }
            }
        }
    }
}

/// Tensors that a net has no place for, but that belong to the model: kinds of tokens, positions that are not used, the pooler.
fn kept(blueprint: &Blueprint, config: &PretrainedConfig, weights: &Weights) -> Result<Tensors> {
    let prefix = fill::prefix(config, weights)?;
    let mut kept = Tensors::new();
    let mut keep = |own: &str, n_rows: Option<usize>| -> Result<()> {
        let name = format!("{prefix}{own}");
        let Some(shape) = weights.shape(&name).map(<[usize]>::to_vec) else { return Ok(()) };
        let mut numbers = weights.read(&name, &shape)?;
        let mut shape = shape;
        if let (Some(n_rows), [all, width]) = (n_rows, &shape[..]) {
            let n_rows = n_rows.min(*all);
            numbers.truncate(n_rows * width);
            shape = vec![n_rows, *width];
        }
        kept.insert(own.to_owned(), (shape, numbers));
        Ok(())
    };
    for source in blueprint.sources.iter().flatten().map(|(_, source)| source) {
        if let Source::Positions { table, skip, kinds } = source {
            if *skip > 0 {
                keep(table, Some(*skip))?;
            }
            kinds.map_or(Ok(()), |kinds| keep(kinds, None))?;
        }
    }
    keep("pooler.dense.weight", None)?;
    keep("pooler.dense.bias", None)?;
    Ok(kept)
}

#[cfg(test)]
#[path = "masked_tests.rs"]
mod tests;
