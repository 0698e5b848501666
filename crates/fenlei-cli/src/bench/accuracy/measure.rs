//! One case from its documents to its figures.
//!
//! Invariant: test documents are read or set aside before training and looked at once, behind it. Nothing of them is
//! in a vocabulary, a weight, or the choice of an epoch.

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, bail};
use fenlei::classifier::Classifier;
use fenlei::data::{self, Dataset, ReadOptions, Split, stratified_folds, stratified_split};
use fenlei::train::{Plan, train};

use super::cases::{Case, Metric, Protocol};
use crate::bench::{read_part, sampled};
use fenlei::eval::compare;

/// One training with its test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Run {
    /// Its place among the folds, from 1; `None` without folds.
    pub fold: Option<usize>,
    /// Where its random numbers began.
    pub seed: u64,
    /// The figure on the test documents.
    pub figure: f64,
    /// The whole training, from texts to a classifier: vocabulary, encoding and validation included, reading not.
    pub train_seconds: f64,
    /// Documents tested on.
    pub n_test: usize,
}

/// Measures a case once for each seed (and fold), telling `done` each run as it ends.
pub(super) fn measure(
    case: &Case,
    path: &Path,
    plans: &[Plan],
    sample: Option<usize>,
    mut done: impl FnMut(&Run),
) -> Result<Vec<Run>> {
    let options = ReadOptions { label_until: case.label_until, ..ReadOptions::default() };
    let mut runs = Vec::new();
    let mut finish = |run: Run| {
        done(&run);
        runs.push(run);
    };
    if case.protocol == Protocol::Splits {
        let (documents, findings) = data::read(path, &options)?;
        if !findings.splits.contains(&Split::Test) {
            bail!("{} has no test part", path.display());
        }
        let documents = sampled(documents, sample)?;
        let validation = match findings.splits.contains(&Split::Validation) {
            true => Some(read_part(path, Split::Validation, case.label_until, sample)?),
            false => None,
        };
        let trained: Vec<(Classifier, f64)> =
            plans.iter().map(|plan| timed_training(plan, &documents, validation.as_ref())).collect::<Result<_>>()?;
        drop((documents, validation));
        let test = read_part(path, Split::Test, case.label_until, sample)?;
        for (plan, (classifier, train_seconds)) in plans.iter().zip(trained) {
            let figure = figure_on(&classifier, &test, path, case.metric)?;
            finish(Run { fold: None, seed: plan.seed, figure, train_seconds, n_test: test.len() });
        }
        return Ok(runs);
    }
    let documents = sampled(data::read(path, &options)?.0, sample)?;
    for plan in plans {
        for (i, (learned, tested)) in divided(case.protocol, &documents, plan.seed)?.into_iter().enumerate() {
            let (classifier, train_seconds) = timed_training(plan, &documents.subset(&learned), None)?;
            let figure = figure_on(&classifier, &documents.subset(&tested), path, case.metric)?;
            let fold = matches!(case.protocol, Protocol::Folds(_)).then_some(i + 1);
            finish(Run { fold, seed: plan.seed, figure, train_seconds, n_test: tested.len() });
        }
    }
    Ok(runs)
}

/// For each run the documents to learn from, and those to test on.
fn divided(protocol: Protocol, documents: &Dataset, seed: u64) -> Result<Vec<(Vec<usize>, Vec<usize>)>> {
    match protocol {
        Protocol::Splits => Ok(Vec::new()),
        Protocol::Holdout(share) => Ok(vec![stratified_split(documents, share, seed)?]),
        Protocol::Folds(k) => {
            let folds = stratified_folds(documents, k, seed)?;
            let others = |i: usize| {
                let mut others: Vec<usize> =
                    folds.iter().enumerate().filter(|(j, _)| *j != i).flat_map(|(_, fold)| fold).copied().collect();
                others.sort_unstable();
                others
            };
            Ok((0..k).map(|i| (others(i), folds[i].clone())).collect())
        }
    }
}

fn timed_training(plan: &Plan, documents: &Dataset, validation: Option<&Dataset>) -> Result<(Classifier, f64)> {
    let clock = Instant::now();
    let trained = train(plan, documents, validation)?;
    Ok((trained.classifier, clock.elapsed().as_secs_f64()))
}

fn figure_on(classifier: &Classifier, test: &Dataset, path: &Path, metric: Metric) -> Result<f64> {
    let comparison = compare(classifier, test, path)?;
    if let Some(unknown) = comparison.unknown.first() {
        // Leaving documents out would flatter the figure.
        bail!(
            "the test documents of {} have the label {:?}, which none to learn from has",
            path.display(),
            unknown.label
        );
    }
    match metric {
        Metric::Accuracy => Ok(comparison.report.accuracy),
        Metric::F1(label) => match comparison.report.per_class.iter().find(|class| class.label == label) {
            Some(class) => Ok(class.f1),
            None => bail!("{} has no label {label:?}", path.display()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::labelled;

    #[test]
    fn every_document_is_tested_on_once_and_never_learned_from_in_that_run() {
        let documents = labelled((0..50).map(|i| (format!("t{i}"), if i % 5 == 0 { "a" } else { "b" })));
        let runs = divided(Protocol::Folds(10), &documents, 3).unwrap();
        assert_eq!(runs.len(), 10);
        let mut tested: Vec<usize> = Vec::new();
        for (learned, test) in &runs {
            assert_eq!(learned.len() + test.len(), 50);
            assert!(test.iter().all(|i| !learned.contains(i)));
            tested.extend(test);
        }
        tested.sort_unstable();
        assert_eq!(tested, (0..50).collect::<Vec<_>>());
        let holdout = divided(Protocol::Holdout(0.2), &documents, 3).unwrap();
        assert_eq!((holdout.len(), holdout[0].1.len()), (1, 10));
    }
}
