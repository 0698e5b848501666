//! HTML to blocks of text: what stands between two elements that break the line, with what is known of its place.

use std::convert::Infallible;
use std::ops::Range;

use html5gum::Tokenizer;
use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};

use super::places::{self, CONTENT, HIDDEN, LINK, PREFORMATTED, Place, TITLE};

/// How many open elements are remembered, and how far up an end tag is looked for: bounds for hostile pages.
const DEEPEST: usize = 1024;
const LOOK_UP: usize = 64;

/// What stands between two line breaks.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::data::crawl) struct Block {
    text: Range<usize>,
    /// Where its text begins.
    place: Place,
    /// How much text it is, in words; a Han character or a kana counts as [`WORDS_A_CHARACTER`].
    pub(super) words: f32,
    /// How much of that is in links.
    pub(super) link_words: f32,
}

/// A Chinese word has about 1.6 characters, so that limits in words hold for both languages.
const WORDS_A_CHARACTER: f32 = 0.6;

/// A page as the blocks of its text.
#[derive(Debug, Default)]
pub(in crate::data::crawl) struct Page {
    pub(in crate::data::crawl) title: String,
    pub(super) blocks: Vec<Block>,
    text: String,
}

impl Page {
    /// Reads a page. Total: any text is some page.
    pub(in crate::data::crawl) fn read(html: &str) -> Self {
        let mut reader = Reader::default();
        let callback = |event: CallbackEvent<'_>, _: html5gum::Span<()>| -> Option<Infallible> {
            reader.event(event);
            None
        };
        let mut emitter = CallbackEmitter::new(callback);
        emitter.naively_switch_states(true);
        // The callback gives no tokens, so the first answer is the end.
        let _ = Tokenizer::new_with_emitter(html, emitter).next();
        reader.end_block();
        reader.page.title = reader.page.title.split_whitespace().collect::<Vec<_>>().join(" ");
        reader.page
    }

    /// The chosen blocks, each on a line of its own.
    pub(super) fn text_of(&self, chosen: impl Fn(usize) -> bool) -> String {
        let chosen = self.blocks.iter().enumerate().filter(|(i, _)| chosen(*i)).map(|(_, block)| block);
        let mut text = String::new();
        for block in chosen {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(self.text[block.text.clone()].trim());
        }
        text
    }
}

#[derive(Default)]
struct Reader {
    page: Page,
    /// The open elements: name and place, the place with what they inherit.
    open: Vec<(Box<[u8]>, Place)>,
    /// The start tag that is being read.
    name: Vec<u8>,
    own: Place,
    attribute: Vec<u8>,
    /// Where the text of the current block starts.
    start: usize,
    place: Place,
    words: f32,
    link_words: f32,
    /// Whether the last character belongs to a word that the next one may go on with.
    in_word: bool,
    line_breaks: usize,
}

impl Reader {
    fn event(&mut self, event: CallbackEvent<'_>) {
        match event {
            CallbackEvent::OpenStartTag { name } => {
                self.name.clear();
                self.name.extend_from_slice(name);
                self.own = places::of_element(name);
            }
            CallbackEvent::AttributeName { name } => {
                self.attribute.clear();
                self.attribute.extend_from_slice(name);
                if name == b"hidden" {
                    self.own |= HIDDEN;
                }
            }
            CallbackEvent::AttributeValue { value } => {
                self.own |= places::of_attribute(&self.name, &self.attribute, value);
            }
            CallbackEvent::CloseStartTag { self_closing } => self.start_tag(self_closing),
            CallbackEvent::EndTag { name } => self.end_tag(name),
            CallbackEvent::String { value } => self.string(value),
            _ => {}
        }
    }

    fn inherited(&self) -> Place {
        self.open.last().map_or(0, |(_, place)| *place)
    }

    fn start_tag(&mut self, self_closing: bool) {
        let name = std::mem::take(&mut self.name);
        if name == b"br" {
            self.line_breaks += 1;
            // Two in a row are how old pages write paragraphs.
            if self.line_breaks > 1 { self.end_block() } else { self.gap('\n') }
        } else if places::is_block(&name) {
            self.end_block();
        }
        if name == b"a" && self.inherited() & LINK != 0 {
            // Links do not stand in each other: the last one was not closed.
            self.end_tag(b"a");
        }
        let foreign = self.inherited() & HIDDEN != 0 && self_closing;
        if !places::is_void(&name) && !foreign && self.open.len() < DEEPEST {
            let inherited = self.inherited();
            // A title is that of the page only in its head: pictures have titles too.
            let own = if inherited & HIDDEN != 0 { self.own & !TITLE } else { self.own };
            self.open.push((name.as_slice().into(), inherited | own));
        }
        self.name = name;
    }

    fn end_tag(&mut self, name: &[u8]) {
        if places::is_block(name) {
            self.end_block();
        }
        if let Some(above) = self.open.iter().rev().take(LOOK_UP).position(|(open, _)| **open == *name) {
            self.open.truncate(self.open.len() - 1 - above);
        }
    }

    fn string(&mut self, value: &[u8]) {
        let place = self.inherited();
        let text = String::from_utf8_lossy(value);
        if place & TITLE != 0 {
            self.page.title.push_str(&text);
            return;
        }
        if place & HIDDEN != 0 {
            return;
        }
        for c in text.chars() {
            if c.is_whitespace() {
                let kept = place & PREFORMATTED != 0 && c == '\n';
                self.gap(if kept { '\n' } else { ' ' });
                continue;
            }
            self.line_breaks = 0;
            if self.page.text.len() == self.start {
                self.place = place;
            }
            self.page.text.push(c);
            let weight = match c {
                _ if is_character_word(c) => {
                    self.in_word = false;
                    WORDS_A_CHARACTER
                }
                _ if c.is_alphanumeric() => f32::from(u8::from(!std::mem::replace(&mut self.in_word, true))),
                _ => 0.0,
            };
            self.words += weight;
            if place & LINK != 0 {
                self.link_words += weight;
            }
        }
    }

    /// White space: one character of it, however much there is.
    fn gap(&mut self, c: char) {
        self.in_word = false;
        let text = &mut self.page.text;
        if text.len() == self.start || text.ends_with('\n') {
            return;
        }
        if c == '\n' && text.ends_with(' ') {
            text.pop();
        }
        if !text.ends_with(' ') {
            text.push(c);
        }
    }

    fn end_block(&mut self) {
        self.line_breaks = 0;
        self.in_word = false;
        let text = self.start..self.page.text.len();
        if !self.page.text[text.clone()].trim().is_empty() {
            let (words, link_words) = (self.words, self.link_words);
            self.page.blocks.push(Block { text, place: self.place, words, link_words });
        }
        self.start = self.page.text.len();
        (self.place, self.words, self.link_words) = (0, 0.0, 0.0);
    }
}

impl Block {
    pub(super) fn link_density(&self) -> f32 {
        if self.words > 0.0 { self.link_words / self.words } else { 0.0 }
    }

    pub(super) fn is(&self, place: Place) -> bool {
        self.place & place != 0
    }

    pub(super) fn in_content(&self) -> bool {
        self.is(CONTENT)
    }
}

/// Whether a character is written without spaces around words: Han and kana.
fn is_character_word(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{323af}')
}
