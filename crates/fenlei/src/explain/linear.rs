//! Linear models: the margin is a sum over n-grams, and this is that sum.

use rayon::prelude::*;

use super::contrast::Outputs;
use super::words::Words;
use super::{Method, Parts, Task};
use crate::model::SparseModel;

/// The explanation of every text.
pub(super) fn explain<S: AsRef<str> + Sync>(task: &Task<'_, S>, model: &SparseModel) -> Vec<Parts> {
    let pipeline = task.classifier.pipeline();
    let rows = model.vectorizer().rows(pipeline, task.texts);
    let n_outputs = model.bias().len();
    let of_text = |text: usize| {
        let contrast = Outputs::of_link(model.link()).contrast(task.labels[text], model.n_labels());
        let (columns, values) = rows.row(text);
        let origin = model.vectorizer().origin(pipeline, task.texts[text].as_ref());
        let mut words = Words::new(task.texts[text].as_ref(), origin.all_places());
        words.add_features(&origin, |column| {
            let Ok(at) = columns.binary_search(&column) else { return 0.0 };
            weight(&contrast, &model.weights()[column as usize * n_outputs..][..n_outputs]) * f64::from(values[at])
        });
        let mut margins = vec![0.0; n_outputs];
        model.margins(&mut margins, rows.row(text));
        let score = contrast.iter().zip(&margins).map(|(c, margin)| c * margin).sum();
        let base = weight(&contrast, model.bias());
        let (words, ngrams) = words.finish(task.options.n_ngrams);
        Parts { method: Method::Exact, score, base: Some(base), words, ngrams, n_words_skipped: 0 }
    };
    (0..task.texts.len()).into_par_iter().map(of_text).collect()
}

/// What each unit of a feature adds to the score.
pub(super) fn weight(contrast: &[f64], weights: &[f32]) -> f64 {
    contrast.iter().zip(weights).map(|(c, &weight)| c * f64::from(weight)).sum()
}
