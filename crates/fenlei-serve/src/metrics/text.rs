//! The metrics as Prometheus reads them (text format 0.0.4).

use std::fmt::Write;
use std::sync::atomic::Ordering;

use super::{Metrics, Route};
use crate::error::Code;
use crate::models::{N_CONFIDENCES, ServedModel};
use crate::queue::Queue;

/// A value of a label: backslash, quote and line end are escaped.
pub(crate) fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
        self.head(name, kind, help);
        let _ = writeln!(self.0, "{name} {value}");
    }

    fn row(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.0, "{name}{{{labels}}} {value}");
    }
}

/// The whole page, without what watching adds.
pub(crate) fn render(metrics: &Metrics, queue: &Queue, models: &[std::sync::Arc<ServedModel>]) -> String {
    let mut page = Page(String::with_capacity(16 << 10));
    page.one("fenlei_uptime_seconds", "gauge", "Seconds since the start.", metrics.started.elapsed().as_secs_f64());
    if let Some(bytes) = resident_bytes() {
        page.one("process_resident_memory_bytes", "gauge", "Memory in use.", bytes);
    }
    page.head("fenlei_requests_total", "counter", "Requests by what they are about and by their status.");
    for (route, of_route) in Route::ALL.iter().zip(&metrics.routes) {
        for (digit, count) in of_route.statuses.iter().enumerate() {
            let n = count.load(Ordering::Relaxed);
            if n > 0 {
                page.row("fenlei_requests_total", &format!("route=\"{}\",status=\"{digit}xx\"", route.1), n);
            }
        }
    }
    page.head("fenlei_request_seconds", "histogram", "Seconds from the head of a request to its answer.");
    for (route, of_route) in Route::ALL.iter().zip(&metrics.routes).filter(|(_, of_route)| of_route.seconds.n() > 0) {
        of_route.seconds.write(&mut page.0, "fenlei_request_seconds", &format!("route=\"{}\"", route.1));
    }
    page.head("fenlei_errors_total", "counter", "Refusals by their code.");
    for (code, count) in Code::ALL.iter().zip(&metrics.errors) {
        page.row("fenlei_errors_total", &format!("code=\"{}\"", code.name()), count.load(Ordering::Relaxed));
    }
    let load = |n: &std::sync::atomic::AtomicI64| n.load(Ordering::Relaxed).max(0);
    page.one("fenlei_requests_in_flight", "gauge", "Requests that are being answered.", load(&metrics.in_flight));
    page.one("fenlei_connections", "gauge", "Open connections.", load(&metrics.connections));
    let total = metrics.connections_total.load(Ordering::Relaxed);
    page.one("fenlei_connections_total", "counter", "Connections so far.", total);
    page.head("fenlei_queue_texts", "gauge", "Texts that wait for their turn.");
    let lanes = [("short", queue.short.depth()), ("bulk", queue.bulk.depth())];
    for (lane, (n_texts, _)) in lanes {
        page.row("fenlei_queue_texts", &format!("lane=\"{lane}\""), n_texts);
    }
    page.head("fenlei_queue_bytes", "gauge", "Bytes of the texts that wait for their turn.");
    for (lane, (_, n_bytes)) in lanes {
        page.row("fenlei_queue_bytes", &format!("lane=\"{lane}\""), n_bytes);
    }
    page.head("fenlei_batch_texts", "histogram", "Texts that were predicted together.");
    metrics.batch_texts.write(&mut page.0, "fenlei_batch_texts", "");
    page.head("fenlei_batch_seconds", "histogram", "Seconds that predicting them took.");
    metrics.batch_seconds.write(&mut page.0, "fenlei_batch_seconds", "");
    let bytes = metrics.text_bytes.load(Ordering::Relaxed);
    page.one("fenlei_text_bytes_total", "counter", "Bytes of predicted texts.", bytes);
    for (name, help, count) in [
        ("fenlei_shadow_compared_total", "Answers of a shadow version that were compared.", &metrics.shadow_compared),
        ("fenlei_shadow_differed_total", "Of these, those with another label.", &metrics.shadow_differed),
        ("fenlei_watch_dropped_total", "Predictions that were not recorded under load.", &metrics.watch_dropped),
        ("fenlei_feedback_total", "Feedback that was kept.", &metrics.feedback),
    ] {
        page.one(name, "counter", help, count.load(Ordering::Relaxed));
    }
    of_models(&mut page, models);
    page.0
}

fn of_models(page: &mut Page, models: &[std::sync::Arc<ServedModel>]) {
    let labels_of = |model: &ServedModel| format!("model=\"{}\",version=\"{}\"", escape(&model.name), model.version);
    page.head("fenlei_model_info", "gauge", "The models that are served.");
    for model in models {
        let fingerprint = escape(&model.info.data_fingerprint);
        page.row("fenlei_model_info", &format!("{},data=\"{fingerprint}\"", labels_of(model)), 1);
    }
    page.head("fenlei_predictions_total", "counter", "Predicted texts by label.");
    for model in models {
        for (label, n) in model.classifier.labels().iter().zip(model.tallies.labels()) {
            page.row("fenlei_predictions_total", &format!("{},label=\"{}\"", labels_of(model), escape(label)), n);
        }
    }
    page.head("fenlei_abstained_total", "counter", "Predicted texts about which the model abstained.");
    for model in models {
        page.row("fenlei_abstained_total", &labels_of(model), model.tallies.abstained());
    }
    page.head("fenlei_confidence", "histogram", "Confidence of predictions.");
    for model in models {
        let mut below = 0;
        for (i, n) in model.tallies.confidences().iter().enumerate() {
            below += n;
            let bound = (i + 1) as f64 / N_CONFIDENCES as f64;
            page.row("fenlei_confidence_bucket", &format!("{},le=\"{bound}\"", labels_of(model)), below);
        }
        page.row("fenlei_confidence_bucket", &format!("{},le=\"+Inf\"", labels_of(model)), below);
        page.row("fenlei_confidence_sum", &labels_of(model), model.tallies.confidence_sum());
        page.row("fenlei_confidence_count", &labels_of(model), below);
    }
}

/// The memory that the program holds, where the system tells.
pub(crate) fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Limits;

    #[test]
    fn labels_are_escaped() {
        assert_eq!(escape("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }

    #[test]
    fn every_line_has_a_type_before_it_and_a_number_behind_it() {
        let metrics = Metrics::new();
        metrics.request(Route::Predict, hyper::StatusCode::OK, 0.0002);
        metrics.error(Code::Overloaded);
        let text = render(&metrics, &Queue::new(&Limits::default()), &[]);
        assert!(text.contains("fenlei_requests_total{route=\"predict\",status=\"2xx\"} 1"));
        assert!(text.contains("fenlei_request_seconds_bucket{route=\"predict\",le=\"0.00025\"} 1"));
        assert!(text.contains("fenlei_errors_total{code=\"overloaded\"} 1"));
        let mut typed = Vec::new();
        for line in text.lines() {
            if let Some(typed_name) = line.strip_prefix("# TYPE ") {
                typed.push(typed_name.split(' ').next().unwrap().to_owned());
            } else if !line.starts_with('#') {
                let (name, value) = line.rsplit_once(' ').unwrap();
                assert!(value.parse::<f64>().is_ok(), "{line}");
                assert!(typed.iter().any(|typed| name.starts_with(typed.as_str())), "{line}");
            }
        }
    }
}
