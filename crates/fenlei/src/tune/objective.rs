//! How good a plan is: one figure on documents that were not learned from, the same documents for every trial.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use fenlei_nn::rng;

use crate::artifact::{self, ModelInfo};
use crate::classifier::Classifier;
use crate::data::{Dataset, Target, stratified_folds, stratified_split};
use crate::eval::compare;
use crate::metrics::Report;
use crate::train::{Event, Metric, Plan, StopReason, TrainOptions, Trained, ValidationRecord, train_with};
use crate::{Error, Result};

/// The part of the seed that divides the documents.
const SEED_PARTS: u64 = 0x7475_6e65;

/// The share that is held back where the plan holds back nothing.
const DEFAULT_SHARE: f64 = 0.1;

/// Documents whose time is taken.
const N_TIMED: usize = 60;

/// What a model must keep to.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Limits {
    /// Bytes of the model file, at most.
    pub bytes: Option<u64>,
    /// Median microseconds of one document by itself, at most.
    pub latency_us: Option<f64>,
}

/// Documents to learn from and documents to measure on.
#[derive(Debug)]
pub(super) struct Parts {
    /// One pair, or one a fold.
    pairs: Vec<(Dataset, Dataset)>,
    /// Whether the pairs are folds: a fold is measured on only when its model is done.
    folds: bool,
}

/// What became of a trial.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    Complete {
        score: f64,
        bytes: Option<u64>,
        latency_us: Option<f64>,
    },
    Pruned {
        score: f64,
    },
    /// Somebody asked for the end, or the claim was lost.
    Stopped,
}

impl Parts {
    /// Divides the labelled documents, by the seed of `plan`.
    pub fn new(documents: &Dataset, validation: Option<&Dataset>, folds: Option<usize>, plan: &Plan) -> Result<Self> {
        let has_label = |&i: &usize| documents.targets[i] != Target::Unlabelled;
        let labelled: Vec<usize> = (0..documents.len()).filter(has_label).collect();
        let documents = documents.subset(&labelled);
        let seed = rng::derive(plan.seed, SEED_PARTS);
        if let Some(k) = folds {
            check_folds(&documents, k)?;
            let folds = stratified_folds(&documents, k, seed)?;
            let pair = |fold: &Vec<usize>| {
                let others: Vec<usize> = (0..documents.len()).filter(|i| fold.binary_search(i).is_err()).collect();
                (documents.subset(&others), documents.subset(fold))
            };
            return Ok(Self { pairs: folds.iter().map(pair).collect(), folds: true });
        }
        let pair = match validation {
            Some(validation) => (documents, validation.clone()),
            None => {
                let share = if plan.train.validation > 0.0 { plan.train.validation } else { DEFAULT_SHARE };
                let (kept, held) = stratified_split(&documents, share, seed)?;
                if held.is_empty() {
                    let problem = format!("{} documents are too few to hold some back", documents.len());
                    return Err(Error::train(problem, "give more documents, or --validation, or --cv 3"));
                }
                (documents.subset(&kept), documents.subset(&held))
            }
        };
        Ok(Self { pairs: vec![pair], folds: false })
    }

    /// Trains by `plan` and measures. `report` is told every figure on the way and says whether to end.
    pub fn evaluate(
        &self,
        plan: &Plan,
        metric: Metric,
        limits: Limits,
        stop: &AtomicBool,
        report: &mut dyn FnMut(u64, f64) -> Result<bool>,
    ) -> Result<Outcome> {
        let (mut sum, mut bytes, mut latency_us) = (0.0, None, None);
        for (i, (learned_from, measured_on)) in self.pairs.iter().enumerate() {
            let trained = if self.folds {
                match train_until(plan, learned_from, None, stop, &mut |_| Ok(false))? {
                    Ended::Trained(trained) => trained,
                    _ => return Ok(Outcome::Stopped),
                }
            } else {
                let mut best = f64::NEG_INFINITY;
                let mut on_epoch = |epoch: u64, figures: &ValidationRecord| {
                    let score = score_of_record(metric, figures);
                    best = best.max(score);
                    report(epoch, score)
                };
                let mut on_epoch = |(epoch, figures): (u64, &ValidationRecord)| on_epoch(epoch, figures);
                match train_until(plan, learned_from, Some(measured_on), stop, &mut on_epoch)? {
                    Ended::Trained(trained) => trained,
                    Ended::Pruned => return Ok(Outcome::Pruned { score: best }),
                    Ended::Stopped => return Ok(Outcome::Stopped),
                }
            };
            let score = match &trained.validation {
                Some(report) if !self.folds => score_of_report(metric, report),
                _ => score_of_report(metric, &compare(&trained.classifier, measured_on, Path::new("fold"))?.report),
            };
            if !score.is_finite() {
                let problem = "the figure is not a number";
                return Err(Error::train(problem, "see whether the documents to measure on have all labels"));
            }
            sum += score;
            if limits.bytes.is_some() {
                bytes = bytes.max(Some(measured_size(plan, &trained)?));
            }
            if limits.latency_us.is_some() && latency_us.is_none() {
                latency_us = Some(measured_latency(&trained.classifier, &measured_on.texts));
            }
            let mean = sum / (i + 1) as f64;
            if self.folds && report(i as u64 + 1, mean)? && i + 1 < self.pairs.len() {
                return Ok(Outcome::Pruned { score: mean });
            }
            if stop.load(Ordering::Relaxed) && i + 1 < self.pairs.len() {
                return Ok(Outcome::Stopped);
            }
        }
        Ok(Outcome::Complete { score: sum / self.pairs.len() as f64, bytes, latency_us })
    }
}

enum Ended {
    Trained(Box<Trained>),
    Pruned,
    Stopped,
}

type OnEpoch<'a> = dyn FnMut((u64, &ValidationRecord)) -> Result<bool> + 'a;

/// Trains until the end, or until `stop` is raised, or until `on_epoch` says so.
fn train_until(
    plan: &Plan,
    documents: &Dataset,
    validation: Option<&Dataset>,
    stop: &AtomicBool,
    on_epoch: &mut OnEpoch<'_>,
) -> Result<Ended> {
    let (mut pruned, mut failed) = (false, None);
    let mut on_event = |event: Event<'_>| {
        let Event::Epoch(record) = event else { return };
        let Some(figures) = &record.validation else { return };
        match on_epoch((u64::from(record.epoch), figures)) {
            Ok(false) => {}
            Ok(true) => {
                pruned = true;
                stop.store(true, Ordering::Relaxed);
            }
            Err(error) => {
                failed = Some(error);
                stop.store(true, Ordering::Relaxed);
            }
        }
    };
    let options = TrainOptions { validation, stop: Some(stop), on_event: Some(&mut on_event), ..Default::default() };
    let trained = train_with(plan, documents, options);
    if let Some(error) = failed {
        return Err(error);
    }
    match trained {
        Ok(trained) if trained.reason != StopReason::Interrupted => Ok(Ended::Trained(Box::new(trained))),
        Ok(_) | Err(Error::Interrupted) => Ok(if pruned { Ended::Pruned } else { Ended::Stopped }),
        Err(error) => Err(error),
    }
}

/// Every label must be learned from in every fold.
fn check_folds(documents: &Dataset, k: usize) -> Result<()> {
    let rare = documents.labels.iter().zip(documents.label_counts()).find(|(_, n)| *n == 1);
    if let Some((label, _)) = rare {
        let problem =
            format!("the label {label:?} has one document, which {k} folds cannot both learn from and measure on");
        return Err(Error::train(problem, "give more documents of it, leave it out, or leave --cv out"));
    }
    Ok(())
}

fn score_of_record(metric: Metric, figures: &ValidationRecord) -> f64 {
    match metric {
        Metric::Accuracy => figures.accuracy,
        Metric::MacroF1 => figures.macro_f1,
        Metric::LogLoss => -figures.log_loss,
    }
}

fn score_of_report(metric: Metric, report: &Report) -> f64 {
    match metric {
        Metric::Accuracy => report.accuracy,
        Metric::MacroF1 => report.macro_f1,
        Metric::LogLoss => -report.log_loss,
    }
}

/// The size of the file that a model would be saved in.
fn measured_size(plan: &Plan, trained: &Trained) -> Result<u64> {
    let folder = tempfile::tempdir().map_err(|error| Error::io("create", std::env::temp_dir(), error))?;
    let path = folder.path().join("model.fenlei");
    let info = ModelInfo {
        plan: serde_json::to_value(plan).unwrap_or_default(),
        history: serde_json::to_value(&trained.history).unwrap_or_default(),
        validation: serde_json::to_value(&trained.validation).unwrap_or_default(),
        ..ModelInfo::default()
    };
    artifact::save(&path, &trained.classifier, &info)?;
    std::fs::metadata(&path).map(|file| file.len()).map_err(|error| Error::io("read", &path, error))
}

/// The median time of a document by itself, in microseconds.
fn measured_latency(classifier: &Classifier, texts: &[String]) -> f64 {
    let texts = &texts[..texts.len().min(N_TIMED)];
    // The first ones fill caches.
    texts.iter().take(5).for_each(|text| drop(classifier.predict_batch(&[text])));
    let time = |text: &String| {
        let clock = Instant::now();
        let answer = classifier.predict_batch(&[text]);
        let seconds = clock.elapsed().as_secs_f64();
        drop(answer);
        seconds * 1e6
    };
    let mut times: Vec<f64> = texts.iter().map(time).collect();
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(0.0)
}
