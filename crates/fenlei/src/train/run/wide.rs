//! The linear model of n-grams beside a net: solved before the net learns, with answers about the training documents that
//! come from fits without them.

use std::sync::atomic::AtomicBool;

use fenlei_nn::loss::{Head, Loss, LossSpec, Targets};
use fenlei_nn::rng;
use rayon::prelude::*;

use crate::data::Target;
use crate::features::{DfLimit, FittedFeatures, Labels, SparseRows, Vectorizer};
use crate::model::{Link, SparseModel, Wide, WideSpec, log_odds, margins};
use crate::text::{EncodedTexts, TextPipeline};
use crate::train::sparse::{Task, learn};
use crate::{Error, Result};

/// Parts of the training documents, each answered by a fit on the others.
const N_FOLDS: usize = 4;

/// The smallest and the largest factor of the answers.
const SCALES: [f64; 2] = [0.05, 4.0];

/// Halvings of the range in which the best factor lies.
const N_NARROWINGS: usize = 24;

/// What the wide part is fitted on.
pub(super) struct Documents<'a> {
    pub pipeline: &'a TextPipeline,
    pub texts: &'a EncodedTexts,
    pub targets: &'a [Target],
    pub labels: Labels,
    pub label_weights: Option<&'a [f64]>,
    pub head: Head,
}

/// Fits the wide part; with it what it says of the documents themselves, `[n_docs, n_outputs]`, each from a fit without
/// that document. `None` when no n-gram can be a feature.
pub(super) fn fit(
    spec: &WideSpec,
    documents: &Documents<'_>,
    seed: u64,
    stop: Option<&AtomicBool>,
) -> Result<Option<(Wide, Vec<f32>)>> {
    let Some(FittedFeatures { vectorizer, rows }) = features(spec, documents) else { return Ok(None) };
    let Documents { targets, labels, head, .. } = *documents;
    let linear = spec.linear();
    let link = Link::of(&linear, labels.n, labels.multi);
    let solve = |rows: &SparseRows, targets: &[Target], seed| {
        learn(&Task {
            spec: &linear,
            rows,
            targets,
            labels,
            label_weights: documents.label_weights,
            n_originals: targets.len(),
            seed,
            stop,
        })
    };
    let folds = folds(targets, labels.n);
    let all: Vec<usize> = (0..targets.len()).collect();
    let solutions: Vec<_> = (0..N_FOLDS + 1)
        .into_par_iter()
        .with_max_len(1)
        .map(|fold| {
            let learned: Vec<usize> = all.iter().copied().filter(|&doc| folds[doc] != fold).collect();
            let targets: Vec<Target> = learned.iter().map(|&doc| targets[doc].clone()).collect();
            solve(&rows.subset(&learned), &targets, rng::derive(seed, fold as u64))
        })
        .collect::<Result<_>>()?;
    let n_outputs = head.n_outputs(labels.n);
    let mut offsets = vec![0.0; targets.len() * n_outputs];
    offsets.par_chunks_mut(n_outputs).enumerate().for_each(|(doc, out)| {
        let solution = &solutions[folds[doc]];
        let mut of_doc = vec![0.0; solution.bias.len()];
        margins(&mut of_doc, &solution.weights, &solution.bias, rows.row(doc));
        log_odds(out, head, link, &of_doc);
    });
    let scale = best_scale(&offsets, targets, head)?;
    offsets.iter_mut().for_each(|x| *x *= scale);
    let as_f32 = |numbers: &[f64]| numbers.iter().map(|&x| x as f32).collect::<Vec<f32>>();
    // No document is in the last fold, so that nothing was left out of its fit.
    let whole = &solutions[N_FOLDS];
    let linear =
        SparseModel::new(linear, vectorizer, as_f32(&whole.weights), as_f32(&whole.bias), labels.n, labels.multi)
            .map_err(|problem| Error::train(problem, "this is a bug, please report it"))?;
    Ok(Some((Wide { linear, scale }, offsets)))
}

/// Few documents may have no n-gram in common. Then those of one document count.
fn features(spec: &WideSpec, documents: &Documents<'_>) -> Option<FittedFeatures> {
    let Documents { pipeline, texts, targets, labels, .. } = *documents;
    let mut features = spec.linear().features().clone();
    Vectorizer::fit_ids(&features, pipeline, texts, targets, labels)
        .or_else(|_| {
            features.min_df = DfLimit::Documents(1);
            Vectorizer::fit_ids(&features, pipeline, texts, targets, labels)
        })
        .ok()
}

/// The fold of each document. The documents of a label are divided in the order in which they came: neighbours are often
/// about the same thing, and what a fit learned from one would flatter its answer about the other.
fn folds(targets: &[Target], n_labels: usize) -> Vec<usize> {
    let first_label = |target: &Target| target.as_slice().first().map_or(n_labels, |&label| label as usize);
    let mut n_docs = vec![0; n_labels + 1];
    targets.iter().for_each(|target| n_docs[first_label(target)] += 1);
    let mut seen = vec![0; n_labels + 1];
    let fold = |target| {
        let label = first_label(target);
        seen[label] += 1;
        (seen[label] - 1) * N_FOLDS / n_docs[label]
    };
    targets.iter().map(fold).collect()
}

/// The factor with which the answers have the smallest loss: how sure they should be.
fn best_scale(offsets: &[f32], targets: &[Target], head: Head) -> Result<f32> {
    let loss = Loss::new(LossSpec::of(head), head)
        .map_err(|error| Error::train(error.to_string(), "this is a bug, please report it"))?;
    let (mut labels, mut starts) = (Vec::new(), vec![0]);
    for target in targets {
        labels.extend_from_slice(target.as_slice());
        starts.push(labels.len() as u32);
    }
    let targets = Targets::new(&labels, &starts);
    let mut unused = vec![0.0; offsets.len()];
    let mut loss_of = |ln_scale: f64| {
        let scale = ln_scale.exp();
        let scaled: Vec<f64> = offsets.iter().map(|&x| scale * f64::from(x)).collect();
        loss.forward_backward(&mut unused, &scaled, &targets)
    };
    // The loss is convex in the factor, and so has one valley in its logarithm: thirds are cut off (ternary search).
    let [mut low, mut high] = SCALES.map(f64::ln);
    for _ in 0..N_NARROWINGS {
        let third = (high - low) / 3.0;
        if loss_of(low + third) <= loss_of(high - third) { high -= third } else { low += third }
    }
    Ok(f64::midpoint(low, high).exp() as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::PipelineSpec;

    /// Labels by chance, and words of which each pair stands in few documents: they can be learned by heart, not learned.
    #[test]
    fn answers_about_training_documents_come_from_fits_without_them() {
        let word = |doc: u64, place: u64| format!("w{}", rng::bits(doc, place) % 60);
        let texts: Vec<String> =
            (0..240).map(|doc| (0..12).map(|place| word(doc, place)).collect::<Vec<_>>().join(" ")).collect();
        let targets: Vec<Target> = (0..240).map(|doc| Target::One((rng::bits(7, doc) & 1) as u32)).collect();
        let pipeline = PipelineSpec::default().fit(&texts).unwrap();
        let texts = pipeline.encode_batch(&texts);
        let (labels, head) = (Labels { n: 2, multi: false }, Head::Binary);
        let documents =
            Documents { pipeline: &pipeline, texts: &texts, targets: &targets, labels, label_weights: None, head };
        let (wide, without) = fit(&WideSpec::default(), &documents, 1, None).unwrap().unwrap();
        let n_right = |offsets: &[f32]| {
            offsets.iter().zip(&targets).filter(|(x, target)| u32::from(**x > 0.0) == target.as_slice()[0]).count()
        };
        let with = n_right(&wide.offsets(head, &texts));
        assert!(with > 230, "{with} by heart");
        let without = n_right(&without);
        assert!((80..160).contains(&without), "{without} by chance");
    }

    #[test]
    fn documents_of_a_label_are_divided_in_their_order() {
        let targets: Vec<Target> = (0..12).map(|i| Target::One(u32::from(i >= 8))).collect();
        assert_eq!(folds(&targets, 2), [0, 0, 1, 1, 2, 2, 3, 3, 0, 1, 2, 3]);
    }

    #[test]
    fn answers_that_are_too_sure_are_made_smaller() {
        // Log odds of 4 where three of four are right: ln 3 would do.
        let targets: Vec<Target> = [1, 1, 1, 0].map(Target::One).to_vec();
        let scale = best_scale(&[4.0; 4], &targets, Head::Binary).unwrap();
        assert!((f64::from(scale) * 4.0 - 3f64.ln()).abs() < 1e-3, "{scale}");
    }
}
