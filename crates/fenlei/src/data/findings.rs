//! What a reader found: the guesses, what was left out, what was replaced.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::{Compression, Dataset, Format, LabelCount, Split, listed};

/// What a reader found out about its input.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Findings {
    /// The file, folder or archive that was read.
    pub path: PathBuf,
    /// The layout.
    pub format: Format,
    /// Encodings by the number of files that had them, most frequent first; empty for Parquet.
    pub encodings: Vec<(String, u64)>,
    /// How the file (or the archive) was compressed.
    pub compression: Compression,
    /// Whether it was read out of a tar archive.
    pub archive: bool,
    /// The column of the text: its name, or its number from 1 if there are no names.
    pub text_column: Option<String>,
    /// The column of the label.
    pub label_column: Option<String>,
    /// What separates columns.
    pub delimiter: Option<char>,
    /// What separates several labels in one field.
    pub label_separator: Option<char>,
    /// Whether the first row held the names of the columns, where that is a question.
    pub has_header: Option<bool>,
    /// Which part was read.
    pub split: Option<Split>,
    /// Which parts there are.
    pub splits: Vec<Split>,
    /// How many files the documents came from.
    pub files: u64,
    /// How many documents were read.
    pub rows: u64,
    /// How many documents carry each label.
    pub labels: Vec<LabelCount>,
    /// Whether a document may have several labels.
    pub multi_label: bool,
    /// The file that turned class numbers into names.
    pub class_names: Option<String>,
    /// How many documents have no label.
    pub unlabelled: u64,
    /// How many malformed byte sequences were replaced by U+FFFD.
    pub malformed: u64,
    /// How many texts hold NUL characters, which are kept.
    pub texts_with_nul: u64,
    /// What was left out, and how often.
    pub ignored: Vec<Ignored>,
}

/// Something that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ignored {
    /// What it was: "blank lines", "files in train/unsup (unlabelled)".
    pub what: String,
    /// How many.
    pub count: u64,
}

impl Findings {
    pub(crate) fn new(path: PathBuf, format: Format) -> Self {
        Self {
            path,
            format,
            encodings: Vec::new(),
            compression: Compression::None,
            archive: false,
            text_column: None,
            label_column: None,
            delimiter: None,
            label_separator: None,
            has_header: None,
            split: None,
            splits: Vec::new(),
            files: 1,
            rows: 0,
            labels: Vec::new(),
            multi_label: false,
            class_names: None,
            unlabelled: 0,
            malformed: 0,
            texts_with_nul: 0,
            ignored: Vec::new(),
        }
    }

    /// Notes something left out; nothing if the count is zero. Equal things are added up.
    pub(crate) fn ignore(&mut self, what: impl Into<String>, count: u64) {
        let what = what.into();
        match self.ignored.iter_mut().find(|ignored| ignored.what == what) {
            Some(ignored) => ignored.count += count,
            None if count > 0 => self.ignored.push(Ignored { what, count }),
            None => {}
        }
    }

    /// Notes that `files` files were in `encoding`.
    pub(crate) fn note_encoding(&mut self, encoding: &str, files: u64) {
        match self.encodings.iter_mut().find(|(name, _)| name == encoding) {
            Some((_, count)) => *count += files,
            None => self.encodings.push((encoding.to_owned(), files)),
        }
        self.encodings.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    }

    /// Takes over what the data set itself says.
    pub(crate) fn describe(&mut self, dataset: &Dataset) {
        self.rows = dataset.len() as u64;
        self.labels = LabelCount::of(dataset);
        self.multi_label = dataset.multi_label;
        self.unlabelled = dataset.targets.iter().filter(|t| **t == super::Target::Unlabelled).count() as u64;
    }
}

/// A few lines for people: what was recognised, how much there is, what was left out or replaced.
impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layout = match self.format {
            Format::Csv => "comma-separated columns",
            Format::Tsv => "tab-separated columns",
            Format::JsonLines => "JSON lines",
            Format::FastText => "fastText lines",
            Format::Parquet => "Parquet",
            Format::LabelFirst => "lines that begin with their label",
            Format::Folders => "a folder a class",
            Format::Files => "a file a class",
            Format::Warc => "web archive",
        };
        write!(f, "{}: {layout}", self.path.display())?;
        if let Some(delimiter) =
            self.delimiter.filter(|d| !matches!((self.format, d), (Format::Tsv, '\t') | (Format::Csv, ',')))
        {
            write!(f, " (delimiter {delimiter:?})")?;
        }
        if let Some(text) = &self.text_column {
            write!(f, ", text in column {text:?}")?;
            if let Some(label) = &self.label_column {
                write!(f, ", label in column {label:?}")?;
            }
            if let Some(header) = self.has_header {
                write!(f, " ({})", if header { "header" } else { "no header" })?;
            }
        }
        if self.archive {
            write!(f, ", tar archive")?;
        }
        if self.compression != Compression::None {
            write!(f, ", {}", self.compression)?;
        }
        let (one, many) = if self.format == Format::Warc { ("page", "pages") } else { ("file", "files") };
        match self.encodings.as_slice() {
            [] => {}
            [(name, _)] => write!(f, ", {name}")?,
            several => {
                let parts: Vec<String> = several
                    .iter()
                    .map(|(name, n)| format!("{name} ({n} {})", if *n == 1 { one } else { many }))
                    .collect();
                write!(f, ", {}", parts.join(" and "))?;
            }
        }
        write!(f, "\n  {} documents", self.rows)?;
        if self.files > 1 {
            write!(f, " from {} files", self.files)?;
        }
        if let Some(split) = self.split {
            write!(f, " of the {split} part")?;
        }
        if self.splits.len() > 1 {
            let names: Vec<&str> = self.splits.iter().map(|split| split.name()).collect();
            write!(f, " (there are: {})", names.join(", "))?;
        }
        if !self.labels.is_empty() {
            let names: Vec<String> = self.labels.iter().map(|l| format!("{} {}", l.label, l.count)).collect();
            let kind = if self.multi_label { "labels, several a document" } else { "labels" };
            write!(f, "; {} {kind}: {}", self.labels.len(), listed(&names))?;
        }
        if let Some(separator) = self.label_separator {
            write!(f, " (separated by {separator:?})")?;
        }
        if let Some(file) = &self.class_names {
            write!(f, " (names from {file})")?;
        }
        for (count, what) in [
            // Crawled pages never have one.
            (if self.format == Format::Warc { 0 } else { self.unlabelled }, "documents have no label"),
            (self.malformed, "malformed byte sequences were replaced by U+FFFD; --encoding chooses another encoding"),
            (self.texts_with_nul, "texts hold NUL characters, which were kept"),
        ] {
            if count > 0 {
                write!(f, "\n  {count} {what}")?;
            }
        }
        if !self.ignored.is_empty() {
            let parts: Vec<String> = self.ignored.iter().map(|i| format!("{} {}", i.count, i.what)).collect();
            write!(f, "\n  left out: {}", parts.join("; "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_was_found_and_what_was_left_out() {
        let mut findings = Findings::new("reviews.csv".into(), Format::Csv);
        findings.note_encoding("windows-1252", 1);
        findings.text_column = Some("text".into());
        findings.label_column = Some("stars".into());
        findings.has_header = Some(true);
        findings.rows = 7;
        findings.malformed = 2;
        findings.ignore("blank lines", 1);
        findings.ignore("blank lines", 2);
        findings.ignore("rows", 0);
        let text = findings.to_string();
        for part in ["comma-separated", "\"stars\" (header)", "windows-1252", "7 documents", "2 malformed"] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
        assert!(text.ends_with("left out: 3 blank lines"), "{text}");
    }
}
