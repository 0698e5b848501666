//! One model after the other: our program as a whole process, and another program that does the same work.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::bench::peers::{Check, Outcome, Runner, share_of_right};
use crate::bench::table::{Table, figure_or_dash, median};

/// A model, and who else can train it.
#[derive(Debug)]
pub(super) struct Case {
    /// What to call it.
    pub name: &'static str,
    recipe: &'static str,
    /// `key=value` settings over the recipe.
    settings: &'static [&'static str],
    pub peer: Option<Peer>,
    /// The accuracy on IMDb that it should have.
    target: Option<f64>,
}

/// Another program.
#[derive(Debug, Clone, Copy)]
pub(super) enum Peer {
    /// `sklearn_text.py --model NAME`.
    Sklearn(&'static str),
    /// `fasttext_peer.py --word-ngrams N`.
    FastText(&'static str),
}

/// What all have in common.
const PLAIN: Case = Case { name: "", recipe: "", settings: &[], peer: None, target: None };

/// Everything is trained on all training reviews, as the others do.
const NO_VALIDATION: &str = "train.validation=0";

pub(super) const CASES: &[Case] = &[
    Case { name: "linear", recipe: "linear", peer: Some(Peer::Sklearn("linear")), target: Some(0.904), ..PLAIN },
    Case {
        name: "svm",
        recipe: "linear",
        settings: &["model.loss=squared-hinge", "model.c=1"],
        peer: Some(Peer::Sklearn("svm")),
        ..PLAIN
    },
    Case { name: "nb", recipe: "nb", peer: Some(Peer::Sklearn("nb")), ..PLAIN },
    Case {
        name: "nb-svm-2",
        recipe: "nb-svm",
        settings: &["model.features.word_ngrams=2"],
        peer: Some(Peer::Sklearn("nb-svm-2")),
        target: Some(0.912),
    },
    Case { name: "nb-svm-3", recipe: "nb-svm", peer: Some(Peer::Sklearn("nb-svm-3")), target: Some(0.918), ..PLAIN },
    Case { name: "bag", recipe: "bag", peer: Some(Peer::FastText("2")), target: Some(0.898), ..PLAIN },
    Case { name: "mlp", recipe: "mlp", settings: &["train.epochs=3"], ..PLAIN },
];

/// What came of a case.
#[derive(Debug, Serialize)]
pub(super) struct Measured {
    name: &'static str,
    target: Option<f64>,
    /// `fenlei train` as a whole process.
    train_seconds: Vec<f64>,
    /// `fenlei predict` as a whole process.
    score_seconds: Vec<f64>,
    accuracy: Option<f64>,
    model_mb: Option<f64>,
    failure: Option<String>,
    peer: Option<Outcome>,
}

/// Runs ours and the other in turn, so that a busy hour falls on both.
pub(super) fn measure(case: &Case, runner: &Runner, texts: &Path, truth: &[&str], runs: u64) -> Measured {
    runner.voice.note(format_args!("{}:", case.name));
    let mut measured = Measured {
        name: case.name,
        target: case.target,
        train_seconds: Vec::new(),
        score_seconds: Vec::new(),
        accuracy: None,
        model_mb: None,
        failure: None,
        peer: None,
    };
    for run in 1..=runs {
        if let Err(error) = measured.run(case, runner, texts, truth) {
            measured.failure = Some(format!("{error:#}"));
            break;
        }
        // fastText trains three times by itself.
        let once = matches!(case.peer, Some(Peer::FastText(_))) && run > 1;
        if let (Some(peer), false) = (case.peer, once) {
            let found = peer.run(runner, texts, run);
            measured.peer = Some(merged(measured.peer.take(), found));
        }
    }
    measured
}

/// The times of one run behind those of the ones before.
fn merged(before: Option<Outcome>, found: Outcome) -> Outcome {
    let (Some(Ok(mut before)), Ok(found)) = (before, &found) else { return found };
    before.train_seconds.extend(&found.train_seconds);
    before.score_seconds.extend(&found.score_seconds);
    Ok(before)
}

impl Peer {
    fn run(self, runner: &Runner, texts: &Path, run: u64) -> Outcome {
        let data = ["--data".as_ref(), texts.as_os_str()];
        let (name, script, how) = match self {
            Self::Sklearn(model) => (format!("sklearn-{model}-{run}"), "sklearn_text.py", vec!["--model", model]),
            Self::FastText(n) => {
                let how = vec!["--epochs", "5", "--lr", "0.5", "--word-ngrams", n];
                (format!("fasttext-{n}"), "fasttext_peer.py", how)
            }
        };
        let how: Vec<&OsStr> = how.into_iter().map(OsStr::new).collect();
        runner.script(&name, script, &[&data[..], &how].concat())
    }

    fn name(self) -> String {
        match self {
            Self::Sklearn(model) => format!("scikit-learn, {model}"),
            Self::FastText(n) => format!("fastText, {n}-grams"),
        }
    }
}

impl Measured {
    fn run(&mut self, case: &Case, runner: &Runner, texts: &Path, truth: &[&str]) -> Result<()> {
        let model = texts.join(format!("features-{}.fenlei", case.name));
        let (train, input) = (texts.join("train.txt"), texts.join("test.texts.txt"));
        let mut args: Vec<&OsStr> = vec!["train".as_ref(), train.as_os_str(), "-o".as_ref(), model.as_os_str()];
        args.extend(
            ["--model", case.recipe, "--format", "fasttext", "--quiet", "--set", NO_VALIDATION].map(OsStr::new),
        );
        args.extend(case.settings.iter().flat_map(|setting| ["--set", setting]).map(OsStr::new));
        let seconds = runner.timed("fenlei train", runner.own_command(&args)?).map_err(anyhow::Error::msg)?;
        self.train_seconds.push(seconds);
        self.model_mb = Some(fs::metadata(&model).context("the model was not written")?.len() as f64 / 1e6);

        let out = texts.join(format!("features-{}.labels.txt", case.name));
        let mut command = runner.own_command(&["predict".as_ref(), model.as_os_str()])?;
        command.stdin(File::open(&input).context("the texts were not written")?);
        self.score_seconds.push(runner.timed_into("fenlei predict", command, &out).map_err(anyhow::Error::msg)?);
        self.accuracy = Some(share_of_right(&fs::read_to_string(&out)?, truth)?);
        let (train, score) = (median(&self.train_seconds), median(&self.score_seconds));
        let (train, score) = (figure_or_dash(train), figure_or_dash(score));
        runner.voice.note(format_args!(
            "  fenlei: {train} s to train, {score} s to score, {:.4}",
            self.accuracy.unwrap_or(0.0)
        ));
        Ok(())
    }

    /// Seconds of the other program, to train and to score.
    fn of_peer(&self) -> Option<[f64; 2]> {
        let peer = self.peer.as_ref()?.as_ref().ok()?;
        Some([median(&peer.train_seconds)?, median(&peer.score_seconds)?])
    }
}

/// Every program.
pub(super) fn table(measured: &[Measured]) -> Table {
    let head = ["model", "program", "train s", "score s", "together", "accuracy", "model MB", ""];
    let mut table = Table::new(&head);
    for (case, model) in measured.iter().filter_map(|m| Some((CASES.iter().find(|case| case.name == m.name)?, m))) {
        let mut row =
            |program: String, [train, score]: [Option<f64>; 2], accuracy: Option<f64>, mb, failure: String| {
                let together = train.zip(score).map(|(train, score)| train + score);
                table.row([
                    model.name.to_owned(),
                    program,
                    figure_or_dash(train),
                    figure_or_dash(score),
                    figure_or_dash(together),
                    accuracy.map_or_else(|| "–".into(), |a| format!("{a:.4}")),
                    figure_or_dash(mb),
                    failure,
                ]);
            };
        let seconds = [median(&model.train_seconds), median(&model.score_seconds)];
        let failed = |failure: &String| format!("failed: {failure}");
        let failure = model.failure.as_ref().map(failed).unwrap_or_default();
        row("fenlei".into(), seconds, model.accuracy, model.model_mb, failure);
        let Some(peer) = case.peer else { continue };
        match &model.peer {
            Some(Ok(run)) => {
                let seconds = [median(&run.train_seconds), median(&run.score_seconds)];
                row(peer.name(), seconds, Some(run.test_accuracy), run.model_mb, String::new());
            }
            Some(Err(failure)) => row(peer.name(), [None, None], None, None, failed(failure)),
            None => {}
        }
    }
    table
}

/// Accuracies, and never slower than the other program.
pub(super) fn checks(measured: &[Measured]) -> Vec<Check> {
    let mut checks = Vec::new();
    for model in measured {
        if let Some(target) = model.target {
            checks.push(Check::at_least(
                format!("{}: accuracy on IMDb, %", model.name),
                model.accuracy.map(|a| 100.0 * a),
                100.0 * target,
            ));
        }
        if model.peer.is_some() {
            let ours = median(&model.train_seconds).zip(median(&model.score_seconds));
            let faster = model
                .of_peer()
                .zip(ours)
                .map(|([train, score], (own_train, own_score))| [train / own_train, score / own_score]);
            for (i, what) in ["training", "scoring"].into_iter().enumerate() {
                let what = format!("{}: {what} from raw texts, times faster", model.name);
                checks.push(Check::at_least(what, faster.map(|faster| faster[i]), 1.0));
            }
        }
    }
    checks
}
