//! A client that asks as fast as it is answered, or at a steady rate whatever the answers do.

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

/// When to ask.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pace {
    /// Each connection asks again when it is answered.
    Closed,
    /// So many requests a second over all connections, due at fixed times. A late answer makes the next ones late, and
    /// their latency counts from when they were due.
    Steady(f64),
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
pub(super) fn ask(
    address: SocketAddr,
    requests: &[Vec<u8>],
    n_connections: usize,
    pace: Pace,
    until: Until,
) -> Result<Measured> {
    let next = AtomicUsize::new(0);
    let ended = AtomicBool::new(false);
    let began = Instant::now();
    let parts: Vec<Result<Measured>> = thread::scope(|scope| {
        let connection = |at: usize| {
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
                    let due = match pace {
                        Pace::Closed => began.elapsed(),
                        Pace::Steady(rate) => {
                            let due =
                                Duration::from_secs_f64((measured.latencies.len() * n_connections + at) as f64 / rate);
                            if let Some(wait) = due.checked_sub(began.elapsed()) {
                                thread::sleep(wait);
                            }
                            due
                        }
                    };
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
                head = self.buffer[..n].windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
            }
            if let Some(end) = head {
                let text = String::from_utf8_lossy(&self.buffer[..end]).to_ascii_lowercase();
                let length =
                    text.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
                if read == 0 || length.is_some_and(|length| n >= end + length) {
                    let closes = read == 0 || text.starts_with("http/1.0") || text.contains("connection: close");
                    if closes {
                        self.stream = connect(self.address)?;
                    }
                    return Ok(text.split(' ').nth(1) == Some("200"));
                }
            }
            if read == 0 || n == self.buffer.len() {
                bail!("the answer is cut off or too long");
            }
        }
    }
}

fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).with_context(|| format!("cannot reach {address}"))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// A server that answers so many connections, each with keep-alive or not.
    fn answering(head: &'static str) -> SocketAddr {
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
            let measured = ask(answering(head), &requests, 3, Pace::Closed, Until::Requests(60)).unwrap();
            assert!(measured.latencies.len() == 60 && measured.quantile(0.5) > 0.0, "{}", measured.latencies.len());
            assert!(measured.quantile(0.99) >= measured.quantile(0.5));
        }
        let refused = ask(
            answering("HTTP/1.1 429 Busy\r\ncontent-length: 0\r\n\r\n"),
            &[request("/", "{}")],
            1,
            Pace::Closed,
            Until::Requests(3),
        );
        assert!(refused.unwrap_err().to_string().contains("3 of 3 requests were refused"));
    }

    #[test]
    fn a_steady_rate_is_kept() {
        let address = answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]");
        let requests = [request("/predict", "{}")];
        let measured = ask(address, &requests, 2, Pace::Steady(200.0), Until::Requests(100)).unwrap();
        assert!(measured.seconds > 0.4, "{}", measured.seconds);
    }
}
