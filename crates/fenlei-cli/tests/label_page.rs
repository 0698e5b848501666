//! The labelling page in a browser: by keyboard, over a reload, with two annotators, in both languages.

mod browser;
mod program;

use std::io::{BufRead, BufReader};
use std::process::Child;

use browser::Browser;
use program::Folder;
use serde_json::json;

/// The page and a browser that shows it.
struct Shown {
    browser: Browser,
    page: Child,
    url: String,
}

impl Drop for Shown {
    fn drop(&mut self) {
        let _ = self.page.kill();
        let _ = self.page.wait();
    }
}

const GOOD: [&str; 5] = ["lovely", "fine", "wonderful", "clever", "warm"];
const BAD: [&str; 5] = ["dull", "awful", "boring", "cold", "poor"];

fn documents(n: usize) -> String {
    let line = |i: usize| {
        let words = if i.is_multiple_of(2) { GOOD } else { BAD };
        let about = ["dogs", "ships", "cooks"][i % 3];
        // No two are nearly the same.
        let place = format!("room {} on floor {} of house {} in street {}", i * 7, i * 13, i * 29, i * 31);
        let text =
            format!("A {} film <img src=x onerror=alert(1)> about {about} & others,\nseen in {place}.", words[i % 5]);
        json!({ "id": i, "text": text }).to_string() + "\n"
    };
    (0..n).map(line).collect()
}

fn show(folder: &Folder, args: &[&str]) -> Option<Shown> {
    let browser = Browser::start(&folder.path("profile"))?;
    let args: Vec<&str> = ["label"].into_iter().chain(args.iter().copied()).chain(["--port", "0"]).collect();
    let mut page = folder.spawn(&args);
    let mut lines = BufReader::new(page.stderr.take().unwrap()).lines();
    let line =
        lines.by_ref().map(Result::unwrap).find(|line| line.contains("label at ")).expect("it says where the page is");
    let url = line.split_whitespace().find(|word| word.starts_with("http")).unwrap().to_owned();
    std::thread::spawn(move || lines.for_each(drop));
    let mut shown = Shown { browser, page, url };
    let url = shown.url.clone();
    shown.browser.look(1200, 860, false);
    shown.browser.open(&url);
    Some(shown)
}

impl Shown {
    fn name(&mut self, name: &str) {
        self.browser.until("document.querySelector('#name-box').open");
        self.browser.value("document.querySelector('#name').select()");
        self.browser.write(name);
        self.browser.key("Enter");
        self.browser.until(&format!(
            "document.querySelector('#who').textContent === '{name}' && !document.querySelector('#text').hidden"
        ));
        self.settle();
    }

    fn text(&mut self) -> String {
        self.browser.value("document.querySelector('#text').textContent").as_str().unwrap().to_owned()
    }

    /// Until all that was asked is answered.
    fn settle(&mut self) {
        self.browser.until("!document.querySelector('#undo').disabled");
    }

    fn n_done(&mut self) -> u64 {
        let done = self.browser.value("document.querySelector('#done').textContent");
        done.as_str().unwrap().split(' ').next().unwrap().parse().unwrap()
    }

    /// Presses a key that decides, and waits for the next document.
    fn decide(&mut self, key: &str) {
        let before = self.text();
        self.browser.key(key);
        self.browser.until(&format!("document.querySelector('#text').textContent !== {}", json!(before)));
        self.settle();
    }

    fn decide_rightly(&mut self) {
        let text = self.text();
        let key = if GOOD.iter().any(|word| text.contains(word)) { "1" } else { "2" };
        self.decide(key);
    }

    fn pictures(&mut self, what: &str) {
        for (name, width, height, dark) in
            [("light", 1200, 860, false), ("dark", 1200, 860, true), ("phone", 390, 844, false)]
        {
            self.browser.look(width, height, dark);
            assert!(self.browser.picture(&format!("{what}-{name}")) > 10_000);
            let wide = self.browser.value("document.documentElement.scrollWidth > innerWidth");
            assert_eq!(wide, false, "{what} does not fit a page that is {width} wide");
        }
        self.browser.look(1200, 860, false);
    }
}

/// Controls that a screen reader has no name for.
const NAMELESS: &str = "[...document.querySelectorAll('button, input, select, [role=region], [role=group]')].filter(e => e.getClientRects().length && \
    !(e.textContent.trim() || e.getAttribute('aria-label') || (e.labels && e.labels.length))).map(e => e.outerHTML)";

#[test]
fn fifty_documents_are_labelled_by_keyboard_undone_resumed_and_reviewed() {
    let folder = Folder::new();
    folder.write("data.jsonl", documents(90));
    folder.write("guide.md", "# What is good\n\n- praise\n- <b>warm</b> words\n\nAll else is bad.\n");
    let args =
        ["data.jsonl", "--labels", "good,<script>alert(2)</script>bad", "--votes", "2", "--guidelines", "guide.md"];
    let Some(mut shown) = show(&folder, &args) else { return };
    shown.name("ann");
    for _ in 0..50 {
        shown.decide_rightly();
    }
    assert_eq!(shown.n_done(), 50);
    // Undone: the document is there again, and decided anew.
    shown.browser.key("Backspace");
    shown.browser.until("document.querySelector('#done').textContent.startsWith('49 ')");
    shown.settle();
    let again = shown.text();
    shown.decide_rightly();
    assert_eq!(shown.n_done(), 50);
    shown.decide(" ");
    assert_eq!(shown.n_done(), 50);
    // What was learned meanwhile suggests, and Enter takes it.
    shown.browser.click("[data-panel=progress]");
    shown.browser.until("!document.querySelector('#learn').disabled");
    shown.browser.click("#learn");
    shown
        .browser
        .until("document.querySelectorAll('#curve .dot').length > 0 && !document.querySelector('#learn').disabled");
    shown.pictures("progress");
    shown.browser.click("[data-panel=work]");
    shown.browser.value("window.isOld = true");
    shown.browser.call("Page.reload", json!({}));
    shown.browser.until("!window.isOld && document.querySelector('#accept')?.textContent && !document.querySelector('#accept').disabled");
    assert_eq!(shown.n_done(), 50);
    assert_ne!(shown.text(), again);
    shown.pictures("work");
    shown.decide("Enter");
    assert_eq!(shown.n_done(), 51);
    shown.browser.key("?");
    shown.browser.until("document.querySelector('#help-box').open");
    // Behind a dialog nothing is decided.
    shown.browser.key("1");
    shown.browser.key("Escape");
    shown.browser.until("!document.querySelector('#help-box').open");
    assert_eq!(shown.n_done(), 51);
    assert_eq!(shown.browser.value(NAMELESS), json!([]));

    shown.browser.click("#other");
    shown.name("bob");
    for i in 0..4 {
        let text = shown.text();
        let is_good = GOOD.iter().any(|word| text.contains(word));
        shown.decide(if is_good == (i > 1) { "1" } else { "2" });
    }
    shown.browser.click("[data-panel=conflicts]");
    shown.browser.until("document.querySelectorAll('.conflict').length === 2");
    shown.pictures("conflicts");
    shown.browser.click(".conflict .said button");
    shown.browser.until("document.querySelectorAll('.conflict').length === 1");
    shown.browser.click(".conflict .said button");
    shown.browser.until("document.querySelectorAll('.conflict').length === 0 && document.querySelector('#n-conflicts').textContent === ''");
    shown.browser.click("[data-panel=progress]");
    shown.browser.until("document.querySelector('#agreement').rows.length === 2");
    assert_eq!(shown.browser.value("document.querySelector('#agreement').rows[1].cells[1].textContent"), "4");
    assert!(shown.browser.complaints.is_empty(), "{:?}", shown.browser.complaints);
    folder.run(&["label", "export", "data.jsonl", "-o", "out.jsonl"]).succeeded();
    let out = String::from_utf8(folder.read("out.jsonl")).unwrap();
    assert_eq!(out.matches("\"label\":\"").count(), 51);
}

#[test]
fn several_labels_are_chosen_by_letters_in_chinese_too() {
    let folder = Folder::new();
    folder.write("data.jsonl", documents(8));
    let labels: Vec<String> = (1..=12).map(|i| format!("标签{i}")).collect();
    let labels = labels.join(",");
    let Some(mut shown) = show(&folder, &["data.jsonl", "--labels", &labels, "--multi-label", "--lang", "zh"]) else {
        return;
    };
    shown.name("小明");
    assert_eq!(
        shown.browser.value("document.documentElement.lang + document.querySelector('#skip').textContent"),
        "zh-CN跳过（空格）"
    );
    shown.browser.key("2");
    shown.browser.key("b");
    shown.browser.key("3");
    shown.browser.key("3");
    shown.browser.until("document.querySelectorAll('#labels [aria-pressed=true]').length === 2");
    shown.pictures("several");
    shown.decide("Enter");
    // A new label gets the next letter.
    shown.browser.value("document.querySelector('#new-name').focus()");
    shown.browser.write("别的");
    shown.browser.key("Enter");
    shown.browser.until("document.querySelectorAll('#labels button').length === 13");
    shown.settle();
    shown.browser.key("c");
    shown.decide("Enter");
    shown.browser.until("document.querySelector('#done').textContent.startsWith('2 ')");
    assert!(shown.browser.complaints.is_empty(), "{:?}", shown.browser.complaints);
    folder.run(&["label", "export", "data.jsonl", "-o", "out.jsonl", "--only-labelled"]).succeeded();
    let out = String::from_utf8(folder.read("out.jsonl")).unwrap();
    assert!(out.contains("\"label\":[\"标签2\",\"标签12\"]") && out.contains("\"label\":[\"别的\"]"), "{out}");
}

#[test]
fn the_page_says_when_the_program_is_gone_and_keeps_the_document() {
    let folder = Folder::new();
    folder.write("data.jsonl", documents(6));
    let Some(mut shown) = show(&folder, &["data.jsonl", "--labels", "good,bad"]) else { return };
    shown.name("ann");
    let text = shown.text();
    shown.page.kill().unwrap();
    shown.page.wait().unwrap();
    shown.browser.key("1");
    shown.browser.until("document.querySelector('#alert').textContent.includes('cannot be reached')");
    assert_eq!(shown.text(), text);
}
