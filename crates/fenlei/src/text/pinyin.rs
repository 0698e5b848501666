//! Chinese by its sound: the pinyin of Han characters.
//!
//! A character with several readings gets the most frequent one, unless its token is, or holds, one of the common words
//! listed in `pinyin/words.tsv`, where another reading is right.

use std::collections::HashMap;
use std::sync::LazyLock;

use foldhash::fast::FixedState;
use pinyin::ToPinyin;
use serde::{Deserialize, Serialize};

use super::script::is_han;

/// Whether Chinese is written in pinyin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PinyinSpec {
    /// What becomes of tokens with Han characters. Default: `off`.
    pub mode: PinyinMode,
    /// Whether the number of the tone stands behind each syllable, as in `bei3jing1`. Default: false.
    pub tones: bool,
}

/// What becomes of tokens with Han characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PinyinMode {
    /// They stay.
    #[default]
    Off,
    /// Their pinyin takes their place, so that characters that sound alike are the same token.
    Replace,
    /// Their pinyin follows them as a token of its own.
    Add,
}

/// A row a word: the word, and a syllable with its tone for each of its characters.
const WORDS: &str = include_str!("pinyin/words.tsv");

/// The longest word of the list, in characters.
const MAX_CHARS: usize = 4;

static READINGS: LazyLock<HashMap<&str, Vec<&str>, FixedState>> = LazyLock::new(|| {
    let row = |line: &'static str| line.split_once('\t').map(|(word, readings)| (word, readings.split(' ').collect()));
    WORDS.lines().filter(|line| !line.starts_with('#')).filter_map(row).collect()
});

impl PinyinSpec {
    /// Appends the pinyin of `token` to `out`; characters without one are appended as they are. Whether there was any.
    pub(crate) fn spell(&self, token: &str, out: &mut String) -> bool {
        let starts: Vec<usize> = token.char_indices().map(|(i, _)| i).chain([token.len()]).collect();
        let n_chars = starts.len() - 1;
        let (mut at, mut any) = (0, false);
        while at < n_chars {
            let c = token[starts[at]..].chars().next().unwrap_or_default();
            if !is_han(c) {
                out.push(c);
                at += 1;
                continue;
            }
            let longest = (2..=MAX_CHARS.min(n_chars - at)).rev();
            let mut words = longest.filter_map(|n| READINGS.get(&token[starts[at]..starts[at + n]]));
            if let Some(readings) = words.next() {
                for reading in readings {
                    out.push_str(if self.tones {
                        reading
                    } else {
                        reading.trim_end_matches(|c: char| c.is_ascii_digit())
                    });
                }
                at += readings.len();
                any = true;
                continue;
            }
            match c.to_pinyin() {
                Some(syllable) => {
                    out.push_str(if self.tones { syllable.with_tone_num_end() } else { syllable.plain() });
                    any = true;
                }
                None => out.push(c),
            }
            at += 1;
        }
        any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelt(token: &str, tones: bool) -> Option<String> {
        let mut out = String::new();
        PinyinSpec { mode: PinyinMode::Replace, tones }.spell(token, &mut out).then_some(out)
    }

    #[test]
    fn characters_are_spelt_with_and_without_tones() {
        assert_eq!(spelt("北京", false).as_deref(), Some("beijing"));
        assert_eq!(spelt("北京", true).as_deref(), Some("bei3jing1"));
        assert_eq!(spelt("女儿", true).as_deref(), Some("nü3er2"));
        assert_eq!(spelt("卡拉ok", false).as_deref(), Some("kalaok"));
        assert_eq!(spelt("今天_天气", false).as_deref(), Some("jintian_tianqi"));
        assert_eq!(spelt("film", false), None);
        assert_eq!(spelt("", true), None);
    }

    #[test]
    fn common_words_have_their_own_readings() {
        assert_eq!(spelt("银行", true).as_deref(), Some("yin2hang2"));
        assert_eq!(spelt("行人", true).as_deref(), Some("xing2ren2"));
        assert_eq!(spelt("音乐", false).as_deref(), Some("yinyue"));
        assert_eq!(spelt("快乐", false).as_deref(), Some("kuaile"));
        assert_eq!(spelt("重庆银行", false).as_deref(), Some("chongqingyinhang"));
    }

    #[test]
    fn every_row_of_the_list_says_how_each_character_sounds() {
        for (word, readings) in READINGS.iter() {
            assert_eq!(word.chars().count(), readings.len(), "{word}");
            assert!(word.chars().count() <= MAX_CHARS, "{word}");
            let usual = word.chars().map(|c| c.to_pinyin().map_or("", |p| p.with_tone_num_end()));
            assert!(usual.ne(readings.iter().copied()), "{word} needs no row");
            for (c, reading) in word.chars().zip(readings) {
                use pinyin::ToPinyinMulti;
                let known = c.to_pinyin_multi().into_iter().flatten().any(|p| p.with_tone_num_end() == *reading);
                let neutral = !reading.ends_with(|c: char| c.is_ascii_digit());
                assert!(known || neutral, "{word}: {c} is not read {reading}");
            }
        }
        assert_eq!(READINGS.len(), WORDS.lines().filter(|line| !line.starts_with('#')).count(), "a word stands twice");
    }
}
