//! The fully connected layer.

use super::{Cache, Input, Layer, Pass};
use crate::init::{Builder, Init};
use crate::kernels::elementwise::{add_column_sums, fill_rows};
use crate::kernels::gemm::{Mat, matmul};
use crate::params::{Grads, ParamId, Params, Role};
use crate::ragged::Rows;
use crate::scalar::Scalar;

/// `y = x · Wᵀ + b` for each row. Uses nothing of the cache.
#[derive(Debug, Clone)]
pub struct Dense {
    /// `[n_out, n_in]`.
    weight: ParamId,
    /// `[n_out]`.
    bias: ParamId,
    n_in: usize,
    n_out: usize,
}

impl Dense {
    /// Makes the parameters `{name}.weight`, `[n_out, n_in]`, and `{name}.bias`, `[n_out]`.
    pub fn new<T: Scalar>(builder: &mut Builder<'_, T>, name: &str, n_in: usize, n_out: usize) -> Self {
        let init = Init::GlorotUniform { fan_in: n_in, fan_out: n_out };
        let weight = builder.add(format!("{name}.weight"), &[n_out, n_in], Role::Weight, init);
        let bias = builder.add(format!("{name}.bias"), &[n_out], Role::Bias, Init::Constant(0.0));
        Self { weight, bias, n_in, n_out }
    }

    /// The parameter ids of the weight, `[n_out, n_in]`, and the bias.
    pub fn params(&self) -> (ParamId, ParamId) {
        (self.weight, self.bias)
    }
}

impl<T: Scalar> Layer<T> for Dense {
    fn forward(&self, y: &mut Rows<T>, _: &mut Cache<T>, x: Input<'_, T>, params: &Params<T>, _: Pass) {
        let x = x.rows();
        y.reset(&x.starts, self.n_out);
        fill_rows(&mut y.data, params.data(self.bias));
        let w = Mat::new(params.data(self.weight), self.n_out, self.n_in);
        matmul(&mut y.data, Mat::new(&x.data, x.n_rows(), self.n_in), w.t(), true);
    }

    fn backward(
        &self,
        dx: Option<&mut Rows<T>>,
        grads: &mut Grads<T>,
        _: &mut Cache<T>,
        dy: &Rows<T>,
        _: &Rows<T>,
        x: Input<'_, T>,
        params: &Params<T>,
    ) {
        let x = x.rows();
        let dy_mat = Mat::new(&dy.data, dy.n_rows(), self.n_out);
        // A frozen parameter has no gradient.
        let dw = grads.data_mut(self.weight);
        if !dw.is_empty() {
            matmul(dw, dy_mat.t(), Mat::new(&x.data, x.n_rows(), self.n_in), true);
        }
        add_column_sums(grads.data_mut(self.bias), &dy.data);
        if let Some(dx) = dx {
            dx.reset(&x.starts, self.n_in);
            matmul(&mut dx.data, dy_mat, Mat::new(params.data(self.weight), self.n_out, self.n_in), false);
        }
    }

    fn trains(&self, params: &Params<T>) -> bool {
        params.get(self.weight).trainable || params.get(self.bias).trainable
    }
}
