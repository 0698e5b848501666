//! Pieces by a Hugging Face `tokenizer.json`, so that a model that was pretrained elsewhere sees its own tokens.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use tokenizers::{Encoding, Token, Tokenizer};

use crate::error::{Error, Result};

/// Texts up to this size go to the tokenizer whole; longer ones in parts that end before white space, because its
/// memory is many times that of the text.
const PART_BYTES: usize = 1 << 16;

/// The tokenizer in a `tokenizer.json`, without its decoder: nobody makes text of pieces here, and the library panics on some
/// decoders that are damaged.
pub(crate) fn read_tokenizer(json: &[u8]) -> std::result::Result<Tokenizer, String> {
    let mut value: serde_json::Value = serde_json::from_slice(json).map_err(|e| e.to_string())?;
    if let Some(decoder) = value.get_mut("decoder") {
        *decoder = serde_json::Value::Null;
    }
    Tokenizer::from_bytes(value.to_string()).map_err(|e| e.to_string())
}

/// A tokenizer and the JSON it was read from.
#[derive(Clone)]
pub(crate) struct TokenizerJson {
    tokenizer: Arc<Tokenizer>,
    json: Arc<str>,
    around: Arc<[Vec<String>; 2]>,
}

impl TokenizerJson {
    /// Reads the content of a `tokenizer.json`. Padding and truncation are turned off: both are this library's part.
    ///
    /// # Errors
    /// JSON that is not a tokenizer.
    pub fn new(json: &str) -> Result<Self> {
        let invalid = |problem: String| {
            Error::config(
                "pipeline.segment.tokenizer",
                format!("not a tokenizer: {problem}"),
                "give the `tokenizer.json` of a fast Hugging Face tokenizer",
            )
        };
        let mut tokenizer = read_tokenizer(json.as_bytes()).map_err(invalid)?;
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|e| invalid(e.to_string()))?;
        tokenizer.encode_fast("probe", false).map_err(|e| invalid(e.to_string()))?;
        let around = around(&tokenizer).map_err(invalid)?;
        Ok(Self { tokenizer: Arc::new(tokenizer), json: json.into(), around: around.into() })
    }

    /// The tokens that its template puts before a document and behind it.
    pub fn around(&self) -> &[Vec<String>; 2] {
        &self.around
    }

    /// The JSON it was read from.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// Calls `sink` with the number of every piece, whether it begins a word of the tokenizer's, and its byte range in `text`,
    /// in order. A part that the tokenizer refuses has no pieces.
    pub fn number<F>(&self, text: &str, mut sink: F)
    where
        F: FnMut(u32, bool, Range<usize>),
    {
        let mut start = 0;
        while start < text.len() {
            let end = part_end(text, start);
            let part = &text[start..end];
            if let Ok(encoding) = self.tokenizer.encode(part, false) {
                let (mut last, words) = (None, encoding.get_word_ids());
                for ((&id, &word), &(from, to)) in encoding.get_ids().iter().zip(words).zip(encoding.get_offsets()) {
                    let from = floor(part, from);
                    sink(id, word.is_none() || word != last, start + from..start + ceil(part, to.max(from)));
                    last = word;
                }
            }
            start = end;
        }
    }

    /// The number of a token.
    pub fn token_to_id(&self, token: &str) -> Option<u32> {
        self.tokenizer.token_to_id(token)
    }

    /// The numbers of all tokens that mark something and are no text, sorted.
    pub fn special_ids(&self) -> Vec<u32> {
        let added = self.tokenizer.get_added_tokens_decoder();
        let mut ids: Vec<u32> = added.iter().filter(|(_, token)| token.special).map(|(&id, _)| id).collect();
        ids.sort_unstable();
        ids
    }

    /// The numbers of all tokens, sorted.
    pub fn ids(&self) -> Vec<u32> {
        let mut ids: Vec<u32> = self.tokenizer.get_vocab(true).into_values().collect();
        ids.sort_unstable();
        ids
    }

    /// Calls `sink` with every piece and its byte range in `text`, in order, until it breaks.
    /// A part that the tokenizer refuses is one piece, which no vocabulary knows.
    pub fn segment<F>(&self, text: &str, mut sink: F) -> ControlFlow<()>
    where
        F: FnMut(&str, Range<usize>) -> ControlFlow<()>,
    {
        let mut start = 0;
        while start < text.len() {
            let end = part_end(text, start);
            let part = &text[start..end];
            match self.tokenizer.encode(part, false) {
                Ok(encoding) => {
                    for (piece, &(from, to)) in encoding.get_tokens().iter().zip(encoding.get_offsets()) {
                        let from = floor(part, from);
                        sink(piece, start + from..start + ceil(part, to.max(from)))?;
                    }
                }
                Err(_) => sink(part, start..end)?,
            }
            start = end;
        }
        ControlFlow::Continue(())
    }
}

/// What the template of a tokenizer puts before a document and behind it, found with a document of one token.
fn around(tokenizer: &Tokenizer) -> Result<[Vec<String>; 2], String> {
    let document = Encoding::from_tokens(vec![Token::new(0, "x".to_owned(), (0, 1))], 0);
    let whole = tokenizer.post_process(document, None, true).map_err(|e| e.to_string())?;
    let is_special = whole.get_special_tokens_mask();
    let at = is_special.iter().position(|&special| special == 0).unwrap_or(is_special.len());
    let tokens = whole.get_tokens();
    Ok([tokens[..at].to_vec(), tokens.get(at + 1..).unwrap_or_default().to_vec()])
}

/// The parts of a text that go to a tokenizer one by one.
pub(crate) fn text_parts(text: &str) -> impl Iterator<Item = &str> {
    let mut start = 0;
    std::iter::from_fn(move || {
        (start < text.len()).then(|| {
            let end = part_end(text, start);
            let part = &text[start..end];
            start = end;
            part
        })
    })
}

/// Where the part that begins at `start` ends: before the first white space beyond its size, at twice its size anywhere.
fn part_end(text: &str, start: usize) -> usize {
    if text.len() - start <= PART_BYTES {
        return text.len();
    }
    let from = ceil(text, start + PART_BYTES);
    let limit = ceil(text, (start + 2 * PART_BYTES).min(text.len()));
    text[from..limit].find(char::is_whitespace).map_or(limit, |i| from + i)
}

fn floor(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn ceil(text: &str, mut at: usize) -> usize {
    while at < text.len() && !text.is_char_boundary(at) {
        at += 1;
    }
    at.min(text.len())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A word-piece tokenizer of a few pieces, with padding and truncation that must not take effect.
    pub(crate) const TINY: &str = r###"{
        "version": "1.0",
        "truncation": {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0},
        "padding": {"strategy": {"Fixed": 8}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0,
                    "pad_type_id": 0, "pad_token": "[UNK]"},
        "added_tokens": [], "normalizer": null, "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": null, "decoder": null,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100,
                  "vocab": {"[UNK]": 0, "play": 1, "##ing": 2, "##ed": 3, "the": 4, "!": 5, "好": 6}}
    }"###;

    /// [`TINY`] with a template: `the` before a document, `!` and `好` behind it.
    pub(crate) fn with_template() -> String {
        let token = |name: &str, id: u32| format!(r#"{{"id": "{name}", "ids": [{id}], "tokens": ["{name}"]}}"#);
        let piece = |name: &str| format!(r#"{{"SpecialToken": {{"id": "{name}", "type_id": 0}}}}"#);
        let template = format!(
            r#"{{"type": "TemplateProcessing",
                "single": [{}, {{"Sequence": {{"id": "A", "type_id": 0}}}}, {}, {}],
                "pair": [{{"Sequence": {{"id": "A", "type_id": 0}}}}, {{"Sequence": {{"id": "B", "type_id": 1}}}}],
                "special_tokens": {{"the": {}, "!": {}, "好": {}}}}}"#,
            piece("the"),
            piece("!"),
            piece("好"),
            token("the", 4),
            token("!", 5),
            token("好", 6),
        );
        TINY.replace(r#""post_processor": null"#, &format!(r#""post_processor": {template}"#))
    }

    fn pieces(text: &str) -> Vec<(String, Range<usize>)> {
        let mut pieces = Vec::new();
        let _ = TokenizerJson::new(TINY).unwrap().segment(text, |piece, range| {
            pieces.push((piece.to_owned(), range));
            ControlFlow::Continue(())
        });
        pieces
    }

    #[test]
    fn gives_pieces_with_their_ranges() {
        let expected =
            [("the", 0..3), ("play", 4..8), ("##ing", 8..11), ("!", 11..12), ("好", 12..15), ("[UNK]", 16..19)];
        let expected: Vec<_> = expected.into_iter().map(|(piece, range)| (piece.to_owned(), range)).collect();
        assert_eq!(pieces("the playing!好 cat"), expected);
    }

    #[test]
    fn numbers_tell_where_words_begin() {
        let mut found = Vec::new();
        let tokenizer = TokenizerJson::new(TINY).unwrap();
        tokenizer.number("the playing!好", |id, begins, range| found.push((id, begins, range)));
        let expected = [(4, true, 0..3), (1, true, 4..8), (2, false, 8..11), (5, true, 11..12), (6, true, 12..15)];
        assert_eq!(found, expected);
        assert_eq!(tokenizer.ids(), (0..7).collect::<Vec<_>>());
        assert!(tokenizer.special_ids().is_empty());
    }

    #[test]
    fn long_texts_go_in_parts_and_lose_nothing() {
        let text = "the played ".repeat(20_000);
        let found = pieces(&text);
        assert_eq!(found.len(), 60_000);
        let (last, range) = &found[59_999];
        assert_eq!((last.as_str(), &text[range.clone()]), ("##ed", "ed"));
    }

    #[test]
    fn the_tokens_around_a_document_are_those_of_the_template() {
        assert_eq!(TokenizerJson::new(TINY).unwrap().around(), &[Vec::<String>::new(), Vec::new()]);
        let found = TokenizerJson::new(&with_template()).unwrap();
        assert_eq!(found.around(), &[vec!["the".to_owned()], vec!["!".to_owned(), "好".to_owned()]]);
    }

    #[test]
    fn other_json_is_refused() {
        for json in ["", "{}", "[1]", "{\"model\": 3}"] {
            let error = TokenizerJson::new(json).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains("not a tokenizer") && error.contains("help"), "{error}");
        }
    }
}
