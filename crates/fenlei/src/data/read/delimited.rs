//! Columns separated by a delimiter, with or without a header: CSV and TSV.

use std::io::{self, Read};
use std::path::Path;

use super::text::TextFile;
use crate::data::collect::Collector;
use crate::data::columns::{self, Columns};
use crate::data::{Findings, Format, ReadOptions};
use crate::{Error, Result};

pub(super) fn read<'o>(
    file: &mut TextFile<'_, '_>,
    options: &'o ReadOptions,
    findings: &mut Findings,
) -> Result<Collector<'o>> {
    let delimiter = match (options.delimiter_byte()?, findings.format) {
        (Some(delimiter), _) => delimiter,
        (None, Format::Tsv) => b'\t',
        (None, _) => guess_delimiter(file.sample(), file.sample_is_all()),
    };
    let quoting = delimiter != b'\t' || is_quoted_throughout(file, delimiter, options)?;
    let rows = sample_rows(file.sample(), file.sample_is_all(), delimiter, quoting);
    let columns = columns::choose(&rows, options, file.path())?;
    let separator = options.label_separator.or_else(|| implied_separator(&columns, &rows));
    let (collector, blank) = file.parse(|file, reader| {
        let mut watch = QuoteWatch::new(reader, delimiter, quoting);
        let collector = collect(file.path(), &mut watch, (delimiter, quoting), &columns, separator, options)?;
        if let Some(line) = watch.open_since() {
            let problem = "found a quote that is never closed, expected a closing quote before the end";
            let help = "double the quotes inside a field (\"\"), or close the field";
            return Err(Error::data(file.path(), Some(line), problem, help));
        }
        Ok((collector, watch.blank_lines))
    })?;
    findings.text_column = Some(columns.name(columns.text));
    findings.label_column = columns.label.map(|label| columns.name(label));
    findings.delimiter = Some(char::from(delimiter));
    findings.has_header = Some(columns.header.is_some());
    findings.ignore("blank lines", blank);
    Ok(collector)
}

fn collect<'o>(
    path: &Path,
    reader: &mut impl Read,
    (delimiter, quoting): (u8, bool),
    columns: &Columns,
    separator: Option<char>,
    options: &'o ReadOptions,
) -> Result<Collector<'o>> {
    let mut csv = builder(delimiter, quoting).flexible(false).buffer_capacity(1 << 16).from_reader(reader);
    let mut collector = Collector::new(options);
    collector.label_separator = separator;
    collector.multi_label = separator.is_some();
    collector.keep_columns(columns.kept.iter().map(|&column| columns.name(column)));
    let mut record = csv::StringRecord::new();
    let mut in_header = columns.header.is_some();
    while csv.read_record(&mut record).map_err(|error| explained(path, error))? {
        if in_header {
            in_header = false;
            continue;
        }
        let line = record.position().map_or(0, csv::Position::line);
        let text = record.get(columns.text).unwrap_or_default().to_owned();
        match columns.label {
            Some(label) => collector.push_field(text, record.get(label).unwrap_or_default(), line),
            None => collector.push_missing(text, line),
        }
        collector.push_values(columns.kept.iter().map(|&i| record.get(i).unwrap_or_default().to_owned()));
    }
    Ok(collector)
}

fn builder(delimiter: u8, quoting: bool) -> csv::ReaderBuilder {
    let mut builder = csv::ReaderBuilder::new();
    builder.delimiter(delimiter).quoting(quoting).has_headers(false);
    builder
}

fn explained(path: &Path, error: csv::Error) -> Error {
    let line = error.position().map(csv::Position::line);
    match error.into_kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            let problem = format!("found {len} fields, expected {expected_len} as in the first row");
            let help = "quote fields that hold the delimiter or a line end, or choose another --delimiter";
            Error::data(path, line, problem, help)
        }
        csv::ErrorKind::Io(error) => {
            Error::data(path, line, format!("the file is damaged or cut off: {error}"), "copy or fetch it again")
        }
        other => Error::data(path, line, format!("{other:?}"), "check the quotes of this row"),
    }
}

/// The first rows; the last of a sample that is not all may be cut off and is left out.
pub(crate) fn sample_rows(sample: &str, complete: bool, delimiter: u8, quoting: bool) -> Vec<Vec<String>> {
    let mut csv = builder(delimiter, quoting).flexible(true).from_reader(sample.as_bytes());
    let rows = csv.records().map_while(Result::ok);
    let mut rows: Vec<Vec<String>> = rows.map(|row| row.iter().map(str::to_owned).collect()).collect();
    if !complete && rows.len() > 1 {
        rows.pop();
    }
    rows
}

/// The delimiter that divides the rows most evenly: the first row's width must recur; commas win ties.
pub(crate) fn guess_delimiter(sample: &str, complete: bool) -> u8 {
    let mut best = (0, b',');
    for delimiter in [b',', b'\t', b';', b'|'] {
        let rows = sample_rows(sample, complete, delimiter, true);
        let width = rows.first().map_or(0, Vec::len);
        let same = rows.iter().filter(|row| row.len() == width).count();
        let score = if width < 2 { 0 } else { same * 1000 / rows.len() };
        if score > best.0 {
            best = (score, delimiter);
        }
    }
    best.1
}

/// A column called "labels" that holds bars holds several labels a field; this is what [`write`](crate::data::write)
/// writes.
fn implied_separator(columns: &Columns, rows: &[Vec<String>]) -> Option<char> {
    let label = columns.label?;
    let named = columns.header.as_ref()?.get(label)?.eq_ignore_ascii_case("labels");
    let has_bar = || rows.iter().skip(1).any(|row| row.get(label).is_some_and(|field| field.contains('|')));
    (named && has_bar()).then_some('|')
}

/// Whether the quotes of a tab-separated file are quotes around fields rather than parts of texts.
///
/// Much tab-separated text is not quoted at all, and a lone quote at the start of a field would swallow rows. So
/// quotes count only if there is a header and all of them in the whole file are as they should be.
fn is_quoted_throughout(file: &mut TextFile<'_, '_>, delimiter: u8, options: &ReadOptions) -> Result<bool> {
    let plain = sample_rows(file.sample(), file.sample_is_all(), delimiter, false);
    if !columns::choose(&plain, options, file.path()).is_ok_and(|columns| columns.header.is_some()) {
        return Ok(false);
    }
    file.parse(|file, reader| {
        let mut watch = QuoteWatch::new(reader, delimiter, true);
        io::copy(&mut watch, &mut io::sink()).map_err(|error| file.failed(error))?;
        Ok(watch.n_quoted > 0 && watch.well_formed && watch.open_since().is_none())
    })
}

/// Passes text on and keeps count of its quotes, with the rules of the csv crate.
struct QuoteWatch<R> {
    inner: R,
    delimiter: u8,
    quoting: bool,
    state: Place,
    line: u64,
    opened_at: u64,
    row_is_empty: bool,
    blank_lines: u64,
    n_quoted: u64,
    well_formed: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    FieldStart,
    Plain,
    Quoted,
    /// After a quote inside a quoted field: its end, or the first half of a doubled quote.
    QuoteInQuoted,
}

impl<R: Read> QuoteWatch<R> {
    fn new(inner: R, delimiter: u8, quoting: bool) -> Self {
        Self {
            inner,
            delimiter,
            quoting,
            state: Place::FieldStart,
            line: 1,
            opened_at: 0,
            row_is_empty: true,
            blank_lines: 0,
            n_quoted: 0,
            well_formed: true,
        }
    }

    /// The line of the quote that is still open.
    fn open_since(&self) -> Option<u64> {
        (self.state == Place::Quoted).then_some(self.opened_at)
    }

    fn see(&mut self, byte: u8) {
        self.line += u64::from(byte == b'\n');
        self.state = match (self.state, byte) {
            (Place::Quoted, b'"') => Place::QuoteInQuoted,
            (Place::Quoted, _) => Place::Quoted,
            (Place::QuoteInQuoted, b'"') => Place::Quoted,
            (_, b'\n' | b'\r') => {
                // A carriage return before a line feed does not make a second row.
                self.blank_lines += u64::from(self.row_is_empty && byte == b'\n');
                self.row_is_empty = byte == b'\n';
                Place::FieldStart
            }
            (_, byte) if byte == self.delimiter => Place::FieldStart,
            (Place::FieldStart, b'"') if self.quoting => {
                self.opened_at = self.line;
                self.n_quoted += 1;
                Place::Quoted
            }
            (Place::QuoteInQuoted, _) => {
                self.well_formed = false;
                Place::Plain
            }
            _ => Place::Plain,
        };
        if !matches!(byte, b'\n' | b'\r') {
            self.row_is_empty = false;
        }
    }
}

impl<R: Read> Read for QuoteWatch<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(out)?;
        out[..n].iter().for_each(|&byte| self.see(byte));
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use crate::data::{MissingLabel, ReadOptions, Target, read_bytes};

    fn read(text: &str) -> crate::Result<(crate::data::Dataset, crate::data::Findings)> {
        read_bytes(text.as_bytes(), &ReadOptions::default())
    }

    #[test]
    fn csv_has_quotes_commas_and_line_ends_inside_fields() {
        let (data, found) = read("label,text\npos,\"good, \"\"very\"\"\ngood\"\n\nneg,bad\r\n").unwrap();
        assert_eq!(data.texts, ["good, \"very\"\ngood", "bad"]);
        assert_eq!(data.labels, ["neg", "pos"]);
        assert_eq!(data.targets, [Target::One(1), Target::One(0)]);
        assert_eq!(found.text_column.as_deref(), Some("text"));
        assert_eq!(found.ignored[0].count, 1);
    }

    #[test]
    fn ragged_rows_say_where_and_how_many() {
        let error = read("text,label\na,x\nb,y,z\nc,x\n").unwrap_err();
        assert!(matches!(error, crate::Error::Data { line: Some(3), .. }), "{error}");
        assert!(error.to_string().contains("found 3 fields, expected 2"), "{error}");
    }

    #[test]
    fn an_open_quote_is_found_where_it_was_opened() {
        let error = read("label,text\nx,\"fine\"\ny,\"never closed\nz,more\n").unwrap_err();
        assert!(matches!(error, crate::Error::Data { line: Some(3), .. }), "{error}");
    }

    #[test]
    fn lone_quotes_in_tab_separated_text_are_text() {
        let (data, found) = read("text\tlabel\n\" so it goes\t1\nfine\t0\n\"quoted\"\t1\n").unwrap();
        assert_eq!(data.texts, ["\" so it goes", "fine", "\"quoted\""]);
        assert_eq!(found.has_header, Some(true));
        let (data, _) = read("text\tlabel\n\"a\nb\"\t1\nfine\t0\n").unwrap();
        assert_eq!(data.texts, ["a\nb", "fine"]);
        let (data, _) = read("ham\t\"hello\" she said\nspam\t\"win\nham\tok\nspam\tfree\n").unwrap();
        assert_eq!(data.texts[1], "\"win");
    }

    #[test]
    fn several_labels_in_a_field() {
        let (data, found) = read("text,labels\na,x|y\nb,\nc,x\n").unwrap();
        assert!(data.multi_label);
        assert_eq!(found.label_separator, Some('|'));
        assert_eq!(data.targets, [Target::many(vec![0, 1]), Target::many(vec![]), Target::many(vec![0])]);
        let options = ReadOptions { label_separator: Some(';'), ..Default::default() };
        let (data, _) = read_bytes(b"text,label\na,x;y\n", &options).unwrap();
        assert_eq!(data.labels, ["x", "y"]);
    }

    #[test]
    fn an_empty_label_says_its_line() {
        let error = read("text,label\na,x\nb,\n").unwrap_err();
        assert!(matches!(error, crate::Error::Data { line: Some(3), .. }), "{error}");
        let options = ReadOptions { missing_label: MissingLabel::Keep, ..Default::default() };
        let (data, found) =
            read_bytes(b"text\nhello\nyou\n", &ReadOptions { format: Some(crate::data::Format::Csv), ..options })
                .unwrap();
        assert_eq!((data.texts.len(), found.unlabelled), (2, 2));
    }

    #[test]
    fn other_encodings_met_late_in_the_file_are_found() {
        let mut bytes = b"text,label\n".to_vec();
        for _ in 0..60_000 {
            bytes.extend_from_slice(b"plain words,a\n");
        }
        for _ in 0..20 {
            bytes.extend_from_slice(b"caf\xe9 cr\xe8me br\xfbl\xe9e,b\n");
        }
        let (data, found) = read_bytes(&bytes, &ReadOptions::default()).unwrap();
        assert_eq!(data.texts.last().unwrap(), "café crème brûlée");
        assert_eq!(found.encodings[0].0, "windows-1252");
        assert_eq!(found.malformed, 0);
    }
}
