//! Tokens that are left out.

use std::collections::BTreeMap;
use std::sync::Arc;

use whatlang::Lang;

use super::token_table::TokenTable;

/// In a specification: the languages of the training documents.
pub(crate) const AUTO: &str = "auto";

/// Documents, the first ones, that are looked at to tell their languages.
const SAMPLE_DOCS: usize = 5000;

/// Bytes of each that are looked at.
const SAMPLE_BYTES: usize = 1000;

/// In which languages documents are written.
#[derive(Debug, Default)]
pub(crate) struct LanguageCounts {
    n_docs: usize,
    counts: BTreeMap<&'static str, usize>,
}

impl LanguageCounts {
    /// Looks at a document, if enough have not been looked at before.
    pub fn add(&mut self, text: &str) {
        self.n_docs += 1;
        if self.n_docs > SAMPLE_DOCS {
            return;
        }
        let mut end = text.len().min(SAMPLE_BYTES);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        // Short texts are often taken for a neighbouring language: only what is certain counts.
        if let Some(info) = whatlang::detect(&text[..end]).filter(whatlang::Info::is_reliable)
            && let Some(code) = two_letters(info.lang())
        {
            *self.counts.entry(code).or_default() += 1;
        }
    }

    /// The languages, by their ISO 639-1 code, for which there is a list: those of a tenth of the documents or more whose
    /// language can be told, and the most frequent one. In alphabetical order.
    pub fn languages(self) -> Vec<String> {
        let total: usize = self.counts.values().sum();
        let most = self.counts.values().copied().max().unwrap_or_default();
        let is_kept = |n: usize| n * 10 >= total || n == most;
        self.counts.into_iter().filter(|&(_, n)| is_kept(n)).map(|(code, _)| code.to_owned()).collect()
    }
}

/// The code of a language for which there is a list.
fn two_letters(language: Lang) -> Option<&'static str> {
    let code = match language {
        Lang::Ara => "ar",
        Lang::Bul => "bg",
        Lang::Cat => "ca",
        Lang::Ces => "cs",
        Lang::Cmn => "zh",
        Lang::Dan => "da",
        Lang::Deu => "de",
        Lang::Ell => "el",
        Lang::Eng => "en",
        Lang::Fin => "fi",
        Lang::Fra => "fr",
        Lang::Heb => "he",
        Lang::Hin => "hi",
        Lang::Hun => "hu",
        Lang::Ind => "id",
        Lang::Ita => "it",
        Lang::Jpn => "ja",
        Lang::Kor => "ko",
        Lang::Nld => "nl",
        Lang::Nob => "no",
        Lang::Pes => "fa",
        Lang::Pol => "pl",
        Lang::Por => "pt",
        Lang::Ron => "ro",
        Lang::Rus => "ru",
        Lang::Spa => "es",
        Lang::Swe => "sv",
        Lang::Tha => "th",
        Lang::Tur => "tr",
        Lang::Ukr => "uk",
        Lang::Vie => "vi",
        _ => return None,
    };
    stop_words::lookup(code).map(|_| code)
}

/// The tokens that are left out, in the form that documents have after cleaning.
#[derive(Clone, Debug, Default)]
pub(crate) struct StopWords {
    words: Arc<TokenTable>,
}

impl StopWords {
    /// The lists of the named languages, with the lines of `file`, the content of the user's own file. `clean` is what
    /// documents go through: a list says `Don't`, the cleaned text `don't`. The languages were checked before.
    pub fn new(languages: &[String], file: Option<&str>, clean: &dyn Fn(&str) -> String) -> Self {
        let lists = languages.iter().filter_map(|code| stop_words::lookup(code.as_str())).flatten().copied();
        let own = file.unwrap_or_default().trim_start_matches('\u{FEFF}').lines();
        Self::of(lists.chain(own).map(|word| clean(word.trim())).collect())
    }

    /// From words that were cleaned before.
    pub fn of(mut words: Vec<String>) -> Self {
        words.retain(|word| !word.is_empty());
        words.sort_unstable();
        words.dedup();
        let mut table = TokenTable::with_capacity(words.len());
        for word in &words {
            table.insert(word);
        }
        Self { words: Arc::new(table) }
    }

    /// Whether `token` is left out.
    #[inline]
    pub fn contains(&self, token: &str) -> bool {
        self.words.len() > 0 && self.words.find(token).is_some()
    }

    /// The words in ascending order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.words.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_an_own_file_are_joined_and_cleaned() {
        let languages = ["en".to_owned(), "zh".to_owned()];
        let stop = StopWords::new(&languages, Some("\u{FEFF}Movie\r\n\n  film \nthe\n"), &|word| word.to_lowercase());
        for word in ["the", "我们", "movie", "film"] {
            assert!(stop.contains(word), "{word}");
        }
        for word in ["Movie", "excellent", "电影", ""] {
            assert!(!stop.contains(word), "{word}");
        }
        let sorted: Vec<_> = stop.iter().collect();
        assert!(sorted.windows(2).all(|pair| pair[0] < pair[1]));
    }

    fn languages_of(texts: &[&str]) -> Vec<String> {
        let mut counts = LanguageCounts::default();
        texts.iter().for_each(|text| counts.add(text));
        counts.languages()
    }

    #[test]
    fn languages_are_told_from_the_documents() {
        let english = "this was one of the best films that i have seen in a long time, and i would see it again";
        let chinese = "这是我很久以来看过的最好的电影之一";
        assert_eq!(languages_of(&[english]), ["en"]);
        assert_eq!(languages_of(&[chinese]), ["zh"]);
        assert_eq!(languages_of(&[english, chinese]), ["en", "zh"]);
        let mostly: Vec<&str> = std::iter::repeat_n(english, 20).chain([chinese]).collect();
        assert_eq!(languages_of(&mostly), ["en"]);
        assert_eq!(languages_of(&["", "12345"]), [""; 0]);
        assert_eq!(languages_of(&[]), [""; 0]);
    }

    #[test]
    fn an_empty_file_leaves_nothing_out() {
        for file in ["", "\u{FEFF}", "\n\n  \n"] {
            assert_eq!(StopWords::new(&[], Some(file), &str::to_owned).iter().len(), 0);
        }
    }

    #[test]
    fn no_list_leaves_nothing_out() {
        assert!(!StopWords::new(&[], None, &str::to_owned).contains("the"));
    }
}
