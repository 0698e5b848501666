//! How well clusters agree with labels that they were made without.
//!
//! Every figure equals scikit-learn's (`testdata/make_cluster_golden.py`). Logarithms are natural; no figure depends on
//! which.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Clusters beside labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClusterAgreement {
    /// Documents with a label.
    pub n_docs: u64,
    /// Normalised mutual information, by the arithmetic mean of the two entropies: 0 where they tell nothing about each
    /// other, 1 where each follows from the other. The same as the V-measure.
    pub nmi: f64,
    /// Rand index adjusted for chance (Hubert and Arabie 1985): 0 for clusters at random, 1 for the same division.
    pub ari: f64,
    /// The share of documents with the most frequent label of their cluster.
    pub purity: f64,
    /// Whether a cluster holds one label only.
    pub homogeneity: f64,
    /// Whether a label lies in one cluster only.
    pub completeness: f64,
    /// Documents by cluster and label: a row for each cluster.
    pub contingency: Vec<Vec<u64>>,
}

impl ClusterAgreement {
    /// Counts the documents that have both: `clusters[i]` below `n_clusters` and `labels[i]` below `n_labels`.
    ///
    /// # Errors
    /// [`Error::Config`] when the lists differ in length, hold a number out of range, or are empty.
    pub fn new(clusters: &[u32], labels: &[u32], n_clusters: usize, n_labels: usize) -> Result<Self> {
        let wrong = |problem: String| Error::config("clusters", problem, "mend the caller");
        if clusters.len() != labels.len() {
            return Err(wrong(format!("found {} clusters of {} documents", clusters.len(), labels.len())));
        }
        if clusters.is_empty() {
            return Err(wrong("found no document to compare".to_owned()));
        }
        let mut contingency = vec![vec![0u64; n_labels]; n_clusters];
        for (&cluster, &label) in clusters.iter().zip(labels) {
            let cell = contingency.get_mut(cluster as usize).and_then(|row| row.get_mut(label as usize));
            *cell.ok_or_else(|| wrong(format!("found cluster {cluster} and label {label}")))? += 1;
        }
        Ok(Self::of(contingency))
    }

    fn of(contingency: Vec<Vec<u64>>) -> Self {
        let of_clusters: Vec<u64> = contingency.iter().map(|row| row.iter().sum()).collect();
        let n_labels = contingency.first().map_or(0, Vec::len);
        let of_labels: Vec<u64> = (0..n_labels).map(|label| contingency.iter().map(|row| row[label]).sum()).collect();
        let n: u64 = of_clusters.iter().sum();
        let (h_clusters, h_labels) = (entropy(&of_clusters, n), entropy(&of_labels, n));
        let information = mutual_information(&contingency, &of_clusters, &of_labels, n);
        let share = |entropy: f64| if entropy == 0.0 { 1.0 } else { information / entropy };
        let (homogeneity, completeness) = (share(h_labels), share(h_clusters));
        let sum = homogeneity + completeness;
        let nmi = if sum == 0.0 { 0.0 } else { 2.0 * homogeneity * completeness / sum };
        let n_pure: u64 = contingency.iter().map(|row| row.iter().copied().max().unwrap_or(0)).sum();
        let ari = adjusted_rand(&contingency, &of_clusters, &of_labels, n);
        Self { n_docs: n, nmi, ari, purity: n_pure as f64 / n as f64, homogeneity, completeness, contingency }
    }
}

fn entropy(counts: &[u64], n: u64) -> f64 {
    let shares = counts.iter().filter(|count| **count > 0).map(|&count| count as f64 / n as f64);
    if counts.iter().filter(|count| **count > 0).count() <= 1 { 0.0 } else { -shares.map(|p| p * p.ln()).sum::<f64>() }
}

fn mutual_information(contingency: &[Vec<u64>], of_clusters: &[u64], of_labels: &[u64], n: u64) -> f64 {
    let n = n as f64;
    let mut sum = 0.0;
    for (row, &of_cluster) in contingency.iter().zip(of_clusters) {
        for (&both, &of_label) in row.iter().zip(of_labels).filter(|(both, _)| **both > 0) {
            let both = both as f64;
            sum += both / n * (both * n / (of_cluster as f64 * of_label as f64)).ln();
        }
    }
    sum.max(0.0)
}

/// From the pairs of documents that are together in both, apart in both, and together in one only.
fn adjusted_rand(contingency: &[Vec<u64>], of_clusters: &[u64], of_labels: &[u64], n: u64) -> f64 {
    let squares = |counts: &mut dyn Iterator<Item = u64>| counts.map(|c| u128::from(c).pow(2)).sum::<u128>();
    let both = squares(&mut contingency.iter().flatten().copied());
    let clusters = squares(&mut of_clusters.iter().copied());
    let labels = squares(&mut of_labels.iter().copied());
    let n = u128::from(n);
    // Ordered pairs; none of these can be below 0.
    let together = (both - n) as f64;
    let cluster_only = (clusters - both) as f64;
    let label_only = (labels - both) as f64;
    let apart = (n * n + both - clusters - labels) as f64;
    if cluster_only == 0.0 && label_only == 0.0 {
        return 1.0;
    }
    2.0 * (together * apart - cluster_only * label_only)
        / ((together + cluster_only) * (cluster_only + apart) + (together + label_only) * (label_only + apart))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Case {
        name: String,
        clusters: Vec<u32>,
        labels: Vec<u32>,
        nmi: f64,
        ari: f64,
        purity: f64,
        homogeneity: f64,
        completeness: f64,
        contingency: Vec<Vec<u64>>,
    }

    #[derive(serde::Deserialize)]
    struct Golden {
        agreement: Vec<Case>,
    }

    #[test]
    fn figures_equal_those_of_scikit_learn() {
        let golden: Golden = serde_json::from_str(include_str!("../../testdata/cluster_golden.json")).unwrap();
        assert!(golden.agreement.len() >= 6);
        for case in golden.agreement {
            let (n_clusters, n_labels) = (case.contingency.len(), case.contingency[0].len());
            let found = ClusterAgreement::new(&case.clusters, &case.labels, n_clusters, n_labels).unwrap();
            assert_eq!(found.contingency, case.contingency, "{}", case.name);
            for (name, found, expected) in [
                ("nmi", found.nmi, case.nmi),
                ("ari", found.ari, case.ari),
                ("purity", found.purity, case.purity),
                ("homogeneity", found.homogeneity, case.homogeneity),
                ("completeness", found.completeness, case.completeness),
            ] {
                assert!((found - expected).abs() < 1e-9, "{} {name}: {found}, expected {expected}", case.name);
            }
        }
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        for (clusters, labels) in [(&[0u32][..], &[0u32, 1][..]), (&[], &[]), (&[2], &[0]), (&[0], &[9])] {
            let error = ClusterAgreement::new(clusters, labels, 2, 2).unwrap_err();
            assert!(error.to_string().contains("help: "), "{error}");
        }
    }
}
