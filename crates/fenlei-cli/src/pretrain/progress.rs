//! How far a pretraining is: a bar on a terminal, and a line an evaluation.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use fenlei::pretrain::{PretrainEvent, PretrainRecord};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::{counted, duration, grouped, size};

/// Between two looks of the bar.
const REDRAW: Duration = Duration::from_millis(200);

/// Shows what a pretraining tells, on standard error.
pub(super) struct PretrainProgress {
    bar: ProgressBar,
    lines: bool,
    drawn: Option<Instant>,
    /// The first step of this run, and when it began.
    begun: Option<(u64, Instant)>,
    perplexity: String,
}

impl PretrainProgress {
    /// A bar if standard error is a terminal, lines unless `quiet`.
    pub fn new(quiet: bool) -> Self {
        let shown = !quiet && io::stderr().is_terminal();
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("step {pos}/{len} {bar:24} {percent:>3} %  {msg}") {
            bar.set_style(style);
        }
        Self { bar, lines: !quiet, drawn: None, begun: None, perplexity: String::new() }
    }

    /// Shows what happened.
    pub fn show(&mut self, event: &PretrainEvent<'_>) {
        match event {
            PretrainEvent::Vocabulary => self.say("learning a vocabulary"),
            PretrainEvent::Tokens => self.say("cutting documents into tokens"),
            PretrainEvent::Start {
                n_docs,
                n_held_out,
                n_sequences,
                n_tokens,
                vocab_size,
                n_parameters,
                total_steps,
                from,
                memory,
            } => {
                self.bar.set_length(*total_steps);
                let (documents, sequences) = (counted(*n_docs, "document"), counted(*n_sequences, "sequence"));
                self.say(&format!(
                    "{} of {documents} in {sequences}; {} held out",
                    counted(*n_tokens, "token"),
                    grouped(*n_held_out)
                ));
                self.say(&format!(
                    "{} tokens in the vocabulary, {} parameters, about {} of memory",
                    grouped(*vocab_size),
                    grouped(*n_parameters),
                    size(*memory as u64)
                ));
                self.say(from);
            }
            PretrainEvent::Step { step, loss, n_tokens, total_steps } => {
                self.step(*step, *total_steps, *loss, *n_tokens)
            }
            PretrainEvent::Record(record) => {
                if let Some(held_out) = &record.held_out {
                    self.perplexity = format!("  perplexity {:.2}", held_out.perplexity);
                }
                self.say(&record_line(record));
            }
            PretrainEvent::Stop(_) => self.bar.finish_and_clear(),
            _ => {}
        }
    }

    fn step(&mut self, step: u64, total_steps: u64, loss: f64, n_tokens: u64) {
        let (first, begun) = *self.begun.get_or_insert((step, Instant::now()));
        if self.drawn.is_some_and(|drawn| drawn.elapsed() < REDRAW) {
            return;
        }
        self.drawn = Some(Instant::now());
        let seconds = begun.elapsed().as_secs_f64().max(1e-9);
        let left = (total_steps - step) as f64 * seconds / (step - first).max(1) as f64;
        self.bar.set_position(step);
        let rate = grouped((n_tokens as f64 / seconds) as u64);
        self.bar.set_message(format!("loss {loss:.4}{}  {rate} tokens/s  {} left", self.perplexity, duration(left)));
    }

    fn say(&self, line: &str) {
        if self.lines {
            // Nothing can be done about a standard error that is closed.
            self.bar.suspend(|| drop(writeln!(io::stderr(), "{line}")));
        }
    }
}

/// One evaluation on one line.
fn record_line(record: &PretrainRecord) -> String {
    let mut parts = vec![format!("step {}", grouped(record.step))];
    if let Some(loss) = record.loss {
        parts.push(format!("loss {loss:.4}"));
    }
    if let Some(held_out) = &record.held_out {
        parts.push(format!("held out: loss {:.4}, perplexity {:.2}", held_out.loss, held_out.perplexity));
    }
    if record.loss.is_some() {
        let rate = grouped(record.tokens_per_second as u64);
        parts.push(format!("{}, {rate} tokens/s", duration(record.seconds)));
    }
    parts.join("  |  ")
}

#[cfg(test)]
mod tests {
    use fenlei::pretrain::HeldOutFigures;

    use super::*;

    #[test]
    fn an_evaluation_is_one_line() {
        let mut record = PretrainRecord {
            step: 1200,
            epochs: 2,
            loss: Some(3.25),
            held_out: Some(HeldOutFigures { loss: 3.0, perplexity: 20.0855, n_hidden: 10 }),
            seconds: 61.0,
            tokens_per_second: 2345.6,
            lr_factor: 0.5,
        };
        let line = record_line(&record);
        assert_eq!(
            line,
            "step 1,200  |  loss 3.2500  |  held out: loss 3.0000, perplexity 20.09  |  1 min 01 s, 2,345 tokens/s"
        );
        (record.loss, record.held_out, record.step) = (None, None, 0);
        assert_eq!(record_line(&record), "step 0");
    }
}
