//! How to train: the `[train]` table of a configuration.

use fenlei_nn::loss::LossSpec;
use fenlei_nn::optim::{AverageSpec, OptimizerSpec, Regularization, ScheduleSpec};
use serde::{Deserialize, Serialize};

use super::fine_tuning::FineTuningSpec;
use crate::augment::AugmentSpec;
use crate::metrics::Report;
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
    /// How the layers of a pretrained model are trained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fine_tuning: Option<FineTuningSpec>,
    /// The most tokens that pass through the net at once: a step of more is made in parts whose gradients are added up, which
    /// gives the same step in less memory. Default: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens_at_once: Option<usize>,
    /// Whether documents of like length stand in the same step. Default: false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub group_by_length: bool,
    /// How training documents are changed while they are learned from. Default: not at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub augment: Option<AugmentSpec>,
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
            fine_tuning: None,
            max_tokens_at_once: None,
            group_by_length: false,
            augment: None,
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

impl Metric {
    /// The figure in a report, turned so that larger is better.
    pub fn of(self, report: &Report) -> f64 {
        match self {
            Self::Accuracy => report.accuracy,
            Self::MacroF1 => report.macro_f1,
            Self::LogLoss => -report.log_loss,
        }
    }
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
        if self.max_tokens_at_once == Some(0) {
            let problem = "found 0, expected at least 1";
            return Err(Error::config("train.max_tokens_at_once", problem, "leave it out for no limit"));
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
        if let Some((place, found, expected, _)) = self.amounts().into_iter().find(|(_, _, _, fits)| !fits) {
            let problem = format!("{found} is out of range, expected {expected}");
            return Err(Error::config(format!("train.{place}"), problem, "leave it out for the default"));
        }
        self.augment.as_ref().map_or(Ok(()), |augment| augment.check("train.augment"))?;
        self.fine_tuning.as_ref().map_or(Ok(()), FineTuningSpec::check)?;
        self.check_tail()
    }

    /// An average of the last epochs begins by counting back from the last one, which early stopping does not know.
    fn check_tail(&self) -> Result<()> {
        let patience = self.early_stopping.patience;
        match self.average {
            Some(AverageSpec::Tail { epochs }) if patience > 0 => {
                let first = u64::from(self.epochs).saturating_sub(epochs) + 1;
                let problem = format!(
                    "a tail begins in epoch {first} of {}, but early stopping (patience {patience}) may end before",
                    self.epochs
                );
                let help = "set train.early_stopping.patience = 0, or choose the average of kind \"exponential\"";
                Err(Error::config("train.average", problem, help))
            }
            _ => Ok(()),
        }
    }

    /// Numbers of the smaller tables: place, value, what is expected, and whether it is so.
    fn amounts(&self) -> Vec<(String, f64, &'static str, bool)> {
        let amount = |place: &str, x: f64| (place.to_owned(), x, "a number from 0 up", x >= 0.0 && x.is_finite());
        let positive = |place: &str, x: f64| (place.to_owned(), x, "a number above 0", x > 0.0 && x.is_finite());
        let Regularization { l1, l2, max_norm, clip_norm, .. } = self.regularization;
        let mut amounts = vec![amount("regularization.l1", l1), amount("regularization.l2", l2)];
        amounts.extend(max_norm.map(|x| positive("regularization.max_norm", x)));
        amounts.extend(clip_norm.map(|x| positive("regularization.clip_norm", x)));
        match self.average {
            Some(AverageSpec::Exponential { decay, .. }) => {
                let fits = (0.0..1.0).contains(&decay);
                amounts.push(("average.decay".to_owned(), decay, "from 0 to below 1", fits));
            }
            Some(AverageSpec::Tail { epochs }) => amounts.push(positive("average.epochs", epochs as f64)),
            None => {}
        }
        if let ClassWeights::Named(named) = &self.class_weights {
            let weights = named.iter().map(|(label, &w)| amount(&format!("class_weights.named.{label}"), w));
            amounts.extend(weights);
        }
        amounts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_out_of_range_are_refused_with_their_place() {
        for (toml, place) in [
            ("epochs = 0", "train.epochs"),
            ("batch_size = 0", "train.batch_size"),
            ("validation = 1.0", "train.validation"),
            ("validation = nan", "train.validation"),
            ("optimizer = { kind = 'adam', lr = -1.0 }", "train.optimizer.lr"),
            ("average = { kind = 'exponential', decay = 1.0, start_steps = 0 }", "train.average.decay"),
            ("average = { kind = 'tail', epochs = 0 }", "train.average.epochs"),
            ("regularization = { l2 = -0.1 }", "train.regularization.l2"),
            ("regularization = { clip_norm = 0.0 }", "train.regularization.clip_norm"),
            ("regularization = { max_norm = inf }", "train.regularization.max_norm"),
            ("class_weights = { named = { spam = nan } }", "train.class_weights.named.spam"),
            ("augment = { delete = 1.5 }", "train.augment.delete"),
            ("augment = {}", "train.augment"),
            ("schedule = { kind = 'step', every_epochs = 0, gamma = 0.5 }", "train.schedule.every_epochs"),
        ] {
            let error = toml::from_str::<TrainSpec>(toml).unwrap().check().unwrap_err().to_string();
            assert!(error.starts_with(place) && error.contains("help: "), "{toml}: {error}");
        }
        TrainSpec::default().check().unwrap();
    }

    #[test]
    fn the_mean_of_the_last_epochs_needs_the_last_epochs() {
        let tail = |patience: u32| {
            let toml = format!("average = {{ kind = 'tail', epochs = 3 }}\nearly_stopping.patience = {patience}");
            toml::from_str::<TrainSpec>(&toml).unwrap().check()
        };
        tail(0).unwrap();
        let error = tail(2).unwrap_err().to_string();
        assert!(error.contains("begins in epoch 18 of 20, but early stopping (patience 2) may end before"), "{error}");
        assert!(error.contains("train.early_stopping.patience = 0"), "{error}");
    }
}
