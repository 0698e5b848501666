//! The backward pass of a convolution whose output has few gradients, as behind a maximum: only these are visited.

use rayon::prelude::*;

use crate::kernels::sparse_grad::Groups;
use crate::scalar::Scalar;

/// A position in this many may have a gradient for the sparse pass to pay.
const SPARSE_FROM: usize = 12;

/// The gradients that are not zero: position, filter, gradient. In the order of the positions, and by filter.
#[derive(Debug, Clone, Default)]
pub struct SparseOutputs<T> {
    by_position: Vec<(u32, u32, T)>,
    by_filter: Groups<(u32, T)>,
    n_filters: usize,
}

impl<T: Scalar> SparseOutputs<T> {
    /// Lists what is not zero in `d: [n_positions, n_filters]`. False when there is too much of it.
    pub(super) fn list(&mut self, d: &[T], n_filters: usize) -> bool {
        let limit = d.len() / SPARSE_FROM;
        self.n_filters = n_filters;
        self.by_position.clear();
        for (position, row) in d.chunks_exact(n_filters).enumerate() {
            for (filter, &grad) in row.iter().enumerate() {
                if grad != T::ZERO {
                    self.by_position.push((position as u32, filter as u32, grad));
                }
            }
            if self.by_position.len() > limit {
                return false;
            }
        }
        true
    }

    /// `dw[filter] += grad · window(position)`. `dw: [n_filters, window_len]`; the window of a position begins at
    /// `position · step`.
    pub(super) fn add_to_weights(&mut self, dw: &mut [T], laid_out: &[T], step: usize, window_len: usize) {
        let items = self.by_position.iter().map(|&(position, filter, grad)| (filter, (position, grad)));
        self.by_filter.fill_with(self.n_filters, items, |filter| filter as usize);
        let rows = dw.par_chunks_mut(window_len).enumerate().with_min_len(8);
        rows.for_each(|(filter, dw)| {
            for &(position, grad) in self.by_filter.get(filter) {
                T::add_scaled(dw, grad, &laid_out[position as usize * step..][..window_len]);
            }
        });
    }

    /// `window(position) += grad · w[filter]` in the gradient of the laid-out rows. Windows overlap, so one thread adds.
    pub(super) fn add_to_rows(&self, d_laid_out: &mut [T], w: &[T], step: usize, window_len: usize) {
        for &(position, filter, grad) in &self.by_position {
            let window = &mut d_laid_out[position as usize * step..][..window_len];
            T::add_scaled(window, grad, &w[filter as usize * window_len..][..window_len]);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::init::Builder;
    use crate::layers::{Cache, Conv1d, ConvShape, Input, Layer, Padding, Pass};
    use crate::params::{Grads, Params};
    use crate::ragged::Rows;
    use crate::rng;

    /// The gradients of weights, bias and input for a given gradient of the output.
    fn backward(dy: &[f64]) -> (Grads<f64>, Vec<f64>) {
        let shape = ConvShape { n_in: 3, n_filters: 5, width: 4, stride: 2, padding: Padding::Same };
        let mut params = Params::<f64>::default();
        let conv = Conv1d::new(&mut Builder::new(&mut params, 1), "conv", shape);
        let mut x = Rows::default();
        x.reset(&[0, 20, 21, 50], 3);
        x.data.iter_mut().enumerate().for_each(|(i, v)| *v = rng::normal(2, i as u64));
        let (mut y, mut cache, mut grads, mut dx) =
            (Rows::default(), Cache::default(), Grads::default(), Rows::default());
        conv.forward(&mut y, &mut cache, Input::Rows(&x), &params, Pass::Predict);
        let mut d = y.clone();
        d.data.iter_mut().enumerate().for_each(|(i, d)| *d = dy.get(i).copied().unwrap_or_default());
        grads.reset(&params, &[]);
        conv.backward(Some(&mut dx), &mut grads, &mut cache, &d, &y, Input::Rows(&x), &params);
        (grads, dx.data)
    }

    #[test]
    fn few_gradients_give_what_their_parts_give_in_the_dense_pass() {
        // Three numbers out of 130 take the sparse pass; the same three added to many others take the dense pass.
        let n = 26 * 5;
        let mut few = vec![0.0; n];
        few[7] = 0.5;
        few[61] = -1.5;
        few[125] = 2.0;
        let many: Vec<f64> = (0..n).map(|i| rng::normal(3, i as u64)).collect();
        let both: Vec<f64> = few.iter().zip(&many).map(|(a, b)| a + b).collect();
        let (sparse, dense, sum) = (backward(&few), backward(&many), backward(&both));
        for ((a, b), c) in sparse.0.iter().zip(dense.0.iter()).zip(sum.0.iter()) {
            for ((a, b), c) in a.data.iter().zip(&b.data).zip(&c.data) {
                assert!((a + b - c).abs() < 1e-12);
            }
        }
        assert!(sparse.1.iter().any(|&v| v != 0.0));
        for ((a, b), c) in sparse.1.iter().zip(&dense.1).zip(&sum.1) {
            assert!((a + b - c).abs() < 1e-12);
        }
    }
}
