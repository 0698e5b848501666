//! Documents as sequences of token ids, each token with the word that it belongs to.

use std::ops::{ControlFlow, Range};

use fenlei_nn::rng;
use rayon::prelude::*;

use crate::text::{HanSegmenter, TokenizerJson, is_han};
use crate::{Error, Result};

/// The word of a token that is no part of any: it marks something, or is unknown, and is never hidden.
pub(super) const NOT_A_WORD: u32 = u32::MAX;

/// Documents that are cut at a time.
const DOCS_AT_ONCE: usize = 1 << 12;

/// Names of the token that hides others, in the families that are known.
const MASKS: [&str; 2] = ["[MASK]", "<mask>"];

/// Names of the token for what is unknown.
const UNKNOWN: [&str; 2] = ["[UNK]", "<unk>"];

/// Sequences one after another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sequences {
    ids: Vec<u32>,
    words: Vec<u32>,
    starts: Vec<usize>,
}

impl Sequences {
    /// How many.
    pub fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Tokens of all.
    pub fn n_tokens(&self) -> usize {
        self.ids.len()
    }

    /// Tokens of one.
    pub fn n_tokens_of(&self, sequence: usize) -> usize {
        self.starts[sequence + 1] - self.starts[sequence]
    }

    /// Token ids of one, and the words that they belong to.
    pub fn get(&self, sequence: usize) -> (&[u32], &[u32]) {
        let range = self.starts[sequence]..self.starts[sequence + 1];
        (&self.ids[range.clone()], &self.words[range])
    }

    fn push(&mut self, ids: &[u32], words: &[u32], around: &[Vec<u32>; 2]) {
        if self.starts.is_empty() {
            self.starts.push(0);
        }
        let [before, behind] = around;
        for part in [before, ids, behind] {
            self.ids.extend_from_slice(part);
        }
        self.words.extend(before.iter().map(|_| NOT_A_WORD));
        self.words.extend_from_slice(words);
        self.words.extend(behind.iter().map(|_| NOT_A_WORD));
        self.starts.push(self.ids.len());
    }

    /// An order of the sequences from a seed, and where each step of at most `max_tokens` tokens, or one sequence, ends in it.
    pub fn steps(&self, max_tokens: usize, seed: u64) -> (Vec<u32>, Vec<usize>) {
        let mut order: Vec<u32> = (0..self.len() as u32).collect();
        rng::shuffle(&mut order, seed);
        let (mut ends, mut n_tokens) = (Vec::new(), 0);
        for (i, &sequence) in order.iter().enumerate() {
            let n = self.n_tokens_of(sequence as usize);
            if n_tokens > 0 && n_tokens + n > max_tokens {
                ends.push(i);
                n_tokens = 0;
            }
            n_tokens += n;
        }
        ends.extend((!order.is_empty()).then_some(order.len()));
        (order, ends)
    }
}

/// Cuts documents into sequences.
pub(super) struct Cutter {
    tokenizer: TokenizerJson,
    han: Option<HanSegmenter>,
    around: [Vec<u32>; 2],
    special: Vec<u32>,
    unknown: Option<u32>,
    /// Tokens of a document in a sequence.
    len: usize,
}

impl Cutter {
    /// A cutter into sequences of at most `max_tokens` tokens.
    ///
    /// # Errors
    /// When the tokenizer cannot be used.
    pub fn new(json: &str, max_tokens: usize, whole_words: bool) -> Result<Self> {
        let tokenizer = TokenizerJson::new(json)?;
        let number = |token: &String| tokenizer.token_to_id(token);
        let around = tokenizer.around().clone().map(|tokens| tokens.iter().filter_map(number).collect::<Vec<u32>>());
        let n_around = around[0].len() + around[1].len();
        let Some(len @ 1..) = max_tokens.checked_sub(n_around) else {
            let problem = format!("found {max_tokens}, but {n_around} tokens stand around each document");
            return Err(Error::config("pretrain.max_tokens", problem, "set a larger number"));
        };
        let han = whole_words.then(|| HanSegmenter::new(true, None, &|word| word.to_owned())).transpose()?;
        let unknown = UNKNOWN.into_iter().find_map(|name| tokenizer.token_to_id(name));
        Ok(Self { special: tokenizer.special_ids(), han, around, unknown, len, tokenizer })
    }

    /// The token that hides others.
    ///
    /// # Errors
    /// When there is none.
    pub fn mask(&self) -> Result<u32> {
        MASKS.into_iter().find_map(|name| self.tokenizer.token_to_id(name)).ok_or_else(|| {
            let problem = format!("the tokenizer has no token to hide others with, expected {}", MASKS.join(" or "));
            Error::config("pretrain.from", problem, "choose a masked language model, or start anew")
        })
    }

    /// Tokens of text, sorted.
    pub fn ordinary(&self) -> Vec<u32> {
        let is_text = |id: &u32| self.special.binary_search(id).is_err() && Some(*id) != self.unknown;
        self.tokenizer.ids().into_iter().filter(is_text).collect()
    }

    /// The sequences of some documents, in their order. Documents without tokens have none.
    pub fn cut(&self, texts: &[&str]) -> Sequences {
        let mut sequences = Sequences { starts: vec![0], ..Sequences::default() };
        for texts in texts.chunks(DOCS_AT_ONCE) {
            let cut: Vec<(Vec<u32>, Vec<u32>)> = texts.par_iter().map(|text| self.tokens(text)).collect();
            for (ids, words) in cut {
                for (ids, words) in ids.chunks(self.len).zip(words.chunks(self.len)) {
                    sequences.push(ids, words, &self.around);
                }
            }
        }
        sequences
    }

    /// The tokens of a document with the numbers of their words.
    fn tokens(&self, text: &str) -> (Vec<u32>, Vec<u32>) {
        let chinese = self.han.as_ref().map(|han| chinese_words(han, text)).unwrap_or_default();
        let mut chinese = chinese.iter().peekable();
        let (mut ids, mut words) = (Vec::new(), Vec::new());
        let (mut word, mut last): (u32, Option<&Range<usize>>) = (0, None);
        self.tokenizer.number(text, |id, begins, range| {
            // A token of bytes may begin with the white space before its word.
            let is_space = text[range.clone()].len() - text[range.clone()].trim_start().len();
            let range = (range.start + is_space).min(range.end)..range.end;
            while chinese.peek().is_some_and(|han| han.end <= range.start) {
                chinese.next();
            }
            let within = chinese.peek().copied().filter(|han| han.start <= range.start && range.end <= han.end);
            let goes_on = match within {
                Some(_) => within == last,
                None => self.han.is_some() && last.is_none() && !begins,
            };
            if !ids.is_empty() && !goes_on {
                word += 1;
            }
            last = within;
            let is_text = self.special.binary_search(&id).is_err() && Some(id) != self.unknown;
            ids.push(id);
            words.push(if is_text { word } else { NOT_A_WORD });
        });
        (ids, words)
    }
}

/// The words of Han characters in a text, as jieba cuts them.
fn chinese_words(han: &HanSegmenter, text: &str) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    if !text.chars().any(is_han) {
        return words;
    }
    let _ = han.segment(text, |range| {
        if text[range.clone()].chars().next().is_some_and(is_han) {
            words.push(range);
        }
        ControlFlow::Continue(())
    });
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces of both languages as those of BERT.
    fn json() -> String {
        let pieces = ["[UNK]", "[CLS]", "[SEP]", "[MASK]", "play", "##ing", "the", "我", "们", "看", "电", "影", "!"];
        let vocab: Vec<String> = pieces.iter().enumerate().map(|(id, piece)| format!("{piece:?}: {id}")).collect();
        let special: Vec<String> = (0..4)
            .map(|id| {
                format!(
                    r#"{{"id": {id}, "content": {:?}, "single_word": false, "lstrip": false, "rstrip": false,
                    "normalized": false, "special": true}}"#,
                    pieces[id]
                )
            })
            .collect();
        format!(
            r###"{{"version": "1.0", "truncation": null, "padding": null, "added_tokens": [{}],
            "normalizer": {{"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                            "strip_accents": null, "lowercase": true}},
            "pre_tokenizer": {{"type": "BertPreTokenizer"}},
            "post_processor": {{"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]}},
            "decoder": null,
            "model": {{"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                       "max_input_chars_per_word": 100, "vocab": {{{}}}}}}}"###,
            special.join(", "),
            vocab.join(", ")
        )
    }

    #[test]
    fn pieces_of_a_word_and_characters_of_a_chinese_word_belong_together() {
        let cut = |whole_words| Cutter::new(&json(), 32, whole_words).unwrap().cut(&["The playing 我们看电影! zebra"]);
        let whole = cut(true);
        assert_eq!(whole.len(), 1);
        let (ids, words) = whole.get(0);
        assert_eq!(ids, [1, 6, 4, 5, 7, 8, 9, 10, 11, 12, 0, 2]);
        let none = NOT_A_WORD;
        assert_eq!(words, [none, 0, 1, 1, 2, 2, 3, 4, 4, 5, none, none]);
        let single = cut(false);
        assert_eq!(single.get(0).1, [none, 0, 1, 2, 3, 4, 5, 6, 7, 8, none, none]);
    }

    #[test]
    fn long_documents_become_several_sequences_and_empty_ones_none() {
        let cutter = Cutter::new(&json(), 5, true).unwrap();
        let sequences = cutter.cut(&["the the the the the the the", "", "play [MASK]"]);
        assert_eq!((sequences.len(), sequences.n_tokens()), (4, 5 + 5 + 3 + 4));
        assert_eq!(sequences.get(2).0, [1, 6, 2]);
        assert_eq!(sequences.get(3), (&[1, 4, 3, 2][..], &[NOT_A_WORD, 0, NOT_A_WORD, NOT_A_WORD][..]));
        assert_eq!(cutter.mask().unwrap(), 3);
        assert_eq!(cutter.ordinary(), (4..13).collect::<Vec<_>>());
        let error = Cutter::new(&json(), 2, true).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("2 tokens stand around"), "{error}");
    }

    #[test]
    fn steps_hold_every_sequence_once_and_few_enough_tokens() {
        let cutter = Cutter::new(&json(), 8, true).unwrap();
        let texts: Vec<String> = (0..50).map(|i| "the ".repeat(1 + i % 6)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let sequences = cutter.cut(&texts);
        let (order, ends) = sequences.steps(20, 7);
        let mut start = 0;
        for &end in &ends {
            let n: usize = order[start..end].iter().map(|&s| sequences.n_tokens_of(s as usize)).sum();
            assert!((1..=20).contains(&n), "{n}");
            start = end;
        }
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..50).collect::<Vec<_>>());
        assert_ne!(order, sequences.steps(20, 8).0);
        assert_eq!(sequences.steps(1, 7).1.len(), 50, "one sequence at least");
    }
}
