//! Topics by latent Dirichlet allocation: online variational Bayes (Hoffman et al. 2010), as scikit-learn's
//! `LatentDirichletAllocation(learning_method="online")`, with documents in a random order and started evenly.

use fenlei_nn::rng;
use rayon::prelude::*;

use super::watch::Watch;
use crate::Result;
use crate::features::SparseRows;
use crate::model::{Inference, LdaSpec, digamma};

/// Documents that one thread takes at a time: their inference is long.
const DOCS_PER_TASK: usize = 16;

/// Columns that one thread takes at a time, and that are summed together.
const COLUMNS_PER_TASK: usize = 512;

/// Topics while they are learned.
pub(super) struct Topics {
    k: usize,
    alpha: f64,
    eta: f64,
    offset: f64,
    decay: f64,
    /// Parameters of each topic's distribution over features, `[n_columns, k]`.
    lambda: Vec<f64>,
    /// `exp(E[ln β])`, `[n_columns, k]`.
    beta: Vec<f64>,
    n_batches: u32,
}

/// What a batch tells of a task's documents.
struct Found {
    /// `[n_docs, k]`.
    theta: Vec<f64>,
    /// Of each entry.
    ratios: Vec<f64>,
}

/// The topics of counted documents, none of them empty: `exp(E[ln β])`, `[n_columns, k]`.
pub(super) fn fit(spec: &LdaSpec, rows: &SparseRows, seed: u64, watch: &mut Watch<'_>) -> Result<Vec<f32>> {
    let mut topics = Topics::new(spec, first_parameters(rows.n_columns, spec.k, seed));
    let mut order: Vec<u32> = (0..rows.len() as u32).collect();
    rng::shuffle(&mut order, rng::derive(seed, 1));
    // The same share in each batch, so that no small last one counts as much as the others.
    let batch_size = rows.len().div_ceil(rows.len().div_ceil(spec.batch_size));
    for pass in 1..=spec.passes {
        let mut n_batches = 0;
        for batch in order.chunks(batch_size) {
            topics.learn(rows, batch, rows.len());
            n_batches += batch.len();
            watch.check()?;
        }
        watch.step("passes", u64::from(pass), u64::from(spec.passes), n_batches as f64)?;
    }
    Ok(topics.beta.iter().map(|&x| x as f32).collect())
}

/// Numbers around 1, whose differences tell the topics apart: gamma-distributed with shape 100 in scikit-learn, which is
/// as good as normal.
fn first_parameters(n_columns: usize, k: usize, seed: u64) -> Vec<f64> {
    let seed = rng::derive(seed, 2);
    (0..(n_columns * k) as u64).into_par_iter().map(|i| (1.0 + 0.1 * rng::normal(seed, i)).max(0.5)).collect()
}

impl Topics {
    fn new(spec: &LdaSpec, lambda: Vec<f64>) -> Self {
        let mut topics = Self {
            k: spec.k,
            alpha: spec.document_prior(),
            eta: spec.topic_prior(),
            offset: spec.offset,
            decay: spec.decay,
            beta: vec![0.0; lambda.len()],
            lambda,
            n_batches: 0,
        };
        topics.update_beta();
        topics
    }

    /// Learns from the documents `batch`, of `n_docs` in all.
    fn learn(&mut self, rows: &SparseRows, batch: &[u32], n_docs: usize) {
        let (k, alpha, beta) = (self.k, self.alpha, &self.beta);
        let tasks = batch.par_chunks(DOCS_PER_TASK).map_init(Inference::default, |inference, docs| {
            let mut found = Found { theta: Vec::with_capacity(docs.len() * k), ratios: Vec::new() };
            for &doc in docs {
                let row = rows.row(doc as usize);
                inference.run(beta, k, alpha, row);
                inference.finish(k, row.1);
                found.theta.extend_from_slice(&inference.theta);
                found.ratios.extend_from_slice(&inference.ratios);
            }
            found
        });
        let tasks: Vec<Found> = tasks.collect();
        // In the order of the documents, on one thread: it is a small part of the work.
        let mut statistics = vec![0.0; self.lambda.len()];
        for (docs, Found { theta, ratios }) in batch.chunks(DOCS_PER_TASK).zip(&tasks) {
            let mut ratios = ratios.iter();
            for (&doc, theta) in docs.iter().zip(theta.chunks_exact(k)) {
                for (&column, ratio) in rows.row(doc as usize).0.iter().zip(ratios.by_ref()) {
                    let sums = &mut statistics[column as usize * k..][..k];
                    sums.iter_mut().zip(theta).for_each(|(sum, theta)| *sum += theta * ratio);
                }
            }
        }
        self.n_batches += 1;
        let weight = (self.offset + f64::from(self.n_batches)).powf(-self.decay);
        let scale = n_docs as f64 / batch.len() as f64;
        let eta = self.eta;
        let numbers = self.lambda.par_iter_mut().zip(&self.beta).zip(&statistics).with_min_len(4096);
        numbers.for_each(|((lambda, beta), sum)| *lambda += weight * (eta + scale * sum * beta - *lambda));
        self.update_beta();
    }

    fn update_beta(&mut self) {
        let k = self.k;
        let parts: Vec<Vec<f64>> = self
            .lambda
            .par_chunks(COLUMNS_PER_TASK * k)
            .map(|part| {
                let mut sums = vec![0.0; k];
                part.chunks_exact(k).for_each(|row| sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x));
                sums
            })
            .collect();
        let mut wholes = vec![0.0; k];
        parts.iter().for_each(|part| wholes.iter_mut().zip(part).for_each(|(sum, x)| *sum += x));
        wholes.iter_mut().for_each(|whole| *whole = digamma(*whole));
        let numbers = self.beta.par_chunks_mut(COLUMNS_PER_TASK * k).zip(self.lambda.par_chunks(COLUMNS_PER_TASK * k));
        numbers.for_each(|(beta, lambda)| {
            for (beta, lambda) in beta.chunks_exact_mut(k).zip(lambda.chunks_exact(k)) {
                for ((beta, &lambda), whole) in beta.iter_mut().zip(lambda).zip(&wholes) {
                    *beta = (digamma(lambda) - whole).exp();
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Case {
        rows: Vec<Vec<(u32, f32)>>,
        n_columns: usize,
        k: usize,
        batch: usize,
        passes: u32,
        first_topics: Vec<Vec<f64>>,
        topics: Vec<Vec<f64>>,
        documents: Vec<Vec<f64>>,
    }

    #[derive(serde::Deserialize)]
    struct Golden {
        lda: Vec<Case>,
    }

    fn furthest(found: &[f64], expected: &[f64]) -> f64 {
        assert_eq!(found.len(), expected.len());
        found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn batches_give_the_topics_of_scikit_learn_and_documents_their_shares() {
        let golden: Golden = serde_json::from_str(include_str!("../../testdata/cluster_golden.json")).unwrap();
        for case in golden.lda {
            let mut rows = SparseRows::new(case.n_columns);
            case.rows.iter().for_each(|row| rows.push(row.iter().copied()));
            let spec = LdaSpec { k: case.k, ..LdaSpec::default() };
            let mut topics = Topics::new(&spec, case.first_topics.concat());
            let docs: Vec<u32> = (0..rows.len() as u32).collect();
            for _ in 0..case.passes {
                docs.chunks(case.batch).for_each(|batch| topics.learn(&rows, batch, rows.len()));
            }
            let off = furthest(&topics.lambda, &case.topics.concat());
            assert!(off < 1e-6, "{off}");
            let mut inference = Inference::default();
            for (doc, expected) in case.documents.iter().enumerate() {
                inference.run(&topics.beta, case.k, topics.alpha, rows.row(doc));
                let sum: f64 = inference.gamma.iter().sum();
                let shares: Vec<f64> = inference.gamma.iter().map(|x| x / sum).collect();
                assert!(furthest(&shares, expected) < 1e-6);
            }
        }
    }

    #[test]
    fn any_number_of_threads_gives_the_same_topics() {
        let mut rows = SparseRows::new(20);
        for doc in 0..300u32 {
            rows.push([doc % 4 * 5, doc % 4 * 5 + 1 + doc / 4 % 4].into_iter().map(|column| (column, 1.0)));
        }
        let spec = LdaSpec { k: 4, batch_size: 64, ..LdaSpec::default() };
        let with_threads = |n| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
            pool.install(|| fit(&spec, &rows, 1, &mut Watch::default()).unwrap())
        };
        assert_eq!(with_threads(1), with_threads(3));
    }
}
