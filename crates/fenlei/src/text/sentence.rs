//! The tokens of a sentence on their way through the steps that look at more than one of them, or that change them.
//!
//! Invariant: places rise from token to token, and do not overlap before pinyin is added.

use std::ops::Range;

use super::pos::Tag;
use super::segment::is_punctuation;

/// The most tokens that are looked at together. Text without a full stop is cut here, so that a huge document costs no
/// more memory than a long sentence, and reading can stop early.
const MAX_TOKENS: usize = 512;

/// A token.
#[derive(Clone, Debug)]
struct Item {
    /// Where it stands in the cleaned text.
    place: Range<usize>,
    /// Where its form stands in the memory of forms.
    form: Range<usize>,
    tag: Option<Tag>,
    /// Whether it may be a part of a phrase: a word, with nothing left out between it and the token before it.
    joins: Joins,
}

/// How a token stands to the one before it, as far as phrases care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Joins {
    /// It is no word: a mark, a symbol, a mask.
    Never,
    /// It is a word, but something was left out before it.
    NotBack,
    /// It is a word.
    Freely,
}

/// The tokens of a sentence. Memory is used again from sentence to sentence.
#[derive(Debug, Default)]
pub(crate) struct Sentence {
    items: Vec<Item>,
    forms: String,
    /// Memory for the tagger.
    pub words: Vec<String>,
}

impl Sentence {
    /// Forgets the tokens.
    pub fn clear(&mut self) {
        self.items.clear();
        self.forms.clear();
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Appends a token as segmentation gives it. Whether the sentence ends with it.
    pub fn push(&mut self, token: &str, place: Range<usize>) -> bool {
        let start = self.forms.len();
        self.forms.push_str(token);
        let joins = match is_punctuation(token) || token.starts_with('<') {
            true => Joins::Never,
            false => Joins::Freely,
        };
        self.items.push(Item { place, form: start..self.forms.len(), tag: None, joins });
        matches!(token, "." | "!" | "?" | "。" | "！" | "？") || self.len() >= MAX_TOKENS
    }

    /// The text of token `i`.
    pub fn form(&self, i: usize) -> &str {
        &self.forms[self.items[i].form.clone()]
    }

    /// Where token `i` stands in the cleaned text.
    pub fn place(&self, i: usize) -> Range<usize> {
        self.items[i].place.clone()
    }

    /// The part of speech of token `i`, if it was tagged.
    pub fn tag(&self, i: usize) -> Option<Tag> {
        self.items[i].tag
    }

    /// Says what part of speech token `i` is.
    pub fn set_tag(&mut self, i: usize, tag: Tag) {
        self.items[i].tag = Some(tag);
    }

    /// Whether token `i` and the one behind it are words with nothing between them.
    pub fn touches_next(&self, i: usize) -> bool {
        self.items[i].joins != Joins::Never && self.items.get(i + 1).is_some_and(|next| next.joins == Joins::Freely)
    }

    /// Whether token `i` is a word: no mark, symbol or mask.
    pub fn is_word(&self, i: usize) -> bool {
        self.items[i].joins != Joins::Never
    }

    /// Leaves out the tokens that `keep` refuses.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, Option<Tag>) -> bool) {
        let forms = &self.forms;
        let mut gap = false;
        self.items.retain_mut(|item| {
            if !keep(&forms[item.form.clone()], item.tag) {
                gap = true;
                return false;
            }
            if std::mem::take(&mut gap) && item.joins == Joins::Freely {
                item.joins = Joins::NotBack;
            }
            true
        });
    }

    /// Gives tokens another form: what `change` writes behind the form that it is given, if it says that it did.
    pub fn rewrite(&mut self, mut change: impl FnMut(&str, Option<Tag>, &mut String) -> bool) {
        let mut written = String::new();
        for item in &mut self.items {
            written.clear();
            if change(&self.forms[item.form.clone()], item.tag, &mut written) {
                let start = self.forms.len();
                self.forms.push_str(&written);
                item.form = start..self.forms.len();
            }
        }
    }

    /// Puts behind each token another one with the same place, where `echo` writes one.
    pub fn echo(&mut self, mut echo: impl FnMut(&str, &mut String) -> bool) {
        let mut written = String::new();
        let mut with_echoes = Vec::with_capacity(self.items.len() * 2);
        for item in self.items.drain(..) {
            written.clear();
            let echoed = echo(&self.forms[item.form.clone()], &mut written);
            with_echoes.push(item.clone());
            if echoed {
                let start = self.forms.len();
                self.forms.push_str(&written);
                with_echoes.push(Item { form: start..self.forms.len(), ..item });
            }
        }
        self.items = with_echoes;
    }

    /// Makes one token of each pair of neighbours that `is_phrase` accepts, from left to right. A new token has the tag of
    /// its last part, which in both languages is the head more often than not.
    pub fn join(&mut self, delimiter: char, mut is_phrase: impl FnMut(&Self, usize) -> bool) {
        let mut n_kept = 0;
        let mut at = 0;
        while at < self.items.len() {
            if self.touches_next(at) && is_phrase(self, at) {
                let start = self.forms.len();
                let [first, second] = [at, at + 1].map(|i| self.items[i].form.clone());
                self.forms.extend_from_within(first);
                self.forms.push(delimiter);
                self.forms.extend_from_within(second);
                let place = self.items[at].place.start..self.items[at + 1].place.end;
                let item = Item { place, form: start..self.forms.len(), ..self.items[at + 1].clone() };
                let joins = self.items[at].joins;
                self.items[n_kept] = Item { joins, ..item };
                at += 2;
            } else {
                self.items.swap(n_kept, at);
                at += 1;
            }
            n_kept += 1;
        }
        self.items.truncate(n_kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(text: &str) -> Sentence {
        let mut sentence = Sentence::default();
        let mut at = 0;
        for token in text.split(' ') {
            sentence.push(token, at..at + token.len());
            at += token.len() + 1;
        }
        sentence
    }

    fn forms(sentence: &Sentence) -> Vec<&str> {
        (0..sentence.len()).map(|i| sentence.form(i)).collect()
    }

    #[test]
    fn a_full_stop_ends_a_sentence_and_so_do_too_many_tokens() {
        let mut sentence = Sentence::default();
        assert!(!sentence.push("3.5", 0..3));
        assert!(sentence.push("。", 3..6));
        sentence.clear();
        let ended: Vec<bool> = (0..MAX_TOKENS).map(|i| sentence.push("a", i..i + 1)).collect();
        assert_eq!(ended.iter().position(|&ended| ended), Some(MAX_TOKENS - 1));
    }

    #[test]
    fn neighbours_are_joined_from_left_to_right_and_never_over_a_gap() {
        let mut pairs = sentence("new york new york city");
        pairs.join('_', |s, i| s.form(i) == "new" || s.form(i + 1) == "new");
        assert_eq!(forms(&pairs), ["new_york", "new_york", "city"]);
        assert_eq!((pairs.place(0), pairs.place(1), pairs.place(2)), (0..8, 9..17, 18..22));
        let mut with_marks = sentence("new , york <url> bank of china");
        with_marks.retain(|form, _| form != "," && form != "of");
        with_marks.join('_', |_, _| true);
        assert_eq!(forms(&with_marks), ["new", "york", "<url>", "bank", "china"]);
    }

    #[test]
    fn forms_change_and_places_stay() {
        let mut s = sentence("films are fun");
        s.set_tag(0, Tag::Noun);
        s.rewrite(|form, tag, out| {
            out.push_str(form.trim_end_matches('s'));
            tag.is_some()
        });
        s.echo(|form, out| {
            out.push_str("echo");
            form == "are"
        });
        assert_eq!(forms(&s), ["film", "are", "echo", "fun"]);
        assert_eq!((s.place(0), s.place(1), s.place(2)), (0..5, 6..9, 6..9));
    }
}
