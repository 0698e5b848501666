//! One line a word: GloVe, word2vec text, fastText `.vec`.

use std::io::BufRead;
use std::path::Path;

use super::source::{cannot_read, check_dim};
use super::{Announced, Sink, not_finite, not_utf8};
use crate::{Error, Result};

/// A longer line is none of a file of vectors; reading on would take memory without end.
const MAX_LINE_LEN: u64 = 4 << 20;

/// Reads the lines behind the header, if there is one; the dimension.
pub(super) fn read(
    path: &Path,
    reader: &mut dyn BufRead,
    announced: Option<Announced>,
    sink: &mut dyn Sink,
) -> Result<usize> {
    let mut dim = announced.map(|announced| announced.dim);
    let mut line_number = u64::from(announced.is_some());
    let mut n_vectors = 0;
    let mut encodings = Encodings::default();
    let (mut buffer, mut vector) = (Vec::new(), Vec::new());
    while next_line(path, reader, &mut buffer, line_number + 1)? {
        line_number += 1;
        let mut line = buffer.trim_ascii_end();
        if line_number == 1 {
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        if line.is_empty() {
            continue;
        }
        let dim = match dim {
            Some(dim) => dim,
            None => *dim.insert(dim_of_first(path, line, line_number)?),
        };
        let (word, numbers) = split(line, dim).map_err(|found| {
            Error::data(
                path,
                Some(line_number),
                format!(
                    "{found} numbers behind the word, expected {dim} as in the {}",
                    match announced {
                        Some(_) => "header",
                        None => "first line",
                    }
                ),
                "the file is damaged, truncated, or no file of word vectors: fetch it again",
            )
        })?;
        n_vectors += 1;
        encodings.see(word, line_number);
        // The first vector is always read, so that a file of another kind is noticed.
        if n_vectors == 1 || sink.wants(word) {
            parse(path, line_number, word, numbers, &mut vector)?;
            sink.take(word, &vector, line_number)?;
        }
    }
    if let Some(announced) = announced {
        announced.check(path, n_vectors)?;
    }
    encodings.check(path)?;
    dim.filter(|_| n_vectors > 0)
        .ok_or_else(|| Error::data(path, None, "there are no vectors in this file", "give a file of word vectors"))
}

/// How the words that are not ASCII are written.
#[derive(Default)]
struct Encodings {
    n_utf8: u64,
    n_other: u64,
    first_other: u64,
}

impl Encodings {
    fn see(&mut self, word: &[u8], line: u64) {
        if word.is_ascii() {
            return;
        }
        if str::from_utf8(word).is_ok() {
            self.n_utf8 += 1;
        } else {
            self.n_other += 1;
            if self.n_other == 1 {
                self.first_other = line;
            }
        }
    }

    /// A few broken words are usual; a file whose words are mostly no UTF-8 would find nothing in any vocabulary.
    fn check(&self, path: &Path) -> Result<()> {
        if self.n_other <= self.n_utf8 {
            return Ok(());
        }
        Err(not_utf8(path, self.first_other, &format!("{} words are not UTF-8, this is the first", self.n_other)))
    }
}

/// Reads one line with its end into `buffer`; false at the end of the file.
fn next_line(path: &Path, reader: &mut dyn BufRead, buffer: &mut Vec<u8>, line_number: u64) -> Result<bool> {
    buffer.clear();
    let mut limited = std::io::Read::take(reader, MAX_LINE_LEN);
    let len = limited.read_until(b'\n', buffer).map_err(|error| cannot_read(path, error))?;
    if len as u64 == MAX_LINE_LEN && buffer.last() != Some(&b'\n') {
        return Err(Error::data(
            path,
            Some(line_number),
            format!("a line of more than {MAX_LINE_LEN} bytes"),
            "this is no file of word vectors: give GloVe, word2vec or fastText .vec vectors",
        ));
    }
    Ok(len > 0)
}

fn dim_of_first(path: &Path, line: &[u8], line_number: u64) -> Result<usize> {
    let n_fields = line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty()).count();
    if n_fields < 2 {
        return Err(Error::data(
            path,
            Some(line_number),
            "a word without numbers behind it",
            "this is no file of word vectors: give GloVe, word2vec or fastText .vec vectors",
        ));
    }
    check_dim(path, n_fields - 1)?;
    Ok(n_fields - 1)
}

/// The word, and the last `dim` fields of a line. Some words of GloVe have spaces inside ("at name@domain.com"), so
/// the numbers are counted from the end. Else how many numbers there seem to be.
fn split(line: &[u8], dim: usize) -> Result<(&[u8], &[u8]), usize> {
    let mut rest = line;
    for n_found in 0..dim {
        let field_start = rest.iter().rposition(u8::is_ascii_whitespace).ok_or(n_found)?;
        rest = rest[..field_start].trim_ascii_end();
    }
    if rest.is_empty() {
        return Err(dim - 1);
    }
    // A "word" that ends in a number, with something in front of that: one number too many.
    if let Some(last_start) = rest.iter().rposition(u8::is_ascii_whitespace) {
        let is_number = |field: &[u8]| str::from_utf8(field).is_ok_and(|field| field.parse::<f32>().is_ok());
        if is_number(&rest[last_start + 1..]) {
            let fields = rest.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
            return Err(dim + fields.skip(1).filter(|field| is_number(field)).count());
        }
    }
    Ok((rest, &line[rest.len()..]))
}

/// Whether a line is a word and `dim` decimals.
pub(super) fn is_vector(line: &[u8], dim: usize) -> bool {
    let numbers = split(line.trim_ascii_end(), dim).ok().and_then(|(_, numbers)| str::from_utf8(numbers).ok());
    numbers.is_some_and(|numbers| numbers.split_ascii_whitespace().all(|field| field.parse::<f32>().is_ok()))
}

fn parse(path: &Path, line_number: u64, word: &[u8], numbers: &[u8], vector: &mut Vec<f32>) -> Result<()> {
    vector.clear();
    for field in numbers.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty()) {
        let value: f32 = str::from_utf8(field).ok().and_then(|field| field.parse().ok()).ok_or_else(|| {
            Error::data(
                path,
                Some(line_number),
                format!(
                    "{:?} behind the word {:?}, expected a number",
                    String::from_utf8_lossy(&field[..field.len().min(40)]),
                    String::from_utf8_lossy(&word[..word.len().min(40)])
                ),
                "the file is damaged, or no file of word vectors: give GloVe, word2vec or fastText .vec vectors",
            )
        })?;
        if !value.is_finite() {
            return Err(not_finite(path, line_number, word, value));
        }
        vector.push(value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_the_last_fields_of_a_line() {
        assert_eq!(split(b"the 1 2", 2), Ok((&b"the"[..], &b" 1 2"[..])));
        assert_eq!(split(b"at name@domain.com 1 2", 2), Ok((&b"at name@domain.com"[..], &b" 1 2"[..])));
        assert_eq!(split(b"10 1\t 2", 2), Ok((&b"10"[..], &b" 1\t 2"[..])));
        assert_eq!(split(b"the 1 2 3", 2), Err(3));
        assert_eq!(split(b"the 1 2 3 4", 2), Err(4));
        assert_eq!(split(b"the 1", 2), Err(1));
        assert_eq!(split(b"the", 2), Err(0));
        assert_eq!(split(b" 1 2", 2), Err(1));
    }
}
