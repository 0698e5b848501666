//! `fenlei cv`: how well a plan does on documents that it has not learned from, without a test part.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::Result;
use clap::{Args, ValueEnum};
use fenlei::Error;
use fenlei::data::{self, Dataset, Findings, ReadOptions};
use fenlei::eval::{CrossValidated, CvOptions, FoldOutcome, Inner, Spread, cross_validate};
use fenlei::train::{Metric, Plan};
use serde::Serialize;

use crate::arguments::PlanArguments;
use crate::data::ReadArgs;
use crate::interrupt::Stop;
use crate::output::{Voice, counted, duration, print_json};

/// Measure a plan by cross-validation: each document is predicted by a model that has not seen it
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei cv reviews.csv
  fenlei cv reviews.csv --model nb-svm --folds 5 --repeats 3
  fenlei cv posts.csv --group-column author        No author on both sides
  fenlei cv reviews.csv --nested 3 --try model.c=0.3 --try model.c=3 --model linear
  fenlei cv reviews.csv --json > folds.json

Vocabulary, weights of words and early stopping are fitted inside each fold, on the documents of the other folds.")]
pub(crate) struct CvArguments {
    /// The documents, as `fenlei train` reads them; of several parts the training part
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// How many parts, each of which is predicted once
    #[arg(long, value_name = "K", default_value_t = 10)]
    folds: usize,
    /// How often, with other parts each time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    repeats: u32,
    /// Documents with the same value in this column (author, film, thread) stay in one fold
    #[arg(long, value_name = "COLUMN")]
    group_column: Option<String>,
    /// Choose among the alternatives of --try inside of each fold, by K inner folds: the choice is measured too
    #[arg(long, value_name = "K", requires = "alternatives")]
    nested: Option<usize>,
    /// An alternative for --nested: settings over the plan, as "model.c=3 model.features.min_df=1"
    #[arg(long = "try", value_name = "KEY=VALUE…", id = "alternatives", requires = "nested")]
    alternatives: Vec<String>,
    /// The figure by which --nested chooses
    #[arg(long, value_name = "NAME", default_value = "accuracy")]
    metric: MetricName,
    /// Folds that are trained at a time; each needs the memory of a training [default: one for each thread]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    jobs: usize,
    /// Print one JSON object with every fold
    #[arg(long)]
    json: bool,
    /// Say nothing but errors
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    plan: PlanArguments,
    #[command(flatten)]
    read: ReadArgs,
}

/// A figure by its name on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MetricName {
    /// The share of documents predicted right
    Accuracy,
    /// The mean F1 of the labels
    MacroF1,
    /// The mean negative logarithm of the probability of the truth; smaller is better
    LogLoss,
}

impl From<MetricName> for Metric {
    fn from(name: MetricName) -> Self {
        match name {
            MetricName::Accuracy => Self::Accuracy,
            MetricName::MacroF1 => Self::MacroF1,
            MetricName::LogLoss => Self::LogLoss,
        }
    }
}

/// What `--json` prints.
#[derive(Serialize)]
struct Output<'a> {
    /// Reading not included.
    seconds: f64,
    seed: u64,
    /// The alternatives, in the order of the numbers in `folds`.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    alternatives: &'a [String],
    #[serde(flatten)]
    measured: &'a CrossValidated,
}

pub(crate) fn run(args: &CvArguments) -> Result<()> {
    let voice = Voice { quiet: args.quiet, json: args.json };
    let plans = plans(args)?;
    let stop = Stop::on_ctrl_c();
    let (documents, findings) = read(args)?;
    voice.note(&findings);
    let documents = labelled(documents, voice);
    stop.check()?;
    let groups = args.group_column.as_ref().and(documents.columns.first()).map(|column| column.values.as_slice());
    let n_folds = args.folds.saturating_mul(args.repeats as usize);
    let done = AtomicUsize::new(0);
    let on_fold = |fold: &FoldOutcome| {
        let n = done.fetch_add(1, Ordering::Relaxed) + 1;
        voice.note(format_args!("fold {} done ({n} of {n_folds}): {}", fold.fold, figures_of(fold)));
    };
    let options = CvOptions {
        folds: args.folds,
        repeats: args.repeats as usize,
        groups,
        inner: args.nested.map(|folds| Inner { folds, metric: args.metric.into() }),
        jobs: args.jobs,
        stop: Some(stop.flag()),
        on_fold: Some(&on_fold),
        ..CvOptions::default()
    };
    let clock = Instant::now();
    let measured = cross_validate(&plans, &documents, &args.path, &options)?;
    let seconds = clock.elapsed().as_secs_f64();
    if args.json {
        let (seed, alternatives) = (plans[0].seed, args.alternatives.as_slice());
        return print_json(&Output { seconds, seed, alternatives, measured: &measured });
    }
    voice.result(table(&measured, args))?;
    voice.note(format_args!("{} in {}", counted(measured.folds.len(), "training"), duration(seconds)));
    Ok(())
}

/// The plan, or one for each alternative.
fn plans(args: &CvArguments) -> Result<Vec<Plan>> {
    if args.alternatives.is_empty() {
        return Ok(vec![args.plan.load()?]);
    }
    if args.alternatives.len() < 2 {
        let problem = "found one alternative, expected at least two to choose from";
        return Err(Error::config("--try", problem, "give --try once for each").into());
    }
    let with = |settings: &String| {
        let mut plan = args.plan.clone();
        plan.set.extend(settings.split_whitespace().map(str::to_owned));
        plan.load()
    };
    Ok(args.alternatives.iter().map(with).collect::<fenlei::Result<_>>()?)
}

fn read(args: &CvArguments) -> Result<(Dataset, Findings)> {
    let mut options = ReadOptions::from(&args.read);
    options.columns.extend(args.group_column.clone());
    Ok(data::read(&args.path, &options)?)
}

fn labelled(documents: Dataset, voice: Voice) -> Dataset {
    let is_labelled = |&i: &usize| documents.targets[i] != data::Target::Unlabelled;
    let kept: Vec<usize> = (0..documents.len()).filter(is_labelled).collect();
    if kept.len() == documents.len() {
        return documents;
    }
    voice.warn(format_args!("{} without a label left out", counted(documents.len() - kept.len(), "document")));
    documents.subset(&kept)
}

fn figures_of(fold: &FoldOutcome) -> String {
    format!("accuracy {:.4}, macro F1 {:.4}", fold.report.accuracy, fold.report.macro_f1)
}

/// Every fold, then mean and standard deviation.
fn table(measured: &CrossValidated, args: &CvArguments) -> String {
    let mut out = String::new();
    let chooses = !args.alternatives.is_empty();
    let (width, repeated) = (12, args.repeats > 1);
    let names = ["accuracy", "macro F1", "weighted F1", "AUC", "log loss"];
    let heading: String = names.iter().map(|name| format!("{name:>width$}")).collect();
    let _ = writeln!(out, "{:<14}{:>10}{heading}{}", "", "documents", if chooses { "  chosen" } else { "" });
    for fold in &measured.folds {
        let name =
            if repeated { format!("fold {}, time {}", fold.fold, fold.repeat) } else { format!("fold {}", fold.fold) };
        let report = &fold.report;
        let figures =
            [Some(report.accuracy), Some(report.macro_f1), Some(report.weighted_f1), report.auc, Some(report.log_loss)];
        let figures: String = figures.into_iter().map(|figure| format!("{:>width$}", decimal(figure))).collect();
        let chosen = if chooses { format!("  {}", args.alternatives[fold.plan]) } else { String::new() };
        let _ = writeln!(out, "{name:<14}{:>10}{figures}{chosen}", report.n_docs);
    }
    let row = |out: &mut String, name: &str, value: fn(&Spread) -> Option<f64>| {
        let keys = ["accuracy", "macro_f1", "weighted_f1", "auc", "log_loss"];
        let of = |key: &str| measured.figures.iter().find(|spread| spread.figure == key).and_then(value);
        let figures: String = keys.iter().map(|key| format!("{:>width$}", decimal(of(key)))).collect();
        let _ = writeln!(out, "{name:<14}{:>10}{figures}", "");
    };
    row(&mut out, "mean", |spread| spread.mean);
    row(&mut out, "std", |spread| spread.std);
    let undefined = measured.figures.iter().find(|s| s.figure == "auc" && s.n < measured.folds.len());
    if let Some(auc) = undefined {
        let _ = writeln!(out, "\nThe AUC is undefined in {}, which lack documents of some label.", {
            counted(measured.folds.len() - auc.n, "fold")
        });
    }
    out.trim_end().to_owned()
}

fn decimal(figure: Option<f64>) -> String {
    figure.map_or_else(|| "–".to_owned(), |figure| format!("{figure:.4}"))
}
