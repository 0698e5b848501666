//! Keeping parameters and gradients small. Each part is skipped when it is off.

use serde::{Deserialize, Serialize};

use crate::kernels::elementwise::{scale, update_with};
use crate::kernels::norms::sum_of_squares;
use crate::params::{Grads, Param, Params, Role};
use crate::scalar::Scalar;

/// What keeps parameters and gradients small. The default is nothing.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Regularization {
    /// `l1 · Σ|w|` is added to the loss.
    pub l1: f64,
    /// `l2 / 2 · Σw²` is added to the loss: the gradient gets `l2 · w`, as PyTorch's `weight_decay` of SGD.
    pub l2: f64,
    /// Whether `l1` and `l2` count for embedding tables too: for the rows that a batch touched.
    pub embeddings: bool,
    /// The largest length of the weights of an output; longer ones are scaled back after each step (Hinton et al. 2012;
    /// Kim 2014 uses 3 on the last layer).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_norm: Option<f64>,
    /// Which layers `max_norm` holds for.
    pub max_norm_layers: MaxNormLayers,
    /// The largest length of all gradients together; longer ones are scaled back (Pascanu et al. 2013).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
}

/// The layers that a maximal norm holds for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MaxNormLayers {
    /// The last weight of the net, as in Kim 2014.
    #[default]
    Last,
    /// Every weight.
    All,
}

impl Regularization {
    /// Adds the slopes of `l1` and `l2` to the gradients of weights and, if asked, of the touched rows of tables.
    pub fn add_to_gradients<T: Scalar>(&self, grads: &mut Grads<T>, params: &Params<T>) {
        if self.l1 == 0.0 && self.l2 == 0.0 {
            return;
        }
        let (l1, l2) = (T::from_f64(self.l1), T::from_f64(self.l2));
        let slope = |w: T| {
            let sign = if w > T::ZERO {
                l1
            } else if w < T::ZERO {
                -l1
            } else {
                T::ZERO
            };
            sign + l2 * w
        };
        for (grad, param) in grads.iter_mut().zip(params.iter()).filter(|(_, param)| param.trainable) {
            match param.role {
                Role::Weight => update_with(&mut grad.data, &param.data, move |g, w| g + slope(w)),
                Role::Table | Role::SparseTable if self.embeddings => {
                    let row_len = grad.row_len(param);
                    for (g, &row) in grad.data.chunks_exact_mut(row_len.max(1)).zip(&grad.rows) {
                        let w = &param.data[row as usize * row_len..][..row_len];
                        update_with(g, w, move |g, w| g + slope(w));
                    }
                }
                _ => {}
            }
        }
    }

    /// Scales all gradients so that their common length is at most `clip_norm`. Returns the length before, or `None`
    /// when clipping is off. Gradients that are not finite are left as they are, for the caller to see.
    pub fn clip<T: Scalar>(&self, grads: &mut Grads<T>) -> Option<f64> {
        let limit = self.clip_norm?;
        let norm = grads.iter().map(|grad| sum_of_squares(&grad.data)).sum::<f64>().sqrt();
        if norm.is_finite() && norm > limit {
            // The small number is PyTorch's.
            let factor = T::from_f64(limit / (norm + 1e-6));
            for grad in grads.iter_mut() {
                scale(&mut grad.data, factor);
            }
        }
        Some(norm)
    }

    /// Scales back every row of weights that is longer than `max_norm`. Called after the step.
    pub fn bound_rows<T: Scalar>(&self, params: &mut Params<T>) {
        let Some(limit) = self.max_norm else { return };
        let weights = params.iter_mut().filter(|param| param.role == Role::Weight && param.trainable);
        match self.max_norm_layers {
            MaxNormLayers::All => weights.for_each(|param| bound_param(param, limit)),
            MaxNormLayers::Last => weights.last().into_iter().for_each(|param| bound_param(param, limit)),
        }
    }
}

fn bound_param<T: Scalar>(param: &mut Param<T>, limit: f64) {
    let row_len = param.row_len();
    for row in param.data.chunks_exact_mut(row_len.max(1)) {
        let norm = sum_of_squares(row).sqrt();
        if norm > limit {
            let scale = T::from_f64(limit / norm);
            row.iter_mut().for_each(|w| *w *= scale);
        }
    }
}
