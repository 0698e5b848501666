//! Whether the server lives and is ready, and what it serves.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::asked::json_response;
use crate::app::App;
use crate::error::ApiResult;
use crate::models::ServedModel;

/// The process answers.
pub(super) async fn live() -> ApiResult<Response<Body>> {
    json_response(&json!({ "live": true }))
}

/// There is a model, and the server is not about to stop.
pub(super) async fn ready(State(app): State<Arc<App>>) -> ApiResult<Response<Body>> {
    let is_ready = app.is_ready();
    let mut response = json_response(&json!({ "ready": is_ready }))?;
    if !is_ready {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    Ok(response)
}

/// The models and their versions.
pub(super) async fn models(State(app): State<Arc<App>>) -> ApiResult<Response<Body>> {
    let first = app.registry.first();
    let models: Vec<Value> = app.registry.all().iter().map(|model| described(model, first.as_deref(), &app)).collect();
    json_response(&json!({ "models": models }))
}

pub(crate) fn described(model: &ServedModel, first: Option<&str>, app: &App) -> Value {
    let decision = model.classifier.decision();
    json!({
        "name": model.name,
        "version": model.version,
        "default": first == Some(model.name.as_str()),
        "labels": model.classifier.labels(),
        "multi_label": decision.multi_label,
        "has_threshold": decision.has_threshold(),
        "calibrated": decision.calibration.is_some(),
        "trained_on": model.info.n_train,
        "data_fingerprint": model.info.data_fingerprint,
        "library_version": model.info.library_version,
        "traffic": app.registry.traffic(&model.name),
    })
}
