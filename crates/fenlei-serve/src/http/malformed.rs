//! Refusals of what is no HTTP, in the one shape of all refusals.
//!
//! A request that cannot be read never reaches a handler: the HTTP library answers it itself, with a bare status, and ends
//! the connection. [`Told`] stands between the library and the stream, knows that answer when it comes by, and puts one with a
//! body in its place. The connection then ends slowly: were it closed while the client still sends, its system would drop
//! the answer unread.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use hyper::header::{CONNECTION, HeaderValue, TRANSFER_ENCODING};
use hyper::{HeaderMap, Response, StatusCode, Version};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::app::App;
use crate::error::{ApiError, ApiResult, Code};
use crate::log::Level;
use crate::metrics::Route;

/// An answer of the library is a short head.
const MAX_ANSWER: usize = 512;
/// For so long the rest of a refused request is read and forgotten.
const LINGER: Duration = Duration::from_secs(1);
/// So many bytes of it.
const LINGER_BYTES: usize = 1 << 20;
/// What a client of HTTP/2 says first.
const H2_PREFACE: &[u8] = b"PRI ";

/// A stream whose client is told why it is refused.
pub(super) struct Told<S> {
    stream: S,
    app: Arc<App>,
    /// Whether bytes are HTTP/1; unknown until the first ones have come.
    is_http1: Option<bool>,
    /// A refusal that is on its way.
    pending: Vec<u8>,
    n_sent: usize,
    refused: bool,
    linger: Option<(Pin<Box<Sleep>>, usize)>,
}

impl<S> Told<S> {
    pub fn new(stream: S, app: &Arc<App>) -> Self {
        let (pending, app) = (Vec::new(), Arc::clone(app));
        Self { stream, app, is_http1: None, pending, n_sent: 0, refused: false, linger: None }
    }

    /// What is sent in the place of `bytes`, where they end with an answer of the library.
    fn replacement(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        if self.is_http1 != Some(true) {
            return None;
        }
        let (start, status) = bare_answer(bytes)?;
        let (app, code) =
            (&self.app, if status == StatusCode::BAD_REQUEST { Code::BadHttp } else { Code::HeadTooLarge });
        let limits = &app.options.limits;
        let (message, help) = match code {
            Code::BadHttp => (
                "the request is no HTTP/1.1 that can be read".to_owned(),
                "look at its first line, and at headers that say how long the body is: there may be one of them",
            ),
            _ => (
                format!("the head has more than {} bytes or {} lines", limits.header_bytes, limits.headers),
                "send fewer or shorter headers, and texts in the body",
            ),
        };
        let id = app.ids.of(&HeaderMap::new());
        let body = ApiError::new(code, message, help).body(&id);
        app.metrics.error(code);
        app.metrics.request(Route::Other, status, 0.0);
        if app.options.log_requests {
            let particulars = serde_json::json!({ "request_id": id, "status": status.as_u16() });
            app.log.event(Level::Info, "malformed_request", particulars);
        }
        self.refused = true;
        let mut answer = bytes[..start].to_vec();
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nx-request-id: {id}\r\n\
             x-content-type-options: nosniff\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        answer.extend_from_slice(head.as_bytes());
        answer.extend_from_slice(&body);
        Some(answer)
    }
}

/// Where an answer of the library itself begins at the end of what is to be sent, and its status.
fn bare_answer(bytes: &[u8]) -> Option<(usize, StatusCode)> {
    if !bytes.ends_with(b"\r\n\r\n") {
        return None;
    }
    // Answers to the requests before it may stand before it; their bodies are passed over, whatever is in them.
    let mut start = 0;
    loop {
        let rest = &bytes[start..];
        let end = rest.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let head = std::str::from_utf8(&rest[..end]).ok()?;
        let field = |name: &str| {
            head.lines().filter_map(|line| line.split_once(": ")).find(|(key, _)| key.eq_ignore_ascii_case(name))
        };
        let n_bytes = field("content-length").and_then(|(_, n)| n.parse::<usize>().ok());
        let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse::<u16>().ok()?;
        if end == rest.len() {
            let is_own = n_bytes == Some(0) && end <= MAX_ANSWER && field("x-request-id").is_none();
            return (is_own && matches!(status, 400 | 414 | 431))
                .then_some((start, StatusCode::from_u16(status).ok()?));
        }
        start = start.checked_add(end)?.checked_add(n_bytes?).filter(|&start| start < bytes.len())?;
    }
}

/// Refuses a body with two lengths: whoever is before or behind this server may have believed the other one.
pub(crate) fn check_lengths(headers: &HeaderMap) -> ApiResult<()> {
    let has_both = headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(hyper::header::CONTENT_LENGTH);
    if !has_both {
        return Ok(());
    }
    let message = "the request has both Content-Length and Transfer-Encoding";
    Err(ApiError::new(Code::BadHttp, message, "send one of them"))
}

/// Ends the connection behind an answer to chunks: a length beside them, which the library passes over, may have made
/// others see another end of the request.
pub(crate) fn end_behind_chunks(version: Version, is_chunked: bool, response: &mut Response<Body>) {
    if is_chunked && version <= Version::HTTP_11 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Told<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if self.is_http1.is_none() && buf.filled().len() > before {
            let first = &buf.filled()[before..];
            self.is_http1 = Some(!H2_PREFACE.starts_with(&first[..first.len().min(H2_PREFACE.len())]));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> Told<S> {
    /// Sends the refusal that is on its way.
    fn poll_pending(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.n_sent < self.pending.len() {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, &self.pending[self.n_sent..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => self.n_sent += n,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Told<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_pending(cx))?;
        if let Some(answer) = self.replacement(bytes) {
            (self.pending, self.n_sent) = (answer, 0);
            // Whatever is left goes when the stream is flushed.
            let _ = self.poll_pending(cx)?;
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    /// Answers are short: one buffer is quicker than several, and can be looked at.
    fn is_write_vectored(&self) -> bool {
        false
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_pending(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_pending(cx))?;
        if self.linger.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        }
        if !self.refused {
            return Poll::Ready(Ok(()));
        }
        let this = &mut *self;
        let (end, n_read) = this.linger.get_or_insert_with(|| (Box::pin(tokio::time::sleep(LINGER)), 0));
        let mut bytes = [0; 8 << 10];
        while *n_read < LINGER_BYTES && end.as_mut().poll(cx).is_pending() {
            let mut buf = ReadBuf::new(&mut bytes);
            match ready!(Pin::new(&mut this.stream).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => *n_read += buf.filled().len(),
                _ => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: &str = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\ndate: x\r\n\r\n";

    #[test]
    fn an_answer_of_the_library_is_known_and_nothing_else_is() {
        let ours = "HTTP/1.1 200 OK\r\nx-request-id: 1\r\ncontent-length: 3\r\n\r\nabc";
        let empty = "HTTP/1.1 400 Bad Request\r\nx-request-id: 1\r\ncontent-length: 0\r\n\r\n";
        let found = |bytes: &str| bare_answer(bytes.as_bytes()).map(|(start, status)| (start, status.as_u16()));
        assert_eq!(found(BARE), Some((0, 400)));
        assert_eq!(found(&format!("{ours}{ours}{BARE}")), Some((2 * ours.len(), 400)));
        assert_eq!(found(&BARE.replace("400", "431")), Some((0, 431)));
        for other in [ours, empty, "", "\r\n\r\n", &BARE.replace("400", "200"), &BARE[..40], &BARE[9..]] {
            assert_eq!(found(other), None, "{other}");
        }
        // A document that looks like an answer stays what it is.
        let n = BARE.len();
        let head = format!("HTTP/1.1 200 OK\r\nx-request-id: 1\r\ncontent-length: {n}\r\n\r\n");
        assert_eq!(found(&format!("{head}{BARE}")), None);
        let chunked = "HTTP/1.1 200 OK\r\nx-request-id: 1\r\ntransfer-encoding: chunked\r\n\r\n";
        assert_eq!(found(&format!("{chunked}{BARE}")), None);
    }
}
