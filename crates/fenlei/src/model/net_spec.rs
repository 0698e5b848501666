//! The description of a net with what stands beside it.

use fenlei_nn::spec::{HeadSpec, LayerSpec, NetSpec};
use serde::{Deserialize, Serialize};

use super::wide::WideSpec;

/// A neural network over token ids: a list of layers, and beside them a linear model of n-grams if wanted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetModelSpec {
    /// What the output means.
    pub head: HeadSpec,
    /// The share of tokens that training replaces by the unknown token.
    pub word_dropout: f64,
    /// A linear model of n-grams whose answer the net adds to. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wide: Option<WideSpec>,
    /// The layers in order.
    pub layers: Vec<LayerSpec>,
}

impl Default for NetModelSpec {
    fn default() -> Self {
        NetSpec::default().into()
    }
}

impl From<NetSpec> for NetModelSpec {
    fn from(NetSpec { head, word_dropout, layers }: NetSpec) -> Self {
        Self { head, word_dropout, wide: None, layers }
    }
}

impl NetModelSpec {
    /// The net alone.
    pub fn net(&self) -> NetSpec {
        NetSpec { head: self.head, word_dropout: self.word_dropout, layers: self.layers.clone() }
    }

    /// Gives every embedding the size of the pretrained vectors that it starts from.
    pub(crate) fn set_embedding_dim(&mut self, dim: usize) {
        let mut net = self.net();
        net.set_embedding_dim(dim);
        self.layers = net.layers;
    }
}
