//! `fenlei data convert`: a progress bar for web archives on a terminal, findings and what was dropped on stderr.

use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use fenlei::Error;
use fenlei::data::{self, Conversion, Converted, ReadOptions, WriteFormat};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::ConvertArgs;
use super::run::{tell, tell_written};
use crate::output::{grouped, print_json};

pub(super) fn run(args: &ConvertArgs) -> Result<()> {
    let to_stdout = is_stdio(&args.output);
    if to_stdout && args.json {
        let problem = "documents and the JSON object would both go to standard output";
        return Err(Error::config("--json", problem, "write the documents to a file").into());
    }
    let format = format_for(&args.output, args.to)?;
    let read = ReadOptions { columns: args.keep_column.clone(), ..ReadOptions::from(&args.read) };
    let bytes = if is_stdio(&args.input) { Some(all_of_stdin()?) } else { None };
    let is_crawl = match (read.format, &bytes) {
        (Some(format), _) => format == data::Format::Warc,
        (None, Some(bytes)) => data::is_crawl_bytes(bytes),
        (None, None) => args.input.exists() && data::is_crawl(&args.input)?,
    };
    let cancel = Arc::new(AtomicBool::new(false));
    if is_crawl {
        // Other inputs are read as a whole before anything is written, so that Ctrl-C may end the program at once.
        let handler = Arc::clone(&cancel);
        // Another command of this process may have a handler already; then Ctrl-C is its business.
        let _ = ctrlc::set_handler(move || handler.store(true, Ordering::Relaxed));
    }
    let bar = bar(&args.input, is_crawl);
    let mut stdout = io::stdout();
    let converted = data::convert(Conversion {
        input: &args.input,
        bytes: bytes.as_deref(),
        output: &args.output,
        writer: if to_stdout { Some(&mut stdout) } else { None },
        format,
        read,
        selection: args.select.selection(is_crawl),
        cancel: &cancel,
        progress: &mut |n_bytes| bar.set_position(n_bytes),
    });
    bar.finish_and_clear();
    let converted = converted?;
    tell(&converted.findings)?;
    tell_dropped(&converted)?;
    tell_written(&args.output, &converted.written)?;
    if args.json { print_json(&converted) } else { Ok(()) }
}

fn all_of_stdin() -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes).context("cannot read standard input")?;
    Ok(bytes)
}

fn is_stdio(path: &Path) -> bool {
    path == Path::new("-")
}

pub(crate) fn format_for(path: &Path, asked: Option<WriteFormat>) -> Result<WriteFormat> {
    asked.or_else(|| WriteFormat::of_path(path)).ok_or_else(|| {
        let problem = "the name does not say which format to write";
        let help = "end it with .csv, .tsv, .jsonl, .fasttext or .parquet, or pass --to FORMAT";
        Error::config(path.display().to_string(), problem, help).into()
    })
}

fn bar(input: &Path, is_crawl: bool) -> ProgressBar {
    let size = input.metadata().map(|metadata| metadata.len()).ok();
    let shown = is_crawl && size.is_some() && io::stderr().is_terminal();
    let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(size, target);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}") {
        bar.set_style(style);
    }
    bar
}

/// A table of what was read and not kept.
fn tell_dropped(converted: &Converted) -> Result<()> {
    let mut err = io::stderr().lock();
    if !converted.dropped.is_empty() {
        writeln!(err, "  dropped {:>38}", "documents")?;
        for dropped in &converted.dropped {
            writeln!(err, "    {:<36} {:>6}", dropped.reason, grouped(dropped.count))?;
        }
    }
    Ok(())
}
