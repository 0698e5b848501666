//! Weights that are read in every step, laid out for products in registers.

use crate::kernels::blocks::multiply;
use crate::kernels::gemm::Mat;
use crate::scalar::Scalar;

/// Columns of a panel.
const COLS: usize = 32;

/// A matrix as panels of columns, each with its rows one after another.
#[derive(Debug, Clone, Default)]
pub struct Panels<T> {
    data: Vec<T>,
    n_rows: usize,
    n_cols: usize,
}

impl<T: Scalar> Panels<T> {
    /// Takes in `weights: [n_rows, n_cols]`, or `[n_cols, n_rows]` when they are `transposed`.
    pub fn pack(&mut self, weights: &[T], n_rows: usize, n_cols: usize, transposed: bool) {
        (self.n_rows, self.n_cols) = (n_rows, n_cols);
        self.data.clear();
        for first in (0..n_cols).step_by(COLS) {
            let columns = first..n_cols.min(first + COLS);
            for row in 0..n_rows {
                if transposed {
                    self.data.extend(columns.clone().map(|column| weights[column * n_rows + row]));
                } else {
                    self.data.extend_from_slice(&weights[row * n_cols..][columns.clone()]);
                }
            }
        }
    }

    /// `out = a · self`, or `out += a · self`, for `a: [n, n_rows]`.
    pub fn multiply(&self, out: &mut [T], a: &[T], accumulate: bool) {
        let a = Mat::new(a, a.len() / self.n_rows, self.n_rows);
        for (i, panel) in self.data.chunks(COLS * self.n_rows).enumerate() {
            let n = panel.len() / self.n_rows;
            multiply(&mut out[i * COLS..], self.n_cols, a, Mat::new(panel, self.n_rows, n), accumulate);
        }
    }
}
