//! The body of an HTTP response as the page it is: chunks joined, compression undone, within bounds.
//!
//! Archives disagree on whether a body is kept as it was sent or already unpacked with the old fields left in place, so
//! a field is believed only if the bytes look like it.

use std::borrow::Cow;
use std::io::Read;

use super::fields::Fields;
use super::records::LONGEST_BLOCK;

/// A body that cannot be unpacked, or becomes longer than a record may be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

/// Undoes `Transfer-Encoding` and `Content-Encoding`.
pub(super) fn unpack<'b>(fields: &Fields, body: &'b [u8]) -> Result<Cow<'b, [u8]>, Unreadable> {
    let says = |name: &str, word: &str| {
        let value = fields.get(name).unwrap_or_default();
        value.split(',').any(|part| part.trim().eq_ignore_ascii_case(word))
    };
    let chunked = says("transfer-encoding", "chunked");
    let body = match chunked.then(|| join_chunks(body)).flatten() {
        Some(joined) => Cow::Owned(joined),
        None => Cow::Borrowed(body),
    };
    let encoding = fields.get("content-encoding").unwrap_or_default().trim().to_ascii_lowercase();
    match (encoding.as_str(), &body[..]) {
        ("gzip" | "x-gzip", [0x1f, 0x8b, ..]) => bounded(flate2::read::MultiGzDecoder::new(&body[..])),
        // Servers send bare deflate as well as the zlib format that the standard means (RFC 9110, 8.4.1.2).
        ("deflate", [first, second, ..]) if is_zlib(*first, *second) => {
            bounded(flate2::read::ZlibDecoder::new(&body[..]))
        }
        ("deflate", [_, ..]) => bounded(flate2::read::DeflateDecoder::new(&body[..])).or(Ok(body)),
        ("zstd", [0x28, 0xb5, 0x2f, 0xfd, ..]) => {
            bounded(zstd::stream::read::Decoder::with_buffer(&body[..]).map_err(|_| Unreadable)?)
        }
        // Brotli has no magic bytes: what cannot be unpacked may be unpacked already.
        ("br", [_, ..]) => match bounded(brotli_decompressor::Decompressor::new(&body[..], 1 << 14)) {
            Err(Unreadable) if std::str::from_utf8(&body).is_err() => Err(Unreadable),
            Err(Unreadable) => Ok(body),
            unpacked => unpacked,
        },
        _ => Ok(body),
    }
}

fn is_zlib(first: u8, second: u8) -> bool {
    first & 0x0f == 8 && (u16::from(first) << 8 | u16::from(second)) % 31 == 0
}

fn bounded(reader: impl Read) -> Result<Cow<'static, [u8]>, Unreadable> {
    let mut bytes = Vec::new();
    reader.take(LONGEST_BLOCK + 1).read_to_end(&mut bytes).map_err(|_| Unreadable)?;
    if bytes.len() as u64 > LONGEST_BLOCK { Err(Unreadable) } else { Ok(Cow::Owned(bytes)) }
}

/// The chunks behind one another (RFC 9112, 7.1), or `None` if these are no chunks. Of a body that was cut off, what
/// is there.
fn join_chunks(body: &[u8]) -> Option<Vec<u8>> {
    let mut joined = Vec::new();
    let mut rest = body;
    loop {
        let end = memchr::memchr(b'\n', &rest[..rest.len().min(256)]);
        let size = end.and_then(|end| chunk_size(&rest[..end]));
        let (Some(end), Some(size)) = (end, size) else {
            // Cut off between two chunks is fine; no chunk at all means that the body is joined already.
            return (!joined.is_empty() && rest.is_empty()).then_some(joined);
        };
        rest = &rest[end + 1..];
        if size == 0 {
            return Some(joined);
        }
        let n = size.min(rest.len());
        joined.extend_from_slice(&rest[..n]);
        rest = &rest[n..];
        if n < size {
            return Some(joined);
        }
        rest = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")).unwrap_or(rest);
    }
}

fn chunk_size(line: &[u8]) -> Option<usize> {
    let line = std::str::from_utf8(line).ok()?;
    let digits = line.split(';').next()?.trim();
    (digits.len() <= 8).then(|| usize::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn unpacked(head: &str, body: &[u8]) -> Result<Vec<u8>, Unreadable> {
        unpack(&Fields::parse(head.as_bytes()), body).map(Cow::into_owned)
    }

    #[test]
    fn chunks_are_joined_and_bodies_that_only_claim_chunks_are_left() {
        let chunked = "Transfer-Encoding: chunked";
        assert_eq!(unpacked(chunked, b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").unwrap(), b"abcde");
        assert_eq!(unpacked(chunked, b"3\r\nabc\r\n9\r\nde").unwrap(), b"abcde");
        assert_eq!(unpacked(chunked, b"<html>joined before").unwrap(), b"<html>joined before");
        assert_eq!(unpacked(chunked, b"ffffffffff\r\n").unwrap(), b"ffffffffff\r\n");
        assert_eq!(unpacked("", b"3\r\nabc\r\n").unwrap(), b"3\r\nabc\r\n");
    }

    #[test]
    fn every_compression_is_undone_and_one_that_is_undone_already_is_left() {
        let text = "好 film. ".repeat(100).into_bytes();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&text).unwrap();
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        zlib.write_all(&text).unwrap();
        let mut bare = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        bare.write_all(&text).unwrap();
        let zstd = zstd::encode_all(&text[..], 1).unwrap();
        for (name, packed) in [
            ("gzip", gzip.finish().unwrap()),
            ("deflate", zlib.finish().unwrap()),
            ("deflate", bare.finish().unwrap()),
            ("zstd", zstd),
        ] {
            let head = format!("Content-Encoding: {name}");
            assert_eq!(unpacked(&head, &packed).unwrap(), text, "{name}");
            assert_eq!(unpacked(&head, &text).unwrap(), text, "{name}");
        }
        // "hello hello hello hello\n" as the Python package brotli packs it.
        assert_eq!(unpacked("Content-Encoding: br", BROTLI).unwrap(), b"hello hello hello hello\n");
        assert_eq!(unpacked("Content-Encoding: br", &text).unwrap(), text);
    }

    const BROTLI: &[u8] = &[
        0x1b, 0x17, 0x00, 0xf8, 0x8d, 0x94, 0x6e, 0xde, 0x44, 0x55, 0x86, 0xd6, 0x0a, 0x20, 0x6c, 0x6f, 0x4a, 0x11,
        0x79, 0xe2, 0x80, 0xae, 0x16,
    ];

    #[test]
    fn a_page_that_unpacks_beyond_the_limit_is_refused() {
        let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        for _ in 0..40 {
            bomb.write_all(&vec![b' '; 1 << 20]).unwrap();
        }
        assert_eq!(unpacked("Content-Encoding: gzip", &bomb.finish().unwrap()), Err(Unreadable));
        assert_eq!(unpacked("Content-Encoding: gzip", b"\x1f\x8b\x08\0\0broken"), Err(Unreadable));
    }
}
