//! Segmentation: from a cleaned text to its tokens.

mod graphemes;
mod han;
mod tokenizer_json;
mod words;

use std::ops::{ControlFlow, Range};

pub(crate) use self::han::HanSegmenter;
pub(crate) use self::tokenizer_json::{TokenizerJson, read_tokenizer, text_parts};
use super::clean::Cleaned;
use super::script::{is_chinese, is_pictograph};
use super::spec::{Chinese, Punctuation, SegmentMode, SegmentSpec};
use crate::error::{Error, Result};

#[cfg(test)]
pub(crate) use self::tokenizer_json::tests::{TINY as TINY_TOKENIZER, with_template};

/// Cuts texts into tokens as one specification says.
#[derive(Clone)]
pub(crate) struct Segmenter {
    method: Method,
    drop_punctuation: bool,
    special_tokens: bool,
}

#[derive(Clone)]
enum Method {
    Words,
    /// Chinese words in every document.
    Han(HanSegmenter),
    /// Chinese words in documents that are mostly Chinese, Unicode words in others.
    HanInChinese(HanSegmenter),
    Characters,
    Tokenizer(TokenizerJson),
}

impl Segmenter {
    /// `user_dict` and `tokenizer` are the contents of the files that `spec` names; `clean` is what documents go through.
    ///
    /// # Errors
    /// Contents that cannot be used.
    pub fn new(
        spec: &SegmentSpec,
        user_dict: Option<&str>,
        tokenizer: Option<&str>,
        clean: &dyn Fn(&str) -> String,
    ) -> Result<Self> {
        let han = || HanSegmenter::new(spec.hmm, user_dict, clean);
        let method = match (spec.mode, spec.chinese) {
            (SegmentMode::Auto, Chinese::Jieba) => Method::HanInChinese(han()?),
            // The Unicode rules already make every Han character a token and keep Latin words and numbers whole.
            (SegmentMode::Auto, Chinese::Chars) | (SegmentMode::Words, _) => Method::Words,
            (SegmentMode::Jieba, _) => Method::Han(han()?),
            (SegmentMode::Chars, _) => Method::Characters,
            (SegmentMode::Tokenizer, _) => Method::Tokenizer(TokenizerJson::new(tokenizer.ok_or_else(|| {
                Error::config(
                    "pipeline.segment.tokenizer",
                    "mode \"tokenizer\" has no tokenizer file",
                    "add tokenizer = \"path/tokenizer.json\"",
                )
            })?)?),
        };
        let drop_punctuation = spec.punctuation == Punctuation::Drop;
        Ok(Self { method, drop_punctuation, special_tokens: spec.special_tokens })
    }

    /// Gives punctuation marks too, whatever the specification says.
    pub fn keep_punctuation(&mut self) {
        self.drop_punctuation = false;
    }

    /// The segmenter of Chinese words, if one is in use.
    pub fn han(&self) -> Option<&HanSegmenter> {
        match &self.method {
            Method::Han(han) | Method::HanInChinese(han) => Some(han),
            _ => None,
        }
    }

    /// The `tokenizer.json` in use, if one is.
    pub fn tokenizer_json(&self) -> Option<&str> {
        match &self.method {
            Method::Tokenizer(tokenizer) => Some(tokenizer.json()),
            _ => None,
        }
    }

    /// The tokens that stand before every document and behind it.
    pub fn around(&self) -> [&[String]; 2] {
        match &self.method {
            Method::Tokenizer(tokenizer) if self.special_tokens => {
                let [before, behind] = tokenizer.around();
                [before, behind]
            }
            _ => [&[], &[]],
        }
    }

    /// Calls `sink` with every token of `cleaned` and its byte range there, in order, until it breaks.
    #[inline]
    pub fn segment<F>(&self, cleaned: Cleaned<'_>, mut sink: F) -> ControlFlow<()>
    where
        F: FnMut(&str, Range<usize>) -> ControlFlow<()>,
    {
        let text = cleaned.text;
        let chinese = matches!(self.method, Method::HanInChinese(_)) && is_chinese(text);
        let mut at = 0;
        for mask in cleaned.protected {
            self.segment_part(&text[at..mask.start], at, chinese, &mut sink)?;
            sink(&text[mask.clone()], mask.clone())?;
            at = mask.end;
        }
        self.segment_part(&text[at..], at, chinese, &mut sink)
    }

    /// Segments `part`, which stands at byte `offset` of the text.
    #[inline]
    fn segment_part<F>(&self, part: &str, offset: usize, chinese: bool, sink: &mut F) -> ControlFlow<()>
    where
        F: FnMut(&str, Range<usize>) -> ControlFlow<()>,
    {
        let drop_punctuation = self.drop_punctuation;
        let emit = |range: Range<usize>| {
            let token = &part[range.clone()];
            if drop_punctuation && is_punctuation(token) {
                return ControlFlow::Continue(());
            }
            sink(token, offset + range.start..offset + range.end)
        };
        match &self.method {
            Method::Words => words::segment(part, emit),
            Method::HanInChinese(_) if !chinese => words::segment(part, emit),
            Method::HanInChinese(han) | Method::Han(han) => han.segment(part, emit),
            Method::Characters => graphemes::segment(part, emit),
            Method::Tokenizer(tokenizer) => {
                tokenizer.segment(part, |token, range| sink(token, offset + range.start..offset + range.end))
            }
        }
    }
}

/// Whether a token is neither a word nor a number nor a pictograph.
pub(crate) fn is_punctuation(token: &str) -> bool {
    !token.chars().any(|c| c.is_alphanumeric() || is_pictograph(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(spec: &SegmentSpec, text: &str) -> Vec<String> {
        let mut tokens = Vec::new();
        let segmenter = Segmenter::new(spec, None, Some(TINY_TOKENIZER), &str::to_owned).unwrap();
        let _ = segmenter.segment(Cleaned { text, protected: &[] }, |token, range| {
            if spec.mode != SegmentMode::Tokenizer {
                assert_eq!(token, &text[range]);
            }
            tokens.push(token.to_owned());
            ControlFlow::Continue(())
        });
        tokens
    }

    fn spec(mode: SegmentMode, chinese: Chinese, punctuation: Punctuation) -> SegmentSpec {
        SegmentSpec { mode, chinese, punctuation, ..SegmentSpec::default() }
    }

    #[test]
    fn each_mode_cuts_in_its_way() {
        use Punctuation::{Drop, Keep};
        let text = "我们看iphone!👍";
        let cut = |mode, chinese, punctuation| tokens(&spec(mode, chinese, punctuation), text);
        assert_eq!(cut(SegmentMode::Auto, Chinese::Chars, Keep), ["我", "们", "看", "iphone", "!", "👍"]);
        assert_eq!(cut(SegmentMode::Auto, Chinese::Jieba, Keep), ["我们", "看", "iphone", "!", "👍"]);
        assert_eq!(cut(SegmentMode::Jieba, Chinese::Chars, Drop), ["我们", "看", "iphone", "👍"]);
        assert_eq!(cut(SegmentMode::Words, Chinese::Chars, Drop), ["我", "们", "看", "iphone", "👍"]);
        assert_eq!(cut(SegmentMode::Chars, Chinese::Chars, Drop).concat(), "我们看iphone👍");
        assert_eq!(cut(SegmentMode::Chars, Chinese::Chars, Drop).len(), 10);
        let pieces = tokens(&spec(SegmentMode::Tokenizer, Chinese::Chars, Keep), "the playing");
        assert_eq!(pieces, ["the", "play", "##ing"]);
    }

    #[test]
    fn auto_leaves_documents_that_are_not_chinese_to_the_unicode_rules() {
        let auto = spec(SegmentMode::Auto, Chinese::Jieba, Punctuation::Keep);
        assert_eq!(
            tokens(&auto, "the word 我们 means we, in a language of many"),
            tokens(&SegmentSpec::default(), "the word 我们 means we, in a language of many")
        );
    }

    #[test]
    fn masks_are_one_token_and_separate_what_is_around_them() {
        let segmenter =
            Segmenter::new(&spec(SegmentMode::Chars, Chinese::Chars, Punctuation::Drop), None, None, &str::to_owned)
                .unwrap();
        let text = "ab<url>c<url>";
        let mut found = Vec::new();
        let _ = segmenter.segment(Cleaned { text, protected: &[2..7, 8..13] }, |token, range| {
            assert_eq!(token, &text[range]);
            found.push(token.to_owned());
            ControlFlow::Continue(())
        });
        assert_eq!(found, ["a", "b", "<url>", "c", "<url>"]);
    }
}
