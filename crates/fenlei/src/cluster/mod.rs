//! Clustering: from documents without labels to a classifier of clusters.
//!
//! Invariant: a document's cluster is what the finished classifier predicts for it, so that assigning is one path with
//! predicting. The same plan and documents give the same bytes for any number of threads.

mod averages;
mod kmeans;
mod lda;
mod names;
mod nmf;
mod points;
mod report;
mod seeding;
mod space;
mod sweep;
mod watch;

use std::sync::atomic::AtomicBool;

use fenlei_nn::rng;

pub use report::{ClusterReport, ClusterSummary, Example};
pub use sweep::{AUTO_RANGE, KChoice, Sweep, Trial};
pub use watch::ClusterEvent;

use crate::classifier::{Classifier, Decision};
use crate::data::{Dataset, Target};
use crate::features::{FittedFeatures, Labels, Vectorizer};
use crate::metrics::ClusterAgreement;
use crate::model::{ClusterModel, ClusterSpec, Model, NO_WORDS};
use crate::train::Plan;
use crate::{Error, Result};
use space::{Fitter, Space};
use watch::Watch;

/// The part of the seed that clusters are looked for with.
const SEED_CLUSTERS: u64 = 7;

/// The threshold of a decision that has no use for one.
const UNUSED_THRESHOLD: f32 = 0.5;

/// What clustering may be given besides its plan and its documents.
#[derive(Default)]
pub struct ClusterOptions<'a> {
    /// Documents nearest to the middle of each cluster that the report shows.
    pub n_examples: usize,
    /// Raised by whoever wants it to end.
    pub stop: Option<&'a AtomicBool>,
    /// Called with everything that happens.
    pub on_event: Option<&'a mut dyn FnMut(&ClusterEvent)>,
}

/// What clustering gives.
#[derive(Debug)]
pub struct Clustered {
    /// Gives a text the name of its cluster.
    pub classifier: Classifier,
    /// Of each document the number of its label: the cluster's, the largest first, or `k` for one without words.
    pub assignments: Vec<u32>,
    /// What came of it.
    pub report: ClusterReport,
    /// CRC-32 of the documents and their labels, in hexadecimal.
    pub fingerprint: String,
}

/// Finds clusters of `documents` by a plan with the model `k-means`, `nmf` or `lda`. Labels, where there are some, serve
/// to measure only.
///
/// ```
/// use fenlei::cluster::{ClusterOptions, KChoice, cluster};
/// use fenlei::config::{PlanSource, load_plan};
/// use fenlei::data::{Dataset, Target};
///
/// let texts = ["cats purr", "cats and kittens purr", "stocks fall", "stocks and bonds fall"].map(String::from).to_vec();
/// let documents = Dataset::new(texts, vec![Target::Unlabelled; 4], Vec::new(), false)?;
/// let set = vec!["model.features.min_df=1".into()];
/// let plan = load_plan(&PlanSource { recipe: Some("k-means".into()), set, ..PlanSource::default() })?;
/// let found = cluster(&plan, &documents, &KChoice::Fixed(2), ClusterOptions::default())?;
/// assert_eq!(found.assignments[0], found.assignments[1]);
/// assert_ne!(found.assignments[0], found.assignments[2]);
/// # Ok::<(), fenlei::Error>(())
/// ```
///
/// # Errors
/// When the plan is about another model, when there are fewer different documents than clusters, when no document has a
/// word, and [`Error::Interrupted`].
pub fn cluster(plan: &Plan, documents: &Dataset, choice: &KChoice, options: ClusterOptions<'_>) -> Result<Clustered> {
    let spec = checked_spec(plan, choice)?;
    let mut watch = Watch { stop: options.stop, on_event: options.on_event };
    let pipeline = plan.pipeline.fit(&documents.texts)?;
    watch.check()?;
    let targets = vec![Target::Unlabelled; documents.len()];
    let labels = Labels { n: 0, multi: false };
    let FittedFeatures { vectorizer, rows } =
        Vectorizer::fit(spec.features(), &pipeline, &documents.texts, &targets, labels)?;
    watch.check()?;
    let n_features = vectorizer.n_columns();
    let (space, vectors) = Space::new(&spec, plan.embeddings.as_deref(), &pipeline, &vectorizer, &rows)?;
    watch.tell(&ClusterEvent::Start {
        n_docs: space.len(),
        n_without_words: documents.len() - space.len(),
        n_features,
        vectors,
    });
    let seed = rng::derive(plan.seed, SEED_CLUSTERS);
    let fitter = Fitter { spec: &spec, seed };
    let n_different = space.count_different(most_clusters(choice));
    let (k, sweep) = match choice {
        KChoice::Fixed(k) => (*k, None),
        KChoice::Among(range) => (*range.end(), Some(range.clone())),
        KChoice::Auto => {
            let most = (*AUTO_RANGE.end()).min(n_different.saturating_sub(1)).max(2);
            (most, Some(*AUTO_RANGE.start()..=most))
        }
    };
    check_enough(k, space.len(), n_different)?;
    let sweep = sweep.map(|range| space::sweep(&fitter, &space, range, &mut watch)).transpose()?;
    let k = sweep.as_ref().map_or(k, |sweep| sweep.chosen);
    let spec = spec.clone().with_k(k);
    let fitter = Fitter { spec: &spec, seed };
    let bug = |problem| Error::train(problem, "this is a bug, please report it");
    let numbers = fitter.fit(&space, &mut watch)?;
    watch.tell(&ClusterEvent::Fitted);
    let mut model = ClusterModel::new(spec.clone(), vectorizer, numbers).map_err(bug)?;
    let sizes = space::sizes(&model.clusters_of_rows(&rows), k);
    let mut order: Vec<usize> = (0..k).collect();
    order.sort_by_key(|&cluster| (std::cmp::Reverse(sizes[cluster]), cluster));
    model.reorder(&order);
    watch.check()?;

    let clusters = model.clusters_of_rows(&rows);
    let named = names::name_clusters(&pipeline, &documents.texts, &clusters, k)?;
    let (summaries, silhouette) = space.describe(&clusters, &documents.texts, options.n_examples, named);
    let assignments: Vec<u32> = clusters.iter().map(|cluster| cluster.unwrap_or(k as u32)).collect();
    let report = ClusterReport {
        n_docs: documents.len(),
        n_without_words: clusters.iter().filter(|cluster| cluster.is_none()).count(),
        n_features,
        silhouette,
        agreement: agreement(documents, &assignments, k + 1)?,
        labels: documents.labels.clone(),
        clusters: summaries,
        sweep,
    };
    let names = report.clusters.iter().map(|cluster| cluster.name.clone());
    let labels = names.chain([NO_WORDS.to_owned()]).collect();
    let decision = Decision::plain(false, UNUSED_THRESHOLD);
    let classifier = Classifier::new(pipeline, Model::Cluster(Box::new(model)), labels, decision);
    Ok(Clustered { classifier, assignments, report, fingerprint: documents.fingerprint() })
}

/// The model of the plan, with any of the numbers of clusters that are asked for.
fn checked_spec(plan: &Plan, choice: &KChoice) -> Result<ClusterSpec> {
    let Some(mut spec) = ClusterSpec::of(&plan.model) else {
        let problem = "this model learns labels and finds no clusters";
        return Err(Error::config("model.family", problem, "choose k-means, nmf or lda with --method"));
    };
    if let ClusterSpec::KMeans(spec) = &mut spec {
        match (&plan.embeddings, &spec.vectors) {
            (Some(_), None) => spec.vectors = Some(Default::default()),
            (None, Some(_)) => {
                let problem = "averages of word vectors need vectors";
                return Err(Error::config("model.vectors", problem, "name their file with --embeddings"));
            }
            _ => {}
        }
    }
    let ends = match choice {
        KChoice::Fixed(k) => [*k, *k],
        KChoice::Among(range) => [*range.start(), *range.end()],
        KChoice::Auto => [*AUTO_RANGE.start(), *AUTO_RANGE.end()],
    };
    if ends[0] > ends[1] {
        let problem = format!("found {}..{}, expected the smaller number first", ends[0], ends[1]);
        return Err(Error::config("model.k", problem, "give a range as 2..20"));
    }
    for k in ends {
        spec.clone().with_k(k).check()?;
    }
    plan.pipeline.check()?;
    Ok(spec.with_k(ends[0]))
}

fn most_clusters(choice: &KChoice) -> usize {
    match choice {
        KChoice::Fixed(k) => *k,
        KChoice::Among(range) => *range.end(),
        KChoice::Auto => *AUTO_RANGE.end() + 1,
    }
}

/// Refuses more clusters than there are different documents.
fn check_enough(k: usize, n_docs: usize, n_different: usize) -> Result<()> {
    if n_docs < k {
        let problem = format!("{k} clusters of {n_docs} documents with words");
        return Err(Error::config("model.k", problem, "give a smaller --k, or more documents"));
    }
    if n_different == 1 {
        let problem = format!("all {n_docs} documents have the same words, so there is nothing to tell apart");
        return Err(Error::train(problem, "give documents that differ, or loosen [pipeline] and model.features"));
    }
    if n_different < k {
        let problem = format!("{k} clusters of {n_docs} documents, of which only {n_different} differ in their words");
        return Err(Error::config("model.k", problem, "give a smaller --k, or more documents"));
    }
    Ok(())
}

/// How clusters agree with the labels of those documents that have one.
fn agreement(documents: &Dataset, assignments: &[u32], n_clusters: usize) -> Result<Option<ClusterAgreement>> {
    let labelled = assignments.iter().zip(&documents.targets).filter_map(|(&cluster, target)| match target {
        Target::One(label) => Some((cluster, *label)),
        Target::Many(_) | Target::Unlabelled => None,
    });
    let (clusters, labels): (Vec<u32>, Vec<u32>) = labelled.unzip();
    if clusters.is_empty() {
        return Ok(None);
    }
    ClusterAgreement::new(&clusters, &labels, n_clusters, documents.labels.len()).map(Some)
}
