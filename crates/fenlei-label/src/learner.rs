//! The thread that learns while others label.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, PoisonError, Weak};
use std::thread::{self, JoinHandle};

use fenlei::classifier::Classifier;
use fenlei::{Error, Result};

use crate::desk::{Desk, View};
use crate::groups::Groups;
use crate::learning::{Learned, Lesson, Suggestions, learn};
use crate::order::Ranks;

/// The thread, and the way to it.
#[derive(Debug)]
pub(crate) struct Learner {
    lessons: Option<Sender<Lesson>>,
    thread: Option<JoinHandle<()>>,
}

impl Learner {
    /// Begins with the near-duplicates, and with what `model` says.
    pub fn start(desk: &Arc<Desk>, model: Option<Classifier>) -> Result<Self> {
        let (lessons, received) = channel();
        let weak = Arc::downgrade(desk);
        // Its own threads: those of the program may be few, and waiting for something else.
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(desk.options.threads)
            .thread_name(|i| format!("learn-{i}"))
            .build()
            .map_err(|error| Error::config("--threads", error.to_string(), "use fewer threads"))?;
        let thread = thread::Builder::new()
            .name("learn".to_owned())
            .spawn(move || pool.install(move || run(&weak, model, received)))
            .map_err(|error| Error::io("start", "the thread that learns", error))?;
        Ok(Self { lessons: Some(lessons), thread: Some(thread) })
    }

    /// Gives it something to learn. Whoever asks sees to it that one lesson waits at most.
    pub fn teach(&self, desk: &Desk, lesson: Lesson, n_labelled: usize) {
        desk.learning.busy.store(true, Ordering::Relaxed);
        desk.learning.n_labelled.store(n_labelled, Ordering::Relaxed);
        let sent = self.lessons.as_ref().is_some_and(|lessons| lessons.send(lesson).is_ok());
        if !sent {
            desk.learning.busy.store(false, Ordering::Relaxed);
        }
    }
}

impl Drop for Learner {
    fn drop(&mut self) {
        self.lessons = None;
        if let Some(thread) = self.thread.take() {
            // Its panics are reported by the thread itself.
            let _ = thread.join();
        }
    }
}

fn run(desk: &Weak<Desk>, model: Option<Classifier>, lessons: Receiver<Lesson>) {
    let mut given = None;
    if let Some(desk) = desk.upgrade() {
        let groups = Groups::find(&desk.documents.texts);
        set(&desk, Suggestions::default(), None, Some(groups));
        if let Some(model) = model
            && let Ok(suggestions) = Suggestions::of(&model, &desk.documents.texts, &desk.stop)
        {
            set(&desk, suggestions.clone(), None, None);
            given = Some(suggestions);
        }
    }
    for lesson in lessons {
        let Some(desk) = desk.upgrade() else { return };
        let view = desk.view();
        let outcome = learn(&lesson, &desk.documents.texts, &view.groups, given.as_ref(), &desk.stop);
        let problem = match outcome {
            Ok(learned) => keep(&desk, learned, given.as_ref()).err().map(|error| error.to_string()),
            Err(Error::Interrupted) => return,
            Err(Error::Train { problem, .. }) => Some(problem),
            Err(error) => Some(error.to_string()),
        };
        *desk.learning.problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
        desk.learning.busy.store(false, Ordering::Relaxed);
    }
}

fn keep(desk: &Desk, learned: Learned, given: Option<&Suggestions>) -> Result<()> {
    let mut inner = desk.lock();
    // A point is always JSON.
    inner.store.add_point(&serde_json::to_string(&learned.point).unwrap_or_default())?;
    inner.points.push(learned.point);
    drop(inner);
    let suggestions = match given {
        Some(given) if learned.suggestions.labels.is_empty() => given.clone(),
        _ => learned.suggestions,
    };
    set(desk, suggestions, Some(learned.suspects), None);
    Ok(())
}

/// A new view, with what is not given taken over from the old one.
fn set(desk: &Desk, suggestions: Suggestions, suspects: Option<Vec<crate::learning::Suspect>>, groups: Option<Groups>) {
    let old = desk.view();
    let suspects = suspects.unwrap_or_else(|| old.suspects.clone());
    let mut ranks = Ranks { random: old.ranks.random.clone(), ..Ranks::default() };
    ranks.suspects = suspects.iter().map(|suspect| suspect.place as u32).collect();
    if !suggestions.probabilities.is_empty() {
        let multi_label = suggestions.decision.as_ref().is_some_and(|decision| decision.multi_label);
        ranks.rank(&suggestions.probabilities, suggestions.labels.len(), multi_label);
    }
    let groups = groups.unwrap_or_else(|| old.groups.clone());
    desk.set_view(View { ranks, groups, suggestions, suspects });
}
