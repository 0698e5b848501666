//! Batch normalisation.

use super::{Cache, Input, Layer, Pass};
use crate::init::{Builder, Init};
use crate::kernels::documents::for_each_doc;
use crate::kernels::elementwise::add_column_sums;
use crate::params::{Grads, ParamId, Params, Role};
use crate::ragged::Rows;
use crate::scalar::Scalar;

/// Keeps the quotient of a constant column finite; PyTorch's default.
const EPSILON: f64 = 1e-5;
/// Share of the way that a running statistic moves to that of the batch; PyTorch's default.
const MOMENTUM: f64 = 0.1;

/// Every column gets mean 0 and variance 1 over all rows of the batch, then a scale and a shift (Ioffe and Szegedy
/// 2015). Predictions use running statistics instead of those of the batch.
///
/// As in PyTorch, rows are normalised by the plain variance and the running variance gathers the unbiased one.
///
/// Cache: `work` holds mean and `1 / √(variance + ε)` in use, `[2, width]`; `work2` mean and unbiased variance of the
/// batch, `[2, width]`, empty after a predicting pass; `work3` sums over rows.
#[derive(Debug, Clone)]
pub struct BatchNorm {
    /// `[width]`.
    scale: ParamId,
    /// `[width]`.
    shift: ParamId,
    /// `[width]`.
    running_mean: ParamId,
    /// `[width]`.
    running_variance: ParamId,
    width: usize,
}

impl BatchNorm {
    /// Makes the parameters `{name}.scale`, `{name}.shift`, `{name}.running_mean` and `{name}.running_variance`,
    /// `[width]`.
    pub fn new<T: Scalar>(builder: &mut Builder<'_, T>, name: &str, width: usize) -> Self {
        let mut add =
            |part: &str, role, value| builder.add(format!("{name}.{part}"), &[width], role, Init::Constant(value));
        Self {
            scale: add("scale", Role::Bias, 1.0),
            shift: add("shift", Role::Bias, 0.0),
            running_mean: add("running_mean", Role::Statistic, 0.0),
            running_variance: add("running_variance", Role::Statistic, 1.0),
            width,
        }
    }
}

fn inverse_deviation<T: Scalar>(variance: T) -> T {
    T::ONE / (variance + T::from_f64(EPSILON)).sqrt()
}

impl<T: Scalar> Layer<T> for BatchNorm {
    fn forward(&self, y: &mut Rows<T>, cache: &mut Cache<T>, x: Input<'_, T>, params: &Params<T>, pass: Pass) {
        let (x, width) = (x.rows(), self.width);
        let n_rows = x.n_rows();
        let Cache { work: moments, work2: batch, work3: squares, .. } = cache;
        moments.clear();
        moments.resize(2 * width, T::ZERO);
        batch.clear();
        let (mean, inverse) = moments.split_at_mut(width);
        if !matches!(pass, Pass::Train { .. }) || n_rows == 0 {
            mean.copy_from_slice(params.data(self.running_mean));
            for (inverse, &variance) in inverse.iter_mut().zip(params.data(self.running_variance)) {
                *inverse = inverse_deviation(variance);
            }
        } else {
            add_column_sums(mean, &x.data);
            let share = T::from_f64(1.0 / n_rows as f64);
            mean.iter_mut().for_each(|mean| *mean *= share);
            squares.resize(x.data.len(), T::ZERO);
            for_each_doc(squares, width, &x.starts, x.data.len(), |doc_idx, squares| {
                for (squares, x) in squares.chunks_exact_mut(width).zip(x.doc_data(doc_idx).chunks_exact(width)) {
                    for ((square, &x), &mean) in squares.iter_mut().zip(x).zip(&*mean) {
                        *square = (x - mean) * (x - mean);
                    }
                }
            });
            add_column_sums(inverse, squares);
            batch.extend_from_slice(mean);
            // Of a single row there is no unbiased variance; the plain one, zero, stands in.
            let unbiased = T::from_f64(1.0 / (n_rows.max(2) - 1) as f64);
            batch.extend(inverse.iter().map(|&sum| sum * unbiased));
            inverse.iter_mut().for_each(|sum| *sum = inverse_deviation(*sum * share));
        }
        let (mean, inverse) = moments.split_at(width);
        let (scale, shift) = (params.data(self.scale), params.data(self.shift));
        y.resize_like(&x.starts, width);
        let work = y.data.len();
        for_each_doc(&mut y.data, width, &x.starts, work, |doc_idx, y| {
            for (y, x) in y.chunks_exact_mut(width).zip(x.doc_data(doc_idx).chunks_exact(width)) {
                for (column, (y, &x)) in y.iter_mut().zip(x).enumerate() {
                    *y = (x - mean[column]) * inverse[column] * scale[column] + shift[column];
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
        let Cache { work: moments, work2: batch, work3: sums, .. } = cache;
        let (mean, inverse) = moments.split_at(width);
        // Σ dy and Σ dy · normalised x of each column, rows in order.
        sums.clear();
        sums.resize(2 * width, T::ZERO);
        let (along_mean, along_x) = sums.split_at_mut(width);
        add_column_sums(along_mean, &dy.data);
        for (dy, x) in dy.data.chunks_exact(width).zip(x.data.chunks_exact(width)) {
            for (column, (&dy, &x)) in dy.iter().zip(x).enumerate() {
                along_x[column] += dy * (x - mean[column]) * inverse[column];
            }
        }
        // A frozen parameter has no gradient, and then nothing is added.
        grads.data_mut(self.shift).iter_mut().zip(&*along_mean).for_each(|(grad, &sum)| *grad += sum);
        grads.data_mut(self.scale).iter_mut().zip(&*along_x).for_each(|(grad, &sum)| *grad += sum);

        let Some(dx) = dx else { return };
        dx.resize_like(&x.starts, width);
        let scale = params.data(self.scale);
        // Running statistics do not depend on the batch.
        let share = if batch.is_empty() { T::ZERO } else { T::from_f64(1.0 / x.n_rows() as f64) };
        let work = dx.data.len();
        for_each_doc(&mut dx.data, width, &x.starts, work, |doc_idx, dx| {
            let inputs = dy.doc_data(doc_idx).chunks_exact(width).zip(x.doc_data(doc_idx).chunks_exact(width));
            for (dx, (dy, x)) in dx.chunks_exact_mut(width).zip(inputs) {
                for (column, (dx, (&dy, &x))) in dx.iter_mut().zip(dy.iter().zip(x)).enumerate() {
                    let normalised = (x - mean[column]) * inverse[column];
                    let shared = share * (along_mean[column] + normalised * along_x[column]);
                    *dx = scale[column] * inverse[column] * (dy - shared);
                }
            }
        });
    }

    fn update_statistics(&self, params: &mut Params<T>, cache: &Cache<T>) {
        if cache.work2.is_empty() {
            return;
        }
        let (mean, variance) = cache.work2.split_at(self.width);
        let momentum = T::from_f64(MOMENTUM);
        for (id, batch) in [(self.running_mean, mean), (self.running_variance, variance)] {
            for (running, &batch) in params.data_mut(id).iter_mut().zip(batch) {
                *running += momentum * (batch - *running);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_statistics_move_towards_those_of_training_batches() {
        let mut params = Params::<f64>::default();
        let norm = BatchNorm::new(&mut Builder::new(&mut params, 1), "norm", 1);
        let x = Rows { data: vec![1.0, 2.0, 6.0], width: 1, starts: vec![0, 2, 3] };
        let (mut y, mut cache) = (Rows::default(), Cache::default());
        norm.forward(&mut y, &mut cache, Input::Rows(&x), &params, Pass::Train { seed: 0 });
        Layer::<f64>::update_statistics(&norm, &mut params, &cache);
        assert!((params.data(norm.running_mean)[0] - 0.3).abs() < 1e-15);
        assert!((params.data(norm.running_variance)[0] - (0.9 + 0.7)).abs() < 1e-15);
        let before = params.clone();
        norm.forward(&mut y, &mut cache, Input::Rows(&x), &params, Pass::Predict);
        Layer::<f64>::update_statistics(&norm, &mut params, &cache);
        assert_eq!(params, before, "a predicting pass leaves them");
    }

    #[test]
    fn a_batch_of_one_row_gives_the_shift() {
        let mut params = Params::<f32>::default();
        let norm = BatchNorm::new(&mut Builder::new(&mut params, 1), "norm", 2);
        params.data_mut(norm.shift).copy_from_slice(&[3.0, 4.0]);
        let x = Rows { data: vec![10.0, 20.0], width: 2, starts: vec![0, 1] };
        let (mut y, mut cache) = (Rows::default(), Cache::default());
        norm.forward(&mut y, &mut cache, Input::Rows(&x), &params, Pass::Train { seed: 0 });
        assert_eq!(y.data, [3.0, 4.0]);
    }
}
