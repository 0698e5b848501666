//! Everything that requests share, and the way of each through the checks to its answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use fenlei_label::web::Refusal;
use hyper::body::Incoming;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Version};
use serde_json::json;
use tokio::sync::mpsc;
use tower_service::Service;

use crate::api::{grpc_refusal, is_grpc};
use crate::error::{ApiError, ApiResult, Code, body_of};
use crate::http::{Guard, RequestId, RequestIds, check_lengths, end_behind_chunks};
use crate::log::{Level, Log};
use crate::metrics::{Metrics, Route};
use crate::models::{Registry, ServedModel};
use crate::monitor::Monitor;
use crate::options::Options;
use crate::queue::{Answers, Queue, Work};
use crate::trace::{Open, Outcome, TraceContext, Tracer};

/// Within this time a request of the labelling page is answered, its body included.
const LABEL_TIME: Duration = Duration::from_secs(60);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What requests share.
pub(crate) struct App {
    pub options: Options,
    pub registry: Registry,
    pub queue: Queue,
    pub metrics: Arc<Metrics>,
    pub monitor: Monitor,
    pub tracer: Option<Tracer>,
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
        let headers = request.headers();
        let id = self.ids.of(headers);
        let route = Route::of(request.uri().path());
        let origin = headers.get(header::ORIGIN).cloned();
        let version = request.version();
        let is_chunked = headers.contains_key(header::TRANSFER_ENCODING);
        let span = self.tracer.as_ref().and_then(|tracer| tracer.begin(headers, &id));
        let told = (self.options.log_requests || span.is_some()).then(|| Told {
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
            trace: TraceContext::of(headers),
            span,
        });
        let refuse: fn(&ApiError, &str) -> Response<Body> = match version == Version::HTTP_2 && is_grpc(headers) {
            true => |error, _| grpc_refusal(error),
            false => ApiError::respond,
        };
        let admitted = admit(face, peer, &request);
        let origin = origin.filter(|_| admitted.is_ok());
        let (mut response, who) = match admitted {
            Err(error) => (refuse(&error, &id), String::new()),
            Ok(who) if request.method() == Method::OPTIONS && origin.is_some() => (preflight(), who),
            Ok(who) => {
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(RequestId(id.clone()));
                (answered(face, route, request).await, who)
            }
        };
        if let Some(error) = response.extensions_mut().remove::<ApiError>() {
            // The router knows the methods of its addresses.
            let allow = response.headers_mut().remove(header::ALLOW).filter(|_| error.allow.is_none());
            response = refuse(&error, &id);
            response.headers_mut().extend(allow.map(|allow| (header::ALLOW, allow)));
        }
        if let Some(Refusal { code, message, help }) = response.extensions_mut().remove() {
            // With the name of the request, like all others.
            *response.body_mut() = Body::from(body_of(&message, code, &help, &id));
            response.headers_mut().remove(header::CONTENT_LENGTH);
        }
        let code = response.extensions_mut().remove::<Code>();
        if let Some(code) = code {
            self.metrics.error(code);
        }
        end_behind_chunks(version, is_chunked, &mut response);
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
        // gRPC puts its outcome elsewhere.
        let status = code.map_or(response.status(), Code::status);
        let seconds = began.elapsed().as_secs_f64();
        self.metrics.request(route, status, seconds);
        if let Some(told) = told {
            self.tell(told, &Ended { id, route, status, code, seconds, who, peer });
        }
        response
    }

    /// Tells the log and the collector of spans.
    fn tell(&self, told: Told, ended: &Ended) {
        if self.options.log_requests {
            let particulars = json!({
                "request_id": ended.id, "method": told.method, "path": told.path, "status": ended.status.as_u16(),
                "seconds": ended.seconds, "client": ended.who, "peer": ended.peer.ip().to_string(),
                "trace_id": told.trace.map(|trace| trace.trace_id),
            });
            let level = if ended.status.is_server_error() { Level::Error } else { Level::Info };
            self.log.event(level, "request", particulars);
        }
        if let (Some(tracer), Some(span)) = (&self.tracer, told.span) {
            let outcome = Outcome {
                request_id: ended.id.clone(),
                method: told.method,
                route: ended.route.name(),
                path: told.path,
                status: ended.status.as_u16(),
                code: ended.code.map(Code::name),
            };
            tracer.end(span, outcome);
        }
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

/// What of a request the log and the collector of spans are told.
struct Told {
    method: String,
    path: String,
    trace: Option<TraceContext>,
    span: Option<Open>,
}

/// How a request ended.
struct Ended {
    id: String,
    route: Route,
    status: StatusCode,
    code: Option<Code>,
    seconds: f64,
    who: String,
    peer: SocketAddr,
}

async fn answered(face: &Face, route: Route, request: Request<Body>) -> Response<Body> {
    // The router is never busy and never fails.
    let mut router = face.router.clone();
    let answer = router.call(request);
    if route != Route::Label {
        let Ok(response) = answer.await;
        return response;
    }
    match tokio::time::timeout(LABEL_TIME, answer).await {
        Ok(Ok(response)) => response,
        Err(_) => {
            let error = ApiError::new(Code::SlowBody, "the request took too long", "try again");
            axum::response::IntoResponse::into_response(error)
        }
    }
}

/// Who asks, if they may.
fn admit(face: &Face, peer: SocketAddr, request: &Request<Incoming>) -> ApiResult<String> {
    check_lengths(request.headers())?;
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
