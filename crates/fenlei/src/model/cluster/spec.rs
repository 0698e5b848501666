//! Models that are fitted without labels, as a configuration says them.

use serde::{Deserialize, Serialize};

use crate::features::{FeaturesSpec, Idf, Norm, Tf};
use crate::model::ModelSpec;
use crate::{Error, Result};

/// The most clusters: of topics, the products of each with each are held.
pub(crate) const MOST_CLUSTERS: usize = 1000;

/// Spherical k-means: each document belongs to the centroid with the largest cosine (Dhillon and Modha 2001).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KMeansSpec {
    /// How many clusters. Default: 10.
    pub k: usize,
    /// How many first guesses are tried; the best goes on. Default: 20.
    pub starts: u32,
    /// Documents of a mini-batch. Default: 4096.
    pub batch_size: usize,
    /// Passes over all documents at the end, at most. Default: 100.
    pub max_passes: u32,
    /// Probabilities are the softmax of so many times the cosines. Default: 20.
    pub sharpness: f32,
    /// Clusters averages of word vectors rather than the features themselves. Default: no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vectors: Option<AveragedSpec>,
    /// From tokens to numbers.
    pub features: FeaturesSpec,
}

impl Default for KMeansSpec {
    fn default() -> Self {
        let features = FeaturesSpec { word_ngrams: 1, ..FeaturesSpec::default() };
        Self { k: 10, starts: 20, batch_size: 4096, max_passes: 100, sharpness: 20.0, vectors: None, features }
    }
}

/// The average of a document's word vectors, each as much as its feature counts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AveragedSpec {
    /// Takes away what all documents have in common: their first principal component (Arora et al. 2017).
    /// Default: true.
    pub remove_component: bool,
}

impl Default for AveragedSpec {
    fn default() -> Self {
        Self { remove_component: true }
    }
}

/// Topics by non-negative matrix factorisation of the features (Lee and Seung 1999).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NmfSpec {
    /// How many topics. Default: 10.
    pub k: usize,
    /// Passes over all documents, at most. Default: 200.
    pub max_passes: u32,
    /// When a pass changes so small a share of what the first one did, it is done. Default: 0.0001.
    pub tolerance: f64,
    /// From tokens to numbers.
    pub features: FeaturesSpec,
}

impl Default for NmfSpec {
    fn default() -> Self {
        let features = FeaturesSpec { word_ngrams: 1, ..FeaturesSpec::default() };
        Self { k: 10, max_passes: 200, tolerance: 1e-4, features }
    }
}

/// Topics by latent Dirichlet allocation, fitted by online variational Bayes (Hoffman et al. 2010).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LdaSpec {
    /// How many topics. Default: 10.
    pub k: usize,
    /// How strongly a document spreads over topics; small for few topics a document. Default: 1 / k.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// How strongly a topic spreads over features. Default: 1 / k.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eta: Option<f64>,
    /// Documents of a mini-batch. Default: 2048.
    pub batch_size: usize,
    /// Passes over all documents. Default: 10.
    pub passes: u32,
    /// How many batches the first ones count less than later ones. Default: 10.
    pub offset: f64,
    /// How fast earlier batches are forgotten, above 0.5 and at most 1. Default: 0.7.
    pub decay: f64,
    /// From tokens to numbers.
    pub features: FeaturesSpec,
}

impl Default for LdaSpec {
    fn default() -> Self {
        let features =
            FeaturesSpec { word_ngrams: 1, tf: Tf::Count, idf: Idf::None, norm: Norm::None, ..FeaturesSpec::default() };
        Self { k: 10, alpha: None, eta: None, batch_size: 2048, passes: 10, offset: 10.0, decay: 0.7, features }
    }
}

impl LdaSpec {
    /// The prior of a document's topics.
    pub(crate) fn document_prior(&self) -> f64 {
        self.alpha.unwrap_or(1.0 / self.k as f64)
    }

    /// The prior of a topic's features.
    pub(crate) fn topic_prior(&self) -> f64 {
        self.eta.unwrap_or(1.0 / self.k as f64)
    }
}

/// Any of them.
#[derive(Debug, Clone, PartialEq)]
pub enum ClusterSpec {
    /// Spherical k-means.
    KMeans(KMeansSpec),
    /// Topics by non-negative matrix factorisation.
    Nmf(NmfSpec),
    /// Topics by latent Dirichlet allocation.
    Lda(LdaSpec),
}

impl ClusterSpec {
    /// The model without labels that a description is about, if it is about one.
    pub(crate) fn of(spec: &ModelSpec) -> Option<Self> {
        match spec {
            ModelSpec::Net(_)
            | ModelSpec::Linear(_)
            | ModelSpec::Nb(_)
            | ModelSpec::NbSvm(_)
            | ModelSpec::Ensemble(_) => None,
            ModelSpec::KMeans(spec) => Some(Self::KMeans(spec.clone())),
            ModelSpec::Nmf(spec) => Some(Self::Nmf(spec.clone())),
            ModelSpec::Lda(spec) => Some(Self::Lda(spec.clone())),
        }
    }

    /// From tokens to numbers.
    pub fn features(&self) -> &FeaturesSpec {
        match self {
            Self::KMeans(spec) => &spec.features,
            Self::Nmf(spec) => &spec.features,
            Self::Lda(spec) => &spec.features,
        }
    }

    /// How many clusters or topics.
    pub fn k(&self) -> usize {
        match self {
            Self::KMeans(KMeansSpec { k, .. }) | Self::Nmf(NmfSpec { k, .. }) | Self::Lda(LdaSpec { k, .. }) => *k,
        }
    }

    /// The same with another number of clusters.
    #[must_use]
    pub(crate) fn with_k(mut self, new: usize) -> Self {
        match &mut self {
            Self::KMeans(KMeansSpec { k, .. }) | Self::Nmf(NmfSpec { k, .. }) | Self::Lda(LdaSpec { k, .. }) => {
                *k = new
            }
        }
        self
    }

    /// Checks the values and what does not go together.
    ///
    /// # Errors
    /// [`Error::Config`] with the dotted key.
    pub(crate) fn check(&self) -> Result<()> {
        self.features().check()?;
        let wrong = |key: &str, problem: String, help: &str| Err(Error::config(format!("model.{key}"), problem, help));
        let k = self.k();
        if !(2..=MOST_CLUSTERS).contains(&k) {
            let problem = format!("found {k} clusters, expected 2 to {MOST_CLUSTERS}");
            return wrong("k", problem, "give --k a number of at least 2, a range as 2..20, or auto");
        }
        if self.features().select.is_some() {
            let problem = "features are chosen by labels, of which clusters know none".to_owned();
            return wrong("features.select", problem, "leave it out; max_features keeps the most frequent ones");
        }
        let (whole, above_zero) = match self {
            Self::KMeans(spec) => (
                vec![
                    ("starts", spec.starts as usize),
                    ("batch_size", spec.batch_size),
                    ("max_passes", spec.max_passes as usize),
                ],
                vec![("sharpness", f64::from(spec.sharpness))],
            ),
            Self::Nmf(spec) => (vec![("max_passes", spec.max_passes as usize)], vec![("tolerance", spec.tolerance)]),
            Self::Lda(spec) => (
                vec![("passes", spec.passes as usize), ("batch_size", spec.batch_size)],
                vec![("alpha", spec.document_prior()), ("eta", spec.topic_prior()), ("offset", spec.offset)],
            ),
        };
        if let Some((key, _)) = whole.into_iter().find(|(_, n)| *n == 0) {
            return wrong(key, "found 0, expected at least 1".to_owned(), "leave it out for the usual number");
        }
        if let Some((key, found)) = above_zero.into_iter().find(|(_, x)| !(*x > 0.0 && x.is_finite())) {
            let problem = format!("{found} is out of range, expected a number above 0");
            return wrong(key, problem, "leave it out for the usual one");
        }
        match self {
            Self::Lda(spec) if !(spec.decay > 0.5 && spec.decay <= 1.0) => {
                let problem = format!("{} is out of range, expected above 0.5 and at most 1", spec.decay);
                wrong("decay", problem, "leave it out for 0.7")
            }
            Self::KMeans(KMeansSpec { vectors: Some(_), features, .. })
                if features.char_ngrams.is_some() || features.word_ngrams != 1 || features.hash_columns.is_some() =>
            {
                let problem = "only listed single words have vectors".to_owned();
                let help = "set features.word_ngrams = 1, and leave char_ngrams and hash_columns out";
                wrong("vectors", problem, help)
            }
            _ => Ok(()),
        }
    }
}

impl From<ClusterSpec> for ModelSpec {
    fn from(spec: ClusterSpec) -> Self {
        match spec {
            ClusterSpec::KMeans(spec) => Self::KMeans(spec),
            ClusterSpec::Nmf(spec) => Self::Nmf(spec),
            ClusterSpec::Lda(spec) => Self::Lda(spec),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused_with_its_key() {
        for (toml, place) in [
            ("family = 'k-means'\nk = 1", "model.k"),
            ("family = 'nmf'\nk = 0", "model.k"),
            ("family = 'lda'\nk = 20000", "model.k"),
            ("family = 'k-means'\nstarts = 0", "model.starts"),
            ("family = 'k-means'\nsharpness = nan", "model.sharpness"),
            ("family = 'k-means'\n[vectors]\n[features]\nword_ngrams = 2", "model.vectors"),
            ("family = 'k-means'\n[features]\nselect = { by = 'chi2', keep = 5 }", "model.features.select"),
            ("family = 'nmf'\ntolerance = 0.0", "model.tolerance"),
            ("family = 'lda'\nalpha = -1.0", "model.alpha"),
            ("family = 'lda'\ndecay = 0.5", "model.decay"),
            ("family = 'lda'\nbatch_size = 0", "model.batch_size"),
        ] {
            let spec: ModelSpec = toml::from_str(toml).unwrap();
            let error = ClusterSpec::of(&spec).unwrap().check().unwrap_err().to_string();
            assert!(error.starts_with(&format!("{place}: ")) && error.contains("help: "), "{toml}: {error}");
        }
        for family in ["k-means", "nmf", "lda"] {
            let spec: ModelSpec = toml::from_str(&format!("family = '{family}'")).unwrap();
            let cluster = ClusterSpec::of(&spec).unwrap();
            cluster.check().unwrap();
            assert_eq!(ModelSpec::from(cluster), spec);
            toml::from_str::<ModelSpec>(&format!("family = '{family}'\nlayers = []")).unwrap_err();
        }
    }
}
