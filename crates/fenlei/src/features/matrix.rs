//! Sparse rows: of each row the columns that are not zero, and their values.

use rayon::prelude::*;

/// A matrix of which most numbers are zero, row after row. Columns ascend within a row and stand there once.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SparseRows {
    /// Where each row starts, and at the end the number of entries: one more than rows.
    pub starts: Vec<usize>,
    /// The column of each entry.
    pub columns: Vec<u32>,
    /// The value of each entry.
    pub values: Vec<f32>,
    /// How many columns there are.
    pub n_columns: usize,
}

impl SparseRows {
    /// A matrix without rows.
    pub fn new(n_columns: usize) -> Self {
        Self { starts: vec![0], columns: Vec::new(), values: Vec::new(), n_columns }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many entries there are.
    pub fn n_entries(&self) -> usize {
        self.columns.len()
    }

    /// The columns and the values of row `i`.
    #[inline]
    pub fn row(&self, i: usize) -> (&[u32], &[f32]) {
        let entries = self.starts[i]..self.starts[i + 1];
        (&self.columns[entries.clone()], &self.values[entries])
    }

    /// Appends the rows of another matrix with as many columns.
    pub fn append(&mut self, other: &Self) {
        let offset = self.columns.len();
        self.starts.extend(other.starts[1..].iter().map(|start| offset + start));
        self.columns.extend_from_slice(&other.columns);
        self.values.extend_from_slice(&other.values);
    }

    /// Appends a row.
    pub fn push(&mut self, entries: impl Iterator<Item = (u32, f32)>) {
        for (column, value) in entries {
            self.columns.push(column);
            self.values.push(value);
        }
        self.starts.push(self.columns.len());
    }

    /// The rows `indices`, in that order.
    #[must_use]
    pub fn subset(&self, indices: &[usize]) -> Self {
        let mut subset = Self::new(self.n_columns);
        for &i in indices {
            let (columns, values) = self.row(i);
            subset.push(columns.iter().copied().zip(values.iter().copied()));
        }
        subset
    }

    /// The same matrix without the columns that `kept` lacks; `kept` gives the old column of each new one, ascending.
    #[must_use]
    pub fn with_columns(&self, kept: &[u32]) -> Self {
        let mut new_of_old = vec![u32::MAX; self.n_columns];
        for (new, &old) in (0..).zip(kept) {
            new_of_old[old as usize] = new;
        }
        let mut rows = Self::new(kept.len());
        for i in 0..self.len() {
            let (columns, values) = self.row(i);
            let renumbered = columns.iter().map(|&old| new_of_old[old as usize]).zip(values.iter().copied());
            rows.push(renumbered.filter(|(new, _)| *new != u32::MAX));
        }
        rows
    }

    /// Rows and columns exchanged: row `j` of the result holds, by ascending document, what column `j` of this one does.
    ///
    /// The columns are divided among threads, so that each writes to entries of its own.
    #[must_use]
    pub fn transposed(&self) -> Self {
        let mut starts = vec![0usize; self.n_columns + 1];
        self.columns.iter().for_each(|&column| starts[column as usize + 1] += 1);
        (0..self.n_columns).for_each(|column| starts[column + 1] += starts[column]);
        let mut columns = vec![0; self.n_entries()];
        let mut values = vec![0.0; self.n_entries()];
        let n_parts = rayon::current_num_threads().max(1);
        // Parts with about as many entries each.
        let bounds: Vec<usize> = (0..=n_parts)
            .map(|part| match part {
                0 => 0,
                part if part == n_parts => self.n_columns,
                part => starts.partition_point(|&start| start < self.n_entries() * part / n_parts).min(self.n_columns),
            })
            .collect();
        let (mut column_rest, mut value_rest) = (&mut columns[..], &mut values[..]);
        let mut parts = Vec::with_capacity(n_parts);
        for bound in bounds.windows(2) {
            let n = starts[bound[1]] - starts[bound[0]];
            let (some_columns, rest) = column_rest.split_at_mut(n);
            column_rest = rest;
            let (some_values, rest) = value_rest.split_at_mut(n);
            value_rest = rest;
            parts.push((bound[0]..bound[1], some_columns, some_values));
        }
        parts.into_par_iter().for_each(|(part, columns, values)| {
            let first = starts[part.start];
            let mut next: Vec<usize> = starts[part.clone()].iter().map(|start| start - first).collect();
            for row in 0..self.len() {
                let (of_row, row_values) = self.row(row);
                let from = of_row.partition_point(|&column| (column as usize) < part.start);
                for (&column, &value) in of_row[from..].iter().zip(&row_values[from..]) {
                    let Some(place) = next.get_mut(column as usize - part.start) else { break };
                    columns[*place] = row as u32;
                    values[*place] = value;
                    *place += 1;
                }
            }
        });
        Self { starts, columns, values, n_columns: self.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(dense: &[Vec<u8>], n_columns: usize) -> SparseRows {
        let mut rows = SparseRows::new(n_columns);
        for row in dense {
            rows.push((0..).zip(row).filter(|(_, x)| **x > 0).map(|(column, &x)| (column, f32::from(x))));
        }
        rows
    }

    fn dense(rows: &SparseRows) -> Vec<Vec<u8>> {
        let mut dense = vec![vec![0; rows.n_columns]; rows.len()];
        for (i, row) in dense.iter_mut().enumerate() {
            let (columns, values) = rows.row(i);
            columns.iter().zip(values).for_each(|(&column, &value)| row[column as usize] = value as u8);
        }
        dense
    }

    #[test]
    fn columns_and_rows_can_be_left_out() {
        let all = rows(&[vec![1, 0, 2], vec![0, 0, 3], vec![0, 0, 0]], 3);
        assert_eq!(dense(&all.with_columns(&[1, 2])), [[0, 2], [0, 3], [0, 0]]);
        assert_eq!(dense(&all.subset(&[2, 0])), [[0, 0, 0], [1, 0, 2]]);
    }

    proptest! {
        #[test]
        fn exchanging_rows_and_columns_is_what_it_is_for_a_full_matrix(
            n_columns in 1usize..9, cells in prop::collection::vec(0u8..3, 0..90)
        ) {
            let full: Vec<Vec<u8>> = cells.chunks_exact(n_columns).map(<[u8]>::to_vec).collect();
            let transposed: Vec<Vec<u8>> = (0..n_columns).map(|j| full.iter().map(|row| row[j]).collect()).collect();
            let found = rows(&full, n_columns).transposed();
            prop_assert_eq!(dense(&found), transposed);
            prop_assert_eq!(found.transposed(), rows(&full, n_columns));
        }
    }
}
