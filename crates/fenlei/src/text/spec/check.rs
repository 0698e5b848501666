//! Whether the values of a specification make sense.

use super::super::phrases::PhraseScore;
use super::super::pinyin::PinyinMode;
use super::super::stem::Stem;
use super::super::stop_words::AUTO;
use super::{Chinese, PipelineSpec, Punctuation, SegmentMode};
use crate::error::{Error, Result};

/// More end marks than any filter could need.
const MAX_END_MARKS: usize = 1000;

/// Phrases of so many passes have more words than any name.
const MAX_PASSES: usize = 10;

impl PipelineSpec {
    /// Whether the values make sense, without looking at files.
    pub(crate) fn check_values(&self) -> Result<()> {
        let wrong =
            |place: &str, problem: &str, help: &str| Err(Error::config(format!("pipeline.{place}"), problem, help));
        let uses_jieba = match self.segment.mode {
            SegmentMode::Auto => self.segment.chinese == Chinese::Jieba,
            mode => mode == SegmentMode::Jieba,
        };
        if self.vocab.min_count == 0 {
            return wrong("vocab.min_count", "found 0, expected at least 1", "use 1 to keep every token");
        }
        if self.vocab.max_size == 0 {
            return wrong(
                "vocab.max_size",
                "found 0, expected at least 1",
                "leave it out for 100,000, or give a number",
            );
        }
        if u32::try_from(self.vocab.max_size).is_err() {
            return wrong("vocab.max_size", "found more than 4,294,967,295", "token numbers have 32 bits; give less");
        }
        if self.truncate.max_tokens == 0 {
            return wrong(
                "truncate.max_tokens",
                "found 0, expected at least 1",
                "leave it out for 1024, or give a number",
            );
        }
        if self.truncate.window == Some(0) {
            return wrong(
                "truncate.window",
                "found 0, expected at least 1",
                "leave it out to read documents as wholes, or give a number",
            );
        }
        if self.segment.end_marks > MAX_END_MARKS {
            let problem = format!("found {}, expected at most {MAX_END_MARKS}", self.segment.end_marks);
            return wrong("segment.end_marks", &problem, "as many as the widest filter has taps are enough");
        }
        if let Some(c) =
            self.clean.keep.as_deref().and_then(|keep| keep.chars().find(|&c| self.clean.remove.contains(c)))
        {
            let problem = format!("{c:?} stands in `keep` and in `remove`");
            return wrong("clean.keep", &problem, "take it out of one of the two");
        }
        if self.segment.mode == SegmentMode::Tokenizer {
            if self.segment.tokenizer.is_none() {
                let help = "add tokenizer = \"path/tokenizer.json\"";
                return wrong("segment.tokenizer", "mode \"tokenizer\" has no tokenizer file", help);
            }
            if self.segment.punctuation == Punctuation::Drop {
                let help = "leave `punctuation` out, or choose another mode";
                return wrong("segment.punctuation", "\"drop\" does not go with the pieces of a tokenizer", help);
            }
        } else if self.segment.tokenizer.is_some() {
            let problem = format!("a tokenizer file is given, but the mode is {:?}", self.segment.mode).to_lowercase();
            return wrong("segment.tokenizer", &problem, "set mode = \"tokenizer\", or leave the file out");
        } else if self.segment.special_tokens {
            let help = "set mode = \"tokenizer\" with a tokenizer file, or leave `special_tokens` out";
            return wrong("segment.special_tokens", "only a tokenizer file says what they are", help);
        }
        if self.segment.chinese == Chinese::Jieba && self.segment.mode != SegmentMode::Auto {
            let help = "set mode = \"auto\", or mode = \"jieba\" and leave `chinese` out";
            return wrong("segment.chinese", "only the mode \"auto\" chooses how Chinese is cut", help);
        }
        if self.segment.user_dict.is_some() && !uses_jieba {
            let help = "set mode = \"jieba\" or chinese = \"jieba\", or leave the file out";
            return wrong("segment.user_dict", "words for jieba are given, but jieba is not used", help);
        }
        if let Some(unknown) =
            self.stop_words.languages.iter().find(|code| *code != AUTO && stop_words::lookup(code.as_str()).is_none())
        {
            let problem = format!("no stop words for the language {unknown:?}");
            let known = stop_words::available_languages().join(", ");
            return wrong("stop_words.languages", &problem, &format!("known languages: auto, {known}"));
        }
        self.check_words()
    }

    /// Whether the steps that change words go with the way of cutting, and phrases can be found.
    fn check_words(&self) -> Result<()> {
        let wrong =
            |place: &str, problem: &str, help: &str| Err(Error::config(format!("pipeline.{place}"), problem, help));
        let mode = format!("{:?}", self.segment.mode).to_lowercase();
        let needs_words = [
            (!self.keep_pos.is_empty(), "keep_pos"),
            (self.tag_tokens, "tag_tokens"),
            (self.stem != Stem::None, "stem"),
        ];
        let needs_text =
            [(self.phrases.passes > 0, "phrases.passes"), (self.pinyin.mode != PinyinMode::Off, "pinyin.mode")];
        let refused = match self.segment.mode {
            SegmentMode::Chars => &needs_words[..],
            SegmentMode::Tokenizer => &[needs_words[0], needs_words[1], needs_words[2], needs_text[0], needs_text[1]],
            _ => &[],
        };
        if let Some((_, key)) = refused.iter().find(|(on, _)| *on) {
            let problem = format!("it changes words, and the mode {mode:?} gives none");
            return wrong(key, &problem, "leave it out, or choose another pipeline.segment.mode");
        }
        let phrases = &self.phrases;
        if phrases.passes > MAX_PASSES {
            let problem = format!("found {}, expected at most {MAX_PASSES}", phrases.passes);
            return wrong("phrases.passes", &problem, "two passes join up to four words");
        }
        if phrases.threshold.is_some_and(|threshold| !threshold.is_finite()) {
            return wrong("phrases.threshold", "found no finite number", "leave it out, or give one such as 10.0");
        }
        if let (PhraseScore::Npmi, Some(threshold)) = (phrases.score, phrases.threshold)
            && !(-1.0..=1.0).contains(&threshold)
        {
            let problem = format!("found {threshold}, expected -1 to 1 with score = \"npmi\"");
            return wrong("phrases.threshold", &problem, "leave it out for 0.5");
        }
        for (value, key) in [(phrases.min_count, "phrases.min_count"), (phrases.max_pairs as u64, "phrases.max_pairs")]
        {
            if value == 0 {
                return wrong(key, "found 0, expected at least 1", "leave it out for the default");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(toml: &str) -> String {
        toml::from_str::<PipelineSpec>(toml).unwrap().check_values().unwrap_err().to_string()
    }

    #[test]
    fn values_without_sense_are_refused_with_their_place() {
        for (toml, place) in [
            ("[vocab]\nmin_count = 0", "pipeline.vocab.min_count"),
            ("[vocab]\nmax_size = 0", "pipeline.vocab.max_size"),
            ("[vocab]\nmax_size = 5000000000", "pipeline.vocab.max_size"),
            ("[truncate]\nmax_tokens = 0", "pipeline.truncate.max_tokens"),
            ("[truncate]\nwindow = 0", "pipeline.truncate.window"),
            ("[clean]\nkeep = '!'\nremove = '#!'", "pipeline.clean.keep"),
            ("[segment]\nmode = 'tokenizer'", "pipeline.segment.tokenizer"),
            ("[segment]\ntokenizer = 'x'", "pipeline.segment.tokenizer"),
            ("[segment]\nmode = 'tokenizer'\ntokenizer = 'x'\npunctuation = 'drop'", "pipeline.segment.punctuation"),
            ("[segment]\nmode = 'words'\nchinese = 'jieba'", "pipeline.segment.chinese"),
            ("[segment]\nuser_dict = 'x'", "pipeline.segment.user_dict"),
            ("[segment]\nend_marks = 1001", "pipeline.segment.end_marks"),
            ("[segment]\nspecial_tokens = true", "pipeline.segment.special_tokens"),
            ("[stop_words]\nlanguages = ['en', 'xx']", "pipeline.stop_words.languages"),
            ("keep_pos = ['NOUN']\n[segment]\nmode = 'chars'", "pipeline.keep_pos"),
            ("stem = 'en'\n[segment]\nmode = 'tokenizer'\ntokenizer = 'x'", "pipeline.stem"),
            ("[pinyin]\nmode = 'add'\n[segment]\nmode = 'tokenizer'\ntokenizer = 'x'", "pipeline.pinyin.mode"),
            ("[phrases]\npasses = 11", "pipeline.phrases.passes"),
            ("[phrases]\nthreshold = nan", "pipeline.phrases.threshold"),
            ("[phrases]\nscore = 'npmi'\nthreshold = 10", "pipeline.phrases.threshold"),
            ("[phrases]\nmin_count = 0", "pipeline.phrases.min_count"),
            ("[phrases]\nmax_pairs = 0", "pipeline.phrases.max_pairs"),
        ] {
            let problem = problem(toml);
            assert!(problem.starts_with(place) && problem.contains("help: "), "{problem}");
        }
    }
}
