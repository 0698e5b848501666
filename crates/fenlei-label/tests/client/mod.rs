//! A client of the page, in plain HTTP/1.1.

// Each test file uses a part of this.
#![allow(dead_code)]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

/// A connection that stays open.
pub struct Client {
    address: SocketAddr,
    stream: BufReader<TcpStream>,
}

/// What came back.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Self { address, stream: BufReader::new(stream) }
    }

    /// Sends a request as it is written, and reads the answer.
    pub fn raw(&mut self, head: &str, body: &[u8]) -> io::Result<Answer> {
        let head = format!("{head}\r\nContent-Length: {}\r\n\r\n", body.len());
        let stream = self.stream.get_mut();
        stream.write_all(&[head.as_bytes(), body].concat())?;
        let mut head = String::new();
        loop {
            let before = head.len();
            if self.stream.read_line(&mut head)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if head[before..].trim().is_empty() {
                break;
            }
        }
        let field = |name: &str| {
            head.lines().find_map(|line| line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)))
        };
        let n = field("content-length").map_or(0, |(_, n)| n.trim().parse().unwrap());
        let mut body = vec![0; n];
        self.stream.read_exact(&mut body)?;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Ok(Answer { status, head, body })
    }

    pub fn get(&mut self, path: &str) -> Answer {
        let head = format!("GET {path} HTTP/1.1\r\nHost: {}", self.address);
        self.raw(&head, b"").unwrap()
    }

    pub fn try_post(&mut self, path: &str, body: &Value) -> io::Result<Answer> {
        let head = format!("POST {path} HTTP/1.1\r\nHost: {}", self.address);
        self.raw(&head, body.to_string().as_bytes())
    }

    pub fn post(&mut self, path: &str, body: &Value) -> Answer {
        self.try_post(path, body).unwrap()
    }

    /// The next documents of an annotator.
    #[track_caller]
    pub fn next(&mut self, who: &str, mode: &str, n: usize) -> Vec<Value> {
        let answer = self.post("/api/next", &json!({ "annotator": who, "mode": mode, "n": n }));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["items"].as_array().unwrap().clone()
    }

    /// Decides about a document that came from [`Client::next`].
    pub fn decide(&mut self, who: &str, item: &Value, ticket: &str, labels: &[&str]) -> Answer {
        self.post("/api/decide", &decision(who, item, ticket, labels))
    }
}

pub fn decision(who: &str, item: &Value, ticket: &str, labels: &[&str]) -> Value {
    json!({
        "annotator": who, "ticket": ticket, "place": item["place"], "key": item["key"], "kind": "label",
        "labels": labels, "why": item["why"], "seconds": 1.0,
    })
}
