//! The article's networks on the same ids: fenlei, Keras and PyTorch in turn.

use std::ffi::OsStr;
use std::path::Path;

use anyhow::Result;
use fenlei::data::Dataset;
use serde::Serialize;

use super::child::{Outcome, Runner};
use super::report::Check;
use super::{Network, PeersArgs, own_run};
use crate::bench::export;
use crate::bench::table::{Table, figure, figure_or_dash, mean, median};

/// A program and its script; ours has none.
const PROGRAMS: [(&str, Option<&str>); 3] =
    [("fenlei", None), ("Keras", Some("keras_cnn.py")), ("PyTorch", Some("torch_cnn.py"))];

/// All runs of one program.
#[derive(Debug, Serialize)]
pub(super) struct Program {
    pub name: &'static str,
    pub outcomes: Vec<Outcome>,
}

/// All runs of all programs with one network.
#[derive(Debug, Serialize)]
pub(super) struct NetworkRuns {
    pub net: Network,
    pub programs: Vec<Program>,
}

/// The figures of one program in a table.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Summary {
    /// Seconds of the last epoch, the median over the runs: what a program does once is in the first.
    epoch_seconds: Option<f64>,
    docs_per_second: Option<f64>,
    /// The most of all runs, in MB of 10^6 bytes.
    peak_mb: Option<f64>,
    /// The mean of the runs.
    accuracy: Option<f64>,
}

/// Writes the ids that all programs train that network on.
pub(super) fn export(net: Network, ids: &Path, train: &Dataset, test: &Dataset) -> Result<export::Meta> {
    let plan = own_run::plan(net, 1, 1)?;
    export::write_ids(ids, &plan.pipeline.fit(&train.texts)?, train, test)
}

/// Runs every program once for each seed; program after program, so that a slow hour slows all of them.
pub(super) fn measure(
    net: Network,
    args: &PeersArgs,
    runner: &Runner,
    imdb: &Path,
    ids: &Path,
    meta: export::Meta,
) -> NetworkRuns {
    let mut programs: Vec<Program> = PROGRAMS.iter().map(|(name, _)| Program { name, outcomes: Vec::new() }).collect();
    let (epochs, vocab, sample) = (args.epochs.to_string(), meta.vocab.to_string(), args.sample.map(|n| n.to_string()));
    for seed in 1..=args.runs {
        let number = seed.to_string();
        for ((_, script), program) in PROGRAMS.iter().zip(&mut programs) {
            let name = format!("{}-{}-{seed}", program.name.to_lowercase(), net.name());
            let both = ["--net", net.name(), "--seed", &number, "--epochs", &epochs].map(OsStr::new);
            let outcome = match script {
                Some(script) => {
                    let data = ["--data".as_ref(), ids.as_os_str(), "--vocab".as_ref(), vocab.as_ref()];
                    runner.script(&name, script, &[&both[..], &data].concat())
                }
                None => {
                    let mut more: Vec<&OsStr> = vec!["--imdb".as_ref(), imdb.as_ref(), "--ids".as_ref(), ids.as_ref()];
                    if let Some(sample) = &sample {
                        more.extend(["--sample", sample].map(OsStr::new));
                    }
                    let command = ["bench", "peers-self"].map(OsStr::new);
                    runner.own(&name, &[&command[..], &both, &more].concat())
                }
            };
            program.outcomes.push(outcome);
        }
    }
    NetworkRuns { net, programs }
}

impl Program {
    fn summary(&self) -> Summary {
        let runs: Vec<_> = self.outcomes.iter().flatten().collect();
        let last: Vec<f64> = runs.iter().filter_map(|run| run.epoch_seconds.last().copied()).collect();
        let rates = runs.iter().flat_map(|run| run.score_seconds.iter().map(|seconds| run.docs_test as f64 / seconds));
        let peaks = runs.iter().map(|run| run.peak_mb * f64::from(1 << 20) / 1e6).filter(|mb| *mb > 0.0);
        Summary {
            epoch_seconds: median(&last),
            docs_per_second: median(&rates.collect::<Vec<_>>()),
            peak_mb: peaks.reduce(f64::max),
            accuracy: mean(&runs.iter().map(|run| run.test_accuracy).collect::<Vec<_>>()),
        }
    }

    /// What is to be said of runs that failed.
    fn failures(&self) -> String {
        let failures: Vec<&String> = self.outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
        match failures[..] {
            [] => String::new(),
            [first, ..] => format!("failed {} of {}: {first}", failures.len(), self.outcomes.len()),
        }
    }
}

impl NetworkRuns {
    /// Every program with its ratios to ours.
    pub fn table(&self) -> Table {
        let head = [
            "program",
            "version",
            "s/epoch",
            "ours is × faster",
            "docs/s scoring",
            "ours is × faster",
            "peak MB",
            "accuracy",
            "",
        ];
        let mut table = Table::new(&head);
        let ours = self.programs[0].summary();
        for program in &self.programs {
            let summary = program.summary();
            let version = program.outcomes.iter().flatten().next().map(|run| run.version.clone());
            table.row([
                program.name.to_owned(),
                version.unwrap_or_default(),
                figure_or_dash(summary.epoch_seconds),
                figure_or_dash(ratio(summary.epoch_seconds, ours.epoch_seconds)),
                figure_or_dash(summary.docs_per_second),
                figure_or_dash(ratio(ours.docs_per_second, summary.docs_per_second)),
                figure_or_dash(summary.peak_mb),
                summary.accuracy.map_or_else(|| "–".into(), |accuracy| format!("{accuracy:.4}")),
                program.failures(),
            ]);
        }
        table
    }

    /// The targets of this network. Training is held against the quickest of the others.
    pub fn checks(&self) -> Vec<Check> {
        let summaries: Vec<Summary> = self.programs.iter().map(Program::summary).collect();
        let (ours, others) = (summaries[0], &summaries[1..]);
        let quickest = others.iter().filter_map(|other| other.epoch_seconds).reduce(f64::min);
        let speed = ratio(quickest, ours.epoch_seconds);
        let training = |times: f64| {
            Check::at_least(
                format!("{}: training against the quickest other, times faster", self.net.name()),
                speed,
                times,
            )
        };
        if self.net == Network::Chapter8 {
            return vec![training(10.0)];
        }
        let best = others.iter().filter_map(|other| other.accuracy).reduce(f64::max);
        let behind = best.zip(ours.accuracy).map(|(best, ours)| 100.0 * (best - ours));
        let scoring = ratio(ours.docs_per_second, summaries[1].docs_per_second);
        vec![
            training(25.0),
            Check::at_most(
                "appendix-c: accuracy behind the best other's mean, points".into(),
                behind.map(|points| points.max(0.0)),
                0.3,
            ),
            Check::below("appendix-c: most memory of training and scoring, MB".into(), ours.peak_mb, 400.0),
            Check::at_least("appendix-c: scoring encoded documents against Keras, times faster".into(), scoring, 60.0),
        ]
    }
}

fn ratio(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    a.zip(b).map(|(a, b)| a / b)
}

/// One line a program, for the way.
pub(super) fn one_line(runs: &NetworkRuns) -> String {
    let of = |program: &Program| match program.summary().epoch_seconds {
        Some(seconds) => format!("{} {} s/epoch", program.name, figure(seconds)),
        None => format!("{} {}", program.name, program.failures()),
    };
    format!("{}: {}", runs.net.name(), runs.programs.iter().map(of).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::super::child::Figures;
    use super::*;

    fn outcome(epoch: f64, score: f64, accuracy: f64) -> Outcome {
        let (epoch_seconds, score_seconds) = (vec![9.0 * epoch, epoch], vec![score; 3]);
        Ok(Figures {
            epoch_seconds,
            score_seconds,
            docs_test: 100,
            test_accuracy: accuracy,
            peak_mb: 100.0,
            ..Figures::default()
        })
    }

    fn runs(net: Network) -> NetworkRuns {
        let program = |name, outcomes| Program { name, outcomes };
        NetworkRuns {
            net,
            programs: vec![
                program("fenlei", vec![outcome(1.0, 0.1, 0.88), outcome(3.0, 0.1, 0.88)]),
                program("Keras", vec![outcome(60.0, 8.0, 0.885), outcome(60.0, 8.0, 0.881)]),
                program("PyTorch", vec![Err("No module named 'torch'".into()), outcome(48.0, 9.0, 0.87)]),
            ],
        }
    }

    #[test]
    fn targets_are_held_against_the_best_of_the_others() {
        let checks = runs(Network::AppendixC).checks();
        let measured: Vec<f64> = checks.iter().map(|check| check.measured.unwrap()).collect();
        assert_eq!(measured[0], 24.0);
        assert!((measured[1] - 0.3).abs() < 1e-9, "{}", measured[1]);
        assert!((measured[2] - 104.8576).abs() < 1e-9);
        assert_eq!(measured[3], 80.0);
        let met: Vec<bool> = checks.iter().map(|check| check.met().unwrap()).collect();
        assert_eq!((met[0], met[2], met[3]), (false, true, true));
        assert_eq!(runs(Network::Chapter8).checks()[0].met(), Some(true));
    }

    #[test]
    fn a_program_that_failed_stands_in_the_table_with_its_words() {
        let table = runs(Network::AppendixC).table().to_string();
        assert!(table.contains("failed 1 of 2: No module named 'torch'"), "{table}");
    }

    #[test]
    fn without_figures_a_target_is_not_met_and_not_missed() {
        let mut none = runs(Network::AppendixC);
        none.programs[0].outcomes = vec![Err("out of memory".into())];
        assert!(none.checks().iter().all(|check| check.met().is_none()));
    }
}
