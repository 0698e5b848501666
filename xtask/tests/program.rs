//! The tasks as programs: what they print and how they end, on a project made up for the test.
#![allow(missing_docs, reason = "tests")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// A project with a map, one module, and git around it.
fn project() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        "ARCHITECTURE.md",
        "# Map\n\n| Module | One idea |\n| --- | --- |\n| `error` | e |\n| `text` | t |\n",
    );
    write(folder.path(), "crates/fenlei/src/text.rs", "use crate::error::Error;\n");
    let status = Command::new("git").args(["init", "--quiet"]).current_dir(folder.path()).status().unwrap();
    assert!(status.success());
    folder
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn xtask(folder: &Path, arguments: &[&str]) -> (Output, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask")).args(arguments).current_dir(folder).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output, text)
}

#[test]
fn tidy_passes_a_tidy_project_from_any_of_its_folders() {
    let project = project();
    let (output, text) = xtask(&project.path().join("crates/fenlei"), &["tidy"]);
    assert!(output.status.success(), "{text}");
    assert_eq!(text, "tidy: 2 files, 0 errors, 0 warnings\n");
}

#[test]
fn tidy_names_place_and_remedy_of_each_finding_and_fails() {
    let project = project();
    write(project.path(), "crates/fenlei/src/error.rs", "//! Errors.\n\nuse crate::text::Token;\n");
    write(project.path(), "docs/a.md", "[gone](b.md)\n");
    write(project.path(), ".gitignore", "/ignored\n");
    write(project.path(), "ignored/c.md", "[gone](b.md)\n");
    let (output, text) = xtask(project.path(), &["tidy"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text.contains("error: crates/fenlei/src/error.rs:3: `error` uses `text`, which comes after it\n  help: "),
        "{text}"
    );
    assert!(text.contains("error: docs/a.md:1: `b.md` leads nowhere"), "{text}");
    assert!(text.ends_with("tidy: 5 files, 2 errors, 0 warnings\n"), "{text}");
}

#[test]
fn docs_writes_the_page_and_check_tells_when_it_is_old() {
    let project = project();
    fs::create_dir(project.path().join("docs")).unwrap();
    let page = project.path().join("docs/cli.md");
    let (missing, text) = xtask(project.path(), &["docs", "--check"]);
    assert!(!missing.status.success() && text.contains("run `cargo xtask docs`"), "{text}");
    assert!(!page.exists(), "a check must not write");

    assert!(xtask(project.path(), &["docs"]).0.status.success());
    assert!(fs::read_to_string(&page).unwrap().contains("# The `fenlei` program\n"));
    assert!(xtask(project.path(), &["docs", "--check"]).0.status.success());

    let old = fs::read_to_string(&page).unwrap().replace("program", "programme");
    fs::write(&page, &old).unwrap();
    assert_eq!(xtask(project.path(), &["docs", "--check"]).0.status.code(), Some(1));
    assert_eq!(fs::read_to_string(&page).unwrap(), old, "a check must not write");
}

#[test]
fn outside_of_a_project_there_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let (output, _) = xtask(folder.path(), &["tidy"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("ARCHITECTURE.md"));
}
