//! What turns the probabilities of a model into ones that mean what they say.
//!
//! Invariant: a calibration is a function of one row of probabilities and of the numbers it holds; a text gets the same
//! scores alone and in any batch. NaN stays NaN, so that a diverged model is still seen to be one.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::isotonic::IsotonicCurve;
use super::temperature;
use crate::data::Target;

/// Numbers that one task works on.
const NUMBERS_PER_TASK: usize = 1 << 14;

/// A calibration, with what was fitted on held-out documents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Calibration {
    /// Logits divided by one number (Guo et al. 2017). The order of the labels stays as it is.
    Temperature {
        /// Above 1 for a model that is too sure of itself.
        temperature: f64,
    },
    /// A rising curve for each label (Zadrozny and Elkan 2002); with one label a document the results are divided by
    /// their sum.
    Isotonic {
        /// One for each label.
        curves: Vec<IsotonicCurve>,
    },
}

impl Calibration {
    /// The temperature with the least log loss on these documents.
    ///
    /// `probabilities`: `[targets.len(), n_labels]`, as the model gives them.
    pub(crate) fn fit_temperature(probabilities: &[f32], targets: &[Target], multi_label: bool) -> Self {
        Self::Temperature { temperature: temperature::fit(probabilities, targets, multi_label) }
    }

    /// The curves with the least squared error on these documents.
    pub(crate) fn fit_isotonic(probabilities: &[f32], targets: &[Target], n_labels: usize) -> Self {
        let curve = |label: usize| {
            let of_label = probabilities.iter().skip(label).step_by(n_labels).copied();
            let truth = targets.iter().map(|target| target.as_slice().contains(&(label as u32)));
            IsotonicCurve::fit(of_label.zip(truth)).bounded(targets.len())
        };
        Self::Isotonic { curves: (0..n_labels).into_par_iter().map(curve).collect() }
    }

    /// Calibrates `[n_docs, n_labels]` probabilities in place.
    pub(crate) fn apply(&self, probabilities: &mut [f32], n_labels: usize, multi_label: bool) {
        let n_labels = n_labels.max(1);
        let docs_per_task = (NUMBERS_PER_TASK / n_labels).max(1);
        probabilities.par_chunks_mut(docs_per_task * n_labels).for_each(|some| {
            let mut logits = Vec::with_capacity(n_labels);
            for row in some.chunks_exact_mut(n_labels) {
                match self {
                    Self::Temperature { temperature } if multi_label => temperature::scale_many(row, *temperature),
                    Self::Temperature { temperature } => temperature::scale_one(row, *temperature, &mut logits),
                    Self::Isotonic { curves } => along_curves(row, curves, multi_label),
                }
            }
        });
    }

    /// What is wrong with a calibration that comes from a file.
    pub(super) fn check(&self, n_labels: usize) -> Result<(), String> {
        match self {
            Self::Temperature { temperature } => temperature::check(*temperature),
            Self::Isotonic { curves } if curves.len() != n_labels => {
                Err(format!("it has {} curves of calibration for {n_labels} labels", curves.len()))
            }
            Self::Isotonic { curves } => curves.iter().try_for_each(IsotonicCurve::check),
        }
    }
}

fn along_curves(row: &mut [f32], curves: &[IsotonicCurve], multi_label: bool) {
    row.iter_mut().zip(curves).for_each(|(p, curve)| *p = curve.at(*p));
    if multi_label {
        return;
    }
    let sum: f64 = row.iter().copied().map(f64::from).sum();
    let n_labels = row.len() as f64;
    // Every curve may be 0 here: then nothing is known.
    row.iter_mut().for_each(|p| *p = if sum == 0.0 { 1.0 / n_labels } else { f64::from(*p) / sum } as f32);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(calibration: &Calibration, row: &[f32], multi_label: bool) -> Vec<f32> {
        let mut row = row.to_vec();
        let n_labels = row.len();
        calibration.apply(&mut row, n_labels, multi_label);
        row
    }

    #[test]
    fn curves_of_one_label_a_document_add_up_to_one() {
        let rising = |y: [f32; 2]| IsotonicCurve { x: vec![0.0, 1.0], y: y.to_vec() };
        let calibration = Calibration::Isotonic { curves: vec![rising([0.0, 0.5]), rising([0.25, 0.75])] };
        assert_eq!(applied(&calibration, &[0.5, 0.5], false), [0.25 / 0.75, 0.5 / 0.75]);
        assert_eq!(applied(&calibration, &[0.5, 0.5], true), [0.25, 0.5]);
        let nothing = Calibration::Isotonic { curves: vec![rising([0.0, 0.0]); 2] };
        assert_eq!(applied(&nothing, &[0.25, 0.75], false), [0.5, 0.5]);
    }

    #[test]
    fn what_is_not_a_number_stays_so() {
        let temperature = Calibration::Temperature { temperature: 2.0 };
        let curves = Calibration::Isotonic { curves: vec![IsotonicCurve { x: vec![0.5], y: vec![0.5] }; 2] };
        for calibration in [temperature, curves] {
            for multi_label in [false, true] {
                let row = applied(&calibration, &[f32::NAN, 0.5], multi_label);
                assert!(row[0].is_nan(), "{calibration:?} {row:?}");
            }
        }
    }

    #[test]
    fn documents_get_the_same_alone_and_together() {
        let calibration = Calibration::Temperature { temperature: 1.7 };
        let rows: Vec<f32> = (0..60_000).map(|i| (i * 7919 % 1000) as f32 / 1000.0).collect();
        let mut together = rows.clone();
        calibration.apply(&mut together, 3, false);
        for (row, expected) in rows.chunks(3).zip(together.chunks(3)).step_by(997) {
            assert_eq!(applied(&calibration, row, false), expected);
        }
    }

    #[test]
    fn calibrations_that_do_not_fit_are_refused() {
        let curve = |x: &[f32], y: &[f32]| IsotonicCurve { x: x.to_vec(), y: y.to_vec() };
        let curves = |curve: IsotonicCurve| Calibration::Isotonic { curves: vec![curve.clone(), curve] };
        for (calibration, expected) in [
            (Calibration::Temperature { temperature: 0.0 }, "temperature is 0"),
            (Calibration::Temperature { temperature: f64::NAN }, "temperature is NaN"),
            (Calibration::Isotonic { curves: Vec::new() }, "0 curves of calibration for 2 labels"),
            (curves(curve(&[], &[])), "no points"),
            (curves(curve(&[0.0, 1.0], &[0.5])), "2 places and 1 values"),
            (curves(curve(&[0.5, 0.5], &[0.0, 1.0])), "does not rise"),
            (curves(curve(&[0.0, 1.0], &[1.0, 0.0])), "does not rise"),
            (curves(curve(&[0.0], &[1.5])), "1.5"),
            (curves(curve(&[f32::NAN, 1.0], &[0.0, 1.0])), "NaN"),
        ] {
            let problem = calibration.check(2).unwrap_err();
            assert!(problem.contains(expected), "{problem}");
        }
    }
}
