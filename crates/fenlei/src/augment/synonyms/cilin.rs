//! Chinese synonyms in the format of 同义词词林: a code with a sign, then the words of the group, such as
//! `Aa01A01= 人 士 人物`. `=` marks words of one meaning, `#` words that have to do with each other, `@` a word alone.

use std::path::Path;

use super::{Synonyms, no_synonyms};
use crate::augment::read_lines;
use crate::{Error, Result};

const HELP: &str = "expected lines such as: Aa01A01= 人 士 人物";

pub(super) fn read(path: &Path, synonyms: &mut Synonyms) -> Result<()> {
    let mut has_groups = false;
    for (i, line) in read_lines(path)?.iter().enumerate() {
        let mut fields = line.split_whitespace();
        let Some(code) = fields.next() else { continue };
        let Some(sign) = sign_of(code) else {
            let problem = format!("found {:?}, expected a code such as Aa01A01=", crate::data::shortened(code, 30));
            return Err(Error::data(path, Some(i as u64 + 1), problem, HELP));
        };
        // A group of one word is no mistake: some editions of the file have them.
        has_groups |= sign == b'=' && synonyms.add_mutual_group(fields.map(Into::into).collect());
    }
    if has_groups { Ok(()) } else { Err(no_synonyms(path, HELP)) }
}

/// `=`, `#` or `@` behind a letter, a letter, two digits, a letter and two digits.
fn sign_of(code: &str) -> Option<u8> {
    let bytes: &[u8; 8] = code.as_bytes().try_into().ok()?;
    let [a, b, c, d, e, f, g, sign] = *bytes;
    let fits = a.is_ascii_uppercase()
        && b.is_ascii_lowercase()
        && e.is_ascii_uppercase()
        && [c, d, f, g].iter().all(u8::is_ascii_digit);
    (fits && matches!(sign, b'=' | b'#' | b'@')).then_some(sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Aa01A01= 人 士 人物 人士\r\nAa01A02= 人类 生人 全人类\n\nAa01A03# 人手 人员 人口\nAa01A04@ 劳力\nBp13B02= 电影 影片\n";

    fn read_bytes(bytes: &[u8]) -> Result<Synonyms> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let mut synonyms = Synonyms::default();
        read(file.path(), &mut synonyms).map(|()| synonyms)
    }

    #[test]
    fn only_words_of_one_meaning_are_taken_in_either_encoding() {
        let gbk = encoding_rs::GBK.encode(TEXT).0.into_owned();
        for bytes in [TEXT.as_bytes(), &gbk[..]] {
            let synonyms = read_bytes(bytes).unwrap();
            assert_eq!(synonyms.of("人物"), ["人", "士", "人士"]);
            assert_eq!(synonyms.of("影片"), ["电影"]);
            assert!(!synonyms.knows("人手") && !synonyms.knows("劳力"));
        }
    }

    #[test]
    fn empty_and_damaged_files_are_refused() {
        for (text, expected) in [
            ("", "no group of two words"),
            ("Aa01A04@ 劳力\n", "no group of two words"),
            ("Aa01A01= 人 士\nAa01A0= 人 士\n", ":2: found \"Aa01A0=\""),
            ("人 士\n", ":1: found \"人\""),
        ] {
            let error = read_bytes(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("Aa01A01= 人 士 人物"), "{error}");
        }
    }
}
