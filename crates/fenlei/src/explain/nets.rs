//! Nets: one forward and one backward pass for many texts at a time, and what the linear model beside them adds.

use std::ops::Range;

use fenlei_nn::Batch;
use fenlei_nn::attribution::Shares;
use fenlei_nn::layers::{Activation, Pass};
use fenlei_nn::loss::Head;
use fenlei_nn::net::Workspace;
use fenlei_nn::params::Grads;
use fenlei_nn::spec::LayerSpec;
use rayon::prelude::*;

use super::contrast::Outputs;
use super::linear::weight;
use super::words::Words;
use super::{Method, Parts, Task};
use crate::features::FeatureOrigin;
use crate::model::{Link, NetInputs, NetModel, Wide, softplus};
use crate::text::UNKNOWN_TOKEN;

/// Texts that pass through the net together, at most: enough that they share most of their tokens.
const TEXTS_AT_A_TIME: usize = 128;

/// And so many bytes of text, or a single longer one, so that memory stays bounded.
const BYTES_AT_A_TIME: usize = 1 << 18;

/// The explanation of every text; `None` where the net has none of its own.
pub(super) fn explain<S: AsRef<str> + Sync>(task: &Task<'_, S>, model: &NetModel) -> Option<Vec<Parts>> {
    let outputs = Outputs::of_head(model.net().head())?;
    let method =
        if is_linear(&model.spec().layers) && model.wide().is_none() { Method::Exact } else { Method::Linearised };
    let mut memory = Memory::default();
    let mut explained = Vec::with_capacity(task.texts.len());
    let mut first = 0;
    while first < task.texts.len() {
        let mut n_bytes = 0;
        let more = task.texts[first..].iter().take(TEXTS_AT_A_TIME).take_while(|text| {
            n_bytes += text.as_ref().len();
            n_bytes <= BYTES_AT_A_TIME
        });
        let texts = first..first + more.count().max(1);
        first = texts.end;
        explained.extend(some(task, model, outputs, method, texts, &mut memory)?);
    }
    Some(explained)
}

/// Memory that is used again from texts to texts.
#[derive(Default)]
struct Memory {
    workspace: Workspace<f32>,
    batch: Batch,
    shares: Shares<f32>,
    scratch: Grads<f32>,
}

/// Whether the net is a linear function of its features.
fn is_linear(layers: &[LayerSpec]) -> bool {
    layers.iter().all(|layer| match layer {
        LayerSpec::EmbeddingBag { activation, .. } | LayerSpec::Dense { activation, .. } => {
            *activation == Activation::Linear
        }
        LayerSpec::Dropout { .. } => true,
        _ => false,
    })
}

fn some<S: AsRef<str> + Sync>(
    task: &Task<'_, S>,
    model: &NetModel,
    outputs: Outputs,
    method: Method,
    texts: Range<usize>,
    memory: &mut Memory,
) -> Option<Vec<Parts>> {
    let Memory { workspace, batch, shares, scratch } = memory;
    let (net, pipeline) = (model.net(), task.classifier.pipeline());
    let (n_outputs, n_labels) = (net.n_outputs(), net.sizes().n_labels);
    let inputs = NetInputs::new(pipeline, model.features(), &task.texts[texts.clone()]);
    batch.fill((0..inputs.len()).map(|doc| inputs.get(doc)), net.sizes().vocab_size);
    let mut logits = net.forward(workspace, batch, Pass::Trace).data.clone();
    let contrasts: Vec<Vec<f64>> = texts.clone().map(|text| outputs.contrast(task.labels[text], n_labels)).collect();
    let d_logits: Vec<f32> = contrasts.iter().flatten().map(|&c| c as f32).collect();
    if !net.attribute(shares, scratch, workspace, &d_logits, batch) {
        return None;
    }
    if let Some(wide) = model.wide() {
        let offsets = wide.offsets(net.head(), &inputs.ids);
        logits.iter_mut().zip(offsets).for_each(|(logit, offset)| *logit += offset);
    }
    // Branches list their wins one after the other; the order within a document stays.
    shares.wins.sort_by_key(|win| win.doc);
    let (shares, batch) = (&*shares, &*batch);
    let of_doc = |doc: usize| {
        let text = task.texts[texts.start + doc].as_ref();
        let tokens = batch.doc(doc);
        let mut words = match model.features() {
            Some(features) => {
                let origin = features.origin(pipeline, text);
                let mut words = Words::new(text, origin.all_places());
                // Features are counted from 1 in a net, and ascend.
                let columns = &batch.ids[tokens.clone()];
                words.add_features(&origin, |column| {
                    let at = columns.binary_search(&(column + 1));
                    at.map_or(0.0, |at| f64::from(shares.tokens[tokens.start + at]))
                });
                words
            }
            None => {
                let encoding = pipeline.encode(text);
                let mut words = Words::new(text, encoding.offsets.iter().copied());
                // What the tokens around a document say belongs to no word.
                let [before, behind] = pipeline.n_around();
                let own = tokens.start + before..tokens.end.saturating_sub(behind);
                let of_own = shares.tokens.get(own).unwrap_or_default();
                let of_tokens = of_own.iter().zip(encoding.offsets.iter().skip(before));
                of_tokens.for_each(|(&share, &place)| words.add(place, f64::from(share)));
                let first = shares.wins.partition_point(|win| (win.doc as usize) < doc);
                let wins = shares.wins[first..].iter().take_while(|win| win.doc as usize == doc);
                let mut wins: Vec<(u32, u32, f64)> = wins.map(|w| (w.start, w.end, f64::from(w.share))).collect();
                wins.sort_by_key(|&(start, end, _)| (start, end));
                for same in wins.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
                    let run = same[0].0 as usize..same[0].1 as usize;
                    let (Some(ids), Some(places)) = (encoding.ids.get(run.clone()), encoding.offsets.get(run)) else {
                        continue;
                    };
                    let (Some(first), Some(last)) = (places.first(), places.last()) else { continue };
                    let token = |&id: &u32| pipeline.vocab().token(id).unwrap_or(UNKNOWN_TOKEN);
                    let name = ids.iter().map(token).collect::<Vec<_>>().join(" ");
                    words.add_ngram(name, (first.0, last.1), same.iter().map(|win| win.2).sum());
                }
                words
            }
        };
        if let Some(wide) = model.wide() {
            add_wide(&mut words, wide, net.head(), &contrasts[doc], &wide.linear().vectorizer().origin(pipeline, text));
        }
        let of_doc = &logits[doc * n_outputs..][..n_outputs];
        let score: f64 = contrasts[doc].iter().zip(of_doc).map(|(c, &logit)| c * f64::from(logit)).sum();
        let base = Some(score - words.sum());
        let (words, ngrams) = words.finish(task.options.n_ngrams);
        Parts { method, score, base, words, ngrams, n_words_skipped: 0 }
    };
    Some((0..inputs.len()).into_par_iter().map(of_doc).collect())
}

/// Adds what the linear model beside a net says through [`log_odds`](crate::model::log_odds): of a function that bends,
/// the straight line from the answer without words to the one with them.
fn add_wide(words: &mut Words<'_>, wide: &Wide, head: Head, contrast: &[f64], origin: &FeatureOrigin) {
    let linear = wide.linear();
    let n = linear.bias().len();
    let mut columns: Vec<u32> = origin.runs.iter().map(|run| run.column).collect();
    columns.sort_unstable();
    columns.dedup();
    let of_column = |column: u32| &linear.weights()[column as usize * n..][..n];
    let scale = f64::from(wide.scale);
    let factors: Vec<f64> = match (head, linear.link()) {
        (Head::Binary, _) => vec![contrast[0] * scale],
        (Head::Softmax, Link::Binary) => vec![(contrast[1] - contrast[0]) / 2.0 * scale],
        (Head::Sigmoid, Link::Binary) => vec![(contrast[1] - contrast[0]) * scale],
        (Head::Softmax, _) => {
            let log_sigmoid = |margin: f64| -softplus(-margin);
            let bent = |output: usize| {
                let bias = f64::from(linear.bias()[output]);
                let rise: f64 = columns.iter().map(|&column| f64::from(of_column(column)[output])).sum();
                // Where there is no way to go, the slope.
                if rise.abs() < 1e-6 {
                    return crate::model::sigmoid(-bias);
                }
                (log_sigmoid(bias + rise) - log_sigmoid(bias)) / rise
            };
            contrast.iter().enumerate().map(|(output, c)| c * scale * bent(output)).collect()
        }
        (Head::Sigmoid | Head::Hierarchical, _) => contrast.iter().map(|c| c * scale).collect(),
    };
    words.add_features(origin, |column| weight(&factors, of_column(column)));
}
