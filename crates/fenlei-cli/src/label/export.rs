//! `fenlei label export`: the documents with the labels that were decided.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use fenlei_label::{LabelFormat, export};

use super::{DataArguments, database_of};
use crate::output::grouped;

/// Write the documents with the labels that were decided
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei label export reviews.jsonl -o labelled.jsonl
  fenlei label export reviews.jsonl -o train.txt --as fasttext --only-labelled
  fenlei label export tasks.json -o reviewed.json

All fields but the label come out as they were. Documents whose annotators disagree, with no majority and no review, get no
label. The page may be open meanwhile.")]
pub(super) struct ExportArguments {
    #[command(flatten)]
    data: DataArguments,
    /// The file to write, whole or not at all
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// The layout to write: jsonl, csv, tsv, fasttext, doccano, label-studio [default: that of FILE]
    #[arg(long = "as", value_name = "LAYOUT")]
    written_as: Option<LabelFormat>,
    /// Leave out documents without a label
    #[arg(long)]
    only_labelled: bool,
}

pub(super) fn run(args: &ExportArguments) -> Result<()> {
    let options = args.data.options();
    let db = options.db.clone().unwrap_or_else(|| database_of(&options.data));
    let done = export(options, &args.output, args.written_as, args.only_labelled)?;
    let n = if args.only_labelled { done.n_labelled } else { done.n_docs };
    // A closed standard error is nobody's error.
    let _ = writeln!(
        io::stderr(),
        "wrote {} documents to {} ({}), {} of them labelled",
        grouped(n),
        args.output.display(),
        done.format,
        grouped(done.n_labelled)
    );
    if done.n_open_conflicts > 0 {
        let n = grouped(done.n_open_conflicts);
        let _ = writeln!(
            io::stderr(),
            "{n} have no label, as annotators disagree: review them on the page ({})",
            db.display()
        );
    }
    Ok(())
}
