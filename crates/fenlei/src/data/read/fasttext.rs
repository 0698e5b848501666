//! `__label__a __label__b text`: labels first (or last), separated by spaces.

use super::json_lines::Stop;
use super::text::TextFile;
use crate::Result;
use crate::data::collect::Collector;
use crate::data::decode::for_each_line;
use crate::data::{Findings, ReadOptions};

const PREFIX: &str = "__label__";

pub(super) fn read<'o>(
    file: &mut TextFile<'_, '_>,
    options: &'o ReadOptions,
    findings: &mut Findings,
) -> Result<Collector<'o>> {
    let (collector, blank) = file.parse(|file, reader| {
        let mut collector = Collector::new(options);
        collector.bare_is_none = true;
        let mut blank = 0;
        let read = for_each_line(reader, |line, row| {
            if row.trim().is_empty() {
                blank += 1;
                return Ok(());
            }
            let (labels, text) = parse(row);
            match labels.as_slice() {
                [] => collector.push_missing(text.to_owned(), line),
                [label] => collector.push_field(text.to_owned(), label, line),
                several => collector.push_many(text.to_owned(), several.iter().copied()),
            }
            Ok::<(), Stop>(())
        });
        read.or_else(|stop| stop.into_result(file))?;
        Ok((collector, blank))
    })?;
    findings.ignore("blank lines", blank);
    Ok(collector)
}

/// The labels of a line and its text. One space parts the last label from the text; more belong to the text.
pub(in crate::data) fn parse(row: &str) -> (Vec<&str>, &str) {
    let mut labels = Vec::new();
    let mut rest = row;
    while let Some(tail) = rest.strip_prefix(PREFIX) {
        let end = tail.find([' ', '\t']).unwrap_or(tail.len());
        labels.push(&tail[..end]);
        rest = tail.get(end + 1..).unwrap_or_default();
    }
    if labels.is_empty() {
        while let Some((before, label)) = last_word(rest).filter(|(_, word)| word.starts_with(PREFIX)) {
            labels.insert(0, &label[PREFIX.len()..]);
            rest = before;
        }
    }
    (labels, rest)
}

fn last_word(text: &str) -> Option<(&str, &str)> {
    text.trim_end().rsplit_once([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Target, read_bytes};

    #[test]
    fn labels_stand_first_or_last() {
        assert_eq!(parse("__label__a __label__b one two"), (vec!["a", "b"], "one two"));
        assert_eq!(parse("__label__a  one"), (vec!["a"], " one"));
        assert_eq!(parse("one two __label__a __label__b\t"), (vec!["a", "b"], "one two"));
        assert_eq!(parse("__label__a"), (vec!["a"], ""));
        assert_eq!(parse("one __label__ two"), (vec![], "one __label__ two"));
    }

    #[test]
    fn a_line_with_several_labels_makes_the_data_multi_label() {
        let (data, _) =
            read_bytes(b"__label__x one\n__label__y __label__x two\nthree\n", &ReadOptions::default()).unwrap();
        assert!(data.multi_label);
        assert_eq!(data.targets, [Target::many(vec![0]), Target::many(vec![0, 1]), Target::many(vec![])]);
        let error = read_bytes(b"__label__x one\nthree\n", &ReadOptions::default()).unwrap_err();
        assert!(matches!(error, crate::Error::Data { line: Some(2), .. }), "{error}");
    }
}
