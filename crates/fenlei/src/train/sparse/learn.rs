//! Which solver learns what: one problem over all labels, or one a label.

use std::sync::atomic::AtomicBool;

use fenlei_nn::rng;
use rayon::prelude::*;

use super::logistic::Classes;
use super::newton::{Limits, Solution};
use super::problem::{Problem, pieces, sparse_dot};
use super::{bayes, dual, lasso, newton, platt};
use crate::Result;
use crate::data::Target;
use crate::features::{Labels, SparseRows};
use crate::model::{LinearLoss, LinearSpec, Link, NbSvmSpec, Penalty, SparseSpec};

/// Parts of the documents for margins that were not learned from the documents they are about.
const N_FOLDS: usize = 3;

/// What is to be learned.
pub(in crate::train) struct Task<'a> {
    pub spec: &'a SparseSpec,
    pub rows: &'a SparseRows,
    pub targets: &'a [Target],
    pub labels: Labels,
    pub label_weights: Option<&'a [f64]>,
    /// Documents that are no changed copies; document `i` is a copy of document `i % n_originals`.
    pub n_originals: usize,
    pub seed: u64,
    pub stop: Option<&'a AtomicBool>,
}

/// The weights: `[n_columns, n_outputs]` and `[n_outputs]`.
pub(in crate::train) fn learn(task: &Task<'_>) -> Result<Solution> {
    let columns = task.rows.transposed();
    let pieces = pieces(&columns);
    let n_labels = task.labels.n;
    let link = Link::of(task.spec, n_labels, task.labels.multi);
    let on = |costs: &[f64], solve: &mut dyn FnMut(&Problem<'_>) -> Result<Solution>| {
        solve(&Problem::new(task.rows, &columns, &pieces, costs))
    };
    if matches!(link, Link::Binary | Link::Softmax)
        && !matches!(
            task.spec,
            SparseSpec::Linear(LinearSpec { loss: LinearLoss::Hinge | LinearLoss::SquaredHinge, .. })
        )
    {
        let classes = task.classes();
        return on(&task.costs_by_class(&classes, None), &mut |problem| {
            together(task, problem, &classes, n_labels, task.seed)
        });
    }
    // The label's problems are independent; each thread takes one, unless there are too few.
    let outputs: Vec<usize> = if link == Link::Binary { vec![1] } else { (0..n_labels).collect() };
    let solutions: Result<Vec<Solution>> = outputs
        .into_par_iter()
        .with_max_len(1)
        .map(|label| {
            let classes: Vec<u32> =
                task.targets.iter().map(|t| u32::from(t.as_slice().contains(&(label as u32)))).collect();
            let costs = task.costs_by_class(&classes, Some(label));
            let seed = rng::derive(task.seed, label as u64);
            let n_positive = classes.iter().filter(|class| **class == 1).count();
            if n_positive == 0 || n_positive == classes.len() {
                return Ok(always(task.rows.n_columns, n_positive, classes.len()));
            }
            match task.spec {
                SparseSpec::Linear(spec) if spec.loss != LinearLoss::Logistic => {
                    machine(task, spec, &classes, &costs, seed)
                }
                _ => on(&costs, &mut |problem| together(task, problem, &classes, 2, seed)),
            }
        })
        .collect();
    Ok(side_by_side(&solutions?, task.rows.n_columns))
}

impl Task<'_> {
    /// The one label of each document.
    fn classes(&self) -> Vec<u32> {
        self.targets.iter().map(|target| target.as_slice().first().copied().unwrap_or(0)).collect()
    }

    /// What an error on each document costs: `c`, times the weight of its label. For `label` against the rest, documents
    /// of the rest have the weights of their own labels too, where they have one.
    fn costs_by_class(&self, classes: &[u32], label: Option<usize>) -> Vec<f64> {
        let c = match self.spec {
            SparseSpec::Linear(spec) => spec.c,
            SparseSpec::NbSvm(spec) => spec.c,
            SparseSpec::Nb(_) => 1.0,
        };
        let Some(weights) = self.label_weights else { return vec![c; classes.len()] };
        let weight = |(target, &class): (&Target, &u32)| match (label, target.as_slice()) {
            (Some(label), _) if class == 1 => weights[label],
            (_, &[own]) if !self.labels.multi => weights[own as usize],
            _ => 1.0,
        };
        self.targets.iter().zip(classes).map(|pair| c * weight(pair)).collect()
    }
}

/// All classes in one problem.
fn together(task: &Task<'_>, problem: &Problem<'_>, classes: &[u32], n_classes: usize, seed: u64) -> Result<Solution> {
    let with_k = Classes { of_docs: classes, k: if n_classes == 2 { 1 } else { n_classes } };
    let limits = |tolerance, max_iterations| Limits { tolerance, max_iterations, stop: task.stop };
    match task.spec {
        SparseSpec::Linear(spec) => {
            let limits = limits(spec.tolerance, spec.max_iterations);
            let mut solution = match spec.penalty {
                Penalty::L2 => newton::solve(problem, &with_k, limits)?,
                Penalty::L1 => lasso::solve(problem, &with_k, seed, limits)?,
            };
            if with_k.k > 1 {
                // A bias that all classes share changes nothing; without it there is one answer.
                let mean = solution.bias.iter().sum::<f64>() / n_classes as f64;
                solution.bias.iter_mut().for_each(|bias| *bias -= mean);
            }
            Ok(solution)
        }
        SparseSpec::Nb(spec) => {
            let found = bayes::fit(spec, problem.columns, classes, n_classes, problem.costs);
            if n_classes > 2 {
                return Ok(Solution { weights: found.weights, bias: found.bias, converged: true });
            }
            let second = |pair: &[f64]| pair[1] - pair[0];
            let (weights, bias) = (found.weights.chunks_exact(2).map(second).collect(), vec![second(&found.bias)]);
            Ok(Solution { weights, bias, converged: true })
        }
        SparseSpec::NbSvm(spec) => nb_svm(spec, problem, &with_k, limits(spec.tolerance, spec.max_iterations)),
    }
}

fn nb_svm(spec: &NbSvmSpec, problem: &Problem<'_>, classes: &Classes<'_>, limits: Limits<'_>) -> Result<Solution> {
    let ratios = bayes::log_ratios(problem.columns, classes.of_docs, spec.alpha, problem.costs);
    let mut solution = newton::solve(&problem.scaled(ratios.clone()), classes, limits)?;
    let share = spec.interpolation;
    if share < 1.0 {
        // The weights before they were multiplied by the ratios.
        let own = |(w, ratio): (&f64, &f64)| if *ratio == 0.0 { 0.0 } else { (w / ratio).abs() };
        let mean = solution.weights.iter().zip(&ratios).map(own).sum::<f64>() / ratios.len() as f64;
        let mixed = |(w, ratio): (&mut f64, &f64)| *w = (1.0 - share) * mean * ratio + share * *w;
        solution.weights.iter_mut().zip(&ratios).for_each(mixed);
    }
    Ok(solution)
}

/// A support vector machine with its margins made into those of a sigmoid.
fn machine(task: &Task<'_>, spec: &LinearSpec, classes: &[u32], costs: &[f64], seed: u64) -> Result<Solution> {
    let limits = Limits { tolerance: spec.tolerance, max_iterations: spec.max_iterations, stop: task.stop };
    let signs: Vec<f64> = classes.iter().map(|&class| if class == 1 { 1.0 } else { -1.0 }).collect();
    let squared = spec.loss == LinearLoss::SquaredHinge;
    let solve = |docs: &[u32]| dual::solve(task.rows, docs, &signs, costs, squared, seed, limits);
    // Copies are in the fold of their original, or a machine would have learned from what it is asked about.
    let of_originals = folds(&classes[..task.n_originals.min(classes.len())]);
    let folds: Vec<usize> = of_originals.iter().copied().cycle().take(classes.len()).collect();
    let all: Vec<u32> = (0..classes.len() as u32).collect();
    let parts = (0..N_FOLDS + 1).into_par_iter().with_max_len(1).map(|fold| {
        if fold == N_FOLDS {
            return solve(&all);
        }
        solve(&all.iter().copied().filter(|&doc| folds[doc as usize] != fold).collect::<Vec<_>>())
    });
    let mut machines = parts.collect::<Result<Vec<_>>>()?;
    let Some(whole) = machines.pop() else { return Ok(always(task.rows.n_columns, 0, 0)) };
    let margins: Vec<f64> = folds
        .iter()
        .enumerate()
        .map(|(doc, &fold)| {
            let (columns, values) = task.rows.row(doc);
            machines[fold].bias + sparse_dot(columns, values, &machines[fold].weights)
        })
        .collect();
    let positive: Vec<bool> = classes.iter().map(|&class| class == 1).collect();
    let (slope, offset) = platt::fit(&margins, &positive);
    // Rare labels may leave folds from which nothing can be learned; the order of the margins stays in any case.
    let (slope, offset) = if slope > 0.0 { (slope, offset) } else { (1.0, 0.0) };
    Ok(Solution {
        weights: whole.weights.iter().map(|w| slope * w).collect(),
        bias: vec![slope * whole.bias + offset],
        converged: whole.converged,
    })
}

/// The part of each document; each class is divided evenly.
fn folds(classes: &[u32]) -> Vec<usize> {
    let mut seen = [0; 2];
    let fold_of = |&class: &u32| {
        seen[class as usize] += 1;
        (seen[class as usize] - 1) % N_FOLDS
    };
    classes.iter().map(fold_of).collect()
}

/// The answer to a label that none or all of the documents have.
fn always(n_columns: usize, n_positive: usize, n_docs: usize) -> Solution {
    let odds = (n_positive as f64 + 0.5) / ((n_docs - n_positive) as f64 + 0.5);
    Solution { weights: vec![0.0; n_columns], bias: vec![odds.ln()], converged: true }
}

/// Solutions of one output each as one of several.
fn side_by_side(solutions: &[Solution], n_columns: usize) -> Solution {
    let column = |column: usize| solutions.iter().map(move |solution| solution.weights[column]);
    Solution {
        weights: (0..n_columns).flat_map(column).collect(),
        bias: solutions.iter().map(|solution| solution.bias[0]).collect(),
        converged: solutions.iter().all(|solution| solution.converged),
    }
}

#[cfg(test)]
#[path = "learn_tests.rs"]
mod tests;
