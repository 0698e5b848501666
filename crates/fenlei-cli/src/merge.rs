//! `fenlei merge`: what was learned beside a pretrained model, and the model, as one file.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use fenlei::{artifact, pretrained};

use crate::output::{Voice, size};
use crate::train::destination;

/// Put what was learned beside a pretrained model together with it, to one model file
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei train reviews.csv --model encoder --pretrained DIR --set train.fine_tuning.lora.rank=8 --apart small.fenlei
  fenlei merge small.fenlei --pretrained DIR -o reviews.fenlei

The result is the file that the training wrote with --output.")]
pub(crate) struct MergeArguments {
    /// What `fenlei train --apart` wrote
    #[arg(value_name = "FILE")]
    learned: PathBuf,
    /// The folder of the pretrained model that it was trained with
    #[arg(long, value_name = "DIR")]
    pretrained: PathBuf,
    /// Where to write the model
    #[arg(short, long, value_name = "MODEL")]
    output: PathBuf,
}

pub(crate) fn run(args: &MergeArguments) -> Result<()> {
    let voice = Voice { quiet: false, json: false };
    destination::check(&args.output)?;
    let (classifier, info) = pretrained::merge(&args.learned, &args.pretrained)?;
    artifact::save(&args.output, &classifier, &info)?;
    let n_bytes = std::fs::metadata(&args.output).map_or(0, |file| file.len());
    voice.result(format_args!("model: {} ({})", args.output.display(), size(n_bytes)))?;
    Ok(())
}
