//! Texts to predict, a line (or a crawled page) at a time, in constant memory.

use std::io::{Cursor, Read};
use std::path::PathBuf;

use super::Compression;
use super::compression::{decompressed, read_head};
use super::crawl::{CrawlReader, is_crawl_head};
use super::decode::{Decoding, Malformed, next_line};
use super::encoding::{self, Evidence, HEAD};
use super::source::Source;
use super::{Extract, Ignored};
use crate::{Error, Result};

/// The decoded lines of any reader, in order, empty ones included, without their ends.
///
/// gzip and zstd are recognised by their magic bytes, the encoding from the first 64 KiB (which are waited for, so
/// that the answer never depends on how a pipe cuts its input). Memory is that of the longest line. A web archive
/// (WARC, WET) gives the main text of each page in place of a line.
///
/// ```
/// # use fenlei::data::TextLines;
/// let lines = TextLines::new(&b"good\r\n\nbad"[..])?;
/// assert_eq!(lines.collect::<fenlei::Result<Vec<_>>>()?, ["good", "", "bad"]);
/// # Ok::<(), fenlei::Error>(())
/// ```
pub struct TextLines<'a> {
    texts: Texts<'a>,
    path: PathBuf,
    encoding: &'static str,
    compression: Compression,
    ended: bool,
}

enum Texts<'a> {
    Lines { reader: Box<Decoding<Box<dyn Read + Send + 'a>>>, line: Vec<u8> },
    Pages(Box<CrawlReader<Box<dyn Read + Send + 'a>>>),
}

impl<'a> TextLines<'a> {
    /// Finds out the compression and the encoding.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Data`] if the first bytes cannot be read.
    pub fn new(reader: impl Read + Send + 'a) -> Result<Self> {
        Self::open(reader, "<input>", None)
    }

    /// As [`new`](Self::new), with a name for error messages and, if given, an encoding by its WHATWG label.
    ///
    /// # Errors
    /// Also [`Error::Config`] if there is no such encoding.
    pub fn open(mut reader: impl Read + Send + 'a, path: impl Into<PathBuf>, encoding: Option<&str>) -> Result<Self> {
        let path = path.into();
        let asked = encoding.map(encoding::by_label).transpose()?;
        let failed = |error| Source::in_memory(path.clone(), b"").failed(error);
        let packed = read_head(&mut reader, 1 << 12).map_err(failed)?;
        let is_crawl = is_crawl_head(&packed, &path);
        let reader = Cursor::new(packed).chain(reader);
        if is_crawl {
            let pages =
                CrawlReader::new(Box::new(reader) as Box<dyn Read + Send + 'a>, Extract::Main).map_err(failed)?;
            let compression = pages.compression();
            let texts = Texts::Pages(Box::new(pages));
            return Ok(Self { texts, path, encoding: "its own encoding", compression, ended: false });
        }
        let (compression, mut plain) = decompressed(reader).map_err(failed)?;
        let head = read_head(&mut plain, HEAD).map_err(failed)?;
        let complete = head.len() < HEAD;
        let encoding = asked.or_else(|| encoding::of_mark(&head)).unwrap_or_else(|| {
            if encoding::is_utf8(&head, complete) {
                return encoding_rs::UTF_8;
            }
            let mut evidence = Evidence::new();
            evidence.feed(&head);
            evidence.decide()
        });
        let whole: Box<dyn Read + Send + 'a> = Box::new(Cursor::new(head).chain(plain));
        let reader = Box::new(Decoding::new(whole, encoding, Malformed::Replace));
        let texts = Texts::Lines { reader, line: Vec::new() };
        Ok(Self { texts, path, encoding: encoding.name(), compression, ended: false })
    }

    /// The name of the encoding; crawled pages each have their own.
    pub fn encoding(&self) -> &'static str {
        self.encoding
    }

    /// How the input is compressed.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// How many malformed sequences were replaced by U+FFFD so far.
    pub fn malformed(&self) -> u64 {
        match &self.texts {
            Texts::Lines { reader, .. } => reader.malformed(),
            Texts::Pages(pages) => pages.malformed(),
        }
    }

    /// What was left out so far: damaged records of a web archive, and those without a page.
    pub fn left_out(&self) -> Vec<Ignored> {
        match &self.texts {
            Texts::Lines { .. } => Vec::new(),
            Texts::Pages(pages) => {
                let left_out = pages.left_out().into_iter();
                left_out.map(|(what, count)| Ignored { what: what.to_owned(), count }).collect()
            }
        }
    }
}

impl Iterator for TextLines<'_> {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = match &mut self.texts {
            // Long lines should not keep their room for the rest of the input: the buffer goes to the caller.
            Texts::Lines { reader, line } => next_line(reader, line).map(|more| {
                let line = more.then(|| std::mem::take(line))?;
                Some(String::from_utf8(line).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
            }),
            Texts::Pages(pages) => pages.next_page().map(|page| page.map(|page| page.text)),
        };
        match next {
            Ok(Some(text)) => Some(Ok(text)),
            Ok(None) => {
                self.ended = true;
                None
            }
            Err(error) => {
                self.ended = true;
                Some(Err(self.explained(error)))
            }
        }
    }
}

impl TextLines<'_> {
    fn explained(&self, error: std::io::Error) -> Error {
        Source::in_memory(self.path.clone(), b"").failed(error)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(bytes: &[u8]) -> Vec<String> {
        TextLines::new(bytes).unwrap().collect::<Result<_>>().unwrap()
    }

    #[test]
    fn one_line_in_is_one_item_out() {
        assert_eq!(lines(b""), [""; 0]);
        assert_eq!(lines(b"\n\n"), ["", ""]);
        assert_eq!(lines("好\r\n\0\nlast".as_bytes()), ["好", "\0", "last"]);
        assert_eq!(lines(&zstd::encode_all(&b"a\nb"[..], 1).unwrap()), ["a", "b"]);
    }

    #[test]
    fn other_encodings_and_long_lines() {
        let text = "这部电影很好看，演员的表演非常出色\n剧情拖沓，浪费时间，不推荐给大家\n";
        let bytes = encoding_rs::GB18030.encode(text).0.into_owned();
        let reader = TextLines::new(&bytes[..]).unwrap();
        assert_eq!(reader.encoding(), "gb18030");
        assert_eq!(reader.map(Result::unwrap).collect::<Vec<_>>(), text.lines().collect::<Vec<_>>());
        let long = "x".repeat(10_000_000);
        assert_eq!(lines(format!("{long}\ny").as_bytes()), [long.as_str(), "y"]);
        let asked = TextLines::open(&b"caf\xe9"[..], "x", Some("latin1")).unwrap();
        assert_eq!(asked.map(Result::unwrap).collect::<Vec<_>>(), ["café"]);
    }

    #[test]
    fn a_cut_off_archive_ends_with_one_error() {
        let mut bytes = zstd::encode_all(&b"abc\n".repeat(100_000)[..], 1).unwrap();
        bytes.truncate(bytes.len() - 3);
        let results: Vec<_> = match TextLines::new(&bytes[..]) {
            Ok(lines) => lines.collect(),
            Err(error) => vec![Err(error)],
        };
        assert!(results.last().unwrap().is_err());
        assert_eq!(results.iter().filter(|result| result.is_err()).count(), 1);
    }

    proptest! {
        #[test]
        fn any_bytes_give_as_many_lines_as_they_have(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let reader = TextLines::open(&bytes[..], "x", Some("utf-8"));
            if Compression::of_magic(&bytes) == Compression::None {
                let expected = bytes.split_inclusive(|&b| b == b'\n').count();
                let mark_only = bytes == b"\xef\xbb\xbf";
                prop_assert_eq!(reader.unwrap().count(), if mark_only { 0 } else { expected });
            }
            if let Ok(guessed) = TextLines::new(&bytes[..]) {
                guessed.for_each(drop);
            }
        }
    }
}
