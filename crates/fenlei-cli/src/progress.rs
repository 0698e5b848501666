//! A training's events as a progress bar and lines on standard error.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use fenlei::train::{EpochRecord, Event, Preparation};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::{counted, duration, grouped};

/// How often the bar changes, at most.
const REDRAW: Duration = Duration::from_millis(100);

/// Shows a training.
pub(crate) struct TrainingProgress {
    bar: ProgressBar,
    /// Whether each epoch gets a line.
    lines: bool,
    started: Instant,
    drawn: Option<Instant>,
    epochs: u32,
    /// Documents trained on in this run.
    docs_seen: usize,
    docs_of_epoch: usize,
    /// The last validation figure.
    figure: String,
}

impl TrainingProgress {
    /// A bar if standard error is a terminal, lines unless `quiet`.
    pub fn new(quiet: bool) -> Self {
        let shown = !quiet && io::stderr().is_terminal();
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{prefix} {bar:24} {percent:>3} %  {msg}") {
            bar.set_style(style);
        }
        Self {
            bar,
            lines: !quiet,
            started: Instant::now(),
            drawn: None,
            epochs: 0,
            docs_seen: 0,
            docs_of_epoch: 0,
            figure: String::new(),
        }
    }

    /// Shows what happened.
    pub fn show(&mut self, event: &Event<'_>) {
        match event {
            Event::Prepare { what, done, total } => self.prepare(*what, *done, *total),
            Event::Start {
                n_train,
                n_validation,
                n_left_out,
                unknown_labels,
                vocab_size,
                n_parameters,
                epochs,
                vectors,
            } => {
                self.epochs = *epochs;
                self.started = Instant::now();
                self.bar.set_length(*n_train as u64);
                let validation = match n_validation {
                    0 => "none held back to validate with".to_owned(),
                    n => format!("{} to validate with", grouped(*n)),
                };
                self.say(&format!("training on {}, {validation}", counted(*n_train, "document")));
                if *n_left_out > 0 {
                    let (documents, labels) = (counted(*n_left_out, "validation document"), unknown_labels.join(", "));
                    self.say(&format!("warning: {documents} left out, with labels that the model lacks: {labels}"));
                }
                let tokens = grouped(*vocab_size);
                self.say(&format!("{tokens} tokens in the vocabulary, {} parameters", grouped(*n_parameters)));
                if let Some(vectors) = vectors {
                    self.say(&format!("word vectors: {vectors}"));
                }
            }
            Event::Step { epoch, docs_done, n_docs, loss } => self.step(*epoch, *docs_done, *n_docs, *loss),
            Event::Epoch(record) => self.epoch(record),
            Event::Stop(_) => self.bar.finish_and_clear(),
            _ => {}
        }
    }

    fn prepare(&mut self, what: Preparation, done: usize, total: usize) {
        let (prefix, line) = match what {
            Preparation::TeacherAnswers => {
                ("the teacher", format!("the teacher answers for {}", counted(total, "document")))
            }
            Preparation::FrozenStates => {
                ("frozen layers", format!("frozen layers read {}", counted(total, "document")))
            }
            Preparation::Pairs => ("pairs", format!("the encoder is tuned on pairs in {}", counted(total, "step"))),
        };
        if done == 0 {
            self.started = Instant::now();
            self.say(&line);
            self.bar.set_prefix(prefix);
            self.bar.set_length(total as u64);
        }
        self.bar.set_position(done as u64);
        let rate = done as f64 / self.started.elapsed().as_secs_f64().max(1e-9);
        if done > 0 {
            let left = (total - done) as f64 / rate.max(1e-9);
            self.bar.set_message(format!("{} of {}  about {} left", grouped(done), grouped(total), duration(left)));
        }
    }

    fn step(&mut self, epoch: u32, docs_done: usize, n_docs: usize, loss: f64) {
        self.docs_seen += docs_done.saturating_sub(self.docs_of_epoch);
        self.docs_of_epoch = docs_done;
        if self.drawn.is_some_and(|drawn| drawn.elapsed() < REDRAW) {
            return;
        }
        self.drawn = Some(Instant::now());
        let rate = self.docs_seen as f64 / self.started.elapsed().as_secs_f64().max(1e-9);
        let epochs_left = f64::from(self.epochs.saturating_sub(epoch));
        let left = epochs_left * n_docs as f64 + (n_docs - docs_done.min(n_docs)) as f64;
        self.bar.set_prefix(format!("epoch {epoch}/{}", self.epochs));
        self.bar.set_position(docs_done as u64);
        self.bar.set_message(format!(
            "loss {loss:.4}{}  {} docs/s  at most {} left",
            self.figure,
            grouped(rate as u64),
            duration(left / rate.max(1e-9)),
        ));
    }

    fn epoch(&mut self, record: &EpochRecord) {
        self.docs_of_epoch = 0;
        if let Some(validation) = &record.validation {
            self.figure = format!("  accuracy {:.4}", validation.accuracy);
        }
        self.say(&epoch_line(record, self.epochs));
    }

    fn say(&self, line: &str) {
        if self.lines {
            // Nothing can be done about a standard error that is closed.
            self.bar.suspend(|| drop(writeln!(io::stderr(), "{line}")));
        }
    }
}

/// One epoch on one line; a star marks the best so far.
fn epoch_line(record: &EpochRecord, epochs: u32) -> String {
    let width = epochs.to_string().len();
    let mut line = format!("epoch {:>width$}/{epochs}  loss {:.4}", record.epoch, record.loss);
    if let Some(v) = &record.validation {
        let figures = format!("accuracy {:.4}  macro F1 {:.4}  log loss {:.4}", v.accuracy, v.macro_f1, v.log_loss);
        line = format!("{line}  |  {figures}");
    }
    let rate = grouped(record.docs_per_second as u64);
    format!("{line}  |  {}  {rate} docs/s{}", duration(record.seconds), if record.best { "  *" } else { "" })
}

#[cfg(test)]
mod tests {
    use fenlei::train::ValidationRecord;

    use super::*;

    #[test]
    fn an_epoch_is_one_line() {
        let mut record = EpochRecord {
            epoch: 3,
            loss: 0.25,
            validation: Some(ValidationRecord { accuracy: 0.9, macro_f1: 0.8, log_loss: 0.3 }),
            seconds: 2.04,
            docs_per_second: 12_345.6,
            lr_factor: 1.0,
            best: true,
        };
        let line = epoch_line(&record, 15);
        let figures = "accuracy 0.9000  macro F1 0.8000  log loss 0.3000";
        assert_eq!(line, format!("epoch  3/15  loss 0.2500  |  {figures}  |  2.0 s  12,345 docs/s  *"));
        (record.validation, record.best) = (None, false);
        assert_eq!(epoch_line(&record, 5), "epoch 3/5  loss 0.2500  |  2.0 s  12,345 docs/s");
    }
}
