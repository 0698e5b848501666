//! `fenlei bench augment`: accuracy with little and with much to learn from, with and without augmentation.
//!
//! Invariant: both trainings of a pair have the same documents, the same seed and the same validation part; test documents
//! are read or set aside before and looked at once. Nothing but what is learned from is changed.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use fenlei::config::{PlanSource, load_plan};
use fenlei::data::{self, Dataset, ReadOptions, Split};
use fenlei::eval::compare;
use fenlei::train::{Plan, train};
use serde::Serialize;

use super::table::{Table, deviation, figure, mean};
use super::{data_dir, read_part, sampled, trial_warning};
use crate::output::{Voice, grouped, print_json};

/// Measure what augmentation changes, with few and with many documents to learn from
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei bench augment --wordnet data/wordnet
  fenlei bench augment --only thucnews --shares 5,100 --seeds 5
  fenlei bench augment --only mr --rate delete=0.2 --on validation     To choose rates
  fenlei bench augment --model nb-svm --sample 300                     A trial")]
pub(super) struct AugmentBenchArgs {
    /// Only these data sets
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = CASES.map(|case| case.name))]
    only: Vec<String>,
    /// Percent of the training documents to learn from
    #[arg(long, value_name = "PERCENT", value_delimiter = ',', default_value = "5,10,25,100",
          value_parser = clap::value_parser!(u32).range(1..=100))]
    shares: Vec<u32>,
    /// How many seeds to train each pair with
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The recipe
    #[arg(long, value_name = "NAME|FILE", default_value = "kim-2014")]
    model: String,
    /// One setting over the recipe, as train.batch_size=64
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Passes over the training documents, at most
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    epochs: Option<u32>,
    /// Settings of [train.augment] instead of those of each data set, as delete=0.1
    #[arg(long, value_name = "KEY=VALUE", value_delimiter = ',')]
    rate: Vec<String>,
    /// The folder of WordNet's files, for English synonyms [default: data/wordnet or /usr/share/wordnet]
    #[arg(long, value_name = "DIR")]
    wordnet: Option<PathBuf>,
    /// Chinese synonyms in the format of 同义词词林
    #[arg(long, value_name = "FILE")]
    cilin: Option<PathBuf>,
    /// The part to measure on; rates are chosen on the validation part
    #[arg(long, value_name = "PART", default_value = "test")]
    on: On,
    /// The folder of data sets [default: $FENLEI_DATA, else ../shared/data beside the project]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Only about N documents of each part, for a trial
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// Print the figures as one JSON list on standard output
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum On {
    Validation,
    Test,
}

/// A data set with the rates that suit it.
struct Case {
    name: &'static str,
    data: &'static str,
    /// Whether it is divided as it is published; else a tenth each is set aside by the seed.
    has_parts: bool,
    rates: &'static [&'static str],
}

const CASES: [Case; 2] = [
    Case { name: "mr", data: "mr", has_parts: false, rates: &["synonym=0.1", "insert=0.1", "swap=0.1", "delete=0.1"] },
    Case { name: "thucnews", data: "thucnews-titles", has_parts: true, rates: &["swap=0.1", "delete=0.1"] },
];

/// A data set in parts.
struct Parts {
    train: Dataset,
    validation: Dataset,
    test: Dataset,
}

/// One training without and one with augmentation.
#[derive(Debug, Serialize)]
struct Pair {
    seed: u64,
    without: f64,
    with: f64,
    seconds_without: f64,
    seconds_with: f64,
}

#[derive(Debug, Serialize)]
struct Row {
    data: &'static str,
    percent: u32,
    n_train: usize,
    augmentation: String,
    pairs: Vec<Pair>,
}

impl Row {
    fn of(&self, figure: impl Fn(&Pair) -> f64) -> Vec<f64> {
        self.pairs.iter().map(figure).collect()
    }
}

pub(super) fn run(args: &AugmentBenchArgs) -> Result<()> {
    let voice = Voice { quiet: false, json: args.json };
    let folder = data_dir(args.data.as_deref())?;
    let mut rows = Vec::new();
    for case in CASES.iter().filter(|case| args.only.is_empty() || args.only.iter().any(|name| name == case.name)) {
        for &percent in &args.shares {
            let row = measure(case, &folder.join(case.data), percent, args, voice)?;
            rows.push(row);
        }
    }
    voice.result(format_args!("\n{}{}", trial_warning(args.sample), table(&rows)))?;
    if args.json {
        print_json(&rows)?;
    }
    Ok(())
}

fn measure(case: &Case, path: &Path, percent: u32, args: &AugmentBenchArgs, voice: Voice) -> Result<Row> {
    let mut row = Row { data: case.name, percent, n_train: 0, augmentation: String::new(), pairs: Vec::new() };
    for seed in 1..=args.seeds {
        let (without, with) = (plan(case, args, seed, false)?, plan(case, args, seed, true)?);
        let parts = parts(case, path, seed, args.sample)?;
        let learned_from = share_of(&parts.train, percent, seed)?;
        row.n_train = learned_from.len();
        row.augmentation = with.train.augment.as_ref().map(ToString::to_string).unwrap_or_default();
        let measured = |plan: &Plan| accuracy(plan, &learned_from, &parts, args.on, path);
        let (a, seconds_without) = measured(&without)?;
        let (b, seconds_with) = measured(&with)?;
        voice.note(format_args!(
            "{} {percent} %, seed {seed}: {a:.4} without, {b:.4} with ({} s, {} s)",
            case.name,
            figure(seconds_without),
            figure(seconds_with)
        ));
        row.pairs.push(Pair { seed, without: a, with: b, seconds_without, seconds_with });
    }
    Ok(row)
}

fn plan(case: &Case, args: &AugmentBenchArgs, seed: u64, augmented: bool) -> Result<Plan> {
    let mut set = args.set.clone();
    if augmented {
        let rates: Vec<&str> = match args.rate.is_empty() {
            true => case.rates.to_vec(),
            false => args.rate.iter().map(String::as_str).collect(),
        };
        set.extend(rates.iter().map(|rate| format!("train.augment.{rate}")));
        let files = [("wordnet", &args.wordnet), ("cilin", &args.cilin)];
        let named = files.into_iter().filter_map(|(key, path)| path.as_ref().map(|path| (key, path)));
        set.extend(named.map(|(key, path)| format!("train.augment.{key}={path:?}")));
    }
    let source = PlanSource {
        recipe: Some(args.model.clone()),
        set,
        seed: Some(seed),
        epochs: args.epochs,
        ..PlanSource::default()
    };
    Ok(load_plan(&source)?)
}

fn parts(case: &Case, path: &Path, seed: u64, sample: Option<usize>) -> Result<Parts> {
    if case.has_parts {
        let part = |split| read_part(path, split, None, sample);
        return Ok(Parts {
            train: part(Split::Train)?,
            validation: part(Split::Validation)?,
            test: part(Split::Test)?,
        });
    }
    let documents = sampled(data::read(path, &ReadOptions::default())?.0, sample)?;
    let parts = data::split(&documents, &[0.8, 0.1, 0.1], seed)?;
    let part = |i: usize| documents.subset(&parts[i]);
    Ok(Parts { train: part(0), validation: part(1), test: part(2) })
}

fn share_of(documents: &Dataset, percent: u32, seed: u64) -> Result<Dataset> {
    if percent == 100 {
        return Ok(documents.clone());
    }
    let chosen = data::split(documents, &[f64::from(percent) / 100.0], seed)?.remove(0);
    Ok(documents.subset(&chosen))
}

/// The accuracy on the asked part, and the seconds of the training.
fn accuracy(plan: &Plan, documents: &Dataset, parts: &Parts, on: On, path: &Path) -> Result<(f64, f64)> {
    let clock = Instant::now();
    let trained = train(plan, documents, Some(&parts.validation))?;
    let seconds = clock.elapsed().as_secs_f64();
    let part = match on {
        On::Validation => &parts.validation,
        On::Test => &parts.test,
    };
    let comparison = compare(&trained.classifier, part, path)?;
    if let Some(unknown) = comparison.unknown.first() {
        bail!("none of the few documents to learn from has the label {:?}; take a larger share", unknown.label);
    }
    Ok((comparison.report.accuracy, seconds))
}

fn table(rows: &[Row]) -> Table {
    let head = ["data", "share", "documents", "augmentation", "without", "with", "gain", "training seconds"];
    let mut table = Table::new(&head);
    for row in rows {
        let spread = |values: &[f64]| {
            let mean = mean(values).unwrap_or(0.0);
            if values.len() > 1 { format!("{mean:.4} ± {:.4}", deviation(values)) } else { format!("{mean:.4}") }
        };
        let gains = row.of(|pair| 100.0 * (pair.with - pair.without));
        let error = deviation(&gains) / (gains.len() as f64).sqrt();
        let seconds = |values: &[f64]| figure(mean(values).unwrap_or(0.0));
        table.row([
            row.data.to_owned(),
            format!("{} %", row.percent),
            grouped(row.n_train),
            row.augmentation.clone(),
            spread(&row.of(|pair| pair.without)),
            spread(&row.of(|pair| pair.with)),
            format!("{:+.2} ± {error:.2}", mean(&gains).unwrap_or(0.0)),
            format!("{} → {}", seconds(&row.of(|p| p.seconds_without)), seconds(&row.of(|p| p.seconds_with))),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::labelled;

    fn args(more: &[&str]) -> AugmentBenchArgs {
        #[derive(clap::Parser)]
        struct Program {
            #[command(flatten)]
            args: AugmentBenchArgs,
        }
        let args = std::iter::once("x").chain(more.iter().copied());
        <Program as clap::Parser>::try_parse_from(args).unwrap().args
    }

    #[test]
    fn pairs_differ_in_their_augmentation_alone() {
        for case in &CASES {
            let without = plan(case, &args(&[]), 3, false).unwrap();
            let mut with = plan(case, &args(&[]), 3, true).unwrap();
            assert!(with.train.augment.take().is_some() && without.train.augment.is_none());
            assert_eq!(with, without);
        }
        let own = plan(&CASES[0], &args(&["--rate", "drop=0.2,fill=0.1", "--wordnet", "w x"]), 1, true).unwrap();
        let augment = own.train.augment.unwrap();
        assert_eq!((augment.drop, augment.fill, augment.synonym), (0.2, 0.1, 0.0));
        assert_eq!(augment.wordnet, Some("w x".into()));
    }

    #[test]
    fn a_share_is_a_stratified_part_and_all_is_all() {
        let documents = labelled((0..200).map(|i| (format!("t{i}"), if i < 100 { "a" } else { "b" })));
        assert_eq!(share_of(&documents, 5, 1).unwrap().label_counts(), [5, 5]);
        assert_eq!(share_of(&documents, 100, 1).unwrap(), documents);
    }

    #[test]
    fn gains_stand_with_their_error() {
        let pair = |seed, with| Pair { seed, without: 0.5, with, seconds_without: 1.0, seconds_with: 2.0 };
        let row = Row {
            data: "x",
            percent: 5,
            n_train: 10,
            augmentation: "swap 0.1".into(),
            pairs: vec![pair(1, 0.51), pair(2, 0.53)],
        };
        let table = table(&[row]).to_string();
        assert!(
            table.contains("+2.00 ± 1.00") && table.contains("0.5200 ± 0.0141") && table.contains("1.00 → 2.00"),
            "{table}"
        );
    }
}
