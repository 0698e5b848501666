//! From a raw document to its pieces: words by the Unicode rules, Chinese words by jieba; markup and addresses whole.
//!
//! Documents are cut before they are cleaned, since what comes out is a document again. So tags, entities and addresses
//! are stretches that nothing changes.

use std::ops::ControlFlow;

use super::pieces::{Piece, Pieces};
use super::protect::Protected;
use crate::Result;
use crate::text::{Cleaned, SegmentMode, SegmentSpec, Segmenter, address_len, is_pictograph};

/// Longer runs between angle brackets are no tags.
const MAX_TAG_BYTES: usize = 1024;

/// Longer names are no entities.
const MAX_ENTITY_BYTES: usize = 32;

/// Cuts documents.
#[derive(Clone)]
pub(super) struct Cutter {
    segmenter: Segmenter,
    pub protected: Protected,
}

impl Cutter {
    pub fn new(protected: Protected) -> Result<Self> {
        let spec = SegmentSpec { mode: SegmentMode::Jieba, ..SegmentSpec::default() };
        Ok(Self { segmenter: Segmenter::new(&spec, None, None, &str::to_owned)?, protected })
    }

    /// The pieces of `text`, which give it back byte for byte.
    pub fn cut<'a>(&self, text: &'a str) -> Pieces<'a> {
        let mut all: Vec<Piece<'a>> = Vec::with_capacity(text.len() / 5);
        let mut at = 0;
        let segmented = |from: usize, to: usize, at: &mut usize, all: &mut Vec<Piece<'a>>| {
            let part = &text[from..to];
            let _ = self.segmenter.segment(Cleaned { text: part, protected: &[] }, |token, range| {
                let starts_as_word = token.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
                let is_word = starts_as_word || token.chars().any(|c| c.is_alphanumeric() && !is_pictograph(c));
                let (start, end) = (from + range.start, from + range.end);
                all.push(Piece::new(&text[*at..start], &text[start..end], is_word));
                *at = end;
                ControlFlow::Continue(())
            });
        };
        let mut from = 0;
        for whole in wholes(text) {
            segmented(from, whole.0, &mut at, &mut all);
            all.push(Piece::new(&text[at..whole.0], &text[whole.0..whole.1], false));
            (from, at) = (whole.1, whole.1);
        }
        segmented(from, text.len(), &mut at, &mut all);
        let mut pieces = Pieces { n_words: all.iter().filter(|piece| piece.is_word).count(), all, tail: &text[at..] };
        self.protected.mark(text, &mut pieces);
        pieces
    }
}

/// Where tags, entities and addresses stand: `[start, end)` in bytes, in order.
fn wholes(text: &str) -> Vec<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    // Most texts have none of these.
    let has_addresses = memchr::memchr2(b'@', b':', bytes).is_some() || memchr::memmem::find(bytes, b"ww.").is_some();
    let has_addresses = has_addresses || memchr::memmem::find(bytes, b"WW.").is_some();
    if !has_addresses && memchr::memchr2(b'<', b'&', bytes).is_none() {
        return found;
    }
    if !has_addresses {
        let mut at = 0;
        while let Some(next) = memchr::memchr2(b'<', b'&', &bytes[at..]) {
            let start = at + next;
            let len = if bytes[start] == b'<' { tag_len(bytes, start) } else { entity_len(bytes, start) };
            found.extend(len.map(|len| (start, start + len)));
            at = start + len.unwrap_or(1);
        }
        return found;
    }
    let mut at = 0;
    let mut in_word = false;
    while at < bytes.len() {
        let b = bytes[at];
        let len = match b {
            b'<' => tag_len(bytes, at),
            b'&' => entity_len(bytes, at),
            // The letters that a scheme or www begins with, and what all mail addresses have, keep this cheap.
            b'h' | b'H' | b'f' | b'F' | b'w' | b'W' | b'@' if !in_word => address_len(text, at),
            _ if b.is_ascii_alphanumeric() && !in_word => mail_len(text, at),
            _ => None,
        };
        in_word = b.is_ascii_alphanumeric() || b == b'_';
        match len {
            Some(len) => {
                found.push((at, at + len));
                at += len;
                in_word = false;
            }
            None => at += 1,
        }
    }
    found
}

/// A mail address, looked for only where an `@` follows the word at once or after a few signs.
fn mail_len(text: &str, at: usize) -> Option<usize> {
    let local = |b: &&u8| b.is_ascii_alphanumeric() || b"._%+-".contains(b);
    let bytes = &text.as_bytes()[at..];
    let len = bytes.iter().take(65).take_while(local).count();
    if bytes.get(len) == Some(&b'@') { address_len(text, at) } else { None }
}

fn tag_len(bytes: &[u8], at: usize) -> Option<usize> {
    let inner = bytes.get(at + 1..)?;
    let name = inner.iter().position(|b| !matches!(b, b'/' | b'!' | b'?'))?;
    if name > 1 || !inner[name].is_ascii_alphabetic() && !inner.starts_with(b"!--") {
        return None;
    }
    let end = inner.iter().take(MAX_TAG_BYTES).position(|b| matches!(b, b'>' | b'<'))?;
    (inner[end] == b'>').then_some(end + 2)
}

fn entity_len(bytes: &[u8], at: usize) -> Option<usize> {
    let inner = bytes.get(at + 1..)?;
    let end = inner.iter().take(MAX_ENTITY_BYTES).position(|b| !b.is_ascii_alphanumeric() && *b != b'#')?;
    (end > 0 && inner[end] == b';').then_some(end + 2)
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use proptest::prelude::*;

    static CUTTER: LazyLock<Cutter> = LazyLock::new(|| Cutter::new(Protected::default()).unwrap());

    fn words(text: &str) -> Vec<String> {
        let pieces = CUTTER.cut(text);
        assert_eq!(pieces.joined(), text);
        pieces.all.iter().filter(|piece| piece.is_word).map(|piece| piece.text.to_string()).collect()
    }

    #[test]
    fn words_of_both_languages_are_found_and_markup_and_addresses_are_none() {
        assert_eq!(
            words("<br />I don't like <b class=\"x\">Tom&amp;Jerry</b>: see http://a.org/b?c=d or me@x.org, @you!"),
            ["I", "don't", "like", "Tom", "Jerry", "see", "or"]
        );
        assert_eq!(
            words("我们看iPhone手机,很好看👍 <3 a<b"),
            ["我们", "看", "iPhone", "手机", "很", "好看", "3", "a", "b"]
        );
        assert!(words("?! 👍 ——").is_empty());
        assert!(words("").is_empty());
    }

    #[test]
    fn hostile_text_is_cut_in_linear_time() {
        let begun = std::time::Instant::now();
        for piece in ["<", "&", "a.", "@", "<a", "w", "h", "好"] {
            let text = piece.repeat(300_000 / piece.len());
            assert_eq!(CUTTER.cut(&text).joined(), text);
        }
        assert!(begun.elapsed().as_secs() < 20, "took {:?}", begun.elapsed());
    }

    proptest! {
        #[test]
        fn pieces_give_the_text_back(text in "\\PC{0,40}|[<>&;a@.w/ 好好看é\u{301}]{0,30}") {
            prop_assert_eq!(CUTTER.cut(&text).joined(), text);
        }
    }
}
