//! A text file that is decoded as it is read.
//!
//! The encoding is decided on the whole file without reading it twice in the usual case: text is taken for UTF-8
//! until the first sequence that is not; only then the file is examined from end to end and read again.

use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};

use encoding_rs::{Encoding, UTF_8};

use crate::data::decode::{Decoding, Malformed, decode_bytes, next_line};
use crate::data::encoding;
pub(super) use crate::data::encoding::name as encoding_name;
use crate::data::source::Source;
use crate::data::{Compression, Findings, ReadOptions};
use crate::{Error, Result};

/// How much of a file the guesses are made on.
const SAMPLE: usize = 1 << 18;

/// A text file whose encoding is known or being found out.
pub(super) struct TextFile<'s, 'a> {
    source: &'s Source<'a>,
    compression: Compression,
    encoding: &'static Encoding,
    /// Whether the encoding is sure: asked for, marked, or found on the whole file.
    decided: bool,
    sample: String,
    sample_is_all: bool,
    malformed: AtomicU64,
}

/// What a parser reads from.
pub(super) type TextReader<'a> = Decoding<Box<dyn Read + Send + 'a>>;

impl<'s, 'a> TextFile<'s, 'a> {
    pub(super) fn open(source: &'s Source<'a>, options: &ReadOptions) -> Result<Self> {
        let (compression, head, complete) = source.head(SAMPLE)?;
        let first = &head[..head.len().min(encoding::HEAD)];
        let (encoding, decided) = match &options.encoding {
            Some(label) => (encoding::by_label(label)?, true),
            None => match encoding::of_mark(first) {
                Some(encoding) => (encoding, true),
                None if encoding::is_utf8(&head, complete) => (UTF_8, false),
                None => (examined(source)?, true),
            },
        };
        let (sample, _) = decode_bytes(head, encoding);
        let malformed = AtomicU64::new(0);
        Ok(Self { source, compression, encoding, decided, sample, sample_is_all: complete, malformed })
    }

    /// The decoded beginning of the file.
    pub(super) fn sample(&self) -> &str {
        &self.sample
    }

    /// Whether the sample is the whole file.
    pub(super) fn sample_is_all(&self) -> bool {
        self.sample_is_all
    }

    /// The whole first line that is not blank, however long.
    pub(super) fn first_line(&self) -> Result<Option<String>> {
        let mut reader = Decoding::new(self.source.open()?.1, self.encoding, Malformed::Replace);
        let mut line = Vec::new();
        while next_line(&mut reader, &mut line).map_err(|error| self.failed(error))? {
            if !line.iter().all(u8::is_ascii_whitespace) {
                return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
            }
        }
        Ok(None)
    }

    pub(super) fn path(&self) -> &std::path::Path {
        &self.source.path
    }

    /// What a failed read means.
    pub(super) fn failed(&self, error: std::io::Error) -> Error {
        self.source.failed(error)
    }

    /// Runs `parse` over the decoded text. It may be run twice, if the first run meets bytes that are not UTF-8, and
    /// must start afresh each time.
    pub(super) fn parse<T>(&mut self, mut parse: impl FnMut(&Self, &mut TextReader<'a>) -> Result<T>) -> Result<T> {
        loop {
            let policy = if self.decided { Malformed::Replace } else { Malformed::Fail };
            let mut reader = Decoding::new(self.source.open()?.1, self.encoding, policy);
            let result = parse(self, &mut reader);
            if reader.failed() {
                self.encoding = examined(self.source)?;
                self.decided = true;
                continue;
            }
            self.malformed.store(reader.malformed(), Ordering::Relaxed);
            return result;
        }
    }

    /// Notes the encoding, the compression and what was replaced.
    pub(super) fn note(&self, findings: &mut Findings) {
        findings.note_encoding(encoding_name(self.encoding), 1);
        findings.compression = self.compression;
        findings.malformed += self.malformed.load(Ordering::Relaxed);
    }
}

fn examined(source: &Source<'_>) -> Result<&'static Encoding> {
    encoding::of_reader(source.open()?.1).map_err(|error| source.failed(error))
}
