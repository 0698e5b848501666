//! What encoding gives: token numbers, with their origin in the text, of one document or of many.

use std::ops::Range;

use serde::Serialize;

use super::clean::{Alignment, original_range};
use super::pos::Tag;

/// The token numbers of a document and where each came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoding {
    /// Token numbers.
    pub ids: Vec<u32>,
    /// For each number the byte range in the original text, on character boundaries. Neither starts nor ends fall;
    /// ranges are equal where one character gave several tokens.
    pub offsets: Vec<(u32, u32)>,
}

/// The token numbers of many documents, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedTexts {
    /// Token numbers of all documents.
    pub ids: Vec<u32>,
    /// Where each document starts in `ids`, and at the end the length of `ids`: one entry more than documents.
    pub starts: Vec<usize>,
}

impl EncodedTexts {
    /// From parts that threads encoded, in order: token numbers, and where each document ends in them.
    pub(crate) fn joined(parts: &[(Vec<u32>, Vec<usize>)]) -> Self {
        let mut all = Self {
            ids: Vec::with_capacity(parts.iter().map(|(ids, _)| ids.len()).sum()),
            starts: Vec::with_capacity(parts.iter().map(|(_, ends)| ends.len()).sum::<usize>() + 1),
        };
        all.starts.push(0);
        for (ids, ends) in parts {
            let offset = all.ids.len();
            all.starts.extend(ends.iter().map(|end| offset + end));
            all.ids.extend_from_slice(ids);
        }
        all
    }

    /// How many documents there are.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether there is no document.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first `n` documents.
    pub(crate) fn first(&self, n: usize) -> Self {
        let starts = self.starts[..=n.min(self.len())].to_vec();
        Self { ids: self.ids[..starts.last().copied().unwrap_or_default()].to_vec(), starts }
    }

    /// The token numbers of document `i`; `None` beyond the last one.
    pub fn get(&self, i: usize) -> Option<&[u32]> {
        Some(&self.ids[*self.starts.get(i)?..*self.starts.get(i + 1)?])
    }
}

/// What each step makes of a text, for people who want to look inside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stages {
    /// The text after cleaning.
    pub cleaned: String,
    /// All tokens after segmentation, with their parts of speech if the pipeline asks for them.
    pub tokens: Vec<Token>,
    /// The tokens that stay: stop words and other parts of speech are left out.
    pub filtered: Vec<Token>,
    /// The same as stems, if the pipeline asks for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stemmed: Option<Vec<Token>>,
    /// The same with phrases joined, if the pipeline asks for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub joined: Option<Vec<Token>>,
    /// The same with pinyin, if the pipeline asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pinyin: Option<Vec<Token>>,
    /// The tokens as the vocabulary knows them, before truncation.
    pub finished: Vec<Token>,
    /// The numbers of the tokens that are kept, as [`TextPipeline::encode`](super::TextPipeline::encode) gives them.
    pub ids: Vec<u32>,
    /// Their byte ranges in the original text.
    pub offsets: Vec<(u32, u32)>,
}

/// A token and where it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Token {
    /// The text of the token.
    pub text: String,
    /// Its part of speech, if it was tagged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<Tag>,
    /// Its byte range in the original text.
    pub offset: (u32, u32),
    /// Its number; 0 where the vocabulary lacks it.
    pub id: u32,
}

/// Leads ranges of a cleaned text, in ascending order, back to the original.
pub(crate) struct Origin<'a> {
    layers: &'a [Alignment],
    cursors: Vec<usize>,
    last: (usize, usize),
}

impl<'a> Origin<'a> {
    pub fn new(layers: &'a [Alignment]) -> Self {
        Self { layers, cursors: vec![0; layers.len()], last: (0, 0) }
    }

    pub fn of(&mut self, range: Range<usize>) -> (u32, u32) {
        let original = original_range(self.layers, &mut self.cursors, range);
        // A tokenizer file may give pieces out of order; whoever marks text must not.
        let start = original.start.max(self.last.0);
        let end = original.end.max(start).max(self.last.1);
        self.last = (start, end);
        // Texts are limited to what 32 bits can say.
        (u32::try_from(start).unwrap_or(u32::MAX), u32::try_from(end).unwrap_or(u32::MAX))
    }
}
