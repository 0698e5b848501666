//! The logistic loss of margins, with its gradient and its curvature.

use rayon::prelude::*;

use crate::model::{sigmoid, softplus};

/// Documents that one thread takes at a time.
const DOCS_PER_TASK: usize = 256;

/// The right class of each document. With two classes there is one margin, of the second.
pub(super) struct Classes<'a> {
    /// `[n_docs]`.
    pub of_docs: &'a [u32],
    /// Margins of a document.
    pub k: usize,
}

impl Classes<'_> {
    /// The sum of the losses, each at its cost, and the classes' probabilities for each document: [n_docs, k].
    pub fn loss(&self, probabilities: &mut [f64], margins: &[f64], costs: &[f64]) -> f64 {
        let mut losses = vec![0.0; self.of_docs.len()];
        let tasks = probabilities.par_chunks_mut(DOCS_PER_TASK * self.k).zip(losses.par_chunks_mut(DOCS_PER_TASK));
        tasks.enumerate().for_each(|(task, (probabilities, losses))| {
            let first = task * DOCS_PER_TASK;
            for (doc, (p, loss)) in (first..).zip(probabilities.chunks_exact_mut(self.k).zip(losses)) {
                let margins = &margins[doc * self.k..][..self.k];
                let class = self.of_docs[doc] as usize;
                *loss = costs[doc]
                    * if self.k == 1 {
                        p[0] = sigmoid(margins[0]);
                        softplus(if class == 1 { -margins[0] } else { margins[0] })
                    } else {
                        let top = margins.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                        p.iter_mut().zip(margins).for_each(|(p, margin)| *p = (margin - top).exp());
                        let sum: f64 = p.iter().sum();
                        p.iter_mut().for_each(|p| *p /= sum);
                        sum.ln() + top - margins[class]
                    };
            }
        });
        losses.iter().sum()
    }

    /// The loss alone, where probabilities are not wanted.
    pub fn loss_alone(&self, margins: &[f64], step: f64, direction: &[f64], costs: &[f64]) -> f64 {
        let losses: Vec<f64> = (0..self.of_docs.len())
            .into_par_iter()
            .with_min_len(DOCS_PER_TASK)
            .map(|doc| {
                let places = doc * self.k..(doc + 1) * self.k;
                let class = self.of_docs[doc] as usize;
                let moved = margins[places.clone()].iter().zip(&direction[places]).map(|(m, d)| m + step * d);
                costs[doc]
                    * if self.k == 1 {
                        moved.map(|margin| softplus(if class == 1 { -margin } else { margin })).sum::<f64>()
                    } else {
                        let top = moved.clone().fold(f64::NEG_INFINITY, f64::max);
                        let sum: f64 = moved.clone().map(|margin| (margin - top).exp()).sum();
                        sum.ln() + top - moved.clone().nth(class).unwrap_or(0.0)
                    }
            })
            .collect();
        losses.iter().sum()
    }

    /// The gradient of the loss for each margin: out: [n_docs, k].
    pub fn gradient(&self, out: &mut [f64], probabilities: &[f64], costs: &[f64]) {
        for (doc, (out, p)) in out.chunks_exact_mut(self.k).zip(probabilities.chunks_exact(self.k)).enumerate() {
            out.iter_mut().zip(p).for_each(|(out, p)| *out = costs[doc] * p);
            let class = self.of_docs[doc] as usize;
            match (self.k, class) {
                (1, 0) => {}
                (1, _) => out[0] -= costs[doc],
                _ => out[class] -= costs[doc],
            }
        }
    }

    /// What the loss's second derivative makes of a change of margins, in place: [n_docs, k].
    pub fn curve(&self, changes: &mut [f64], probabilities: &[f64], costs: &[f64]) {
        for (doc, (u, p)) in changes.chunks_exact_mut(self.k).zip(probabilities.chunks_exact(self.k)).enumerate() {
            if self.k == 1 {
                u[0] *= costs[doc] * p[0] * (1.0 - p[0]);
                continue;
            }
            let mean: f64 = u.iter().zip(p).map(|(u, p)| u * p).sum();
            u.iter_mut().zip(p).for_each(|(u, p)| *u = costs[doc] * p * (*u - mean));
        }
    }
}
