//! Which address does what.

mod admin;
mod asked;
mod health;
mod inference_v2;
mod predict;
mod stream;
mod tensorflow;
mod texts;
mod watch;

use std::sync::Arc;

use axum::Router;
use axum::routing::{any, get, post};

use crate::app::App;
use crate::error::{ApiError, Code};

pub(crate) use admin::admin_router;

/// The addresses for everybody.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/predict", post(predict::predict))
        .route("/models", get(health::models))
        .route("/v1/models/{*rest}", any(tensorflow::answer))
        .route("/v2", any(inference_v2::answer))
        .route("/v2/{*rest}", any(inference_v2::answer))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(watch::metrics))
        .route("/watch", get(watch::watch))
        .route("/feedback", post(watch::feedback))
        .fallback(async || ApiError::new(Code::NotFound, "there is nothing at this address", "see /docs"))
        .method_not_allowed_fallback(async || {
            ApiError::new(Code::MethodNotAllowed, "this address is asked with another method", "see /docs")
        })
        .with_state(app)
}
