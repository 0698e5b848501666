//! A browser without a window, driven over two pipes (the DevTools protocol).

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A page in a browser.
pub struct Browser {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    n: u64,
    session: Option<String>,
    /// What the console said, and what went wrong.
    pub complaints: Vec<String>,
}

impl Browser {
    /// `None`, said loudly, where no browser is installed.
    pub fn start(profile: &Path) -> Option<Self> {
        let Some(program) = installed() else {
            // Not `eprintln!`, whose output the test runner keeps to itself when a test passes.
            let words = "SKIPPED, a test in a browser: no chromium is installed. Set CHROMIUM to one to run it.\n";
            let _ = std::io::stderr().write_all(words.as_bytes());
            return None;
        };
        // The browser reads commands from its third stream and answers on the fourth.
        let mut child = Command::new("sh")
            .args(["-c", r#"exec "$0" "$@" 3<&0 4>&1 0</dev/null 1>/dev/null 2>/dev/null"#])
            .arg(program)
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--lang=en"])
            .args(["--no-first-run", "--disable-background-networking", "--hide-scrollbars"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut browser = Self { child, to, from, n: 0, session: None, complaints: Vec::new() };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        browser.session = Some(browser.call("Target.attachToTarget", attach)["sessionId"].as_str().unwrap().to_owned());
        for part in ["Page", "Runtime", "Log"] {
            browser.call(&format!("{part}.enable"), json!({}));
        }
        Some(browser)
    }

    /// One command and its result; what is told in between is looked through for complaints.
    #[track_caller]
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        self.try_call(method, params).unwrap_or_else(|answer| panic!("{method}: {answer}"))
    }

    fn try_call(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        self.n += 1;
        let mut message = json!({ "id": self.n, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        self.to.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let mut bytes = Vec::new();
            self.from.read_until(0, &mut bytes).unwrap();
            assert_eq!(bytes.pop(), Some(0), "the browser has ended");
            let mut answer: Value = serde_json::from_slice(&bytes).unwrap();
            if answer["id"] == self.n {
                return if answer["error"].is_null() { Ok(answer["result"].take()) } else { Err(answer) };
            }
            self.note(&answer);
        }
    }

    fn note(&mut self, event: &Value) {
        let params = &event["params"];
        let complains = match event["method"].as_str().unwrap_or_default() {
            "Runtime.exceptionThrown" | "Page.javascriptDialogOpening" => true,
            "Runtime.consoleAPICalled" => matches!(params["type"].as_str(), Some("error" | "warning" | "assert")),
            "Log.entryAdded" => matches!(params["entry"]["level"].as_str(), Some("error" | "warning")),
            _ => false,
        };
        if complains {
            self.complaints.push(event.to_string());
        }
    }

    /// The value of an expression of the page.
    #[track_caller]
    pub fn value(&mut self, expression: &str) -> Value {
        let params = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut answer = self.call("Runtime.evaluate", params);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].take()
    }

    /// Waits until an expression of the page is true.
    #[track_caller]
    pub fn until(&mut self, expression: &str) {
        let began = Instant::now();
        loop {
            let params = json!({ "expression": expression, "returnByValue": true });
            // Between two pages there is nothing to ask.
            if self.try_call("Runtime.evaluate", params).is_ok_and(|answer| answer["result"]["value"] == true) {
                return;
            }
            if began.elapsed() > Duration::from_secs(90) {
                let page = self.value("document.body.innerText.slice(0, 900)");
                panic!("never true: {expression}\n{page}\n{:?}", self.complaints);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[track_caller]
    pub fn open(&mut self, url: &str) {
        self.call("Page.navigate", json!({ "url": url }));
        self.until("document.readyState === 'complete'");
    }

    /// Presses a key.
    #[track_caller]
    pub fn key(&mut self, key: &str) {
        let (code, number) = match key {
            "Enter" => ("Enter", 13),
            "Backspace" => ("Backspace", 8),
            "Escape" => ("Escape", 27),
            "Tab" => ("Tab", 9),
            " " => ("Space", 32),
            _ => ("", 0),
        };
        let text = match key {
            "Enter" => "\r",
            "Backspace" | "Escape" | "Tab" => "",
            key => key,
        };
        for kind in ["keyDown", "keyUp"] {
            let mut params = json!({ "type": kind, "key": key, "code": code, "windowsVirtualKeyCode": number });
            if kind == "keyDown" && !text.is_empty() {
                params["text"] = text.into();
            }
            self.call("Input.dispatchKeyEvent", params);
        }
    }

    /// Writes into the field that has the focus.
    #[track_caller]
    pub fn write(&mut self, text: &str) {
        self.call("Input.insertText", json!({ "text": text }));
    }

    #[track_caller]
    pub fn click(&mut self, selector: &str) {
        self.value(&format!("document.querySelector({}).click()", json!(selector)));
    }

    /// The size of the page, and whether it is dark.
    #[track_caller]
    pub fn look(&mut self, width: u32, height: u32, dark: bool) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.call("Emulation.setDeviceMetricsOverride", size);
        let scheme = if dark { "dark" } else { "light" };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.call("Emulation.setEmulatedMedia", features);
    }

    /// A picture as it is told, in base 64; with `FENLEI_PICTURES` it goes into that folder, too.
    #[track_caller]
    pub fn picture(&mut self, name: &str) -> usize {
        let picture = self.call("Page.captureScreenshot", json!({ "format": "png" }));
        let text = picture["data"].as_str().unwrap();
        if let Some(folder) = std::env::var_os("FENLEI_PICTURES") {
            std::fs::write(Path::new(&folder).join(format!("{name}.b64")), text).unwrap();
        }
        text.len()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn installed() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome", "chrome"];
    let found = std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name)));
    found.into_iter().find(|path| Path::is_file(path))
}
