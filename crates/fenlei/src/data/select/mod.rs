//! Which documents are kept: long enough, in the right language, and not there already.
//!
//! Invariant: every document that is dropped is counted under one [`Reason`], the first that holds.
//! Invariant: the choice depends on the documents and their order alone, never on threads or hash maps.

mod language;
mod minhash;
mod near;
mod shingles;

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::options::unknown;
use crate::{Error, Result};
pub(crate) use language::language_of;
use near::NearIndex;

/// Which repeated documents are dropped. The first of them is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dedup {
    /// Nearly the same: the Jaccard similarity of their shingles, estimated by MinHash, reaches a threshold.
    Near,
    /// The same up to white space.
    Exact,
    /// None.
    #[default]
    None,
}

impl Dedup {
    /// Every choice.
    pub const ALL: [Self; 3] = [Self::Near, Self::Exact, Self::None];

    /// The name in configurations and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Near => "near",
            Self::Exact => "exact",
            Self::None => "none",
        }
    }
}

impl FromStr for Dedup {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|choice| choice.name() == name);
        found.ok_or_else(|| unknown("dedup", name, &Self::ALL.map(Self::name)))
    }
}

/// What a document must be to be kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Selection {
    /// At least so many characters that are not white space.
    pub min_chars: usize,
    /// In one of these languages, by their ISO 639 codes (`zh`, `en`, also `cmn`, `eng`); any if empty.
    pub languages: Vec<String>,
    /// Which repeated documents are dropped.
    pub dedup: Dedup,
    /// From which Jaccard similarity on documents are near-duplicates, from 0.1 to 1.
    pub similarity: f64,
}

impl Default for Selection {
    fn default() -> Self {
        Self { min_chars: 0, languages: Vec::new(), dedup: Dedup::None, similarity: 0.8 }
    }
}

impl Selection {
    /// What suits pages as they come from a crawl, where nothing else is asked for.
    pub fn of_crawl() -> Self {
        Self { min_chars: 50, dedup: Dedup::Near, ..Self::default() }
    }
}

/// Why a document was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Reason {
    /// Fewer characters than asked for.
    TooShort,
    /// Too little text to tell the language.
    UnknownLanguage,
    /// In a language that was not asked for.
    OtherLanguage,
    /// The same text stood before.
    Repeated,
    /// Nearly the same text stood before.
    NearDuplicate,
}

impl Reason {
    const ALL: [Self; 5] =
        [Self::TooShort, Self::UnknownLanguage, Self::OtherLanguage, Self::Repeated, Self::NearDuplicate];
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::TooShort => "too short",
            Self::UnknownLanguage => "too little text to tell the language",
            Self::OtherLanguage => "in another language",
            Self::Repeated => "repeated",
            Self::NearDuplicate => "nearly the same as an earlier one",
        })
    }
}

/// How many documents were dropped for a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Dropped {
    /// Why.
    pub reason: Reason,
    /// How many.
    pub count: u64,
}

/// Judges documents one after the other. Keeps of each that it lets through only what later ones are compared with.
pub(crate) struct Selector {
    selection: Selection,
    /// Two-letter codes, as [`language_of`] gives them.
    languages: Vec<&'static str>,
    seen: HashSet<u128>,
    near: Option<NearIndex>,
    counts: [u64; Reason::ALL.len()],
}

impl Selector {
    /// # Errors
    /// [`Error::Config`] for a language that cannot be told or a similarity out of range.
    pub(crate) fn new(selection: Selection) -> Result<Self> {
        let languages = selection.languages.iter().map(|code| language::by_code(code)).collect::<Result<_>>()?;
        if !(0.1..=1.0).contains(&selection.similarity) {
            let problem = format!("found {}, expected a similarity from 0.1 to 1", selection.similarity);
            return Err(Error::config("similarity", problem, "0.8 is usual"));
        }
        let near = (selection.dedup == Dedup::Near).then(|| NearIndex::new(selection.similarity));
        Ok(Self { selection, languages, seen: HashSet::new(), near, counts: [0; Reason::ALL.len()] })
    }

    /// Whether nothing is asked of documents.
    pub(crate) fn keeps_all(&self) -> bool {
        self.selection.min_chars == 0 && self.languages.is_empty() && self.selection.dedup == Dedup::None
    }

    /// Whether a document is kept. `language` is that of [`language_of`], if the caller knows it already.
    pub(crate) fn keeps(&mut self, text: &str, language: Option<&str>) -> bool {
        let reason = self.judge(text, language);
        if let Some(reason) = reason {
            self.counts[reason as usize] += 1;
        }
        reason.is_none()
    }

    /// What was dropped, by reason.
    pub(crate) fn dropped(&self) -> Vec<Dropped> {
        let all = Reason::ALL.into_iter().map(|reason| Dropped { reason, count: self.counts[reason as usize] });
        all.filter(|dropped| dropped.count > 0).collect()
    }

    fn judge(&mut self, text: &str, language: Option<&str>) -> Option<Reason> {
        let min_chars = self.selection.min_chars;
        if min_chars > 0 && text.chars().filter(|c| !c.is_whitespace()).nth(min_chars - 1).is_none() {
            return Some(Reason::TooShort);
        }
        if !self.languages.is_empty() {
            match language.map_or_else(|| language_of(text), Some) {
                None | Some("") => return Some(Reason::UnknownLanguage),
                Some(language) if !self.languages.contains(&language) => return Some(Reason::OtherLanguage),
                Some(_) => {}
            }
        }
        if self.selection.dedup != Dedup::None && !self.seen.insert(fingerprint(text)) {
            return Some(Reason::Repeated);
        }
        if self.near.as_mut().is_some_and(|near| near.holds_or_insert(text)) {
            return Some(Reason::NearDuplicate);
        }
        None
    }
}

/// Half of the SHA-256 of the words of a text: alike up to white space.
fn fingerprint(text: &str) -> u128 {
    let mut hash = Sha256::new();
    for word in text.split_whitespace() {
        hash.update(word.as_bytes());
        hash.update(b" ");
    }
    let mut half = [0; 16];
    half.copy_from_slice(&hash.finalize()[..16]);
    u128::from_le_bytes(half)
}

/// Each text that is nearly the same as an earlier one, with that one: the Jaccard similarity of their shingles, as MinHash
/// estimates it, is at least `similarity` (0.1 to 1). Of a group, all are told beside its first.
pub fn near_duplicates(texts: &[String], similarity: f64) -> Vec<(usize, usize)> {
    let (mut index, mut inserted, mut pairs) = (NearIndex::new(similarity), Vec::new(), Vec::new());
    for (document, text) in texts.iter().enumerate() {
        match index.find(text) {
            Some(earlier) => pairs.push((document, inserted[earlier as usize])),
            None => inserted.extend(index.insert_last().map(|_| document)),
        }
    }
    pairs
}

/// Each of `texts` that is nearly the same as one of `known`, with that one.
pub fn near_duplicates_of(known: &[String], texts: &[String], similarity: f64) -> Vec<(usize, usize)> {
    let (mut index, mut inserted) = (NearIndex::new(similarity), Vec::new());
    for (document, text) in known.iter().enumerate() {
        if index.find(text).is_none() {
            inserted.extend(index.insert_last().map(|_| document));
        }
    }
    let pairs = texts.iter().enumerate();
    pairs.filter_map(|(document, text)| Some((document, inserted[index.find(text)? as usize]))).collect()
}

#[cfg(test)]
mod tests;
