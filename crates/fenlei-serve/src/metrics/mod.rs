//! What the server counts about itself, and how Prometheus reads it.

mod histogram;
mod text;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Instant;

use hyper::StatusCode;

use crate::error::Code;
pub(crate) use histogram::Histogram;
use histogram::{SECONDS, TEXTS};
pub(crate) use text::{escape, render, resident_bytes};

/// What a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    Predict,
    TensorFlow,
    InferenceV2,
    Feedback,
    Watch,
    Page,
    Health,
    Admin,
    Label,
    Other,
}

impl Route {
    const ALL: [(Self, &'static str); 10] = [
        (Self::Predict, "predict"),
        (Self::TensorFlow, "tensorflow"),
        (Self::InferenceV2, "inference_v2"),
        (Self::Feedback, "feedback"),
        (Self::Watch, "watch"),
        (Self::Page, "page"),
        (Self::Health, "health"),
        (Self::Admin, "admin"),
        (Self::Label, "label"),
        (Self::Other, "other"),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// What a path is about.
    pub fn of(path: &str) -> Self {
        match path.split('/').nth(1).unwrap_or_default() {
            "predict" => Self::Predict,
            "v1" => Self::TensorFlow,
            "v2" | "inference.GRPCInferenceService" => Self::InferenceV2,
            "feedback" => Self::Feedback,
            "metrics" | "watch" => Self::Watch,
            "" | "assets" | "dashboard" | "docs" | "openapi.json" => Self::Page,
            "health" => Self::Health,
            "admin" => Self::Admin,
            "label" => Self::Label,
            _ => Self::Other,
        }
    }
}

/// Of one kind of request.
#[derive(Debug)]
struct OfRoute {
    /// By the first digit of the status.
    statuses: [AtomicU64; 6],
    seconds: Histogram,
}

/// Everything that is counted.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub started: Instant,
    routes: Vec<OfRoute>,
    errors: Vec<AtomicU64>,
    pub in_flight: AtomicI64,
    pub connections: AtomicI64,
    pub connections_total: AtomicU64,
    batches: AtomicU64,
    batch_texts: Histogram,
    batch_seconds: Histogram,
    text_bytes: AtomicU64,
    /// Answers of a shadow version that were compared, and those that gave another label.
    pub shadow_compared: AtomicU64,
    pub shadow_differed: AtomicU64,
    /// Records of predictions that were not kept because too many came at once.
    pub watch_dropped: AtomicU64,
    pub feedback: AtomicU64,
}

impl Metrics {
    pub fn new() -> Self {
        let of_route = |_: &(Route, &str)| OfRoute {
            statuses: std::array::from_fn(|_| AtomicU64::new(0)),
            seconds: Histogram::new(SECONDS),
        };
        Self {
            started: Instant::now(),
            routes: Route::ALL.iter().map(of_route).collect(),
            errors: Code::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
            in_flight: AtomicI64::new(0),
            connections: AtomicI64::new(0),
            connections_total: AtomicU64::new(0),
            batches: AtomicU64::new(0),
            batch_texts: Histogram::new(TEXTS),
            batch_seconds: Histogram::new(SECONDS),
            text_bytes: AtomicU64::new(0),
            shadow_compared: AtomicU64::new(0),
            shadow_differed: AtomicU64::new(0),
            watch_dropped: AtomicU64::new(0),
            feedback: AtomicU64::new(0),
        }
    }

    /// A request was answered.
    pub fn request(&self, route: Route, status: StatusCode, seconds: f64) {
        let of_route = &self.routes[route as usize];
        of_route.statuses[usize::from(status.as_u16() / 100).min(5)].fetch_add(1, Ordering::Relaxed);
        of_route.seconds.add(seconds);
    }

    /// A request was refused.
    pub fn error(&self, code: Code) {
        if let Some(i) = Code::ALL.iter().position(|other| *other == code) {
            self.errors[i].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Texts were predicted together.
    pub fn batch(&self, n_texts: usize, n_bytes: usize, seconds: f64) {
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.batch_texts.add(n_texts as f64);
        self.batch_seconds.add(seconds);
        self.text_bytes.fetch_add(n_bytes as u64, Ordering::Relaxed);
    }

    /// Requests so far, and how many of them failed by the server's fault.
    pub fn requests(&self) -> (u64, u64) {
        let load = |digit: usize| self.routes.iter().map(move |of| of.statuses[digit].load(Ordering::Relaxed));
        ((1..6).flat_map(load).sum(), load(5).sum())
    }

    /// Predictions asked for so far, and the 50th and 99th percentile of the seconds they took.
    pub fn predicting(&self) -> (u64, f64, f64) {
        let seconds = &self.routes[Route::Predict as usize].seconds;
        (seconds.n(), seconds.quantile(0.5), seconds.quantile(0.99))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_belongs_to_a_route() {
        let routes =
            ["/predict", "/v1/models/a:predict", "/v2/health/ready", "/", "/assets/app.js", "/health/live", "/x"]
                .map(Route::of);
        use Route::{Health, InferenceV2, Other, Page, Predict, TensorFlow};
        assert_eq!(routes, [Predict, TensorFlow, InferenceV2, Page, Page, Health, Other]);
        for (i, (route, _)) in Route::ALL.iter().enumerate() {
            assert_eq!(*route as usize, i);
        }
    }
}
