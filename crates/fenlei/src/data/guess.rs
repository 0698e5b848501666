//! Which format a text file is in, from its name and its first lines.

use std::collections::HashSet;
use std::path::Path;

use super::read::delimited::{guess_delimiter, sample_rows};
use super::{Format, ReadOptions, columns, shortened};
use crate::{Error, Result};

const LABEL_PREFIX: &str = "__label__";

/// The format of a text file; `sample` is its decoded beginning, all of it if `complete`.
pub(crate) fn format(path: &Path, sample: &str, complete: bool, options: &ReadOptions) -> Result<Format> {
    let mut lines: Vec<&str> = sample.lines().collect();
    if !complete && lines.len() > 1 {
        lines.pop();
    }
    lines.retain(|line| !line.trim().is_empty());
    let Some(first) = lines.first() else {
        let help = "check that the path is right and that the file was written completely";
        return Err(Error::data(path, None, "found an empty file, expected documents", help));
    };
    if first.trim_start().starts_with('[') && extension(path) == "json" {
        let help = "write one object a line, as `jq -c '.[]' in.json > out.jsonl` does";
        return Err(Error::data(path, Some(1), "found a JSON array, expected JSON lines", help));
    }
    match extension(path).as_str() {
        "csv" => return Ok(Format::Csv),
        "tsv" | "tab" => return Ok(Format::Tsv),
        "jsonl" | "ndjson" | "json" => return Ok(Format::JsonLines),
        _ => {}
    }
    if lines.iter().filter(|line| line.starts_with(LABEL_PREFIX)).count() * 2 >= lines.len() {
        return Ok(Format::FastText);
    }
    if is_json_object(first) {
        return Ok(Format::JsonLines);
    }
    if options.delimiter.is_some_and(|delimiter| delimiter != '\t') {
        return Ok(Format::Csv);
    }
    if lines.iter().filter(|line| line.contains('\t')).count() * 20 >= lines.len() * 19 {
        return Ok(Format::Tsv);
    }
    if is_csv(sample, complete, options, path) {
        return Ok(Format::Csv);
    }
    if begins_with_labels(&lines) {
        return Ok(Format::LabelFirst);
    }
    let problem = format!(
        "cannot tell the format; the first line is {:?}; expected a header or tabs, `__label__x text`, JSON objects, \
         or lines that begin with one of few labels",
        shortened(first, 60)
    );
    let help = "say it with --format csv, tsv, jsonl, fasttext or label-first; \
                for one file a class give the folder that holds them";
    Err(Error::data(path, Some(1), problem, help))
}

/// The extension in lower case, without that of a compression.
pub(crate) fn extension(path: &Path) -> String {
    let lower = |path: &Path| path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    match lower(path).as_str() {
        "gz" | "zst" => lower(Path::new(path.file_stem().unwrap_or_default())),
        other => other.to_owned(),
    }
}

fn is_json_object(line: &str) -> bool {
    line.trim_start().starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(line).is_ok()
}

/// Without the extension to say so, columns need a header with usual names, or quotes around every first field.
fn is_csv(sample: &str, complete: bool, options: &ReadOptions, path: &Path) -> bool {
    let delimiter = guess_delimiter(sample, complete);
    let rows = sample_rows(sample, complete, delimiter, true);
    let width = rows.first().map_or(0, Vec::len);
    // A row out of step should be reported as such, not make the whole file a riddle.
    let out_of_step = rows.iter().filter(|row| row.len() != width).count();
    if width < 2 || out_of_step * 4 > rows.len() {
        return false;
    }
    let quoted = sample.lines().filter(|line| line.starts_with('"')).count() >= rows.len();
    let headed = columns::choose(&rows, options, path).is_ok_and(|columns| columns.header.is_some());
    quoted || headed
}

/// Whether the first words of the lines are few enough to be labels.
fn begins_with_labels(lines: &[&str]) -> bool {
    let mut firsts = HashSet::new();
    for line in lines {
        let Some((first, _)) = line.split_once([' ', '\t']) else { return false };
        firsts.insert(first);
    }
    let small_number = |word: &&str| word.len() <= 3 && word.parse::<i32>().is_ok();
    let fine = |word: &&str| word.contains(':') && !word.ends_with(':');
    if firsts.iter().all(small_number) {
        firsts.len() * 2 <= lines.len().max(2)
    } else if firsts.iter().all(fine) {
        firsts.len() * 3 <= lines.len()
    } else {
        lines.len() >= 20 && firsts.len() * 20 <= lines.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(name: &str, text: &str) -> Result<Format> {
        format(Path::new(name), text, true, &ReadOptions::default())
    }

    #[test]
    fn content_decides_where_the_name_does_not() {
        assert_eq!(guess("x", "__label__a hello\n__label__b bye\n").unwrap(), Format::FastText);
        assert_eq!(guess("x", "{\"text\": \"a\"}\n").unwrap(), Format::JsonLines);
        assert_eq!(guess("x", "ham\tOk\nspam\tFree\n").unwrap(), Format::Tsv);
        assert_eq!(guess("x.txt", "text,label\n\"a, b\",x\n").unwrap(), Format::Csv);
        assert_eq!(guess("x.txt", "text;label\na, b;x\n").unwrap(), Format::Csv);
        assert_eq!(guess("x", "1 good film\n0 bad film\n1 nice\n0 dull\n").unwrap(), Format::LabelFirst);
        assert_eq!(
            guess("x", "NUM:dist How far\nLOC:city What\nNUM:dist How long\nNUM:dist 1\nLOC:city Which\nNUM:dist H\n")
                .unwrap(),
            Format::LabelFirst
        );
        assert_eq!(guess("x.csv.gz", "a;b\n").unwrap(), Format::Csv);
    }

    #[test]
    fn prose_is_not_guessed_at() {
        let prose = "simplistic , silly and tedious .\nit's so laddish and juvenile\nexploitative and devoid\n";
        let error = guess("rt.neg", prose).unwrap_err().to_string();
        assert!(error.contains("--format") && error.contains("simplistic"), "{error}");
        assert!(guess("x", " \n\n").unwrap_err().to_string().contains("empty"));
        assert!(guess("x.json", "[{\"text\": 1}]").unwrap_err().to_string().contains("jq"));
    }
}
