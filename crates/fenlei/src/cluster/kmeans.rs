//! Spherical k-means (Dhillon and Modha 2001): mini-batches (Sculley 2010) from several starts, then passes over all
//! documents from the best of them.

use fenlei_nn::rng;
use rayon::prelude::*;

use super::points::{DOCS_PER_TASK, Points, largest};
use super::seeding::first_centroids;
use super::watch::Watch;
use crate::Result;

/// With at most so many batches, each start makes full passes instead.
const FEW_BATCHES: usize = 8;

/// Batches of a start, at most.
const BATCHES_OF_A_START: usize = 64;

/// Batches of documents that starts are seeded from and compared on.
const BATCHES_TO_COMPARE: usize = 3;

/// Passes of a start over few documents, at most.
const PASSES_OF_A_START: u32 = 30;

/// What a fit is made with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub k: usize,
    pub starts: u32,
    pub batch_size: usize,
    pub max_passes: u32,
    pub seed: u64,
}

/// Centroids with the clusters that they give.
#[derive(Debug, Clone)]
pub(super) struct Fit {
    /// `[n_columns, k]`, of length 1 for each cluster.
    pub centroids: Vec<f32>,
    /// Of each document.
    pub clusters: Vec<u32>,
    /// Of each document with its centroid.
    pub similarities: Vec<f32>,
    /// Passes over all documents.
    pub passes: u32,
}

/// Divides the documents, of which at least `k` differ.
pub(super) fn fit<P: Points>(points: &P, settings: Settings, watch: &mut Watch<'_>) -> Result<Fit> {
    let Settings { k, starts, batch_size, max_passes, seed } = settings;
    let n = points.len();
    let mut order: Vec<u32> = (0..n as u32).collect();
    rng::shuffle(&mut order, rng::derive(seed, 0));
    let few = n <= FEW_BATCHES * batch_size;
    let sample = &order[..n.min(BATCHES_TO_COMPARE * batch_size.max(4 * k))];
    let mut best: Option<(f64, Fit)> = None;
    for start in 0..starts {
        let seed = rng::derive(seed, u64::from(start) + 1);
        let first = first_centroids(points, sample, k, seed);
        let (mut fit, similarity);
        if few {
            fit = Fit::new(n, first);
            fit.pass_until_settled(points, k, PASSES_OF_A_START, &mut |_| watch.check())?;
            similarity = mean(&fit.similarities);
        } else {
            let centroids = in_batches(points, first, &settings, seed, watch)?;
            fit = Fit::new(n, centroids);
            similarity = compare(points, sample, &fit.centroids, k);
        }
        watch.step("starts", u64::from(start) + 1, u64::from(starts), similarity)?;
        if best.as_ref().is_none_or(|(highest, _)| similarity > *highest) {
            best = Some((similarity, fit));
        }
    }
    // There is at least one start.
    let mut fit = best.map_or_else(|| Fit::new(n, vec![0.0; points.n_columns() * k]), |(_, fit)| fit);
    fit.pass_until_settled(points, k, max_passes, &mut |fit| {
        watch.step("passes", u64::from(fit.passes), u64::from(max_passes), mean(&fit.similarities))
    })?;
    Ok(fit)
}

/// Centroids after so many mini-batches. A centroid is the direction of the sum of all documents that it was given.
fn in_batches<P: Points>(
    points: &P,
    mut sums: Vec<f32>,
    settings: &Settings,
    seed: u64,
    watch: &mut Watch<'_>,
) -> Result<Vec<f32>> {
    let (k, n) = (settings.k, points.len());
    let n_batches = BATCHES_OF_A_START.min(n / settings.batch_size);
    let mut squares = vec![1.0f64; k];
    let mut batch = vec![0u32; settings.batch_size];
    let mut clusters = vec![0u32; settings.batch_size];
    for round in 0..n_batches {
        watch.check()?;
        let first = (round * settings.batch_size) as u64;
        for (position, doc) in (first..).zip(batch.iter_mut()) {
            *doc = ((u128::from(rng::bits(seed, position)) * n as u128) >> 64) as u32;
        }
        // By document, so that a batch walks through memory in one direction.
        batch.sort_unstable();
        let scales: Vec<f32> = squares.iter().map(|square| (1.0 / square.sqrt()) as f32).collect();
        clusters.par_chunks_mut(DOCS_PER_TASK).zip(batch.par_chunks(DOCS_PER_TASK)).for_each_init(
            || vec![0.0; k],
            |scores, (clusters, docs)| {
                for (cluster, &doc) in clusters.iter_mut().zip(docs) {
                    points.products(scores, doc as usize, &sums);
                    scores.iter_mut().zip(&scales).for_each(|(score, scale)| *score *= scale);
                    *cluster = largest(scores).0;
                }
            },
        );
        for (&cluster, &doc) in clusters.iter().zip(&batch) {
            let (mut along, cluster) = (0.0, cluster as usize);
            points.for_each(doc as usize, |column, x| {
                let sum = &mut sums[column * k + cluster];
                along += f64::from(*sum) * f64::from(x);
                *sum += x;
            });
            squares[cluster] += 2.0 * along + 1.0;
        }
    }
    normalise(&mut sums, k);
    Ok(sums)
}

/// The mean similarity of the documents `sample` with their nearest centroids.
fn compare<P: Points>(points: &P, sample: &[u32], centroids: &[f32], k: usize) -> f64 {
    let mut similarities = vec![0.0; sample.len()];
    similarities.par_chunks_mut(DOCS_PER_TASK).zip(sample.par_chunks(DOCS_PER_TASK)).for_each_init(
        || vec![0.0; k],
        |scores, (similarities, docs)| {
            for (similarity, &doc) in similarities.iter_mut().zip(docs) {
                points.products(scores, doc as usize, centroids);
                *similarity = largest(scores).1;
            }
        },
    );
    mean(&similarities)
}

impl Fit {
    fn new(n_docs: usize, centroids: Vec<f32>) -> Self {
        Self { centroids, clusters: vec![u32::MAX; n_docs], similarities: vec![0.0; n_docs], passes: 0 }
    }

    /// Gives every document to its nearest centroid and moves centroids to the middle of their documents, until hardly any
    /// document moves. `after` is called after each pass.
    pub(super) fn pass_until_settled<P: Points>(
        &mut self,
        points: &P,
        k: usize,
        max_passes: u32,
        after: &mut dyn FnMut(&Self) -> Result<()>,
    ) -> Result<()> {
        let few = points.len() / 10_000;
        for _ in 0..max_passes {
            let n_moved = self.assign(points, k) + self.fill_empty(points, k);
            self.passes += 1;
            if n_moved > 0 {
                self.centroids = centroids_of(points, &self.clusters, k);
            }
            after(self)?;
            if n_moved <= few {
                break;
            }
        }
        Ok(())
    }

    /// How many documents went to another cluster.
    fn assign<P: Points>(&mut self, points: &P, k: usize) -> usize {
        let tasks = self.clusters.par_chunks_mut(DOCS_PER_TASK).zip(self.similarities.par_chunks_mut(DOCS_PER_TASK));
        let centroids = &self.centroids;
        tasks
            .enumerate()
            .map_init(
                || vec![0.0; k],
                |scores, (task, (clusters, similarities))| {
                    let mut n_moved = 0;
                    for (doc, (cluster, similarity)) in
                        (task * DOCS_PER_TASK..).zip(clusters.iter_mut().zip(similarities))
                    {
                        points.products(scores, doc, centroids);
                        let (nearest, score) = largest(scores);
                        n_moved += usize::from(*cluster != nearest);
                        (*cluster, *similarity) = (nearest, score);
                    }
                    n_moved
                },
            )
            .sum()
    }

    /// Gives each cluster without documents the one that fits its own cluster least; how many were given.
    fn fill_empty<P: Points>(&mut self, points: &P, k: usize) -> usize {
        let mut counts = vec![0usize; k];
        self.clusters.iter().for_each(|&cluster| counts[cluster as usize] += 1);
        let empty: Vec<usize> = (0..k).filter(|&cluster| counts[cluster] == 0).collect();
        if empty.is_empty() {
            return 0;
        }
        let mut worst: Vec<u32> = (0..self.clusters.len() as u32).collect();
        worst.sort_unstable_by(|&a, &b| {
            let of = |doc: u32| self.similarities[doc as usize];
            of(a).total_cmp(&of(b)).then(a.cmp(&b))
        });
        let mut taken: Vec<u32> = Vec::new();
        let mut candidates = worst.into_iter();
        for &cluster in &empty {
            let fits = |doc: &u32, taken: &[u32], counts: &[usize]| {
                counts[self.clusters[*doc as usize] as usize] > 1
                    && taken.iter().all(|&other| !points.are_equal(other as usize, *doc as usize))
            };
            let Some(doc) = candidates.by_ref().find(|doc| fits(doc, &taken, &counts)) else { break };
            counts[self.clusters[doc as usize] as usize] -= 1;
            counts[cluster] = 1;
            self.clusters[doc as usize] = cluster as u32;
            self.similarities[doc as usize] = 1.0;
            taken.push(doc);
        }
        taken.len()
    }
}

/// The directions of the sums of the documents: `[n_columns, k]`, of length 1 for each cluster.
pub(super) fn centroids_of<P: Points>(points: &P, clusters: &[u32], k: usize) -> Vec<f32> {
    let sums = points.sums(clusters, k);
    let mut squares = vec![0.0f64; k];
    for row in sums.chunks_exact(k) {
        squares.iter_mut().zip(row).for_each(|(square, x)| *square += x * x);
    }
    let scales: Vec<f64> = squares.iter().map(|&square| if square > 0.0 { 1.0 / square.sqrt() } else { 0.0 }).collect();
    let mut centroids = vec![0.0; sums.len()];
    centroids.par_chunks_mut(k).zip(sums.par_chunks(k)).with_min_len(256).for_each(|(out, row)| {
        out.iter_mut().zip(row).zip(&scales).for_each(|((out, x), scale)| *out = (x * scale) as f32);
    });
    centroids
}

fn normalise(table: &mut [f32], k: usize) {
    let mut squares = vec![0.0f64; k];
    for row in table.chunks_exact(k) {
        squares.iter_mut().zip(row).for_each(|(square, &x)| *square += f64::from(x) * f64::from(x));
    }
    for row in table.chunks_exact_mut(k) {
        let scaled = row.iter_mut().zip(&squares).filter(|(_, square)| **square > 0.0);
        scaled.for_each(|(x, square)| *x = (f64::from(*x) / square.sqrt()) as f32);
    }
}

fn mean(values: &[f32]) -> f64 {
    values.iter().map(|&x| f64::from(x)).sum::<f64>() / values.len().max(1) as f64
}

#[cfg(test)]
#[path = "kmeans_tests.rs"]
mod tests;
