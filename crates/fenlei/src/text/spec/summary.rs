//! A specification in one line.

use std::fmt;

use super::super::pinyin::PinyinMode;
use super::super::stem::Stem;
use super::{Mask, PipelineSpec, SegmentMode};

impl fmt::Display for PipelineSpec {
    /// One line for people: the steps that are taken.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { keep_pos, tag_tokens, stem, clean, segment, stop_words, phrases, pinyin, vocab, truncate } = self;
        let word = |value: &dyn fmt::Debug| format!("{value:?}").to_lowercase();
        write!(f, "clean(html {}", word(&clean.html))?;
        let flags = [
            (clean.nfkc, "nfkc"),
            (clean.strip_invisible, "no invisible characters"),
            (clean.collapse_whitespace, "single spaces"),
            (clean.lowercase, "lower case"),
            (clean.simplify, "simplified"),
        ];
        for (_, name) in flags.iter().filter(|(on, _)| *on) {
            write!(f, ", {name}")?;
        }
        let masks =
            [(clean.urls, "urls"), (clean.mails, "mails"), (clean.mentions, "mentions"), (clean.numbers, "numbers")];
        for (mask, name) in masks.iter().filter(|(mask, _)| *mask != Mask::Keep) {
            write!(f, ", {} {name}", word(mask))?;
        }
        write!(f, ") → segment({}", word(&segment.mode))?;
        if segment.mode == SegmentMode::Auto {
            write!(f, ", Chinese by {}", word(&segment.chinese))?;
        }
        write!(f, ", punctuation {}", word(&segment.punctuation))?;
        if segment.end_marks > 0 {
            write!(f, ", {} end marks", segment.end_marks)?;
        }
        f.write_str(")")?;
        if !keep_pos.is_empty() {
            let names: Vec<_> = keep_pos.iter().map(|tag| tag.name()).collect();
            write!(f, " → only {}", names.join(", "))?;
        }
        if !stop_words.languages.is_empty() || stop_words.file.is_some() {
            let own = stop_words.file.iter().map(|path| path.display().to_string());
            let lists: Vec<_> = stop_words.languages.iter().cloned().chain(own).collect();
            write!(f, " → without stop words({})", lists.join(", "))?;
        }
        if *stem != Stem::None {
            write!(f, " → stems({})", word(stem))?;
        }
        if phrases.passes > 0 {
            let passes = if phrases.passes == 1 { "pass" } else { "passes" };
            write!(f, " → phrases({} {passes}, {} > {})", phrases.passes, word(&phrases.score), phrases.limit())?;
        }
        if pinyin.mode != PinyinMode::Off {
            let tones = if pinyin.tones { ", tones" } else { "" };
            write!(f, " → pinyin({}{tones})", word(&pinyin.mode))?;
        }
        if *tag_tokens {
            f.write_str(" → tags")?;
        }
        write!(
            f,
            " → vocabulary(count ≥ {}, size ≤ {}, unknown {}) → {} of {} tokens",
            vocab.min_count,
            vocab.max_size,
            word(&vocab.unknown),
            word(&truncate.keep),
            truncate.max_tokens
        )?;
        match truncate.window {
            Some(window) => write!(f, " in windows of {window}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn describes_itself_in_a_line() {
        assert_eq!(
            PipelineSpec::default().to_string(),
            "clean(html auto, nfkc, no invisible characters, single spaces, lower case, simplified) → \
             segment(auto, Chinese by chars, punctuation keep) → \
             vocabulary(count ≥ 2, size ≤ 100000, unknown keep) → head of 1024 tokens"
        );
    }

    #[test]
    fn names_the_steps_that_are_on() {
        let toml = "keep_pos = ['NOUN', 'ADJ']\ntag_tokens = true\nstem = 'en'\n[phrases]\npasses = 2\n[pinyin]\nmode = 'replace'\ntones = true";
        let summary = toml::from_str::<PipelineSpec>(toml).unwrap().to_string();
        let steps =
            " → only NOUN, ADJ → stems(en) → phrases(2 passes, pmi > 10) → pinyin(replace, tones) → tags → vocabulary";
        assert!(summary.contains(steps), "{summary}");
    }
}
