//! Stemming: the part of a word that its inflected forms share, by the Snowball algorithms.

use std::borrow::Cow;

use rust_stemmers::{Algorithm, Stemmer as Snowball};
use serde::{Deserialize, Serialize};

/// Longer tokens are no words.
const MAX_BYTES: usize = 64;

/// The language whose words are stemmed, by its ISO 639-1 code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stem {
    /// None: words stay as they are.
    #[default]
    None,
    /// Arabic.
    Ar,
    /// Danish.
    Da,
    /// German.
    De,
    /// Greek.
    El,
    /// English.
    En,
    /// Spanish.
    Es,
    /// Finnish.
    Fi,
    /// French.
    Fr,
    /// Hungarian.
    Hu,
    /// Italian.
    It,
    /// Dutch.
    Nl,
    /// Norwegian.
    No,
    /// Portuguese.
    Pt,
    /// Romanian.
    Ro,
    /// Russian.
    Ru,
    /// Swedish.
    Sv,
    /// Tamil.
    Ta,
    /// Turkish.
    Tr,
}

/// Stems words of one language.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stemmer {
    algorithm: Algorithm,
}

impl Stemmer {
    /// The stemmer of a language; `None` where nothing is to be stemmed.
    pub fn new(stem: Stem) -> Option<Self> {
        let algorithm = match stem {
            Stem::None => return None,
            Stem::Ar => Algorithm::Arabic,
            Stem::Da => Algorithm::Danish,
            Stem::De => Algorithm::German,
            Stem::El => Algorithm::Greek,
            Stem::En => Algorithm::English,
            Stem::Es => Algorithm::Spanish,
            Stem::Fi => Algorithm::Finnish,
            Stem::Fr => Algorithm::French,
            Stem::Hu => Algorithm::Hungarian,
            Stem::It => Algorithm::Italian,
            Stem::Nl => Algorithm::Dutch,
            Stem::No => Algorithm::Norwegian,
            Stem::Pt => Algorithm::Portuguese,
            Stem::Ro => Algorithm::Romanian,
            Stem::Ru => Algorithm::Russian,
            Stem::Sv => Algorithm::Swedish,
            Stem::Ta => Algorithm::Tamil,
            Stem::Tr => Algorithm::Turkish,
        };
        Some(Self { algorithm })
    }

    /// The stem of `word`. Tokens that hold anything but letters of the language's script and apostrophes stay as they
    /// are: Chinese words, numbers, marks, masks.
    pub fn stem<'w>(&self, word: &'w str) -> Cow<'w, str> {
        if word.len() > MAX_BYTES || !word.chars().all(|c| self.is_letter(c)) {
            return Cow::Borrowed(word);
        }
        Snowball::create(self.algorithm).stem(word)
    }

    fn is_letter(&self, c: char) -> bool {
        match self.algorithm {
            Algorithm::Arabic => matches!(c, '\u{600}'..='\u{6FF}'),
            Algorithm::Greek => matches!(c, '\u{370}'..='\u{3FF}' | '\u{1F00}'..='\u{1FFF}'),
            Algorithm::Russian => matches!(c, '\u{400}'..='\u{4FF}'),
            Algorithm::Tamil => matches!(c, '\u{B80}'..='\u{BFF}'),
            _ => matches!(c, 'a'..='z' | 'A'..='Z' | '\'' | 'À'..='\u{24F}'),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all() -> impl Iterator<Item = Stemmer> {
        let codes = "ar da de el en es fi fr hu it nl no pt ro ru sv ta tr";
        codes.split(' ').filter_map(|code| Stemmer::new(serde_json::from_str(&format!("\"{code}\"")).unwrap()))
    }

    #[test]
    fn inflected_forms_share_a_stem() {
        let english = Stemmer::new(Stem::En).unwrap();
        for (word, stem) in
            [("films", "film"), ("loving", "love"), ("loved", "love"), ("happily", "happili"), ("actor's", "actor")]
        {
            assert_eq!(english.stem(word), stem);
        }
        assert_eq!(Stemmer::new(Stem::De).unwrap().stem("häuser"), "haus");
        assert_eq!(Stemmer::new(Stem::Ru).unwrap().stem("книги"), "книг");
        assert!(Stemmer::new(Stem::None).is_none());
        assert_eq!(all().count(), 18);
    }

    #[test]
    fn tokens_of_other_scripts_stay() {
        let english = Stemmer::new(Stem::En).unwrap();
        for token in ["电影", "3.5s", "<urls>", "книги", "iphones手机", "a_s", "👍"] {
            assert_eq!(english.stem(token), token);
        }
        let long = "s".repeat(100);
        assert_eq!(english.stem(&long), long);
    }

    proptest! {
        #[test]
        fn any_word_of_any_script_has_a_stem(
            word in "[a-zA-Z']{0,12}|[à-ɏ'a-z]{0,12}|[\u{370}-\u{3FF}\u{1F00}-\u{1FFF}]{0,12}|[\u{400}-\u{4FF}]{0,12}|[\u{600}-\u{6FF}]{0,12}|[\u{B80}-\u{BFF}]{0,12}"
        ) {
            for stemmer in all() {
                prop_assert!(stemmer.stem(&word).len() <= word.len() + 8);
            }
        }
    }
}
