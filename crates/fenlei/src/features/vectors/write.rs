//! Writes vectors so that every reader of the format, ours too, gets the same numbers back.

use std::io::{self, Write};
use std::path::Path;

use flate2::write::GzEncoder;

use super::{VectorFormat, VectorTable};
use crate::storage::write_atomically;
use crate::{Error, Result};

/// Readers of the binary format take longer words for damage.
const MAX_BINARY_WORD: usize = 4095;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileForm {
    /// The format of the vectors.
    pub format: VectorFormat,
    /// How it is compressed.
    pub packing: Packing,
}

impl FileForm {
    /// What a name asks for: `.vec` is word2vec text, `.bin` word2vec binary, `.txt` and `.glove` GloVe text, each also
    /// with `.gz` or `.zst` behind; `None` for the format if the name does not say.
    pub fn of_path(path: &Path) -> (Option<VectorFormat>, Packing) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let (name, packing) = match (name.strip_suffix(".gz"), name.strip_suffix(".zst")) {
            (Some(name), _) => (name, Packing::Gzip),
            (_, Some(name)) => (name, Packing::Zstd),
            _ => (name.as_str(), Packing::Plain),
        };
        let format = match name.rsplit_once('.').map(|(_, extension)| extension) {
            Some("vec") => Some(VectorFormat::TextWithHeader),
            Some("bin") => Some(VectorFormat::Binary),
            Some("txt" | "glove") => Some(VectorFormat::Text),
            _ => None,
        };
        (format, packing)
    }
}

impl VectorTable {
    /// Writes all vectors to a file, whole or not at all. Decimals are as long as it takes to get the same number back.
    ///
    /// # Errors
    /// [`Error::Data`] for a word that the format cannot hold, with its number; [`Error::Io`] when the file cannot be
    /// written.
    pub fn write(&self, path: &Path, form: FileForm) -> Result<()> {
        for (number, word) in (1..).zip(self.words()) {
            if let Some(problem) = unwritable(word, form.format, number == 1) {
                let problem = format!("the word {word:?} {problem}");
                return Err(Error::data(path, Some(number), problem, "leave it out, or choose another format"));
            }
        }
        write_atomically(path, |file| match form.packing {
            Packing::Plain => self.write_to(file, form.format),
            Packing::Gzip => {
                let mut packed = GzEncoder::new(file, flate2::Compression::default());
                self.write_to(&mut packed, form.format)?;
                packed.finish().map(drop)
            }
            Packing::Zstd => {
                let mut packed = zstd::stream::write::Encoder::new(file, 0)?;
                self.write_to(&mut packed, form.format)?;
                packed.finish().map(drop)
            }
        })
    }

    fn write_to(&self, out: &mut dyn Write, format: VectorFormat) -> io::Result<()> {
        if format != VectorFormat::Text {
            writeln!(out, "{} {}", self.len(), self.dim())?;
        }
        let mut line = Vec::new();
        for (word, vector) in self.iter() {
            line.clear();
            line.extend_from_slice(word.as_bytes());
            if format == VectorFormat::Binary {
                line.push(b' ');
                vector.iter().for_each(|value| line.extend_from_slice(&value.to_le_bytes()));
            } else {
                vector.iter().try_for_each(|value| write!(line, " {value}"))?;
            }
            line.push(b'\n');
            out.write_all(&line)?;
        }
        Ok(())
    }
}

/// Why a word would not come back.
fn unwritable(word: &str, format: VectorFormat, is_first: bool) -> Option<&'static str> {
    if word.is_empty() {
        return Some("is empty");
    }
    if format == VectorFormat::Binary {
        if word.contains(' ') || word.starts_with('\n') {
            return Some("has a space, which ends a word in this format");
        }
        return (word.len() > MAX_BINARY_WORD).then_some("is too long for this format");
    }
    let is_space = |c: char| c.is_ascii_whitespace();
    if word.contains(['\n', '\r', '\u{b}']) || word.starts_with(is_space) || word.ends_with(is_space) {
        return Some("has white space that would not come back");
    }
    // Without a header, the first line tells how many numbers a vector has.
    if is_first && format == VectorFormat::Text && (word.contains(is_space) || word.starts_with('\u{feff}')) {
        return Some("has a space and would stand first");
    }
    // Numbers are counted from the end of a line: a number in front of them would be taken for one of them.
    let last = word.rsplit(is_space).next().unwrap_or_default();
    (last.len() < word.len() && last.parse::<f32>().is_ok()).then_some("ends with a space and a number")
}
