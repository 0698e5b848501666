//! `fenlei bench accuracy`: data sets with published figures, measured the way they were published.

mod cases;
mod measure;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;
use fenlei::config::{PlanSource, load_plan};
use fenlei::train::Plan;
use serde::Serialize;

use super::table::{Table, deviation, figure, mean, met};
use super::{data_dir, trial_warning};
use crate::output::{Voice, print_json};
pub(super) use cases::THUCNEWS;
use cases::{CASES, Case};

/// Train and test on data sets with known figures
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei bench accuracy
  fenlei bench accuracy --only mr-rand,trec-rand --seeds 3
  fenlei bench accuracy --only thucnews --target-thucnews 0.887
  fenlei bench accuracy --only sms-spam --sample 500     A trial")]
pub(super) struct AccuracyArgs {
    /// Only these cases
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = case_names())]
    only: Vec<String>,
    /// How many seeds to train each case with
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The folder of data sets [default: $FENLEI_DATA, else ../shared/data beside the project]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Another recipe for all cases
    #[arg(long, value_name = "NAME|FILE")]
    model: Option<String>,
    /// One setting over every recipe, as train.batch_size=64
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Passes over the training documents, at most
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    epochs: Option<u32>,
    /// The accuracy that `fenlei bench peers --only thucnews` measured of PyTorch
    #[arg(long, value_name = "X")]
    target_thucnews: Option<f64>,
    /// Only about N documents of each part, for a trial
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// Print the figures as one JSON list on standard output
    #[arg(long)]
    json: bool,
}

fn case_names() -> Vec<&'static str> {
    CASES.iter().map(|case| case.name).collect()
}

/// The figures of a case.
#[derive(Debug, Serialize)]
struct Row {
    case: &'static str,
    data: &'static str,
    protocol: String,
    model: String,
    metric: String,
    target: Option<f64>,
    /// Over all runs.
    measured: Option<f64>,
    deviation: Option<f64>,
    /// One for each seed and fold.
    figures: Vec<f64>,
    /// Of a run, in the mean.
    train_seconds: Option<f64>,
    max_seconds: Option<f64>,
    n_test: usize,
    /// Of a trial, nothing is met.
    met: Option<bool>,
    /// Why there are no figures.
    failure: Option<String>,
}

pub(super) fn run(args: &AccuracyArgs) -> Result<()> {
    let voice = Voice { quiet: false, json: args.json };
    let folder = data_dir(args.data.as_deref())?;
    let mut rows = Vec::new();
    for case in CASES.iter().filter(|case| args.only.is_empty() || args.only.iter().any(|name| name == case.name)) {
        let row = measure_case(case, &folder, args, voice);
        voice.result(one_line(&row))?;
        rows.push(row);
    }
    voice.result(format_args!("\n{}{}", trial_warning(args.sample), table(&rows)))?;
    if args.json {
        print_json(&rows)?;
    }
    let failed: Vec<&str> = rows.iter().filter(|row| row.failure.is_some()).map(|row| row.case).collect();
    if !failed.is_empty() {
        bail!("could not be measured: {}", failed.join(", "));
    }
    Ok(())
}

/// Measures a case; what goes wrong stands in the row, so that hours of other cases are not lost.
fn measure_case(case: &Case, folder: &Path, args: &AccuracyArgs, voice: Voice) -> Row {
    voice.note(format_args!("{}: {}, {}", case.name, case.data, case.protocol));
    let target = if case.name == THUCNEWS { args.target_thucnews } else { case.target };
    let mut row = Row {
        case: case.name,
        data: case.data,
        protocol: case.protocol.to_string(),
        model: args.model.clone().unwrap_or_else(|| case.recipe.to_owned()),
        metric: case.metric.to_string(),
        target,
        measured: None,
        deviation: None,
        figures: Vec::new(),
        train_seconds: None,
        max_seconds: case.max_seconds,
        n_test: 0,
        met: None,
        failure: None,
    };
    let tell = |run: &measure::Run| {
        let fold = run.fold.map(|fold| format!(", fold {fold}")).unwrap_or_default();
        let seconds = figure(run.train_seconds);
        voice.note(format_args!("  seed {}{fold}: {:.4} ({seconds} s of training)", run.seed, run.figure));
    };
    let runs = plans(case, folder, args)
        .and_then(|plans| measure::measure(case, &folder.join(case.data), &plans, args.sample, tell));
    match runs {
        Ok(runs) => {
            row.figures = runs.iter().map(|run| run.figure).collect();
            row.measured = mean(&row.figures);
            row.deviation = Some(deviation(&row.figures));
            row.train_seconds = mean(&runs.iter().map(|run| run.train_seconds).collect::<Vec<_>>());
            row.n_test = runs.first().map_or(0, |run| run.n_test);
            let in_time = case.max_seconds.zip(row.train_seconds).is_none_or(|(most, seconds)| seconds < most);
            let reached = row.target.zip(row.measured).map(|(target, measured)| measured >= target && in_time);
            row.met = reached.filter(|_| args.sample.is_none());
        }
        Err(error) => row.failure = Some(format!("{error:#}")),
    }
    row
}

/// A plan for each seed.
fn plans(case: &Case, folder: &Path, args: &AccuracyArgs) -> Result<Vec<Plan>> {
    // Settings of a case belong to its own recipe.
    let own = if args.model.is_none() { case.settings } else { &[] };
    let source = PlanSource {
        recipe: Some(args.model.clone().unwrap_or_else(|| case.recipe.to_owned())),
        set: own.iter().map(|setting| (*setting).to_owned()).chain(args.set.iter().cloned()).collect(),
        epochs: args.epochs,
        embeddings: case.embeddings.map(|path| folder.join(path)),
        ..PlanSource::default()
    };
    let plan = |seed| Ok(load_plan(&PlanSource { seed: Some(seed), ..source.clone() })?);
    (1..=args.seeds).map(plan).collect()
}

fn measured(row: &Row) -> String {
    match (&row.failure, row.measured, row.deviation) {
        (Some(failure), ..) => format!("failed: {}", failure.lines().next().unwrap_or_default()),
        (None, Some(mean), Some(deviation)) if row.figures.len() > 1 => format!("{mean:.4} ± {deviation:.4}"),
        (None, Some(mean), _) => format!("{mean:.4}"),
        _ => String::new(),
    }
}

fn seconds(row: &Row) -> String {
    let Some(seconds) = row.train_seconds else { return String::new() };
    match row.max_seconds {
        Some(most) if seconds < most => format!("{} (under {most:.0})", figure(seconds)),
        Some(most) => format!("{} (NOT under {most:.0})", figure(seconds)),
        None => figure(seconds),
    }
}

fn one_line(row: &Row) -> String {
    let target = row.target.map(|target| format!(", target {target:.3}")).unwrap_or_default();
    let met = row.met.map(|met| if met { ", met" } else { ", NOT met" }).unwrap_or_default();
    format!("{}: {} {}{target}{met}, {} s of training", row.case, row.metric, measured(row), seconds(row))
}

fn table(rows: &[Row]) -> Table {
    let head = ["case", "data", "protocol", "model", "metric", "target", "measured", "training seconds", "met?"];
    let mut table = Table::new(&head);
    for row in rows {
        table.row([
            row.case.to_owned(),
            row.data.to_owned(),
            row.protocol.clone(),
            row.model.clone(),
            row.metric.clone(),
            row.target.map(|target| format!("{target:.3}")).unwrap_or_default(),
            measured(row),
            seconds(row),
            met(row.met),
        ]);
    }
    table
}

/// The accuracy and the training seconds of one case with one seed.
pub(super) fn measure_one(name: &str, folder: &Path, seed: u64, sample: Option<usize>) -> Result<(f64, f64)> {
    let Some(case) = CASES.iter().find(|case| case.name == name) else { bail!("there is no case {name:?}") };
    let source = PlanSource { recipe: Some(case.recipe.to_owned()), seed: Some(seed), ..PlanSource::default() };
    let set = case.settings.iter().map(|setting| (*setting).to_owned()).collect();
    let plan = load_plan(&PlanSource { set, ..source })?;
    let runs = measure::measure(case, &folder.join(case.data), &[plan], sample, |_| {})?;
    let n = runs.len().max(1) as f64;
    let sums = runs.iter().fold((0.0, 0.0), |sums, run| (sums.0 + run.figure, sums.1 + run.train_seconds));
    Ok((sums.0 / n, sums.1 / n))
}
