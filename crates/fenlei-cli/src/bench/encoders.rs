//! `fenlei bench encoders`: a pretrained encoder trained further and predicted with, beside transformers and PyTorch.
//!
//! All programs read the same exported documents, in processes of their own, one after the other, in turn.

mod own_run;

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use fenlei::data::{Dataset, Split};
use serde::Serialize;
use serde_json::json;

use super::export::single_labels;
use super::peers::{Check, Outcome, PlaceArgs, Runner, check_table};
use super::table::{Table, figure, figure_or_dash, median};
use super::{IMDB, data_dir, read_part, trial_warning};
use crate::output::Voice;
pub(super) use own_run::{OwnEncoderArgs, run as run_own};

/// Measure fine-tuning of a pretrained encoder and predicting with it, beside transformers and PyTorch
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei bench encoders
  fenlei bench encoders --only sst-2 --runs 3 --json encoders.json
  fenlei bench encoders --only imdb --steps 3 --runs 1     A trial

The other program is Python; benches/peers/README.md tells how it is measured.")]
pub(super) struct EncodersArgs {
    /// Only these data sets
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = CASES.map(|case| case.name))]
    only: Vec<String>,
    /// The folder of the encoder [default: models/all-MiniLM-L6-v2 beside the folder of data sets]
    #[arg(long, value_name = "DIR")]
    pretrained: Option<PathBuf>,
    /// Steps of fine-tuning, two of which warm up
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u64).range(3..))]
    steps: u64,
    /// How many times everything is measured
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    runs: u64,
    /// Also with bf16 products, against PyTorch's autocast
    #[arg(long)]
    bf16: bool,
    #[command(flatten)]
    place: PlaceArgs,
    /// The folder of data sets [default: $FENLEI_DATA, else ../shared/data beside the project]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Write all figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Where the encoder lies that the targets are about.
const ENCODER: &str = "../models/all-MiniLM-L6-v2";

/// A data set, how it is read, and what is asked for.
struct Case {
    name: &'static str,
    data: &'static str,
    batch: usize,
    max_tokens: usize,
    /// Times the better plain figure of transformers; times its grouped figure; predictions.
    targets: [f64; 3],
}

const CASES: [Case; 2] = [
    Case { name: "sst-2", data: "sst/stsa.binary", batch: 32, max_tokens: 256, targets: [2.4, 1.4, 2.0] },
    Case { name: "imdb", data: IMDB, batch: 16, max_tokens: 256, targets: [2.0, 1.4, 1.5] },
];

/// A program and the way it is asked to work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Who {
    Fenlei,
    FenleiBf16,
    FenleiInt8,
    Sdpa,
    Eager,
    Grouped,
    Bf16,
    Onnx,
    OnnxInt8,
}

impl Who {
    fn name(self) -> &'static str {
        match self {
            Self::Fenlei => "fenlei",
            Self::FenleiBf16 => "fenlei, bf16",
            Self::FenleiInt8 => "fenlei, int8",
            Self::Sdpa => "transformers, SDPA",
            Self::Eager => "transformers, eager",
            Self::Grouped => "transformers, SDPA, grouped by length",
            Self::Bf16 => "transformers, SDPA, bf16 autocast",
            Self::Onnx => "ONNX Runtime",
            Self::OnnxInt8 => "ONNX Runtime, int8",
        }
    }

    /// Whether there is such a way to do a task.
    fn does(self, task: Task) -> bool {
        match self {
            // What is predicted is never computed with bf16 here.
            Self::FenleiBf16 => task == Task::Train,
            Self::FenleiInt8 | Self::Onnx | Self::OnnxInt8 => task == Task::Predict,
            Self::Fenlei | Self::Sdpa | Self::Eager | Self::Grouped | Self::Bf16 => true,
        }
    }
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Task {
    Train,
    Predict,
}

impl Task {
    fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Predict => "predict",
        }
    }
}

/// One program at one task, in every run.
#[derive(Debug, Serialize)]
struct Measured {
    data: &'static str,
    task: Task,
    who: Who,
    docs_per_second: Vec<f64>,
    peak_mb: Vec<f64>,
    failures: Vec<String>,
}

pub(super) fn run(args: &EncodersArgs) -> Result<()> {
    let voice = Voice { quiet: false, json: false };
    let data = data_dir(args.data.as_deref())?;
    let encoder = args.pretrained.clone().unwrap_or_else(|| data.join(ENCODER));
    if !encoder.is_dir() {
        bail!("there is no encoder at {} (help: name its folder with --pretrained)", encoder.display());
    }
    let (work, runner) = (args.place.work().join("encoders"), args.place.runner(voice, true)?);
    let is_trial = args.steps < 12;
    voice.result(trial_warning(is_trial.then_some(args.steps as usize)).trim_end())?;
    let (mut all, mut checks) = (Vec::new(), Vec::new());
    for case in CASES.iter().filter(|case| args.only.is_empty() || args.only.iter().any(|name| name == case.name)) {
        let folder = work.join(case.name);
        export(case, &data, &folder, args.steps as usize)?;
        let measured = measure(args, case, &runner, &encoder, &folder);
        voice.result(format_args!("\n## {}\n\n{}", case.name, table(&measured)))?;
        checks.extend(targets(case, &measured));
        all.extend(measured);
    }
    voice.result(format_args!("\n## targets\n\n{}", check_table(&checks, is_trial)))?;
    if let Some(file) = &args.json {
        let all = json!({ "steps": args.steps, "threads": runner.n_threads, "measured": all, "checks": checks });
        fs::write(file, serde_json::to_vec_pretty(&all)?)
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// Writes the documents for all programs: a class number and a text a line.
fn export(case: &Case, data: &Path, folder: &Path, steps: usize) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let path = data.join(case.data);
    let n = steps * case.batch;
    let train = read_part(&path, Split::Train, None, Some(n))?;
    let test = read_part(&path, Split::Test, None, Some(n))?.relabel(&train.labels, false)?;
    for (name, documents) in [("train.tsv", &train), ("test.tsv", &test)] {
        let file = folder.join(name);
        fs::write(&file, lines(documents)?).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

fn lines(documents: &Dataset) -> Result<String> {
    let mut lines = String::new();
    for (label, text) in single_labels(documents)?.iter().zip(&documents.texts) {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        writeln!(lines, "{label}\t{text}")?;
    }
    Ok(lines)
}

fn measure(args: &EncodersArgs, case: &Case, runner: &Runner, encoder: &Path, folder: &Path) -> Vec<Measured> {
    let mut whos = vec![Who::Fenlei, Who::FenleiInt8, Who::Sdpa, Who::Eager, Who::Grouped, Who::Onnx, Who::OnnxInt8];
    if args.bf16 {
        whos.extend([Who::FenleiBf16, Who::Bf16]);
    }
    let tasks = [Task::Train, Task::Predict].into_iter().flat_map(|task| whos.iter().map(move |&who| (task, who)));
    let mut all: Vec<Measured> = tasks
        .filter(|(task, who)| who.does(*task))
        .map(|(task, who)| Measured {
            data: case.name,
            task,
            who,
            docs_per_second: Vec::new(),
            peak_mb: Vec::new(),
            failures: Vec::new(),
        })
        .collect();
    for run in 1..=args.runs {
        for measured in &mut all {
            match one(case, runner, encoder, folder, measured.task, measured.who, run) {
                Ok(figures) => {
                    measured.docs_per_second.extend(figures.rest.get("docs_per_second").and_then(|x| x.as_f64()));
                    measured.peak_mb.push(figures.peak_mb);
                }
                Err(failure) => measured.failures.push(failure),
            }
        }
    }
    all
}

fn one(case: &Case, runner: &Runner, encoder: &Path, folder: &Path, task: Task, who: Who, run: u64) -> Outcome {
    let [batch, max_tokens, seed] = [case.batch.to_string(), case.max_tokens.to_string(), run.to_string()];
    let name = format!("encoder-{}-{}-{who:?}-{run}", case.name, task.name());
    let of_task = ["--data".as_ref(), folder.as_os_str(), "--task".as_ref(), task.name().as_ref()];
    let sizes = ["--batch", &batch, "--max-tokens", &max_tokens, "--seed", &seed].map(OsStr::new);
    let mut how: Vec<&OsStr> = of_task.into_iter().chain(sizes).collect();
    match who {
        Who::Fenlei | Who::FenleiBf16 | Who::FenleiInt8 => {
            how.splice(0..0, ["bench", "encoders-self"].map(OsStr::new));
            how.extend(["--pretrained".as_ref(), encoder.as_os_str()]);
            match who {
                Who::FenleiBf16 => how.push("--bf16".as_ref()),
                Who::FenleiInt8 => how.push("--int8".as_ref()),
                _ => {}
            }
            runner.own(&name, &how)
        }
        Who::Sdpa | Who::Eager | Who::Grouped | Who::Bf16 | Who::Onnx | Who::OnnxInt8 => {
            how.extend(["--model".as_ref(), encoder.as_os_str()]);
            how.extend(["--attention", if who == Who::Eager { "eager" } else { "sdpa" }].map(OsStr::new));
            match who {
                Who::Grouped => how.push("--grouped".as_ref()),
                Who::Bf16 => how.push("--bf16".as_ref()),
                Who::Onnx => how.extend(["--engine", "onnx"].map(OsStr::new)),
                Who::OnnxInt8 => how.extend(["--engine", "onnx-int8"].map(OsStr::new)),
                _ => {}
            }
            runner.script(&name, "transformers_encoder.py", &how)
        }
    }
}

fn table(all: &[Measured]) -> Table {
    let mut table = Table::new(&["task", "program", "documents/s", "fenlei is … times as fast", "peak MB", ""]);
    for measured in all {
        let rate = median(&measured.docs_per_second);
        let ours = of(all, measured.task, Who::Fenlei).and_then(|own| median(&own.docs_per_second));
        let times = rate.zip(ours).filter(|_| measured.who != Who::Fenlei).map(|(theirs, ours)| ours / theirs);
        table.row([
            measured.task.name().to_owned(),
            measured.who.name().to_owned(),
            figure_or_dash(rate),
            times.map(figure).unwrap_or_default(),
            figure_or_dash(median(&measured.peak_mb)),
            measured.failures.last().map(|failure| format!("failed: {failure}")).unwrap_or_default(),
        ]);
    }
    table
}

fn of(all: &[Measured], task: Task, who: Who) -> Option<&Measured> {
    all.iter().find(|measured| measured.task == task && measured.who == who)
}

fn targets(case: &Case, all: &[Measured]) -> Vec<Check> {
    let rate = |task, who| of(all, task, who).and_then(|measured| median(&measured.docs_per_second));
    let peak = |task, who| of(all, task, who).and_then(|measured| median(&measured.peak_mb));
    let plain = |task| rate(task, Who::Sdpa).into_iter().chain(rate(task, Who::Eager)).reduce(f64::max);
    let times = |task, theirs: Option<f64>| Some(rate(task, Who::Fenlei)? / theirs?);
    let [train, grouped, predict] = case.targets;
    let memory = peak(Task::Train, Who::Fenlei).zip(peak(Task::Train, Who::Sdpa)).map(|(ours, theirs)| ours / theirs);
    let what = |what: &str| format!("{}: {what}", case.name);
    vec![
        Check::at_least(what("fine-tuning, times transformers"), times(Task::Train, plain(Task::Train)), train),
        Check::at_least(
            what("fine-tuning, times transformers grouped"),
            times(Task::Train, rate(Task::Train, Who::Grouped)),
            grouped,
        ),
        Check::at_most(what("fine-tuning, share of the memory"), memory, 0.5),
        Check::at_least(what("predicting, times transformers"), times(Task::Predict, plain(Task::Predict)), predict),
        Check::at_least(
            what("predicting, times ONNX Runtime"),
            times(Task::Predict, rate(Task::Predict, Who::Onnx)),
            1.0,
        ),
        Check::at_least(
            what("predicting with int8, times ONNX Runtime's"),
            rate(Task::Predict, Who::FenleiInt8)
                .zip(rate(Task::Predict, Who::OnnxInt8))
                .map(|(ours, theirs)| ours / theirs),
            1.0,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_stand_a_line_each() {
        let documents = super::super::labelled([("a\tfilm\nof two lines", "good"), ("很 无聊", "bad")]);
        assert_eq!(lines(&documents).unwrap(), "1\ta film of two lines\n0\t很 无聊\n");
    }

    #[test]
    fn ratios_are_those_to_the_better_plain_figure() {
        let measured = |task, who, rate: f64, peak: f64| Measured {
            data: "sst-2",
            task,
            who,
            docs_per_second: vec![rate],
            peak_mb: vec![peak],
            failures: Vec::new(),
        };
        let all = [
            measured(Task::Train, Who::Fenlei, 90.0, 500.0),
            measured(Task::Train, Who::Sdpa, 30.0, 2000.0),
            measured(Task::Train, Who::Eager, 20.0, 2500.0),
            measured(Task::Train, Who::Grouped, 60.0, 1800.0),
        ];
        let checks: Vec<Option<f64>> = targets(&CASES[0], &all).iter().map(|check| check.measured).collect();
        assert_eq!(checks, [Some(3.0), Some(1.5), Some(0.25), None, None, None]);
        assert!(table(&all).to_string().contains("3.00"));
    }
}
