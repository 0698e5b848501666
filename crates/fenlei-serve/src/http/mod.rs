//! From a connection to a request that may be answered.

mod access;
mod body;
mod listen;
mod malformed;
mod request_id;
mod tls;

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use hyper::{HeaderMap, Method, Version};

use crate::error::ApiError;
pub(crate) use access::Guard;
pub(crate) use body::{read_body, read_body_up_to, unpack_up_to};
pub(crate) use listen::{Listening, bind, serve};
pub(crate) use malformed::{check_lengths, end_behind_chunks};
pub(crate) use request_id::{RequestIds, chance_of, mix};
pub(crate) use tls::acceptor;

/// The name of a request.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub String);

/// A request, as handlers take it.
pub(crate) struct Call {
    pub id: RequestId,
    pub method: Method,
    pub version: Version,
    pub path: String,
    query: Option<String>,
    pub headers: HeaderMap,
    pub body: Body,
}

impl<S: Send + Sync> FromRequest<S> for Call {
    type Rejection = Infallible;

    async fn from_request(request: Request, _: &S) -> Result<Self, Infallible> {
        let (mut parts, body) = request.into_parts();
        let id = parts.extensions.remove().unwrap_or_else(|| RequestId(String::new()));
        // Names may be written with any letters; what is no UTF-8 is no name.
        let path = decode(parts.uri.path());
        let query = parts.uri.query().map(str::to_owned);
        Ok(Self { id, method: parts.method, version: parts.version, path, query, headers: parts.headers, body })
    }
}

impl Call {
    /// A value of the query.
    pub fn query(&self, key: &str) -> Option<String> {
        let pairs = self.query.as_deref()?.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(name, _)| *name == key).map(|(_, value)| decode(value)).next()
    }
}

/// Undoes percent-encoding; whatever is not well-formed stays as it is.
fn decode(text: &str) -> String {
    let hex = |byte: u8| char::from(byte).to_digit(16);
    let (bytes, mut decoded, mut i) = (text.as_bytes(), Vec::with_capacity(text.len()), 0);
    while i < bytes.len() {
        let pair = bytes.get(i + 1).zip(bytes.get(i + 2)).and_then(|(&high, &low)| Some(hex(high)? * 16 + hex(low)?));
        match (bytes[i], pair) {
            (b'%', Some(byte)) => {
                decoded.push(byte as u8);
                i += 3;
            }
            (byte, _) => {
                decoded.push(byte);
                i += 1;
            }
        }
    }
    String::from_utf8(decoded).unwrap_or_else(|_| text.to_owned())
}

impl IntoResponse for ApiError {
    /// The body is written where the name of the request is known.
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.code.status();
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_decoded_once_and_only_where_they_are_well_formed() {
        let cases =
            [("%E8%AF%84", "评"), ("a%2fb", "a/b"), ("%252f", "%2f"), ("%", "%"), ("%zz%4", "%zz%4"), ("%ff", "%ff")];
        for (given, expected) in cases {
            assert_eq!(decode(given), expected);
        }
    }
}
