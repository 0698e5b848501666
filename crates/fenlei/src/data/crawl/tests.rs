//! Web archives that are made here, whole and damaged.

use std::io::Write;

use proptest::prelude::*;

use super::*;
use crate::data::{MissingLabel, ReadOptions, read_bytes};

/// A record with its two line ends.
pub(crate) fn record(kind: &str, content_type: &str, number: usize, block: &[u8]) -> Vec<u8> {
    let head = format!(
        "WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: http://example.com/{number}\r\nWARC-Date: \
         2024-05-01T12:00:{:02}Z\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
        number % 60,
        block.len()
    );
    [head.as_bytes(), block, b"\r\n\r\n"].concat()
}

/// A response with these fields of HTTP.
pub(crate) fn response(number: usize, fields: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n");
    record("response", "application/http; msgtype=response", number, &[head.as_bytes(), body].concat())
}

pub(crate) fn page(number: usize) -> Vec<u8> {
    let html =
        format!("<html><head><title>Page {number}</title></head><body><p>{}</p></body></html>", sentence(number));
    response(number, "Content-Type: text/html; charset=utf-8", html.as_bytes())
}

fn sentence(number: usize) -> String {
    format!(
        "This is page {number} of a crawl, with a paragraph that is long enough to be what the reader came for, \
         since it has {} more words than a link would have.",
        number + 20
    )
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The texts and what was left out.
fn read(bytes: &[u8]) -> (Vec<Page>, Vec<(&'static str, u64)>) {
    let mut reader = CrawlReader::new(bytes, Extract::Main).unwrap();
    let mut pages = Vec::new();
    while let Some(page) = reader.next_page().unwrap() {
        pages.push(page);
    }
    (pages, reader.left_out())
}

fn texts(bytes: &[u8]) -> Vec<String> {
    read(bytes).0.into_iter().map(|page| page.text).collect()
}

#[test]
fn pages_come_out_of_every_packing_with_what_is_known_of_them() {
    let records: Vec<Vec<u8>> = (0..5).map(page).collect();
    let plain = records.concat();
    let by_record: Vec<u8> = records.iter().flat_map(|record| gzip(record)).collect();
    let zstd: Vec<u8> = records.iter().flat_map(|record| zstd::encode_all(&record[..], 3).unwrap()).collect();
    let whole_zstd = zstd::encode_all(&plain[..], 3).unwrap();
    for bytes in [gzip(&plain), plain, by_record, zstd, whole_zstd] {
        let (pages, left_out) = read(&bytes);
        assert_eq!((pages.len(), left_out), (5, vec![]));
        let expected = Page {
            text: sentence(3),
            url: "http://example.com/3".into(),
            date: "2024-05-01T12:00:03Z".into(),
            title: "Page 3".into(),
        };
        assert_eq!(pages[3], expected);
    }
}

#[test]
fn records_of_every_kind_are_read_or_counted() {
    let html = "Content-Type: text/html";
    let long = sentence(1);
    let records = [
        record("warcinfo", "application/warc-fields", 0, b"software: x\r\n"),
        record("request", "application/http; msgtype=request", 0, b"GET / HTTP/1.1\r\n\r\n"),
        record("revisit", "application/http; msgtype=response", 0, b"HTTP/1.1 200 OK\r\n\r\n"),
        record("conversion", "text/plain", 1, "很好看的电影。\r\n第二行".as_bytes()),
        record("resource", "text/html", 2, format!("<p>{long}</p>").as_bytes()),
        response(3, "Content-Type: image/png", b"\x89PNG"),
        record("response", "application/http", 4, b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n\r\n<p>no"),
        record("response", "application/http", 5, b"no head at all"),
        response(6, html, b"<html><script>alert()</script></html>"),
        response(7, "X: y", format!("<!DOCTYPE html><p>{long}").as_bytes()),
        response(8, "Content-Type: text/plain", b"  plain text \n"),
        record("response", "text/dns", 9, b"20240501 example.com"),
        record(
            "response",
            "application/http",
            10,
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8bxx",
        ),
    ];
    let (pages, left_out) = read(&records.concat());
    let found: Vec<&str> = pages.iter().map(|page| page.text.as_str()).collect();
    assert_eq!(found, ["很好看的电影。\n第二行", &long, &long, "plain text"]);
    let expected = [
        (NoPage::OtherRecord.name(), 3),
        (NoPage::Status.name(), 1),
        (NoPage::OtherType.name(), 2),
        (NoPage::Unreadable.name(), 2),
        (NoPage::NoText.name(), 1),
    ];
    assert_eq!(left_out, expected);
}

#[test]
fn pages_in_the_encodings_of_the_web_become_utf8() {
    let text = "这部电影非常好看，演员的表演也很出色。剧情拖沓，浪费时间，不推荐给大家，我看了一半就走了。";
    let html = |charset: &str| format!("<html><head><meta charset={charset}><title>影评</title></head><p>{text}</p>");
    let gb = encoding_rs::GB18030;
    let records = [
        response(0, "Content-Type: text/html; charset=gb2312", &gb.encode(&html("")).0),
        response(1, "Content-Type: text/html", &gb.encode(&html("gbk")).0),
        response(2, "Content-Type: text/html; charset=utf-8", &gb.encode(&html("utf-8")).0),
        response(3, "Content-Type: text/html", html("utf-8").as_bytes()),
    ];
    let bytes = records.concat();
    let mut reader = CrawlReader::new(&bytes[..], Extract::Main).unwrap();
    while let Some(page) = reader.next_page().unwrap() {
        assert_eq!((page.text.as_str(), page.title.as_str()), (text, "影评"));
    }
    let mut findings = Findings::new("x".into(), crate::data::Format::Warc);
    reader.note(&mut findings);
    assert_eq!(findings.encodings, [("GB18030".to_owned(), 3), ("UTF-8".to_owned(), 1)]);
}

#[test]
fn a_wrong_length_loses_its_record_and_no_other() {
    let number = b"Content-Length: ";
    for wrong in ["7", "99999", "33554432", "33554433", "99999999999999999999999", "-3", "x", ""] {
        let mut records: Vec<Vec<u8>> = (0..6).map(page).collect();
        let at = memchr::memmem::find(&records[2], number).unwrap() + number.len();
        let end = at + memchr::memchr(b'\r', &records[2][at..]).unwrap();
        records[2].splice(at..end, wrong.bytes());
        for bytes in [records.concat(), gzip(&records.concat()), records.iter().flat_map(|r| gzip(r)).collect()] {
            let (pages, left_out) = read(&bytes);
            let numbers: Vec<&str> = pages.iter().map(|page| page.title.as_str()).collect();
            assert_eq!(numbers, ["Page 0", "Page 1", "Page 3", "Page 4", "Page 5"], "{wrong}");
            assert_eq!(left_out.iter().map(|(_, count)| count).sum::<u64>(), 1, "{wrong}: {left_out:?}");
        }
    }
}

#[test]
fn a_missing_field_a_lost_name_and_a_cut_off_end_are_damage() {
    let records: Vec<Vec<u8>> = (0..3).map(page).collect();
    let plain = records.concat();
    let no_length = String::from_utf8(plain.clone()).unwrap().replacen("Content-Length: ", "Content-Breadth: ", 1);
    let no_name = String::from_utf8(plain.clone()).unwrap().replacen("WARC/1.0", "WORC/1.0", 1);
    let endless_head = [&b"WARC/1.0\r\n"[..], &b"a: b\r\n".repeat(20_000), &plain].concat();
    for bytes in [no_length.as_bytes(), no_name.as_bytes(), &plain[..plain.len() - 50], &endless_head] {
        let (pages, left_out) = read(bytes);
        let whole = if bytes.len() > 100_000 { 3 } else { 2 };
        assert_eq!((pages.len(), left_out), (whole, vec![("damaged records", 1)]));
    }
    let packed: Vec<u8> = records.iter().flat_map(|record| gzip(record)).collect();
    assert_eq!(read(&packed[..packed.len() - 5]).1, [("damaged records", 1)]);
    assert_eq!(texts(&packed[..packed.len() - 5]).len(), 2);
}

#[test]
fn a_record_that_is_too_long_is_left_out_and_bombs_are_bounded() {
    let long = response(1, "Content-Type: text/plain", &vec![b'x'; 33 << 20]);
    let records = [page(0), long, page(2)];
    for bytes in [records.concat(), records.iter().flat_map(|record| gzip(record)).collect()] {
        let (pages, left_out) = read(&bytes);
        assert_eq!((pages.len(), left_out), (2, vec![("records longer than 32 MiB", 1)]));
    }
    let bomb = gzip(&response(1, "Content-Type: text/plain", &vec![b' '; 200 << 20]));
    let (pages, left_out) = read(&[gzip(&page(0)), bomb, gzip(&page(2))].concat());
    assert_eq!((pages.len(), left_out[0]), (2, ("records longer than 32 MiB", 1)));
}

#[test]
fn what_is_no_web_archive_is_an_error_that_says_so() {
    let options = ReadOptions {
        format: Some(crate::data::Format::Warc),
        missing_label: MissingLabel::Keep,
        ..ReadOptions::default()
    };
    for bytes in [&b""[..], b"text,label\na,b\n", b"\x1f\x8b\x08\0broken", b"\x28\xb5\x2f\xfdbroken"] {
        let error = read_bytes(bytes, &options).unwrap_err().to_string();
        assert!(error.contains("no whole record of a web archive"), "{error}");
    }
    let pictures = response(0, "Content-Type: image/png", b"\x89PNG").repeat(3);
    let error = read_bytes(&pictures, &ReadOptions { format: None, ..options.clone() }).unwrap_err().to_string();
    assert!(error.contains("no page with text in 3 records: 3 responses that are neither HTML"), "{error}");
    let error = read_bytes(&page(0), &ReadOptions::default()).unwrap_err().to_string();
    assert!(error.contains("have no labels") && error.contains("fenlei data convert"), "{error}");
    let (data, findings) = read_bytes(&page(0), &ReadOptions { format: None, ..options }).unwrap();
    assert_eq!((data.len(), data.columns[2].values[0].as_str(), findings.unlabelled), (1, "en", 1));
}

#[test]
fn an_archive_by_warcio_gives_what_warcio_reads() {
    let expected: Vec<serde_json::Value> =
        serde_json::from_str(include_str!("../../../testdata/crawl-v1.json")).unwrap();
    let (pages, left_out) = read(include_bytes!("../../../testdata/crawl-v1.warc.gz"));
    assert_eq!(left_out, [(NoPage::OtherRecord.name(), 9)]);
    assert_eq!(pages.len(), expected.len());
    for (page, expected) in pages.iter().zip(&expected) {
        assert_eq!(page.url, expected["url"]);
        assert_eq!(
            (&*page.text, &*page.date),
            (expected["text"].as_str().unwrap(), expected["date"].as_str().unwrap())
        );
    }
}

#[test]
fn hostile_records_are_read_in_linear_time() {
    let begun = std::time::Instant::now();
    for piece in [
        "WARC/1.0\r\nContent-Length: 33000000\r\n\r\n",
        "WARC/1.0\r\n",
        "\r\n",
        "WARC/1.0\r\nContent-Length: 0\r\n\r\nx",
    ] {
        let bytes = piece.repeat(5_000_000 / piece.len());
        texts(bytes.as_bytes());
    }
    assert!(begun.elapsed().as_secs() < 20, "took {:?}", begun.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn one_damaged_byte_loses_at_most_two_of_the_records(
        place in 0.0..1.0f64, flip in 1..=255u8, packing in 0..3usize, n in 3..20usize,
    ) {
        let records: Vec<Vec<u8>> = (0..n).map(page).collect();
        let mut bytes: Vec<u8> = match packing {
            0 => records.concat(),
            1 => records.iter().flat_map(|record| gzip(record)).collect(),
            _ => records.iter().flat_map(|record| zstd::encode_all(&record[..], 3).unwrap()).collect(),
        };
        let at = (place * bytes.len() as f64) as usize;
        bytes[at] ^= flip;
        // The name says what it is, as the damaged byte may be in the first bytes.
        let (pages, left_out) = read(&bytes);
        let whole = (0..n).filter(|&i| pages.iter().any(|page| page.text == sentence(i))).count();
        prop_assert!(whole + 2 >= n, "{whole} of {n} records, byte {at}, left out {left_out:?}");
    }

    #[test]
    fn any_bytes_are_read_to_their_end(pieces in proptest::collection::vec(any::<(u8, usize)>(), 0..40)) {
        let whole = page(1);
        let packed = gzip(&whole);
        let bytes: Vec<u8> = pieces.iter().flat_map(|&(kind, n)| match kind % 6 {
            0 => whole[..n % whole.len()].to_vec(),
            1 => whole[n % whole.len()..].to_vec(),
            2 => packed[..n % packed.len()].to_vec(),
            3 => packed.clone(),
            4 => b"WARC/1.0\r\nContent-Length: 5\r\n\r\n".to_vec(),
            _ => vec![n as u8; n % 9],
        }).collect();
        read(&bytes);
    }
}
