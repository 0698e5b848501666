//! `fenlei inspect`: what is in a model file, and what becomes of a text.

mod model;
mod text;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, Subcommand};

use text::TextArguments;

/// Look into a model, or follow a text through its pipeline
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Examples:
  fenlei inspect reviews.fenlei
  fenlei inspect reviews.fenlei --json
  fenlei inspect text reviews.fenlei \"A <b>fine</b> film\"
  fenlei inspect text \"今天天气很好\" --set pipeline.segment.mode=jieba"
)]
pub(crate) struct InspectArguments {
    #[command(subcommand)]
    what: Option<InspectCommands>,
    /// The model
    #[arg(value_name = "MODEL", required = true)]
    model: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum InspectCommands {
    Text(TextArguments),
}

pub(crate) fn run(args: &InspectArguments) -> Result<()> {
    match (&args.what, &args.model) {
        (Some(InspectCommands::Text(args)), _) => text::run(args),
        (None, Some(path)) => model::run(path, args.json),
        // clap asks for one of the two.
        (None, None) => Ok(()),
    }
}

/// `fenlei inspect text` is about the model file `text` where there is one and nothing else is named.
pub(crate) fn resolve_name_clash(mut args: Vec<OsString>) -> Vec<OsString> {
    let is_flag = |arg: &OsString| arg.to_string_lossy().starts_with('-');
    let words: Vec<usize> = (1..args.len()).filter(|&i| !is_flag(&args[i])).collect();
    if let [command, name] = words[..]
        && (args[command] == "inspect" && args[name] == "text" && Path::new("text").is_file())
    {
        args[name] = "./text".into();
    }
    args
}
