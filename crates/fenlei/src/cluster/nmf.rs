//! Topics by non-negative matrix factorisation: the least `‖X - W H‖²` with `W, H ≥ 0`, by coordinate descent on both in
//! turn (Cichocki and Phan 2009), as scikit-learn's solver `cd`.
//!
//! It starts from the centroids of k-means (Wild et al. 2004), which costs less than singular vectors and is as good.

use rayon::prelude::*;

use super::kmeans::{self, Fit};
use super::points::{DOCS_PER_TASK, Points, SparsePoints};
use super::watch::Watch;
use crate::Result;
use crate::features::SparseRows;
use crate::model::{NmfSpec, descend, gram};

/// Starts of k-means; passes of NMF move far from them.
const STARTS: u32 = 3;

/// Passes of k-means.
const PASSES: u32 = 10;

/// Parts that sums over documents are taken in.
const N_PARTS: usize = 64;

/// The factors.
#[derive(Debug, Clone)]
pub(super) struct Factors {
    pub k: usize,
    /// `W: [n_docs, k]`.
    pub weights: Vec<f64>,
    /// `Hᵀ: [n_columns, k]`.
    pub topics: Vec<f64>,
}

/// The topics of the documents, `[n_columns, k]`.
pub(super) fn fit(spec: &NmfSpec, points: &SparsePoints, seed: u64, watch: &mut Watch<'_>) -> Result<Vec<f32>> {
    let settings = kmeans::Settings { k: spec.k, starts: STARTS, batch_size: 4096, max_passes: PASSES, seed };
    let mut quiet = Watch { stop: watch.stop, on_event: None };
    let Fit { centroids, clusters, similarities, .. } = kmeans::fit(points, settings, &mut quiet)?;
    let mut factors = Factors {
        k: spec.k,
        weights: vec![0.0; points.len() * spec.k],
        topics: centroids.iter().map(|&x| f64::from(x)).collect(),
    };
    // Each document begins as what its own centroid tells of it.
    let starts = factors.weights.chunks_exact_mut(spec.k).zip(clusters.iter().zip(&similarities));
    starts.for_each(|(weights, (&cluster, &similarity))| weights[cluster as usize] = f64::from(similarity));
    let mut first = 0.0;
    for pass in 1..=spec.max_passes {
        let violation = factors.pass(points.rows(), points.columns());
        if pass == 1 {
            first = violation;
        }
        let share = if first > 0.0 { violation / first } else { 0.0 };
        watch.step("passes", u64::from(pass), u64::from(spec.max_passes), share)?;
        if share <= spec.tolerance {
            break;
        }
    }
    Ok(factors.topics.iter().map(|&x| x as f32).collect())
}

impl Factors {
    /// One round over the weights of all documents, then one over all features; the sum of the projected gradients.
    fn pass(&mut self, rows: &SparseRows, columns: &SparseRows) -> f64 {
        let k = self.k;
        let violation = descend_all(&mut self.weights, &gram(&self.topics, k), rows, &self.topics, k);
        let docs_per_part = rows.len().div_ceil(N_PARTS).max(1) * k;
        let parts: Vec<Vec<f64>> = self.weights.par_chunks(docs_per_part).map(|part| gram(part, k)).collect();
        let mut of_weights = vec![0.0; k * k];
        parts.iter().for_each(|part| of_weights.iter_mut().zip(part).for_each(|(sum, x)| *sum += x));
        violation + descend_all(&mut self.topics, &of_weights, columns, &self.weights, k)
    }
}

/// One round for each of `rows`: `out: [rows, k]`, each row times `other: [n_columns, k]` is what it must explain.
fn descend_all(out: &mut [f64], gram: &[f64], rows: &SparseRows, other: &[f64], k: usize) -> f64 {
    let tasks = out.par_chunks_mut(DOCS_PER_TASK * k).enumerate();
    let violations: Vec<f64> = tasks
        .map_init(
            || vec![0.0; k],
            |product, (task, out)| {
                let mut violation = 0.0;
                for (row, out) in (task * DOCS_PER_TASK..).zip(out.chunks_exact_mut(k)) {
                    product.fill(0.0);
                    let (columns, values) = rows.row(row);
                    for (&column, &x) in columns.iter().zip(values) {
                        let of_column = &other[column as usize * k..][..k];
                        product.iter_mut().zip(of_column).for_each(|(sum, w)| *sum += f64::from(x) * w);
                    }
                    violation += descend(out, gram, product);
                }
                violation
            },
        )
        .collect();
    violations.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Case {
        rows: Vec<Vec<(u32, f32)>>,
        n_columns: usize,
        k: usize,
        passes: u32,
        first_weights: Vec<Vec<f64>>,
        first_topics: Vec<Vec<f64>>,
        weights: Vec<Vec<f64>>,
        topics: Vec<Vec<f64>>,
    }

    #[derive(serde::Deserialize)]
    struct Golden {
        nmf: Vec<Case>,
    }

    #[test]
    fn passes_give_the_factors_of_scikit_learn() {
        let golden: Golden = serde_json::from_str(include_str!("../../testdata/cluster_golden.json")).unwrap();
        for case in golden.nmf {
            let mut rows = SparseRows::new(case.n_columns);
            case.rows.iter().for_each(|row| rows.push(row.iter().copied()));
            let columns = rows.transposed();
            let (weights, topics) = (case.first_weights.concat(), case.first_topics.concat());
            let mut factors = Factors { k: case.k, weights, topics };
            for _ in 0..case.passes {
                factors.pass(&rows, &columns);
            }
            for (found, expected) in
                [(&factors.weights, case.weights.concat()), (&factors.topics, case.topics.concat())]
            {
                let furthest = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                assert!(found.len() == expected.len() && furthest < 1e-6, "{furthest}");
            }
        }
    }

    #[test]
    fn any_number_of_threads_gives_the_same_topics() {
        let mut rows = SparseRows::new(20);
        for doc in 0..700u32 {
            rows.push([doc % 4 * 5, doc % 4 * 5 + 1 + doc / 4 % 4].into_iter().map(|column| (column, 1.0)));
        }
        let points = SparsePoints::new(rows);
        let spec = NmfSpec { k: 4, ..NmfSpec::default() };
        let with_threads = |n| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
            pool.install(|| fit(&spec, &points, 1, &mut Watch::default()).unwrap())
        };
        let topics = with_threads(1);
        assert_eq!(topics, with_threads(3));
        // Each topic has the five features of one kind of documents.
        for topic in 0..4 {
            let features: Vec<usize> = (0..20).filter(|column| topics[column * 4 + topic] > 1e-3).collect();
            assert!(features.len() == 5 && features[4] - features[0] == 4, "{features:?}");
        }
    }
}
