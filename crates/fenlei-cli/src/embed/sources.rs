//! Documents to learn word vectors from: any part but those that classifiers are measured on.

use std::fs::File;
use std::io;
use std::path::Path;

use anyhow::Result;
use fenlei::Error;
use fenlei::data::{self, MissingLabel, ReadOptions, Split, TextLines};
use fenlei::embed::CorpusBuilder;

use crate::data::ReadArgs;
use crate::interrupt::Stop;
use crate::output::Voice;

/// Lines that are cut into words at a time.
const LINES_AT_ONCE: usize = 1 << 13;

/// Adds the documents of a path; its texts are gone when this returns.
pub(super) fn add(
    builder: &mut CorpusBuilder,
    path: &Path,
    lines: bool,
    args: &ReadArgs,
    voice: Voice,
    stop: &Stop,
) -> Result<()> {
    let is_stdin = path == Path::new("-");
    if is_stdin || lines {
        return add_lines(builder, path, is_stdin, args, stop);
    }
    // Labels play no part.
    let options = ReadOptions { missing_label: MissingLabel::Keep, ..ReadOptions::from(args) };
    let splits = if options.split.is_some() { Vec::new() } else { data::splits(path)? };
    let wanted: Vec<Split> =
        [Split::Train, Split::Unlabelled].into_iter().filter(|split| splits.contains(split)).collect();
    let parts = match wanted.as_slice() {
        [] => vec![options.split],
        wanted => wanted.iter().copied().map(Some).collect(),
    };
    for split in parts {
        let (documents, findings) = data::read(path, &ReadOptions { split, ..options.clone() })?;
        voice.note(findings);
        stop.check()?;
        builder.add(&documents.texts)?;
    }
    Ok(())
}

fn add_lines(builder: &mut CorpusBuilder, path: &Path, is_stdin: bool, args: &ReadArgs, stop: &Stop) -> Result<()> {
    let encoding = args.encoding.as_deref();
    let lines = if is_stdin {
        TextLines::open(io::stdin(), "<standard input>", encoding)?
    } else {
        let file = File::open(path).map_err(|error| Error::io("read", path, error))?;
        TextLines::open(file, path, encoding)?
    };
    let mut texts = Vec::with_capacity(LINES_AT_ONCE);
    for line in lines {
        texts.push(line?);
        if texts.len() == LINES_AT_ONCE {
            stop.check()?;
            builder.add(&texts)?;
            texts.clear();
        }
    }
    Ok(builder.add(&texts)?)
}
