//! Parquet with a column of texts and a column of labels.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::Written;
use crate::data::{Dataset, Target};
use crate::{Error, Result};

/// Rows that are compressed together: enough to compress well, few enough to hold in memory.
const ROWS_A_GROUP: usize = 50_000;

const SINGLE: &str = "message documents { REQUIRED BYTE_ARRAY text (UTF8); OPTIONAL BYTE_ARRAY label (UTF8); }";
const MULTI: &str = "message documents { REQUIRED BYTE_ARRAY text (UTF8); \
    OPTIONAL group labels (LIST) { REPEATED group list { REQUIRED BYTE_ARRAY element (UTF8); } } }";

pub(super) fn write(dataset: &Dataset, writer: &mut (impl Write + Send), path: &Path) -> Result<Written> {
    write_groups(dataset, writer).map_err(|error| match error {
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(source) => Error::io("write", path, *source),
            Err(source) => Error::io("write", path, std::io::Error::other(source)),
        },
        other => Error::io("write", path, std::io::Error::other(other)),
    })?;
    Ok(Written { rows: dataset.len() as u64, ..Written::default() })
}

fn write_groups(dataset: &Dataset, writer: &mut (impl Write + Send)) -> Result<(), ParquetError> {
    let schema = Arc::new(parse_message_type(if dataset.multi_label { MULTI } else { SINGLE })?);
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_created_by("fenlei".to_owned())
        .build();
    let mut file = SerializedFileWriter::new(writer, schema, Arc::new(properties))?;
    let names: Vec<ByteArray> = dataset.labels.iter().map(|label| ByteArray::from(label.as_str())).collect();
    for start in (0..dataset.len()).step_by(ROWS_A_GROUP) {
        let rows = start..dataset.len().min(start + ROWS_A_GROUP);
        let texts: Vec<ByteArray> = dataset.texts[rows.clone()].iter().map(|text| text.as_str().into()).collect();
        let labels = Levels::of(&dataset.targets[rows], &names, dataset.multi_label);
        let mut group = file.next_row_group()?;
        if let Some(mut column) = group.next_column()? {
            column.typed::<ByteArrayType>().write_batch(&texts, None, None)?;
            column.close()?;
        }
        if let Some(mut column) = group.next_column()? {
            let repetition = dataset.multi_label.then_some(labels.repetition.as_slice());
            column.typed::<ByteArrayType>().write_batch(&labels.values, Some(&labels.definition), repetition)?;
            column.close()?;
        }
        group.close()?;
    }
    file.close()?;
    Ok(())
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
