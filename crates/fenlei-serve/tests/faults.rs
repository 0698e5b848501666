//! What goes wrong on a network, by accident or by intent.

mod client;

use std::io::Write;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use client::{Connection, get, post, request, start};
use serde_json::json;

#[test]
fn bodies_that_are_no_question_get_a_refusal_in_json() {
    let server = start(|options| {
        options.limits.body_bytes = 1 << 20;
        options.limits.items = 100;
    });
    let deep = |n: usize| [vec![b'['; n], vec![b']'; n]].concat();
    let nested = [br#"{"input": "#.as_slice(), &deep(100_000), b"}"].concat();
    let parameters = [br#"{"inputs": [], "parameters": "#.as_slice(), &deep(100_000), b"}"].concat();
    let too_many = json!({ "input": vec!["a"; 101] }).to_string().into_bytes();
    let too_long = json!({ "input": "a".repeat(1 << 20) }).to_string().into_bytes();
    let cases: Vec<(&[u8], u16, &str)> = vec![
        (b"", 400, "bad_json"),
        (b"{", 400, "bad_json"),
        (b"null", 400, "bad_request"),
        (b"{\"input\": \"\xff\xfe\"}", 400, "bad_json"),
        (b"{\"input\": \"\xed\xa0\x80\"}", 400, "bad_json"),
        (br#"{"input": "\ud800"}"#, 400, "bad_json"),
        (br#"{"input": "a", "input": "b"}"#, 400, "bad_request"),
        (br#"{"input": "a"} x"#, 400, "bad_json"),
        (br#"{"input": 1e999}"#, 400, "bad_json"),
        (&nested, 400, "bad_request"),
        (&parameters, 400, "bad_request"),
        (&too_many, 413, "too_many_items"),
        (&too_long, 413, "body_too_large"),
    ];
    for (body, status, code) in cases {
        for path in ["/predict", "/v1/models/m:predict", "/v2/models/m/infer"] {
            let reply = post(&server, path, body);
            let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
            if path == "/predict" {
                assert_eq!((reply.status, reply.code().as_str()), (status, code), "{shown}: {}", reply.text());
            } else {
                assert!((400..500).contains(&reply.status), "{path} {shown}");
                reply.code();
            }
        }
    }
    assert_eq!(post(&server, "/predict", br#"{"input": "still there"}"#).status, 200);
}

#[test]
fn packed_bodies_are_read_and_bombs_are_not() {
    let server = start(|options| options.limits.body_bytes = 1 << 20);
    let pack = |bytes: &[u8]| {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    };
    let ask = |encoding: &str, body: &[u8]| {
        Connection::to(server.address()).ask("POST", "/predict", &[("content-encoding", encoding)], body)
    };
    assert_eq!(ask("gzip", &pack(br#"{"input": "thanks"}"#)).status, 200);
    let bomb = pack(&vec![b' '; 200 << 20]);
    let before = memory();
    assert_eq!(ask("gzip", &bomb).code(), "body_too_large");
    assert!(memory() < before + (64 << 20));
    assert_eq!(ask("gzip", b"{}").code(), "bad_request");
    assert_eq!(ask("br", b"{}").code(), "unsupported_encoding");
}

fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1024
}

#[test]
fn two_lengths_for_one_body_are_never_believed() {
    let server = start(|_| {});
    let body = br#"{"input": "a"}"#;
    for head in [
        "content-length: 14\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 0",
        "content-length: 14\r\ncontent-length: 5",
        "content-length: 14, 5",
        "content-length: -1",
        "transfer-encoding: gzip",
        "transfer-encoding: chunked, identity",
    ] {
        let mut connection = Connection::to(server.address());
        connection.send(format!("POST /predict HTTP/1.1\r\nhost: localhost\r\n{head}\r\n\r\n").as_bytes());
        connection.send(body);
        // A second request behind it must never be answered as one of its own.
        connection.send(&request("GET", "/health/live", &[], b""));
        if let Some(reply) = connection.reply() {
            assert!(reply.status >= 400, "{head}: {}", reply.status);
        }
        assert!(connection.reply().is_none_or(|reply| reply.status >= 400), "{head}");
    }
    assert_eq!(get(&server, "/health/live").status, 200);
}

#[test]
fn a_body_in_many_small_chunks_is_read() {
    let server = start(|_| {});
    let mut connection = Connection::to(server.address());
    connection.send(b"POST /predict HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n");
    for byte in json!({ "input": "thanks ".repeat(300) }).to_string().bytes() {
        connection.send(&[b"1\r\n".as_slice(), &[byte], b"\r\n"].concat());
    }
    connection.send(b"0\r\n\r\n");
    assert_eq!(connection.reply().unwrap().status, 200);
}

#[test]
fn slow_clients_are_cut() {
    let server = start(|options| {
        options.limits.header_time = Duration::from_millis(300);
        options.limits.body_time = Duration::from_millis(300);
    });
    let mut slow_head = Connection::to(server.address());
    let began = Instant::now();
    slow_head.send(b"POST /predict HTTP/1.1\r\nhost: local");
    let reply = slow_head.reply();
    assert!(reply.is_none_or(|reply| reply.status == 408) && began.elapsed() < Duration::from_secs(5));
    let mut slow_body = Connection::to(server.address());
    slow_body.send(b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{\"in");
    let reply = slow_body.reply().unwrap();
    assert_eq!((reply.status, reply.code().as_str()), (408, "slow_body"));
}

#[test]
fn heads_have_limits() {
    let server = start(|_| {});
    let many: Vec<(String, String)> = (0..200).map(|i| (format!("x-{i}"), "1".to_owned())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut connection = Connection::to(server.address());
    connection.send(&request("GET", "/health/live", &many, b""));
    assert!(connection.reply().is_none_or(|reply| reply.status == 431));
    let mut connection = Connection::to(server.address());
    let long = format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "a".repeat(100_000));
    let _ = connection.stream.write_all(long.as_bytes());
    assert!(connection.reply().is_none_or(|reply| reply.status >= 400));
    assert_eq!(get(&server, "/health/live").status, 200);
}

#[test]
fn clients_that_vanish_leave_nothing_behind() {
    let server = start(|_| {});
    let body = json!({ "input": "parcel where ".repeat(1000) }).to_string();
    for i in 0..200 {
        let mut connection = Connection::to(server.address());
        let whole = request("POST", "/predict", &[], body.as_bytes());
        // In the head, in the body, or while the answer is made.
        let n = whole.len() * (i % 5) / 4;
        connection.send(&whole[..n]);
        let _ = connection.stream.shutdown(Shutdown::Both);
    }
    client::until("an idle server", || {
        let metrics = get(&server, "/metrics").text();
        ["fenlei_queue_texts{lane=\"short\"} 0\n", "fenlei_requests_in_flight 1\n", "fenlei_connections 1\n"]
            .iter()
            .all(|line| metrics.contains(line))
    });
}

#[test]
fn a_thousand_idle_connections_hold_up_nobody() {
    let server = start(|_| {});
    let idle: Vec<Connection> = (0..1000).map(|_| Connection::to(server.address())).collect();
    let mut busy = Connection::to(server.address());
    for _ in 0..50 {
        assert_eq!(busy.ask("POST", "/predict", &[], br#"{"input": "thanks"}"#).status, 200);
    }
    drop(idle);
}

#[test]
fn pages_of_others_and_names_of_others_are_refused() {
    let server = start(|options| options.access.origins = vec!["https://friend.example".to_owned()]);
    let ask = |headers: &[(&str, &str)]| {
        Connection::to(server.address()).ask("POST", "/predict", headers, br#"{"input": "a"}"#)
    };
    assert_eq!(ask(&[("host", "evil.example")]).code(), "forbidden_host");
    assert_eq!(ask(&[("origin", "https://evil.example")]).code(), "forbidden_origin");
    let friend = ask(&[("origin", "https://friend.example")]);
    assert_eq!((friend.status, friend.header("access-control-allow-origin")), (200, Some("https://friend.example")));
    let preflight =
        Connection::to(server.address()).ask("OPTIONS", "/predict", &[("origin", "https://friend.example")], b"");
    assert_eq!(preflight.status, 204);
    assert!(preflight.header("access-control-allow-headers").unwrap().contains("authorization"));
}

#[test]
fn tokens_guard_everything_but_health_and_pages() {
    let token =
        |secret: &str, expires| fenlei_serve::Token { name: "a".to_owned(), secret: secret.to_owned(), expires };
    let server = start(|options| {
        options.access.tokens = vec![token("secret-of-today!", None), token("secret-of-the-past", Some(1))];
        options.access.rate = Some(5.0);
    });
    for open in ["/", "/docs", "/health/live", "/health/ready", "/v2/health/live", "/openapi.json", "/assets/page.js"] {
        assert_eq!(get(&server, open).status, 200, "{open}");
    }
    for closed in ["/models", "/metrics", "/watch", "/v2/models/m", "/v1/models/m", "/nothing"] {
        let reply = get(&server, closed);
        assert_eq!((reply.status, reply.code().as_str()), (401, "unauthorized"), "{closed}");
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
    }
    let ask = |secret: &str| {
        let value = format!("Bearer {secret}");
        Connection::to(server.address()).ask("GET", "/models", &[("authorization", &value)], b"")
    };
    assert!(ask("secret-of-the-past").json()["error"].as_str().unwrap().contains("expired"));
    assert_eq!(ask("secret-of-today").status, 401);
    let statuses: Vec<u16> = (0..10).map(|_| ask("secret-of-today!").status).collect();
    assert_eq!(statuses[0], 200);
    let limited = ask("secret-of-today!");
    assert!(statuses.contains(&429) && limited.status == 429, "{statuses:?}");
    assert_eq!((limited.code().as_str(), limited.header("retry-after")), ("rate_limited", Some("1")));
}

#[test]
fn pages_come_with_a_strict_policy_and_the_examples_of_the_documentation_work() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(|options| options.watch.store = Some(folder.path().join("watch.db")));
    for page in ["/", "/dashboard", "/docs"] {
        let reply = get(&server, page);
        assert_eq!(reply.status, 200);
        assert!(reply.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    }
    assert_eq!(get(&server, "/assets/..%2fmod.rs").code(), "not_found");
    let spec = get(&server, "/openapi.json").json();
    let mut connection = Connection::to(server.address());
    let headers = [("x-request-id", "an-id-of-an-answer")];
    assert_eq!(connection.ask("POST", "/predict", &headers, br#"{"input": "a"}"#).status, 200);
    let mut n_asked = 0;
    for (path, methods) in spec["paths"].as_object().unwrap() {
        let path = path.replace("{model}", "m").replace("{version}", "1");
        for (method, operation) in methods.as_object().unwrap() {
            let bodies: Vec<String> = match operation["requestBody"]["content"].as_object() {
                None => vec![String::new()],
                Some(content) => content
                    .values()
                    .flat_map(|kind| kind["examples"].as_object().unwrap().values())
                    .map(|example| example["value"].to_string())
                    .collect(),
            };
            for body in bodies {
                let reply = connection.ask(&method.to_uppercase(), &path, &[], body.as_bytes());
                assert_eq!(reply.status, 200, "{method} {path} {body}: {}", reply.text());
                n_asked += 1;
            }
        }
    }
    assert!(n_asked > 20, "{n_asked}");
}
