//! One JSON object a line: a text and a label, several labels, or none.

use serde_json::{Map, Value};

use super::text::TextFile;
use crate::data::collect::Collector;
use crate::data::decode::for_each_line;
use crate::data::{Findings, ReadOptions, columns, shortened};
use crate::{Error, Result};

/// On how many rows the columns are chosen.
const N_SAMPLED: usize = 200;

pub(super) fn read<'o>(
    file: &mut TextFile<'_, '_>,
    options: &'o ReadOptions,
    findings: &mut Findings,
) -> Result<Collector<'o>> {
    let keys = sampled_keys(file);
    let path = file.path().to_owned();
    if keys.is_empty() {
        // The first line is no object: let the reader say what is wrong with it.
        file.parse(|file, reader| {
            for_each_line(reader, |line, text| parse(file, line, text).map(drop).map_err(Stop::Error))
                .or_else(|stop| stop.into_result(file))
        })?;
    }
    let (text, label) = columns::choose_by_name(&keys, options, &path)?;
    let kept: Vec<&String> = columns::kept(&keys, 0, options, &path)?.into_iter().map(|i| &keys[i]).collect();
    let (text, label) = (&keys[text], label.map(|label| &keys[label]));
    let (collector, blank) = file.parse(|file, reader| {
        let mut collector = Collector::new(options);
        collector.keep_columns(kept.iter().map(|&key| key.clone()));
        let mut blank = 0;
        let read = for_each_line(reader, |line, json| {
            if json.trim().is_empty() {
                blank += 1;
                return Ok(());
            }
            let mut object = parse(file, line, json)?;
            // Before text and label are taken out, which may be wanted as columns too.
            let values: Vec<String> = kept.iter().map(|&key| object.get(key).map_or_else(String::new, plain)).collect();
            let text = take_text(file, line, &mut object, text)?;
            match label.and_then(|label| object.remove(label)) {
                None | Some(Value::Null) => collector.push_missing(text, line),
                Some(Value::Array(labels)) => {
                    let names: Option<Vec<String>> = labels.iter().map(name_of).collect();
                    let names = names.ok_or_else(|| bad_label(file, line, &Value::Array(labels)))?;
                    collector.push_many(text, names.iter().map(String::as_str));
                }
                Some(value) => {
                    let name = name_of(&value).ok_or_else(|| bad_label(file, line, &value))?;
                    collector.push_field(text, &name, line);
                }
            }
            collector.push_values(values);
            Ok::<(), Stop>(())
        });
        read.or_else(|stop| stop.into_result(file))?;
        Ok((collector, blank))
    })?;
    findings.text_column = Some(text.clone());
    findings.label_column = label.cloned();
    findings.ignore("blank lines", blank);
    Ok(collector)
}

/// Why reading lines stopped: the reader, or what the lines hold.
pub(super) enum Stop {
    Io(std::io::Error),
    Error(Error),
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl Stop {
    pub(super) fn into_result(self, file: &TextFile<'_, '_>) -> Result<()> {
        Err(match self {
            Self::Io(error) => file.failed(error),
            Self::Error(error) => error,
        })
    }
}

/// The keys of the first objects, in alphabetical order.
fn sampled_keys(file: &TextFile<'_, '_>) -> Vec<String> {
    let objects = file.sample().lines().filter(|line| !line.trim().is_empty()).take(N_SAMPLED);
    let objects = objects.filter_map(|line| serde_json::from_str::<Map<String, Value>>(line).ok());
    let mut keys: Vec<String> = objects.flat_map(|object| object.into_iter().map(|(key, _)| key)).collect();
    keys.sort();
    keys.dedup();
    if keys.is_empty() {
        // The first line may be longer than the sample.
        keys = first_object_keys(file).unwrap_or_default();
    }
    keys
}

fn first_object_keys(file: &TextFile<'_, '_>) -> Option<Vec<String>> {
    if file.sample_is_all() {
        return None;
    }
    let line = file.first_line().ok()??;
    let object: Map<String, Value> = serde_json::from_str(&line).ok()?;
    Some(object.into_iter().map(|(key, _)| key).collect())
}

fn parse(file: &TextFile<'_, '_>, line: u64, json: &str) -> Result<Map<String, Value>> {
    if json.trim().is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_str(json).map_err(|error| {
        let problem = format!("found {:?}, expected a JSON object: {error}", shortened(json, 60));
        Error::data(file.path(), Some(line), problem, "write one object a line, as {\"text\": …, \"label\": …}")
    })
}

fn take_text(file: &TextFile<'_, '_>, line: u64, object: &mut Map<String, Value>, key: &str) -> Result<String> {
    let problem = match object.remove(key) {
        Some(Value::String(text)) => return Ok(text),
        Some(other) => format!("found {} as {key:?}, expected a string", shortened(&other.to_string(), 40)),
        None => format!("found no {key:?}, expected the text"),
    };
    Err(Error::data(file.path(), Some(line), problem, "mend the line, or choose another --text-column"))
}

fn bad_label(file: &TextFile<'_, '_>, line: u64, value: &Value) -> Error {
    let problem = format!(
        "found {} as label, expected a string, a number, true, false, or a list of these",
        shortened(&value.to_string(), 40)
    );
    Error::data(file.path(), Some(line), problem, "mend the line, or choose another --label-column")
}

/// A value as a column holds it: strings as they are, nothing for null, else JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn name_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::Error;
    use crate::data::{ReadOptions, Target, read_bytes};

    fn read(text: &str) -> crate::Result<(crate::data::Dataset, crate::data::Findings)> {
        read_bytes(text.as_bytes(), &ReadOptions::default())
    }

    #[test]
    fn labels_are_strings_numbers_bools_or_lists() {
        let (data, _) =
            read("{\"text\": \"a\", \"label\": 10}\n\n{\"label\": 9, \"text\": \"b\", \"id\": {}}\n").unwrap();
        assert_eq!((data.texts, data.labels), (vec!["a".into(), "b".into()], vec!["9".into(), "10".into()]));
        let (data, _) = read("{\"text\": \"a\", \"label\": true}\n{\"text\": \"b\", \"label\": false}\n").unwrap();
        assert_eq!(data.labels, ["false", "true"]);
        let (data, found) =
            read("{\"text\": \"a\", \"labels\": [\"x\", \"y\"]}\n{\"text\": \"b\", \"labels\": []}\n").unwrap();
        assert!(data.multi_label);
        assert_eq!(data.targets, [Target::many(vec![0, 1]), Target::many(vec![])]);
        assert_eq!(found.label_column.as_deref(), Some("labels"));
    }

    #[test]
    fn errors_name_the_line() {
        let bad = "{\"text\": \"a\", \"label\": 1}\n{\"text\": \"a\", \"label\"}\n";
        assert!(matches!(read(bad).unwrap_err(), Error::Data { line: Some(2), .. }));
        let bad = "{\"text\": \"a\", \"label\": 1}\n{\"text\": 3, \"label\": 1}\n";
        assert!(read(bad).unwrap_err().to_string().contains("found 3 as \"text\""));
        let bad = "{\"text\": \"a\", \"label\": {}}\n";
        assert!(matches!(read(bad).unwrap_err(), Error::Data { line: Some(1), .. }));
        let error = read("{\"words\": \"a\", \"label\": 1, \"id\": 2}\n").unwrap_err().to_string();
        assert!(error.contains("id, label, words"), "{error}");
    }

    #[test]
    fn a_very_long_first_line_is_read() {
        let long = "长".repeat(4_000_000);
        let text = format!("{{\"text\": \"{long}\", \"label\": \"a\"}}\n{{\"text\": \"b\", \"label\": \"b\"}}\n");
        let (data, _) = read_bytes(
            text.as_bytes(),
            &ReadOptions { format: Some(crate::data::Format::JsonLines), ..Default::default() },
        )
        .unwrap();
        assert_eq!(data.texts[0].len(), long.len());
    }
}
