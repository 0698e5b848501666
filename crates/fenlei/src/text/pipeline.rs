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
use super::steps::{Files, Scratch, Steps, Stop, limited};
use super::truncate::{Keep, truncate};
use super::vocabulary::{UNKNOWN_ID, Vocabulary};
use super::windows::Windows;
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
        if found.is_empty() {
            return Encoding::default();
        }
        truncate(&mut found, 0, self.n_own_kept(), self.spec.truncate.keep);
        let mut origin = Origin::new(&layers);
        let [before, behind] = self.steps.segmenter.around();
        let end = u32::try_from(limited(text).len()).unwrap_or(u32::MAX);
        let at = |place: u32, tokens: &[String]| -> Vec<(u32, (u32, u32))> {
            tokens.iter().map(|token| (self.id_of(token), (place, place))).collect()
        };
        let mut own: Vec<_> = found.into_iter().map(|(id, range)| (id, origin.of(range))).collect();
        if let Some(windows) = self.windows() {
            windows.part(&mut own, 0, |&(_, (start, _))| at(start, behind).into_iter().chain(at(start, before)));
        }
        let (ids, offsets) = at(0, before).into_iter().chain(own).chain(at(end, behind)).unzip();
        Encoding { ids, offsets }
    }

    /// Appends the token numbers of `text` to `ids`: the same as [`Self::encode`] gives, without their origin. Nothing
    /// is allocated once the memory in `scratch` has grown to the size of the texts.
    pub fn encode_into(&self, text: &str, ids: &mut Vec<u32>, scratch: &mut Scratch) {
        let [before, behind] = self.steps.segmenter.around();
        let first = ids.len();
        ids.extend(before.iter().map(|token| self.id_of(token)));
        let start = ids.len();
        self.for_each_id(text, scratch, &mut Vec::<Untraced>::new(), |id, _| {
            ids.push(id);
            ids.len() - start
        });
        if ids.len() == start {
            // A document that has nothing to say has no tokens at all.
            return ids.truncate(first);
        }
        truncate(ids, start, self.n_own_kept(), self.spec.truncate.keep);
        if let Some(windows) = self.windows() {
            windows.part(ids, start, |_| behind.iter().chain(before).map(|token| self.id_of(token)));
        }
        ids.extend(behind.iter().map(|token| self.id_of(token)));
    }

    fn id_of(&self, token: &str) -> u32 {
        self.vocabulary.id(token).unwrap_or(UNKNOWN_ID)
    }

    /// How many tokens of a document's own truncation leaves.
    fn n_own_kept(&self) -> usize {
        let max_tokens = self.spec.truncate.max_tokens;
        match self.windows() {
            Some(windows) => windows.n_kept(max_tokens),
            None => max_tokens.saturating_sub(self.n_around().iter().sum()),
        }
    }

    fn windows(&self) -> Option<Windows> {
        self.spec.truncate.window.map(|size| Windows { size, around: self.n_around() })
    }

    /// How many tokens stand before and behind every document that has any
    /// ([`special_tokens`](super::SegmentSpec::special_tokens)).
    pub fn n_around(&self) -> [usize; 2] {
        self.steps.segmenter.around().map(<[String]>::len)
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
            Keep::Head => self.n_own_kept(),
            Keep::Tail | Keep::Both => usize::MAX,
        };
        self.steps.for_each_token(text, scratch, layers, |token, range| {
            let id = self.id_of(token);
            if (id == UNKNOWN_ID && drop_unknown) || push(id, range) < enough {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::segment::with_template;
    use super::*;

    fn pipeline(max_tokens: usize, keep: Keep) -> Result<TextPipeline> {
        let mut spec = PipelineSpec::default();
        spec.segment.mode = super::super::SegmentMode::Tokenizer;
        spec.segment.tokenizer = Some("tokenizer.json".into());
        spec.segment.special_tokens = true;
        (spec.truncate.max_tokens, spec.truncate.keep) = (max_tokens, keep);
        let tokens = ["<unk>", "play", "##ing", "##ed", "the", "!", "好"];
        spec.with_tokenizer(with_template(), Vocabulary::new(&tokens, vec![0; 7])?)
    }

    #[test]
    fn special_tokens_stand_around_documents_and_truncation_leaves_them() {
        for (keep, expected) in
            [(Keep::Head, [4, 1, 2, 5, 6]), (Keep::Tail, [4, 1, 3, 5, 6]), (Keep::Both, [4, 1, 3, 5, 6])]
        {
            let pipeline = pipeline(5, keep).unwrap();
            let text = "playing played";
            let encoding = pipeline.encode(text);
            assert_eq!(encoding.ids, expected, "{keep:?}");
            assert_eq!((encoding.offsets[0], encoding.offsets[4]), ((0, 0), (14, 14)));
            assert_eq!(pipeline.encode_batch(&[text, ""]).ids, expected, "{keep:?}");
            assert!(pipeline.encode(" ").ids.is_empty(), "nothing to say, no tokens");
            let copy: TextPipeline = serde_json::from_str(&serde_json::to_string(&pipeline).unwrap()).unwrap();
            assert_eq!(copy.encode(text), encoding);
            let finished = pipeline.stages(text).finished;
            assert_eq!(finished.iter().map(|token| token.id).collect::<Vec<_>>(), [4, 1, 2, 1, 3, 5, 6]);
        }
        let whole = pipeline(7, Keep::Head).unwrap().encode("playing played");
        assert_eq!(whole.ids, [4, 1, 2, 1, 3, 5, 6]);
    }

    #[test]
    fn no_room_between_the_special_tokens_is_refused() {
        let problem = pipeline(3, Keep::Head).unwrap_err().to_string();
        assert!(problem.contains("max_tokens") && problem.contains("give at least 4"), "{problem}");
    }
}
