//! How to train: the `[train]` table of a configuration.

use fenlei_nn::loss::LossSpec;
use fenlei_nn::optim::{AverageSpec, OptimizerSpec, Regularization, ScheduleSpec};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How to train a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainSpec {
    /// Passes over the training documents, at most.
    pub epochs: u32,
    /// Documents in a step.
    pub batch_size: usize,
    /// The share of the training documents that is held back to validate with, where no validation file is given.
    /// 0 trains on everything and keeps the last weights.
    pub validation: f64,
    /// What is made small; the cross-entropy of the head where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<LossSpec>,
    /// How weights are updated.
    pub optimizer: OptimizerSpec,
    /// How the learning rate changes over the training.
    pub schedule: ScheduleSpec,
    /// Whether the model is an average of the weights on the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average: Option<AverageSpec>,
    /// L1, L2, max-norm and gradient clipping.
    pub regularization: Regularization,
    /// When to stop before the last epoch, and which weights to keep.
    pub early_stopping: EarlyStoppingSpec,
    /// Weights of the labels in the loss.
    pub class_weights: ClassWeights,
}

impl Default for TrainSpec {
    fn default() -> Self {
        Self {
            epochs: 20,
            batch_size: 32,
            validation: 0.1,
            loss: None,
            optimizer: OptimizerSpec::adam(1e-3),
            schedule: ScheduleSpec::Constant {},
            average: None,
            regularization: Regularization::default(),
            early_stopping: EarlyStoppingSpec::default(),
            class_weights: ClassWeights::None,
        }
    }
}

/// When to stop, and which weights to keep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EarlyStoppingSpec {
    /// The figure of the validation part that must get better.
    pub metric: Metric,
    /// Stop after this many epochs without a better figure. 0 never stops.
    pub patience: u32,
    /// Keep the weights of the best epoch rather than the last.
    pub keep_best: bool,
}

impl Default for EarlyStoppingSpec {
    fn default() -> Self {
        Self { metric: Metric::Accuracy, patience: 3, keep_best: true }
    }
}

/// A figure of the validation part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// The share of documents with the right label (all labels right, for several).
    #[default]
    Accuracy,
    /// The mean F1 of the labels.
    MacroF1,
    /// The mean negative logarithm of the probability of the truth; smaller is better.
    LogLoss,
}

/// Weights of the labels in the loss.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClassWeights {
    /// All 1.
    #[default]
    None,
    /// `n_docs / (n_labels * count)`, so that rare labels count as much as frequent ones.
    Balanced,
    /// By label name; labels that are not named weigh 1.
    Named(std::collections::BTreeMap<String, f64>),
}

impl TrainSpec {
    /// Checks the values.
    ///
    /// # Errors
    /// When one makes no sense.
    pub fn check(&self) -> Result<()> {
        if self.epochs == 0 {
            return Err(Error::config("train.epochs", "0 epochs train nothing", "give at least 1"));
        }
        if self.batch_size == 0 || self.batch_size > 1 << 20 {
            let problem = format!("{} documents in a batch, expected 1 to {}", self.batch_size, 1 << 20);
            return Err(Error::config("train.batch_size", problem, "32 is a good start"));
        }
        if !(0.0..1.0).contains(&self.validation) {
            let problem = format!("{} is not a share, expected 0 or more and below 1", self.validation);
            return Err(Error::config("train.validation", problem, "0.1 holds back a tenth; 0 trains on everything"));
        }
        if let Some((field, found, expected)) = self.schedule.out_of_range() {
            let problem = format!("{found} is out of range, expected {expected}");
            return Err(Error::config(
                format!("train.schedule.{field}"),
                problem,
                "leave [train.schedule] out for none",
            ));
        }
        if let Some((field, found, expected)) = self.optimizer.out_of_range() {
            let problem = format!("{found} is out of range, expected {expected}");
            return Err(Error::config(format!("train.optimizer.{field}"), problem, "0.001 is a good lr for Adam"));
        }
        Ok(())
    }
}
