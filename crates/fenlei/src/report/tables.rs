//! Tables and numbers of a page.

use std::fmt::Write;

use super::escape::escape;

/// `91.2 %`, as people write it; the space never breaks a line.
pub(super) fn percent(share: f64) -> String {
    if share.is_finite() { format!("{:.1}\u{a0}%", 100.0 * share) } else { "–".to_owned() }
}

/// Four digits behind the point.
pub(super) fn decimal(x: f64) -> String {
    if x.is_finite() { format!("{x:.4}") } else { "–".to_owned() }
}

/// `25,000`.
pub(super) fn count(n: impl TryInto<u128>) -> String {
    let digits = n.try_into().unwrap_or(u128::MAX).to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A table of text: the first column names its row, the others are figures.
pub(super) fn table(headers: &[&str], rows: &[Vec<String>]) -> String {
    let mut out = String::from("<div class=\"wide\" tabindex=\"0\"><table><thead><tr>");
    for header in headers {
        let _ = write!(out, "<th scope=\"col\">{}</th>", escape(header));
    }
    out.push_str("</tr></thead><tbody>");
    for row in rows {
        out.push_str("<tr>");
        for (i, cell) in row.iter().enumerate() {
            let cell = escape(cell);
            let _ = match i {
                0 => write!(out, "<th scope=\"row\">{cell}</th>"),
                _ => write!(out, "<td>{cell}</td>"),
            };
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div>");
    out
}

/// At most `n` items, evenly spread, the first and the last among them.
pub(super) fn sampled<T: Clone>(items: &[T], n: usize) -> Vec<T> {
    if items.len() <= n || n < 2 {
        return items.to_vec();
    }
    (0..n).map(|i| items[i * (items.len() - 1) / (n - 1)].clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_for_people() {
        assert_eq!((percent(0.91236), percent(f64::NAN)), ("91.2\u{a0}%".to_owned(), "–".to_owned()));
        assert_eq!((count(25_000u64), decimal(0.5)), ("25,000".to_owned(), "0.5000".to_owned()));
        assert_eq!(sampled(&[0, 1, 2, 3, 4, 5, 6], 3), [0, 3, 6]);
        assert_eq!(sampled(&[1, 2], 5), [1, 2]);
    }

    #[test]
    fn cells_are_escaped() {
        let table = table(&["a", "<b>"], &[vec!["<i>".to_owned(), "1".to_owned()]]);
        assert!(
            table.contains("<th scope=\"col\">&lt;b&gt;</th>")
                && table.contains("<th scope=\"row\">&lt;i&gt;</th><td>1</td>")
        );
    }
}
