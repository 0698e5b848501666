//! The documents to pretrain on: any part but those that classifiers are measured on.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Result;
use fenlei::Error;
use fenlei::data::TextLines;

use crate::data::{ReadArgs, for_each_part};
use crate::interrupt::Stop;
use crate::output::Voice;

/// Lines between two looks at whether the user wants to stop.
const LINES_AT_ONCE: usize = 1 << 13;

/// The texts of all paths.
pub(super) fn read(inputs: &[PathBuf], lines: bool, args: &ReadArgs, voice: Voice, stop: &Stop) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    for path in inputs {
        let is_text = args.format.is_none() && path.extension().is_some_and(|ending| ending == "txt");
        if (lines || is_text) && !path.is_dir() {
            read_lines(&mut texts, path, args, stop)?;
            continue;
        }
        for_each_part(path, args, voice, stop, |part| {
            texts.extend(part);
            Ok(())
        })?;
    }
    Ok(texts)
}

fn read_lines(texts: &mut Vec<String>, path: &Path, args: &ReadArgs, stop: &Stop) -> Result<()> {
    let file = File::open(path).map_err(|error| Error::io("read", path, error))?;
    for line in TextLines::open(file, path, args.encoding.as_deref())? {
        texts.push(line?);
        if texts.len().is_multiple_of(LINES_AT_ONCE) {
            stop.check()?;
        }
    }
    Ok(())
}
