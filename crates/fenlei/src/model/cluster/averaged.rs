//! A document as the average of its word vectors (Arora et al. 2017, "A Simple but Tough-to-Beat Baseline for Sentence
//! Embeddings").

use rayon::prelude::*;

use crate::features::SparseRows;

/// Documents that one thread averages at a time.
const DOCS_PER_TASK: usize = 256;

/// The vectors of the features, and what is taken away from every average.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AveragedVectors {
    /// Numbers in each vector.
    pub dim: usize,
    /// `[n_columns, dim]`; zeros for a feature without a vector.
    pub table: Vec<f32>,
    /// A vector of length 1, `[dim]`; empty where nothing is taken away.
    pub component: Vec<f32>,
}

impl AveragedVectors {
    /// The average of a document, of length 1: `[dim]`. All zeros where no word has a vector.
    pub fn average(&self, out: &mut [f32], row: (&[u32], &[f32])) {
        out.fill(0.0);
        for (&column, &value) in row.0.iter().zip(row.1) {
            let vector = &self.table[column as usize * self.dim..][..self.dim];
            out.iter_mut().zip(vector).for_each(|(sum, &x)| *sum += value * x);
        }
        normalise(out);
        if !self.component.is_empty() {
            let along: f32 = out.iter().zip(&self.component).map(|(x, c)| x * c).sum();
            out.iter_mut().zip(&self.component).for_each(|(x, c)| *x -= along * c);
            normalise(out);
        }
    }

    /// The averages of all documents, `[n_docs, dim]`.
    pub fn averages(&self, rows: &SparseRows) -> Vec<f32> {
        let mut out = vec![0.0; rows.len() * self.dim];
        let tasks = out.par_chunks_mut(DOCS_PER_TASK * self.dim).enumerate();
        tasks.for_each(|(task, out)| {
            for (doc, out) in (task * DOCS_PER_TASK..).zip(out.chunks_exact_mut(self.dim)) {
                self.average(out, rows.row(doc));
            }
        });
        out
    }
}

/// Makes the length 1; what is too short to have a direction becomes zeros.
fn normalise(vector: &mut [f32]) {
    let length = vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
    if length > 1e-6 && length.is_finite() {
        vector.iter_mut().for_each(|x| *x = (f64::from(*x) / length) as f32);
    } else {
        vector.fill(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_average_has_length_one_and_nothing_along_the_component() {
        let mut vectors = AveragedVectors { dim: 2, table: vec![3.0, 0.0, 0.0, 1.0, 0.0, 0.0], component: Vec::new() };
        let mut out = [9.0; 2];
        vectors.average(&mut out, (&[0, 1, 2], &[1.0, 4.0, 7.0]));
        assert!((out[0] - 0.6).abs() < 1e-6 && (out[1] - 0.8).abs() < 1e-6, "{out:?}");
        vectors.average(&mut out, (&[2], &[1.0]));
        assert_eq!(out, [0.0, 0.0]);
        vectors.component = vec![0.0, 1.0];
        vectors.average(&mut out, (&[0, 1], &[1.0, 4.0]));
        assert_eq!(out, [1.0, 0.0]);
        // What is all along the component has no direction left.
        vectors.average(&mut out, (&[1], &[1.0]));
        assert_eq!(out, [0.0, 0.0]);
    }
}
