//! Bytes to lines, on the reading thread.
//!
//! What gives its lines as they come (a terminal, a pipe) must be answered line by line, so its encoding cannot be told
//! from the first 64 KiB as that of a file is. Lines that are UTF-8 say so themselves; from the first one that is not,
//! the rest is read like a file. Neither depends on how the bytes happen to arrive.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use fenlei::data::TextLines;
use fenlei::{Error, Result};

use super::ReadSummary;
use super::line_queue::LineQueue;

const BUFFER_SIZE: usize = 1 << 18;

/// Reads a file on disk.
pub(super) fn read_file(path: &Path, encoding: Option<&str>, queue: &LineQueue) -> Result<ReadSummary> {
    let file = File::open(path).map_err(|error| Error::io("read", path, error))?;
    put_all(TextLines::open(BufReader::with_capacity(BUFFER_SIZE, file), path, encoding)?, queue)
}

/// Reads what comes, a line at a time.
pub(super) fn read_as_it_comes(
    input: impl Read + Send,
    name: PathBuf,
    encoding: Option<&str>,
    queue: &LineQueue,
) -> Result<ReadSummary> {
    let mut input = BufReader::with_capacity(BUFFER_SIZE, input);
    let is_utf8 = encoding.is_some_and(|name| matches!(name.to_ascii_lowercase().as_str(), "utf-8" | "utf8"));
    if encoding.is_some() && !is_utf8 {
        return put_all(TextLines::open(input, name, encoding)?, queue);
    }
    let mut summary = ReadSummary { encoding: "UTF-8", ..ReadSummary::default() };
    // Whether a character beyond ASCII has shown that this is UTF-8; after that, what is not is damage.
    let mut sure = is_utf8;
    let mut line = Vec::new();
    let mut first = true;
    loop {
        line.clear();
        let n = input.read_until(b'\n', &mut line).map_err(|error| Error::io("read", &name, error))?;
        if n == 0 {
            return Ok(summary);
        }
        if !sure && (is_no_text(&line, first) || std::str::from_utf8(&line).is_err()) {
            let rest = Cursor::new(std::mem::take(&mut line)).chain(input);
            return put_all(TextLines::open(rest, name, None)?, queue);
        }
        sure |= !line.is_ascii();
        let text = match std::mem::take(&mut first) {
            true => line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&line),
            false => &line,
        };
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        summary.malformed += text.utf8_chunks().filter(|chunk| !chunk.invalid().is_empty()).count() as u64;
        queue.put(String::from_utf8_lossy(text).into_owned());
    }
}

/// Whether a line holds what no line of UTF-8 text does: the start of packed bytes or of a web archive, or the zeros
/// of UTF-16.
fn is_no_text(line: &[u8], first: bool) -> bool {
    let packed = first && (line.starts_with(&[0x1f, 0x8b]) || line.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]));
    // A web archive has pages, not lines.
    packed || (first && (line.contains(&0) || line.starts_with(b"WARC/1.")))
}

fn put_all(mut lines: TextLines<'_>, queue: &LineQueue) -> Result<ReadSummary> {
    for line in &mut lines {
        queue.put(line?);
    }
    Ok(ReadSummary { encoding: lines.encoding(), malformed: lines.malformed(), left_out: lines.left_out() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8], encoding: Option<&str>) -> (Vec<String>, ReadSummary) {
        let queue = LineQueue::new(1000);
        let summary = read_as_it_comes(bytes, "x".into(), encoding, &queue).unwrap();
        drop(queue.close_when_dropped());
        let mut lines = Vec::new();
        queue.take(&mut lines, 1000);
        (lines, summary)
    }

    #[test]
    fn lines_of_utf8_are_given_one_by_one() {
        let (found, summary) = lines("\u{feff}good\r\n\n很好\nlast".as_bytes(), None);
        assert_eq!(found, ["good", "", "很好", "last"]);
        assert_eq!(summary, ReadSummary { encoding: "UTF-8", ..ReadSummary::default() });
        assert_eq!(lines(b"", None).0, [""; 0]);
    }

    #[test]
    fn a_broken_byte_among_utf8_is_replaced_and_counted() {
        let (found, summary) = lines(b"\xe5\xa5\xbd\nb\xffad\xff\n", None);
        assert_eq!(found, ["好", "b\u{fffd}ad\u{fffd}"]);
        assert_eq!(summary.malformed, 2);
        let (found, summary) = lines(b"b\xffad\n", Some("UTF-8"));
        assert_eq!((found, summary.malformed), (vec!["b\u{fffd}ad".to_owned()], 1));
    }

    #[test]
    fn other_encodings_are_recognised_or_named() {
        let text = "今天的天气很好，我们去公园玩了一整天，大家都很高兴。\n";
        let gb18030 = b"plain\n\xbd\xf1\xcc\xec\xb5\xc4\xcc\xec\xc6\xf8\xba\xdc\xba\xc3\xa3\xac\xce\xd2\xc3\xc7\xc8\xa5\xb9\xab\xd4\xb0\xcd\xe6\xc1\xcb\xd2\xbb\xd5\xfb\xcc\xec\xa3\xac\xb4\xf3\xbc\xd2\xb6\xbc\xba\xdc\xb8\xdf\xd0\xcb\xa1\xa3\n";
        for encoding in [None, Some("gb18030")] {
            assert_eq!(lines(gb18030, encoding).0, ["plain", text.trim_end()]);
        }
        let utf16: Vec<u8> = "\u{feff}ab\ncd\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(lines(&utf16, None).0, ["ab", "cd"]);
    }
}
