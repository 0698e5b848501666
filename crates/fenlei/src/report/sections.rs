//! The sections of a report as one HTML page.

use std::fmt::Write;

use serde_json::Value;

use super::data::ReportData;
use super::escape::escape;
use super::page::Page;
use super::strings::{Language, Strings, fill};
use super::tables::{count, decimal, percent, table};
use super::{charts, words};
use crate::Result;
use crate::metrics::Confusion;

/// More labels than this give no matrix but a list of errors.
const MATRIX_LABELS: usize = 25;

/// Sections that stand two in a row where there is room.
const HALF: [&str; 8] =
    ["roc", "precision-recall", "calibration", "confidences", "thresholds", "coverage", "lengths", "slices"];

/// Errors that such a list holds.
const ERRORS_LISTED: usize = 20;

impl ReportData {
    /// The report as one page that needs nothing else.
    ///
    /// # Errors
    /// When the texts that were built in are damaged.
    pub fn html(&self, language: Language) -> Result<String> {
        let t = language.strings()?;
        let mut page = Page::new(t, &format!("{} · {}", t.title, self.about.model));
        page.push(&format!(
            "<header><h1>{}</h1><p>{}: {} · {}: {}</p>",
            escape(&t.title),
            escape(&t.of_model),
            escape(&self.about.model),
            escape(&t.on_data),
            escape(&self.about.documents)
        ));
        page.push_theme_choice();
        page.push("</header>");
        let sections = self.sections(t);
        page.push(&format!("<nav aria-label=\"{}\">", escape(&t.contents)));
        for (id, title, _) in &sections {
            page.push(&format!("<a href=\"#{id}\">{}</a>", escape(title)));
        }
        page.push("</nav><main>");
        for (id, title, body) in &sections {
            let class = if HALF.contains(id) { " class=\"half\"" } else { "" };
            page.push(&format!(
                "<section{class} aria-labelledby=\"{id}\"><h2 id=\"{id}\">{}</h2>{body}</section>\n",
                escape(title)
            ));
        }
        page.push("</main>");
        Ok(page.finish())
    }

    fn sections<'t>(&self, t: &'t Strings) -> Vec<(&'static str, &'t str, String)> {
        let note = |words: &str| format!("<p class=\"note\">{}</p>", escape(words));
        let noted = |words: &str, body: String| note(words) + &body;
        let mut sections = vec![("summary", t.summary.as_str(), self.summary(t))];
        sections.push((
            "learning",
            &t.learning,
            match charts::learning(self, t).as_slice() {
                [] => note(&t.learning_none),
                figures => {
                    let figures: String = figures.iter().map(|figure| figure.html(t)).collect();
                    noted(&t.learning_note, format!("<div class=\"pair\">{figures}</div>"))
                }
            },
        ));
        sections.push(("confusion", &t.confusion, self.confusion(t)));
        sections.push(("labels", &t.labels, noted(&t.labels_note, self.labels(t))));
        if self.roc.is_empty() {
            sections.push(("roc", &t.roc, note(&t.curves_none)));
        } else {
            sections.push(("roc", &t.roc, noted(&t.roc_note, charts::roc(self, t).html(t))));
            let body = noted(&t.precision_recall_note, charts::precision_recall(self, t).html(t));
            sections.push(("precision-recall", &t.precision_recall, body));
        }
        let words = if self.report.multi_label { &t.calibration_multi_note } else { &t.calibration_note };
        sections.push(("calibration", &t.calibration, noted(words, charts::calibration(self, t).html(t))));
        sections.push((
            "confidences",
            &t.confidences,
            noted(&t.confidences_note, charts::confidences(self, t).html(t)),
        ));
        if let Some(thresholds) = &self.thresholds {
            let words = match &thresholds.label {
                Some(label) => fill(&t.thresholds_one, &[("label", label)]),
                None => t.thresholds_micro.clone(),
            };
            if let Some(chart) = charts::thresholds(self, &words, t) {
                sections.push(("thresholds", &t.thresholds, noted(&words, chart.html(t))));
            }
        }
        sections.push(("coverage", &t.coverage, noted(&t.coverage_note, charts::coverage(self, t).html(t))));
        sections.push(("lengths", &t.lengths, noted(&t.lengths_note, charts::lengths(self, t).html(t))));
        sections.push(("slices", &t.slices, noted(&t.slices_note, self.slices(t))));
        sections.push(("errors", &t.errors, self.errors(t)));
        sections.push(("problems", &t.problems, noted(&t.problems_note, self.problems_section(t))));
        sections.push(("model", &t.model, self.model(t)));
        sections.push(("configuration", &t.configuration, noted(&t.configuration_note, self.configuration())));
        sections
    }

    fn summary(&self, t: &Strings) -> String {
        let report = &self.report;
        let right = (report.accuracy * report.n_docs as f64).round() as u64;
        let values = [("right", count(right)), ("n", count(report.n_docs)), ("share", percent(report.accuracy))];
        let values = values.each_ref().map(|(key, value)| (*key, value.as_str()));
        let mut out = format!("<p class=\"lead\">{}</p>", escape(&fill(&t.verdict, &values)));
        if let Some(baseline) = &self.baseline {
            let words = fill(&t.baseline, &[("label", &baseline.label), ("share", &percent(baseline.share))]);
            let _ = write!(out, "<p class=\"note\">{}</p>", escape(&words));
        }
        let (low, high) = self.accuracy_interval;
        let interval = fill(&t.interval, &[("low", &percent(low)), ("high", &percent(high))]);
        // By bootstrap, where they were asked for.
        let within = |figure: &str| {
            let found = report.intervals.as_ref().and_then(|intervals| intervals.figures.get(figure));
            found.map_or_else(String::new, |found| {
                fill(&t.interval, &[("low", &decimal(found.low)), ("high", &decimal(found.high))])
            })
        };
        let accuracy = if report.multi_label { &t.subset_accuracy } else { &t.accuracy };
        let (auc, of_auc) = match report.auc {
            Some(auc) => (decimal(auc), within("auc")),
            None => (t.undefined.clone(), t.undefined_auc.clone()),
        };
        let cards = [
            (accuracy, percent(report.accuracy), interval),
            (&t.macro_f1, decimal(report.macro_f1), within("macro_f1")),
            (&t.auc, auc, of_auc),
            (&t.log_loss, decimal(report.log_loss), within("log_loss")),
            (&t.calibration_error, decimal(report.calibration_error), within("calibration_error")),
            (&t.support, count(report.n_docs), String::new()),
        ];
        out.push_str("<div class=\"cards\">");
        for (name, value, below) in cards {
            let _ = write!(out, "<div class=\"card\"><span>{}</span><b>{}</b>", escape(name), escape(&value));
            if !below.is_empty() {
                let _ = write!(out, "<span>{}</span>", escape(&below));
            }
            out.push_str("</div>");
        }
        out.push_str("</div>");
        if self.n_unknown > 0 {
            let values = [("n", count(self.n_unknown)), ("labels", self.unknown_labels.join(", "))];
            let values = values.each_ref().map(|(key, value)| (*key, value.as_str()));
            let _ = write!(out, "<p class=\"warning\">{}</p>", escape(&fill(&t.left_out_unknown, &values)));
        }
        if self.n_unlabelled > 0 {
            let words = fill(&t.left_out_unlabelled, &[("n", &count(self.n_unlabelled))]);
            let _ = write!(out, "<p class=\"warning\">{}</p>", escape(&words));
        }
        out
    }

    fn confusion(&self, t: &Strings) -> String {
        let labels = &self.report.labels;
        match &self.report.confusion {
            Some(Confusion::Multi(tables)) => {
                let rows: Vec<Vec<String>> = labels
                    .iter()
                    .zip(tables)
                    .map(|(label, [[_, fp], [fnegative, tp]])| {
                        vec![label.clone(), count(*tp), count(*fp), count(*fnegative)]
                    })
                    .collect();
                let headers = [t.label.as_str(), &t.true_positives, &t.false_positives, &t.false_negatives];
                format!("<p class=\"note\">{}</p>{}", escape(&t.confusion_multi_note), table(&headers, &rows))
            }
            Some(confusion @ Confusion::Single(matrix)) if labels.len() <= MATRIX_LABELS => {
                let mut out = format!("<p class=\"note\">{}</p>{}", escape(&t.confusion_note), self.matrix(matrix, t));
                let errors = self.frequent_errors(confusion, t);
                if labels.len() > 2 && !errors.is_empty() {
                    let title = escape(&t.most_frequent_errors);
                    let _ = write!(out, "<details><summary>{title}</summary>{errors}</details>");
                }
                out
            }
            Some(confusion) => {
                format!("<p class=\"note\">{}</p>{}", escape(&t.confusion_large), self.frequent_errors(confusion, t))
            }
            None => format!("<p class=\"note\">{}</p>", escape(&t.confusion_large)),
        }
    }

    /// A table is the chart here: every field can be read, and the shade shows its share of the row.
    fn matrix(&self, matrix: &[Vec<u64>], t: &Strings) -> String {
        let labels = &self.report.labels;
        let corner = format!("{} ↓ · {} →", t.truth, t.predicted);
        let mut out = format!(
            "<div class=\"wide\" tabindex=\"0\"><table class=\"matrix\"><thead><tr><th scope=\"col\">{}</th>",
            escape(&corner)
        );
        for label in labels {
            let _ = write!(out, "<th scope=\"col\">{}</th>", escape(label));
        }
        out.push_str("</tr></thead><tbody>");
        for (truth, (label, row)) in labels.iter().zip(matrix).enumerate() {
            let _ = write!(out, "<tr><th scope=\"row\">{}</th>", escape(label));
            let sum = row.iter().sum::<u64>().max(1) as f64;
            for (predicted, &n) in row.iter().enumerate() {
                let share = n as f64 / sum;
                let level = if n == 0 { 0 } else { (5.0 * share).ceil().clamp(1.0, 5.0) as u32 };
                let kind = if truth == predicted { 'r' } else { 'w' };
                let _ = write!(out, "<td class=\"{kind}{level}\" title=\"{}\">{}</td>", percent(share), count(n));
            }
            out.push_str("</tr>");
        }
        out.push_str("</tbody></table></div>");
        out
    }

    fn frequent_errors(&self, confusion: &Confusion, t: &Strings) -> String {
        let labels = &self.report.labels;
        let rows: Vec<Vec<String>> = confusion
            .most_frequent_errors(ERRORS_LISTED)
            .into_iter()
            .map(|(truth, predicted, n)| vec![labels[truth].clone(), labels[predicted].clone(), count(n)])
            .collect();
        if rows.is_empty() { String::new() } else { table(&[&t.truth, &t.predicted, &t.support], &rows) }
    }

    fn labels(&self, t: &Strings) -> String {
        let rows: Vec<Vec<String>> = self
            .report
            .per_class
            .iter()
            .map(|class| {
                let auc = class.auc.map_or("–".to_owned(), decimal);
                let share = [class.precision, class.recall].map(percent);
                let [precision, recall] = share;
                vec![class.label.clone(), precision, recall, decimal(class.f1), auc, count(class.support)]
            })
            .collect();
        let all = table(&[&t.label, &t.precision, &t.recall, &t.f1, &t.auc, &t.support], &rows);
        if rows.len() > 40 { format!("<details><summary>{}</summary>{all}</details>", escape(&t.table)) } else { all }
    }

    fn slices(&self, t: &Strings) -> String {
        let rows: Vec<Vec<String>> = self
            .slices
            .iter()
            .map(|slice| {
                let (low, high) = slice.interval;
                let range = format!("{} – {}", count(slice.from), count(slice.to));
                let interval = format!("{} – {}", percent(low), percent(high));
                vec![range, count(slice.n_docs), percent(slice.accuracy), interval]
            })
            .collect();
        table(&[&t.characters, &t.support, &t.accuracy, "95 %"], &rows)
    }

    fn errors(&self, t: &Strings) -> String {
        if self.errors.is_empty() {
            return format!("<p class=\"note\">{}</p>", escape(&t.errors_none));
        }
        let method = self.errors.first().map_or("", |error| words::method(error.explanation.method, t));
        let mut out = format!("<p class=\"note\">{} {}</p>", escape(&t.errors_note), escape(method));
        for error in &self.errors {
            let or_none = |labels: &[String]| if labels.is_empty() { "–".to_owned() } else { labels.join(", ") };
            let title = fill(&t.document, &[("n", &count(error.document))]);
            let probability = fill(&t.truth_probability, &[("p", &format!("{:.4}", error.score_of_truth))]);
            let _ = write!(
                out,
                "<article class=\"error\"><h3>{}: {} → {}</h3><p class=\"note\">{}</p>{}{}{}</article>",
                escape(&title),
                escape(&or_none(&error.truth)),
                escape(&or_none(&error.predicted)),
                escape(&probability),
                words::legend(&error.explanation, t),
                words::coloured(&error.text, &error.explanation, false),
                words::ngrams(&error.explanation, t)
            );
        }
        out
    }

    fn model(&self, t: &Strings) -> String {
        let about = &self.about;
        let rows = [
            (&t.model, about.model.clone()),
            (&t.family, about.family.clone()),
            (&t.vocabulary, count(about.vocab_size)),
            (&t.trained_on, count(about.n_train)),
            (&t.fingerprint, about.data_fingerprint.clone()),
            (&t.version, format!("fenlei {}", about.library_version)),
        ];
        let mut out = String::from("<dl>");
        for (name, value) in rows {
            let _ = write!(out, "<dt>{}</dt><dd>{}</dd>", escape(name), escape(&value));
        }
        out.push_str("</dl>");
        out
    }

    fn configuration(&self) -> String {
        format!("<pre tabindex=\"0\">{}</pre>", escape(&self.configuration_text()))
    }

    /// The configuration as the file that would give it.
    pub(super) fn configuration_text(&self) -> String {
        let plan = without_nulls(&self.configuration);
        toml::to_string(&plan).or_else(|_| serde_json::to_string_pretty(&self.configuration)).unwrap_or_default()
    }
}

/// TOML has no null; a key without a value is a key that is not there.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key.clone(), without_nulls(value)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(without_nulls).collect()),
        other => other.clone(),
    }
}
