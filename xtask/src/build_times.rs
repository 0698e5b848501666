//! What each dependency adds to the time of a release build, as a table for docs/dependencies.md.
//!
//! Cargo's timing report holds the seconds of each unit; `cargo metadata` says which crate needs which. A direct
//! dependency costs its own seconds, and those of the crates that would go if it went.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// The program whose build is measured.
const PROGRAM: &str = "fenlei-cli";

/// One compilation of one crate, as in cargo's timing report.
#[derive(Debug, Deserialize)]
struct Unit {
    name: String,
    version: String,
    /// Seconds.
    duration: f64,
}

/// What `cargo metadata` prints, as far as it is needed here.
#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Debug, Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    source: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Debug, Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<EdgeKind>,
}

#[derive(Debug, Deserialize)]
struct EdgeKind {
    kind: Option<String>,
}

/// Builds the program anew (or reads `html`) and returns the table.
pub fn run(root: &Path, html: Option<&Path>) -> Result<String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let target = root.join("target/build-times");
    let report = match html {
        Some(html) => html.to_owned(),
        None => {
            // Only what is compiled is in the report, so that nothing may be there yet.
            if target.exists() {
                std::fs::remove_dir_all(&target).context("cannot empty target/build-times")?;
            }
            let status = Command::new(&cargo)
                .args(["build", "--release", "--locked", "--timings", "--package", PROGRAM, "--target-dir"])
                .arg(&target)
                .current_dir(root)
                .status()
                .context("cannot run cargo")?;
            ensure!(status.success(), "the release build failed");
            target.join("cargo-timings/cargo-timing.html")
        }
    };
    let text = std::fs::read_to_string(&report).with_context(|| format!("cannot read {}", report.display()))?;
    let host = host(&cargo)?;
    let output = Command::new(&cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", &host])
        .current_dir(root)
        .output()
        .context("cannot run cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Metadata = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
    table(&units(&text)?, &metadata)
}

/// The system that cargo builds for unless told otherwise.
fn host(cargo: &str) -> Result<String> {
    let output = Command::new(cargo).arg("-vV").output().context("cannot run cargo -vV")?;
    let text = String::from_utf8(output.stdout).context("cargo -vV")?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: ")).context("cargo -vV names no host")?;
    Ok(host.to_owned())
}

/// The units in a timing report, which embeds them as `const UNIT_DATA = […];`.
fn units(html: &str) -> Result<Vec<Unit>> {
    let (_, after) = html.split_once("UNIT_DATA = ").context("the report has no UNIT_DATA; is it one of cargo's?")?;
    let mut units = serde_json::Deserializer::from_str(after).into_iter::<Vec<Unit>>();
    units.next().context("UNIT_DATA is empty")?.context("UNIT_DATA is not what was expected")
}

/// One row for each direct dependency of our crates, the most expensive first.
fn table(units: &[Unit], metadata: &Metadata) -> Result<String> {
    let mut seconds: BTreeMap<(&str, &str), f64> = BTreeMap::new();
    for unit in units {
        *seconds.entry((&unit.name, &unit.version)).or_default() += unit.duration;
    }
    let packages: BTreeMap<&str, &Package> =
        metadata.packages.iter().map(|package| (package.id.as_str(), package)).collect();
    let cost = |id: &str| {
        packages.get(id).and_then(|p| seconds.get(&(p.name.as_str(), p.version.as_str()))).copied().unwrap_or(0.0)
    };
    // Tests' own dependencies are not in the program.
    let edges: BTreeMap<&str, Vec<&str>> = metadata
        .resolve
        .nodes
        .iter()
        .map(|node| {
            let built = |edge: &&Edge| edge.dep_kinds.iter().any(|kind| kind.kind.as_deref() != Some("dev"));
            (node.id.as_str(), node.deps.iter().filter(built).map(|edge| edge.pkg.as_str()).collect())
        })
        .collect();
    let program = metadata.packages.iter().find(|package| package.name == PROGRAM).context("no such program")?;
    let all = reachable(&program.id, &edges, None);
    let ours = |id: &str| packages.get(id).is_some_and(|package| package.source.is_none());
    let direct: BTreeSet<&str> =
        all.iter().filter(|id| ours(id)).flat_map(|id| &edges[id]).copied().filter(|id| !ours(id)).collect();

    let mut rows = Vec::new();
    for id in direct {
        let without = reachable(&program.id, &edges, Some(id));
        let gone: Vec<&str> = all.difference(&without).copied().collect();
        rows.push((gone.iter().map(|id| cost(id)).sum::<f64>(), cost(id), gone.len(), packages[id].name.as_str()));
    }
    rows.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.3.cmp(b.3)));

    let total: f64 = all.iter().map(|id| cost(id)).sum();
    let own: f64 = all.iter().filter(|id| ours(id)).map(|id| cost(id)).sum();
    let mut page = String::from("| Crate | Own seconds | Seconds that go with it | Crates that go with it |\n");
    page.push_str("| --- | ---: | ---: | ---: |\n");
    for (gone_seconds, own_seconds, n_gone, name) in rows {
        let _ = writeln!(page, "| `{name}` | {own_seconds:.1} | {gone_seconds:.1} | {n_gone} |");
    }
    let _ = writeln!(
        page,
        "\n{} crates, {total:.0} seconds of one core in all, {own:.0} of them our own crates.",
        all.len()
    );
    Ok(page)
}

/// Everything that `start` needs, itself included, when `without` is taken away.
fn reachable<'a>(start: &'a str, edges: &BTreeMap<&'a str, Vec<&'a str>>, without: Option<&str>) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::from([start]);
    let mut open = vec![start];
    while let Some(id) = open.pop() {
        for next in edges.get(id).into_iter().flatten().filter(|next| Some(**next) != without) {
            if seen.insert(next) {
                open.push(next);
            }
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    const HTML: &str = "<script>\nconst UNIT_DATA = [\n\
        {\"i\":0,\"name\":\"a\",\"version\":\"1.0.0\",\"mode\":\"todo\",\"target\":\"\",\"duration\":2.0,\"sections\":null},\n\
        {\"i\":1,\"name\":\"a\",\"version\":\"1.0.0\",\"mode\":\"run-custom-build\",\"target\":\" x\",\"duration\":0.5},\n\
        {\"i\":2,\"name\":\"b\",\"version\":\"2.0.0\",\"duration\":3.0},\n\
        {\"i\":3,\"name\":\"c\",\"version\":\"1.0.0\",\"duration\":4.0},\n\
        {\"i\":4,\"name\":\"fenlei-cli\",\"version\":\"0.1.0\",\"duration\":10.0}\n];\nconst CONCURRENCY_DATA = [];\n";

    /// fenlei-cli needs a and c; a needs b; b and c need d, which took no time; t is for tests.
    fn metadata() -> Metadata {
        let node = |id: &str, deps: &[(&str, &str)]| {
            let deps: Vec<_> = deps
                .iter()
                .map(|(pkg, kind)| {
                    let kind = (!kind.is_empty()).then_some(*kind);
                    serde_json::json!({"pkg": pkg, "dep_kinds": [{"kind": kind}]})
                })
                .collect();
            serde_json::json!({"id": id, "deps": deps})
        };
        let package = |name: &str, version: &str, source: Option<&str>| serde_json::json!({"id": name, "name": name, "version": version, "source": source});
        let value = serde_json::json!({
            "packages": [
                package("fenlei-cli", "0.1.0", None),
                package("a", "1.0.0", Some("registry")),
                package("b", "2.0.0", Some("registry")),
                package("c", "1.0.0", Some("registry")),
                package("d", "1.0.0", Some("registry")),
                package("t", "1.0.0", Some("registry")),
            ],
            "resolve": {"nodes": [
                node("fenlei-cli", &[("a", ""), ("c", "build"), ("t", "dev")]),
                node("a", &[("b", "")]),
                node("b", &[("d", "")]),
                node("c", &[("d", "")]),
                node("d", &[]),
                node("t", &[]),
            ]},
        });
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn units_are_read_out_of_the_report() {
        let units = units(HTML).unwrap();
        assert_eq!(units.len(), 5);
        assert_eq!((units[2].name.as_str(), units[2].duration), ("b", 3.0));
        assert!(super::units("<html>").is_err());
    }

    #[test]
    fn a_crate_costs_itself_and_what_goes_with_it() {
        let table = table(&units(HTML).unwrap(), &metadata()).unwrap();
        let rows: Vec<&str> = table.lines().skip(2).collect();
        assert_eq!(rows[0], "| `a` | 2.5 | 5.5 | 2 |");
        assert_eq!(rows[1], "| `c` | 4.0 | 4.0 | 1 |");
        assert_eq!(rows[3], "5 crates, 20 seconds of one core in all, 10 of them our own crates.");
    }

    #[test]
    fn what_two_need_goes_with_neither() {
        let metadata = metadata();
        let table = table(&[], &metadata).unwrap();
        assert!(!table.contains("`d`") && !table.contains("`t`"), "{table}");
    }
}
