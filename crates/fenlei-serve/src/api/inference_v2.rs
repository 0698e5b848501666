//! The Open Inference Protocol, version 2, over HTTP: one input of texts, outputs `label`, `score`, `probabilities`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use fenlei::classifier::Scored;
use hyper::{Method, Response, StatusCode};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::asked::{Answered, Asked, Object, client_deadline, json_response, read_json};
use super::texts::Texts;
use crate::app::App;
use crate::error::{ApiError, ApiResult, Code};
use crate::http::{Call, read_body};
use crate::models::ServedModel;

/// The names of what can be asked for.
pub(super) const OUTPUTS: [&str; 3] = ["label", "score", "probabilities"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InferBody {
    id: Option<String>,
    inputs: Vec<Object<Input>>,
    #[serde(default)]
    outputs: Vec<Object<Output>>,
    #[serde(rename = "parameters")]
    _parameters: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    name: String,
    shape: Vec<u64>,
    datatype: String,
    data: Texts,
    #[serde(rename = "parameters")]
    _parameters: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Output {
    name: String,
    #[serde(rename = "parameters")]
    _parameters: Option<IgnoredAny>,
}

#[derive(Serialize)]
struct InferAnswer<'a> {
    model_name: &'a str,
    model_version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    outputs: Vec<Tensor<'a>>,
}

#[derive(Serialize)]
struct Tensor<'a> {
    name: &'static str,
    datatype: &'static str,
    shape: Vec<usize>,
    data: Data<'a>,
}

/// Row after row.
#[derive(Serialize)]
#[serde(untagged)]
enum Data<'a> {
    Labels(Vec<&'a str>),
    Numbers(Vec<f32>),
}

pub(super) async fn answer(State(app): State<Arc<App>>, call: Call) -> ApiResult<Response<Body>> {
    let path = call.path.clone();
    let mut parts = path.split('/').skip(2).filter(|part| !part.is_empty());
    let parts: Vec<&str> = parts.by_ref().collect();
    let get = call.method == Method::GET;
    match (&parts[..], get) {
        ([], true) => json_response(&json!({
            "name": "fenlei", "version": env!("CARGO_PKG_VERSION"), "extensions": []
        })),
        (["health", "live"], true) => json_response(&json!({ "live": true })),
        (["health", "ready"], true) => ready(app.is_ready(), json!({ "ready": app.is_ready() })),
        (["models", rest @ ..], _) => {
            let (name, version, verb) = model_of(rest)?;
            let known = matches!(verb, "" | "ready" | "infer");
            match (verb, get) {
                ("", true) => metadata(&app, &app.registry.choose(Some(name), version, 1.0)?.model),
                // Whatever is here is ready; the protocol wants 4xx for all else.
                ("ready", true) => {
                    app.registry.choose(Some(name), version, 1.0)?;
                    json_response(&json!({ "name": name, "ready": true }))
                }
                ("infer", false) if call.method == Method::POST => infer(&app, name, version, call).await,
                _ if known => Err(wrong_method(&call.method, if verb == "infer" { "POST" } else { "GET" })),
                _ => Err(not_found()),
            }
        }
        ([] | ["health", "live" | "ready"], false) => Err(wrong_method(&call.method, "GET")),
        _ => Err(not_found()),
    }
}

fn wrong_method(method: &Method, expected: &'static str) -> ApiError {
    let message = format!("{method} where {expected} was expected");
    ApiError::new(Code::MethodNotAllowed, message, "see /docs").allow(expected)
}

fn not_found() -> ApiError {
    ApiError::new(Code::NotFound, "expected /v2/models/NAME[/versions/N]/infer", "see /docs")
}

fn ready(is: bool, body: Value) -> ApiResult<Response<Body>> {
    let mut response = json_response(&body)?;
    if !is {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    Ok(response)
}

/// Name, version and verb of `NAME[/versions/N][/VERB]`.
fn model_of<'a>(parts: &[&'a str]) -> ApiResult<(&'a str, Option<u64>, &'a str)> {
    let number = |version: &str| {
        version.parse().map(Some).map_err(|_| {
            ApiError::bad_request(
                format!("version: found {version:?}, expected a number"),
                "leave it out for the latest",
            )
        })
    };
    match *parts {
        [name] => Ok((name, None, "")),
        [name, "versions", version] => Ok((name, number(version)?, "")),
        [name, "versions", version, verb] => Ok((name, number(version)?, verb)),
        [name, verb] => Ok((name, None, verb)),
        _ => Err(not_found()),
    }
}

fn metadata(app: &App, model: &ServedModel) -> ApiResult<Response<Body>> {
    let versions: Vec<String> = app
        .registry
        .all()
        .iter()
        .filter(|other| other.name == model.name)
        .map(|other| other.version.to_string())
        .collect();
    json_response(&json!({
        "name": model.name,
        "versions": versions,
        "platform": "fenlei",
        "inputs": [{ "name": "text", "datatype": "BYTES", "shape": [-1] }],
        "outputs": [
            { "name": "label", "datatype": "BYTES", "shape": [-1] },
            { "name": "score", "datatype": "FP32", "shape": [-1] },
            { "name": "probabilities", "datatype": "FP32", "shape": [-1, model.classifier.labels().len()],
              "parameters": { "labels": model.classifier.labels() } },
        ],
    }))
}

async fn infer(app: &Arc<App>, name: &str, version: Option<u64>, call: Call) -> ApiResult<Response<Body>> {
    if call.headers.contains_key("inference-header-content-length") {
        return Err(ApiError::new(
            Code::Unsupported,
            "the binary extension is not spoken here",
            "send the data as JSON",
        ));
    }
    let within = client_deadline(&call.headers)?;
    let body: InferBody = read_json(&read_body(&call.headers, call.body, &app.options.limits).await?)?;
    let [Object(input)] = &body.inputs[..] else {
        let message = format!("inputs: found {}, expected one of texts", body.inputs.len());
        return Err(ApiError::bad_request(message, "GET /v2/models/NAME tells its name and type"));
    };
    check_input(&input.name, &input.datatype, &input.shape, input.data.texts.len())?;
    check_outputs(body.outputs.iter().map(|output| output.0.name.as_str()))?;
    let texts = body.inputs.into_iter().flat_map(|input| input.0.data.texts).collect();
    let asked = Asked { texts, model: Some(name.to_owned()), version, within, ..Asked::default() };
    let answered = asked.answer(app, &call.id).await?;
    let is_wanted = |name: &str| body.outputs.is_empty() || body.outputs.iter().any(|output| output.0.name == name);
    let scored = answered.scored();
    let wanted = OUTPUTS.into_iter().filter(|name| is_wanted(name));
    json_response(&InferAnswer {
        model_name: &answered.model.name,
        model_version: answered.model.version.to_string(),
        id: body.id,
        outputs: wanted.map(|name| tensor(name, &answered, &scored)).collect(),
    })
}

/// Whether an input is one of `n_texts` texts.
pub(super) fn check_input(name: &str, datatype: &str, shape: &[u64], n_texts: usize) -> ApiResult<()> {
    if datatype != "BYTES" {
        let message = format!("input {name:?}: datatype {datatype:?}, expected \"BYTES\"");
        return Err(ApiError::bad_request(message, "this model reads texts"));
    }
    let n_by_shape = shape.iter().try_fold(1u64, |product, &n| product.checked_mul(n));
    if n_by_shape != Some(n_texts as u64) {
        let message = format!("input {name:?}: {n_texts} texts for the shape {shape:?}");
        return Err(ApiError::bad_request(message, "the shape of n texts is [n]"));
    }
    Ok(())
}

/// Whether there is everything that is asked for.
pub(super) fn check_outputs<'a>(mut names: impl Iterator<Item = &'a str>) -> ApiResult<()> {
    match names.find(|name| !OUTPUTS.contains(name)) {
        None => Ok(()),
        Some(name) => {
            let message = format!("outputs: there is no {name:?}");
            Err(ApiError::bad_request(message, format!("there are {}", OUTPUTS.join(", "))))
        }
    }
}

fn tensor<'a>(name: &'static str, answered: &'a Answered, scored: &[Vec<Scored<'a>>]) -> Tensor<'a> {
    let n = answered.answers.len();
    let firsts = scored.iter().map(|labels| labels.first());
    match name {
        "probabilities" => {
            let shape = vec![n, answered.model.classifier.labels().len()];
            Tensor { name, datatype: "FP32", shape, data: Data::Numbers(answered.rows().flatten().copied().collect()) }
        }
        "score" => {
            let scores = firsts.map(|first| first.map_or(0.0, |first| first.score));
            Tensor { name, datatype: "FP32", shape: vec![n], data: Data::Numbers(scores.collect()) }
        }
        _ => {
            // A text about which the model abstains, or that has none of its labels, gets an empty one.
            let labels = firsts.map(|first| first.and_then(|first| first.label).unwrap_or_default());
            Tensor { name, datatype: "BYTES", shape: vec![n], data: Data::Labels(labels.collect()) }
        }
    }
}

/// What the fuzzer reads.
pub(super) fn read_body_of_infer(body: &[u8]) -> ApiResult<()> {
    read_json::<InferBody>(body).map(|_| ())
}
