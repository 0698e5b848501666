//! `__label__a __label__b text`, a document a line.

use super::fields::Fields;
use super::{Found, Layout};

const PREFIX: &str = "__label__";

pub(super) fn read(text: &str) -> Found {
    let mut several = false;
    let mut items = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let (labels, text) = parse(line);
        several |= labels.len() > 1;
        let mut fields = Fields::default();
        fields.push("text", &text);
        let given = (!labels.is_empty()).then(|| labels.iter().map(|label| (*label).to_owned()).collect());
        items.push((text.to_owned(), given, fields));
    }
    Found { items, layout: Layout { text: "text".to_owned(), ..Layout::default() }, several }
}

/// The labels in front, and what follows them after one blank.
fn parse(line: &str) -> (Vec<&str>, &str) {
    let (mut labels, mut rest) = (Vec::new(), line);
    while let Some(tail) = rest.strip_prefix(PREFIX) {
        let end = tail.find([' ', '\t']).unwrap_or(tail.len());
        labels.push(&tail[..end]);
        rest = tail.get(end + 1..).unwrap_or_default();
    }
    (labels, rest)
}

/// A line. Blanks of labels become `_`, line ends of texts become blanks: the layout has no way to hold them.
pub(super) fn line(text: &str, labels: &[String]) -> String {
    let mut line = String::new();
    for label in labels {
        line.push_str(PREFIX);
        line.extend(label.chars().map(|c| if c.is_whitespace() { '_' } else { c }));
        line.push(' ');
    }
    line.extend(text.chars().map(|c| if matches!(c, '\n' | '\r') { ' ' } else { c }));
    line
}
