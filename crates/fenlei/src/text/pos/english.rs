//! Parts of speech of English words: Eric Brill's tagger with the lexicon and the rules of the crate `harper-brill`.
//!
//! A word starts with its most frequent tag; rules that look at its neighbours then change it (Brill 1992, "A simple
//! rule-based part of speech tagger"). Words that the lexicon lacks start with a guess by their ending, as Brill's did.

use std::collections::HashMap;
use std::sync::OnceLock;

use foldhash::fast::FixedState;
use harper_brill::{BrillTagger, Tagger as _, UPOS, brill_tagger};
use serde::Deserialize;

use super::shape::tag_by_shape;
use super::tag::Tag;

/// Most frequent tags of words in lower case, with guesses for words that it lacks.
#[derive(Deserialize, Default)]
struct Lexicon {
    mapping: HashMap<String, UPOS, FixedState>,
}

/// What English words end with, and what such words mostly are. The first that fits counts.
const ENDINGS: [(&str, UPOS); 14] = [
    ("ly", UPOS::ADV),
    ("ing", UPOS::VERB),
    ("ed", UPOS::VERB),
    ("ize", UPOS::VERB),
    ("ise", UPOS::VERB),
    ("ify", UPOS::VERB),
    ("ous", UPOS::ADJ),
    ("ful", UPOS::ADJ),
    ("less", UPOS::ADJ),
    ("able", UPOS::ADJ),
    ("ible", UPOS::ADJ),
    ("ish", UPOS::ADJ),
    ("ive", UPOS::ADJ),
    ("ic", UPOS::ADJ),
];

/// What is left of a word that was drawn together with the next: `don't`, `it's`, `they're`.
const CLITICS: [&str; 7] = ["n't", "'s", "'re", "'ve", "'ll", "'d", "'m"];

impl Lexicon {
    fn tag(&self, word: &str) -> Option<UPOS> {
        let lower;
        let word = if word.chars().any(char::is_uppercase) {
            lower = word.to_lowercase();
            &lower
        } else {
            word
        };
        let known = |word: &str| self.mapping.get(word).copied();
        known(word).or_else(|| {
            let straight;
            let word = if word.contains('’') {
                straight = word.replace('’', "'");
                &straight
            } else {
                word
            };
            let first = CLITICS.iter().find_map(|clitic| word.strip_suffix(clitic)).filter(|first| !first.is_empty());
            if let Some(first) = first {
                return known(first).or(Some(UPOS::NOUN));
            }
            match tag_by_shape(word) {
                Some(Tag::Num) => Some(UPOS::NUM),
                Some(Tag::Punct) => Some(UPOS::PUNCT),
                Some(Tag::Sym) => Some(UPOS::SYM),
                Some(_) => None,
                None => Some(
                    ENDINGS
                        .iter()
                        .find(|(end, _)| word.len() > end.len() + 2 && word.ends_with(end))
                        .map_or(UPOS::NOUN, |e| e.1),
                ),
            }
        })
    }
}

impl harper_brill::Tagger for Lexicon {
    fn tag_sentence(&self, sentence: &[String]) -> Vec<Option<UPOS>> {
        sentence.iter().map(|word| self.tag(word)).collect()
    }
}

/// The tagger, which loads when the first English sentence comes.
#[derive(Default)]
pub(super) struct English {
    tagger: OnceLock<BrillTagger<Lexicon>>,
}

impl English {
    fn tagger(&self) -> &BrillTagger<Lexicon> {
        self.tagger.get_or_init(|| {
            // The crate's tagger with our lexicon around its words: the same value, read as another type.
            let json = serde_json::to_vec(&*brill_tagger()).unwrap_or_default();
            serde_json::from_slice(&json).unwrap_or_else(|_| BrillTagger::new(Lexicon::default()))
        })
    }

    /// The tags of the words of a sentence.
    pub fn tag(&self, sentence: &[String], mut sink: impl FnMut(usize, Tag)) {
        for (i, tag) in self.tagger().tag_sentence(sentence).into_iter().enumerate() {
            sink(i, tag.map_or_else(|| tag_by_shape(&sentence[i]).unwrap_or(Tag::X), of_upos));
        }
    }
}

fn of_upos(tag: UPOS) -> Tag {
    match tag {
        UPOS::ADJ => Tag::Adj,
        UPOS::ADP => Tag::Adp,
        UPOS::ADV => Tag::Adv,
        UPOS::AUX => Tag::Aux,
        UPOS::CCONJ => Tag::Cconj,
        UPOS::DET => Tag::Det,
        UPOS::INTJ => Tag::Intj,
        UPOS::NOUN => Tag::Noun,
        UPOS::NUM => Tag::Num,
        UPOS::PART => Tag::Part,
        UPOS::PRON => Tag::Pron,
        UPOS::PROPN => Tag::Propn,
        UPOS::PUNCT => Tag::Punct,
        UPOS::SCONJ => Tag::Sconj,
        UPOS::SYM => Tag::Sym,
        UPOS::VERB => Tag::Verb,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(sentence: &str) -> String {
        let words: Vec<String> = sentence.split(' ').map(str::to_owned).collect();
        let mut tags = vec![""; words.len()];
        English::default().tag(&words, |i, tag| tags[i] = tag.name());
        tags.join(" ")
    }

    #[test]
    fn words_are_tagged_by_their_neighbours() {
        assert_eq!(tags("the film was not bad ."), "DET NOUN AUX PART ADJ PUNCT");
        assert_eq!(tags("a strange play"), "DET ADJ NOUN");
        assert_eq!(tags("they want to play"), "PRON VERB PART VERB");
    }

    #[test]
    fn the_lexicon_and_the_rules_are_those_of_the_crate() {
        let sentence: Vec<String> = "the old man who runs the shop that i like said that he will close it"
            .split(' ')
            .map(str::to_owned)
            .collect();
        let mut ours = Vec::new();
        English::default().tag(&sentence, |_, tag| ours.push(Some(tag)));
        let theirs: Vec<_> = brill_tagger().tag_sentence(&sentence).into_iter().map(|tag| tag.map(of_upos)).collect();
        assert_eq!(ours, theirs);
    }

    #[test]
    fn unknown_words_are_guessed() {
        assert_eq!(tags("zorbly"), "ADV");
        assert_eq!(tags("zorbous"), "ADJ");
        assert_eq!(tags("zorb"), "NOUN");
        assert_eq!(tags("1931987 ⁂ 👍 <number> <url> этот"), "NUM PUNCT SYM NUM X X");
        assert_eq!(tags("they don't"), "PRON AUX");
        assert_eq!(tags("they don’t"), "PRON AUX");
    }
}
