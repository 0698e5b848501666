//! Rust files stay short enough to be read in one sitting; no file is too large for a review.

use super::Finding;
use super::tree::Tree;

/// Longer files are worth a thought.
const WARN_LINES: usize = 300;
/// Longer files are refused.
const MAX_LINES: usize = 500;
/// Larger files do not belong into the repository.
const MAX_BYTES: u64 = 1_000_000;

pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.with_extension("rs") {
        let n_lines = text.lines().count();
        let found = |limit: usize| format!("{n_lines} lines, more than {limit}");
        if n_lines > MAX_LINES {
            findings.push(Finding::error(path, 0, found(MAX_LINES), "split it: one idea a file, tables as data files"));
        } else if n_lines > WARN_LINES {
            findings.push(Finding::warning(
                path,
                0,
                found(WARN_LINES),
                "look for a second idea that wants its own file",
            ));
        }
    }
    for file in tree.files.iter().filter(|file| file.n_bytes > MAX_BYTES) {
        let found = format!("{} bytes, more than {MAX_BYTES}", file.n_bytes);
        let advice = "make it when it is needed, shrink it, or find it through FENLEI_DATA";
        findings.push(Finding::error(&file.path, 0, found, advice));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(n_lines: usize) -> Vec<bool> {
        check(&Tree::of(&[("a.rs", &"x\n".repeat(n_lines))])).into_iter().map(|finding| finding.warning).collect()
    }

    #[test]
    fn warns_above_300_lines_and_fails_above_500() {
        assert!(words(300).is_empty());
        assert_eq!(words(301), [true]);
        assert_eq!(words(500), [true]);
        assert_eq!(words(501), [false]);
    }

    #[test]
    fn only_rust_has_a_limit_of_lines_but_every_file_one_of_bytes() {
        assert!(check(&Tree::of(&[("a.md", &"x\n".repeat(1000))])).is_empty());
        let findings = check(&Tree::of(&[("a.bin", &"x".repeat(1_000_001)), ("b.bin", &"x".repeat(1_000_000))]));
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].path, "a.bin");
    }
}
