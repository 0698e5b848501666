//! Training of the classical models: features are fitted once, then weights are solved for rather than learned in epochs.

mod bayes;
mod dual;
mod lasso;
mod learn;
mod logistic;
mod newton;
mod platt;
mod problem;

pub(super) use learn::{Task, learn};

use fenlei_nn::rng;

use super::augmented::{augmenter_of, copies};
use super::examples::{Documents, hold_back};
use super::run::{SEED_AUGMENT, SEED_SPLIT};
use super::{Event, Plan, StopReason, TrainOptions, Trained, usual};
use crate::classifier::{Classifier, DEFAULT_THRESHOLD, Decision};
use crate::data::{Dataset, Target, listed};
use crate::features::{Labels, Vectorizer};
use crate::model::{Model, SparseModel, SparseSpec};
use crate::{Error, Result};

/// The part of the seed that orders documents and features.
const SEED_SOLVER: u64 = 5;

/// Validation documents that are predicted at a time.
const DOCS_AT_A_TIME: usize = 8192;

/// Trains a classical model.
pub(super) fn train(
    plan: &Plan,
    spec: &SparseSpec,
    documents: &Dataset,
    mut options: TrainOptions<'_>,
) -> Result<Trained> {
    let share = if options.validation.is_some() { 0.0 } else { plan.train.validation };
    let (kept, held) = hold_back(documents, share, rng::derive(plan.seed, SEED_SPLIT))?;
    let labels = &documents.labels;
    let decision = Decision::plain(documents.multi_label, DEFAULT_THRESHOLD);
    let learned_from = Documents::new(documents, &kept, labels, decision.multi_label)?;
    check_every_label(labels, &learned_from.targets, decision.multi_label)?;
    let validation = match options.validation {
        Some(data) => {
            let all: Vec<usize> = (0..data.texts.len()).collect();
            Some(Documents::new(data, &all, labels, decision.multi_label)?)
        }
        None if held.is_empty() => None,
        None => Some(Documents::new(documents, &held, labels, decision.multi_label)?),
    };
    Documents::check_validation(validation.as_ref().map(Documents::len))?;

    // Copies stand behind the documents, round by round: document `i` of any round is a copy of document `i` of all.
    let n_train = learned_from.len();
    let copies = match augmenter_of(plan)? {
        Some(augmenter) => copies(&augmenter, &learned_from.texts, rng::derive(plan.seed, SEED_AUGMENT)),
        None => Vec::new(),
    };
    let mut learned_from = learned_from;
    learned_from.texts.extend(copies.iter().map(String::as_str));
    learned_from.targets = learned_from.targets.iter().cycle().take(learned_from.texts.len()).cloned().collect();
    let pipeline = plan.pipeline.fit(&learned_from.texts)?;
    let of = Labels { n: labels.len(), multi: decision.multi_label };
    let fitted = Vectorizer::fit(spec.features(), &pipeline, &learned_from.texts, &learned_from.targets, of)?;
    if let Some(listener) = &mut options.on_event {
        let n_outputs = crate::model::Link::of(spec, labels.len(), of.multi).n_outputs(labels.len());
        listener(Event::Start {
            n_train,
            n_validation: validation.as_ref().map_or(0, Documents::len),
            n_left_out: validation.as_ref().map_or(0, |validation| validation.n_left_out),
            unknown_labels: validation.as_ref().map_or(&[], |validation| &validation.unknown_labels),
            vocab_size: pipeline.vocab().len(),
            n_parameters: (fitted.rows.n_columns + 1) * n_outputs,
            epochs: 0,
            vectors: None,
        });
    }
    let weights = plan.train.class_weights.of_labels(labels, &learned_from.targets)?;
    let learned = learn(&Task {
        spec,
        rows: &fitted.rows,
        targets: &learned_from.targets,
        labels: of,
        label_weights: weights.as_deref(),
        n_originals: n_train,
        seed: rng::derive(plan.seed, SEED_SOLVER),
        stop: options.stop,
    })?;
    let as_f32 = |numbers: &[f64]| numbers.iter().map(|&x| x as f32).collect::<Vec<f32>>();
    let (weights, bias) = (as_f32(&learned.weights), as_f32(&learned.bias));
    if weights.iter().chain(&bias).any(|w| !w.is_finite()) {
        let problem = "a weight is not a finite number";
        return Err(Error::train(problem, "lower model.c, or bound the features with norm = \"l2\""));
    }
    let model = SparseModel::new(spec.clone(), fitted.vectorizer, weights, bias, labels.len(), of.multi)
        .map_err(|problem| Error::train(problem, "this is a bug, please report it"))?;
    let classifier = Classifier::new(pipeline, Model::Sparse(Box::new(model)), labels.clone(), decision);
    let predicted = validation.as_ref().map(|validation| probabilities(&classifier, validation));
    let usual = match validation.as_ref().zip(predicted.as_ref()) {
        Some((validation, probabilities)) => usual::of_validation(&classifier, &validation.texts, probabilities),
        None => usual::of_training(&classifier, &learned_from.texts[..n_train]),
    };
    let Decision { multi_label, threshold, .. } = classifier.decision;
    let report = |(validation, probabilities): (&Documents<'_>, &Vec<f32>)| {
        validation.report(&classifier.labels, probabilities, multi_label, threshold)
    };
    let validation = validation.as_ref().zip(predicted.as_ref()).map(report).transpose()?;
    let reason = if learned.converged { StopReason::Solved } else { StopReason::IterationLimit };
    if let Some(listener) = &mut options.on_event {
        listener(Event::Stop(reason));
    }
    let (fingerprint, history) = (documents.fingerprint(), Vec::new());
    Ok(Trained { classifier, usual, fingerprint, n_train, history, validation, reason })
}

fn probabilities(classifier: &Classifier, documents: &Documents<'_>) -> Vec<f32> {
    let mut probabilities = Vec::with_capacity(documents.len() * classifier.labels.len());
    for some in documents.texts.chunks(DOCS_AT_A_TIME) {
        probabilities.extend_from_slice(classifier.predict_batch(some).probabilities());
    }
    probabilities
}

/// A label that no document has would have a probability of exactly nothing.
fn check_every_label(labels: &[String], targets: &[Target], multi_label: bool) -> Result<()> {
    let mut has_documents = vec![false; labels.len()];
    targets.iter().flat_map(Target::as_slice).for_each(|&label| has_documents[label as usize] = true);
    let missing: Vec<&str> =
        labels.iter().zip(&has_documents).filter(|(_, has)| !**has).map(|(label, _)| label.as_str()).collect();
    if missing.is_empty() || multi_label {
        return Ok(());
    }
    let problem = format!("no training document has the label {}", listed(&missing));
    Err(Error::train(problem, "give documents with these labels, or leave the labels out"))
}
