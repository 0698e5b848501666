//! A client that says exactly what a test wants said, and small models to ask.
#![allow(dead_code, reason = "each file of tests uses a part of it")]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fenlei::classifier::Classifier;
use fenlei_serve::{Log, Options, Server};
use serde_json::Value;

/// A model that came with the project.
pub fn model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fenlei/testdata").join(name)
}

pub fn classifier(name: &str) -> Classifier {
    fenlei::artifact::load(&model(name)).unwrap().0
}

/// A server with one model called `m`, or as the change says.
pub fn start(change: impl FnOnce(&mut Options)) -> Server {
    let mut options = Options {
        models: vec![(Some("m".to_owned()), model("classical-v1.fenlei"))],
        threads: 2,
        ..Options::default()
    };
    change(&mut options);
    Server::start(options, Log::nowhere()).unwrap()
}

/// A log that keeps its lines.
pub fn kept_log() -> (Log, Arc<Mutex<Vec<String>>>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&lines);
    (Log::to(Arc::new(move |_, line| kept.lock().unwrap().push(line.to_owned()))), lines)
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The code of a refusal, which has the one shape that all have.
    pub fn code(&self) -> String {
        let json = self.json();
        let has = |key: &str| json[key].as_str().is_some_and(|text| !text.is_empty());
        assert!(has("error") && has("help") && has("request_id"), "{json}");
        assert_eq!(json["request_id"].as_str(), self.header("x-request-id"));
        json["code"].as_str().unwrap().to_owned()
    }
}

/// A connection that is kept open.
pub struct Connection {
    pub stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::new() }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        // Who is refused early finds the connection closed while it still sends; the answer is there all the same.
        if let Err(error) = self.stream.write_all(bytes) {
            let closed = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
            assert!(closed.contains(&error.kind()), "{error}");
        }
    }

    /// Sends a request with a body.
    pub fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        self.send(&request(method, path, headers, body));
        self.reply().expect("an answer")
    }

    /// The next answer; `None` when the connection is closed before.
    pub fn reply(&mut self) -> Option<Reply> {
        let head_end = loop {
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            self.more()?;
        };
        let head = String::from_utf8_lossy(&self.buffer[..head_end]).into_owned();
        self.buffer.drain(..head_end);
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(key, value)| (key.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut reply = Reply { status, headers, body: Vec::new() };
        if reply.header("transfer-encoding") == Some("chunked") {
            loop {
                let size = usize::from_str_radix(&self.line()?, 16).ok()?;
                self.fill(size + 2)?;
                reply.body.extend(self.buffer.drain(..size));
                self.buffer.drain(..2);
                if size == 0 {
                    return Some(reply);
                }
            }
        }
        let n = reply.header("content-length").map_or(0, |n| n.parse().unwrap());
        self.fill(n)?;
        reply.body.extend(self.buffer.drain(..n));
        Some(reply)
    }

    fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|two| two == b"\r\n") {
                let line = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
                self.buffer.drain(..end + 2);
                return Some(line);
            }
            self.more()?;
        }
    }

    fn fill(&mut self, n: usize) -> Option<()> {
        while self.buffer.len() < n {
            self.more()?;
        }
        Some(())
    }

    fn more(&mut self) -> Option<()> {
        let mut bytes = [0; 16 << 10];
        match self.stream.read(&mut bytes) {
            Ok(n) if n > 0 => {
                self.buffer.extend_from_slice(&bytes[..n]);
                Some(())
            }
            _ => None,
        }
    }
}

pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        head.push_str("host: localhost\r\n");
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    [head.as_bytes(), body].concat()
}

pub fn get(server: &Server, path: &str) -> Reply {
    Connection::to(server.address()).ask("GET", path, &[], b"")
}

pub fn post(server: &Server, path: &str, body: impl AsRef<[u8]>) -> Reply {
    Connection::to(server.address()).ask("POST", path, &[("content-type", "application/json")], body.as_ref())
}

/// Waits for something to become so.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(20), "{what} did not happen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The probabilities of one text in an answer, by label.
pub fn score(scored: &Value, label: &str) -> f32 {
    let found = scored.as_array().unwrap().iter().find(|one| one["label"] == label).unwrap();
    found["score"].as_f64().unwrap() as f32
}

/// Some texts, short and long, English and Chinese.
pub fn texts(n: usize) -> Vec<String> {
    let words = [
        "parcel", "broken", "thank", "you", "offer", "cheap", "where", "size", "包裹", "谢谢", "🙂", "\u{0}", "\"",
        "\\",
    ];
    (0..n)
        .map(|i| {
            let n_words = 1 + (i * 7) % 40;
            let words: Vec<&str> = (0..n_words).map(|k| words[(i * 31 + k * k + k) % words.len()]).collect();
            format!("{} {i}", words.join(" "))
        })
        .collect()
}
