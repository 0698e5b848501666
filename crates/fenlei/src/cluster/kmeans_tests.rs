use super::super::points::{FullPoints, SparsePoints};
use super::*;
use crate::features::SparseRows;
use crate::metrics::ClusterAgreement;

fn settings(k: usize, batch_size: usize) -> Settings {
    Settings { k, starts: 10, batch_size, max_passes: 100, seed: 3 }
}

fn fitted<P: Points>(points: &P, settings: Settings) -> Fit {
    fit(points, settings, &mut Watch::default()).unwrap()
}

/// `n` documents about one of `k` subjects each, a few words of it and one of all subjects' together.
fn subjects(n: usize, k: usize) -> SparsePoints {
    let mut rows = SparseRows::new(k * 10 + 5);
    for doc in 0..n {
        let random = |i: u64, below: usize| (rng::bits(9, doc as u64 * 10 + i) % below as u64) as u32;
        let mut columns: Vec<u32> = (0..4).map(|i| (doc % k * 10) as u32 + random(i, 10)).collect();
        columns.sort_unstable();
        columns.dedup();
        let of_all = (k * 10) as u32 + random(5, 5);
        rows.push(columns.into_iter().map(|column| (column, 1.0)).chain([(of_all, 0.3)]));
    }
    SparsePoints::new(rows)
}

/// Whether documents of a subject are together and those of others apart, but for a few.
fn finds_subjects(clusters: &[u32], k: usize) -> bool {
    let subjects: Vec<u32> = (0..clusters.len()).map(|doc| (doc % k) as u32).collect();
    ClusterAgreement::new(clusters, &subjects, k, k).unwrap().ari > 0.95
}

#[test]
fn subjects_are_found_in_full_passes_and_in_batches() {
    let points = subjects(3000, 7);
    assert!(finds_subjects(&fitted(&points, settings(7, 4096)).clusters, 7));
    assert!(finds_subjects(&fitted(&points, settings(7, 100)).clusters, 7));
}

#[test]
fn any_number_of_threads_gives_the_same_centroids() {
    let points = subjects(2000, 5);
    for batch_size in [4096, 100] {
        let with_threads = |n| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
            pool.install(|| fitted(&points, settings(9, batch_size)))
        };
        let (one, three) = (with_threads(1), with_threads(3));
        assert!(one.centroids == three.centroids && one.clusters == three.clusters);
    }
}

#[test]
fn no_cluster_is_empty_where_documents_differ() {
    // Two directions with hundreds of documents, and few others.
    let mut values = [1.0, 0.0].repeat(300);
    values.extend([0.0, 1.0].repeat(300));
    for angle in [0.3f32, 0.6, 0.9] {
        values.extend([angle.cos(), angle.sin()]);
    }
    let points = FullPoints { values, dim: 2 };
    for seed in 0..10 {
        let found = fitted(&points, Settings { seed, starts: 1, ..settings(5, 4096) });
        let mut counts = [0; 5];
        found.clusters.iter().for_each(|&cluster| counts[cluster as usize] += 1);
        assert!(counts.iter().all(|count| *count > 0), "seed {seed}: {counts:?}");
        assert!(mean(&found.similarities) > 0.999_99);
    }
}

#[test]
fn an_empty_cluster_takes_the_document_that_fits_least() {
    let points = FullPoints { values: vec![1.0, 0.0, 1.0, 0.0, 0.8, 0.6, 0.8, 0.6], dim: 2 };
    let mut fit = Fit::new(4, vec![1.0, -1.0, -1.0, 0.0, 0.0, 0.0]);
    fit.assign(&points, 3);
    assert_eq!(fit.clusters, [0, 0, 0, 0]);
    // The second of two equal documents is no other cluster.
    assert_eq!(fit.fill_empty(&points, 3), 2);
    assert_eq!(fit.clusters, [2, 0, 1, 0]);
}

#[test]
fn clusters_agree_with_those_of_scikit_learn() {
    #[derive(serde::Deserialize)]
    struct Case {
        rows: Vec<Vec<(u32, f32)>>,
        n_columns: usize,
        k: usize,
        clusters: Vec<u32>,
    }
    #[derive(serde::Deserialize)]
    struct Golden {
        kmeans: Vec<Case>,
    }
    let golden: Golden = serde_json::from_str(include_str!("../../testdata/cluster_golden.json")).unwrap();
    for case in golden.kmeans {
        let mut rows = SparseRows::new(case.n_columns);
        case.rows.iter().for_each(|row| rows.push(row.iter().copied()));
        let points = SparsePoints::new(rows);
        let mut first = vec![0.0; case.n_columns * case.k];
        for doc in 0..case.k {
            points.for_each(doc, |column, x| first[column * case.k + doc] = x);
        }
        let mut found = Fit::new(points.len(), first);
        found.pass_until_settled(&points, case.k, 300, &mut |_| Ok(())).unwrap();
        assert_eq!(found.clusters, case.clusters);
    }
}

#[test]
fn whoever_asks_to_end_is_heard() {
    let stop = std::sync::atomic::AtomicBool::new(true);
    let points = subjects(100, 3);
    for batch_size in [10, 1000] {
        let mut watch = Watch { stop: Some(&stop), on_event: None };
        let found = fit(&points, settings(3, batch_size), &mut watch);
        assert!(matches!(found, Err(crate::Error::Interrupted)));
    }
}
