//! First centroids: k-means++ (Arthur and Vassilvitskii 2007), several candidates a step, of which the best is kept.

use fenlei_nn::rng;
use rayon::prelude::*;

use super::points::{DOCS_PER_TASK, Points};

/// Chooses `k` of the documents `sample`, each with a chance that grows with its distance (1 - cosine) from those chosen
/// before; the centroids, `[n_columns, k]`.
pub(super) fn first_centroids<P: Points>(points: &P, sample: &[u32], k: usize, seed: u64) -> Vec<f32> {
    let n_candidates = 2 + (k as f64).ln() as usize;
    let n_columns = points.n_columns();
    let mut centroids = vec![0.0; n_columns * k];
    let mut distances = vec![1.0f32; sample.len()];
    let mut table = vec![0.0; n_columns * n_candidates];
    for chosen in 0..k {
        let total: f64 = distances.iter().map(|&d| f64::from(d)).sum();
        let candidates: Vec<u32> = (0..n_candidates)
            .map(|i| {
                let at = rng::uniform(seed, (chosen * n_candidates + i) as u64);
                pick(sample, &distances, at, total)
            })
            .collect();
        table.fill(0.0);
        for (i, &candidate) in candidates.iter().enumerate() {
            points.for_each(candidate as usize, |column, x| table[column * n_candidates + i] = x);
        }
        // Distances to each candidate: [n_sample, n_candidates].
        let mut nearer = vec![0.0f32; sample.len() * n_candidates];
        let tasks = nearer.par_chunks_mut(DOCS_PER_TASK * n_candidates).zip(sample.par_chunks(DOCS_PER_TASK));
        tasks.zip(distances.par_chunks(DOCS_PER_TASK)).for_each(|((nearer, docs), distances)| {
            for ((out, &doc), &distance) in nearer.chunks_exact_mut(n_candidates).zip(docs).zip(distances) {
                points.products(out, doc as usize, &table);
                out.iter_mut().for_each(|x| *x = (1.0 - *x).max(0.0).min(distance));
            }
        });
        let mut sums = vec![0.0f64; n_candidates];
        for row in nearer.chunks_exact(n_candidates) {
            sums.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
        }
        let best = (0..n_candidates).min_by(|&a, &b| sums[a].total_cmp(&sums[b])).unwrap_or(0);
        distances.iter_mut().zip(nearer.chunks_exact(n_candidates)).for_each(|(d, row)| *d = row[best]);
        points.for_each(candidates[best] as usize, |column, x| centroids[column * k + chosen] = x);
    }
    centroids
}

/// The document at a share `at` of the whole distance.
fn pick(sample: &[u32], distances: &[f32], at: f64, total: f64) -> u32 {
    if total <= 0.0 {
        return sample[((at * sample.len() as f64) as usize).min(sample.len() - 1)];
    }
    let mut rest = at * total;
    let mut last = 0;
    for (i, &distance) in distances.iter().enumerate() {
        if distance > 0.0 {
            last = i;
            rest -= f64::from(distance);
            if rest < 0.0 {
                break;
            }
        }
    }
    sample[last]
}

#[cfg(test)]
mod tests {
    use super::super::points::FullPoints;
    use super::*;

    #[test]
    fn documents_far_from_each_other_are_chosen() {
        // Three directions, each many times, with a little noise.
        let values: Vec<f32> = (0..300)
            .flat_map(|i| {
                let mut vector = [0.0f32; 3];
                vector[i % 3] = 1.0;
                vector[(i + 1) % 3] = 0.01 * (i % 7) as f32;
                let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
                vector.map(|x| x / length)
            })
            .collect();
        let points = FullPoints { values, dim: 3 };
        let sample: Vec<u32> = (0..300).collect();
        for seed in 0..20 {
            let centroids = first_centroids(&points, &sample, 3, seed);
            let mut tops: Vec<usize> = (0..3)
                .map(|c| (0..3).max_by(|&a, &b| centroids[a * 3 + c].total_cmp(&centroids[b * 3 + c])).unwrap())
                .collect();
            tops.sort_unstable();
            assert_eq!(tops, [0, 1, 2], "seed {seed}");
        }
    }
}
