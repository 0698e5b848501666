//! The report as Markdown: the same figures, without charts.

use std::fmt::Write;

use super::data::ReportData;
use super::problems::Said;
use super::strings::{Language, fill};
use super::tables::{count, decimal, percent, sampled};
use crate::Result;
use crate::metrics::Confusion;

/// More labels than this give a list of errors instead of a matrix.
const MATRIX_LABELS: usize = 15;

/// Characters of a text that are shown.
const TEXT_SHOWN: usize = 400;

impl ReportData {
    /// The report as Markdown with tables.
    ///
    /// # Errors
    /// When the texts that were built in are damaged.
    pub fn markdown(&self, language: Language) -> Result<String> {
        let t = language.strings()?;
        let report = &self.report;
        let mut out = format!("# {}\n\n", t.title);
        let _ = writeln!(out, "{}: {}  ", t.of_model, plain(&self.about.model));
        let _ = writeln!(out, "{}: {}\n", t.on_data, plain(&self.about.documents));
        let _ = writeln!(out, "## {}\n", t.summary);
        let right = (report.accuracy * report.n_docs as f64).round() as u64;
        let values = [("right", count(right)), ("n", count(report.n_docs)), ("share", percent(report.accuracy))];
        let _ = writeln!(out, "{}", fill(&t.verdict, &values.each_ref().map(|(key, value)| (*key, value.as_str()))));
        if let Some(baseline) = &self.baseline {
            let words = fill(&t.baseline, &[("label", &plain(&baseline.label)), ("share", &percent(baseline.share))]);
            let _ = writeln!(out, "{words}");
        }
        out.push('\n');
        let (low, high) = self.accuracy_interval;
        let interval = fill(&t.interval, &[("low", &percent(low)), ("high", &percent(high))]);
        let accuracy = if report.multi_label { &t.subset_accuracy } else { &t.accuracy };
        let rows = [
            vec![accuracy.clone(), format!("{} ({interval})", percent(report.accuracy))],
            vec![t.macro_f1.clone(), decimal(report.macro_f1)],
            vec![t.auc.clone(), report.auc.map_or_else(|| t.undefined.clone(), decimal)],
            vec![t.log_loss.clone(), decimal(report.log_loss)],
            vec![t.calibration_error.clone(), decimal(report.calibration_error)],
        ];
        rows_of(&mut out, &["", ""], &rows);
        if self.n_unknown > 0 {
            let labels = plain(&self.unknown_labels.join(", "));
            let _ =
                writeln!(out, "{}\n", fill(&t.left_out_unknown, &[("n", &count(self.n_unknown)), ("labels", &labels)]));
        }
        if self.n_unlabelled > 0 {
            let _ = writeln!(out, "{}\n", fill(&t.left_out_unlabelled, &[("n", &count(self.n_unlabelled))]));
        }
        if !self.history.is_empty() {
            let _ = writeln!(out, "## {}\n", t.learning);
            let rows: Vec<Vec<String>> = self
                .history
                .iter()
                .map(|record| {
                    let of = record.validation.as_ref();
                    let (loss, accuracy) = (of.map(|v| v.log_loss), of.map(|v| v.accuracy));
                    let or_dash = |value: Option<f64>| value.map_or("–".to_owned(), decimal);
                    vec![record.epoch.to_string(), decimal(record.loss), or_dash(loss), or_dash(accuracy)]
                })
                .collect();
            rows_of(&mut out, &[&t.epoch, &t.training_loss, &t.validation_loss, &t.validation_accuracy], &rows);
        }
        self.write_confusion(&mut out, t);
        let _ = writeln!(out, "## {}\n", t.labels);
        let rows: Vec<Vec<String>> = report
            .per_class
            .iter()
            .map(|c| {
                let auc = c.auc.map_or("–".to_owned(), decimal);
                vec![c.label.clone(), percent(c.precision), percent(c.recall), decimal(c.f1), auc, count(c.support)]
            })
            .collect();
        rows_of(&mut out, &[&t.label, &t.precision, &t.recall, &t.f1, &t.auc, &t.support], &rows);
        let _ = writeln!(out, "## {}\n", t.calibration);
        let rows: Vec<Vec<String>> = self
            .calibration
            .iter()
            .map(|bin| vec![percent(bin.confidence), percent(bin.share_right), count(bin.n)])
            .collect();
        rows_of(&mut out, &[&t.confidence, &t.share_right, &t.support], &rows);
        if let Some(thresholds) = &self.thresholds {
            let _ = writeln!(out, "## {}\n", t.thresholds);
            let rows: Vec<Vec<String>> = sampled(&thresholds.curve, 11)
                .iter()
                .map(|p| vec![percent(p.threshold), percent(p.precision), percent(p.recall), decimal(p.f1)])
                .collect();
            rows_of(&mut out, &[&t.threshold, &t.precision, &t.recall, &t.f1], &rows);
        }
        let _ = writeln!(out, "## {}\n", t.coverage);
        let rows: Vec<Vec<String>> = sampled(&self.coverage, 11)
            .iter()
            .map(|p| vec![percent(p.share_answered), percent(p.accuracy), decimal(p.confidence)])
            .collect();
        rows_of(&mut out, &[&t.share_answered, &t.accuracy, &t.confidence], &rows);
        let _ = writeln!(out, "## {}\n", t.slices);
        let rows: Vec<Vec<String>> = self
            .slices
            .iter()
            .map(|slice| {
                let interval = format!("{} – {}", percent(slice.interval.0), percent(slice.interval.1));
                let range = format!("{} – {}", count(slice.from), count(slice.to));
                vec![range, count(slice.n_docs), percent(slice.accuracy), interval]
            })
            .collect();
        rows_of(&mut out, &[&t.characters, &t.support, &t.accuracy, "95 %"], &rows);
        self.write_errors(&mut out, t);
        let _ = writeln!(out, "## {}\n\n{}\n", t.problems, t.problems_note);
        for Said { words, headers, rows } in self.problems.said(t) {
            let _ = writeln!(out, "{}\n", plain(&words));
            if !rows.is_empty() {
                rows_of(&mut out, &headers, &rows);
            }
        }
        let _ = writeln!(
            out,
            "## {}\n\n```toml\n{}\n```",
            t.configuration,
            self.configuration_text().replace("```", "` ` `")
        );
        Ok(out)
    }

    fn write_confusion(&self, out: &mut String, t: &super::strings::Strings) {
        let labels = &self.report.labels;
        let _ = writeln!(out, "## {}\n", t.confusion);
        match &self.report.confusion {
            Some(Confusion::Single(matrix)) if labels.len() <= MATRIX_LABELS => {
                let mut headers = vec![""];
                headers.extend(labels.iter().map(String::as_str));
                let rows: Vec<Vec<String>> = labels
                    .iter()
                    .zip(matrix)
                    .map(|(label, row)| std::iter::once(label.clone()).chain(row.iter().map(|&n| count(n))).collect())
                    .collect();
                rows_of(out, &headers, &rows);
            }
            Some(Confusion::Multi(tables)) => {
                let rows: Vec<Vec<String>> = labels
                    .iter()
                    .zip(tables)
                    .map(|(label, [[_, fp], [missed, tp]])| vec![label.clone(), count(*tp), count(*fp), count(*missed)])
                    .collect();
                rows_of(out, &[&t.label, &t.true_positives, &t.false_positives, &t.false_negatives], &rows);
            }
            Some(confusion) => {
                let rows: Vec<Vec<String>> = confusion
                    .most_frequent_errors(20)
                    .into_iter()
                    .map(|(truth, predicted, n)| vec![labels[truth].clone(), labels[predicted].clone(), count(n)])
                    .collect();
                rows_of(out, &[&t.truth, &t.predicted, &t.support], &rows);
            }
            None => {}
        }
    }

    fn write_errors(&self, out: &mut String, t: &super::strings::Strings) {
        let _ = writeln!(out, "## {}\n", t.errors);
        if self.errors.is_empty() {
            let _ = writeln!(out, "{}\n", t.errors_none);
        }
        for error in &self.errors {
            let title = fill(&t.document, &[("n", &count(error.document))]);
            let (truth, predicted) = (plain(&error.truth.join(", ")), plain(&error.predicted.join(", ")));
            let _ = writeln!(out, "### {title}: {truth} → {predicted}\n");
            let mut chars = error.text.chars();
            let text: String = chars.by_ref().take(TEXT_SHOWN).collect();
            let more = if chars.next().is_some() { "…" } else { "" };
            let _ = writeln!(out, "> {}{more}\n", plain(&text));
            let ngrams: Vec<String> =
                error.explanation.ngrams.iter().map(|n| format!("{} ({:+.3})", plain(&n.text), n.weight)).collect();
            if !ngrams.is_empty() {
                let _ = writeln!(out, "{}: {}\n", t.strongest, ngrams.join(", "));
            }
        }
    }
}

/// Text that means nothing in Markdown, on one line.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '!' | '>' => plain.extend(['\\', c]),
            '<' => plain.push_str("&lt;"),
            '&' => plain.push_str("&amp;"),
            c if c.is_control() => plain.push(' '),
            c => plain.push(c),
        }
    }
    plain
}

fn rows_of(out: &mut String, headers: &[&str], rows: &[Vec<String>]) {
    let headers: Vec<String> = headers.iter().map(|header| plain(header)).collect();
    let _ = writeln!(out, "| {} |", headers.join(" | "));
    let rules: Vec<&str> = headers.iter().enumerate().map(|(i, _)| if i == 0 { "---" } else { "---:" }).collect();
    let _ = writeln!(out, "| {} |", rules.join(" | "));
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| plain(cell)).collect();
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
    out.push('\n');
}
