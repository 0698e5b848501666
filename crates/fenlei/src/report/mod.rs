//! One page about how good a classifier is: figures, charts, worst errors with their words, the whole configuration.
//!
//! [`ReportData::new`] works out what there is to say, from an evaluation; [`ReportData::html`],
//! [`markdown`](ReportData::markdown) and JSON (serde) say it. The page is one file: no script, no font, no image is
//! fetched, and a content security policy in the page itself forbids to. It follows the reader's light or dark theme.
//!
//! Invariant: everything that comes from documents, labels or configurations is escaped where it enters the page
//! (`escape`). The same evaluation gives the same bytes.

mod charts;
mod data;
mod distributions;
mod escape;
mod figures;
mod markdown;
mod page;
mod problems;
mod sections;
mod sheet;
mod strings;
mod svg;
mod tables;
mod words;

#[cfg(test)]
mod tests;

pub use data::{About, Baseline, ReportData, ReportOptions, ShownMistake};
pub use distributions::{
    CalibrationBin, CountBin, CoveragePoint, LengthSlice, ThresholdCurve, ThresholdPoint, Thresholds,
};
pub use figures::LabelCurve;
pub use problems::{DataProblems, SuspectedLabel};
pub use strings::Language;
pub use words::explanations_page;
