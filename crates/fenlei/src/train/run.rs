//! One training from its first step to its last.

use std::time::Instant;

use fenlei_nn::net::{Net, NetSizes};
use fenlei_nn::rng;
use fenlei_nn::training::Training;

use super::examples::{Examples, hold_back};
use super::{ClassWeights, EpochRecord, Event, Metric, Plan, StopReason, TrainOptions, Trained, ValidationRecord};
use crate::classifier::{Classifier, Decision};
use crate::data::Dataset;
use crate::features::vectors;
use crate::metrics::Report;
use crate::model::Model;
use crate::text::TextPipeline;
use crate::{Error, Result};

/// Parts of the seed that are used for different things.
const SEED_SPLIT: u64 = 1;
const SEED_WEIGHTS: u64 = 2;
const SEED_ORDER: u64 = 3;
const SEED_STEPS: u64 = 4;

/// The probability from which on a label of a multi-label classifier is given.
const DEFAULT_THRESHOLD: f32 = 0.5;

/// Everything that a training holds.
pub(super) struct Run<'a> {
    plan: &'a Plan,
    options: TrainOptions<'a>,
    pipeline: TextPipeline,
    labels: Vec<String>,
    decision: Decision,
    train: Examples,
    validation: Option<Examples>,
    pub(super) training: Training<f32>,
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
    /// The best figure of the validation part, larger is better.
    pub best: Option<f64>,
    /// Epochs since then.
    pub epochs_since_best: u32,
}

impl<'a> Run<'a> {
    /// Fits the pipeline, encodes the documents, builds the model.
    pub fn prepare(plan: &'a Plan, documents: &Dataset, mut options: TrainOptions<'a>) -> Result<Self> {
        let share = if options.validation.is_some() { 0.0 } else { plan.train.validation };
        let (kept, held) = hold_back(documents, share, rng::derive(plan.seed, SEED_SPLIT))?;
        let from = options.from.take();
        let (pipeline, labels, decision, old) = match from {
            Some(old) => (old.pipeline, old.labels, old.decision, Some(old.model)),
            None => {
                let texts: Vec<&str> = kept.iter().map(|&i| documents.texts[i].as_str()).collect();
                let pipeline = plan.pipeline.fit(&texts)?;
                let decision = Decision { multi_label: documents.multi_label, threshold: DEFAULT_THRESHOLD };
                (pipeline, documents.labels.clone(), decision, None)
            }
        };
        let train = Examples::new(&pipeline, documents, &kept, &labels)?;
        if train.texts.ids.is_empty() {
            return Err(Error::train(
                "no words are left after cleaning, in any document",
                "see what happens to a text with `fenlei inspect text`, and loosen [pipeline]",
            ));
        }
        let validation = match options.validation {
            Some(data) => {
                let all: Vec<usize> = (0..data.texts.len()).collect();
                Some(Examples::new(&pipeline, data, &all, &labels)?)
            }
            None if held.is_empty() => None,
            None => Some(Examples::new(&pipeline, documents, &held, &labels)?),
        };
        if validation.as_ref().is_some_and(|v| v.len() == 0) {
            return Err(Error::train(
                "no validation document carries a label that the training documents have",
                "give validation documents with the same labels, or leave --validation out",
            ));
        }
        let (net, vectors) = build_net(plan, &pipeline, &labels, decision, old)?;
        let weights = class_weights(&plan.train.class_weights, &labels, &train)?;
        let training = Training::new(net, &plan.train.settings(), weights);
        Ok(Self {
            plan,
            options,
            pipeline,
            labels,
            decision,
            train,
            validation,
            training,
            vectors,
            progress: Progress::default(),
        })
    }

    /// Trains to the end.
    pub fn finish(mut self) -> Result<Trained> {
        if self.options.resume {
            self.load_checkpoint()?;
        }
        self.emit(|run| Event::Start {
            n_train: run.train.len(),
            n_validation: run.validation.as_ref().map_or(0, Examples::len),
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
        self.emit(|_| Event::Stop(reason));
        self.conclude(reason)
    }

    /// Runs the steps of an epoch and validates. False when the user asked to stop in between.
    fn epoch(&mut self) -> Result<bool> {
        let epoch = self.progress.epochs_done + 1;
        let mut order: Vec<u32> = (0..self.train.len() as u32).collect();
        rng::shuffle(&mut order, rng::derive(rng::derive(self.plan.seed, SEED_ORDER), u64::from(epoch)));
        let batch_size = self.plan.train.batch_size;
        let steps_per_epoch = order.len().div_ceil(batch_size) as u64;
        self.training.set_schedule_length(steps_per_epoch, self.plan.train.epochs);
        for step in self.progress.steps_done..steps_per_epoch {
            if self.options.stop.is_some_and(|stop| stop.load(std::sync::atomic::Ordering::Relaxed)) {
                return Ok(false);
            }
            let clock = Instant::now();
            let first = step as usize * batch_size;
            let docs = &order[first..(first + batch_size).min(order.len())];
            let seed = rng::derive(rng::derive(self.plan.seed, SEED_STEPS), u64::from(epoch - 1) * steps_per_epoch + step);
            let Self { training, train, .. } = self;
            let loss = training.step(
                docs.iter().map(|&d| train.texts.ids_of(d as usize)),
                docs.iter().map(|&d| train.targets[d as usize].as_slice()),
                seed,
            );
            if !loss.is_finite() {
                return Err(super::diverged(epoch));
            }
            self.progress.steps_done = step + 1;
            self.progress.loss_sum += loss * docs.len() as f64;
            self.progress.seconds += clock.elapsed().as_secs_f64();
            let docs_done = first + docs.len();
            self.emit(|run| Event::Step {
                epoch,
                docs_done,
                n_docs: run.train.len(),
                loss: run.progress.loss_sum / docs_done as f64,
            });
        }
        self.end_epoch(epoch)?;
        Ok(true)
    }

    fn end_epoch(&mut self, epoch: u32) -> Result<()> {
        self.training.end_epoch();
        let report = self.validate()?;
        let n_docs = self.train.len() as f64;
        let figure = report.as_ref().map(|r| match self.plan.train.early_stopping.metric {
            Metric::Accuracy => r.accuracy,
            Metric::MacroF1 => r.macro_f1,
            Metric::LogLoss => -r.log_loss,
        });
        // Equal figures are told apart by the loss, which sees what a small validation part rounds away.
        let best = match (figure, self.progress.best) {
            (Some(figure), Some(best)) => figure > best,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if best {
            self.progress.best = figure;
            self.progress.epochs_since_best = 0;
            if self.plan.train.early_stopping.keep_best {
                self.training.keep_best();
            }
        } else if figure.is_some() {
            self.progress.epochs_since_best += 1;
        }
        if let Some(figure) = figure {
            self.training.plateau(figure);
        }
        let record = EpochRecord {
            epoch,
            loss: self.progress.loss_sum / n_docs,
            validation: report.map(|r| ValidationRecord {
                accuracy: r.accuracy,
                macro_f1: r.macro_f1,
                log_loss: r.log_loss,
            }),
            seconds: self.progress.seconds,
            docs_per_second: n_docs / self.progress.seconds.max(1e-9),
            lr_factor: self.training.lr_factor(),
            best,
        };
        self.progress.history.push(record);
        self.progress.epochs_done = epoch;
        self.progress.steps_done = 0;
        self.progress.loss_sum = 0.0;
        self.progress.seconds = 0.0;
        self.emit(|run| Event::Epoch(&run.progress.history[run.progress.history.len() - 1]));
        Ok(())
    }

    /// The report of the weights that a model would now be made of.
    fn validate(&mut self) -> Result<Option<Report>> {
        let Some(validation) = &self.validation else { return Ok(None) };
        let probabilities = self.training.with_averaged_weights(|net| Model::net_probabilities(net, &validation.texts));
        let Decision { multi_label, threshold } = self.decision;
        validation.report(&self.labels, &probabilities, multi_label, threshold).map(Some)
    }

    fn conclude(self, reason: StopReason) -> Result<Trained> {
        if reason == StopReason::Interrupted && self.progress.history.is_empty() && self.progress.steps_done == 0 {
            return Err(Error::Interrupted);
        }
        let net = self.training.into_best();
        let mut model = Model::Net(Box::new(net));
        model.finalise();
        let classifier = Classifier::new(self.pipeline, model, self.labels, self.decision);
        let validation = match &self.validation {
            Some(validation) => {
                let probabilities = classifier.model.probabilities(&validation.texts);
                let Decision { multi_label, threshold } = classifier.decision;
                Some(validation.report(&classifier.labels, &probabilities, multi_label, threshold)?)
            }
            None => None,
        };
        Ok(Trained { classifier, history: self.progress.history, validation, reason })
    }

    fn emit<'r>(&'r mut self, event: impl FnOnce(&'r Self) -> Event<'r>) {
        if let Some(listener) = self.options.on_event.take() {
            listener(event(self));
            self.options.on_event = Some(listener);
        }
    }
}

/// Builds the net, or takes the old one, and puts pretrained vectors into its tables.
fn build_net(
    plan: &Plan,
    pipeline: &TextPipeline,
    labels: &[String],
    decision: Decision,
    old: Option<Model>,
) -> Result<(Net<f32>, Option<String>)> {
    let sizes = NetSizes { vocab_size: pipeline.vocab().len(), n_labels: labels.len(), multi_label: decision.multi_label };
    if let Some(Model::Net(net)) = old {
        return Ok((*net, None));
    }
    let Model::Net(mut net) = plan.model.build(sizes, rng::derive(plan.seed, SEED_WEIGHTS))?;
    let Some(path) = &plan.embeddings else { return Ok((*net, None)) };
    let vectors = vectors::load_for_vocabulary(path, pipeline.vocab())?;
    let said = vectors.describe();
    net.set_word_vectors(vectors.dim, |id| vectors.row(id)).map_err(|e| Error::config("embeddings", e.problem, e.help))?;
    Ok((*net, Some(said)))
}

fn class_weights(spec: &ClassWeights, labels: &[String], train: &Examples) -> Result<Option<Vec<f64>>> {
    match spec {
        ClassWeights::None => Ok(None),
        ClassWeights::Balanced => {
            let mut counts = vec![0usize; labels.len()];
            train.targets.iter().flat_map(|t| t.as_slice()).for_each(|&label| counts[label as usize] += 1);
            let share = train.len() as f64 / labels.len() as f64;
            Ok(Some(counts.iter().map(|&n| share / n.max(1) as f64).collect()))
        }
        ClassWeights::Named(named) => {
            if let Some(name) = named.keys().find(|name| !labels.contains(name)) {
                let problem = format!("no label is called {name:?}; there are {}", labels.join(", "));
                return Err(Error::config("train.class_weights", problem, "use the labels' own names"));
            }
            Ok(Some(labels.iter().map(|label| named.get(label).copied().unwrap_or(1.0)).collect()))
        }
    }
}
