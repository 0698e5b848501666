//! The report as a table for people.

use std::fmt::{self, Display, Formatter};

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{ClassReport, Confusion, Report};

/// Rows of the table: a thousand labels are unreadable, the worst ones are what one looks for.
const MAX_ROWS: usize = 20;
/// Up to this many labels the whole confusion matrix fits on a screen.
const MAX_MATRIX: usize = 8;
/// How many pairs of confused labels are listed instead.
const MAX_ERRORS: usize = 10;
/// Columns of a terminal that a label may take in a row, and above a column.
const MAX_LABEL_WIDTH: usize = 40;
const MAX_HEADING_WIDTH: usize = 12;
/// And why a figure is missing, which may name a label.
const MAX_REASON_WIDTH: usize = 100;

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.summary(f)?;
        self.labels_table(f)?;
        match &self.confusion {
            Some(Confusion::Single(matrix)) if matrix.len() <= MAX_MATRIX => self.confusion_table(f, matrix),
            Some(confusion) => self.errors_list(f, confusion),
            None => Ok(()),
        }
    }
}

impl Report {
    fn summary(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let n_labels = self.labels.len();
        let plural = |n: u64| if n == 1 { "" } else { "s" };
        write!(f, "{} document{}, ", self.n_docs, plural(self.n_docs))?;
        write!(f, "{n_labels} label{}", plural(n_labels as u64))?;
        match self.threshold {
            Some(threshold) => writeln!(f, ", any number a document, predicted from {threshold} up")?,
            None if self.multi_label => {
                writeln!(f, ", any number a document, predicted from thresholds of their own up")?
            }
            None => writeln!(f)?,
        }
        writeln!(f)?;
        for (name, key, figure) in self.figures() {
            match (figure, self.undefined.get(key)) {
                (None, Some(reason)) => writeln!(f, "{name:<17}  undefined: {}", shortened(reason, MAX_REASON_WIDTH))?,
                // Reports of before do not have every figure.
                (None, None) => {}
                (Some(_), _) => writeln!(f, "{name:<17}  {}{}", decimal(figure), self.interval(key))?,
            }
        }
        if let Some(coverage) = &self.coverage {
            write!(f, "{:<17}  {:.4} of the documents, from a confidence of ", "answered", coverage.coverage)?;
            write!(f, "{:.4} on", coverage.abstain_below)?;
            match coverage.accuracy {
                Some(accuracy) => writeln!(f, "; {accuracy:.4} of them right")?,
                None => writeln!(f)?,
            }
        }
        if let Some(intervals) = &self.intervals {
            let percent = 100.0 * intervals.level;
            writeln!(f, "\nIn brackets: where {percent} % of {} bootstrap resamples lie.", intervals.resamples)?;
        }
        Ok(())
    }

    /// What a person wants to know first: names here and in JSON, and figures.
    fn figures(&self) -> Vec<(&'static str, &'static str, Option<f64>)> {
        let of_probabilities = [
            ("log loss", "log_loss", Some(self.log_loss)),
            ("Brier score", "brier_score", self.brier_score),
            ("calibration error", "calibration_error", Some(self.calibration_error)),
        ];
        let of_order = [("AUC", "auc", self.auc), ("average precision", "average_precision", self.average_precision)];
        let mut figures = vec![];
        if self.multi_label {
            figures.extend([
                ("exact match", "accuracy", Some(self.accuracy)),
                ("macro F1", "macro_f1", Some(self.macro_f1)),
                ("micro F1", "micro_f1", Some(self.micro_f1)),
                ("samples F1", "samples_f1", self.samples_f1),
                ("hamming loss", "hamming_loss", self.hamming_loss),
            ]);
            figures.extend(of_order);
            figures.extend([
                ("ranking precision", "ranking_average_precision", self.ranking_average_precision),
                ("ranking loss", "ranking_loss", self.ranking_loss),
                ("coverage error", "coverage_error", self.coverage_error),
                ("precision at 1", "precision_at_1", self.precision_at_1),
                ("precision at 3", "precision_at_3", self.precision_at_3),
                ("precision at 5", "precision_at_5", self.precision_at_5),
            ]);
        } else {
            figures.extend([
                ("accuracy", "accuracy", Some(self.accuracy)),
                ("balanced accuracy", "balanced_accuracy", self.balanced_accuracy),
                ("macro F1", "macro_f1", Some(self.macro_f1)),
                ("Matthews corr.", "matthews_correlation", self.matthews_correlation),
                ("Cohen's kappa", "cohen_kappa", self.cohen_kappa),
            ]);
            figures.extend(of_order);
        }
        figures.extend(of_probabilities);
        figures
    }

    fn interval(&self, key: &str) -> String {
        let interval = self.intervals.as_ref().and_then(|intervals| intervals.figures.get(key));
        interval.map(|interval| format!("  ({:.4} to {:.4})", interval.low, interval.high)).unwrap_or_default()
    }

    fn labels_table(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut shown: Vec<&ClassReport> = self.per_class.iter().collect();
        writeln!(f)?;
        if shown.len() > MAX_ROWS {
            // A label without documents has an F1 of 0 by definition, which says nothing about the model.
            shown.retain(|class| class.support > 0);
            let n_absent = self.per_class.len() - shown.len();
            shown.sort_by(|a, b| a.f1.total_cmp(&b.f1));
            let n_present = shown.len();
            shown.truncate(MAX_ROWS);
            write!(f, "The worst {} of {n_present} labels by F1", shown.len())?;
            match n_absent {
                0 => writeln!(f, ":")?,
                1 => writeln!(f, " (1 more label has no documents here):")?,
                n => writeln!(f, " ({n} more labels have no documents here):")?,
            }
        }
        let mut rows = vec![["label", "precision", "recall", "F1", "AUC", "documents"].map(str::to_owned).to_vec()];
        // A column that only tuned models have.
        let has_thresholds = shown.iter().any(|class| class.threshold.is_some());
        rows[0].extend(has_thresholds.then(|| "threshold".to_owned()));
        for class in shown {
            let threshold = class.threshold.map_or_else(|| "-".to_owned(), |threshold| format!("{threshold:.4}"));
            let mut row = vec![
                shortened(&class.label, MAX_LABEL_WIDTH),
                decimal(Some(class.precision)),
                decimal(Some(class.recall)),
                decimal(Some(class.f1)),
                decimal(class.auc),
                class.support.to_string(),
            ];
            row.extend(has_thresholds.then_some(threshold));
            rows.push(row);
        }
        let means = [
            ("macro mean", [self.macro_precision, self.macro_recall, self.macro_f1]),
            ("weighted mean", [self.weighted_precision, self.weighted_recall, self.weighted_f1]),
            ("micro mean", [self.micro_precision, self.micro_recall, self.micro_f1]),
        ];
        // With one label a document all three micro figures are the accuracy.
        for (name, figures) in means.into_iter().take(if self.multi_label { 3 } else { 2 }) {
            let [precision, recall, f1] = figures.map(|figure| decimal(Some(figure)));
            rows.push(vec![name.to_owned(), precision, recall, f1]);
        }
        aligned(f, &rows)
    }

    fn confusion_table(&self, f: &mut Formatter<'_>, matrix: &[Vec<u64>]) -> fmt::Result {
        writeln!(f, "\nConfusion (rows: truth, columns: predicted):")?;
        let mut heading = vec![String::new()];
        heading.extend(self.labels.iter().map(|label| shortened(label, MAX_HEADING_WIDTH)));
        let mut rows = vec![heading];
        for (label, row) in self.labels.iter().zip(matrix) {
            let mut cells = vec![shortened(label, MAX_LABEL_WIDTH)];
            cells.extend(row.iter().map(u64::to_string));
            rows.push(cells);
        }
        aligned(f, &rows)
    }

    fn errors_list(&self, f: &mut Formatter<'_>, confusion: &Confusion) -> fmt::Result {
        let errors = confusion.most_frequent_errors(MAX_ERRORS);
        if errors.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nMost frequent errors:")?;
        let mut rows = vec![["truth → predicted", "documents"].map(str::to_owned)];
        let name =
            |label: usize| self.labels.get(label).map_or_else(String::new, |name| shortened(name, MAX_LABEL_WIDTH));
        for (truth, predicted, n_docs) in errors {
            rows.push([format!("{} → {}", name(truth), name(predicted)), n_docs.to_string()]);
        }
        aligned(f, &rows)
    }
}

/// Writes rows of equal length: the first column to the left, the others to the right, two spaces between.
fn aligned<Row: AsRef<[String]>>(f: &mut Formatter<'_>, rows: &[Row]) -> fmt::Result {
    let n_columns = rows.iter().map(|row| row.as_ref().len()).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.as_ref().get(column)).map(|cell| cell.width()).max();
    let widths: Vec<usize> = (0..n_columns).map(|column| width(column).unwrap_or(0)).collect();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.as_ref().iter().zip(&widths).enumerate() {
            let padding = " ".repeat(width - cell.width());
            match column {
                0 => line.extend([cell, padding.as_str()]),
                _ => line.extend(["  ", &padding, cell]),
            }
        }
        writeln!(f, "{}", line.trim_end())?;
    }
    Ok(())
}

fn decimal(figure: Option<f64>) -> String {
    figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.4}"))
}

/// The label within `max_width` columns of a terminal (a Chinese character takes two), and without characters that
/// would break the line.
fn shortened(label: &str, max_width: usize) -> String {
    let label: String = label.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect();
    if label.width() <= max_width {
        return label;
    }
    let mut short = String::new();
    let mut width = 1;
    for c in label.chars() {
        width += c.width().unwrap_or(0);
        if width > max_width {
            break;
        }
        short.push(c);
    }
    short + "…"
}

#[cfg(test)]
mod tests {
    use super::super::{Interval, Intervals, Truth};
    use super::*;
    use crate::classifier::Decision;
    use crate::data::Target;

    fn strings(labels: &[&str]) -> Vec<String> {
        labels.iter().map(|label| label.to_string()).collect()
    }

    #[test]
    fn columns_are_aligned_under_chinese_and_english_labels() {
        let report = Report::new(
            &strings(&["体育", "science", "财经"]),
            Truth::Single(&[0, 1, 2, 0]),
            &[0.8, 0.1, 0.1, 0.2, 0.6, 0.2, 0.1, 0.7, 0.2, 0.9, 0.05, 0.05],
            0.5,
        )
        .unwrap();
        let table = report.to_string();
        let expected = "\
4 documents, 3 labels

accuracy           0.7500
balanced accuracy  0.6667
macro F1           0.5556
Matthews corr.     0.6708
Cohen's kappa      0.6000
AUC                0.8333
average precision  0.6667
log loss           0.6122
Brier score        0.3637
calibration error  0.3500

label          precision  recall      F1     AUC  documents
体育              1.0000  1.0000  1.0000  1.0000          2
science           0.5000  1.0000  0.6667  0.6667          1
财经              0.0000  0.0000  0.0000  0.8333          1
macro mean        0.5000  0.6667  0.5556
weighted mean     0.6250  0.7500  0.6667

Confusion (rows: truth, columns: predicted):
         体育  science  财经
体育        2        0     0
science     0        1     0
财经        0        1     0
";
        assert_eq!(table, expected, "\n{table}");
    }

    #[test]
    fn of_many_labels_the_worst_are_shown_and_the_frequent_errors() {
        let n_labels = 1000;
        let labels: Vec<String> = (0..n_labels).map(|label| format!("label{label}")).collect();
        // Label 7 is always taken for label 8; the last 10 labels have no documents.
        let truth: Vec<u32> = (0..n_labels as u32 - 10).flat_map(|label| [label, label]).collect();
        let mut probabilities = vec![0.0; truth.len() * n_labels];
        for (doc_idx, &label) in truth.iter().enumerate() {
            let predicted = if label == 7 { 8 } else { label as usize };
            probabilities[doc_idx * n_labels + predicted] = 1.0;
        }
        let table = Report::new(&labels, Truth::Single(&truth), &probabilities, 0.5).unwrap().to_string();
        assert!(table.contains("The worst 20 of 990 labels by F1 (10 more labels have no documents here):"), "{table}");
        assert!(table.contains("\nlabel7            0.0000"), "{table}");
        assert!(table.contains("Most frequent errors:\ntruth → predicted  documents\nlabel7 → label8            2\n"));
        assert!(table.lines().count() < 45 && table.lines().all(|line| line.width() < 80), "{table}");
    }

    #[test]
    fn multi_label_reports_show_their_own_figures() {
        let targets = [Target::Many([0, 1].into()), Target::Many([].into())];
        let report = Report::new(&strings(&["a", "b"]), Truth::Multi(&targets), &[0.9, 0.2, 0.1, 0.3], 0.25).unwrap();
        let table = report.to_string();
        for line in [
            "2 documents, 2 labels, any number a document, predicted from 0.25 up",
            "exact match        0.0000",
            "samples F1         0.3333",
            "hamming loss       0.5000",
            "micro mean        0.5000  0.5000  0.5000",
            "b                 0.0000  0.0000  0.0000  0.0000          1",
        ] {
            assert!(table.lines().any(|found| found == line), "{line}\n{table}");
        }
        assert!(!table.contains("Confusion") && !table.contains("errors"), "{table}");
    }

    #[test]
    fn undefined_figures_say_why() {
        let report = Report::new(&strings(&["a", "b"]), Truth::Single(&[0, 0]), &[0.8, 0.2, 0.7, 0.3], 0.5).unwrap();
        let table = report.to_string();
        for line in [
            "Cohen's kappa      undefined: only one label occurs, and it alone is predicted",
            "AUC                undefined: only one label occurs",
            "average precision  undefined: no document has the label \"b\"",
        ] {
            assert!(table.lines().any(|found| found == line), "{line}\n{table}");
        }
        assert!(!table.contains("NaN") && !serde_json::to_string(&report).unwrap().contains("NaN"));
        let everywhere = [Target::Many([0].into()), Target::Many([0, 1].into())];
        let report = Report::new(&strings(&["a", "b"]), Truth::Multi(&everywhere), &[0.8; 4], 0.5).unwrap();
        assert_eq!(report.undefined["auc"], "every document has the label \"a\"");
    }

    #[test]
    fn what_abstaining_gives_and_how_sure_figures_are_stand_beside_them() {
        let decision = Decision { abstain_below: Some(0.75), ..Decision::plain(false, 0.5) };
        let (labels, rows) = (strings(&["a", "b"]), [0.9, 0.1, 0.4, 0.6, 0.2, 0.8, 0.25, 0.75]);
        let truth = Truth::Single(&[0, 0, 1, 0]);
        let mut report = Report::decided(&labels, truth, &rows, &decision).unwrap();
        let figures = [("accuracy".to_owned(), Interval { low: 0.25, high: 0.75 })].into();
        report.intervals = Some(Intervals { level: 0.95, resamples: 1000, seed: 0, figures });
        let table = report.to_string();
        for line in [
            "accuracy           0.5000  (0.2500 to 0.7500)",
            "answered           0.7500 of the documents, from a confidence of 0.7500 on; 0.6667 of them right",
            "In brackets: where 95 % of 1000 bootstrap resamples lie.",
        ] {
            assert!(table.lines().any(|found| found == line), "{line}\n{table}");
        }
    }

    #[test]
    fn labels_with_thresholds_of_their_own_show_them() {
        let decision = Decision { thresholds: Some(vec![0.25, 0.75]), ..Decision::plain(true, 0.5) };
        let targets = [Target::Many([0, 1].into()), Target::Many([].into())];
        let report = Report::decided(&strings(&["a", "b"]), Truth::Multi(&targets), &[0.3, 0.6, 0.1, 0.3], &decision);
        let table = report.unwrap().to_string();
        assert!(table.contains("predicted from thresholds of their own up"), "{table}");
        assert!(table.lines().any(|line| line.ends_with("        1     0.7500")), "{table}");
    }

    #[test]
    fn long_and_hostile_labels_stay_in_their_column() {
        assert_eq!(shortened("一二三四五", 10), "一二三四五");
        assert_eq!(shortened("一二三四五六", 10), "一二三四…");
        assert_eq!(shortened("abcdefghijk", 10), "abcdefghi…");
        assert_eq!(shortened("a\nb\u{1b}[31m", 10), "a\u{FFFD}b\u{FFFD}[31m");
    }
}
