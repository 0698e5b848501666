//! Documents from one file to another, with a choice of which are kept.
//!
//! Crawled pages stream: a part of them is in memory at a time. Other inputs are read as a whole, as their labels must
//! be known before the first document is written.

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use super::crawl::CrawlReader;
use super::read::{is_warc, warc};
use super::select::{Selector, language_of};
use super::source::Source;
use super::write::{DocumentWriter, write_parts, write_parts_to};
use super::{Dataset, Dropped, Findings, Format, ReadOptions, Selection, WriteFormat, Written, read, read_bytes};
use crate::{Error, Result};

/// Pages that are written together: as many as fit in so many bytes.
const PART_BYTES: usize = 8 << 20;

/// What to convert, and how.
pub struct Conversion<'a> {
    /// The file, folder or archive, or a name for `bytes`.
    pub input: &'a Path,
    /// The input itself, if it is in memory.
    pub bytes: Option<&'a [u8]>,
    /// The file to write; a name for `writer` if there is one.
    pub output: &'a Path,
    /// Where to write instead of a file.
    pub writer: Option<&'a mut (dyn Write + Send)>,
    /// The format to write.
    pub format: WriteFormat,
    /// How to read.
    pub read: ReadOptions,
    /// Which documents are kept.
    pub selection: Selection,
    /// Set to true from another thread to stop; then [`Error::Interrupted`] is returned and nothing is left behind.
    pub cancel: &'a AtomicBool,
    /// Told how many bytes of a web archive have been read.
    pub progress: &'a mut dyn FnMut(u64),
}

/// What came of a conversion.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Converted {
    /// What was found in the input.
    pub findings: Findings,
    /// What was read and not kept, by reason.
    pub dropped: Vec<Dropped>,
    /// What was written.
    pub written: Written,
}

/// Reads, chooses and writes.
///
/// # Errors
/// As [`read()`] and [`write()`](super::write()); [`Error::Data`] if no document is kept, [`Error::Config`] for a
/// language or a similarity that cannot be.
pub fn convert(conversion: Conversion<'_>) -> Result<Converted> {
    let Conversion { input, bytes, output, writer, format, read: options, selection, cancel, progress } = conversion;
    let source = Source { path: input.to_owned(), bytes };
    let mut selector = Selector::new(selection)?;
    let streams = (bytes.is_some() || !input.is_dir()) && is_warc_or_missing(&source, &options)?;
    let (mut findings, dataset) = if streams {
        (Findings::new(input.to_owned(), Format::Warc), None)
    } else {
        let (dataset, findings) = match bytes {
            Some(bytes) => read_bytes(bytes, &options)?,
            None => read(input, &options)?,
        };
        (findings, Some(kept(dataset, &mut selector, cancel)?))
    };
    let fill = |documents: &mut DocumentWriter<'_>| {
        match &dataset {
            Some(dataset) => documents.append(dataset)?,
            None => stream(&source, &options, &mut selector, &mut findings, cancel, progress, documents)?,
        }
        if documents.rows() > 0 { Ok(()) } else { Err(nothing_kept(input, findings.rows, &selector.dropped())) }
    };
    let written = match writer {
        Some(writer) => write_parts_to(writer, output, format, fill),
        None => write_parts(output, format, fill),
    }?;
    Ok(Converted { findings, dropped: selector.dropped(), written })
}

/// A path that does not exist may stand for a group of files, which [`read`] finds out.
fn is_warc_or_missing(source: &Source<'_>, options: &ReadOptions) -> Result<bool> {
    match is_warc(source, options) {
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(false),
        result => result,
    }
}

fn kept(dataset: Dataset, selector: &mut Selector, cancel: &AtomicBool) -> Result<Dataset> {
    if selector.keeps_all() {
        return Ok(dataset);
    }
    let mut indices = Vec::new();
    for (i, text) in dataset.texts.iter().enumerate() {
        check(cancel)?;
        if selector.keeps(text, None) {
            indices.push(i);
        }
    }
    Ok(if indices.len() == dataset.len() { dataset } else { dataset.subset(&indices) })
}

fn stream(
    source: &Source<'_>,
    options: &ReadOptions,
    selector: &mut Selector,
    findings: &mut Findings,
    cancel: &AtomicBool,
    progress: &mut dyn FnMut(u64),
    documents: &mut DocumentWriter<'_>,
) -> Result<()> {
    let failed = |error| source.failed(error);
    let mut reader: CrawlReader<Box<dyn Read + Send>> =
        CrawlReader::new(source.open_packed()?, options.extract).map_err(failed)?;
    let mut part = warc::empty();
    let mut n_bytes = 0;
    while let Some(page) = reader.next_page().map_err(failed)? {
        check(cancel)?;
        progress(reader.bytes_read());
        let language = language_of(&page.text);
        if !selector.keeps(&page.text, Some(language.unwrap_or_default())) {
            continue;
        }
        n_bytes += page.text.len();
        warc::push(&mut part, page, language);
        if n_bytes >= PART_BYTES {
            documents.append(&std::mem::replace(&mut part, warc::empty()))?;
            n_bytes = 0;
        }
    }
    if !part.is_empty() {
        documents.append(&part)?;
    }
    reader.note(findings);
    if findings.rows == 0 {
        return Err(warc::no_pages(source, &reader.left_out(), reader.n_records()));
    }
    Ok(())
}

fn check(cancel: &AtomicBool) -> Result<()> {
    if cancel.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
}

fn nothing_kept(path: &Path, n_read: u64, dropped: &[Dropped]) -> Error {
    let reasons: Vec<String> = dropped.iter().map(|dropped| format!("{} {}", dropped.count, dropped.reason)).collect();
    let problem = format!("none of {n_read} documents is kept: {}", reasons.join("; "));
    Error::data(path, None, problem, "ask for less: --min-chars, --language, --dedup")
}

#[cfg(test)]
mod tests;
