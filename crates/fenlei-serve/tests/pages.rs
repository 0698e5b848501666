//! The pages in a real browser.

mod client;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use client::{post, start, until};
use fenlei_serve::Server;

/// A browser: that of `CHROMIUM`, or one that is installed.
fn browser() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome", "chrome"];
    std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name))).find(|file| file.is_file())
}

/// What a page has become after its scripts have run, and what the browser complained about.
fn page(browser: &PathBuf, server: &Server, path: &str, size: &str, language: &str) -> (String, Vec<String>) {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--enable-logging=stderr"])
        .args(["--virtual-time-budget=8000", "--dump-dom"])
        .arg(format!("--lang={language}"))
        .arg(format!("--accept-lang={language}"))
        .arg(format!("--window-size={size}"))
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("http://{}{path}", server.address()))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    let complaints = words.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect();
    (String::from_utf8_lossy(&output.stdout).into_owned(), complaints)
}

#[test]
fn every_page_does_its_work_without_a_word_of_complaint() {
    let Some(browser) = browser() else {
        // Written directly, past the capture of the test runner: nobody should take this for a success.
        let words = "SKIPPED, a test in a browser: no chromium is installed. Set CHROMIUM to one to run it.\n";
        let _ = std::io::Write::write_all(&mut std::io::stderr(), words.as_bytes());
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let server = start(|options| options.watch.store = Some(folder.path().join("watch.db")));
    let id = [("x-request-id", "of-the-page")];
    let mut connection = client::Connection::to(server.address());
    assert_eq!(connection.ask("POST", "/predict", &id, br#"{"input": "Thank you"}"#).status, 200);
    let said = r#"{"request_id": "of-the-page", "label": "<script>alert(1)</script>"}"#;
    assert_eq!(post(&server, "/feedback", said).status, 200);
    until("figures", || client::get(&server, "/watch").json()["quality"][0]["n"] == 1);

    let text = "Thank%20you%20%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E%20%F0%9F%99%82%20parcel";
    for (path, size, language, expected) in [
        (format!("/?text={text}"), "1200,900", "en", &["<b>praise</b>", "<mark class=\"p", "&lt;img src=x"][..]),
        (format!("/?text={text}"), "390,800", "zh-CN", &["<b>praise</b>", "试用模型"][..]),
        ("/dashboard".to_owned(), "1200,900", "en", &["with feedback", "&lt;script&gt;alert(1)"][..]),
        ("/dashboard".to_owned(), "390,800", "zh-CN", &["模型运行情况", "0.0%"][..]),
        ("/docs".to_owned(), "1200,900", "en", &["/v2/models/{model}/infer", "Send"][..]),
    ] {
        let (dom, complaints) = page(&browser, &server, &path, size, language);
        assert!(complaints.is_empty(), "{path}: {complaints:?}");
        for words in expected {
            assert!(dom.contains(words), "{path} has no {words:?}:\n{dom}");
        }
        assert!(!dom.contains("<img") && dom.matches("<script").count() == 1, "{path}:\n{dom}");
    }
}
