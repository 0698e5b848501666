//! One file, on disk or in memory, that can be opened more than once.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use super::Compression;
use super::compression::{decompressed, read_head};
use crate::{Error, Result};

/// Where bytes come from.
pub(crate) struct Source<'a> {
    /// The file on disk, or the name of the bytes for messages.
    pub(crate) path: PathBuf,
    /// The bytes, if they are in memory.
    pub(crate) bytes: Option<&'a [u8]>,
}

impl<'a> Source<'a> {
    pub(crate) fn on_disk(path: &Path) -> Self {
        Self { path: path.to_owned(), bytes: None }
    }

    pub(crate) fn in_memory(path: impl Into<PathBuf>, bytes: &'a [u8]) -> Self {
        Self { path: path.into(), bytes: Some(bytes) }
    }

    /// The decompressed bytes from the start.
    pub(crate) fn open(&self) -> Result<(Compression, Box<dyn Read + Send + 'a>)> {
        let opened = match self.bytes {
            Some(bytes) => decompressed(bytes),
            None => {
                let file = File::open(&self.path).map_err(|error| Error::io("read", &self.path, error))?;
                decompressed(BufReader::with_capacity(1 << 18, file))
            }
        };
        opened.map_err(|error| self.failed(error))
    }

    /// The bytes as they are, from the start.
    pub(crate) fn open_packed(&self) -> Result<Box<dyn Read + Send + 'a>> {
        Ok(match self.bytes {
            Some(bytes) => Box::new(bytes),
            None => Box::new(File::open(&self.path).map_err(|error| Error::io("read", &self.path, error))?),
        })
    }

    /// Up to `n` decompressed bytes from the start, and whether that is all.
    pub(crate) fn head(&self, n: usize) -> Result<(Compression, Vec<u8>, bool)> {
        let (compression, mut reader) = self.open()?;
        let mut head = read_head(&mut reader, n + 1).map_err(|error| self.failed(error))?;
        let complete = head.len() <= n;
        head.truncate(n);
        Ok((compression, head, complete))
    }

    /// What a failed read means to the user: damage, if the bytes themselves were refused.
    pub(crate) fn failed(&self, error: std::io::Error) -> Error {
        use std::io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
        match error.kind() {
            InvalidData | InvalidInput | UnexpectedEof | Other => Error::data(
                &self.path,
                None,
                format!("the file is damaged or cut off: {error}"),
                "copy or fetch it again; `gzip -t`, `zstd -t` and `tar -t` check compressed files",
            ),
            _ => Error::io("read", &self.path, error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_says_whether_it_is_all() {
        let source = Source::in_memory("x", b"abcd");
        assert_eq!(source.head(4).unwrap().1, b"abcd");
        assert!(source.head(4).unwrap().2);
        assert!(!source.head(3).unwrap().2);
    }

    #[test]
    fn a_cut_off_gzip_file_is_a_data_error() {
        let source = Source::in_memory("x.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\x03abc");
        let error = source.head(10).unwrap_err();
        assert!(matches!(error, Error::Data { .. }), "{error}");
    }
}
