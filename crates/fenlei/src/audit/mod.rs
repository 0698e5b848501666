//! Problems of labelled documents: labels that are likely wrong, repeats, leaks between parts, unknown words, and parts of
//! the documents on which a model does worse.

mod label_errors;
mod slices;
mod words;

pub use label_errors::{LabelErrors, Suspect, label_errors};
pub use slices::{Slice, SliceBy, slices};
pub use words::{UnknownWords, unknown_words};
