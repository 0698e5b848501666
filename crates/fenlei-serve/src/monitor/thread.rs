//! The thread that keeps predictions, compares pictures and checks rules.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fenlei::Result;
use fenlei::classifier::Profile;
use rayon::ThreadPoolBuilder;
use serde_json::json;
use tokio::sync::oneshot;

use super::alerts::{Alerts, Finding, tell};
use super::quality::quality;
use super::store::{Feedback, Prediction, Store};
use super::watched::{UsualFrom, Watched, mean_confidence};
use super::{Message, ModelView, Predicted, View};
use crate::clock;
use crate::log::{Level, Log};
use crate::metrics::Metrics;
use crate::models::ServedModel;
use crate::options::{Rules, WatchOptions};

/// Messages that are kept in one transaction.
const TOGETHER: usize = 2000;

/// How often pictures are compared and rules checked.
const LOOK: Duration = Duration::from_secs(5);

/// How often pictures are kept.
const KEEP: Duration = Duration::from_secs(60);

/// Documents of a reference that are looked at.
const REFERENCE_TEXTS: usize = 5000;

/// Feedback below which accuracy is no reason for an alert.
const ENOUGH_FEEDBACK: u64 = 50;

/// Requests between two looks below which their errors are no reason for an alert.
const ENOUGH_REQUESTS: u64 = 20;

/// A day, in seconds; accuracy is that of the last one.
const DAY: u64 = 86_400;

/// What the thread owns.
pub(super) struct Worker {
    store: Option<Store>,
    keep_days: u32,
    reference: Option<PathBuf>,
    reference_texts: Option<Vec<String>>,
    webhook: Option<String>,
    rules: Rules,
    watched: BTreeMap<(String, u64, String), Watched>,
    unkept: Vec<Prediction>,
    alerts: Alerts,
    /// Requests, and those that failed, at the last look.
    requests: (u64, u64),
    view: Arc<Mutex<View>>,
    metrics: Arc<Metrics>,
    log: Log,
}

impl Worker {
    pub fn new(
        store: Option<Store>,
        options: &WatchOptions,
        view: Arc<Mutex<View>>,
        metrics: Arc<Metrics>,
        log: Log,
    ) -> Self {
        Self {
            store,
            keep_days: options.keep_days,
            reference: options.reference.clone(),
            reference_texts: None,
            webhook: options.webhook.clone(),
            rules: options.rules.clone(),
            watched: BTreeMap::new(),
            unkept: Vec::new(),
            alerts: Alerts::default(),
            requests: (0, 0),
            view,
            metrics,
            log,
        }
    }

    /// Works until it is told to stop.
    pub fn run(mut self, receiver: &Receiver<Message>) {
        // Loops of the library run here alone: requests come first.
        let _alone = ThreadPoolBuilder::new().num_threads(1).use_current_thread().build();
        let (mut looked, mut kept, mut dropped) = (Instant::now(), Instant::now(), None::<Instant>);
        loop {
            match receiver.recv_timeout(Duration::from_millis(500)) {
                Ok(message) => {
                    let more = std::iter::from_fn(|| receiver.try_recv().ok()).take(TOGETHER);
                    for message in std::iter::once(message).chain(more) {
                        if self.take(message) {
                            self.keep();
                            self.keep_pictures();
                            return;
                        }
                    }
                    self.keep();
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if looked.elapsed() >= LOOK {
                looked = Instant::now();
                self.look();
            }
            if kept.elapsed() >= KEEP {
                kept = Instant::now();
                self.keep_pictures();
            }
            if dropped.is_none_or(|at| at.elapsed().as_secs() >= 3600) {
                dropped = Some(Instant::now());
                self.drop_old();
            }
        }
    }

    /// Takes a message; true when it was the last one.
    fn take(&mut self, message: Message) -> bool {
        match message {
            Message::Predicted(predicted) => self.predicted(predicted),
            Message::Feedback(feedback, reply) => self.feedback(&feedback, reply),
            Message::Stop => return true,
        }
        false
    }

    fn predicted(&mut self, predicted: Predicted) {
        let Predicted { request_id, model, given, texts } = predicted;
        if self.store.is_some() {
            let time = clock::unix_seconds();
            self.unkept.extend((0..).zip(&given).map(|(item, &(label, confidence))| Prediction {
                request_id: request_id.clone(),
                item,
                model: model.name.clone(),
                version: model.version,
                label: model.classifier.labels()[label].clone(),
                confidence,
                time,
            }));
        }
        if texts.is_empty() {
            return;
        }
        let key = (model.name.clone(), model.version, model.info.data_fingerprint.clone());
        if !self.watched.contains_key(&key) {
            let watched = self.begin(&model);
            self.watched.insert(key.clone(), watched);
        }
        if let Some(watched) = self.watched.get_mut(&key) {
            for (text, (label, confidence)) in texts.iter().zip(given) {
                watched.add(text, label, confidence);
            }
        }
    }

    /// The pictures of a model that was not seen since the start.
    fn begin(&mut self, model: &Arc<ServedModel>) -> Watched {
        let key = (model.name.as_str(), model.version, model.info.data_fingerprint.as_str());
        let mut kept = |kind: &str| self.store.as_mut().and_then(|store| store.profile(key, kind).ok().flatten());
        let (usual, recent) = (kept("usual"), kept("recent"));
        let reference = self.reference_profile(model).map(|profile| (profile, UsualFrom::Reference));
        let of_model = model.info.usual.clone().map(|profile| (profile, UsualFrom::Model));
        match reference.or(of_model) {
            Some((usual, from)) => Watched::new(model, Some(usual), from, recent),
            None => Watched::new(model, usual, UsualFrom::FirstTexts, recent),
        }
    }

    fn reference_profile(&mut self, model: &Arc<ServedModel>) -> Option<Profile> {
        if let Some(path) = self.reference.take() {
            match fenlei::data::read(&path, &fenlei::data::ReadOptions::default()) {
                Ok((documents, _)) => {
                    let texts = documents.texts.into_iter().take(REFERENCE_TEXTS);
                    self.reference_texts = Some(texts.collect());
                }
                Err(error) => {
                    self.log.event(Level::Error, "reference_refused", json!({ "error": error.to_string() }));
                }
            }
        }
        let texts = self.reference_texts.as_deref()?;
        let mut profile = Profile::empty(&model.classifier);
        for texts in texts.chunks(64) {
            profile.merge(&Profile::of(&model.classifier, texts));
        }
        Some(profile)
    }

    fn feedback(&mut self, feedback: &Feedback, reply: oneshot::Sender<Result<Option<String>>>) {
        // The prediction may be among those that wait.
        self.keep();
        let Some(store) = &mut self.store else { return };
        let corrected = store.correct(feedback, clock::unix_seconds());
        if matches!(corrected, Ok(Some(_))) {
            self.metrics.feedback.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
        // Nobody there: it is kept all the same.
        let _ = reply.send(corrected);
    }

    /// Writes the predictions that wait.
    fn keep(&mut self) {
        let Some(store) = self.store.as_mut().filter(|_| !self.unkept.is_empty()) else { return };
        if let Err(error) = store.keep(&self.unkept) {
            self.metrics.watch_dropped.fetch_add(self.unkept.len() as u64, std::sync::atomic::Ordering::Relaxed);
            self.log.event(Level::Error, "store_failed", json!({ "error": error.to_string() }));
        }
        self.unkept.clear();
    }

    fn keep_pictures(&mut self) {
        let Some(store) = &mut self.store else { return };
        for ((name, version, data), watched) in &self.watched {
            let key = (name.as_str(), *version, data.as_str());
            let kept = [("usual", &watched.usual), ("recent", &watched.recent())]
                .into_iter()
                .filter(|(kind, _)| *kind == "recent" || watched.from == UsualFrom::FirstTexts)
                .try_for_each(|(kind, profile)| store.keep_profile(key, kind, profile));
            if let Err(error) = kept {
                self.log.event(Level::Error, "store_failed", json!({ "error": error.to_string() }));
            }
        }
    }

    fn drop_old(&mut self) {
        let Some(store) = self.store.as_mut().filter(|_| self.keep_days > 0) else { return };
        let before = clock::unix_seconds().saturating_sub(u64::from(self.keep_days) * DAY);
        if let Err(error) = store.drop_before(before) {
            self.log.event(Level::Error, "store_failed", json!({ "error": error.to_string() }));
        }
    }

    /// Compares, checks, tells.
    fn look(&mut self) {
        let mut findings = Vec::new();
        let mut models = Vec::new();
        for watched in self.watched.values() {
            let recent = watched.recent();
            let drift = watched.is_comparable(&recent).then(|| recent.drift_from(&watched.usual));
            let (name, version) = (&watched.model.name, watched.model.version);
            for (of, distance) in drift.iter().flat_map(|drift| drift.named()) {
                let rule = match of {
                    "labels" => "drift_labels",
                    "confidence" => "drift_confidence",
                    "length" => "drift_length",
                    _ => "drift_words",
                };
                let (value, limit, subject) = (distance.psi, self.rules.drift, format!("{name}/{version}"));
                findings.push(Finding { rule, subject, value, limit, is_bad: value >= limit });
            }
            models.push(ModelView {
                model: name.clone(),
                version,
                drift,
                unknown_rate: recent.unknown_rate(),
                accuracy_estimated: mean_confidence(&recent),
                json: watched.to_json(&recent),
            });
        }
        let now = clock::unix_seconds();
        let outcomes = self.store.as_mut().and_then(|store| store.outcomes(now.saturating_sub(7 * DAY)).ok());
        let outcomes = outcomes.unwrap_or_default();
        if let Some(limit) = self.rules.accuracy {
            let of_today: Vec<_> = outcomes.iter().filter(|count| count.hour + DAY > now).cloned().collect();
            for today in quality(&of_today).into_iter().filter(|today| today.n >= ENOUGH_FEEDBACK) {
                let (value, subject) = (today.accuracy, format!("{}/{}", today.model, today.version));
                findings.push(Finding { rule: "accuracy", subject, value, limit, is_bad: value < limit });
            }
        }
        let (n, failed) = self.metrics.requests();
        let (n_new, n_failed) = (n - self.requests.0, failed - self.requests.1);
        if n_new >= ENOUGH_REQUESTS {
            self.requests = (n, failed);
            let (value, limit) = (n_failed as f64 / n_new as f64, self.rules.errors);
            findings.push(Finding { rule: "errors", subject: String::new(), value, limit, is_bad: value >= limit });
        }
        let changed = self.alerts.update(findings);
        let view = View { models, quality: quality(&outcomes), findings: self.alerts.all() };
        *self.view.lock().unwrap_or_else(PoisonError::into_inner) = view;
        tell(&changed, self.webhook.as_deref(), &self.log);
    }
}
