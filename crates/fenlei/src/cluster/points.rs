//! What k-means works on: directions, sparse or full.
//!
//! Invariant: threads share outputs, never sums. Products go by document. Sums go by column of a sparse matrix; of full
//! vectors, parts of fixed size are summed on their own and then in their order.

use rayon::prelude::*;

use crate::features::SparseRows;

/// Documents that one thread takes at a time.
pub(super) const DOCS_PER_TASK: usize = 256;

/// Columns that one thread sums at a time.
const COLUMNS_PER_TASK: usize = 64;

/// Parts that full vectors are summed in.
const N_PARTS: usize = 64;

/// Documents of length 1.
pub(super) trait Points: Sync {
    /// How many.
    fn len(&self) -> usize;

    /// Numbers of a document.
    fn n_columns(&self) -> usize;

    /// Calls `each` with every column that is not 0, and its value.
    fn for_each(&self, doc: usize, each: impl FnMut(usize, f32));

    /// The sums of the documents of each cluster: `[n_columns, k]`.
    fn sums(&self, clusters: &[u32], k: usize) -> Vec<f64>;

    /// The products of a document with each column of `table: [n_columns, out.len()]`.
    #[inline]
    fn products(&self, out: &mut [f32], doc: usize, table: &[f32]) {
        out.fill(0.0);
        let k = out.len();
        self.for_each(doc, |column, x| {
            let row = &table[column * k..][..k];
            out.iter_mut().zip(row).for_each(|(sum, w)| *sum += x * w);
        });
    }

    /// Whether two documents are the same.
    fn are_equal(&self, a: usize, b: usize) -> bool {
        let entries = |doc| {
            let mut entries = Vec::new();
            self.for_each(doc, |column, x| entries.push((column, x)));
            entries
        };
        entries(a) == entries(b)
    }
}

/// Sparse documents, by row and by column.
pub(super) struct SparsePoints {
    rows: SparseRows,
    columns: SparseRows,
}

impl SparsePoints {
    /// Makes each row one of length 1; none may be empty.
    pub fn new(mut rows: SparseRows) -> Self {
        let SparseRows { starts, values, .. } = &mut rows;
        let mut rest = &mut values[..];
        for bounds in starts.windows(2) {
            let (row, after) = rest.split_at_mut(bounds[1] - bounds[0]);
            let length = row.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
            row.iter_mut().for_each(|x| *x = (f64::from(*x) / length) as f32);
            rest = after;
        }
        let columns = rows.transposed();
        Self { rows, columns }
    }

    pub fn rows(&self) -> &SparseRows {
        &self.rows
    }

    pub fn columns(&self) -> &SparseRows {
        &self.columns
    }
}

impl Points for SparsePoints {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn n_columns(&self) -> usize {
        self.rows.n_columns
    }

    #[inline]
    fn for_each(&self, doc: usize, mut each: impl FnMut(usize, f32)) {
        let (columns, values) = self.rows.row(doc);
        columns.iter().zip(values).for_each(|(&column, &x)| each(column as usize, x));
    }

    fn sums(&self, clusters: &[u32], k: usize) -> Vec<f64> {
        let mut sums = vec![0.0; self.n_columns() * k];
        sums.par_chunks_mut(COLUMNS_PER_TASK * k).enumerate().for_each(|(task, sums)| {
            for (column, sums) in (task * COLUMNS_PER_TASK..).zip(sums.chunks_exact_mut(k)) {
                let (docs, values) = self.columns.row(column);
                docs.iter().zip(values).for_each(|(&doc, &x)| sums[clusters[doc as usize] as usize] += f64::from(x));
            }
        });
        sums
    }
}

/// Full vectors of length 1, `[n_docs, dim]`.
pub(super) struct FullPoints {
    pub values: Vec<f32>,
    pub dim: usize,
}

impl Points for FullPoints {
    fn len(&self) -> usize {
        self.values.len() / self.dim
    }

    fn n_columns(&self) -> usize {
        self.dim
    }

    #[inline]
    fn for_each(&self, doc: usize, mut each: impl FnMut(usize, f32)) {
        self.values[doc * self.dim..][..self.dim].iter().enumerate().for_each(|(column, &x)| each(column, x));
    }

    fn sums(&self, clusters: &[u32], k: usize) -> Vec<f64> {
        let docs_per_part = self.len().div_ceil(N_PARTS).max(1);
        let parts = clusters.par_chunks(docs_per_part).zip(self.values.par_chunks(docs_per_part * self.dim));
        let parts: Vec<Vec<f64>> = parts
            .map(|(clusters, values)| {
                let mut sums = vec![0.0; self.dim * k];
                for (&cluster, vector) in clusters.iter().zip(values.chunks_exact(self.dim)) {
                    let of_cluster = sums.iter_mut().skip(cluster as usize).step_by(k);
                    of_cluster.zip(vector).for_each(|(sum, &x)| *sum += f64::from(x));
                }
                sums
            })
            .collect();
        let mut sums = vec![0.0; self.dim * k];
        parts.iter().for_each(|part| sums.iter_mut().zip(part).for_each(|(sum, x)| *sum += x));
        sums
    }
}

/// The largest number of `scores` and where it stands, the first of equal ones.
#[inline]
pub(super) fn largest(scores: &[f32]) -> (u32, f32) {
    let mut best = (0, f32::NEG_INFINITY);
    for (i, &score) in (0..).zip(scores) {
        if score > best.1 {
            best = (i, score);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparse_and_full_documents_give_the_same_sums_and_products() {
        let mut rows = SparseRows::new(3);
        rows.push([(0, 3.0), (2, 4.0)].into_iter());
        rows.push([(1, 2.0)].into_iter());
        rows.push([(2, 5.0)].into_iter());
        let sparse = SparsePoints::new(rows);
        let full = FullPoints { values: vec![0.6, 0.0, 0.8, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0], dim: 3 };
        let clusters = [1, 0, 1];
        let sums = sparse.sums(&clusters, 2);
        assert_eq!(sums, full.sums(&clusters, 2));
        assert!((sums[5] - 1.8).abs() < 1e-6 && sums[2] == 1.0, "{sums:?}");
        let table = [1.0, 0.5, 2.0, 0.25, 3.0, 0.125];
        let (mut a, mut b) = ([0.0; 2], [0.0; 2]);
        for doc in 0..3 {
            sparse.products(&mut a, doc, &table);
            full.products(&mut b, doc, &table);
            assert_eq!(a, b);
        }
        assert!(sparse.are_equal(1, 1) && !sparse.are_equal(0, 2));
        assert_eq!(largest(&[0.5, 0.7, 0.7]), (1, 0.7));
    }
}
