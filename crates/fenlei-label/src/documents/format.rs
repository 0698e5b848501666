//! Layouts that tools for labelling exchange.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use fenlei::{Error, Result};
use serde::{Deserialize, Serialize};

/// How a file of documents to label is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LabelFormat {
    /// One JSON object a line (or an array of objects).
    JsonLines,
    /// Columns separated by commas, with names in the first row.
    Csv,
    /// The same, separated by tabs.
    Tsv,
    /// `__label__a text`.
    FastText,
    /// JSON lines as doccano writes them: `label` is always a list.
    Doccano,
    /// An array of tasks as Label Studio imports and exports them.
    LabelStudio,
}

impl LabelFormat {
    /// Every layout.
    pub const ALL: [Self; 6] =
        [Self::JsonLines, Self::Csv, Self::Tsv, Self::FastText, Self::Doccano, Self::LabelStudio];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::JsonLines => "jsonl",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::FastText => "fasttext",
            Self::Doccano => "doccano",
            Self::LabelStudio => "label-studio",
        }
    }

    /// The ending of its files.
    pub fn ending(self) -> &'static str {
        match self {
            Self::JsonLines | Self::Doccano => "jsonl",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::FastText => "txt",
            Self::LabelStudio => "json",
        }
    }

    /// What a browser is told that it is.
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::JsonLines | Self::Doccano => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Tsv => "text/tab-separated-values; charset=utf-8",
            Self::FastText => "text/plain; charset=utf-8",
            Self::LabelStudio => "application/json",
        }
    }
}

impl fmt::Display for LabelFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for LabelFormat {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Error::config("--format", format!("found {name:?}, expected one of {names}"), "choose one of these")
        })
    }
}

/// From the ending of the file, and from what it holds.
pub(super) fn guess(path: &Path, text: &str) -> Result<LabelFormat> {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
    let begin = text.trim_start();
    match begin.as_bytes().first() {
        Some(b'[') if matches!(ending.as_str(), "json" | "jsonl" | "ndjson") => return Ok(of_array(begin)),
        Some(b'{') => return Ok(LabelFormat::JsonLines),
        _ if begin.starts_with("__label__") => return Ok(LabelFormat::FastText),
        _ => {}
    }
    match ending.as_str() {
        "csv" => Ok(LabelFormat::Csv),
        "tsv" | "tab" => Ok(LabelFormat::Tsv),
        "txt" | "ft" | "fasttext" => Ok(LabelFormat::FastText),
        "json" | "jsonl" | "ndjson" => Ok(LabelFormat::JsonLines),
        _ => {
            let names = LabelFormat::ALL.map(LabelFormat::name).join(", ");
            let problem = format!("cannot tell how {} is laid out", path.display());
            Err(Error::config("--format", problem, format!("name the layout; there are {names}")))
        }
    }
}

/// A task of Label Studio holds its text in `data`.
fn of_array(begin: &str) -> LabelFormat {
    let inside = begin[1..].trim_start();
    let mut objects =
        serde_json::Deserializer::from_str(inside).into_iter::<serde_json::Map<String, serde_json::Value>>();
    match objects.next() {
        Some(Ok(first)) if first.get("data").is_some_and(serde_json::Value::is_object) => LabelFormat::LabelStudio,
        _ => LabelFormat::JsonLines,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_told_by_content_and_ending() {
        let guess = |name: &str, text: &str| guess(Path::new(name), text);
        assert_eq!(guess("a.jsonl", "{\"text\": 1}").unwrap(), LabelFormat::JsonLines);
        assert_eq!(guess("a.json", " [ {\"data\": {\"text\": \"x\"}}]").unwrap(), LabelFormat::LabelStudio);
        assert_eq!(guess("a.json", "[{\"text\": \"x\"}]").unwrap(), LabelFormat::JsonLines);
        assert_eq!(guess("a.txt", "__label__x y").unwrap(), LabelFormat::FastText);
        assert_eq!(guess("a.csv", "[1],2").unwrap(), LabelFormat::Csv);
        let error = guess("a.doc", "x").unwrap_err();
        assert!(error.is_wrong_use() && error.to_string().contains("label-studio"), "{error}");
        for format in LabelFormat::ALL {
            assert_eq!(format.name().parse::<LabelFormat>().unwrap(), format);
        }
    }
}
