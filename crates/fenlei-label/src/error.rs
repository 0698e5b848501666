//! What the page is told when something is refused: one JSON shape, the same as that of the prediction server.
//!
//! ```json
//! {"error": "what was found and expected", "code": "store_failed", "help": "how to mend it"}
//! ```

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use fenlei::Error;
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use serde::Serialize;

use crate::web::Refusal;

/// Kinds of refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    BadRequest,
    Unauthorized,
    ForbiddenHost,
    ForbiddenOrigin,
    NotFound,
    MethodNotAllowed,
    OtherFile,
    TooLarge,
    Slow,
    StoreFailed,
    Internal,
}

impl Code {
    /// Its name and the HTTP status that stands for it.
    fn parts(self) -> (&'static str, StatusCode) {
        match self {
            Self::BadRequest => ("bad_request", StatusCode::BAD_REQUEST),
            Self::Unauthorized => ("unauthorized", StatusCode::UNAUTHORIZED),
            Self::ForbiddenHost => ("forbidden_host", StatusCode::MISDIRECTED_REQUEST),
            Self::ForbiddenOrigin => ("forbidden_origin", StatusCode::FORBIDDEN),
            Self::NotFound => ("not_found", StatusCode::NOT_FOUND),
            Self::MethodNotAllowed => ("method_not_allowed", StatusCode::METHOD_NOT_ALLOWED),
            Self::OtherFile => ("other_file", StatusCode::CONFLICT),
            Self::TooLarge => ("body_too_large", StatusCode::PAYLOAD_TOO_LARGE),
            Self::Slow => ("slow", StatusCode::REQUEST_TIMEOUT),
            Self::StoreFailed => ("store_failed", StatusCode::INSUFFICIENT_STORAGE),
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR),
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
}

/// The result of everything that may be refused.
pub(crate) type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    pub fn new(code: Code, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { code, message: message.into(), help: help.into() }
    }

    pub fn bad_request(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(Code::BadRequest, message, help)
    }
}

/// The database refuses.
impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match error {
            Error::Data { problem, help, .. } => Self::new(Code::StoreFailed, problem, help),
            error => Self::new(Code::Internal, error.to_string(), "look at what the program wrote to its terminal"),
        }
    }
}

#[derive(Serialize)]
struct Shape<'a> {
    error: &'a str,
    code: &'a str,
    help: &'a str,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (code, status) = self.code.parts();
        let mut response = json(&Shape { error: &self.message, code, help: &self.help });
        *response.status_mut() = status;
        let (message, help) = (self.message, self.help);
        response.extensions_mut().insert(Refusal { code, message, help });
        if self.code == Code::Unauthorized {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// A value as a response that nobody keeps.
pub(crate) fn json(value: &impl Serialize) -> Response {
    // What is answered here always is JSON.
    let mut body = serde_json::to_vec(value).unwrap_or_default();
    body.push(b'\n');
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
