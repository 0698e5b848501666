//! Web archives in every command that reads documents.

mod program;

use insta::assert_snapshot;
use program::Folder;

/// Nine pages with two texts, by `testdata/make_crawl_golden.py`.
const CRAWL: &[u8] = include_bytes!("../../fenlei/testdata/crawl-v1.warc.gz");

fn with_crawl() -> Folder {
    let folder = Folder::new();
    folder.write("crawl.warc.gz", CRAWL);
    folder
}

#[test]
fn a_crawl_becomes_documents_to_label() {
    let folder = with_crawl();
    assert_snapshot!(folder.transcript(&["data", "convert", "crawl.warc.gz", "out.jsonl"]));
    let rows = String::from_utf8(folder.read("out.jsonl")).unwrap();
    let rows: Vec<serde_json::Value> = rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 2);
    assert_eq!((&rows[1]["language"], &rows[1]["title"]), (&"zh".into(), &"一艘渡轮".into()));
    assert_eq!(rows[1]["url"], "http://example.com/gbk");

    let args = ["data", "convert", "crawl.warc.gz", "zh.csv", "--language", "zh", "--dedup", "none", "--json"];
    let found = folder.run(&args).succeeded().json();
    assert_eq!(found["dropped"], serde_json::json!([{ "reason": "other-language", "count": 6 }]));
    assert_eq!((&found["findings"]["rows"], &found["written"]["rows"]), (&9.into(), &3.into()));

    let args = ["data", "convert", "out.jsonl", "-", "--to", "csv", "--missing-label", "keep", "--min-chars", "100"];
    let csv = folder.run(&args).succeeded();
    assert!(csv.stdout.starts_with("text,label\n\"The ferry"), "{}", csv.stdout);
    assert!(csv.stderr.contains("too short"), "{}", csv.stderr);

    let piped = folder.run_with_input(&["data", "convert", "-", "-", "--to", "jsonl"], CRAWL).succeeded();
    assert_eq!(piped.stdout.as_bytes(), folder.read("out.jsonl"));
}

#[test]
fn other_commands_read_pages_as_they_read_lines() {
    let folder = Folder::with_model();
    folder.write("crawl.warc.gz", CRAWL);
    let stats = folder.run(&["data", "stats", "crawl.warc.gz"]).succeeded();
    assert!(stats.stdout.contains("documents             9"), "{}", stats.stdout);
    let answers = folder.run(&["predict", "model.fenlei", "crawl.warc.gz"]).succeeded();
    assert_eq!(answers.stdout.lines().count(), 9);
    assert!(
        answers.stderr.contains("a line for each page; left out: 9 records that are no pages"),
        "{}",
        answers.stderr
    );
    let piped = folder.run_with_input(&["predict", "model.fenlei", "-"], CRAWL).succeeded();
    assert_eq!(piped.stdout, answers.stdout);
    let plain = "WARC/1.0\r\nWARC-Type: conversion\r\nContent-Type: text/plain\r\nContent-Length: 11\r\n\r\na fine\nfilm\r\n\r\n";
    let piped = folder.run_with_input(&["predict", "model.fenlei", "-"], plain.as_bytes()).succeeded();
    assert_eq!(piped.stdout.lines().count(), 1);
    let refused = folder.train(&["crawl.warc.gz"]).ended(1);
    assert!(refused.stderr.contains("fenlei data convert"), "{}", refused.stderr);
}

#[test]
fn damage_is_counted_and_what_is_no_archive_is_refused() {
    let folder = with_crawl();
    folder.write("cut.warc.gz", &CRAWL[..CRAWL.len() - 20]);
    folder.write("no.warc", "text,label\na,b\n");
    folder.write("empty.warc.gz", "");
    let cut = folder.run(&["data", "convert", "cut.warc.gz", "out.jsonl", "--dedup", "none"]).succeeded();
    assert!(cut.stderr.contains("8 documents") && cut.stderr.contains("1 damaged records"), "{}", cut.stderr);
    let cases = [
        (&["data", "convert", "no.warc", "x.jsonl"][..], 1),
        (&["data", "convert", "empty.warc.gz", "x.jsonl"], 1),
        (&["data", "convert", "crawl.warc.gz", "x.jsonl", "--language", "fr"], 1),
        (&["data", "convert", "crawl.warc.gz", "x.jsonl", "--language", "xx"], 2),
        (&["data", "convert", "crawl.warc.gz", "x.jsonl", "--similarity", "2"], 2),
        (&["data", "convert", "crawl.warc.gz", "x.jsonl", "--dedup", "some"], 2),
        (&["data", "convert", "crawl.warc.gz", "x.jsonl", "--extract", "body"], 2),
        (&["data", "convert", "crawl.warc.gz", "-", "--to", "jsonl", "--json"], 2),
    ];
    let transcripts = cases.map(|(args, code)| {
        let transcript = folder.transcript(args);
        assert!(transcript.contains(&format!("\nexit code: {code}\n")), "{transcript}");
        transcript
    });
    assert_snapshot!(transcripts.join("\n"));
    let refused = folder.run(&["data", "convert", "crawl.warc.gz", "no/such/x.jsonl"]).ended(1);
    assert!(refused.stderr.contains("cannot write no/such/x.jsonl"), "{}", refused.stderr);
    assert_eq!(folder.names(), ["crawl.warc.gz", "cut.warc.gz", "empty.warc.gz", "no.warc", "out.jsonl"]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error() {
    let folder = with_crawl();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = folder.command(&["data", "convert", "crawl.warc.gz", "-", "--to", "jsonl"]);
    let output = command.stdout(std::process::Stdio::from(full)).stderr(std::process::Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("No space left"));
}
