//! Cross-validation: every document is predicted by a classifier that has not seen it.
//!
//! Invariant: all that is learned, the vocabulary and the weights of words first of all, is fitted inside a fold, on the
//! documents of the other folds; early stopping holds its validation part back from these. The same plan, documents and
//! seed give the same numbers, however many folds are trained at a time.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use fenlei_nn::rng;
use serde::Serialize;

use super::compare;
use super::documents::with_truth;
use super::spread::{Spread, spreads};
use crate::data::{Dataset, Target, grouped_folds, stratified_folds};
use crate::metrics::Report;
use crate::train::{Metric, Plan, TrainOptions, train_with};
use crate::{Error, Result};

/// What the seeds of repeats are derived by.
const SEED_FOLDS: u64 = 11;

/// What the seeds of inner folds are derived by.
const SEED_INNER: u64 = 12;

/// How to cross-validate.
#[derive(Clone, Copy, Default)]
pub struct CvOptions<'a> {
    /// Parts, each of which is predicted by a classifier that learned from the others. At least 2.
    pub folds: usize,
    /// How often, with other folds each time; 0 is 1.
    pub repeats: usize,
    /// A name for each document; documents of one name are in one fold.
    pub groups: Option<&'a [String]>,
    /// Choose among several plans inside each fold, by cross-validation with this many folds.
    pub inner: Option<Inner>,
    /// What decides who is in which fold; `None`: the seed of the first plan.
    pub fold_seed: Option<u64>,
    /// Folds that are trained at a time; 0: one for each thread. Each needs the memory of a training.
    pub jobs: usize,
    /// Raised by whoever wants it to end.
    pub stop: Option<&'a AtomicBool>,
    /// Called with each fold as it is done, in any order.
    pub on_fold: Option<&'a (dyn Fn(&FoldOutcome) + Sync)>,
}

/// How the plan of a fold is chosen.
#[derive(Clone, Copy, Debug)]
pub struct Inner {
    /// Folds of the documents that a fold learns from. At least 2.
    pub folds: usize,
    /// The figure whose mean decides.
    pub metric: Metric,
}

/// What became of one fold.
#[derive(Debug, Clone, Serialize)]
pub struct FoldOutcome {
    /// Counted from 1.
    pub repeat: usize,
    /// Counted from 1.
    pub fold: usize,
    /// Documents that the classifier learned from, those held back for early stopping included.
    pub n_train: usize,
    /// Which plan was chosen, counted from 0.
    pub plan: usize,
    /// How well the documents of the fold were predicted.
    pub report: Report,
}

/// What a cross-validation gives.
#[derive(Debug, Clone, Serialize)]
pub struct CrossValidated {
    /// Mean and standard deviation of each figure over the folds.
    pub figures: Vec<Spread>,
    /// Every fold of every repeat.
    pub folds: Vec<FoldOutcome>,
    /// Of all documents together, by their out-of-fold probabilities.
    pub pooled: Report,
    /// The probability of each label for each document by the classifiers that have not seen it, the mean over the
    /// repeats: `[n_docs, n_labels]`.
    #[serde(skip)]
    pub probabilities: Vec<f32>,
}

/// A training and its test.
struct Task {
    repeat: usize,
    fold: usize,
    learn: Vec<usize>,
    test: Vec<usize>,
}

/// Cross-validates `plans` on labelled documents of the file `path` (for messages). With one plan, it is measured; with
/// several, each fold learns by the one that is best inside of it (nested cross-validation), and what is measured is
/// the choice.
///
/// # Errors
/// When the folds cannot be made, when a document has no label, when some fold would learn a label from no document,
/// when a training fails, and [`Error::Interrupted`].
pub fn cross_validate(
    plans: &[Plan],
    documents: &Dataset,
    path: &Path,
    options: &CvOptions<'_>,
) -> Result<CrossValidated> {
    check(plans, documents, options)?;
    let seed = options.fold_seed.or(plans.first().map(|plan| plan.seed)).unwrap_or_default();
    let tasks = tasks(documents, options, seed)?;
    let outcomes = in_parallel(&tasks, options, |task| {
        let learn_from = documents.subset(&task.learn);
        let groups: Option<Vec<String>> =
            options.groups.map(|groups| task.learn.iter().map(|&i| groups[i].clone()).collect());
        let plan = choose(plans, &learn_from, groups.as_deref(), path, options)?;
        let trained = train_with(&plans[plan], &learn_from, TrainOptions { stop: options.stop, ..Default::default() })?;
        if raised(options.stop) {
            return Err(Error::Interrupted);
        }
        let comparison = compare(&trained.classifier, &documents.subset(&task.test), path)?;
        let n_train = learn_from.len();
        let report = comparison.report.clone();
        let outcome = FoldOutcome { repeat: task.repeat + 1, fold: task.fold + 1, n_train, plan, report };
        if let Some(tell) = options.on_fold {
            tell(&outcome);
        }
        Ok((outcome, comparison.probabilities))
    })?;
    let n_labels = documents.labels.len();
    let repeats = options.repeats.max(1);
    let mut probabilities = vec![0.0f32; documents.len() * n_labels];
    let mut folds = Vec::with_capacity(outcomes.len());
    for (task, (outcome, of_fold)) in tasks.iter().zip(outcomes) {
        for (&document, row) in task.test.iter().zip(of_fold.chunks_exact(n_labels)) {
            let sums = &mut probabilities[document * n_labels..][..n_labels];
            sums.iter_mut().zip(row).for_each(|(sum, p)| *sum += p / repeats as f32);
        }
        folds.push(outcome);
    }
    let threshold = folds.first().and_then(|fold| fold.report.threshold).unwrap_or(0.5);
    let pooled = with_truth(&documents.targets, documents.multi_label, |truth| {
        Report::new(&documents.labels, truth, &probabilities, threshold)
    })?;
    Ok(CrossValidated { figures: spreads(folds.iter().map(|fold| &fold.report)), folds, pooled, probabilities })
}

fn raised(stop: Option<&AtomicBool>) -> bool {
    stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
}

fn check(plans: &[Plan], documents: &Dataset, options: &CvOptions<'_>) -> Result<()> {
    plans.iter().try_for_each(Plan::check)?;
    if plans.is_empty() {
        return Err(Error::config("plans", "there is no plan to measure", "give at least one"));
    }
    if plans.len() > 1 && options.inner.is_none() {
        let problem = format!("found {} plans and no inner folds to choose among them by", plans.len());
        return Err(Error::config("inner", problem, "3 inner folds are usual"));
    }
    if let Some(i) = documents.targets.iter().position(|target| *target == Target::Unlabelled) {
        let problem = format!("document {} has no label", i + 1);
        return Err(Error::config("cross-validation", problem, "leave documents without a label out"));
    }
    Ok(())
}

/// All trainings, repeat by repeat.
fn tasks(documents: &Dataset, options: &CvOptions<'_>, seed: u64) -> Result<Vec<Task>> {
    let mut tasks = Vec::new();
    for repeat in 0..options.repeats.max(1) {
        let seed = rng::derive(rng::derive(seed, SEED_FOLDS), repeat as u64);
        let folds = match options.groups {
            Some(groups) => grouped_folds(documents, groups, options.folds, seed)?,
            None => stratified_folds(documents, options.folds, seed)?,
        };
        for (fold, test) in folds.iter().enumerate() {
            let mut is_test = vec![false; documents.len()];
            test.iter().for_each(|&document| is_test[document] = true);
            let learn: Vec<usize> = (0..documents.len()).filter(|&document| !is_test[document]).collect();
            check_labels(documents, &learn, fold + 1, options)?;
            tasks.push(Task { repeat, fold, learn, test: test.clone() });
        }
    }
    Ok(tasks)
}

/// A label of which all documents are in one fold cannot be learned for it.
fn check_labels(documents: &Dataset, learn: &[usize], fold: usize, options: &CvOptions<'_>) -> Result<()> {
    let mut left = vec![0usize; documents.labels.len()];
    learn.iter().flat_map(|&i| documents.targets[i].as_slice()).for_each(|&label| left[label as usize] += 1);
    let all = documents.label_counts();
    let Some(label) = (0..all.len()).find(|&label| all[label] > 0 && left[label] == 0) else { return Ok(()) };
    let (name, n) = (&documents.labels[label], all[label]);
    let where_all = if n == 1 { "its one document is".to_owned() } else { format!("all of its {n} documents are") };
    let problem =
        format!("nothing is left to learn the label {name:?} from when fold {fold} is predicted: {where_all} in it");
    let help = match options.groups {
        Some(_) => "group by a column with more values, or leave this label out",
        None => "give at least two documents of each label, or leave this label out",
    };
    Err(Error::config("cross-validation", problem, help))
}

/// The plan that does best inside the documents of a fold; the first of equal ones.
fn choose(
    plans: &[Plan],
    documents: &Dataset,
    groups: Option<&[String]>,
    path: &Path,
    options: &CvOptions<'_>,
) -> Result<usize> {
    let Some(inner) = options.inner.filter(|_| plans.len() > 1) else { return Ok(0) };
    let mut best = (0, f64::NEG_INFINITY);
    for (i, plan) in plans.iter().enumerate() {
        // The same inner folds for every plan.
        let plan = Plan { seed: rng::derive(plan.seed, SEED_INNER), ..plan.clone() };
        let options = CvOptions { folds: inner.folds, groups, jobs: 1, stop: options.stop, ..CvOptions::default() };
        let measured = cross_validate(&[plan], documents, path, &options)?;
        let figure = inner.metric.of(&measured.pooled);
        if figure > best.1 {
            best = (i, figure);
        }
    }
    Ok(best.0)
}

/// Runs `work` on every task, `jobs` at a time, and gives the results in the order of the tasks. After an error no task
/// begins; the error of the first task that failed is given.
fn in_parallel<T: Send>(
    tasks: &[Task],
    options: &CvOptions<'_>,
    work: impl Fn(&Task) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let n_threads = rayon::current_num_threads();
    let jobs = if options.jobs == 0 { n_threads } else { options.jobs }.clamp(1, tasks.len().max(1));
    if jobs == 1 {
        return tasks.iter().map(work).collect();
    }
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let done: Mutex<Vec<(usize, Result<T>)>> = Mutex::new(Vec::new());
    let run = || {
        // A pool for each worker: its loops must not wait for those of another fold.
        let pool = rayon::ThreadPoolBuilder::new().num_threads((n_threads / jobs).max(1)).build();
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(task) = tasks.get(i).filter(|_| !failed.load(Ordering::Relaxed)) else { break };
            let result = match &pool {
                Ok(pool) => pool.install(|| work(task)),
                Err(error) => Err(Error::config("threads", error.to_string(), "use fewer jobs")),
            };
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            // A worker that panicked ends the scope with its panic: nobody reads what it left.
            done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((i, result));
        }
    };
    std::thread::scope(|scope| (0..jobs).for_each(|_| drop(scope.spawn(run))));
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_by_key(|(i, _)| *i);
    done.into_iter().map(|(_, result)| result).collect()
}
