//! From an archive of the web to documents to label, in every format.

use super::*;
use crate::data::crawl::tests::{gzip, page, response};
use crate::data::{Dedup, MissingLabel, Reason};

fn run(input: &Path, output: &Path, selection: Selection) -> Result<Converted> {
    let format = WriteFormat::of_path(output).unwrap();
    let (cancel, read) = (AtomicBool::new(false), ReadOptions::default());
    let progress = &mut |_| {};
    convert(Conversion { input, bytes: None, output, writer: None, format, read, selection, cancel: &cancel, progress })
}

fn crawl(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("crawl.warc.gz");
    let short = response(9, "Content-Type: text/plain", b"short");
    let records = [page(1), page(2), page(1), short];
    std::fs::write(&path, records.iter().flat_map(|record| gzip(record)).collect::<Vec<u8>>()).unwrap();
    path
}

#[test]
fn pages_become_rows_with_columns_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let input = crawl(folder.path());
    let keep = ReadOptions { missing_label: MissingLabel::Keep, ..ReadOptions::default() };
    let mut found = Vec::new();
    for name in ["a.jsonl", "a.csv", "a.tsv.gz", "a.parquet"] {
        let output = folder.path().join(name);
        let selection = Selection { dedup: Dedup::Exact, ..Selection::of_crawl() };
        let converted = run(&input, &output, selection).unwrap();
        assert_eq!((converted.findings.rows, converted.written.rows), (4, 2));
        let dropped: Vec<_> = converted.dropped.iter().map(|dropped| (dropped.reason, dropped.count)).collect();
        assert_eq!(dropped, [(Reason::TooShort, 1), (Reason::Repeated, 1)]);
        found.push(read(&output, &keep).unwrap().0);
    }
    assert!(found[0].texts[0].starts_with("This is page 1") && found[0].labels.is_empty());
    assert!(found.iter().all(|data| *data == found[0]));
    let row: serde_json::Value = {
        let text = std::fs::read_to_string(folder.path().join("a.jsonl")).unwrap();
        serde_json::from_str(text.lines().nth(1).unwrap()).unwrap()
    };
    for (key, value) in
        [("url", "http://example.com/2"), ("date", "2024-05-01T12:00:02Z"), ("language", "en"), ("title", "Page 2")]
    {
        assert_eq!(row[key], value);
    }
    let csv = std::fs::read_to_string(folder.path().join("a.csv")).unwrap();
    assert!(csv.starts_with("text,label,url,date,language,title\n"), "{csv}");
}

#[test]
fn any_input_can_be_freed_of_repeats() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.csv"), folder.path().join("out.jsonl"));
    std::fs::write(&input, "text,label\nA good film!,x\na good film,x\na bad film,y\n").unwrap();
    let converted = run(&input, &output, Selection { dedup: Dedup::Near, ..Selection::default() }).unwrap();
    assert_eq!((converted.written.rows, converted.dropped[0].reason), (2, Reason::NearDuplicate));
    let (data, _) = read(&output, &ReadOptions::default()).unwrap();
    assert_eq!(
        (data.texts, data.labels),
        (vec!["A good film!".into(), "a bad film".into()], vec!["x".into(), "y".into()])
    );
    let converted = run(&input, &output, Selection::default()).unwrap();
    assert_eq!((converted.written.rows, converted.dropped.len()), (3, 0));
}

#[test]
fn nothing_kept_is_an_error_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (crawl(folder.path()), folder.path().join("out.jsonl"));
    let error = run(&input, &output, Selection { min_chars: 100_000, ..Selection::default() }).unwrap_err().to_string();
    assert!(error.contains("none of 4 documents is kept: 4 too short") && error.contains("--min-chars"), "{error}");
    assert!(!output.exists());
}

#[test]
fn an_interruption_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (crawl(folder.path()), folder.path().join("out.jsonl"));
    let cancel = AtomicBool::new(true);
    let result = convert(Conversion {
        input: &input,
        bytes: None,
        output: &output,
        writer: None,
        format: WriteFormat::JsonLines,
        read: ReadOptions::default(),
        selection: Selection::of_crawl(),
        cancel: &cancel,
        progress: &mut |_| {},
    });
    assert!(matches!(result, Err(Error::Interrupted)));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
