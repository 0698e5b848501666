//! How gRPC puts messages, deadlines and outcomes into HTTP/2.

use std::time::Duration;

use axum::body::Body;
use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, Response};
use prost::Message;

use crate::error::{ApiError, ApiResult, Code};
use crate::http::{Call, read_body_up_to, unpack_up_to};
use crate::options::Limits;

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
/// Before each message: whether it is packed, and its length.
const PREFIX: usize = 5;

/// Whether a request is one of gRPC, so that it has to be refused in its way.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

/// The one message of a request.
pub(super) async fn message_of(call: Call, limits: &Limits) -> ApiResult<Bytes> {
    let body = read_body_up_to(&call.headers, call.body, limits, limits.body_bytes + PREFIX).await?;
    let refuse = |problem: &str| Err(ApiError::bad_request(problem, "send one message, as gRPC clients do"));
    let Some((prefix, message)) = body.split_at_checked(PREFIX) else { return refuse("the body holds no message") };
    let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]);
    if length as usize != message.len() {
        return refuse("the body holds more or less than one message");
    }
    let encoding = call.headers.get("grpc-encoding").map_or(&b"identity"[..], HeaderValue::as_bytes);
    match (prefix[0], encoding) {
        (0, _) => Ok(body.slice(PREFIX..)),
        (1, b"gzip") => unpack_up_to(message, limits.body_bytes).map(Bytes::from),
        (1, _) => {
            let message = "the message is packed in a way that is not known here";
            Err(ApiError::new(Code::UnsupportedEncoding, message, "send it as it is, or packed with gzip"))
        }
        _ => refuse("the message is neither packed nor plain"),
    }
}

/// Reads a message.
pub(super) fn decode<M: Message + Default>(bytes: &[u8]) -> ApiResult<M> {
    M::decode(bytes).map_err(|error| {
        ApiError::bad_request(format!("the message cannot be read: {error}"), "see docs/serving.md for the service")
    })
}

/// The answer with a message, its outcome behind it.
pub(super) fn respond(message: &impl Message) -> Response<Body> {
    let length = message.encoded_len();
    let mut bytes = BytesMut::with_capacity(PREFIX + length);
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    // The buffer grows if it has to.
    let _ = message.encode(&mut bytes);
    let trailers = HeaderMap::from_iter([(STATUS, HeaderValue::from(0))]);
    let body = Full::new(bytes.freeze()).with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert(CONTENT_TYPE, GRPC);
    let known = HeaderValue::from_static("identity,gzip");
    response.headers_mut().insert(HeaderName::from_static("grpc-accept-encoding"), known);
    response
}

/// A refusal: no message, the outcome at once.
pub(crate) fn refusal(error: &ApiError) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, GRPC);
    headers.insert(STATUS, HeaderValue::from(status_of(error.code)));
    let text = percent_encoded(&format!("{} ({}); {}", error.message, error.code.name(), error.help));
    if let Ok(text) = HeaderValue::from_str(&text) {
        headers.insert(MESSAGE, text);
    }
    if let Some(seconds) = error.retry_after {
        headers.insert(HeaderName::from_static("grpc-retry-pushback-ms"), HeaderValue::from(seconds * 1000));
    }
    response.extensions_mut().insert(error.code);
    response
}

/// The status of gRPC that stands for a refusal.
fn status_of(code: Code) -> u16 {
    match code {
        Code::BadRequest | Code::BadJson | Code::BadHttp => 3,
        Code::SlowBody | Code::DeadlineExceeded => 4,
        Code::UnknownModel | Code::UnknownLabel | Code::UnknownPrediction => 5,
        Code::ForbiddenHost | Code::ForbiddenOrigin => 7,
        Code::BodyTooLarge | Code::HeadTooLarge | Code::TooManyItems | Code::RateLimited | Code::Overloaded => 8,
        Code::UnusableModel => 9,
        Code::NotFound | Code::MethodNotAllowed | Code::Unsupported | Code::UnsupportedEncoding => 12,
        Code::Internal | Code::StoreFailed => 13,
        Code::NotReady => 14,
        Code::Unauthorized => 16,
    }
}

/// What is no visible ASCII, and `%`, as `%` and two digits.
fn percent_encoded(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        match byte {
            b' '..=b'~' if byte != b'%' => out.push(char::from(byte)),
            // A string takes everything.
            _ => drop(write!(out, "%{byte:02X}")),
        }
        out
    })
}

/// The client's deadline: at most eight digits and a unit.
pub(super) fn deadline_of(headers: &HeaderMap) -> ApiResult<Option<Duration>> {
    let Some(value) = headers.get("grpc-timeout") else { return Ok(None) };
    let read = |value: &str| {
        let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
        let n: u64 = Some(digits)
            .filter(|d| (1..=8).contains(&d.len()) && d.bytes().all(|b| b.is_ascii_digit()))?
            .parse()
            .ok()?;
        Some(match unit {
            "H" => Duration::from_secs(n * 3600),
            "M" => Duration::from_secs(n * 60),
            "S" => Duration::from_secs(n),
            "m" => Duration::from_millis(n),
            "u" => Duration::from_micros(n),
            "n" => Duration::from_nanos(n),
            _ => return None,
        })
    };
    let found = value.to_str().ok().and_then(read);
    found.map(Some).ok_or_else(|| {
        ApiError::bad_request("grpc-timeout: expected up to 8 digits and one of H, M, S, m, u, n", "as in 500m")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_read_as_clients_write_them() {
        let of = |value: &str| {
            deadline_of(&HeaderMap::from_iter([("grpc-timeout".parse().unwrap(), value.parse().unwrap())]))
        };
        assert_eq!(of("250m").unwrap(), Some(Duration::from_millis(250)));
        assert_eq!(of("99999999H").unwrap(), Some(Duration::from_secs(99_999_999 * 3600)));
        assert_eq!(deadline_of(&HeaderMap::new()).unwrap(), None);
        for wrong in ["", "m", "10", "123456789m", "-1m", "1x", "+1m"] {
            assert_eq!(of(wrong).unwrap_err().code, Code::BadRequest, "{wrong}");
        }
    }

    #[test]
    fn a_refusal_is_an_outcome_with_visible_words() {
        let response = refusal(&ApiError::new(Code::Overloaded, "全满 100%", "wait").retry_after(2));
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!((header("grpc-status").as_str(), header("grpc-retry-pushback-ms").as_str()), ("8", "2000"));
        assert_eq!(header("grpc-message"), "%E5%85%A8%E6%BB%A1 100%25 (overloaded); wait");
        // 0 would be taken for an answer, and 2 says nothing.
        assert!(Code::ALL.iter().all(|&code| (3..=16).contains(&status_of(code))));
    }
}
