//! The threads that predict.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use fenlei::classifier::Predictions;
use fenlei::explain::{Explanation, explain};
use fenlei::{Error, Result};
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::{Job, Lane, Queue, SharedMetrics, Work};
use crate::error::{ApiError, Code};

/// Texts that are explained at a time: others must get their turn.
const EXPLAINED_AT_A_TIME: usize = 8;

/// All of them.
pub(crate) struct Workers(Vec<JoinHandle<()>>);

impl Workers {
    /// `n_threads` for short requests, each by itself; one more, which shares its loops with as many, for the others.
    pub fn start(queue: &Queue, n_threads: usize, batch_bytes: usize, metrics: &SharedMetrics) -> Result<Self> {
        let refuse = |error: std::io::Error| Error::io("start", "a thread that predicts", error);
        let mut threads = Vec::new();
        for i in 0..n_threads {
            let (lane, metrics) = (Arc::clone(&queue.short), Arc::clone(metrics));
            let run = move || {
                // Loops of the library run on this thread alone: handing parts of short texts to others and waiting
                // for them takes longer than the loops.
                let alone = ThreadPoolBuilder::new().num_threads(1).use_current_thread().build();
                work_whole(&lane, batch_bytes, &metrics);
                drop(alone);
            };
            threads.push(thread::Builder::new().name(format!("predict-{i}")).spawn(run).map_err(refuse)?);
        }
        let (lane, metrics) = (Arc::clone(&queue.bulk), Arc::clone(metrics));
        let pool = wide_pool(n_threads)?;
        let run = move || work_in_pieces(&lane, &pool, batch_bytes * n_threads, &metrics);
        threads.push(thread::Builder::new().name("predict-bulk".to_owned()).spawn(run).map_err(refuse)?);
        Ok(Self(threads))
    }

    /// Waits until all that was asked is answered; the lanes have to be closed before.
    pub fn join(self) {
        for thread in self.0 {
            // A worker catches the panics of its batches, so that there is nothing to pass on.
            let _ = thread.join();
        }
    }
}

/// Threads for loops over much text.
pub(crate) fn wide_pool(n_threads: usize) -> Result<ThreadPool> {
    ThreadPoolBuilder::new().num_threads(n_threads).thread_name(|i| format!("share-{i}")).build().map_err(|error| {
        Error::config("threads", format!("cannot start {n_threads} threads: {error}"), "choose fewer with --threads")
    })
}

/// Answers whole requests, as many at a time as there are.
fn work_whole(lane: &Lane, batch_bytes: usize, metrics: &SharedMetrics) {
    let mut jobs = Vec::new();
    while lane.take(&mut jobs, batch_bytes) {
        refuse_late(&mut jobs);
        let Some(first) = jobs.first() else { continue };
        let model = Arc::clone(&first.model);
        let texts: Vec<&str> = jobs.iter().flat_map(|job| &job.texts).map(String::as_str).collect();
        let n_bytes: usize = jobs.iter().map(|job| job.n_bytes).sum();
        let (n_texts, began) = (texts.len(), Instant::now());
        let predictions = catch_unwind(AssertUnwindSafe(|| model.classifier.predict_batch(&texts)));
        let seconds = began.elapsed().as_secs_f64();
        lane.pace.learn(n_bytes, seconds);
        metrics.batch(n_texts, n_bytes, seconds);
        let Ok(predictions) = predictions.map(Arc::new) else {
            jobs.drain(..).for_each(|job| job.reply.refuse(broken()));
            continue;
        };
        let mut start = 0;
        for mut job in jobs.drain(..) {
            job.done.push(&predictions, start, job.texts.len());
            start += job.texts.len();
            job.reply.answer(job.texts, job.done);
        }
    }
}

/// Answers a piece of one request after a piece of another.
fn work_in_pieces(lane: &Lane, pool: &ThreadPool, piece_bytes: usize, metrics: &SharedMetrics) {
    let mut jobs = Vec::new();
    // Not a byte more than the first: one request at a time.
    while lane.take(&mut jobs, 0) {
        refuse_late(&mut jobs);
        for mut job in jobs.drain(..) {
            let began = Instant::now();
            let texts = next_piece(&job, piece_bytes);
            let n_bytes = texts.iter().map(|text| text.len()).sum();
            let n_texts = texts.len();
            let answered = catch_unwind(AssertUnwindSafe(|| pool.install(|| answer(&job, texts))));
            let seconds = began.elapsed().as_secs_f64();
            lane.pace.learn(n_bytes, seconds);
            metrics.batch(n_texts, n_bytes, seconds);
            let Ok((predictions, explanations)) = answered else {
                job.reply.refuse(broken());
                continue;
            };
            job.done.push(&Arc::new(predictions), 0, n_texts);
            job.done.explanations.extend(explanations);
            if job.done.len() < job.texts.len() {
                lane.put_back(job);
            } else {
                job.reply.answer(job.texts, job.done);
            }
        }
    }
}

/// The texts of a request whose turn it is.
fn next_piece(job: &Job, piece_bytes: usize) -> &[String] {
    let rest = &job.texts[job.done.len()..];
    let max_texts = if job.work == Work::Predict { rest.len() } else { EXPLAINED_AT_A_TIME };
    let mut n_bytes = 0;
    let fits = |text: &&String| {
        n_bytes += text.len();
        n_bytes <= piece_bytes
    };
    let n = rest.iter().take_while(fits).count().clamp(1, max_texts.max(1));
    &rest[..n.min(rest.len())]
}

fn answer(job: &Job, texts: &[String]) -> (Predictions, Vec<Explanation>) {
    let classifier = &job.model.classifier;
    let explanations = match job.work {
        Work::Predict => Vec::new(),
        // Its label was looked up in this very model.
        Work::Explain(options) => explain(classifier, texts, &options).unwrap_or_default(),
    };
    (classifier.predict_batch(texts), explanations)
}

/// Requests that are too late need no work.
fn refuse_late(jobs: &mut Vec<Job>) {
    let now = Instant::now();
    if jobs.iter().all(|job| job.deadline > now) {
        return;
    }
    for job in std::mem::take(jobs) {
        if job.deadline > now {
            jobs.push(job);
        } else {
            job.reply.refuse(ApiError::new(Code::DeadlineExceeded, "the deadline passed", "come again later"));
        }
    }
}

fn broken() -> ApiError {
    ApiError::new(Code::Internal, "the model failed on these texts", "this is a bug, please report it")
}
