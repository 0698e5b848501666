//! The fitted pipeline: one value that turns any text into token numbers, and that is saved as one JSON.

mod fit;
mod stages;
mod words;

use std::fmt;
use std::ops::{ControlFlow, Range};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::clean::{Alignment, Trace, Untraced};
use super::encoding::{EncodedTexts, Encoding, Origin};
use super::phrases::Phrases;
use super::spec::{PipelineSpec, Unknown};
use super::steps::{Files, Scratch, Steps, Stop};
use super::truncate::{Keep, truncate};
use super::vocabulary::{UNKNOWN_ID, Vocabulary};
use crate::error::{Error, Result};

pub(crate) use words::TokenTexts;

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
    /// The phrases of each pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    phrases: Vec<Vec<[String; 2]>>,
    vocabulary: Vocabulary,
}

impl TryFrom<SavedPipeline> for TextPipeline {
    type Error = Error;

    fn try_from(saved: SavedPipeline) -> Result<Self> {
        let SavedPipeline { spec, user_dict, tokenizer, stop_words, phrases, vocabulary } = saved;
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
        if spec.phrases.passes != phrases.len() {
            let problem = format!("found {} passes, the specification says {}", phrases.len(), spec.phrases.passes);
            return Err(Error::config("phrases", problem, "the saved pipeline was changed by hand; fit it again"));
        }
        let files = Files { user_dict, tokenizer, stop_words: None };
        let mut steps = Steps::new(&spec, &files, Stop::Saved(stop_words))?;
        if let Some(words) = &mut steps.words {
            words.phrases = Phrases::new(&phrases)?;
        }
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
            phrases: steps.words.map(|words| words.phrases.to_saved()).unwrap_or_default(),
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
        self.for_each_id(text, &mut Scratch::default(), &mut layers, |id, range| {
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
        self.for_each_id(text, scratch, &mut Vec::<Untraced>::new(), |id, _| {
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
        EncodedTexts::joined(&encoded)
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
    fn for_each_id<T, F>(&self, text: &str, scratch: &mut Scratch, layers: &mut Vec<T>, mut push: F)
    where
        T: Trace + Default,
        F: FnMut(u32, Range<usize>) -> usize,
    {
        let drop_unknown = self.spec.vocab.unknown == Unknown::Drop;
        let enough = match self.spec.truncate.keep {
            Keep::Head => self.spec.truncate.max_tokens,
            Keep::Tail | Keep::Both => usize::MAX,
        };
        self.steps.for_each_token(text, scratch, layers, |token, range| {
            let id = self.vocabulary.id(token).unwrap_or(UNKNOWN_ID);
            if (id == UNKNOWN_ID && drop_unknown) || push(id, range) < enough {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
    }
}
