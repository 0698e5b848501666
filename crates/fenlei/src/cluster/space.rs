//! Documents as what a method works on, the fit of each method, and what is told of its clusters.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::path::Path;

use fenlei_nn::rng;

use super::averages;
use super::kmeans::{self, Settings};
use super::points::{FullPoints, Points, SparsePoints};
use super::report::{ClusterSummary, cohesion, examples};
use super::sweep::{DOCS_TRIED, Sweep, Trial};
use super::watch::Watch;
use super::{lda, nmf};
use crate::features::{SparseRows, Vectorizer};
use crate::metrics::{ClusterAgreement, Silhouette, silhouette, silhouette_of_vectors};
use crate::model::{AveragedVectors, ClusterNumbers, ClusterSpec, KMeansSpec};
use crate::text::TextPipeline;
use crate::{Error, Result};

/// The documents that have words.
pub(super) struct Space {
    /// Which documents these are, ascending.
    docs: Vec<usize>,
    kind: Kind,
}

enum Kind {
    Features {
        points: SparsePoints,
        /// As they were counted, for methods that want no lengths of 1.
        counts: Option<SparseRows>,
    },
    Averages {
        points: FullPoints,
        vectors: AveragedVectors,
    },
}

/// A method with its settings.
pub(super) struct Fitter<'a> {
    pub spec: &'a ClusterSpec,
    pub seed: u64,
}

impl Space {
    /// Of all documents; with what word vectors cover, where there are some.
    pub fn new(
        spec: &ClusterSpec,
        embeddings: Option<&Path>,
        pipeline: &TextPipeline,
        vectorizer: &Vectorizer,
        rows: &SparseRows,
    ) -> Result<(Self, Option<String>)> {
        if let (ClusterSpec::KMeans(KMeansSpec { vectors: Some(averaged), .. }), Some(path)) = (spec, embeddings) {
            let (vectors, said) = averages::fit(*averaged, path, pipeline, vectorizer, rows)?;
            let (points, docs) = averages::points(&vectors, rows);
            return Ok((Self { docs, kind: Kind::Averages { points, vectors } }, Some(said)));
        }
        let docs: Vec<usize> = (0..rows.len()).filter(|&doc| !rows.row(doc).0.is_empty()).collect();
        let counted = rows.subset(&docs);
        let counts = matches!(spec, ClusterSpec::Lda(_)).then(|| counted.clone());
        Ok((Self { docs, kind: Kind::Features { points: SparsePoints::new(counted), counts } }, None))
    }

    /// Documents with words.
    pub fn len(&self) -> usize {
        self.docs.len()
    }

    /// How many documents differ; counting ends at `enough`.
    pub fn count_different(&self, enough: usize) -> usize {
        match &self.kind {
            Kind::Features { points, .. } => count_different(points, enough),
            Kind::Averages { points, .. } => count_different(points, enough),
        }
    }

    /// About `n` of the documents, evenly taken from a random order.
    fn sample(&self, n: usize, seed: u64) -> Self {
        let mut chosen: Vec<usize> = (0..self.len()).collect();
        rng::shuffle(&mut chosen, seed);
        chosen.truncate(n);
        chosen.sort_unstable();
        let docs = chosen.iter().map(|&point| self.docs[point]).collect();
        let kind = match &self.kind {
            Kind::Features { points, counts } => Kind::Features {
                points: SparsePoints::new(points.rows().subset(&chosen)),
                counts: counts.as_ref().map(|counts| counts.subset(&chosen)),
            },
            Kind::Averages { points, vectors } => {
                let values = chosen.iter().flat_map(|&point| &points.values[point * points.dim..][..points.dim]);
                let points = FullPoints { values: values.copied().collect(), dim: points.dim };
                Kind::Averages { points, vectors: vectors.clone() }
            }
        };
        Self { docs, kind }
    }

    /// How clear the clusters of the points are.
    fn silhouette(&self, clusters: &[Option<u32>], k: usize) -> Option<Silhouette> {
        match &self.kind {
            Kind::Features { points, .. } => silhouette(points.rows(), clusters, k),
            Kind::Averages { points, .. } => silhouette_of_vectors(&points.values, points.dim, clusters, k),
        }
    }

    /// What is told of the clusters: `clusters` of all documents, `named` with their names and words.
    pub fn describe<S: AsRef<str>>(
        &self,
        clusters: &[Option<u32>],
        texts: &[S],
        n_examples: usize,
        named: Vec<(String, Vec<String>)>,
    ) -> (Vec<ClusterSummary>, Option<Silhouette>) {
        let k = named.len();
        // Documents that the model tells no cluster of, though they have words, are left out.
        let of_points: Vec<Option<u32>> = self.docs.iter().map(|&doc| clusters[doc]).collect();
        // A cluster of its own, behind the others, takes them.
        let all: Vec<u32> = of_points.iter().map(|cluster| cluster.unwrap_or(k as u32)).collect();
        let (cohesion, similarities) = match &self.kind {
            Kind::Features { points, .. } => cohesion(points, &all, k + 1),
            Kind::Averages { points, .. } => cohesion(points, &all, k + 1),
        };
        let sizes = sizes(clusters, k);
        let nearest = examples(n_examples, texts, &self.docs, &all, &similarities, k + 1);
        let summaries = named.into_iter().zip(nearest).enumerate().map(|(i, ((name, words), examples))| {
            let (size, share) = (sizes[i], sizes[i] as f64 / clusters.len().max(1) as f64);
            ClusterSummary { name, words, size, share, cohesion: cohesion[i], examples }
        });
        (summaries.collect(), self.silhouette(&of_points, k))
    }
}

impl Fitter<'_> {
    /// The numbers of the model.
    pub fn fit(&self, space: &Space, watch: &mut Watch<'_>) -> Result<ClusterNumbers> {
        match (self.spec, &space.kind) {
            (ClusterSpec::KMeans(spec), Kind::Features { points, .. }) => {
                Ok(ClusterNumbers::Centroids(kmeans::fit(points, self.settings(spec), watch)?.centroids))
            }
            (ClusterSpec::KMeans(spec), Kind::Averages { points, vectors }) => {
                let centroids = kmeans::fit(points, self.settings(spec), watch)?.centroids;
                Ok(ClusterNumbers::Averaged(vectors.clone(), centroids))
            }
            (ClusterSpec::Nmf(spec), Kind::Features { points, .. }) => {
                Ok(ClusterNumbers::nmf(nmf::fit(spec, points, self.seed, watch)?, spec.k))
            }
            (ClusterSpec::Lda(spec), Kind::Features { counts: Some(counts), .. }) => {
                Ok(ClusterNumbers::Lda(lda::fit(spec, counts, self.seed, watch)?))
            }
            _ => Err(Error::train("documents are no input of this method", "this is a bug, please report it")),
        }
    }

    fn settings(&self, spec: &KMeansSpec) -> Settings {
        let KMeansSpec { k, starts, batch_size, max_passes, .. } = *spec;
        Settings { k, starts, batch_size, max_passes, seed: self.seed }
    }
}

/// Tries each k twice, with other first guesses.
pub(super) fn sweep(
    fitter: &Fitter<'_>,
    space: &Space,
    range: RangeInclusive<usize>,
    watch: &mut Watch<'_>,
) -> Result<Sweep> {
    let some = space.sample(DOCS_TRIED, fitter.seed);
    let n_tried = range.clone().count() as u64;
    let mut tried = Vec::new();
    for (done, k) in (1..).zip(range) {
        let spec = fitter.spec.clone().with_k(k);
        let mut fits = Vec::new();
        for half in 0..2 {
            let fitter = Fitter { spec: &halved(&spec), seed: rng::derive(fitter.seed, half) };
            let mut quiet = Watch { stop: watch.stop, on_event: None };
            let numbers = fitter.fit(&some, &mut quiet)?;
            let clusters = some.clusters(&spec, &numbers);
            let silhouette = some.silhouette(&clusters, k).map_or(-1.0, |s| s.exact);
            fits.push((silhouette, clusters.iter().map(|cluster| cluster.unwrap_or(k as u32)).collect::<Vec<u32>>()));
        }
        let stability = ClusterAgreement::new(&fits[0].1, &fits[1].1, k + 1, k + 1)?.ari;
        let silhouette = fits[0].0.max(fits[1].0);
        tried.push(Trial { k, silhouette, stability });
        watch.step("k", done, n_tried, silhouette)?;
    }
    Ok(Sweep::choose(some.len(), tried))
}

/// Each of two fits has half of the starts.
fn halved(spec: &ClusterSpec) -> ClusterSpec {
    let mut spec = spec.clone();
    if let ClusterSpec::KMeans(spec) = &mut spec {
        spec.starts = spec.starts.div_ceil(2);
    }
    spec
}

impl Space {
    /// What a model gives its points.
    fn clusters(&self, spec: &ClusterSpec, numbers: &ClusterNumbers) -> Vec<Option<u32>> {
        match &self.kind {
            Kind::Features { points, counts } => {
                numbers.clusters_of_rows(spec, counts.as_ref().unwrap_or(points.rows()))
            }
            Kind::Averages { points, .. } => numbers.clusters_of_averages(&points.values, points.dim),
        }
    }
}

/// Documents of each cluster.
pub(super) fn sizes(clusters: &[Option<u32>], k: usize) -> Vec<usize> {
    let mut sizes = vec![0; k];
    clusters.iter().flatten().for_each(|&cluster| sizes[cluster as usize] += 1);
    sizes
}

fn count_different<P: Points>(points: &P, enough: usize) -> usize {
    let mut seen: HashSet<Vec<(usize, u32)>> = HashSet::new();
    for doc in 0..points.len() {
        let mut entries = Vec::new();
        points.for_each(doc, |column, x| entries.push((column, x.to_bits())));
        seen.insert(entries);
        if seen.len() >= enough {
            break;
        }
    }
    seen.len()
}
