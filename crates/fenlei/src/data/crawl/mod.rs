//! Crawled pages: WARC and WET files to texts, one page in memory at a time.
//!
//! ```text
//! bytes ─members→ plain bytes ─records→ records ─body, charset→ HTML or text ─extract→ Page
//! ```
//!
//! Invariant: damage never ends the reading. What is passed over is counted, by reason.

mod body;
mod charset;
mod extract;
mod fields;
mod members;
mod records;

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

use super::compression::{decompressed, read_head};
use super::source::Source;
use super::{Compression, Extract, Findings};
use crate::Result;
use fields::{Fields, media_type, split_head};
use records::{Record, Records};

/// A page of a crawl.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) text: String,
    /// The address (`WARC-Target-URI`).
    pub(crate) url: String,
    /// When it was fetched (`WARC-Date`).
    pub(crate) date: String,
    pub(crate) title: String,
}

/// Whether a file is a web archive: by its first bytes (also packed), or by its name (`.warc`, `.wet`, also with
/// `.gz` or `.zst`), since those bytes may be the damaged ones.
///
/// # Errors
/// [`Error::Io`](crate::Error::Io) if it cannot be read.
pub fn is_crawl(path: &Path) -> Result<bool> {
    if path.is_dir() {
        return Ok(false);
    }
    is_crawl_source(&Source::on_disk(path))
}

/// Whether bytes are a web archive (also packed).
pub fn is_crawl_bytes(bytes: &[u8]) -> bool {
    is_crawl_head(&bytes[..bytes.len().min(1 << 12)], Path::new(""))
}

pub(crate) fn is_crawl_source(source: &Source<'_>) -> Result<bool> {
    let mut reader = source.open_packed()?;
    let head = read_head(&mut reader, 1 << 12).map_err(|error| source.failed(error))?;
    Ok(is_crawl_head(&head, &source.path))
}

/// The same for the first (packed) bytes of something that can be read only once.
pub(crate) fn is_crawl_head(head: &[u8], path: &Path) -> bool {
    const SIGN: &[u8] = b"WARC/1.";
    if matches!(super::guess::extension(path).as_str(), "warc" | "wet") {
        return true;
    }
    let Ok((_, mut plain)) = decompressed(head) else { return false };
    // A short read is no proof: the head may end in the middle of a packed block.
    read_head(&mut plain, SIGN.len()).is_ok_and(|start| start == SIGN)
}

/// Why a record gave no page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum NoPage {
    /// A request, a description, a revisit.
    OtherRecord,
    /// A redirect or an error.
    Status,
    /// A picture, a script.
    OtherType,
    /// It cannot be unpacked, or becomes too long.
    Unreadable,
    /// There is no text, or none that counts.
    NoText,
}

impl NoPage {
    fn name(self) -> &'static str {
        match self {
            Self::OtherRecord => "records that are no pages (requests, descriptions)",
            Self::Status => "responses that are no pages (redirects, errors)",
            Self::OtherType => "responses that are neither HTML nor plain text",
            Self::Unreadable => "pages that cannot be unpacked, or only to more than 32 MiB",
            Self::NoText => "pages without text",
        }
    }
}

/// Reads the pages of a web archive.
pub(crate) struct CrawlReader<R: Read> {
    records: Records<R>,
    extract: Extract,
    no_page: BTreeMap<NoPage, u64>,
    encodings: BTreeMap<&'static str, u64>,
    malformed: u64,
    n_pages: u64,
}

impl<R: Read> CrawlReader<R> {
    pub(crate) fn new(reader: R, extract: Extract) -> io::Result<Self> {
        let records = Records::new(reader)?;
        let (no_page, encodings) = Default::default();
        Ok(Self { records, extract, no_page, encodings, malformed: 0, n_pages: 0 })
    }

    /// The next page with text. Errors are those of the reader.
    pub(crate) fn next_page(&mut self) -> io::Result<Option<Page>> {
        while let Some(record) = self.records.next()? {
            match page_of(&record, self.extract) {
                Ok((page, encoding, malformed)) => {
                    *self.encodings.entry(encoding).or_default() += 1;
                    self.malformed += malformed;
                    self.n_pages += 1;
                    return Ok(Some(page));
                }
                Err(reason) => *self.no_page.entry(reason).or_default() += 1,
            }
        }
        Ok(None)
    }

    pub(crate) fn compression(&self) -> Compression {
        self.records.compression()
    }

    /// How many (packed) bytes have been read so far.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.records.bytes_read()
    }

    /// How many records were whole.
    pub(crate) fn n_records(&self) -> u64 {
        self.records.passed().records
    }

    pub(crate) fn malformed(&self) -> u64 {
        self.malformed
    }

    /// What was left out, and how often.
    pub(crate) fn left_out(&self) -> Vec<(&'static str, u64)> {
        let passed = self.records.passed();
        let records = [("damaged records", passed.damaged), ("records longer than 32 MiB", passed.too_long)];
        let pages = self.no_page.iter().map(|(reason, &count)| (reason.name(), count));
        records.into_iter().chain(pages).filter(|&(_, count)| count > 0).collect()
    }

    /// Notes what was found and what was left out.
    pub(crate) fn note(&self, findings: &mut Findings) {
        for (what, count) in self.left_out() {
            findings.ignore(what, count);
        }
        for (encoding, &pages) in &self.encodings {
            findings.note_encoding(encoding, pages);
        }
        findings.compression = self.compression();
        findings.malformed = self.malformed;
        findings.rows = self.n_pages;
        findings.unlabelled = self.n_pages;
    }
}

/// The page in a record, its encoding, and how many malformed sequences were replaced.
fn page_of(record: &Record<'_>, extract: Extract) -> Result<(Page, &'static str, u64), NoPage> {
    let field = |name: &str| record.fields.get(name).unwrap_or_default();
    let of_record = field("content-type");
    let kind = field("warc-type").to_ascii_lowercase();
    let (content_type, body) = match kind.as_str() {
        "response" if media_type(of_record).0 == "application/http" => {
            let (lines, start) = split_head(record.block).ok_or(NoPage::Unreadable)?;
            let http = Fields::parse(lines);
            if !is_success(lines) {
                return Err(NoPage::Status);
            }
            let content_type = http.get("content-type").unwrap_or_default().to_owned();
            if !may_be_page(&content_type) {
                return Err(NoPage::OtherType);
            }
            (content_type, body::unpack(&http, &record.block[start..]).map_err(|_| NoPage::Unreadable)?)
        }
        "response" | "resource" | "conversion" => (of_record.to_owned(), record.block.into()),
        _ => return Err(NoPage::OtherRecord),
    };
    let (media_type, charset) = media_type(&content_type);
    let is_html = match media_type.as_str() {
        "text/html" | "application/xhtml+xml" => true,
        "text/plain" => false,
        "" if looks_like_html(&body) => true,
        _ => return Err(NoPage::OtherType),
    };
    let (text, encoding, malformed) = charset::decode(&body, charset, is_html);
    let (title, text) = if is_html { extract::extract(&text, extract) } else { (String::new(), plain(&text)) };
    if text.is_empty() {
        return Err(NoPage::NoText);
    }
    let url = field("warc-target-uri").trim_start_matches('<').trim_end_matches('>').to_owned();
    Ok((Page { text, url, date: field("warc-date").to_owned(), title }, super::encoding::name(encoding), malformed))
}

fn may_be_page(content_type: &str) -> bool {
    matches!(media_type(content_type).0.as_str(), "text/html" | "application/xhtml+xml" | "text/plain" | "")
}

fn is_success(status_line: &[u8]) -> bool {
    let line = &status_line[..status_line.len().min(64)];
    let code = line.split(|&byte| byte == b' ').filter(|word| !word.is_empty()).nth(1);
    line.starts_with(b"HTTP/") && code.is_some_and(|code| code.first() == Some(&b'2') && code.len() >= 3)
}

fn looks_like_html(body: &[u8]) -> bool {
    let head = body[..body.len().min(512)].to_ascii_lowercase();
    let head = head.trim_ascii_start();
    head.starts_with(b"<!doctype html") || head.starts_with(b"<html")
}

/// Plain text with `\n` as line end, without blanks at both ends.
fn plain(text: &str) -> String {
    text.trim().replace("\r\n", "\n").replace('\r', "\n")
}

#[cfg(test)]
pub(crate) mod tests;
