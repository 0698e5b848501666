//! Documents as sequences of symbols, of which n-grams are runs: token ids, hashes of tokens, or characters.

use rayon::prelude::*;

use super::spec::CharScope;
use crate::text::{EncodedTexts, Scratch, TextPipeline, TokenTexts, UNKNOWN_ID, is_han};

/// Documents that one thread turns into symbols at a time.
const DOCS_PER_TASK: usize = 32;

/// Stands behind the last symbol of a sequence.
pub(super) const END: u32 = u32::MAX;

/// The sequences of many documents, each with [`END`] behind it: no run reaches over the end of a sequence.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Sequences {
    /// The symbols of all documents.
    pub symbols: Vec<u32>,
    /// Where each document ends in `symbols`; it starts where the one before it ends.
    pub docs: Vec<usize>,
}

/// What the symbols are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SymbolKind {
    /// Ids of the pipeline's vocabulary. An unknown token ends a sequence.
    Ids,
    /// Hashes of tokens, the unknown ones too.
    Hashes,
    /// Unicode scalar values.
    Chars(CharScope),
}

impl Sequences {
    /// How many documents there are.
    pub fn n_docs(&self) -> usize {
        self.docs.len()
    }

    /// The symbols of document `doc`, the ends of its sequences among them.
    pub fn of_doc(&self, doc: usize) -> &[u32] {
        let start = if doc == 0 { 0 } else { self.docs[doc - 1] };
        &self.symbols[start..self.docs[doc]]
    }

    /// Turns texts into symbols, in parallel. Each document gets what it gets alone.
    pub fn new<S: AsRef<str> + Sync>(pipeline: &TextPipeline, texts: &[S], kind: SymbolKind) -> Self {
        let parts: Vec<Self> = texts
            .par_chunks(DOCS_PER_TASK)
            .map_init(Memory::default, |memory, chunk| {
                let mut part = Self::default();
                for text in chunk {
                    part.push(pipeline, text.as_ref(), kind, memory);
                }
                part
            })
            .collect();
        let mut all = Self {
            symbols: Vec::with_capacity(parts.iter().map(|part| part.symbols.len()).sum()),
            docs: Vec::with_capacity(texts.len()),
        };
        for part in parts {
            let n_symbols = all.symbols.len();
            all.symbols.extend_from_slice(&part.symbols);
            all.docs.extend(part.docs.iter().map(|end| n_symbols + end));
        }
        all
    }

    /// The sequences of texts that are ids already.
    pub fn of_ids(texts: &EncodedTexts) -> Self {
        let mut all = Self { symbols: Vec::with_capacity(texts.ids.len()), docs: Vec::with_capacity(texts.len()) };
        for ids in texts.starts.windows(2).map(|bounds| &texts.ids[bounds[0]..bounds[1]]) {
            all.push_ids(ids);
            all.docs.push(all.symbols.len());
        }
        all
    }

    /// Appends the runs of known tokens.
    fn push_ids(&mut self, ids: &[u32]) {
        for known in ids.split(|&id| id == UNKNOWN_ID).filter(|run| !run.is_empty()) {
            self.symbols.extend_from_slice(known);
            self.symbols.push(END);
        }
    }

    /// Appends a document.
    pub fn push(&mut self, pipeline: &TextPipeline, text: &str, kind: SymbolKind, memory: &mut Memory) {
        match kind {
            SymbolKind::Ids => {
                memory.ids.clear();
                pipeline.encode_into(text, &mut memory.ids, &mut memory.scratch);
                self.push_ids(&memory.ids);
            }
            SymbolKind::Hashes => {
                pipeline.tokens_into(text, &mut memory.tokens, &mut memory.scratch);
                self.symbols.extend(memory.tokens.iter().map(hash_of));
                self.end_sequence();
            }
            SymbolKind::Chars(CharScope::Words) => {
                pipeline.tokens_into(text, &mut memory.tokens, &mut memory.scratch);
                for token in memory.tokens.iter() {
                    let padded = std::iter::once(' ').chain(token.chars()).chain([' ']);
                    self.symbols.extend(padded.map(u32::from));
                    self.end_sequence();
                }
            }
            SymbolKind::Chars(CharScope::Text) => {
                pipeline.tokens_into(text, &mut memory.tokens, &mut memory.scratch);
                let mut last: Option<char> = None;
                for token in memory.tokens.iter() {
                    let beside_han = last.is_some_and(is_han) || token.chars().next().is_some_and(is_han);
                    if last.is_some() && !beside_han {
                        self.symbols.push(u32::from(' '));
                    }
                    self.symbols.extend(token.chars().map(u32::from));
                    last = token.chars().next_back().or(last);
                }
                self.end_sequence();
            }
        }
        self.docs.push(self.symbols.len());
    }

    /// Ends the sequence if it has begun.
    fn end_sequence(&mut self) {
        let start = self.docs.last().copied().unwrap_or(0);
        if self.symbols[start..].last().is_some_and(|&symbol| symbol != END) {
            self.symbols.push(END);
        }
    }

    /// Forgets every document and keeps the memory.
    pub fn clear(&mut self) {
        self.symbols.clear();
        self.docs.clear();
    }
}

/// Memory that is used again from text to text.
#[derive(Default)]
pub(super) struct Memory {
    scratch: Scratch,
    ids: Vec<u32>,
    tokens: TokenTexts,
}

/// 32 bits of a token's FNV-1a hash. It stands in saved models, so it may never change.
pub(super) fn hash_of(token: &str) -> u32 {
    let hash = token
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3));
    ((hash ^ (hash >> 32)) as u32).min(END - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::PipelineSpec;

    fn sequences(text: &str, kind: SymbolKind) -> Vec<Vec<u32>> {
        let pipeline = PipelineSpec::default().fit(&["a film a film of", "a b"]).unwrap();
        let all = Sequences::new(&pipeline, &["", text, "a"], kind);
        assert_eq!((all.n_docs(), all.of_doc(0).len()), (3, 0));
        all.of_doc(1).split_inclusive(|&symbol| symbol == END).map(|s| s[..s.len() - 1].to_vec()).collect()
    }

    fn chars(text: &str, scope: CharScope) -> Vec<String> {
        let as_text = |sequence: Vec<u32>| sequence.into_iter().filter_map(char::from_u32).collect();
        sequences(text, SymbolKind::Chars(scope)).into_iter().map(as_text).collect()
    }

    #[test]
    fn an_unknown_token_ends_a_sequence_of_ids() {
        assert_eq!(sequences("a film, film", SymbolKind::Ids), [vec![1, 2], vec![2]]);
        assert_eq!(sequences("x", SymbolKind::Ids), [[0; 0]; 0]);
    }

    #[test]
    fn hashes_stay_what_they_were() {
        assert_eq!(sequences("a 好", SymbolKind::Hashes), [[hash_of("a"), hash_of("好")]]);
        // FNV-1a of "a" is af63dc4c8601ec8c.
        assert_eq!(hash_of("a"), 0xaf63_dc4c ^ 0x8601_ec8c);
    }

    #[test]
    fn characters_stand_in_padded_tokens_or_in_the_joined_text() {
        assert_eq!(chars("An old  film", CharScope::Words), [" an ", " old ", " film "]);
        assert_eq!(chars("An old  film", CharScope::Text), ["an old film"]);
        assert_eq!(chars("看 film 很好", CharScope::Text), ["看film很好"]);
    }
}
