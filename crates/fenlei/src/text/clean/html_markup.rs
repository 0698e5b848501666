//! What html5gum reads from and reports to, reduced to what cleaning needs: the kind of a construct, its name, its end.

use std::cell::Cell;
use std::convert::Infallible;

use html5gum::{Emitter, Reader, State};
use memchr::{memchr, memchr2};

/// The tokenizer state for elements whose content is not text.
pub(super) fn raw_state(name: &Name) -> Option<State> {
    match name.as_bytes() {
        b"script" => Some(State::ScriptData),
        b"style" => Some(State::RawText),
        _ => None,
    }
}

/// Reads bytes and tells how many were read, and whether more were asked for than there are.
pub(super) struct Source<'a> {
    rest: &'a [u8],
    consumed: &'a Cell<usize>,
    ended: &'a Cell<bool>,
}

impl<'a> Source<'a> {
    pub fn new(bytes: &'a [u8], consumed: &'a Cell<usize>, ended: &'a Cell<bool>) -> Self {
        Self { rest: bytes, consumed, ended }
    }

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
pub(super) struct Name {
    bytes: [u8; Name::MAX],
    len: u8,
    too_long: bool,
}

impl Name {
    /// Longest name that can be an element's.
    pub const MAX: usize = 15;

    pub fn of(bytes: &[u8]) -> Option<Self> {
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

    pub fn as_bytes(&self) -> &[u8] {
        if self.too_long { b"" } else { &self.bytes[..usize::from(self.len)] }
    }
}

#[derive(Clone, Default, PartialEq)]
pub(super) enum Kind {
    StartTag,
    EndTag,
    /// Decoded text, only for entities.
    Text(Vec<u8>),
    /// A comment, a document type or a processing instruction.
    #[default]
    Other,
}

#[derive(Clone, Default)]
pub(super) struct Markup {
    pub kind: Kind,
    pub name: Name,
}

/// Keeps of a construct only its kind and name.
#[derive(Default)]
pub(super) struct MarkupEmitter {
    current: Markup,
    last_start: Name,
    ready: Option<Markup>,
    keep_text: bool,
    text: Vec<u8>,
}

impl MarkupEmitter {
    /// Gives the decoded text at the end of the input: for entities.
    pub fn keeping_text() -> Self {
        Self { keep_text: true, ..Self::default() }
    }
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
