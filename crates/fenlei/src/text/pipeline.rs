//! The fitted pipeline: one value that turns any text into token numbers, and that is saved as one JSON.

mod words;

use std::fmt;
use std::ops::{ControlFlow, Range};
use std::path::Path;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::clean::{Alignment, Buffers, Cleaned, Cleaner, Trace, Untraced};
use super::corpus::Corpus;
use super::encoding::{EncodedTexts, Encoding, Origin, Stages, Token};
use super::segment::Segmenter;
use super::spec::{PipelineSpec, Unknown};
use super::stop_words::StopWords;
use super::truncate::{Keep, truncate};
use super::vocabulary::{LocalCounts, TokenCounts, UNKNOWN_ID, Vocabulary};
use crate::error::{Error, Result};

pub(crate) use words::TokenTexts;

/// The token behind the last one of a document, where [`SegmentSpec::end_marks`](super::SegmentSpec::end_marks) asks
/// for it.
pub const END_MARK: &str = "</s>";

/// Memory that is used again from text to text. It never changes a result.
#[derive(Default)]
pub struct Scratch {
    buffers: Buffers,
}

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scratch").finish_non_exhaustive()
    }
}

/// The contents of the files that a specification names.
#[derive(Clone, Debug, Default)]
struct Files {
    user_dict: Option<String>,
    tokenizer: Option<String>,
    stop_words: Option<String>,
}

impl Files {
    fn read(spec: &PipelineSpec) -> Result<Self> {
        let read = |key: &str, path: &Option<std::path::PathBuf>| {
            path.as_deref().map(|path| read_text(&format!("pipeline.{key}"), path)).transpose()
        };
        Ok(Self {
            user_dict: read("segment.user_dict", &spec.segment.user_dict)?,
            tokenizer: read("segment.tokenizer", &spec.segment.tokenizer)?,
            stop_words: read("stop_words.file", &spec.stop_words.file)?,
        })
    }
}

fn read_text(place: &str, path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|e| {
        Error::config(place, format!("cannot read {}: {e}", path.display()), "give the path of a readable UTF-8 file")
    })
}

/// Everything before the vocabulary. A step that works on tokens, such as joining neighbours, belongs between
/// segmentation and the stop words in [`Steps::for_each_token`].
#[derive(Clone)]
struct Steps {
    cleaner: Cleaner,
    segmenter: Segmenter,
    stop_words: StopWords,
    end_marks: usize,
}

impl Steps {
    fn new(spec: &PipelineSpec, files: &Files, stop_words: Option<Vec<String>>) -> Result<Self> {
        let cleaner = Cleaner::new(&spec.clean);
        let clean =
            |text: &str| cleaner.clean::<Untraced>(text, &mut Buffers::default(), &mut Vec::new()).text.to_owned();
        let segmenter = Segmenter::new(&spec.segment, files.user_dict.as_deref(), files.tokenizer.as_deref(), &clean)?;
        let stop_words = match stop_words {
            Some(words) => StopWords::of(words),
            None => StopWords::new(&spec.stop_words, files.stop_words.as_deref(), &clean),
        };
        Ok(Self { cleaner, segmenter, stop_words, end_marks: spec.segment.end_marks })
    }

    /// Calls `sink` with every token that the stop words leave and its byte range in the cleaned text, and, if there was
    /// one, with the end marks.
    #[inline]
    fn for_each_token<T, F>(&self, text: &str, buffers: &mut Buffers, layers: &mut Vec<T>, mut sink: F)
    where
        T: Trace + Default,
        F: FnMut(&str, Range<usize>) -> ControlFlow<()>,
    {
        let cleaned = self.cleaner.clean(limited(text), buffers, layers);
        let end = cleaned.text.len();
        let mut is_empty = true;
        let flow = self.segmenter.segment(cleaned, |token, range| {
            if self.stop_words.contains(token) {
                return ControlFlow::Continue(());
            }
            is_empty = false;
            sink(token, range)
        });
        if flow.is_continue() && !is_empty {
            // Whether the sink stops does not matter: it has what it wants.
            let _ = (0..self.end_marks).try_for_each(|_| sink(END_MARK, end..end));
        }
    }
}

impl Steps {
    /// Counts the tokens of `texts`, in parallel.
    fn count<S: AsRef<str> + Sync>(&self, counts: &TokenCounts, texts: &[S]) {
        texts.par_chunks(256).for_each_init(
            || (Buffers::default(), LocalCounts::default()),
            |(buffers, local), chunk| {
                for text in chunk {
                    self.for_each_token(text.as_ref(), buffers, &mut Vec::<Untraced>::new(), |token, _| {
                        local.add(token);
                        ControlFlow::Continue(())
                    });
                    if local.is_large() {
                        counts.hand_in(local);
                    }
                }
                counts.hand_in(local);
            },
        );
    }
}

/// The first 4 GiB of `text`: offsets have 32 bits.
fn limited(text: &str) -> &str {
    let Ok(mut end) = usize::try_from(u32::MAX) else { return text };
    if text.len() <= end {
        return text;
    }
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

impl PipelineSpec {
    /// Whether a pipeline can be built from this: values, combinations and files. Nothing is learned.
    ///
    /// # Errors
    /// [`Error::Config`] with the dotted key, for values out of range, options that contradict each other, and files
    /// that cannot be read or used.
    pub fn check(&self) -> Result<()> {
        self.check_values()?;
        Steps::new(self, &Files::read(self)?, None).map(drop)
    }

    /// Learns the vocabulary from `texts`, the training part. The result does not depend on the number of threads.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn fit<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Result<TextPipeline> {
        self.check_values()?;
        let files = Files::read(self)?;
        let steps = Steps::new(self, &files, None)?;
        let counts = TokenCounts::default();
        steps.count(&counts, texts);
        let vocabulary = counts.into_vocabulary(&self.vocab)?;
        Ok(TextPipeline { spec: self.clone(), user_dict: files.user_dict, steps, vocabulary })
    }
}

impl PipelineSpec {
    /// [`fit`](Self::fit) on documents that need not be in memory: memory grows with the different tokens, not with the
    /// documents.
    ///
    /// # Errors
    /// As there, and those of reading the corpus.
    pub fn fit_corpus(&self, corpus: &dyn Corpus) -> Result<TextPipeline> {
        self.check_values()?;
        let files = Files::read(self)?;
        let steps = Steps::new(self, &files, None)?;
        let counts = TokenCounts::default();
        corpus.for_each_chunk(&mut |texts| {
            steps.count(&counts, texts);
            Ok(())
        })?;
        let vocabulary = counts.into_vocabulary(&self.vocab)?;
        Ok(TextPipeline { spec: self.clone(), user_dict: files.user_dict, steps, vocabulary })
    }
}

/// A fitted pipeline. It is cheap to clone and can be used from many threads at once.
///
/// ```
/// use fenlei::text::PipelineSpec;
///
/// let pipeline = PipelineSpec::default().fit(&["A good film", "A bad film"])?;
/// let encoding = pipeline.encode("<b>A</b> nice FILM");
/// let tokens: Vec<_> = encoding.ids.iter().map(|&id| pipeline.vocab().token(id).unwrap()).collect();
/// assert_eq!(tokens, ["a", "<unk>", "film"]);
/// assert_eq!(encoding.offsets[2], (14, 18));
/// # Ok::<(), fenlei::Error>(())
/// ```
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "SavedPipeline", into = "SavedPipeline")]
pub struct TextPipeline {
    spec: PipelineSpec,
    user_dict: Option<String>,
    steps: Steps,
    vocabulary: Vocabulary,
}

/// What is saved: the specification and everything learned or read, so that no other file is needed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedPipeline {
    spec: PipelineSpec,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_dict: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tokenizer: Option<String>,
    stop_words: Vec<String>,
    vocabulary: Vocabulary,
}

impl TryFrom<SavedPipeline> for TextPipeline {
    type Error = Error;

    fn try_from(saved: SavedPipeline) -> Result<Self> {
        let SavedPipeline { spec, user_dict, tokenizer, stop_words, vocabulary } = saved;
        spec.check_values()?;
        if vocabulary.len() > spec.vocab.max_size {
            return Err(Error::config(
                "vocabulary",
                format!("found {} tokens, expected at most {}", vocabulary.len(), spec.vocab.max_size),
                "the saved pipeline was changed by hand; fit it again",
            ));
        }
        if spec.segment.user_dict.is_some() != user_dict.is_some() {
            let help = "the saved pipeline was changed by hand; fit it again";
            return Err(Error::config(
                "user_dict",
                "the words that the specification names are not saved with it",
                help,
            ));
        }
        let files = Files { user_dict, tokenizer, stop_words: None };
        let steps = Steps::new(&spec, &files, Some(stop_words))?;
        Ok(Self { spec, user_dict: files.user_dict, steps, vocabulary })
    }
}

impl From<TextPipeline> for SavedPipeline {
    fn from(pipeline: TextPipeline) -> Self {
        let TextPipeline { spec, user_dict, steps, vocabulary } = pipeline;
        Self {
            spec,
            user_dict,
            tokenizer: steps.segmenter.tokenizer_json().map(str::to_owned),
            stop_words: steps.stop_words.iter().map(str::to_owned).collect(),
            vocabulary,
        }
    }
}

impl fmt::Debug for TextPipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextPipeline").field("spec", &self.spec).field("vocabulary", &self.vocabulary.len()).finish()
    }
}

impl TextPipeline {
    /// The token numbers of `text` and where each came from. A text without words has none.
    pub fn encode(&self, text: &str) -> Encoding {
        let mut found: Vec<(u32, Range<usize>)> = Vec::new();
        let mut layers: Vec<Alignment> = Vec::new();
        self.for_each_id(text, &mut Buffers::default(), &mut layers, |id, range| {
            found.push((id, range));
            found.len()
        });
        truncate(&mut found, 0, self.spec.truncate.max_tokens, self.spec.truncate.keep);
        let mut origin = Origin::new(&layers);
        Encoding {
            ids: found.iter().map(|&(id, _)| id).collect(),
            offsets: found.into_iter().map(|(_, range)| origin.of(range)).collect(),
        }
    }

    /// Appends the token numbers of `text` to `ids`: the same as [`Self::encode`] gives, without their origin. Nothing
    /// is allocated once the memory in `scratch` has grown to the size of the texts.
    pub fn encode_into(&self, text: &str, ids: &mut Vec<u32>, scratch: &mut Scratch) {
        let start = ids.len();
        self.for_each_id(text, &mut scratch.buffers, &mut Vec::<Untraced>::new(), |id, _| {
            ids.push(id);
            ids.len() - start
        });
        truncate(ids, start, self.spec.truncate.max_tokens, self.spec.truncate.keep);
    }

    /// Encodes many documents, in parallel. Each gets exactly what it gets alone.
    pub fn encode_batch<S: AsRef<str> + Sync>(&self, texts: &[S]) -> EncodedTexts {
        let encoded: Vec<(Vec<u32>, Vec<usize>)> = texts
            .par_chunks(32)
            .map_init(Scratch::default, |scratch, chunk| {
                let mut ids = Vec::new();
                let ends = chunk
                    .iter()
                    .map(|text| {
                        self.encode_into(text.as_ref(), &mut ids, scratch);
                        ids.len()
                    })
                    .collect();
                (ids, ends)
            })
            .collect();
        let mut all = EncodedTexts {
            ids: Vec::with_capacity(encoded.iter().map(|(ids, _)| ids.len()).sum()),
            starts: Vec::with_capacity(texts.len() + 1),
        };
        all.starts.push(0);
        for (ids, ends) in encoded {
            let offset = all.ids.len();
            all.starts.extend(ends.into_iter().map(|end| offset + end));
            all.ids.extend_from_slice(&ids);
        }
        all
    }

    /// What each step makes of `text`.
    pub fn stages(&self, text: &str) -> Stages {
        let (mut buffers, mut layers) = (Buffers::default(), Vec::<Alignment>::new());
        let cleaned: Cleaned<'_> = self.steps.cleaner.clean(limited(text), &mut buffers, &mut layers);
        let mut tokens = Vec::new();
        let mut origin = Origin::new(&layers);
        let _ = self.steps.segmenter.segment(cleaned, |token, range| {
            let id = self.vocabulary.id(token).unwrap_or(UNKNOWN_ID);
            tokens.push(Token { text: token.to_owned(), offset: origin.of(range), id });
            ControlFlow::Continue(())
        });
        let is_kept = |token: &&Token| !self.steps.stop_words.contains(&token.text);
        let mut filtered: Vec<Token> = tokens.iter().filter(is_kept).cloned().collect();
        if !filtered.is_empty() {
            let end = cleaned.text.len();
            let mark = Token {
                text: END_MARK.to_owned(),
                offset: origin.of(end..end),
                id: self.vocabulary.id(END_MARK).unwrap_or(UNKNOWN_ID),
            };
            filtered.extend(std::iter::repeat_n(mark, self.steps.end_marks));
        }
        let Encoding { ids, offsets } = self.encode(text);
        Stages { cleaned: cleaned.text.to_owned(), tokens, filtered, ids, offsets }
    }

    /// The vocabulary.
    pub fn vocab(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// The specification it was fitted from.
    pub fn spec(&self) -> &PipelineSpec {
        &self.spec
    }

    /// The same steps with another vocabulary, for models that start from tokens numbered elsewhere. The size limit of
    /// the specification is raised where it is too small.
    #[must_use]
    pub fn with_vocabulary(mut self, vocabulary: Vocabulary) -> Self {
        self.spec.vocab.max_size = self.spec.vocab.max_size.max(vocabulary.len());
        self.vocabulary = vocabulary;
        self
    }

    /// Calls `push` with the number of every token and its byte range in the cleaned text. `push` returns how many it
    /// has; reading stops when that is all that truncation would keep.
    #[inline]
    fn for_each_id<T, F>(&self, text: &str, buffers: &mut Buffers, layers: &mut Vec<T>, mut push: F)
    where
        T: Trace + Default,
        F: FnMut(u32, Range<usize>) -> usize,
    {
        let drop_unknown = self.spec.vocab.unknown == Unknown::Drop;
        let enough = match self.spec.truncate.keep {
            Keep::Head => self.spec.truncate.max_tokens,
            Keep::Tail | Keep::Both => usize::MAX,
        };
        self.steps.for_each_token(text, buffers, layers, |token, range| {
            let id = self.vocabulary.id(token).unwrap_or(UNKNOWN_ID);
            if (id == UNKNOWN_ID && drop_unknown) || push(id, range) < enough {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
    }
}
