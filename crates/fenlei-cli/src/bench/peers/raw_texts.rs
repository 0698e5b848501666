//! From raw texts to labels as whole programs: `fenlei predict` and `fenlei eval` beside fastText; one sentence; size.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result};
use fenlei::data::Dataset;
use serde::Serialize;

use super::child::{Outcome, Runner};
use super::report::Check;
use crate::bench::export::{self, single_labels};
use crate::bench::table::{Table, figure_or_dash, median};

/// Our models: the default recipe, and the article's network.
const RECIPES: [&str; 2] = ["cnn", "appendix-c"];
/// fastText with words alone, which is its quickest, and with pairs of words, which is its best known.
const N_GRAMS: [&str; 2] = ["1", "2"];
/// Times that all test documents are predicted.
const N_RUNS: usize = 3;
/// Times that one sentence is predicted.
const N_SENTENCES: usize = 20;
const SENTENCE: &str = "A wonderful little film: the story moves, the actors shine, and I would gladly see it again.";

/// What our program took with one model.
#[derive(Debug, Clone, Default, Serialize)]
struct OwnProgram {
    recipe: &'static str,
    /// `fenlei predict MODEL < texts`.
    predict_seconds: Vec<f64>,
    /// `fenlei eval MODEL ARCHIVE`.
    eval_seconds: Vec<f64>,
    /// `fenlei predict MODEL "text"`.
    sentence_seconds: Vec<f64>,
    /// Of the labels that `predict` gave.
    accuracy: Option<f64>,
    model_bytes: u64,
    failure: Option<String>,
}

/// All programs.
#[derive(Debug, Serialize)]
pub(super) struct RawTexts {
    ours: Vec<OwnProgram>,
    fasttext: Vec<(String, Outcome)>,
    n_test: usize,
}

/// Writes the texts, trains our models on them, and predicts with each program.
pub(super) fn measure(runner: &Runner, work: &Path, imdb: &Path, train: &Dataset, test: &Dataset) -> Result<RawTexts> {
    let texts = work.join("texts");
    export::write_texts(&texts, train, test)?;
    let truth: Vec<&str> = single_labels(test)?.iter().map(|&label| test.labels[label as usize].as_str()).collect();
    let ours = RECIPES
        .iter()
        .map(|recipe| {
            let mut own = OwnProgram { recipe, ..OwnProgram::default() };
            own.failure = own.measure(runner, &texts, imdb, &truth).err().map(|error| format!("{error:#}"));
            own
        })
        .collect();
    let fasttext = N_GRAMS.iter().map(|n| {
        let data = ["--data".as_ref(), texts.as_os_str()];
        let how = ["--epochs", "5", "--lr", "0.5", "--word-ngrams", n].map(OsStr::new);
        let outcome = runner.script(&format!("fasttext-{n}"), "fasttext_peer.py", &[&data[..], &how].concat());
        ((*n).to_owned(), outcome)
    });
    Ok(RawTexts { ours, fasttext: fasttext.collect(), n_test: truth.len() })
}

impl OwnProgram {
    fn measure(&mut self, runner: &Runner, texts: &Path, imdb: &Path, truth: &[&str]) -> Result<()> {
        let model = texts.join(format!("{}.fenlei", self.recipe));
        let (train, input) = (texts.join("train.txt"), texts.join("test.texts.txt"));
        let name = format!("fenlei train --recipe {}", self.recipe);
        let how = ["--recipe", self.recipe, "--format", "fasttext", "--quiet", "-o"].map(OsStr::new);
        let args = [&["train".as_ref(), train.as_os_str()][..], &how, &[model.as_os_str()]].concat();
        let seconds = runner.timed(&name, runner.own_command(&args)?).map_err(anyhow::Error::msg)?;
        runner.voice.note(format_args!("  {name}: {seconds:.1} s in all"));
        self.model_bytes = fs::metadata(&model).context("the model was not written")?.len();

        let out = texts.join(format!("{}.labels.txt", self.recipe));
        let predict = ["predict".as_ref(), model.as_os_str()];
        for _ in 0..N_RUNS {
            let mut command = runner.own_command(&predict)?;
            command.stdin(File::open(&input).context("the texts were not written")?);
            self.predict_seconds.push(runner.timed_into("fenlei predict", command, &out).map_err(anyhow::Error::msg)?);
            let command = runner.own_command(&["eval".as_ref(), model.as_os_str(), imdb.as_os_str()])?;
            let report = texts.join("eval.txt");
            self.eval_seconds.push(runner.timed_into("fenlei eval", command, &report).map_err(anyhow::Error::msg)?);
        }
        self.accuracy = Some(accuracy(&fs::read_to_string(&out)?, truth)?);
        let sentence = texts.join("sentence.txt");
        for _ in 0..N_SENTENCES {
            let command = runner.own_command(&[&predict[..], &["--text", SENTENCE].map(OsStr::new)].concat())?;
            let seconds = runner.timed_into("fenlei predict TEXT", command, &sentence).map_err(anyhow::Error::msg)?;
            self.sentence_seconds.push(seconds);
        }
        Ok(())
    }
}

/// The share of lines (label, tab, probability) with the right label.
pub(in crate::bench) fn accuracy(lines: &str, truth: &[&str]) -> Result<f64> {
    let labels: Vec<&str> = lines.lines().map(|line| line.split('\t').next().unwrap_or_default()).collect();
    anyhow::ensure!(labels.len() == truth.len(), "{} answers to {} documents", labels.len(), truth.len());
    let n_right = labels.iter().zip(truth).filter(|(label, truth)| label == truth).count();
    Ok(n_right as f64 / truth.len() as f64)
}

impl RawTexts {
    /// The quickest whole fastText program, in seconds.
    fn quickest_fasttext(&self) -> Option<f64> {
        let runs = self.fasttext.iter().filter_map(|(_, outcome)| median(&outcome.as_ref().ok()?.program_seconds));
        runs.reduce(f64::min)
    }

    /// Every program.
    pub fn table(&self) -> Table {
        let mut table = Table::new(&["program", "seconds", "docs/s", "accuracy", "model MB", ""]);
        let n = self.n_test as f64;
        let accuracy = |accuracy: Option<f64>| accuracy.map_or_else(|| "–".into(), |a| format!("{a:.4}"));
        for own in &self.ours {
            let seconds = median(&own.predict_seconds);
            let mb = (own.model_bytes > 0).then_some(own.model_bytes as f64 / 1e6);
            let failure = own.failure.as_ref().map(|failure| format!("failed: {failure}")).unwrap_or_default();
            table.row([
                format!("fenlei predict, {}", own.recipe),
                figure_or_dash(seconds),
                figure_or_dash(seconds.map(|s| n / s)),
                accuracy(own.accuracy),
                figure_or_dash(mb),
                failure,
            ]);
            let (eval, sentence) = (median(&own.eval_seconds), median(&own.sentence_seconds));
            table.row([format!("fenlei eval, {}, from the raw archive", own.recipe), figure_or_dash(eval)]);
            table.row([format!("fenlei predict, {}, one sentence", own.recipe), figure_or_dash(sentence)]);
        }
        for (n_grams, outcome) in &self.fasttext {
            let name = format!("fasttext predict, {n_grams}-grams");
            let run = match outcome {
                Ok(run) => run,
                Err(failure) => {
                    let dash = || "–".to_owned();
                    table.row([name, dash(), dash(), dash(), dash(), format!("failed: {failure}")]);
                    continue;
                }
            };
            let (program, package) = (median(&run.program_seconds), median(&run.score_seconds));
            let mb = run.model_mb.map(|mb| mb * f64::from(1 << 20) / 1e6);
            let missing = if program.is_none() { "the program was not built" } else { "" };
            table.row([
                name,
                figure_or_dash(program),
                figure_or_dash(program.map(|s| n / s)),
                accuracy(Some(run.test_accuracy)),
                figure_or_dash(mb),
                missing.to_owned(),
            ]);
            table.row([
                format!("fastText in Python, {n_grams}-grams, model loaded"),
                figure_or_dash(package),
                figure_or_dash(package.map(|s| n / s)),
            ]);
        }
        table
    }

    /// The targets, which are those of the default recipe.
    pub fn checks(&self) -> Vec<Check> {
        let default = &self.ours[0];
        let seconds = median(&default.predict_seconds);
        let speed = self.quickest_fasttext().zip(seconds).map(|(theirs, ours)| theirs / ours);
        let sentence = median(&default.sentence_seconds).map(|seconds| 1000.0 * seconds);
        let mb = (default.model_bytes > 0).then_some(default.model_bytes as f64 / 1e6);
        vec![
            Check::at_least(
                "raw texts to labels against the quickest fasttext predict, times faster".into(),
                speed,
                1.0,
            ),
            Check::below("one sentence as a whole process, ms".into(), sentence, 60.0),
            Check::below("model file of the default recipe, MB".into(), mb, 25.0),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_and_none_may_be_missing() {
        assert_eq!(accuracy("pos\t0.9\nneg\t0.8\n", &["pos", "pos"]).unwrap(), 0.5);
        assert!(accuracy("pos\t0.9\n", &["pos", "pos"]).is_err());
    }
}
