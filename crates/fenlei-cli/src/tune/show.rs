//! `fenlei tune show`: what a study has found so far, also while others work on it.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use fenlei::train::Metric;
use fenlei::tune::{Importance, State, Study, Trial, best, importance};
use serde::Serialize;

use super::progress::{figure, line};
use crate::output::{Voice, counted, print_json};

/// Print a study: the best trials, and what the figure depends on
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei tune show reviews.study.db
  fenlei tune show reviews.study.db --plot study.html
  fenlei tune show reviews.study.db --json > study.json")]
pub(super) struct ShowArguments {
    /// The study
    #[arg(value_name = "STUDY")]
    study: PathBuf,
    /// Print everything as one JSON object
    #[arg(long)]
    json: bool,
    /// Write a page with the history, importances and parallel coordinates
    #[arg(long, value_name = "FILE.html")]
    plot: Option<PathBuf>,
    /// How many of the best trials to print
    #[arg(long, value_name = "N", default_value_t = 10)]
    best: usize,
}

#[derive(Serialize)]
struct Output<'a> {
    objective: &'a str,
    best: Option<u64>,
    importance: Vec<Importance>,
    trials: Vec<WithSteps<'a>>,
}

/// A trial with its figure after each epoch or fold, larger is better.
#[derive(Serialize)]
struct WithSteps<'a> {
    #[serde(flatten)]
    trial: &'a Trial,
    steps: Vec<(u64, f64)>,
}

pub(super) fn run(args: &ShowArguments) -> Result<()> {
    let voice = Voice { quiet: false, json: args.json };
    let study = Study::open(&args.study)?;
    let objective = study.objective()?;
    let trials = study.trials()?;
    if let Some(path) = &args.plot {
        super::write_page(path, &trials, &objective)?;
        voice.note(format_args!("wrote {}", path.display()));
    }
    if args.json {
        let with_steps =
            |trial| -> fenlei::Result<WithSteps<'_>> { Ok(WithSteps { trial, steps: study.steps(trial.number)? }) };
        return print_json(&Output {
            objective: &objective,
            best: best(&trials).map(|trial| trial.number),
            importance: importance(&trials),
            trials: trials.iter().map(with_steps).collect::<fenlei::Result<_>>()?,
        });
    }
    let metric = match objective.split(' ').next() {
        Some("log-loss") => Metric::LogLoss,
        Some("macro-f1") => Metric::MacroF1,
        _ => Metric::Accuracy,
    };
    voice.result(table(&trials, &objective, metric, args.best))?;
    Ok(())
}

fn table(trials: &[Trial], objective: &str, metric: Metric, n: usize) -> String {
    let states = [State::Complete, State::Pruned, State::Infeasible, State::Failed, State::Running, State::Waiting];
    let counts = states.map(|state| (state, trials.iter().filter(|trial| trial.state == state).count()));
    let counts: Vec<String> =
        counts.iter().filter(|(_, n)| *n > 0).map(|(state, n)| format!("{n} {}", state.as_str())).collect();
    let mut lines = vec![format!("{objective}: {} ({})", counted(trials.len(), "trial"), counts.join(", "))];
    let mut ranked: Vec<&Trial> = trials.iter().filter(|t| t.state == State::Complete && t.score.is_some()).collect();
    ranked.sort_by(|a, b| {
        b.score.unwrap_or_default().total_cmp(&a.score.unwrap_or_default()).then(a.number.cmp(&b.number))
    });
    if ranked.is_empty() {
        lines.push("No trial has run to its end yet.".to_owned());
        return lines.join("\n");
    }
    lines.push("\nThe best:".to_owned());
    lines.extend(ranked.iter().take(n).map(|trial| format!("  {}", line(trial, metric))));
    let mut so_far = f64::NEG_INFINITY;
    let mut steps = Vec::new();
    for trial in trials.iter().filter(|trial| trial.state == State::Complete) {
        if let Some(score) = trial.score.filter(|score| *score > so_far) {
            so_far = score;
            steps.push(format!("{} (trial {})", figure(metric, score), trial.number));
        }
    }
    lines.push(format!("\nBetter and better: {}", steps.join(", ")));
    lines.push("\nShare of the variance that a value explains by itself:".to_owned());
    let found = importance(trials);
    let width = found.iter().map(|one| one.key.len()).max().unwrap_or(0);
    lines.extend(found.iter().map(|one| {
        format!("  {:width$}  {:>3.0} %  of {}", one.key, 100.0 * one.share, counted(one.n_trials, "trial"))
    }));
    lines.join("\n")
}
