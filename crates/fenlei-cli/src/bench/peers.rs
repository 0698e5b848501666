//! `fenlei bench peers`: the same work done by other programs, side by side in one session.

pub(super) mod child;
mod networks;
mod own_run;
mod place;
mod raw_texts;
mod report;
mod titles;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use fenlei::data::Split;
use serde::Serialize;
use serde_json::json;

use super::{IMDB, data_dir, project_dir, read_part, trial_warning};
use crate::output::Voice;
pub(super) use child::{Figures, Outcome, Runner};
pub(super) use own_run::{OwnRunArgs, run as run_own};
pub(super) use place::PlaceArgs;
pub(super) use raw_texts::accuracy as share_of_right;
pub(super) use report::{Check, table as check_table};

/// Measure Keras, PyTorch and fastText on the same documents
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei bench peers
  fenlei bench peers --only appendix-c,chapter-8 --epochs 2 --runs 3 --json peers.json
  fenlei bench peers --only appendix-c --epochs 1 --runs 1 --sample 500     A trial

The other programs are Python; benches/peers/README.md tells how they are measured.")]
pub(super) struct PeersArgs {
    /// Only these comparisons
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<Comparison>,
    /// Passes of the networks over the training documents
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    epochs: u32,
    /// How many times each network is trained, with seeds from 1 on
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

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Comparison {
    /// The network of the article's appendix C on IMDb, against Keras and PyTorch
    #[value(name = "appendix-c")]
    AppendixC,
    /// The network of its chapter 8
    #[value(name = "chapter-8")]
    Chapter8,
    /// Raw texts to labels, one sentence, and the size of a model, against fastText
    #[value(name = "fasttext")]
    FastText,
    /// Chinese news titles, against the usual PyTorch TextCNN
    #[value(name = "thucnews")]
    Thucnews,
}

/// A network of the article.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
pub(super) enum Network {
    /// One convolution and a global maximum
    #[value(name = "appendix-c")]
    #[serde(rename = "appendix-c")]
    AppendixC,
    /// Two blocks of convolution and pooling
    #[value(name = "chapter-8")]
    #[serde(rename = "chapter-8")]
    Chapter8,
}

impl Network {
    /// The name of its recipe, and for the scripts.
    pub fn name(self) -> &'static str {
        match self {
            Self::AppendixC => "appendix-c",
            Self::Chapter8 => "chapter-8",
        }
    }
}

impl PeersArgs {
    fn wants(&self, comparison: Comparison) -> bool {
        self.only.is_empty() || self.only.contains(&comparison)
    }

    fn networks(&self) -> Vec<Network> {
        let all = [(Comparison::AppendixC, Network::AppendixC), (Comparison::Chapter8, Network::Chapter8)];
        all.into_iter().filter(|(comparison, _)| self.wants(*comparison)).map(|(_, net)| net).collect()
    }
}

pub(super) fn run(args: &PeersArgs) -> Result<()> {
    let voice = Voice { quiet: false, json: false };
    let data = data_dir(args.data.as_deref())?;
    let (work, runner) = (args.place.work(), args.place.runner(voice, true)?);

    let (mut checks, mut networks, mut raw_texts, mut titles) = (Vec::new(), Vec::new(), None, None);
    voice.result(trial_warning(args.sample).trim_end())?;
    if !args.networks().is_empty() || args.wants(Comparison::FastText) {
        let imdb = data.join(IMDB);
        let train = read_part(&imdb, Split::Train, None, args.sample)?;
        let test = read_part(&imdb, Split::Test, None, args.sample)?.relabel(&train.labels, false)?;
        for net in args.networks() {
            // Each recipe marks the ends of documents in its own way.
            let ids = work.join("ids").join(net.name());
            let meta = networks::export(net, &ids, &train, &test)?;
            voice.note(format_args!("exported {} and {} documents to {}", meta.n_train, meta.n_test, ids.display()));
            voice.note(format_args!("{}:", net.name()));
            let runs = networks::measure(net, args, &runner, &imdb, &ids, meta);
            voice.note(networks::one_line(&runs));
            voice.result(format_args!("\n## {}\n\n{}", net.name(), runs.table()))?;
            checks.extend(runs.checks());
            networks.push(runs);
        }
        if args.wants(Comparison::FastText) {
            voice.note("raw texts:");
            let raw = raw_texts::measure(&runner, &work, &imdb, &train, &test)?;
            voice.result(format_args!("\n## raw texts to labels\n\n{}", raw.table()))?;
            checks.extend(raw.checks());
            raw_texts = Some(raw);
        }
    }
    if args.wants(Comparison::Thucnews) {
        voice.note("thucnews:");
        let measured = titles::measure(args, &runner, &data);
        voice.result(format_args!("\n## {}\n\n{}", super::accuracy::THUCNEWS, measured.table()))?;
        if let Some(target) = measured.target() {
            let next = "fenlei bench accuracy --only thucnews --target-thucnews";
            voice.note(format_args!("next: {next} {target:.4}"));
        }
        titles = Some(measured);
    }
    if !checks.is_empty() {
        voice.result(format_args!("\n## targets\n\n{}", report::table(&checks, args.sample.is_some())))?;
    }
    if let Some(file) = &args.json {
        let all = json!({
            "sample": args.sample, "epochs": args.epochs, "runs": args.runs, "threads": runner.n_threads,
            "networks": networks, "raw_texts": raw_texts, "titles": titles, "checks": checks,
        });
        fs::write(file, serde_json::to_vec_pretty(&all)?)
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// The Python of the environment, made first if it is not there; or why there is none.
pub(super) fn find_python(given: Option<&Path>, scripts: &Path, voice: Voice) -> std::result::Result<PathBuf, String> {
    let environment = given.map_or_else(|| project_dir().join("target/peers-venv"), Path::to_owned);
    let python = environment.join("bin/python");
    if !python.exists() {
        let setup = scripts.join("setup.sh");
        voice.note(format_args!("there is no {}, so {} makes it", python.display(), setup.display()));
        // Its words go to standard error: standard output is for results.
        let ended = Command::new(&setup).arg(&environment).stdin(Stdio::null()).stdout(io::stderr()).status();
        match ended {
            Ok(status) if status.success() => {}
            Ok(status) => return Err(format!("{} failed ({status})", setup.display())),
            Err(error) => return Err(format!("cannot run {}: {error}", setup.display())),
        }
    }
    // A link must not be followed: the environment is known by the path of its Python.
    std::path::absolute(&python).map_err(|error| format!("cannot find {}: {error}", python.display()))
}
