//! How far a training of word vectors is, on a terminal.

use std::io::{self, IsTerminal};

use fenlei::embed::{Phase, Progress};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar on standard error, if that is a terminal.
pub(super) struct EmbedProgress {
    bar: ProgressBar,
}

impl EmbedProgress {
    pub fn new(quiet: bool) -> Self {
        let shown = !quiet && io::stderr().is_terminal();
        let target = if shown { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        let template = "{prefix} {bar:24} {percent:>3} %  {msg}  {per_sec}  at most {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self { bar }
    }

    /// May be called from any thread.
    pub fn show(&self, progress: Progress) {
        if self.bar.is_hidden() {
            return;
        }
        let prefix = match progress.phase {
            Phase::Counting => "counting",
            Phase::Training => "training",
        };
        if self.bar.prefix() != prefix {
            self.bar.set_prefix(prefix);
            self.bar.reset();
        }
        self.bar.set_length(progress.total);
        self.bar.set_position(progress.done);
        if let Some(loss) = progress.loss {
            self.bar.set_message(format!("loss {loss:.4}"));
        }
    }

    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}
