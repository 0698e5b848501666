//! One pass over the characters: compatibility form (NFKC), invisible characters out, white space collapsed, lower case.
//!
//! ASCII is copied in blocks; other text goes segment by segment, where a segment is a character with what combines
//! with it, so that NFKC of a segment is NFKC of the text and its origin stays known.

use unicode_normalization::char::{canonical_combining_class, decompose_compatible};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

use super::align::Trace;
use crate::text::script::{is_tag, uses_joiners};

/// Which of the steps are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Normalise {
    pub nfkc: bool,
    pub strip_invisible: bool,
    pub collapse_whitespace: bool,
    pub lowercase: bool,
}

impl Normalise {
    /// Appends the normal form of `text` to `out`, which must be empty.
    pub fn apply<T: Trace>(&self, text: &str, out: &mut String, trace: &mut T) {
        out.reserve(text.len());
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            if bytes[at].is_ascii() {
                let mut end = at + ascii_prefix(&bytes[at..]);
                // The last letter may combine with the mark that follows it.
                if end < bytes.len() && !self.begins_segment(char_at(text, end)) {
                    end -= 1;
                }
                if end > at {
                    self.push_ascii(text, at, end, out, trace);
                    at = end;
                    continue;
                }
            }
            let mut end = at + plain_run(&bytes[at..]);
            if end < bytes.len() && end > at && !self.begins_segment(char_at(text, end)) {
                end -= PLAIN_BYTES;
            }
            if end > at {
                out.push_str(&text[at..end]);
                trace.copy(at, end - at);
                at = end;
            } else {
                at = self.push_segment(text, at, out, trace);
            }
        }
        if self.collapse_whitespace && out.ends_with(' ') {
            out.pop();
        }
    }

    /// Copies `text[at..end]`, all ASCII.
    fn push_ascii<T: Trace>(&self, text: &str, at: usize, end: usize, out: &mut String, trace: &mut T) {
        let bytes = text.as_bytes();
        let mut start = at;
        while start < end {
            let plain_end = start + self.plain_prefix(&bytes[start..end], out.is_empty() || out.ends_with(' '));
            if plain_end > start {
                let from = out.len();
                out.push_str(&text[start..plain_end]);
                if self.lowercase {
                    out[from..].make_ascii_lowercase();
                }
                trace.copy(start, plain_end - start);
                start = plain_end;
            }
            if start < end {
                self.push_char(char::from(bytes[start]), start, 1, out, trace);
                start += 1;
            }
        }
    }

    /// How many leading bytes need nothing but lower case: no control characters and no second space in a row.
    fn plain_prefix(&self, bytes: &[u8], mut after_space: bool) -> usize {
        const BLOCK: usize = 32;
        let special = |b: u8, before: bool| {
            (b < b' ' && (self.strip_invisible || self.collapse_whitespace))
                || (b == 0x7F && self.strip_invisible)
                || (b == b' ' && before && self.collapse_whitespace)
        };
        let mut n = 0;
        for block in bytes.chunks(BLOCK) {
            if let Ok(block) = <&[u8; BLOCK]>::try_from(block) {
                // Without branches, so that the compiler takes the whole block at once.
                let mut any = u8::from(after_space && block[0] == b' ');
                any |= block.iter().fold(0, |any, &b| any | u8::from(b < b' ') | u8::from(b == 0x7F));
                let pairs = block.iter().zip(&block[1..]);
                any |= pairs.fold(0, |any, (&a, &b)| any | (u8::from(a == b' ') & u8::from(b == b' ')));
                if any == 0 {
                    after_space = block[BLOCK - 1] == b' ';
                    n += BLOCK;
                    continue;
                }
            }
            for &b in block {
                if special(b, after_space) {
                    return n;
                }
                after_space = b == b' ';
                n += 1;
            }
        }
        n
    }

    /// Handles the character at `at` with everything that combines with it; returns where the next segment begins.
    fn push_segment<T: Trace>(&self, text: &str, at: usize, out: &mut String, trace: &mut T) -> usize {
        let first = char_at(text, at);
        let mut end = at + first.len_utf8();
        if !self.nfkc {
            self.push_char(first, at, first.len_utf8(), out, trace);
            return end;
        }
        let mut single = true;
        while end < text.len() {
            let c = char_at(text, end);
            if self.begins_segment(c) {
                break;
            }
            end += c.len_utf8();
            single = false;
        }
        if let Some(c) = narrow(first).filter(|_| single) {
            self.push_changed(c, at..end, out, trace);
            return end;
        }
        if single && (is_plain(first) || is_nfkc_quick(std::iter::once(first)) == IsNormalized::Yes) {
            self.push_char(first, at, first.len_utf8(), out, trace);
            return end;
        }
        let segment = &text[at..end];
        if segment.nfkc().eq(segment.chars()) {
            for (i, c) in segment.char_indices() {
                self.push_char(c, at + i, c.len_utf8(), out, trace);
            }
        } else {
            for c in segment.nfkc() {
                self.push_changed(c, at..end, out, trace);
            }
        }
        end
    }

    /// Appends what becomes of the character `c` that stands at `at` and takes `len` bytes there.
    fn push_char<T: Trace>(&self, c: char, at: usize, len: usize, out: &mut String, trace: &mut T) {
        match self.fate(c, out) {
            Fate::Drop => {}
            Fate::Space => {
                out.push(' ');
                trace.replace(at..at + len, 1);
            }
            Fate::Keep => {
                let from = out.len();
                self.push_lower(c, out);
                let written = out.len() - from;
                if written == len && out[from..].chars().nth(1).is_none() {
                    trace.copy(at, len);
                } else {
                    trace.replace(at..at + len, written);
                }
            }
        }
    }

    /// Appends what becomes of `c`, one of the characters that stand for the bytes `from` of the input.
    fn push_changed<T: Trace>(&self, c: char, from: std::ops::Range<usize>, out: &mut String, trace: &mut T) {
        match self.fate(c, out) {
            Fate::Drop => {}
            Fate::Space => {
                out.push(' ');
                trace.replace(from, 1);
            }
            Fate::Keep => {
                let before = out.len();
                self.push_lower(c, out);
                trace.replace(from, out.len() - before);
            }
        }
    }

    fn push_lower(&self, c: char, out: &mut String) {
        if self.lowercase && !is_plain(c) {
            out.extend(c.to_lowercase());
        } else {
            out.push(c);
        }
    }

    fn fate(&self, c: char, out: &str) -> Fate {
        if is_plain(c) {
            Fate::Keep
        } else if self.collapse_whitespace && c.is_whitespace() {
            if out.is_empty() || out.ends_with(' ') { Fate::Drop } else { Fate::Space }
        } else if self.strip_invisible && is_invisible(c) && !joins(c, out) {
            Fate::Drop
        } else {
            Fate::Keep
        }
    }

    /// Whether nothing before `c` can combine with it.
    fn begins_segment(&self, c: char) -> bool {
        if !self.nfkc || c.is_ascii() || is_plain(c) || narrow(c).is_some() {
            return true;
        }
        let mut first = None;
        decompose_compatible(c, |d| first = first.or(Some(d)));
        let first = first.unwrap_or(c);
        canonical_combining_class(first) == 0 && is_nfkc_quick(std::iter::once(first)) == IsNormalized::Yes
    }
}

enum Fate {
    Keep,
    Drop,
    Space,
}

/// The common Chinese characters and punctuation marks: normal as they are, without case, combining with nothing.
#[inline]
fn is_plain(c: char) -> bool {
    matches!(c,
        '\u{4E00}'..='\u{9FFF}' | '\u{3400}'..='\u{4DBF}'
        | '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3011}'
        | '\u{2013}' | '\u{2014}' | '\u{2018}' | '\u{2019}' | '\u{201C}' | '\u{201D}')
}

/// The ASCII character that the full-width form `c` stands for.
#[inline]
fn narrow(c: char) -> Option<char> {
    let ascii = u32::from(c).checked_sub(0xFEE0).and_then(char::from_u32)?;
    ascii.is_ascii_graphic().then_some(ascii)
}

/// What a character of [`plain_run`] takes.
const PLAIN_BYTES: usize = 3;

/// How many leading bytes are common Chinese characters from U+4E00 on, all of which are plain.
fn plain_run(bytes: &[u8]) -> usize {
    let is_plain = |c: &&[u8]| matches!(c, [0xE4, 0xB8..=0xBF, _] | [0xE5..=0xE9, _, _]);
    bytes.chunks_exact(PLAIN_BYTES).take_while(is_plain).count() * PLAIN_BYTES
}

/// Characters without a shape of their own: controls (but not white space), zero-width spaces and joiners, direction
/// marks, soft hyphens, variation selectors, tags, annotation anchors and non-characters.
fn is_invisible(c: char) -> bool {
    (c.is_control() && !c.is_whitespace())
        || matches!(c,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{FFFE}'..='\u{FFFF}'
            | '\u{E0000}'..='\u{E0FFF}')
}

/// Whether the invisible `c` carries meaning after `out`: joiners within emoji and within scripts that use them, and
/// the letters of flag emoji.
fn joins(c: char, out: &str) -> bool {
    (matches!(c, '\u{200C}' | '\u{200D}') || is_tag(c)) && out.chars().next_back().is_some_and(uses_joiners)
}

fn char_at(text: &str, at: usize) -> char {
    // `at` is always a boundary within the text; a wrong one would end the text rather than panic.
    text[at..].chars().next().unwrap_or('\u{FFFD}')
}

/// How many leading bytes are ASCII.
fn ascii_prefix(bytes: &[u8]) -> usize {
    let mut n = 0;
    for block in bytes.chunks(64) {
        if block.is_ascii() {
            n += block.len();
        } else {
            return n + block.iter().take_while(|b| b.is_ascii()).count();
        }
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::clean::align::{Alignment, Untraced};
    use proptest::prelude::*;

    const ALL: Normalise = Normalise { nfkc: true, strip_invisible: true, collapse_whitespace: true, lowercase: true };
    const NONE: Normalise =
        Normalise { nfkc: false, strip_invisible: false, collapse_whitespace: false, lowercase: false };

    fn apply(steps: Normalise, text: &str) -> String {
        let mut out = String::new();
        steps.apply(text, &mut out, &mut Untraced);
        out
    }

    #[test]
    fn white_space_collapses_and_ends_are_trimmed() {
        assert_eq!(apply(ALL, "  A\t\nb\u{3000}\u{a0}c  "), "a b c");
        assert_eq!(apply(ALL, " \n "), "");
        let long = "word and ".repeat(20) + " \x07 end";
        assert_eq!(apply(ALL, &long), "word and ".repeat(20) + "end");
    }

    #[test]
    fn invisible_characters_go_but_joiners_with_meaning_stay() {
        assert_eq!(apply(ALL, "so\u{AD}ft\u{200B}ly\u{0} \u{FEFF}x\u{200D}y"), "softly xy");
        assert_eq!(apply(ALL, "👨\u{200D}👩\u{200D}👧 ❤\u{FE0F}\u{200D}🔥"), "👨\u{200D}👩\u{200D}👧 ❤\u{200D}🔥");
        assert_eq!(apply(ALL, "می\u{200C}خواهم"), "می\u{200C}خواهم");
        assert_eq!(apply(ALL, "中\u{200D}文"), "中文");
    }

    #[test]
    fn compatibility_forms_and_case_are_unified() {
        assert_eq!(apply(ALL, "ＡＢＣ，１２３！ ㎏ ﬁ e\u{301}ÉÉ"), "abc,123! kg fi éÉÉ".to_lowercase());
        assert_eq!(apply(ALL, "ΣΊΣΥΦΟΣ İ"), "σίσυφοσ i\u{307}");
        assert_eq!(apply(NONE, "ＡＢＣ  \u{0}É "), "ＡＢＣ  \u{0}É ");
    }

    #[test]
    fn every_character_knows_where_it_came_from() {
        let text = "A e\u{301}\u{200B} ㎏ 中 İx";
        let (mut out, mut alignment) = (String::new(), Alignment::default());
        ALL.apply(text, &mut out, &mut alignment);
        assert_eq!(out, "a é kg 中 i\u{307}x");
        let back: Vec<_> =
            out.char_indices().map(|(i, c)| &text[alignment.input_of(i..i + c.len_utf8(), &mut 0)]).collect();
        assert_eq!(back, ["A", " ", "e\u{301}", " ", "㎏", "㎏", " ", "中", " ", "İ", "İ", "x"]);
    }

    proptest! {
        #[test]
        fn segments_give_the_nfkc_of_the_whole(text in "\\PC{0,40}|[a-zé\u{301}\u{327}각\u{1100}-\u{1105}\u{1161}-\u{1165}\u{11A8}-\u{11AA}か\u{3099}ｶﾞＡ！〉《“’–—…㎏中]{0,20}") {
            let steps = Normalise { nfkc: true, ..NONE };
            prop_assert_eq!(apply(steps, &text), text.nfkc().collect::<String>());
        }

        #[test]
        fn blocks_and_single_bytes_agree_on_ascii(text in "[ A-Za-z\t\n\x00\x7f.]{0,200}") {
            let mut expected = String::new();
            for c in text.chars() {
                if c.is_ascii_whitespace() {
                    if !expected.is_empty() && !expected.ends_with(' ') { expected.push(' '); }
                } else if !c.is_control() {
                    expected.push(c.to_ascii_lowercase());
                }
            }
            let trimmed = expected.trim_end_matches(' ').to_owned();
            prop_assert_eq!(apply(ALL, &text), trimmed);
        }
    }
}
