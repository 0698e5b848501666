//! All vectors of a file in memory.

use std::collections::HashMap;
use std::path::Path;

use super::sink::Sink;
use super::{VectorFormat, not_utf8, source};
use crate::{Error, Result};

/// What becomes of a second vector of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Duplicates {
    /// It is an error.
    #[default]
    Refuse,
    /// It is left out.
    KeepFirst,
}

/// Words with their vectors, in the order of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorTable {
    dim: usize,
    words: Vec<String>,
    /// `[n_words, dim]`
    values: Vec<f32>,
    /// Only looked up, never iterated.
    places: HashMap<String, u32>,
}

impl VectorTable {
    /// From words and `[n_words, dim]` numbers.
    ///
    /// # Errors
    /// [`Error::Config`] when a word stands twice, a number is not finite, or the sizes do not fit.
    pub fn new(dim: usize, words: Vec<String>, values: Vec<f32>) -> Result<Self> {
        let wrong = |problem: String| Err(Error::config("word vectors", problem, "mend what made them"));
        if dim == 0 || words.len().checked_mul(dim) != Some(values.len()) {
            return wrong(format!("found {} numbers for {} words of {dim}", values.len(), words.len()));
        }
        if let Some(place) = values.iter().position(|value| !value.is_finite()) {
            return wrong(format!("the vector of {:?} has the number {}", words[place / dim], values[place]));
        }
        let mut places = HashMap::with_capacity(words.len());
        for (place, word) in (0..).zip(&words) {
            if places.insert(word.clone(), place).is_some() {
                return wrong(format!("the word {word:?} stands twice"));
            }
        }
        Ok(Self { dim, words, values, places })
    }

    /// Reads every vector of a file, and how they were written.
    ///
    /// # Errors
    /// As [`WordVectors::load_for`](super::WordVectors::load_for), for every vector; [`Error::Data`] with the line for
    /// a word that is not UTF-8, and, unless `duplicates` allows it, for one that stood before.
    pub fn read(path: impl AsRef<Path>, duplicates: Duplicates) -> Result<(Self, VectorFormat)> {
        let path = path.as_ref();
        let mut filling = Filling { path, duplicates, words: vec![], values: vec![], places: HashMap::new() };
        let (format, dim) = source::read(path, &mut filling)?;
        let places = filling.places.into_iter().map(|(word, (place, _))| (word, place)).collect();
        Ok((Self { dim, words: filling.words, values: filling.values, places }, format))
    }

    /// Numbers in each vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// How many words there are.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there is no word.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The words in order.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// The place of a word.
    pub fn place(&self, word: &str) -> Option<usize> {
        self.places.get(word).map(|&place| place as usize)
    }

    /// The vector at a place.
    pub fn vector(&self, place: usize) -> Option<&[f32]> {
        self.values.get(place.checked_mul(self.dim)?..(place + 1).checked_mul(self.dim)?)
    }

    /// All words with their vectors.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &[f32])> {
        self.words.iter().map(String::as_str).zip(self.values.chunks_exact(self.dim))
    }
}

struct Filling<'a> {
    path: &'a Path,
    duplicates: Duplicates,
    words: Vec<String>,
    values: Vec<f32>,
    /// For each word its place and its line.
    places: HashMap<String, (u32, u64)>,
}

impl Sink for Filling<'_> {
    fn wants(&self, _: &[u8]) -> bool {
        true
    }

    fn take(&mut self, word: &[u8], vector: &[f32], line: u64) -> Result<()> {
        let Ok(word) = str::from_utf8(word) else {
            let problem = format!("the word {:?} is not UTF-8", String::from_utf8_lossy(word));
            return Err(not_utf8(self.path, line, &problem));
        };
        if let Some((_, first)) = self.places.get(word) {
            if self.duplicates == Duplicates::KeepFirst {
                return Ok(());
            }
            let problem = format!("the word {word:?} stood on line {first} before");
            let help = "remove one of the two, or keep the first of each with --duplicates first";
            return Err(Error::data(self.path, Some(line), problem, help));
        }
        let Ok(place) = u32::try_from(self.words.len()) else {
            let problem = "more than four thousand million words";
            return Err(Error::data(self.path, Some(line), problem, "take the most frequent of them"));
        };
        self.places.insert(word.to_owned(), (place, line));
        self.words.push(word.to_owned());
        self.values.extend_from_slice(vector);
        Ok(())
    }
}
