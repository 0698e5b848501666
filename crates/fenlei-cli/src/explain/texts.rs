//! The texts to explain, some at a time.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::PathBuf;

use anyhow::Result;
use fenlei::Error;
use fenlei::data::TextLines;

use crate::predict::Input;

/// Calls `each` with at most `n` texts at a time.
pub(super) fn for_each_chunk(
    inputs: Vec<Input>,
    encoding: Option<&str>,
    n: usize,
    each: &mut dyn FnMut(&[String]) -> Result<()>,
) -> Result<()> {
    for input in inputs {
        match input {
            Input::Text(text) => each(&[text])?,
            Input::File(path) | Input::Pipe(path) => {
                let file = File::open(&path).map_err(|error| Error::io("read", &path, error))?;
                lines(BufReader::new(file), path, encoding, n, each)?;
            }
            Input::Standard => lines(io::stdin(), "<standard input>".into(), encoding, n, each)?,
        }
    }
    Ok(())
}

fn lines(
    reader: impl Read + Send,
    name: PathBuf,
    encoding: Option<&str>,
    n: usize,
    each: &mut dyn FnMut(&[String]) -> Result<()>,
) -> Result<()> {
    let mut some = Vec::new();
    for line in TextLines::open(reader, name, encoding)? {
        some.push(line?);
        if some.len() == n {
            each(&some)?;
            some.clear();
        }
    }
    if some.is_empty() { Ok(()) } else { each(&some) }
}
