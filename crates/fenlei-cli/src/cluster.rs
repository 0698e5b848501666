//! `fenlei cluster`: from documents without labels to a model of clusters.

mod progress;
mod sources;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Instant;

use anyhow::Result;
use clap::{Args, ValueEnum};
use fenlei::Error;
use fenlei::artifact::{self, ModelInfo};
use fenlei::cluster::{ClusterOptions, ClusterReport, Clustered, KChoice, cluster};
use fenlei::config::{PlanSource, load_plan};
use fenlei::data::{self, Dataset, Target, WriteFormat};
use fenlei::train::Plan;
use serde::Serialize;

use crate::data::ReadArgs;
use crate::interrupt::Stop;
use crate::output::{Voice, counted, duration, peak_memory_mb, print_json, size};
use crate::train::destination;
use progress::ClusterProgress;
pub(crate) use sources::read as read_documents;

/// Find clusters or topics in documents without labels and write a model that gives texts to them
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei cluster news.csv --k 12
  fenlei cluster news.csv --k 5..20 -o news.fenlei
  fenlei cluster comments.txt --lines --k auto --assignments clusters.csv
  fenlei cluster reviews.jsonl --k 10 --method lda
  fenlei cluster news.csv --k 12 --embeddings vectors.txt.gz
  fenlei predict model.fenlei \"A quiet, clever film\"

Clusters are named by the words that stand in them and not elsewhere. Documents without a word that the model knows are
in none of them: their label is \"(no words)\". Labels of the documents, where there are some, serve to measure only.
Ctrl-C ends without a model.")]
pub(crate) struct ClusterArguments {
    /// The documents, as `fenlei train` reads them, with or without labels; of several parts the training part; - for
    /// lines on standard input
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// How many clusters: a number, a range of which the best is taken (2..20), or auto for the best of 2 to 20
    #[arg(long, value_name = "N|A..B|auto", value_parser = Choice::from_str)]
    k: Choice,
    /// How they are found
    #[arg(long, value_name = "NAME", default_value = "k-means")]
    method: Method,
    /// Where to write the model
    #[arg(short, long, visible_alias = "out", value_name = "MODEL", default_value = "model.fenlei")]
    output: PathBuf,
    /// Write each document with its cluster as its label (.csv, .tsv, .jsonl, .fasttext, .parquet; also packed)
    #[arg(long, value_name = "FILE")]
    assignments: Option<PathBuf>,
    /// Every line of the files is a document without a label
    #[arg(long)]
    lines: bool,
    /// Show N documents of each cluster, those nearest to its middle
    #[arg(long, value_name = "N", default_value_t = 3)]
    examples: usize,
    /// Cluster averages of these word vectors (k-means): GloVe, word2vec or fastText, also packed
    #[arg(long, value_name = "FILE")]
    embeddings: Option<PathBuf>,
    /// Where random numbers start; the same seed gives the same model
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: Option<u64>,
    /// A configuration file, complete or partial
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One setting over all files, as model.features.min_df=5; `fenlei config show --recipe k-means` prints all keys
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Print one JSON object on standard output
    #[arg(long)]
    json: bool,
    /// Say nothing but errors
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    read: ReadArgs,
}

/// The ways of finding clusters, each a recipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Method {
    /// Spherical k-means on tf-idf, or on averaged word vectors
    #[value(name = "k-means")]
    KMeans,
    /// Topics by non-negative matrix factorisation
    Nmf,
    /// Topics by latent Dirichlet allocation
    Lda,
}

impl Method {
    pub(crate) fn recipe(self) -> &'static str {
        match self {
            Self::KMeans => "k-means",
            Self::Nmf => "nmf",
            Self::Lda => "lda",
        }
    }
}

/// A number of clusters, or how to find one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Choice(KChoice);

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("found {text:?}, expected a number as 12, a range as 2..20, or auto");
        let number = |text: &str| text.trim().parse::<usize>().map_err(|_| wrong());
        Ok(Self(match text.split_once("..") {
            _ if text == "auto" => KChoice::Auto,
            Some((first, last)) => KChoice::Among(number(first)?..=number(last.trim_start_matches('='))?),
            None => KChoice::Fixed(number(text)?),
        }))
    }
}

/// What `--json` prints.
#[derive(Serialize)]
struct Summary<'a> {
    /// Reading not included.
    seconds: f64,
    method: &'static str,
    k: usize,
    seed: u64,
    model: String,
    model_bytes: u64,
    peak_memory_mb: Option<f64>,
    #[serde(flatten)]
    report: &'a ClusterReport,
}

pub(crate) fn run(args: &ClusterArguments) -> Result<()> {
    let voice = Voice { quiet: args.quiet, json: args.json };
    let plan = load_plan(&PlanSource {
        recipe: Some(args.method.recipe().to_owned()),
        config: args.config.clone(),
        set: args.set.clone(),
        seed: args.seed,
        embeddings: args.embeddings.clone(),
        ..PlanSource::default()
    })?;
    destination::check(&args.output)?;
    let format = args.assignments.as_deref().map(assignment_format).transpose()?;

    let stop = Stop::on_ctrl_c();
    let documents = sources::read(&args.paths, args.lines, &args.read, voice)?;
    stop.check()?;
    voice.note(format_args!("{}", plan.pipeline));
    if documents.multi_label {
        voice.note("documents have several labels each, so clusters are not measured against them");
    }

    let clock = Instant::now();
    let mut progress = ClusterProgress::new(args.quiet);
    let mut on_event = |event: &_| progress.show(event);
    let options = ClusterOptions { n_examples: args.examples, stop: Some(stop.flag()), on_event: Some(&mut on_event) };
    let found = cluster(&plan, &documents, &args.k.0, options);
    progress.finish();
    let found = found?;
    let seconds = clock.elapsed().as_secs_f64();

    artifact::save(&args.output, &found.classifier, &model_info(&plan, &found)?)?;
    let mut wrote = vec![format!("{}: {}", args.output.display(), size(bytes_of(&args.output)))];
    if let (Some(path), Some(format)) = (&args.assignments, format) {
        data::write(&assigned(documents, &found)?, path, format)?;
        wrote.push(format!("{}: {}", path.display(), counted(found.assignments.len(), "document")));
    }
    voice.result(found.report.to_string().trim_end())?;
    voice.note(format_args!("\nclustered in {}; wrote {}", duration(seconds), wrote.join(", ")));
    if args.json {
        print_json(&Summary {
            seconds,
            method: args.method.recipe(),
            k: found.report.clusters.len(),
            seed: plan.seed,
            model: args.output.display().to_string(),
            model_bytes: bytes_of(&args.output),
            peak_memory_mb: peak_memory_mb(),
            report: &found.report,
        })?;
    }
    Ok(())
}

fn bytes_of(path: &Path) -> u64 {
    std::fs::metadata(path).map(|file| file.len()).unwrap_or(0)
}

fn assignment_format(path: &Path) -> fenlei::Result<WriteFormat> {
    destination::check_folder(path)?;
    WriteFormat::of_path(path).ok_or_else(|| {
        let problem = format!("the name {:?} does not say which format to write", path.display().to_string());
        Error::config("--assignments", problem, "end it with .csv, .tsv, .jsonl, .fasttext or .parquet")
    })
}

/// The documents with the names of their clusters as labels.
fn assigned(documents: Dataset, found: &Clustered) -> fenlei::Result<Dataset> {
    let names = found.classifier.labels();
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by_key(|&label| &names[label]);
    let mut place = vec![0; names.len()];
    (0..).zip(&order).for_each(|(new, &old)| place[old] = new);
    let targets = found.assignments.iter().map(|&label| Target::One(place[label as usize])).collect();
    let labels = order.iter().map(|&label| names[label].clone()).collect();
    Dataset::new(documents.texts, targets, labels, false)
}

/// What the model file tells about its making; no time and no document, so that equal runs give equal files.
fn model_info(plan: &Plan, found: &Clustered) -> Result<ModelInfo> {
    let plan = Plan { model: found.classifier.model().spec(), ..plan.clone() };
    let mut report = found.report.clone();
    report.clusters.iter_mut().for_each(|cluster| cluster.examples.clear());
    Ok(ModelInfo {
        library_version: env!("CARGO_PKG_VERSION").to_owned(),
        plan: serde_json::to_value(&plan)?,
        history: serde_json::json!([]),
        data_fingerprint: found.fingerprint.clone(),
        n_train: found.assignments.len(),
        clusters: serde_json::to_value(&report)?,
        ..ModelInfo::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_a_range_or_auto_is_a_choice_of_k() {
        let choice = |text: &str| text.parse::<Choice>().map(|choice| choice.0);
        assert_eq!(choice("12"), Ok(KChoice::Fixed(12)));
        assert_eq!(choice("2..20"), Ok(KChoice::Among(2..=20)));
        assert_eq!(choice("auto"), Ok(KChoice::Auto));
        for wrong in ["", "many", "2..", "-3", "2.5"] {
            assert!(choice(wrong).unwrap_err().contains("2..20"), "{wrong}");
        }
    }
}
