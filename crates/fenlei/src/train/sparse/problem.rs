//! What the solvers work on: documents as sparse rows, by row and by column.
//!
//! Invariant: threads share outputs, never sums. Products with the documents go by row, products with their transpose by
//! column, so that no number depends on how many threads there are.

use rayon::prelude::*;

use crate::features::SparseRows;

/// Pieces of about equal work that columns are divided into.
const N_PIECES: usize = 128;

/// Documents that one thread takes at a time.
const DOCS_PER_TASK: usize = 64;

/// The documents of a training.
pub(super) struct Problem<'a> {
    /// By document.
    pub rows: &'a SparseRows,
    /// By column.
    pub columns: &'a SparseRows,
    /// Where the pieces of columns begin and end.
    pieces: &'a [usize],
    /// What each column is multiplied by; 1 where there is none.
    pub scale: Option<Vec<f64>>,
    /// What an error on each document costs.
    pub costs: &'a [f64],
}

impl<'a> Problem<'a> {
    /// The documents `rows`, which are `columns` by column, cut into `pieces`.
    pub fn new(rows: &'a SparseRows, columns: &'a SparseRows, pieces: &'a [usize], costs: &'a [f64]) -> Self {
        Self { rows, columns, pieces, scale: None, costs }
    }

    /// The same documents with multiplied columns.
    pub fn scaled(&self, scale: Vec<f64>) -> Self {
        Self { rows: self.rows, columns: self.columns, pieces: self.pieces, scale: Some(scale), costs: self.costs }
    }

    pub fn n_docs(&self) -> usize {
        self.rows.len()
    }

    pub fn n_columns(&self) -> usize {
        self.rows.n_columns
    }

    /// The margins of all documents: out: [n_docs, k], weights: [n_columns + 1, k], the last row the bias.
    pub fn margins(&self, out: &mut [f64], weights: &[f64], k: usize) {
        let scaled: Vec<f64>;
        let weights = match &self.scale {
            None => weights,
            Some(scale) => {
                let factors = scale.iter().copied().chain([1.0]);
                scaled =
                    weights.chunks_exact(k).zip(factors).flat_map(|(row, f)| row.iter().map(move |w| w * f)).collect();
                &scaled
            }
        };
        let bias = &weights[self.n_columns() * k..];
        out.par_chunks_mut(DOCS_PER_TASK * k).enumerate().for_each(|(task, out)| {
            for (doc, out) in (task * DOCS_PER_TASK..).zip(out.chunks_exact_mut(k)) {
                let (columns, values) = self.rows.row(doc);
                if let [out] = out {
                    *out = bias[0] + sparse_dot(columns, values, weights);
                    continue;
                }
                out.copy_from_slice(bias);
                for (&column, &x) in columns.iter().zip(values) {
                    let row = &weights[column as usize * k..][..k];
                    out.iter_mut().zip(row).for_each(|(out, w)| *out += w * f64::from(x));
                }
            }
        });
    }

    /// Sums over documents of each column times `of_docs`: out: [n_columns + 1, k], of_docs: [n_docs, k]. With `squared`
    /// the columns' squares are taken.
    pub fn sums(&self, out: &mut [f64], of_docs: &[f64], k: usize, squared: bool) {
        let (mut rest, bias) = out.split_at_mut(self.n_columns() * k);
        let mut pieces = Vec::with_capacity(self.pieces.len());
        for bounds in self.pieces.windows(2) {
            let (piece, after) = rest.split_at_mut((bounds[1] - bounds[0]) * k);
            rest = after;
            pieces.push((bounds[0], piece));
        }
        pieces.into_par_iter().with_max_len(1).for_each(|(first, piece)| {
            for (column, out) in (first..).zip(piece.chunks_exact_mut(k)) {
                let (docs, values) = self.columns.row(column);
                match (&mut *out, squared) {
                    ([out], false) => *out = sparse_dot(docs, values, of_docs),
                    (out, _) => {
                        out.fill(0.0);
                        for (&doc, &x) in docs.iter().zip(values) {
                            let x = if squared { f64::from(x) * f64::from(x) } else { f64::from(x) };
                            let of_doc = &of_docs[doc as usize * k..][..k];
                            out.iter_mut().zip(of_doc).for_each(|(out, u)| *out += u * x);
                        }
                    }
                }
                if let Some(scale) = &self.scale {
                    let factor = if squared { scale[column] * scale[column] } else { scale[column] };
                    out.iter_mut().for_each(|out| *out *= factor);
                }
            }
        });
        bias.fill(0.0);
        for of_doc in of_docs.chunks_exact(k) {
            bias.iter_mut().zip(of_doc).for_each(|(bias, u)| *bias += u);
        }
    }
}

/// Where to cut columns into pieces of about equal work.
pub(super) fn pieces(columns: &SparseRows) -> Vec<usize> {
    let n = columns.len();
    // A column costs something even where it is almost empty.
    let work = |column: usize| columns.starts[column] + 4 * column;
    let all = work(n);
    let cut = |piece: usize| {
        let (mut low, mut high) = (0, n);
        while low < high {
            let middle = low.midpoint(high);
            if work(middle) < all / N_PIECES * piece { low = middle + 1 } else { high = middle }
        }
        low
    };
    let mut pieces: Vec<usize> = (0..N_PIECES).map(cut).collect();
    pieces[0] = 0;
    pieces.push(n);
    pieces
}

/// The product of a sparse and a full vector. Four sums that do not wait for each other, in one fixed order.
#[inline]
pub(super) fn sparse_dot(places: &[u32], values: &[f32], full: &[f64]) -> f64 {
    let mut lanes = [0.0; 4];
    let ((place_lanes, rest), (value_lanes, value_rest)) = (places.as_chunks::<4>(), values.as_chunks::<4>());
    for (places, values) in place_lanes.iter().zip(value_lanes) {
        for lane in 0..4 {
            lanes[lane] += full[places[lane] as usize] * f64::from(values[lane]);
        }
    }
    let rest: f64 = rest.iter().zip(value_rest).map(|(&place, &x)| full[place as usize] * f64::from(x)).sum();
    (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]) + rest
}

/// Products of two long vectors, in one fixed order.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let (a, b) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a.zip(b) {
        for lane in 0..8 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    lanes.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_those_of_full_matrices() {
        let mut rows = SparseRows::new(3);
        rows.push([(0, 1.0), (2, 2.0)].into_iter());
        rows.push([(1, 3.0)].into_iter());
        let columns = rows.transposed();
        let pieces = pieces(&columns);
        let problem = Problem::new(&rows, &columns, &pieces, &[1.0, 1.0]).scaled(vec![1.0, 2.0, 10.0]);
        let weights = [1.0, -1.0, 2.0, -2.0, 3.0, -3.0, 0.5, 0.25];
        let mut margins = [0.0; 4];
        problem.margins(&mut margins, &weights, 2);
        assert_eq!(margins, [61.5, -60.75, 12.5, -11.75]);
        let mut sums = [f64::NAN; 8];
        problem.sums(&mut sums, &[1.0, 2.0, 3.0, 4.0], 2, false);
        assert_eq!(sums, [1.0, 2.0, 18.0, 24.0, 20.0, 40.0, 4.0, 6.0]);
        problem.sums(&mut sums, &[1.0, 2.0, 3.0, 4.0], 2, true);
        assert_eq!(sums, [1.0, 2.0, 108.0, 144.0, 400.0, 800.0, 4.0, 6.0]);
        let long: Vec<f64> = (0..21).map(f64::from).collect();
        assert_eq!(dot(&long, &long), 2870.0);
    }
}
