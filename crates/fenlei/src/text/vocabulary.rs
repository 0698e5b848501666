//! The vocabulary: which tokens have a number.
//!
//! Invariant: number 0 is the unknown token; the others come by falling count in the training part, then by text.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::spec::VocabSpec;
use super::token_table::{TokenTable, part_of};
use crate::error::{Error, Result};

/// The number of every token that the vocabulary lacks.
pub const UNKNOWN_ID: u32 = 0;

/// The text of the token number 0.
pub const UNKNOWN_TOKEN: &str = "<unk>";

/// Longer tokens (encoded files, endless runs of letters) are always unknown, so that they cannot fill the memory.
const MAX_TOKEN_BYTES: usize = 256;

/// The tokens that have a number, with how often each stood in the training part.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "SavedVocabulary", into = "SavedVocabulary")]
pub struct Vocabulary {
    tokens: Arc<TokenTable>,
    counts: Arc<[u64]>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedVocabulary {
    tokens: Vec<String>,
    counts: Vec<u64>,
}

impl Vocabulary {
    /// From tokens in the order of their numbers, the first being `<unk>`, and how often each was seen (0 where that
    /// is not known).
    ///
    /// # Errors
    /// Another first token, a token that stands twice, or counts of another number.
    pub fn new<S: AsRef<str>>(tokens: &[S], counts: Vec<u64>) -> Result<Self> {
        let wrong = |problem: String| Err(Error::config("vocabulary", problem, "fit the pipeline again"));
        if tokens.first().map(AsRef::as_ref) != Some(UNKNOWN_TOKEN) {
            return wrong(format!("the first token is not {UNKNOWN_TOKEN:?}"));
        }
        if tokens.len() != counts.len() {
            return wrong(format!(
                "found {} tokens and {} counts, expected the same number",
                tokens.len(),
                counts.len()
            ));
        }
        let mut table = TokenTable::with_capacity(tokens.len());
        for token in tokens {
            if !matches!(table.insert(token.as_ref()), Some((_, true))) {
                return wrong(format!("the token {:?} stands twice", token.as_ref()));
            }
        }
        Ok(Self { tokens: Arc::new(table), counts: counts.into() })
    }

    /// How many numbers there are, with the one for unknown tokens.
    #[expect(clippy::len_without_is_empty, reason = "there is always the unknown token")]
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// The number of `token`, if it has one.
    #[inline]
    pub fn id(&self, token: &str) -> Option<u32> {
        self.tokens.find(token)
    }

    /// The token of a number; `None` beyond the last one.
    pub fn token(&self, id: u32) -> Option<&str> {
        self.tokens.get(id as usize)
    }

    /// How often the token stood in the training part; for 0, how often there was a token without a number.
    pub fn count(&self, id: u32) -> Option<u64> {
        self.counts.get(id as usize).copied()
    }

    /// The tokens with their counts, in the order of their numbers.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, u64)> {
        self.tokens.iter().zip(self.counts.iter().copied())
    }
}

impl PartialEq for Vocabulary {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl TryFrom<SavedVocabulary> for Vocabulary {
    type Error = Error;

    fn try_from(saved: SavedVocabulary) -> Result<Self> {
        Self::new(&saved.tokens, saved.counts)
    }
}

impl From<Vocabulary> for SavedVocabulary {
    fn from(vocabulary: Vocabulary) -> Self {
        Self { tokens: vocabulary.tokens.iter().map(str::to_owned).collect(), counts: vocabulary.counts.to_vec() }
    }
}

/// Counts of one part of all tokens.
#[derive(Default)]
struct Counts {
    tokens: TokenTable,
    counts: Vec<u64>,
}

impl Counts {
    /// Whether there was room.
    fn add(&mut self, token: &str, n: u64) -> bool {
        let Some((index, new)) = self.tokens.insert(token) else { return false };
        if new {
            self.counts.push(n);
        } else {
            self.counts[index as usize] += n;
        }
        true
    }
}

const PARTS: usize = 32;

/// Counts from all threads. The tokens are divided among parts by their hash, each with a lock of its own, and counts
/// are whole numbers, so the sums do not depend on who counted what.
#[derive(Default)]
pub(crate) struct TokenCounts {
    parts: [Mutex<Counts>; PARTS],
    skipped: std::sync::atomic::AtomicU64,
}

/// The counts of one thread, until they are handed in.
#[derive(Default)]
pub(crate) struct LocalCounts {
    parts: [Counts; PARTS],
    skipped: u64,
}

impl LocalCounts {
    /// Counts `token` once.
    #[inline]
    pub fn add(&mut self, token: &str) {
        let counted = token.len() <= MAX_TOKEN_BYTES && self.parts[part_of(token, PARTS)].add(token, 1);
        self.skipped += u64::from(!counted);
    }

    /// Whether it is time to hand in: enough is counted for the locks not to matter.
    pub fn is_large(&self) -> bool {
        self.parts.iter().map(|part| part.tokens.text_bytes()).sum::<usize>() > 4 << 20
    }
}

impl TokenCounts {
    /// Takes over what a thread counted and empties its counts.
    pub fn hand_in(&self, local: &mut LocalCounts) {
        let mut skipped = std::mem::take(&mut local.skipped);
        for (part, counted) in self.parts.iter().zip(&mut local.parts) {
            let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
            for (token, &n) in counted.tokens.iter().zip(&counted.counts) {
                if !part.add(token, n) {
                    skipped += n;
                }
            }
            counted.tokens.clear();
            counted.counts.clear();
        }
        self.skipped.fetch_add(skipped, std::sync::atomic::Ordering::Relaxed);
    }

    /// The vocabulary of the most frequent tokens.
    pub fn into_vocabulary(self, spec: &VocabSpec) -> Result<Vocabulary> {
        let mut unknown = self.skipped.into_inner();
        let parts = self.parts.map(|part| part.into_inner().unwrap_or_else(PoisonError::into_inner));
        let mut ranked: Vec<(u64, &str)> = Vec::new();
        for part in &parts {
            for (token, &n) in part.tokens.iter().zip(&part.counts) {
                // A tokenizer's own unknown piece is the unknown token, not a word.
                if n >= spec.min_count && token != UNKNOWN_TOKEN {
                    ranked.push((n, token));
                } else {
                    unknown += n;
                }
            }
        }
        ranked.sort_unstable_by(|(n, token), (m, other)| m.cmp(n).then_with(|| token.cmp(other)));
        unknown += ranked.iter().skip(spec.max_size - 1).map(|(n, _)| n).sum::<u64>();
        ranked.truncate(spec.max_size - 1);
        let tokens: Vec<&str> = std::iter::once(UNKNOWN_TOKEN).chain(ranked.iter().map(|&(_, token)| token)).collect();
        let counts = std::iter::once(unknown).chain(ranked.iter().map(|&(n, _)| n)).collect();
        Vocabulary::new(&tokens, counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocabulary(tokens: &str, min_count: u64, max_size: usize) -> Vocabulary {
        let counts = TokenCounts::default();
        // Handed in in pieces, as threads do.
        for some in tokens.split(" | ") {
            let mut local = LocalCounts::default();
            some.split_whitespace().for_each(|token| local.add(token));
            counts.hand_in(&mut local);
        }
        counts.into_vocabulary(&VocabSpec { min_count, max_size, ..VocabSpec::default() }).unwrap()
    }

    fn pairs(vocabulary: &Vocabulary) -> Vec<(&str, u64)> {
        vocabulary.iter().collect()
    }

    #[test]
    fn tokens_come_by_count_then_text() {
        let vocabulary = vocabulary("b a c | a b d | a", 1, 100);
        assert_eq!(pairs(&vocabulary), [("<unk>", 0), ("a", 3), ("b", 2), ("c", 1), ("d", 1)]);
        assert_eq!((vocabulary.id("a"), vocabulary.id("x"), vocabulary.id("<unk>")), (Some(1), None, Some(UNKNOWN_ID)));
        assert_eq!((vocabulary.token(2), vocabulary.token(9)), (Some("b"), None));
        assert_eq!((vocabulary.count(1), vocabulary.count(9), vocabulary.len()), (Some(3), None, 5));
    }

    #[test]
    fn rare_tokens_and_those_beyond_the_size_count_as_unknown() {
        assert_eq!(pairs(&vocabulary("b a c | a b d | a <unk>", 2, 100)), [("<unk>", 3), ("a", 3), ("b", 2)]);
        assert_eq!(pairs(&vocabulary("b a c | a b d | a", 1, 2)), [("<unk>", 4), ("a", 3)]);
        assert_eq!(pairs(&vocabulary("b a c", 1, 1)), [("<unk>", 3)]);
        assert_eq!(pairs(&vocabulary(&format!("a {}", "x".repeat(300)), 1, 100)), [("<unk>", 1), ("a", 1)]);
        assert_eq!(pairs(&vocabulary("", 1, 100)), [("<unk>", 0)]);
    }

    #[test]
    fn a_saved_vocabulary_is_checked() {
        let vocabulary = vocabulary("好 好 a", 1, 100);
        let json = serde_json::to_string(&vocabulary).unwrap();
        assert_eq!(json, r#"{"tokens":["<unk>","好","a"],"counts":[0,2,1]}"#);
        assert_eq!(serde_json::from_str::<Vocabulary>(&json).unwrap(), vocabulary);
        for (json, problem) in [
            (r#"{"tokens":["<unk>","a","a"],"counts":[0,2,1]}"#, "stands twice"),
            (r#"{"tokens":["<unk>","a"],"counts":[0]}"#, "2 tokens and 1 counts"),
            (r#"{"tokens":["a"],"counts":[0]}"#, "first token"),
            (r#"{"tokens":[],"counts":[]}"#, "first token"),
            (r#"{"tokens":["<unk>"],"counts":[0],"more":1}"#, "unknown field"),
        ] {
            let error = serde_json::from_str::<Vocabulary>(json).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
    }
}
