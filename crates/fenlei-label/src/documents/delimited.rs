//! Tables: columns separated by commas or tabs.

use std::io::Write;
use std::path::Path;

use fenlei::data::Format;
use fenlei::{Error, Result};

use super::columns::{N_SAMPLED, choose, choose_in_objects};
use super::fields::{Fields, plain};
use super::{Found, LabelFormat, Layout, ReadAs};

/// What stands between several labels of a document.
pub(super) const SEPARATOR: char = '|';

pub(super) fn read(path: &Path, text: &str, format: LabelFormat, options: &ReadAs) -> Result<Found> {
    let (delimiter, as_format) = match format {
        LabelFormat::Tsv => (b'\t', Format::Tsv),
        _ => (b',', Format::Csv),
    };
    let (rows, lines) = rows(path, text, delimiter)?;
    let mut sample = csv::WriterBuilder::new().delimiter(delimiter).flexible(true).from_writer(Vec::new());
    for row in rows.iter().take(N_SAMPLED) {
        // A list in memory takes everything.
        let _ = sample.write_record(row);
    }
    let sample = sample.into_inner().unwrap_or_default();
    let (text, mut label, has_header) = choose(path, &sample, as_format, options)?;
    if has_header && options.label_column.is_none() {
        label = label_by_name(path, &rows, options);
    }
    let width = rows.first().map_or(0, Vec::len);
    let header: Vec<String> = match rows.first() {
        Some(first) if has_header => first.clone(),
        _ => (1..=width).map(|number| number.to_string()).collect(),
    };
    let place = |name: &str| {
        header.iter().position(|own| own.trim() == name).or_else(|| name.parse::<usize>().ok()?.checked_sub(1))
    };
    let text_at = place(&text).filter(|&at| at < width);
    let text_at = text_at.ok_or_else(|| {
        let problem = format!("found no column {text:?}; there are {}", header.join(", "));
        Error::data(path, None, problem, "name the column of the text with --text-column")
    })?;
    let label_at = label.as_deref().and_then(place);
    let mut layout = Layout {
        text: header[text_at].clone(),
        label: label_at.map(|at| header[at].clone()),
        delimiter,
        ..Layout::default()
    };
    let mut several = false;
    let mut items = Vec::with_capacity(rows.len());
    for (row, line) in rows.into_iter().zip(lines).skip(usize::from(has_header)) {
        if row.len() != width {
            let problem = format!("found {} fields, expected {width}", row.len());
            return Err(Error::data(path, Some(line), problem, "put texts with delimiters or line ends into quotes"));
        }
        let given = label_at
            .map(|at| &row[at])
            .filter(|field| !field.is_empty())
            .map(|field| labels(field, options.multi_label));
        several |= given.as_ref().is_some_and(|given| given.len() > 1);
        let mut fields = Fields::default();
        header.iter().zip(&row).for_each(|(name, value)| fields.push(name, value));
        items.push((row[text_at].clone(), given, fields));
    }
    layout.header = has_header.then_some(header);
    Ok(Found { items, layout, several })
}

/// The column of labels, if its name says so. A guess by what columns hold would do for reading, but labels are to be
/// written there.
fn label_by_name(path: &Path, rows: &[Vec<String>], options: &ReadAs) -> Option<String> {
    let (header, rows) = rows.split_first()?;
    let mut sample = Vec::new();
    for row in rows.iter().take(N_SAMPLED) {
        let mut fields = Fields::default();
        header.iter().zip(row).for_each(|(name, value)| fields.push(name.trim(), value));
        sample.push(fields);
    }
    choose_in_objects(path, sample.iter(), options).ok()?.1
}

fn labels(field: &str, several: bool) -> Vec<String> {
    match several {
        true => field.split(SEPARATOR).filter(|label| !label.is_empty()).map(str::to_owned).collect(),
        false => vec![field.to_owned()],
    }
}

/// All rows with the lines on which they begin.
fn rows(path: &Path, text: &str, delimiter: u8) -> Result<(Vec<Vec<String>>, Vec<u64>)> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes());
    let (mut rows, mut lines) = (Vec::new(), Vec::new());
    for record in reader.records() {
        let record = record.map_err(|error| {
            let line = error.position().map(csv::Position::line);
            Error::data(path, line, format!("cannot be read as a table: {error}"), "check its quotes")
        })?;
        lines.push(record.position().map_or(0, csv::Position::line));
        rows.push(record.iter().map(str::to_owned).collect());
    }
    Ok((rows, lines))
}

/// Writes rows of fields; `names` are the columns, in order.
pub(super) fn write<'a>(
    out: &mut dyn Write,
    delimiter: u8,
    names: &[String],
    with_header: bool,
    rows: impl Iterator<Item = Fields> + 'a,
) -> std::io::Result<()> {
    let mut csv = csv::WriterBuilder::new().delimiter(delimiter).from_writer(out);
    let io = |error: csv::Error| match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => std::io::Error::other(format!("{other:?}")),
    };
    if with_header {
        csv.write_record(names).map_err(io)?;
    }
    for fields in rows {
        csv.write_record(names.iter().map(|name| fields.get(name).map_or_else(String::new, plain))).map_err(io)?;
    }
    csv.flush()
}
