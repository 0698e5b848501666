//! `POST /predict` with NDJSON: a line in, a line out, in order, in constant memory.
//!
//! A line is a JSON string or an object with `input` and, if one likes, `id`, which comes back. A line that cannot be
//! read gets a line with its error; the others go on. The client's reading sets the pace.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use fenlei::classifier::Scored;
use http_body_util::BodyExt;
use hyper::Response;
use hyper::body::{Body as HttpBody, Frame};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::asked::Asked;
use crate::app::App;
use crate::error::{ApiError, ApiResult, Code};
use crate::http::{Call, RequestId};

/// Lines that are predicted together.
const LINES: usize = 512;

/// Bytes of lines that are predicted together.
const BYTES: usize = 256 << 10;

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Text(String),
    Object(LineObject),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LineObject {
    #[serde(alias = "text")]
    input: String,
    id: Option<serde_json::Value>,
}

#[derive(Serialize)]
struct Answer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a serde_json::Value>,
    predictions: &'a [Scored<'a>],
}

#[derive(Serialize)]
struct Refusal<'a> {
    error: &'a str,
    code: &'a str,
    line: u64,
}

/// Answers while the lines come in.
pub(super) fn predict(app: &Arc<App>, call: Call) -> ApiResult<Response<Body>> {
    let (sender, receiver) = mpsc::channel(2);
    let model = call.query("model");
    let lines = Lines { app: Arc::clone(app), id: call.id, n_lines: 0, model, sender };
    // Fails early, while there is still a status to say it with.
    app.registry.choose(lines.model.as_deref(), None, 1.0)?;
    tokio::spawn(lines.run(call.body));
    let mut response = Response::new(Body::new(Channel(receiver)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok(response)
}

struct Lines {
    app: Arc<App>,
    id: RequestId,
    n_lines: u64,
    model: Option<String>,
    sender: mpsc::Sender<Bytes>,
}

impl Lines {
    async fn run(mut self, mut body: Body) {
        let limits = self.app.options.limits.clone();
        let mut buffer = BytesMut::new();
        loop {
            let frame = tokio::time::timeout(limits.body_time, body.frame()).await;
            let ended = match frame {
                Ok(Some(Ok(frame))) => {
                    if let Some(data) = frame.data_ref() {
                        buffer.extend_from_slice(data);
                    }
                    false
                }
                // Cut off or too slow: what is whole is answered, and the end of the answer tells how far it came.
                Ok(None) => true,
                Ok(Some(Err(_))) | Err(_) => return,
            };
            while let Some(end) = last_line_end(&buffer, ended) {
                let whole = buffer.split_to(end);
                if !self.answer(&whole).await {
                    return;
                }
            }
            if buffer.len() > limits.body_bytes {
                let error = ApiError::new(Code::BodyTooLarge, "the line is too long", "divide the text");
                self.n_lines += 1;
                let mut out = Vec::new();
                self.refuse(&mut out, &error, self.n_lines);
                let _ = self.sender.send(Bytes::from(out)).await;
                return;
            }
            if ended {
                return;
            }
        }
    }

    /// Answers some lines; false when nobody reads the answers.
    async fn answer(&mut self, lines: &[u8]) -> bool {
        let (mut texts, mut places) = (Vec::new(), Vec::new());
        for line in lines.split(|&byte| byte == b'\n') {
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            self.n_lines += 1;
            match serde_json::from_slice::<Line>(line) {
                Ok(Line::Text(text)) => {
                    texts.push(text);
                    places.push(Ok(None));
                }
                Ok(Line::Object(object)) => {
                    texts.push(object.input);
                    places.push(Ok(object.id));
                }
                Err(_) => {
                    let message = "found no JSON text and no object as {\"input\": \"text\", \"id\": 1}";
                    places.push(Err(ApiError::new(Code::BadJson, message, "write one text a line, as JSON")));
                }
            }
        }
        let first_line = self.n_lines + 1 - places.len() as u64;
        let asked = Asked { texts, model: self.model.clone(), ..Asked::default() };
        let mut out = Vec::new();
        match asked.answer(&self.app, &self.id).await {
            Ok(answered) => {
                let scored = answered.scored();
                let mut scored = scored.iter();
                for (line, place) in (first_line..).zip(&places) {
                    match place {
                        Ok(id) => {
                            let predictions = scored.next().map(Vec::as_slice).unwrap_or_default();
                            // A vector takes every byte.
                            let _ = serde_json::to_writer(&mut out, &Answer { id: id.as_ref(), predictions });
                            out.push(b'\n');
                        }
                        Err(error) => self.refuse(&mut out, error, line),
                    }
                }
            }
            Err(error) => {
                (first_line..).take(places.len()).for_each(|line| self.refuse(&mut out, &error, line));
            }
        }
        out.is_empty() || self.sender.send(Bytes::from(out)).await.is_ok()
    }

    fn refuse(&self, out: &mut Vec<u8>, error: &ApiError, line: u64) {
        let _ = serde_json::to_writer(&mut *out, &Refusal { error: &error.message, code: error.code.name(), line });
        out.push(b'\n');
    }
}

/// Where the whole lines end that are predicted next; at the end of the body a last line needs no end.
fn last_line_end(buffer: &[u8], ended: bool) -> Option<usize> {
    if buffer.is_empty() {
        return None;
    }
    let (mut n_lines, mut end) = (0, None);
    for (i, &byte) in buffer.iter().enumerate() {
        if byte == b'\n' {
            end = Some(i + 1);
            n_lines += 1;
            if n_lines == LINES || i > BYTES {
                return end;
            }
        }
    }
    if ended { Some(end.filter(|_| buffer.len() > BYTES).unwrap_or(buffer.len())) } else { end }
}

/// A body whose parts come from elsewhere.
struct Channel(mpsc::Receiver<Bytes>);

impl HttpBody for Channel {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(context).map(|part| part.map(|part| Ok(Frame::data(part))))
    }
}

/// What the fuzzer reads.
pub(super) fn read_lines(body: &[u8]) {
    let mut rest = body;
    while let Some(end) = last_line_end(rest, true) {
        rest[..end]
            .split(|&byte| byte == b'\n')
            .for_each(|line| drop(serde_json::from_slice::<Line>(line.trim_ascii())));
        rest = &rest[end..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_taken_whole_and_not_too_many_at_a_time() {
        assert_eq!(last_line_end(b"", true), None);
        assert_eq!(last_line_end(b"abc", false), None);
        assert_eq!(last_line_end(b"abc", true), Some(3));
        assert_eq!(last_line_end(b"a\nb\nc", false), Some(4));
        assert_eq!(last_line_end(b"a\nb\nc", true), Some(5));
        assert_eq!(last_line_end(&b"a\n".repeat(LINES + 5), false), Some(2 * LINES));
    }
}
