//! Everything that requests share, and the way of each through the checks to its answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::json;
use tokio::sync::mpsc;
use tower_service::Service;

use crate::error::{ApiError, ApiResult};
use crate::http::{Guard, RequestId, RequestIds, trace_of};
use crate::log::{Level, Log};
use crate::metrics::{Metrics, Route};
use crate::models::{Registry, ServedModel};
use crate::monitor::Monitor;
use crate::options::Options;
use crate::queue::{Answers, Queue, Work};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What requests share.
pub(crate) struct App {
    pub options: Options,
    pub registry: Registry,
    pub queue: Queue,
    pub metrics: Arc<Metrics>,
    pub monitor: Monitor,
    pub log: Log,
    pub ids: RequestIds,
    pub stopping: AtomicBool,
    /// Asks for a look at the model files.
    pub reload: mpsc::Sender<()>,
}

/// One listener's addresses, and who may ask there.
pub(crate) struct Face {
    pub router: Router,
    pub guard: Guard,
    /// Addresses that nobody is asked a token for: they show nothing of anybody.
    pub is_open: fn(&str) -> bool,
}

/// Counts a request as long as it is there, also when its client goes away.
struct InFlight<'a>(&'a Metrics);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl App {
    /// Whether requests would be answered.
    pub fn is_ready(&self) -> bool {
        !self.stopping.load(Ordering::Relaxed) && !self.registry.is_empty()
    }

    /// Answers a request.
    pub async fn handle(&self, face: &Face, peer: SocketAddr, request: Request<Incoming>) -> Response<Body> {
        let began = Instant::now();
        self.metrics.in_flight.fetch_add(1, Ordering::Relaxed);
        let _in_flight = InFlight(&self.metrics);
        let id = self.ids.of(request.headers());
        let route = Route::of(request.uri().path());
        let origin = request.headers().get(header::ORIGIN).cloned();
        let line = self.options.log_requests.then(|| {
            let trace = trace_of(request.headers()).map(str::to_owned);
            (request.method().to_string(), request.uri().path().to_owned(), trace)
        });
        let admitted = admit(face, peer, &request);
        let origin = origin.filter(|_| admitted.is_ok());
        let (mut response, who) = match admitted {
            Err(error) => (error.respond(&id), String::new()),
            Ok(who) if request.method() == Method::OPTIONS && origin.is_some() => (preflight(), who),
            Ok(who) => {
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(RequestId(id.clone()));
                // The router is never busy and never fails.
                let Ok(response) = face.router.clone().call(request).await;
                (response, who)
            }
        };
        if let Some(error) = response.extensions_mut().remove::<ApiError>() {
            response = error.respond(&id);
        }
        if let Some(code) = response.extensions_mut().remove() {
            self.metrics.error(code);
        }
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::from_str(&id) {
            headers.insert(REQUEST_ID, id);
        }
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(origin) = origin {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::VARY, HeaderValue::from_static("Origin"));
            let exposed = HeaderValue::from_static("x-request-id, x-model, retry-after");
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
        let status = response.status();
        let seconds = began.elapsed().as_secs_f64();
        self.metrics.request(route, status, seconds);
        if let Some((method, path, trace)) = line {
            let particulars = json!({
                "request_id": id, "method": method, "path": path, "status": status.as_u16(),
                "seconds": seconds, "client": who, "peer": peer.ip().to_string(), "trace_id": trace,
            });
            let level = if status.is_server_error() { Level::Error } else { Level::Info };
            self.log.event(level, "request", particulars);
        }
        response
    }

    /// Takes note of predictions: counts, and compares with a shadow version.
    pub fn record(
        self: &Arc<Self>,
        id: &RequestId,
        model: &Arc<ServedModel>,
        texts: Vec<String>,
        answers: &Answers,
        shadow: Option<(Arc<ServedModel>, Vec<String>)>,
    ) {
        let given: Vec<(usize, f32)> = answers.rows().map(|row| model.count(row)).collect();
        let labels: Vec<usize> = given.iter().map(|&(label, _)| label).filter(|_| shadow.is_some()).collect();
        self.monitor.record(&id.0, model, given, texts);
        let Some((shadow, texts)) = shadow else { return };
        let app = Arc::clone(self);
        let names: Vec<String> = labels.iter().map(|&label| model.classifier.labels()[label].clone()).collect();
        tokio::spawn(async move {
            // A shadow that does not keep up is not asked.
            let Ok((_, answers)) = app.queue.answer(&shadow, texts, Work::Predict, None).await else { return };
            for (row, name) in answers.rows().zip(names) {
                let (label, _) = shadow.count(row);
                app.metrics.shadow_compared.fetch_add(1, Ordering::Relaxed);
                if shadow.classifier.labels()[label] != name {
                    app.metrics.shadow_differed.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
}

/// Who asks, if they may.
fn admit(face: &Face, peer: SocketAddr, request: &Request<Incoming>) -> ApiResult<String> {
    let authority = request.uri().authority().map(hyper::http::uri::Authority::as_str);
    face.guard.check_host(request.headers(), authority)?;
    face.guard.check_origin(request.headers(), authority)?;
    // Before a browser sends a token, it asks whether it may.
    let is_preflight = request.method() == Method::OPTIONS && request.headers().contains_key(header::ORIGIN);
    if is_preflight || (face.is_open)(request.uri().path()) {
        return Ok(String::new());
    }
    let who = face.guard.check_token(request.headers(), peer.ip())?;
    face.guard.check_rate(&who)?;
    Ok(who)
}

/// What a page of another origin may send.
fn preflight() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
    let allowed = HeaderValue::from_static("authorization, content-type, x-request-id, x-timeout-ms, traceparent");
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}
