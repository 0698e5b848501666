//! Which field is the text and which the label: the library's own guess, made on the first documents.

use std::path::Path;

use fenlei::data::{Format, MissingLabel, ReadOptions, read_bytes};
use fenlei::{Error, Result};

use super::ReadAs;
use super::fields::Fields;

/// So many documents tell.
pub(super) const N_SAMPLED: usize = 200;

/// What nobody calls a field.
const NO_NAME: &str = "\u{2014}";

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

/// The same for objects. A field is the label only if its name says so, or if it was asked for: labels are written there,
/// and of two fields the other one may as well be a number of the document.
pub(super) fn choose_in_objects<'a>(
    path: &Path,
    objects: impl Iterator<Item = &'a Fields>,
    options: &ReadAs,
) -> Result<(String, Option<String>)> {
    let sample = sample(objects);
    let (text, label, _) = choose(path, &sample, Format::JsonLines, options)?;
    if options.label_column.is_some() {
        return Ok((text, label));
    }
    // Where there are more than two fields, the library goes by their names alone.
    let mut more = Fields::default();
    for name in [text.as_str(), NO_NAME, "\u{2014}\u{2014}"] {
        more.push(name, &"");
    }
    // In front, since the first documents are what it looks at.
    let mut with_more = serde_json::to_vec(&more).unwrap_or_default();
    with_more.push(b'\n');
    with_more.extend(sample);
    let with_text = ReadAs { text_column: Some(text.clone()), ..options.clone() };
    let label = choose(path, &with_more, Format::JsonLines, &with_text).ok().and_then(|(_, label, _)| label);
    Ok((text, label))
}

/// The first documents, one a line.
fn sample<'a>(objects: impl Iterator<Item = &'a Fields>) -> Vec<u8> {
    let mut sample = String::new();
    for fields in objects.take(N_SAMPLED) {
        // Values may hold line ends between their parts, which mean nothing there.
        let json = serde_json::to_string(fields).unwrap_or_default();
        sample.extend(json.chars().filter(|c| !matches!(c, '\n' | '\r')));
        sample.push('\n');
    }
    sample.into_bytes()
}

/// The sample has no name of its own.
fn of_file(path: &Path, error: Error) -> Error {
    match error {
        Error::Data { line, problem, help, .. } => Error::data(path, line, problem, help),
        error => error,
    }
}
