//! The documents to cluster: labels are kept to measure with, and none is missed.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::Result;
use fenlei::Error;
use fenlei::data::{self, Dataset, MissingLabel, ReadOptions, Target, TextLines};

use crate::data::ReadArgs;
use crate::output::{Voice, counted};

/// Reads all files into one set of documents.
pub(crate) fn read(paths: &[PathBuf], lines: bool, args: &ReadArgs, voice: Voice) -> Result<Dataset> {
    let options = ReadOptions { missing_label: MissingLabel::Keep, ..ReadOptions::from(args) };
    let mut all: Option<Dataset> = None;
    for path in paths {
        let documents = if path == Path::new("-") {
            read_lines(io::stdin(), Path::new("<standard input>"), &options, voice)?
        } else if lines {
            let file = File::open(path).map_err(|error| Error::io("read", path, error))?;
            read_lines(BufReader::new(file), path, &options, voice)?
        } else {
            let (documents, findings) = data::read(path, &options)?;
            voice.note(&findings);
            documents
        };
        all = Some(match all {
            Some(all) => Dataset::joined(vec![all, documents])?,
            None => documents,
        });
    }
    // The command line asks for at least one file.
    Ok(all.unwrap_or_default())
}

/// A document a line, without labels; blank lines are none.
fn read_lines(input: impl Read + Send, path: &Path, options: &ReadOptions, voice: Voice) -> Result<Dataset> {
    let mut texts = Vec::new();
    let mut n_blank = 0u64;
    for line in TextLines::open(input, path, options.encoding.as_deref())? {
        let line = line?;
        if line.trim().is_empty() { n_blank += 1 } else { texts.push(line) }
    }
    if texts.is_empty() {
        let help = "check that the path is right and that the file was written completely";
        return Err(Error::data(path, None, "found no line with text, expected documents", help).into());
    }
    let blank = if n_blank > 0 { format!(", {} left out", counted(n_blank, "blank line")) } else { String::new() };
    voice.note(format_args!("{}: {}{blank}", path.display(), counted(texts.len(), "line")));
    let targets = vec![Target::Unlabelled; texts.len()];
    Ok(Dataset::new(texts, targets, Vec::new(), false)?)
}
