//! Which encoding bytes are in.
//!
//! In this order: a byte-order mark; UTF-16 without one, given away by where its zero bytes stand; UTF-8, if the
//! bytes are valid or nearly so; else the guess of chardetng, the detector of a web browser.

use std::io::{self, Read};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{DecoderResult, Encoding, GB18030, GBK, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::{Error, Result};

/// How many bytes a first look takes.
pub(crate) const HEAD: usize = 1 << 16;

/// The encoding with this WHATWG label.
pub(crate) fn by_label(label: &str) -> Result<&'static Encoding> {
    let known = Encoding::for_label(label.trim().as_bytes()).filter(|e| *e != encoding_rs::REPLACEMENT);
    known.map(canonical).ok_or_else(|| {
        let help = "use utf-8, utf-16le, utf-16be, gb18030, big5, shift_jis, euc-kr, windows-1252, iso-8859-2, …";
        Error::config("encoding", format!("found {label:?}, expected the name of an encoding"), help)
    })
}

/// The name for people: what WHATWG calls gb18030 is known as GB18030.
pub(crate) fn name(encoding: &'static Encoding) -> &'static str {
    if encoding == GB18030 { "GB18030" } else { encoding.name() }
}

/// What the first bytes alone decide: a byte-order mark, or UTF-16 without one.
pub(crate) fn of_mark(head: &[u8]) -> Option<&'static Encoding> {
    Encoding::for_bom(head).map(|(encoding, _)| encoding).or_else(|| utf16_without_mark(head))
}

/// Whether these bytes are UTF-8, where a head may end inside a character.
pub(crate) fn is_utf8(head: &[u8], complete: bool) -> bool {
    match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => !complete && error.error_len().is_none(),
    }
}

/// The encoding of everything that a reader gives.
pub(crate) fn of_reader(mut reader: impl Read) -> io::Result<&'static Encoding> {
    let mut evidence = Evidence::new();
    let mut head = super::compression::read_head(&mut reader, HEAD)?;
    if let Some(encoding) = of_mark(&head) {
        return Ok(encoding);
    }
    while !head.is_empty() {
        evidence.feed(&head);
        head.clear();
        reader.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
    }
    Ok(evidence.decide())
}

/// The encoding of these bytes.
pub(crate) fn of_bytes(bytes: &[u8]) -> &'static Encoding {
    if let Some(encoding) = of_mark(&bytes[..bytes.len().min(HEAD)]) {
        return encoding;
    }
    if std::str::from_utf8(bytes).is_ok() {
        return UTF_8;
    }
    let mut evidence = Evidence::new();
    evidence.feed(bytes);
    evidence.decide()
}

/// What the bytes seen so far say, without regard to marks.
pub(crate) struct Evidence {
    detector: EncodingDetector,
    utf8: encoding_rs::Decoder,
    scratch: Vec<u8>,
    /// Valid UTF-8 characters beyond ASCII.
    characters: u64,
    /// Sequences that are not UTF-8.
    malformed: u64,
    n_bytes: u64,
    n_beyond_ascii: u64,
}

impl Evidence {
    pub(crate) fn new() -> Self {
        Self {
            detector: EncodingDetector::new(Iso2022JpDetection::Deny),
            utf8: UTF_8.new_decoder_without_bom_handling(),
            scratch: vec![0; HEAD],
            characters: 0,
            malformed: 0,
            n_bytes: 0,
            n_beyond_ascii: 0,
        }
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.n_bytes += bytes.len() as u64;
        self.n_beyond_ascii += bytes.iter().filter(|byte| !byte.is_ascii()).count() as u64;
        self.detector.feed(bytes, false);
        self.count_utf8(bytes, false);
    }

    pub(crate) fn decide(mut self) -> &'static Encoding {
        self.detector.feed(&[], true);
        self.count_utf8(&[], true);
        // A few broken bytes in text that is otherwise full of well-formed UTF-8 are damage, not another encoding:
        // well-formed sequences do not come about by chance.
        if self.malformed == 0 || self.characters >= 10 * self.malformed {
            return UTF_8;
        }
        let guess = canonical(self.detector.guess(None, Utf8Detection::Deny));
        // A few accents in English say nothing about which of the Latin encodings they are in; texts in the languages
        // that need another one are full of them.
        if guess.is_single_byte() && self.n_beyond_ascii * 100 < self.n_bytes { WINDOWS_1252 } else { guess }
    }

    fn count_utf8(&mut self, mut bytes: &[u8], last: bool) {
        loop {
            let (result, read, written) = self.utf8.decode_to_utf8_without_replacement(bytes, &mut self.scratch, last);
            bytes = &bytes[read..];
            self.characters += self.scratch[..written].iter().filter(|&&byte| byte >= 0xc0).count() as u64;
            match result {
                DecoderResult::InputEmpty => return,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => self.malformed += 1,
            }
        }
    }
}

/// GB18030 holds all of GBK; one name for both.
fn canonical(encoding: &'static Encoding) -> &'static Encoding {
    if encoding == GBK { GB18030 } else { encoding }
}

/// UTF-16 gives itself away by zero bytes that stand only at even or only at odd places: as the upper half of ASCII
/// characters. Bytes that could be UTF-8 as well must be such pairs for the most part, as no text is half NUL
/// characters. Few of them, as in Chinese text where only spaces and line ends are ASCII, count only with other
/// evidence: a stray NUL and a broken byte are damage, in whatever encoding.
fn utf16_without_mark(head: &[u8]) -> Option<&'static Encoding> {
    let head = &head[..head.len() & !1];
    if head.len() < 4 || !head.contains(&0) {
        return None;
    }
    let is_ascii = |byte: u8| byte != 0 && byte.is_ascii();
    let (mut even, mut odd) = (0usize, 0usize);
    for pair in head.chunks_exact(2) {
        even += usize::from(pair[0] == 0 && is_ascii(pair[1]));
        odd += usize::from(pair[1] == 0 && is_ascii(pair[0]));
    }
    let (encoding, zeros, wrong) = if even > odd { (UTF_16BE, even, odd) } else { (UTF_16LE, odd, even) };
    if zeros < 20 * wrong + 1 {
        return None;
    }
    let n_pairs = head.len() / 2;
    let is_utf16 = if is_utf8(head, false) {
        zeros * 4 > n_pairs * 3
    } else {
        zeros * 5 > n_pairs * 2 || (zeros > 1 && is_text_beyond_ascii(head, encoding))
    };
    is_utf16.then_some(encoding)
}

/// Whether these bytes, read as UTF-16, are characters as texts have them, and are too many beyond ASCII to be ASCII
/// with some damage. Pairs of ASCII letters would be Chinese characters too; pairs of bytes of UTF-8 or GB18030 would
/// be surrogates without their other half, or characters for private use.
fn is_text_beyond_ascii(head: &[u8], encoding: &'static Encoding) -> bool {
    if head.iter().filter(|byte| !byte.is_ascii()).count() * 5 < head.len() {
        return false;
    }
    // The last pair may be half of a character that the end of the head has cut in two.
    let whole = &head[..head.len() - 2];
    let Some(text) = encoding.decode_without_bom_handling_and_without_replacement(whole) else { return false };
    let is_odd = |c: &char| matches!(c, '\u{e000}'..='\u{f8ff}') || (c.is_control() && !c.is_whitespace());
    text.chars().filter(is_odd).count() * 100 <= text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, little: bool) -> Vec<u8> {
        text.encode_utf16().flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
    }

    const CHINESE: &str = "这部电影非常好看，演员的表演也很出色。\n剧情拖沓，浪费时间，不推荐给大家。\n";

    #[test]
    fn recognises_what_texts_are_written_in() {
        let gb = GB18030.encode(CHINESE).0.into_owned();
        let big5 =
            encoding_rs::BIG5.encode("這部電影非常好看，演員的表演也很出色。劇情拖沓，浪費時間。").0.into_owned();
        let latin = WINDOWS_1252.encode("un café crème brûlée, déjà vu à la carte “naïve”").0.into_owned();
        assert_eq!(of_bytes(CHINESE.as_bytes()), UTF_8);
        assert_eq!(of_bytes(b"plain"), UTF_8);
        assert_eq!(of_bytes(b""), UTF_8);
        assert_eq!(of_bytes(&gb), GB18030);
        assert_eq!(of_bytes(&big5), encoding_rs::BIG5);
        assert_eq!(of_bytes(&latin), WINDOWS_1252);
        assert_eq!(of_reader(&gb[..]).unwrap(), GB18030);
        assert_eq!(of_bytes(b"\xef\xbb\xbfabc"), UTF_8);
        let one_accent = [&b"plain words ".repeat(20)[..], b"se\xf0or"].concat();
        assert_eq!(of_bytes(&one_accent), WINDOWS_1252);
    }

    #[test]
    fn recognises_utf16_with_and_without_a_mark() {
        for text in ["an ordinary film\n", CHINESE, "好 film\n坏 film\n"] {
            assert_eq!(of_bytes(&utf16(text, true)), UTF_16LE, "{text}");
            assert_eq!(of_bytes(&utf16(text, false)), UTF_16BE, "{text}");
            assert_eq!(of_bytes(&utf16(&format!("\u{feff}{text}"), true)), UTF_16LE);
        }
    }

    #[test]
    fn a_stray_nul_or_a_broken_byte_does_not_change_utf8() {
        assert_eq!(of_bytes(b"bad\0"), UTF_8);
        assert_eq!(of_bytes(b"one\0two three four five six seven eight"), UTF_8);
        let mut damaged = CHINESE.repeat(3).into_bytes();
        damaged.insert(30, 0xff);
        assert_eq!(of_bytes(&damaged), UTF_8);
        assert_eq!(of_reader(&damaged[..]).unwrap(), UTF_8);
    }

    #[test]
    fn stray_nuls_beside_broken_bytes_are_no_utf16() {
        let words = b"plain words of a plain language, ".repeat(4);
        for (place, broken) in [(10, 40), (11, 40), (40, 10), (41, 11)] {
            let mut damaged = words.clone();
            (damaged[place], damaged[broken]) = (0, 0xff);
            assert_eq!(of_bytes(&damaged), WINDOWS_1252, "one NUL at {place}");
            (damaged[place + 4], damaged[place + 20]) = (0, 0);
            assert_eq!(of_bytes(&damaged), WINDOWS_1252, "three NULs from {place} on");
        }
        let lines = CHINESE.repeat(3);
        for (encoding, bytes) in [(UTF_8, lines.clone().into_bytes()), (GB18030, GB18030.encode(&lines).0.into_owned())]
        {
            let ends: Vec<usize> = (0..bytes.len()).filter(|&i| bytes[i] == b'\n').collect();
            for places in [&ends[..1], &ends[..2], &ends[..4]] {
                let mut damaged = bytes.clone();
                damaged[0] = 0xff;
                places.iter().rev().for_each(|&end| damaged.insert(end, 0));
                let found = of_bytes(&damaged);
                assert!(found != UTF_16LE && found != UTF_16BE, "{found:?} for {encoding:?}, NULs at {places:?}");
            }
        }
    }

    #[test]
    fn unknown_names_are_refused() {
        assert_eq!(by_label("GBK").unwrap(), GB18030);
        assert!(by_label("klingon").unwrap_err().is_wrong_use());
    }
}
