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
#[path = "table_tests.rs"]
mod tests;
