//! `POST /predict`: the article's call and that of text-embeddings-inference.
//!
//! `{"input": "text"}` gets a list of labels with scores, best first; a list of texts gets a list of such lists. With
//! `"explain": true` each of these lists stands in an object beside its explanation.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use fenlei::classifier::Scored;
use fenlei::explain::Explanation;
use hyper::Response;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde::{Deserialize, Serialize};

use super::asked::{Asked, Object, client_deadline, json_response, read_json, whole_or_none};
use super::stream;
use super::texts::Texts;
use crate::app::App;
use crate::error::{ApiError, ApiResult, Code};
use crate::http::{Call, read_body};

/// What a client may say.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object as {\"input\": \"text\"}")]
struct PredictBody {
    #[serde(alias = "inputs", alias = "text", alias = "texts")]
    input: Texts,
    model: Option<String>,
    #[serde(default, deserialize_with = "whole_or_none")]
    version: Option<u64>,
    #[serde(default, deserialize_with = "whole_or_none")]
    top_k: Option<u32>,
    threshold: Option<f32>,
    #[serde(default)]
    explain: bool,
    explain_label: Option<String>,
    /// As Hugging Face's clients group them.
    #[serde(default)]
    parameters: Object<Parameters>,
    /// Of text-embeddings-inference: the pipeline of the model says how long texts are cut.
    #[serde(rename = "truncate")]
    _truncate: Option<bool>,
    #[serde(rename = "truncation_direction")]
    _truncation_direction: Option<String>,
    /// Of text-embeddings-inference: scores without a link function, which we do not give.
    raw_scores: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"top_k\": 3}")]
struct Parameters {
    #[serde(deserialize_with = "whole_or_none")]
    top_k: Option<u32>,
    threshold: Option<f32>,
    explain: Option<bool>,
}

#[derive(Serialize)]
struct Explained<'a> {
    predictions: &'a [Scored<'a>],
    explanation: &'a Explanation,
}

/// One for a text, several for a list.
#[derive(Serialize)]
#[serde(untagged)]
enum OneOrMany<'a, T> {
    One(&'a T),
    Many(&'a [T]),
}

pub(super) async fn predict(State(app): State<Arc<App>>, call: Call) -> ApiResult<Response<Body>> {
    let content_type = call.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    if content_type.starts_with(b"application/x-ndjson") || content_type.starts_with(b"application/jsonl") {
        return stream::predict(&app, call);
    }
    let within = client_deadline(&call.headers)?;
    let body = read_body(&call.headers, call.body, &app.options.limits).await?;
    let body: PredictBody = read_json(&body)?;
    if body.raw_scores == Some(true) {
        let message = "raw_scores: this server gives probabilities only";
        return Err(ApiError::new(Code::Unsupported, message, "leave it out"));
    }
    let (is_one, Object(parameters)) = (body.input.is_one, body.parameters);
    let asked = Asked {
        texts: body.input.texts,
        model: body.model,
        version: body.version,
        top_k: body.top_k.or(parameters.top_k),
        threshold: body.threshold.or(parameters.threshold),
        explain: body.explain || parameters.explain.unwrap_or(false) || body.explain_label.is_some(),
        explain_label: body.explain_label,
        within,
    };
    let wants_explanation = asked.explain;
    let answered = asked.answer(&app, &call.id).await?;
    let scored = answered.scored();
    let mut response = if wants_explanation {
        let pairs = scored.iter().zip(answered.explanations());
        let explained: Vec<Explained<'_>> =
            pairs.map(|(predictions, explanation)| Explained { predictions, explanation }).collect();
        json_response(&one_or_many(&explained, is_one))?
    } else {
        json_response(&one_or_many(&scored, is_one))?
    };
    let model = format!("{}/{}", answered.model.name, answered.model.version);
    if let Ok(model) = HeaderValue::from_bytes(model.as_bytes()) {
        response.headers_mut().insert("x-model", model);
    }
    Ok(response)
}

fn one_or_many<T>(all: &[T], is_one: bool) -> OneOrMany<'_, T> {
    match all {
        [one] if is_one => OneOrMany::One(one),
        many => OneOrMany::Many(many),
    }
}

/// What the fuzzer reads.
pub(super) fn read_body_of_predict(body: &[u8]) -> ApiResult<()> {
    read_json::<PredictBody>(body).map(|_| ())
}
