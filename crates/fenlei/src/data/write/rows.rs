//! One row a document: delimited columns, JSON lines, fastText.

use std::collections::HashSet;
use std::io::{BufWriter, Write};
use std::path::Path;

use serde_json::{Map, Value};

use super::Written;
use crate::data::{Dataset, Target};
use crate::{Error, Result};

/// What stands between several labels of a document.
const SEPARATOR: &str = "|";

/// Delimited columns, the first row their names.
pub(super) struct Delimited<W: Write> {
    csv: csv::Writer<W>,
    headed: bool,
}

impl<W: Write> Delimited<W> {
    pub(super) fn new(writer: W, delimiter: u8) -> Self {
        Self { csv: csv::WriterBuilder::new().delimiter(delimiter).from_writer(writer), headed: false }
    }

    pub(super) fn append(&mut self, dataset: &Dataset, path: &Path) -> Result<()> {
        if dataset.multi_label
            && let Some(label) = dataset.labels.iter().find(|label| label.contains(SEPARATOR))
        {
            let problem = format!("the label {label:?} holds {SEPARATOR:?}, which separates labels in a field");
            return Err(Error::data(path, None, problem, "write jsonl or parquet, which hold lists"));
        }
        let failed = |error: csv::Error| Error::io("write", path, into_io(error));
        if !std::mem::replace(&mut self.headed, true) {
            let own = ["text", if dataset.multi_label { "labels" } else { "label" }];
            let names = own.into_iter().chain(dataset.columns.iter().map(|column| column.name.as_str()));
            self.csv.write_record(names).map_err(failed)?;
        }
        for (i, (text, target)) in dataset.texts.iter().zip(&dataset.targets).enumerate() {
            let labels = names(dataset, target).join(SEPARATOR);
            let own = [text.as_str(), &labels];
            let values = own.into_iter().chain(dataset.columns.iter().map(|column| column.values[i].as_str()));
            self.csv.write_record(values).map_err(failed)?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> std::io::Result<()> {
        self.csv.flush()
    }
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

pub(super) fn append_json_lines(dataset: &Dataset, writer: &mut impl Write, path: &Path) -> Result<()> {
    for (i, (text, target)) in dataset.texts.iter().zip(&dataset.targets).enumerate() {
        let labels = names(dataset, target);
        let mut row = Map::new();
        row.insert("text".to_owned(), text.as_str().into());
        match (target, labels.as_slice()) {
            (Target::Unlabelled, _) => None,
            (Target::One(_), [label]) => row.insert("label".to_owned(), (*label).into()),
            (_, labels) => row.insert("labels".to_owned(), labels.into()),
        };
        for column in &dataset.columns {
            row.insert(column.name.clone(), column.values[i].as_str().into());
        }
        writeln!(writer, "{}", Value::Object(row)).map_err(|error| Error::io("write", path, error))?;
    }
    Ok(())
}

pub(super) fn append_fasttext<W: Write>(
    dataset: &Dataset,
    writer: &mut BufWriter<W>,
    written: &mut Written,
    path: &Path,
) -> Result<()> {
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
    let failed = |error| Error::io("write", path, error);
    for (row, (text, target)) in dataset.texts.iter().zip(&dataset.targets).enumerate() {
        if text.starts_with("__label__") {
            let row = written.rows + row as u64 + 1;
            let problem = format!("document {row} begins with \"__label__\", which fastText takes for a label");
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
    Ok(())
}
