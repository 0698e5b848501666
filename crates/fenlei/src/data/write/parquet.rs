//! Parquet with a column of texts, a column of labels, and what else is known of the documents.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::column::writer::ColumnWriterImpl;
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use crate::data::{Dataset, Target};
use crate::{Error, Result};

/// Rows that are compressed together: enough to compress well, few enough to hold in memory.
const ROWS_A_GROUP: usize = 50_000;

const SINGLE: &str = "OPTIONAL BYTE_ARRAY label (UTF8);";
const MULTI: &str = "OPTIONAL group labels (LIST) { REPEATED group list { REQUIRED BYTE_ARRAY element (UTF8); } }";

/// A Parquet file that grows by groups of rows.
pub(super) struct ParquetWriter<W: Write + Send> {
    /// The file once its columns are known, which the first documents tell.
    file: Option<SerializedFileWriter<W>>,
    writer: Option<W>,
}

impl<W: Write + Send> ParquetWriter<W> {
    pub(super) fn new(writer: W) -> Self {
        Self { file: None, writer: Some(writer) }
    }

    pub(super) fn append(&mut self, dataset: &Dataset, path: &Path) -> Result<()> {
        self.append_groups(dataset).map_err(|error| failed(error, path))
    }

    pub(super) fn finish(self, path: &Path) -> Result<()> {
        match self.file {
            Some(file) => file.close().map(drop).map_err(|error| failed(error, path)),
            None => Ok(()),
        }
    }

    fn append_groups(&mut self, dataset: &Dataset) -> Result<(), ParquetError> {
        if let Some(writer) = self.writer.take() {
            self.file = Some(begin(dataset, writer)?);
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        let names: Vec<ByteArray> = dataset.labels.iter().map(|label| ByteArray::from(label.as_str())).collect();
        for start in (0..dataset.len()).step_by(ROWS_A_GROUP) {
            let rows = start..dataset.len().min(start + ROWS_A_GROUP);
            let texts = |texts: &[String]| texts.iter().map(|text| text.as_str().into()).collect::<Vec<ByteArray>>();
            let labels = Levels::of(&dataset.targets[rows.clone()], &names, dataset.multi_label);
            let mut group = file.next_row_group()?;
            write_column(&mut group, |column| column.write_batch(&texts(&dataset.texts[rows.clone()]), None, None))?;
            let repetition = dataset.multi_label.then_some(labels.repetition.as_slice());
            write_column(&mut group, |column| {
                column.write_batch(&labels.values, Some(&labels.definition), repetition)
            })?;
            for other in &dataset.columns {
                write_column(&mut group, |column| column.write_batch(&texts(&other.values[rows.clone()]), None, None))?;
            }
            group.close()?;
        }
        Ok(())
    }
}

fn begin<W: Write + Send>(dataset: &Dataset, writer: W) -> Result<SerializedFileWriter<W>, ParquetError> {
    let others: Vec<String> =
        dataset.columns.iter().map(|column| format!("REQUIRED BYTE_ARRAY {} (UTF8);", column.name)).collect();
    let labels = if dataset.multi_label { MULTI } else { SINGLE };
    let schema = format!("message documents {{ REQUIRED BYTE_ARRAY text (UTF8); {labels} {} }}", others.concat());
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_created_by("fenlei".to_owned())
        .build();
    SerializedFileWriter::new(writer, Arc::new(parse_message_type(&schema)?), Arc::new(properties))
}

fn write_column<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    write: impl FnOnce(&mut ColumnWriterImpl<'_, ByteArrayType>) -> Result<usize, ParquetError>,
) -> Result<(), ParquetError> {
    if let Some(mut column) = group.next_column()? {
        write(column.typed::<ByteArrayType>())?;
        column.close()?;
    }
    Ok(())
}

fn failed(error: ParquetError, path: &Path) -> Error {
    match error {
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(source) => Error::io("write", path, *source),
            Err(source) => Error::io("write", path, std::io::Error::other(source)),
        },
        other => Error::io("write", path, std::io::Error::other(other)),
    }
}

/// Dremel's levels (Melnik et al. 2010). Single label: defined 0 (null) or 1. Lists: 0 null, 1 empty, 2 an element;
/// repeated 0 at the first element of a document, 1 at the others.
struct Levels {
    values: Vec<ByteArray>,
    definition: Vec<i16>,
    repetition: Vec<i16>,
}

impl Levels {
    fn of(targets: &[Target], names: &[ByteArray], multi_label: bool) -> Self {
        let mut levels = Self { values: Vec::new(), definition: Vec::new(), repetition: Vec::new() };
        let present = if multi_label { 2 } else { 1 };
        for target in targets {
            let labels = target.as_slice();
            if labels.is_empty() {
                levels.definition.push(i16::from(*target != Target::Unlabelled));
                levels.repetition.push(0);
            }
            for (i, &label) in labels.iter().enumerate() {
                levels.values.push(names[label as usize].clone());
                levels.definition.push(present);
                levels.repetition.push(i16::from(i > 0));
            }
        }
        levels
    }
}
