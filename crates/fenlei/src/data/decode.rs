//! Bytes in some encoding → UTF-8, in constant memory, with every replaced sequence counted.

use std::io::{self, BufRead, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8};

const CHUNK: usize = 1 << 16;
const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();

/// What to do with bytes that the encoding does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// Stop with an error: the encoding was a guess that has now failed.
    Fail,
    /// Put U+FFFD in their place and count.
    Replace,
}

/// A reader whose bytes are valid UTF-8 (until it fails).
pub(crate) struct Decoding<R> {
    inner: R,
    decoder: Decoder,
    policy: Malformed,
    input: Box<[u8]>,
    /// The undecoded part of `input`.
    pending: std::ops::Range<usize>,
    input_ended: bool,
    finished: bool,
    output: Vec<u8>,
    /// Where the unread part of `output` starts.
    start: usize,
    malformed: u64,
    failed: bool,
}

impl<R: Read> Decoding<R> {
    /// A mark of `encoding` at the start is removed.
    pub(crate) fn new(inner: R, encoding: &'static Encoding, policy: Malformed) -> Self {
        Self {
            inner,
            decoder: encoding.new_decoder_with_bom_removal(),
            policy,
            input: vec![0; CHUNK].into_boxed_slice(),
            pending: 0..0,
            input_ended: false,
            finished: false,
            output: Vec::new(),
            start: 0,
            malformed: 0,
            failed: false,
        }
    }

    /// How many malformed sequences were replaced so far.
    pub(crate) fn malformed(&self) -> u64 {
        self.malformed
    }

    /// Whether reading stopped because the bytes are not in the encoding.
    pub(crate) fn failed(&self) -> bool {
        self.failed
    }

    fn refill(&mut self) -> io::Result<()> {
        self.start = 0;
        self.output.clear();
        while self.output.is_empty() && !self.finished {
            if self.pending.is_empty() && !self.input_ended {
                let n = loop {
                    match self.inner.read(&mut self.input) {
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        result => break result?,
                    }
                };
                self.pending = 0..n;
                self.input_ended = n == 0;
            }
            self.decode()?;
        }
        Ok(())
    }

    fn decode(&mut self) -> io::Result<()> {
        // Three bytes of UTF-8 for each unit is the most that any encoding needs.
        self.output.resize(3 * CHUNK + 16, 0);
        let input = &self.input[self.pending.clone()];
        let (result, read, written) =
            self.decoder.decode_to_utf8_without_replacement(input, &mut self.output, self.input_ended);
        self.pending.start += read;
        self.output.truncate(written);
        match result {
            DecoderResult::InputEmpty => self.finished = self.input_ended,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) if self.policy == Malformed::Replace => {
                self.output.extend_from_slice(REPLACEMENT);
                self.malformed += 1;
            }
            DecoderResult::Malformed(..) => {
                self.failed = true;
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the bytes are not in the expected encoding"));
            }
        }
        Ok(())
    }
}

impl<R: Read> BufRead for Decoding<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.output.len() {
            self.refill()?;
        }
        Ok(&self.output[self.start..])
    }

    fn consume(&mut self, n: usize) {
        self.start = (self.start + n).min(self.output.len());
    }
}

impl<R: Read> Read for Decoding<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let n = available.len().min(out.len());
        out[..n].copy_from_slice(&available[..n]);
        self.consume(n);
        Ok(n)
    }
}

/// Decodes bytes that are all there; returns the text and how many sequences were replaced.
pub(crate) fn decode_bytes(bytes: Vec<u8>, encoding: &'static Encoding) -> (String, u64) {
    let bytes = if encoding == UTF_8 && !bytes.starts_with(b"\xef\xbb\xbf") {
        match String::from_utf8(bytes) {
            Ok(text) => return (text, 0),
            Err(error) => error.into_bytes(),
        }
    } else {
        bytes
    };
    let mut decoding = Decoding::new(&bytes[..], encoding, Malformed::Replace);
    let mut text = String::with_capacity(bytes.len());
    // Neither the slice nor the replacing decoder can fail, and what they give is UTF-8.
    let _ = decoding.read_to_string(&mut text);
    (text, decoding.malformed())
}

/// Calls `each` with the number (from 1) and the text of every line, without `\n` or `\r\n`.
pub(crate) fn for_each_line<E: From<io::Error>>(
    reader: &mut dyn BufRead,
    mut each: impl FnMut(u64, &str) -> Result<(), E>,
) -> Result<(), E> {
    let mut line = Vec::new();
    let mut number = 0;
    while next_line(reader, &mut line)? {
        number += 1;
        match std::str::from_utf8(&line) {
            Ok(text) => each(number, text)?,
            Err(_) => each(number, &String::from_utf8_lossy(&line))?,
        }
    }
    Ok(())
}

/// Reads one line without its end into `line`; false at the end of the input.
pub(crate) fn next_line(reader: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    if reader.read_until(b'\n', line)? == 0 {
        return Ok(false);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use encoding_rs::{GB18030, UTF_16LE, WINDOWS_1252};
    use proptest::prelude::*;

    use super::*;

    /// Gives one byte a call, as a slow pipe does.
    struct Dripping<'a>(&'a [u8]);

    impl Read for Dripping<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let n = self.0.len().min(out.len()).min(1);
            out[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    fn decoded(bytes: &[u8], encoding: &'static Encoding) -> (String, u64) {
        let mut reader = Decoding::new(Dripping(bytes), encoding, Malformed::Replace);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        (text, reader.malformed())
    }

    #[test]
    fn decodes_across_chunk_borders_and_removes_the_mark() {
        assert_eq!(decoded("\u{feff}好 film".as_bytes(), UTF_8), ("好 film".into(), 0));
        assert_eq!(decoded(b"\xff\xfea\0\x7d\x59", UTF_16LE), ("a好".into(), 0));
        assert_eq!(decoded(&GB18030.encode("好𠀀").0, GB18030), ("好𠀀".into(), 0));
        assert_eq!(decoded(b"caf\xe9", WINDOWS_1252), ("café".into(), 0));
    }

    #[test]
    fn counts_what_it_replaces_or_fails_when_told() {
        assert_eq!(decoded(b"a\xffb\xe5\xa5", UTF_8), ("a\u{fffd}b\u{fffd}".into(), 2));
        let mut strict = Decoding::new(&b"a\xffb"[..], UTF_8, Malformed::Fail);
        assert!(strict.read_to_end(&mut Vec::new()).is_err() && strict.failed());
    }

    #[test]
    fn lines_end_with_or_without_carriage_return() {
        let mut lines = Vec::new();
        for_each_line::<io::Error>(&mut &b"a\r\n\nb\rc\n\0d"[..], |n, line| {
            lines.push((n, line.to_owned()));
            Ok(())
        })
        .unwrap();
        assert_eq!(lines, [(1, "a".into()), (2, String::new()), (3, "b\rc".into()), (4, "\0d".into())]);
    }

    proptest! {
        #[test]
        fn whole_and_dripping_give_the_same_text(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            for encoding in [UTF_8, UTF_16LE, GB18030, WINDOWS_1252] {
                prop_assert_eq!(decoded(&bytes, encoding), decode_bytes(bytes.clone(), encoding));
            }
            let lossy = decode_bytes(bytes.clone(), UTF_8).0;
            let expected = String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes));
            prop_assert_eq!(lossy, expected);
        }
    }
}
