//! Spans as the OpenTelemetry Protocol writes them in JSON: ids in hexadecimal, 64-bit numbers as strings.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::Span;

/// The kind of a span that a server makes.
const SERVER: u8 = 2;
/// The status of a span whose request failed by the server's fault; others have none.
const ERROR: u8 = 2;

/// The body of an export request.
pub(super) fn body(spans: &[Span]) -> String {
    let service = [attribute("service.name", "fenlei"), attribute("service.version", env!("CARGO_PKG_VERSION"))];
    let scope = json!({ "name": "fenlei-serve", "version": env!("CARGO_PKG_VERSION") });
    let spans: Vec<Value> = spans.iter().map(span).collect();
    let scoped = json!({ "scope": scope, "spans": spans });
    json!({ "resourceSpans": [{ "resource": { "attributes": service }, "scopeSpans": [scoped] }] }).to_string()
}

fn attribute(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

fn span(span: &Span) -> Value {
    let Span { open, ended, outcome } = span;
    let status = json!({ "key": "http.response.status_code", "value": { "intValue": outcome.status.to_string() } });
    let mut attributes = vec![
        attribute("http.request.method", &outcome.method),
        attribute("fenlei.route", outcome.route),
        attribute("url.path", &outcome.path),
        attribute("fenlei.request_id", &outcome.request_id),
        status,
    ];
    attributes.extend(outcome.code.map(|code| attribute("error.type", code)));
    let mut written = json!({
        "traceId": open.trace_id,
        "spanId": format!("{:016x}", open.span_id),
        "name": format!("{} {}", outcome.method, outcome.route),
        "kind": SERVER,
        "startTimeUnixNano": nanos(open.began),
        "endTimeUnixNano": nanos(ended.max(&open.began).to_owned()),
        "attributes": attributes,
    });
    if let Some(parent) = &open.parent {
        written["parentSpanId"] = parent.as_str().into();
    }
    if outcome.status >= 500 {
        written["status"] = json!({ "code": ERROR });
    }
    written
}

fn nanos(time: SystemTime) -> String {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos()).to_string()
}
