//! `fenlei predict`: a line in, a line out, in order, in constant memory.

mod answer;
mod input;
mod line_queue;
mod stream;

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use anyhow::Result;
use clap::Args;
use fenlei::classifier::Classifier;
use fenlei::data::Ignored;
use fenlei::{Error, artifact};
use rayon::prelude::*;

use crate::output::grouped;
use answer::AnswerStyle;
pub(crate) use input::{Input, resolve as resolve_inputs};
use line_queue::LineQueue;

/// Lines that are predicted at a time, for each thread.
const LINES_PER_THREAD: usize = 512;

/// Classify texts: a line in, a line out
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fenlei predict reviews.fenlei \"A quiet, clever film\"
  fenlei predict reviews.fenlei lines.txt more.txt.gz > labels.tsv
  tail -f comments.log | fenlei predict reviews.fenlei - --json
  fenlei predict topics.fenlei lines.txt --top-k 3

Output: the label, a tab, its probability. Several labels of a document stand in one field, separated by commas, and so
do their probabilities. With --top-k, label and probability follow each other, separated by tabs. With --json, a list of
{\"label\": …, \"score\": …}, best first; the one that is given comes before all others.

A model that abstains (`fenlei calibrate`) gives (abstain) and its confidence where that is too low, and with --json
{\"label\": null, \"score\": …} before all others. With thresholds for each label, JSON says of each whether it is
\"given\".")]
pub(crate) struct PredictArguments {
    /// The model
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// A text, or files that are read line by line (also packed; web archives page by page), or - for standard input
    /// (the default)
    #[arg(value_name = "TEXT|FILE")]
    inputs: Vec<String>,
    /// Take every argument as a text, whatever it looks like
    #[arg(long)]
    text: bool,
    /// One JSON list a line
    #[arg(long)]
    json: bool,
    /// Give the K best labels, whatever their probability
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    top_k: Option<u32>,
    /// Give a label from this probability on (models for several labels a document, or with a saved threshold)
    #[arg(long, value_name = "P")]
    threshold: Option<f32>,
    /// The encoding of the input, as utf-8, gb18030, windows-1252; found out if not given
    #[arg(long)]
    encoding: Option<String>,
}

pub(crate) fn run(args: &PredictArguments) -> Result<()> {
    let inputs = input::resolve(&args.inputs, args.text)?;
    let (mut classifier, _) = artifact::load(&args.model)?;
    if let Some(threshold) = args.threshold {
        set_threshold(&mut classifier, threshold)?;
    }
    let style = AnswerStyle {
        json: args.json,
        top_k: args.top_k.map(|k| k as usize),
        above_threshold_only: args.threshold.is_some(),
    };
    let encoding = args.encoding.clone();
    for input in inputs {
        let encoding = encoding.clone();
        match input {
            Input::Text(text) => answer(&classifier, &[text], style, &mut Vec::new())?,
            Input::File(path) => {
                answer_lines(&classifier, style, move |queue| stream::read_file(&path, encoding.as_deref(), queue))?
            }
            Input::Standard => answer_lines(&classifier, style, move |queue| {
                stream::read_as_it_comes(io::stdin(), "<standard input>".into(), encoding.as_deref(), queue)
            })?,
            Input::Pipe(path) => answer_lines(&classifier, style, move |queue| {
                let pipe = File::open(&path).map_err(|error| Error::io("read", &path, error))?;
                stream::read_as_it_comes(pipe, path, encoding.as_deref(), queue)
            })?,
        }
    }
    Ok(())
}

/// Changes the threshold of a classifier that has a use for one.
pub(crate) fn set_threshold(classifier: &mut Classifier, threshold: f32) -> fenlei::Result<()> {
    if !classifier.decision().has_threshold() {
        let problem = "this model gives every document exactly one label, the most probable one";
        return Err(Error::config("--threshold", problem, "leave it out; --top-k and --json show the probabilities"));
    }
    if !(0.0..=1.0).contains(&threshold) {
        let problem = format!("found {threshold}, expected a probability from 0 to 1");
        return Err(Error::config("--threshold", problem, "0.5 is usual"));
    }
    classifier.set_threshold(threshold);
    Ok(())
}

/// What a reader found out while it gave its lines.
#[derive(Debug, Default, PartialEq, Eq)]
struct ReadSummary {
    /// The name of the encoding.
    encoding: &'static str,
    /// Byte sequences that were replaced.
    malformed: u64,
    /// What of a web archive gave no text.
    left_out: Vec<Ignored>,
}

/// Reads on a thread of its own while this one predicts and writes. A chunk is whatever has been read by the time the
/// last one is done: full ones from a file, single lines from somebody who types, and nobody ever waits for more.
fn answer_lines(
    classifier: &Classifier,
    style: AnswerStyle,
    read: impl FnOnce(&LineQueue) -> fenlei::Result<ReadSummary> + Send + 'static,
) -> Result<()> {
    let lines_at_a_time = LINES_PER_THREAD * rayon::current_num_threads();
    let queue = Arc::new(LineQueue::new(2 * lines_at_a_time));
    let reader = {
        let queue = Arc::clone(&queue);
        thread::spawn(move || {
            let _closing = queue.close_when_dropped();
            read(&queue)
        })
    };
    // When writing fails, the reader may be waiting for input that never comes, so it is not waited for.
    let (mut lines, mut buffer) = (Vec::new(), Vec::new());
    while queue.take(&mut lines, lines_at_a_time) {
        answer(classifier, &lines, style, &mut buffer)?;
    }
    let summary = match reader.join() {
        Ok(summary) => summary?,
        Err(panic) => std::panic::resume_unwind(panic),
    };
    if summary.malformed > 0 {
        let malformed = grouped(summary.malformed);
        // Nothing can be done about a standard error that is closed.
        let _ = writeln!(
            io::stderr(),
            "warning: {malformed} byte sequences are not {}; they were replaced by \u{fffd}\n  help: name the encoding with --encoding",
            summary.encoding
        );
    }
    if !summary.left_out.is_empty() {
        let parts: Vec<String> = summary.left_out.iter().map(|i| format!("{} {}", grouped(i.count), i.what)).collect();
        let _ = writeln!(io::stderr(), "note: a line for each page; left out: {}", parts.join("; "));
    }
    Ok(())
}

/// Writes the answers to `texts`, one a line, all at once.
fn answer<S: AsRef<str> + Sync>(
    classifier: &Classifier,
    texts: &[S],
    style: AnswerStyle,
    buffer: &mut Vec<u8>,
) -> Result<()> {
    let predictions = classifier.predict_batch(texts);
    buffer.clear();
    if texts.len() < LINES_PER_THREAD {
        (0..texts.len()).for_each(|i| style.write(buffer, classifier, predictions.row(i)));
    } else {
        let parts: Vec<Vec<u8>> = (0..texts.len().div_ceil(LINES_PER_THREAD))
            .into_par_iter()
            .map(|part| {
                let rows = part * LINES_PER_THREAD..((part + 1) * LINES_PER_THREAD).min(texts.len());
                let mut lines = Vec::new();
                rows.for_each(|i| style.write(&mut lines, classifier, predictions.row(i)));
                lines
            })
            .collect();
        parts.iter().for_each(|part| buffer.extend_from_slice(part));
    }
    let mut out = io::stdout().lock();
    out.write_all(buffer)?;
    Ok(out.flush()?)
}
