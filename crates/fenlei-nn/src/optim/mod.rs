//! Optimizers: from gradients to better parameters.
//!
//! Definitions are PyTorch's. Of a table a step visits only the rows that the batch touched; what the step would have
//! done to the others is made good when they are needed ([`Optimizer::catch_up`]), so that a table learns as a matrix
//! does, at a fraction of the cost.
//!
//! Order of a training step: [`Optimizer::catch_up`], forward and backward pass, [`Regularization::add_to_gradients`], then [`Regularization::clip`], then
//! [`Optimizer::step`], then [`Regularization::bound_rows`].

mod average;
mod drift;
mod regularization;
mod rules;
mod schedule;
mod spec;

pub use average::{AverageSpec, ExponentialAverage, ExponentialState, TailAverage};
pub use drift::DriftState;
pub use regularization::{MaxNormLayers, Regularization};
pub use schedule::{PlateauState, Progress, Schedule, ScheduleSpec, WarmupLength};
pub use spec::OptimizerSpec;

use self::drift::{Powers, RowOrder};
use crate::kernels::memory::in_large_pages;
use crate::kernels::update::{Moving, Rule, update, update_rows};
use crate::params::{Grad, Grads, Param, Params, Role};
use crate::scalar::Scalar;

/// What an optimizer remembers: everything that a checkpoint must hold to go on bit for bit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OptimizerState<T> {
    /// Steps done.
    pub n_steps: u64,
    /// The first and second moments of each parameter in the order of [`Params`]; empty where an optimizer keeps none
    /// and for frozen parameters.
    pub moments: Vec<[Vec<T>; 2]>,
    /// What is to be made good in the rows of tables.
    pub drift: DriftState,
}

/// An optimizer at work.
#[derive(Debug, Clone)]
pub struct Optimizer<T> {
    spec: OptimizerSpec,
    /// What it remembers.
    pub state: OptimizerState<T>,
    /// The rows that the step touches.
    order: RowOrder,
    /// The rows that are brought up to date, ascending, with the number of steps they missed.
    missed: Vec<(u32, u32)>,
    /// Of the decays of the moment that moves and of the mean square.
    powers: [Powers; 2],
}

impl<T: Scalar> Optimizer<T> {
    /// An optimizer before its first step.
    pub fn new(spec: OptimizerSpec, params: &Params<T>) -> Self {
        let moments = params.iter().map(|param| std::array::from_fn(|which| first_moments(&spec, param, which)));
        Self {
            spec,
            state: OptimizerState { moments: moments.collect(), ..Default::default() },
            order: RowOrder::default(),
            missed: Vec::new(),
            powers: spec.decays().map(Powers::new),
        }
    }

    /// An optimizer that goes on from a saved state; `None` when the state is of other parameters or another optimizer.
    pub fn resume(spec: OptimizerSpec, params: &Params<T>, state: OptimizerState<T>) -> Option<Self> {
        let mut optimizer = Self::new(spec, params);
        let sizes = |state: &OptimizerState<T>| -> Vec<[usize; 2]> {
            state.moments.iter().map(|[first, second]| [first.len(), second.len()]).collect()
        };
        (sizes(&optimizer.state) == sizes(&state) && state.drift.fits(params, state.n_steps)).then(|| {
            optimizer.state = state;
            optimizer
        })
    }

    /// What was asked for.
    pub fn spec(&self) -> &OptimizerSpec {
        &self.spec
    }

    /// Moves every trainable parameter along its gradient, with the learning rate times `lr_scale` and the parameter's own. Gives moments to
    /// parameters that were frozen when the optimizer was made.
    pub fn step(&mut self, params: &mut Params<T>, grads: &Grads<T>, lr_scale: f64) {
        let touched = grads.iter().filter(|grad| !grad.by_entry).map(|grad| &grad.rows);
        if let Some(rows) = touched.into_iter().find(|rows| !rows.is_empty()) {
            self.catch_up(params, rows);
        }
        self.state.n_steps += 1;
        self.advance_drift(self.spec.lr() * lr_scale);
        for (param_idx, (param, grad)) in params.iter_mut().zip(grads.iter()).enumerate() {
            if !param.trainable {
                continue;
            }
            for which in 0..self.spec.n_moments() {
                let moments = &mut self.state.moments[param_idx][which];
                if moments.len() != param.data.len() {
                    *moments = first_moments(&self.spec, param, which);
                }
            }
            self.step_param(param_idx, param, grad, lr_scale);
        }
    }

    fn step_param(&mut self, param_idx: usize, param: &mut Param<T>, grad: &Grad<T>, lr_scale: f64) {
        let lr = self.spec.lr() * lr_scale * param.lr_scale;
        let n = |x: f64| T::from_f64(x);
        match self.spec {
            OptimizerSpec::Sgd { momentum: 0.0, .. } => self.apply(rules::Sgd { lr: n(lr) }, param_idx, param, grad),
            OptimizerSpec::Sgd { momentum, nesterov, .. } => {
                let rule = rules::Momentum { lr: n(lr), momentum: n(momentum), nesterov };
                self.apply(rule, param_idx, param, grad);
            }
            OptimizerSpec::Adam { beta1, beta2, epsilon, .. } => {
                self.apply(self.adam(lr, beta1, beta2, epsilon, 0.0), param_idx, param, grad);
            }
            OptimizerSpec::AdamW { beta1, beta2, epsilon, weight_decay, .. } => {
                let weight_decay = if param.role == Role::Weight { weight_decay } else { 0.0 };
                self.apply(self.adam(lr, beta1, beta2, epsilon, weight_decay), param_idx, param, grad);
            }
            OptimizerSpec::RmsProp { rho, epsilon, momentum, .. } => {
                let rms = rules::RmsProp { lr: n(lr), rho: n(rho), gain: n(1.0 - rho), epsilon: n(epsilon) };
                if momentum == 0.0 {
                    self.apply(rms, param_idx, param, grad);
                } else {
                    self.apply(rules::RmsPropMomentum { rms, momentum: n(momentum) }, param_idx, param, grad);
                }
            }
            OptimizerSpec::Adagrad { epsilon, .. } => {
                self.apply(rules::Adagrad { lr: n(lr), epsilon: n(epsilon) }, param_idx, param, grad);
            }
        }
    }

    fn adam(&self, lr: f64, beta1: f64, beta2: f64, epsilon: f64, weight_decay: f64) -> rules::Adam<T> {
        let t = self.state.n_steps as f64;
        rules::Adam {
            step: T::from_f64(lr / (1.0 - beta1.powf(t))),
            gain1: T::from_f64(1.0 - beta1),
            beta2: T::from_f64(beta2),
            gain2: T::from_f64(1.0 - beta2),
            root: T::from_f64(1.0 / (1.0 - beta2.powf(t)).sqrt()),
            epsilon: T::from_f64(epsilon),
            keep: T::from_f64(1.0 - lr * weight_decay),
        }
    }

    fn apply<R: Rule<T>>(&mut self, rule: R, param_idx: usize, param: &mut Param<T>, grad: &Grad<T>) {
        let row_len = grad.row_len(param);
        let [first, second] = &mut self.state.moments[param_idx];
        let moving = Moving { p: &mut param.data, first, second };
        if param.role.is_table() {
            let rule = |place: u32| (rule, &grad.data[place as usize * row_len..][..row_len]);
            update_rows(&rule, moving, 0, row_len, self.order.of(&grad.rows));
            if let Some(row_steps) = self.state.drift.row_steps.get_mut(param_idx).filter(|steps| !steps.is_empty()) {
                grad.rows.iter().for_each(|&row| row_steps[row as usize] = self.state.n_steps);
            }
        } else {
            update(rule, moving, &grad.data);
        }
    }
}

fn first_moments<T: Scalar>(spec: &OptimizerSpec, param: &Param<T>, which: usize) -> Vec<T> {
    let n = if param.trainable && which < spec.n_moments() { param.data.len() } else { 0 };
    in_large_pages(vec![T::from_f64(if which == 0 { spec.initial() } else { 0.0 }); n])
}

#[cfg(test)]
mod tests;
