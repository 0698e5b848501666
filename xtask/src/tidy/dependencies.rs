//! Every dependency is meant: listed with its reason, allowed for its crate, and bound to a version.

use std::collections::BTreeMap;

use super::Finding;
use super::tree::Tree;

const LIST: &str = "docs/dependencies.md";
/// Where the engine's row says what it may use at run time: it knows no text, no files and no formats.
const MAP: &str = "ARCHITECTURE.md";
const ENGINE: &str = "fenlei-nn";
/// What belongs to programs, not to libraries.
const FOR_PROGRAMS: [&str; 5] = ["anyhow", "clap", "ctrlc", "indicatif", "tracing-subscriber"];

/// One dependency line of one manifest.
#[derive(Debug, PartialEq, Eq)]
struct Dependency {
    manifest: String,
    package: String,
    name: String,
    line: usize,
    at_run_time: bool,
    any_version: bool,
    is_ours: bool,
}

pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut dependencies = Vec::new();
    for (path, text) in tree.with_extension("toml").filter(|(path, _)| path.ends_with("Cargo.toml")) {
        match text.parse::<toml::Table>() {
            Ok(manifest) => dependencies.extend(read(path, text, &manifest)),
            Err(error) => findings.push(Finding::error(path, 0, format!("no TOML: {error}"), "run `cargo check`")),
        }
    }
    let allowed = tree.text(MAP).map(allowed_for_engine).unwrap_or_default();
    findings.extend(dependencies.iter().flat_map(|dependency| check_rules(dependency, &allowed)));
    if !dependencies.is_empty() {
        check_list(tree.text(LIST).unwrap_or_default(), &dependencies, &mut findings);
    }
    findings
}

/// The dependencies of a manifest: of run time, build and tests, for any system.
fn read(path: &str, text: &str, manifest: &toml::Table) -> Vec<Dependency> {
    let package = manifest.get("package").and_then(|package| package.get("name")?.as_str()).unwrap_or(path);
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let places = std::iter::once(manifest).chain(targets.iter().flat_map(|t| t.values()).filter_map(|t| t.as_table()));
    let mut dependencies = Vec::new();
    for place in places {
        for (kind, at_run_time) in [("dependencies", true), ("build-dependencies", false), ("dev-dependencies", false)]
        {
            for (key, value) in place.get(kind).and_then(toml::Value::as_table).into_iter().flatten() {
                let name = value.get("package").and_then(toml::Value::as_str).unwrap_or(key);
                let version = value.as_str().or_else(|| value.get("version")?.as_str());
                let is_ours = value.get("path").is_some();
                dependencies.push(Dependency {
                    manifest: path.to_owned(),
                    package: package.to_owned(),
                    name: name.to_owned(),
                    line: line_of(text, key),
                    at_run_time,
                    any_version: version.map_or(!is_ours, |version| version.contains('*')),
                    is_ours,
                });
            }
        }
    }
    dependencies
}

/// The one-based line that sets `key`; 0 when there is none in plain sight.
fn line_of(text: &str, key: &str) -> usize {
    let sets = |line: &str| {
        line.strip_prefix(key).is_some_and(|rest| rest.starts_with([' ', '=', '.']))
            || line.ends_with(&format!("dependencies.{key}]"))
    };
    text.lines().position(sets).map_or(0, |index| index + 1)
}

/// The names in the last column of the engine's row, without what is said in brackets.
fn allowed_for_engine(map: &str) -> Vec<&str> {
    let row = map.lines().find(|line| line.starts_with("| `crates/fenlei-nn` |"));
    let cell = row.and_then(|row| row.trim_end().trim_end_matches('|').rsplit('|').next()).unwrap_or_default();
    let mut names = Vec::new();
    for (index, part) in cell.split(['(', ')']).enumerate() {
        if index % 2 == 0 {
            names.extend(part.split(',').map(|name| name.trim().trim_matches('`')).filter(|name| !name.is_empty()));
        }
    }
    names
}

fn check_rules(dependency: &Dependency, allowed: &[&str]) -> Vec<Finding> {
    let Dependency { manifest, package, name, line, at_run_time, any_version, .. } = dependency;
    let mut findings = Vec::new();
    if *any_version {
        let found = format!("`{name}` may be of any version");
        findings.push(Finding::error(manifest, *line, found, "write the version that was tried"));
    }
    if *at_run_time && package == ENGINE && !allowed.contains(&name.as_str()) {
        let found = format!("the engine uses `{name}`; it may use only {}", allowed.join(", "));
        let advice = format!("do this work in crates/fenlei, or give the reason in the engine's row of {MAP}");
        findings.push(Finding::error(manifest, *line, found, advice));
    }
    if *at_run_time && matches!(package.as_str(), "fenlei" | "fenlei-nn") && FOR_PROGRAMS.contains(&name.as_str()) {
        let found = format!("the library uses `{name}`, which is for programs");
        findings.push(Finding::error(manifest, *line, found, "do this work in crates/fenlei-cli"));
    }
    findings
}

/// Compares the dependencies with the rows of the list, both ways.
fn check_list(list: &str, dependencies: &[Dependency], findings: &mut Vec<Finding>) {
    let rows = rows(list);
    for dependency in dependencies.iter().filter(|dependency| !dependency.is_ours) {
        let Dependency { manifest, package, name, line, .. } = dependency;
        match rows.get(name.as_str()) {
            None => {
                let found = format!("`{name}` is not in {LIST}");
                let advice = format!("add a row `| \\`{name}\\` | \\`{package}\\` | what for | why this one |`");
                findings.push(Finding::error(manifest, *line, found, advice.replace("\\`", "`")));
            }
            Some((row_line, users)) if !users.contains(&format!("`{package}`")) => {
                let found = format!("the row of `{name}` does not say that `{package}` uses it");
                findings.push(Finding::error(LIST, *row_line, found, "add it to the second column"));
            }
            Some(_) => {}
        }
    }
    for (name, (line, users)) in rows {
        for user in users.split('`').skip(1).step_by(2) {
            if !dependencies.iter().any(|dependency| dependency.name == name && dependency.package == user) {
                let found = format!("`{user}` does not use `{name}` (any more)");
                findings.push(Finding::error(LIST, line, found, "remove it from the row, or the row"));
            }
        }
    }
}

/// Line and second column of each row of the tables headed `| Crate | Used by |`, by the name in the first column.
fn rows(list: &str) -> BTreeMap<&str, (usize, String)> {
    let mut rows = BTreeMap::new();
    let mut in_table = false;
    for (index, line) in list.lines().enumerate() {
        in_table = line.starts_with("| Crate | Used by |") || (in_table && line.starts_with('|'));
        let mut cells = line.split('|').skip(1);
        if let (true, Some(name), Some(users)) = (in_table, cells.next(), cells.next())
            && let Some(name) = name.trim().strip_prefix('`').and_then(|name| name.strip_suffix('`'))
        {
            rows.insert(name, (index + 1, users.to_owned()));
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "| Crate | Used by | What for | Why |\n| --- | --- | --- | --- |\n";

    fn found(files: &[(&str, &str)]) -> Vec<(String, usize, String)> {
        check(&Tree::of(files)).into_iter().map(|f| (f.path, f.line, f.found)).collect()
    }

    #[test]
    fn every_dependency_needs_a_row_and_every_row_a_dependency() {
        let manifest =
            "[package]\nname = \"fenlei\"\n[dependencies]\ncsv = \"1\"\n[dev-dependencies]\nproptest = \"1\"\n";
        let list = format!("{HEAD}| `csv` | `fenlei` | x | y |\n| `old` | `fenlei` | x | y |\n");
        assert_eq!(
            found(&[("Cargo.toml", manifest), (LIST, &list)]),
            [
                ("Cargo.toml".to_owned(), 6, "`proptest` is not in docs/dependencies.md".to_owned()),
                (LIST.to_owned(), 4, "`fenlei` does not use `old` (any more)".to_owned()),
            ]
        );
    }

    #[test]
    fn rows_name_their_users() {
        let manifest =
            "[package]\nname = \"xtask\"\n[dependencies]\ncsv = { version = \"1\" }\nours = { path = \"x\" }\n";
        let list = format!("{HEAD}| `csv` | `fenlei` | x | y |\n");
        let found = found(&[("xtask/Cargo.toml", manifest), (LIST, &list)]);
        assert_eq!(found.len(), 2);
        assert!(found[0].2.contains("does not say that `xtask` uses it"));
        assert!(found[1].2.contains("`fenlei` does not use `csv`"));
    }

    #[test]
    fn the_engine_uses_nothing_but_its_list_save_in_tests() {
        let manifest = |kind: &str| format!("[package]\nname = \"fenlei-nn\"\n[{kind}]\ncsv = \"1\"\n");
        let list = format!("{HEAD}| `csv` | `fenlei-nn` | x | y |\n");
        let map = |may_use: &str| format!("| `crates/fenlei-nn` | the engine | {may_use} |\n");
        let (narrow, wide) = (map("gemm, serde (derives, no csv)"), map("gemm (x), `csv`, serde"));
        assert!(found(&[(MAP, &narrow), ("Cargo.toml", &manifest("dev-dependencies")), (LIST, &list)]).is_empty());
        for kind in ["dependencies", "target.'cfg(unix)'.dependencies"] {
            assert_eq!(found(&[(MAP, &narrow), ("Cargo.toml", &manifest(kind)), (LIST, &list)])[0].1, 4);
            assert!(found(&[(MAP, &wide), ("Cargo.toml", &manifest(kind)), (LIST, &list)]).is_empty());
        }
    }

    #[test]
    fn libraries_leave_the_tools_of_programs_alone() {
        let manifest = "[package]\nname = \"fenlei\"\n[dependencies]\nanyhow = \"1\"\n";
        let list = format!("{HEAD}| `anyhow` | `fenlei` | x | y |\n");
        assert!(found(&[("Cargo.toml", manifest), (LIST, &list)])[0].2.contains("for programs"));
    }

    #[test]
    fn any_version_is_refused() {
        let manifest =
            "[package]\nname = \"a\"\n[dependencies]\nb = \"*\"\nc = { git = \"x\" }\nd = { path = \"x\" }\n";
        let list = format!("{HEAD}| `b` | `a` | x | y |\n| `c` | `a` | x | y |\n");
        let lines: Vec<_> = found(&[("Cargo.toml", manifest), (LIST, &list)]).into_iter().map(|f| f.1).collect();
        assert_eq!(lines, [4, 5]);
    }
}
