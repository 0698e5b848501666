//! Everything between a document and its tokens, fitted phrases included.
//!
//! Two ways lead to the same tokens: where every step looks at one token alone, tokens go straight from segmentation to
//! whoever wants them; otherwise sentences are gathered, changed and handed on.

use std::cell::Cell;
use std::fmt;
use std::ops::{ControlFlow, Range};

use super::clean::{Buffers, Cleaned, Cleaner, Trace, Untraced};
use super::phrases::Phrases;
use super::pinyin::{PinyinMode, PinyinSpec};
use super::pos::{Tag, Tagger};
use super::segment::{HanSegmenter, Segmenter, is_punctuation};
use super::sentence::Sentence;
use super::spec::{PipelineSpec, Punctuation};
use super::stem::Stemmer;
use super::stop_words::StopWords;
use crate::error::Result;

/// The token behind the last one of a document, where [`SegmentSpec::end_marks`](super::SegmentSpec::end_marks) asks for it.
pub const END_MARK: &str = "</s>";

/// Memory that is used again from text to text. It never changes a result.
#[derive(Default)]
pub struct Scratch {
    pub(super) buffers: Buffers,
    pub(super) sentence: Sentence,
}

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scratch").finish_non_exhaustive()
    }
}

/// The contents of the files that a specification names.
#[derive(Clone, Debug, Default)]
pub(super) struct Files {
    pub user_dict: Option<String>,
    pub tokenizer: Option<String>,
    pub stop_words: Option<String>,
}

/// Which tokens are left out.
pub(super) enum Stop {
    /// Those of the lists of these languages, and of the user's file.
    Languages(Vec<String>),
    /// These, as they were saved.
    Saved(Vec<String>),
}

/// Everything before the vocabulary.
#[derive(Clone)]
pub(super) struct Steps {
    pub cleaner: Cleaner,
    pub segmenter: Segmenter,
    pub stop_words: StopWords,
    pub end_marks: usize,
    /// The steps that need sentences; `None` where there is none.
    pub words: Option<WordSteps>,
}

/// The steps that look at the neighbours of a token, or give it another form, in their order.
#[derive(Clone)]
pub(super) struct WordSteps {
    tagger: Option<Tagger>,
    keep_pos: Vec<Tag>,
    drop_punctuation: bool,
    stemmer: Option<Stemmer>,
    pub phrases: Phrases,
    pinyin: PinyinSpec,
    tag_tokens: bool,
}

/// A place between two steps, for those who want to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Segmented and, if the pipeline asks for it, tagged.
    Segmented,
    /// Without the tokens that are left out.
    Filtered,
    /// Stems instead of words.
    Stemmed,
    /// Phrases joined.
    Joined,
    /// With pinyin.
    Spelt,
    /// As the vocabulary knows them.
    Finished,
}

impl WordSteps {
    /// The steps that `spec` asks for.
    fn new(spec: &PipelineSpec, han: Option<&HanSegmenter>) -> Result<Option<Self>> {
        let tags = spec.tag_tokens || !spec.keep_pos.is_empty();
        let stemmer = Stemmer::new(spec.stem);
        if !tags && stemmer.is_none() && spec.phrases.passes == 0 && spec.pinyin.mode == PinyinMode::Off {
            return Ok(None);
        }
        let han = match han {
            Some(han) => han.clone(),
            None => HanSegmenter::new(spec.segment.hmm, None, &str::to_owned)?,
        };
        Ok(Some(Self {
            tagger: tags.then(|| Tagger::new(han)),
            keep_pos: spec.keep_pos.clone(),
            drop_punctuation: spec.segment.punctuation == Punctuation::Drop,
            stemmer,
            phrases: Phrases::default(),
            pinyin: spec.pinyin,
            tag_tokens: spec.tag_tokens,
        }))
    }

    /// Whether there is a step between `stage` and the one before it.
    pub fn has(&self, stage: Stage) -> bool {
        match stage {
            Stage::Segmented | Stage::Filtered => true,
            Stage::Stemmed => self.stemmer.is_some(),
            Stage::Joined => self.phrases.n_passes() > 0,
            Stage::Spelt => self.pinyin.mode != PinyinMode::Off,
            Stage::Finished => self.tag_tokens,
        }
    }

    /// The steps up to the phrases, which see whole sentences. `text` is what the sentence stands in.
    fn prepare(&self, text: &str, stop: &StopWords, sentence: &mut Sentence, see: &mut impl FnMut(Stage, &Sentence)) {
        if let Some(tagger) = &self.tagger {
            tagger.tag(text, sentence);
        }
        see(Stage::Segmented, sentence);
        sentence.retain(|token, tag| {
            !(stop.contains(token)
                || self.drop_punctuation && is_punctuation(token)
                || !self.keep_pos.is_empty() && tag.is_none_or(|tag| !self.keep_pos.contains(&tag)))
        });
        see(Stage::Filtered, sentence);
        if let Some(stemmer) = &self.stemmer {
            sentence.rewrite(|token, _, out| {
                let stem = stemmer.stem(token);
                out.push_str(&stem);
                stem != token
            });
        }
        see(Stage::Stemmed, sentence);
        self.phrases.join(sentence);
        see(Stage::Joined, sentence);
    }

    /// The steps behind the phrases.
    fn finish(&self, sentence: &mut Sentence, see: &mut impl FnMut(Stage, &Sentence)) {
        match self.pinyin.mode {
            PinyinMode::Off => {}
            PinyinMode::Replace => sentence.rewrite(|token, _, out| self.pinyin.spell(token, out)),
            PinyinMode::Add => sentence.echo(|token, out| self.pinyin.spell(token, out)),
        }
        see(Stage::Spelt, sentence);
        if self.tag_tokens {
            sentence.rewrite(|token, tag, out| {
                out.push_str(token);
                out.push('/');
                out.push_str(tag.unwrap_or(Tag::X).name());
                true
            });
        }
        see(Stage::Finished, sentence);
    }
}

impl Steps {
    /// # Errors
    /// Contents of files that cannot be used.
    pub fn new(spec: &PipelineSpec, files: &Files, stop: Stop) -> Result<Self> {
        let cleaner = Cleaner::new(&spec.clean);
        let clean =
            |text: &str| cleaner.clean::<Untraced>(text, &mut Buffers::default(), &mut Vec::new()).text.to_owned();
        let (user_dict, tokenizer) = (files.user_dict.as_deref(), files.tokenizer.as_deref());
        let mut segmenter = Segmenter::new(&spec.segment, user_dict, tokenizer, &clean)?;
        let words = WordSteps::new(spec, segmenter.han())?;
        if words.is_some() && spec.segment.punctuation == Punctuation::Drop {
            // Full stops end sentences, and taggers go by all marks: they are left out later.
            segmenter.keep_punctuation();
        }
        let stop_words = match stop {
            Stop::Saved(words) => StopWords::of(words),
            Stop::Languages(languages) => StopWords::new(&languages, files.stop_words.as_deref(), &clean),
        };
        Ok(Self { cleaner, segmenter, stop_words, end_marks: spec.segment.end_marks, words })
    }

    /// Calls `sink` with every token that is left and its byte range in the cleaned text, and, if there was one, with the
    /// end marks.
    #[inline]
    pub fn for_each_token<T, F>(&self, text: &str, scratch: &mut Scratch, layers: &mut Vec<T>, mut sink: F)
    where
        T: Trace + Default,
        F: FnMut(&str, Range<usize>) -> ControlFlow<()>,
    {
        let Scratch { buffers, sentence } = scratch;
        let cleaned = self.cleaner.clean(limited(text), buffers, layers);
        let end = cleaned.text.len();
        let is_empty = Cell::new(true);
        let mut sink = |token: &str, range: Range<usize>| {
            is_empty.set(false);
            sink(token, range)
        };
        let flow = match &self.words {
            None => self.segmenter.segment(cleaned, |token, range| match self.stop_words.contains(token) {
                true => ControlFlow::Continue(()),
                false => sink(token, range),
            }),
            Some(words) => self.for_each_sentence(cleaned, sentence, |sentence| {
                words.prepare(cleaned.text, &self.stop_words, sentence, &mut |_, _| {});
                words.finish(sentence, &mut |_, _| {});
                (0..sentence.len()).try_for_each(|i| sink(sentence.form(i), sentence.place(i)))
            }),
        };
        if flow.is_continue() && !is_empty.get() {
            // Whether the sink stops does not matter: it has what it wants.
            let _ = (0..self.end_marks).try_for_each(|_| sink(END_MARK, end..end));
        }
    }

    /// Calls `see` with the words of each sentence, phrases of the passes that there are joined.
    pub fn for_each_joined(&self, text: &str, scratch: &mut Scratch, mut see: impl FnMut(&Sentence)) {
        let Scratch { buffers, sentence } = scratch;
        let cleaned = self.cleaner.clean(limited(text), buffers, &mut Vec::<Untraced>::new());
        let _ = self.for_each_sentence(cleaned, sentence, |sentence| {
            if let Some(words) = &self.words {
                words.prepare(cleaned.text, &self.stop_words, sentence, &mut |_, _| {});
            }
            see(sentence);
            ControlFlow::Continue(())
        });
    }

    /// Calls `see` at every stage of each sentence of a cleaned text.
    pub fn for_each_stage(&self, cleaned: Cleaned<'_>, mut see: impl FnMut(Stage, &Sentence)) {
        let _ = self.for_each_sentence(cleaned, &mut Sentence::default(), |sentence| {
            match &self.words {
                Some(words) => {
                    words.prepare(cleaned.text, &self.stop_words, sentence, &mut see);
                    words.finish(sentence, &mut see);
                }
                None => {
                    see(Stage::Segmented, sentence);
                    sentence.retain(|token, _| !self.stop_words.contains(token));
                    see(Stage::Filtered, sentence);
                    see(Stage::Finished, sentence);
                }
            }
            ControlFlow::Continue(())
        });
    }

    /// Calls `each` with the sentences of a cleaned text, until it breaks.
    fn for_each_sentence(
        &self,
        cleaned: Cleaned<'_>,
        sentence: &mut Sentence,
        mut each: impl FnMut(&mut Sentence) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        sentence.clear();
        self.segmenter.segment(cleaned, |token, range| {
            if sentence.push(token, range) {
                each(sentence)?;
                sentence.clear();
            }
            ControlFlow::Continue(())
        })?;
        if sentence.len() > 0 { each(sentence) } else { ControlFlow::Continue(()) }
    }
}

/// The first 4 GiB of `text`: offsets have 32 bits.
pub(super) fn limited(text: &str) -> &str {
    let Ok(mut end) = usize::try_from(u32::MAX) else { return text };
    if text.len() <= end {
        return text;
    }
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
