//! What a net looks like that computes what a pretrained model does, and which of its tensors become which parameters.

use fenlei_nn::layers::Activation;
use fenlei_nn::spec::LayerSpec;

/// A net without a head, and where its numbers are.
#[derive(Debug, Clone)]
pub(super) struct Blueprint {
    /// From token ids to a state for each token.
    pub layers: Vec<LayerSpec>,
    /// Of each layer that has parameters, in order: the end of each parameter's name, and what it is made of.
    pub sources: Vec<Vec<(String, Source)>>,
    /// The table of token vectors by its name, which tells what stands before the names of all tensors.
    pub table: &'static str,
    /// How many vectors that table has.
    pub n_rows: usize,
    /// Beginnings of the names of tensors that are heads, or are computed: they are left out.
    pub left_out: &'static [&'static str],
    /// Tokens of a document, at most.
    pub max_tokens: usize,
    /// Whether a state knows only the tokens before it.
    pub is_causal: bool,
    /// Numbers in a state.
    pub width: usize,
    /// What its masked language model calls the parts of the head, where that is known.
    pub masked: Option<MaskedNames>,
}

/// The head of a masked language model: a dense layer, an activation, a norm, and the table of token vectors with a bias.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct MaskedNames {
    /// What stands before the names of the model's own tensors beside a head.
    pub prefix: &'static str,
    pub dense: &'static str,
    pub norm: &'static str,
    /// The bias of the decoder, and its name where it is saved with the decoder.
    pub bias: [&'static str; 2],
    /// The decoder, where it is saved beside the table.
    pub decoder: &'static str,
    /// The activation, where it is not that of the blocks.
    pub activation: Option<Activation>,
}

/// What a parameter is made of.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Source {
    /// The rows of these tensors, one tensor below the other.
    Rows(Vec<Piece>),
    /// The vectors of the pipeline's tokens.
    Tokens(&'static str),
    /// Rows of a table, those of the first `skip` left out, each with the first row of `kinds` added: all tokens of a
    /// document are of one kind.
    Positions { table: &'static str, skip: usize, kinds: Option<&'static str> },
    /// Zeros that stay: the model has nothing there.
    Nothing,
}

/// A tensor of the model.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Piece {
    pub name: String,
    /// How many rows of the parameter it gives; the same share as the others where that is not said.
    pub n_rows: Option<usize>,
    /// Whether its columns are the rows.
    pub is_transposed: bool,
}

impl Source {
    /// One tensor.
    pub fn one(name: impl Into<String>) -> Self {
        Self::Rows(vec![Piece { name: name.into(), n_rows: None, is_transposed: false }])
    }

    /// One tensor whose columns are the rows of the parameter.
    pub fn transposed(name: impl Into<String>) -> Self {
        Self::Rows(vec![Piece { name: name.into(), n_rows: None, is_transposed: true }])
    }

    /// Two tensors of half the rows.
    pub fn halves(names: [String; 2]) -> Self {
        Self::Rows(names.into_iter().map(|name| Piece { name, n_rows: None, is_transposed: false }).collect())
    }

    /// Several tensors with how many rows each gives.
    pub fn stacked<const N: usize>(pieces: [(String, usize); N]) -> Self {
        let piece = |(name, n_rows)| Piece { name, n_rows: Some(n_rows), is_transposed: false };
        Self::Rows(pieces.into_iter().map(piece).collect())
    }
}
