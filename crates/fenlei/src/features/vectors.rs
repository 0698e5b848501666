//! Pretrained word vectors, read for one vocabulary.
//!
//! GloVe text, word2vec text and binary, and fastText `.vec` are recognised by their content, compressed with gzip or
//! zstd or not. [`WordVectors`] are those of one vocabulary, [`VectorTable`] is a whole file, to look into and to write.
//! Invariant: a file is read as a stream, so that the memory taken grows with the vectors that are wanted and never
//! with the file or with what its header announces.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use crate::{Error, Result};

mod binary;
mod sink;
mod source;
mod table;
mod text;
mod write;

use sink::Sink;
pub use table::{Duplicates, VectorTable};
pub use write::{FileForm, Packing};

/// More numbers than any published word vector has by far; a header with more is not one.
const MAX_DIM: usize = 65_536;

/// How a file writes its vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VectorFormat {
    /// A line for each word, without a header (GloVe).
    Text,
    /// A line for each word, below a line with their number and dimension (word2vec text, fastText `.vec`).
    TextWithHeader,
    /// Little-endian f32 below a line with the number and the dimension (word2vec binary).
    Binary,
}

/// Vectors of the words of one vocabulary.
#[derive(Debug, Clone, PartialEq)]
pub struct WordVectors {
    /// Numbers in each vector.
    pub dim: usize,
    /// How the file writes its vectors.
    pub format: VectorFormat,
    /// How much of the vocabulary was found.
    pub coverage: Coverage,
    /// `[n_found, dim]`, in the order of the file.
    values: Vec<f32>,
    /// For each word of the vocabulary its row in `values`.
    row_of_word: Vec<Option<u32>>,
}

/// How much of a vocabulary a file of vectors knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Words in the vocabulary.
    pub n_words: u64,
    /// Words with a vector.
    pub n_found: u64,
    /// Words among these whose vector is that of their lower-cased form.
    pub n_lower_cased: u64,
    /// Tokens in the text that the vocabulary was counted on.
    pub n_tokens: u64,
    /// Tokens among these whose word has a vector.
    pub n_tokens_found: u64,
}

impl Coverage {
    /// Share of the words that have a vector; 0 for an empty vocabulary.
    pub fn of_words(&self) -> f64 {
        share(self.n_found, self.n_words)
    }

    /// Share of the tokens whose word has a vector; 0 without tokens.
    pub fn of_tokens(&self) -> f64 {
        share(self.n_tokens_found, self.n_tokens)
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

impl WordVectors {
    /// Reads the vectors of `words`, each given with its number of tokens in the text it was counted on.
    ///
    /// A word takes the vector of exactly that word, else that of its lower-cased form. Of several vectors of one word
    /// in the file the first counts.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be read; [`Error::Data`] with the line (in binary files the number of the
    /// vector) when it is empty, truncated, damaged or no file of word vectors, when a line has another dimension than
    /// the first, or when a needed vector has a number that is not finite.
    pub fn load_for<'a>(path: impl AsRef<Path>, words: impl IntoIterator<Item = (&'a str, u64)>) -> Result<Self> {
        let path = path.as_ref();
        let mut wanted = Wanted::new(words);
        let (format, dim) = source::read(path, &mut wanted)?;
        Ok(wanted.into_vectors(format, dim))
    }

    /// Number of words of the vocabulary, found or not.
    pub fn n_words(&self) -> usize {
        self.row_of_word.len()
    }

    /// The vector of a word, by its position in the vocabulary; `None` when the file does not have it.
    pub fn get(&self, word_idx: usize) -> Option<&[f32]> {
        let row = (*self.row_of_word.get(word_idx)?)? as usize;
        self.values.get(row * self.dim..(row + 1) * self.dim)
    }

    /// The vectors in the order of the vocabulary, `None` for words that the file does not have.
    pub fn iter(&self) -> impl Iterator<Item = Option<&[f32]>> {
        (0..self.n_words()).map(|word_idx| self.get(word_idx))
    }

    /// Standard deviation of all numbers of the vectors found, 0 without any. Words without a vector are best started
    /// with the same spread (Kim 2014, "Convolutional Neural Networks for Sentence Classification").
    pub fn standard_deviation(&self) -> f64 {
        if self.values.is_empty() {
            return 0.0;
        }
        let n = self.values.len() as f64;
        let mean = self.values.iter().map(|&value| f64::from(value)).sum::<f64>() / n;
        let square = self.values.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>() / n;
        square.sqrt()
    }
}

/// How well a vector fits a word of the vocabulary, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    LowerCased,
    Exact,
}

/// The vocabulary, while a file is read for it.
struct Wanted<'a> {
    /// For each spelling that the file may have: the words of the vocabulary that would take it. Bytes, for files hold
    /// words that are not UTF-8. Only looked up, never iterated.
    spellings: HashMap<Cow<'a, [u8]>, Vec<(usize, Fit)>>,
    /// For each word the row and the fit of the vector that it has so far.
    taken: Vec<Option<(u32, Fit)>>,
    n_tokens: Vec<u64>,
    /// `[n_found, dim]`
    values: Vec<f32>,
    n_rows: u32,
}

impl<'a> Wanted<'a> {
    fn new(words: impl IntoIterator<Item = (&'a str, u64)>) -> Self {
        let mut spellings: HashMap<Cow<[u8]>, Vec<_>> = HashMap::new();
        let mut n_tokens = Vec::new();
        for (word_idx, (word, count)) in words.into_iter().enumerate() {
            n_tokens.push(count);
            spellings.entry(Cow::Borrowed(word.as_bytes())).or_default().push((word_idx, Fit::Exact));
            let lower = word.to_lowercase();
            if lower != word {
                spellings.entry(Cow::Owned(lower.into_bytes())).or_default().push((word_idx, Fit::LowerCased));
            }
        }
        Self { spellings, taken: vec![None; n_tokens.len()], n_tokens, values: Vec::new(), n_rows: 0 }
    }

    /// Gives the vector of a spelling to the words that want it. All vectors have one length.
    fn offer(&mut self, spelling: &[u8], vector: &[f32]) {
        for &(word_idx, fit) in self.spellings.get(spelling).map_or(&[][..], Vec::as_slice) {
            match &mut self.taken[word_idx] {
                Some((row, has)) if *has < fit => {
                    *has = fit;
                    let start = *row as usize * vector.len();
                    self.values[start..start + vector.len()].copy_from_slice(vector);
                }
                Some(_) => {}
                nothing => {
                    *nothing = Some((self.n_rows, fit));
                    self.n_rows += 1;
                    self.values.extend_from_slice(vector);
                }
            }
        }
    }

    fn into_vectors(self, format: VectorFormat, dim: usize) -> WordVectors {
        let mut coverage = Coverage { n_words: self.taken.len() as u64, ..Coverage::default() };
        for (taken, n_tokens) in self.taken.iter().zip(&self.n_tokens) {
            coverage.n_tokens = coverage.n_tokens.saturating_add(*n_tokens);
            if let Some((_, fit)) = taken {
                coverage.n_found += 1;
                coverage.n_lower_cased += u64::from(*fit == Fit::LowerCased);
                coverage.n_tokens_found = coverage.n_tokens_found.saturating_add(*n_tokens);
            }
        }
        let row_of_word = self.taken.iter().map(|taken| taken.map(|(row, _)| row)).collect();
        WordVectors { dim, format, coverage, values: self.values, row_of_word }
    }
}

impl Sink for Wanted<'_> {
    /// Whether any word would take a vector of this spelling.
    fn wants(&self, spelling: &[u8]) -> bool {
        let takers = self.spellings.get(spelling).map_or(&[][..], Vec::as_slice);
        takers.iter().any(|&(word_idx, fit)| self.taken[word_idx].is_none_or(|(_, has)| has < fit))
    }

    fn take(&mut self, spelling: &[u8], vector: &[f32], _: u64) -> Result<()> {
        self.offer(spelling, vector);
        Ok(())
    }
}

/// What a header line announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Announced {
    n_vectors: u64,
    dim: usize,
}

impl Announced {
    /// Complains unless as many vectors were there as announced.
    fn check(self, path: &Path, n_read: u64) -> Result<()> {
        if n_read == self.n_vectors {
            return Ok(());
        }
        if n_read > self.n_vectors {
            return Err(Error::data(
                path,
                Some(1),
                format!("its first line announces {} vectors, it holds {n_read} or more", self.n_vectors),
                "write the right number into the first line, or fetch the file again",
            ));
        }
        Err(Error::data(
            path,
            None,
            format!("truncated: it holds {n_read} vectors, its first line announces {}", self.n_vectors),
            FETCH_AGAIN,
        ))
    }
}

const FETCH_AGAIN: &str = "download or copy the file again";

fn not_finite(path: &Path, line: u64, word: &[u8], value: f32) -> Error {
    Error::data(
        path,
        Some(line),
        format!("the vector of {:?} has the number {value}", String::from_utf8_lossy(word)),
        "the vectors were trained or saved wrongly: fetch them again, or remove that word from the file",
    )
}

fn not_utf8(path: &Path, line: u64, problem: &str) -> Error {
    let help = "the file is in another encoding: turn it into UTF-8, as `iconv -f GB18030 -t UTF-8` does";
    Error::data(path, Some(line), problem, help)
}

#[cfg(test)]
#[path = "vectors_tests.rs"]
mod tests;
