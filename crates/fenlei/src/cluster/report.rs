//! What came of clustering: sizes, cohesion, examples, figures of quality.

use std::fmt;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::kmeans::centroids_of;
use super::points::{DOCS_PER_TASK, Points};
use super::sweep::Sweep;
use crate::data::shortened;
use crate::metrics::{ClusterAgreement, Silhouette};

/// Characters of an example that are shown.
const TEXT_SHOWN: usize = 70;

/// Everything that is told about clusters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClusterReport {
    /// Documents.
    pub n_docs: usize,
    /// Documents in which no word is left that the model knows: they are in no cluster.
    pub n_without_words: usize,
    /// Features.
    pub n_features: usize,
    /// The largest first.
    pub clusters: Vec<ClusterSummary>,
    /// How clearly documents belong to their clusters; `None` where all are in one.
    pub silhouette: Option<Silhouette>,
    /// How well clusters agree with the labels of the documents; `None` without labels. The last row of its table is that
    /// of documents without words.
    pub agreement: Option<ClusterAgreement>,
    /// The names of these labels.
    pub labels: Vec<String>,
    /// How k was chosen, where it was not given.
    pub sweep: Option<Sweep>,
}

/// A cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClusterSummary {
    /// Its label.
    pub name: String,
    /// Words that tell it from the others, the most telling first.
    pub words: Vec<String>,
    /// Documents.
    pub size: usize,
    /// Their share of all documents.
    pub share: f64,
    /// The mean cosine of its documents with the mean of their directions.
    pub cohesion: f64,
    /// The documents nearest to that mean.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<Example>,
}

/// A document of a cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// Which, from 1, in the order of the data.
    pub document: usize,
    /// Its cosine with the mean direction of the cluster.
    pub similarity: f64,
    /// The document itself.
    pub text: String,
}

/// Of each cluster the mean cosine with its mean direction, and of each document that cosine.
pub(super) fn cohesion<P: Points>(points: &P, clusters: &[u32], k: usize) -> (Vec<f64>, Vec<f32>) {
    let centroids = centroids_of(points, clusters, k);
    let mut similarities = vec![0.0f32; points.len()];
    similarities.par_chunks_mut(DOCS_PER_TASK).enumerate().for_each(|(task, similarities)| {
        let mut products = vec![0.0; k];
        for (doc, similarity) in (task * DOCS_PER_TASK..).zip(similarities) {
            points.products(&mut products, doc, &centroids);
            *similarity = products[clusters[doc] as usize];
        }
    });
    let (mut sums, mut counts) = (vec![0.0f64; k], vec![0usize; k]);
    for (&cluster, &similarity) in clusters.iter().zip(&similarities) {
        sums[cluster as usize] += f64::from(similarity);
        counts[cluster as usize] += 1;
    }
    let means = sums.iter().zip(&counts).map(|(sum, &n)| if n == 0 { 0.0 } else { sum / n as f64 }).collect();
    (means, similarities)
}

/// The `n` documents of each cluster with the largest cosines, no text twice: `docs[i]` is the document of point `i`.
pub(super) fn examples<S: AsRef<str>>(
    n: usize,
    texts: &[S],
    docs: &[usize],
    clusters: &[u32],
    similarities: &[f32],
    k: usize,
) -> Vec<Vec<Example>> {
    let mut of_clusters = vec![Vec::new(); k];
    (0..docs.len()).for_each(|point| of_clusters[clusters[point] as usize].push(point));
    let nearest = of_clusters.into_iter().map(|mut points: Vec<usize>| {
        points.sort_unstable_by(|&a, &b| similarities[b].total_cmp(&similarities[a]).then(a.cmp(&b)));
        let mut found: Vec<Example> = Vec::new();
        for point in points {
            if found.len() == n {
                break;
            }
            let text = texts[docs[point]].as_ref();
            if found.iter().all(|other| other.text != text) {
                let similarity = f64::from(similarities[point]);
                found.push(Example { document: docs[point] + 1, similarity, text: text.to_owned() });
            }
        }
        found
    });
    nearest.collect()
}

impl fmt::Display for ClusterReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(sweep) = &self.sweep {
            writeln!(f, "{sweep}")?;
        }
        writeln!(f, "{:>4}  {:>9}  {:>7}  {:>8}  name", "", "documents", "share", "cohesion")?;
        for (i, cluster) in self.clusters.iter().enumerate() {
            let ClusterSummary { name, size, share, cohesion, .. } = cluster;
            writeln!(f, "{:>4}  {size:>9}  {:>5.1} %  {cohesion:>8.3}  {name}", i + 1, 100.0 * share)?;
            for example in &cluster.examples {
                writeln!(f, "{:>38}· {}", "", shortened(&example.text, TEXT_SHOWN))?;
            }
        }
        if self.n_without_words > 0 {
            let share = 100.0 * self.n_without_words as f64 / self.n_docs.max(1) as f64;
            let name = crate::model::NO_WORDS;
            writeln!(f, "{:>4}  {:>9}  {share:>5.1} %  {:>8}  {name}", "", self.n_without_words, "")?;
        }
        match &self.silhouette {
            Some(s) => writeln!(f, "\nsilhouette  {:.4} (by centroids {:.4})", s.exact, s.simplified)?,
            None => writeln!(f, "\nsilhouette  none: all documents are in one cluster")?,
        }
        let Some(a) = &self.agreement else { return Ok(()) };
        writeln!(f, "\nagainst the labels of {} documents", a.n_docs)?;
        writeln!(f, "NMI {:.4}  ARI {:.4}  purity {:.4}", a.nmi, a.ari, a.purity)?;
        writeln!(f, "homogeneity {:.4}  completeness {:.4}  V-measure {:.4}", a.homogeneity, a.completeness, a.nmi)?;
        self.write_contingency(f, a)
    }
}

impl ClusterReport {
    /// Clusters by labels; of more labels than fit on a screen, the three most frequent of each cluster.
    fn write_contingency(&self, f: &mut fmt::Formatter<'_>, agreement: &ClusterAgreement) -> fmt::Result {
        writeln!(f, "\nlabels of each cluster")?;
        let names = self.clusters.iter().map(|cluster| cluster.name.as_str()).chain([crate::model::NO_WORDS]);
        for (i, (name, row)) in names.zip(&agreement.contingency).enumerate() {
            let mut order: Vec<usize> = (0..row.len()).filter(|&label| row[label] > 0).collect();
            if order.is_empty() {
                continue;
            }
            order.sort_by_key(|&label| (std::cmp::Reverse(row[label]), label));
            let n: u64 = row.iter().sum();
            let shown = order.iter().take(3).map(|&label| {
                format!("{} {:.0} %", shortened(&self.labels[label], 30), 100.0 * row[label] as f64 / n as f64)
            });
            let shown: Vec<String> = shown.collect();
            let number = if i < self.clusters.len() { (i + 1).to_string() } else { String::new() };
            writeln!(f, "{number:>4}  {name}: {}", shown.join(", "))?;
        }
        Ok(())
    }
}
