//! `fenlei config`: what would run, and which recipes there are.

use std::io::{self, Write};

use anyhow::Result;
use clap::{Args, Subcommand};
use fenlei::config::{DEFAULT_RECIPE, RECIPES};

use crate::arguments::PlanArguments;

/// Show configurations
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei config list
  fenlei config show --recipe kim-2014
  fenlei config show --set train.batch_size=64 > plan.toml
  fenlei train reviews.csv --config plan.toml")]
pub(crate) struct ConfigArguments {
    #[command(subcommand)]
    command: ConfigCommands,
}

#[derive(Debug, Subcommand)]
enum ConfigCommands {
    /// Print the whole configuration that would run, as TOML
    #[command(after_help = "Layers, each over the one before: recipe, --config, --set, then --seed, --epochs and \
        --embeddings.\nA printed configuration is complete: --config with it needs nothing else.")]
    Show(PlanArguments),
    /// List the recipes
    List,
}

pub(crate) fn run(args: &ConfigArguments) -> Result<()> {
    let mut out = io::stdout().lock();
    match &args.command {
        ConfigCommands::Show(plan) => write!(out, "{}", plan.load()?.to_toml()?)?,
        ConfigCommands::List => {
            let width = RECIPES.iter().map(|recipe| recipe.name.len()).max().unwrap_or(0);
            for recipe in RECIPES {
                debug_assert!(recipe.name != DEFAULT_RECIPE || recipe.about().ends_with("(the default)"));
                writeln!(out, "{:width$}  {}", recipe.name, recipe.about())?;
            }
        }
    }
    Ok(out.flush()?)
}
