//! word2vec's binary format: `word`, a space, the numbers as little-endian f32, perhaps a line end.

use std::io::{self, BufRead, Read};
use std::path::Path;

use super::source::cannot_read;
use super::{Announced, FETCH_AGAIN, Sink, not_finite};
use crate::{Error, Result};

/// word2vec itself cuts words at 100 bytes, others at more.
const MAX_WORD_LEN: u64 = 4096;

/// Reads the vectors behind the header.
pub(super) fn read(path: &Path, reader: &mut dyn BufRead, announced: Announced, sink: &mut dyn Sink) -> Result<()> {
    // At most 256 KiB, for the dimension was checked.
    let mut bytes = vec![0; announced.dim * 4];
    let (mut word, mut vector) = (Vec::new(), Vec::new());
    for n_read in 0..announced.n_vectors {
        let number = n_read + 1;
        word.clear();
        Read::take(&mut *reader, MAX_WORD_LEN).read_until(b' ', &mut word).map_err(|error| cannot_read(path, error))?;
        if word.pop_if(|byte| *byte == b' ').is_none() {
            if (word.len() as u64) < MAX_WORD_LEN {
                return announced.check(path, n_read);
            }
            return Err(Error::data(
                path,
                Some(number),
                format!("a word of more than {MAX_WORD_LEN} bytes"),
                "the file is damaged, or no word2vec binary: fetch it again",
            ));
        }
        // Some writers end each vector with a line end, some do not.
        let spelling = word.strip_prefix(b"\n").unwrap_or(&word);
        match reader.read_exact(&mut bytes) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return announced.check(path, n_read),
            outcome => outcome.map_err(|error| cannot_read(path, error))?,
        }
        if sink.wants(spelling) {
            vector.clear();
            vector.extend(bytes.as_chunks().0.iter().map(|&number| f32::from_le_bytes(number)));
            if let Some(&value) = vector.iter().find(|value| !value.is_finite()) {
                return Err(not_finite(path, number, spelling, value));
            }
            sink.take(spelling, &vector, number)?;
        }
    }
    if announced.n_vectors == 0 {
        return Err(Error::data(path, Some(1), "its first line announces no vectors", FETCH_AGAIN));
    }
    // A line end may stand behind the last vector, and nothing else.
    let mut rest = Vec::new();
    Read::take(&mut *reader, 16).read_to_end(&mut rest).map_err(|error| cannot_read(path, error))?;
    if !rest.trim_ascii().is_empty() {
        return announced.check(path, announced.n_vectors + 1);
    }
    Ok(())
}
