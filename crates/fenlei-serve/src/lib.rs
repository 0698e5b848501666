//! A server for text classifiers: HTTP in the shapes that clients already speak, batching, limits, hot reload, watching.
//!
//! ```no_run
//! use fenlei_serve::{Log, Options, Server};
//!
//! let options = Options { models: vec![(None, "reviews.fenlei".into())], ..Options::default() };
//! let server = Server::start(options, Log::nowhere())?;
//! println!("http://{}/", server.address());
//! server.wait();
//! # Ok::<(), fenlei::Error>(())
//! ```
//!
//! ```text
//! connection ─hyper→ request ─checks→ handler ─Asked→ queue ─one predict_batch for many→ Answered ─shape→ response
//! ```
//!
//! Invariants: an answer is what [`fenlei::classifier::Classifier::predict_batch`] gives for the same text, whoever asks
//! beside it; nothing that a client sends makes the server panic, or take more memory than its limits say; texts are
//! neither logged nor kept.

mod api;
mod app;
mod bare;
mod clock;
mod error;
mod http;
mod log;
mod metrics;
mod models;
mod monitor;
mod options;
mod pages;
mod queue;
mod server;
mod trace;

pub use bare::serve_bare;
pub use clock::day_begins;
pub use log::{Level, Log, Sink};
pub use options::{Access, Limits, Options, Rules, Token, TraceOptions, WatchOptions};
pub use server::Server;

/// Reads bytes as the body of every address, for the fuzzer; panics where a refusal lacks something.
#[doc(hidden)]
pub use api::read_as_every_body;
