//! JSON objects, one a line or all in an array; also as doccano writes them.

use std::collections::BTreeMap;
use std::path::Path;

use fenlei::{Error, Result};
use serde_json::value::RawValue;

use super::columns::choose_in_objects;
use super::fields::Fields;
use super::{Found, LabelFormat, Layout, ReadAs};

/// The field of doccano's labels, in its older and newer versions.
const DOCCANO: [&str; 2] = ["label", "labels"];

pub(super) fn read(path: &Path, text: &str, format: LabelFormat, options: &ReadAs) -> Result<Found> {
    let array = text.trim_start().starts_with('[');
    let objects = if array { in_array(path, text)? } else { in_lines(path, text)? };
    let (text, label) = choose_in_objects(path, objects.iter().map(|(_, fields)| fields), options)?;
    let mut layout = Layout { text, label, array, ..Layout::default() };
    if format == LabelFormat::Doccano && layout.label.is_none() {
        layout.label = Some(DOCCANO[0].to_owned());
    }
    let mut several = false;
    let mut items = Vec::with_capacity(objects.len());
    let mut raw_labels = BTreeMap::new();
    let mut has_strings = false;
    for (line, fields) in objects {
        let text = text_of(path, line, &fields, &layout.text)?;
        let given = match layout.label.as_deref().and_then(|label| fields.get(label)) {
            Some(value) => {
                let (names, is_list) = labels_of(path, line, value, &mut raw_labels)?;
                layout.lists |= is_list;
                several |= names.as_ref().is_some_and(|names| names.len() > 1);
                has_strings |= value.get().contains('"');
                names
            }
            None => None,
        };
        items.push((text, given, fields));
    }
    // Where some labels are strings, new ones are too.
    if !has_strings {
        layout.raw_labels = raw_labels;
    }
    Ok(Found { items, layout, several })
}

fn in_lines(path: &Path, text: &str) -> Result<Vec<(u64, Fields)>> {
    let mut objects = Vec::new();
    for (line, json) in (1..).zip(text.lines()).filter(|(_, json)| !json.trim().is_empty()) {
        let fields = serde_json::from_str(json).map_err(|error| {
            let problem = format!("found {:?}, expected a JSON object: {error}", shortened(json));
            Error::data(path, Some(line), problem, "write one object a line, as {\"text\": …, \"label\": …}")
        })?;
        objects.push((line, fields));
    }
    Ok(objects)
}

/// Counted by their places, as an object of an array may take many lines.
pub(super) fn in_array(path: &Path, text: &str) -> Result<Vec<(u64, Fields)>> {
    let objects: Vec<Fields> = serde_json::from_str(text).map_err(|error| {
        let problem = format!("found no array of JSON objects: {error}");
        Error::data(path, Some(error.line() as u64), problem, "mend the file, or write one object a line")
    })?;
    Ok((1..).zip(objects).collect())
}

pub(super) fn text_of(path: &Path, line: u64, fields: &Fields, name: &str) -> Result<String> {
    let problem = match fields.get(name) {
        Some(value) => match serde_json::from_str(value.get()) {
            Ok(text) => return Ok(text),
            Err(_) => format!("found {} as {name:?}, expected a string", shortened(value.get())),
        },
        None => format!("found no {name:?}, expected the text"),
    };
    Err(Error::data(path, Some(line), problem, "mend the document, or choose another --text-column"))
}

/// The names of labels, and whether they stand in a list.
fn labels_of(
    path: &Path,
    line: u64,
    value: &RawValue,
    raw_labels: &mut BTreeMap<String, String>,
) -> Result<(Option<Vec<String>>, bool)> {
    let refuse = || {
        let problem = format!("found {} as label, expected a string, a number, or a list", shortened(value.get()));
        Error::data(path, Some(line), problem, "mend the document, or choose another --label-column")
    };
    let list: Vec<&RawValue> = match value.get().as_bytes().first() {
        Some(b'n') => return Ok((None, false)),
        Some(b'[') => serde_json::from_str(value.get()).map_err(|_| refuse())?,
        _ => vec![value],
    };
    let is_list = value.get().starts_with('[');
    let mut names = Vec::with_capacity(list.len());
    for value in list {
        match value.get().as_bytes().first() {
            Some(b'"') => names.push(serde_json::from_str(value.get()).map_err(|_| refuse())?),
            Some(b'[' | b'{' | b'n') | None => return Err(refuse()),
            Some(_) => {
                raw_labels.insert(value.get().to_owned(), value.get().to_owned());
                names.push(value.get().to_owned());
            }
        }
    }
    // An empty list is what doccano writes about a document that nobody has looked at.
    let names = names.into_iter().filter(|name: &String| !name.is_empty()).collect::<Vec<_>>();
    Ok((if names.is_empty() { None } else { Some(names) }, is_list))
}

pub(super) fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
