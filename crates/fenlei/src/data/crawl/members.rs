//! Packed bytes to plain bytes, one member after the other, past damage.
//!
//! In a web archive each record is a gzip member (or a Zstandard frame) of its own, so a damaged one need not end the
//! reading: the next begins where its magic bytes stand. The packed bytes of the current member are kept, since a
//! decoder that has lost its way may run far into the members behind it before it notices.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;
use memchr::memmem;

use super::super::Compression;

/// How members begin. The third byte of gzip is the method, of which there is only one.
const GZIP: &[u8] = &[0x1f, 0x8b, 8];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

const CHUNK: usize = 1 << 16;
const RAW_CHUNK: usize = 1 << 18;
/// How many packed bytes of a member are kept to be searched again.
const RETAINED: usize = 1 << 22;
/// Reading again what a failed decoder ran over may cost this much, and twice what has been read. Then reading goes on
/// from where the decoder failed, so that the work stays linear whatever the bytes are.
const SEARCHED_AGAIN: u64 = 1 << 26;
/// A member that has given so many bytes, and so many for each packed one, is no text: it is left.
const BOMB_BYTES: u64 = 1 << 26;
const BOMB_RATIO: u64 = 250;

/// What came of asking for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filled {
    /// Plain bytes.
    More,
    /// A member has ended and its checksum is right.
    MemberEnd,
    /// The member is damaged, or there was something that is none. What comes next is the start of another one.
    Break,
    /// There is nothing more.
    End,
}

/// The plain bytes of packed members, or of bytes that are not packed.
pub(super) struct Members<R: Read> {
    /// `None` only while a method runs.
    state: Option<State<R>>,
    compression: Compression,
    /// Plain bytes that the current member has given.
    given: u64,
    searched_again: u64,
}

/// By the first bytes, or, if these are damaged, by the first sign of a member or a record.
fn compression_of(head: &[u8]) -> Compression {
    let signs: [(Compression, &[u8]); 3] =
        [(Compression::Gzip, GZIP), (Compression::Zstd, ZSTD), (Compression::None, b"WARC/1.")];
    let found = signs.into_iter().filter_map(|(compression, sign)| Some((memmem::find(head, sign)?, compression)));
    found.min_by_key(|(place, _)| *place).map_or(Compression::None, |(_, compression)| compression)
}

enum State<R: Read> {
    Between(Raw<R>),
    Gzip(Box<GzDecoder<Raw<R>>>),
    Zstd(Box<zstd::stream::read::Decoder<'static, Raw<R>>>),
}

impl<R: Read> Members<R> {
    pub(super) fn new(reader: R) -> io::Result<Self> {
        let mut raw = Raw { inner: reader, bytes: Vec::new(), start: 0, at: 0, ended: false, failure: None, total: 0 };
        while raw.bytes.len() < 5 && raw.read_more()? {}
        let is_clear = Compression::of_magic(&raw.bytes) != Compression::None || raw.bytes.starts_with(b"WARC/");
        while !is_clear && raw.bytes.len() < RAW_CHUNK && raw.read_more()? {}
        let compression = compression_of(&raw.bytes);
        Ok(Self { state: Some(State::Between(raw)), compression, given: 0, searched_again: 0 })
    }

    pub(super) fn compression(&self) -> Compression {
        self.compression
    }

    /// How many packed bytes have been read.
    pub(super) fn bytes_read(&self) -> u64 {
        match &self.state {
            Some(State::Between(raw)) => raw.total,
            Some(State::Gzip(decoder)) => decoder.get_ref().total,
            Some(State::Zstd(decoder)) => decoder.get_ref().total,
            None => 0,
        }
    }

    /// Appends plain bytes to `out`. Errors are those of the reader; damage is a [`Filled::Break`].
    pub(super) fn fill(&mut self, out: &mut Vec<u8>) -> io::Result<Filled> {
        match self.state.take() {
            None => Ok(Filled::End),
            Some(State::Between(raw)) => self.begin(raw, out),
            Some(State::Gzip(mut decoder)) => match self.read(&mut *decoder, out) {
                Ok(0) => Ok(self.end(decoder.into_inner())),
                Ok(_) if self.is_bomb(decoder.get_ref()) => self.leave(decoder.into_inner()),
                Ok(_) => {
                    self.state = Some(State::Gzip(decoder));
                    Ok(Filled::More)
                }
                Err(_) => self.leave(decoder.into_inner()),
            },
            Some(State::Zstd(mut decoder)) => match self.read(&mut *decoder, out) {
                Ok(0) => {
                    let mut raw = decoder.finish();
                    if raw.ran_over(ZSTD)? { self.leave(raw) } else { Ok(self.end(raw)) }
                }
                Ok(_) if self.is_bomb(decoder.get_ref()) => self.leave(decoder.finish()),
                Ok(_) => {
                    self.state = Some(State::Zstd(decoder));
                    Ok(Filled::More)
                }
                Err(_) => self.leave(decoder.finish()),
            },
        }
    }

    /// Between two members: begins the next one.
    fn begin(&mut self, mut raw: Raw<R>, out: &mut Vec<u8>) -> io::Result<Filled> {
        raw.start = raw.at;
        if self.compression == Compression::None {
            let chunk = raw.fill_buf()?;
            let n = chunk.len();
            out.extend_from_slice(chunk);
            raw.consume(n);
            self.state = Some(State::Between(raw));
            return Ok(if n == 0 { Filled::End } else { Filled::More });
        }
        // Zeros behind a member are padding.
        while raw.fill_buf()?.first() == Some(&0) {
            raw.consume(1);
        }
        raw.start = raw.at;
        while raw.bytes.len() - raw.at < 4 && raw.read_more()? {}
        let rest = &raw.bytes[raw.at..];
        if rest.is_empty() {
            self.state = Some(State::Between(raw));
            return Ok(Filled::End);
        }
        if !rest.starts_with(self.magic()) {
            let from = raw.at + 1;
            raw.seek_magic(from, self.magic())?;
            self.state = Some(State::Between(raw));
            return Ok(Filled::Break);
        }
        self.given = 0;
        self.state = Some(match self.compression {
            Compression::Zstd => {
                let decoder = zstd::stream::read::Decoder::with_buffer(raw)?;
                State::Zstd(Box::new(decoder.single_frame()))
            }
            _ => State::Gzip(Box::new(GzDecoder::new(raw))),
        });
        self.fill(out)
    }

    fn read(&mut self, decoder: &mut impl Read, out: &mut Vec<u8>) -> io::Result<usize> {
        let before = out.len();
        out.resize(before + CHUNK, 0);
        let result = decoder.read(&mut out[before..]);
        let n = *result.as_ref().unwrap_or(&0);
        out.truncate(before + n);
        self.given += n as u64;
        result
    }

    fn is_bomb(&self, raw: &Raw<R>) -> bool {
        self.given > BOMB_BYTES && self.given / BOMB_RATIO > raw.member_bytes()
    }

    fn end(&mut self, raw: Raw<R>) -> Filled {
        self.state = Some(State::Between(raw));
        Filled::MemberEnd
    }

    /// Goes to the next member behind a damaged one.
    fn leave(&mut self, mut raw: Raw<R>) -> io::Result<Filled> {
        if let Some(failure) = raw.failure.take() {
            return Err(failure);
        }
        let again = (raw.at - raw.start) as u64;
        let affordable = self.searched_again + again <= SEARCHED_AGAIN + 2 * raw.total;
        let from = if affordable { raw.start + 1 } else { raw.at.max(raw.start + 1) };
        self.searched_again += again;
        raw.seek_magic(from, self.magic())?;
        self.state = Some(State::Between(raw));
        Ok(Filled::Break)
    }

    fn magic(&self) -> &'static [u8] {
        match self.compression {
            Compression::Zstd => ZSTD,
            _ => GZIP,
        }
    }
}

/// Packed bytes, with those of the current member kept.
struct Raw<R> {
    inner: R,
    bytes: Vec<u8>,
    /// Where the current member starts (or what is kept of it).
    start: usize,
    /// Where the unread bytes start.
    at: usize,
    ended: bool,
    /// An error of the reader, which a decoder may disguise.
    failure: Option<io::Error>,
    total: u64,
}

impl<R: Read> Raw<R> {
    /// Whether there was more.
    fn read_more(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        if self.at - self.start > RETAINED {
            self.start = self.at - RETAINED / 2;
        }
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.at -= self.start;
            self.start = 0;
        }
        let before = self.bytes.len();
        self.bytes.resize(before + RAW_CHUNK, 0);
        let result = loop {
            match self.inner.read(&mut self.bytes[before..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        let n = *result.as_ref().unwrap_or(&0);
        self.bytes.truncate(before + n);
        self.total += n as u64;
        self.ended = n == 0;
        match result {
            Ok(n) => Ok(n > 0),
            Err(error) => {
                let copy = io::Error::new(error.kind(), error.to_string());
                self.failure = Some(error);
                Err(copy)
            }
        }
    }

    /// Whether the current member holds the beginning of another one, and what comes behind it is none: a frame without
    /// a checksum whose lengths are damaged takes the next ones for its own bytes.
    fn ran_over(&mut self, magic: &[u8]) -> io::Result<bool> {
        while self.bytes.len() - self.at < magic.len() && self.read_more()? {}
        let behind = &self.bytes[self.at..];
        if behind.starts_with(magic) || behind.first() == Some(&0) {
            return Ok(false);
        }
        let behind_first = (self.start + 1).min(self.at);
        Ok(memmem::find(&self.bytes[behind_first..self.at], magic).is_some())
    }

    fn member_bytes(&self) -> u64 {
        (self.at - self.start) as u64
    }

    /// Moves to the first place from `from` on where the magic bytes stand, or to the end.
    fn seek_magic(&mut self, from: usize, magic: &[u8]) -> io::Result<()> {
        self.at = from.min(self.bytes.len());
        loop {
            if let Some(found) = memmem::find(&self.bytes[self.at..], magic) {
                self.at += found;
                self.start = self.at;
                return Ok(());
            }
            // The first bytes of the magic may stand at the end.
            self.at = self.bytes.len().saturating_sub(magic.len() - 1).max(self.at);
            self.start = self.at;
            if !self.read_more()? {
                self.at = self.bytes.len();
                self.start = self.at;
                return Ok(());
            }
        }
    }
}

impl<R: Read> Read for Raw<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let n = available.len().min(out.len());
        out[..n].copy_from_slice(&available[..n]);
        self.consume(n);
        Ok(n)
    }
}

impl<R: Read> BufRead for Raw<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.bytes.len() {
            self.read_more()?;
        }
        Ok(&self.bytes[self.at..])
    }

    fn consume(&mut self, n: usize) {
        self.at = (self.at + n).min(self.bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// The whole members and how many breaks there were.
    fn whole(bytes: &[u8]) -> (Vec<Vec<u8>>, usize) {
        let mut members = Members::new(bytes).unwrap();
        let (mut found, mut breaks, mut out) = (Vec::new(), 0, Vec::new());
        loop {
            match members.fill(&mut out).unwrap() {
                Filled::More => {}
                Filled::MemberEnd => found.push(std::mem::take(&mut out)),
                Filled::Break => {
                    breaks += 1;
                    out.clear();
                }
                Filled::End => return (found, breaks),
            }
        }
    }

    fn numbered(i: usize) -> Vec<u8> {
        (0..60 + i).flat_map(|j| format!("{} ", (i + 1) * j * 7919 % 1000).into_bytes()).collect()
    }

    #[test]
    fn every_member_but_the_damaged_one_is_given_wherever_the_damage_is() {
        for packed in [gzip, |bytes: &[u8]| {
            let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
            encoder.include_checksum(true).unwrap();
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }] {
            let members: Vec<Vec<u8>> = (0..5).map(|i| packed(&numbered(i))).collect();
            let start = members[..2].concat().len();
            for at in start..start + members[2].len() {
                let mut bytes = members.concat();
                bytes[at] ^= 0x55;
                let (found, _) = whole(&bytes);
                for i in [0, 1, 3, 4] {
                    assert!(found.contains(&numbered(i)), "member {i} is lost with byte {} damaged", at - start);
                }
            }
        }
    }

    #[test]
    fn padding_is_no_damage_and_rubbish_is() {
        let one = gzip(b"one");
        assert_eq!(whole(&[&one[..], &[0; 300], &one].concat()), (vec![b"one".to_vec(); 2], 0));
        assert_eq!(whole(&[&one[..], b"rubbish", &one].concat()), (vec![b"one".to_vec(); 2], 1));
        assert_eq!(whole(&one[..one.len() - 2]), (vec![], 1));
        assert_eq!(whole(b""), (vec![], 0));
    }

    #[test]
    fn a_bomb_is_left_and_the_next_member_is_found() {
        let bomb = gzip(&vec![0; 100 << 20]);
        let mut members = Members::new(io::Cursor::new([bomb, gzip(b"next")].concat())).unwrap();
        let (mut out, mut given) = (Vec::new(), 0);
        loop {
            let filled = members.fill(&mut out).unwrap();
            given += out.len();
            match filled {
                Filled::More => out.clear(),
                Filled::Break => break,
                other => panic!("{other:?} after {given} bytes"),
            }
        }
        assert!(given < 70 << 20, "{given}");
        out.clear();
        assert_eq!(members.fill(&mut out).unwrap(), Filled::More);
        assert_eq!(out, b"next");
    }

    #[test]
    fn an_error_of_the_reader_is_an_error_and_no_damage() {
        struct Failing(usize);
        impl Read for Failing {
            fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
                self.0 += 1;
                let packed = gzip(&numbered(9));
                match self.0 {
                    1 => {
                        out[..50].copy_from_slice(&packed[..50]);
                        Ok(50)
                    }
                    _ => Err(io::Error::new(io::ErrorKind::PermissionDenied, "no")),
                }
            }
        }
        let mut members = Members::new(Failing(0)).unwrap();
        let error = loop {
            match members.fill(&mut Vec::new()) {
                Ok(Filled::More) => {}
                other => break other.unwrap_err(),
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn hostile_bytes_are_read_in_linear_time() {
        let begun = std::time::Instant::now();
        // Each piece begins a member with a stored block that runs over thousands of the pieces behind it.
        let piece = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\0\xff\xff\0\0";
        let (found, breaks) = whole(&piece.repeat(400_000));
        assert!(found.is_empty() && breaks > 0);
        assert!(begun.elapsed().as_secs() < 20, "took {:?}", begun.elapsed());
    }
}
