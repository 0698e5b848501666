//! Spans, as a collector gets them.

mod client;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use client::{Connection, get, start, until};
use fenlei_serve::TraceOptions;
use serde_json::{Value, json};

/// A collector that takes one request a connection, and the bodies that it got.
fn collector(answer: &'static str) -> (String, Receiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            let (mut all, mut bytes) = (Vec::new(), [0; 64 << 10]);
            let (head, body) = loop {
                let n = stream.read(&mut bytes).unwrap_or(0);
                all.extend_from_slice(&bytes[..n]);
                let text = String::from_utf8_lossy(&all).into_owned();
                if let Some((head, body)) = text.split_once("\r\n\r\n")
                    && let Ok(body) = serde_json::from_str::<Value>(body)
                {
                    break (head.to_owned(), body);
                }
                assert!(n > 0, "a request that is cut off: {text}");
            };
            let _ = stream.write_all(answer.as_bytes());
            if sender.send((head, body)).is_err() {
                return;
            }
        }
    });
    (url, receiver)
}

const TAKEN: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
const REFUSED: &str = "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

fn traced(url: &str, share: f64) -> fenlei_serve::Server {
    let options = TraceOptions { collector: url.to_owned(), share };
    start(|all| all.trace = Some(options))
}

#[test]
fn requests_are_told_to_a_collector_as_the_protocol_says() {
    let (url, received) = collector(TAKEN);
    let server = traced(&url, 0.0);
    let mut connection = Connection::to(server.address());
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let headers = |flags: &str| format!("00-{trace}-00f067aa0ba902b7-{flags}");
    let (kept, not_kept) = (headers("01"), headers("00"));
    let secret = "a text that nobody else may see";
    let body = json!({ "input": secret }).to_string();
    for (method, path, parent) in
        [("POST", "/predict", &kept), ("POST", "/predict", &not_kept), ("GET", "/v1/models/x", &kept)]
    {
        connection.ask(method, path, &[("traceparent", parent), ("x-request-id", "order-17")], body.as_bytes());
    }
    // Not asked for by its sender, and none of the share.
    connection.ask("POST", "/predict", &[], body.as_bytes());
    let mut spans = Vec::new();
    while spans.len() < 2 {
        let (head, body) = received.recv_timeout(Duration::from_secs(20)).unwrap();
        assert!(head.starts_with("POST /v1/traces HTTP/1.1"), "{head}");
        assert!(!body.to_string().contains(secret));
        let resource = &body["resourceSpans"][0];
        assert_eq!(
            resource["resource"]["attributes"][0],
            json!({ "key": "service.name", "value": { "stringValue": "fenlei" } })
        );
        spans.extend(resource["scopeSpans"][0]["spans"].as_array().unwrap().clone());
    }
    drop(server);
    assert!(received.try_recv().is_err(), "more spans than asked for");
    let attribute = |span: &Value, key: &str| {
        let found = span["attributes"].as_array().unwrap().iter().find(|one| one["key"] == key).cloned();
        found.map(|one| one["value"].clone()).unwrap_or_default()
    };
    let [good, refused] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!((&good["name"], &good["kind"], &good["traceId"]), (&"POST predict".into(), &2.into(), &trace.into()));
    assert_eq!(good["parentSpanId"], "00f067aa0ba902b7");
    assert_eq!(attribute(good, "http.response.status_code"), json!({ "intValue": "200" }));
    assert_eq!(attribute(good, "fenlei.request_id"), json!({ "stringValue": "order-17" }));
    assert_eq!(attribute(refused, "http.response.status_code"), json!({ "intValue": "404" }));
    assert_eq!(attribute(refused, "error.type"), json!({ "stringValue": "unknown_model" }));
    let id = |span: &Value| span["spanId"].as_str().unwrap().to_owned();
    assert!(id(good).len() == 16 && id(good) != id(refused));
    let time = |span: &Value, key: &str| span[key].as_str().unwrap().parse::<u128>().unwrap();
    assert!(time(good, "startTimeUnixNano") < time(good, "endTimeUnixNano"));
}

#[test]
fn a_stopping_server_sends_what_waits() {
    let (url, received) = collector(TAKEN);
    let server = traced(&url, 1.0);
    for _ in 0..3 {
        get(&server, "/health/live");
    }
    drop(server);
    let n: usize = std::iter::from_fn(|| received.recv_timeout(Duration::from_millis(500)).ok())
        .map(|(_, body)| body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().len())
        .sum();
    assert_eq!(n, 3);
}

#[test]
fn a_collector_that_fails_holds_up_nobody_and_what_is_lost_is_counted() {
    let (refusing, _received) = collector(REFUSED);
    // Takes connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_url = format!("http://{}", silent.local_addr().unwrap());
    for (url, n) in [(refusing, 20), (silent_url, 5500)] {
        let server = traced(&url, 1.0);
        let mut connection = Connection::to(server.address());
        let began = Instant::now();
        for _ in 0..n {
            assert_eq!(connection.ask("GET", "/health/live", &[], b"").status, 200);
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
        // A minute is the machine's, not the collector's: each of its answers would take five seconds.
        until("lost spans", || {
            let metrics = get(&server, "/metrics").text();
            let dropped = metrics.lines().find_map(|line| line.strip_prefix("fenlei_spans_dropped_total "));
            dropped.is_some_and(|dropped| dropped.parse::<u64>().unwrap() >= 20)
        });
        let began = Instant::now();
        drop(server);
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    }
}
