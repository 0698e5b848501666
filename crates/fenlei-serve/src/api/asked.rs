//! A question in the server's own terms, whatever shape it came in, and its answer.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use fenlei::classifier::{AnswerOptions, Decision, Scored};
use fenlei::explain::{ExplainOptions, Explanation};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Response};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Number;

use crate::app::App;
use crate::error::{ApiError, ApiResult, Code};
use crate::http::{RequestId, chance_of};
use crate::models::ServedModel;
use crate::queue::{Answers, Work};

/// What is asked about some texts.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub texts: Vec<String>,
    /// `None` for the first one.
    pub model: Option<String>,
    /// `None` for whichever gets requests that name none.
    pub version: Option<u64>,
    pub top_k: Option<u32>,
    pub threshold: Option<f32>,
    pub explain: bool,
    /// The label that an explanation speaks of; `None` for the most probable one.
    pub explain_label: Option<String>,
    /// The client's own deadline.
    pub within: Option<Duration>,
}

/// Texts with their probabilities.
pub(super) struct Answered {
    pub model: Arc<ServedModel>,
    threshold: Option<Decision>,
    options: AnswerOptions,
    pub answers: Answers,
}

impl Asked {
    /// Waits for the answer.
    pub async fn answer(self, app: &Arc<App>, id: &RequestId) -> ApiResult<Answered> {
        let max = app.options.limits.items;
        if self.texts.len() > max {
            let message = format!("{} texts, more than {max}", self.texts.len());
            let help = "divide them into several requests, or send them as NDJSON";
            return Err(ApiError::new(Code::TooManyItems, message, help));
        }
        let chosen = app.registry.choose(self.model.as_deref(), self.version, chance_of(&id.0))?;
        let model = chosen.model;
        let decision = model.classifier.decision();
        let threshold = self.threshold.map(|threshold| with_threshold(decision, threshold)).transpose()?;
        if self.top_k == Some(0) {
            return Err(ApiError::bad_request("top_k: found 0, expected 1 or more", "leave it out to get all labels"));
        }
        let options = AnswerOptions { top_k: self.top_k.map(|k| k as usize), given_only: threshold.is_some() };
        let work = match self.explain {
            true => Work::Explain(explain_options(&model, self.explain_label.as_deref())?),
            false => Work::Predict,
        };
        if self.texts.is_empty() {
            return Ok(Answered { model, threshold, options, answers: Answers::default() });
        }
        let shadow = chosen.shadow.map(|shadow| (shadow, self.texts.clone()));
        let (texts, answers) = app.queue.answer(&model, self.texts, work, self.within).await?;
        app.record(id, &model, texts, &answers, shadow);
        Ok(Answered { model, threshold, options, answers })
    }
}

impl Answered {
    /// The probabilities of each text.
    pub fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.answers.rows()
    }

    /// Labels with their probabilities, best first, for each text.
    pub fn scored(&self) -> Vec<Vec<Scored<'_>>> {
        let decision = self.threshold.as_ref().unwrap_or(self.model.classifier.decision());
        self.rows().map(|row| self.model.classifier.answer_by(decision, row, self.options)).collect()
    }

    /// Why, for each text, where that was asked.
    pub fn explanations(&self) -> &[Explanation] {
        &self.answers.explanations
    }
}

fn with_threshold(decision: &Decision, threshold: f32) -> ApiResult<Decision> {
    if !decision.has_threshold() {
        let message = "threshold: this model gives every text exactly one label, the most probable one";
        return Err(ApiError::new(Code::Unsupported, message, "leave it out; all probabilities are in the answer"));
    }
    if !(0.0..=1.0).contains(&threshold) {
        let message = format!("threshold: found {threshold}, expected a probability from 0 to 1");
        return Err(ApiError::bad_request(message, "0.5 is usual"));
    }
    Ok(decision.with_threshold(threshold))
}

fn explain_options(model: &ServedModel, label: Option<&str>) -> ApiResult<ExplainOptions> {
    let named = |name| {
        fenlei::explain::label_named(&model.classifier, name).map_err(|_| {
            let names: Vec<&str> = model.classifier.labels().iter().take(20).map(String::as_str).collect();
            let message = format!("explain_label: the model has no label {name:?}");
            ApiError::new(Code::UnknownLabel, message, format!("its labels are {}", names.join(", ")))
        })
    };
    Ok(ExplainOptions { label: label.map(named).transpose()?, max_words_left_out: 200, ..ExplainOptions::default() })
}

/// What is written as an object. Serde would read a list of the same values, too.
#[derive(Debug, Default)]
pub(crate) struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = T;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object, as {\"input\": \"text\"}")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }

        deserializer.deserialize_map(Fields(PhantomData)).map(Object)
    }
}

/// A whole number, also one that is written as 3.0: in JSON that is the same number.
pub(crate) fn whole<'de, D: Deserializer<'de>, T: TryFrom<u64>>(deserializer: D) -> Result<T, D::Error> {
    whole_of(&Number::deserialize(deserializer)?)
}

/// Like [`whole`], or `null`.
pub(crate) fn whole_or_none<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<u64>,
{
    Option::<Number>::deserialize(deserializer)?.as_ref().map(whole_of).transpose()
}

fn whole_of<T: TryFrom<u64>, E: serde::de::Error>(number: &Number) -> Result<T, E> {
    // Below 2^64 such a number is exactly one of these.
    let is_whole = |x: &f64| x.fract() == 0.0 && (0.0..18_446_744_073_709_551_616.0).contains(x);
    let whole = number.as_u64().or_else(|| number.as_f64().filter(is_whole).map(|x| x as u64));
    let whole = whole.and_then(|n| T::try_from(n).ok());
    whole.ok_or_else(|| E::custom(format!("found {number}, expected a whole number that is not too large")))
}

/// Reads JSON, whatever the content type says, as the article's server does.
pub(crate) fn read_json<T: DeserializeOwned>(body: &[u8]) -> ApiResult<T> {
    let read = serde_json::from_slice::<Object<T>>(body).map(|object| object.0);
    read.map_err(|error| {
        let code = if error.is_data() { Code::BadRequest } else { Code::BadJson };
        let what = if error.is_data() { "the body does not say what is to be done" } else { "the body is no JSON" };
        ApiError::new(code, format!("{what}: {error}"), "see /docs for what each address expects")
    })
}

/// An answer in JSON.
pub(crate) fn json_response(body: &impl Serialize) -> ApiResult<Response<Body>> {
    let bytes = serde_json::to_vec(body)
        .map_err(|error| ApiError::new(Code::Internal, error.to_string(), "this is a bug, please report it"))?;
    let mut response = Response::new(Body::from(bytes));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// The deadline that a client sets itself, in milliseconds.
pub(super) fn client_deadline(headers: &HeaderMap) -> ApiResult<Option<Duration>> {
    let Some(value) = headers.get("x-timeout-ms") else { return Ok(None) };
    let millis = value.to_str().ok().and_then(|value| value.trim().parse().ok()).filter(|&millis| millis > 0);
    let millis = millis.ok_or_else(|| {
        ApiError::bad_request(
            "X-Timeout-Ms: expected a whole number of milliseconds, 1 or more",
            "as in X-Timeout-Ms: 500",
        )
    })?;
    Ok(Some(Duration::from_millis(millis)))
}
