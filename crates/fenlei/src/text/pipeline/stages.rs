//! What each step makes of a text.

use std::ops::Range;

use super::super::clean::{Alignment, Buffers};
use super::super::encoding::{Encoding, Origin, Stages, Token};
use super::super::sentence::Sentence;
use super::super::steps::{END_MARK, Stage, limited};
use super::super::vocabulary::UNKNOWN_ID;
use super::TextPipeline;

/// Tokens with their places in the cleaned text.
type Placed = Vec<(Token, Range<usize>)>;

impl TextPipeline {
    /// What each step makes of `text`.
    pub fn stages(&self, text: &str) -> Stages {
        let (mut buffers, mut layers) = (Buffers::default(), Vec::<Alignment>::new());
        let cleaned = self.steps.cleaner.clean(limited(text), &mut buffers, &mut layers);
        let mut found: [Placed; 6] = Default::default();
        let id = |form: &str| self.vocabulary.id(form).unwrap_or(UNKNOWN_ID);
        self.steps.for_each_stage(cleaned, |stage, sentence: &Sentence| {
            found[stage as usize].extend((0..sentence.len()).map(|i| {
                let form = sentence.form(i);
                let token = Token { text: form.to_owned(), tag: sentence.tag(i), offset: (0, 0), id: id(form) };
                (token, sentence.place(i))
            }));
        });
        let [segmented, filtered, stemmed, joined, spelt, mut finished] = found;
        if !finished.is_empty() {
            let end = cleaned.text.len();
            let mark = Token { text: END_MARK.to_owned(), tag: None, offset: (0, 0), id: id(END_MARK) };
            finished.extend(std::iter::repeat_n((mark, end..end), self.steps.end_marks));
            let [before, behind] = self.steps.segmenter.around();
            let at = |place: usize, tokens: &[String]| -> Placed {
                let token = |text: &String| Token { text: text.clone(), tag: None, offset: (0, 0), id: id(text) };
                tokens.iter().map(|text| (token(text), place..place)).collect()
            };
            finished.splice(0..0, at(0, before));
            finished.extend(at(end, behind));
        }
        let with_offsets = |tokens: Placed| -> Vec<Token> {
            let mut origin = Origin::new(&layers);
            tokens.into_iter().map(|(token, place)| Token { offset: origin.of(place), ..token }).collect()
        };
        let has = |stage| self.steps.words.as_ref().is_some_and(|words| words.has(stage));
        let Encoding { ids, offsets } = self.encode(text);
        Stages {
            cleaned: cleaned.text.to_owned(),
            tokens: with_offsets(segmented),
            filtered: with_offsets(filtered),
            stemmed: has(Stage::Stemmed).then(|| with_offsets(stemmed)),
            joined: has(Stage::Joined).then(|| with_offsets(joined)),
            pinyin: has(Stage::Spelt).then(|| with_offsets(spelt)),
            finished: with_offsets(finished),
            ids,
            offsets,
        }
    }
}
