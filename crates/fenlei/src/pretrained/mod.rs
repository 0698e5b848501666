//! Pretrained models: from a folder of the transformers library to a net, its numbers and its pipeline.
//!
//! ```text
//! config.json ─→ layers      weights ─→ parameters by name      tokenizer.json | vocab.txt ─→ pipeline
//! ```
//!
//! The net computes what the model does, without its heads; a head of ours reads the states that it gives. Which tensor
//! becomes which parameter is said by the family (`families`); a tensor that is missing, left over, or of another shape
//! is an error that names it.
//!
//! Invariant: nothing in the folder is trusted, and nothing in it is ever run.

mod blueprint;
mod config;
mod families;
mod fill;
mod folder;
mod masked;
mod tokenizer;
mod weights;

use std::path::{Path, PathBuf};

use fenlei_nn::count::count_parameters;
use fenlei_nn::net::NetSizes;
use fenlei_nn::params::Params;
use fenlei_nn::spec::{LayerSpec, NetSpec, PoolKind};

use self::blueprint::Blueprint;
use self::config::Config;
pub(crate) use self::folder::is_free;
pub(crate) use self::masked::{MaskedFolder, MaskedSource};
use self::tokenizer::PretrainedTokenizer;
use self::weights::{FETCH_AGAIN, Weights};
use crate::artifact::{ModelInfo, load_apart};
use crate::classifier::Classifier;
use crate::data::hub_folder;
use crate::text::{PipelineSpec, SegmentMode, TextPipeline};
use crate::{Error, Result};

/// What a `config.json` says of a model.
#[derive(Debug, Clone)]
pub struct PretrainedConfig {
    dir: PathBuf,
    path: PathBuf,
    blueprint: Blueprint,
}

/// A pretrained model that is ready to be used.
#[derive(Debug)]
pub struct Pretrained {
    config: PretrainedConfig,
    tokenizer: PretrainedTokenizer,
    weights: Weights,
}

impl PretrainedConfig {
    /// Reads the `config.json` in a folder, or in that of a model on a hub (`hf:OWNER/NAME`) that was fetched.
    ///
    /// # Errors
    /// When there is none, when it is of a family that is not known, or when it says what makes no sense.
    pub fn read(dir: &Path) -> Result<Self> {
        let dir = hub_folder(dir)?;
        let config = Config::read(&dir)?;
        let blueprint = families::blueprint(&config)?;
        Ok(Self { dir, path: config.path().to_owned(), blueprint })
    }

    /// The layers from token ids to a state for each token. What stands behind them is the head's.
    pub fn layers(&self) -> &[LayerSpec] {
        &self.blueprint.layers
    }

    /// Numbers in a state.
    pub fn width(&self) -> usize {
        self.blueprint.width
    }

    /// Tokens of a document, at most.
    pub fn max_tokens(&self) -> usize {
        self.blueprint.max_tokens
    }

    /// Whether the state of a token knows only the tokens before it, so that the last one's says most.
    pub fn is_causal(&self) -> bool {
        self.blueprint.is_causal
    }

    /// The pipeline with its tokenizer in it. The specification says how documents are cleaned and truncated.
    ///
    /// # Errors
    /// When documents would be longer than the model can read.
    pub fn complete(&self, spec: &PipelineSpec) -> Result<PipelineSpec> {
        let max_tokens = self.max_tokens();
        let (key, wanted) = match spec.truncate.window {
            Some(window) => ("window", window),
            None => ("max_tokens", spec.truncate.max_tokens),
        };
        if wanted > max_tokens {
            let problem = format!("found {wanted}, but the model has positions for {max_tokens}");
            let help = format!("set it to {max_tokens} or less; pipeline.truncate.window lets it read more in windows");
            return Err(Error::config(format!("pipeline.truncate.{key}"), problem, help));
        }
        let mut spec = spec.clone();
        spec.segment.mode = SegmentMode::Tokenizer;
        let whole = self.dir.join("tokenizer.json");
        spec.segment.tokenizer = Some(if whole.is_file() { whole } else { self.dir.join("vocab.txt") });
        Ok(spec)
    }
}

impl Pretrained {
    /// Reads the tokenizer of a model and finds its weights.
    ///
    /// # Errors
    /// As [`PretrainedConfig::read`]; also when the tokenizer or the weights are missing, damaged, or belong to another
    /// model.
    pub fn open(dir: &Path) -> Result<Self> {
        let config = PretrainedConfig::read(dir)?;
        let weights = Weights::open(&config.dir)?;
        let tokenizer = PretrainedTokenizer::read(&config.dir, config.blueprint.n_rows)?;
        let pretrained = Self { config, tokenizer, weights };
        pretrained.check_sizes()?;
        Ok(pretrained)
    }

    /// Before any memory is taken for a net: the numbers that its description asks for must be in the files.
    fn check_sizes(&self) -> Result<()> {
        let mut layers = self.config.layers().to_vec();
        layers.push(LayerSpec::GlobalPool { kind: PoolKind::Average, k: 1, units: None });
        let sizes = NetSizes { vocab_size: self.tokenizer.vocabulary.len(), n_labels: 1, multi_label: false };
        let asked = count_parameters(&NetSpec { layers, ..NetSpec::default() }, sizes);
        // No number takes less than two bytes. What the head asks for is not much.
        let held = u128::from(self.weights.n_bytes()) / 2 + (1 << 16);
        if asked > held {
            let problem = format!("it describes a model of {asked} numbers, but the weights hold at most {held}");
            let help = "take weights that belong to the config.json beside them";
            return Err(Error::data(&self.config.path, None, problem, help));
        }
        Ok(())
    }

    /// What its `config.json` says.
    pub fn config(&self) -> &PretrainedConfig {
        &self.config
    }

    /// A pipeline that gives the model its own tokens. `spec` says how documents are cleaned and truncated.
    ///
    /// # Errors
    /// As [`PretrainedConfig::complete`], and when the tokenizer cannot be used.
    pub fn pipeline(&self, spec: &PipelineSpec) -> Result<TextPipeline> {
        let mut spec = self.config.complete(spec)?;
        spec.segment.tokenizer = Some(self.tokenizer.path.clone());
        spec.with_tokenizer(self.tokenizer.json.clone(), self.tokenizer.vocabulary.clone())
    }

    /// Puts the model's numbers into the parameters of a net that begins with [`PretrainedConfig::layers`]; those behind
    /// them are left as they are. Tells in a few words what was read.
    ///
    /// # Errors
    /// When a tensor is missing, left over, of another shape, or holds what is not a finite number.
    pub fn fill(&self, params: &mut Params<f32>) -> Result<String> {
        fill::fill(&self.config, &self.weights, &self.tokenizer.rows, params)
    }
}

/// Puts what was learned beside a pretrained model ([`save_apart`](crate::artifact::save_apart)) and the model in a folder
/// together.
///
/// # Errors
/// As [`Pretrained::open`] and [`load_apart`].
pub fn merge(learned: &Path, dir: &Path) -> Result<(Classifier, ModelInfo)> {
    let pretrained = Pretrained::open(dir)?;
    let (mut classifier, info) = load_apart(learned, |params| pretrained.fill(params).map(drop))?;
    classifier.merge()?;
    Ok((classifier, info))
}

#[cfg(test)]
mod tests;
