//! One training from its first step to its last.

use std::time::Instant;

use fenlei_nn::loss::{Loss, LossSpec};
use fenlei_nn::net::{Net, NetSizes};
use fenlei_nn::optim::{PlateauState, Progress as SchedulePlace, Schedule};
use fenlei_nn::params::Params;
use fenlei_nn::rng;
use fenlei_nn::spec::NetSpec;
use fenlei_nn::training::{Average, Training};

use super::examples::{Documents, Examples, hold_back};
use super::{EpochRecord, Event, Metric, Plan, StopReason, TrainOptions, Trained, ValidationRecord};
use crate::classifier::{Classifier, Decision};
use crate::data::{Dataset, listed};
use crate::features::WordVectors;
use crate::metrics::{Report, align_labels};
use crate::model::{Model, ModelSpec, NetModel, net_probabilities};
use crate::text::TextPipeline;
use crate::{Error, Result};

/// Parts of the seed that are used for different things.
pub(super) const SEED_SPLIT: u64 = 1;
const SEED_WEIGHTS: u64 = 2;
const SEED_ORDER: u64 = 3;
const SEED_STEPS: u64 = 4;

/// The probability from which on a label of a multi-label classifier is given.
pub(super) const DEFAULT_THRESHOLD: f32 = 0.5;

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
    validation: Option<Examples>,
    spec: NetSpec,
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
    /// The best figure of the validation part, larger is better.
    pub best: Option<f64>,
    /// Epochs since then.
    pub epochs_since_best: u32,
    /// What the plateau schedule remembers.
    pub plateau: PlateauState,
}

impl<'a> Run<'a> {
    /// Fits the pipeline, encodes the documents, builds the model.
    pub fn prepare(plan: &Plan, documents: &Dataset, mut options: TrainOptions<'a>) -> Result<Self> {
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
        if old.is_some() {
            check_known(documents, &labels)?;
        }
        let multi_label = decision.multi_label;
        let train = Examples::new(&pipeline, documents, &kept, &labels, multi_label)?;
        if train.texts.ids.is_empty() {
            return Err(Error::train(
                "no words are left after cleaning, in any document",
                "see what happens to a text with `fenlei inspect text`, and loosen [pipeline]",
            ));
        }
        let validation = match options.validation {
            Some(data) => {
                let all: Vec<usize> = (0..data.texts.len()).collect();
                Some(Examples::new(&pipeline, data, &all, &labels, multi_label)?)
            }
            None if held.is_empty() => None,
            None => Some(Examples::new(&pipeline, documents, &held, &labels, multi_label)?),
        };
        Documents::check_validation(validation.as_ref().map(Examples::len))?;
        let (spec, net, vectors) = build_net(plan, &pipeline, &labels, decision, old)?;
        let weights = plan.train.class_weights.of_labels(&labels, &train.targets)?;
        let loss = Loss::new(plan.train.loss.unwrap_or(LossSpec::of(net.head())), net.head())
            .map_err(|e| Error::config("train.loss", e.to_string(), "leave train.loss out for the usual one"))?;
        let average = Average::new(plan.train.average.as_ref(), u64::from(plan.train.epochs));
        let fingerprint = documents.fingerprint();
        let start = match options.checkpoint {
            Some(_) => start_fingerprint(&fingerprint, options.validation, &net.params),
            None => String::new(),
        };
        let training = Training::new(net, plan.train.optimizer, loss, plan.train.regularization, average, weights);
        Ok(Self {
            plan: plan.clone(),
            options,
            fingerprint,
            start,
            pipeline,
            labels,
            decision,
            train,
            validation,
            spec,
            training,
            best: None,
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
        if reason != StopReason::Interrupted {
            self.remove_checkpoint();
        }
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
        let total_steps = steps_per_epoch * u64::from(self.plan.train.epochs);
        let mut schedule = Schedule::new(self.plan.train.schedule.clone());
        schedule.state = self.progress.plateau;
        let global_step = |step: u64| u64::from(epoch - 1) * steps_per_epoch + step;
        let place = |step| SchedulePlace { step: global_step(step), total_steps, epoch: u64::from(epoch - 1) };
        for step in self.progress.steps_done..steps_per_epoch {
            if self.options.stop.is_some_and(|stop| stop.load(std::sync::atomic::Ordering::Relaxed)) {
                return Ok(false);
            }
            let clock = Instant::now();
            let first = step as usize * batch_size;
            let docs = &order[first..(first + batch_size).min(order.len())];
            let seed = rng::derive(rng::derive(self.plan.seed, SEED_STEPS), global_step(step));
            let Self { training, train, .. } = self;
            let loss = training.step(
                docs.iter().map(|&d| train.texts.get(d as usize).unwrap_or_default()),
                docs.iter().map(|&d| train.targets[d as usize].as_slice()),
                seed,
                schedule.factor(place(step)),
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
        let lr_factor = schedule.factor(place(steps_per_epoch - 1));
        self.end_epoch(epoch, lr_factor, schedule)?;
        Ok(true)
    }

    fn end_epoch(&mut self, epoch: u32, lr_factor: f64, mut schedule: Schedule) -> Result<()> {
        self.training.end_epoch(u64::from(epoch));
        // A loss is known before its step; the step after the last one shows here.
        if self.training.params().iter().any(|param| param.data.iter().any(|w| !w.is_finite())) {
            return Err(super::diverged(epoch));
        }
        let (report, averaged) = self.validate()?;
        let n_docs = self.train.len() as f64;
        let figure = report.as_ref().map(|r| match self.plan.train.early_stopping.metric {
            Metric::Accuracy => r.accuracy,
            Metric::MacroF1 => r.macro_f1,
            Metric::LogLoss => -r.log_loss,
        });
        let best = match (figure, self.progress.best) {
            (Some(figure), Some(best)) => figure > best,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if best {
            self.progress.best = figure;
            self.progress.epochs_since_best = 0;
            if self.plan.train.early_stopping.keep_best {
                self.best = averaged.or_else(|| Some(self.training.params().clone()));
            }
        } else if figure.is_some() {
            self.progress.epochs_since_best += 1;
        }
        if let Some(report) = &report {
            schedule.observe(report.log_loss);
            self.progress.plateau = schedule.state;
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
            lr_factor,
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

    /// The report of the weights that a model would now be made of, and these weights where they are an average.
    fn validate(&mut self) -> Result<(Option<Report>, Option<Params<f32>>)> {
        let Some(validation) = &self.validation else { return Ok((None, None)) };
        let mut averaged = self.training.averaged();
        let net = &mut self.training.net;
        if let Some(averaged) = &mut averaged {
            std::mem::swap(averaged, &mut net.params);
        }
        let probabilities = net_probabilities(net, &validation.texts, None);
        if let Some(averaged) = &mut averaged {
            std::mem::swap(averaged, &mut net.params);
        }
        // Finite weights may still be too large for a finite score.
        if probabilities.iter().any(|p| !p.is_finite()) {
            return Err(super::diverged(self.progress.epochs_done + 1));
        }
        let Decision { multi_label, threshold } = self.decision;
        let report = validation.report(&self.labels, &probabilities, multi_label, threshold)?;
        Ok((Some(report), averaged))
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
        let model = NetModel::trained(self.spec, net);
        let validation = match &self.validation {
            Some(validation) => {
                let probabilities = model.probabilities(&validation.texts);
                let Decision { multi_label, threshold } = self.decision;
                Some(validation.report(&self.labels, &probabilities, multi_label, threshold)?)
            }
            None => None,
        };
        let classifier = Classifier::new(self.pipeline, Model::Net(Box::new(model)), self.labels, self.decision);
        Ok(Trained {
            classifier,
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

/// Builds the net, or takes the old one, and puts pretrained vectors into its tables. Also gives the description of the
/// net, and says how much of the vocabulary the vectors cover.
fn build_net(
    plan: &Plan,
    pipeline: &TextPipeline,
    labels: &[String],
    decision: Decision,
    old: Option<Model>,
) -> Result<(NetSpec, Net<f32>, Option<String>)> {
    if let Some(Model::Net(net)) = old {
        let (spec, net) = net.into_net();
        return Ok((spec, net, None));
    }
    let vectors = match &plan.embeddings {
        Some(path) => Some(WordVectors::load_for(path, pipeline.vocab().iter())?),
        None => None,
    };
    let ModelSpec::Net(mut spec) = plan.model.clone() else {
        return Err(Error::config("model.family", "this model is no net", "this is a bug, please report it"));
    };
    if let Some(vectors) = &vectors {
        spec.set_embedding_dim(vectors.dim);
    }
    let sizes =
        NetSizes { vocab_size: pipeline.vocab().len(), n_labels: labels.len(), multi_label: decision.multi_label };
    let (spec, mut net) = NetModel::new(&spec, sizes, rng::derive(plan.seed, SEED_WEIGHTS))?.into_net();
    let Some(vectors) = vectors else { return Ok((spec, net, None)) };
    let (words, tokens) = (100.0 * vectors.coverage.of_words(), 100.0 * vectors.coverage.of_tokens());
    let said = format!("pretrained vectors cover {words:.1} % of the vocabulary, {tokens:.1} % of its tokens");
    net.set_word_vectors(vectors.dim, vectors.standard_deviation(), |id| vectors.get(id as usize))
        .map_err(|e| Error::config("embeddings", e.problem, e.help))?;
    Ok((spec, net, Some(said)))
}

/// Further training cannot add labels, and leaving documents out in silence would be worse than stopping.
fn check_known(documents: &Dataset, labels: &[String]) -> Result<()> {
    let unknown = align_labels(labels, &documents.labels, &documents.targets)?.unknown;
    let unknown: Vec<String> = unknown.into_iter().filter(|u| u.n_docs > 0).map(|u| u.label).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let problem =
        format!("the classifier to train further has no label {}; it has {}", listed(&unknown), listed(labels));
    Err(Error::train(problem, "train anew on all documents together, or leave these documents out"))
}

/// Two trainings with this in common start from the same documents and the same numbers.
fn start_fingerprint(documents: &str, validation: Option<&Dataset>, params: &Params<f32>) -> String {
    let mut crc = crc32fast::Hasher::new();
    crc.update(documents.as_bytes());
    crc.update(validation.map(Dataset::fingerprint).unwrap_or_default().as_bytes());
    for param in params.iter() {
        crc.update(param.name.as_bytes());
        param.data.iter().for_each(|w| crc.update(&w.to_le_bytes()));
    }
    format!("{:08x}", crc.finalize())
}
