//! Layer normalisation.

use super::{Cache, Input, Layer, Pass};
use crate::init::{Builder, Init};
use crate::kernels::documents::for_each_doc;
use crate::kernels::elementwise::add_column_sums;
use crate::kernels::norms::{sum, sum_of_products};
use crate::params::{Grads, ParamId, Params, Role};
use crate::ragged::Rows;
use crate::scalar::Scalar;

/// Every row gets mean 0 and variance 1, then a scale and a shift for each column (Ba et al. 2016).
///
/// Cache: `work` holds mean and `1 / √(variance + ε)` of each row, `[n_rows, 2]`; `work2` the products behind the
/// gradient of the scale.
#[derive(Debug, Clone)]
pub struct LayerNorm {
    /// `[width]`.
    scale: ParamId,
    /// `[width]`.
    shift: ParamId,
    width: usize,
    /// Keeps the quotient of a constant row finite.
    epsilon: f64,
}

impl LayerNorm {
    /// Makes the parameters `{name}.scale` and `{name}.shift`, `[width]`.
    pub fn new<T: Scalar>(builder: &mut Builder<'_, T>, name: &str, width: usize, epsilon: f64) -> Self {
        let scale = builder.add(format!("{name}.scale"), &[width], Role::Bias, Init::Constant(1.0));
        let shift = builder.add(format!("{name}.shift"), &[width], Role::Bias, Init::Constant(0.0));
        Self { scale, shift, width, epsilon }
    }
}

impl<T: Scalar> Layer<T> for LayerNorm {
    fn forward(&self, y: &mut Rows<T>, cache: &mut Cache<T>, x: Input<'_, T>, params: &Params<T>, _: Pass) {
        let (x, width) = (x.rows(), self.width);
        let share = T::from_f64(1.0 / width as f64);
        let moments = &mut cache.work;
        moments.resize(x.n_rows() * 2, T::ZERO);
        for_each_doc(moments, 2, &x.starts, x.data.len(), |doc_idx, moments| {
            for (moments, x) in moments.chunks_exact_mut(2).zip(x.doc_data(doc_idx).chunks_exact(width)) {
                let mean = sum(x, T::ZERO) * share;
                let variance = sum_of_products(x, x, mean, mean) * share;
                moments[0] = mean;
                moments[1] = T::ONE / (variance + T::from_f64(self.epsilon)).sqrt();
            }
        });
        y.resize_like(&x.starts, width);
        let (scale, shift) = (params.data(self.scale), params.data(self.shift));
        let work = y.data.len();
        for_each_doc(&mut y.data, width, &x.starts, work, |doc_idx, y| {
            let moments = &moments[x.doc(doc_idx).start * 2..];
            let rows =
                y.chunks_exact_mut(width).zip(x.doc_data(doc_idx).chunks_exact(width)).zip(moments.chunks_exact(2));
            for ((y, x), moments) in rows {
                for (((y, &x), &scale), &shift) in y.iter_mut().zip(x).zip(scale).zip(shift) {
                    *y = (x - moments[0]) * moments[1] * scale + shift;
                }
            }
        });
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
        let (x, width) = (x.rows(), self.width);
        let Cache { work: moments, work2: products, .. } = cache;
        add_column_sums(grads.data_mut(self.shift), &dy.data);
        // dy · normalised x, whose columns sum to the gradient of the scale.
        products.resize(dy.data.len(), T::ZERO);
        for_each_doc(products, width, &x.starts, dy.data.len(), |doc_idx, products| {
            let moments = &moments[x.doc(doc_idx).start * 2..];
            let inputs = dy.doc_data(doc_idx).chunks_exact(width).zip(x.doc_data(doc_idx).chunks_exact(width));
            for ((products, (dy, x)), moments) in
                products.chunks_exact_mut(width).zip(inputs).zip(moments.chunks_exact(2))
            {
                for ((product, &dy), &x) in products.iter_mut().zip(dy).zip(x) {
                    *product = dy * (x - moments[0]) * moments[1];
                }
            }
        });
        add_column_sums(grads.data_mut(self.scale), products);

        let Some(dx) = dx else { return };
        dx.resize_like(&x.starts, width);
        let scale = params.data(self.scale);
        let share = T::from_f64(1.0 / width as f64);
        let work = dx.data.len();
        for_each_doc(&mut dx.data, width, &x.starts, work, |doc_idx, dx| {
            let first = x.doc(doc_idx).start;
            for (i, dx) in dx.chunks_exact_mut(width).enumerate() {
                let row = first + i;
                let (x, dy, moments) = (x.row(row), dy.row(row), &moments[row * 2..]);
                let along_mean = sum_of_products(dy, scale, T::ZERO, T::ZERO) * share;
                let along_x = sum_of_products(&products[row * width..][..width], scale, T::ZERO, T::ZERO) * share;
                for (((dx, &x), &dy), &scale) in dx.iter_mut().zip(x).zip(dy).zip(scale) {
                    let normalised = (x - moments[0]) * moments[1];
                    *dx = moments[1] * (dy * scale - along_mean - normalised * along_x);
                }
            }
        });
    }

    fn trains(&self, params: &Params<T>) -> bool {
        params.get(self.scale).trainable || params.get(self.shift).trainable
    }
}
