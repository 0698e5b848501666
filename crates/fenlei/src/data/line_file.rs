//! A file of one document a line that is read anew in every pass, so that it may be larger than memory.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::TextLines;
use super::read::fasttext::parse;
use crate::text::Corpus;
use crate::{Error, Result};

/// Bytes of text that are given out at a time.
const CHUNK_BYTES: usize = 4 << 20;

/// A text a line, or fastText's `__label__x text`. Every line is a document, an empty one too. gzip and zstd are unpacked.
#[derive(Debug, Clone)]
pub struct LineFile {
    path: PathBuf,
    encoding: Option<String>,
}

/// Some lines of a file.
#[derive(Debug, Clone, Copy)]
pub struct Lines<'a> {
    /// The texts without labels.
    pub texts: &'a [&'a str],
    /// The labels of each.
    pub labels: &'a [Vec<&'a str>],
}

impl LineFile {
    /// A file; `encoding` is a WHATWG label, found out where it is `None`.
    pub fn new(path: impl Into<PathBuf>, encoding: Option<String>) -> Self {
        Self { path: path.into(), encoding }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Calls `f` with all lines in order, some at a time.
    ///
    /// # Errors
    /// That the file cannot be read, and those of `f`.
    pub fn for_each_lines(&self, f: &mut dyn FnMut(Lines<'_>) -> Result<()>) -> Result<()> {
        let file = File::open(&self.path).map_err(|error| Error::io("read", &self.path, error))?;
        let mut lines = TextLines::open(file, &self.path, self.encoding.as_deref())?;
        let mut chunk: Vec<String> = Vec::new();
        loop {
            chunk.clear();
            let mut n_bytes = 0;
            while n_bytes < CHUNK_BYTES
                && let Some(line) = lines.next().transpose()?
            {
                n_bytes += line.len() + 1;
                chunk.push(line);
            }
            if chunk.is_empty() {
                return Ok(());
            }
            let (labels, texts): (Vec<Vec<&str>>, Vec<&str>) = chunk.iter().map(|line| parse(line)).unzip();
            f(Lines { texts: &texts, labels: &labels })?;
        }
    }
}

impl Corpus for LineFile {
    fn for_each_chunk(&self, f: &mut dyn FnMut(&[&str]) -> Result<()>) -> Result<()> {
        self.for_each_lines(&mut |lines| f(lines.texts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pass_gives_the_same_documents_and_a_missing_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.txt");
        let long = "word ".repeat(1 << 18);
        std::fs::write(&path, format!("__label__a __label__b one\n\nplain\r\n{long}\n{long}\n{long}\n{long}\nlast"))
            .unwrap();
        let file = LineFile::new(&path, None);
        let pass = || {
            let (mut n_chunks, mut all) = (0, Vec::new());
            file.for_each_lines(&mut |lines| {
                n_chunks += 1;
                let label = |labels: &Vec<&str>| labels.join("+");
                all.extend(lines.texts.iter().map(|t| t.len()).zip(lines.labels.iter().map(label)));
                Ok(())
            })
            .unwrap();
            (n_chunks, all)
        };
        let (n_chunks, all) = pass();
        assert_eq!((n_chunks, all.len()), (2, 8));
        assert_eq!(&all[..3], [(3, "a+b".to_owned()), (0, String::new()), (5, String::new())]);
        assert_eq!(pass(), (n_chunks, all));
        let missing = LineFile::new(folder.path().join("no"), None);
        assert!(matches!(missing.for_each_chunk(&mut |_| Ok(())).unwrap_err(), Error::Io { .. }));
    }
}
