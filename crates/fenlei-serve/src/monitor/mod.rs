//! What becomes of predictions: kept with feedback, compared with what is usual, reported when something is wrong.
//!
//! ```text
//! handlers ─record (never waits)→ bounded channel → one thread: SQLite, pictures, rules ─→ View (dashboard, metrics)
//! ```
//!
//! Invariants: a request never waits for any of this; texts are looked at and forgotten.

mod alerts;
mod quality;
mod store;
mod thread;
mod watched;

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use fenlei::classifier::Drift;
use fenlei::{Error, Result};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::clock;
use crate::error::{ApiError, ApiResult, Code};
use crate::log::Log;
use crate::metrics::{Metrics, escape};
use crate::models::ServedModel;
use crate::options::WatchOptions;
use alerts::Finding;
use quality::Quality;
pub(crate) use store::Feedback;
use store::Store;

/// Messages that wait for the thread; more are dropped and counted.
const WAITING: usize = 8192;

/// Texts a second whose words are looked at.
const SAMPLED: u64 = 200;

/// The thread, seen from requests.
pub(crate) struct Monitor {
    sender: SyncSender<Message>,
    view: Arc<Mutex<View>>,
    has_store: bool,
    /// The second, and how many texts of it were looked at, in one number.
    sampled: AtomicU64,
    metrics: Arc<Metrics>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

enum Message {
    Predicted(Predicted),
    Feedback(Feedback, oneshot::Sender<Result<Option<String>>>),
    Stop,
}

/// Predictions of a request.
struct Predicted {
    request_id: String,
    model: Arc<ServedModel>,
    /// Label and confidence of each text.
    given: Vec<(usize, f32)>,
    /// Empty where this request is not looked at.
    texts: Vec<String>,
}

/// What is known of a model's latest texts.
struct ModelView {
    model: String,
    version: u64,
    drift: Option<Drift>,
    unknown_rate: Option<f64>,
    accuracy_estimated: Option<f64>,
    json: Value,
}

/// What is known.
#[derive(Default)]
struct View {
    models: Vec<ModelView>,
    quality: Vec<Quality>,
    findings: Vec<Finding>,
}

impl Monitor {
    /// Opens the database, where there is to be one, and starts the thread.
    pub fn start(options: &WatchOptions, metrics: &Arc<Metrics>, log: &Log) -> Result<Self> {
        let store = options.store.as_deref().map(Store::open).transpose()?;
        let (sender, receiver) = sync_channel(WAITING);
        let view = Arc::new(Mutex::new(View::default()));
        let has_store = store.is_some();
        let worker = thread::Worker::new(store, options, Arc::clone(&view), Arc::clone(metrics), log.clone());
        let thread = std::thread::Builder::new()
            .name("watch".to_owned())
            .spawn(move || worker.run(&receiver))
            .map_err(|error| Error::io("start", "the thread that watches", error))?;
        let (metrics, thread) = (Arc::clone(metrics), Mutex::new(Some(thread)));
        Ok(Self { sender, view, has_store, sampled: AtomicU64::new(0), metrics, thread })
    }

    /// Takes note of predictions, as far as there is time for it.
    pub fn record(&self, request_id: &str, model: &Arc<ServedModel>, given: Vec<(usize, f32)>, texts: Vec<String>) {
        let is_sampled = self.is_sampled(texts.len() as u64);
        if !self.has_store && !is_sampled {
            return;
        }
        let texts = if is_sampled { texts } else { Vec::new() };
        let model = Arc::clone(model);
        let message = Message::Predicted(Predicted { request_id: request_id.to_owned(), model, given, texts });
        if self.sender.try_send(message).is_err() {
            self.metrics.watch_dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The first requests of each second are looked at.
    fn is_sampled(&self, n_texts: u64) -> bool {
        let second = clock::unix_seconds() & 0xffff_ffff;
        let seen = self.sampled.load(Ordering::Relaxed);
        let n_seen = if seen >> 32 == second { seen & 0xffff_ffff } else { 0 };
        if n_seen >= SAMPLED {
            return false;
        }
        self.sampled.store(second << 32 | (n_seen + n_texts.min(SAMPLED)), Ordering::Relaxed);
        true
    }

    /// Keeps what a prediction should have been, and tells what it was; it is on the disk when this returns.
    pub async fn feedback(&self, feedback: Feedback) -> ApiResult<String> {
        if !self.has_store {
            let message = "this server keeps no predictions";
            return Err(ApiError::new(Code::Unsupported, message, "start it with --store FILE"));
        }
        let id = feedback.request_id.clone();
        let (reply, kept) = oneshot::channel();
        self.sender.try_send(Message::Feedback(feedback, reply)).map_err(|error| match error {
            TrySendError::Full(_) => {
                let message = "too much feedback waits to be kept";
                ApiError::new(Code::Overloaded, message, "come again after the time in Retry-After").retry_after(1)
            }
            TrySendError::Disconnected(_) => ApiError::new(Code::NotReady, "the server is stopping", "ask another one"),
        })?;
        match kept.await {
            Ok(Ok(Some(predicted))) => Ok(predicted),
            Ok(Ok(None)) => {
                let message = format!("no prediction of the request {id:?} is kept");
                let help = "send the X-Request-Id of its answer; predictions are kept for the days of --keep-days";
                Err(ApiError::new(Code::UnknownPrediction, message, help))
            }
            Ok(Err(error)) => Err(ApiError::new(
                Code::StoreFailed,
                error.to_string(),
                "the feedback was not kept; send it again later",
            )),
            Err(_) => Err(ApiError::new(Code::NotReady, "the server is stopping", "send it to another one")),
        }
    }

    /// For the dashboard.
    pub fn to_json(&self) -> Value {
        let view = self.lock();
        json!({
            "store": self.has_store,
            "models": view.models.iter().map(|model| &model.json).collect::<Vec<_>>(),
            "quality": view.quality,
            "alerts": view.findings.iter().map(Finding::to_json).collect::<Vec<_>>(),
        })
    }

    /// For Prometheus.
    pub fn write_metrics(&self, out: &mut String) {
        let view = self.lock();
        let labels = |model: &str, version: u64| format!("model=\"{}\",version=\"{version}\"", escape(model));
        let gauge = |out: &mut String, name: &str, help: &str, rows: Vec<(String, f64)>| {
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge");
            for (labels, value) in rows {
                let _ = writeln!(out, "{name}{{{labels}}} {value}");
            }
        };
        let mut drifts = (Vec::new(), Vec::new());
        for (model, drift) in view.models.iter().filter_map(|model| Some((model, model.drift?))) {
            for (of, distance) in drift.named() {
                let labels = format!("{},of=\"{of}\"", labels(&model.model, model.version));
                drifts.0.push((labels.clone(), distance.psi));
                drifts.1.push((labels, distance.js));
            }
        }
        gauge(out, "fenlei_drift_psi", "Population stability index of the latest texts.", drifts.0);
        gauge(out, "fenlei_drift_js", "Jensen-Shannon divergence of the latest texts, in bits.", drifts.1);
        let of_models = |value: fn(&ModelView) -> Option<f64>| {
            let rows = view.models.iter().filter_map(|m| Some((labels(&m.model, m.version), value(m)?)));
            rows.collect::<Vec<_>>()
        };
        gauge(out, "fenlei_unknown_word_rate", "Share of unknown words.", of_models(|m| m.unknown_rate));
        let estimated = of_models(|m| m.accuracy_estimated);
        gauge(out, "fenlei_accuracy_estimated", "Mean confidence of the latest texts.", estimated);
        let of_feedback = |value: fn(&Quality) -> f64| {
            view.quality.iter().map(|q| (labels(&q.model, q.version), value(q))).collect::<Vec<_>>()
        };
        gauge(out, "fenlei_feedback_accuracy", "Share of right answers, by feedback.", of_feedback(|q| q.accuracy));
        gauge(out, "fenlei_feedback_macro_f1", "Mean F1 of labels, by feedback.", of_feedback(|q| q.macro_f1));
        gauge(out, "fenlei_feedback_texts", "Texts with feedback.", of_feedback(|q| q.n as f64));
        let alert = |finding: &Finding| {
            let labels = format!("rule=\"{}\",subject=\"{}\"", finding.rule, escape(&finding.subject));
            (labels, f64::from(u8::from(finding.is_bad)))
        };
        gauge(out, "fenlei_alert", "1 where somebody should look.", view.findings.iter().map(alert).collect());
    }

    fn lock(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what waits, and ends the thread.
    pub fn stop(&self) {
        // It may be full; the thread is at work on it.
        let _ = self.sender.send(Message::Stop);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}
