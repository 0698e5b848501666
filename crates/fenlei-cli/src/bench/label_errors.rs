//! `fenlei bench label-errors`: how many planted wrong labels are found, and how many of those found were planted.
//!
//! Invariant: errors are planted into the documents before anything learns from them; the true labels are looked at only
//! to count.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use clap::Args;
use fenlei::audit::label_errors;
use fenlei::config::{PlanSource, load_plan};
use fenlei::data::{self, Dataset, ReadOptions, Target};
use fenlei::eval::{CvOptions, cross_validate};
use fenlei_nn::rng;
use serde::Serialize;

use super::table::Table;
use super::{data_dir, sampled, trial_warning};
use crate::output::{Voice, print_json};

/// Measure how well wrong labels are found that were planted into data sets
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei bench label-errors
  fenlei bench label-errors --only mr --percent 2,5,10 --model nb-svm")]
pub(super) struct LabelErrorsArgs {
    /// Only these data sets
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = CASES.map(|(name, _)| name))]
    only: Vec<String>,
    /// Percent of the labels that are made wrong
    #[arg(long, value_name = "PERCENT", value_delimiter = ',', default_value = "5",
          value_parser = clap::value_parser!(u32).range(1..=50))]
    percent: Vec<u32>,
    /// The recipe of the model that judges
    #[arg(long, value_name = "NAME|FILE", default_value = "linear")]
    model: String,
    /// Folds by which documents are predicted
    #[arg(long, value_name = "K", default_value_t = 5)]
    folds: usize,
    /// Where random numbers start
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// The folder of data sets [default: $FENLEI_DATA, else ../shared/data beside the project]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Only about N documents, for a trial
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// Print the figures as one JSON list on standard output
    #[arg(long)]
    json: bool,
}

/// Data sets by name and place.
const CASES: [(&str, &str); 3] = [("mr", "mr"), ("sms-spam", "sms-spam"), ("trec", "trec")];

#[derive(Debug, Serialize)]
struct Row {
    data: &'static str,
    n_docs: usize,
    n_planted: usize,
    n_suspects: usize,
    /// The share of suspects that were planted. Real errors of the data count as false alarms.
    precision: f64,
    /// The share of planted errors that are suspects.
    recall: f64,
    /// The share of planted errors among as many of the surest suspects.
    precision_at_n: f64,
    /// The estimated share of wrong labels.
    noise: f64,
    out_of_fold_accuracy: f64,
    seconds: f64,
}

pub(super) fn run(args: &LabelErrorsArgs) -> Result<()> {
    let voice = Voice { quiet: false, json: args.json };
    let folder = data_dir(args.data.as_deref())?;
    let mut rows = Vec::new();
    for (name, place) in
        CASES.into_iter().filter(|(name, _)| args.only.is_empty() || args.only.iter().any(|n| n == name))
    {
        let documents = sampled(data::read(&folder.join(place), &ReadOptions::default())?.0, args.sample)?;
        for &percent in &args.percent {
            let row = measure(name, &documents, percent, args)?;
            voice.note(format_args!("{name}, {percent} %: precision {:.3}, recall {:.3}", row.precision, row.recall));
            rows.push(row);
        }
    }
    voice.result(format_args!("\n{}{}", trial_warning(args.sample), table(&rows)))?;
    if args.json {
        print_json(&rows)?;
    }
    Ok(())
}

fn measure(name: &'static str, documents: &Dataset, percent: u32, args: &LabelErrorsArgs) -> Result<Row> {
    let (documents, planted) = with_errors(documents, percent, args.seed);
    let plan =
        load_plan(&PlanSource { recipe: Some(args.model.clone()), seed: Some(args.seed), ..PlanSource::default() })?;
    let clock = Instant::now();
    let options = CvOptions { folds: args.folds, ..CvOptions::default() };
    let measured = cross_validate(&[plan], &documents, name.as_ref(), &options)?;
    let found =
        label_errors(&documents.targets, &measured.probabilities, documents.labels.len(), documents.multi_label)?;
    let is_planted: Vec<bool> = found.suspects.iter().map(|s| planted.binary_search(&s.document).is_ok()).collect();
    let right = is_planted.iter().filter(|is| **is).count();
    let surest = is_planted.iter().take(planted.len()).filter(|is| **is).count();
    Ok(Row {
        data: name,
        n_docs: documents.len(),
        n_planted: planted.len(),
        n_suspects: found.suspects.len(),
        precision: right as f64 / found.suspects.len().max(1) as f64,
        recall: right as f64 / planted.len().max(1) as f64,
        precision_at_n: surest as f64 / planted.len().max(1) as f64,
        noise: found.noise,
        out_of_fold_accuracy: measured.pooled.accuracy,
        seconds: clock.elapsed().as_secs_f64(),
    })
}

/// The documents with another label for `percent` of them, and which these are, ascending. The other label is drawn evenly.
fn with_errors(documents: &Dataset, percent: u32, seed: u64) -> (Dataset, Vec<usize>) {
    let mut order: Vec<u32> = (0..documents.len() as u32).collect();
    rng::shuffle(&mut order, seed);
    let n = documents.len() * percent as usize / 100;
    let mut planted: Vec<usize> = order[..n].iter().map(|&i| i as usize).collect();
    planted.sort_unstable();
    let (mut changed, n_labels) = (documents.clone(), documents.labels.len() as u32);
    for &i in &planted {
        if let Target::One(label) = &mut changed.targets[i] {
            *label = (*label + 1 + (rng::derive(seed, i as u64) % u64::from(n_labels - 1)) as u32) % n_labels;
        }
    }
    (changed, planted)
}

fn table(rows: &[Row]) -> String {
    let mut table = Table::new(&[
        "data",
        "documents",
        "planted",
        "suspects",
        "precision",
        "recall",
        "precision at n",
        "estimated noise",
        "accuracy",
        "s",
    ]);
    for row in rows {
        table.row([
            row.data.to_owned(),
            row.n_docs.to_string(),
            row.n_planted.to_string(),
            row.n_suspects.to_string(),
            format!("{:.4}", row.precision),
            format!("{:.4}", row.recall),
            format!("{:.4}", row.precision_at_n),
            format!("{:.4}", row.noise),
            format!("{:.4}", row.out_of_fold_accuracy),
            format!("{:.1}", row.seconds),
        ]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planted_errors_are_other_labels_of_as_many_documents_as_asked_for() {
        let documents = super::super::labelled((0..100).map(|i| (format!("text {i}"), ["a", "b", "c"][i % 3])));
        let (changed, planted) = with_errors(&documents, 10, 3);
        let differ: Vec<usize> = (0..100).filter(|&i| changed.targets[i] != documents.targets[i]).collect();
        assert_eq!((planted.len(), differ), (10, planted.clone()));
        assert_eq!(with_errors(&documents, 10, 3).1, planted);
        assert_ne!(with_errors(&documents, 10, 4).1, planted);
    }
}
