//! A page to label documents with: keyboard first, with suggestions, for several annotators.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use fenlei_label::{Labelling, Listen, Options, Server};
//!
//! let labelling = Arc::new(Labelling::open(Options::of("reviews.jsonl"))?);
//! let server = Server::start(labelling, &Listen::default())?;
//! println!("http://{}/", server.address());
//! # Ok::<(), fenlei::Error>(())
//! ```
//!
//! ```text
//! file ─documents→ Desk ─order→ page ─decision→ store (SQLite) ─ledger→ answers ─export→ file
//!                    └──lesson→ learner ─suggestions, curve, suspects→ Desk
//! ```
//!
//! Invariants: the file of documents is never changed; a decision is on the disk before the page hears that it was kept;
//! nothing that a page sends makes the program panic.

mod access;
mod agreement;
mod api;
mod desk;
mod documents;
mod error;
mod export;
mod groups;
mod learner;
mod learning;
mod ledger;
mod options;
mod order;
mod page;
mod server;
mod store;
pub mod web;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use fenlei::Result;

pub use api::router;
pub use documents::{LabelFormat, ReadAs};
pub use export::{Exported, export};
pub use options::{Listen, Options, database_of};
pub use server::Server;

use desk::Desk;
use learner::Learner;

/// A file that is being labelled, with the thread that learns from the labels.
pub struct Labelling {
    desk: Arc<Desk>,
    learner: Learner,
}

impl Labelling {
    /// Reads the file and the database of decisions, which is made where there is none.
    ///
    /// # Errors
    /// When the file cannot be read or used, and when the database cannot be had; see [`Options`].
    pub fn open(options: Options) -> Result<Self> {
        let (desk, model) = Desk::open(options)?;
        let desk = Arc::new(desk);
        let learner = Learner::start(&desk, model)?;
        let inner = desk.lock();
        let n_labelled = inner.counts(&desk.documents).n_labelled;
        if n_labelled > 0 {
            learner.teach(&desk, desk.lesson(&inner), n_labelled);
        }
        drop(inner);
        Ok(Self { desk, learner })
    }

    /// Where the decisions are kept.
    pub fn database(&self) -> &Path {
        &self.desk.options.db
    }

    /// How many documents there are, and how many have labels.
    pub fn counts(&self) -> (usize, usize) {
        let counts = self.desk.lock().counts(&self.desk.documents);
        (counts.n_docs, counts.n_labelled)
    }
}

impl std::fmt::Debug for Labelling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Labelling({})", self.desk.documents.path.display())
    }
}

impl Drop for Labelling {
    fn drop(&mut self) {
        self.desk.stop.store(true, Ordering::Relaxed);
    }
}
