//! A file on the desk: its documents, what was decided about them, and what was learned from that.
//!
//! Invariant: a decision is in the database before anybody hears of it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fenlei::Result;

use crate::documents::{Documents, ReadAs};
use crate::error::{ApiError, ApiResult, Code};
use crate::groups::Groups;
use crate::learning::{Lesson, Point, Suggestions, Suspect};
use crate::ledger::{Ledger, State};
use crate::options::{Options, database_of};
use crate::order::Ranks;
use crate::store::{Decision, Kind, Store};

/// The name under which the database remembers how the file is read.
const READ_AS: &str = "read_as";
/// For so long a document that was shown to somebody is shown to nobody else.
const HELD: Duration = Duration::from_secs(600);
/// Learning begins again when so many labels have come since, or a tenth of those before.
const FRESH: usize = 5;

/// Everything about a file that is being labelled.
pub(crate) struct Desk {
    pub documents: Documents,
    pub options: DeskOptions,
    inner: Mutex<Inner>,
    view: RwLock<Arc<View>>,
    pub learning: LearningState,
    pub stop: Arc<AtomicBool>,
}

/// What of the options is needed later.
#[derive(Debug)]
pub(crate) struct DeskOptions {
    pub db: PathBuf,
    pub guidelines: Option<String>,
    pub votes: usize,
    pub relabel: bool,
    pub language: Option<&'static str>,
    pub threads: usize,
}

/// What is known about the documents apart from decisions. A new one takes the place of the old one as a whole.
#[derive(Debug, Default)]
pub(crate) struct View {
    pub ranks: Ranks,
    pub groups: Groups,
    pub suggestions: Suggestions,
    pub suspects: Vec<Suspect>,
}

/// What the page shows about learning.
#[derive(Debug, Default)]
pub(crate) struct LearningState {
    pub busy: AtomicBool,
    /// At the last lesson.
    pub n_labelled: AtomicUsize,
    pub problem: Mutex<Option<String>>,
}

/// What changes with each decision.
pub(crate) struct Inner {
    pub store: Store,
    pub ledger: Ledger,
    pub labels: Vec<String>,
    pub points: Vec<Point>,
    /// Who was shown which document, and when.
    held: HashMap<usize, (String, Instant)>,
    /// Documents whose only labels are those of the file, by label, and their number.
    given: (HashMap<String, usize>, usize),
}

/// How far the work is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Counts {
    pub n_docs: usize,
    pub n_labelled: usize,
    /// In the order of the labels.
    pub by_label: Vec<usize>,
}

impl Desk {
    /// Reads the file and the database.
    pub fn open(options: Options) -> Result<(Self, Option<fenlei::classifier::Classifier>)> {
        let db = options.db.unwrap_or_else(|| database_of(&options.data));
        // What was said about the file once holds for later commands, or the labels would not be found again.
        let before = Store::remembered(&db, READ_AS).and_then(|json| serde_json::from_str(&json).ok());
        let read_as = options.read_as.or(before.unwrap_or_default());
        let documents = Documents::read(&options.data, &read_as)?;
        let mut store = Store::open(&db, &documents.fingerprint, options.accept_changes, options.wait)?;
        let read_as = ReadAs { multi_label: documents.multi_label, ..read_as };
        store.remember(READ_AS, &serde_json::to_string(&read_as).unwrap_or_default())?;
        let of_model = options.model.iter().flat_map(|model| model.labels().iter().cloned());
        let labels: Vec<String> =
            options.labels.into_iter().chain(documents.labels.iter().cloned()).chain(of_model).collect();
        store.add_labels(&labels)?;
        let mut inner = Inner {
            ledger: Ledger::default(),
            labels: Vec::new(),
            points: Vec::new(),
            held: HashMap::new(),
            given: (HashMap::new(), 0),
            store,
        };
        inner.load(&documents)?;
        for item in &documents.items {
            item.given.iter().flatten().for_each(|label| *inner.given.0.entry(label.clone()).or_default() += 1);
            inner.given.1 += usize::from(item.given.is_some());
        }
        let random = Ranks::by_chance(documents.items.iter().map(|item| item.key.as_str()));
        let view = View { ranks: Ranks { random, ..Ranks::default() }, ..View::default() };
        let desk = Self {
            options: DeskOptions {
                db,
                guidelines: options.guidelines,
                votes: options.votes.max(1),
                relabel: options.relabel,
                language: options.language,
                threads: options.threads,
            },
            documents,
            inner: Mutex::new(inner),
            view: RwLock::new(Arc::new(view)),
            learning: LearningState::default(),
            stop: Arc::new(AtomicBool::new(false)),
        };
        Ok((desk, options.model))
    }

    /// The decisions as they are now, also those of another program.
    pub fn inner(&self) -> ApiResult<MutexGuard<'_, Inner>> {
        let mut inner = self.lock();
        if inner.store.changed_elsewhere()? {
            inner.load(&self.documents)?;
        }
        Ok(inner)
    }

    /// The decisions as they were.
    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing is left half done by a panic: the ledger follows the database.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn set_view(&self, view: View) {
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(view);
    }

    /// Keeps a decision, and then takes note of it. Tells whether it was there already.
    pub fn decide(&self, inner: &mut Inner, decision: Decision) -> ApiResult<bool> {
        let known = inner.store.decide(&decision, unix_seconds())?;
        if !known {
            if let Some(place) = inner.ledger.place(&decision.item) {
                inner.held.remove(&place);
            }
            inner.ledger.add(decision);
        }
        Ok(known)
    }

    /// What there is to learn from.
    pub fn lesson(&self, inner: &Inner) -> Lesson {
        let mut lesson = Lesson::new(self.documents.multi_label);
        for (place, item) in self.documents.items.iter().enumerate() {
            if let Some(given) = &item.given {
                lesson.add(place, given.clone(), true);
            }
        }
        for place in inner.ledger.places().collect::<Vec<_>>() {
            let at_random = inner.ledger.said(place).values().any(|own| own.why == "random")
                || self.documents.items[place].given.is_some();
            match inner.ledger.state(place) {
                State::Agreed(labels) | State::Conflict(Some(labels)) => lesson.add(place, labels, at_random),
                State::Open | State::Conflict(None) => {}
            }
        }
        lesson
    }

    /// Whether enough has changed since the last lesson.
    pub fn wants_lesson(&self, n_labelled: usize) -> bool {
        let before = self.learning.n_labelled.load(Ordering::Relaxed);
        !self.learning.busy.load(Ordering::Relaxed) && n_labelled >= before + FRESH.max(before / 10)
    }

    /// The place of the document that a page speaks of.
    pub fn place(&self, place: usize, key: &str) -> ApiResult<usize> {
        match self.documents.items.get(place) {
            Some(item) if item.key == key => Ok(place),
            _ => {
                let message = "this document is not in the file";
                Err(ApiError::new(Code::OtherFile, message, "the page is of another file: load it again"))
            }
        }
    }
}

impl Inner {
    /// Everything anew from the database.
    fn load(&mut self, documents: &Documents) -> Result<()> {
        self.ledger = Ledger::new(documents, self.store.decisions()?);
        self.labels = self.store.labels()?;
        self.points = self.store.points()?.iter().filter_map(|json| serde_json::from_str(json).ok()).collect();
        Ok(())
    }

    /// How many documents have a label, and which. The file's own label holds until somebody decides.
    pub fn counts(&self, documents: &Documents) -> Counts {
        let (mut by_label, mut n_labelled) = self.given.clone();
        for place in self.ledger.places() {
            let state = self.ledger.state(place);
            let given = documents.items[place].given.as_ref();
            if state == State::Open {
                continue;
            }
            for label in given.into_iter().flatten() {
                by_label.entry(label.clone()).and_modify(|n| *n -= 1);
            }
            n_labelled += usize::from(given.is_none());
            if let State::Agreed(labels) | State::Conflict(Some(labels)) = state {
                labels.into_iter().for_each(|label| *by_label.entry(label).or_default() += 1);
            }
        }
        let by_label = self.labels.iter().map(|label| by_label.get(label).copied().unwrap_or(0)).collect();
        Counts { n_docs: documents.items.len(), n_labelled, by_label }
    }

    /// Whether a document is shown to somebody else at the moment.
    pub fn is_held(&self, place: usize, annotator: &str) -> bool {
        self.held.get(&place).is_some_and(|(who, since)| who != annotator && since.elapsed() < HELD)
    }

    /// Takes note of what is shown to an annotator: `shown` and nothing else.
    pub fn hold(&mut self, annotator: &str, shown: impl Iterator<Item = usize>) {
        self.held.retain(|_, (who, since)| who != annotator && since.elapsed() < HELD);
        let now = Instant::now();
        self.held.extend(shown.map(|place| (place, (annotator.to_owned(), now))));
    }

    /// Whether an annotator may be asked about a document.
    pub fn is_free(&self, place: usize, annotator: &str, votes: usize) -> bool {
        if self.is_held(place, annotator) || self.ledger.by(place, annotator).is_some() {
            return false;
        }
        self.ledger.review(place).is_none() && self.ledger.said(place).len() < votes
    }

    /// Documents about which annotators differ.
    pub fn conflicts(&self) -> impl Iterator<Item = usize> {
        self.ledger.places().filter(|&place| matches!(self.ledger.state(place), State::Conflict(_)))
    }

    /// The label that an annotator has given to some of these documents last.
    pub fn label_of_any(&self, places: &[u32], but: usize) -> Option<Vec<String>> {
        let others = places.iter().map(|&place| place as usize).filter(|&place| place != but);
        others.filter_map(|place| self.ledger.said(place).values().last().map(|own| own.labels.clone())).next()
    }

    /// Whether a suspected label was looked at by an annotator.
    pub fn has_checked(&self, place: usize, annotator: &str) -> bool {
        self.ledger.review(place).is_some()
            || self.ledger.by(place, annotator).is_some_and(|own| own.why == "suspect" || own.kind == Kind::Skip)
    }
}

/// Seconds since 1970.
fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl Desk {
    /// Takes an annotator's last decision back.
    pub fn undo(&self, inner: &mut Inner, annotator: &str, ticket: &str) -> ApiResult<Option<Decision>> {
        let undone = inner.store.undo(annotator, ticket, unix_seconds())?;
        if let Some(decision) = &undone {
            inner.ledger.remove(decision);
        }
        Ok(undone)
    }
}
