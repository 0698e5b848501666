//! `label text`: the first word of a line is its label.

use super::json_lines::Stop;
use super::text::TextFile;
use crate::Result;
use crate::data::collect::Collector;
use crate::data::decode::for_each_line;
use crate::data::{Findings, ReadOptions};

pub(super) fn read<'o>(
    file: &mut TextFile<'_, '_>,
    options: &'o ReadOptions,
    findings: &mut Findings,
) -> Result<Collector<'o>> {
    let delimiter = options.delimiter;
    let (collector, blank) = file.parse(|file, reader| {
        let mut collector = Collector::new(options);
        let mut blank = 0;
        let read = for_each_line(reader, |line, row| {
            if row.trim().is_empty() {
                blank += 1;
                return Ok(());
            }
            let row = row.trim_start();
            let is_end = |c: char| delimiter.map_or(c.is_whitespace(), |delimiter| c == delimiter);
            let (label, text) = row.split_once(is_end).unwrap_or((row, ""));
            collector.push_field(text.trim_start().to_owned(), label, line);
            Ok::<(), Stop>(())
        });
        read.or_else(|stop| stop.into_result(file))?;
        Ok((collector, blank))
    })?;
    findings.ignore("blank lines", blank);
    Ok(collector)
}

#[cfg(test)]
mod tests {
    use crate::data::{Format, ReadOptions, read_bytes};

    #[test]
    fn the_first_word_is_the_label() {
        let options = ReadOptions { format: Some(Format::LabelFirst), label_until: Some(':'), ..Default::default() };
        let (data, found) = read_bytes(b"NUM:dist How far ?\n\nLOC:city  What city ?\r\n", &options).unwrap();
        assert_eq!(data.texts, ["How far ?", "What city ?"]);
        assert_eq!(data.labels, ["LOC", "NUM"]);
        assert_eq!(found.ignored[0].count, 1);
    }
}
