//! Optimizers: from gradients to better parameters.
//!
//! Definitions are PyTorch's. Of a table only the rows that the batch touched move, and with them their moments
//! ("lazy"): a row that was not touched is as it was. Bias corrections count the steps of the whole run.
//!
//! Order of a training step: [`Regularization::add_to_gradients`], then [`Regularization::clip`], then
//! [`Optimizer::step`], then [`Regularization::bound_rows`].

mod average;
mod regularization;
mod rules;
mod schedule;

use serde::{Deserialize, Serialize};

pub use average::{AverageSpec, ExponentialAverage, ExponentialState, TailAverage};
pub use regularization::{MaxNormLayers, Regularization};
pub use schedule::{PlateauState, Progress, Schedule, ScheduleSpec, WarmupLength};

use crate::kernels::update::{Moving, Rule, update, update_rows};
use crate::params::{Grad, Grads, Param, Params, Role};
use crate::scalar::Scalar;

/// Which optimizer, and its constants.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum OptimizerSpec {
    /// Gradient descent.
    Sgd {
        /// Learning rate.
        lr: f64,
        /// Share of the last move that goes on.
        #[serde(default)]
        momentum: f64,
        /// Looks ahead along the momentum.
        #[serde(default)]
        nesterov: bool,
    },
    /// Adam (Kingma and Ba 2015).
    Adam {
        /// Learning rate.
        lr: f64,
        /// Decay of the mean gradient.
        #[serde(default = "beta1")]
        beta1: f64,
        /// Decay of the mean squared gradient.
        #[serde(default = "beta2")]
        beta2: f64,
        /// Keeps the quotient finite.
        #[serde(default = "small")]
        epsilon: f64,
    },
    /// Adam with weight decay apart from the gradient (Loshchilov and Hutter 2019). Matrices decay; biases, scales and
    /// embedding tables do not.
    #[serde(rename = "adamw")]
    AdamW {
        /// Learning rate.
        lr: f64,
        /// Decay of the mean gradient.
        #[serde(default = "beta1")]
        beta1: f64,
        /// Decay of the mean squared gradient.
        #[serde(default = "beta2")]
        beta2: f64,
        /// Keeps the quotient finite.
        #[serde(default = "small")]
        epsilon: f64,
        /// Weights shrink by `lr · weight_decay` of themselves each step.
        weight_decay: f64,
    },
    /// RMSprop (Tieleman and Hinton 2012).
    #[serde(rename = "rmsprop")]
    RmsProp {
        /// Learning rate.
        lr: f64,
        /// Decay of the mean squared gradient.
        #[serde(default = "rho")]
        rho: f64,
        /// Keeps the quotient finite.
        #[serde(default = "small")]
        epsilon: f64,
        /// Share of the last move that goes on.
        #[serde(default)]
        momentum: f64,
    },
    /// Adagrad (Duchi et al. 2011).
    Adagrad {
        /// Learning rate.
        lr: f64,
        /// Keeps the quotient finite.
        #[serde(default = "tiny")]
        epsilon: f64,
        /// First value of the sum of squares.
        #[serde(default)]
        initial: f64,
    },
}

fn beta1() -> f64 {
    0.9
}
fn beta2() -> f64 {
    0.999
}
fn rho() -> f64 {
    0.99
}
fn small() -> f64 {
    1e-8
}
fn tiny() -> f64 {
    1e-10
}

impl OptimizerSpec {
    /// Adam with its usual constants.
    pub fn adam(lr: f64) -> Self {
        Self::Adam { lr, beta1: beta1(), beta2: beta2(), epsilon: small() }
    }

    /// The learning rate.
    pub fn lr(&self) -> f64 {
        match *self {
            Self::Sgd { lr, .. }
            | Self::Adam { lr, .. }
            | Self::AdamW { lr, .. }
            | Self::RmsProp { lr, .. }
            | Self::Adagrad { lr, .. } => lr,
        }
    }

    /// The first number that is outside its range: its name, what was found, what was expected.
    pub fn out_of_range(&self) -> Option<(&'static str, f64, &'static str)> {
        let decay = |name, x| (name, x, (0.0..1.0).contains(&x), "from 0 to below 1");
        let amount = |name, x: f64| (name, x, x >= 0.0 && x.is_finite(), "a number from 0 up");
        let lr = ("lr", self.lr(), self.lr() > 0.0 && self.lr().is_finite(), "a number above 0");
        let checks = match *self {
            Self::Sgd { momentum, .. } => vec![lr, decay("momentum", momentum)],
            Self::Adam { beta1, beta2, epsilon, .. } => {
                vec![lr, decay("beta1", beta1), decay("beta2", beta2), amount("epsilon", epsilon)]
            }
            Self::AdamW { beta1, beta2, epsilon, weight_decay, .. } => {
                let weight_decay = amount("weight_decay", weight_decay);
                vec![lr, decay("beta1", beta1), decay("beta2", beta2), amount("epsilon", epsilon), weight_decay]
            }
            Self::RmsProp { rho, epsilon, momentum, .. } => {
                vec![lr, decay("rho", rho), amount("epsilon", epsilon), decay("momentum", momentum)]
            }
            Self::Adagrad { epsilon, initial, .. } => {
                vec![lr, amount("epsilon", epsilon), amount("initial", initial)]
            }
        };
        checks.into_iter().find(|check| !check.2).map(|(name, found, _, expected)| (name, found, expected))
    }

    /// How many moments each number has.
    fn n_moments(&self) -> usize {
        match *self {
            Self::Sgd { momentum, .. } => usize::from(momentum != 0.0),
            Self::RmsProp { momentum, .. } => 1 + usize::from(momentum != 0.0),
            Self::Adam { .. } | Self::AdamW { .. } => 2,
            Self::Adagrad { .. } => 1,
        }
    }

    /// The first value of the first moment.
    fn initial(&self) -> f64 {
        if let Self::Adagrad { initial, .. } = *self { initial } else { 0.0 }
    }
}

/// What an optimizer remembers: everything that a checkpoint must hold to go on bit for bit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OptimizerState<T> {
    /// Steps done.
    pub n_steps: u64,
    /// The first and second moments of each parameter in the order of [`Params`]; empty where an optimizer keeps none
    /// and for frozen parameters.
    pub moments: Vec<[Vec<T>; 2]>,
}

/// An optimizer at work.
#[derive(Debug, Clone)]
pub struct Optimizer<T> {
    spec: OptimizerSpec,
    /// What it remembers.
    pub state: OptimizerState<T>,
    /// `(row, place)` of the touched rows of a table, ascending.
    order: Vec<(u32, u32)>,
}

impl<T: Scalar> Optimizer<T> {
    /// An optimizer before its first step.
    pub fn new(spec: OptimizerSpec, params: &Params<T>) -> Self {
        let moments = params.iter().map(|param| std::array::from_fn(|which| first_moments(&spec, param, which)));
        Self { spec, state: OptimizerState { n_steps: 0, moments: moments.collect() }, order: Vec::new() }
    }

    /// An optimizer that goes on from a saved state; `None` when the state is of other parameters or another optimizer.
    pub fn resume(spec: OptimizerSpec, params: &Params<T>, state: OptimizerState<T>) -> Option<Self> {
        let mut optimizer = Self::new(spec, params);
        let sizes = |state: &OptimizerState<T>| -> Vec<[usize; 2]> {
            state.moments.iter().map(|[first, second]| [first.len(), second.len()]).collect()
        };
        (sizes(&optimizer.state) == sizes(&state)).then(|| {
            optimizer.state = state;
            optimizer
        })
    }

    /// What was asked for.
    pub fn spec(&self) -> &OptimizerSpec {
        &self.spec
    }

    /// Moves every trainable parameter along its gradient, with the learning rate times `lr_scale`. Gives moments to
    /// parameters that were frozen when the optimizer was made.
    pub fn step(&mut self, params: &mut Params<T>, grads: &Grads<T>, lr_scale: f64) {
        self.state.n_steps += 1;
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
        let lr = self.spec.lr() * lr_scale;
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
        let row_len = param.row_len();
        let [first, second] = &mut self.state.moments[param_idx];
        let moving = Moving { p: &mut param.data, first, second };
        if param.role == Role::Table {
            self.order.clear();
            self.order.extend(grad.rows.iter().enumerate().map(|(place, &row)| (row, place as u32)));
            self.order.sort_unstable();
            update_rows(rule, moving, 0, row_len, &self.order, &grad.data);
        } else {
            update(rule, moving, &grad.data);
        }
    }
}

fn first_moments<T: Scalar>(spec: &OptimizerSpec, param: &Param<T>, which: usize) -> Vec<T> {
    let n = if param.trainable && which < spec.n_moments() { param.data.len() } else { 0 };
    vec![T::from_f64(if which == 0 { spec.initial() } else { 0.0 }); n]
}

#[cfg(test)]
mod tests;
