//! Markdown tables, and the few statistics that stand in them.

use std::fmt;

/// A table for people and for pages: aligned, and still Markdown.
#[derive(Debug, Clone)]
pub(super) struct Table {
    /// The head first.
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with only its head.
    pub fn new(head: &[&str]) -> Self {
        Self { rows: vec![head.iter().map(|cell| (*cell).to_owned()).collect()] }
    }

    /// Adds a row; missing cells are empty.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let mut row: Vec<String> =
            cells.into_iter().map(|cell| cell.replace('|', "\\|").replace(['\n', '\r'], " ")).collect();
        row.resize(self.rows[0].len(), String::new());
        self.rows.push(row);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0).max(3);
        let widths: Vec<usize> = (0..self.rows[0].len()).map(width).collect();
        for (i, row) in self.rows.iter().enumerate() {
            for (cell, width) in row.iter().zip(&widths) {
                write!(f, "| {cell:<width$} ")?;
            }
            writeln!(f, "|")?;
            if i == 0 {
                widths.iter().try_for_each(|width| write!(f, "| {:-<width$} ", ""))?;
                writeln!(f, "|")?;
            }
        }
        Ok(())
    }
}

/// The middle value, the mean of the two in the middle for an even number; `None` for none.
pub(super) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[middle]),
        _ => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
    }
}

/// The mean; `None` for no values.
pub(super) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The standard deviation of a sample (divided by n - 1); 0 for a single value.
pub(super) fn deviation(values: &[f64]) -> f64 {
    let Some(mean) = mean(values) else { return 0.0 };
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (values.len().saturating_sub(1)).max(1) as f64).sqrt()
}

/// Three leading digits or more: `0.0123`, `1.23`, `45.6`, `1235`.
pub(super) fn figure(value: f64) -> String {
    match value.abs() {
        x if x >= 100.0 => format!("{value:.0}"),
        x if x >= 10.0 => format!("{value:.1}"),
        x if x >= 0.1 || x == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

/// A figure that may be missing.
pub(super) fn figure_or_dash(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), figure)
}

/// `yes`, `NO`, or nothing where there is no target.
pub(super) fn met(met: Option<bool>) -> String {
    met.map_or("", |met| if met { "yes" } else { "NO" }).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_aligned_markdown_whatever_stands_in_it() {
        let mut table = Table::new(&["case", "n"]);
        table.row(["a|b\nc".to_owned(), "1".to_owned()]);
        table.row(["中".to_owned()]);
        let expected = "| case   | n   |\n| ------ | --- |\n| a\\|b c | 1   |\n| 中      |     |\n";
        assert_eq!(table.to_string(), expected);
    }

    #[test]
    fn statistics_equal_their_definitions() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
        assert_eq!(mean(&[1.0, 2.0]), Some(1.5));
        assert!((deviation(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]) - (32.0f64 / 7.0).sqrt()).abs() < 1e-12);
        assert_eq!(deviation(&[5.0]), 0.0);
    }

    #[test]
    fn figures_keep_three_digits() {
        let written: Vec<String> = [0.0, 0.01234, 0.5, 1.234, 45.64, 1234.6].into_iter().map(figure).collect();
        assert_eq!(written, ["0.00", "0.0123", "0.50", "1.23", "45.6", "1235"]);
    }
}
