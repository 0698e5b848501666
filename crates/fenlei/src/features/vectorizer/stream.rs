//! Features of documents that are not all in memory: the documents are passed over several times, and what is kept is
//! what was found.

use std::cell::Cell;

use super::super::columns::number_columns;
use super::super::count::{Passes, count};
use super::super::spec::{CharScope, FeaturesSpec};
use super::super::symbols::{Sequences, SymbolKind};
use super::super::weighting::{add_df, idf_of_df};
use super::{Learned, Vectorizer, kinds, n_symbols, no_words};
use crate::features::Idf;
use crate::text::{Corpus, TextPipeline};
use crate::{Error, Result};

/// The symbols of a corpus, made anew in every pass.
struct Encoded<'a> {
    pipeline: &'a TextPipeline,
    corpus: &'a dyn Corpus,
    kind: SymbolKind,
    /// Set by the first document that has a word.
    has_words: &'a Cell<bool>,
}

impl Passes for Encoded<'_> {
    fn at_once(&self) -> bool {
        false
    }

    fn each(&self, f: &mut dyn FnMut(&Sequences) -> Result<()>) -> Result<()> {
        self.corpus.for_each_chunk(&mut |texts| {
            let sequences = Sequences::new(self.pipeline, texts, self.kind);
            self.has_words.set(self.has_words.get() || !sequences.symbols.is_empty());
            f(&sequences)
        })
    }
}

impl Vectorizer {
    /// Learns the features of a corpus that need not be in memory: equal to what [`fit`](Self::fit) learns from the same
    /// documents. Memory grows with the features that are kept, not with the documents.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), those of reading the corpus, and where features are to be chosen by labels.
    pub fn fit_corpus(spec: &FeaturesSpec, pipeline: &TextPipeline, corpus: &dyn Corpus) -> Result<Self> {
        spec.check()?;
        if spec.select.is_some() {
            let problem = "features are chosen by labels only where all documents are in memory";
            return Err(Error::config("model.features.select", problem, "use max_features or min_df instead"));
        }
        let mut n_texts = 0;
        corpus.for_each_chunk(&mut |texts| {
            n_texts += texts.len();
            Ok(())
        })?;
        let has_words = &Cell::new(false);
        let bug = |problem| Error::train(problem, "this is a bug, please report it");
        let (blocks, n_columns) = match spec.hash_columns {
            Some(n_columns) => (Vec::new(), n_columns),
            None => {
                let counted = kinds(spec).into_iter().map(|(kind, lengths)| {
                    let whole = kind == SymbolKind::Chars(CharScope::Words);
                    let passes = Encoded { pipeline, corpus, kind, has_words };
                    count(&passes, n_symbols(kind, pipeline), lengths, whole, spec.min_df.of(n_texts))
                });
                let counted: Vec<_> = counted.collect::<Result<_>>()?;
                if !has_words.get() {
                    return Err(no_words());
                }
                number_columns(spec, counted, n_texts)?
            }
        };
        let learned = Learned { blocks, idf: Vec::new() };
        let mut vectorizer = Self::assemble(spec, pipeline, n_columns, learned).map_err(bug)?;
        if spec.idf != Idf::None || spec.hash_columns.is_some() {
            let (mut df, mut n_entries) = (vec![0; n_columns], 0);
            corpus.for_each_chunk(&mut |texts| {
                let counts = vectorizer.counts_of(pipeline, texts);
                n_entries += counts.n_entries();
                add_df(&mut df, &counts);
                Ok(())
            })?;
            if n_entries == 0 {
                return Err(no_words());
            }
            vectorizer.idf = idf_of_df(spec.idf, &df, n_texts);
        }
        Ok(vectorizer)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::Target;
    use crate::features::{Labels, SparseRows};
    use crate::text::{InMemory, PipelineSpec};

    const TEXTS: [&str; 5] =
        ["a good film, a good one", "a bad film", "", "很好的电影 good", "the film was so so, so bad"];

    /// Every kind of features.
    const SPECS: [&str; 5] = [
        "word_ngrams = 3\nmin_df = 1",
        "word_ngrams = 2\nmin_df = 2\nnorm = 'none'",
        "char_ngrams = [2, 4]\nmin_df = 0.3\ntf = 'count'",
        "hash_columns = 97\nmin_df = 1\nidf = 'plain'",
        "word_ngrams = 2\nmin_df = 1\nmax_features = 7\nidf = 'none'",
    ];

    /// Documents of few words in both languages, so that n-grams come again.
    fn documents() -> impl Strategy<Value = Vec<String>> {
        let word = prop::sample::select(vec!["good", "film", "a", "很好", "的电影", ", ", "<br>", ""]);
        let text = prop::collection::vec(word, 0..8).prop_map(|words| words.join(" "));
        prop::collection::vec(text, 1..9)
    }

    proptest! {
        #[test]
        fn features_of_a_corpus_equal_those_of_the_same_documents_in_memory(texts in documents(), chunk in 1usize..4) {
            let pipeline = PipelineSpec::default().fit(&texts).unwrap();
            let targets = vec![Target::One(0); texts.len()];
            for toml in SPECS {
                let spec: FeaturesSpec = toml::from_str(toml).unwrap();
                let labels = Labels { n: 1, multi: false };
                let expected = Vectorizer::fit(&spec, &pipeline, &texts, &targets, labels);
                let found = Vectorizer::fit_corpus(&spec, &pipeline, &InMemory { texts: &texts, chunk });
                let (Ok(expected), Ok(found)) = (&expected, &found) else {
                    prop_assert!(expected.is_err() && found.is_err(), "{}", toml);
                    continue;
                };
                prop_assert_eq!(found.learned(), expected.vectorizer.learned(), "{}", toml);
                // The rows of all documents are those of the parts, one behind the other.
                let mut rows = SparseRows::new(found.n_columns());
                texts.chunks(chunk).for_each(|texts| rows.append(&found.rows(&pipeline, texts)));
                prop_assert_eq!(&rows, &expected.rows, "{}", toml);
            }
        }
    }

    #[test]
    fn what_cannot_be_learned_is_told() {
        let pipeline = PipelineSpec::default().fit(&TEXTS).unwrap();
        let refusal = |toml: &str, texts: &[&str]| {
            let spec: FeaturesSpec = toml::from_str(toml).unwrap();
            Vectorizer::fit_corpus(&spec, &pipeline, &InMemory { texts, chunk: 2 }).unwrap_err().to_string()
        };
        assert!(refusal("select = { by = 'chi2', keep = 3 }", &TEXTS).starts_with("model.features.select: "));
        assert!(refusal("", &["", " "]).contains("no words are left"));
        assert!(refusal("", &["a film"]).contains("no feature is left"));
        struct Torn;
        impl Corpus for Torn {
            fn for_each_chunk(&self, _: &mut dyn FnMut(&[&str]) -> Result<()>) -> Result<()> {
                Err(Error::config("torn", "the disk is gone", "find it"))
            }
        }
        let error = Vectorizer::fit_corpus(&FeaturesSpec::default(), &pipeline, &Torn).unwrap_err();
        assert!(error.to_string().contains("the disk is gone"));
    }
}
