//! Logistic regression with an l1 penalty, by coordinate descent with one-dimensional Newton steps (Yuan et al. 2010),
//! for any number of classes. The bias is not penalised.

use fenlei_nn::rng;

use super::logistic::Classes;
use super::newton::{Limits, Solution};
use super::problem::Problem;
use crate::Result;

/// Halvings of a step, at most.
const MAX_HALVINGS: u32 = 30;

/// The weights with the smallest penalised loss.
pub(super) fn solve(problem: &Problem<'_>, classes: &Classes<'_>, seed: u64, limits: Limits<'_>) -> Result<Solution> {
    let k = classes.k;
    let penalised = problem.n_columns() * k;
    let mut state = State::new(problem, classes);
    let mut weights = vec![0.0; penalised + k];
    let mut order: Vec<u32> = (0..penalised as u32).collect();
    let mut active = order.len();
    let mut first_violation = None;
    // A weight of 0 whose gradient is below the penalty by more than this is left out of the passes, until the rest is
    // solved.
    let mut slack = f64::INFINITY;
    let mut converged = false;
    for iteration in 0..limits.max_iterations {
        limits.check()?;
        state.refresh(&weights);
        rng::shuffle(&mut order[..active], rng::derive(seed, u64::from(iteration)));
        let (mut violation, mut largest) = (0.0, 0.0f64);
        for output in 0..k {
            let (gradient, curvature) = state.derivatives(None, output);
            violation += gradient.abs();
            let step = state.descend(None, output, -gradient / curvature, gradient, |_| 0.0);
            weights[penalised + output] += step;
        }
        let mut at = 0;
        while at < active {
            let coordinate = order[at] as usize;
            let (column, output, weight) = (coordinate / k, coordinate % k, weights[coordinate]);
            let (gradient, curvature) = state.derivatives(Some(column), output);
            let of_coordinate = if weight > 0.0 {
                (gradient + 1.0).abs()
            } else if weight < 0.0 {
                (gradient - 1.0).abs()
            } else {
                if gradient.abs() < 1.0 - slack {
                    active -= 1;
                    order.swap(at, active);
                    continue;
                }
                (gradient.abs() - 1.0).max(0.0)
            };
            at += 1;
            violation += of_coordinate;
            largest = largest.max(of_coordinate);
            let wanted = if gradient + 1.0 <= curvature * weight {
                -(gradient + 1.0) / curvature
            } else if gradient - 1.0 >= curvature * weight {
                -(gradient - 1.0) / curvature
            } else {
                -weight
            };
            if wanted.abs() < 1e-14 {
                continue;
            }
            let penalty = |step: f64| (weight + step).abs() - weight.abs();
            weights[coordinate] += state.descend(Some(column), output, wanted.clamp(-10.0, 10.0), gradient, penalty);
        }
        let first_violation = *first_violation.get_or_insert(violation);
        slack = largest / problem.n_docs() as f64;
        if violation <= limits.tolerance * first_violation {
            if active == order.len() {
                converged = true;
                break;
            }
            (active, slack) = (order.len(), f64::INFINITY);
        }
    }
    Ok(Solution::new(problem, weights, k, converged))
}

/// What the loss and its derivatives are made of, kept up to date from step to step.
struct State<'a> {
    problem: &'a Problem<'a>,
    classes: &'a Classes<'a>,
    /// Exponentials of the margins less the largest of the document: [n_docs, k].
    powers: Vec<f64>,
    /// Their sums; with two classes the first class has a margin of 0.
    totals: Vec<f64>,
    all_docs: Vec<u32>,
    ones: Vec<f32>,
}

impl<'a> State<'a> {
    fn new(problem: &'a Problem<'a>, classes: &'a Classes<'a>) -> Self {
        let n = problem.n_docs();
        Self {
            problem,
            classes,
            powers: vec![0.0; n * classes.k],
            totals: vec![0.0; n],
            all_docs: (0..n as u32).collect(),
            ones: vec![1.0; n],
        }
    }

    /// Anew from the weights, so that errors of rounding do not add up.
    fn refresh(&mut self, weights: &[f64]) {
        let k = self.classes.k;
        self.problem.margins(&mut self.powers, weights, k);
        for (powers, total) in self.powers.chunks_exact_mut(k).zip(&mut self.totals) {
            let rest = if k == 1 { 0.0 } else { f64::NEG_INFINITY };
            let top = powers.iter().copied().fold(rest, f64::max);
            powers.iter_mut().for_each(|power| *power = (*power - top).exp());
            *total = powers.iter().sum::<f64>() + (rest - top).exp();
        }
    }

    /// The documents of a column; of the bias all.
    fn docs(&self, column: Option<usize>) -> (&[u32], &[f32]) {
        column.map_or((&self.all_docs, &self.ones), |column| self.problem.columns.row(column))
    }

    fn is_right(&self, doc: usize, output: usize) -> bool {
        self.classes.of_docs[doc] as usize == if self.classes.k == 1 { 1 } else { output }
    }

    /// The first and the second derivative of the loss.
    fn derivatives(&self, column: Option<usize>, output: usize) -> (f64, f64) {
        let (mut gradient, mut curvature) = (0.0, 1e-12);
        let (docs, values) = self.docs(column);
        for (&doc, &x) in docs.iter().zip(values) {
            let (doc, x) = (doc as usize, f64::from(x));
            let p = self.powers[doc * self.classes.k + output] / self.totals[doc];
            let cost = self.problem.costs[doc];
            gradient += cost * x * (p - f64::from(u8::from(self.is_right(doc, output))));
            curvature += cost * x * x * p * (1.0 - p);
        }
        (gradient, curvature)
    }

    /// Takes the step, or a shorter one that makes loss and penalty smaller, and gives it.
    fn descend(
        &mut self,
        column: Option<usize>,
        output: usize,
        wanted: f64,
        gradient: f64,
        penalty: impl Fn(f64) -> f64,
    ) -> f64 {
        let expected = gradient * wanted + penalty(wanted);
        let mut step = wanted;
        for _ in 0..MAX_HALVINGS {
            let share = step / wanted;
            if self.loss_change(column, output, step) + penalty(step) <= 0.01 * share * expected {
                self.take(column, output, step);
                return step;
            }
            step *= 0.5;
        }
        0.0
    }

    fn loss_change(&self, column: Option<usize>, output: usize, step: f64) -> f64 {
        let (docs, values) = self.docs(column);
        let changes = docs.iter().zip(values).map(|(&doc, &x)| {
            let (doc, change) = (doc as usize, step * f64::from(x));
            let p = self.powers[doc * self.classes.k + output] / self.totals[doc];
            let right = if self.is_right(doc, output) { change } else { 0.0 };
            self.problem.costs[doc] * ((p * change.exp_m1()).ln_1p() - right)
        });
        changes.sum()
    }

    fn take(&mut self, column: Option<usize>, output: usize, step: f64) {
        let Self { problem, classes, powers, totals, all_docs, ones } = self;
        let (docs, values) = column.map_or((&all_docs[..], &ones[..]), |column| problem.columns.row(column));
        for (&doc, &x) in docs.iter().zip(values) {
            let power = &mut powers[doc as usize * classes.k + output];
            let new = *power * (step * f64::from(x)).exp();
            totals[doc as usize] += new - *power;
            *power = new;
        }
    }
}
