//! The command line as types.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use fenlei::classifier::Classifier;
use fenlei::config::{PlanSource, load_further_plan, load_plan};
use fenlei::train::Plan;

use crate::augment::AugmentArguments;
use crate::bench::BenchArgs;
use crate::calibrate::CalibrateArguments;
use crate::cluster::ClusterArguments;
use crate::compare::CompareArguments;
use crate::config_command::ConfigArguments;
use crate::cross_validate::CvArguments;
use crate::data::DataArgs;
use crate::data::get::fetch_pretrained;
use crate::demo::DemoArguments;
use crate::embed::EmbedArguments;
use crate::ensemble::EnsembleArguments;
use crate::evaluate::EvalArguments;
use crate::explain::ExplainArguments;
use crate::inspect::InspectArguments;
use crate::label::LabelArguments;
use crate::merge::MergeArguments;
use crate::predict::PredictArguments;
use crate::pretrain::PretrainArguments;
use crate::quantize::QuantizeArguments;
use crate::serve::ServeArguments;
use crate::train::TrainArguments;
use crate::tune::TuneArguments;

/// Text classification from raw documents to one model file, Chinese and English
#[derive(Debug, Parser)]
#[command(name = "fenlei", version, propagate_version = true, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// How many threads to use; no result depends on it, but for word2vec without --deterministic [default: all cores]
    #[arg(long, global = true, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    #[command(subcommand)]
    pub command: Subcommands,
}

const EXAMPLES: &str = "Examples:
  fenlei demo                                  See everything at work in half a minute
  fenlei train reviews.csv -o reviews.fenlei   Learn from labelled documents
  fenlei eval reviews.fenlei test.csv          Measure on documents that were not learned from
  fenlei predict reviews.fenlei \"Great film\"   Classify a text
  fenlei predict reviews.fenlei < lines.txt    Classify every line";

#[derive(Debug, Subcommand)]
pub(crate) enum Subcommands {
    Train(TrainArguments),
    Tune(Box<TuneArguments>),
    Eval(EvalArguments),
    Cv(CvArguments),
    Compare(CompareArguments),
    Calibrate(CalibrateArguments),
    Quantize(QuantizeArguments),
    Merge(MergeArguments),
    Explain(ExplainArguments),
    Predict(PredictArguments),
    #[command(after_help = "Examples:
  fenlei ensemble train reviews.csv --member cnn --member nb-svm
  fenlei ensemble join cnn.fenlei svm.fenlei -o both.fenlei")]
    Ensemble(EnsembleArguments),
    Cluster(ClusterArguments),
    Inspect(InspectArguments),
    Config(ConfigArguments),
    #[command(after_help = "Examples:
  fenlei data list
  fenlei data get imdb
  fenlei data stats reviews.csv
  fenlei data split reviews.csv -o parts")]
    Data(DataArgs),
    Augment(AugmentArguments),
    Embed(EmbedArguments),
    Pretrain(Box<PretrainArguments>),
    Label(Box<LabelArguments>),
    Serve(Box<ServeArguments>),
    Demo(DemoArguments),
    Bench(BenchArgs),
}

/// What to train and how.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Configuration")]
pub(crate) struct PlanArguments {
    /// A recipe by its name, or the file of one; `fenlei config list` shows them
    #[arg(long, value_name = "NAME|FILE", conflicts_with = "model")]
    pub recipe: Option<String>,
    /// The kind of model, with settings that suit it [default: cnn]
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// A configuration file, complete or partial
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// One setting over all files, as train.batch_size=64; KEY= takes one away; `fenlei config show` prints all keys
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Where random numbers start; the same seed gives the same model
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub seed: Option<u64>,
    /// Passes over the training documents, at most
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub epochs: Option<u32>,
    /// Word vectors to start from: GloVe, word2vec or fastText, also packed
    #[arg(long, value_name = "FILE")]
    pub embeddings: Option<PathBuf>,
    /// A pretrained model to train further with --model encoder: the folder of its config.json, weights and tokenizer, or
    /// hf:OWNER/NAME, which is fetched once
    #[arg(long, value_name = "DIR")]
    pub pretrained: Option<PathBuf>,
    /// Leave the layers of the pretrained model as they are: they read each document once, and only the head learns
    #[arg(long)]
    pub frozen: bool,
    /// Keep what they make of the documents in this folder, for later trainings
    #[arg(long, value_name = "DIR", requires = "frozen")]
    pub cache: Option<PathBuf>,
}

impl PlanArguments {
    /// The plan that these arguments ask for.
    pub fn load(&self) -> fenlei::Result<Plan> {
        self.pretrained.as_deref().map_or(Ok(()), fetch_pretrained)?;
        load_plan(&self.source())
    }

    /// The plan to train `classifier` further by.
    pub fn load_further(&self, classifier: &Classifier) -> fenlei::Result<Plan> {
        load_further_plan(&self.source(), classifier)
    }

    /// What these arguments say, before it is put together.
    pub fn source(&self) -> PlanSource {
        PlanSource {
            recipe: self.recipe.clone().or_else(|| self.model.clone()),
            config: self.config.clone(),
            set: self.set.clone(),
            seed: self.seed,
            epochs: self.epochs,
            embeddings: self.embeddings.clone(),
            pretrained: self.pretrained.clone(),
            frozen: self.frozen,
            cache: self.cache.clone(),
        }
    }
}
