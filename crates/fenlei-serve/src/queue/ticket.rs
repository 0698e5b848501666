//! A request's place in its queue, seen from both sides: the client may leave, the worker may begin; one of them first.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::{Answers, Lane, deadline_passed};
use crate::error::{ApiError, ApiResult, Code};

const WAITING: u8 = 0;
const BEGUN: u8 = 1;
const GONE: u8 = 2;

/// What a request counts for in its lane, and where it is.
pub(crate) struct Place {
    state: AtomicU8,
    pub n_texts: usize,
    pub n_bytes: usize,
}

/// What comes of a request.
enum Outcome {
    Answered(Vec<String>, Answers),
    Refused(ApiError),
}

/// The client's side. Dropping it takes the request out of the queue.
pub(crate) struct Ticket {
    place: Arc<Place>,
    lane: Arc<Lane>,
    receiver: oneshot::Receiver<Outcome>,
}

/// The worker's side.
pub(crate) struct Reply {
    place: Arc<Place>,
    sender: oneshot::Sender<Outcome>,
}

impl Ticket {
    pub fn new(lane: Arc<Lane>, n_texts: usize, n_bytes: usize) -> (Reply, Self) {
        let place = Arc::new(Place { state: AtomicU8::new(WAITING), n_texts, n_bytes });
        let (sender, receiver) = oneshot::channel();
        (Reply { place: Arc::clone(&place), sender }, Self { place, lane, receiver })
    }

    /// The request did not come in, so that there is nothing to leave.
    pub fn never_queued(self) {
        self.place.state.store(BEGUN, Ordering::Relaxed);
    }

    /// Waits for the answer.
    pub async fn wait(mut self, deadline: Instant, within: Duration) -> ApiResult<(Vec<String>, Answers)> {
        match tokio::time::timeout_at(deadline.into(), &mut self.receiver).await {
            Err(_) => Err(deadline_passed(within)),
            Ok(Ok(Outcome::Answered(texts, answers))) => Ok((texts, answers)),
            Ok(Ok(Outcome::Refused(error))) => Err(error),
            Ok(Err(_)) => {
                Err(ApiError::new(Code::Internal, "the request was dropped", "try again; report it if it stays"))
            }
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // Whoever changes the state out of `WAITING` settles the account of the lane.
        if self.place.state.compare_exchange(WAITING, GONE, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            self.lane.left(&self.place);
        }
    }
}

impl Reply {
    pub fn is_gone(&self) -> bool {
        self.place.state.load(Ordering::Acquire) == GONE || self.sender.is_closed()
    }

    /// The worker takes it; false when the client left before.
    pub fn begin(&self) -> bool {
        self.place.state.compare_exchange(WAITING, BEGUN, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// The rest of it waits again; false when nobody waits for it.
    pub fn back_in_line(&self) -> bool {
        if self.sender.is_closed() {
            return false;
        }
        self.place.state.compare_exchange(BEGUN, WAITING, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    pub(super) fn shared_place(&self) -> &Place {
        &self.place
    }

    pub fn answer(self, texts: Vec<String>, answers: Answers) {
        // Nobody there: nobody to tell.
        let _ = self.sender.send(Outcome::Answered(texts, answers));
    }

    pub fn refuse(self, error: ApiError) {
        let _ = self.sender.send(Outcome::Refused(error));
    }
}
