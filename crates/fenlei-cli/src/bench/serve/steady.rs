//! A client that asks at a steady rate, whatever the answers do.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::load::{Head, Measured, connect};

/// A connection, and when the request was due that it waits for.
struct Connection {
    stream: TcpStream,
    due: Option<f64>,
    answer: Vec<u8>,
}

/// Asks so many times a second over some connections. Requests are due at fixed times; one that finds no connection free
/// waits for one, and its latency counts from when it was due (no coordinated omission).
///
/// One thread asks and reads without ever sleeping: threads that sleep are woken late, and that would count as the
/// server's time.
pub(super) fn ask_steadily(
    address: SocketAddr,
    requests: &[Vec<u8>],
    n_connections: usize,
    rate: f64,
    time: Duration,
) -> Result<Measured> {
    let mut connections = Vec::with_capacity(n_connections);
    for _ in 0..n_connections {
        let stream = connect(address)?;
        stream.set_nonblocking(true)?;
        connections.push(Connection { stream, due: None, answer: Vec::new() });
    }
    let (began, mut measured, mut n_asked) = (Instant::now(), Measured::default(), 0);
    let mut buffer = vec![0; 64 << 10];
    loop {
        let mut n_waiting = 0;
        for connection in &mut connections {
            let due = n_asked as f64 / rate;
            if connection.due.is_none() && due < time.as_secs_f64() && began.elapsed().as_secs_f64() >= due {
                // A request is far smaller than the memory of a connection, so that it is taken whole or not at all.
                connection.stream.write_all(&requests[n_asked % requests.len()])?;
                connection.due = Some(due);
                n_asked += 1;
            }
            let Some(due) = connection.due else { continue };
            n_waiting += 1;
            match connection.stream.read(&mut buffer) {
                Ok(0) => bail!("the server closed a connection"),
                Ok(n) => connection.answer.extend_from_slice(&buffer[..n]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error.into()),
            }
            let Some(head) = Head::of(&connection.answer) else { continue };
            if head.length.is_some_and(|length| connection.answer.len() >= length) {
                measured.latencies.push(began.elapsed().as_secs_f64() - due);
                measured.n_failed += usize::from(!head.is_good);
                connection.answer.clear();
                connection.due = None;
            }
        }
        let seconds = began.elapsed();
        if n_waiting == 0 && n_asked as f64 / rate >= time.as_secs_f64() {
            measured.seconds = seconds.as_secs_f64();
            return match measured.n_failed {
                0 => Ok(measured),
                n => bail!("{n} of {n_asked} requests were refused"),
            };
        }
        if seconds > time + Duration::from_secs(60) {
            bail!("{n_waiting} requests were not answered");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::load::{request, tests::answering};
    use super::*;

    #[test]
    fn a_steady_rate_is_kept() {
        let address = answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]");
        let requests = [request("/predict", "{}")];
        let measured = ask_steadily(address, &requests, 2, 200.0, Duration::from_millis(500)).unwrap();
        assert_eq!(measured.latencies.len(), 100);
        assert!(measured.seconds > 0.45, "{}", measured.seconds);
        let address = answering("HTTP/1.1 429 Busy\r\ncontent-length: 0\r\n\r\n");
        let refused = ask_steadily(address, &requests, 1, 100.0, Duration::from_millis(50)).unwrap_err();
        assert!(refused.to_string().contains("5 of 5 requests were refused"), "{refused}");
    }
}
