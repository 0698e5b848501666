//! One training from its first step to its last: what it holds, how it ends.

mod epoch;
mod prepare;
mod wide;

use fenlei_nn::optim::PlateauState;
use fenlei_nn::params::{Param, Params};
use fenlei_nn::training::Training;

use super::augmented::Augmentation;
use super::examples::Examples;
use super::known_states::KnownStatesFile;
use super::{EpochRecord, Event, Plan, StopReason, TrainOptions, Trained, usual};
use crate::classifier::{Classifier, Decision};
use crate::model::{Beside, Model, NetModel, NetModelSpec};
use crate::text::TextPipeline;
use crate::{Error, Result};

/// Parts of the seed that are used for different things.
pub(super) const SEED_SPLIT: u64 = 1;
const SEED_WEIGHTS: u64 = 2;
const SEED_ORDER: u64 = 3;
const SEED_STEPS: u64 = 4;
// 5 is that of the solvers.
const SEED_WIDE: u64 = 6;
pub(super) const SEED_AUGMENT: u64 = 7;
const SEED_PAIRS: u64 = 8;

/// Everything that a training holds.
pub(super) struct Run<'a> {
    pub(super) plan: Plan,
    pub(super) options: TrainOptions<'a>,
    /// CRC-32 of the training texts and labels.
    pub(super) fingerprint: String,
    /// CRC-32 of all that the training starts from, where a checkpoint needs it.
    pub(super) start: String,
    pipeline: TextPipeline,
    labels: Vec<String>,
    decision: Decision,
    train: Examples,
    /// What changes the training documents before each epoch.
    augmentation: Option<Augmentation<'a>>,
    /// Of the documents of a step.
    offsets: Vec<f32>,
    /// Of the documents of a step.
    soft: Vec<f32>,
    validation: Option<Examples>,
    /// The texts to validate with; those to train on, where there are no others.
    pictured: Vec<&'a str>,
    /// What frozen layers make of the documents to train on, and of those to validate with.
    known: [Option<KnownStatesFile>; 2],
    spec: NetModelSpec,
    beside: Beside,
    pub(super) training: Training<f32>,
    /// The parameters of the best epoch, until the training is over.
    pub(super) best: Option<Params<f32>>,
    vectors: Option<String>,
    pub(super) progress: Progress,
}

/// How far a training is. Saved in a checkpoint.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Progress {
    /// Whole epochs done.
    pub epochs_done: u32,
    /// Steps of the next epoch done.
    pub steps_done: u64,
    /// Sum of the losses of those steps' documents.
    pub loss_sum: f64,
    /// Seconds of those steps.
    pub seconds: f64,
    /// The records of the epochs done.
    pub history: Vec<EpochRecord>,
    /// The best figure of the validation part, larger is better, with the negative log loss, which decides between
    /// equals: on little data the accuracy may stand still for some epochs in which much is learned.
    pub best: Option<(f64, f64)>,
    /// Epochs since then.
    pub epochs_since_best: u32,
    /// What the plateau schedule remembers.
    pub plateau: PlateauState,
}

impl Run<'_> {
    /// Trains to the end.
    pub fn finish(mut self) -> Result<Trained> {
        if self.options.resume {
            self.load_checkpoint()?;
        }
        self.emit(|run| Event::Start {
            n_train: run.train.len(),
            n_validation: run.validation.as_ref().map_or(0, Examples::len),
            n_left_out: run.validation.as_ref().map_or(0, |validation| validation.n_left_out),
            unknown_labels: run.validation.as_ref().map_or(&[], |validation| &validation.unknown_labels),
            vocab_size: run.pipeline.vocab().len(),
            n_parameters: run.training.net.n_trainable(),
            epochs: run.plan.train.epochs,
            vectors: run.vectors.as_deref(),
        });
        let reason = loop {
            if self.progress.epochs_done >= self.plan.train.epochs {
                break StopReason::LastEpoch;
            }
            let patience = self.plan.train.early_stopping.patience;
            if patience > 0 && self.progress.epochs_since_best >= patience {
                break StopReason::EarlyStopping;
            }
            if !self.epoch()? {
                self.save_checkpoint()?;
                break StopReason::Interrupted;
            }
            self.save_checkpoint()?;
        };
        if reason != StopReason::Interrupted {
            self.remove_checkpoint();
        }
        self.emit(|_| Event::Stop(reason));
        self.conclude(reason)
    }

    fn conclude(mut self, reason: StopReason) -> Result<Trained> {
        if reason == StopReason::Interrupted && self.progress.history.is_empty() && self.progress.steps_done == 0 {
            return Err(Error::Interrupted);
        }
        self.training.settle();
        let chosen = self.best.or_else(|| self.training.averaged());
        let mut net = self.training.net;
        if let Some(chosen) = chosen {
            net.params = chosen;
        }
        net.params.iter_mut().for_each(Param::expand);
        let model = NetModel::trained(self.spec, net, self.beside);
        let predicted = self.validation.as_ref().map(|validation| model.probabilities(&validation.inputs));
        let validation = match self.validation.as_ref().zip(predicted.as_ref()) {
            Some((validation, probabilities)) => {
                let Decision { multi_label, threshold, .. } = self.decision;
                Some(validation.report(&self.labels, probabilities, multi_label, threshold)?)
            }
            None => None,
        };
        let classifier = Classifier::new(self.pipeline, Model::Net(Box::new(model)), self.labels, self.decision);
        let usual = match &predicted {
            Some(probabilities) => usual::of_validation(&classifier, &self.pictured, probabilities),
            None => usual::of_training(&classifier, &self.pictured),
        };
        Ok(Trained {
            classifier,
            usual,
            fingerprint: self.fingerprint,
            n_train: self.train.len(),
            history: self.progress.history,
            validation,
            reason,
        })
    }

    fn emit(&mut self, event: impl for<'e> FnOnce(&'e Self) -> Event<'e>) {
        if let Some(listener) = self.options.on_event.take() {
            listener(event(self));
            self.options.on_event = Some(listener);
        }
    }
}
