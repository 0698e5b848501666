//! What a text pipeline does, as a configuration says it. Every field has a default.

mod check;
mod summary;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::phrases::PhrasesSpec;
use super::pinyin::PinyinSpec;
use super::pos::Tag;
use super::stem::Stem;
use super::truncate::Keep;

/// The steps from a document to token numbers. The default suits English and Chinese reviews, comments and news.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PipelineSpec {
    /// The parts of speech whose tokens stay; all others are left out. Default: none given, everything stays.
    pub keep_pos: Vec<Tag>,
    /// Whether each token carries its part of speech: `play/NOUN`, `play/VERB`. Default: false.
    pub tag_tokens: bool,
    /// The language whose words are cut down to their stems. Default: `none`.
    pub stem: Stem,
    /// What is done to the characters.
    pub clean: CleanSpec,
    /// How the text is cut into tokens.
    pub segment: SegmentSpec,
    /// Which tokens are left out.
    pub stop_words: StopWordsSpec,
    /// Which neighbours become one token.
    pub phrases: PhrasesSpec,
    /// Whether Chinese is written in pinyin.
    pub pinyin: PinyinSpec,
    /// Which tokens get a number.
    pub vocab: VocabSpec,
    /// How many tokens of a document are kept.
    pub truncate: TruncateSpec,
}

/// What is done to the characters of a document, in the order of the fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CleanSpec {
    /// Whether tags are removed and entities decoded. Default: `auto`.
    pub html: Html,
    /// Unicode compatibility form: `Ａ` becomes `A`, `ﬁ` becomes `fi`, `e` with an accent becomes `é`. Default: true.
    pub nfkc: bool,
    /// Removes control characters, zero-width characters, direction marks and variation selectors; joiners stay in
    /// emoji and in scripts that need them. Default: true.
    pub strip_invisible: bool,
    /// Makes every run of white space one space and removes it at both ends. Default: true.
    pub collapse_whitespace: bool,
    /// Lower case, by Unicode. Default: true.
    pub lowercase: bool,
    /// Traditional to simplified Chinese. Default: true.
    pub simplify: bool,
    /// Addresses of pages; the token is `<url>`. Default: keep.
    pub urls: Mask,
    /// Mail addresses; the token is `<mail>`. Default: keep.
    pub mails: Mask,
    /// Mentions such as `@name`; the token is `<mention>`. Default: keep.
    pub mentions: Mask,
    /// Numbers such as `3.14` and `1,000`; the token is `<number>`. Default: keep.
    pub numbers: Mask,
    /// Characters that become a space. Default: none.
    pub remove: String,
    /// When given, the only symbols and punctuation marks that stay; letters, digits and accents always stay, all else
    /// becomes a space. Default: not given, everything stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep: Option<String>,
}

impl Default for CleanSpec {
    fn default() -> Self {
        Self {
            html: Html::Auto,
            nfkc: true,
            strip_invisible: true,
            collapse_whitespace: true,
            lowercase: true,
            simplify: true,
            urls: Mask::Keep,
            mails: Mask::Keep,
            mentions: Mask::Keep,
            numbers: Mask::Keep,
            remove: String::new(),
            keep: None,
        }
    }
}

/// When a document is read as HTML.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Html {
    /// Where it holds known elements, comments or entities that end with `;`. `a < b`, `<3` and `<url>` stay.
    #[default]
    Auto,
    /// Everything that an HTML parser takes for a tag or an entity is one.
    Always,
    /// Never: `<` and `&` are plain characters.
    Never,
}

/// What becomes of something that was found in a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mask {
    /// It stays.
    #[default]
    Keep,
    /// It becomes one token that says what it was.
    Mask,
    /// It becomes a space.
    Remove,
}

/// How a text is cut into tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SegmentSpec {
    /// The way of cutting. Default: `auto`.
    pub mode: SegmentMode,
    /// How `auto` cuts documents that are mostly Chinese. Default: `chars`.
    pub chinese: Chinese,
    /// Whether tokens that are neither words nor numbers nor pictographs are kept. Default: `keep`.
    pub punctuation: Punctuation,
    /// Whether jieba guesses words that its dictionary lacks. Default: true.
    pub hmm: bool,
    /// A file of words for jieba, one a line, with an optional frequency and tag. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_dict: Option<PathBuf>,
    /// A `tokenizer.json`, for the mode `tokenizer`. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<PathBuf>,
    /// Whether the tokens stand around a document that the tokenizer's own model expects there, such as `[CLS]` and
    /// `[SEP]`. They count as tokens, and truncation leaves them. Default: false.
    pub special_tokens: bool,
    /// How many `</s>` stand behind the last token of a document, so that filters can tell where it ends: the last
    /// sentence of a review often says most. As many as filters are wide is enough. Default: 0.
    pub end_marks: usize,
}

impl Default for SegmentSpec {
    fn default() -> Self {
        Self {
            mode: SegmentMode::Auto,
            chinese: Chinese::Chars,
            punctuation: Punctuation::Keep,
            hmm: true,
            user_dict: None,
            tokenizer: None,
            special_tokens: false,
            end_marks: 0,
        }
    }
}

/// The ways of cutting a text into tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SegmentMode {
    /// By the script of each document: [`SegmentSpec::chinese`] says how Chinese is cut, all else is cut as `words`.
    #[default]
    Auto,
    /// Words by the Unicode rules (UAX #29): `don't` and `3.14` are one, every Han character is one.
    Words,
    /// As `words`, with Chinese words by jieba in every document.
    Jieba,
    /// Every character that is not white space, Latin letters too.
    Chars,
    /// The pieces of a `tokenizer.json`.
    Tokenizer,
}

/// How Chinese is cut in the mode `auto`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Chinese {
    /// Every Han character is a token; Latin words and numbers stay whole.
    #[default]
    Chars,
    /// Words by jieba; a document counts as Chinese when a fifth of its letters are Han characters.
    Jieba,
}

/// What becomes of punctuation marks and symbols.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Punctuation {
    /// Each is a token.
    #[default]
    Keep,
    /// They only separate words. Emoji and other pictographs stay.
    Drop,
}

/// Which tokens are left out. Off by default: lists of stop words hold `not` and `没`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StopWordsSpec {
    /// Languages by their ISO 639-1 code, such as `en` and `zh`; `auto` stands for those of the training documents.
    /// Default: none.
    pub languages: Vec<String>,
    /// A file of words, one a line, taken in addition. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
}

/// Which tokens get a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VocabSpec {
    /// Tokens that are rarer than this in the training part are unknown. Default: 2, so that the number of unknown
    /// tokens is itself seen in training.
    pub min_count: u64,
    /// The most numbers there are, with the one for unknown tokens. Default: 100,000.
    pub max_size: usize,
    /// What becomes of unknown tokens. Default: `keep`.
    pub unknown: Unknown,
}

impl Default for VocabSpec {
    fn default() -> Self {
        Self { min_count: 2, max_size: 100_000, unknown: Unknown::Keep }
    }
}

/// What becomes of tokens that the vocabulary lacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unknown {
    /// They get the number 0.
    #[default]
    Keep,
    /// They are left out.
    Drop,
}

/// How many tokens of a document are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TruncateSpec {
    /// The most tokens of a document. Default: 1024.
    pub max_tokens: usize,
    /// Which part is kept of a document that has more. Default: `head`.
    pub keep: Keep,
    /// An encoder reads a document in windows of so many tokens, special tokens around each, as many windows as
    /// `max_tokens` has room for. Default: none, a document is read as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<usize>,
}

impl Default for TruncateSpec {
    fn default() -> Self {
        Self { max_tokens: 1024, keep: Keep::Head, window: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_configuration_is_the_default_and_a_full_one_comes_back() {
        assert_eq!(toml::from_str::<PipelineSpec>("").unwrap(), PipelineSpec::default());
        let spec: PipelineSpec = toml::from_str(
            "[clean]\nurls = 'mask'\nkeep = '!?'\n[segment]\nchinese = 'jieba'\n[vocab]\nmax_size = 7\n[truncate]\nkeep = 'both'",
        )
        .unwrap();
        spec.check_values().unwrap();
        assert_eq!(spec.clean.urls, Mask::Mask);
        assert_eq!(spec.vocab, VocabSpec { max_size: 7, ..VocabSpec::default() });
        assert_eq!(toml::from_str::<PipelineSpec>(&toml::to_string(&spec).unwrap()).unwrap(), spec);
    }

    #[test]
    fn unknown_keys_and_values_are_refused() {
        for toml in ["[clena]", "[clean]\nhtmls = 'auto'", "[segment]\nmode = 'wrods'", "[vocab]\nmin_count = -1"] {
            assert!(toml::from_str::<PipelineSpec>(toml).is_err(), "{toml}");
        }
    }
}
