//! Transparent gzip and zstd, known by their magic bytes, never by the name of a file.

use std::fmt;
use std::io::{self, BufReader, Cursor, Read};

use serde::Serialize;

/// How bytes were compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// RFC 1952, also several members one after the other.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "not compressed",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

impl Compression {
    /// By the first bytes of a file.
    pub(crate) fn of_magic(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, 8, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// Reads until `n` bytes are there or the input ends.
pub(crate) fn read_head(reader: &mut impl Read, n: usize) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    reader.by_ref().take(n as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// The decompressed bytes of any reader.
pub(crate) fn decompressed<'a>(
    mut reader: impl Read + Send + 'a,
) -> io::Result<(Compression, Box<dyn Read + Send + 'a>)> {
    let head = read_head(&mut reader, 4)?;
    let compression = Compression::of_magic(&head);
    let whole = Cursor::new(head).chain(reader);
    Ok(match compression {
        Compression::None => (compression, Box::new(whole)),
        Compression::Gzip => {
            let buffered = BufReader::with_capacity(1 << 18, whole);
            (compression, Box::new(flate2::bufread::MultiGzDecoder::new(buffered)))
        }
        Compression::Zstd => {
            let buffered = BufReader::with_capacity(1 << 18, whole);
            (compression, Box::new(zstd::stream::read::Decoder::with_buffer(buffered)?))
        }
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn unpacked(bytes: &[u8]) -> (Compression, Vec<u8>) {
        let (compression, mut reader) = decompressed(bytes).unwrap();
        let mut out = Vec::new();
        reader.read_to_end(&mut out).unwrap();
        (compression, out)
    }

    #[test]
    fn plain_gzip_and_zstd_give_the_same_bytes() {
        let text = "好 film\n".repeat(5000).into_bytes();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&text).unwrap();
        let gzip = gzip.finish().unwrap();
        assert_eq!(unpacked(&text), (Compression::None, text.clone()));
        assert_eq!(unpacked(&gzip), (Compression::Gzip, text.clone()));
        assert_eq!(unpacked(&[gzip.clone(), gzip].concat()).1, [text.clone(), text.clone()].concat());
        assert_eq!(unpacked(&zstd::encode_all(&text[..], 1).unwrap()), (Compression::Zstd, text));
        assert_eq!(unpacked(b""), (Compression::None, vec![]));
        assert_eq!(unpacked(b"\x1f"), (Compression::None, b"\x1f".to_vec()));
    }
}
