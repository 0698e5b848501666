//! The documents that steps are timed on: IMDb where it is, else numbers with the frequencies of words.

use std::path::Path;

use anyhow::Result;
use fenlei::data::Split;
use fenlei::text::{EncodedTexts, PipelineSpec};
use fenlei_nn::rng;

use crate::bench::export::single_labels;
use crate::bench::read_part;

/// Sizes of the documents that are made up: those of IMDb.
const N_MADE_UP: usize = 3200;
const VOCAB_MADE_UP: usize = 20_000;
const TOKENS_MADE_UP: usize = 235;

/// Token ids and labels.
#[derive(Debug)]
pub(super) struct Documents {
    ids: EncodedTexts,
    pub labels: Vec<u32>,
    pub vocab_size: usize,
    /// What they are.
    pub about: String,
}

impl Documents {
    /// Some documents of IMDb in a random order.
    pub fn of_imdb(path: &Path, pipeline: &PipelineSpec, n_docs: usize) -> Result<Self> {
        let documents = read_part(path, Split::Train, None, None)?;
        let pipeline = pipeline.fit(&documents.texts)?;
        let mut order: Vec<usize> = (0..documents.len()).collect();
        rng::shuffle(&mut order, 1);
        order.truncate(n_docs);
        let some = documents.subset(&order);
        let ids = pipeline.encode_batch(&some.texts);
        let about = format!("{} reviews of IMDb", some.len());
        Ok(Self { ids, labels: single_labels(&some)?, vocab_size: pipeline.vocab().len(), about })
    }

    /// Ids whose frequencies fall as those of words do (Zipf).
    pub fn made_up() -> Self {
        let n = N_MADE_UP * TOKENS_MADE_UP;
        let id = |i: usize| ((VOCAB_MADE_UP as f64).powf(rng::uniform(1, i as u64)) - 1.0) as u32;
        let starts = (0..=N_MADE_UP).map(|doc| doc * TOKENS_MADE_UP).collect();
        let about = format!("{N_MADE_UP} made-up documents of {TOKENS_MADE_UP} tokens");
        let labels = (0..N_MADE_UP).map(|doc| (doc % 2) as u32).collect();
        Self { ids: EncodedTexts { ids: (0..n).map(id).collect(), starts }, labels, vocab_size: VOCAB_MADE_UP, about }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// The ids of one.
    pub fn doc(&self, doc_idx: usize) -> &[u32] {
        self.ids.get(doc_idx).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_documents_have_frequent_and_rare_tokens_below_the_size_of_the_vocabulary() {
        let documents = Documents::made_up();
        assert_eq!((documents.len(), documents.doc(7).len()), (N_MADE_UP, TOKENS_MADE_UP));
        let ids = &documents.ids.ids;
        assert!(ids.iter().all(|id| (*id as usize) < VOCAB_MADE_UP));
        let share = ids.iter().filter(|id| **id < 100).count() as f64 / ids.len() as f64;
        assert!((0.4..0.5).contains(&share), "{share}");
    }
}
