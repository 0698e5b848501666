//! Silhouettes: whether documents are nearer to their own cluster than to the next one (Rousseeuw 1987).
//!
//! The distance is 1 - cosine. The mean distance to the documents of a cluster is then 1 - the product with the mean of
//! their directions, so that the exact silhouette of all documents takes one pass over them, not one over all pairs.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::features::SparseRows;

/// Documents that one thread takes at a time.
const DOCS_PER_TASK: usize = 256;

/// Sums of silhouettes of a task.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    exact: f64,
    simplified: f64,
}

/// How clearly documents belong to their clusters, from -1 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Silhouette {
    /// The mean over documents of `(b - a) / max(a, b)`: `a` is the mean distance to the others of the own cluster, `b`
    /// to those of the nearest other one. Equals scikit-learn's `silhouette_score(metric="cosine")`.
    pub exact: f64,
    /// The same by the distances to the clusters' centroids.
    pub simplified: f64,
    /// Documents that were looked at.
    pub n_docs: usize,
}

/// Of documents as sparse rows of any length, each with its cluster below `k`; those without one, or of length 0, are left
/// out. `None` where fewer than two clusters have documents.
pub fn silhouette(rows: &SparseRows, clusters: &[Option<u32>], k: usize) -> Option<Silhouette> {
    let length = |doc: usize| rows.row(doc).1.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    let of_docs = |doc: usize| (rows.row(doc).0.iter().map(|&c| c as usize), rows.row(doc).1.iter().copied());
    measure(rows.len(), rows.n_columns, clusters, k, length, of_docs)
}

/// Of documents as vectors, `[n_docs, dim]`.
pub fn silhouette_of_vectors(vectors: &[f32], dim: usize, clusters: &[Option<u32>], k: usize) -> Option<Silhouette> {
    let row = |doc: usize| &vectors[doc * dim..][..dim];
    let length = |doc: usize| row(doc).iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    measure(clusters.len(), dim, clusters, k, length, |doc| (0..dim, row(doc).iter().copied()))
}

fn measure<C, V>(
    n_docs: usize,
    n_columns: usize,
    clusters: &[Option<u32>],
    k: usize,
    length: impl Fn(usize) -> f64 + Sync + Send,
    entries: impl Fn(usize) -> (C, V) + Sync,
) -> Option<Silhouette>
where
    C: Iterator<Item = usize>,
    V: Iterator<Item = f32>,
{
    // Sums of directions, [n_columns, k], in the order of the documents.
    let mut sums = vec![0.0f64; n_columns * k];
    let mut counts = vec![0usize; k];
    let lengths: Vec<f64> = (0..n_docs).into_par_iter().map(length).collect();
    let cluster_of = |doc: usize| clusters[doc].filter(|_| lengths[doc] > 0.0).map(|cluster| cluster as usize);
    for (doc, length) in lengths.iter().enumerate() {
        let Some(cluster) = cluster_of(doc) else { continue };
        counts[cluster] += 1;
        let (columns, values) = entries(doc);
        columns.zip(values).for_each(|(column, x)| sums[column * k + cluster] += f64::from(x) / length);
    }
    if counts.iter().filter(|count| **count > 0).count() < 2 {
        return None;
    }
    let mut squares = vec![0.0; k];
    for row in sums.chunks_exact(k) {
        squares.iter_mut().zip(row).for_each(|(square, x)| *square += x * x);
    }
    let of_task = |task: usize| {
        let (mut of_task, mut products) = (Sums::default(), vec![0.0; k]);
        for (doc, length) in lengths.iter().enumerate().skip(task * DOCS_PER_TASK).take(DOCS_PER_TASK) {
            let Some(own) = cluster_of(doc) else { continue };
            products.fill(0.0);
            let (columns, values) = entries(doc);
            for (column, x) in columns.zip(values) {
                let x = f64::from(x) / length;
                products.iter_mut().zip(&sums[column * k..][..k]).for_each(|(product, sum)| *product += x * sum);
            }
            let others = || (0..k).filter(|&other| other != own && counts[other] > 0);
            // A document alone in its cluster has no silhouette: 0.
            if counts[own] > 1 {
                let a = 1.0 - (products[own] - 1.0) / (counts[own] - 1) as f64;
                let b = others().map(|c| 1.0 - products[c] / counts[c] as f64).fold(f64::INFINITY, f64::min);
                of_task.exact += ratio(a, b);
            }
            let to_centroid = |c: usize| 1.0 - products[c] / squares[c].sqrt().max(f64::MIN_POSITIVE);
            of_task.simplified += ratio(to_centroid(own), others().map(to_centroid).fold(f64::INFINITY, f64::min));
        }
        of_task
    };
    // Each task sums on its own, and the tasks in their order, whatever thread they ran on.
    let tasks: Vec<Sums> = (0..n_docs.div_ceil(DOCS_PER_TASK)).into_par_iter().map(of_task).collect();
    let n_docs: usize = counts.iter().sum();
    let mean = |of: fn(&Sums) -> f64| tasks.iter().map(of).sum::<f64>() / n_docs as f64;
    Some(Silhouette { exact: mean(|s| s.exact), simplified: mean(|s| s.simplified), n_docs })
}

fn ratio(a: f64, b: f64) -> f64 {
    let larger = a.max(b);
    if larger <= 0.0 { 0.0 } else { (b - a) / larger }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Case {
        vectors: Vec<Vec<f32>>,
        clusters: Vec<u32>,
        exact: f64,
        simplified: f64,
    }

    #[derive(serde::Deserialize)]
    struct Golden {
        silhouette: Vec<Case>,
    }

    fn sparse(vectors: &[Vec<f32>]) -> SparseRows {
        let mut rows = SparseRows::new(vectors[0].len());
        for vector in vectors {
            rows.push((0..).zip(vector).filter(|(_, x)| **x != 0.0).map(|(column, &x)| (column, x)));
        }
        rows
    }

    #[test]
    fn figures_equal_those_of_scikit_learn_for_sparse_and_full_rows() {
        let golden: Golden = serde_json::from_str(include_str!("../../testdata/cluster_golden.json")).unwrap();
        assert!(golden.silhouette.len() >= 3);
        for case in golden.silhouette {
            let k = case.clusters.iter().max().unwrap() + 1;
            let clusters: Vec<Option<u32>> = case.clusters.iter().copied().map(Some).collect();
            let found = silhouette(&sparse(&case.vectors), &clusters, k as usize).unwrap();
            assert!((found.exact - case.exact).abs() < 1e-6, "{} {}", found.exact, case.exact);
            assert!((found.simplified - case.simplified).abs() < 1e-6, "{} {}", found.simplified, case.simplified);
            let flat = case.vectors.concat();
            let full = silhouette_of_vectors(&flat, case.vectors[0].len(), &clusters, k as usize).unwrap();
            assert!((full.exact - found.exact).abs() < 1e-12 && full.n_docs == case.clusters.len());
        }
    }

    #[test]
    fn documents_without_a_cluster_or_a_direction_are_left_out() {
        let vectors = vec![vec![1.0, 0.0], vec![0.9, 0.1], vec![0.0, 1.0], vec![0.0, 0.0], vec![0.5, 0.5]];
        let clusters = [Some(0), Some(0), Some(1), Some(1), None];
        let found = silhouette(&sparse(&vectors), &clusters, 2).unwrap();
        assert_eq!(found.n_docs, 3);
        assert_eq!(silhouette(&sparse(&vectors), &[Some(0); 5], 2), None);
    }
}
