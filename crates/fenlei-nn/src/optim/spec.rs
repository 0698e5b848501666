//! Which optimizer, and its constants.

use serde::{Deserialize, Serialize};

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

    /// The share that a step leaves of the moment that moves, and of the mean square; zero for what there is not.
    pub(super) fn decays(&self) -> [f64; 2] {
        match *self {
            Self::Sgd { momentum, .. } => [momentum, 0.0],
            Self::Adam { beta1, beta2, .. } | Self::AdamW { beta1, beta2, .. } => [beta1, beta2],
            Self::RmsProp { rho, momentum, .. } => [momentum, rho],
            Self::Adagrad { .. } => [0.0; 2],
        }
    }

    /// How many moments each number has.
    pub(super) fn n_moments(&self) -> usize {
        match *self {
            Self::Sgd { momentum, .. } => usize::from(momentum != 0.0),
            Self::RmsProp { momentum, .. } => 1 + usize::from(momentum != 0.0),
            Self::Adam { .. } | Self::AdamW { .. } => 2,
            Self::Adagrad { .. } => 1,
        }
    }

    /// The first value of the first moment.
    pub(super) fn initial(&self) -> f64 {
        if let Self::Adagrad { initial, .. } = *self { initial } else { 0.0 }
    }
}
