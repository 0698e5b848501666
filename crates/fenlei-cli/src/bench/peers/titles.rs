//! Chinese news titles: the usual PyTorch TextCNN beside our default recipe.

use std::ffi::OsStr;
use std::path::Path;

use serde::Serialize;

use super::PeersArgs;
use super::child::{Outcome, Runner};
use crate::bench::accuracy;
use crate::bench::table::{Table, deviation, figure, mean};

/// Where the titles stand in the folder of data sets.
const TITLES: &str = "thucnews-titles";

/// The figures of both, one for each seed.
#[derive(Debug, Serialize)]
pub(super) struct Titles {
    peer: Vec<Outcome>,
    /// Accuracy and seconds of training.
    ours: Vec<Result<(f64, f64), String>>,
}

/// Trains both once for each seed, in turn.
pub(super) fn measure(args: &PeersArgs, runner: &Runner, data: &Path) -> Titles {
    let folder = data.join(TITLES);
    let sample = args.sample.map(|n| n.to_string());
    let (mut peer, mut ours) = (Vec::new(), Vec::new());
    for seed in 1..=args.runs {
        let own = accuracy::measure_one(accuracy::THUCNEWS, data, seed, args.sample);
        let own = own.map_err(|error| format!("{error:#}"));
        match &own {
            Ok((figure, seconds)) => {
                runner.voice.note(format_args!("  fenlei-titles-{seed}: {figure:.4}, {seconds:.1} s of training"))
            }
            Err(failure) => runner.voice.warn(format_args!("fenlei-titles-{seed} failed: {failure}")),
        }
        ours.push(own);
        let number = seed.to_string();
        let mut how: Vec<&OsStr> = vec!["--data".as_ref(), folder.as_ref(), "--seed".as_ref(), number.as_ref()];
        if let Some(sample) = &sample {
            how.extend(["--sample", sample].map(OsStr::new));
        }
        peer.push(runner.script(&format!("textcnn-{seed}"), "torch_textcnn.py", &how));
    }
    Titles { peer, ours }
}

impl Titles {
    /// Both programs.
    pub fn table(&self) -> Table {
        let mut table = Table::new(&["program", "accuracy", "training seconds", ""]);
        let ours: Vec<_> = self.ours.iter().flatten().collect();
        let figures: Vec<f64> = ours.iter().map(|(figure, _)| *figure).collect();
        let seconds: Vec<f64> = ours.iter().map(|(_, seconds)| *seconds).collect();
        let failures = self.ours.iter().filter_map(|own| own.as_ref().err());
        table.row(row("fenlei, default recipe", &figures, &seconds, failures));
        let theirs: Vec<_> = self.peer.iter().flatten().collect();
        let figures: Vec<f64> = theirs.iter().map(|run| run.test_accuracy).collect();
        let seconds: Vec<f64> = theirs.iter().map(|run| run.epoch_seconds.iter().sum()).collect();
        table.row(row("PyTorch TextCNN", &figures, &seconds, self.peer.iter().filter_map(|run| run.as_ref().err())));
        table
    }

    /// The accuracy of the peer, which is the target of the accuracy benchmark.
    pub fn target(&self) -> Option<f64> {
        mean(&self.peer.iter().flatten().map(|run| run.test_accuracy).collect::<Vec<_>>())
    }
}

fn row<'a>(name: &str, figures: &[f64], seconds: &[f64], failures: impl Iterator<Item = &'a String>) -> [String; 4] {
    let accuracy = mean(figures).map(|mean| format!("{mean:.4} ± {:.4}", deviation(figures)));
    let dash = || "–".to_owned();
    [
        name.to_owned(),
        accuracy.unwrap_or_else(dash),
        mean(seconds).map_or_else(dash, figure),
        failures.last().map(|failure| format!("failed: {failure}")).unwrap_or_default(),
    ]
}
