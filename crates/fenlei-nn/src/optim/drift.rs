//! What the steps without a gradient do to a row of a table.
//!
//! An optimizer with moments goes on moving a number whose gradient is zero: the mean gradient dies away step by step.
//! For the rare words of a table that is most of their learning (with Adam's usual constants a row that is seen once
//! moves ten times as far as its first step). Visiting every row in every step would cost more than the rest of the
//! step, so a row is brought up to date when it is needed next. Over `k` steps without a gradient, Adam moves a number by
//!
//! ```text
//! Σ_j a_j · m / (√v + ε_j),   a_j = lr_j · √(1 - β₂^(t+j)) / (1 - β₁^(t+j)) · (β₁/√β₂)^j,   j = 1 … k
//! ```
//!
//! where `ε_j = ε · √(1 - β₂^(t+j)) / β₂^(j/2)` hardly depends on `j`, so that the sum of the `a_j` is all that is
//! needed. The sums are kept for every step at which a row may have been left. Momentum moves by `Σ_j lr_j · μ^j · m`.

use super::{Optimizer, OptimizerSpec};
use crate::kernels::update::{Moving, Rule, update_rows};
use crate::params::{Param, Params};
use crate::scalar::Scalar;

/// Terms of a sum that are smaller than this share of the first are left out.
const NEGLIGIBLE: f64 = 1e-8;

/// A moment that has died away this far is set to zero, before it gets too small for ordinary arithmetic.
const DEAD: f64 = 1e-30;

/// What an optimizer knows about the rows that wait. A checkpoint must hold it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DriftState {
    /// The step up to which each row of each table is current, in the order of the parameters; empty for what is no
    /// table, what is frozen, and optimizers without moments.
    pub row_steps: Vec<Vec<u64>>,
    /// The step at which all rows were current for the last time.
    pub settled_at: u64,
    /// For each step since then, the sum of the shares `a_j` that a row left at that step is still to be moved by.
    pub sums: Vec<f64>,
}

impl DriftState {
    /// Whether this is a state of such parameters after so many steps, so that no index of it can lie outside.
    pub(super) fn fits<T>(&self, params: &Params<T>, n_steps: u64) -> bool
    where
        T: Scalar,
    {
        let steps = self.settled_at..=n_steps;
        let rows = |(row_steps, param): (&Vec<u64>, &Param<T>)| {
            row_steps.is_empty()
                || row_steps.len() == param.shape[0] && row_steps.iter().all(|step| steps.contains(step))
        };
        self.row_steps.len() <= params.len()
            && (self.sums.is_empty() || self.sums.len() as u64 == n_steps - self.settled_at.min(n_steps))
            && self.row_steps.iter().zip(params.iter()).all(rows)
    }

    /// Takes in one more step: a row left `j` steps ago moves by `unit · ratio^j` more.
    fn advance(&mut self, unit: f64, ratio: f64) {
        self.sums.push(0.0);
        let mut share = unit * ratio;
        let limit = share.abs() * NEGLIGIBLE;
        for sum in self.sums.iter_mut().rev() {
            if share.abs() <= limit {
                break;
            }
            *sum += share;
            share *= ratio;
        }
    }
}

/// The move of one row over steps without a gradient.
#[derive(Debug, Clone, Copy)]
struct Drift<T, const ADAM: bool> {
    /// `Σ a_j`; zero for rules without momentum.
    sum: T,
    /// `β₁^k` or `μ^k`: what is left of the moment that moves.
    keep: T,
    /// What is left of the mean square.
    keep_square: T,
    /// The first `ε_j`.
    epsilon: T,
}

impl<T: Scalar> Rule<T> for Drift<T, true> {
    const N_MOMENTS: usize = 2;

    #[inline(always)]
    fn update(self, p: &mut T, m: &mut T, v: &mut T, _: T) {
        *p -= self.sum * *m / (v.sqrt() + self.epsilon);
        *m *= self.keep;
        *v *= self.keep_square;
    }
}

/// Momentum with a mean square beside it or without one: `first` moves, `second` only shrinks.
impl<T: Scalar> Rule<T> for Drift<T, false> {
    const N_MOMENTS: usize = 2;

    #[inline(always)]
    fn update(self, p: &mut T, m: &mut T, v: &mut T, _: T) {
        *p -= self.sum * *m;
        *m *= self.keep;
        *v *= self.keep_square;
    }
}

/// [`Drift`] of an optimizer that keeps one moment.
#[derive(Debug, Clone, Copy)]
struct SingleDrift<T> {
    sum: T,
    keep: T,
}

impl<T: Scalar> Rule<T> for SingleDrift<T> {
    const N_MOMENTS: usize = 1;

    #[inline(always)]
    fn update(self, p: &mut T, m: &mut T, _: &mut T, _: T) {
        *p -= self.sum * *m;
        *m *= self.keep;
    }
}

impl<T: Scalar> Optimizer<T> {
    /// Whether a number without a gradient changes.
    pub(crate) fn drifts(&self) -> bool {
        self.spec.n_moments() > 0 && !matches!(self.spec, OptimizerSpec::Adagrad { .. })
    }

    /// To be called with every step, before anything moves: `n_steps` counts it already.
    pub(super) fn advance_drift(&mut self, lr: f64) {
        if !self.drifts() {
            return;
        }
        let t = self.state.n_steps as f64;
        let (unit, ratio) = match self.spec {
            OptimizerSpec::Adam { beta1, beta2, .. } | OptimizerSpec::AdamW { beta1, beta2, .. } => {
                (lr * (1.0 - beta2.powf(t)).sqrt() / (1.0 - beta1.powf(t)), beta1 / beta2.sqrt())
            }
            OptimizerSpec::Sgd { momentum, nesterov, .. } => (lr * if nesterov { momentum } else { 1.0 }, momentum),
            OptimizerSpec::RmsProp { momentum, .. } => (lr, momentum),
            OptimizerSpec::Adagrad { .. } => return,
        };
        self.state.drift.advance(unit, ratio);
    }

    /// Brings some rows of every table up to date: they move as they would have with all steps since they were last
    /// touched. To be called before the rows are read.
    pub fn catch_up(&mut self, params: &mut Params<T>, rows: &[u32]) {
        if !self.drifts() {
            return;
        }
        self.state.drift.row_steps.resize_with(params.len(), Vec::new);
        for param_idx in 0..params.len() {
            self.catch_up_table(params, param_idx, rows);
        }
    }

    /// Brings all rows of every table up to date. To be called before the parameters are used for anything but a step.
    pub fn settle(&mut self, params: &mut Params<T>) {
        let n_rows = params.iter().filter(|p| p.role.is_table()).map(|p| p.shape[0]).max().unwrap_or(0);
        let all: Vec<u32> = (0..n_rows as u32).collect();
        self.catch_up(params, &all);
        self.state.drift.settled_at = self.state.n_steps;
        self.state.drift.sums.clear();
    }

    fn catch_up_table(&mut self, params: &mut Params<T>, param_idx: usize, rows: &[u32]) {
        let Some(param) = params.iter_mut().nth(param_idx).filter(|p| p.role.is_table() && p.trainable) else {
            return;
        };
        let now = self.state.n_steps;
        let n_rows = param.shape[0];
        let row_steps = &mut self.state.drift.row_steps[param_idx];
        if row_steps.len() != n_rows {
            // The start, or a table that was frozen until now.
            row_steps.clear();
            row_steps.resize(n_rows, now);
            return;
        }
        // The number of missed steps stands beside the row, where a gradient's place would stand.
        let mut missed = std::mem::take(&mut self.missed);
        missed.clear();
        for &(row, _) in self.order.of(rows) {
            let Some(step) = row_steps.get_mut(row as usize) else { break };
            if now > *step {
                missed.push((row, u32::try_from(now - *step).unwrap_or(u32::MAX)));
                *step = now;
            }
        }
        let row_len = param.row_len();
        let [first, second] = &mut self.state.moments[param_idx];
        if first.len() != param.data.len() {
            self.missed = missed;
            return;
        }
        let lr_scale = param.lr_scale;
        let moving = Moving { p: &mut param.data, first, second };
        let zeros = vec![T::ZERO; row_len];
        let sums = &self.state.drift.sums;
        let sum = |missed: u32| sums[sums.len() - missed as usize] * lr_scale;
        let left = |powers: &Powers, missed: u32| {
            let left = powers.of(missed);
            T::from_f64(if left < DEAD { 0.0 } else { left })
        };
        let [keep, keep_square] = &self.powers;
        let order = &missed;
        match self.spec {
            OptimizerSpec::Adam { beta2, epsilon, .. } | OptimizerSpec::AdamW { beta2, epsilon, .. } => {
                let drift = |missed: u32| {
                    let first_step = now - u64::from(missed) + 1;
                    let correction = 1.0 - keep_square.of(u32::try_from(first_step).unwrap_or(u32::MAX));
                    let epsilon = epsilon * (correction / beta2).sqrt();
                    Drift::<T, true> {
                        sum: T::from_f64(sum(missed)),
                        keep: left(keep, missed),
                        keep_square: left(keep_square, missed),
                        epsilon: T::from_f64(epsilon),
                    }
                };
                update_rows(&|missed| (drift(missed), &zeros[..]), moving, 0, row_len, order);
            }
            OptimizerSpec::RmsProp { momentum, .. } if momentum != 0.0 => {
                let drift = |missed: u32| Drift::<T, false> {
                    sum: T::from_f64(sum(missed)),
                    keep: left(keep, missed),
                    keep_square: left(keep_square, missed),
                    epsilon: T::ZERO,
                };
                // Here the mean square is the first moment.
                let moving = Moving { p: moving.p, first: moving.second, second: moving.first };
                update_rows(&|missed| (drift(missed), &zeros[..]), moving, 0, row_len, order);
            }
            OptimizerSpec::RmsProp { .. } => {
                let drift = |missed: u32| SingleDrift { sum: T::ZERO, keep: left(keep_square, missed) };
                update_rows(&|missed| (drift(missed), &zeros[..]), moving, 0, row_len, order);
            }
            OptimizerSpec::Sgd { .. } => {
                let drift = |missed: u32| SingleDrift { sum: T::from_f64(sum(missed)), keep: left(keep, missed) };
                update_rows(&|missed| (drift(missed), &zeros[..]), moving, 0, row_len, order);
            }
            OptimizerSpec::Adagrad { .. } => {}
        }
        self.missed = missed;
    }
}

/// `base^0`, `base^1` and so on, made once.
#[derive(Debug, Clone)]
pub(super) struct Powers {
    base: f64,
    list: Vec<f64>,
}

impl Powers {
    /// Powers that are kept; higher ones are rare.
    const N_KEPT: i32 = 4096;

    pub(super) fn new(base: f64) -> Self {
        Self { base, list: (0..Self::N_KEPT).map(|power| base.powi(power)).collect() }
    }

    fn of(&self, power: u32) -> f64 {
        self.list.get(power as usize).copied().unwrap_or_else(|| self.base.powf(f64::from(power)))
    }
}

/// Rows in ascending order, with their places in the list that they came from.
#[derive(Debug, Clone, Default)]
pub(super) struct RowOrder {
    rows: Vec<u32>,
    order: Vec<(u32, u32)>,
}

impl RowOrder {
    /// `(row, place)` of `rows`, ascending. The same list twice in a row is sorted once.
    pub(super) fn of(&mut self, rows: &[u32]) -> &[(u32, u32)] {
        if self.rows != rows {
            self.rows.clear();
            self.rows.extend_from_slice(rows);
            self.order.clear();
            self.order.extend(rows.iter().enumerate().map(|(place, &row)| (row, place as u32)));
            self.order.sort_unstable();
        }
        &self.order
    }
}
