//! Chinese words by jieba, within the words that the Unicode rules give.
//!
//! The Unicode rules cut between all Han characters and keep Latin words and numbers whole. Han characters and plain
//! alphanumeric words that touch (卡拉OK, T恤) are put together again and given to jieba; everything else stays.

use std::ops::{ControlFlow, Range};
use std::sync::{Arc, OnceLock};

use jieba_rs::Jieba;

use super::words;
use crate::error::{Error, Result};
use crate::text::script::is_han;

/// Longest stretch that jieba gets at once, so that a huge text without any break stays cheap in memory and can be
/// stopped early. Real stretches between two punctuation marks are far shorter.
const MAX_STRETCH_BYTES: usize = 12_000;

/// jieba's dictionary with the user's words; loaded when the first Chinese text comes, shared by clones.
#[derive(Clone)]
pub(crate) struct HanSegmenter {
    jieba: Arc<OnceLock<Jieba>>,
    user_words: Arc<[UserWord]>,
    hmm: bool,
}

/// A line of a user dictionary.
#[derive(Clone, Debug, PartialEq)]
struct UserWord {
    word: String,
    frequency: Option<usize>,
    tag: Option<String>,
}

impl HanSegmenter {
    /// `user_dict` is the content of a user dictionary: a word a line, with an optional frequency and tag. Its words are
    /// cleaned as documents are, because that is what they must match.
    ///
    /// # Errors
    /// A line that is not of that form.
    pub fn new(hmm: bool, user_dict: Option<&str>, clean: &dyn Fn(&str) -> String) -> Result<Self> {
        let mut user_words = Vec::new();
        for (i, line) in user_dict.unwrap_or_default().trim_start_matches('\u{FEFF}').lines().enumerate() {
            if !line.trim().is_empty() {
                let mut entry = parse_user_word(line).map_err(|problem| {
                    Error::config(
                        "pipeline.segment.user_dict",
                        format!("line {}: {problem}", i + 1),
                        "write one word a line, optionally followed by its frequency and its tag: 云计算 100 n",
                    )
                })?;
                entry.word = clean(&entry.word);
                user_words.push(entry);
            }
        }
        Ok(Self { jieba: Arc::default(), user_words: user_words.into(), hmm })
    }

    fn jieba(&self) -> &Jieba {
        self.jieba.get_or_init(|| {
            let mut jieba = Jieba::new();
            for UserWord { word, frequency, tag } in &*self.user_words {
                jieba.add_word(word, *frequency, tag.as_deref());
            }
            jieba
        })
    }

    /// Calls `sink` with the end and jieba's tag of every word of `text`, in order; the words cover the text.
    pub fn tag(&self, text: &str, mut sink: impl FnMut(usize, &str)) {
        for tag in self.jieba().tag(text, self.hmm) {
            sink(tag.byte_end, tag.tag);
        }
    }

    /// Calls `sink` with the byte range of every token of `text`, in order, until it breaks.
    pub fn segment<F>(&self, text: &str, mut sink: F) -> ControlFlow<()>
    where
        F: FnMut(Range<usize>) -> ControlFlow<()>,
    {
        let mut stretch = Stretch::default();
        words::segment_with_runs(text, |range| {
            let word = &text[range.clone()];
            let han = word.chars().next().is_some_and(is_han);
            let joins = han || word.bytes().all(|b| b.is_ascii_alphanumeric());
            let fits = range.end - stretch.start < MAX_STRETCH_BYTES;
            if joins && range.start == stretch.end && fits && !stretch.is_empty() {
                stretch.end = range.end;
                stretch.has_han |= han;
                return ControlFlow::Continue(());
            }
            self.cut(text, &stretch, &mut sink)?;
            if joins {
                stretch = Stretch { start: range.start, end: range.end, has_han: han };
                ControlFlow::Continue(())
            } else {
                stretch = Stretch { start: range.end, end: range.end, has_han: false };
                sink(range)
            }
        })?;
        self.cut(text, &stretch, &mut sink)
    }

    fn cut<F>(&self, text: &str, stretch: &Stretch, sink: &mut F) -> ControlFlow<()>
    where
        F: FnMut(Range<usize>) -> ControlFlow<()>,
    {
        if stretch.is_empty() {
            return ControlFlow::Continue(());
        }
        if !stretch.has_han {
            return sink(stretch.start..stretch.end);
        }
        for token in self.jieba().cut(&text[stretch.start..stretch.end], self.hmm) {
            sink(stretch.start + token.byte_start..stretch.start + token.byte_end)?;
        }
        ControlFlow::Continue(())
    }
}

/// Touching words that jieba sees together.
#[derive(Default)]
struct Stretch {
    start: usize,
    end: usize,
    has_han: bool,
}

impl Stretch {
    fn is_empty(&self) -> bool {
        self.start == self.end
    }
}

fn parse_user_word(line: &str) -> Result<UserWord, String> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (word, frequency, tag) = match fields[..] {
        [word] => (word, None, None),
        [word, second] => match second.parse() {
            Ok(frequency) => (word, Some(frequency), None),
            Err(_) => (word, None, Some(second)),
        },
        [word, frequency, tag] => {
            let parsed = frequency.parse().map_err(|_| format!("{frequency:?} is not a frequency"))?;
            (word, Some(parsed), Some(tag))
        }
        _ => return Err(format!("found {} fields, expected one to three", fields.len())),
    };
    // jieba sums frequencies in a machine word.
    if frequency.is_some_and(|f: usize| f == 0 || f > 1_000_000_000) {
        return Err("the frequency must be between 1 and 1,000,000,000".to_owned());
    }
    Ok(UserWord { word: word.to_owned(), frequency, tag: tag.map(str::to_owned) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(user_dict: Option<&str>) -> Result<HanSegmenter> {
        HanSegmenter::new(true, user_dict, &|word| word.to_lowercase())
    }

    fn cut(segmenter: &HanSegmenter, text: &str) -> Vec<String> {
        let mut tokens = Vec::new();
        let flow = segmenter.segment(text, |range| {
            tokens.push(text[range].to_owned());
            ControlFlow::Continue(())
        });
        assert!(flow.is_continue());
        tokens
    }

    #[test]
    fn chinese_words_and_latin_words_stand_side_by_side() {
        let segmenter = new(None).unwrap();
        assert_eq!(
            cut(&segmenter, "我们在iphone5s手机上看电影, don't worry!3.5万元"),
            ["我们", "在", "iphone5s", "手机", "上", "看", "电影", ",", "don't", "worry", "!", "3.5", "万元"]
        );
        assert_eq!(cut(&segmenter, "plain English"), ["plain", "English"]);
        assert_eq!(cut(&segmenter, "t恤"), ["t", "恤"]);
    }

    #[test]
    fn the_dictionary_loads_only_for_han_text() {
        let segmenter = new(None).unwrap();
        cut(&segmenter, "plain English");
        assert!(segmenter.jieba.get().is_none());
    }

    #[test]
    fn user_words_are_kept_whole() {
        let plain = new(None).unwrap();
        let text = "奥利给t恤";
        assert_ne!(cut(&plain, text), ["奥利给", "t恤"]);
        let user = new(Some("\u{FEFF}奥利给 100000 n\n\nT恤 1000\n")).unwrap();
        assert_eq!(cut(&user, text), ["奥利给", "t恤"]);
    }

    #[test]
    fn wrong_lines_are_named() {
        let error = new(Some("好\n云 x n\n")).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("\"x\" is not a frequency"), "{error}");
        assert!(new(Some("a b c d")).is_err());
        assert!(new(Some("云 0")).is_err());
        assert_eq!(parse_user_word("云 n").unwrap().tag.as_deref(), Some("n"));
    }

    #[test]
    fn long_stretches_are_cut_in_parts_that_cover_the_text() {
        let segmenter = new(None).unwrap();
        let text = "我们看电影".repeat(3000);
        assert_eq!(cut(&segmenter, &text).concat(), text);
    }
}
