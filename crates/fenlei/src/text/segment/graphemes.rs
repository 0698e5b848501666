//! Pure character level: every user-perceived character that is not white space is a token.

use std::ops::{ControlFlow, Range};

use unicode_segmentation::UnicodeSegmentation;

use super::words::{alone_at, settled};

/// Calls `sink` with the byte range of every character of `text`, in order, until it breaks.
pub(crate) fn segment<F>(text: &str, mut sink: F) -> ControlFlow<()>
where
    F: FnMut(Range<usize>) -> ControlFlow<()>,
{
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        // Two ASCII characters never belong together, but for a line break, which is no token anyway.
        if bytes[at].is_ascii() && bytes.get(at + 1).is_none_or(u8::is_ascii) {
            if !char::from(bytes[at]).is_whitespace() {
                sink(at..at + 1)?;
            }
            at += 1;
            continue;
        }
        if alone_at(bytes, at) && settled(bytes, at + 3) {
            sink(at..at + 3)?;
            at += 3;
            continue;
        }
        for grapheme in text[at..].graphemes(true) {
            let start = at;
            at += grapheme.len();
            if !grapheme.trim().is_empty() {
                sink(start..at)?;
            }
            if settled(bytes, at) {
                break;
            }
        }
    }
    ControlFlow::Continue(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn characters(text: &str) -> Vec<&str> {
        let mut characters = Vec::new();
        let _ = segment(text, |range| {
            characters.push(&text[range]);
            ControlFlow::Continue(())
        });
        characters
    }

    #[test]
    fn marks_and_joined_emoji_stay_with_their_character() {
        assert_eq!(
            characters("好 e\u{301}x👨\u{200D}👩\u{200D}👧!"),
            ["好", "e\u{301}", "x", "👨\u{200D}👩\u{200D}👧", "!"]
        );
    }

    proptest! {
        #[test]
        fn gives_the_graphemes_of_the_whole_text(text in "\\PC{0,30}|[ab \r\né\u{301}\u{200D}👍🏽🇨🇳中。“]{0,20}") {
            let expected: Vec<&str> = text.graphemes(true).filter(|g| !g.trim().is_empty()).collect();
            prop_assert_eq!(characters(&text), expected);
        }
    }
}
