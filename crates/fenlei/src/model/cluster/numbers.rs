//! From a row of features to the probabilities of clusters or topics.

use rayon::prelude::*;

use super::averaged::AveragedVectors;
use super::lda::Inference;
use super::nmf;
use super::spec::ClusterSpec;
use crate::features::SparseRows;

/// Documents that one thread scores at a time.
pub(super) const DOCS_PER_TASK: usize = 64;

/// The numbers of a model without labels. Tables are `[n_columns, k]`.
#[derive(Debug)]
pub(crate) enum ClusterNumbers {
    /// Of length 1 for each cluster.
    Centroids(Vec<f32>),
    /// Centroids of averages, `[dim, k]`, of length 1 for each cluster.
    Averaged(AveragedVectors, Vec<f32>),
    /// Topics of length 1, with their products with each other, `[k, k]`.
    Nmf(Vec<f32>, Vec<f64>),
    /// `exp(E[ln β])`.
    Lda(Vec<f32>),
}

/// Memory that is used again from document to document.
#[derive(Default)]
pub(super) struct Memory {
    average: Vec<f32>,
    scores: Vec<f64>,
    weights: Vec<f64>,
    inference: Inference,
}

impl ClusterNumbers {
    /// Topics of NMF: each is made of length 1, so that shares of different topics can be compared.
    pub fn nmf(mut topics: Vec<f32>, k: usize) -> Self {
        let mut squares = vec![0.0f64; k];
        for row in topics.chunks_exact(k) {
            squares.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x) * f64::from(x));
        }
        for row in topics.chunks_exact_mut(k) {
            for (x, square) in row.iter_mut().zip(&squares).filter(|(_, square)| **square > 0.0) {
                *x = (f64::from(*x) / square.sqrt()) as f32;
            }
        }
        let products = nmf::gram(&topics, k);
        Self::Nmf(topics, products)
    }

    /// The probabilities of a document, `[k + 1]`; the last is 1 where no cluster can be told.
    pub(super) fn score(&self, spec: &ClusterSpec, out: &mut [f32], row: (&[u32], &[f32]), memory: &mut Memory) {
        let Memory { average, scores, weights, inference } = memory;
        scores.clear();
        scores.resize(spec.k(), 0.0);
        let told = match self {
            Self::Centroids(centroids) => {
                products(scores, centroids, row);
                let length = row.1.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
                let told = scores.iter().any(|x| *x != 0.0);
                scores.iter_mut().for_each(|x| *x /= length);
                told
            }
            Self::Averaged(vectors, centroids) => {
                average.resize(vectors.dim, 0.0);
                vectors.average(average, row);
                products_of_full(scores, centroids, average);
                average.iter().any(|x| *x != 0.0)
            }
            Self::Nmf(topics, gram) => {
                products(scores, topics, row);
                nmf::solve(weights, gram, scores);
                scores.clone_from(weights);
                scores.iter().any(|x| *x != 0.0)
            }
            Self::Lda(topics) => {
                if let ClusterSpec::Lda(spec) = spec {
                    inference.run(topics, spec.k, spec.document_prior(), row);
                    scores.clone_from(&inference.gamma);
                }
                !row.0.is_empty()
            }
        };
        let (of_clusters, of_none) = out.split_at_mut(scores.len());
        of_none.fill(if told { 0.0 } else { 1.0 });
        if !told {
            return of_clusters.fill(0.0);
        }
        if let ClusterSpec::KMeans(spec) = spec {
            let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            scores.iter_mut().for_each(|x| *x = ((*x - top) * f64::from(spec.sharpness)).exp());
        }
        let sum: f64 = scores.iter().sum();
        of_clusters.iter_mut().zip(scores.iter()).for_each(|(out, x)| *out = (x / sum) as f32);
    }

    /// The most probable cluster of each row, the first of equal ones; `None` where none can be told.
    pub(crate) fn clusters_of_rows(&self, spec: &ClusterSpec, rows: &SparseRows) -> Vec<Option<u32>> {
        let n_labels = spec.k() + 1;
        let mut clusters = vec![None; rows.len()];
        let tasks = clusters.par_chunks_mut(DOCS_PER_TASK).enumerate();
        tasks.for_each_init(
            || (vec![0.0; n_labels], Memory::default()),
            |(scores, memory), (task, clusters)| {
                for (doc, cluster) in (task * DOCS_PER_TASK..).zip(clusters) {
                    self.score(spec, scores, rows.row(doc), memory);
                    *cluster = best(scores).filter(|&best| best as usize != spec.k());
                }
            },
        );
        clusters
    }

    /// [`clusters_of_rows`](Self::clusters_of_rows) of averages that have a direction, `[n_docs, dim]`.
    pub(crate) fn clusters_of_averages(&self, averages: &[f32], dim: usize) -> Vec<Option<u32>> {
        let Self::Averaged(_, centroids) = self else { return vec![None; averages.len() / dim.max(1)] };
        let k = centroids.len() / dim;
        let clusters = averages.par_chunks(dim).with_min_len(DOCS_PER_TASK).map_init(
            || vec![0.0; k],
            |scores, average| {
                scores.fill(0.0);
                products_of_full(scores, centroids, average);
                best(scores)
            },
        );
        clusters.collect()
    }
}

fn best<X: PartialOrd + Copy>(scores: &[X]) -> Option<u32> {
    let mut best: Option<(u32, X)> = None;
    for (i, &score) in (0..).zip(scores) {
        if best.is_none_or(|(_, highest)| score > highest) {
            best = Some((i, score));
        }
    }
    best.map(|(i, _)| i)
}

/// `out += row · table`; `table: [n_columns, k]`.
fn products(out: &mut [f64], table: &[f32], row: (&[u32], &[f32])) {
    let k = out.len();
    for (&column, &value) in row.0.iter().zip(row.1) {
        let of_column = &table[column as usize * k..][..k];
        out.iter_mut().zip(of_column).for_each(|(sum, &w)| *sum += f64::from(value) * f64::from(w));
    }
}

/// The same of a row without gaps.
fn products_of_full(out: &mut [f64], table: &[f32], row: &[f32]) {
    for (&value, of_column) in row.iter().zip(table.chunks_exact(out.len())) {
        out.iter_mut().zip(of_column).for_each(|(sum, &w)| *sum += f64::from(value) * f64::from(w));
    }
}

#[cfg(test)]
mod tests {
    use super::super::spec::{KMeansSpec, LdaSpec, NmfSpec};
    use super::*;

    fn scores(spec: &ClusterSpec, numbers: &ClusterNumbers, row: (&[u32], &[f32])) -> Vec<f32> {
        let mut out = vec![9.0; spec.k() + 1];
        numbers.score(spec, &mut out, row, &mut Memory::default());
        out
    }

    #[test]
    fn each_method_tells_its_clusters_and_has_a_place_for_documents_without_words() {
        // Two features speak for each of two clusters; the fifth is in neither.
        let table = || vec![0.7f32, 0.0, 0.7, 0.0, 0.0, 0.7, 0.0, 0.7, 0.0, 0.0];
        let average = AveragedVectors { dim: 1, table: vec![1.0, 1.0, -1.0, -1.0, 0.0], component: Vec::new() };
        let cases = [
            (ClusterSpec::KMeans(KMeansSpec::default()), ClusterNumbers::Centroids(table())),
            (ClusterSpec::KMeans(KMeansSpec::default()), ClusterNumbers::Averaged(average, vec![1.0, -1.0])),
            (ClusterSpec::Nmf(NmfSpec::default()), ClusterNumbers::nmf(table(), 2)),
            (ClusterSpec::Lda(LdaSpec::default()), ClusterNumbers::Lda(table())),
        ];
        for (spec, numbers) in cases {
            let spec = spec.with_k(2);
            let first = scores(&spec, &numbers, (&[0, 1], &[1.0, 2.0]));
            assert!(first[0] > 0.8 && first[2] == 0.0 && (first[0] + first[1] - 1.0).abs() < 1e-6, "{first:?}");
            assert!(scores(&spec, &numbers, (&[3], &[1.0]))[1] > 0.7);
            assert_eq!(scores(&spec, &numbers, (&[], &[])), [0.0, 0.0, 1.0]);
            if !matches!(spec, ClusterSpec::Lda(_)) {
                assert_eq!(scores(&spec, &numbers, (&[4], &[1.0])), [0.0, 0.0, 1.0], "{spec:?}");
            }
            let mut rows = SparseRows::new(5);
            for columns in [&[0u32][..], &[], &[2, 3]] {
                rows.push(columns.iter().map(|&column| (column, 1.0)));
            }
            assert_eq!(numbers.clusters_of_rows(&spec, &rows), [Some(0), None, Some(1)]);
        }
    }

    #[test]
    fn a_sharper_model_is_surer_of_the_same_cluster() {
        let numbers = ClusterNumbers::Centroids(vec![1.0, 0.0, 0.0, 1.0]);
        let of = |sharpness| {
            let spec = ClusterSpec::KMeans(KMeansSpec { k: 2, sharpness, ..KMeansSpec::default() });
            scores(&spec, &numbers, (&[0, 1], &[4.0, 3.0]))[0]
        };
        // Cosines of 0.8 and 0.6.
        assert!((of(1.0) - 1.0 / (1.0 + (-0.2f32).exp())).abs() < 1e-6);
        assert!(of(20.0) > 0.98);
    }
}
