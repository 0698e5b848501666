//! Clean text: no tabs, no trailing blanks, a line break at the end, no path of one machine.

use super::Finding;
use super::tree::{File, Tree};

/// Folders that exist on one machine only; spelled in parts, so that this file does not find itself.
const MACHINE_FOLDERS: [&str; 4] =
    [concat!("/ho", "me/"), concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/Us", "ers/")];

pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        let Some(text) = &file.text else { continue };
        check_paths(&file.path, text, &mut findings);
        if is_ours(file) {
            check_blanks(&file.path, text, &mut findings);
        }
    }
    findings
}

/// Text that people write here, where blanks have no meaning of their own.
fn is_ours(file: &File) -> bool {
    let by_extension = matches!(file.extension(), "rs" | "md" | "toml" | "py" | "sh" | "yml" | "yaml");
    let is_script = file.extension().is_empty() && file.text.as_deref().is_some_and(|text| text.starts_with("#!"));
    (by_extension || is_script) && !file.is_test_data()
}

fn check_blanks(path: &str, text: &str, findings: &mut Vec<Finding>) {
    for (index, line) in text.split('\n').enumerate() {
        let mut add = |found: &str, advice: &str| findings.push(Finding::error(path, index + 1, found, advice));
        if line.contains('\t') {
            add("a tab", "use spaces; in strings write \\t");
        }
        if line.ends_with('\r') {
            add("a carriage return at the end of the line", "end lines with a line feed alone");
        } else if line.ends_with([' ', '\t', '\u{3000}']) {
            add("blanks at the end of the line", "remove them");
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        findings.push(Finding::error(path, text.lines().count(), "no line break at the end", "add one"));
    }
}

fn check_paths(path: &str, text: &str, findings: &mut Vec<Finding>) {
    for (index, line) in text.lines().enumerate() {
        if let Some(folder) = MACHINE_FOLDERS.iter().find(|folder| has_absolute(line, folder)) {
            let found = format!("`{folder}…` is a path of one machine");
            findings.push(Finding::error(path, index + 1, found, "write it relative to the project"));
        }
    }
}

/// Whether `folder` stands in the line as the begin of a path, not within one (`docs/home/…`, `example.org/home/`).
fn has_absolute(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|before| !(before.is_alphanumeric() || matches!(before, '.' | '_' | '-' | '/' | '}' | '~')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<usize> {
        check(&Tree::of(&[(path, text)])).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn finds_tabs_trailing_blanks_and_missing_line_breaks() {
        assert_eq!(found("a.rs", "a\n\tb\nc \nd"), [2, 3, 4]);
        assert_eq!(found("a.md", "a\r\nb\n"), [1]);
        assert_eq!(found("a.md", "好　\n"), [1]);
        assert_eq!(found("run", "#!/bin/sh\nx \n"), [2]);
        assert!(found("a.rs", "a\n\nb\n").is_empty());
    }

    #[test]
    fn leaves_data_alone() {
        assert!(found("testdata/a.md", "a\tb ").is_empty());
        assert!(found("a.tsv", "a\tb ").is_empty());
    }

    #[test]
    fn finds_absolute_paths_of_a_machine_in_any_file() {
        for folder in MACHINE_FOLDERS {
            assert_eq!(found("a.txt", &format!("x\nread {folder}me\n")), [2]);
            assert_eq!(found("testdata/a.json", &format!("\"{folder}me\"\n")), [1]);
            assert!(found("a.md", &format!("see ../docs{folder}me and https://example.org{folder}me\n")).is_empty());
        }
    }
}
