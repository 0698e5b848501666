//! The glossary is sorted, and names each idea once.

use super::Finding;
use super::tree::Tree;

const GLOSSARY: &str = "docs/glossary.md";

pub fn check(tree: &Tree) -> Vec<Finding> {
    let Some(text) = tree.text(GLOSSARY) else { return Vec::new() };
    let mut findings = Vec::new();
    let mut before: Option<String> = None;
    for (line, term) in terms(text) {
        let key = term.to_lowercase();
        match &before {
            Some(previous) if *previous == key => {
                findings.push(Finding::error(GLOSSARY, line, format!("`{term}` stands twice"), "join the two rows"));
            }
            Some(previous) if *previous > key => {
                let found = format!("`{term}` stands after `{previous}`");
                findings.push(Finding::error(GLOSSARY, line, found, "sort the rows by their first column"));
            }
            _ => {}
        }
        before = Some(key);
    }
    findings
}

/// The first column of every table row below a head, with its line.
fn terms(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().filter_map(|(index, line)| {
        let term = line.strip_prefix('|')?.split('|').next()?.trim();
        let is_head = term == "Term" || term.chars().all(|c| matches!(c, '-' | ':'));
        (!is_head).then_some((index + 1, term))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(rows: &str) -> Vec<usize> {
        let text = format!("# Glossary\n\n| Term | 中文 | Meaning |\n| --- | --- | --- |\n{rows}");
        check(&Tree::of(&[(GLOSSARY, &text)])).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn terms_are_sorted_whatever_their_case() {
        assert!(lines("| batch | 批 | x |\n| Document | 文档 | x |\n| epoch | 轮 | x |\n").is_empty());
        assert_eq!(lines("| document | 文档 | x |\n| batch | 批 | x |\n| epoch | 轮 | x |\n"), [6]);
    }

    #[test]
    fn a_term_stands_once() {
        assert_eq!(lines("| batch | 批 | x |\n| batch | 批 | y |\n"), [6]);
    }
}
