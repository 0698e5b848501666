//! TensorFlow Serving's REST interface: `/v1/models/NAME[/versions/N]` with `:predict`, `:classify`, or a look at it.
//!
//! `:predict` gives what a Keras model with a softmax (or sigmoids) gives: a row of probabilities for each text, in the
//! order of the labels in `/metadata`. `:classify` gives pairs of label and score, best first.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use hyper::{Method, Response};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

use super::asked::{Asked, client_deadline, json_response, read_json};
use super::texts::Texts;
use crate::app::App;
use crate::error::{ApiError, ApiResult, Code};
use crate::http::{Call, read_body};

/// What a path asks for.
#[derive(Debug, PartialEq, Eq)]
struct Place<'a> {
    model: &'a str,
    version: Option<u64>,
    verb: &'a str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PredictBody {
    instances: Option<Texts>,
    inputs: Option<Inputs>,
    #[serde(rename = "signature_name")]
    _signature_name: Option<String>,
}

/// In columns: texts, or one named column of them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Inputs {
    Texts(Texts),
    Named(std::collections::BTreeMap<String, Texts>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClassifyBody {
    examples: Texts,
    #[serde(rename = "signature_name")]
    _signature_name: Option<String>,
    #[serde(rename = "context")]
    _context: Option<IgnoredAny>,
}

pub(super) async fn answer(State(app): State<Arc<App>>, call: Call) -> ApiResult<Response<Body>> {
    let path = call.path.clone();
    let place = place_of(&path)?;
    match (place.verb, &call.method) {
        ("predict", &Method::POST) => predict(&app, &place, call).await,
        ("classify", &Method::POST) => classify(&app, &place, call).await,
        ("", &Method::GET) => status(&app, &place),
        ("metadata", &Method::GET) => metadata(&app, &place),
        ("predict" | "classify" | "" | "metadata", method) => {
            let expected = if matches!(place.verb, "" | "metadata") { "GET" } else { "POST" };
            let message = format!("{method} where {expected} was expected");
            Err(ApiError::new(Code::MethodNotAllowed, message, "see /docs").allow(expected))
        }
        (verb, _) => {
            let message = format!("there is no {verb:?}; expected :predict, :classify, or /metadata");
            Err(ApiError::new(Code::NotFound, message, "see /docs"))
        }
    }
}

/// `/v1/models/NAME[/versions/N][:VERB|/metadata]`.
fn place_of(path: &str) -> ApiResult<Place<'_>> {
    let not_found = || ApiError::new(Code::NotFound, "expected /v1/models/NAME[/versions/N][:predict]", "see /docs");
    let rest = path.strip_prefix("/v1/models/").ok_or_else(not_found)?;
    let (rest, verb) = match (rest.rsplit_once(':'), rest.strip_suffix("/metadata")) {
        (Some((rest, verb)), _) => (rest, verb),
        (None, Some(rest)) => (rest, "metadata"),
        (None, None) => (rest, ""),
    };
    match *rest.split('/').collect::<Vec<_>>() {
        [model] => Ok(Place { model, version: None, verb }),
        [model, "versions", version] => {
            let version = version.parse().map_err(|_| {
                ApiError::bad_request(
                    format!("version: found {version:?}, expected a number"),
                    "leave it out for the latest",
                )
            })?;
            Ok(Place { model, version: Some(version), verb })
        }
        _ => Err(not_found()),
    }
}

impl Place<'_> {
    fn asked(&self, texts: Vec<String>, call_deadline: Option<std::time::Duration>) -> Asked {
        let (model, version) = (Some(self.model.to_owned()), self.version);
        Asked { texts, model, version, within: call_deadline, ..Asked::default() }
    }
}

async fn predict(app: &Arc<App>, place: &Place<'_>, call: Call) -> ApiResult<Response<Body>> {
    let within = client_deadline(&call.headers)?;
    let body: PredictBody = read_json(&read_body(&call.headers, call.body, &app.options.limits).await?)?;
    let (texts, name) = match (body.instances, body.inputs) {
        (Some(texts), None) => (texts.texts, "predictions"),
        (None, Some(Inputs::Texts(texts))) => (texts.texts, "outputs"),
        (None, Some(Inputs::Named(columns))) if columns.len() == 1 => {
            (columns.into_values().flat_map(|texts| texts.texts).collect(), "outputs")
        }
        (None, Some(_)) => {
            return Err(ApiError::bad_request("inputs: expected one column of texts", "see /docs"));
        }
        _ => {
            let message = "expected either \"instances\" or \"inputs\"";
            return Err(ApiError::bad_request(message, "as in {\"instances\": [\"text\"]}"));
        }
    };
    let answered = place.asked(texts, within).answer(app, &call.id).await?;
    let rows: Vec<&[f32]> = answered.rows().collect();
    json_response(&std::collections::BTreeMap::from([(name, rows)]))
}

async fn classify(app: &Arc<App>, place: &Place<'_>, call: Call) -> ApiResult<Response<Body>> {
    let within = client_deadline(&call.headers)?;
    let body: ClassifyBody = read_json(&read_body(&call.headers, call.body, &app.options.limits).await?)?;
    let answered = place.asked(body.examples.texts, within).answer(app, &call.id).await?;
    let scored = answered.scored();
    let pairs: Vec<Vec<(&str, f32)>> =
        scored.iter().map(|labels| labels.iter().filter_map(|one| Some((one.label?, one.score))).collect()).collect();
    json_response(&std::collections::BTreeMap::from([("results", pairs)]))
}

fn status(app: &App, place: &Place<'_>) -> ApiResult<Response<Body>> {
    // Refuses what is not there, with the names that are.
    app.registry.choose(Some(place.model), place.version, 1.0)?;
    let is_meant = |version: u64| place.version.is_none_or(|asked| asked == version);
    let states: Vec<Value> = app
        .registry
        .all()
        .iter()
        .filter(|model| model.name == place.model && is_meant(model.version))
        .map(|model| {
            json!({ "version": model.version.to_string(), "state": "AVAILABLE",
                "status": { "error_code": "OK", "error_message": "" } })
        })
        .collect();
    json_response(&json!({ "model_version_status": states }))
}

fn metadata(app: &App, place: &Place<'_>) -> ApiResult<Response<Body>> {
    let model = app.registry.choose(Some(place.model), place.version, 1.0)?.model;
    let labels = model.classifier.labels();
    let dimension = |size: String| json!({ "size": size, "name": "" });
    let shape = |sizes: Vec<String>| json!({ "dim": sizes.into_iter().map(dimension).collect::<Vec<_>>(), "unknown_rank": false });
    let mut signatures = Map::new();
    signatures.insert(
        "serving_default".to_owned(),
        json!({
            "inputs": { "text": { "dtype": "DT_STRING", "tensor_shape": shape(vec!["-1".into()]), "name": "text" } },
            "outputs": { "probabilities": { "dtype": "DT_FLOAT", "name": "probabilities",
                "tensor_shape": shape(vec!["-1".into(), labels.len().to_string()]) } },
            "method_name": "tensorflow/serving/predict",
        }),
    );
    json_response(&json!({
        "model_spec": { "name": model.name, "signature_name": "", "version": model.version.to_string() },
        "metadata": { "signature_def": { "signature_def": signatures }, "labels": labels },
    }))
}

/// What the fuzzer reads.
pub(super) fn read_bodies(body: &[u8]) -> ApiResult<()> {
    read_json::<ClassifyBody>(body).map(|_| ()).or_else(|_| read_json::<PredictBody>(body).map(|_| ()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_model_version_and_what_to_do() {
        let place = |model, version, verb| Place { model, version, verb };
        for (path, expected) in [
            ("/v1/models/a", place("a", None, "")),
            ("/v1/models/a:predict", place("a", None, "predict")),
            ("/v1/models/a/versions/3:classify", place("a", Some(3), "classify")),
            ("/v1/models/a/versions/3/metadata", place("a", Some(3), "metadata")),
        ] {
            assert_eq!(place_of(path).unwrap(), expected);
        }
        for wrong in ["/v1/models", "/v1/models/a/b", "/v1/models/a/versions/x:predict", "/v1/models/a/versions"] {
            assert!(place_of(wrong).is_err(), "{wrong}");
        }
    }
}
