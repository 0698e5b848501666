//! One row a document: delimited columns, JSON lines, fastText.

use std::collections::HashSet;
use std::io::Write;
use std::path::Path;

use serde_json::json;

use super::Written;
use crate::data::{Dataset, Target};
use crate::{Error, Result};

/// What stands between several labels of a document.
const SEPARATOR: &str = "|";

pub(super) fn write_delimited(
    dataset: &Dataset,
    writer: &mut (impl Write + Send),
    delimiter: u8,
    path: &Path,
) -> Result<Written> {
    if dataset.multi_label
        && let Some(label) = dataset.labels.iter().find(|label| label.contains(SEPARATOR))
    {
        let problem = format!("the label {label:?} holds {SEPARATOR:?}, which separates labels in a field");
        return Err(Error::data(path, None, problem, "write jsonl or parquet, which hold lists"));
    }
    let mut csv = csv::WriterBuilder::new().delimiter(delimiter).from_writer(writer);
    let failed = |error: csv::Error| Error::io("write", path, into_io(error));
    csv.write_record(["text", if dataset.multi_label { "labels" } else { "label" }]).map_err(failed)?;
    for (text, target) in dataset.texts.iter().zip(&dataset.targets) {
        csv.write_record([text.as_str(), &names(dataset, target).join(SEPARATOR)]).map_err(failed)?;
    }
    csv.flush().map_err(|error| Error::io("write", path, error))?;
    Ok(Written { rows: dataset.len() as u64, ..Written::default() })
}

fn into_io(error: csv::Error) -> std::io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => std::io::Error::other(format!("{other:?}")),
    }
}

fn names<'d>(dataset: &'d Dataset, target: &Target) -> Vec<&'d str> {
    target.as_slice().iter().map(|&label| dataset.labels[label as usize].as_str()).collect()
}

pub(super) fn write_json_lines(dataset: &Dataset, writer: &mut impl Write, path: &Path) -> Result<Written> {
    let mut writer = std::io::BufWriter::new(writer);
    for (text, target) in dataset.texts.iter().zip(&dataset.targets) {
        let labels = names(dataset, target);
        let row = match (target, labels.as_slice()) {
            (Target::Unlabelled, _) => json!({ "text": text }),
            (Target::One(_), [label]) => json!({ "text": text, "label": label }),
            (_, labels) => json!({ "text": text, "labels": labels }),
        };
        writeln!(writer, "{row}").map_err(|error| Error::io("write", path, error))?;
    }
    writer.flush().map_err(|error| Error::io("write", path, error))?;
    Ok(Written { rows: dataset.len() as u64, ..Written::default() })
}

pub(super) fn write_fasttext(dataset: &Dataset, writer: &mut impl Write, path: &Path) -> Result<Written> {
    let mut written = Written { rows: dataset.len() as u64, ..Written::default() };
    let labels: Vec<String> = dataset.labels.iter().map(|label| label.replace(char::is_whitespace, "_")).collect();
    let mut distinct = HashSet::new();
    for (label, original) in labels.iter().zip(&dataset.labels) {
        if label != original {
            written.labels_changed.push(original.clone());
        }
        if !distinct.insert(label) {
            let problem = format!("two labels become {label:?} when white space becomes \"_\", as fastText needs");
            return Err(Error::data(path, None, problem, "rename one of them, or write jsonl"));
        }
    }
    let mut writer = std::io::BufWriter::new(writer);
    let failed = |error| Error::io("write", path, error);
    for (row, (text, target)) in dataset.texts.iter().zip(&dataset.targets).enumerate() {
        if text.starts_with("__label__") {
            let problem = format!("document {} begins with \"__label__\", which fastText takes for a label", row + 1);
            return Err(Error::data(path, None, problem, "write jsonl or csv"));
        }
        for &label in target.as_slice() {
            write!(writer, "__label__{} ", labels[label as usize]).map_err(failed)?;
        }
        if text.contains(['\n', '\r']) {
            written.line_ends_replaced += 1;
            writeln!(writer, "{}", text.replace("\r\n", " ").replace(['\n', '\r'], " ")).map_err(failed)?;
        } else {
            writeln!(writer, "{text}").map_err(failed)?;
        }
    }
    writer.flush().map_err(failed)?;
    Ok(written)
}
