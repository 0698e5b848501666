//! What a net reads of many documents.

use fenlei_nn::ragged::Document;

use crate::features::{SparseRows, Vectorizer};
use crate::text::{EncodedTexts, TextPipeline};

/// Documents as a net reads them: token ids in their order, or features with what each counts.
#[derive(Debug)]
pub struct NetInputs {
    /// Token ids; or the features of each document, counted from 1: 0 stands for one that was left out.
    pub ids: EncodedTexts,
    /// What each feature counts; empty for tokens.
    pub values: Vec<f32>,
}

impl NetInputs {
    /// Reads texts by their features if there are any, else by their tokens.
    pub(crate) fn new<S: AsRef<str> + Sync>(
        pipeline: &TextPipeline,
        features: Option<&Vectorizer>,
        texts: &[S],
    ) -> Self {
        match features {
            Some(features) => features.rows(pipeline, texts).into(),
            None => pipeline.encode_batch(texts).into(),
        }
    }

    /// How many documents.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Document `i`; an empty one beyond the last.
    pub fn get(&self, i: usize) -> Document<'_> {
        match (self.ids.starts.get(i), self.ids.starts.get(i + 1)) {
            (Some(&start), Some(&end)) => {
                Document { ids: &self.ids.ids[start..end], values: self.values.get(start..end).unwrap_or_default() }
            }
            _ => Document::default(),
        }
    }
}

impl From<EncodedTexts> for NetInputs {
    fn from(ids: EncodedTexts) -> Self {
        Self { ids, values: Vec::new() }
    }
}

impl From<SparseRows> for NetInputs {
    fn from(rows: SparseRows) -> Self {
        let SparseRows { starts, columns: mut ids, values, .. } = rows;
        ids.iter_mut().for_each(|id| *id += 1);
        Self { ids: EncodedTexts { ids, starts }, values }
    }
}
