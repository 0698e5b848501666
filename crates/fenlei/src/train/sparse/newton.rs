//! Logistic regression with an l2 penalty, by Newton's method: the steps are solved by conjugate gradients, as far as
//! they are worth it (Lin, Weng and Keerthi 2008, with a line search instead of a trust region). The bias is not penalised.

use std::sync::atomic::{AtomicBool, Ordering};

use super::logistic::Classes;
use super::problem::{Problem, dot};
use crate::{Error, Result};

/// Multiplications with the second derivative in a step, at most.
const MAX_INNER: usize = 200;

/// When and how a solver ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits<'a> {
    /// See [`LinearSpec::tolerance`](crate::model::LinearSpec::tolerance).
    pub tolerance: f64,
    /// Steps, at most.
    pub max_iterations: u32,
    /// Raised by whoever wants to stop.
    pub stop: Option<&'a AtomicBool>,
}

impl Limits<'_> {
    /// # Errors
    /// [`Error::Interrupted`] when the user asked to stop.
    pub fn check(&self) -> Result<()> {
        if self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) { Err(Error::Interrupted) } else { Ok(()) }
    }
}

/// What a solver found.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::train) struct Solution {
    /// `[n_columns, k]`, for columns as they are in the documents.
    pub weights: Vec<f64>,
    /// `[k]`.
    pub bias: Vec<f64>,
    /// Whether the optimum is as near as was asked for.
    pub converged: bool,
}

impl Solution {
    /// Takes `[n_columns + 1, k]` apart, and multiplies weights by the scale of their columns.
    pub(super) fn new(problem: &Problem<'_>, mut weights: Vec<f64>, k: usize, converged: bool) -> Self {
        let bias = weights.split_off(problem.n_columns() * k);
        if let Some(scale) = &problem.scale {
            for (row, factor) in weights.chunks_exact_mut(k).zip(scale) {
                row.iter_mut().for_each(|w| *w *= factor);
            }
        }
        Self { weights, bias, converged }
    }
}

/// The weights with the smallest penalised loss.
pub(super) fn solve(problem: &Problem<'_>, classes: &Classes<'_>, limits: Limits<'_>) -> Result<Solution> {
    let k = classes.k;
    let n = (problem.n_columns() + 1) * k;
    let penalised = problem.n_columns() * k;
    let of_docs = || vec![0.0; problem.n_docs() * k];
    let (mut weights, mut gradient) = (vec![0.0; n], vec![0.0; n]);
    let (mut margins, mut probabilities, mut scratch) = (of_docs(), of_docs(), of_docs());
    let mut loss = classes.loss(&mut probabilities, &margins, problem.costs);
    let mut first_norm = None;
    let mut converged = false;
    for _ in 0..limits.max_iterations {
        limits.check()?;
        classes.gradient(&mut scratch, &probabilities, problem.costs);
        problem.sums(&mut gradient, &scratch, k, false);
        gradient[..penalised].iter_mut().zip(&weights).for_each(|(g, w)| *g += w);
        let norm = dot(&gradient, &gradient).sqrt();
        let first_norm = *first_norm.get_or_insert(norm);
        if norm <= limits.tolerance * first_norm {
            converged = true;
            break;
        }
        let accuracy = (norm / first_norm).sqrt().min(0.5);
        let hessian = Hessian { problem, classes, probabilities: &probabilities };
        let direction = hessian.solve(&gradient, accuracy * norm, limits)?;

        // The loss along the direction needs no documents any more.
        problem.margins(&mut scratch, &direction, k);
        let slope = dot(&gradient, &direction);
        let along = dot(&weights[..penalised], &direction[..penalised]);
        let square = dot(&direction[..penalised], &direction[..penalised]);
        let mut step = 1.0;
        loop {
            let new_loss = classes.loss_alone(&margins, step, &scratch, problem.costs);
            let change = new_loss - loss + step * along + 0.5 * step * step * square;
            // Near the optimum the change is below what the sum of the losses can tell.
            if change <= 1e-4 * step * slope || step * -slope <= 1e-12 * loss {
                break;
            }
            step *= 0.5;
            if step < 1e-10 {
                return Ok(Solution::new(problem, weights, k, false));
            }
        }
        weights.iter_mut().zip(&direction).for_each(|(w, d)| *w += step * d);
        margins.iter_mut().zip(&scratch).for_each(|(m, d)| *m += step * d);
        loss = classes.loss(&mut probabilities, &margins, problem.costs);
    }
    Ok(Solution::new(problem, weights, k, converged))
}

struct Hessian<'a> {
    problem: &'a Problem<'a>,
    classes: &'a Classes<'a>,
    probabilities: &'a [f64],
}

impl Hessian<'_> {
    /// Its product with `vector`.
    fn times(&self, out: &mut [f64], vector: &[f64], of_docs: &mut [f64]) {
        let k = self.classes.k;
        self.problem.margins(of_docs, vector, k);
        self.classes.curve(of_docs, self.probabilities, self.problem.costs);
        self.problem.sums(out, of_docs, k, false);
        let penalised = self.problem.n_columns() * k;
        out[..penalised].iter_mut().zip(vector).for_each(|(out, v)| *out += v);
    }

    /// The numbers on its diagonal.
    fn diagonal(&self) -> Vec<f64> {
        let k = self.classes.k;
        let p = self.probabilities.chunks_exact(k).zip(self.problem.costs);
        let curvature: Vec<f64> = p.flat_map(|(p, cost)| p.iter().map(move |p| cost * p * (1.0 - p))).collect();
        let mut diagonal = vec![0.0; (self.problem.n_columns() + 1) * k];
        self.problem.sums(&mut diagonal, &curvature, k, true);
        let penalised = self.problem.n_columns() * k;
        diagonal[..penalised].iter_mut().for_each(|d| *d += 1.0);
        // The bias has no penalty, and no curvature where all documents are certain.
        diagonal[penalised..].iter_mut().for_each(|d| *d = d.max(1e-8));
        diagonal
    }

    /// The direction in which `gradient` vanishes, but for a rest of length `enough`.
    fn solve(&self, gradient: &[f64], enough: f64, limits: Limits<'_>) -> Result<Vec<f64>> {
        let diagonal = self.diagonal();
        let mut direction = vec![0.0; gradient.len()];
        let mut rest: Vec<f64> = gradient.iter().map(|g| -g).collect();
        let mut search: Vec<f64> = rest.iter().zip(&diagonal).map(|(r, d)| r / d).collect();
        let mut product = vec![0.0; gradient.len()];
        let mut of_docs = vec![0.0; self.problem.n_docs() * self.classes.k];
        let mut aligned = dot(&rest, &search);
        for _ in 0..MAX_INNER {
            limits.check()?;
            self.times(&mut product, &search, &mut of_docs);
            let curvature = dot(&search, &product);
            if curvature <= 1e-14 * dot(&search, &search) {
                break;
            }
            let step = aligned / curvature;
            direction.iter_mut().zip(&search).for_each(|(d, s)| *d += step * s);
            rest.iter_mut().zip(&product).for_each(|(r, p)| *r -= step * p);
            if dot(&rest, &rest).sqrt() <= enough {
                break;
            }
            let scaled: f64 = rest.iter().zip(&diagonal).map(|(r, d)| r * r / d).sum();
            let share = scaled / aligned;
            aligned = scaled;
            for ((s, r), d) in search.iter_mut().zip(&rest).zip(&diagonal) {
                *s = r / d + share * *s;
            }
        }
        Ok(direction)
    }
}
