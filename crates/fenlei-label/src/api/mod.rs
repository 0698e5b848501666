//! What the page asks for, as JSON.

mod decide;
mod next;
mod progress;
mod shown;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Router, extract::DefaultBodyLimit};
use hyper::Uri;
use hyper::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::documents::LabelFormat;
use crate::error::{ApiError, ApiResult, Code, json};
use crate::export::exported;
use crate::{Labelling, page};

/// Bytes of a body: the page sends little.
const BODY: usize = 256 << 10;
/// Characters of an annotator's name.
const NAME: usize = 60;

type Shared = Arc<Labelling>;

/// The page at `/` and what it asks for below `/api`. No request is checked here: whoever serves it does that.
///
/// All addresses in the page are relative, so that it may be nested at any path that ends with `/`.
pub fn router(labelling: Arc<Labelling>) -> Router {
    Router::new()
        .route("/", get(page::html))
        .route("/label.css", get(page::css))
        .route("/label.js", get(page::js))
        .route("/api/session", get(|state| run(state, progress::session)))
        .route("/api/progress", get(|state| run(state, progress::progress)))
        .route("/api/conflicts", get(|state| run(state, progress::conflicts)))
        .route("/api/text", get(text))
        .route("/api/export", get(export))
        .route("/api/next", post(|state, body| ask(state, body, next::next)))
        .route("/api/decide", post(|state, body| ask(state, body, decide::decide)))
        .route("/api/undo", post(|state, body| ask(state, body, decide::undo)))
        .route("/api/labels", post(|state, body| ask(state, body, decide::add_label)))
        .route("/api/learn", post(|state, body| ask(state, body, progress::learn)))
        .fallback(async || refused(Code::NotFound, "there is nothing here"))
        .method_not_allowed_fallback(async || refused(Code::MethodNotAllowed, "this address takes another method"))
        .layer(DefaultBodyLimit::max(BODY))
        .with_state(labelling)
}

fn refused(code: Code, message: &str) -> ApiError {
    ApiError::new(code, message, "load the page again")
}

/// Waits for the database and the model without holding up others.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> ApiResult<T> + Send + 'static) -> ApiResult<T> {
    let failed = |_| ApiError::new(Code::Internal, "the request failed", "look at the terminal of the program");
    tokio::task::spawn_blocking(work).await.map_err(failed)?
}

async fn run<T: Serialize + Send + 'static>(
    State(state): State<Shared>,
    work: fn(&Labelling) -> ApiResult<T>,
) -> ApiResult<Response> {
    apart(move || Ok(json(&work(&state)?))).await
}

async fn ask<Q, T>(
    State(state): State<Shared>,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
    work: fn(&Labelling, Q) -> ApiResult<T>,
) -> ApiResult<Response>
where
    Q: DeserializeOwned + Send + 'static,
    T: Serialize + Send + 'static,
{
    let body = body.map_err(|refusal| match refusal.status() {
        hyper::StatusCode::PAYLOAD_TOO_LARGE => {
            ApiError::new(Code::TooLarge, format!("the body has more than {BODY} bytes"), "send less")
        }
        _ => ApiError::bad_request("the body ended too early", "send it whole"),
    })?;
    let question = serde_json::from_slice(&body).map_err(|error| {
        ApiError::bad_request(format!("the body is not what is expected: {error}"), "load the page again")
    })?;
    apart(move || Ok(json(&work(&state, question)?))).await
}

/// A value of the query of an address. Ours need no decoding.
fn value<'a>(uri: &'a Uri, name: &str) -> Option<&'a str> {
    let pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(key, _)| *key == name).map(|(_, value)| value).next()
}

/// A whole text, however long.
async fn text(State(state): State<Shared>, uri: Uri) -> ApiResult<Response> {
    let place = value(&uri, "place").and_then(|place| place.parse().ok());
    let (Some(place), Some(key)) = (place, value(&uri, "key").map(str::to_owned)) else {
        return Err(ApiError::bad_request("found no place and key in the address", "load the page again"));
    };
    apart(move || {
        let place = state.desk.place(place, &key)?;
        Ok(json(&serde_json::json!({ "text": state.desk.documents.texts[place] })))
    })
    .await
}

/// The file with what was decided, to keep.
async fn export(State(state): State<Shared>, uri: Uri) -> ApiResult<Response> {
    let format = value(&uri, "format").map(str::to_owned);
    let labelled_only = value(&uri, "labelled") == Some("1");
    apart(move || {
        let documents = &state.desk.documents;
        let format = match format.as_deref() {
            None | Some("") => documents.format,
            Some(name) => name.parse::<LabelFormat>().map_err(|error| {
                ApiError::bad_request(error.to_string(), "choose one of the layouts that the page offers")
            })?,
        };
        let answers = state.desk.inner()?.ledger.answers(documents.items.len());
        let mut bytes = Vec::new();
        exported(documents, &answers, format, labelled_only, &mut bytes)
            .map_err(|error| ApiError::new(Code::Internal, error.to_string(), "choose another layout"))?;
        let mut response = Response::new(axum::body::Body::from(bytes));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
        let disposition = format!("attachment; filename=\"labelled.{}\"", format.ending());
        if let Ok(disposition) = HeaderValue::from_str(&disposition) {
            response.headers_mut().insert(CONTENT_DISPOSITION, disposition);
        }
        Ok(response)
    })
    .await
}

/// A name as it is kept.
fn annotator(name: &str) -> ApiResult<String> {
    let name = name.trim();
    let n = name.chars().count();
    if n == 0 || n > NAME || name.chars().any(char::is_control) {
        let message = format!("found a name of {n} characters, expected 1 to {NAME} without control characters");
        return Err(ApiError::bad_request(message, "choose another name"));
    }
    Ok(name.to_owned())
}
