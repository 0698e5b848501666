//! Requests that wait for their turn, and the threads that answer them.
//!
//! ```text
//! handler ─submit→ Lane (bounded) ─take→ worker: one predict_batch for many requests ─→ each handler its rows
//!    └ Ticket: dropped before its turn, the request leaves the queue
//! ```
//!
//! There are two lanes. In the short one a worker takes whatever waits, up to a number of bytes, so that batches grow
//! with the load and nobody ever waits for company. Requests with much text, and explanations, go through the bulk
//! lane piece by piece and in turn; it has a thread of its own, so that the system shares the processor fairly between
//! the two.
//!
//! Invariants: a result goes to the request that its texts came from, whatever else was in the batch; a request meets
//! one model only; the lanes never hold more than their limits.

mod lane;
mod ticket;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fenlei::classifier::Predictions;
use fenlei::explain::{ExplainOptions, Explanation};

use crate::error::{ApiError, ApiResult, Code};
use crate::metrics::Metrics;
use crate::models::ServedModel;
use crate::options::Limits;
pub(crate) use lane::Lane;
use ticket::Reply;
pub(crate) use worker::{Workers, wide_pool};

/// What is to be done with texts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Work {
    Predict,
    /// Predict, and say which words were why.
    Explain(ExplainOptions),
}

/// A request in a queue.
pub(crate) struct Job {
    pub model: Arc<ServedModel>,
    pub texts: Vec<String>,
    pub n_bytes: usize,
    pub work: Work,
    pub deadline: Instant,
    /// What is done already, of a request that is answered piece by piece.
    pub done: Answers,
    pub reply: Reply,
}

/// Rows of probabilities, and explanations where they were asked for.
#[derive(Default)]
pub(crate) struct Answers {
    pieces: Vec<Piece>,
    pub explanations: Vec<Explanation>,
}

/// Some rows of a batch.
struct Piece {
    predictions: Arc<Predictions>,
    start: usize,
    n: usize,
}

impl Answers {
    /// Appends `n` rows of a batch.
    pub fn push(&mut self, predictions: &Arc<Predictions>, start: usize, n: usize) {
        self.pieces.push(Piece { predictions: Arc::clone(predictions), start, n });
    }

    /// How many texts are answered.
    pub fn len(&self) -> usize {
        self.pieces.iter().map(|piece| piece.n).sum()
    }

    /// The probabilities of each text, in their order.
    pub fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.pieces.iter().flat_map(|piece| (piece.start..piece.start + piece.n).map(|i| piece.predictions.row(i)))
    }
}

/// Both lanes.
pub(crate) struct Queue {
    pub short: Arc<Lane>,
    pub bulk: Arc<Lane>,
    short_bytes: usize,
    deadline: Duration,
}

impl Queue {
    pub fn new(limits: &Limits) -> Self {
        let lane = || Arc::new(Lane::new(limits.queued_texts, limits.queued_bytes));
        Self { short: lane(), bulk: lane(), short_bytes: limits.short_bytes, deadline: limits.deadline }
    }

    /// Lets a request wait for its turn and answers it.
    ///
    /// # Errors
    /// When the queue is full, when the deadline passes, and when the server stops.
    pub async fn answer(
        &self,
        model: &Arc<ServedModel>,
        texts: Vec<String>,
        work: Work,
        within: Option<Duration>,
    ) -> ApiResult<(Vec<String>, Answers)> {
        let within = within.map_or(self.deadline, |within| within.min(self.deadline));
        let deadline = Instant::now() + within;
        let n_bytes = texts.iter().map(String::len).sum();
        let lane = if work == Work::Predict && n_bytes <= self.short_bytes { &self.short } else { &self.bulk };
        let ticket = lane.submit(Arc::clone(model), texts, n_bytes, work, deadline)?;
        ticket.wait(deadline, within).await
    }

    /// Refuses whatever comes from now on. What waits is still answered.
    pub fn close(&self) {
        self.short.close();
        self.bulk.close();
    }
}

/// How long a byte takes, as lately seen; for telling when to come again.
#[derive(Debug, Default)]
pub(crate) struct Pace(AtomicU64);

impl Pace {
    /// Takes in that `n_bytes` took `seconds`.
    pub fn learn(&self, n_bytes: usize, seconds: f64) {
        let now = seconds / n_bytes.max(1) as f64;
        let old = f64::from_bits(self.0.load(Ordering::Relaxed));
        let mixed = if old == 0.0 { now } else { 0.9 * old + 0.1 * now };
        self.0.store(mixed.to_bits(), Ordering::Relaxed);
    }

    /// Seconds until `n_bytes` are done.
    pub fn seconds_for(&self, n_bytes: usize) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed)) * n_bytes as f64
    }
}

fn deadline_passed(within: Duration) -> ApiError {
    let message = format!("there was no answer within {} ms", within.as_millis());
    ApiError::new(Code::DeadlineExceeded, message, "send fewer texts at a time, or come again when less is going on")
}

/// Records of the queue in the metrics, made by workers.
pub(crate) type SharedMetrics = Arc<Metrics>;
