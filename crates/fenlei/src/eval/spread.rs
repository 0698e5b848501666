//! One figure over several measurements: its mean and how far it varies.

use serde::Serialize;

use crate::metrics::Report;

/// A figure over several reports.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spread {
    /// Its key in [`Report`].
    pub figure: &'static str,
    /// The mean over the reports in which it is defined; `None` where it is in none.
    pub mean: Option<f64>,
    /// The standard deviation over these reports, with `n - 1`; `None` below two.
    pub std: Option<f64>,
    /// In how many it is defined.
    pub n: usize,
}

/// A figure's key in the report, and the figure.
type Figure = (&'static str, fn(&Report) -> Option<f64>);

/// The figures that are told of folds.
const FIGURES: [Figure; 7] = [
    ("accuracy", |report| Some(report.accuracy)),
    ("macro_f1", |report| Some(report.macro_f1)),
    ("weighted_f1", |report| Some(report.weighted_f1)),
    ("micro_f1", |report| Some(report.micro_f1)),
    ("auc", |report| report.auc),
    ("log_loss", |report| Some(report.log_loss)),
    ("calibration_error", |report| Some(report.calibration_error)),
];

/// Mean and standard deviation of each figure.
pub(super) fn spreads<'a>(reports: impl Iterator<Item = &'a Report> + Clone) -> Vec<Spread> {
    let spread = |(figure, value): Figure| {
        let values: Vec<f64> = reports.clone().filter_map(value).collect();
        let n = values.len();
        let mean = values.iter().sum::<f64>() / n as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Spread { figure, mean: (n > 0).then_some(mean), std: (n > 1).then(|| (squares / (n - 1) as f64).sqrt()), n }
    };
    FIGURES.into_iter().map(spread).collect()
}
