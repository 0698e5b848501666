//! `fenlei eval --report`: the forms of a report, and the page in a browser.

mod program;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use insta::assert_snapshot;
use program::{Folder, reviews};

fn folder() -> Folder {
    let folder = Folder::with_model();
    folder.write("test.csv", format!("{}<script>alert(1)</script> a lovely film,bad\n", reviews(200)));
    folder
}

#[test]
fn the_ending_of_the_file_says_the_form_and_the_table_is_still_printed() {
    let folder = folder();
    let plain = folder.run(&["eval", "model.fenlei", "test.csv"]).succeeded().stdout;
    for (name, begins) in [("r.html", "<!DOCTYPE html>"), ("r.md", "# Evaluation report"), ("r.json", "{\n")] {
        let ran = folder.run(&["eval", "model.fenlei", "test.csv", "--report", name]).succeeded();
        assert!(ran.stdout == plain && ran.stderr.contains(&format!("wrote {name}")), "{}", ran.stderr);
        assert!(folder.read(name).starts_with(begins.as_bytes()), "{name}");
    }
    let args = ["eval", "model.fenlei", "test.csv", "--report", "r.txt", "--report-format", "md", "--lang", "zh"];
    folder.run(&args).succeeded();
    assert!(String::from_utf8(folder.read("r.txt")).unwrap().starts_with("# 评估报告"));
    let json: serde_json::Value = serde_json::from_slice(&folder.read("r.json")).unwrap();
    assert_eq!(json["report"]["n_docs"], 201);
    assert_eq!(json["errors"][0]["explanation"]["label"], "good");
}

#[test]
fn the_same_evaluation_gives_the_same_page_for_any_number_of_threads() {
    let folder = folder();
    for (threads, name) in [("1", "a.html"), ("3", "b.html")] {
        let args = ["eval", "model.fenlei", "test.csv", "--report", name, "--threads", threads];
        folder.run(&args).succeeded();
    }
    assert!(folder.read("a.html") == folder.read("b.html"));
}

#[test]
fn the_charts_become_a_drawing_and_a_picture() {
    let folder = folder();
    folder.run(&["eval", "model.fenlei", "test.csv", "--report", "charts.svg"]).succeeded();
    assert!(folder.read("charts.svg").starts_with(b"<svg "));
    let ran = folder.run(&["eval", "model.fenlei", "test.csv", "--report", "charts.png", "--lang", "zh"]);
    // A machine without fonts cannot write, and must say so.
    if ran.code == Some(0) {
        assert!(folder.read("charts.png").starts_with(b"\x89PNG"));
    } else {
        assert!(ran.stderr.contains("there are no fonts"), "{}", ran.stderr);
        assert!(!folder.path("charts.png").exists());
    }
}

#[test]
fn a_form_that_there_is_not_is_refused_before_any_work() {
    let folder = folder();
    let transcript = folder.transcript(&["eval", "model.fenlei", "test.csv", "--report", "report.pdf"]);
    assert_snapshot!(transcript);
    assert!(!folder.path("report.pdf").exists());
}

#[test]
fn a_browser_shows_the_page_without_a_word_of_complaint() {
    let Some(browser) = browser() else {
        // Not `eprintln!`, whose output the test runner keeps to itself when a test passes.
        let words = "SKIPPED, a test in a browser: no chromium is installed. Set CHROMIUM to one to run it.\n";
        let _ = std::io::stderr().write_all(words.as_bytes());
        return;
    };
    let folder = folder();
    for language in ["en", "zh"] {
        folder.run(&["eval", "model.fenlei", "test.csv", "--report", "r.html", "--lang", language]).succeeded();
        for size in ["1200,900", "500,900"] {
            let complaints = complaints(&browser, &folder, "r.html", size);
            assert!(complaints.is_empty(), "{language} {size}: {complaints:?}");
            let picture = folder.read("page.png");
            assert!(picture.starts_with(b"\x89PNG") && picture.len() > 15_000, "{} bytes", picture.len());
        }
    }
    folder.run(&["explain", "model.fenlei", "a lovely film", "--html", "why.html"]).succeeded();
    assert!(complaints(&browser, &folder, "why.html", "1200,900").is_empty());
    // A style that the page's policy does not know must be complained about, or the silence above says nothing.
    let broken = String::from_utf8(folder.read("r.html")).unwrap().replace("* { box-sizing", "*  { box-sizing");
    folder.write("broken.html", broken);
    assert!(!complaints(&browser, &folder, "broken.html", "1200,900").is_empty());
}

fn browser() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome", "chrome"];
    let found = std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name)));
    found.into_iter().find(|path| Path::is_file(path))
}

/// What the console said while the page was drawn to `page.png`.
fn complaints(browser: &Path, folder: &Folder, page: &str, size: &str) -> Vec<String> {
    let output = Command::new(browser)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"])
        .arg(format!("--user-data-dir={}", folder.path("profile").display()))
        .arg(format!("--screenshot={}", folder.path("page.png").display()))
        .arg(format!("--window-size={size}"))
        .arg(format!("file://{}", folder.path(page).display()))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    said.lines().filter(|line| line.contains(":CONSOLE")).map(str::to_owned).collect()
}
