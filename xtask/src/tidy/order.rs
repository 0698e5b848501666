//! A module of the library uses only the modules before it in the table of ARCHITECTURE.md.
//!
//! Paths are read from tokens: `crate::module`, `crate::{module, …}`, and `super::` as far as it reaches the root.
//! A name that the root re-exports counts as the module that it comes from.

use std::collections::BTreeMap;

use super::Finding;
use super::tokens::{Token, is_ident, reads, tokens};
use super::tree::Tree;

const MAP: &str = "ARCHITECTURE.md";
const SOURCE: &str = "crates/fenlei/src/";
/// The module that finds the data sets of tests: beside the order, used by tests of any module.
const FOR_TESTS: &str = "testing";

pub fn check(tree: &Tree) -> Vec<Finding> {
    let Some(map) = tree.text(MAP) else { return Vec::new() };
    let order = module_order(map);
    if order.is_empty() {
        let advice = "write a table `| Module | One idea |` with one row per module, first what uses nothing";
        return vec![Finding::error(MAP, 0, "no table of the library's modules", advice)];
    }
    let exports = tree.text(&format!("{SOURCE}lib.rs")).map(re_exports).unwrap_or_default();
    let mut findings = Vec::new();
    for (path, text) in tree.with_extension("rs") {
        if let Some(inner) = path.strip_prefix(SOURCE) {
            check_file(path, inner, text, &order, &exports, &mut findings);
        }
    }
    findings
}

/// The first column of the table `| Module | One idea |`; `storage`, unless listed, comes right after `error`.
fn module_order(map: &str) -> Vec<String> {
    let rows = map.lines().skip_while(|line| !line.starts_with("| Module |")).skip(2);
    let mut order: Vec<String> = rows
        .take_while(|line| line.starts_with('|'))
        .filter_map(|line| line.split('`').nth(1).map(str::to_owned))
        .collect();
    if let (Some(error), false) =
        (order.iter().position(|name| name == "error"), order.iter().any(|name| name == "storage"))
    {
        order.insert(error + 1, "storage".to_owned());
    }
    order
}

/// Which module each name comes from that the root of the crate re-exports.
fn re_exports(root: &str) -> BTreeMap<String, String> {
    let mut exports = BTreeMap::new();
    let tokens = tokens(root).unwrap_or_default();
    let mut statement: Vec<&Token> = Vec::new();
    let mut in_use = false;
    for token in &tokens {
        match token.text.as_str() {
            "use" => in_use = true,
            ";" if in_use => {
                let is_name = |token: &&Token| is_ident(token) && !matches!(token.text.as_str(), "crate" | "self");
                let module = statement.iter().copied().find(is_name);
                for (index, leaf) in statement.iter().enumerate().filter(|(_, token)| is_name(token)) {
                    let ends = statement.get(index + 1).is_none_or(|next| matches!(next.text.as_str(), "," | "}"));
                    if let (true, Some(module)) = (ends, module) {
                        exports.insert(leaf.text.clone(), module.text.clone());
                    }
                }
                statement.clear();
                in_use = false;
            }
            _ if in_use => statement.push(token),
            _ => {}
        }
    }
    exports
}

fn check_file(
    path: &str,
    inner: &str,
    text: &str,
    order: &[String],
    exports: &BTreeMap<String, String>,
    findings: &mut Vec<Finding>,
) {
    let module: Vec<&str> = inner.trim_end_matches(".rs").split('/').filter(|part| *part != "mod").collect();
    if matches!(module[0], "lib" | "main" | "bin") {
        return;
    }
    let rank = |name: &str| order.iter().position(|module| module == name);
    let own_rank = rank(module[0]);
    if own_rank.is_none() && module[0] != FOR_TESTS {
        let advice = format!("add a row for it to the table in {MAP}, below everything it uses");
        findings.push(Finding::error(path, 0, format!("module `{}` has no place in the order", module[0]), advice));
        return;
    }
    let Ok(tokens) = tokens(text) else { return };
    for (line, name) in root_names(&tokens, module.len()) {
        let used = exports.get(&name).unwrap_or(&name);
        if let Some(used_rank) = rank(used)
            && own_rank.is_none_or(|own| used_rank > own)
        {
            let found = format!("`{}` uses `{used}`, which comes after it", module[0]);
            let advice =
                format!("move the shared part to the earlier module (a test: to tests/); the order is in {MAP}");
            findings.push(Finding::error(path, line, found, advice));
        }
    }
}

/// The names right below the crate root that the paths of a file go through, with their lines.
///
/// `depth` is the number of modules that the file itself is below the root.
fn root_names(tokens: &[Token], depth: usize) -> Vec<(usize, String)> {
    let mut names = Vec::new();
    let mut n_open = 0usize;
    let mut inline_modules = Vec::new();
    let mut index = 0;
    while index < tokens.len() {
        match tokens[index].text.as_str() {
            "mod" if reads(tokens, index + 2, &["{"]) => inline_modules.push(n_open + 1),
            "(" | "[" | "{" => n_open += 1,
            ")" | "]" | "}" => {
                if inline_modules.last() == Some(&n_open) {
                    inline_modules.pop();
                }
                n_open = n_open.saturating_sub(1);
            }
            "crate" if reads(tokens, index + 1, &[":", ":"]) => names.extend(first_names(tokens, index + 3)),
            "super" => {
                let mut n_supers = 0;
                while reads(tokens, index, &["super", ":", ":"]) {
                    n_supers += 1;
                    index += 3;
                }
                if n_supers == depth + inline_modules.len() {
                    names.extend(first_names(tokens, index));
                }
                // The token now at `index` is looked at next, unless `super` ended the path.
                index += usize::from(n_supers == 0);
                continue;
            }
            _ => {}
        }
        index += 1;
    }
    names
}

/// The name at `index`, or the first name of each branch of the group there.
fn first_names(tokens: &[Token], index: usize) -> Vec<(usize, String)> {
    let named = |token: &Token| (token.line, token.text.clone());
    match tokens.get(index) {
        Some(token) if is_ident(token) => vec![named(token)],
        Some(token) if token.text == "{" => {
            let mut names = Vec::new();
            let mut n_open = 0;
            for pair in tokens[index..].windows(2) {
                match pair[0].text.as_str() {
                    "{" => n_open += 1,
                    "}" => n_open -= 1,
                    _ => {}
                }
                if n_open == 0 {
                    break;
                }
                if n_open == 1 && matches!(pair[0].text.as_str(), "{" | ",") && is_ident(&pair[1]) {
                    names.push(named(&pair[1]));
                }
            }
            names
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "| Crate | x |\n| --- | --- |\n| `a` | b |\n\n\
        | Module | One idea |\n| --- | --- |\n| `error` | e |\n| `text` | t |\n| `data` | d |\n\nmore\n";

    fn found(path: &str, source: &str) -> Vec<(usize, String)> {
        let lib = "pub mod data;\npub use data::{Dataset, split::Part as Share};\npub use error::Result;\n";
        let files = [(MAP, TABLE), ("crates/fenlei/src/lib.rs", lib), (path, source)];
        check(&Tree::of(&files)).into_iter().map(|finding| (finding.line, finding.found)).collect()
    }

    fn lines(path: &str, source: &str) -> Vec<usize> {
        found(path, source).into_iter().map(|(line, _)| line).collect()
    }

    const TEXT: &str = "crates/fenlei/src/text/clean.rs";

    #[test]
    fn reads_the_order_from_the_table_and_puts_storage_after_error() {
        assert_eq!(module_order(TABLE), ["error", "storage", "text", "data"]);
        let listed = "| Module | One idea |\n| --- | --- |\n| `storage` | s |\n| `error` | e |\n";
        assert_eq!(module_order(listed), ["storage", "error"]);
    }

    #[test]
    fn earlier_modules_may_be_used_and_later_ones_not() {
        assert!(lines(TEXT, "use crate::error::Error;\nuse crate::storage::write;\nuse crate::text::x;\n").is_empty());
        let findings = found(TEXT, "use crate::error::Error;\n\nfn f(_: crate::data::Dataset) {}\n");
        assert_eq!(findings, [(3, "`text` uses `data`, which comes after it".to_owned())]);
        assert_eq!(lines("crates/fenlei/src/error.rs", "use crate::text::x;\n"), [1]);
        assert!(lines("crates/fenlei/src/data/mod.rs", "use crate::text::x;\n").is_empty());
    }

    #[test]
    fn groups_are_looked_into() {
        assert_eq!(lines(TEXT, "use crate::{\n    error::{Error, Result},\n    data::{self, Target},\n};\n"), [3]);
        assert!(lines(TEXT, "use crate::{error::data, text};\n").is_empty());
    }

    #[test]
    fn a_re_export_counts_as_the_module_it_comes_from() {
        assert!(lines(TEXT, "use crate::Result;\n").is_empty());
        assert_eq!(lines(TEXT, "use crate::{Result, Dataset};\n"), [1]);
        assert_eq!(lines(TEXT, "use crate::Share;\n"), [1]);
    }

    #[test]
    fn super_counts_where_it_reaches_the_root() {
        assert!(lines(TEXT, "use super::data::x;\n").is_empty());
        assert_eq!(lines(TEXT, "use super::super::data::x;\n"), [1]);
        assert_eq!(
            lines(TEXT, "mod tests {\n    use super::super::data;\n    use super::super::super::data;\n}\n"),
            [3]
        );
        assert_eq!(
            lines("crates/fenlei/src/text.rs", "mod a { fn f() {} }\nuse super::data;\npub(super) fn g() {}\n"),
            [2]
        );
    }

    #[test]
    fn comments_and_strings_do_not_count() {
        assert!(lines(TEXT, "//! [`crate::data`]\n// crate::data\nconst A: &str = \"crate::data\";\n").is_empty());
    }

    #[test]
    fn a_module_without_a_row_is_named() {
        assert_eq!(lines("crates/fenlei/src/serve/mod.rs", ""), [0]);
        assert!(lines("crates/fenlei/src/testing.rs", "use std::path::Path;\n").is_empty());
        assert_eq!(lines("crates/fenlei/src/testing.rs", "use crate::data::x;\n"), [1]);
        assert!(lines(TEXT, "use crate::testing::data_dir;\n").is_empty());
    }
}
