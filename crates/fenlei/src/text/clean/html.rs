//! HTML to plain text: tags go, entities become characters, scripts and styles go with their content.
//!
//! Text is copied as it is up to the next `<` or `&`; there html5gum, a WHATWG tokenizer, reads one construct and says
//! where it ends. Text that merely contains `<` or `&` survives: with [`Html::Auto`] only known elements, comments,
//! document types and entities that end with `;` count, and what is never closed is text in any mode.

use std::cell::Cell;
use std::convert::Infallible;
use std::ops::Range;

use html5gum::{Emitter, Reader, State, Tokenizer};
use memchr::{memchr, memchr2, memrchr};

use super::align::Trace;
use super::html_elements::{Flow, flow};
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
    let source = Source { rest: &text.as_bytes()[start..], consumed: &consumed, ended: &ended };
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
    let source = Source { rest: &text.as_bytes()[range.clone()], consumed: &consumed, ended: &ended };
    let mut tokenizer = Tokenizer::new_with_emitter(source, MarkupEmitter { keep_text: true, ..Default::default() });
    let decoded = match tokenizer.next() {
        Some(Ok(Markup { kind: Kind::Text(decoded), .. })) => String::from_utf8(decoded).ok()?,
        _ => return None,
    };
    (decoded != text[range.clone()]).then_some(Found { end: range.end, text: Replacement::Text(decoded) })
}

/// The tokenizer state for elements whose content is not text.
fn raw_state(name: &Name) -> Option<State> {
    match name.as_bytes() {
        b"script" => Some(State::ScriptData),
        b"style" => Some(State::RawText),
        _ => None,
    }
}

/// Reads bytes and tells how many were read, and whether more were asked for than there are.
struct Source<'a> {
    rest: &'a [u8],
    consumed: &'a Cell<usize>,
    ended: &'a Cell<bool>,
}

impl<'a> Source<'a> {
    fn take(&mut self, n: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(n);
        self.rest = rest;
        self.consumed.set(self.consumed.get() + n);
        taken
    }
}

impl Reader for Source<'_> {
    type Error = Infallible;

    fn read_byte(&mut self) -> Result<Option<u8>, Infallible> {
        if self.rest.is_empty() {
            self.ended.set(true);
            return Ok(None);
        }
        Ok(Some(self.take(1)[0]))
    }

    fn read_until<'b>(&'b mut self, needle: &[u8], _: &'b mut [u8; 4]) -> Result<Option<&'b [u8]>, Infallible> {
        if self.rest.is_empty() {
            self.ended.set(true);
            return Ok(None);
        }
        let found = match needle {
            [one] => memchr(*one, self.rest),
            [one, other] => memchr2(*one, *other, self.rest),
            _ => self.rest.iter().position(|b| needle.contains(b)),
        };
        let n = match found {
            Some(0) => 1,
            Some(n) => n,
            None => self.rest.len(),
        };
        Ok(Some(self.take(n)))
    }

    fn try_read_string(&mut self, s: &[u8], case_sensitive: bool) -> Result<bool, Infallible> {
        let Some(head) = self.rest.get(..s.len()) else { return Ok(false) };
        let same = if case_sensitive { head == s } else { head.eq_ignore_ascii_case(s) };
        if same {
            self.take(s.len());
        }
        Ok(same)
    }
}

/// A tag name in lower case; names longer than any element's are cut and so match none.
#[derive(Clone, Copy, Default, PartialEq)]
struct Name {
    bytes: [u8; Name::MAX],
    len: u8,
    too_long: bool,
}

impl Name {
    const MAX: usize = 15;

    fn of(bytes: &[u8]) -> Option<Self> {
        let mut name = Self::default();
        name.push(bytes);
        (!name.too_long).then_some(name)
    }

    fn push(&mut self, more: &[u8]) {
        for byte in more {
            match self.bytes.get_mut(usize::from(self.len)) {
                Some(slot) => {
                    *slot = byte.to_ascii_lowercase();
                    self.len += 1;
                }
                None => self.too_long = true,
            }
        }
    }

    fn as_bytes(&self) -> &[u8] {
        if self.too_long { b"" } else { &self.bytes[..usize::from(self.len)] }
    }
}

#[derive(Clone, Default, PartialEq)]
enum Kind {
    StartTag,
    EndTag,
    /// Decoded text, only for entities.
    Text(Vec<u8>),
    /// A comment, a document type or a processing instruction.
    #[default]
    Other,
}

#[derive(Clone, Default)]
struct Markup {
    kind: Kind,
    name: Name,
}

/// Keeps of a construct only its kind and name.
#[derive(Default)]
struct MarkupEmitter {
    current: Markup,
    last_start: Name,
    ready: Option<Markup>,
    keep_text: bool,
    text: Vec<u8>,
}

impl Emitter for MarkupEmitter {
    type Token = Markup;

    fn set_last_start_tag(&mut self, name: Option<&[u8]>) {
        self.last_start = Name::default();
        self.last_start.push(name.unwrap_or_default());
    }
    fn emit_eof(&mut self) {
        if self.keep_text {
            let kind = Kind::Text(std::mem::take(&mut self.text));
            self.ready = Some(Markup { kind, name: Name::default() });
        }
    }
    fn emit_error(&mut self, _: html5gum::Error) {}
    fn should_emit_errors(&mut self) -> bool {
        false
    }
    fn pop_token(&mut self) -> Option<Markup> {
        self.ready.take()
    }
    fn emit_string(&mut self, text: &[u8]) {
        if self.keep_text {
            self.text.extend_from_slice(text);
        }
    }
    fn init_start_tag(&mut self) {
        self.current = Markup { kind: Kind::StartTag, name: Name::default() };
    }
    fn init_end_tag(&mut self) {
        self.current = Markup { kind: Kind::EndTag, name: Name::default() };
    }
    fn init_comment(&mut self) {
        self.current = Markup::default();
    }
    fn init_doctype(&mut self) {
        self.current = Markup::default();
    }
    fn emit_current_tag(&mut self) -> Option<State> {
        self.ready = Some(self.current.clone());
        if self.current.kind != Kind::StartTag {
            return None;
        }
        self.last_start = self.current.name;
        raw_state(&self.current.name)
    }
    fn emit_current_comment(&mut self) {
        self.ready = Some(Markup::default());
    }
    fn emit_current_doctype(&mut self) {
        self.ready = Some(Markup::default());
    }
    fn push_tag_name(&mut self, name: &[u8]) {
        self.current.name.push(name);
    }
    fn current_is_appropriate_end_tag_token(&mut self) -> bool {
        self.current.kind == Kind::EndTag && self.last_start.len > 0 && self.current.name == self.last_start
    }
    // Attributes, comments and document types have no text of the document.
    fn set_self_closing(&mut self) {}
    fn set_force_quirks(&mut self) {}
    fn push_comment(&mut self, _: &[u8]) {}
    fn push_doctype_name(&mut self, _: &[u8]) {}
    fn init_attribute(&mut self) {}
    fn push_attribute_name(&mut self, _: &[u8]) {}
    fn push_attribute_value(&mut self, _: &[u8]) {}
    fn set_doctype_public_identifier(&mut self, _: &[u8]) {}
    fn set_doctype_system_identifier(&mut self, _: &[u8]) {}
    fn push_doctype_public_identifier(&mut self, _: &[u8]) {}
    fn push_doctype_system_identifier(&mut self, _: &[u8]) {}
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
