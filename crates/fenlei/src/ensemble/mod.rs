//! Ensembles: several classifiers as one, of any families.
//!
//! Invariant: what puts the members together is fitted on out-of-fold or held-out probabilities, never on those for
//! documents that a member has learned from.

mod weights;

use std::path::Path;
use std::sync::atomic::AtomicBool;

use fenlei_nn::rng;
use serde::{Deserialize, Serialize};

pub use weights::mixture_weights;

use crate::classifier::Classifier;
use crate::data::{Dataset, Target, listed};
use crate::eval::{CvOptions, compare, cross_validate, with_truth};
use crate::features::Labels;
use crate::metrics::Report;
use crate::model::{Combiner, EnsembleModel, MAX_MEMBERS, Member, Model};
use crate::train::{Plan, TrainOptions, fit_stacking, train_with};
use crate::{Error, Result};

/// What the seeds of bootstrap samples are derived by.
const SEED_BAG: u64 = 21;

/// How members are put together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Voting {
    /// The mean of the probabilities.
    #[default]
    Soft,
    /// The share of votes.
    Hard,
    /// The mean of the probabilities, by weights that make the log loss of documents that no member has seen smallest.
    Weighted,
    /// A logistic regression over the probabilities for documents that no member has seen.
    Stacking,
}

impl Voting {
    /// Whether it needs probabilities for documents that the members have not seen.
    fn is_fitted(self) -> bool {
        matches!(self, Self::Weighted | Self::Stacking)
    }
}

/// How to train an ensemble.
#[derive(Clone, Copy)]
pub struct EnsembleOptions<'a> {
    /// How members are put together.
    pub voting: Voting,
    /// Folds of the out-of-fold probabilities of the fitted ways, and of the figures of each member; 0: only the fitted
    /// ways use folds, 5 of them.
    pub folds: usize,
    /// Each member learns from as many documents, drawn with replacement (Breiman 1996).
    pub bagging: bool,
    /// Raised by whoever wants it to end.
    pub stop: Option<&'a AtomicBool>,
    /// Called when a member begins: its number from 0, and what is done with it.
    pub on_member: Option<&'a dyn Fn(usize, Step)>,
}

/// What is done with a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Its out-of-fold probabilities are computed.
    CrossValidate,
    /// It learns from all documents.
    Train,
}

/// An ensemble, with the figures of its members.
#[derive(Debug)]
pub struct Ensembled {
    /// The ensemble.
    pub classifier: Classifier,
    /// Out-of-fold reports of the members; empty where there were no folds.
    pub members: Vec<Report>,
    /// The out-of-fold report of the ensemble. Of a fitted one it is a little too good: its few numbers were fitted on the
    /// same probabilities.
    pub report: Option<Report>,
    /// How much each member counts; empty for a stacking model.
    pub weights: Vec<f32>,
}

/// Trains a member for each plan and puts them together.
///
/// # Errors
/// When a training fails, when the way of putting together does not fit, and [`Error::Interrupted`].
pub fn train_ensemble(
    plans: &[Plan],
    documents: &Dataset,
    path: &Path,
    options: &EnsembleOptions<'_>,
) -> Result<Ensembled> {
    check(plans.len())?;
    if options.bagging && options.voting.is_fitted() {
        let problem = "members that see drawn documents cannot be judged by folds of all of them";
        return Err(Error::config("bagging", problem, "use soft or hard votes with it"));
    }
    let tell = |member, step| options.on_member.iter().for_each(|tell| tell(member, step));
    let folds = if options.folds == 0 && options.voting.is_fitted() { 5 } else { options.folds };
    let (mut answers, mut reports) = (Vec::new(), Vec::new());
    if folds > 0 && !options.bagging {
        for (i, plan) in plans.iter().enumerate() {
            tell(i, Step::CrossValidate);
            // The same folds for every member: the seed of the first decides.
            let cv = CvOptions { folds, fold_seed: Some(plans[0].seed), stop: options.stop, ..CvOptions::default() };
            let measured = cross_validate(std::slice::from_ref(plan), documents, path, &cv)?;
            answers.push(measured.probabilities);
            reports.push(measured.pooled);
        }
    }
    let of = Labels { n: documents.labels.len(), multi: documents.multi_label };
    let combiner = combiner(options.voting, plans.len(), &answers, &documents.targets, of)?;
    let mut members = Vec::with_capacity(plans.len());
    for (i, plan) in plans.iter().enumerate() {
        tell(i, Step::Train);
        let drawn =
            options.bagging.then(|| bootstrap(documents, rng::derive(rng::derive(plan.seed, SEED_BAG), i as u64)));
        let training = TrainOptions { stop: options.stop, ..TrainOptions::default() };
        let trained = train_with(plan, drawn.as_ref().unwrap_or(documents), training)?;
        if options.stop.is_some_and(|stop| stop.load(std::sync::atomic::Ordering::Relaxed)) {
            return Err(Error::Interrupted);
        }
        members.push(trained.classifier);
    }
    let report = match answers.first() {
        Some(_) => {
            let probabilities = combiner.combine(&answers, of.n, of.multi);
            Some(report(
                &documents.labels,
                &documents.targets,
                &probabilities,
                of.multi,
                members[0].decision().threshold,
            )?)
        }
        None => None,
    };
    let weights = weights_of(&combiner);
    Ok(Ensembled { classifier: together(members, combiner)?, members: reports, report, weights })
}

/// Puts trained classifiers together. The fitted ways need `held_out` (of the file `path`, for messages): labelled
/// documents that none of them has learned from.
///
/// # Errors
/// When the classifiers do not have the same labels, when one is itself an ensemble or finds clusters, or when documents
/// are needed and missing.
pub fn join(classifiers: Vec<Classifier>, voting: Voting, held_out: Option<(&Dataset, &Path)>) -> Result<Ensembled> {
    check(classifiers.len())?;
    check_joinable(&classifiers)?;
    let (labels, multi) = (classifiers[0].labels().to_vec(), classifiers[0].decision().multi_label);
    let of = Labels { n: labels.len(), multi };
    let (mut answers, mut reports, mut targets) = (Vec::new(), Vec::new(), Vec::new());
    match held_out {
        Some((documents, path)) => {
            for classifier in &classifiers {
                let comparison = compare(classifier, documents, path)?;
                answers.push(comparison.probabilities);
                reports.push(comparison.report);
                targets = comparison.targets;
            }
        }
        None if voting.is_fitted() => {
            let problem = "there are no documents to fit the weights on";
            let help = "give labelled documents that no member has learned from with --data, or use soft or hard votes";
            return Err(Error::config("voting", problem, help));
        }
        None => {}
    }
    let combiner = combiner(voting, classifiers.len(), &answers, &targets, of)?;
    let report = match answers.first() {
        Some(_) => {
            let probabilities = combiner.combine(&answers, of.n, of.multi);
            Some(report(&labels, &targets, &probabilities, multi, classifiers[0].decision().threshold)?)
        }
        None => None,
    };
    let weights = weights_of(&combiner);
    Ok(Ensembled { classifier: together(classifiers, combiner)?, members: reports, report, weights })
}

fn check(n_members: usize) -> Result<()> {
    if (2..=MAX_MEMBERS).contains(&n_members) {
        return Ok(());
    }
    let problem = format!("found {n_members}, expected 2 to {MAX_MEMBERS} members");
    Err(Error::config("ensemble", problem, "name several members, or several seeds of one"))
}

fn check_joinable(classifiers: &[Classifier]) -> Result<()> {
    let first = &classifiers[0];
    for (i, other) in classifiers.iter().enumerate() {
        let refuse = |problem: String, help: &str| Err(Error::config(format!("member {}", i + 1), problem, help));
        if let Model::Ensemble(_) | Model::Cluster(_) = other.model() {
            let problem = "it is an ensemble, or finds clusters without labels".to_owned();
            return refuse(problem, "give models that were trained on labels, each by itself");
        }
        if other.labels() != first.labels() {
            let (found, expected) = (listed(other.labels()), listed(first.labels()));
            let problem = format!("its labels are {found}; those of the first member are {expected}");
            return refuse(problem, "join models of the same labels");
        }
        if other.decision().multi_label != first.decision().multi_label {
            let problem = "one gives any number of labels a document, another exactly one".to_owned();
            return refuse(problem, "join models of the same task");
        }
    }
    Ok(())
}

fn combiner(
    voting: Voting,
    n_members: usize,
    answers: &[Vec<f32>],
    targets: &[Target],
    labels: Labels,
) -> Result<Combiner> {
    let equal = || vec![1.0 / n_members as f32; n_members];
    Ok(match voting {
        Voting::Soft => Combiner::Soft(equal()),
        Voting::Hard => Combiner::Hard(equal()),
        Voting::Weighted => Combiner::Soft(mixture_weights(answers, targets, labels.n, labels.multi)),
        Voting::Stacking => Combiner::Stacking(fit_stacking(answers, targets, labels)?),
    })
}

fn weights_of(combiner: &Combiner) -> Vec<f32> {
    match combiner {
        Combiner::Soft(weights) | Combiner::Hard(weights) => weights.clone(),
        Combiner::Stacking(_) => Vec::new(),
    }
}

/// As many documents, drawn with replacement, but at least one of each label.
fn bootstrap(documents: &Dataset, seed: u64) -> Dataset {
    let n = documents.len();
    let draw = |i: u64| ((u128::from(rng::derive(seed, i)) * n as u128) >> 64) as usize;
    let mut drawn: Vec<usize> = (0..n as u64).map(draw).collect();
    let mut missing: Vec<bool> = documents.label_counts().iter().map(|&count| count > 0).collect();
    drawn.iter().flat_map(|&i| documents.targets[i].as_slice()).for_each(|&label| missing[label as usize] = false);
    for (i, target) in documents.targets.iter().enumerate() {
        if target.as_slice().iter().any(|&label| missing[label as usize]) {
            drawn.push(i);
            target.as_slice().iter().for_each(|&label| missing[label as usize] = false);
        }
    }
    drawn.sort_unstable();
    documents.subset(&drawn)
}

fn together(members: Vec<Classifier>, combiner: Combiner) -> Result<Classifier> {
    let mut parts = Vec::with_capacity(members.len());
    let mut first = None;
    for Classifier { pipeline, model, labels, decision, .. } in members {
        first.get_or_insert((pipeline.clone(), labels, decision));
        parts.push(Member { pipeline, model });
    }
    let Some((pipeline, labels, decision)) = first else {
        return Err(Error::config("ensemble", "there are no members", "name at least two"));
    };
    let (n_labels, multi_label) = (labels.len(), decision.multi_label);
    let model = EnsembleModel { members: parts, combiner, n_labels, multi_label };
    Ok(Classifier::new(pipeline, Model::Ensemble(Box::new(model)), labels, decision.for_other_weights()))
}

fn report(
    labels: &[String],
    targets: &[Target],
    probabilities: &[f32],
    multi_label: bool,
    threshold: f32,
) -> Result<Report> {
    with_truth(targets, multi_label, |truth| Report::new(labels, truth, probabilities, threshold))
}
