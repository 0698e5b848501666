//! Apache Parquet, by the names of its columns.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use parquet::schema::types::Type;

use crate::data::collect::{ClassNames, Collector};
use crate::data::source::Source;
use crate::data::{Dataset, Findings, Format, ReadOptions, columns};
use crate::{Error, Result};

pub(super) fn read(
    source: &Source<'_>,
    options: &ReadOptions,
    class_names: Option<&ClassNames>,
) -> Result<(Dataset, Findings)> {
    let path = &source.path;
    // The parquet crate asserts some of what it believes about a file; a damaged one must not end the program.
    let read = catch_unwind(AssertUnwindSafe(|| {
        let reader: Box<dyn FileReader> = match source.bytes {
            Some(bytes) => Box::new(
                SerializedFileReader::new(bytes::Bytes::copy_from_slice(bytes)).map_err(|e| damaged(path, &e))?,
            ),
            None => {
                let file = File::open(path).map_err(|error| Error::io("read", path, error))?;
                Box::new(SerializedFileReader::new(file).map_err(|error| damaged(path, &error))?)
            }
        };
        collect(path, reader.as_ref(), options)
    }));
    let unreadable = || damaged(path, &ParquetError::General("its structure contradicts itself".into()));
    let (collector, mut findings, own_names) = read.unwrap_or_else(|_| Err(unreadable()))?;
    let dataset = collector.finish(path, own_names.as_ref().or(class_names), &mut findings)?;
    Ok((dataset, findings))
}

fn damaged(path: &Path, error: &ParquetError) -> Error {
    let help = "copy or fetch it again; zstd, snappy and gzip inside Parquet can be read";
    Error::data(path, None, format!("found a Parquet file that cannot be read: {error}"), help)
}

fn collect<'o>(
    path: &Path,
    reader: &dyn FileReader,
    options: &'o ReadOptions,
) -> Result<(Collector<'o>, Findings, Option<ClassNames>)> {
    let schema = reader.metadata().file_metadata().schema();
    let fields = schema.get_fields();
    let names: Vec<String> = fields.iter().map(|field| field.name().to_owned()).collect();
    let (text, label) = columns::choose_by_name(&names, options, path)?;
    let kept = columns::kept(&names, 0, options, path)?;
    let mut wanted = vec![text];
    wanted.extend(label);
    wanted.extend(&kept);
    wanted.sort_unstable();
    wanted.dedup();
    let projection = Type::group_type_builder(schema.name())
        .with_fields(wanted.iter().map(|&i| fields[i].clone()).collect())
        .build()
        .map_err(|error| damaged(path, &error))?;
    let rows = reader.get_row_iter(Some(projection)).map_err(|error| damaged(path, &error))?;
    let mut collector = Collector::new(options);
    collector.keep_columns(kept.iter().map(|&i| names[i].clone()));
    for (number, row) in rows.enumerate() {
        let row = row.map_err(|error| damaged(path, &error))?;
        let value_of = |&i: &usize| {
            let field = row.get_column_iter().find(|(name, _)| **name == names[i]).map(|(_, field)| field);
            field.and_then(name_of).unwrap_or_default()
        };
        let values: Vec<String> = kept.iter().map(value_of).collect();
        push(path, number as u64 + 1, row, &names[text], label.map(|label| names[label].as_str()), &mut collector)?;
        collector.push_values(values);
    }
    let mut findings = Findings::new(path.to_owned(), Format::Parquet);
    findings.text_column = Some(names[text].clone());
    findings.label_column = label.map(|label| names[label].clone());
    let own_names = label.and_then(|label| hugging_face_names(reader, &names[label]));
    Ok((collector, findings, own_names))
}

fn push(
    path: &Path,
    number: u64,
    row: Row,
    text_name: &str,
    label_name: Option<&str>,
    collector: &mut Collector<'_>,
) -> Result<()> {
    let (mut text, mut label) = (Field::Null, Field::Null);
    for (name, field) in row.into_columns() {
        if name == text_name {
            text = field;
        } else if Some(name.as_str()) == label_name {
            label = field;
        }
    }
    let wrong = |what: &str, field: &Field| {
        let problem = format!(
            "row {number}: found {field} as {what}, expected {}",
            if what == "text" { "a string" } else { "a string, an integer, a boolean, or a list of these" }
        );
        Error::data(path, None, problem, format!("choose another --{what}-column"))
    };
    let text = match text {
        Field::Str(text) => text,
        Field::Bytes(ref bytes) => match std::str::from_utf8(bytes.data()) {
            Ok(text) => text.to_owned(),
            Err(_) => return Err(wrong("text", &text)),
        },
        other => return Err(wrong("text", &other)),
    };
    match &label {
        Field::Null => collector.push_missing(text, number),
        Field::ListInternal(list) => {
            let names: Option<Vec<String>> = list.elements().iter().map(name_of).collect();
            let names = names.ok_or_else(|| wrong("label", &label))?;
            collector.push_many(text, names.iter().map(String::as_str));
        }
        field => {
            let name = name_of(field).ok_or_else(|| wrong("label", field))?;
            collector.push_field(text, &name, number);
        }
    }
    Ok(())
}

fn name_of(field: &Field) -> Option<String> {
    Some(match field {
        Field::Str(text) => text.clone(),
        Field::Bytes(bytes) => std::str::from_utf8(bytes.data()).ok()?.to_owned(),
        Field::Bool(value) => value.to_string(),
        Field::Byte(value) => value.to_string(),
        Field::Short(value) => value.to_string(),
        Field::Int(value) => value.to_string(),
        Field::Long(value) => value.to_string(),
        Field::UByte(value) => value.to_string(),
        Field::UShort(value) => value.to_string(),
        Field::UInt(value) => value.to_string(),
        Field::ULong(value) => value.to_string(),
        Field::Float(value) if value.is_finite() => value.to_string(),
        Field::Double(value) if value.is_finite() => value.to_string(),
        _ => return None,
    })
}

/// The class names that the Hugging Face `datasets` library keeps in the metadata of a file.
fn hugging_face_names(reader: &dyn FileReader, label: &str) -> Option<ClassNames> {
    let entries = reader.metadata().file_metadata().key_value_metadata()?;
    let entry = entries.iter().find(|entry| entry.key == "huggingface")?;
    let info: serde_json::Value = serde_json::from_str(entry.value.as_deref()?).ok()?;
    let names = info.get("info")?.get("features")?.get(label)?.get("names")?.as_array()?;
    let names: Option<Vec<String>> = names.iter().map(|name| name.as_str().map(str::to_owned)).collect();
    Some(ClassNames { file: "the file's own metadata".into(), names: names? })
}

#[cfg(test)]
mod tests {
    use crate::data::{ReadOptions, read_bytes};

    #[test]
    fn a_damaged_file_is_an_error() {
        for bytes in [&b"PAR1"[..], b"PAR1PAR1", b"PAR1\0\0\0\0\x04\0\0\0PAR1", b"PAR1xxxxxxxx\xff\xff\xff\x7fPAR1"] {
            let error = read_bytes(bytes, &ReadOptions::default()).unwrap_err();
            assert!(error.to_string().contains("Parquet"), "{error}");
        }
    }
}
