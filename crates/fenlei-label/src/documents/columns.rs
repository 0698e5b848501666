//! Which field is the text and which the label: the library's own guess, made on the first documents.

use std::path::Path;

use fenlei::data::{Format, MissingLabel, ReadOptions, read_bytes};
use fenlei::{Error, Result};

use super::ReadAs;

/// So many documents tell.
pub(super) const N_SAMPLED: usize = 200;

/// The names of text and label (of columns without names, their numbers from 1), and whether the first row is names.
pub(super) fn choose(
    path: &Path,
    sample: &[u8],
    format: Format,
    options: &ReadAs,
) -> Result<(String, Option<String>, bool)> {
    let options = ReadOptions {
        format: Some(format),
        text_column: options.text_column.clone(),
        label_column: options.label_column.clone(),
        missing_label: MissingLabel::Keep,
        delimiter: (format == Format::Csv).then_some(','),
        ..ReadOptions::default()
    };
    let (_, findings) = read_bytes(sample, &options).map_err(|error| of_file(path, error))?;
    let text = findings.text_column.unwrap_or_else(|| "text".to_owned());
    Ok((text, findings.label_column, findings.has_header.unwrap_or(true)))
}

/// The sample has no name of its own.
fn of_file(path: &Path, error: Error) -> Error {
    match error {
        Error::Data { line, problem, help, .. } => Error::data(path, line, problem, help),
        error => error,
    }
}
