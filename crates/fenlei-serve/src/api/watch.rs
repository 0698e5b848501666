//! What is watched: metrics for Prometheus, figures for the dashboard, and what people say about predictions.

use std::fmt::Write;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use hyper::Response;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde_json::json;

use super::asked::{json_response, read_json};
use super::health::described;
use crate::app::App;
use crate::error::{ApiError, ApiResult};
use crate::http::{Call, read_body};
use crate::metrics::{render, resident_bytes};
use crate::monitor::Feedback;

/// Characters of a label, at most.
const MAX_LABEL: usize = 200;

pub(super) async fn metrics(State(app): State<Arc<App>>) -> Response<Body> {
    let mut text = render(&app.metrics, &app.queue, &app.registry.all());
    app.monitor.write_metrics(&mut text);
    if let Some(tracer) = &app.tracer {
        for (name, help, count) in [
            ("fenlei_spans_sent_total", "Spans that the collector took.", &tracer.counts.sent),
            ("fenlei_spans_dropped_total", "Spans that were dropped, or not taken.", &tracer.counts.dropped),
        ] {
            let n = count.load(std::sync::atomic::Ordering::Relaxed);
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter\n{name} {n}");
        }
    }
    let mut response = Response::new(Body::from(text));
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// `POST /feedback`: what a prediction should have been. The answer says that it is on the disk.
pub(super) async fn feedback(State(app): State<Arc<App>>, call: Call) -> ApiResult<Response<Body>> {
    let feedback: Feedback = read_json(&read_body(&call.headers, call.body, &app.options.limits).await?)?;
    let n_chars = feedback.label.chars().count();
    if n_chars == 0 || n_chars > MAX_LABEL {
        let message = format!("label: {n_chars} characters, expected 1 to {MAX_LABEL}");
        return Err(ApiError::bad_request(message, "send the name of the true label"));
    }
    let label = feedback.label.clone();
    let predicted = app.monitor.feedback(feedback).await?;
    json_response(&json!({ "kept": true, "predicted": predicted, "right": predicted == label }))
}

/// `GET /watch`: everything that the dashboard shows.
pub(super) async fn watch(State(app): State<Arc<App>>) -> ApiResult<Response<Body>> {
    let first = app.registry.first();
    let models: Vec<serde_json::Value> = app
        .registry
        .all()
        .iter()
        .map(|model| {
            let mut row = described(model, first.as_deref(), &app);
            row["predictions"] = model.tallies.labels().into();
            row["confidences"] = model.tallies.confidences().to_vec().into();
            row
        })
        .collect();
    let (n_requests, n_failed) = app.metrics.requests();
    let (n_predicting, p50, p99) = app.metrics.predicting();
    let finite = |seconds: f64| seconds.is_finite().then_some(seconds);
    let mut all = app.monitor.to_json();
    all["server"] = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": app.metrics.started.elapsed().as_secs(),
        "memory_bytes": resident_bytes(),
        "requests": n_requests, "failed": n_failed, "predict_requests": n_predicting,
        "p50_seconds": finite(p50), "p99_seconds": finite(p99),
        "queue_texts": app.queue.short.depth().0 + app.queue.bulk.depth().0,
        "ready": app.is_ready(),
    });
    all["served"] = models.into();
    json_response(&all)
}
