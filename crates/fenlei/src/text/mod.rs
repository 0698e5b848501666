//! From a raw document to token numbers: clean → segment → tag → filter → stem → join → index.
//!
//! [`PipelineSpec`] describes the steps (it is what a configuration file holds), [`PipelineSpec::fit`] learns the
//! vocabulary from the training part and gives a [`TextPipeline`], which is the only thing that can encode text.
//! A saved pipeline carries everything that it needs (user words, stop words, a `tokenizer.json`), so that serving
//! never reads another file.
//!
//! Invariant: every entry point accepts any `&str`. Encoding never fails and never panics; a document that has
//! nothing to say has no tokens.

mod clean;
mod corpus;
mod encoding;
#[cfg(test)]
mod golden;
mod phrases;
mod pinyin;
mod pipeline;
mod pos;
#[cfg(test)]
mod properties;
mod script;
mod segment;
mod sentence;
mod spec;
mod stem;
mod steps;
mod stop_words;
mod token_table;
mod truncate;
mod vocabulary;
mod windows;

pub(crate) use clean::{Cleaned, Flow, address_len, html_flow};
pub use corpus::{Corpus, InMemory};
pub use encoding::{EncodedTexts, Encoding, Stages, Token};
pub use phrases::{PhraseScore, PhrasesSpec};
pub use pinyin::{PinyinMode, PinyinSpec};
pub use pipeline::TextPipeline;
pub(crate) use pipeline::TokenTexts;
pub use pos::Tag;
pub(crate) use script::{is_han, is_kana, is_pictograph};
pub(crate) use segment::{HanSegmenter, Segmenter, TokenizerJson, read_tokenizer, text_parts};
pub use spec::{
    Chinese, CleanSpec, Html, Mask, PipelineSpec, Punctuation, SegmentMode, SegmentSpec, StopWordsSpec, TruncateSpec,
    Unknown, VocabSpec,
};
pub use stem::Stem;
pub use steps::Scratch;
pub(crate) use stop_words::StopWords;
pub(crate) use token_table::TokenTable;
pub use truncate::Keep;
pub use vocabulary::{UNKNOWN_ID, UNKNOWN_TOKEN, Vocabulary};
