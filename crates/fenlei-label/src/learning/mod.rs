//! Learning from what is labelled so far: suggestions, a point of the learning curve, labels that are likely wrong.
//!
//! Invariant: what is measured is measured on documents that the model has not seen, near-duplicates among them.

mod curve;
mod lesson;

use std::sync::atomic::{AtomicBool, Ordering};

use fenlei::audit::label_errors;
use fenlei::classifier::{Classifier, Decision};
use fenlei::config::{PlanSource, load_plan};
use fenlei::data::{Dataset, Target};
use fenlei::eval::{CrossValidated, CvOptions, cross_validate};
use fenlei::metrics::wilson_interval;
use fenlei::train::{Plan, TrainOptions, train_with};
use fenlei::{Error, Result};

pub(crate) use curve::{Advice, Point, advice};
pub(crate) use lesson::Lesson;

use crate::groups::Groups;

/// Documents that are predicted between two looks at whether somebody wants it to end.
const CHUNK: usize = 2048;
/// Fewer documents than these hold too few words that two of them share.
const FEW: usize = 500;
/// From so many documents drawn by chance on, others need not be counted in the accuracy.
const ENOUGH_AT_RANDOM: usize = 50;
/// Other folds are tried so often where some label is missing from one.
const TRIES: u64 = 3;
const FOLDS: usize = 5;

/// What a model says about all documents.
#[derive(Debug, Clone, Default)]
pub(crate) struct Suggestions {
    pub labels: Vec<String>,
    /// `[n_docs, n_labels]`; empty where there is no model.
    pub probabilities: Vec<f32>,
    pub decision: Option<Decision>,
}

impl Suggestions {
    /// The probabilities of a document.
    pub fn row(&self, place: usize) -> Option<&[f32]> {
        let n = self.labels.len();
        self.probabilities.get(place * n..(place + 1) * n).filter(|row| !row.is_empty())
    }

    /// By a classifier, of all texts.
    pub fn of(classifier: &Classifier, texts: &[String], stop: &AtomicBool) -> Result<Self> {
        let mut probabilities = Vec::with_capacity(texts.len() * classifier.labels().len());
        for chunk in texts.chunks(CHUNK) {
            check(stop)?;
            probabilities.extend_from_slice(classifier.predict_batch(chunk).probabilities());
        }
        let (labels, decision) = (classifier.labels().to_vec(), Some(classifier.decision().clone()));
        Ok(Self { labels, probabilities, decision })
    }
}

/// A label that is likely wrong.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Suspect {
    pub place: usize,
    /// The labels that the document should have.
    pub suggested: Vec<String>,
}

/// What was learned.
#[derive(Debug)]
pub(crate) struct Learned {
    pub suggestions: Suggestions,
    pub suspects: Vec<Suspect>,
    pub point: Point,
}

/// Learns from a lesson and predicts `texts`. `other` is a model that suggested so far; the better of the two goes on.
///
/// # Errors
/// When there is too little to learn from, and [`Error::Interrupted`].
pub(crate) fn learn(
    lesson: &Lesson,
    texts: &[String],
    groups: &Groups,
    other: Option<&Suggestions>,
    stop: &AtomicBool,
) -> Result<Learned> {
    let (documents, places) = lesson.dataset(texts)?;
    let plan = plan(documents.len())?;
    let names: Vec<String> = places.iter().map(|&place| groups.name(place).to_string()).collect();
    let measured = measure(&plan, &documents, &names, stop)?;
    let n_labels = documents.labels.len();
    let decision = Decision::plain(documents.multi_label, measured.pooled.threshold.unwrap_or(0.5));
    let is_right = |i: usize| {
        let row = &measured.probabilities[i * n_labels..(i + 1) * n_labels];
        decision.decide(row).labels == documents.targets[i].as_slice()
    };
    let of_chance: Vec<usize> = (0..places.len()).filter(|&i| lesson.is_at_random(places[i])).collect();
    let at_random = of_chance.len() >= ENOUGH_AT_RANDOM;
    let counted: Vec<usize> = if at_random { of_chance } else { (0..places.len()).collect() };
    let n_right = counted.iter().filter(|&&i| is_right(i)).count();
    let (low, high) = wilson_interval(n_right as u64, counted.len() as u64);
    let point = Point {
        n_labelled: lesson.len(),
        n_measured: counted.len(),
        at_random,
        accuracy: n_right as f64 / counted.len() as f64,
        low,
        high,
    };
    let found = label_errors(&documents.targets, &measured.probabilities, n_labels, documents.multi_label)?;
    let suspects = suspects(&documents, &places, &found.suspects);
    let keeps_other = other.is_some_and(|other| {
        let right = |&&i: &&usize| is_right_by(other, places[i], &documents, i);
        counted.iter().filter(right).count() >= n_right
    });
    let suggestions = if keeps_other {
        Suggestions::default()
    } else {
        let options = TrainOptions { stop: Some(stop), ..TrainOptions::default() };
        let trained = train_with(&plan, &documents, options)?;
        Suggestions::of(&trained.classifier, texts, stop)?
    };
    Ok(Learned { suggestions, suspects, point })
}

fn check(stop: &AtomicBool) -> Result<()> {
    if stop.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
}

/// The linear recipe: seconds to learn, strong on few documents.
fn plan(n_docs: usize) -> Result<Plan> {
    let few = (n_docs < FEW).then(|| "model.features.min_df=1".to_owned());
    load_plan(&PlanSource {
        recipe: Some("linear".to_owned()),
        set: few.into_iter().collect(),
        ..PlanSource::default()
    })
}

/// Near-duplicates in one fold, where that leaves each fold something to learn of each label.
fn measure(plan: &Plan, documents: &Dataset, names: &[String], stop: &AtomicBool) -> Result<CrossValidated> {
    let folds = FOLDS.min(documents.len());
    let mut refused = None;
    for (groups, seed) in (0..TRIES).map(|seed| (Some(names), seed)).chain((0..TRIES).map(|seed| (None, seed))) {
        let options =
            CvOptions { folds, groups, fold_seed: Some(seed), jobs: 1, stop: Some(stop), ..CvOptions::default() };
        match cross_validate(std::slice::from_ref(plan), documents, "the labels so far".as_ref(), &options) {
            Ok(measured) => return Ok(measured),
            Err(Error::Interrupted) => return Err(Error::Interrupted),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    let nothing = || Error::train("no folds could be made", "label more documents");
    Err(refused.unwrap_or_else(nothing))
}

/// Whether another model, whose labels may be others, is right about a document.
fn is_right_by(other: &Suggestions, place: usize, documents: &Dataset, i: usize) -> bool {
    let Some((row, decision)) = other.row(place).zip(other.decision.as_ref()) else { return false };
    let mut given: Vec<&String> =
        decision.decide(row).labels.iter().map(|&label| &other.labels[label as usize]).collect();
    let mut truth: Vec<&String> =
        documents.targets[i].as_slice().iter().map(|&label| &documents.labels[label as usize]).collect();
    given.sort_unstable();
    truth.sort_unstable();
    given == truth
}

fn suspects(documents: &Dataset, places: &[usize], found: &[fenlei::audit::Suspect]) -> Vec<Suspect> {
    let mut suspects: Vec<Suspect> = Vec::new();
    for suspect in found {
        let place = places[suspect.document];
        if suspects.iter().any(|known| known.place == place) {
            continue;
        }
        let mut labels: Vec<u32> = match &documents.targets[suspect.document] {
            Target::Many(labels) => labels.to_vec(),
            Target::One(_) | Target::Unlabelled => Vec::new(),
        };
        labels.retain(|label| Some(*label) != suspect.given);
        labels.extend(suspect.suggested);
        labels.sort_unstable();
        let suggested = labels.into_iter().map(|label| documents.labels[label as usize].clone()).collect();
        suspects.push(Suspect { place, suggested });
    }
    suspects
}

#[cfg(test)]
mod tests;
