//! `fenlei compare`: two models on the same documents.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use fenlei::artifact;
use fenlei::data::ReadOptions;
use fenlei::eval::{Disagreement, Side, TwoModels, compare_models};
use fenlei::metrics::{DEFAULT_RESAMPLES, Resampling};
use serde::Serialize;

use crate::data::ReadArgs;
use crate::evaluate::read_test_part;
use crate::output::{Voice, counted, grouped, print_json, shortened};

/// Characters of a text that a list of documents shows.
const TEXT_SHOWN: usize = 100;

/// Differences of this probability or less are called so.
const SIGNIFICANT: f64 = 0.05;

/// Compare two models on the same documents, with tests of whether the difference is luck
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei compare old.fenlei new.fenlei --data test.csv
  fenlei compare cnn.fenlei nb-svm.fenlei --data aclImdb_v1.tar.gz --split test
  fenlei compare old.fenlei new.fenlei --data test.csv --shown 20
  fenlei compare old.fenlei new.fenlei --data test.csv --json > comparison.json

Differences are B less A. Their intervals hold 95 % of the bootstrap resamples, which both models share. McNemar's test
looks at the documents that only one of the two has right. Where a model would abstain, what it would have said counts.")]
pub(crate) struct CompareArguments {
    /// The first model, A
    #[arg(value_name = "MODEL_A")]
    a: PathBuf,
    /// The second model, B
    #[arg(value_name = "MODEL_B")]
    b: PathBuf,
    /// The documents; of several parts the test part, unless --split names another
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    /// Resamples behind intervals and p-values
    #[arg(long, value_name = "N", default_value_t = DEFAULT_RESAMPLES)]
    intervals: u32,
    /// Where the resamples start; the same seed gives the same intervals
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Show N documents that only A has right, and N that only B has right
    #[arg(long, value_name = "N", default_value_t = 3)]
    shown: usize,
    /// Print one JSON object, with both reports
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    read: ReadArgs,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Output<'a> {
    a: String,
    b: String,
    #[serde(flatten)]
    models: &'a TwoModels,
    disagreements: &'a [Disagreement<'a>],
}

pub(crate) fn run(args: &CompareArguments) -> Result<()> {
    let voice = Voice { quiet: false, json: args.json };
    let (a, _) = artifact::load(&args.a)?;
    let (b, _) = artifact::load(&args.b)?;
    let (documents, findings) = read_test_part(&args.data, &ReadOptions::from(&args.read))?;
    voice.note(&findings);
    let resampling = Resampling { n: args.intervals, seed: args.seed };
    let models = compare_models(&a, &b, &documents, &args.data, resampling)?;
    if models.n_left_out > 0 {
        let left_out = counted(models.n_left_out, "document");
        voice.warn(format_args!("{left_out} without a label that both models know left out"));
    }
    let disagreements = models.disagreements(&a, &b, &documents, args.shown);
    let (name_a, name_b) = (args.a.display().to_string(), args.b.display().to_string());
    if args.json {
        return print_json(&Output { a: name_a, b: name_b, models: &models, disagreements: &disagreements });
    }
    voice.result(format_args!("{}\nA: {name_a}\nB: {name_b}\n", counted(models.n_docs, "document")))?;
    voice.result(table(&models))?;
    voice.result(verdict(&models))?;
    for (side, title) in [(Side::A, "Only A is right:"), (Side::B, "Only B is right:")] {
        let of_side: Vec<_> = disagreements.iter().filter(|shown| shown.right == side).collect();
        if !of_side.is_empty() {
            voice.result(format_args!("\n{title}\n{}", listed(&of_side)))?;
        }
    }
    Ok(())
}

fn table(models: &TwoModels) -> String {
    let mut lines =
        vec![format!("{:<20}  {:>8}  {:>8}  {:>10}  {:>20}  {:>7}", "", "A", "B", "difference", "95 % interval", "p")];
    for row in &models.differences {
        let interval = format!("{:+.4} to {:+.4}", row.interval.low, row.interval.high);
        lines.push(format!(
            "{:<20}  {:>8.4}  {:>8.4}  {:>+10.4}  {interval:>20}  {:>7.4}",
            row.figure.replace('_', " "),
            row.a,
            row.b,
            row.difference,
            row.p_value
        ));
    }
    lines.join("\n")
}

fn verdict(models: &TwoModels) -> String {
    let test = &models.mcnemar;
    let how = match test.statistic {
        Some(statistic) => format!("chi-squared {statistic:.3} with continuity correction"),
        None => "exact binomial".to_owned(),
    };
    let who = match test.only_a.cmp(&test.only_b) {
        _ if test.p_value > SIGNIFICANT => "the difference may be luck",
        std::cmp::Ordering::Greater => "A is right more often",
        _ => "B is right more often",
    };
    format!(
        "\nboth right {}, only A {}, only B {}, neither {}\nMcNemar's test: p = {:.3e} ({how}): {who}",
        grouped(models.both_right),
        grouped(test.only_a),
        grouped(test.only_b),
        grouped(models.neither_right),
        test.p_value
    )
}

fn listed(documents: &[&Disagreement<'_>]) -> String {
    let or_none = |labels: &[&str]| if labels.is_empty() { "none".to_owned() } else { labels.join(", ") };
    let lines = documents.iter().map(|shown| {
        let (wrong, who) = if shown.right == Side::A { (&shown.b, "B") } else { (&shown.a, "A") };
        format!(
            "  document {}: {}, which {who} takes for {}\n    {}",
            grouped(shown.document),
            or_none(&shown.truth),
            or_none(wrong),
            shortened(shown.text, TEXT_SHOWN)
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}
