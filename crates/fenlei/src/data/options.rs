//! What a caller may tell a reader: every guess can be overruled here.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How documents and labels are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Format {
    /// Columns separated by a delimiter, usually a comma, RFC 4180 quotes.
    #[serde(rename = "csv")]
    Csv,
    /// Columns separated by tabs, with or without a header.
    #[serde(rename = "tsv")]
    Tsv,
    /// One JSON object a line.
    #[serde(rename = "jsonl")]
    JsonLines,
    /// `__label__a __label__b text`.
    #[serde(rename = "fasttext")]
    FastText,
    /// Apache Parquet.
    #[serde(rename = "parquet")]
    Parquet,
    /// `label text`: the first word of a line is the label.
    #[serde(rename = "label-first")]
    LabelFirst,
    /// One folder a class, one file a document (folder or tar archive).
    #[serde(rename = "folders")]
    Folders,
    /// One file a class, one document a line (folder or tar archive).
    #[serde(rename = "files")]
    Files,
    /// Web archive (WARC, WET): a page a document, without labels.
    #[serde(rename = "warc")]
    Warc,
}

impl Format {
    /// Every format, in the order of the documentation.
    pub const ALL: [Self; 9] = [
        Self::Csv,
        Self::Tsv,
        Self::JsonLines,
        Self::FastText,
        Self::Parquet,
        Self::LabelFirst,
        Self::Folders,
        Self::Files,
        Self::Warc,
    ];

    /// The name in configurations and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::JsonLines => "jsonl",
            Self::FastText => "fasttext",
            Self::Parquet => "parquet",
            Self::LabelFirst => "label-first",
            Self::Folders => "folders",
            Self::Files => "files",
            Self::Warc => "warc",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|format| format.name() == name);
        found.ok_or_else(|| unknown("format", name, &Self::ALL.map(Self::name)))
    }
}

/// A part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// What a model is fitted on.
    Train,
    /// What a model is chosen on (dev, val, valid, validation).
    Validation,
    /// What a model is reported on.
    Test,
    /// Documents without labels (unsup).
    Unlabelled,
}

impl Split {
    /// Every split, in their usual order.
    pub const ALL: [Self; 4] = [Self::Train, Self::Validation, Self::Test, Self::Unlabelled];

    /// The name in configurations and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
            Self::Unlabelled => "unlabelled",
        }
    }

    /// The split that a word names ("dev" is a validation part), if it names one.
    pub fn of_word(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "train" | "training" | "训练" | "训练集" => Some(Self::Train),
            "dev" | "devel" | "val" | "valid" | "validation" | "验证" | "验证集" => Some(Self::Validation),
            "test" | "testing" | "测试" | "测试集" => Some(Self::Test),
            "unsup" | "unsupervised" | "unlabeled" | "unlabelled" | "无标签" => Some(Self::Unlabelled),
            _ => None,
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Split {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::of_word(name).ok_or_else(|| unknown("split", name, &Self::ALL.map(Self::name)))
    }
}

/// What to do with a document whose label is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MissingLabel {
    /// It is an error that names the line.
    #[default]
    Refuse,
    /// Leave the document out and count it in the findings.
    Skip,
    /// Keep it as [`Target::Unlabelled`](super::Target::Unlabelled); a file without any label can be read so.
    Keep,
}

impl MissingLabel {
    /// Every choice.
    pub const ALL: [Self; 3] = [Self::Refuse, Self::Skip, Self::Keep];

    /// The name in configurations and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Skip => "skip",
            Self::Keep => "keep",
        }
    }
}

impl FromStr for MissingLabel {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|choice| choice.name() == name);
        found.ok_or_else(|| unknown("missing_label", name, &Self::ALL.map(Self::name)))
    }
}

/// Which text of a crawled page is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Extract {
    /// The main text: without navigation, lists of links, footers.
    #[default]
    Main,
    /// All text that the page shows.
    All,
}

impl Extract {
    /// Every choice.
    pub const ALL: [Self; 2] = [Self::Main, Self::All];

    /// The name in configurations and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::All => "all",
        }
    }
}

impl FromStr for Extract {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|choice| choice.name() == name);
        found.ok_or_else(|| unknown("extract", name, &Self::ALL.map(Self::name)))
    }
}

pub(super) fn unknown(what: &str, found: &str, expected: &[&str]) -> Error {
    Error::config(what, format!("found {found:?}, expected one of {}", expected.join(", ")), "choose one of these")
}

/// What the caller knows about the data; `None` means: find out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReadOptions {
    /// The layout.
    pub format: Option<Format>,
    /// The column of the text: a name, or a number from 1.
    pub text_column: Option<String>,
    /// The column of the label: a name, or a number from 1.
    pub label_column: Option<String>,
    /// What separates columns; one ASCII character.
    pub delimiter: Option<char>,
    /// What separates several labels in one field, as `|` in `sport|news`; makes the data multi-label.
    pub label_separator: Option<char>,
    /// Take only the part of a label before the first of these (`:` makes `DESC` of `DESC:manner`).
    pub label_until: Option<char>,
    /// The encoding, by its WHATWG label ("gb18030", "windows-1252", "utf-16le").
    pub encoding: Option<String>,
    /// Which part of a data set that has several.
    pub split: Option<Split>,
    /// Whether the first row holds the names of the columns.
    pub has_header: Option<bool>,
    /// What to do with a document whose label is missing.
    pub missing_label: MissingLabel,
    /// Which text of a crawled page is taken.
    pub extract: Extract,
    /// Other columns to keep beside text and label, by name, or by number from 1: [`Dataset::columns`](super::Dataset).
    pub columns: Vec<String>,
}

impl ReadOptions {
    /// Whether documents without labels may be returned.
    pub(crate) fn keeps_unlabelled(&self) -> bool {
        self.missing_label == MissingLabel::Keep || self.split == Some(Split::Unlabelled)
    }

    /// The delimiter as a byte.
    pub(crate) fn delimiter_byte(&self) -> Result<Option<u8>> {
        match self.delimiter {
            None => Ok(None),
            Some(c) if c.is_ascii() && !matches!(c, '"' | '\n' | '\r') => Ok(Some(c as u8)),
            Some(c) => Err(Error::config(
                "delimiter",
                format!("found {c:?}, expected one ASCII character other than a quote or a line end"),
                "use a comma, a semicolon, a tab or a bar",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_as_themselves() {
        for format in Format::ALL {
            assert_eq!(format.name().parse::<Format>().unwrap(), format);
            assert_eq!(serde_json::to_value(format).unwrap(), format.name());
        }
        for split in Split::ALL {
            assert_eq!(split.name().parse::<Split>().unwrap(), split);
            assert_eq!(serde_json::to_value(split).unwrap(), split.name());
        }
        for choice in MissingLabel::ALL {
            assert_eq!(choice.name().parse::<MissingLabel>().unwrap(), choice);
        }
        assert_eq!("dev".parse::<Split>().unwrap(), Split::Validation);
        let error = "xml".parse::<Format>().unwrap_err();
        assert!(error.is_wrong_use() && error.to_string().contains("jsonl"), "{error}");
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(serde_json::from_str::<ReadOptions>(r#"{"separator": ","}"#).is_err());
        let options: ReadOptions = serde_json::from_str(r#"{"label_until": ":", "split": "test"}"#).unwrap();
        assert_eq!((options.label_until, options.split), (Some(':'), Some(Split::Test)));
    }

    #[test]
    fn a_delimiter_is_one_ascii_character() {
        let with = |c| ReadOptions { delimiter: Some(c), ..Default::default() }.delimiter_byte();
        assert_eq!(with(';').unwrap(), Some(b';'));
        assert!(with('，').is_err() && with('"').is_err());
    }
}
