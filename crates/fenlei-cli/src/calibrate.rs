//! `fenlei calibrate`: what a model decides, chosen on documents it has not learned from.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::Result;
use clap::{Args, ValueEnum};
use fenlei::Error;
use fenlei::artifact;
use fenlei::classifier::Profile;
use fenlei::data::{self, Dataset, Findings, ReadOptions, Split};
use fenlei::eval::{Abstain, Calibrated, CalibrationSpec, Method, calibrate};
use fenlei::metrics::{CoveragePoint, Goal, Report};
use serde::Serialize;

use crate::data::ReadArgs;
use crate::decision;
use crate::output::{Voice, counted, print_json};
use crate::train::destination;

/// Points of the coverage curve that a table shows, as shares of the documents.
const COVERAGES_SHOWN: [f64; 6] = [1.0, 0.95, 0.9, 0.8, 0.7, 0.5];

/// Documents that show what is usual.
const USUAL_TEXTS: usize = 1000;

/// Choose on held-out documents what probabilities mean, thresholds, and when to abstain, and save it with the model
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei calibrate reviews.fenlei --data validation.csv -o calibrated.fenlei
  fenlei calibrate reviews.fenlei --data validation.csv -o calibrated.fenlei --method isotonic
  fenlei calibrate spam.fenlei --data validation.csv -o careful.fenlei --threshold-for precision=0.99 --positive spam
  fenlei calibrate topics.fenlei --data validation.csv -o tuned.fenlei --threshold-for f1 --per-class
  fenlei calibrate reviews.fenlei --data validation.csv -o sure.fenlei --abstain-for accuracy=0.98

The documents must be others than those of the training. What is chosen on them looks better on them than it is, so
measure with `fenlei eval` on documents of the test part.")]
pub(crate) struct CalibrateArguments {
    /// The model
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// The documents to choose on; of several parts the validation part, unless --split names another
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    /// Where to write the model with its decision
    #[arg(short, long, value_name = "MODEL")]
    output: PathBuf,
    /// How probabilities are made to mean what they say
    #[arg(long, value_name = "NAME", default_value = "temperature")]
    method: MethodArgument,
    /// Choose a threshold for f1, micro-f1, accuracy, balanced-accuracy, precision=P or recall=R
    #[arg(long, value_name = "GOAL", value_parser = Goal::from_str)]
    threshold_for: Option<Goal>,
    /// A threshold for each label (models for several labels a document)
    #[arg(long)]
    per_class: bool,
    /// The label that the threshold is for (models of two labels) [default: the second]
    #[arg(long, value_name = "LABEL")]
    positive: Option<String>,
    /// Give no answer below this confidence
    #[arg(long, value_name = "P", conflicts_with = "abstain_for")]
    abstain_below: Option<f32>,
    /// Give as many answers as can be given with accuracy=A
    #[arg(long, value_name = "accuracy=A", value_parser = wished_accuracy)]
    abstain_for: Option<f64>,
    /// Print one JSON object, with the reports before and after and both coverage curves
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    read: ReadArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum MethodArgument {
    /// One number for all, which keeps the order of the labels
    Temperature,
    /// A rising curve for each label; needs some hundred documents
    Isotonic,
    /// Probabilities stay as the model gives them
    None,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Output<'a> {
    model: String,
    #[serde(flatten)]
    calibrated: &'a Calibrated,
}

fn wished_accuracy(text: &str) -> Result<f64, String> {
    let number = text.strip_prefix("accuracy=").ok_or("expected accuracy=A, as accuracy=0.98")?;
    number.parse().map_err(|_| format!("found {number:?}, expected a share, as 0.98"))
}

pub(crate) fn run(args: &CalibrateArguments) -> Result<()> {
    let voice = Voice { quiet: false, json: args.json };
    destination::check(&args.output)?;
    let (mut classifier, mut info) = artifact::load(&args.model)?;
    let (documents, findings) = read_validation_part(&args.data, &ReadOptions::from(&args.read))?;
    voice.note(&findings);
    if documents.fingerprint() == info.data_fingerprint {
        let problem = "these are the documents that the model was trained on, on which it is surer than on others";
        let help = "give documents that were held back: `fenlei data split` divides a file";
        return Err(Error::data(&args.data, None, problem, help).into());
    }
    let spec = CalibrationSpec {
        method: match args.method {
            MethodArgument::Temperature => Method::Temperature,
            MethodArgument::Isotonic => Method::Isotonic,
            MethodArgument::None => Method::None,
        },
        threshold_for: args.threshold_for,
        per_label: args.per_class,
        positive: args.positive.clone(),
        abstain: args.abstain_below.map(Abstain::Below).or(args.abstain_for.map(Abstain::ForAccuracy)),
    };
    let calibrated = calibrate(&mut classifier, &documents, &args.data, &spec)?;
    if !calibrated.unknown.is_empty() {
        let n_docs: u64 = calibrated.unknown.iter().map(|unknown| unknown.n_docs).sum();
        voice.warn(format_args!("{} with labels that the model does not know left out", counted(n_docs, "document")));
    }
    if calibrated.n_unlabelled > 0 {
        voice.warn(format_args!("{} without a label left out", counted(calibrated.n_unlabelled, "document")));
    }
    // Confidences are others now.
    let step = documents.len().div_ceil(USUAL_TEXTS).max(1);
    let usual: Vec<&str> = documents.texts.iter().step_by(step).map(String::as_str).collect();
    info.usual = Some(Profile::of(&classifier, &usual));
    artifact::save(&args.output, &classifier, &info)?;
    if args.json {
        let model = args.output.display().to_string();
        return print_json(&Output { model, calibrated: &calibrated });
    }
    voice.result(format_args!("{}\n", counted(calibrated.after.n_docs, "document")))?;
    voice.result(figures(&calibrated))?;
    voice.result(format_args!("\nlabels: {}", decision::rule(&calibrated.decision, classifier.labels())))?;
    for line in decision::lines(&calibrated.decision, classifier.labels()) {
        voice.result(line)?;
    }
    voice.result(format_args!("\n{}", coverages(&calibrated.coverage_after)))?;
    voice.result(format_args!("wrote {}", args.output.display()))?;
    voice.note("these figures are of the documents that the choice was made on; `fenlei eval` measures on others");
    Ok(())
}

/// The validation part of divided data, else all of it, unless a part is asked for.
/// The validation part of divided data, else all of it, unless a part is asked for.
pub(crate) fn read_validation_part(
    path: &std::path::Path,
    options: &ReadOptions,
) -> fenlei::Result<(Dataset, Findings)> {
    let mut options = options.clone();
    if options.split.is_none() {
        let splits = data::splits(path)?;
        if splits.contains(&Split::Validation) {
            options.split = Some(Split::Validation);
        } else if !splits.is_empty() {
            let problem = "these documents are divided into parts, none of which is for validation";
            let help = "hold back documents of the training part, or name a part with --split";
            return Err(Error::data(path, None, problem, help));
        }
    }
    data::read(path, &options)
}

fn figures(calibrated: &Calibrated) -> String {
    type Of = fn(&Report) -> Option<f64>;
    let exact = if calibrated.after.multi_label { "exact match" } else { "accuracy" };
    let rows: [(&str, Of); 8] = [
        ("calibration error", |report| Some(report.calibration_error)),
        ("log loss", |report| Some(report.log_loss)),
        ("Brier score", |report| report.brier_score),
        (exact, |report| Some(report.accuracy)),
        ("macro F1", |report| Some(report.macro_f1)),
        ("micro F1", |report| report.multi_label.then_some(report.micro_f1)),
        ("answered", |report| Some(report.coverage.as_ref().map_or(1.0, |coverage| coverage.coverage))),
        ("right of these", |report| report.coverage.as_ref().map_or(Some(report.accuracy), |c| c.accuracy)),
    ];
    let mut lines = vec![format!("{:<17}  {:>7}  {:>7}", "", "before", "after")];
    let decimal = |figure: Option<f64>| figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.4}"));
    for (name, of) in rows {
        let (before, after) = (of(&calibrated.before), of(&calibrated.after));
        if before.is_some() || after.is_some() {
            lines.push(format!("{name:<17}  {:>7}  {:>7}", decimal(before), decimal(after)));
        }
    }
    let positive = calibrated.decision.positive.map(|positive| positive.label as usize);
    if let Some((before, after)) = positive
        .and_then(|label| Some((calibrated.before.per_class.get(label)?, calibrated.after.per_class.get(label)?)))
    {
        for (name, before, after) in [
            ("precision", before.precision, after.precision),
            ("recall", before.recall, after.recall),
            ("F1", before.f1, after.f1),
        ] {
            lines.push(format!("{:<17}  {before:>7.4}  {after:>7.4}", format!("{name} of it")));
        }
        lines.push(format!("  (it: {:?})", after.label));
    }
    lines.join("\n")
}

/// A few points of the coverage curve.
pub(crate) fn coverages(curve: &[CoveragePoint]) -> String {
    let mut lines = vec![format!("{:>8}  {:>8}  {:>15}", "answered", "right", "from confidence")];
    for wanted in COVERAGES_SHOWN {
        let Some(point) = curve.iter().find(|point| point.coverage >= wanted - 1e-12) else { continue };
        let line = format!("{:>8.4}  {:>8.4}  {:>15.4}", point.coverage, point.accuracy, point.abstain_below);
        if lines.last() != Some(&line) {
            lines.push(line);
        }
    }
    lines.join("\n")
}
