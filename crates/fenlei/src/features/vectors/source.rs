//! Opens a file of vectors, decompresses it, and recognises its format.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::{Announced, FETCH_AGAIN, MAX_DIM, Sink, VectorFormat, binary, not_utf8, text};
use crate::{Error, Result};

const BUFFER_SIZE: usize = 1 << 18;

/// Enough for a header and the first vector.
const PEEK_LEN: u64 = 1 << 16;

/// Reads the whole file, giving to `sink` what it wants; the format and the dimension found.
pub(super) fn read(path: &Path, sink: &mut dyn Sink) -> Result<(VectorFormat, usize)> {
    if path.is_dir() {
        return Err(Error::data(path, None, "this is a folder, expected a file", "give the file of vectors itself"));
    }
    let cannot_read = |error| cannot_read(path, error);
    let (mut reader, is_compressed) = decompressed(path).map_err(cannot_read)?;
    let mut peeked = Vec::new();
    reader.by_ref().take(PEEK_LEN).read_to_end(&mut peeked).map_err(cannot_read)?;
    if peeked.is_empty() {
        let what = if is_compressed { "the compressed file is empty inside" } else { "the file is empty" };
        return Err(Error::data(path, None, what, FETCH_AGAIN));
    }
    if peeked.starts_with(b"\xba\x16\x4f\x2f") {
        return Err(Error::data(path, None, "this is a fastText model (.bin)", "give its .vec file"));
    }
    if peeked.starts_with(b"\xff\xfe") || peeked.starts_with(b"\xfe\xff") {
        return Err(not_utf8(path, 1, "this is UTF-16, expected UTF-8"));
    }
    let Some((announced, header_len)) = announced(&peeked) else {
        let dim = text::read(path, &mut Cursor::new(peeked).chain(reader), None, sink)?;
        return Ok((VectorFormat::Text, dim));
    };
    check_dim(path, announced.dim)?;
    let is_binary = looks_binary(&peeked[header_len..], announced);
    let mut rest = Cursor::new(peeked).chain(reader);
    rest.consume(header_len);
    if is_binary {
        binary::read(path, &mut rest, announced, sink)?;
        return Ok((VectorFormat::Binary, announced.dim));
    }
    text::read(path, &mut rest, Some(announced), sink).map(|dim| (VectorFormat::TextWithHeader, dim))
}

/// Errors of the decompressors are about the file's content, others about the system.
pub(super) fn cannot_read(path: &Path, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::InvalidData
        | io::ErrorKind::InvalidInput
        | io::ErrorKind::Other => {
            let problem = format!("the compressed data are truncated or damaged ({error})");
            Error::data(path, None, problem, FETCH_AGAIN)
        }
        _ => Error::io("read", path, error),
    }
}

pub(super) fn check_dim(path: &Path, dim: usize) -> Result<()> {
    if (1..=MAX_DIM).contains(&dim) {
        return Ok(());
    }
    Err(Error::data(
        path,
        Some(1),
        format!("vectors of {dim} numbers, expected 1 to {MAX_DIM}"),
        "this is no file of word vectors: give GloVe, word2vec or fastText .vec vectors",
    ))
}

fn decompressed(path: &Path) -> io::Result<(Box<dyn BufRead>, bool)> {
    let mut file = BufReader::with_capacity(BUFFER_SIZE, File::open(path)?);
    let magic = file.fill_buf()?;
    if magic.starts_with(b"\x1f\x8b") {
        return Ok((Box::new(BufReader::with_capacity(BUFFER_SIZE, MultiGzDecoder::new(file))), true));
    }
    if magic.starts_with(b"\x28\xb5\x2f\xfd") {
        let decoder = zstd::stream::read::Decoder::with_buffer(file)?;
        return Ok((Box::new(BufReader::with_capacity(BUFFER_SIZE, decoder)), true));
    }
    Ok((Box::new(file), false))
}

/// The header line, exactly two whole numbers, and its length with the line end. A vector of one number whose word is
/// a number looks the same; vectors of one number are not of this world.
fn announced(start: &[u8]) -> Option<(Announced, usize)> {
    let end = start.iter().position(|&byte| byte == b'\n')?;
    let line = str::from_utf8(&start[..end]).ok()?;
    let mut fields = line.trim_start_matches('\u{feff}').split_ascii_whitespace();
    let (n_vectors, dim) = (fields.next()?, fields.next()?);
    let announced = Announced { n_vectors: n_vectors.parse().ok()?, dim: dim.parse().ok()? };
    fields.next().is_none().then_some((announced, end + 1))
}

/// Whether raw numbers follow the header, rather than decimals. `start` is the file behind the header, or its first
/// part.
fn looks_binary(start: &[u8], announced: Announced) -> bool {
    let line = start.split(|&byte| byte == b'\n').next().unwrap_or_default();
    if text::is_vector(line, announced.dim) {
        return false;
    }
    // Damaged text is left to the reader of text, which says what is wrong with it.
    let is_control = |byte: &u8| byte.is_ascii_control() && !byte.is_ascii_whitespace();
    let is_utf8 = str::from_utf8(start).map_or_else(|error| error.error_len().is_none(), |_| true);
    start.iter().any(is_control) || !is_utf8 || divides_into_raw_vectors(start, announced)
}

/// Whether the bytes are exactly the announced number of words with raw numbers, for a few numbers may happen to look
/// like text.
fn divides_into_raw_vectors(mut rest: &[u8], announced: Announced) -> bool {
    for _ in 0..announced.n_vectors {
        let Some(space) = rest.iter().position(|&byte| byte == b' ') else { return false };
        let Some(next) = rest.get(space + 1 + announced.dim.saturating_mul(4)..) else { return false };
        rest = next;
    }
    rest.trim_ascii().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_two_whole_numbers_are_a_header() {
        let header =
            |start: &str| announced(start.as_bytes()).map(|(announced, len)| (announced.n_vectors, announced.dim, len));
        assert_eq!(header("400000 300\nthe 0.1"), Some((400_000, 300, 11)));
        assert_eq!(header("\u{feff}2 3\r\n"), Some((2, 3, 8)));
        for no_header in ["the 0.1\n", "1 2 3\n", "1 0.5\n", "1\n", "\n", "2 3", "-1 3\n"] {
            assert_eq!(header(no_header), None, "{no_header}");
        }
    }

    #[test]
    fn raw_numbers_are_told_from_decimals() {
        let looks_binary = |n_vectors, start: &[u8]| looks_binary(start, Announced { n_vectors, dim: 3 });
        let raw = |vector: [f32; 3]| vector.map(f32::to_le_bytes).concat();
        assert!(looks_binary(9, &[b"the ", &raw([0.25, -1.5, 3.0])[..]].concat()));
        assert!(looks_binary(9, &[b"\xff\xfe ", &raw([0.25, -1.5, 3.0])[..]].concat()));
        // The first number begins with the byte of a line end; all bytes of these numbers are letters.
        assert!(looks_binary(9, b"the \n\0\0\x40\0\0\0\0\0\0\0\0of "));
        assert!(looks_binary(2, b"the aaaabbbbccccof \nxyzabcdABCD\n"));
        for text in [
            "the 0.25 -1.5 3\nof 1 2 3\n",
            "\u{7684} 0.25 -1.5 3\n\u{0}",
            "of the 电影 1 2 3\n",
            "damaged 1 2\nof 1 2 3\n",
            "",
        ] {
            assert!(!looks_binary(2, text.as_bytes()), "{text}");
        }
        // Text whose last character is cut by the end of the part that was looked at.
        assert!(!looks_binary(2, &"damaged 1 电".as_bytes()[..11]));
    }
}
