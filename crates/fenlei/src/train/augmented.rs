//! Training documents as a net sees them in an epoch: changed anew each time.
//!
//! Invariant: what an epoch shows follows from the seed, the epoch and the place of a document among the training
//! documents, so that a resumed training shows the same.

use std::borrow::Cow;

use fenlei_nn::rng;
use rayon::prelude::*;

use crate::Result;
use crate::augment::{Augmenter, Kind, document_seed};
use crate::features::Vectorizer;
use crate::model::NetInputs;
use crate::text::{EncodedTexts, Scratch, TextPipeline, UNKNOWN_ID};

/// Documents that a thread takes at a time.
const DOCS_AT_A_TIME: usize = 32;

/// Parts of a document's seed in an epoch.
const SEED_WHETHER: u64 = 1;
const SEED_TEXT: u64 = 2;
const SEED_FILL: u64 = 3;

/// Changes the training documents.
#[derive(Debug)]
pub(super) struct Augmentation<'a> {
    augmenter: Augmenter,
    texts: Vec<&'a str>,
    /// Tokens of protected words, ascending.
    protected: Vec<u32>,
    seed: u64,
}

impl<'a> Augmentation<'a> {
    /// For `texts`, the training documents, which `pipeline` encodes.
    pub fn new(augmenter: Augmenter, texts: Vec<&'a str>, pipeline: &TextPipeline, seed: u64) -> Self {
        let words = augmenter.protected_words().iter();
        let mut protected: Vec<u32> = words.flat_map(|word| pipeline.encode(word).ids).collect();
        protected.sort_unstable();
        protected.dedup();
        Self { augmenter, texts, protected, seed }
    }

    /// The documents of an epoch as the net reads them. `originals` are they as they are.
    pub fn epoch(
        &self,
        epoch: u32,
        pipeline: &TextPipeline,
        features: Option<&Vectorizer>,
        originals: &NetInputs,
    ) -> NetInputs {
        match features {
            Some(features) => NetInputs::new(pipeline, Some(features), &self.texts(epoch)),
            None => self.tokens(epoch, pipeline, &originals.ids).into(),
        }
    }

    /// The seed of a document in an epoch; `None` if the document is seen as it is.
    fn seed(&self, epoch: u32, doc: usize) -> Option<u64> {
        let seed = document_seed(self.seed, u64::from(epoch), doc);
        (rng::uniform(seed, SEED_WHETHER) < self.augmenter.spec().documents).then_some(seed)
    }

    /// For nets that read features of n-grams.
    fn texts(&self, epoch: u32) -> Vec<Cow<'a, str>> {
        let changed = |(doc, &text): (usize, &&'a str)| match self.seed(epoch, doc) {
            Some(seed) => Cow::Owned(self.augmenter.augment(text, rng::derive(seed, SEED_TEXT)).0),
            None => Cow::Borrowed(text),
        };
        self.texts.par_iter().enumerate().map(changed).collect()
    }

    /// For nets that read tokens.
    fn tokens(&self, epoch: u32, pipeline: &TextPipeline, originals: &EncodedTexts) -> EncodedTexts {
        let spec = self.augmenter.spec();
        let changes_text = Kind::ALL.into_iter().any(|kind| kind != Kind::Fill && spec.rate(kind) > 0.0);
        let docs: Vec<usize> = (0..self.texts.len()).collect();
        let encoded: Vec<(Vec<u32>, Vec<usize>)> = docs
            .par_chunks(DOCS_AT_A_TIME)
            .map_init(Scratch::default, |scratch, docs| {
                let (mut ids, mut ends) = (Vec::new(), Vec::with_capacity(docs.len()));
                for &doc in docs {
                    let start = ids.len();
                    let seed = self.seed(epoch, doc);
                    match seed.filter(|_| changes_text) {
                        Some(seed) => {
                            let text = self.augmenter.augment_but_fill(self.texts[doc], rng::derive(seed, SEED_TEXT));
                            pipeline.encode_into(&text, &mut ids, scratch);
                        }
                        None => ids.extend_from_slice(originals.get(doc).unwrap_or_default()),
                    }
                    if let Some(seed) = seed.filter(|_| spec.fill > 0.0) {
                        let fill = rng::derive(seed, SEED_FILL);
                        self.augmenter.fill_ids(&mut ids[start..], UNKNOWN_ID, &self.protected, fill);
                    }
                    ends.push(ids.len());
                }
                (ids, ends)
            })
            .collect();
        EncodedTexts::joined(&encoded)
    }

    /// A number that is another one for other synonyms.
    pub fn fingerprint(&self) -> u32 {
        self.augmenter.fingerprint()
    }
}

/// Changed copies of `texts`, those of the first round first.
pub(super) fn copies(augmenter: &Augmenter, texts: &[&str], seed: u64) -> Vec<String> {
    let rounds = u64::from(augmenter.spec().copies);
    let copy = |round: u64, doc: usize| augmenter.augment(texts[doc], document_seed(seed, round, doc)).0;
    (0..rounds)
        .flat_map(|round| (0..texts.len()).into_par_iter().map(|doc| copy(round, doc)).collect::<Vec<_>>())
        .collect()
}

/// The augmenter of a plan, if it has one.
pub(super) fn augmenter_of(plan: &super::Plan) -> Result<Option<Augmenter>> {
    plan.train.augment.as_ref().map(Augmenter::new).transpose()
}
