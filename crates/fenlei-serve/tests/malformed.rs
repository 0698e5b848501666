//! What is no HTTP, on bare connections: refused in the one shape, and never taken for two requests.

mod client;

use std::io::{Read, Write};

use client::{Connection, Reply, get, request, start};
use fenlei_serve::Server;

fn send(server: &Server, bytes: &[u8]) -> Option<Reply> {
    let mut connection = Connection::to(server.address());
    // The server may have answered and ended before it has read everything.
    let _ = connection.stream.write_all(bytes);
    connection.reply()
}

#[test]
fn what_is_no_http_is_refused_in_json() {
    let server = start(|options| options.log_requests = true);
    let many: String = (0..200).map(|i| format!("x-{i}: 1\r\n")).collect();
    let long = "a".repeat(100_000);
    let heads = [
        ("what is this\r\n\r\n".to_owned(), 400, "bad_http"),
        ("GET / HTTP/9.9\r\nhost: localhost\r\n\r\n".to_owned(), 400, "bad_http"),
        ("G\u{e9}T / HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned(), 400, "bad_http"),
        ("GET /a b c HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned(), 400, "bad_http"),
        ("GET / HTTP/1.1\r\nhost: localhost\r\nno colon\r\n\r\n".to_owned(), 400, "bad_http"),
        ("GET / HTTP/1.1\r\nhost: localhost\r\n folded: 1\r\n\r\n".to_owned(), 400, "bad_http"),
        ("GET / HTTP/1.1\r\nhost: localhost\r\nx: a\0b\r\n\r\n".to_owned(), 400, "bad_http"),
        (
            "POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n".to_owned(),
            400,
            "bad_http",
        ),
        ("POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n".to_owned(), 400, "bad_http"),
        ("POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1e3\r\n\r\n".to_owned(), 400, "bad_http"),
        ("POST /predict HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: gzip\r\n\r\n".to_owned(), 400, "bad_http"),
        ("POST /predict HTTP/1.0\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n".to_owned(), 400, "bad_http"),
        (format!("GET / HTTP/1.1\r\nhost: localhost\r\n{many}\r\n"), 431, "head_too_large"),
        (format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {long}\r\n\r\n"), 431, "head_too_large"),
    ];
    let n = heads.len();
    for (head, status, code) in heads {
        let shown = head.chars().take(60).collect::<String>();
        let reply = send(&server, head.as_bytes()).unwrap_or_else(|| panic!("no answer to {shown:?}"));
        assert_eq!((reply.status, reply.code().as_str()), (status, code), "{shown:?}: {}", reply.text());
        assert_eq!(reply.header("connection"), Some("close"));
    }
    let reply = send(&server, format!("GET /{long} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes()).unwrap();
    assert!(matches!(reply.status, 414 | 431) && reply.code() == "head_too_large", "{}", reply.status);
    let metrics = get(&server, "/metrics").text();
    assert!(metrics.contains(&format!("fenlei_errors_total{{code=\"bad_http\"}} {}\n", n - 2)), "{metrics}");
}

#[test]
fn a_refusal_comes_behind_the_answers_before_it() {
    let server = start(|_| {});
    let mut connection = Connection::to(server.address());
    let first = request("GET", "/health/live", &[], b"");
    connection.send(&[&first[..], &first, b"nonsense\r\n\r\n"].concat());
    let statuses: Vec<u16> = (0..3).map(|_| connection.reply().unwrap()).map(|reply| reply.status).collect();
    assert_eq!(statuses, [200, 200, 400]);
    let mut rest = Vec::new();
    connection.stream.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
}

#[test]
fn nothing_behind_a_doubtful_length_is_answered() {
    let server = start(|_| {});
    // Read by length, the second request is a part of the first one's body, and by chunks it is one of its own.
    let hidden = "0\r\n\r\nGET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n";
    for (lengths, status) in [
        ("content-length: 4\r\ntransfer-encoding: chunked", Some(400)),
        ("content-length: 60\r\ntransfer-encoding: chunked", Some(400)),
        // The library passes over a length behind chunks: the body is read by chunks, and the connection ends.
        ("transfer-encoding: chunked\r\ncontent-length: 4", None),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", Some(400)),
        ("transfer-encoding: xchunked", Some(400)),
        ("transfer-encoding:\x0bchunked", Some(400)),
        ("transfer-encoding: chunked, chunked\r\ncontent-length: 4", None),
    ] {
        let mut connection = Connection::to(server.address());
        let head = format!("POST /predict HTTP/1.1\r\nhost: localhost\r\n{lengths}\r\n\r\n{hidden}");
        connection.send(head.as_bytes());
        let reply = connection.reply().unwrap_or_else(|| panic!("no answer: {lengths}"));
        assert!(
            reply.status >= 400 && status.is_none_or(|status| reply.status == status),
            "{lengths}: {}",
            reply.status
        );
        reply.code();
        assert_eq!(reply.header("connection"), Some("close"), "{lengths}");
        assert!(connection.reply().is_none(), "{lengths}: a second answer");
    }
}

#[test]
fn a_connection_ends_behind_chunks_and_goes_on_behind_a_length() {
    let server = start(|_| {});
    let body = br#"{"input": "thanks"}"#;
    let mut connection = Connection::to(server.address());
    assert_eq!(connection.ask("POST", "/predict", &[], body).header("connection"), None);
    let chunked = [
        &b"POST /predict HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n13\r\n"[..],
        body,
        b"\r\n0\r\n\r\n",
    ];
    connection.send(&chunked.concat());
    let reply = connection.reply().unwrap();
    assert_eq!((reply.status, reply.header("connection")), (200, Some("close")));
}

#[test]
fn damaged_chunks_are_refused_in_json() {
    let server = start(|_| {});
    for chunks in ["zz\r\n", "-1\r\n", "fffffffffffffffff\r\n", "5\r\nabc\r\n0\r\n\r\n", "1\r\nab\r\n"] {
        let head = "POST /predict HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
        let reply = send(&server, format!("{head}{chunks}").as_bytes()).unwrap();
        assert_eq!((reply.status, reply.code().as_str()), (400, "bad_request"), "{chunks:?}");
    }
}
