//! From a specification and the training part to a pipeline.

use std::ops::ControlFlow;
use std::path::Path;

use rayon::prelude::*;

use super::super::clean::Untraced;
use super::super::corpus::{Corpus, InMemory};
use super::super::phrases::{LocalPairs, PairCounts};
use super::super::spec::{PipelineSpec, TruncateSpec, VocabSpec};
use super::super::steps::{Files, Scratch, Steps, Stop};
use super::super::stop_words::{AUTO, LanguageCounts};
use super::super::vocabulary::{LocalCounts, TokenCounts, UNKNOWN_ID, Vocabulary};
use super::TextPipeline;
use crate::error::{Error, Result};

/// Documents in memory that are counted before rare pairs may be forgotten.
const CHUNK_DOCS: usize = 16_384;

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

impl PipelineSpec {
    /// Whether a pipeline can be built from this: values, combinations and files. Nothing is learned.
    ///
    /// # Errors
    /// [`Error::Config`] with the dotted key, for values out of range, options that contradict each other, and files
    /// that cannot be read or used.
    pub fn check(&self) -> Result<()> {
        self.check_values()?;
        self.check_room(&Steps::new(self, &Files::read(self)?, Stop::Languages(Vec::new()))?)
    }

    /// The tokens around a document count among those that are kept.
    fn check_room(&self, steps: &Steps) -> Result<()> {
        let n_around: usize = steps.segmenter.around().iter().map(|tokens| tokens.len()).sum();
        let TruncateSpec { max_tokens, window, .. } = self.truncate;
        for (key, found) in [("max_tokens", Some(max_tokens)), ("window", window)] {
            if let Some(found) = found.filter(|&found| found <= n_around) {
                let problem = format!("found {found}, but {n_around} special tokens stand around every document");
                let help = format!("give at least {}", n_around + 1);
                return Err(Error::config(format!("pipeline.truncate.{key}"), problem, help));
            }
        }
        Ok(())
    }

    /// A pipeline around a tokenizer that was made elsewhere, with its `tokenizer.json` and its tokens in the order of
    /// their numbers. Nothing is learned.
    ///
    /// # Errors
    /// As [`Self::check`]; also when stop words are to be chosen by the documents.
    pub(crate) fn with_tokenizer(&self, tokenizer: String, vocabulary: Vocabulary) -> Result<TextPipeline> {
        self.check_values()?;
        if self.stop_words.languages.iter().any(|code| code == AUTO) {
            let problem = "\"auto\" looks at documents, but a pretrained model brings its pipeline along";
            return Err(Error::config("pipeline.stop_words.languages", problem, "name languages, such as \"en\""));
        }
        let read = |key: &str, path: &Option<std::path::PathBuf>| {
            path.as_deref().map(|path| read_text(&format!("pipeline.{key}"), path)).transpose()
        };
        let files = Files {
            user_dict: None,
            tokenizer: Some(tokenizer),
            stop_words: read("stop_words.file", &self.stop_words.file)?,
        };
        let steps = Steps::new(self, &files, Stop::Languages(self.stop_words.languages.clone()))?;
        self.check_room(&steps)?;
        let pipeline = TextPipeline { spec: self.clone(), user_dict: None, steps, vocabulary: vocabulary.clone() };
        Ok(pipeline.with_vocabulary(vocabulary))
    }

    /// Learns phrases and vocabulary from `texts`, the training part. The result does not depend on the number of threads.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn fit<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Result<TextPipeline> {
        self.fit_corpus(&InMemory { texts, chunk: CHUNK_DOCS })
    }

    /// [`fit`](Self::fit) on documents that need not be in memory: memory grows with the different tokens, not with the
    /// documents. They are read once for the vocabulary, and twice more for each pass of phrases.
    ///
    /// # Errors
    /// As there, and those of reading the corpus.
    pub fn fit_corpus(&self, corpus: &dyn Corpus) -> Result<TextPipeline> {
        self.check_values()?;
        let files = Files::read(self)?;
        let mut steps = Steps::new(self, &files, self.stop(corpus)?)?;
        for _ in 0..self.phrases.passes {
            let pairs = self.find_phrases(&steps, corpus)?;
            if let Some(words) = &mut steps.words {
                words.phrases = words.phrases.with_pass(&pairs)?;
            }
        }
        self.check_room(&steps)?;
        let counts = count(corpus, &|text, scratch, local| {
            let mut is_empty = true;
            steps.for_each_token(text, scratch, &mut Vec::<Untraced>::new(), |token, _| {
                is_empty = false;
                local.add(token);
                ControlFlow::Continue(())
            });
            if !is_empty {
                steps.segmenter.around().into_iter().flatten().for_each(|token| local.add(token));
            }
        })?;
        let vocabulary = counts.into_vocabulary(&self.vocab)?;
        Ok(TextPipeline { spec: self.clone(), user_dict: files.user_dict, steps, vocabulary })
    }

    /// The stop words to take; the first documents tell which languages there are.
    fn stop(&self, corpus: &dyn Corpus) -> Result<Stop> {
        let named = &self.stop_words.languages;
        let mut found = LanguageCounts::default();
        if named.iter().any(|code| code == AUTO) {
            corpus.for_each_chunk(&mut |texts| {
                texts.iter().for_each(|text| found.add(text));
                Ok(())
            })?;
        }
        Ok(Stop::Languages(named.iter().filter(|code| *code != AUTO).cloned().chain(found.languages()).collect()))
    }

    /// The pairs that are phrases once those of the passes before are joined. The texts are read twice: pairs of words
    /// that are rare themselves are none, and need not be counted.
    fn find_phrases(&self, steps: &Steps, corpus: &dyn Corpus) -> Result<Vec<[String; 2]>> {
        let counts = count(corpus, &|text, scratch, local| {
            steps.for_each_joined(text, scratch, |sentence| {
                (0..sentence.len()).filter(|&i| sentence.is_word(i)).for_each(|i| local.add(sentence.form(i)));
            });
        })?;
        let all = VocabSpec { min_count: self.phrases.min_count, max_size: u32::MAX as usize, ..VocabSpec::default() };
        let words = counts.into_vocabulary(&all)?;
        let n_words = words.iter().map(|(_, n)| n).sum();
        let mut pairs = PairCounts::default();
        corpus.for_each_chunk(&mut |texts| {
            texts.par_chunks(64).for_each_init(
                Default::default,
                |(scratch, local): &mut (Scratch, LocalPairs), some| {
                    for text in some {
                        steps.for_each_joined(text, scratch, |sentence| {
                            for i in (0..sentence.len()).filter(|&i| sentence.touches_next(i)) {
                                let [first, second] =
                                    [i, i + 1].map(|i| words.id(sentence.form(i)).unwrap_or(UNKNOWN_ID));
                                local.add(first, second);
                            }
                        });
                    }
                    pairs.hand_in(local);
                },
            );
            pairs.limit(self.phrases.max_pairs);
            Ok(())
        })?;
        Ok(pairs.phrases(&self.phrases, &words, n_words))
    }
}

/// Counts tokens in parallel: `add` counts those of a text.
fn count(corpus: &dyn Corpus, add: &(dyn Fn(&str, &mut Scratch, &mut LocalCounts) + Sync)) -> Result<TokenCounts> {
    let counts = TokenCounts::default();
    corpus.for_each_chunk(&mut |texts| {
        texts.par_chunks(256).for_each_init(Default::default, |(scratch, local): &mut (Scratch, LocalCounts), some| {
            for text in some {
                add(text, scratch, local);
                if local.is_large() {
                    counts.hand_in(local);
                }
            }
            counts.hand_in(local);
        });
        Ok(())
    })?;
    Ok(counts)
}
