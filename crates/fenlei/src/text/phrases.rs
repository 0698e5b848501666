//! Phrases: neighbours that stand together far more often than by chance become one token (`new york` → `new_york`).
//!
//! The score of a pair is that of word2phrase (Mikolov et al. 2013, "Distributed representations of words and phrases
//! and their compositionality", section 4), or normalised pointwise mutual information (Bouma 2009).

mod count;

use std::sync::Arc;

use hashbrown::HashTable;
use serde::{Deserialize, Serialize};

use super::sentence::Sentence;
use super::token_table::TokenTable;
use crate::error::{Error, Result};

pub(crate) use self::count::{LocalPairs, PairCounts};

/// Stands between the parts of a phrase.
pub const PHRASE_MARK: char = '_';

/// Which neighbours become one token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PhrasesSpec {
    /// How often neighbours are joined; each pass joins what the one before made, so that phrases of up to 2ⁿ words come
    /// out of n passes. Default: 0, no phrases.
    pub passes: usize,
    /// How pairs are scored. Default: `pmi`.
    pub score: PhraseScore,
    /// The score above which a pair is a phrase. Default: 10 for `pmi`, 0.5 for `npmi`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// How often a pair and its parts must stand in the training part; for `pmi` also what is taken off the count of the
    /// pair, against pairs of rare words. Default: 5.
    pub min_count: u64,
    /// The most pairs that are counted at a time. Beyond that the rare ones are forgotten. Default: 5,000,000.
    pub max_pairs: usize,
}

impl Default for PhrasesSpec {
    fn default() -> Self {
        Self { passes: 0, score: PhraseScore::Pmi, threshold: None, min_count: 5, max_pairs: 5_000_000 }
    }
}

/// How the pair of `a` and `b` is scored, of `n` words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PhraseScore {
    /// `(count(ab) − min_count) · n / (count(a) · count(b))`: how many times as often as by chance.
    #[default]
    Pmi,
    /// `ln(p(ab) / (p(a) · p(b))) / −ln p(ab)`: from −1, never together, to 1, always together.
    Npmi,
}

/// How often things stand in the training part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted {
    pub pair: u64,
    pub first: u64,
    pub second: u64,
    pub n_words: u64,
}

impl PhrasesSpec {
    /// The score of a pair.
    pub(crate) fn score_of(&self, counted: Counted) -> f64 {
        let Counted { pair, first, second, n_words } = counted;
        let [pair, first, second, n] = [pair, first, second, n_words].map(|count| count as f64);
        match self.score {
            PhraseScore::Pmi => (pair - self.min_count as f64) / first / second * n,
            PhraseScore::Npmi => ((pair / n) / ((first / n) * (second / n))).ln() / -(pair / n).ln(),
        }
    }

    /// The score above which a pair is a phrase.
    pub(crate) fn limit(&self) -> f64 {
        self.threshold.unwrap_or(match self.score {
            PhraseScore::Pmi => 10.0,
            PhraseScore::Npmi => 0.5,
        })
    }
}

/// The phrases of every pass.
#[derive(Clone, Debug, Default)]
pub(crate) struct Phrases {
    passes: Arc<[Pairs]>,
}

/// The pairs that one pass joins.
#[derive(Clone, Debug, Default)]
struct Pairs {
    words: TokenTable,
    /// Pairs of numbers of `words`.
    pairs: HashTable<(u32, u32)>,
    /// The same in the order of their text.
    sorted: Vec<(u32, u32)>,
}

fn spread((first, second): (u32, u32)) -> u64 {
    let z = (u64::from(first) << 32 | u64::from(second)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z ^ (z >> 32)
}

impl Pairs {
    /// Pairs in ascending order.
    fn new(pairs: &[[String; 2]]) -> Result<Self> {
        let mut made = Self::default();
        for [first, second] in pairs {
            let number = |words: &mut TokenTable, word: &str| words.insert(word).map_or(0, |(number, _)| number);
            let pair = (number(&mut made.words, first), number(&mut made.words, second));
            made.sorted.push(pair);
            made.pairs.insert_unique(spread(pair), pair, |&pair| spread(pair));
        }
        if !pairs.is_sorted_by(|one, next| one < next) {
            let help = "the saved pipeline was changed by hand; fit it again";
            return Err(Error::config("phrases", "found pairs out of order, expected each once and sorted", help));
        }
        Ok(made)
    }

    fn contains(&self, first: &str, second: &str) -> bool {
        let Some(first) = self.words.find(first) else { return false };
        let Some(second) = self.words.find(second) else { return false };
        self.pairs.find(spread((first, second)), |&pair| pair == (first, second)).is_some()
    }
}

impl Phrases {
    /// The pairs of each pass, in ascending order.
    ///
    /// # Errors
    /// Another order, or a pair that stands twice.
    pub fn new(passes: &[Vec<[String; 2]>]) -> Result<Self> {
        Ok(Self { passes: passes.iter().map(|pairs| Pairs::new(pairs)).collect::<Result<_>>()? })
    }

    /// The same, with the pairs of one more pass.
    pub fn with_pass(&self, pairs: &[[String; 2]]) -> Result<Self> {
        Ok(Self { passes: self.passes.iter().cloned().map(Ok).chain([Pairs::new(pairs)]).collect::<Result<_>>()? })
    }

    /// How many passes there are.
    pub fn n_passes(&self) -> usize {
        self.passes.len()
    }

    /// The pairs of each pass, as they are saved.
    pub fn to_saved(&self) -> Vec<Vec<[String; 2]>> {
        let word = |pairs: &Pairs, number: u32| pairs.words.get(number as usize).unwrap_or_default().to_owned();
        let saved = |pairs: &Pairs| pairs.sorted.iter().map(|&(a, b)| [word(pairs, a), word(pairs, b)]).collect();
        self.passes.iter().map(saved).collect()
    }

    /// Joins the phrases of a sentence.
    pub fn join(&self, sentence: &mut Sentence) {
        for pairs in self.passes.iter().filter(|pairs| !pairs.sorted.is_empty()) {
            sentence.join(PHRASE_MARK, |sentence, i| pairs.contains(sentence.form(i), sentence.form(i + 1)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{PipelineSpec, SegmentMode};

    #[test]
    fn scores_follow_their_formulas() {
        let counted = Counted { pair: 20, first: 40, second: 30, n_words: 1000 };
        let pmi = PhrasesSpec::default();
        assert!((pmi.score_of(counted) - 15.0 * 1000.0 / 1200.0).abs() < 1e-12);
        let npmi = PhrasesSpec { score: PhraseScore::Npmi, ..PhrasesSpec::default() };
        assert!((npmi.score_of(counted) - (0.02f64 / (0.04 * 0.03)).ln() / -(0.02f64.ln())).abs() < 1e-12);
        assert_eq!((pmi.limit(), npmi.limit()), (10.0, 0.5));
    }

    #[derive(Deserialize)]
    struct Golden {
        documents: Vec<String>,
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        score: PhraseScore,
        threshold: f64,
        min_count: u64,
        passes: usize,
        phrases: Vec<Vec<[String; 2]>>,
        joined: Vec<String>,
    }

    #[test]
    fn finds_and_joins_what_gensim_does() {
        let golden: Golden = serde_json::from_str(include_str!("../../testdata/phrases_golden.json")).unwrap();
        for Case { score, threshold, min_count, passes, phrases, joined } in golden.cases {
            let mut spec = PipelineSpec::default();
            spec.segment.mode = SegmentMode::Jieba;
            let threshold = Some(threshold);
            spec.phrases = PhrasesSpec { passes, score, threshold, min_count, ..PhrasesSpec::default() };
            let pipeline = spec.fit(&golden.documents).unwrap();
            let saved = serde_json::to_value(&pipeline).unwrap();
            assert_eq!(saved["phrases"], serde_json::to_value(&phrases).unwrap());
            for (document, expected) in golden.documents.iter().zip(joined) {
                let tokens = pipeline.stages(document).finished.into_iter().map(|token| token.text);
                assert_eq!(tokens.collect::<Vec<_>>().join(" "), expected);
            }
        }
    }

    #[test]
    fn few_pairs_in_memory_still_find_the_frequent_ones() {
        let rare = (0..3000).map(|i| format!("w{} w{} new york", i % 50, i % 47));
        let texts: Vec<String> = rare.collect();
        let phrases = PhrasesSpec { passes: 1, max_pairs: 10, threshold: Some(2.0), ..PhrasesSpec::default() };
        let spec = PipelineSpec { phrases, ..PipelineSpec::default() };
        let pipeline = spec.fit(&texts).unwrap();
        assert!(pipeline.vocab().id("new_york").is_some());
        let saved = serde_json::to_value(&pipeline).unwrap();
        assert_eq!(saved["phrases"], serde_json::json!([[["new", "york"]]]));
    }

    #[test]
    fn saved_pairs_are_checked() {
        let pair = |a: &str, b: &str| [a.to_owned(), b.to_owned()];
        let passes = vec![vec![pair("a", "b"), pair("a", "c")], vec![]];
        let phrases = Phrases::new(&passes).unwrap();
        assert_eq!((phrases.to_saved(), phrases.n_passes()), (passes, 2));
        for wrong in [vec![pair("a", "c"), pair("a", "b")], vec![pair("a", "b"), pair("a", "b")]] {
            assert!(Phrases::new(&[wrong]).unwrap_err().to_string().contains("out of order"));
        }
    }
}
