//! Model families: a closed enum, from its description to its numbers.

mod net;

pub use net::NetModel;
pub(crate) use net::probabilities as net_probabilities;

use fenlei_nn::net::NetSizes;
use fenlei_nn::spec::NetSpec;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::text::EncodedTexts;

/// Which model, with all of its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "family", rename_all = "kebab-case")]
pub enum ModelSpec {
    /// A neural network over token ids: a list of layers.
    Net(NetSpec),
}

/// A model with its numbers.
#[derive(Debug)]
pub enum Model {
    /// A neural network over token ids.
    Net(Box<NetModel>),
}

impl ModelSpec {
    /// Builds the model with its first values from `seed`.
    ///
    /// # Errors
    /// When its parts do not fit together.
    pub fn build(&self, sizes: NetSizes, seed: u64) -> Result<Model> {
        match self {
            Self::Net(spec) => NetModel::new(spec, sizes, seed).map(|net| Model::Net(Box::new(net))),
        }
    }

    /// Builds the model with zeros, for numbers that are about to be loaded.
    ///
    /// # Errors
    /// When its parts do not fit together.
    pub(crate) fn zeros(&self, sizes: NetSizes) -> Result<Model> {
        match self {
            Self::Net(spec) => NetModel::zeros(spec, sizes).map(|net| Model::Net(Box::new(net))),
        }
    }
}

impl Model {
    /// The probability of each label for each text: `[n_texts, n_labels]`, row-major. A row does not depend on the texts
    /// beside it, but for the rounding of the last digits of a product.
    pub fn probabilities(&self, texts: &EncodedTexts) -> Vec<f32> {
        match self {
            Self::Net(net) => net.probabilities(texts),
        }
    }

    /// What the model was built from.
    pub fn spec(&self) -> ModelSpec {
        match self {
            Self::Net(net) => ModelSpec::Net(net.spec().clone()),
        }
    }
}
