//! The Open Inference Protocol, version 2, over gRPC: the service `inference.GRPCInferenceService`.
//!
//! It lives at the same address as everything else, on connections of HTTP/2, and goes through the same checks.

mod frame;
mod messages;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use hyper::{Response, Version};
use prost::Message;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use super::asked::{Answered, Asked};
use super::inference_v2::{OUTPUTS, check_input, check_outputs};
use crate::app::App;
use crate::error::{ApiError, ApiResult, Code};
use crate::http::{Call, RequestId};
use frame::{deadline_of, decode, message_of, respond};
pub(crate) use frame::{is_grpc, refusal};
use messages::{
    Contents, InferRequest, InferResponse, ModelMetadata, ModelNamed, Nothing, ServerMetadata, Tensor, TensorMetadata,
    Truth,
};

/// Inputs, and outputs, that a request may name: there is one input, and there are three outputs.
const MAX_TENSORS: usize = 16;

/// `POST /inference.GRPCInferenceService/METHOD`.
pub(super) async fn answer(State(app): State<Arc<App>>, call: Call) -> ApiResult<Response<Body>> {
    if call.version != Version::HTTP_2 || !is_grpc(&call.headers) {
        let message = "this address speaks gRPC, over HTTP/2";
        return Err(ApiError::new(Code::Unsupported, message, "ask /v2 over HTTP, or take a client of gRPC"));
    }
    let method = call.path.rsplit('/').next().unwrap_or_default().to_owned();
    let (id, within) = (call.id.clone(), deadline_of(&call.headers)?);
    let bytes = message_of(call, &app.options.limits).await?;
    match method.as_str() {
        "ServerLive" => decode::<Nothing>(&bytes).map(|_| respond(&Truth { value: true })),
        "ServerReady" => decode::<Nothing>(&bytes).map(|_| respond(&Truth { value: app.is_ready() })),
        "ModelReady" => {
            let (name, version) = named(decode(&bytes)?)?;
            Ok(respond(&Truth { value: app.registry.choose(name.as_deref(), version, 1.0).is_ok() }))
        }
        "ServerMetadata" => {
            decode::<Nothing>(&bytes)?;
            let (name, version) = ("fenlei".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
            Ok(respond(&ServerMetadata { name, version, extensions: Vec::new() }))
        }
        "ModelMetadata" => metadata(&app, named(decode(&bytes)?)?),
        "ModelInfer" => {
            check_counts(&bytes, app.options.limits.items)?;
            let asked = Question::of(decode(&bytes)?)?;
            asked.answer(&app, &id, within).await
        }
        _ => {
            let methods = "ServerLive, ServerReady, ModelReady, ServerMetadata, ModelMetadata, ModelInfer";
            Err(ApiError::new(Code::NotFound, format!("there is no method {method:?}"), format!("there are {methods}")))
        }
    }
}

fn named(asked: ModelNamed) -> ApiResult<(Option<String>, Option<u64>)> {
    let version = match asked.version.as_str() {
        "" => None,
        version => Some(version.parse().map_err(|_| {
            let message = format!("version: found {version:?}, expected a number");
            ApiError::bad_request(message, "leave it out for the latest")
        })?),
    };
    Ok(((!asked.name.is_empty()).then_some(asked.name), version))
}

fn metadata(app: &App, (name, version): (Option<String>, Option<u64>)) -> ApiResult<Response<Body>> {
    let model = app.registry.choose(name.as_deref(), version, 1.0)?.model;
    let tensor = |name: &str, datatype: &str, shape: Vec<i64>| TensorMetadata {
        name: name.to_owned(),
        datatype: datatype.to_owned(),
        shape,
    };
    let n_labels = model.classifier.labels().len() as i64;
    let all = app.registry.all();
    let versions = all.iter().filter(|other| other.name == model.name).map(|other| other.version.to_string());
    Ok(respond(&ModelMetadata {
        name: model.name.clone(),
        versions: versions.collect(),
        platform: "fenlei".to_owned(),
        inputs: vec![tensor("text", "BYTES", vec![-1])],
        outputs: vec![
            tensor("label", "BYTES", vec![-1]),
            tensor("score", "FP32", vec![-1]),
            tensor("probabilities", "FP32", vec![-1, n_labels]),
        ],
    }))
}

/// A request that was checked.
struct Question {
    asked: Asked,
    id: String,
    outputs: Vec<String>,
    /// Whether contents are bytes in a row, in and out.
    is_raw: bool,
}

impl Question {
    fn of(request: InferRequest) -> ApiResult<Self> {
        let (model, version) = named(ModelNamed { name: request.model_name, version: request.model_version })?;
        let [input] = &request.inputs[..] else {
            let message = format!("inputs: found {}, expected one of texts", request.inputs.len());
            return Err(ApiError::bad_request(message, "ModelMetadata tells its name and type"));
        };
        let typed = input.contents.as_ref().map_or(&[][..], |contents| &contents.bytes);
        let is_raw = !request.raw_input_contents.is_empty();
        let texts = match &request.raw_input_contents[..] {
            [] => typed.iter().map(|text| text_of(text)).collect::<ApiResult<Vec<String>>>()?,
            [raw] if typed.is_empty() => texts_in(raw)?,
            _ => {
                let message = "found both typed and raw contents, or raw contents of several inputs";
                return Err(ApiError::bad_request(message, "send either of them, for one input"));
            }
        };
        // Below nothing there is no size.
        let shape: Vec<u64> = input.shape.iter().map(|&n| u64::try_from(n).unwrap_or(u64::MAX)).collect();
        check_input(&input.name, &input.datatype, &shape, texts.len())?;
        let outputs: Vec<String> = request.outputs.into_iter().map(|output| output.name).collect();
        check_outputs(outputs.iter().map(String::as_str))?;
        Ok(Self { asked: Asked { texts, model, version, ..Asked::default() }, id: request.id, outputs, is_raw })
    }

    async fn answer(
        self,
        app: &Arc<App>,
        id: &RequestId,
        within: Option<std::time::Duration>,
    ) -> ApiResult<Response<Body>> {
        let answered = Asked { within, ..self.asked }.answer(app, id).await?;
        let is_wanted = |name: &&str| self.outputs.is_empty() || self.outputs.iter().any(|output| output == name);
        let mut outputs: Vec<Tensor> =
            OUTPUTS.into_iter().filter(is_wanted).map(|name| tensor(name, &answered)).collect();
        let mut raw_output_contents = Vec::new();
        if self.is_raw {
            let contents = outputs.iter_mut().filter_map(|output| output.contents.take());
            raw_output_contents.extend(contents.map(|contents| raw_of(&contents)));
        }
        Ok(respond(&InferResponse {
            model_name: answered.model.name.clone(),
            model_version: answered.model.version.to_string(),
            id: self.id,
            outputs,
            raw_output_contents,
        }))
    }
}

fn tensor(name: &str, answered: &Answered) -> Tensor {
    let n = answered.answers.len() as i64;
    let scored = answered.scored();
    let firsts = scored.iter().map(|labels| labels.first());
    let (datatype, shape, contents) = match name {
        "probabilities" => {
            let fp32 = answered.rows().flatten().copied().collect();
            ("FP32", vec![n, answered.model.classifier.labels().len() as i64], Contents { fp32, bytes: Vec::new() })
        }
        "score" => {
            let fp32 = firsts.map(|first| first.map_or(0.0, |first| first.score)).collect();
            ("FP32", vec![n], Contents { fp32, bytes: Vec::new() })
        }
        _ => {
            let labels = firsts.map(|first| first.and_then(|first| first.label).unwrap_or_default());
            let bytes = labels.map(|label| label.as_bytes().to_vec()).collect();
            ("BYTES", vec![n], Contents { fp32: Vec::new(), bytes })
        }
    };
    Tensor { name: name.to_owned(), datatype: datatype.to_owned(), shape, contents: Some(contents) }
}

fn text_of(bytes: &[u8]) -> ApiResult<String> {
    let text =
        std::str::from_utf8(bytes).map_err(|_| ApiError::bad_request("a text is no UTF-8", "send it in UTF-8"))?;
    Ok(text.to_owned())
}

/// Texts in a row, each behind its length in four bytes, the lowest first.
fn texts_in(raw: &[u8]) -> ApiResult<Vec<String>> {
    let (mut texts, mut rest) = (Vec::new(), raw);
    while !rest.is_empty() {
        let taken = rest
            .split_first_chunk::<4>()
            .and_then(|(length, behind)| behind.split_at_checked(u32::from_le_bytes(*length) as usize));
        let Some((text, behind)) = taken else {
            let message = "raw_input_contents: a text is cut off";
            return Err(ApiError::bad_request(message, "put its length before each text, in 4 bytes, lowest first"));
        };
        texts.push(text_of(text)?);
        rest = behind;
    }
    Ok(texts)
}

/// Contents as bytes in a row: numbers with the lowest byte first, texts as [`texts_in`] reads them.
fn raw_of(contents: &Contents) -> Vec<u8> {
    let numbers = contents.fp32.iter().flat_map(|number| number.to_le_bytes());
    let length = |text: &[u8]| u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes();
    let texts = contents.bytes.iter().flat_map(|text| length(text).into_iter().chain(text.iter().copied()));
    numbers.chain(texts).collect()
}

/// Refuses more tensors or texts than a request may have, before memory is taken for them: an empty one takes two bytes
/// of a message and a hundred of memory.
fn check_counts(message: &[u8], max_texts: usize) -> ApiResult<()> {
    let mut counts = [0usize; 3];
    for field in fields(message) {
        let (tag, value) = field?;
        match tag {
            5 => {
                counts[0] += 1;
                check_input_counts(value, max_texts)?;
            }
            6 => counts[1] += 1,
            7 => {
                counts[2] += 1;
                // Four bytes for each length.
                let n = texts_among(value);
                if n > max_texts {
                    return Err(too_many(n, max_texts));
                }
            }
            _ => {}
        }
    }
    match counts.iter().max() {
        Some(&n) if n > MAX_TENSORS => {
            let message = format!("{n} tensors, more than {MAX_TENSORS}");
            Err(ApiError::new(Code::TooManyItems, message, "send one input"))
        }
        _ => Ok(()),
    }
}

fn check_input_counts(input: &[u8], max_texts: usize) -> ApiResult<()> {
    for field in fields(input) {
        if let (5, contents) = field? {
            let mut n = 0;
            for field in fields(contents) {
                n += usize::from(field?.0 == 8);
            }
            if n > max_texts {
                return Err(too_many(n, max_texts));
            }
        }
    }
    Ok(())
}

/// How many texts stand in a row, as far as their lengths are right.
fn texts_among(raw: &[u8]) -> usize {
    let (mut n, mut rest) = (0, raw);
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        n += 1;
        rest = behind.get(u32::from_le_bytes(*length) as usize..).unwrap_or_default();
    }
    n
}

fn too_many(n: usize, max: usize) -> ApiError {
    ApiError::new(Code::TooManyItems, format!("{n} texts, more than {max}"), "divide them into several requests")
}

/// The fields of a message: number, and what those of a known length hold.
fn fields(message: &[u8]) -> impl Iterator<Item = ApiResult<(u32, &[u8])>> {
    let mut rest = message;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let read = next_field(&mut rest);
        if read.is_none() {
            rest = &[];
        }
        Some(read.ok_or_else(|| ApiError::bad_request("the message cannot be read", "send it whole")))
    })
}

fn next_field<'a>(rest: &mut &'a [u8]) -> Option<(u32, &'a [u8])> {
    let (tag, wire) = decode_key(rest).ok()?;
    if wire == WireType::LengthDelimited {
        let length = usize::try_from(decode_varint(rest).ok()?).ok()?;
        let (value, behind) = rest.split_at_checked(length)?;
        *rest = behind;
        return Some((tag, value));
    }
    skip_field(wire, tag, rest, DecodeContext::default()).ok()?;
    Some((tag, &[]))
}

/// What the fuzzer reads.
pub(super) fn read_message(bytes: &[u8]) -> ApiResult<()> {
    check_counts(bytes, 4096)?;
    let request: InferRequest = decode(bytes)?;
    let written = request.encode_to_vec();
    assert_eq!(decode::<InferRequest>(&written)?, request, "a request changes when it is written");
    Question::of(request).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(texts: &[&str]) -> InferRequest {
        let bytes = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
        let contents = Some(Contents { fp32: Vec::new(), bytes });
        let shape = vec![texts.len() as i64];
        let input = Tensor { name: "text".to_owned(), datatype: "BYTES".to_owned(), shape, contents };
        InferRequest { model_name: "m".to_owned(), inputs: vec![input], ..InferRequest::default() }
    }

    #[test]
    fn typed_and_raw_contents_are_the_same_texts() {
        let typed = Question::of(request(&["a", "", "评论"])).unwrap();
        let mut raw = request(&["a", "", "评论"]);
        let contents = raw.inputs[0].contents.take().unwrap();
        raw.raw_input_contents = vec![raw_of(&contents)];
        let raw = Question::of(raw).unwrap();
        assert_eq!((&typed.asked.texts, typed.is_raw), (&raw.asked.texts, false));
        assert!(raw.is_raw && raw.asked.texts == ["a", "", "评论"]);
    }

    #[test]
    fn what_is_no_question_is_refused_with_a_reason() {
        type Change = fn(&mut InferRequest);
        let cases: [(Change, &str); 9] = [
            (|r| r.inputs.clear(), "inputs: found 0"),
            (|r| r.inputs[0].datatype = "FP32".to_owned(), "expected \"BYTES\""),
            (|r| r.inputs[0].shape = vec![2], "1 texts for the shape"),
            (|r| r.inputs[0].shape = vec![-1], "1 texts for the shape"),
            (|r| r.model_version = "new".to_owned(), "version"),
            (|r| r.outputs = vec![messages::RequestedOutput { name: "x".to_owned() }], "there is no \"x\""),
            (|r| r.raw_input_contents = vec![Vec::new()], "both typed and raw"),
            (|r| r.inputs[0].contents = Some(Contents { fp32: vec![], bytes: vec![vec![0xff]] }), "no UTF-8"),
            (
                |r| {
                    r.inputs[0].contents = None;
                    r.raw_input_contents = vec![vec![9, 0, 0, 0, b'a']];
                },
                "cut off",
            ),
        ];
        for (change, expected) in cases {
            let mut request = request(&["a"]);
            change(&mut request);
            let error = Question::of(request).err().unwrap();
            assert!(error.message.contains(expected), "{expected}: {}", error.message);
        }
    }

    #[test]
    fn many_empty_texts_and_tensors_are_refused_before_they_take_memory() {
        assert!(check_counts(&request(&[""; 100]).encode_to_vec(), 100).is_ok());
        let code = |bytes: &[u8]| check_counts(bytes, 100).unwrap_err().code;
        assert_eq!(code(&request(&[""; 101]).encode_to_vec()), Code::TooManyItems);
        // Field 5 of length 0, again and again.
        assert_eq!(code(&[0x2a, 0].repeat(1000)), Code::TooManyItems);
        let raw = InferRequest { raw_input_contents: vec![vec![0; 404]], ..InferRequest::default() };
        assert_eq!(code(&raw.encode_to_vec()), Code::TooManyItems);
        for damaged in [&[0x2a][..], &[0x2a, 9, 1], &[0xff; 11], &[0x07]] {
            assert_eq!(code(damaged), Code::BadRequest);
        }
    }
}
