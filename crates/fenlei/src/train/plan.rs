//! Everything that decides what a training gives, in one value: the whole of a configuration file.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::spec::TrainSpec;
use crate::model::ModelSpec;
use crate::text::PipelineSpec;

/// What to train and how. Two trainings with equal plans and equal documents give the same bytes.
///
/// There is no default of it, as a model has no default layers: [`load_plan`](crate::config::load_plan) of nothing at
/// all gives the plan of the default recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// First values, order of the documents, dropout and splits all follow from it.
    #[serde(default)]
    pub seed: u64,
    /// Word vectors to start the embedding from (GloVe text, word2vec text or binary, fastText `.vec`; also packed).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embeddings: Option<PathBuf>,
    /// The folder of a pretrained model of the transformers library. Its layers stand before those of the model, and its
    /// tokenizer cuts the documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pretrained: Option<PathBuf>,
    /// From a text to token ids.
    #[serde(default)]
    pub pipeline: PipelineSpec,
    /// From token ids to scores.
    pub model: ModelSpec,
    /// How the model is trained.
    #[serde(default)]
    pub train: TrainSpec,
}
