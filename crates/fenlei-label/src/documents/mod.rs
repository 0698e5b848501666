//! The file to label: read once, never changed, written anew with what was decided.
//!
//! Invariant: every field that is not the label comes out as it was read, in its place and with its bytes; so does the
//! label of a document about which nothing was decided.

mod columns;
mod delimited;
mod fasttext;
mod fields;
mod format;
mod json;
mod label_studio;
mod write;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::{fs, str};

use fenlei::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use format::LabelFormat;
pub use write::Answer;

use fields::Fields;

/// What a caller knows about the file; the rest is found out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadAs {
    /// How it is laid out.
    pub format: Option<LabelFormat>,
    /// The field of the text.
    pub text_column: Option<String>,
    /// The field of the label.
    pub label_column: Option<String>,
    /// Whether a document may have several labels; a column of a table then holds them with `|` between.
    pub multi_label: bool,
}

impl ReadAs {
    /// With what was known before, where nothing else is said now.
    pub(crate) fn or(self, before: Self) -> Self {
        Self {
            format: self.format.or(before.format),
            text_column: self.text_column.or(before.text_column),
            label_column: self.label_column.or(before.label_column),
            multi_label: self.multi_label || before.multi_label,
        }
    }
}

/// The documents of a file.
#[derive(Debug)]
pub struct Documents {
    /// Where they came from.
    pub path: PathBuf,
    /// How the file is laid out.
    pub format: LabelFormat,
    /// The texts, in the order of the file.
    pub texts: Vec<String>,
    /// What else is known about each document.
    pub items: Vec<Item>,
    /// The labels that the file gives, sorted by text.
    pub labels: Vec<String>,
    /// Whether a document may have several labels.
    pub multi_label: bool,
    /// SHA-256 of the file, in hexadecimal.
    pub fingerprint: String,
    layout: Layout,
}

/// A document but for its text.
#[derive(Debug)]
pub struct Item {
    /// What decisions about it are kept under: the text by its SHA-256, and which of those with the same text it is.
    pub key: String,
    /// The labels that the file gives; `None` for none at all.
    pub given: Option<Vec<String>>,
    fields: Fields,
}

/// How documents stand in the file.
#[derive(Debug, Clone, Default)]
struct Layout {
    text: String,
    label: Option<String>,
    /// Whether a list of labels stands even around one of them.
    lists: bool,
    /// Whether all documents stand in one array.
    array: bool,
    /// Labels that are no strings, as they are written.
    raw_labels: BTreeMap<String, String>,
    /// The names of the columns of a table; `None` where the first row is none.
    header: Option<Vec<String>>,
    delimiter: u8,
}

/// What a reader makes of a file.
struct Found {
    items: Vec<(String, Option<Vec<String>>, Fields)>,
    layout: Layout,
    several: bool,
}

impl Documents {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, is no UTF-8, holds no documents, or one of them has no text; with the line.
    pub fn read(path: &Path, options: &ReadAs) -> Result<Self> {
        let bytes = fs::read(path).map_err(|error| Error::io("read", path, error))?;
        Self::of_bytes(path, &bytes, options)
    }

    /// Reads what a file holds; `path` is for messages.
    ///
    /// # Errors
    /// As [`Documents::read`].
    pub fn of_bytes(path: &Path, bytes: &[u8], options: &ReadAs) -> Result<Self> {
        let fingerprint = hexadecimal(&Sha256::digest(bytes));
        let text = utf8(path, bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes))?;
        if text.trim().is_empty() {
            let help = "check that the path is right and that the file was written completely";
            return Err(Error::data(path, None, "found no documents, expected at least one", help));
        }
        let format = match options.format {
            Some(format) => format,
            None => format::guess(path, text)?,
        };
        let found = match format {
            LabelFormat::Csv | LabelFormat::Tsv => delimited::read(path, text, format, options)?,
            LabelFormat::FastText => fasttext::read(text),
            LabelFormat::LabelStudio => label_studio::read(path, text, options)?,
            LabelFormat::JsonLines | LabelFormat::Doccano => json::read(path, text, format, options)?,
        };
        if found.items.is_empty() {
            let help = "check that the path is right and that the file was written completely";
            return Err(Error::data(path, None, "found no documents, expected at least one", help));
        }
        let multi_label = options.multi_label || found.several;
        let mut times: HashMap<String, u32> = HashMap::new();
        let (mut texts, mut items) = (Vec::with_capacity(found.items.len()), Vec::with_capacity(found.items.len()));
        for (text, given, fields) in found.items {
            let mut key = hexadecimal(&Sha256::digest(text.as_bytes())[..12]);
            let n = times.entry(key.clone()).or_default();
            *n += 1;
            if *n > 1 {
                key = format!("{key}-{n}");
            }
            texts.push(text);
            items.push(Item { key, given, fields });
        }
        let mut labels: Vec<String> = items.iter().flat_map(|item| item.given.iter().flatten().cloned()).collect();
        labels.sort();
        labels.dedup();
        Ok(Self { path: path.to_owned(), format, texts, items, labels, multi_label, fingerprint, layout: found.layout })
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Unknown fields can only be kept as they are where the bytes are understood as they are.
fn utf8<'a>(path: &Path, bytes: &'a [u8]) -> Result<&'a str> {
    str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = before.iter().filter(|&&byte| byte == b'\n').count() as u64 + 1;
        let byte = bytes.get(error.valid_up_to()).copied().unwrap_or_default();
        let problem = format!("found the byte 0x{byte:02x}, expected UTF-8");
        let help = "write the file anew in UTF-8, and unpacked: `fenlei data convert` does so from any encoding";
        Error::data(path, Some(line), problem, help)
    })
}

#[cfg(test)]
mod tests;
