//! Tokens that are left out.

use std::sync::Arc;

use super::spec::StopWordsSpec;
use super::token_table::TokenTable;

/// The tokens that are left out, in the form that documents have after cleaning.
#[derive(Clone, Debug, Default)]
pub(crate) struct StopWords {
    words: Arc<TokenTable>,
}

impl StopWords {
    /// The lists that `spec` names, with the lines of `file`, the content of its own file. `clean` is what documents go
    /// through: a list says `Don't`, the cleaned text `don't`. The languages were checked before.
    pub fn new(spec: &StopWordsSpec, file: Option<&str>, clean: &dyn Fn(&str) -> String) -> Self {
        let lists = spec.languages.iter().filter_map(|code| stop_words::lookup(code.as_str())).flatten().copied();
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
        let spec = StopWordsSpec { languages: vec!["en".to_owned(), "zh".to_owned()], file: None };
        let stop = StopWords::new(&spec, Some("\u{FEFF}Movie\r\n\n  film \nthe\n"), &|word| word.to_lowercase());
        for word in ["the", "我们", "movie", "film"] {
            assert!(stop.contains(word), "{word}");
        }
        for word in ["Movie", "excellent", "电影", ""] {
            assert!(!stop.contains(word), "{word}");
        }
        let sorted: Vec<_> = stop.iter().collect();
        assert!(sorted.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn no_list_leaves_nothing_out() {
        assert!(!StopWords::new(&StopWordsSpec::default(), None, &str::to_owned).contains("the"));
    }
}
