//! Documents as word numbers, the most frequent word being 0.

use rayon::prelude::*;

use super::check_setting;
use crate::text::{PipelineSpec, Scratch, TextPipeline, TokenTable, TokenTexts};
use crate::{Error, Result};

/// Stands behind the last word of each document.
pub(super) const END: u32 = u32::MAX;

/// Texts that one thread cuts into words at a time.
const TEXTS_AT_ONCE: usize = 128;

/// Longer tokens are no words, as for the vocabulary of a pipeline.
const MAX_TOKEN_BYTES: usize = 256;

/// Longer documents are cut, so that threads can share them.
const MAX_DOC_WORDS: usize = 10_000;

/// Which words get a vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CorpusSpec {
    /// Rarer words are left out of the documents.
    pub min_count: u64,
    /// At most so many words, the most frequent ones.
    pub max_words: usize,
}

impl Default for CorpusSpec {
    fn default() -> Self {
        Self { min_count: 5, max_words: 1_000_000 }
    }
}

/// Documents as numbers of words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Corpus {
    words: Vec<String>,
    counts: Vec<u64>,
    /// The words of all documents, [`END`] behind each.
    ids: Vec<u32>,
    /// Where each document starts, and at the end the length of `ids`.
    starts: Vec<usize>,
    n_left_out: u64,
}

impl Corpus {
    /// The words, most frequent first, then by text.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// How often each word stands in the documents.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// How many words the documents have, those without a vector left out.
    pub fn n_tokens(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How many words were left out since they are too rare.
    pub fn n_left_out(&self) -> u64 {
        self.n_left_out
    }

    /// How many documents there are; long ones count as several.
    pub fn n_docs(&self) -> usize {
        self.starts.len() - 1
    }

    /// The word numbers of a document.
    pub(super) fn doc(&self, doc_idx: usize) -> &[u32] {
        &self.ids[self.starts[doc_idx]..self.starts[doc_idx + 1] - 1]
    }

    /// All documents in a row, [`END`] behind each.
    pub(super) fn ids(&self) -> &[u32] {
        &self.ids
    }
}

/// Takes documents and keeps four bytes a word.
#[derive(Debug)]
pub struct CorpusBuilder {
    pipeline: TextPipeline,
    table: TokenTable,
    counts: Vec<u64>,
    ids: Vec<u32>,
}

impl CorpusBuilder {
    /// Cuts texts as this pipeline does. Its vocabulary and its truncation play no part: every word counts.
    ///
    /// # Errors
    /// As [`PipelineSpec::check`].
    pub fn new(spec: &PipelineSpec) -> Result<Self> {
        let mut spec = spec.clone();
        spec.truncate.max_tokens = usize::MAX;
        spec.truncate.keep = crate::text::Keep::Head;
        spec.segment.end_marks = 0;
        let pipeline = spec.fit::<&str>(&[])?;
        Ok(Self { pipeline, table: TokenTable::default(), counts: vec![], ids: vec![] })
    }

    /// Adds documents. They are numbered in their order, whatever the number of threads.
    ///
    /// # Errors
    /// [`Error::Train`] when there are more different words than numbers.
    pub fn add<S: AsRef<str> + Sync>(&mut self, texts: &[S]) -> Result<()> {
        // A few at a time, so that their words do not stand in memory beside all texts.
        for texts in texts.chunks(TEXTS_AT_ONCE * 64) {
            let cut: Vec<Cut> = texts.par_chunks(TEXTS_AT_ONCE).map(|texts| Cut::new(&self.pipeline, texts)).collect();
            cut.into_iter().try_for_each(|cut| self.append(cut))?;
        }
        Ok(())
    }

    fn append(&mut self, cut: Cut) -> Result<()> {
        let mut number_of = Vec::with_capacity(cut.table.len());
        for word in cut.table.iter() {
            let Some((number, is_new)) = self.table.insert(word) else {
                return Err(Error::train("too many different words", "clean the texts, or take fewer of them"));
            };
            if is_new {
                self.counts.push(0);
            }
            number_of.push(number);
        }
        for doc in cut.ids.split(|&id| id == END) {
            for part in doc.chunks(MAX_DOC_WORDS) {
                for &id in part {
                    let number = number_of[id as usize];
                    self.counts[number as usize] += 1;
                    self.ids.push(number);
                }
                self.ids.push(END);
            }
        }
        Ok(())
    }

    /// Words so far.
    pub fn n_tokens(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Numbers the words by their counts and leaves out the rare ones.
    ///
    /// # Errors
    /// [`Error::Train`] when fewer than two words are left.
    pub fn build(self, spec: &CorpusSpec) -> Result<Corpus> {
        check_setting(spec.min_count > 0, "min_count", spec.min_count, "1 or more")?;
        let Self { table, counts, ids, .. } = self;
        let names: Vec<&str> = table.iter().collect();
        let mut ranked: Vec<u32> = (0..names.len() as u32).filter(|&n| counts[n as usize] >= spec.min_count).collect();
        ranked.sort_unstable_by_key(|&n| (std::cmp::Reverse(counts[n as usize]), names[n as usize]));
        ranked.truncate(spec.max_words);
        if ranked.len() < 2 {
            let problem = match counts.iter().max() {
                None => "the documents have no words".to_owned(),
                Some(most) => format!(
                    "{} of {} words stand {} times or more (the most frequent {most} times), expected two or more",
                    ranked.len(),
                    names.len(),
                    spec.min_count
                ),
            };
            return Err(Error::train(problem, "lower --min-count, or give more documents"));
        }
        let mut rank_of = vec![END; names.len()];
        (0..).zip(&ranked).for_each(|(rank, &number)| rank_of[number as usize] = rank);
        // In place: the list is by far the largest thing here. Nothing is written before it was read.
        let (mut ids, mut kept, mut starts, mut n_left_out) = (ids, 0, vec![0], 0);
        for at in 0..ids.len() {
            let rank = if ids[at] == END { END } else { rank_of[ids[at] as usize] };
            if rank == END && ids[at] != END {
                n_left_out += 1;
                continue;
            }
            // A document without words is none.
            if rank == END && starts.last() == Some(&kept) {
                continue;
            }
            ids[kept] = rank;
            kept += 1;
            if rank == END {
                starts.push(kept);
            }
        }
        ids.truncate(kept);
        ids.shrink_to_fit();
        let words = ranked.iter().map(|&number| names[number as usize].to_owned()).collect();
        let counts = ranked.iter().map(|&number| counts[number as usize]).collect();
        Ok(Corpus { words, counts, ids, starts, n_left_out })
    }
}

/// A few documents, cut into words that are numbered among themselves.
struct Cut {
    table: TokenTable,
    ids: Vec<u32>,
}

impl Cut {
    fn new<S: AsRef<str>>(pipeline: &TextPipeline, texts: &[S]) -> Self {
        let mut cut = Self { table: TokenTable::default(), ids: vec![] };
        let (mut tokens, mut scratch) = (TokenTexts::default(), Scratch::default());
        for text in texts {
            pipeline.tokens_into(text.as_ref(), &mut tokens, &mut scratch);
            for token in tokens.iter().filter(|token| token.len() <= MAX_TOKEN_BYTES) {
                cut.ids.extend(cut.table.insert(token).map(|(number, _)| number));
            }
            cut.ids.push(END);
        }
        cut
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn corpus<S: AsRef<str> + Sync>(texts: &[S], min_count: u64) -> Corpus {
        let mut builder = CorpusBuilder::new(&PipelineSpec::default()).unwrap();
        builder.add(texts).unwrap();
        builder.build(&CorpusSpec { min_count, ..CorpusSpec::default() }).unwrap()
    }

    #[test]
    fn words_are_numbered_by_count_then_text_and_rare_ones_left_out() {
        let corpus = corpus(&["b a <b>c</b>", "", "A b d", "c", "x y z"], 2);
        assert_eq!(corpus.words(), ["a", "b", "c"]);
        assert_eq!((corpus.counts(), corpus.n_tokens(), corpus.n_left_out()), (&[2, 2, 2][..], 6, 4));
        let docs: Vec<&[u32]> = (0..corpus.n_docs()).map(|i| corpus.doc(i)).collect();
        assert_eq!(docs, [&[1, 0, 2][..], &[0, 1], &[2]]);
    }

    #[test]
    fn chinese_is_cut_as_the_pipeline_says() {
        let texts = ["今天天气很好", "今天很好"];
        assert_eq!(corpus(&texts, 2).words(), ["天", "今", "好", "很"].map(str::to_owned));
        let mut spec = PipelineSpec::default();
        spec.segment.chinese = crate::text::Chinese::Jieba;
        let mut builder = CorpusBuilder::new(&spec).unwrap();
        builder.add(&texts).unwrap();
        let words = builder.build(&CorpusSpec { min_count: 1, ..CorpusSpec::default() }).unwrap().words().to_vec();
        assert!(words.contains(&"今天".to_owned()), "{words:?}");
    }

    #[test]
    fn a_corpus_does_not_depend_on_threads_or_on_how_its_texts_come() {
        let texts: Vec<String> = (0..3000).map(|i| format!("word{} word{} film", i % 70, i % 11)).collect();
        let pool = |n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
        let all = pool(1).install(|| corpus(&texts, 2));
        assert_eq!(all, pool(4).install(|| corpus(&texts, 2)));
        let mut builder = CorpusBuilder::new(&PipelineSpec::default()).unwrap();
        texts.chunks(7).for_each(|texts| builder.add(texts).unwrap());
        assert_eq!(all, builder.build(&CorpusSpec { min_count: 2, ..CorpusSpec::default() }).unwrap());
    }

    #[test]
    fn a_long_document_is_cut_and_loses_no_word() {
        let corpus = corpus(&["a b ".repeat(12_000)], 1);
        assert_eq!((corpus.n_docs(), corpus.n_tokens()), (3, 24_000));
        assert_eq!(corpus.doc(2).len(), 4000);
    }

    #[test]
    fn without_words_there_is_nothing_to_train() {
        for (texts, expected) in [
            (&["", " \u{200b} "][..], "the documents have no words"),
            (&["a b c", "a"][..], "1 of 3 words stand 2 times or more (the most frequent 2 times)"),
        ] {
            let mut builder = CorpusBuilder::new(&PipelineSpec::default()).unwrap();
            builder.add(texts).unwrap();
            let error = builder.build(&CorpusSpec { min_count: 2, ..CorpusSpec::default() }).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("--min-count"), "{error}");
        }
    }
}
