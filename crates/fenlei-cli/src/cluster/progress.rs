//! The events of clustering as a progress bar and lines on standard error.

use std::io::{self, IsTerminal, Write};

use fenlei::cluster::ClusterEvent;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::{counted, grouped};

/// Shows a clustering.
pub(super) struct ClusterProgress {
    bar: ProgressBar,
    lines: bool,
}

impl ClusterProgress {
    /// A bar if standard error is a terminal, lines unless `quiet`.
    pub fn new(quiet: bool) -> Self {
        let shown = !quiet && io::stderr().is_terminal();
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{prefix:>7} {bar:24} {pos}/{len}  {msg}") {
            bar.set_style(style);
        }
        Self { bar, lines: !quiet }
    }

    /// Shows what happened.
    pub fn show(&mut self, event: &ClusterEvent) {
        match event {
            ClusterEvent::Start { n_docs, n_without_words, n_features, vectors } => {
                let documents = counted(*n_docs, "document");
                self.say(&format!("clustering {documents} by {} features", grouped(*n_features)));
                if let Some(vectors) = vectors {
                    self.say(&format!("word vectors: {vectors}"));
                }
                if *n_without_words > 0 {
                    let documents = counted(*n_without_words, "document");
                    self.say(&format!("warning: {documents} without a word that is known: in no cluster"));
                }
            }
            ClusterEvent::Step { part, done, total, figure } => {
                self.bar.set_length(*total);
                self.bar.set_prefix(*part);
                self.bar.set_position(*done);
                self.bar.set_message(format!("{figure:.4}"));
            }
            // Events that are new in the library and not known here.
            _ => {}
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn say(&self, line: &str) {
        if self.lines {
            // Nothing can be done about a standard error that is closed.
            self.bar.suspend(|| drop(writeln!(io::stderr(), "{line}")));
        }
    }
}
