//! Each request as a span, sent to a collector of OpenTelemetry.
//!
//! ```text
//! handler ─end (never waits)→ bounded channel → one thread: batches, OTLP as JSON over HTTP → collector
//! ```
//!
//! Invariants: a request never waits for a collector; what is not sent is counted; no text and no secret stands in a span.

mod context;
mod otlp;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use fenlei::{Error, Result};
use hyper::HeaderMap;
use serde_json::json;

use crate::http::{chance_of, mix};
use crate::log::{Level, Log};
use crate::options::TraceOptions;
pub(crate) use context::TraceContext;

/// Spans that wait for the thread; more are dropped and counted.
const WAITING: usize = 4096;
/// Spans that are sent together.
const TOGETHER: usize = 512;
/// No span waits longer for others.
const WAIT: Duration = Duration::from_secs(1);
/// A collector that takes longer is given up.
const SEND_TIME: Duration = Duration::from_secs(5);

/// A request that is being traced.
pub(crate) struct Open {
    trace_id: String,
    span_id: u64,
    parent: Option<String>,
    began: SystemTime,
}

/// How a request went.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub request_id: String,
    pub method: String,
    /// What the request is about; few of them, whatever the path.
    pub route: &'static str,
    pub path: String,
    pub status: u16,
    /// Of a refusal.
    pub code: Option<&'static str>,
}

/// A request that has ended.
pub(crate) struct Span {
    open: Open,
    ended: SystemTime,
    outcome: Outcome,
}

enum Message {
    Ended(Box<Span>),
    Stop,
}

/// Spans so far.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub sent: AtomicU64,
    /// Those for which there was no place, or that the collector did not take.
    pub dropped: AtomicU64,
}

/// The thread, seen from requests.
pub(crate) struct Tracer {
    sender: SyncSender<Message>,
    share: f64,
    seed: u64,
    next: AtomicU64,
    pub counts: Arc<Counts>,
    stopping: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Tracer {
    /// Starts the thread.
    pub fn start(options: &TraceOptions, log: &Log) -> Result<Self> {
        let url = url_of(&options.collector)?;
        let (sender, receiver) = sync_channel(WAITING);
        let counts = Arc::new(Counts::default());
        let stopping = Arc::new(AtomicBool::new(false));
        let (log, fails) = (log.clone(), false);
        let worker = Worker { url, counts: Arc::clone(&counts), stopping: Arc::clone(&stopping), log, fails };
        let thread = thread::Builder::new()
            .name("trace".to_owned())
            .spawn(move || worker.run(&receiver))
            .map_err(|error| Error::io("start", "the thread that sends spans", error))?;
        let seed = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), std::process::id());
        let thread = Mutex::new(Some(thread));
        Ok(Self { sender, share: options.share, seed, next: AtomicU64::new(0), counts, stopping, thread })
    }

    /// A request begins. Whoever sent it decides whether it is traced; where nobody has, a share of them is.
    pub fn begin(&self, headers: &HeaderMap, request_id: &str) -> Option<Open> {
        let context = TraceContext::of(headers);
        let is_wanted = context.as_ref().map_or_else(|| chance_of(request_id) < self.share, |context| context.sampled);
        if !is_wanted {
            return None;
        }
        let (trace_id, parent) = match context {
            Some(context) => (context.trace_id, Some(context.parent_id)),
            None => (format!("{:016x}{:016x}", self.number(), self.number()), None),
        };
        Some(Open { trace_id, span_id: self.number(), parent, began: SystemTime::now() })
    }

    /// A request has ended.
    pub fn end(&self, open: Open, outcome: Outcome) {
        let span = Span { open, ended: SystemTime::now(), outcome };
        if self.sender.try_send(Message::Ended(Box::new(span))).is_err() {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A number that is not 0, which the standard forbids.
    fn number(&self) -> u64 {
        mix(self.seed ^ self.next.fetch_add(1, Ordering::Relaxed)).max(1)
    }

    /// Sends what waits, unless the collector does not take it, and ends the thread.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        // Where there is no place, the thread is at work, and looks afterwards.
        let _ = self.sender.try_send(Message::Stop);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

/// The address that spans are sent to: that of a collector, with the standard's path where it has none.
fn url_of(collector: &str) -> Result<String> {
    let refuse = |problem: &str| {
        let problem = format!("{collector:?} {problem}");
        Err(Error::config("--otlp", problem, "name a collector, as http://localhost:4318"))
    };
    let Some((_, rest)) = collector.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https")) else {
        return refuse("is no address of HTTP");
    };
    match rest.trim_end_matches('/').split_once('/') {
        _ if rest.is_empty() || rest.starts_with('/') => refuse("names no host"),
        Some(_) => Ok(collector.to_owned()),
        None => Ok(format!("{}/v1/traces", collector.trim_end_matches('/'))),
    }
}

/// What the thread owns.
struct Worker {
    url: String,
    counts: Arc<Counts>,
    stopping: Arc<AtomicBool>,
    log: Log,
    /// Whether the last batch was not taken.
    fails: bool,
}

impl Worker {
    fn run(mut self, receiver: &Receiver<Message>) {
        let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(SEND_TIME)).build().into();
        let mut spans = Vec::new();
        loop {
            let ended = match receiver.recv() {
                Ok(Message::Ended(span)) => {
                    spans.push(*span);
                    gather(receiver, &mut spans)
                }
                Ok(Message::Stop) | Err(_) => true,
            };
            if !spans.is_empty() {
                self.send(&agent, &spans);
                spans.clear();
            }
            if ended || self.stopping.load(Ordering::Relaxed) {
                return self.end(receiver, &agent);
            }
        }
    }

    /// What still waits goes at once; a collector that has just failed is not waited for again.
    fn end(&mut self, receiver: &Receiver<Message>, agent: &ureq::Agent) {
        let rest = receiver.try_iter().filter_map(|message| match message {
            Message::Ended(span) => Some(*span),
            Message::Stop => None,
        });
        let rest: Vec<Span> = rest.collect();
        if self.fails {
            self.counts.dropped.fetch_add(rest.len() as u64, Ordering::Relaxed);
        } else if !rest.is_empty() {
            self.send(agent, &rest);
        }
    }

    fn send(&mut self, agent: &ureq::Agent, spans: &[Span]) {
        let sent = agent.post(&self.url).header("content-type", "application/json").send(&otlp::body(spans));
        let count = if sent.is_ok() { &self.counts.sent } else { &self.counts.dropped };
        count.fetch_add(spans.len() as u64, Ordering::Relaxed);
        match &sent {
            // Once, and not for each batch of a night.
            Err(error) if !self.fails => {
                self.log.event(Level::Error, "trace_failed", json!({ "error": error.to_string() }));
            }
            Ok(_) if self.fails => self.log.event(Level::Info, "trace_recovered", json!({})),
            _ => {}
        }
        self.fails = sent.is_err();
    }
}

/// Takes spans for a while; true when no more come.
fn gather(receiver: &Receiver<Message>, spans: &mut Vec<Span>) -> bool {
    let until = std::time::Instant::now() + WAIT;
    while spans.len() < TOGETHER {
        let left = until.saturating_duration_since(std::time::Instant::now());
        match receiver.recv_timeout(left) {
            Ok(Message::Ended(span)) => spans.push(*span),
            Err(RecvTimeoutError::Timeout) => return false,
            Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return true,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_an_address_with_or_without_a_path() {
        assert_eq!(url_of("http://localhost:4318").unwrap(), "http://localhost:4318/v1/traces");
        assert_eq!(url_of("https://a.example/").unwrap(), "https://a.example/v1/traces");
        assert_eq!(url_of("http://a.example/otlp/v1/traces").unwrap(), "http://a.example/otlp/v1/traces");
        for wrong in ["localhost:4318", "grpc://a", "http://", "http:///v1", ""] {
            assert!(url_of(wrong).unwrap_err().is_wrong_use(), "{wrong}");
        }
    }
}
