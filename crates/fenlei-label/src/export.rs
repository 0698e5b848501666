//! From the database to a file: the documents with the labels that were decided.

use std::io::{self, Write};
use std::path::Path;

use fenlei::storage::write_atomically;
use fenlei::{Error, Result};

use crate::desk::Desk;
use crate::documents::{Answer, Documents, LabelFormat};
use crate::options::Options;

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    /// Documents with labels, those of the file among them.
    pub n_labelled: usize,
    /// Documents whose annotators do not agree, with no majority and no last word: they have no label in the file.
    pub n_open_conflicts: usize,
    /// All documents.
    pub n_docs: usize,
    /// How the file is laid out.
    pub format: LabelFormat,
}

/// Writes the documents with what was decided to `out`, whole or not at all; `None` for the layout of the data.
///
/// # Errors
/// As for opening; also when `out` is the file of documents itself, or cannot be written.
pub fn export(options: Options, out: &Path, format: Option<LabelFormat>, labelled_only: bool) -> Result<Exported> {
    let db = options.db.clone().unwrap_or_else(|| crate::database_of(&options.data));
    if !db.is_file() {
        let problem = "there is no database of labels";
        return Err(Error::data(&db, None, problem, "label first with `fenlei label`, or name the file with --db"));
    }
    let same = |a: &Path, b: &Path| a.canonicalize().ok().zip(b.canonicalize().ok()).is_some_and(|(a, b)| a == b);
    if same(out, &options.data) || same(out, &db) {
        let problem = format!("{} is read, and is not changed", out.display());
        return Err(Error::config("--output", problem, "name another file"));
    }
    let (desk, _) = Desk::open(options)?;
    let documents = &desk.documents;
    let answers = desk.lock().ledger.answers(documents.items.len());
    let format = format.unwrap_or(documents.format);
    write_atomically(out, |file| exported(documents, &answers, format, labelled_only, file))?;
    let has_labels = |(item, answer): (&crate::documents::Item, &Option<Answer>)| match answer {
        Some(answer) => answer.labels.is_some(),
        None => item.given.is_some(),
    };
    Ok(Exported {
        n_labelled: documents.items.iter().zip(&answers).filter(|&pair| has_labels(pair)).count(),
        n_open_conflicts: answers.iter().flatten().filter(|answer| answer.labels.is_none()).count(),
        n_docs: documents.items.len(),
        format,
    })
}

pub(crate) fn exported(
    documents: &Documents,
    answers: &[Option<Answer>],
    format: LabelFormat,
    labelled_only: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    documents.write(out, format, answers, labelled_only)
}
