//! `fenlei bench tune`: a search for minutes beside fastText's autotune with as many, on the same documents.
//!
//! Invariant: both see the training and the validation part; the test part is read once by each, at the end.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use clap::Args;
use fenlei::data::{self, ReadOptions, Split};
use serde::Serialize;
use serde_json::Value;

use super::peers::{PlaceArgs, Runner};
use super::table::{Table, figure};
use super::{IMDB, data_dir, export, read_part, sampled, trial_warning};
use crate::output::{Voice, print_json};

/// Search with fenlei and with fastText for the same time, and measure what each ends with
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei bench tune
  fenlei bench tune --only trec --minutes 5 --ensemble 5
  fenlei bench tune --only trec --minutes 0.3 --sample 500     A trial

fastText is a Python package; benches/peers/README.md tells how it is measured.")]
pub(super) struct TuneBenchArgs {
    /// Only these data sets
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = CASES.map(|case| case.name))]
    only: Vec<String>,
    /// Minutes of each search
    #[arg(long, value_name = "M", default_value_t = 5.0)]
    minutes: f64,
    /// Let the N best trials answer together
    #[arg(long, value_name = "N", default_value_t = 1)]
    ensemble: u16,
    /// Where random numbers start
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    place: PlaceArgs,
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

struct Case {
    name: &'static str,
    data: &'static str,
    label_until: Option<char>,
}

const CASES: [Case; 3] = [
    Case { name: "trec", data: "trec", label_until: Some(':') },
    Case { name: "thucnews", data: "thucnews-titles", label_until: None },
    Case { name: "imdb", data: IMDB, label_until: None },
];

/// The share of the training documents to validate on, where the data set has no part for it.
const HELD_OUT: f64 = 0.1;

/// What one program ended with.
#[derive(Debug, Serialize)]
struct Row {
    data: &'static str,
    program: &'static str,
    n_train: usize,
    /// The search, and the training of what it found.
    seconds: f64,
    n_trials: Option<u64>,
    validation: Option<f64>,
    test: Option<f64>,
    failure: Option<String>,
}

pub(super) fn run(args: &TuneBenchArgs) -> Result<()> {
    let voice = Voice { quiet: false, json: args.json };
    let folder = data_dir(args.data.as_deref())?;
    let runner = args.place.runner(voice, true)?;
    let mut rows = Vec::new();
    for case in CASES.iter().filter(|case| args.only.is_empty() || args.only.iter().any(|only| only == case.name)) {
        let work = args.place.work().join("tune").join(case.name);
        let n_train = write_parts(&folder.join(case.data), case, args, &work)?;
        let blank = |program| Row {
            data: case.name,
            program,
            n_train,
            seconds: 0.0,
            n_trials: None,
            validation: None,
            test: None,
            failure: None,
        };
        for (mut row, measured) in
            [(blank("fenlei"), ours(&runner, args, &work)), (blank("fastText"), theirs(&runner, args, &work))]
        {
            match measured {
                Ok(measured) => {
                    (row.seconds, row.n_trials) = (measured.seconds, measured.n_trials);
                    (row.validation, row.test) = (measured.validation, Some(measured.test));
                }
                Err(error) => row.failure = Some(format!("{error:#}")),
            }
            rows.push(row);
        }
    }
    let failed = rows.iter().find_map(|row| Some((row.program, row.failure.clone()?)));
    voice.result(format_args!("\n{}{}", trial_warning(args.sample), table(&rows)))?;
    if args.json {
        print_json(&rows)?;
    }
    failed.map_or(Ok(()), |(program, failure)| Err(anyhow!("{program} could not be measured: {failure}")))
}

/// Writes the parts as both programs read them; gives the number of documents to learn from.
fn write_parts(path: &Path, case: &Case, args: &TuneBenchArgs, work: &Path) -> Result<usize> {
    let part = |split| read_part(path, split, case.label_until, args.sample);
    let train = part(Split::Train)?;
    let test = part(Split::Test)?.relabel(&train.labels, false)?;
    let (train, validation) = if data::splits(path)?.contains(&Split::Validation) {
        let options =
            ReadOptions { split: Some(Split::Validation), label_until: case.label_until, ..Default::default() };
        let validation = sampled(data::read(path, &options)?.0, args.sample)?.relabel(&train.labels, false)?;
        (train, validation)
    } else {
        let (learn, held_out) = data::stratified_split(&train, HELD_OUT, args.seed)?;
        (train.subset(&learn), train.subset(&held_out))
    };
    export::write_texts(work, &train, &test)?;
    export::write_labelled(&work.join("valid.txt"), &validation)?;
    Ok(train.len())
}

struct Measured {
    seconds: f64,
    n_trials: Option<u64>,
    validation: Option<f64>,
    test: f64,
}

fn ours(runner: &Runner, args: &TuneBenchArgs, work: &Path) -> Result<Measured> {
    let file = |name: &str| work.join(name);
    let (train, valid, test, model) = (file("train.txt"), file("valid.txt"), file("test.txt"), file("best.fenlei"));
    // A study that is there would go on.
    let study = file("study.db");
    let _ = fs::remove_file(&study);
    let numbers = [args.minutes.to_string(), args.ensemble.to_string(), args.seed.to_string()];
    let [minutes, ensemble, seed] = numbers.each_ref().map(OsStr::new);
    let mut words: Vec<&OsStr> = vec!["tune".as_ref(), train.as_os_str(), "--validation".as_ref(), valid.as_os_str()];
    words.extend(["--study".as_ref(), study.as_os_str(), "-o".as_ref(), model.as_os_str()]);
    words.extend(["--minutes".as_ref(), minutes, "--ensemble".as_ref(), ensemble, "--seed".as_ref(), seed]);
    words.extend(["--format", "fasttext", "--quiet", "--json"].map(OsStr::new));
    let found = file("tune.json");
    let seconds = runner.timed_into("fenlei tune", runner.own_command(&words)?, &found).map_err(anyhow::Error::msg)?;
    let summary = json(&found)?;
    let eval = |part: &Path, out: &str| -> Result<Value> {
        let out = file(out);
        let words = ["eval".as_ref(), model.as_os_str(), part.as_os_str(), "--format".as_ref(), "fasttext".as_ref()];
        let command = runner.own_command(&[&words[..], &["--json".as_ref()]].concat())?;
        runner.timed_into("fenlei eval", command, &out).map_err(anyhow::Error::msg)?;
        json(&out)
    };
    let accuracy = |report: Value| report["accuracy"].as_f64().context("eval gave no accuracy");
    Ok(Measured {
        seconds,
        n_trials: summary["n_trials"].as_u64(),
        validation: Some(accuracy(eval(&valid, "valid.json")?)?),
        test: accuracy(eval(&test, "test.json")?)?,
    })
}

fn theirs(runner: &Runner, args: &TuneBenchArgs, work: &Path) -> Result<Measured> {
    let (duration, seed) = ((args.minutes * 60.0).round().to_string(), args.seed.to_string());
    let words = ["--data".as_ref(), work.as_os_str(), "--duration".as_ref(), OsStr::new(&duration)];
    let words = [&words[..], &["--seed".as_ref(), OsStr::new(&seed)]].concat();
    let figures = runner.script("fasttext-autotune", "fasttext_autotune.py", &words).map_err(anyhow::Error::msg)?;
    let accuracy = |part: &str| figures.rest.get("accuracy").and_then(|accuracy| accuracy[part].as_f64());
    Ok(Measured {
        seconds: figures.rest.get("seconds").and_then(Value::as_f64).unwrap_or_default(),
        n_trials: None,
        validation: accuracy("valid"),
        test: accuracy("test").context("the script gave no accuracy")?,
    })
}

fn json(path: &Path) -> Result<Value> {
    let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} cannot be understood", path.display()))
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new(&["data", "program", "learned from", "seconds", "trials", "validation", "test"]);
    for row in rows {
        let accuracy = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.4}"));
        table.row([
            row.data.to_owned(),
            row.program.to_owned(),
            row.n_train.to_string(),
            figure(row.seconds),
            row.n_trials.map_or_else(|| "–".to_owned(), |n| n.to_string()),
            accuracy(row.validation),
            row.failure.clone().unwrap_or_else(|| accuracy(row.test)),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_failed_is_told_in_its_row() {
        let row = Row {
            data: "trec",
            program: "fastText",
            n_train: 10,
            seconds: 0.0,
            n_trials: None,
            validation: None,
            test: None,
            failure: Some("there is no Python".to_owned()),
        };
        assert!(table(&[row]).to_string().contains("there is no Python"));
    }
}
