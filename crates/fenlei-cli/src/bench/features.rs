//! `fenlei bench features`: classical models from raw texts to labels, beside scikit-learn and fastText.

mod memory;
mod models;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use fenlei::data::Split;
use serde_json::json;

use super::peers::PlaceArgs;
use super::{IMDB, data_dir, read_part, trial_warning};
use crate::output::Voice;

/// Measure classical models on IMDb beside scikit-learn and fastText
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei bench features
  fenlei bench features --only linear,nb-svm-2 --runs 3
  fenlei bench features --only memory
  fenlei bench features --sample 500 --runs 1     A trial

The other programs are Python; benches/peers/README.md tells how they are measured.")]
pub(super) struct FeaturesArgs {
    /// Only these models, or memory: the peak while features are learned from 1, 4 and 16 times the documents
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = names())]
    only: Vec<String>,
    /// How many times each program runs
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    runs: u64,
    #[command(flatten)]
    place: PlaceArgs,
    /// The folder of data sets [default: $FENLEI_DATA, else ../shared/data beside the project]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Only about N documents of each part, for a trial
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// Write all figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

const MEMORY: &str = "memory";

fn names() -> Vec<&'static str> {
    models::CASES.iter().map(|case| case.name).chain([MEMORY]).collect()
}

impl FeaturesArgs {
    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }
}

pub(super) fn run(args: &FeaturesArgs) -> Result<()> {
    let voice = Voice { quiet: false, json: false };
    let imdb = data_dir(args.data.as_deref())?.join(IMDB);
    let cases: Vec<_> = models::CASES.iter().filter(|case| args.wants(case.name)).collect();
    let runner = args.place.runner(voice, cases.iter().any(|case| case.peer.is_some()))?;

    let texts = args.place.work().join("texts");
    let train = read_part(&imdb, Split::Train, None, args.sample)?;
    let test = read_part(&imdb, Split::Test, None, args.sample)?.relabel(&train.labels, false)?;
    super::export::write_texts(&texts, &train, &test)?;
    let truth = super::export::single_labels(&test)?;
    let truth: Vec<&str> = truth.iter().map(|&label| test.labels[label as usize].as_str()).collect();

    voice.result(trial_warning(args.sample).trim_end())?;
    let measured: Vec<models::Measured> =
        cases.iter().map(|case| models::measure(case, &runner, &texts, &truth, args.runs)).collect();
    if !measured.is_empty() {
        voice.result(format_args!("\n## raw texts to a model, and to labels\n\n{}", models::table(&measured)))?;
        let checks = models::checks(&measured);
        let checks = super::peers::check_table(&checks, args.sample.is_some());
        voice.result(format_args!("\n## targets\n\n{checks}"))?;
    }
    let peaks = if args.wants(MEMORY) { memory::measure(&runner, &texts)? } else { Vec::new() };
    if !peaks.is_empty() {
        let table = memory::table(&peaks);
        voice.result(format_args!("\n## peak memory while features are learned and written\n\n{table}"))?;
    }
    if let Some(file) = &args.json {
        let all = json!({
            "sample": args.sample, "runs": args.runs, "threads": runner.n_threads,
            "models": measured, "memory": peaks,
        });
        fs::write(file, serde_json::to_vec_pretty(&all)?)
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}
