//! Writing documents in other formats. A file appears whole or not at all.

mod atomic;
mod parquet;
mod rows;

use std::io::{BufWriter, Write};
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub(crate) use atomic::write_atomically;

use super::{Compression, Dataset};
use crate::{Error, Result};

/// What can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum WriteFormat {
    /// Columns `text,label` with a header; `labels`, separated by `|`, in multi-label data.
    #[serde(rename = "csv")]
    Csv,
    /// The same with tabs.
    #[serde(rename = "tsv")]
    Tsv,
    /// `{"text": …, "label": …}` or `{"text": …, "labels": […]}` a line.
    #[serde(rename = "jsonl")]
    JsonLines,
    /// `__label__a text` a line.
    #[serde(rename = "fasttext")]
    FastText,
    /// Columns `text` and `label` (strings) or `labels` (lists of strings), zstd inside.
    #[serde(rename = "parquet")]
    Parquet,
}

impl WriteFormat {
    /// Every format.
    pub const ALL: [Self; 5] = [Self::Csv, Self::Tsv, Self::JsonLines, Self::FastText, Self::Parquet];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::JsonLines => "jsonl",
            Self::FastText => "fasttext",
            Self::Parquet => "parquet",
        }
    }

    /// The format that a file's extension means (`.csv`, `.tsv`, `.jsonl`, `.ft`, `.parquet`, also with `.gz`, `.zst`).
    pub fn of_path(path: &Path) -> Option<Self> {
        match super::guess::extension(path).as_str() {
            "csv" => Some(Self::Csv),
            "tsv" | "tab" => Some(Self::Tsv),
            "jsonl" | "ndjson" | "json" => Some(Self::JsonLines),
            "fasttext" | "ft" => Some(Self::FastText),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }
}

impl FromStr for WriteFormat {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Error::config("format", format!("found {name:?}, expected one of {names}"), "choose one of these")
        })
    }
}

/// What was written, and what could not be written as it was.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Written {
    /// How many documents.
    pub rows: u64,
    /// How many texts had line ends that became spaces (fastText has no way to write them).
    pub line_ends_replaced: u64,
    /// Labels whose white space became `_` (fastText), as they were.
    pub labels_changed: Vec<String>,
}

/// Writes a data set to a file; `.gz` and `.zst` at the end of the name compress it.
///
/// # Errors
/// [`Error::Io`] if the file cannot be written (an old file of this name is then untouched), [`Error::Data`] if
/// the format cannot hold these documents.
pub fn write(dataset: &Dataset, path: &Path, format: WriteFormat) -> Result<Written> {
    write_parts(path, format, |writer| writer.append(dataset))
}

/// Writes a data set to any writer; `path` names it in error messages.
///
/// # Errors
/// As [`write()`].
pub fn write_to(dataset: &Dataset, mut writer: impl Write + Send, format: WriteFormat, path: &Path) -> Result<Written> {
    write_parts_to(&mut writer, path, format, |writer| writer.append(dataset))
}

/// Writes a file part by part; it appears when `fill` has succeeded.
pub(crate) fn write_parts(
    path: &Path,
    format: WriteFormat,
    fill: impl FnOnce(&mut DocumentWriter<'_>) -> Result<()>,
) -> Result<Written> {
    let compression = match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => Compression::Gzip,
        Some("zst") => Compression::Zstd,
        _ => Compression::None,
    };
    if format == WriteFormat::Parquet && compression != Compression::None {
        let help = "Parquet is compressed inside; leave .gz or .zst away";
        return Err(Error::config(path.display().to_string(), "found a compressed Parquet file asked for", help));
    }
    write_atomically(path, |file| {
        let failed = |error| Error::io("write", path, error);
        match compression {
            Compression::None => write_parts_to(file, path, format, fill),
            Compression::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::default());
                let written = write_parts_to(&mut encoder, path, format, fill)?;
                encoder.finish().map_err(failed)?;
                Ok(written)
            }
            Compression::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(file, 3).map_err(failed)?;
                let written = write_parts_to(&mut encoder, path, format, fill)?;
                encoder.finish().map_err(failed)?;
                Ok(written)
            }
        }
    })
}

/// The same to any writer.
pub(crate) fn write_parts_to(
    writer: &mut (dyn Write + Send),
    path: &Path,
    format: WriteFormat,
    fill: impl FnOnce(&mut DocumentWriter<'_>) -> Result<()>,
) -> Result<Written> {
    let mut documents = DocumentWriter::new(writer, path, format);
    fill(&mut documents)?;
    documents.finish()
}

/// Writes documents part by part. All parts have the same labels and columns.
pub(crate) struct DocumentWriter<'w> {
    rows: Rows<'w>,
    path: &'w Path,
    written: Written,
}

enum Rows<'w> {
    Delimited(Box<rows::Delimited<&'w mut (dyn Write + Send)>>),
    JsonLines(BufWriter<&'w mut (dyn Write + Send)>),
    FastText(BufWriter<&'w mut (dyn Write + Send)>),
    Parquet(Box<parquet::ParquetWriter<&'w mut (dyn Write + Send)>>),
}

impl<'w> DocumentWriter<'w> {
    fn new(writer: &'w mut (dyn Write + Send), path: &'w Path, format: WriteFormat) -> Self {
        let rows = match format {
            WriteFormat::Csv => Rows::Delimited(Box::new(rows::Delimited::new(writer, b','))),
            WriteFormat::Tsv => Rows::Delimited(Box::new(rows::Delimited::new(writer, b'\t'))),
            WriteFormat::JsonLines => Rows::JsonLines(BufWriter::new(writer)),
            WriteFormat::FastText => Rows::FastText(BufWriter::new(writer)),
            WriteFormat::Parquet => Rows::Parquet(Box::new(parquet::ParquetWriter::new(writer))),
        };
        Self { rows, path, written: Written::default() }
    }

    /// Writes more documents.
    pub(crate) fn append(&mut self, dataset: &Dataset) -> Result<()> {
        match &mut self.rows {
            Rows::Delimited(rows) => rows.append(dataset, self.path)?,
            Rows::JsonLines(writer) => rows::append_json_lines(dataset, writer, self.path)?,
            Rows::FastText(writer) => rows::append_fasttext(dataset, writer, &mut self.written, self.path)?,
            Rows::Parquet(writer) => writer.append(dataset, self.path)?,
        }
        self.written.rows += dataset.len() as u64;
        Ok(())
    }

    /// How many documents have been written.
    pub(crate) fn rows(&self) -> u64 {
        self.written.rows
    }

    fn finish(self) -> Result<Written> {
        let failed = |error| Error::io("write", self.path, error);
        match self.rows {
            Rows::Delimited(rows) => rows.finish().map_err(failed)?,
            Rows::JsonLines(mut writer) | Rows::FastText(mut writer) => writer.flush().map_err(failed)?,
            Rows::Parquet(writer) => writer.finish(self.path)?,
        }
        Ok(self.written)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::{ReadOptions, Target, read};

    fn single() -> Dataset {
        let texts = ["plain", "with, comma; \"quotes\"\tand tab", "two\nlines\r\n好", " spaces ", "", "nul\0", "0"];
        let targets = [0, 1, 0, 1, 1, 0, 1].map(Target::One).to_vec();
        Dataset::new(texts.map(str::to_owned).to_vec(), targets, vec!["9".into(), "10".into()], false).unwrap()
    }

    fn multi() -> Dataset {
        let targets = [vec![0, 2], vec![], vec![1]].map(Target::many).to_vec();
        let labels = ["news", "sport", "体育 类"].map(str::to_owned).to_vec();
        Dataset::new(["a", "b\nb", "c"].map(str::to_owned).to_vec(), targets, labels, true).unwrap()
    }

    #[test]
    fn every_format_reads_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        for data in [single(), multi()] {
            for format in [WriteFormat::Csv, WriteFormat::Tsv, WriteFormat::JsonLines, WriteFormat::Parquet] {
                for end in ["", ".gz", ".zst"] {
                    let path = folder.path().join(format!("x.{}{end}", format.name()));
                    if format == WriteFormat::Parquet && !end.is_empty() {
                        assert!(write(&data, &path, format).unwrap_err().is_wrong_use());
                        continue;
                    }
                    let written = write(&data, &path, format).unwrap();
                    assert_eq!(written, Written { rows: data.len() as u64, ..Default::default() });
                    assert_eq!(WriteFormat::of_path(&path), Some(format));
                    let (back, _) = read(&path, &ReadOptions::default()).unwrap();
                    assert_eq!(back, data, "{}", path.display());
                }
            }
        }
    }

    #[test]
    fn fasttext_says_what_it_cannot_hold() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.ft");
        let written = write(&multi(), &path, WriteFormat::FastText).unwrap();
        assert_eq!((written.line_ends_replaced, written.labels_changed), (1, vec!["体育 类".to_owned()]));
        let (back, _) = read(&path, &ReadOptions::default()).unwrap();
        assert_eq!(back.texts, ["a", "b b", "c"]);
        assert_eq!(back.targets, multi().targets);
        let mut clash = multi();
        clash.labels = vec!["a b".into(), "a_b".into(), "c".into()];
        assert!(write(&clash, &path, WriteFormat::FastText).unwrap_err().to_string().contains("a_b"));
        let (still, _) = read(&path, &ReadOptions::default()).unwrap();
        assert_eq!(still, back);
    }

    #[test]
    fn a_label_with_the_separator_needs_another_format() {
        let mut data = multi();
        data.labels[0] = "a|b".into();
        let error = write_to(&data, Vec::new(), WriteFormat::Csv, Path::new("x")).unwrap_err().to_string();
        assert!(error.contains("a|b") && error.contains("jsonl"), "{error}");
    }

    #[test]
    fn a_full_disk_is_an_error() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        for format in WriteFormat::ALL {
            let error = write_to(&single(), Full, format, Path::new("x")).unwrap_err();
            assert!(matches!(error, Error::Io { action: "write", .. }), "{format:?}: {error}");
            assert!(error.to_string().contains("free some space"), "{format:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_survives_json_lines_parquet_and_csv(texts in proptest::collection::vec(any::<String>(), 1..8)) {
            let folder = tempfile::tempdir().unwrap();
            let targets = (0..texts.len()).map(|i| Target::One(i as u32 % 2)).collect();
            let labels = if texts.len() > 1 { vec!["a".into(), "b".into()] } else { vec!["a".into()] };
            let data = Dataset::new(texts, targets, labels, false).unwrap();
            for format in [WriteFormat::JsonLines, WriteFormat::Parquet, WriteFormat::Csv] {
                let path = folder.path().join(format!("x.{}", format.name()));
                write(&data, &path, format).unwrap();
                prop_assert_eq!(&read(&path, &ReadOptions::default()).unwrap().0, &data);
            }
        }
    }
}
