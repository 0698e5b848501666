//! The description of a net with what stands before it and beside it.

use fenlei_nn::spec::{HeadSpec, LayerSpec, NetSpec, Precision};
use serde::{Deserialize, Serialize};

use super::wide::WideSpec;
use crate::features::FeaturesSpec;
use crate::{Error, Result};

/// A neural network over token ids, or over a bag of n-grams: a list of layers, and beside them a linear model of n-grams
/// if wanted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetModelSpec {
    /// What the output means.
    pub head: HeadSpec,
    /// The share of tokens that training replaces by the unknown token.
    pub word_dropout: f64,
    /// How exactly training multiplies.
    #[serde(skip_serializing_if = "Precision::is_default")]
    pub precision: Precision,
    /// From tokens to the bag of features that the net reads instead of the tokens. Its first layer is then an
    /// `embedding-bag`. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub features: Option<FeaturesSpec>,
    /// A linear model of n-grams whose answer the net adds to. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wide: Option<WideSpec>,
    /// The layers up to the last Transformer read a document in windows of so many tokens, those behind it the states of all
    /// its windows. Follows from `pipeline.truncate.window`. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<usize>,
    /// The layers in order.
    pub layers: Vec<LayerSpec>,
}

impl Default for NetModelSpec {
    fn default() -> Self {
        NetSpec::default().into()
    }
}

impl From<NetSpec> for NetModelSpec {
    fn from(NetSpec { head, word_dropout, precision, window, layers }: NetSpec) -> Self {
        Self { head, word_dropout, precision, features: None, wide: None, window, layers }
    }
}

impl NetModelSpec {
    /// The net alone.
    pub fn net(&self) -> NetSpec {
        NetSpec {
            head: self.head,
            word_dropout: self.word_dropout,
            precision: self.precision,
            window: self.window,
            layers: self.layers.clone(),
        }
    }

    /// Checks what does not depend on documents, but for the layers.
    ///
    /// # Errors
    /// [`Error::Config`] with the dotted key.
    pub(crate) fn check(&self) -> Result<()> {
        self.wide.as_ref().map_or(Ok(()), WideSpec::check)?;
        if self.head == HeadSpec::Hierarchical && self.wide.is_some() {
            let problem =
                "a wide part answers for labels, but the questions of this head are about many labels at once";
            return Err(Error::config("model.head", problem, "leave out model.wide, or use head = \"auto\""));
        }
        let Some(features) = &self.features else { return Ok(()) };
        features.check()?;
        if self.wide.is_some() {
            let problem = "a wide part stands beside a net of tokens, but this one reads n-grams itself";
            return Err(Error::config("model.wide", problem, "leave out model.wide or model.features"));
        }
        if let Some(place) = reads_order(&self.layers, "model.layers") {
            let problem = "features have no order, so that they can only be summed up";
            return Err(Error::config(place, problem, "begin with { type = \"embedding-bag\", dim = … }"));
        }
        Ok(())
    }

    /// Gives every embedding the size of the pretrained vectors that it starts from.
    pub(crate) fn set_embedding_dim(&mut self, dim: usize) {
        let mut net = self.net();
        net.set_embedding_dim(dim);
        self.layers = net.layers;
    }
}

/// The place of the first layer that reads tokens in their order, if there is one.
fn reads_order(layers: &[LayerSpec], place: &str) -> Option<String> {
    let at = format!("{place}[0]");
    match layers.first()? {
        LayerSpec::EmbeddingBag { .. } => None,
        LayerSpec::Branches { branches } => branches
            .iter()
            .enumerate()
            .find_map(|(branch, layers)| reads_order(layers, &format!("{at}.branches[{branch}]"))),
        _ => Some(at),
    }
}
