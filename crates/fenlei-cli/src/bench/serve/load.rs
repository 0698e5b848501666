//! A client that asks as fast as it is answered.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How requests went.
#[derive(Debug, Default)]
pub(super) struct Measured {
    pub seconds: f64,
    /// Of each request, from when it was due to its answer, in seconds.
    pub latencies: Vec<f64>,
    pub n_failed: usize,
}

impl Measured {
    pub fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.seconds
    }

    /// The latency below which a share of the requests is.
    pub fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.latencies.clone();
        sorted.sort_by(f64::total_cmp);
        let place = (share * sorted.len() as f64).ceil() as usize;
        sorted.get(place.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or(f64::NAN)
    }
}

/// A request of JSON, ready to be sent.
pub(super) fn request(path: &str, body: &str) -> Vec<u8> {
    let n = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {n}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Asks for a while, or until so many requests are answered.
pub(super) fn ask(address: SocketAddr, requests: &[Vec<u8>], n_connections: usize, until: Until) -> Result<Measured> {
    let next = AtomicUsize::new(0);
    let ended = AtomicBool::new(false);
    let began = Instant::now();
    let parts: Vec<Result<Measured>> = thread::scope(|scope| {
        let connection = |_| {
            let (next, ended) = (&next, &ended);
            scope.spawn(move || {
                let mut measured = Measured::default();
                let mut client = Client::to(address)?;
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    if ended.load(Ordering::Relaxed) || until.is_over(i, began.elapsed()) {
                        ended.store(true, Ordering::Relaxed);
                        return Ok(measured);
                    }
                    let due = began.elapsed();
                    let is_right = client.ask(&requests[i % requests.len()])?;
                    measured.n_failed += usize::from(!is_right);
                    measured.latencies.push(began.elapsed().saturating_sub(due).as_secs_f64());
                }
            })
        };
        let threads: Vec<_> = (0..n_connections).map(connection).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| bail!("a client broke off"))).collect()
    });
    let mut all = Measured { seconds: began.elapsed().as_secs_f64(), ..Measured::default() };
    for part in parts {
        let part = part?;
        all.latencies.extend(part.latencies);
        all.n_failed += part.n_failed;
    }
    if all.n_failed > 0 {
        bail!("{} of {} requests were refused", all.n_failed, all.latencies.len());
    }
    Ok(all)
}

/// When to end.
#[derive(Debug, Clone, Copy)]
pub(super) enum Until {
    Time(Duration),
    Requests(usize),
}

impl Until {
    fn is_over(self, i: usize, elapsed: Duration) -> bool {
        match self {
            Self::Time(time) => elapsed >= time,
            Self::Requests(n) => i >= n,
        }
    }
}

/// One connection, opened again where the server closes it after each answer.
struct Client {
    address: SocketAddr,
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    fn to(address: SocketAddr) -> Result<Self> {
        let stream = connect(address)?;
        Ok(Self { address, stream, buffer: vec![0; 64 << 10] })
    }

    /// Whether the answer was a good one.
    fn ask(&mut self, request: &[u8]) -> Result<bool> {
        self.stream.write_all(request)?;
        let (mut n, mut head) = (0, None);
        loop {
            let read = self.stream.read(&mut self.buffer[n..]).context("no answer")?;
            n += read;
            if head.is_none() {
                head = Head::of(&self.buffer[..n]);
            }
            if let Some(head) = &head
                && (read == 0 || head.length.is_some_and(|length| n >= length))
            {
                if read == 0 || head.closes {
                    self.stream = connect(self.address)?;
                }
                return Ok(head.is_good);
            }
            if read == 0 || n == self.buffer.len() {
                bail!("the answer is cut off or too long");
            }
        }
    }
}

/// What the head of an answer says.
pub(super) struct Head {
    pub is_good: bool,
    /// The connection ends behind it.
    closes: bool,
    /// Bytes of the whole answer, where that is told.
    pub length: Option<usize>,
}

impl Head {
    /// `None` as long as it is not complete.
    pub fn of(answer: &[u8]) -> Option<Self> {
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let text = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
        Some(Self {
            is_good: text.split(' ').nth(1) == Some("200"),
            closes: text.starts_with("http/1.0") || text.contains("connection: close"),
            length: length.map(|length| end + length),
        })
    }
}

pub(super) fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).with_context(|| format!("cannot reach {address}"))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    Ok(stream)
}

#[cfg(test)]
pub(super) mod tests {
    use std::net::TcpListener;

    use super::*;

    /// A server that answers so many connections, each with keep-alive or not.
    pub(in super::super) fn answering(head: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                thread::spawn(move || {
                    let mut bytes = [0; 1024];
                    while stream.read(&mut bytes).is_ok_and(|n| n > 0) {
                        if stream.write_all(head.as_bytes()).is_err() || head.contains("close") {
                            break;
                        }
                    }
                });
            }
        });
        address
    }

    #[test]
    fn every_request_is_counted_whether_or_not_connections_are_kept() {
        for head in [
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]",
            "HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]",
        ] {
            let requests = [request("/predict", "{}")];
            let measured = ask(answering(head), &requests, 3, Until::Requests(60)).unwrap();
            assert!(measured.latencies.len() == 60 && measured.quantile(0.5) > 0.0, "{}", measured.latencies.len());
            assert!(measured.quantile(0.99) >= measured.quantile(0.5));
        }
        let refused = ask(
            answering("HTTP/1.1 429 Busy\r\ncontent-length: 0\r\n\r\n"),
            &[request("/", "{}")],
            1,
            Until::Requests(3),
        );
        assert!(refused.unwrap_err().to_string().contains("3 of 3 requests were refused"));
    }
}
