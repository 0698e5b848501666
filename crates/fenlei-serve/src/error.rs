//! What a client is told when it gets no answer: one JSON shape for every kind of refusal.
//!
//! ```json
//! {"error": "what was found and expected", "code": "unknown_model", "help": "how to mend it", "request_id": "…"}
//! ```
//!
//! `error` is a string, as clients of text-embeddings-inference, TensorFlow Serving and the Open Inference Protocol expect.

use axum::body::Body;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use serde::Serialize;

/// Kinds of refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Code {
    BadRequest,
    BadJson,
    BadHttp,
    Unauthorized,
    ForbiddenHost,
    ForbiddenOrigin,
    NotFound,
    UnknownModel,
    UnknownLabel,
    UnknownPrediction,
    MethodNotAllowed,
    SlowBody,
    BodyTooLarge,
    HeadTooLarge,
    TooManyItems,
    UnsupportedEncoding,
    UnusableModel,
    RateLimited,
    Overloaded,
    DeadlineExceeded,
    NotReady,
    Unsupported,
    StoreFailed,
    Internal,
}

impl Code {
    /// Every kind, in the order of the metrics.
    pub const ALL: [Self; 24] = [
        Self::BadRequest,
        Self::BadJson,
        Self::BadHttp,
        Self::Unauthorized,
        Self::ForbiddenHost,
        Self::ForbiddenOrigin,
        Self::NotFound,
        Self::UnknownModel,
        Self::UnknownLabel,
        Self::UnknownPrediction,
        Self::MethodNotAllowed,
        Self::SlowBody,
        Self::BodyTooLarge,
        Self::HeadTooLarge,
        Self::TooManyItems,
        Self::UnsupportedEncoding,
        Self::UnusableModel,
        Self::RateLimited,
        Self::Overloaded,
        Self::DeadlineExceeded,
        Self::NotReady,
        Self::Unsupported,
        Self::StoreFailed,
        Self::Internal,
    ];

    /// Its name in answers and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::BadJson => "bad_json",
            Self::BadHttp => "bad_http",
            Self::Unauthorized => "unauthorized",
            Self::ForbiddenHost => "forbidden_host",
            Self::ForbiddenOrigin => "forbidden_origin",
            Self::NotFound => "not_found",
            Self::UnknownModel => "unknown_model",
            Self::UnknownLabel => "unknown_label",
            Self::UnknownPrediction => "unknown_prediction",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::SlowBody => "slow_body",
            Self::BodyTooLarge => "body_too_large",
            Self::HeadTooLarge => "head_too_large",
            Self::TooManyItems => "too_many_items",
            Self::UnsupportedEncoding => "unsupported_encoding",
            Self::UnusableModel => "unusable_model",
            Self::RateLimited => "rate_limited",
            Self::Overloaded => "overloaded",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::NotReady => "not_ready",
            Self::Unsupported => "unsupported",
            Self::StoreFailed => "store_failed",
            Self::Internal => "internal",
        }
    }

    /// The HTTP status that stands for it.
    pub fn status(self) -> StatusCode {
        match self {
            Self::BadRequest | Self::BadJson | Self::BadHttp => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::ForbiddenHost => StatusCode::MISDIRECTED_REQUEST,
            Self::ForbiddenOrigin => StatusCode::FORBIDDEN,
            Self::NotFound | Self::UnknownModel | Self::UnknownLabel | Self::UnknownPrediction => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::SlowBody => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge | Self::TooManyItems => StatusCode::PAYLOAD_TOO_LARGE,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::UnsupportedEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::UnusableModel | Self::Unsupported => StatusCode::UNPROCESSABLE_ENTITY,
            Self::RateLimited | Self::Overloaded => StatusCode::TOO_MANY_REQUESTS,
            Self::NotReady => StatusCode::SERVICE_UNAVAILABLE,
            Self::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
            Self::StoreFailed => StatusCode::INSUFFICIENT_STORAGE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub code: Code,
    /// What was found and what was expected.
    pub message: String,
    /// How to mend it.
    pub help: String,
    /// Seconds after which to try again.
    pub retry_after: Option<u64>,
    /// The methods that the address is asked with.
    pub allow: Option<&'static str>,
}

/// The result of everything that a client may be refused.
pub(crate) type ApiResult<T> = Result<T, ApiError>;

#[derive(Serialize)]
struct Shape<'a> {
    error: &'a str,
    code: &'a str,
    help: &'a str,
    request_id: &'a str,
}

/// The one shape of all refusals.
pub(crate) fn body_of(error: &str, code: &str, help: &str, request_id: &str) -> Vec<u8> {
    // Strings are always JSON.
    let mut body = serde_json::to_vec(&Shape { error, code, help, request_id }).unwrap_or_default();
    body.push(b'\n');
    body
}

impl ApiError {
    pub fn new(code: Code, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { code, message: message.into(), help: help.into(), retry_after: None, allow: None }
    }

    pub fn bad_request(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(Code::BadRequest, message, help)
    }

    /// Says when to come again.
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds.max(1));
        self
    }

    /// Says which methods there are.
    pub fn allow(mut self, methods: &'static str) -> Self {
        self.allow = Some(methods);
        self
    }

    /// As JSON.
    pub fn body(&self, request_id: &str) -> Vec<u8> {
        body_of(&self.message, self.code.name(), &self.help, request_id)
    }

    /// As an HTTP response.
    pub fn respond(&self, request_id: &str) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body(request_id)));
        *response.status_mut() = self.code.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(methods) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(methods));
        }
        if self.code == Code::Unauthorized {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        // What tells who asked for what must be found again by whoever answered it.
        response.extensions_mut().insert(self.code);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_of_its_own_and_a_status_of_an_error() {
        let mut names: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
        assert!(Code::ALL.iter().all(|code| code.status().as_u16() >= 400));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
    }

    #[test]
    fn a_refusal_says_when_to_come_again() {
        let response = ApiError::new(Code::Overloaded, "full", "wait").retry_after(0).respond("x");
        assert_eq!((response.status().as_u16(), &response.headers()[RETRY_AFTER]), (429, &HeaderValue::from(1)));
    }
}
