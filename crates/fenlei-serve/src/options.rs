//! How a server runs: what it serves, where, and within which limits.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fenlei_label::Labelling;

/// All that can be chosen. The default serves nothing, on loopback.
#[derive(Debug, Clone)]
pub struct Options {
    /// Model files, each with a name of its own or named after its file; the first one answers where none is named.
    pub models: Vec<(Option<String>, PathBuf)>,
    /// A folder of models, `NAME.fenlei` or `NAME/VERSION.fenlei`, which is looked at again and again.
    pub folder: Option<PathBuf>,
    /// How often files are looked at for changes; `None` for never.
    pub reload: Option<Duration>,
    /// Where to listen; port 0 takes any that is free.
    pub address: SocketAddr,
    /// Where to listen for commands; `None` for nowhere.
    pub admin: Option<SocketAddr>,
    /// Files with certificate chain and private key (PEM).
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Threads that predict; 0 for one a core.
    pub threads: usize,
    /// Who may ask.
    pub access: Access,
    /// What is too much.
    pub limits: Limits,
    /// What is kept and watched.
    pub watch: WatchOptions,
    /// Where requests are traced; `None` for nowhere.
    pub trace: Option<TraceOptions>,
    /// A file that is labelled at `/label/`.
    pub labelling: Option<Arc<Labelling>>,
    /// Whether each request is a line of the log.
    pub log_requests: bool,
    /// Whether SIGTERM ends the server and SIGHUP makes it look at the model files.
    pub hear_signals: bool,
    /// How long requests may take to end after the server was asked to stop.
    pub stop_within: Duration,
}

/// Who may ask.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// Bearer tokens; none for everybody.
    pub tokens: Vec<Token>,
    /// Bearer tokens of the admin listener.
    pub admin_tokens: Vec<Token>,
    /// Pages of these origins may ask (CORS), as `https://example.org`.
    pub origins: Vec<String>,
    /// Names under which the server is reached, beside those of loopback on a loopback address; on other addresses
    /// none means any.
    pub hosts: Vec<String>,
    /// Requests a second for each token, or each client address where there are no tokens.
    pub rate: Option<f64>,
}

/// A bearer token.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// For logs.
    pub name: String,
    /// What has to be shown.
    pub secret: String,
    /// The second since 1970 from which on it is worth nothing.
    pub expires: Option<u64>,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Secrets stay out of whatever is printed.
        write!(f, "Token({}, expires {:?})", self.name, self.expires)
    }
}

/// What is too much.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a body, also after it was unpacked.
    pub body_bytes: usize,
    /// Texts of a request.
    pub items: usize,
    /// Bytes of the head of a request.
    pub header_bytes: usize,
    /// Header lines of a request.
    pub headers: usize,
    /// Open connections; more wait until others end.
    pub connections: usize,
    /// Within this time the head of a request has to be there, or the connection is closed, also an idle one.
    pub header_time: Duration,
    /// Within this time the body has to be there.
    pub body_time: Duration,
    /// Within this time there is an answer, or a refusal.
    pub deadline: Duration,
    /// Texts that wait for their turn.
    pub queued_texts: usize,
    /// Bytes of texts that wait for their turn.
    pub queued_bytes: usize,
    /// Bytes of texts that are predicted at a time.
    pub batch_bytes: usize,
    /// Requests with more bytes of text wait in a queue of their own, so that they do not hold up short ones.
    pub short_bytes: usize,
}

/// What is kept and watched.
#[derive(Debug, Clone, Default)]
pub struct WatchOptions {
    /// The database of predictions and feedback; `None` keeps none.
    pub store: Option<PathBuf>,
    /// Days that it goes back; 0 for ever.
    pub keep_days: u32,
    /// Documents whose figures are what is usual; without them the first texts after a start are.
    pub reference: Option<PathBuf>,
    /// Where alerts are sent.
    pub webhook: Option<String>,
    /// When to alert.
    pub rules: Rules,
}

/// Where requests are traced.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceOptions {
    /// A collector that takes OTLP over HTTP, as `http://localhost:4318`.
    pub collector: String,
    /// How many of the requests without `traceparent` are traced, from 0 to 1.
    pub share: f64,
}

/// When to alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// From this population stability index on, something has changed.
    pub drift: f64,
    /// Below this accuracy by feedback.
    pub accuracy: Option<f64>,
    /// From this share of failed requests on.
    pub errors: f64,
}

impl Default for Rules {
    fn default() -> Self {
        // 0.25 is where users of the index speak of a large change.
        Self { drift: 0.25, accuracy: None, errors: 0.05 }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 8 << 20,
            items: 4096,
            header_bytes: 16 << 10,
            headers: 64,
            connections: 4096,
            header_time: Duration::from_secs(30),
            body_time: Duration::from_secs(10),
            deadline: Duration::from_secs(10),
            queued_texts: 16_384,
            queued_bytes: 64 << 20,
            batch_bytes: 64 << 10,
            short_bytes: 16 << 10,
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            models: Vec::new(),
            folder: None,
            reload: Some(Duration::from_secs(2)),
            address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            admin: None,
            tls: None,
            threads: 0,
            access: Access::default(),
            limits: Limits::default(),
            watch: WatchOptions { keep_days: 30, ..WatchOptions::default() },
            trace: None,
            labelling: None,
            log_requests: false,
            hear_signals: false,
            stop_within: Duration::from_secs(20),
        }
    }
}

impl Options {
    /// How many threads predict.
    pub(crate) fn n_threads(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            n => n,
        }
    }
}
