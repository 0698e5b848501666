//! Words that are never changed.

use std::path::Path;

use aho_corasick::{AhoCorasick, MatchKind};

use super::pieces::Pieces;
use super::read_lines;
use crate::text::is_han;
use crate::{Error, Result};

/// Protected words and phrases, looked for in documents without regard to the case of ASCII letters.
#[derive(Debug, Clone, Default)]
pub(super) struct Protected {
    pub words: Vec<String>,
    /// `None` where there are none.
    finder: Option<AhoCorasick>,
}

impl Protected {
    /// `words`, and the lines of `file`.
    pub fn new(words: &[String], file: Option<&Path>) -> Result<Self> {
        let mut all: Vec<String> = words.iter().map(|word| word.trim().to_owned()).collect();
        if let Some(path) = file {
            all.extend(read_lines(path)?.into_iter().map(|line| line.trim().to_owned()));
        }
        all.retain(|word| !word.is_empty());
        if all.is_empty() {
            return match file {
                Some(path) => {
                    Err(Error::data(path, None, "there is no word in it", "write one word a line, or leave it out"))
                }
                None => Ok(Self::default()),
            };
        }
        let finder =
            AhoCorasick::builder().ascii_case_insensitive(true).match_kind(MatchKind::LeftmostLongest).build(&all);
        let finder = finder.map_err(|error| {
            Error::config("protect", format!("these words are too many: {error}"), "protect fewer words")
        })?;
        Ok(Self { words: all, finder: Some(finder) })
    }

    /// Marks the pieces of `text` that must stay. A word in letters must match whole, so that `art` does not protect
    /// `party`; Chinese words are protected wherever they touch a match, however they were segmented.
    pub fn mark(&self, text: &str, pieces: &mut Pieces<'_>) {
        let Some(finder) = &self.finder else { return };
        let mut end = 0;
        let mut places = Vec::with_capacity(pieces.all.len());
        for piece in &pieces.all {
            let start = end + piece.gap.len();
            end = start + piece.text.len();
            places.push((start, end));
        }
        for found in finder.find_iter(text) {
            let first = places.partition_point(|&(_, end)| end <= found.start());
            let behind = places.partition_point(|&(start, _)| start < found.end());
            if first >= behind {
                continue;
            }
            let is_whole = |index: usize, inside: bool| inside || pieces.all[index].text.chars().any(is_han);
            let starts_whole = is_whole(first, places[first].0 >= found.start());
            let ends_whole = is_whole(behind - 1, places[behind - 1].1 <= found.end());
            if starts_whole && ends_whole {
                for index in first..behind {
                    pieces.all[index].is_protected = true;
                    pieces.all[index].is_glued = index > first;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::cut::Cutter;

    fn protected(words: &[&str], text: &str) -> Vec<(String, bool)> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let pieces = Cutter::new(Protected::new(&words, None).unwrap()).unwrap();
        let pieces = pieces.cut(text);
        let found = pieces.all.iter().filter(|piece| piece.is_protected);
        found.map(|piece| (piece.text.to_string(), piece.is_glued)).collect()
    }

    #[test]
    fn words_match_whole_phrases_stay_together_and_chinese_is_found_in_any_word() {
        assert_eq!(protected(&["art", "not"], "Art is not a party."), [("Art".into(), false), ("not".into(), false)]);
        assert_eq!(protected(&["new york"], "in New York"), [("New".into(), false), ("York".into(), true)]);
        assert_eq!(protected(&["影"], "看电影"), [("电影".into(), false)]);
        assert!(protected(&[" "], "a b").is_empty());
    }

    #[test]
    fn a_file_without_words_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "\n \n").unwrap();
        let error = Protected::new(&[], Some(file.path())).unwrap_err().to_string();
        assert!(error.contains("there is no word in it") && error.contains("help: "), "{error}");
        std::fs::write(file.path(), "film\n").unwrap();
        assert!(Protected::new(&[], Some(file.path())).unwrap().finder.is_some());
    }
}
