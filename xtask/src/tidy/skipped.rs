//! Nothing is left for later: no missing bodies, no tests that do not run, no notes to mend something.

use super::Finding;
use super::tokens::{reads, tokens};
use super::tree::Tree;

/// Spelled in two parts, so that this file does not find itself.
const NOTE: &str = concat!("FIX", "ME");

pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        let Some(text) = file.text.as_deref().filter(|_| file.name() != "Cargo.lock" && !file.is_test_data()) else {
            continue;
        };
        for (index, _) in text.lines().enumerate().filter(|(_, line)| line.contains(NOTE)) {
            findings.push(Finding::error(&file.path, index + 1, NOTE, "mend it, or open an issue and say so in words"));
        }
    }
    for (path, text) in tree.with_extension("rs") {
        check_rust(path, text, &mut findings);
    }
    findings
}

fn check_rust(path: &str, text: &str, findings: &mut Vec<Finding>) {
    let tokens = match tokens(text) {
        Ok(tokens) => tokens,
        Err((line, error)) => {
            findings.push(Finding::error(path, line, format!("no Rust: {error}"), "run `cargo check`"));
            return;
        }
    };
    for (index, token) in tokens.iter().enumerate() {
        let name = token.text.as_str();
        if matches!(name, "todo" | "unimplemented") && reads(&tokens, index + 1, &["!"]) {
            findings.push(Finding::error(path, token.line, format!("`{name}!`"), "write the body"));
        }
        let ignores = reads(&tokens, index, &["#", "[", "ignore"]) || {
            reads(&tokens, index, &["#", "[", "cfg_attr"])
                && tokens[index..].iter().take_while(|token| token.text != "]").any(|token| token.text == "ignore")
        };
        if ignores {
            findings.push(Finding::error(path, token.line, "a test that does not run", "mend it or remove it"));
        }
    }
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_start();
        if (line.starts_with("///") || line.starts_with("//!")) && line.contains("```ignore") {
            let advice = "make the example run, `no_run` when it needs files, `text` when it is no Rust";
            findings.push(Finding::error(path, index + 1, "an example that does not run", advice));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(source: &str) -> Vec<usize> {
        check(&Tree::of(&[("a.rs", source)])).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn finds_missing_bodies_in_code_and_in_macros() {
        assert_eq!(lines("fn f() {\n    todo!()\n}\n"), [2]);
        assert_eq!(lines("m! {\n  x => unimplemented!(\"x\")\n}\n"), [2]);
        assert!(lines("// todo!()\nfn f() -> &'static str { \"todo!()\" }\nfn todo() {}\n").is_empty());
    }

    #[test]
    fn finds_tests_and_examples_that_do_not_run() {
        assert_eq!(lines("#[test]\n#[ignore = \"slow\"]\nfn f() {}\n"), [2]);
        assert_eq!(lines("#[cfg_attr(debug_assertions, ignore)]\nfn f() {}\n"), [1]);
        assert_eq!(lines("/// ```ignore\n/// f()\n/// ```\nfn f() {}\n"), [1]);
        assert!(lines("#[must_use]\nfn ignore() {}\n").is_empty());
    }

    #[test]
    fn finds_notes_in_any_text_but_not_in_test_data() {
        let note = format!("a\nb {NOTE}: c\n");
        let findings = check(&Tree::of(&[("docs/a.md", &note), ("testdata/a.txt", &note)]));
        assert_eq!(findings.iter().map(|f| (f.path.as_str(), f.line)).collect::<Vec<_>>(), [("docs/a.md", 2)]);
    }

    #[test]
    fn says_when_a_file_is_no_rust() {
        assert!(check(&Tree::of(&[("a.rs", "fn f( {")]))[0].found.starts_with("no Rust"));
    }
}
