//! `fenlei embed`: train word vectors, look into files of them, measure and convert them.

mod convert;
mod evaluate;
mod look;
mod progress;
mod sources;
mod train;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use fenlei::features::{Duplicates, VectorFormat};

/// Train word vectors, look at neighbours, measure and convert
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei embed train aclImdb_v1.tar.gz -o imdb.vec
  fenlei embed nn imdb.vec wonderful dull
  fenlei embed analogy imdb.vec man king woman
  fenlei embed eval imdb.vec similarities.tsv
  fenlei embed convert imdb.vec imdb.bin")]
pub(crate) struct EmbedArguments {
    #[command(subcommand)]
    command: EmbedCommands,
}

#[derive(Debug, Subcommand)]
enum EmbedCommands {
    Train(Box<train::TrainArguments>),
    Nn(look::NeighbourArguments),
    Analogy(look::AnalogyArguments),
    Eval(evaluate::EvalArguments),
    Convert(convert::ConvertArguments),
}

pub(crate) fn run(args: &EmbedArguments) -> Result<()> {
    match &args.command {
        EmbedCommands::Train(args) => train::run(args),
        EmbedCommands::Nn(args) => look::neighbours(args),
        EmbedCommands::Analogy(args) => look::analogy(args),
        EmbedCommands::Eval(args) => evaluate::run(args),
        EmbedCommands::Convert(args) => convert::run(args),
    }
}

/// The formats by the names of the programs that made them usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FormatName {
    /// A line a word
    Glove,
    /// A line a word below a line with their number and dimension; also fastText's .vec
    Word2vec,
    /// Raw numbers below such a line
    Word2vecBinary,
}

impl From<FormatName> for VectorFormat {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Glove => Self::Text,
            FormatName::Word2vec => Self::TextWithHeader,
            FormatName::Word2vecBinary => Self::Binary,
        }
    }
}

/// What becomes of a second vector of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum DuplicatesName {
    /// It is an error
    #[default]
    Refuse,
    /// It is left out
    First,
}

impl From<DuplicatesName> for Duplicates {
    fn from(name: DuplicatesName) -> Self {
        match name {
            DuplicatesName::Refuse => Self::Refuse,
            DuplicatesName::First => Self::KeepFirst,
        }
    }
}
