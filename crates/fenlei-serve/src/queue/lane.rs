//! A bounded queue whose members may leave it before their turn.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::ticket::{Place, Reply, Ticket};
use super::{Answers, Job, Pace, Work};
use crate::error::{ApiError, ApiResult, Code};
use crate::models::ServedModel;

/// Members without a client stay in the queue until they are more than these and half of it.
const MANY_GONE: usize = 64;

/// How far behind the first request others of its model are looked for.
const LOOK_BEHIND: usize = 256;

/// One queue.
pub(crate) struct Lane {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    max_texts: usize,
    max_bytes: usize,
    pub pace: Pace,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    /// Of requests that still have a client.
    n_texts: usize,
    n_bytes: usize,
    n_gone: usize,
    n_idle_workers: usize,
    closed: bool,
}

impl Lane {
    pub fn new(max_texts: usize, max_bytes: usize) -> Self {
        Self { waiting: Mutex::default(), changed: Condvar::new(), max_texts, max_bytes, pace: Pace::default() }
    }

    /// Nothing in here panics while it holds the lock, and if it did, the figures would still be consistent.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a request at the end. A request that alone is more than the limit gets its turn in an empty queue.
    pub fn submit(
        self: &Arc<Self>,
        model: Arc<ServedModel>,
        texts: Vec<String>,
        n_bytes: usize,
        work: Work,
        deadline: Instant,
    ) -> ApiResult<Ticket> {
        let n_texts = texts.len();
        let (reply, ticket) = Ticket::new(Arc::clone(self), n_texts, n_bytes);
        let job = Job { model, texts, n_bytes, work, deadline, done: Answers::default(), reply };
        let mut waiting = self.lock();
        if waiting.closed {
            drop(waiting);
            ticket.never_queued();
            return Err(ApiError::new(Code::NotReady, "the server is stopping", "ask another one").retry_after(1));
        }
        let full = waiting.n_texts + n_texts > self.max_texts || waiting.n_bytes + n_bytes > self.max_bytes;
        if full && waiting.n_texts > 0 {
            let (n_waiting, bytes_waiting) = (waiting.n_texts, waiting.n_bytes);
            drop(waiting);
            ticket.never_queued();
            let message = format!("{n_waiting} texts are waiting already, and {n_texts} more are too many");
            let seconds = self.pace.seconds_for(bytes_waiting).ceil().clamp(1.0, 60.0) as u64;
            let help = "come again after the time in Retry-After";
            return Err(ApiError::new(Code::Overloaded, message, help).retry_after(seconds));
        }
        waiting.n_texts += n_texts;
        waiting.n_bytes += n_bytes;
        waiting.jobs.push_back(job);
        let wake = waiting.n_idle_workers > 0;
        drop(waiting);
        if wake {
            self.changed.notify_one();
        }
        Ok(ticket)
    }

    /// A request has no client any more.
    pub fn left(&self, place: &Place) {
        let mut waiting = self.lock();
        waiting.n_texts = waiting.n_texts.saturating_sub(place.n_texts);
        waiting.n_bytes = waiting.n_bytes.saturating_sub(place.n_bytes);
        waiting.n_gone += 1;
        if waiting.n_gone > MANY_GONE && waiting.n_gone * 2 > waiting.jobs.len() {
            waiting.jobs.retain(|job| !job.reply.is_gone());
            waiting.n_gone = 0;
        }
    }

    /// Waits for requests and takes some of one model, at most `max_bytes` of text but at least one request; none
    /// when the lane is closed and empty.
    pub fn take(&self, jobs: &mut Vec<Job>, max_bytes: usize) -> bool {
        jobs.clear();
        let mut waiting = self.lock();
        loop {
            waiting.take_same(jobs, max_bytes);
            if !jobs.is_empty() {
                // Others may work on what is left.
                let more = !waiting.jobs.is_empty() && waiting.n_idle_workers > 0;
                drop(waiting);
                if more {
                    self.changed.notify_one();
                }
                return true;
            }
            if waiting.closed {
                return false;
            }
            waiting.n_idle_workers += 1;
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            waiting.n_idle_workers -= 1;
            // Whoever reads requests on the same processor goes first: a batch of many takes little longer than one.
            drop(waiting);
            std::thread::yield_now();
            waiting = self.lock();
        }
    }

    /// Puts back a request of which a piece is done: behind those that wait, so that each has its turn.
    pub fn put_back(&self, job: Job) {
        let mut waiting = self.lock();
        if job.reply.back_in_line() {
            waiting.n_texts += job.reply.place().n_texts;
            waiting.n_bytes += job.reply.place().n_bytes;
            waiting.jobs.push_back(job);
        }
    }

    /// No more requests come in.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Texts that wait, and their bytes.
    pub fn depth(&self) -> (usize, usize) {
        let waiting = self.lock();
        (waiting.n_texts, waiting.n_bytes)
    }
}

impl Waiting {
    /// Takes the first request, and those behind it of the same model and work, as far as they fit.
    fn take_same(&mut self, jobs: &mut Vec<Job>, max_bytes: usize) {
        let mut passed = Vec::new();
        let mut n_bytes = 0;
        for _ in 0..LOOK_BEHIND.max(max_bytes / 64) {
            let Some(job) = self.jobs.pop_front() else { break };
            if job.reply.is_gone() {
                self.n_gone = self.n_gone.saturating_sub(1);
                continue;
            }
            if let Some(first) = jobs.first() {
                if !Arc::ptr_eq(&first.model, &job.model) || first.work != job.work {
                    passed.push(job);
                    if passed.len() > LOOK_BEHIND {
                        break;
                    }
                    continue;
                }
                if n_bytes + job.n_bytes > max_bytes {
                    passed.push(job);
                    break;
                }
            }
            // Between the look and here the client may have left.
            if job.reply.begin() {
                self.n_texts = self.n_texts.saturating_sub(job.reply.place().n_texts);
                self.n_bytes = self.n_bytes.saturating_sub(job.reply.place().n_bytes);
                n_bytes += job.n_bytes;
                jobs.push(job);
            } else {
                self.n_gone = self.n_gone.saturating_sub(1);
            }
        }
        for job in passed.into_iter().rev() {
            self.jobs.push_front(job);
        }
    }
}

impl Reply {
    /// What the request counts for in its lane.
    fn place(&self) -> &Place {
        self.shared_place()
    }
}
