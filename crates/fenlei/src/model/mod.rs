//! Model families: a closed enum, from its description to its numbers.

mod cluster;
mod ensemble;
mod net;
mod net_inputs;
mod net_spec;
mod sparse;
mod wide;

pub use cluster::{AveragedSpec, ClusterModel, ClusterSpec, KMeansSpec, LdaSpec, NO_WORDS, NmfSpec};
pub(crate) use cluster::{AveragedVectors, ClusterNumbers, Inference, descend, digamma, gram};
pub use ensemble::{Combine, EnsembleModel, EnsembleSpec, Member};
pub(crate) use ensemble::{
    Combiner, MAX_MEMBERS, Meta, link as stacking_link, logits as stacking_logits, n_inputs as n_stacking_inputs,
};
pub(crate) use net::Beside;
pub use net::NetModel;
pub(crate) use net::probabilities as net_probabilities;
pub use net_inputs::NetInputs;
pub use net_spec::NetModelSpec;
pub use sparse::{
    LinearLoss, LinearSpec, Link, NbKind, NbSpec, NbSvmSpec, Penalty, SparseModel, SparseSpec, StrongFeature,
};
pub(crate) use sparse::{margins, sigmoid, softplus};
pub(crate) use wide::log_odds;
pub use wide::{Wide, WideSpec};

use fenlei_nn::net::NetSizes;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::text::TextPipeline;

/// Which model, with all of its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "family", rename_all = "kebab-case")]
pub enum ModelSpec {
    /// A neural network over token ids, or over a bag of n-grams: a list of layers.
    Net(NetModelSpec),
    /// Logistic regression or a support vector machine over a bag of n-grams.
    Linear(LinearSpec),
    /// Naive Bayes over a bag of n-grams.
    Nb(NbSpec),
    /// Logistic regression over n-grams that naive Bayes weighted.
    NbSvm(NbSvmSpec),
    /// Clusters around centroids; fitted without labels.
    KMeans(KMeansSpec),
    /// Topics by non-negative matrix factorisation; fitted without labels.
    Nmf(NmfSpec),
    /// Topics by latent Dirichlet allocation; fitted without labels.
    Lda(LdaSpec),
    /// Several trained models as one; made from trained models, not by a plan.
    Ensemble(EnsembleSpec),
}

/// A model with its numbers.
#[derive(Debug)]
pub enum Model {
    /// A neural network.
    Net(Box<NetModel>),
    /// A linear function of a bag of n-grams.
    Sparse(Box<SparseModel>),
    /// Clusters or topics, found without labels.
    Cluster(Box<ClusterModel>),
    /// Several models as one.
    Ensemble(Box<EnsembleModel>),
}

impl ModelSpec {
    /// Checks everything that does not depend on documents.
    ///
    /// # Errors
    /// With the place of the first value that makes no sense, or of the parts that do not fit together.
    pub fn check(&self) -> Result<()> {
        // Whether layers fit together does not depend on the sizes.
        let sizes = NetSizes { vocab_size: 2, n_labels: 2, multi_label: false };
        match self {
            Self::Net(spec) => {
                spec.check()?;
                NetModel::zeros(spec, sizes).map(drop)
            }
            Self::Linear(_) | Self::Nb(_) | Self::NbSvm(_) => SparseSpec::of(self).map_or(Ok(()), |spec| spec.check()),
            Self::KMeans(_) | Self::Nmf(_) | Self::Lda(_) => ClusterSpec::of(self).map_or(Ok(()), |spec| spec.check()),
            Self::Ensemble(spec) => spec.check(),
        }
    }
}

impl Model {
    /// The probability of each label for each text: `[n_texts, n_labels]`, row-major. A row does not depend on the texts
    /// beside it, but for the rounding of the last digits of a product.
    pub(crate) fn probabilities<S: AsRef<str> + Sync>(&self, pipeline: &TextPipeline, texts: &[S]) -> Vec<f32> {
        match self {
            Self::Net(net) => net.probabilities(&NetInputs::new(pipeline, net.features(), texts)),
            Self::Sparse(sparse) => sparse.probabilities(pipeline, texts),
            Self::Cluster(cluster) => cluster.probabilities(pipeline, texts),
            Self::Ensemble(ensemble) => ensemble.probabilities(texts),
        }
    }

    /// Makes what speeds up scoring of many texts, also one at a time.
    pub(crate) fn prepare_scoring(&self) {
        match self {
            Self::Net(net) => net.prepare_scoring(),
            Self::Ensemble(ensemble) => ensemble.prepare_scoring(),
            Self::Sparse(_) | Self::Cluster(_) => {}
        }
    }

    /// Adds small matrices that were trained beside weights to these. Other models stay as they are.
    pub(crate) fn merge(&mut self) -> Result<()> {
        match self {
            Self::Net(net) => net.merge(),
            Self::Ensemble(ensemble) => ensemble.members.iter_mut().try_for_each(|member| member.model.merge()),
            Self::Sparse(_) | Self::Cluster(_) => Ok(()),
        }
    }

    /// Holds weights as 8-bit integers where that is possible; gives how many tensors those are.
    pub(crate) fn quantize(&mut self) -> usize {
        match self {
            Self::Net(net) => net.quantize(),
            Self::Ensemble(ensemble) => ensemble.members.iter_mut().map(|member| member.model.quantize()).sum(),
            Self::Sparse(_) | Self::Cluster(_) => 0,
        }
    }

    /// What the model was built from.
    pub fn spec(&self) -> ModelSpec {
        match self {
            Self::Net(net) => ModelSpec::Net(net.spec().clone()),
            Self::Sparse(sparse) => sparse.spec().clone().into(),
            Self::Cluster(cluster) => cluster.spec().clone().into(),
            Self::Ensemble(ensemble) => ModelSpec::Ensemble(ensemble.spec()),
        }
    }
}
