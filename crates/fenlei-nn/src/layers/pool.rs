//! Pooling over windows of a document.

use serde::{Deserialize, Serialize};

use super::{Cache, Input, Layer, Pass};
use crate::kernels::documents::{for_each_doc, for_each_doc2};
use crate::kernels::elementwise::add_column_sums;
use crate::kernels::pooling::{max_rows, scatter_to_winners};
use crate::params::{Grads, Params};
use crate::ragged::Rows;
use crate::scalar::Scalar;

/// What a window becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// The largest number of each column.
    Max,
    /// The mean of each column.
    Average,
}

/// Pools windows of `size` rows, `stride` apart: `⌊(len - size) / stride⌋ + 1` rows a document.
///
/// A document shorter than the window gives one row over what there is, an empty one a row of zeros.
///
/// Cache: `winners` of a maximum, `[n_rows, width]`, as row numbers of the input.
#[derive(Debug, Clone, Copy)]
pub struct Pool {
    /// What a window becomes.
    pub pooling: Pooling,
    /// Rows of a window, at least 1.
    pub size: usize,
    /// Rows from one window to the next, at least 1.
    pub stride: usize,
}

impl Pool {
    fn n_windows(&self, len: usize) -> usize {
        len.saturating_sub(self.size) / self.stride + 1
    }

    /// The input rows of a window.
    fn window(&self, doc: &std::ops::Range<usize>, window_idx: usize) -> std::ops::Range<usize> {
        let start = doc.start + window_idx * self.stride;
        start..usize::min(start + self.size, doc.end)
    }
}

impl<T: Scalar> Layer<T> for Pool {
    fn forward(&self, y: &mut Rows<T>, cache: &mut Cache<T>, x: Input<'_, T>, _: &Params<T>, _: Pass) {
        let x = x.rows();
        let width = x.width;
        y.resize_documents((0..x.n_docs()).map(|doc_idx| self.n_windows(x.doc(doc_idx).len())), width);
        let rows = |rows: std::ops::Range<usize>| &x.data[rows.start * width..rows.end * width];
        match self.pooling {
            Pooling::Max => {
                cache.winners.resize(y.data.len(), 0);
                let winners = &mut cache.winners;
                for_each_doc2(&mut y.data, width, winners, width, &y.starts, x.data.len(), |doc_idx, y, winners| {
                    let doc = x.doc(doc_idx);
                    let windows = y.chunks_exact_mut(width).zip(winners.chunks_exact_mut(width)).enumerate();
                    for (window_idx, (y, winners)) in windows {
                        let window = self.window(&doc, window_idx);
                        max_rows(y, winners, rows(window.clone()), window.start as u32);
                    }
                });
            }
            Pooling::Average => for_each_doc(&mut y.data, width, &y.starts, x.data.len(), |doc_idx, y| {
                let doc = x.doc(doc_idx);
                for (window_idx, y) in y.chunks_exact_mut(width).enumerate() {
                    let window = self.window(&doc, window_idx);
                    let share = T::ONE / T::from_f64(window.len().max(1) as f64);
                    y.fill(T::ZERO);
                    add_column_sums(y, rows(window));
                    y.iter_mut().for_each(|y| *y *= share);
                }
            }),
        }
    }

    fn backward(
        &self,
        dx: Option<&mut Rows<T>>,
        _: &mut Grads<T>,
        cache: &mut Cache<T>,
        dy: &Rows<T>,
        _: &Rows<T>,
        x: Input<'_, T>,
        _: &Params<T>,
    ) {
        let (Some(dx), x) = (dx, x.rows()) else { return };
        let width = x.width;
        dx.reset(&x.starts, width);
        let work = dx.data.len();
        for_each_doc(&mut dx.data, width, &x.starts, work, |doc_idx, dx| {
            let doc = x.doc(doc_idx);
            for (window_idx, row) in dy.doc(doc_idx).enumerate() {
                match self.pooling {
                    Pooling::Max => {
                        let winners = &cache.winners[row * width..(row + 1) * width];
                        scatter_to_winners(dx, dy.row(row), winners, doc.start as u32);
                    }
                    Pooling::Average => {
                        let window = self.window(&doc, window_idx);
                        let share = T::ONE / T::from_f64(window.len().max(1) as f64);
                        let window = (window.start - doc.start) * width..(window.end - doc.start) * width;
                        for dx in dx[window].chunks_exact_mut(width) {
                            dx.iter_mut().zip(dy.row(row)).for_each(|(dx, &dy)| *dx += dy * share);
                        }
                    }
                }
            }
        });
    }

    fn trains(&self, _: &Params<T>) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(pooling: Pooling, size: usize, stride: usize) -> Rows<f64> {
        let x = Rows {
            data: vec![1.0, 4.0, 2.0, 9.0, 3.0, 8.0, 6.0, 7.0, 5.0, 0.0, -3.0, -4.0],
            width: 2,
            starts: vec![0, 5, 5, 6],
        };
        let mut y = Rows::default();
        let layer = Pool { pooling, size, stride };
        layer.forward(&mut y, &mut Cache::default(), Input::Rows(&x), &Params::default(), Pass::Predict);
        y
    }

    #[test]
    fn pools_windows_short_documents_and_empty_ones() {
        let y = pool(Pooling::Max, 2, 2);
        assert_eq!(y.starts, [0, 2, 3, 4]);
        assert_eq!(y.data, [2.0, 9.0, 6.0, 8.0, 0.0, 0.0, -3.0, -4.0]);
        let y = pool(Pooling::Average, 4, 1);
        assert_eq!(y.starts, [0, 2, 3, 4]);
        assert_eq!(y.data, [3.0, 7.0, 4.0, 6.0, 0.0, 0.0, -3.0, -4.0]);
    }
}
