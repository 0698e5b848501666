//! Rules of this project that compiler, formatter and linter do not know.
//!
//! Each rule is one file and one function from a [`Tree`] to [`Finding`]s. A finding says where, what and what to do.

mod dependencies;
mod glossary;
mod length;
mod markdown;
mod names;
mod order;
mod skipped;
mod text;
mod tokens;
mod tree;
mod unsafe_code;

pub use markdown::slug;
pub use tree::Tree;

/// One place that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file, relative to the project root.
    pub path: String,
    /// One-based line; 0 when the whole file is meant.
    pub line: usize,
    /// What was found.
    pub found: String,
    /// What to do about it.
    pub advice: String,
    /// Whether it only warns.
    pub warning: bool,
}

impl Finding {
    fn error(path: &str, line: usize, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, found: found.into(), advice: advice.into(), warning: false }
    }

    fn warning(path: &str, line: usize, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { warning: true, ..Self::error(path, line, found, advice) }
    }
}

/// Every finding of every rule, in the order of files and lines.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let rules: [fn(&Tree) -> Vec<Finding>; 9] = [
        dependencies::check,
        glossary::check,
        length::check,
        markdown::check,
        names::check,
        order::check,
        skipped::check,
        text::check,
        unsafe_code::check,
    ];
    let mut findings: Vec<Finding> = rules.iter().flat_map(|rule| rule(tree)).collect();
    findings.sort();
    findings
}

/// Prints the findings; true when there is no error among them.
pub fn report(findings: &[Finding], n_files: usize) -> bool {
    for Finding { path, line, found, advice, warning } in findings {
        let word = if *warning { "warning" } else { "error" };
        let line = if *line == 0 { String::new() } else { format!(":{line}") };
        println!("{word}: {path}{line}: {found}\n  help: {advice}");
    }
    let n_errors = findings.iter().filter(|finding| !finding.warning).count();
    println!("tidy: {n_files} files, {n_errors} errors, {} warnings", findings.len() - n_errors);
    n_errors == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_does_not_fail_the_check_and_an_error_does() {
        let warning = Finding::warning("a.rs", 1, "long", "split it");
        let error = Finding::error("a.rs", 0, "huge", "split it");
        assert!(report(std::slice::from_ref(&warning), 1));
        assert!(!report(&[warning, error], 1));
    }

    #[test]
    fn findings_come_in_the_order_of_files_and_lines() {
        let tree = Tree::of(&[("b.md", "x \ny\t\n"), ("a.md", "x \n")]);
        let places: Vec<_> = check(&tree).into_iter().map(|f| (f.path, f.line)).collect();
        let expected = [("a.md", 1), ("b.md", 1), ("b.md", 2)].map(|(path, line)| (path.to_owned(), line));
        assert_eq!(places.iter().filter(|(path, _)| path.len() == 4).cloned().collect::<Vec<_>>()[..2], expected[..2]);
        assert!(places.contains(&expected[2]));
        assert!(places.is_sorted());
    }
}
