//! Pooling by additive attention: a mean whose weights are learned.

use super::{Cache, Input, Layer, Pass};
use crate::init::{Builder, Init};
use crate::kernels::documents::for_each_doc;
use crate::kernels::elementwise::{add_column_sums, fill_rows, map_in_place};
use crate::kernels::gemm::{Mat, matmul};
use crate::params::{Grads, ParamId, Params, Role};
use crate::ragged::Rows;
use crate::scalar::Scalar;

/// `y = Σ_i a_i x_i` with `a = softmax(v · tanh(W x_i + b))` over the rows of a document (Yang et al. 2016, Bahdanau et
/// al. 2015); zeros for an empty document.
///
/// Cache: `work` is `tanh(W x + b)`, `[n_rows, units]`; `work2` the weights, `[n_rows]`; `work3` the gradient behind the
/// tanh's input; `mask` that of the scores.
#[derive(Debug, Clone)]
pub struct AttentionPool {
    /// `[units, width]`.
    weight: ParamId,
    /// `[units]`.
    bias: ParamId,
    /// `[units]`.
    vector: ParamId,
    width: usize,
    units: usize,
}

impl AttentionPool {
    /// Makes the parameters `{name}.weight`, `[units, width]`, `{name}.bias` and `{name}.vector`, `[units]`.
    pub fn new<T: Scalar>(builder: &mut Builder<'_, T>, name: &str, width: usize, units: usize) -> Self {
        let init = Init::GlorotUniform { fan_in: width, fan_out: units };
        let weight = builder.add(format!("{name}.weight"), &[units, width], Role::Weight, init);
        let bias = builder.add(format!("{name}.bias"), &[units], Role::Bias, Init::Constant(0.0));
        let init = Init::GlorotUniform { fan_in: units, fan_out: 1 };
        let vector = builder.add(format!("{name}.vector"), &[units], Role::Bias, init);
        Self { weight, bias, vector, width, units }
    }
}

fn dot<T: Scalar>(a: &[T], b: &[T]) -> T {
    a.iter().zip(b).fold(T::ZERO, |sum, (&a, &b)| sum + a * b)
}

impl<T: Scalar> Layer<T> for AttentionPool {
    fn forward(&self, y: &mut Rows<T>, cache: &mut Cache<T>, x: Input<'_, T>, params: &Params<T>, _: Pass) {
        let (x, units) = (x.rows(), self.units);
        let Cache { work: hidden, work2: weights, .. } = cache;
        hidden.resize(x.n_rows() * units, T::ZERO);
        fill_rows(hidden, params.data(self.bias));
        let w = Mat::new(params.data(self.weight), units, self.width);
        matmul(hidden, Mat::new(&x.data, x.n_rows(), self.width), w.t(), true);
        let vector = params.data(self.vector);
        let work = hidden.len();
        map_in_place(hidden, |x| x.tanh_lane());
        weights.resize(x.n_rows(), T::ZERO);
        for_each_doc(weights, 1, &x.starts, work, |doc, weights| {
            for (weight, row) in weights.iter_mut().zip(x.doc(doc)) {
                *weight = dot(&hidden[row * units..][..units], vector);
            }
            let top = weights.iter().fold(T::NEG_INFINITY, |top, &score| top.max(score));
            weights.iter_mut().for_each(|weight| *weight = (*weight - top).exp_lane());
            let total = weights.iter().copied().sum::<T>();
            weights.iter_mut().for_each(|weight| *weight /= total);
        });
        y.reset_vectors(x.n_docs(), self.width);
        let starts: Vec<u32> = y.starts.clone();
        for_each_doc(&mut y.data, self.width, &starts, x.data.len(), |doc, y| {
            for row in x.doc(doc) {
                let weight = weights[row];
                y.iter_mut().zip(x.row(row)).for_each(|(y, &x)| *y += weight * x);
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
        let (x, units) = (x.rows(), self.units);
        let Cache { work: hidden, work2: weights, work3: d_hidden, mask: d_scores, .. } = cache;
        d_scores.resize(x.n_rows(), T::ZERO);
        for_each_doc(d_scores, 1, &x.starts, x.data.len(), |doc, d_scores| {
            let weights = &weights[x.doc(doc)];
            d_scores.iter_mut().zip(x.doc(doc)).for_each(|(d, row)| *d = dot(dy.row(doc), x.row(row)));
            let along = dot(d_scores, weights);
            d_scores.iter_mut().zip(weights).for_each(|(d, &weight)| *d = weight * (*d - along));
        });
        let vector = params.data(self.vector);
        let d_vector = grads.data_mut(self.vector);
        for (hidden, &d) in hidden.chunks_exact(units).zip(&*d_scores) {
            d_vector.iter_mut().zip(hidden).for_each(|(sum, &hidden)| *sum += d * hidden);
        }
        d_hidden.resize(hidden.len(), T::ZERO);
        let rows = d_hidden.chunks_exact_mut(units).zip(hidden.chunks_exact(units)).zip(&*d_scores);
        for ((d_hidden, hidden), &d) in rows {
            for ((d_hidden, &hidden), &vector) in d_hidden.iter_mut().zip(hidden).zip(vector) {
                *d_hidden = d * vector * (T::ONE - hidden * hidden);
            }
        }
        add_column_sums(grads.data_mut(self.bias), d_hidden);
        let d_hidden = Mat::new(d_hidden, x.n_rows(), units);
        let d_weight = grads.data_mut(self.weight);
        if !d_weight.is_empty() {
            matmul(d_weight, d_hidden.t(), Mat::new(&x.data, x.n_rows(), self.width), true);
        }
        let Some(dx) = dx else { return };
        dx.resize_like(&x.starts, self.width);
        let work = dx.data.len();
        for_each_doc(&mut dx.data, self.width, &x.starts, work, |doc, dx| {
            for (dx, row) in dx.chunks_exact_mut(self.width).zip(x.doc(doc)) {
                dx.iter_mut().zip(dy.row(doc)).for_each(|(dx, &dy)| *dx = weights[row] * dy);
            }
        });
        matmul(&mut dx.data, d_hidden, Mat::new(params.data(self.weight), units, self.width), true);
    }

    fn trains(&self, params: &Params<T>) -> bool {
        [self.weight, self.bias, self.vector].into_iter().any(|id| params.get(id).trainable)
    }
}
