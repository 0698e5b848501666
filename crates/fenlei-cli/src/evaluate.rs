//! `fenlei eval`: a model against documents that it has not learned from.

mod png;
mod report;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use fenlei::Error;
use fenlei::artifact;
use fenlei::data::{self, Dataset, Findings, ReadOptions, Split};
use fenlei::metrics::{CoveragePoint, Report, Resampling};
use serde::Serialize;

use crate::calibrate::coverages;
use crate::data::ReadArgs;
use crate::output::{Voice, counted, grouped, print_json, shortened};
use fenlei::eval::{Mistake, compare};
use fenlei::report::{ReportData, ReportOptions};
use report::ReportArguments;

/// Characters of a text that a list of errors shows.
const TEXT_SHOWN: usize = 100;

/// Errors that a report explains, if not told otherwise.
const ERRORS_REPORTED: usize = 12;

/// Measure a model on labelled documents
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei eval reviews.fenlei test.csv
  fenlei eval imdb.fenlei aclImdb_v1.tar.gz          The test part, where there are several
  fenlei eval reviews.fenlei test.csv --errors 20    With the worst errors
  fenlei eval reviews.fenlei test.csv --intervals    With bootstrap intervals
  fenlei eval reviews.fenlei test.csv --json > report.json
  fenlei eval reviews.fenlei test.csv --report report.html --lang zh    With charts, errors and the configuration")]
pub(crate) struct EvalArguments {
    /// The model
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// The documents; of several parts the test part, unless --split names another
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Print the report as one JSON object
    #[arg(long)]
    json: bool,
    /// Show the N errors of which the model was surest
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    errors: usize,
    /// Add the intervals in which 95 % of N bootstrap resamples lie [default N: 1000]
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "1000")]
    intervals: Option<u32>,
    /// Where the resamples start; the same seed gives the same intervals
    #[arg(long, value_name = "N", default_value_t = 0, requires = "intervals")]
    seed: u64,
    /// Add what abstaining below each confidence would give
    #[arg(long)]
    coverage: bool,
    /// Fail when documents have labels that the model does not know, rather than leave them out
    #[arg(long)]
    strict: bool,
    /// Predict a label from this probability on (models for several labels a document, or with a saved threshold)
    #[arg(long, value_name = "P")]
    threshold: Option<f32>,
    #[command(flatten)]
    report: ReportArguments,
    #[command(flatten)]
    read: ReadArgs,
}

/// What `--json` prints: the report, and the errors if they were asked for.
#[derive(Serialize)]
struct Output<'a> {
    #[serde(flatten)]
    report: &'a Report,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<&'a [Mistake<'a>]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    coverage_curve: Option<&'a [CoveragePoint]>,
}

pub(crate) fn run(args: &EvalArguments) -> Result<()> {
    let voice = Voice { quiet: false, json: args.json };
    let report = args.report.resolve()?;
    let (mut classifier, info) = artifact::load(&args.model)?;
    if let Some(threshold) = args.threshold {
        crate::predict::set_threshold(&mut classifier, threshold)?;
    }
    let (documents, findings) = read_test_part(&args.path, &ReadOptions::from(&args.read))?;
    voice.note(&findings);
    let mut comparison = compare(&classifier, &documents, &args.path)?;
    if let Some(n) = args.intervals {
        comparison.add_intervals(&classifier, Resampling { n, seed: args.seed })?;
    }
    if !comparison.unknown.is_empty() {
        let unknown: Vec<String> =
            comparison.unknown.iter().map(|u| format!("{:?} ({})", u.label, counted(u.n_docs, "document"))).collect();
        let problem = format!("found labels that the model does not know: {}", unknown.join(", "));
        if args.strict {
            let help = "leave --strict out to measure on the other documents, or train with these labels";
            return Err(Error::data(&args.path, None, problem, help).into());
        }
        voice.warn(format_args!("{problem}; left out, since no prediction could be right"));
    }
    if comparison.n_unlabelled > 0 {
        voice.warn(format_args!("{} without a label left out", counted(comparison.n_unlabelled, "document")));
    }
    let curve = args.coverage.then(|| comparison.coverage_curve(&classifier));
    if let Some((path, format)) = report {
        let options = ReportOptions {
            model: args.model.display().to_string(),
            documents: args.path.display().to_string(),
            n_errors: if args.errors > 0 { args.errors } else { ERRORS_REPORTED },
        };
        let data = ReportData::new(&classifier, &info, &documents, &comparison, &options)?;
        args.report.write(path, format, &data)?;
        voice.note(format_args!("wrote {}", path.display()));
    }
    let mistakes = comparison.worst_mistakes(&classifier, &documents, args.errors);
    if args.json {
        let errors = (args.errors > 0).then_some(mistakes.as_slice());
        return print_json(&Output { report: &comparison.report, errors, coverage_curve: curve.as_deref() });
    }
    voice.result(&comparison.report)?;
    if let Some(curve) = &curve {
        voice.result(format_args!("What abstaining would give:\n{}\n", coverages(curve)))?;
    }
    if args.errors > 0 {
        voice.result(listed(&mistakes))?;
    }
    Ok(())
}

/// The test part of divided data, else all of it, unless a part is asked for.
pub(crate) fn read_test_part(path: &Path, options: &ReadOptions) -> fenlei::Result<(Dataset, Findings)> {
    let mut options = options.clone();
    if options.split.is_none() && !data::splits(path)?.is_empty() {
        options.split = Some(Split::Test);
    }
    data::read(path, &options)
}

fn listed(mistakes: &[Mistake<'_>]) -> String {
    if mistakes.is_empty() {
        return "No errors.".to_owned();
    }
    let mut lines = vec![format!("The {} of which the model was surest:", counted(mistakes.len(), "error"))];
    for mistake in mistakes {
        let or_none = |labels: &[&str]| if labels.is_empty() { "none".to_owned() } else { labels.join(", ") };
        lines.push(format!(
            "  document {}: {} is given {} ({:.4} for the truth)\n    {}",
            grouped(mistake.document),
            or_none(&mistake.truth),
            or_none(&mistake.predicted),
            mistake.score_of_truth,
            shortened(mistake.text, TEXT_SHOWN)
        ));
    }
    lines.join("\n")
}
