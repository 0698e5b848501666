//! Which address does what.

mod admin;
mod asked;
mod grpc;
mod health;
mod inference_v2;
mod predict;
mod stream;
mod tensorflow;
mod texts;
mod watch;

use std::sync::Arc;

use axum::Router;
use axum::response::Redirect;
use axum::routing::{any, get, post};

use crate::app::App;
use crate::error::{ApiError, Code};
use crate::pages;

pub(crate) use admin::admin_router;
pub(crate) use asked::whole;
pub(crate) use grpc::{is_grpc, refusal as grpc_refusal};

/// Reads bytes as every body that a client may send.
pub fn read_as_every_body(body: &[u8]) {
    let refusals = [
        predict::read_body_of_predict(body).err(),
        tensorflow::read_bodies(body).err(),
        inference_v2::read_body_of_infer(body).err(),
        grpc::read_message(body).err(),
        asked::read_json::<crate::monitor::Feedback>(body).err(),
        crate::http::unpack_up_to(body, 1 << 20).err(),
    ];
    for refusal in refusals.into_iter().flatten() {
        assert!(!refusal.message.is_empty() && !refusal.help.is_empty(), "{refusal:?}");
    }
    stream::read_lines(body);
}

/// The addresses for everybody.
pub(crate) fn router(app: Arc<App>) -> Router {
    let labelling = app.options.labelling.clone();
    let router = Router::new()
        .route("/predict", post(predict::predict))
        .route("/models", get(health::models))
        .route("/v1/models/{*rest}", any(tensorflow::answer))
        .route("/v2", any(inference_v2::answer))
        .route("/v2/{*rest}", any(inference_v2::answer))
        .route("/inference.GRPCInferenceService/{method}", post(grpc::answer))
        .route("/", get(pages::playground))
        .route("/dashboard", get(pages::dashboard))
        .route("/docs", get(pages::docs))
        .route("/assets/{name}", get(pages::asset))
        .route("/openapi.json", get(pages::openapi))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(watch::metrics))
        .route("/watch", get(watch::watch))
        .route("/feedback", post(watch::feedback))
        .fallback(async || ApiError::new(Code::NotFound, "there is nothing at this address", "see /docs"))
        .method_not_allowed_fallback(async || {
            ApiError::new(Code::MethodNotAllowed, "this address is asked with another method", "see /docs")
        })
        .with_state(app);
    match labelling {
        None => router,
        Some(labelling) => router
            .route("/label", get(async || Redirect::permanent("/label/")))
            .nest("/label/", fenlei_label::router(labelling)),
    }
}
