//! HTML to plain text: tags go, entities become characters, scripts and styles go with their content.
//!
//! Text is copied as it is up to the next `<` or `&`; there html5gum, a WHATWG tokenizer, reads one construct and says
//! where it ends. Text that merely contains `<` or `&` survives: with [`Html::Auto`] only known elements, comments,
//! document types and entities that end with `;` count, and what is never closed is text in any mode.

use std::cell::Cell;
use std::ops::Range;

use html5gum::Tokenizer;
use memchr::{memchr2, memrchr};

use super::align::Trace;
use super::html_elements::{Flow, flow};
use super::html_markup::{Kind, Markup, MarkupEmitter, Name, Source, raw_state};
use crate::text::spec::Html;

/// Constructs that run to the end of the text without being closed. Each costs a look at the whole rest, so after this
/// many every further `<` is plain text: reading stays linear for any input.
const UNCLOSED_LIMIT: usize = 16;

/// Longer entities do not exist.
const MAX_ENTITY_BYTES: usize = 40;

/// Whether [`strip`] could change anything at all.
#[inline]
pub(super) fn may_contain_markup(text: &str) -> bool {
    memchr2(b'<', b'&', text.as_bytes()).is_some()
}

/// Appends the text of `text` to `out`.
pub(super) fn strip<T: Trace>(text: &str, mode: Html, out: &mut String, trace: &mut T) {
    let bytes = text.as_bytes();
    let last_close = memrchr(b'>', bytes).unwrap_or(0);
    let mut unclosed = 0;
    let (mut copied, mut at) = (0, 0);
    while let Some(distance) = memchr2(b'<', b'&', &bytes[at..]) {
        let here = at + distance;
        at = here + 1;
        let found = if bytes[here] == b'&' {
            entity(text, here, mode)
        } else if here < last_close && unclosed < UNCLOSED_LIMIT && may_be_markup(&bytes[here + 1..], mode) {
            markup(text, here, &mut unclosed)
        } else {
            None
        };
        let Some(Found { end, text: replacement }) = found else { continue };
        out.push_str(&text[copied..here]);
        trace.copy(copied, here - copied);
        match replacement {
            Replacement::Nothing => {}
            Replacement::Space => {
                if !out.ends_with(' ') {
                    out.push(' ');
                    trace.replace(here..end, 1);
                }
            }
            Replacement::Text(decoded) => {
                out.push_str(&decoded);
                trace.replace(here..end, decoded.len());
            }
        }
        (copied, at) = (end, end);
    }
    out.push_str(&text[copied..]);
    trace.copy(copied, text.len() - copied);
}

/// A construct that ends at byte `end` and what stands for it in the text.
struct Found {
    end: usize,
    text: Replacement,
}

enum Replacement {
    /// An element that stands inside a line, such as `<b>`: the word around it goes on.
    Nothing,
    /// An element that breaks the line, such as `<br>`.
    Space,
    Text(String),
}

/// Whether what follows a `<` can be the start of markup.
fn may_be_markup(after: &[u8], mode: Html) -> bool {
    let Some(&first) = after.first() else { return false };
    if mode == Html::Always {
        return first.is_ascii_alphabetic() || matches!(first, b'/' | b'!' | b'?');
    }
    match first {
        b'!' => after.starts_with(b"!--") || after.get(1..8).is_some_and(|w| w.eq_ignore_ascii_case(b"doctype")),
        b'?' => after.get(1..4).is_some_and(|w| w.eq_ignore_ascii_case(b"xml")),
        b'/' => starts_with_element(&after[1..]),
        _ => starts_with_element(after),
    }
}

/// Whether `bytes` begin with the name of an HTML element that ends there.
fn starts_with_element(bytes: &[u8]) -> bool {
    let n = bytes.iter().take(Name::MAX + 1).take_while(|b| b.is_ascii_alphanumeric()).count();
    let ends = bytes.get(n).is_some_and(|b| matches!(b, b'>' | b'/') || b.is_ascii_whitespace());
    ends && Name::of(&bytes[..n]).is_some_and(|name| flow(name.as_bytes()).is_some())
}

/// Reads the tag, comment or declaration that starts at `start`; a script or style is read up to its end tag.
fn markup(text: &str, start: usize, unclosed: &mut usize) -> Option<Found> {
    let consumed = Cell::new(0);
    let ended = Cell::new(false);
    let source = Source::new(&text.as_bytes()[start..], &consumed, &ended);
    let mut tokenizer = Tokenizer::new_with_emitter(source, MarkupEmitter::default());
    let next = |tokenizer: &mut Tokenizer<Source<'_>, MarkupEmitter>| match tokenizer.next() {
        Some(Ok(markup)) if !ended.get() => Some((markup, start + consumed.get())),
        _ => None,
    };
    let Some((first, mut end)) = next(&mut tokenizer) else {
        *unclosed += 1;
        return None;
    };
    if first.kind == Kind::StartTag && raw_state(&first.name).is_some() {
        match next(&mut tokenizer) {
            Some((_, close)) => end = close,
            // A script that is never closed: its tag goes, the rest is text.
            None => *unclosed += 1,
        }
    }
    let inline = first.kind != Kind::Other && flow(first.name.as_bytes()) == Some(Flow::Inline);
    let silent = first.kind == Kind::Other || inline;
    Some(Found { end, text: if silent { Replacement::Nothing } else { Replacement::Space } })
}

/// Decodes the entity that starts at `start`, where there is one.
fn entity(text: &str, start: usize, mode: Html) -> Option<Found> {
    let after = &text.as_bytes()[start + 1..];
    let n = after
        .iter()
        .take(MAX_ENTITY_BYTES)
        .enumerate()
        .take_while(|&(i, b)| b.is_ascii_alphanumeric() || (i == 0 && *b == b'#'))
        .count();
    let closed = after.get(n) == Some(&b';');
    if n == 0 || (mode == Html::Auto && !closed) {
        return None;
    }
    let range: Range<usize> = start..start + 1 + n + usize::from(closed);
    let (consumed, ended) = (Cell::new(0), Cell::new(false));
    let source = Source::new(&text.as_bytes()[range.clone()], &consumed, &ended);
    let mut tokenizer = Tokenizer::new_with_emitter(source, MarkupEmitter::keeping_text());
    let decoded = match tokenizer.next() {
        Some(Ok(Markup { kind: Kind::Text(decoded), .. })) => String::from_utf8(decoded).ok()?,
        _ => return None,
    };
    (decoded != text[range.clone()]).then_some(Found { end: range.end, text: Replacement::Text(decoded) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::clean::align::{Alignment, Untraced};

    fn text_of(html: &str, mode: Html) -> String {
        let mut out = String::new();
        strip(html, mode, &mut out, &mut Untraced);
        out
    }

    #[test]
    fn tags_go_and_block_tags_leave_a_space() {
        for mode in [Html::Auto, Html::Always] {
            assert_eq!(text_of("one<br /><br />two", mode), "one two");
            assert_eq!(text_of("<p class=\"a>b\">in<b>si</b>de</p>out", mode), " inside out");
            assert_eq!(text_of("a<!-- <b>no</b> -->b", mode), "ab");
            assert_eq!(text_of("<!DOCTYPE html><P>x", mode), " x");
            assert_eq!(text_of("x<SCRIPT>if (a < b) { '</b>' }</ScRiPt >y", mode), "x y");
            assert_eq!(text_of("x<style>p > b {}</style>y", mode), "x y");
        }
    }

    #[test]
    fn entities_become_characters() {
        for mode in [Html::Auto, Html::Always] {
            assert_eq!(
                text_of("R&amp;D &lt;b&gt; &#20013;&#x6587; &eacute;&nbsp;&hellip;", mode),
                "R&D <b> 中文 é\u{a0}…"
            );
            assert_eq!(text_of("AT&T &; & &# &unknownthing;", mode), "AT&T &; & &# &unknownthing;");
        }
        assert_eq!(text_of("a?b=1&copy=2", Html::Auto), "a?b=1&copy=2");
        assert_eq!(text_of("fish &amp chips", Html::Always), "fish & chips");
        assert_eq!(text_of("&amp;lt;", Html::Auto), "&lt;", "decoded once, not twice");
    }

    #[test]
    fn text_that_merely_contains_angle_brackets_survives() {
        for text in [
            "a < b and c > d",
            "<3 you",
            "i <3",
            "x<y and y>z",
            "<john@example.com>",
            "<url>",
            "1<2>0",
            "<",
            "<>",
            "</",
        ] {
            assert_eq!(text_of(text, Html::Auto), text);
        }
        assert_eq!(text_of("i <3 a < b", Html::Always), "i <3 a < b");
        assert_eq!(text_of("<foo>bar</foo>", Html::Always), " bar ");
    }

    #[test]
    fn what_is_never_closed_is_text() {
        for mode in [Html::Auto, Html::Always] {
            assert_eq!(text_of("see <a href=\"x", mode), "see <a href=\"x");
            assert_eq!(text_of("see > <!-- x", mode), "see > <!-- x");
            assert_eq!(text_of("<script>alert(1) and text", mode), " alert(1) and text");
        }
    }

    #[test]
    fn offsets_lead_back_to_the_markup() {
        let html = "ab<br/>c&amp;d";
        let (mut out, mut alignment) = (String::new(), Alignment::default());
        strip(html, Html::Auto, &mut out, &mut alignment);
        assert_eq!(out, "ab c&d");
        let back: Vec<_> = (0..6).map(|i| &html[alignment.input_of(i..i + 1, &mut 0)]).collect();
        assert_eq!(back, ["a", "b", "<br/>", "c", "&amp;", "d"]);
    }

    #[test]
    fn hostile_markup_is_read_in_linear_time() {
        let begun = std::time::Instant::now();
        for piece in ["<a href=\"", "<!--", "<script>", "<a ", "&", "&amp", "<a '>"] {
            let text = piece.repeat(2_000_000 / piece.len());
            for mode in [Html::Auto, Html::Always] {
                let out = text_of(&format!("{text}>"), mode);
                assert!(out.len() <= text.len() + 1);
            }
        }
        assert!(begun.elapsed().as_secs() < 20, "took {:?}", begun.elapsed());
    }
}
