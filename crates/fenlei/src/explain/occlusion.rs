//! Any model: each word is left out once, and the log-odds of the label are compared (Zeiler and Fergus 2014; Li et al.
//! 2016, "Understanding neural networks through representation erasure").

use super::words::Words;
use super::{Method, NgramWeight, Parts, Task};
use crate::classifier::Predictions;

/// Bytes of text that are predicted at a time: every word left out is a text more.
const BYTES_AT_A_TIME: usize = 1 << 22;

/// A probability is not nearer to 0 or 1 than this, so that its log-odds say something.
const LEAST: f64 = 1e-7;

/// The explanation of every text.
pub(super) fn explain<S: AsRef<str> + Sync>(task: &Task<'_, S>, predictions: &Predictions) -> Vec<Parts> {
    let pipeline = task.classifier.pipeline();
    let mut explained = Vec::with_capacity(task.texts.len());
    for (number, text) in task.texts.iter().enumerate() {
        let (text, label) = (text.as_ref(), task.labels[number]);
        // Not the encoding: a model may read words that the vocabulary lacks.
        let places = pipeline.tokens_with_origin(text).into_iter().map(|(_, place)| place);
        let mut words = Words::new(text, places);
        let places: Vec<(u32, u32)> = words.places().iter().copied().take(task.options.max_words_left_out).collect();
        let score = log_odds(predictions.row(number)[label]);
        for some in places.chunks((BYTES_AT_A_TIME / text.len().max(1)).max(1)) {
            let without: Vec<String> = some.iter().map(|&place| without(text, place)).collect();
            let of_others = task.classifier.predict_batch(&without);
            for (i, &place) in some.iter().enumerate() {
                words.add(place, score - log_odds(of_others.row(i)[label]));
            }
        }
        let n_words_skipped = words.len() - places.len();
        let (words, _) = words.finish(0);
        let mut ngrams: Vec<NgramWeight> = words
            .iter()
            .filter(|word| word.weight != 0.0)
            .map(|word| NgramWeight {
                text: word.text.clone(),
                weight: word.weight,
                n_places: 1,
                bytes: word.bytes,
                chars: word.chars,
            })
            .collect();
        ngrams.sort_by(|a, b| b.weight.abs().total_cmp(&a.weight.abs()).then(a.bytes.cmp(&b.bytes)));
        ngrams.truncate(task.options.n_ngrams);
        explained.push(Parts { method: Method::LeaveOneOut, score, base: None, words, ngrams, n_words_skipped });
    }
    explained
}

/// The text with a space in the place of a word, so that its neighbours do not grow together.
fn without(text: &str, (start, end): (u32, u32)) -> String {
    let before = text.get(..start as usize).unwrap_or_default();
    let behind = text.get(end as usize..).unwrap_or_default();
    format!("{before} {behind}")
}

fn log_odds(probability: f32) -> f64 {
    let p = f64::from(probability).clamp(LEAST, 1.0 - LEAST);
    (p / (1.0 - p)).ln()
}
