//! What of a vectorizer is saved, and a vectorizer from it.

use super::super::ngrams::{Level, NONE, Ngrams};
use super::super::spec::{FeaturesSpec, Idf};
use super::{Block, Vectorizer, kinds, n_symbols};
use crate::text::TextPipeline;

/// What a vectorizer has learned, to be saved: its n-grams by kind and length, and the factor of each column.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Learned {
    /// For each kind of n-gram, tokens before characters, the levels of its tree; none where features are hashed.
    pub blocks: Vec<Vec<Level>>,
    /// The factor of each column; empty where features count alike.
    pub idf: Vec<f32>,
}

impl Vectorizer {
    /// Puts together what was learned.
    ///
    /// # Errors
    /// What does not fit together.
    pub(super) fn assemble(
        spec: &FeaturesSpec,
        pipeline: &TextPipeline,
        n_columns: usize,
        learned: Learned,
    ) -> Result<Self, String> {
        let kinds = kinds(spec);
        let mut trees = learned.blocks.into_iter();
        let blocks = kinds.into_iter().map(|(kind, lengths)| {
            let ngrams = match (spec.hash_columns, trees.next()) {
                (Some(_), _) => None,
                (None, Some(levels)) => Some(Ngrams::new(lengths[0], n_symbols(kind, pipeline), levels)?),
                (None, None) => return Err("it lacks n-grams that its features ask for".to_owned()),
            };
            Ok(Block { kind, lengths, ngrams })
        });
        let blocks = blocks.collect::<Result<_, String>>()?;
        Ok(Self { spec: spec.clone(), blocks, n_columns, idf: learned.idf })
    }

    /// Makes a saved vectorizer, which is not trusted.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn restore(spec: &FeaturesSpec, pipeline: &TextPipeline, learned: Learned) -> Result<Self, String> {
        spec.check().map_err(|e| e.to_string())?;
        let n_kinds = if spec.hash_columns.is_some() { 0 } else { kinds(spec).len() };
        if learned.blocks.len() != n_kinds {
            return Err(format!("{} kinds of n-grams, expected {n_kinds}", learned.blocks.len()));
        }
        let levels = || learned.blocks.iter().flatten();
        let n_columns = spec
            .hash_columns
            .unwrap_or_else(|| levels().flat_map(|level| &level.columns).filter(|column| **column != NONE).count());
        // Of hashed features, of which there may be more than memory, no list is checked.
        let mut seen = vec![false; if spec.hash_columns.is_some() { 0 } else { n_columns }];
        for &column in levels().flat_map(|level| &level.columns).filter(|column| **column != NONE) {
            match seen.get_mut(column as usize) {
                Some(seen) if !*seen => *seen = true,
                _ => return Err(format!("its {n_columns} features do not have the columns 0 to {n_columns}")),
            }
        }
        let n_factors = if spec.idf == Idf::None { 0 } else { n_columns };
        if learned.idf.len() != n_factors {
            return Err(format!("{} factors of features, expected {n_factors}", learned.idf.len()));
        }
        Self::assemble(spec, pipeline, n_columns, learned)
    }

    /// What has to be saved, besides the specification.
    pub(crate) fn learned(&self) -> Learned {
        let trees = self.blocks.iter().filter_map(|block| block.ngrams.as_ref());
        Learned { blocks: trees.map(|ngrams| ngrams.levels.clone()).collect(), idf: self.idf.clone() }
    }
}
