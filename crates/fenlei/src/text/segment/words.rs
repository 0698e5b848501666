//! Words by the Unicode rules (UAX #29), with a fast path for ASCII and Han text.
//!
//! The fast path decides what the rules decide about ASCII letters, digits and punctuation and about Han characters
//! and Chinese punctuation beside them; wherever another character could have a say, `unicode-segmentation` decides.
//!
//! Invariant: the pieces are those of `split_word_bounds`, without white space at their edges and without empty ones.

use std::ops::{ControlFlow, Range};

use unicode_segmentation::UnicodeSegmentation;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    Digit,
    /// Joins letters and digits: `_`.
    Joiner,
    /// Joins two letters: `:`.
    BetweenLetters,
    /// Joins two digits: `,` and `;`.
    BetweenDigits,
    /// Joins two letters or two digits: `.` and `'`.
    BetweenBoth,
    Space,
    Other,
    /// The first byte of a character outside ASCII.
    Wide,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Other; 256];
    let mut b = 0;
    while b < 256 {
        classes[b] = match b as u8 {
            b'a'..=b'z' | b'A'..=b'Z' => Class::Letter,
            b'0'..=b'9' => Class::Digit,
            b'_' => Class::Joiner,
            b':' => Class::BetweenLetters,
            b',' | b';' => Class::BetweenDigits,
            b'.' | b'\'' => Class::BetweenBoth,
            b' ' | 0x09..=0x0D => Class::Space,
            0x80..=0xFF => Class::Wide,
            _ => Class::Other,
        };
        b += 1;
    }
    classes
};

#[inline]
fn class(bytes: &[u8], at: usize) -> Class {
    match bytes.get(at) {
        Some(&b) => CLASSES[usize::from(b)],
        None => Class::Space,
    }
}

/// Whether a common Han character (U+4E00 to U+9FFF) or a common mark of Chinese text (、。〃, 〈 to 】, —, “, ”, …)
/// starts at `at`. All take three bytes and join with nothing before them.
#[inline]
pub(super) fn alone_at(bytes: &[u8], at: usize) -> bool {
    match bytes.get(at..at + 3) {
        Some(&[0xE4, second, _]) => second >= 0xB8,
        Some(&[0xE5..=0xE9, _, _]) => true,
        Some(&[0xE3, 0x80, third]) => matches!(third, 0x81..=0x83 | 0x88..=0x91),
        Some(&[0xE2, 0x80, third]) => matches!(third, 0x94 | 0x9C | 0x9D | 0xA6),
        _ => false,
    }
}

/// Whether the character at `at` cannot join with the one before it: ASCII, one that stands alone, or the end.
#[inline]
pub(super) fn settled(bytes: &[u8], at: usize) -> bool {
    class(bytes, at) != Class::Wide || alone_at(bytes, at)
}

/// Calls `sink` with the byte range of every word, symbol and punctuation mark of `text`, in order, until it breaks.
#[inline]
pub(crate) fn segment<F>(text: &str, sink: F) -> ControlFlow<()>
where
    F: FnMut(Range<usize>) -> ControlFlow<()>,
{
    segment_with::<false, F>(text, sink)
}

/// As [`segment`], with common Han characters that touch in one piece, for those who cut them in their own way.
#[inline]
pub(super) fn segment_with_runs<F>(text: &str, sink: F) -> ControlFlow<()>
where
    F: FnMut(Range<usize>) -> ControlFlow<()>,
{
    segment_with::<true, F>(text, sink)
}

#[inline]
fn segment_with<const RUNS: bool, F>(text: &str, mut sink: F) -> ControlFlow<()>
where
    F: FnMut(Range<usize>) -> ControlFlow<()>,
{
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let end = match CLASSES[usize::from(bytes[at])] {
            Class::Space => {
                at += 1;
                continue;
            }
            Class::Letter | Class::Digit | Class::Joiner => word_end(bytes, at),
            Class::Wide if alone_at(bytes, at) => {
                if RUNS {
                    run_end(bytes, at)
                } else {
                    at + 3
                }
            }
            Class::Wide => at,
            _ => at + 1,
        };
        // At `at` itself: nothing was decided here.
        if end > at && settled(bytes, end) {
            sink(at..end)?;
            at = end;
        } else {
            at = by_the_rules(text, at, &mut sink)?;
        }
    }
    ControlFlow::Continue(())
}

/// The longest run of Han characters that is one piece.
const MAX_RUN_BYTES: usize = 3000;

/// The end of the run of common Han characters that starts at `at`, or of the one mark there. A character that a mark
/// may follow, which joins it, is left for the next piece.
#[inline]
fn run_end(bytes: &[u8], at: usize) -> usize {
    let is_han = |at: usize| matches!(bytes.get(at..at + 3), Some(&([0xE4, 0xB8..=0xBF, _] | [0xE5..=0xE9, _, _])));
    let mut end = at + 3;
    if !is_han(at) {
        return end;
    }
    while end - at < MAX_RUN_BYTES && is_han(end) {
        end += 3;
    }
    if settled(bytes, end) { end } else { (end - 3).max(at + 3) }
}

/// The end of the word of ASCII letters, digits and `_` that starts at `at`, or `at` where a character outside ASCII
/// decides.
#[inline]
fn word_end(bytes: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    loop {
        let between = match class(bytes, end) {
            Class::Letter | Class::Digit | Class::Joiner => {
                end += 1;
                continue;
            }
            class @ (Class::BetweenLetters | Class::BetweenDigits | Class::BetweenBoth) => class,
            _ => return end,
        };
        let next = class(bytes, end + 1);
        let joined = match class(bytes, end - 1) {
            Class::Letter if between != Class::BetweenDigits => next == Class::Letter,
            Class::Digit if between != Class::BetweenLetters => next == Class::Digit,
            _ => false,
        };
        if joined {
            end += 2;
        } else if settled(bytes, end + 1) {
            return end;
        } else {
            return at;
        }
    }
}

/// Lets the library decide from `at` on, which is a boundary, until the next piece starts with a settled character.
#[cold]
fn by_the_rules<F>(text: &str, at: usize, sink: &mut F) -> ControlFlow<(), usize>
where
    F: FnMut(Range<usize>) -> ControlFlow<()>,
{
    let mut end = at;
    for piece in text[at..].split_word_bounds() {
        let start = end;
        end += piece.len();
        let trimmed = piece.trim_start();
        let start = start + (piece.len() - trimmed.len());
        let trimmed = trimmed.trim_end();
        if !trimmed.is_empty() && sink(start..start + trimmed.len()).is_break() {
            return ControlFlow::Break(());
        }
        if settled(text.as_bytes(), end) {
            break;
        }
    }
    ControlFlow::Continue(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Vec<&str> {
        let mut words = Vec::new();
        let flow = segment(text, |range| {
            words.push(&text[range]);
            ControlFlow::Continue(())
        });
        assert!(flow.is_continue());
        words
    }

    fn reference(text: &str) -> Vec<&str> {
        text.split_word_bounds().map(str::trim).filter(|piece| !piece.is_empty()).collect()
    }

    #[test]
    fn contractions_numbers_and_abbreviations_are_one_word() {
        assert_eq!(
            words("don't stop: it's 3.14, U.S.A. a_b"),
            ["don't", "stop", ":", "it's", "3.14", ",", "U.S.A", ".", "a_b"]
        );
        assert_eq!(words("1,000;2 a,b 1'a x:y '70s"), ["1,000;2", "a", ",", "b", "1", "'", "a", "x:y", "'", "70s"]);
        assert_eq!(words(" !?  ... "), ["!", "?", ".", ".", "."]);
    }

    #[test]
    fn scripts_mix() {
        assert_eq!(words("iPhone手机3.5万,很好!"), ["iPhone", "手", "机", "3.5", "万", ",", "很", "好", "!"]);
        assert_eq!(words("naïve café’s don’t «x»"), ["naïve", "café’s", "don’t", "«", "x", "»"]);
        assert_eq!(words("👨\u{200D}👩\u{200D}👧👍🏽 🇨🇳🇺🇸"), ["👨\u{200D}👩\u{200D}👧", "👍🏽", "🇨🇳", "🇺🇸"]);
        assert_eq!(words("שלום, עולם! مرحبا"), ["שלום", ",", "עולם", "!", "مرحبا"]);
        assert_eq!(words("カタカナのテスト 한국어 단어"), ["カタカナ", "の", "テスト", "한국어", "단어"]);
    }

    #[test]
    fn stops_where_the_caller_stops() {
        let mut n = 0;
        let flow = segment("a b c d", |_| {
            n += 1;
            if n == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert!(flow.is_break());
        assert_eq!(n, 2);
    }

    #[test]
    fn long_text_without_spaces_takes_linear_time() {
        let begun = std::time::Instant::now();
        for piece in ["好。", "é’", "a.\u{301}", "🇨", "a\u{200D}", "ア", "'é"] {
            let text = piece.repeat(2_000_000 / piece.len());
            assert!(!words(&text).is_empty());
        }
        assert!(begun.elapsed().as_secs() < 20, "took {:?}", begun.elapsed());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn runs_are_the_same_words_with_han_characters_together(text in "[好们看a1.,。 \u{301}\u{200D}〇]{0,24}") {
            let mut apart = Vec::new();
            let _ = segment_with_runs(&text, |range| {
                let piece = &text[range];
                match piece.chars().all(|c| "好们看".contains(c)) {
                    true => apart.extend(piece.split("").filter(|c| !c.is_empty())),
                    false => apart.push(piece),
                }
                ControlFlow::Continue(())
            });
            prop_assert_eq!(apart, words(&text));
        }

        #[test]
        fn ascii_gives_what_the_unicode_rules_give(text in "[a-cA-C01_:,;.'\" \t\r\n!\\-]{0,24}") {
            prop_assert_eq!(words(&text), reference(&text));
        }

        #[test]
        fn any_ascii_gives_what_the_unicode_rules_give(text in "[\\x00-\\x7f]{0,40}") {
            prop_assert_eq!(words(&text), reference(&text));
        }

        #[test]
        fn mixed_text_gives_what_the_unicode_rules_give(
            text in "[ab1_:,.' é’中好々アの한א\u{5F4}\"\u{301}\u{200D}\u{AD}👍🏽🇨🇳·。《—“”…\u{3000}]{0,20}"
        ) {
            prop_assert_eq!(words(&text), reference(&text));
        }

        #[test]
        fn any_text_gives_what_the_unicode_rules_give(text in "\\PC{0,40}") {
            prop_assert_eq!(words(&text), reference(&text));
        }
    }
}
