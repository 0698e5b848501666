//! `fenlei embed convert`: one format of vectors into another.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use fenlei::features::VectorTable;

use super::train::form_of;
use super::{DuplicatesName, FormatName};
use crate::output::{Voice, counted};

/// Write vectors in another format
#[derive(Debug, Args)]
#[command(after_help = "Every number comes back as it was, whatever way it goes.

Examples:
  fenlei embed convert GoogleNews-vectors-negative300.bin.gz news.vec
  fenlei embed convert glove.6B.100d.txt glove.bin
  fenlei embed convert imdb.vec imdb.out --to glove")]
pub(super) struct ConvertArguments {
    /// What to read: GloVe, word2vec text or binary, fastText .vec, also packed
    input: PathBuf,
    /// Where to write: .vec (word2vec text), .bin (word2vec binary), .txt (GloVe), each also with .gz or .zst
    output: PathBuf,
    /// The format, if the name of OUTPUT does not say
    #[arg(long, value_name = "FORMAT")]
    to: Option<FormatName>,
    /// What becomes of a second vector of a word
    #[arg(long, value_name = "CHOICE", default_value = "refuse")]
    duplicates: DuplicatesName,
}

pub(super) fn run(args: &ConvertArguments) -> Result<()> {
    let form = form_of(&args.output, args.to)?;
    let (table, _) = VectorTable::read(&args.input, args.duplicates.into())?;
    table.write(&args.output, form)?;
    let voice = Voice { quiet: false, json: false };
    voice.note(format_args!("{}: wrote {} of {}", args.output.display(), counted(table.len(), "word"), table.dim()));
    Ok(())
}
