//! A document as its words and what stands between them, so that words can be moved and the rest stays as it is.

use std::borrow::Cow;

use crate::text::{is_han, is_kana};

/// A word, a mark, or a stretch that nothing may change, with what stands before it.
#[derive(Debug, Clone)]
pub(super) struct Piece<'a> {
    /// White space before it.
    pub gap: Cow<'a, str>,
    pub text: Cow<'a, str>,
    /// Whether it is a word: it has a letter, a digit or a Chinese character, and may be changed.
    pub is_word: bool,
    /// A word that must stay.
    pub is_protected: bool,
    /// Nothing may be put between it and the piece before: both belong to one protected phrase.
    pub is_glued: bool,
    /// Whether a kind of change had it already; each word is changed by one kind only.
    pub is_touched: bool,
    pub is_deleted: bool,
}

impl<'a> Piece<'a> {
    pub fn new(gap: &'a str, text: &'a str, is_word: bool) -> Self {
        Self {
            gap: gap.into(),
            text: text.into(),
            is_word,
            is_protected: false,
            is_glued: false,
            is_touched: false,
            is_deleted: false,
        }
    }

    /// A word that was put in.
    pub fn inserted(gap: Cow<'a, str>, text: String) -> Self {
        Self { gap, text: text.into(), is_touched: true, ..Self::new("", "", true) }
    }

    /// Whether a kind of change may have it.
    pub fn is_free(&self) -> bool {
        self.is_word && !self.is_protected && !self.is_touched && !self.is_deleted
    }

    pub fn is_chinese(&self) -> bool {
        self.text.chars().any(is_han)
    }
}

/// A document in pieces.
#[derive(Debug, Clone)]
pub(super) struct Pieces<'a> {
    pub all: Vec<Piece<'a>>,
    /// White space behind the last piece.
    pub tail: &'a str,
    /// Words at the beginning, which all rates are shares of.
    pub n_words: usize,
}

impl Pieces<'_> {
    /// The indices of the words that a kind of change may have.
    pub fn free(&self) -> Vec<usize> {
        self.filtered(|piece| piece.is_free())
    }

    /// The indices of the pieces that are as asked.
    pub fn filtered(&self, is_wanted: impl Fn(&Piece<'_>) -> bool) -> Vec<usize> {
        self.all.iter().enumerate().filter(|(_, piece)| is_wanted(piece)).map(|(i, _)| i).collect()
    }

    /// The document as text. Where a change brought two words together that would become one, a space stands between.
    pub fn joined(&self) -> String {
        let room = self.all.iter().map(|piece| piece.gap.len() + piece.text.len() + 1).sum::<usize>();
        let mut out = String::with_capacity(room + self.tail.len());
        let mut is_changed = false;
        let mut first_gap = None;
        for piece in &self.all {
            if piece.is_deleted {
                // What stood before the first word of a text still stands before it.
                first_gap = first_gap.or(out.is_empty().then_some(&piece.gap));
                is_changed = true;
                continue;
            }
            is_changed |= piece.is_touched;
            if let (Some(gap), true) = (first_gap, out.is_empty()) {
                out.push_str(gap);
            } else if !piece.gap.is_empty() {
                out.push_str(&piece.gap);
            } else if is_changed && would_join(&out, &piece.text) {
                out.push(' ');
            }
            out.push_str(&piece.text);
            is_changed = piece.is_touched;
        }
        out.push_str(self.tail);
        out
    }
}

/// Whether two texts side by side would be read as one word.
pub(super) fn would_join(left: &str, right: &str) -> bool {
    let joins = |c: Option<char>| c.is_some_and(|c| (c.is_alphanumeric() && !is_han(c) && !is_kana(c)) || c == '_');
    joins(left.chars().next_back()) && joins(right.chars().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces<'a>(words: &[(&'a str, &'a str)]) -> Pieces<'a> {
        let all = words.iter().map(|(gap, text)| Piece::new(gap, text, true)).collect::<Vec<_>>();
        Pieces { n_words: all.len(), all, tail: "\n" }
    }

    #[test]
    fn deleted_words_leave_no_gap_and_join_nothing() {
        let mut english = pieces(&[(" ", "a"), (" ", "big"), (" ", "film")]);
        assert_eq!(english.joined(), " a big film\n");
        english.all[1].is_deleted = true;
        assert_eq!(english.joined(), " a film\n");
        english.all[0].is_deleted = true;
        assert_eq!(english.joined(), " film\n");
        let mut mixed = pieces(&[("", "good"), ("", "好"), ("", "film")]);
        assert_eq!(mixed.joined(), "good好film\n");
        mixed.all[1].is_deleted = true;
        assert_eq!(mixed.joined(), "good film\n");
    }

    #[test]
    fn what_was_not_touched_stays_byte_for_byte() {
        let odd = pieces(&[("", "a"), ("", "b"), ("\t ", "c")]);
        assert_eq!(odd.joined(), "ab\t c\n");
    }
}
