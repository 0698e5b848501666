//! Root-mean-square normalisation.

use super::{Cache, Input, Layer, Pass};
use crate::init::{Builder, Init};
use crate::kernels::shortcut::{NormGradients, NormKept, RowNorm};
use crate::params::{Grads, ParamId, Params, Role};
use crate::ragged::Rows;
use crate::scalar::Scalar;
use crate::spec::NormKind;

/// Every row is divided by the root of its mean square, then multiplied by a scale for each column (Zhang and Sennrich
/// 2019).
///
/// Cache: `work` holds 0 and `1 / √(mean square + ε)` of each row, `[n_rows, 2]`; `work2` sums of parts of rows.
#[derive(Debug, Clone)]
pub struct RmsNorm {
    /// `[width]`.
    scale: ParamId,
    epsilon: f64,
}

impl RmsNorm {
    /// Makes the parameter `{name}.scale`, `[width]`.
    pub fn new<T: Scalar>(builder: &mut Builder<'_, T>, name: &str, width: usize, epsilon: f64) -> Self {
        Self { scale: builder.add(format!("{name}.scale"), &[width], Role::Bias, Init::Constant(1.0)), epsilon }
    }

    fn norm<'p, T: Scalar>(&self, params: &'p Params<T>) -> RowNorm<'p, T> {
        RowNorm { kind: NormKind::Rms, epsilon: self.epsilon, scale: params.data(self.scale), shift: &[] }
    }
}

impl<T: Scalar> Layer<T> for RmsNorm {
    fn forward(&self, y: &mut Rows<T>, cache: &mut Cache<T>, x: Input<'_, T>, params: &Params<T>, _: Pass) {
        let x = x.rows();
        y.resize_like(&x.starts, x.width);
        cache.work.resize(x.n_rows() * 2, T::ZERO);
        self.norm(params).forward(&mut y.data, &mut cache.work, &x.data);
    }

    fn backward(
        &self,
        dx: Option<&mut Rows<T>>,
        grads: &mut Grads<T>,
        cache: &mut Cache<T>,
        dy: &Rows<T>,
        _: &Rows<T>,
        x: Input<'_, T>,
        params: &Params<T>,
    ) {
        let x = x.rows();
        let Cache { work: moments, work2: partial, work3: unwanted, .. } = cache;
        let dx = match dx {
            Some(dx) => {
                dx.resize_like(&x.starts, x.width);
                &mut dx.data
            }
            None => {
                unwanted.resize(x.data.len(), T::ZERO);
                unwanted
            }
        };
        let d_scale = grads.data_mut(self.scale);
        let out = NormGradients { dx, masked: &mut [], d_scale, d_shift: &mut [], d_bias: &mut [] };
        let kept = NormKept { dy: &dy.data, x: &x.data, moments, along: &[], dropout: None };
        self.norm(params).backward(out, partial, kept);
    }

    fn trains(&self, params: &Params<T>) -> bool {
        params.get(self.scale).trainable
    }
}
