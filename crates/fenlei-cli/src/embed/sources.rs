//! Documents to learn word vectors from: any part but those that classifiers are measured on.

use std::fs::File;
use std::io;
use std::path::Path;

use anyhow::Result;
use fenlei::Error;
use fenlei::data::TextLines;
use fenlei::embed::CorpusBuilder;

use crate::data::{ReadArgs, for_each_part};
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
    for_each_part(path, args, voice, stop, |texts| builder.add(&texts))
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
