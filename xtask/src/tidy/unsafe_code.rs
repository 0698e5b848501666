//! Unsafe code stands where it must, and says why it is sound.

use super::Finding;
use super::tokens::tokens;
use super::tree::Tree;

/// The only places where unsafe code may stand: the kernels, and the memory map of the model file.
const ALLOWED: [&str; 2] = ["crates/fenlei-nn/src/kernels/", "crates/fenlei/src/artifact/container.rs"];

/// How many lines of one statement may stand between its SAFETY comment and the word.
const MAX_STATEMENT_LINES: usize = 4;

pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.with_extension("rs") {
        // A file that does not lex is a finding of another rule.
        let Ok(tokens) = tokens(text) else { continue };
        let lines: Vec<&str> = text.lines().collect();
        for token in tokens.iter().filter(|token| token.text == "unsafe") {
            if !ALLOWED.iter().any(|allowed| path.starts_with(allowed)) {
                let advice = "write it safely, or move it to crates/fenlei-nn/src/kernels/ beside its safe reference";
                findings.push(Finding::error(path, token.line, "unsafe code outside the kernels", advice));
            } else if !has_safety_comment(&lines, token.line) {
                let advice = "say above it in `// SAFETY: …` (a function: `# Safety`) why, or when, it is sound";
                findings.push(Finding::error(path, token.line, "unsafe code without a SAFETY comment", advice));
            }
        }
    }
    findings
}

/// Looks upwards from one-based `line`: over the statement it is part of, then over attributes and comments.
fn has_safety_comment(lines: &[&str], line: usize) -> bool {
    let says_safety = |line: &str| line.contains("SAFETY:") || line.contains("# Safety");
    let word_line = lines.get(line - 1).copied().unwrap_or_default();
    if word_line.split_once("//").is_some_and(|(_, comment)| says_safety(comment)) {
        return true;
    }
    let mut n_statement_lines = 0;
    for above in lines[..line - 1].iter().rev().map(|above| above.trim()) {
        if above.starts_with("//") {
            if says_safety(above) {
                return true;
            }
        } else if above.starts_with("#[") {
            continue;
        } else {
            n_statement_lines += 1;
            let ends_before = above.is_empty() || above.ends_with([';', '{', '}']);
            if ends_before || n_statement_lines > MAX_STATEMENT_LINES {
                return false;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, source: &str) -> Vec<usize> {
        check(&Tree::of(&[(path, source)])).into_iter().map(|finding| finding.line).collect()
    }

    const KERNEL: &str = "crates/fenlei-nn/src/kernels/dot.rs";

    #[test]
    fn refuses_unsafe_outside_the_kernels_even_with_a_comment() {
        let source = "fn f() {\n    // SAFETY: fine.\n    unsafe { g() }\n}\n";
        assert_eq!(lines("crates/fenlei/src/text/mod.rs", source), [3]);
        assert!(lines(KERNEL, source).is_empty());
        assert!(lines("crates/fenlei/src/artifact/container.rs", source).is_empty());
    }

    #[test]
    fn accepts_a_comment_above_the_statement_above_attributes_or_on_the_line() {
        assert!(lines(KERNEL, "fn f() {\n    // SAFETY: a.\n    let x =\n        unsafe { g() };\n}\n").is_empty());
        assert!(lines(KERNEL, "/// Adds.\n///\n/// # Safety\n/// AVX2.\n#[inline]\npub unsafe fn f() {}\n").is_empty());
        assert!(lines(KERNEL, "fn f() { unsafe { g() } } // SAFETY: a.\n").is_empty());
    }

    #[test]
    fn a_comment_of_another_statement_does_not_count() {
        let source = "fn f() {\n    // SAFETY: a.\n    unsafe { g() };\n    unsafe { h() };\n}\n";
        assert_eq!(lines(KERNEL, source), [4]);
        assert_eq!(lines(KERNEL, "fn f() {\n    unsafe { g() }\n}\n"), [2]);
    }

    #[test]
    fn words_in_strings_comments_and_lints_do_not_count() {
        let source = "#![forbid(unsafe_code)]\n// unsafe\nfn f() -> &'static str { \"unsafe\" }\n";
        assert!(lines("src/lib.rs", source).is_empty());
    }
}
