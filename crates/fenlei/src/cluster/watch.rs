//! What a fit tells while it runs, and whether it should end.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::{Error, Result};

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ClusterEvent {
    /// The features are fitted; clusters are looked for.
    Start {
        /// Documents with words.
        n_docs: usize,
        /// Documents in which no word is left.
        n_without_words: usize,
        /// Features.
        n_features: usize,
        /// Share of the features that word vectors cover.
        vectors: Option<String>,
    },
    /// A part of the work is done.
    Step {
        /// Which part: `starts`, `passes`, `k`.
        part: &'static str,
        /// So much of it.
        done: u64,
        /// At most so much.
        total: u64,
        /// What is made large or small: the mean cosine with the centroids, or the error.
        figure: f64,
    },
    /// The numbers of the model are found; names and figures follow.
    Fitted,
}

/// Who listens, and who may ask to end.
#[derive(Default)]
pub(super) struct Watch<'a> {
    pub stop: Option<&'a AtomicBool>,
    pub on_event: Option<&'a mut dyn FnMut(&ClusterEvent)>,
}

impl Watch<'_> {
    /// An error if somebody asked to end.
    pub fn check(&self) -> Result<()> {
        match self.stop {
            Some(stop) if stop.load(Ordering::Relaxed) => Err(Error::Interrupted),
            _ => Ok(()),
        }
    }

    /// Tells what happened.
    pub fn tell(&mut self, event: &ClusterEvent) {
        if let Some(listener) = &mut self.on_event {
            listener(event);
        }
    }

    /// Tells of a step, and whether to go on.
    pub fn step(&mut self, part: &'static str, done: u64, total: u64, figure: f64) -> Result<()> {
        self.tell(&ClusterEvent::Step { part, done, total, figure });
        self.check()
    }
}
