//! Words of one part that the other does not have.

use std::collections::HashMap;

use serde::Serialize;

use crate::Result;
use crate::text::{PipelineSpec, TextPipeline};

/// Unknown words that are listed.
const LISTED: usize = 20;

/// How many words of a part a vocabulary lacks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UnknownWords {
    /// Words in all.
    pub n_words: u64,
    /// The share of them that is unknown, 0 without words.
    pub share: f64,
    /// The share of documents in which more than half of the words are unknown.
    pub mostly_unknown: f64,
    /// The most frequent unknown words, with how often they stand there.
    pub frequent: Vec<(String, u64)>,
}

/// Words of `texts` that the vocabulary of `pipeline` lacks.
///
/// # Errors
/// When the pipeline cannot be built again without a limit to its vocabulary.
pub fn unknown_words(pipeline: &TextPipeline, texts: &[String]) -> Result<UnknownWords> {
    // The same steps with every word of the texts in the vocabulary, to count by.
    let mut spec: PipelineSpec = pipeline.spec().clone();
    // Numbers of tokens have 32 bits.
    (spec.vocab.min_count, spec.vocab.max_size) = (1, u32::MAX as usize);
    spec.truncate = Default::default();
    let own = spec.fit(texts)?;
    let known: Vec<bool> = own.vocab().iter().map(|(token, _)| pipeline.vocab().id(token).is_some()).collect();
    let (mut n_words, mut n_unknown, mut n_mostly) = (0u64, 0u64, 0u64);
    let mut counts: HashMap<u32, u64> = HashMap::new();
    let batch = own.encode_batch(texts);
    for i in 0..texts.len() {
        let ids = batch.get(i).unwrap_or_default();
        let unknown = ids.iter().filter(|&&id| !known[id as usize]);
        let n: u64 = unknown.map(|&id| *counts.entry(id).and_modify(|n| *n += 1).or_insert(1)).map(|_| 1).sum();
        n_words += ids.len() as u64;
        n_unknown += n;
        n_mostly += u64::from(2 * n > ids.len() as u64);
    }
    let mut frequent: Vec<(u32, u64)> = counts.into_iter().collect();
    frequent.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let name = |(id, n): (u32, u64)| Some((own.vocab().token(id)?.to_owned(), n));
    Ok(UnknownWords {
        n_words,
        share: n_unknown as f64 / n_words.max(1) as f64,
        mostly_unknown: n_mostly as f64 / texts.len().max(1) as f64,
        frequent: frequent.into_iter().filter_map(name).take(LISTED).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_counted_that_the_other_part_lacks() {
        let strings = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let mut spec = PipelineSpec::default();
        spec.vocab.min_count = 1;
        let pipeline = spec.fit(&strings(&["a good film", "a bad film"])).unwrap();
        let found = unknown_words(&pipeline, &strings(&["a good book", "strange strange book", "Film"])).unwrap();
        assert_eq!((found.n_words, found.frequent), (7, vec![("book".into(), 2), ("strange".into(), 2)]));
        assert!((found.share - 4.0 / 7.0).abs() < 1e-12 && (found.mostly_unknown - 1.0 / 3.0).abs() < 1e-12);
    }
}
