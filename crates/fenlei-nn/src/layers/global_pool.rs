//! Pooling over whole documents: one row each, whatever their length.

use serde::{Deserialize, Serialize};

use super::{Cache, Input, Layer, Pass};
use crate::kernels::documents::{for_each_doc, for_each_doc2};
use crate::kernels::elementwise::add_column_sums;
use crate::kernels::pooling::{NO_WINNER, max_rows, scatter_to_winners};
use crate::params::{Grads, Params};
use crate::ragged::Rows;
use crate::scalar::Scalar;

/// What a document becomes. Columns without rows to pool are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum GlobalPooling {
    /// The largest number of each column (Collobert et al. 2011).
    Max,
    /// The mean of each column.
    Average,
    /// The maximum, then the mean, side by side.
    MaxAndAverage,
    /// The `k` largest numbers of each column in the order of their positions (Kalchbrenner et al. 2014), as `k` rows
    /// side by side. A document with fewer rows leaves the last ones zero.
    KMax {
        /// How many, at least 1.
        k: usize,
    },
}

/// Pools each document into one row.
///
/// Cache: `winners` of a maximum, `[n_docs, columns of winners]`, as row numbers of the input.
#[derive(Debug, Clone, Copy)]
pub struct GlobalPool(pub GlobalPooling);

impl GlobalPool {
    /// Numbers in a row of the output for `n_in` in a row of the input.
    pub fn n_out(&self, n_in: usize) -> usize {
        n_in * match self.0 {
            GlobalPooling::Max | GlobalPooling::Average => 1,
            GlobalPooling::MaxAndAverage => 2,
            GlobalPooling::KMax { k } => k,
        }
    }

    /// Winners a document has.
    fn n_winners(&self, n_in: usize) -> usize {
        match self.0 {
            GlobalPooling::Max | GlobalPooling::MaxAndAverage => n_in,
            GlobalPooling::Average => 0,
            GlobalPooling::KMax { k } => k * n_in,
        }
    }
}

impl<T: Scalar> Layer<T> for GlobalPool {
    fn forward(&self, y: &mut Rows<T>, cache: &mut Cache<T>, x: Input<'_, T>, _: &Params<T>, _: Pass) {
        let x = x.rows();
        let (n_in, n_out, n_winners) = (x.width, self.n_out(x.width), self.n_winners(x.width));
        y.reset_vectors(x.n_docs(), n_out);
        let winners = &mut cache.winners;
        winners.clear();
        winners.resize(x.n_docs() * n_winners, NO_WINNER);
        for_each_doc2(&mut y.data, n_out, winners, n_winners, &y.starts, x.data.len(), |doc_idx, y, winners| {
            let doc = x.doc(doc_idx);
            let first_row = doc.start as u32;
            let rows = x.doc_data(doc_idx);
            match self.0 {
                GlobalPooling::Max => max_rows(y, winners, rows, first_row),
                GlobalPooling::Average => mean_rows(y, rows, doc.len()),
                GlobalPooling::MaxAndAverage => {
                    let (largest, mean) = y.split_at_mut(n_in);
                    max_rows(largest, winners, rows, first_row);
                    mean_rows(mean, rows, doc.len());
                }
                GlobalPooling::KMax { .. } => k_largest_rows(y, winners, rows, n_in, first_row),
            }
        });
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
        let (n_in, n_winners) = (x.width, self.n_winners(x.width));
        dx.reset(&x.starts, n_in);
        let work = dx.data.len();
        for_each_doc(&mut dx.data, n_in, &x.starts, work, |doc_idx, dx| {
            let dy = dy.row(doc_idx);
            let d_mean = match self.0 {
                GlobalPooling::Average => dy,
                GlobalPooling::MaxAndAverage => &dy[n_in..],
                _ => &[],
            };
            if !d_mean.is_empty() {
                let share = T::ONE / T::from_f64(x.doc(doc_idx).len().max(1) as f64);
                for dx in dx.chunks_exact_mut(n_in) {
                    dx.iter_mut().zip(d_mean).for_each(|(dx, &d)| *dx = d * share);
                }
            }
            let winners = &cache.winners[doc_idx * n_winners..(doc_idx + 1) * n_winners];
            let first_row = x.doc(doc_idx).start as u32;
            if n_winners > 0 {
                for (d_best, winners) in dy.chunks_exact(n_in).zip(winners.chunks_exact(n_in)) {
                    scatter_to_winners(dx, d_best, winners, first_row);
                }
            }
        });
    }

    fn trains(&self, _: &Params<T>) -> bool {
        false
    }
}

/// `mean` is zero on entry.
fn mean_rows<T: Scalar>(mean: &mut [T], rows: &[T], n_rows: usize) {
    add_column_sums(mean, rows);
    let share = T::ONE / T::from_f64(n_rows.max(1) as f64);
    mean.iter_mut().for_each(|y| *y *= share);
}

/// Fills `best` and `winners`, `[k, width]`, with the largest numbers of each column in the order of their rows. Of
/// equal numbers the first ones stay. On entry `best` is zero and `winners` is [`NO_WINNER`].
fn k_largest_rows<T: Scalar>(best: &mut [T], winners: &mut [u32], rows: &[T], width: usize, first_row: u32) {
    let k = best.len() / width;
    for (row_idx, row) in rows.chunks_exact(width).enumerate() {
        for (column, &x) in row.iter().enumerate() {
            let slot = |i: usize| i * width + column;
            let place = if row_idx < k {
                row_idx
            } else {
                // The last of the smallest gives way; those behind it move up, the new one takes the end.
                let smallest = (1..k).fold(0, |s, i| if best[slot(i)] <= best[slot(s)] { i } else { s });
                if x <= best[slot(smallest)] {
                    continue;
                }
                for i in smallest..k - 1 {
                    best[slot(i)] = best[slot(i + 1)];
                    winners[slot(i)] = winners[slot(i + 1)];
                }
                k - 1
            };
            best[slot(place)] = x;
            winners[slot(place)] = first_row + row_idx as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pool(pooling: GlobalPooling, x: &Rows<f64>) -> Rows<f64> {
        let mut y = Rows::default();
        let (mut cache, params) = (Cache::default(), Params::default());
        GlobalPool(pooling).forward(&mut y, &mut cache, Input::Rows(x), &params, Pass::Predict);
        y
    }

    #[test]
    fn pools_each_document_into_one_row() {
        let x = Rows { data: vec![1.0, -4.0, 5.0, -2.0, 3.0, -9.0], width: 2, starts: vec![0, 3, 3] };
        assert_eq!(pool(GlobalPooling::Max, &x).data, [5.0, -2.0, 0.0, 0.0]);
        assert_eq!(pool(GlobalPooling::Average, &x).data, [3.0, -5.0, 0.0, 0.0]);
        assert_eq!(pool(GlobalPooling::MaxAndAverage, &x).data, [5.0, -2.0, 3.0, -5.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(pool(GlobalPooling::KMax { k: 2 }, &x).data, [5.0, -4.0, 3.0, -2.0, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn documents_with_fewer_rows_than_k_are_filled_with_zeros() {
        let x = Rows { data: vec![-1.0, -2.0], width: 1, starts: vec![0, 2] };
        assert_eq!(pool(GlobalPooling::KMax { k: 4 }, &x).data, [-1.0, -2.0, 0.0, 0.0]);
    }

    proptest! {
        #[test]
        fn k_max_equals_sorting(numbers in prop::collection::vec(-3i8..4, 0..30), k in 1usize..6) {
            let data: Vec<f64> = numbers.iter().map(|&x| x as f64).collect();
            let x = Rows { starts: vec![0, data.len() as u32], width: 1, data };
            let mut order: Vec<usize> = (0..x.data.len()).collect();
            order.sort_by(|&a, &b| x.data[b].total_cmp(&x.data[a]).then(a.cmp(&b)));
            order.truncate(k);
            order.sort_unstable();
            let mut expected: Vec<f64> = order.iter().map(|&i| x.data[i]).collect();
            expected.resize(k, 0.0);
            prop_assert_eq!(pool(GlobalPooling::KMax { k }, &x).data, expected);
        }
    }
}
