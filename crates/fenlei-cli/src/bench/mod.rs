//! `fenlei bench`: how right, how fast, how small; each figure beside its target.

mod accuracy;
mod augment;
mod cluster;
mod embed;
mod encoders;
mod ensembles;
mod export;
mod features;
mod label_errors;
mod peers;
mod serve;
mod step;
mod table;
mod tune;

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use fenlei::data::{self, Dataset, ReadOptions, Split};

/// Where the project stood when the program was built; its scripts and data sets are found from there.
const CRATE_DIR: &str = env!("CARGO_MANIFEST_DIR");

/// IMDb as it is published.
const IMDB: &str = "aclImdb_v1.tar.gz";

/// Measure accuracy and speed against published figures and other programs
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei bench accuracy --only sms-spam
  fenlei bench peers --only appendix-c --runs 3
  fenlei bench features --only nb-svm-3
  fenlei bench embed --only skip-gram
  fenlei bench encoders --only sst-2
  fenlei bench step --net chapter-8")]
pub struct BenchArgs {
    #[command(subcommand)]
    command: BenchCommand,
}

/// What to measure.
#[derive(Debug, Subcommand)]
enum BenchCommand {
    Accuracy(accuracy::AccuracyArgs),
    Cluster(cluster::ClusterBenchArgs),
    Features(features::FeaturesArgs),
    Augment(augment::AugmentBenchArgs),
    Embed(embed::EmbedArgs),
    Encoders(encoders::EncodersArgs),
    #[command(hide = true)]
    EncodersSelf(encoders::OwnEncoderArgs),
    Ensembles(ensembles::EnsemblesArgs),
    LabelErrors(label_errors::LabelErrorsArgs),
    Peers(peers::PeersArgs),
    #[command(hide = true)]
    PeersSelf(peers::OwnRunArgs),
    Serve(serve::ServeBenchArgs),
    #[command(hide = true)]
    ServeBare,
    Step(step::StepArgs),
    Tune(tune::TuneBenchArgs),
}

/// Runs a benchmark.
///
/// # Errors
/// When data is missing or cannot be read, and when something that was asked for could not be measured.
pub fn run(args: BenchArgs) -> Result<()> {
    match args.command {
        BenchCommand::Accuracy(args) => accuracy::run(&args),
        BenchCommand::Cluster(args) => cluster::run(&args),
        BenchCommand::Features(args) => features::run(&args),
        BenchCommand::Augment(args) => augment::run(&args),
        BenchCommand::Embed(args) => embed::run(&args),
        BenchCommand::Encoders(args) => encoders::run(&args),
        BenchCommand::EncodersSelf(args) => encoders::run_own(&args),
        BenchCommand::Ensembles(args) => ensembles::run(&args),
        BenchCommand::LabelErrors(args) => label_errors::run(&args),
        BenchCommand::Peers(args) => peers::run(&args),
        BenchCommand::PeersSelf(args) => peers::run_own(&args),
        BenchCommand::Serve(args) => serve::run(&args),
        BenchCommand::ServeBare => serve::run_bare(),
        BenchCommand::Step(args) => step::run(&args),
        BenchCommand::Tune(args) => tune::run(&args),
    }
}

/// The folder of the project.
fn project_dir() -> PathBuf {
    Path::new(CRATE_DIR).ancestors().nth(2).unwrap_or(Path::new(".")).to_owned()
}

/// The folder of data sets: the given one, else `FENLEI_DATA`, else the one beside the project.
fn data_dir(given: Option<&Path>) -> Result<PathBuf> {
    let named = given.map(Path::to_owned).or_else(|| env::var_os("FENLEI_DATA").map(PathBuf::from));
    let folder = named.unwrap_or_else(|| project_dir().join("../shared/data"));
    if !folder.is_dir() {
        bail!("there is no folder of data sets at {} (help: name it with --data or FENLEI_DATA)", folder.display());
    }
    folder.canonicalize().with_context(|| format!("cannot find {}", folder.display()))
}

/// One part of a divided data set, at most `sample` documents of it.
fn read_part(path: &Path, split: Split, label_until: Option<char>, sample: Option<usize>) -> Result<Dataset> {
    let options = ReadOptions { split: Some(split), label_until, ..ReadOptions::default() };
    sampled(data::read(path, &options)?.0, sample)
}

/// About `n` documents, each label in its share, always the same ones; all of them where there are no more.
fn sampled(documents: Dataset, n: Option<usize>) -> Result<Dataset> {
    match n {
        Some(n) if n < documents.len() => {
            let share = n as f64 / documents.len() as f64;
            let chosen = data::split(&documents, &[share], 0)?.remove(0);
            Ok(documents.subset(&chosen))
        }
        _ => Ok(documents),
    }
}

/// What stands above tables of a trial.
fn trial_warning(sample: Option<usize>) -> String {
    sample.map(|n| format!("**A trial on {n} documents: these are no results.**\n\n")).unwrap_or_default()
}

/// Documents for tests.
#[cfg(test)]
fn labelled<S: Into<String>>(documents: impl IntoIterator<Item = (S, &'static str)>) -> Dataset {
    let (texts, names): (Vec<String>, Vec<&str>) =
        documents.into_iter().map(|(text, name)| (text.into(), name)).unzip();
    let mut labels: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    labels.sort();
    labels.dedup();
    let number = |name: &str| labels.iter().position(|label| label == name).unwrap() as u32;
    let targets = names.into_iter().map(|name| data::Target::One(number(name))).collect();
    Dataset::new(texts, targets, labels, false).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_keeps_the_shares_of_the_labels_and_is_always_the_same() {
        let documents = labelled((0..100).map(|i| (format!("text {i}"), if i < 80 { "ham" } else { "spam" })));
        let some = sampled(documents.clone(), Some(10)).unwrap();
        assert_eq!(some.label_counts(), [8, 2]);
        assert_eq!(some, sampled(documents.clone(), Some(10)).unwrap());
        assert_eq!(sampled(documents.clone(), Some(100)).unwrap(), documents);
        assert_eq!(sampled(documents.clone(), None).unwrap(), documents);
    }

    #[test]
    fn the_project_is_found_from_its_crate() {
        assert!(project_dir().join("recipes/appendix-c.toml").is_file());
    }

    #[test]
    fn a_missing_data_folder_is_named() {
        let error = data_dir(Some(Path::new("/no/such/folder"))).unwrap_err().to_string();
        assert!(error.contains("/no/such/folder") && error.contains("FENLEI_DATA"), "{error}");
    }
}
