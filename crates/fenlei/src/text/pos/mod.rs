//! Parts of speech: Chinese words by jieba, all others by an English tagger, both with the universal tags.

mod english;
mod shape;
mod tag;

use std::sync::Arc;

use self::english::English;
use self::shape::tag_by_shape;
pub use self::tag::Tag;
use super::script::is_han;
use super::segment::HanSegmenter;
use super::sentence::Sentence;

/// Tags the tokens of sentences. Both taggers load with the first sentence that needs them; clones share them.
#[derive(Clone)]
pub(crate) struct Tagger {
    han: HanSegmenter,
    english: Arc<English>,
}

impl Tagger {
    /// `han` tells words and tags of Chinese text.
    pub fn new(han: HanSegmenter) -> Self {
        Self { han, english: Arc::default() }
    }

    /// Gives every token of `sentence`, which stands in `text`, its tag. A Chinese character that is a token by itself
    /// gets the tag of the word that it stands in.
    pub fn tag(&self, text: &str, sentence: &mut Sentence) {
        let mut at = 0;
        while at < sentence.len() {
            let is_chinese = |i: usize, sentence: &Sentence| sentence.form(i).chars().any(is_han);
            let chinese = is_chinese(at, sentence);
            let mut end = at + 1;
            while end < sentence.len() && is_chinese(end, sentence) == chinese {
                end += 1;
            }
            match chinese {
                true => self.tag_chinese(text, sentence, at, end),
                false => self.tag_english(sentence, at, end),
            }
            at = end;
        }
    }

    /// Tags the tokens `from..to`, all of them Chinese. jieba sees those together that touch.
    fn tag_chinese(&self, text: &str, sentence: &mut Sentence, from: usize, to: usize) {
        let mut at = from;
        while at < to {
            let mut end = at + 1;
            while end < to && sentence.place(end).start == sentence.place(end - 1).end {
                end += 1;
            }
            let start = sentence.place(at).start;
            self.han.tag(&text[start..sentence.place(end - 1).end], |word_end, tag| {
                while at < end && sentence.place(at).start < start + word_end {
                    let tag = match tag {
                        "x" | "eng" => tag_by_shape(sentence.form(at)).unwrap_or(Tag::X),
                        tag => tag::of_ictclas(tag),
                    };
                    sentence.set_tag(at, tag);
                    at += 1;
                }
            });
            at = end;
        }
    }

    /// Tags the tokens `from..to`, none of them Chinese. Where there are only numbers and marks, no tagger is needed.
    fn tag_english(&self, sentence: &mut Sentence, from: usize, to: usize) {
        if (from..to).all(|i| tag_by_shape(sentence.form(i)).is_some()) {
            for i in from..to {
                sentence.set_tag(i, tag_by_shape(sentence.form(i)).unwrap_or(Tag::X));
            }
            return;
        }
        let mut words = std::mem::take(&mut sentence.words);
        words.resize_with(words.len().max(to - from), String::new);
        for (word, i) in words.iter_mut().zip(from..to) {
            word.clear();
            word.push_str(sentence.form(i));
        }
        self.english.tag(&words[..to - from], |i, tag| sentence.set_tag(from + i, tag));
        sentence.words = words;
    }
}
